"""``python tests/gallery/false_alarms.py [runs]``: right code, judged with one seed after another, in two precisions.

Each run is one check of one right implementation, with a seed of its own, as a user would run it; implementations take
turns. Prints how many were rejected, and exits 1 if any was.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from gallery import RIGHT, verdict


def alarms(runs: int, dtype: str) -> list[str]:
    """Return the runs in which right code was rejected."""
    # What is written for one precision keeps it.
    chosen = [entry for entry in RIGHT if entry.options.get("dtype", dtype) == dtype]
    found = []
    for seed in range(runs):
        entry = chosen[seed % len(chosen)]
        report = verdict(entry, seed=seed, dtype=dtype)
        if not report.agrees:
            found.append(f"{entry.name}, {dtype}, seed {seed}\n{report.text()}")
    print(f"{runs:,} runs of {len(chosen)} right implementations in {dtype}: {len(found)} rejected", flush=True)
    return found


def main() -> int:
    """Run both precisions."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    found = alarms(runs, "float64") + alarms(runs, "float32")
    print("\n\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
