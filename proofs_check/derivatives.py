"""Derivatives by routes of their own: complex steps along unit vectors, forward and backward weights."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from proofs_check import reals
from proofs_check.claim import Comparison
from proofs_check.instances import Instance
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman import SequenceSpace
from tabular_bellman.extended import FloatArray
from tabular_bellman.recursion import forward

__all__ = [
    "alpha_beta",
    "at_ends",
    "copied",
    "flat",
    "jacobian",
    "numbers",
    "pair_chances",
    "pairwise",
    "per_prefix",
    "root_along_units",
    "sum_along",
    "terminal",
    "value_changes",
]


def flat(levels: Levels) -> Any:
    """Return all levels of numbers as one array."""
    return reals.concatenate([level.reshape((-1,)) for level in levels])


def pairwise(routes: Mapping[str, Any], what: str) -> Iterator[Comparison]:
    """Compare every two routes to the same numbers."""
    for (one, left), (another, right) in combinations(routes.items(), 2):
        yield Comparison(f"{what}: {one} = {another}", left, right)


def numbers(kit: Toolkit[Any], levels: Levels) -> list[Any]:
    """Return floats as the toolkit's numbers."""
    return [kit.number(level) for level in levels]


def per_prefix(weights: FloatArray, level: Any) -> FloatArray:
    """Return the weight of the prompt of each prefix: prompts run fastest."""
    return np.tile(weights, level.shape[-1] // weights.size)


def sum_along(gradient: Levels, direction: Levels, space: SequenceSpace) -> Any:
    """Return <gradient, direction> for each prompt, from levels of numbers."""
    products = [(g * d).reshape((-1, space.n_prompts)) for g, d in zip(gradient, direction, strict=True)]
    return reals.concatenate(products).sum(0)


# -- complex steps ----------------------------------------------------------------------------------------------------


def copied(instance: Instance) -> tuple[SequenceSpace, list[FloatArray], list[FloatArray]]:
    """Return K copies of each prompt's tree, the rewards there, and in each copy one unit vector.

    K is the number of pairs of one tree, in the order of storage: one sweep over the copies gives every derivative.
    """
    space = instance.space
    K, P, V = space.n_pairs // space.n_prompts, space.n_prompts, space.n_tokens
    prompts = range(P * K)
    if space.has_eos:
        copies = SequenceSpace(V, max_length=space.max_length, min_length=space.min_length, prompts=prompts)
    else:
        copies = SequenceSpace.fixed_length(V, space.max_length, prompts)
    rewards = [np.repeat(level, K, axis=1) for level in instance.reward.levels]
    units, rest = [], np.eye(K)
    for t, level in enumerate(rewards):
        here, rest = np.split(rest, [space.n_actions(t) * V**t])
        of_each_prompt = np.repeat(here.reshape(-1, V**t, 1, K), P, axis=2)
        units.append(of_each_prompt.reshape(level.shape))
    return copies, rewards, units


def jacobian(space: SequenceSpace, changes: Levels) -> Any:
    """Return changes along the unit vectors of `copied` as one matrix for each prompt: (pair, prompt, unit)."""
    K, P = space.n_pairs // space.n_prompts, space.n_prompts
    return reals.concatenate([level.reshape((-1, P, K)) for level in changes])


def root_along_units(kit: Toolkit[Any], instance: Instance) -> list[Any]:
    """Return levels of ∂V(root)/∂r(s, a), by complex steps along unit vectors."""
    space = instance.space
    copies, rewards, units = copied(instance)
    _, change = kit.forward_mode(copies, [kit.lift(level) for level in rewards], numbers(kit, units))
    per_pair = change.reshape((space.n_prompts, -1)).T  # (K, P)
    levels, start = [], 0
    for level in instance.reward.levels:
        end = start + level.size // space.n_prompts
        levels.append(per_pair[start:end].reshape(level.shape))
        start = end
    return levels


def value_changes(kit: Toolkit[Any], logits: Any) -> Any:
    """Return ∂V(s)/∂q(s, a) of one depth, (A, N), by complex steps: each prefix a tree of depth one, A copies of it."""
    A, N = logits.shape
    space = SequenceSpace.fixed_length(A, 1, range(N * A))
    unit = np.repeat(np.eye(A)[:, None, :], N, axis=1).reshape(A, N * A)
    _, change = kit.forward_mode(space, [logits[:, np.repeat(np.arange(N), A)]], [kit.number(unit)])
    return change.reshape((N, A)).T


# -- weights of paths -------------------------------------------------------------------------------------------------


def alpha_beta(kit: Toolkit[Any], space: SequenceSpace, rewards: Levels, *, own: bool = False) -> list[Any]:
    """Return levels of α(s) e^r(s,a) β(s⊕a) / Z as numbers; with `own` the misreading β(s)."""
    system, V, P = kit.system, space.n_tokens, space.n_prompts
    _, beta = kit.recursion(space, rewards, 1.0)
    levels = []
    for t, (alpha, reward) in enumerate(zip(forward(space, system, rewards), rewards, strict=True)):
        total = system.multiply(reward, alpha)
        if own:
            total = system.multiply(total, beta[t])
        elif t + 1 < space.n_depths:
            below = beta[t + 1].reshape((V, reward.shape[1]))
            total = system.stack([system.multiply(total[:V], below), total[V:]])
        levels.append(kit.real(system.divide(total, beta[0][np.tile(np.arange(P), V**t)])))
    return levels


def pair_chances(kit: Toolkit[Any], space: SequenceSpace, logits: Levels) -> list[Any]:
    """Return levels of the chance of each (prefix, action) under softmax(logits)."""
    steps = zip(kit.passing(space, logits), kit.policy(space, logits), strict=True)
    return [kit.real(kit.system.multiply(policy, passing)) for passing, policy in steps]


# -- what ends a response ---------------------------------------------------------------------------------------------


def at_ends(space: SequenceSpace, levels: Levels) -> Any:
    """Return the numbers at the pairs that end a response, (n, P) in the order of ``responses()``."""
    P, V, n = space.n_prompts, space.n_tokens, space.n_depths
    if not space.has_eos:
        return levels[-1].reshape((V**n, P))[space.lexicographic_order(n)]
    depths = range(space.min_length - 1, n)
    return reals.concatenate([levels[t][-1:].reshape((V**t, P))[space.lexicographic_order(t)] for t in depths])


def terminal(kit: Toolkit[Any], space: SequenceSpace, of_responses: Any) -> list[Any]:
    """Return the terminal reward: a carrier (n, P) at the pairs that end a response, weight 1 at all others."""
    V, P, n = space.n_tokens, space.n_prompts, space.n_depths
    ones = [kit.system.ones((space.n_actions(t), space.n_prefixes_at(t))) for t in range(n)]
    if not space.has_eos:
        stored = of_responses[np.argsort(space.lexicographic_order(n))]
        return [*ones[:-1], stored.reshape((V, P * V ** (n - 1)))]
    levels, start = [], 0
    for t, level in enumerate(ones):
        if t + 1 >= space.min_length:
            stored = of_responses[start : start + V**t][np.argsort(space.lexicographic_order(t))]
            level = kit.system.stack([level[:-1], stored.reshape((1, P * V**t))])
            start += V**t
        levels.append(level)
    return levels
