import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import log_sum_exp, total
from shaping import shaping_matrix
from strategies import as_dict, tables, tree_of

from tabular_bellman import (
    EOS,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
    soft_bellman,
)
from tabular_bellman.gauge_dimensions import reward_matrix
from tabular_bellman.gauges import live_pairs, potential_between
from tabular_bellman.representatives import (
    _centring,
    _least_norm,
    centered_reward,
    log_normalised_reward,
    minimum_norm_reward,
    terminal_reward,
)

INF = math.inf
SEEDS = st.integers(0, 2**32 - 1)
MODERATE = st.sampled_from([0.0, 1.0, 30.0])

least_norm_of_model = partial(minimum_norm_reward, free_constant=True)
KEEP_R = [terminal_reward, minimum_norm_reward]
KEEP_MODEL = [log_normalised_reward, least_norm_of_model, centered_reward]
ALL = pytest.mark.parametrize("representative", [*KEEP_R, *KEEP_MODEL])


def live_dict(table):
    """The finite entries."""
    return {key: value for key, value in as_dict(table).items() if value > -INF}


def vector(table):
    """All numbers, 0 for what is forbidden."""
    values = table.to_vector()
    return np.where(np.isneginf(values), 0.0, values)


def potential(space, seed, at_root):
    levels = list(StateTable.random(space, seed).levels)
    return StateTable.from_levels(space, [levels[0] * at_root, *levels[1:]])


# -- what all of them are ----------------------------------------------------------------------------------------------


@ALL
@given(reward=tables())
def test_applying_it_again_changes_nothing(representative, reward):
    once = representative(reward)
    assert representative(once).allclose(once, atol=1e-9)


@ALL
@given(reward=tables())
def test_the_model_is_kept(representative, reward):
    found = representative(reward)
    potential_between(reward, found)
    before, after = (as_dict(table) for table in (reward, found))
    tree = tree_of(reward.space)
    for prompt in reward.space.prompts:
        gaps = []
        for y in tree.responses():
            one, two = total(before, prompt, y), total(after, prompt, y)
            assert (one == -INF) == (two == -INF)
            if one > -INF:
                gaps.append(two - one)
        assert max(gaps) - min(gaps) <= 1e-9
        if representative in KEEP_R:
            assert max(map(abs, gaps)) <= 1e-9


@ALL
@given(reward=tables(), seed=SEEDS)
def test_all_of_an_orbit_become_one(representative, reward, seed):
    other = reward.shaped(potential(reward.space, seed, at_root=representative in KEEP_MODEL))
    assert representative(other).allclose(representative(reward), atol=1e-9)


@ALL
@given(reward=tables())
def test_only_what_allowed_responses_take_stays_finite(representative, reward):
    finite = [np.isfinite(level) for level in representative(reward).levels]
    assert all(map(np.array_equal, finite, live_pairs(reward)))


@ALL
def test_models_that_differ_only_where_nothing_passes_have_one_representative(representative):
    space = SequenceSpace(2, max_length=3)
    unreached = {(None, (), 1): -INF}
    one = StateActionTable.from_dict(space, unreached, default=0.25)
    two = StateActionTable.from_dict(space, unreached | {(None, (1,), 0): 5.0, (None, (1,), EOS): -INF}, default=0.25)
    assert representative(one) == representative(two)


@ALL
def test_bad_input(representative):
    space = SequenceSpace(1, max_length=3)
    with pytest.raises(TabularBellmanError, match="the table is a StateTable; it must be a StateActionTable"):
        representative(StateTable.zeros(space))
    nothing = StateActionTable.from_dict(space, {(None, (), a): -INF for a in (0, EOS)}, default=0.0)
    with pytest.raises(TabularBellmanError, match="every response to prompt None is forbidden"):
        representative(nothing)
    with pytest.raises(TabularBellmanError, match="overflow"):
        representative(StateActionTable.zeros(space) + 1.5e308)


# -- the mark of each --------------------------------------------------------------------------------------------------


