"""The facts of the machine, without which a time says nothing."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["facts", "lines"]

_PACKAGES = ("numpy", "scipy", "numba", "torch", "jax", "jaxlib", "hmmlearn", "hypothesis", "joblib")
_SHOWN_FEATURES = ("SSE42", "AVX2", "FMA3", "AVX512F", "AVX512_SKX", "AVX512_ICL", "AVX512_SPR", "NEON", "ASIMD", "SVE")


def facts() -> dict[str, Any]:
    """Return what can be found out; what cannot is left out."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    found: dict[str, Any] = {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "cores_used": None if cores is None else len(cores),
        "caches": _caches(),
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        "numpy_simd": _simd(),
        "versions": _versions(),
        "threads": _threads(),
        "load": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def lines(found: dict[str, Any]) -> list[str]:
    """Return the facts for people to read."""
    cores = found.get("cores")
    used = found.get("cores_used", cores)
    told = [
        f"CPU      {found.get('cpu', 'unknown')}; {cores} cores, of which {used} used; "
        f"{found.get('memory_gib', '?')} GiB of memory",
        "caches   " + ", ".join(f"{name} {size}" for name, size in found["caches"].items()),
        f"system   {found['system']}; Python {found['python']}",
        "SIMD     " + " ".join(found["numpy_simd"]),
        "versions " + ", ".join(f"{name} {number}" for name, number in found["versions"].items()),
        "threads  " + ", ".join(f"{name}={value}" for name, value in found["threads"].items()),
    ]
    if "load" in found:
        after = f", {found['load_after'][0]} after" if "load_after" in found else ""
        told.append(f"load     {found['load'][0]} before{after}; other work on the machine disturbs times, ratios less")
    return [line for line in told if not line.endswith(" ")]  # of what nothing is known


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _caches() -> dict[str, str]:
    found = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = (
                (folder / name).read_text(encoding="utf-8").strip() for name in ("level", "type", "size")
            )
        except OSError:
            continue
        found[f"L{level}{kind[0].lower() if kind in ('Data', 'Instruction') else ''}"] = size
    return found


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _simd() -> list[str]:
    from numpy._core import _multiarray_umath  # where numpy.show_runtime takes them from

    features = getattr(_multiarray_umath, "__cpu_features__", {})
    return [name for name in _SHOWN_FEATURES if features.get(name)]


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _threads() -> dict[str, int]:
    """How many threads each library that is loaded would start."""
    found = {name: int(value) for name in ("OMP_NUM_THREADS",) if (value := os.environ.get(name, "")).isdecimal()}
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        pass
    else:
        for pool in threadpool_info():
            found[f"{pool['internal_api']} ({Path(pool['filepath']).name.partition('.')[0]})"] = pool["num_threads"]
    if "numba" in sys.modules:
        found["numba"] = sys.modules["numba"].get_num_threads()
    return found
