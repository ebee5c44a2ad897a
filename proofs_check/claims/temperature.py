"""Beyond the paper: M at both ends of the temperature, with rates."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.claims.geometry import along_responses
from proofs_check.derivatives import flat
from proofs_check.instances import MODEST, Instance, Scope
from proofs_check.mistakes import EBM, SOFT_BELLMAN
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman import SequenceSpace, StateActionTable

__all__ = ["CLAIMS"]

# -- temperature 0 -----------------------------------------------------------------------------------------------------


def _told_apart(instance: Instance) -> bool:
    """Tell whether floats decide which completions are best: sums of short multiples of 2**-10 do not round."""
    if all(
        (np.abs(x) < 2.0**20).all() and (1024.0 * x % 1.0 == 0.0).all() for x in map(_finite, instance.reward.levels)
    ):
        return True
    V = instance.space.n_tokens
    top: Any = None
    for live, level in zip(reversed(instance.live), reversed(instance.reward.levels), strict=True):
        q = np.where(live, level, -np.inf)
        if top is not None:
            q[:V] += top.reshape(V, -1)
        top = q.max(axis=0)
        if ((live & (q >= top - 1e-9 * (1.0 + np.abs(top)))).sum(axis=0) > 1).any():
            return False
    return True


def _finite(level: Any) -> Any:
    return level[np.isfinite(level)]


_APART: Final = Scope("best responses that floats tell from all others, or sums that do not round", _told_apart)
# 4r at τ is r at τ/4, and its weights are powers of rationals where those of r are rational.
_TIMES: Final = (1.0, 4.0)
# Two tokens of which either is best, and EOS; what is drawn at random has no ties.
_TIED: Final = Instance(
    "two of three responses are best",
    StateActionTable.from_arrays(SequenceSpace(2, max_length=2), [[[0.5, 0.5, -1.0]], [[[0.0], [0.0]]]]),
)


class _Hard:
    """Max-plus values with counts: V_0, M_0, N, m and -g at each prefix, and which pairs are best.

    Which pairs are best is read off the floats, of which the scope says that they tell.
    """

    def __init__(self, kit: Toolkit[Any], instance: Instance, rewards: Levels) -> None:
        space, V = instance.space, instance.space.n_tokens
        self.space = space
        self.logits: list[Any] = []
        self.values: list[Any] = []
        self.runner_up: list[Any] = []
        self.n: list[Any] = []
        self.m: list[Any] = []
        self.best: list[NDArray[np.bool_]] = []
        top: Any = None
        self.gap_here: list[Any] = []
        for t in reversed(range(space.n_depths)):
            live, q = instance.live[t], kit.log(rewards[t])
            floats = np.where(live, instance.reward.levels[t], -np.inf)
            n, m, below = np.ones(live.shape), np.ones(live.shape), np.full(live.shape, -np.inf)
            if self.values:
                q = reals.concatenate([q[:V] + self.values[-1].reshape((V, live.shape[1])), q[V:]])
                floats[:V] += top.reshape(V, -1)
                n[:V], m[:V] = self.n[-1].reshape(V, -1), self.m[-1].reshape(V, -1)
                below = reals.concatenate([self.runner_up[-1].reshape((V, live.shape[1])), below[V:]])
            q = reals.where(live, q, -np.inf)
            top, value, alive = floats.max(axis=0), reals.largest(q, 0), np.asarray(live.any(axis=0))
            best = live & (floats == top)
            less = reals.where(live, q, 0.0) - reals.where(alive, value, 0.0)
            gap_here = reals.where(live & ~best, less, -np.inf)
            self.gap_here.append(reals.largest(gap_here, 0))
            self.runner_up.append(reals.largest(reals.where(best, below, gap_here), 0))
            self.logits.append(q)
            self.values.append(value)
            self.best.append(best)
            self.n.append(np.where(live, n, 0.0).sum(axis=0))
            self.m.append(np.where(best, m, 0.0).sum(axis=0))
        for levels in (self.logits, self.values, self.runner_up, self.n, self.m, self.best, self.gap_here):
            levels.reverse()


def _logarithm(kit: Toolkit[Any], counts: Any) -> Any:
    """log of counts; 0 of none."""
    return reals.log(kit.number(np.maximum(counts, 1.0)))


def _zero(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards = instance.space, kit.rewards(instance)
    hard = _Hard(kit, instance, rewards)
    live = instance.live
    alive = [n > 0.0 for n in hard.n]
    few = [n - m <= 1.0 for n, m in zip(hard.n, hard.m, strict=True)]  # dead prefixes too
    hard_values, hard_logits = _only(kit, alive, hard.values), _only(kit, live, hard.logits)
    tau = instance.temperature
    for k in _TIMES:
        scaled = [kit.system.power(level, k) for level in rewards]
        logits, values = ([kit.log(level) for level in found] for found in kit.soft_bellman(space, scaled, tau))
        soft_values, soft_logits = _only(kit, alive, values), _only(kit, live, logits)
        most = k * hard_values + flat(_rises(kit, hard, tau, k, wrong))
        told = f"{'r' if k == 1.0 else f'{k:g}r'} at temperature {tau:g}"
        yield Comparison(f"V_0 ≤ V, {told}", k * hard_values, soft_values, "at most")
        yield Comparison(f"V ≤ V_0 + τ log(m + (N - m) e^(-g/τ)), {told}", soft_values, most, "at most")
        zeros = kit.number(np.zeros(most.shape))
        left, right = (reals.where(flat(few), x, zeros) for x in (flat(values), most))
        right = reals.where(flat(alive), right, reals.where(flat(few), -np.inf, zeros))
        yield Comparison(f"attained where all but one are best, {told}", left, right)
        counts = [_logarithm(kit, n) * (1.0 if wrong == "factor-lost" else tau) for n in _after(space, hard.n, live)]
        yield Comparison(f"M_0 ≤ M(r), {told}", k * hard_logits, soft_logits, "at most")
        yield Comparison(f"M(r) ≤ M_0 + τ log N(s⊕a), {told}", soft_logits, k * hard_logits + flat(counts), "at most")
        p = kit.ebm_log_probs(space, scaled, tau)
        yield from _distance_to_best(kit, hard, p, values[0] / k, tau / k, told, wrong)
    tied = kit.rewards(_TIED)
    p, value = kit.ebm_log_probs(_TIED.space, tied, tau), kit.log(kit.soft_bellman(_TIED.space, tied, tau)[1][0])
    hard, told = _Hard(kit, _TIED, tied), f"{_TIED.name}, temperature {tau:g}"
    yield from _distance_to_best(kit, hard, p, value, tau, told, wrong)


def _only(kit: Toolkit[Any], masks: Sequence[NDArray[np.bool_]], levels: Levels) -> Any:
    """All levels as one array, 0 where nothing is allowed."""
    zero = kit.number(np.zeros(1))
    return flat([reals.where(mask, level, zero) for mask, level in zip(masks, levels, strict=True)])


def _after(space: SequenceSpace, counts: Sequence[Any], live: Sequence[NDArray[np.bool_]]) -> list[Any]:
    """The count of s⊕a at each pair; 1 at the end, and where nothing is allowed."""
    found = []
    for t, mask in enumerate(live):
        here = np.ones(mask.shape)
        if t + 1 < space.n_depths:
            here[: space.n_tokens] = counts[t + 1].reshape(space.n_tokens, -1)
        found.append(np.where(mask, here, 1.0))
    return found


def _rises(kit: Toolkit[Any], hard: _Hard, tau: float, k: float, wrong: str) -> list[Any]:
    """τ log(m + (N - m) e^(-kg/τ)) at each prefix; 0 where nothing is allowed."""
    if wrong == "best-alone":
        return [tau * _logarithm(kit, m) for m in hard.m]
    found = []
    for n, m, gap in zip(hard.n, hard.m, hard.gap_here if wrong == "gap-of-one-step" else hard.runner_up, strict=True):
        less = reals.exp(gap * (2.0 * k if wrong == "gap-doubled" else k) / tau)
        rise = reals.log(kit.number(np.maximum(m, 1.0)) + (n - m) * less)
        found.append(rise * (1.0 if wrong == "factor-lost" else tau))
    return found


def _distance_to_best(
    kit: Toolkit[Any], hard: _Hard, log_p: Any, value: Any, tau: float, told: str, wrong: str
) -> Iterator[Comparison]:
    m, n = hard.m[0], hard.n[0]
    best = along_responses(hard.space, [1.0 - best for best in hard.best]) == 0.0
    distance = 0.5 * abs(kit.real(log_p) - kit.number(best) / m).sum(0)
    share = reals.exp((hard.values[0] - value) / tau) * (1.0 if wrong == "limit-of-one" else m)
    yield Comparison(f"TV from uniform over the best = 1 - m e^((V_0 - V)/τ), {told}", distance, 1.0 - share)
    most = (n - m) * reals.exp(hard.runner_up[0] / tau) / (n if wrong == "over-all" else m)
    yield Comparison(f"TV ≤ (N - m)/m e^(-g/τ), {told}", distance, most, "at most")


# -- temperature ∞ -----------------------------------------------------------------------------------------------------

_HOTTER: Final = (1.0, 16.0)


class _Mean:
    """N, mean, variance and span of the rewards of completions, all counted the same."""

    def __init__(self, kit: Toolkit[Any], instance: Instance, rewards: Levels, wrong: str = "") -> None:
        space, V = instance.space, instance.space.n_tokens
        self.n: list[Any] = []
        self.mean: list[Any] = []
        self.variance: list[Any] = []
        self.low: list[Any] = []
        self.high: list[Any] = []
        for t in reversed(range(space.n_depths)):
            live, zeros = instance.live[t], kit.number(np.zeros(instance.live[t].shape))
            r = reals.where(live, kit.log(rewards[t]), 0.0)
            n = np.ones(live.shape)
            below = [zeros, zeros, zeros, zeros]
            if self.mean:
                n[:V] = self.n[-1].reshape(V, -1)
                found = (self.mean, self.variance, self.low, self.high)
                below = [reals.concatenate([levels[-1].reshape((V, live.shape[1])), zeros[V:]]) for levels in found]
            counts = np.where(live, n, 0.0)
            total = counts.sum(axis=0)
            each = np.where(live, 1.0, 0.0) if wrong == "mean-over-actions" else counts
            share = kit.number(each) / np.maximum(each.sum(axis=0), 1.0)
            q = r + below[0]
            mean = (share * q).sum(0)
            away = reals.where(live, q - mean, zeros)
            self.n.append(total)
            self.mean.append(mean)
            self.variance.append(
                (share * (away * away if wrong == "variance-of-one-step" else below[1] + away * away)).sum(0)
            )
            alive = total > 0.0
            lows, highs = (
                reals.where(live, r + x, -sign * np.inf) for x, sign in zip(below[2:], (-1.0, 1.0), strict=True)
            )
            self.low.append(reals.where(alive, reals.smallest(lows, 0), 0.0))
            self.high.append(reals.where(alive, reals.largest(highs, 0), 0.0))
        self.span = [high - low for low, high in zip(self.low, self.high, strict=True)]
        for levels in (self.n, self.mean, self.variance, self.span):
            levels.reverse()


def _infinite(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards = instance.space, kit.rewards(instance)
    mean = _Mean(kit, instance, rewards, wrong)
    totals = kit.response_rewards(space, rewards)
    allowed = ~kit.system.is_zero(totals)
    log_totals = reals.where(allowed, kit.log(totals), kit.number(np.zeros(allowed.shape)))
    centre = log_totals.sum(0) / allowed.sum(axis=0)
    away = reals.where(allowed, log_totals - centre, kit.number(np.zeros(allowed.shape)))
    yield Comparison("mean of R, by enumeration", centre, mean.mean[0])
    yield Comparison("variance of R, by enumeration", (away * away).sum(0) / allowed.sum(axis=0), mean.variance[0])
    root_3 = reals.exp(0.5 * reals.log(kit.number([3.0])))
    alive = [n > 0.0 for n in mean.n]
    n = flat(mean.n) if wrong != "all-responses" else flat([0.0 * n + _all(space, t) for t, n in enumerate(mean.n)])
    middle, variance, span = (flat(levels) for levels in (mean.mean, mean.variance, mean.span))
    zeros, two = kit.number(np.zeros(n.shape)), flat(mean.n) == 2.0
    for tau in (instance.temperature * factor for factor in _HOTTER):
        values, told = [kit.log(level) for level in kit.soft_bellman(space, rewards, tau)[1]], f"temperature {tau:g}"
        soft = _only(kit, alive, values)
        first = span * (span / tau) / (16.0 if wrong == "span-squared-over-16" else 8.0)
        second = variance / ((1.0 if wrong == "second-order-doubled" else 2.0) * tau)
        third = span * (span / tau) * (span / tau) / (36.0 * root_3)
        limit = reals.where(flat(alive), tau * _logarithm(kit, n), zeros) + middle
        if wrong == "from-below":
            limit = limit - second
        yield Comparison(f"τ log N + mean ≤ V, {told}", limit, soft, "at most")
        yield Comparison(f"V ≤ τ log N + mean + span²/8τ, {told}", soft, limit + first, "at most")
        what = f"V - τ log N - mean within span³/(36√3 τ²) of Var/2τ, {told}"
        yield Comparison(what, abs(soft - limit - second), third, "at most")
        # Of two completions, which are span/2 from their mean: τ log cosh(span/2τ).
        ratio = span / tau
        cosh = tau * (0.5 * ratio + reals.log(1.0 + reals.exp(-ratio)) - reals.log(kit.number([2.0])))
        left, right = (reals.where(two, x, zeros) for x in (flat(values), limit + cosh))
        left, right = (reals.where(flat(alive), x, y) for x, y in ((left, flat(values)), (right, -np.inf)))
        yield Comparison(f"mean + τ log(2 cosh(span/2τ)) of two, {told}", left, right)
        log_p, count = kit.ebm_log_probs(space, rewards, tau), allowed.sum(axis=0)
        surprise = -reals.where(allowed, kit.log(log_p), kit.number(np.zeros(allowed.shape))).sum(0) / count
        away = (values[0] - mean.mean[0]) / tau
        yield Comparison(f"-mean of log p = (V - mean)/τ, {told}", surprise, away)
        distance = 0.5 * abs(kit.real(log_p) - kit.number(allowed) / count).sum(0)
        less = reals.exp(-mean.span[0] / tau / (4.0 if wrong == "tanh-halved" else 2.0))
        yield Comparison(f"TV from uniform ≤ tanh(span/4τ), {told}", distance, (1.0 - less) / (1.0 + less), "at most")


def _all(space: SequenceSpace, t: int) -> float:
    """How many completions a prefix of t tokens has, forbidden ones counted."""
    V, n = space.n_tokens, space.n_depths
    if not space.has_eos:
        return float(V ** (n - t))
    return float(sum(V ** (k - 1 - t) for k in range(max(space.min_length, t + 1), n + 1)))


CLAIMS: Final = (
    Claim(
        id="T-zero",
        place="beyond the paper (Section 3.4 has the limit); τ log N: Y. Nesterov (2005)",
        statement="V_0 ≤ V_τ ≤ V_0 + τ log(m + (N-m) e^(-g/τ)) ≤ V_0 + τ log N; TV ≤ (N-m)/m e^(-g/τ)",
        latex=r"V_0 \le V_\tau \le V_0 + \tau \log\bigl(m + (N - m) e^{-g/\tau}\bigr) \le V_0 + \tau \log N, \quad "
        r"\mathrm{TV}(p_\tau, p_0) = 1 - m\, e^{(V_0 - V_\tau)/\tau} \le \tfrac{N - m}{m} e^{-g/\tau}",
        hypotheses=f"{TREE}; N completions, m of them best, g to the next best",
        routes=(
            "the recursion on r and on 4r (r at τ/4); p_τ by enumeration",
            "maxima with counts and gaps, by one recursion",
        ),
        body=_zero,
        mistakes=(*SOFT_BELLMAN, *EBM),
        misreadings=misread(
            _zero,
            ("zero-best-alone", "V_τ ≤ V_0 + τ log m", "best-alone"),
            ("zero-gap-doubled", "e^(-2g/τ)", "gap-doubled"),
            ("zero-gap-of-one-step", "the gap at the prefix alone, not below it", "gap-of-one-step"),
            ("zero-factor-lost", "log for τ log", "factor-lost"),
            ("zero-limit-of-one", "TV = 1 - e^((V_0 - V)/τ): one response is the limit", "limit-of-one"),
            ("zero-over-all", "TV ≤ (N - m)/N e^(-g/τ)", "over-all"),
        ),
        scope=MODEST & _APART,
    ),
    Claim(
        id="T-infinite",
        place="beyond the paper; span²/8: W. Hoeffding (1963)",
        statement="0 ≤ V_τ - τ log N - mean ≤ span²/8τ, Var/2τ ± span³/(36√3 τ²); TV ≤ tanh(span/4τ)",
        latex=r"0 \le V_\tau - \tau \log N - \mu \le \frac{\mathrm{span}^2}{8\tau}, \quad "
        r"\Bigl|V_\tau - \tau \log N - \mu - \frac{\mathrm{Var}}{2\tau}\Bigr| \le "
        r"\frac{\mathrm{span}^3}{36\sqrt3\, \tau^2}, \quad \mathrm{TV}(p_\tau, \text{uniform}) \le "
        r"\tanh \frac{\mathrm{span}}{4\tau}",
        hypotheses=f"{TREE}; of the rewards of the N allowed completions, counted the same",
        routes=(
            "the recursion at τ and 16τ; p_τ, mean and variance by enumeration",
            "counts, means, variances and spans, by one recursion; τ log cosh(span/2τ) of two completions",
        ),
        body=_infinite,
        mistakes=(*SOFT_BELLMAN, *EBM),
        misreadings=misread(
            _infinite,
            ("infinite-span-squared-over-16", "span²/16τ", "span-squared-over-16"),
            ("infinite-second-order-doubled", "Var/τ", "second-order-doubled"),
            ("infinite-from-below", "V_τ comes from below: mean - Var/2τ", "from-below"),
            ("infinite-mean-over-actions", "the uniform policy, not the uniform distribution", "mean-over-actions"),
            ("infinite-variance-of-one-step", "the variance below a prefix is left out", "variance-of-one-step"),
            ("infinite-all-responses", "N counts forbidden responses too", "all-responses"),
            ("infinite-tanh-halved", "tanh(span/8τ)", "tanh-halved"),
        ),
        scope=MODEST,
    ),
)
