"""What a report says, what it names, and what is done with functions that fail in other ways than by a number."""

import dataclasses
import json
import math
import random
import sys
from math import inf, nan

import pytest
import users_code as u
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs_check.evidence import planted
from proofs_check.mistakes import MISTAKES
from proofs_check.testing import Disagreement, Report, check, diagnosis
from tabular_bellman import EOS, SequenceSpace, StateActionTable, TabularBellmanError


def report_on(kind, function, **settings):
    # Without the largest of the fixed instances, which takes time.
    return check(kind, function, throw=False, **{"examples": 20, "max_responses": 15, **settings})


def hard_max(rewards):
    logits, values = {}, {}
    for prefix, action in sorted(rewards, key=lambda pair: -len(pair[0])):
        logits[prefix, action] = rewards[prefix, action] + values.get((*prefix, action), 0.0)
        values[prefix] = max(values.get(prefix, -inf), logits[prefix, action])
    return logits, values


hard_max.__module__ = "__main__"  # a name alone


# -- whole reports ----------------------------------------------------------------------------------------------------

HARD_MAX = """\
soft-bellman: hard_max does not compute what it should (adapter dict, float64, seed 0)

claim      q(s,a) = r(s,a) + γ V(s⊕a), V(s) = τ log Σ_a π_ref(a|s) exp(q(s,a)/τ), V = 0 after the last step
instance   1 token 'a'; max_length 2

  prefix  action  reward  logit: theirs  ours
  ()      'a'     0       0              0
  ()      EOS     0       0              0
  ('a',)  EOS     0       0              0

  prefix  value: theirs  ours
  ()      0              0.6931472  <- worst
  ('a',)  0              0

worst      value at prefix ()
           theirs 0, ours 0.69314718055994529, difference 0.693, bound 8.5e-15
looks like hard-max: V is the maximum of the logits, not log Σ exp
           which gives all of their numbers, here and on the fixed instances
agrees on  1 token, 1 step; large numbers
           not on: 2 tokens, 2 steps, all numbers 0; 2 tokens, 2 steps; 2 tokens, 3 steps; 3
           tokens, 3 steps; 1 token, 4 steps; 3 tokens, 4 steps; no bare EOS; forbidden actions;
           dead prefixes; a likely end
replay     space = SequenceSpace(('a',), max_length=2)
           table = StateActionTable.from_dict(space, {}, default=0.0)"""


def test_a_whole_report():
    report = check("soft-bellman", hard_max, throw=False)
    assert report.text() == str(report) == HARD_MAX
    assert report.right_on == ("1 token, 1 step", "large numbers")
    assert report.wrong_on[:2] == ("2 tokens, 2 steps, all numbers 0", "2 tokens, 2 steps")
    assert len(report.wrong_on) == 10
    assert report.line() == "soft-bellman: hard_max is wrong; looks like hard-max"
    assert (report.kind, report.function, report.agrees) == ("soft-bellman", "hard_max", False)
    assert report.mistakes == ("hard-max",)


def test_a_whole_agreement():
    def zero_or_so(logits):
        return u.entropy(logits)

    report = report_on("entropy", zero_or_so, examples=10, seed=4)
    name = f"{__name__}.test_a_whole_agreement.<locals>.zero_or_so"
    start = f"entropy: {name} agrees on {report.instances} instances (adapter dict, float64, seed 4); at most "
    assert str(report) == report.text() == report.line() == f"{start}{100 * report.ratio:.2g} % of the bound used"
    assert 0 < report.ratio < 0.1
    assert (report.agrees, report.mistakes, report.smallest) == (True, (), None)
    assert len(report.right_on) == report.instances - 10
    assert report.wrong_on == ()


def test_the_setting_is_said():
    arrays = u.in_batch(u.policy, "table")
    report = report_on("policy", arrays, adapter="batch", dtype="float32", examples=3, seed=9)
    assert "(adapter batch, numpy, float32, seed 9)" in report.text()


