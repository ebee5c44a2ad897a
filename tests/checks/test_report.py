import dataclasses
import json
import xml.etree.ElementTree as ElementTree

import jsonschema
import numpy as np
import pytest
from report_runs import made_up

from proofs_check import documents, pieces, report
from proofs_check.attack import Attacked
from proofs_check.claim import Measured
from proofs_check.claims import CLAIMS, PARTS
from proofs_check.evidence import Fate, Outcome, Result, Verdict
from proofs_check.instances import bare
from proofs_check.ledger import LEDGER
from proofs_check.mistakes import SOFT_BELLMAN
from proofs_check.pieces import Judged
from proofs_check.running import Run
from proofs_check.standing import EVIDENCE, Standing
from tabular_bellman import TabularBellmanError
from tabular_bellman.parallel import Workers

HARD_MAX = SOFT_BELLMAN[0]
CLAIM = next(claim for claim in CLAIMS if claim.id == "P1-logZ")
OTHER = next(claim for claim in CLAIMS if claim.id == "P1-prob")
FATES = {"r": Fate.REJECTED, "s": Fate.SURVIVED, "u": Fate.UNSEEN, "e": Fate.EQUIVALENT, "n": Fate.UNUSED}
RESULT = Result(
    CLAIM, [Outcome("first", 0.25, 0.5, "here", 3, 4, 1e-9), Outcome("second", 4.0, 2.0, "there", 20, 10, 1e-9)], FATES
)
PASSED = Result(OTHER, [Outcome("first", 0.25, 0.5, "here", 3, 4, 1e-9)], {"r": Fate.REJECTED})


def run_of(*results, claims=(CLAIM, OTHER), standings=None, **fields):
    """A run so far; the evidence besides float64 is one list of standings for each result."""
    standings = [[] for _ in results] if standings is None else standings
    return Run(claims, "source", [], complete=False, seed=5, results=list(results), standings=standings, **fields)


def row_of(result, *standings, kinds=("float64",), **options):
    return report.row(run_of(kinds=kinds), result, standings, **options)


def document_of(run):
    """What a program reads of it, valid by the schema."""
    document = json.loads(documents.as_json(run))
    jsonschema.validate(document, json.loads(documents.schema()))
    return document


def judged_by_junit(run, path):
    """The one element below the test case of each claim: its tag and its message; nothing for a pass."""
    documents.write_junit(run, path)
    suite = ElementTree.parse(path).getroot()
    cases = {case.get("name"): [(each.tag, each.get("message")) for each in case] for case in suite}
    return {claim.id: cases[claim.id] for claim in run.claims}


def text_of(lines):
    return " ".join(" ".join(lines).split())


def test_a_row_says_what_was_found():
    lines = list(row_of(RESULT))
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
    assert "not rejected, though they change what is compared: s" in text_of(row_of(complete))
    assert next(iter(row_of(complete))).endswith(" 1 of 5")


def test_a_row_says_what_was_measured_and_the_slack():
    first = dataclasses.replace(PASSED.outcomes[0], slack=0.5, measured=(Measured("slope", 2.0),))
    second = dataclasses.replace(first, slack=0.25, measured=(Measured("slope", 1.5),))
    text = text_of(row_of(dataclasses.replace(PASSED, outcomes=[first, second])))
    assert "smallest slack 0.25" in text
    assert "slope: 1.5 to 2" in text
    assert text_of(row_of(dataclasses.replace(PASSED, outcomes=[first]))).endswith("slope: 2")


