import dataclasses
import json
import os
import signal
import subprocess
import sys

import jsonschema
import pytest

from proofs_check import catalogue, cli, commands
from proofs_check.catalogue import entry
from proofs_check.claims import CLAIMS
from proofs_check.documents import schema
from proofs_check.errata import ERRATA
from proofs_check.ledger import LEDGER
from proofs_check.mistakes import MISTAKES
from tabular_bellman import SequenceSpace, StateActionTable, TabularBellmanError, __version__

N = len(CLAIMS)
QUICK = ("run", "--quick", "P1-logZ", "P1-prob")


def test_demo_tells_the_story(run):
    status, out, err = run("demo")
    assert (status, err) == (0, "")
    for text in (
        "exp V(start) = 197\n",
        "Σ exp R(y)   = 197\n",
        "196/197",
        "6/7",
        " 45.4%",
        "100.0%",
        "10,000 of 10,000",
    ):
        assert text in out


def test_demo_of_letters(run):
    status, out, _ = run("demo", "letters")
    assert status == 0
    for text in ("entropy", "KL from reference", "τ = 1 ", "τ = 0.1 ", "'the'"):
        assert text in out


ONE_OF_EACH = {mistake.replaces: mistake for mistake in MISTAKES}.values()  # the kill matrix has all of them


@pytest.mark.parametrize("mistake", ONE_OF_EACH, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_makes_the_run_fail_and_names_the_claim(run, mistake):
    claim = next(claim for claim in CLAIMS if mistake in claim.mistakes)
    status, out, _ = run("run", "--quick", claim.id, "--plant", mistake.name)
    assert status == 1
    assert f"Planted in the code under test: {mistake.name}" in " ".join(out.split())
    assert f"\nNot as expected: {claim.id}.\n" in out


def test_a_planted_misreading_makes_its_claim_fail_and_no_other(run):
    status, out, _ = run("run", "--quick", "--quiet", "P4-validity", "L1-kl", "--plant", "lemma1-half")
    assert status == 1
    assert out.endswith("\nNot as expected: L1-kl.\n")


def test_json_is_one_document_that_validates(run):
    status, out, _ = run(*QUICK, "--json")
    document = json.loads(out)
    jsonschema.validate(document, json.loads(schema()))
    assert status == 0
    assert document["ok"] is True
    assert [claim["id"] for claim in document["claims"]] == ["P1-logZ", "P1-prob"]
    assert all(claim["residual"] <= claim["bound"] for claim in document["claims"])
    status, out, _ = run(*QUICK, "--json", "--plant", "mask-1e9")
    document = json.loads(out)
    assert status == 1
    assert document["ok"] is False
    assert "inf" in {claim["residual"] for claim in document["claims"]}  # a string, not a bare Infinity


def test_one_seed_gives_the_same_bytes_however_many_jobs(run):
    some = [claim.id for claim in CLAIMS[::16]]
    first = run("run", "--quick", *some, "--json", "--seed", "3")
    document = json.loads(first[1])
    jsonschema.validate(document, json.loads(schema()))
    assert (len(document["claims"]), document["seed"], document["ok"]) == (len(some), 3, True)
    assert run("run", "--quick", *some, "--json", "--seed", "3", "--jobs", "2") == first
    assert run(*QUICK, "--json", "--seed", "3")[1] != run(*QUICK, "--json", "--seed", "4")[1]
    attacked = [run("run", "K-kappa", "--json", "--seed", "3") for _ in range(2)]
    assert attacked[0] == attacked[1]
    assert json.loads(attacked[0][1])["attacks"][0]["claim"] == "K-kappa"


EVIDENCE = ("run", "--quick", "P1-logZ", "A8-elbo", "--evidence")


def test_all_evidence_is_the_same_document_however_many_jobs(run):
    pytest.importorskip("flint")
    first = run(*EVIDENCE, "all", "--json")
    document = json.loads(first[1])
    jsonschema.validate(document, json.loads(schema()))
    assert (first[0], document["ok"]) == (0, True)
    assert document["evidence"] == ["float64", "exact", "certified", "symbolic", "induction"]
    verdicts = {
        claim["id"]: [claim["verdict"], *(each["verdict"] for each in claim["evidence"])]
        for claim in document["claims"]
    }
    assert verdicts == {
        "P1-logZ": ["CHECKED", "EXACT", "CERTIFIED", "PROVED_AT", "PROVED"],
        "A8-elbo": ["CHECKED", "EXACT", "CERTIFIED", "NOT_APPLICABLE", "PROVED"],
    }
    assert run(*EVIDENCE, "all", "--json", "--jobs", "2") == first


@pytest.mark.parametrize("kind", ["float64", "exact", "certified", "symbolic", "induction"])
def test_each_kind_of_evidence_alone_is_a_document_that_validates(run, kind):
    if kind == "certified":
        pytest.importorskip("flint")
    status, out, err = run(*EVIDENCE, kind, "--json")
    document = json.loads(out)
    jsonschema.validate(document, json.loads(schema()))
    assert (status, err, document["evidence"]) == (0, "", [kind])
    for claim in document["claims"]:
        assert [each["kind"] for each in claim["evidence"]] == [kind] * (kind != "float64")
        assert ("verdict" in claim) is (kind == "float64")


def test_evidence_is_a_table_with_a_column_a_kind(run):
    pytest.importorskip("flint")
    status, out, _ = run(*EVIDENCE, "all")
    lines = out.splitlines()
    assert status == 0
    assert max(map(len, lines)) <= 80
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.startswith(("P1-logZ ", "A8-elbo "))}
    assert rows["P1-logZ"][0] == "PROVED"
    assert rows["P1-logZ"][1] == "to"
    assert rows["P1-logZ"][3:] == ["EXACT", "CERTIFIED", "CHECKED"]
    assert rows["A8-elbo"] == ["PROVED*", "-", "EXACT", "CERTIFIED", "CHECKED"]
    assert "* left to the reader: " in out
    assert "2 claims, induction: 2 PROVED\n" in out


