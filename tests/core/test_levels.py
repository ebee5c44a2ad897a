"""The maps on plain arrays: the same numbers as on tables, written where the caller says."""

import math
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import spaces, tables

from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    inverse_soft_bellman,
    kl_divergence,
    levels,
    prefix_marginals,
    soft_bellman,
)


def bytes_of(arrays):
    return [array.tobytes() for array in arrays]


@given(tables(), st.sampled_from([1.0, 0.5]), st.sampled_from([1.0, 0.5]))
def test_the_same_bytes_as_on_tables_written_to_out(reward, temperature, discount):
    space = reward.space
    for _ in range(2):  # what out held before does not matter
        out = levels.empty_pairs(space), levels.empty_prefixes(space)
        found = levels.soft_bellman(space, reward.levels, temperature=temperature, discount=discount, out=out)
        assert found[0] is out[0]
        assert found[1] is out[1]
        logits, values = soft_bellman(reward, temperature=temperature, discount=discount)
        assert bytes_of(out[0]) == bytes_of(logits.levels)
        assert bytes_of(out[1]) == bytes_of(values.levels)
    back = levels.empty_pairs(space)
    assert (
        levels.inverse_soft_bellman(space, logits.levels, temperature=temperature, discount=discount, out=back) is back
    )
    again = inverse_soft_bellman(logits, temperature=temperature, discount=discount)
    assert bytes_of(back) == bytes_of(again.levels)
    policy, passing = levels.empty_pairs(space), levels.empty_prefixes(space)
    assert levels.log_softmax(space, logits.levels, out=policy) is policy
    assert bytes_of(policy) == bytes_of(logits.log_softmax().levels)
    assert levels.prefix_marginals(space, logits.levels, out=passing) is passing
    assert bytes_of(passing) == bytes_of(prefix_marginals(logits).levels)


@given(tables())
def test_log_probabilities_and_log_partition_are_those_of_the_models(reward):
    space = reward.space
    model = EnergyBasedModel(reward)
    log_partition = levels.log_partition(space, reward.levels)
    np.testing.assert_allclose(log_partition, np.atleast_1d(model.log_partition()), rtol=1e-13, atol=1e-13)
    logits, _ = soft_bellman(reward)
    found = levels.response_log_probs(space, logits.levels)
    out = [np.empty(level.shape) for level in found]
    assert levels.response_log_probs(space, logits.levels, out=out) is out
    assert bytes_of(out) == bytes_of(found)
    ours = np.sort(np.concatenate([level.ravel() for level in found]))
    np.testing.assert_allclose(ours, np.sort(model.log_probabilities().ravel()), rtol=1e-11, atol=1e-10)


@given(st.data())
def test_kl_by_the_chain_rule_is_kl_over_responses(data):
    space = data.draw(spaces())
    logits, others = (data.draw(tables(space)) for _ in range(2))
    logits, others = (soft_bellman(table)[0] for table in (logits, others))
    found = levels.kl_divergence(space, logits.levels, others.levels)
    expected = np.atleast_1d(kl_divergence(AutoregressiveModel(logits), AutoregressiveModel(others)))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert (levels.kl_divergence(space, logits.levels, logits.levels) == 0.0).all()


def test_the_values_of_a_forced_last_step_share_memory_with_its_logits():
    space = SequenceSpace(2, max_length=3)
    logits, values = levels.soft_bellman(space, StateActionTable.random(space, 0).levels)
    assert np.shares_memory(logits[-1], values[-1])
    fixed = SequenceSpace.fixed_length(2, 3)
    logits, values = levels.soft_bellman(fixed, StateActionTable.random(fixed, 0).levels)
    assert not np.shares_memory(logits[-1], values[-1])


def peak(function):
    function()
    tracemalloc.start()
    try:
        kept = function()
        return tracemalloc.get_traced_memory()[1], kept
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("space", [SequenceSpace(2, max_length=20), SequenceSpace.fixed_length(3, 13)], ids=str)
def test_nothing_is_stored_but_what_is_returned(space):
    reward = StateActionTable.random(space, 0)
    r, blocks = reward.levels, 7.9 * 2**20  # a few blocks of 1 MiB, however large the tree
    assert space.table_bytes > 2 * blocks
    most = {
        "soft_bellman": (lambda: soft_bellman(reward), space.table_bytes + 8 * space.n_prefixes),
        "inverse": (lambda: inverse_soft_bellman(reward), space.table_bytes),
        "prefix_marginals": (lambda: prefix_marginals(reward), 8 * space.n_prefixes),
        "log_softmax": (reward.log_softmax, space.table_bytes),
        "softmax": (reward.softmax, space.table_bytes),
        "log_partition": (lambda: levels.log_partition(space, r), 0),
        "kl_divergence": (lambda: levels.kl_divergence(space, r, r), 0),
    }
    for name, (function, kept) in most.items():
        assert peak(function)[0] <= kept + blocks, name
    out = levels.empty_pairs(space), levels.empty_prefixes(space)
    assert peak(lambda: levels.soft_bellman(space, r, out=out))[0] <= blocks


