"""Numbers of a temperature: by the recursion in place of enumeration, at both ends, and as they are drawn."""

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
    edges = [line.get_xydata()[0].tolist() for line in left.get_lines() if line.get_marker() in "<>"]
    assert edges == [
        [0.0, found.at_zero[0]],
        [1.0, found.at_infinity[0]],
        [0.0, found.at_zero[1]],
        [1.0, found.at_infinity[1]],
    ]
    assert ax.get_xscale() == "log"


REFUSED = {
    "no temperature": ({"temperatures": []}, "temperatures is empty; give at least one"),
    "one number": ({"temperatures": 1.0}, "temperatures is a float; it must be a Iterable"),
    "a temperature of 0": ({"temperatures": [0.0]}, "temperature is 0.0; it must be positive"),
    "a temperature that is no number": ({"temperatures": ["hot"]}, "temperature is 'hot'"),
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
