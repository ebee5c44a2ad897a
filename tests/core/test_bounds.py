import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import kl, log_sum_exp
from scipy.optimize import minimize
from strategies import spaces, tables

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    kl_divergence,
)
from tabular_bellman.bounds import (
    free_steps_bound,
    kappa,
    kappa_bound,
    lemma_1_bound,
    logit_ball_supremum,
    proposition_3_bound,
    reward_ball_supremum,
    total_variation_bound,
)
from tabular_bellman.kappa import kappa_with_future

mpmath = pytest.importorskip("mpmath")


def precise_kappa(epsilon):
    """κ(ε) = ε coth ε - 1 + log(sinh ε / ε); the terms cancel to ε², so 80 digits leave 50 above 1e-14."""
    x = mpmath.mpf(float(epsilon))
    if x < 1e-14:
        return x**2 / 2 - x**4 / 36
    if x > 1e4:
        return 2 * x - 1 - mpmath.log(2 * x)
    return x * mpmath.coth(x) - 1 + mpmath.log(mpmath.sinh(x) / x)


def precise_gain(epsilon, future):
    """The largest value of 2εP + log(1 - cP) + Pδ, c = 1 - e^(-2ε), at 1 - cP = 1/u or at P = 1."""
    epsilon, future = mpmath.mpf(float(epsilon)), mpmath.mpf(float(future))
    u = (2 * epsilon + future) / (1 - mpmath.exp(-2 * epsilon))
    return future if u >= mpmath.exp(2 * epsilon) else u - 1 - mpmath.log(u)


def ulps(found, right):
    return float(abs(mpmath.mpf(float(found)) - right) / mpmath.mpf(float(np.spacing(abs(float(right))))))


def worst_of_kappa(epsilons):
    with mpmath.workdps(80):
        return max((ulps(kappa(e), precise_kappa(e)), float(e)) for e in epsilons)


def softmax(logits):
    total = log_sum_exp(logits)
    return [math.exp(x - total) for x in logits]


# κ is a normal number from 2.2e-154 on; the other numbers are where its formula changes.
SEAMS = [2.0**-27, 3.0, 1.0, 354.0, 355.0, 709.0, 710.0]


@pytest.mark.parametrize(
    "epsilons",
    [
        np.logspace(-153.6, 300.0, 1500),
        np.logspace(-3.0, 3.0, 1500),
        [x for seam in SEAMS for x in (np.nextafter(seam, 0.0), seam, np.nextafter(seam, np.inf))],
        [2.2e-154, 1e-150, 1e300],
    ],
)
def test_kappa_is_within_4_units_in_the_last_place(epsilons):
    worst, where = worst_of_kappa(epsilons)
    assert worst <= 4.0, f"{worst} at {where!r}"


@given(st.floats(-353.5, 690.0))
def test_kappa_is_within_4_units_in_the_last_place_anywhere(log_epsilon):
    worst, where = worst_of_kappa([math.exp(log_epsilon)])
    assert worst <= 4.0, f"{worst} at {where!r}"


def test_kappa_where_it_is_no_normal_number():
    smallest = 5e-324
    assert float(kappa(1e-160)) == pytest.approx(5e-321, abs=2 * smallest)  # digits are lost, no more than that
    assert kappa([1e-165, 1e-200, 1e-300, smallest]).tolist() == [0.0] * 4


@pytest.mark.parametrize("seam", [2.0**-27, 3.0])
def test_kappa_does_not_jump_where_its_formula_changes(seam):
    below, at, above = kappa([np.nextafter(seam, 0.0), seam, np.nextafter(seam, np.inf)])
    assert abs(below - at) <= 2e-15 * at
    assert abs(above - at) <= 2e-15 * at


