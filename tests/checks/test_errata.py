import math
import time
from fractions import Fraction

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs_check.errata import ERRATA, Grade, appendix, divergences, experiments, setting, strings, theorems
from proofs_check.errata.descent import descent
from proofs_check.errata.exact_numbers import Logs, Ratio, entropy, exp, kl, log
from proofs_check.errata.figures import _peaks
from proofs_check.errata.render import found, preface, render
from proofs_check.errata.search import Case, Grid, at_most, choices, search
from proofs_check.errata.trees import Tree, energy_based, reward_grid, soft_bellman
from tabular_bellman import EOS, SequenceSpace, StateActionTable, TabularBellmanError
from tabular_bellman import soft_bellman as library_soft_bellman

BY_ID = {erratum.id: erratum for erratum in ERRATA}
SEARCHED = ["E1", "E2", "E3", "E4", "E5", "E6", "E7", "E9", "E10", "E11", "E12", "E14", "E15", "E16", "E19", "E27"]
MODULES = (setting, strings, theorems, appendix, divergences, experiments)
ONE_PROMPT = "1 prompt, V = 1, T = "


@pytest.fixture(scope="module")
def findings():
    return {erratum.id: erratum.find() for erratum in ERRATA if erratum.find is not None}


def test_there_are_27_in_order():
    assert [erratum.id for erratum in ERRATA] == [f"E{n}" for n in range(1, 28)]


def test_each_is_computed_or_says_why_not():
    for erratum in ERRATA:
        assert (erratum.find is None) == bool(erratum.reason), erratum.id
        assert all((erratum.place, erratum.title, erratum.printed, erratum.repair)), erratum.id
    assert [erratum.id for erratum in ERRATA if erratum.find is None] == ["E18"]
    assert [erratum.id for erratum in ERRATA if erratum.grade is Grade.REMARK] == ["E8", "E13"]


# The smallest counterexample of each search, and how many cases before it were shown to hold.
SMALLEST = {
    "E1": [(ONE_PROMPT + "2: q = 0", 2), (ONE_PROMPT + "1: q = 0", 0)],
    "E2": [
        (ONE_PROMPT + "2: r(x⊕1, EOS) = 1, r = 0 elsewhere", 3),
        (ONE_PROMPT + "1: r(x, EOS) = 1, r = 0 elsewhere", 1),
    ],
    "E3": [(ONE_PROMPT + "1: q = 0", 0)],
    "E4": [
        ("2 prompts, V = 1, T = 2: prompts (BOS,1) and (BOS,1,1), r = 0", 251),
        ("2 prompts, V = 1, T = 3: prompts (BOS,1) and (BOS,1,1), ρ ∝ (1,1,1) and (1,1,1)", 110),
    ],
    "E5": [(ONE_PROMPT + "2: ρ = (1, 0) by length of the response", 1)],
    "E6": [("2 prompts, V = 1, T = 1: ρ(x) ∝ (1,1), ρ(y|x) ∝ (1) and (1)", 26)],
    "E7": [(ONE_PROMPT + "2: q*(x, 1) = log 3, other logits 0", 2)],
    "E9": [(ONE_PROMPT + "2: r = 0", 2), (ONE_PROMPT + "1: r = 0", 0)],
    "E10": [(ONE_PROMPT + "1: r = 0", 0)],
    "E11": [(ONE_PROMPT + "2: ρ = (1/2, 1/2) by length of the response", 3)],
    "E14": [(ONE_PROMPT + "2: r(x⊕1, EOS) = 1, r = 0 elsewhere", 3), (ONE_PROMPT + "3: r = 0", 9)],
    "E16": [(ONE_PROMPT + "2: r(x⊕1, EOS) = 1, r = 0 elsewhere", 3)],
    "E19": [(ONE_PROMPT + "2: π_q(EOS|x) = 1/4, (q-q')(x, EOS) = -3, (q-q')(x, 1) = 3", 82)],
}


@pytest.mark.parametrize("name", SMALLEST)
def test_the_search_finds_the_smallest_counterexample(findings, name):
    assert [(s.found_at, s.earlier) for s in findings[name].searches] == SMALLEST[name]
    assert findings[name].found_at == SMALLEST[name][0][0]


@pytest.mark.parametrize("name", SEARCHED)
def test_the_repaired_statement_holds_on_the_whole_grid(findings, name):
    assert findings[name].searches
    for searched in findings[name].searches:
        assert searched.repaired_fails is None
        assert searched.repaired_holds == searched.size > searched.earlier
    assert findings[name].cases > findings[name].repaired_holds > 0
    assert findings[name].grid == findings[name].searches[0].grid


