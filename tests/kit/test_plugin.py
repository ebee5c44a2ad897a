"""The plugin, in runs of pytest of its own, loaded as an installed one is."""

import json
import sys

import pytest

pytest_plugins = ["pytester"]

RIGHT = """
import math

def entropy(logits):
    rows = {}
    for (prefix, action), q in logits.items():
        rows.setdefault(prefix, {})[action] = q

    def below(prefix):
        row = rows[prefix]
        top = max(row.values())
        total = top + math.log(sum(math.exp(q - top) for q in row.values()))
        found = 0.0
        for action, q in row.items():
            if q > -math.inf:
                p = math.exp(q - total)
                found += p * ((below((*prefix, action)) if action is not None else 0.0) - (q - total))
        return found

    return below(())

seen = []

def recorded(logits):
    seen.append(tuple(logits.items()))
    return entropy(logits)

def wrong(logits):
    return 0.0
"""

TESTS = """
import pytest
from mine import entropy, recorded, seen, wrong
from proofs_check.testing import check, check_entropy
"""


@pytest.fixture
def inner(pytester, monkeypatch):
    """A run of pytest in a folder of its own, with the plugin as it is installed."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("PYTEST_PLUGINS", raising=False)
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    pytester.makepyfile(mine=RIGHT)

    def run(tests, *arguments):
        pytester.makepyfile(test_inner=TESTS + tests)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)

    return run


AGREES = "*entropy: mine.entropy agrees on * instances (adapter dict, float64, seed 0); at most * % of the bound used"


def test_the_summary_says_what_was_checked(inner):
    found = inner(
        """
        def test_right():
            check_entropy(entropy, examples=5)

        def test_wrong():
            with pytest.raises(AssertionError):
                check_entropy(wrong, examples=5)

        def test_nothing():
            pass
        """.replace("\n        ", "\n")
    )
    found.assert_outcomes(passed=3)
    found.stdout.fnmatch_lines(
        ["*== proofs-check ==*", AGREES, "entropy: mine.wrong is wrong; looks like no known mistake", "*3 passed*"]
    )


def test_there_is_no_summary_where_nothing_was_checked(inner):
    found = inner("def test_nothing():\n    pass\n")
    found.assert_outcomes(passed=1)
    found.stdout.no_fnmatch_line("*proofs-check*")


def test_the_marker_and_the_options_are_described(inner):
    found = inner("", "--markers")
    found.stdout.fnmatch_lines(["@pytest.mark.proofs_check(examples=N, seed=S): how many instances*"])
    found = inner("", "--help")
    found.stdout.fnmatch_lines(
        ["checks of proofs_check.testing:", "*--proofs-check-examples=N*", "*--proofs-check-seed=S*"]
    )


COUNTING = """
from zlib import crc32

@pytest.fixture
def count():
    seen.clear()
    return lambda: len(seen)

def test_plain(count):
    report = check_entropy(recorded)
    print(f"plain {count()} {crc32(repr(seen).encode())}")

@pytest.mark.proofs_check(examples=7, seed=3)
def test_marked(count):
    check_entropy(recorded)
    print(f"marked {count()} {crc32(repr(seen).encode())}")

@pytest.mark.proofs_check(examples=7)
def test_half_marked(count):
    check_entropy(recorded)
    print(f"half {count()} {crc32(repr(seen).encode())}")

@pytest.mark.proofs_check(examples=7, seed=3)
def test_own(count):
    check_entropy(recorded, examples=2, seed=3)
    print(f"own {count()} {crc32(repr(seen).encode())}")

@pytest.mark.proofs_check(examples=7, seed=3)
class TestClass:
    def test_in_class(self, count):
        check_entropy(recorded)
        print(f"class {count()} {crc32(repr(seen).encode())}")
"""


def counts(found):
    lines = (line.lstrip(".").split() for line in found.outlines)
    return {line[0]: (int(line[1]), line[2]) for line in lines if len(line) == 3 and line[1].isdigit()}


def test_examples_and_seeds(inner):
    plain = inner(COUNTING, "-s", "-q")
    plain.assert_outcomes(passed=5)
    found = counts(plain)
    fixed = found["marked"][0] - 7
    assert fixed >= 6
    assert found["plain"][0] == fixed + 100
    assert found["own"][0] == fixed + 2
    assert found["half"][0] == fixed + 7
    assert found["class"] == found["marked"]
    assert found["half"][1] != found["marked"][1]  # another seed
    plain.stdout.fnmatch_lines(["*entropy: mine.recorded agrees on * (adapter dict, float64, seed 3)*"])
    asked = inner(COUNTING, "-s", "-q", "--proofs-check-examples", "11", "--proofs-check-seed=3")
    again = counts(asked)
    assert again["plain"][0] == fixed + 11
    # A marker goes before the command line, which fills in what the marker leaves out.
    assert again["marked"] == found["marked"]
    assert again["half"] == found["marked"]
    assert again["own"] == found["own"]


def test_a_session_leaves_nothing_behind(inner):
    found = inner(
        """
from proofs_check.session import SESSION

@pytest.mark.proofs_check(examples=3, seed=3)
def test_fails():
    assert (SESSION.examples, SESSION.seed, SESSION.heard) == (3, 3, [])
    check_entropy(wrong)

def test_after():
    assert (SESSION.examples, SESSION.seed, SESSION.heard) == (None, None, [])

