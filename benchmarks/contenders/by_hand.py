"""What people write before they look for something faster: enumeration, and dense matrices over states."""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Maker, Prepared, refuse_above
from benchmarks.problem import Problem
from tabular_bellman.extended import FloatArray

__all__ = ["CONTENDERS"]

_MOST_STEPS = 1e6  # of a Python loop: about a second
_MOST_BYTES = 2**30


# -- itertools -------------------------------------------------------------------------------------------------------


def _dictionary(problem: Problem) -> dict[tuple[int, ...], list[float]]:
    """Return the numbers of each prefix, in the order of its actions."""
    steps = sum(n * (n_tokens + 1) for n_tokens, n in enumerate(problem.V**t for t in range(problem.size.T)))
    refuse_above(_MOST_STEPS, steps, "additions in Python, one for each step of each response")
    table: dict[tuple[int, ...], list[float]] = {}
    for t, level in enumerate(problem.table):
        columns = problem.space.to_lexicographic(level, t)[0].tolist()
        table.update(zip(product(range(problem.V), repeat=t), columns, strict=True))
    return table


def _totals(problem: Problem, table: dict[tuple[int, ...], list[float]]) -> list[float]:
    totals = []
    for n in range(problem.size.T):
        for tokens in product(range(problem.V), repeat=n):
            total = table[tokens][-1]  # EOS
            for t, token in enumerate(tokens):
                total += table[tokens[:t]][token]
            totals.append(total)
    return totals


def _log_sum_exp(numbers: Sequence[float]) -> float:
    top = max(numbers)
    return top + math.log(math.fsum(math.exp(x - top) for x in numbers))


def _log_partition(problem: Problem) -> Prepared:
    table = _dictionary(problem)
    return Prepared(lambda: _log_sum_exp(_totals(problem, table)))


def _log_probs(problem: Problem) -> Prepared:
    table, space = _dictionary(problem), problem.space

    def call() -> list[float]:
        log_policy = {}
        for prefix, logits in table.items():
            value = _log_sum_exp(logits)
            log_policy[prefix] = [q - value for q in logits]
        return _totals(problem, log_policy)

    def arrays(totals: list[float]) -> list[FloatArray]:
        ends = np.cumsum([problem.V**t for t in range(problem.size.T)])
        parts = np.split(np.array(totals), ends[:-1])
        return [space.from_lexicographic(part.reshape(1, -1, 1), t).ravel() for t, part in enumerate(parts)]

    return Prepared(call, arrays)


# -- dense matrices --------------------------------------------------------------------------------------------------


def _dense(problem: Problem) -> Callable[[], tuple[FloatArray, FloatArray]]:
    """Return value iteration over all states at once, as MaxEnt-IRL code has it: transitions of shape (S, A, S)."""
    V, T = problem.size
    n = problem.space.n_prefixes
    S, A = n + 1, V + 1  # and one state for all that has ended
    refuse_above(_MOST_BYTES, 8 * S * A * S, "bytes of the transitions, 8·S·A·S")
    transitions, rewards = np.zeros((S, A, S)), np.full((S, A), -np.inf)
    start = 0
    for t, level in enumerate(problem.table):
        states = start + np.arange(V**t)
        transitions[states, V, n] = 1.0
        rewards[states, V] = level[-1]
        if t + 1 < T:
            for a in range(V):
                transitions[states, a, states + V**t + a * V**t] = 1.0
                rewards[states, a] = level[a]
        start += V**t
    ended = np.arange(S) == n

    def call() -> tuple[FloatArray, FloatArray]:
        values = np.zeros(S)
        for _ in range(T):
            q = rewards + transitions @ values
            top = np.where(ended, 0.0, q.max(axis=1))
            with np.errstate(divide="ignore"):
                values = top + np.log(np.exp(q - top[:, None]).sum(axis=1))
            values[n] = 0.0
        return q, values

    return call


def _dense_soft_bellman(problem: Problem) -> Prepared:
    call, V, T = _dense(problem), *problem.size

    def arrays(result: Any) -> list[FloatArray]:
        q, values = result
        logits, parts, start = [], [], 0
        for t in range(T):
            here = slice(start, start + V**t)
            logits.append(q[here].T if t + 1 < T else q[here, -1:].T)
            parts.append(values[here])
            start += V**t
        return [*logits, *parts]

    return Prepared(call, arrays)


def _dense_log_partition(problem: Problem) -> Prepared:
    call = _dense(problem)
    return Prepared(lambda: call()[1][:1])


_ENUMERATION: dict[str, Maker] = {"log-partition": _log_partition, "log-probs": _log_probs}
_DENSE: dict[str, Maker] = {"soft-bellman": _dense_soft_bellman, "log-partition": _dense_log_partition}

CONTENDERS = (
    Contender(
        "itertools",
        "enumeration in Python: a loop over responses, sums along each",
        _ENUMERATION,
        otherwise="enumeration gives log-partitions and log-probabilities",
    ),
    Contender(
        "dense (S, A, S)",
        "value iteration with dense transitions, as MaxEnt-IRL code has it",
        _DENSE,
        otherwise="the dense recursion gives M",
    ),
)
