"""What both kinds of model with an implicit reward offer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, normalise
from tabular_bellman.implicit.folds import Expectations, Fold, LogSum
from tabular_bellman.implicit.functions import Checked, Function
from tabular_bellman.implicit.plan import Rows
from tabular_bellman.implicit.rewards import Rewards
from tabular_bellman.inputs import expect, generator
from tabular_bellman.recursion import checked_temperature
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable
from tabular_bellman.tokens import Prompt, Response

__all__ = ["ImplicitModel", "Rng", "checked_integer"]

Rng = np.random.Generator | int | None
"""What draws: a generator, the seed of one, or None for a fresh one."""

_MAX_DIMENSIONS = 64  # NumPy's


def checked_integer(value: object, what: str, least: int) -> int:
    """Return an int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise TabularBellmanError(f"{what} is {value!r}; it must be an integer, {least} or more.")
    return int(value)


class ImplicitModel(ABC):
    """The energy-based model of a reward function: p(y|x) ∝ exp(R(x, y)/τ), with R the sum of rewards along y.

    A method with a `prompt` gives the result for that prompt.  Without it, a space with one prompt gives the result
    for this one, and a space with several gives all results in the order of ``space.prompts``: an array with a
    first axis of length P, or a list.
    """

    _columns: Literal["prefix", "context"]

    def __init__(self, space: SequenceSpace, reward: Function, temperature: float) -> None:
        expect(SequenceSpace, space, "the space")
        self.space = space
        self.temperature = checked_temperature(temperature)
        self._rewards = Rewards(Checked(reward, space, "the reward", self._columns), self.temperature)

    @abstractmethod
    def _root(self, fold: Fold, prompts: Sequence[int]) -> list[FloatArray]:
        """What the root of each of these prompts carries, K numbers."""

    @abstractmethod
    def _root_logits(self, prompts: Sequence[int]) -> list[FloatArray]:
        """The logits over the temperature at the root of each of these prompts, shape (A, 1)."""

    @abstractmethod
    def _best(self, p: int) -> Rows:
        """The most probable response."""

    @abstractmethod
    def _draw(self, n: int, p: int, rng: np.random.Generator) -> list[Rows]:
        """Independent draws."""

    @abstractmethod
    def _step(self, p: int, prefix: Rows) -> FloatArray:
        """Rewards over the temperature at one prefix, shape (A,)."""

    @abstractmethod
    def _step_level(self, p: int, depth: int) -> FloatArray:
        """Rewards, shape (A, V**depth)."""

    # -- numbers ---------------------------------------------------------------------------------------------------

    def log_partition(self, prompt: Prompt = None) -> Any:
        """Return log Σ_y exp(R(x, y)/τ), in nats; a float, or an array of shape (P,).

        Raises
        ------
        TabularBellmanError
            If every response to a prompt is forbidden; and, as every method, if the reward raises, or returns
            another shape, NaN or +inf, naming the place.

        Notes
        -----
        Eq. (1); by Prop. 1 it is the soft value at the root, over τ.
        """
        return self._numbers(self._root(LogSum(), self._chosen(prompt)), 0, prompt)

    def entropy(self, prompt: Prompt = None) -> Any:
        """Return the entropy over whole responses, -Σ_y p(y) log p(y), in nats; a float, or shape (P,).

        Notes
        -----
        Summed by the chain rule of Appendix A.3.
        """
        return self._numbers(self._root(Expectations(entropy=True), self._chosen(prompt)), 1, prompt)

    def expectation(self, functions: Function | list[Function], prompt: Prompt = None) -> Any:
        """Return E Σ_t g(s_t, y_t), the mean over responses of a sum along them.

        Parameters
        ----------
        functions : callable, or list of callables
            Each like the reward: g(prompt, prefixes, depth) → (A, n), finite wherever the reward allows the action.
        prompt : hashable, optional

        Returns
        -------
        float or ndarray of shape (P,); or, for a list, a list of them, all from one pass

        Raises
        ------
        TabularBellmanError
            If a function raises, or returns another shape, or what is not finite where the reward is; and where
            the sums overflow.
        """
        many = isinstance(functions, list)
        given = functions if isinstance(functions, list) else [functions]
        names = [f"function {i}" for i in range(len(given))] if many else ["the function"]
        checked = [Checked(g, self.space, name, self._columns) for g, name in zip(given, names, strict=True)]
        roots = self._root(Expectations(checked), self._chosen(prompt))
        results = [self._numbers(roots, 1 + i, prompt) for i in range(len(checked))]
        return results if many else results[0]

    def log_prob(self, responses: Response | list[Response], prompt: Prompt = None) -> Any:
        """Return the log-probability of one response (a tuple) or of several (a list of tuples).

        Returns
        -------
        float or ndarray
            For a tuple a float, or shape (P,); for a list shape (n,), or (P, n).  -inf for what is forbidden.
        """
        many = responses if isinstance(responses, list) else [responses]
        rows = [self._rows(response) for response in many]
        chosen = self._chosen(prompt)
        roots = self._root(LogSum(), chosen)
        table = np.array(
            [[self._log_weight(p, y) - root[0] for y in rows] for p, root in zip(chosen, roots, strict=True)]
        ).reshape(len(chosen), len(rows))
        if isinstance(responses, list):
            return table[0] if self._one(prompt) else table
        return float(table[0, 0]) if self._one(prompt) else table[:, 0]

    # -- the root, responses ---------------------------------------------------------------------------------------

    def root_policy(self, prompt: Prompt = None) -> FloatArray:
        """Return π(a) of the first step, shape (A,), or (P, A); actions in the order of ``space.actions(0)``."""
        policies = [np.exp(normalise(logits)[:, 0]) for logits in self._root_logits(self._chosen(prompt))]
        return policies[0] if self._one(prompt) else np.array(policies)

    def mode(self, prompt: Prompt = None) -> Any:
        """Return the most probable response; a tuple, or a list of P tuples.

        Of equals the shortest, then the first in vocabulary order, as ``space.responses()`` has them.  Sums of
        rewards are compared as floats, added up from the last step back.
        """
        return self._items([self._response(self._best(p)) for p in self._chosen(prompt)], prompt)

    def sample(self, n: int, prompt: Prompt = None, rng: Rng = None) -> Any:
        """Draw n independent responses.

        Parameters
        ----------
        n : int
        prompt : hashable, optional
        rng : Generator, int or None
            Passed to `numpy.random.default_rng`; the same seed gives the same responses.

        Returns
        -------
        list of n responses; or, for several prompts, a list of P such lists

        Raises
        ------
        TabularBellmanError
            For so many that 8 bytes for each of their tokens, at most, would be more than ``space.max_bytes``.
        """
        n, rng = checked_integer(n, "n, the number of samples,", 0), generator(rng)
        self.space.check_budget(f"{n:,} samples", n * self.space.n_depths)
        drawn = [[self._response(rows) for rows in self._draw(n, p, rng)] for p in self._chosen(prompt)]
        return self._items(drawn, prompt)

    def table(self) -> StateActionTable:
        """Return the rewards as a table, to compare with ``EnergyBasedModel(table, temperature)``.

        Raises
        ------
        TabularBellmanError
            If it would take more than ``space.max_bytes``.
        """
        space = self.space
        space.check_budget()
        levels = []
        for t in range(space.n_depths):
            level = np.empty((space.n_actions(t), space.n_prefixes_at(t)))
            for p in range(space.n_prompts):
                level[:, p :: space.n_prompts] = self._step_level(p, t)
            levels.append(level)
        return StateActionTable.from_levels(space, levels)

    def _log_weight(self, p: int, rows: Rows) -> float:
        steps = [self._step(p, rows[:t]) for t in range(len(rows))]
        try:
            with np.errstate(over="raise"):
                return float(sum(step[min(row, len(step) - 1)] for step, row in zip(steps, rows, strict=True)))
        except FloatingPointError:
            raise TabularBellmanError("the rewards of a response overflow float64; scale them down.") from None

    def _in_nats(self, values: FloatArray, what: str) -> FloatArray:
        """Return the temperature times values."""
        try:
            with np.errstate(over="raise"):
                return np.multiply(self.temperature, values)
        except FloatingPointError:
            raise TabularBellmanError(
                f"{what} overflow float64 at temperature {self.temperature:g}; scale the rewards down."
            ) from None

    # -- what they share -------------------------------------------------------------------------------------------

    def _one(self, prompt: Prompt) -> bool:
        return prompt is not None or self.space.n_prompts == 1

    def _chosen(self, prompt: Prompt) -> list[int]:
        return [self.space.prompt_index(prompt)] if self._one(prompt) else list(range(self.space.n_prompts))

    def _numbers(self, roots: Sequence[FloatArray], row: int, prompt: Prompt) -> Any:
        numbers = np.array([root[row] for root in roots])
        return float(numbers[0]) if self._one(prompt) else numbers

    def _items(self, per_prompt: list[Any], prompt: Prompt) -> Any:
        return per_prompt[0] if self._one(prompt) else per_prompt

    def _rows(self, response: Response) -> Rows:
        tokens = self.space.response_tokens(response)
        self.space.response_index(response)  # names a token that is not in the vocabulary
        rows = tuple(self.space.token_index(token) for token in tokens)
        return (*rows, self.space.n_tokens) if self.space.has_eos else rows

    def _response(self, rows: Rows) -> Response:
        return self.space.complete(tuple(self.space.vocab[row] for row in rows[: len(rows) - self.space.has_eos]))

    def _nested(self, length: int, what: str, numbers: Callable[[int], FloatArray], n_rows: int = 0) -> FloatArray:
        """Return numbers(p) of all prompts, (V**length,) or (n_rows, V**length), indexed by prompt, tokens, action."""
        space, axes = self.space, 1 + length + (n_rows > 0)
        if axes > _MAX_DIMENSIONS:
            raise TabularBellmanError(f"{what} would have {axes} axes; NumPy allows {_MAX_DIMENSIONS}.")
        shape = (*((n_rows,) if n_rows else ()), *(space.n_tokens,) * length)
        return np.array([numbers(p).reshape(shape).T for p in range(space.n_prompts)])
