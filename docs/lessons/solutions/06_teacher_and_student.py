"""Solutions of lesson 6. Run it: every line says "right"."""

import math
import sys
from pathlib import Path

from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    kl_divergence,
)
from tabular_bellman.bounds import kappa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where `exercises` is

from exercises import exercises_of

check = exercises_of(6)

# 1. The same cells with another length. The KL is a sum over steps, and there are more of them.
space = SequenceSpace("()", max_length=7)
rewards = StateActionTable.from_responses(space, lambda _, y: 2.0 * (y.count("(") == y.count(")")))
teacher = EnergyBasedModel(rewards)
noise = StateActionTable.random(space, rng=0, scale=0.2)
student = AutoregressiveModel((teacher.to_autoregressive().logits + noise).log_softmax())
answer_1 = kl_divergence(teacher, student)
check(1, answer_1)

# 2. κ(1). It is attained, with f - g = +1 on one action and -1 on the other; 2ε is not.
answer_2 = float(kappa(1.0))
check(2, answer_2)

# 3. A constant at a prefix changes no probability, so no KL and no span. It changes max |f - g|.
answer_3 = "paper"
check(3, answer_3)


# 4. k3: since Σ_y q(y) = 1, the mean of q/p - 1 under p is 0, so that adding it leaves the mean of d what it is. And
# e^(-d) ≥ 1 - d.
def answer_4(log_p, log_q):
    """Return k3."""
    d = log_p - log_q
    return math.exp(-d) - 1 + d


check(4, answer_4)
