"""Number systems that do not round: arrays of logarithms known by their weights."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import inf, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs_check.arithmetic.log import Log

__all__ = ["LogWeights", "Objects", "elementwise", "simplest"]

Objects = NDArray[np.object_]


def elementwise(function: Callable[[Any], Any], x: Any) -> Objects:
    """Apply a function to every entry of an array, or of a number."""
    array = np.asarray(x)
    found = np.empty(array.size, dtype=np.object_)
    found[:] = [function(entry) for entry in array.ravel().tolist()]  # floats, and not NumPy's scalars
    return found.reshape(array.shape)


def simplest(exponent: float) -> Fraction:
    """Return the simplest rational that a float stands for: 1/3 for 1.0/3.0."""
    found = Fraction(exponent).limit_denominator(10**6)
    return found if float(found) == exponent else Fraction(exponent)


class LogWeights:
    """Logarithms of weights in some field, as object arrays: sums, products and quotients of weights are exact there.

    Parameters
    ----------
    name : str
    lift : callable
        From a float, a log-weight, to the logarithm of a weight.
    """

    def __init__(self, name: str, lift: Callable[[float], Log]) -> None:
        self._name = name
        self._lift = lift
        self._one, self._zero = lift(0.0), lift(-inf)

    @property
    def name(self) -> str:
        return self._name

    def _logs(self, x: Objects) -> list[Any]:
        """Return the entries as they add up: logarithms of weights, or numbers that stand for such."""
        return [self._log(entry) if isinstance(entry, (int, float)) else entry for entry in x.ravel().tolist()]

    def _weights(self, x: Objects) -> list[Any]:
        return [self._log(entry).weight for entry in x.ravel().tolist()]

    def _log(self, entry: Any) -> Log:
        if isinstance(entry, Log):
            return entry
        # What a body has put between carriers: a float is a log-weight, any other number a logarithm.
        found: Log = self._lift(float(entry)) if isinstance(entry, (int, float)) else entry.exp().log()
        return found

    def _array(self, weights: Sequence[Any], shape: tuple[int, ...]) -> Objects:
        found = np.empty(len(weights), dtype=np.object_)
        kind = type(self._one)
        found[:] = [kind(weight) for weight in weights]
        return found.reshape(shape)

    def carrier(self, x: Objects) -> Objects:
        """Return the logarithms of weights that entries are, or stand for."""
        return elementwise(self._log, x)

    def real(self, x: Objects) -> Objects:
        """Return the weights, as numbers."""
        return elementwise(lambda entry: self._log(entry).exp(), x)

    def multiply(self, x: Objects, y: Objects) -> Objects:
        x, y = np.broadcast_arrays(x, y)
        logs = np.empty(x.size, dtype=np.object_)
        logs[:] = [a + b for a, b in zip(self._logs(x), self._logs(y), strict=True)]
        return logs.reshape(x.shape)

    def divide(self, x: Objects, y: Objects) -> Objects:
        x, y = np.broadcast_arrays(x, y)
        logs = np.empty(x.size, dtype=np.object_)
        logs[:] = [a - b for a, b in zip(self._logs(x), self._logs(y), strict=True)]
        return logs.reshape(x.shape)

    def normalise(self, x: Objects) -> Objects:
        return self.divide(x, self.sum(x))

    def power(self, x: Objects, exponent: float) -> Objects:
        by = simplest(exponent)
        return x if by == 1 else elementwise(lambda entry: self._log(entry).power(by), x)

    def sum(self, x: Objects) -> Objects:
        columns = x.reshape((x.shape[0], prod(x.shape[1:])))
        totals = [sum(self._weights(columns[:, j]), self._zero.weight) for j in range(columns.shape[1])]
        return self._array(totals, x.shape[1:])

    def ones(self, shape: tuple[int, ...]) -> Objects:
        return np.full(shape, self._one, dtype=np.object_)

    def stack(self, parts: Sequence[Objects]) -> Objects:
        return np.concatenate(parts)

    def is_zero(self, x: Objects) -> NDArray[np.bool_]:
        flat = [not self._log(entry).is_finite for entry in x.ravel().tolist()]
        return np.array(flat, dtype=np.bool_).reshape(x.shape)
