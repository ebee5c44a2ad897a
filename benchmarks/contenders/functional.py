"""The tasks without writing into arrays, once for SciPy, PyTorch and JAX: they differ in a few operations.

Level by level, in the best layout; a library's own log Σ exp does the shift.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

__all__ = ["Operations", "functions"]

Arrays = Sequence[Any]


@dataclass(frozen=True)
class Operations:
    """What differs.

    Attributes
    ----------
    log_sum_exp : function
        Over the first axis.
    exp : function
    add_to_tokens : function of (level, values)
        ``level`` with values of shape (V, n) added to its first V rows.
    total : function
        The sum of everything.
    zeros : function of n
    """

    log_sum_exp: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    add_to_tokens: Callable[[Any, Any], Any]
    total: Callable[[Any], Any]
    zeros: Callable[[int], Any]


def functions(xp: Operations, V: int) -> dict[str, Callable[..., Any]]:
    """Return a function for each task, of one or two tables."""

    def log_sum_exp(q: Any) -> Any:
        return q[0] if q.shape[0] == 1 else xp.log_sum_exp(q)

    def backward(rewards: Arrays) -> tuple[list[Any], list[Any]]:
        logits: list[Any] = []
        values: list[Any] = []
        for r in reversed(rewards):
            q = xp.add_to_tokens(r, values[-1].reshape(V, -1)) if values else r
            logits.append(q)
            values.append(log_sum_exp(q))
        return logits[::-1], values[::-1]

    def inverse(logits: Arrays) -> list[Any]:
        rewards = [xp.add_to_tokens(q, -log_sum_exp(below).reshape(V, -1)) for q, below in pairwise(logits)]
        return [*rewards, logits[-1]]

    def log_partition(rewards: Arrays) -> Any:
        value = None
        for r in reversed(rewards):
            q = r if value is None else xp.add_to_tokens(r, value.reshape(V, -1))
            value = log_sum_exp(q)
        return value

    def log_probs(logits: Arrays) -> list[Any]:
        passing, complete = xp.zeros(1), []
        for q in logits:
            log_joint = q + (passing - log_sum_exp(q))
            complete.append(log_joint[-1])
            passing = log_joint[:V].reshape(-1)
        return complete

    def marginals(logits: Arrays) -> list[Any]:
        passing = [xp.exp(xp.zeros(1))]
        for q in logits[:-1]:
            policy = xp.exp(q[:V] - log_sum_exp(q))
            passing.append((policy * passing[-1]).reshape(-1))
        return passing

    def kl(p: Arrays, q: Arrays) -> Any:
        total, passing = 0.0, xp.exp(xp.zeros(1))
        for a, b in zip(p, q, strict=True):
            log_a, log_b = a - log_sum_exp(a), b - log_sum_exp(b)
            joint = xp.exp(log_a) * passing
            total = total + xp.total(joint * (log_a - log_b))
            passing = joint[:V].reshape(-1)
        return total

    return {
        "soft-bellman": backward,
        "public-call": backward,
        "inverse": inverse,
        "log-partition": log_partition,
        "log-probs": log_probs,
        "marginals": marginals,
        "kl": kl,
    }


TABLES = ("soft-bellman", "public-call", "inverse", "log-partition", "log-probs", "marginals", "kl")
