"""Numbers of a temperature: by the recursion in place of enumeration, at both ends, and as they are drawn."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from strategies import tables

from tabular_bellman import EnergyBasedModel, SequenceSpace, StateActionTable, TabularBellmanError, entropy_by_depth
from tabular_bellman.plotting import temperature_sweep
from tabular_bellman.plotting.temperatures import sweep_temperatures

REWARD = StateActionTable.random(SequenceSpace("ab", max_length=4), rng=0)


@given(tables(scales=st.sampled_from([0.0, 0.01, 1.0, 30.0])), st.sampled_from([0.1, 1.0, 7.0]))
def test_the_same_by_way_of_the_policy(reward, tau):
    model = EnergyBasedModel(reward, tau).to_autoregressive()
    entropies = np.atleast_2d(entropy_by_depth(model)).sum(axis=1)
    passing = [np.exp(level) for level in model.prefix_log_probs.levels]
    for p, prompt in enumerate(reward.space.prompts):
        found = sweep_temperatures(reward, prompt=prompt, temperatures=[tau])
        steps = 0.0
        for t, level in enumerate(reward.levels):  # Σ P(s) π(a|s) r(s, a)
            terms = np.where(np.isneginf(level), 0.0, level) * model.policy.levels[t] * passing[t]
            steps += float(terms[:, p :: reward.space.n_prompts].sum())
        scale = 1.0 + max(float(np.abs(np.where(np.isneginf(x), 0.0, x)).max()) for x in reward.levels)
        assert found.expected_reward[0] == pytest.approx(steps, abs=1e-10 * scale)
        assert found.entropy[0] == pytest.approx(entropies[p], abs=1e-9)
        best = model.log_prob(EnergyBasedModel(reward, tau).mode(prompt), prompt)
        assert found.mode_probability[0] == pytest.approx(math.exp(best), abs=1e-9)


def test_the_limits_are_where_the_curves_go():
    span = sweep_temperatures(REWARD).temperatures[-1] / 10.0
    found = sweep_temperatures(REWARD, temperatures=[1e-5 * span, 1e6 * span])
    for end, limits in ((0, found.at_zero), (1, found.at_infinity)):
        curves = found.entropy, found.expected_reward, found.mode_probability
        for curve, limit in zip(curves, limits, strict=True):
            assert curve[end] == pytest.approx(limit, abs=1e-5)
    assert found.at_infinity[0] == pytest.approx(math.log(15))


def test_ties_share_the_mode():
    found = sweep_temperatures(StateActionTable.zeros(SequenceSpace("ab", max_length=2)))
    assert found.at_zero == pytest.approx((math.log(3), 0.0, 1 / 3))
    np.testing.assert_allclose(found.mode_probability, 1 / 3)


def test_large_rewards_are_those_of_ordinary_size_scaled_up():
    ordinary, huge = sweep_temperatures(REWARD), sweep_temperatures(REWARD * 2.0**990)
    np.testing.assert_allclose(huge.temperatures[:30], ordinary.temperatures[:30] * 2.0**990, rtol=1e-12)
    chosen = ordinary.temperatures[:30].tolist()
    one = sweep_temperatures(REWARD, temperatures=chosen)
    other = sweep_temperatures(REWARD * 2.0**990, temperatures=[tau * 2.0**990 for tau in chosen])
    np.testing.assert_allclose(other.expected_reward / 2.0**990, one.expected_reward, rtol=1e-12)
    np.testing.assert_allclose(other.entropy, one.entropy, rtol=1e-9)
    assert other.at_zero[1] == one.at_zero[1] * 2.0**990


def test_a_span_beyond_floats_has_temperatures():
    found = sweep_temperatures(
        StateActionTable.from_responses(SequenceSpace.fixed_length("ab", 1), [1.5e308, -1.5e308])
    )
    assert np.isfinite(found.temperatures).all()
    assert (np.diff(found.temperatures) > 0.0).all()


def test_what_is_drawn():
    ax = temperature_sweep(REWARD, ax=Figure().subplots())
    found = sweep_temperatures(REWARD)
    left, right = ax.figure.axes
    assert ax is left
    drawn = {line.get_label(): line for axes in (left, right) for line in axes.get_lines()}
    for label, values in (
        ("entropy, nats", found.entropy),
        ("expected reward, nats", found.expected_reward),
        ("probability of the mode", found.mode_probability),
    ):
        np.testing.assert_array_equal(drawn[label].get_xydata(), np.column_stack([found.temperatures, values]))
    looks = {(drawn[k].get_linestyle(), drawn[k].get_marker()) for k in drawn if "," in k or " of " in k}
    assert len(looks) == 3
    for k, (axes, symbol) in enumerate(((left, "o"), (left, "s"), (right, "^"))):
        limits = [line for line in axes.get_lines() if line.get_marker() == symbol and len(line.get_xdata()) == 1]
        curve = next(line for line in axes.get_lines() if line.get_marker() == symbol and len(line.get_xdata()) > 1)
        places = [line.get_xydata()[0].tolist() for line in limits]
        assert places == [[0.0, found.at_zero[k]], [1.0, found.at_infinity[k]]]
        assert {line.get_fillstyle() for line in limits} == {"none"}
        assert {line.get_color() for line in limits} == {curve.get_color()}
        assert min(line.get_markersize() for line in limits) > 2 * curve.get_markersize()
        edges = [line.get_transform().transform(line.get_xydata())[0, 0] for line in limits]
        assert edges == [axes.bbox.x0, axes.bbox.x1]
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "temperature τ"
    assert ax.get_ylabel() == "nats: ● entropy, ■ expected reward"
    assert right.get_ylabel() == "▲ probability of the mode"


@pytest.mark.parametrize("shift", [0.0, 3.0, -0.7, -1000.0])
def test_both_axes_have_their_0_at_one_height(shift):
    """Unless rewards are so far below 0 that the probability would have no room."""
    space = SequenceSpace("ab", max_length=4)
    reward = REWARD + StateActionTable.from_responses(space, lambda *_: shift)
    left, right = temperature_sweep(reward, ax=Figure().subplots()).figure.axes

    def height(axes, y):
        low, high = axes.get_ylim()
        return (y - low) / (high - low)

    for axes in (left, right):
        for line in axes.get_lines():
            for y in line.get_ydata():
                assert 0.0 < height(axes, y) < 1.0
    assert height(right, 1.0) - height(right, 0.0) > 0.3
    assert right.get_yticks().tolist() == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    if shift > -1000.0:
        assert height(left, 0.0) == pytest.approx(height(right, 0.0))
    else:
        assert height(left, 0.0) > 0.9


def in_every_order():
    """Rewards .1, .2 and .3 in another order along each response: all worth the same, but for rounding."""
    orders = {"aa": (0.1, 0.2, 0.3), "ab": (0.1, 0.3, 0.2), "ba": (0.3, 0.2, 0.1), "bb": (0.3, 0.1, 0.2)}

    def paid(_, prefix, action):
        start = "".join((*prefix, action))[:2]
        return next(order for first, order in orders.items() if first.startswith(start))[len(prefix)]

    return StateActionTable.from_function(SequenceSpace.fixed_length("ab", 3), paid)


def test_all_equal_but_for_rounding():
    reward = in_every_order()
    totals = {sum(reward[None, y[:t], y[t]] for t in (2, 1, 0)) for y in itertools.product("ab", repeat=3)}
    assert len(totals) > 1  # in floats
    assert max(totals) - min(totals) < 1e-15
    found = sweep_temperatures(reward)
    assert (found.temperatures[0], found.temperatures[-1]) == pytest.approx((0.01, 10.0))
    np.testing.assert_allclose(found.entropy, math.log(8), rtol=1e-12)
    assert found.at_zero == pytest.approx((math.log(8), 0.6, 1 / 8))


def test_two_best_but_for_rounding():
    paid = {"aaa": (0.1, 0.2, 0.3), "baa": (0.3, 0.2, 0.1)}
    reward = StateActionTable.from_function(
        SequenceSpace.fixed_length("ab", 3),
        lambda _, s, a: next((x[len(s)] for y, x in paid.items() if y.startswith("".join((*s, a)))), -5.0),
    )
    found = sweep_temperatures(reward)
    assert found.entropy[0] == pytest.approx(found.at_zero[0], abs=1e-9)
    assert found.at_zero == pytest.approx((math.log(2), 0.6, 0.5))
    assert found.mode_probability[0] == pytest.approx(0.5, abs=1e-9)


def test_small_gaps_are_no_rounding():
    found = sweep_temperatures(REWARD * 1e-9)
    assert found.at_zero[0] == 0.0
    assert found.temperatures[-1] == pytest.approx(1e-9 * sweep_temperatures(REWARD).temperatures[-1])
    near = StateActionTable.from_responses(SequenceSpace.fixed_length("ab", 1), [1.0, 1.0 + 1e-9])
    assert sweep_temperatures(near).at_zero[0] == 0.0
    assert sweep_temperatures(near).temperatures[-1] == pytest.approx(1e-8)
    two_prompts = SequenceSpace("ab", max_length=2, prompts=["x", "y"])
    scales = StateActionTable.from_function(two_prompts, lambda p, _, a: (1e15 if p == "y" else 1.0) * (a == "b"))
    assert sweep_temperatures(scales, prompt="x").at_zero[0] == 0.0  # what another prompt pays is no scale for this


REFUSED = {
    "no temperature": ({"temperatures": []}, "temperatures is empty; give at least one"),
    "one number": ({"temperatures": 1.0}, "temperatures is a float; it must be a Iterable"),
    "a temperature of 0": ({"temperatures": [0.0]}, "temperature is 0.0; it must be positive"),
    "a temperature that is no number": ({"temperatures": ["hot"]}, "temperature is 'hot'"),
    "temperatures without end": ({"temperatures": itertools.count(1)}, "temperatures has more than 10,000 entries"),
    "one far too low": ({"temperatures": [1e-300]}, None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    settings, message = REFUSED[name]
    reward = REWARD * 1e80
    if message is None:
        message = "overflow float64; scale them down"
    with pytest.raises(TabularBellmanError, match=message):
        temperature_sweep(reward, **settings)


def test_too_many_numbers_are_refused_before_any_is_computed():
    reward = StateActionTable.zeros(SequenceSpace(2, max_length=22))
    with pytest.raises(
        TabularBellmanError, match="would take 255,852,483 numbers, responses times temperatures; the limit"
    ):
        sweep_temperatures(reward)
