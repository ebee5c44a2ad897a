"""Solutions of lesson 7. Run it: every line says "right"."""

import math
import sys
from fractions import Fraction
from itertools import count
from pathlib import Path

from flint import arb, ctx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where `exercises` is

from exercises import exercises_of

check = exercises_of(7)

# 1. A float has 53 bits, nearly sixteen decimal digits.
answer_1 = next(k for k in count(1) if 1.0 + 10.0**-k == 1.0)
check(1, answer_1)

# 2. An overflow is an affair of floats; an inequality at one point, of balls; an equality of given numbers, of
# rationals; what holds for every length, of a proof.
answer_2 = {"a": "float64", "b": "balls", "c": "rationals", "d": "induction"}
check(2, answer_2)


# 3. Double the bits until the balls come apart: that is less than twice what is needed.
def decides(bits):
    """Tell whether balls of so many bits decide κ(ε) < ε²/2."""
    with ctx.workprec(bits):
        e = arb(1e-12)
        return bool(e * e.coth() - 1 + (e.sinh() / e).log() < e * e / 2)


answer_3 = next(53 * 2**k for k in count() if decides(53 * 2**k))
check(3, answer_3)


# 4. A relative error far below 2^-53, the spacing of floats.
def answer_4(weights):
    """Return Σ_y Π_t w, wrong in the thirtieth digit."""
    total = Fraction(0)
    for prefix, action in weights:
        if action is None:
            steps = [(prefix[:t], prefix[t]) for t in range(len(prefix))]
            total += math.prod((weights[step] for step in steps), start=weights[prefix, None])
    return total * (1 + Fraction(1, 10**30))


check(4, answer_4)
