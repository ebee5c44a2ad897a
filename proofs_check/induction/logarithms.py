"""Rational numbers and logarithms of such, exactly: when a formal sum is zero, and which sign it has.

A number is a `Fraction`, or a polynomial whose atoms stand for logarithms: a whole number n for log n, and
("log log", x) for log log x. Whether it is zero is decided over a base of coprime numbers; which sign it has, by
enclosures between rationals, narrowed until they leave 0 out. No floating-point number decides anything.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Final

from proofs_check.arithmetic.logarithms import coprime_base, log_enclosed, multiplicity
from proofs_check.induction.polynomials import Atom, Polynomial
from proofs_check.induction.terms import TermError

__all__ = ["Exact", "is_zero", "log", "log_log", "quotient", "sign"]

Exact = Fraction | Polynomial

_FINEST: Final = 4096


def log(value: Exact) -> Polynomial:
    """Return the logarithm of a positive rational number."""
    if isinstance(value, Polynomial):
        number = value.number()
        if number is None:
            raise TermError("the logarithm of a number that is not rational")
        value = number
    if value <= 0:
        raise TermError(f"the logarithm of {value}")
    return _of_whole(value.numerator) - _of_whole(value.denominator)


def log_log(value: Fraction) -> Polynomial:
    """Return log log x for a rational x > 1."""
    return Polynomial.atom(("log log", value))


def quotient(value: Exact, divisor: Exact) -> Exact:
    """Return value / divisor, for a rational divisor other than 0."""
    number = divisor.number() if isinstance(divisor, Polynomial) else divisor
    if not number:
        raise TermError("divides by 0" if number == 0 else "divides by a number that is not rational")
    return value * (1 / number)


def is_zero(value: Exact) -> bool:
    """Whether a number is 0, decided as a polynomial in logarithms of coprime numbers."""
    if isinstance(value, Fraction):
        return value == 0
    base = coprime_base(atom for atom in value.atoms() if isinstance(atom, int))

    def over_base(atom: Atom) -> Polynomial | None:
        if not isinstance(atom, int):
            return None
        return Polynomial.total(Polynomial.atom(factor) * multiplicity(atom, factor) for factor in base)

    return value.substituted(over_base).is_zero


def sign(value: Exact) -> int:
    """Return -1, 0 or 1."""
    if is_zero(value):
        return 0
    if isinstance(value, Fraction):
        return 1 if value > 0 else -1
    bits = 32
    while bits <= _FINEST:
        low, high = _enclosed(value, bits)
        if low > 0 or high < 0:
            return 1 if low > 0 else -1
        bits *= 2
    raise TermError(f"no sign found with {_FINEST} bits")


def _of_whole(n: int) -> Polynomial:
    return Polynomial.atom(n) if n > 1 else Polynomial()


# -- enclosures --------------------------------------------------------------------------------------------------------


def _enclosed(value: Polynomial, bits: int) -> tuple[Fraction, Fraction]:
    low = high = Fraction(0)
    for monomial, coefficient in value.terms.items():
        ends = (Fraction(coefficient), Fraction(coefficient))
        for atom, exponent in monomial:
            for _ in range(exponent):
                ends = _product(ends, _atom(atom, bits))
            if exponent < 0:
                raise TermError("divides by a number that is not rational")
        low, high = low + ends[0], high + ends[1]
    return low, high


def _product(mine: tuple[Fraction, Fraction], theirs: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    corners = [a * b for a in mine for b in theirs]
    return min(corners), max(corners)


@lru_cache(maxsize=10_000)
def _atom(atom: Atom, bits: int) -> tuple[Fraction, Fraction]:
    match atom:
        case int(n):
            return _log_between(Fraction(n), Fraction(n), bits)
        case ("log log", Fraction() as x):
            return _log_between(*_log_between(x, x, bits), bits)
        case _:
            raise TermError(f"no value is known of {atom}")


def _log_between(low: Fraction, high: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    return log_enclosed(low, bits)[0], log_enclosed(high, bits)[1]
