import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import kl, log_sum_exp
from sympy import bernoulli

from tabular_bellman import TabularBellmanError, bounds
from tabular_bellman.bounds import kappa, lemma_1_bound, proposition_3_bound

mpmath = pytest.importorskip("mpmath")


def to_50_digits(epsilon):
    """κ(ε) = ε coth ε - 1 + log(sinh ε / ε); the terms cancel to ε², so 50 digits leave 30 even at 1e-8."""
    with mpmath.workdps(50):
        x = mpmath.mpf(float(epsilon))
        return x * mpmath.coth(x) - 1 + mpmath.log(mpmath.sinh(x) / x)


def relative_error(epsilon):
    with mpmath.workdps(50):
        return float(abs(mpmath.mpf(float(kappa(epsilon))) / to_50_digits(epsilon) - 1))


def softmax(logits):
    total = log_sum_exp(logits)
    return [math.exp(x - total) for x in logits]


@pytest.mark.parametrize("epsilon", [*np.logspace(-8.0, np.log10(700.0), 120), 0.5, 300.0, 354.9, 700.0])
def test_kappa_agrees_with_50_digits(epsilon):
    assert relative_error(epsilon) < 4e-15


@given(st.floats(1e-8, 700.0))
def test_kappa_agrees_with_50_digits_anywhere(epsilon):
    assert relative_error(epsilon) < 4e-15


def test_the_bernoulli_numbers_of_the_series_are_exact():
    numbers = [bernoulli(2 * k) for k in range(1, 13)]
    assert [Fraction(int(number.p), int(number.q)) for number in numbers] == bounds._BERNOULLI


@pytest.mark.parametrize("seam", [0.5, 300.0])
def test_kappa_does_not_jump_where_its_formula_changes(seam):
    below, at, above = kappa([np.nextafter(seam, 0.0), seam, np.nextafter(seam, np.inf)])
    assert abs(below - at) <= 4e-15 * at
    assert abs(above - at) <= 4e-15 * at


@pytest.mark.parametrize(
    ("epsilon", "expected"), [(0.5, 0.123302), (1.0, 0.474475), (2.0, 1.669850), (4.0, 4.922908), (10.0, 16.004268)]
)
def test_kappa_to_six_digits(epsilon, expected):
    assert float(kappa(epsilon)) == pytest.approx(expected, abs=5e-7)


def test_kappa_at_its_ends():
    assert kappa(0.0) == 0.0
    assert kappa(1e-200) == 0.0  # ε²/2 underflows
    assert kappa(np.inf) == np.inf
    assert kappa(1e308) == np.inf  # 2ε overflows
    assert kappa(1e15) == pytest.approx(2e15 - 1.0 - math.log(2e15), rel=1e-15)


def test_kappa_keeps_the_shape():
    assert kappa(1.0).shape == ()
    assert kappa([[1.0, 2.0]]).shape == (1, 2)
    assert kappa([]).shape == (0,)


@given(st.floats(1e-6, 600.0))
def test_kappa_is_below_both_simple_bounds(epsilon):
    assert 0.0 < kappa(epsilon) < min(epsilon**2 / 2.0, 2.0 * epsilon) * (1.0 + 1e-14)


@given(st.floats(1e-3, 300.0), st.floats(1.001, 2.0))
def test_kappa_increases(epsilon, factor):
    assert kappa(epsilon) < kappa(epsilon * factor)


@given(
    st.lists(st.floats(-20.0, 20.0), min_size=2, max_size=5),
    st.floats(0.0, 30.0),
    st.lists(st.floats(-1.0, 1.0), min_size=5, max_size=5),
)
def test_no_two_policies_that_near_are_further_apart(logits, epsilon, directions):
    others = [x + epsilon * d for x, d in zip(logits, directions, strict=False)]
    distance = max(abs(x - y) for x, y in zip(logits, others, strict=True))
    p, q = softmax(logits), softmax(others)
    for divergence in (kl(p, q), kl(q, p)):
        assert divergence <= float(kappa(distance)) + 1e-13
        assert divergence <= float(lemma_1_bound(distance)) + 1e-13


@given(st.floats(0.05, 15.0))
def test_kappa_is_attained(epsilon):
    p = 1.0 / (1.0 - math.exp(-2.0 * epsilon)) - 1.0 / (2.0 * epsilon)
    f = [math.log(p), math.log1p(-p)]
    g = [f[0] - epsilon, f[1] + epsilon]
    assert kl(softmax(f), softmax(g)) == pytest.approx(float(kappa(epsilon)), rel=1e-10)


def test_the_bounds_of_the_paper():
    assert lemma_1_bound([0.0, 0.5, np.inf]).tolist() == [0.0, 1.0, np.inf]
    assert proposition_3_bound(0.5, 4) == 4.0
    assert proposition_3_bound([[1.0], [2.0]], 3).tolist() == [[6.0], [12.0]]


@pytest.mark.parametrize("bound", [kappa, lemma_1_bound, lambda epsilon: proposition_3_bound(epsilon, 2)])
@pytest.mark.parametrize(
    ("epsilon", "message"),
    [
        (-1.0, "ε is -1.0; it must be 0 or more"),
        ([0.0, -0.25], "ε is -0.25; it must be 0 or more"),
        (math.nan, "ε is nan; it must be 0 or more"),
        ("far", "ε cannot be read as an array of floats"),
        (1.0 + 2.0j, "ε cannot be read as an array of floats"),
        ({"a": 1.0}, "ε is a dict"),
    ],
)
def test_what_is_no_distance_is_refused(bound, epsilon, message):
    with pytest.raises(TabularBellmanError, match=message):
        bound(epsilon)


@pytest.mark.parametrize("length", [0, -1, 1.5, True, "3", None])
def test_what_is_no_length_is_refused(length):
    with pytest.raises(TabularBellmanError, match="max_length is .*; it must be a positive integer"):
        proposition_3_bound(1.0, length)
