"""Hypothesis strategies for small sequence spaces, and for tables, models and probabilities over them.

Every example stays within a budget of responses and shrinks: a failing table to the smallest space on which it
fails, to zeros, and to small whole numbers.  It is printed as the call that makes it again, of a table only the entries
that are not 0; to type it in, import also ``from math import inf`` and ``from tabular_bellman.tokens import
EndOfSequence``, which is how Hypothesis writes EOS.

What is hard for code of this kind is drawn too, by name, and each by itself where one is asked for:

- near-ties, huge ranges, one action far ahead: ``numbers="near-ties"``, ``"huge"``, ``"peaked"``;
- dead prefixes, below which everything is forbidden: ``masks="dead"``;
- prompts whose strings coincide with those of prefixes: ``prompts="coincident"``;
- tokens whose strings run together: ``labels="ambiguous"``;
- distributions with nearly everything in one place: ``shape="peaked"``.

A `space` is always a `SequenceSpace`, never a strategy; None draws one by `sequence_spaces` with its defaults.  For
other spaces, or for two tables over one space, draw the space first::

    sequence_spaces(max_tokens=2).flatmap(lambda space: st.tuples(rewards(space=space), logits(space=space)))

With this package installed, ``st.from_type`` knows `SequenceSpace`, `StateActionTable`, `StateTable`,
`AutoregressiveModel` and `EnergyBasedModel`, without an import of this module.
"""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any, Final, Literal, TypeVar, overload

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from proofs_check import draws
from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
)
from tabular_bellman.extended import FloatArray
from tabular_bellman.tokens import Prompt, Token, as_vocabulary

__all__ = [
    "distributions",
    "logits",
    "masks",
    "models",
    "prompts",
    "references",
    "rewards",
    "sequence_spaces",
    "state_tables",
]


def __dir__() -> list[str]:
    return __all__


DType = Literal["float64", "float32", "bfloat16", "float16"]
Labels = Literal["letters", "integers", "ambiguous", "mixed", "any"]
Lengths = Literal["eos", "fixed", "both"]
Masks = Literal["none", "alive", "any", "dead"]
Numbers = Literal["equal", "plain", "near-ties", "peaked", "huge", "any"]
PromptKind = Literal["distinct", "coincident", "any"]

_MASKS: Final = ("none", "alive", "any", "dead")
_TEMPERATURES: Final = (1.0, 2.0, 0.5, 8.0)  # powers of two: dividing by them does not round

T = TypeVar("T")

# -- spaces ----------------------------------------------------------------------------------------------------------


