"""Estimates of KL(p‖q) from one draw y ~ p, and what their bias and variance are, exactly.

With d = log p(y)/q(y), Schulman's k1 = d, k2 = d²/2 and k3 = e^(-d) - 1 + d, of whole responses; k2 and k3 of each
step, added up; and the sum of the exact divergences of the steps that y takes.  All in nats, by enumeration.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any, Final

import numpy as np

from tabular_bellman.divergence import one_or_all, prefix_kl, same_space
from tabular_bellman.extended import FloatArray, kl_terms
from tabular_bellman.sequence_model import SequenceModel

__all__ = ["KLEstimator", "KLEstimators", "kl_estimators"]

_NEAR: Final = 1.0  # within this distance of 0 the differences below are summed as series, since they cancel
_TERMS: Final = 22


@dataclass(frozen=True, eq=False)
class KLEstimator:
    """One estimator of KL(p‖q), and its exact moments for one draw from p; a float each, or shape (P,).

    Attributes
    ----------
    name : str
    formula : str
        With d = log p/q, of the response or of a step of it.
    mean : float or ndarray
        In nats.
    bias : float or ndarray
        mean - KL(p‖q), computed without that difference; NaN where KL is inf.
    variance : float or ndarray
        In nats²; inf where KL is, and where it is beyond float64.  The mean of n draws has 1/n of it.
    """

    name: str
    formula: str
    mean: Any
    bias: Any
    variance: Any

    @property
    def std(self) -> Any:
        """The standard deviation, in nats."""
        return one_or_all(np.sqrt(np.atleast_1d(self.variance)))


@dataclass(frozen=True, eq=False)
class KLEstimators:
    """All estimators of one divergence; iterating gives them in this order.

    Attributes
    ----------
    kl : float or ndarray of shape (P,)
        KL(p‖q), in nats: what they estimate.
    k1, k2, k3 : KLEstimator
        Of the whole response.
    k2_steps, k3_steps : KLEstimator
        k2 and k3 of each step, added up along the response.
    kl_steps : KLEstimator
        KL(π_p‖π_q) at each prefix that the response passes, added up.
    """

    kl: Any
    k1: KLEstimator
    k2: KLEstimator
    k3: KLEstimator
    k2_steps: KLEstimator
    k3_steps: KLEstimator
    kl_steps: KLEstimator

    def __iter__(self) -> Iterator[KLEstimator]:
        return iter((self.k1, self.k2, self.k3, self.k2_steps, self.k3_steps, self.kl_steps))


def kl_estimators(p: SequenceModel, q: SequenceModel) -> KLEstimators:
    """Return the bias and the variance of estimates of KL(p‖q) from one draw y ~ p.

    Parameters
    ----------
    p, q : EnergyBasedModel or AutoregressiveModel
        Over one space.  Responses are drawn from p.

    Returns
    -------
    KLEstimators
        In nats.  Where p allows a response that q forbids, KL is inf, and so are all means and variances.

    Raises
    ------
    TabularBellmanError
        For different spaces, and for what is no model.

    Notes
    -----
    Beyond the paper; k1, k2 and k3 are of J. Schulman, "Approximating KL Divergence" (blog, 7 March 2020), the sum of
    the steps' divergences of A. Amini, T. Vieira and R. Cotterell, "Better Estimation of the KL Divergence Between
    Language Models" (2025); for their exact moments no source was found.  Write q₀ for the chance under q of what p
    forbids; q allows what p allows.

    * E k1 = KL, and E k3 = KL + Σ_{p>0} q - 1 = KL - q₀: k3 is unbiased where p allows what q allows.
    * E k2 = ½ E d² = ½ (Var k1 + KL²): KL itself for nearly equal p and q only.  Its bias is summed as
      Σ_{p>0} p (d²/2 - d - e^(-d) + 1) - q₀, a sum of terms like d³/6.
    * Where q₀ = 0, Var k3 = Var k1 + χ²(q‖p) - 2 (KL(p‖q) + KL(q‖p)), since k3 = k1 + (q/p - 1), Var q/p = χ²(q‖p),
      and Cov(q/p, log q/p) = E (q/p) log q/p - E log q/p = KL(q‖p) + KL(p‖q).  So k3 varies less than k1 where χ² is
      below twice Jeffreys' divergence, as for nearly equal p and q, and more where it is above: one response that p
      hardly ever writes, and q often, is enough.
    * Each step's k3 is unbiased given its prefix (again where p allows what q allows), so their sum is unbiased, by the
      chain rule of Appendix A.4; so is the sum of the steps' divergences, each the mean of k1 given the prefix.  Its
      variance is often the smallest, not always: with p = (½, 0, ½) and q = (⅓, ⅓, ⅓) over EOS, 0 EOS and 0 0 EOS, k1
      is log 3/2 whatever is drawn, and the sum has the variance (½ log 2)².

    They are computed from log-probabilities; a rounding error of these, some 1e-16 of them, is one of d.

    Examples
    --------
    >>> from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable
    >>> from tabular_bellman.estimators import kl_estimators
    >>> space = SequenceSpace("ab", max_length=3)
    >>> p = AutoregressiveModel(StateActionTable.random(space, rng=0))
    >>> q = AutoregressiveModel(StateActionTable.zeros(space))
    >>> for found in kl_estimators(p, q):
    ...     print(f"{found.name:<9} mean {found.mean:.4f}, bias {found.bias:+.4f}, std {found.std:.4f}")
    k1        mean 0.1637, bias +0.0000, std 0.4753
    k2        mean 0.1263, bias -0.0374, std 0.2258
    k3        mean 0.1637, bias +0.0000, std 0.4084
    k2_steps  mean 0.1651, bias +0.0014, std 0.1794
    k3_steps  mean 0.1637, bias +0.0000, std 0.2183
    kl_steps  mean 0.1637, bias +0.0000, std 0.1620
    """
    same_space(p, q)
    log_p, log_q = p.log_probabilities(), q.log_probabilities()
    kl = kl_terms(log_p, log_q).sum(axis=1)
    return KLEstimators(one_or_all(kl), *_of_responses(kl, log_p, log_q), *_of_steps(kl, p, q))


class _Draws:
    """What is drawn from p, responses or actions, with d = log p/q; d is 0 where either forbids.

    What p forbids is never drawn; where q alone forbids, the divergence is inf, whatever is made of d.

    Attributes
    ----------
    k3, log_large : ndarrays
        k3, but d - 1 and -d where e^(-d) is the larger part of it, and perhaps beyond float64; else log_large is -inf.
    weighted_k3, weighted_gap : ndarrays
        p·k3 and p·(k2 - k3), which cancel neither near d = 0 nor with what is large.
    lost : ndarray
        q where p forbids.
    """

    def __init__(self, log_p: FloatArray, log_q: FloatArray) -> None:
        both = ~(np.isneginf(log_p) | np.isneginf(log_q))
        p, q = np.exp(log_p), np.exp(log_q)
        self.lost = np.where(np.isneginf(log_p), q, 0.0)
        with np.errstate(over="ignore", invalid="ignore"):
            self.d = d = np.where(both, log_p, 0.0) - np.where(both, log_q, 0.0)
            self.k2 = 0.5 * d * d
            far, near = d < -_NEAR, np.abs(d) < _NEAR
            x = np.where(far, 0.0, d)
            k3 = np.where(near, _exponential_tail(-x, 2), np.expm1(-x) + x)
            gap = np.where(near, -_exponential_tail(-x, 3), 0.5 * x * x - x - np.expm1(-x))
            self.k3, self.log_large = np.where(far, d - 1.0, k3), np.where(far, -d, -np.inf)
            # What is hardly ever drawn counts as never, however large it is.
            self.weighted_k3 = np.where(far, q + _times(p, d - 1.0), _times(p, k3))
            self.weighted_gap = np.where(far, _times(p, self.k2 - d + 1.0) - q, _times(p, gap))
            self.weighted_k2 = 0.5 * (np.exp(0.5 * log_p) * np.abs(d)) ** 2  # k2 may be beyond float64, and this not


def _times(p: FloatArray, x: FloatArray) -> FloatArray:
    return np.where(p > 0.0, p * x, 0.0)


def _exponential_tail(x: FloatArray, first: int) -> FloatArray:
    """Return Σ x^k/k! over k ≥ first, for |x| < 1."""
    x = np.where(np.abs(x) < _NEAR, x, 0.0)
    total = np.zeros_like(x)
    for k in reversed(range(first, _TERMS)):
        total = total * x + 1.0 / factorial(k)
    return np.asarray(total * x**first)


def _of_responses(kl: FloatArray, log_p: FloatArray, log_q: FloatArray) -> tuple[KLEstimator, ...]:
    """k1, k2 and k3, from log-probabilities of shape (P, n)."""
    drawn = _Draws(log_p.T, log_q.T)
    lost, k2, k3 = (x.sum(axis=0) for x in (drawn.lost, drawn.weighted_k2, drawn.weighted_k3))
    bias = drawn.weighted_gap.sum(axis=0) - lost
    k1_squares, k2_squares = (_squares(log_p.T, x, mean) for x, mean in ((drawn.d, kl), (drawn.k2, k2)))
    k3_squares = _squares(log_p.T, drawn.k3, k3, drawn.log_large)
    return (
        _estimator(kl, "k1", "d", kl, 0.0, k1_squares.sum(axis=0)),
        _estimator(kl, "k2", "d²/2", k2, bias, k2_squares.sum(axis=0)),
        _estimator(kl, "k3", "e^(-d) - 1 + d", k3, 0.0 - lost, k3_squares.sum(axis=0)),
    )


def _of_steps(kl: FloatArray, p: SequenceModel, q: SequenceModel) -> tuple[KLEstimator, ...]:
    """Sums along the response: of k2, of k3, and of the exact divergence of each step."""
    steps = [_Draws(*levels) for levels in zip(p.log_policy.levels, q.log_policy.levels, strict=True)]
    local = [np.where(np.isfinite(x), x, 0.0) for x in prefix_kl(p, q)]  # elsewhere KL is inf, or p never comes
    exact = [np.broadcast_to(x, step.d.shape) for x, step in zip(local, steps, strict=True)]
    lost, k2 = _mean(p, [step.lost for step in steps]), _mean(p, [step.weighted_k2 for step in steps])
    k3, mean = _mean(p, [step.weighted_k3 for step in steps]), _mean(p, local)
    bias = _mean(p, [step.weighted_gap for step in steps]) - lost
    large = [step.log_large for step in steps]
    return (
        _estimator(kl, "k2_steps", "Σ_t d_t²/2", k2, bias, _variance(p, [step.k2 for step in steps], k2)),
        _estimator(
            kl,
            "k3_steps",
            "Σ_t (e^(-d_t) - 1 + d_t)",
            k3,
            0.0 - lost,
            _variance(p, [step.k3 for step in steps], k3, large),
        ),
        _estimator(kl, "kl_steps", "Σ_t KL(π_p‖π_q)", mean, 0.0, _variance(p, exact, mean)),
    )


def _estimator(
    kl: FloatArray, name: str, formula: str, mean: FloatArray, bias: FloatArray | float, variance: FloatArray
) -> KLEstimator:
    """Return it, with what belongs to an infinite divergence where it is one."""
    finite = ~np.isposinf(kl)
    moments = np.where(finite, mean, np.inf), np.where(finite, bias, np.nan), np.where(finite, variance, np.inf)
    return KLEstimator(name, formula, *map(one_or_all, moments))


def _mean(p: SequenceModel, levels: Sequence[FloatArray]) -> FloatArray:
    """Return Σ_s P(s) x(s) for each prompt; x of prefixes, or of actions, weighted by their chance."""
    total = np.zeros(p.space.n_prompts)
    for passing, level in zip(p.prefix_log_probs.levels, levels, strict=True):
        with np.errstate(over="ignore", invalid="ignore"):
            total += _times(np.exp(passing), level).reshape(-1, total.size).sum(axis=0)
    return total


def _variance(
    p: SequenceModel, levels: Sequence[FloatArray], mean: FloatArray, large: Sequence[FloatArray] | None = None
) -> FloatArray:
    """Return the variance of the sum along the response of x, or of x + e^large."""
    space, V = p.space, p.space.n_tokens
    total = so_far = np.zeros(space.n_prompts)
    log_so_far = np.full(space.n_prompts, -np.inf)
    for t, (passing, policy) in enumerate(zip(p.prefix_log_probs.levels, p.log_policy.levels, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):
            sums = so_far + levels[t]
        logs = None if large is None else np.logaddexp(log_so_far, large[t])
        if t + 1 == space.n_depths or (space.has_eos and t + 1 >= space.min_length):
            ends = slice(-1, None) if space.has_eos else slice(None)
            shape = (-1, space.n_prompts)
            parts = [(passing + policy)[ends], sums[ends], *(() if logs is None else (logs[ends],))]
            log_p, x, *rest = (part.reshape(shape) for part in parts)
            total = total + _squares(log_p, x, mean, *rest).sum(axis=0)
        so_far = sums[:V].reshape(-1)
        log_so_far = log_so_far if logs is None else logs[:V].reshape(-1)
    return total


def _squares(log_p: FloatArray, x: FloatArray, mean: FloatArray, log_large: FloatArray | float = -np.inf) -> FloatArray:
    """Return p·(x + e^large - mean)², where e^large may be beyond float64 and the product is not."""
    root = np.exp(0.5 * log_p)
    with np.errstate(over="ignore", invalid="ignore"):
        away = np.exp(0.5 * log_p + log_large) + np.where(root > 0.0, root * (x - mean), 0.0)
        return np.where(np.isneginf(log_p), 0.0, away * away)