def test_kinds_are_given_in_any_order_with_spaces_and_once(run):
    first = run(*EVIDENCE, "float64,exact", "--quiet")
    assert first == (0, "2 claims, float64: 2 CHECKED\n2 claims, exact: 2 EXACT\n", "")
    assert run(*EVIDENCE, "exact, float64,exact", "--quiet") == first
    assert run("run", "--quick", "P1-logZ", "--evidence", "all,exact", "--quiet")[1].count("\n") == 5


@pytest.mark.parametrize("kinds", ["nonsense", "exact,nonsense", "all,nonsense", "nonsense,all", "", "exact,"])
def test_evidence_of_no_known_kind_is_one_line_that_names_those_there_are(run, kinds):
    status, out, err = run(*EVIDENCE, kinds)
    assert (status, out) == (2, "")
    wrong = "nonsense" if "nonsense" in kinds else ""
    message = f"{wrong!r} is no kind of evidence; there are float64, exact, certified, symbolic, induction, and all"
    message += ", as one word with commas"
    assert err.splitlines()[-1] == f"proofs-check run: error: argument --evidence: {message}"


def test_a_planted_mistake_is_refuted_by_each_kind_but_the_proof_of_the_statement(run):
    pytest.importorskip("flint")
    status, out, _ = run(*EVIDENCE, "all", "--plant", "eos-left-out", "--json")
    claim = json.loads(out)["claims"][0]
    assert (status, claim["verdict"]) == (1, "REFUTED")
    found = {each["kind"]: each["verdict"] for each in claim["evidence"]}
    assert found == {"exact": "REFUTED", "certified": "REFUTED", "symbolic": "REFUTED", "induction": "PROVED"}
    status, out, _ = run(*EVIDENCE, "exact", "--plant", "eos-left-out", "--quiet")
    assert status == 1
    assert "! exact: " in out
    assert out.endswith("\n2 claims, exact: 2 REFUTED\nNot as expected: P1-logZ, A8-elbo.\n")
    assert "disagree" not in out


def test_kinds_that_disagree_are_named(run, monkeypatch):
    """Floats that pass what rationals refute, of one code on one input, are a fault of the harness."""
    from proofs_check import standing
    from proofs_check.evidence import Verdict

    right = standing.standing_of

    def wrong(evidence):
        found = right(evidence)
        return dataclasses.replace(found, verdict=Verdict.REFUTED, why="1 is not 2", failed=found.on)

    monkeypatch.setattr(standing, "standing_of", wrong)
    status, out, _ = run("run", "--quick", "P1-logZ", "--evidence", "float64,exact")
    assert status == 1
    assert "! exact: 1 is not 2" in out
    assert "\nKinds of evidence that disagree: P1-logZ.\nNot as expected: P1-logZ.\n" in out