def test_a_run_of_every_claim_has_a_row_for_each_and_adds_up():
    run = made_up()
    lines = [*report.header(run), *(line for each in run.results for line in report.row(run, each, []))]
    lines += report.summary(run)
    assert max(map(len, lines)) <= 80
    for claim in CLAIMS:
        (line,) = (line for line in lines if line.split()[:1] == [claim.id])
        assert line.split()[1] == "CHECKED", line
        assert line.endswith(f" {len(claim.rejects)} of {len(claim.rejects)}"), line
    assert lines[-1] == f"{len(CLAIMS)} claims: {len(CLAIMS)} CHECKED"
    not_computable = [row for row in LEDGER if row.not_computable]
    text = text_of(lines)
    assert (
        f"{len(LEDGER)} rows of a ledger, each held by one claim or more: "
        f"{len(LEDGER) - len(not_computable)} rows by claims that passed; "
        f"{len(not_computable)} are NOT COMPUTABLE" in text
    )
    for row in not_computable:
        assert f" {row.id}: " in text


def test_the_heading_of_a_part_stands_above_its_first_claim():
    for title, claims in PARTS:
        for number, claim in enumerate(claims):
            first = next(row_of(dataclasses.replace(PASSED, claim=claim)))
            assert first == title if number == 0 else first.split()[0] == claim.id


def test_a_claim_that_is_not_applicable_says_why():
    assert list(row_of(Result(OTHER, [], {}))) == [
        "P1-prob            NOT APPLICABLE",
        "    (checked on every instance of a run)",
    ]
    indifferent = list(row_of(dataclasses.replace(PASSED, fates={"e": Fate.EQUIVALENT, "u": Fate.UNSEEN})))
    assert indifferent[1] == "    (no mistake makes a difference here)"


def test_that_a_mistake_makes_no_difference_is_said_only_then():
    words = "hard-max makes no difference"
    assert words in text_of(report.summary(run_of(PASSED, planted=HARD_MAX)))
    assert words not in text_of(report.summary(run_of(RESULT, PASSED, planted=HARD_MAX)))


def test_a_refusal_is_shown():
    refused = dataclasses.replace(RESULT, outcomes=[Outcome("i", np.inf, where="refused", refusal="all forbidden")])
    assert "first on i: all forbidden" in text_of(row_of(refused))
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
    for change in ({"ok": "yes"}, {"more": 1}, {"schema_version": 2}, {"evidence": ["hearsay"]}, {"seed": -1}):
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
    assert lines[-2:] == ["2 claims: 1 CHECKED, 1 REFUTED", "Not as expected: P1-logZ."]
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

    monkeypatch.setattr(pieces, "attack", attacked)
    monkeypatch.setattr(pieces, "_whole", lambda *_: Judged())
    claims = [claim for claim in CLAIMS if claim.id in ("P1-logZ", "L1-kl")]
    run = Run(claims, "source", [], **({"complete": True, "seed": 5} | fields))
    run.execute(Workers(), lambda *_: None, lambda _: None)
    assert [(found.claim, found.evaluations) for found in run.attacks] == [("L1-kl", 500 + n) for n in efforts]


# -- kinds of evidence -------------------------------------------------------------------------------------------------

PROVED = Standing("induction", Verdict.PROVED, ("a theorem",), 1)
IN_PART = dataclasses.replace(PROVED, why="the other direction; a p that is 0 somewhere")
PROVED_AT = Standing("symbolic", Verdict.PROVED_AT, ("(2,2)", "(3,4)", "(2,3) for 2 prompts"), 5)
EXACT = Standing(
    "exact", Verdict.EXACT, ("a", "b"), 3, fates={"r": "rejected", "d": "declined: no root", "s": "the same"}
)
CERTIFIED = Standing("certified", Verdict.CERTIFIED, ("a", "b"), 2, fates={"r": "rejected"}, attained=3, bits=512)
REFUTED = Standing("exact", Verdict.REFUTED, of=3, why="A = V: 2 is not 3")
OPEN = Standing(
    "certified", Verdict.INCONCLUSIVE, of=3, why="A = V: 1 and [1 +/- 1e-20] are too close to tell", bits=2048
)
NOT_RUN = Standing("certified", Verdict.NOT_RUN, why="certified evidence needs python-flint: pip install it.")
NOTHING_SAID = Standing("symbolic", Verdict.NOT_APPLICABLE, of=3, why="a function of the rewards has no one sign")
NO_PROOF = Standing("induction", Verdict.NOT_APPLICABLE, why="no proof by induction here")
ALL = (EXACT, CERTIFIED, PROVED_AT, PROVED)


