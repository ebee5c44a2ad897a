import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import digits
from strategies import tables

from tabular_bellman import soft_bellman
from tabular_bellman.enumeration import completions
from tabular_bellman.extended import logsumexp
from tabular_bellman.number_systems import Bounded, BoundedLog, LogFloat
from tabular_bellman.recursion import backward

SYSTEM = BoundedLog()
LOGS = st.floats(-1e4, 1e4) | st.floats(-1.0, 1.0) | st.just(-np.inf)
COLUMNS = st.lists(LOGS, min_size=1, max_size=20)


def distance(approximate, exact):
    """|approximate - exact| to 60 digits; 0 where both are -inf."""
    if approximate == -np.inf or exact == Decimal("-Infinity"):
        return 0.0 if Decimal(approximate) == exact else np.inf
    with localcontext() as context:
        context.prec = 60
        return float(abs(Decimal(approximate) - exact))


@given(COLUMNS, st.randoms(use_true_random=False))
def test_the_bound_of_a_sum_holds_for_every_way_to_add_up(column, random):
    x = np.array(column)[:, None]
    result, exact = SYSTEM.sum(SYSTEM.exact(x)), digits(column)
    shuffled = np.array(random.sample(column, len(column)))[:, None]
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        unshifted = np.log(np.exp(x).sum(axis=0))
    ways = [result.value, logsumexp(shuffled)]
    if max(column) < 600.0 and min(column) > -600.0:
        ways.append(unshifted)
    for value in ways:
        assert distance(float(value[0]), exact) <= result.error[0]


@given(st.lists(st.tuples(LOGS, st.floats(0.0, 3.0)), min_size=1, max_size=8), st.integers(0, 1000))
def test_errors_of_what_is_added_up_are_carried_on(terms, seed):
    """Any inputs within their errors lead to a sum within its error."""
    values, errors = (np.array(part)[:, None] for part in zip(*terms, strict=True))
    errors = np.where(np.isneginf(values), 0.0, errors)
    result = SYSTEM.sum(Bounded(values, errors))
    rng = np.random.default_rng(seed)
    for signs in (np.ones_like(values), -np.ones_like(values), rng.uniform(-1.0, 1.0, values.shape)):
        moved = (values + signs * errors * (1 - 1e-9))[:, 0].tolist()
        assert distance(float(result.value[0]), digits(moved)) <= result.error[0]


@given(tables(), st.sampled_from([0.3, 1.0, 7.0]))
def test_bounds_hold_for_kernel_and_generic_recursion_against_sixty_digits(reward, temperature):
    space = reward.space
    logits, values = backward(space, SYSTEM, [SYSTEM.exact(x) for x in reward.levels], temperature=temperature)
    kernel_logits, kernel_values = soft_bellman(reward, temperature=temperature)
    with localcontext() as context:
        context.prec = 60
        tau, exact_below = Decimal(temperature), None
        for t in reversed(range(space.n_depths)):
            exact = []
            for index in range(space.n_prefixes_at(t)):
                row = [Decimal(float(x)) for x in reward.levels[t][:, index]]
                if exact_below is not None:
                    n = space.n_prefixes_at(t)
                    row[: space.n_tokens] = [
                        x + exact_below[index + n * i] for i, x in enumerate(row[: space.n_tokens])
                    ]
                for a, q in enumerate(row):
                    bound = logits[t].error[a, index]
                    assert distance(float(logits[t].value[a, index]), q) <= bound
                    assert distance(float(kernel_logits.levels[t][a, index]), q) <= bound
                finite = [q / tau for q in row if q.is_finite()]
                top = max(finite, default=None)
                v = tau * (top + sum((q - top).exp() for q in finite).ln()) if finite else Decimal("-Infinity")
                assert distance(float(values[t].value[index]), v) <= values[t].error[index]
                assert distance(float(kernel_values.levels[t][index]), v) <= values[t].error[index]
                exact.append(v)
            exact_below = exact


@given(tables())
def test_values_are_those_of_the_float_system_bit_for_bit(reward):
    pairs = backward(reward.space, SYSTEM, [SYSTEM.exact(x) for x in reward.levels])
    floats = backward(reward.space, LogFloat(), reward.levels)
    for pair_levels, float_levels in zip(pairs, floats, strict=True):
        for pair, plain in zip(pair_levels, float_levels, strict=True):
            np.testing.assert_array_equal(pair.value, plain)
    totals = completions(reward.space, SYSTEM, [SYSTEM.exact(x) for x in reward.levels])
    np.testing.assert_array_equal(totals.value, completions(reward.space, LogFloat(), reward.levels))


