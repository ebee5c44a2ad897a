"""Solutions of lesson 3. Run it: every line says "right"."""

import math
import sys
from pathlib import Path

import numpy as np

from proofs_check.examples.letters import letters_space, reference_model, verifier

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where `exercises` is

from exercises import exercises_of

check = exercises_of(3)
reference = reference_model(letters_space())
w = float(reference.probabilities()[0] @ [verifier(y) for y in reference.space.responses()])

# 1. The odds w/(1 - w) have to be multiplied by e^(1/τ) to become 1.
answer_1 = 1 / math.log((1 - w) / w)
check(1, answer_1)

# 2. At τ → 0 the model is the reference given such a word, p = p_ref/w, so log p/p_ref = -log w for all that it writes;
# w is the chance of what is paid, now of words of three letters. (EOS makes the length 4.)
w_three = float(reference.probabilities()[0] @ [verifier(y) * (len(y) == 4) for y in reference.space.responses()])
answer_2 = -math.log(w_three)
check(2, answer_2)

# 3. 2 is added to every reward. All weights get the factor e^2, and it cancels.
answer_3 = "stays"
check(3, answer_3)


# 4. Add logarithms, and take the largest out before exp: then nothing overflows. log 0 = -inf keeps what the reference
# never writes at 0.
def answer_4(reference, rewards, temperature):
    """Return p ∝ p_ref exp(R/τ)."""
    with np.errstate(divide="ignore"):
        logits = np.log(reference) + rewards / temperature
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


check(4, answer_4)
