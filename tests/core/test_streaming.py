"""Every number of a streamed model against the enumeration of its responses, however the tree is cut."""

import math
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chisquare
from strategies import spaces, tables

from tabular_bellman import (
    EOS,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    entropy_by_depth,
    prefix_marginals,
)
from tabular_bellman.implicit import StreamedModel, passes, plan
from tabular_bellman.parallel import Workers

BLOCKS = st.sampled_from([1, 2, 3, 5, 9, 2**17])
TEMPERATURES = st.sampled_from([0.5, 1.0, 3.0])
MODERATE = st.sampled_from([0.0, 1.0, 30.0, 1000.0])


def looked_up(table):
    """A reward function that looks up a table, and does not trust what it is given."""
    space = table.space

    def reward(prompt, prefixes, depth):
        assert prefixes.shape[0] == depth
        assert not prefixes.flags.writeable
        index = space.prompts.index(prompt) * np.ones(prefixes.shape[1], int)
        for t, tokens in enumerate(prefixes):
            index += tokens * space.n_prefixes_at(t)
        return table.levels[depth][:, index]

    return reward


def close(actual, expected, tolerance=1e-11):
    expected = np.asarray(expected)
    size = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    np.testing.assert_allclose(actual, expected, rtol=0.0, atol=tolerance * size)


@pytest.fixture
def cut_small_trees(monkeypatch):
    """Cut every tree into shards."""
    monkeypatch.setattr(plan, "FEW_LEAVES", 0)
    monkeypatch.setattr(passes, "FEW_LEAVES", 0)
    monkeypatch.setattr(passes, "_TOGETHER", 4)


def check_against_enumeration(table, temperature, block):
    space = table.space
    expected = EnergyBasedModel(table, temperature)
    model = StreamedModel(space, looked_up(table), temperature, block=block)
    one = space.n_prompts == 1
    assert isinstance(model.log_partition(), float) == one
    close(model.log_partition(), expected.log_partition())
    close(model.entropy(), expected.entropy())
    policy = expected.policy[0]
    close(model.root_policy(), policy[0] if one else policy)
    logits = expected.to_autoregressive().logits * temperature
    passing = prefix_marginals(expected.log_policy)
    for t in range(space.n_depths):
        close(model.values(t), expected.values[t])
        close(model.logits(t), logits[t])
        close(model.prefix_marginals(t), passing[t])
    for p, prompt in enumerate(space.prompts):
        every = list(space.responses())
        close(model.log_prob(every, prompt), expected.log_probabilities()[p])
        close(model.log_partition(prompt), expected.log_partition(prompt))
        close(model.entropy(prompt), expected.entropy(prompt))
        close(model.root_policy(prompt), policy[p])
    assert model.table() == table


@given(tables(scales=MODERATE), TEMPERATURES, BLOCKS)
def test_numbers_are_those_of_the_tree(table, temperature, block):
    check_against_enumeration(table, temperature, block)


@given(tables(scales=MODERATE), TEMPERATURES, BLOCKS)
def test_numbers_from_shards_are_those_of_the_tree(table, temperature, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "FEW_LEAVES", 0)
        patch.setattr(passes, "FEW_LEAVES", 0)
        check_against_enumeration(table, temperature, block)


def refused(call):
    """Return what a call returns, or why it is refused."""
    try:
        return call()
    except TabularBellmanError as error:
        return str(error)


def along(table, prompt, response):
    return math.fsum(table[prompt, response[:t], action] for t, action in enumerate(response))


@given(tables(scales=MODERATE), TEMPERATURES, BLOCKS, st.integers(0, 99))
def test_expectations_are_sums_over_all_responses(table, temperature, block, seed):
    space = table.space
    model = StreamedModel(space, looked_up(table), temperature, block=block)
    given_ = [StateActionTable.random(space, seed), StateActionTable.from_function(space, lambda x, s, a: 1.0)]
    # Where the reward forbids, a function may be anything.
    odd = StateActionTable.from_levels(
        space, [np.where(np.isneginf(r), -np.inf, g) for r, g in zip(table.levels, given_[0].levels, strict=True)]
    )
    p = EnergyBasedModel(table, temperature).probabilities()
    found = model.expectation([looked_up(odd), looked_up(given_[1])])
    for x, prompt in enumerate(space.prompts):
        for numbers, g in zip(found, given_, strict=True):
            expected = math.fsum(
                p[x, i] * along(g, prompt, y) for i, y in enumerate(space.responses()) if p[x, i] > 0.0
            )
            close(np.atleast_1d(numbers)[x], expected, 1e-10)
        assert model.expectation(looked_up(odd), prompt) == np.atleast_1d(found[0])[x]
        close(model.expectation([looked_up(odd)], prompt)[0], np.atleast_1d(found[0])[x], 1e-14)


