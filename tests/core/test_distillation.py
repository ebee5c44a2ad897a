"""The distillation report: its numbers against oracles, its text, its dicts and its rows."""

import json
import math
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import kl as kl_of
from strategies import spaces, tables

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    kl_by_depth,
    kl_divergence,
    token_kl_divergence,
)
from tabular_bellman.bounds import kappa
from tabular_bellman.distillation import distillation_report
from tabular_bellman.pair_bounds import kl_lower_bound, max_span_bound, residual_bound, span_bound

UPPER = ["paper", "free_steps", "kappa", "ball", "max_span", "ball_best_gauge", "span"]


def each(value, n_prompts):
    return np.broadcast_to(np.atleast_1d(value), (n_prompts,)).tolist()


@st.composite
def pairs(draw):
    space = draw(spaces())
    scales = st.sampled_from([0.0, 0.01, 1.0, 5.0])
    first, second = (draw(tables(space, scales=scales)) for _ in range(2))
    models = []
    for table in (first, second):
        model = EnergyBasedModel(table, draw(st.sampled_from([1.0, 0.5])))
        models.append(model.to_autoregressive() if draw(st.booleans()) else model)
    return tuple(models)


@given(pairs())
def test_divergences_and_their_splits(pair):
    teacher, student = pair
    report, P = distillation_report(teacher, student), teacher.space.n_prompts
    assert (report.forward.name, report.reverse.name) == ("teacher‖student", "student‖teacher")
    for found, p, q in ((report.forward, teacher, student), (report.reverse, student, teacher)):
        assert np.array_equal(found.kl, kl_divergence(p, q))
        assert np.array_equal(found.by_depth, kl_by_depth(p, q))
        assert np.array_equal(found.token_kl, token_kl_divergence(p, q))
        assert np.array_equal(found.token_kl_by_response, token_kl_divergence(p, q, average="responses"))
        for i, prompt in enumerate(p.space.prompts):
            laws = [model.probabilities()[i] for model in (p, q)]
            lengths = [len(y) for y in p.space.responses()]
            assert each(found.mean_length, P)[i] == pytest.approx(float(laws[0] @ lengths))
            assert each(found.kl, P)[i] == pytest.approx(kl_of(*laws), rel=1e-8, abs=1e-8) or math.inf in found.kl
            added = [value for (key, value) in found.by_prefix.items() if key[0] == prompt]
            assert sum(added) == pytest.approx(each(found.kl, P)[i], rel=1e-8, abs=1e-8)
            distance = 0.5 * math.fsum(abs(a - b) for a, b in zip(*laws, strict=True))
            assert each(report.total_variation, P)[i] == pytest.approx(distance, rel=1e-9, abs=1e-12)
            assert distance <= each(found.total_variation_bound, P)[i] + 1e-9


@given(pairs())
def test_every_bound_holds(pair):
    teacher, student = pair
    report, P = distillation_report(teacher, student), teacher.space.n_prompts
    for found in report.directions:
        for i, kl in enumerate(each(found.kl, P)):
            for bound in found.bounds:
                value, ratio = each(bound.value, P)[i], each(bound.ratio, P)[i]
                slack = 1e-9 * max(1.0, kl if kl < math.inf else 1.0)
                assert value >= kl - slack if bound.kind == "upper" else value <= kl + slack, bound.name
                if 1e-20 < kl < math.inf:
                    assert ratio == pytest.approx(value / kl)
                else:  # rounding alone, or nothing to compare with
                    assert math.isnan(ratio) or (kl, ratio) == (math.inf, 0.0) or ratio == pytest.approx(value / kl)
    assert [bound.kind for bound in report.forward.bounds] == ["upper"] * 8 + ["lower"]
    names = [bound.name for bound in report.forward.bounds]
    assert [name for name in names if name in UPPER] == UPPER
    mixed = isinstance(teacher, EnergyBasedModel) != isinstance(student, EnergyBasedModel)
    assert ("residual" if mixed else "perturbation") in names


