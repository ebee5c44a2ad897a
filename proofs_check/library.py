"""The code under test as a toolkit: the public functions of `tabular_bellman`, as a user calls them."""

from typing import Any, Final

import numpy as np

from proofs_check.toolkit import Levels, Toolkit, reference_toolkit
from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    inverse_soft_bellman,
    kernel,
    kl_divergence,
    soft_bellman,
)
from tabular_bellman.bounds import kappa
from tabular_bellman.extended import FloatArray
from tabular_bellman.kernel import Plan
from tabular_bellman.learning import (
    autoregressive_risk,
    autoregressive_risk_gradient,
    energy_based_risk,
    energy_based_risk_gradient,
    log_partition_gradient,
    soft_bellman_pullback,
    soft_bellman_pushforward,
)
from tabular_bellman.number_systems import LogFloat

__all__ = ["LIBRARY"]

# Its square is 0 beside any reward, so that the imaginary part is the derivative and nothing else; a power of two, so
# that multiplying and dividing by it rounds nothing; and no smaller, so that small probabilities do not underflow.
_COMPLEX_STEP: Final = 2.0**-60


def _same(x: Any) -> Any:
    return x


def _number(x: Any) -> FloatArray:
    return np.asarray(x, dtype=np.float64)


def _table(space: SequenceSpace, levels: Levels) -> StateActionTable:
    return StateActionTable.from_levels(space, levels)


def _arm(space: SequenceSpace, logits: Levels) -> AutoregressiveModel:
    return AutoregressiveModel(_table(space, logits))


def _soft_bellman(space: SequenceSpace, rewards: Levels, temperature: float) -> tuple[Levels, Levels]:
    logits, values = soft_bellman(_table(space, rewards), temperature=temperature)
    return logits.levels, values.levels


_PLANS: Final = {
    "whole": Plan(),
    "blocked": Plan(block=4, fewest=1),
    "threaded": Plan(block=4, fewest=1, threads=2, threads_from=0),
    "shifted": Plan(lowest=np.inf),
    "blocked, threaded, shifted": Plan(block=4, fewest=1, threads=3, threads_from=0, lowest=np.inf),
}


def _kernel(space: SequenceSpace, rewards: Levels, temperature: float, path: str) -> tuple[Levels, Levels]:
    return kernel.backward(space, rewards, temperature, plan=_PLANS[path])


def _with_reference(space: SequenceSpace, rewards: Levels, reference: Levels) -> tuple[Levels, Levels]:
    logits, values = soft_bellman(_table(space, rewards), reference=_arm(space, reference))
    return logits.levels, values.levels


def _measure(space: SequenceSpace, log_weights: Levels | None) -> StateActionTable | None:
    return None if log_weights is None else _table(space, [np.exp(level) for level in log_weights])


def _regularised(
    space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Levels | None
) -> tuple[Levels, Levels]:
    measure = _measure(space, reference)
    logits, values = soft_bellman(_table(space, rewards), temperature=temperature, discount=discount, reference=measure)
    return logits.levels, values.levels


def _regularised_inverse(
    space: SequenceSpace, logits: Levels, temperature: float, discount: float, reference: Levels | None
) -> Levels:
    measure = _measure(space, reference)
    return inverse_soft_bellman(
        _table(space, logits), temperature=temperature, discount=discount, reference=measure
    ).levels


def _ebm_policy(space: SequenceSpace, rewards: Levels, temperature: float) -> Levels:
    return EnergyBasedModel(_table(space, rewards), temperature).log_policy.levels


def _inverse(space: SequenceSpace, logits: Levels, temperature: float) -> Levels:
    return inverse_soft_bellman(_table(space, logits), temperature=temperature).levels


def _log_partition(space: SequenceSpace, rewards: Levels, temperature: float) -> FloatArray:
    return np.atleast_1d(EnergyBasedModel(_table(space, rewards), temperature).log_partition())


def _ebm_log_probs(space: SequenceSpace, rewards: Levels, temperature: float) -> FloatArray:
    return EnergyBasedModel(_table(space, rewards), temperature).log_probabilities().T


def _arm_log_probs(space: SequenceSpace, logits: Levels) -> FloatArray:
    return _arm(space, logits).log_probabilities().T