def test_what_was_varied_and_what_is_fixed_is_said():
    def every(rewards, temperature, discount, reference):
        return u.soft_bellman(rewards, temperature, discount, reference)

    def half(rewards):
        return u.soft_bellman(rewards, discount=0.5)

    for function, built_in, words in [
        (every, {}, "float64, temperature, discount, reference varied, seed 0)"),
        (every, {"temperature": 2.0}, "float64, temperature 2, discount, reference varied, seed 0)"),
        (every, {"discount": 1.0, "reference": "uniform"}, "float64, temperature varied, seed 0)"),
        (half, {"discount": 0.5}, "float64, discount 0.5, seed 0)"),
        (hard_max, {}, "float64, seed 0)"),
    ]:
        assert words in report_on("soft-bellman", function, examples=3, **built_in).text().splitlines()[0]
    sampler = lambda logits, n, rng, temperature: u.sampler(  # noqa: E731
        {pair: x / temperature for pair, x in logits.items()}, n, rng
    )
    assert "(adapter dict, float64, temperature varied, seed 0; an exact test; " in str(report_on("sampler", sampler))


def test_the_same_report_comes_again():
    first, again = (report_on("kl", lambda p, q: u.kl(q, p)) for _ in range(2))
    assert first.text() == again.text()


# -- what a disagreement is -------------------------------------------------------------------------------------------


def test_a_disagreement_is_an_assertion_error_with_its_report():
    with pytest.raises(AssertionError) as caught:
        check("soft-bellman", hard_max)
    assert type(caught.value) is Disagreement
    assert isinstance(caught.value.report, Report)
    assert str(caught.value) == caught.value.report.text() == HARD_MAX


def strictly(text):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def wrong_by_nan(logits):
    return nan


@pytest.mark.parametrize(
    ("kind", "function", "given_settings"),
    [
        ("soft-bellman", hard_max, {}),
        ("soft-bellman", u.soft_bellman, {}),
        ("entropy", wrong_by_nan, {}),
        ("kl", lambda p, q: inf, {}),
        ("sampler", u.sampler, {"draws": 50}),
        ("sampler", lambda logits, n: u.responses(logits)[:1] * n, {"draws": 50}),
    ],
)
def test_a_report_as_a_document(kind, function, given_settings):
    report = report_on(kind, function, **given_settings)
    document = report.to_dict()
    text = json.dumps(document, allow_nan=False)
    assert strictly(text) == document
    assert document["kind"] == kind
    assert document["agrees"] is report.agrees
    assert document["mistakes"] == list(report.mistakes)
    assert document["text"] == report.text()
    assert document["instances"] == report.instances > 0
    assert (tuple(document["right_on"]), tuple(document["wrong_on"])) == (report.right_on, report.wrong_on)
    assert (report.wrong_on == ()) == report.agrees
    assert not set(report.right_on) & set(report.wrong_on)
    space = None if report.smallest is None else report.smallest.space
    expected = space and {"tokens": space.n_tokens, "max_length": space.max_length}
    assert document["smallest"] == expected
    assert (expected is None) == report.agrees


# -- what it looks like -----------------------------------------------------------------------------------------------


def hard_at_two(rewards, temperature):
    return hard_max(rewards) if temperature == 2.0 else u.soft_bellman(rewards, temperature)


def soft_at_two(rewards, temperature):
    return u.soft_bellman(rewards, temperature) if temperature == 2.0 else hard_max(rewards)


def hard_and_a_bit(rewards):
    logits, values = hard_max(rewards)
    return logits, {prefix: value + 1e-3 for prefix, value in values.items()}


def hard_with_infinities(rewards):
    forbids = min(rewards.values()) == -inf
    return hard_max(rewards) if forbids else u.soft_bellman(rewards)


@pytest.mark.parametrize("function", [soft_at_two, hard_and_a_bit])
def test_what_does_not_reproduce_all_numbers_is_not_named(function):
    report = report_on("soft-bellman", function)
    assert not report.agrees
    assert report.mistakes == ()
    assert "no mistake of the registry: none reproduces their numbers" in report.text()
    assert report.line().endswith("is wrong; looks like no known mistake")


