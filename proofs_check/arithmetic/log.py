"""Logarithms that are known by what they are logarithms of: the carriers of every system that does not round.

An array of these behaves as an array of float log-weights does: ``+`` multiplies the weights, `numpy.exp` gives them,
-inf is the weight 0.  So no logarithm is taken unless a sum asks for its value, and -inf is exact.
"""

from fractions import Fraction
from math import inf, isnan
from typing import Any, ClassVar

import numpy as np

from proofs_check.arithmetic.element import Element, is_finite, sign_of

__all__ = ["Log"]


class Log(Element):
    """The logarithm of a weight, 0 or more.

    Attributes
    ----------
    weight : element of a field
        A rational, a ball or a rational function; exactly 0 for -inf.
    """

    __slots__ = ("weight",)

    plain: ClassVar[Any]
    """The class of this system's other numbers."""

    def __init__(self, weight: Any) -> None:
        self.weight = weight

    def __repr__(self) -> str:
        return f"log {self.weight}"

    @property
    def is_finite(self) -> bool:
        """Whether the weight is not exactly 0."""
        return bool(self.weight)

    def number(self) -> Any:
        """Return the logarithm itself."""
        return self.plain.log_of(self.weight)

    def exp(self) -> Any:
        """Return the weight, as a number."""
        return self.plain(self.weight)

    def power(self, exponent: Fraction) -> "Log":
        """Multiply the logarithm by a rational number: a root, where the exponent is a fraction."""
        return type(self)(self.plain.root(self.weight, exponent)) if self.is_finite and exponent != 1 else self

    def _as_float(self) -> float:
        return -inf

    def __float__(self) -> float:
        return float(self.number()) if self.is_finite else -inf

    def __neg__(self) -> Any:
        return type(self)(1 / self.weight) if self.is_finite else inf

    def __add__(self, other: Any) -> Any:
        if self.is_finite or isinstance(other, np.ndarray):
            return super().__add__(other)
        # -inf less -inf, which is -inf and inf, is -inf here, as in `tabular_bellman.extended`.
        return other if isinstance(other, (float, np.floating)) and isnan(other) else self

    __radd__ = __add__

    def __rsub__(self, other: Any) -> Any:
        if self.is_finite or isinstance(other, np.ndarray):
            return super().__rsub__(other)
        return inf if is_finite(other) else other

    def _plus(self, other: Any) -> Any:
        if isinstance(other, Log):
            return type(self)(self.weight * other.weight)
        return self if isinstance(other, (int, float)) and other == 0 else self.number() + other

    def _times(self, other: Any) -> Any:
        if not self.is_finite:
            return -inf * sign_of(other)
        return self.number() * (other.number() if isinstance(other, Log) else other)

    def __bool__(self) -> bool:
        return not self.is_finite or bool(self.exp() - 1)

    def __abs__(self) -> Any:
        return abs(self.number()) if self.is_finite else inf

    def midpoint(self) -> Any:
        """Return a number near to the logarithm, to be taken for exact."""
        return self.number().midpoint()

    def _inverse(self) -> Any:
        return self.number()._inverse()

    def _sign(self) -> int:
        if not self.is_finite:
            return -1
        sign: int = (self.exp() - 1)._sign()
        return sign

    def maximum(self, other: Any) -> Any:
        """Return the larger of two, by their weights."""
        if isinstance(other, Log):
            return type(self)(self.exp().maximum(other.exp()).weight())
        return self.number().maximum(other) if self.is_finite else other
