"""What was measured, as plain data: rows of contenders, cells of one task at one size."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from benchmarks.problem import Size

__all__ = ["Cell", "Row", "find"]


@dataclass
class Row:
    """One contender in one cell.

    Attributes
    ----------
    status : {"timed", "skipped", "error"}
    reason : str
        Why it was skipped, or what went wrong.
    least, median : float
        Seconds of one call (of one example).
    rounds, calls : int
        So many rounds, with so many calls timed together in each.
    ready : float
        Seconds until the first result was there: copies in its own layout, and the compiler, included.
    difference : float
        From ours, relative to 1 + |x|.
    """

    contender: str
    status: Literal["timed", "skipped", "error"]
    reason: str = ""
    least: float | None = None
    median: float | None = None
    rounds: int = 0
    calls: int = 0
    ready: float | None = None
    difference: float | None = None
    compiled: bool = False


@dataclass
class Cell:
    """One task at one size.

    Attributes
    ----------
    entries : int
        The number of (prefix, action) pairs.
    copy, exp : float
        The two terms of the floor, in seconds; None where there is no floor.
    """

    task: str
    size: Size
    entries: int
    copy: float | None = None
    exp: float | None = None
    rows: list[Row] = field(default_factory=list)

    @property
    def floor(self) -> float | None:
        """The floor, in seconds."""
        return None if self.copy is None or self.exp is None else max(self.copy, self.exp)

    def row(self, contender: str) -> Row | None:
        """Return the row of a contender that was timed."""
        return next((row for row in self.rows if row.contender == contender and row.status == "timed"), None)

    def least(self, contender: str) -> float | None:
        """Return the shortest time of a contender."""
        row = self.row(contender)
        return None if row is None else row.least

    def timed(self) -> Iterator[Row]:
        """Yield the rows that have times."""
        return (row for row in self.rows if row.status == "timed")

    def document(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        rows = [asdict(row) for row in self.rows]
        return {
            "task": self.task,
            "V": self.size.V,
            "T": self.size.T,
            "entries": self.entries,
            "floor": {"copy_seconds": self.copy, "exp_seconds": self.exp, "seconds": self.floor},
            "rows": rows,
        }


def find(cells: list[Cell], task: str, size: tuple[int, int]) -> Cell | None:
    """Return a cell, if it was measured."""
    return next((cell for cell in cells if cell.task == task and cell.size == size), None)
