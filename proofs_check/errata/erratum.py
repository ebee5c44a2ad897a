"""What a note on the printed text is: what stands there, where it fails, how it holds."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proofs_check.errata.pictures import Number, Picture
from proofs_check.errata.search import Searched

__all__ = ["Erratum", "Finding", "Grade", "Number"]


class Grade(enum.Enum):
    """What kind of note it is; the value is what a report prints."""

    SETTING = "setting"
    HYPOTHESIS = "hypothesis"
    INDEXING = "indexing"
    EXPERIMENT = "experiment: our inference"
    REMARK = "remark"


@dataclass(frozen=True)
class Finding:
    """What was computed for a note, on the spot.

    Attributes
    ----------
    numbers : tuple of (label, value)
        Hand-sized; of the smallest counterexample first.
    searches : tuple of Searched
        The searches that found the counterexamples, if the statement is one that can be searched.
    read_off : bool
        Whether some of the numbers start from values printed in the paper or read off its figures.
    remark : str
        What a careful reader should know besides.
    holds : bool
        Whether what else was computed bears the note out, besides the searches.
    pictures : tuple of Picture
        What can be drawn of it.
    """

    numbers: tuple[tuple[str, Number], ...]
    searches: tuple[Searched[Any], ...] = ()
    read_off: bool = False
    remark: str = ""
    holds: bool = True
    pictures: tuple[Picture, ...] = ()

    @property
    def found_at(self) -> str | None:
        """The smallest counterexample of the first search, in words."""
        return self.searches[0].found_at if self.searches else None

    @property
    def grid(self) -> str | None:
        """The grid of the first search, in words."""
        return self.searches[0].grid if self.searches else None

    @property
    def cases(self) -> int:
        """How many cases the searches looked at, those with the repaired statements included."""
        return sum(s.earlier + (s.case is not None) + s.repaired_holds for s in self.searches)

    @property
    def repaired_holds(self) -> int:
        """On how many cases of the grids the repaired statements were shown to hold."""
        return sum(s.repaired_holds for s in self.searches)


@dataclass(frozen=True, kw_only=True)
class Erratum:
    """One note on the printed text.

    Attributes
    ----------
    id : str
    place : str
        Where in the paper.
    grade : Grade
    title : str
    printed : str
        What the text says, in our words.
    trouble : str
        What is the matter with it.
    repair : str
        How it holds.
    find : callable, optional
        Computes the finding; raises `NothingFound` where the printed statement holds on the whole grid.
    reason : str
        Why there is nothing to compute, where `find` is absent.
    """

    id: str
    place: str
    grade: Grade
    title: str
    printed: str
    trouble: str = ""
    repair: str
    find: Callable[[], Finding] | None = None
    reason: str = ""
