import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import total
from strategies import as_dict, tables, tree_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
    inverse_soft_bellman,
    soft_bellman,
)
from tabular_bellman.gauges import live_pairs, potential_between, pruned, shift_between, shifted
from tabular_bellman.representatives import log_normalised_reward

INF = math.inf
SEEDS = st.integers(0, 2**32 - 1)
MODERATE = st.sampled_from([0.0, 1.0, 30.0])


def passed(table):
    """The keys of all pairs that an allowed response takes, and of all prefixes that one passes, by enumeration."""
    values, tree = as_dict(table), tree_of(table.space)
    pairs = {
        (prompt, y[:t], y[t])
        for prompt in table.space.prompts
        for y in tree.responses()
        if total(values, prompt, y) > -INF
        for t in range(len(y))
    }
    return pairs, {key[:2] for key in pairs}


def as_potential(space, rng, scale=1.0):
    return StateTable.random(space, rng, scale)


# -- what allowed responses take -------------------------------------------------------------------------------------


@given(tables())
def test_live_pairs_are_those_of_allowed_responses(table):
    flags = StateActionTable.from_levels(table.space, [level.astype(float) for level in live_pairs(table)])
    pairs, _ = passed(table)
    assert {key for key, flag in as_dict(flags).items() if flag} == pairs


@given(tables())
def test_pruned_keeps_allowed_responses_and_nothing_else(table):
    found, values = as_dict(pruned(table)), as_dict(table)
    pairs, _ = passed(table)
    assert all(found[key] == (values[key] if key in pairs else -INF) for key in values)
    assert pruned(pruned(table)) == pruned(table)
    before, after = EnergyBasedModel(table), EnergyBasedModel(pruned(table))
    assert np.array_equal(before.log_probabilities(), after.log_probabilities())


@given(tables(scales=MODERATE))
def test_pruning_commutes_with_the_soft_bellman_map(reward):
    ours, theirs = soft_bellman(pruned(reward))[0], pruned(soft_bellman(reward)[0])
    assert ours.allclose(theirs, atol=1e-12)


# -- rewards -----------------------------------------------------------------------------------------------------------


@given(tables(), SEEDS, st.sampled_from([0.01, 1.0, 1e4]))
def test_the_potential_is_found_again(reward, seed, scale):
    potential = as_potential(reward.space, seed, scale)
    _, prefixes = passed(reward)
    found, size = potential_between(reward, reward.shaped(potential)), scale + 1000.0
    for key, value in found.items():
        assert abs(value - (potential[key] if key in prefixes else 0.0)) <= 1e-12 * size


@given(tables(), SEEDS)
def test_the_potential_at_the_root_is_the_constant(reward, seed):
    shaped = reward.shaped(as_potential(reward.space, seed))
    found = potential_between(reward, shaped)
    one, two, tree = as_dict(reward), as_dict(shaped), tree_of(reward.space)
    for prompt in reward.space.prompts:
        for y in tree.responses():
            if total(one, prompt, y) > -INF:
                gap = total(two, prompt, y) - total(one, prompt, y)
                assert gap == pytest.approx(found[prompt, ()], abs=1e-9)


@given(tables(scales=MODERATE))
def test_the_potential_is_the_difference_of_values(reward):
    back = inverse_soft_bellman(soft_bellman(pruned(reward))[0].log_softmax())
    found = potential_between(reward, back)
    _, values = soft_bellman(reward)
    _, prefixes = passed(reward)
    for key in prefixes:
        assert found[key] == pytest.approx(-values[key], abs=1e-11)


@given(tables(), SEEDS)
def test_a_reward_that_moves_beyond_rounding_is_told_apart(reward, seed):
    """One pair at a prefix with a choice, by 1e-10 of the largest number: no shaping does that."""
    shaped = reward.shaped(as_potential(reward.space, seed))
    live = live_pairs(reward)
    choices = [(t, i) for t, level in enumerate(live) for i in np.flatnonzero(level.sum(axis=0) > 1)]
    if not choices:
        return
    t, index = choices[seed % len(choices)]
    row = int(np.flatnonzero(live[t][:, index])[0])
    size = max(np.abs(level[np.isfinite(level)]).max(initial=1.0) for level in (*reward.levels, *shaped.levels))
    levels = [level.copy() for level in shaped.levels]
    levels[t][row, index] += 1e-10 * size
    with pytest.raises(TabularBellmanError, match="give different models"):
        potential_between(reward, StateActionTable.from_levels(reward.space, levels))