@given(spaces(), BLOCKS, st.integers(0, 2**32 - 1), st.booleans())
def test_of_equally_good_responses_the_mode_is_the_first(space, block, seed, mask):
    rng = np.random.default_rng(seed)
    levels = [rng.integers(-1, 2, level.shape).astype(float) for level in StateActionTable.zeros(space).levels]
    if mask:
        levels = [np.where(rng.random(level.shape) < 0.3, -np.inf, level) for level in levels]
    table = StateActionTable.from_levels(space, levels)
    model = StreamedModel(space, looked_up(table), block=block)
    expected = refused(lambda: EnergyBasedModel(table).mode())
    assert refused(model.mode) == expected
    if not isinstance(expected, str):
        first = expected if space.n_prompts == 1 else expected[0]
        assert model.mode(space.prompts[0]) == first


@given(spaces(), BLOCKS, st.data())
def test_of_some_best_responses_the_mode_is_the_first(space, block, data):
    best = data.draw(st.sets(st.integers(0, space.n_responses_per_prompt - 1), min_size=1, max_size=4))
    rewards = np.zeros((space.n_prompts, space.n_responses_per_prompt))
    rewards[:, list(best)] = 1.0
    model = StreamedModel(space, looked_up(StateActionTable.from_responses(space, rewards)), block=block)
    assert model.mode(space.prompts[-1]) == space.response_at(min(best))


@given(tables(), BLOCKS)
def test_the_mode_has_the_largest_reward(table, block):
    model = StreamedModel(table.space, looked_up(table), block=block)
    for prompt in table.space.prompts:
        every = [along(table, prompt, y) for y in table.space.responses()]
        close(along(table, prompt, model.mode(prompt)), max(every), 1e-14)


@given(tables(), TEMPERATURES, BLOCKS, st.integers(0, 99))
def test_samples_are_allowed_responses_and_depend_on_the_seed_alone(table, temperature, block, seed):
    model = StreamedModel(table.space, looked_up(table), temperature, block=block)
    expected = EnergyBasedModel(table, temperature)
    drawn = model.sample(7, rng=seed)
    assert drawn == model.sample(7, rng=seed)
    for prompt, some in zip(table.space.prompts, [drawn] if table.space.n_prompts == 1 else drawn, strict=True):
        assert len(some) == 7
        assert (expected.log_prob(some, prompt) > -math.inf).all()
    assert model.sample(0, table.space.prompts[0]) == []


@pytest.mark.parametrize("block", [1, 40, 2**17])
@pytest.mark.parametrize("cut", [False, True])
def test_samples_have_the_probabilities_of_the_model(block, cut, request):
    if cut:
        request.getfixturevalue("cut_small_trees")
    space = SequenceSpace(2, max_length=5)
    table = StateActionTable.random(space, rng=3)
    expected = EnergyBasedModel(table).probabilities()[0]
    drawn = StreamedModel(space, looked_up(table), block=block).sample(20_000, rng=0)
    counts = np.bincount([space.response_index(y) for y in drawn], minlength=space.n_responses)
    assert chisquare(counts, 20_000 * expected).pvalue > 1e-3
    # Independent draws: a response says nothing of the next one's first token.
    pairs = np.zeros((2, 2))
    for y, after in pairwise(drawn):
        pairs[int(y[0] == 1), int(after[0] == 1)] += 1
    rows, columns = pairs.sum(axis=1, keepdims=True), pairs.sum(axis=0)
    assert chisquare(pairs.ravel(), (rows * columns / pairs.sum()).ravel(), ddof=2).pvalue > 1e-3


