import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import END, exact_partition, logit, softmax_probabilities, total, value
from strategies import as_dict, plain, spaces, tables, tree_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
    inverse_soft_bellman,
    prefix_marginals,
    soft_bellman,
)
from tabular_bellman.number_systems import ExactWeights, LogFloat, MaxPlus
from tabular_bellman.recursion import backward, forward, inverse

TEMPERATURES = st.sampled_from([0.25, 1.0, 3.0])


def size(table):
    return 1.0 + max(np.abs(level[np.isfinite(level)]).max(initial=0.0) for level in table.levels)


@given(tables(), TEMPERATURES)
def test_soft_bellman_is_what_its_definition_says(reward, temperature):
    logits, values = soft_bellman(reward, temperature=temperature)
    tree, plain_reward, tolerance = tree_of(reward.space), as_dict(reward), 1e-14 * reward.space.n_depths * size(reward)
    for (prompt, prefix), v in values.items():
        assert v == pytest.approx(value(tree, plain_reward, prompt, prefix, temperature), abs=tolerance)
    for (prompt, prefix, action), q in logits.items():
        action = END if action is EOS else action
        assert q == pytest.approx(logit(tree, plain_reward, prompt, prefix, action, temperature), abs=tolerance)


@given(tables(), TEMPERATURES)
def test_the_inverse_brings_back_live_rewards_and_closes_the_others(reward, temperature):
    logits, _ = soft_bellman(reward, temperature=temperature)
    back = inverse_soft_bellman(logits, temperature=temperature)
    for q, r, again in zip(logits.levels, reward.levels, back.levels, strict=True):
        live = np.isfinite(q)
        np.testing.assert_allclose(again[live], r[live], atol=1e-14 * reward.space.n_depths * size(reward))
        assert np.isneginf(again[~live]).all()


@given(tables(masks=False), TEMPERATURES)
def test_every_finite_table_is_the_image_of_its_inverse(logits, temperature):
    reward = inverse_soft_bellman(logits, temperature=temperature)
    again, _ = soft_bellman(reward, temperature=temperature)
    assert again.allclose(logits, atol=1e-14 * logits.space.n_depths * size(logits))


@given(spaces(), st.integers(0, 10**6), st.sampled_from([0.5, 0.9, 1.0]), TEMPERATURES, st.booleans())
def test_discount_temperature_and_reference_in_one_step(space, seed, discount, temperature, with_reference):
    """q = r + γ V(child), V = τ log Σ π_ref exp(q/τ), written out with floats of Python's own."""
    rng = np.random.default_rng(seed)
    reward = StateActionTable.random(space, rng)
    reference = StateActionTable.random(space, rng).softmax() if with_reference else None
    logits, values = soft_bellman(reward, temperature=temperature, discount=discount, reference=reference)
    for (prompt, prefix, action), q in logits.items():
        child = (*prefix, action)
        below = values[prompt, child] if action is not EOS and len(child) < space.n_depths else 0.0
        assert q == pytest.approx(reward[prompt, prefix, action] + discount * below, abs=1e-12)
    for (prompt, prefix), v in values.items():
        terms = [
            (1.0 if reference is None else reference[prompt, prefix, a])
            * math.exp(logits[prompt, prefix, a] / temperature)
            for a in space.actions(len(prefix))
        ]
        assert v == pytest.approx(temperature * math.log(math.fsum(terms)), abs=1e-12)
    back = inverse_soft_bellman(logits, temperature=temperature, discount=discount, reference=reference)
    assert back.allclose(reward, atol=1e-12)


def test_a_reference_may_be_a_model_and_does_not_underflow_then():
    space = SequenceSpace(1, max_length=2)
    reference = AutoregressiveModel(StateActionTable.from_dict(space, {(None, (), 0): -2000.0}, default=0.0))
    _, values = soft_bellman(
        StateActionTable.from_dict(space, {(None, (), 0): 2000.0}, default=0.0), reference=reference
    )
    assert values[None, ()] == pytest.approx(math.log(2.0))
    zeros = StateActionTable.zeros(space)
    assert soft_bellman(zeros, reference=reference.policy)[1].allclose(soft_bellman(zeros, reference=reference)[1])


