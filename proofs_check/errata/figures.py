"""E18, E20, E21, E22, E23, E25: what the figures of Appendix C show.

The numbers in this file are printed in the paper or read off its figures; everything else is computed from them.
"""

import math
from fractions import Fraction
from itertools import product
from typing import Final

import numpy as np
from scipy.special import ndtri

from proofs_check.errata.erratum import Erratum, Finding, Grade
from proofs_check.errata.pictures import Bar, BarsPicture, CurvesPicture, Series
from tabular_bellman.extended import FloatArray

__all__ = ["FIGURES"]


# -- E20: Figure 5's distance and C.3's after-map distance, of the same runs ---------------------------------------

_FIGURE_5: Final = {"at step 0": (17.28, 29.28, 15.57), "at the end": (0.0504, 0.118, 0.0289)}
_AFTER_MAP: Final = {"at step 0": (7.82, 5.66, 5.73), "at the end": (0.0223, 0.0391, 0.0083)}


def _largest_regauging() -> Fraction:
    """The most that another gauge can make of a centred distance, over small differences of logits at one state.

    With d the difference, a gauge subtracts a constant c from it.  Mean, log-sum-exp and the value at one action all
    have min d ≤ c ≤ max d, so that max|d - c| is at most the span.
    """
    largest = Fraction(0)
    for n in (2, 3, 4):
        for d in product(range(4), repeat=n):
            mean = Fraction(sum(d), n)
            if centred := max(abs(x - mean) for x in d):
                largest = max(largest, (max(d) - min(d)) / centred)
    return largest


def _e20() -> Finding:
    ratios = {when: [a / b for a, b in zip(_FIGURE_5[when], _AFTER_MAP[when], strict=True)] for when in _FIGURE_5}
    everything = [ratio for row in ratios.values() for ratio in row]
    most = _largest_regauging()
    bars = tuple(
        Bar(f"{when}, run {n}", ratio, wrong=ratio > most)
        for when, row in ratios.items()
        for n, ratio in enumerate(row, start=1)
    )
    return Finding(
        (
            *(
                (f"Figure 5 over after-map distance, {when}", ", ".join(f"{r:.2f}" for r in row))
                for when, row in ratios.items()
            ),
            ("smallest and largest ratio", f"{min(everything):.1f} and {max(everything):.1f}"),
            ("largest by mean, log-sum-exp or one action", most),
            ("ratios above it", f"{sum(r > most for r in everything)} of {len(everything)}"),
        ),
        read_off=True,
        remark="Logits that are not centred at all can be any distance apart, as in E16. What behaves like the red "
        "curve is max_y |log p_EBM - log p_ARM|; that is a hypothesis.",
        pictures=(
            BarsPicture(
                "Figure 5's distance over the one after mapping",
                bars,
                ("the most that a gauge can make", float(most)),
                wrong="more than a gauge can make",
            ),
        ),
    )


# -- E21: Figure 5, bottom, N = 2 and N = 3 ------------------------------------------------------------------------

_PLATEAUS: Final = ((3.6e-3, 4.7e-3), (5.6e-2, 7.4e-2))  # smallest and last KL with 2 layers
_DEEPER: Final = 7e-6  # last KL with 3 layers


def _e21() -> Finding:
    bars = [
        bar
        for n, (low, last) in enumerate(_PLATEAUS, start=1)
        for bar in (
            Bar(f"2 layers, run {n}: smallest KL", low),
            Bar("at the end", last, wrong=last > low),
        )
    ]
    bars.append(Bar("3 layers, at the end", _DEEPER))
    return Finding(
        (
            *(
                (f"2 layers: KL at the end {last:g}, over its minimum {low:g}", f"{last / low:.1f}")
                for low, last in _PLATEAUS
            ),
            (
                f"2 layers over 3 layers ({_DEEPER:g}), at the end",
                ", ".join(f"{x / _DEEPER:.0f}" for _, x in _PLATEAUS),
            ),
        ),
        read_off=True,
        remark="A divergence that rises at the end does not converge to 0 as shown.",
        pictures=(
            BarsPicture(
                "KL, on a scale of powers of ten", tuple(bars), powers=True, wrong="above its smallest, and not 0"
            ),
        ),
    )


