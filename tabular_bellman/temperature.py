"""Both ends of the temperature: the hard maximum at 0, the plain mean at infinity, and how fast M gets there.

Each limit is found by one backward pass of its own: maxima with counts, or counts with means and variances.  What it
says of a temperature τ needs no recursion at τ.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tabular_bellman.divergence import one_or_all
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect, number
from tabular_bellman.models import AutoregressiveModel
from tabular_bellman.recursion import checked_temperature
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable, StateTable

__all__ = ["InfiniteTemperatureLimit", "ZeroTemperatureLimit", "infinite_temperature_limit", "zero_temperature_limit"]

# The largest third central moment on an interval of length 1 is √3/18, that of 0 and 1 with chances (3 ± √3)/6.
_THIRD_MOMENT: Final = float(np.sqrt(3.0)) / 18.0


@dataclass(frozen=True, eq=False)
class ZeroTemperatureLimit:
    """What M_τ(r) tends to as τ → 0, and bounds on how far it is from there; of `zero_temperature_limit`.

    Attributes
    ----------
    values : StateTable
        V_0(s), the largest reward of a completion of s; -inf at a dead prefix.
    logits : StateActionTable
        M_0(r)(s, a) = r(s, a) + V_0(s⊕a).
    n_completions : StateTable
        N(s), the number of allowed completions.
    n_best : StateTable
        m(s), how many of them are best.
    runner_up : StateTable
        -g(s), in nats: how much less the next best completion is worth, below 0; -inf where all are best.
    slack : StateTable
        How much less than V_0(s) a completion that counts as best may be worth; 0 unless `atol` is more.
    model : AutoregressiveModel
        The limit of p_τ: uniform over the best responses; π(a|s) = m(s⊕a)/m(s) for the best actions.
    """

    values: StateTable
    logits: StateActionTable
    n_completions: StateTable
    n_best: StateTable
    runner_up: StateTable
    slack: StateTable
    model: AutoregressiveModel

    def value_bound(self, temperature: float) -> StateTable:
        """Return τ log(m + (N - m) e^(-g/τ)): no more than this is V_τ(s) above V_0(s); it is at most τ log N(s).

        V_τ(s) is at least V_0(s) + τ log m(s), less `slack`.  0 at a dead prefix.

        Notes
        -----
        V_τ(s) - V_0(s) = τ log Σ_y exp((R(y) - V_0(s))/τ) over the completions of s: each term is at most 1, and at
        most e^(-g/τ) for those that are not best.  It is attained where at most one completion is not best, and where
        all others are worth the same.  τ log N: Y. Nesterov (2005), of smoothed maxima.
        """
        tau = checked_temperature(temperature)
        levels = []
        for m, others in zip(self.n_best.levels, self._others(tau), strict=True):
            levels.append(np.where(m > 0.0, tau * (np.log(np.maximum(m, 1.0)) + np.log1p(others)), 0.0))
        return StateTable.from_levels(self.values.space, levels)

    def logit_bound(self, temperature: float) -> StateActionTable:
        """Return the bound on M_τ(r)(s, a) - M_0(r)(s, a): that of s⊕a; 0 for what ends a response."""
        return _of_children(self.value_bound(temperature))

    def total_variation_bound(self, temperature: float) -> Any:
        """Return a bound on TV(p_τ, `model`), of whole responses: x/(1 + x), x = (N - m)/m · e^(-g/τ).

        Returns
        -------
        float or ndarray of shape (P,)

        Notes
        -----
        Of best responses that are worth the same p_τ is uniform, so that the distance is what it leaves to the others:
        S/(m + S), S = Σ exp(-gap/τ) over them, at most (N - m) e^(-g/τ).  Where the best may be worth up to `slack`
        less, e^(slack/τ) comes into x, and TV among themselves adds tanh(slack/4τ) (see `infinite_temperature_limit`).
        """
        tau = checked_temperature(temperature)
        with np.errstate(over="ignore", invalid="ignore"):
            x = next(self._others(tau)) * np.exp(self.slack.levels[0] / tau)
            bound = np.where(np.isfinite(x), x / (1.0 + x), 1.0) + np.tanh(self.slack.levels[0] / tau / 4.0)
        return one_or_all(np.minimum(bound, 1.0))

    def _others(self, tau: float) -> Iterator[FloatArray]:
        """(N - m)/m · e^(-g/τ), level by level; 0 at a dead prefix."""
        tables = (self.n_completions, self.n_best, self.runner_up)
        for n, m, runner_up in zip(*(table.levels for table in tables), strict=True):
            with np.errstate(over="ignore"):
                yield (n - m) / np.maximum(m, 1.0) * np.exp(runner_up / tau)


def zero_temperature_limit(reward: StateActionTable, *, atol: float = 0.0) -> ZeroTemperatureLimit:
    """Return the limit of M_τ(r) as τ → 0: max-plus values, how many responses are best, and the next best.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids an action.
    atol : float, default 0.0
        Actions whose M_0(r) is within so many nats of the largest at their prefix count as equally good.

    Returns
    -------
    ZeroTemperatureLimit

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden, if sums or differences overflow float64, and for `atol` below 0.

    Notes
    -----
    V_0(s) = max_a M_0(s, a), M_0(s, a) = r(s, a) + V_0(s⊕a).  m(s) adds up m(s⊕a) over the actions that attain it; the
    gap is the smallest of V_0(s) - M_0(s, a) over the others, and of the gaps below these.  Gaps are differences at one
    prefix, so that no sum rounds them away.

    Ties are decided prefix by prefix: with atol = 0, by equality of floats, each the sum of rewards from the end of the
    response backwards.  Sums that are equal on paper may differ in the last digit (0.1 + 0.2 and 0.3): then the limit
    is that of the rounded sums, with a gap of 1e-17.  `atol` merges such; every bound stays true with it.

    Beyond the paper, whose Section 3.4 has the limit itself.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, soft_bellman
    >>> from tabular_bellman.temperature import zero_temperature_limit
    >>> space = SequenceSpace(2, max_length=3)
    >>> reward = StateActionTable.from_responses(space, lambda prompt, response: -1.0 * len(response))
    >>> limit = zero_temperature_limit(reward)
    >>> limit.values[0].tolist(), limit.n_best[0].tolist(), limit.runner_up[0].tolist()
    ([-1.0], [1.0], [-1.0])
    >>> _, values = soft_bellman(reward, temperature=0.2)
    >>> (values - limit.values)[0], limit.value_bound(0.2)[0]
    (array([0.00271301]), array([0.00792637]))
    """
    expect(StateActionTable, reward, "the reward")
    atol = number(atol, "atol")
    if not 0.0 <= atol < np.inf:
        raise TabularBellmanError(f"atol is {atol}; it must be a finite number, 0 or more.")
    with np.errstate(over="raise", invalid="ignore"):
        try:
            levels = _zero_levels(reward, atol)
        except FloatingPointError:
            raise _overflow() from None
    space = reward.space
    logits, *of_states, log_best = levels
    values, n_completions, n_best, runner_up, slack = (StateTable._wrap(space, x) for x in of_states)
    return ZeroTemperatureLimit(
        values=values,
        logits=StateActionTable._wrap(space, logits),
        n_completions=n_completions,
        n_best=n_best,
        runner_up=runner_up,
        slack=slack,
        model=AutoregressiveModel(StateActionTable._wrap(space, log_best)),
    )


def _zero_levels(reward: StateActionTable, atol: float) -> list[list[FloatArray]]:
    """Return levels of: M_0, V_0, N, m, -g, slack, and log m(s⊕a) at the best actions."""
    space = reward.space
    found: list[list[FloatArray]] = [[] for _ in range(7)]
    for t in reversed(range(space.n_depths)):
        below, n, m, gap, loose = (_below(space, t, levels, end) for levels, end in zip(found[1:6], _ENDS, strict=True))
        q = reward.levels[t] + below
        allowed, top = ~np.isneginf(q), q.max(axis=0)
        less = np.where(allowed, q - top, -np.inf)
        tied = less >= -atol
        here = (
            q,
            top,
            np.where(allowed, n, 0.0).sum(axis=0),
            np.where(tied, m, 0.0).sum(axis=0),
            np.where(tied, gap, less).max(axis=0),
            np.where(tied, loose - less, 0.0).max(axis=0),
            np.where(tied, np.log(np.where(tied, m, 1.0)), -np.inf),
        )
        for levels, level in zip(found, here, strict=True):
            levels.append(level)
    return [levels[::-1] for levels in found]


_ENDS: Final = (0.0, 1.0, 1.0, -np.inf, 0.0)  # V_0, N, m, -g and slack after the last step


@dataclass(frozen=True, eq=False)
class InfiniteTemperatureLimit:
    """What M_τ(r) tends to as τ → ∞, and bounds on how far it is from there; of `infinite_temperature_limit`.

    Attributes
    ----------
    values : StateTable
        μ(s), the mean reward of the completions of s, all counted the same: the limit of V_τ(s) - τ log N(s); -inf at
        a dead prefix.
    logits : StateActionTable
        r(s, a) + μ(s⊕a), the limit of M_τ(r)(s, a) - τ log N(s⊕a).
    n_completions : StateTable
        N(s), the number of allowed completions.
    variance : StateTable
        Var(s), the variance of their rewards, in nats squared.
    span : StateTable
        The largest of these rewards less the smallest.
    model : AutoregressiveModel
        The limit of p_τ: uniform over the allowed responses; π(a|s) = N(s⊕a)/N(s).
    """

    values: StateTable
    logits: StateActionTable
    n_completions: StateTable
    variance: StateTable
    span: StateTable
    model: AutoregressiveModel

    def value_bound(self, temperature: float) -> StateTable:
        """Return span²/(8τ): V_τ(s) - τ log N(s) is at least μ(s), and no more than this above it.

        Notes
        -----
        V_τ(s) - τ log N(s) - μ(s) = τ log E exp((R - μ)/τ), for completions that are all equally likely: at least 0 by
        Jensen's inequality, at most τ (span/τ)²/8 by that of W. Hoeffding (1963).
        """
        tau = checked_temperature(temperature)
        return self._scaled(lambda span: span * (span / tau) / 8.0)

    def logit_bound(self, temperature: float) -> StateActionTable:
        """Return the bound on M_τ(r)(s, a) - τ log N(s⊕a) - `logits`: that of s⊕a; 0 for what ends a response."""
        return _of_children(self.value_bound(temperature))

    def second_order_bound(self, temperature: float) -> StateTable:
        """Return span³/(36√3 τ²): V_τ(s) - τ log N(s) - μ(s) is within this of Var(s)/(2τ).

        Notes
        -----
        By Taylor's formula in 1/τ the difference is κ₃/(6τ²), with κ₃ the third cumulant of R at some higher
        temperature: a third central moment on an interval as long as the span, at most √3/18 · span³.
        """
        tau = checked_temperature(temperature)
        return self._scaled(lambda span: span * (span / tau) * (span / tau) * (_THIRD_MOMENT / 6.0))

    def total_variation_bound(self, temperature: float) -> Any:
        """Return tanh(span/(4τ)), a bound on TV(p_τ, `model`), of whole responses.

        Returns
        -------
        float or ndarray of shape (P,)

        Notes
        -----
        log p_τ(y) + log N ranges over span/τ.  TV is the gain in chance of the set where it is above 0; for two sets
        whose odds change by no more than e^(span/τ) that is at most tanh(span/4τ), attained from odds e^(-span/2τ).
        """
        tau = checked_temperature(temperature)
        with np.errstate(over="ignore"):
            return one_or_all(np.tanh(self.span.levels[0] / tau / 4.0))

    def _scaled(self, function: Callable[[FloatArray], FloatArray]) -> StateTable:
        try:
            with np.errstate(over="raise"):
                levels = [function(level) for level in self.span.levels]
        except FloatingPointError:
            raise TabularBellmanError("the bound overflows float64; raise the temperature.") from None
        return StateTable._wrap(self.span.space, levels)


def infinite_temperature_limit(reward: StateActionTable) -> InfiniteTemperatureLimit:
    """Return the limit of M_τ(r) as τ → ∞: counts, means, variances and spans of the rewards of completions.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids an action.

    Returns
    -------
    InfiniteTemperatureLimit

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden, and if sums or squares overflow float64.

    Notes
    -----
    With w(a) = N(s⊕a)/N(s) over the allowed actions: μ(s) = Σ w (r + μ(s⊕a)), and Var(s) = Σ w (Var(s⊕a) +
    (r + μ(s⊕a) - μ(s))²), the law of total variance.  V_τ(s) = τ log N(s) + τ log of the mean of exp(R/τ), whose Taylor
    series in 1/τ has the cumulants of R.

    Beyond the paper; no source found for M, the series is that of any cumulant-generating function.

    Examples
    --------
    >>> import numpy as np
    >>> from tabular_bellman import SequenceSpace, StateActionTable, soft_bellman
    >>> from tabular_bellman.temperature import infinite_temperature_limit
    >>> space = SequenceSpace(1, max_length=2)
    >>> reward = StateActionTable.from_responses(space, [0.0, 2.0])
    >>> limit = infinite_temperature_limit(reward)
    >>> limit.values[0].tolist(), limit.variance[0].tolist()
    ([1.0], [1.0])
    >>> _, values = soft_bellman(reward, temperature=10.0)
    >>> values[0] - 10.0 * np.log(2.0) - 1.0, limit.value_bound(10.0)[0]  # 10 log cosh 0.1, and Var/20 here
    (array([0.04991689]), array([0.05]))
    """
    expect(StateActionTable, reward, "the reward")
    with np.errstate(over="raise", invalid="ignore"):
        try:
            logits, means, variances, lows, highs, counts, log_counts = _infinite_levels(reward)
            spans = [np.where(n > 0.0, high - low, 0.0) for n, low, high in zip(counts, lows, highs, strict=True)]
        except FloatingPointError:
            raise _overflow() from None
    space = reward.space
    values, n_completions, variance, span = (StateTable._wrap(space, x) for x in (means, counts, variances, spans))
    return InfiniteTemperatureLimit(
        values=values,
        logits=StateActionTable._wrap(space, logits),
        n_completions=n_completions,
        variance=variance,
        span=span,
        model=AutoregressiveModel(StateActionTable._wrap(space, log_counts)),
    )


def _infinite_levels(reward: StateActionTable) -> list[list[FloatArray]]:
    """Return levels of: r + μ(s⊕a), μ, Var, the smallest and the largest reward, N, and log N(s⊕a) where allowed."""
    space = reward.space
    found: list[list[FloatArray]] = [[] for _ in range(7)]
    for t in reversed(range(space.n_depths)):
        ends = (0.0, 0.0, 0.0, 0.0, 1.0)
        below = [_below(space, t, levels, end) for levels, end in zip(found[1:6], ends, strict=True)]
        mean, variance, low, high, n = below
        r = reward.levels[t]
        q = r + mean
        allowed = ~np.isneginf(q)
        counts = np.where(allowed, n, 0.0)
        total = counts.sum(axis=0)
        share = counts / np.maximum(total, 1.0)
        centre = (share * np.where(allowed, q, 0.0)).sum(axis=0)
        away = np.where(allowed, q - centre, 0.0)
        here = (
            q,
            np.where(total > 0.0, centre, -np.inf),
            (share * (np.where(allowed, variance, 0.0) + away**2)).sum(axis=0),
            np.where(allowed, r + low, np.inf).min(axis=0),
            np.where(allowed, r + high, -np.inf).max(axis=0),
            total,
            np.where(allowed, np.log(np.maximum(n, 1.0)), -np.inf),
        )
        for levels, level in zip(found, here, strict=True):
            levels.append(level)
    return [levels[::-1] for levels in found]


def _below(space: SequenceSpace, t: int, values: Sequence[FloatArray], end: float) -> FloatArray:
    """Return what each action of depth t leads to: the last of `values`, or `end` after the last step."""
    rows = np.full((space.n_actions(t), space.n_prefixes_at(t)), end)
    if values:
        rows[: space.n_tokens] = values[-1].reshape(space.n_tokens, -1)
    return rows


def _of_children(table: StateTable) -> StateActionTable:
    """Return the number of s⊕a at (s, a), and 0 after the last step."""
    space, levels = table.space, table.levels
    return StateActionTable.from_levels(
        space, [_below(space, t, levels[t + 1 : t + 2], 0.0) for t in range(space.n_depths)]
    )


def _overflow() -> TabularBellmanError:
    return TabularBellmanError("the rewards of a response, or their differences, overflow float64; scale them down.")
