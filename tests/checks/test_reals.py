"""The bounds that numbers carry: never exceeded, and never so wide that they say nothing.

Each input stands for any number within its error; the oracle takes the ends of that interval and points in it, computes
to 50 digits, and so knows how far off the result can be.
"""

import itertools
import operator

import numpy as np
import pytest
from precise_oracle import MINUS_INF, mp

from proofs_check import reals
from proofs_check.reals import Real

N = 60
ULP = 2.0**-52
TINY = 1e-299


def inputs(seed, *, positive=False, low=-8, high=8):
    """Numbers of many sizes, a third of them exact, the others with errors of 1e-16 to a tenth of their size."""
    rng = np.random.default_rng(seed)
    value = 10.0 ** rng.uniform(low, high, N) * (1.0 if positive else rng.choice([-1.0, 1.0], N))
    error = np.abs(value) * 10.0 ** rng.uniform(-16, -1, N) * (rng.random(N) < 2 / 3)
    return Real(value, error)


def truths(x, inside=()):
    """What an entry can stand for, to 50 digits."""
    value, error = mp.mpf(float(x.value)), mp.mpf(float(x.error))
    return [value + share * error for share in (-1, 1, 0, *inside)] if error else [value]


def held(result, entries, function, *, idle=False):
    """Compare each entry with the function of all that its arguments can stand for; no bound may be idle."""
    for found, error, arguments in zip(result.value.flat, result.error.flat, entries, strict=True):
        exact = [function(*point) for point in itertools.product(*(truths(x, (0.37,)) for x in arguments))]
        furthest = max(abs(mp.mpf(float(found)) - x) for x in exact)
        assert furthest <= error, (float(found), float(error), arguments)
        assert idle or error <= 3 * furthest + 16 * ULP * max(abs(x) for x in exact) + TINY, (error, furthest)


def entries(*arrays):
    return [[array[i] for array in arrays] for i in range(N)]


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv]


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("seed", range(4))
def test_arithmetic(operation, seed):
    x, y = inputs(seed), inputs(seed + 100)
    held(operation(x, y), entries(x, y), operation)


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("sizes", [(-150, -130), (130, 150)])
def test_arithmetic_of_tiny_and_large_numbers(operation, sizes):
    x, y = (inputs(seed, low=sizes[0], high=sizes[1]) for seed in (1, 2))
    held(operation(x, y), entries(x, y), operation)


@pytest.mark.parametrize("operation", BINARY)
def test_arithmetic_with_plain_numbers_on_either_side(operation):
    x, y = inputs(5), np.random.default_rng(6).normal(size=N)
    held(operation(x, y), entries(x, Real.exact(y)), operation)
    held(operation(y, x), entries(Real.exact(y), x), operation)
    held(operation(x, 3), entries(x, Real.exact(np.full(N, 3.0))), operation)
    held(operation(3, x), entries(Real.exact(np.full(N, 3.0)), x), operation)


@pytest.mark.parametrize("distance", [1e-16, 1e-12, 1e-4])
def test_cancellation_keeps_the_errors_of_what_cancels(distance):
    x = inputs(7)
    y = Real(x.value * (1.0 + distance), x.error)
    held(x - y, entries(x, y), operator.sub)
    exact = Real.exact(x.value)
    nothing = exact * 3.0 / 7.0 * 7.0 / 3.0 - exact
    assert (np.abs(nothing.value) <= nothing.error).all()
    assert (nothing.error <= 8 * ULP * np.abs(x.value)).all()


