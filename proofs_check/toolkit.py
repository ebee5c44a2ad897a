"""Everything a claim may ask for, in one object, and its reference form, which bounds the rounding of any other.

A claim's body gets a `Toolkit` and computes only with what it returns.  So the same body gives the residual (over
`library.LIBRARY`), the bound (over `REFERENCE`, pairs of value and error), and a rejection (over the library with one
function replaced by a wrong variant).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Generic

import numpy as np

from proofs_check import reals
from proofs_check.instances import Instance
from proofs_check.reals import Real, Reals
from tabular_bellman import SequenceSpace
from tabular_bellman.enumeration import completions, reading_order
from tabular_bellman.extended import FloatArray
from tabular_bellman.number_systems import Bounded, BoundedLog, C, NumberSystem
from tabular_bellman.recursion import backward, forward, inverse

__all__ = [
    "FUNCTIONS",
    "PATHS",
    "REFERENCE",
    "Levels",
    "Toolkit",
    "bounded_toolkit",
    "expectation",
    "reference_toolkit",
]

Levels = Sequence[Any]

# How the kernel may go through a tree: uncut; in blocks of a prefix or a few; shared among threads; with a shift
# everywhere, though none is needed; and all of that at once.
PATHS: Final = ("whole", "blocked", "threaded", "shifted", "blocked, threaded, shifted")


@dataclass(frozen=True)
class Toolkit(Generic[C]):
    """Functions over levels (flat storage, one carrier per depth) in one number system.

    Weights (`exp r`, probabilities) are carriers of the system; entropies, divergences and gradients are plain
    numbers, arrays or `Real`.  Every function returns one entry for each prompt, prefix, pair or response.

    Attributes
    ----------
    system : NumberSystem
    lift : callable
        From float64 logs to carriers.
    real : callable
        From carriers to plain numbers: the weights themselves.
    log : callable
        From carriers to plain numbers: the logarithms of the weights.
    number : callable
        From floats to plain numbers.
    carrier : callable
        From plain numbers, logarithms of weights, to carriers: the inverse of `log`.
    soft_bellman : callable
        (space, rewards, temperature) → (logits, values), the function that users call.
    recursion : callable
        The same through the generic recursion.
    kernel : callable
        (space, rewards, temperature, path) → (logits, values), the same by one of the kernel's `PATHS`.
    with_reference : callable
        (space, rewards, logits of the reference) → (logits, values), the soft Bellman map with a reference measure.
    regularised : callable
        (space, rewards, temperature, discount, levels of log π_ref or None) → (logits, values), the soft Bellman map
        with all its parameters; π_ref are weights, 0 or more, of which each entry is the logarithm.
    regularised_inverse : callable
        (space, logits, temperature, discount, levels of log π_ref or None) → rewards.
    ebm_policy : callable
        (space, rewards, temperature) → levels of log π(a|s) of p ∝ exp(R/τ), -inf throughout at a dead prefix.
    inverse : callable
        (space, logits, temperature) → rewards.
    response_rewards : callable
        (space, rewards) → carrier of shape (n, P): R_r of each response, in the order of ``responses()``.
    log_partition : callable
        (space, rewards, temperature) → carrier of shape (P,), by enumeration.
    ebm_log_probs : callable
        (space, rewards, temperature) → carrier of shape (n, P), by enumeration.
    arm_log_probs : callable
        (space, logits) → carrier of shape (n, P), by products of next-token probabilities.
    policy : callable
        (space, logits) → levels of π.
    passing : callable
        (space, logits) → one carrier of shape (P·V**t,) for each depth: the chance of passing through each prefix.
    entropy : callable
        (space, logits) → numbers of shape (P,), of whole responses.
    kl : callable
        (space, logits of p, logits of q) → numbers of shape (P,), KL(p‖q) of whole responses.
    arm_risk, ebm_risk : callable
        (space, logits or rewards, logits of the target, prompt weights) → numbers of shape (1,).
    arm_gradient, ebm_gradient : callable
        The same arguments → levels of numbers: the gradients of the risks.
    log_partition_gradient : callable
        (space, rewards) → levels of numbers, ∂A/∂r(s, a).
    pushforward, pullback : callable
        (space, rewards, levels of numbers) → levels of numbers: J_M d and J_Mᵀ g.
    forward_mode : callable
        (space, rewards, levels of numbers d) → levels of numbers J_M d and numbers of shape (P,), the change of the
        root value; by complex step in the library.
    kappa : callable
        numbers ε → numbers κ(ε).
    """

    system: NumberSystem[C]
    lift: Callable[[FloatArray], C]
    real: Callable[[C], Any]
    log: Callable[[C], Any]
    number: Callable[[Any], Any]
    carrier: Callable[[Any], C]
    soft_bellman: Callable[[SequenceSpace, Levels, float], tuple[Levels, Levels]]
    recursion: Callable[[SequenceSpace, Levels, float], tuple[Levels, Levels]]
    kernel: Callable[[SequenceSpace, Levels, float, str], tuple[Levels, Levels]]
    with_reference: Callable[[SequenceSpace, Levels, Levels], tuple[Levels, Levels]]
    regularised: Callable[[SequenceSpace, Levels, float, float, Levels | None], tuple[Levels, Levels]]
    regularised_inverse: Callable[[SequenceSpace, Levels, float, float, Levels | None], Levels]
    ebm_policy: Callable[[SequenceSpace, Levels, float], Levels]
    inverse: Callable[[SequenceSpace, Levels, float], Levels]
    response_rewards: Callable[[SequenceSpace, Levels], C]
    log_partition: Callable[[SequenceSpace, Levels, float], C]
    ebm_log_probs: Callable[[SequenceSpace, Levels, float], C]
    arm_log_probs: Callable[[SequenceSpace, Levels], C]
    policy: Callable[[SequenceSpace, Levels], Levels]
    passing: Callable[[SequenceSpace, Levels], Levels]
    entropy: Callable[[SequenceSpace, Levels], Reals]
    kl: Callable[[SequenceSpace, Levels, Levels], Reals]
    arm_risk: Callable[[SequenceSpace, Levels, Levels, FloatArray], Reals]
    ebm_risk: Callable[[SequenceSpace, Levels, Levels, FloatArray], Reals]
    arm_gradient: Callable[[SequenceSpace, Levels, Levels, FloatArray], Levels]
    ebm_gradient: Callable[[SequenceSpace, Levels, Levels, FloatArray], Levels]
    log_partition_gradient: Callable[[SequenceSpace, Levels], Levels]
    pushforward: Callable[[SequenceSpace, Levels, Levels], Levels]
    pullback: Callable[[SequenceSpace, Levels, Levels], Levels]
    forward_mode: Callable[[SequenceSpace, Levels, Levels], tuple[Levels, Reals]]
    kappa: Callable[[Reals], Reals]

    def rewards(self, instance: Instance) -> list[C]:
        """The rewards of an instance, in this number system."""
        return [self.lift(level) for level in instance.reward.levels]

    def logits(self, instance: Instance) -> list[C]:
        """The logits of an instance: a table of its own, not M of its rewards."""
        return [self.lift(level) for level in instance.logits.levels]

    def other(self, instance: Instance) -> list[C]:
        """The second table of an instance: the logits of a target, a reference or a student."""
        return [self.lift(level) for level in instance.other.levels]


FUNCTIONS: Final = tuple(
    field.name for field in fields(Toolkit) if field.name not in ("system", "lift", "real", "log", "number", "carrier")
)
"""The names of the functions of a toolkit, besides its arithmetic."""


def expectation(kit: Toolkit[Any], weights: Any, values: Any, axis: int = 0) -> Any:
    """Return Σ weights·values over an axis, where a weight of 0 counts as 0 whatever the value is."""
    zero = kit.system.is_zero(weights)
    return (kit.real(weights) * reals.where(zero, kit.number(np.zeros(zero.shape)), values)).sum(axis)


def reference_toolkit(
    system: NumberSystem[C],
    lift: Callable[[FloatArray], C],
    real: Callable[[C], Reals],
    log: Callable[[C], Reals],
    number: Callable[[Any], Reals],
    carrier: Callable[[Any], C],
) -> Toolkit[C]:
    """Return the toolkit that computes each thing from its definition, over any number system."""

    def recursion(space: SequenceSpace, rewards: Levels, temperature: float) -> tuple[Levels, Levels]:
        return backward(space, system, rewards, temperature=temperature)

    def with_reference(space: SequenceSpace, rewards: Levels, reference: Levels) -> tuple[Levels, Levels]:
        return backward(space, system, rewards, log_reference=policy(space, reference))

    def measure(log_weights: Levels | None) -> list[Any] | None:
        # As weights and back, since the library takes a table of weights: the rounding of that counts too.
        with np.errstate(divide="ignore"):
            return None if log_weights is None else [reals.log(real(level)) for level in log_weights]

    def regularised(
        space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Levels | None
    ) -> tuple[Levels, Levels]:
        weights = measure(reference)
        return backward(space, system, rewards, temperature=temperature, discount=discount, log_reference=weights)

    def regularised_inverse(
        space: SequenceSpace, logits: Levels, temperature: float, discount: float, reference: Levels | None
    ) -> Levels:
        weights = measure(reference)
        return inverse(space, system, logits, temperature=temperature, discount=discount, log_reference=weights)

    def ebm_policy(space: SequenceSpace, rewards: Levels, temperature: float) -> Levels:
        return policy(space, scaled(recursion(space, rewards, temperature)[0], temperature))

    def inverse_map(space: SequenceSpace, logits: Levels, temperature: float) -> Levels:
        return inverse(space, system, logits, temperature=temperature)

    def response_rewards(space: SequenceSpace, levels: Levels) -> C:
        ordered: C = completions(space, system, levels)[reading_order(space)]
        return ordered

    def scaled(rewards: Levels, temperature: float) -> Levels:
        return [system.power(level, 1.0 / temperature) for level in rewards]

    def log_partition(space: SequenceSpace, rewards: Levels, temperature: float) -> C:
        return system.sum(response_rewards(space, scaled(rewards, temperature)))

    def ebm_log_probs(space: SequenceSpace, rewards: Levels, temperature: float) -> C:
        return system.normalise(response_rewards(space, scaled(rewards, temperature)))

    def policy(space: SequenceSpace, logits: Levels) -> Levels:  # noqa: ARG001
        return [system.normalise(q) for q in logits]

    def arm_log_probs(space: SequenceSpace, logits: Levels) -> C:
        return response_rewards(space, policy(space, logits))

    def passing(space: SequenceSpace, logits: Levels) -> Levels:
        return forward(space, system, policy(space, logits))

    def pairs(space: SequenceSpace, logits: Levels) -> list[Any]:
        """The chance of each (prefix, action)."""
        steps = zip(passing(space, logits), policy(space, logits), strict=True)
        return [real(system.multiply(pi, rho)) for rho, pi in steps]

    def mean(weights: C, values: Any) -> Any:
        zero = system.is_zero(weights)
        # What is not finite counts whole, also where its weight is too small for a float.
        infinite = reals.is_infinite(values) & ~zero
        finite = (real(weights) * reals.where(zero | infinite, number(np.zeros(zero.shape)), values)).sum(0)
        beyond = reals.infinite_part(values, infinite).sum(0)
        return reals.where(np.asarray(infinite.any(0)), number(beyond), finite)

    def entropy(space: SequenceSpace, logits: Levels) -> Any:
        log_probs = arm_log_probs(space, logits)
        return -mean(log_probs, log(log_probs))

    def kl(space: SequenceSpace, logits: Levels, others: Levels) -> Any:
        log_p, log_q = arm_log_probs(space, logits), arm_log_probs(space, others)
        # - p + q adds up to 0, and to the rounding of a route that sums p log(p/q) - p + q.
        return mean(log_p, log(system.divide(log_p, log_q))) - real(log_p).sum(0) + real(log_q).sum(0)

    def risk(log_probs: C, space: SequenceSpace, target: Levels, weights: FloatArray) -> Any:
        per_prompt = -mean(arm_log_probs(space, target), log(log_probs))
        return reals.total(per_prompt * weights)

    def arm_risk(space: SequenceSpace, logits: Levels, target: Levels, weights: FloatArray) -> Any:
        return risk(arm_log_probs(space, logits), space, target, weights)

    def ebm_risk(space: SequenceSpace, rewards: Levels, target: Levels, weights: FloatArray) -> Any:
        return risk(ebm_log_probs(space, rewards, 1.0), space, target, weights)

    def per_prefix(weights: FloatArray, t: int, space: SequenceSpace) -> FloatArray:
        return np.tile(weights, space.n_tokens**t)

    def arm_gradient(space: SequenceSpace, logits: Levels, target: Levels, weights: FloatArray) -> Levels:
        rho, theirs, mine = passing(space, target), policy(space, target), policy(space, logits)
        return [
            real(rho[t]) * (real(mine[t]) - real(theirs[t])) * per_prefix(weights, t, space)
            for t in range(space.n_depths)
        ]

    def log_partition_gradient(space: SequenceSpace, rewards: Levels) -> Levels:
        return pairs(space, recursion(space, rewards, 1.0)[0])

    def ebm_gradient(space: SequenceSpace, rewards: Levels, target: Levels, weights: FloatArray) -> Levels:
        mine, theirs = log_partition_gradient(space, rewards), pairs(space, target)
        return [(mine[t] - theirs[t]) * per_prefix(weights, t, space) for t in range(space.n_depths)]

    def pushforward(space: SequenceSpace, rewards: Levels, tangent: Levels) -> Levels:
        return forward_mode(space, rewards, tangent)[0]

    def forward_mode(space: SequenceSpace, rewards: Levels, tangent: Levels) -> tuple[Levels, Any]:
        V, steps = space.n_tokens, policy(space, recursion(space, rewards, 1.0)[0])
        changes: list[Any] = []
        below: Any = None
        for t in reversed(range(space.n_depths)):
            change = number(0.0) + tangent[t]
            if below is not None:
                change = reals.concatenate([change[:V] + below.reshape((V, change.shape[1])), change[V:]])
            below = (real(steps[t]) * change).sum(0)
            changes.append(change)
        return changes[::-1], below

    def pullback(space: SequenceSpace, rewards: Levels, cotangent: Levels) -> Levels:
        steps = policy(space, recursion(space, rewards, 1.0)[0])
        arrived: Any = number(np.zeros(space.n_prompts))
        levels = []
        for t in range(space.n_depths):
            here = real(steps[t]) * arrived + cotangent[t]
            levels.append(here)
            if t + 1 < space.n_depths:
                arrived = here[: space.n_tokens].reshape((space.n_prefixes_at(t + 1),))
        return levels

    def kappa(epsilon: Any) -> Any:
        # Where κ is small its terms cancel; the bound is that of the terms, some 1e-16/ε.
        coth = (1.0 + reals.exp(-2.0 * epsilon)) / (1.0 - reals.exp(-2.0 * epsilon))
        log_sinh = epsilon + reals.log(1.0 - reals.exp(-2.0 * epsilon)) - reals.log(number(2.0))
        return epsilon * coth - 1.0 + log_sinh - reals.log(epsilon)

    return Toolkit(
        system=system,
        lift=lift,
        real=real,
        log=log,
        number=number,
        carrier=carrier,
        soft_bellman=recursion,
        recursion=recursion,
        kernel=lambda space, rewards, temperature, _: recursion(space, rewards, temperature),
        with_reference=with_reference,
        regularised=regularised,
        regularised_inverse=regularised_inverse,
        ebm_policy=ebm_policy,
        inverse=inverse_map,
        response_rewards=response_rewards,
        log_partition=log_partition,
        ebm_log_probs=ebm_log_probs,
        arm_log_probs=arm_log_probs,
        policy=policy,
        passing=passing,
        entropy=entropy,
        kl=kl,
        arm_risk=arm_risk,
        ebm_risk=ebm_risk,
        arm_gradient=arm_gradient,
        ebm_gradient=ebm_gradient,
        log_partition_gradient=log_partition_gradient,
        pushforward=pushforward,
        pullback=pullback,
        forward_mode=forward_mode,
        kappa=kappa,
    )


def bounded_toolkit(system: BoundedLog) -> Toolkit[Bounded]:
    """Return the reference toolkit over pairs of value and error, with the bounds of a number system."""

    def as_real(x: Bounded) -> Real:
        return Real(x.value, x.error)

    def carrier(x: Real) -> Bounded:
        return Bounded(x.value, x.error)

    return reference_toolkit(system, system.exact, lambda x: reals.exp(as_real(x)), as_real, Real.exact, carrier)


REFERENCE: Final[Toolkit[Bounded]] = bounded_toolkit(BoundedLog())
