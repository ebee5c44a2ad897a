"""What a temperature does to a model: entropy, expected reward, the probability of the mode, and where they end."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tabular_bellman.enumeration import completions, reading_order
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, expectation, normalise
from tabular_bellman.inputs import entries, expect
from tabular_bellman.number_systems import LogFloat
from tabular_bellman.plotting.canvas import PLAIN, SERIES, SYMBOLS, axes, choose_prompt, drawing, headline
from tabular_bellman.plotting.settings import handed_on, merged
from tabular_bellman.recursion import checked_temperature
from tabular_bellman.table import StateActionTable
from tabular_bellman.temperature import infinite_temperature_limit, zero_temperature_limit
from tabular_bellman.tokens import Prompt, count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TemperatureSweep", "sweep_temperatures", "temperature_sweep"]

_POINTS: Final = 61
_MOST_NUMBERS: Final = 2**27
_MOST_TEMPERATURES: Final = 10_000
_HOLLOW: Final[dict[str, Any]] = {
    "linestyle": "none",
    "fillstyle": "none",
    "markeredgewidth": 1.5,
    "clip_on": False,
    "zorder": 5,
}
_LEAST_ABOVE: Final = 0.5  # what is above 0, in parts of what is below: then it has a third of the height
_LARGE: Final = 1e100
_ROUNDING: Final = 1e-12  # of the largest rewards of all depths, added up: sums that differ by less are equal on paper


@dataclass(frozen=True, eq=False)
class TemperatureSweep:
    """Numbers of p_τ(y) ∝ exp(R(y)/τ) for one prompt; of `sweep_temperatures`.

    Attributes
    ----------
    temperatures : ndarray of shape (n,)
        τ, ascending.
    entropy, expected_reward : ndarray of shape (n,)
        In nats.
    mode_probability : ndarray of shape (n,)
        The largest p_τ(y).
    at_zero, at_infinity : tuple of three floats
        The limits of the three as τ → 0 and τ → ∞.  Responses whose rewards differ by rounding alone are equally good.
    """

    temperatures: FloatArray
    entropy: FloatArray
    expected_reward: FloatArray
    mode_probability: FloatArray
    at_zero: tuple[float, float, float]
    at_infinity: tuple[float, float, float]


def sweep_temperatures(
    reward: StateActionTable, *, prompt: Prompt = None, temperatures: Iterable[float] | None = None
) -> TemperatureSweep:
    """Compute entropy, expected reward and the probability of the mode at each temperature, by enumeration.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids.
    prompt : hashable, optional
        By default the first.
    temperatures : iterable of float, optional
        At most 10,000; by default 61 from a hundredth of the span of the rewards of responses to ten times the span
        (of 1, where all are equal but for rounding), in equal ratios.

    Raises
    ------
    TabularBellmanError
        If every response is forbidden, for a temperature out of range, where rewards overflow float64, and for more
        than 2**27 numbers (responses times temperatures).
    """
    expect(StateActionTable, reward, "the reward")
    space, p = reward.space, choose_prompt(reward.space, prompt)
    _check_size(space.n_responses * (_POINTS if temperatures is None else 1))
    unit = _unit(reward)
    reward = reward / unit
    rounding = _ROUNDING * sum(_largest(level[:, p :: space.n_prompts]) for level in reward.levels)
    cold, hot = zero_temperature_limit(reward, atol=rounding), infinite_temperature_limit(reward)
    span = float(hot.span.levels[0][p])
    taus = _temperatures(unit * span if span > rounding else 0.0, temperatures)
    _check_size(space.n_responses * taus.size)
    try:
        with np.errstate(over="raise", under="ignore"):
            totals = completions(space, LogFloat(), reward.levels)[reading_order(space), p]
            log_p = [normalise(totals[:, None] / (tau / unit))[:, 0] for tau in taus]
            expected = unit * np.array([expectation(np.exp(x), totals) for x in log_p])
            ends = unit * cold.values.levels[0][p], unit * hot.values.levels[0][p]
    except FloatingPointError:
        raise TabularBellmanError(
            "rewards, or rewards over a temperature, overflow float64; scale them down."
        ) from None
    n_best, n = float(cold.n_best.levels[0][p]), float(hot.n_completions.levels[0][p])
    return TemperatureSweep(
        temperatures=taus,
        entropy=np.array([-expectation(np.exp(x), x) + 0.0 for x in log_p]),
        expected_reward=expected,
        mode_probability=np.array([float(np.exp(x.max())) for x in log_p]),
        at_zero=(float(np.log(n_best)), float(ends[0]), 1.0 / n_best),
        at_infinity=(float(np.log(n)), float(ends[1]), 1.0 / n),
    )


def _unit(reward: StateActionTable) -> float:
    """Return the power of two to measure large rewards in, so that their squares are floats; 1 for others."""
    largest = max(_largest(level) for level in reward.levels)
    return float(2.0 ** np.floor(np.log2(largest))) if largest > _LARGE else 1.0


def _largest(level: FloatArray) -> float:
    """Return the largest magnitude of the rewards of one depth that are finite, 0 if none is."""
    return float(np.abs(level, where=np.isfinite(level), out=np.zeros(level.shape)).max())


def _check_size(n_numbers: int) -> None:
    if n_numbers > _MOST_NUMBERS:
        raise TabularBellmanError(
            f"a sweep over temperatures would take {count(n_numbers)} numbers, responses times temperatures; the "
            f"limit is {_MOST_NUMBERS:,}. Use a shorter max_length, or fewer temperatures."
        )


def _temperatures(span: float, given: Iterable[float] | None) -> FloatArray:
    if given is None:
        unit = span if span > 0.0 else 1.0
        low, high = np.clip([unit * 1e-2, unit * 10.0], [1e-300, 1e-299], [1e299, 1e300])
        return np.geomspace(low, high, _POINTS)
    taus = entries(given, "temperatures", _MOST_TEMPERATURES)
    return np.array(sorted(checked_temperature(tau) for tau in taus))


@drawing
def temperature_sweep(
    reward: StateActionTable,
    *,
    prompt: Prompt = None,
    temperatures: Iterable[float] | None = None,
    ax: "Axes | None" = None,
    **kwargs: Any,
) -> "Axes":
    """Draw entropy, expected reward and the probability of the mode of p_τ(y) ∝ exp(R(y)/τ) against τ.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids.
    prompt : hashable, optional
        By default the first.
    temperatures : iterable of float, optional
        At most 10,000; by default 61 from a hundredth of the span of the rewards of responses to ten times the span
        (of 1, where all are equal but for rounding), in equal ratios.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        For the three lines, as `Axes.plot` takes them (`matplotlib.lines.Line2D`).

    Returns
    -------
    matplotlib.axes.Axes
        With entropy and expected reward in nats at the left; the probability has Axes of its own at the right, from 0
        to 1, whose 0 is as high as that at the left unless that leaves it less than a third of the height.  Larger,
        hollow symbols at the edges are the limits τ → 0 and τ → ∞ (`tabular_bellman.temperature`).

    Raises
    ------
    TabularBellmanError
        As `sweep_temperatures`, for settings that Matplotlib refuses, and without Matplotlib.
    """
    from matplotlib.lines import Line2D

    found = sweep_temperatures(reward, prompt=prompt, temperatures=temperatures)
    ax = axes(ax, 5.8, 3.6)
    right = ax.twinx()
    curves = (
        (ax, found.entropy, "entropy, nats"),
        (ax, found.expected_reward, "expected reward, nats"),
        (right, found.mode_probability, "probability of the mode"),
    )
    for k, (side, values, label) in enumerate(curves):
        look = merged({**SERIES[k], "label": label, "markevery": 6, "markersize": 4.0}, kwargs, Line2D)
        with handed_on(kwargs):
            (line,) = side.plot(found.temperatures, values, **look)
        for x, limit in ((0.0, found.at_zero[k]), (1.0, found.at_infinity[k])):
            edge = {"marker": SERIES[k]["marker"], "color": line.get_color(), "markersize": 10.0, **_HOLLOW}
            side.plot([x], [limit], transform=side.get_yaxis_transform(), **edge)
    ax.set_xscale("log")
    if found.temperatures[0] < found.temperatures[-1]:
        ax.set_xlim(float(found.temperatures[0]), float(found.temperatures[-1]))
    _one_zero(ax, right, found)
    ax.set_xlabel("temperature τ")
    ax.set_ylabel(f"nats: {SYMBOLS[0]} entropy, {SYMBOLS[1]} expected reward", **PLAIN)
    right.set_ylabel(f"{SYMBOLS[2]} probability of the mode", **PLAIN)
    headline(ax, reward.space, choose_prompt(reward.space, prompt))
    return ax


def _one_zero(left: "Axes", right: "Axes", found: TemperatureSweep) -> None:
    """Set the limits of both y axes so that both have their 0 at one height."""
    ends = [*found.entropy, *found.expected_reward, *found.at_zero[:2], *found.at_infinity[:2]]
    low, high = min(*ends, 0.0), max(*ends, 0.0)
    if low == high:
        high = 1.0
    margin = 0.05 * high - 0.05 * low
    low, high = low - margin, high + margin
    left.set_ylim(low, high)
    # The two scales are in the ratio of the parts above 0.
    right.set_ylim(1.05 * low / high if high > -_LEAST_ABOVE * low else 0.0, 1.05)
    right.set_yticks(np.linspace(0.0, 1.0, 6))
