"""Every number of a window model against the tree, and against counts in closed form where the tree is too large."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from strategies import spaces

from tabular_bellman import EOS, EnergyBasedModel, SequenceSpace, TabularBellmanError, prefix_marginals
from tabular_bellman.implicit import StreamedModel, WindowModel

TEMPERATURES = st.sampled_from([0.5, 1.0, 3.0])


def random_reward(space, window, seed, scale=1.0, share=0.0, whole=False):
    """A reward of the last tokens, drawn once; with `share` of it -inf, with `whole` of whole numbers."""
    rng = np.random.default_rng(seed)
    drawn = {}
    for p in range(space.n_prompts):
        for t in range(space.n_depths):
            shape = (space.n_actions(t), *(space.n_tokens,) * min(window, t))
            numbers = rng.integers(-1, 2, shape).astype(float) if whole else scale * rng.standard_normal(shape)
            drawn[p, t] = np.where(rng.random(shape) < share, -np.inf, numbers)

    def reward(prompt, contexts, depth):
        assert contexts.shape[0] == min(window, depth)
        assert not contexts.flags.writeable
        table = drawn[space.prompts.index(prompt), depth]
        return table[(slice(None), *contexts)] if len(contexts) else np.repeat(table[:, None], contexts.shape[1], 1)

    return reward


def on_prefixes(reward, window):
    return lambda prompt, prefixes, depth: reward(prompt, prefixes[max(0, depth - window) :], depth)


@st.composite
def models(draw, **drawn_with):
    """(WindowModel, the same as EnergyBasedModel, reward), with some response to each prompt allowed."""
    space, window = draw(spaces()), draw(st.integers(0, 5))
    seed, share = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.0, 0.0, 0.1, 0.3, 0.6]))
    scale, temperature = draw(st.sampled_from([0.0, 1.0, 30.0, 1000.0])), draw(TEMPERATURES)
    reward = random_reward(space, window, seed, scale, share, **drawn_with)
    table = StreamedModel(space, on_prefixes(reward, window), temperature).table()
    made = refused(lambda: EnergyBasedModel(table, temperature))
    if isinstance(made, str):
        assert made == refused(lambda: WindowModel(space, reward, window=window, temperature=temperature))
        reward = random_reward(space, window, seed, scale, **drawn_with)
        table = StreamedModel(space, on_prefixes(reward, window), temperature).table()
        made = EnergyBasedModel(table, temperature)
    return WindowModel(space, reward, window=window, temperature=temperature), made, reward


def refused(make):
    """Return what is made, or why it was refused."""
    try:
        return make()
    except TabularBellmanError as error:
        return str(error)


def close(actual, expected, tolerance=1e-11):
    expected = np.asarray(expected)
    size = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    np.testing.assert_allclose(actual, expected, rtol=0.0, atol=tolerance * size)


def by_context(numbers, window, depth):
    """Take away the axes of the tokens before the window, along which nothing may change."""
    for _ in range(depth - min(window, depth)):
        if not np.isneginf(numbers).any():
            close(numbers.max(axis=1), numbers.min(axis=1))
        numbers = numbers[:, 0]
    return numbers


@given(models())
def test_numbers_are_those_of_the_tree(drawn):
    model, expected, _ = drawn
    space, window = model.space, model.window
    assert model.table() == expected.reward
    close(model.log_partition(), expected.log_partition())
    close(model.entropy(), expected.entropy())
    close(model.root_policy(), expected.policy[0][0] if space.n_prompts == 1 else expected.policy[0])
    logits = expected.to_autoregressive().logits * model.temperature
    passing = prefix_marginals(expected.log_policy)
    for t in range(space.n_depths):
        close(model.values(t), by_context(expected.values[t], window, t))
        close(model.logits(t), by_context(logits[t], window, t))
        close(model.prefix_marginals(t), passing[t])
        forgotten = tuple(range(1, 1 + t - min(window, t)))
        close(model.context_marginals(t), passing[t].sum(axis=forgotten))
    for p, prompt in enumerate(space.prompts):
        close(model.log_prob(list(space.responses()), prompt), expected.log_probabilities()[p])
        close(model.log_partition(prompt), expected.log_partition(prompt))
        assert model.log_partition(prompt) == np.atleast_1d(model.log_partition())[p]


@given(models(), st.integers(0, 99))
def test_numbers_are_those_of_the_streamed_model(drawn, seed):
    model, _, reward = drawn
    space, window = model.space, model.window
    streamed = StreamedModel(space, on_prefixes(reward, window), model.temperature, block=9)
    close(model.log_partition(), streamed.log_partition())
    close(model.entropy(), streamed.entropy())
    close(model.root_policy(), streamed.root_policy())
    g = [random_reward(space, window, seed), random_reward(space, window, seed + 1)]
    close(model.expectation(g), streamed.expectation([on_prefixes(f, window) for f in g]), 1e-10)
    close(model.expectation(g[1]), model.expectation(g)[1])


@given(models(whole=True))
def test_of_equally_good_responses_the_mode_is_the_first(drawn):
    model, _, _ = drawn
    exact = EnergyBasedModel(model.table())  # at temperature 1 the sums are exact
    assert WindowModel(model.space, model._rewards.function.function, window=model.window).mode() == exact.mode()
    assert model.temperature == 3.0 or model.mode() == exact.mode()


@given(spaces(), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_the_shortest_of_equals_may_end_in_any_token(space, window, lower, seed):
    # Rewards 0 and 1 at few places, -1 at first: ties between short and long responses.
    rng = np.random.default_rng(seed)
    shapes = [(space.n_actions(t), space.n_tokens ** min(window, t)) for t in range(space.n_depths)]
    drawn = [(rng.random(shape) < 0.2).astype(float) - (t < lower) for t, shape in enumerate(shapes)]
    model = WindowModel(space, lambda x, c, t: drawn[t], window=window)
    assert model.mode() == EnergyBasedModel(model.table()).mode()


@given(models(), st.integers(0, 99))
def test_samples_are_allowed_responses_and_depend_on_the_seed_alone(drawn, seed):
    model, expected, _ = drawn
    some = model.sample(5, rng=seed)
    assert some == model.sample(5, rng=seed)
    for prompt, mine in zip(model.space.prompts, [some] if model.space.n_prompts == 1 else some, strict=True):
        assert (expected.log_prob(mine, prompt) > -math.inf).all()
    assert model.sample(0, model.space.prompts[0]) == []


@pytest.mark.parametrize("window", [0, 1, 2, 9])
def test_samples_have_the_probabilities_of_the_model(window):
    space = SequenceSpace(2, max_length=5)
    model = WindowModel(space, random_reward(space, window, seed=1), window=window)
    expected = EnergyBasedModel(model.table()).probabilities()[0]
    drawn = model.sample(20_000, rng=0)
    counts = np.bincount([space.response_index(y) for y in drawn], minlength=space.n_responses)
    assert chisquare(counts, 20_000 * expected).pvalue > 1e-3


@pytest.mark.parametrize("scale", [700.0, 1e5, 1e300])
def test_rewards_beyond_the_range_of_exp(scale):
    space = SequenceSpace(2, max_length=4)
    for seed in range(5):
        model = WindowModel(space, random_reward(space, 1, seed, scale), window=1)
        expected = EnergyBasedModel(model.table())
        close(model.log_partition(), expected.log_partition())
        close(model.entropy(), expected.entropy())
        assert model.mode() == expected.mode()
    with pytest.raises(TabularBellmanError, match=r"overflow float64 at prompt None, depth \d, context"):
        WindowModel(space, lambda x, c, t: np.full((space.n_actions(t), c.shape[1]), 1.7e308), window=1)


# -- beyond the tree -------------------------------------------------------------------------------------------------


def no_two_ones(prompt, contexts, depth):
    rewards = np.zeros((2, contexts.shape[1]))
    if depth:
        rewards[1, contexts[-1] == 1] = -np.inf
    return rewards


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def test_strings_without_two_ones_in_a_row_are_counted_by_fibonacci():
    for n in (1, 2, 10, 200, 1000):
        model = WindowModel(SequenceSpace.fixed_length(2, n), no_two_ones, window=1)
        close(model.log_partition(), math.log(fibonacci(n + 2)), 1e-14)
        close(model.entropy(), math.log(fibonacci(n + 2)), 1e-13)
        close(model.root_policy(), [fibonacci(n + 1) / fibonacci(n + 2), fibonacci(n) / fibonacci(n + 2)], 1e-12)
        [drawn] = model.sample(1, rng=0)
        assert len(drawn) == n
        assert (1, 1) not in pairwise(drawn)


def transitions(V, T):
    numbers = np.random.default_rng(0).standard_normal((V + 1, V))

    def reward(prompt, contexts, depth):
        if depth == T - 1:
            return numbers[-1:, contexts[-1]]
        return numbers[:, contexts[-1]] if depth else numbers[:, :1]

    return numbers, reward


def test_a_long_chain_is_a_product_of_matrices():
    V, T = 50, 200
    numbers, reward = transitions(V, T)
    model = WindowModel(SequenceSpace(V, max_length=T), reward, window=1)
    step, end = np.exp(numbers[:-1]).T, np.exp(numbers[-1])  # from, to
    values, scale = end.copy(), 0.0
    for _ in range(T - 2):
        values = step @ values + end * math.exp(-scale)
        scale += math.log(values.sum())
        values /= values.sum()
    total = np.append(step[0] @ values, end[0] * math.exp(-scale))
    close(model.log_partition(), math.log(total.sum()) + scale, 1e-14)
    passing = [model.context_marginals(t) for t in range(T)]
    stopped = [1.0 - passing[1].sum(), *(a.sum() - b.sum() for a, b in pairwise(passing[1:]))]
    close(
        model.expectation(lambda x, c, t: np.ones((1 if t == T - 1 else V + 1, c.shape[1]))),
        sum((t + 1) * share for t, share in enumerate([*stopped, passing[-1].sum()])),
        1e-12,
    )
    best = model.mode()
    assert model.log_prob(best) >= max(model.log_prob(model.sample(20, rng=0)))


@pytest.mark.parametrize(("V", "window"), [(1, 1), (2, 0), (2, 3)])
def test_ten_thousand_steps(V, window):
    T = 10_000
    space = SequenceSpace(V, max_length=T)
    model = WindowModel(space, lambda x, c, t: np.zeros((space.n_actions(t), c.shape[1])), window=window)
    expected = math.log(T) if V == 1 else T * math.log(2.0)  # Σ_t V**t; 2**T - 1
    close(model.log_partition(), expected, 1e-12)  # ten thousand roundings
    close(model.entropy(), expected, 1e-11)
    assert model.mode() == (EOS,)
    assert len(model.context_marginals(T - 1).shape) == 1 + window
    assert len(model.sample(1, rng=0)[0]) > (0 if V == 1 else T - 100)


def test_window_zero_is_a_sum_for_each_depth():
    w = np.array([[1.0], [-1.0], [0.5]])
    space = SequenceSpace.fixed_length("abc", 500)
    model = WindowModel(space, lambda x, c, t: w * (-1) ** t, window=0)
    close(model.log_partition(), 250 * (math.log(np.exp(w).sum()) + math.log(np.exp(-w).sum())), 1e-14)
    assert model.mode()[:4] == ("a", "b", "a", "b")
    close(model.prefix_marginals(1)[0], model.root_policy())
    assert repr(model) == f"WindowModel({space!r}, window=0, temperature=1)"


def test_a_pass_asks_the_reward_once_for_each_depth():
    asked = []

    def reward(prompt, contexts, depth):
        asked.append((depth, contexts.shape))
        return np.zeros((3 if depth < 5 else 1, contexts.shape[1]))

    every = [(0, (0, 1)), (1, (1, 2)), (2, (2, 4)), (3, (2, 4)), (4, (2, 4)), (5, (2, 4))]
    model = WindowModel(SequenceSpace(2, max_length=6), reward, window=2)
    assert asked == every[::-1]  # for the values, which are kept
    asked.clear()
    model.log_partition(), model.values(3)
    assert asked == []
    model.context_marginals(3)
    assert asked == every[:3]
    asked.clear()
    model.entropy()
    assert asked == every[::-1]


def test_what_underflows_beside_large_rewards_is_not_lost():
    # At the root context 0: a value of -744 less, times a reward of 600, is all that there is.
    space = SequenceSpace.fixed_length(2, 3)

    def reward(prompt, contexts, depth):
        rewards = np.zeros((2, contexts.shape[1]))
        if depth == 2:
            rewards[:, contexts[-1] == 1] = -744.0
        if depth == 1:
            rewards[0], rewards[1] = -2000.0, 600.0
        return rewards

    windowed, streamed = WindowModel(space, reward, window=1), StreamedModel(space, reward)
    assert windowed.log_partition() == pytest.approx(streamed.log_partition(), rel=1e-14)


def test_rewards_out_of_range_are_refused_by_every_method():
    def reward(prompt, contexts, depth):
        rewards = np.zeros((3 if depth < 2 else 1, contexts.shape[1]))
        if depth == 0:
            rewards[0] = -1.7e308
        if depth == 1:
            rewards[:, contexts[-1] == 0] = -1.7e308
        return rewards

    space = SequenceSpace(2, max_length=3)
    with pytest.raises(TabularBellmanError, match="overflow float64"):
        WindowModel(space, reward, window=1)
    with pytest.raises(TabularBellmanError, match="overflow float64"):
        StreamedModel(space, reward).log_partition()
    hot = WindowModel(
        SequenceSpace(2, max_length=2),
        lambda x, s, t: np.full((3 - 2 * t, s.shape[1]), 1.7e308),
        window=1,
        temperature=1e10,
    )
    with pytest.raises(TabularBellmanError, match="overflow float64 at temperature 1e"):
        hot.logits(0)
