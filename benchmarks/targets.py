"""The targets, all in one place: what was to be reached, what was measured, and by how much it was missed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from benchmarks.results import Cell, find

__all__ = ["LARGE_SIZES", "Target", "of_benchmarks", "of_imports", "of_streaming"]

LARGE_SIZES = ((2, 20), (3, 15), (4, 11), (50, 4))
COMPILED_MAY_LEAD_BELOW = 100_000  # entries


@dataclass(frozen=True)
class Target:
    """Something to be reached.

    Attributes
    ----------
    name : str
    sense : {"at most", "at least"}
    wanted : float
    measured : float or None
        None where it was not measured in this run.
    unit : str
    remark : str
    """

    name: str
    sense: Literal["at most", "at least"]
    wanted: float
    measured: float | None
    unit: str = "×"
    remark: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is reached; None where it was not measured."""
        if self.measured is None:
            return None
        return self.measured <= self.wanted if self.sense == "at most" else self.measured >= self.wanted

    @property
    def verdict(self) -> str:
        """``met``, ``missed by 12 %``, or ``not measured``."""
        if self.measured is None:
            return "not measured"
        if self.met:
            return "met"
        by = abs(self.measured - self.wanted) / self.wanted
        return f"missed by {100.0 * by:.0f} %"

    def document(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {**asdict(self), "met": self.met, "verdict": self.verdict}


def of_benchmarks(cells: Sequence[Cell]) -> list[Target]:
    """Return the targets of ``python -m benchmarks``."""
    return list(_of_benchmarks(list(cells)))


def _of_benchmarks(cells: list[Cell]) -> Iterator[Target]:
    for task, limit in (("soft-bellman", 2.5), ("inverse", 3.0), ("marginals", 3.0), ("log-probs", 3.0)):
        for size in LARGE_SIZES:
            cell = find(cells, task, size)
            found = _ratio(cell, "ours", lambda cell: cell.floor)
            yield Target(f"{task} {_shown(size)}: ours / floor", "at most", limit, found)
    for size, factor in (((3, 15), 3.0), ((2, 20), 2.0)):
        cell = find(cells, "soft-bellman", size)
        for other in ("torch eager", "jax.jit"):
            found = _inverted(_ratio(cell, "ours", _least(other)))
            yield Target(f"soft-bellman {_shown(size)}: {other} / ours", "at least", factor, found)
    for cell in cells:
        if cell.task == "soft-bellman":
            yield _behind_nobody(cell)
    public = find(cells, "public-call", (8, 4))
    for other, limit in (("NumPy", 1.5), ("torch eager", 1.0), ("jax.jit", 1.0)):
        found = _ratio(public, "ours", _least(other))
        yield Target(f"public-call (8, 4): ours / {other}", "at most", limit, found)
    yield _example(cells)
    window = find(cells, "window", (50, 200))
    least = None if window is None else window.least("ours")
    yield Target("window (50, 200), W = 1: ours", "at most", 0.5, least, unit="s", remark="well under a second")
    for other in ("hmmlearn", "hmmlearn, scaling"):
        found = _ratio(window, "ours, rewards at hand", _least(other))  # whose numbers are at hand, too
        yield Target(f"window (50, 200), W = 1: ours / {other}", "at most", 1.0, found)


def _behind_nobody(cell: Cell) -> Target:
    """Ours against the best of those that it may not be behind."""
    small = cell.entries < COMPILED_MAY_LEAD_BELOW
    rivals = [
        row
        for row in cell.timed()
        if not row.contender.startswith("ours")
        and not (small and row.compiled)
        and not (row.contender == "torch.compile" and cell.size == (2, 20))
    ]
    best = min(rivals, key=lambda row: row.least or 0.0, default=None)
    found = None if best is None else _ratio(cell, "ours", lambda _: best.least)
    allowed = "all but compiled code" if small else "all but torch.compile" if cell.size == (2, 20) else "all others"
    remark = "" if best is None else f"the best is {best.contender}"
    return Target(f"soft-bellman {_shown(cell.size)}: ours / best of {allowed}", "at most", 1.0, found, remark=remark)


def _example(cells: list[Cell]) -> Target:
    """What our code adds to Hypothesis's drawing, as a share of it."""
    cell = find(cells, "example", (3, 3))
    alone = None if cell is None else cell.least("Hypothesis alone")
    whole = None if cell is None else cell.least("ours")
    found = None if alone is None or whole is None else (whole - alone) / alone
    return Target("example (3, 3): our code / Hypothesis's drawing", "at most", 1.0, found)


def of_streaming(
    flatness: float, megabytes: Mapping[str, float], gains: Mapping[str, float], leaves: int
) -> list[Target]:
    """Return the targets of ``python -m benchmarks.streaming``.

    Parameters
    ----------
    flatness : float
        One worker's largest cost of a leaf, over the smallest.
    megabytes : mapping of a kind of two workers to float
        Peak memory above the interpreter.
    gains : mapping of a kind of two workers to float
        The time of one worker over theirs, at the largest size.
    leaves : int
        Of the largest stream.
    """
    largest = f"up to {leaves:,} leaves"
    return [
        Target("streaming: cost of a leaf, largest / smallest", "at most", 1.5, flatness, remark=largest),
        *(
            Target(f"streaming: peak memory, {kind}", "at most", 200.0, peak, unit="MB", remark="above the interpreter")
            for kind, peak in megabytes.items()
        ),
        *(Target(f"streaming: one worker / {kind}", "at least", 1.7, gain) for kind, gain in gains.items()),
    ]


def of_imports(difference: float | None) -> list[Target]:
    """Return the target of ``python -m benchmarks.imports``."""
    return [Target("import tabular_bellman: now / before", "at most", 1.05, difference, remark="5 % is noise")]


def _shown(size: tuple[int, int]) -> str:
    return f"({size[0]}, {size[1]})"


def _least(contender: str) -> Callable[[Cell], float | None]:
    return lambda cell: cell.least(contender)


def _ratio(cell: Cell | None, contender: str, of: Callable[[Cell], float | None]) -> float | None:
    if cell is None:
        return None
    a, b = cell.least(contender), of(cell)
    return None if a is None or b is None else a / b


def _inverted(ratio: float | None) -> float | None:
    return None if ratio is None else 1.0 / ratio
