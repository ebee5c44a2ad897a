import dataclasses
import json
import xml.etree.ElementTree as ElementTree

import jsonschema
import numpy as np
import pytest

from proofs_check import documents, report, running
from proofs_check.attack import Attacked
from proofs_check.claim import Measured
from proofs_check.claims import CLAIMS, PARTS
from proofs_check.evidence import Fate, Outcome, Result
from proofs_check.instances import bare
from proofs_check.mistakes import SOFT_BELLMAN
from proofs_check.running import Run
from tabular_bellman import TabularBellmanError

HARD_MAX = SOFT_BELLMAN[0]
CLAIM = next(claim for claim in CLAIMS if claim.id == "P1-logZ")
OTHER = next(claim for claim in CLAIMS if claim.id == "P1-prob")
FATES = {"r": Fate.REJECTED, "s": Fate.SURVIVED, "u": Fate.UNSEEN, "e": Fate.EQUIVALENT, "n": Fate.UNUSED}
RESULT = Result(
    CLAIM, [Outcome("first", 0.25, 0.5, "here", 3, 4, 1e-9), Outcome("second", 4.0, 2.0, "there", 20, 10, 1e-9)], FATES
)
PASSED = Result(OTHER, [Outcome("first", 0.25, 0.5, "here", 3, 4, 1e-9)], {"r": Fate.REJECTED})


def run_of(*results, claims=(CLAIM, OTHER), **fields):
    return Run(claims, "source", [], complete=False, seed=5, results=list(results), **fields)


def text_of(lines):
    return " ".join(" ".join(lines).split())


def test_a_row_says_what_was_found():
    lines = list(report.row(RESULT))
    assert lines[0].split() == ["P1-logZ", "REFUTED", "4.0e+00", "2.0e+00", "2", "1", "of", "2"]
    text = text_of(lines)
    assert CLAIM.statement in text
    assert "[E1, E2, E3, E4, E10]" in text
    assert "fails on 1 of 2, first on second: there: residual 4, bound 2" in text
    assert "makes a difference here that the claim does not feel: s" in text
    assert "no difference to what is compared here: u" in text
    assert "no difference here: e" in text
    assert "not used here: n" in text
    complete = dataclasses.replace(RESULT, complete=True)
    assert "not rejected, though they change what is compared: s" in text_of(report.row(complete))
    assert next(iter(report.row(complete))).endswith(" 1 of 5")


def test_a_row_says_what_was_measured_and_the_slack():
    first = dataclasses.replace(PASSED.outcomes[0], slack=0.5, measured=(Measured("slope", 2.0),))
    second = dataclasses.replace(first, slack=0.25, measured=(Measured("slope", 1.5),))
    text = text_of(report.row(dataclasses.replace(PASSED, outcomes=[first, second])))
    assert "smallest slack 0.25" in text
    assert "slope: 1.5 to 2" in text
    assert text_of(report.row(dataclasses.replace(PASSED, outcomes=[first]))).endswith("slope: 2")


def test_the_heading_of_a_part_stands_above_its_first_claim():
    for title, claims in PARTS:
        for number, claim in enumerate(claims):
            first = next(report.row(dataclasses.replace(PASSED, claim=claim)))
            assert first == title if number == 0 else first.split()[0] == claim.id


def test_a_claim_that_is_not_applicable_says_why():
    assert list(report.row(Result(OTHER, [], {}))) == [
        "P1-prob            NOT APPLICABLE",
        "    (checked on every instance of a run)",
    ]
    indifferent = list(report.row(dataclasses.replace(PASSED, fates={"e": Fate.EQUIVALENT, "u": Fate.UNSEEN})))
    assert indifferent[1] == "    (no mistake makes a difference here)"


def test_that_a_mistake_makes_no_difference_is_said_only_then():
    words = "hard-max makes no difference"
    assert words in text_of(report.summary(run_of(PASSED, planted=HARD_MAX)))
    assert words not in text_of(report.summary(run_of(RESULT, PASSED, planted=HARD_MAX)))


def test_a_refusal_is_shown():
    refused = dataclasses.replace(RESULT, outcomes=[Outcome("i", np.inf, where="refused", refusal="all forbidden")])
    assert "first on i: all forbidden" in text_of(report.row(refused))
    (claim,) = json.loads(documents.as_json(run_of(refused)))["claims"]
    assert claim["refusal"] == "all forbidden"
    assert claim["residual"] == "inf"