def test_bounds_of_each_direction_are_its_own():
    space = SequenceSpace("ab", max_length=3)
    reward, logits = (StateActionTable.random(space, seed) for seed in (0, 1))
    teacher, student = EnergyBasedModel(reward), AutoregressiveModel(logits)
    report = distillation_report(teacher, student)
    for found, p, q in ((report.forward, teacher, student), (report.reverse, student, teacher)):
        values = {bound.name: bound.value for bound in found.bounds}
        assert values["span"] == span_bound(p, q)
        assert values["max_span"] == max_span_bound(p, q)
        assert values["lower"] == kl_lower_bound(p, q)
        assert values["residual"] == residual_bound(logits, reward)
    assert span_bound(teacher, student) != span_bound(student, teacher)


def one_step(teacher, student):
    """A teacher and a student over two tokens, one step, by their logits."""
    space = SequenceSpace.fixed_length("ab", 1)
    return [AutoregressiveModel(StateActionTable.from_responses(space, row)) for row in (teacher, student)]


def test_by_hand():
    report = distillation_report(*one_step([0.0, 0.0], [math.log(3.0), 0.0]))
    kl, back = math.log(2.0) - 0.5 * math.log(3.0), 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert (report.forward.kl, report.reverse.kl) == (pytest.approx(kl), pytest.approx(back))
    assert report.total_variation == pytest.approx(0.25)
    assert report.epsilon == pytest.approx(math.log(3.0))
    assert report.epsilon_best_gauge == pytest.approx(math.log(3.0) / 2)
    found = {bound.name: bound for bound in report.forward.bounds}
    assert found["paper"].value == found["free_steps"].value == pytest.approx(2.0 * math.log(3.0))
    assert found["kappa"].value == found["ball"].value == pytest.approx(float(kappa(math.log(3.0))))
    for name in ("max_span", "ball_best_gauge", "span", "perturbation"):
        assert found[name].value == pytest.approx(float(kappa(math.log(3.0) / 2))), name
    assert found["lower"].value == pytest.approx(kl)  # two actions: nothing is lost
    assert found["lower"].ratio == pytest.approx(1.0)
    assert report.forward.total_variation_bound == pytest.approx(math.sqrt(kl / 2.0))
    assert report.forward.token_kl == pytest.approx(kl)


def test_token_level_and_sequence_level():
    space = SequenceSpace.fixed_length(2, 3)
    p = AutoregressiveModel(StateActionTable.from_function(space, lambda x, s, a: float(a)))
    q = AutoregressiveModel(StateActionTable.zeros(space))
    found = distillation_report(p, q).forward
    assert found.kl == pytest.approx(3 * found.token_kl) == pytest.approx(3 * found.token_kl_by_response)
    assert found.by_depth.tolist() == pytest.approx([found.kl / 3] * 3)


def test_the_gauge_moves_epsilon_and_nothing_else():
    space = SequenceSpace(2, max_length=3)
    teacher = EnergyBasedModel(StateActionTable.random(space, 0))
    logits = teacher.to_autoregressive().logits
    moved = StateActionTable.from_function(space, lambda x, s, a: logits[x, s, a] + 5.0 * (len(s) + 1))
    report = distillation_report(teacher, AutoregressiveModel(moved))
    assert report.epsilon == pytest.approx(15.0)
    assert report.epsilon_best_gauge == pytest.approx(0.0, abs=1e-13)
    assert report.forward.kl == pytest.approx(0.0, abs=1e-13)
    values = {bound.name: bound.value for bound in report.forward.bounds}
    assert values["paper"] == pytest.approx(90.0)
    assert values["free_steps"] == pytest.approx(60.0)
    for name in ("max_span", "ball_best_gauge", "span", "residual"):
        assert values[name] == pytest.approx(0.0, abs=1e-12), name


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("referred", [False, True])
def test_temperature_and_reference_belong_to_the_teacher(temperature, referred):
    """The logits of an energy-based model are M(r)/τ + log π_ref: a student that has them is no distance away."""
    space = SequenceSpace("ab", max_length=3)
    reference = AutoregressiveModel(StateActionTable.random(space, 1)) if referred else None
    teacher = EnergyBasedModel(StateActionTable.random(space, 0), temperature, reference=reference)
    report = distillation_report(teacher, teacher.to_autoregressive())
    assert (report.epsilon, report.epsilon_best_gauge) == (0.0, 0.0)
    for bound in report.forward.bounds:
        assert bound.value == pytest.approx(0.0, abs=1e-12), bound.name
    words = f"energy-based model, temperature {temperature:g}" + ", with a reference measure" * referred
    assert (report.teacher, report.student) == (words, "autoregressive model")


