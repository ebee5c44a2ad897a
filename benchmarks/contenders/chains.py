"""Rewards that depend on the last token only: a chain, whose forward pass is that of a hidden Markov model.

r = start(y_1) at the first step, then transition(y_t, y_{t+1}) + unary_t(y_{t+1}), and for EOS transition(y_t, EOS).
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from benchmarks.contenders import Contender, Prepared
from benchmarks.problem import Problem
from tabular_bellman.extended import FloatArray

__all__ = ["CONTENDERS", "Chain"]


class Chain:
    """Random rewards of this form; at least two steps."""

    def __init__(self, problem: Problem) -> None:
        rng = np.random.default_rng(problem.seed)
        self.V, self.T = problem.size
        self.start = rng.standard_normal(self.V + 1)  # EOS is the last column, everywhere
        self.transition = rng.standard_normal((self.V, self.V + 1))
        self.steps = np.ascontiguousarray(self.transition.T)
        self.unary = rng.standard_normal((self.T - 2, self.V))

    def reward(self, _: object, contexts: NDArray[Any], depth: int) -> FloatArray:
        """Return the rewards of all actions after each context: shape (A, n)."""
        if depth == 0:
            return self.start[:, None]
        rewards = np.take(self.steps, contexts[-1], axis=1)
        if depth == self.T - 1:
            return rewards[-1:]  # EOS is the only action
        rewards[: self.V] += self.unary[depth - 1][:, None]
        return rewards

    def at_hand(self) -> list[FloatArray]:
        """Return the rewards of each depth, for the contexts in the order in which a model asks for them."""
        tokens = np.arange(self.V)[None]
        return [self.reward(None, tokens, depth) for depth in range(self.T)]

    def log_partition(self) -> float:
        """Run forward in straightforward NumPy: the weight of all prefixes by last token, and of all that ended."""
        V = self.V
        ended = [self.start[V]]
        so_far = self.start[:V]
        for t in range(self.T - 2):
            x = so_far[:, None] + self.transition
            top = x.max(axis=0)
            after = top + np.log(np.exp(x - top).sum(axis=0))
            ended.append(after[V])
            so_far = after[:V] + self.unary[t]
        ended.append(logsumexp(so_far + self.transition[:, V]))
        return float(logsumexp(ended))


def _hidden_markov_model(chain: Chain, implementation: str) -> Callable[[], float]:
    """Return hmmlearn's score of the chain, with EOS as an absorbing state, and rows normalised as it requires."""
    from hmmlearn.base import BaseHMM

    V, T = chain.V, chain.T
    weights = np.zeros((V + 1, V + 1))
    weights[:V] = np.exp(chain.transition)
    weights[V, V] = 1.0
    sums = weights.sum(axis=1)
    frames = np.zeros((T, V + 1))
    frames[1:-1, :V] += chain.unary
    frames[:-1] += np.log(sums)  # what normalising the step out of a state has taken off
    frames[-1, :V] = -np.inf  # at the last step everything has ended
    first = np.exp(chain.start)
    offset = float(np.log(first.sum()))
    likelihoods = np.exp(frames)

    class Frames(BaseHMM):
        """Emissions that are given: the documented way to add a kind of emission."""

        def _compute_log_likelihood(self, _: FloatArray) -> FloatArray:
            return frames

        def _compute_likelihood(self, _: FloatArray) -> FloatArray:
            return likelihoods

    model = Frames(n_components=V + 1, implementation=implementation)
    model.startprob_, model.transmat_ = first / first.sum(), weights / sums[:, None]
    steps = np.zeros((T, 1))
    return lambda: model.score(steps) + offset


def _hmmlearn(implementation: str) -> Callable[[Problem], Prepared]:
    def prepare(problem: Problem) -> Prepared:
        return Prepared(_hidden_markov_model(Chain(problem), implementation))

    return prepare


def _absent() -> str:
    return "" if find_spec("hmmlearn") else "hmmlearn is not installed: pip install -e '.[benchmarks]'"


CONTENDERS = tuple(
    Contender(
        name,
        what,
        {"window": _hmmlearn(implementation)},
        compiled=False,
        absent=_absent,
        otherwise="a chain cannot express it",
    )
    for name, implementation, what in (
        ("hmmlearn", "log", "BaseHMM.score: the forward pass in C++, over logarithms (its default)"),
        ("hmmlearn, scaling", "scaling", "the same over scaled probabilities: no exp in the loop"),
    )
)
