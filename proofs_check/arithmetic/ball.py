"""Balls: real numbers enclosed by a midpoint and a radius, in arithmetic of any precision (python-flint's `arb`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from proofs_check.arithmetic.element import Element, is_finite, rational
from proofs_check.arithmetic.log import Log
from tabular_bellman import TabularBellmanError

__all__ = ["Ball", "BallLog", "Undecided", "bits_now", "precision"]


class Undecided(TabularBellmanError):
    """A ball is too wide to tell; more digits may."""


def _flint() -> Any:
    try:
        import flint
    except ImportError:
        raise TabularBellmanError(
            "certified evidence needs python-flint (the extra `certify`): pip install python-flint."
        ) from None
    return flint


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Compute with so many bits within the block.

    Raises
    ------
    TabularBellmanError
        Where python-flint is not installed, with how to install it.
    """
    context = _flint().ctx
    before = context.prec
    context.prec = bits
    try:
        yield
    finally:
        context.prec = before


def bits_now() -> int:
    """Return with how many bits it is computed."""
    found: int = _flint().ctx.prec
    return found


class Ball(Element):
    """A real number in a ball.

    Attributes
    ----------
    value : flint.arb
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return str(self.value)

    @staticmethod
    def arb(x: Any) -> Any:
        """Return a number of any kind as an `arb`."""
        if isinstance(x, Ball):
            return x.value
        if isinstance(x, Log):
            return x.number().value
        if isinstance(x, (int, float)):
            return _flint().arb(x)  # as it is, at any precision
        exact = rational(x)
        return _flint().arb(_flint().fmpq(exact.numerator, exact.denominator))

    @classmethod
    def of(cls, x: Any) -> "Ball":
        """Take a number of any kind."""
        return x if isinstance(x, Ball) else cls(cls.arb(x))

    @classmethod
    def log_of(cls, weight: Any) -> "Ball":
        """Return log of a weight above 0."""
        if not weight > 0:
            raise Undecided(f"the weight {weight} may be 0.")
        return cls(weight.log())

    @staticmethod
    def root(weight: Any, exponent: Fraction) -> Any:
        """Return weight**exponent."""
        if exponent.denominator == 1:
            return weight ** int(exponent)
        return weight.root(exponent.denominator) ** exponent.numerator

    def weight(self) -> Any:
        """Return the `arb`."""
        return self.value

    def exp(self) -> "Ball":
        """Return e to it."""
        return Ball(self.value.exp())

    def log(self) -> "BallLog":
        """Return its logarithm."""
        if not (self.value > 0 or self.value.is_zero()):
            raise Undecided(f"{self.value} may not be positive.")
        return BallLog(self.value)

    def midpoint(self) -> "Ball":
        """Return the midpoint alone, as an exact number."""
        return Ball(self.value.mid())

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return not self.value.is_zero()

    def _plus(self, other: Any) -> "Ball":
        return Ball(self.value + Ball.arb(other))

    def _times(self, other: Any) -> "Ball":
        return Ball(self.value * Ball.arb(other))

    def _inverse(self) -> "Ball":
        return Ball(1 / self.value)

    def _sign(self) -> int:
        if self.value.is_zero():
            return 0
        if self.value > 0 or self.value < 0:
            return 1 if self.value > 0 else -1
        raise Undecided(f"the sign of {self.value} is open.")

    def __abs__(self) -> "Ball":
        return Ball(abs(self.value))

    def __pow__(self, exponent: int) -> "Ball":
        return Ball(self.value**exponent)

    def maximum(self, other: Any) -> "Ball":
        """Return the larger of two; no comparison has to be decided for it."""
        return Ball(self.value.max(Ball.arb(other))) if is_finite(other) else super().maximum(other)


class BallLog(Log):
    """The logarithm of a weight in a ball."""

    __slots__ = ()
    plain = Ball

    @property
    def is_finite(self) -> bool:
        """Whether the weight is not exactly 0."""
        return not self.weight.is_zero()
