import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import kl, log_sum_exp, total
from scipy.optimize import minimize
from strategies import as_dict, plain, tables, tree_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
    kl_divergence,
    soft_bellman,
)
from tabular_bellman.bounds import kappa, reward_ball_supremum
from tabular_bellman.pair_bounds import (
    _bernoulli_kl,
    bellman_residual,
    kl_lower_bound,
    max_span_bound,
    perturbation_bound,
    residual_bound,
    span_bound,
)

mpmath = pytest.importorskip("mpmath")

SPACE = SequenceSpace(2, max_length=3)


def model(table):
    """The autoregressive model with the distribution of these rewards: any masks will do."""
    return EnergyBasedModel(table).to_autoregressive()


@st.composite
def pairs(draw, scales=(0.01, 1.0, 5.0, 30.0)):
    """Two tables that allow the same responses."""
    first = draw(tables(scales=st.sampled_from(scales)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    near = draw(st.sampled_from([0.01, 1.0, 10.0]))
    moved = [level + near * rng.standard_normal(level.shape) for level in first.levels]
    return first, StateActionTable.from_levels(first.space, moved)


def numbers(x):
    return np.atleast_1d(x)


def at_most(left, right):
    return bool((numbers(left) <= numbers(right) * (1.0 + 1e-12) + 1e-12).all())


# -- by prefix ---------------------------------------------------------------------------------------------------------


def steps_of(p, q, prompt):
    """(chance under p, [(π_p, π_q) of each action that either allows]) at each prefix that p reaches, by dicts."""
    tree, (mine, theirs) = tree_of(p.space), (as_dict(model.policy) for model in (p, q))
    for prefix in tree.prefixes():
        along = [mine[prompt, prefix[:t], prefix[t]] for t in range(len(prefix))]
        chance = math.prod(along)
        if chance > 0.0:
            both = [(mine[prompt, prefix, a], theirs[prompt, prefix, a]) for a in tree.actions(prefix)]
            yield len(prefix), chance, [pair for pair in both if max(pair) > 0.0]


def span_of(step):
    if any(min(pair) == 0.0 for pair in step):
        return math.inf
    logs = [math.log(x) - math.log(y) for x, y in step]
    return max(logs) - min(logs)


@given(pairs(scales=(0.01, 1.0, 5.0)))
def test_the_upper_bounds_are_what_they_are_by_enumeration(pair):
    p, q = map(model, pair)
    for p_index, prompt in enumerate(p.space.prompts):
        steps = list(steps_of(p, q, prompt))
        weighted = math.fsum(chance * float(kappa(0.5 * span_of(step))) for _, chance, step in steps)
        assert numbers(span_bound(p, q))[p_index] == pytest.approx(weighted, rel=1e-9, abs=1e-13)
        free = {depth for depth, _, step in steps if len(step) > 1}
        widest = max(span_of(step) for _, _, step in steps)
        most = len(free) * float(kappa(0.5 * widest))
        assert numbers(max_span_bound(p, q))[p_index] == pytest.approx(most, rel=1e-9, abs=1e-13)


@given(pairs())
def test_kl_is_between_its_bounds_both_ways(pair):
    p, q = map(model, pair)
    for first, second in ((p, q), (q, p)):
        divergence = kl_divergence(first, second)
        assert at_most(kl_lower_bound(first, second), divergence)
        assert at_most(divergence, span_bound(first, second))
        assert at_most(span_bound(first, second), max_span_bound(first, second))


def test_by_hand():
    p = AutoregressiveModel(
        StateActionTable.from_arrays(SequenceSpace(1, max_length=2), [[[math.log(3.0), 0.0]], [[[0.0]]]])
    )
    q = AutoregressiveModel(StateActionTable.zeros(SequenceSpace(1, max_length=2)))
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert kl_lower_bound(p, q) == pytest.approx(divergence, rel=1e-14)  # two actions: all there is
    assert span_bound(p, q) == max_span_bound(p, q) == pytest.approx(float(kappa(0.5 * math.log(3.0))), rel=1e-14)


@given(pairs(), st.integers(0, 2**32 - 1))
def test_no_bound_sees_the_gauge(pair, seed):
    space, rng = pair[0].space, np.random.default_rng(seed)
    phi = StateTable.random(space, rng)
    logits = [soft_bellman(table)[0] for table in pair]
    shift = [np.tile(level, (space.n_actions(t), 1)) for t, level in enumerate(phi.levels)]
    moved = StateActionTable.from_levels(space, [q + s for q, s in zip(logits[0].levels, shift, strict=True)])
    p, q, other = (AutoregressiveModel(table) for table in (*logits, moved))
    size = 1e-11 * (1.0 + max(np.abs(level[np.isfinite(level)]).max(initial=0.0) for level in logits[0].levels))
    for bound in (span_bound, max_span_bound, kl_lower_bound):
        assert numbers(bound(other, q)) == pytest.approx(numbers(bound(p, q)), rel=1e-9, abs=size)
        assert numbers(bound(q, other)) == pytest.approx(numbers(bound(q, p)), rel=1e-9, abs=size)
    shaped = pair[0].shaped(phi)
    for left, right in (
        (perturbation_bound(shaped, pair[1]), perturbation_bound(*pair)),
        (residual_bound(moved, pair[1]), residual_bound(logits[0], pair[1])),
    ):
        assert numbers(left) == pytest.approx(numbers(right), rel=1e-9, abs=size)


def test_what_only_one_of_them_allows():
    some = StateActionTable.from_dict(SPACE, {(None, (0,), 1): -math.inf}, default=0.0)
    p, q = AutoregressiveModel(StateActionTable.zeros(SPACE)), AutoregressiveModel(some)
    assert span_bound(p, q) == span_bound(q, p) == max_span_bound(p, q) == max_span_bound(q, p) == math.inf
    assert kl_lower_bound(p, q) == kl_divergence(p, q) == math.inf
    assert kl_lower_bound(q, p) == 0.0  # q is even over what it allows, as p is
    assert 0.0 < kl_divergence(q, p) < math.inf
    assert perturbation_bound(p.logits, some) == perturbation_bound(some, p.logits) == math.inf
    assert residual_bound(p.logits, some) == residual_bound(some, p.logits) == math.inf


def test_one_action_of_p_where_q_has_two_is_no_free_step_but_an_infinite_one():
    space = SequenceSpace(1, max_length=2)
    p = AutoregressiveModel(StateActionTable.from_dict(space, {(None, (), EOS): -math.inf}, default=0.0))
    q = AutoregressiveModel(StateActionTable.zeros(space))
    assert kl_divergence(p, q) == pytest.approx(math.log(2.0))
    assert span_bound(p, q) == max_span_bound(p, q) == math.inf
    assert kl_lower_bound(p, q) == 0.0


def test_prefixes_that_p_does_not_reach_do_not_count():
    unreached = {(None, (1,), 0): 50.0, (None, (), 1): -math.inf, (None, (0,), EOS): math.log(3.0)}
    p = AutoregressiveModel(StateActionTable.from_dict(SPACE, unreached, default=0.0))
    q = AutoregressiveModel(StateActionTable.from_dict(SPACE, {(None, (), 1): -math.inf}, default=0.0))
    half = float(kappa(0.5 * math.log(3.0)))
    assert span_bound(p, q) == pytest.approx(0.5 * half)
    assert max_span_bound(p, q) == pytest.approx(2.0 * half)


def test_what_no_response_reaches_may_differ():
    first, second = (
        StateActionTable.from_dict(SPACE, {(None, (), 1): -math.inf, (None, (0,), 0): x, **more}, default=0.0)
        for x, more in ((1.0, {}), (0.0, {(None, (1,), EOS): -math.inf, (None, (1,), 1): 9.0}))
    )
    assert perturbation_bound(first, second) == pytest.approx(float(kappa(0.5)))
    logits = soft_bellman(first)[0]
    assert residual_bound(logits, second) == pytest.approx(float(kappa(0.5)))
    assert bellman_residual(logits, second)[None, (1,), 1] == -math.inf
    assert span_bound(model(first), model(second)) < math.inf


def test_a_prefix_that_only_p_reaches():
    p = AutoregressiveModel(StateActionTable.zeros(SPACE))
    gone = {(None, (), 1): -math.inf, **{(None, (1,), a): -math.inf for a in (0, 1, EOS)}}
    q = AutoregressiveModel(StateActionTable.from_dict(SPACE, gone, default=0.0))
    assert span_bound(p, q) == max_span_bound(p, q) == kl_lower_bound(p, q) == math.inf


@pytest.mark.parametrize("rare", [-50.0, -740.0, -800.0, -1e6, -1e200])
@pytest.mark.parametrize("prefix", [(), (0,)])
def test_what_q_forbids_and_p_takes_however_rarely(rare, prefix):
    """e^-740 is the last chance that a float can hold; -1e200 is a finite logit all the same."""
    p = AutoregressiveModel(StateActionTable.from_dict(SPACE, {(None, prefix, 1): rare}, default=0.0))
    gone = {(None, prefix, 1): -math.inf}
    if not prefix:
        gone |= {(None, (1,), action): -math.inf for action in (0, 1, EOS)}
    q = AutoregressiveModel(StateActionTable.from_dict(SPACE, gone, default=0.0))
    assert kl_lower_bound(p, q) == span_bound(p, q) == max_span_bound(p, q) == kl_divergence(p, q) == math.inf
    assert kl_lower_bound(q, p) < math.inf


@pytest.mark.parametrize("rare", [-50.0, -740.0, -800.0, -1e6, -1e200])
def test_a_prefix_that_p_passes_however_rarely_at_which_q_forbids(rare):
    p = AutoregressiveModel(StateActionTable.from_dict(SPACE, {(None, (), 1): rare}, default=0.0))
    forbids = {(None, (), 1): rare, (None, (1,), EOS): -math.inf}
    q = AutoregressiveModel(StateActionTable.from_dict(SPACE, forbids, default=0.0))
    assert kl_lower_bound(p, q) == span_bound(p, q) == max_span_bound(p, q) == kl_divergence(p, q) == math.inf


def test_where_nothing_is_to_be_chosen():
    p = AutoregressiveModel(StateActionTable.zeros(SequenceSpace(3, max_length=1)))
    assert span_bound(p, p) == max_span_bound(p, p) == kl_lower_bound(p, p) == 0.0


# -- the lower bound ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("w", [1e-9, 1e-4, 0.3, 2.0, 40.0, 599.0, 601.0, 5000.0])
@pytest.mark.parametrize("odds", [-700.0, -30.0, -1.0, 0.0, 0.5, 20.0, 300.0, 600.5])
def test_the_kl_of_two_actions_keeps_its_digits(w, odds):
    with mpmath.workdps(1000):
        c, d = (1 / (1 + mpmath.exp(-mpmath.mpf(x))) for x in (odds, mpmath.mpf(odds) - mpmath.mpf(w)))
        right = c * mpmath.log(c / d) + (1 - c) * mpmath.log((1 - c) / (1 - d))
        found = float(_bernoulli_kl(np.array([odds]), np.array([w]))[0])
        assert abs(found - right) <= 2e-14 * right + 4e-16 * w * (w >= 600.0) + 1e-300


@given(pairs())
def test_two_actions_are_bounded_exactly(pair):
    first, second = (
        StateActionTable.from_levels(table.space, [np.where(live_two(level), level, -np.inf) for level in table.levels])
        for table in pair
    )
    try:
        p, q = model(first), model(second)
    except TabularBellmanError:
        return  # nothing is left
    assert numbers(kl_lower_bound(p, q)) == pytest.approx(numbers(kl_divergence(p, q)), rel=1e-7, abs=1e-11)


def live_two(level):
    """The first two allowed actions of each prefix."""
    return np.cumsum(~np.isneginf(level), axis=0) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_the_lower_bound_is_the_least_kl_of_policies_with_these_log_odds(seed):
    rng = np.random.default_rng(seed)
    f, space = rng.normal(size=4), SequenceSpace.fixed_length(4, 1)
    g = f - rng.normal(size=4)
    first, last = int((f - g).argmax()), int((f - g).argmin())

    def policy(logits):
        return [math.exp(x - log_sum_exp(logits)) for x in logits]

    def loss(z):
        others = np.empty(4)
        others[[i for i in range(4) if i not in (first, last)]] = z
        others[[first, last]] = g[[first, last]]
        return kl(policy(f), policy(others))

    least = minimize(loss, np.zeros(2), tol=1e-12).fun
    p, q = (AutoregressiveModel(StateActionTable.from_levels(space, [logits[:, None]])) for logits in (f, g))
    assert kl_lower_bound(p, q) == pytest.approx(least, rel=1e-7)
    weakest = 2.0 * min(policy(f)[first], policy(f)[last]) * math.log(math.cosh(0.5 * np.ptp(f - g)))
    assert weakest <= kl_lower_bound(p, q) * (1.0 + 1e-12)


# -- residuals and perturbations ---------------------------------------------------------------------------------------


@given(tables(), st.integers(0, 2**32 - 1))
def test_the_residual_is_what_its_definition_says(table, seed):
    logits = soft_bellman(table)[0]
    logits = logits + StateActionTable.random(table.space, seed)
    found, q, r, tree = bellman_residual(logits, table), as_dict(logits), as_dict(table), tree_of(table.space)
    for (prompt, prefix, action), value in ((plain(key), value) for key, value in found.items()):
        along = [q[prompt, one, two[-1]] for one, two in pairwise([prefix[:t] for t in range(len(prefix) + 1)])]
        if min([*along, q[prompt, prefix, action]], default=0.0) == -math.inf:
            assert value == -math.inf
            continue
        child = (*prefix, action)
        below = 0.0
        if child not in tree.responses():
            below = log_sum_exp([q[prompt, child, a] for a in tree.actions(child)])
        expected = q[prompt, prefix, action] - r[prompt, prefix, action] - below
        assert value == pytest.approx(expected, abs=1e-12 * (1.0 + abs(below) + abs(r[prompt, prefix, action])))


@given(pairs())
def test_the_bounds_of_residuals_and_perturbations_by_enumeration(pair):
    reward, other = pair
    tree, left, right = tree_of(reward.space), as_dict(reward), as_dict(other)
    logits = soft_bellman(other)[0]
    for index, prompt in enumerate(reward.space.prompts):
        sums = [(total(left, prompt, y), total(right, prompt, y)) for y in tree.responses()]
        differences = [x - y for x, y in sums if x > -math.inf]
        expected = float(kappa(0.5 * (max(differences) - min(differences))))
        size = 1e-12 * (1.0 + max(abs(x) for x, _ in sums if x > -math.inf))
        for found in (
            perturbation_bound(reward, other),
            perturbation_bound(other, reward),
            residual_bound(logits, reward),
        ):
            assert numbers(found)[index] == pytest.approx(expected, rel=1e-9, abs=size)


@given(pairs())
def test_kl_is_below_the_bounds_of_residuals_and_perturbations(pair):
    reward, other = pair
    p, q = EnergyBasedModel(reward), EnergyBasedModel(other)
    logits = soft_bellman(other)[0]
    for divergence in (kl_divergence(p, q), kl_divergence(q, p)):
        assert at_most(divergence, perturbation_bound(reward, other) + 1e-12)
        assert at_most(divergence, residual_bound(logits, reward) + 1e-12)
    both = zip(reward.levels, other.levels, strict=True)
    gaps = [np.abs(x[np.isfinite(x)] - y[np.isfinite(x)]).max(initial=0.0) for x, y in both]
    assert at_most(perturbation_bound(reward, other), numbers(reward_ball_supremum(max(gaps), reward)) + 1e-12)


def test_one_step_attains_the_bound_of_a_perturbation():
    space, epsilon = SequenceSpace.fixed_length(2, 1), 1.5
    chance = 1.0 / (1.0 - math.exp(-2.0 * epsilon)) - 1.0 / (2.0 * epsilon)
    f = np.array([[math.log(chance)], [math.log1p(-chance)]])
    r, s = (StateActionTable.from_levels(space, [x]) for x in (f, f - np.array([[epsilon], [-epsilon]])))
    assert perturbation_bound(r, s) == pytest.approx(float(kappa(epsilon)), rel=1e-14)
    assert kl_divergence(EnergyBasedModel(r), EnergyBasedModel(s)) == pytest.approx(float(kappa(epsilon)), rel=1e-12)


def test_rewards_so_large_that_their_difference_overflows_bound_nothing():
    large = StateActionTable.from_levels(
        SPACE, [np.full_like(x, 1.5e308) for x in StateActionTable.zeros(SPACE).levels]
    )
    opposite = StateActionTable.from_levels(SPACE, [-x for x in large.levels])
    assert perturbation_bound(large, opposite) == math.inf


def test_a_residual_that_is_infinite_is_refused():
    some = StateActionTable.from_dict(SPACE, {(None, (0,), 1): -math.inf}, default=0.0)
    every = StateActionTable.zeros(SPACE)
    message = r"the logits allow a response through prompt None, prefix \(0,\), action 1, the reward forbids it"
    with pytest.raises(TabularBellmanError, match=message):
        bellman_residual(every, some)
    with pytest.raises(TabularBellmanError, match="the reward allows a response through .*, the logits forbid it"):
        bellman_residual(some, every)


def test_several_prompts_have_a_bound_each():
    space = SequenceSpace(2, max_length=3, prompts=["x", "y"])
    one = StateActionTable.random(space, 0)
    levels = [level.copy() for level in one.levels]
    levels[0][0, 1] += 1.0
    other = StateActionTable.from_levels(space, levels)
    for bound in (
        lambda p, q: span_bound(model(p), model(q)),
        lambda p, q: max_span_bound(model(p), model(q)),
        lambda p, q: kl_lower_bound(model(p), model(q)),
        perturbation_bound,
        lambda p, q: residual_bound(soft_bellman(p)[0], q),
    ):
        found = bound(one, other)
        assert found.shape == (2,)
        assert found[0] == pytest.approx(0.0, abs=1e-15)
        assert found[1] > 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, r: span_bound(r, p), "p is a StateActionTable; it must be a SequenceModel"),
        (lambda p, r: kl_lower_bound(p, r), "q is a StateActionTable; it must be a SequenceModel"),
        (lambda p, r: residual_bound(p, r), "the table of logits is a AutoregressiveModel"),
        (lambda p, r: residual_bound(r, p), "the reward is a AutoregressiveModel"),
        (lambda p, r: perturbation_bound(r, p), "the other reward is a AutoregressiveModel"),
        (
            lambda p, r: perturbation_bound(r, StateActionTable.zeros(SequenceSpace(2, max_length=2))),
            "a perturbation: the two spaces differ",
        ),
        (
            lambda p, r: perturbation_bound(r, StateActionTable.from_dict(SPACE, {}, default=-math.inf)),
            "a table forbids every response to prompt None; allow at least one",
        ),
    ],
)
def test_bad_input(call, message):
    reward = StateActionTable.zeros(SPACE)
    with pytest.raises(TabularBellmanError, match=message):
        call(AutoregressiveModel(reward), reward)
