"""How tables, responses and numbers look to a user's function: one class for each convention.

An adapter turns what an instance holds into arguments, and what the function returned into level arrays, the flat
storage of `StateActionTable.levels`.  What it cannot read it refuses with `Unreadable`, saying what it expected.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np

from proofs_check.testing.arrays import Arrays, as_floats
from proofs_check.testing.rows import indices, narrow, offsets, prefix_keys, prefix_rows, split, token_numbers, wide
from tabular_bellman import EOS, SequenceSpace, StateActionTable, StateTable, TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.tokens import Prefix, Prompt, Response

__all__ = [
    "ADAPTERS",
    "Adapter",
    "Batch",
    "Dicts",
    "Mdp",
    "NextToken",
    "Tables",
    "Unreadable",
    "shaped",
]

Levels = list[FloatArray]


class Unreadable(Exception):
    """What a function returned has not the form that its adapter reads."""


class Adapter(ABC):
    """One convention for tables, responses and numbers.

    Parameters
    ----------
    arrays : Arrays
        The library and dtype of what is handed over.
    prompts : bool
        Whether spaces have several prompts, so that keys and numbers name the prompt.
    """

    name: ClassVar[str]
    has_prompts: ClassVar[bool] = False
    has_responses: ClassVar[bool] = True
    extra_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, arrays: Arrays, prompts: bool = False) -> None:
        self.arrays, self.prompts = arrays, prompts
        if prompts and not self.has_prompts:
            able = ", ".join(repr(name) for name, kind in ADAPTERS.items() if kind.has_prompts)
            raise TabularBellmanError(f"adapter {self.name!r} has no prompts; give prompts=False, or one of {able}.")

    # -- what the function gets ----------------------------------------------------------------------------------

    @abstractmethod
    def table(self, table: StateActionTable) -> Any:
        """Rewards or logits: -inf at actions that do not exist, where the form has a place for them."""

    def weights(self, table: StateActionTable) -> Any:
        """Reference weights: 0 at such actions."""
        return self.table(table)

    def extras(self, space: SequenceSpace) -> tuple[Any, ...]:
        """What follows the tables among the arguments."""
        return ()

    def response(self, space: SequenceSpace, prompt: Prompt, response: Response) -> tuple[Any, ...]:
        """The arguments that stand for a response."""
        raise NotImplementedError

    # -- what the function returned ------------------------------------------------------------------------------

    @abstractmethod
    def read_table(self, space: SequenceSpace, found: Any) -> Levels:
        """A number for each (prefix, action)."""

    @abstractmethod
    def read_states(self, space: SequenceSpace, found: Any) -> Levels:
        """A number for each prefix."""

    def read_numbers(self, space: SequenceSpace, found: Any) -> FloatArray:
        """A number for each prompt."""
        return shaped(found, (space.n_prompts,), "a number" if space.n_prompts == 1 else "a number for each prompt")

    def read_response(self, space: SequenceSpace, found: Any) -> tuple[int, Response]:
        """A response drawn, as (index of its prompt, response)."""
        raise NotImplementedError


def shaped(found: Any, shape: tuple[int, ...], what: str) -> FloatArray:
    """Read an array of the given shape; a single number may have any."""
    array = _floats(found, what)
    if array.shape != shape and not (array.size == 1 and shape == (1,)):
        raise Unreadable(f"an array of shape {array.shape}, where {what} was expected: shape {shape}")
    return array.reshape(shape)


def _floats(found: Any, what: str) -> FloatArray:
    try:
        return as_floats(found)
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise Unreadable(f"{_short(found)}, where {what} was expected: {error}") from None


def _short(found: Any) -> str:
    text = " ".join(repr(found).split())
    return f"a {type(found).__name__} ({text[:60]}{'…' if len(text) > 60 else ''})"


# -- dicts ------------------------------------------------------------------------------------------------------------


class Dicts(Adapter):
    """Tables are {(prefix, action): number}, prefixes tuples of tokens, None the end.

    With prompts, keys are (prompt, prefix, action) and (prompt, prefix), and numbers {prompt: number}.
    """

    name = "dict"
    has_prompts = True

    def table(self, table: StateActionTable) -> dict[Any, float]:
        return {self._pair(*key): value for key, value in table.items()}

    def response(self, space: SequenceSpace, prompt: Prompt, response: Response) -> tuple[Any, ...]:
        plain = tuple(None if action is EOS else action for action in response)
        return (prompt, plain) if self.prompts else (plain,)

    def read_table(self, space: SequenceSpace, found: Any) -> Levels:
        keys = [[self._pair(*space.prefix_at(t, i), a) for a in space.actions(t) for i in indices(space, t)]
                for t in range(space.n_depths)]  # fmt: skip
        return [
            self._values(found, keys[t], "a dict {(prefix, action): number}").reshape(space.n_actions(t), -1)
            for t in range(space.n_depths)
        ]

    def read_states(self, space: SequenceSpace, found: Any) -> Levels:
        return [
            self._values(
                found, [self._state(*space.prefix_at(t, i)) for i in indices(space, t)], "a dict {prefix: number}"
            )
            for t in range(space.n_depths)
        ]

    def read_numbers(self, space: SequenceSpace, found: Any) -> FloatArray:
        if not self.prompts:
            return super().read_numbers(space, found)
        return self._values(found, list(space.prompts), "a dict {prompt: number}")

    def read_response(self, space: SequenceSpace, found: Any) -> tuple[int, Response]:
        prompt, response = None, found
        if self.prompts:
            prompt, response = _pair_of(found)
        return _index_of(space, prompt), _response(space, response, None)

    def _pair(self, prompt: Prompt, prefix: Prefix, action: Hashable) -> Any:
        plain = None if action is EOS else action
        return (prompt, prefix, plain) if self.prompts else (prefix, plain)

    def _state(self, prompt: Prompt, prefix: Prefix) -> Any:
        return (prompt, prefix) if self.prompts else prefix

    def _values(self, found: Any, keys: Sequence[Any], what: str) -> FloatArray:
        if not isinstance(found, Mapping):
            raise Unreadable(f"{_short(found)}, where {what} was expected")
        for key in keys:
            if key not in found:
                has = f"it has {next(iter(found))!r}, …" if found else "it is empty"
                raise Unreadable(f"a dict without the key {key!r} ({has}), where {what} was expected")
        return np.array([shaped(found[key], (1,), "a number")[0] for key in keys])


def _pair_of(found: Any) -> tuple[Any, Any]:
    if not isinstance(found, tuple) or len(found) != 2:
        raise Unreadable(f"{_short(found)}, where a pair (prompt, response) was expected")
    return found


def _index_of(space: SequenceSpace, prompt: Prompt) -> int:
    try:
        return space.prompt_index(prompt)
    except TabularBellmanError as error:
        raise Unreadable(f"a response to prompt {prompt!r}: {error}") from None


def _response(space: SequenceSpace, found: Any, end: Any) -> Response:
    """Read (token, …, end) as a response; what is none of the space is returned as it is, for the test to reject."""
    if not isinstance(found, (tuple, list)):
        raise Unreadable(f"{_short(found)}, where a response, a tuple of tokens, was expected")
    actions = tuple(action.item() if hasattr(action, "item") else action for action in found)
    try:
        hash(actions)
    except TypeError:
        raise Unreadable(f"{_short(found)}, where a response, a tuple of tokens, was expected") from None
    return tuple(EOS if space.has_eos and action == end else action for action in actions)


# -- library tables ---------------------------------------------------------------------------------------------------


class Tables(Adapter):
    """Tables are those of the library; responses are its tuples, which end in `EOS`."""

    name = "table"
    has_prompts = True

    def table(self, table: StateActionTable) -> StateActionTable:
        return table

    def response(self, space: SequenceSpace, prompt: Prompt, response: Response) -> tuple[Any, ...]:
        return (prompt, response) if self.prompts else (response,)

    def read_table(self, space: SequenceSpace, found: Any) -> Levels:
        return self._levels(space, found, StateActionTable)

    def read_states(self, space: SequenceSpace, found: Any) -> Levels:
        return self._levels(space, found, StateTable)

    def _levels(self, space: SequenceSpace, found: Any, kind: type[StateActionTable | StateTable]) -> Levels:
        if not isinstance(found, kind):
            raise Unreadable(f"{_short(found)}, where a {kind.__name__} was expected")
        if found.space != space:
            raise Unreadable(f"a {kind.__name__} over {found.space!r}, not over the space of the argument")
        return list(found.levels)

    def read_response(self, space: SequenceSpace, found: Any) -> tuple[int, Response]:
        prompt, response = None, found
        if self.prompts:
            prompt, response = _pair_of(found)
        return _index_of(space, prompt), _response(space, response, EOS)


# -- one row a prefix -------------------------------------------------------------------------------------------------


class Batch(Adapter):
    """Padded integer arrays, one row for each prefix; V is the number of tokens, and EOS is token V.

    A table is an array (N, V+1), followed by the prefixes (N, T), padded with V, and their lengths (N,).
    """

    name = "batch"
    extra_names = ("prefixes", "lengths")

    def table(self, table: StateActionTable) -> Any:
        return self.arrays.floats(wide(table))

    def weights(self, table: StateActionTable) -> Any:
        return self.arrays.floats(wide(table, absent=0.0))

    def extras(self, space: SequenceSpace) -> tuple[Any, ...]:
        return tuple(self.arrays.integers(array) for array in prefix_rows(space))

    def read_table(self, space: SequenceSpace, found: Any) -> Levels:
        shape = (space.n_prefixes, space.n_tokens + 1)
        return narrow(space, shaped(found, shape, "a table, one row for each prefix"))

    def read_states(self, space: SequenceSpace, found: Any) -> Levels:
        return split(space, shaped(found, (space.n_prefixes,), "a number for each prefix"))

    def read_response(self, space: SequenceSpace, found: Any) -> tuple[int, Response]:
        return 0, _from_numbers(space, found)

    # -- batches of responses, as a language model has them

    def along(self, table: StateActionTable) -> FloatArray:
        """Return (n, T, V+1): for each response and step, the row of the prefix there; 0 after the end."""
        space, rows = table.space, wide(table)
        place = offsets(space)
        found = np.zeros((space.n_responses_per_prompt, space.max_length, space.n_tokens + 1))
        for i, response in enumerate(space.responses()):
            for t in range(len(response)):
                depth, index = space.prefix_index(response[:t])
                found[i, t] = rows[place[depth] + index]
        return found


def _from_numbers(space: SequenceSpace, found: Any) -> Response:
    """Read a row of token numbers: what comes after the first EOS is padding."""
    row = _floats(found, "a row of token numbers").ravel()
    response: tuple[Hashable, ...] = ()
    for number in row.tolist():
        if number == space.n_tokens:
            return (*response, EOS) if space.has_eos else response
        known = number.is_integer() and 0 <= number < space.n_tokens
        response = (*response, space.vocab[int(number)] if known else number)
    return response


class NextToken(Adapter):
    """A table is a function of a prefix, a tuple of token numbers, that returns V+1 numbers, EOS last.

    Every response ends in EOS here; where the space has none, it is the only action after the last token.
    """

    name = "next-token"

    def table(self, table: StateActionTable) -> Callable[[Any], Any]:
        return self._function(table, -np.inf, 0.0)

    def weights(self, table: StateActionTable) -> Callable[[Any], Any]:
        return self._function(table, 0.0, 1.0)

    def _function(self, table: StateActionTable, absent: float, at_end: float) -> Callable[[Any], Any]:
        space, rows = table.space, wide(table, absent)
        place = {row: i for i, row in enumerate(prefix_keys(space))}
        ended = np.full(space.n_tokens + 1, absent)
        ended[-1] = at_end

        def at(prefix: Any) -> Any:
            key = tuple(int(token) for token in prefix)
            if key in place:
                return self.arrays.floats(rows[place[key]])
            complete = not space.has_eos and len(key) == space.max_length
            if complete and all(0 <= token < space.n_tokens for token in key):
                return self.arrays.floats(ended)
            raise LookupError(
                f"no action is chosen at prefix {key!r}: prefixes have up to {space.n_depths - 1} tokens, numbered "
                f"from 0 to {space.n_tokens - 1}"
            )

        return at

    def response(self, space: SequenceSpace, prompt: Prompt, response: Response) -> tuple[Any, ...]:
        numbers = token_numbers(space, response)
        return (numbers if space.has_eos else (*numbers, space.n_tokens),)

    def read_table(self, space: SequenceSpace, found: Any) -> Levels:
        what = "V+1 numbers, EOS last"
        rows = [shaped(row, (space.n_tokens + 1,), what) for row in self._called(space, found)]
        return narrow(space, np.array(rows))

    def read_states(self, space: SequenceSpace, found: Any) -> Levels:
        return split(space, np.array([shaped(row, (1,), "a number")[0] for row in self._called(space, found)]))

    def _called(self, space: SequenceSpace, found: Any) -> Iterator[Any]:
        if not callable(found):
            raise Unreadable(f"{_short(found)}, where a function of a prefix was expected")
        return (found(key) for key in prefix_keys(space))

    def read_response(self, space: SequenceSpace, found: Any) -> tuple[int, Response]:
        return 0, _from_numbers(space, found)


class Mdp(Adapter):
    """A table is (S, A) with A = V+1, followed by next_state (S, A) and terminal (S,).

    States are prefixes by depth, starts first; the last state is the terminal one, absorbing.  Actions that do not
    exist have reward -inf and lead there, as EOS does.
    """

    name = "mdp"
    has_prompts = True
    has_responses = False
    extra_names = ("next_state", "terminal")

    def table(self, table: StateActionTable) -> Any:
        return self._with_terminal(wide(table), 0.0)

    def weights(self, table: StateActionTable) -> Any:
        return self._with_terminal(wide(table, absent=0.0), 1.0)

    def _with_terminal(self, rows: FloatArray, at_eos: float) -> Any:
        at_end = np.zeros((1, rows.shape[1]))
        at_end[0, -1] = at_eos
        return self.arrays.floats(np.concatenate([rows, at_end]))

    def extras(self, space: SequenceSpace) -> tuple[Any, ...]:
        V, last = space.n_tokens, space.n_prefixes
        next_state = np.full((last + 1, V + 1), last)
        place = offsets(space)
        for start, below, end in zip(place[:-2], place[1:-1], place[2:], strict=True):
            next_state[start:below, :V] = np.arange(below, end).reshape(V, -1).T
        return self.arrays.integers(next_state), self.arrays.booleans(np.arange(last + 1) == last)

    def read_table(self, space: SequenceSpace, found: Any) -> Levels:
        shape = (space.n_prefixes + 1, space.n_tokens + 1)
        return narrow(space, shaped(found, shape, "a table (S, A)"))

    def read_states(self, space: SequenceSpace, found: Any) -> Levels:
        return split(space, shaped(found, (space.n_prefixes + 1,), "a number for each state"))


ADAPTERS: Final[dict[str, type[Adapter]]] = {kind.name: kind for kind in (Dicts, Batch, NextToken, Mdp, Tables)}
"""By name."""