def sequence_spaces(
    *,
    min_responses: int = 1,
    max_responses: int = 40,
    min_tokens: int = 1,
    max_tokens: int = 3,
    min_length: int = 1,
    max_length: int = 4,
    lengths: Lengths = "both",
    labels: Labels = "letters",
    min_prompts: int = 1,
    max_prompts: int = 2,
    prompts: PromptKind = "any",
) -> SearchStrategy[SequenceSpace]:
    """Return a strategy for spaces of few responses.

    Parameters
    ----------
    min_responses, max_responses : int, default 1 and 40
        The number of responses for each prompt, counted by formula before a space is made.  ``min_responses=2``
        leaves out spaces without a choice.
    min_tokens, max_tokens : int, default 1 and 3
        The number of tokens in the vocabulary, up to 26.
    min_length, max_length : int, default 1 and 4
        No response is shorter, none longer; EOS counted.  ``min_length=2`` leaves out the bare EOS.
    lengths : {"both", "eos", "fixed"}
        "eos": responses end in EOS; "fixed": they have one length, without EOS.
    labels : {"letters", "integers", "ambiguous", "mixed", "any"}
        What the tokens are: 'a', 'b', …; 0, 1, …; 'a', 'aa', …, so that two responses can have one text; or of
        several types.
    min_prompts, max_prompts : int, default 1 and 2
        The number of prompts, up to 10; a single prompt is None.
    prompts : {"any", "distinct", "coincident"}
        As for `prompts`.  "coincident" is about prompts and prefixes: it draws spaces with at least two prompts and
        two depths.

    Returns
    -------
    SearchStrategy of SequenceSpace
        One prompt, one fixed length, the shortest responses and the fewest tokens are simplest.

    Raises
    ------
    TabularBellmanError
        If no space is within these bounds, or one could have more than 1,000 (prefix, action) pairs.

    Examples
    --------
    >>> from hypothesis import find
    >>> from proofs_check.strategies import sequence_spaces
    >>> find(sequence_spaces(), lambda space: space.n_responses >= 3)
    <SequenceSpace: 3 tokens, exactly 1 token, no EOS, 3 responses, 1 prefix, 3 pairs>
    >>> find(sequence_spaces(prompts="coincident"), lambda space: space.n_tokens == 2).prompts
    ('a', 'aa')

    What cannot be is refused at once:

    >>> sequence_spaces(min_tokens=3, min_length=5, max_length=5)
    Traceback (most recent call last):
        ...
    tabular_bellman.errors.TabularBellmanError: max_responses is 40, but with min_tokens 3, min_length 5 and lengths
    'both' the smallest space has 81 responses. Raise max_responses, or lower min_tokens or min_length.
    """
    for name, value, limit in (
        ("max_responses", max_responses, draws.MOST_PAIRS),
        ("max_tokens", max_tokens, 26),
        ("max_length", max_length, 100),
        ("max_prompts", max_prompts, 10),
    ):
        _whole(name, value, limit)
    _in_order("responses", min_responses, max_responses)
    _in_order("tokens", min_tokens, max_tokens)
    _in_order("length", min_length, max_length)
    _in_order("prompts", min_prompts, max_prompts)
    _one_of("lengths", lengths, ("both", "eos", "fixed"))
    _one_of("labels", labels, ("any", *draws.LABELS))
    _one_of("prompts", prompts, ("any", "distinct", "coincident"))
    if prompts == "coincident":
        if max_prompts < 2:
            raise TabularBellmanError(
                f"max_prompts is {max_prompts}, but prompts that coincide are two at least. Raise max_prompts, or take "
                "other prompts."
            )
        if max_length < 2:
            raise TabularBellmanError(
                f"max_length is {max_length}, but where no token follows a prompt no prefix coincides with another "
                "prompt. Raise max_length to 2 or more, or take other prompts."
            )
        min_prompts = max(min_prompts, 2)
    shapes = _shapes(
        min_responses,
        max_responses,
        min_tokens,
        max_tokens,
        min_length,
        max_length,
        lengths,
        2 if prompts == "coincident" else 1,
    )
    pairs = max_prompts * draws.most_pairs(shapes)
    if pairs > draws.MOST_PAIRS:
        raise TabularBellmanError(
            f"max_responses {max_responses} and max_prompts {max_prompts} admit spaces of {pairs:,} (prefix, action) "
            f"pairs; the limit is {draws.MOST_PAIRS:,}, since Hypothesis draws a number for each. Lower one of them."
        )
    return _spaces(shapes, labels, (min_prompts, max_prompts), prompts)


def prompts(
    *, vocab: int | Iterable[Token] = "ab", min_size: int = 1, max_size: int = 3, kind: PromptKind = "any"
) -> SearchStrategy[tuple[Prompt, ...]]:
    """Return a strategy for tuples of prompts.

    Parameters
    ----------
    vocab : int or sequence of hashable, default "ab"
        The tokens, as for `SequenceSpace`.
    min_size, max_size : int, default 1 and 3
        How many prompts, up to 10.
    kind : {"any", "distinct", "coincident"}
        "distinct": 'x', 'y', … (a single prompt is None).  "coincident": each prompt is the one before it and one
        token more, so that the prompt 'ab' reads as the prompt 'a' with the prefix ('b',), and states that are kept
        by their text are merged.  Tokens that are not strings make prompts that are tuples of tokens.

    Raises
    ------
    TabularBellmanError
        For sizes out of order, or ``kind="coincident"`` with ``max_size=1``.

    Examples
    --------
    >>> from hypothesis import find
    >>> from proofs_check.strategies import prompts
    >>> find(prompts(kind="coincident"), lambda drawn: drawn[-1].endswith("b"))
    ('a', 'ab')
    >>> find(prompts(vocab=2, kind="coincident"), bool)
    ((0,), (0, 0))
    """
    tokens = as_vocabulary(vocab)
    _whole("max_size", max_size, 10)
    _in_order("size", min_size, max_size)
    _one_of("kind", kind, ("any", "distinct", "coincident"))
    if kind == "coincident":
        if max_size < 2:
            raise TabularBellmanError(
                f"max_size is {max_size}, but prompts that coincide are two at least. Raise max_size, or take another "
                "kind."
            )
        min_size = max(min_size, 2)
    return _prompts(tokens, (min_size, max_size), kind)


