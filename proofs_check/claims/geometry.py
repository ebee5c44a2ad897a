"""Beyond the paper: the Fisher metric, the natural gradient in both coordinates, and another entropy."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import FORCED, Claim, Comparison, misread
from proofs_check.derivatives import at_ends, flat, pairwise, per_prefix, sum_along
from proofs_check.instances import FEW, MODEST, Instance, Scope, largest_reward
from proofs_check.mistakes import (
    ARM_GRADIENT,
    EBM,
    EBM_GRADIENT,
    OF_TEMPERATURE,
    PASSING,
    POLICY,
    PULLBACK,
    PUSHFORWARD,
    SOFT_BELLMAN,
    without,
)
from proofs_check.paths import pair_sums
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman import SequenceSpace, StateActionTable

__all__ = ["CLAIMS", "along_responses"]

_RATIOS: Final = Scope(
    "rewards of at most 100, beside whose ratios ρ/p floats keep digits", lambda i: largest_reward(i.reward) <= 100.0
)


# -- the metric --------------------------------------------------------------------------------------------------------


def _eighths(kit: Toolkit[Any], instance: Instance) -> list[Any]:
    """The direction in eighths: numbers of which every system has the squares."""
    return [kit.number(np.round(8.0 * level) / 8.0) for level in instance.direction.levels]


def along_responses(space: SequenceSpace, levels: Levels) -> Any:
    """Return the sum of levels of numbers along each response, (n, P), without logarithms."""
    return at_ends(space, _so_far(space, levels))


def _so_far(space: SequenceSpace, levels: Levels) -> list[Any]:
    """The sum up to each pair, that included."""
    found: list[Any] = []
    for level in levels:
        if found:
            level = level + found[-1][: space.n_tokens].reshape((level.shape[1],))
        found.append(level)
    return found


class _Metric:
    """The metric of one distribution, in logits and in rewards, from the chances of steps."""

    def __init__(self, kit: Toolkit[Any], space: SequenceSpace, rewards: Levels, wrong: str = "") -> None:
        self.kit, self.space, self.rewards, self.wrong = kit, space, rewards, wrong
        self.logits = kit.recursion(space, rewards, 1.0)[0]
        self.policy = [kit.real(level) for level in kit.policy(space, self.logits)]
        self.passing = [kit.real(level) for level in kit.passing(space, self.logits)]

    def centred(self, levels: Levels) -> list[Any]:
        """d(s, a) - Σ_b π(b|s) d(s, b)."""
        if self.wrong == "uncentred":
            return list(levels)
        return [level - (pi * level).sum(0) for pi, level in zip(self.policy, levels, strict=True)]

    def weighted(self, levels: Levels) -> list[Any]:
        """Times the chance of the pair."""
        passing = self.passing
        if self.wrong == "unpassed":
            passing = [0.0 * level + 1.0 for level in passing]
        return [rho * pi * level for rho, pi, level in zip(passing, self.policy, levels, strict=True)]

    def of_logits(self, levels: Levels) -> list[Any]:
        """F_q d."""
        return self.weighted(self.centred(levels))

    def of_rewards(self, levels: Levels) -> list[Any]:
        """F_r d = J_Mᵀ F_q J_M d."""
        pushed = levels if self.wrong in ("one-jacobian", "no-jacobian") else self._push(levels)
        found = self.of_logits(pushed)
        return found if self.wrong == "no-jacobian" else list(self.kit.pullback(self.space, self.rewards, found))

    def _push(self, levels: Levels) -> Levels:
        return self.kit.pushforward(self.space, self.rewards, levels)


def _metric(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, d = instance.space, kit.rewards(instance), _eighths(kit, instance)
    metric = _Metric(kit, space, rewards, wrong)
    log_p = kit.ebm_log_probs(space, rewards, 1.0)
    p, moved = kit.real(log_p), along_responses(space, d)
    mean = (p * moved).sum(0)
    deviation = moved if wrong == "second-moment" else moved - mean
    of_logits, of_rewards = metric.of_logits(d), metric.of_rewards(d)
    # One backward pass, and one forward that adds up advantages.
    ahead = kit.pushforward(space, rewards, d)
    routes = {
        "J_Mᵀ F_q J_M d": flat(of_rewards),
        "advantages added up": flat(metric.weighted(_so_far(space, metric.centred(ahead)))),
    }
    if FEW.includes(instance):
        routes["Cov(1{(s,a)}, R_d), by enumeration"] = flat(pair_sums(space, p * deviation))
        # E[score <score, d>]: <score, d> is the sum of what is centred along the whole response.
        scores = pair_sums(space, p * along_responses(space, metric.centred(d)))
        definition = [taken - pi * taken.sum(0) for taken, pi in zip(scores, metric.policy, strict=True)]
        yield Comparison("F_q d = E[score <score, d>]", flat(of_logits), flat(definition))
    yield from pairwise(routes, "F_r d")
    variance = (p * deviation * deviation).sum(0)
    yield Comparison("<d, F_r d> = Var R_d, by enumeration", sum_along(of_rewards, d, space), variance)
    blocks = sum_along(metric.of_logits(ahead), ahead, space)
    yield Comparison("Var R_d = Σ_s P(s) Var_π of J_M d", variance, blocks)


# -- the natural gradient ----------------------------------------------------------------------------------------------


def _step(kit: Toolkit[Any], instance: Instance, metric: _Metric, wrong: str) -> list[Any]:
    """P_ρ(s)/P_p(s) - P_ρ(s,a)/P_p(s,a); 0 where nothing is live."""
    space, target, system = instance.space, kit.other(instance), kit.system
    if wrong == "plain":
        return list(kit.arm_gradient(space, metric.logits, target, np.ones(space.n_prompts)))
    if wrong == "plain-of-rewards":
        return list(kit.ebm_gradient(space, metric.rewards, target, np.ones(space.n_prompts)))
    found = []
    steps = zip(kit.passing(space, metric.logits), kit.policy(space, metric.logits), strict=True)
    others = zip(kit.passing(space, target), kit.policy(space, target), strict=True)
    for live, (mine, pi), (theirs, rho) in zip(instance.live, steps, others, strict=True):
        here, step = system.divide(theirs, mine), system.divide(rho, pi)
        if wrong == "inverted":
            here = system.divide(mine, theirs)
        if wrong == "unweighted":
            here = system.divide(mine, mine)
        ratio = kit.real(here) - kit.real(system.multiply(step, here))
        sign = -1.0 if wrong == "uphill" else 1.0
        found.append(reals.where(live, sign * ratio, kit.number(np.zeros(live.shape))))
    return found


def _natural(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, target = instance.space, kit.rewards(instance), kit.other(instance)
    weights, metric = instance.prompt_weights, _Metric(kit, space, rewards)
    d = _step(kit, instance, metric, wrong)

    def weighted(levels: Levels) -> Any:
        return flat([level * per_prefix(weights, level) for level in levels])

    means = [(pi * level).sum(0) for pi, level in zip(metric.policy, d, strict=True)]
    yield Comparison("mean 0 under π", flat(means), flat([0.0 * level for level in means]))
    of_logits = kit.arm_gradient(space, metric.logits, target, weights)
    yield Comparison("F_q d = ∇_q L^ARM", weighted(metric.of_logits(d)), flat(of_logits))
    of_rewards = kit.ebm_gradient(space, rewards, target, weights)
    yield Comparison("F_r d = ∇_r L^EBM", weighted(metric.of_rewards(d)), flat(of_rewards))
    yield Comparison("J_M d = d", flat(kit.pushforward(space, rewards, d)), flat(d))
    log_p, log_rho = kit.ebm_log_probs(space, rewards, 1.0), kit.arm_log_probs(space, target)
    allowed, zeros = ~kit.system.is_zero(log_p), kit.number(np.zeros(log_p.shape))
    ratio = 1.0 - kit.real(kit.system.divide(log_rho, log_p))
    left, right = (reals.where(allowed, x, zeros) for x in (along_responses(space, d), ratio))
    yield Comparison("change of log p(y) = 1 - ρ(y)/p(y), by enumeration", left, right)


# -- another entropy ---------------------------------------------------------------------------------------------------

Tree = Sequence[Any]  # what can be chosen: a number, or a reward and a tree


def _sparsemax(x: Sequence[Fraction]) -> tuple[list[Fraction], Fraction]:
    """Return argmax and max of <p, x> - ½(‖p‖² - 1) over distributions: the projection of x, by sorting."""
    ordered, total = sorted(x, reverse=True), Fraction(0)
    threshold = ordered[0] - 1
    for k, entry in enumerate(ordered, start=1):
        total += entry
        if 1 + k * entry > total:
            threshold = (total - 1) / k
    p = [max(entry - threshold, Fraction(0)) for entry in x]
    value = sum((a * b for a, b in zip(p, x, strict=True)), Fraction(1, 2)) - sum((a * a for a in p), Fraction(0)) / 2
    return p, value


def _at_once(tree: Tree) -> list[Fraction]:
    """The rewards of whole responses."""
    return [y for x in tree for y in ([x[0] + z for z in _at_once(x[1])] if isinstance(x, tuple) else [x])]


def _step_by_step(tree: Tree) -> tuple[list[Fraction], Fraction]:
    """The distribution over responses, and the value, of V(s) = max_Ω q(s, ·), q = r + V."""
    below = [_step_by_step(x[1]) if isinstance(x, tuple) else ([Fraction(1)], Fraction(0)) for x in tree]
    logits = [(x[0] if isinstance(x, tuple) else x) + value for x, (_, value) in zip(tree, below, strict=True)]
    policy, value = _sparsemax(logits)
    return [a * b for a, (p, _) in zip(policy, below, strict=True) for b in p], value


def _both(tree: Tree) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The distribution and the value, of whole responses at once and step by step."""
    one, two = _sparsemax(_at_once(tree)), _step_by_step(tree)
    return tuple(np.array([*p, value], dtype=np.object_) for p, value in (one, two))  # type: ignore[return-value]


