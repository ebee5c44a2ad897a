"""proofs-check target: the command line of the checks."""

import inspect
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from users_code import ENTROPY_SOURCE

from proofs_check import testing
from proofs_check.testing.kinds import KINDS
from proofs_check.testing.settings import Settings

ENTROPY = (
    ENTROPY_SOURCE
    + """

def wrong(logits):
    return -entropy(logits)


def loud(logits):
    print("a word", logits)
    return entropy(logits)


def nothing(logits):
    return None


class Namespace:
    inner = staticmethod(entropy)


number = 3
"""
)


@pytest.fixture
def target(run, folder):
    """Run the command, where functions are in mine.py: (exit status, stdout, stderr)."""
    (folder / "mine.py").write_text(ENTROPY, encoding="utf-8")
    return lambda *words: run("target", *words)


def test_a_right_function_gives_0(target):
    status, out, err = target("mine:entropy", "--kind", "entropy", "--examples", "5")
    assert (status, err) == (0, "")
    assert out.startswith("entropy: mine.entropy agrees on ")
    assert out.count("\n") == 1


def test_a_wrong_function_gives_1(target):
    status, out, err = target("mine:wrong", "--kind", "entropy", "--examples", "5")
    assert (status, err) == (1, "")
    assert out.startswith("entropy: mine.wrong does not compute what it should (adapter dict, float64, seed 0)\n")
    for name in ("claim", "instance", "worst", "looks like", "agrees on", "replay"):
        assert f"\n{name} " in out


def test_an_attribute_of_an_attribute(target):
    assert target("mine:Namespace.inner", "--kind", "entropy", "--examples", "3")[0] == 0


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (
            "mine:nothing",
            (),
            "mine.nothing: it cannot be called as entropy: it returned a NoneType (None), where a number was expected",
        ),
        ("mine:number", (), "target mine:number: number is a int, not a function."),
        ("mine:absent", (), "target mine:absent: mine has no 'absent'"),
        ("absent:entropy", (), "no module named 'absent' in the current folder"),
        ("mine", (), "mine: not package.module:function"),
        ("mine.py:entropy", (), "stand in its folder and write mine:entropy"),
        ("mine:entropy", ("--adapter", "tables"), "adapter is 'tables'; it is one of 'dict', 'batch'"),
        ("mine:entropy", ("--dtype", "double"), "dtype is 'double'"),
        ("mine:entropy", ("--array", "list"), "array is 'list'"),
        ("mine:entropy", ("--lengths", "long"), "lengths is 'long'"),
        ("mine:entropy", ("--view", "values"), "view is 'values'"),
        ("mine:entropy", ("--returns", "values"), "returns is 'values'; it does not go with functions of this kind"),
        ("mine:entropy", ("--of", "nll"), "of is 'nll'; it does not go with functions of this kind"),
        ("mine:entropy", ("--draws", "5"), "draws goes with a sampler, not with entropy"),
        ("mine:entropy", ("--false-alarm", "0.5"), "false_alarm goes with a sampler, not with entropy"),
        ("mine:entropy", ("--kind", "kl", "--temperature", "2"), "temperature does not go with a function like this"),
        ("mine:entropy", ("--discount", "0.5"), "discount does not go"),
        ("mine:entropy", ("--reference", "uniform"), "reference is 'uniform'"),
        ("mine:entropy", ("--examples", "0"), "examples"),
        ("mine:entropy", ("--seed", "-1"), "seed is -1"),
        ("mine:entropy", ("--max-responses", "0"), "max_responses"),
        ("mine:entropy", ("--tolerance", "-1"), "tolerance is -1.0"),
        ("mine:entropy", ("--prompts", "--adapter", "batch"), "adapter 'batch' has no prompts"),
    ],
)
def test_what_cannot_be_gives_2_and_a_line(target, function, options, words):
    status, out, err = target(function, "--kind", "entropy", *options)
    assert (status, out) == (2, "")
    assert err.startswith("proofs-check: error: ")
    assert err.count("\n") == 1
    assert words in err


def test_an_unknown_kind(target):
    status, out, err = target("mine:entropy", "--kind", "entropies")
    assert (status, out) == (2, "")
    assert "kind is 'entropies'; it is one of 'soft-bellman'" in err