@given(tables())
def test_terminal_rewards_are_paid_on_the_last_step(reward):
    found, space = terminal_reward(reward), reward.space
    values, tree = live_dict(found), tree_of(space)
    ends = {(x, y[:-1], y[-1]) for x in space.prompts for y in tree.responses()}
    assert all(value == 0.0 for key, value in values.items() if key not in ends)
    # To the last bit: R is the same sum, from the first step on.
    assert np.array_equal(EnergyBasedModel(reward)._totals, EnergyBasedModel(found)._totals)
    assert terminal_reward(found) == found


@given(tables())
def test_log_normalised_rewards_are_the_policy(reward):
    found = log_normalised_reward(reward)
    model = EnergyBasedModel(reward)
    policy, rows = as_dict(model.log_policy), {}
    for key, value in live_dict(found).items():
        assert value == pytest.approx(policy[key], abs=1e-9)
        rows.setdefault(key[:2], []).append(value)
    assert all(abs(log_sum_exp(row)) <= 1e-12 for row in rows.values())
    assert np.abs(np.atleast_1d(EnergyBasedModel(found).log_partition())).max() <= 1e-11
    assert soft_bellman(found)[0].allclose(found, atol=1e-11)


@given(tables())
def test_centered_rewards_have_mean_0(reward):
    rows = {}
    for key, value in live_dict(centered_reward(reward)).items():
        rows.setdefault(key[:2], []).append(value)
    assert all(abs(math.fsum(row)) <= 1e-9 for row in rows.values())


@given(tables(scales=MODERATE))
def test_centring_takes_off_the_mean_over_uniform_choices(reward):
    """The constant that R loses is Σ_y u(y) R(y), with u the policy that takes any allowed action alike."""
    found, values, tree = centered_reward(reward), as_dict(reward), tree_of(reward.space)
    after, choices = live_dict(found), {}
    for key in after:
        choices[key[:2]] = choices.get(key[:2], 0) + 1
    for prompt in reward.space.prompts:
        allowed = [y for y in tree.responses() if total(values, prompt, y) > -INF]
        chances = [math.prod(1.0 / choices[prompt, y[:t]] for t in range(len(y))) for y in allowed]
        mean = math.fsum(u * total(values, prompt, y) for u, y in zip(chances, allowed, strict=True))
        for y in allowed:
            assert total(after, prompt, y) == pytest.approx(total(values, prompt, y) - mean, abs=1e-10)


# -- least norm --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("free_constant", [False, True])
@given(reward=tables(scales=MODERATE))
def test_least_norm_as_a_linear_solver_has_it(free_constant, reward):
    shaping = shaping_matrix(reward)[:, 0 if free_constant else reward.space.n_prompts :].astype(float)
    live = StateActionTable.from_levels(reward.space, [level.astype(float) for level in live_pairs(reward)])
    r = np.where(live.to_vector() > 0.0, vector(reward), 0.0)
    best = r - shaping @ np.linalg.lstsq(shaping, r, rcond=None)[0] if shaping.size else r
    found = minimum_norm_reward(reward, free_constant=free_constant)
    np.testing.assert_allclose(vector(found), best, atol=1e-9)


@given(tables(masks=False, scales=MODERATE))
def test_least_norm_is_the_pseudo_inverse_of_the_sum_along_responses(reward):
    matrix = reward_matrix(reward.space).astype(float)
    expected = np.linalg.pinv(matrix) @ (matrix @ reward.to_vector())
    np.testing.assert_allclose(minimum_norm_reward(reward).to_vector(), expected, atol=1e-9)


@given(tables())
def test_what_flows_in_flows_out(reward):
    for representative in (minimum_norm_reward, least_norm_of_model):
        values = live_dict(representative(reward))
        out = {}
        for (prompt, prefix, _), value in values.items():
            out.setdefault((prompt, prefix), []).append(value)
        for (prompt, prefix), flows in out.items():
            if prefix:
                assert math.fsum(flows) == pytest.approx(values[prompt, prefix[:-1], prefix[-1]], abs=1e-9)
            elif representative is least_norm_of_model:
                assert math.fsum(flows) == pytest.approx(0.0, abs=1e-9)