def _policy(space: SequenceSpace, logits: Levels) -> Levels:
    return _arm(space, logits).log_policy.levels


def _passing(space: SequenceSpace, logits: Levels) -> Levels:
    return _arm(space, logits).prefix_log_probs.levels


def _entropy(space: SequenceSpace, logits: Levels) -> FloatArray:
    return np.atleast_1d(_arm(space, logits).entropy())


def _kl(space: SequenceSpace, logits: Levels, others: Levels) -> FloatArray:
    return np.atleast_1d(kl_divergence(_arm(space, logits), _arm(space, others)))


def _arm_risk(space: SequenceSpace, logits: Levels, target: Levels, weights: FloatArray) -> FloatArray:
    return np.array([autoregressive_risk(_table(space, logits), _arm(space, target), weights)])


def _ebm_risk(space: SequenceSpace, rewards: Levels, target: Levels, weights: FloatArray) -> FloatArray:
    return np.array([energy_based_risk(_table(space, rewards), _arm(space, target), weights)])


def _arm_gradient(space: SequenceSpace, logits: Levels, target: Levels, weights: FloatArray) -> Levels:
    return autoregressive_risk_gradient(_table(space, logits), _arm(space, target), weights).levels


def _ebm_gradient(space: SequenceSpace, rewards: Levels, target: Levels, weights: FloatArray) -> Levels:
    return energy_based_risk_gradient(_table(space, rewards), _arm(space, target), weights).levels


def _log_partition_gradient(space: SequenceSpace, rewards: Levels) -> Levels:
    return log_partition_gradient(_table(space, rewards)).levels


def _pushforward(space: SequenceSpace, rewards: Levels, tangent: Levels) -> Levels:
    return soft_bellman_pushforward(_table(space, rewards), _table(space, tangent)).levels


def _pullback(space: SequenceSpace, rewards: Levels, cotangent: Levels) -> Levels:
    return soft_bellman_pullback(_table(space, rewards), _table(space, cotangent)).levels


def _forward_mode(space: SequenceSpace, rewards: Levels, tangent: Levels) -> tuple[Levels, FloatArray]:
    """By complex step: the recursion at r + ih·d, whose imaginary part is h times the derivative."""
    V = space.n_tokens
    changes: list[FloatArray] = []
    below: Any = None
    for t in reversed(range(space.n_depths)):
        q = rewards[t] + 1j * _COMPLEX_STEP * np.asarray(tangent[t])
        if below is not None:
            q[:V] += below.reshape(V, -1)
        changes.append(q.imag / _COMPLEX_STEP)
        top = q.real.max(axis=0)
        top[np.isneginf(top)] = 0.0
        weights = np.where(np.isneginf(q.real), 0.0, np.exp(q - top))
        total = weights.sum(axis=0)
        dead = total == 0.0
        below = np.where(dead, -np.inf, top + np.log(np.where(dead, 1.0, total)))
    return changes[::-1], below.imag / _COMPLEX_STEP


def _kappa(epsilon: Any) -> FloatArray:
    return kappa(epsilon)


LIBRARY: Final[Toolkit[FloatArray]] = Toolkit(
    system=LogFloat(),
    lift=_same,
    real=np.exp,
    log=_same,
    number=_number,
    carrier=_same,
    soft_bellman=_soft_bellman,
    recursion=(_float := reference_toolkit(LogFloat(), _same, np.exp, _same, _number, _same)).recursion,
    kernel=_kernel,
    with_reference=_with_reference,
    regularised=_regularised,
    regularised_inverse=_regularised_inverse,
    ebm_policy=_ebm_policy,
    inverse=_inverse,
    response_rewards=_float.response_rewards,
    log_partition=_log_partition,
    ebm_log_probs=_ebm_log_probs,
    arm_log_probs=_arm_log_probs,
    policy=_policy,
    passing=_passing,
    entropy=_entropy,
    kl=_kl,
    arm_risk=_arm_risk,
    ebm_risk=_ebm_risk,
    arm_gradient=_arm_gradient,
    ebm_gradient=_ebm_gradient,
    log_partition_gradient=_log_partition_gradient,
    pushforward=_pushforward,
    pullback=_pullback,
    forward_mode=_forward_mode,
    kappa=_kappa,
)