def test_unreachable_prefixes_do_not_count():
    space = SequenceSpace(2, max_length=3)
    forbidden = {(None, (), 1): -math.inf}
    teacher = AutoregressiveModel(StateActionTable.from_dict(space, forbidden, default=0.0))
    student = AutoregressiveModel(
        StateActionTable.from_dict(space, forbidden | {(None, (1,), 0): 7.0, (None, (1,), EOS): -math.inf}, default=0.0)
    )
    report = distillation_report(teacher, student)
    assert (report.forward.kl, report.epsilon, report.epsilon_best_gauge) == (0.0, 0.0, 0.0)
    assert report.forward.uncovered == (None,)


def two_prompts():
    space = SequenceSpace("ab", max_length=3, prompts=["x", "y"])
    teacher = EnergyBasedModel(StateActionTable.from_dict(space, {("x", ("a",), "b"): -math.inf}, default=0.0))
    student = AutoregressiveModel(StateActionTable.from_dict(space, {("y", (), EOS): -math.inf}, default=0.0))
    return teacher, student


def test_what_makes_a_divergence_infinite():
    report = distillation_report(*two_prompts())
    assert report.forward.kl.tolist() == [pytest.approx(11 / 6 * math.log(3.0) - math.log(6.0)), math.inf]
    nothing, found = report.forward.uncovered
    assert nothing is None
    assert (found.response, found.count) == ((EOS,), 1)
    assert (found.chance, math.exp(found.log_probability)) == (pytest.approx(1 / 7), pytest.approx(1 / 7))
    found, nothing = report.reverse.uncovered
    assert nothing is None
    assert (found.response, found.count, found.chance) == (("a", "b", EOS), 1, pytest.approx(1 / 9))
    text = str(report)
    for line in (
        "KL(teacher‖student) is infinite: the student forbids (EOS,), which the teacher\n"
        "writes with probability 0.1429.\n",
        "KL(student‖teacher) is infinite: the teacher forbids ('a', 'b', EOS), which the\n"
        "student writes with probability 0.1111.\n",
        "  ε = inf: one of the two forbids an action that the other allows\n",
    ):
        assert line in text
    assert "nan" not in text.lower()


def test_several_uncovered_responses_are_counted():
    space = SequenceSpace("ab", max_length=3)
    teacher = AutoregressiveModel(StateActionTable.zeros(space))
    student = AutoregressiveModel(StateActionTable.from_dict(space, {(None, (), "b"): -math.inf}, default=0.0))
    report = distillation_report(teacher, student)
    (found,) = report.forward.uncovered
    assert (found.response, found.count, found.chance) == (("b", EOS), 3, pytest.approx(1 / 3))
    assert "and 2 responses more (0.3333 in all)" in str(report)


def test_a_forbidden_response_that_is_hardly_ever_written():
    space = SequenceSpace.fixed_length("ab", 1)
    teacher = AutoregressiveModel(StateActionTable.from_responses(space, [0.0, -2000.0]))
    student = AutoregressiveModel(StateActionTable.from_responses(space, [0.0, -math.inf]))
    report = distillation_report(teacher, student)
    assert report.forward.kl == math.inf
    assert "forbids ('b',), which the teacher writes with probability exp(-2000)." in " ".join(str(report).split())


# -- text --------------------------------------------------------------------------------------------------------------