def _relation(differs: bool) -> Literal["equal", "differs"]:
    return "differs" if differs else "equal"


def _tsallis(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    rational = [Fraction(k, 4) for k in range(-2, 3)]
    for a, b in product(rational, repeat=2):
        one, two = _both([a, (b, [a * b])])
        relation = _relation(wrong == "two-differ")
        yield Comparison(f"two responses, {a} and {b + a * b}: the same both ways", one, two, relation)
        one, two = _both([a, (b, [Fraction(0)]), (a - b, [b])])
        yield Comparison(f"three responses, one choice, {a} and {b}: the same both ways", one, two)
    zero = Fraction(0)
    one, two = _both([zero, (zero, [zero, (zero, [zero])])])
    if wrong == "normalised-again":
        two = two / two.sum()
    exact = [[Fraction(1, 3)] * 4, [Fraction(3, 8), Fraction(5, 16), Fraction(5, 16), Fraction(25, 64)]]
    at_once, stepwise = (np.array(numbers, dtype=np.object_) for numbers in exact)
    yield Comparison("V=1, T=3, no rewards, all at once: ⅓, ⅓, ⅓; value ⅓", one, at_once)
    yield Comparison("step by step: 3/8, 5/16, 5/16; value 25/64", two, stepwise)
    relation = _relation(wrong != "agree")
    yield Comparison("they differ", one, two, relation)
    grouped = [
        _step_by_step(tree)[1]
        for tree in (
            [zero, (zero, [zero, Fraction(1, 2)])],
            [(zero, [zero, zero]), Fraction(1, 2)],
            [zero, zero, Fraction(1, 2)],
        )
    ]
    relation = _relation(wrong != "associative")
    pairs = np.array([grouped[0], grouped[0], grouped[1]]), np.array([grouped[1], grouped[2], grouped[2]])
    yield Comparison("max_Ω(0, 0, ½), grouped in three ways", pairs[0], pairs[1], relation)
    ones = [np.array(_sparsemax([zero, Fraction(-k)])[0], dtype=np.object_) for k in (1, 2)]
    relation = _relation(wrong == "one-to-one")
    yield Comparison("sparsemax(0, -1) = sparsemax(0, -2)", ones[0], ones[1], relation)
    yield from _shannon(kit, instance)


def _shannon(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    """The same of the entropy of the paper."""
    space, rewards = instance.space, kit.rewards(instance)
    logits, values = kit.soft_bellman(space, rewards, 1.0)
    at_once = kit.ebm_log_probs(space, rewards, 1.0)
    what = "with -entropy for Ω: the distributions are the same"
    yield Comparison(what, kit.log(at_once), kit.log(kit.arm_log_probs(space, logits)))
    partition = kit.log_partition(space, rewards, 1.0)
    yield Comparison("with -entropy for Ω: the values are the same", kit.log(partition), kit.log(values[0]))
    one = SequenceSpace.fixed_length(2, 1)
    first, second = (kit.policy(one, [kit.lift(np.array([[0.0], [-k]]))])[0] for k in (1.0, 2.0))
    yield Comparison("softmax(0, -1) ≠ softmax(0, -2)", kit.log(first), kit.log(second), "differs")


def _three_steps(seed: int) -> list[Instance]:
    space = SequenceSpace(1, max_length=3)
    return [Instance("V=1, T=3", StateActionTable.random(space, seed), seed=seed)]


# With one prompt, one token, all allowed, at temperature 1, and looking at the root these make no difference.
_NOT_HERE: Final = (
    "values-one-early",
    "prompts-merged",
    "prefix-order",
    "mask-1e9",
    "no-shift",
    "prompts-concatenated",
    "shift-by-infinity",
)

CLAIMS: Final = (
    Claim(
        id="F-metric",
        place="beyond the paper; Fisher metrics of C. R. Rao (1945), of policies S. Kakade (2001)",
        statement="F_r d = J_Mᵀ F_q J_M d = Cov(1{(s,a)}, R_d), F_q d = P(s) π (d - E_π d)",
        latex=r"F_r d = J_M^\top F_q J_M d = \mathrm{Cov}_p(1\{(s,a)\}, R_d), \quad "
        r"(F_q d)(s,a) = P(s)\, \pi(a \mid s) \bigl(d(s,a) - \mathbb{E}_\pi d(s,\cdot)\bigr), \quad "
        r"\langle d, F_r d\rangle = \mathrm{Var}\, R_d",
        hypotheses=f"{FORCED}; of each prompt's own distribution",
        routes=(
            "blocks of prefixes, with J_M before and J_Mᵀ after",
            "one backward pass, then advantages added up from the root",
            "covariances over all responses; E[score <score, d>] (small instances)",
        ),
        body=_metric,
        mistakes=(*without(EBM, "ebm-without-temperature"), *PUSHFORWARD, *PULLBACK, *POLICY, *PASSING),
        misreadings=misread(
            _metric,
            ("fisher-unpassed", "every prefix counts the same, however likely it is", "unpassed"),
            ("fisher-uncentred", "the mean under π is not taken off", "uncentred"),
            ("fisher-without-jacobian", "F_r = F_q: one metric for both tables", "no-jacobian"),
            ("fisher-one-jacobian", "F_r = J_Mᵀ F_q", "one-jacobian"),
            ("fisher-second-moment", "E[R_d] is not taken off", "second-moment"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="F-natural",
        place="beyond the paper; natural gradients of S. Amari (1998), of policies S. Kakade (2001)",
        statement="d = P_ρ(s)/P_p(s) - P_ρ(s,a)/P_p(s,a): F_q d = ∇_q L, F_r d = ∇_r L, J_M d = d",
        latex=r"d(s,a) = \frac{P_\rho(s)}{P_p(s)} - \frac{P_\rho(s,a)}{P_p(s,a)}: \quad "
        r"F_q d = \nabla_q L^{\mathrm{ARM}}, \; F_r d = \nabla_r L^{\mathrm{EBM}}, \; J_M d = d, \; "
        r"R_d(y) = 1 - \rho(y)/p(y)",
        hypotheses=f"{FORCED}; p > 0 wherever ρ > 0",
        routes=(
            "the metric of F-metric on d, in logits and in rewards",
            "the gradients of both risks; J_M d",
            "ρ(y)/p(y) of whole responses, by enumeration",
        ),
        body=_natural,
        mistakes=(
            *ARM_GRADIENT,
            *EBM_GRADIENT,
            *PULLBACK,
            *without(PUSHFORWARD, "pushforward-identity"),  # J_M d = d
            *PASSING,
            *POLICY,
        ),
        misreadings=misread(
            _natural,
            ("natural-plain", "the plain gradient in logits", "plain"),
            ("natural-plain-of-rewards", "the plain gradient in rewards", "plain-of-rewards"),
            ("natural-inverted", "P_p(s)/P_ρ(s)", "inverted"),
            ("natural-unweighted", "1 - π_ρ/π_p, whatever the chance of the prefix", "unweighted"),
            ("natural-uphill", "with the sign turned", "uphill"),
        ),
        scope=MODEST & _RATIOS,
    ),
    Claim(
        id="X-tsallis",
        place="beyond the paper; Martins and Astudillo (2016); in recursions Mensch and Blondel, Lee et al. (2018)",
        statement="Ω = ½(‖p‖² - 1): p_Ω(R) is not step by step; V=1, T=3, R=0: ⅓, ⅓, ⅓; 3/8, 5/16, 5/16",
        latex=r"\Omega(p) = \tfrac12(\|p\|^2 - 1),\ V=1,\ T=3,\ R=0: \quad "
        r"\operatorname{argmax}_p \langle p, R\rangle - \Omega(p) = (\tfrac13, \tfrac13, \tfrac13), "
        r"\quad \text{step by step } (\tfrac38, \tfrac5{16}, \tfrac5{16})",
        hypotheses="the smallest case: where one step at most offers a choice, both agree",
        routes=(
            "the regularised maximum over whole responses, in rationals",
            "V(s) = max_Ω q(s, ·), q = r + V, in rationals; the same with -entropy for Ω",
        ),
        body=_tsallis,
        mistakes=without(SOFT_BELLMAN, *OF_TEMPERATURE, *_NOT_HERE),
        misreadings=misread(
            _tsallis,
            ("tsallis-agree", "at once and step by step agree", "agree"),
            ("tsallis-two-differ", "two responses differ already", "two-differ"),
            ("tsallis-associative", "max_Ω may be grouped as one likes", "associative"),
            ("tsallis-one-to-one", "logits up to a constant are read off the policy", "one-to-one"),
            ("tsallis-normalised-again", "what steps give sums up to another number", "normalised-again"),
        ),
        own=_three_steps,
    ),
)
