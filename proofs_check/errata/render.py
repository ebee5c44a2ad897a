"""What `proofs-check errata` shows: each note as text, 80 columns wide."""

import textwrap
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Final

from proofs_check.claims import CLAIMS
from proofs_check.errata.erratum import Erratum, Finding, Number
from proofs_check.errata.search import NothingFound, Searched

__all__ = ["as_expected", "found", "how", "preface", "render", "shown"]

_WIDTH: Final = 80
_LABEL: Final = 13


def preface() -> Iterator[str]:
    """Yield a few words to the authors."""
    yield from textwrap.wrap(
        "Notes on the printed text of “Autoregressive Language Models are Secretly Energy-Based Models”, arXiv "
        "2512.15605v4, offered with thanks to its authors. Most are slips of indexing or of the setting, of the kind "
        "that only a program trips over; read as below, the theorems stand. What can be computed is, while you wait; "
        "where a counterexample is searched for, smallest means lexicographic in (prompts, V, T, entries that are not "
        "0), and then in the order of the grid.",
        _WIDTH,
    )


def found(erratum: Erratum) -> Finding | NothingFound | None:
    """Compute the finding; what was not found is a value, so that one note does not end the others."""
    try:
        return None if erratum.find is None else erratum.find()
    except NothingFound as nothing:
        return nothing


def as_expected(finding: Finding | NothingFound | None) -> bool:
    """Tell whether what is printed failed, and what is meant held, wherever they were computed."""
    if isinstance(finding, Finding):
        return finding.holds and all(searched.repaired_fails is None for searched in finding.searches)
    return finding is None


def render(erratum: Erratum, finding: Finding | NothingFound | None) -> Iterator[str]:
    """Yield the lines of one note, at most 80 columns wide."""
    grade = f"[{erratum.grade.value}]"
    yield from _wrapped(f"{erratum.id}  {erratum.title}  {grade}", "", "     ")
    yield from _entry("place", erratum.place)
    yield from _entry("as printed", erratum.printed)
    if erratum.trouble:
        yield from _entry("but", erratum.trouble)
    if finding is None:
        yield from _entry("not computed", erratum.reason)
    elif isinstance(finding, NothingFound):
        yield from _entry("not found", str(finding))
    else:
        yield from _finding(finding)
    yield from _entry("as it holds", erratum.repair)
    if claims := [claim.id for claim in CLAIMS if erratum.id in claim.errata]:
        yield from _entry("claims", ", ".join(claims))


def _finding(finding: Finding) -> Iterator[str]:
    shown_grid = ""
    for n, searched in enumerate(finding.searches):
        yield from _entry("smallest" if n == 0 else "the second", searched.found_at or "none on this grid")
        yield from _entry("  of", searched.statement)
        yield from _entry("  search", how(searched))
        yield from _entry("  grid", "the same" if searched.grid == shown_grid else searched.grid)
        shown_grid = searched.grid
    yield from _numbers("read off" if finding.read_off else "numbers", finding.numbers)
    if finding.remark:
        yield from _entry("note", finding.remark)


def how(searched: Searched[Any]) -> str:
    """Return what became of the statement and of its repair, on the cases of the grid."""
    before = {0: "no case comes before it", 1: "holds on the 1 case before it"}
    if searched.case is None:
        fate = f"holds on all {searched.earlier:,} cases"
    else:
        fate = f"fails here; {before.get(searched.earlier, f'holds on all {searched.earlier:,} cases before it')}"
    if searched.repaired_fails is None:
        return f"{fate}; as repaired it holds on all {searched.repaired_holds:,}"
    return f"{fate}; as repaired it fails too, at {searched.repaired_fails}"


def _numbers(label: str, numbers: Iterable[tuple[str, Number]]) -> Iterator[str]:
    """Yield the numbers in a column, right of what they are of."""
    rows = [(what, shown(number)) for what, number in numbers]
    fitting = [len(what) for what, number in rows if _LABEL + len(what) + 2 + len(number) <= _WIDTH]
    column = max(fitting, default=0) + 2
    for what, number in rows:
        first, others = f"{label:<{_LABEL}}", " " * _LABEL
        label = ""
        if _LABEL + max(len(what) + 2, column) + len(number) <= _WIDTH:
            yield f"{first}{what:<{column}}{number}"
        elif _LABEL + len(what) + 2 + len(number) <= _WIDTH:
            yield f"{first}{what}  {number}"
        else:
            yield f"{first}{what}"
            yield from _wrapped(number, f"{others}    ", f"{others}    ")


def shown(number: Number) -> str:
    """Return a number as it is printed."""
    if isinstance(number, float):
        return f"{number:.6g}"
    return str(Fraction(number)) if isinstance(number, Fraction) else str(number)


def _entry(label: str, text: str) -> Iterator[str]:
    return _wrapped(text, f"{label:<{_LABEL}}", " " * _LABEL)


def _wrapped(text: str, first: str, others: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False, break_long_words=False
    )