@given(st.floats(-25.0, 8.0), st.floats(-10.0, 10.0))
def test_the_gain_of_a_step_with_a_future_agrees_with_80_digits(log_epsilon, log_ratio):
    epsilon = math.exp(log_epsilon)
    future = math.exp(log_ratio) * min(epsilon, epsilon**2)
    with mpmath.workdps(80):
        assert ulps(kappa_with_future(epsilon, future), precise_gain(epsilon, future)) <= 16.0


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("future", [0.0, 0.01, 0.5, 5.0, 500.0])
def test_the_gain_of_a_step_is_the_largest_over_the_chance_of_the_better_side_and_both_signs(epsilon, future):
    chance = np.linspace(0.0, 1.0, 200_001)

    def lost(sign):
        plus = np.exp(-sign * epsilon) * chance + np.exp(sign * epsilon) * (1.0 - chance)
        return sign * epsilon * (2.0 * chance - 1.0) + np.log(plus) + future * chance

    best = max(lost(1.0).max(), lost(-1.0).max())
    assert lost(1.0).max() >= best - 1e-14
    assert float(kappa_with_future(epsilon, future)) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 0.7, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("side", [-1.0, 1.0])
@pytest.mark.parametrize("off", [1e-3, 3e-4, 1e-5, 1e-7, 1e-10, 0.0])
def test_the_gain_of_a_step_near_where_its_better_side_is_certain(epsilon, side, off):
    future = (math.expm1(2.0 * epsilon) - 2.0 * epsilon) * (1.0 + side * off)
    with mpmath.workdps(80):
        assert ulps(kappa_with_future(epsilon, future), precise_gain(epsilon, future)) <= 16.0


def test_the_gain_of_a_step_at_its_ends():
    assert kappa_with_future(0.0, [0.0, 2.0]).tolist() == [0.0, 2.0]
    assert kappa_with_future([1.0, np.inf, np.inf, 1e308], [np.inf, 0.0, 1.0, 5.0]).tolist() == [np.inf] * 4
    limit = math.expm1(2.0) - 2.0  # from here on the better side is all but certain
    assert kappa_with_future(1.0, limit + 1.0) == limit + 1.0
    assert kappa_with_future(1.0, limit - 1.0) > limit - 1.0
    with pytest.raises(TabularBellmanError, match="the future is -1.0; it must be 0 or more"):
        kappa_with_future(1.0, -1.0)


@pytest.mark.parametrize(
    ("epsilon", "expected"), [(0.5, 0.123302), (1.0, 0.474475), (2.0, 1.669850), (4.0, 4.922908), (10.0, 16.004268)]
)
def test_kappa_to_six_digits(epsilon, expected):
    assert float(kappa(epsilon)) == pytest.approx(expected, abs=5e-7)


def test_kappa_at_its_ends():
    assert kappa(0.0) == 0.0
    assert kappa(1e-200) == 0.0  # ε²/2 underflows
    assert kappa(np.inf) == np.inf
    assert kappa(1e308) == np.inf  # 2ε overflows
    assert kappa(1e15) == pytest.approx(2e15 - 1.0 - math.log(2e15), rel=1e-15)


def test_kappa_keeps_the_shape():
    assert kappa(1.0).shape == ()
    assert kappa([[1.0, 2.0]]).shape == (1, 2)
    assert kappa([]).shape == (0,)


@given(st.floats(1e-6, 600.0))
def test_kappa_is_below_both_simple_bounds(epsilon):
    assert 0.0 < kappa(epsilon) < min(epsilon**2 / 2.0, 2.0 * epsilon) * (1.0 + 1e-14)


@given(st.floats(1e-3, 300.0), st.floats(1.001, 2.0))
def test_kappa_increases(epsilon, factor):
    assert kappa(epsilon) < kappa(epsilon * factor)


