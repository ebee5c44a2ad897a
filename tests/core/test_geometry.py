import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import probabilities, softmax_probabilities, total
from strategies import as_dict, spaces, tables, tree_of

from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
)
from tabular_bellman.geometry import autoregressive_fisher_product, energy_based_fisher_product, natural_gradient
from tabular_bellman.learning import (
    autoregressive_risk_gradient,
    energy_based_risk_gradient,
    inverse_soft_bellman_pushforward,
    soft_bellman_pullback,
    soft_bellman_pushforward,
)

MODERATE = st.sampled_from([0.0, 1.0, 3.0])


@st.composite
def problems(draw):
    """Rewards, the logits with the same distribution, a target that allows no more, a tangent, and prompt weights."""
    space = draw(spaces(max_responses=20))
    reward = draw(tables(space=space, scales=MODERATE))
    other = draw(tables(space=space, scales=st.sampled_from([0.0, 1.0, 2.0])))
    tangent = draw(tables(space=space, masks=False, scales=st.sampled_from([1.0, 10.0])))
    logits = EnergyBasedModel(reward).to_autoregressive().logits
    masked = [np.where(np.isneginf(q), q, level) for q, level in zip(logits.levels, other.levels, strict=True)]
    table = StateActionTable.from_levels(space, masked)
    try:
        target = EnergyBasedModel(table)
    except TabularBellmanError:  # nothing is left: the model's own
        target = EnergyBasedModel(reward)
    if draw(st.booleans()):
        target = target.to_autoregressive()
    weights = np.array([draw(st.floats(0.1, 1.0)) for _ in space.prompts])
    return reward, logits, target, tangent, weights / weights.sum()


def passes(y, s, a):
    return len(y) > len(s) and y[: len(s)] == s and y[len(s)] == a


def flat(table):
    return table.to_vector()


def scores_of_logits(tree, table, prompt, y):
    """∂ log p(y)/∂q, from the definition: the action taken less the policy, at the prefixes of y."""
    found = {}
    for t, action in enumerate(y):
        s = y[:t]
        row = [table[prompt, s, b] for b in tree.actions(s)]
        top = max(row)
        z = math.fsum(math.exp(x - top) for x in row)
        for b in tree.actions(s):
            found[prompt, s, b] = float(b == action) - math.exp(table[prompt, s, b] - top) / z
    return found


def information(scores, p, d):
    """Σ_y p(y) score(y) <score(y), d>, for one prompt."""
    found = {}
    for score, chance in zip(scores, p, strict=True):
        along = math.fsum(x * d[k] for k, x in score.items())
        for k, x in score.items():
            found[k] = found.get(k, 0.0) + chance * x * along
    return found


# -- the metric, against the definition by enumeration ----------------------------------------------------------------


@given(problems())
def test_fisher_of_logits_is_the_covariance_of_scores(problem):
    _, logits, _, tangent, weights = problem
    tree, table, d = tree_of(logits.space), as_dict(logits), as_dict(tangent)
    expected = dict.fromkeys(table, 0.0)
    for w, x in zip(weights, logits.space.prompts, strict=True):
        p = softmax_probabilities(tree, table, x)
        taken = [(scores_of_logits(tree, table, x, y), c) for y, c in zip(tree.responses(), p, strict=True) if c > 0.0]
        for k, v in information([s for s, _ in taken], [c for _, c in taken], d).items():
            expected[k] = w * v
    found = as_dict(autoregressive_fisher_product(logits, tangent, weights))
    size = max(map(abs, d.values()))
    for k, v in expected.items():
        assert found[k] == pytest.approx(v, abs=1e-13 * size), k


@given(problems())
def test_fisher_of_rewards_is_the_covariance_with_the_total(problem):
    reward, _, _, tangent, weights = problem
    tree, table, d = tree_of(reward.space), as_dict(reward), as_dict(tangent)
    found = as_dict(energy_based_fisher_product(reward, tangent, weights))
    size = max(map(abs, d.values()))
    for w, x in zip(weights, reward.space.prompts, strict=True):
        p = probabilities(tree, table, x)
        totals = [total(d, x, y) for y in tree.responses()]
        mean = math.fsum(c * v for c, v in zip(p, totals, strict=True))
        for k in table:
            if k[0] == x:
                passing = [
                    c * (v - mean) for c, v, y in zip(p, totals, tree.responses(), strict=True) if passes(y, *k[1:])
                ]
                assert found[k] == pytest.approx(w * math.fsum(passing), abs=1e-12 * size), k


@given(problems())
def test_the_metric_in_rewards_is_that_in_logits_pulled_back(problem):
    reward, logits, _, d, weights = problem
    pushed = autoregressive_fisher_product(logits, soft_bellman_pushforward(reward, d), weights)
    pulled = soft_bellman_pullback(reward, pushed)
    assert flat(energy_based_fisher_product(reward, d, weights)) == pytest.approx(flat(pulled), abs=1e-11)


