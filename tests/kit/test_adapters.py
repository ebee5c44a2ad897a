"""What functions get, written out by hand, and how what they return is read."""

import contextlib
import re
from itertools import count
from math import inf, log, nan

import numpy as np
import pytest
import users_code
from hypothesis import given
from hypothesis import strategies as st

from proofs_check import strategies
from proofs_check.testing import check, sampling
from proofs_check.testing.adapters import ADAPTERS, Unreadable
from proofs_check.testing.arrays import Arrays, as_floats
from proofs_check.testing.cases import Case
from proofs_check.testing.kinds import KINDS
from proofs_check.testing.settings import options as made_options
from tabular_bellman import EOS, SequenceSpace, StateActionTable, StateTable, TabularBellmanError

AB = SequenceSpace("ab", max_length=2)
TABLE = StateActionTable.from_dict(
    AB,
    {
        (None, (), "a"): 1.0,
        (None, (), "b"): 2.0,
        (None, (), EOS): -inf,
        (None, ("a",), EOS): 4.0,
        (None, ("b",), EOS): 5.0,
    },
)
FIXED = SequenceSpace.fixed_length("ab", 2)
FIXED_TABLE = StateActionTable.from_dict(
    FIXED,
    {
        (None, (), "a"): 1.0,
        (None, (), "b"): 2.0,
        (None, ("a",), "a"): 3.0,
        (None, ("a",), "b"): 4.0,
        (None, ("b",), "a"): 5.0,
        (None, ("b",), "b"): -inf,
    },
)
NO_BARE_EOS = SequenceSpace("ab", max_length=3, min_length=2)
PROMPTS = SequenceSpace("ab", max_length=2, prompts=("a", "ab"))
NUMBERS = {"dtype": np.float64}


def numbered(space):
    """A table of 1, 2, 3, … in the order of its pairs."""
    return StateActionTable.from_dict(space, dict(zip(space.pairs(), map(float, count(1)), strict=False)))


def options(kind, function=lambda *_: None, **settings):
    return made_options(KINDS[kind], function, settings)


def received(kind, case, **settings):
    """The positional arguments of each call that a check makes on a case."""
    calls = []

    def function(*arguments):
        calls.append(arguments)
        return 0.0

    o = options(kind, function, **settings)
    with contextlib.suppress(Unreadable):
        KINDS[kind].call(o, function, case)
    return calls


def assert_arrays(found, *expected):
    """The arrays have these numbers, shapes and dtypes."""
    assert len(found) == len(expected)
    for mine, (dtype, numbers) in zip(found, expected, strict=True):
        assert type(mine) is np.ndarray
        assert mine.dtype == dtype
        np.testing.assert_array_equal(mine, numbers, strict=False)
        assert mine.shape == np.shape(numbers)


# -- tables -----------------------------------------------------------------------------------------------------------

DICT = {((), "a"): 1.0, ((), "b"): 2.0, ((), None): -inf, (("a",), None): 4.0, (("b",), None): 5.0}
TABLE_KINDS = [kind for kind in KINDS if kind not in ("log-prob", "kl-estimator", "sampler")]


def case_for(kind, table=TABLE):
    return Case("mine", table, other=table if KINDS[kind].inputs == 2 else None)


@pytest.mark.parametrize("kind", TABLE_KINDS)
def test_each_kind_gets_its_tables_as_dicts(kind):
    ((first, *others),) = received(kind, case_for(kind))
    assert first == DICT
    assert others == ([DICT] if kind == "kl" else [])
    assert {type(x) for x in first.values()} == {float}


@pytest.mark.parametrize("kind", TABLE_KINDS)
def test_each_kind_gets_its_tables_as_padded_rows(kind):
    (found,) = received(kind, case_for(kind), adapter="batch")
    rows = (np.float64, [[1, 2, -inf], [-inf, -inf, 4], [-inf, -inf, 5]])
    prefixes = (np.int64, [[2, 2], [0, 2], [1, 2]])
    lengths = (np.int64, [0, 1, 1])
    assert_arrays(found, *([rows, rows] if kind == "kl" else [rows]), prefixes, lengths)


@pytest.mark.parametrize("kind", TABLE_KINDS)
def test_each_kind_gets_its_tables_as_an_mdp(kind):
    (found,) = received(kind, case_for(kind), adapter="mdp")
    rows = (np.float64, [[1, 2, -inf], [-inf, -inf, 4], [-inf, -inf, 5], [0, 0, 0]])
    next_state = (np.int64, [[1, 2, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]])
    terminal = (np.bool_, [False, False, False, True])
    assert_arrays(found, *([rows, rows] if kind == "kl" else [rows]), next_state, terminal)


