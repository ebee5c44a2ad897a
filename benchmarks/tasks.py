"""The tasks: what is computed, at which sizes, what cannot be avoided, and when two results agree."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.floor import Work
from benchmarks.problem import Problem, Size

__all__ = ["QUICK_SIZES", "SIZES", "TASKS", "Task"]

SIZES = (Size(8, 4), Size(4, 8), Size(50, 4), Size(2, 20), Size(4, 11), Size(3, 15))  # from small to large
QUICK_SIZES = (Size(8, 4), Size(4, 8))
DRAWS = 10_000


@dataclass(frozen=True)
class Task:
    """Something that every contender computes, if it can.

    Attributes
    ----------
    name : str
        What ``--task`` takes.
    title : str
        What is computed from what.
    sizes : tuple of Size
    work : function of a Problem, or None
        What cannot be avoided; None where there is no floor.
    bound : float
        Two results agree where they differ by no more than ``bound · (1 + |x|)`` anywhere.
    note : str
    entries : function of a Problem
        The size of a table.
    """

    name: str
    title: str
    sizes: tuple[Size, ...] = SIZES
    work: Callable[[Problem], Work] | None = None
    bound: float = 1e-12
    note: str = ""
    entries: Callable[[Problem], int] = lambda problem: problem.n_entries


def _tables(read: int, written: Callable[[Problem], int], exps: int = 1) -> Callable[[Problem], Work]:
    """Return the work of a task that reads so many tables, writes so many numbers, and takes so many exps an entry."""
    return lambda problem: Work(
        n_bytes=8 * (read * problem.n_entries + written(problem)), n_exps=exps * problem.n_entries
    )


TASKS = {
    task.name: task
    for task in (
        Task(
            "soft-bellman",
            "q = M(r): logits and values of all prefixes, from rewards",
            work=_tables(1, lambda problem: problem.n_entries),
        ),
        Task(
            "inverse",
            "r = M⁻¹(q): rewards, from logits",
            work=_tables(1, lambda problem: problem.n_entries),
        ),
        Task(
            "log-partition",
            "The log-partition alone, from rewards",
            work=_tables(1, lambda _: 0),
        ),
        Task(
            "log-probs",
            "Log-probabilities of all responses, from logits",
            work=_tables(1, lambda problem: problem.space.n_responses),
            note="In order of storage, one array for each length. *in reading order*: turned into one array, by length "
            "and then in vocabulary order, besides.",
        ),
        Task(
            "marginals",
            "The chance of passing through each prefix, from logits",
            work=_tables(1, lambda problem: problem.space.n_prefixes),
        ),
        Task(
            "kl",
            "KL of whole responses between two tables of logits",
            work=_tables(2, lambda _: 0, exps=2),
        ),
        Task(
            "sampling",
            f"{DRAWS:,} responses drawn, from logits",
            note="Ours makes a model of all logits, checks them, and gives tuples of tokens; *of a kept model* draws "
            "again from one that is there. The others normalise nothing, and give a number and a length for each "
            "response. No floor: what is touched is chance. Agreement: the shares of lengths and of first tokens are "
            "within 6 standard deviations of the exact ones.",
        ),
        Task(
            "public-call",
            "q = M(r), as a whole public call: a table of rewards in, checks, tables of logits and values out",
            sizes=(Size(8, 4),),
            work=_tables(1, lambda problem: problem.n_entries),
            note="The others are given raw arrays and check nothing.",
        ),
        Task(
            "example",
            "One property-based example: draw a table, M, inverse, compare",
            sizes=(Size(3, 3),),
            note="Hypothesis draws 100 examples in a call; the time of one is told.",
        ),
        Task(
            "window",
            "Log-partition of rewards that depend on the last token only",
            sizes=(Size(50, 200),),
            entries=lambda problem: (problem.size.T - 2) * problem.V * (problem.V + 1) + 2 * problem.V + 1,
            note="Rewards r(y_{t-1}, y_t) + u_t(y_t), and for EOS r(y_t, EOS): what a hidden Markov model can express, "
            "with EOS as an absorbing state. Ours is given the rewards as a function, the others as arrays.",
        ),
    )
}
