"""How a pass over the tree is cut: into blocks of prefixes that stay in cache, and among threads.

A block is a range of prefixes of one depth, together with all their actions.  The prefixes that follow a range [a, b)
of depth t are V ranges of depth t+1, y·N_t + [a, b): so what lies below one range of a depth is no part of what lies
below another, and each can go to a thread of its own.

How a tree is cut changes no bit of a result: each number is computed from the same numbers in the same order.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray

__all__ = ["DEFAULT_PLAN", "QUIET", "THREADS_VARIABLE", "Plan", "Step", "fold", "n_threads", "walk"]

THREADS_VARIABLE: Final = "TABULAR_BELLMAN_THREADS"
"""The environment variable that says how many threads there may be."""

_BLOCK: Final = 2**17  # entries, 1 MiB: of smaller ones calls cost more than is won from the cache
_FEWEST_COLUMNS: Final = 256
_THREADS_FROM: Final = 2**20
_LOWEST: Final = -640.0  # exp of it is 1e68 times the smallest term that keeps its digits

QUIET: Final[dict[str, Any]] = {"over": "ignore", "under": "ignore", "divide": "ignore", "invalid": "ignore"}
"""For `numpy.errstate`: what is out of range in a block is looked for in its sums, and done again with care."""

Step = Callable[[int, int, int, FloatArray], None]
"""One block: depth, the range of prefixes, and room for as many numbers as the block has entries."""

# The numbers of one block from those of the prefixes that follow: depth, range, those below, where to write, room.
Combine = Callable[[int, int, int, FloatArray | None, FloatArray, FloatArray], None]


@dataclass(frozen=True)
class Plan:
    """How to cut a pass.

    Attributes
    ----------
    block : int
        Entries of a table, at most, in a block (of more than `fewest` prefixes).
    threads : int or None
        At most so many; None: as many as `n_threads` says.
    threads_from : int
        Trees with fewer entries are left to one thread.
    fewest : int
        A block has at least so many prefixes, where the depth has them: calls have a price.
    lowest : float
        Where log Σ exp is lower, it is done again with a shift by the maximum; inf: everywhere.
    """

    block: int = _BLOCK
    threads: int | None = None
    threads_from: int = _THREADS_FROM
    fewest: int = _FEWEST_COLUMNS
    lowest: float = _LOWEST


DEFAULT_PLAN: Final = Plan()
"""The plan that measurements found to be fast."""


@cache
def n_threads() -> int:
    """Return how many threads a large table is shared among: the processors of this process.

    ``TABULAR_BELLMAN_THREADS``, and else ``OMP_NUM_THREADS`` (which process pools set for their workers), sets an
    upper limit; both are read once.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get(THREADS_VARIABLE)
    if said is None:
        first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        return min(available, int(first)) if first.isdecimal() and int(first) > 0 else available
    if not said.strip().isdecimal() or int(said) < 1:
        raise TabularBellmanError(f"{THREADS_VARIABLE} is {said!r}; it must be a positive integer, or not be set.")
    return min(available, int(said))


