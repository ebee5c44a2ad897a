"""What both views of a distribution over responses offer."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, expectation
from tabular_bellman.inputs import generator
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable, StateTable
from tabular_bellman.tokens import Prompt, Response

__all__ = ["SequenceModel"]

Rng = np.random.Generator | int | None


class SequenceModel(ABC):
    """A probability distribution over the responses to each prompt: what both views offer.

    A method with a `prompt` gives the result for that prompt.  Without it, a space with one prompt gives the result
    for this one, and a space with several gives all results in the order of ``space.prompts``: an array with a
    first axis of length P, or a list.
    """

    space: SequenceSpace

    @property
    @abstractmethod
    def log_policy(self) -> StateActionTable:
        """log π(a|s), -inf for what cannot come next, and throughout a dead prefix."""

    @property
    @abstractmethod
    def values(self) -> StateTable:
        """The soft value of each prefix, in nats; -inf at a dead prefix."""

    @property
    @abstractmethod
    def prefix_log_probs(self) -> StateTable:
        """The log-probability that a response passes through each prefix."""

    @property
    @abstractmethod
    def _log_partitions(self) -> FloatArray:
        """The log-partition of each prompt, shape (P,)."""

    @property
    @abstractmethod
    def _log_probabilities(self) -> FloatArray:
        """Of every response, shape (P, n)."""

    @abstractmethod
    def _log_prob(self, p: int, response: Response) -> float:
        """The log-probability of one response to prompt number p."""

    @abstractmethod
    def _sample(self, n: int, p: int, rng: np.random.Generator) -> list[Response]:
        """Draw n responses to prompt number p."""

    @property
    def _ranking(self) -> FloatArray:
        """What orders responses by probability, shape (P, n)."""
        return self._log_probabilities

    @property
    def _step_ranking(self) -> StateActionTable:
        """What orders the actions of a prefix by probability."""
        return self.log_policy

    @property
    def policy(self) -> StateActionTable:
        """π(a|s), the probability of each action at each prefix; 0 throughout a dead prefix."""
        return StateActionTable._wrap(self.space, [np.exp(level) for level in self.log_policy.levels])

    def log_partition(self, prompt: Prompt = None) -> Any:
        """Return the log-partition, in nats; a float, or an array of shape (P,).

        That of an energy-based model is log Σ_y p_ref(y|x) exp(R(x, y)/τ); that of an autoregressive model is V_q
        at the root, by Prop. 1 the log-partition of the energy-based model with rewards M⁻¹(q).
        """
        return self._chosen(self._log_partitions, prompt)

    def log_probabilities(self) -> FloatArray:
        """Return log p(y|x) of every response, shape (P, n), in the order of ``space.responses()``."""
        return self._log_probabilities.copy()

    def probabilities(self) -> FloatArray:
        """Return p(y|x) of every response, shape (P, n), in the order of ``space.responses()``."""
        return np.exp(self._log_probabilities)

    def log_prob(self, responses: Response | list[Response], prompt: Prompt = None) -> Any:
        """Return the log-probability of one response (a tuple) or of several (a list of tuples).

        Returns
        -------
        float or ndarray
            For a tuple a float, or shape (P,); for a list shape (n,), or (P, n).  -inf for what is forbidden.

        Raises
        ------
        TabularBellmanError
            For what is not a response of the space.
        """
        many = responses if isinstance(responses, list) else [responses]
        for response in many:
            if isinstance(responses, list) and not isinstance(response, tuple):
                raise TabularBellmanError(
                    f"{response!r} in the list is not a response: a list holds several responses, each a tuple of "
                    "tokens. For one response, give the tuple."
                )
            self.space.response_index(response)
        table = np.array([[self._log_prob(p, y) for y in many] for p in range(self.space.n_prompts)])
        if not isinstance(responses, list):
            return self._chosen(table[:, 0], prompt)
        return table[self.space.prompt_index(prompt)] if self._one(prompt) else table

    def entropy(self, prompt: Prompt = None) -> Any:
        """Return the entropy over whole responses, -Σ_y p(y) log p(y), in nats; a float, or shape (P,)."""
        log_p = self._log_probabilities
        return self._chosen(-expectation(np.exp(log_p), log_p, axis=1) + 0.0, prompt)

    def mode(self, prompt: Prompt = None) -> Any:
        """Return the most probable response (the first in order, of equals); a tuple, or a list of P tuples.

        This is not `greedy`, which takes the most probable token at each step.
        """
        best = self._ranking.argmax(axis=1)
        return self._chosen_item([self.space.response_at(int(i)) for i in best], prompt)

    def greedy(self, prompt: Prompt = None) -> Any:
        """Return the response that takes the most probable action at each step (the first in order, of equals)."""
        found = []
        for p in range(self.space.n_prompts):
            response: tuple[Hashable, ...] = ()
            index = p
            for t, level in enumerate(self._step_ranking.levels):
                row = int(level[:, index].argmax())
                response = (*response, self.space.actions(t)[row])
                if len(response) == self.space.max_length or row >= self.space.n_tokens:
                    break
                index += row * self.space.n_prefixes_at(t)
            found.append(response)
        return self._chosen_item(found, prompt)

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
        """
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
            raise TabularBellmanError(f"n is {n!r}; the number of samples must be an integer, 0 or more.")
        rng = generator(rng)
        if self._one(prompt):
            return self._sample(int(n), self.space.prompt_index(prompt), rng)
        return [self._sample(int(n), p, rng) for p in range(self.space.n_prompts)]

    def _one(self, prompt: Prompt) -> bool:
        return prompt is not None or self.space.n_prompts == 1

    def _chosen(self, per_prompt: FloatArray, prompt: Prompt) -> Any:
        return float(per_prompt[self.space.prompt_index(prompt)]) if self._one(prompt) else per_prompt.copy()

    def _chosen_item(self, per_prompt: Sequence[Any], prompt: Prompt) -> Any:
        return per_prompt[self.space.prompt_index(prompt)] if self._one(prompt) else list(per_prompt)

    def _refuse_empty(self, log_partitions: FloatArray) -> None:
        empty = np.isneginf(log_partitions)
        if empty.any():
            prompt = self.space.prompts[int(empty.argmax())]
            raise TabularBellmanError(
                f"every response to prompt {prompt!r} is forbidden, so it has no distribution; allow at least one."
            )