@given(problems())
def test_the_length_of_a_tangent_is_the_variance_of_its_total(problem):
    reward, _, _, tangent, weights = problem
    tree, d = tree_of(reward.space), as_dict(tangent)
    expected = 0.0
    for w, x in zip(weights, reward.space.prompts, strict=True):
        p, totals = probabilities(tree, as_dict(reward), x), [total(d, x, y) for y in tree.responses()]
        mean = math.fsum(c * v for c, v in zip(p, totals, strict=True))
        expected += w * math.fsum(c * (v - mean) ** 2 for c, v in zip(p, totals, strict=True))
    product = energy_based_fisher_product(reward, tangent, weights)
    assert float(flat(product) @ flat(tangent)) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(st.data())
def test_shifts_and_shaping_have_length_0(data):
    space = data.draw(spaces(max_responses=20))
    reward = data.draw(tables(space=space, scales=MODERATE))
    phi = StateTable.random(space, data.draw(st.integers(0, 99)))
    zeros = StateActionTable.zeros(space)
    nothing = pytest.approx(np.zeros(space.n_pairs), abs=1e-13)
    assert flat(energy_based_fisher_product(reward, zeros.shaped(phi))) == nothing  # φ at the root moves all of R
    shift = StateActionTable.from_levels(
        space, [np.broadcast_to(x, level.shape) for x, level in zip(phi.levels, zeros.levels, strict=True)]
    )
    logits = EnergyBasedModel(reward).to_autoregressive().logits
    assert flat(autoregressive_fisher_product(logits, shift)) == nothing


@given(st.data())
def test_the_metric_is_symmetric(data):
    space = data.draw(spaces(max_responses=20))
    table = data.draw(tables(space=space, scales=MODERATE))
    d, e = (StateActionTable.random(space, data.draw(st.integers(0, 99))) for _ in range(2))
    logits = EnergyBasedModel(table).to_autoregressive().logits
    for product, at in ((energy_based_fisher_product, table), (autoregressive_fisher_product, logits)):
        one, two = flat(product(at, d)) @ flat(e), flat(product(at, e)) @ flat(d)
        assert one == pytest.approx(two, rel=1e-10, abs=1e-12)


# -- the inverse of J_M -----------------------------------------------------------------------------------------------


@given(problems())
def test_the_inverse_pushforward_undoes_the_pushforward(problem):
    reward, logits, _, d, _ = problem
    back = inverse_soft_bellman_pushforward(logits, soft_bellman_pushforward(reward, d))
    assert flat(back) == pytest.approx(flat(d), abs=1e-11)


def test_the_inverse_pushforward_by_hand():
    space = SequenceSpace(1, max_length=2)
    tangent = StateActionTable.from_arrays(space, [[[1.0, 2.0]], [[[5.0]]]])
    assert inverse_soft_bellman_pushforward(StateActionTable.zeros(space), tangent)[0].tolist() == [[-4.0, 2.0]]


# -- the natural gradient ---------------------------------------------------------------------------------------------


@given(problems())
def test_the_natural_gradient_solves_both_equations(problem):
    reward, logits, target, _, weights = problem
    for model in (EnergyBasedModel(reward), AutoregressiveModel(logits)):
        d = natural_gradient(model, target, weights)
        size = 1.0 + float(np.abs(flat(d)).max())
        of_logits = autoregressive_fisher_product(logits, d, weights)
        expected = autoregressive_risk_gradient(logits, target, weights)
        assert flat(of_logits) == pytest.approx(flat(expected), abs=1e-12 * size)
        of_rewards = energy_based_fisher_product(reward, d, weights)
        expected = energy_based_risk_gradient(reward, target, weights)
        assert flat(of_rewards) == pytest.approx(flat(expected), abs=1e-12 * size)


@given(problems())
def test_the_natural_gradient_changes_log_p_by_one_minus_the_ratio(problem):
    reward, _, target, _, weights = problem
    space, tree = reward.space, tree_of(reward.space)
    d = natural_gradient(EnergyBasedModel(reward), target, weights)
    rho = dict(zip(space.prompts, target.probabilities().tolist(), strict=True))
    for x in space.prompts:
        p = probabilities(tree, as_dict(reward), x)
        for y, mine, theirs in zip(tree.responses(), p, rho[x], strict=True):
            if mine > 0.0:
                assert total(as_dict(d), x, y) == pytest.approx(1.0 - theirs / mine, rel=1e-9, abs=1e-9), y