@given(pairs())
def test_the_text_fits_and_has_no_nan(pair):
    text = str(distillation_report(*pair))
    assert max(map(len, text.splitlines())) <= 80
    assert "nan" not in text.lower()
    assert all(line == line.rstrip() for line in text.splitlines())


def test_equal_models_have_no_ratio():
    model = AutoregressiveModel(StateActionTable.zeros(SequenceSpace("ab", max_length=3)))
    report = distillation_report(model, model)
    assert all(math.isnan(bound.ratio) for bound in report.forward.bounds)
    lines = str(report).splitlines()
    (row,) = (line for line in lines if line.startswith("  2Tε  ") and "paper" not in line)
    assert row.split() == ["2Tε", "0", "–", "0", "–"]
    (row,) = (line for line in lines if line.startswith("  depth 1"))
    assert row.split() == ["depth", "1", "0", "–", "0", "–"]
    assert "most of it at" not in str(report)


def test_the_text_tells_the_two_kls_apart():
    text = str(distillation_report(*two_prompts()))
    assert "KL of whole responses and token-level KL are different things" in text
    assert text.count("What the rows mean") == 1
    assert text.count("-- prompt 'x' ") == text.count("-- prompt 'y' ") == 1


def test_the_text_has_the_largest_prefixes_first():
    space = SequenceSpace("ab", max_length=3, prompts=["x", "y"])
    teacher, student = (AutoregressiveModel(StateActionTable.random(space, seed)) for seed in (0, 1))
    report = distillation_report(teacher, student)
    tables = str(report).split(": most of it at")[1:]
    assert len(tables) == 4
    for number, table in enumerate(tables):
        prompt, found = space.prompts[number // 2], report.directions[number % 2]
        lines = table.splitlines()[1:4]
        added = {key[1]: value for key, value in found.by_prefix.items() if key[0] == prompt}
        largest = sorted(added, key=added.get, reverse=True)[
            :3
        ]  # with the choice of the first step, and of the second after each token
        for prefix, line in zip(largest, lines, strict=False):
            assert line.startswith(f"  {prefix!r} ")
            chance, step, value, share = line.removeprefix(f"  {prefix!r}").split()
            assert float(chance) == pytest.approx(found.passing[prompt, prefix], rel=1e-3)
            assert float(value) == pytest.approx(added[prefix], rel=1e-2)
            assert float(chance) * float(step) == pytest.approx(float(value), rel=1e-2)
            assert float(share.rstrip("%")) == pytest.approx(100.0 * added[prefix] / sum(added.values()), abs=0.5)


@pytest.mark.parametrize(
    ("space", "shown", "left"),
    [
        (SequenceSpace.fixed_length("ab", 3), 5, "  … of 7 prefixes"),
        (SequenceSpace.fixed_length("abcde", 2), 5, "  … of 6 prefixes"),
        (SequenceSpace.fixed_length("abcd", 2), 5, ""),  # that is all of them
        (SequenceSpace("ab", max_length=3), 3, ""),  # at the other four there is only EOS
        (SequenceSpace.fixed_length("ab", 2), 3, ""),
        (SequenceSpace.fixed_length("ab", 1), 1, ""),
    ],
)
def test_the_text_says_how_many_prefixes_there_are_where_it_leaves_some_out(space, shown, left):
    teacher, student = (AutoregressiveModel(StateActionTable.random(space, seed)) for seed in (0, 1))
    lines = str(distillation_report(teacher, student)).splitlines()
    assert [line for line in lines if line.startswith("  … of")] == [left] * 2 * bool(left)
    heads = [i for i, line in enumerate(lines) if "of it at" in line]
    assert len(heads) == 2
    for head in heads:
        rows = lines[head + 1 : head + 1 + shown]
        assert all(line.startswith("  (") for line in rows)
        assert lines[head + 1 + shown] == left


def test_long_tokens_do_not_widen_the_text():
    space = SequenceSpace(["a" * 50, "b" * 50], max_length=3)
    teacher, student = (AutoregressiveModel(StateActionTable.random(space, seed)) for seed in (0, 1))
    text = str(distillation_report(teacher, student))
    assert "('aaaaaaaaaaaaaaaaaaaaaaa…" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 100.0, 1e4])
