"""Which response passes through which prefix: sums over responses, written out."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman import SequenceSpace

__all__ = ["beginnings", "chances", "incidence", "lengths", "pair_sums", "pair_totals", "tempered"]


def incidence(space: SequenceSpace) -> list[NDArray[np.bool_]]:
    """Return, for each depth t, which responses take which action after which prefix: shape (A_t, V**t, n).

    Prefixes stand as in ``levels`` (first token fastest), responses as in ``responses()``; the same for each prompt.
    """
    found = [
        np.zeros((space.n_actions(t), space.n_tokens**t, space.n_responses_per_prompt), dtype=np.bool_)
        for t in range(space.n_depths)
    ]
    for column, response in enumerate(space.responses()):
        for t, action in enumerate(response):
            _, index = space.prefix_index(response[:t], space.prompts[0])
            found[t][space.action_index(t, action), index // space.n_prompts, column] = True
    return found


def pair_sums(space: SequenceSpace, per_response: Any) -> list[Any]:
    """Return Σ over the responses that take each (prefix, action): levels of numbers, from numbers (n, P).

    Of the probabilities of responses these are the marginals p(Y_≤t = y_≤t).
    """
    levels = []
    for passes in incidence(space):
        chosen = passes[:, :, None, :] * per_response.T  # (A, V**t, P, n); -inf must not come in
        levels.append(chosen.sum(3).reshape((passes.shape[0], passes.shape[1] * space.n_prompts)))
    return levels


@lru_cache(maxsize=32)
def lengths(space: SequenceSpace) -> NDArray[np.intp]:
    """Return the length of each response, EOS counted, in the order of ``responses()``."""
    if not space.has_eos:
        return np.full(space.n_responses_per_prompt, space.max_length)
    found = np.arange(space.min_length, space.max_length + 1)
    return np.repeat(found, [space.n_tokens ** (int(length) - 1) for length in found])


@lru_cache(maxsize=1024)
def beginnings(space: SequenceSpace, t: int) -> NDArray[np.intp]:
    """Return which responses begin with each prefix of t tokens, and have not ended: shape (m, V**t).

    Prefixes stand as in ``levels``; the responses that end next stand first.
    """
    V, order = space.n_tokens, np.argsort(space.lexicographic_order(t))
    first = space.min_length - 1 if space.has_eos else space.max_length
    blocks, offset = [], 0
    for n in range(first, space.max_length if space.has_eos else first + 1):
        if n >= t:
            blocks.append(offset + np.arange(V**n).reshape(V**t, V ** (n - t))[order].T)
        offset += V**n
    return np.concatenate(blocks)


def chances(kit: Toolkit[Any], space: SequenceSpace, log_probs: Any, t: int) -> Any:
    """Return the chance of passing through each prefix of t tokens, as a sum over the responses that do."""
    return kit.system.sum(log_probs[beginnings(space, t)]).reshape((space.n_prompts * space.n_tokens**t,))


def pair_totals(kit: Toolkit[Any], space: SequenceSpace, weights: Any) -> list[Any]:
    """Return Σ over the responses that take each (prefix, action): levels of carriers, from a carrier (n, P)."""
    levels, last = [], space.n_depths - 1
    for t in range(space.n_depths):
        shape = (space.n_actions(t), space.n_prefixes_at(t))
        n_going_on = space.n_tokens if t < last else 0
        # What ends here stands first among what begins with a prefix.
        ended = weights[beginnings(space, t)[: shape[0] - n_going_on]].reshape((shape[0] - n_going_on, shape[1]))
        going_on = [chances(kit, space, weights, t + 1).reshape((n_going_on, shape[1]))] if n_going_on else []
        levels.append(kit.system.stack([*going_on, ended]))
    return levels


def tempered(kit: Toolkit[Any], levels: Levels, temperature: float) -> list[Any]:
    """Return the levels divided by the temperature."""
    return [kit.system.power(level, 1.0 / temperature) for level in levels]
