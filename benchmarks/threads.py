"""How many threads every contender may use; to be settled before NumPy, Numba, PyTorch or JAX are loaded."""

import os
from collections.abc import Sequence

__all__ = ["DEFAULT_THREADS", "limit_threads", "threads_asked_for"]

DEFAULT_THREADS = 2
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def threads_asked_for(arguments: Sequence[str]) -> int:
    """Return what follows --threads, before the arguments are properly parsed; by default 2."""
    for i, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--threads":
            value = value or (arguments[i + 1] if i + 1 < len(arguments) else "")
            return max(1, int(value)) if value.isdecimal() else DEFAULT_THREADS
    return DEFAULT_THREADS


def limit_threads(threads: int) -> None:
    """Hold this process to as many cores, and tell the libraries; XLA asks for nothing but the cores."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:threads])
    for name in _VARIABLES:
        os.environ[name] = str(threads)
    os.environ["JAX_ENABLE_X64"] = "1"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