@given(
    st.lists(st.floats(-20.0, 20.0), min_size=2, max_size=5),
    st.floats(0.0, 30.0),
    st.lists(st.floats(-1.0, 1.0), min_size=5, max_size=5),
)
def test_no_two_policies_that_near_are_further_apart(logits, epsilon, directions):
    others = [x + epsilon * d for x, d in zip(logits, directions, strict=False)]
    distance = max(abs(x - y) for x, y in zip(logits, others, strict=True))
    p, q = softmax(logits), softmax(others)
    for divergence in (kl(p, q), kl(q, p)):
        assert divergence <= float(kappa(distance)) + 1e-13
        assert divergence <= float(lemma_1_bound(distance)) + 1e-13


@given(st.floats(0.05, 15.0))
def test_kappa_is_attained(epsilon):
    p = 1.0 / (1.0 - math.exp(-2.0 * epsilon)) - 1.0 / (2.0 * epsilon)
    f = [math.log(p), math.log1p(-p)]
    g = [f[0] - epsilon, f[1] + epsilon]
    assert kl(softmax(f), softmax(g)) == pytest.approx(float(kappa(epsilon)), rel=1e-10)


def test_the_bounds_of_the_paper():
    assert lemma_1_bound([0.0, 0.5, np.inf]).tolist() == [0.0, 1.0, np.inf]
    assert proposition_3_bound(0.5, 4) == 4.0
    assert proposition_3_bound([[1.0], [2.0]], 3).tolist() == [[6.0], [12.0]]


# -- spaces ------------------------------------------------------------------------------------------------------------


@given(spaces())
def test_free_depths_are_those_with_a_choice(space):
    assert space.n_free_depths == sum(space.n_actions(t) > 1 for t in range(space.n_depths))


@pytest.mark.parametrize(
    ("space", "free"),
    [
        (SequenceSpace(2, max_length=4), 3),
        (SequenceSpace(2, max_length=4, min_length=4), 3),
        (SequenceSpace(1, max_length=4), 3),
        (SequenceSpace(1, max_length=4, min_length=3), 1),
        (SequenceSpace(5, max_length=1), 0),
        (SequenceSpace.fixed_length(2, 4), 4),
        (SequenceSpace.fixed_length(1, 4), 0),
    ],
)
def test_the_bounds_of_free_steps(space, free):
    assert space.n_free_depths == free
    assert free_steps_bound([0.5, 1.0], space).tolist() == [free, 2.0 * free]
    assert kappa_bound([0.5, 1.0], space) == pytest.approx(free * np.array([0.123302, 0.474475]), abs=free * 5e-7)
    assert free_steps_bound(np.inf, space) == kappa_bound(np.inf, space) == (np.inf if free else 0.0)


@pytest.mark.parametrize(
    "space",
    [
        SequenceSpace(2, max_length=4),
        SequenceSpace(3, max_length=4, min_length=3),
        SequenceSpace(10, max_length=40),
        SequenceSpace(2, max_length=1_000),
        SequenceSpace.fixed_length(2, 3),
        SequenceSpace.fixed_length(1, 3),
        SequenceSpace(7, max_length=1),
    ],
)
@pytest.mark.parametrize("epsilon", [0.0, 1e-100, 1e-3, 1.0, 30.0, 1e300, np.inf])
def test_the_supremum_of_two_tokens_or_more_is_the_bound_of_free_steps(space, epsilon):
    assert logit_ball_supremum(epsilon, space) == pytest.approx(float(kappa_bound(epsilon, space)), rel=1e-12)


def test_the_supremum_of_one_token():
    stated = [0.474475, 0.810332, 1.071482, 1.284650, 1.464082]
    found = [logit_ball_supremum(1.0, SequenceSpace(1, max_length=T)) for T in range(2, 7)]
    assert found == pytest.approx(stated, abs=5e-7)
    assert logit_ball_supremum(1.0, SequenceSpace(1, max_length=6, min_length=3)) == found[2]
    limit = math.expm1(2.0) - 2.0
    assert 4.2 < logit_ball_supremum(1.0, SequenceSpace(1, max_length=400)) < limit