@pytest.mark.parametrize(
    ("function", "only_with"),
    [(hard_at_two, "temperatures other than 1"), (hard_with_infinities, "forbidden actions")],
)
def test_nor_is_what_has_something_in_common_besides(function, only_with):
    report = report_on("soft-bellman", function)
    assert (report.agrees, report.mistakes) == (False, ())
    assert "looks like" not in report.text()
    assert report.line().endswith(f"is wrong; only with {only_with}")


def hard_but(where):
    """Values are the largest logits, and off by 1 where the rewards are said to be otherwise."""

    def function(rewards):
        logits, values = hard_max(rewards)
        return logits, {s: x + 1.0 * where(rewards) for s, x in values.items()}

    return function


def forbids(rewards):
    return min(rewards.values()) == -inf


def beyond(most):
    return lambda rewards: max(abs(r) for r in rewards.values() if r > -inf) > most


def hard_but_raising(rewards):
    if forbids(rewards):
        raise ValueError("no infinities here")
    return hard_but(beyond(20.0))(rewards)


MODEST = "which gives their numbers wherever no number is large; there is more"
ORDINARY = "which gives their numbers wherever nothing is forbidden and no number is large; there is more"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (hard_but(beyond(20.0)), MODEST),
        (hard_but_raising, MODEST),
        (hard_but(forbids), ORDINARY),
        (hard_but(lambda rewards: forbids(rewards) or beyond(20.0)(rewards)), ORDINARY),
    ],
    ids=["large", "raising", "forbidden", "both"],
)
def test_what_gives_only_ordinary_numbers_is_named_with_a_caution(function, words):
    report = report_on("soft-bellman", function)
    assert report.mistakes == ("hard-max",)
    assert f"looks like hard-max: V is the maximum of the logits, not log Σ exp\n           {words}" in report.text()
    assert "which gives all of their numbers" not in report.text()


def test_an_ordinary_number_that_is_off_is_too_many():
    # A likely end is no large number.
    assert report_on("soft-bellman", hard_but(beyond(15.0))).mistakes == ()


def test_hard_at_all_temperatures_is_named():
    report = report_on("soft-bellman", lambda rewards, temperature: hard_max(rewards))
    assert report.mistakes == ("hard-max",)


def test_two_mistakes_that_fit_are_both_named(monkeypatch):
    (hard,) = [mistake for mistake in MISTAKES if mistake.name == "hard-max"]
    twin = dataclasses.replace(hard, name="hard-twin", summary="the same again")
    monkeypatch.setattr(diagnosis, "MISTAKES", (*MISTAKES, twin))
    report = check("soft-bellman", hard_max, throw=False)
    assert report.mistakes == ("hard-max", "hard-twin")
    assert "looks like hard-max: V is the max" in report.text()
    assert "  or       hard-twin: the same again" in report.text()
    assert report.line().endswith("looks like hard-max or hard-twin")


def test_no_mistake_is_named_of_what_agrees(monkeypatch):
    monkeypatch.setattr("proofs_check.testing.diagnose", lambda *_: pytest.fail("it agrees"))
    assert report_on("entropy", u.entropy).mistakes == ()


@pytest.mark.parametrize(
    "mistake", [mistake for mistake in MISTAKES if mistake.replaces == "soft_bellman"], ids=lambda mistake: mistake.name
)
def test_each_mistake_planted_in_a_backup_is_named(mistake):
    kit = planted(mistake)

    def backup(rewards, temperature):
        space = space_of(rewards)
        table = StateActionTable.from_dict(
            space, {(x, s, EOS if a is None else a): r for (x, s, a), r in rewards.items()}
        )
        logits, values = kit.soft_bellman(space, table.levels, temperature)
        keys = [[space.prefix_at(t, i) for i in range(space.n_prefixes_at(t))] for t in range(space.n_depths)]
        return (
            {
                (x, s, None if a is EOS else a): as_it_comes(logits[t][row, i])
                for t in range(space.n_depths)
                for row, a in enumerate(space.actions(t))
                for i, (x, s) in enumerate(keys[t])
            },
            {key: as_it_comes(values[t][i]) for t in range(space.n_depths) for i, key in enumerate(keys[t])},
        )

    report = report_on("soft-bellman", backup, prompts=True, lengths="both", examples=12)
    assert mistake.name in report.mistakes, report.text()
    assert len(report.mistakes) <= 2


