"""What every contender is given: a space, tables of numbers over it, and how much work cannot be avoided."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tabular_bellman import SequenceSpace
from tabular_bellman.extended import FloatArray

__all__ = ["Levels", "Problem", "Size"]

Levels = Sequence[FloatArray]


class Size(NamedTuple):
    """A vocabulary of `V` tokens, and responses of up to `T` steps, EOS counted."""

    V: int
    T: int

    def __str__(self) -> str:
        return f"({self.V}, {self.T})"

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Read ``8,4``."""
        V, T = (int(part) for part in text.strip("() ").split(","))
        return cls(V, T)


class Problem:
    """One space, one prompt, EOS from the first step on, and tables of independent standard normal numbers.

    Level t of a table is a C-ordered array of shape ``(A_t, V**t)``, the action slowest and the first token fastest:
    the layout that is best for everybody (whoever prefers another one may copy, outside of the timing).  A_t is V + 1,
    tokens and then EOS, and 1 at the last step.
    """

    def __init__(self, size: Size, seed: int = 0) -> None:
        self.size = size
        self.seed = seed
        self.space = SequenceSpace(size.V, max_length=size.T, max_bytes=2**40)

    @property
    def V(self) -> int:
        """The number of tokens."""
        return self.size.V

    @property
    def n_entries(self) -> int:
        """The number of (prefix, action) pairs, by formula."""
        return self.space.n_pairs

    @cached_property
    def table(self) -> list[FloatArray]:
        """The rewards, or the logits, of every task."""
        return self._random(0)

    @cached_property
    def other(self) -> list[FloatArray]:
        """A second table, for what compares two."""
        return self._random(1)

    def _random(self, number: int) -> list[FloatArray]:
        rng = np.random.default_rng([self.seed, number])
        shapes = ((self.space.n_actions(t), self.V**t) for t in range(self.size.T))
        return [rng.standard_normal(shape) for shape in shapes]

    def empty_pairs(self) -> list[FloatArray]:
        """Return a table to write into."""
        return [np.empty((self.space.n_actions(t), self.V**t)) for t in range(self.size.T)]

    def empty_prefixes(self) -> list[FloatArray]:
        """Return one number for each prefix to write into."""
        return [np.empty(self.V**t) for t in range(self.size.T)]