@pytest.mark.parametrize("kind", TABLE_KINDS)
def test_each_kind_gets_its_tables_as_functions_of_a_prefix(kind):
    (found,) = received(kind, case_for(kind), adapter="next-token")
    assert len(found) == (2 if kind == "kl" else 1)
    for f in found:
        rows = [f(()), f((0,)), f([1]), f(np.array([1]))]
        expected = [[1, 2, -inf], [-inf, -inf, 4], [-inf, -inf, 5], [-inf, -inf, 5]]
        assert_arrays(rows, *((np.float64, row) for row in expected))
        for beyond in ((0, 0), (2,), (-1,)):
            with pytest.raises(LookupError, match="prefixes have up to 1 tokens, numbered from 0 to 1"):
                f(beyond)


@pytest.mark.parametrize("kind", TABLE_KINDS)
def test_each_kind_gets_the_tables_of_the_library(kind):
    (found,) = received(kind, case_for(kind), adapter="table")
    assert found == ((TABLE, TABLE) if kind == "kl" else (TABLE,))


def test_a_fixed_length_has_no_end():
    case = case_for("policy", FIXED_TABLE)
    assert received("policy", case, lengths="fixed") == [
        (
            {
                ((), "a"): 1.0,
                ((), "b"): 2.0,
                (("a",), "a"): 3.0,
                (("a",), "b"): 4.0,
                (("b",), "a"): 5.0,
                (("b",), "b"): -inf,
            },
        )
    ]
    rows = [[1, 2, -inf], [3, 4, -inf], [5, -inf, -inf]]
    (found,) = received("policy", case, adapter="batch", lengths="fixed")
    assert_arrays(found, (np.float64, rows), (np.int64, [[2, 2], [0, 2], [1, 2]]), (np.int64, [0, 1, 1]))
    (found,) = received("policy", case, adapter="mdp", lengths="fixed")
    assert_arrays(
        found,
        (np.float64, [*rows, [0, 0, 0]]),
        (np.int64, [[1, 2, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]]),
        (np.bool_, [False, False, False, True]),
    )
    ((f,),) = received("policy", case, adapter="next-token", lengths="fixed")
    # After the last token the end is the one action.
    assert_arrays([f(()), f((0,)), f((1,)), f((1, 0))], *((np.float64, row) for row in [*rows, [-inf, -inf, 0]]))
    with pytest.raises(LookupError):
        f((0, 0, 0))
    with pytest.raises(LookupError):
        f((0, 2))


def test_what_is_too_short_does_not_exist():
    case = case_for("policy", numbered(NO_BARE_EOS))
    ((table,),) = received("policy", case)
    assert table == {
        ((), "a"): 1,
        ((), "b"): 2,
        (("a",), "a"): 3,
        (("a",), "b"): 4,
        (("a",), None): 5,
        (("b",), "a"): 6,
        (("b",), "b"): 7,
        (("b",), None): 8,
        (("a", "a"), None): 9,
        (("a", "b"), None): 10,
        (("b", "a"), None): 11,
        (("b", "b"), None): 12,
    }
    # Prefixes by depth, the first token the fastest: (), a, b, aa, ba, ab, bb.
    rows = [[1, 2, -inf], [3, 4, 5], [6, 7, 8], *([-inf, -inf, x] for x in (9, 11, 10, 12))]
    (found,) = received("policy", case, adapter="batch")
    prefixes = [[2, 2, 2], [0, 2, 2], [1, 2, 2], [0, 0, 2], [1, 0, 2], [0, 1, 2], [1, 1, 2]]
    assert_arrays(found, (np.float64, rows), (np.int64, prefixes), (np.int64, [0, 1, 1, 2, 2, 2, 2]))
    (found,) = received("policy", case, adapter="mdp")
    next_state = [[1, 2, 7], [3, 5, 7], [4, 6, 7], *[[7, 7, 7]] * 5]
    assert_arrays(found, (np.float64, [*rows, [0, 0, 0]]), (np.int64, next_state), (np.bool_, [False] * 7 + [True]))
    ((f,),) = received("policy", case, adapter="next-token")
    np.testing.assert_array_equal(f((1, 0)), [-inf, -inf, 11])


def test_prompts_stand_in_the_keys_and_are_the_first_states():
    table = numbered(PROMPTS)
    case = case_for("policy", table)
    ((found,),) = received("policy", case, prompts=True)
    assert found == {
        (x, s, a): number
        for x, numbers in (("a", [1, 2, 3, 7, 8]), ("ab", [4, 5, 6, 9, 10]))
        for (s, a), number in zip(
            [((), "a"), ((), "b"), ((), None), (("a",), None), (("b",), None)], numbers, strict=True
        )
    }
    (found,) = received("policy", case, adapter="mdp", prompts=True)
    only = [[-inf, -inf, x] for x in (7, 9, 8, 10)]
    assert_arrays(
        found,
        (np.float64, [[1, 2, 3], [4, 5, 6], *only, [0, 0, 0]]),
        (np.int64, [[2, 4, 6], [3, 5, 6], *[[6, 6, 6]] * 5]),
        (np.bool_, [False] * 6 + [True]),
    )
    assert received("policy", case, adapter="table", prompts=True) == [(table,)]


# -- responses --------------------------------------------------------------------------------------------------------


