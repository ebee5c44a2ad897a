"""Whole libraries: `scipy.special.logsumexp`, PyTorch (eager and compiled), JAX (compiled).

Their results are in new arrays each time, as these libraries have it.
"""

import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Maker, Prepared, fastest
from benchmarks.contenders.functional import TABLES, Operations, functions
from benchmarks.contenders.sampling import Drawn, of_drawn
from benchmarks.problem import Levels, Problem
from benchmarks.tasks import DRAWS
from benchmarks.threads import DEFAULT_THREADS
from tabular_bellman.extended import FloatArray

__all__ = ["CONTENDERS"]

_ONE_THREAD_BELOW = 30_000  # entries, where torch compiles


def _tables(task: str, problem: Problem) -> tuple[Levels, ...]:
    return (problem.table, problem.other) if task == "kl" else (problem.table,)


def _absent(package: str) -> Callable[[], str]:
    return lambda: "" if find_spec(package) else f"{package} is not installed: pip install -e '.[benchmarks]'"


# -- SciPy -----------------------------------------------------------------------------------------------------------


def _with_scipy(task: str) -> Maker:
    def prepare(problem: Problem) -> Prepared:
        from scipy.special import logsumexp

        def add_to_tokens(level: FloatArray, values: FloatArray) -> FloatArray:
            result = level.copy()
            result[: len(values)] += values
            return result

        xp = Operations(lambda q: logsumexp(q, axis=0), np.exp, add_to_tokens, np.sum, np.zeros)
        function = functions(xp, problem.V)[task]
        tables = _tables(task, problem)
        return Prepared(lambda: function(*tables))

    return prepare


# -- PyTorch ---------------------------------------------------------------------------------------------------------


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", DEFAULT_THREADS))


def _with_torch(task: str, compiled: bool) -> Maker:
    def prepare(problem: Problem) -> Prepared:
        import torch

        def in_place(level: Any, values: Any) -> Any:
            result = level.clone()
            result[: len(values)] += values
            return result

        def joined(level: Any, values: Any) -> Any:
            V = len(values)
            return torch.cat([level[:V] + values, level[V:]])

        def zeros(n: int) -> Any:
            return torch.zeros(n, dtype=torch.float64)

        # A compiler fuses the second form; without one the first copies less.
        add_to_tokens = joined if compiled else in_place
        xp = Operations(lambda q: torch.logsumexp(q, dim=0), torch.exp, add_to_tokens, torch.sum, zeros)
        function = functions(xp, problem.V)[task]
        tables = [[torch.from_numpy(level) for level in table] for table in _tables(task, problem)]
        threads = [1, _threads()]
        if compiled:
            threads = threads[-1:] if problem.n_entries >= _ONE_THREAD_BELOW else threads[:1]
            torch.compiler.reset()  # each size is compiled for its shapes, and for its threads
            function = torch.compile(function, dynamic=False, fullgraph=True)

        def call(threads: int) -> Any:
            torch.set_num_threads(threads)  # a fifth of a microsecond
            with torch.inference_mode():
                return function(*tables)

        return Prepared(fastest([partial(call, n) for n in threads]))

    return prepare


def _sampling_with_torch(problem: Problem) -> Prepared:
    import torch

    V, T = problem.size
    levels = [torch.from_numpy(level) for level in problem.table]
    random = torch.Generator().manual_seed(problem.seed)

    def call(threads: int) -> Drawn:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            n_tokens = torch.zeros(DRAWS, dtype=torch.int64)
            number = torch.zeros(DRAWS, dtype=torch.int64)
            active = torch.arange(DRAWS)
            for t in range(T - 1):
                policy = torch.softmax(levels[t][:, number[active]], dim=0)
                rows = torch.multinomial(policy.T, 1, generator=random)[:, 0]
                going_on = rows < V
                active, rows = active[going_on], rows[going_on]
                number[active] += rows * V**t
                n_tokens[active] += 1
        return Drawn(n_tokens, number)

    return Prepared(fastest([partial(call, n) for n in (1, _threads())]), lambda drawn: of_drawn(problem, drawn))


# -- JAX -------------------------------------------------------------------------------------------------------------


def _jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def _with_jax(task: str) -> Maker:
    def prepare(problem: Problem) -> Prepared:
        jax = _jax()
        jnp = jax.numpy

        def add_to_tokens(level: Any, values: Any) -> Any:
            V = len(values)
            return jnp.concatenate([level[:V] + values, level[V:]])

        xp = Operations(
            lambda q: jax.scipy.special.logsumexp(q, axis=0),
            jnp.exp,
            add_to_tokens,
            jnp.sum,
            lambda n: jnp.zeros(n, dtype=jnp.float64),
        )
        function = jax.jit(functions(xp, problem.V)[task])
        tables = [[jnp.asarray(level) for level in table] for table in _tables(task, problem)]
        return Prepared(lambda: jax.block_until_ready(function(*tables)))

    return prepare


def _sampling_with_jax(problem: Problem) -> Prepared:
    jax = _jax()
    jnp = jax.numpy
    V, T = problem.size

    @jax.jit
    def draw(key: Any, levels: Any) -> tuple[Any, Any, Any]:
        key, *keys = jax.random.split(key, T)
        n_tokens = jnp.zeros(DRAWS, dtype=jnp.int64)
        number = jnp.zeros(DRAWS, dtype=jnp.int64)
        for t in range(T - 1):  # shapes are fixed: who has ended goes on without effect
            rows = jax.random.categorical(keys[t], levels[t][:, number], axis=0)
            going_on = (rows < V) & (n_tokens == t)
            number += jnp.where(going_on, rows * V**t, 0)
            n_tokens += going_on
        return key, n_tokens, number

    levels = [jnp.asarray(level) for level in problem.table]
    key = jax.random.key(problem.seed)

    def call() -> Drawn:
        nonlocal key
        key, n_tokens, number = jax.block_until_ready(draw(key, levels))
        return Drawn(n_tokens, number)

    return Prepared(call, lambda drawn: of_drawn(problem, drawn))


CONTENDERS = (
    Contender("SciPy", "scipy.special.logsumexp for each level", {task: _with_scipy(task) for task in TABLES}),
    Contender(
        "torch eager",
        "torch.logsumexp for each level, inference mode; with one thread or all, whichever is faster",
        {task: _with_torch(task, False) for task in TABLES} | {"sampling": _sampling_with_torch},
        absent=_absent("torch"),
    ),
    Contender(
        "torch.compile",
        "the same, compiled for the shapes of each size",
        {task: _with_torch(task, True) for task in ("soft-bellman", "public-call")},
        compiled=True,
        absent=_absent("torch"),
        otherwise="left out: it compiles anew, for long, at each size",
    ),
    Contender(
        "jax.jit",
        "jax.scipy.special.logsumexp for each level, compiled for the shapes of each size",
        {task: _with_jax(task) for task in TABLES} | {"sampling": _sampling_with_jax},
        compiled=True,
        absent=_absent("jax"),
    ),
)