@given(problems())
def test_rewards_and_logits_move_by_the_same_table(problem):
    reward, logits, target, _, weights = problem
    d = natural_gradient(EnergyBasedModel(reward), target, weights)
    size = 1.0 + float(np.abs(flat(d)).max())
    assert flat(soft_bellman_pushforward(reward, d)) == pytest.approx(flat(d), abs=1e-12 * size)
    assert flat(inverse_soft_bellman_pushforward(logits, d)) == pytest.approx(flat(d), abs=1e-12 * size)


def test_a_plain_step_depends_on_the_coordinates_and_a_natural_one_does_not():
    space = SequenceSpace(2, max_length=3)
    reward, target = StateActionTable.random(space, 0), EnergyBasedModel(StateActionTable.random(space, 1))
    model = EnergyBasedModel(reward)
    logits = model.to_autoregressive().logits
    before, h = model.log_probabilities(), 1e-6

    def changes(of_rewards, of_logits):
        after = EnergyBasedModel(reward - h * of_rewards), AutoregressiveModel(logits - h * of_logits)
        return [(p.log_probabilities() - before) / h for p in after]

    plain = changes(energy_based_risk_gradient(reward, target), autoregressive_risk_gradient(logits, target))
    assert np.abs(plain[0] - plain[1]).max() > 0.1
    natural = changes(*[natural_gradient(model, target)] * 2)
    assert natural[0] == pytest.approx(natural[1], abs=1e-4)
    assert natural[0] == pytest.approx(target.probabilities() / model.probabilities() - 1.0, abs=1e-4)


def test_the_natural_gradient_by_hand():
    # p is ½, ¼, ¼ (EOS; 0 EOS; 00 EOS), ρ is ¼, ¼, ½.
    space = SequenceSpace(1, max_length=3)
    target = EnergyBasedModel(StateActionTable.from_responses(space, np.log([0.25, 0.25, 0.5])))
    d = natural_gradient(AutoregressiveModel(StateActionTable.zeros(space)), target)
    # At the start 1 - (¾)/(½), 1 - (¼)/(½); after one token 3/2 - 2, 3/2 - 1; then 2 - 2.
    assert flat(d) == pytest.approx([-0.5, 0.5, -0.5, 0.5, 0.0], abs=1e-15)


# A chance of 1e-12 counts as any other; and so do smaller ones, while there are floats for them.
RARE = [1e-3, 1e-12, 1e-40, 1e-200]


@pytest.mark.parametrize("rare", RARE)
def test_a_rare_action_counts_in_the_natural_gradient(rare):
    space = SequenceSpace.fixed_length(2, 2)
    p, rho = (
        [np.array([[chance], [1.0 - chance]]), np.array([[below, 0.5], [1.0 - below, 0.5]])]
        for chance, below in ((rare, 0.25), (3.0 * rare, 0.75))
    )
    model, target = (
        AutoregressiveModel(StateActionTable.from_levels(space, [np.log(x) for x in law])) for law in (p, rho)
    )
    d = natural_gradient(model, target)
    # At the root 1 - 3; after the rare token 3 - 3 · 3 and 3 - 3 · ⅓.
    assert d[None, (), 0] == pytest.approx(-2.0, rel=1e-12)
    assert [d[None, (0,), a] for a in (0, 1)] == pytest.approx([-6.0, 2.0], rel=1e-12)
    assert d[None, (), 1] == pytest.approx(2.0 * rare / (1.0 - rare), rel=1e-3, abs=1e-15)


@pytest.mark.parametrize("rare", RARE)
def test_a_rare_action_counts_in_the_products_with_the_metric(rare):
    """d is 1 for token 0 at the root and 5 for the pair (0, 0), which has half of the chance of token 0."""
    space = SequenceSpace.fixed_length(2, 2)
    logits = StateActionTable.from_levels(space, [np.log([[rare], [1.0 - rare]]), np.zeros((2, 2))])
    d = StateActionTable.from_dict(space, {(None, (), 0): 1.0, (None, (0,), 0): 5.0}, default=0.0)
    found = autoregressive_fisher_product(logits, d)
    block = rare * (1.0 - rare)  # the variance of one action of two
    assert [found[None, (), a] for a in (0, 1)] == pytest.approx([block, -block], rel=1e-12, abs=0.0)
    assert [found[None, (0,), a] for a in (0, 1)] == pytest.approx([1.25 * rare, -1.25 * rare], rel=1e-12, abs=0.0)
    # As rewards: the last step adds log 2 to each action of the first, so that the model is the same; R_d is 6, 1, 0, 0
    # with chances rare/2, rare/2 and the rest, and its mean 7/2 · rare.
    mean, found = 3.5 * rare, energy_based_fisher_product(logits, d)
    assert found[None, (), 0] == pytest.approx(rare * (3.5 - mean), rel=1e-12, abs=0.0)
    assert [found[None, (0,), a] for a in (0, 1)] == pytest.approx(
        [0.5 * rare * (6.0 - mean), 0.5 * rare * (1.0 - mean)], rel=1e-12, abs=0.0
    )
    assert found[None, (), 1] == pytest.approx(-mean * (1.0 - rare), rel=1e-12, abs=0.0)


