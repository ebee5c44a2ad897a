"""Logarithms of integers and rationals: over a base of coprime integers, and between rationals."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import gcd
from typing import Any, Final

__all__ = ["coprime_base", "log_enclosed", "multiplicity", "over_coprime_base", "twice_artanh"]

# Weights are products of rewards with small numerators and denominators, so that most of what has a logarithm taken
# falls apart over these; what is left is split by greatest common divisors.
_SMALL_PRIMES: Final = tuple(p for p in range(2, 100) if all(p % q for q in range(2, p)))


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
    for base in coprime_base(rest):
        found[base] = sum(factor * multiplicity(integer, base) for integer, factor in rest.items())
    return found


def coprime_base(integers: Iterable[int]) -> list[int]:
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


def multiplicity(x: int, base: int) -> int:
    """Return how often an integer above 1 divides another."""
    count = 0
    while x % base == 0:
        x, count = x // base, count + 1
    return count


def log_enclosed(x: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    """Return rationals below and above log x, some 2**-bits apart.

    log x = k log 2 + 2 artanh z, z = (m - 1)/(m + 1), with x = m 2**k and m from 2/3 to 4/3.
    """
    shift = x.numerator.bit_length() - x.denominator.bit_length()
    m = x / Fraction(2) ** shift  # from 1/2 to 2
    if m > Fraction(4, 3):
        m, shift = m / 2, shift + 1
    elif m < Fraction(2, 3):
        m, shift = m * 2, shift - 1
    low, high = twice_artanh((m - 1) / (m + 1), bits)
    if shift:
        below, above = twice_artanh(Fraction(1, 3), bits + shift.bit_length() + 1)  # log 2
        low, high = low + min(shift * below, shift * above), high + max(shift * below, shift * above)
    return low, high


def twice_artanh(z: Fraction, bits: int) -> tuple[Fraction, Fraction]:
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
