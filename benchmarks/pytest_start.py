"""What the plugin adds to a pytest run that does not use it: ``python benchmarks/pytest_start.py [runs]``.

Runs with and without the plugin take turns, in an empty folder with one empty test; of noisy times the least is told,
and the median.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory


def seconds(folder: str, *arguments: str) -> float:
    """Time one run."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Time both, and print the difference."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with TemporaryDirectory() as folder:
        (Path(folder) / "test_nothing.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        pairs = [(seconds(folder), seconds(folder, "-p", "no:proofs_check")) for _ in range(runs)]
    with_it, without = (sorted(side) for side in zip(*pairs, strict=True))
    for word, of in (("least", min), ("median", statistics.median)):
        a, b = 1000.0 * of(with_it), 1000.0 * of(without)
        print(f"{word:<7} with {a:6.1f} ms, without {b:6.1f} ms, difference {a - b:+5.1f} ms")
    differences = [1000.0 * (a - b) for a, b in pairs]
    print(f"median of the differences of {runs} pairs {statistics.median(differences):+5.1f} ms")


if __name__ == "__main__":
    main()