def _shapes(
    min_responses: int,
    max_responses: int,
    min_tokens: int,
    max_tokens: int,
    min_length: int,
    max_length: int,
    lengths: Lengths,
    min_depths: int = 1,
) -> draws.Shapes:
    kinds = {"both": (False, True), "eos": (True,), "fixed": (False,)}[lengths]
    tokens, lengths_within = (min_tokens, max_tokens), (min_length, max_length)
    shapes = draws.shapes_within(tokens, lengths_within, (min_responses, max_responses), kinds, min_depths)
    if shapes:
        return shapes
    shortest = max(min_length, min_depths)
    smallest = int(min_tokens ** (shortest if lengths == "fixed" else shortest - 1))
    if smallest > max_responses:
        raise TabularBellmanError(
            f"max_responses is {max_responses}, but with min_tokens {min_tokens}, min_length {min_length} and lengths "
            f"{lengths!r} the smallest space has {smallest:,} responses. Raise max_responses, or lower min_tokens or "
            "min_length."
        )
    raise TabularBellmanError(
        f"no space with {min_tokens} to {max_tokens} tokens, lengths {min_length} to {max_length} and lengths "
        f"{lengths!r} has {min_responses:,} to {max_responses:,} responses for each prompt. Lower min_responses, or "
        "raise max_responses, max_tokens or max_length."
    )


@st.composite
def _spaces(
    draw: st.DrawFn, shapes: draws.Shapes, labels: Labels, n_prompts: tuple[int, int], kind: PromptKind
) -> SequenceSpace:
    size = draws.pick(draw, range(n_prompts[0], n_prompts[1] + 1))
    shape = draws.draw_shape(draw, shapes)
    vocab = draws.labelled(draws.pick(draw, draws.LABELS) if labels == "any" else labels, shape.n_tokens)
    if shape.max_length == 1:
        kind = "distinct"  # no token follows a prompt
    chosen = draws.draw_prompts(draw, vocab, size, kind)
    return draw(_space(shape, _compact(vocab), chosen))


@lru_cache(maxsize=1024)  # making a strategy takes longer than making a space
def _space(
    shape: draws.Shape, vocab: int | str | tuple[Token, ...], prompts: tuple[Prompt, ...]
) -> SearchStrategy[SequenceSpace]:
    if shape.has_eos:
        return _built(_SPACE, vocab, **_lengths_and_prompts(shape, prompts))
    return _built(_FIXED_LENGTH, vocab, shape.max_length, **_lengths_and_prompts(shape, prompts))


def _given(space: SequenceSpace) -> SearchStrategy[SequenceSpace]:
    """Return the strategy of one space, itself, that prints as the call that makes it."""
    shape = draws.Shape(space.n_tokens, space.has_eos, space.min_length, space.max_length)
    arguments = _lengths_and_prompts(shape, space.prompts)
    if space.has_eos:
        return _built(_printed_as("SequenceSpace", lambda *_, **__: space), _compact(space.vocab), **arguments)
    fixed = _printed_as("SequenceSpace.fixed_length", lambda *_, **__: space)
    return _built(fixed, _compact(space.vocab), space.max_length, **arguments)


def _lengths_and_prompts(shape: draws.Shape, prompts: tuple[Prompt, ...]) -> dict[str, Any]:
    arguments: dict[str, Any] = {} if prompts == (None,) else {"prompts": prompts}
    if shape.has_eos:
        arguments["max_length"] = shape.max_length
        if shape.min_length > 1:
            arguments["min_length"] = shape.min_length
    return arguments


def _compact(vocab: tuple[Token, ...]) -> int | str | tuple[Token, ...]:
    """Return a vocabulary in the shortest form that stands for it."""
    if all(type(token) is int for token in vocab) and vocab == tuple(range(len(vocab))):
        return len(vocab)
    letters = [token for token in vocab if isinstance(token, str) and len(token) == 1]
    return "".join(letters) if len(letters) == len(vocab) else vocab


@st.composite
def _prompts(draw: st.DrawFn, vocab: tuple[Token, ...], sizes: tuple[int, int], kind: PromptKind) -> tuple[Prompt, ...]:
    return draws.draw_prompts(draw, vocab, draws.pick(draw, range(sizes[0], sizes[1] + 1)), kind)


# -- tables ----------------------------------------------------------------------------------------------------------


