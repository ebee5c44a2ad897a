"""How the strategies draw: shapes of spaces, prompts, what is forbidden, numbers of a float type, probabilities.

Every number comes from Hypothesis by itself, as an integer that shrinks to 0, and what it means is decided here: so
a value shrinks and replays, and a table shrinks to zeros.  Nothing is drawn and then thrown away.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tabular_bellman import SequenceSpace, TabularBellmanError
from tabular_bellman.tokens import Prefix, Prompt, Response, Token

__all__ = [
    "FORMATS",
    "LABELS",
    "MOST_PAIRS",
    "NUMBERS",
    "FloatFormat",
    "Levels",
    "Numbers",
    "Shape",
    "Shapes",
    "apportioned",
    "can_be_dead",
    "draw_counts",
    "draw_mask",
    "draw_numbers",
    "draw_prompts",
    "draw_shape",
    "labelled",
    "most_pairs",
    "numbers_within",
    "pick",
    "shapes_within",
]

MOST_PAIRS: Final = 1_000  # two draws for each, mask and number, stay within what Hypothesis lets one example hold

Levels = list[NDArray[np.bool_]]
T = TypeVar("T")

# -- spaces ----------------------------------------------------------------------------------------------------------

LABELS: Final = ("letters", "integers", "ambiguous", "mixed")
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


class Shape(NamedTuple):
    """A number of tokens and the lengths of responses; without EOS, these are equal."""

    n_tokens: int
    has_eos: bool
    min_length: int
    max_length: int

    @property
    def n_responses(self) -> int:
        """The number of responses to a prompt."""
        if not self.has_eos:
            return int(self.n_tokens**self.max_length)
        return sum(int(self.n_tokens**t) for t in range(self.min_length - 1, self.max_length))

    @property
    def n_pairs(self) -> int:
        """The number of (prefix, action) pairs of a prompt."""
        depths = range(1, self.max_length + (not self.has_eos))
        return sum(int(self.n_tokens**t) for t in depths) + self.has_eos * self.n_responses


Shapes = dict[bool, dict[int, dict[int, list[Shape]]]]


@lru_cache(maxsize=256)
def shapes_within(
    tokens: tuple[int, int],
    lengths: tuple[int, int],
    responses: tuple[int, int],
    kinds: tuple[bool, ...],
    min_depths: int = 1,
) -> Shapes:
    """Return the shapes within closed bounds: by whether there is EOS, by largest length, by number of tokens."""
    found: Shapes = {}
    for has_eos in kinds:
        for T in range(max(lengths[0], min_depths), lengths[1] + 1):
            for V in range(tokens[0], tokens[1] + 1):
                if V ** (T - has_eos) > responses[1]:
                    break  # the longest responses alone are too many
                shapes = [Shape(V, has_eos, S, T) for S in (range(lengths[0], T + 1) if has_eos else (T,))]
                within = [shape for shape in shapes if responses[0] <= shape.n_responses <= responses[1]]
                if within:
                    found.setdefault(has_eos, {}).setdefault(T, {})[V] = within
    return found


def most_pairs(shapes: Shapes) -> int:
    """Return how many pairs a shape has at the most."""
    return max(
        shape.n_pairs
        for by_length in shapes.values()
        for by_tokens in by_length.values()
        for within in by_tokens.values()
        for shape in within
    )


def draw_shape(draw: st.DrawFn, shapes: Shapes) -> Shape:
    """Draw a shape.

    Each step shrinks by itself; fixed lengths come first, since they make the smallest tables with a choice.
    """
    by_length = shapes[pick(draw, list(shapes))]
    by_tokens = by_length[pick(draw, list(by_length))]
    return pick(draw, by_tokens[pick(draw, list(by_tokens))])


def pick(draw: st.DrawFn, options: Sequence[T]) -> T:
    """Draw one of several things, the first being the simplest.

    Two habits of Hypothesis make this the better way to shrink.  ``st.sampled_from`` makes no choice between one thing:
    examples with less to choose from would count as shorter, and simpler.  And a choice that decides what else there is
    to draw is lowered with care, every lower value being tried with new draws after it, where it counts from 0.
    """
    return options[draw(st.integers(0, len(options) - 1))]


def labelled(kind: str, n_tokens: int) -> tuple[Token, ...]:
    """Return a vocabulary of so many tokens."""
    if kind == "integers":
        return tuple(range(n_tokens))
    if kind == "letters":
        return tuple(_LETTERS[:n_tokens])
    if kind == "ambiguous":  # 'a' + 'a' and 'aa' are two responses with one text
        return tuple("a" * (i + 1) for i in range(n_tokens))
    mixed: list[Token] = [None, (1, "b"), 2.5, "c", ("None",), True]
    return tuple([*mixed, *_LETTERS[3:]][:n_tokens])


def draw_prompts(draw: st.DrawFn, vocab: Sequence[Token], size: int, kind: str) -> tuple[Hashable, ...]:
    """Draw `size` prompts: names, or, each with one token appended to the last, strings that coincide."""
    if size == 1 or kind == "distinct" or (kind == "any" and not draw(st.booleans())):
        return (None,) if size == 1 else tuple(f"prompt {i}" if i > 2 else "xyz"[i] for i in range(size))
    text = [pick(draw, vocab) for _ in range(pick(draw, (1, 2)))]
    written = all(isinstance(token, str) for token in vocab)
    chain: list[Hashable] = []
    for _ in range(size):
        if chain:
            text.append(pick(draw, vocab))
        chain.append("".join(map(str, text)) if written else tuple(text))
    return tuple(chain)


# -- what is forbidden -----------------------------------------------------------------------------------------------


def can_be_dead(space: SequenceSpace) -> bool:
    """Tell whether a prefix can be dead while a response is left: there is a prefix that some response avoids."""
    return space.n_depths >= 2 and space.n_responses_per_prompt >= 2


def draw_mask(draw: st.DrawFn, space: SequenceSpace, kind: str, for_logits: bool) -> Levels | None:
    """Draw what is forbidden, True, level by level as tables store it; None for nothing.

    "alive": every prefix keeps an action; "any": each prompt keeps a response; "dead": and some prefix is dead.
    """
    if kind == "none":
        return None
    # First nothing, then a few cuts, whose places hold in other spaces too, so that the space can still shrink, then
    # one, two or three quarters of everything.
    amount = draw(st.integers(0, 4))
    if not amount and kind != "dead":
        return None
    forbidden = [np.zeros((space.n_actions(t), space.n_prefixes_at(t)), bool) for t in range(space.n_depths)]
    killed = [_kill(draw, space, forbidden)] if kind == "dead" else []
    if amount == 1:
        for _ in range(pick(draw, (1, 2, 3))):
            if kind == "alive" or not can_be_dead(space) or not draw(st.booleans()):
                _cut(draw, space, forbidden)
            else:
                killed.append(_kill(draw, space, forbidden))
    elif amount > 1:
        quarter = st.integers(0, 3)
        for level in forbidden:
            level |= np.reshape([draw(quarter) > 4 - amount for _ in range(level.size)], level.shape)
    if kind == "alive":
        for level in forbidden:
            for index in np.flatnonzero(level.all(axis=0)).tolist():
                level[draw(st.integers(0, level.shape[0] - 1)), index] = False
        return forbidden
    for p, prompt in enumerate(space.prompts):
        _keep(draw, space, forbidden, prompt, [prefix for q, prefix in killed if q == p])
    if for_logits:
        for t in range(space.n_depths - 1, 0, -1):
            forbidden[t - 1][: space.n_tokens] |= forbidden[t].all(axis=0).reshape(space.n_tokens, -1)
    return forbidden


def _cut(draw: st.DrawFn, space: SequenceSpace, forbidden: Levels) -> None:
    """Forbid one action at one prefix."""
    p = draw(st.integers(0, space.n_prompts - 1))
    depth = draw(st.integers(0, space.n_depths - 1))
    index = p + space.n_prompts * draw(st.integers(0, space.n_tokens**depth - 1))
    forbidden[depth][draw(st.integers(0, space.n_actions(depth) - 1)), index] = True


def _kill(draw: st.DrawFn, space: SequenceSpace, forbidden: Levels) -> tuple[int, Prefix]:
    """Forbid every response through one prefix, there or further down; return the place of its prompt, and it."""
    V, P, last = space.n_tokens, space.n_prompts, space.n_depths - 1
    p = draw(st.integers(0, P - 1))
    # With one token, the prefix must be longer than some response.
    depth = pick(draw, range(1 if V > 1 else space.min_length, last + 1))
    index = p + P * draw(st.integers(0, V**depth - 1))
    below = pick(draw, range(depth, last + 1))  # if below the prefix itself, that it is dead has to be carried up
    for t in range(depth, below + 1):
        rows = slice(None) if t == below else slice(V, None)  # EOS on the way, then everything
        forbidden[t][rows, index :: P * V**depth] = True  # the first token is the fastest: these begin with the prefix
    return p, space.prefix_at(depth, index)[1]


def _keep(draw: st.DrawFn, space: SequenceSpace, forbidden: Levels, prompt: Prompt, killed: list[Prefix]) -> None:
    """Allow one response to a prompt, if possible one that passes through none of the prefixes, else not the first."""
    kept: list[Response] = []
    while killed and not kept:
        kept = [y for y in space.responses() if all(y[: len(prefix)] != prefix for prefix in killed)]
        killed = killed[:-1]
    response = pick(draw, kept or list(space.responses()))
    for t, action in enumerate(response):
        _, index = space.prefix_index(response[:t], prompt)
        forbidden[t][space.action_index(t, action), index] = False


# -- numbers ---------------------------------------------------------------------------------------------------------

NUMBERS: Final = ("equal", "plain", "near-ties", "peaked", "huge")

_PLAIN: Final = 16  # in quarters, as all of these
_WINDOW: Final = (-8, 8)  # where the others are when one action is far ahead
_AHEAD: Final = (64, 224)  # by how much it is: 16 to 56 nats
_ULPS: Final = 3  # how far near-ties are apart


@dataclass(frozen=True)
class FloatFormat:
    """A float type: its significand bits, its smallest normal number, and how large it comfortably gets."""

    name: str
    bits: int
    smallest: float
    huge: int

    @property
    def limit(self) -> float:
        """Up to here every multiple of 1/4 is a number of this type."""
        return math.ldexp(1.0, self.bits - 2)


FORMATS: Final = {
    form.name: form
    for form in (
        FloatFormat("float64", 53, 2.0**-1022, 10_000),
        FloatFormat("float32", 24, 2.0**-126, 1_000),
        FloatFormat("bfloat16", 8, 2.0**-126, 64),
        FloatFormat("float16", 11, 2.0**-14, 64),
    )
}


@dataclass(frozen=True)
class Numbers:
    """Which numbers to draw, in quarters: of which kinds, plain ones and all others from where to where."""

    kinds: tuple[str, ...]
    plain: tuple[int, int]
    widest: tuple[int, int]
    bits: int


@lru_cache(maxsize=256)
def numbers_within(kind: str, min_value: float | None, max_value: float | None, form: FloatFormat) -> Numbers:
    """Return the numbers of a kind within bounds.

    Raises
    ------
    TabularBellmanError
        If there are none: no multiple of 1/4, or too little room for the kind.
    """
    low = None if min_value is None else math.ceil(4 * min_value)
    high = None if max_value is None else math.floor(4 * max_value)
    if low is not None and high is not None and low > high:
        raise TabularBellmanError(
            f"min_value {min_value} and max_value {max_value}: no multiple of 1/4 lies between them, and numbers are "
            "multiples of 1/4 (for other units, scale the table). Widen the bounds."
        )
    plain = _filled(low, high, _PLAIN, form)
    widest = _filled(low, high, 4 * form.huge, form)
    room = widest[1] - widest[0]
    has_room = {
        "plain": True,
        "equal": True,
        "near-ties": room >= 1,
        "peaked": room >= _AHEAD[0] + _WINDOW[1] - _WINDOW[0],
        "huge": room >= 4 * form.huge,
    }
    if kind != "any" and not has_room[kind]:
        least = {"near-ties": 0.25, "peaked": (_AHEAD[0] + _WINDOW[1] - _WINDOW[0]) / 4, "huge": form.huge}[kind]
        raise TabularBellmanError(
            f"numbers is {kind!r}, but min_value {min_value} and max_value {max_value} are too near to each other: "
            f"such numbers of type {form.name} take a range of {least:g} at least. Widen the bounds, or take other "
            "numbers."
        )
    kinds = tuple(k for k in NUMBERS if has_room[k]) if kind == "any" else (kind,)
    return Numbers(kinds, plain, widest, form.bits)


def _filled(low: int | None, high: int | None, size: int, form: FloatFormat) -> tuple[int, int]:
    """Fill in bounds that are not given: ±size, or 2·size from the one that is given where that is beyond."""
    limit = int(4 * form.limit)
    if low is None:
        low = -size if high is None or high > -size else max(high - 2 * size, -limit)
    if high is None:
        high = size if low < size else min(low + 2 * size, limit)
    return low, high


def draw_numbers(draw: st.DrawFn, numbers: Numbers, sizes: Sequence[int]) -> list[float]:
    """Draw groups of numbers, of these sizes: the actions of a prefix are a group, in which one may be far ahead."""
    kind = pick(draw, numbers.kinds)
    low, high = numbers.plain
    total = sum(sizes)
    if kind == "equal":
        return [draw(st.integers(low, high)) / 4] * total
    if kind == "near-ties":
        return _near_ties(draw, numbers, total)
    if kind == "peaked":
        return _peaked(draw, numbers, sizes)
    if kind == "huge":
        low, high = numbers.widest
    quarters = st.integers(low, high)
    return [draw(quarters) / 4 for _ in range(total)]


def _near_ties(draw: st.DrawFn, numbers: Numbers, total: int) -> list[float]:
    low, high = numbers.plain
    drawn = draw(st.integers(low, high))
    tie = (drawn or (4 if high >= 4 else high or low)) / 4  # 0 has no last place: 1 is the simplest
    # Towards 0, where a unit in the last place never grows; and not out of the bounds.
    step = math.copysign(math.ldexp(1.0, math.frexp(tie)[1] - numbers.bits), tie)
    steps = st.integers(0, _ULPS)
    return [min(max(tie - draw(steps) * step, low / 4), high / 4) for _ in range(total)]


def _peaked(draw: st.DrawFn, numbers: Numbers, sizes: Sequence[int]) -> list[float]:
    low, high = numbers.widest
    width = _WINDOW[1] - _WINDOW[0]
    ahead = 32 * draw(st.integers(_AHEAD[0] // 32, min(_AHEAD[1], high - low - width) // 32))
    start = min(max(_WINDOW[0], low), high - ahead - width)
    others = st.integers(start, start + width)
    drawn: list[float] = []
    for size in sizes:
        group = [draw(others) for _ in range(size)]
        if size > 1:
            group[draw(st.integers(0, size - 1))] += ahead
        drawn += [quarters / 4 for quarters in group]
    return drawn


# -- probabilities ---------------------------------------------------------------------------------------------------


def draw_counts(draw: st.DrawFn, size: int, zeros: bool) -> list[int]:
    """Draw whole numbers that are not all 0, and simplest all 1."""
    steps = st.integers(-1 if zeros else 0, 7)
    counts = [1 + draw(steps) for _ in range(size)]
    return counts if any(counts) else [1, *counts[1:]]


def apportioned(counts: Sequence[int]) -> list[Fraction]:
    """Return shares near to those of the counts that are multiples of a power of two and add up to 1.

    As floats they are exact, and so is their sum, in any order.
    """
    total = sum(counts)
    whole = 1 << (total - 1).bit_length()
    # Rounding the running sums spreads the excess, and never takes a share to 0, since whole >= total.
    running = [0]
    for count in counts:
        running.append(running[-1] + count)
    edges = [r * whole // total for r in running]
    return [Fraction(b - a, whole) for a, b in pairwise(edges)]