@given(spaces(), st.floats(0.0, 5.0))
def test_the_suprema_of_a_space_are_those_of_a_table_that_allows_everything(space, size):
    everything = StateActionTable.zeros(space)
    for supremum in (logit_ball_supremum, reward_ball_supremum):
        assert np.array_equal(supremum(size, space), supremum(size, everything))


def edges(space, table):
    """Of each allowed response to the first prompt, the pairs that it goes through."""
    prompt, found = space.prompts[0], []
    for response in space.responses():
        steps = [(response[:t], action) for t, action in enumerate(response)]
        if all(table[prompt, *step] > -math.inf for step in steps):
            found.append(steps)
    return found


@given(tables())
def test_the_supremum_of_a_reward_ball_is_of_the_two_responses_that_share_least(table):
    pairs = [len(set(x) ^ set(y)) for x, y in combinations(edges(table.space, table), 2)]
    expected = float(kappa(0.5 * 0.75 * max(pairs, default=0)))
    assert np.atleast_1d(reward_ball_supremum(0.75, table))[0] == expected


@pytest.mark.parametrize(
    ("space", "half"),
    [
        (SequenceSpace(2, max_length=4), 4.0),
        (SequenceSpace(10, max_length=40), 40.0),
        (SequenceSpace(1, max_length=4), 2.5),
        (SequenceSpace(1, max_length=4, min_length=3), 1.5),
        (SequenceSpace.fixed_length(3, 4), 4.0),
        (SequenceSpace.fixed_length(1, 4), 0.0),
        (SequenceSpace(3, max_length=1), 0.0),
    ],
)
def test_the_supremum_of_a_reward_ball_by_size(space, half):
    assert reward_ball_supremum(0.3, space) == pytest.approx(float(kappa(0.3 * half)), rel=1e-15)
    assert reward_ball_supremum(np.inf, space) == (np.inf if half else 0.0)


def forbidding(space, *forbidden):
    return StateActionTable.from_dict(space, {(None, *step): -math.inf for step in forbidden}, default=0.0)


LONG = SequenceSpace(2, max_length=3)
SMALL_TREES = [
    forbidding(LONG, ((0,), 0), ((1,), EOS)),
    forbidding(LONG, ((), 1), ((0,), EOS)),
    forbidding(LONG, ((), EOS), ((1,), 0), ((1,), 1)),
    forbidding(SequenceSpace(2, max_length=4), ((), EOS), ((), 1), ((0,), 1), ((0, 0), 1)),
    StateActionTable.zeros(SequenceSpace(1, max_length=4)),
    StateActionTable.zeros(SequenceSpace.fixed_length(2, 2)),
]


def written_out(table):
    """The pairs that responses go through, which of them have a choice, by prefix, and a row for each response."""
    responses = edges(table.space, table)
    steps = sorted({step for response in responses for step in response}, key=str)
    prefixes = dict.fromkeys(prefix for prefix, _ in steps)
    groups = [[i for i, step in enumerate(steps) if step[0] == prefix] for prefix in prefixes]
    through = np.array([[step in response for step in steps] for response in responses], dtype=float)
    return steps, [group for group in groups if len(group) > 1], through


def divergence(log_p, log_q):
    return float(np.exp(log_p) @ (log_p - log_q))