def masks(
    *, space: SequenceSpace | None = None, kind: Masks = "any", view: Literal["rewards", "logits"] = "rewards"
) -> SearchStrategy[StateActionTable]:
    """Return a strategy for what is forbidden: tables of 0 and -inf, to be added to others.

    Parameters
    ----------
    space : SequenceSpace, optional
        By default one is drawn.
    kind : {"any", "none", "alive", "dead"}
        "none": nothing is forbidden.  "alive": actions are, but no prefix is dead, below which every response is
        forbidden.  "any": prefixes may be dead.  "dead": at least one is.
    view : {"rewards", "logits"}
        For logits, every action into a dead prefix is forbidden, as `inverse_soft_bellman` and
        `AutoregressiveModel` demand.  For rewards, such actions may be allowed.

    Returns
    -------
    SearchStrategy of StateActionTable
        A response to each prompt is always left.  Nothing forbidden is simplest.

    Raises
    ------
    TabularBellmanError
        If `space` is too large, or for ``kind="dead"`` has a single response or depth for each prompt.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tabular_bellman import SequenceSpace
    >>> from proofs_check.strategies import masks
    >>> space = SequenceSpace("ab", max_length=2)
    >>> mask = find(masks(space=space, kind="dead"), lambda _: True)
    >>> [pair for pair, number in mask.items() if number]
    [(None, ('a',), EOS)]
    >>> mask = find(masks(space=space, kind="dead", view="logits"), lambda _: True)
    >>> [pair for pair, number in mask.items() if number]
    [(None, (), 'a'), (None, ('a',), EOS)]
    """
    _one_of("kind", kind, _MASKS)
    _one_of("view", view, ("rewards", "logits"))
    return _over(space, kind, lambda space, shown: _built_table(shown, _mask_values(space, kind, view == "logits")))


def rewards(
    *,
    space: SequenceSpace | None = None,
    masks: Masks = "any",
    numbers: Numbers = "any",
    min_value: float | None = None,
    max_value: float | None = None,
    dtype: DType = "float64",
) -> SearchStrategy[StateActionTable]:
    """Return a strategy for tables of rewards, in nats.

    Parameters
    ----------
    space : SequenceSpace, optional
        By default one is drawn.
    masks : {"any", "none", "alive", "dead"}
        What is forbidden, -inf, as for `masks`; a response to each prompt is always left.
    numbers : {"any", "equal", "plain", "near-ties", "peaked", "huge"}
        "plain": multiples of 1/4 within ±4.  "equal": one of them everywhere.  "near-ties": one of them, not 0, less
        0 to 3 units in its last place, so that sums differ by rounding at most.  "peaked": at each prefix one action
        is 12 to 60 nats ahead of the others.  "huge": multiples of 1/4 within ±10,000 (float64), ±1,000 (float32),
        ±64 (bfloat16, float16).  "any": one kind for each table, equal and plain first.
    min_value, max_value : float, optional
        No number, -inf apart, is below or above.  A bound that is given replaces the one above.
    dtype : {"float64", "float32", "bfloat16", "float16"}
        Every number is one of this type, exactly; the table itself holds float64.

    Returns
    -------
    SearchStrategy of StateActionTable
        Nothing forbidden and 0 everywhere is simplest.

    Raises
    ------
    TabularBellmanError
        For bounds without a multiple of 1/4 between them, too near to each other for `numbers`, or beyond where
        `dtype` has all multiples of 1/4; and as `masks`.

    Examples
    --------
    >>> from hypothesis import find
    >>> from proofs_check.strategies import rewards
    >>> from tabular_bellman import soft_bellman
    >>> def differs_from_the_maximum(reward):
    ...     _, values = soft_bellman(reward)
    ...     return values.levels[-1].max() > reward.levels[-1].max()
    >>> table = find(rewards(), differs_from_the_maximum)
    >>> table.space
    <SequenceSpace: 2 tokens, exactly 1 token, no EOS, 2 responses, 1 prefix, 2 pairs>
    >>> dict(table.items())
    {(None, (), 'a'): 0.0, (None, (), 'b'): 0.0}
    """
    _one_of("masks", masks, _MASKS)
    drawn = _checked_numbers(numbers, min_value, max_value, dtype)
    return _over(space, masks, lambda space, shown: _built_table(shown, _values(space, drawn, masks, False)))


