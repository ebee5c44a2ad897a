"""κ, the sharp constant: how far apart in KL two softmaxes can be whose logits are within ε of each other.

Both parts of κ(ε) = (ε coth ε - 1) + log(sinh ε / ε) are sums over the poles ±imπ of coth, and every term is positive,

    ε coth ε - 1 = Σ_m 2x/(x + m²π²),    log(sinh ε / ε) = Σ_m log(1 + x/(m²π²)),    x = ε²,

so that nothing cancels where ε is small.  The first poles are taken one by one, the rest as a power series in x.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import zeta

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import float_array

__all__ = ["kappa", "kappa_with_future", "nonnegative"]

_TINY: Final = 2.0**-27  # up to here the first term, of x, is all that a float shows
_FAR: Final = 3.0  # from here on the closed form loses nothing
_LARGEST: Final = float(np.finfo(np.float64).max)
_POLES: Final = (9.869604401089358, 39.47841760435743, 88.82643960980423)  # (mπ)², rounded once each
# The other poles: Σ_{m>3} of a function of x/(mπ)² is Σ_k c_k x^k ζ(2k, 4)/π^2k.
_REST: Final = [(-1.0) ** (k + 1) * float(zeta(2 * k, 4)) / np.pi ** (2 * k) for k in range(1, 15)]
_COTH: Final = [2.0 * c for c in _REST]
_LOG_SINH: Final = [c / k for k, c in enumerate(_REST, start=1)]
_ARTANH: Final = [1.0 / (2 * k + 3) for k in range(17)]


def kappa(epsilon: ArrayLike) -> FloatArray:
    """Return κ(ε) = ε coth ε - 1 + log(sinh ε / ε): the largest KL(softmax f ‖ softmax g) for ‖f - g‖∞ ≤ ε.

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats.

    Returns
    -------
    ndarray
        In nats, of the shape of `epsilon`; ε²/2 for small ε, 2ε - 1 - log 2ε for large.  Within 4 units in the last
        place wherever that is a normal number; 0 where it is too small for a float.

    Raises
    ------
    TabularBellmanError
        For ε below 0, and for NaN.

    Notes
    -----
    Beyond the paper, whose Lemma 1 has 2ε.  For a given softmax f the divergence is convex in f - g, so
    that the largest is at f - g = ±ε; one variable is left, the chance p of +ε, largest at p = 1/(1 - e^(-2ε)) -
    1/(2ε).  It holds for any number of actions from two on, all allowed by both, and in either direction: the ball is
    symmetric.

    Earliest source found: Specht (1960).  KL is log E e^(-h) - E(-h), h = f - g, the logarithm of the arithmetic mean
    of e^(-h) over its geometric mean, and κ(ε) that of Specht's ratio at e^(2ε).  As a bound on KL it is known for
    mechanisms of bounded range: Dong, Durfee and Rogers (2020).

    Examples
    --------
    >>> from tabular_bellman.bounds import kappa
    >>> kappa([1.0, 4.0]).round(6)
    array([0.474475, 4.922908])
    """
    eps = nonnegative(epsilon, "ε")
    with np.errstate(over="ignore"):
        return np.asarray(_coth_excess(eps) + _log_sinhc(eps))


def kappa_with_future(epsilon: ArrayLike, future: ArrayLike) -> FloatArray:
    """Return the most that one step can add to the KL of whole responses, where one choice has a future worth `future`.

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats: how far the logits of this step may be apart.
    future : array_like
        δ, 0 or more, in nats: what one choice still brings beyond what the other does.

    Returns
    -------
    ndarray
        max_P [KL + P·δ], P the chance of the choice with the future; of the shape that both have together.

    Raises
    ------
    TabularBellmanError
        For ε or δ below 0, and for NaN.

    Notes
    -----
    Beyond the paper; no source found with a future.  As for `kappa` the differences f - g are ±ε at best,
    and what is left is

        φ(P) = ε(2P - 1) + log(P e^(-ε) + (1 - P) e^ε) + Pδ = 2εP + log(1 - cP) + Pδ,    c = 1 - e^(-2ε).

    Its largest value is u - 1 - log u with u = (2ε + δ)/c, at P = (1 - 1/u)/c.  Where u ≥ e^(2ε) (that is,
    δ ≥ e^(2ε) - 1 - 2ε) P would be 1 or more: then φ grows all the way, and the supremum is δ itself, as P → 1.
    +ε belongs to the choice with the future: with δ = 0, φ(P) - φ(1 - P) = 2εx - 2 artanh(x tanh ε), x = 2P - 1,
    is concave for x in [0, 1] and 0 at both ends, so that the likelier side had better have +ε, and δ makes its side
    the likelier.  κ(ε) is the case δ = 0.

    Examples
    --------
    >>> from tabular_bellman.kappa import kappa_with_future
    >>> kappa_with_future(1.0, [0.0, 0.474475]).round(6)
    array([0.474475, 0.810332])
    """
    eps, delta = np.broadcast_arrays(nonnegative(epsilon, "ε"), nonnegative(future, "the future"))
    excess = _coth_excess(eps)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        w = eps + excess + delta / -np.expm1(-2.0 * eps)  # u - 1, and nothing cancels
        found = np.where(w <= np.expm1(2.0 * eps), _minus_log1p(w), delta)
        return np.where(delta > 0.0, found, excess + _log_sinhc(eps))


def _coth_excess(eps: FloatArray) -> FloatArray:
    """Return ε coth ε - 1; for large ε, ε - 1 + 2ε/(e^(2ε) - 1)."""
    x = _squares(eps)
    near = sum(2.0 * x / (x + pole) for pole in _POLES) + x * _horner(_COTH, x)
    y = np.clip(eps, _FAR, _LARGEST / 4.0)
    far = (np.maximum(eps, _FAR) - 1.0) + 2.0 * y * np.exp(-2.0 * y) / -np.expm1(-2.0 * y)
    return _joined(eps, eps * np.minimum(eps, 1.0) / 3.0, near, far)


def _log_sinhc(eps: FloatArray) -> FloatArray:
    """Return log(sinh ε / ε); for large ε, ε - log 2ε + log(1 - e^(-2ε))."""
    x = _squares(eps)
    near = sum(np.log1p(x / pole) for pole in _POLES) + x * _horner(_LOG_SINH, x)
    y = np.clip(eps, _FAR, _LARGEST / 4.0)
    far = np.maximum(eps, _FAR) - (np.log(2.0 * y) - np.log1p(-np.exp(-2.0 * y)))
    return _joined(eps, eps * np.minimum(eps, 1.0) / 6.0, near, far)


def _squares(eps: FloatArray) -> FloatArray:
    return np.asarray(np.clip(eps, _TINY, _FAR) ** 2)


def _joined(eps: FloatArray, tiny: FloatArray, near: Any, far: FloatArray) -> FloatArray:
    return np.where(eps <= _TINY, tiny, np.where(eps < _FAR, near, far))


def _horner(coefficients: list[float], x: FloatArray) -> FloatArray:
    """Return Σ_k c_k x^k, from k = 0."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def _minus_log1p(w: FloatArray) -> FloatArray:
    """Return w - log(1 + w) for w ≥ 0; inf for inf.

    With z = w/(2 + w), log(1 + w) = 2 artanh z and w - 2z = wz, so that small w cancel no further than to
    z (w - 2z²/3 - 2z⁴/5 - …).
    """
    small = np.minimum(w, 1.0)
    z = small / (2.0 + small)
    near = z * (small - 2.0 * z * z * _horner(_ARTANH, z * z))
    finite = np.minimum(w, _LARGEST)
    return np.where(w < 1.0, near, np.where(np.isinf(w), np.inf, finite - np.log1p(finite)))


def nonnegative(values: ArrayLike, what: str) -> FloatArray:
    """Return an array of numbers that are 0 or more; refuse others, and NaN."""
    array = float_array(values, what)
    if not (array >= 0.0).all():
        raise TabularBellmanError(f"{what} is {array[~(array >= 0.0)].flat[0]}; it must be 0 or more.")
    return array
