import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import total
from strategies import as_dict, plain, spaces, tables, tree_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    soft_bellman,
)
from tabular_bellman.extended import logsumexp, normalise


@given(tables())
def test_views_items_and_keys_show_the_same_numbers(table):
    space = table.space
    for (prompt, prefix, action), value in table.items():
        p = space.prompt_index(prompt)
        nested = tuple(space.token_index(token) for token in prefix)
        t = len(prefix)
        assert table[t].shape == (space.n_prompts, *(space.n_tokens,) * t, space.n_actions(t))
        assert table[t][(p, *nested, space.action_index(t, action))] == value
        assert table[prompt, prefix, action] == value
    assert len(table) == space.n_depths
    assert len(list(table)) == space.n_depths


@given(tables())
def test_every_constructor_rebuilds_a_table(table):
    space = table.space
    items = dict(table.items())
    assert StateActionTable.from_dict(space, items) == table
    assert StateActionTable.from_function(space, lambda *key: items[key]) == table
    assert StateActionTable.from_arrays(space, list(table)) == table
    assert StateActionTable.from_levels(space, table.levels) == table
    assert StateActionTable.from_vector(space, table.to_vector()) == table


@given(spaces(), st.integers(0, 1000))
def test_every_constructor_rebuilds_a_state_table(space, seed):
    table = StateTable.random(space, seed)
    items = dict(table.items())
    assert StateTable.from_dict(space, items) == table
    assert StateTable.from_function(space, lambda *key: items[key]) == table
    assert StateTable.from_arrays(space, list(table)) == table
    assert StateTable.from_vector(space, table.to_vector()) == table
    assert all(table[key] == value for key, value in items.items())


@given(spaces(), st.integers(0, 1000))
def test_rewards_of_responses_add_up_along_each_response(space, seed):
    rng = np.random.default_rng(seed)
    array = rng.standard_normal((space.n_prompts, space.n_responses_per_prompt))
    by_array = StateActionTable.from_responses(space, array)
    lookup = {(x, y): array[i, j] for i, x in enumerate(space.prompts) for j, y in enumerate(space.responses())}
    assert StateActionTable.from_responses(space, lambda prompt, y: lookup[prompt, y]) == by_array
    table = as_dict(by_array)
    for (prompt, response), reward in lookup.items():
        assert total(table, prompt, plain(response)) == reward
    steps_before_the_last = [v for (_, s, a), v in by_array.items() if a is not EOS and len(s) + 1 < space.n_depths]
    assert not any(steps_before_the_last)


def test_one_prompt_may_leave_out_its_axis():
    space = SequenceSpace(2, max_length=2)
    expected = StateActionTable.from_responses(space, [[1.0, 2.0, 3.0]])
    assert StateActionTable.from_responses(space, [1.0, 2.0, 3.0]) == expected
    assert expected[None, (1,), EOS] == 3.0


def test_views_are_read_only_and_copies_are_taken():
    space = SequenceSpace(2, max_length=2)
    arrays = [np.zeros((1, 3)), np.zeros((1, 2, 1))]
    table = StateActionTable.from_arrays(space, arrays)
    arrays[0][:] = 7.0
    assert table == StateActionTable.zeros(space)
    with pytest.raises(ValueError, match="read-only"):
        table[0][0, 0] = 1.0


def test_same_seed_same_bytes():
    space = SequenceSpace(3, max_length=4)
    assert StateActionTable.random(space, 5) == StateActionTable.random(space, np.random.default_rng(5))
    assert StateActionTable.random(space, 5) != StateActionTable.random(space, 6)
    assert StateActionTable.random(space, 5, scale=2.0) == 2.0 * StateActionTable.random(space, 5)


@given(tables())
def test_arithmetic(table):
    zero = StateActionTable.zeros(table.space)
    assert table + zero == table
    assert table + table == 2.0 * table == table * np.float64(2.0)
    assert (table + 1.0 - 1.0).allclose(table, atol=1e-12)
    assert table / 2.0 == 0.5 * table
    # What is forbidden stays forbidden, under a difference and under a factor 0 too.
    for ours, difference, product in zip(table.levels, (table - table).levels, (0.0 * table).levels, strict=True):
        expected = np.where(np.isneginf(ours), -np.inf, 0.0)
        np.testing.assert_array_equal(difference, expected)
        np.testing.assert_array_equal(product, expected)


