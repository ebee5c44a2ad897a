"""Solutions of lesson 4. Run it: every line says "right"."""

import math
import sys
from pathlib import Path

from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable, soft_bellman

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where `exercises` is

from exercises import exercises_of

check = exercises_of(4)

# 1. Square roots at each step: √2 against 1 at the start, since 2/3 is twice 1/3, and then ½ against ½.
answer_1 = math.sqrt(2) / (math.sqrt(2) + 1) * 0.5
check(1, answer_1)

# 2. Where every prefix of a depth has the same next-token distribution, and all responses pass the same depths, the
# product of normalisers is the same for all.
answer_2 = "b"
check(2, answer_2)

# 3. Make the first choice a close one, and leave what comes after the greedy token as spread out as it can be: 0.55 · ½
# against 0.45 · 0.99.
pairs = SequenceSpace.fixed_length("ab", 2)
chances = {
    (None, (), "a"): 0.55,
    (None, (), "b"): 0.45,
    (None, ("a",), "a"): 0.5,
    (None, ("a",), "b"): 0.5,
    (None, ("b",), "a"): 0.99,
    (None, ("b",), "b"): 0.01,
}
logits = StateActionTable.from_dict(pairs, {key: math.log(p) for key, p in chances.items()})
answer_3 = AutoregressiveModel(logits)
check(3, answer_3)


# 4. The model is p ∝ e^(R/τ): that of the rewards r/τ. M turns these into its logits.
def answer_4(rewards, temperature):
    """Return logits that draw at this sequence temperature."""
    return soft_bellman(rewards / temperature)[0]


check(4, answer_4)
