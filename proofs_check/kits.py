"""The reference toolkit over number systems that do not round: rationals, balls, and rational functions."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from math import inf, isinf, log
from typing import Any, Final

import numpy as np

from proofs_check.arithmetic.ball import Ball, BallLog
from proofs_check.arithmetic.element import Declined
from proofs_check.arithmetic.exact import Exact, ExactLog
from proofs_check.arithmetic.functions import symbols
from proofs_check.arithmetic.log import Log
from proofs_check.arithmetic.symbolic import Symbolic, SymbolicLog
from proofs_check.arithmetic.systems import LogWeights, elementwise, simplest
from proofs_check.claim import Body
from proofs_check.instances import Instance
from proofs_check.toolkit import Toolkit, reference_toolkit

__all__ = ["certified_toolkit", "exact_toolkit", "symbolic_toolkit"]

# Of a weight that stands for a float: enough that few of them coincide, and so few that sums of products stay short.
_MANTISSA_BITS: Final = 10
_LARGEST_LOG: Final = 1e5


def _same(x: Any) -> Any:
    return x


def _toolkit(name: str, lift: Callable[[float], Log], number: Callable[[float], Any]) -> Toolkit[Any]:
    system = LogWeights(name, lift)
    return reference_toolkit(
        system,
        lift=lambda x: elementwise(lift, x),
        real=system.real,
        log=_same,
        number=lambda x: elementwise(number, np.asarray(x, dtype=np.float64)),
        carrier=system.carrier,
    )


# -- balls -------------------------------------------------------------------------------------------------------------


def certified_toolkit(instance: Instance) -> Toolkit[Any]:
    """Return the toolkit over balls, for one instance, at the precision that is set where it is used."""

    def lift(x: float) -> BallLog:
        if x in instance.weights:
            return BallLog(Ball.arb(instance.weights[x]))
        return BallLog(Ball.arb(0) if x == -inf else Ball.arb(x).exp())

    return _toolkit("balls", lift, Ball.of)


# -- rationals ---------------------------------------------------------------------------------------------------------


def _short(x: float) -> Fraction:
    """Return the rational nearest to e^x of those with a short numerator over, or times, a power of 2."""
    if abs(x) > _LARGEST_LOG:
        raise Declined(f"a weight near exp({x:g}) is too long to be written as a rational.")
    exponent = x / log(2.0)
    shift = int(np.floor(exponent)) - _MANTISSA_BITS + 1
    mantissa: int = round(2.0 ** (exponent - shift))
    return Fraction(2) ** shift * mantissa


def exact_toolkit(instance: Instance) -> Toolkit[Any]:
    """Return the toolkit over rationals, for one instance.

    A float log-weight stands for a rational weight: the one that the instance knows, or one near its exponential, so
    that every statement about all rewards is checked on rewards that have rational weights.  At temperature a/b those
    weights are powers a, so that their roots are rational.
    """
    power = simplest(instance.temperature).numerator * instance.roots
    known = _floats_beside_rewards(instance)

    def lift(x: float) -> ExactLog:
        if x in instance.weights:
            return ExactLog(instance.weights[x])
        return ExactLog(Fraction(0) if x == -inf else _short(x / power) ** power)

    def number(x: float) -> Exact:
        # A direction is a table of numbers in one place and of log-weights in another.
        return Exact.log_of(lift(x).weight) if x in known else Exact(x)

    return _toolkit("rationals", lift, number)


def _floats_beside_rewards(instance: Instance) -> set[float]:
    """Return the numbers of the tables that stand beside the rewards."""
    tables = (instance.direction, instance.potential)
    return {x for table in tables for level in table.levels for x in level.ravel().tolist() if x}


# -- rational functions ------------------------------------------------------------------------------------------------


def symbolic_toolkit(instance: Instance, body: Body) -> Toolkit[Any]:
    """Return the toolkit over rational functions, in which every float that the body lifts is a symbol.

    At temperature a/b the weights are powers a of symbols, so that their roots are rational functions.
    """
    power = simplest(instance.temperature).numerator
    floats = _lifted(instance, body)
    named = dict(zip(floats, symbols(len(floats)), strict=True))
    known = _floats_beside_rewards(instance)

    def lift(x: float) -> SymbolicLog:
        if x == 0.0 or x == -inf:
            return SymbolicLog(Fraction(x == 0.0))
        if x not in named:
            raise Declined(f"{x} is no symbol.")
        return SymbolicLog(named[x] ** power)

    def number(x: float) -> Symbolic:
        return Symbolic.log_of(lift(x).weight) if x in known else Symbolic(x)

    return _toolkit("rational functions", lift, number)


def _lifted(instance: Instance, body: Body) -> list[float]:
    """Return the log-weights that a body makes of floats, by running it over rationals."""
    kit, found, known = exact_toolkit(instance), set[float](), _floats_beside_rewards(instance)

    def lift(x: Any) -> Any:
        found.update(np.ravel(x).tolist())
        return kit.lift(x)

    def number(x: Any) -> Any:
        found.update(known.intersection(np.ravel(x).tolist()))
        return kit.number(x)

    with suppress(Declined):
        for _ in body(replace(kit, lift=lift, number=number), instance):
            pass
    return sorted(x for x in found if x and not isinf(x))