def logits(
    *,
    space: SequenceSpace | None = None,
    masks: Masks = "alive",
    numbers: Numbers = "any",
    min_value: float | None = None,
    max_value: float | None = None,
    dtype: DType = "float64",
) -> SearchStrategy[StateActionTable]:
    """Return a strategy for tables of logits, in nats.

    Parameters
    ----------
    space
        As for `rewards`.
    masks : {"alive", "none", "any", "dead"}
        What is forbidden.  By default every prefix keeps an action.  With "any" prefixes may be dead and with
        "dead" one is; then the logit of every action into it is -inf.
    numbers, min_value, max_value, dtype
        As for `rewards`.

    Returns
    -------
    SearchStrategy of StateActionTable

    Raises
    ------
    TabularBellmanError
        As `rewards`.

    Examples
    --------
    >>> from hypothesis import find
    >>> import numpy as np
    >>> from proofs_check.strategies import logits
    >>> table = find(logits(numbers="near-ties"), lambda table: np.ptp(table.levels[0]) > 0)
    >>> dict(table.items())
    {(None, (), 'a'): 1.0, (None, (), 'b'): 0.9999999999999998}
    """
    _one_of("masks", masks, _MASKS)
    drawn = _checked_numbers(numbers, min_value, max_value, dtype)
    return _over(space, masks, lambda space, shown: _built_table(shown, _values(space, drawn, masks, True)))


def state_tables(
    *,
    space: SequenceSpace | None = None,
    numbers: Numbers = "any",
    min_value: float | None = None,
    max_value: float | None = None,
    dtype: DType = "float64",
) -> SearchStrategy[StateTable]:
    """Return a strategy for tables with a finite number at each prefix, such as potentials.

    Parameters
    ----------
    space, numbers, min_value, max_value, dtype
        As for `rewards`; "peaked": at each depth one prefix is far ahead.

    Examples
    --------
    >>> from hypothesis import find
    >>> from proofs_check.strategies import state_tables
    >>> dict(find(state_tables(), lambda potential: potential.levels[-1].max() > 1).items())
    {(None, ()): 1.25}
    """
    drawn = _checked_numbers(numbers, min_value, max_value, dtype)
    return _over(
        space, "none", lambda space, shown: _built(_STATE_TABLE, shown, _state_values(space, drawn), default=0.0)
    )


def references(*, space: SequenceSpace | None = None, zeros: bool = False) -> SearchStrategy[StateActionTable]:
    """Return a strategy for tables of reference weights: probabilities of the actions at each prefix.

    Parameters
    ----------
    space : SequenceSpace, optional
        By default one is drawn.
    zeros : bool, default False
        Whether weights may be 0.  Every prefix keeps one that is not; but rewards with masks of their own may
        forbid what is left.

    Returns
    -------
    SearchStrategy of StateActionTable
        Multiples of a power of two, which at each prefix add up to 1 exactly; with up to 32 actions all of them are
        exact in bfloat16.  Weights near to each other are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from proofs_check.strategies import references
    >>> from tabular_bellman import SequenceSpace
    >>> space = SequenceSpace.fixed_length("abc", 1)
    >>> find(references(space=space, zeros=True), lambda table: table[None, (), "c"] == 0)[0]
    array([[0.5, 0.5, 0. ]])
    """
    _yes_or_no("zeros", zeros)
    return _over(space, "none", lambda space, shown: _built_table(shown, _weights(space, zeros)))


def _over(
    space: SequenceSpace | None,
    masks: str,
    tables: Callable[[SequenceSpace, SearchStrategy[SequenceSpace]], SearchStrategy[T]],
) -> SearchStrategy[T]:
    """Return the strategy of tables over a space, or over spaces that are drawn; it takes a space and its strategy."""
    if space is None:
        # A dead prefix needs two depths, and a response that avoids it.
        shapes = _shapes(2, 40, 1, 3, 1, 4, "both", 2) if masks == "dead" else _shapes(1, 40, 1, 3, 1, 4, "both")
        return _spaces(shapes, "letters", (1, 2), "any").flatmap(lambda drawn: tables(drawn, st.just(drawn)))
    if isinstance(space, SearchStrategy):
        raise TabularBellmanError(
            "space is a strategy; it must be a SequenceSpace. Draw it first: "
            "spaces.flatmap(lambda space: rewards(space=space))."
        )
    if not isinstance(space, SequenceSpace):
        raise TabularBellmanError(
            f"space is a {type(space).__name__}; it must be a SequenceSpace, or None to draw one."
        )
    if space.n_pairs > draws.MOST_PAIRS:
        raise TabularBellmanError(
            f"space is {space!r}; the limit is {draws.MOST_PAIRS:,} pairs, since Hypothesis draws a number for each. "
            "Use a shorter max_length or a smaller vocabulary; for a large table, StateActionTable.random."
        )
    if masks == "dead" and not draws.can_be_dead(space):
        raise TabularBellmanError(
            f"space is {space!r}, in which no prefix can be dead while a response is left: that takes two depths and "
            "two responses. Use another space, or other masks."
        )
    return tables(space, _given(space))


