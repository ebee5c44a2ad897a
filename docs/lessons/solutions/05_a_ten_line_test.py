"""Solutions of lesson 5. Run it: every line says "right"."""

import math
import sys
from pathlib import Path

from proofs_check.testing import check_soft_bellman

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where `exercises` is

from exercises import exercises_of
from exercises.lesson_5 import mystery

check = exercises_of(5)

# 1. Three responses with reward 0: log(e^0 + e^0 + e^0) against max(0, 0, 0).
answer_1 = math.log(3)
check(1, answer_1)

# 2. It averages q over the policy where it should take log Σ exp: what is missing is the entropy of the policy.
answer_2 = check_soft_bellman(mystery, throw=False).mistakes[0]
check(2, answer_2)

# 3. log Σ exp of n numbers is above their maximum by at most log n, and by that much where they are equal. log 2 is
# below 1 and log 3 above, so that three responses are needed, and three equal ones are enough.
answer_3 = {((), "a"): 0.0, ((), "b"): 0.0, ((), None): 0.0, (("a",), None): 0.0, (("b",), None): 0.0}
check(3, answer_3)


# 4. As `stable_backup`, with q/τ inside, and τ in front of the logarithm.
def answer_4(rewards, temperature):
    """{(prefix, action): reward} -> logits and values."""
    logits, values = {}, {}
    for prefix in sorted({prefix for prefix, _ in rewards}, key=len, reverse=True):
        actions = [action for start, action in rewards if start == prefix]
        for action in actions:
            logits[prefix, action] = rewards[prefix, action] + values.get((*prefix, action), 0.0)
        top = max(logits[prefix, action] for action in actions)
        if top == -math.inf:
            values[prefix] = top
        else:
            total = sum(math.exp((logits[prefix, action] - top) / temperature) for action in actions)
            values[prefix] = top + temperature * math.log(total)
    return logits, values


check(4, answer_4)
