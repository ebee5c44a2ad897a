"""``python -m benchmarks.streaming``: what a leaf costs, and what memory, when rewards are a function.

The log-partition of 10^6 … 10^9 responses over ten tokens, each stream in a fresh interpreter, by one worker, by two
threads and by two processes; checked against the chain, since the reward looks at the last token only (which
`StreamedModel` does not know).  Memory is that of all processes together, what they share counted once.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.text import seconds, table, write_sections
from benchmarks.threads import limit_threads

__all__ = ["main"]

_TOKENS = 10
_BOUND = 1e-12
_WHO = {"one": "one", "threading": "two threads", "loky": "two processes"}


def reward(_: object, prefixes: Any, depth: int) -> Any:
    """Return r(last token, action): a fixed table, looked up by one vectorised index."""
    import numpy as np

    table = np.sin(np.arange(_TOKENS * _TOKENS, dtype=float)).reshape(_TOKENS, _TOKENS)
    return table[:, prefixes[-1]] if depth else table[:, :1]


def stream(depth: int, who: str, repeats: int) -> dict[str, Any]:
    """Measure one stream of 10^depth leaves in this process, which has imported nothing large so far."""
    bare = _kilobytes("status", "VmRSS")
    from tabular_bellman import SequenceSpace
    from tabular_bellman.implicit import StreamedModel, WindowModel
    from tabular_bellman.parallel import Workers

    workers = Workers() if who == "one" else Workers(2, who)

    def log_partition(n: int) -> float:
        return float(StreamedModel(SequenceSpace.fixed_length(_TOKENS, n), reward, workers=workers).log_partition())

    right = WindowModel(SequenceSpace.fixed_length(_TOKENS, depth), reward, window=1).log_partition()
    log_partition(min(depth, 7))  # workers are there now
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = log_partition(depth)
        times.append(time.perf_counter() - start)
    difference = abs(found - right) / (1.0 + abs(right))
    return {
        "leaves": _TOKENS**depth,
        "workers": who,
        "seconds": min(times),
        "repeats": repeats,
        "difference": difference,
        "agrees": bool(difference <= _BOUND),
        "bare_kib": bare,
        "peak_kib": _kilobytes("status", "VmHWM"),
    }


def _kilobytes(file: str, name: str, pid: int | str = "self") -> int | None:
    """Return a number of /proc/PID/FILE, in KiB, added up over the lines that begin so; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8")
    except OSError:
        return None
    found = [int(line.split()[1]) for line in text.splitlines() if line.startswith(name)]
    return sum(found) if found else None


def _together(pid: int) -> int:
    """Return the memory of a process and all that it has started, in KiB; what they share is counted once."""
    pids = _family(pid)
    private = sum(_kilobytes("smaps_rollup", "Private_", one) or 0 for one in pids)
    return private + max(_kilobytes("smaps_rollup", "Shared_", one) or 0 for one in pids)


def _family(pid: int) -> list[int]:
    found = [pid]
    with contextlib.suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="utf-8").split():
                found += _family(int(child))
    return found


def _in_fresh_interpreter(depth: int, who: str, repeats: int) -> dict[str, Any]:
    """Run `stream` in a child, and look at the memory of all its processes ten times a second."""
    call = f"stream({depth}, {who!r}, {repeats})"
    code = f"import json; from benchmarks.streaming import stream; print(json.dumps({call}))"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    peaks, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            peaks[0] = max(peaks[0], _together(child.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        printed, _ = child.communicate()
    finally:
        over.set()
        watcher.join()
    if child.returncode:
        raise SystemExit(f"the stream of 10^{depth} leaves ended with status {child.returncode}")
    found: dict[str, Any] = json.loads(printed)
    if found["bare_kib"] is not None:
        found["above_interpreter_mb"] = (max(peaks[0], found["peak_kib"]) - found["bare_kib"]) * 1024 / 1e6
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status: 1 where a stream does not agree with the chain."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("--full", action="store_true", help="10^9 leaves too; by default up to 10^8")
    parser.add_argument("--largest", type=int, metavar="N", help="up to 10^N leaves")
    parser.add_argument("--json", metavar="FILE", help="write everything as one document")
    parser.add_argument("--markdown", nargs="?", const="docs/speed.md", metavar="FILE", help="write the table there")
    options = parser.parse_args(arguments)
    from benchmarks import machine
    from benchmarks.report import target_lines, target_table
    from benchmarks.targets import of_streaming

    largest = options.largest or (9 if options.full else 8)
    facts = machine.facts()
    print(*machine.lines(facts), sep="\n", end="\n\n")
    print(f"{'leaves':>14}  {'workers':14}{'time':>10}{'ns a leaf':>11}{'MB':>7}  (peak, above a bare interpreter)")
    runs: list[dict[str, Any]] = []
    for depth in range(min(6, largest), largest + 1):
        for who in _WHO:
            run = _in_fresh_interpreter(depth, who, repeats=max(1, 20 // 4 ** max(0, depth - 6)))
            runs.append(run)
            leaves, told, taken, cost, memory = _cells(run)
            wrong = "" if run["agrees"] else f"  ERROR: off by {run['difference']:.1e}"
            print(f"{leaves:>14}  {told:14}{taken:>10}{cost:>11}{memory:>7}{wrong}", flush=True)
    targets = of_streaming(*_summary(runs), leaves=runs[-1]["leaves"])
    print("\nTargets\n", *target_lines(targets), sep="\n")
    if options.json:
        document = {"schema_version": 1, "machine": facts, "runs": runs}
        document["targets"] = [target.document() for target in targets]
        Path(options.json).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if options.markdown:
        head = ["leaves", "workers", "time", "ns a leaf", "MB above a bare interpreter"]
        page = table(head, [_cells(run) for run in runs]) + "\n" + target_table(targets)
        write_sections(options.markdown, {"streaming": page})
    return 0 if all(run["agrees"] for run in runs) else 1


def _cells(run: dict[str, Any]) -> list[str]:
    memory = f"{run['above_interpreter_mb']:.0f}" if "above_interpreter_mb" in run else "-"
    cost = f"{1e9 * run['seconds'] / run['leaves']:.2f}"
    return [f"{run['leaves']:,}", _WHO[run["workers"]], seconds(run["seconds"]), cost, memory]


def _summary(runs: Sequence[dict[str, Any]]) -> tuple[float, dict[str, float], dict[str, float]]:
    """Return the flatness of one worker's cost; for two workers of each kind, the peak memory and what they gain."""
    costs = [run["seconds"] / run["leaves"] for run in runs if run["workers"] == "one"]
    memory: dict[str, float] = {}
    for run in runs:
        if run["workers"] != "one" and "above_interpreter_mb" in run:
            name = _WHO[run["workers"]]
            memory[name] = max(memory.get(name, 0.0), run["above_interpreter_mb"])
    one, *others = runs[-len(_WHO) :]
    gains = {_WHO[run["workers"]]: one["seconds"] / run["seconds"] for run in others}
    return max(costs) / min(costs), memory, gains


if __name__ == "__main__":
    limit_threads(2)
    sys.exit(main())