def run_of_kinds(*standings, result=PASSED, **fields):
    """A run of one claim, by float64 and by the kinds of these standings."""
    kinds = tuple(kind for kind in EVIDENCE if kind == "float64" or kind in {each.kind for each in standings})
    return run_of(result, claims=(result.claim,), standings=[list(standings)], kinds=kinds, **fields)


def test_a_table_of_evidence_has_a_column_a_kind():
    above = list(report.header(run_of_kinds(*ALL)))
    assert above[-2].split() == ["the", "statement", "this", "code,", "these", "inputs"]
    names = ("claim", "all trees", "(tokens, T)", "rationals", "balls", "float64")
    first, *more = list(row_of(PASSED, *ALL, kinds=EVIDENCE))
    cells = ("P1-prob", "PROVED", "to (3,4)", "EXACT", "CERTIFIED", "CHECKED")
    assert [first.index(cell) for cell in cells] == [above[-1].index(name) for name in names]
    assert first.split() == " ".join(cells).split()
    # "About the statement" stands over the first two columns, "this code" over the rest.
    assert above[-2].index("the statement") == above[-1].index("all trees")
    assert above[-2].index("this code") == above[-1].index("rationals")
    assert max(map(len, (*above, first, *more))) <= 80
    text = text_of(more)
    assert "exact: on 2 of 3, rejects 1 of 1, 1 could not be put in" in text
    assert "certified: on 2, 512 bits at most, 3 inequalities with sides that agree to 1e-30, rejects 1 of 1" in text
    assert "float64: residual 2.5e-01, bound 5.0e-01, on 1, rejects 1 of 1" in text


def test_a_column_that_was_not_asked_for_is_empty():
    for kinds, cells in (
        (("exact",), ["EXACT"]),
        (("float64", "exact"), ["EXACT", "CHECKED"]),
        (("exact", "induction"), ["PROVED", "EXACT"]),
    ):
        first = next(row_of(PASSED, *(each for each in ALL if each.kind in kinds), kinds=kinds))
        assert first.split() == ["P1-prob", *cells]
    assert "float64" not in text_of(row_of(Result(OTHER, [], {}), EXACT, kinds=("exact",)))


def test_evidence_of_an_instance_of_its_own_names_no_size():
    own = dataclasses.replace(PROVED_AT, on=("(V, T) = (8, 4) and (4, 8)",))
    run = run_of(kinds=("symbolic",))
    for complete, words in ((True, "its own"), (False, "at this size")):  # where it has none, a user's one size
        first = next(report.row(dataclasses.replace(run, complete=complete), PASSED, [own]))
        assert first.split() == ["P1-prob", *words.split()]


def test_a_star_says_what_a_proof_leaves_to_the_reader():
    lines = list(row_of(PASSED, IN_PART, kinds=("induction",)))
    assert lines[0].split() == ["P1-prob", "PROVED*"]
    assert "    * left to the reader: the other direction; a p that is 0 somewhere" in lines
    assert "left to the reader" not in text_of(row_of(PASSED, PROVED, kinds=("induction",)))
    text = text_of(report.summary(run_of_kinds(IN_PART)))
    assert "PROVED*: something is left to the reader, as said there." in text
    assert "PROVED*" not in text_of(report.summary(run_of_kinds(EXACT)))
    assert run_of_kinds(IN_PART).as_expected  # said, and no failure


