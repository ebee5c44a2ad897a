"""``python -m benchmarks.memory``: peak memory of each function, in tables.

One table is one float64 for each (prefix, action) pair.  What the caller has before the call is not counted; what the
call returns, and so the caller keeps, is told beside the peak.  NumPy reports its arrays to `tracemalloc`.
"""

import argparse
import gc
import json
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.text import table, write_sections
from benchmarks.threads import limit_threads

__all__ = ["Peak", "main", "measured"]


@dataclass(frozen=True)
class Peak:
    """The memory of one call, in tables."""

    name: str
    returned: float
    peak: float


def measured(name: str, call: Callable[[], object], table_bytes: int) -> Peak:
    """Return how much memory a call takes at most, and how much of it stays with what it returns."""
    call()  # what is made once and kept does not count
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        result = call()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del result
    return Peak(name, (after - before) / table_bytes, (peak - before) / table_bytes)


def _calls(V: int, T: int) -> tuple[Any, dict[str, Callable[[], object]]]:
    """Return the space, and every function that is measured."""
    import tabular_bellman as tb
    from tabular_bellman import levels

    space = tb.SequenceSpace(V, max_length=T)
    table, other = (tb.StateActionTable.random(space, rng=seed) for seed in (0, 1))
    r, q = table.levels, other.levels
    pairs, prefixes = levels.empty_pairs(space), levels.empty_prefixes(space)
    out_responses = levels.empty_prefixes(space)
    p_model, q_model = tb.AutoregressiveModel(table), tb.AutoregressiveModel(other)
    return space, {
        "levels.soft_bellman": lambda: levels.soft_bellman(space, r),
        "levels.soft_bellman, out=": lambda: levels.soft_bellman(space, r, out=(pairs, prefixes)),
        "levels.inverse_soft_bellman": lambda: levels.inverse_soft_bellman(space, r),
        "levels.inverse_soft_bellman, out=": lambda: levels.inverse_soft_bellman(space, r, out=pairs),
        "levels.log_softmax": lambda: levels.log_softmax(space, r),
        "levels.log_softmax, out=": lambda: levels.log_softmax(space, r, out=pairs),
        "levels.prefix_marginals": lambda: levels.prefix_marginals(space, r),
        "levels.prefix_marginals, out=": lambda: levels.prefix_marginals(space, r, out=prefixes),
        "levels.response_log_probs": lambda: levels.response_log_probs(space, r),
        "levels.response_log_probs, out=": lambda: levels.response_log_probs(space, r, out=out_responses),
        "levels.log_partition": lambda: levels.log_partition(space, r),
        "levels.kl_divergence": lambda: levels.kl_divergence(space, r, q),
        "soft_bellman": lambda: tb.soft_bellman(table),
        "inverse_soft_bellman": lambda: tb.inverse_soft_bellman(table),
        "prefix_marginals": lambda: tb.prefix_marginals(table),
        "StateActionTable.log_softmax": lambda: table.log_softmax(),
        "AutoregressiveModel": lambda: tb.AutoregressiveModel(table),
        "AutoregressiveModel(…).log_probabilities": lambda: tb.AutoregressiveModel(table).log_probabilities(),
        "AutoregressiveModel(…).entropy": lambda: tb.AutoregressiveModel(table).entropy(),
        "AutoregressiveModel(…).sample(100)": lambda: tb.AutoregressiveModel(table).sample(100, rng=0),
        "EnergyBasedModel(…).log_partition": lambda: tb.EnergyBasedModel(table).log_partition(),
        "kl_divergence": lambda: tb.kl_divergence(p_model, q_model),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--size", default="3,13", metavar="V,T", help="T with EOS (default: 3,13)")
    parser.add_argument("--json", metavar="FILE", help="write everything as one document")
    parser.add_argument("--markdown", nargs="?", const="docs/speed.md", metavar="FILE", help="write the table there")
    options = parser.parse_args(arguments)
    from benchmarks.problem import Size

    try:
        V, T = Size.parse(options.size)
    except ValueError:
        parser.error(f"--size {options.size!r} is not two numbers V,T")
    space, calls = _calls(V, T)
    print(f"{space!r}\none table: {space.table_bytes:,} bytes\n")
    print(f"{'tables':43}{'returned':>9}{'peak':>7}{'beyond':>8}")
    peaks = []
    for name, call in calls.items():
        found = measured(name, call, space.table_bytes)
        peaks.append(found)
        print(f"{name:43}{found.returned:>9.2f}{found.peak:>7.2f}{found.peak - found.returned:>8.2f}", flush=True)
    if options.json:
        found_all = [{"name": p.name, "returned": p.returned, "peak": p.peak} for p in peaks]
        document = {"schema_version": 1, "V": V, "T": T, "table_bytes": space.table_bytes, "peaks": found_all}
        Path(options.json).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if options.markdown:
        rows = [[p.name, f"{p.returned:.2f}", f"{p.peak:.2f}", f"{p.peak - p.returned:.2f}"] for p in peaks]
        head = [f"in tables, at ({V}, {T})", "returned", "peak", "beyond what is returned"]
        write_sections(options.markdown, {"memory": table(head, rows)})
    return 0


if __name__ == "__main__":
    limit_threads(2)
    sys.exit(main())
