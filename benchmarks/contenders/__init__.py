"""Whoever computes the same things: one module for each kind of contender.

A contender is a dictionary of tasks; a task is a function of a `Problem` that returns a `Prepared` call, or says by
`Skip` why there is none.  What it needs (copies in its own layout, arrays to write into, compiled code) is made there,
outside of the timing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from timeit import repeat
from typing import Any

import numpy as np

from benchmarks.problem import Problem
from tabular_bellman.extended import FloatArray

__all__ = ["Contender", "Maker", "Prepared", "Skip", "fastest", "refuse_above"]


class Skip(Exception):
    """Why a contender does not take part."""


def as_arrays(result: Any) -> list[FloatArray]:
    """Return a result, whatever nesting of arrays it is, as a list of arrays."""
    if isinstance(result, (list, tuple)):
        return [array for part in result for array in as_arrays(part)]
    return [np.asarray(result)]


@dataclass(frozen=True)
class Prepared:
    """A call, ready to be timed.

    Attributes
    ----------
    call : function of nothing
        Returns when the result is there.
    arrays : function of what `call` returns
        The result as arrays in order of storage, for the comparison.
    per : int
        How many results one call computes.
    """

    call: Callable[[], Any]
    arrays: Callable[[Any], Sequence[FloatArray]] = as_arrays
    per: int = 1


Maker = Callable[[Problem], Prepared]


@dataclass(frozen=True)
class Contender:
    """Somebody who takes part.

    Attributes
    ----------
    name : str
        What ``--contender`` takes.
    what : str
        In a line.
    tasks : mapping of task to Maker
    compiled : bool
        Whether it is machine code made for the task; what that took is told.
    preallocates : bool
        Whether outputs are written into arrays that are there.
    absent : function of nothing
        Why it cannot run here; "" if it can.
    otherwise : str
        Why there is no other task; "" for one that is about these tasks only, and not listed elsewhere.
    """

    name: str
    what: str
    tasks: Mapping[str, Maker] = field(default_factory=dict)
    compiled: bool = False
    preallocates: bool = False
    absent: Callable[[], str] = lambda: ""
    otherwise: str = "not written for this"

    def prepare(self, task: str, problem: Problem) -> Prepared:
        """Return the call for a task, or raise `Skip`."""
        if reason := self.absent():
            raise Skip(reason)
        if task not in self.tasks:
            raise Skip(self.otherwise)
        return self.tasks[task](problem)


def fastest(calls: Sequence[Callable[[], Any]]) -> Callable[[], Any]:
    """Return the fastest of several ways to do one thing, such as with one thread and with two."""

    def seconds(call: Callable[[], Any]) -> float:
        call()  # may compile
        return min(repeat(call, number=1, repeat=5))

    return min(calls, key=seconds) if len(calls) > 1 else calls[0]


def refuse_above(limit: float, amount: float, what: str) -> None:
    """Skip what would not fit, by formula."""
    if amount > limit:
        raise Skip(f"{what}: {amount:.2g}, above {limit:.2g}")
