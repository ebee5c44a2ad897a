import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import log_sum_exp, probabilities, softmax_probabilities, total
from strategies import as_dict, spaces, tables, tree_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
)
from tabular_bellman.learning import (
    autoregressive_risk,
    autoregressive_risk_gradient,
    energy_based_risk,
    energy_based_risk_gradient,
    log_partition_gradient,
    soft_bellman_pullback,
    soft_bellman_pushforward,
)

MODERATE = st.sampled_from([0.0, 1.0, 30.0])
EBM = (energy_based_risk, energy_based_risk_gradient)
ARM = (autoregressive_risk, autoregressive_risk_gradient)


@st.composite
def problems(draw):
    """Rewards, the logits with the same distribution, a target that allows no more, and prompt weights."""
    space = draw(spaces(max_responses=20))
    reward = draw(tables(space=space, scales=MODERATE))
    other = draw(tables(space=space, masks=False, scales=st.sampled_from([0.0, 1.0, 3.0])))
    logits = EnergyBasedModel(reward).to_autoregressive().logits
    masked = [np.where(np.isneginf(q), q, level) for q, level in zip(logits.levels, other.levels, strict=True)]
    target = AutoregressiveModel(StateActionTable.from_levels(space, masked))
    if draw(st.booleans()):
        target = target.to_energy_based()
    weights = np.array([draw(st.floats(0.1, 1.0)) for _ in space.prompts])
    return reward, logits, target, weights / weights.sum()


def of_target(space, target):
    return dict(zip(space.prompts, target.probabilities().tolist(), strict=True))


def passes(y, s, a):
    return len(y) > len(s) and y[: len(s)] == s and y[len(s)] == a


def marginal(tree, p, s, a):
    """The chance of passing s and taking a, by enumeration."""
    return math.fsum(x for x, y in zip(p, tree.responses(), strict=True) if passes(y, s, a))


def assert_close(table, expected, scale=1.0):
    found = as_dict(table)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-11, abs=1e-12 * scale), key


# -- risks and gradients, against enumeration -------------------------------------------------------------------------


@given(problems())
def test_risks_are_cross_entropies(problem):
    reward, logits, target, weights = problem
    space, tree, rho = reward.space, tree_of(reward.space), of_target(reward.space, target)
    expected = []
    for w, x in zip(weights, space.prompts, strict=True):
        scores = [total(as_dict(reward), x, y) for y in tree.responses()]
        losses = [log_sum_exp(scores) - score for score in scores]
        expected += [w * r * loss for r, loss in zip(rho[x], losses, strict=True) if r > 0.0]
    risk = pytest.approx(math.fsum(expected), rel=1e-11, abs=1e-11)
    assert energy_based_risk(reward, target, weights) == risk
    assert autoregressive_risk(logits, target, weights) == risk


@given(problems())
def test_log_partition_gradient_is_the_chance_of_the_pair(problem):
    reward, *_ = problem
    tree, table = tree_of(reward.space), as_dict(reward)
    p = {x: probabilities(tree, table, x) for x in reward.space.prompts}
    assert_close(log_partition_gradient(reward), {(x, s, a): marginal(tree, p[x], s, a) for x, s, a in table})


@given(problems())
def test_energy_based_gradient_is_model_minus_target(problem):
    reward, _, target, weights = problem
    space, tree, table, rho = reward.space, tree_of(reward.space), as_dict(reward), of_target(reward.space, target)
    w = dict(zip(space.prompts, weights.tolist(), strict=True))
    p = {x: probabilities(tree, table, x) for x in space.prompts}
    expected = {(x, s, a): w[x] * (marginal(tree, p[x], s, a) - marginal(tree, rho[x], s, a)) for x, s, a in table}
    assert_close(energy_based_risk_gradient(reward, target, weights), expected)


@given(problems())
def test_autoregressive_gradient_is_policy_minus_action_on_the_path(problem):
    _, logits, target, weights = problem
    space, tree, table, rho = logits.space, tree_of(logits.space), as_dict(logits), of_target(logits.space, target)
    w = dict(zip(space.prompts, weights.tolist(), strict=True))
    expected = {}
    for x, s, a in table:
        row = [table[x, s, b] for b in tree.actions(s)]
        pi = math.exp(table[x, s, a] - log_sum_exp(row)) if table[x, s, a] > -math.inf else 0.0
        reached = math.fsum(marginal(tree, rho[x], s, b) for b in tree.actions(s))
        expected[x, s, a] = w[x] * (reached * pi - marginal(tree, rho[x], s, a))
    assert_close(autoregressive_risk_gradient(logits, target, weights), expected)