@pytest.mark.parametrize(("table", "epsilon"), list(zip(SMALL_TREES, [2.0, 0.3, 2.0, 0.3, 1.0, 1.0], strict=True)))
def test_an_optimiser_gets_to_the_supremum_of_a_logit_ball_and_no_further(table, epsilon):
    steps, groups, through = written_out(table)
    free = [i for group in groups for i in group]

    def log_probs(logits):
        x = np.zeros(len(steps))
        for group in groups:
            x[group] = logits[group] - np.logaddexp.reduce(logits[group])
        return through @ x

    def largest(difference):
        def loss(z):
            logits = np.zeros(len(steps))
            logits[free] = z
            return -divergence(log_probs(logits), log_probs(logits - difference))

        return -minimize(loss, np.zeros(len(free)), bounds=[(-30.0, 30.0)] * len(free)).fun

    best = 0.0
    # Where all actions of a prefix have the same sign, nothing is lost there.
    signs = [[s for s in product((-1.0, 1.0), repeat=len(group)) if len(set(s)) > 1] for group in groups]
    for chosen in product(*signs):
        difference = np.zeros(len(steps))
        difference[free] = epsilon * np.concatenate(chosen)
        best = max(best, largest(difference))
    supremum = logit_ball_supremum(epsilon, table)
    assert supremum - 1e-6 <= best <= supremum + 1e-12


@pytest.mark.parametrize("table", SMALL_TREES)
def test_an_optimiser_gets_to_the_supremum_of_a_reward_ball_and_no_further(table):
    _, _, through = written_out(table)
    n, best = len(through), 0.0

    def loss(z):
        total, change = z[:n], through @ (0.5 * np.tanh(z[n:]))
        return -divergence(total - log_sum_exp(total), total - change - log_sum_exp(total - change))

    for pair in combinations(range(n), 2):  # from where two responses are likelier than the others
        start = np.where(np.isin(np.arange(n), pair), 0.0, -8.0)
        start = np.concatenate([start, 0.1 * (through[pair[0]] - through[pair[1]])])
        best = max(best, -minimize(loss, start, bounds=[(-30.0, 30.0)] * len(start)).fun)
    supremum = reward_ball_supremum(0.5, table)
    assert supremum - 1e-5 <= best <= supremum + 1e-12


def test_a_future_that_is_worth_more_than_any_step_makes_its_side_all_but_certain():
    # EOS, or eight free steps: at ε = 0.1, 8 κ(ε) is more than e^(2ε) - 1 - 2ε.
    space = SequenceSpace(2, max_length=10)
    forced = {(None, prefix, EOS): -math.inf for t in range(1, 9) for _, prefix in space.prefixes(t)}
    table = StateActionTable.from_dict(space, {**forced, (None, (), 1): -math.inf}, default=0.0)
    eight = 8.0 * float(kappa(0.1))
    assert eight > math.expm1(0.2) - 0.2
    assert logit_ball_supremum(0.1, table) == pytest.approx(eight, rel=1e-14)


def test_the_pair_that_gets_near_the_supremum():
    # At each step the last token has -ε and its best chance; EOS gets rarer and rarer.
    space, gaps = SequenceSpace(2, max_length=3), []
    for eos in (-5.0, -10.0, -30.0):
        plus = 1.0 / (1.0 - math.exp(-2.0)) - 0.5
        f = [math.log(plus), math.log1p(-plus), eos]
        free = [np.array(f)[:, None], np.tile(np.array(f)[:, None], 2), np.zeros((1, 4))]
        signs = np.array([[1.0], [-1.0], [1.0]])
        p = AutoregressiveModel(StateActionTable.from_levels(space, free))
        q = AutoregressiveModel(StateActionTable.from_levels(space, [free[0] - signs, free[1] - signs, free[2]]))
        gaps.append(logit_ball_supremum(1.0, space) - kl_divergence(p, q))
    assert gaps[0] > gaps[1] > gaps[2]
    assert abs(gaps[2]) < 1e-12