def as_it_comes(x):
    """In the registry an overflow stays finite, so that the library takes it; code of users returns inf."""
    return math.copysign(inf, x) if abs(x) >= sys.float_info.max else float(x)


def space_of(table):
    """The space of a dict whose keys are (prompt, prefix, action)."""
    vocab = sorted({a for _, _, a in table if a is not None})
    prompts = tuple(dict.fromkeys(x for x, _, _ in table))
    longest = 1 + max(len(s) for _, s, _ in table)
    ends = [1 + len(s) for _, s, a in table if a is None]
    if not ends:
        return SequenceSpace.fixed_length(vocab, longest, prompts)
    # Where only the end exists there is no token to be seen.
    return SequenceSpace(vocab or "a", max_length=longest, min_length=min(ends), prompts=prompts)


def test_a_nan_is_explained():
    report = report_on("entropy", wrong_by_nan)
    assert (
        "looks like no mistake of the registry; a NaN comes of -inf - (-inf), 0 · inf or an overflow" in report.text()
    )


# -- how small the instance is ----------------------------------------------------------------------------------------


def forgets_the_end(logits, response):
    return u.log_prob(logits, response) - u.log_policy(logits)[response[:-1], response[-1]]


def size(report):
    space = report.smallest.space
    return space.n_tokens, space.max_length


@pytest.mark.parametrize(
    ("kind", "function", "most"),
    [
        ("soft-bellman", hard_max, (1, 2)),
        ("entropy", lambda logits: -u.entropy(logits), (1, 2)),
        ("entropy", lambda logits: 1.0, (1, 2)),
        ("kl", lambda p, q: u.kl(q, p), (1, 2)),
        ("log-prob", forgets_the_end, (1, 2)),
        ("policy", lambda logits: dict.fromkeys(logits, 1.0), (1, 2)),
        ("marginals", lambda logits: dict.fromkeys(u.rows(logits), 1.0), (1, 2)),
        ("log-partition", lambda rewards: max(u.total(rewards, y) for y in u.responses(rewards)), (1, 2)),
    ],
)
def test_the_instance_is_small(kind, function, most):
    report = report_on(kind, function, examples=60)
    assert not report.agrees
    assert size(report) <= most
    numbers = [x for _, x in report.smallest.table.items()]
    assert sum(x != 0 for x in numbers) <= 1
    assert max(map(abs, numbers)) <= 1


def test_what_takes_three_tokens_has_them():
    def wrong_with_three(logits):
        return u.entropy(logits) + (len(u.rows(logits)[()]) > 3)

    report = report_on("entropy", wrong_with_three, examples=25)
    assert report.smallest.space.n_tokens == 3
    assert report.smallest.space.max_length <= 3  # 2 with a Hypothesis of today


def test_numbers_that_look_alike_are_shown_in_full():
    def off(logits):
        found = u.policy(logits)
        return {pair: x * (1 + 1e-11) for pair, x in found.items()}

    report = report_on("policy", off)
    (worst,) = [line for line in report.text().splitlines() if line.endswith("<- worst")]
    theirs, ours = worst.removesuffix("<- worst").split()[-2:]
    assert theirs != ours
    assert float(theirs) - float(ours) == pytest.approx(1e-11 * float(ours), rel=1e-4)
    # Others keep to seven digits.
    (worst,) = [line for line in HARD_MAX.splitlines() if line.endswith("<- worst")]
    assert worst.split()[-4:-2] == ["0", "0.6931472"]


def test_the_worst_number_is_marked():
    def off(logits):
        found = u.marginals(logits)
        return {s: x + 0.25 * (s == ("a",)) + 0.5 * (s == ("b",)) for s, x in found.items()}

    report = report_on("marginals", off)
    lines = report.text().splitlines()
    assert sum(line.endswith("<- worst") for line in lines) == 1
    worst = lines[next(i for i, line in enumerate(lines) if line.startswith("worst"))]
    assert "chance at prefix ('" in worst