def test_by_hand():
    space = SequenceSpace("a", max_length=2)
    reward = StateActionTable.from_arrays(space, [[[1.0, 2.0]], [[[3.0]]]])
    other = StateActionTable.from_arrays(space, [[[0.0, 7.0]], [[[9.0]]]])  # R is 4 and 2, then 9 and 7
    found = potential_between(reward, other)
    assert found[None, ()] == pytest.approx(5.0)
    assert found[None, ("a",)] == pytest.approx(6.0)  # 9 - 3


def test_the_first_difference_is_named():
    space = SequenceSpace("ab", max_length=3, prompts=["x", "y"])
    reward = StateActionTable.zeros(space)
    keys = [("y", ("b",), EOS), ("x", (), "a")]
    other = StateActionTable.from_dict(space, dict.fromkeys(keys, 0.5), default=0.0)
    # The deeper of the two, where it is told which actions differ.
    with pytest.raises(
        TabularBellmanError, match=r"'y', prefix \('b',\), the second gives 0.5 more .* EOS, and 0 more"
    ):
        potential_between(reward, other)
    forbidden = StateActionTable.from_dict(space, {("y", ("b",), EOS): -INF}, default=0.0)
    with pytest.raises(TabularBellmanError, match=r"'y', prefix \('b',\), action EOS, the first table allows"):
        potential_between(reward, forbidden)
    with pytest.raises(TabularBellmanError, match="the second table allows .* the first none"):
        potential_between(forbidden, reward)


def test_a_tolerance_allows_as_much_for_each_number_and_no_more():
    space = SequenceSpace.fixed_length(2, 2)
    reward = StateActionTable.random(space, 0)
    rng = np.random.default_rng(1)
    levels = [level + 1e-3 * rng.choice([-1.0, 1.0], level.shape) for level in reward.levels]
    other = StateActionTable.from_levels(space, levels)
    with pytest.raises(TabularBellmanError, match="pass a larger atol"):
        potential_between(reward, other)
    found = potential_between(reward, other, atol=1.001e-3)
    assert found.max_abs_difference(StateTable.zeros(space)) <= 4e-3
    one = [[[0.0, 0.0]], [[[0.0, 1.0], [0.0, 0.0]]]]
    far = StateActionTable.from_arrays(space, one)
    potential_between(StateActionTable.zeros(space), far, atol=0.5)
    with pytest.raises(TabularBellmanError, match="different models"):
        potential_between(StateActionTable.zeros(space), far, atol=0.499)


def test_what_is_left_open_below_is_carried_up():
    """All numbers move by 1, none by more, so that φ = 0 will do; but of the prefix 1 alone φ would be 1."""
    space = SequenceSpace.fixed_length(2, 2)
    moved = StateActionTable.from_arrays(space, [[[-1.0, 1.0]], [[[1.0, -1.0], [1.0, 1.0]]]])
    potential_between(StateActionTable.zeros(space), moved, atol=1.0 + 1e-9)
    with pytest.raises(TabularBellmanError, match="different models"):
        potential_between(StateActionTable.zeros(space), moved, atol=1.0 - 1e-9)


def test_what_no_allowed_response_takes_may_hold_anything():
    space = SequenceSpace(2, max_length=3)
    unreached = {(None, (), 1): -INF}
    one = StateActionTable.from_dict(space, unreached, default=0.0)
    two = StateActionTable.from_dict(space, unreached | {(None, (1,), 0): 5.0, (None, (1,), EOS): -INF}, default=0.0)
    assert potential_between(one, two) == StateTable.zeros(space)
    assert shift_between(one, two) == StateTable.zeros(space)


# -- logits ------------------------------------------------------------------------------------------------------------


def as_logits(table):
    return pruned(table)


@given(tables(), SEEDS)
def test_the_shift_is_found_again(table, seed):
    logits, shift = as_logits(table), as_potential(table.space, seed)
    found = shift_between(logits, shifted(logits, shift))
    _, prefixes = passed(table)
    for key, value in found.items():
        assert abs(value - (shift[key] if key in prefixes else 0.0)) <= 1e-11


@given(tables(), SEEDS)
def test_a_shift_keeps_the_policy(table, seed):
    logits = as_logits(table)
    found = shifted(logits, as_potential(table.space, seed))
    assert found.log_softmax().allclose(logits.log_softmax(), atol=1e-9)
    assert np.isneginf(found.to_vector()).tolist() == np.isneginf(logits.to_vector()).tolist()


@given(tables(scales=MODERATE), SEEDS)
def test_shaped_rewards_have_shifted_logits(reward, seed):
    potential = as_potential(reward.space, seed)
    ours, _ = soft_bellman(reward.shaped(potential))
    theirs = shifted(soft_bellman(reward)[0], potential)
    assert ours.allclose(theirs, atol=1e-11)
    back = shift_between(pruned(soft_bellman(reward)[0]), pruned(ours))
    assert back.allclose(potential_between(reward, reward.shaped(potential)), atol=1e-11)


