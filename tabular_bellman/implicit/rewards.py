"""Rewards as a function: one block of them, over the temperature, handed to a fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.implicit.folds import Fold, Scratch, joined
from tabular_bellman.implicit.functions import Checked, IntArray
from tabular_bellman.space import SequenceSpace

__all__ = ["Rewards", "refuse_empty"]


def refuse_empty(space: SequenceSpace, p: int, value: float) -> None:
    """Refuse a prompt whose root has the value -inf."""
    if value == -np.inf:
        raise TabularBellmanError(
            f"every response to prompt {space.prompts[p]!r} is forbidden, so it has no distribution; allow at least "
            "one."
        )


@dataclass(frozen=True)
class Rewards:
    """A reward function over a space, and the temperature.

    Attributes
    ----------
    function : Checked
    temperature : float
    """

    function: Checked
    temperature: float

    @property
    def space(self) -> SequenceSpace:
        """The space."""
        return self.function.space

    def steps(self, p: int, strings: IntArray, depth: int) -> FloatArray:
        """Return rewards over the temperature, shape (A, n)."""
        reward = self.function(p, strings, depth)
        if self.temperature == 1.0:
            return reward
        try:
            with np.errstate(over="raise"):
                return np.divide(reward, self.temperature)
        except FloatingPointError:
            raise self._overflow(p, strings, depth, reward, None) from None

    def combine(
        self,
        fold: Fold,
        p: int,
        strings: IntArray,
        depth: int,
        steps: FloatArray,
        children: FloatArray | None,
        out: FloatArray,
        scratch: Scratch,
    ) -> None:
        """Let a fold combine one block, and say where numbers overflow."""
        extras: Sequence[FloatArray] = ()
        if fold.functions:
            steps = steps.copy()  # a user's functions may all write to one array
            extras = [np.array(function(p, strings, depth, steps)) for function in fold.functions]
        try:
            fold.combine(steps, extras, children, out, scratch)
        except FloatingPointError:
            raise self._overflow(p, strings, depth, steps, children, extras) from None

    def joined(
        self, p: int, strings: IntArray, depth: int, steps: FloatArray, children: FloatArray | None
    ) -> FloatArray:
        """Return logits over the temperature: steps + children, (V, n) for the tokens and nothing for EOS."""
        try:
            return joined(steps, children, np.empty(steps.shape))
        except FloatingPointError:
            raise self._overflow(p, strings, depth, steps, None if children is None else children[None]) from None

    def _overflow(
        self,
        p: int,
        strings: IntArray,
        depth: int,
        steps: FloatArray,
        children: FloatArray | None,
        extras: Sequence[FloatArray] = (),
    ) -> TabularBellmanError:
        """Return the error for sums out of range, which names the prefix with the largest numbers."""
        parts = [steps, *extras, *([] if children is None else children)]
        sizes = np.max([np.abs(np.where(np.isneginf(part), 0.0, part)).max(axis=0) for part in parts], axis=0)
        column = int(sizes.argmax())
        name = "rewards and expectations" if extras else "rewards"
        return TabularBellmanError(
            f"the {name} overflow float64 at {self.function.where(p, strings, depth, column)}: they reach "
            f"{sizes[column]:.3g} there, at temperature {self.temperature:g}. Scale them down, or raise the "
            "temperature."
        )