def test_a_log_probability_is_asked_of_each_response():
    calls = received("log-prob", case_for("log-prob"))
    assert [response for _, response in calls] == [(None,), ("a", None), ("b", None)]
    assert all(table == DICT for table, _ in calls)
    calls = received("log-prob", case_for("log-prob"), adapter="next-token")
    assert [response for _, response in calls] == [(2,), (0, 2), (1, 2)]
    calls = received("log-prob", case_for("log-prob"), adapter="table")
    assert calls == [(TABLE, (EOS,)), (TABLE, ("a", EOS)), (TABLE, ("b", EOS))]


def test_responses_of_a_fixed_length():
    case = case_for("log-prob", FIXED_TABLE)
    pairs = [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
    assert [y for _, y in received("log-prob", case, lengths="fixed")] == pairs
    assert [y for _, y in received("log-prob", case, lengths="fixed", adapter="table")] == pairs
    found = [y for _, y in received("log-prob", case, lengths="fixed", adapter="next-token")]
    assert found == [(0, 0, 2), (0, 1, 2), (1, 0, 2), (1, 1, 2)]
    (found,) = received("log-prob", case, lengths="fixed", adapter="batch")
    first, a, b = [1, 2, -inf], [3, 4, -inf], [5, -inf, -inf]
    assert_arrays(
        found,
        (np.float64, [[first, a], [first, a], [first, b], [first, b]]),
        (np.int64, [[0, 0], [0, 1], [1, 0], [1, 1]]),
        (np.int64, [2, 2, 2, 2]),
    )


def test_a_prompt_comes_before_its_response():
    calls = received("log-prob", case_for("log-prob", numbered(PROMPTS)), prompts=True)
    expected = [(prompt, y) for y in [(None,), ("a", None), ("b", None)] for prompt in ("a", "ab")]
    assert sorted(map(repr, (call[1:] for call in calls))) == sorted(map(repr, expected))
    calls = received("log-prob", case_for("log-prob", numbered(PROMPTS)), prompts=True, adapter="table")
    assert {call[1:] for call in calls} == {
        (prompt, y) for y in [(EOS,), ("a", EOS), ("b", EOS)] for prompt in ("a", "ab")
    }


FORCED = [[[1, 2, -inf], [0, 0, 0]], [[1, 2, -inf], [-inf, -inf, 4]], [[1, 2, -inf], [-inf, -inf, 5]]]


def test_a_batch_of_responses_is_teacher_forced():
    (found,) = received("log-prob", case_for("log-prob"), adapter="batch")
    assert_arrays(found, (np.float64, FORCED), (np.int64, [[2, 2], [0, 2], [1, 2]]), (np.int64, [1, 2, 2]))


def test_a_gradient_of_the_likelihood_gets_the_data():
    data = (("b", EOS), ("a", EOS), ("b", EOS))
    case = Case("mine", TABLE, responses=data)
    assert received("gradient", case, of="nll") == [(DICT, [("b", None), ("a", None), ("b", None)])]
    assert received("gradient", case, of="nll", adapter="table") == [(TABLE, list(data))]
    ((_, numbers),) = received("gradient", case, of="nll", adapter="next-token")
    assert numbers == [(1, 2), (0, 2), (1, 2)]
    (found,) = received("gradient", case, of="nll", adapter="batch")
    assert_arrays(
        found,
        (np.float64, [FORCED[2], FORCED[1], FORCED[2]]),
        (np.int64, [[1, 2], [0, 2], [1, 2]]),
        (np.int64, [2, 2, 2]),
    )


def test_a_gradient_by_rows_is_added_up_by_prefix():
    case = Case("mine", TABLE, responses=(("b", EOS), ("a", EOS), ("b", EOS)))
    sums, after = read_gradient(case, np.arange(18.0).reshape(3, 2, 3))
    root, last = sums.values
    np.testing.assert_array_equal(root, [[0 + 6 + 12], [1 + 7 + 13], [2 + 8 + 14]])
    np.testing.assert_array_equal(last, [[11, 5 + 17]])
    np.testing.assert_array_equal(after.values, [[0.0]])  # nothing is padded


def read_gradient(case, rows):
    """What is read of a gradient by rows of responses."""
    function = lambda *_: rows  # noqa: E731
    return KINDS["gradient"].call(options("gradient", function, of="nll", adapter="batch"), function, case)


@pytest.mark.parametrize(("step", "largest"), [((0.0, -0.25, 0.125), 0.25), ((0.0, nan, 1.0), nan), ((0, 0, inf), inf)])
def test_what_stands_after_the_end_of_a_row_is_read_apart(step, largest):
    case = Case("mine", TABLE, responses=(("b", EOS), (EOS,), (EOS,)))
    rows = np.arange(18.0).reshape(3, 2, 3)
    rows[1, 1], rows[2, 1] = step, 0.0
    sums, after = read_gradient(case, rows)
    root, last = sums.values
    np.testing.assert_array_equal(root, [[0 + 6 + 12], [1 + 7 + 13], [2 + 8 + 14]])
    np.testing.assert_array_equal(last, [[0, 5]])
    np.testing.assert_array_equal(after.values, [[largest]])
    assert after.what == "largest derivative after the end"


def test_an_estimator_gets_what_can_be_drawn():
    zero = StateActionTable.from_dict(AB, {}, default=0.0)
    p = StateActionTable.from_dict(AB, {(None, (), EOS): -inf}, default=0.0)
    case = Case("mine", p, other=zero)
    calls = received("kl-estimator", case)
    as_dict = dict.fromkeys(DICT, 0.0)
    assert calls == [({**as_dict, ((), None): -inf}, as_dict, y) for y in [("a", None), ("b", None)]]
    calls = received("kl-estimator", case, adapter="table")
    assert calls == [(p, zero, ("a", EOS)), (p, zero, ("b", EOS))]
    assert [y for _, _, y in received("kl-estimator", case, adapter="next-token")] == [(0, 2), (1, 2)]
    (found,) = received("kl-estimator", case, adapter="batch")
    log_p, log_q, lengths = found
    np.testing.assert_allclose(log_p, [[-log(2), 0], [-log(2), 0]], rtol=1e-15)
    np.testing.assert_allclose(log_q, [[-log(3), 0], [-log(3), 0]], rtol=1e-15)
    assert_arrays([lengths], (np.int64, [2, 2]))
    backwards = received("kl-estimator", Case("mine", zero, other=p), adapter="batch")
    log_p, log_q, lengths = backwards[0]
    # A response that ends early is padded with 0.
    np.testing.assert_allclose(log_p, [[-log(3), 0]] * 3, rtol=1e-15)
    np.testing.assert_allclose(log_q, [[-inf, 0], [-log(2), 0], [-log(2), 0]], rtol=1e-15)
    assert lengths.tolist() == [1, 2, 2]


@pytest.mark.parametrize(
    ("adapter", "prompts", "space", "returned", "read"),
    [
        ("dict", False, AB, [(None,), ("a", None), ["b", None]], [(EOS,), ("a", EOS), ("b", EOS)]),
        ("dict", False, FIXED, [("a", "b"), ("b", "b"), ("a", "a")], [("a", "b"), ("b", "b"), ("a", "a")]),
        ("batch", False, AB, np.array([[2, 2], [0, 2], [1, 2]]), [(EOS,), ("a", EOS), ("b", EOS)]),
        ("batch", False, FIXED, np.array([[0, 1], [1, 1], [0, 0]]), [("a", "b"), ("b", "b"), ("a", "a")]),
        ("next-token", False, AB, [(2,), (0, 2), [1, 2]], [(EOS,), ("a", EOS), ("b", EOS)]),
        ("next-token", False, FIXED, [(0, 1, 2), (1, 1, 2), (0, 0, 2)], [("a", "b"), ("b", "b"), ("a", "a")]),
        ("table", False, AB, [(EOS,), ("a", EOS), ("b", EOS)], [(EOS,), ("a", EOS), ("b", EOS)]),
    ],
)
def test_draws_are_asked_for_and_read(adapter, prompts, space, returned, read):
    calls = []

    def function(*arguments):
        calls.append(arguments)
        return returned

    o = options("sampler", function, adapter=adapter, draws=3)
    draws = list(sampling._draws(o, function, Case("mine", numbered(space)), 3, 0))
    assert draws == [(0, y) for y in read]
    ((*_, n),) = calls
    assert n == 3
    assert len(calls[0]) == (4 if adapter == "batch" else 2)


def test_draws_to_several_prompts_are_pairs():
    returned = [("ab", (None,)), ("a", ("b", None)), ("ab", ("a", None)), ("a", (None,))]
    o = options("sampler", lambda *_: returned, prompts=True, draws=2)
    draws = list(sampling._draws(o, lambda *_: returned, Case("mine", numbered(PROMPTS)), 2, 0))
    assert draws == [(1, (EOS,)), (0, ("b", EOS)), (1, ("a", EOS)), (0, (EOS,))]


# -- reading back -----------------------------------------------------------------------------------------------------

SPACES = strategies.sequence_spaces(max_prompts=1)


def adapter_of(name, prompts=False, dtype="float64", library="numpy"):
    return ADAPTERS[name](Arrays(library, dtype), prompts)


def assert_levels(found, expected):
    assert [x.dtype for x in found] == [np.float64] * len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ADAPTERS)