def test_kinds_do_not_disagree_about_what_one_of_them_was_not_asked(run, tmp_path):
    """At temperature 2 these weights have no rational roots: there floats alone see a lost temperature."""
    path = tmp_path / "weights.csv"
    path.write_text("prompt,response,weight\nx,,2\nx,a,8\n", encoding="utf-8")
    options = ("--rewards", str(path), "--evidence", "float64,exact", "--plant", "lost-temperature")
    status, out, _ = run("run", "P1-logZ", *options)
    assert status == 1
    assert "1 claim, float64: 1 REFUTED\n1 claim, exact: 1 EXACT\nNot as expected: P1-logZ.\n" in out


def test_what_is_left_open_exits_1(run, monkeypatch):
    from proofs_check import strengths

    monkeypatch.setattr(strengths, "rejects", lambda *_: "survived")
    status, out, _ = run("run", "--quick", "P1-logZ", "--evidence", "exact", "--quiet")
    assert status == 1
    assert "! exact: not rejected: " in out
    assert "1 claim, exact: 1 INCONCLUSIVE\nNot as expected: P1-logZ.\n" in out


def test_without_python_flint_a_run_does_the_rest_and_says_what_was_not_run(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    status, out, err = run("run", "--quick", "P1-logZ", "P1-prob", "--evidence", "all")
    text = " ".join(out.split())
    assert (status, err) == (0, "")
    assert "EXACT not run CHECKED" in text
    assert text.count("Not run: certified evidence needs python-flint (the extra `certify`)") == 1
    assert "2 claims, certified: 2 NOT RUN" in text
    status, out, _ = run("run", "--quick", "P1-logZ", "--evidence", "certified", "--json")
    document = json.loads(out)
    jsonschema.validate(document, json.loads(schema()))
    assert (status, document["ok"]) == (1, False)  # nothing passed
    assert document["claims"][0]["evidence"][0]["verdict"] == "NOT_RUN"


def test_proof_prints_what_was_checked_and_what_is_trusted(run):
    status, out, _ = run("proof", "P1-logZ")
    assert status == 0
    for text in ("PROVED.", "induction hypothesis", "Checked ", "Trusted "):
        assert text in out
    status, out, err = run("proof", "C-nseq")
    assert (status, out) == (2, "")
    assert "C-nseq has no proof by induction. proofs-check run --evidence induction shows the 47 claims" in err
    assert run("proof", "P1-logz")[0] == 2


def test_jobs_need_joblib(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    status, _, err = run(*QUICK, "--jobs", "2", "--json")
    assert status == 2
    assert "workers need joblib 1.5 or newer, the extra `parallel` (it is not installed): pip install joblib" in err


def test_claims_are_chosen_in_the_order_of_the_paper(run):
    status, out, _ = run("run", "--quick", "--quiet", "P1-prob", "P1-logZ")
    assert (status, out) == (0, "2 claims: 2 CHECKED\n")
    status, _, err = run("run", "p1-probs")
    assert status == 2
    assert "p1-probs: no such claim (did you mean P1-prob" in err


def test_a_claim_about_sizes_of_its_own_is_not_about_rewards_of_the_user(run):
    status, _, err = run("run", "C-nseq", "--vocab", "2", "--max-length", "2")
    assert status == 2
    assert "not about rewards like these: C-nseq is checked on instances of its own" in err
    status, out, _ = run("run", "C-nseq", "P4-validity", "--vocab", "2", "--max-length", "3")
    assert status == 0
    assert "2 claims: 1 CHECKED, 1 NOT APPLICABLE" in out.replace(
        "1 NOT APPLICABLE, 1 CHECKED", "1 CHECKED, 1 NOT APPLICABLE"
    )


def test_progress_is_for_terminals_only(run, capsys, monkeypatch):
    assert run(*QUICK, "--quiet")[2] == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    shown = run(*QUICK, "--quiet")[2]
    assert "1/2 P1-logZ" in shown
    assert "2/2 P1-prob" in shown
    assert shown.endswith("\r\x1b[K")


def test_quick_and_thorough_exclude_each_other(run):
    assert "not allowed with argument" in run("run", "--quick", "--thorough")[2]


def test_thorough_draws_from_five_seeds(run):
    document = json.loads(run("run", "P4-validity", "--thorough", "--json")[1])
    names = [outcome["instance"] for outcome in document["claims"][0]["outcomes"]]
    assert len(set(names)) == len(names)
    assert {name.rpartition("(")[2] for name in names} == {f"seed {n})" for n in range(5)}


def test_what_is_written_is_written_where_a_link_leads(run, folder):
    (folder / "there").write_text("old", encoding="utf-8")
    (folder / "link").symlink_to("there")
    assert run(*QUICK, "--quiet", "--junit", "link")[0] == 0
    assert (folder / "link").is_symlink()
    assert "<testsuite" in (folder / "there").read_text(encoding="utf-8")


def test_junit_is_written(run, folder):
    assert run(*QUICK, "--quiet", "--junit", "out.xml")[0] == 0
    assert '<testcase classname="proofs-check" name="P1-prob" />' in (folder / "out.xml").read_text(encoding="utf-8")


def test_the_tightest_instances_are_saved_as_tables_that_read_back(run, folder):
    assert run("run", "L1-kl", "--save", "tight", "--quiet")[0] == 0
    table = StateActionTable.load(folder / "tight" / "L1-kl.json")
    assert table.space == StateActionTable.load(folder / "tight" / "L1-kl-other.json").space


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--junit", "."], "--junit .: it must be a file, not a folder."),
        (["--junit", ""], "--junit .: it must be a file, not a folder."),
        (["--junit", "absent/out.xml"], "--junit absent/out.xml: there is no folder absent."),
        (["--junit", "x" * 300], f"--junit {'x' * 300}: cannot be written: File name too long."),
        (["--html", "/dev/null"], "--html /dev/null: it is there, and no regular file; name another."),
        (["--html", "out", "--junit", "./out"], "--html out: the JUnit file is to be written there; name another."),
        (["--save", "tight", "--quick"], "--save keeps what the attacks find; there are none with --quick"),
        (["--save", "tight", "--vocab", "2", "--max-length", "2"], "--save keeps what the attacks find"),
        (["--save", "tight", "--evidence", "exact"], "or evidence without float64"),
        (["--save", "file"], "--save file: it must be a folder."),
        (["--plant", "kappa-three-quarters"], "a misreading of K-kappa, which is not among those to run."),
    ],
)
def test_what_could_not_be_done_is_refused_before_anything_runs(run, folder, arguments, message):
    (folder / "file").write_text("")
    status, out, err = run("run", "P1-logZ", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_broken_inequality_is_refuted_everywhere(run, monkeypatch, folder):
    from proofs_check import pieces

    right = pieces.attack

    def broken(plan, **options):
        return dataclasses.replace(right(plan, **options), violated=True, bound=float("inf"))

    monkeypatch.setattr(pieces, "attack", broken)
    status, out, _ = run("run", "P1-logZ", "L1-logZ", "--json", "--junit", "out.xml")
    document = json.loads(out)
    jsonschema.validate(document, json.loads(schema()))
    assert status == 1
    assert [claim["verdict"] for claim in document["claims"]] == ["CHECKED", "REFUTED"]
    assert document["attacks"][0]["bound"] == "inf"
    assert 'message="REFUTED; REFUTED; |log Z_f' in (folder / "out.xml").read_text(encoding="utf-8")
    assert run("run", "L1-logZ", "--quiet")[1].endswith("1 claim: 1 REFUTED\nNot as expected: L1-logZ.\n")


def test_lookahead_of_the_users_own_and_of_nothing_else(run, folder):
    status, out, _ = run("lookahead", "--vocab", "2", "--max-length", "3", "--seed", "7")
    assert status == 0
    assert "On random rewards, seed 7, over <SequenceSpace: 2 tokens, up to 2 tokens + EOS" in " ".join(out.split())
    assert "A longer horizon" not in out
    for arguments, message in (
        (["--seed", "3"], "--seed is of random rewards"),
        (["--max-length", "3"], "random rewards: give --vocab"),
        (["--stepwise"], "--stepwise goes with"),
        (["--vocab", "1", "--max-length", "200"], "200 steps; lookahead goes through every horizon, for at most 60"),
    ):
        status, out, err = run("lookahead", *arguments)
        assert (status, out) == (2, "")
        assert message in err


def test_what_a_function_prints_is_no_part_of_the_document(run, folder):
    (folder / "loud.py").write_text("print('hear')\ndef reward(x, y):\n    print('me')\n    return float(len(y))\n")
    status, out, err = run("run", "P1-logZ", "--rewards", "loud:reward", "--vocab", "2", "--max-length", "3", "--json")
    assert (status, json.loads(out)["ok"]) == (0, True)
    assert err.startswith("hear\nme\n")


def test_errata_that_do_not_bear_themselves_out_fail(run, monkeypatch):
    from proofs_check.errata import experiments

    monkeypatch.setattr(experiments, "_coherence", lambda batch: 0)
    status, out, _ = run("errata", "e24")
    assert status == 1
    assert out.endswith("\nNot as expected: E24.\n")


def test_a_large_vocabulary_takes_no_more_than_its_tables(run):
    status, out, _ = run("run", "P1-prob", "--vocab", "5000", "--max-length", "2", "--quiet")
    assert (status, out) == (0, "1 claim: 1 CHECKED\n")


def test_list_names_every_claim_mistake_and_reason(run):
    status, out, _ = run("list")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    for mistake in MISTAKES:
        assert f"  {mistake.name}\n" in out
    for claim in CLAIMS:
        assert f"    {claim.id}\n" in out
        for wrong in claim.misreadings:
            assert f"  {wrong.name} ({claim.id}): " in out
    for row in LEDGER:
        assert not row.not_computable or f"    {row.id}: " in out


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_show_says_all_about_a_claim(run, monkeypatch, claim):
    monkeypatch.setattr(catalogue, "strongest", lambda *_: "a proof")  # which is found in a test of its own
    status, out, _ = run("show", claim.id)
    text = " ".join(out.split())
    assert status == 0
    for part in (claim.statement, claim.place, claim.hypotheses, *claim.routes):
        assert " ".join(part.split()) in text
    for wrong in claim.mistakes:
        assert f" {wrong.name}: {wrong.summary} (in {wrong.replaces})" in text
    for wrong in claim.misreadings:
        assert f" {wrong.name}: {wrong.summary}" in text
    for name in claim.errata:
        assert f" {name} (" in text
    where = "instances of its own" if claim.own else claim.scope.words or "every instance of a run"
    assert f" Checked on: {where} Strongest evidence: a proof, as proofs-check list --proved has it " in text


def test_list_and_show_say_who_must_reject_a_mistake(run):
    listed = " ".join(run("list")[1].split())
    for mistake in MISTAKES:
        users = ", ".join(claim.id for claim in CLAIMS if mistake in claim.mistakes)
        assert f"{' '.join(mistake.summary.split())} ({users}) " in listed
        assert " ".join(" ".join(entry(mistake.name)).split()).endswith(f" must be rejected by {users}")
    for claim in CLAIMS:
        for wrong in claim.misreadings:
            assert list(entry(wrong.name))[-1] == f"    must be rejected by {claim.id}"


def test_show_knows_everything_that_has_a_name(run):
    names = [MISTAKES[0].name, CLAIMS[0].misreadings[0].name if CLAIMS[0].misreadings else "hard-max", "E1"]
    names += [row.id for row in LEDGER if row.not_computable]
    for name in names:
        status, out, err = run("show", name)
        assert (status, err) == (0, "")
        assert out
    assert run("show", "p1-PROB") == run("show", "P1-prob")
    assert "P1-pro: nothing of that name (did you mean P1-prob" in run("show", "P1-pro")[2]


def test_errata_by_name(run):
    status, out, _ = run("errata", "E2")
    assert status == 0
    assert "E2" in out
    assert not any(f"\n{erratum.id} " in out for erratum in ERRATA if erratum.id != "E2")
    assert "no such erratum" in run("errata", "E99")[2]


def test_schema_is_printed(run):
    assert json.loads(run("schema")[1])["properties"]["schema_version"] == {"const": 3}


def test_a_planted_mistake_that_makes_no_difference_is_said(run):
    status, out, _ = run("run", "P1-logZ", "P1-prob", "--plant", "longest-only", "--vocab", "3", "--fixed-length", "2")
    assert status == 0
    assert "longest-only makes no difference that a claim compares on these instances." in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["walk"],
        ["run", "--vocab"],
        ["run", "--max-length", "x"],
        ["run", "--missing=nan"],
        ["run", "--seed", "-1"],
        ["demo", "x"],
        ["run", "--jobs", "0"],
        ["run", "--quik"],
        ["run", "--vocab", "a,,b"],
        ["--versio"],
        ["list", "--mark"],
    ],
)
def test_wrong_usage_exits_2(run, arguments):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "usage: proofs-check" in err
    assert "Traceback" not in err