def test_arithmetic_with_numbers_on_either_side():
    table = StateActionTable.from_function(SequenceSpace(1, max_length=2), lambda x, s, a: 1.0 + len(s))
    assert 3.0 - table == -table + 3.0 == -(table - 3.0)
    assert np.float64(2.0) * table == table + table


def test_comparison_counts_shared_minus_infinity_as_equal():
    space = SequenceSpace(1, max_length=1)
    forbidden = StateActionTable.from_dict(space, {(None, (), EOS): -math.inf})
    allowed = StateActionTable.zeros(space)
    assert forbidden.max_abs_difference(forbidden) == 0.0
    assert forbidden.max_abs_difference(allowed) == math.inf
    assert forbidden.allclose(forbidden)
    assert not forbidden.allclose(allowed, atol=1e300)
    assert forbidden != allowed
    assert allowed != "a table"


@given(tables())
def test_centring_leaves_the_policy_and_balances_each_prefix(table):
    logits, _ = soft_bellman(table)
    centered = logits.centered()
    for level in centered.levels:
        allowed = np.isfinite(level)
        sums = np.where(allowed, level, 0.0).sum(axis=0)
        size = np.abs(np.where(allowed, level, 0.0)).max(initial=1.0)
        assert np.abs(sums).max() <= 1e-12 * size
    size = max(np.abs(np.where(np.isfinite(q), q, 0.0)).max() for q in logits.levels)
    assert centered.log_softmax().allclose(logits.log_softmax(), atol=1e-14 * (1.0 + size))


@given(spaces(), st.integers(0, 1000))
def test_shaping_moves_rewards_by_the_root_potential_and_logits_by_the_potential(space, seed):
    rng = np.random.default_rng(seed)
    reward, potential = StateActionTable.random(space, rng), StateTable.random(space, rng)
    before, after = as_dict(reward), as_dict(reward.shaped(potential))
    for prompt in space.prompts:
        for y in tree_of(space).responses():
            moved = total(after, prompt, y) - total(before, prompt, y)
            assert moved == pytest.approx(potential[prompt, ()], abs=1e-12)
    logits, _ = soft_bellman(reward)
    shaped_logits, _ = soft_bellman(reward.shaped(potential))
    for q, shaped_q, phi in zip(logits.levels, shaped_logits.levels, potential.levels, strict=True):
        np.testing.assert_allclose(shaped_q, q + phi, atol=1e-12)


def test_softmax_of_nothing_is_nothing():
    space = SequenceSpace(1, max_length=2)
    table = StateActionTable.from_dict(space, {(None, (0,), EOS): -math.inf}, default=0.0)
    assert table.softmax()[None, (0,), EOS] == 0.0
    assert table.log_softmax()[None, (0,), EOS] == -math.inf


def bigram(prompt, prefixes):
    table = {"start": [0.0, 1.0, -1.0], 0: [0.5, -0.5, 2.0], 1: [1.5, -math.inf, 0.25]}
    return [table[prefix[-1] if prefix else "start"] for prefix in prefixes]


def test_a_language_model_gets_in_and_what_is_cut_off_is_reported():
    space = SequenceSpace(2, max_length=3)
    table = StateActionTable.from_next_token_logits(space, bigram)
    assert table[None, (1,), EOS] == 0.25
    assert table[None, (1,), 1] == -math.inf
    # By hand: the language model's probability of every string of the space, from its own softmax.
    softmax = {k: np.exp(bigram(None, [(k,) if k != "start" else ()])[0]) for k in ("start", 0, 1)}
    softmax = {k: row / row.sum() for k, row in softmax.items()}
    inside = 0.0
    for response in space.responses():
        p, state = 1.0, "start"
        for action in response:
            p *= softmax[state][2 if action is EOS else action]
            state = action
        inside += p
    assert table.cut_off == pytest.approx([1.0 - inside], abs=1e-14)
    assert f"cut off: {1.0 - inside:.4g}" in repr(table)
    # Conditional on what was not cut off before the last step, nothing else has changed.
    model = AutoregressiveModel(table)
    assert model.policy[None, (), EOS] == pytest.approx(softmax["start"][2])
    assert (table + 0.0).cut_off is None


