"""The two tables: `StateActionTable` holds rewards or logits, `StateTable` values or marginals."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman import kernel
from tabular_bellman.base_table import MISSING, Table, unpacked
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect, float_array, number, number_from
from tabular_bellman.next_token import next_token_levels
from tabular_bellman.space import SequenceSpace
from tabular_bellman.tokens import Prefix, Prompt, Response

__all__ = ["StateActionTable", "StateTable"]


class StateTable(Table):
    """A number for every prefix: soft values, or the chances of passing through.

    Make one with `zeros`, `random`, `from_function`, `from_dict` or `from_arrays`; ``table[t]`` is a read-only
    view of shape ``(P,) + (V,)*t``, ``table[prompt, prefix]`` one value.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateTable
    >>> space = SequenceSpace(2, max_length=3)
    >>> depth = StateTable.from_function(space, lambda prompt, prefix: len(prefix))
    >>> depth[None, (0, 1)]
    2.0
    """

    __slots__ = ()
    _kind = "state"

    @staticmethod
    def _level_shape(space: SequenceSpace, depth: int) -> tuple[int, ...]:
        return (space.n_prefixes_at(depth),)

    @staticmethod
    def _n_entries(space: SequenceSpace) -> int:
        return space.n_prefixes

    def _where(self, depth: int, position: tuple[int, ...]) -> str:
        return self.space.where(depth, *position)

    @classmethod
    def from_function(cls, space: SequenceSpace, f: Callable[[Prompt, Prefix], float]) -> Self:
        """Return the table of f(prompt, prefix).

        Parameters
        ----------
        space : SequenceSpace
        f : callable
            f(prompt, prefix) → float.
        """
        cls._check_space(space)
        values = [number_from(f, key, "prompt {!r}, prefix {!r}") for key in _state_keys(space)]
        return cls.from_vector(space, values)

    @classmethod
    def from_dict(
        cls, space: SequenceSpace, values: Mapping[tuple[Prompt, Prefix], float], default: Any = MISSING
    ) -> Self:
        """Return the table of a dict {(prompt, prefix): value}; a missing prefix without a default is an error.

        Parameters
        ----------
        space : SequenceSpace
        values : mapping
        default : float, optional
            The value of prefixes that `values` lacks.
        """
        levels = cls._filled(space, default)
        expect(Mapping, values, "the values")
        for key, value in values.items():
            prompt, prefix = unpacked(key, 2, "(prompt, prefix)")
            depth, index = space.prefix_index(prefix, prompt)
            levels[depth][index] = number(value, f"the value at {space.where(depth, index)}", allow_nan=False)
        return cls._from_filled(space, levels)

    def items(self) -> Iterator[tuple[tuple[Prompt, Prefix], float]]:
        """Yield ((prompt, prefix), value) by depth, then prompt, then prefix in vocabulary order."""
        return zip(_state_keys(self.space), self.to_vector().tolist(), strict=True)

    def __getitem__(self, key: int | tuple[Prompt, Prefix]) -> Any:
        if isinstance(key, (int, np.integer)):
            return self._nested(self._depth_of(key))
        prompt, prefix = unpacked(key, 2, "an int, or (prompt, prefix)")
        depth, index = self.space.prefix_index(prefix, prompt)
        return float(self._levels[depth][index])


class StateActionTable(Table):
    """A number for every prefix and action: rewards or logits, in nats; -inf forbids the action.

    Make one with `zeros`, `random`, `from_function`, `from_responses`, `from_dict`, `from_arrays` or
    `from_next_token_logits`; ``table[t]`` is a read-only view of shape ``(P,) + (V,)*t + (A_t,)``,
    ``table[prompt, prefix, action]`` one value.

    Attributes
    ----------
    space : SequenceSpace
    cut_off : ndarray of shape (P,), or None
        Only for tables from `from_next_token_logits`: for each prompt, the probability that the language model
        gives to what is not a response of the space.

    Examples
    --------
    >>> from tabular_bellman import EOS, SequenceSpace, StateActionTable
    >>> space = SequenceSpace("ab", max_length=2)
    >>> reward = StateActionTable.from_responses(space, lambda prompt, response: len(response) - 1)
    >>> reward[None, ("a",), EOS]
    1.0
    >>> reward[0]
    array([[0., 0., 0.]])
    """

    __slots__ = ("cut_off",)
    _kind = "state_action"
    cut_off: FloatArray | None

    @classmethod
    def _wrap(cls, space: SequenceSpace, levels: Sequence[FloatArray]) -> Self:
        table = super()._wrap(space, levels)
        table.cut_off = None
        return table

    @staticmethod
    def _level_shape(space: SequenceSpace, depth: int) -> tuple[int, ...]:
        return (space.n_actions(depth), space.n_prefixes_at(depth))

    @staticmethod
    def _n_entries(space: SequenceSpace) -> int:
        return space.n_pairs

    def _where(self, depth: int, position: tuple[int, ...]) -> str:
        action, index = position
        return self.space.where(depth, index, action)

    @classmethod
    def from_function(cls, space: SequenceSpace, f: Callable[[Prompt, Prefix, Hashable], float]) -> Self:
        """Return the table of f(prompt, prefix, action); the action is a token or EOS.

        Parameters
        ----------
        space : SequenceSpace
        f : callable
            f(prompt, prefix, action) → float, in nats; -inf forbids.

        Raises
        ------
        TabularBellmanError
            If f raises, or returns what is not a number, NaN or +inf, naming prompt, prefix and action.
        """
        cls._check_space(space)
        where = "prompt {!r}, prefix {!r}, action {!r}"
        return cls.from_vector(space, [number_from(f, key, where) for key in space.pairs()])

    @classmethod
    def from_responses(cls, space: SequenceSpace, rewards: Callable[[Prompt, Response], float] | ArrayLike) -> Self:
        """Return the table that pays a reward of whole responses on their last step, and nothing before.

        Parameters
        ----------
        space : SequenceSpace
        rewards : callable or array_like
            f(prompt, response) → float, or an array of shape (P, n) in the order of ``space.responses()``
            (or (n,) for a single prompt); -inf forbids the response.  ``response[:-1]`` are its tokens, EOS taken
            off (all of `response` in a fixed-length space).

        Notes
        -----
        Eq. (5): every reward of responses is the sum of such a table along the response.
        """
        cls._check_space(space)
        shape = (space.n_prompts, space.n_responses_per_prompt)
        if callable(rewards):
            where = "prompt {!r}, response {!r}"
            array = np.array(
                [[number_from(rewards, (prompt, y), where) for y in space.responses()] for prompt in space.prompts]
            )
        else:
            array = float_array(rewards, "the array of rewards")
            if space.n_prompts == 1 and array.ndim == 1:
                array = array[None]
            if array.shape != shape:
                raise TabularBellmanError(f"the array of rewards has shape {array.shape}; {space!r} needs {shape}.")
        levels = [np.zeros(cls._level_shape(space, t)) for t in range(space.n_depths)]
        P, V, last = space.n_prompts, space.n_tokens, space.n_depths - 1
        if not space.has_eos:
            levels[last] = space.from_lexicographic(array.reshape(P, V**last, V), last)
        else:
            start = 0
            for t in range(space.min_length - 1, space.n_depths):
                group = array[:, start : start + V**t]
                levels[t][-1] = space.from_lexicographic(group[..., None], t)[0]
                start += V**t
        return cls._wrap(space, levels)._checked("the reward")

    @classmethod
    def from_dict(
        cls, space: SequenceSpace, values: Mapping[tuple[Prompt, Prefix, Hashable], float], default: Any = MISSING
    ) -> Self:
        """Return the table of a dict {(prompt, prefix, action): value}.

        Parameters
        ----------
        space : SequenceSpace
        values : mapping
        default : float, optional
            The value of pairs that `values` lacks; -inf forbids them.

        Raises
        ------
        TabularBellmanError
            For a key that is not a pair of the space, or a missing pair when no default is given.
        """
        levels = cls._filled(space, default)
        expect(Mapping, values, "the values")
        for key, value in values.items():
            prompt, prefix, action = unpacked(key, 3, "(prompt, prefix, action)")
            depth, index = space.prefix_index(prefix, prompt)
            row = space.action_index(depth, action)
            where = f"the value at {space.where(depth, index, row)}"
            levels[depth][row, index] = number(value, where, allow_nan=False)
        return cls._from_filled(space, levels)

    @classmethod
    def from_next_token_logits(cls, space: SequenceSpace, f: Callable[[Prompt, list[Prefix]], ArrayLike]) -> Self:
        """Return the logits of a language model over a small vocabulary.

        Parameters
        ----------
        space : SequenceSpace
        f : callable
            f(prompt, list of n prefixes) → array_like of shape (n, V+1): next-token logits in vocabulary order,
            EOS last.  Called once for each depth and prompt.

        Returns
        -------
        StateActionTable
            The logits as f gives them, at the actions that exist, with ``cut_off`` set: the space forces EOS at the
            last step, forbids it before ``min_length`` and everywhere in a fixed-length space; `cut_off` is the
            probability, for each prompt, that the language model would have written something else.

        Raises
        ------
        TabularBellmanError
            If f raises, or returns another shape, NaN or +inf.

        Notes
        -----
        There are two ways to fit a language model into a space.  ``AutoregressiveModel(table)`` draws as it does,
        token by token, and stops where the space stops.  If f returns log-probabilities,
        ``EnergyBasedModel(table)`` is the language model *conditioned* on writing a response of the space; its
        log-partition is log(1 - cut_off).
        """
        cls._check_space(space)
        levels, cut_off = next_token_levels(space, f)
        table = cls._wrap(space, levels)
        table.cut_off = cut_off
        return table

    def items(self) -> Iterator[tuple[tuple[Prompt, Prefix, Hashable], float]]:
        """Yield ((prompt, prefix, action), value) by depth, then prompt, prefix in vocabulary order, action."""
        return zip(self.space.pairs(), self.to_vector().tolist(), strict=True)

    def __getitem__(self, key: int | tuple[Prompt, Prefix, Hashable]) -> Any:
        if isinstance(key, (int, np.integer)):
            return self._nested(self._depth_of(key))
        prompt, prefix, action = unpacked(key, 3, "an int, or (prompt, prefix, action)")
        depth, index = self.space.prefix_index(prefix, prompt)
        return float(self._levels[depth][self.space.action_index(depth, action), index])

    def log_softmax(self) -> "StateActionTable":
        """Return the table of log-probabilities at each prefix; -inf throughout where everything is forbidden."""
        return self._wrap(self.space, kernel.log_policy(self._levels))

    def softmax(self) -> "StateActionTable":
        """Return the table of probabilities at each prefix; 0 throughout where everything is forbidden."""
        levels = kernel.log_policy(self._levels)
        return self._wrap(self.space, [np.exp(level, out=level) for level in levels])

    def centered(self) -> "StateActionTable":
        """Return the table minus its mean over the allowed actions of each prefix.

        Of all logits with the same policies this is the one whose allowed logits sum to 0 at every prefix.
        """

        def center(x: FloatArray) -> FloatArray:
            allowed = ~np.isneginf(x)
            with np.errstate(invalid="ignore", over="ignore"):
                total = np.where(allowed, x / np.maximum(allowed.sum(axis=0), 1), 0.0).sum(axis=0)
            return np.asarray(x - total)

        return self._map("the centred table", center)

    def shaped(self, potential: StateTable) -> "StateActionTable":
        """Return the reward after potential shaping, r(s, a) + φ(s) - φ(s⊕a), with φ = 0 after the last step.

        With φ = 0 at the root the reward of every whole response is unchanged; M(r) moves by φ(s).

        Parameters
        ----------
        potential : StateTable
            φ, finite everywhere.
        """
        expect(StateTable, potential, "the potential")
        self.space.require_same(potential.space, "potential shaping")
        V, here, after = self.space.n_tokens, [], []
        for t, phi in enumerate(potential.levels):
            if np.isneginf(phi).any():
                index = int(np.argmax(np.isneginf(phi)))
                raise TabularBellmanError(f"the potential is -inf at {self.space.where(t, index)}; it must be finite.")
            shape = (self.space.n_actions(t), phi.size)
            here.append(np.broadcast_to(phi, shape).copy())
            after.append(np.zeros(shape))
            if t + 1 < self.n_depths:
                after[t][:V] = potential.levels[t + 1].reshape(V, -1)
        return self + (self._wrap(self.space, here) - self._wrap(self.space, after))

    def __repr__(self) -> str:
        if self.cut_off is None:
            return super().__repr__()
        return f"StateActionTable({self.space!r}, cut off: {', '.join(f'{mass:.4g}' for mass in self.cut_off)})"


def _state_keys(space: SequenceSpace) -> Iterator[tuple[Prompt, Prefix]]:
    return (key for t in range(space.n_depths) for key in space.prefixes(t))
