"""Passes over the tree: one pass cut into shards, and what needs several: the most probable response, and samples."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.extended import FloatArray
from tabular_bellman.implicit.folds import Best, Fold, LogSum, best_row
from tabular_bellman.implicit.plan import FEW_LEAVES, Problem, Rows
from tabular_bellman.implicit.rewards import refuse_empty
from tabular_bellman.implicit.walk import Top, Walk
from tabular_bellman.space import SequenceSpace

__all__ = ["Run", "as_row", "best", "draw", "drawn_rows", "tops"]

Run = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Generator[Any]]
"""Runs a function on each of a list of arguments, and yields the results in order."""

_DRAWN_AT_ONCE: Final = 2**20  # random numbers
_TOGETHER: Final = 2**24  # responses below the prefixes whose samples are completed in one piece of work


def tops(
    problem: Problem, fold: Fold, prompts: Sequence[int], base: Rows, depth: int | None, run: Run
) -> Iterator[Top]:
    """Yield, for each prompt, the tables of the first depths below a prefix.

    Parameters
    ----------
    problem : Problem
    fold : Fold
    prompts : sequence of int
    base : tuple of int
        The prefix.
    depth : int or None
        Down to where, counted from the prefix; None: as far as the tables are small.
    run : callable
        Computes the shards.
    """
    for p, top in zip(prompts, _all_tops(problem, fold, prompts, base, depth, run), strict=True):
        if not base:
            refuse_empty(problem.space, p, top.carried[0][0, 0])
        yield top


def _all_tops(
    problem: Problem, fold: Fold, prompts: Sequence[int], base: Rows, depth: int | None, run: Run
) -> Iterator[Top]:
    plan = problem.plan(len(base))
    down_to = max(plan.top, depth or 0)
    keep = down_to if depth is None else depth
    cut = plan.shard_depth(down_to)
    if cut is None:
        tasks = [(problem, p, base, fold, down_to, keep) for p in prompts]
        small = len(prompts) == 1 or len(prompts) * plan.n_leaves(0) <= FEW_LEAVES
        yield from in_turn(_top, tasks) if small else run(_top, tasks)
        return
    for p in prompts:
        walk = Walk(problem, p, base, fold)
        with closing(run(walk.range, [(cut, where) for where in plan.ranges(cut)])) as shards:
            yield walk.top(down_to, (cut, shards)).above(keep)


def in_turn(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Generator[Any]:
    """Run a function on each of a list of arguments here."""
    return (function(*task) for task in tasks)


def _top(problem: Problem, p: int, base: Rows, fold: Fold, down_to: int, keep: int) -> Top:
    return Walk(problem, p, base, fold).top(down_to).above(keep)


def as_row(space: SequenceSpace, depth: int, row: int) -> int:
    """Return the row of an action at `depth` as V where it is EOS."""
    return space.n_tokens if space.has_eos and depth == space.n_depths - 1 else row


def best(problem: Problem, p: int, run: Run) -> Rows:
    """Return the most probable response of prompt number p: streamed once, then again below what is chosen."""
    space, rows = problem.space, cast(Rows, ())
    while True:
        [top] = tops(problem, Best(), [p], rows, None, run)
        index = 0
        for t, steps in enumerate(top.steps):
            children = top.children(t)
            row = best_row(steps[:, index], None if children is None else children[:, :, index])
            rows = (*rows, as_row(space, len(rows), row))
            if len(rows) == space.n_depths or row == space.n_tokens:
                return rows
            index += row * steps.shape[1]


def draw(problem: Problem, p: int, base: Rows, n: int, rng: np.random.Generator, run: Run) -> list[Rows]:
    """Return n independent draws of what follows a prefix.

    The first tokens are drawn from tables; then the subtree below each prefix that was reached is walked again, for
    as many draws as reached it, with a generator of its own.
    """
    if n == 0:
        return []
    space, V = problem.space, problem.space.n_tokens
    [top] = tops(problem, LogSum(), [p], base, None, run)
    rows = np.full((len(top.steps), n), -1)
    active, index = np.arange(n), np.zeros(n, np.intp)
    for t in range(len(top.steps)):
        chosen = drawn_rows(top.logits(t), index, rng)
        if space.has_eos and len(base) + t == space.n_depths - 1:
            chosen[:] = V
        rows[t, active] = chosen
        going_on = chosen < V
        active, index = active[going_on], index[going_on] + chosen[going_on] * V**t
    drawn = [tuple(row for row in column if row >= 0) for column in rows.T.tolist()]
    if len(base) + len(top.steps) == space.n_depths or not active.size:
        return drawn
    return _completed(problem, p, base, drawn, active, index, rng, run)


def _completed(
    problem: Problem,
    p: int,
    base: Rows,
    drawn: list[Rows],
    active: NDArray[np.intp],
    index: NDArray[np.intp],
    rng: np.random.Generator,
    run: Run,
) -> list[Rows]:
    """Complete the draws whose numbers are in `active`, which reached the prefixes numbered `index`."""
    _, first, group = np.unique(index, return_index=True, return_inverse=True)
    members = np.split(active[np.argsort(group, kind="stable")], np.cumsum(np.bincount(group))[:-1])
    seeds = rng.integers(2**63, size=(len(first), 2)).tolist()
    pieces = [
        ((*base, *drawn[active[i]]), len(member), seed) for i, member, seed in zip(first, members, seeds, strict=True)
    ]
    plan = problem.plan(len(pieces[0][0]))
    if plan.shard_depth(plan.top) is None:
        many = max(1, _TOGETHER // plan.n_leaves(0))
        tasks = [(problem, p, pieces[i : i + many], in_turn) for i in range(0, len(pieces), many)]
        with closing(run(_draw_each, tasks)) as results:
            endings = [ending for result in results for ending in result]
    else:
        endings = _draw_each(problem, p, pieces, run)
    for member, ends in zip(members, endings, strict=True):
        for i, end in zip(member.tolist(), ends, strict=True):
            drawn[i] = (*drawn[i], *end)
    return drawn


def _draw_each(problem: Problem, p: int, pieces: list[tuple[Rows, int, list[int]]], run: Run) -> list[list[Rows]]:
    return [draw(problem, p, base, n, np.random.default_rng(seed), run) for base, n, seed in pieces]


def drawn_rows(logits: FloatArray, index: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return one row for each column named in `index`, drawn from softmax(logits)."""
    # Gumbel-max: argmax of log π + G never picks what is forbidden, and needs no cumulative sums.
    rows, columns = np.empty(index.size, np.intp), max(1, _DRAWN_AT_ONCE // len(logits))
    for start in range(0, index.size, columns):
        part = logits[:, index[start : start + columns]]
        rows[start : start + columns] = (part + rng.gumbel(size=part.shape)).argmax(axis=0)
    return rows