@pytest.mark.parametrize("name", SEARCHED)
def test_the_same_search_finds_nothing_against_the_repaired_statement(name, monkeypatch):
    for module in MODULES:
        monkeypatch.setattr(
            module, "search", lambda words, grid, printed, repaired: search(words, grid, repaired, repaired)
        )
    text = "\n".join(render(BY_ID[name], found(BY_ID[name])))
    assert "not found    no counterexample to" in text


@pytest.mark.parametrize("name", SEARCHED)
def test_a_repair_that_is_none_is_reported(name, monkeypatch):
    for module in MODULES:
        monkeypatch.setattr(
            module, "search", lambda words, grid, printed, repaired: search(words, grid, printed, printed)
        )
    finding = BY_ID[name].find()
    assert all(searched.repaired_fails is searched.case is not None for searched in finding.searches)
    assert "as repaired it fails too" in " ".join(" ".join(render(BY_ID[name], finding)).split())


def test_what_is_not_as_it_should_be_makes_the_command_fail(run, monkeypatch):
    assert run("errata", "E2")[0] == 0
    for wrong in (
        lambda words, grid, printed, repaired: search(words, grid, repaired, repaired),
        lambda words, grid, printed, repaired: search(words, grid, printed, printed),
    ):
        for module in MODULES:
            monkeypatch.setattr(module, "search", wrong)
        status, out, _ = run("errata", "E2", "E18")
        assert status == 1
        assert out.endswith("\nNot as expected: E2.\n")


# Digits of the ledger.
DIGITS = {
    "E1": [0.5, 0.5, 0.0, math.log(2.0), 0.0],
    "E2": [0.7311, 0.5, 1.3133, 0.6931, 1.0, 0.0],
    "E7": [Fraction(1, 2), Fraction(1, 4), 0.14384, 0.13081, 0.14384],
    "E6": [0.6931, 0.0],
    "E9": [2.0, 1.0, 1.0, 4.0, 1.0, 2.0],
    "E10": [0.6931, 0.0],
    "E11": [Fraction(1, 2), Fraction(1, 4), Fraction(1, 2), "0, 1", 3],
    "E15": ["(0,0)", "(-1,-1)", "(-2,-1)", "(-3,-2)", "(-1/2,1/2)"],
    "E17": ["16", 3752, 3684, "64", 77064, 76804],
    "E26": ["3601", 3633, "76481", 76609],
    "E23": ["0.01, 0.01", "no", "6 of 9", "3e-05, 0.003, 0.01"],
    "E24": [4258, 4258, Fraction(1, 2), Fraction(1)],
}


@pytest.mark.parametrize("name", DIGITS)
def test_numbers_agree_with_the_ledger(findings, name):
    numbers = [number for _, number in findings[name].numbers]
    assert len(numbers) == len(DIGITS[name])
    for number, expected in zip(numbers, DIGITS[name], strict=True):
        assert number == (pytest.approx(expected, abs=5e-5) if isinstance(expected, float) else expected)


def value(finding, label):
    return next(number for what, number in finding.numbers if label in what)


def test_three_minima_of_states_as_strings(findings):
    numbers = [number for _, number in findings["E4"].numbers]
    assert numbers[:2] == [0.5, 1.0]
    assert numbers[6:9] == pytest.approx([0.909963, 0.942738, 0.868822], abs=5e-7)
    assert numbers[9:11] == ["3, needed 4", "28, needed 36"]
    assert numbers[11] == "1006 of 1006"
    assert "R((BOS,1), 1 EOS) and R((BOS,1,1), EOS)" in numbers


def test_the_bounds_of_the_minimum_are_bounds():
    tree = Tree((("BOS", 1), ("BOS", 1, 1)), 1, 3)
    rng = np.random.default_rng(0)
    for _ in range(5):
        weights = rng.integers(1, 9, (2, 3)).tolist()
        rows = tuple(tuple(Fraction(w, sum(row)) for w in row) for row in weights)
        problem = strings.Problem(tree, rows)
        lower, upper = problem.ebm_minimum()
        assert lower == pytest.approx(upper, abs=1e-9)
        assert float(problem.entropy) <= lower + 1e-12
        apart = strings.Problem(strings._as_pairs(tree), rows)
        assert apart.ebm_minimum() == pytest.approx((float(apart.entropy),) * 2, abs=1e-9)
        assert apart.ebm_reaches_entropy()
        assert problem.ebm_reaches_entropy() == (upper - float(problem.entropy) < 1e-9)


def test_thresholds_of_the_divergence(findings):
    finding = findings["E19"]
    assert value(finding, "KL(p_q, p_q')") == pytest.approx(1.5 + math.log(0.75 * math.exp(-3) + 0.25 * math.exp(3)))
    assert value(finding, "one free step: κ") == pytest.approx(2.6434, abs=5e-5)
    assert value(finding, "four free steps") == pytest.approx(0.5071, abs=5e-5)
    assert value(finding, "κ(4)") == pytest.approx(4.922908, abs=5e-7)
    assert value(finding, "four tokens") > 0.6


