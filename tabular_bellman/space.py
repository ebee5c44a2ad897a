"""Which responses exist, how prefixes and responses are numbered, how many there are, how much memory that takes.

A response is a tuple of tokens followed by `EOS`; its length counts EOS.  A *prefix* is what has been written so
far; at depth t it holds t tokens, and there are V**t of them for each prompt.  Each prompt is the root of a tree
of its own: prefixes of two prompts are never merged, even where their texts coincide (their remaining horizons
differ, and the bijection of the paper is false on merged states).
"""

from collections.abc import Hashable, Iterable, Iterator
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.tokens import (
    EOS,
    Prefix,
    Prompt,
    Response,
    Token,
    as_prompts,
    as_vocabulary,
    count,
    numbering,
    plural,
    positive_int,
    some,
)

__all__ = ["DEFAULT_MAX_BYTES", "SequenceSpace"]

DEFAULT_MAX_BYTES: Final = 2**30
"""The budget for one table, 1 GiB."""

_MAX_LENGTH: Final = 10_000  # keeps the exact counts, integers of about max_length·log2(V) bits, quick to compute


class SequenceSpace:
    """A finite set of responses for each of one or more prompts.

    Parameters
    ----------
    vocab : int or sequence of hashable
        The tokens, in order; an int V stands for the tokens 0, …, V-1, a string for its characters.
    max_length : int
        The largest length of a response, EOS included.
    min_length : int, default 1
        The smallest length of a response, EOS included; 1 admits the bare EOS.
    prompts : sequence of hashable, optional
        The prompts, in order, each the root of a tree of its own.  By default the single prompt None.
    max_bytes : int, default 2**30
        The budget for one table; a larger one is refused before anything is allocated.

    Raises
    ------
    TabularBellmanError
        For an empty vocabulary, a duplicate or unhashable token or prompt, EOS in the vocabulary, or lengths that
        are not positive integers in order.

    Notes
    -----
    The response sets of the paper: Proposition 4's is the default, ``min_length=2`` gives the main text's (no bare
    EOS), and `fixed_length` the one of Appendices A.6, A.7 and C (no EOS).

    Two spaces are equal when they have the same responses to the same prompts in the same order; the budget does
    not matter.

    Examples
    --------
    >>> space = SequenceSpace("ab", max_length=3)
    >>> space
    <SequenceSpace: 2 tokens, up to 2 tokens + EOS, 7 responses, 7 prefixes, 13 pairs>
    >>> list(space.responses())[:4]
    [(EOS,), ('a', EOS), ('b', EOS), ('a', 'a', EOS)]
    """

    __slots__ = (
        "_prompt_index",
        "_token_index",
        "has_eos",
        "max_bytes",
        "max_length",
        "min_length",
        "prompts",
        "vocab",
    )

    vocab: tuple[Token, ...]
    prompts: tuple[Prompt, ...]
    min_length: int
    max_length: int
    has_eos: bool
    max_bytes: int

    def __init__(
        self,
        vocab: int | Iterable[Token],
        *,
        max_length: int,
        min_length: int = 1,
        prompts: Iterable[Prompt] | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        self.max_length = positive_int("max_length", max_length, _MAX_LENGTH)
        self.min_length = positive_int("min_length", min_length, _MAX_LENGTH)
        if self.min_length > self.max_length:
            raise TabularBellmanError(
                f"min_length {self.min_length} is above max_length {self.max_length}: no response would exist. "
                "Both count EOS; raise max_length or lower min_length."
            )
        self._set_up(vocab, prompts, max_bytes, has_eos=True)

    @classmethod
    def fixed_length(
        cls,
        vocab: int | Iterable[Token],
        n_tokens: int,
        prompts: Iterable[Prompt] | None = None,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> "SequenceSpace":
        """Return the space of all strings of exactly `n_tokens` tokens, without EOS (Appendix C).

        Parameters
        ----------
        vocab : int or sequence of hashable
            As for the class.
        n_tokens : int
            How many tokens every response has.
        prompts, max_bytes
            As for the class.

        Examples
        --------
        >>> SequenceSpace.fixed_length(8, 4)
        <SequenceSpace: 8 tokens, exactly 4 tokens, no EOS, 4,096 responses, 585 prefixes, 4,680 pairs>
        """
        space = cls.__new__(cls)
        space.min_length = space.max_length = positive_int("n_tokens", n_tokens, _MAX_LENGTH)
        space._set_up(vocab, prompts, max_bytes, has_eos=False)
        return space

    def _set_up(
        self, vocab: int | Iterable[Token], prompts: Iterable[Prompt] | None, max_bytes: int, has_eos: bool
    ) -> None:
        self.has_eos = has_eos
        self.vocab = as_vocabulary(vocab)
        self._token_index = numbering("token", self.vocab)
        self.prompts = as_prompts(prompts)
        self._prompt_index = numbering("prompt", self.prompts)
        self.max_bytes = positive_int("max_bytes", max_bytes, None)

    # -- sizes, by formula ---------------------------------------------------------------------------------------

    @property
    def n_tokens(self) -> int:
        """V, the number of tokens in the vocabulary."""
        return len(self.vocab)

    @property
    def n_prompts(self) -> int:
        """P, the number of prompts."""
        return len(self.prompts)

    @property
    def n_depths(self) -> int:
        """The number of depths at which an action is chosen: T with EOS, n for fixed length n."""
        return self.max_length

    @property
    def n_free_depths(self) -> int:
        """The number of depths that offer more than one action: T-1 with EOS and two tokens or more, n for n tokens.

        With one token these are the depths that offer EOS too, T - min_length of them; in a fixed-length space none.
        """
        if not self.has_eos:
            return self.max_length if self.n_tokens > 1 else 0
        return self.max_length - (1 if self.n_tokens > 1 else self.min_length)

    @property
    def n_responses(self) -> int:
        """The number of responses over all prompts, an exact integer."""
        return self.n_prompts * self.n_responses_per_prompt

    @property
    def n_responses_per_prompt(self) -> int:
        """The number of responses to one prompt, Σ V**(τ-1) over the lengths τ (V**n for fixed length n)."""
        if not self.has_eos:
            return int(self.n_tokens**self.max_length)
        return _geometric_sum(self.n_tokens, self.min_length - 1, self.max_length - 1)

    @property
    def n_prefixes(self) -> int:
        """The number of prefixes over all prompts, complete responses left out, an exact integer."""
        return self.n_prompts * _geometric_sum(self.n_tokens, 0, self.n_depths - 1)

    @property
    def n_pairs(self) -> int:
        """The number of (prefix, action) pairs over all prompts, an exact integer."""
        token_depths = self.n_depths - 1 if self.has_eos else self.n_depths
        per_prompt = self.n_tokens * _geometric_sum(self.n_tokens, 0, token_depths - 1)
        if self.has_eos:
            per_prompt += self.n_responses_per_prompt  # one EOS for each response
        return self.n_prompts * per_prompt

    @property
    def table_bytes(self) -> int:
        """The bytes that one `StateActionTable` takes, an exact integer: 8 for each pair."""
        return 8 * self.n_pairs

    def n_prefixes_at(self, depth: int) -> int:
        """The number of prefixes of `depth` tokens over all prompts, P·V**depth."""
        return int(self.n_prompts * self.n_tokens ** self._depth(depth))

    def n_actions(self, depth: int) -> int:
        """The number of actions at `depth`: V before EOS is allowed, V+1 after, 1 at the last step."""
        return len(self.actions(depth))

    def actions(self, depth: int) -> tuple[Hashable, ...]:
        """The actions at `depth`: tokens in vocabulary order, then EOS."""
        depth = self._depth(depth)
        if not self.has_eos:
            return self.vocab
        tokens = self.vocab if depth < self.max_length - 1 else ()
        return (*tokens, EOS) if depth >= self.min_length - 1 else tokens

    def check_budget(self, what: str = "a StateActionTable", n_entries: int | None = None) -> None:
        """Refuse a table of `n_entries` numbers (by default `n_pairs`) that would not fit.

        Raises
        ------
        TabularBellmanError
            If a table over this space would take more than `max_bytes` bytes.
        """
        n_bytes = self.table_bytes if n_entries is None else 8 * n_entries
        if n_bytes > self.max_bytes:
            raise TabularBellmanError(
                f"{what} over {self!r} would take {count(n_bytes)} bytes; the budget is "
                f"{self.max_bytes:,} bytes. Use a shorter max_length or a smaller vocabulary, or raise the budget "
                "with max_bytes= (--max-bytes)."
            )

    # -- numbering -----------------------------------------------------------------------------------------------

    def prompt_index(self, prompt: Prompt) -> int:
        """Return the index of `prompt`; with a single prompt, None stands for it."""
        if prompt is None and self.n_prompts == 1:
            return 0
        try:
            return self._prompt_index[prompt]
        except (KeyError, TypeError):
            raise TabularBellmanError(f"unknown prompt {prompt!r}; the prompts are {some(self.prompts)}.") from None

    def token_index(self, token: Token) -> int:
        """Return the index of `token` in the vocabulary."""
        try:
            return self._token_index[token]
        except (KeyError, TypeError):
            raise TabularBellmanError(f"unknown token {token!r}; the vocabulary is {some(self.vocab)}.") from None

    def prefix_index(self, prefix: Iterable[Token], prompt: Prompt = None) -> tuple[int, int]:
        """Return (depth, index) of a prefix: index = p + P·(y1 + V·y2 + V²·y3 + …), the first token fastest."""
        p = self.prompt_index(prompt)
        tokens = self._tuple("prefix", prefix)
        if len(tokens) >= self.n_depths:
            raise TabularBellmanError(
                f"prefix {tokens!r} has {len(tokens)} tokens; no action is chosen beyond {self.n_depths - 1} tokens."
            )
        index = 0
        for token in reversed(tokens):
            index = index * self.n_tokens + self._token_in("prefix", tokens, token)
        return len(tokens), p + self.n_prompts * index

    def prefix_at(self, depth: int, index: int) -> tuple[Prompt, Prefix]:
        """Return the (prompt, prefix) numbered `index` at `depth`; the inverse of `prefix_index`."""
        n = self.n_prefixes_at(depth)
        if not isinstance(index, (int, np.integer)) or not 0 <= index < n:
            raise TabularBellmanError(f"no prefix {index!r} at depth {depth}; there are {count(n)}, numbered from 0.")
        rest, p = divmod(int(index), self.n_prompts)
        tokens = []
        for _ in range(depth):
            rest, token = divmod(rest, self.n_tokens)
            tokens.append(self.vocab[token])
        return self.prompts[p], tuple(tokens)

    def prefixes(self, depth: int, prompt: Prompt = None) -> Iterator[tuple[Prompt, Prefix]]:
        """Yield (prompt, prefix) of `depth` tokens, by prompt, then in vocabulary order; None: for every prompt."""
        depth = self._depth(depth)
        chosen = self.prompts if prompt is None else (self.prompts[self.prompt_index(prompt)],)
        return ((p, prefix) for p in chosen for prefix in product(self.vocab, repeat=depth))

    def pairs(self) -> Iterator[tuple[Prompt, Prefix, Hashable]]:
        """Yield (prompt, prefix, action) by depth, then as `prefixes` does, then in the order of `actions`."""
        for depth in range(self.n_depths):
            actions = self.actions(depth)
            for prompt, prefix in self.prefixes(depth):
                for action in actions:
                    yield prompt, prefix, action

    def action_index(self, depth: int, action: Hashable) -> int:
        """Return the row of `action` at `depth`: its place in ``actions(depth)``."""
        actions = self.actions(depth)
        if action is EOS:
            if EOS in actions[-1:]:
                return len(actions) - 1
        elif len(actions) >= self.n_tokens and actions[0] is not EOS:
            return self.token_index(action)
        raise TabularBellmanError(
            f"action {action!r} does not exist at depth {depth}; the actions there are {some(actions)}."
        )

    def response_index(self, response: Response) -> int:
        """Return the place of `response` in ``responses()``.

        Raises
        ------
        TabularBellmanError
            If it is not a response of this space.
        """
        tokens = self.response_tokens(response)
        index = 0
        for token in tokens:
            index = index * self.n_tokens + self._token_in("response", response, token)
        if not self.has_eos:
            return index
        return index + _geometric_sum(self.n_tokens, self.min_length - 1, len(tokens) - 1)

    def response_at(self, index: int) -> Response:
        """Return the response numbered `index`; the inverse of `response_index`."""
        n = self.n_responses_per_prompt
        if not isinstance(index, (int, np.integer)) or not 0 <= index < n:
            raise TabularBellmanError(f"no response {index!r}; there are {count(n)}, numbered from 0.")
        index, length = int(index), self.min_length - 1 if self.has_eos else self.max_length
        while self.has_eos and index >= self.n_tokens**length:
            index -= self.n_tokens**length
            length += 1
        tokens = []
        for _ in range(length):
            index, token = divmod(index, self.n_tokens)
            tokens.append(self.vocab[token])
        return self.complete(tuple(reversed(tokens)))

    def response_tokens(self, response: Response) -> Prefix:
        """Return the tokens of a response, EOS taken off, after checking its form and length."""
        response = self._tuple("response", response)
        if not self.has_eos:
            if len(response) != self.max_length:
                raise TabularBellmanError(
                    f"response {response!r} has {len(response)} tokens; this space has responses of exactly "
                    f"{self.max_length} tokens, without EOS."
                )
            return response
        if not response or response[-1] is not EOS:
            raise TabularBellmanError(f"response {response!r} does not end in EOS; a response is (token, …, EOS).")
        if not self.min_length <= len(response) <= self.max_length:
            raise TabularBellmanError(
                f"response {response!r} has length {len(response)}, EOS counted; this space has lengths "
                f"{self.min_length} to {self.max_length}."
            )
        return response[:-1]

    def complete(self, tokens: Prefix) -> Response:
        """Return the response that consists of `tokens`: with EOS at its end, or as it is in a fixed-length space."""
        tokens = self._tuple("prefix", tokens)
        return (*tokens, EOS) if self.has_eos else tokens

    def responses(self, prompt: Prompt = None) -> Iterator[Response]:
        """Yield the responses to `prompt` by length, then lexicographically in vocabulary order.

        Every prompt has the same responses; arrays over responses have shape ``(P, n)`` in this order.
        """
        if prompt is not None:
            self.prompt_index(prompt)
        if not self.has_eos:
            return product(self.vocab, repeat=self.max_length)
        return (
            self.complete(tokens)
            for length in range(self.min_length, self.max_length + 1)
            for tokens in product(self.vocab, repeat=length - 1)
        )

    # -- order of storage and order of reading -------------------------------------------------------------------

    def to_lexicographic(self, level: NDArray[Any], depth: int) -> NDArray[Any]:
        """Turn storage ``(A, P·V**depth)``, first token fastest, into ``(P, V**depth, A)``, last token fastest."""
        P, V, A = self.n_prompts, self.n_tokens, level.shape[0]
        nested = level.reshape((A, *self._token_axes(depth), P)).T
        return nested.reshape(P, V**depth, A)

    def from_lexicographic(self, values: NDArray[Any], depth: int) -> NDArray[Any]:
        """Turn ``(P, V**depth, A)`` into storage; the inverse of `to_lexicographic`."""
        P, A = self.n_prompts, values.shape[-1]
        nested = values.reshape((P, *self._token_axes(depth), A)).T
        return np.ascontiguousarray(nested.reshape(A, self.n_prefixes_at(depth)))

    def lexicographic_order(self, n_tokens: int) -> NDArray[np.intp]:
        """Return where, among strings numbered first token fastest, the lexicographic i-th one stands."""
        V = self.n_tokens
        return np.arange(V**n_tokens).reshape(self._token_axes(n_tokens)).T.ravel()

    def _token_axes(self, n: int) -> tuple[int, ...]:
        # With one token every order is the same, and n axes could be more than NumPy's 64.
        return (1,) if self.n_tokens == 1 else (self.n_tokens,) * n

    # -- how it shows --------------------------------------------------------------------------------------------

    def where(self, depth: int, index: int, action: int | None = None) -> str:
        """Name a prefix, and an action by its row, for an error message."""
        prompt, prefix = self.prefix_at(depth, index)
        text = f"prompt {prompt!r}, prefix {prefix!r}"
        return text if action is None else f"{text}, action {self.actions(depth)[action]!r}"

    def _lengths(self) -> str:
        if not self.has_eos:
            return f"exactly {plural(self.max_length, 'token')}, no EOS"
        low, high = self.min_length - 1, self.max_length - 1
        if low == high:
            return f"exactly {plural(high, 'token')} + EOS"
        return f"{'up' if low == 0 else low} to {plural(high, 'token')} + EOS"

    def __repr__(self) -> str:
        prompts = "" if self.prompts == (None,) else f"{plural(self.n_prompts, 'prompt')}, "
        return (
            f"<SequenceSpace: {plural(self.n_tokens, 'token')}, {self._lengths()}, {prompts}"
            f"{plural(self.n_responses, 'response')}, {plural(self.n_prefixes, 'prefix')}, "
            f"{plural(self.n_pairs, 'pair')}>"
        )

    def _key(self) -> tuple[object, ...]:
        return (self.vocab, self.prompts, self.min_length, self.max_length, self.has_eos)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, SequenceSpace) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def require_same(self, other: "SequenceSpace", what: str) -> None:
        """Refuse to mix two spaces."""
        if self != other:
            raise TabularBellmanError(
                f"{what}: the two spaces differ, {self!r} and {other!r}"
                + (" (same sizes, other tokens or prompts)" if repr(self) == repr(other) else "")
                + ". Build both over one SequenceSpace."
            )

    def _depth(self, depth: int) -> int:
        if isinstance(depth, (int, np.integer)) and 0 <= depth < self.n_depths:
            return int(depth)
        raise TabularBellmanError(f"no depth {depth!r}; the depths of {self!r} are 0 to {self.n_depths - 1}.")

    def _tuple(self, what: str, value: Iterable[Hashable]) -> tuple[Hashable, ...]:
        if isinstance(value, tuple):
            return value
        raise TabularBellmanError(f"{value!r} is not a {what}: a {what} is a tuple, such as {self._an_example(what)}.")

    def _an_example(self, what: str) -> str:
        return repr(self.response_at(0) if what == "response" else self.vocab[: min(1, self.n_depths - 1)])

    def _token_in(self, what: str, whole: Iterable[Hashable], token: Token) -> int:
        try:
            return self.token_index(token)
        except TabularBellmanError as error:
            raise TabularBellmanError(f"{what} {whole!r}: {error}") from None


def _geometric_sum(base: int, first: int, last: int) -> int:
    """Return Σ base**t for t = first, …, last, in closed form; 0 when last < first."""
    if last < first:
        return 0
    if base == 1:
        return last - first + 1
    return int((base ** (last + 1) - base**first) // (base - 1))