def test_numbers_of_any_size_stay_in_their_columns(scale):
    space = SequenceSpace("ab", max_length=3)
    teacher, student = (AutoregressiveModel(StateActionTable.random(space, seed, scale)) for seed in (0, 1))
    for line in str(distillation_report(teacher, student)).splitlines():
        assert len(line) <= 80


# -- dicts and rows ----------------------------------------------------------------------------------------------------


@given(pairs())
def test_to_dict_survives_json(pair):
    document = distillation_report(*pair).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_to_dict_has_what_the_report_has():
    report = distillation_report(*two_prompts())
    document = report.to_dict()
    assert (document["format"], document["schema_version"]) == ("tabular_bellman.distillation", 1)
    assert document["space"]["tokens"] == ["a", "b"]
    x, y = document["prompts"]
    assert (x["prompt"], y["prompt"]) == ("x", "y")
    assert x["epsilon"] == "inf"
    there, back = (y["directions"][name] for name in ("forward", "reverse"))
    assert (there["kl"], back["kl"]) == ("inf", pytest.approx(report.reverse.kl[1]))
    assert there["uncovered"]["response"] == ["EOS"]
    assert back["uncovered"] is None
    assert there["bounds"][0] == {
        "name": "paper",
        "formula": "2Tε",
        "meaning": "the paper's, Proposition 3",
        "kind": "upper",
        "value": "inf",
        "over_kl": None,
    }
    assert back["by_depth"] == report.reverse.by_depth[1].tolist()
    assert len(back["by_prefix"]) == 7
    found = {tuple(row["prefix"]): row["kl"] for row in back["by_prefix"]}
    assert found["a",] == report.reverse.by_prefix["y", ("a",)]
    assert [row["name"] for row in back["estimators"]] == [e.name for e in report.reverse.estimators]


def test_tokens_without_a_form_in_json_are_written_as_repr():
    space = SequenceSpace([("a", 1), frozenset([2]), 2.5, None], max_length=2, prompts=[frozenset("p"), "q"])
    model = AutoregressiveModel(StateActionTable.zeros(space))
    document = distillation_report(model, model).to_dict()
    assert document["space"]["tokens"] == [["a", 1], "frozenset({2})", 2.5, None]
    assert document["prompts"][0]["prompt"] == "frozenset({'p'})"


def test_rows_are_the_numbers_of_the_dict():
    report = distillation_report(*two_prompts())
    rows = list(report.rows())
    assert {tuple(row) for row in rows} == {("prompt", "direction", "quantity", "name", "depth", "prefix", "value")}

    def value(**wanted):
        (found,) = (row["value"] for row in rows if all(row[key] == x for key, x in wanted.items()))
        return found

    assert value(prompt="x", quantity="epsilon", direction="both") == math.inf
    there = {"prompt": "x", "direction": "forward"}
    assert value(**there, quantity="kl") == report.forward.kl[0]
    assert value(**there, quantity="kl_at_depth", depth=1) == report.forward.by_depth[0, 1]
    assert value(**there, quantity="kl_at_prefix", prefix=("a",)) == report.forward.by_prefix["x", ("a",)]
    assert value(**there, quantity="chance_of_prefix", prefix=("a",)) == pytest.approx(1 / 3)
    assert value(**there, quantity="estimator_bias", name="k3") == pytest.approx(-1 / 9)
    assert value(**there, quantity="bound", name="lower") == report.forward.bounds[-1].value[0]
    keys = [tuple(row[key] for key in row if key != "value") for row in rows]
    assert len(set(keys)) == len(keys)


def test_to_dataframe_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    report = distillation_report(*two_prompts())
    with pytest.raises(TabularBellmanError, match=r"pip install 'tabular_bellman\[dataframe\]'"):
        report.to_dataframe()


