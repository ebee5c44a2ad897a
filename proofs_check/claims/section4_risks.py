"""Sections 4.1 and 5: the losses, teacher forcing, and the least risk."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.claim import FORCED, Claim, Comparison, misread
from proofs_check.instances import MODEST, SMALL, Instance
from proofs_check.mistakes import (
    ARM,
    ARM_GRADIENT,
    ARM_RISK,
    EBM,
    EBM_RISK,
    ENTROPY,
    KL,
    LOG_PARTITION,
    OF_TEMPERATURE,
    POLICY,
    RESPONSE_REWARDS,
    SOFT_BELLMAN_POLICY,
    without,
)
from proofs_check.paths import incidence
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace

__all__ = ["AT_TEMPERATURE", "CLAIMS", "FULL", "ZERO_TOO", "target_entropy"]

FULL: Final = f"{FORCED}; ρ(y|x) > 0 for every allowed response"
# Everything here is at temperature 1; and where ρ is 0, a logit of -1e9 costs what -inf does.
AT_TEMPERATURE: Final = (*OF_TEMPERATURE, "mask-1e9")
# Wrong gradients that are 0 at the minimum as the right one is.
ZERO_TOO: Final = ("arm-gradient-own-prefixes", "arm-gradient-sign", "arm-gradient-token-mean")


def target_entropy(kit: Toolkit[Any], instance: Instance) -> Any:
    """Return H(Y|X) of the target."""
    return reals.total(kit.entropy(instance.space, kit.other(instance)) * instance.prompt_weights)


def _loss(kit: Toolkit[Any], log_probs: Any) -> Any:
    """-log p, and 0 for what is forbidden."""
    zero = kit.system.is_zero(log_probs)
    return -reals.where(zero, kit.number(np.zeros(zero.shape)), kit.log(log_probs))


def _zero(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    logits, _ = kit.soft_bellman(space, f, 1.0)
    total = kit.response_rewards(space, f)
    per_response = kit.system.divide(total, kit.log_partition(space, f, 1.0))
    yield Comparison("R(y) - A = -ℓ^ARM(M r, y)", per_response, kit.arm_log_probs(space, logits))

    halfway = [kit.system.power(kit.system.multiply(x, y), 0.5) for x, y in zip(f, g, strict=True)]
    for name, losses in (
        ("ℓ^EBM", [_loss(kit, kit.ebm_log_probs(space, x, 1.0)) for x in (f, g, halfway)]),
        ("ℓ^ARM", [_loss(kit, kit.arm_log_probs(space, x)) for x in (f, g, halfway)]),
    ):
        mean, middle = 0.5 * losses[0] + 0.5 * losses[1], losses[2]
        if wrong == "loss-concave":
            mean, middle = middle, mean
        yield Comparison(f"{name} halfway between two tables", middle, mean, "at most")

    # The best that all other responses leave: each of them has at least exp(-span) of the weight of this one.
    zero = kit.system.is_zero(total)
    allowed = ~zero
    plain = reals.where(allowed, kit.log(total), kit.number(np.zeros(zero.shape)))
    plain = reals.where(allowed, plain, plain[allowed.argmax(axis=0), np.arange(zero.shape[1])])
    span = reals.largest(plain, 0) - reals.smallest(plain, 0)
    others = allowed.sum(axis=0) - 1.0
    if wrong == "loss-bound-without-span":
        span = 0.0 * span
    if wrong == "loss-bound-counts-itself":
        others = others + 1.0
    least = reals.log(1.0 + others * reals.exp(-span))
    least = reals.where(allowed, least + kit.number(np.zeros(zero.shape)), kit.number(np.zeros(zero.shape)))
    yield Comparison(
        "log(1 + (n-1)exp(-span R)) ≤ ℓ^EBM", least, _loss(kit, kit.ebm_log_probs(space, f, 1.0)), "at most"
    )


def _conditionals(kit: Toolkit[Any], space: SequenceSpace, log_probs: Any) -> Levels:
    """The chance of each (prefix, action), by adding up the responses that begin so."""
    levels = []
    for passes in incidence(space):
        parts = []
        for action in passes:
            chosen = np.nonzero(action)[1].reshape(action.shape[0], -1)  # each prefix has as many completions
            total = kit.system.sum(log_probs[chosen.T])
            parts.append(total.reshape((1, action.shape[0] * space.n_prompts)))
        levels.append(kit.system.stack(parts))
    return levels


def _teacher_forcing(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, weights, rho = instance.space, instance.prompt_weights, kit.other(instance)
    # Here ρ is the energy-based model of a table: what its next tokens are must be added up.
    log_rho = kit.ebm_log_probs(space, rho, 1.0)
    pairs = _conditionals(kit, space, log_rho)
    target, _ = kit.soft_bellman(space, rho, 1.0)
    student, policy = kit.logits(instance), kit.policy(space, kit.logits(instance))
    drawn = kit.passing(space, student)
    total = kit.number(np.zeros(space.n_prompts))
    for t, pair in enumerate(pairs):
        rows = slice(0, space.n_tokens if wrong == "tf-without-eos" and pair.shape[0] > space.n_tokens else None)
        chance = pair
        if wrong == "tf-unweighted-prefixes":
            chance = kit.system.normalise(pair)
        if wrong == "tf-own-prefixes":
            chance = kit.system.multiply(kit.system.normalise(pair), drawn[t])
        step = -expectation(kit, chance[rows], kit.log(policy[t][rows]))
        total = total + step.reshape((-1, space.n_prompts)).sum(0)
    risk = kit.arm_risk(space, student, target, weights)
    yield Comparison("L^ARM(q) = Σ_t E -log π_q(y_t|s_t)", reals.total(total * weights), risk)

    shifts = instance.potential.levels
    best = [kit.system.multiply(pair, kit.lift(shift)) for pair, shift in zip(pairs, shifts, strict=True)]
    yield Comparison("Π_t π_{q*}(y_t|s_t) = ρ(y|x)", kit.arm_log_probs(space, best), log_rho)
    entropy = reals.total(-expectation(kit, log_rho, kit.log(log_rho)) * weights)
    yield Comparison("L^ARM(q*) = H(Y|X)", kit.arm_risk(space, best, target, weights), entropy)
    for t, level in enumerate(kit.arm_gradient(space, best, target, weights)):
        yield Comparison(f"∂L^ARM = 0 at q*, depth {t}", level, kit.number(np.zeros(level.shape)))


def _least_risk(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, target = instance.space, kit.rewards(instance), kit.other(instance)
    weights = instance.prompt_weights
    log_weights = reals.log(kit.number(weights))
    log_rho = kit.arm_log_probs(space, target)
    joint_entropy = -reals.total(expectation(kit, log_rho, kit.log(log_rho) + log_weights) * weights)
    of_prompts = -reals.total(log_weights * weights)
    # Printed: -E log ρ(X, Y), which is H(X) more.
    least = joint_entropy if wrong == "Lstar-joint" else target_entropy(kit, instance)
    if wrong == "Lstar-prompts-alike":
        least = reals.total(kit.entropy(space, target)) / space.n_prompts
    yield Comparison("H(X, Y) - H(X) = L*", joint_entropy - of_prompts, least)
    energy_based, log_probs = kit.ebm_risk(space, rewards, target, weights), kit.ebm_log_probs(space, rewards, 1.0)
    one, other = (log_probs, log_rho) if wrong == "Lstar-gap-reversed" else (log_rho, log_probs)
    per_prompt = expectation(kit, one, kit.log(kit.system.divide(one, other)))
    gap = reals.total(per_prompt * weights)
    yield Comparison("L^EBM(R) - L* = KL(ρ‖p_R)", energy_based - least, gap)
    student = kit.logits(instance)
    per_student = reals.total(kit.kl(space, target, student) * weights)
    autoregressive = kit.arm_risk(space, student, target, weights)
    yield Comparison("L^ARM(q) - L* = KL(ρ‖p_q)", autoregressive - least, per_student)
    yield Comparison("L* ≤ L^EBM(R)", least, energy_based, "at most")


CLAIMS: Final = (
    Claim(
        id="S4.1-zero",
        place="Section 4.1",
        statement="ℓ^EBM, ℓ^ARM convex, ℓ^EBM(R_r) = ℓ^ARM(M r) ≥ log(1 + (|Y|-1)e^{-span R})",
        latex=r"\ell^{\mathrm{EBM}}, \ell^{\mathrm{ARM}} \text{ convex}, \quad \ell^{\mathrm{EBM}}(R_r, y) = "
        r"\ell^{\mathrm{ARM}}(M r, y) \ge \log\bigl(1 + (|Y|-1) e^{-\operatorname{span} R}\bigr)",
        hypotheses=f"{FORCED}; |Y| counts allowed responses. ℓ = 0, the same as p(y|x) = 1, only where |Y| = 1",
        routes=(
            "rewards of responses, and their log-sum-exp, against next-token probabilities of M(r)",
            "the loss halfway between two tables, against the mean of the two losses",
            "the span of the rewards of responses alone, against the loss",
        ),
        body=_zero,
        # The sum of all responses hides a mask of -1e9: exp of that is 0.
        mistakes=(
            *without(LOG_PARTITION, "partition-without-temperature", "partition-scaled"),
            *RESPONSE_REWARDS,
            *ARM,
            *without(SOFT_BELLMAN_POLICY, *AT_TEMPERATURE),
        ),
        misreadings=misread(
            _zero,
            ("loss-concave", "the loss halfway is at least the mean of the losses"),
            ("loss-bound-without-span", "every loss is at least log |Y|"),
            ("loss-bound-counts-itself", "log(1 + |Y| e^{-span R}): the response itself counts among the others"),
        ),
        errata=("E8",),
        scope=MODEST,
    ),
    Claim(
        id="S4.1-tf",
        place="Section 4.1, eq. (11)",
        statement="L^ARM(q) = Σ_t E[-log π_q(y_t|s_t)], least where Π_t π_q(y_t|s_t) = ρ(y|x)",
        latex=r"L^{\mathrm{ARM}}(q) = \sum_t \mathbb{E}[{-\log} \pi_q(y_t \mid s_t)], \quad "
        r"\text{least where } \prod_t \pi_q(y_t \mid s_t) = \rho(y \mid x)",
        hypotheses=FULL,
        routes=(
            "next-token losses, weighted by sums of ρ over the responses that begin so",
            "the risk of whole responses; ρ itself, by enumeration",
        ),
        body=_teacher_forcing,
        mistakes=(
            *without(SOFT_BELLMAN_POLICY, *AT_TEMPERATURE, "no-shift"),  # rewards of size 1e4: too many pairs for this
            *without(EBM, "ebm-without-temperature"),  # temperature 1 throughout
            *ARM,
            *POLICY,
            *ARM_RISK,
            *without(ARM_GRADIENT, *ZERO_TOO),
        ),
        misreadings=misread(
            _teacher_forcing,
            ("tf-unweighted-prefixes", "every prefix counts the same"),
            ("tf-own-prefixes", "prefixes are drawn from the model, not from ρ"),
            ("tf-without-eos", "the loss of EOS is left out"),
        ),
        scope=SMALL & MODEST,
        errata=("E5",),
    ),
    Claim(
        id="S5-Lstar",
        place="Section 5, C.1",
        statement="L* = -E log ρ(Y|X) = H(X, Y) - H(X), and L(R) - L* = KL(ρ‖p_R)",
        latex=r"L^\star = {-\mathbb{E}} \log \rho(Y \mid X) = H(X, Y) - H(X), \quad "
        r"L(R) - L^\star = \mathbb{E}_X \mathrm{KL}(\rho, p_R)",
        hypotheses=f"{FULL}. The printed -E log ρ(X, Y) is the same for one prompt",
        routes=("entropies of the joint table, and of the prompts", "conditional entropy; risks less divergences"),
        body=_least_risk,
        mistakes=(*without(EBM, "ebm-without-temperature"), *EBM_RISK, *ARM_RISK, *ENTROPY, *KL),
        misreadings=misread(
            _least_risk,
            ("Lstar-joint", "-E log ρ(X, Y), as printed"),
            ("Lstar-prompts-alike", "every prompt counts the same"),
            ("Lstar-gap-reversed", "the gap is KL(p_R‖ρ)"),
        ),
        errata=("E6",),
        scope=MODEST,
    ),
)
