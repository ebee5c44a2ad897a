"""Arithmetic at minus infinity, defined once.

A forbidden action has log-weight -inf, exactly.  NumPy has no single convention for it, so the four places
where one is needed are here:

* ``log Σ exp`` of nothing is -inf (no warning, no NaN);
* the softmax of a row in which everything is forbidden is all zeros;
* ``(-inf) - (-inf) = -inf``: what was forbidden stays forbidden;
* ``0 · (±inf) = 0`` in an expectation: what cannot happen does not count.
"""

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.errors import TabularBellmanError

__all__ = ["FloatArray", "expectation", "kl_terms", "logsumexp", "normalise", "subtract", "weighted"]

FloatArray = NDArray[np.float64]
"""An array of floats, of any shape."""


def logsumexp(x: FloatArray) -> FloatArray:
    """Return log Σ exp(x) over the first axis; -inf where every entry is -inf.

    Parameters
    ----------
    x : ndarray, shape (k, ...)
        Log-weights in nats, none of them NaN or +inf; k may be 0.

    Returns
    -------
    ndarray, shape (...)
    """
    if x.shape[0] == 0:
        return np.full(x.shape[1:], -np.inf)
    shift = x.max(axis=0)
    shift[np.isneginf(shift)] = 0.0
    with np.errstate(
        over="ignore", under="ignore", divide="ignore"
    ):  # what is beyond range below the maximum adds nothing
        total = np.exp(x - shift).sum(axis=0)
        return np.asarray(shift + np.log(total))


def normalise(x: FloatArray) -> FloatArray:
    """Return x - log Σ exp(x) over the first axis; -inf throughout a column of -inf.

    The maximum is taken off first: the result depends on differences only, and keeps its digits however large the
    numbers themselves are.

    Raises
    ------
    TabularBellmanError
        If two numbers of a column differ by more than float64 can hold.
    """
    top = x.max(axis=0, initial=-np.inf)
    try:
        with np.errstate(over="raise", under="ignore"):
            differences = subtract(x, np.where(np.isneginf(top), 0.0, top))
    except FloatingPointError:
        raise TabularBellmanError(
            "two log-weights differ by more than float64 can hold; scale the numbers down."
        ) from None
    return subtract(differences, logsumexp(differences))


def subtract(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return x - y with (-inf) - (-inf) = -inf; a finite number minus -inf is +inf, for the caller to refuse."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(x), -np.inf, x - y)


def expectation(p: FloatArray, x: FloatArray, axis: int | None = None) -> FloatArray:
    """Return Σ p·x along `axis`, where a term with p = 0 is 0 whatever x is."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(p == 0.0, 0.0, p * x).sum(axis=axis))


def weighted(log_p: FloatArray, x: FloatArray) -> FloatArray:
    """Return p·x: 0 where p forbids, and inf where x is, however small p is."""
    infinite = np.isposinf(x)
    product = np.where(infinite, np.inf, np.exp(log_p) * np.where(infinite, 0.0, x))
    return np.where(np.isneginf(log_p), 0.0, product)


def kl_terms(
    log_p: FloatArray, log_q: FloatArray, *, out: FloatArray | None = None, work: FloatArray | None = None
) -> FloatArray:
    """Return p log(p/q) - p + q from logarithms: inf where only q forbids, however small p is.

    The last two terms add up to 0 over a distribution.  With them no term is negative, so that no rounding makes a
    divergence negative, and that of two nearly equal distributions keeps its digits.

    Parameters
    ----------
    log_p, log_q : ndarray, one shape
    out : ndarray of that shape, optional
    work : ndarray, shape (3, ...), optional
    """
    terms = np.empty(log_p.shape) if out is None else out
    d, p, q = np.empty((3, *log_p.shape)) if work is None else work
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        np.subtract(log_p, log_q, out=d)
        np.exp(log_p, out=p)
        np.negative(d, out=terms)
        np.expm1(terms, out=terms)
        np.add(terms, d, out=terms)
        np.maximum(terms, 0.0, out=terms)
        np.multiply(p, terms, out=terms)
        # Where q is much larger than p, it is better taken as it is.
        far = d <= -1.0
        np.exp(log_q, out=q)
        np.subtract(d, 1.0, out=d)
        np.multiply(p, d, out=d)
        np.add(d, q, out=d)
        np.copyto(terms, d, where=far)
    if not (np.minimum.reduce(log_p, axis=None) > -np.inf and np.minimum.reduce(log_q, axis=None) > -np.inf):
        np.copyto(terms, np.inf, where=np.isneginf(log_q))
        np.copyto(terms, q, where=np.isneginf(log_p))
    return terms
