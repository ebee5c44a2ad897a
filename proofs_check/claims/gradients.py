"""Appendices A.10 and A.11: gradients of log-partitions and of both risks, each by at least three routes."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from proofs_check.claim import FORCED, Claim, Comparison, misread
from proofs_check.derivatives import (
    alpha_beta,
    at_ends,
    flat,
    numbers,
    pair_chances,
    pairwise,
    per_prefix,
    root_along_units,
    sum_along,
    terminal,
    value_changes,
)
from proofs_check.instances import FEW, MODEST, Instance
from proofs_check.mistakes import (
    ARM_GRADIENT,
    EBM,
    EBM_GRADIENT,
    FORWARD_MODE,
    LOG_PARTITION_GRADIENT,
    PASSING,
    POLICY,
    PULLBACK,
    RESPONSE_REWARDS,
    without,
)
from proofs_check.paths import incidence, pair_sums
from proofs_check.toolkit import Levels, Toolkit, expectation

__all__ = ["CLAIMS"]

# Where only changes of values are looked at, those of logits cannot show.
_FORWARD_OF_VALUES: Final = without(FORWARD_MODE, "forward-mode-identity")
# On trees of depth one r is q.
_FORWARD_OF_DEPTH_ONE: Final = without(_FORWARD_OF_VALUES, "forward-mode-local-policy")


def _ebm_partition(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards = instance.space, kit.rewards(instance)
    log_probs = kit.ebm_log_probs(space, rewards, 1.0)
    if wrong == "unnormalised":
        log_probs = kit.response_rewards(space, rewards)
    p = kit.real(log_probs)
    if wrong == "uniform":
        p = kit.number(np.full(p.shape, 1.0 / p.shape[0]))
    routes = {
        "p_R": p.reshape((-1,)),
        "αβ/Z at last steps": at_ends(space, alpha_beta(kit, space, rewards)).reshape((-1,)),
        "∂A/∂r at last steps": at_ends(space, kit.log_partition_gradient(space, rewards)).reshape((-1,)),
    }
    if FEW.includes(instance):
        routes["complex step"] = at_ends(space, root_along_units(kit, instance)).reshape((-1,))
    yield from pairwise(routes, "∂A/∂R(y)")
    # R moves along a direction when the rewards of last steps do.
    moved = at_ends(space, instance.direction.levels)
    tangent = [kit.log(level) for level in terminal(kit, space, kit.lift(moved))]
    _, change = kit.forward_mode(space, rewards, tangent)
    along = expectation(kit, log_probs, kit.number(moved))
    yield Comparison("along a direction: Σ p(y) D(y) = complex step", along, change)


def _arm_partition(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits = instance.space, kit.logits(instance)
    P, n = space.n_prompts, space.n_responses_per_prompt
    log_probs, policy = kit.arm_log_probs(space, logits), kit.policy(space, logits)
    formula, stepped, expected = [], [], []
    for t, passes in enumerate(incidence(space)):
        # (action, prefix, response), for each prompt
        taken = np.repeat(passes, P, axis=1).astype(np.float64)
        on_path = taken.sum(axis=0, keepdims=True)
        here = {"off-path": np.ones_like(on_path), "taken-only": taken}.get(wrong, on_path)
        pi, change = kit.real(policy[t]), value_changes(kit, logits[t])
        gradient = pi.reshape((*pi.shape, 1)) * here
        formula.append(gradient)
        stepped.append(change.reshape((*pi.shape, 1)) * on_path)
        chances = kit.real(log_probs).T[np.tile(np.arange(P), space.n_tokens**t)]
        expected.append((gradient * chances.reshape((1, -1, n))).sum(2))
    yield Comparison("∂A^ARM(x,y)/∂q: π on the path = complex step", flat(formula), flat(stepped))
    # E ∂log p/∂q = 0, so that the mean of ∂A^ARM/∂q is the chance of the pair.
    routes = {
        "mean over y": flat(expected),
        "chance of the pair, by enumeration": flat(pair_sums(space, kit.real(log_probs))),
        "chance of the pair, by recursion": flat(pair_chances(kit, space, logits)),
    }
    yield from pairwise(routes, "E ∂A^ARM/∂q")


def _backprop(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards = instance.space, kit.rewards(instance)
    logits, _ = kit.recursion(space, rewards, 1.0)
    formula = kit.log_partition_gradient(space, rewards)
    # A is the root value: ∂A/∂q is the policy there and 0 elsewhere.
    cotangent = [kit.number(np.zeros(level.shape)) for level in instance.reward.levels]
    cotangent[0] = kit.real(kit.policy(space, logits)[0])
    routes = {
        "ρ(s) π(a|s)": flat(formula),
        "αβ'/Z": flat(alpha_beta(kit, space, rewards, own=wrong == "own-value")),
        "J_Mᵀ ∂A/∂q": flat(kit.pullback(space, rewards, cotangent)),
    }
    if FEW.includes(instance):
        p = kit.real(kit.ebm_log_probs(space, rewards, 1.0))
        if wrong == "counts":
            p = kit.number(np.full(p.shape, 1.0 / p.shape[0]))
        routes["enumeration"] = flat(pair_sums(space, p))
        routes["complex step"] = flat(root_along_units(kit, instance))
    yield from pairwise(routes, "∂A/∂r(s,a)")
    direction = numbers(kit, instance.direction.levels)
    _, change = kit.forward_mode(space, rewards, direction)
    yield Comparison("along a direction", sum_along(formula, direction, space), change)


def _arm_risk(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits, target = instance.space, kit.logits(instance), kit.other(instance)
    weights = instance.prompt_weights
    passing = [kit.real(level) for level in kit.passing(space, target)]
    chances = pair_chances(kit, space, target)
    if wrong == "unpassed":
        chances = [kit.real(level) for level in kit.policy(space, target)]
    if wrong == "prompts-alike":
        weights = np.full(weights.shape, 1.0 / weights.size)
    stepped = [
        (rho * value_changes(kit, q) - pair) * per_prefix(weights, q)
        for rho, q, pair in zip(passing, logits, chances, strict=True)
    ]
    routes = {
        "ρ(s) (π_q - π_ρ)": flat(kit.arm_gradient(space, logits, target, instance.prompt_weights)),
        "E[∂A^ARM - ∂R_q], complex step": flat(stepped),
    }
    if FEW.includes(instance):
        weighted = kit.real(kit.arm_log_probs(space, target)) * instance.prompt_weights
        pairs = zip(kit.policy(space, logits), pair_sums(space, weighted), strict=True)
        routes["E[π_q on the path - actions taken]"] = flat([kit.real(pi) * pair.sum(0) - pair for pi, pair in pairs])
    yield from pairwise(routes, "∂L^ARM/∂q(s,a)")


def _ebm_risk(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, target = instance.space, kit.rewards(instance), kit.other(instance)
    weights = instance.prompt_weights
    formula = kit.ebm_gradient(space, rewards, target, weights)
    theirs = pair_chances(kit, space, target)
    sign = -1.0 if wrong == "sign" else 1.0
    if wrong == "unpassed":
        theirs = [kit.real(level) for level in kit.policy(space, target)]

    def gap(mine: Levels) -> Any:
        return flat([(p - rho) * (sign * per_prefix(weights, rho)) for p, rho in zip(mine, theirs, strict=True)])

    routes = {
        "p_R - ρ": flat(formula),
        "αβ'/Z - ρ": gap(alpha_beta(kit, space, rewards, own=wrong == "own-value")),
    }
    log_rho = kit.arm_log_probs(space, target)
    if FEW.includes(instance):
        p, rho = kit.real(kit.ebm_log_probs(space, rewards, 1.0)), kit.real(log_rho)
        routes["enumeration"] = flat(pair_sums(space, (p - rho) * weights))
        pairs = zip(root_along_units(kit, instance), pair_sums(space, rho), strict=True)
        routes["complex step"] = flat([(mine - data) * per_prefix(weights, data) for mine, data in pairs])
    yield from pairwise(routes, "∂L^EBM/∂r(s,a)")
    direction = instance.direction.levels
    _, change = kit.forward_mode(space, rewards, numbers(kit, direction))
    moved = kit.log(kit.response_rewards(space, [kit.lift(level) for level in direction]))
    slope = (change - expectation(kit, log_rho, moved)) * weights
    yield Comparison("along a direction", sum_along(formula, numbers(kit, direction), space), slope)


def _chain(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, target = instance.space, kit.rewards(instance), kit.other(instance)
    weights = instance.prompt_weights
    logits, _ = kit.recursion(space, rewards, 1.0)
    at = rewards if wrong == "at-rewards" else logits
    of_logits = kit.arm_gradient(space, at, target, weights)
    of_rewards = kit.ebm_gradient(space, rewards, target, weights)
    if wrong == "no-jacobian":
        pulled = of_logits
    else:
        pull = kit.pushforward if wrong == "not-transposed" else kit.pullback
        pulled = pull(space, rewards, of_logits)
    routes = {"∇_r L^EBM": flat(of_rewards), "J_Mᵀ ∇_q L^ARM": flat(pulled)}
    if FEW.includes(instance):
        p, rho = kit.ebm_log_probs(space, rewards, 1.0), kit.arm_log_probs(space, target)
        routes["enumeration"] = flat(pair_sums(space, (kit.real(p) - kit.real(rho)) * weights))
    yield from pairwise(routes, "gradient")
    direction = numbers(kit, instance.direction.levels)
    moved, _ = kit.forward_mode(space, rewards, direction)
    along = sum_along(of_logits, moved, space)
    yield Comparison("<∇_r L^EBM, d> = <∇_q L^ARM, J_M d>", sum_along(of_rewards, direction, space), along)


CLAIMS: Final = (
    Claim(
        id="A10-ebm",
        place="Appendix A.10",
        statement="∂A_R(x)/∂R(x,y) = p_R(y|x)",
        latex=r"\frac{\partial A_R(x)}{\partial R(x,y)} = p_R(y \mid x)",
        hypotheses=FORCED,
        routes=(
            "exp R over its sum, by enumeration",
            "αβ/Z at the step that ends y",
            "the library's ∂A/∂r at the reward of that step",
            "complex step: along unit vectors (small instances), along a direction of R (all)",
        ),
        body=_ebm_partition,
        # The temperature is 1.
        mistakes=(*without(EBM, "ebm-without-temperature"), *LOG_PARTITION_GRADIENT, *_FORWARD_OF_VALUES),
        misreadings=misread(
            _ebm_partition,
            ("gradient-a10-unnormalised", "∂A/∂R = exp R, not divided by its sum", "unnormalised"),
            ("gradient-a10-uniform", "every response counts the same", "uniform"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="A10-arm",
        place="Appendix A.10",
        statement="∂A^ARM(x,y)/∂q(s,a) = π_q(a|s) if s = s_t for some t ≤ |y|, else 0",
        latex=r"\frac{\partial A^{\mathrm{ARM}}_q(x,y)}{\partial q(s,a)} = \pi_q(a \mid s) \text{ if } s = s_t "
        r"\text{ for some } t \le |y|, \text{ else } 0",
        hypotheses=f"{FORCED}; A^ARM(x,y) = Σ_t V_q(s_t)",
        routes=(
            "the policy at the states of y, 0 elsewhere",
            "complex step of V_q(s) along unit vectors, added up along y",
            "its mean over y against the chance of (s,a): by enumeration, and by recursion",
        ),
        body=_arm_partition,
        mistakes=(*POLICY, *PASSING, *_FORWARD_OF_DEPTH_ONE),
        misreadings=misread(
            _arm_partition,
            ("gradient-a10-off-path", "π(a|s) at every state, on the path of y or not", "off-path"),
            ("gradient-a10-taken-only", "π(a|s) at the actions that y takes, 0 at the others", "taken-only"),
        ),
        scope=FEW,
    ),
    Claim(
        id="A11-backprop",
        place="Appendix A.11, with αβ of A.9",
        statement="∂A_{R_r}(x)/∂r(s,a) = P(Y passes s and takes a) = α(s) e^r(s,a) β(s⊕a) / Z",
        latex=r"\frac{\partial A_{R_r}(x)}{\partial r(s_t,y_t)} = p(Y_{\le t} = y_{\le t} \mid x)"
        r" = \alpha(s_t)\, e^{r(s_t,y_t)} \beta(s_{t+1}) / Z",
        hypotheses=f"{FORCED}; only EOS is allowed at s_T, and β = 1 after EOS",
        routes=(
            "chance of s under softmax(M r), times π(a|s)",
            "αβ'/Z by forward and backward recursions over rewards",
            "J_Mᵀ from the root down",
            "Σ of p_R(y) over the responses that take (s,a)",
            "complex step: along unit vectors (small instances), along a direction (all)",
        ),
        body=_backprop,
        mistakes=(
            *LOG_PARTITION_GRADIENT,
            *without(EBM, "ebm-without-temperature"),
            *PULLBACK,
            *_FORWARD_OF_VALUES,
            *POLICY,
        ),
        misreadings=misread(
            _backprop,
            ("gradient-a11-own-value", "β(s), not β(s⊕a), follows the pair", "own-value"),
            ("gradient-a11-counts", "the share of the responses that take (s,a), unweighted", "counts"),
        ),
        errata=("E9", "E10"),
        scope=MODEST,
    ),
    Claim(
        id="GR-arm-risk",
        place="beyond the paper: A.10 under the expectation",
        statement="∂L^ARM/∂q(s,a) = p_X(x) ρ(s) (π_q(a|s) - π_ρ(a|s))",
        latex=r"\frac{\partial L^{\mathrm{ARM}}}{\partial q(s,a)} "
        r"= p_X(x)\, \rho(s)\, (\pi_q(a \mid s) - \pi_\rho(a \mid s))",
        hypotheses=f"{FORCED}; ρ(s): the chance that Y ∼ ρ(·|x) passes s",
        routes=(
            "the library's formula",
            "complex step of V_q at each prefix, weighted by ρ(s), less ρ(s,a)",
            "E over responses of π_q on the path less the actions taken, by enumeration (small instances)",
        ),
        body=_arm_risk,
        mistakes=(*ARM_GRADIENT, *PASSING, *POLICY, *_FORWARD_OF_DEPTH_ONE),
        misreadings=misread(
            _arm_risk,
            ("gradient-arm-unpassed-data", "π_ρ(a|s) is taken off at every prefix alike", "unpassed"),
            ("gradient-arm-prompts-alike", "every prompt counts the same", "prompts-alike"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="GR-ebm-risk",
        place="beyond the paper: A.10 and A.11 under the expectation",
        statement="∂L^EBM(R_r)/∂r(s,a) = p_X(x) (p_{R_r}(s,a) - ρ(s,a))",
        latex=r"\frac{\partial L^{\mathrm{EBM}}(R_r)}{\partial r(s,a)} = p_X(x)\, (p_{R_r}(s,a) - \rho(s,a))",
        hypotheses=f"{FORCED}; p(s,a): the chance that Y ∼ p(·|x) passes s and takes a",
        routes=(
            "the library's formula",
            "αβ'/Z of the model less the chances of the target",
            "Σ of p_R(y) - ρ(y) over the responses that take (s,a) (small instances)",
            "complex step: along unit vectors (small instances), along a direction (all)",
        ),
        body=_ebm_risk,
        mistakes=(
            *EBM_GRADIENT,
            *without(EBM, "ebm-without-temperature"),
            *_FORWARD_OF_VALUES,
            *PASSING,
            *POLICY,
            *RESPONSE_REWARDS,
        ),
        misreadings=misread(
            _ebm_risk,
            ("gradient-ebm-uphill", "target minus model", "sign"),
            ("gradient-ebm-unpassed-data", "π_ρ(a|s) for the chance of the pair", "unpassed"),
            ("gradient-ebm-own-value", "β(s), not β(s⊕a), follows the pair", "own-value"),
        ),
        errata=("E4",),
        scope=MODEST,
    ),
    Claim(
        id="GR-chain",
        place="beyond the paper: L^EBM(R_r) = L^ARM(M r) of B.3, differentiated",
        statement="∇_r L^EBM(R_r) = J_Mᵀ ∇_q L^ARM(M r), J_M the Jacobian of M at r",
        latex=r"\nabla_r L^{\mathrm{EBM}}(R_r) = J_M^\top \nabla_q L^{\mathrm{ARM}}(M(r)), \quad "
        r"J_M = \frac{\partial M(r)}{\partial r}",
        hypotheses=FORCED,
        routes=(
            "p_R - ρ at each pair, the library's formula",
            "ρ(s) (π - π_ρ) at M(r), carried back by J_Mᵀ from the root down",
            "Σ of p_R(y) - ρ(y) over the responses that take (s,a) (small instances)",
            "along a direction d: <∇_q L^ARM, J_M d>, with J_M d by complex step",
        ),
        body=_chain,
        mistakes=(*ARM_GRADIENT, *EBM_GRADIENT, *PULLBACK, *FORWARD_MODE),
        misreadings=misread(
            _chain,
            ("chain-at-rewards", "∇L^ARM is taken at r, not at M(r)", "at-rewards"),
            ("chain-not-transposed", "J_M for J_Mᵀ", "not-transposed"),
            ("chain-without-jacobian", "∇_r L^EBM = ∇_q L^ARM: minima agree, gradients do not", "no-jacobian"),
        ),
        errata=("E4",),
        scope=MODEST,
    ),
)
