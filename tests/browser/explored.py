"""What the exploring page is opened with: its examples, rewards of one's own; and what formulas have to say of them."""

import numpy as np
from exploring import expected
from formulas import Library

from proofs_check.library import LIBRARY
from proofs_check.mistakes import MISTAKES
from proofs_check.pages.explore.examples import built_in
from tabular_bellman import SequenceSpace, StateActionTable

EXAMPLES = {example.id: example for example in built_in()}
KNOWN = {mistake.name: mistake for mistake in MISTAKES}


def masked(space, seed, share=0.35, scale=1.5):
    """Random rewards, some of them forbidden, dead prefixes among them, and each prompt with a response left."""
    rng = np.random.default_rng(seed)
    while True:
        levels = [np.where(rng.random(x.shape) < share, -np.inf, x) for x in StateActionTable.random(space, rng).levels]
        values = LIBRARY.soft_bellman(space, levels, 1.0)[1]
        if np.isfinite(values[0]).all() and any(np.isneginf(level).any() for level in values):
            return scale * StateActionTable.from_levels(space, levels)


OWN = {
    "masked": masked(SequenceSpace("ab", max_length=4), 1),
    "no bare EOS, two prompts": masked(SequenceSpace(3, max_length=3, min_length=2, prompts=["x", "y"]), 2),
    "fixed length": masked(SequenceSpace.fixed_length(2, 3, prompts=["x", "y"]), 3),
    "meeting prompts": StateActionTable.random(SequenceSpace("ab", max_length=3, prompts=["a", "ab"]), 4, scale=1.5),
    "one token": masked(SequenceSpace(1, max_length=10), 5, share=0.2),
    "one prompt, no bare EOS": masked(SequenceSpace("ab", max_length=3, min_length=2, prompts=["x"]), 8),
    "right to left": StateActionTable.random(SequenceSpace(["אב", "ג", "b"], max_length=2, prompts=["שלום", "y"]), 9),
    "long words": StateActionTable.random(SequenceSpace(["w" * 150, "b"], max_length=2), 10),
    "eight actions": StateActionTable.random(SequenceSpace(7, max_length=2), 7),
    "one length, odd tokens": StateActionTable.random(SequenceSpace(["<b>", "q\"'&"], max_length=3, min_length=3), 6),
}


def library_of(rewards, temperature, reference=None):
    """What formulas about these rewards have to say."""
    logs = np.zeros(rewards.space.n_pairs) if reference is None else reference.log_policy.to_vector()
    return Library(rewards.space, expected(rewards, temperature, reference), temperature, logs.tolist())