@pytest.mark.parametrize("option", ["--examples", "--seed", "--tolerance", "--draws", "--max-responses", "--discount"])
def test_a_number_that_is_none(target, option):
    status, out, err = target("mine:entropy", "--kind", "entropy", option, "x")
    assert (status, out) == (2, "")
    assert f"argument {option}: invalid" in err


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("mine:entropy",), "the following arguments are required: --kind"),
        ((), "the following arguments are required: package.module:function, --kind"),
        (("mine:entropy", "--kind"), "argument --kind: expected one argument"),
    ],
    ids=["kind", "function and kind", "its name"],
)
def test_the_kind_must_be_given_and_the_kinds_are_listed(target, words, wrong):
    status, out, err = target(*words)
    assert (status, out) == (2, "")
    kinds = ", ".join(map(repr, KINDS))
    assert err.endswith(f"proofs-check target: error: {wrong}; --kind is one of {kinds}\n")
    # As a wrong one lists them.
    assert f"it is one of {kinds}." in target("mine:entropy", "--kind", "entropies")[2]


def test_the_kinds_are_listed_only_where_the_kind_is_what_is_wrong(target):
    status, _, err = target("mine:entropy", "--kind", "entropy", "--kinds")
    assert status == 2
    assert "unrecognized arguments: --kinds\n" in err
    assert "argument --seed: expected one argument\n" in target("mine:entropy", "--seed")[2]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def entropy(:\n", "importing broken raised SyntaxError"),
        ("import sys\nsys.exit(0)\n", "importing broken raised SystemExit: 0"),
        ("raise RuntimeError('at import')\n", "importing broken raised RuntimeError: at import"),
        ("import not_there\n", "importing broken needs 'not_there'"),
    ],
)
def test_a_module_that_cannot_be_imported(run, folder, code, words):
    (folder / "broken.py").write_text(code)
    status, out, err = run("target", "broken:entropy", "--kind", "entropy")
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("where", "status"), [("always", 2), ("sometimes", 1)])
def test_a_function_that_exits_does_not_end_the_check(run, folder, where, status):
    test = "True" if where == "always" else "-float('inf') in logits.values()"
    (folder / "exits.py").write_text(
        ENTROPY + f"\n\ndef exits(logits):\n    if {test}:\n        raise SystemExit(0)\n    return entropy(logits)\n"
    )
    found, out, err = run("target", "exits:exits", "--kind", "entropy", "--examples", "30")
    assert found == status
    assert "it raised SystemExit: 0" in out + err


def test_what_a_function_prints_is_no_part_of_the_report(target):
    status, out, err = target("mine:loud", "--kind", "entropy", "--examples", "3")
    assert status == 0
    assert "a word" not in out
    assert err.count("a word {") > 5
    status, out, err = target("mine:loud", "--kind", "entropy", "--examples", "3", "--json")
    assert status == 0
    assert strictly(out)["agrees"] is True
    assert "a word" in err


def strictly(text):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def test_json_is_one_document(target):
    status, out, err = target("mine:entropy", "--kind", "entropy", "--examples", "4", "--json")
    assert (status, err) == (0, "")
    document = strictly(out)
    assert document["kind"] == "entropy"
    assert document["function"] == "mine.entropy"
    assert document["agrees"] is True
    assert (document["mistakes"], document["smallest"]) == ([], None)
    status, out, err = target("mine:wrong", "--kind", "entropy", "--examples", "4", "--json")
    assert (status, err) == (1, "")
    document = strictly(out)
    assert document["agrees"] is False
    assert document["smallest"].keys() == {"tokens", "max_length"}
    assert max(document["smallest"].values()) <= 2
    assert document["text"].startswith("entropy: mine.wrong does not compute what it should")


OPTIONS = {
    "adapter": (["--adapter", "mdp"], "mdp"),
    "array": (["--array", "torch"], "torch"),
    "dtype": (["--dtype", "float32"], "float32"),
    "returns": (["--returns", "values"], "values"),
    "view": (["--view", "rewards"], "rewards"),
    "of": (["--of", "nll"], "nll"),
    "temperature": (["--temperature", "2.5"], 2.5),
    "discount": (["--discount", "0.5"], 0.5),
    "reference": (["--reference", "uniform"], "uniform"),
    "masks": (["--no-masks"], False),
    "numbers": (["--numbers", "plain"], "plain"),
    "prompts": (["--prompts"], True),
    "lengths": (["--lengths", "fixed"], "fixed"),
    "max_responses": (["--max-responses", "7"], 7),
    "examples": (["--examples", "9"], 9),
    "draws": (["--draws", "11"], 11),
    "seed": (["--seed", "13"], 13),
    "tolerance": (["--tolerance", "0.25"], 0.25),
    "false_alarm": (["--false-alarm", "0.125"], 0.125),
}