@given(table=SPACES.flatmap(lambda space: strategies.rewards(space=space)))
def test_reading_undoes_writing(name, table):
    adapter = adapter_of(name)
    assert_levels(adapter.read_table(table.space, adapter.table(table)), table.levels)


@pytest.mark.parametrize("name", ["batch", "next-token", "mdp"])
@given(table=SPACES.flatmap(lambda space: strategies.rewards(space=space, dtype="float16")))
def test_reading_undoes_writing_in_few_digits(name, table):
    adapter = adapter_of(name, dtype="float16")
    assert_levels(adapter.read_table(table.space, adapter.table(table)), table.levels)


@pytest.mark.parametrize("name", ADAPTERS)
@given(table=SPACES.flatmap(lambda space: strategies.references(space=space)))
def test_reading_undoes_the_writing_of_weights(name, table):
    adapter = adapter_of(name)
    assert_levels(adapter.read_table(table.space, adapter.weights(table)), table.levels)


@pytest.mark.parametrize("name", ["dict", "mdp", "table"])
@given(
    table=strategies.sequence_spaces(min_prompts=2, prompts="coincident").flatmap(
        lambda space: strategies.rewards(space=space)
    )
)
def test_reading_undoes_writing_with_prompts(name, table):
    adapter = adapter_of(name, prompts=True)
    assert_levels(adapter.read_table(table.space, adapter.table(table)), table.levels)