@given(problems())
def test_gradients_vanish_where_the_model_is_the_target(problem):
    _, _, target, weights = problem
    arm = target if isinstance(target, AutoregressiveModel) else target.to_autoregressive()
    zeros = np.zeros(target.space.n_pairs)
    assert autoregressive_risk_gradient(arm.logits, target, weights).to_vector() == pytest.approx(zeros, abs=1e-12)
    reward = arm.to_energy_based().reward
    assert energy_based_risk_gradient(reward, target, weights).to_vector() == pytest.approx(zeros, abs=1e-12)
    entropy = float(np.dot(weights, np.atleast_1d(target.entropy())))
    assert autoregressive_risk(arm.logits, target, weights) == pytest.approx(entropy, abs=1e-11)


# -- the Jacobian of M, against conditional expectations --------------------------------------------------------------


def below(tree, p, s, a):
    """Σ over the later pairs of the responses through (s, a), each with its chance given (s, a)."""
    chance = marginal(tree, p, s, a)
    later = {}
    for x, y in zip(p, tree.responses(), strict=True):
        if chance > 0.0 and passes(y, s, a):
            for t in range(len(s) + 1, len(y)):
                later.setdefault((y[:t], y[t]), []).append(x / chance)
    return {key: math.fsum(parts) for key, parts in later.items()}


@st.composite
def moves(draw):
    """Rewards of a size at which every allowed response is likely enough to be divided by, and two directions."""
    space = draw(spaces(max_responses=12))
    rewards = draw(tables(space=space, scales=st.sampled_from([0.0, 1.0, 2.0])))
    return rewards, *(draw(tables(space=space, masks=False, scales=st.just(1.0))) for _ in range(2))


@given(moves())
def test_pushforward_adds_what_follows_on_average(move):
    reward, d, _ = move
    tree, table, direction = tree_of(reward.space), as_dict(reward), as_dict(d)
    pushed = as_dict(soft_bellman_pushforward(reward, d))
    for x in reward.space.prompts:
        p = probabilities(tree, table, x)
        for (prompt, s, a), value in direction.items():
            if prompt == x and marginal(tree, p, s, a) > 0.0:
                later = math.fsum(chance * direction[x, *pair] for pair, chance in below(tree, p, s, a).items())
                assert pushed[x, s, a] == pytest.approx(value + later, rel=1e-10, abs=1e-10)


@given(moves())
def test_pullback_hands_down_by_chance(move):
    reward, _, g = move
    tree, table, gradient = tree_of(reward.space), as_dict(reward), as_dict(g)
    pulled = as_dict(soft_bellman_pullback(reward, g))
    for x in reward.space.prompts:
        p = probabilities(tree, table, x)
        expected = {(s, a): gradient[x, s, a] for prompt, s, a in table if prompt == x}
        for prompt, s, a in table:
            if prompt == x:
                for pair, chance in below(tree, p, s, a).items():
                    expected[pair] += gradient[x, s, a] * chance
        for (s, a), value in expected.items():
            # Pairs that nothing reaches have no chance by enumeration, but one by the recursion.
            if marginal(tree, p, s, a) > 0.0:
                assert pulled[x, s, a] == pytest.approx(value, rel=1e-10, abs=1e-10)


@given(moves())
def test_pushforward_and_pullback_are_adjoint(move):
    reward, d, g = move
    pushed, pulled = soft_bellman_pushforward(reward, d), soft_bellman_pullback(reward, g)
    left, right = np.dot(g.to_vector(), pushed.to_vector()), np.dot(pulled.to_vector(), d.to_vector())
    assert left == pytest.approx(right, rel=1e-11, abs=1e-11)


@given(problems())
def test_the_gradients_obey_the_chain_rule(problem):
    reward, logits, target, weights = problem
    pulled = soft_bellman_pullback(reward, autoregressive_risk_gradient(logits, target, weights))
    mine = energy_based_risk_gradient(reward, target, weights)
    assert pulled.to_vector() == pytest.approx(mine.to_vector(), abs=1e-11)


# -- central differences, as a check of one's senses ------------------------------------------------------------------


@pytest.mark.parametrize(("risk", "gradient"), [EBM, ARM])
@pytest.mark.parametrize(
    "space",
    [
        SequenceSpace(2, max_length=3, prompts=["x", "y"]),
        SequenceSpace.fixed_length(3, 2),
        SequenceSpace(1, max_length=4),
    ],
)
def test_central_differences(risk, gradient, space):
    table, target = StateActionTable.random(space, 0), AutoregressiveModel(StateActionTable.random(space, 1))
    weights = np.arange(1.0, space.n_prompts + 1.0)
    weights /= weights.sum()
    slopes, h = gradient(table, target, weights).to_vector(), 1e-5
    for i, unit in enumerate(np.eye(space.n_pairs)):
        step = StateActionTable.from_vector(space, h * unit)
        difference = risk(table + step, target, weights) - risk(table - step, target, weights)
        assert difference / (2.0 * h) == pytest.approx(slopes[i], abs=1e-9)