def test_divergence_of_the_search_is_the_oracles(findings):
    apart = findings["E19"].searches[0].smallest
    p, h = [float(x) for x in apart.policy[("x",)].values()], [-3.0, 3.0]
    q = [x * math.exp(-d) for x, d in zip(p, h, strict=True)]
    assert apart.divergence() == pytest.approx(oracle.kl(p, [x / sum(q) for x in q]), abs=1e-12)


def test_gauge_artefact(findings):
    numbers = [number for _, number in findings["E16"].numbers]
    assert numbers == pytest.approx([0.5, 6 / 7 * math.log(3.0), 0.0, 40 / 7])
    assert round(numbers[-1], 2) == 5.71


def test_ratios_read_off(findings):
    assert value(findings["E20"], "smallest and largest") == "2.2 and 5.2"
    assert value(findings["E20"], "largest by mean") == 2
    assert value(findings["E20"], "above it") == "6 of 6"
    assert [number for _, number in findings["E25"].numbers] == ["4.4", "2.0", "4.1", "4.5"]
    assert {name for name, finding in findings.items() if finding.read_off} == {
        "E17",
        "E20",
        "E21",
        "E23",
        "E25",
        "E26",
    }


def test_peaks_are_those_of_a_plain_simulation():
    largest, effective, spread, rest = _peaks(4096, np.random.default_rng(5))
    z = np.random.default_rng(6).standard_normal((2000, 4096)) / 0.1
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    entropies = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
    assert rest < 1e-5
    assert np.quantile(largest, (0.05, 0.5, 0.95)) == pytest.approx(
        np.quantile(p.max(axis=1), (0.05, 0.5, 0.95)), abs=0.04
    )
    assert np.median(effective) == pytest.approx(np.median(np.exp(entropies)), abs=0.1)
    assert np.median(spread) == pytest.approx(np.median(np.log10(p.min(axis=1) / p.max(axis=1))), abs=0.3)


def test_peaks_of_the_note(findings):
    # With 300,000 draws: .346, .785, .999 and .296, .706, .997; P .189 and .263.
    rows = dict(findings["E22"].numbers)
    assert [float(x) for x in rows["n = 4096: max ρ at 5, 50, 95 %"].split(", ")] == pytest.approx(
        [0.346, 0.785, 0.999], abs=0.01
    )
    assert [float(x) for x in rows["n = 65536: max ρ at 5, 50, 95 %"].split(", ")] == pytest.approx(
        [0.296, 0.706, 0.997], abs=0.01
    )


def test_costs(findings):
    rows = dict(findings["E13"].numbers)
    assert rows["V=2, T=4, V^T=16"] == "14; 14; 3 (7 terms)"  # |Y| - 1 = 14; (T-2)(V+1)+1 = 7
    assert rows["V=1, T=8, V^T=1"] == "7; 7; 7 (13 terms)"


# -- the tools -----------------------------------------------------------------------------------------------------


def test_cases_go_from_small_to_large():
    cases = (Case(1, 1, 2, 0, "larger", 0), Case(1, 1, 1, 3, "smaller", 0))
    with pytest.raises(ValueError, match="from small to large"):
        Grid("backwards", cases)
    with pytest.raises(ValueError, match="from small to large"):
        Grid("of one size, but for the entries", (Case(1, 1, 1, 2, "two", 0), Case(1, 1, 1, 1, "one", 0)))
    assert [case.size for case in Grid("forwards", cases[::-1]).cases] == [(1, 1, 1, 3), (1, 1, 2, 0)]


def test_a_search_stops_at_the_first_failure_and_tries_the_repair_everywhere():
    grid = Grid("0 to 9", tuple(Case(1, 1, 1, n, str(n), n) for n in range(10)))
    tried, repaired = [], []
    found_ = search("n < 4", grid, lambda n: tried.append(n) or n < 4, lambda n: repaired.append(n) or n < 10)
    assert (found_.smallest, found_.earlier, tried) == (4, 4, [0, 1, 2, 3, 4])
    assert (found_.repaired_holds, repaired) == (10, list(range(10)))


def test_what_is_too_close_to_tell_is_refused():
    assert at_most(1.0, 2.0, 0.5)
    assert not at_most(2.0, 1.0, 0.5)
    for right, bound in ((1.25, 0.5), (1.5, 0.5), (1.0, 0.0)):
        with pytest.raises(TabularBellmanError, match="too close"):
            at_most(1.0, right, bound)


def test_choices_are_lexicographic():
    tables = [tuple(int(i in chosen) for i in range(4)) for chosen in choices(4, 4)]
    assert tables == sorted(tables, key=lambda t: (sum(t), t))
    assert len(tables) == 16


polynomials = st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(any).map(tuple)


