"""Beyond the paper: the largest KL of logits within a distance, a lower bound, and total variation."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.extremal import LEAST, distances, expected, largest
from proofs_check.furthest import NEAR, RARE, furthest_logits, gain, live_without, losses
from proofs_check.instances import MODEST, Instance
from proofs_check.mistakes import KL, PASSING, POLICY, without
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import EOS, SequenceSpace, StateActionTable

__all__ = ["CLAIMS"]


def _long_or_short() -> tuple[SequenceSpace, list[NDArray[np.bool_]]]:
    """Return a tree of one response, or a token and then five more of two each."""
    space = SequenceSpace.fixed_length(2, 6)
    forced = [((1, *(0,) * t), 1) for t in range(5)]
    return space, live_without(space, *forced)


_BUSH: Final = SequenceSpace(2, max_length=3)
_TREES: Final = (
    # (words, space, what is live, ε, whether the supremum is attained)
    ("one token, T = 4", one := SequenceSpace(1, max_length=4), live_without(one), 1.0, True),
    ("two tokens, T = 2", two := SequenceSpace(2, max_length=2), live_without(two), 2.0, True),
    ("fixed length 2", fixed := SequenceSpace.fixed_length(2, 2), live_without(fixed), 2.0, True),
    ("one side forced", _BUSH, live_without(_BUSH, ((), 1), ((0,), EOS)), 1.0, True),
    ("two tokens, T = 3", _BUSH, live_without(_BUSH), 0.5, False),
    ("two tokens, T = 3, some forbidden", _BUSH, live_without(_BUSH, ((0,), 0), ((1,), EOS)), 2.0, False),
    ("five steps or none", *_long_or_short(), 0.1, False),
)


# -- the largest KL for logits within ε --------------------------------------------------------------------------------


def _steps(wrong: str) -> Any:
    """What a prefix makes of the largest two values that its actions lead to."""

    def best(epsilon: Any, first: Any, second: Any) -> Any:
        nothing = 0.0 * first
        if wrong == "supremum-second-best":
            return second + gain(epsilon, nothing)
        if wrong == "supremum-all-steps":
            return first + gain(epsilon, nothing)
        if wrong == "supremum-beyond-certain":
            u = (2.0 * epsilon + (first - second)) / (1.0 - reals.exp(-2.0 * epsilon))
            return second + u - 1.0 - reals.log(u)
        if wrong == "supremum-three-quarters":
            return second + 0.75 * gain(epsilon, first - second)
        return second + gain(epsilon, first - second)

    return best


def _largest_loss(kit: Toolkit[Any], space: SequenceSpace, live: Sequence[Any], epsilon: Any, wrong: str) -> Any:
    if wrong == "supremum-fixed-length" and not space.has_eos:  # T - 1, though no step is forced
        live = [*live[:-1], live[-1] & (np.arange(len(live[-1])) == live[-1].argmax(axis=0)[None].T).T]
    return losses(kit, space, live, epsilon, _steps(wrong))[0][0]


def _supremum(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    epsilon = reals.maximum(largest(space, distances(kit, instance.live, f, g)), kit.number(LEAST))
    most = _largest_loss(kit, space, instance.live, epsilon, wrong)
    yield Comparison("KL(p‖q) ≤ D(ε)", kit.kl(space, f, g), most, "at most")
    yield Comparison("KL(q‖p) ≤ D(ε)", kit.kl(space, g, f), most, "at most")
    if instance.second is not None:
        return
    for words, tree, live, size, attained in _TREES:
        f, g = furthest_logits(kit, tree, live, size, RARE)
        reached, most = kit.kl(tree, f, g), _largest_loss(kit, tree, live, kit.number([size]), wrong)
        if attained:
            yield Comparison(f"{words}, ε={size:g}: KL = D(ε)", reached, most)
        else:
            yield Comparison(f"{words}, ε={size:g}: KL ≤ D(ε)", reached, most, "at most")
            yield Comparison(f"{words}, ε={size:g}: D(ε) - KL ≤ 1e-9", most - reached, kit.number([NEAR]), "at most")


# -- from below --------------------------------------------------------------------------------------------------------


def _of_two(kit: Toolkit[Any], level: Any, rows: Sequence[Any]) -> Any:
    """Return the chances of two actions of each prefix, of these two alone."""
    columns = np.arange(level.shape[1])
    return kit.system.normalise(kit.system.stack([level[row, columns].reshape((1, -1)) for row in rows]))


def _least(
    kit: Toolkit[Any], f: Levels, g: Levels, policy: Levels, rows: Sequence[Sequence[Any]], wrong: str
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield L, π_p(a) and π_p(b) at each prefix of each depth, a and b in `rows`."""
    for mine, theirs, chances, two in zip(f, g, policy, rows, strict=True):
        if wrong == "lower-other-way":
            theirs = kit.system.divide(kit.system.multiply(mine, mine), theirs)
        first, second = _of_two(kit, mine, two), _of_two(kit, theirs, two)
        alone = expectation(kit, first, kit.log(kit.system.divide(first, second)))
        if wrong == "lower-swapped":
            alone = expectation(kit, second, kit.log(kit.system.divide(second, first)))
        a, b = (kit.real(chances)[row, np.arange(chances.shape[1])] for row in two)
        yield ((1.0 if wrong == "lower-as-if-alone" else a + b) * alone, a, b)


