"""Section 2: the two kinds of model, what they cost, and what optimises what."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.claim import FORCED, Claim, Comparison, misread
from proofs_check.exact import as_exact
from proofs_check.instances import MODEST, WITH_EOS, Instance, bare
from proofs_check.library import LIBRARY
from proofs_check.mistakes import (
    ARM,
    EBM,
    ENTROPY,
    KL,
    LOG_PARTITION,
    POLICY,
    RESPONSE_REWARDS,
    SOFT_BELLMAN_POLICY,
    WITH_REFERENCE,
    without,
)
from proofs_check.toolkit import Levels, Toolkit, expectation, reference_toolkit
from tabular_bellman import SequenceSpace, StateActionTable
from tabular_bellman.extended import FloatArray
from tabular_bellman.number_systems import LogFloat

__all__ = ["CLAIMS"]

_ALLOWED: Final = f"{FORCED}; every p allows only responses that R and p_ref allow"


# -- Section 2.1: energy-based models ---------------------------------------------------------------------------------


def _ebm(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, tau = instance.space, kit.rewards(instance), instance.temperature
    total = kit.system.power(kit.response_rewards(space, rewards), 1.0 / tau)
    log_partition = kit.log_partition(space, rewards, tau)
    if wrong == "energy":
        log_partition = kit.system.power(log_partition, 0.5)
    p = kit.ebm_log_probs(space, rewards, tau)
    yield Comparison("log p_R = R - A_R", p, kit.system.divide(total, log_partition))
    yield Comparison("log of the total probability = 0", kit.system.sum(p), kit.system.ones((space.n_prompts,)))


class _Terms(LogFloat):
    """Counts the terms of each log Σ exp."""

    def __init__(self) -> None:
        self.terms = 0

    def sum(self, x: FloatArray) -> FloatArray:
        self.terms += x.size
        return super().sum(x)


_COST_SIZES: Final = [(V, T) for V in (1, 2, 3, 4) for T in (1, 2, 3, 4, 5)]


def _cost(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    counted = []
    for size in _COST_SIZES:
        space, system = SequenceSpace(size[0], max_length=size[1]), _Terms()
        zeros = StateActionTable.zeros(space).levels
        counting = reference_toolkit(system, LIBRARY.lift, LIBRARY.real, LIBRARY.log, LIBRARY.number, LIBRARY.carrier)
        counting.log_partition(space, zeros, 1.0)
        counted.append(system.terms)
    terms = as_exact(*counted)
    V, T = np.array(_COST_SIZES, dtype=np.object_).T
    several = np.array([v > 1 or wrong == "one token" for v, _ in _COST_SIZES])
    single = np.array([v == 1 for v, _ in _COST_SIZES])
    sizes = {"V^T": V**T, "longest": V ** (T - 1)}.get(wrong, terms)
    yield Comparison("(V - 1)·terms = V^T - 1", (V - 1) * sizes, V**T - 1)
    yield Comparison("V=1: terms = T", sizes[single], T[single])
    yield Comparison("V>1: terms ≤ V^T", terms[several], (V**T)[several], "at most")
    yield Comparison("V^(T-1) ≤ terms", V ** (T - 1), terms, "at most")
    several &= ~single
    slack = 0 if wrong == "tight" else V ** (T - 1)
    yield Comparison("V>1: terms < 2 V^(T-1)", terms[several] + 1, (V ** (T - 1) + slack)[several], "at most")


def _maxent(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, others, tau = instance.space, kit.rewards(instance), kit.other(instance), instance.temperature
    best = [kit.system.power(q, 1.0 / tau) for q in kit.soft_bellman(space, rewards, tau)[0]]
    total = kit.log(kit.system.power(kit.response_rewards(space, rewards), 1.0 / tau))
    log_partition = kit.log(kit.log_partition(space, rewards, tau))

    def objective(p: Any, logits: Levels) -> Any:
        entropy = kit.entropy(space, logits)
        return expectation(kit, p, total) + (-entropy if wrong == "sign" else entropy)

    value = objective(kit.arm_log_probs(space, others), others)
    gap = kit.kl(space, best, others) if wrong == "reversed" else kit.kl(space, others, best)
    yield Comparison(
        "E_p R + H(p) = A_R - KL(p, p_R)", value, log_partition if wrong == "no gap" else log_partition - gap
    )
    yield Comparison("E_p R + H(p) ≤ A_R", value, log_partition, "at most")
    reached = objective(kit.ebm_log_probs(space, rewards, tau), best)
    yield Comparison("E R + H = A_R at p = p_R", reached, log_partition)


def _third(kit: Toolkit[Any], instance: Instance) -> list[Any]:
    """Logits besides the two tables of an instance, with the same actions allowed."""
    pairs = zip(instance.live, instance.direction.levels, strict=True)
    return [kit.lift(np.where(live, level, -np.inf)) for live, level in pairs]


def _combined(kit: Toolkit[Any], levels: Levels, others: Levels) -> list[Any]:
    return [kit.system.multiply(x, y) for x, y in zip(levels, others, strict=True)]


def _kl_regularised(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, mine = instance.space, kit.rewards(instance), _third(kit, instance)
    reference = kit.policy(space, kit.other(instance))
    total = kit.response_rewards(space, rewards)
    p_ref = kit.arm_log_probs(space, kit.other(instance))
    weights = {
        "no reference": total,
        "twice": kit.system.multiply(kit.system.multiply(p_ref, p_ref), total),
    }.get(wrong, kit.system.multiply(p_ref, total))
    tilted = kit.ebm_log_probs(space, _combined(kit, rewards, reference), 1.0)
    yield Comparison("p* ∝ p_ref e^R is p_{R + log p_ref}", kit.system.normalise(weights), tilted)

    logits, values = kit.with_reference(space, rewards, kit.other(instance))
    highest, best = kit.log(values[0]), _combined(kit, logits, reference)
    p = kit.arm_log_probs(space, mine)
    if wrong == "plus":
        gain = kit.system.divide(kit.system.multiply(total, p), p_ref)
    else:
        gain = kit.system.divide(kit.system.multiply(total, p_ref), p)
    value = expectation(kit, p, kit.log(gain))
    yield Comparison("E R - KL(p, p_ref) = V(x) - KL(p, p*)", value, highest - kit.kl(space, mine, best))
    yield Comparison("E R - KL(p, p_ref) ≤ V(x)", value, highest, "at most")
    enumerated = kit.log(kit.system.sum(kit.system.multiply(p_ref, total)))
    yield Comparison("log Σ p_ref e^R = V(x)", enumerated, highest)


# -- Section 2.2: autoregressive models -------------------------------------------------------------------------------


def _distil(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, reference, mine = instance.space, kit.rewards(instance), kit.other(instance), _third(kit, instance)
    total, p_ref = kit.response_rewards(space, rewards), kit.ebm_log_probs(space, reference, 1.0)
    sum_of_both = _combined(kit, rewards, reference)

    def mean(per_prompt: Any) -> Any:
        return reals.total(per_prompt * instance.prompt_weights)

    def objective(logits: Levels) -> Any:
        p = kit.arm_log_probs(space, logits)
        return mean(expectation(kit, p, kit.log(kit.system.divide(kit.system.multiply(total, p_ref), p))))

    constant = kit.log(kit.log_partition(space, sum_of_both, 1.0))
    if wrong != "unnormalised":
        constant = constant - kit.log(kit.log_partition(space, reference, 1.0))
    target, _ = kit.soft_bellman(space, rewards if wrong == "target" else sum_of_both, 1.0)
    distance = kit.kl(space, target, mine) if wrong == "forward" else kit.kl(space, mine, target)
    right = mean(constant - distance)
    yield Comparison("E[E R - KL(p_q, p_ref)] = c - E KL(p_q, p_{R+R_ref})", objective(mine), right)
    # One number for each state may be added: the argmin is an orbit, not a point.
    added = [
        kit.lift(np.broadcast_to(1.0 + level, q.shape))
        for level, q in zip(instance.potential.levels, mine, strict=True)
    ]
    yield Comparison("the same at q(s, ·) + c(s)", objective(_combined(kit, mine, added)), objective(mine))


def _arm(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits, system = instance.space, kit.logits(instance), kit.system
    values = [system.multiply(system.ones(q.shape), system.sum(q)) for q in logits]
    if wrong == "root":
        values = [values[0], *(system.ones(q.shape) for q in logits[1:])]
    elif wrong == "last":
        values = [*values[:-1], system.ones(logits[-1].shape)]
    elif wrong == "rewards":
        values = [
            system.multiply(system.ones(q.shape), v)
            for q, v in zip(logits, kit.soft_bellman(space, logits, 1.0)[1], strict=True)
        ]
    right = system.divide(kit.response_rewards(space, logits), kit.response_rewards(space, values))
    yield Comparison("log p_q(y|x) = R_q(x, y) - Σ_t V_q(s_t)", kit.arm_log_probs(space, logits), right)


def _last_logit(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits = instance.space, kit.logits(instance)
    T = space.max_length

    def replaced(values: Levels) -> list[Any]:
        """The logits, with the last row of `values` as q(s_T, EOS) (or where a misreading puts it)."""
        first = space.min_length - 1
        depths = {"first": [first], "every": list(range(first, T))}.get(wrong, [T - 1])
        levels = list(instance.logits.levels)
        for t in depths:
            eos = np.where(np.isneginf(levels[t][-1:]), -np.inf, values[t][-1:])
            levels[t] = np.concatenate([levels[t][:-1], eos])
        return [kit.lift(level) for level in levels]

    def log_probs(levels: list[Any]) -> Any:
        return kit.arm_log_probs(space, kit.soft_bellman(space, levels, 1.0)[0] if wrong == "inside" else levels)

    right = kit.response_rewards(space, kit.policy(space, logits))
    if wrong == "inside":
        right = log_probs(logits)
    zeros = [np.zeros_like(level) for level in instance.logits.levels]
    for name, values in (("0", zeros), ("any number", instance.direction.levels)):
        left = log_probs(replaced(values))
        yield Comparison(f"log p_q with q(s_T, EOS) = {name}", left, right)
        yield Comparison("log of the total probability = 0", kit.system.sum(left), kit.system.ones((space.n_prompts,)))


CLAIMS: Final = (
    Claim(
        id="S2-ebm",
        place="Section 2.1, eq. (1)",
        statement="p_R(y|x) = exp(R(x, y) - A_R(x)) and Σ_y p_R(y|x) = 1",
        latex=r"p_R(y \mid x) = \exp(R(x, y) - A_R(x)), \quad \sum_y p_R(y \mid x) = 1",
        hypotheses="Y finite; R = R_r, -inf allowed as long as some response is",
        routes=("the model's log-probabilities, and their sum", "R along each response less A_R by enumeration, and 1"),
        body=_ebm,
        mistakes=(*EBM, *LOG_PARTITION, *RESPONSE_REWARDS),
        misreadings=misread(
            _ebm,
            ("ebm-half-partition", "the normaliser is the root of Σ exp R", "energy"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="S2-cost",
        place="Section 2.1",
        statement="A_R takes |Y| = (V^T - 1)/(V - 1) ≤ V^T terms for V > 1, and T for V = 1",
        latex=r"A_R \text{ takes } |Y| \text{ terms: } V^{T-1} \le |Y| = \frac{V^T - 1}{V - 1} \le V^T \text{ for } V "
        r"\ge 2, \quad |Y| = T \text{ for } V = 1",
        hypotheses="O(V^T) holds for V ≥ 2 (the order is V^(T-1)), not for V = 1",
        routes=("terms counted while A_R is computed, by a number system that counts", "closed forms"),
        body=_cost,
        misreadings=misread(
            _cost,
            ("cost-powers", "|Y| = V^T", "V^T"),
            ("cost-longest-only", "|Y| = V^(T-1)", "longest"),
            ("cost-one-token", "at most V^T terms for V = 1 too", "one token"),
            ("cost-tight", "fewer than V^(T-1) terms", "tight"),
        ),
        own=lambda _: [bare("V ≤ 4, T ≤ 5")],
        errata=("E13",),
    ),
    Claim(
        id="S2-maxent",
        place="Section 2.1",
        statement="E_p R + H(p) = A_R - KL(p, p_R), so p_R is the argmax over p",
        latex=r"\mathbb{E}_p R + H(p) = A_R - \mathrm{KL}(p, p_R) \text{ for every } p, \quad "
        r"p_R = \operatorname{argmax}_p \bigl(\mathbb{E}_p R + H(p)\bigr)",
        hypotheses=f"{_ALLOWED}; R/τ for R at a temperature; unique for each prompt that has p(x) > 0",
        routes=("expectation over responses plus entropy", "A_R by enumeration less the KL to softmax(M(r))"),
        body=_maxent,
        # exp(-1e9) is 0: that mask shows in no KL from p, and in no sum.
        mistakes=(
            *without(SOFT_BELLMAN_POLICY, "mask-1e9"),
            *ENTROPY,
            *KL,
            *LOG_PARTITION,
            *RESPONSE_REWARDS,
            *EBM,
            *ARM,
        ),
        misreadings=misread(
            _maxent,
            ("maxent-entropy-sign", "E R - H", "sign"),
            ("maxent-reversed", "the gap is KL(p_R, p)", "reversed"),
            ("maxent-no-gap", "every p reaches A_R", "no gap"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="S2-klreg",
        place="Section 2.1, eq. (2)",
        statement="E_p R - KL(p, p_ref) = log Σ p_ref e^R - KL(p, p*), p* = p_{R + log p_ref}",
        latex=r"\mathbb{E}_p R - \mathrm{KL}(p, p_{\mathrm{ref}}) "
        r"= \log \sum_y p_{\mathrm{ref}}(y) e^{R(y)} - \mathrm{KL}(p, p^*), \quad "
        r"p^* = p_{R + \log p_{\mathrm{ref}}} \propto p_{\mathrm{ref}} e^{R}",
        hypotheses=f"{_ALLOWED}; p_ref > 0 where R is finite",
        routes=("enumeration over responses", "the recursion with a reference (A.5): root value less KL to its policy"),
        body=_kl_regularised,
        # The temperature is 1.
        mistakes=(
            *without(EBM, "ebm-without-temperature"),
            *WITH_REFERENCE,
            *KL,
            *RESPONSE_REWARDS,
            *ARM,
            *POLICY,
        ),
        misreadings=misread(
            _kl_regularised,
            ("klreg-no-reference", "p* ∝ e^R", "no reference"),
            ("klreg-twice", "p* ∝ p_ref² e^R", "twice"),
            ("klreg-sign", "E R + KL", "plus"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="S2-distil",
        place="Section 2.2",
        statement="E[E_q R - KL(p_q, p_ref)] = c - E KL(p_q, p_{R+R_ref}), c the same for all q",
        latex=r"\mathbb{E}_X[\mathbb{E}_{p_q} R - \mathrm{KL}(p_q, p_{\mathrm{ref}})] "
        r"= c - \mathbb{E}_X \mathrm{KL}(p_q, p_{R + R_{\mathrm{ref}}}), \quad "
        r"c = \mathbb{E}_X[A_{R + R_{\mathrm{ref}}} - A_{R_{\mathrm{ref}}}] \text{ the same for all } q",
        hypotheses=f"{_ALLOWED}; p_ref = p_{{R_ref}}; the argmin is an orbit q + c(s), not a point",
        routes=("E[R + log p_ref - log p_q] over responses", "log-partitions, less KL to softmax(M(r + r_ref))"),
        body=_distil,
        # The temperature is 1, and the number of responses cancels in the difference of two log-partitions.
        mistakes=(
            *KL,
            *without(LOG_PARTITION, "partition-without-temperature", "partition-scaled", "mean-not-sum"),
            *RESPONSE_REWARDS,
            *without(EBM, "ebm-without-temperature"),
            *ARM,
        ),
        misreadings=misread(
            _distil,
            ("distil-target", "the target is p_R, without R_ref", "target"),
            ("distil-forward", "the other direction of KL", "forward"),
            ("distil-unnormalised", "log p_ref is R_ref, without its normaliser", "unnormalised"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="S2-arm",
        place="Section 2.2",
        statement="log p_q(y|x) = R_q(x, y) - A^ARM_q(x, y), A^ARM = Σ_{t ≤ |y|} V_q(s_t)",
        latex=r"\log p_q(y \mid x) = R_q(x, y) - A^{\mathrm{ARM}}_q(x, y), \quad "
        r"A^{\mathrm{ARM}}_q(x, y) = \sum_{t \le |y|} V_q(s_t)",
        hypotheses=f"{FORCED}; q any logits",
        routes=("products of next-token probabilities", "logits added up, less local soft values added up"),
        body=_arm,
        mistakes=(*ARM, *RESPONSE_REWARDS),
        misreadings=misread(
            _arm,
            ("arm-partition-at-root", "A^ARM = V_q(x), as in an energy-based model", "root"),
            ("arm-partition-without-last", "V_q(s_T) counts as 0 (eq. (3))", "last"),
            ("arm-partition-with-lookahead", "V of M(q) for the local V_q", "rewards"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="S2-eq3",
        place="Section 2.2, eq. (3)",
        statement="with q(s_T, v) = -inf, p_q is valid, and the same at any finite q(s_T, EOS)",
        latex=r"q(s_T, v) = {-\infty} \implies \sum_y p_q(y \mid x) = 1, \quad "
        r"p_q \text{ the same for every } q(s_T, \mathrm{EOS}) \in \mathbb{R}",
        hypotheses=f"{FORCED}; the 0 of eq. (3) is any finite number",
        routes=("the model with q(s_T, EOS) replaced", "products of its policy with q as it is, and 1"),
        body=_last_logit,
        mistakes=ARM,
        misreadings=misread(
            _last_logit,
            ("eq3-inside-recursion", "q(s_T, EOS) = 0 put in before M's recursion", "inside"),
            ("eq3-first-eos", "the first EOS logit is free", "first"),
            ("eq3-every-eos", "every EOS logit is free", "every"),
        ),
        errata=("E2", "E3", "E4"),
        scope=MODEST & WITH_EOS,
    ),
)
