"""A distillation report for programs: as nested dicts for JSON, and as rows in long format."""

import math
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tabular_bellman.table import StateTable

if TYPE_CHECKING:
    from tabular_bellman.distillation.report import DirectedReport, DistillationReport

__all__ = ["COLUMNS", "SCHEMA_VERSION", "at_prompt", "document", "plain", "rows"]

SCHEMA_VERSION: Final = 1
"""Of the document; it grows when a key changes its meaning."""

COLUMNS: Final = ("prompt", "direction", "quantity", "name", "depth", "prefix", "value")
"""Of the rows, one number each."""

_SCALARS: Final = ("kl", "token_kl", "token_kl_by_response", "mean_length", "total_variation_bound")
_MOMENTS: Final = ("mean", "bias", "variance", "std")
_OF_BOTH: Final = ("total_variation", "epsilon", "epsilon_best_gauge")


def rows(report: "DistillationReport") -> Iterator[dict[str, Any]]:
    """Yield one dict for each number of a report; None where a column does not apply."""
    for i, prompt in enumerate(report.space.prompts):
        for name in _OF_BOTH:
            yield _row(prompt, "both", name, at_prompt(getattr(report, name), i))
        for direction, each in _directions(report):
            yield from (_row(prompt, direction, *cells) for cells in _numbers(each, i))


def _directions(report: "DistillationReport") -> tuple[tuple[str, "DirectedReport"], ...]:
    return ("forward", report.forward), ("reverse", report.reverse)


def _numbers(each: "DirectedReport", i: int) -> Iterator[tuple[Any, ...]]:
    """Yield (quantity, value, name, depth, prefix) of one direction and one prompt."""
    for name in _SCALARS:
        yield name, at_prompt(getattr(each, name), i)
    for bound in each.bounds:
        yield "bound", at_prompt(bound.value, i), bound.name
        yield "bound_over_kl", at_prompt(bound.ratio, i), bound.name
    for estimator in each.estimators:
        for moment in _MOMENTS:
            yield f"estimator_{moment}", at_prompt(getattr(estimator, moment), i), estimator.name
    for depth, value in enumerate(np.atleast_2d(each.by_depth)[i].tolist()):
        yield "kl_at_depth", value, None, depth
    for prefix, chance, value in _prefixes(each, i):
        yield "chance_of_prefix", chance, None, len(prefix), prefix
        yield "kl_at_prefix", value, None, len(prefix), prefix


def _row(
    prompt: Hashable,
    direction: str,
    quantity: str,
    value: float,
    name: str | None = None,
    depth: int | None = None,
    prefix: tuple[Hashable, ...] | None = None,
) -> dict[str, Any]:
    return dict(zip(COLUMNS, (prompt, direction, quantity, name, depth, prefix, value), strict=True))


def _prefixes(each: "DirectedReport", i: int) -> Iterator[tuple[tuple[Hashable, ...], float, float]]:
    """Yield (prefix, P(s), P(s)·KL_s) of one prompt, in the order of tables."""
    P = each.passing.space.n_prompts
    for (key, chance), value in zip(each.passing.items(), _values(each.by_prefix), strict=True):
        if P == 1 or key[0] == each.passing.space.prompts[i]:
            yield key[1], chance, value


def _values(table: StateTable) -> list[float]:
    found: list[float] = table.to_vector().tolist()
    return found


def document(report: "DistillationReport") -> dict[str, Any]:
    """Return a report as plain dicts and lists, ready for JSON."""
    space = report.space
    return {
        "format": "tabular_bellman.distillation",
        "schema_version": SCHEMA_VERSION,
        "units": "nats",
        "teacher": report.teacher,
        "student": report.student,
        "space": {
            "tokens": [plain(token) for token in space.vocab],
            "min_length": space.min_length,
            "max_length": space.max_length,
            "has_eos": space.has_eos,
            "n_free_depths": space.n_free_depths,
            "responses_per_prompt": space.n_responses_per_prompt,
        },
        "prompts": [_of_prompt(report, i) for i in range(space.n_prompts)],
    }


def _of_prompt(report: "DistillationReport", i: int) -> dict[str, Any]:
    numbers = {name: _number(at_prompt(getattr(report, name), i)) for name in _OF_BOTH}
    directions = {direction: _of_direction(each, i) for direction, each in _directions(report)}
    return {"prompt": plain(report.space.prompts[i]), **numbers, "directions": directions}


def _of_direction(each: "DirectedReport", i: int) -> dict[str, Any]:
    uncovered = each.uncovered[i]
    return {
        "of": each.name,
        **{name: _number(at_prompt(getattr(each, name), i)) for name in _SCALARS},
        "by_depth": [_number(value) for value in np.atleast_2d(each.by_depth)[i].tolist()],
        "by_prefix": [
            {"prefix": plain(prefix), "chance": _number(chance), "kl": _number(value)}
            for prefix, chance, value in _prefixes(each, i)
        ],
        "bounds": [
            {
                "name": bound.name,
                "formula": bound.formula,
                "meaning": bound.meaning,
                "kind": bound.kind,
                "value": _number(at_prompt(bound.value, i)),
                "over_kl": _number(at_prompt(bound.ratio, i)),
            }
            for bound in each.bounds
        ],
        "estimators": [
            {"name": estimator.name, "formula": estimator.formula}
            | {moment: _number(at_prompt(getattr(estimator, moment), i)) for moment in _MOMENTS}
            for estimator in each.estimators
        ],
        "uncovered": None
        if uncovered is None
        else {
            "response": plain(uncovered.response),
            "log_probability": _number(uncovered.log_probability),
            "count": uncovered.count,
            "chance": _number(uncovered.chance),
        },
    }


def at_prompt(value: Any, i: int) -> float:
    """Return the number of prompt i, of a float or an array with one for each prompt."""
    return float(np.atleast_1d(value)[i])


def _number(x: float) -> float | str | None:
    """Return a number that JSON has, "inf" or "-inf", or None for what is no number."""
    if math.isnan(x):
        return None
    return x if math.isfinite(x) else str(x)


def plain(value: Hashable) -> Any:
    """Return a token, prompt or prefix as JSON has it; what it has no form for, as `repr` writes it."""
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return value
    return repr(value)