# -- functions that raise ---------------------------------------------------------------------------------------------


def no_infinities(rewards):
    if min(rewards.values()) == -inf:
        raise ValueError("no infinities here")
    return u.soft_bellman(rewards)


def test_a_function_that_raises_on_some_instances_is_wrong_there():
    report = report_on("soft-bellman", no_infinities)
    text = report.text()
    assert "worst      it raised ValueError: no infinities here (" in text
    assert "test_reports.py, line " in text
    assert size(report) == (1, 2)
    assert "agrees on  2 tokens, 2 steps, all numbers 0; 2 tokens, 2 steps" in text
    assert report.mistakes == ()
    assert "looks like" not in text
    assert "theirs" not in text
    assert sum(x != 0 for _, x in report.smallest.table.items()) == 1


def raises(error):
    def function(logits):
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("not today"), "it raised ValueError: not today"),
        (SystemExit("stop"), "it raised SystemExit: stop"),
        (AssertionError("mine"), "it raised AssertionError: mine"),
        (RecursionError("deep"), "it raised RecursionError: deep"),
    ],
)
def test_a_function_that_raises_on_all_cannot_be_called(error, words):
    with pytest.raises(TabularBellmanError) as caught:
        check("entropy", raises(error), throw=False)
    assert words in str(caught.value)


def test_an_interrupt_goes_through():
    with pytest.raises(KeyboardInterrupt):
        check("entropy", raises(KeyboardInterrupt()), throw=False)


def test_a_function_that_returns_something_else_on_some_instances():
    def sometimes_nothing(rewards):
        return None if min(rewards.values()) == -inf else u.soft_bellman(rewards)

    text = report_on("soft-bellman", sometimes_nothing).text()
    assert "worst      it returned a NoneType, where a pair (logits, values) was expected" in text


# -- functions that change their mind ---------------------------------------------------------------------------------


def every(n):
    calls = [0]

    def function(logits):
        calls[0] += 1
        return u.entropy(logits) + (calls[0] % n == 0)

    return function


def once(n):
    calls = [0]

    def function(logits):
        calls[0] += 1
        return u.entropy(logits) + (calls[0] == n)

    return function


def raising_once(n):
    calls = [0]

    def function(logits):
        calls[0] += 1
        if calls[0] == n:
            raise ValueError("once")
        return u.entropy(logits)

    return function


NOTE = "note       called twice with the same arguments it gave different answers"


@pytest.mark.parametrize("make", [every, once, raising_once])
@pytest.mark.parametrize("n", [2, 10, 25])
def test_a_fickle_function_is_reported(make, n):
    report = report_on("entropy", make(n))
    assert not report.agrees
    assert report.text().startswith("entropy: ")
    assert "replay" in report.text()
    assert NOTE in report.text()


def test_random_noise_is_reported():
    rng = random.Random(0)
    for share in (0.02, 0.1, 0.5, 1.0):
        report = report_on(
            "entropy", lambda logits, share=share: u.entropy(logits) + (rng.random() < share), examples=60
        )
        assert not report.agrees


@pytest.mark.parametrize("seed", range(3))
def test_noise_gets_a_note(seed):
    rng = random.Random(seed)
    report = report_on("entropy", lambda logits: u.entropy(logits) + rng.random())
    assert NOTE in report.text()
    assert report.mistakes == ()


def test_a_function_that_does_not_change_its_mind_gets_no_note():
    for function in (lambda logits: -u.entropy(logits), wrong_by_nan, raises_on_infinities):
        report = report_on("entropy", function)
        assert not report.agrees
        assert NOTE not in report.text()


def raises_on_infinities(logits):
    if min(logits.values()) == -inf:
        raise ValueError("no infinities here")
    return u.entropy(logits)


# -- in a property-based test of the user's own -----------------------------------------------------------------------


@settings(max_examples=3, deadline=None, database=None)
@given(st.floats(0.5, 2.0))
def test_a_check_works_within_a_test_of_hypothesis(temperature):
    def built_in(logits):
        return u.entropy({pair: x / temperature for pair, x in logits.items()})

    report = check("entropy", built_in, temperature=temperature, examples=10)
    assert report.instances == len(report.right_on) + 10


