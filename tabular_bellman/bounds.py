"""How far two policies can be apart, given how far their logits are: the paper's bound and the sharp one."""

from fractions import Fraction
from math import factorial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import float_array
from tabular_bellman.tokens import positive_int

__all__ = ["kappa", "lemma_1_bound", "proposition_3_bound"]

_LARGE: Final = 300.0  # here e^(-2ε) is far below the last digit, and e^(2ε) still a float
# κ(ε) = Σ_k 4^k B_2k (1 + 1/2k) / (2k)! ε^2k, with Bernoulli numbers B; below 1/2 these terms suffice.
# Exact, since scipy.special.bernoulli has a B_4 that is right to 11 digits only.
_BERNOULLI: Final = [
    *(Fraction(1, 6), Fraction(-1, 30), Fraction(1, 42), Fraction(-1, 30), Fraction(5, 66), Fraction(-691, 2730)),
    *(Fraction(7, 6), Fraction(-3617, 510), Fraction(43867, 798), Fraction(-174611, 330), Fraction(854513, 138)),
    Fraction(-236364091, 2730),
]
_SERIES: Final = [
    float(4**k * bernoulli * Fraction(2 * k + 1, 2 * k) / factorial(2 * k))
    for k, bernoulli in enumerate(_BERNOULLI, start=1)
]


def lemma_1_bound(epsilon: ArrayLike) -> FloatArray:
    """Return 2ε, the paper's bound on KL(softmax f ‖ softmax g) for ‖f - g‖∞ ≤ ε (Lemma 1).

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats.

    Returns
    -------
    ndarray
        In nats, of the shape of `epsilon`.

    Raises
    ------
    TabularBellmanError
        For ε below 0, and for NaN.
    """
    return np.asarray(2.0 * _checked(epsilon))


def proposition_3_bound(epsilon: ArrayLike, max_length: int) -> FloatArray:
    """Return 2Tε, the paper's bound on the sequence-level KL for logits within ε of each other (Prop. 3).

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats.
    max_length : int
        T, the largest length of a response, EOS included.

    Returns
    -------
    ndarray
        In nats, of the shape of `epsilon`.

    Raises
    ------
    TabularBellmanError
        For ε below 0, for NaN, and for a length that is not a positive integer.

    Examples
    --------
    >>> from tabular_bellman.bounds import proposition_3_bound
    >>> proposition_3_bound([0.5, 1.0], 3)
    array([3., 6.])
    """
    return np.asarray(2.0 * positive_int("max_length", max_length, None) * _checked(epsilon))


def kappa(epsilon: ArrayLike) -> FloatArray:
    """Return κ(ε) = ε coth ε - 1 + log(sinh ε / ε): the largest KL(softmax f ‖ softmax g) for ‖f - g‖∞ ≤ ε.

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats.

    Returns
    -------
    ndarray
        In nats, of the shape of `epsilon`; ε²/2 for small ε, 2ε - 1 - log 2ε for large.

    Raises
    ------
    TabularBellmanError
        For ε below 0, and for NaN.

    Notes
    -----
    Beyond the paper, whose Lemma 1 has 2ε.  For a given softmax f the divergence is convex in f - g, so that the
    largest is at f - g = ±ε; one variable is left, the chance p of +ε, largest at p = 1/(1 - e^(-2ε)) - 1/(2ε).

    Examples
    --------
    >>> from tabular_bellman.bounds import kappa
    >>> kappa([1.0, 4.0]).round(6)
    array([0.474475, 4.922908])
    """
    eps = _checked(epsilon)
    small, large = eps < 0.5, eps > _LARGE
    x = np.where(small, eps, 0.0)
    series = np.zeros_like(x)
    for k, coefficient in enumerate(_SERIES, start=1):
        series += coefficient * x ** (2 * k)
    y = np.where(small | large, 1.0, eps)
    # coth ε = 1 + 2/(e^{2ε} - 1), log sinh ε = ε + log(1 - e^{-2ε}) - log 2.
    direct = 2.0 * y - 1.0 + 2.0 * y / np.expm1(2.0 * y) + np.log1p(-np.exp(-2.0 * y)) - np.log(2.0 * y)
    with np.errstate(over="ignore"):
        far = 2.0 * np.where(large, eps, 1.0)
    far = far - (1.0 + np.log(2.0) + np.log(np.clip(eps, 1.0, np.finfo(np.float64).max)))
    return np.asarray(np.where(small, series, np.where(large, far, direct)))


def _checked(epsilon: ArrayLike) -> FloatArray:
    array = float_array(epsilon, "ε")
    if not (array >= 0.0).all():
        raise TabularBellmanError(f"ε is {array[~(array >= 0.0)].flat[0]}; it must be 0 or more.")
    return array
