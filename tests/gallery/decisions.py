"""Finite decision processes: (S, A) arrays and value iteration, in numpy."""

import numpy as np

from gallery.entry import Entry

__all__ = ["RIGHT", "WRONG"]


def _lse(q):
    return np.logaddexp.reduce(q, axis=1)


def _softmax(q):
    top = np.maximum(q.max(axis=1, keepdims=True), np.finfo(float).min)
    weights = np.exp(q - top)
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)


# -- right ------------------------------------------------------------------------------------------------------------


def value_iteration(rewards, next_state, terminal, temperature=1.0, discount=1.0):
    v = np.zeros(len(rewards))
    while True:
        q = rewards + discount * v[next_state]
        new = np.where(terminal, 0.0, temperature * _lse(q / temperature))
        if np.array_equal(new, v):
            return q, v
        v = new


def backwards(rewards, next_state, terminal, reference):
    """States stand in the order of their depth."""
    q, v = np.array(rewards), np.zeros(len(rewards))
    for s in reversed(np.flatnonzero(~terminal)):
        q[s] += v[next_state[s]]
        allowed = reference[s] > 0.0
        v[s] = np.logaddexp.reduce(q[s, allowed] + np.log(reference[s, allowed]), initial=-np.inf)
    return q, v


def inverse(logits, next_state, terminal, temperature=1.0, discount=1.0):
    v = np.where(terminal, 0.0, temperature * _lse(logits / temperature))
    return logits - discount * v[next_state]


def log_partition(rewards, next_state, terminal, temperature=1.0):
    starts = np.setdiff1d(np.arange(len(rewards)), next_state)  # where nothing leads to
    _, v = value_iteration(rewards, next_state, terminal, temperature)
    return v[starts] / temperature


def policy(rewards, next_state, terminal, temperature=1.0):
    q, _ = value_iteration(rewards, next_state, terminal, temperature)
    return _softmax(q / temperature)


def marginals(logits, next_state, terminal):
    """Push the mass forwards until all of it has ended."""
    start = np.ones(len(logits))
    start[next_state.ravel()] = 0.0
    moving, passed, pi = start, start.copy(), _softmax(logits)
    while moving.any():
        here, moving = moving, np.zeros_like(start)
        np.add.at(moving, next_state, here[:, None] * pi)
        moving[terminal] = 0.0
        passed += moving
    return passed


def entropy(logits, next_state, terminal):
    """The entropy of what follows, as a value of its own: H(s) = Σ π (H(child) - log π)."""
    pi = _softmax(logits)
    surprise = -np.log(np.where(pi > 0.0, pi, 1.0))
    h = np.zeros(len(logits))
    for s in reversed(np.flatnonzero(~terminal)):
        h[s] = pi[s] @ (surprise[s] + h[next_state[s]])
    return h[0]


def gradient(rewards, next_state, terminal):
    q, _ = value_iteration(rewards, next_state, terminal)
    return marginals(q, next_state, terminal)[:, None] * _softmax(q)


def kl(logits_p, logits_q, next_state, terminal):
    """The divergence of what follows, as a value of its own: K(s) = Σ π (log π/π_q + K(child))."""
    k = np.zeros(len(logits_p))
    for s in reversed(np.flatnonzero(~terminal)):
        possible = logits_p[s] > -np.inf
        log_p, log_q = (x[s] - np.logaddexp.reduce(x[s]) for x in (logits_p, logits_q))
        ahead = (log_p - log_q)[possible] + k[next_state[s, possible]]
        k[s] = np.inf if np.any(np.isposinf(ahead)) else np.exp(log_p[possible]) @ ahead
    return k[0]


_MDP = {"adapter": "mdp"}
_MASKED = {"adapter": "mdp", "lengths": "both", "masks": True}

