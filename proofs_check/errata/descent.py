"""A minimum that is not attained, shown with symbols: the risk falls for every real number, to a limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from proofs_check.errata.pictures import CurvesPicture, Series
from proofs_check.errata.trees import Pair, Response, State, Tree, autoregressive, show_pair
from tabular_bellman import TabularBellmanError

__all__ = ["Descent", "descent"]


@dataclass(frozen=True)
class Descent:
    """The next-token risk of a tree in which one difference of logits, d, is all that matters."""

    difference: str
    risk: str
    slope: str
    limit: str
    picture: CurvesPicture


def descent(tree: Tree, start: State, target: Mapping[Response, Fraction]) -> Descent:
    """Show that L^ARM(q) falls strictly for every real d, so that no q attains its infimum.

    Raises
    ------
    TabularBellmanError
        If there is not exactly one free logit, or SymPy does not find the slope to be negative everywhere.
    """
    import sympy

    d = sympy.Symbol("d", real=True)
    free = [(state, action) for state in tree.states for action in tree.actions(state)[1:]]
    if len(free) != 1:
        raise TabularBellmanError(f"{len(free)} free differences of logits, not 1.")
    state, other = free[0]
    up, down = (show_pair((state, action)) for action in (tree.actions(state)[0], other))
    # A shift of all logits of a state changes nothing: those of `other`, and of forced actions, are 0.
    weights: dict[Pair, Any] = dict.fromkeys(tree.pairs, sympy.Integer(1))
    weights[state, tree.actions(state)[0]] = sympy.exp(d)
    chances = {y: sympy.Rational(c.numerator, c.denominator) for y, c in target.items() if c}
    risk = -sum(c * sympy.log(autoregressive(tree, weights, start, y)) for y, c in chances.items())
    risk = sympy.logcombine(sympy.simplify(risk), force=True)
    slope = sympy.simplify(risk.diff(d))
    if slope.is_positive:
        up, down, risk, slope = down, up, risk.subs(d, -d), -slope.subs(d, -d)
    if not slope.is_negative:
        raise TabularBellmanError(f"the sign of {slope} is not known to be one for all real d.")
    limit = sympy.limit(risk, d, sympy.oo)
    difference = f"d = q({up}) - q({down})"
    points = tuple((k / 4, float(risk.subs(d, sympy.Rational(k, 4)))) for k in range(-8, 25))
    picture = CurvesPicture(
        "The risk falls for every d, and reaches its limit at none",
        difference,
        "L^ARM",
        (Series("L^ARM", points),),
        ("the limit", float(limit)),
    )
    return Descent(difference, str(risk), str(slope), str(limit), picture)
