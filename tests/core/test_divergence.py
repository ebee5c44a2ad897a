import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import kl
from strategies import spaces, tables

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    entropy_by_depth,
    kl_by_depth,
    kl_divergence,
    token_kl_divergence,
)

MODERATE = st.sampled_from([0.0, 1.0, 30.0])


@st.composite
def two_models(draw):
    space = draw(spaces())
    return [
        view(EnergyBasedModel(draw(tables(space=space, scales=MODERATE))))
        for view in draw(st.tuples(*[st.sampled_from([lambda m: m, EnergyBasedModel.to_autoregressive])] * 2))
    ]


@given(two_models())
def test_kl_is_the_sum_over_responses_and_splits_by_depth(models):
    p, q = models
    expected = [kl(x, y) for x, y in zip(p.probabilities().tolist(), q.probabilities().tolist(), strict=True)]
    ours, split = np.atleast_1d(kl_divergence(p, q)), np.atleast_2d(kl_by_depth(p, q))
    for mine, by_depth, theirs, log_p in zip(ours, split, expected, p.log_probabilities(), strict=True):
        if np.isfinite(theirs):
            assert mine == pytest.approx(theirs, abs=1e-9, rel=1e-9)
        elif log_p[np.isfinite(log_p)].min() > -600.0:
            assert mine == math.inf
        assert by_depth.sum() == pytest.approx(mine, abs=1e-9, rel=1e-9)


@given(tables(scales=MODERATE))
def test_entropy_splits_by_depth(reward):
    model = EnergyBasedModel(reward)
    split = np.atleast_2d(entropy_by_depth(model))
    assert split.shape == (reward.space.n_prompts, reward.space.n_depths)
    np.testing.assert_allclose(split.sum(axis=1), np.atleast_1d(model.entropy()), atol=1e-10)


@given(two_models())
def test_token_kl_is_a_mean_over_steps(models):
    p, q = models
    space = p.space
    by_tokens, by_responses = (np.atleast_1d(token_kl_divergence(p, q, average=a)) for a in ("tokens", "responses"))
    for i, prompt in enumerate(space.prompts):
        steps, total, mean = 0.0, 0.0, 0.0
        for response, chance in zip(space.responses(), p.probabilities()[i], strict=True):
            if chance == 0.0:
                continue
            kls = []
            for t in range(len(response)):
                rows = [[m.policy[prompt, response[:t], a] for a in space.actions(t)] for m in (p, q)]
                kls.append(kl(*rows))
            steps, total, mean = steps + chance * len(response), total + chance * sum(kls), mean + chance * np.mean(kls)
        if np.isfinite(total):
            assert by_tokens[i] == pytest.approx(total / steps, abs=1e-8, rel=1e-8)
            assert by_responses[i] == pytest.approx(mean, abs=1e-8, rel=1e-8)


def test_token_kl_is_not_sequence_kl():
    space = SequenceSpace.fixed_length(2, 3)
    p = AutoregressiveModel(StateActionTable.from_function(space, lambda x, s, a: float(a)))
    q = AutoregressiveModel(StateActionTable.zeros(space))
    assert kl_divergence(p, q) == pytest.approx(3 * token_kl_divergence(p, q))


@given(two_models())
def test_kl_is_never_negative_and_zero_of_a_model_with_itself(models):
    p, q = models
    assert (np.atleast_1d(kl_divergence(p, q)) >= 0.0).all()
    assert (kl_by_depth(p, q) >= 0.0).all()
    assert not np.any(kl_divergence(p, p))
    other = p.to_autoregressive() if isinstance(p, EnergyBasedModel) else p.to_energy_based()
    assert (np.atleast_1d(kl_divergence(p, other)) >= 0.0).all()


def test_kl_of_nearly_equal_models_keeps_its_digits():
    space = SequenceSpace.fixed_length(2, 1)
    p, q = (EnergyBasedModel(StateActionTable.from_responses(space, [x, 0.0])) for x in (0.0, 1e-8))
    assert kl_divergence(p, q) == pytest.approx(1e-16 / 8, rel=1e-6)


def test_infinite_without_common_support_however_small_the_probability():
    space = SequenceSpace(1, max_length=2)
    p = EnergyBasedModel(StateActionTable.from_dict(space, {(None, (), 0): -2000.0}, default=0.0))
    q = EnergyBasedModel(StateActionTable.from_dict(space, {(None, (), 0): -math.inf}, default=0.0))
    assert p.probabilities()[0, 1] == 0.0  # underflow, not forbidden
    for model in (p, p.to_autoregressive()):
        assert kl_divergence(model, q) == math.inf
        assert kl_by_depth(model, q).sum() == math.inf
        assert token_kl_divergence(model, q) == math.inf
        assert token_kl_divergence(model, q, average="responses") == math.inf
    assert kl_divergence(q, p) == pytest.approx(0.0, abs=1e-15)


def test_what_is_unreachable_does_not_count():
    space = SequenceSpace(2, max_length=3)
    unreachable = {(None, (), 1): -math.inf}
    p = EnergyBasedModel(StateActionTable.from_dict(space, unreachable, default=0.0))
    q = EnergyBasedModel(StateActionTable.from_dict(space, unreachable | {(None, (1,), EOS): -math.inf}, default=0.0))
    assert kl_divergence(p, q) == 0.0
    assert kl_by_depth(p, q).tolist() == [0.0, 0.0, 0.0]
    assert token_kl_divergence(p, q) == 0.0


def test_one_number_for_one_prompt_and_an_array_for_several():
    one, two = SequenceSpace(1, max_length=2), SequenceSpace(1, max_length=2, prompts=["x", "y"])
    p, q = (EnergyBasedModel(StateActionTable.random(space, 0)) for space in (one, two))
    assert isinstance(kl_divergence(p, p), float)
    assert kl_divergence(q, q).shape == (2,)
    assert kl_by_depth(p, p).shape == (2,)
    assert kl_by_depth(q, q).shape == (2, 2)
    with pytest.raises(TabularBellmanError, match="KL divergence: the two spaces differ"):
        kl_divergence(p, q)
    with pytest.raises(TabularBellmanError, match="'tokens' or 'responses'"):
        token_kl_divergence(p, p, average="mean")
