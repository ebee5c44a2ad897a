"""What a check takes, refuses and passes on, and on what it calls the function."""

import functools
import inspect
import math
import operator
import sys
from math import inf, nan

import numpy as np
import pytest
import users_code as u

from proofs_check import testing
from proofs_check.session import SESSION
from proofs_check.testing import check
from proofs_check.testing.kinds import KINDS
from tabular_bellman import TabularBellmanError


def nothing(*arguments):
    raise AssertionError("it is refused before it is called")


# -- what is refused --------------------------------------------------------------------------------------------------

ADAPTERS = "'dict', 'batch', 'next-token', 'mdp', 'table'"


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("kld", {}, ["kind is 'kld'", "'soft-bellman'", "'entropy'"]),
        (None, {}, ["kind is None"]),
        ("kl", {"adapter": "tables"}, ["adapter is 'tables'", ADAPTERS]),
        ("kl", {"adapter": None}, ["adapter is None", ADAPTERS]),
        ("kl", {"array": "tensorflow"}, ["array is 'tensorflow'", "'numpy', 'torch', 'jax'"]),
        ("kl", {"dtype": "double"}, ["dtype is 'double'", "'float64', 'float32', 'bfloat16', 'float16'"]),
        ("kl", {"dtype": np.float32}, ["dtype is", "'float64', 'float32'"]),
        ("kl", {"dtype": "bfloat16"}, ["NumPy has no bfloat16", "array='torch' or array='jax'"]),
        ("kl", {"lengths": "any"}, ["lengths is 'any'", "'eos', 'fixed', 'both'"]),
        ("kl", {"numbers": "huge"}, ["numbers is 'huge'", "'any', 'plain'"]),
        ("kl", {"view": "rewards"}, ["view is 'rewards'", "'logits'"]),
        ("entropy", {"view": "table"}, ["view is 'table'", "'logits', 'rewards'"]),
        ("gradient", {"view": "logits"}, ["view is 'logits'", "'rewards'"]),
        ("soft-bellman", {"returns": "q"}, ["returns is 'q'", "'both', 'logits', 'values'"]),
        ("policy", {"returns": "logits"}, ["returns is 'logits'", "'probabilities', 'log-probabilities'"]),
        ("gradient", {"of": "loss"}, ["of is 'loss'", "'log-partition', 'nll'"]),
        ("kl", {"of": "nll"}, ["of is 'nll'; it does not go with functions of this kind"]),
        ("entropy", {"returns": "values"}, ["returns is 'values'; it does not go with functions of this kind"]),
        ("gradient", {"of": "nll", "prompts": True}, ["of='nll'", "without prompts"]),
        ("soft-bellman", {"temperature": 0}, ["temperature", "0"]),
        ("soft-bellman", {"temperature": -1.0}, ["temperature", "-1"]),
        ("soft-bellman", {"temperature": nan}, ["temperature"]),
        ("soft-bellman", {"temperature": inf}, ["temperature"]),
        ("soft-bellman", {"temperature": "hot"}, ["temperature"]),
        ("kl", {"temperature": 2.0}, ["temperature does not go with a function like this"]),
        ("kl-estimator", {"temperature": 2.0}, ["temperature does not go with a function like this"]),
        ("entropy", {"discount": 0.5}, ["discount does not go with a function like this"]),
        ("gradient", {"temperature": 2.0, "of": "nll"}, ["temperature does not go with a function like this"]),
        ("soft-bellman", {"discount": 0.0}, ["discount is 0.0", "(0, 1]"]),
        ("soft-bellman", {"discount": 1.5}, ["discount is 1.5", "(0, 1]"]),
        ("soft-bellman", {"discount": nan}, ["discount"]),
        ("soft-bellman", {"discount": "half"}, ["discount"]),
        ("log-partition", {"discount": 0.5}, ["discount does not go with a function like this"]),
        ("soft-bellman", {"reference": "normal"}, ["reference is 'normal'", "'uniform'", "None"]),
        ("soft-bellman", {"reference": {}}, ["reference is {}", "'uniform'", "None"]),
        ("log-partition", {"reference": "uniform"}, ["reference is 'uniform'", "soft-bellman and inverse"]),
        ("kl", {"tolerance": -1e-9}, ["tolerance is -1e-09", "0 or more"]),
        ("kl", {"tolerance": inf}, ["tolerance is inf", "finite"]),
        ("kl", {"tolerance": nan}, ["tolerance is nan", "0 or more", "finite"]),
        ("kl", {"tolerance": "tight"}, ["tolerance"]),
        ("kl", {"examples": 0}, ["examples", "0", "positive"]),
        ("kl", {"examples": -3}, ["examples", "-3", "positive"]),
        ("kl", {"examples": 1.5}, ["examples"]),
        ("kl", {"examples": True}, ["examples"]),
        ("kl", {"examples": 10**9}, ["examples", "1,000,000"]),
        ("kl", {"seed": -1}, ["seed is -1", "0 or more"]),
        ("kl", {"seed": 1.0}, ["seed is 1.0", "an integer"]),
        ("kl", {"seed": True}, ["seed is True", "an integer"]),
        ("kl", {"seed": "x"}, ["seed is 'x'", "an integer"]),
        ("kl", {"max_responses": 0}, ["max_responses", "positive"]),
        ("kl", {"max_responses": 10**6}, ["max_responses", "10,000"]),
        ("kl", {"max_responses": "few"}, ["max_responses"]),
        ("sampler", {"false_alarm": 0.0}, ["false_alarm is 0.0", "between 0 and 1"]),
        ("sampler", {"false_alarm": 1.0}, ["false_alarm is 1.0", "between 0 and 1"]),
        ("sampler", {"false_alarm": nan}, ["false_alarm is nan", "between 0 and 1"]),
        ("sampler", {"draws": 0}, ["draws", "positive"]),
        ("sampler", {"draws": 2.5}, ["draws"]),
        ("policy", {"prompts": True, "adapter": "batch"}, ["adapter 'batch' has no prompts", "'dict', 'mdp', 'table'"]),
        ("policy", {"prompts": True, "adapter": "next-token"}, ["adapter 'next-token' has no prompts"]),
        ("log-prob", {"adapter": "mdp"}, ["adapter 'mdp' has no responses", "log-prob"]),
        ("sampler", {"adapter": "mdp"}, ["adapter 'mdp' has no responses", "sampler"]),
        ("kl-estimator", {"adapter": "mdp"}, ["adapter 'mdp' has no responses", "kl-estimator"]),
        ("gradient", {"adapter": "mdp", "of": "nll"}, ["adapter 'mdp' has no responses"]),
        ("kl", {"example": 5}, ["unknown setting 'example'", "examples"]),
        ("kl", {"rtol": 5, "atol": 1}, ["unknown setting", "'rtol'", "'atol'", "tolerance"]),
    ],
)
def test_bad_settings_are_refused_in_a_line(kind, given, words):
    with pytest.raises(TabularBellmanError) as caught:
        check(kind, nothing, **given)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    for word in words:
        assert word in text


