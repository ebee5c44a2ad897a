import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import log_sum_exp, probabilities, total
from strategies import as_dict, plain, spaces, tables, tree_of

from tabular_bellman import EnergyBasedModel, SequenceSpace, StateActionTable, TabularBellmanError, soft_bellman
from tabular_bellman.temperature import infinite_temperature_limit, zero_temperature_limit

TEMPERATURES = st.sampled_from([0.01, 0.1, 0.5, 1.0, 3.0, 20.0, 1e3, 1e6])


@st.composite
def rewards(draw):
    """Multiples of ¼, whose sums do not round; with ties and masks."""
    space = draw(spaces(max_responses=30))
    table = draw(tables(space=space, scales=st.sampled_from([0.0, 1.0, 10.0])))
    step = draw(st.sampled_from([0.25, 2.0]))
    return StateActionTable.from_levels(space, [np.round(level / step) * step for level in table.levels])


def futures(tree, table, prompt, prefix):
    """The rewards still to come of the allowed completions."""
    found = [total(table, prompt, y, len(prefix)) for y in tree.completions(prefix)]
    return [x for x in found if x > -math.inf]


def soft_value(rewards_, tau):
    return tau * log_sum_exp([x / tau for x in rewards_])


def by_place(state_table):
    return {plain(key): value for key, value in state_table.items()}


def distance(p, q):
    return 0.5 * math.fsum(abs(x - y) for x, y in zip(p, q, strict=True))


# -- zero -------------------------------------------------------------------------------------------------------------


@given(rewards())
def test_best_counts_and_gaps_are_those_of_enumeration(reward):
    limit, tree, table = zero_temperature_limit(reward), tree_of(reward.space), as_dict(reward)
    values, n, m = by_place(limit.values), by_place(limit.n_completions), by_place(limit.n_best)
    runner_up, slack = by_place(limit.runner_up), by_place(limit.slack)
    for (x, s), value in values.items():
        totals = futures(tree, table, x, s)
        best = max(totals, default=-math.inf)
        others = [y - best for y in totals if y < best]
        assert (value, n[x, s], m[x, s]) == (best, len(totals), totals.count(best))
        assert runner_up[x, s] == max(others, default=-math.inf)
        assert slack[x, s] == 0.0
    for (x, s, a), value in as_dict(limit.logits).items():
        child = (*s, a)
        assert value == table[x, s, a] + values.get((x, child), 0.0)


@given(rewards())
def test_the_limit_is_uniform_over_the_best_responses(reward):
    limit, tree, table = zero_temperature_limit(reward), tree_of(reward.space), as_dict(reward)
    for x, found in zip(reward.space.prompts, limit.model.probabilities(), strict=True):
        totals = [total(table, x, y) for y in tree.responses()]
        best = max(totals)
        expected = [(y == best) / totals.count(best) for y in totals]
        assert found.tolist() == pytest.approx(expected, abs=1e-14)


@given(rewards(), TEMPERATURES)
def test_soft_values_come_down_to_the_largest_within_the_bound(reward, tau):
    limit, tree, table = zero_temperature_limit(reward), tree_of(reward.space), as_dict(reward)
    bound, hard, m = by_place(limit.value_bound(tau)), by_place(limit.values), by_place(limit.n_best)
    for (x, s), most in bound.items():
        totals = futures(tree, table, x, s)
        if not totals:
            assert most == 0.0
            continue
        rise = soft_value(totals, tau) - hard[x, s]
        slack = 1e-12 * (1.0 + abs(hard[x, s]) + tau)
        assert tau * math.log(m[x, s]) - slack <= rise <= most + slack
        assert most <= tau * math.log(len(totals)) + slack
        if len(totals) - m[x, s] <= 1.0:
            assert rise == pytest.approx(most, abs=slack)  # attained


@given(rewards(), TEMPERATURES)
def test_logits_come_down_within_their_bound(reward, tau):
    limit = zero_temperature_limit(reward)
    logits, _ = soft_bellman(reward, temperature=tau)
    bound = limit.logit_bound(tau)
    for soft, hard, most in zip(logits.levels, limit.logits.levels, bound.levels, strict=True):
        assert (np.isneginf(soft) == np.isneginf(hard)).all()
        allowed = ~np.isneginf(hard)
        rise = soft[allowed] - hard[allowed]
        slack = 1e-12 * (1.0 + np.abs(hard[allowed]) + tau)
        assert (-slack <= rise).all()
        assert (rise <= most[allowed] + slack).all()
    assert not bound.levels[-1].any()


