"""Tables and responses as arrays with one row for each prefix, or for each response; EOS is token V."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from tabular_bellman import EOS, SequenceSpace, StateActionTable
from tabular_bellman.extended import FloatArray

__all__ = [
    "columns",
    "indices",
    "narrow",
    "offsets",
    "prefix_keys",
    "prefix_rows",
    "response_rows",
    "split",
    "token_numbers",
    "wide",
]

Levels = list[FloatArray]


def indices(space: SequenceSpace, depth: int) -> range:
    """Return the indices of the prefixes of a depth, in storage order."""
    return range(space.n_prefixes_at(depth))


def wide(table: StateActionTable, absent: float = -np.inf) -> FloatArray:
    """Return (N, V+1): a row for each prefix by depth, then in storage order; EOS last."""
    space = table.space
    rows = []
    for t, level in enumerate(table.levels):
        row = np.full((level.shape[1], space.n_tokens + 1), absent)
        row[:, columns(space, t)] = level.T
        rows.append(row)
    return np.concatenate(rows)


def columns(space: SequenceSpace, depth: int) -> NDArray[np.intp]:
    """Return the columns of the actions at a depth: tokens 0 to V-1, EOS V."""
    V = space.n_tokens
    return np.array([V if action is EOS else space.token_index(action) for action in space.actions(depth)])


def narrow(space: SequenceSpace, rows: FloatArray) -> Levels:
    """Undo `wide`; what stands at actions that do not exist is dropped."""
    return [part[:, columns(space, t)].T for t, part in enumerate(split(space, rows))]


def split(space: SequenceSpace, rows: FloatArray) -> Levels:
    """Split what has a row for each prefix by depth."""
    ends = offsets(space)
    return np.split(rows[: ends[-1]], ends[1:-1])


def prefix_rows(space: SequenceSpace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the prefixes as padded rows (N, T) of token numbers, padded with V, and their lengths (N,)."""
    return _padded(space, prefix_keys(space))


def prefix_keys(space: SequenceSpace) -> list[tuple[int, ...]]:
    """Return the prefixes as tuples of token numbers, one for each row."""
    return [token_numbers(space, space.prefix_at(t, i)[1]) for t in range(space.n_depths) for i in indices(space, t)]


def response_rows(space: SequenceSpace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the responses as padded rows (n, T), in the order of ``responses()``, and their lengths, EOS counted."""
    return _padded(space, [token_numbers(space, y) for y in space.responses()])


def offsets(space: SequenceSpace) -> NDArray[np.intp]:
    """Return the row at which each depth begins, and at last their number."""
    return np.cumsum([0, *(space.n_prefixes_at(t) for t in range(space.n_depths))])


def token_numbers(space: SequenceSpace, actions: Sequence[Hashable]) -> tuple[int, ...]:
    """Return actions as numbers: tokens 0 to V-1, EOS V."""
    return tuple(space.n_tokens if action is EOS else space.token_index(action) for action in actions)


def _padded(space: SequenceSpace, rows: list[tuple[int, ...]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    filled = np.full((len(rows), space.max_length), space.n_tokens, dtype=np.int64)
    for i, row in enumerate(rows):
        filled[i, : len(row)] = row
    return filled, np.array([len(row) for row in rows], dtype=np.int64)
