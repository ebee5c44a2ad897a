"""Straightforward NumPy, as a good user would write it: the best layout, whole levels, shifted by the maximum.

All arrays are there before: results, and one work array, as large as the largest level.
"""

import numpy as np

from benchmarks.contenders import Contender, Prepared
from benchmarks.contenders.chains import Chain
from benchmarks.contenders.sampling import Drawn, of_drawn
from benchmarks.problem import Levels, Problem
from benchmarks.tasks import DRAWS
from tabular_bellman.extended import FloatArray

__all__ = ["ALLOCATING", "CONTENDER"]


class Work:
    """Arrays to compute in."""

    def __init__(self, problem: Problem) -> None:
        self.V = problem.V
        self._pairs = np.empty(max(level.size for level in problem.table))
        self._prefixes = np.empty(max(level.shape[1] for level in problem.table))

    def log_sum_exp(self, q: FloatArray, out: FloatArray) -> None:
        """Write log Σ_a exp q(s, a)."""
        if q.shape[0] == 1:
            np.copyto(out, q[0])
            return
        pairs = self._pairs[: q.size].reshape(q.shape)
        top = self._prefixes[: out.size]
        np.max(q, axis=0, out=top)
        np.subtract(q, top, out=pairs)
        np.exp(pairs, out=pairs)
        np.sum(pairs, axis=0, out=out)
        np.log(out, out=out)
        out += top

    def add_values(self, level: FloatArray, values: FloatArray, out: FloatArray) -> None:
        """Write q(s, a) = r(s, a) + V(s⊕a); EOS leads nowhere."""
        np.add(level[: self.V], values.reshape(self.V, -1), out=out[: self.V])
        np.copyto(out[self.V :], level[self.V :])


def soft_bellman(work: Work, rewards: Levels, logits: Levels, values: Levels) -> None:
    """Compute q = M(r)."""
    for t in reversed(range(len(rewards))):
        if t + 1 < len(rewards):
            work.add_values(rewards[t], values[t + 1], out=logits[t])
        else:
            np.copyto(logits[t], rewards[t])
        work.log_sum_exp(logits[t], out=values[t])


def inverse(work: Work, logits: Levels, rewards: Levels, values: Levels) -> None:
    """Compute r = M⁻¹(q)."""
    V = work.V
    for t in reversed(range(len(logits))):
        np.copyto(rewards[t], logits[t])
        if t + 1 < len(logits):
            rewards[t][:V] -= values[t + 1].reshape(V, -1)
        work.log_sum_exp(logits[t], out=values[t])


def log_partition(work: Work, rewards: Levels, logits: Levels, values: Levels) -> FloatArray:
    """Compute V at the root, as M does."""
    soft_bellman(work, rewards, logits, values)
    return values[0]


def log_softmax(work: Work, logits: Levels, log_policy: Levels, values: Levels) -> None:
    """Compute log π."""
    for q, log_pi, v in zip(logits, log_policy, values, strict=True):
        work.log_sum_exp(q, out=v)
        np.subtract(q, v, out=log_pi)


def log_probs(work: Work, logits: Levels, log_policy: Levels, values: Levels, passing: Levels, out: Levels) -> None:
    """Compute log p(y) of all responses, one array for each length."""
    V = work.V
    log_softmax(work, logits, log_policy, values)
    passing[0][:] = 0.0
    for t, log_pi in enumerate(log_policy):
        np.add(passing[t], log_pi[-1], out=out[t])
        if t + 1 < len(logits):
            np.add(log_pi[:V], passing[t], out=passing[t + 1].reshape(V, -1))


def marginals(work: Work, logits: Levels, log_policy: Levels, values: Levels, passing: Levels) -> None:
    """Compute the chance of passing through each prefix."""
    V = work.V
    log_softmax(work, logits, log_policy, values)
    passing[0][:] = 1.0
    for t, log_pi in enumerate(log_policy[:-1]):
        policy = np.exp(log_pi[:V], out=log_pi[:V])
        np.multiply(policy, passing[t], out=passing[t + 1].reshape(V, -1))