def test_tokens_may_have_spaces_around_them():
    assert cli._vocab("a, b ,c") == ("a", "b", "c")


def test_too_little_memory_is_one_line(run, monkeypatch):
    def full(_):
        raise MemoryError

    monkeypatch.setattr(cli, "schema", full)
    status, out, err = run("schema")
    assert (status, out) == (2, "")
    assert err == "proofs-check: error: out of memory; use a smaller space or --max-bytes.\n"


def test_lookahead_takes_a_space_or_rewards_of_the_users_own(run, folder):
    StateActionTable.zeros(SequenceSpace.fixed_length(2, 2)).save(folder / "t.npz")
    assert run("lookahead", "--rewards", "t.npz")[1].startswith("On t.npz over <SequenceSpace: 2 tokens, exactly 2")


def test_folders_to_save_into_are_made_or_may_be_there(folder):
    for _ in range(2):
        commands._save([], folder / "new" / "newer")
    (folder / "file").write_text("")
    with pytest.raises(TabularBellmanError, match=r"--save .*file: cannot make the folder: File exists"):
        commands._save([], folder / "file")


def test_version(run):
    assert run("--version")[1] == f"proofs-check {__version__}\n"


BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}  # as most environments have it


def start(*arguments, program=("-m", "proofs_check"), **options):
    command = [sys.executable, *program, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell that runs the tests in the background has interrupts ignored, and children would inherit that.
    return subprocess.Popen(
        command, **(pipes | options), preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )


def test_module_and_console_script_are_the_same():
    script = os.path.join(os.path.dirname(sys.executable), "proofs-check")
    by_script = subprocess.run([script, *QUICK], capture_output=True, text=True)
    by_module = start(*QUICK).communicate()
    assert by_script.returncode == 0
    assert by_module == (by_script.stdout, by_script.stderr)


def test_interrupt_exits_130_and_leaves_what_was_finished(folder):
    (folder / "slow.py").write_text(
        "import time\ndef reward(prompt, response):\n    print('.', flush=True)\n    time.sleep(60)\n"
    )
    process = start("run", "--rewards", "slow:reward", "--vocab", "2", "--max-length", "2")
    assert process.stderr.readline() == ".\n"  # what a function prints is no part of the report
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert out == ""
    assert process.returncode == 130
    assert err.startswith("proofs-check: interrupted")
    assert "Traceback" not in err


@pytest.mark.parametrize("form", [["--json"], ["--quiet"], []])
def test_an_interrupt_halfway_leaves_a_partial_report(folder, form):
    (folder / "slow.py").write_text(
        "import sys, time, proofs_check.evidence as e\n"
        "right = e._comparisons\n"
        "def slow(*arguments):\n"
        "    if e.done >= 40:\n"
        "        sys.stderr.write('now\\n'); sys.stderr.flush(); time.sleep(60)\n"
        "    e.done += 1\n"
        "    return right(*arguments)\n"
        "e.done, e._comparisons = 0, slow\n"
        "from proofs_check.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    process = start("P1-logZ", "P1-prob", *form, program=["slow.py", "run", "--quick", "--junit", "j.xml"])
    assert process.stderr.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    if form == ["--json"]:
        document = json.loads(out)
        jsonschema.validate(document, json.loads(schema()))
        assert document["partial"] is True
        assert document["ok"] is False
        assert len(document["claims"]) < 2
    else:
        assert "PARTIAL: interrupted after " in out
    assert "NOT RUN: the run was interrupted" in (folder / "j.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("mistake", "status"), [([], 0), (["--plant", "hard-max"], 1)])
def test_a_reader_that_goes_away_leaves_the_exit_status_true(mistake, status):
    process = start("run", "P1-prob", *mistake, env=BUFFERED)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == status
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        process = start("demo", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "proofs-check: error: cannot write the report: No space left on device.\n"


def test_a_terminal_without_mathematical_signs():
    process = start("demo", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "196/197" in out


def test_only_the_built_in_instances_are_held_to_every_mistake(run, monkeypatch):
    from proofs_check import evidence, pieces

    seen = []

    def spy(claim, chosen, toolkit, *, complete, seed, misread):
        seen.append(complete)
        return evidence.Result(claim, [evidence.Outcome("i")], {})

    monkeypatch.setattr(pieces, "check", spy)
    run("run", "--quick")
    assert seen == [True] * N
    seen.clear()
    run("run", "--vocab", "2", "--max-length", "2")
    assert seen == [False] * N


def test_each_line_is_flushed():
    code = "import os, proofs_check.commands as c\nc._print(['a'])\nos._exit(0)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=BUFFERED)
    assert printed.stdout == "a\n"