@pytest.mark.parametrize("space", [SequenceSpace(2, max_length=4), SequenceSpace(2, max_length=3, min_length=2)])
def test_a_language_model_conditioned_on_the_space(space):
    """With log-probabilities the table read as rewards is the language model given that its string fits."""

    def log_probabilities(prompt, prefixes):
        return normalise(np.array(bigram(prompt, prefixes)).T).T

    table = StateActionTable.from_next_token_logits(space, log_probabilities)
    model = EnergyBasedModel(table)
    assert math.exp(model.log_partition()) == pytest.approx(1.0 - table.cut_off[0])
    weights = [math.exp(total(as_dict(table), None, plain(y))) for y in space.responses()]
    np.testing.assert_allclose(model.probabilities()[0], np.array(weights) / sum(weights), atol=1e-14)


def test_cut_off_counts_what_is_too_short_as_well():
    fixed = StateActionTable.from_next_token_logits(
        SequenceSpace.fixed_length(2, 2), lambda x, s: np.zeros((len(s), 3))
    )
    assert fixed.cut_off == pytest.approx([1 - 4 / 9])
    longer = SequenceSpace(2, max_length=3, min_length=2, prompts=["x", "y"])
    table = StateActionTable.from_next_token_logits(longer, lambda x, s: np.zeros((len(s), 3)))
    assert table.cut_off == pytest.approx([1 - (2 / 9 + 4 / 27)] * 2)


def test_deep_spaces_have_flat_storage_where_numpy_has_no_view():
    space = SequenceSpace(1, max_length=100)
    table = StateActionTable.zeros(space)
    assert table[61].shape == (1,) * 62 + (2,)
    assert table.levels[99].shape == (1, 1)
    assert EnergyBasedModel(table).log_partition() == pytest.approx(math.log(100))


@given(tables())
def test_tables_can_be_pickled_and_copied(table):
    for again in (pickle.loads(pickle.dumps(table)), copy.deepcopy(table)):
        assert again == table
        assert again.cut_off is None
        assert not any(level.flags.writeable for level in again.levels)


def test_tables_over_spaces_that_differ_are_not_equal():
    ab, ba = (StateActionTable.zeros(SequenceSpace(vocab, max_length=2)) for vocab in ("ab", "ba"))
    assert ab != ba


def test_a_shared_minus_infinity_hides_no_difference():
    space = SequenceSpace.fixed_length(2, 1)
    one, other = (StateActionTable.from_arrays(space, [[[-math.inf, x]]]) for x in (1.0, 1.5))
    assert one.max_abs_difference(other) == 0.5
    assert one.allclose(other, rtol=0.34)
    assert not one.allclose(other, rtol=0.33)


def test_a_negative_divisor():
    table = StateActionTable.random(SequenceSpace(1, max_length=2), 0)
    assert table / -2.0 == -0.5 * table


def test_each_prompt_gets_its_own_logits_and_cut_off():
    def by_prompt(prompt, prefixes):
        return [[0.0, 1.0, -1.0] if prompt == "x" else [1.0, 0.0, 2.0] for _ in prefixes]

    both = StateActionTable.from_next_token_logits(SequenceSpace(2, max_length=3, prompts=["x", "y"]), by_prompt)
    for p, prompt in enumerate("xy"):
        alone = StateActionTable.from_next_token_logits(SequenceSpace(2, max_length=3, prompts=[prompt]), by_prompt)
        assert both.cut_off[p] == pytest.approx(alone.cut_off[0])
        assert {key: value for key, value in both.items() if key[0] == prompt} == dict(alone.items())


def test_the_log_sum_of_nothing():
    assert np.isneginf(logsumexp(np.empty((0, 2)))).all()
