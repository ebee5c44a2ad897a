"""One reward for each model, or for each R: four ways to choose, each a function of any reward that gives it.

Each function maps a reward to another of the same model, and all rewards of an orbit to one and the same; so applying
it again changes nothing (up to rounding), and two rewards give one model if and only if their representatives agree.
What no allowed response takes becomes -inf, since it is no part of the model (`gauges.pruned`): only so is there one
table for each.

| function | its mark | keeps R |
|---|---|---|
| `terminal_reward` | r = 0 but at the last step of each response | yes |
| `minimum_norm_reward` | r at the step into s is the sum of r(s, a) | yes, or up to a constant |
| `log_normalised_reward` | Σ_a exp r(s, a) = 1 | up to the log-partition |
| `centered_reward` | Σ_a r(s, a) = 0 | up to the mean under uniform choices |

Of logits, `StateActionTable.log_softmax` and `StateActionTable.centered` (which is the one of least norm) are such
choices: of one table for each policy.  Where something is forbidden, two policies of one model may differ at prefixes
that no allowed response passes; `gauges.pruned`, before either, makes it one table for each model.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.gauges import live_pairs, pruned
from tabular_bellman.inputs import expect
from tabular_bellman.number_systems import LogFloat
from tabular_bellman.recursion import forward, soft_bellman
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable, StateTable

__all__ = ["centered_reward", "log_normalised_reward", "minimum_norm_reward", "terminal_reward"]

# Of floats; or of fractions, since only field operations are used.
Numbers = NDArray[Any]


def terminal_reward(reward: StateActionTable) -> StateActionTable:
    """Return the reward that pays R on the last step of each response, and nothing before.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids.

    Returns
    -------
    StateActionTable
        0 at the steps of allowed responses but their last, R there, -inf elsewhere.

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden, and where R overflows.

    Notes
    -----
    Eq. (5) read from right to left, as in Appendix B.3.  It is r.shaped(φ) with φ(s) minus what has been paid on the
    way to s.  R is added up from the first step on, as `EnergyBasedModel` does, and kept to the last bit.  There is
    one such table for each R, since each response has a last pair of its own.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.representatives import terminal_reward
    >>> space = SequenceSpace(1, max_length=2)
    >>> reward = StateActionTable.from_arrays(space, [[[1.0, 5.0]], [[[2.0]]]])
    >>> [level.ravel().tolist() for level in terminal_reward(reward).levels]
    [[0.0, 5.0], [3.0]]
    """
    steps = pruned(reward)
    space = steps.space
    try:
        with np.errstate(over="raise"):
            so_far = forward(space, LogFloat(), steps.levels)
            totals = [level + before for level, before in zip(steps.levels, so_far, strict=True)]
    except FloatingPointError:
        raise TabularBellmanError("the rewards of a response overflow float64; scale them down.") from None
    for t, (level, step) in enumerate(zip(totals, steps.levels, strict=True)):
        if t + 1 < space.n_depths:
            level[: space.n_tokens] = np.where(np.isneginf(step[: space.n_tokens]), -np.inf, 0.0)
    return StateActionTable._wrap(space, totals)


def log_normalised_reward(reward: StateActionTable) -> StateActionTable:
    """Return log π, the next-action log-probabilities of the reward's model, as a reward.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids.

    Returns
    -------
    StateActionTable
        log π(a|s) of M(r) wherever an allowed response passes, -inf elsewhere.

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden, and where the sums overflow float64.

    Notes
    -----
    Section 2.2.  It is r.shaped(-V), with V the values of r: r(s, a) - V(s) + V(s⊕a) = M(r)(s, a) - V(s).  Its own
    values are 0, so that M leaves it as it is, and its log-partition is 0: R is log p(y).  There is one such table
    for each model, since π is determined by p wherever a response passes.  In automata this is to push weights: Mohri
    (1997, 2009).

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, soft_bellman
    >>> from tabular_bellman.representatives import log_normalised_reward
    >>> reward = StateActionTable.random(SequenceSpace(2, max_length=3), rng=0)
    >>> found = log_normalised_reward(reward)
    >>> soft_bellman(found)[0].allclose(found, atol=1e-15)
    True
    """
    return soft_bellman(pruned(reward))[0].log_softmax()


def minimum_norm_reward(reward: StateActionTable, *, free_constant: bool = False) -> StateActionTable:
    """Return the reward of least Σ r² among those with the same R, or with the same model.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids.
    free_constant : bool, default False
        False: among rewards with the same R.  True: among all with the same model, R being free up to a constant for
        each prompt.

    Returns
    -------
    StateActionTable
        -inf where no allowed response passes; the sum of squares is over the rest.

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden, and where the sums overflow float64.

    Notes
    -----
    Beyond the paper.  The least Σ (r + φ(s) - φ(s⊕a))² over φ is where its derivatives are 0: at each prefix but the
    root, r at the step into s is the sum of r(s, a) over what follows; with `free_constant`, the sum is 0 at the root.
    That is Kirchhoff's law for currents r in a network of unit conductances with tension R across each response, so
    it is solved as such a tree is.  All that follows a prefix acts as one conductance c(s), a step before it in
    series, g(s, a) = c/(1 + c) at s⊕a (1 at the last step), and the steps of s in parallel, c(s) = Σ_a g(s, a).  With
    the mean of what is still to come, w(s) = Σ_a g(s, a) (r(s, a) + w(s⊕a)) / c(s), the least sum of squares below s is
    c(s) (φ(s) + w(s))² and a constant; so φ(x) is 0, or -w(x), and onwards
    φ(s⊕a) = g(s, a)/c(s⊕a) · (r(s, a) + w(s⊕a) + φ(s)) - w(s⊕a).  Two sweeps over the tree, without a linear solver.
    There is one such table, since the sum of squares is strictly convex.

    The member of least norm as the one that stands for shaped rewards: Skalse et al. (2024, STARC); members that are
    least in other ways: Jenner and Gleave (2022); least squares: Belomestny et al. (2025).  For the two sweeps no
    source was found.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.representatives import minimum_norm_reward
    >>> reward = StateActionTable.from_responses(SequenceSpace.fixed_length(1, 3), [6.0])
    >>> [level.item() for level in minimum_norm_reward(reward).levels]  # R = 6 in equal parts
    [2.0, 2.0, 2.0]
    """
    return _shaped(reward, partial(_least_norm, free_constant=free_constant))


def centered_reward(reward: StateActionTable) -> StateActionTable:
    """Return the reward of the same model whose mean over the allowed actions of each prefix is 0.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids.

    Returns
    -------
    StateActionTable
        -inf where no allowed response passes; each action that some allowed response takes counts the same.

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden, and where the sums overflow float64.

    Notes
    -----
    Beyond the paper.  It is r.shaped(φ) with φ(s) = -mean_a(r(s, a) - φ(s⊕a)), which is minus the mean reward still to
    come where each allowed action is equally likely: from the last step back, this is the only φ that makes the
    means 0, so that there is one such table for each model.  It is the advantage function of the uniform policy.  R
    moves by φ(x), and with it the log-partition.  A forced step is paid 0.  Rewards made canonical by means over given
    actions, and states besides: Gleave et al. (2021).

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.representatives import centered_reward
    >>> reward = StateActionTable.from_responses(SequenceSpace(1, max_length=2), [1.0, 5.0])
    >>> [level.ravel().tolist() for level in centered_reward(reward).levels]
    [[2.0, -2.0], [0.0]]
    """
    return _shaped(reward, _centring)


def _shaped(reward: StateActionTable, find: Callable[..., list[Numbers]]) -> StateActionTable:
    """Shape a reward by the potential that is found for it, and forbid what no allowed response takes."""
    expect(StateActionTable, reward, "the table")
    space, live = reward.space, live_pairs(reward)
    steps = [np.where(allowed, level, 0.0) for allowed, level in zip(live, reward.levels, strict=True)]
    try:
        with np.errstate(over="raise"):
            potential = find(space, live, steps)
    except FloatingPointError:
        raise TabularBellmanError("the rewards overflow float64 where they are added up; scale them down.") from None
    shaped = StateActionTable._wrap(space, steps).shaped(StateTable._wrap(space, potential))
    levels = [np.where(allowed, level, -np.inf) for allowed, level in zip(live, shaped.levels, strict=True)]
    return StateActionTable._wrap(space, levels)


def _ahead(space: SequenceSpace, level: Numbers, below: Numbers | None) -> Numbers:
    """Return level(s, a) + below(s⊕a); what ends a response leads nowhere."""
    found = level.copy()
    if below is not None:
        found[: space.n_tokens] += below.reshape(space.n_tokens, -1)
    return found


def _centring(space: SequenceSpace, live: Sequence[NDArray[np.bool_]], steps: Sequence[Numbers]) -> list[Numbers]:
    """Return φ for `centered_reward`; 0 where no allowed response passes.  Steps are r, and 0 where not live."""
    potential: list[Numbers] = []
    mean: Numbers | None = None  # of what is still to come
    for t in reversed(range(space.n_depths)):
        to_come = np.where(live[t], _ahead(space, steps[t], mean), 0)
        mean = to_come.sum(axis=0) / np.maximum(live[t].sum(axis=0), 1)
        potential.append(-mean)
    return potential[::-1]


def _least_norm(
    space: SequenceSpace, live: Sequence[NDArray[np.bool_]], steps: Sequence[Numbers], *, free_constant: bool
) -> list[Numbers]:
    """Return φ for `minimum_norm_reward`; 0 where no allowed response passes.  Steps are r, and 0 where not live."""
    V = space.n_tokens
    conductances: list[Numbers] = []  # c(s), and 1 where no allowed response passes
    means: list[Numbers] = []  # w(s)
    for t in reversed(range(space.n_depths)):
        g = steps[t] * 0 + 1  # a 1 of their kind
        if means:
            c = conductances[-1].reshape(V, -1)
            g[:V] = c / (1 + c)
        g = np.where(live[t], g, 0)
        conductances.append(np.where(live[t].any(axis=0), g.sum(axis=0), 1))
        to_come = _ahead(space, steps[t], means[-1] if means else None)
        means.append((g * to_come).sum(axis=0) / conductances[-1])
    conductances, means = conductances[::-1], means[::-1]
    potential = [-means[0] if free_constant else means[0] * 0]
    for t in range(space.n_depths - 1):
        c, w = conductances[t + 1].reshape(V, -1), means[t + 1].reshape(V, -1)
        after = (steps[t][:V] + potential[-1] + w) / (1 + c) - w
        potential.append(np.where(live[t][:V], after, 0).reshape(-1))
    return potential
