"""The walk: backward over the tree below a prefix, depth first, in blocks of prefixes, storing no more than it needs.

Prefixes are numbered first token fastest, as in tables.  So the children of a range of n prefixes are V ranges of n,
one for each token.  The first depths are *whole*: all prefixes of a depth in one block.  Further down a block is a
range, fixed by its later tokens, and one more token makes one row of a buffer constant; the rows above it stay.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular_bellman.extended import FloatArray
from tabular_bellman.implicit.folds import Fold, Scratch, joined
from tabular_bellman.implicit.functions import IntArray, digits, n_actions
from tabular_bellman.implicit.plan import Plan, Problem, Range, Rows

__all__ = ["Top", "Walk"]

Shards = tuple[int, Iterator[FloatArray]]


@dataclass(frozen=True)
class Top:
    """The tables of the first depths below a prefix.

    Attributes
    ----------
    steps : list of ndarray, shapes (A_t, V**t)
        Rewards over the temperature.
    carried : list of ndarray, shapes (K, V**t)
        One more than `steps`, unless these go to the last step.
    """

    steps: list[FloatArray]
    carried: list[FloatArray]

    def logits(self, depth: int) -> FloatArray:
        """Return the logits of a depth over the temperature, (A, V**depth); of what carries soft values first."""
        children = self.children(depth)
        return joined(self.steps[depth], None if children is None else children[0], np.empty(self.steps[depth].shape))

    def above(self, depth: int) -> "Top":
        """Return the tables down to `depth` only."""
        return Top(self.steps[:depth], self.carried[: depth + 1])

    def children(self, depth: int) -> FloatArray | None:
        """Return what the children of the prefixes of a depth carry, (K, V, V**depth); None at the last step."""
        if depth + 1 == len(self.carried):
            return None
        below, n = self.carried[depth + 1], self.steps[depth].shape[1]
        return below.reshape(len(below), -1, n)


class _Room:
    """The buffers of one walk, used again from block to block."""

    def __init__(self, plan: Plan, base: Rows, n_carried: int) -> None:
        V = plan.space.n_tokens
        self.tokens = np.empty((plan.space.n_depths - 1, plan.width * plan.last), np.intp)
        self.tokens[: len(base)] = np.array(base, np.intp)[:, None]
        for i in range(plan.whole):  # the same whatever the range: a token of each prefix of the whole depth
            self.tokens[len(base) + i].reshape(-1, V, V**i)[...] = np.arange(V)[:, None]
        self.scratch = Scratch()
        self._shape, self._width = (n_carried, V), plan.width
        self._children: dict[int, FloatArray] = {}

    def children(self, depth: int, n: int) -> FloatArray:
        """Return room for what the children of n prefixes of a depth carry, (K, V, n)."""
        K, V = self._shape
        if depth not in self._children:
            self._children[depth] = np.empty(K * V * self._width)
        return self._children[depth][: K * V * n].reshape(K, V, n)


class Walk:
    """Walks over the tree below a prefix.

    Parameters
    ----------
    problem : Problem
    p : int
        The number of the prompt.
    base : tuple of int
        The prefix, as positions in the vocabulary.
    fold : Fold
    """

    def __init__(self, problem: Problem, p: int, base: Rows, fold: Fold) -> None:
        self.plan = problem.plan(len(base))
        self._problem, self._p, self._base, self._fold = problem, p, base, fold
        self._local = threading.local()  # every thread has buffers of its own

    def __reduce__(self) -> tuple[Any, ...]:
        return Walk, (self._problem, self._p, self._base, self._fold)

    @property
    def _room(self) -> _Room:
        if not hasattr(self._local, "room"):
            self._local.room = _Room(self.plan, self._base, self._fold.n_carried)
        room: _Room = self._local.room
        return room

    def top(self, depth: int, shards: Shards | None = None) -> Top:
        """Return the tables of the depths before `depth`, and what is carried down to it.

        Parameters
        ----------
        depth : int
            From ``plan.top`` to the number of depths.
        shards : (int, iterator of ndarray), optional
            A depth, and what its ranges carry, in the order of ``plan.ranges``: not to be computed here.
        """
        plan, V, K = self.plan, self.plan.space.n_tokens, self._fold.n_carried
        room = self._room  # a shard that this thread walks meanwhile writes the tokens that are there
        steps: list[FloatArray] = []
        carried: list[FloatArray] = []
        if depth < plan.depths:
            carried.append(np.empty((K, V**depth)))
            for where in plan.ranges(depth):
                n = self._place(room, where)
                start = plan.start(where)
                self._below(room, depth, n, carried[0][:, start : start + n], shards)
        for t in reversed(range(depth)):
            here = np.empty((n_actions(plan.space, len(self._base) + t), V**t))
            above = np.empty((K, V**t))
            children = carried[-1].reshape(K, V, V**t) if carried else None
            for start in range(0, V**t, plan.width):
                part = slice(start, min(start + plan.width, V**t))
                below = None if children is None else children[:, :, part]
                here[:, part] = self._combine(room, t, self._strings(room, t, part), below, above[:, part])
            steps.append(here)
            carried.append(above)
        return Top(steps[::-1], carried[::-1])

    def range(self, depth: int, where: Range) -> FloatArray:
        """Return what the prefixes of one range of `depth` carry, shape (K, n)."""
        room = self._room
        n = self._place(room, where)
        out = np.empty((self._fold.n_carried, n))
        self._below(room, depth, n, out)
        return out

    def _strings(self, room: _Room, depth: int, part: slice) -> IntArray:
        """Return the prefixes of a depth, from one number to another."""
        rows = len(self._base) + depth
        if depth <= self.plan.whole:
            return room.tokens[:rows, part]
        strings = np.empty((rows, part.stop - part.start), np.intp)
        strings[: len(self._base)] = room.tokens[: len(self._base), :1]
        strings[len(self._base) :] = digits(part.start, part.stop, self.plan.space.n_tokens, depth)
        return strings

    def _place(self, room: _Room, where: Range) -> int:
        """Write the tokens of a range into the buffer; return how many prefixes it has."""
        plan, (first, last, rest) = self.plan, where
        block, row = plan.whole_size, len(self._base) + plan.whole
        n = (last - first) * block
        rows = room.tokens[:, : n * plan.last].reshape(-1, plan.last, last - first, block)
        rows[-1] = np.arange(plan.last)[:, None, None]  # for the last step; all other rows repeat
        rows[row] = np.arange(first, last)[:, None]
        for i, token in enumerate(rest, start=1):
            room.tokens[row + i] = token
        return n

    def _below(self, room: _Room, depth: int, n: int, out: FloatArray, shards: Shards | None = None) -> None:
        """Write what the range in the buffer carries; of the buffer, the rows from `depth` on are lost."""
        if shards is not None and depth == shards[0]:
            np.copyto(out, next(shards[1]))
            return
        V, row, children = self.plan.space.n_tokens, len(self._base) + depth, None
        if depth + 1 < self.plan.depths:
            children = room.children(depth, n)
            if depth + 2 == self.plan.depths and self.plan.last > 1:
                self._combine(room, depth + 1, room.tokens[:, : V * n], None, children.reshape(-1, V * n))
            else:
                for token in range(V):
                    room.tokens[row] = token
                    self._below(room, depth + 1, n, children[:, token], shards)
        self._combine(room, depth, room.tokens[:row, :n], children, out)

    def _combine(
        self, room: _Room, depth: int, strings: IntArray, children: FloatArray | None, out: FloatArray
    ) -> FloatArray:
        """Write what a block carries to `out`; return its rewards over the temperature."""
        rewards, depth = self._problem.rewards, len(self._base) + depth
        steps = rewards.steps(self._p, strings, depth)
        rewards.combine(self._fold, self._p, strings, depth, steps, children, out, room.scratch)
        return steps
