"""Bias and variance of estimates of KL, against sums over responses that are written out."""

import math

import numpy as np
import precise_oracle as precise
import pytest
from hypothesis import given
from hypothesis import strategies as st
from precise_oracle import PreciseTree, mp
from strategies import as_dict, spaces, tables, tree_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    kl_divergence,
)
from tabular_bellman.estimators import KLEstimators, kl_estimators

NAMES = ("k1", "k2", "k3", "k2_steps", "k3_steps", "kl_steps")


def exact(p, q, prompt):
    """{name: (mean, variance)} by going through responses one by one, in plain Python; None where KL is infinite."""
    space = p.space
    rows = []
    for y, log_p, log_q in zip(
        space.responses(),
        p.log_prob(list(space.responses()), prompt=prompt).tolist(),
        q.log_prob(list(space.responses()), prompt=prompt).tolist(),
        strict=True,
    ):
        if log_p == -math.inf:
            continue
        if log_q == -math.inf:
            return None
        guesses = list(schulman(log_p - log_q))
        along = [steps(p, q, prompt, y[:t], action) for t, action in enumerate(y)]
        guesses += [math.fsum(column) for column in zip(*along, strict=True)]
        rows.append((math.exp(log_p), guesses))
    found = {}
    for i, name in enumerate(NAMES):
        mean = math.fsum(chance * guesses[i] for chance, guesses in rows)
        found[name] = mean, math.fsum(chance * (guesses[i] - mean) ** 2 for chance, guesses in rows)
    return found


def schulman(d):
    return d, d * d / 2, math.exp(-d) - 1 + d


def steps(p, q, prompt, prefix, action):
    """k2 and k3 of one step, and the divergence at its prefix."""
    actions = p.space.actions(len(prefix))
    rows = {a: (p.log_policy[prompt, prefix, a], q.log_policy[prompt, prefix, a]) for a in actions}
    mine, theirs = rows[action]
    _, k2, k3 = schulman(mine - theirs)
    return k2, k3, math.fsum(math.exp(a) * (a - b) for a, b in rows.values() if a > -math.inf)


@st.composite
def pairs(draw):
    space = draw(spaces())
    scales = st.sampled_from([0.0, 0.01, 1.0, 5.0])
    first, second = (draw(tables(space, scales=scales)) for _ in range(2))
    p = EnergyBasedModel(first)
    return p.to_autoregressive() if draw(st.booleans()) else p, EnergyBasedModel(second)


@given(pairs())
def test_moments_are_those_of_the_responses(pair):
    p, q = pair
    found = kl_estimators(p, q)
    assert np.array_equal(found.kl, kl_divergence(p, q))
    for i, prompt in enumerate(p.space.prompts):
        expected, kl = exact(p, q, prompt), np.atleast_1d(found.kl)[i]
        for estimator in found:
            mean, bias, variance, std = (
                np.atleast_1d(x)[i] for x in (estimator.mean, estimator.bias, estimator.variance, estimator.std)
            )
            assert std == math.sqrt(variance)
            if expected is None:
                assert (kl, mean, variance) == (math.inf, math.inf, math.inf)
                assert math.isnan(bias)
            else:
                assert mean == pytest.approx(expected[estimator.name][0], rel=1e-9, abs=1e-9)
                assert variance == pytest.approx(expected[estimator.name][1], rel=1e-8, abs=1e-9)
                assert bias == pytest.approx(mean - kl, rel=1e-9, abs=1e-9)


def test_names_and_order():
    p = AutoregressiveModel(StateActionTable.zeros(SequenceSpace(2, max_length=2)))
    found = kl_estimators(p, p)
    assert isinstance(found, KLEstimators)
    assert tuple(each.name for each in found) == NAMES
    assert all(getattr(found, each.name) is each for each in found)
    assert {(each.mean, each.bias, each.variance) for each in found} == {(0.0, 0.0, 0.0)}


def coin(chance):
    """A single step: EOS, or the token that ends a response of fixed length."""
    space = SequenceSpace.fixed_length("ht", 1)
    return EnergyBasedModel(StateActionTable.from_responses(space, np.log([chance, 1.0 - chance])))