def test_bounds_are_not_much_wider_than_errors():
    """A bound that says nothing would pass everything: it stays within 100 roundings of the values' size."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 1000))
    result = SYSTEM.sum(SYSTEM.exact(x))
    assert result.error.max() < 100 * 2**-53 * np.abs(x).max()


def test_minus_infinity_is_exact():
    nothing = SYSTEM.exact(np.full((3, 1), -np.inf))
    assert SYSTEM.sum(nothing).value[0] == -np.inf
    assert SYSTEM.sum(nothing).error[0] == 0.0
    assert SYSTEM.divide(nothing, nothing).value[0, 0] == -np.inf


@given(st.floats(-1e4, 1e4), st.sampled_from([0.3, 1 / 3, 7.0, 1e-9, 1e9]))
def test_the_bound_of_a_power_covers_both_roundings(x, temperature):
    """x·(1/τ), x/τ and x·τ as floats, against 60 digits."""
    down, up = (SYSTEM.power(SYSTEM.exact(np.array([x])), e) for e in (1.0 / temperature, temperature))
    with localcontext() as context:
        context.prec = 60
        exact_down, exact_up = Decimal(x) / Decimal(temperature), Decimal(x) * Decimal(temperature)
    for value in (x * (1.0 / temperature), x / temperature):
        assert distance(value, exact_down) <= down.error[0]
    assert distance(x * temperature, exact_up) <= up.error[0]


def test_a_power_rounds_twice():
    """There are numbers for which the two roundings together are more than one: the second must be counted."""
    worst = 0.0
    for x, temperature in np.random.default_rng(0).uniform(1.0, 2.0, (500, 2)).tolist():
        value = float(SYSTEM.power(SYSTEM.exact(np.array([x])), 1.0 / temperature).value[0])
        with localcontext() as context:
            context.prec = 60
            worst = max(worst, distance(value, Decimal(x) / Decimal(temperature)) / (2.0**-53 * value))
    assert 1.0 < worst < 2.0


def test_a_power_that_underflows_has_an_error():
    tiny = SYSTEM.power(SYSTEM.exact(np.array([5e-324])), 0.3)
    assert tiny.value[0] == 0.0
    assert tiny.error[0] >= 1.5e-324


@given(st.lists(st.floats(-50.0, 50.0) | st.just(-np.inf), min_size=2, max_size=8), st.sampled_from([0.0, 1e4, 1e8]))
def test_the_bound_of_normalising_is_about_differences(column, shift):
    x = np.array(column)[:, None] + shift
    result = SYSTEM.normalise(SYSTEM.exact(x))
    total = digits(x[:, 0].tolist())
    with localcontext() as context:
        context.prec = 60
        for value, error, entry in zip(result.value[:, 0], result.error[:, 0], x[:, 0], strict=True):
            exact = Decimal(float(entry)) - total if entry > -np.inf else Decimal("-Infinity")
            assert distance(float(value), exact) <= error
            assert error < 1e-13


@given(st.lists(st.tuples(LOGS, st.floats(0.0, 3.0)), min_size=1, max_size=8), st.integers(0, 1000))
def test_normalising_carries_errors_on(terms, seed):
    values, errors = (np.array(part)[:, None] for part in zip(*terms, strict=True))
    errors = np.where(np.isneginf(values), 0.0, errors)
    result = SYSTEM.normalise(Bounded(values, errors))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], values.shape)
    moved = (values + signs * errors * (1 - 1e-9))[:, 0].tolist()
    total = digits(moved)
    with localcontext() as context:
        context.prec = 60
        for value, error, entry in zip(result.value[:, 0], result.error[:, 0], moved, strict=True):
            if entry > -np.inf:
                assert distance(float(value), Decimal(entry) - total) <= error


@pytest.mark.parametrize("column", [[0.0, 0.0], [1000.0, 999.0, -np.inf], [-3.0, -1.0, 2.0, 2.5]])
def test_the_bound_of_a_sum_is_the_one_that_is_derived(column):
    """Each term of the analysis is there: shift, exp, sum, log, the last addition, and what was carried in."""
    u, finite = 2.0**-53, [x for x in column if x > -math.inf]
    top = max(finite)
    v = top + math.log(math.fsum(math.exp(x - top) for x in finite))
    policy = [math.exp(x - v) for x in finite]
    errors = [0.25 * (i + 1) / len(column) for i in range(len(finite))]
    carried = math.log(math.fsum(p * math.exp(e) for p, e in zip(policy, errors, strict=True)))
    rounding = math.fsum(p * (u * (top - x) + 4 * u) for p, x in zip(policy, finite, strict=True))
    rounding += len(column) * u + 8 * u * (v - top) + 4 * u * abs(v) + u * abs(v)
    x = np.array(column)[:, None]
    assert SYSTEM.sum(SYSTEM.exact(x)).error[0] == pytest.approx(rounding * (1 + 1e-6), rel=1e-9, abs=0.0)
    given = np.where(np.isneginf(x), 0.0, np.array([*errors, 0.0][: len(column)])[:, None])
    result = SYSTEM.sum(Bounded(x, given))
    assert result.error[0] == pytest.approx((carried + rounding) * (1 + 1e-6), rel=1e-9, abs=0.0)


def test_errors_add_up():
    x, y = Bounded(np.array([1.0]), np.array([0.25])), Bounded(np.array([3.0]), np.array([0.5]))
    assert SYSTEM.multiply(x, y).error >= 0.75
    assert SYSTEM.divide(x, y).error >= 0.75
    assert SYSTEM.power(x, 3.0).error >= 0.75


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.0, 50.0)), min_size=1, max_size=8))
def test_errors_of_one_and_more_are_carried_on(terms):
    values, errors = (np.array(part)[:, None] for part in zip(*terms, strict=True))
    result = SYSTEM.sum(Bounded(values, errors))
    for sign in (1, -1):
        moved = (values + sign * errors * (1 - 1e-9))[:, 0].tolist()
        assert distance(float(result.value[0]), digits(moved)) <= result.error[0]