def test_json_says_what_was_found():
    document = json.loads(documents.as_json(run_of(RESULT, PASSED, planted=HARD_MAX)))
    jsonschema.validate(document, json.loads(documents.schema()))
    assert (document["seed"], document["planted"], document["ok"]) == (5, "hard-max", False)
    claim = document["claims"][0]
    assert (claim["residual"], claim["bound"], claim["worst_instance"]) == (4.0, 2.0, "second")
    found = [(o["residual"], o["bound"], o["finite_numbers"], o["minus_infinities"]) for o in claim["outcomes"]]
    assert found == [(0.25, 0.5, 3, 4), (4.0, 2.0, 20, 10)]
    assert claim["mistakes"] == {
        "rejected": ["r"],
        "survived": ["s"],
        "unseen_here": ["u"],
        "equivalent_here": ["e"],
        "unused_here": ["n"],
    }


def test_json_says_all_about_an_outcome():
    first = Outcome("first", 0.25, 0.5, "here", exact=True, slack=0.125, measured=(Measured("slope", 2.0),))
    result = dataclasses.replace(RESULT, outcomes=[first, RESULT.outcomes[1]], complete=True)
    document = json.loads(documents.as_json(run_of(result, effort="thorough")))
    assert document["effort"] == "thorough"
    (claim,) = document["claims"]
    assert (claim["worst_comparison"], claim["slack"]) == ("there", 0.125)
    assert claim["doubts"] == ["not rejected, though they change what is compared: s"]
    found = [(o["exact"], o["holds"], o["measured"]) for o in claim["outcomes"]]
    assert found == [(True, True, {"slope": 2.0}), (False, False, {})]