RIGHT = (
    Entry("soft value iteration", "soft-bellman", value_iteration, _MASKED),
    Entry("soft value iteration with prompts", "soft-bellman", value_iteration, _MDP | {"prompts": True}),
    Entry("backward induction with a reference", "soft-bellman", backwards, _MASKED),
    Entry("inverse soft Bellman of an MDP", "inverse", inverse, _MASKED),
    Entry("log-partition of an MDP with several starts", "log-partition", log_partition, _MASKED | {"prompts": True}),
    Entry("maximum-entropy policy of an MDP", "policy", policy, _MASKED | {"view": "rewards"}),
    Entry("occupancy of an MDP", "marginals", marginals, _MASKED),
    Entry("entropy of an MDP's trajectories", "entropy", entropy, _MASKED),
    Entry("occupancy as a gradient", "gradient", gradient, _MASKED | {"of": "log-partition"}),
    Entry("KL of an MDP's trajectories", "kl", kl, _MASKED),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def hard_value_iteration(rewards, next_state, terminal):
    v = np.zeros(len(rewards))
    for _ in range(len(rewards)):
        q = rewards + v[next_state]
        v = np.where(terminal, 0.0, q.max(axis=1))  # log Σ exp
    return q, v


def two_sweeps(rewards, next_state, terminal):
    v = np.zeros(len(rewards))
    for _ in range(2):  # as many as there are steps
        q = rewards + v[next_state]
        v = np.where(terminal, 0.0, _lse(q))
    return q, v


def terminal_not_zero(rewards, next_state, terminal):
    q, v = rewards.copy(), np.full(len(rewards), np.log(rewards.shape[1]))  # a terminal state has value 0
    for s in reversed(np.flatnonzero(~terminal)):
        q[s] += v[next_state[s]]
        v[s] = np.logaddexp.reduce(q[s])
    return q, v


def lost_factor(rewards, next_state, terminal, temperature):
    v = np.zeros(len(rewards))
    for _ in range(len(rewards)):
        q = rewards + v[next_state]
        v = np.where(terminal, 0.0, _lse(q / temperature))  # lacks temperature *
    return q, v


def expected_value_iteration(rewards, next_state, terminal):
    v = np.zeros(len(rewards))
    for _ in range(len(rewards)):
        q = rewards + v[next_state]
        expected = np.where(np.isneginf(q), 0.0, _softmax(q) * np.maximum(q, -1e300)).sum(axis=1)  # lacks the entropy
        v = np.where(terminal, 0.0, np.where(np.isneginf(q).all(axis=1), -np.inf, expected))
    return q, v


def discounts_everything(rewards, next_state, terminal, discount):
    v = np.zeros(len(rewards))
    for _ in range(len(rewards)):
        q = discount * (rewards + v[next_state])  # the reward of this step is due now
        v = np.where(terminal, 0.0, _lse(q))
    return q, v


def value_of_the_state_itself(logits, next_state, terminal):
    return logits - _lse(logits)[:, None]  # V[next_state]


def discount_forgotten(logits, next_state, terminal, discount):
    v = np.where(terminal, 0.0, _lse(logits))
    return logits - v[next_state]  # lacks discount *


def value_at_start(rewards, next_state, terminal, temperature):
    _, v = value_iteration(rewards, next_state, terminal, temperature)
    return v[0]  # V / τ


def boltzmann_without_temperature(rewards, next_state, terminal, temperature):
    q, _ = value_iteration(rewards, next_state, terminal, temperature)
    return _softmax(q)  # q / τ


def policy_as_occupancy(rewards, next_state, terminal):
    q, _ = value_iteration(rewards, next_state, terminal)
    return _softmax(q)  # a derivative of V(start) is weighted by the chance of getting there


def entropy_of_first_action(logits, next_state, terminal):
    pi = _softmax(logits)[0]
    return -np.sum(pi * np.log(np.where(pi > 0.0, pi, 1.0)))  # later actions have entropy, too


WRONG = (
    Entry("hard value iteration", "soft-bellman", hard_value_iteration, _MDP, ("hard-max",)),
    Entry("value iteration that stops after two sweeps", "soft-bellman", two_sweeps, _MDP, ("one-step-lookahead",)),
    Entry(
        "backward induction from a value that is not 0",
        "soft-bellman",
        terminal_not_zero,
        _MDP,
        ("terminal-not-zero",),
    ),
    Entry("value iteration that lost its factor τ", "soft-bellman", lost_factor, _MDP, ("lost-temperature",)),
    Entry("value iteration without entropy", "soft-bellman", expected_value_iteration, _MDP, ("expected-value",)),
    Entry(
        "value iteration that discounts rewards",
        "soft-bellman",
        discounts_everything,
        _MDP,
        ("discount-on-every-reward",),
    ),
    Entry(
        "inverse of an MDP by V(s)",
        "inverse",
        value_of_the_state_itself,
        _MDP,
        ("inverse-own-value",),
    ),
    Entry("inverse of an MDP without γ", "inverse", discount_forgotten, _MDP, ("inverse-discount-ignored",)),
    Entry("value for the log-partition of an MDP", "log-partition", value_at_start, _MDP, ("partition-scaled",)),
    Entry(
        "policy of an MDP without /τ",
        "policy",
        boltzmann_without_temperature,
        _MDP | {"view": "rewards"},
        ("policy-lost-temperature",),
    ),
    Entry(
        "policy for the occupancy of an MDP",
        "gradient",
        policy_as_occupancy,
        _MDP | {"of": "log-partition"},
        ("gradient-policy-only",),
    ),
    Entry("entropy of an MDP's first action", "entropy", entropy_of_first_action, _MDP, ("entropy-of-first-step",)),
)
