import dataclasses
import json

import numpy as np

from proofs_check import report
from proofs_check.claims import CLAIMS
from proofs_check.evidence import Fate, Outcome, Result
from proofs_check.mistakes import SOFT_BELLMAN

HARD_MAX = SOFT_BELLMAN[0]
RESULT = Result(
    CLAIMS[0],
    [Outcome("first", 0.25, 0.5, "here", 3, 4, 1e-9), Outcome("second", 4.0, 2.0, "there", 20, 10, 1e-9)],
    {"r": Fate.REJECTED, "s": Fate.SURVIVED, "u": Fate.UNSEEN, "e": Fate.EQUIVALENT},
)


def test_a_row_says_what_was_found():
    text = list(report.row(RESULT))
    assert text[0].split() == ["P1-logZ", "REFUTED", "4.0e+00", "2.0e+00", "2", "rejects", "1", "of", "2"]
    joined = " ".join(" ".join(text).split())
    assert "23 live numbers, 14 times -inf" in joined
    assert "fails on 1 of 2, first on second: there: residual 4, bound 2" in joined
    assert "not rejected, though they change what is compared: s" in joined
    assert "no difference to what is compared here: u" in joined
    assert "no difference here: e" in joined


def test_a_refusal_is_shown():
    refused = dataclasses.replace(RESULT, outcomes=[Outcome("i", np.inf, where="refused", refusal="all forbidden")])
    assert "first on i: all forbidden" in " ".join(report.row(refused))
    (claim,) = json.loads(report.as_json("s", 0, None, [refused]))["claims"]
    assert claim["refusal"] == "all forbidden"
    assert claim["residual"] == "inf"


def test_json_says_what_was_found():
    document = json.loads(report.as_json("source", 5, HARD_MAX, [RESULT]))
    assert (document["seed"], document["planted"], document["ok"]) == (5, "hard-max", False)
    (claim,) = document["claims"]
    assert (claim["residual"], claim["bound"], claim["worst_instance"]) == (4.0, 2.0, "second")
    found = [(o["residual"], o["bound"], o["finite_numbers"], o["minus_infinities"]) for o in claim["outcomes"]]
    assert found == [(0.25, 0.5, 3, 4), (4.0, 2.0, 20, 10)]
    assert claim["mistakes"] == {"rejected": ["r"], "survived": ["s"], "unseen_here": ["u"], "equivalent_here": ["e"]}
