"""Beyond the paper: how far apart two softmaxes can be, given how far their logits are. κ is the sharp Lemma 1."""

from collections.abc import Iterator
from fractions import Fraction
from math import comb, factorial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import Claim, Comparison, misread
from proofs_check.extremal import LEAST, attaining, differences, distances, kappa_of, spans, step_kls
from proofs_check.instances import MODEST, Instance, bare
from proofs_check.mistakes import KAPPA, KL_OF_ONE_STEP, POLICY, without
from proofs_check.toolkit import Toolkit
from tabular_bellman import SequenceSpace

__all__ = ["CLAIMS"]

_STEPS: Final = "f, g finite on the same two or more actions; here those of every prefix"
_DISTANCES: Final = (0.25, 1.0, 2.0, 4.0, 16.0)
_GRID: Final = np.array([*_DISTANCES, 0.5, 8.0, 3.0])


# -- one step ----------------------------------------------------------------------------------------------------------


def _divergence_at(epsilon: Any, chance: Any) -> Any:
    """KL where f - g is +ε with this chance under f, and -ε otherwise."""
    return 2.0 * epsilon * chance + reals.log(1.0 - chance * (1.0 - reals.exp(-2.0 * epsilon)))


def _kappa(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    forwards, backwards = step_kls(kit, space, f, g), step_kls(kit, space, g, f)
    for t, distance in enumerate(distances(kit, instance.live, f, g)):
        most = kappa_of(kit, distance)
        if wrong == "kappa-three-quarters":
            most = 0.75 * most
        yield Comparison(f"KL(σ f‖σ g) ≤ κ(max |f - g|), depth {t}", forwards[t], most, "at most")
        yield Comparison(f"KL(σ g‖σ f) ≤ κ(max |f - g|), depth {t}", backwards[t], most, "at most")

    epsilon = kit.number(np.array(_DISTANCES))
    kappa = 0.75 * kit.kappa(epsilon) if wrong == "kappa-three-quarters" else kit.kappa(epsilon)
    best = 1.0 / (1.0 - reals.exp(-2.0 * epsilon)) - 1.0 / (2.0 * epsilon)
    if wrong == "kappa-at-even-odds":
        best = 0.0 * best + 0.5
    if wrong == "kappa-at-the-mirrored-odds":
        best = 1.0 - best
    yield Comparison("KL where +ε has its best chance = κ(ε)", _divergence_at(epsilon, best), kappa)
    chances = np.arange(1, 32)[:, None] / 32.0
    other = _divergence_at(epsilon, chances)
    yield Comparison("KL where +ε has another chance ≤ κ(ε)", other, kappa + 0.0 * chances, "at most")
    for number, size in enumerate(_DISTANCES):
        for actions in (2, 5):
            one = SequenceSpace.fixed_length(actions, 1)
            mine, theirs, _ = attaining(kit, one, size)
            reached = kit.kl(one, mine, theirs)
            yield Comparison(f"KL of {actions} actions at distance {size:g} = κ", reached, kappa[number : number + 1])


def _span(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    forwards, backwards = step_kls(kit, space, f, g), step_kls(kit, space, g, f)
    # Gauge-free: neither side sees a constant at each prefix.
    shifts = [kit.lift(level) for level in instance.potential.levels]
    shifted = [kit.system.multiply(q, shift) for q, shift in zip(f, shifts, strict=True)]
    moved, moved_spans = step_kls(kit, space, shifted, g), spans(kit, instance.live, shifted, g)
    centred_factor = {"span-centred-at-half": 0.5, "span-centred-of-one-more": 1.0}.get(wrong)
    widths = spans(kit, instance.live, f, g)
    for t, h in enumerate(differences(kit, instance.live, f, g)):
        width, live = widths[t], instance.live[t]
        most = kappa_of(kit, (0.25 if wrong == "span-quartered" else 0.5) * width)
        # Both sides over the span where it is above 1: its square may overflow.
        least = reals.maximum(width, kit.number(2.0 * LEAST))  # as `kappa_of` does
        scale = reals.maximum(width, kit.number(1.0))
        ratio = most * (16.0 if wrong == "span-squared-over-16" else 8.0) / scale
        yield Comparison(f"KL(σ f‖σ g) ≤ κ(span/2), depth {t}", forwards[t], most, "at most")
        yield Comparison(f"KL(σ g‖σ f) ≤ κ(span/2), depth {t}", backwards[t], most, "at most")
        yield Comparison(f"κ(span/2) ≤ span²/8, depth {t}", ratio, least * (least / scale), "at most")
        yield Comparison(f"KL(σ(f + c)‖σ g) = KL(σ f‖σ g), depth {t}", moved[t], forwards[t])
        yield Comparison(f"span(f + c - g) = span(f - g), depth {t}", moved_spans[t], width)
        count = np.maximum(live.sum(axis=0), 1.0)
        only = reals.where(live, h, kit.number(np.zeros(live.shape)))
        centred = reals.largest(reals.where(live, abs(h - only.sum(0) / count), kit.number(np.zeros(live.shape))), 0)
        share = 1.0 - 1.0 / count if centred_factor is None else centred_factor + 0.0 * count
        if wrong == "span-centred-of-one-more":
            share = 1.0 - 1.0 / (count - 1.0 + (count == 1.0))
        yield Comparison(f"span/2 ≤ |h - mean h|, depth {t}", 0.5 * width, centred, "at most")
        yield Comparison(f"|h - mean h| ≤ (1 - 1/k) span, depth {t}", centred, share * width, "at most")
    for epsilon in _DISTANCES:
        one = SequenceSpace.fixed_length(3, 1)
        attained, theirs, _ = attaining(kit, one, epsilon)
        mine = [kit.carrier(kit.log(level) + 2.0) for level in attained]  # pushed apart by a constant
        width = spans(kit, [np.ones((3, 1), dtype=np.bool_)], mine, theirs)[0]
        most = kappa_of(kit, (0.25 if wrong == "span-quartered" else 0.5) * width)
        yield Comparison(
            f"a pair of span {2 * epsilon:g}, at distance {epsilon + 2:g}", kit.kl(one, mine, theirs), most
        )


# -- the function κ ----------------------------------------------------------------------------------------------------


def _coefficients(n: int) -> tuple[list[Fraction], list[Fraction]]:
    """The power series in ε² of κ, and of ε·(2 coth ε - ε/sinh² ε - 1/ε), by division of those of sinh and cosh."""
    sinh = [Fraction(1, factorial(2 * k + 1)) for k in range(n + 1)]  # sinh ε / ε
    cosh = [Fraction(1, factorial(2 * k)) for k in range(n + 1)]
    coth = _divided(cosh, sinh)  # ε coth ε
    slope = _divided([k * sinh[k] for k in range(n + 1)], sinh)  # of log(sinh ε / ε), times ε/2
    kappa = [coth[k] + (slope[k] / k if k else -1) for k in range(n + 1)]
    inverse_square = _divided(_divided([Fraction(1), *[Fraction(0)] * n], sinh), sinh)
    return kappa, [2 * coth[k] - inverse_square[k] - (k == 0) for k in range(n + 1)]


def _divided(numerator: list[Fraction], denominator: list[Fraction]) -> list[Fraction]:
    """Return the power series of a quotient."""
    found: list[Fraction] = []
    for k, coefficient in enumerate(numerator):
        rest = sum((found[j] * denominator[k - j] for j in range(k)), Fraction(0))
        found.append((coefficient - rest) / denominator[0])
    return found


def _bernoulli(n: int) -> list[Fraction]:
    found = [Fraction(1)]
    for m in range(1, n + 1):
        found.append(-sum((comb(m + 1, k) * found[k] for k in range(m)), Fraction(0)) / (m + 1))
    return found


def _rationals(*numbers: Fraction | int) -> NDArray[np.object_]:
    return np.array([Fraction(number) for number in numbers], dtype=np.object_)


# κ to six decimals, as stated.
_VALUES: Final = ((0.5, 0.123302), (1.0, 0.474475), (2.0, 1.669850), (4.0, 4.922908), (10.0, 16.004268))


def _series(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    kappa, slopes = _coefficients(8)
    bernoulli = _bernoulli(16)
    formula = [
        4**k * bernoulli[2 * k] * (1 + (Fraction(0) if wrong == "kappa-series-without-log" else Fraction(1, 2 * k)))
        / factorial(2 * k)
        for k in range(1, 9)
    ]  # fmt: skip
    stated = [Fraction(1, 2), Fraction(1 if wrong == "kappa-quartic-sign" else -1, 36), Fraction(1, 405)]
    yield Comparison("the series of κ: 0, then 4ᵏ B_2k (1 + 1/2k)/(2k)!", _rationals(*kappa), _rationals(0, *formula))
    yield Comparison("κ = ε²/2 - ε⁴/36 + ε⁶/405 - …", _rationals(*kappa[1:4]), _rationals(*stated))
    twice = [2 * k * c for k, c in enumerate(kappa)]
    yield Comparison("εκ'(ε) = 2ε coth ε - ε²/sinh² ε - 1", _rationals(*twice), _rationals(*slopes))

    x = kit.number(_GRID)
    found = kit.kappa(x)
    yield Comparison("κ(ε) ≤ ε²/2", found, x * x / (3.0 if wrong == "kappa-below-a-third" else 2.0), "at most")
    yield Comparison("κ(ε) ≤ 2ε", found, 2.0 * x, "at most")
    small = kit.number(np.array([0.25, 0.5, 1.0]))
    square, low = small * small, kit.kappa(small)
    lower = square / 2.0 - square * square / 36.0
    yield Comparison("ε²/2 - ε⁴/36 ≤ κ(ε), ε ≤ 1", lower, low, "at most")
    yield Comparison("κ(ε) ≤ ε²/2 - ε⁴/36 + ε⁶/405, ε ≤ 1", low, lower + square * square * square / 405.0, "at most")
    large = 2.0 * x - 1.0 - reals.log(2.0 * x)
    rest = 0.0 * x if wrong == "kappa-below-its-limit" else 2.0 * x * reals.exp(-2.0 * x) / (1.0 - reals.exp(-2.0 * x))
    far = _GRID >= 0.5
    yield Comparison("2ε - 1 - log 2ε ≤ κ(ε), ε ≥ 1/2", large[far], found[far], "at most")
    yield Comparison("κ(ε) ≤ 2ε - 1 - log 2ε + 2ε/(e^{2ε} - 1)", found, large + rest, "at most")

    # κ is convex (a maximum of convex functions), so every tangent is below it.
    minus = reals.exp(-2.0 * x)
    csch_squared = 4.0 * minus / ((1.0 - minus) * (1.0 - minus))
    slope = 2.0 * (1.0 + minus) / (1.0 - minus) - x * csch_squared - 1.0 / x
    if wrong == "kappa-slope-without-sinh":
        slope = slope + x * csch_squared
    for number, at in enumerate(_GRID):
        tangent = found[number] + slope[number] * (x - at)
        yield Comparison(f"tangent at {at:g} ≤ κ", tangent, found, "at most")
    at, values = (kit.number(np.array(column)) for column in zip(*_VALUES, strict=True))
    off = abs(kit.kappa(at) - values)
    yield Comparison(
        "κ(½), κ(1), κ(2), κ(4), κ(10) to 6 decimals", off, kit.number(np.full(len(_VALUES), 5e-7)), "at most"
    )


CLAIMS: Final = (
    Claim(
        id="K-kappa",
        place="beyond the paper (Lemma 1, sharp)",
        statement="max KL(σ(f)‖σ(g)) over max|f-g| ≤ ε is κ(ε) = ε coth ε - 1 + log(sinh ε/ε)",
        latex=r"\max_{\|f-g\|_\infty \le \varepsilon} \mathrm{KL}(\sigma(f), \sigma(g)) = \kappa(\varepsilon) = "
        r"\varepsilon \coth \varepsilon - 1 + \log \frac{\sinh \varepsilon}{\varepsilon}",
        hypotheses=f"{_STEPS}; either direction",
        routes=(
            "KL at every prefix of two tables; of pairs ±ε apart with 2, 3 and 5 actions, σ(f)(+) as stated",
            "the closed form; KL as a function of the chance of +ε alone",
        ),
        body=_kappa,
        # The pairs that attain κ are of one step.
        mistakes=(*KAPPA, *KL_OF_ONE_STEP, *without(POLICY, "policy-over-prefixes", "never-empty")),
        misreadings=misread(
            _kappa,
            ("kappa-three-quarters", "3/4 of κ"),
            ("kappa-at-even-odds", "attained where ±ε are as likely: log cosh ε"),
            ("kappa-at-the-mirrored-odds", "attained where -ε is the likelier"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="K-series",
        place="beyond the paper",
        statement="κ = ε²/2 - ε⁴/36 + ε⁶/405 - …, → 2ε - 1 - log 2ε, < min(ε²/2, 2ε), convex",
        latex=r"\kappa = \tfrac{\varepsilon^2}{2} - \tfrac{\varepsilon^4}{36} + \tfrac{\varepsilon^6}{405} "
        r"- \cdots, \quad \kappa = 2\varepsilon - 1 - \log 2\varepsilon + O(\varepsilon e^{-2\varepsilon}), \quad "
        r"\kappa < \min(\varepsilon^2/2, 2\varepsilon), \quad \kappa \text{ convex}",
        hypotheses="ε > 0",
        routes=("power series by exact division; κ on a grid", "Bernoulli numbers; its two limits; its tangents"),
        body=_series,
        mistakes=KAPPA,
        misreadings=misread(
            _series,
            ("kappa-quartic-sign", "+ε⁴/36"),
            ("kappa-series-without-log", "the series of ε coth ε - 1 alone"),
            ("kappa-below-a-third", "κ ≤ ε²/3"),
            ("kappa-below-its-limit", "κ ≤ 2ε - 1 - log 2ε"),
            ("kappa-slope-without-sinh", "κ' = 2 coth ε - 1/ε"),
        ),
        own=lambda _: [bare("numbers ε")],
    ),
    Claim(
        id="K-span",
        place="beyond the paper (Lemma 1, gauge-free)",
        statement="KL ≤ κ(span h/2) ≤ (span h)²/8, h = f-g; span/2 ≤ max|h - mean| ≤ (1-1/k) span",
        latex=r"\mathrm{KL}(\sigma(f), \sigma(g)) \le \kappa(\operatorname{span}(h)/2) "
        r"\le \operatorname{span}(h)^2/8, \; h = f - g, \quad "
        r"\tfrac12 \operatorname{span} h \le \|h - \bar h\|_\infty \le (1 - \tfrac1k) \operatorname{span} h",
        hypotheses=f"{_STEPS}; k actions; either direction",
        routes=(
            "KL at every prefix of two tables, as they are and shifted by a constant at each prefix",
            "κ of half the span of f - g; a pair that attains it far from 0",
        ),
        body=_span,
        mistakes=(*KAPPA, *KL_OF_ONE_STEP, *without(POLICY, "policy-over-prefixes", "never-empty")),
        misreadings=misread(
            _span,
            ("span-quartered", "κ(span/4)"),
            ("span-squared-over-16", "span²/16"),
            ("span-centred-at-half", "the centred distance is half the span"),
            ("span-centred-of-one-more", "1 - 1/(k-1) for 1 - 1/k"),
        ),
        scope=MODEST,
    ),
)
