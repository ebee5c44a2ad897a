"""How far float64 can be from the truth: M with a running bound on its error, entry by entry."""

from typing import Final, NamedTuple

import numpy as np

from tabular_bellman import kernel
from tabular_bellman.extended import FloatArray, logsumexp
from tabular_bellman.inputs import expect
from tabular_bellman.kernel.blocks import walk
from tabular_bellman.kernel.sums import log_softmax
from tabular_bellman.recursion import (
    SupportsLogPolicy,
    checked_discount,
    checked_temperature,
    log_reference_levels,
)
from tabular_bellman.table import StateActionTable, StateTable

__all__ = ["BoundedSoftBellman", "soft_bellman_with_bounds"]

_UNIT: Final = 2.0**-53
# NumPy states errors below 1 unit in the last place for exp and log; twice that is assumed here.
_FUNCTION: Final = 4.0 * _UNIT
_SMALL: Final = 1e-6  # errors up to here are carried to first order, with room for the second
_ROOM: Final = 1.0 + 1e-5  # for that, and for the rounding of the bounds themselves
_TINY: Final = 1e-300  # what underflow can lose


class BoundedSoftBellman(NamedTuple):
    """M(r) in float64, and how far each number can be from its true value.

    Attributes
    ----------
    logits : StateActionTable
    values : StateTable
        As `soft_bellman` returns them, the same bytes.
    logit_errors : StateActionTable
        Bounds on \\|computed - true\\|, in nats; 0 where the number is exact, as -inf always is.
    value_errors : StateTable
    """

    logits: StateActionTable
    values: StateTable
    logit_errors: StateActionTable
    value_errors: StateTable


def soft_bellman_with_bounds(
    reward: StateActionTable,
    *,
    temperature: float = 1.0,
    discount: float = 1.0,
    reference: StateActionTable | SupportsLogPolicy | None = None,
) -> BoundedSoftBellman:
    """Apply the soft Bellman map M, and bound the rounding error of every number that it returns.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats, taken to be exact; -inf forbids an action.
    temperature, discount, reference
        As for `soft_bellman`.  Weights of a reference are taken to be exact; of a model, the logarithms are.

    Returns
    -------
    BoundedSoftBellman
        ``(logits, values, logit_errors, value_errors)``.

    Raises
    ------
    TabularBellmanError
        As `soft_bellman`.

    Notes
    -----
    With u = 2**-53: a sum of two numbers adds u of the result to their errors.  The errors of the logits reach a value
    as log Σ π exp(error), π the softmax of the computed logits, since V(x) - V(x̂) = log Σ π exp(x - x̂); and exp, sum,
    log and shift add at most ((2k + 4) + 4 max(\\|log Σ exp\\|, log k)) u of their own, for k actions.  It is assumed
    that NumPy's exp and log are right to two units in the last place.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.error_bounds import soft_bellman_with_bounds
    >>> found = soft_bellman_with_bounds(StateActionTable.zeros(SequenceSpace(2, max_length=3)))
    >>> truth = 1.9459101490553132  # log 7
    >>> bool(abs(found.values[0][0] - truth) <= found.value_errors[0][0] < 1e-14)
    True
    """
    expect(StateActionTable, reward, "the reward")
    space, V = reward.space, reward.space.n_tokens
    tau, gamma = checked_temperature(temperature), checked_discount(discount)
    log_reference = log_reference_levels(space, reference)
    of_weights = isinstance(reference, StateActionTable)
    logits, values = kernel.backward(space, reward.levels, tau, gamma, log_reference)
    pairs = [np.zeros(level.shape) for level in logits]
    states = [np.zeros(level.shape) for level in values]

    def step(t: int, a: int, b: int, _: FloatArray) -> None:
        q, e, value = logits[t][:, a:b], pairs[t][:, a:b], values[t][a:b]
        if t + 1 < space.n_depths:
            e[:V] = gamma * states[t + 1].reshape(V, -1)[:, a:b] + _UNIT * _size(q[:V])
            if gamma != 1.0:
                e[:V] += _UNIT * gamma * _size(values[t + 1].reshape(V, -1)[:, a:b]) + _TINY
            e *= _ROOM
            e[q == -np.inf] = 0.0
        error = states[t][a:b]
        if len(q) == 1 and log_reference is None:
            error[...] = e[0]
            return
        x, f = q, e
        if tau != 1.0:
            x = q / tau
            f = e / tau + _UNIT * _size(x) + _TINY
        if log_reference is not None:
            measure = log_reference[t][:, a:b]
            x = x + measure
            f = f + _UNIT * _size(x) + (_FUNCTION * _size(measure) if of_weights else 0.0)
        error[...] = tau * _error_of_log_sum(x, f, value / tau) + (_UNIT * _size(value) + _TINY if tau != 1.0 else 0.0)
        error *= _ROOM
        error[value == -np.inf] = 0.0

    walk(logits, step, order="up")
    return BoundedSoftBellman(
        StateActionTable._wrap(space, logits),
        StateTable._wrap(space, values),
        StateActionTable._wrap(space, pairs),
        StateTable._wrap(space, states),
    )


def _size(x: FloatArray) -> FloatArray:
    return np.where(x == -np.inf, 0.0, np.abs(x))


def _error_of_log_sum(x: FloatArray, error: FloatArray, value: FloatArray) -> FloatArray:
    """Bound the error of log Σ exp(x), given that of x."""
    k = len(x)
    own = ((2 * k + 4) + 4.0 * np.maximum(_size(value), np.log(k))) * _UNIT
    if max(error.max(), own.max()) < _SMALL:
        carried = (np.exp(x - np.where(value == -np.inf, 0.0, value)) * error).sum(axis=0)
    else:
        log_policy = np.empty(x.shape)
        log_softmax(x, log_policy, np.empty(x.size + x.shape[1]))
        carried = np.maximum(logsumexp(log_policy + error), 0.0)
    return np.asarray(carried + own)