@pytest.mark.parametrize("seed", range(4))
def test_signs_minima_and_maxima(seed):
    x, y = inputs(seed), inputs(seed + 50)
    held(-x, entries(x), operator.neg)
    held(abs(x), entries(x), abs)
    mask = np.arange(N) % 2 == 0
    held(reals.where(mask, x, y), [[(x if m else y)[i]] for i, m in enumerate(mask)], lambda t: t)
    # The larger of two can be known better than either; its bound is the larger of theirs.
    held(reals.maximum(x, y), entries(x, y), max, idle=True)
    assert (reals.maximum(x, y).error <= np.maximum(x.error, y.error)).all()
    for found, function in ((x.max(), max), (x.min(), min)):
        for share in (-1, 0, 1):
            exact = function(mp.mpf(v) + share * mp.mpf(e) for v, e in zip(x.value, x.error, strict=True))
            assert abs(mp.mpf(float(found.value)) - exact) <= found.error == x.error.max()


@pytest.mark.parametrize("sizes", [(-8, 0.5), (-290, -200), (0, 2.8)])
def test_exp(sizes):
    x = inputs(3, low=sizes[0], high=sizes[1])
    x = Real(x.value, np.minimum(x.error, 0.5))
    x = x[np.abs(x.value) < 690]
    held(reals.exp(x), [[x[i]] for i in range(x.shape[0])], mp.exp)


@pytest.mark.parametrize("value", [-700.0, -744.0, -746.0, -800.0, -1e5])
def test_exp_that_underflows(value):
    found = reals.exp(Real(np.array([value]), np.array([1e-9])))
    assert abs(mp.mpf(float(found.value[0])) - mp.exp(mp.mpf(value) + mp.mpf("1e-9"))) <= found.error[0] <= 1e-299


@pytest.mark.parametrize("sizes", [(-8, 8), (-290, -200), (200, 300), (-1e-3, 1e-3)])
def test_log(sizes):
    x = inputs(4, positive=True, low=sizes[0], high=sizes[1])
    for i in range(N):
        found = reals.log(x[i : i + 1])
        exact = [mp.log(t) for t in truths(x[i], (0.37,))]
        furthest = max(abs(mp.mpf(float(found.value[0])) - t) for t in exact)
        assert furthest <= found.error[0] <= 3 * furthest + 16 * ULP * max(1, *map(abs, exact))


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("cancels", [False, True])
def test_sum_in_any_order(axis, cancels):
    rng = np.random.default_rng(8)
    value = rng.normal(size=(8, 8)) * 10.0 ** rng.uniform(-6, 6, (8, 8))
    if cancels:
        value[1::2, 1::2], value[::2, ::2] = -value[::2, 1::2], -value[1::2, ::2]
    error = np.abs(value) * 1e-13
    found = Real(value, error).sum(axis)
    exact = np.vectorize(mp.mpf, otypes=[object])
    orders = [value.sum(axis=axis), np.flip(value, axis).sum(axis=axis), rng.permuted(value, axis=axis).sum(axis=axis)]
    for share in (-1, 0, 1):
        truth = (exact(value) + share * exact(error)).sum(axis=axis)
        for order in (found.value, *orders):
            assert (abs(exact(order) - truth) <= found.error).all()
    assert (found.error <= 2.0 * (error.sum(axis=axis) + 64 * ULP * np.abs(value).sum(axis=axis))).all()


def test_chains_of_operations():
    """A softmax, its entropy and a mean written out, which loses digits in every way at once."""
    rng = np.random.default_rng(9)
    for _ in range(40):
        v = rng.normal(size=5) * 10.0 ** rng.uniform(-3, 1.5)
        x = Real.exact(v)
        weights = reals.exp(x - x.max())
        p = weights / weights.sum()
        found = [-(p * reals.log(p)).sum(), (p * x).sum() - (x.sum() / 5.0), 1.0 - p.sum()]
        exact = [mp.mpf(float(t)) for t in v]
        total = mp.fsum(mp.exp(t) for t in exact)
        q = [mp.exp(t) / total for t in exact]
        truth = [
            -mp.fsum(s * mp.log(s) for s in q),
            mp.fsum(s * t for s, t in zip(q, exact, strict=True)) - mp.fsum(exact) / 5,
            mp.mpf(0),
        ]
        for ours, theirs in zip(found, truth, strict=True):
            assert abs(mp.mpf(float(ours.value)) - theirs) <= ours.error < 1e-12 * (1.0 + np.abs(v).max())


