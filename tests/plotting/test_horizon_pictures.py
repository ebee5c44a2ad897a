"""The numbers of a limited horizon: against proofs_check, against enumeration, and as they are drawn."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from oracle import total
from strategies import as_dict, tables, tree_of

from proofs_check.lookahead import rows
from tabular_bellman import SequenceSpace, StateActionTable, TabularBellmanError
from tabular_bellman.lookahead import lookahead_logits
from tabular_bellman.plotting import lookahead_curve, reach_of_rewards
from tabular_bellman.plotting.horizons import horizon_losses
from tabular_bellman.plotting.labels import number

REWARD = StateActionTable.random(SequenceSpace("ab", max_length=5), rng=0)
MODERATE = tables(scales=st.sampled_from([0.0, 0.01, 1.0, 30.0]))


@given(MODERATE)
def test_the_same_as_proofs_check_finds(reward):
    for p, prompt in enumerate(reward.space.prompts):
        found = horizon_losses(reward, prompt=prompt)
        for i, row in enumerate(rows(reward)):
            margin = 1e-12 * (1.0 + float(row.backwards.value[p])) + float(row.backwards.error[p])
            assert found.kl[i] == pytest.approx(float(row.backwards.value[p]), abs=margin)
            assert found.success[i] == pytest.approx(float(row.success.value[p]), abs=1e-12)


@given(MODERATE)
def test_depth_by_depth_as_enumeration_has_it(reward):
    """E[log π(Y_t|S_t) - log π_h(Y_t|S_t)] at each depth, response by response."""
    tree, table, prompt = tree_of(reward.space), as_dict(reward), reward.space.prompts[0]
    totals = [total(table, prompt, y) for y in tree.responses()]
    top = max(totals)
    weight = [math.exp(x - top) for x in totals]
    chance = {y: w / math.fsum(weight) for y, w in zip(tree.responses(), weight, strict=True)}

    def passing(prefix):
        return math.fsum(p for y, p in chance.items() if y[: len(prefix)] == prefix)

    found = horizon_losses(reward, prompt=prompt)
    for horizon in range(reward.n_depths):
        seen = as_dict(lookahead_logits(reward, horizon).log_softmax())
        for t in range(reward.n_depths):
            terms = [
                p * (math.log(passing(y[: t + 1]) / passing(y[:t])) - seen[prompt, y[:t], y[t]])
                for y, p in chance.items()
                if len(y) > t and p > 0.0
            ]
            assert found.by_depth[horizon, t] == pytest.approx(math.fsum(terms), abs=1e-9)


@given(tables())
def test_what_sees_the_end_loses_nothing(reward):
    found = horizon_losses(reward)
    assert found.kl[-1] == 0.0
    assert found.success[-1] == pytest.approx(1.0, abs=1e-12)
    assert (found.by_depth >= 0.0).all()
    assert np.isfinite(found.kl).all()
    assert ((found.success >= 0.0) & (found.success <= 1.0)).all()


def lines(ax):
    return {line.get_label(): line for axes in ax.figure.axes for line in axes.get_lines()}


def test_the_curve_shows_these_numbers():
    ax = lookahead_curve(REWARD, ax=Figure().subplots())
    found, drawn = horizon_losses(REWARD), lines(ax)
    np.testing.assert_array_equal(drawn["KL(p‖p_h), nats"].get_xydata(), np.column_stack([range(5), found.kl]))
    np.testing.assert_array_equal(drawn["chance of success"].get_xydata()[:, 1], found.success)
    styles = {(line.get_linestyle(), line.get_marker()) for line in drawn.values()}
    assert len(styles) == 2
    right = next(axes for axes in ax.figure.axes if axes is not ax)
    assert drawn["KL(p‖p_h), nats"].axes is ax
    assert drawn["chance of success"].axes is right
    assert ax.get_ylabel() == "● KL(p‖p_h), nats"
    assert right.get_ylabel() == "■ chance of success"
    assert [drawn[name].get_marker() for name in ("KL(p‖p_h), nats", "chance of success")] == ["o", "s"]
    assert right.get_ylim() == (0.0, 1.05)
    assert ax.get_xlabel() == "horizon h: steps seen beyond the next"


def test_some_horizons_only():
    ax = lookahead_curve(REWARD, horizons=[3, 0], ax=Figure().subplots(), linewidth=4.0)
    kl = lines(ax)["KL(p‖p_h), nats"]
    assert kl.get_xdata().tolist() == [0, 3]
    assert kl.get_ydata()[1] == horizon_losses(REWARD).kl[3]
    assert kl.get_linewidth() == 4.0


def test_the_diagonals_of_the_reach_add_up_to_the_curve():
    ax = reach_of_rewards(REWARD, ax=Figure(figsize=(12, 12)).subplots())
    cells, T = ax.collections[0], REWARD.n_depths
    drawn = {}
    for path, value in zip(cells.get_paths(), cells.get_array().tolist(), strict=True):
        u, t = path.vertices.min(axis=0).astype(int).tolist()
        drawn[t, u] = value
    assert set(drawn) == {(t, u) for t in range(T) for u in range(t, T)}
    for row in rows(REWARD):
        along = math.fsum(drawn[t, min(t + row.horizon, T - 1)] for t in range(T))
        assert along == pytest.approx(float(row.backwards.value[0]), abs=1e-12)
    assert sorted(text.get_text() for text in ax.texts) == sorted(number(value) for value in drawn.values())
    for text in ax.texts:
        u, t = (int(x) for x in text.get_position())
        assert text.get_text() == number(drawn[t, u])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rewards seen up to depth u", "choice at depth t")
    for axis in (ax.xaxis, ax.yaxis):
        assert axis.get_ticklocs().tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
        assert [label.get_text() for label in axis.get_ticklabels()] == ["0", "1", "2", "3", "4"]
    assert ax.get_xlim() == (0.0, T)
    assert ax.get_ylim() == (T, 0.0)
    assert ax.figure.axes[1].get_ylabel() == "nats lost"


def test_a_row_far_from_0_may_be_decided_before_the_last_reward():
    """+2 for a first a, +3 at the last step after a first b: the first choice sees the 2, and then too little."""
    space = SequenceSpace.fixed_length("ab", 3)

    def paid(_, prefix, action):
        return 2.0 * (not prefix and action == "a") + 3.0 * (len(prefix) == 2 and prefix[0] == "b")

    losses = horizon_losses(StateActionTable.from_function(space, paid)).by_depth
    assert losses[0, 0] == losses[1, 0] > 0.5
    assert losses[2, 0] == 0.0


def test_a_reward_of_single_steps_reaches_nowhere_and_one_at_the_end_everywhere():
    space = SequenceSpace.fixed_length("ab", 4)
    steps = StateActionTable.from_function(space, lambda _, prefix, action: float(action == "a"))
    assert horizon_losses(steps).by_depth.max() < 1e-15
    end = StateActionTable.from_responses(space, lambda _, y: 5.0 * (y == ("a",) * 4))
    losses = horizon_losses(end).by_depth
    assert losses[2, 0] > 0.4  # at the first token, when the last reward alone is not seen
    assert losses[3, 0] == 0.0


REFUSED = {
    "a horizon that is not there": ({"horizons": [7]}, "horizon is 7; over .* it must be an integer from 0"),
    "a horizon that is no number": ({"horizons": ["all"]}, "horizon is 'all'"),
    "no horizons": ({"horizons": []}, "horizons is empty; give at least one"),
    "one number": ({"horizons": 3}, "horizons is a int; it must be a Iterable"),
    "horizons without end": (
        {"horizons": itertools.count()},
        "horizons has more than 60 entries, which is the limit",
    ),
    "one horizon many times": ({"horizons": [0] * 61}, "horizons has more than 60 entries"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    settings, message = REFUSED[name]
    with pytest.raises(TabularBellmanError, match=message):
        lookahead_curve(REWARD, **settings)


def test_too_many_horizons():
    reward = StateActionTable.zeros(SequenceSpace(1, max_length=61))
    for draw in (lookahead_curve, reach_of_rewards):
        with pytest.raises(
            TabularBellmanError, match="has 61 horizons; a picture takes 60. Choose some with horizons="
        ):
            draw(reward)
    assert lookahead_curve(reward, horizons=[0, 60], ax=Figure().subplots())


def test_everything_forbidden():
    space = SequenceSpace("ab", max_length=2)
    with pytest.raises(TabularBellmanError, match="every response to prompt None is forbidden"):
        lookahead_curve(StateActionTable.from_responses(space, [-math.inf] * 3))
