"""Beyond the paper: rewards that are off, and logits that miss their Bellman equation."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.extremal import kappa_of, largest, sharp_odds
from proofs_check.furthest import NEAR, RARE, furthest_rewards, live_without, most_unshared
from proofs_check.instances import MODEST, Instance
from proofs_check.mistakes import ARM, EBM, INVERSE, without
from proofs_check.toolkit import Toolkit, expectation
from tabular_bellman import SequenceSpace

__all__ = ["CLAIMS"]


def _allowed(kit: Toolkit[Any], instance: Instance) -> Any:
    """Which responses are allowed, shape (n, P)."""
    live = [kit.lift(np.where(live, 0.0, -np.inf)) for live in instance.live]
    return ~kit.system.is_zero(kit.response_rewards(instance.space, live))


def _widths(kit: Toolkit[Any], instance: Instance, differences: Sequence[Any]) -> tuple[Any, Any]:
    """Return the span over responses of the sums of some differences: by enumeration, and by a backward pass."""
    space, V = instance.space, instance.space.n_tokens
    sums = _only(kit, _allowed(kit, instance), kit.log(kit.response_rewards(space, differences)))
    ends: list[Any] = []
    for sign in (1.0, -1.0):
        below: Any = None
        for level, live in zip(reversed(differences), reversed(instance.live), strict=True):
            here = reals.where(live, sign * kit.log(level), kit.number(np.zeros(live.shape)))
            if below is not None:
                here = reals.concatenate([here[:V] + below.reshape((V, live.shape[1])), here[V:]])
            below = reals.largest(_only(kit, live, here), 0)
        ends.append(below)
    return reals.largest(sums, 0) - reals.smallest(sums, 0), ends[0] + ends[1]


def _only(kit: Toolkit[Any], allowed: Any, numbers: Any) -> Any:
    """Return numbers in which what is not allowed repeats something in its column that is; 0 where nothing is."""
    repeated = numbers[allowed.argmax(axis=0), np.arange(allowed.shape[1])]
    repeated = reals.where(allowed.any(axis=0), repeated, kit.number(np.zeros(allowed.shape[1])))
    return reals.where(allowed, numbers, repeated)


def _divergence(kit: Toolkit[Any], p: Any, q: Any) -> Any:
    return expectation(kit, p, kit.log(kit.system.divide(p, q)))


def _sizes(kit: Toolkit[Any], instance: Instance, differences: Sequence[Any]) -> Any:
    """Return max |difference| over what is live, by prompt."""
    sizes = [
        reals.largest(reals.where(live, abs(kit.log(level)), kit.number(np.zeros(live.shape))), 0)
        for live, level in zip(instance.live, differences, strict=True)
    ]
    return largest(instance.space, sizes)


def _bounded(kit: Toolkit[Any], instance: Instance, differences: Sequence[Any], both: Any, wrong: str) -> Any:
    """Yield what holds of KL for rewards whose differences are these."""
    width, backward = _widths(kit, instance, differences)
    part = {"half": 0.25, "whole": 1.0}.get(wrong, 0.5)
    for name, divergence in both:
        yield Comparison(f"{name} ≤ κ(½ span_y)", divergence, kappa_of(kit, part * width), "at most")
    yield Comparison("the span over responses, by a backward pass", backward, width)
    unshared: Any = most_unshared(instance.space, instance.live).astype(np.float64)
    if wrong == "depth":
        unshared = np.minimum(unshared, instance.space.n_depths)
    if wrong == "one-step":
        unshared = np.minimum(unshared, 2.0)
    most = unshared * _sizes(kit, instance, differences)
    yield Comparison("span_y ≤ (pairs that two responses do not share) · max |δ|", width, most, "at most")


def _split(n: int) -> tuple[SequenceSpace, list[Any]]:
    """Return the space of n tokens of two, and signs: +1 wherever the first token is 0, -1 elsewhere."""
    space, signs = SequenceSpace.fixed_length(2, n), [np.array([[1.0], [-1.0]])]
    for t in range(1, n):
        signs.append(np.tile(np.where(np.arange(2**t) % 2 == 0, 1.0, -1.0), (2, 1)))
    return space, signs


def _extreme(kit: Toolkit[Any], wrong: str, *, of_logits: bool) -> Iterator[Comparison]:
    """Rewards η apart at every step whose KL is all that they can have: attained, or approached."""

    def log_probs(space: SequenceSpace, rewards: list[Any], as_logits: bool) -> Any:
        if as_logits:
            return kit.arm_log_probs(space, kit.soft_bellman(space, rewards, 1.0)[0])
        return kit.ebm_log_probs(space, rewards, 1.0)

    part = {"half": 0.5, "whole": 2.0}.get(wrong, 1.0)
    for n, eta in ((1, 1.0), (2, 0.5), (3, 1.0)):
        space, signs = _split(n)
        best = sharp_odds(kit, n * eta)
        first = kit.number(np.zeros((2, 1))) + np.array([[1.0], [0.0]]) * best
        mine = [first, *(kit.number(np.zeros(level.shape)) for level in signs[1:])]
        r, other = (
            [kit.carrier(level - shift * eta * sign) for level, sign in zip(mine, signs, strict=True)]
            for shift in (0.0, 1.0)
        )
        reached = _divergence(kit, log_probs(space, r, of_logits), log_probs(space, other, False))
        steps = {"depth": max(1.0, n / 2.0), "one-step": 1.0}.get(wrong, float(n))
        yield Comparison(
            f"fixed length {n}, η={eta:g}: KL = κ(nη)", reached, kit.kappa(kit.number([part * steps * eta]))
        )
    for space, eta in ((SequenceSpace(2, max_length=3), 0.5), (SequenceSpace(1, max_length=4), 1.0)):
        live = live_without(space)
        sides, leaving, (depth, row, index) = furthest_rewards(space, live)
        unshared = float(most_unshared(space, live)[0])
        turn = [np.zeros(level.shape) for level in sides]
        turn[depth][row, index] = 1.0
        odds = sharp_odds(kit, 0.5 * unshared * eta)
        mine = [odds * at - 2.0 * RARE * away for at, away in zip(turn, leaving, strict=True)]
        r = [kit.carrier(level) for level in mine]
        other = [kit.carrier(level - eta * side) for level, side in zip(mine, sides, strict=True)]
        reached = _divergence(kit, log_probs(space, r, of_logits), log_probs(space, other, False))
        if wrong == "depth":
            unshared = float(space.max_length)
        most = kit.kappa(kit.number([part * 0.5 * unshared * eta]))
        words = f"{space.n_tokens} tokens, T = {space.max_length}, η={eta:g}"
        yield Comparison(f"{words}: KL ≤ κ(½ · unshared · η)", reached, most, "at most")
        yield Comparison(f"{words}: it is approached to 1e-9", most - reached, kit.number([NEAR]), "at most")


def _residual(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits, rewards = instance.space, kit.other(instance), kit.rewards(instance)
    wrong = wrong.removeprefix("residual-")
    implied = logits if wrong == "without-value" else kit.inverse(space, logits, 1.0)
    dead = [kit.lift(np.where(live, 0.0, -np.inf)) for live in instance.live]
    rewards = [kit.system.multiply(level, mask) for level, mask in zip(rewards, dead, strict=True)]
    residual = [kit.system.divide(mine, theirs) for mine, theirs in zip(implied, rewards, strict=True)]
    arm, ebm = kit.arm_log_probs(space, logits), kit.ebm_log_probs(space, rewards, 1.0)
    corrected = [kit.system.multiply(level, off) for level, off in zip(rewards, residual, strict=True)]
    same = kit.ebm_log_probs(space, corrected, 1.0)
    yield Comparison("p_q is the energy-based model of R + Σ_t δ", kit.log(arm), kit.log(same))
    both = (("KL(p_q‖p_R)", _divergence(kit, arm, ebm)), ("KL(p_R‖p_q)", _divergence(kit, ebm, arm)))
    yield from _bounded(kit, instance, residual, both, wrong)
    if instance.second is None:
        yield from _extreme(kit, wrong, of_logits=True)


def _perturbation(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, wrong = instance.space, wrong.removeprefix("perturbation-")
    rewards, others = kit.logits(instance), kit.other(instance)
    differences = [kit.system.divide(mine, theirs) for mine, theirs in zip(rewards, others, strict=True)]
    p, q = (kit.ebm_log_probs(space, table, 1.0) for table in (rewards, others))
    tilted = kit.system.normalise(kit.system.multiply(q, kit.response_rewards(space, differences)))
    yield Comparison("p_R ∝ p_R' exp(R - R')", kit.log(p), kit.log(tilted))
    both = (("KL(p_R‖p_R')", _divergence(kit, p, q)), ("KL(p_R'‖p_R)", _divergence(kit, q, p)))
    yield from _bounded(kit, instance, differences, both, wrong)
    if instance.second is None:
        yield from _extreme(kit, wrong, of_logits=False)


CLAIMS: Final = (
    Claim(
        id="K-residual",
        place="beyond the paper",
        statement="KL(p_q‖p_R), KL(p_R‖p_q) ≤ κ(½ span_y Σ_t δ(s_t,y_t)), δ = q - r - V_q(s⊕a)",
        latex=r"\mathrm{KL}(p_q, p_{R_r}), \; \mathrm{KL}(p_{R_r}, p_q) "
        r"\le \kappa\bigl(\tfrac12 \operatorname{span}_y \sum_t \delta(s_t, y_t)\bigr), \quad "
        r"\delta(s,a) = q(s,a) - r(s,a) - V_q(s \oplus a)",
        hypotheses=f"{TREE}, the same for q and r; the span is at most max |δ| times the pairs that two do not share",
        routes=(
            "KL of whole responses, of products of softmax(q) and of exp R, both by enumeration",
            "κ of half the span of the residual, added up along each response, and by a backward pass",
        ),
        body=_residual,
        mistakes=(  # the temperature is 1
            # A shift at each prefix is shaping: the same model.
            *without(INVERSE, "inverse-lost-temperature", "inverse-own-value"),
            *without(EBM, "ebm-without-temperature"),
            *ARM,
        ),
        misreadings=misread(
            _residual,
            ("residual-half", "κ(¼ span)"),
            ("residual-whole", "κ(span), as sharp"),
            ("residual-without-value", "δ = q - r: what comes later is left out"),
            ("residual-depth", "T pairs that two responses do not share"),
            ("residual-one-step", "2 pairs that two responses do not share: max |δ| for the whole response"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="K-perturbation",
        place="beyond the paper",
        statement="KL(p_R‖p_R') ≤ κ(½ span_y (R-R')) ≤ κ(½ d max |r-r'|), d the pairs not shared",
        latex=r"\mathrm{KL}(p_R, p_{R'}) \le \kappa\bigl(\tfrac12 \operatorname{span}_y (R - R')\bigr) "
        r"\le \kappa\bigl(\tfrac12 d \|r - r'\|_\infty\bigr), \quad d \text{ the pairs not shared}",
        hypotheses=f"{TREE}; either direction; d = 2T (V ≥ 2), T + 1 (V = 1). Attained without EOS, else approached",
        routes=(
            "KL of whole responses, by enumeration; of pairs that attain or approach the bound",
            "κ of half the span of R - R', by enumeration and by a backward pass",
        ),
        body=_perturbation,
        mistakes=without(EBM, "ebm-without-temperature"),  # it is 1
        misreadings=misread(
            _perturbation,
            ("perturbation-half", "κ(¼ span)"),
            ("perturbation-whole", "κ(span), as sharp"),
            ("perturbation-depth", "d = T: κ(½ T max |r-r'|)"),
            ("perturbation-one-step", "d = 2: the bound of one step for all"),
        ),
        scope=MODEST,
    ),
)
