"""Mistakes in risks and gradients."""

from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.mistakes.common import Array, Kit, registered
from proofs_check.paths import lengths, pair_totals
from proofs_check.toolkit import Levels
from tabular_bellman.space import SequenceSpace

__all__ = [
    "ARM_GRADIENT",
    "ARM_RISK",
    "EBM_GRADIENT",
    "EBM_RISK",
    "FORWARD_MODE",
    "LOG_PARTITION_GRADIENT",
    "PULLBACK",
    "PUSHFORWARD",
]


def _weighted(space: SequenceSpace, levels: Levels, weights: Array) -> list[Array]:
    return [level * np.tile(weights, space.n_tokens**t) for t, level in enumerate(levels)]


def _pair_chances(kit: Kit, space: SequenceSpace, logits: Levels) -> list[Array]:
    steps = zip(kit.passing(space, logits), kit.policy(space, logits), strict=True)
    return [kit.real(kit.system.multiply(passing, policy)) for passing, policy in steps]


# -- risks ------------------------------------------------------------------------------------------------------------


def _arm_risk_as_kl(kit: Kit, space: SequenceSpace, logits: Levels, target: Levels, weights: Array) -> Any:
    return reals.total(kit.kl(space, target, logits) * weights)


def _arm_risk_one_prompt(kit: Kit, space: SequenceSpace, logits: Levels, target: Levels, weights: Array) -> Any:
    return kit.arm_risk(space, logits, target, np.eye(weights.size)[0])


def _arm_risk_reversed(kit: Kit, space: SequenceSpace, logits: Levels, target: Levels, weights: Array) -> Any:
    return kit.arm_risk(space, target, logits, weights)


ARM_RISK: Final = registered(
    "arm_risk",
    ("arm-risk-as-kl", "the entropy of the target is taken off: KL(ρ‖p), not cross-entropy", _arm_risk_as_kl),
    ("arm-risk-one-prompt", "the risk of the first prompt only", _arm_risk_one_prompt),
    ("arm-risk-reversed", "the model's expectation of the target's loss", _arm_risk_reversed),
)


def _ebm_risk_as_kl(kit: Kit, space: SequenceSpace, rewards: Levels, target: Levels, weights: Array) -> Any:
    entropy = reals.total(kit.entropy(space, target) * weights)
    return kit.ebm_risk(space, rewards, target, weights) - entropy


def _ebm_risk_unnormalised(kit: Kit, space: SequenceSpace, rewards: Levels, target: Levels, weights: Array) -> Any:
    log_partition = (kit.log_partition(space, rewards, 1.0) * weights).sum(keepdims=True)
    return kit.ebm_risk(space, rewards, target, weights) - log_partition


def _ebm_risk_as_logits(kit: Kit, space: SequenceSpace, rewards: Levels, target: Levels, weights: Array) -> Any:
    return kit.arm_risk(space, rewards, target, weights)


EBM_RISK: Final = registered(
    "ebm_risk",
    ("ebm-risk-as-kl", "the entropy of the target is taken off", _ebm_risk_as_kl),
    ("ebm-risk-unnormalised", "-E R, without the log-partition", _ebm_risk_unnormalised),
    ("ebm-risk-local", "rewards are normalised one step at a time", _ebm_risk_as_logits),
)


# -- gradients --------------------------------------------------------------------------------------------------------


def _arm_own_passing(kit: Kit, space: SequenceSpace, logits: Levels, target: Levels, weights: Array) -> Any:
    mine, theirs = _pair_chances(kit, space, logits), _pair_chances(kit, space, target)
    return _weighted(space, [p - rho for p, rho in zip(mine, theirs, strict=True)], weights)


def _arm_unpassed(kit: Kit, space: SequenceSpace, logits: Levels, target: Levels, weights: Array) -> Any:
    pairs = zip(kit.policy(space, logits), kit.policy(space, target), strict=True)
    return _weighted(space, [kit.real(pi) - kit.real(rho) for pi, rho in pairs], weights)


def _arm_sign(kit: Kit, space: SequenceSpace, logits: Levels, target: Levels, weights: Array) -> Any:
    return [-level for level in kit.arm_gradient(space, logits, target, weights)]


