"""What "multiply", "add" and "divide" mean: one recursion runs over each of these.

A number system holds *weights*, the exponentials of rewards, in a form of its own: as float logarithms, as
logarithms under max-plus, as exact rationals, or as float logarithms with a bound on their error.  Carriers are
arrays (or behave like them: indexing, `reshape`, `shape`); 0 is what is forbidden, 1 is what follows the last step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, logsumexp, normalise, subtract

__all__ = ["Bounded", "BoundedLog", "Carrier", "ExactWeights", "LogFloat", "MaxPlus", "NumberSystem"]

_UNIT_ROUNDOFF: Final = 2.0**-53
# NumPy states errors below 1 unit in the last place for exp and log; twice that is assumed here.
_ULPS: Final = 4.0 * _UNIT_ROUNDOFF
_FIRST_ORDER: Final = 1.0 + 1e-6  # covers the products of errors, and the rounding of the bounds themselves
_UNDERFLOW: Final = 1e-300


class Carrier(Protocol):
    """An array of weights in some number system."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def reshape(self, shape: tuple[int, ...], /) -> Any: ...

    def __getitem__(self, key: Any, /) -> Any: ...


C = TypeVar("C", bound=Carrier)


class NumberSystem(Protocol[C]):
    """A semiring with division; a system may decline an operation by raising `TabularBellmanError`."""

    @property
    def name(self) -> str: ...

    def multiply(self, x: C, y: C) -> C:
        """Multiply weights."""

    def divide(self, x: C, y: C) -> C:
        """Divide weights; 0 / 0 = 0."""

    def normalise(self, x: C) -> C:
        """Divide by the sum over the first axis: probabilities."""

    def power(self, x: C, exponent: float) -> C:
        """Raise weights to a positive power: temperatures and discounts."""

    def sum(self, x: C) -> C:
        """Add up over the first axis."""

    def ones(self, shape: tuple[int, ...]) -> C:
        """Return the weights of what has been paid for already."""

    def stack(self, parts: Sequence[C]) -> C:
        """Join along the first axis."""

    def is_zero(self, x: C) -> NDArray[np.bool_]:
        """Tell which weights are exactly 0: forbidden."""


class LogFloat:
    """Weights as float64 logarithms, in nats: the arithmetic of `soft_bellman`."""

    name = "log float64"

    def multiply(self, x: FloatArray, y: FloatArray) -> FloatArray:
        return np.asarray(x + y)

    def divide(self, x: FloatArray, y: FloatArray) -> FloatArray:
        return subtract(x, y)

    def normalise(self, x: FloatArray) -> FloatArray:
        return normalise(x)

    def power(self, x: FloatArray, exponent: float) -> FloatArray:
        return x if exponent == 1.0 else np.asarray(x * exponent)

    def sum(self, x: FloatArray) -> FloatArray:
        return logsumexp(x)

    def ones(self, shape: tuple[int, ...]) -> FloatArray:
        return np.zeros(shape)

    def stack(self, parts: Sequence[FloatArray]) -> FloatArray:
        return np.concatenate(parts)

    def is_zero(self, x: FloatArray) -> NDArray[np.bool_]:
        return np.isneginf(x)


class MaxPlus(LogFloat):
    """The zero-temperature limit: adding is taking the maximum, so the recursion finds the best response."""

    name = "max-plus"

    def sum(self, x: FloatArray) -> FloatArray:
        return np.asarray(x.max(axis=0, initial=-np.inf))


class ExactWeights:
    """Weights as `fractions.Fraction` in object arrays: equalities hold with ``==``, no tolerance at all."""

    name = "exact rationals"

    def multiply(self, x: NDArray[np.object_], y: NDArray[np.object_]) -> NDArray[np.object_]:
        return np.asarray(x * y, dtype=np.object_)

    def divide(self, x: NDArray[np.object_], y: NDArray[np.object_]) -> NDArray[np.object_]:
        x, y = np.broadcast_arrays(x, y)
        pairs = zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)
        result = np.empty(x.size, dtype=np.object_)
        result[:] = [Fraction(0) if a == 0 else a / b for a, b in pairs]
        return result.reshape(x.shape)

    def normalise(self, x: NDArray[np.object_]) -> NDArray[np.object_]:
        return self.divide(x, self.sum(x))

    def power(self, x: NDArray[np.object_], exponent: float) -> NDArray[np.object_]:
        if exponent != 1.0:
            raise TabularBellmanError(f"exact rationals cannot be raised to the power {exponent}; use exponent 1.")
        return x

    def sum(self, x: NDArray[np.object_]) -> NDArray[np.object_]:
        return np.asarray(np.add.reduce(x, axis=0), dtype=np.object_)

    def ones(self, shape: tuple[int, ...]) -> NDArray[np.object_]:
        return np.full(shape, Fraction(1), dtype=np.object_)

    def stack(self, parts: Sequence[NDArray[np.object_]]) -> NDArray[np.object_]:
        return np.concatenate(parts)

    def is_zero(self, x: NDArray[np.object_]) -> NDArray[np.bool_]:
        return np.asarray(x == 0, dtype=np.bool_)


