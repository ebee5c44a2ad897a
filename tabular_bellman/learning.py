"""Learning in function space: the risks of both views, their gradients, and how M carries gradients across.

The target ρ is any model; the risk averages over prompts with the given weights.  All in nats.
"""

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, expectation
from tabular_bellman.inputs import expect, float_array
from tabular_bellman.models import AutoregressiveModel, EnergyBasedModel
from tabular_bellman.recursion import soft_bellman
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable

__all__ = [
    "autoregressive_risk",
    "autoregressive_risk_gradient",
    "energy_based_risk",
    "energy_based_risk_gradient",
    "inverse_soft_bellman_pushforward",
    "log_partition_gradient",
    "soft_bellman_pullback",
    "soft_bellman_pushforward",
]


def autoregressive_risk(
    logits: StateActionTable, target: SequenceModel, prompt_weights: ArrayLike | None = None
) -> float:
    """Return L^ARM(q) = E[-log p_q(Y|X)], the next-token cross-entropy over whole responses (Section 4.1).

    Parameters
    ----------
    logits : StateActionTable
        q, in nats.
    target : SequenceModel
        ρ(y|x), over the same space.
    prompt_weights : array_like of shape (P,), optional
        The chance of each prompt; equal if absent.

    Returns
    -------
    float
        In nats; inf where q forbids a response that the target allows.

    Raises
    ------
    TabularBellmanError
        For different spaces, and weights that are not a distribution over the prompts.

    Examples
    --------
    >>> from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable
    >>> from tabular_bellman.learning import autoregressive_risk
    >>> logits = StateActionTable.zeros(SequenceSpace(2, max_length=2))
    >>> target = AutoregressiveModel(logits)
    >>> round(autoregressive_risk(logits, target) - target.entropy(), 12)
    0.0
    """
    model = AutoregressiveModel(logits)
    return _risk(model.space, model.log_probabilities(), target, prompt_weights)


def energy_based_risk(
    reward: StateActionTable, target: SequenceModel, prompt_weights: ArrayLike | None = None
) -> float:
    """Return L^EBM(R_r) = E[A_R(X) - R(X, Y)], the negative log-likelihood (Section 4.1).

    Parameters
    ----------
    reward : StateActionTable
        r, in nats.
    target : SequenceModel
        ρ(y|x), over the same space.
    prompt_weights : array_like of shape (P,), optional
        The chance of each prompt; equal if absent.

    Returns
    -------
    float
        In nats; inf where r forbids a response that the target allows.

    Raises
    ------
    TabularBellmanError
        As `autoregressive_risk`.
    """
    model = EnergyBasedModel(reward)
    return _risk(model.space, model.log_probabilities(), target, prompt_weights)


def autoregressive_risk_gradient(
    logits: StateActionTable, target: SequenceModel, prompt_weights: ArrayLike | None = None
) -> StateActionTable:
    """Return ∂L^ARM/∂q(s, a) = ρ(s) π_q(a|s) - ρ(s, a), weighted by the prompt (Appendix A.10).

    Parameters
    ----------
    logits : StateActionTable
        q, in nats.
    target : SequenceModel
        ρ(y|x), over the same space.
    prompt_weights : array_like of shape (P,), optional
        The chance of each prompt; equal if absent.

    Returns
    -------
    StateActionTable
        0 at forbidden actions.

    Raises
    ------
    TabularBellmanError
        As `autoregressive_risk`; and where the logits forbid a response that the target allows: the risk is inf.

    Examples
    --------
    >>> from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable
    >>> from tabular_bellman.learning import autoregressive_risk_gradient
    >>> logits = StateActionTable.zeros(SequenceSpace(1, max_length=2))
    >>> autoregressive_risk_gradient(logits, AutoregressiveModel(logits))[0]
    array([[0., 0.]])
    """
    model, weights = AutoregressiveModel(logits), risk_weights(logits.space, target, prompt_weights)
    refuse_infinite(model, target, weights)
    passing, policy = target.prefix_log_probs.levels, target.log_policy.levels
    levels = []
    for t, log_policy in enumerate(model.log_policy.levels):
        error = np.exp(passing[t]) * (np.exp(log_policy) - np.exp(policy[t]))
        levels.append(error * per_prefix(weights, error))
    return StateActionTable.from_levels(logits.space, levels)