@pytest.mark.parametrize("name", ["dict", "next-token", "table"])
@given(space=SPACES, data=st.data())
def test_reading_undoes_the_writing_of_responses(name, space, data):
    response = data.draw(st.sampled_from(list(space.responses())))
    adapter = adapter_of(name)
    assert adapter.read_response(space, *adapter.response(space, None, response)) == (0, response)


STATES = StateTable.from_function(AB, lambda _, prefix: {(): 1.0, ("a",): 2.0, ("b",): -inf}[prefix])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dict", {(): 1, ("a",): 2.0, ("b",): -inf}),
        ("dict", {(): np.array(1.0), ("a",): np.float32(2), ("b",): [-inf], "else": "ignored"}),
        ("batch", [1, 2, -inf]),
        ("batch", np.array([1.0, 2.0, -inf], dtype=np.float16)),
        ("next-token", {(): 1, (0,): 2.0, (1,): np.array([-inf])}.__getitem__),
        ("mdp", [1, 2, -inf, nan]),
        ("table", STATES),
    ],
)
def test_state_tables_are_read(name, found):
    assert_levels(adapter_of(name).read_states(AB, found), STATES.levels)


@pytest.mark.parametrize(
    ("found", "number"),
    [
        (1, 1.0),
        (True, 1.0),
        (-inf, -inf),
        (np.float32(0.5), 0.5),
        (np.array(0.25), 0.25),
        (np.array([0.25]), 0.25),
        ([0.25], 0.25),
    ],
)
@pytest.mark.parametrize("name", ADAPTERS)
def test_numbers_are_read(name, found, number):
    read = adapter_of(name).read_numbers(AB, found)
    assert (read.shape, read.dtype, read.tolist()) == ((1,), np.float64, [number])


def test_numbers_to_prompts_are_read():
    assert adapter_of("dict", True).read_numbers(PROMPTS, {"ab": 2, "a": 1}).tolist() == [1, 2]
    assert adapter_of("mdp", True).read_numbers(PROMPTS, [1, 2]).tolist() == [1, 2]


def test_nested_lists_of_anything_are_read():
    found = [[np.float32(1), 2, np.array(3.0)], (4, True, -inf)]
    assert as_floats(found).tolist() == [[1, 2, 3], [4, 1, -inf]]


# -- weights, copies, dtypes ------------------------------------------------------------------------------------------

WEIGHTS = StateActionTable.from_dict(
    AB,
    {
        (None, (), "a"): 0.25,
        (None, (), "b"): 0.5,
        (None, (), EOS): 0.25,
        (None, ("a",), EOS): 1.0,
        (None, ("b",), EOS): 1.0,
    },
)


def test_what_does_not_exist_has_weight_0():
    rows = [[0.25, 0.5, 0.25], [0, 0, 1], [0, 0, 1]]
    assert_arrays([adapter_of("batch").weights(WEIGHTS)], (np.float64, rows))
    assert_arrays([adapter_of("mdp").weights(WEIGHTS)], (np.float64, [*rows, [0, 0, 1]]))
    f = adapter_of("next-token").weights(WEIGHTS)
    assert_arrays([f(()), f((0,))], (np.float64, rows[0]), (np.float64, rows[1]))
    uniform = StateActionTable.from_dict(FIXED, {}, default=0.5)
    f = adapter_of("next-token").weights(uniform)
    assert_arrays([f((0,)), f((0, 1))], (np.float64, [0.5, 0.5, 0]), (np.float64, [0, 0, 1]))
    assert adapter_of("dict").weights(WEIGHTS)[(), "b"] == 0.5
    assert adapter_of("table").weights(WEIGHTS) is WEIGHTS


@pytest.mark.parametrize("adapter", ["dict", "batch", "next-token", "mdp"])
def test_a_reference_is_passed_as_weights(adapter):
    seen = []

    def function(*arguments, reference):
        seen.append(reference)
        return

    case = Case("mine", TABLE, reference=WEIGHTS)
    o = options("soft-bellman", function, adapter=adapter)
    with pytest.raises(Unreadable):
        KINDS["soft-bellman"].call(o, function, case)
    (found,) = seen
    if adapter == "next-token":
        found = np.array([found(key) for key in [(), (0,), (1,)]])
    if adapter == "dict":
        assert found == {((), "a"): 0.25, ((), "b"): 0.5, ((), None): 0.25, (("a",), None): 1, (("b",), None): 1}
    else:
        np.testing.assert_array_equal(found[:3], [[0.25, 0.5, 0.25], [0, 0, 1], [0, 0, 1]])


