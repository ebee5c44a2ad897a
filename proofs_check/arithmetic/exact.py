"""Rationals and rational combinations of their logarithms, with decided equality and sign."""

from fractions import Fraction
from typing import Any, Final

from proofs_check.arithmetic.element import Declined, rational
from proofs_check.arithmetic.formal import Formal
from proofs_check.arithmetic.log import Log
from proofs_check.arithmetic.logarithms import log_enclosed, over_coprime_base

__all__ = ["Exact", "ExactLog", "root_of"]

# Powers beyond this are of numbers that happen to be rational, not of temperatures.
_LARGEST_EXPONENT: Final = 100


class Exact(Formal):
    """A rational plus a formal sum of rational multiples of logarithms of positive rationals."""

    __slots__ = ()

    @staticmethod
    def element(x: Any) -> Fraction:
        return rational(x)

    @classmethod
    def log_of(cls, weight: Fraction) -> "Exact":
        if weight <= 0:
            raise Declined(f"the logarithm of {weight} is no real number.")
        return super().log_of(weight)

    @staticmethod
    def as_log(weight: Fraction) -> "ExactLog":
        if weight < 0:
            raise Declined(f"the logarithm of {weight} is no real number.")
        return ExactLog(weight)

    @staticmethod
    def root(weight: Fraction, exponent: Fraction) -> Fraction:
        return root_of(weight, exponent)

    def is_zero(self) -> bool:
        """Decide whether it is 0.

        Over a base of pairwise coprime integers above 1, logarithms are linearly independent over the rationals; and no
        combination of them is a rational other than 0 (Lindemann).
        """
        return not self.constant and not any(over_coprime_base(self.logs).values())

    def _sign(self) -> int:
        """Return -1, 0 or 1, from enclosures that are refined until they tell."""
        if not self.logs:
            return int(self.constant > 0) - int(self.constant < 0)
        if self.is_zero():
            return 0
        bits = 64
        while True:
            low, high = self.enclosed(bits)
            if low > 0 or high < 0:
                return 1 if low > 0 else -1
            bits *= 2

    def enclosed(self, bits: int) -> tuple[Fraction, Fraction]:
        """Return rationals below and above it, which come together as `bits` grows."""
        low = high = self.constant
        for argument, factor in self.logs.items():
            below, above = log_enclosed(argument, bits)
            if factor < 0:
                below, above = above, below
            low, high = low + factor * below, high + factor * above
        return low, high

    def __float__(self) -> float:
        if not any(over_coprime_base(self.logs).values()):
            return float(self.constant)
        # It is no rational then, so that it lies between two floats, or two halves of such, and not on any.
        bits = 128
        while True:
            low, high = map(float, self.enclosed(bits))
            if low == high:
                return low
            bits *= 2


class ExactLog(Log):
    """The logarithm of a rational."""

    __slots__ = ()
    plain = Exact


def root_of(x: Fraction, exponent: Fraction) -> Fraction:
    """Return x**exponent of a positive rational.

    Raises
    ------
    Declined
        Where it is not rational.
    """
    if max(abs(exponent.numerator), exponent.denominator) > _LARGEST_EXPONENT:
        raise Declined("powers of rationals with such exponents are not taken.")
    raised = x**exponent.numerator
    if exponent.denominator == 1:
        return raised
    above, below = (_integer_root(part, exponent.denominator) for part in (raised.numerator, raised.denominator))
    if above is None or below is None:
        text = str(raised) if raised.numerator.bit_length() + raised.denominator.bit_length() < 100 else "a weight"
        raise Declined(f"the root of order {exponent.denominator} of {text} is not rational.")
    return Fraction(above, below)


def _integer_root(x: int, order: int) -> int | None:
    low, high = 0, 1 << (x.bit_length() // order + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**order < x else (low, middle)
    return low if low**order == x else None