@given(rewards(), TEMPERATURES)
def test_the_distance_to_the_limit_is_within_its_bound(reward, tau):
    limit, tree = zero_temperature_limit(reward), tree_of(reward.space)
    bounds = np.atleast_1d(limit.total_variation_bound(tau))
    assert bounds.shape == (reward.space.n_prompts,)
    for x, most, uniform in zip(reward.space.prompts, bounds, limit.model.probabilities(), strict=True):
        p = probabilities(tree, as_dict(reward), x, tau)
        assert distance(p, uniform.tolist()) <= most + 1e-12
        n, m, g = (table[x, ()] for table in (limit.n_completions, limit.n_best, limit.runner_up))
        simple = (n - m) / m * math.exp(g / tau)
        assert most <= simple + 1e-15
        if n - m == 1.0:
            assert distance(p, uniform.tolist()) == pytest.approx(most, abs=1e-13)


def test_two_responses_by_hand():
    space = SequenceSpace(1, max_length=2)
    limit = zero_temperature_limit(StateActionTable.from_responses(space, [3.0, 1.0]))
    assert (limit.values[None, ()], limit.runner_up[None, ()]) == (3.0, -2.0)
    assert limit.value_bound(2.0)[None, ()] == pytest.approx(2.0 * math.log(1.0 + math.exp(-1.0)), rel=1e-15)
    assert limit.total_variation_bound(2.0) == pytest.approx(1.0 / (1.0 + math.e), rel=1e-15)
    assert limit.value_bound(1e-300)[None, ()] == 0.0


def test_equal_rewards_by_hand():
    limit = zero_temperature_limit(StateActionTable.zeros(SequenceSpace(2, max_length=3)))
    assert limit.value_bound(0.5)[None, ()] == pytest.approx(0.5 * math.log(7.0), rel=1e-15)
    assert limit.total_variation_bound(0.5) == 0.0
    assert limit.model.probabilities() == pytest.approx(np.full((1, 7), 1 / 7), rel=1e-14)


# Along "0 EOS", 0.1 + 0.2 is one unit in the last place above 0.3.
NEARLY_TIED = StateActionTable.from_arrays(SequenceSpace(1, max_length=2), [[[0.1, 0.3]], [[[0.2]]]])


def test_ties_are_decided_by_equal_floats():
    limit = zero_temperature_limit(NEARLY_TIED)
    assert limit.n_best[None, ()] == 1.0
    assert limit.runner_up[None, ()] == 0.3 - (0.1 + 0.2) < 0.0
    assert limit.model.probabilities().tolist() == [[0.0, 1.0]]


def test_a_tolerance_merges_what_is_nearly_tied():
    limit = zero_temperature_limit(NEARLY_TIED, atol=1e-15)
    assert limit.n_best[None, ()] == 2.0
    assert limit.runner_up[None, ()] == -math.inf
    assert limit.slack[None, ()] == (0.1 + 0.2) - 0.3
    assert limit.model.probabilities() == pytest.approx(np.array([[0.5, 0.5]]), rel=1e-15)
    assert limit.total_variation_bound(1e-3) == pytest.approx(np.tanh((0.1 + 0.2 - 0.3) / 4e-3), rel=1e-12)


def test_what_is_merged_adds_up_along_a_response():
    # ¼ less at the start, and ¼ less after that: within the tolerance at each prefix, ½ in all.
    space = SequenceSpace.fixed_length(2, 2)
    reward = StateActionTable.from_arrays(space, [[[0.0, -0.25]], [[[0.0, -1.0], [0.0, -0.25]]]])
    limit = zero_temperature_limit(reward, atol=0.25)
    tables = (limit.n_best, limit.runner_up, limit.slack)
    assert [table[None, ()] for table in tables] == [3.0, -1.0, 0.5]


def test_a_tolerance_by_hand():
    # ¼ below the best is within ½, ¾ is not; what ties is worth up to ¼ less, what does not at least ¾.
    reward = StateActionTable.from_responses(SequenceSpace(2, max_length=2), [0.0, -0.25, -0.75])
    limit = zero_temperature_limit(reward, atol=0.5)
    tables = (limit.n_best, limit.runner_up, limit.slack)
    assert [table[None, ()] for table in tables] == [2.0, -0.75, 0.25]
    x = 0.5 * math.exp(-0.75 / 0.2 + 0.25 / 0.2)
    assert limit.total_variation_bound(0.2) == pytest.approx(x / (1.0 + x) + math.tanh(0.25 / 0.8), rel=1e-14)
    assert limit.total_variation_bound(1e-4) == 1.0  # no better than nothing is known


