"""The search for the smallest counterexample: a finite grid, in order, the printed statement tried on each case."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Generic, TypeVar

from tabular_bellman import TabularBellmanError

__all__ = ["Case", "Grid", "NothingFound", "Searched", "at_most", "choices", "search"]

D = TypeVar("D")


class NothingFound(TabularBellmanError):
    """The printed statement held on the whole grid."""


@dataclass(frozen=True)
class Case(Generic[D]):
    """One case of a grid: its size, what it is in words, and what a statement needs to be tried on it."""

    prompts: int
    vocab: int
    steps: int
    nonzero: int
    words: str
    data: D

    @property
    def size(self) -> tuple[int, int, int, int]:
        """(prompts, V, T, nonzero entries): smaller is lexicographic."""
        return self.prompts, self.vocab, self.steps, self.nonzero

    def __str__(self) -> str:
        prompts = "1 prompt" if self.prompts == 1 else f"{self.prompts} prompts"
        return f"{prompts}, V = {self.vocab}, T = {self.steps}: {self.words}"


@dataclass(frozen=True)
class Grid(Generic[D]):
    """Finitely many cases, smallest first, described in words."""

    words: str
    cases: tuple[Case[D], ...]

    def __post_init__(self) -> None:
        if any(a.size > b.size for a, b in pairwise(self.cases)):
            raise ValueError(f"the cases of a grid go from small to large: {self.words}")


@dataclass(frozen=True)
class Searched(Generic[D]):
    """What a search found.

    Attributes
    ----------
    statement : str
        What was tried on each case.
    grid : str
    size : int
        How many cases the grid has.
    case : Case or None
        The smallest case on which the printed statement fails.
    earlier : int
        On how many cases before it, in the order of the grid, the printed statement was shown to hold.
    repaired_holds : int
        On how many cases the repaired statement was shown to hold.
    repaired_fails : Case or None
        The smallest on which it fails; then the repair is none.
    """

    statement: str
    grid: str
    size: int
    case: Case[D] | None
    earlier: int
    repaired_holds: int
    repaired_fails: Case[D] | None

    @property
    def found_at(self) -> str | None:
        """The smallest counterexample in words."""
        return None if self.case is None else str(self.case)

    @property
    def smallest(self) -> D:
        """What the smallest counterexample consists of."""
        if self.case is None:
            raise NothingFound(f"no counterexample to “{self.statement}” on {self.size} cases ({self.grid}).")
        return self.case.data


def search(statement: str, grid: Grid[D], printed: Callable[[D], bool], repaired: Callable[[D], bool]) -> Searched[D]:
    """Try a statement on every case until it fails, and its repair on every case of the grid.

    Parameters
    ----------
    statement : str
    grid : Grid
    printed, repaired : callable
        Case data → whether the statement holds there.  Decided, by exact numbers or by more than a bound on the
        error of the computation; what cannot be decided is an error.
    """
    case, earlier = _first_failure(grid.cases, printed)
    fails, holds = _first_failure(grid.cases, repaired)
    return Searched(statement, grid.words, len(grid.cases), case, earlier, holds, fails)


def _first_failure(cases: Iterable[Case[D]], holds: Callable[[D], bool]) -> tuple[Case[D] | None, int]:
    count = 0
    for case in cases:
        if not holds(case.data):
            return case, count
        count += 1
    return None, count


def choices(n: int, most: int) -> Iterator[tuple[int, ...]]:
    """Yield which of `n` entries are not zero: few first, then lexicographically in the table of zeros and others.

    Examples
    --------
    >>> list(choices(3, 1))
    [(), (2,), (1,), (0,)]
    """
    for k in range(min(n, most) + 1):
        yield from sorted(combinations(range(n), k), reverse=True)


def at_most(left: float, right: float, bound: float) -> bool:
    """Decide left ≤ right for numbers whose errors add up to at most `bound`; refuse what that leaves open."""
    if abs(left - right) <= bound:
        raise TabularBellmanError(f"{left} and {right} are too close to tell apart with errors up to {bound:.1e}.")
    return left < right
