"""Solutions of lesson 2. Run it: every line says "right"."""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where `exercises` is

from exercises import exercises_of

check = exercises_of(2)

# 1. Strings of 0, 1, 2 and 3 tokens, and EOS after each: the longest has T - 1 = 3 tokens, since T counts EOS.
answer_1 = 3**0 + 3**1 + 3**2 + 3**3
check(1, answer_1)

# 2. What is missing is EOS at the start, one of three actions with equal logits. What comes later does not matter: it
# has a token.
answer_2 = 1 - 1 / 3
check(2, answer_2)

# 3. `a` EOS earns ½ + 2, the last EOS counted though it is forced; EOS alone earns 1.
answer_3 = math.exp(0.5 + 2) / (math.exp(0.5 + 2) + math.exp(1))
check(3, answer_3)


# 4. A shared state begins with both prompts, so one of these begins with the other; the shorter one then has to write
# the difference, which may be T - 1 tokens long.
def answer_4(prompt, other, T):
    """Tell whether two different prompts, as strings, share a state."""
    short, long = sorted((prompt, other), key=len)
    return long.startswith(short) and len(long) - len(short) <= T - 1


check(4, answer_4)
