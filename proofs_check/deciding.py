"""Whether a comparison holds, in numbers that do not round."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np

from proofs_check.arithmetic.ball import Ball, bits_now
from proofs_check.arithmetic.element import is_finite
from proofs_check.arithmetic.exact import Exact
from proofs_check.arithmetic.log import Log
from proofs_check.arithmetic.symbolic import Symbolic
from proofs_check.claim import Comparison
from proofs_check.evidence import Verdict

__all__ = ["BITS_TO_TELL_EQUALS", "Side", "Strength", "decided", "entry_holds", "first_fault"]

# An inequality whose sides are one number is never decided by balls; with so many bits they are taken to be one.
BITS_TO_TELL_EQUALS: Final = 512
# What a ball may leave open of an equality, and how far apart two numbers are told apart.
_RADIUS: Final = Fraction(1, 10**30)


class Strength(enum.Enum):
    """What the numbers are; the values are the names on the command line."""

    EXACT = "exact"
    CERTIFIED = "certified"
    SYMBOLIC = "symbolic"

    @property
    def verdict(self) -> Verdict:
        """What a claim has that passes."""
        return {"exact": Verdict.EXACT, "certified": Verdict.CERTIFIED, "symbolic": Verdict.PROVED_AT}[self.value]


@dataclass(frozen=True)
class Side:
    """One comparison as it came out, with the numbers on both sides."""

    what: str
    relation: str
    left: Sequence[Any]
    right: Sequence[Any]
    holds: bool


def decided(strength: Strength, item: Comparison) -> tuple[Side, int, str]:
    """Return a comparison with whether it holds, how many of its inequalities are attained, and what is open."""
    left, right = np.asarray(item.left), np.asarray(item.right)
    if left.shape != right.shape:
        raise RuntimeError(f"{item.what}: shapes {left.shape} and {right.shape} differ")  # a bug
    holds, attained, still_open = True, 0, ""
    pairs = list(zip(left.ravel().tolist(), right.ravel().tolist(), strict=True))
    for x, y in pairs:
        found = entry_holds(strength, item.relation, x, y)
        if found is None:
            still_open = still_open or f"{_shown(strength, x)} and {_shown(strength, y)} are too close to tell"
        elif found == "attained":
            attained += 1
        elif not found:
            holds = False
    return Side(item.what, item.relation, [x for x, _ in pairs], [y for _, y in pairs], holds), attained, still_open


def entry_holds(strength: Strength, relation: str, x: Any, y: Any) -> bool | str | None:
    """Tell whether one entry is as the relation asks; None where that is open."""
    if not (is_finite(x) and is_finite(y)):
        return _beyond(relation, _extended(x), _extended(y))
    if relation == "equal" and isinstance(x, Log) and isinstance(y, Log) and strength is not Strength.CERTIFIED:
        return bool(x.weight == y.weight)
    number = _NUMBERS[strength]
    if strength is Strength.CERTIFIED:
        return _in_balls(relation, Ball.of(x), Ball.of(y), bits_now())
    difference = number.of(x) - number.of(y)
    if relation == "at most":
        return bool(difference._sign() <= 0)
    # Of symbols, "differs" asks for a difference that is nowhere 0: that it has a sign.
    return bool(difference.is_zero()) if relation == "equal" else bool(difference._sign() != 0)


_NUMBERS: Final[dict[Strength, Any]] = {
    Strength.EXACT: Exact,
    Strength.CERTIFIED: Ball,
    Strength.SYMBOLIC: Symbolic,
}


def _extended(x: Any) -> float:
    """Return what is not finite as a float, and 0 for what is."""
    return 0.0 if is_finite(x) else float(x)


def _beyond(relation: str, x: float, y: float) -> bool:
    if np.isnan(x) or np.isnan(y) or x == np.inf:
        return False
    if relation == "at most":
        return x <= y
    # -inf equals itself and nothing else; two infinities of a sum differ from nothing.
    return (x == y == -np.inf) is (relation == "equal")


def _in_balls(relation: str, x: Ball, y: Ball, bits: int) -> bool | str | None:
    difference = x.value - y.value
    # Not as a float: a weight can be e^10000.
    size = abs(y.value.mid()).max(1) if y.value.is_finite() else 1
    narrow = difference.is_finite() and difference.rad() <= Ball.arb(_RADIUS) * size
    if relation == "at most":
        if difference <= 0:
            return True
        if difference > 0:
            return False
        return "attained" if narrow else None
    if not difference.contains(0):
        return relation == "differs"
    if relation == "differs":  # numbers that so many bits cannot tell apart do not differ
        return False if narrow and bits >= BITS_TO_TELL_EQUALS else None
    return True if narrow else None


def first_fault(strength: Strength, side: Side) -> str:
    """Return what is wrong with the first entry that does not hold."""
    for x, y in zip(side.left, side.right, strict=True):
        if entry_holds(strength, side.relation, x, y) is False:
            sign = {"equal": "is not", "at most": "is more than", "differs": "is"}[side.relation]
            return f"{_shown(strength, x)} {sign} {_shown(strength, y)}"
    raise AssertionError("a side that fails has an entry that does")


def _shown(strength: Strength, x: Any) -> str:
    if not is_finite(x):
        return str(_extended(x))
    if strength is Strength.CERTIFIED:
        return str(Ball.of(x).value.str(20))
    text = str(x)
    if len(text) <= 60 or strength is Strength.SYMBOLIC:
        return text if len(text) <= 60 else f"a function of {len(text)} characters"
    return f"about {float(Exact.of(x)):.12g}"