def test_to_dataframe():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed (pip install pandas)")
    report = distillation_report(*two_prompts())
    frame = report.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["prompt", "direction", "quantity", "name", "depth", "prefix", "value"]
    assert len(frame) == len(list(report.rows()))
    assert (str(frame["depth"].dtype), str(frame["value"].dtype)) == ("Int64", "float64")
    kl = frame.query("quantity == 'kl'").pivot(index="prompt", columns="direction", values="value")
    assert kl.loc["x", "forward"] == report.forward.kl[0]
    assert kl.loc["y", "reverse"] == report.reverse.kl[1]
    whole = frame.query("quantity == 'kl_at_depth'").groupby(["prompt", "direction"])["value"].sum()
    assert whole["x", "forward"] == pytest.approx(report.forward.kl[0])
    ratios = frame.query("quantity == 'bound_over_kl'").pivot_table("value", "name", "direction")
    assert ratios.shape[1] <= 2


# -- bad input, and speed ----------------------------------------------------------------------------------------------


def models(*spaces):
    return [AutoregressiveModel(StateActionTable.zeros(space)) for space in spaces]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (SequenceSpace("ab", max_length=4), "different spaces: max_length 3 and 4. Build"),
        (SequenceSpace("ab", max_length=3, min_length=2), "different spaces: min_length 1 and 2. Build"),
        (SequenceSpace("ba", max_length=3), "tokens 'a', 'b' and 'b', 'a' (another order). Build"),
        (SequenceSpace("abc", max_length=3), "tokens 'a', 'b' and 'a', 'b', 'c'. Build"),
        (SequenceSpace("ab", max_length=3, prompts=["x"]), "prompts None and 'x'. Build"),
        (
            SequenceSpace.fixed_length("ab", 2),
            "the teacher's responses are up to EOS, the student's of exactly 2 tokens. Build",
        ),
    ],
)
def test_it_says_in_what_spaces_differ(other, message):
    with pytest.raises(TabularBellmanError) as caught:
        distillation_report(*models(SequenceSpace("ab", max_length=3), other))
    assert message in str(caught.value)


def test_only_models_are_compared():
    (model,) = models(SequenceSpace("ab", max_length=3))
    with pytest.raises(TabularBellmanError, match="the teacher is a StateActionTable; it must be a SequenceModel"):
        distillation_report(model.logits, model)
    with pytest.raises(TabularBellmanError, match="the student is a NoneType"):
        distillation_report(model, None)


@pytest.mark.parametrize("space", [SequenceSpace(8, max_length=4), SequenceSpace.fixed_length(8, 4)])
def test_it_takes_less_than_a_second(space):
    teacher = EnergyBasedModel(StateActionTable.random(space, 0))
    student = AutoregressiveModel(StateActionTable.random(space, 1))
    start = time.perf_counter()
    report = distillation_report(teacher, student)
    str(report)
    report.to_dict()
    assert time.perf_counter() - start < 1.0


def test_one_model_in_two_forms_is_equal_up_to_rounding_and_has_no_ratios():
    for seed in range(6):
        reward = StateActionTable.random(SequenceSpace.fixed_length("xyz", 3), seed)
        teacher = EnergyBasedModel(reward)
        report = distillation_report(teacher, AutoregressiveModel(teacher.to_autoregressive().logits))
        assert 0.0 <= report.forward.kl < 1e-26
        assert "The two are one model: what is left of the KL is rounding.\n" in str(report)
        for found in report.directions:
            assert all(math.isnan(bound.ratio) for bound in found.bounds)
        assert math.copysign(1.0, report.epsilon) == 1.0


def test_numbers_at_the_end_of_the_range_make_no_noise():
    """Warnings are errors here."""
    reward = StateActionTable.random(SequenceSpace(2, max_length=3), 0)
    student = AutoregressiveModel(StateActionTable.random(reward.space, 1))
    for scale in (1e100, 1e200, 1e307):
        report = distillation_report(EnergyBasedModel(reward * scale), student)
        assert not any(math.isnan(each.bias) for each in report.forward.estimators)
        assert "inf%" not in str(report)
