import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from proofs_check import cli
from proofs_check.mistakes import MISTAKES
from tabular_bellman import EOS, SequenceSpace, StateActionTable, __version__

REWARDS = """prompt,response,reward
p,,0.5
p,a,1
p,b,-inf
p,a a,0
p,a b,2
p,b a,1e-3
p,b b,-3
"""
FUNCTIONS = """
import math
def reward(prompt, response):
    return len(response) * 0.25 + (prompt == "q")
def stepwise(prompt, prefix, action):
    return 0.5 * len(prefix)
def fails(prompt, response):
    raise RuntimeError("out of\\norder")
def text(prompt, response):
    return "1.0"
def nothing(prompt, response):
    return -math.inf
def leaves(prompt, response):
    raise SystemExit(0)
number = 3
class scorer:
    @staticmethod
    def reward(prompt, response):
        return 0.0
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to stand in, with nothing of it left among the modules afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) in {str(p) for p in tmp_path.rglob("*.py")}:
            del sys.modules[name]


@pytest.fixture
def run(capsys, folder):
    def run(*arguments):
        try:
            status = cli.main(arguments)
        except SystemExit as stop:  # argparse
            status = stop.code
        return status, *capsys.readouterr()

    return run


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


def test_run_prints_each_claim(run):
    status, out, err = run("run")
    assert (status, err) == (0, "")
    for claim, k in (("P1-logZ", 16), ("P1-prob", 21), ("P1-bijection-r", 19), ("P4-validity", 4), ("L-kernel", 13)):
        line = next(line for line in out.splitlines() if line.startswith(claim))
        assert " CHECKED " in line
        assert line.endswith(f"rejects {k} of {k}")
    assert max(map(len, out.splitlines())) <= 80
    assert "6 claims: 6 CHECKED" in out


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_each_planted_mistake_makes_the_run_fail_and_names_the_claim(run, mistake):
    status, out, _ = run("run", "--plant", mistake.name)
    assert status == 1
    assert f"Planted in the code under test: {mistake.name}" in out
    refuted = [line.split()[0] for line in out.splitlines() if " REFUTED " in line]
    assert refuted
    assert f"Not as expected: {', '.join(refuted)}." in out


def test_json_is_one_document(run):
    status, out, _ = run("run", "--json")
    document = json.loads(out)
    assert status == 0
    assert document["ok"] is True
    assert document["schema_version"] == 1
    assert [claim["id"] for claim in document["claims"]][:2] == ["P1-logZ", "P1-prob"]
    assert all(claim["residual"] <= claim["bound"] for claim in document["claims"])
    status, out, _ = run("run", "--json", "--plant", "mask-1e9")
    document = json.loads(out)
    assert status == 1
    assert document["ok"] is False
    assert "inf" in {claim["residual"] for claim in document["claims"]}  # a string, not a bare Infinity
    assert run("run", "--json")[1] == run("run", "--json")[1]


def rewards_of(folder, kind):
    """Return the arguments for one kind of source, after putting it into the folder."""
    (folder / "mine").mkdir()
    (folder / "mine" / "__init__.py").write_text("")
    (folder / "mine" / "rewards.py").write_text(FUNCTIONS)
    (folder / "r.csv").write_text(REWARDS)
    (folder / "absent.csv").write_text("".join(REWARDS.splitlines(keepends=True)[:-2]))
    table = StateActionTable.random(SequenceSpace(2, max_length=3, prompts=["x", "y"]), 0)
    table.save(folder / "t.npz")
    table.save(folder / "t.json")
    size = ["--vocab", "a,b", "--max-length", "4"]
    return {
        "csv": ["r.csv"],
        "csv with a space": ["r.csv", "--vocab", "b,a", "--max-length", "3", "--prompts", "p"],
        "csv with absent rows": ["absent.csv", "--missing=-inf"],
        "npz": ["t.npz"],
        "json": ["t.json"],
        "function": ["mine.rewards:reward", *size],
        "function of prompts": ["mine.rewards:reward", *size, "--prompts", "p,q"],
        "function, fixed length": ["mine.rewards:reward", "--vocab", "3", "--fixed-length", "3"],
        "function, no bare EOS": ["mine.rewards:reward", *size, "--min-length", "2"],
        "stepwise": ["mine.rewards:stepwise", *size, "--stepwise"],
        "method": ["mine.rewards:scorer.reward", *size],
        "shipped": ["proofs_check.examples.brackets:reward", "--vocab", "(,)", "--max-length", "7"],
        "letters": [
            "proofs_check.examples.letters:reward", "--stepwise",
            "--vocab", ",".join("abcdefghijklmnopqrstuvwxyz"), "--max-length", "3",
        ],
    }[kind]  # fmt: skip


KINDS = [
    "csv", "csv with a space", "csv with absent rows", "npz", "json", "function", "function of prompts",
    "function, fixed length", "function, no bare EOS", "stepwise", "method", "shipped", "letters",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_rewards_of_the_users_own(run, folder, kind):
    status, out, err = run("run", "--rewards", *rewards_of(folder, kind))
    assert (status, err) == (0, "")
    assert "6 claims: 6 CHECKED" in out


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_mistake_shows_on_the_users_rewards(run, folder, kind):
    assert run("run", "--plant", "hard-max", "--rewards", *rewards_of(folder, kind))[0] == 1


def test_a_csv_file_is_read_as_it_says(folder):
    from proofs_check.sources import Request, instances

    (folder / "r.csv").write_text("\ufeff" + REWARDS, encoding="utf-8")
    _, (instance, _) = instances(Request(rewards="r.csv"))
    assert instance.space == SequenceSpace("ab", max_length=3, prompts=["p"])
    assert instance.reward["p", ("a",), EOS] == 1.0
    assert instance.reward["p", ("b",), EOS] == -np.inf
    assert instance.reward["p", ("b", "a"), EOS] == 1e-3
    (folder / "n.csv").write_text("response,reward,prompt,note\n10,1,,x\n9,2,,y\n,0,,\n")
    _, (instance, _) = instances(Request(rewards="n.csv"))
    assert instance.space == SequenceSpace(["9", "10"], max_length=2, prompts=[""])
    (folder / "i.csv").write_text("prompt,response,reward\n,0,1\n,1,2\n")
    _, (instance, _) = instances(Request(rewards="i.csv", vocab=2, fixed_length=1))
    assert instance.space == SequenceSpace.fixed_length(2, 1, prompts=[""])
    assert instance.reward[None, (), 1] == 2.0


def test_random_rewards_over_a_space_of_the_users_own(run):
    status, out, _ = run("run", "--vocab", "3", "--max-length", "4", "--seed", "7")
    assert status == 0
    space = "<SequenceSpace: 3 tokens, up to 3 tokens + EOS, 40 responses"
    assert f"random rewards, seed 7, over {space}" in " ".join(out.split())


def test_list_names_every_claim_and_mistake(run):
    status, out, _ = run("list")
    assert status == 0
    for mistake in MISTAKES:
        assert f"  {mistake.name}\n" in out
    assert "  P4-validity\n" in out


def test_a_planted_mistake_that_makes_no_difference_is_said(run):
    status, out, _ = run("run", "--plant", "longest-only", "--vocab", "3", "--fixed-length", "2")
    assert status == 0
    assert "longest-only makes no difference that a claim compares on these instances." in out


def test_a_run_in_which_nothing_could_fail_is_not_a_pass(run, folder):
    (folder / "mine.py").write_text(FUNCTIONS)
    status, out, _ = run("run", "--rewards", "mine:scorer.reward", "--vocab", "2", "--max-length", "1")
    assert status == 1
    assert "rejects 0 of 0" in out
    assert "nothing here could have failed" in out
    assert "INCONCLUSIVE" in out


def test_the_report_says_which_tokens_and_prompts(run, folder):
    (folder / "r.csv").write_text(REWARDS)
    out = " ".join(run("run", "--rewards", "r.csv")[1].split())
    assert "tokens 'a', 'b', prompts 'p': 2 instances: as given, at temperature 2." in out


HEADER = "prompt,response,reward\n"
SMALL = ("--vocab", "2", "--max-length", "2")
MINE = {"mine.py": FUNCTIONS}
WRONG = {
    "absent file": (["no.csv"], {}, "no.csv: no such file"),
    "absent table": (["no.npz"], {}, "no.npz: no such file"),
    "unknown kind": (["r.txt"], {}, "r.txt: neither a .csv, .npz or .json file nor package.module:function"),
    "folder": (["d.csv"], {"d.csv": None}, "cannot read d.csv: Is a directory"),
    "empty": (["r.csv"], {"r.csv": ""}, "line 1: no column prompt, response, reward; found nothing"),
    "missing column": (
        ["r.csv"],
        {"r.csv": "prompt,response\n"},
        "line 1: no column reward; found 'prompt', 'response'. The first line names",
    ),
    "no rows": (["r.csv"], {"r.csv": HEADER}, "has no rows below its header"),
    "too few cells": (["r.csv"], {"r.csv": HEADER + "p,a\n"}, "line 2: it has too few cells"),
    "too many cells": (["r.csv"], {"r.csv": HEADER + "p,a,1,2\n"}, "line 2: it has too many cells"),
    "not a number": (["r.csv"], {"r.csv": HEADER + "p,,x\n"}, "line 2: reward 'x' is not a number"),
    "beyond float": (["r.csv"], {"r.csv": HEADER + "p,,-1e400\n"}, "line 2: reward '-1e400'"),
    "underscores": (["r.csv"], {"r.csv": HEADER + "p,,1_0\n"}, "line 2: reward '1_0' is not a number"),
    "column twice": (["r.csv"], {"r.csv": HEADER.strip() + ",reward\np,,1,2\n"}, "line 1: a column stands twice"),
    "a token of many digits": (["r.csv"], {"r.csv": HEADER + f"p,{'1' * 5000},1\n"}, "no row for prompt 'p'"),
    "function that exits": (["mine:leaves", *SMALL], MINE, "leaves raised SystemExit: 0 at prompt None"),
    "NaN": (["r.csv"], {"r.csv": HEADER + "p,,nan\n"}, "line 2: reward 'nan'; it must be finite, or -inf"),
    "+inf": (["r.csv"], {"r.csv": HEADER + "p,,inf\n"}, "line 2: reward 'inf'"),
    "duplicate": (["r.csv"], {"r.csv": HEADER + "p,,1\np,a,1\np,a,2\n"}, "line 4: .* stands in line 3 already"),
    "absent row": (
        ["r.csv"],
        {"r.csv": HEADER + "p,,1\np,a,1\nq,,1\n"},
        "no row for prompt 'q', response 'a', one of 1",
    ),
    "only one length": (["r.csv"], {"r.csv": HEADER + "p,a a,1\n"}, "--min-length 3 if .*, or --fixed-length 2 if"),
    "EOS spelled out": (["r.csv"], {"r.csv": HEADER + "p,a EOS,1\n"}, "line 2: responses are written without EOS"),
    "too large a reward": (
        ["r.csv"],
        {"r.csv": HEADER + "p,,1e308\np,a,0\n"},
        r"size 1e\+308, over 2 steps, can overflow",
    ),
    "other capitals": (["r.csv"], {"r.csv": "Prompt;Reward\n"}, "found 'Prompt;Reward'. The first line names"),
    "a file of functions": (["mine.py:reward", *SMALL], MINE, "stand in its folder and write mine:reward"),
    "module that needs another": (["mine:f", *SMALL], {"mine.py": "import absent"}, "importing mine needs 'absent'"),
    "seed of given rewards": (["r.csv", "--seed", "1"], {"r.csv": HEADER}, "--seed is of random rewards"),
    "absent bare EOS": (["r.csv"], {"r.csv": HEADER + "p,a,1\n"}, r"\(bare EOS\).*--missing=-inf, or --min-length 2"),
    "no tokens": (["r.csv"], {"r.csv": HEADER + "p,,1\n"}, "no tokens in any response; give the vocabulary"),
    "unknown token": (["r.csv", "--vocab", "b"], {"r.csv": HEADER + "p,a,1\n"}, "line 2: .*unknown token 'a'"),
    "too long": (["r.csv", "--max-length", "2"], {"r.csv": HEADER + "p,a a,1\n"}, "line 2: .* length 3, EOS counted"),
    "unknown prompt": (
        ["r.csv", "--prompts", "q"],
        {"r.csv": HEADER + "p,a,1\np,,1\nq,,0\n"},
        "line 2: unknown prompt 'p'",
    ),
    "not UTF-8": (["r.csv"], {"r.csv": b"prompt,response,reward\n\xff,,1\n"}, "not UTF-8"),
    "not CSV": (["r.csv"], {"r.csv": HEADER + '"p,,1\n'}, "is not CSV"),
    "too large": (
        ["r.csv", "--max-length", "60"],
        {"r.csv": HEADER + "p,a b,1\n"},
        "the budget is 134,217,728 bytes",
    ),
    "all forbidden": (
        ["r.csv"],
        {"r.csv": HEADER + "p,,-inf\np,a,-inf\n"},
        "every response to prompt 'p' is forbidden",
    ),
    "truncated table": (["t.npz"], {"t.npz": b"PK\x03\x04"}, "cannot be read as a table"),
    "newer schema": (
        ["t.json"],
        {"t.json": '{"format": "tabular_bellman.table", "schema_version": 9, "values": []}'},
        "schema version 9; this release reads version 1",
    ),
    "table and space": (["t.npz", "--vocab", "3"], {}, "holds its own space; leave out --vocab"),
    "no space": (["mine:reward"], MINE, "give --vocab and --max-length"),
    "no module": (["absent:reward", *SMALL], {}, "no module named 'absent'"),
    "no function": (["mine:absent", *SMALL], MINE, "mine has no 'absent'"),
    "not a function": (["mine:number", *SMALL], MINE, "number is a int, not a"),
    "module that fails": (["mine:f", *SMALL], {"mine.py": "1/0"}, "importing mine raised ZeroDiv"),
    "module that exits": (["mine:f", *SMALL], {"mine.py": "exit(0)"}, "mine raised SystemExit"),
    "module in error": (["mine:f", *SMALL], {"mine.py": "def"}, "importing mine raised SyntaxErr"),
    "function that raises": (["mine:fails", *SMALL], MINE, "RuntimeError: out of order at"),
    "function of text": (["mine:text", *SMALL], MINE, "'1.0', of type str"),
    "function that forbids": (["mine:nothing", *SMALL], MINE, "is forbidden"),
    "function of another form": (
        ["mine:stepwise", *SMALL],
        MINE,
        r"stepwise raised TypeError: .*missing 1 required positional argument",
    ),
    "space too large": (["mine:reward", "--vocab", "10", "--max-length", "40"], MINE, "the budget is 134,"),
    "bad lengths": (["mine:reward", "--vocab", "2", "--max-length", "-1"], MINE, "max_length is -1"),
    "two lengths": (
        ["mine:reward", "--vocab", "2", "--max-length", "2", "--fixed-length", "2"],
        MINE,
        "goes without --max",
    ),
    "stepwise CSV": (["r.csv", "--stepwise"], {"r.csv": HEADER}, "--stepwise goes with"),
    "missing without CSV": (["mine:reward", "--missing=-inf"], MINE, "--missing goes with"),
    "unknown mistake": (["r.csv", "--plant", "typo"], {}, "typo: no such mistake; there are hard-max, "),
}


@pytest.mark.parametrize(("arguments", "files", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_exits_2_with_one_line(run, folder, arguments, files, message):
    import re

    for name, content in files.items():
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    status, out, err = run("run", "--rewards", *arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("proofs-check: error: ")
    assert err.count("\n") == 1
    assert re.search(message, err), err


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
    ],
)
def test_wrong_usage_exits_2(run, arguments):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "usage: proofs-check" in err
    assert "Traceback" not in err


def test_version(run):
    assert run("--version")[1] == f"proofs-check {__version__}\n"


BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}  # as most environments have it


def start(*arguments, **options):
    command = [sys.executable, "-m", "proofs_check", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell that runs the tests in the background has interrupts ignored, and children would inherit that.
    return subprocess.Popen(
        command, **(pipes | options), preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )


def test_module_and_console_script_are_the_same():
    script = os.path.join(os.path.dirname(sys.executable), "proofs-check")
    by_script = subprocess.run([script, "run", "--vocab", "2", "--max-length", "3"], capture_output=True, text=True)
    by_module = start("run", "--vocab", "2", "--max-length", "3").communicate()
    assert by_script.returncode == 0
    assert by_module == (by_script.stdout, by_script.stderr)


def test_interrupt_exits_130_and_leaves_what_was_finished(folder):
    (folder / "slow.py").write_text(
        "import time\ndef reward(prompt, response):\n    print('.', flush=True)\n    time.sleep(60)\n"
    )
    process = start("run", "--rewards", "slow:reward", "--vocab", "2", "--max-length", "2")
    assert process.stdout.readline() == ".\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.startswith("proofs-check: interrupted")
    assert "Traceback" not in err


@pytest.mark.parametrize(("mistake", "status"), [([], 0), (["--plant", "hard-max"], 1)])
def test_a_reader_that_goes_away_leaves_the_exit_status_true(mistake, status):
    process = start("run", *mistake, env=BUFFERED)
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


def test_csv_details(folder):
    from proofs_check.sources import Request, instances

    (folder / "S.CSV").write_text("prompt, response, reward\nq, b, 1\nq, a, 2\nq, , 0\np, a, 3\n")
    _, (instance, _) = instances(Request(rewards="S.CSV", missing=-2.5))
    assert instance.space == SequenceSpace("ab", max_length=2, prompts=["q", "p"])
    assert instance.reward["q", ("a",), EOS] == 2.0
    assert instance.reward["p", ("b",), EOS] == instance.reward["p", (), EOS] == -2.5


def test_options_shape_the_space(folder):
    from proofs_check.sources import Request, instances

    (folder / "f.csv").write_text(HEADER + "p,a,1\np,b,2\nq,a,0\nq,b,0\n")
    _, (instance, _) = instances(Request(rewards="f.csv", min_length=2))
    assert instance.space == SequenceSpace("ab", max_length=2, min_length=2, prompts=["p", "q"])
    _, (instance, _) = instances(Request(vocab=2, max_length=2, seed=7))
    assert instance.reward == StateActionTable.random(instance.space, 7)


def test_every_option_arrives(run, folder):
    out = run("run", "--vocab", "2", "--max-length", "3", "--min-length", "2", "--prompts", "x,y")[1]
    assert "2 tokens, 1 to 2 tokens + EOS, 2 prompts," in " ".join(out.split())
    StateActionTable.zeros(SequenceSpace(2, max_length=3)).save("t.npz")
    for arguments, size in [
        (["--vocab", "2", "--max-length", "3"], 104),
        (["--vocab", "2", "--fixed-length", "2"], 48),
        (["--rewards", "t.npz"], 104),
    ]:
        status, _, err = run("run", *arguments, "--max-bytes", str(size - 1))
        assert status == 2
        assert f"would take {size} bytes; the budget is {size - 1} bytes" in err


def test_seeds_differ_and_are_reported(run):
    one, two = (json.loads(run("run", "--json", "--seed", seed)[1]) for seed in "12")
    assert (one["seed"], two["seed"]) == (1, 2)
    assert one["claims"] != two["claims"]


def test_the_remedy_names_min_length_only_where_it_helps(run, folder):
    (folder / "r.csv").write_text(HEADER + "p,,1\np,a,1\np,b,1\np,a a,1\n")
    err = run("run", "--rewards", "r.csv")[2]
    assert "response 'a b', one of 3 absent; add its row, or give --missing=-inf." in err


def test_only_the_built_in_instances_are_held_to_every_mistake(run, monkeypatch):
    from proofs_check import evidence
    from proofs_check.claims import CLAIMS

    seen = []

    def spy(claim, chosen, toolkit, *, complete=False):
        seen.append(complete)
        return evidence.Result(claim, [evidence.Outcome("i")], {})

    monkeypatch.setattr(evidence, "check", spy)
    run("run")
    assert seen == [True] * len(CLAIMS)
    seen.clear()
    run("run", "--vocab", "2", "--max-length", "2")
    assert seen == [False] * len(CLAIMS)


def test_missing_cannot_be_infinite(run):
    assert "is not finite or -inf" in run("run", "--missing=inf")[2]


def test_each_line_is_flushed():
    code = "import os, proofs_check.cli as c\nc._print(['a'])\nos._exit(0)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=BUFFERED)
    assert printed.stdout == "a\n"