@given(polynomials, polynomials, polynomials)
def test_ratios_are_a_field(a, b, c):
    x, y = Ratio(a, b), Ratio(c, a)
    assert x / y * y == x
    assert x + y == y + x
    assert x * (y + 1) == x * y + x
    assert float(x * y) == pytest.approx(float(x) * float(y))
    assert float(x + y) == pytest.approx(float(x) + float(y))
    assert x + 1 != x


def test_ratios_are_equal_in_any_form():
    assert Ratio((1, 1), (1, 2, 1)) == Ratio((1,), (1, 1))
    assert Ratio((0, 2), (2,)) == exp(1)
    assert Ratio((1, 0)) == 1
    assert exp(0) == 1 != exp(1)
    assert Ratio((3,)) != "3"
    with pytest.raises(TypeError, match="no hash"):
        hash(exp(1))


@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.lists(st.integers(1, 12), min_size=5, max_size=5))
def test_logs_are_those_of_the_oracle(weights, others):
    p = [Fraction(w, sum(weights)) for w in weights]
    q = [Fraction(w, sum(others[: len(p)])) for w in others[: len(p)]]
    assert float(entropy(p)) == pytest.approx(oracle.entropy([float(x) for x in p]), abs=1e-12)
    assert float(kl(p, q)) == pytest.approx(oracle.kl([float(x) for x in p], [float(x) for x in q]), abs=1e-12)
    assert (kl(p, q).parts == {}) == (p == q)
    # log of the product is the sum of the logs
    assert log(math.prod(p)) == sum((log(x) for x in p), start=Logs())


def test_log_of_nothing_is_refused():
    for number in (0, -1, Fraction(-1, 2)):
        with pytest.raises(ValueError, match=f"log of {number}"):
            log(number)


def test_the_literal_recursion_is_the_librarys_where_both_apply():
    for case in reward_grid("r").cases:
        if case.prompts > 1:
            continue
        tree, (x,) = case.data.tree, case.data.tree.starts
        space = SequenceSpace(range(1, case.vocab + 1), max_length=case.steps)
        levels = [np.zeros_like(level) for level in StateActionTable.zeros(space).levels]
        for state, action in case.data.ones:
            depth, index = space.prefix_index(state[1:])
            levels[depth][space.action_index(depth, action), index] = 1.0
        _, values = library_soft_bellman(StateActionTable.from_levels(space, levels))
        _, mine = soft_bellman(tree, case.data.weights)
        assert math.log(float(mine[x])) == pytest.approx(values.levels[0][0])
        total, p = energy_based(case.data.weights, x, case.data.responses)
        assert total == mine[x]
        assert sum(p.values()) == 1


def test_descent_needs_one_free_logit_and_a_slope_of_one_sign():
    tree, x = Tree((("x",),), 1, 2), ("x",)
    falling = descent(tree, x, {(EOS,): Fraction(0), (1, EOS): Fraction(1)})
    assert (falling.difference, falling.limit) == ("d = q(x, 1) - q(x, EOS)", "0")
    with pytest.raises(TabularBellmanError, match="the sign of"):
        descent(tree, x, {(EOS,): Fraction(1, 2), (1, EOS): Fraction(1, 2)})
    with pytest.raises(TabularBellmanError, match="2 free"):
        descent(Tree((("x",),), 2, 2), x, {(EOS,): Fraction(1)})


@pytest.mark.parametrize("name", ["E4", "E19", "E22"])
def test_floats_are_the_same_every_time(findings, name):
    assert BY_ID[name].find().numbers == findings[name].numbers


# -- what is printed -----------------------------------------------------------------------------------------------


def test_the_text_is_80_columns_wide_and_quick():
    start = time.process_time()
    lines = [*preface(), *(line for erratum in ERRATA for line in ("", *render(erratum, found(erratum))))]
    assert time.process_time() - start < 15
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)
    text = "\n".join(lines)
    for erratum in ERRATA:
        assert f"\n{erratum.id}  {erratum.title}" in text
    assert "not computed it compares vector paths" in text
    assert "thanks to its authors" in text


def test_how_many_cases_come_before_is_said_in_words(findings):
    shown = {name: " ".join(" ".join(render(BY_ID[name], findings[name])).split()) for name in ("E2", "E3")}
    assert "fails here; holds on all 3 cases before it; as repaired it holds on all" in shown["E2"]
    assert "fails here; holds on the 1 case before it; as repaired" in shown["E2"]
    assert "fails here; no case comes before it; as repaired" in shown["E3"]


def test_numbers_that_are_read_off_say_so(findings):
    for name, finding in findings.items():
        labels = {line[:13].strip() for line in render(BY_ID[name], finding)}
        assert ("read off" in labels, "numbers" in labels) == (
            finding.read_off,
            bool(finding.numbers) and not finding.read_off,
        ), name