def test_a_reference_can_forbid():
    space = SequenceSpace(1, max_length=2)
    policy = StateActionTable.from_dict(space, {(None, (0,), EOS): 0.0}, default=0.5)
    _, values = soft_bellman(StateActionTable.zeros(space), reference=policy)
    assert values[None, (0,)] == -math.inf
    assert values[None, ()] == math.log(0.5)


@given(tables())
def test_marginals_are_sums_over_responses(reward):
    logits, _ = soft_bellman(reward)
    tree, marginals = tree_of(reward.space), prefix_marginals(logits)
    for prompt in reward.space.prompts:
        p = softmax_probabilities(tree, as_dict(logits), prompt)
        for prefix in tree.prefixes():
            share = math.fsum(x for x, y in zip(p, tree.responses(), strict=True) if y[: len(prefix)] == prefix)
            assert marginals[prompt, prefix] == pytest.approx(share, abs=1e-11)


def test_marginals_of_any_table_lose_what_gets_stuck():
    space = SequenceSpace(1, max_length=2)
    table = StateActionTable.from_dict(space, {(None, (0,), EOS): -math.inf}, default=0.0)
    assert prefix_marginals(table)[None, (0,)] == 0.5


def test_dead_and_unreachable_prefixes():
    space = SequenceSpace(2, max_length=3)
    reward = StateActionTable.from_dict(space, {(None, (0, 1), EOS): -math.inf, (None, (), 1): -math.inf}, default=0.0)
    logits, values = soft_bellman(reward)
    assert values[None, (0, 1)] == -math.inf  # dead
    assert logits[None, (0,), 1] == -math.inf
    assert reward[None, (0,), 1] == 0.0
    assert values[None, (1,)] == math.log(3)  # unreachable, and alive
    assert math.exp(values[None, ()]) == pytest.approx(3.0)


def test_a_root_with_nothing_allowed_has_value_minus_infinity():
    space = SequenceSpace(1, max_length=2, prompts=["x", "y"])
    reward = StateActionTable.from_function(space, lambda x, s, a: -math.inf if (x, a) == ("y", EOS) else 0.0)
    _, values = soft_bellman(reward)
    assert values["x", ()] == math.log(2.0)
    assert values["y", ()] == -math.inf


def test_a_finite_logit_into_a_dead_prefix_is_refused_by_name():
    space = SequenceSpace("ab", max_length=3, prompts=["x", "y"])
    logits = StateActionTable.from_dict(space, {("y", ("b", "a"), EOS): -math.inf}, default=0.0)
    message = r"prompt 'y', prefix \('b',\), action 'a' is finite, but it leads to the dead prefix \('b', 'a'\)"
    with pytest.raises(TabularBellmanError, match=message):
        inverse_soft_bellman(logits)
    with pytest.raises(TabularBellmanError, match=message):
        AutoregressiveModel(logits)


def exact_weights(space, seed, zeros):
    rng = np.random.default_rng(seed)
    levels = []
    for t in range(space.n_depths):
        shape = (space.n_actions(t), space.n_prefixes_at(t))
        integers = rng.integers(0 if zeros else 1, 6, size=shape)
        level = np.empty(shape, dtype=object)
        level[:] = [
            [Fraction(int(a), int(b)) for a, b in zip(*rows, strict=True)]
            for rows in zip(integers, rng.integers(1, 9, size=shape), strict=True)
        ]
        levels.append(level)
    return levels


@given(spaces(max_responses=15), st.integers(0, 10**6), st.booleans())
def test_the_generic_recursion_is_exact_over_rationals(space, seed, zeros):
    system, tree = ExactWeights(), tree_of(space)
    weights = exact_weights(space, seed, zeros)
    table = {}
    for prompt, prefix, action in space.pairs():
        depth, index = space.prefix_index(prefix, prompt)
        table[plain((prompt, prefix, action))] = weights[depth][space.action_index(depth, action), index]
    logits, values = backward(space, system, weights)
    for t in range(space.n_depths):
        for prompt, prefix in space.prefixes(t):
            assert values[t][space.prefix_index(prefix, prompt)[1]] == exact_partition(tree, table, prompt, prefix)
    back = inverse(space, system, logits)
    for q, r, again in zip(logits, weights, back, strict=True):
        assert (again == np.where(q == 0, Fraction(0), r)).all()
    policy = [system.divide(q, v) for q, v in zip(logits, values, strict=True)]
    if (values[0] != 0).all():
        passing = forward(space, system, policy)
        ends = (
            sum((p[-1] * m).sum() for p, m in zip(policy, passing, strict=True))
            if space.has_eos
            else (policy[-1] * passing[-1]).sum()
        )
        if space.min_length == 1 or not space.has_eos:
            assert ends == space.n_prompts