def walk(
    levels: Sequence[FloatArray],
    step: Step,
    *,
    order: Literal["up", "down"],
    plan: Plan = DEFAULT_PLAN,
    blocks: int = 1,
) -> None:
    """Call ``step(t, a, b, work)`` for blocks that cover each depth.

    Parameters
    ----------
    levels : sequence of ndarray, shapes (A_t, P·V**t)
        Only their shapes matter.
    step : callable
        Gets depth, range of prefixes, and a flat work array with room for the block's entries, and two rows more.
    order : {"up", "down"}
        "up": from the last depth to the root, every block after all blocks below it.  "down": from the root.
    plan : Plan
    blocks : int
        How many blocks the work array has room for, besides two rows more.
    """
    sizes = [level.shape[1] for level in levels]
    widest = levels[max(0, len(levels) - 2)]  # no depth has more actions than the last but one
    rows = len(widest)
    if sizes[-1] * rows <= plan.block:  # no cutting, no threads
        work = np.empty((blocks * rows + 2) * sizes[-1])
        depths = range(len(sizes))
        with np.errstate(**QUIET):
            for t in reversed(depths) if order == "up" else depths:
                step(t, 0, sizes[t], work)
        return
    threads, split = _threads(levels, plan), len(sizes)
    if threads > 1:
        # Not deeper than there are prefixes for every thread: what lies above is left to one.
        enough = threads * max(1, _columns(rows, plan) // 2)
        split = next((t for t, size in enumerate(sizes) if size >= enough), len(sizes) - 1)
    shallow, deep = range(split), range(split, len(sizes))
    if order == "up":
        shallow, deep = shallow[::-1], deep[::-1]

    def above() -> Iterator[tuple[int, int, int]]:
        for t in shallow:
            for a, b in _cut(0, sizes[t], _columns(len(levels[t]), plan)):
                yield t, a, b

    def below(share: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
        for t in deep:
            for start in range(0, sizes[t], sizes[split]):
                for a, b in _cut(start + share[0], start + share[1], _columns(len(levels[t]), plan)):
                    yield t, a, b

    @np.errstate(**QUIET)
    def run(places: Iterator[tuple[int, int, int]]) -> None:
        work = np.empty(
            max((blocks * len(level) + 2) * _columns(len(level), plan) for level in (levels[0], levels[-1], widest))
        )
        for t, a, b in places:
            step(t, a, b, work)

    if order == "down":
        run(above())
    if deep:
        _share_out(lambda share: run(below(share)), _shares(sizes[split], threads))
    if order == "up":
        run(above())


def fold(levels: Sequence[FloatArray], combine: Combine, *, plan: Plan = DEFAULT_PLAN, blocks: int = 1) -> FloatArray:
    """Return one number for each root, from the leaves up, and store none of those between.

    Depth first, over ranges of prefixes: of each depth no more than one block is held.

    Parameters
    ----------
    levels : sequence of ndarray, shapes (A_t, P·V**t)
        Only their shapes matter.
    combine : callable
        ``combine(t, a, b, below, out, work)`` writes the numbers of prefixes [a, b) of depth t to `out`, given those
        below, of shape (V, b-a); at the last depth `below` is None.
    plan : Plan
    blocks : int
        How many blocks the work array has room for, besides two rows more.

    Returns
    -------
    ndarray, shape (P,)
    """
    sizes = [level.shape[1] for level in levels]
    rows, last = len(levels[max(0, len(levels) - 2)]), len(sizes) - 1
    V = sizes[1] // sizes[0] if last else 1
    columns = _columns(rows, plan)
    threads = _threads(levels, plan)
    split = next((t for t, size in enumerate(sizes) if size >= max(columns, threads) and V > 1), last)

    @np.errstate(**QUIET)
    def share_folded(share: tuple[int, int]) -> None:
        wide = min(columns, sizes[split])
        work = np.empty((blocks * rows + 2) * wide)
        rooms = [np.empty((V, wide)) for _ in range(split, last)]
        for a, b in _cut(*share, columns):
            _fold_below(sizes, combine, split, a, b, numbers[a:b], work, rooms)

    numbers = np.empty(sizes[split])
    _share_out(share_folded, _shares(sizes[split], threads))
    work = np.empty((blocks * rows + 2) * (sizes[split - 1] if split else 0))
    with np.errstate(**QUIET):
        for t in range(split - 1, -1, -1):
            below, numbers = numbers.reshape(V, sizes[t]), np.empty(sizes[t])
            combine(t, 0, sizes[t], below, numbers, work)
    return numbers


def _fold_below(
    sizes: Sequence[int],
    combine: Combine,
    t: int,
    a: int,
    b: int,
    out: FloatArray,
    work: FloatArray,
    rooms: Sequence[FloatArray],
) -> None:
    """Write the numbers of prefixes [a, b) of depth t to `out`; there is a room for the children of each depth left."""
    below = None
    if rooms:
        below = rooms[0][:, : b - a]
        for token, numbers in enumerate(below):
            start = token * sizes[t]
            _fold_below(sizes, combine, t + 1, start + a, start + b, numbers, work, rooms[1:])
    combine(t, a, b, below, out, work)


def _columns(rows: int, plan: Plan) -> int:
    return max(plan.fewest, plan.block // rows)


def _threads(levels: Sequence[FloatArray], plan: Plan) -> int:
    return 1 if sum(level.size for level in levels) < plan.threads_from else plan.threads or n_threads()


def _shares(size: int, threads: int) -> list[tuple[int, int]]:
    threads = min(threads, size)
    return [(size * k // threads, size * (k + 1) // threads) for k in range(threads)]


def _share_out(work: Callable[[tuple[int, int]], None], shares: list[tuple[int, int]]) -> None:
    """Do the first share here, and each other one on a thread."""
    if len(shares) == 1:
        return work(shares[0])
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(shares) - 1) as pool:
        others = [pool.submit(work, share) for share in shares[1:]]
        work(shares[0])
        for other in others:
            other.result()
    return None


def _cut(a: int, b: int, columns: int) -> Iterator[tuple[int, int]]:
    for start in range(a, b, columns):
        yield start, min(start + columns, b)
