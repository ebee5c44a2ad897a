"""Exact linear algebra over the integers and rationals, for dimensions."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["as_exact", "rank"]


def rank(matrix: ArrayLike) -> int:
    """Return the rank of a matrix of integers, by elimination over the rationals."""
    from sympy import QQ
    from sympy.polys.matrices import DomainMatrix

    rows: list[list[Any]] = [[QQ(int(entry)) for entry in row] for row in np.asarray(matrix)]
    return int(DomainMatrix(rows, (len(rows), len(rows[0]) if rows else 0), QQ).rank())


def as_exact(*numbers: int) -> NDArray[np.object_]:
    """Return an array that is compared exactly: integers or fractions."""
    return np.array(numbers, dtype=np.object_)
