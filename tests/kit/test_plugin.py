"""The plugin, in runs of pytest of its own, loaded as an installed one is."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from xml.etree import ElementTree

import pytest
from users_code import ENTROPY_SOURCE

RIGHT = (
    ENTROPY_SOURCE
    + """

seen = []

def recorded(logits):
    seen.append(tuple(logits.items()))
    return entropy(logits)

def wrong(logits):
    return 0.0
"""
)

TESTS = """
import pytest
from mine import entropy, recorded, seen, wrong
from proofs_check.session import SESSION
from proofs_check.testing import check, check_entropy
"""

AGREES = "entropy: mine.entropy agrees on * instances (adapter dict, float64, seed 0); at most * % of the bound used"
XDIST = find_spec("xdist") is not None


def started(folder, tests, *arguments):
    """Run pytest in a folder of its own, with the plugin as it is installed."""
    (folder / "mine.py").write_text(RIGHT, encoding="utf-8")
    (folder / "test_inner.py").write_text(tests, encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        words, cwd=folder, env={**env, "PYTHONUTF8": "1"}, capture_output=True, text=True, encoding="utf-8", timeout=120
    )


@pytest.fixture
def inner(tmp_path):
    return lambda tests, *arguments: started(tmp_path, tests, *arguments)


def lines_of(found):
    return pytest.LineMatcher(found.stdout.splitlines())


# -- one run with all that can be seen in one -------------------------------------------------------------------------

COUNTING = """
from pathlib import Path
from zlib import crc32


@pytest.fixture
def count():
    seen.clear()

    def note(name):
        with Path("counts.txt").open("a") as file:
            print(name, len(seen), crc32(repr(seen).encode()), file=file)

    return note


def test_plain(count):
    check_entropy(recorded)
    count("plain")


@pytest.mark.proofs_check(examples=7, seed=3)
def test_marked(count):
    check_entropy(recorded)
    count("marked")


@pytest.mark.proofs_check(examples=7)
def test_half_marked(count):
    check_entropy(recorded)
    count("half")


@pytest.mark.proofs_check(examples=7, seed=3)
def test_own(count):
    check_entropy(recorded, examples=2, seed=3)
    count("own")


@pytest.mark.proofs_check(examples=7, seed=3)
class TestClass:
    def test_in_class(self, count):
        check_entropy(recorded)
        count("class")
"""

BAD_MARKERS = ["5", "example=5", "examples=5, rate=1", "seed=1, adapter='dict'"]
OUT_OF_RANGE = ["examples=0", "examples='many'", "seed=-1", "seed=1.5"]

MANY = (
    TESTS
    + COUNTING
    + """
def test_right():
    check_entropy(entropy, examples=5)


def test_wrong():
    with pytest.raises(AssertionError):
        check_entropy(wrong, examples=5)


def test_asked_for():
    assert not check_entropy(wrong, examples=5, throw=False).agrees
    assert SESSION.heard == []


def test_nothing():
    pass


@pytest.mark.proofs_check(examples=3, seed=3)
def test_sets():
    assert (SESSION.examples, SESSION.seed, SESSION.heard) == (3, 3, [])
    check_entropy(wrong)


def test_after():
    assert (SESSION.examples, SESSION.seed, SESSION.heard) == (None, None, [])


@pytest.fixture
def around():
    assert (SESSION.examples, SESSION.seed, SESSION.heard) == (4, None, [])
    yield
    assert (SESSION.examples, SESSION.seed, SESSION.heard) == (4, None, [])


@pytest.mark.proofs_check(examples=4)
def test_last(around):
    check_entropy(entropy, examples=3)


@pytest.fixture
def checked():
    check_entropy(entropy)
    return len(SESSION.heard)


@pytest.mark.proofs_check(examples=2, seed=11)
def test_in_fixture(checked):
    assert (checked, SESSION.heard) == (1, [])


@pytest.fixture
def wrongly_checked():
    check_entropy(wrong, examples=5)


def test_in_wrong_fixture(wrongly_checked):
    pass


def test_fails():
    check_entropy(wrong, examples=5)  # my line


def test_fails_by_kind():
    check("entropy", wrong)


def test_cannot_be_called():
    check_entropy(lambda logits: None)
"""
    + "".join(
        f"\n\n@pytest.mark.proofs_check({marker})\ndef test_{name}_{i}():\n    check_entropy(entropy)\n"
        for name, markers in (("bad", BAD_MARKERS), ("range", OUT_OF_RANGE))
        for i, marker in enumerate(markers)
    )
)


CONFTEST = """
import pytest
from proofs_check.session import SESSION, Session


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    found = yield
    assert SESSION == Session(), item  # nothing is left behind
    return found
