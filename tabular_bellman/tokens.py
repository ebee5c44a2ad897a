"""Tokens, prompts and `EOS`: what a vocabulary may hold, and the words for sizes in messages."""

import enum
import math
import operator
from collections.abc import Hashable, Iterable
from itertools import islice
from typing import Final

import numpy as np

from tabular_bellman.errors import TabularBellmanError

__all__ = [
    "EOS",
    "EndOfSequence",
    "Prefix",
    "Prompt",
    "Response",
    "Token",
    "as_prompts",
    "as_vocabulary",
    "count",
    "numbering",
    "plural",
    "positive_int",
    "some",
]

Token = Hashable
"""Anything hashable but EOS: a string, a number."""

Prompt = Hashable
"""Anything hashable: the root of a tree of its own."""

Prefix = tuple[Hashable, ...]
"""The tokens already written."""

Response = tuple[Hashable, ...]
"""Tokens and then EOS; in a space of fixed length, tokens alone."""

_MOST: Final = 2**20  # tokens, and prompts


class EndOfSequence(enum.Enum):
    """The type of `EOS`, the action that ends a response."""

    EOS = "EOS"

    def __repr__(self) -> str:
        return "EOS"

    def __str__(self) -> str:
        return "EOS"


EOS: Final = EndOfSequence.EOS
"""The end of a sequence: the last action of each response, and no token."""


def positive_int(name: str, value: object, limit: int | None) -> int:
    """Return `value` as an int of at least 1 and at most `limit`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # refused below when it has no index
    except TypeError:
        number = 0
    if isinstance(value, bool) or number < 1:
        raise TabularBellmanError(f"{name} is {value!r}; it must be a positive integer.")
    if limit is not None and number > limit:
        raise TabularBellmanError(f"{name} is {count(number)}; the limit is {limit:,}.")
    return number


def as_vocabulary(vocab: int | Iterable[Token]) -> tuple[Token, ...]:
    """Return the tokens in order; refuse an empty vocabulary, EOS in it, and what has no order."""
    if isinstance(vocab, (int, np.integer)):
        if isinstance(vocab, bool) or vocab < 1:
            raise TabularBellmanError(f"vocab is {vocab!r}; a vocabulary needs at least one token.")
        if vocab > _MOST:
            raise TabularBellmanError(f"vocab is {count(int(vocab))}; the limit is {_MOST:,} tokens.")
        return tuple(range(vocab))
    tokens = _ordered("vocab", "an int or a sequence of hashable tokens", vocab)
    if not tokens:
        raise TabularBellmanError("the vocabulary is empty; it needs at least one token.")
    if any(token is EOS for token in tokens):
        raise TabularBellmanError("EOS is in the vocabulary; leave it out, every space adds it by itself.")
    return tokens


def as_prompts(prompts: Iterable[Prompt] | None) -> tuple[Prompt, ...]:
    """Return the prompts in order; None stands for the single prompt None."""
    if prompts is None:
        return (None,)
    if isinstance(prompts, (str, bytes)):
        raise TabularBellmanError(f"prompts is the single string {prompts!r}; write [{prompts!r}] for one prompt.")
    result = _ordered("prompts", "a sequence of hashable prompts", prompts)
    if not result:
        raise TabularBellmanError("prompts is empty; give at least one prompt, or leave it out.")
    if len(result) > 1 and any(prompt is None for prompt in result):
        raise TabularBellmanError("None is among several prompts, where it stands for all of them; name it otherwise.")
    return result


def _ordered(name: str, wanted: str, values: Iterable[Hashable]) -> tuple[Hashable, ...]:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, (set, frozenset, dict)) or not isinstance(values, Iterable):
        raise TabularBellmanError(f"{name} is {values!r}; it must be {wanted}, in an order.")
    result = tuple(islice(values, _MOST + 1))
    if len(result) > _MOST:
        raise TabularBellmanError(f"{name} has more than {_MOST:,} entries, which is the limit.")
    return result


def numbering(kind: str, values: tuple[Hashable, ...]) -> dict[Hashable, int]:
    """Return {value: position}; refuse duplicates and what cannot be a key."""
    index: dict[Hashable, int] = {}
    for i, value in enumerate(values):
        try:
            if value in index:
                raise TabularBellmanError(
                    f"duplicate {kind} {value!r} at positions {index[value]} and {i}; each {kind} stands once."
                )
            index[value] = i
        except TypeError:
            raise TabularBellmanError(f"{kind} {value!r} at position {i} is not hashable; use a tuple.") from None
        if value != value:
            raise TabularBellmanError(f"{kind} {value!r} at position {i} does not equal itself; use another one.")
    return index


def count(n: int) -> str:
    """Write an exact integer with separators, or as ≈10^k where nobody would read its digits."""
    if n < 10**60:
        return f"{n:,}"
    shift = n.bit_length() - 64
    return f"≈10^{math.floor(math.log10(n >> shift) + shift * math.log10(2.0))}"


def plural(n: int, noun: str) -> str:
    """Write a count and its noun."""
    return f"{count(n)} {noun}{'' if n == 1 else 'es' if noun.endswith('x') else 's'}"


def some(values: tuple[Hashable, ...]) -> str:
    """List the first few values."""
    shown = ", ".join(map(repr, values[:8]))
    return shown if len(values) <= 8 else f"{shown}, … ({len(values)} in all)"