@pytest.fixture
def passed_on(monkeypatch):
    """What `check` is called with."""
    calls = []

    def check(kind, function, **settings):
        calls.append((kind, function.__name__, settings))
        return testing.Report(kind, "mine", True, 1, lines=("",))

    monkeypatch.setattr(testing, "check", check)
    return calls


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_is_passed_on(target, passed_on, name):
    words, value = OPTIONS[name]
    assert target("mine:entropy", "--kind", "gradient", *words)[0] == 0
    assert passed_on == [("gradient", "entropy", {"throw": False, name: value})]


def test_without_options_nothing_is_passed_on(target, passed_on):
    target("mine:entropy", "--kind", "kl")
    assert passed_on == [("kl", "entropy", {"throw": False})]


def test_all_options_at_once(target, passed_on):
    assert target("mine:entropy", "--kind", "kl", *(word for words, _ in OPTIONS.values() for word in words))[0] == 0
    expected = {name: value for name, (_, value) in OPTIONS.items()}
    assert passed_on == [("kl", "entropy", {"throw": False, **expected})]


def test_every_setting_has_an_option():
    settings = set(Settings.__annotations__) - {"throw"}
    for name in testing.__all__:
        if name.startswith("check_"):
            parameters = inspect.signature(getattr(testing, name)).parameters.values()
            settings |= {parameter.name for parameter in parameters if parameter.kind == parameter.KEYWORD_ONLY}
    assert settings == set(OPTIONS)


def test_a_kind_may_be_written_as_python_has_it(target):
    assert (
        target("mine:entropy", "--kind", "kl_estimator")[2].count("it cannot be called as kl-estimator: it raised") == 1
    )


def test_options_take_effect(target):
    out = target("mine:entropy", "--kind", "entropy", "--examples", "3", "--seed", "8")[1]
    assert "(adapter dict, float64, seed 8)" in out
    assert target("mine:wrong", "--kind", "entropy", "--examples", "3", "--tolerance", "1e9")[0] == 0


# -- processes of their own -------------------------------------------------------------------------------------------


def command(*words):
    return [sys.executable, "-m", "proofs_check", "target", *words]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "mine.py").write_text(ENTROPY, encoding="utf-8")
    return tmp_path


def started(place, *words):
    # No bytecode, which is Python's own to leave behind.
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    return subprocess.Popen(
        command(*words), cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


@pytest.mark.parametrize(("function", "status"), [("mine:entropy", 0), ("mine:wrong", 1), ("mine:nothing", 2)])
def test_nothing_is_left_behind(place, function, status):
    process = started(place, function, "--kind", "entropy", "--examples", "8")
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    assert (out != "") == (status != 2)
    assert sorted(path.name for path in place.iterdir()) == ["mine.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_gives_130_without_a_traceback(place):
    (place / "slow.py").write_text(
        "import time\nfrom pathlib import Path\n\n\n"
        "def slow(logits):\n    Path('started').touch()\n    time.sleep(60)\n"
    )
    process = started(place, "slow:slow", "--kind", "entropy")
    limit = time.monotonic() + 60
    while not (place / "started").exists() and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "proofs-check: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_while_drawing_gives_130_too(place):
    (place / "slow.py").write_text(
        "import time\nfrom pathlib import Path\nfrom mine import entropy\n\ncalls = []\n\n\ndef slow(logits):\n"
        "    calls.append(1)\n    if len(calls) > 20:\n        Path('started').touch()\n        time.sleep(60)\n"
        "    return entropy(logits)\n"
    )
    process = started(place, "slow:slow", "--kind", "entropy")
    limit = time.monotonic() + 60
    while not (place / "started").exists() and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "proofs-check: interrupted\n"


# -- what is imported -------------------------------------------------------------------------------------------------


def imported_by(code, *names):
    text = f"import sys; {code}; print([name for name in {list(names)} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=120)
    return found.stdout.strip()


def test_the_kit_imports_no_more_than_it_needs():
    names = ("torch", "jax", "scipy.stats", "pytest", "_pytest", "sympy", "mpmath", "matplotlib")
    assert imported_by("import proofs_check.testing", *names) == "[]"
    assert imported_by("import proofs_check.testing", "hypothesis", "numpy") == "['hypothesis', 'numpy']"


def test_the_library_does_not_import_hypothesis():
    assert imported_by("import tabular_bellman", "hypothesis", "proofs_check", "torch", "scipy.stats") == "[]"


def test_the_command_line_imports_the_kit_only_where_it_is_used():
    assert imported_by("import proofs_check.cli", "hypothesis", "proofs_check.testing") == "[]"