def _mask(draw: st.DrawFn, space: SequenceSpace, kind: str, for_logits: bool) -> list[bool]:
    """Draw what is forbidden, in the order of ``space.pairs()``; an empty list for nothing."""
    levels = draws.draw_mask(draw, space, kind, for_logits)
    if levels is None:
        return []
    return [bool(x) for t, level in enumerate(levels) for x in space.to_lexicographic(level, t).ravel()]


@st.composite
def _mask_values(draw: st.DrawFn, space: SequenceSpace, kind: str, for_logits: bool) -> dict[Any, float]:
    forbidden = _mask(draw, space, kind, for_logits)
    return {pair: -np.inf for pair, no in zip(space.pairs(), forbidden, strict=False) if no}


@st.composite
def _values(
    draw: st.DrawFn, space: SequenceSpace, numbers: draws.Numbers, masks: str, for_logits: bool
) -> dict[Any, float]:
    forbidden = _mask(draw, space, masks, for_logits)
    values = draws.draw_numbers(draw, numbers, _group_sizes(space))
    if forbidden:
        values = [-np.inf if no else value for no, value in zip(forbidden, values, strict=True)]
    return {pair: value for pair, value in zip(space.pairs(), values, strict=True) if value}


@st.composite
def _state_values(draw: st.DrawFn, space: SequenceSpace, numbers: draws.Numbers) -> dict[Any, float]:
    values = draws.draw_numbers(draw, numbers, [space.n_prefixes_at(t) for t in range(space.n_depths)])
    keys = (key for t in range(space.n_depths) for key in space.prefixes(t))
    return {key: value for key, value in zip(keys, values, strict=True) if value}


@st.composite
def _weights(draw: st.DrawFn, space: SequenceSpace, zeros: bool) -> dict[Any, float]:
    groups = (draws.apportioned(draws.draw_counts(draw, size, zeros)) for size in _group_sizes(space))
    values = [float(share) for group in groups for share in group]
    return {pair: value for pair, value in zip(space.pairs(), values, strict=True) if value}


def _group_sizes(space: SequenceSpace) -> list[int]:
    """The number of actions of each prefix, in the order of ``space.pairs()``."""
    return [space.n_actions(t) for t in range(space.n_depths) for _ in range(space.n_prefixes_at(t))]


# -- models and probabilities ----------------------------------------------------------------------------------------


@overload
def models(
    *,
    kind: Literal["autoregressive"],
    space: SequenceSpace | None = None,
    masks: Masks = "any",
    numbers: Numbers = "any",
    min_value: float | None = None,
    max_value: float | None = None,
) -> SearchStrategy[AutoregressiveModel]: ...
@overload
def models(
    *,
    kind: Literal["energy-based"],
    space: SequenceSpace | None = None,
    masks: Masks = "any",
    numbers: Numbers = "any",
    min_value: float | None = None,
    max_value: float | None = None,
) -> SearchStrategy[EnergyBasedModel]: ...
@overload
def models(
    *,
    kind: Literal["both"] = "both",
    space: SequenceSpace | None = None,
    masks: Masks = "any",
    numbers: Numbers = "any",
    min_value: float | None = None,
    max_value: float | None = None,
) -> SearchStrategy[AutoregressiveModel | EnergyBasedModel]: ...
def models(
    *,
    kind: Literal["autoregressive", "energy-based", "both"] = "both",
    space: SequenceSpace | None = None,
    masks: Masks = "any",
    numbers: Numbers = "any",
    min_value: float | None = None,
    max_value: float | None = None,
) -> SearchStrategy[Any]:
    """Return a strategy for models: distributions over the responses to each prompt.

    Parameters
    ----------
    kind : {"both", "autoregressive", "energy-based"}
        An autoregressive model has drawn logits; an energy-based one drawn rewards, and a temperature of 1, 2, 1/2
        or 8.
    space, masks, numbers, min_value, max_value
        As for `rewards` and `logits`.

    Examples
    --------
    >>> from hypothesis import find
    >>> from proofs_check.strategies import models
    >>> find(models(kind="energy-based"), lambda model: model.temperature != 1)
    EnergyBasedModel(<SequenceSpace: 1 token, exactly 1 token, no EOS, 1 response, 1 prefix, 1 pair>, temperature=2)
    >>> find(models(kind="autoregressive"), lambda model: True).probabilities()
    array([[1.]])
    """
    _one_of("kind", kind, ("both", "autoregressive", "energy-based"))
    shared: dict[str, Any] = {"space": space, "masks": masks, "numbers": numbers}
    shared |= {"min_value": min_value, "max_value": max_value}
    autoregressive = st.builds(AutoregressiveModel, logits(**shared))
    energy_based = st.builds(EnergyBasedModel, rewards(**shared), st.sampled_from(_TEMPERATURES))
    if kind == "both":
        return autoregressive | energy_based
    return autoregressive if kind == "autoregressive" else energy_based


