"""Numbers that are compared exactly, and exact linear algebra, for dimensions."""

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.gauge_dimensions import exact_rank as rank

__all__ = ["as_exact", "rank"]


def as_exact(*numbers: int) -> NDArray[np.object_]:
    """Return an array that is compared exactly: integers or fractions."""
    return np.array(numbers, dtype=np.object_)