@given(tables())
def test_log_softmax_and_centred_are_shifts(table):
    logits = as_logits(table)
    for other in (logits.log_softmax(), logits.centered()):
        shift_between(logits, other)


def test_log_softmax_is_one_table_for_each_policy_and_pruned_one_for_each_model():
    space = SequenceSpace(2, max_length=3)
    unreached = {(None, (), 1): -INF}
    one = StateActionTable.from_dict(space, unreached, default=0.0)
    two = StateActionTable.from_dict(space, unreached | {(None, (1,), 0): 5.0}, default=0.0)
    models = [AutoregressiveModel(table).log_probabilities() for table in (one, two)]
    assert np.array_equal(*models)
    assert one.log_softmax() != two.log_softmax()
    assert pruned(one).log_softmax() == pruned(two).log_softmax() == log_normalised_reward(inverse_soft_bellman(one))


def test_logits_that_differ_are_told_apart():
    space = SequenceSpace("ab", max_length=3, prompts=["x", "y"])
    logits = StateActionTable.zeros(space)
    other = StateActionTable.from_dict(space, {("x", ("a",), "b"): -1.0}, default=0.0)
    with pytest.raises(TabularBellmanError, match=r"'x', prefix \('a',\), the second gives 0 more .* -1 more .* 'b'"):
        shift_between(logits, other)
    shift_between(logits, other, atol=0.5)
    forbidden = StateActionTable.from_dict(space, {("x", ("a",), "b"): -INF}, default=0.0)
    with pytest.raises(TabularBellmanError, match="logits give different models: .* the first table allows"):
        shift_between(logits, pruned(forbidden))


# -- what rounding is allowed for, and no more -------------------------------------------------------------------------


BETWEEN = (potential_between, shift_between)
UNIT = 2.0**-53


def one_choice(*logits):
    """A single step of two actions."""
    return StateActionTable.from_responses(SequenceSpace.fixed_length(2, 1), logits)


def allowed(size):
    """How far two actions may be apart: the width of each, 8 + 2 units of rounding of the size."""
    return 2.0 * 10.0 * UNIT * size


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("size", [1.0, 1e8])
def test_rounding_is_allowed_for_to_its_width(between, size):
    """Of r = (0, 0) and r' = (x, x + gap), with 1 + |r'| the size."""
    large = size - 1.0
    gap = float(np.float64(large) + 0.9 * allowed(size)) - large
    assert gap > 0.8 * allowed(size)
    between(one_choice(0.0, 0.0), one_choice(large, large + gap))
    for widths in (3.0, 30.0):
        with pytest.raises(TabularBellmanError, match="give different models"):
            between(one_choice(0.0, 0.0), one_choice(large, large + widths * allowed(size)))


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("size", [1.0, 1e8])
@pytest.mark.parametrize("atol", [1e-3, 0.5])
def test_a_tolerance_is_allowed_for_to_its_edge(between, size, atol):
    large, rounding = size - 1.0, 2.0 * allowed(size)
    between(one_choice(0.0, 0.0), one_choice(large, large + 2.0 * 0.99 * atol), atol=atol)
    with pytest.raises(TabularBellmanError, match="give different models"):
        between(one_choice(0.0, 0.0), one_choice(large, large + 2.0 * 1.01 * atol + rounding), atol=atol)


def from_steps(*levels):
    """Rewards of one token: token and EOS at each step, EOS alone at the last."""
    space = SequenceSpace(1, max_length=len(levels))
    return StateActionTable.from_levels(space, [np.array(level)[:, None] for level in levels])


@pytest.mark.parametrize(
    "reward",
    [
        from_steps([0.1, 0.0], [0.0, 1e3], [0.0]),
        from_steps([0.1, 0.0], [0.0, 0.0], [1e8]),
        from_steps([0.1, -0.3], [1e5, 0.7], [-1e5]),
    ],
)
def test_what_the_soft_bellman_map_and_its_inverse_round_is_no_difference(reward):
    back = inverse_soft_bellman(soft_bellman(reward)[0])
    assert back != reward  # 0.1 has lost the digits that 1e3 has no room for
    found = potential_between(reward, back)
    size = 1.0 + max(np.abs(level).max() for level in reward.levels)
    assert found.max_abs_difference(StateTable.zeros(reward.space)) <= 100.0 * UNIT * size