def test_a_disagreement_within_a_test_of_hypothesis_is_shrunk_and_gets_out():
    outside = report_on("soft-bellman", hard_max, max_responses=40).text()
    found = []

    @settings(max_examples=4, deadline=None, database=None)
    @given(st.integers(0, 3))
    def inner(n):
        try:
            check("soft-bellman", u.soft_bellman if n < 2 else hard_max, examples=20)
        except Disagreement as error:
            found.append((n, str(error)))
            raise

    with pytest.raises(Disagreement):
        inner()
    assert found[-1] == (2, outside)  # the outer test is shrunk too
    with pytest.raises(KeyboardInterrupt):
        within(lambda: check("entropy", later(KeyboardInterrupt()), examples=5))
    with pytest.raises(TabularBellmanError, match="it cannot be called as entropy"):
        within(lambda: check("entropy", lambda logits: None))


def within(action):
    """Do something in a test of Hypothesis."""

    @settings(max_examples=1, deadline=None, database=None)
    @given(st.none())
    def inner(_):
        action()

    inner()


def later(error):
    """Right on the fixed instances."""
    calls = []

    def function(logits):
        calls.append(1)
        if len(calls) > 12:
            raise error
        return u.entropy(logits)

    return function


# -- replay -----------------------------------------------------------------------------------------------------------


def replayed(report):
    """What the code in a report makes."""
    lines = report.text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("replay "))
    code = "\n".join(line[11:] for line in lines[start:])
    made = {}
    exec(code, {"math": math, "EOS": EOS, "SequenceSpace": SequenceSpace, "StateActionTable": StateActionTable}, made)
    return made


def on_some(test):
    """A backup that is wrong where the rewards pass a test."""

    def function(rewards, reference=None):
        logits, values = u.soft_bellman(rewards, reference=reference)
        return logits, {s: x + test(rewards) for s, x in values.items()}

    return function


@pytest.mark.parametrize(
    "given_settings",
    [
        {"lengths": "fixed"},
        {"lengths": "both", "prompts": True},
    ],
    ids=str,
)
def test_the_code_of_a_replay_makes_the_instance(given_settings):
    plain = on_some(lambda rewards: len(rewards) > 3 and min(rewards.values()) == -inf < 0 < max(rewards.values()))
    function = u.with_prompts(plain, "both") if "prompts" in given_settings else plain
    report = report_on("soft-bellman", function, examples=25, **given_settings)
    assert not report.agrees
    made = replayed(report)
    assert made["space"] == report.smallest.space
    assert dict(made["table"].items()) == dict(report.smallest.table.items())
    assert dict(made["reference"].items()) == dict(report.smallest.reference.items())
    numbers = {x for _, x in made["table"].items()}
    assert min(numbers) == -inf
    assert max(numbers) > 0


def test_the_code_of_a_replay_has_the_responses():
    def wrong_with_two(logits, data):
        found = u.gradient_of_nll(logits, data)
        return {pair: x + (len({len(y) for y in data}) > 1) for pair, x in found.items()}

    report = report_on("gradient", wrong_with_two, of="nll")
    made = replayed(report)
    assert tuple(made["responses"]) == report.smallest.responses
    assert len({len(y) for y in made["responses"]}) == 2
    assert all(y in made["space"].responses() for y in made["responses"])
    assert "responses" not in replayed(report_on("gradient", lambda rewards: dict.fromkeys(rewards, 0.0)))


def test_the_code_of_a_replay_makes_both_tables():
    report = report_on("kl", lambda p, q: u.kl(q, p))
    made = replayed(report)
    assert dict(made["table"].items()) == dict(report.smallest.table.items())
    assert dict(made["other"].items()) == dict(report.smallest.other.items())
    mine = [{(s, None if a is EOS else a): x for (_, s, a), x in made[name].items()} for name in ("table", "other")]
    assert u.kl(*mine) != u.kl(*mine[::-1])
