"""Exercises of lesson 7: what each kind of evidence can tell."""

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from itertools import count, product
from operator import index
from typing import Any, Final

import numpy as np

from exercises.judging import RAISED, number

_EVIDENCE: Final = ("float64", "balls", "rationals", "induction")
_SETTLED_BY: Final = {
    "a": ("float64", "What overflows is an affair of floats: on paper, e^1000 is a number like any other."),
    "b": ("balls", "It is an inequality at one ε, between numbers that are nearer than floats can tell."),
    "c": ("rationals", "An equality of given rationals: which evidence decides equalities, without any proof for all?"),
    "d": ("induction", "No check of given tables reaches every length."),
}


def exercise_1(answer: Any) -> str | None:
    """When a power of ten is lost beside 1."""
    lost = next(k for k in count(1) if 1.0 + 10.0**-k == 1.0)
    tiniest = next(k for k in count(1) if 10.0**-k == 0.0)
    return number(
        answer,
        lost,
        "Try it in a loop: next(k for k in itertools.count(1) if …).",
        (lost - 1, "There the sum still differs from 1."),
        (lost + 1, "That is lost as well. Is it the smallest?"),
        (tiniest, "There 10.0**-k itself is 0. Beside 1.0 it is lost much earlier."),
        (float(np.finfo(float).nmant + 1), "Those are bits. Decimal digits are asked for."),
    )


def exercise_2(answer: Any) -> str | None:
    """Which evidence settles what."""
    if not isinstance(answer, Mapping) or set(answer) != set(_SETTLED_BY):
        return f"Give a dict with the keys {', '.join(map(repr, _SETTLED_BY))}."
    if any(given not in _EVIDENCE for given in answer.values()):
        return f"The values are {', '.join(map(repr, _EVIDENCE))}."
    wrong = [letter for letter, (truth, _) in _SETTLED_BY.items() if answer[letter] != truth]
    return f"Look again at {wrong[0]!r}. {_SETTLED_BY[wrong[0]][1]}" if wrong else None


@cache
def _decides(bits: int) -> bool:
    """Tell whether balls of so many bits decide κ(ε) < ε²/2 at ε = 1e-12."""
    from flint import arb, ctx

    with ctx.workprec(bits):
        e = arb(1e-12)
        return bool(e * e.coth() - 1 + (e.sinh() / e).log() < e * e / 2)


def exercise_3(answer: Any) -> str | None:
    """How many bits balls need."""
    try:
        bits = 0 if isinstance(answer, bool) else index(answer)  # NumPy's ints are ints
    except TypeError:
        bits = 0
    if not 2 <= bits <= 10**5:
        return "Give a number of bits, an int from 2 to 100,000."
    if not _decides(bits):
        return "With so many bits the balls still touch: compare(1e-12, bits) says 'cannot tell'."
    needed = next(fewer for fewer in count(2) if _decides(fewer))
    return None if bits <= 2 * needed else "That is enough, and more than twice what is needed. Halve it, and try."


def exercise_4(answer: Any) -> str | None:
    """A mistake below the digits of a float."""
    if not callable(answer):
        return "Give a function: write `def`, then hand over its name, without parentheses."
    for length in range(1, 5):
        for seed in range(3):
            weights = _weights(length, seed)
            truth = _total(weights)
            try:
                found = answer(dict(weights))
            except RAISED as error:
                return f"Your function raised {type(error).__name__}: {error}. It gets {{(prefix, action): weight}}."
            if not isinstance(found, Fraction):
                return "It returns no Fraction; a float has forgotten the digits that this is about."
            if found == truth:
                return f"For T = {length} it is right. It has to be wrong, and nobody to notice."
            if float(found) != float(truth):
                return "A float check can notice that: the two differ as floats. How small is small enough?"
    return None


def _weights(length: int, seed: int) -> dict[Any, Fraction]:
    rng = np.random.default_rng([length, seed])
    prefixes = [prefix for t in range(length) for prefix in product("ab", repeat=t)]
    pairs = [(s, a) for s in prefixes for a in (("a", "b", None) if len(s) < length - 1 else (None,))]
    return {pair: Fraction(int(rng.integers(1, 10)), int(rng.integers(1, 10))) for pair in pairs}


def _total(weights: Mapping[Any, Fraction]) -> Fraction:
    ends = [prefix for prefix, action in weights if action is None]
    steps = ([(s[:t], s[t]) for t in range(len(s))] + [(s, None)] for s in ends)
    return sum((math.prod((weights[step] for step in path), start=Fraction(1)) for path in steps), Fraction(0))
