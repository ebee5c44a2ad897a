"""The instances that Hypothesis draws for a check, made of the public strategies."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from proofs_check import strategies
from proofs_check.testing.cases import Case, Options
from proofs_check.testing.kinds import Kind
from proofs_check.testing.witnesses import allowed_responses, uniform_weights
from tabular_bellman import SequenceSpace, StateActionTable

__all__ = ["cases"]

_MASKS: Final[dict[str, Any]] = {"none": "none", "live": "alive", "dead": "any"}


@st.composite
def cases(draw: DrawFn, kind: Kind, o: Options, max_tokens: int = 3, max_length: int = 4) -> Case:
    """Draw an instance of at most so many tokens and steps."""
    space = draw(_spaces(o, max_tokens, max_length))
    # A divergence is infinite where only q forbids; numbers are then such that no chance underflows.
    apart = kind.inputs == 2 and not kind.moderate and o.forbidden != "none" and draw(st.booleans())
    numbers: Any = "plain" if kind.moderate or apart or not o.large else "any"
    dtype: Any = o.arrays.dtype
    make = strategies.rewards if o.view == "rewards" else strategies.logits
    case = Case("drawn", draw(make(space=space, masks=_MASKS[o.forbidden], numbers=numbers, dtype=dtype)))
    if kind.inputs == 2:
        masks: Any = "alive" if apart else "none"
        other = draw(strategies.logits(space=space, masks=masks, numbers=numbers, dtype=dtype))
        case = replace(case, other=other if apart else _allowing_the_same(case.table, other))
    if o.temperature != 1.0:
        varied = draw(st.sampled_from((1.0, 2.0, 0.5, 0.7))) if o.temperature is None else o.temperature
        case = replace(case, temperature=varied)
    if o.discount != 1.0:
        varied = draw(st.sampled_from((1.0, 0.5, 0.9))) if o.discount is None else o.discount
        case = replace(case, discount=varied)
    if o.reference == "uniform":
        case = replace(case, reference=uniform_weights(space))
    elif o.reference == "varies":
        zeros = kind.name == "soft-bellman" and o.forbidden == "dead"  # which forbids, too
        case = replace(case, reference=draw(strategies.references(space=space, zeros=zeros)))
    if o.of == "nll":
        chosen = draw(st.lists(st.sampled_from(allowed_responses(case.table)), min_size=1, max_size=4))
        case = replace(case, responses=tuple(chosen))
    return case


def _spaces(o: Options, max_tokens: int, max_length: int) -> SearchStrategy[SequenceSpace]:
    lengths: Any = o.lengths
    return strategies.sequence_spaces(
        # A single response leaves nothing to choose; one of the fixed instances has that.
        min_responses=2 if o.max_responses > 1 and (max_tokens > 1 or o.lengths != "fixed") else 1,
        max_responses=o.max_responses,
        max_tokens=max_tokens,
        max_length=max_length,
        lengths=lengths,
        max_prompts=2 if o.prompts else 1,
    )


def _allowing_the_same(table: StateActionTable, other: StateActionTable) -> StateActionTable:
    """Forbid in the second what the first forbids."""
    pairs = zip(table.levels, other.levels, strict=True)
    return StateActionTable.from_levels(table.space, [np.where(np.isneginf(x), x, y) for x, y in pairs])