def spoil(x):
    if isinstance(x, dict):
        x.clear()
    elif isinstance(x, np.ndarray):
        x[...] = 0


@pytest.mark.parametrize(
    ("kind", "adapter", "right"),
    [
        ("log-prob", "dict", users_code.log_prob),
        ("log-prob", "batch", users_code.batch_log_prob),
        ("kl-estimator", "dict", users_code.kl_estimator),
        ("kl-estimator", "batch", users_code.batch_kl_estimator),
        ("soft-bellman", "batch", users_code.in_batch(users_code.soft_bellman, "both")),
        ("soft-bellman", "mdp", users_code.as_mdp(users_code.soft_bellman, "both")),
    ],
)
def test_a_function_may_write_into_its_arguments(kind, adapter, right):
    def function(*arguments):
        found = right(*arguments)
        for x in arguments:
            spoil(x)
        return found

    report = check(kind, function, adapter=adapter, examples=5, throw=False)
    assert report.agrees, report.text()


def test_rows_may_be_written_into():
    f = adapter_of("next-token").table(TABLE)
    f(())[...] = 7
    assert f(()).tolist() == [1, 2, -inf]


def test_the_tables_of_the_library_cannot_be_written_into():
    (found,) = received("policy", case_for("policy"), adapter="table")
    with pytest.raises(ValueError, match="read-only"):
        found[0].levels[0][...] = 7


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_arrays_have_the_dtype_asked_for(dtype):
    table, prefixes, lengths = received("policy", case_for("policy"), adapter="batch", dtype=dtype)[0]
    assert (table.dtype, prefixes.dtype, lengths.dtype) == (dtype, np.int64, np.int64)
    (f,) = received("policy", case_for("policy"), adapter="next-token", dtype=dtype)[0]
    assert f(()).dtype == dtype
    table, next_state, terminal = received("policy", case_for("policy"), adapter="mdp", dtype=dtype)[0]
    assert (table.dtype, next_state.dtype, terminal.dtype) == (dtype, np.int64, np.bool_)


# -- other libraries --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_tensors_of_torch(dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    settings = {"array": "torch", "dtype": dtype}
    (found,) = received("log-prob", case_for("log-prob"), adapter="batch", **settings)
    assert [type(x) for x in found] == [torch.Tensor] * 3
    assert [x.dtype for x in found] == [getattr(torch, dtype), torch.int64, torch.int64]
    assert [x.tolist() for x in found] == [FORCED, [[2, 2], [0, 2], [1, 2]], [1, 2, 2]]
    assert not any(x.requires_grad for x in found)
    (found,) = received("policy", case_for("policy"), adapter="mdp", **settings)
    assert [x.dtype for x in found] == [getattr(torch, dtype), torch.int64, torch.bool]
    adapter = adapter_of("batch", dtype=dtype, library="torch")
    assert_levels(adapter.read_table(AB, adapter.table(TABLE)), TABLE.levels)
    with_gradient = adapter.table(TABLE).requires_grad_()
    assert_levels(adapter.read_table(AB, with_gradient * 1), TABLE.levels)


def test_numbers_of_torch_are_read():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    adapter = adapter_of("dict")
    for found in (torch.tensor(0.5), torch.tensor([0.5], dtype=torch.bfloat16), torch.tensor(0.5, requires_grad=True)):
        assert adapter.read_numbers(AB, found).tolist() == [0.5]
    assert adapter_of("batch").read_states(AB, [torch.tensor(1.0), 2, torch.tensor([-inf])[0]])[1].tolist() == [2, -inf]
    with pytest.raises(Unreadable, match=r"a Tensor .*where a number was expected"):
        adapter.read_numbers(AB, torch.tensor(1j))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_arrays_of_jax(dtype):
    jax = pytest.importorskip("jax", reason="JAX is not installed (pip install jax)")
    (found,) = received("log-prob", case_for("log-prob"), adapter="batch", array="jax", dtype=dtype)
    assert all(isinstance(x, jax.Array) for x in found)
    assert [str(x.dtype) for x in found] == [dtype, "int32", "int32"]
    assert [x.tolist() for x in found] == [FORCED, [[2, 2], [0, 2], [1, 2]], [1, 2, 2]]
    adapter = adapter_of("batch", dtype=dtype, library="jax")
    assert_levels(adapter.read_table(AB, adapter.table(TABLE)), TABLE.levels)
    assert adapter.read_numbers(AB, found[0][0, 0, 0]).tolist() == [1]


