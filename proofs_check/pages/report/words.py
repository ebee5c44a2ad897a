"""Numbers and verdicts as a page writes them."""

import math
from fractions import Fraction
from typing import Any, Final

from proofs_check.evidence import Verdict
from proofs_check.pages.rendering import markup

__all__ = ["KINDS", "NAMES", "SHAPES", "figure", "number"]

# The kinds of evidence in the order of strength, first what is about the statement; what a column is called, and more.
KINDS: Final = {
    "induction": ("all trees", "the statement, for all trees, by induction"),
    "symbolic": ("every reward", "the statement, for every reward at some sizes, by rational functions"),
    "exact": ("rationals", "this code on these inputs, in rationals"),
    "certified": ("balls", "this code on these inputs, in balls"),
    "float64": ("float64", "this code on these inputs, in float64"),
}

NAMES: Final = {verdict: verdict.name.replace("_", " ") for verdict in Verdict}
# Each verdict has a shape of its own, so that none is told by its colour.
SHAPES: Final = {verdict: verdict.name.lower().replace("_", "-") for verdict in Verdict}


def number(value: float, digits: str = ".1e") -> Any:
    """Return a number as text and, for programs and for checks, in full."""
    shown = f"{value:{digits}}" if math.isfinite(value) else str(value)
    return markup(f'<data value="{float(value)!r}">{shown}</data>')


def figure(value: float | Fraction | str) -> str:
    """Return a number as it stands in a drawing: four digits, or a fraction."""
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
    return str(value)
