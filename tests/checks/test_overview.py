"""`proofs-check list --proved`: each statement once, under the strongest evidence that it has."""

from collections import Counter

import pytest

from proofs_check import overview
from proofs_check.claims import CLAIMS, PARTS
from proofs_check.evidence import Verdict
from proofs_check.instances import built_in
from proofs_check.standing import Standing

INSTANCES = list(built_in(0, "quick"))


def of(name):
    return next(claim for claim in CLAIMS if claim.id == name)


@pytest.mark.parametrize(
    ("name", "strongest"),
    [("P1-logZ", "all trees"), ("P1-bijection-r", "in part"), ("N-Y", "any reward"), ("C-zipf", "inputs")],
)
def test_one_of_each(name, strongest):
    assert overview._strongest(of(name), INSTANCES) == strongest


def test_a_proof_that_is_lost_is_seen(monkeypatch):
    monkeypatch.setattr(overview, "proved", lambda _: Standing("induction", Verdict.INCONCLUSIVE))
    assert overview._strongest(of("P1-logZ"), INSTANCES) == "any reward"


def test_the_table_adds_up(monkeypatch):
    drawn = iter(["all trees", "in part", "any reward", "inputs"] * len(CLAIMS))
    given = {claim.id: next(drawn) for claim in CLAIMS}
    monkeypatch.setattr(overview, "_strongest", lambda claim, _: given[claim.id])
    lines = list(overview.lines())
    assert max(map(len, lines)) <= 80
    rows = {line[:44].strip(): [0 if cell == "-" else int(cell) for cell in line[44:].split()] for line in lines[1:20]}
    counts = Counter(given.values())
    assert rows.pop(f"{len(CLAIMS)} statements") == [counts[name] for name in overview._COLUMNS]
    assert [sum(column) for column in zip(*rows.values(), strict=True)] == [counts[name] for name in overview._COLUMNS]
    assert {title: sum(row) for title, row in rows.items()} == {title: len(claims) for title, claims in PARTS}