@overload
def distributions(
    *,
    min_size: int = 1,
    max_size: int = 6,
    shape: Literal["any", "plain", "peaked"] = "any",
    zeros: bool = True,
    exact: Literal[False] = False,
) -> SearchStrategy[FloatArray]: ...
@overload
def distributions(
    *,
    min_size: int = 1,
    max_size: int = 6,
    shape: Literal["any", "plain", "peaked"] = "any",
    zeros: bool = True,
    exact: Literal[True],
) -> SearchStrategy[tuple[Fraction, ...]]: ...
def distributions(
    *,
    min_size: int = 1,
    max_size: int = 6,
    shape: Literal["any", "plain", "peaked"] = "any",
    zeros: bool = True,
    exact: bool = False,
) -> SearchStrategy[Any]:
    """Return a strategy for probability vectors.

    For distributions over the responses of a space, use `models` and ``model.probabilities()``.

    Parameters
    ----------
    min_size, max_size : int, default 1 and 6
        How many outcomes, up to 1,000.
    shape : {"any", "plain", "peaked"}
        "plain": drawn whole numbers from 0 (or 1) to 8, divided by their sum.  "peaked": one outcome has all of the
        probability but at most ``8 * max_size`` parts in 2**10 to 2**40.
    zeros : bool, default True
        Whether probabilities may be 0.
    exact : bool, default False
        Whether to draw tuples of `Fraction`, or arrays of float64.

    Returns
    -------
    SearchStrategy of ndarray of shape (n,), or of tuple of Fraction
        They add up to exactly 1.  So do the floats, in any order: they are multiples of a power of two.  Few
        outcomes of about the same probability are simplest.

    Raises
    ------
    TabularBellmanError
        For sizes out of order or range, or ``shape="peaked"`` with ``max_size=1``.

    Examples
    --------
    >>> from hypothesis import find
    >>> from proofs_check.strategies import distributions
    >>> find(distributions(exact=True), lambda p: 0 in p)
    (Fraction(1, 1), Fraction(0, 1))
    >>> find(distributions(exact=True, shape="plain"), lambda p: len(p) == 3)
    (Fraction(1, 3), Fraction(1, 3), Fraction(1, 3))
    >>> find(distributions(shape="plain"), lambda p: len(p) == 3)
    array([0.25, 0.25, 0.5 ])
    """
    _whole("max_size", max_size, 1_000)
    _in_order("size", min_size, max_size)
    _one_of("shape", shape, ("any", "plain", "peaked"))
    _yes_or_no("zeros", zeros)
    _yes_or_no("exact", exact)
    if shape == "peaked":
        if max_size < 2:
            raise TabularBellmanError(
                f"max_size is {max_size}, but a peak takes two outcomes at least. Raise max_size, or take"
                " another shape."
            )
        min_size = max(min_size, 2)
    return _probabilities((min_size, max_size), shape, zeros, exact)