def _arm_per_token(kit: Kit, space: SequenceSpace, logits: Levels, target: Levels, weights: Array) -> Any:
    per_token = kit.carrier(reals.log(kit.number(lengths(space))))[:, None]
    shares = kit.system.divide(kit.arm_log_probs(space, target), per_token)
    taken = [kit.real(level) for level in pair_totals(kit, space, shares)]
    mine = [kit.real(pi) * pairs.sum(axis=0) for pi, pairs in zip(kit.policy(space, logits), taken, strict=True)]
    return _weighted(space, [p - pairs for p, pairs in zip(mine, taken, strict=True)], weights)


def _arm_token_mean(kit: Kit, space: SequenceSpace, logits: Levels, target: Levels, weights: Array) -> Any:
    passed = [kit.real(level).reshape(-1, space.n_prompts).sum(axis=0) for level in kit.passing(space, target)]
    mean_length = (np.asarray(sum(passed)) * weights).sum()
    return [level / mean_length for level in kit.arm_gradient(space, logits, target, weights)]


ARM_GRADIENT: Final = registered(
    "arm_gradient",
    ("arm-gradient-own-prefixes", "prefixes are drawn from the model, not the target", _arm_own_passing),
    ("arm-gradient-all-prefixes", "every prefix counts the same", _arm_unpassed),
    ("arm-gradient-sign", "uphill", _arm_sign),
    ("arm-gradient-token-mean", "the loss is averaged over all tokens, not over responses", _arm_token_mean),
    ("arm-gradient-per-token", "the loss of each response is averaged over its length", _arm_per_token),
)


def _ebm_local(kit: Kit, space: SequenceSpace, rewards: Levels, target: Levels, weights: Array) -> Any:
    return kit.arm_gradient(space, rewards, target, weights)


def _ebm_of_logits(kit: Kit, space: SequenceSpace, rewards: Levels, target: Levels, weights: Array) -> Any:
    return kit.arm_gradient(space, kit.recursion(space, rewards, 1.0)[0], target, weights)


def _ebm_data_only(kit: Kit, space: SequenceSpace, rewards: Levels, target: Levels, weights: Array) -> Any:
    return _weighted(space, [-rho for rho in _pair_chances(kit, space, target)], weights)


EBM_GRADIENT: Final = registered(
    "ebm_gradient",
    ("ebm-gradient-local", "rewards are taken for logits", _ebm_local),
    ("ebm-gradient-of-logits", "∂L/∂q for ∂L/∂r: the Jacobian of M is left out", _ebm_of_logits),
    ("ebm-gradient-data-only", "the model's own term is left out", _ebm_data_only),
)


def _policy_for_passing(kit: Kit, space: SequenceSpace, rewards: Levels) -> Any:
    return [kit.real(level) for level in kit.policy(space, kit.recursion(space, rewards, 1.0)[0])]


def _gradient_of_local(kit: Kit, space: SequenceSpace, rewards: Levels) -> Any:
    return _pair_chances(kit, space, _local(kit, space, rewards))


def _logits_and(kit: Kit, space: SequenceSpace, rewards: Levels) -> list[tuple[Array, Array]]:
    return list(zip(kit.recursion(space, rewards, 1.0)[0], rewards, strict=True))


def _prefix_not_pair(kit: Kit, space: SequenceSpace, rewards: Levels) -> Any:
    logits = kit.recursion(space, rewards, 1.0)[0]
    steps = zip(kit.passing(space, logits), logits, strict=True)
    return [np.where(kit.system.is_zero(q), 0.0, kit.real(passing)) for passing, q in steps]


def _gradient_sign(kit: Kit, space: SequenceSpace, rewards: Levels) -> Any:
    return [-level for level in kit.log_partition_gradient(space, rewards)]


def _first_step_only(kit: Kit, space: SequenceSpace, rewards: Levels) -> Any:
    first, *others = kit.log_partition_gradient(space, rewards)
    return [first, *(np.zeros_like(level) for level in others)]


