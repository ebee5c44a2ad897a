"""Proposition 2: learning one model is learning the other."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.claim import Claim, Comparison, misread
from proofs_check.claims.section4_risks import AT_TEMPERATURE, FULL, ZERO_TOO, target_entropy
from proofs_check.exact import as_exact, rank
from proofs_check.instances import FINITE, MODEST, Instance, Scope
from proofs_check.mistakes import (
    ARM_GRADIENT,
    ARM_RISK,
    EBM,
    EBM_GRADIENT,
    EBM_RISK,
    ENTROPY,
    INVERSE,
    KL,
    SOFT_BELLMAN_POLICY,
    without,
)
from proofs_check.paths import incidence
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace

__all__ = ["CLAIMS"]

_FEW_PAIRS: Final = Scope("at most 60 (prefix, action) pairs", lambda i: i.space.n_pairs <= 60)


def _gauged(kit: Toolkit[Any], instance: Instance) -> Levels:
    """log π_ρ + c(s), with another constant at each prefix."""
    policy, shifts = kit.policy(instance.space, kit.other(instance)), instance.potential.levels
    return [kit.system.multiply(pi, kit.lift(shift)) for pi, shift in zip(policy, shifts, strict=True)]


def _terminal(kit: Toolkit[Any], instance: Instance, *, eq3: bool = False) -> Levels:
    """The rewards of B.3: log ρ(y|x) at the last step of y, 0 before it; with `eq3`, 0 at depth T too."""
    space, target = instance.space, kit.other(instance)
    passing, policy = kit.passing(space, target), kit.policy(space, target)
    levels = []
    for t, live in enumerate(instance.live):
        last = t + 1 == space.n_depths
        ends = 0 if last else space.n_tokens  # from this row on, an action ends the response
        free = kit.lift(np.where(live, 0.0, -np.inf))
        log_rho = kit.system.multiply(policy[t][ends:], passing[t])
        levels.append(free if last and eq3 else kit.system.stack([free[:ends], log_rho]))
    return levels


def _minima(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, target = instance.space, kit.rewards(instance), kit.other(instance)
    weights, entropy = instance.prompt_weights, target_entropy(kit, instance)
    if wrong == "minimum-zero":
        entropy = 0.0 * entropy
    if wrong == "minimum-prompts-alike":
        entropy = reals.total(kit.entropy(space, target)) / space.n_prompts
    logits, _ = kit.soft_bellman(space, rewards, 1.0)
    as_learnt = kit.logits(instance) if wrong == "risks-of-one-table" else logits
    energy_based = kit.ebm_risk(space, rewards, target, weights)
    yield Comparison("L^ARM(M r) = L^EBM(R_r)", kit.arm_risk(space, as_learnt, target, weights), energy_based)

    best = _terminal(kit, instance, eq3=wrong == "minimum-under-eq3")
    mapped, _ = kit.soft_bellman(space, best, 1.0)
    yield Comparison("L^ARM at log π_ρ + c(s)", kit.arm_risk(space, _gauged(kit, instance), target, weights), entropy)
    yield Comparison("L^EBM at the terminal reward log ρ", kit.ebm_risk(space, best, target, weights), entropy)
    log_rho = kit.arm_log_probs(space, target)
    over_responses = kit.log(kit.system.sum(log_rho)) - expectation(kit, log_rho, kit.log(log_rho))
    yield Comparison("L^EBM at R = log ρ", reals.total(over_responses * weights), entropy)

    student = kit.arm_risk(space, kit.logits(instance), target, weights)
    yield Comparison("H(Y|X) ≤ L^ARM(q)", entropy, student, "at most")
    yield Comparison("H(Y|X) ≤ L^EBM(R_r)", entropy, energy_based, "at most")
    arm_gradient = kit.arm_gradient(space, mapped, target, weights)
    ebm_gradient = kit.ebm_gradient(space, best, target, weights)
    for t, (arm, ebm) in enumerate(zip(arm_gradient, ebm_gradient, strict=True)):
        zero = kit.number(np.zeros(arm.shape))
        yield Comparison(f"∂L^ARM = 0 at M(terminal), depth {t}", arm, zero)
        yield Comparison(f"∂L^EBM = 0 at terminal, depth {t}", ebm, zero)


def _shaped(kit: Toolkit[Any], instance: Instance, rewards: Levels, wrong: str) -> Levels:
    """r + φ(s) - φ(s⊕a), with φ = 0 at the root and after the end."""
    system, V, potential = kit.system, instance.space.n_tokens, instance.potential.levels
    levels = []
    for t, reward in enumerate(rewards):
        here = system.multiply(reward, kit.lift(potential[t]))
        if t + 1 < instance.space.n_depths:
            below = kit.lift(potential[t + 1]).reshape((V, here.shape[1]))
            combine = system.multiply if wrong == "argmin-shaping-sign" else system.divide
            here = system.stack([combine(here[:V], below), here[V:]])
        levels.append(here)
    return levels


def _argmin(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, target = instance.space, kit.rewards(instance), kit.other(instance)
    weights, entropy = instance.prompt_weights, target_entropy(kit, instance)
    log_rho = kit.arm_log_probs(space, target)

    logits = _gauged(kit, instance)
    reward = logits if wrong == "argmin-without-inverse" else kit.inverse(space, logits, 1.0)
    yield Comparison("L^ARM(q*) with q* = log π_ρ + c(s)", kit.arm_risk(space, logits, target, weights), entropy)
    yield Comparison("L^EBM(R_{r*}) with r* = M⁻¹(q*)", kit.ebm_risk(space, reward, target, weights), entropy)
    yield Comparison("p_{R_{r*}} = ρ", kit.ebm_log_probs(space, reward, 1.0), log_rho)
    moved = _shaped(kit, instance, reward, wrong)
    mapped, _ = kit.soft_bellman(space, moved, 1.0)
    yield Comparison("L^EBM at r* + φ(s) - φ(s⊕a)", kit.ebm_risk(space, moved, target, weights), entropy)
    yield Comparison("p_q = ρ with q = M(r* + φ(s) - φ(s⊕a))", kit.arm_log_probs(space, mapped), log_rho)

    # What any other table loses: 0 only where p = ρ.
    student, _ = kit.soft_bellman(space, rewards, 1.0)
    pair = (student, target) if wrong == "argmin-loss-reversed" else (target, student)
    loss = reals.total(kit.kl(space, *pair) * weights)
    yield Comparison("L^ARM(M r) - H = KL(ρ‖p_q)", kit.arm_risk(space, student, target, weights) - entropy, loss)
    yield Comparison("L^EBM(R_r) - H = KL(ρ‖p_R)", kit.ebm_risk(space, rewards, target, weights) - entropy, loss)


def _dimensions(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = instance.space
    one = SequenceSpace(space.n_tokens, max_length=space.max_length, min_length=space.min_length)
    if not space.has_eos:
        one = SequenceSpace.fixed_length(space.n_tokens, space.max_length)
    n, pairs, states = one.n_responses, one.n_pairs, one.n_prefixes
    rows = np.concatenate([level.reshape(-1, n) for level in incidence(one)]).astype(int)
    # log π_q moves with the differences of logits at each prefix; R_r with the rewards of each response; and both
    # p_R with the differences of R.
    differences = np.zeros((0, pairs), dtype=int)
    start = 0
    for t in range(one.n_depths):
        k, width = one.n_actions(t), one.n_prefixes_at(t)
        for s in range(width):
            for a in range(1, k):
                row = np.zeros((1, pairs), dtype=int)
                row[0, start + s], row[0, start + a * width + s] = -1, 1
                differences = np.concatenate([differences, row])
        start += k * width
    centred = n * np.eye(n, dtype=int) - 1
    found = (pairs - rank(differences) if differences.size else pairs, pairs - rank(rows) + 1, n - rank(centred))
    expected = {
        "argmin-a-point": (0, 0, 0),
        "argmin-one-constant": (1, 1, 1),
        "argmin-rewards-unique": (states, 1, 1),
        "argmin-all-pairs": (pairs, pairs, 1),
    }.get(wrong, (states, states, 1))
    yield Comparison("dimensions of the argmin in q, r and R, for one prompt", as_exact(*found), as_exact(*expected))


CLAIMS: Final = (
    Claim(
        id="P2-minima",
        place="Proposition 2, Section 4.1 and B.3",
        statement="min_q L^ARM(q) = min_r L^EBM(R_r) = min_R L^EBM(R) = H(Y|X)",
        latex=r"\min_q L^{\mathrm{ARM}}(q) = \min_r L^{\mathrm{EBM}}(R_r) = \min_R L^{\mathrm{EBM}}(R) = H(Y \mid X)",
        hypotheses=FULL,
        routes=(
            "next-token cross-entropy of M(r), against the cross-entropy of p_R by enumeration",
            "risks at the minimisers of B.3, against the entropy of ρ; gradients there, against 0",
        ),
        body=_minima,
        mistakes=(
            *without(SOFT_BELLMAN_POLICY, *AT_TEMPERATURE),
            *ARM_RISK,
            *EBM_RISK,
            *ENTROPY,
            *without(ARM_GRADIENT, *ZERO_TOO),
            *without(EBM_GRADIENT, "ebm-gradient-of-logits"),  # 0 as well
        ),
        misreadings=misread(
            _minima,
            ("risks-of-one-table", "L^ARM(r) = L^EBM(R_r): the same table, without M"),
            ("minimum-under-eq3", "the terminal reward obeys eq. (3): 0 at the last step"),
            ("minimum-zero", "the least risk is 0, as if ℓ = 0 were attained"),
            ("minimum-prompts-alike", "every prompt counts the same in H(Y|X)"),
        ),
        errata=(
            "E2",
            "E4",
            "E5",
            "E6",
        ),
        scope=MODEST,
    ),
    Claim(
        id="P2-argmin",
        place="Proposition 2, Section 4.1",
        statement="q* ∈ argmin L^ARM ⇔ r* = M⁻¹(q*) ∈ argmin L^EBM(R_·) ⇔ R_{r*} ∈ argmin L^EBM",
        latex=r"q^\star \in \operatorname{argmin} L^{\mathrm{ARM}} \iff r^\star = M^{-1}(q^\star) \in "
        r"\operatorname{argmin}_r L^{\mathrm{EBM}}(R_r) \iff R_{r^\star} \in \operatorname{argmin} L^{\mathrm{EBM}}",
        hypotheses=f"{FULL}. The paper has ⇒ for the last arrow",
        routes=(
            "risks of log π_ρ + c(s), of its inverse image, and of that image shaped by φ, against the entropy",
            "what any other table loses, against KL(ρ‖p): 0 only where p = ρ",
        ),
        body=_argmin,
        mistakes=(
            *without(SOFT_BELLMAN_POLICY, *AT_TEMPERATURE),
            # The temperature is 1 throughout; log π, the logits less the value of their own prefix, is a minimiser too.
            *without(INVERSE, "inverse-lost-temperature", "inverse-own-value"),
            *without(EBM, "ebm-without-temperature"),
            *ARM_RISK,
            *EBM_RISK,
            *ENTROPY,
            *KL,
        ),
        misreadings=misread(
            _argmin,
            ("argmin-without-inverse", "r* = q*: the same table minimises both"),
            ("argmin-shaping-sign", "shaping adds the potential of the child"),
            ("argmin-loss-reversed", "what is lost is KL(p‖ρ)"),
        ),
        errata=("E4", "E5"),
        scope=MODEST,
    ),
    Claim(
        id="P2-argmin-dims",
        place="Proposition 2; beyond the paper",
        statement="dim argmin: one per prefix in q and in r, 1 in R, for each prompt",
        latex=r"\dim \operatorname{argmin}_q L^{\mathrm{ARM}}(q) = \dim \operatorname{argmin}_r L^{\mathrm{EBM}}(R_r) "
        r"= |S(x)|, \quad \dim \operatorname{argmin}_R L^{\mathrm{EBM}}(R) = 1, \text{ for each prompt } x",
        hypotheses=f"{FULL}; every action allowed. With all lengths from 1 to T there are |Y| prefixes",
        routes=("ranks of what p_q, R_r and p_R depend on, by elimination over the rationals", "a count of prefixes"),
        body=_dimensions,
        misreadings=misread(
            _dimensions,
            ("argmin-a-point", "the minimisers are unique"),
            ("argmin-one-constant", "they are unique up to one constant"),
            ("argmin-rewards-unique", "the rewards are unique up to a constant, as R is"),
            ("argmin-all-pairs", "every table is a minimiser"),
        ),
        scope=FINITE & _FEW_PAIRS,
    ),
)