def test_by_hand():
    found = kl_estimators(coin(0.5), coin(0.25))
    heads, tails = math.log(2.0), math.log(2.0 / 3.0)  # log p/q
    kl = (heads + tails) / 2
    assert found.kl == pytest.approx(kl)
    assert found.k1.variance == pytest.approx(((heads - tails) / 2) ** 2)
    assert found.k2.mean == pytest.approx((heads**2 + tails**2) / 4)
    assert found.k2.bias == pytest.approx((found.k1.variance + kl**2) / 2 - kl)
    k3 = [0.5 - 1 + heads, 1.5 - 1 + tails]
    assert found.k3.mean == pytest.approx(kl)
    assert found.k3.variance == pytest.approx(((k3[0] - k3[1]) / 2) ** 2)
    assert (found.kl_steps.mean, found.kl_steps.variance) == (pytest.approx(kl), 0.0)  # there is one prefix


@given(pairs())
def test_variance_of_k3_beside_that_of_k1(pair):
    p, q = pair
    there, back = np.atleast_1d(kl_divergence(p, q)), np.atleast_1d(kl_divergence(q, p))
    finite = np.isfinite(there) & np.isfinite(back)
    found = kl_estimators(p, q)
    with np.errstate(invalid="ignore", divide="ignore"):
        chi_squared = np.where(finite[:, None] & (p.probabilities() > 0), q.probabilities() ** 2 / p.probabilities(), 0)
    difference = np.where(finite, chi_squared.sum(axis=1) - 1.0 - 2.0 * np.where(finite, there + back, 0.0), 0.0)
    variances = [np.where(finite, np.atleast_1d(each.variance), 0.0) for each in (found.k3, found.k1)]
    assert variances[0] - variances[1] == pytest.approx(difference, rel=1e-7, abs=1e-7)


def test_k3_varies_less_than_k1_nearby_and_more_far_away():
    near, far = kl_estimators(coin(0.5), coin(0.49)), kl_estimators(coin(0.01), coin(0.5))
    assert near.k3.variance < 1e-3 * near.k1.variance
    assert far.k3.variance > 4.0 * far.k1.variance


def test_k3_is_too_small_by_what_the_first_forbids():
    space = SequenceSpace(1, max_length=3)
    q = EnergyBasedModel(StateActionTable.zeros(space))
    p = EnergyBasedModel(StateActionTable.from_responses(space, [0.0, -math.inf, 0.0]))
    found = kl_estimators(p, q)
    assert found.k3.bias == pytest.approx(-1.0 / 3.0)
    assert found.k3.mean == pytest.approx(math.log(1.5) - 1.0 / 3.0)
    assert found.k3_steps.bias == pytest.approx(-0.25)  # half of what q does at (0,), where p comes half of the time
    assert found.k2.bias == pytest.approx(math.log(1.5) ** 2 / 2 - math.log(1.5))
    # k1 is log 3/2 whatever is drawn; the sum of the steps' divergences has log 2 more after the token 0.
    assert found.k1.variance == pytest.approx(0.0, abs=1e-30)
    assert found.kl_steps.variance == pytest.approx((math.log(2.0) / 2) ** 2)
    back = kl_estimators(q, p)
    assert (back.kl, back.k1.mean, back.k1.std) == (math.inf, math.inf, math.inf)
    assert math.isnan(back.k1.bias)


def test_one_prompt_may_be_infinite_beside_another():
    space = SequenceSpace(2, max_length=2, prompts=["x", "y"])
    p = AutoregressiveModel(StateActionTable.zeros(space))
    q = AutoregressiveModel(StateActionTable.from_dict(space, {("x", (), 0): -math.inf}, default=0.0))
    found = kl_estimators(p, q)
    for each in found:
        assert each.mean.tolist() == [math.inf, 0.0]
        assert each.bias.tolist() == pytest.approx([math.nan, 0.0], nan_ok=True)
        assert (each.variance.tolist(), each.std.tolist()) == ([math.inf, 0.0], [math.inf, 0.0])


def test_what_is_unreachable_does_not_count():
    space = SequenceSpace(2, max_length=3)
    unreachable = {(None, (), 1): -math.inf}
    p = EnergyBasedModel(StateActionTable.from_dict(space, unreachable, default=0.0))
    q = EnergyBasedModel(StateActionTable.from_dict(space, unreachable | {(None, (1,), EOS): -math.inf}, default=0.0))
    assert {(each.mean, each.bias, each.variance) for each in kl_estimators(p, q)} == {(0.0, 0.0, 0.0)}


