"""msdm (MIT): models of sequential decision making, https://github.com/markkho/msdm.

`entropy_regularized_policy_iteration` finds max Σ r - τ KL(π‖prior): at the optimum V = τ log Σ prior exp(q/τ), our
soft Bellman map with a reference.  On a tree it is exact after as many rounds as there are steps.

A prior of 1 for each action that exists gives sums without a reference, a prior of 0 forbids.  Rewards have to be
finite.  A terminal state has no way out at all: absorbing, and without a discount, it makes the equations singular.
"""

import numpy as np
import torch
from msdm.algorithms.entregpolicyiteration import entropy_regularized_policy_iteration


def soft_bellman(rewards, next_state, terminal, *, temperature=1.0, discount=1.0, reference=None):
    weight = _same_dtype(temperature, rewards)
    return _plan(rewards, next_state, terminal, weight, discount, reference, force_nonzero_probabilities=False)


def soft_bellman_by_default(rewards, next_state, terminal, *, temperature=1.0, discount=1.0, reference=None):
    """The same with the package's default of a smallest probability."""
    return _plan(rewards, next_state, terminal, _same_dtype(temperature, rewards), discount, reference)


def soft_bellman_of_float(rewards, next_state, terminal, *, temperature=1.0, discount=1.0, reference=None):
    """The same with the temperature as a number of Python, not a tensor."""
    return _plan(rewards, next_state, terminal, temperature, discount, reference, force_nonzero_probabilities=False)


def soft_bellman_without_prior(rewards, next_state, terminal, *, temperature=1.0, discount=1.0):
    """The package's default of a prior; what does not exist costs 1e9."""
    finite = np.where(np.isfinite(rewards), rewards, -1e9)
    return _run(finite, next_state, terminal, _same_dtype(temperature, rewards), discount)


def _same_dtype(x, array):
    return torch.tensor([x], dtype=torch.from_numpy(array).dtype)


def _plan(rewards, next_state, terminal, weight, discount, reference, **settings):
    exists = np.isfinite(rewards)
    prior = np.where(exists, 1.0 if reference is None else reference, 0.0).astype(rewards.dtype)
    prior[terminal] = np.eye(1, rewards.shape[1])  # a single action, so that V = 0
    first = np.where((prior > 0.0).any(axis=1, keepdims=True), prior > 0.0, 1.0).astype(rewards.dtype)
    first /= first.sum(axis=1, keepdims=True)  # the package's own is NaN where everything is forbidden
    settings |= {"policy_prior": torch.from_numpy(prior), "initial_policy": torch.from_numpy(first)}
    logits, values = _run(np.where(exists, rewards, 0.0), next_state, terminal, weight, discount, **settings)
    return np.where(exists, logits, -np.inf), values


def _run(rewards, next_state, terminal, weight, discount, **settings):
    n_states, n_actions = rewards.shape
    transitions = np.zeros((n_states, n_actions, n_states), dtype=rewards.dtype)
    np.put_along_axis(transitions, next_state[:, :, None], 1.0, axis=2)
    transitions[terminal] = 0.0
    plan = entropy_regularized_policy_iteration(
        transition_matrix=torch.from_numpy(transitions),
        reward_matrix=torch.from_numpy(rewards[:, :, None]),
        discount_rate=discount,
        entropy_weight=weight,
        n_planning_iters=n_states + 1,
        check_convergence=False,
        **settings,
    )
    return plan.action_values.numpy(), plan.state_values.numpy()