def test_the_legend_and_the_tally_are_of_the_kinds_that_were_asked_for():
    lines = list(report.summary(run_of_kinds(EXACT, NOTHING_SAID, NO_PROOF)))
    text = text_of(lines)
    for verdict in (Verdict.EXACT, Verdict.CHECKED):
        assert " ".join(verdict.value.split()) in text
    assert "-: it has no such evidence; --json says why." in text
    for verdict in (Verdict.PROVED_AT, Verdict.CERTIFIED, Verdict.REFUTED, Verdict.NOT_RUN):
        assert " ".join(verdict.value.split()) not in text
    assert lines[-4:] == [
        "1 claim, float64: 1 CHECKED",
        "1 claim, exact: 1 EXACT",
        "1 claim, symbolic: 1 NOT APPLICABLE",
        "1 claim, induction: 1 NOT APPLICABLE",
    ]


@pytest.mark.parametrize("kind", ["exact", "certified", "symbolic"])
def test_a_refutation_by_one_kind_outranks_every_pass(kind):
    refuted = dataclasses.replace(REFUTED, kind=kind, failed=("first",))
    run = run_of_kinds(*(each for each in ALL if each.kind != kind), refuted)
    assert (run.as_expected, run.unexpected, run.disagreements) == (False, ["P1-prob"], ["P1-prob"])
    assert f"! {kind}: A = V: 2 is not 3" in text_of(row_of(PASSED, *run.standings[0], kinds=run.kinds))
    quiet = list(report.verdict_lines(run))
    assert quiet[0].startswith("P1-prob")
    assert quiet[-2:] == ["Kinds of evidence that disagree: P1-prob.", "Not as expected: P1-prob."]
    assert document_of(run)["ok"] is False


def test_float64_that_is_refuted_outranks_what_passes_besides():
    run = run_of_kinds(*ALL, result=RESULT)
    assert (run.as_expected, run.unexpected, run.disagreements) == (False, ["P1-logZ"], ["P1-logZ"])


def test_a_proof_and_code_that_fails_do_not_disagree():
    """A proof is of the statement; code that is refuted may just be wrong."""
    run = run_of_kinds(dataclasses.replace(PROVED, why=""), result=RESULT)
    assert (run.as_expected, run.unexpected, run.disagreements) == (False, ["P1-logZ"], [])


@pytest.mark.parametrize("standing", [OPEN, dataclasses.replace(OPEN, kind="induction")], ids=lambda each: each.kind)
def test_what_is_left_open_is_not_as_expected(standing):
    run = run_of_kinds(EXACT, standing)
    assert (run.as_expected, run.unexpected, run.disagreements) == (False, ["P1-prob"], [])
    lines = list(row_of(PASSED, *run.standings[0], kinds=run.kinds))
    assert "open" in lines[0].split()
    assert f"! {standing.kind}: A = V: 1 and [1 +/- 1e-20] are too close to tell" in text_of(lines)


def test_what_could_not_run_is_said_once_and_is_no_failure():
    run = run_of(
        PASSED,
        dataclasses.replace(PASSED, claim=CLAIM),
        standings=[[NOT_RUN], [NOT_RUN]],
        kinds=("float64", "certified"),
    )
    assert run.as_expected
    assert next(row_of(PASSED, NOT_RUN, kinds=run.kinds)).split() == ["P1-prob", "not", "run", "CHECKED"]
    text = text_of(report.summary(run))
    assert text.count(f"Not run: {NOT_RUN.why}") == 1
    assert "2 claims, certified: 2 NOT RUN" in text
    alone = run_of(Result(OTHER, [], {}), claims=(OTHER,), standings=[[NOT_RUN]], kinds=("certified",))
    assert (alone.as_expected, alone.unexpected) == (False, [])  # nothing passed


