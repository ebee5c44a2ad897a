"""Statements about this library: its two ways to compute one thing agree."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from proofs_check.claim import Claim, Comparison
from proofs_check.instances import MODEST, Instance
from proofs_check.mistakes import EBM_POLICY, KERNEL, REGULARISED, REGULARISED_INVERSE, SOFT_BELLMAN
from proofs_check.paths import chances, pair_totals, tempered
from proofs_check.toolkit import PATHS, Toolkit
from tabular_bellman.recursion import backward

__all__ = ["CLAIMS"]


def _kernel(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    rewards, tau = kit.rewards(instance), instance.temperature
    logits, values = kit.soft_bellman(instance.space, rewards, tau)
    generic_logits, generic_values = kit.recursion(instance.space, rewards, tau)
    for t in range(instance.space.n_depths):
        yield Comparison(f"logits at depth {t}", logits[t], generic_logits[t])
        yield Comparison(f"values at depth {t}", values[t], generic_values[t])
    for path in PATHS:
        logits, values = kit.kernel(instance.space, rewards, tau, path)
        for t in range(instance.space.n_depths):
            yield Comparison(f"{path}: logits at depth {t}", logits[t], generic_logits[t])
            yield Comparison(f"{path}: values at depth {t}", values[t], generic_values[t])


def _parameters(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    space, rewards, tau = instance.space, kit.rewards(instance), instance.temperature
    reference = kit.policy(space, kit.other(instance))
    for name, gamma, measure in (("γ=½", 0.5, None), ("π_ref", 1.0, reference), ("γ=0.9, π_ref", 0.9, reference)):
        logits, values = kit.regularised(space, rewards, tau, gamma, measure)
        generic_logits, generic_values = backward(
            space, kit.system, rewards, temperature=tau, discount=gamma, log_reference=measure
        )
        back = kit.regularised_inverse(space, logits, tau, gamma, measure)
        for t, (level, live) in enumerate(zip(instance.reward.levels, instance.live, strict=True)):
            yield Comparison(f"{name}: logits at depth {t}", logits[t], generic_logits[t])
            yield Comparison(f"{name}: values at depth {t}", values[t], generic_values[t])
            # As in P1-bijection-r: what leads to no allowed response comes back as -inf.
            expected = kit.lift(np.where(live, level, -np.inf))
            yield Comparison(f"{name}: rewards at depth {t}", back[t], expected)


def _ebm_policy(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    space, rewards, tau, system = instance.space, kit.rewards(instance), instance.temperature, kit.system
    policy = kit.ebm_policy(space, rewards, tau)
    generic, _ = kit.recursion(space, rewards, tau)
    weights = kit.response_rewards(space, tempered(kit, rewards, tau))
    for t, pairs in enumerate(pair_totals(kit, space, weights)):
        through = system.multiply(policy[t], chances(kit, space, weights, t))
        yield Comparison(f"π(a|s) Σ through s = Σ through s⊕a at depth {t}", through, pairs)
        # Prefixes that cannot be reached have a policy too.
        yield Comparison(
            f"π = softmax(M_τ(r)/τ) at depth {t}", policy[t], system.normalise(system.power(generic[t], 1.0 / tau))
        )


CLAIMS: Final = (
    Claim(
        id="L-kernel",
        place="this library",
        statement="the fast kernel computes what the generic recursion computes, on each of its paths",
        latex=r"\text{the fast kernel computes what the generic recursion computes, on each of its paths}",
        hypotheses="none",
        routes=(
            "soft_bellman; and its kernel uncut, in blocks, on threads, with a shift everywhere, and all at once",
            "the generic recursion over LogFloat",
        ),
        body=_kernel,
        mistakes=(*SOFT_BELLMAN, *KERNEL),
    ),
    Claim(
        id="L-parameters",
        place="this library; Section 3.3, Appendix A.5",
        statement="soft_bellman with τ, γ and π_ref is q = r + γ V(s⊕a), V = τ log Σ π_ref e^(q/τ), and M⁻¹ undoes it",
        latex=r"q(s,a) = r(s,a) + \gamma V(s \oplus a), \quad "
        r"V(s) = \tau \log \sum_a \pi_{\mathrm{ref}}(a \mid s) \, e^{q(s,a)/\tau}, \quad "
        r"M^{-1}(M(r)) = r \text{ at live pairs}",
        hypotheses="M⁻¹(M(r)) = r at live pairs, -inf elsewhere; π_ref > 0 on them; γ = ½, 1, 0.9; V = 0 after the end",
        routes=(
            "soft_bellman, by its kernel, and inverse_soft_bellman, with a table of weights",
            "the generic recursion over LogFloat, with logarithms of weights",
            "the rewards themselves",
        ),
        body=_parameters,
        mistakes=(*REGULARISED, *REGULARISED_INVERSE),
    ),
    Claim(
        id="L-ebm-policy",
        place="this library; Proposition 1",
        statement="π(a|s) Σ_(y through s) e^(R(y)/τ) = Σ_(y through s⊕a) e^(R(y)/τ), π = softmax(M(r)/τ)",
        latex=r"\pi(a \mid s) \sum_{y \ni s} e^{R(y)/\tau} = \sum_{y \ni s \oplus a} e^{R(y)/\tau}, \quad "
        r"\pi = \mathrm{softmax}(M_\tau(r)/\tau)",
        hypotheses="stated without the division, which is 0/0 at dead prefixes; π = 0 there",
        routes=(
            "EnergyBasedModel.log_policy",
            "sums over whole responses, by enumeration",
            "the generic recursion and its softmax",
        ),
        body=_ebm_policy,
        mistakes=EBM_POLICY,
        scope=MODEST,
    ),
)
