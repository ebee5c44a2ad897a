"""Drawing responses: what a result looks like, and whether it can come from the right distribution."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.problem import Problem
from tabular_bellman.extended import FloatArray
from tabular_bellman.tokens import Response

__all__ = ["Drawn", "furthest_off", "of_responses"]

Ints = NDArray[np.intp]


class Drawn(NamedTuple):
    """For each response, how many tokens it has, and its number: y1 + V·y2 + V²·y3 + …"""

    n_tokens: Ints
    number: Ints


def of_responses(responses: Sequence[Response]) -> list[FloatArray]:
    """Return what is compared, from tuples of tokens; the tokens are 0, …, V - 1, and EOS comes last."""
    n_tokens = np.array([len(response) - 1 for response in responses])
    first = np.array([-1 if len(response) == 1 else response[0] for response in responses])
    return [n_tokens, first]


def of_drawn(problem: Problem, drawn: Drawn) -> list[FloatArray]:
    """Return the same, from numbers."""
    n_tokens, number = (np.asarray(part) for part in drawn)
    return [n_tokens, np.where(n_tokens == 0, -1, number % problem.V)]


def furthest_off(problem: Problem, found: Sequence[FloatArray]) -> float:
    """Return how many standard deviations a share of a length, or of a first token, is off at most.

    Three draws of one thing are granted besides: where few are expected, shares are not normal.
    """
    lengths, firsts = exact_shares(problem)
    n_tokens, first = found
    n = n_tokens.size
    counts = np.concatenate(
        [np.bincount(n_tokens, minlength=lengths.size), np.bincount(first + 1, minlength=firsts.size)]
    )
    expected = np.concatenate([lengths, firsts])
    if counts.size != expected.size:
        return np.inf  # a length or a token that does not exist
    off = np.maximum(np.abs(counts - n * expected) - 3.0, 0.0)
    return float((off / np.sqrt(n * np.maximum(expected * (1.0 - expected), 1.0 / n))).max())


def exact_shares(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Return the probability of each number of tokens, and of EOS and each token at the first step."""
    passing, lengths = np.ones(1), []
    for t, level in enumerate(problem.table):
        policy = np.exp(level - level.max(axis=0))
        policy /= policy.sum(axis=0)
        if t == 0:
            firsts = np.roll(policy[:, 0], 1)
        joint = policy * passing
        lengths.append(joint[-1].sum())
        passing = joint[: problem.V].ravel()
    return np.array(lengths), firsts
