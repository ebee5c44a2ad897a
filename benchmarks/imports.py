"""``python -m benchmarks.imports``: what ``import tabular_bellman`` takes once NumPy is there, in fresh interpreters.

With ``--against FOLDER``, another checkout takes turns with this one.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.text import seconds as shown

__all__ = ["main"]

_CODE = """
import time, numpy
start = time.perf_counter()
import tabular_bellman
print(time.perf_counter() - start, tabular_bellman.__file__)
"""


def seconds(folder: Path) -> float:
    """Return how long one import takes in a fresh interpreter; refuse a package from elsewhere."""
    run = subprocess.run([sys.executable, "-c", _CODE], cwd=folder, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"in {folder}: {run.stderr.strip().splitlines()[-1]}")
    taken, file = run.stdout.strip().split(maxsplit=1)
    if Path(file).resolve().parent.parent != folder.resolve():
        raise SystemExit(f"{folder} holds no tabular_bellman: the import found {file}")
    return float(taken)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout")
    parser.add_argument("--runs", type=int, default=40, metavar="N", help="of each (default: 40)")
    parser.add_argument("--json", metavar="FILE", help="write everything as one document")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs must be 1 or more")
    from benchmarks.report import target_lines
    from benchmarks.targets import of_imports

    folders = {"here": Path(__file__).parent.parent}
    if options.against is not None:
        folders["there"] = options.against
    times: dict[str, list[float]] = {name: [] for name in folders}
    names, rng = list(folders), random.Random(0)
    for folder in folders.values():
        seconds(folder)  # writes bytecode
    for _ in range(options.runs):
        rng.shuffle(names)
        for name in names:
            times[name].append(seconds(folders[name]))
    print(f"{'import tabular_bellman, after numpy':40}{'least':>10}{'median':>10}   {options.runs} runs of each")
    for name, folder in folders.items():
        least, median = min(times[name]), statistics.median(times[name])
        print(f"{name + ': ' + str(folder):40}{shown(least):>10}{shown(median):>10}")
    targets = of_imports(_ratio(times))
    if options.against is not None:
        print("\nTarget\n", *target_lines(targets), sep="\n")
    if options.json:
        document: dict[str, Any] = {"schema_version": 1, "seconds": times}
        document["targets"] = [target.document() for target in targets]
        Path(options.json).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0


def _ratio(times: dict[str, list[float]]) -> float | None:
    return statistics.median(times["here"]) / statistics.median(times["there"]) if "there" in times else None


if __name__ == "__main__":
    sys.exit(main())
