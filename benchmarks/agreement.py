"""Whether two contenders computed the same thing; to be settled before either is timed."""

from collections.abc import Sequence

import numpy as np

from benchmarks.contenders.sampling import furthest_off
from benchmarks.problem import Problem
from benchmarks.tasks import Task
from tabular_bellman.extended import FloatArray

__all__ = ["Disagreement", "compare"]

_STANDARD_DEVIATIONS = 6.0


class Disagreement(Exception):
    """How two results differ."""


def compare(task: Task, problem: Problem, found: Sequence[FloatArray], right: Sequence[FloatArray]) -> float:
    """Return the largest difference, relative to 1 + |x|; raise `Disagreement` where it is above the task's bound.

    What is drawn is compared with exact shares instead, and told in standard deviations.
    """
    if task.name == "sampling":
        off = furthest_off(problem, found)
        if not off <= _STANDARD_DEVIATIONS:
            raise Disagreement(f"a share is {off:.1f} standard deviations off; bound {_STANDARD_DEVIATIONS:g}")
        return off
    if len(found) != len(right):
        raise Disagreement(f"{len(found)} arrays instead of {len(right)}")
    worst = 0.0
    for i, (x, y) in enumerate(zip(found, right, strict=True)):
        if np.size(x) != np.size(y):
            raise Disagreement(f"array {i} has {np.size(x)} numbers instead of {np.size(y)}")
        difference = np.abs(np.ravel(x) - np.ravel(y)) / (1.0 + np.abs(np.ravel(y)))
        here = float(difference.max(initial=0.0))
        if not here <= task.bound:  # NaN does not agree
            raise Disagreement(f"array {i} differs by {here:.2g}, relative to 1 + |x|; bound {task.bound:g}")
        worst = max(worst, here)
    return worst
