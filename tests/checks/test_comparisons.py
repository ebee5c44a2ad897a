"""What each claim compares, and how near its inequalities come: none is looser, and none is of nothing, unnoticed.

A body whose bound is widened still holds, and still rejects its misreadings.  So comparisons.txt says for each claim on
how many instances it is checked, for each of its inequalities how much room is left between the sides at best (as a
share of the larger one, and as it is), and which of its other comparisons are of numbers that are all 0.
``python tests/checks/test_comparisons.py`` writes it anew.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from proofs_check.claim import Comparison
from proofs_check.claims import CLAIMS
from proofs_check.evidence import applicable
from proofs_check.instances import built_in
from proofs_check.library import LIBRARY

FILE = Path(__file__).parent / "comparisons.txt"
NOTHING = 1e-6


def found():
    """(claim, what) → numbers, over the small built-in instances and the claims' own."""
    rows, small, everything = {}, list(built_in(0, "quick")), list(built_in(0))
    for claim in CLAIMS:
        chosen = applicable(claim, small, complete=True)
        rows[claim.id, "instances"] = (float(len(applicable(claim, everything, complete=True))),)
        sizes = {}
        for instance in chosen:
            for item in claim.body(LIBRARY, instance):
                if isinstance(item, Comparison):
                    what = re.sub(r"(depth|horizon) \d+", r"\1 …", item.what)
                    left, right = (np.asarray(side, dtype=np.float64).ravel() for side in (item.left, item.right))
                    larger = np.maximum(np.abs(left), np.abs(right))
                    if item.relation == "at most":
                        some = np.isfinite(left) & np.isfinite(right) & (larger > NOTHING)
                        room = (right - left)[some]
                        both = ((room / larger[some]).min(initial=np.inf), room.min(initial=np.inf))
                        rows[claim.id, what] = tuple(map(min, rows.get((claim.id, what), both), both))
                    else:
                        sizes.setdefault(what, []).append(larger[np.isfinite(larger)].max(initial=0.0))
        rows |= {(claim.id, f"zeros: {what}"): () for what, each in sizes.items() if max(each) < NOTHING}
    return rows


def lines():
    for (claim, what), numbers in found().items():
        yield " | ".join((claim, what, *(f"{x if x > NOTHING else 0.0:.3g}" for x in numbers)))


def test_no_inequality_is_looser_than_it_was():
    written = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        claim, what, *numbers = line.split(" | ")
        written[claim, what] = tuple(map(float, numbers))
    mine = found()
    assert mine.keys() == written.keys()
    for row, numbers in written.items():
        assert mine[row] == pytest.approx(numbers, rel=0.02, abs=2.0 * NOTHING), row


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in lines()), encoding="utf-8")