@st.composite
def _probabilities(
    draw: st.DrawFn, sizes: tuple[int, int], shape: str, zeros: bool, exact: bool
) -> tuple[Fraction, ...] | FloatArray:
    size = draws.pick(draw, range(sizes[0], sizes[1] + 1))
    peaked = shape == "peaked" or (shape == "any" and size > 1 and draw(st.booleans()))
    counts = draws.draw_counts(draw, size, zeros)
    if peaked:
        peak = draw(st.integers(0, size - 1))
        whole = 2 ** draw(st.integers(max(10, (8 * size).bit_length()), 40))
        counts[peak] = 0
        counts[peak] = whole - sum(counts)
    if exact:
        return tuple(Fraction(count, sum(counts)) for count in counts)
    return np.array([float(share) for share in draws.apportioned(counts)])


# -- for st.from_type ------------------------------------------------------------------------------------------------

TYPES: Final[Mapping[Any, Callable[[], SearchStrategy[Any]]]] = {
    SequenceSpace: partial(sequence_spaces, labels="any"),
    StateActionTable: rewards,
    StateTable: state_tables,
    AutoregressiveModel: partial(models, kind="autoregressive"),
    EnergyBasedModel: partial(models, kind="energy-based"),
}


def of_type(kind: Any) -> SearchStrategy[Any]:
    """Return the strategy of one of the `TYPES`."""
    return TYPES[kind]()


# -- calls that print as they are to be typed ------------------------------------------------------------------------


def _printed_as(name: str, function: Callable[..., T]) -> Callable[..., T]:
    """Name a call: Hypothesis prints what `st.builds` made by the name of the function, which loses the class."""

    def call(*arguments: Any, **keywords: Any) -> T:
        return function(*arguments, **keywords)

    call.__name__ = name
    return call


_SPACE: Final = _printed_as("SequenceSpace", SequenceSpace)
_FIXED_LENGTH: Final = _printed_as("SequenceSpace.fixed_length", SequenceSpace.fixed_length)
_TABLE: Final = _printed_as("StateActionTable.from_dict", StateActionTable.from_dict)
_STATE_TABLE: Final = _printed_as("StateTable.from_dict", StateTable.from_dict)


def _built(function: Callable[..., T], *arguments: Any, **keywords: Any) -> SearchStrategy[T]:
    """Return ``st.builds`` of the arguments, each a value or, of those here, a strategy."""

    def strategy(argument: Any) -> SearchStrategy[Any]:
        return argument if isinstance(argument, SearchStrategy) else st.just(argument)

    return st.builds(function, *map(strategy, arguments), **{name: strategy(x) for name, x in keywords.items()})


def _built_table(
    space: SearchStrategy[SequenceSpace], values: SearchStrategy[dict[Any, float]]
) -> SearchStrategy[StateActionTable]:
    return _built(_TABLE, space, values, default=0.0)


# -- arguments -------------------------------------------------------------------------------------------------------


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _whole(name: str, value: Any, limit: int) -> None:
    if not _is_whole(value) or not 1 <= value <= limit:
        raise TabularBellmanError(f"{name} is {value!r}; it must be a whole number from 1 to {limit:,}.")


def _in_order(name: str, low: Any, high: int) -> None:
    if not _is_whole(low) or low < 1:
        raise TabularBellmanError(f"min_{name} is {low!r}; it must be a whole number from 1 to max_{name}, {high:,}.")
    if low > high:
        raise TabularBellmanError(
            f"min_{name} is {low:,}, above max_{name}, {high:,}. Lower min_{name}, or raise max_{name}."
        )


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise TabularBellmanError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, allowed))}.")


def _yes_or_no(name: str, value: Any) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise TabularBellmanError(f"{name} is {value!r}; it must be True or False.")


def _checked_numbers(numbers: Any, min_value: Any, max_value: Any, dtype: Any) -> draws.Numbers:
    _one_of("numbers", numbers, ("any", *draws.NUMBERS))
    _one_of("dtype", dtype, tuple(draws.FORMATS))
    form = draws.FORMATS[dtype]
    for name, value in (("min_value", min_value), ("max_value", max_value)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise TabularBellmanError(f"{name} is {value!r}; it must be a finite number, or None for the default.")
        if not abs(float(value)) <= form.limit:
            raise TabularBellmanError(
                f"{name} is {value}; it must lie within ±{form.limit:g}, where {dtype} has every multiple of 1/4. "
                "Lower it, or name a wider dtype."
            )
    if min_value is not None and max_value is not None and min_value > max_value:
        raise TabularBellmanError(
            f"min_value is {min_value}, above max_value {max_value}. Lower min_value, or raise max_value."
        )
    return draws.numbers_within(numbers, min_value, max_value, form)
