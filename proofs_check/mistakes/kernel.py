"""Mistakes on one path of the kernel alone: in blocks, on threads, with a shift."""

from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.mistakes.common import Array, Kit, registered, soft_value, wrong_backward
from proofs_check.toolkit import Levels
from tabular_bellman.space import SequenceSpace

__all__ = ["KERNEL"]


def _children_of_the_block(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, path: str) -> Any:
    if path != "blocked":
        return kit.recursion(space, rewards, temperature)

    def children(_: int, values: Array) -> Array:
        return values.reshape(-1, space.n_tokens).T

    return wrong_backward(kit, space, rewards, temperature, children=children)


def _edge_left_out(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, path: str) -> Any:
    if path != "blocked":
        return kit.recursion(space, rewards, temperature)

    def total(_: int, q: Array) -> Array:
        values = soft_value(kit, q, temperature)
        return kit.system.stack([values[:-1], kit.system.ones((1,))]) if len(values) > 1 else values

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _share_left_out(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, path: str) -> Any:
    if path != "threaded":
        return kit.recursion(space, rewards, temperature)

    def total(_: int, q: Array) -> Array:
        values, half = soft_value(kit, q, temperature), (q.shape[1] + 1) // 2
        return kit.system.stack([values[:half], kit.system.ones((q.shape[1] - half,))])

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _shift_not_added(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, path: str) -> Any:
    if "shifted" not in path:
        return kit.recursion(space, rewards, temperature)

    def total(_: int, q: Array) -> Array:
        top = reals.largest(q, 0)
        top = np.where(kit.system.is_zero(top), kit.system.ones(top.shape), top)
        return soft_value(kit, kit.system.divide(q, top), temperature)

    return wrong_backward(kit, space, rewards, temperature, total=total)


KERNEL: Final = registered(
    "kernel",
    ("block-children-together", "what follows a block of prefixes is sought in one range", _children_of_the_block),
    ("block-edge-left-out", "the value of the last prefix of a depth is left at 0, at a block's edge", _edge_left_out),
    ("share-left-out", "the second thread's share is left at 0", _share_left_out),
    ("shift-not-added-back", "the maximum is taken off and not added again", _shift_not_added),
)
