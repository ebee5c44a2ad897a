"""log Σ exp and softmax over one block, without a shift where none is needed.

Subtracting the maximum costs two passes, and is needed only where exp leaves the range of float64.  That shows in the
sum: where it is an ordinary number, what was lost below the range is less than 1e-27 of it.  So the sums are looked
at, not the terms, and only the columns where a sum is out of range are done again, with the shift.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.extended import FloatArray, normalise

__all__ = ["EXTREME", "add_up", "log_softmax", "log_sum_exp", "softmax_times"]

EXTREME: Final = 1e290
"""Two numbers add up beyond the range only if each is at least half a last place of the largest, 1e292."""

_NARROW: Final = 1024  # columns; products of longer vectors may start threads
_FEW: Final = 6  # rows; fewer are added one by one, which is faster than a reduction, in the same order


def log_sum_exp(x: FloatArray, out: FloatArray, work: FloatArray, lowest: float) -> NDArray[np.intp] | None:
    """Write log Σ exp(x) over the first axis to `out`; return the columns that needed a shift, None for none.

    Parameters
    ----------
    x : ndarray, shape (k, n)
        -inf allowed.
    out : ndarray, shape (n,)
    work : ndarray
        Flat, with room for x.
    lowest : float
        What is lower is out of range.
    """
    terms = work[: x.size].reshape(x.shape)
    np.exp(x, out=terms)
    add_up(terms, out)
    np.log(out, out=out)
    # Of few columns one product tells that all are between -632 and 632, and spares two reductions.
    if len(out) <= _NARROW and lowest < -632.0 and np.dot(out, out) < 632.0**2:
        return None
    again = None
    if not (np.minimum.reduce(out) > lowest and np.maximum.reduce(out) < np.inf):
        again = np.flatnonzero(~((out > lowest) & (out < np.inf)))
    if again is not None:
        top, _, totals = _shifted(x, again)
        out[again] = top + np.log(totals)
    return again


def log_softmax(x: FloatArray, out: FloatArray, work: FloatArray) -> None:
    """Write x - log Σ exp(x) over the first axis to `out`, -inf throughout a column of -inf.

    `work` is flat, with room for x and a row more.

    The maximum is taken off first, always: the result depends on differences only, and keeps its digits however large
    the numbers themselves are.

    Raises
    ------
    TabularBellmanError
        If two numbers of a column differ by more than float64 can hold.
    """
    terms, top = work[: x.size].reshape(x.shape), work[x.size : x.size + x.shape[1]]
    _largest(x, top)
    again = None
    if not (np.minimum.reduce(top) > -EXTREME and np.maximum.reduce(top) < EXTREME):
        again = np.flatnonzero(~(np.abs(top) < EXTREME))  # columns of -inf, and numbers whose differences may overflow
    np.subtract(x, top, out=out)
    np.exp(out, out=terms)
    add_up(terms, top)
    np.log(top, out=top)
    np.subtract(out, top, out=out)
    if again is not None:
        out[:, again] = normalise(x[:, again])


def softmax_times(x: FloatArray, factor: FloatArray, out: FloatArray, work: FloatArray, lowest: float) -> None:
    """Write the first rows of softmax(x) · factor over the first axis, as many as `out` has; 0 for a column of -inf.

    Parameters
    ----------
    x : ndarray, shape (k, n)
    factor : ndarray, shape (n,)
    out : ndarray, shape (m, n)
    work : ndarray
        Flat, with room for x and two rows more.
    lowest : float
        Sums that are smaller than exp(lowest) are out of range.
    """
    n = x.shape[1]
    terms, totals, ratios = work[: x.size].reshape(x.shape), *work[x.size : x.size + 2 * n].reshape(2, n)
    np.exp(x, out=terms)
    add_up(terms, totals)
    np.divide(factor, totals, out=ratios)
    np.multiply(terms[: len(out)], ratios, out=out)
    # In narrower bounds than a sum: what is e^-600 of it counts here, too, and the factor may be as small.
    least, most = max(np.exp(lowest), 1e-8), 1e100
    lost = np.minimum.reduce(ratios) < 1e-290
    if lost or not (np.minimum.reduce(totals) > least and np.maximum.reduce(totals) < most):
        again = np.flatnonzero(~((totals > least) & (totals < most)) | ((ratios < 1e-290) & (factor > 0.0)))
        if not again.size:  # factors of 0
            return
        _, terms, totals = _shifted(x, again)
        totals[totals == 0.0] = 1.0  # where everything is forbidden
        out[:, again] = terms[: len(out)] * (factor[again] / totals)


def _shifted(x: FloatArray, columns: NDArray[np.intp]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return of some columns the maximum (0 for one of -inf), exp(x - maximum), and its sum."""
    terms = x.copy() if len(columns) == x.shape[1] else np.take(x, columns, axis=1)
    top, totals = np.empty((2, len(columns)))
    _largest(terms, top)
    top[top == -np.inf] = 0.0
    np.subtract(terms, top, out=terms)
    np.exp(terms, out=terms)
    add_up(terms, totals)
    return top, terms, totals


def add_up(terms: FloatArray, out: FloatArray) -> None:
    """Add over the first axis, in order, however wide the block is."""
    if not 1 < len(terms) <= _FEW:
        if len(out) > 1:
            np.add.reduce(terms, axis=0, out=out)
        else:  # a reduction of a single column goes in another order
            out[0] = np.add.accumulate(terms[:, 0])[-1]
        return
    np.add(terms[0], terms[1], out=out)
    for row in terms[2:]:
        np.add(out, row, out=out)


def _largest(x: FloatArray, out: FloatArray) -> None:
    if not 1 < len(x) <= _FEW:
        np.maximum.reduce(x, axis=0, out=out)
        return
    np.maximum(x[0], x[1], out=out)
    for row in x[2:]:
        np.maximum(out, row, out=out)
