"""Numbers that are compared exactly: ratios of polynomials in e, and sums of logarithms of rationals."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["Logs", "Ratio", "entropy", "exp", "kl", "log"]


@dataclass(frozen=True, eq=False)
class Ratio:
    """A ratio of two polynomials in e with integer coefficients, lowest power first.

    Rewards that are integers have weights that are powers of e.  As e is the root of no polynomial with integer
    coefficients, two such ratios are equal only if they are equal as rational functions, which is decided here.
    """

    top: tuple[int, ...]
    bottom: tuple[int, ...] = (1,)

    def __add__(self, other: "Ratio | int") -> "Ratio":
        other = _ratio(other)
        if self.bottom == other.bottom:
            return Ratio(_plus(self.top, other.top), self.bottom)
        top = _plus(_times(self.top, other.bottom), _times(other.top, self.bottom))
        return Ratio(top, _times(self.bottom, other.bottom))

    __radd__ = __add__

    def __mul__(self, other: "Ratio | int") -> "Ratio":
        other = _ratio(other)
        return Ratio(_times(self.top, other.top), _times(self.bottom, other.bottom))

    __rmul__ = __mul__

    def __truediv__(self, other: "Ratio | int") -> "Ratio":
        other = _ratio(other)
        return Ratio(_times(self.top, other.bottom), _times(self.bottom, other.top))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Ratio, int)):
            return NotImplemented
        other = _ratio(other)
        return _trim(_times(self.top, other.bottom)) == _trim(_times(other.top, self.bottom))

    def __hash__(self) -> int:
        raise TypeError("a Ratio has more than one form, so it has no hash")

    def __float__(self) -> float:
        return _at_e(self.top) / _at_e(self.bottom)


def exp(power: int) -> Ratio:
    """Return e to a power that is 0 or more."""
    return Ratio((0,) * power + (1,))


def _ratio(number: Ratio | int) -> Ratio:
    return Ratio((number,)) if isinstance(number, int) else number


def _plus(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    n = max(len(a), len(b))
    return tuple(x + y for x, y in zip(a + (0,) * (n - len(a)), b + (0,) * (n - len(b)), strict=True))


def _times(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    result = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] += x * y
    return tuple(result)


def _trim(a: tuple[int, ...]) -> tuple[int, ...]:
    n = len(a)
    while n and a[n - 1] == 0:
        n -= 1
    return a[:n]


def _at_e(a: tuple[int, ...]) -> float:
    return math.fsum(c * math.exp(k) for k, c in enumerate(a))


@dataclass(frozen=True)
class Logs:
    """A sum of c·log p over primes p, with rational c.

    Every sum of logarithms of rationals has exactly one such form (unique factorisation), so equality is decided.
    """

    parts: dict[int, Fraction] = field(default_factory=dict)

    def __add__(self, other: "Logs") -> "Logs":
        parts = dict(self.parts)
        for prime, c in other.parts.items():
            parts[prime] = parts.get(prime, Fraction(0)) + c
        return Logs({prime: c for prime, c in parts.items() if c})

    def __sub__(self, other: "Logs") -> "Logs":
        return self + other.times(Fraction(-1))

    def times(self, factor: Fraction | int) -> "Logs":
        """Multiply by a rational."""
        return Logs({prime: c * factor for prime, c in self.parts.items() if factor})

    def __float__(self) -> float:
        return math.fsum(float(c) * math.log(prime) for prime, c in self.parts.items())


def log(number: Fraction | int) -> Logs:
    """Return the logarithm of a positive rational."""
    number = Fraction(number)
    if number <= 0:
        raise ValueError(f"log of {number}")
    return Logs(_factors(number.numerator)) - Logs(_factors(number.denominator))


def _factors(n: int) -> dict[int, Fraction]:
    found: dict[int, Fraction] = {}
    divisor = 2
    while n > 1:
        while n % divisor == 0:
            found[divisor] = found.get(divisor, Fraction(0)) + 1
            n //= divisor
        divisor = n if divisor * divisor > n else divisor + 1
    return found


def entropy(p: Iterable[Fraction]) -> Logs:
    """Return -Σ p log p; 0 log 0 = 0."""
    return sum((log(x).times(-x) for x in p if x), start=Logs())


def kl(p: Iterable[Fraction], q: Iterable[Fraction]) -> Logs:
    """Return Σ p log(p/q), for q > 0 wherever p > 0."""
    return sum((log(x / y).times(x) for x, y in zip(p, q, strict=True) if x), start=Logs())
