"""Instances that every check looks at: plain ones first, then one for each thing that code gets wrong.

They are fixed, so that what a function agrees on can be named, and rich, so that a diagnosis made on the shrunk
instance is confirmed on others.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from proofs_check.testing.cases import Case, Options
from proofs_check.testing.kinds import Kind
from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable
from tabular_bellman.extended import FloatArray
from tabular_bellman.tokens import Response

__all__ = ["allowed_responses", "plainest", "uniform_weights", "witnesses"]

# Sizes at which sums of a few steps keep their leading digits in the dtype.
_HUGE = {"float64": 1024.0, "float32": 256.0, "bfloat16": 16.0, "float16": 16.0}


def plainest(kind: Kind, o: Options) -> Case:
    """Return the instance on which a function that can be called at all should not fail."""
    sizes = [(2, 2), (1, 2), (1, 1)]  # the last has one response
    n_tokens, n_steps = next(size for size in sizes if _space(o, *size).n_responses_per_prompt <= o.max_responses)
    words = f"{n_tokens} token{'s' if n_tokens > 1 else ''}, {n_steps} step{'s' if n_steps > 1 else ''}"
    return _case(kind, o, f"{words}, all numbers 0", _space(o, n_tokens, n_steps), scale=0.0)


def witnesses(kind: Kind, o: Options) -> Iterator[Case]:
    """Return the fixed instances, small ones first."""
    return (case for case in _witnesses(kind, o) if case.space.n_responses_per_prompt <= o.max_responses)


def _witnesses(kind: Kind, o: Options) -> Iterator[Case]:
    yield _case(kind, o, "2 tokens, 2 steps", _space(o, 2, 2))
    yield _case(kind, o, "2 tokens, 3 steps", _space(o, 2, 3))
    yield _case(kind, o, "3 tokens, 3 steps", _space(o, 3, 3))
    yield _case(kind, o, "1 token, 4 steps", _space(o, 1, 4))
    yield _case(kind, o, "1 token, 1 step", _space(o, 1, 1))
    if o.lengths != "fixed":
        yield _case(kind, o, "3 tokens, 4 steps", _space(o, 3, 4))
    if o.lengths == "both":
        yield _case(kind, o, "2 tokens, fixed length 3", SequenceSpace.fixed_length("ab", 3, _prompts(o)))
    if o.lengths != "fixed" and o.forbidden != "none":
        space = SequenceSpace("ab", max_length=3, min_length=2, prompts=_prompts(o))
        yield _case(kind, o, "no bare EOS", space)
    if o.forbidden != "none":
        yield _case(kind, o, "forbidden actions", _space(o, 2, 3), forbid=0.3)
    if o.forbidden == "dead":
        yield _case(kind, o, "dead prefixes", _space(o, 2, 3), forbid=0.5, dead=True)
    if o.large:
        yield _peaked(kind, o)
    if kind.inputs == 2 and not kind.moderate and o.forbidden != "none":
        yield _apart(kind, o)
    if o.temperature is None:
        # Where all numbers are 0, a temperature that divides logits shows most.
        yield _case(kind, o, "temperature 2, all numbers 0", _space(o, 2, 3), temperature=2.0, scale=0.0)
        yield _case(kind, o, "temperature 2", _space(o, 2, 3), temperature=2.0)
        yield _case(kind, o, "temperature 1/2", _space(o, 2, 3), temperature=0.5)
    if o.discount is None:
        yield _case(kind, o, "discount 1/2", _space(o, 2, 3), discount=0.5)
    if o.large and not kind.moderate:
        yield _case(kind, o, "large numbers", _space(o, 2, 3), scale=_HUGE[o.arrays.dtype])


def _peaked(kind: Kind, o: Options) -> Case:
    """A first step that nearly always ends it, with several steps behind it that still have chances."""
    case = _case(kind, o, "a likely end", _space(o, 2, 3))
    levels = [level.copy() for level in case.table.levels]
    levels[0][-1] += 16.0
    return replace(case, table=StateActionTable.from_levels(case.space, levels))


def _apart(kind: Kind, o: Options) -> Case:
    """A second table that forbids what the first allows."""
    case = _case(kind, o, "q forbids what p allows", _space(o, 2, 2))
    assert case.other is not None
    levels = [level.copy() for level in case.other.levels]
    levels[0][0] = -np.inf
    return replace(case, other=StateActionTable.from_levels(case.space, levels))


def _space(o: Options, n_tokens: int, n_steps: int) -> SequenceSpace:
    vocab = "abc"[:n_tokens]
    if o.lengths == "fixed":
        return SequenceSpace.fixed_length(vocab, n_steps, _prompts(o))
    return SequenceSpace(vocab, max_length=n_steps, prompts=_prompts(o))


def _prompts(o: Options) -> tuple[str, ...] | None:
    # Written one after the other, prompt 'a' and token 'b' read like prompt 'ab'.
    return ("a", "ab") if o.prompts else None


def _case(
    kind: Kind,
    o: Options,
    name: str,
    space: SequenceSpace,
    *,
    scale: float = 1.0,
    forbid: float = 0.0,
    dead: bool = False,
    temperature: float = 1.0,
    discount: float = 1.0,
) -> Case:
    rng = np.random.default_rng([space.n_pairs, round(8 * forbid), round(4 * temperature), round(4 * discount)])

    def drawn(scale: float) -> list[FloatArray]:
        # Multiples of a quarter, which every dtype holds exactly.
        shapes = [(space.n_actions(t), space.n_prefixes_at(t)) for t in range(space.n_depths)]
        return [np.asarray(scale * rng.integers(-12, 13, shape) / 4.0, dtype=np.float64) for shape in shapes]

    table = drawn(scale)
    masks = _masks(space, rng, forbid, dead)
    table = [np.where(mask, -np.inf, level) for mask, level in zip(masks, table, strict=True)]
    other = [np.where(mask, -np.inf, level) for mask, level in zip(masks, drawn(scale), strict=True)]
    made = StateActionTable.from_levels(space, table)
    return Case(
        name,
        made,
        temperature if o.temperature is None else o.temperature,
        discount if o.discount is None else o.discount,
        _reference(o, space, rng),
        StateActionTable.from_levels(space, other) if kind.inputs == 2 else None,
        tuple(allowed_responses(made)[::3]) if o.of == "nll" else (),
    )


def _masks(space: SequenceSpace, rng: np.random.Generator, forbid: float, dead: bool) -> list[np.ndarray]:
    """Forbid a share of the actions; the last action at each prefix stays, so that none is dead unless asked for."""
    masks = [rng.random((space.n_actions(t), space.n_prefixes_at(t))) < forbid for t in range(space.n_depths)]
    for t, mask in enumerate(masks):
        mask[-1, : None if not dead or t + 1 < space.n_depths else space.n_prompts] = False
    if dead and space.n_depths > 1:
        masks[-1][:, -1] = True
        masks[0][:] = False
    return masks


def uniform_weights(space: SequenceSpace) -> StateActionTable:
    """Return the reference that gives each action that exists the same weight."""
    levels = [
        np.full((space.n_actions(t), space.n_prefixes_at(t)), 1.0 / space.n_actions(t)) for t in range(space.n_depths)
    ]
    return StateActionTable.from_levels(space, levels)


def _reference(o: Options, space: SequenceSpace, rng: np.random.Generator) -> StateActionTable | None:
    if o.reference == "none":
        return None
    if o.reference == "uniform":
        return uniform_weights(space)
    counts = [rng.integers(1, 5, (space.n_actions(t), space.n_prefixes_at(t))) for t in range(space.n_depths)]
    return StateActionTable.from_levels(space, [level / level.sum(axis=0) for level in counts])


def allowed_responses(table: StateActionTable) -> list[Response]:
    """Return the responses that logits allow."""
    log_probs = np.atleast_2d(AutoregressiveModel(table).log_probabilities())[0]
    return [y for y, x in zip(table.space.responses(), log_probs, strict=True) if x > -np.inf]