@given(tables(), st.floats(0.0, 4.0), st.integers(0, 2**32 - 1))
def test_no_two_models_are_further_apart(table, epsilon, seed):
    rng, space = np.random.default_rng(seed), table.space
    logits = EnergyBasedModel(table).to_autoregressive().logits
    moved = [q + rng.choice([-epsilon, 0.5 * epsilon, epsilon], q.shape) for q in logits.levels]
    p, q = AutoregressiveModel(logits), AutoregressiveModel(StateActionTable.from_levels(space, moved))
    rewards = [r + rng.choice([-epsilon, 0.5 * epsilon, epsilon], r.shape) for r in table.levels]
    r, s = EnergyBasedModel(table), EnergyBasedModel(StateActionTable.from_levels(space, rewards))
    size = 1e-13 * (1.0 + max(np.abs(level[np.isfinite(level)]).max(initial=0.0) for level in logits.levels))
    for first, second, supremum in ((p, q, logit_ball_supremum), (r, s, reward_ball_supremum)):
        most = np.atleast_1d(supremum(epsilon, table))
        for divergence in (kl_divergence(first, second), kl_divergence(second, first)):
            assert (np.atleast_1d(divergence) <= most * (1.0 + 1e-10) + size).all()


def test_several_prompts_have_a_supremum_each():
    space = SequenceSpace(2, max_length=3, prompts=["x", "y"])
    levels = [level.copy() for level in StateActionTable.zeros(space).levels]
    levels[0][:2, 1] = -np.inf  # to "y" there is only the bare EOS
    table = StateActionTable.from_levels(space, levels)
    kappa_1 = float(kappa(1.0))
    assert logit_ball_supremum(1.0, table) == pytest.approx([2.0 * kappa_1, 0.0])
    assert logit_ball_supremum([0.0, 1.0], space) == pytest.approx([0.0, 2.0 * kappa_1])
    assert reward_ball_supremum(1.0, table) == pytest.approx([float(kappa(3.0)), 0.0])
    assert reward_ball_supremum([1.0, 2.0], space) == pytest.approx(kappa([3.0, 6.0]))
    with pytest.raises(TabularBellmanError, match=r"ε has shape \(3,\); give one number, or one for each prompt"):
        logit_ball_supremum([1.0, 1.0, 1.0], space)


def test_several_prompts_with_a_distance_each_are_as_one_prompt_at_a_time():
    prompts, sizes = ["x", "y", "z"], [0.3, 1.0, 4.0]
    space, alone = (SequenceSpace(2, max_length=4, prompts=each) for each in (prompts, None))
    rng = np.random.default_rng(5)
    levels = [np.where(rng.random(level.shape) < 0.4, -np.inf, 0.0) for level in StateActionTable.zeros(space).levels]
    levels[0][:, :] = levels[1][-1] = 0.0  # whatever begins can end
    parts = [StateActionTable.from_levels(alone, [level[:, i::3] for level in levels]) for i in range(3)]
    for order in (sizes, sizes[::-1]):
        for supremum in (logit_ball_supremum, reward_ball_supremum):
            found = supremum(order, StateActionTable.from_levels(space, levels))
            expected = [supremum(size, part) for size, part in zip(order, parts, strict=True)]
            assert found.tolist() == pytest.approx(expected, rel=1e-14, abs=0.0)
            assert len(set(found.tolist())) == 3


@pytest.mark.parametrize("supremum", [logit_ball_supremum, reward_ball_supremum])
def test_what_has_no_responses_is_refused(supremum):
    space = SequenceSpace(2, max_length=2, prompts=["x", "y"])
    levels = [level.copy() for level in StateActionTable.zeros(space).levels]
    levels[0][:, 1] = -np.inf
    with pytest.raises(TabularBellmanError, match="the table forbids every response to prompt 'y'; allow at least one"):
        supremum(1.0, StateActionTable.from_levels(space, levels))
    with pytest.raises(TabularBellmanError, match="the tree of responses is a int"):
        supremum(1.0, 3)


def test_what_is_no_space_is_refused():
    for bound in (free_steps_bound, kappa_bound):
        with pytest.raises(TabularBellmanError, match="the space is a StateActionTable; it must be a SequenceSpace"):
            bound(1.0, StateActionTable.zeros(LONG))


# -- total variation ---------------------------------------------------------------------------------------------------


