import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import log_sum_exp
from strategies import as_dict, tables, tree_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    prefix_marginals,
    soft_bellman,
)
from tabular_bellman.lookahead import backward_within, lookahead_logits
from tabular_bellman.number_systems import ExactWeights

TEMPERATURES = st.sampled_from([1.0, 0.5, 3.0])


def ahead(tree, table, prompt, prefix, horizon, temperature):
    """τ log Σ over the ways to go on for at most `horizon` steps, each written out."""
    if horizon == 0 or prefix in tree.responses():
        return [0.0]
    totals = []
    for action in tree.actions(prefix):
        step = table[prompt, prefix, action]
        rest = ahead(tree, table, prompt, (*prefix, action), horizon - 1, temperature)
        totals += [step + total for total in rest]
    return totals


@given(tables(), TEMPERATURES, st.data())
def test_the_value_of_a_prefix_counts_so_many_steps(reward, temperature, data):
    horizon = data.draw(st.integers(0, reward.n_depths - 1))
    tree, table = tree_of(reward.space), as_dict(reward)
    logits = as_dict(lookahead_logits(reward, horizon, temperature=temperature))
    scale = 1.0 + max((abs(x) for x in table.values() if x > -math.inf), default=0.0)
    for (prompt, prefix, action), found in logits.items():
        totals = ahead(tree, table, prompt, (*prefix, action), horizon, temperature)
        expected = table[prompt, prefix, action] + temperature * log_sum_exp([x / temperature for x in totals])
        if expected == -math.inf:
            assert found == -math.inf
        else:
            assert found == pytest.approx(expected, abs=1e-12 * scale * reward.n_depths)


@given(tables(), TEMPERATURES)
def test_the_ends_are_the_rewards_and_the_soft_bellman_map(reward, temperature):
    assert lookahead_logits(reward, 0, temperature=temperature) == reward
    everything = lookahead_logits(reward, reward.n_depths - 1, temperature=temperature)
    logits, _ = soft_bellman(reward, temperature=temperature)
    assert everything.allclose(logits, rtol=1e-13, atol=1e-11)


@given(tables())
def test_a_longer_horizon_changes_only_the_depths_that_it_reaches(reward):
    T = reward.n_depths
    logits, _ = soft_bellman(reward)
    for horizon in range(T):
        found = lookahead_logits(reward, horizon)
        for t in range(T - 1 - horizon, T):  # these see the end
            np.testing.assert_allclose(found.levels[t], logits.levels[t], rtol=1e-13, atol=1e-11)


def test_ways_on_are_counted_exactly():
    space = SequenceSpace(2, max_length=4)
    ones = [np.full(level.shape, 1, dtype=object) for level in StateActionTable.zeros(space).levels]
    counts = [int(backward_within(space, ExactWeights(), ones, h)[0][0, 0]) for h in range(4)]
    # After the first token: nothing seen; EOS or 2 tokens; EOS, 2 times 3 ways; all: 1 + 2·(1 + 2).
    assert counts == [1, 3, 7, 7]


def test_a_short_horizon_walks_into_a_dead_end():
    space = SequenceSpace(1, max_length=4)
    reward = StateActionTable.from_responses(space, lambda _, y: 0.0 if len(y) <= 2 else -math.inf)
    near, far = lookahead_logits(reward, 1), lookahead_logits(reward, 2)
    assert near[None, (0,), 0] == 0.0
    assert far[None, (0,), 0] == -math.inf
    assert prefix_marginals(near)[None, (0, 0)] == pytest.approx(1 / 3)
    assert prefix_marginals(far)[None, (0, 0)] == 0.0
    with pytest.raises(TabularBellmanError, match="dead prefix"):
        AutoregressiveModel(near)


def test_the_table_is_a_table_of_its_own():
    reward = StateActionTable.random(SequenceSpace(2, max_length=3), rng=0)
    found = lookahead_logits(reward, 1)
    assert not any(np.shares_memory(x, y) for x, y in zip(found.levels, reward.levels, strict=True))
    assert found[None, (), EOS] == reward[None, (), EOS]
    assert lookahead_logits(reward, np.int64(2)) == lookahead_logits(reward, 2)


@pytest.mark.parametrize("horizon", [-1, 3, 1.0, "1", None, True, math.inf])
def test_horizons_out_of_range_are_refused(horizon):
    reward = StateActionTable.zeros(SequenceSpace(2, max_length=3))
    with pytest.raises(TabularBellmanError, match=r"horizon is .* from 0.* to 2"):
        lookahead_logits(reward, horizon)


def test_other_bad_input_is_refused():
    reward = StateActionTable.zeros(SequenceSpace(2, max_length=3))
    with pytest.raises(TabularBellmanError, match="the reward is a list"):
        lookahead_logits([reward], 1)
    with pytest.raises(TabularBellmanError, match="temperature"):
        lookahead_logits(reward, 1, temperature=0.0)
    with pytest.raises(TabularBellmanError, match="overflow"):
        lookahead_logits(reward + 1e308, 2)