@pytest.mark.parametrize("h", [2.0**-10, 2.0**-20, 2.0**-30])
def test_nearly_equal_models_keep_their_digits(h):
    """Logits (0, 1) and (0, 1 + h), to 60 digits: KL is of the order h², the bias of k2 of h³, Var k3 of h⁴."""
    mpmath = pytest.importorskip("mpmath")
    space = SequenceSpace.fixed_length(2, 1)
    logits = [[0.0, 1.0], [0.0, 1.0 + h]]
    p, q = (AutoregressiveModel(StateActionTable.from_responses(space, row)) for row in logits)
    with mpmath.workdps(60):
        weights = [[mpmath.exp(mpmath.mpf(x)) for x in row] for row in logits]
        laws = [[x / sum(row) for x in row] for row in weights]
        ratios = [mpmath.log(a / b) for a, b in zip(*laws, strict=True)]
        rows = [(d, d**2 / 2, mpmath.exp(-d) - 1 + d) for d in ratios]
        found = kl_estimators(p, q)
        kl = sum(chance * d for chance, d in zip(laws[0], ratios, strict=True))
        for i, each in enumerate((found.k1, found.k2, found.k3)):
            values = [row[i] for row in rows]
            mean = sum(chance * x for chance, x in zip(laws[0], values, strict=True))
            variance = sum(chance * (x - mean) ** 2 for chance, x in zip(laws[0], values, strict=True))
            # What d loses to the rounding of log-probabilities is some 1e-16/h of it.
            assert abs(each.mean / mean - 1) < 2e-15 / h
            assert abs(each.variance / variance - 1) < 8e-15 / h
            assert each.bias == (0.0 if i != 1 else pytest.approx(float(mean - kl), rel=8e-15 / h))
    assert 0.0 < abs(found.k2.bias) < h**3


def precise_moments(first, second):
    """{name: (mean, mean - KL, variance)} for two tables of logits of one prompt, by enumeration to 50 digits."""
    tree = PreciseTree(**vars(tree_of(first.space)))
    p, q = (precise.precise(as_dict(table)) for table in (first, second))
    log_p, log_q = (precise.autoregressive(tree, table, None) for table in (p, q))
    mine, theirs = (precise.log_policy(tree, table, None) for table in (p, q))
    local = {
        s: mp.fsum(mp.exp(mine[s, a]) * (mine[s, a] - theirs[s, a]) for a in choices)
        for s, choices in tree.choices.items()
    }

    def three(d):
        return d, d**2 / 2, mp.expm1(-d) + d

    rows = {}
    for y in tree.all:
        along = [(*three(mine[y[:t], a] - theirs[y[:t], a])[1:], local[y[:t]]) for t, a in enumerate(y)]
        rows[y] = [*three(log_p[y] - log_q[y]), *(mp.fsum(column) for column in zip(*along, strict=True))]
    kl, found = precise.kl(log_p, log_q), {}
    for i, name in enumerate(NAMES):
        mean = precise.mean(log_p, {y: row[i] for y, row in rows.items()})
        variance = precise.mean(log_p, {y: (row[i] - mean) ** 2 for y, row in rows.items()})
        found[name] = mean, mean - kl, variance
    return found


def compare(first, second, tolerance):
    """Relatively, and nothing besides; what is 0 is 0."""

    def near(mine, right, factor):
        if abs(right) < precise.NOISE**2:  # a square of the oracle's own rounding
            return mine == 0.0
        return abs(mp.mpf(mine) / right - 1) <= factor * tolerance

    found = kl_estimators(*(AutoregressiveModel(table) for table in (first, second)))
    for name, (mean, bias, variance) in precise_moments(first, second).items():
        mine = getattr(found, name)
        assert near(mine.mean, mean, 1.0), name
        assert near(mine.variance, variance, 2.0), name
        assert near(mine.bias, bias if name.startswith("k2") else 0, 2.0), name


@pytest.mark.parametrize("h", [0.3, 0.1, 0.03, 1e-2, *(10.0**-k for k in range(3, 13))])
def test_no_digits_are_lost_but_those_of_the_differences(h):
    """Two steps of three actions, logits h apart: a log-probability is off by some 1e-16, which is 1e-16/h of d."""
    space = SequenceSpace(2, max_length=3)
    first = StateActionTable.random(space, 0)
    compare(first, first + h * StateActionTable.random(space, 1), 4e-15 / h)