@given(tables(), SEEDS)
def test_there_and_back_is_no_difference_whatever_the_sizes(table, seed):
    """Rewards of sizes that differ from step to step, and from action to action."""
    rng = np.random.default_rng(seed)
    sizes = np.array([1e-3, 1.0, 1e3, 1e6])
    reward = StateActionTable.from_levels(
        table.space, [level * rng.choice(sizes, level.shape) / 30.0 for level in table.levels]
    )
    logits, _ = soft_bellman(reward)
    back = inverse_soft_bellman(logits)
    potential_between(reward, back)
    potential_between(back, reward)
    shift_between(pruned(logits), pruned(soft_bellman(back)[0]))
    potential_between(reward, reward.shaped(as_potential(table.space, seed, float(rng.choice(sizes)))))


def test_what_rounding_leaves_open_is_carried_up():
    """After the root 1e8 and -1e8 cancel, and what is left of 0.1 is off by 1e-8, of which the root shows nothing."""
    reward = from_steps([0.0, 0.0], [1e8, -INF], [0.1 - 1e8])
    shaped = reward.shaped(StateTable.from_levels(reward.space, [np.zeros(1), np.zeros(1), np.full(1, -1e9 / 3.0)]))
    sums = [table[None, (0,), 0] + table[None, (0, 0), EOS] for table in (reward, shaped)]
    assert 1e-9 < abs(sums[0] - sums[1]) < 1e-7
    assert np.array_equal(reward[0], shaped[0])
    potential_between(reward, shaped)


@pytest.mark.parametrize(("between", "units"), [(potential_between, 80.0), (shift_between, 40.0)])
def test_what_is_left_open_below_is_as_wide_as_its_numbers(between, units):
    """Numbers of size S in both, after roots of 0 and of (0, gap): each φ or V below is open by 20 units of S.

    A reward of the root is allowed 20 units besides, since the values of all that follows are of that size.
    """
    space, S = SequenceSpace.fixed_length(2, 2), 1e8
    for share, fits in ((0.7, True), (3.0, False)):
        one, other = (
            StateActionTable.from_levels(space, [np.array([[0.0], [gap]]), np.full((2, 2), S)])
            for gap in (0.0, share * units * UNIT * S)
        )
        if fits:
            between(one, other)
        else:
            with pytest.raises(TabularBellmanError, match="give different models"):
                between(one, other)


def test_what_logits_lose_below_is_carried_up():
    """-1000 and 1000 cancel in the logits of the root; what is left differs by 1e-13 in two tables of one model."""
    reward = from_steps([0.1 - 1e3, 0.0], [1e3])
    shaped = reward.shaped(StateTable.from_levels(reward.space, [np.zeros(1), np.full(1, 1e3 / 7.0)]))
    logits, others = (soft_bellman(table)[0] for table in (reward, shaped))
    assert 5e-14 < abs(logits[None, (), 0] - others[None, (), 0]) < 1e-12
    assert logits[None, (), EOS] == others[None, (), EOS] == 0.0
    shift_between(logits, others)


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_bad_input():
    space = SequenceSpace(2, max_length=2, prompts=["x", "y"])
    table, states = StateActionTable.zeros(space), StateTable.zeros(space)
    nothing = StateActionTable.from_dict(space, {("y", (), a): -INF for a in (0, 1, EOS)}, default=0.0)
    elsewhere = StateActionTable.zeros(SequenceSpace(2, max_length=3))
    for between in (potential_between, shift_between):
        with pytest.raises(TabularBellmanError, match="every response to prompt 'y' is forbidden"):
            between(table, nothing)
        with pytest.raises(TabularBellmanError, match="the two spaces differ"):
            between(table, elsewhere)
        with pytest.raises(TabularBellmanError, match="is a StateTable; it must be a StateActionTable"):
            between(table, states)
        for atol in (-1.0, INF, math.nan):
            with pytest.raises(TabularBellmanError, match="atol is .*; it must be a finite number"):
                between(table, table, atol=atol)
        with pytest.raises(TabularBellmanError, match="overflows float64"):
            between(table + 1.5e308, table - 1.5e308)
    with pytest.raises(TabularBellmanError, match="the shift is -inf at prompt 'y', prefix \\(\\)"):
        shifted(table, StateTable.from_dict(space, {("y", ()): -INF}, default=0.0))
    with pytest.raises(TabularBellmanError, match="the shift is a StateActionTable; it must be a StateTable"):
        shifted(table, table)
    dead = StateActionTable.from_dict(space, {("x", (0,), EOS): -INF}, default=0.0)
    with pytest.raises(TabularBellmanError, match="dead prefix"):
        shift_between(dead, dead)
