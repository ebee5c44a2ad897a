"""The maps on plain arrays, with `out=`, for loops: no tables, no copies, nothing allocated that can be handed in.

*Levels* are the flat storage of a table: one C-ordered float64 array for each depth t, of shape (A_t, P·V**t) for pairs
and (P·V**t,) for prefixes; the action slowest, then the tokens from the last to the first, the prompt fastest.
``table.levels`` gives them, ``StateActionTable.from_levels`` takes them.

Large trees are shared among threads (see `tabular_bellman.kernel.n_threads`); results do not depend on how many.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tabular_bellman import kernel
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect
from tabular_bellman.models import AutoregressiveModel
from tabular_bellman.recursion import checked_discount, checked_temperature, inverse_of_levels
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable

__all__ = [
    "Levels",
    "empty_pairs",
    "empty_prefixes",
    "inverse_soft_bellman",
    "kl_divergence",
    "log_partition",
    "log_softmax",
    "prefix_marginals",
    "response_log_probs",
    "soft_bellman",
]

Levels = Sequence[FloatArray]
"""One array for each depth."""


def empty_pairs(space: SequenceSpace) -> list[FloatArray]:
    """Return levels for a number at each (prefix, action), not filled.

    Parameters
    ----------
    space : SequenceSpace

    Returns
    -------
    list of ndarray, shapes (A_t, P·V**t)

    Raises
    ------
    TabularBellmanError
        If they would take more than ``space.max_bytes``.
    """
    expect(SequenceSpace, space, "the space")
    space.check_budget("Levels", space.n_pairs)
    return [np.empty(shape) for shape in _pair_shapes(space)]


def empty_prefixes(space: SequenceSpace) -> list[FloatArray]:
    """Return levels for a number at each prefix, not filled: arrays of shape (P·V**t,).

    Parameters
    ----------
    space : SequenceSpace
    """
    expect(SequenceSpace, space, "the space")
    space.check_budget("Levels", space.n_prefixes)
    return [np.empty(space.n_prefixes_at(t)) for t in range(space.n_depths)]


def soft_bellman(
    space: SequenceSpace,
    rewards: Levels,
    *,
    temperature: float = 1.0,
    discount: float = 1.0,
    log_reference: Levels | None = None,
    out: tuple[Levels, Levels] | None = None,
    check: bool = True,
) -> tuple[Levels, Levels]:
    """Apply the soft Bellman map M to levels of rewards.

    Parameters
    ----------
    space : SequenceSpace
    rewards : sequence of ndarray, shapes (A_t, P·V**t)
        In nats; -inf forbids.  NaN and +inf are refused.
    temperature, discount : float, default 1.0
        As for `tabular_bellman.soft_bellman`.
    log_reference : sequence of ndarray, shapes (A_t, P·V**t), optional
        log π_ref, in nats.
    out : (logits, values), optional
        Levels to write into, as `empty_pairs` and `empty_prefixes` give them, that share no memory with `rewards`.
    check : bool, default True
        Whether to look at the arrays' shapes, types and memory.  False is for loops, after a first call with True.

    Returns
    -------
    logits : sequence of ndarray, shapes (A_t, P·V**t)
    values : sequence of ndarray, shapes (P·V**t,)
        Without `out`, the values of a last step with one action share the memory of its logits, whose numbers they are.

    Raises
    ------
    TabularBellmanError
        For levels that do not fit the space or overlap, what is no number, and sums that overflow float64.

    Notes
    -----
    Eq. (6).

    Examples
    --------
    >>> import numpy as np
    >>> from tabular_bellman import SequenceSpace, levels
    >>> space = SequenceSpace(2, max_length=3)
    >>> rewards, out = levels.empty_pairs(space), (levels.empty_pairs(space), levels.empty_prefixes(space))
    >>> for scale in (0.0, 1.0):
    ...     for level in rewards:
    ...         level[...] = scale
    ...     logits, values = levels.soft_bellman(space, rewards, out=out)
    ...     print(values[0])  # log 7, for seven responses; then each pays as much as it is long
    [1.94591015]
    [4.58331859]
    """
    temperature, discount = checked_temperature(temperature), checked_discount(discount)
    if not check:
        return kernel.backward(space, rewards, temperature, discount, log_reference, out=out)
    expect(SequenceSpace, space, "the space")
    _fit(_pair_shapes(space), rewards, "rewards")
    if log_reference is not None:
        _read(space, log_reference, "log_reference")
    if out is not None:
        expect(tuple, out, "out", "It is a pair, (logits, values).")
        if len(out) != 2:
            raise TabularBellmanError(f"out holds {len(out)} things; it is a pair, (logits, values).")
        read = rewards if log_reference is None else [*rewards, *log_reference]
        _writable(_pair_shapes(space), out[0], "the logits of out", read)
        _writable(_prefix_shapes(space), out[1], "the values of out", [*read, *out[0]])
    return kernel.backward(space, rewards, temperature, discount, log_reference, out=out)


def inverse_soft_bellman(
    space: SequenceSpace,
    logits: Levels,
    *,
    temperature: float = 1.0,
    discount: float = 1.0,
    log_reference: Levels | None = None,
    out: Levels | None = None,
    check: bool = True,
) -> Levels:
    """Apply M⁻¹ to levels of logits: r(s, a) = q(s, a) - γ V_q(s⊕a) (Proposition 1, Appendix B.2).

    Parameters
    ----------
    space : SequenceSpace
    logits : sequence of ndarray, shapes (A_t, P·V**t)
    temperature, discount, log_reference
        As for `soft_bellman`.
    out : sequence of ndarray, shapes (A_t, P·V**t), optional
    check : bool, default True
        Whether to look at the arrays' shapes, types and memory, and for NaN and +inf, which takes a pass.

    Returns
    -------
    sequence of ndarray, shapes (A_t, P·V**t)

    Raises
    ------
    TabularBellmanError
        As `soft_bellman`; and for a finite logit into a dead prefix.
    """
    temperature, discount = checked_temperature(temperature), checked_discount(discount)
    if check:
        _read(space, logits, "logits")
        if log_reference is not None:
            _read(space, log_reference, "log_reference")
        _writable(_pair_shapes(space), out, "out", logits if log_reference is None else [*logits, *log_reference])
    return inverse_of_levels(space, logits, temperature, discount, log_reference, out)


def log_softmax(space: SequenceSpace, logits: Levels, *, out: Levels | None = None, check: bool = True) -> Levels:
    """Return log π(a|s), levels of shapes (A_t, P·V**t); -inf throughout where everything is forbidden.

    Parameters
    ----------
    space : SequenceSpace
    logits : sequence of ndarray, shapes (A_t, P·V**t)
        In nats; -inf forbids.
    out : sequence of ndarray, optional
        Levels to write into, that share no memory with `logits`.
    check : bool, default True
        As for `soft_bellman`.
    """
    if check:
        _read(space, logits, "logits")
        _writable(_pair_shapes(space), out, "out", logits)
    return kernel.log_policy(logits, out=out)


def prefix_marginals(space: SequenceSpace, logits: Levels, *, out: Levels | None = None, check: bool = True) -> Levels:
    """Return the chance of passing through each prefix, levels of shapes (P·V**t,): ρ(s⊕a) = ρ(s) π(a|s).

    Where everything is forbidden at a prefix, what gets there ends there.

    Parameters
    ----------
    space : SequenceSpace
    logits : sequence of ndarray, shapes (A_t, P·V**t)
        In nats; -inf forbids.
    out : sequence of ndarray, optional
        Levels to write into, that share no memory with `logits`.
    check : bool, default True
        As for `soft_bellman`.
    """
    if check:
        _read(space, logits, "logits")
        _writable(_prefix_shapes(space), out, "out", logits)
    return kernel.passing(space, logits, out=out)


def response_log_probs(
    space: SequenceSpace, logits: Levels, *, out: Levels | None = None, check: bool = True
) -> Levels:
    """Return log p(y|x) of every response, under next-token probabilities softmax(logits).

    Parameters
    ----------
    space : SequenceSpace
    logits : sequence of ndarray, shapes (A_t, P·V**t)
    out : sequence of ndarray, optional
        Of the shapes below.
    check : bool, default True
        Whether to look at the arrays' shapes, types and memory, and for NaN and +inf, which takes a pass.

    Returns
    -------
    sequence of ndarray
        One for each length of a response, of shape (P·V**t,): of prefixes of t tokens, ended there by EOS.  In a
        fixed-length space a single one, of shape (V, P·V**(n-1)).  This is the order of storage;
        ``AutoregressiveModel(table).log_probabilities()`` has the order of ``space.responses()``.

    Raises
    ------
    TabularBellmanError
        As `AutoregressiveModel`, besides what levels may have wrong.
    """
    if check:
        _read(space, logits, "logits")
        _refuse_dead(space, logits)
        first = space.min_length - 1 if space.has_eos else space.n_depths - 1
        shapes = _prefix_shapes(space)[first:] if space.has_eos else _pair_shapes(space)[first:]
        _writable(shapes, out, "out", logits)
    return kernel.response_log_probs(space, logits, out=out)


def log_partition(space: SequenceSpace, rewards: Levels, *, temperature: float = 1.0) -> FloatArray:
    """Return the log-partition of each prompt, log Σ_y exp(R(y)/τ), shape (P,), by a recursion that stores nothing.

    Parameters
    ----------
    space : SequenceSpace
    rewards : sequence of ndarray, shapes (A_t, P·V**t)
    temperature : float, default 1.0

    Raises
    ------
    TabularBellmanError
        As `soft_bellman`.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, levels
    >>> space = SequenceSpace(2, max_length=3)
    >>> levels.log_partition(space, StateActionTable.zeros(space).levels)  # log 7
    array([1.94591015])
    """
    temperature = checked_temperature(temperature)
    expect(SequenceSpace, space, "the space")
    _fit(_pair_shapes(space), rewards, "rewards")
    return kernel.root_values(space, rewards, temperature) / temperature


def kl_divergence(space: SequenceSpace, logits: Levels, others: Levels, *, check: bool = True) -> FloatArray:
    """Return KL(p‖q) over whole responses, shape (P,), p = softmax(logits) and q = softmax(others) at each prefix.

    By the chain rule (Appendix A.4), in a recursion that stores nothing.  inf where p allows what q forbids.  Logits
    that are no model are refused, as by `AutoregressiveModel`.

    Parameters
    ----------
    space : SequenceSpace
    logits, others : sequence of ndarray, shapes (A_t, P·V**t)
        Those of p, and those of q, in nats; -inf forbids.
    check : bool, default True
        As for `soft_bellman`.
    """
    if check:
        for levels, what in ((logits, "logits"), (others, "others")):
            _read(space, levels, what)
            _refuse_dead(space, levels)
    return kernel.kl_divergence(space, logits, others)


# -- what is handed in -----------------------------------------------------------------------------------------------


def _pair_shapes(space: SequenceSpace) -> list[tuple[int, ...]]:
    return [(space.n_actions(t), space.n_prefixes_at(t)) for t in range(space.n_depths)]


def _prefix_shapes(space: SequenceSpace) -> list[tuple[int, ...]]:
    return [(space.n_prefixes_at(t),) for t in range(space.n_depths)]


def _fit(shapes: list[tuple[int, ...]], levels: Any, what: str) -> None:
    expect((list, tuple), levels, what, "It holds one array for each depth.")
    if len(levels) != len(shapes):
        raise TabularBellmanError(f"{what}: {len(levels)} arrays given; {len(shapes)} are needed, one per depth.")
    for t, (level, shape) in enumerate(zip(levels, shapes, strict=True)):
        if not isinstance(level, np.ndarray) or level.shape != shape or level.dtype != np.float64:
            found = f"{level.dtype} of shape {level.shape}" if isinstance(level, np.ndarray) else type(level).__name__
            raise TabularBellmanError(f"{what}: array {t} is {found}; it must be float64 of shape {shape}.")
        if not level.flags.c_contiguous:
            raise TabularBellmanError(f"{what}: array {t} is not C-ordered; use numpy.ascontiguousarray.")


def _read(space: SequenceSpace, levels: Any, what: str) -> None:
    """Refuse levels that do not fit, and what is no number."""
    expect(SequenceSpace, space, "the space")
    _fit(_pair_shapes(space), levels, what)
    for t, level in enumerate(levels):
        if not level.max() < np.inf:
            row, index = (int(i) for i in np.argwhere(~(level < np.inf))[0])
            raise TabularBellmanError(
                f"{what}: {level[row, index]} at {space.where(t, index, row)}; levels hold finite numbers, and -inf "
                "where something is forbidden."
            )


def _refuse_dead(space: SequenceSpace, logits: Levels) -> None:
    """Refuse logits that are no model: into a dead prefix, or with nothing allowed, as `AutoregressiveModel` does."""
    if any(level.min() == -np.inf for level in logits):
        AutoregressiveModel(StateActionTable.from_levels(space, logits))


def _writable(shapes: list[tuple[int, ...]], levels: Any, what: str, read: Levels) -> None:
    """Refuse levels that cannot be written to, or overlap what is read, or one another; None is no levels."""
    if levels is None:
        return
    _fit(shapes, levels, what)
    occupied = [(*_extent(level), -1) for level in read]
    for t, level in enumerate(levels):
        if not level.flags.writeable:
            raise TabularBellmanError(f"{what}: array {t} is read-only; levels of a table are. Use empty_pairs.")
        occupied.append((*_extent(level), t))
    occupied.sort()
    last, last_written = (0, -1), (0, -1)  # the furthest ends so far, and whose they are
    for start, end, t in occupied:
        before = last if t >= 0 else last_written
        if start < before[0]:
            raise TabularBellmanError(
                f"{what}: array {max(t, before[1])} shares memory with what is read or written besides."
            )
        last = max(last, (end, t))
        if t >= 0:
            last_written = max(last_written, (end, t))


def _extent(level: FloatArray) -> tuple[int, int]:
    start = level.__array_interface__["data"][0]
    return start, start + level.nbytes