@pytest.fixture
def outside():
    yield
    assert (SESSION.examples, SESSION.seed, SESSION.heard) == (None, None, None)

def test_last(outside):
    check_entropy(entropy, examples=3)
"""
    )
    found.assert_outcomes(passed=2, failed=1)


def marked(*markers):
    tests = (
        f"@pytest.mark.proofs_check({x})\ndef test_{i}():\n    check_entropy(entropy)\n" for i, x in enumerate(markers)
    )
    return "\n".join(tests)


def test_a_bad_marker_is_an_error_that_says_so(inner):
    found = inner(marked("5", "example=5", "examples=5, rate=1", "seed=1, adapter='dict'"))
    assert found.ret != 0
    text = found.stdout.str() + found.stderr.str()
    for i in range(4):
        assert f"test_inner.py::test_{i}: the marker is proofs_check(examples=N, seed=S)." in text
    assert "INTERNALERROR" not in text


def test_a_marker_out_of_range_is_an_error_that_names_the_argument(inner):
    found = inner(marked("examples=0", "examples='many'", "seed=-1", "seed=1.5"))
    found.assert_outcomes(failed=4)
    for name in ("examples", "examples", "seed", "seed"):
        found.stdout.fnmatch_lines([f"E*TabularBellmanError: {name}*"])


def test_an_option_out_of_range_is_an_error(inner):
    assert inner("def test_it():\n    check_entropy(entropy)\n", "--proofs-check-examples=0").ret != 0


def test_an_option_that_is_no_number_is_refused(inner):
    found = inner("def test_it():\n    check_entropy(entropy)\n", "--proofs-check-examples=many")
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines(["*argument --proofs-check-examples: invalid int value: 'many'"])


def test_the_marker_is_known_to_strict_markers(inner):
    found = inner(
        "@pytest.mark.proofs_check(seed=1)\ndef test_it():\n    check_entropy(entropy, examples=3)\n",
        "--strict-markers",
    )
    found.assert_outcomes(passed=1)


def test_checks_work_without_the_plugin(inner):
    found = inner("def test_it():\n    check_entropy(entropy, examples=3)\n", "-p", "no:proofs_check")
    found.assert_outcomes(passed=1)
    found.stdout.no_fnmatch_line("*proofs-check*")
    assert inner("", "-p", "no:proofs_check", "--proofs-check-seed=1").ret == pytest.ExitCode.USAGE_ERROR


def test_lines_come_from_other_processes_too(inner):
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    found = inner(
        "def test_it():\n    check_entropy(entropy, examples=3)\n\ndef test_other():\n    check_entropy(recorded)\n",
        "-n1",
    )
    found.assert_outcomes(passed=2)
    found.stdout.fnmatch_lines([AGREES])
    found.stdout.fnmatch_lines(["entropy: mine.recorded agrees on *"])


def test_a_failure_is_shown_at_the_line_of_the_user(inner):
    found = inner(
        "def test_it():\n    check_entropy(wrong, examples=5)  # my line\n\n"
        "def test_check():\n    check('entropy', wrong)\n"
    )
    found.assert_outcomes(failed=2)
    found.stdout.fnmatch_lines([">*check_entropy(wrong, examples=5)  # my line"])
    found.stdout.fnmatch_lines(["E*Disagreement: entropy: mine.wrong does not compute what it should (adapter dict*"])
    found.stdout.fnmatch_lines(["E*claim      H = *", "E*instance   1 token 'a'; max_length 2", "E*replay *"])
    found.stdout.re_match_lines([r"test_inner\.py:\d+: Disagreement"])
    text = found.stdout.str()
    assert "__tracebackhide__" not in text
    assert "raise Disagreement" not in text
    assert "proofs_check/testing" not in text.replace("\\", "/")


def test_a_check_that_cannot_call_is_shown_at_the_line_of_the_user(inner):
    found = inner("def test_it():\n    check_entropy(lambda logits: None)\n")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["E*TabularBellmanError: test_inner.*it cannot be called as entropy*"])
    assert "proofs_check/testing" not in found.stdout.str().replace("\\", "/")


def test_a_junit_file_has_the_lines_and_no_xdist_is_needed(inner, pytester):
    inner(
        "def test_it():\n    check_entropy(entropy, examples=3)\n", "--junit-xml=found.xml", "-p", "no:xdist"
    ).assert_outcomes(passed=1)
    text = (pytester.path / "found.xml").read_text(encoding="utf-8")
    assert '<property name="proofs-check" value="entropy: mine.entropy agrees on' in text


HEAVY = ["numpy", "scipy", "sympy", "hypothesis", "proofs_check.testing", "proofs_check.strategies", "tabular_bellman"]


def test_a_run_that_checks_nothing_imports_nothing(pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(
        f"""
        import sys

        def test_it(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("proofs_check")
            assert [name for name in {HEAVY} if name in sys.modules] == []
            assert "proofs_check.pytest_plugin" in sys.modules
        """
    )
    # The plugin of Hypothesis itself is light; others that are installed may not be.
    found = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    found.assert_outcomes(passed=1)


def test_what_the_plugin_itself_imports(pytester):
    code = (
        "import sys, json, pytest; before = set(sys.modules); import proofs_check.pytest_plugin; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    found = pytester.run(sys.executable, "-c", code)
    modules = json.loads(found.outlines[-1])
    assert set(modules) <= {"proofs_check", "proofs_check.pytest_plugin", "proofs_check.session"}
