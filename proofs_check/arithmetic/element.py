"""What numbers that do not round have in common: Python's operators, beside arrays and beside what is not finite."""

from fractions import Fraction
from math import inf, isfinite, isnan, nan
from typing import Any

import numpy as np

from tabular_bellman import TabularBellmanError

__all__ = ["Declined", "Element", "is_finite", "rational", "sign_of"]


class Declined(TabularBellmanError):
    """A number system has no form for what is asked of it: a square root of 2 among rationals, a product of logs."""


def rational(x: Any) -> Fraction:
    """Return a float of any width, an integer or a rational as the rational that it is; nothing is rounded to that."""
    if isinstance(x, Fraction):
        return x
    return Fraction(*(int(x) if isinstance(x, (np.integer, np.bool_)) else x).as_integer_ratio())


def is_finite(x: Any) -> bool:
    """Tell whether a number, a float or an element, is finite."""
    return isfinite(x) if isinstance(x, (float, np.floating)) else not isinstance(x, Element) or x.is_finite


class Element:
    """One entry of an object array.

    Subclasses say how two finite numbers are added, multiplied and compared (`_plus`, `_times`, `_inverse`, `_sign`);
    the floats inf, -inf and NaN take part as usual.
    """

    __slots__ = ()

    @property
    def is_finite(self) -> bool:
        """Whether it is finite."""
        return True

    def _plus(self, other: Any) -> Any:
        raise NotImplementedError

    def _times(self, other: Any) -> Any:
        raise NotImplementedError

    def _inverse(self) -> Any:
        raise NotImplementedError

    def _sign(self) -> int:
        """Return -1, 0 or 1."""
        raise NotImplementedError

    def _as_float(self) -> float:
        """Return what is not finite as a float."""
        raise NotImplementedError

    def __neg__(self) -> Any:
        return self._times(-1)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented  # the array adds to each of its entries
        return self._plus(other) if is_finite(other) else _float(other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else (-self) + other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self._times(other) if is_finite(other) else _float(other) * self._sign()  # inf times 0 is NaN

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        if not is_finite(other):
            return self * (1.0 / _float(other))
        if not other:
            return inf * self._sign()  # no zero has a sign here
        return self._times(other._inverse() if isinstance(other, Element) else 1 / rational(other))

    def __rtruediv__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        if not self.is_finite:
            return other / self._as_float()
        if not is_finite(other):
            return other * (self._sign() or 1)
        return self._inverse() * other if self else inf * sign_of(other)

    def __pow__(self, exponent: Any) -> Any:
        if exponent != 2:
            raise Declined(f"the power {exponent} of a number that does not round is not taken.")
        return self * self

    def __abs__(self) -> Any:
        return -self if self._sign() < 0 else self

    def maximum(self, other: Any) -> Any:
        """Return the larger of two."""
        return self if self >= other else other

    def __gt__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _order(self, other) > 0

    def __ge__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _order(self, other) >= 0

    def __lt__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _order(self, other) < 0

    def __le__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _order(self, other) <= 0


def _float(x: Any) -> float:
    return x if isinstance(x, float) else x._as_float()


def sign_of(x: Any) -> int:
    """Return -1, 0 or 1 for a number of any kind."""
    return x._sign() if isinstance(x, Element) else int(x > 0) - int(x < 0)


def _order(x: Any, y: Any) -> float:
    """Return a number above, at or below 0 as x is above, at or below y; NaN, which is none of them, beside NaN."""
    if is_finite(x) and is_finite(y):
        return sign_of(x - y)
    left, right = (0.0 if is_finite(each) else _float(each) for each in (x, y))
    return nan if isnan(left) or isnan(right) else (left > right) - (left < right)