@dataclass(frozen=True)
class Bounded:
    """Float64 logarithms, each with a bound on its distance from the true value."""

    value: FloatArray
    error: FloatArray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def reshape(self, shape: tuple[int, ...], /) -> Self:
        return type(self)(self.value.reshape(shape), self.error.reshape(shape))

    def __getitem__(self, key: Any, /) -> "Bounded":
        return Bounded(self.value[key], self.error[key])


class BoundedLog:
    """Pairs (value, error): what `LogFloat` computes, and how far it can be from the truth.

    The values are those of `LogFloat`, bit for bit.  The errors also bound any other way to evaluate the same
    formula in float64 that adds up in any order, shifts by a maximum or does not, and divides by a temperature
    rather than multiplying by its inverse; so a comparison of two such ways can be held to the sum of two bounds.

    Notes
    -----
    With u = 2**-53 and x the exact, x̂ the computed weights' logarithms, \\|x̂ - x\\| ≤ e:

    * a sum or difference of logs adds u·\\|result\\| (and must not overflow: an overflow is no forbidden action);
    * ``log Σ exp`` carries the errors on as ``log Σ π exp(e)``, π the softmax of x̂, since
      V(x) - V(x̂) = log Σ π exp(x - x̂); and adds the rounding of shift, exp, sum and log, each at its largest.
    """

    name = "log float64 with error bound"
    _float = LogFloat()

    def exact(self, values: FloatArray) -> Bounded:
        """Take inputs, which are what they are."""
        return Bounded(values, np.zeros_like(values))

    def _rounded(self, value: FloatArray, error: FloatArray, ulps: float = 1.0) -> Bounded:
        finite = np.isfinite(value)
        rounding = ulps * _UNIT_ROUNDOFF * np.abs(np.where(finite, value, 0.0))
        return Bounded(value, np.where(finite, (error + rounding) * _FIRST_ORDER, 0.0))

    def multiply(self, x: Bounded, y: Bounded) -> Bounded:
        return self._rounded(self._float.multiply(x.value, y.value), x.error + y.error)

    def divide(self, x: Bounded, y: Bounded) -> Bounded:
        return self._rounded(self._float.divide(x.value, y.value), x.error + y.error)

    def power(self, x: Bounded, exponent: float) -> Bounded:
        if exponent == 1.0:
            return x
        # Two roundings, that of 1/τ and that of the product; and what a subnormal product loses.
        return self._rounded(self._float.power(x.value, exponent), x.error * exponent + _UNDERFLOW, ulps=2.0)

    def sum(self, x: Bounded) -> Bounded:
        value = self._float.sum(x.value)
        safe = np.where(np.isneginf(value), 0.0, value)
        error = self._error_of_log_sum(x, self._float.normalise(x.value))
        return self._rounded(value, error + _ULPS * np.abs(safe))

    def normalise(self, x: Bounded) -> Bounded:
        value = self._float.normalise(x.value)
        error = self._error_of_log_sum(x, value)
        distance = np.abs(np.where(np.isneginf(value), 0.0, value))
        return self._rounded(value, x.error + error + 2.0 * _UNIT_ROUNDOFF * distance, ulps=2.0)

    def _error_of_log_sum(self, x: Bounded, log_policy: FloatArray) -> FloatArray:
        """Bound the error of log Σ exp(x - max x), given the normalised x."""
        top = x.value.max(axis=0, initial=-np.inf)
        top = np.where(np.isneginf(top), 0.0, top)
        distance = np.where(np.isneginf(x.value), 0.0, np.abs(x.value - top))
        policy = np.exp(log_policy)
        carried = np.log1p((policy * np.expm1(np.minimum(x.error, 1.0))).sum(axis=0))
        largest = np.where(np.isneginf(x.value), 0.0, x.error).max(axis=0, initial=0.0)
        carried = np.where(largest < 1.0, carried, largest)  # V moves by no more than the largest error
        terms = (policy * (_UNIT_ROUNDOFF * distance + _ULPS)).sum(axis=0)
        added = x.value.shape[0] * _UNIT_ROUNDOFF
        best = log_policy.max(axis=0, initial=-np.inf)
        log_of_sum = np.where(np.isneginf(best), 0.0, -best)
        return np.asarray(carried + terms + added + 2.0 * _ULPS * log_of_sum)

    def ones(self, shape: tuple[int, ...]) -> Bounded:
        return self.exact(np.zeros(shape))

    def stack(self, parts: Sequence[Bounded]) -> Bounded:
        return Bounded(np.concatenate([p.value for p in parts]), np.concatenate([p.error for p in parts]))

    def is_zero(self, x: Bounded) -> NDArray[np.bool_]:
        return np.isneginf(x.value)
