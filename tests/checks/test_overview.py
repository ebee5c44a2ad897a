"""`proofs-check list --proved`: each statement once, under the strongest evidence that it has."""

from collections import Counter
from types import SimpleNamespace

import pytest

from proofs_check import overview
from proofs_check.claims import CLAIMS, PARTS
from proofs_check.evidence import Verdict
from proofs_check.instances import built_in
from proofs_check.standing import Standing
from tabular_bellman import TabularBellmanError

INSTANCES = list(built_in(0, "quick"))


def of(name):
    return next(claim for claim in CLAIMS if claim.id == name)


@pytest.mark.parametrize(
    ("name", "strongest"),
    [
        ("P1-logZ", "all trees"),
        ("P1-bijection-r", "in part"),
        ("N-Y", "any reward"),
        ("C-zipf", "inputs"),
        ("K-tv", "inputs"),
        ("A3-variance", "inputs"),
    ],
)
def test_one_of_each(name, strongest):
    assert overview.strongest(of(name), INSTANCES) == strongest


def test_a_proof_that_is_lost_is_seen(monkeypatch):
    monkeypatch.setattr(overview, "proved", lambda _: Standing("induction", Verdict.NOT_APPLICABLE))
    assert overview.strongest(of("P1-logZ"), INSTANCES) == "any reward"


def test_what_is_refuted_belongs_nowhere(monkeypatch):
    monkeypatch.setattr(overview, "judge", lambda *_, **__: judged(Verdict.REFUTED, "1 is not 2"))
    with pytest.raises(TabularBellmanError, match="N-Y: REFUTED: 1 is not 2"):
        overview.strongest(of("N-Y"), INSTANCES)


def judged(verdict, why=""):
    return SimpleNamespace(verdict=verdict, why=why)


def test_identities_are_tried_at_more_than_one_size(monkeypatch):
    tried = []
    monkeypatch.setattr(
        overview, "judge", lambda claim, strength, on, **_: tried.extend(on) or judged(strength.verdict)
    )
    assert overview.strongest(of("N-Y"), INSTANCES) == "any reward"
    assert {"(2,2)", "(2,3)"} <= {each.name for each in tried}


def test_the_table_adds_up(monkeypatch):
    drawn = iter(["all trees", "in part", "any reward", "inputs"] * len(CLAIMS))
    given = {claim.id: next(drawn) for claim in CLAIMS}
    monkeypatch.setattr(overview, "strongest", lambda claim, _: given[claim.id])
    lines = list(overview.lines())
    assert max(map(len, lines)) <= 80
    rows = {line[:44].strip(): [0 if cell == "-" else int(cell) for cell in line[44:].split()] for line in lines[1:20]}
    counts = Counter(given.values())
    assert rows.pop(f"{len(CLAIMS)} statements") == [counts[name] for name in overview._COLUMNS]
    assert [sum(column) for column in zip(*rows.values(), strict=True)] == [counts[name] for name in overview._COLUMNS]
    assert {title: sum(row) for title, row in rows.items()} == {title: len(claims) for title, claims in PARTS}