@pytest.mark.parametrize("d", [-1.5, -1.01, -1.0, -0.999, -0.9, -0.6, 0.6, 0.9, 0.999, 1.0, 1.01, 1.5])
@pytest.mark.parametrize("rare", [0.0, 5.0])
def test_every_digit_is_there_where_the_formula_changes(d, rare):
    """One action of two has log p/q = d, and both have chances of at most e^(-rare)/2 for it."""
    space = SequenceSpace.fixed_length(2, 1)
    chances = [0.5 * math.exp(-rare + min(sign * d, 0.0)) for sign in (1.0, -1.0)]
    first, second = (StateActionTable.from_responses(space, np.log([x, 1.0 - x])) for x in chances)
    compare(first, second, 3e-14)


def test_what_is_beyond_float64_and_never_drawn():
    """A response so unlikely that d² is beyond float64: it is drawn with chance 0, and counts as that."""
    space = SequenceSpace.fixed_length("ht", 1)
    p = AutoregressiveModel(StateActionTable.from_responses(space, [-1e200, 0.0]))
    found = kl_estimators(p, AutoregressiveModel(StateActionTable.zeros(space)))
    log_2 = math.log(2.0)
    assert found.kl == pytest.approx(log_2, rel=1e-15)
    for each in (found.k2, found.k2_steps):
        assert each.mean == pytest.approx(0.5 * log_2**2, rel=1e-15)
        assert each.bias == pytest.approx(0.5 * log_2**2 - log_2, rel=1e-14)
    for each in (found.k1, found.k3, found.k3_steps, found.kl_steps):
        assert each.mean == pytest.approx(log_2, rel=1e-15)
        assert each.bias == 0.0
    assert not any(math.isnan(each.variance) for each in found)
    assert found.k1.variance == found.k2.variance == found.kl_steps.variance == pytest.approx(0.0, abs=1e-30)


def test_where_the_divergence_is_infinite_there_is_no_bias_to_speak_of():
    space = SequenceSpace.fixed_length("ht", 1)
    p, q = (AutoregressiveModel(StateActionTable.from_responses(space, row)) for row in ([0.0, 0.0], [0.0, -math.inf]))
    for each in kl_estimators(p, q):
        assert (each.mean, each.variance, each.std) == (math.inf, math.inf, math.inf)
        assert math.isnan(each.bias)


def test_what_is_beyond_float64():
    """A response that p hardly ever writes, and q half of the time."""
    space = SequenceSpace.fixed_length("ht", 1)
    q = AutoregressiveModel(StateActionTable.zeros(space))

    def moments(gap):
        p = AutoregressiveModel(StateActionTable.from_responses(space, [-gap, 0.0]))
        found = kl_estimators(p, q)
        return found.k3, found.k3_steps

    for estimator in moments(600.0):  # q/p is e^600/2, squared and times p: e^600/4
        assert estimator.variance == pytest.approx(math.exp(600.0) / 4.0, rel=1e-9)
        assert estimator.mean == pytest.approx(math.log(2.0))
    for estimator in moments(900.0):
        assert (estimator.variance, estimator.std) == (math.inf, math.inf)
        assert estimator.mean == pytest.approx(math.log(2.0))


def test_one_token_and_long_responses():
    space = SequenceSpace(1, max_length=300)
    p, q = (AutoregressiveModel(StateActionTable.random(space, seed, 0.1)) for seed in (0, 1))
    found = kl_estimators(p, q)
    assert found.k3.mean == pytest.approx(found.kl)
    assert found.k3_steps.mean == pytest.approx(found.kl)
    assert 0.0 < found.kl_steps.variance < found.k1.variance


def test_bad_input():
    space = SequenceSpace(1, max_length=2)
    p = AutoregressiveModel(StateActionTable.zeros(space))
    with pytest.raises(TabularBellmanError, match="p is a StateActionTable; it must be a SequenceModel"):
        kl_estimators(p.logits, p)
    with pytest.raises(TabularBellmanError, match="the two spaces differ"):
        kl_estimators(p, AutoregressiveModel(StateActionTable.zeros(SequenceSpace(1, max_length=3))))
