"""Rewards of the user's own: files and functions, right and wrong."""

import re

import numpy as np
import pytest

from proofs_check.claims import CLAIMS
from tabular_bellman import EOS, SequenceSpace, StateActionTable

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


BASIC = ("P1-logZ", "P1-prob", "P1-bijection-r", "P1-bijection-q", "P4-validity", "L-kernel")


@pytest.mark.parametrize(("kind", "start"), [("csv", 0), ("function of prompts", 1), ("function, fixed length", 2)])
def test_every_claim_on_rewards_of_the_users_own(run, folder, kind, start):
    some = [claim.id for claim in CLAIMS[start::3]]
    status, out, err = run("run", *some, "--rewards", *rewards_of(folder, kind))
    assert (status, err) == (0, "")
    assert not re.search("REFUTED|INCONCLUSIVE", out)


@pytest.mark.parametrize("kind", KINDS)
def test_rewards_of_the_users_own(run, folder, kind):
    status, out, err = run("run", *BASIC, "--rewards", *rewards_of(folder, kind))
    assert (status, err) == (0, "")
    assert not re.search("REFUTED|INCONCLUSIVE", out)
    for claim in BASIC:
        assert re.search(f"^{claim} +CHECKED", out, re.MULTILINE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_mistake_shows_on_the_users_rewards(run, folder, kind):
    assert run("run", "P1-logZ", "P1-prob", "--plant", "hard-max", "--rewards", *rewards_of(folder, kind))[0] == 1


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


def test_csv_details(folder):
    from proofs_check.sources import Request, instances

    (folder / "S.CSV").write_text("prompt, response, reward\nq, b, 1\nq, a, 2\nq, , 0\np, a, 3\n")
    _, (instance, _) = instances(Request(rewards="S.CSV", missing=-2.5))
    assert instance.space == SequenceSpace("ab", max_length=2, prompts=["q", "p"])
    assert instance.reward["q", ("a",), EOS] == 2.0
    assert instance.reward["p", ("b",), EOS] == instance.reward["p", (), EOS] == -2.5


def test_random_rewards_over_a_space_of_the_users_own(run):
    status, out, _ = run("run", *BASIC, "--vocab", "3", "--max-length", "4", "--seed", "7")
    assert status == 0
    space = "<SequenceSpace: 3 tokens, up to 3 tokens + EOS, 40 responses"
    assert f"random rewards, seed 7, over {space}" in " ".join(out.split())


def test_a_run_in_which_nothing_could_fail_is_not_a_pass(run, folder):
    (folder / "mine.py").write_text(FUNCTIONS)
    status, out, _ = run("run", "L-ebm-policy", "--rewards", "mine:scorer.reward", "--vocab", "2", "--max-length", "1")
    assert status == 1
    assert "(no mistake makes a difference here)" in out
    assert "1 claim: 1 NOT APPLICABLE" in out


def test_the_report_says_which_tokens_and_prompts(run, folder):
    (folder / "r.csv").write_text(REWARDS)
    out = " ".join(run("run", *BASIC, "--rewards", "r.csv")[1].split())
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
    "unknown mistake": (["r.csv", "--plant", "typo"], {}, "--plant typo: no such mistake; proofs-check list names"),
}


@pytest.mark.parametrize(("arguments", "files", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_exits_2_with_one_line(run, folder, arguments, files, message):
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


def test_options_shape_the_space(folder):
    from proofs_check.sources import Request, instances

    (folder / "f.csv").write_text(HEADER + "p,a,1\np,b,2\nq,a,0\nq,b,0\n")
    _, (instance, _) = instances(Request(rewards="f.csv", min_length=2))
    assert instance.space == SequenceSpace("ab", max_length=2, min_length=2, prompts=["p", "q"])
    _, (instance, _) = instances(Request(vocab=2, max_length=2, seed=7))
    assert instance.reward == StateActionTable.random(instance.space, 7)


def test_every_option_arrives(run, folder):
    out = run("run", *BASIC, "--vocab", "2", "--max-length", "3", "--min-length", "2", "--prompts", "x,y")[1]
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


def test_the_remedy_names_min_length_only_where_it_helps(run, folder):
    (folder / "r.csv").write_text(HEADER + "p,,1\np,a,1\np,b,1\np,a a,1\n")
    err = run("run", "--rewards", "r.csv")[2]
    assert "response 'a b', one of 3 absent; add its row, or give --missing=-inf." in err


def test_missing_cannot_be_infinite(run):
    assert "is not finite or -inf" in run("run", "--missing=inf")[2]
