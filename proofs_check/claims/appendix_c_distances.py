"""Appendices C.3 to C.6: distances with and without the gauge, the bound on KL, the noise of gradients."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.derivatives import flat
from proofs_check.instances import FEW, FINITE, MODEST, Instance, Scope, built_in
from proofs_check.mistakes import (
    EBM_GRADIENT,
    KAPPA,
    LOG_PARTITION_GRADIENT,
    OF_TEMPERATURE,
    PASSING,
    POLICY,
    SOFT_BELLMAN_POLICY,
    without,
)
from proofs_check.paths import incidence
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman import SequenceSpace, StateActionTable

__all__ = ["CLAIMS"]


# -- distances --------------------------------------------------------------------------------------------------------


def _centred(kit: Toolkit[Any], z: Any, live: NDArray[np.bool_], wrong: str = "") -> Any:
    """c(z) over what is live of the first axis, 0 elsewhere."""
    zero = kit.number(np.zeros(live.shape))
    z = reals.where(live, z, zero)
    if wrong == "not-centred":
        return z
    count = live.shape[0] if wrong == "counts-forbidden" else np.maximum(live.sum(axis=0), 1)
    mean = z.sum(0) if wrong == "no-mean" else z.sum(0) / count
    return reals.where(live, z - mean, zero)


def _gauge(kit: Toolkit[Any], instance: Instance) -> list[Any]:
    """A number for each prefix, at the root too."""
    levels = [np.arange(1.0, instance.space.n_prompts + 1.0), *instance.potential.levels[1:]]
    return [kit.lift(level) for level in levels]


def _shifted(kit: Toolkit[Any], levels: Levels, gauge: Levels) -> list[Any]:
    return [kit.system.multiply(level, shift) for level, shift in zip(levels, gauge, strict=True)]


def _centring(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    logits, live = kit.logits(instance), instance.live

    def centred(levels: Levels) -> Any:
        pairs = zip(levels, live, strict=True)
        return flat([_centred(kit, kit.log(level), here, wrong) for level, here in pairs])

    plain = centred(logits)
    yield Comparison("c(q + shift) = c(q)", centred(_shifted(kit, logits, _gauge(kit, instance))), plain)
    yield Comparison("c(log π) = c(q)", centred(kit.policy(instance.space, logits)), plain)


def _after(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, logits, live = instance.space, kit.rewards(instance), kit.other(instance), instance.live
    V, gauge = space.n_tokens, _gauge(kit, instance)

    def distance(ours: Levels, theirs: Levels) -> Any:
        centred = [
            _centred(kit, kit.log(a), here, wrong) - _centred(kit, kit.log(b), here, wrong)
            for a, b, here in zip(ours, theirs, live, strict=True)
        ]
        return flat([reals.largest(abs(gap), 0) for gap in centred])  # at each prefix; their largest is the distance

    def mapped(rewards: Levels) -> Levels:
        return rewards if wrong == "not-mapped" else kit.soft_bellman(space, rewards, 1.0)[0]

    shaped = []
    for t, level in enumerate(_shifted(kit, rewards, gauge)):
        if t + 1 < space.n_depths:
            below = gauge[t + 1].reshape((V, level.shape[1]))
            level = kit.system.stack([kit.system.divide(level[:V], below), level[V:]])
        shaped.append(level)
    plain = distance(mapped(rewards), logits)
    yield Comparison("logits shifted at each prefix", distance(mapped(rewards), _shifted(kit, logits, gauge)), plain)
    yield Comparison("rewards shaped", distance(mapped(shaped), logits), plain)
    policies = [kit.policy(space, q) for q in (kit.recursion(space, rewards, 1.0)[0], logits)]
    yield Comparison("of log-probabilities", distance(*policies), plain)


def _before(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = instance.space
    policy = list(kit.policy(space, kit.logits(instance)))
    # One distribution: R = log p, and log π with a shift of 10 after the first token alone, which changes no π.
    target = kit.log(kit.arm_log_probs(space, kit.logits(instance)))
    live = np.ones(target.shape, dtype=np.bool_)

    def distance(levels: Levels) -> Any:
        totals = kit.log(kit.response_rewards(space, levels))
        return reals.largest(abs(_centred(kit, target, live) - _centred(kit, totals, live)), 0)

    zero = kit.number(np.zeros(space.n_prompts))
    yield Comparison("log-normalised logits: 0", distance(policy), zero)
    shift = np.zeros((space.n_tokens, space.n_prompts))
    shift[0] = 10.0
    policy[1] = kit.system.multiply(policy[1], kit.lift(shift.reshape(-1)))
    ten = kit.log(kit.lift(np.array([10.0])))
    through = incidence(space)[1].sum(axis=(0, 1) if wrong == "any-token" else 0).reshape(-1, live.shape[0])[0]
    passed, n = float(through.sum()), float(through.size)
    # R_q moves by 10 where the prefix is passed; less its mean.
    moved = max(passed, n - passed) if passed < n else 0.0
    moved = {"invariant": 0.0, "all-of-it": n, "share-below": passed}.get(wrong, moved)
    yield Comparison("10 at one prefix: 10 max(f, 1-f)", distance(policy), (zero + moved * ten) / n)


# -- the bound --------------------------------------------------------------------------------------------------------


def _bound(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits, others = instance.space, kit.logits(instance), kit.other(instance)
    P = space.n_prompts
    sharp, squares, largest = kit.number(np.zeros(P)), kit.number(np.zeros(P)), kit.number(np.zeros(P))
    for t, (q, other, passing) in enumerate(zip(logits, others, kit.passing(space, logits), strict=True)):
        live = instance.live[t]
        zero, nothing = kit.number(np.zeros(live.shape)), np.full(live.shape, -np.inf)
        gap = reals.where(live, kit.log(q), zero) - reals.where(live, kit.log(other), zero)
        span = reals.largest(reals.where(live, gap, nothing), 0) + reals.largest(reals.where(live, -gap, nothing), 0)
        # Where there is nothing to choose, nothing can differ.
        choice = (live.sum(axis=0) > 1) & (reals.value(span) > 0.0)
        one, none = kit.number(np.ones(choice.shape)), kit.number(np.zeros(choice.shape))
        span = reals.where(choice, span, one)
        chance = kit.real(passing)
        for_kappa = reals.where(choice, kit.kappa(span / 2.0), none) * chance
        for_square = reals.where(choice, span * span / 8.0, none) * chance
        sharp = sharp + for_kappa.reshape((-1, P)).sum(0)
        squares = squares + for_square.reshape((-1, P)).sum(0)
        largest = reals.maximum(largest, reals.largest(reals.largest(abs(gap), 0).reshape((-1, P)), 0))
    divergence = kit.kl(space, logits, others)
    factor = {"printed": 1.0, "no-two": float(space.n_depths)}.get(wrong, 2.0 * space.n_depths)
    yield Comparison("KL ≤ 2T max|q - q'|", divergence, largest * factor, "at most")
    yield Comparison("KL ≤ Σ P(s) κ(span/2)", divergence, sharp / 2.0 if wrong == "half-sum" else sharp, "at most")
    yield Comparison("Σ P(s) κ(span/2) ≤ Σ P(s) span²/8", sharp, squares, "at most")
    yield Comparison("Σ P(s) κ(span/2) ≤ 2T max|q - q'|", sharp, largest * (2.0 * space.n_depths), "at most")


def _extremal(epsilon: float, n_steps: int) -> Instance:
    """Logits ±ε apart at each of n free steps, where KL is n κ(ε): p = 1/(1 - e^(-2ε)) - 1/(2ε) of +ε."""
    p = -1.0 / np.expm1(-2.0 * epsilon) - 0.5 / epsilon
    space = SequenceSpace.fixed_length(2, n_steps)
    logits = [np.repeat(np.log([[p], [1.0 - p]]), 2**t, axis=1) for t in range(n_steps)]
    apart = [level - np.array([[epsilon], [-epsilon]]) for level in logits]
    tables = [StateActionTable.from_levels(space, levels) for levels in (logits, apart)]
    return Instance(f"{n_steps} free steps, logits ±{epsilon:g} apart", tables[0], second=tables[1])


def _with_extremal(seed: int) -> list[Instance]:
    sizes = ((4.0, 1), (0.6, 4), (10.0, 1))
    few = [instance for instance in built_in(seed) if FEW.includes(instance)]
    return [*few, *(_extremal(epsilon, n_steps) for epsilon, n_steps in sizes)]


# -- the noise of mini-batches ----------------------------------------------------------------------------------------


def _noise(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, target = instance.space, kit.rewards(instance), kit.other(instance)
    weights = instance.prompt_weights
    P, n = space.n_prompts, space.n_responses_per_prompt
    exact = flat(kit.ebm_gradient(space, rewards, target, weights))
    chances = kit.log_partition_gradient(space, rewards)
    # The gradient of one sample (x, y): what the model passes on the tree of x, less what y takes there.
    same = np.eye(P)[:, :, None]  # (prompt of the pair, prompt of the sample)
    samples = []
    for chance, taken in zip(chances, incidence(space), strict=True):
        model = chance.reshape((-1, P, 1, 1)) * same
        data = taken.reshape(-1, 1, 1, n) * same
        samples.append((model - data).reshape((chance.shape[0] * chance.shape[1], P * n)))
    gradients = reals.concatenate(samples)  # (pairs, samples)
    p = (kit.real(kit.arm_log_probs(space, target)) * weights).T.reshape((P * n,))
    # Every batch of two, drawn independently.
    one, two = (index.ravel() for index in np.indices((P * n, P * n)))
    batch = (gradients[:, one] + gradients[:, one if wrong == "one-draw" else two]) / 2.0
    chance_of_batch = p[one] * p[two]
    mean = (batch * chance_of_batch).sum(1)
    yield Comparison("E g_B = ∇L", mean, exact)
    away = batch - exact.reshape((-1, 1))
    noise = reals.total((away * away).sum(0) * chance_of_batch)
    size = reals.total((batch * batch).sum(0) * chance_of_batch)
    of_one = reals.total((gradients * gradients).sum(0) * p)
    signal = reals.total(exact * exact)
    mean_squared = reals.total(mean * mean)
    # coherence = |E g|²/E|g|², GNS = E|g - ∇L|²/|∇L|²; without the divisions.
    total = {"inverse": noise, "minus": signal - noise}.get(wrong, signal + noise)
    yield Comparison("coherence (1 + GNS) = 1", mean_squared * total, signal * size)
    yield Comparison("noise of two = half the noise of one", noise, (of_one - signal) / 2.0)


CLAIMS: Final = (
    Claim(
        id="C-centering",
        place="Appendix C.3, with 1/n",
        statement="c(z) = z - <z,1>1/n: c(q + shift at each prefix) = c(q) = c(log π)",
        latex=r"c(z) = z - \tfrac{1}{n}\langle z, 1\rangle 1, \quad c(q + \alpha(s) 1) = c(q) = c(\log \pi)",
        hypotheses="n: the number of allowed actions at the prefix",
        routes=("shifted logits, and log-probabilities, centred", "logits centred"),
        body=_centring,
        mistakes=without(POLICY, "policy-not-normalised"),  # centring undoes it
        misreadings=misread(
            _centring,
            ("centring-as-printed", "without 1/n", "no-mean"),
            ("centring-counts-forbidden", "n counts forbidden actions too", "counts-forbidden"),
            ("centring-left-out", "logits as they are", "not-centred"),
        ),
        errata=("E15",),
        scope=MODEST,
    ),
    Claim(
        id="C-distance",
        place="Appendix C.3, 'after mapping'",
        statement="‖c(M(r)) - c(q)‖∞ depends on p_{R_r} and p_q alone",
        latex=r"\|c(M(r)) - c(q)\|_\infty \text{ depends on } p_{R_r} \text{ and } p_q \text{ alone}",
        hypotheses=f"{TREE}; c centres at each prefix over allowed actions; the maximum is over all of them",
        routes=(
            "after shaping r, after shifts of q, and from log-probabilities",
            "from r and q as they are",
        ),
        body=_after,
        mistakes=(
            # The temperature is 1, and forbidden actions are left out.
            *without(SOFT_BELLMAN_POLICY, *OF_TEMPERATURE, "mask-1e9"),
            *without(POLICY, "policy-not-normalised"),
        ),
        misreadings=misread(
            _after,
            ("distance-not-mapped", "‖c(r) - c(q)‖∞, prefix by prefix", "not-mapped"),
            ("distance-not-centred", "‖M(r) - q‖∞", "not-centred"),
            ("distance-as-printed", "c without 1/n", "no-mean"),
        ),
        errata=("E15", "E20"),
        scope=MODEST,
    ),
    Claim(
        id="C-before",
        place="Appendix C.3, 'before mapping'",
        statement="‖c(R) - c(R_q)‖∞ with p_q = p_R: 0 for q = log π, δ max(f, 1-f) for q(s,·) + δ",
        latex=r"p_q = p_R:\quad \|c(R) - c(R_q)\|_\infty = 0 \text{ for } q = \log \pi, \quad "
        r"\delta \max(f, 1 - f) \text{ for } q(s, \cdot) = \log \pi(\cdot \mid s) + \delta",
        hypotheses="every action allowed; f < 1: the share of responses that pass s; (V,T) = (2,3), δ = 10: 40/7",
        routes=("R_q(y) = Σ_t q(s_t, y_t), centred over responses", "0, and the closed form"),
        body=_before,
        mistakes=POLICY,
        misreadings=misread(
            _before,
            ("before-is-invariant", "the distance is a function of p_R and p_q", "invariant"),
            ("before-all-of-it", "it moves by 10", "all-of-it"),
            ("before-share-below", "it moves by 10 f", "share-below"),
            ("before-any-token", "f is the share of the responses with a first token", "any-token"),
        ),
        errata=("E16",),
        scope=FINITE & FEW & Scope("two steps or more", lambda i: i.space.n_depths > 1),
    ),
    Claim(
        id="C5-bound",
        place="Appendix C.5, with Proposition 3's 2T; sharper: beyond the paper",
        statement="KL(p_q‖p_q') ≤ Σ_s P(s) κ(span_s/2) ≤ 2T max|q-q'|, ≤ Σ_s P(s) span_s²/8",
        latex=r"\mathrm{KL}(p_q, p_{q'}) \le \sum_s P_q(s)\,\kappa(\mathrm{span}_s / 2) "
        r"\le 2T \|q - q'\|_\infty, \quad \sum_s P_q(s)\,\kappa(\mathrm{span}_s / 2) "
        r"\le \sum_s P_q(s)\,\mathrm{span}_s^2 / 8",
        hypotheses=f"{TREE}; maximum and span of q - q' over allowed actions",
        routes=("KL over whole responses", "local spans, weighted by the chance of the prefix; the largest distance"),
        body=_bound,
        # Wrong divergences, and chances that are too large, can make an inequality no less true.
        mistakes=(*KAPPA, *without(PASSING, "passing-one-early", "passing-last-step", "passing-given-length")),
        misreadings=misread(
            _bound,
            ("c5-as-printed", "KL ≤ max|q - q'|, without 2T", "printed"),
            ("c5-without-2", "T for 2T", "no-two"),
            ("c5-half-the-sum", "half of Σ P(s) κ", "half-sum"),
        ),
        errata=("E19", "E20"),
        own=_with_extremal,
    ),
    Claim(
        id="C-gns",
        place="Appendix C.6 (Figure 8); the identity is beyond the paper",
        statement="coherence = 1/(1 + GNS), for batches with E g_B = ∇L",
        latex=r"\text{coherence } \frac{\|\mathbb{E} g_B\|^2}{\mathbb{E}\|g_B\|^2} = \frac{1}{1 + \mathrm{GNS}}, \; "
        r"\mathrm{GNS} = \frac{\mathbb{E}\|g_B - \nabla L\|^2}{\|\nabla L\|^2}, \text{ for } \mathbb{E} g_B "
        r"= \nabla L",
        hypotheses="prompts and responses of a batch drawn independently from the data; g_B the mean gradient of L^EBM",
        routes=(
            "moments over every batch of two, listed with its chance",
            "the library's exact gradient; moments of single samples",
        ),
        body=_noise,
        mistakes=(*EBM_GRADIENT, *LOG_PARTITION_GRADIENT),
        misreadings=misread(
            _noise,
            ("gns-coherence-inverse", "coherence = 1/GNS", "inverse"),
            ("gns-coherence-minus", "coherence = 1 - GNS", "minus"),
            ("gns-one-draw", "one sample twice for a batch of two", "one-draw"),
        ),
        errata=("E24",),
        scope=FEW,
    ),
)