def test_exact_rationals_decline_powers():
    with pytest.raises(TabularBellmanError, match="exact rationals cannot be raised"):
        backward(
            SequenceSpace(1, max_length=1),
            ExactWeights(),
            exact_weights(SequenceSpace(1, max_length=1), 0, False),
            temperature=2.0,
        )


@given(tables(scales=st.sampled_from([0.0, 1.0, 30.0])))
def test_max_plus_finds_the_best_response(reward):
    _, values = backward(reward.space, MaxPlus(), reward.levels)
    table = as_dict(reward)
    for p, prompt in enumerate(reward.space.prompts):
        best = max(total(table, prompt, y) for y in tree_of(reward.space).responses())
        assert values[0][p] == pytest.approx(best, abs=1e-12)


@given(tables(), TEMPERATURES, st.sampled_from([0.5, 1.0]))
def test_kernel_and_generic_recursion_agree(reward, temperature, discount):
    logits, values = soft_bellman(reward, temperature=temperature, discount=discount)
    generic_logits, generic_values = backward(
        reward.space, LogFloat(), reward.levels, temperature=temperature, discount=discount
    )
    tolerance = 1e-14 * reward.space.n_depths * size(reward)
    assert logits.allclose(StateActionTable.from_levels(reward.space, generic_logits), atol=tolerance)
    assert values.allclose(StateTable.from_levels(reward.space, generic_values), atol=tolerance)


def test_huge_rewards_are_right_and_sums_beyond_float64_are_refused():
    space = SequenceSpace(1, max_length=2)
    _, values = soft_bellman(StateActionTable.from_dict(space, {(None, (0,), EOS): 1e300}, default=0.0))
    assert values[None, ()] == 1e300
    for sign in (1.0, -1.0):
        with pytest.raises(
            TabularBellmanError, match=r"overflow float64 at prompt None, prefix \(\): they reach 1.5e\+308"
        ):
            soft_bellman(StateActionTable.zeros(space) + sign * 1.5e308)
    with pytest.raises(TabularBellmanError, match=r"temperature 1e-300"):
        soft_bellman(StateActionTable.zeros(space) + 1e100, temperature=1e-300)
    with pytest.raises(TabularBellmanError, match="overflow"):
        inverse_soft_bellman(StateActionTable.zeros(SequenceSpace(1, max_length=3)) + 1e100, temperature=1e-300)


def test_zero_temperature_limit():
    reward = StateActionTable.random(SequenceSpace(2, max_length=4), 0)
    _, values = soft_bellman(reward, temperature=1e-6)
    _, best = backward(reward.space, MaxPlus(), reward.levels)
    assert values.allclose(StateTable.from_levels(reward.space, best), atol=1e-5)


def test_one_token_and_two_hundred_steps():
    space = SequenceSpace(1, max_length=200)
    logits, values = soft_bellman(StateActionTable.zeros(space))
    assert np.exp([float(v[0]) for v in values.levels]) == pytest.approx(np.arange(200, 0, -1))
    assert inverse_soft_bellman(logits).allclose(StateActionTable.zeros(space), atol=1e-14)


@pytest.mark.parametrize("size", [599.0, 601.0, 709.0, 715.0, 745.0, 1e6])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_range_where_no_shift_is_needed_ends_before_exp_does(size, sign):
    space = SequenceSpace.fixed_length(4, 1)
    _, values = soft_bellman(StateActionTable.zeros(space) + sign * size)
    assert values[None, ()] == pytest.approx(sign * size + math.log(4.0), rel=1e-15)