def test_least_norm_by_hand():
    # One response of R = 6 in three steps beside one of R = 1 in one step.
    space = SequenceSpace("a", max_length=3)
    reward = StateActionTable.from_responses(space, [1.0, -INF, 6.0])
    found = minimum_norm_reward(reward)
    assert [found[None, (), "a"], found[None, ("a",), "a"], found[None, ("a", "a"), EOS]] == [2.0, 2.0, 2.0]
    assert found[None, (), EOS] == 1.0
    assert found[None, ("a",), EOS] == -INF
    # With a free constant: r is x, x, x and -x, with 3x - (-x) = 5.
    free = minimum_norm_reward(reward, free_constant=True)
    assert free[None, (), "a"] == pytest.approx(1.25)
    assert free[None, (), EOS] == pytest.approx(-1.25)


def fractions(table, denominator):
    """Multiples of 1/denominator near the table's numbers, as levels of fractions."""
    return [
        np.array([Fraction(round(x * denominator), denominator) for x in level.ravel().tolist()]).reshape(level.shape)
        for level in table.levels
    ]


@pytest.mark.parametrize(
    "space",
    [SequenceSpace(2, max_length=4), SequenceSpace.fixed_length(2, 3, ["x", "y"]), SequenceSpace(1, max_length=6)],
    ids=str,
)
def test_exactly_over_fractions(space):
    """The same sweeps over fractions: every law holds with ==, and no other member of the orbit has a smaller norm."""
    steps = fractions(StateActionTable.random(space, 7), 60)
    live = [np.ones(level.shape, dtype=bool) for level in steps]
    V, P = space.n_tokens, space.n_prompts

    def shaped(phi):
        levels = []
        for t, level in enumerate(steps):
            new = level + phi[t]
            if t + 1 < space.n_depths:
                new[:V] -= phi[t + 1].reshape(V, -1)
            levels.append(new)
        return levels

    for free in (False, True):
        phi = _least_norm(space, live, steps, free_constant=free)
        found = shaped(phi)
        for t in range(1, space.n_depths):
            assert (found[t].sum(axis=0) == found[t - 1][:V].reshape(-1)).all()
        assert (found[0].sum(axis=0) == 0).all() if free else (phi[0] == np.zeros(P)).all()
        least = sum((level**2).sum() for level in found)
        rng = np.random.default_rng(0)
        for _ in range(5):
            others = [p + Fraction(int(rng.integers(-3, 4)), 7) * rng.integers(-1, 2, p.shape) for p in phi]
            others = others if free else [phi[0], *others[1:]]
            norm = sum((level**2).sum() for level in shaped(others))
            same = all((one == two).all() for one, two in zip(phi, others, strict=True))
            assert norm == least if same else norm > least
    assert all((level.sum(axis=0) == 0).all() for level in shaped(_centring(space, live, steps)))


@pytest.mark.parametrize("free_constant", [False, True])
def test_floats_agree_with_fractions(free_constant):
    reward = StateActionTable.random(SequenceSpace(3, max_length=5), 3)
    steps = [np.array([Fraction(x) for x in level.ravel().tolist()]).reshape(level.shape) for level in reward.levels]
    live = [np.ones(level.shape, dtype=bool) for level in steps]
    exact = _least_norm(reward.space, live, steps, free_constant=free_constant)
    floats = _least_norm(reward.space, live, reward.levels, free_constant=free_constant)
    for one, two in zip(exact, floats, strict=True):
        assert np.abs(one.astype(float) - two).max() <= 1e-14


def test_a_long_chain():
    space = SequenceSpace(1, max_length=3000)
    reward = StateActionTable.random(space, 0)
    found = minimum_norm_reward(reward)
    potential_between(reward, found)
    out = np.array([level.sum() for level in found.levels])
    into = np.array([level[0].item() for level in found.levels])
    np.testing.assert_allclose(out[1:], into[:-1], atol=1e-11)