"""


class Run:
    """What became of each test of a run, by its name."""

    def __init__(self, folder, *arguments):
        (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
        self.found = started(folder, MANY, "--junit-xml=found.xml", *arguments)
        self.text, self.lines = self.found.stdout, lines_of(self.found)
        self.cases = {case.get("name"): case for case in ElementTree.parse(folder / "found.xml").iter("testcase")}
        rows = (line.split() for line in (folder / "counts.txt").read_text().splitlines())
        self.counts = {name: (int(count), checksum) for name, count, checksum in rows}

    def failed(self):
        return {name for name, case in self.cases.items() if case.find("failure") is not None}

    def failure(self, name, what="failure"):
        """The failure of a test, as it is shown."""
        return self.cases[name].find(what).text

    def properties(self, name):
        return [(x.get("name"), x.get("value")) for x in self.cases[name].iter("property")]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("many"), "--strict-markers", "-p", "no:xdist")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """With options, and in another process where that can be had."""
    words = [
        "--proofs-check-examples",
        "11",
        "--proofs-check-seed=3",
        "-k",
        "test_plain or marked or test_own or TestClass",
    ]
    return Run(tmp_path_factory.mktemp("asked"), *words, *(["-n1"] if XDIST else []))


def test_what_fails_is_what_should(many):
    fails = {"test_sets", "test_fails", "test_fails_by_kind", "test_cannot_be_called"}
    assert many.failed() == fails | {f"test_range_{i}" for i in range(4)}
    errors = {name for name, case in many.cases.items() if case.find("error") is not None}
    assert errors == {"test_in_wrong_fixture", *(f"test_bad_{i}" for i in range(4))}
    assert many.found.returncode == pytest.ExitCode.TESTS_FAILED


def test_the_summary_says_what_was_checked(many):
    many.lines.fnmatch_lines(
        ["*== proofs-check ==*", AGREES, "entropy: mine.wrong is wrong; looks like no known mistake", "*passed*"]
    )
    # One line for each check that throws.
    heard = [value for name in many.cases for _, value in many.properties(name)]
    start = next(i for i, line in enumerate(many.text.splitlines()) if "= proofs-check =" in line)
    assert sorted(many.text.splitlines()[start + 1 :][: len(heard)]) == sorted(heard)
    assert sum(line.startswith("entropy: mine.wrong ") for line in heard) == 5


def test_a_check_in_a_fixture_is_one_of_its_test(many):
    ((_, line),) = many.properties("test_in_fixture")
    assert "(adapter dict, float64, seed 11)" in line
    assert line in many.text.splitlines()
    many.lines.fnmatch_lines(["entropy: mine.wrong is wrong; looks like no known mistake"])
    assert "Disagreement: entropy: mine.wrong" in many.failure("test_in_wrong_fixture", "error")


def test_a_check_that_only_reports_is_not_heard(many):
    assert many.properties("test_asked_for") == many.properties("test_nothing") == []


def test_a_junit_file_has_the_lines(many):
    ((name, value),) = many.properties("test_right")
    assert name == "proofs-check"
    assert value.startswith("entropy: mine.entropy agrees on")
    assert many.properties("test_wrong") == [
        ("proofs-check", "entropy: mine.wrong is wrong; looks like no known mistake")
    ]


def test_examples_and_seeds(many, asked):
    found, again = many.counts, asked.counts
    assert set(found) == set(again) == {"plain", "marked", "half", "own", "class"}
    fixed = found["marked"][0] - 7
    assert fixed >= 6
    assert found["plain"][0] == fixed + 100
    assert found["own"][0] == fixed + 2
    assert found["half"][0] == fixed + 7
    assert found["class"] == found["marked"]
    assert found["half"][1] != found["marked"][1]  # another seed
    many.lines.fnmatch_lines(["entropy: mine.recorded agrees on * (adapter dict, float64, seed 3)*"])
    assert again["plain"][0] == fixed + 11
    # A marker goes before the command line, which fills in what the marker leaves out.
    assert again["marked"] == found["marked"]
    assert again["half"] == found["marked"]
    assert again["own"] == found["own"]


def test_lines_come_from_other_processes_too(asked):
    if not XDIST:
        pytest.skip("pytest-xdist is not installed")
    assert asked.found.returncode == 0
    heard = [line for line in asked.text.splitlines() if line.startswith("entropy: mine.recorded agrees on ")]
    assert len(heard) == 5


def test_a_session_leaves_nothing_behind(many):
    assert "looks like" in many.failure("test_sets")  # it fails for the check alone
    assert not {"test_after", "test_last", "test_asked_for"} & many.failed()


def test_a_bad_marker_is_an_error_that_says_so(many):
    for i in range(4):
        words = f"test_inner.py::test_bad_{i}: the marker is proofs_check(examples=N, seed=S)."
        assert words in many.failure(f"test_bad_{i}", "error")
    assert "INTERNALERROR" not in many.text + many.found.stderr


def test_a_marker_out_of_range_is_an_error_that_names_the_argument(many):
    for i, name in enumerate(("examples", "examples", "seed", "seed")):
        assert f"TabularBellmanError: {name}" in many.failure(f"test_range_{i}")


def test_a_failure_is_shown_at_the_line_of_the_user(many):
    text = many.failure("test_fails")
    shown = pytest.LineMatcher(text.splitlines())
    shown.fnmatch_lines([">*check_entropy(wrong, examples=5)  # my line"])
    shown.fnmatch_lines(["E*Disagreement: entropy: mine.wrong does not compute what it should (adapter dict*"])
    shown.fnmatch_lines(["E*claim      H = *", "E*instance   1 token 'a'; max_length 2", "E*replay *"])
    shown.re_match_lines([r"test_inner\.py:\d+: Disagreement"])
    pytest.LineMatcher(many.failure("test_fails_by_kind").splitlines()).re_match_lines(
        [r">.*check\(.entropy., wrong\)", r"test_inner\.py:\d+: Disagreement"]
    )
    for name in ("test_fails", "test_fails_by_kind"):
        text = many.failure(name)
        assert "__tracebackhide__" not in text
        assert "raise Disagreement" not in text
        assert "proofs_check/testing" not in text.replace("\\", "/")


def test_a_check_that_cannot_call_is_shown_at_the_line_of_the_user(many):
    text = many.failure("test_cannot_be_called")
    shown = pytest.LineMatcher(text.splitlines())
    shown.fnmatch_lines(["E*TabularBellmanError: test_inner.*it cannot be called as entropy*"])
    assert "proofs_check/testing" not in text.replace("\\", "/")


# -- runs of their own ------------------------------------------------------------------------------------------------


def test_the_marker_and_the_options_are_described(inner):
    lines_of(inner("", "--markers")).fnmatch_lines(
        ["@pytest.mark.proofs_check(examples=N, seed=S): how many instances*"]
    )
    lines_of(inner("", "--help")).fnmatch_lines(
        ["checks of proofs_check.testing:", "*--proofs-check-examples=N*", "*--proofs-check-seed=S*"]
    )


ONE = TESTS + "def test_it():\n    check_entropy(entropy)\n"


def test_an_option_out_of_range_is_an_error(inner):
    found = inner(ONE, "--proofs-check-examples=0")
    assert found.returncode == pytest.ExitCode.TESTS_FAILED
    lines_of(found).fnmatch_lines(["E*TabularBellmanError: examples*"])


def test_an_option_that_is_no_number_is_refused(inner):
    found = inner(ONE, "--proofs-check-examples=many")
    assert found.returncode == pytest.ExitCode.USAGE_ERROR
    assert "argument --proofs-check-examples: invalid int value: 'many'" in found.stderr


def test_checks_work_without_the_plugin(inner):
    found = inner(ONE, "-p", "no:proofs_check")
    assert found.returncode == 0
    lines_of(found).fnmatch_lines(["*1 passed*"])
    assert "proofs-check" not in found.stdout
    found = inner("", "-p", "no:proofs_check", "--proofs-check-seed=1")
    assert found.returncode == pytest.ExitCode.USAGE_ERROR


HEAVY = ["numpy", "scipy", "sympy", "hypothesis", "proofs_check.testing", "proofs_check.strategies", "tabular_bellman"]


def test_a_run_that_checks_nothing_imports_nothing_and_has_no_summary(inner):
    # The plugin of Hypothesis itself is light; others that are installed may not be.
    found = inner(
        f"""
import sys

def test_it(pytestconfig):
    assert pytestconfig.pluginmanager.hasplugin("proofs_check")
    assert [name for name in {HEAVY} if name in sys.modules] == []
    assert "proofs_check.pytest_plugin" in sys.modules
"""
    )
    assert found.returncode == 0
    lines_of(found).fnmatch_lines(["*1 passed*"])
    assert "proofs-check" not in found.stdout


def test_what_the_plugin_itself_imports():
    code = (
        "import sys, json, pytest; before = set(sys.modules); import proofs_check.pytest_plugin; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    modules = json.loads(found.stdout.splitlines()[-1])
    assert set(modules) <= {"proofs_check", "proofs_check.pytest_plugin", "proofs_check.session"}