def test_json_says_what_was_found_by_each_kind():
    document = document_of(run_of_kinds(*ALL))
    assert document["evidence"] == list(EVIDENCE)
    (claim,) = document["claims"]
    assert claim["verdict"] == "CHECKED"
    assert [each["kind"] for each in claim["evidence"]] == ["exact", "certified", "symbolic", "induction"]
    assert claim["evidence"][0] == {
        "kind": "exact",
        "about": "this code, these inputs",
        "verdict": "EXACT",
        "on": ["a", "b"],
        "tried": 3,
        "why": None,
        "bits": None,
        "attained_inequalities": 0,
        "mistakes": {"r": "rejected", "d": "declined: no root", "s": "the same"},
    }
    assert (claim["evidence"][1]["bits"], claim["evidence"][1]["attained_inequalities"]) == (512, 3)
    assert [each["about"] for each in claim["evidence"][2:]] == ["the statement", "the statement"]


@pytest.mark.parametrize(
    "standing", [*ALL, REFUTED, OPEN, NOT_RUN, NOTHING_SAID, NO_PROOF, IN_PART], ids=lambda each: each.verdict.name
)
def test_json_of_one_kind_alone_has_nothing_of_float64(standing):
    run = run_of(Result(OTHER, [], {}), claims=(OTHER,), standings=[[standing]], kinds=(standing.kind,))
    document = document_of(run)
    assert document["ok"] is standing.verdict.passed
    (claim,) = document["claims"]
    assert not {"verdict", "residual", "bound", "mistakes"} & set(claim)
    (found,) = claim["evidence"]
    assert (found["kind"], found["verdict"], found["why"]) == (
        standing.kind,
        standing.verdict.name,
        standing.why or None,
    )
    for change in ({"verdict": "CHECKED"}, {"kind": "float64"}, {"more": 1}):
        claim["evidence"] = [found | change]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, json.loads(documents.schema()))


def test_junit_names_the_kind_that_failed(tmp_path):
    path = tmp_path / "junit.xml"
    assert judged_by_junit(run_of_kinds(*ALL), path) == {"P1-prob": []}
    assert judged_by_junit(run_of_kinds(PROVED, REFUTED), path) == {
        "P1-prob": [("failure", "exact: REFUTED, A = V: 2 is not 3")]
    }
    assert judged_by_junit(run_of_kinds(EXACT, OPEN), path) == {
        "P1-prob": [("failure", f"certified: INCONCLUSIVE, {OPEN.why}")]
    }
    ((_, message),) = judged_by_junit(run_of_kinds(REFUTED, result=RESULT), path)["P1-logZ"]
    assert message.startswith("REFUTED; there on second: residual 4, bound 2; ")
    assert message.endswith("; exact: REFUTED, A = V: 2 is not 3")


def test_junit_skips_what_did_not_run_and_passes_what_passed_by_some_kind(tmp_path):
    path = tmp_path / "junit.xml"
    assert judged_by_junit(run_of_kinds(NOT_RUN), path) == {"P1-prob": []}
    nothing = run_of(
        Result(OTHER, [], {}), claims=(OTHER,), standings=[[NOT_RUN, NO_PROOF]], kinds=("certified", "induction")
    )
    ((tag, message),) = judged_by_junit(nothing, path)["P1-prob"]
    assert tag == "skipped"
    assert message.startswith("NOT RUN: what it needs is not installed")
    assert "; NOT APPLICABLE: " in message


def test_attacks_are_of_float64(monkeypatch):
    """They are numbers that float64 finds: a run that leaves float64 out has none."""
    monkeypatch.setattr(pieces, "attack", lambda plan, **_: dataclasses.replace(BROKEN, claim=plan.claim))
    found = {"float64": Judged(), "exact": Judged(standing=EXACT)}
    monkeypatch.setattr(pieces, "_whole", lambda _, kind, __: found[kind])
    claims = [claim for claim in CLAIMS if claim.id == "L1-kl"]
    for kinds, count in ((("exact",), 0), (("float64", "exact"), 1)):
        run = Run(claims, "source", [], complete=True, kinds=kinds)
        run.execute(Workers(), lambda *_: None, lambda _: None)
        assert len(run.attacks) == count
        assert run.as_expected is (count == 0)
