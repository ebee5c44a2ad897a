"""``python tests/gallery``: what the testing kit says about each function of the gallery; ``--markdown`` for docs/."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from gallery import MISSING, RIGHT, WRONG, Entry, verdict

HEADER = """\
# The gallery

Written by `python tests/gallery --markdown`; do not edit. The testing kit (`proofs_check.testing`) judges code that it
was not made for: right and wrong implementations, in several styles and array libraries. Right code must pass. Wrong
code must be found, shrunk to at most 2 tokens and max_length 3, and called by the name of its mistake in the registry
(`proofs-check list` has all of them); where several mistakes give the same numbers, all are named."""


def rows(entries: tuple[Entry, ...]) -> list[tuple[str, ...]]:
    """One row for each function."""
    found = []
    for entry in entries:
        report = verdict(entry)
        said = "agrees" if report.agrees else " or ".join(report.mistakes) or "wrong, of no known kind"
        space = None if report.smallest is None else report.smallest.space
        size = "" if space is None else f"{space.n_tokens}, {space.max_length}"
        found.append((entry.kind, entry.name, entry.style, said, size))
    return found


def main() -> None:
    """Print the matrix."""
    if "--markdown" in sys.argv:
        print(HEADER)
    header = ("kind", "code", "style", "the kit says", "shrunk to (V, T)")
    for title, entries in (("Right code", RIGHT), ("Wrong code", WRONG)):
        table = [header, *rows(entries)]
        print(f"\n## {title} ({len(entries)})\n")
        if "--markdown" in sys.argv:
            lines = [f"| {' | '.join(row)} |" for row in table]
            print("\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]]))
        else:
            widths = [max(map(len, column)) for column in zip(*table, strict=True)]
            print(
                "\n".join(
                    "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table
                )
            )
    for module, needs in MISSING.items():
        print(f"\nleft out: {module}, which needs {needs}")


if __name__ == "__main__":
    main()
