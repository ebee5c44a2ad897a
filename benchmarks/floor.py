"""The floor: what no algorithm can do without, measured on this machine in the same run.

    floor = max(bytes moved once / copy bandwidth, entries × time per vectorised exp)

Each input is read once and each output written once; `numpy.copyto` moves as many bytes, between arrays that together
are as large as the task's.  Each entry takes one exp, by `numpy.exp` on blocks that stay in the cache.  Both with all
threads that a contender may use (whether it does or not), or with one where that is faster.

It is a yardstick, near to a bound: an entry of the last step, where EOS is the only action, could do without its exp,
and the values of M are left out of the bytes written.
"""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

__all__ = ["Floor", "Work"]

Functions = Sequence[Callable[[], object]]

_BLOCK = 32768  # numbers; two such blocks, 512 KiB, lie in the cache; in shorter calls threads wait for the interpreter
_ENOUGH = 5e-3  # seconds of work for each thread, so that handing it out does not count


@dataclass(frozen=True)
class Work:
    """What a task cannot do without."""

    n_bytes: int
    n_exps: int


class Floor:
    """The two terms of the floor of one task at one size, to be timed in turn with the contenders."""

    def __init__(self, work: Work, threads: int) -> None:
        self.work = work
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)
        n = max(_BLOCK, math.ceil(work.n_bytes / 16 / threads))  # a copied float64: 8 bytes read, 8 written
        self._copied_bytes = 16 * n * threads
        sources = [np.ones(n) for _ in range(threads)]
        targets = [np.zeros(n) for _ in range(threads)]
        blocks = [np.linspace(-3.0, 3.0, _BLOCK) for _ in range(threads)]
        results = [np.empty(_BLOCK) for _ in range(threads)]
        self._copies = [lambda a=a, b=b: np.copyto(b, a) for a, b in zip(sources, targets, strict=True)]
        self._exps = [lambda a=a, b=b: np.exp(a, out=b) for a, b in zip(blocks, results, strict=True)]
        self._n_copies = self._enough(self._copies)
        self._n_exps = self._enough(self._exps)

    def copy_seconds(self) -> float:
        """Time the bytes of this task, moved once."""
        per_byte = self._time(self._copies, self._n_copies) / (self._n_copies * self._copied_bytes)
        return per_byte * self.work.n_bytes

    def exp_seconds(self) -> float:
        """Time the exps of this task."""
        per_exp = self._time(self._exps, self._n_exps) / (self._n_exps * _BLOCK * self._threads)
        return per_exp * self.work.n_exps

    def _time(self, functions: Functions, repeats: int) -> float:
        """Time functions on a thread each, and one after the other; the shorter, since threads may be in the way."""

        def repeat(function: Callable[[], object]) -> None:
            for _ in range(repeats):
                function()

        start = time.perf_counter()
        wait([self._pool.submit(repeat, function) for function in functions])
        between = time.perf_counter()
        for function in functions:
            repeat(function)
        return min(between - start, time.perf_counter() - between)

    def _enough(self, functions: Functions) -> int:
        repeats = 1
        while (taken := self._time(functions, repeats)) < _ENOUGH:
            repeats = max(2 * repeats, min(100 * repeats, int(repeats * _ENOUGH / taken)))
        return repeats

    def close(self) -> None:
        """Let the threads and the arrays go."""
        self._pool.shutdown()
        self._copies.clear()