def test_jax_in_float64_must_be_told_so():
    jax = pytest.importorskip("jax", reason="JAX is not installed (pip install jax)")
    with pytest.raises(TabularBellmanError, match="give dtype='float32', or say jax.config.update"):
        check("policy", lambda *_: None, adapter="batch", array="jax")
    with jax.enable_x64(True):
        (found,) = received("policy", case_for("policy"), adapter="batch", array="jax")
        assert [str(x.dtype) for x in found] == ["float64", "int64", "int64"]


# -- what cannot be read ----------------------------------------------------------------------------------------------

PAIRS = "where a dict {(prefix, action): number} was expected"
ROWS = "where a table, one row for each prefix was expected"
KEYS = ((), ("a",), ("b",))


@pytest.mark.parametrize(
    ("kind", "adapter", "found", "words"),
    [
        ("policy", "dict", None, f"a NoneType (None), {PAIRS}"),
        ("policy", "dict", [1.0, 2.0], f"a list ([1.0, 2.0]), {PAIRS}"),
        ("policy", "dict", {}, f"a dict without the key ((), 'a') (it is empty), {PAIRS}"),
        ("policy", "dict", {"a": 1.0}, f"a dict without the key ((), 'a') (it has 'a', …), {PAIRS}"),
        ("policy", "dict", dict.fromkeys(DICT, "x"), "a str ('x'), where a number was expected"),
        ("policy", "dict", dict.fromkeys(DICT), "a NoneType (None), where a number was expected"),
        ("policy", "dict", dict.fromkeys(DICT, 1j), "a complex (1j), where a number was expected"),
        (
            "policy",
            "dict",
            dict.fromkeys(DICT, (1.0, 2.0)),
            "an array of shape (2,), where a number was expected: shape (1,)",
        ),
        ("marginals", "dict", 1.0, "a float (1.0), where a dict {prefix: number} was expected"),
        ("marginals", "dict", {(): 1.0, "a": 0.5}, "without the key ('a',) (it has (), …), where a dict {prefix: num"),
        ("entropy", "dict", None, "a NoneType (None), where a number was expected"),
        ("entropy", "dict", "1.0", "a str ('1.0'), where a number was expected"),
        ("entropy", "dict", {(): 1.0}, "a dict ({(): 1.0}), where a number was expected"),
        ("entropy", "dict", [1.0, 2.0], "an array of shape (2,), where a number was expected: shape (1,)"),
        ("entropy", "dict", 1j, "a complex (1j), where a number was expected"),
        ("log-prob", "dict", None, "a NoneType (None), where a number was expected"),
        ("log-prob", "dict", "x", "a str ('x'), where a number was expected"),
        ("log-prob", "dict", np.zeros(2), "an array of shape (2,), where a number was expected"),
        ("log-prob", "batch", np.zeros(2), "shape (2,), where a number for each response was expected: shape (3,)"),
        (
            "log-prob",
            "batch",
            np.zeros((3, 1)),
            "shape (3, 1), where a number for each response was expected: shape (3,)",
        ),
        ("soft-bellman", "dict", DICT, "a dict, where a pair (logits, values) was expected"),
        ("soft-bellman", "dict", (DICT,), "a tuple, where a pair (logits, values) was expected"),
        ("soft-bellman", "dict", ({}, {}), f"a dict without the key ((), 'a') (it is empty), {PAIRS}"),
        ("policy", "dict", {None: 1.0}, f"a dict without the key ((), 'a') (it has None, …), {PAIRS}"),
        ("soft-bellman", "dict", (DICT, DICT), "a dict without the key () (it has ((), 'a'), …)"),
        ("policy", "batch", None, f"a NoneType (None), {ROWS}"),
        ("policy", "batch", np.zeros((3, 2)), f"an array of shape (3, 2), {ROWS}: shape (3, 3)"),
        ("policy", "batch", np.zeros((4, 3)), f"an array of shape (4, 3), {ROWS}: shape (3, 3)"),
        ("policy", "batch", [[1.0, 2.0, 3.0], [1.0]], f"a list ([[1.0, 2.0, 3.0], [1.0]]), {ROWS}"),
        ("policy", "batch", np.zeros((3, 3), complex), f"{ROWS}: an array of complex128, which are not real numbers"),
        ("policy", "batch", np.full((3, 3), "x"), f"{ROWS}: an array of <U1, which are not real numbers"),
        ("policy", "batch", [["x"] * 3] * 3, ROWS),
        ("marginals", "batch", np.zeros(2), "shape (2,), where a number for each prefix was expected: shape (3,)"),
        ("policy", "next-token", np.zeros((3, 3)), "where a function of a prefix was expected"),
        ("policy", "next-token", lambda _: [1.0], "shape (1,), where V+1 numbers, EOS last was expected: shape (3,)"),
        ("marginals", "next-token", lambda _: None, "a NoneType (None), where a number was expected"),
        ("policy", "mdp", np.zeros((3, 3)), "shape (3, 3), where a table (S, A) was expected: shape (4, 3)"),
        ("marginals", "mdp", np.zeros(3), "shape (3,), where a number for each state was expected: shape (4,)"),
        ("policy", "table", {}, "a dict ({}), where a StateActionTable was expected"),
        ("marginals", "table", TABLE, "where a StateTable was expected"),
        ("policy", "table", FIXED_TABLE, "a StateActionTable over"),
        ("sampler", "dict", None, "returned a NoneType, where 1000 responses were expected"),
        ("sampler", "dict", 3, "returned a int, where 1000 responses were expected"),
        ("sampler", "dict", {"a": 1}, "returned a dict, where 1000 responses were expected"),
        ("sampler", "dict", ["a"] * 2000, "returned 2000 responses, where 1000 were asked for"),
        ("sampler", "dict", ["a"] * 1000, "a str ('a'), where a response, a tuple of tokens, was expected"),
    ],
)
def test_what_cannot_be_read_says_what_was_expected(kind, adapter, found, words):
    def mine(*arguments):
        return found

    with pytest.raises(TabularBellmanError) as caught:
        check(kind, mine, adapter=adapter)
    text = " ".join(str(caught.value).split())
    assert f"mine: it cannot be called as {kind}: it " in text
    assert words in text
    assert re.search(rf"; it was called as f\(.*\), adapter '{adapter}'\.$", text)


