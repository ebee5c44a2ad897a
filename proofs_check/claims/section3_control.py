"""Sections 3.3 and 3.4: the soft Bellman operator, entropy-regularised control, and sums over paths."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.instances import MODEST, Instance, Scope, half_forbidden
from proofs_check.mistakes import ARM, EBM, KL, POLICY, RESPONSE_REWARDS, SOFT_BELLMAN_LOGITS, without
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace, StateActionTable
from tabular_bellman.recursion import backward

__all__ = ["CLAIMS"]


def _with_children(kit: Toolkit[Any], space: SequenceSpace, level: Any, below: Any) -> Any:
    """Add `below`, numbers at the next depth, to the rows of tokens; EOS leads to 0."""
    V = space.n_tokens
    return reals.concatenate([level[:V] + below.reshape((V, level.shape[1])), kit.number(0.0) + level[V:]])


def _finite_log(kit: Toolkit[Any], x: Any) -> Any:
    """The logarithm of weights, 0 for weights that are 0."""
    zero = kit.system.is_zero(x)
    return reals.where(zero, kit.number(np.zeros(zero.shape)), kit.log(x))


# -- Section 3.3: the soft Bellman operator ---------------------------------------------------------------------------


def _operator(
    kit: Toolkit[Any], space: SequenceSpace, rewards: Levels, q: Levels, tau: float, wrong: str = ""
) -> list[Any]:
    """B_r(q)(s, a) = r(s, a) + V_q(s⊕a), with V = 0 after the last step."""
    system, V, levels = kit.system, space.n_tokens, list(rewards)
    values = [system.power(system.sum(system.power(level, 1.0 / tau)), tau) for level in q]
    for t in range(space.n_depths - 1):
        tokens = system.multiply(rewards[t][:V], values[t + 1].reshape((V, rewards[t].shape[1])))
        ends = rewards[t][V:]
        if wrong == "EOS" and ends.shape[0]:
            ends = system.multiply(ends, values[t][None])
        levels[t] = system.stack([tokens, ends])
    if wrong == "after":
        # One more value after the last step, of as many zero logits as there are tokens and EOS.
        last = rewards[-1]
        levels[-1] = system.multiply(last, system.sum(system.ones((V + 1, *last.shape))))
    return levels


def _deep(instance: Instance) -> NDArray[np.bool_]:
    """Which first actions lead to the last depth through live pairs."""
    V = instance.space.n_tokens
    deep = instance.live[-1]
    for live in instance.live[-2::-1]:
        ends = np.zeros_like(live[V:])
        deep = np.concatenate([live[:V] & deep.any(axis=0).reshape(V, -1), ends])
    return deep


def _fixed_point(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, tau = instance.space, kit.rewards(instance), instance.temperature
    logits, _ = kit.soft_bellman(space, rewards, tau)
    once = _operator(kit, space, rewards, logits, tau, wrong)
    # Logits so large that what they leave in a value cannot be lost in the rounding.
    largest = sum(float(np.abs(level[np.isfinite(level)]).max(initial=0.0)) for level in instance.reward.levels)
    start = [2.0 * largest + 10.0 * (1.0 + tau) * space.n_depths + level for level in instance.direction.levels]
    iterates: list[Levels] = [[kit.lift(level) for level in start]]
    for _ in range(space.n_depths):
        iterates.append(_operator(kit, space, rewards, iterates[-1], tau, wrong))
    reached = iterates[-2] if wrong == "fewer" else iterates[-1]
    for t, level in enumerate(logits):
        yield Comparison(f"B_r(M(r)) = M(r) at depth {t}", once[t], level)
        yield Comparison(f"B_r^T(any q) = M(r) at depth {t}", reached[t], level)
    deep = _deep(instance)
    before, zero = iterates[-1] if wrong == "enough" else iterates[-2], kit.number(np.zeros(deep.shape))
    left = reals.where(deep, kit.log(before[0]), zero + 1.0)
    right = reals.where(deep, kit.log(logits[0]), zero)
    yield Comparison("B_r^(T-1)(q) is not M(r)", left, right, "differs")

    # Adding 1 to every logit adds 1 to every value: the Lipschitz constant is 1, no less.
    one = kit.lift(np.ones((1, 1)))
    raised = [kit.system.multiply(q, one) for q in iterates[0]]
    moved = _operator(kit, space, rewards, raised, tau, wrong)
    for t in range(space.n_depths - 1):
        V, live = space.n_tokens, np.isfinite(instance.reward.levels[t][: space.n_tokens])
        none = kit.number(np.zeros(live.shape))
        change = [reals.where(live, kit.log(levels[t][:V]), none) for levels in (moved, iterates[1])]
        size = reals.where(live, (0.5 if wrong == "contraction" else 1.0) * kit.log(one), none)
        yield Comparison(f"B_r(q + 1) = B_r(q) + 1 at depth {t}", change[0] - change[1], size)


def _evaluated(kit: Toolkit[Any], instance: Instance, policy: Levels, tau: float, wrong: str = "") -> Any:
    """E Σ_t r(S_t, A_t) + τ H(π(·|S_t)) from each root, by the recursion that evaluates a policy."""
    space, rewards = instance.space, kit.rewards(instance)
    below: Any = None
    for t in reversed(range(space.n_depths)):
        gain = _finite_log(kit, rewards[t])
        weight = {"no entropy": 0.0, "temperature": 1.0, "first": tau if t == 0 else 0.0}.get(wrong, tau)
        gain = gain - weight * _finite_log(kit, policy[t])
        if below is not None:
            gain = _with_children(kit, space, gain, below)
        below = expectation(kit, policy[t], gain)
    return below


def _optimal(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, tau, others = instance.space, instance.temperature, kit.other(instance)
    logits, values = kit.soft_bellman(space, kit.rewards(instance), tau)
    best = [kit.system.power(q, 1.0 / tau) for q in logits]
    value, highest = _evaluated(kit, instance, kit.policy(space, others), tau, wrong), kit.log(values[0])
    gap = kit.kl(space, best, others) if wrong == "reversed" else kit.kl(space, others, best)
    yield Comparison("J(π) = A_R - KL(p_π, p_R)", value, highest - tau * gap)
    yield Comparison("J(π) ≤ A_R", value, highest, "at most")
    reached = _evaluated(kit, instance, kit.policy(space, best), tau, wrong)
    yield Comparison("J(π) = A_R at π = softmax(M(r))", reached, highest)


# -- Section 3.3: discounts -------------------------------------------------------------------------------------------


def _discounted(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    for gamma in (0.5, 0.875):  # whose powers are not rounded
        yield from _discounted_by(kit, instance, gamma, wrong)
    yield from _by_hand(kit, wrong)
    yield from _cyclic(kit, instance, wrong)


def _discounted_by(kit: Toolkit[Any], instance: Instance, gamma: float, wrong: str) -> Iterator[Comparison]:
    space, rewards, system = instance.space, kit.rewards(instance), kit.system
    logits, values = backward(space, system, rewards, discount=gamma)
    best, policy = kit.policy(space, logits), kit.policy(space, kit.other(instance))
    first = 1 if wrong == "late" else 0

    steps = []
    for t, (r, pi) in enumerate(zip(kit.logits(instance), policy, strict=True)):  # the rewards, where π is not 0
        discount = gamma ** (t + first)
        gain = system.power(system.divide(r, pi), discount)
        steps.append(system.divide(system.power(r, discount), pi) if wrong == "entropy" else gain)
    total = kit.log(kit.response_rewards(space, steps))
    value = expectation(kit, kit.arm_log_probs(space, kit.other(instance)), total)

    gap: Any = None
    for t in reversed(range(space.n_depths)):
        distance = _finite_log(kit, system.divide(policy[t], best[t]))
        if gap is not None:
            distance = _with_children(kit, space, distance, gap if wrong == "gap" else gamma * gap)
        gap = expectation(kit, policy[t], distance)
    highest = kit.log(values[0])
    yield Comparison(f"γ={gamma}: J(π) = V(x) - E Σ γ^(t-1) KL(π, π*)", value, highest - gap)
    yield Comparison(f"γ={gamma}: J(π) ≤ V(x)", value, highest, "at most")

    if not all(bool(live.all()) for live in instance.live):
        return  # where much is forbidden, little is left to differ in
    discounted = [system.power(r, gamma**t) for t, r in enumerate(rewards)]
    p = kit.log(kit.arm_log_probs(space, logits))
    for name, levels in (("Σ r", rewards), ("Σ γ^(t-1) r", discounted)):
        distance = reals.largest(abs(p - kit.log(kit.ebm_log_probs(space, levels, 1.0))), 0)
        # With EOS and T = 2 the last value is a reward, which the discount may as well multiply before.
        same = wrong == "same" or (levels is discounted and space.has_eos and space.n_depths == 2)
        none = kit.number(np.zeros(space.n_prompts))
        yield Comparison(f"γ={gamma}: log p_π* and that of {name}", distance, none, "equal" if same else "differs")


def _by_hand(kit: Toolkit[Any], wrong: str) -> Iterator[Comparison]:
    """V=1, T=3, r=0, γ=½: V(s_3) = 0, V(s_2) = log 2, V(x) = log(1 + √2)."""
    space, gamma = SequenceSpace(1, max_length=3), 1.0 if wrong == "undiscounted" else 0.5
    zeros = [kit.lift(level) for level in StateActionTable.zeros(space).levels]
    logits, values = backward(space, kit.system, zeros, discount=gamma)
    root = reals.exp(0.5 * reals.log(kit.number(np.array([2.0]))))
    eos, value = kit.real(kit.policy(space, logits)[0])[1], kit.log(values[0])
    yield Comparison("V=1, T=3, γ=½: π(EOS|x) = √2 - 1", eos, root - 1.0)
    yield Comparison("V=1, T=3, γ=½: V(x) = log(1 + √2)", value, reals.log(1.0 + root))
    three = kit.number(np.array([3.0]))
    yield Comparison("V=1, T=3, γ=½: π(EOS|x) is not ⅓", eos, 1.0 / three, "differs")
    yield Comparison("V=1, T=3, γ=½: V(x) is not log 3", value, reals.log(three), "differs")


def _cyclic(kit: Toolkit[Any], instance: Instance, wrong: str) -> Iterator[Comparison]:
    """With states that come back, a tree is no more; the discount makes B_r a contraction."""
    rng, gamma = np.random.default_rng([instance.seed, 7]), 0.75
    n, k = 3, 2
    chances = rng.multinomial(8, np.full(n, 1.0 / n), size=(k, n)) / 8.0  # they add up to 1 without rounding
    rewards, start = rng.normal(size=(k, n)), rng.normal(size=(k, n))

    def step(q: Any) -> Any:
        largest = reals.largest(q, 0)
        values = largest + reals.log(reals.exp(q - largest).sum(0))
        return gamma * (kit.number(chances) * values).sum(2) + kit.number(rewards)

    def distance(x: Any, y: Any) -> Any:
        return reals.total(reals.largest(reals.largest(abs(x - y), 1), 0))

    factor = gamma**2 if wrong == "squared" else gamma
    one, two = kit.number(start), kit.number(rng.normal(size=(k, n)))
    raised = kit.number(start) + 1.0
    yield Comparison("cycles: |B(q + 1) - B(q)| = γ", distance(step(raised), step(one)), kit.number(np.array([factor])))
    for i in range(1, 5):
        apart = distance(one, two)
        one, two = step(one), step(two)
        yield Comparison(f"cycles: step {i} of B shrinks distances by γ", distance(one, two), factor * apart, "at most")


def _discounted_own(seed: int) -> list[Instance]:
    rng = np.random.default_rng(seed)
    spaces = [
        SequenceSpace(1, max_length=3),
        SequenceSpace(2, max_length=2, prompts=["x", "y"]),
        SequenceSpace(2, max_length=3),
        SequenceSpace(3, max_length=4, min_length=2),
        SequenceSpace.fixed_length(2, 3),
    ]
    found = [Instance(repr(space)[16:-1], StateActionTable.random(space, rng), seed=seed) for space in spaces]
    return [*found, half_forbidden(SequenceSpace(2, max_length=4), rng, seed)]


# -- Section 3.4: paths -----------------------------------------------------------------------------------------------


def _paths(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, system = instance.space, kit.rewards(instance), kit.system
    n, P = space.n_responses_per_prompt, space.n_prompts
    paths = kit.response_rewards(space, rewards)
    best = reals.largest(kit.log(paths), 0)
    below: Any = None
    for level in reversed(rewards):
        gain = kit.log(level)
        if below is not None:
            gain = _with_children(kit, space, gain, below)
        below = reals.largest(gain, 0)
        if wrong == "depthwise":
            below = reals.largest(below, 0) + np.zeros(gain.shape[1])
    yield Comparison("largest path = nested maxima", below, best)

    free = [kit.lift(np.zeros(level.shape)) for level in instance.reward.levels]
    count = reals.log(kit.number(np.full(P, float(n))))
    share = {"half": 0.5, "none": 0.0}.get(wrong, 1.0)
    for beta in (1.0, 10.0, 100.0):
        _, values = kit.soft_bellman(space, rewards, 1.0 / beta)
        nested = best if wrong == "hard" else kit.log(system.power(values[0], beta))
        yield Comparison(
            f"β={beta:g}: log Σ over paths = nested", nested, kit.log(system.sum(system.power(paths, beta)))
        )
        soft, room = kit.log(values[0]), count * share / beta
        yield Comparison(f"β={beta:g}: largest ≤ soft", best, soft, "at most")
        yield Comparison(f"β={beta:g}: soft ≤ largest + (log |Y|)/β", soft, best + room, "at most")
        # Where all paths weigh the same, the gap is that large.
        _, even = kit.soft_bellman(space, free, 1.0 / beta)
        yield Comparison(f"β={beta:g}, r=0: soft = (log |Y|)/β", kit.log(even[0]), room)


CLAIMS: Final = (
    Claim(
        id="S3.3-bellman",
        place="Section 3.3, eq. (8)",
        statement="B_r^T(q) = M(r) for any q: the only fixed point; B_r^(T-1)(q) is not yet",
        latex=r"B_r^T(q) = M(r) \text{ for every } q, \quad B_r(q) = q \iff q = M(r), \quad "
        r"B_r^{T-1}(q) \ne M(r) \text{ for some } q, \quad \|B_r\|_{\mathrm{Lip}} = 1",
        hypotheses=f"{TREE}; V = 0 after EOS; γ = 1: no contraction; T - 1 fail if a response of length T is allowed",
        routes=("the operator, applied T times to arbitrary logits", "M(r)"),
        body=_fixed_point,
        mistakes=SOFT_BELLMAN_LOGITS,
        misreadings=misread(
            _fixed_point,
            ("bellman-eos-continues", "B_r adds V(s) to EOS", "EOS"),
            ("bellman-value-after-last", "V = log(V + 1) after the last step, not 0", "after"),
            ("bellman-one-fewer", "T - 1 applications suffice", "fewer"),
            ("bellman-not-before", "T applications do not suffice", "enough"),
            ("bellman-contraction", "B_r is a contraction for γ = 1", "contraction"),
        ),
        errata=("E10", "E27"),
        scope=MODEST & Scope("at most 12 steps, each over the whole table", lambda i: i.space.n_depths <= 12),
    ),
    Claim(
        id="S3.3-opt",
        place="Section 3.3, eq. (7)",
        statement="E_π Σ r + H(π) = V(x) - KL(p_π, p_R), largest at π = softmax(M(r))",
        latex=r"J(\pi) = \mathbb{E}_\pi \sum_t \bigl[r(S_t, A_t) + H(\pi(\cdot \mid S_t))\bigr] "
        r"= V_q(x) - \mathrm{KL}(p_\pi, p_{R_r}), \quad q = M(r), \quad "
        r"\operatorname{argmax}_\pi J(\pi) = \mathrm{softmax}(M(r))",
        hypotheses=f"{TREE}; γ = 1; π allows only what r allows; τ H and τ KL at a temperature",
        routes=("backward evaluation of the policy", "root value of M, less KL over whole responses"),
        body=_optimal,
        # exp(-1e9) is 0: that mask shows in no KL from p, and in no sum.
        mistakes=(*without(SOFT_BELLMAN_LOGITS, "mask-1e9"), *KL, *POLICY),
        misreadings=misread(
            _optimal,
            ("opt-no-entropy", "J(π) = E Σ r", "no entropy"),
            ("opt-entropy-at-first-step", "entropy of the first step only", "first"),
            ("opt-lost-temperature", "H for τ H", "temperature"),
            ("opt-reversed", "the gap is KL(p_R, p_π)", "reversed"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="S3.3-gamma",
        place="Section 3.3, eqs. (7) and (8)",
        statement="γ < 1: V(x) - J(π) = E_π Σ γ^(t-1) KL(π, π*) ≥ 0; p_π* is not p_R",
        latex=r"\gamma < 1:\quad J_\gamma(\pi) = \mathbb{E}_\pi \sum_t \gamma^{t-1} \bigl[r + H(\pi)\bigr], \; "
        r"V_\gamma(x) - J_\gamma(\pi) = \mathbb{E}_\pi \sum_t \gamma^{t-1} \mathrm{KL}(\pi, \pi^*_\gamma) "
        r"\ge 0; \quad p_{\pi^*_\gamma} \ne p_R \text{ for } R = \sum_t r, \text{ and from } T = 3 \text{ on for } R "
        r"= \sum_t \gamma^{t-1} r",
        hypotheses=f"{TREE}; r in general, R = Σ r or Σ γ^(t-1) r (the latter from T = 3 on); cycles: any finite MDP",
        routes=(
            "expectation over whole responses",
            "the discounted recursion, less KL evaluated backward; closed forms",
        ),
        body=_discounted,
        # The temperature is 1.
        mistakes=(*ARM, *POLICY, *RESPONSE_REWARDS, *without(EBM, "ebm-without-temperature")),
        misreadings=misread(
            _discounted,
            ("gamma-entropy-undiscounted", "only rewards are discounted", "entropy"),
            ("gamma-one-late", "γ^t for γ^(t-1)", "late"),
            ("gamma-gap-undiscounted", "the gap is KL over whole responses", "gap"),
            ("gamma-same-distribution", "p_π is an energy-based model's for γ < 1 too", "same"),
            ("gamma-by-hand-undiscounted", "γ = 1 in the example by hand", "undiscounted"),
            ("gamma-squared", "B_r contracts by γ²", "squared"),
        ),
        own=_discounted_own,
    ),
    Claim(
        id="S3.4-dag",
        place="Section 3.4",
        statement="log Σ exp (max) over paths = nested; 0 ≤ soft - max ≤ (log |Y|)/β → 0",
        latex=r"V_\beta(s) = \tfrac{1}{\beta} \log \sum_a e^{\beta (r(s,a) + V_\beta(s \oplus a))}, \; "
        r"V_\infty(s) = \max_a (r(s,a) + V_\infty(s \oplus a)):\quad "
        r"V_\beta(x) = \tfrac{1}{\beta} \log \sum_y e^{\beta R(y)}, \; V_\infty(x) = \max_y R(y), \quad "
        r"0 \le V_\beta(x) - V_\infty(x) \le \tfrac{1}{\beta} \log |Y| \to 0",
        hypotheses=f"{TREE}, with EOS or of fixed length as displayed",
        routes=("every path written out", "the recursion at temperature 1/β, and nested maxima"),
        body=_paths,
        # exp(-1e9) is 0: it shows in no sum. A sum and a maximum do not see the order of responses.
        mistakes=(*without(SOFT_BELLMAN_LOGITS, "mask-1e9"), *without(RESPONSE_REWARDS, "responses-backwards")),
        misreadings=misread(
            _paths,
            ("dag-hard-for-soft", "the recursion takes maxima at every β", "hard"),
            ("dag-depthwise-maxima", "the maximum over a whole depth, whatever the prefix", "depthwise"),
            ("dag-half-gap", "the gap is at most half of that", "half"),
            ("dag-no-gap", "soft is at most the maximum", "none"),
        ),
        errata=("E27",),
        scope=MODEST,
    ),
)