def kl(work: Work, log_p: Levels, log_q: Levels) -> float:
    """Compute Σ_s P(s) KL(π_p‖π_q), from log-policies."""
    V, passing, total = work.V, np.ones(1), 0.0
    for a, b in zip(log_p, log_q, strict=True):
        policy = np.exp(a)
        total += float((passing * (policy * (a - b)).sum(axis=0)).sum())
        passing = (policy[:V] * passing).ravel()
    return total


def draw(problem: Problem, rng: np.random.Generator) -> Drawn:
    """Draw responses by Gumbel-max, all of them at once, a step at a time."""
    V = problem.V
    n_tokens, number = np.zeros(DRAWS, np.intp), np.zeros(DRAWS, np.intp)
    active = np.arange(DRAWS)
    for t, level in enumerate(problem.table[:-1]):
        x = level[:, number[active]]
        x += rng.gumbel(size=x.shape)
        rows = x.argmax(axis=0)
        going_on = rows < V
        active, rows = active[going_on], rows[going_on]
        number[active] += rows * V**t
        n_tokens[active] += 1
    return Drawn(n_tokens, number)


# -- the calls -------------------------------------------------------------------------------------------------------


def _soft_bellman(problem: Problem) -> Prepared:
    work, logits, values = Work(problem), problem.empty_pairs(), problem.empty_prefixes()

    def call() -> tuple[Levels, Levels]:
        soft_bellman(work, problem.table, logits, values)
        return logits, values

    return Prepared(call)


def _allocating(problem: Problem) -> Prepared:
    def call() -> tuple[Levels, Levels]:
        V = problem.V
        logits: list[FloatArray] = []
        values: list[FloatArray] = []
        for level in reversed(problem.table):
            q = level.copy()
            if values:
                q[:V] += values[-1].reshape(V, -1)
            top = q.max(axis=0)
            logits.append(q)
            values.append(top + np.log(np.exp(q - top).sum(axis=0)))
        return logits[::-1], values[::-1]

    return Prepared(call)


def _inverse(problem: Problem) -> Prepared:
    work, rewards, values = Work(problem), problem.empty_pairs(), problem.empty_prefixes()

    def call() -> Levels:
        inverse(work, problem.table, rewards, values)
        return rewards

    return Prepared(call)


def _log_partition(problem: Problem) -> Prepared:
    work, logits, values = Work(problem), problem.empty_pairs(), problem.empty_prefixes()
    return Prepared(lambda: log_partition(work, problem.table, logits, values))


def _log_probs(problem: Problem) -> Prepared:
    work, log_policy = Work(problem), problem.empty_pairs()
    values, passing, out = (problem.empty_prefixes() for _ in range(3))

    def call() -> Levels:
        log_probs(work, problem.table, log_policy, values, passing, out)
        return out

    return Prepared(call)


def _marginals(problem: Problem) -> Prepared:
    work, log_policy = Work(problem), problem.empty_pairs()
    values, passing = problem.empty_prefixes(), problem.empty_prefixes()

    def call() -> Levels:
        marginals(work, problem.table, log_policy, values, passing)
        return passing

    return Prepared(call)


def _kl(problem: Problem) -> Prepared:
    work, values = Work(problem), problem.empty_prefixes()
    log_p, log_q = problem.empty_pairs(), problem.empty_pairs()

    def call() -> float:
        log_softmax(work, problem.table, log_p, values)
        log_softmax(work, problem.other, log_q, values)
        return kl(work, log_p, log_q)

    return Prepared(call)


def _sampling(problem: Problem) -> Prepared:
    rng = np.random.default_rng(problem.seed)
    return Prepared(lambda: draw(problem, rng), lambda drawn: of_drawn(problem, drawn))


def _window(problem: Problem) -> Prepared:
    chain = Chain(problem)
    return Prepared(chain.log_partition)


CONTENDER = Contender(
    "NumPy",
    "straightforward, in the best layout; whole levels, shifted by the maximum",
    {
        "soft-bellman": _soft_bellman,
        "inverse": _inverse,
        "log-partition": _log_partition,
        "log-probs": _log_probs,
        "marginals": _marginals,
        "kl": _kl,
        "sampling": _sampling,
        "public-call": _soft_bellman,
        "window": _window,
    },
    preallocates=True,
)

ALLOCATING = Contender(
    "NumPy, new arrays",
    "the same, with results in new arrays as ours has them",
    {"public-call": _allocating},
    otherwise="",
)