# -- E22: how peaked ρ = softmax(z / 0.1) is -----------------------------------------------------------------------

_DRAWS: Final = 2_000
_BATCHES: Final = 8
_TOP: Final = 600
_TEMPERATURE: Final = 0.1


def _peaks(n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Return max ρ, exp H and log10 (min ρ / max ρ) of many draws, and how much weight is left out on average.

    Only the largest of n normal numbers count.  Their upper-tail chances are Γ_1 < Γ_2 < … over Γ_{n+1}, sums of
    exponential numbers; what is below the `_TOP` largest adds at most n - _TOP times the weight of the last of them.
    """
    gaps = rng.exponential(size=(_DRAWS, _TOP))
    sums = np.cumsum(gaps, axis=1)
    last_gap = rng.exponential(size=_DRAWS)
    total = sums[:, -1] + rng.gamma(n - _TOP, size=_DRAWS) + last_gap
    z = -ndtri(sums / total[:, None])
    lowest = ndtri(last_gap / total)
    relative = (z - z[:, :1]) / _TEMPERATURE
    weights = np.exp(relative)
    partition = weights.sum(axis=1)
    rest = float(((n - _TOP) * weights[:, -1] / partition).mean())
    entropy = np.log(partition) - (weights * relative).sum(axis=1) / partition
    spread = (lowest - z[:, 0]) / _TEMPERATURE / math.log(10.0)
    return np.asarray(1.0 / partition), np.asarray(np.exp(entropy)), np.asarray(spread), rest


def _e22() -> Finding:
    rng = np.random.default_rng(0)
    numbers: list[tuple[str, float | str]] = []
    bars = []
    for n in (4096, 65536):
        batches = [_peaks(n, rng) for _ in range(_BATCHES)]
        largest, effective, spread = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1, 2))
        rest = max(batch[3] for batch in batches)
        quantiles = np.quantile(largest, (0.05, 0.5, 0.95))
        numbers.append((f"n = {n}: max ρ at 5, 50, 95 %", ", ".join(f"{x:.3f}" for x in quantiles)))
        bars += [
            Bar(f"n = {n}, at {q} %", float(x), text=f"{x:.3f}") for q, x in zip((5, 50, 95), quantiles, strict=True)
        ]
        numbers.append(("    P(max ρ < 1/2)", f"{np.mean(largest < 0.5):.2f}"))
        numbers.append(("    median of exp H", f"{np.median(effective):.1f}"))
        numbers.append(("    median of log10 min ρ / max ρ", f"{np.median(spread):.0f}"))
        numbers.append(("    relative weight left out, on average at most", f"{rest:.0e}"))
    return Finding(
        tuple(numbers),
        remark=f"{_DRAWS * _BATCHES} draws with a fixed seed: the quantiles are good to about 0.005, "
        "and a few hundred draws can differ by 0.02. What makes these "
        "targets hard is rather the other end: most states have so little weight that they carry no gradient.",
        pictures=(BarsPicture("The chance of the likeliest sequence", tuple(bars), ("if it were the only one", 1.0)),),
    )


# -- E23: the sweep of learning rates, Figures 6 and 7 -------------------------------------------------------------

_GRID: Final = (3e-3, 1e-3, 1e-4)
_SWEEP: Final = {  # rate: gap of the EBM, gap of the ARM
    1e-5: (0.616, 0.385),
    3e-5: (0.0756, 0.130),
    1e-4: (0.0322, 0.0071),
    3e-4: (0.0096, 0.0053),
    1e-3: (0.0047, 0.0022),
    3e-3: (1.2e-4, 6.6e-4),
    1e-2: (2.1e-5, 1.2e-4),
    3e-2: (0.058, 2.2e-4),
    1e-1: (0.76, 0.34),
}


def _e23() -> Finding:
    best = [min((gaps[i], rate) for rate, gaps in _SWEEP.items())[1] for i in (0, 1)]
    lower = [rate for rate, (ebm, arm) in _SWEEP.items() if arm < ebm]
    higher = [rate for rate, (ebm, arm) in _SWEEP.items() if ebm < arm]
    return Finding(
        (
            ("best rate of EBM, of ARM", ", ".join(f"{rate:g}" for rate in best)),
            ("    in the grid of C.1", "yes" if set(best) <= set(_GRID) else "no"),
            ("rates at which the ARM is lower", f"{len(lower)} of {len(_SWEEP)}"),
            ("rates at which the EBM is lower", ", ".join(f"{rate:g}" for rate in higher)),
        ),
        read_off=True,
        remark="That both models share their best rate is so.",
        pictures=(
            CurvesPicture(
                f"The gaps by learning rate; the grid of C.1 is {', '.join(f'{rate:g}' for rate in _GRID)}",
                "learning rate",
                "gap",
                tuple(
                    Series(name, tuple((rate, gaps[i]) for rate, gaps in _SWEEP.items()))
                    for i, name in enumerate(("EBM", "ARM"))
                ),
                x_powers=True,
                y_powers=True,
            ),
        ),
    )


# -- E25: gaps at step 0, Figures 2 to 4 ---------------------------------------------------------------------------

_AT_START: Final = ((13.2, 3.0), (5.1, 2.6), (18.0, 4.4), (14.9, 3.3))  # ARM, EBM


def _e25() -> Finding:
    return Finding(
        tuple((f"ARM {arm}, EBM {ebm} at step 0: ratio", f"{arm / ebm:.1f}") for arm, ebm in _AT_START),
        read_off=True,
        pictures=(
            BarsPicture(
                "The gap of the ARM over that of the EBM, at step 0",
                tuple(Bar(f"ARM {arm}, EBM {ebm}", arm / ebm, wrong=arm > ebm) for arm, ebm in _AT_START),
                ("if they were the same", 1.0),
                wrong="not close",
            ),
        ),
    )


FIGURES: Final = (
    Erratum(
        id="E18",
        place="C.4, Figure 2",
        grade=Grade.EXPERIMENT,
        title="Figure 2 may show the 3-layer model",
        printed="Figure 2 shows the 2-layer model.",
        trouble="Its eight curves are those of Figure 3's panel N = 3, up to an affine map of the page.",
        repair="Read Figure 2 as N = 3.",
        reason="it compares vector paths in the PDF, which are not part of this program.",
    ),
    Erratum(
        id="E20",
        place="Figure 5 against C.3",
        grade=Grade.EXPERIMENT,
        title="Which distance the red curve is",
        printed="Figure 5 draws ‖M(r*) - q_k‖∞, of the runs of Figures 3 and 4.",
        trouble="It is not C.3's distance after mapping of the same runs, nor that of logits centred at each state in "
        "another of the usual ways.",
        repair="Say which distance and which gauge the curve has.",
        find=_e20,
    ),
    Erratum(
        id="E21",
        place="C.5, Figure 5 bottom",
        grade=Grade.EXPERIMENT,
        title="Convergence of the divergence to 0",
        printed="Only the KL converges to 0.",
        trouble="With 2 layers it ends above 0, and rising.",
        repair="It does with 3 layers.",
        find=_e21,
    ),
    Erratum(
        id="E22",
        place="C.5",
        grade=Grade.EXPERIMENT,
        title="How peaked the random target is",
        printed="ρ = softargmax(z/0.1) is extremely peaked towards a single sequence.",
        repair="It has about two or three likely sequences, and most others are of no weight at all.",
        find=_e22,
    ),
    Erratum(
        id="E23",
        place="C.1 against C.6",
        grade=Grade.EXPERIMENT,
        title="The grid of learning rates",
        printed="C.1's grid of learning rates is {3e-3, 1e-3, 1e-4}.",
        trouble="Figure 6's best rate is not in it.",
        repair="Add 1e-2 to the grid.",
        find=_e23,
    ),
    Erratum(
        id="E25",
        place="Section 5",
        grade=Grade.EXPERIMENT,
        title="How close the loss curves are",
        printed="The loss curves are very close during the entire training.",
        repair="After the start.",
        find=_e25,
    ),
)
