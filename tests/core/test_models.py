import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import entropy, log_sum_exp, probabilities, softmax_probabilities, total, value
from scipy.stats import chisquare
from strategies import as_dict, plain, spaces, tables, tree_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
    kl_divergence,
    prefix_marginals,
    soft_bellman,
)

MODERATE = st.sampled_from([0.0, 1.0, 30.0])
TEMPERATURES = st.sampled_from([0.5, 1.0, 3.0])


def both(reward, temperature):
    energy_based = EnergyBasedModel(reward, temperature)
    return energy_based, energy_based.to_autoregressive()


@given(tables(scales=MODERATE), TEMPERATURES)
def test_both_views_have_the_probabilities_of_the_definition(reward, temperature):
    space, tree, table = reward.space, tree_of(reward.space), as_dict(reward)
    expected = [probabilities(tree, table, x, temperature) for x in space.prompts]
    for model in both(reward, temperature):
        assert model.probabilities().shape == (space.n_prompts, space.n_responses_per_prompt)
        np.testing.assert_allclose(model.probabilities(), expected, atol=1e-12)
        np.testing.assert_array_equal(np.isneginf(model.log_probabilities()), np.array(expected) == 0.0)


@given(tables(scales=st.sampled_from([0.0, 1.0, 30.0])))
def test_an_autoregressive_model_of_its_own_logits(table):
    logits, _ = soft_bellman(table)
    mine = table.levels
    logits = StateActionTable.from_levels(
        table.space, [np.where(np.isneginf(q), -np.inf, r) for q, r in zip(logits.levels, mine, strict=True)]
    )
    model = AutoregressiveModel(logits)
    expected = [softmax_probabilities(tree_of(table.space), as_dict(logits), x) for x in table.space.prompts]
    np.testing.assert_allclose(model.probabilities(), expected, atol=1e-12)
    np.testing.assert_allclose(model.probabilities().sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(model.to_energy_based().probabilities(), expected, atol=1e-12)


@given(tables(scales=MODERATE), TEMPERATURES)
def test_log_partitions_values_policies_and_passing_agree_with_the_definition(reward, temperature):
    space, tree, table = reward.space, tree_of(reward.space), as_dict(reward)
    energy_based, autoregressive = both(reward, temperature)
    for prompt in space.prompts:
        scores = [total(table, prompt, y) / temperature for y in tree.responses()]
        assert energy_based.log_partition(prompt) == pytest.approx(log_sum_exp(scores), abs=1e-11)
        assert autoregressive.log_partition(prompt) == pytest.approx(log_sum_exp(scores), abs=1e-11)
    for (prompt, prefix), v in energy_based.values.items():
        assert v == pytest.approx(value(tree, table, prompt, prefix, temperature), abs=1e-11)
    assert energy_based.log_policy.allclose(autoregressive.log_policy, atol=1e-11)
    assert energy_based.prefix_log_probs.allclose(autoregressive.prefix_log_probs, atol=1e-11)
    marginals = prefix_marginals(autoregressive.logits)
    for chance, log_chance in zip(marginals.levels, energy_based.prefix_log_probs.levels, strict=True):
        np.testing.assert_allclose(np.exp(log_chance), chance, atol=1e-12)


@given(tables(scales=MODERATE))
def test_log_prob_takes_one_or_many_responses(reward):
    space = reward.space
    responses = list(space.responses())
    for model in both(reward, 1.0):
        everything = model.log_probabilities()
        np.testing.assert_allclose(model.log_prob(responses, space.prompts[0]), everything[0], atol=1e-12)
        many = model.log_prob(responses)
        assert many.shape == (everything.shape if space.n_prompts > 1 else everything[0].shape)
        np.testing.assert_allclose(np.atleast_2d(many), everything, atol=1e-12)
        one = model.log_prob(responses[-1])
        np.testing.assert_allclose(np.atleast_1d(one), everything[:, -1], atol=1e-12)


@given(tables(scales=MODERATE), TEMPERATURES)
def test_entropy_and_mode(reward, temperature):
    tree, table = tree_of(reward.space), as_dict(reward)
    for model in both(reward, temperature):
        for i, prompt in enumerate(reward.space.prompts):
            p = probabilities(tree, table, prompt, temperature)
            assert model.entropy(prompt) == pytest.approx(entropy(p), abs=1e-11)
            best = plain(model.mode(prompt))
            assert p[tree.responses().index(best)] == pytest.approx(max(p), rel=1e-10)
            assert np.atleast_1d(model.entropy())[i] == model.entropy(prompt)


def test_greedy_is_not_the_mode():
    # Going on has probability 0.6, but splits into two halves: the best response is to stop.
    space = SequenceSpace(2, max_length=3)
    policy = {(None, (), 0): 0.6, (None, (), 1): 1e-9, (None, (), EOS): 0.4}
    policy |= {(None, (0,), 0): 0.3, (None, (0,), 1): 0.3, (None, (0,), EOS): 0.4}
    model = AutoregressiveModel(
        StateActionTable.from_dict(space, {k: math.log(p) for k, p in policy.items()}, default=0.0)
    )
    assert model.mode() == (EOS,)
    assert model.greedy() == (0, EOS)


@given(tables(scales=MODERATE))
def test_greedy_follows_the_best_action(reward):
    for model in both(reward, 1.0):
        for prompt in reward.space.prompts:
            response = model.greedy(prompt)
            reward.space.response_index(response)
            for t, action in enumerate(response):
                row = {a: model.log_policy[prompt, response[:t], a] for a in reward.space.actions(t)}
                assert row[action] == max(row.values())


@pytest.mark.parametrize("view", ["energy based", "autoregressive"])
def test_samples_follow_the_probabilities(view):
    space = SequenceSpace(2, max_length=3, prompts=["x", "y"])
    reward = StateActionTable.random(space, 3) + StateActionTable.from_dict(
        space, {("x", (), 1): -math.inf}, default=0.0
    )
    model = EnergyBasedModel(reward) if view == "energy based" else EnergyBasedModel(reward).to_autoregressive()
    draws = model.sample(20_000, rng=0)
    for p, samples in zip(model.probabilities(), draws, strict=True):
        counts = np.bincount([space.response_index(y) for y in samples], minlength=len(p))
        assert not counts[p == 0.0].any()
        assert chisquare(counts[p > 0.0], 20_000 * p[p > 0.0]).pvalue > 1e-6
    assert model.sample(5, rng=1) == model.sample(5, rng=1)
    assert len(model.sample(7, "y")) == 7
    assert model.sample(0, "y") == []


@given(spaces(), st.integers(0, 10**6))
def test_samples_are_responses(space, seed):
    for model in both(StateActionTable.random(space, seed), 1.0):
        for prompt in space.prompts:
            for response in model.sample(3, prompt, rng=seed):
                space.response_index(response)


@given(spaces(), st.integers(0, 10**6), TEMPERATURES)
def test_a_reference_multiplies(space, seed, temperature):
    rng = np.random.default_rng(seed)
    reward, reference = StateActionTable.random(space, rng), AutoregressiveModel(StateActionTable.random(space, rng))
    weights = reference.probabilities() * EnergyBasedModel(reward, temperature).probabilities()
    expected = weights / weights.sum(axis=1, keepdims=True)
    model = EnergyBasedModel(reward, temperature).with_reference(reference)
    for other in (model, model.to_autoregressive(), EnergyBasedModel(reward, temperature, reference=reference.policy)):
        np.testing.assert_allclose(other.probabilities(), expected, atol=1e-12)
    tilted = reference.with_reference(reference.policy)
    for (prompt, prefix, action), p in tilted.policy.items():
        squares = {a: reference.policy[prompt, prefix, a] ** 2 for a in space.actions(len(prefix))}
        assert p == pytest.approx(squares[action] / sum(squares.values()))


def test_temperature_on_rewards_is_not_temperature_on_logits():
    space = SequenceSpace(1, max_length=3)
    reward = StateActionTable.zeros(space)
    np.testing.assert_allclose(EnergyBasedModel(reward, 0.5).probabilities(), [[1 / 3, 1 / 3, 1 / 3]])
    logits = EnergyBasedModel(reward).to_autoregressive().logits
    np.testing.assert_allclose(AutoregressiveModel(logits / 0.5).probabilities(), [[1 / 5, 2 / 5, 2 / 5]])


def test_discounts_have_no_sequence_level_bijection():
    model = EnergyBasedModel(StateActionTable.zeros(SequenceSpace(1, max_length=3)))
    with pytest.raises(TabularBellmanError, match="only discount 1 keeps the distribution"):
        model.to_autoregressive(discount=0.5)
    # The number that the refusal is about: p(EOS|x) = √2 - 1, not 1/3.
    logits, values = soft_bellman(model.reward, discount=0.5)
    assert AutoregressiveModel(logits).probabilities()[0, 0] == pytest.approx(math.sqrt(2) - 1)
    assert values[None, ()] == pytest.approx(0.8813735870195429)


def test_results_come_in_the_order_of_the_prompts():
    space = SequenceSpace(1, max_length=2, prompts=["a", "ab"])
    reward = StateActionTable.from_function(space, lambda x, s, a: 5.0 if x == "ab" and a == 0 else 0.0)
    for model in both(reward, 1.0):
        assert model.mode() == [(EOS,), (0, EOS)]
        assert model.mode("ab") == model.greedy("ab") == (0, EOS)
        assert model.log_partition().tolist() == [model.log_partition("a"), model.log_partition("ab")]
        assert isinstance(model.log_partition("a"), float)
        assert isinstance(model.values, StateTable)
        assert "2 prompts" in repr(model)


@pytest.mark.parametrize("scale", [1e8, 1e12, 1e16, 1e300])
def test_normalising_keeps_its_digits_however_large_the_numbers(scale):
    """Only differences count; a large number common to all must not cost the small ones' digits."""
    space = SequenceSpace(1, max_length=3)
    model = EnergyBasedModel(StateActionTable.from_responses(space, [scale] * 3))
    np.testing.assert_allclose(model.probabilities(), [[1 / 3] * 3], rtol=1e-15)
    assert model.entropy() == pytest.approx(math.log(3), rel=1e-14)
    np.testing.assert_allclose(np.exp(model.prefix_log_probs.levels[2]), [1 / 3], rtol=1e-14)
    np.testing.assert_allclose(model.policy.levels[2], [[1.0]])
    assert len(model.sample(5, rng=0)) == 5
    flat = AutoregressiveModel(StateActionTable.zeros(space) + scale)
    np.testing.assert_allclose(flat.probabilities(), [[0.5, 0.25, 0.25]], rtol=1e-15)
    np.testing.assert_allclose(prefix_marginals(flat.logits).levels[2], [0.25], rtol=1e-15)
    assert kl_divergence(flat, AutoregressiveModel(StateActionTable.zeros(space))) == pytest.approx(0.0, abs=1e-15)


@given(st.integers(0, 10**6), st.sampled_from([1.0, 1e4, 1e8]))
def test_shifted_scores_have_shifted_nothing(seed, scale):
    """Scores that are exact multiples of a power of two, moved by a large one: the same bits of probability."""
    space = SequenceSpace.fixed_length(3, 2)
    scores = np.random.default_rng(seed).integers(-64, 64, 9) / 16.0
    moved = EnergyBasedModel(StateActionTable.from_responses(space, scores + 2.0 ** np.ceil(np.log2(scale))))
    unmoved = EnergyBasedModel(StateActionTable.from_responses(space, scores))
    np.testing.assert_array_equal(moved.probabilities(), unmoved.probabilities())


def test_nearly_equal_scores_have_one_mode():
    space = SequenceSpace(1, max_length=3)
    model = EnergyBasedModel(StateActionTable.from_responses(space, [0.0, 1e-17, 0.0]))
    assert model.mode() == (0, EOS)
    assert AutoregressiveModel(StateActionTable.from_dict(space, {(None, (), EOS): 1e-17}, default=0.0)).greedy() == (
        EOS,
    )


def test_one_allowed_action_is_exact_at_every_temperature():
    reward = StateActionTable.zeros(SequenceSpace.fixed_length(1, 3)) + 1.0
    for temperature in (1e-16, 1.0, 1e16):
        assert soft_bellman(reward, temperature=temperature)[1].levels[0][0] == 3.0
        assert EnergyBasedModel(reward, temperature).values.levels[0][0] == pytest.approx(3.0, rel=1e-15)


def test_results_are_copies():
    zeros = StateActionTable.zeros(SequenceSpace(1, max_length=2, prompts=["x", "y"]))
    for model in (EnergyBasedModel(zeros), AutoregressiveModel(zeros)):
        for method in (model.log_partition, model.entropy, model.log_probabilities):
            method()[:] = 7.0
            assert not (method() == 7.0).any()


def test_of_equals_the_first_is_taken():
    zeros = StateActionTable.zeros(SequenceSpace(2, max_length=2))
    assert AutoregressiveModel(zeros).greedy() == (0, EOS)
    assert EnergyBasedModel(zeros).mode() == (EOS,)


def test_samples_of_longer_responses_follow_the_policy_of_their_own_prefix():
    space = SequenceSpace(3, max_length=4, prompts=["x", "y"])
    model = AutoregressiveModel(StateActionTable.random(space, 3))
    for p, samples in zip(model.probabilities(), model.sample(20_000, rng=0), strict=True):
        counts = np.bincount([space.response_index(y) for y in samples], minlength=len(p))
        assert chisquare(counts, 20_000 * p).pvalue > 1e-6


@pytest.mark.parametrize("scale", [1e12, 1e15, 1e17, 1e100, 1e300])
def test_chances_of_prefixes_are_chances_however_large_the_rewards(scale):
    space = SequenceSpace(2, max_length=3)
    for seed in range(6):
        model = EnergyBasedModel(StateActionTable.random(space, seed) * scale)
        for level in model.prefix_log_probs.levels:
            assert (level <= 0.0).all()
            assert np.exp(level).sum() <= 1.0 + 1e-15