def test_a_function_that_takes_other_arguments_cannot_be_called():
    words = (
        r"it cannot be called as kl: it raised TypeError: .*positional.*; it was called as f\(logits_p, logits_q\), "
    )
    with pytest.raises(TabularBellmanError, match=words + r"adapter 'dict'\.$"):
        check("kl", lambda logits: 0.0)


CALLS = [
    ("soft-bellman", {}, "rewards"),
    ("inverse", {"adapter": "mdp"}, "logits, next_state, terminal"),
    ("log-partition", {"adapter": "batch"}, "rewards, prefixes, lengths"),
    ("log-prob", {}, "logits, response"),
    ("log-prob", {"adapter": "batch"}, "logits, tokens, lengths"),
    ("log-prob", {"adapter": "batch", "view": "rewards"}, "rewards, tokens, lengths"),
    ("log-prob", {"adapter": "table", "prompts": True}, "logits, prompt, response"),
    ("policy", {"adapter": "next-token", "view": "rewards"}, "rewards"),
    ("sampler", {}, "logits, n"),
    ("sampler", {"adapter": "batch", "view": "rewards"}, "rewards, prefixes, lengths, n"),
    ("sampler", {"prompts": True}, "logits, n"),
    ("gradient", {"adapter": "mdp"}, "rewards, next_state, terminal"),
    ("gradient", {"of": "nll"}, "logits, responses"),
    ("gradient", {"of": "nll", "adapter": "batch"}, "logits, tokens, lengths"),
    ("marginals", {"prompts": True}, "logits"),
    ("kl", {"adapter": "batch"}, "logits_p, logits_q, prefixes, lengths"),
    ("kl-estimator", {"adapter": "next-token"}, "logits_p, logits_q, response"),
    ("kl-estimator", {"adapter": "batch"}, "log_p, log_q, lengths"),
    ("kl-estimator", {"prompts": True}, "logits_p, logits_q, prompt, response"),
    ("entropy", {"adapter": "table"}, "logits"),
]


@pytest.mark.parametrize(("kind", "settings", "named"), CALLS)
def test_how_it_was_called_is_said_as_it_was(kind, settings, named):
    calls = []

    def mine(*arguments):
        calls.append(arguments)
        raise LookupError("not today")

    with pytest.raises(TabularBellmanError) as caught:
        check(kind, mine, **settings)
    adapter = settings.get("adapter", "dict")
    assert str(caught.value).endswith(f"; it was called as f({named}), adapter '{adapter}'.")
    assert [len(call) for call in calls] == [len(named.split(", "))]


def test_keywords_are_part_of_how_it_was_called():
    def mine(rewards, *, temperature, discount, reference):
        raise LookupError("not today")

    with pytest.raises(TabularBellmanError, match=r"as f\(rewards, discount=…, reference=…, temperature=…\), adapter"):
        check("soft-bellman", mine)

    def draws(logits, n, seed, temperature):
        raise LookupError("not today")

    with pytest.raises(TabularBellmanError, match=r"as f\(logits, n, seed=…, temperature=…\), adapter 'dict'\.$"):
        check("sampler", draws)


@pytest.mark.parametrize("name", ["batch", "next-token"])
def test_some_adapters_have_no_prompts(name):
    with pytest.raises(TabularBellmanError, match=rf"adapter '{name}' has no prompts; .*one of 'dict', 'mdp', 'table'"):
        adapter_of(name, prompts=True)


def test_a_draw_for_an_unknown_prompt_cannot_be_read():
    o = options("sampler", prompts=True)
    with pytest.raises(Unreadable, match="a response to prompt 'b'"):
        o.adapter.read_response(PROMPTS, ("b", (None,)))
    with pytest.raises(Unreadable, match=r"where a pair \(prompt, response\) was expected"):
        o.adapter.read_response(PROMPTS, (None,))