def test_draws_below_different_prefixes_are_independent():
    space = SequenceSpace.fixed_length(2, 12)
    drawn = StreamedModel(space, looked_up(StateActionTable.zeros(space)), block=1).sample(200, rng=0)
    completed = [[y[1:] for y in drawn if y[0] == first] for first in (0, 1)]
    assert all(len(set(ends)) > 90 * len(ends) // 100 for ends in completed)
    assert sum(a == b for a, b in zip(*completed, strict=False)) < 3


@pytest.mark.parametrize("scale", [700.0, 800.0, 1e5, 1e300])
@pytest.mark.parametrize("block", [3, 2**17])
def test_rewards_beyond_the_range_of_exp(scale, block):
    space = SequenceSpace(2, max_length=4)
    for seed in range(5):
        table = StateActionTable.random(space, seed)
        table = table * scale + table  # large ones, and small differences of them
        expected = EnergyBasedModel(table)
        model = StreamedModel(space, looked_up(table), block=block)
        close(model.log_partition(), expected.log_partition())
        close(model.entropy(), expected.entropy(), 1e-12)
        assert model.mode() == expected.mode()
        assert model.sample(3, rng=0) == [model.mode()] * 3 or scale < 1e5


def test_sums_that_overflow_are_refused_with_the_place():
    space = SequenceSpace("ab", max_length=3)
    table = StateActionTable.from_function(space, lambda x, s, a: 1.7e308 if s[:1] == ("b",) else -1.7e308)
    model = StreamedModel(space, looked_up(table))
    for method in (model.log_partition, model.entropy, model.mode, lambda: model.sample(1), lambda: model.values(1)):
        with pytest.raises(TabularBellmanError, match=r"overflow float64 at prompt None, depth 1, prefix \('[ab]',\)"):
            method()
    hot = StreamedModel(space, lambda x, s, t: np.full((space.n_actions(t), s.shape[1]), 1e300), 1e-10)
    with pytest.raises(TabularBellmanError, match="overflow .* reach 1e.300 there, at temperature 1e-10"):
        hot.log_partition()
    zero = StreamedModel(space, looked_up(StateActionTable.zeros(space)))
    with pytest.raises(TabularBellmanError, match="rewards and expectations overflow"):
        zero.expectation(lambda x, s, t: np.full((space.n_actions(t), s.shape[1]), 1.7e308))


# -- larger trees ----------------------------------------------------------------------------------------------------

WIDE = SequenceSpace(2, max_length=21, prompts=["x", "y"])


def counted(prompt, prefixes, depth):
    """A reward of the number of 1 in the last four tokens; prompts differ."""
    rewards = np.zeros((1 if depth == 20 else 3, prefixes.shape[1]))
    rewards[-1] = prefixes[-4:].sum(axis=0) * (0.5 if prompt == "x" else -0.25)
    rewards[0] += 0.1 * depth
    return rewards


def everything(model):
    found = [model.log_partition(), model.entropy("x"), model.root_policy("y"), model.logits(2)]
    found += [model.values(18), model.expectation(counted, "x")]
    return [np.asarray(numbers).tobytes() for numbers in found], model.mode("y"), model.sample(5, "x", rng=1)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_results_are_the_same_bytes_on_workers(backend):
    pytest.importorskip("joblib", reason="workers need joblib")
    here = everything(StreamedModel(WIDE, counted))
    assert everything(StreamedModel(WIDE, counted, workers=Workers(2, backend))) == here


def test_a_reward_on_processes_may_be_a_closure():
    pytest.importorskip("joblib", reason="workers need joblib")
    space, bonus = SequenceSpace.fixed_length(2, 21), np.array([[0.0], [1.0]])
    model = StreamedModel(space, lambda x, s, t: np.repeat(bonus, s.shape[1], axis=1), workers=Workers(2))
    close(model.log_partition(), 21 * math.log(1 + math.e))


def test_progress_is_told_in_shards():
    told = []
    model = StreamedModel(WIDE, counted, on_progress=lambda done, total: told.append((done, total)))
    model.log_partition("x")
    assert len(told) >= 16
    assert told == [(i + 1, len(told)) for i in range(len(told))]


@pytest.mark.parametrize(("V", "T"), [(2, 23), (10, 7), (200, 3), (50_000, 2)])
def test_closed_forms_of_large_trees(V, T):
    # Rewards w_a of tokens, 0 for EOS: Z = Σ_t W**t with W = Σ exp w.
    w = np.linspace(-1.0, 1.0, V)[:, None]
    space = SequenceSpace(V, max_length=T)

    def reward(prompt, prefixes, depth):
        rows = np.zeros((1, 1)) if depth == T - 1 else np.append(w, [[0.0]], axis=0)
        return np.broadcast_to(rows, (len(rows), prefixes.shape[1]))

    model = StreamedModel(space, reward)
    W = float(np.exp(w).sum())
    Z = math.fsum(W**t for t in range(T))
    close(model.log_partition(), math.log(Z), 1e-14)
    length = model.expectation(lambda x, s, t: np.ones((space.n_actions(t), s.shape[1])))
    close(length, math.fsum((t + 1) * W**t for t in range(T)) / Z, 1e-13)
    assert model.mode() == ((V - 1,) * (T - 1) + (EOS,))


def test_entropy_is_the_sum_over_depths():
    space = SequenceSpace(3, max_length=6)
    table = StateActionTable.random(space, rng=2, scale=3.0)
    model = StreamedModel(space, looked_up(table), block=50)
    close(model.entropy(), entropy_by_depth(EnergyBasedModel(table)).sum(), 1e-13)


def test_one_token_and_ten_thousand_steps():
    space = SequenceSpace(1, max_length=10_000)
    model = StreamedModel(space, lambda x, s, t: np.zeros((space.n_actions(t), s.shape[1])))
    close(model.log_partition(), math.log(10_000), 1e-14)
    close(model.entropy(), math.log(10_000), 1e-12)
    assert model.mode() == (EOS,)
    assert {len(y) for y in model.sample(3, rng=0)} <= set(range(1, 10_001))
    fixed = StreamedModel(SequenceSpace.fixed_length(1, 300), lambda x, s, t: np.full((1, s.shape[1]), 0.5), block=1)
    assert fixed.log_partition() == 150.0


@pytest.mark.parametrize("block", [1, 2, 3, 7, 40, 2**17])
@pytest.mark.parametrize(
    "space",
    [
        SequenceSpace(3, max_length=5),
        SequenceSpace(3, max_length=6, min_length=3),
        SequenceSpace(2, max_length=8),
        SequenceSpace.fixed_length(3, 5),
        SequenceSpace(5, max_length=2),
        SequenceSpace(4, max_length=1),
    ],
    ids=repr,
)
def test_every_prefix_is_asked_for_once_in_blocks_of_bounded_size(space, block):
    asked = []

    def reward(prompt, prefixes, depth):
        A, n = space.n_actions(depth), prefixes.shape[1]
        assert n == 1 or A * n <= max(block, space.n_tokens + 1)
        asked.extend(map(tuple, prefixes.T.tolist()))
        return np.zeros((A, n))

    StreamedModel(space, reward, block=block).log_partition()
    assert len(asked) == space.n_prefixes
    assert set(asked) == {prefix for t in range(space.n_depths) for _, prefix in space.prefixes(t)}


def test_a_function_may_use_its_memory_again():
    space = SequenceSpace(2, max_length=8)
    table = StateActionTable.random(space, rng=5)
    room = np.empty(2**10)

    def into_room(f):
        def function(prompt, prefixes, depth):
            result = f(prompt, prefixes, depth)
            view = room[: result.size].reshape(result.shape)
            view[...] = result
            return view

        return function

    model, other = (StreamedModel(space, f, block=20) for f in (looked_up(table), into_room(looked_up(table))))
    g = StateActionTable.random(space, rng=6)
    assert other.log_partition() == model.log_partition()
    assert other.expectation([into_room(looked_up(g))] * 2) == model.expectation([looked_up(g)] * 2)
    assert other.sample(5, rng=0) == model.sample(5, rng=0)
    assert other.table() == table


@pytest.mark.parametrize("T", [20, 24])
def test_memory_does_not_grow_with_the_tree(T):
    space = SequenceSpace(2, max_length=T)  # 16 million responses for T = 24
    bonus = np.array([[0.25, -0.5], [0.0, 0.5], [0.125, 0.0]])

    def reward(prompt, prefixes, depth):
        rows = bonus if depth < T - 1 else bonus[:1]
        return rows[:, prefixes[-1]] if depth else bonus[:, :1]

    model = StreamedModel(space, reward)
    for method in (model.log_partition, model.entropy, model.mode):
        tracemalloc.start()
        try:
            method()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * 2**17 * (T + 20)  # as the documentation says


def test_prompts_are_streamed_one_by_one():
    space = SequenceSpace(2, max_length=3, prompts=["x", "y"])
    seen = []

    def reward(prompt, prefixes, depth):
        seen.append(prompt)
        return np.zeros((space.n_actions(depth), prefixes.shape[1]))

    model = StreamedModel(space, reward)
    model.log_partition("y")
    assert set(seen) == {"y"}
    assert repr(model) == f"StreamedModel({space!r}, temperature=1)"


@given(tables(masks=False), BLOCKS)
def test_a_prompt_with_nothing_allowed_is_refused_by_every_method(table, block):
    space = table.space
    assume(space.n_depths > 1)
    dead = StateActionTable.from_levels(space, [*table.levels[:-1], np.full_like(table.levels[-1], -np.inf)])
    dead = StateActionTable.from_function(
        space, lambda x, s, a: -math.inf if a is EOS or len(s) == space.n_depths - 1 else dead[x, s, a]
    )
    model = StreamedModel(space, looked_up(dead), block=block)
    for method in (
        model.log_partition,
        model.root_policy,
        model.entropy,
        model.mode,
        lambda: model.sample(2, rng=0),
        lambda: model.values(1),
        lambda: model.logits(1),
        lambda: model.prefix_marginals(1),
        lambda: model.expectation(looked_up(table)),
    ):
        with pytest.raises(TabularBellmanError, match="every response to prompt .* is forbidden, so it has no"):
            method()
