"""Section 4.2: distilling an energy-based model into an autoregressive one."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from proofs_check.claim import FORCED, Claim, Comparison, misread
from proofs_check.extremal import attaining, close_pairs, distances, largest
from proofs_check.instances import Instance
from proofs_check.mistakes import ARM, EBM, KL, OF_TEMPERATURE, SOFT_BELLMAN_POLICY, without
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace
from tabular_bellman.extended import FloatArray

__all__ = ["CLAIMS"]


def _divergence(kit: Toolkit[Any], log_p: Any, log_q: Any) -> Any:
    return expectation(kit, log_p, kit.log(kit.system.divide(log_p, log_q)))


# What stands before the maximum in Proposition 3, and in misreadings of it.
_FACTORS: Final[dict[str, Callable[[int], float]]] = {
    "": lambda T: 2.0 * T,
    "kl-bound-half": lambda T: T,
    "kl-bound-without-length": lambda _: 2.0,
    "kl-bound-T-minus-2": lambda T: 2.0 * max(T - 2, 0),
}


def _kl_bound(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, student = instance.space, kit.rewards(instance), kit.other(instance)
    logits, _ = kit.soft_bellman(space, rewards, 1.0)
    log_energy, log_student = kit.ebm_log_probs(space, rewards, 1.0), kit.arm_log_probs(space, student)
    factor = _FACTORS[wrong]
    bound = factor(space.max_length) * largest(space, distances(kit, instance.live, logits, student))
    forwards, backwards = _divergence(kit, log_student, log_energy), _divergence(kit, log_energy, log_student)
    yield Comparison("KL(p_q‖p_R) ≤ 2T max |M(r) - q|", forwards, bound, "at most")
    yield Comparison("KL(p_R‖p_q) ≤ 2T max |M(r) - q|", backwards, bound, "at most")
    yield Comparison("KL(p_q‖p_R) = KL(p_q‖p_{M r})", kit.kl(space, student, logits), forwards)
    nothing = kit.number(np.zeros(space.n_prompts))
    yield Comparison("KL(p_{M r}‖p_R) = 0", _divergence(kit, kit.arm_log_probs(space, logits), log_energy), nothing)
    if instance.second is not None:
        return  # the pair below is the same for every instance, and these are many
    # A pair that needs more than 3/4 of the constant: two free steps of κ(ε) each, where T = 3.
    space = SequenceSpace(2, max_length=3)
    for epsilon in (16.0, 1024.0):
        teacher, apart, _ = attaining(kit, space, epsilon, eos=-60.0)
        reached = kit.kl(space, teacher, apart)
        yield Comparison(f"a pair at distance {epsilon:g}", reached, kit.number([factor(3) * epsilon]), "at most")


# What the precision is divided by, and in misreadings.
_BUDGETS: Final[dict[str, Callable[[int], float]]] = {
    "": lambda T: 2.0 * T,
    "approx-precision-over-length": lambda T: T,
    "approx-precision-over-two": lambda _: 2.0,
    "approx-precision-as-it-is": lambda _: 1.0,
}


def _approximation(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards = instance.space, kit.rewards(instance)
    logits, _ = kit.soft_bellman(space, rewards, 1.0)
    log_energy = kit.ebm_log_probs(space, rewards, 1.0)
    largest_move = max(float(np.abs(level).max()) for level in instance.direction.levels)
    budget = _BUDGETS[wrong]

    def near(base: Levels, moves: list[FloatArray], delta: float, T: int) -> Levels:
        epsilon = delta / budget(T)
        return [kit.system.multiply(q, kit.lift(epsilon * move)) for q, move in zip(base, moves, strict=True)]

    moves = [level / largest_move for level in instance.direction.levels]
    for delta in (1.0, 1e-2):
        log_student = kit.arm_log_probs(space, near(logits, moves, delta, space.max_length))
        most = kit.number(np.full(space.n_prompts, delta))
        yield Comparison(f"KL(p_q‖p_R) ≤ {delta:g}", _divergence(kit, log_student, log_energy), most, "at most")
        yield Comparison(f"KL(p_R‖p_q) ≤ {delta:g}", _divergence(kit, log_energy, log_student), most, "at most")
    # The direction in which two free steps lose most, where T = 3.
    space = SequenceSpace(2, max_length=3)
    for delta in (96.0, 6144.0):
        teacher, _, signs = attaining(kit, space, delta / 6.0, eos=-60.0)
        lost = kit.kl(space, teacher, near(teacher, [-sign for sign in signs], delta, 3))
        yield Comparison(f"a direction, to precision {delta:g}", lost, kit.number([delta]), "at most")


# Everything here is at temperature 1; and -1e9 is as good as -inf to a softmax.
_SOFT_BELLMAN: Final = without(SOFT_BELLMAN_POLICY, *OF_TEMPERATURE, "mask-1e9")
_EBM: Final = without(EBM, "ebm-without-temperature")

CLAIMS: Final = (
    Claim(
        id="P3-kl-bound",
        place="Proposition 3, Section 4.2 and B.4",
        statement="KL(p_q‖p_{R_r}), KL(p_{R_r}‖p_q) ≤ 2T max_{s∈S(x),a} |q*(s,a) - q(s,a)|, q* = M(r)",
        latex=r"\mathrm{KL}(p_q, p_{R_r}), \; \mathrm{KL}(p_{R_r}, p_q) "
        r"\le 2T \max_{s \in S(x), a} |q^\star(s,a) - q(s,a)|, \quad q^\star = M(r)",
        hypotheses=f"{FORCED}; the maximum over allowed actions; q forbids what r forbids",
        routes=(
            "log-probabilities of both models, by enumeration and by next-token products",
            "the largest distance of the logits of each prompt",
            "a pair of models that needs more than 3/4 of the constant",
        ),
        body=_kl_bound,
        mistakes=(*_SOFT_BELLMAN, *_EBM, *ARM, *KL),
        misreadings=misread(
            _kl_bound,
            ("kl-bound-half", "T for 2T"),
            ("kl-bound-without-length", "2 for 2T: one step's bound for all"),
            ("kl-bound-T-minus-2", "2(T - 2) for 2T: one free step too few"),
        ),
        certified_on=partial(close_pairs, energy_based=True),
        errata=(
            "E3",
            "E7",
            "E19",
        ),
    ),
    Claim(
        id="S4.2-approx",
        place="Section 4.2",
        statement="max |q - M(r)| ≤ δ/2T ⇒ KL(p_q‖p_{R_r}) ≤ δ and KL(p_{R_r}‖p_q) ≤ δ",
        latex=r"\|q - M(r)\|_\infty \le \frac{\delta}{2T} \implies \mathrm{KL}(p_q, p_{R_r}) \le \delta "
        r"\text{ and } \mathrm{KL}(p_{R_r}, p_q) \le \delta",
        hypotheses=f"{FORCED}. That a causal Transformer gets so near (Furuya et al.) is not checked here, "
        "and it would have to mask the last step: no finite logit is near -inf",
        routes=(
            "divergences of models whose logits are moved by δ/2T at most",
            "δ; with a direction in which two free steps lose most",
        ),
        body=_approximation,
        mistakes=(*without(_SOFT_BELLMAN, "single-precision"), *_EBM, *ARM),  # 1e-7 is nothing beside δ
        misreadings=misread(
            _approximation,
            ("approx-precision-over-length", "δ/T is near enough"),
            ("approx-precision-over-two", "δ/2 is near enough"),
            ("approx-precision-as-it-is", "δ is near enough"),
        ),
        errata=("E3",),
    ),
)