def log_partition_gradient(reward: StateActionTable) -> StateActionTable:
    """Return ∂A_{R_r}/∂r(s, a): the chance that a response passes through s and takes a (Appendix A.11).

    Parameters
    ----------
    reward : StateActionTable
        r, in nats.

    Returns
    -------
    StateActionTable
        Of each prompt's own log-partition: prompts have separate trees.

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden.

    Notes
    -----
    One sweep down for M(r), one up for the chances: what a backward pass through the recursion gives.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.learning import log_partition_gradient
    >>> log_partition_gradient(StateActionTable.zeros(SequenceSpace(1, max_length=3)))[1].round(4)
    array([[[0.3333, 0.3333]]])
    """
    logits, _ = soft_bellman(reward)
    return StateActionTable.from_levels(reward.space, _pair_chances(AutoregressiveModel(logits)))


def energy_based_risk_gradient(
    reward: StateActionTable, target: SequenceModel, prompt_weights: ArrayLike | None = None
) -> StateActionTable:
    """Return ∂L^EBM/∂r(s, a) = p_R(s, a) - ρ(s, a), weighted by the prompt: model minus target (Appendix A.10).

    Parameters
    ----------
    reward : StateActionTable
        r, in nats.
    target : SequenceModel
        ρ(y|x), over the same space.
    prompt_weights : array_like of shape (P,), optional
        The chance of each prompt; equal if absent.

    Returns
    -------
    StateActionTable
        0 at forbidden actions.

    Raises
    ------
    TabularBellmanError
        As `autoregressive_risk_gradient`.
    """
    model = EnergyBasedModel(reward)
    weights = risk_weights(reward.space, target, prompt_weights)
    refuse_infinite(model, target, weights)
    mine = log_partition_gradient(reward).levels
    theirs = _pair_chances(target)
    levels = [(p - rho) * per_prefix(weights, p) for p, rho in zip(mine, theirs, strict=True)]
    return StateActionTable.from_levels(reward.space, levels)


def soft_bellman_pushforward(reward: StateActionTable, tangent: StateActionTable) -> StateActionTable:
    """Return J_M d, the change of M(r) along d: dq(s, a) = d(s, a) + Σ_b π(b|s⊕a) dq(s⊕a, b).

    Parameters
    ----------
    reward : StateActionTable
        r, in nats.
    tangent : StateActionTable
        d, finite; what it says at forbidden actions changes no other entry.

    Returns
    -------
    StateActionTable

    Raises
    ------
    TabularBellmanError
        For different spaces, and a tangent that is not finite.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.learning import soft_bellman_pushforward
    >>> reward = StateActionTable.zeros(SequenceSpace(1, max_length=3))
    >>> soft_bellman_pushforward(reward, reward + 1.0)[0]  # responses through the token have 2½ steps on average
    array([[2.5, 1. ]])
    """
    space = same_space(reward, tangent, "the tangent")
    policy = _policy(reward)
    changes: list[FloatArray] = []
    below: FloatArray | None = None
    for t in reversed(range(space.n_depths)):
        change = tangent.levels[t].copy()
        if below is not None:
            change[: space.n_tokens] += below.reshape(space.n_tokens, -1)
        below = expectation(policy[t], change, axis=0)
        changes.append(change)
    return StateActionTable.from_levels(space, changes[::-1])


def inverse_soft_bellman_pushforward(logits: StateActionTable, tangent: StateActionTable) -> StateActionTable:
    """Return J_M⁻¹ d, the change of M⁻¹(q) along d: dr(s, a) = d(s, a) - Σ_b π(b|s⊕a) d(s⊕a, b).

    Parameters
    ----------
    logits : StateActionTable
        q, in nats.
    tangent : StateActionTable
        d, finite; what it says at forbidden actions changes no other entry.

    Returns
    -------
    StateActionTable

    Raises
    ------
    TabularBellmanError
        For different spaces, a tangent that is not finite, and a finite logit into a dead prefix (as
        `inverse_soft_bellman`).

    Notes
    -----
    r(s, a) = q(s, a) - V_q(s⊕a), and ∂V_q(s)/∂q(s, b) = π(b|s).  It undoes `soft_bellman_pushforward` at r = M⁻¹(q).
    Where d has mean 0 under π at every prefix it is d itself: there rewards and logits change alike.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.learning import inverse_soft_bellman_pushforward
    >>> logits = StateActionTable.zeros(SequenceSpace(1, max_length=3))
    >>> inverse_soft_bellman_pushforward(logits, logits + 1.0)[0]  # V of what follows a token rises by 1 too
    array([[0., 1.]])
    """
    space = same_space(logits, tangent, "the tangent", "the table of logits")
    policy = AutoregressiveModel(logits).log_policy.levels
    levels = [level.copy() for level in tangent.levels]
    for t in range(space.n_depths - 1):
        below = expectation(np.exp(policy[t + 1]), tangent.levels[t + 1], axis=0)
        levels[t][: space.n_tokens] -= below.reshape(space.n_tokens, -1)
    return StateActionTable.from_levels(space, levels)


