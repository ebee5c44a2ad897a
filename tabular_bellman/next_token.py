"""From a language model's next-token logits to levels of a table."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, normalise
from tabular_bellman.inputs import call, float_array
from tabular_bellman.space import SequenceSpace
from tabular_bellman.tokens import EOS, Prefix, Prompt

__all__ = ["next_token_levels"]


def next_token_levels(
    space: SequenceSpace, f: Callable[[Prompt, list[Prefix]], ArrayLike]
) -> tuple[list[FloatArray], FloatArray]:
    """Return (levels, cut_off): the logits of the actions that exist, and the probability given to others.

    The space forces EOS at the last step and forbids it before `min_length`.  `cut_off`, of shape (P,), is the
    chance that the language model would have written something that is not a response of the space, summed where
    it leaves the space (so that a small chance is not lost in a difference from 1).
    """
    P, V = space.n_prompts, space.n_tokens
    levels = []
    cut_off = np.zeros(P)
    log_passing = np.zeros(P)  # of each prefix, under the language model
    for t in range(space.n_depths):
        logits = np.stack([_logits(space, f, prompt, t) for prompt in space.prompts])
        level = space.from_lexicographic(logits, t)
        actions = space.actions(t)
        tokens_exist, eos_exists = actions[0] is not EOS, actions[-1] is EOS
        log_joint = normalise(level) + log_passing
        for exists, rows in ((tokens_exist, log_joint[:V]), (eos_exists, log_joint[V:])):
            if not exists:
                cut_off += np.exp(rows).reshape(-1, P).sum(axis=0)
        levels.append(level[0 if tokens_exist else V : V + 1 if eos_exists else V].copy())
        log_passing = log_joint[:V].reshape(-1)
    return levels, cut_off


def _logits(
    space: SequenceSpace, f: Callable[[Prompt, list[Prefix]], ArrayLike], prompt: Prompt, depth: int
) -> FloatArray:
    prefixes = [prefix for _, prefix in space.prefixes(depth, prompt)]
    where = f"prompt {prompt!r}, depth {depth}"
    logits = float_array(call(f, (prompt, prefixes), lambda: where), f"the result at {where}")
    shape = (len(prefixes), space.n_tokens + 1)
    if logits.shape != shape:
        raise TabularBellmanError(
            f"the logits at {where} have shape {logits.shape}; {shape[0]} prefixes and {space.n_tokens} tokens, then "
            f"EOS, need {shape}."
        )
    bad = np.argwhere(np.isnan(logits) | np.isposinf(logits))
    if bad.size:
        row, column = bad[0]
        raise TabularBellmanError(
            f"the logits at prompt {prompt!r}, prefix {prefixes[row]!r} hold {logits[row, column]} in column {column}; "
            "they must be finite, or -inf for what cannot come next."
        )
    nothing = np.isneginf(logits).all(axis=1)
    if nothing.any():
        raise TabularBellmanError(
            f"the logits at prompt {prompt!r}, prefix {prefixes[int(nothing.argmax())]!r} are all -inf; a language "
            "model allows at least one token, or EOS, next."
        )
    return logits
