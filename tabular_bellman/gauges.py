"""Which tables give the same model: orbits of rewards under shaping, and of logits under shifts.

A model, one distribution over responses for each prompt, does not determine its rewards or its logits.  Rewards r and
r + φ(s) - φ(s⊕a) give the same one, and so do logits q and q + c(s); nothing else does.  `potential_between` and
`shift_between` find the φ or c between two tables, or where their models differ.  How large these orbits are is in
`gauge_dimensions`, one table of each in `representatives`.

What no allowed response takes is no part of a model: there tables may differ as they like.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect, number
from tabular_bellman.models import AutoregressiveModel
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable, StateTable

__all__ = ["live_pairs", "potential_between", "pruned", "shift_between", "shifted"]

_UNIT_ROUNDOFF: Final = 2.0**-53
_ROUNDINGS: Final = 8.0  # of `shaped`, of the soft Bellman map besides its sum, and of what is computed here


# -- what allowed responses take -------------------------------------------------------------------------------------


def live_pairs(table: StateActionTable) -> list[NDArray[np.bool_]]:
    """Return which (prefix, action) pairs some allowed response takes, level by level.

    Parameters
    ----------
    table : StateActionTable
        Rewards or logits; -inf forbids.

    Returns
    -------
    list of ndarray of bool, shapes (A_t, P·V**t)

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden, naming the prompt.

    Notes
    -----
    Two sweeps: back, for what can still be completed; then forward, for what is reached.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.gauges import live_pairs
    >>> space = SequenceSpace("ab", max_length=2)
    >>> dead = StateActionTable.from_responses(space, [0.0, 0.0, float("-inf")])  # nothing ends after 'b'
    >>> live_pairs(dead)[0].ravel().tolist()  # 'a', 'b', EOS
    [True, False, True]
    """
    expect(StateActionTable, table, "the table")
    space, V = table.space, table.space.n_tokens
    live = [~np.isneginf(level) for level in table.levels]
    for t in reversed(range(space.n_depths - 1)):
        live[t][:V] &= live[t + 1].any(axis=0).reshape(V, -1)
    empty = ~live[0].any(axis=0)
    if empty.any():
        raise TabularBellmanError(
            f"every response to prompt {space.prompts[int(empty.argmax())]!r} is forbidden, so it has no distribution; "
            "allow at least one."
        )
    for t in range(1, space.n_depths):
        live[t] &= live[t - 1][:V].reshape(-1)
    return live


def pruned(table: StateActionTable) -> StateActionTable:
    """Return the table with -inf at every pair that no allowed response takes: dead ends, and what is not reached.

    Parameters
    ----------
    table : StateActionTable
        Rewards; or logits as `AutoregressiveModel` takes them, none of them finite into a dead prefix.

    Returns
    -------
    StateActionTable
        With the same model, and the same R.

    Notes
    -----
    Of two tables whose models are the same, the pruned ones forbid the same pairs.  It commutes with the soft Bellman
    map: V at a prefix that is reached adds up allowed responses alone.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.gauges import pruned
    >>> space = SequenceSpace("ab", max_length=2)
    >>> dead = StateActionTable.from_responses(space, [0.0, 0.0, float("-inf")])
    >>> pruned(dead)[0]
    array([[  0., -inf,   0.]])
    """
    pairs = zip(live_pairs(table), table.levels, strict=True)
    return StateActionTable._wrap(table.space, [np.where(live, level, -np.inf) for live, level in pairs])


# -- orbits ----------------------------------------------------------------------------------------------------------


def potential_between(reward: StateActionTable, other: StateActionTable, *, atol: float = 0.0) -> StateTable:
    """Return the potential φ that shapes one reward into another of the same model.

    Parameters
    ----------
    reward, other : StateActionTable
        r and r', in nats, over one space.
    atol : float, default 0.0
        How far each number of `other` may be from the shaped `reward`, in nats, besides rounding.

    Returns
    -------
    StateTable
        φ with r' = r + φ(s) - φ(s⊕a), φ = 0 after the last step, at every pair that an allowed response takes:
        ``reward.shaped(φ)`` is `other` there.  At the root of a prompt it is by how much R' exceeds R.  Where no
        allowed response passes, φ is 0.

    Raises
    ------
    TabularBellmanError
        If the models differ: naming the first pair that only one of them ever takes, or the deepest prefix from
        which R' - R is not the same for all that can follow.

    Notes
    -----
    Beyond the paper.  Two rewards with finite entries on the same pairs give one model if and only if such a φ
    exists; it is unique.  Proof: along a response the differences of φ add up to φ(x), so R' = R + φ(x).  Conversely,
    let R' - R be a constant at each prompt, and φ(s) the sum of r' - r along some completion of s: any other
    completion has the same sum, since the steps before s cancel; so the sum from s along a is r' - r + φ(s⊕a) = φ(s).
    In terms of the soft Bellman map, φ(s) = V'(s) - V(s).

    It is found from the last step back.  Each pair (s, a) gives an interval for φ(s): r' - r + φ(s⊕a), plus or minus
    `atol`, what is left open of φ(s⊕a), and (8 + number of actions) units of rounding, 2^-53, of
    1 + \\|r\\| + \\|r'\\|, added up from the end along the largest: more than `shaped`, `soft_bellman` and its inverse
    round.  φ(s) is in the middle of what the intervals have in common.  There is such a φ wherever `other` comes out of
    `reward` by functions of this library that keep the model; and models that are told apart differ by more than
    rounding.

    Shaping of rewards: Ng, Harada and Russell (1999), who show that nothing else keeps the best policies whatever the
    dynamics; that potentials cancel along a path is older, Johnson (1977).  That rewards of one soft policy differ so:
    Cao, Cohen and Szpruch (2021), and Kim et al. (2021); what other data leave open: Skalse et al. (2023).  Here a
    constant for each prompt is shaping too, since every response ends.  For trees of strings no exact source was found.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, StateTable
    >>> from tabular_bellman.gauges import potential_between
    >>> reward = StateActionTable.random(SequenceSpace(2, max_length=3), rng=0)
    >>> potential = StateTable.random(reward.space, rng=1)
    >>> found = potential_between(reward, reward.shaped(potential))
    >>> found.allclose(potential, atol=1e-14)
    True
    """
    live = _same_support(reward, other, "rewards")
    atol = _tolerance(atol)
    space, V = reward.space, reward.space.n_tokens
    here: list[FloatArray] = []
    below = left_open = values = np.zeros(0)
    for t in reversed(range(space.n_depths)):
        r, new = (np.where(live[t], table.levels[t], 0.0) for table in (reward, other))
        after, open_after, later = np.zeros_like(r), np.zeros_like(r), np.zeros_like(r)
        if here:
            after[:V], open_after[:V] = below.reshape(V, -1), left_open.reshape(V, -1)
            later[:V] = values.reshape(V, -1)
        with np.errstate(over="ignore", invalid="ignore"):
            found = new - r + after
            # Values of what follows are at most the sum of sizes from here on; φ is a difference of two.
            size = 1.0 + np.abs(r) + np.abs(new) + later
            width = (_ROUNDINGS + len(r)) * _UNIT_ROUNDOFF * size + open_after + atol
        _refuse_overflow(width, "the difference of the rewards")
        below, left_open = _common(space, live[t], found, width, t)
        values = np.where(live[t], size, 0.0).max(axis=0)
        here.append(below)
    return StateTable._wrap(space, here[::-1])


def shifted(logits: StateActionTable, shift: StateTable) -> StateActionTable:
    """Return the logits q(s, a) + c(s): another table with the same policy.

    Parameters
    ----------
    logits : StateActionTable
        q, in nats.
    shift : StateTable
        c, finite everywhere.

    Raises
    ------
    TabularBellmanError
        Where the shift is -inf, and where a sum overflows.

    Notes
    -----
    What `StateActionTable.shaped` is for rewards; M(r.shaped(φ)) = shifted(M(r), φ).

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, StateTable
    >>> from tabular_bellman.gauges import shifted
    >>> logits = StateActionTable.random(SequenceSpace(2, max_length=3), rng=0)
    >>> shifted(logits, StateTable.random(logits.space, rng=1)).softmax().allclose(logits.softmax(), atol=1e-15)
    True
    """
    expect(StateActionTable, logits, "the table of logits")
    expect(StateTable, shift, "the shift")
    logits.space.require_same(shift.space, "shifted logits")
    for t, level in enumerate(shift.levels):
        if np.isneginf(level).any():
            index = int(np.isneginf(level).argmax())
            raise TabularBellmanError(f"the shift is -inf at {logits.space.where(t, index)}; it must be finite.")
    shape = [level.shape for level in logits.levels]
    levels = [np.broadcast_to(level, s).copy() for level, s in zip(shift.levels, shape, strict=True)]
    return logits + StateActionTable._wrap(logits.space, levels)


def shift_between(logits: StateActionTable, other: StateActionTable, *, atol: float = 0.0) -> StateTable:
    """Return the shift c between two tables of logits of the same model.

    Parameters
    ----------
    logits, other : StateActionTable
        q and q', in nats, over one space.
    atol : float, default 0.0
        How far each number of `other` may be from the shifted `logits`, in nats, besides rounding.

    Returns
    -------
    StateTable
        c with q' = q + c(s) wherever an allowed response passes, so that ``shifted(logits, c)`` is `other` there;
        0 elsewhere.

    Raises
    ------
    TabularBellmanError
        If the models differ: naming the first pair that only one of them ever takes, or the first prefix at which
        q' - q is not the same for all allowed actions; and for logits that `AutoregressiveModel` refuses.

    Notes
    -----
    Beyond the paper.  Logits with the same policy differ by their log-partitions, c(s) = V_q'(s) - V_q(s), since
    log π(a|s) = q(s, a) - V_q(s); and logits of one model have the same policy wherever a response passes, since
    π(a|s) is the share of those that go on with a.  Rounding is allowed for as in `potential_between`, and added up
    from the end, as `soft_bellman` adds it up.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.gauges import shift_between
    >>> logits = StateActionTable.zeros(SequenceSpace(2, max_length=2))
    >>> shift_between(logits, logits.log_softmax())[0].round(6)  # three actions at the root, -log 3
    array([-1.098612])
    """
    live = _same_support(logits, other, "logits")
    atol = _tolerance(atol)
    for table in (logits, other):
        AutoregressiveModel(table)  # refuses a finite logit into a dead prefix
    rounding: list[FloatArray] = []
    for t, allowed in reversed(list(enumerate(live))):
        q, new = (np.where(allowed, table.levels[t], 0.0) for table in (logits, other))
        with np.errstate(over="ignore", invalid="ignore"):
            width = (_ROUNDINGS + len(q)) * _UNIT_ROUNDOFF * (1.0 + np.abs(q) + np.abs(new))
            if rounding:
                V = logits.space.n_tokens
                width[:V] += rounding[-1].max(axis=0, initial=0.0).reshape(V, -1)
        _refuse_overflow(width, "the difference of the logits")
        rounding.append(np.where(allowed, width, 0.0))
    levels = []
    for t, (allowed, width) in enumerate(zip(live, reversed(rounding), strict=True)):
        q, new = (np.where(allowed, table.levels[t], 0.0) for table in (logits, other))
        levels.append(_common(logits.space, allowed, new - q, width + atol, t)[0])
    return StateTable._wrap(logits.space, levels)


def _same_support(one: StateActionTable, other: StateActionTable, what: str) -> list[NDArray[np.bool_]]:
    """Return what allowed responses take in both tables; refuse where it is not the same."""
    expect(StateActionTable, one, f"the first table of {what}")
    expect(StateActionTable, other, f"the second table of {what}")
    one.space.require_same(other.space, f"two tables of {what}")
    first, second = live_pairs(one), live_pairs(other)
    for t, (x, y) in enumerate(zip(first, second, strict=True)):
        if not np.array_equal(x, y):
            index, row = (int(i) for i in np.argwhere((x != y).T)[0])
            allows, forbids = ("first", "second") if x[row, index] else ("second", "first")
            raise TabularBellmanError(
                f"the {what} give different models: at {one.space.where(t, index, row)}, the {allows} table allows "
                f"responses that go on so, the {forbids} none. Nothing that keeps the model allows or forbids."
            )
    return first


def _tolerance(atol: float) -> float:
    atol = number(atol, "atol")
    if not 0.0 <= atol < np.inf:
        raise TabularBellmanError(f"atol is {atol}; it must be a finite number, zero or positive.")
    return atol


def _refuse_overflow(x: FloatArray, what: str) -> None:
    if not np.isfinite(x).all():
        raise TabularBellmanError(f"{what} overflows float64; use smaller numbers.")


def _common(
    space: SequenceSpace, live: NDArray[np.bool_], found: FloatArray, width: FloatArray, t: int
) -> tuple[FloatArray, FloatArray]:
    """Return the middle, and half the width, of what the intervals found ± width of each prefix have in common."""
    low = np.where(live, found - width, -np.inf).max(axis=0)
    high = np.where(live, found + width, np.inf).min(axis=0)
    if (low > high).any():
        index = int((low > high).argmax())
        up = int(np.where(live, found - width, -np.inf)[:, index].argmax())
        down = int(np.where(live, found + width, np.inf)[:, index].argmin())
        actions = space.actions(t)
        raise TabularBellmanError(
            f"the two tables give different models: at {space.where(t, index)}, the second gives "
            f"{found[up, index]:.6g} more than the first to what goes on with {actions[up]!r}, and "
            f"{found[down, index]:.6g} more to what goes on with {actions[down]!r}. Of that, "
            f"{width[up, index] + width[down, index]:.1e} can be rounding, or atol; for tables known to fewer digits, "
            "pass a larger atol."
        )
    passed = live.any(axis=0)
    low, high = np.where(passed, low, 0.0), np.where(passed, high, 0.0)
    middle = low + 0.5 * (high - low)
    return middle, 0.5 * (high - low) + _UNIT_ROUNDOFF * np.abs(middle)
