"""Hypothesis strategies for spaces and tables, small enough for the oracle."""

import numpy as np
from hypothesis import strategies as st
from oracle import END, Tree

from tabular_bellman import EOS, SequenceSpace, StateActionTable

SCALES = st.sampled_from([0.0, 0.01, 1.0, 30.0, 1000.0])


@st.composite
def spaces(draw, max_responses=40):
    V = draw(st.integers(1, 3))
    lengths = [T for T in range(1, 6) if sum(V**t for t in range(T)) <= max_responses]
    prompts = draw(st.sampled_from([None, ["x", "y"], ["a", "ab"], [("long", 1), 0, True]]))
    vocab = draw(st.sampled_from([V, "abc"[:V], [None, (1, "b"), 2.5][:V]]))
    if draw(st.booleans()):
        T = draw(st.sampled_from([n for n in range(1, 5) if V**n <= max_responses]))
        return SequenceSpace.fixed_length(vocab, T, prompts)
    T = draw(st.sampled_from(lengths))
    return SequenceSpace(vocab, max_length=T, min_length=draw(st.integers(1, T)), prompts=prompts)


def tree_of(space):
    return Tree(space.vocab, space.min_length, space.max_length, space.has_eos)


def plain(key):
    """A key of a table, with END for EOS."""
    return tuple(END if part is EOS else part for part in key)


def as_dict(table):
    return {plain(key): value for key, value in table.items()}


@st.composite
def tables(draw, space=None, masks=True, scales=SCALES):
    """A table; with `masks` some entries are -inf, and some response to each prompt stays allowed."""
    space = draw(spaces()) if space is None else space
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    table = StateActionTable.random(space, rng, draw(scales))
    if not masks or not draw(st.booleans()):
        return table
    share = draw(st.sampled_from([0.1, 0.3, 0.5, 0.8]))
    levels = [np.where(rng.random(level.shape) < share, -np.inf, level) for level in table.levels]
    # Keep one response to each prompt allowed.
    kept = list(space.responses())[draw(st.integers(0, space.n_responses_per_prompt - 1))]
    for prompt in space.prompts:
        for t, action in enumerate(kept):
            depth, index = space.prefix_index(kept[:t], prompt)
            row = space.action_index(depth, action)
            levels[depth][row, index] = table.levels[depth][row, index]
    return StateActionTable.from_levels(space, levels)
