"""irl-maxent (MIT): maximum-entropy inverse reinforcement learning, https://github.com/qzed/irl-maxent.

The package pays rewards for states, on leaving them.  So each (prefix, action) gets a state of its own, which pays the
reward of the pair and has one way out; prefixes pay 0.  A forbidden action has no transition.
"""

import numpy as np
from irl_maxent import maxent


def policy(rewards, next_state, terminal):
    """The backward pass: what leaves the terminal state counts, so it has a single action, back to itself."""
    transitions, terminals, paid = _pair_states(rewards, next_state, terminal)
    return maxent.local_action_probabilities(transitions, terminals, paid)[: len(rewards)]


def policy_absorbing_under_all_actions(rewards, next_state, terminal):
    """The same with a terminal state that every action leads back to."""
    transitions, terminals, paid = _pair_states(rewards, next_state, terminal)
    transitions[terminals, terminals, :] = 1.0
    return maxent.local_action_probabilities(transitions, terminals, paid)[: len(rewards)]


def marginals(rewards, next_state, terminal):
    """Backward and forward pass, until nothing changes."""
    transitions, terminals, paid = _pair_states(rewards, next_state, terminal)
    starts = _starts(next_state, len(paid))
    return maxent.compute_expected_svf(transitions, starts, terminals, paid, eps=0.0)[: len(rewards)]


def marginals_of_logits(logits, next_state, terminal, eps=0.0):
    """The forward pass alone, of softmax(logits)."""
    n_states, n_actions = logits.shape
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    transitions = np.zeros((n_states, n_states, n_actions))
    np.put_along_axis(transitions, next_state[:, None, :], 1.0, axis=1)
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    starts = _starts(next_state, n_states)
    return maxent.expected_svf_from_policy(transitions, starts, np.flatnonzero(terminal), probabilities, eps)


def _pair_states(rewards, next_state, terminal):
    """Transitions [from, to, action], terminal states, rewards of states: first the states, then the pairs."""
    n_states, n_actions = rewards.shape
    pairs = np.argwhere(np.isfinite(rewards) & ~terminal[:, None])
    n = n_states + len(pairs)
    transitions, paid = np.zeros((n, n, n_actions)), np.zeros(n)
    transitions[terminal.nonzero(), terminal.nonzero(), 0] = 1.0
    for pair, (s, a) in enumerate(pairs, start=n_states):
        transitions[s, pair, a] = 1.0
        transitions[pair, next_state[s, a], 0] = 1.0
        paid[pair] = rewards[s, a]
    return transitions, np.flatnonzero(terminal), paid


def _starts(next_state, n):
    """1 for each state that nothing leads to: the prompts."""
    starts = np.zeros(n)
    starts[np.setdiff1d(np.arange(len(next_state)), next_state)] = 1.0
    return starts