def soft_bellman_pullback(reward: StateActionTable, cotangent: StateActionTable) -> StateActionTable:
    """Return J_Mᵀ g: a gradient with respect to the logits q = M(r), as one with respect to the rewards r.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats.
    cotangent : StateActionTable
        g = ∂L/∂q, finite.

    Returns
    -------
    StateActionTable

    Raises
    ------
    TabularBellmanError
        For different spaces, and a cotangent that is not finite.

    Notes
    -----
    By the chain rule ∇_r L(M(r)) = J_Mᵀ ∇_q L.  It runs from the root: what arrives at (s, a) is g(s, a) and
    π(a|s) times what arrived at s.
    """
    space = same_space(reward, cotangent, "the cotangent")
    policy = _policy(reward)
    arrived = np.zeros(space.n_prompts)
    levels = []
    for t, gradient in enumerate(cotangent.levels):
        here = gradient + policy[t] * arrived
        levels.append(here)
        arrived = here[: space.n_tokens].reshape(-1)
    return StateActionTable.from_levels(space, levels)


def _pair_chances(model: SequenceModel) -> list[FloatArray]:
    """The chance that a response passes through s and takes a."""
    pairs = zip(model.prefix_log_probs.levels, model.log_policy.levels, strict=True)
    return [np.exp(passing + policy) for passing, policy in pairs]


def _policy(reward: StateActionTable) -> list[FloatArray]:
    logits, _ = soft_bellman(reward)
    return [np.exp(level) for level in logits.log_softmax().levels]


def same_space(table: StateActionTable, other: StateActionTable, what: str, named: str = "the reward") -> SequenceSpace:
    expect(StateActionTable, table, named)
    expect(StateActionTable, other, what)
    space = table.space
    space.require_same(other.space, f"{named.removeprefix('the ')} and {what.removeprefix('the ')}")
    for t, level in enumerate(other.levels):
        if np.isneginf(level).any():
            row, index = (int(i) for i in np.argwhere(np.isneginf(level))[0])
            raise TabularBellmanError(f"{what} is -inf at {space.where(t, index, row)}; it must be finite.")
    return space


def per_prefix(weights: FloatArray, level: FloatArray) -> FloatArray:
    """The weight of the prompt of each prefix: prompts run fastest."""
    return np.tile(weights, level.shape[1] // weights.size)


def risk_weights(space: SequenceSpace, target: SequenceModel, weights: ArrayLike | None) -> FloatArray:
    expect(SequenceModel, target, "the target", "Make it an AutoregressiveModel or an EnergyBasedModel.")
    space.require_same(target.space, "model and target")
    return checked_prompt_weights(space, weights)


def checked_prompt_weights(space: SequenceSpace, weights: ArrayLike | None) -> FloatArray:
    P = space.n_prompts
    if weights is None:
        return np.full(P, 1.0 / P)
    array = float_array(weights, "the array of prompt weights")
    if array.shape != (P,) or not (array >= 0.0).all() or not abs(array.sum() - 1.0) <= 1e-9:
        raise TabularBellmanError(
            f"the prompt weights are {array.tolist()}; they must be {P} numbers, 0 or more, that add up to 1."
        )
    return array


def _risk(
    space: SequenceSpace, log_probabilities: FloatArray, target: SequenceModel, weights: ArrayLike | None
) -> float:
    prompt_weights = risk_weights(space, target, weights)
    log_target = target.log_probabilities()
    lost = np.isneginf(log_probabilities) & ~np.isneginf(log_target)  # however unlikely the target has it
    terms = np.exp(log_target) * np.where(np.isneginf(log_probabilities), 0.0, -log_probabilities)
    per_prompt = np.where(lost, np.inf, terms).sum(axis=1)
    return float(expectation(prompt_weights, per_prompt)) + 0.0


def refuse_infinite(model: SequenceModel, target: SequenceModel, weights: FloatArray) -> None:
    """Refuse a target that allows what the model forbids: there the risk is inf and has no gradient."""
    space = model.space
    pairs = zip(model.log_policy.levels, target.log_policy.levels, target.prefix_log_probs.levels, strict=True)
    for t, (mine, theirs, passing) in enumerate(pairs):
        wanted = ~np.isneginf(theirs) & ~np.isneginf(passing) & (per_prefix(weights, theirs) > 0.0)
        lost = wanted & np.isneginf(mine)
        if lost.any():
            row, index = (int(i) for i in np.argwhere(lost)[0])
            raise TabularBellmanError(
                f"the model forbids {space.where(t, index, row)}, which the target allows: the risk is inf and has no "
                "gradient. Allow it, or forbid it in the target."
            )
