"""What the report page shows of a note on the printed text: in words, in numbers, and drawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from proofs_check.claims import CLAIMS
from proofs_check.errata import ERRATA, Erratum, Finding
from proofs_check.errata.pictures import BarsPicture, Number, Picture, TreePicture
from proofs_check.errata.render import as_expected, found, how, shown
from proofs_check.errata.search import NothingFound
from proofs_check.pages.report import charts, trees
from proofs_check.pages.report.words import number
from proofs_check.running import Run

__all__ = ["Note", "notes"]


@dataclass(frozen=True)
class Note:
    """One note, and what was computed for it."""

    erratum: Erratum
    finding: Finding | NothingFound | None
    readers: tuple[str, ...]

    @property
    def as_expected(self) -> bool:
        """Whether what is printed failed, and what is meant held."""
        return as_expected(self.finding)

    @property
    def nothing(self) -> str:
        """Why there is nothing to show, if so."""
        return self.erratum.reason if self.finding is None else ""

    @property
    def missed(self) -> str:
        """What was not found, if so."""
        return str(self.finding) if isinstance(self.finding, NothingFound) else ""

    @property
    def computed(self) -> Finding | None:
        """The finding, where there is one."""
        return self.finding if isinstance(self.finding, Finding) else None

    @property
    def searches(self) -> Iterator[tuple[str, str, str, str]]:
        """Each search: the smallest counterexample, of what, how it went, and among which cases."""
        for searched in self.computed.searches if self.computed else ():
            yield searched.found_at or "none on this grid", searched.statement, how(searched), searched.grid

    @property
    def numbers(self) -> Iterator[tuple[str, Any, bool]]:
        """Each number: what it is, as text, and whether it goes with the one above it."""
        for what, value in self.computed.numbers if self.computed else ():
            yield what.strip(), _written(value), what.startswith(" ")

    @property
    def drawings(self) -> list[Any]:
        """The drawings, and their titles."""
        pictures = self.computed.pictures if self.computed else ()
        return [
            (picture.title, _drawn(picture, f"{self.erratum.id}-drawing-{n}")) for n, picture in enumerate(pictures, 1)
        ]


def notes(run: Run, whole: bool) -> list[Note]:
    """Return the notes that a page shows, each computed: all of them, or those that the claims of a run name."""
    named = {name for result in run.results for name in result.claim.errata}
    return [
        Note(each, _found(each), tuple(claim.id for claim in CLAIMS if each.id in claim.errata))
        for each in ERRATA
        if whole or each.id in named
    ]


# A program may write many pages, and nothing of a run changes what is found.
_found = cache(found)


def _written(value: Number) -> Any:
    return number(value, ".6g") if isinstance(value, float) else shown(value)


def _drawn(picture: Picture, key: str) -> Any:
    if isinstance(picture, TreePicture):
        return trees.drawn(picture, key)
    return charts.bars(picture, key) if isinstance(picture, BarsPicture) else charts.curves(picture, key)
