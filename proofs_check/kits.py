"""The reference toolkit over number systems that do not round: rationals, balls, and rational functions."""

from collections.abc import Callable
from fractions import Fraction
from math import inf, isinf, log
from typing import Any, Final

import numpy as np

from proofs_check.instances import Instance
from proofs_check.numbers.ball import Ball, BallLog
from proofs_check.numbers.exact import Exact, ExactLog
from proofs_check.numbers.functions import symbols
from proofs_check.numbers.log import Log
from proofs_check.numbers.symbolic import Symbolic, SymbolicLog
from proofs_check.numbers.systems import LogWeights, elementwise, exponentials, simplest
from proofs_check.toolkit import Toolkit, reference_toolkit

__all__ = ["certified_toolkit", "exact_toolkit", "symbolic_toolkit"]

# Of a weight that stands for a float: enough that few of them coincide, and so few that sums of products stay short.
_MANTISSA_BITS: Final = 10


def _same(x: Any) -> Any:
    return x


def _toolkit(name: str, lift: Callable[[float], Log], number: Callable[[float], Any]) -> Toolkit[Any]:
    return reference_toolkit(
        LogWeights(name, lift),
        lift=lambda x: elementwise(lift, x),
        real=exponentials,
        log=_same,
        number=lambda x: elementwise(number, np.asarray(x, dtype=np.float64)),
        carrier=lambda x: elementwise(lambda entry: entry if isinstance(entry, Log) else entry.exp().log(), x),
    )


# -- balls -------------------------------------------------------------------------------------------------------------


def certified_toolkit() -> Toolkit[Any]:
    """Return the toolkit over balls, at the precision that is set where it is used."""

    def lift(x: float) -> BallLog:
        return BallLog(Ball.arb(0) if x == -inf else Ball.arb(x).exp())

    return _toolkit("balls", lift, Ball.of)


# -- rationals ---------------------------------------------------------------------------------------------------------


def _short(x: float) -> Fraction:
    """Return the rational nearest to e^x of those with a short numerator over, or times, a power of 2."""
    exponent = x / log(2.0)
    shift = int(np.floor(exponent)) - _MANTISSA_BITS + 1
    return round(2.0 ** (exponent - shift)) * Fraction(2) ** shift


def exact_toolkit(instance: Instance) -> Toolkit[Any]:
    """Return the toolkit over rationals, for one instance.

    A float log-weight stands for a rational weight near its exponential, so that every statement about all rewards is
    checked on rewards that have rational weights.  At temperature a/b weights are powers a, so that roots are rational.
    """
    power = simplest(instance.temperature).numerator
    known = _floats_to_draw(instance)

    def lift(x: float) -> ExactLog:
        return ExactLog(Fraction(0) if x == -inf else _short(x / power) ** power)

    def number(x: float) -> Exact:
        # A direction is a table of numbers in one place and of log-weights in another.
        return Exact.log_of(lift(x).weight) if x in known else Exact(x)

    return _toolkit("rationals", lift, number)


def _floats_to_draw(instance: Instance) -> set[float]:
    """Return the numbers of the tables that stand beside the rewards."""
    tables = (instance.direction, instance.potential)
    return {x for table in tables for level in table.levels for x in level.ravel().tolist() if x}


# -- rational functions ------------------------------------------------------------------------------------------------


def symbolic_toolkit(instance: Instance) -> Toolkit[Any]:
    """Return the toolkit over rational functions, in which every float of an instance's tables is a symbol."""
    tables = (instance.reward, instance.other, instance.direction, instance.potential)
    floats = {x for table in tables for level in table.levels for x in level.ravel().tolist()}
    drawn = sorted(x for x in floats if x and not isinf(x))
    named = dict(zip(drawn, symbols(len(drawn)), strict=True))
    known = _floats_to_draw(instance)

    def lift(x: float) -> SymbolicLog:
        return SymbolicLog(Fraction(0) if x == -inf else Fraction(1) if x == 0.0 else named[x])

    def number(x: float) -> Symbolic:
        return Symbolic.log_of(named[x]) if x in known else Symbolic(x)

    return _toolkit("rational functions", lift, number)
