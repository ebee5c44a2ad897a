"""One instance for a user's function: tables over a space, and the parameters that go with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from proofs_check.instances import Instance
from proofs_check.testing.adapters import Adapter
from proofs_check.testing.arrays import Arrays
from tabular_bellman import SequenceSpace, StateActionTable
from tabular_bellman.extended import FloatArray
from tabular_bellman.recursion import log_reference_levels
from tabular_bellman.tokens import Response

__all__ = ["Case", "Options"]


@dataclass(frozen=True)
class Case:
    """Arguments of one call.

    Attributes
    ----------
    name : str
    table : StateActionTable
        Rewards or logits, whichever the function takes.
    temperature, discount : float
    reference : StateActionTable, optional
        Weights π_ref.
    other : StateActionTable, optional
        The second table of logits, of a divergence.
    responses : tuple of responses
        Of a loss over data.
    """

    name: str
    table: StateActionTable
    temperature: float = 1.0
    discount: float = 1.0
    reference: StateActionTable | None = None
    other: StateActionTable | None = None
    responses: tuple[Response, ...] = ()

    @property
    def space(self) -> SequenceSpace:
        """The space of its tables."""
        return self.table.space

    @property
    def levels(self) -> list[FloatArray]:
        """The levels of the table, or of both tables."""
        return [level for table in (self.table, self.other) if table is not None for level in table.levels]

    @property
    def forbids(self) -> bool:
        """Whether a table forbids anything."""
        return any(bool(np.isneginf(level).any()) for level in self.levels)

    @property
    def largest(self) -> float:
        """The largest absolute value of what is finite."""
        return max(float(np.abs(level[np.isfinite(level)]).max(initial=0.0)) for level in self.levels)

    @cached_property
    def log_reference(self) -> Sequence[FloatArray] | None:
        """log π_ref level by level."""
        return log_reference_levels(self.space, self.reference)

    @cached_property
    def live_prefixes(self) -> list[NDArray[np.bool_]]:
        """At which prefixes some response below is allowed, level by level."""
        return [np.asarray(live.any(axis=0)) for live in Instance(self.name, self.table).live]


@dataclass(frozen=True)
class Options:
    """What a check was asked for, with every default filled in.

    Attributes
    ----------
    adapter : Adapter
    arrays : Arrays
    named : frozenset of str
        Which of temperature, discount and reference the function takes by keyword.
    temperature, discount : float or None
        Fixed; None where they vary.
    reference : {"none", "uniform", "varies"}
    returns, view, of : str
        Which form the function takes and returns, where its kind knows several.
    forbidden : {"none", "live", "dead"}
        Whether actions are forbidden, and whether whole subtrees may be.
    large : bool
        Whether numbers may be large, or one far ahead of the others.
    prompts : bool
    lengths : {"eos", "fixed", "both"}
    tolerance : float
        Added to the bound, for functions that approximate.
    examples, seed, max_responses : int
        Of a sampler, `examples` is the number of draws on each instance.
    false_alarm : float
        Of a sampler's test.
    """

    adapter: Adapter
    arrays: Arrays
    named: frozenset[str]
    temperature: float | None
    discount: float | None
    reference: str
    returns: str
    view: str
    of: str
    forbidden: str
    large: bool
    prompts: bool
    lengths: str
    tolerance: float
    examples: int
    seed: int
    max_responses: int
    false_alarm: float