def _of_every_value(kit: Kit, space: SequenceSpace, rewards: Levels) -> Any:
    logits, _ = kit.recursion(space, rewards, 1.0)
    levels, visits = [], np.ones(space.n_prompts)
    for t, policy in enumerate(kit.policy(space, logits)):
        level = kit.real(policy) * visits
        levels.append(level)
        if t + 1 < space.n_depths:
            visits = 1.0 + level[: space.n_tokens].reshape(-1)  # what comes from above, and the value there
    return levels


LOG_PARTITION_GRADIENT: Final = registered(
    "log_partition_gradient",
    ("gradient-policy-only", "π(a|s), without the chance of getting to s", _policy_for_passing),
    ("gradient-of-local-model", "the chances under softmax(r), not softmax(M r)", _gradient_of_local),
    ("gradient-prefix-only", "the chance of s, without that of a", _prefix_not_pair),
    ("gradient-first-step-only", "values are detached: only the first step has a gradient", _first_step_only),
    ("gradient-of-every-value", "of the sum of V over all prefixes, not of V at the start", _of_every_value),
    ("gradient-sign", "-∂A/∂r", _gradient_sign),
)


def _identity(kit: Kit, space: SequenceSpace, rewards: Levels, levels: Levels) -> Any:
    return [np.array(level) for level in levels]


def _push_uniform(kit: Kit, space: SequenceSpace, rewards: Levels, tangent: Levels) -> Any:
    flat = [np.where(kit.system.is_zero(level), level, kit.system.ones(level.shape)) for level in rewards]
    return kit.pushforward(space, flat, tangent)


def _push_local(kit: Kit, space: SequenceSpace, rewards: Levels, tangent: Levels) -> Any:
    return kit.pushforward(space, kit.inverse(space, _local(kit, space, rewards), 1.0), tangent)


def _local(kit: Kit, space: SequenceSpace, rewards: Levels) -> Levels:
    """The rewards as logits, what is dead forbidden."""
    return [np.where(kit.system.is_zero(q), q, r) for q, r in _logits_and(kit, space, rewards)]


PUSHFORWARD: Final = registered(
    "pushforward",
    ("pushforward-identity", "M is taken for a shift: J_M = I", _identity),
    ("pushforward-uniform", "the mean over actions for the mean under π", _push_uniform),
    ("pushforward-local-policy", "the policy is softmax(r), not softmax(M r)", _push_local),
)


def _pull_uniform(kit: Kit, space: SequenceSpace, rewards: Levels, cotangent: Levels) -> Any:
    flat = [np.where(kit.system.is_zero(level), level, kit.system.ones(level.shape)) for level in rewards]
    return kit.pullback(space, flat, cotangent)


def _pull_forward(kit: Kit, space: SequenceSpace, rewards: Levels, cotangent: Levels) -> Any:
    return kit.pushforward(space, rewards, cotangent)


PULLBACK: Final = registered(
    "pullback",
    ("pullback-identity", "the gradient in q is taken for that in r", _identity),
    ("pullback-uniform", "every action is as likely as another", _pull_uniform),
    ("pullback-not-transposed", "J_M for its transpose", _pull_forward),
)


def _forward_identity(kit: Kit, space: SequenceSpace, rewards: Levels, tangent: Levels) -> Any:
    _, value = kit.forward_mode(space, rewards, tangent)
    return [np.array(level) for level in tangent], value


def _forward_local(kit: Kit, space: SequenceSpace, rewards: Levels, tangent: Levels) -> Any:
    return kit.forward_mode(space, kit.inverse(space, _local(kit, space, rewards), 1.0), tangent)


def _forward_eos(kit: Kit, space: SequenceSpace, rewards: Levels, tangent: Levels) -> Any:
    changed = [np.array(level) for level in tangent]
    changed[-1][:] = 0.0
    return kit.forward_mode(space, rewards, changed)


FORWARD_MODE: Final = registered(
    "forward_mode",
    ("forward-mode-identity", "changes below are left out of the logits", _forward_identity),
    ("forward-mode-local-policy", "the policy is softmax(r), not softmax(M r)", _forward_local),
    ("forward-mode-without-last-step", "the last step's change counts as 0", _forward_eos),
)