def _ends(live: Sequence[Any], f: Levels, g: Levels) -> list[list[Any]]:
    """Return the rows of the largest and the smallest f - g of each prefix, in floats: any two give a bound."""
    with np.errstate(invalid="ignore"):
        differences = [mine - theirs for mine, theirs in zip(f, g, strict=True)]
    both = list(zip(live, differences, strict=True))
    return [
        [
            np.where(live, h, -np.inf).argmax(axis=0),
            np.where(live.any(axis=0), np.where(live, h, np.inf), 0.0).argmin(0),
        ]
        for live, h in both
    ]


def _lower(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, tables = instance.space, (kit.logits(instance), kit.other(instance))
    rows = _ends(instance.live, instance.logits.levels, instance.other.levels)
    alone = [live.sum(axis=0) <= 1 for live in instance.live]
    for name, f, g, two in (
        ("KL(p‖q)", *tables, rows),
        ("KL(q‖p)", *tables[::-1], [pair[::-1] for pair in rows]),
    ):
        policy = kit.policy(space, f)
        found = list(_least(kit, f, g, policy, two, wrong))
        least = [
            reals.where(one, kit.number(np.zeros(one.shape)), level[0]) for one, level in zip(alone, found, strict=True)
        ]
        passing = kit.passing(space, g if wrong == "lower-other-prefixes" else f)
        below = expected(kit, space, passing, least)
        yield Comparison(f"Σ_s P(s) L_s ≤ {name}", below, kit.kl(space, f, g), "at most")
    if instance.second is None:
        yield from _lower_of_two(kit, wrong)


def _weights(kit: Toolkit[Any], space: SequenceSpace, factor: int, modulus: int) -> list[Any]:
    """Return logits whose weights are small integers, no two tables alike."""
    shapes = [level.shape for level in StateActionTable.zeros(space).levels]
    return [
        kit.carrier(reals.log(kit.number(1.0 + (factor * np.arange(np.prod(shape)) + t) % modulus))).reshape(shape)
        for t, shape in enumerate(shapes)
    ]


def _lower_of_two(kit: Toolkit[Any], wrong: str) -> Iterator[Comparison]:
    """Where there are two actions, or q agrees on all others, L is the KL."""
    for space in (SequenceSpace(1, max_length=4), SequenceSpace.fixed_length(2, 2)):
        f, g = _weights(kit, space, 3, 5), _weights(kit, space, 5, 7)
        rows = [[np.zeros(level.shape[1], int), np.full(level.shape[1], level.shape[0] - 1)] for level in f]
        policy = kit.policy(space, f)
        found = list(_least(kit, f, g, policy, rows, wrong))
        passing = kit.passing(space, g if wrong == "lower-other-prefixes" else f)
        least = expected(kit, space, passing, [level for level, _, _ in found])
        yield Comparison(f"{space.n_tokens} tokens: Σ_s P(s) L_s = KL(p‖q)", least, kit.kl(space, f, g))
    # Two of three actions change places.
    space = SequenceSpace.fixed_length(3, 1)
    f, g = (
        [kit.carrier(reals.log(kit.number(np.array(level)[:, None])))] for level in ([5.0, 2.0, 3.0], [2.0, 5.0, 3.0])
    )
    rows = [[np.array([0]), np.array([1])]]
    ((least, a, b),) = _least(kit, f, g, kit.policy(space, f), rows, wrong)
    yield Comparison("q agrees on the third of three actions: L = KL(p‖q)", least, kit.kl(space, f, g))
    width = abs(kit.log(kit.system.divide(f[0], g[0])))[0] * 2.0
    rarer = reals.maximum(a, b) if wrong == "lower-likelier" else -reals.maximum(-a, -b)
    cosh = width / 2.0 + reals.log((1.0 + reals.exp(-width)) / 2.0)
    yield Comparison("2 min(π_a, π_b) log cosh(w/2) ≤ L", 2.0 * rarer * cosh, least, "at most")


# -- total variation ---------------------------------------------------------------------------------------------------


def _variation(kit: Toolkit[Any], space: SequenceSpace, f: Levels, g: Levels) -> Any:
    mine, theirs = (kit.real(kit.arm_log_probs(space, table)) for table in (f, g))
    return 0.5 * abs(mine - theirs).sum(0)


def _within(kit: Toolkit[Any], words: str, kl: Any, tv: Any, wrong: str) -> Iterator[Comparison]:
    distance = 2.0 * tv if wrong == "tv-not-halved" else tv
    square = distance if wrong == "tv-without-root" else distance * distance
    pinsker = 0.25 * kl if wrong == "tv-quarter" else 0.5 * kl
    other = reals.exp(-0.5 * kl) if wrong == "tv-half-exponent" else reals.exp(-kl)
    yield Comparison(f"{words}: TV² ≤ KL/2", square, pinsker, "at most")
    yield Comparison(f"{words}: TV² ≤ 1 - e^(-KL)", square, 1.0 - other, "at most")


def _total_variation(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    tv = _variation(kit, space, f, g)
    yield from _within(kit, "KL(p‖q)", kit.kl(space, f, g), tv, wrong)
    yield from _within(kit, "KL(q‖p)", kit.kl(space, g, f), tv, wrong)
    if instance.second is not None:
        return
    one = SequenceSpace.fixed_length(2, 1)
    uniform = [kit.lift(np.zeros((2, 1)))]
    for odds in (5.0, 20.0):  # one all but certain, and one that gives it a chance of 1/2, or less
        sure, less = ([kit.lift(np.array([[x], [0.0]]))] for x in (odds, -0.5 * odds))
        for other, words in ((uniform, "1/2"), (less, "little")):
            kl, tv = kit.kl(one, sure, other), _variation(kit, one, sure, other)
            yield from _within(kit, f"log-odds {odds:g} against {words}", kl, tv, wrong)
    # Pinsker's constant is the best: of (1 ± t)/2 the KL is t log((1+t)/(1-t)), at most 2t² (1 + t²/2) for t ≤ 1/2.
    for t in (2.0**-8, 0.25):
        x, y = kit.number([[1.0 + t]]), kit.number([[1.0 - t]])
        mine, theirs = ([kit.carrier(reals.log(reals.concatenate(pair)))] for pair in ((x, y), (y, x)))
        kl, tv = kit.kl(one, mine, theirs), _variation(kit, one, mine, theirs)
        yield Comparison(f"(1 ± {t:g})/2: TV = t", tv, kit.number([t]))
        yield Comparison(
            f"(1 ± {t:g})/2: KL = t log((1+t)/(1-t))", kl, (t * (reals.log(x) - reals.log(y))).reshape((1,))
        )
        yield from _within(kit, f"(1 ± {t:g})/2", kl, tv, wrong)
        yield Comparison(f"(1 ± {t:g})/2: KL ≤ 2 TV² (1 + t²/2)", kl, 2.0 * tv * tv * (1.0 + t * t / 2.0), "at most")


CLAIMS: Final = (
    Claim(
        id="K-supremum",
        place="beyond the paper (Proposition 3, sharp)",
        statement="sup KL over max |f-g| ≤ ε is D: D(s) = d₂ + F(ε, d₁-d₂), d₁ ≥ d₂ below s",
        latex=r"\sup_{\|f-g\|_\infty \le \varepsilon} \mathrm{KL}(p_f, p_g) = D(x), \quad "
        r"D(s) = d_2 + F(\varepsilon, d_1 - d_2), \; d_1 \ge d_2 \text{ the largest two } D(s \oplus a), \quad "
        r"F(\varepsilon, \delta) = \max_P \bigl[\varepsilon(2P-1) + \log(P e^{-\varepsilon} + (1-P) e^{\varepsilon}) "
        r"+ P\delta\bigr]",
        hypotheses=f"{TREE}; d₁, d₂ the largest two D(s⊕a), D = d₁ where one action is left; either direction",
        routes=(
            "KL of whole responses, by enumeration; of pairs that attain D, or approach it as chances go to 0",
            "the recursion over the tree, F in closed form",
        ),
        body=_supremum,
        mistakes=KL,
        misreadings=misread(
            _supremum,
            ("supremum-fixed-length", "without EOS the last step is taken for forced: T - 1 steps"),
            ("supremum-second-best", "d₂ + κ(ε): what is to come after the better action is lost"),
            ("supremum-all-steps", "d₁ + κ(ε): the better action is certain, and loses κ besides"),
            ("supremum-beyond-certain", "F = u - 1 - log u where P would be above 1, too"),
            ("supremum-three-quarters", "3/4 of F"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="K-lower",
        place="beyond the paper",
        statement="KL(p‖q) ≥ Σ_s P(s) L_s, L = (π_a+π_b) KL of a against b, = for two actions",
        latex=r"\mathrm{KL}(p, q) \ge \sum_s P_p(s) L_s \text{ (equal for two actions)}, \quad "
        r"L_s = (\pi_a + \pi_b)\, \mathrm{KL}\bigl(\tfrac{\pi_a}{\pi_a + \pi_b} \big\| "
        r"\text{log-odds lower by } w\bigr) \ge 2 \min(\pi_a, \pi_b) \log\cosh(w/2)",
        hypotheses=f"{TREE}; a, b any two actions of each prefix, w the difference of log π_p/π_q between them",
        routes=(
            "KL of whole responses, by enumeration",
            "KL of two actions alone at each prefix, weighted by the chance of getting there and of either",
        ),
        body=_lower,
        mistakes=(*KL, *PASSING, *POLICY),
        misreadings=misread(
            _lower,
            ("lower-other-way", "the log-odds are raised by w"),
            ("lower-swapped", "the KL of the two actions the other way round"),
            ("lower-as-if-alone", "without the chance of either action"),
            ("lower-other-prefixes", "prefixes are drawn from the second model"),
            ("lower-likelier", "2 max(π_a, π_b) log cosh(w/2)"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="K-tv",
        place="beyond the paper (Pinsker; Bretagnolle and Huber)",
        statement="TV(p, q) ≤ min(√(KL/2), √(1 - e^(-KL))), KL either way",
        latex=r"\mathrm{TV}(p, q) \le \min\bigl(\sqrt{\mathrm{KL}/2}, \sqrt{1 - e^{-\mathrm{KL}}}\bigr), "
        r"\text{ KL either way}",
        hypotheses="any two distributions over responses; TV = ½ Σ|p-q|; ½ is the best constant as KL → 0",
        routes=("½ Σ|p-q| over responses, squared", "KL of whole responses"),
        body=_total_variation,
        # In either direction; and every prefix alike gives more.
        mistakes=without(KL, "kl-reversed", "kl-unweighted"),
        misreadings=misread(
            _total_variation,
            ("tv-quarter", "TV² ≤ KL/4"),
            ("tv-without-root", "TV ≤ KL/2"),
            ("tv-half-exponent", "TV² ≤ 1 - e^(-KL/2)"),
            ("tv-not-halved", "Σ|p-q| for ½ Σ|p-q|"),
        ),
        scope=MODEST,
    ),
)
