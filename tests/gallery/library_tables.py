"""Implementations on the tables of the library itself, with its flat storage or without."""

import numpy as np

from gallery.entry import Entry
from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    StateActionTable,
    StateTable,
    inverse_soft_bellman,
    kl_divergence,
    prefix_marginals,
)

__all__ = ["RIGHT", "WRONG"]

# -- right ------------------------------------------------------------------------------------------------------------


def soft_bellman(rewards, temperature=1.0):
    """From behind, on flat storage: the first token is the fastest, so that children stand in blocks."""
    logits, values = [], []
    for level in reversed(rewards.levels):
        q, V = level.copy(), rewards.space.n_tokens
        if values:
            q[:V] += values[-1].reshape(V, -1)
        logits.append(q)
        values.append(temperature * np.logaddexp.reduce(q / temperature, axis=0))
    space = rewards.space
    return StateActionTable.from_levels(space, logits[::-1]), StateTable.from_levels(space, values[::-1])


def inverse(logits, temperature=1.0, discount=1.0, reference=None):
    return inverse_soft_bellman(logits, temperature=temperature, discount=discount, reference=reference)


def log_partition(rewards, temperature=1.0):
    totals = [
        [sum(rewards[prompt, y[:t], a] for t, a in enumerate(y)) for y in rewards.space.responses()]
        for prompt in rewards.space.prompts
    ]
    return np.logaddexp.reduce(np.array(totals) / temperature, axis=1)


def log_prob(logits, prompt, response):
    return AutoregressiveModel(logits).log_prob(response, prompt=prompt)


def policy(rewards):
    return EnergyBasedModel(rewards).to_autoregressive().policy


def entropy(logits):
    return AutoregressiveModel(logits).entropy()


def kl(logits_p, logits_q):
    return kl_divergence(AutoregressiveModel(logits_p), AutoregressiveModel(logits_q))


def sampler(logits, n, rng):
    return AutoregressiveModel(logits).sample(n, rng=rng)


_TABLE = {"adapter": "table"}

RIGHT = (
    Entry("library table, flat recursion", "soft-bellman", soft_bellman, _TABLE | {"prompts": True, "masks": True}),
    Entry("library inverse", "inverse", inverse, _TABLE | {"lengths": "both", "masks": True}),
    Entry(
        "library table, log-partition by reading it",
        "log-partition",
        log_partition,
        _TABLE | {"prompts": True, "lengths": "both", "masks": True},
    ),
    Entry("library log-probability", "log-prob", log_prob, _TABLE | {"prompts": True, "lengths": "both"}),
    Entry("library policy", "policy", policy, _TABLE | {"view": "rewards", "lengths": "both", "masks": True}),
    Entry("library marginals", "marginals", prefix_marginals, _TABLE | {"lengths": "both", "masks": True}),
    Entry("library entropy", "entropy", entropy, _TABLE | {"prompts": True, "lengths": "both"}),
    Entry("library KL", "kl", kl, _TABLE | {"prompts": True, "masks": True}),
    Entry("library sampler", "sampler", sampler, _TABLE | {"lengths": "both", "masks": True}),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def rows_for_columns(rewards):
    logits, values = [], []
    for level in reversed(rewards.levels):
        q, V = level.copy(), rewards.space.n_tokens
        if values:
            q[:V] += values[-1].reshape(-1, V).T  # the first token is the fastest: reshape(V, -1)
        logits.append(q)
        values.append(np.logaddexp.reduce(q, axis=0))
    space = rewards.space
    return StateActionTable.from_levels(space, logits[::-1]), StateTable.from_levels(space, values[::-1])


def first_prompt_for_all(rewards):
    logits, values = [], []
    P, V = rewards.space.n_prompts, rewards.space.n_tokens
    for level in reversed(rewards.levels):
        q = level.copy()
        if values:
            q[:V] += values[-1][::P].repeat(P).reshape(V, -1)  # prompts share no states
        logits.append(q)
        values.append(np.logaddexp.reduce(q, axis=0))
    space = rewards.space
    return StateActionTable.from_levels(space, logits[::-1]), StateTable.from_levels(space, values[::-1])


def last_reward_is_zero(logits):
    rewards = inverse_soft_bellman(logits)
    return StateActionTable.from_levels(rewards.space, [*rewards.levels[:-1], 0.0 * rewards.levels[-1]])  # r = q there


def one_normaliser(rewards, prompt, response):
    totals = log_partition(rewards)
    total = sum(rewards[prompt, response[:t], action] for t, action in enumerate(response))
    return total - np.logaddexp.reduce(totals)  # each prompt has its own


def longest_only(rewards):
    space = rewards.space
    longest = [y for y in space.responses() if len(y) == space.max_length]  # shorter ones are responses, too
    return np.logaddexp.reduce([sum(rewards[None, y[:t], a] for t, a in enumerate(y)) for y in longest])


def unweighted_entropy(logits):
    return -AutoregressiveModel(logits).log_probabilities().mean()  # the mean under p, not over responses


WRONG = (
    Entry("library table, rows for columns", "soft-bellman", rows_for_columns, _TABLE, ("prefix-order",)),
    Entry(
        "library table, the first prompt for all",
        "soft-bellman",
        first_prompt_for_all,
        _TABLE | {"prompts": True},
        ("prompts-merged",),
    ),
    Entry(
        "library inverse with a last reward of 0",
        "inverse",
        last_reward_is_zero,
        _TABLE | {"masks": False},
        ("inverse-last-zero",),
    ),
    Entry(
        "library table, one normaliser",
        "log-prob",
        one_normaliser,
        _TABLE | {"view": "rewards", "prompts": True},
        ("prompts-pooled",),
    ),
    Entry("library table, the longest only", "log-partition", longest_only, _TABLE, ("longest-only",)),
    Entry(
        "library entropy, unweighted",
        "entropy",
        unweighted_entropy,
        _TABLE | {"masks": False},
        ("entropy-unweighted",),
    ),
)
