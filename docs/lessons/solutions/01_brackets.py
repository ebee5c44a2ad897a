"""Solutions of lesson 1. Run it: every line says "right"."""

import math
import sys
from pathlib import Path

from proofs_check.examples.brackets import brackets_reward, reward
from tabular_bellman import EnergyBasedModel, SequenceSpace, StateActionTable, soft_bellman

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where `exercises` is

from exercises import exercises_of

check = exercises_of(1)

# 1. The chance of a step is the number of strings after it over the number before it: exp V(s a) / exp V(s).
model = EnergyBasedModel(brackets_reward(12)).to_autoregressive()
answer_1 = model.policy[None, ("(", "("), ")"]
check(1, answer_1)

# 2. With min_length = max_length shorter strings do not exist. What is left to count are the balanced strings of six
# pairs, which is the sixth Catalan number.
exactly_12 = SequenceSpace("()", min_length=13, max_length=13)
answer_2 = math.exp(soft_bellman(StateActionTable.from_responses(exactly_12, reward))[1][None, ()])
check(2, answer_2)


# 3. p(y) ∝ e^R(y), so a factor of 2 is a reward of log 2, once for each pair. -inf plus a number is -inf.
def answer_3(prompt, response):
    """Return log 2 for each pair of a balanced string, else -inf."""
    return reward(prompt, response) + math.log(2) * (len(response) - 1) / 2


check(3, answer_3)

# 4. All weights e^R are multiplied by e^5, and so are all sums of them: their ratios, the chances, stay. V(start) is
# larger by 5.
answer_4 = "stays"
check(4, answer_4)
