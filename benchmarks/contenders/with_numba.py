"""Numba: loops over prefixes, compiled; on two threads where these are worth their start.

Tables are one flat array each, level after level, so that every size runs the same machine code.
"""

from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Maker, Prepared, fastest
from benchmarks.contenders.sampling import Drawn, of_drawn
from benchmarks.problem import Levels, Problem
from benchmarks.tasks import DRAWS
from tabular_bellman.extended import FloatArray

__all__ = ["CONTENDER"]

_PARALLEL_FROM = 20_000  # entries


@cache
def _compiled(parallel: bool) -> dict[str, Callable[..., Any]]:
    """Return the functions; their code is made at the first call."""
    import math
    import os

    import numba
    from numba import njit, prange

    numba.set_num_threads(min(int(os.environ.get("NUMBA_NUM_THREADS", "2")), numba.config.NUMBA_NUM_THREADS))

    @njit(inline="always")
    def log_sum_exp(q, start, n, A, i):
        """Σ over the A rows of a level that begins at `start` and has n columns."""
        if A == 1:
            return q[start + i]
        top = q[start + i]
        for a in range(1, A):
            top = max(top, q[start + a * n + i])
        total = 0.0
        for a in range(A):
            total += math.exp(q[start + a * n + i] - top)
        return top + math.log(total)

    @njit(parallel=parallel)
    def soft_bellman(V, T, r, q, v):
        end, v_end = r.size, v.size
        for t in range(T - 1, -1, -1):
            n, A = V**t, V + 1 if t < T - 1 else 1
            start, v_start = end - A * n, v_end - n
            for i in prange(n):
                if A > 1:
                    for a in range(V):
                        q[start + a * n + i] = r[start + a * n + i] + v[v_end + a * n + i]
                q[start + (A - 1) * n + i] = r[start + (A - 1) * n + i]
                v[v_start + i] = log_sum_exp(q, start, n, A, i)
            end, v_end = start, v_start

    @njit(parallel=parallel)
    def inverse(V, T, q, r, v):
        end, v_end = q.size, v.size
        for t in range(T - 1, -1, -1):
            n, A = V**t, V + 1 if t < T - 1 else 1
            start, v_start = end - A * n, v_end - n
            for i in prange(n):
                if A > 1:
                    for a in range(V):
                        r[start + a * n + i] = q[start + a * n + i] - v[v_end + a * n + i]
                r[start + (A - 1) * n + i] = q[start + (A - 1) * n + i]
                v[v_start + i] = log_sum_exp(q, start, n, A, i)
            end, v_end = start, v_start

    @njit(parallel=parallel)
    def log_partition(V, T, r, v):
        end, v_end = r.size, v.size
        for t in range(T - 1, -1, -1):
            n, A = V**t, V + 1 if t < T - 1 else 1
            start, v_start = end - A * n, v_end - n
            for i in prange(n):
                if A == 1:
                    v[v_start + i] = r[start + i]
                    continue
                top = r[start + V * n + i]
                for a in range(V):
                    top = max(top, r[start + a * n + i] + v[v_end + a * n + i])
                total = math.exp(r[start + V * n + i] - top)
                for a in range(V):
                    total += math.exp(r[start + a * n + i] + v[v_end + a * n + i] - top)
                v[v_start + i] = top + math.log(total)
            end, v_end = start, v_start
        return v[0]

    @njit(parallel=parallel)
    def log_probs(V, T, q, passing, out):
        start, v_start = 0, 0
        passing[0] = 0.0
        for t in range(T):
            n, A = V**t, V + 1 if t < T - 1 else 1
            after = v_start + n
            for i in prange(n):
                shift = passing[v_start + i] - log_sum_exp(q, start, n, A, i)
                out[v_start + i] = q[start + (A - 1) * n + i] + shift
                if A > 1:
                    for a in range(V):
                        passing[after + a * n + i] = q[start + a * n + i] + shift
            start, v_start = start + A * n, after

    @njit(parallel=parallel)
    def marginals(V, T, q, passing):
        start, v_start = 0, 0
        passing[0] = 1.0
        for t in range(T - 1):
            n, A = V**t, V + 1
            after = v_start + n
            for i in prange(n):
                top = q[start + i]
                for a in range(1, A):
                    top = max(top, q[start + a * n + i])
                total = math.exp(q[start + V * n + i] - top)
                for a in range(V):
                    weight = math.exp(q[start + a * n + i] - top)
                    passing[after + a * n + i] = weight
                    total += weight
                for a in range(V):
                    passing[after + a * n + i] *= passing[v_start + i] / total
            start, v_start = start + A * n, after

    @njit(parallel=parallel)
    def kl(V, T, p, q, passing):
        start, v_start, whole = 0, 0, 0.0
        passing[0] = 1.0
        for t in range(T - 1):  # EOS alone has nothing to differ in
            n, A = V**t, V + 1
            after = v_start + n
            here = 0.0
            for i in prange(n):
                top_p, top_q = p[start + i], q[start + i]
                for a in range(1, A):
                    top_p = max(top_p, p[start + a * n + i])
                    top_q = max(top_q, q[start + a * n + i])
                total_p = total_q = difference = 0.0
                for a in range(A):
                    x, y = p[start + a * n + i] - top_p, q[start + a * n + i] - top_q
                    weight = math.exp(x)
                    total_p += weight
                    total_q += math.exp(y)
                    difference += weight * (x - y)
                    if a < V:
                        passing[after + a * n + i] = weight
                scale = passing[v_start + i] / total_p
                for a in range(V):
                    passing[after + a * n + i] *= scale
                here += scale * difference + passing[v_start + i] * math.log(total_q / total_p)
            whole += here
            start, v_start = start + A * n, after
        return whole

    @njit(parallel=parallel)
    def sampling(V, T, q, n_draws, seed):
        n_tokens, number = np.zeros(n_draws, np.int64), np.zeros(n_draws, np.int64)
        chunks = 8
        for chunk in prange(chunks):
            np.random.seed(seed + chunk)  # noqa: NPY002 (what Numba knows)
            for k in range(chunk * n_draws // chunks, (chunk + 1) * n_draws // chunks):
                start, n, i = 0, 1, 0
                for _ in range(T - 1):
                    total = 0.0
                    for a in range(V + 1):
                        total += math.exp(q[start + a * n + i])
                    left = np.random.random() * total  # noqa: NPY002
                    action = V
                    for a in range(V):
                        left -= math.exp(q[start + a * n + i])
                        if left < 0.0:
                            action = a
                            break
                    if action == V:
                        break
                    n_tokens[k] += 1
                    i += action * n
                    start += (V + 1) * n
                    n *= V
                number[k] = i
        return n_tokens, number

    names = (soft_bellman, inverse, log_partition, log_probs, marginals, kl, sampling)
    return {function.__name__.replace("_", "-"): function for function in names}


def _flat(table: Levels) -> FloatArray:
    return np.concatenate([level.ravel() for level in table])


def _split(problem: Problem, flat: FloatArray, pairs: bool) -> list[FloatArray]:
    shapes = [level.shape if pairs else level.shape[1:] for level in problem.table]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


def _with_numba(task: str, result: str) -> Maker:
    """Return the maker of a task; `result` says which arrays it writes: pairs, prefixes, work (not looked at)."""

    def prepare(problem: Problem) -> Prepared:
        ways = (False, True) if problem.n_entries >= _PARALLEL_FROM else (False,)
        V, T = problem.size
        given = [_flat(problem.table)] + ([_flat(problem.other)] if task == "kl" else [])
        written = [
            np.empty(problem.n_entries if kind == "pairs" else problem.space.n_prefixes) for kind in result.split()
        ]

        def arrays(returned: Any) -> list[FloatArray]:
            if returned is not None:
                return [np.asarray(returned)]
            kinds = [(kind, flat) for kind, flat in zip(result.split(), written, strict=True) if kind != "work"]
            return [part for kind, flat in kinds for part in _split(problem, flat, kind == "pairs")]

        return Prepared(fastest([partial(_compiled(way)[task], V, T, *given, *written) for way in ways]), arrays)

    return prepare


def _sampling(problem: Problem) -> Prepared:
    V, T = problem.size
    flat, calls = _flat(problem.table), 0

    def call(parallel: bool) -> Drawn:
        nonlocal calls
        calls += 1
        return Drawn(*_compiled(parallel)["sampling"](V, T, flat, DRAWS, problem.seed + 8 * calls))

    return Prepared(fastest([partial(call, way) for way in (False, True)]), lambda drawn: of_drawn(problem, drawn))


CONTENDER = Contender(
    "numba",
    f"njit loops over prefixes; from {_PARALLEL_FROM:,} entries on also parallel, whichever is faster",
    {
        "soft-bellman": _with_numba("soft-bellman", "pairs prefixes"),
        "public-call": _with_numba("soft-bellman", "pairs prefixes"),
        "inverse": _with_numba("inverse", "pairs work"),
        "log-partition": _with_numba("log-partition", "work"),
        "log-probs": _with_numba("log-probs", "work prefixes"),
        "marginals": _with_numba("marginals", "prefixes"),
        "kl": _with_numba("kl", "work"),
        "sampling": _sampling,
    },
    compiled=True,
    preallocates=True,
    absent=lambda: "" if find_spec("numba") else "numba is not installed: pip install -e '.[benchmarks]'",
)
