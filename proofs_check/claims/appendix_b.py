"""Appendix B: Proposition 4, Lemma 1, and the steps of the proof of Proposition 3."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.claim import FORCED, Claim, Comparison, misread
from proofs_check.claims.section4_risks import AT_TEMPERATURE
from proofs_check.extremal import attaining, close_pairs, differences, distances, expected, largest, step_kls
from proofs_check.instances import MODEST, Instance
from proofs_check.mistakes import ARM, EBM, KL_OF_ONE_STEP, PASSING, POLICY, SOFT_BELLMAN_POLICY, without
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace

__all__ = ["CLAIMS"]

_STEPS: Final = "f, g finite on the same actions; here those of every prefix"


def _log_ratio(kit: Toolkit[Any], instance: Instance, t: int, f: Levels, g: Levels) -> Any:
    """log Z_f - log Z_g at the prefixes of depth t; 0 at dead ones."""
    ratio = kit.log(kit.system.divide(kit.system.sum(f[t]), kit.system.sum(g[t])))
    return reals.where(np.asarray(instance.live[t].any(axis=0)), ratio, kit.number(np.zeros(ratio.shape)))


def _lemma(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    factor = {"lemma1-half": 1.0, "lemma1-three-quarters": 1.5, "lemma1-99-percent": 1.98}.get(wrong, 2.0)
    apart = distances(kit, instance.live, f, g)
    forwards, backwards = step_kls(kit, space, f, g), step_kls(kit, space, g, f)
    for t, distance in enumerate(apart):
        yield Comparison(f"KL(σ f‖σ g) ≤ 2 max |f - g|, depth {t}", forwards[t], factor * distance, "at most")
        yield Comparison(f"KL(σ g‖σ f) ≤ 2 max |f - g|, depth {t}", backwards[t], factor * distance, "at most")
    # The proof: two terms, each of which is at most the distance.
    policy = kit.policy(space, f)
    for t, moved in enumerate(differences(kit, instance.live, f, g)):
        mean, change = expectation(kit, policy[t], moved), _log_ratio(kit, instance, t, f, g)
        split = mean + change if wrong == "lemma1-proof-sign" else mean - change
        # Where there is one action, both are |f - g|.
        choice = instance.live[t].sum(axis=0) > 1
        least, most = (reals.where(choice, side, 0.0 * side) for side in (mean, apart[t]))
        yield Comparison(f"Σ σ_f (f - g) ≤ max |f - g|, depth {t}", least, most, "at most")
        yield Comparison(f"KL = Σ σ_f (f - g) - log Z_f/Z_g, depth {t}", forwards[t], split)
    if instance.second is not None:
        return  # the pairs below are the same for every instance, and these are many
    # No smaller constant will do at large distances, whatever the number of actions.
    for epsilon in (0.25, 4.0, 1024.0):
        for actions in (2, 5):
            one = SequenceSpace.fixed_length(actions, 1)
            mine, theirs, _ = attaining(kit, one, epsilon)
            name, reached = f"{actions} actions at distance {epsilon:g}", kit.kl(one, mine, theirs)
            yield Comparison(name, reached, kit.number([factor * epsilon]), "at most")
            yield Comparison(f"KL of {name}", reached, step_kls(kit, one, mine, theirs)[0])


def _partitions(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    moved = differences(kit, instance.live, f, g)
    for t, h in enumerate(moved):
        bound = reals.largest(abs(h), 0)
        if wrong == "logZ-half":
            bound = 0.5 * bound
        if wrong == "logZ-span":
            bound = 0.5 * (reals.largest(h, 0) - reals.smallest(h, 0))
        if wrong == "logZ-first-action":
            bound = abs(h)[0]
        change = abs(_log_ratio(kit, instance, t, f, g))
        choice = instance.live[t].sum(axis=0) > 1  # with one action, both are |f - g|
        least, most = (reals.where(choice, side, 0.0 * side) for side in (change, bound))
        yield Comparison(f"|log Z_f - log Z_g| ≤ max |f - g|, depth {t}", least, most, "at most")
    # Attained: a constant at each prefix moves log Z by that constant.
    shifts = [kit.lift(level + 1.0) for level in instance.potential.levels]
    shifted = [kit.system.multiply(q, shift) for q, shift in zip(f, shifts, strict=True)]
    for t, shift in enumerate(shifts):
        alive = np.asarray(instance.live[t].any(axis=0))
        constant = reals.where(alive, kit.log(shift), kit.number(np.zeros(alive.shape)))
        if wrong == "logZ-shift-counted-per-action":
            constant = float(space.n_actions(t)) * constant
        yield Comparison(f"log Z_(f + c) - log Z_f = c, depth {t}", _log_ratio(kit, instance, t, shifted, f), constant)


def _proof(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, student = instance.space, kit.rewards(instance), kit.other(instance)
    teacher, _ = kit.soft_bellman(space, rewards, 1.0)
    log_p, log_star = kit.arm_log_probs(space, student), kit.ebm_log_probs(space, rewards, 1.0)
    swapped = wrong in ("b4-first-equality-as-printed", "b4-steps-swapped")
    steps = step_kls(kit, space, *((teacher, student) if swapped else (student, teacher)))
    theirs = wrong in ("b4-first-equality-as-printed", "b4-prefixes-of-the-teacher")
    passing = kit.passing(space, teacher if theirs else student)
    chain = expected(kit, space, passing, steps)
    whole = expectation(kit, log_p, kit.log(kit.system.divide(log_p, log_star)))
    yield Comparison("KL(p_q‖p_R) = Σ_t E_q KL(π_q‖π_q*)", whole, chain)

    apart = distances(kit, instance.live, teacher, student)
    most = largest(space, apart)
    # E_q of 2 max_a |q* - q| along the response; 2 E_q|Y| times the maximum over S(x); 2T times it.
    along = 2.0 * expected(kit, space, passing, apart)
    length = expected(kit, space, passing, [kit.number(np.ones(level.shape)) for level in apart])
    last = float(space.max_length - 1 if wrong == "b4-length-of-T-minus-1" else space.max_length)
    yield Comparison("Σ_t E_q KL(π_q‖π_q*) ≤ 2 E_q Σ_t max_a |q* - q|", chain, along, "at most")
    yield Comparison("2 E_q Σ_t max_a |q* - q| ≤ 2 E_q|Y| max_S(x) |q* - q|", along, 2.0 * length * most, "at most")
    yield Comparison("E_q|Y| ≤ T", length, last + 0.0 * length, "at most")


def _validity(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    total = kit.system.sum(kit.arm_log_probs(instance.space, kit.logits(instance)))
    yield Comparison("log of the total probability = 0", total, kit.system.ones(total.shape))


CLAIMS: Final = (
    Claim(
        id="P4-validity",
        place="Proposition 4, Appendix B.5",
        statement="Σ_y p_q(y|x) = 1 for every q with π(EOS|s_T) = 1",
        latex=r"\sum_{y} p_q(y \mid x) = 1 \text{ for every } q \text{ with } \pi(\mathrm{EOS} \mid s_T) = 1",
        hypotheses="any finite tree of responses, one for each prompt; q any logits, -inf into dead prefixes",
        routes=("the sum over all responses of products of next-token probabilities", "1"),
        body=_validity,
        mistakes=ARM,
        errata=(
            "E1",
            "E3",
        ),
    ),
    Claim(
        id="L1-kl",
        place="Lemma 1, Appendix B.4",
        statement="KL(σ(f)‖σ(g)) = Σ σ_f (f-g) - log Z_f/Z_g ≤ 2 max |f-g|, in either direction",
        latex=r"\mathrm{KL}(\sigma(f), \sigma(g)) = \sum \sigma_f (f - g) - \log \tfrac{Z_f}{Z_g} "
        r"\le 2 \|f - g\|_\infty, \text{ in either direction}",
        hypotheses=f"{_STEPS}. Never attained; 2 is the best constant, as the distance grows",
        routes=(
            "Σ π log(π/π') at every prefix of two tables",
            "the largest distance of the logits; the two terms of the proof",
            "pairs of 2 and of 5 actions that need nearly all of the constant",
        ),
        body=_lemma,
        mistakes=(*without(POLICY, "policy-over-prefixes"), *KL_OF_ONE_STEP),
        misreadings=misread(
            _lemma,
            ("lemma1-half", "1 for 2"),
            ("lemma1-three-quarters", "3/2 for 2"),
            ("lemma1-99-percent", "1.98 for 2"),
            ("lemma1-proof-sign", "the change of log Z is added"),
        ),
        scope=MODEST,
        certified_on=close_pairs,
        errata=(
            "E7",
            "E19",
        ),
    ),
    Claim(
        id="L1-logZ",
        place="Lemma 1, Appendix B.4",
        statement="|log Z_f - log Z_g| ≤ max |f - g|, attained by f = g + c",
        latex=r"|\log Z_f - \log Z_g| \le \|f - g\|_\infty, \text{ attained by } f = g + c",
        hypotheses=_STEPS,
        routes=("log-sum-exp of the logits at every prefix", "their largest distance; a constant that is added"),
        body=_partitions,
        misreadings=misread(
            _partitions,
            ("logZ-half", "half the distance"),
            ("logZ-span", "half the span of f - g, which does not see a constant"),
            ("logZ-first-action", "the distance at the first action alone"),
            ("logZ-shift-counted-per-action", "a constant counts once for each action"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="B4-proof",
        place="Appendix B.4",
        statement="KL(p_q‖p_R) = Σ_t E_q KL(π_q‖π_q*) ≤ 2 E_q|Y| max_{S(x)} |q* - q|, E_q|Y| ≤ T",
        latex=r"\mathrm{KL}(p_q, p_{R_r}) = \sum_t \mathbb{E}_{S_t \sim \pi_q} \mathrm{KL}(\pi_q, \pi_{q^\star}) "
        r"\le 2\, \mathbb{E}_q|Y| \max_{s \in S(x), a} |q^\star(s,a) - q(s,a)|, \quad \mathbb{E}_q|Y| \le T, \quad "
        r"q^\star = M(r)",
        hypotheses=f"{FORCED}; a prefix counts where the response gets that far. Printed with π_q*, π_q exchanged",
        routes=(
            "log-probabilities of whole responses, one side by enumeration of the rewards",
            "KL at every prefix, weighted by the chance that the student passes there",
        ),
        body=_proof,
        mistakes=(
            *without(SOFT_BELLMAN_POLICY, *AT_TEMPERATURE),
            *without(EBM, "ebm-without-temperature"),  # temperature 1 throughout
            *ARM,
            *POLICY,
            *PASSING,
        ),
        misreadings=misread(
            _proof,
            ("b4-first-equality-as-printed", "Σ_t E_{q*} KL(π_q*‖π_q), which is KL(p_R‖p_q)"),
            ("b4-steps-swapped", "KL(π_q*‖π_q) at the prefixes of q"),
            ("b4-prefixes-of-the-teacher", "KL(π_q‖π_q*) at the prefixes of q*"),
            ("b4-length-of-T-minus-1", "E_q|Y| ≤ T - 1: EOS is not counted"),
        ),
        errata=("E7",),
    ),
)
