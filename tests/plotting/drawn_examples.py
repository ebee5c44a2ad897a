"""The examples that every function must draw, and how each is called."""

import math

import numpy as np

from tabular_bellman import AutoregressiveModel, EnergyBasedModel, SequenceSpace, StateActionTable, soft_bellman
from tabular_bellman.plotting import (
    bounds_against_kl,
    kl_by_depth,
    kl_by_prefix,
    lookahead_curve,
    prefix_tree,
    reach_of_rewards,
    table_by_depth,
    table_heatmap,
    temperature_sweep,
)


def pair(reward):
    """A model and another that is near."""
    teacher = EnergyBasedModel(reward)
    logits = teacher.to_autoregressive().logits
    return teacher, AutoregressiveModel(0.5 * logits)


PICTURES = {
    "prefix_tree": lambda r, **settings: prefix_tree(EnergyBasedModel(r), **settings),
    "prefix_tree of a table": lambda r, **settings: prefix_tree(r, write=r, **settings),
    "prefix_tree by logits": lambda r, **settings: prefix_tree(
        AutoregressiveModel(soft_bellman(r)[0]),
        color_by=soft_bellman(r)[0],
        write="passing",
        width="policy",
        **settings,
    ),
    "table_by_depth": lambda r, **settings: table_by_depth(r, depth=r.n_depths - 1, **settings),
    "table_heatmap": lambda r, **settings: table_heatmap({"r$_^": r, "M r": soft_bellman(r)[0]}, **settings),
    "lookahead_curve": lookahead_curve,
    "reach_of_rewards": reach_of_rewards,
    "kl_by_depth": lambda r, **settings: kl_by_depth(*pair(r), **settings),
    "kl_by_prefix": lambda r, **settings: kl_by_prefix(*pair(r), **settings),
    "bounds_against_kl": lambda r, **settings: bounds_against_kl(*pair(r), **settings),
    "temperature_sweep": temperature_sweep,
}

_LONG = "a very long token indeed, longer than any picture has room for"


def _table(vocab, scale=1.0, **space):
    return StateActionTable.random(SequenceSpace(vocab, **space), rng=0, scale=scale)


def _masked():
    """Only "a", "ba" and "bb" are allowed; what begins with "aa" or "ab" is dead."""
    space = SequenceSpace("ab", max_length=4)
    allowed = {"a", "ba", "bb"}
    return StateActionTable.from_responses(space, lambda _, y: 0.0 if "".join(y[:-1]) in allowed else -math.inf)


EXAMPLES = {
    "two tokens": _table("ab", max_length=4),
    "several prompts": _table("ab", max_length=3, prompts=["x", ("y", 1), "$z_"]),
    "fixed length": StateActionTable.random(SequenceSpace.fixed_length("ab", 3), rng=0),
    "at least two tokens": _table("ab", max_length=4, min_length=3),
    "forbidden and dead": _masked(),
    "one token": _table(1, max_length=5),
    "one step": _table("ab", max_length=1),
    "one response": StateActionTable.zeros(SequenceSpace.fixed_length(1, 1)),
    "all equal": StateActionTable.zeros(SequenceSpace("ab", max_length=4)),
    "huge": _table("ab", max_length=3, scale=1e300),
    "tiny": _table("ab", max_length=3, scale=1e-300),
    "sharp": _table("ab", max_length=3, scale=1000.0),
    "odd tokens": _table(["$x$", "a_b^c", "\n", "", _LONG, "\\frac{1}"], max_length=2),
    "tokens that are no strings": _table([None, (1, "$b$"), 2.5, np.float32(0.1), True], max_length=2),
    "tokens alike": _table(["1", 1, "EOS", _LONG + "!"], max_length=2),
}