SPACE = SequenceSpace("ab", max_length=3)
R = StateActionTable.random(SPACE, 0).levels


def changed(t, array):
    return [array if depth == t else level for depth, level in enumerate(R)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: levels.soft_bellman(SPACE, R[:2]), "rewards: 2 arrays given; 3 are needed"),
        (lambda: levels.soft_bellman(SPACE, R[0]), "rewards is a ndarray; it must be a list or tuple"),
        (lambda: levels.soft_bellman(3, R), "the space is a int"),
        (lambda: levels.soft_bellman(SPACE, changed(1, R[1].T)), "array 1 is float64 of shape (2, 3); it must be"),
        (lambda: levels.soft_bellman(SPACE, changed(1, R[1].astype("f4"))), "array 1 is float32 of shape (3, 2)"),
        (
            lambda: levels.soft_bellman(SPACE, changed(1, [[1.0]])),
            "array 1 is list; it must be float64 of shape (3, 2)",
        ),
        (lambda: levels.soft_bellman(SPACE, changed(2, np.zeros((1, 8))[:, ::2])), "array 2 is not C-ordered"),
        (lambda: levels.soft_bellman(SPACE, R, temperature=0.0), "temperature is 0.0"),
        (lambda: levels.soft_bellman(SPACE, R, discount=2.0), "discount is 2.0"),
        (lambda: levels.soft_bellman(SPACE, R, log_reference=R[:1]), "log_reference: 1 arrays given"),
        (lambda: levels.soft_bellman(SPACE, R, out=levels.empty_pairs(SPACE)), "out is a list; it must be a tuple"),
        (lambda: levels.soft_bellman(SPACE, R, out=(R,)), "out holds 1 things; it is a pair"),
        (
            lambda: levels.soft_bellman(SPACE, R, out=(R, levels.empty_prefixes(SPACE))),
            "the logits of out: array 0 is read-only; levels of a table are. Use empty_pairs",
        ),
        (
            lambda: levels.log_partition(SPACE, changed(1, np.full((3, 2), math.nan))),
            "the reward is nan at prompt None",
        ),
        (
            lambda: levels.log_softmax(SPACE, changed(1, np.full((3, 2), math.inf))),
            "logits: inf at prompt None, prefix",
        ),
        (
            lambda: levels.inverse_soft_bellman(SPACE, changed(1, np.full((3, 2), -math.inf))),
            "leads to the dead prefix ('a',)",
        ),
        (lambda: levels.prefix_marginals(SPACE, R, out=levels.empty_pairs(SPACE)), "out: array 0 is float64 of shape"),
        (lambda: levels.response_log_probs(SPACE, R, out=[]), "out: 0 arrays given; 3 are needed"),
        (lambda: levels.kl_divergence(SPACE, R, R[:1]), "others: 1 arrays given"),
        (lambda: levels.empty_pairs(SequenceSpace(9, max_length=60)), "Levels over <SequenceSpace"),
        (lambda: levels.empty_prefixes("space"), "the space is a str"),
    ],
)
def test_bad_input_is_refused_with_what_and_where(call, message):
    with pytest.raises(TabularBellmanError, match=re.escape(message)):
        call()


def test_what_is_written_must_not_be_what_is_read():
    rewards = [level.copy() for level in R]
    logits, values = levels.empty_pairs(SPACE), levels.empty_prefixes(SPACE)
    with pytest.raises(TabularBellmanError, match=r"the logits of out: array \d shares memory"):
        levels.soft_bellman(SPACE, rewards, out=(rewards, values))
    values[2] = logits[2][0]
    with pytest.raises(TabularBellmanError, match="the values of out: array 2 shares memory"):
        levels.soft_bellman(SPACE, rewards, out=(logits, values))
    for function in (levels.inverse_soft_bellman, levels.log_softmax):
        with pytest.raises(TabularBellmanError, match=r"out: array \d shares memory"):
            function(SPACE, rewards, out=rewards)


def test_logits_that_are_no_model_are_refused():
    space = SequenceSpace.fixed_length(2, 2)
    fine = StateActionTable.zeros(space).levels
    into_dead = [fine[0], np.array([[0.0, -math.inf]] * 2)]
    empty = [np.full((2, 1), -math.inf), np.full((2, 2), -math.inf)]
    for wrong, message in ((into_dead, r"leads to the dead prefix \(1,\)"), (empty, "every response to prompt None")):
        for call in (
            lambda wrong=wrong: levels.response_log_probs(space, wrong),
            lambda wrong=wrong: levels.kl_divergence(space, wrong, fine),
            lambda wrong=wrong: levels.kl_divergence(space, fine, wrong),
        ):
            with pytest.raises(TabularBellmanError, match=message):
                call()
    assert levels.prefix_marginals(space, into_dead)[1].tolist() == [0.5, 0.5]  # half gets there, and ends


def test_a_reference_that_is_no_number_is_refused():
    for value in (math.nan, math.inf):
        with pytest.raises(TabularBellmanError, match=rf"log_reference: {value} at prompt None"):
            levels.soft_bellman(SPACE, R, log_reference=changed(1, np.full((3, 2), value)))
