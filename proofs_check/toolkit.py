"""Everything a claim may ask for, in one object: the code under test, or the reference that bounds its rounding.

A claim's body gets a `Toolkit` and does arithmetic only through its number system.  So the same body gives the
residual (over the library), the bound (over pairs of value and error), and a rejection (over the library with one
function replaced by a wrong variant).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic

import numpy as np

from proofs_check.instances import Instance
from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    inverse_soft_bellman,
    soft_bellman,
)
from tabular_bellman.enumeration import completions, reading_order
from tabular_bellman.extended import FloatArray
from tabular_bellman.number_systems import Bounded, BoundedLog, C, LogFloat, NumberSystem
from tabular_bellman.recursion import backward, inverse

__all__ = ["LIBRARY", "REFERENCE", "Toolkit", "reference_toolkit"]

Levels = Sequence[Any]


@dataclass(frozen=True)
class Toolkit(Generic[C]):
    """Functions over levels (flat storage, one carrier per depth) in one number system.

    Attributes
    ----------
    system : NumberSystem
    lift : callable
        From float64 logs to carriers.
    soft_bellman : callable
        (space, rewards, temperature) → (logits, values), the function that users call.
    recursion : callable
        The same through the generic recursion.
    inverse : callable
        (space, logits, temperature) → rewards.
    log_partition : callable
        (space, rewards, temperature) → carrier of shape (P,), by enumeration.
    ebm_log_probs : callable
        (space, rewards, temperature) → carrier of shape (n, P), by enumeration, in the order of ``responses()``.
    arm_log_probs : callable
        (space, logits) → carrier of shape (n, P), by products of next-token probabilities.
    """

    system: NumberSystem[C]
    lift: Callable[[FloatArray], C]
    soft_bellman: Callable[[SequenceSpace, Levels, float], tuple[Levels, Levels]]
    recursion: Callable[[SequenceSpace, Levels, float], tuple[Levels, Levels]]
    inverse: Callable[[SequenceSpace, Levels, float], Levels]
    log_partition: Callable[[SequenceSpace, Levels, float], C]
    ebm_log_probs: Callable[[SequenceSpace, Levels, float], C]
    arm_log_probs: Callable[[SequenceSpace, Levels], C]

    def rewards(self, instance: Instance) -> list[C]:
        """The rewards of an instance, in this number system."""
        return [self.lift(level) for level in instance.reward.levels]

    def logits(self, instance: Instance) -> list[C]:
        """The logits of an instance: a table of its own, not M of its rewards."""
        return [self.lift(level) for level in instance.logits.levels]


def reference_toolkit(system: NumberSystem[C], lift: Callable[[FloatArray], C]) -> Toolkit[C]:
    """Return the toolkit that computes each thing from its definition, over any number system."""

    def recursion(space: SequenceSpace, rewards: Levels, temperature: float) -> tuple[Levels, Levels]:
        return backward(space, system, rewards, temperature=temperature)

    def totals(space: SequenceSpace, levels: Levels) -> C:
        ordered: C = completions(space, system, levels)[reading_order(space)]
        return ordered

    def log_partition(space: SequenceSpace, rewards: Levels, temperature: float) -> C:
        return system.sum(totals(space, [system.power(level, 1.0 / temperature) for level in rewards]))

    def ebm_log_probs(space: SequenceSpace, rewards: Levels, temperature: float) -> C:
        return system.normalise(totals(space, [system.power(level, 1.0 / temperature) for level in rewards]))

    def arm_log_probs(space: SequenceSpace, logits: Levels) -> C:
        return totals(space, [system.normalise(q) for q in logits])

    def inverse_map(space: SequenceSpace, logits: Levels, temperature: float) -> Levels:
        return inverse(space, system, logits, temperature=temperature)

    return Toolkit(system, lift, recursion, recursion, inverse_map, log_partition, ebm_log_probs, arm_log_probs)


def _as_floats(levels: FloatArray) -> FloatArray:
    return levels


def _library() -> Toolkit[FloatArray]:
    """The public functions of `tabular_bellman`, as a user calls them."""

    def table(space: SequenceSpace, levels: Levels) -> StateActionTable:
        return StateActionTable.from_levels(space, levels)

    def soft(space: SequenceSpace, rewards: Levels, temperature: float) -> tuple[Levels, Levels]:
        logits, values = soft_bellman(table(space, rewards), temperature=temperature)
        return logits.levels, values.levels

    def inverse_map(space: SequenceSpace, logits: Levels, temperature: float) -> Levels:
        return inverse_soft_bellman(table(space, logits), temperature=temperature).levels

    def log_partition(space: SequenceSpace, rewards: Levels, temperature: float) -> FloatArray:
        return np.atleast_1d(EnergyBasedModel(table(space, rewards), temperature).log_partition())

    def ebm_log_probs(space: SequenceSpace, rewards: Levels, temperature: float) -> FloatArray:
        return EnergyBasedModel(table(space, rewards), temperature).log_probabilities().T

    def arm_log_probs(space: SequenceSpace, logits: Levels) -> FloatArray:
        return AutoregressiveModel(table(space, logits)).log_probabilities().T

    generic = reference_toolkit(LogFloat(), _as_floats).recursion
    return Toolkit(LogFloat(), _as_floats, soft, generic, inverse_map, log_partition, ebm_log_probs, arm_log_probs)


LIBRARY: Final[Toolkit[FloatArray]] = _library()
_BOUNDED: Final = BoundedLog()
REFERENCE: Final[Toolkit[Bounded]] = reference_toolkit(_BOUNDED, _BOUNDED.exact)