def test_it_is_0_at_the_target():
    model = EnergyBasedModel(StateActionTable.random(SequenceSpace(2, max_length=3), 0))
    assert not flat(natural_gradient(model, model)).any()


def test_masks_unreachable_prefixes_and_prompts_of_weight_0():
    space = SequenceSpace(2, max_length=3, prompts=["x", "y"])
    levels = [level.copy() for level in StateActionTable.random(space, 3).levels]
    levels[0][0, 0] = -np.inf  # "x" never begins with token 0
    reward = StateActionTable.from_levels(space, levels)
    target = EnergyBasedModel(StateActionTable.from_levels(space, levels) * 0.5)
    d = natural_gradient(EnergyBasedModel(reward), target, [1.0, 0.0])
    assert d["x", (), 0] == 0.0
    assert not d[1][0, 0].any()
    assert d[1][0, 1].any()
    assert not d[0][1].any()
    assert not d[2][1].any()
    product = energy_based_fisher_product(reward, StateActionTable.random(space, 4), [1.0, 0.0])
    assert product["x", (), 0] == 0.0
    assert not product[1][0, 0].any()
    assert not product[0][1].any()


def test_equal_weights_are_the_default():
    space = SequenceSpace(2, max_length=2, prompts=["x", "y"])
    table, d = StateActionTable.random(space, 0), StateActionTable.random(space, 1)
    for product in (autoregressive_fisher_product, energy_based_fisher_product):
        assert product(table, d) == product(table, d, [0.5, 0.5])


# -- bad input --------------------------------------------------------------------------------------------------------


def test_bad_input():
    space = SequenceSpace(1, max_length=2)
    table = StateActionTable.zeros(space)
    other = StateActionTable.zeros(SequenceSpace(2, max_length=2))
    for product in (autoregressive_fisher_product, energy_based_fisher_product):
        with pytest.raises(TabularBellmanError, match="spaces differ"):
            product(table, other)
        with pytest.raises(TabularBellmanError, match="the tangent is a float"):
            product(table, 1.0)
        with pytest.raises(TabularBellmanError, match=r"the tangent is -inf at prompt None, prefix \(\), action EOS"):
            product(table, StateActionTable.from_arrays(space, [[[0.0, -np.inf]], [[[0.0]]]]))
        with pytest.raises(TabularBellmanError, match="the prompt weights are"):
            product(table, table, [0.5])
        skewed = StateActionTable.from_arrays(space, [[[5.0, 0.0]], [[[0.0]]]])
        with pytest.raises(TabularBellmanError, match="the sum of the tangent overflows float64 at prompt None"):
            product(skewed, StateActionTable.from_arrays(space, [[[1.7e308, -1.7e308]], [[[0.0]]]]))
    with pytest.raises(TabularBellmanError, match="the table of logits is a float"):
        autoregressive_fisher_product(1.0, table)
    with pytest.raises(TabularBellmanError, match="the model is a StateActionTable"):
        natural_gradient(table, AutoregressiveModel(table))
    with pytest.raises(TabularBellmanError, match="the target is a StateActionTable"):
        natural_gradient(AutoregressiveModel(table), table)
    with pytest.raises(TabularBellmanError, match="spaces differ"):
        natural_gradient(AutoregressiveModel(table), AutoregressiveModel(other))


def test_a_target_that_allows_more_than_the_model_is_refused():
    space = SequenceSpace(1, max_length=2)
    model = AutoregressiveModel(StateActionTable.from_arrays(space, [[[0.0, -np.inf]], [[[0.0]]]]))
    target = AutoregressiveModel(StateActionTable.zeros(space))
    with pytest.raises(
        TabularBellmanError, match="forbids prompt None, prefix .*, action EOS, which the target allows"
    ):
        natural_gradient(model, target)
    assert natural_gradient(target, model)[0].tolist() == [[-1.0, 1.0]]  # the other way round


def test_a_ratio_beyond_float64_is_refused():
    space = SequenceSpace(1, max_length=2)
    model = AutoregressiveModel(StateActionTable.from_arrays(space, [[[0.0, -800.0]], [[[0.0]]]]))
    with pytest.raises(TabularBellmanError, match="ρ/p overflows float64 at prompt None"):
        natural_gradient(model, AutoregressiveModel(StateActionTable.zeros(space)))


def test_an_inverse_pushforward_into_a_dead_prefix_is_refused():
    space = SequenceSpace(1, max_length=2)
    logits = StateActionTable.from_arrays(space, [[[0.0, 0.0]], [[[-np.inf]]]])
    with pytest.raises(TabularBellmanError, match="dead prefix"):
        inverse_soft_bellman_pushforward(logits, StateActionTable.zeros(space))
