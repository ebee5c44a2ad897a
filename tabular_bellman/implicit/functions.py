"""Functions of (prompt, prefixes, depth) that users hand in: called, and what they return checked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import call, float_array
from tabular_bellman.space import SequenceSpace

__all__ = ["Checked", "Function", "IntArray", "digits", "n_actions"]

IntArray = NDArray[np.intp]
"""An array of positions: of tokens in the vocabulary, say."""

Function = Callable[[Any, IntArray, int], ArrayLike]
"""What a user writes: f(prompt, prefixes, depth) → a number for each action (row) and prefix (column)."""


def n_actions(space: SequenceSpace, depth: int) -> int:
    """Return A, by formula; ``space.n_actions`` writes the actions out, which takes time where V is large."""
    tokens = space.n_tokens if depth < space.n_depths - 1 or not space.has_eos else 0
    return tokens + (space.has_eos and depth >= space.min_length - 1)


def digits(start: int, stop: int, n_tokens: int, length: int) -> IntArray:
    """Return the strings numbered `start` to `stop`, first token fastest, as columns: shape (length, stop - start)."""
    rest, strings = np.arange(start, stop), np.empty((length, stop - start), np.intp)
    for row in strings:
        np.divmod(rest, n_tokens, out=(rest, row))
    return strings


@dataclass(frozen=True)
class Checked:
    """A user's function, and how to check what it returns.

    Attributes
    ----------
    function : callable
        (prompt, strings, depth) → (A, n).
    space : SequenceSpace
    what : str
        What it returns, for messages: "the reward".
    strings : {"prefix", "context"}
        What its columns are: whole prefixes, or their last tokens.
    """

    function: Any
    space: SequenceSpace
    what: str
    strings: Literal["prefix", "context"]

    def __post_init__(self) -> None:
        if not callable(self.function):
            strings = {"prefix": "prefixes", "context": "contexts"}[self.strings]
            raise TabularBellmanError(
                f"{self.what} is a {type(self.function).__name__}; it must be a function of (prompt, {strings}, "
                "depth) that returns an array of shape (A, n)."
            )

    def __call__(self, p: int, strings: IntArray, depth: int, steps: FloatArray | None = None) -> FloatArray:
        """Return the function's numbers, shape (A, n), for prompt number p; they may share memory with the function's.

        Parameters
        ----------
        p : int
        strings : ndarray of int, shape (length, n)
            The function sees a view that it cannot write to.
        depth : int
        steps : ndarray, shape (A, n), optional
            Rewards.  Without them -inf is allowed, since it forbids; with them the numbers must be finite where the
            reward allows the action, and are 0 where it does not.

        Raises
        ------
        TabularBellmanError
            If the function raises, and for another shape, NaN, +inf, or -inf where it is not allowed.
        """
        seen = strings.view()
        seen.flags.writeable = False
        result = call(self.function, (self.space.prompts[p], seen, depth), lambda: self._range(p, strings, depth))
        array = self._array(result, p, strings, depth)
        if steps is None:
            top = array.max()
            if not top < np.inf:
                self._refuse(array, ~(array < np.inf), p, strings, depth)
        elif not np.isfinite(array).all():
            allowed = steps > -np.inf
            array = np.where(allowed, array, 0.0)
            if not np.isfinite(array).all():
                self._refuse(array, ~np.isfinite(array), p, strings, depth)
        return array

    def _array(self, result: Any, p: int, strings: IntArray, depth: int) -> FloatArray:
        shape = (n_actions(self.space, depth), strings.shape[1])
        if type(result) is not np.ndarray or result.dtype != np.float64:
            result = float_array(result, f"{self.what} at {self._range(p, strings, depth)}")
        if result.shape != shape:
            raise TabularBellmanError(
                f"{self.what} has shape {result.shape} at {self._range(p, strings, depth)}; it must have shape "
                f"{shape}: a row for each action of the space at depth {depth}, a column for each {self.strings}."
            )
        return np.asarray(result)

    def _refuse(self, array: FloatArray, bad: NDArray[np.bool_], p: int, strings: IntArray, depth: int) -> None:
        column, row = (int(i) for i in np.argwhere(bad.T)[0])
        wanted = (
            "it must be a finite number, or -inf to forbid"
            if self.what == "the reward"
            else "it must be finite wherever the reward allows the action"
        )
        where = f"{self.where(p, strings, depth, column)}, action {self.space.actions(depth)[row]!r}"
        raise TabularBellmanError(f"{self.what} is {array[row, column]} at {where}; {wanted}.")

    def where(self, p: int, strings: IntArray, depth: int, column: int) -> str:
        """Name a column for an error message."""
        tokens = tuple(self.space.vocab[i] for i in strings[:, column].tolist())
        return f"prompt {self.space.prompts[p]!r}, depth {depth}, {self.strings} {tokens!r}"

    def _range(self, p: int, strings: IntArray, depth: int) -> str:
        others = strings.shape[1] - 1
        return self.where(p, strings, depth, 0) + (f" and {others:,} more" if others else "")