@given(rewards(), TEMPERATURES, st.sampled_from([0.3, 1.0, 5.0]))
def test_every_bound_stays_true_with_a_tolerance(reward, tau, atol):
    limit, tree, table = zero_temperature_limit(reward, atol=atol), tree_of(reward.space), as_dict(reward)
    tables = (limit.value_bound(tau), limit.values, limit.n_best, limit.slack, limit.n_completions)
    bound, hard, m, slack, n = map(by_place, tables)
    for x, s in bound:
        totals = futures(tree, table, x, s)
        assert n[x, s] == len(totals)
        if totals:
            rise, room = soft_value(totals, tau) - hard[x, s], 1e-12 * (1.0 + abs(hard[x, s]) + tau)
            assert tau * math.log(m[x, s]) - slack[x, s] - room <= rise <= bound[x, s] + room
            assert m[x, s] <= sum(y >= hard[x, s] - slack[x, s] for y in totals)
    bounds = np.atleast_1d(limit.total_variation_bound(tau))
    for x, most, uniform in zip(reward.space.prompts, bounds, limit.model.probabilities(), strict=True):
        assert distance(probabilities(tree, table, x, tau), uniform.tolist()) <= most + 1e-12


def test_a_gap_is_not_rounded_away_below_large_rewards():
    # The two completions of (0,) differ by 1e-3; 1e15 on the step before leaves no such digits.
    space = SequenceSpace.fixed_length(2, 2)
    reward = StateActionTable.from_arrays(space, [[[1e15, 0.0]], [[[0.0, 1e-3], [0.0, 0.0]]]])
    limit = zero_temperature_limit(reward)
    assert (limit.n_best[None, ()], limit.runner_up[None, ()]) == (1.0, -1e-3)


# -- infinity ---------------------------------------------------------------------------------------------------------


@given(rewards())
def test_means_variances_and_spans_are_those_of_enumeration(reward):
    limit, tree, table = infinite_temperature_limit(reward), tree_of(reward.space), as_dict(reward)
    tables = (limit.values, limit.n_completions, limit.variance, limit.span)
    mean, n, variance, span = map(by_place, tables)
    for x, s in mean:
        totals = futures(tree, table, x, s)
        assert n[x, s] == len(totals)
        if not totals:
            assert (mean[x, s], variance[x, s], span[x, s]) == (-math.inf, 0.0, 0.0)
            continue
        expected = math.fsum(totals) / len(totals)
        assert mean[x, s] == pytest.approx(expected, abs=1e-12)
        squares = math.fsum((y - expected) ** 2 for y in totals) / len(totals)
        assert variance[x, s] == pytest.approx(squares, rel=1e-12, abs=1e-12)
        assert span[x, s] == max(totals) - min(totals)
    for (x, s, a), value in as_dict(limit.logits).items():
        assert value == table[x, s, a] + mean.get((x, (*s, a)), 0.0)


@given(rewards())
def test_the_limit_is_uniform_over_the_allowed_responses(reward):
    limit, tree, table = infinite_temperature_limit(reward), tree_of(reward.space), as_dict(reward)
    for x, found in zip(reward.space.prompts, limit.model.probabilities(), strict=True):
        allowed = [total(table, x, y) > -math.inf for y in tree.responses()]
        assert found.tolist() == pytest.approx([y / sum(allowed) for y in allowed], abs=1e-14)


@given(rewards(), TEMPERATURES)
def test_soft_values_come_near_the_mean_within_both_bounds(reward, tau):
    limit, tree, table = infinite_temperature_limit(reward), tree_of(reward.space), as_dict(reward)
    tables = (limit.values, limit.variance, limit.value_bound(tau), limit.second_order_bound(tau))
    mean, variance, first, second = map(by_place, tables)
    for x, s in mean:
        totals = futures(tree, table, x, s)
        if totals:
            rise = soft_value(totals, tau) - tau * math.log(len(totals)) - mean[x, s]
            room = 1e-13 * (1.0 + abs(mean[x, s]) + tau * 10.0)
            assert -room <= rise <= first[x, s] + room
            assert abs(rise - variance[x, s] / (2.0 * tau)) <= second[x, s] + room


@given(rewards(), TEMPERATURES)
def test_logits_come_near_theirs_within_their_bound(reward, tau):
    limit = infinite_temperature_limit(reward)
    logits, _ = soft_bellman(reward, temperature=tau)
    counts = dict(limit.n_completions.items())
    soft, found, bound = (dict(table.items()) for table in (logits, limit.logits, limit.logit_bound(tau)))
    for (x, s, a), value in found.items():
        if value > -math.inf:
            n = counts.get((x, (*s, a)), 1.0)
            room = 1e-13 * (1.0 + abs(value) + tau * 10.0)
            assert -room <= soft[x, s, a] - tau * math.log(n) - value <= bound[x, s, a] + room
        else:
            assert soft[x, s, a] == -math.inf


@given(rewards(), TEMPERATURES)
def test_the_distance_to_uniform_is_within_its_bound(reward, tau):
    limit, tree = infinite_temperature_limit(reward), tree_of(reward.space)
    bounds = np.atleast_1d(limit.total_variation_bound(tau))
    for x, most, uniform in zip(reward.space.prompts, bounds, limit.model.probabilities(), strict=True):
        assert distance(probabilities(tree, as_dict(reward), x, tau), uniform.tolist()) <= most + 1e-12


