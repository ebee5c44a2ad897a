"""The geometry of the bijection: one metric in two coordinates, and the gradient that is the same in both.

Rewards and logits are two coordinates of one family of distributions over responses.  Its Fisher metric is a block for
each prefix in logits, and the covariance of whole responses in rewards; M carries one into the other.  A plain gradient
step depends on the coordinates; a natural one does not.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, expectation
from tabular_bellman.inputs import expect
from tabular_bellman.learning import (
    checked_prompt_weights,
    per_prefix,
    refuse_infinite,
    risk_weights,
    same_space,
    soft_bellman_pushforward,
)
from tabular_bellman.models import AutoregressiveModel
from tabular_bellman.recursion import soft_bellman
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable

__all__ = ["autoregressive_fisher_product", "energy_based_fisher_product", "natural_gradient"]


def autoregressive_fisher_product(
    logits: StateActionTable, tangent: StateActionTable, prompt_weights: ArrayLike | None = None
) -> StateActionTable:
    """Return F_q d: the Fisher information matrix of responses, in logits, times d.

    Parameters
    ----------
    logits : StateActionTable
        q, in nats.
    tangent : StateActionTable
        d, finite; what it says at forbidden actions makes no difference.
    prompt_weights : array_like of shape (P,), optional
        The chance of each prompt; equal if absent.

    Returns
    -------
    StateActionTable
        P(s) π(a|s) (d(s, a) - Σ_b π(b|s) d(s, b)), weighted by the prompt; 0 at forbidden actions.

    Raises
    ------
    TabularBellmanError
        For different spaces, a tangent that is not finite, weights that are not a distribution over the prompts, and
        logits that are no model (as `AutoregressiveModel`).

    Notes
    -----
    F_q = E_X E_Y[∇ log p(Y|X) ∇ log p(Y|X)ᵀ], the mean over prompts, not the sum: a risk is a mean with the same
    weights, which cancel where F_q d = ∇L is solved.  ∂ log p(y)/∂q(s, b) = 1{b taken} - π(b|s)
    where y passes s, and 0 elsewhere.  Given the prefix it has mean 0, so that terms of two prefixes do not correlate,
    and F_q has one block for each prefix: P(s) times the covariance of the action taken.  The quadratic form is
    Σ_s P(s) Var_π d(s, ·).

    Beyond the paper.  The metric: C. R. Rao (1945); as that of a policy over trajectories, S. Kakade (2001).

    Examples
    --------
    >>> from tabular_bellman import EOS, SequenceSpace, StateActionTable
    >>> from tabular_bellman.geometry import autoregressive_fisher_product
    >>> space = SequenceSpace(1, max_length=3)
    >>> stop = StateActionTable.from_function(space, lambda x, s, a: float(a is EOS))
    >>> autoregressive_fisher_product(StateActionTable.zeros(space), stop).to_vector()
    array([-0.25 ,  0.25 , -0.125,  0.125,  0.   ])
    """
    space = same_space(logits, tangent, "the tangent", "the table of logits")
    return _blocks(AutoregressiveModel(logits), tangent.levels, checked_prompt_weights(space, prompt_weights))[0]


def energy_based_fisher_product(
    reward: StateActionTable, tangent: StateActionTable, prompt_weights: ArrayLike | None = None
) -> StateActionTable:
    """Return F_r d: the Fisher information matrix of responses, in rewards, times d: the Hessian of E[A_R] times d.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats.
    tangent : StateActionTable
        d, finite; what it says at forbidden actions makes no difference.
    prompt_weights : array_like of shape (P,), optional
        The chance of each prompt; equal if absent.

    Returns
    -------
    StateActionTable
        Cov_p(1{Y passes s and takes a}, R_d(Y)), weighted by the prompt; R_d(y) is the sum of d along y.

    Raises
    ------
    TabularBellmanError
        As `autoregressive_fisher_product`; and if every response to a prompt is forbidden.

    Notes
    -----
    ∂ log p(y)/∂r(s, a) = 1{y takes (s, a)} - p(s, a), and Σ of these times d is R_d(y) - E R_d; hence the covariance.
    One backward pass gives D(s, a) = E[Σ of d from (s, a) on] = (J_M d)(s, a), one forward pass adds up the advantages
    D(s, a) - Σ_b π(b|s) D(s, b) along each prefix; up to (s, a) they come to E[R_d | (s, a)] - E R_d.  Advantages times
    P(s) π(a|s) are F_q J_M d, and adding up what arrives is J_Mᵀ: F_r = J_Mᵀ F_q J_M.  The quadratic form is
    Var_p R_d(Y), 0 exactly for potential shaping and constants.

    Beyond the paper.  That Fisher information transforms so: S. Amari (1998), and C. R. Rao (1945) for the metric.

    Examples
    --------
    >>> from tabular_bellman import EOS, SequenceSpace, StateActionTable
    >>> from tabular_bellman.geometry import energy_based_fisher_product
    >>> space = SequenceSpace(1, max_length=2)
    >>> stop = StateActionTable.from_function(space, lambda x, s, a: float(not s and a is EOS))
    >>> energy_based_fisher_product(StateActionTable.zeros(space), stop).to_vector()
    array([-0.25,  0.25, -0.25])
    """
    space = same_space(reward, tangent, "the tangent")
    weights = checked_prompt_weights(space, prompt_weights)
    with np.errstate(over="ignore", invalid="ignore"):  # `_blocks` refuses what is not finite
        changes = soft_bellman_pushforward(reward, tangent)
    return _blocks(AutoregressiveModel(soft_bellman(reward)[0]), changes.levels, weights)[1]


def natural_gradient(
    model: SequenceModel, target: SequenceModel, prompt_weights: ArrayLike | None = None
) -> StateActionTable:
    """Return the natural gradient of the risk, one table for both views: of L^ARM in logits and of L^EBM in rewards.

    Parameters
    ----------
    model : EnergyBasedModel or AutoregressiveModel
        p, whose rewards (divided by their temperature) or logits are to be moved, against this gradient.
    target : SequenceModel
        ρ(y|x), over the same space.
    prompt_weights : array_like of shape (P,), optional
        The chance of each prompt; equal if absent.  They cancel, but for those that are 0.

    Returns
    -------
    StateActionTable
        d(s, a) = P_ρ(s)/P_p(s) - P_ρ(s, a)/P_p(s, a); 0 at forbidden actions, at prefixes that are never passed, and
        for prompts of weight 0.

    Raises
    ------
    TabularBellmanError
        For different spaces, and weights that are not a distribution over the prompts; where the model forbids a
        response that the target allows (the risk is inf); and where ρ/p is beyond the range of float64.

    Notes
    -----
    In logits: P_p(s) π_p (d - Σ_b π_p d) = P_ρ(s) (π_p - π_ρ), since d has mean 0 under π_p; so F_q d = ∇_q L.
    In rewards: J_M d = d for the same reason, and F_r d = J_Mᵀ F_q J_M d = J_Mᵀ ∇_q L = ∇_r L.  Along any response d
    telescopes to R_d(y) = 1 - ρ(y)/p(y): the change of log p(y), whatever the coordinates.  Other solutions differ by
    what changes no p(y): shifts at each prefix in logits, potential shaping in rewards.  The plain gradients,
    `autoregressive_risk_gradient` and `energy_based_risk_gradient`, change log p(y) differently from each other.

    Hypotheses: p(y) > 0 wherever ρ(y) > 0.  Beyond the paper.  The natural gradient: S. Amari (1998); of policies,
    S. Kakade (2001), where it is the advantage, here that of the reward ρ(y)/p(y) with the sign turned.

    Examples
    --------
    >>> import numpy as np
    >>> from tabular_bellman import EnergyBasedModel, SequenceSpace, StateActionTable
    >>> from tabular_bellman.geometry import natural_gradient
    >>> space = SequenceSpace(1, max_length=3)
    >>> target = EnergyBasedModel(StateActionTable.from_responses(space, np.log([0.5, 0.25, 0.25])))
    >>> model = EnergyBasedModel(StateActionTable.zeros(space))
    >>> step = natural_gradient(model, target)
    >>> arm = model.to_autoregressive()
    >>> after = [EnergyBasedModel(model.reward - 1e-6 * step), type(arm)(arm.logits - 1e-6 * step)]
    >>> [(1e6 * (p.log_probabilities() - model.log_probabilities())).round(4) for p in after]  # ρ/p - 1
    [array([[ 0.5 , -0.25, -0.25]]), array([[ 0.5 , -0.25, -0.25]])]
    """
    expect(SequenceModel, model, "the model", "Make it an AutoregressiveModel or an EnergyBasedModel.")
    space = model.space
    weights = risk_weights(space, target, prompt_weights)
    refuse_infinite(model, target, weights)
    pairs = zip(model.prefix_log_probs.levels, model.log_policy.levels, strict=True)
    others = zip(target.prefix_log_probs.levels, target.log_policy.levels, strict=True)
    levels = []
    for t, ((passing, policy), (their_passing, their_policy)) in enumerate(zip(pairs, others, strict=True)):
        counts = ~np.isneginf(policy) & ~np.isneginf(passing) & (per_prefix(weights, policy) > 0.0)
        with np.errstate(invalid="ignore", over="ignore"):
            here = np.where(counts, their_passing - passing, -np.inf)  # log ρ(s)/p(s)
            step = np.where(counts, their_policy - policy, 0.0)
            level = np.exp(here) - np.exp(here + step)
        _refuse_overflow(space, t, level, "ρ/p")
        levels.append(level + 0.0)
    return StateActionTable.from_levels(space, levels)


def _blocks(
    model: AutoregressiveModel, changes: Sequence[FloatArray], weights: FloatArray
) -> tuple[StateActionTable, StateActionTable]:
    """Chances of pairs times the advantages of `changes`: at each prefix alone, and added up along it."""
    space, alone, added = model.space, [], []
    so_far = np.zeros(space.n_prompts)
    for t, (log_policy, passing) in enumerate(zip(model.log_policy.levels, model.prefix_log_probs.levels, strict=True)):
        policy = np.exp(log_policy)
        with np.errstate(over="ignore", invalid="ignore"):
            advantage = np.where(policy > 0.0, changes[t] - expectation(policy, changes[t], axis=0), 0.0)
            total = so_far + advantage
        _refuse_overflow(space, t, total, "the sum of the tangent")
        chance = np.exp(passing + log_policy) * per_prefix(weights, log_policy)
        alone.append(chance * advantage + 0.0)
        added.append(chance * total + 0.0)
        so_far = total[: space.n_tokens].reshape(-1)
    return StateActionTable.from_levels(space, alone), StateActionTable.from_levels(space, added)


def _refuse_overflow(space: SequenceSpace, t: int, level: FloatArray, what: str) -> None:
    if not np.isfinite(level).all():
        row, index = (int(i) for i in np.argwhere(~np.isfinite(level))[0])
        raise TabularBellmanError(
            f"{what} overflows float64 at {space.where(t, index, row)}; bring the numbers nearer together."
        )