@pytest.mark.parametrize("kind", ["kl", "policy", "entropy"])
def test_what_plays_no_part_is_refused(kind):
    for given in ({"draws": 5}, {"false_alarm": 0.5}):
        with pytest.raises(TabularBellmanError, match=next(iter(given))):
            check(kind, u.RIGHT[kind], **given)


def test_a_kind_may_be_written_as_python_has_it():
    report = check("log_prob", u.log_prob, examples=3)
    assert (report.kind, report.agrees) == ("log-prob", True)
    with pytest.raises(TabularBellmanError, match="kind is 'log-probs'"):
        check("log_probs", nothing)


def test_a_coroutine_function_is_refused():
    async def later(logits):
        return 0.0

    for function in (later, functools.partial(later)):
        with pytest.raises(TabularBellmanError, match="later is a coroutine function; give one that returns numbers"):
            check("entropy", function)


@pytest.mark.parametrize("function", [None, 3, "policy", {}])
def test_what_is_no_function_is_refused(function):
    with pytest.raises(TabularBellmanError, match=f"the function is a {type(function).__name__}; it must be callable"):
        check("kl", function)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_library_that_is_not_there_is_named(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(TabularBellmanError, match=rf"array='{library}' needs {library}.*pip install {library}"):
        check("policy", nothing, adapter="batch", array=library, dtype="float32")


def test_each_check_passes_its_settings_on():
    checks = {
        name.removeprefix("check_").replace("_", "-"): getattr(testing, name)
        for name in testing.__all__
        if name[:6] == "check_"
    }
    assert set(checks) == set(KINDS)
    for kind, by_name in checks.items():
        with pytest.raises(TabularBellmanError, match="dtype is 'x'"):
            by_name(nothing, dtype="x")
        named = u.sampler if kind == "sampler" else u.RIGHT[kind]
        report = by_name(named, examples=3, throw=False)
        assert (report.kind, report.agrees) == (kind, True)
    for kind, given in [
        ("soft-bellman", {"returns": "x"}),
        ("soft-bellman", {"discount": 7}),
        ("soft-bellman", {"reference": "x"}),
        ("inverse", {"discount": 7}),
        ("inverse", {"reference": "x"}),
        ("log-prob", {"view": "x"}),
        ("policy", {"view": "x"}),
        ("policy", {"returns": "x"}),
        ("sampler", {"view": "x"}),
        ("sampler", {"draws": -7}),
        ("sampler", {"false_alarm": 7}),
        ("gradient", {"of": "x"}),
        ("marginals", {"view": "x"}),
        ("entropy", {"view": "x"}),
    ]:
        ((name, value),) = given.items()
        with pytest.raises(TabularBellmanError, match=f"{name}.*{value}"):
            checks[kind](nothing, **given)


# -- parameters by name -----------------------------------------------------------------------------------------------


class Recorder:
    """A right backup that keeps the keywords it was called with, and the tables."""

    def __init__(self):
        self.named, self.tables = [], []

    def keep(self, rewards, named):
        self.tables.append(dict(rewards))
        self.named.append(named)
        return u.soft_bellman(rewards, **named)

    def values(self, name):
        return {named.get(name) for named in self.named}


@pytest.fixture
def recorder():
    return Recorder()


def test_what_is_not_asked_for_is_not_passed(recorder):
    check("soft-bellman", lambda rewards, **named: recorder.keep(rewards, named), examples=20)
    assert recorder.named
    assert not any(recorder.named)
    check("soft-bellman", lambda *tables: recorder.keep(tables[0], {}), examples=20)
    check("soft-bellman", lambda rewards, heat=3.0: recorder.keep(rewards, {"temperature": 1.0}), examples=20)


def test_a_parameter_is_varied(recorder):
    def function(rewards, temperature, *, discount=None, reference=None):
        return recorder.keep(rewards, {"temperature": temperature, "discount": discount, "reference": reference})

    check("soft-bellman", function, examples=60)
    assert recorder.values("temperature") > {1.0, 2.0, 0.5}
    assert recorder.values("discount") > {1.0, 0.5}
    weights = [named["reference"] for named in recorder.named]
    for table, reference in zip(recorder.tables, weights, strict=True):
        assert table.keys() == reference.keys()
        for row in u.rows(reference).values():
            assert math.fsum(row.values()) == pytest.approx(1.0, abs=1e-15)
            assert min(row.values()) >= 0
    rows = [row for reference in weights for row in u.rows(reference).values()]
    assert any(len(set(row.values())) > 1 for row in rows)
    assert any(min(row.values()) == 0 for row in rows)  # which forbids


def test_the_weights_of_an_inverse_are_positive():
    lowest = []

    def function(logits, reference):
        lowest.append(min(reference.values()))
        return u.inverse(logits, reference=reference)

    check("inverse", function, examples=40)
    assert min(lowest) > 0


def test_a_parameter_is_fixed(recorder):
    def function(rewards, temperature, discount):
        return recorder.keep(rewards, {"temperature": temperature, "discount": discount})

    check("soft-bellman", function, temperature=2.5, discount=0.25, examples=30)
    assert (recorder.values("temperature"), recorder.values("discount")) == ({2.5}, {0.25})


def test_a_reference_that_is_said_to_be_uniform_is(recorder):
    def function(rewards, reference):
        return recorder.keep(rewards, {"reference": reference})

    check("soft-bellman", function, reference="uniform", examples=20)
    for named in recorder.named:
        for row in u.rows(named["reference"]).values():
            assert set(row.values()) == {1 / len(row)}


OF_LOGITS = ["log-prob", "policy", "marginals", "sampler", "entropy"]


def by(operation, kind):
    """A right function of logits, of the logits and a temperature."""

    def function(logits, *more, temperature, rng=None):
        named = {} if rng is None else {"rng": rng}
        tempered = {pair: operation(x, temperature) for pair, x in logits.items()}
        return u.RIGHT[kind](tempered, *more, **named)

    if kind != "sampler":
        return lambda logits, *more, temperature: function(logits, *more, temperature=temperature)
    return function


@pytest.mark.parametrize("kind", OF_LOGITS)
def test_a_temperature_divides_logits(kind):
    # The largest instances have seven responses: it is quicker.
    report = check(kind, by(operator.truediv, kind), examples=10, max_responses=7)
    assert report.agrees
    assert report.ratio <= 0.5
    assert "temperature varied" in report.text()
    for wrong in (operator.mul, lambda x, temperature: x):
        report = check(kind, by(wrong, kind), throw=False, examples=3, max_responses=7)
        assert {"temperature 2", "temperature 1/2"} <= set(report.wrong_on)
        assert {"2 tokens, 3 steps", "forbidden actions"} <= set(report.right_on)
        assert "softmax(q/τ)" in report.text()


@pytest.mark.parametrize("kind", OF_LOGITS)
def test_a_temperature_of_logits_may_be_fixed(kind):
    seen = []

    def noted(x, temperature):
        seen.append(temperature)
        return x / temperature

    def built_in(logits, *more, rng=None):
        named = {} if rng is None else {"rng": rng}
        return u.RIGHT[kind]({pair: x / 2.0 for pair, x in logits.items()}, *more, **named)

    if kind != "sampler":
        built_in = functools.partial(built_in, rng=None)
    assert "temperature 2, seed 0" in check(kind, by(noted, kind), temperature=2.0, examples=5).text()
    assert set(seen) == {2.0}
    assert check(kind, built_in, temperature=2.0, examples=5).agrees
    assert not check(kind, built_in, throw=False, examples=5).agrees


@pytest.mark.parametrize("kind", ["kl", "kl-estimator"])
def test_a_divergence_has_no_temperature(kind):
    calls = set()

    def function(p, q, *more, temperature="mine", discount="mine", reference="mine"):
        calls.add((temperature, discount, reference))
        return u.RIGHT[kind](p, q, *more)

    check(kind, function, examples=5)
    assert calls == {("mine", "mine", "mine")}


def test_logits_have_no_discount_and_no_reference():
    calls = set()

    def function(logits, discount="mine", reference="mine"):
        calls.add((discount, reference))
        return u.policy(logits)

    check("policy", function, examples=5)
    assert calls == {("mine", "mine")}


def test_the_data_have_no_temperature():
    calls = set()

    def function(logits, data, temperature="mine"):
        calls.add(temperature)
        return u.gradient_of_nll(logits, data)

    check("gradient", function, of="nll", examples=5)
    assert calls == {"mine"}


@pytest.mark.parametrize("kind", ["policy", "entropy"])
def test_rewards_have_a_temperature_and_no_discount(kind):
    calls = []

    def function(rewards, temperature, discount="mine"):
        calls.append((temperature, discount))
        return u.of_rewards(u.RIGHT[kind])(rewards, temperature=temperature)

    check(kind, function, view="rewards", examples=30)
    assert {temperature for temperature, _ in calls} > {1.0, 2.0, 0.5}
    assert {discount for _, discount in calls} == {"mine"}


class Backup:
    def __init__(self, recorder):
        self.recorder = recorder

    def __call__(self, rewards, temperature=1.0):
        return self.recorder.keep(rewards, {"temperature": temperature})

    method = __call__


@pytest.mark.parametrize("form", ["object", "method", "lambda", "partial", "wrapped"])
def test_whatever_can_be_called_is_asked_for_its_parameters(form, recorder):
    backup = Backup(recorder)
    functools_wrapped = functools.wraps(backup.method)(lambda *x, **named: backup(*x, **named))
    function = {
        "object": backup,
        "method": backup.method,
        "lambda": lambda rewards, temperature: backup(rewards, temperature),
        "partial": functools.partial(lambda other, rewards, temperature: backup(rewards, temperature), None),
        "wrapped": functools_wrapped,
    }[form]
    report = check("soft-bellman", function, examples=15)
    assert recorder.values("temperature") > {1.0, 2.0, 0.5}
    expected = {"object": "Backup", "method": "Backup.__call__", "wrapped": "Backup.__call__"}
    assert expected.get(form, "<lambda>") in report.function


def test_what_a_partial_has_bound_is_built_in(recorder):
    def function(rewards, temperature):
        return recorder.keep(rewards, {"temperature": temperature})

    hot = functools.partial(function, temperature=2.0)
    check("soft-bellman", hot, temperature=2.0, examples=15)
    assert recorder.values("temperature") == {2.0}
    assert not check("soft-bellman", hot, throw=False, examples=15).agrees


def test_a_parameter_that_only_has_a_place_is_not_passed(recorder):
    def function(rewards, temperature=1.0, /):
        return recorder.keep(rewards, {"temperature": temperature})

    check("soft-bellman", function, examples=15)
    assert recorder.values("temperature") == {1.0}


def test_a_function_without_a_signature_can_be_called():
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(max)
    # The max of a dict is a key, and no number.
    with pytest.raises(TabularBellmanError, match="max: it cannot be called as log-partition"):
        check("log-partition", max)


# -- the instances ----------------------------------------------------------------------------------------------------


def instances(**settings):
    """The rewards that a check calls a right function with."""
    recorder = Recorder()
    report = check("soft-bellman", lambda rewards: recorder.keep(rewards, {}), **{"examples": 25, **settings})
    return recorder.tables, report


def test_the_same_seed_draws_the_same_instances():
    first, report = instances(seed=3)
    again, _ = instances(seed=3)
    other, _ = instances(seed=4)
    assert first == again
    assert first != other
    fixed = [i for i, (x, y) in enumerate(zip(first, other, strict=False)) if x == y]
    assert len(fixed) >= 8  # the fixed instances
    assert report.instances == len(first)


def test_as_many_instances_are_drawn_as_asked_for():
    few, report = instances(examples=5)
    many, _ = instances(examples=45)
    assert len(few) == report.instances
    assert len(many) - len(few) == 40


def test_defaults():
    tables, report = instances(examples=None, seed=None)
    assert instances(examples=100, seed=0)[0] == tables
    assert report.instances == len(tables)


def test_the_session_has_defaults_of_its_own(monkeypatch):
    monkeypatch.setattr(SESSION, "examples", 7)
    monkeypatch.setattr(SESSION, "seed", 5)
    monkeypatch.setattr(SESSION, "heard", [])
    by_session, report = instances(examples=None, seed=None)
    assert SESSION.heard == [report.line()]
    check("entropy", u.entropy, throw=False)  # its caller has the report
    assert SESSION.heard == [report.line()]
    monkeypatch.setattr(SESSION, "examples", None)
    monkeypatch.setattr(SESSION, "seed", None)
    assert instances(examples=7, seed=5)[0] == by_session
    # What a check says itself goes first.
    monkeypatch.setattr(SESSION, "examples", 7)
    monkeypatch.setattr(SESSION, "seed", 5)
    assert instances(examples=9, seed=0)[0] == instances(examples=9, seed=0)[0] != by_session


@pytest.mark.parametrize("bad", [{"examples": 0}, {"examples": -1}, {"seed": -1}])
def test_the_defaults_of_a_session_are_checked_too(monkeypatch, bad):
    ((name, value),) = bad.items()
    monkeypatch.setattr(SESSION, name, value)
    with pytest.raises(TabularBellmanError, match=name):
        check("soft-bellman", nothing)


def shape(table):
    """(number of responses, whether they end in EOS, their lengths)."""
    whole = u.responses(table)
    return len(whole), {y[-1] is None for y in whole}, {len(y) for y in whole}


@pytest.mark.parametrize("most", [1, 4, 15])
def test_max_responses_is_respected(most):
    for settings in ({}, {"lengths": "fixed"}):
        tables, report = instances(max_responses=most, examples=20, **settings)
        assert max(shape(table)[0] for table in tables) <= most
        assert len(report.right_on) >= 1  # of the fixed instances, the plainest at least


@pytest.mark.parametrize("most", [40, 100])
def test_max_responses_is_reached(most):
    tables, _ = instances(max_responses=most, examples=60)
    assert most / 4 <= max(shape(table)[0] for table in tables) <= most


def test_lengths_are_respected():
    for lengths, ends in (("eos", [{True}]), ("fixed", [{False}])):
        tables, _ = instances(lengths=lengths, examples=40)
        assert all(shape(table)[1] in ends for table in tables)
    assert all(len(shape(table)[2]) == 1 for table in tables)
    tables, _ = instances(lengths="both", examples=40)
    assert {frozenset(shape(table)[1]) for table in tables} == {frozenset({True}), frozenset({False})}


def test_nothing_is_forbidden_without_masks():
    tables, _ = instances(masks=False, examples=60)
    assert min(min(table.values()) for table in tables) > -inf
    tables, _ = instances(examples=60)
    forbidding = [table for table in tables if min(table.values()) == -inf]
    assert 10 <= len(forbidding) < len(tables)
    assert any(u.soft_bellman(table)[1][s] == -inf for table in forbidding for s in u.rows(table))  # dead


def test_numbers_may_be_kept_small():
    tables, _ = instances(numbers="plain", examples=40)
    assert max(abs(x) for table in tables for x in table.values() if x > -inf) <= 4
    tables, _ = instances(examples=40)
    assert max(abs(x) for table in tables for x in table.values() if x > -inf) > 1000


def test_logits_keep_an_action_at_each_prefix():
    tables = []

    def function(logits):
        tables.append(dict(logits))
        return u.policy(logits)

    check("policy", function, examples=60)
    assert any(min(table.values()) == -inf for table in tables)
    assert all(max(row.values()) > -inf for table in tables for row in u.rows(table).values())


def test_prompts():
    tables, right = [], u.with_prompts(u.policy, "table")

    def function(logits):
        tables.append(dict(logits))
        return right(logits)

    check("policy", function, prompts=True, examples=40)
    found = [{key[0] for key in table} for table in tables]
    assert {len(prompts) for prompts in found} >= {2}
    assert {"a", "ab"} in found
    assert all(len(key) == 3 for table in tables for key in table)


def test_numbers_are_of_the_dtype():
    for dtype in ("float32", "float16"):
        tables, _ = instances(dtype=dtype, examples=40)
        numbers = np.array([x for table in tables for x in table.values()])
        assert (numbers == numbers.astype(dtype)).all()


def test_a_report_may_be_asked_for_instead_of_an_error():
    assert check("entropy", lambda logits: 0.0, throw=False, examples=3).agrees is False
    with pytest.raises(AssertionError):
        check("entropy", lambda logits: 0.0, throw=True, examples=3)
    with pytest.raises(AssertionError):
        check("entropy", lambda logits: 0.0, examples=3)
    # What cannot be called is no report.
    with pytest.raises(TabularBellmanError):
        check("entropy", lambda logits: None, throw=False)
