"""Rationals and rational combinations of their logarithms, with decided equality and sign."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import gcd
from typing import Any, Final

from proofs_check.numbers.element import Declined, rational
from proofs_check.numbers.formal import Formal
from proofs_check.numbers.log import Log

__all__ = ["Exact", "ExactLog", "over_coprime_base", "root_of"]

# Weights are products of rewards with small numerators and denominators, so that most of what has a logarithm taken
# falls apart over these; what is left is split by greatest common divisors.
_SMALL_PRIMES: Final = tuple(p for p in range(2, 100) if all(p % q for q in range(2, p)))


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
            below, above = _log_enclosed(argument, bits)
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


# -- logarithms of rationals -------------------------------------------------------------------------------------------


def over_coprime_base(logs: Mapping[Fraction, Any]) -> dict[int, Any]:
    """Return a sum of multiples of logarithms of rationals as one of pairwise coprime integers above 1."""
    found: dict[int, Any] = {}
    rest: dict[int, Any] = {}
    for argument, factor in logs.items():
        for integer, sign in ((argument.numerator, 1), (argument.denominator, -1)):
            for p in _SMALL_PRIMES:
                power = 0
                while integer % p == 0:
                    integer, power = integer // p, power + 1
                if power:
                    found[p] = found.get(p, 0) + sign * power * factor
            if integer > 1:
                rest[integer] = rest.get(integer, 0) + sign * factor
    rest = {integer: factor for integer, factor in rest.items() if factor}
    for base in _coprime_base(rest):
        found[base] = sum(factor * _multiplicity(integer, base) for integer, factor in rest.items())
    return found


def _coprime_base(integers: Iterable[int]) -> list[int]:
    """Return pairwise coprime integers of which each given one is a product."""
    base: list[int] = []
    waiting = list(integers)
    while waiting:
        x = waiting.pop()
        for i, b in enumerate(base):
            common = gcd(x, b)
            if common > 1:  # both are split, and the parts are looked at again
                base.pop(i)
                waiting.extend(part for part in (common, b // common, x // common) if part > 1)
                break
        else:
            base.append(x)
    return base


def _multiplicity(x: int, base: int) -> int:
    count = 0
    while x % base == 0:
        x, count = x // base, count + 1
    return count


def _log_enclosed(x: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    """Return rationals below and above log x, some 2**-bits apart.

    log x = k log 2 + 2 artanh z, z = (m - 1)/(m + 1), with x = m 2**k and m from 2/3 to 4/3.
    """
    shift = x.numerator.bit_length() - x.denominator.bit_length()
    m = x / Fraction(2) ** shift  # from 1/2 to 2
    if m > Fraction(4, 3):
        m, shift = m / 2, shift + 1
    elif m < Fraction(2, 3):
        m, shift = m * 2, shift - 1
    low, high = _twice_artanh((m - 1) / (m + 1), bits)
    if shift:
        below, above = _twice_artanh(Fraction(1, 3), bits + shift.bit_length() + 1)  # log 2
        low, high = low + min(shift * below, shift * above), high + max(shift * below, shift * above)
    return low, high


def _twice_artanh(z: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    """Return rationals below and above 2 artanh z, |z| ≤ 1/3, by its series in numbers of fixed point."""
    unit = 1 << (bits + 16)
    fixed = z.numerator * unit // z.denominator
    square, power, total, k = fixed * fixed // unit, fixed, fixed, 1
    while power not in (0, -1):
        power = power * square // unit
        k += 2
        total += power // k
    # In units: `fixed` is off by less than 1 and `square` by less than 2/3 + 1 + a little, so that `power`, which takes
    # over a ninth of its error, a third of that of `square`, and what is cut off, is off by less than 2; each of the
    # (k - 1)/2 terms after the first then by less than 2/3 + 1.  The terms left out start below (1 + 2)/9 of a unit and
    # fall by a factor of 9.  In all less than 1 + (k - 1) + 1.
    error = 2 * k + 4
    return Fraction(2 * (total - error), unit), Fraction(2 * (total + error), unit)