def test_shapes_carry_their_errors():
    x = Real(np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3) / 8)
    for found, index in ((x.T, (2, 1)), (x[:, ::-1], (1, 0)), (x.reshape((3, 2)), (2, 1)), (x[1], (2,))):
        assert found.value[index] == 8 * found.error[index] == 5.0
    both = reals.concatenate([x, np.ones((2, 1))], axis=1)
    assert both.shape == (2, 4)
    assert both.error[:, 3].tolist() == [0.0, 0.0]
    assert both.error[1, 2] == 5.0 / 8


def test_plain_arrays_stay_plain():
    x, y = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    mask = np.array([True, False])
    for found, expected in (
        (reals.exp(x), np.exp(x)),
        (reals.log(y), np.log(y)),
        (reals.maximum(x, y), np.maximum(x, y)),
        (reals.where(mask, x, y), np.where(mask, x, y)),
        (reals.concatenate([x, y]), np.concatenate([x, y])),
        (reals.value(Real.exact(x)), x),
    ):
        assert type(found) is np.ndarray
        assert (found == expected).all()


def test_what_is_forbidden_is_exact():
    weight = reals.exp(Real.exact(np.array([-np.inf])))
    assert (weight.value[0], weight.error[0]) == (0.0, 0.0)
    total = Real.exact(np.array([-np.inf])) + Real(np.array([1.0]), np.array([0.1]))
    assert (total.value[0], total.error[0]) == (-np.inf, 0.0)
    with np.errstate(divide="ignore"):
        assert reals.log(Real.exact(np.array([0.0]))).value[0] == MINUS_INF


# A bound of 0 beside what is not finite says "exactly so"; that must not be said of a number that may be finite.


def test_dividing_by_what_may_be_zero_has_no_bound():
    difference = (Real.exact(np.array([1.0])) + 1e-17) - 1.0  # 0 ± 2e-16; in truth 1e-17
    for numerator in (1.0, 0.0, difference):
        found = numerator / difference
        assert not found.error[0] < np.inf, found


def test_dividing_by_what_may_be_zero_has_no_bound_where_the_quotient_overflows():
    with np.errstate(over="ignore"):
        found = Real.exact(np.array([1e308])) / Real(np.array([1e-10]), np.array([1e-10]))
    assert (found.value[0], found.error[0]) == (np.inf, np.inf)


def test_dividing_by_zero_itself_is_exact():
    found = Real.exact(np.array([1.0])) / Real.exact(np.array([0.0]))
    assert (found.value[0], found.error[0]) == (np.inf, 0.0)


def test_what_underflows_has_a_bound():
    tiny, large = Real.exact(np.array([1e-200])), Real.exact(np.array([1e200]))
    for found in (tiny * tiny, tiny / large):
        assert found.value[0] == 0.0
        assert mp.mpf("1e-400") <= found.error[0] <= TINY


def test_exp_and_log_may_be_two_units_in_the_last_place_off():
    """NumPy is seldom that far off, so that no comparison would show it."""
    x = Real.exact(np.array([0.3, 7.0, 1e-100, 300.0]))
    for found in (reals.exp(x), reals.log(x)):
        assert (found.error >= 2 * ULP * np.abs(found.value)).all()


def test_the_log_of_what_may_be_zero_has_no_bound():
    underflowed = reals.exp(Real.exact(np.array([-800.0])))  # 0 ± 1e-300; in truth e^-800
    assert reals.log(underflowed).error[0] == np.inf


def test_exp_of_what_is_hardly_known_is_bounded_by_the_largest_it_can_be():
    with np.errstate(over="ignore", invalid="ignore"):
        found = reals.exp(Real(np.array([-800.0, 1.0]), np.array([1e3, 1e4])))
    assert np.exp(200.0) <= found.error[0]
    assert found.error[1] == np.inf
