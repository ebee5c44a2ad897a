"""Plain numbers (probabilities, entropies, gradients) with a bound on their error, and functions of either kind.

Claims compute with operators on what the toolkit hands them: float arrays from the library, `Real` arrays from the
reference.  The functions here take both, so that one body gives the residual and its bound.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from proofs_check.arithmetic.element import is_finite
from proofs_check.arithmetic.systems import elementwise
from tabular_bellman.extended import FloatArray
from tabular_bellman.number_systems import Bounded

__all__ = [
    "Real",
    "Reals",
    "bare",
    "chosen",
    "concatenate",
    "exp",
    "infinite_part",
    "is_infinite",
    "largest",
    "log",
    "maximum",
    "smallest",
    "total",
    "value",
    "where",
]

_UNIT_ROUNDOFF: Final = 2.0**-53
# NumPy states errors below 1 unit in the last place for exp and log; twice that is assumed here.
_FUNCTION_ULPS: Final = 4.0
_FIRST_ORDER: Final = 1.0 + 1e-6  # covers the rounding of the bounds themselves
_TINY: Final = 1e-300  # what underflow can lose


class Real(Bounded):
    """An array of plain numbers, each with a bound on its distance from the true value; closed under arithmetic.

    A sum carries the error of any order of summation.  Values that are not finite have error 0.
    """

    __array_ufunc__ = None  # so that `array + real` comes here

    @classmethod
    def exact(cls, values: Any) -> "Real":
        """Take numbers that are what they are."""
        array = np.asarray(values, dtype=np.float64)
        return cls(array, np.zeros_like(array))

    @classmethod
    def _of(cls, other: Any) -> "Real":
        return other if isinstance(other, Real) else cls.exact(other)

    @classmethod
    def _rounded(cls, value: Any, error: Any, ulps: float = 1.0) -> "Real":
        value, error = np.asarray(value), np.asarray(error)
        finite = np.isfinite(value)
        rounding = ulps * _UNIT_ROUNDOFF * np.abs(np.where(finite, value, 0.0))
        return cls(value, np.where(finite, (error + rounding) * _FIRST_ORDER, 0.0))

    def __getitem__(self, key: Any, /) -> "Real":
        return Real(np.asarray(self.value[key]), np.asarray(self.error[key]))

    @property
    def T(self) -> "Real":
        """The transpose."""
        return Real(self.value.T, self.error.T)

    def __add__(self, other: Any) -> "Real":
        other = self._of(other)
        return self._rounded(self.value + other.value, self.error + other.error)

    __radd__ = __add__

    def __neg__(self) -> "Real":
        return Real(-self.value, self.error)

    def __sub__(self, other: Any) -> "Real":
        return self + (-self._of(other))

    def __rsub__(self, other: Any) -> "Real":
        return self._of(other) - self

    def __mul__(self, other: Any) -> "Real":
        x, y = self, self._of(other)
        error = np.abs(x.value) * y.error + np.abs(y.value) * x.error + x.error * y.error
        return self._rounded(x.value * y.value, error + _TINY)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Real":
        x, y = self, self._of(other)
        with np.errstate(divide="ignore", invalid="ignore"):
            quotient = x.value / y.value
            room = np.abs(y.value) - y.error
            error = np.where(room > 0.0, (x.error + np.abs(quotient) * y.error) / room, np.inf)
        # What may be 0 divides to anything: no bound, also where the quotient itself is not finite.
        return self._rounded(quotient, error + _TINY)._unknown((room <= 0.0) & (y.error > 0.0))

    def _unknown(self, where: NDArray[np.bool_]) -> "Real":
        return Real(self.value, np.where(where, np.inf, self.error))

    def __rtruediv__(self, other: Any) -> "Real":
        return self._of(other) / self

    def __abs__(self) -> "Real":
        return Real(np.abs(self.value), self.error)

    def sum(self, axis: int | None = None) -> "Real":
        """Add up, in any order."""
        n = self.value.size if axis is None else self.value.shape[axis]
        spread = n * _UNIT_ROUNDOFF * np.abs(self.value).sum(axis=axis)
        return self._rounded(self.value.sum(axis=axis), self.error.sum(axis=axis) + spread)

    def max(self, axis: int | None = None) -> "Real":
        """Return the largest: it moves by no more than the largest error."""
        return Real(np.asarray(self.value.max(axis=axis)), np.asarray(self.error.max(axis=axis)))

    def min(self, axis: int | None = None) -> "Real":
        """Return the smallest."""
        return -((-self).max(axis))


Reals: TypeAlias = Real | FloatArray | NDArray[np.object_]


def value(x: Any) -> FloatArray:
    """Return the numbers without their bounds."""
    return x.value if isinstance(x, Bounded) else np.asarray(x, dtype=np.float64)


def _objects(*arrays: Any) -> bool:
    """Tell whether any of these are numbers of a system that does not round."""
    return any(getattr(x, "dtype", None) == np.object_ for x in arrays)


def is_infinite(x: Any) -> NDArray[np.bool_]:
    """Tell which numbers are not finite."""
    if _objects(x):
        return np.array([not is_finite(entry) for entry in x.ravel().tolist()], dtype=np.bool_).reshape(x.shape)
    return ~np.isfinite(value(x))


def bare(x: Any) -> Any:
    """Return the numbers without their bounds, as they are otherwise: floats, or numbers that do not round."""
    return x.value if isinstance(x, Bounded) else x


def infinite_part(x: Any, where: NDArray[np.bool_]) -> Any:
    """Return what is infinite, as it is, and 0 elsewhere."""
    return np.where(where, bare(x), 0.0)


def exp(x: Any) -> Any:
    """Return exp x."""
    if _objects(x):
        return elementwise(lambda entry: entry.exp() if hasattr(entry, "exp") else float(np.exp(entry)), x)
    if not isinstance(x, Real):
        return np.exp(x)
    y = np.exp(x.value)
    with np.errstate(over="ignore", invalid="ignore"):
        carried = np.where(y > 1e-290, y * np.expm1(x.error), np.exp(x.value + x.error))
    return Real._rounded(y, np.where(np.isneginf(x.value), 0.0, carried + _TINY), ulps=_FUNCTION_ULPS)


def log(x: Any) -> Any:
    """Return log x of positive numbers."""
    if _objects(x):
        return elementwise(lambda entry: entry.log() if hasattr(entry, "log") else float(np.log(entry)), x)
    if not isinstance(x, Real):
        return np.log(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        carried = np.where(x.error < x.value, -np.log1p(-x.error / x.value), np.inf)
        found = Real._rounded(np.log(x.value), carried + _TINY, ulps=_FUNCTION_ULPS)
    return found._unknown((x.value <= x.error) & (x.error > 0.0))


def where(mask: NDArray[np.bool_], x: Any, y: Any) -> Any:
    """Return x where the mask says so, else y."""
    if not isinstance(x, Real) and not isinstance(y, Real):
        return np.where(mask, x, y)
    x, y = Real._of(x), Real._of(y)
    return Real(np.where(mask, x.value, y.value), np.where(mask, x.error, y.error))


def maximum(x: Any, y: Any) -> Any:
    """Return the larger of two, entry by entry."""
    if _objects(x, y):
        return np.frompyfunc(_larger, 2, 1)(x, y)
    if not isinstance(x, Real) and not isinstance(y, Real):
        return np.maximum(x, y)
    x, y = Real._of(x), Real._of(y)
    return Real(np.maximum(x.value, y.value), np.maximum(x.error, y.error))


def total(x: Any) -> Any:
    """Return the sum of all entries, as an array of one."""
    return (x if hasattr(x, "reshape") else np.array([x])).reshape((-1, 1)).sum(0)


def chosen(x: Any) -> Any:
    """Return the numbers without their bounds, to be taken for exact: a choice near to the best, say."""
    if _objects(x):
        return elementwise(lambda entry: entry.midpoint(), x)
    return Real.exact(x.value) if isinstance(x, Real) else x


def largest(x: Any, axis: int) -> Any:
    """Return the largest along an axis."""
    return np.frompyfunc(_larger, 2, 1).reduce(x, axis=axis) if _objects(x) else x.max(axis)


def smallest(x: Any, axis: int) -> Any:
    """Return the smallest along an axis."""
    return -largest(-x, axis)


def _larger(x: Any, y: Any) -> Any:
    # Numbers that do not round find the larger without comparing: two balls may overlap.
    if hasattr(x, "maximum"):
        return x.maximum(y)
    return y.maximum(x) if hasattr(y, "maximum") else max(x, y)


def concatenate(parts: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays."""
    if not any(isinstance(part, Real) for part in parts):
        return np.concatenate(parts, axis=axis)
    reals = [Real._of(part) for part in parts]
    return Real(
        np.concatenate([part.value for part in reals], axis=axis),
        np.concatenate([part.error for part in reals], axis=axis),
    )