def test_total_variation_by_hand():
    found = total_variation_bound([0.0, 1e-300, 0.02, 1.0, 2.0, 800.0, np.inf])
    expected = [0.0, math.sqrt(5e-301), 0.1, math.sqrt(0.5), math.sqrt(1.0 - math.exp(-2.0)), 1.0, 1.0]
    assert found == pytest.approx(expected, rel=1e-15)
    assert total_variation_bound([[1.0, 2.0]]).shape == (1, 2)
    with pytest.raises(TabularBellmanError, match="the divergence is -0.1; it must be 0 or more"):
        total_variation_bound(-0.1)


@pytest.mark.parametrize("kl", [1e-3, 1e-9, 1e-18, 1e-100, 1e-300, 2.3e-308, 1e-310, 1e-320, 5e-324])
def test_total_variation_of_a_small_divergence_is_bounded_by_the_root_of_its_half(kl):
    with mpmath.workdps(50):
        right = mpmath.sqrt(mpmath.mpf(kl) / 2)
        assert abs(mpmath.mpf(float(total_variation_bound(kl))) / right - 1) <= 1e-15
    assert total_variation_bound(0.0) == 0.0


@given(
    st.lists(st.floats(-40.0, 40.0), min_size=2, max_size=4), st.lists(st.floats(-40.0, 40.0), min_size=4, max_size=4)
)
def test_total_variation_is_within_its_bound(logits, others):
    p, q = softmax(logits), softmax(others[: len(logits)])
    distance = 0.5 * math.fsum(abs(x - y) for x, y in zip(p, q, strict=True))
    for divergence in (kl(p, q), kl(q, p)):
        bound = float(total_variation_bound(max(divergence, 0.0)))
        assert distance <= bound * (1.0 + 1e-12) + 1e-7  # KL loses its digits where it is small
        assert bound <= 1.0


def test_pinsker_is_the_smaller_up_to_1_594():
    kl = np.array([1.5, 1.593, 1.594, 1.7])
    smaller = total_variation_bound(kl) == np.sqrt(kl / 2.0)
    assert smaller.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    "bound",
    [
        kappa,
        lemma_1_bound,
        lambda epsilon: proposition_3_bound(epsilon, 2),
        lambda epsilon: free_steps_bound(epsilon, LONG),
        lambda epsilon: kappa_bound(epsilon, LONG),
        lambda epsilon: logit_ball_supremum(epsilon, LONG),
    ],
)
@pytest.mark.parametrize(
    ("epsilon", "message"),
    [
        (-1.0, "ε is -1.0; it must be 0 or more"),
        ([0.0, -0.25], "ε is -0.25; it must be 0 or more"),
        (math.nan, "ε is nan; it must be 0 or more"),
        ("far", "ε cannot be read as an array of floats"),
        (1.0 + 2.0j, "ε cannot be read as an array of floats"),
        ({"a": 1.0}, "ε is a dict"),
    ],
)
def test_what_is_no_distance_is_refused(bound, epsilon, message):
    with pytest.raises(TabularBellmanError, match=message):
        bound(epsilon)


@pytest.mark.parametrize("length", [0, -1, 1.5, True, "3", None])
def test_what_is_no_length_is_refused(length):
    with pytest.raises(TabularBellmanError, match="max_length is .*; it must be a positive integer"):
        proposition_3_bound(1.0, length)


def test_an_infinite_ball_has_no_bound_where_there_is_a_choice():
    space = SequenceSpace(2, max_length=3, prompts=["x", "y"])
    table = StateActionTable.from_dict(space, {("x", (0,), 0): -math.inf, ("x", (0,), 1): -math.inf}, default=0.0)
    for tree in (space, table):
        assert logit_ball_supremum(np.inf, tree).tolist() == [math.inf, math.inf]
        assert logit_ball_supremum([1.0, np.inf], tree)[0] == logit_ball_supremum(1.0, tree)[0]