def test_the_constants_are_right():
    # Hoeffding's: of two responses, Var = span²/4.
    space = SequenceSpace(1, max_length=2)
    limit = infinite_temperature_limit(StateActionTable.from_responses(space, [0.0, 4.0]))
    assert limit.value_bound(100.0)[None, ()] == pytest.approx(16.0 / 800.0, rel=1e-15)
    assert 100.0 * math.log(math.cosh(0.02)) == pytest.approx(limit.value_bound(100.0)[None, ()], rel=1e-3)
    # The third moment: of 5 responses, of which 1 is better, κ₃ = 0.096, and √3/18 = 0.0962.
    space = SequenceSpace(1, max_length=5)
    limit = infinite_temperature_limit(StateActionTable.from_responses(space, [1.0, 0.0, 0.0, 0.0, 0.0]))
    rise = 50.0 * math.log((4.0 + math.exp(0.02)) / 5.0) - 0.2 - limit.variance[None, ()] / 100.0
    assert rise == pytest.approx(0.096 / 6.0 / 2500.0, rel=0.01)
    assert 0.98 < rise / limit.second_order_bound(50.0)[None, ()] < 1.0


def test_the_third_central_moment_is_no_larger_on_any_grid():
    # Three points of an interval of length 1 are enough to try: given the mean, extreme distributions have two.
    largest = 0.0
    for x, y in itertools.product(np.linspace(0.0, 1.0, 41), repeat=2):
        for p in np.linspace(0.0, 1.0, 201):
            mean = p * x + (1 - p) * y
            largest = max(largest, abs(p * (x - mean) ** 3 + (1 - p) * (y - mean) ** 3))
    assert 0.999 * math.sqrt(3.0) / 18.0 < largest <= math.sqrt(3.0) / 18.0


def test_the_distance_bound_is_attained_for_some_odds():
    # One of 10 responses is better by h: h = 2 log 9 turns its odds from 1/9 into 9.
    space = SequenceSpace(1, max_length=10)
    h = 2.0 * math.log(9.0)
    reward = StateActionTable.from_responses(space, [h] + [0.0] * 9)
    limit = infinite_temperature_limit(reward)
    p = EnergyBasedModel(reward).probabilities()[0]
    assert distance(p, [0.1] * 10) == pytest.approx(limit.total_variation_bound(1.0), rel=1e-12)


# -- bad input, and sizes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit_of", [zero_temperature_limit, infinite_temperature_limit])
def test_bad_input(limit_of):
    space = SequenceSpace(1, max_length=2)
    with pytest.raises(TabularBellmanError, match="the reward is a float"):
        limit_of(1.0)
    with pytest.raises(TabularBellmanError, match="every response to prompt None is forbidden"):
        limit_of(StateActionTable.from_levels(space, [np.full((2, 1), -np.inf), np.zeros((1, 1))]))
    with pytest.raises(TabularBellmanError, match="overflow float64; scale them down"):
        limit_of(StateActionTable.from_arrays(space, [[[1.7e308, 0.0]], [[[1.7e308]]]]))
    limit = limit_of(StateActionTable.zeros(space))
    for method in (limit.value_bound, limit.logit_bound, limit.total_variation_bound):
        with pytest.raises(TabularBellmanError, match=r"temperature is 0.0; it must be positive"):
            method(0.0)
        with pytest.raises(TabularBellmanError, match="temperature is 'warm'"):
            method("warm")


def test_a_tolerance_must_be_a_finite_number():
    reward = StateActionTable.zeros(SequenceSpace(1, max_length=2))
    for atol in (-1.0, math.inf, math.nan):
        with pytest.raises(TabularBellmanError, match="atol is"):
            zero_temperature_limit(reward, atol=atol)


def test_bounds_that_overflow_are_refused():
    reward = StateActionTable.from_responses(SequenceSpace(1, max_length=2), [0.0, 1e100])
    limit = infinite_temperature_limit(reward)
    for method in (limit.value_bound, limit.second_order_bound):
        with pytest.raises(TabularBellmanError, match="overflows float64; raise the temperature"):
            method(1e-200)
    assert limit.total_variation_bound(1e-300) == 1.0


def test_long_responses_of_one_token():
    space = SequenceSpace(1, max_length=500)
    reward = StateActionTable.from_responses(space, lambda x, y: -float(len(y) % 7))
    limit = zero_temperature_limit(reward)
    assert (limit.n_best[None, ()], limit.n_completions[None, ()]) == (71.0, 500.0)
    mean = math.fsum(-(k % 7) for k in range(1, 501)) / 500.0
    assert infinite_temperature_limit(reward).values[None, ()] == pytest.approx(mean, rel=1e-12)