def test_the_schema_refuses_what_it_does_not_describe():
    schema = json.loads(documents.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(documents.as_json(run_of(RESULT)))
    for change in ({"ok": "yes"}, {"more": 1}, {"schema_version": 1}, {"seed": -1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document | change, schema)
    del document["claims"][0]["bound"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


def test_a_partial_run_says_so_everywhere(tmp_path):
    run = run_of(PASSED, claims=(OTHER, CLAIM), interrupted=True)
    assert not run.as_expected
    assert "PARTIAL: interrupted after 1 of 2 claims" in text_of(report.summary(run))
    document = json.loads(documents.as_json(run))
    jsonschema.validate(document, json.loads(documents.schema()))
    assert (document["partial"], document["ok"]) == (True, False)
    assert document["claims_asked_for"] == ["P1-prob", "P1-logZ"]
    documents.write_junit(run, tmp_path / "junit.xml")
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    skipped = suite.find("testcase[@name='P1-logZ']/skipped")
    assert skipped.get("message") == "NOT RUN: the run was interrupted"
    assert suite.find("testcase[@name='P1-prob']/skipped") is None
    assert suite.get("errors") == "1"
    assert suite.find("testcase/error").get("message") == "PARTIAL: the run was interrupted"


def test_junit_counts_failures_and_never_what_cannot_be_computed(tmp_path):
    documents.write_junit(run_of(RESULT, PASSED), tmp_path / "junit.xml")
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    cases = suite.findall("testcase")
    assert suite.get("tests") == str(len(cases))
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    assert int(suite.get("skipped")) == len(cases) - 2 > 0
    failure = suite.find("testcase[@name='P1-logZ']/failure")
    assert failure.get("message").startswith("REFUTED; there on second: residual 4, bound 2")
    assert list(tmp_path.iterdir()) == [tmp_path / "junit.xml"]


def test_junit_stays_well_formed_whatever_instances_are_called(tmp_path):
    strange = dataclasses.replace(RESULT.outcomes[1], instance="bell \x07")
    documents.write_junit(run_of(dataclasses.replace(RESULT, outcomes=[strange])), tmp_path / "junit.xml")
    failure = ElementTree.parse(tmp_path / "junit.xml").getroot().find("testcase/failure")
    assert r"bell \x07" in failure.get("message")


def test_junit_says_why(tmp_path):
    refused = dataclasses.replace(RESULT, outcomes=[Outcome("i", np.inf, where="refused", refusal="all forbidden")])
    doubtful = dataclasses.replace(PASSED, fates={"s": Fate.SURVIVED})
    doubt = "INCONCLUSIVE; here on first: residual 0.25, bound 0.5; no mistake is noticed here"
    for result, kind, message in (
        (refused, "failure", "REFUTED; all forbidden"),
        (doubtful, "failure", doubt),
        (Result(OTHER, [], {}), "skipped", "NOT APPLICABLE: "),
    ):
        documents.write_junit(run_of(result, claims=(result.claim,)), tmp_path / "junit.xml")
        case = ElementTree.parse(tmp_path / "junit.xml").find(f"testcase[@name='{result.claim.id}']")
        assert [(each.tag, each.get("message").startswith(message)) for each in case] == [(kind, True)]


def test_junit_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "folder.xml").mkdir()
    with pytest.raises(TabularBellmanError, match=r"--junit: cannot write .*folder.xml: Is a directory"):
        documents.write_junit(run_of(PASSED), tmp_path / "folder.xml")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.xml"]


def test_quiet_shows_failures_and_the_tally_only():
    lines = list(report.verdict_lines(run_of(RESULT, PASSED)))
    assert lines[0].startswith("P1-logZ")
    assert lines[-2:] == ["2 claims: 1 REFUTED, 1 CHECKED", "Not as expected: P1-logZ."]
    assert list(report.verdict_lines(run_of(PASSED))) == ["1 claim: 1 CHECKED"]


BROKEN = Attacked("P1-prob", "KL ≤ 1", bare("tightest found"), 2.0, 1.0, 1e-9, True, 7, "numbers")


def test_an_inequality_that_breaks_is_not_as_expected_everywhere():
    holds = dataclasses.replace(BROKEN, left=0.5, violated=False)
    fine = run_of(PASSED, claims=(OTHER,), attacks=[holds])
    broken = run_of(dataclasses.replace(PASSED, broken=BROKEN.summary), claims=(OTHER,), attacks=[BROKEN])
    assert fine.as_expected
    assert list(report.verdict_lines(fine)) == ["1 claim: 1 CHECKED"]
    assert (broken.as_expected, broken.unexpected) == (False, ["P1-prob"])
    text = text_of(report.verdict_lines(broken))
    assert "attack on P1-prob: REFUTED; KL ≤ 1: 2 of 1 (200.000 %), slack -1.0e+00; the tightest of 7 tries" in text
    assert text.endswith("1 claim: 1 REFUTED Not as expected: P1-prob.")
    for run in (fine, broken):
        document = json.loads(documents.as_json(run))
        jsonschema.validate(document, json.loads(documents.schema()))
        assert document["attacks"] == [found.as_dict() for found in run.attacks]
        assert document["ok"] is run.as_expected


def test_a_run_that_is_not_finished_is_not_as_expected():
    assert run_of(PASSED, claims=(OTHER,)).as_expected
    assert not run_of(PASSED).as_expected
    # Between the last claim and the last attack.
    assert not run_of(PASSED, claims=(OTHER,), interrupted=True).as_expected


@pytest.mark.parametrize(
    ("fields", "efforts"),
    [
        ({}, [1]),
        ({"effort": "thorough"}, [4]),
        ({"effort": "quick"}, []),
        ({"complete": False}, []),
        ({"planted": HARD_MAX}, []),
    ],
)
def test_inequalities_are_attacked_in_whole_runs_of_the_right_code(monkeypatch, fields, efforts):
    def attacked(plan, *, seed, effort):
        return dataclasses.replace(BROKEN, claim=plan.claim, violated=False, evaluations=100 * seed + effort)

    monkeypatch.setattr(running, "attack", attacked)
    monkeypatch.setattr(running, "_evidence", lambda *_: ([], {}))
    claims = [claim for claim in CLAIMS if claim.id in ("P1-logZ", "L1-kl")]
    run = Run(claims, "source", [], **({"complete": True, "seed": 5} | fields))
    run.execute(1, lambda _: None, lambda _: None)
    assert [(found.claim, found.evaluations) for found in run.attacks] == [("L1-kl", 500 + n) for n in efforts]