def test_central_differences_of_the_map():
    space = SequenceSpace(2, max_length=3, min_length=2)
    reward, d = StateActionTable.random(space, 0), StateActionTable.random(space, 1)
    models = [EnergyBasedModel(reward + step).to_autoregressive() for step in (d * 1e-5, d * -1e-5)]
    difference = (models[0].logits.to_vector() - models[1].logits.to_vector()) / 2e-5
    assert soft_bellman_pushforward(reward, d).to_vector() == pytest.approx(difference, abs=1e-9)


# -- by hand ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_responses():
    """One token, up to two steps: (EOS) and (0, EOS), with chances ¼ and ¾."""
    zeros = StateActionTable.zeros(SequenceSpace(1, max_length=2))
    quarter = StateActionTable.from_dict(
        zeros.space, {(None, (), EOS): 0.0, (None, (), 0): math.log(3.0), (None, (0,), EOS): 0.0}
    )
    return zeros, AutoregressiveModel(quarter)


@pytest.mark.parametrize("risk", [energy_based_risk, autoregressive_risk])
def test_risk_by_hand(two_responses, risk):
    zeros, target = two_responses
    assert risk(zeros, target) == pytest.approx(math.log(2.0), rel=1e-15)
    assert isinstance(risk(zeros, target), float)


def test_gradients_by_hand(two_responses):
    zeros, target = two_responses
    ebm, arm = energy_based_risk_gradient(zeros, target), autoregressive_risk_gradient(zeros, target)
    assert ebm.to_vector() == pytest.approx([-0.25, 0.25, -0.25])
    assert arm.to_vector() == pytest.approx([-0.25, 0.25, 0.0])
    assert soft_bellman_pullback(zeros, arm).to_vector() == pytest.approx(ebm.to_vector())


def test_a_prompt_without_weight_has_no_part():
    space = SequenceSpace(1, max_length=2, prompts=["x", "y"])
    rewards = StateActionTable.from_levels(space, [[[0.0, -np.inf], [0.0, 0.0]], [[0.0, 0.0]]])
    target = AutoregressiveModel(StateActionTable.zeros(space))
    assert energy_based_risk(rewards, target, [1.0, 0.0]) == pytest.approx(math.log(2.0))
    assert energy_based_risk(rewards, target, [0.5, 0.5]) == np.inf
    assert energy_based_risk_gradient(rewards, target, [1.0, 0.0]).to_vector() == pytest.approx(np.zeros(6))


@pytest.mark.parametrize(("risk", "gradient"), [EBM, ARM])
def test_without_weights_prompts_count_alike(risk, gradient):
    space = SequenceSpace(2, max_length=2, prompts=["x", "y", "z"])
    table, target = StateActionTable.random(space, 0), AutoregressiveModel(StateActionTable.random(space, 1))
    alike = np.full(3, 1.0 / 3.0)
    assert risk(table, target) == risk(table, target, alike)
    assert gradient(table, target) == gradient(table, target, alike)


@pytest.mark.parametrize("gradient", [energy_based_risk_gradient, autoregressive_risk_gradient])
def test_the_model_may_forbid_what_the_target_never_gets_to(gradient):
    space = SequenceSpace.fixed_length(2, 2)
    target = AutoregressiveModel(StateActionTable.from_levels(space, [[[-np.inf], [0.0]], [[0.0, 0.0], [0.0, 0.0]]]))
    model = StateActionTable.from_levels(space, [[[0.0], [0.0]], [[-np.inf, 0.0], [0.0, 0.0]]])
    assert gradient(model, target).levels[1][0, 0] == 0.0


def test_what_the_model_forbids_costs_everything_however_unlikely():
    space = SequenceSpace(1, max_length=2)
    target = AutoregressiveModel(StateActionTable.from_levels(space, [[[-2000.0], [0.0]], [[0.0]]]))
    model = StateActionTable.from_levels(space, [[[-np.inf], [0.0]], [[0.0]]])
    assert target.probabilities()[0, 1] == 0.0  # underflow, not forbidden
    assert autoregressive_risk(model, target) == np.inf
    assert energy_based_risk(model, target) == np.inf
    # The other way round all is well.
    assert autoregressive_risk(target.logits, AutoregressiveModel(model)) == 0.0


