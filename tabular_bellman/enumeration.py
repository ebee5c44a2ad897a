"""The other road: write out every response, add up along it, and normalise once.

Nothing here knows of values or of the Bellman recursion.  `EnergyBasedModel` goes this way and
`AutoregressiveModel` the other, so that a comparison of the two compares two separate pieces of code.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.number_systems import C, NumberSystem
from tabular_bellman.space import SequenceSpace

__all__ = ["completions", "reading_order"]


def completions(space: SequenceSpace, system: NumberSystem[C], levels: Sequence[C], start: int = 0) -> C:
    """Return the total weight of every way to complete every prefix of `start` tokens.

    Parameters
    ----------
    space : SequenceSpace
    system : NumberSystem
    levels : sequence of carriers, shapes (A_t, P·V**t)
        The weight of each step.
    start : int, default 0
        The depth of the prefixes; 0 gives the weights of whole responses.

    Returns
    -------
    carrier, shape (n, P·V**start)
        One row for each completion, by length, and within a length the first token fastest; see `reading_order`.
    """
    V, n_starts = space.n_tokens, space.n_prefixes_at(start)
    so_far = system.ones((1, n_starts))
    complete: list[C] = []
    for t in range(start, space.n_depths):
        n_partial = V ** (t - start)
        step = levels[t].reshape((levels[t].shape[0], n_partial, n_starts))
        has_eos = space.has_eos and t >= space.min_length - 1
        if has_eos:
            complete.append(system.multiply(so_far, step[-1]))
        n_rows = step.shape[0] - has_eos
        if n_rows:
            so_far = system.multiply(so_far, step[:n_rows]).reshape((V * n_partial, n_starts))
    if not space.has_eos:
        complete.append(so_far)
    return system.stack(complete)


def reading_order(space: SequenceSpace) -> NDArray[np.intp]:
    """Return where each response of ``space.responses()`` stands in the rows of ``completions(..., start=0)``."""
    if not space.has_eos:
        return space.lexicographic_order(space.max_length)
    parts, offset = [], 0
    for t in range(space.min_length - 1, space.max_length):
        order = space.lexicographic_order(t)
        parts.append(offset + order)
        offset += order.size
    return np.concatenate(parts)