def test_large_rewards():
    space = SequenceSpace(2, max_length=4)
    rewards = StateActionTable.random(space, 0, scale=1e6)
    target = EnergyBasedModel(StateActionTable.random(space, 1))
    p = probabilities(tree_of(space), as_dict(rewards), None)
    gradient = as_dict(log_partition_gradient(rewards))
    for x, s, a in gradient:
        assert gradient[x, s, a] == pytest.approx(marginal(tree_of(space), p, s, a), abs=1e-9)
    assert np.isfinite(energy_based_risk(rewards, target))
    assert np.isfinite(energy_based_risk_gradient(rewards, target).to_vector()).all()


def test_forbidden_actions_have_gradient_zero():
    space = SequenceSpace(2, max_length=3)
    levels = [level.copy() for level in StateActionTable.random(space, 0).levels]
    levels[0][1, 0] = -np.inf
    logits = StateActionTable.from_levels(space, levels)
    target = AutoregressiveModel(logits)
    for table in (energy_based_risk_gradient(logits, target), autoregressive_risk_gradient(logits, target)):
        assert table.levels[0][1, 0] == 0.0
        assert table.levels[1][:, 1].tolist() == [0.0, 0.0, 0.0]  # nothing gets there


def test_softmax_probabilities_of_the_oracle_agree_with_the_logits(two_responses):
    _, target = two_responses
    assert softmax_probabilities(tree_of(target.space), as_dict(target.logits), None) == pytest.approx([0.25, 0.75])


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [*EBM, *ARM])
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "the prompt weights are .*; they must be 2 numbers"),
        ([[0.5, 0.5]], "the prompt weights are"),
        ([0.7, 0.7], "the prompt weights are"),
        ([0.5, 0.5 + 1e-6], "the prompt weights are"),
        ([1.5, -0.5], "the prompt weights are"),
        ([math.nan, 0.5], "the prompt weights are"),
        ("half", "the array of prompt weights cannot be read"),
    ],
)
def test_bad_prompt_weights(function, weights, message):
    table = StateActionTable.zeros(SequenceSpace(1, max_length=2, prompts=["x", "y"]))
    with pytest.raises(TabularBellmanError, match=message):
        function(table, AutoregressiveModel(table), weights)


@pytest.mark.parametrize("function", [*EBM, *ARM])
def test_bad_targets(function):
    table = StateActionTable.zeros(SequenceSpace(1, max_length=2))
    with pytest.raises(TabularBellmanError, match="the target is a StateActionTable; it must be a SequenceModel"):
        function(table, table)
    other = AutoregressiveModel(StateActionTable.zeros(SequenceSpace(1, max_length=3)))
    with pytest.raises(TabularBellmanError, match="model and target"):
        function(table, other)
    with pytest.raises(TabularBellmanError, match="is a int; it must be a StateActionTable"):
        function(3, other)


@pytest.mark.parametrize("gradient", [energy_based_risk_gradient, autoregressive_risk_gradient])
def test_where_the_risk_is_infinite_there_is_no_gradient(gradient):
    table = StateActionTable.zeros(SequenceSpace("ab", max_length=2))
    lacking = StateActionTable.from_levels(table.space, [[[-np.inf], [0.0], [0.0]], [[0.0, 0.0]]])
    with pytest.raises(TabularBellmanError, match=r"forbids .*action 'a', which the target allows: the risk is inf"):
        gradient(lacking, AutoregressiveModel(table))


@pytest.mark.parametrize(
    ("carry", "what"), [(soft_bellman_pushforward, "tangent"), (soft_bellman_pullback, "cotangent")]
)
def test_bad_directions(carry, what):
    table = StateActionTable.zeros(SequenceSpace("ab", max_length=2))
    with pytest.raises(TabularBellmanError, match=f"the {what} is a list; it must be a StateActionTable"):
        carry(table, [1.0])
    with pytest.raises(TabularBellmanError, match="the reward is a str; it must be a StateActionTable"):
        carry("r", table)
    with pytest.raises(TabularBellmanError, match=f"reward and {what}"):
        carry(table, StateActionTable.zeros(SequenceSpace("ab", max_length=3)))
    infinite = StateActionTable.from_levels(table.space, [[[0.0], [0.0], [0.0]], [[0.0, -np.inf]]])
    with pytest.raises(TabularBellmanError, match=f"the {what} is -inf at prompt None, prefix .'b',., action EOS"):
        carry(table, infinite)


def test_gradient_of_nothing():
    table = StateActionTable.from_levels(SequenceSpace(1, max_length=1), [[[-np.inf]]])
    with pytest.raises(TabularBellmanError):
        log_partition_gradient(table)
