"""Numbers that do not round, against fractions, mpmath, SymPy and arb: their operators, their zeros and their signs."""

import builtins
import itertools
import math
import operator
import sys
from decimal import Decimal
from fractions import Fraction
from math import inf, isnan, nan

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs_check.arithmetic import functions
from proofs_check.arithmetic.ball import Ball, BallLog, Undecided, precision
from proofs_check.arithmetic.element import Declined, is_finite, rational
from proofs_check.arithmetic.exact import Exact, ExactLog, root_of
from proofs_check.arithmetic.functions import Function, Symbol, symbols
from proofs_check.arithmetic.logarithms import over_coprime_base, twice_artanh
from proofs_check.arithmetic.symbolic import Symbolic, SymbolicLog
from proofs_check.arithmetic.systems import LogWeights, elementwise, simplest
from tabular_bellman import TabularBellmanError

mp = mpmath.mp.clone()
mp.dps = 200
NOISE = mp.mpf(10) ** -190  # what mpmath's own rounding can amount to

FEW = settings(max_examples=30)
RATIONALS = st.fractions(-50, 50, max_denominator=60)
POSITIVE = st.fractions(Fraction(1, 60), 60, max_denominator=60)
LARGE_PRIMES = (10**9 + 7, 2**61 - 1, 2**89 - 1)


@pytest.fixture
def flint():
    return pytest.importorskip("flint", reason="python-flint is not installed (pip install python-flint)")


def precise(x):
    """A rational to 200 digits."""
    return mp.mpf(x.numerator) / x.denominator


def plain_forms(x):
    """A rational in each form in which it may stand beside a number that does not round."""
    yield x
    if x.denominator == 1:
        yield from (int(x), np.int64(x))
    if Fraction(float(x)) == x:
        yield from (float(x), np.float64(x))
    if Fraction(float(np.float32(x))) == x:
        yield np.float32(x)


def holds(found, expected):
    """Tell whether a number is a rational: decided where it can be, else within a ball."""
    if isinstance(found, Ball):
        ball = found.value - Ball.arb(expected)
        return ball.contains(0) and (ball == 0 or ball.rad() < 1e-9)
    return found.weight() == expected


# -- operators ---------------------------------------------------------------------------------------------------------

OPERATIONS = [operator.add, operator.sub, operator.mul, operator.truediv]


@pytest.mark.parametrize("kind", [Exact, Symbolic, Ball])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_operators_are_those_of_fractions_on_either_side(kind, operation, request):
    if kind is Ball:
        request.getfixturevalue("flint")

    @FEW
    @given(st.one_of(RATIONALS, st.integers(-9, 9).map(Fraction)), st.one_of(RATIONALS, st.sampled_from([2, -3, 0.25])))
    def check(x, y):
        y = Fraction(y)
        if operation is operator.truediv and not (x and y):
            return
        expected, reversed_ = operation(x, y), operation(y, x)
        assert holds(operation(kind.of(x), kind.of(y)), expected)
        for plain in plain_forms(y):
            assert holds(operation(kind.of(x), plain), expected), type(plain)
            assert holds(operation(plain, kind.of(x)), reversed_), type(plain)
            if isinstance(plain, (float, int)):
                row = np.array([plain, plain])
                both = [operation(kind.of(x), row), operation(row, kind.of(x)), operation(elementwise(kind.of, row), x)]
                for array, one in zip(both, (expected, reversed_, reversed_), strict=True):
                    assert array.shape == (2,)
                    assert all(holds(entry, one) for entry in array)

    check()


LOGS = st.lists(st.tuples(POSITIVE, RATIONALS), max_size=3)


@st.composite
def exacts(draw):
    """A rational and some logarithms."""
    found = Exact(draw(RATIONALS))
    for argument, factor in draw(LOGS):
        found = found + factor * Exact.log_of(argument)
    return found


@FEW
@given(exacts(), exacts(), exacts(), RATIONALS)
def test_sums_commute_associate_and_distribute(x, y, z, c):
    for left, right in (
        (x + y, y + x),
        ((x + y) + z, x + (y + z)),
        (c * (x + y), c * x + y * c),
        (x - y, -(y - x)),
        (x + x, 2 * x),
        ((x - y) + y, x),
        (x / 7 * 7, x),
    ):
        assert (left - right).is_zero()


def test_what_has_no_form_is_declined():
    x, y = Exact.log_of(Fraction(2)), Exact.log_of(Fraction(3))
    for made in (lambda: x * y, lambda: 1 / x, lambda: x.log(), lambda: Exact(1).exp(), lambda: Exact(-2).log()):
        with pytest.raises(Declined):
            made()
    for power in (3, 0.5, -1):
        with pytest.raises(Declined, match="power"):
            Exact(2) ** power
    assert (Exact(Fraction(2, 3)) ** 2).weight() == Fraction(4, 9)


@pytest.mark.parametrize("x", [0, -3, Fraction(-1, 2)])
def test_only_what_is_above_0_has_a_logarithm(x):
    for kind in (Exact, Symbolic):
        with pytest.raises(Declined, match="no real number|not plainly above 0"):
            kind.log_of(Fraction(x))


@pytest.mark.parametrize("kind", [ExactLog, SymbolicLog])
@given(POSITIVE, POSITIVE)
@FEW
def test_logarithms_add_where_their_weights_multiply(kind, x, y):
    for found, weight in (
        (kind(x) + kind(y), x * y),
        (kind(x) - kind(y), x / y),
        (-kind(x), 1 / x),
        (0 + kind(x), x),
        (kind(x) + 0.0, x),
        (np.array([kind(x)]) - kind(y), x / y),
        (kind(x).power(Fraction(-3)), x**-3),
        (kind(x * x).power(Fraction(1, 2)), x),
    ):
        found = found.item() if isinstance(found, np.ndarray) else found
        assert isinstance(found, kind)
        assert found.weight == weight
        assert found.exp().weight() == weight
    twice = kind(x) * 2 + kind(y) / Fraction(3) - 1
    assert (twice + 1 - 2 * kind(x) - kind(y).number() / 3).is_zero()
    assert bool(kind(x)) is (x != 1)
    assert sum([kind(x), kind(y)]).weight == x * y


def test_larger_and_smaller_go_by_the_weights():
    one, two = ExactLog(Fraction(1, 3)), ExactLog(Fraction(2, 5))
    assert two > one >= one
    assert one < two <= two
    assert one.maximum(two).weight == two.maximum(one).weight == Fraction(2, 5)
    assert (one - two) < 0 < (two - one)
    assert -2 < one < -1 < two < -0.5
    nothing = ExactLog(Fraction(0))
    assert one.maximum(nothing).weight == nothing.maximum(one).weight == Fraction(1, 3)
    assert abs(one).is_finite
    assert (abs(one) + one).is_zero()


# -- what is not finite ------------------------------------------------------------------------------------------------


def systems():
    yield "rationals", Exact, ExactLog, Fraction
    yield "balls", Ball, BallLog, lambda x: Ball.arb(x)


SPECIAL = [-inf, inf, nan, 0.0, 2.0, -3.0]


@pytest.mark.parametrize("name", ["rationals", "balls"])
@pytest.mark.parametrize("operation", [*OPERATIONS, operator.gt, operator.ge, operator.lt, operator.le])
def test_beside_what_is_not_finite_all_is_as_with_floats(name, operation, request):
    if name == "balls":
        request.getfixturevalue("flint")
    number, log, weight = next(rest for first, *rest in systems() if first == name)
    elements = [(log(weight(0)), -inf), (log(weight(1)), 0.0), *((number.of(x), x) for x in (0.0, 2.0, -3.0))]
    for (x, x_float), (y, y_float) in itertools.product(elements, [*elements, *((s, s) for s in SPECIAL)]):
        for (left, a), (right, b) in (((x, x_float), (y, y_float)), ((y, y_float), (x, x_float))):
            with np.errstate(all="ignore"):
                expected = float(operation(np.float64(a), np.float64(b)))
            if operation is operator.sub and a == b == -inf:
                expected = -inf  # as in `tabular_bellman.extended`
            if operation is operator.add and {a, b} == {-inf, inf}:
                expected = -inf  # the same, said with what is taken off: inf, for -(-inf)
            found = operation(left, right)
            assert float(found) == pytest.approx(expected, nan_ok=True), (left, right)
            if isinstance(left, float) == isinstance(right, float):
                continue
            one, other = (np.array([z]) if isinstance(z, float) else z for z in (left, right))
            with np.errstate(invalid="ignore"):  # a comparison with NaN
                entry = operation(one, other).item()
            assert float(entry) == pytest.approx(expected, nan_ok=True), (left, right)


@pytest.mark.parametrize("kind", [ExactLog, SymbolicLog])
def test_minus_infinity_stays_what_it_is(kind):
    nothing = kind(Fraction(0))
    assert not nothing.is_finite
    assert float(nothing) == -inf
    assert float(-nothing) == float(abs(nothing)) == inf
    assert nothing.exp().is_zero()
    for x in (nothing + kind(Fraction(3)), nothing - nothing, nothing + 5.0, nothing + np.float64(5.0), -inf - nothing):
        assert not is_finite(x)
        assert float(x) == -inf
    assert kind(Fraction(3)) + nothing == kind(Fraction(3)) + -inf == -inf
    assert kind(Fraction(3)) - nothing == inf
    assert nothing.power(Fraction(1, 3)) is nothing
    for other in (2, Fraction(1, 2), np.float32(2), np.int64(2), Exact(2)):
        if kind is ExactLog or not isinstance(other, Exact):
            assert nothing * other == other * nothing == -inf
            assert float(nothing / other) == -inf
            assert float(other / nothing) == 0
    assert isnan(nothing + nan)
    assert nothing.maximum(-inf) == -inf


# -- no float enters ---------------------------------------------------------------------------------------------------


@given(st.floats(allow_nan=False, allow_infinity=False))
@FEW
def test_a_float_is_the_rational_that_it_is(x):
    assert rational(x) == Exact(x).weight() == (Exact(0) + x).weight() == Symbolic(x).weight() == Fraction(x)
    assert rational(np.float64(x)) == Fraction(x)


def test_numbers_of_other_kinds_keep_their_value():
    assert Exact(0.1).weight() == Fraction(0.1) != Fraction(1, 10)
    for x in (
        np.float32(0.1),
        np.float16(0.1),
        np.longdouble(1) / 3,
        Decimal("0.1"),
        np.int64(7),
        np.bool_(True),
    ):
        expected = Fraction(*x.as_integer_ratio()) if not isinstance(x, (np.integer, np.bool_)) else Fraction(int(x))
        assert rational(x) == Exact(x).weight() == (Exact(0) + x).weight() == Symbolic(x).weight() == expected
    big = 10**400 + 1
    assert (Exact(big) - 10**400).weight() == 1
    for x in ("1/2", None, object(), 1j):
        with pytest.raises((TypeError, AttributeError)):
            Exact(1) + x
    for x in (inf, -inf, nan):
        with pytest.raises((OverflowError, ValueError)):
            Exact(x)


def test_balls_keep_the_value_of_other_numbers(flint):
    for x in (0.1, np.float32(0.1), 7, np.int64(7), Fraction(1, 4), Decimal("0.25"), 2**300 + 1):
        with precision(24):  # of which some have more
            ball = Ball.of(x).value
        exact = rational(x)
        with precision(400):
            assert (ball - flint.fmpq(exact.numerator, exact.denominator)).contains(0)
        assert ball.is_exact()
    assert Ball.of(Fraction(1, 3)).value.rad() > 0


# -- zeros -------------------------------------------------------------------------------------------------------------


@st.composite
def combinations(draw):
    """Rationals over a few primes, large ones among them, with factors; by half of the draws their sum is 0."""
    base = draw(st.sampled_from([(2, 3, 97), (2, 101, 103), LARGE_PRIMES, (6, 35, 101 * 103, 103 * 107)]))
    exponents = st.lists(st.integers(-3, 3), min_size=len(base), max_size=len(base))
    rows = draw(st.lists(st.tuples(exponents, st.integers(-3, 3)), min_size=1, max_size=4))

    def product(powers):
        return math.prod((Fraction(b) ** e for b, e in zip(base, powers, strict=True)), start=Fraction(1))

    terms = [(product(powers), factor) for powers, factor in rows]
    if draw(st.booleans()):
        whole = [sum(powers[i] * factor for powers, factor in rows) for i in range(len(base))]
        terms.append((product(whole), -1))
    return terms


def summed(terms, unit=Fraction(1)):
    return sum((unit * factor * Exact.log_of(argument) for argument, factor in terms), Exact(0))


@given(combinations())
def test_zero_is_decided_as_products_are(terms):
    product = math.prod((argument**factor for argument, factor in terms), start=Fraction(1))
    found = summed(terms)
    assert found.is_zero() is (product == 1)
    assert bool(found) is (product != 1)
    assert summed(terms, Fraction(1, 6)).is_zero() is (product == 1)
    assert not (found + Fraction(1, 10**40)).is_zero()
    assert found._sign() == (product > 1) - (product < 1)


def test_zeros_that_only_a_coprime_base_shows():
    def log_of(x):
        return Exact.log_of(Fraction(x))

    assert (log_of(6) - log_of(2) - log_of(3)).is_zero()
    assert (log_of(12) / 2 - log_of(2) - log_of(3) / 2).is_zero()
    p, q, r = LARGE_PRIMES
    assert (log_of(p * q) + log_of(Fraction(r, q)) - log_of(p * r)).is_zero()
    assert (log_of(p * p * q) + log_of(q * r) - 2 * log_of(p * q) - log_of(r)).is_zero()
    assert not (log_of(p * q) - log_of(p * r)).is_zero()
    assert not (log_of(p * q) - log_of(p) - log_of(q + 2)).is_zero()
    assert Exact(0).is_zero()
    assert not Exact(Fraction(1, 10**50)).is_zero()
    assert (log_of(8) - 3 * log_of(2)).exp().weight() == 1


@given(st.dictionaries(POSITIVE, st.integers(-4, 4).map(Fraction), max_size=4))
def test_a_coprime_base_is_coprime_and_gives_the_same_product(logs):
    found = over_coprime_base(logs)
    assert all(base > 1 for base in found)
    assert all(math.gcd(x, y) == 1 for x, y in itertools.combinations(found, 2))

    def product(table):
        return math.prod((Fraction(x) ** int(factor) for x, factor in table.items()), start=Fraction(1))

    assert product(found) == product(logs)


def test_a_coprime_base_of_what_shares_large_factors():
    p, q, r = LARGE_PRIMES
    found = over_coprime_base({Fraction(p**3 * q, r): 1, Fraction(p * r): 1, Fraction(q**2): 5})
    assert found == {p: 4, q: 11, r: 0}


# -- signs and enclosures ----------------------------------------------------------------------------------------------

NEAR_ONE = [1 + Fraction(s, 10**k) for k in (1, 5, 20, 60, 100) for s in (-1, 1)]
EDGES = [Fraction(x) for x in ("2/3", "4/3", "1/2", "2", "3/4", "3/2", "1/3", "3", "5/4", "7/5")]
EXTREME = [
    Fraction(10**400),
    Fraction(1, 10**400),
    Fraction(2**5000 + 1),
    Fraction(3**300, 2**475),
    Fraction(2**64 - 1),
]
ARGUMENTS = [*NEAR_ONE, *EDGES, *EXTREME]


@pytest.mark.parametrize("bits", [1, 8, 64, 128, 500])
def test_enclosures_hold_the_logarithm_and_are_as_narrow_as_said(bits):
    for x in ARGUMENTS:
        low, high = Exact.log_of(x).enclosed(bits)
        truth = mp.log(mp.mpf(x.numerator)) - mp.log(mp.mpf(x.denominator))
        assert precise(low) <= truth + NOISE, x
        assert truth <= precise(high) + NOISE, x
        assert high - low <= Fraction(2, 2**bits), x


def test_enclosures_hold_what_arb_holds(flint):
    with precision(3000):
        for x, bits in itertools.product(ARGUMENTS, (1, 64, 2000)):
            low, high = Exact.log_of(x).enclosed(bits)
            truth = Ball.of(x).value.log()
            assert Ball.arb(low) < truth < Ball.arb(high)


@given(st.fractions(Fraction(-1, 3), Fraction(1, 3), max_denominator=10**6), st.integers(1, 300))
def test_the_series_is_within_its_bound(z, bits):
    low, high = twice_artanh(z, bits)
    truth = 2 * mp.atanh(precise(z))
    assert precise(low) <= truth + NOISE
    assert truth <= precise(high) + NOISE
    assert high - low <= Fraction(1, 2**bits)


def test_the_series_is_within_half_its_bound_with_few_bits():
    """What the comment beside it derives, less than k + 1 units of the 2k + 4, where each unit is large."""
    for bits in (1, 2, 5, 9):
        for z in (Fraction(n, d) for d in (3, 7, 50, 65537, 10**6 + 3) for n in (d // 3, d // 4, 1, -1, -(d // 3))):
            low, high = twice_artanh(z, bits)
            off = abs(2 * mp.atanh(precise(z)) - precise((low + high) / 2))
            assert off <= precise((high - low) / 4)


@given(exacts(), st.sampled_from([1, 64, 200]))
@FEW
def test_enclosures_of_sums(x, bits):
    low, high = x.enclosed(bits)
    truth = precise(x.constant) + mp.fsum(precise(f) * mp.log(precise(a)) for a, f in x.logs.items())
    assert precise(low) <= truth + NOISE
    assert truth <= precise(high) + NOISE
    assert high - low <= sum(map(abs, x.logs.values())) * Fraction(2, 2**bits)
    assert low == high or x.logs
    if abs(truth) > NOISE:
        assert x._sign() == mp.sign(truth)
        assert float(x) == float(truth)
    else:
        assert x._sign() == 0 == float(x)


def test_signs_of_what_is_nearly_zero():
    for k in (1, 30, 200):
        x = Exact.log_of(Fraction(10**k + 1)) - Exact.log_of(Fraction(10**k))
        assert not x.is_zero()
        assert x > 0 > -x
        assert (x - Fraction(1, 10**k)) < 0 < (x - Fraction(1, 10**k) + Fraction(1, 10 ** (2 * k)))
    # Powers of 2 and of 3 that nearly meet.
    for a, b in ((8, 5), (19, 12), (485, 306), (24727, 15601)):
        x = b * Exact.log_of(Fraction(3)) - a * Exact.log_of(Fraction(2))
        assert x._sign() == (1 if 3**b > 2**a else -1)


def test_signs_beside_rationals_that_are_nearly_a_logarithm():
    # Convergents of log 2 are below and above it in turn.
    rest, (p0, q0), (p1, q1) = mp.log(2), (0, 1), (1, 0)
    for i in range(60):
        digit = int(mp.floor(rest))
        (p0, q0), (p1, q1) = (p1, q1), (digit * p1 + p0, digit * q1 + q0)
        rest = 1 / (rest - digit)
        assert (Exact.log_of(Fraction(2)) - Fraction(p1, q1))._sign() == (1 if i % 2 == 0 else -1)
    assert q1 > 10**25


@pytest.mark.parametrize("x", [*NEAR_ONE, Fraction(2), Fraction(10**300)])
def test_floats_are_the_nearest(x):
    assert float(Exact.log_of(x)) == float(ExactLog(x)) == float(mp.log(precise(x)))
    assert float(Exact.log_of(x) - Exact.log_of(x) + Fraction(1, 3)) == 1 / 3
    assert float(Exact.log_of(x * 6) - Exact.log_of(x * 2) - Exact.log_of(Fraction(3))) == 0.0


# -- roots -------------------------------------------------------------------------------------------------------------


@given(POSITIVE, st.integers(-12, 12), st.integers(1, 12), st.integers(0, 40))
def test_roots_of_powers(x, numerator, denominator, scale):
    exponent = Fraction(numerator, denominator)
    x *= Fraction(7) ** scale
    assert root_of(x**denominator, exponent) == x**numerator


@pytest.mark.parametrize("order", [2, 3, 12, 100])
def test_what_is_not_a_power_has_no_root(order):
    for x in (Fraction(10**40), Fraction(3, 10**12)):
        power = x**order
        for near in (Fraction(power.numerator + 1, power.denominator), 1 / Fraction(power.denominator * 2 - 1)):
            if near not in (1, power):
                with pytest.raises(Declined, match="is not rational"):
                    root_of(near, Fraction(1, order))
    assert root_of(Fraction(1), Fraction(1, order)) == 1


def test_roots_that_are_not_taken():
    for exponent in (Fraction(1, 101), Fraction(101), Fraction(3, 1024)):
        with pytest.raises(Declined, match="such exponents"):
            root_of(Fraction(1), exponent)
    with pytest.raises(Declined, match="of order 2 of a weight"):
        root_of(Fraction(2**200), Fraction(1, 2)) + root_of(Fraction(2**201), Fraction(1, 2))


@given(st.floats(allow_nan=False, allow_infinity=False))
@FEW
def test_the_simplest_rational_is_still_the_float(x):
    assert float(simplest(x)) == x


@given(st.integers(-999, 999), st.integers(1, 999))
def test_the_simplest_rational_of_a_quotient_is_the_quotient(p, q):
    assert simplest(p / q) == Fraction(p, q)


def test_the_simplest_rational_of_floats_that_people_write():
    assert simplest(1 / 3) == Fraction(1, 3)
    assert simplest(0.1) == Fraction(1, 10)
    assert simplest(1.0 / 0.3) == Fraction(10, 3)
    assert simplest(1e-7) == Fraction(1e-7)


# -- rational functions ------------------------------------------------------------------------------------------------

NAMES = sympy.symbols("w0:3")
W = symbols(3)
LEAVES = st.one_of(
    st.integers(0, 2).map(lambda i: (W[i], NAMES[i])),
    st.sampled_from([1, -1, 2, Fraction(3, 2)]).map(lambda c: (Function.constant(W[0].ring, c), sympy.Rational(c))),
)


@st.composite
def pairs(draw, steps=4):
    """A rational function, and the same in SymPy."""
    found, theirs = draw(LEAVES)
    for _ in range(draw(st.integers(1, steps))):
        other, their_other = draw(LEAVES)
        if draw(st.booleans()):
            more, their_more = draw(LEAVES)
            other, their_other = other + more, their_other + their_more
        operation = draw(st.sampled_from(OPERATIONS))
        if operation is operator.truediv and not other:
            continue
        if draw(st.booleans()) and (operation is not operator.truediv or found):
            found, theirs = operation(other, found), operation(their_other, theirs)
        elif operation is not operator.truediv or other:
            found, theirs = operation(found, other), operation(theirs, their_other)
    return found, theirs


def from_sympy(expression):
    """A rational function from the numerator and the denominator that SymPy cancels to."""

    def polynomial(part):
        terms = sympy.Poly(part, *NAMES, domain="QQ").terms()
        total = Function(W[0].ring, [])
        for powers, c in terms:
            term = Function.constant(W[0].ring, Fraction(int(c.p), int(c.q)))
            for w, e in zip(W, powers, strict=True):
                term = term * w**e
            total = total + term
        return total

    above, below = sympy.fraction(sympy.together(sympy.cancel(expression)))
    return polynomial(above) / polynomial(below)


def into_sympy(function):
    product = function.product
    if product is None:
        return sympy.Integer(0)
    found = sympy.Rational(product.coefficient.numerator, product.coefficient.denominator)
    for symbol, e in product.powers.items():
        found *= NAMES[symbol.number] ** e
    for factor, e in product.factors.items():
        found *= factor.as_expr(*NAMES) ** e
    return found


@settings(max_examples=50)
@given(pairs(), pairs(3))
def test_rational_functions_are_those_of_sympy(one, other):
    (f, theirs), (g, their_other) = one, other
    assert sympy.cancel(into_sympy(f) - theirs) == 0
    same = from_sympy(theirs)
    assert f == same
    assert not f - same
    assert f != same + Fraction(1, 10**20)
    assert f != same + W[2] * W[0] ** 5
    assert (f == g) is (sympy.cancel(theirs - their_other) == 0)
    assert bool(f) is (sympy.cancel(theirs) != 0)
    assert sympy.cancel(into_sympy(f * g + f) - theirs * their_other - theirs) == 0


@given(st.permutations(range(4)))
@FEW
def test_sums_whose_denominators_cancel(order):
    a, b, c = W
    one = Function.constant(a.ring, 1)
    telescope = [1 / ((a + k) * (a + k + 1)) for k in range(4)]
    assert sum((telescope[k] for k in order), 0 * one) == 1 / a - 1 / (a + 4)
    # Lagrange's interpolation of 1.
    nodes = [a, b, c, one * 2]
    terms = [
        math.prod(((3 - y) / (x - y) for j, y in enumerate(nodes) if j != i), start=one) for i, x in enumerate(nodes)
    ]
    assert sum((terms[k] for k in order), 0 * one) == 1
    shares = [x / (a + b + c + 2) for x in nodes]
    total = sum((shares[k] for k in order), 0 * one)
    assert total == 1
    assert total.product.factors == {}  # the denominator is gone, and not merely the same
    assert a / b + b / a - (a * a + b * b) / (a * b) == 0
    assert (a * a - b * b) / (a - b) == a + b
    assert (a - b) / (b - a) == -1 != (a - b) / (b + a)


@given(pairs(), st.tuples(POSITIVE, POSITIVE, POSITIVE))
@FEW
def test_values_of_rational_functions(pair, point):
    f, theirs = pair
    try:
        value = f.at(lambda i: point[i])
    except ZeroDivisionError:  # a pole
        return
    at = {name: sympy.Rational(x.numerator, x.denominator) for name, x in zip(NAMES, point, strict=True)}
    expected = sympy.cancel(theirs).subs(at)
    assert value == Fraction(int(expected.p), int(expected.q))


def test_sums_of_more_terms_than_are_written_out_are_declined():
    a, b, c = W
    large = (a + b + c) ** 8
    with pytest.raises(Declined, match="too large"):
        bool(large + 1)
    assert not large - large  # nothing has to be written out
    assert large / (a + b + c) ** 7 == a + b + c
    assert 2 * large - large == large


def test_the_limit_is_on_terms(monkeypatch):
    a, b, _ = W
    monkeypatch.setattr(functions, "_MOST_TERMS", 8)
    assert (a + b) ** 3 + 1 != 0
    with pytest.raises(Declined, match="more than 8 terms: too large"):
        bool((a + b) ** 4 + 1)


def test_roots_of_rational_functions():
    a, b, _ = W
    f = Fraction(4, 9) * (a + b) ** 2 / (a * a * (1 + b) ** 4)
    assert f.root(Fraction(1, 2)) == Fraction(2, 3) * (a + b) / (a * (1 + b) ** 2)
    assert f.root(Fraction(-3, 2)) == 1 / f.root(Fraction(1, 2)) ** 3
    assert f.root(Fraction(-2)) == 1 / (f * f)
    assert ((a - b) ** 3).root(Fraction(1, 3)) == a - b
    for wrong in (a, 2 * a**2, (a + b) ** 2 + 1, a - a):
        with pytest.raises(Declined):
            wrong.root(Fraction(1, 2))
    # The root of a square is what was squared or less it, as the symbols are; neither is right for all.
    for either in ((a - b) ** 2, (b - a) ** 2, (1 - a) ** 4):
        with pytest.raises(Declined, match="either sign"):
            either.root(Fraction(1, 2))


def test_equal_functions_are_no_keys():
    # Not the same product, as polynomials are not taken apart: a hash of what is kept would tell equal ones apart.
    with pytest.raises(TypeError, match="unhashable"):
        hash(W[0])


# -- their logarithms --------------------------------------------------------------------------------------------------


def verdict(x):
    """True or False, or None where it is open."""
    try:
        return x.is_zero()
    except Declined:
        return None


WEIGHTS = st.lists(st.integers(0, 2), min_size=1, max_size=3).map(
    lambda choice: (sum((W[i] for i in choice), 0 * W[0]) + len(choice)) * W[choice[0]] / (W[choice[-1]] + 1)
)


@settings(max_examples=40)
@given(st.lists(st.tuples(WEIGHTS, st.integers(-2, 2)), min_size=1, max_size=3), st.booleans(), RATIONALS, pairs(2))
def test_zero_is_never_claimed_of_what_is_not(terms, cancelled, constant, factor):
    f = factor[0] if factor[0] else W[0]
    found = sum((Symbolic(f) * (c * SymbolicLog(w)) for w, c in terms), Symbolic(0))
    if cancelled:
        whole = math.prod((w**c for w, c in terms), start=Function.constant(W[0].ring, 1))
        found = found - Symbolic(f) * Symbolic.log_of(whole)
        assert verdict(found) is not False
        assert verdict(found + constant) is (constant == 0 if verdict(found) else False if constant else None)
    for point in ((Fraction(3, 5), Fraction(7, 3), Fraction(11, 13)), (Fraction(5), Fraction(1, 9), Fraction(17, 4))):
        try:
            value = found.at(lambda i, point=point: point[i])
        except (ZeroDivisionError, Declined):  # a pole, or the logarithm of 0
            continue
        if not value.is_zero():
            assert verdict(found) is not True
            assert verdict(found) is False
            assert not cancelled


def test_zeros_of_logarithms_of_functions():
    a, b, c = W
    log_of = Symbolic.log_of
    assert (log_of(a * b) - log_of(a) - log_of(b)).is_zero()
    assert (log_of(6 * a / (a + b)) - log_of(2 * a) - log_of(Fraction(3)) + log_of(a + b)).is_zero()
    assert not (log_of(a + b) - log_of(a + c)).is_zero()
    assert not (log_of(2 * a) - log_of(3 * a)).is_zero()
    # Dependent, and not by their factors: that is left open.
    assert verdict(log_of(a * a + 2 * a * b + b * b) - 2 * log_of(a + b)) is None
    assert (Symbolic(a) * log_of(b) / Symbolic(a) - log_of(b)).is_zero()


def test_what_vanishes_where_it_is_looked_at_is_not_zero():
    # A function alone needs no values at all; beside logarithms, one point at which it vanishes shows nothing.
    a, b, c = W
    for relation in (2 * b - a - c, a + b - c, a - Fraction(32, 7), 32 * b - 243 * a, a * b - c * c):
        assert not Symbolic(relation).is_zero()
        assert verdict(Symbolic(relation) * Symbolic.log_of(a)) is False
        assert verdict(Symbolic(1 / relation) + Symbolic.log_of(b)) is False


def test_a_function_of_symbols_has_no_sign_and_no_float():
    x = Symbolic(W[0])
    for made in (lambda: x > 0, lambda: float(x), lambda: x.maximum(Symbolic(W[1])), lambda: SymbolicLog(W[0]) > 0):
        with pytest.raises(Declined):
            made()
    assert x <= x >= Symbolic(W[0] * 2) / 2


def test_values_of_sums_of_logarithms():
    x = Symbolic(W[0] / 3) + Symbolic(W[1]) * SymbolicLog(5 * W[0] / (W[1] + W[2])) - SymbolicLog(Fraction(7))
    found = x.at(lambda i: Fraction(i + 2))
    expected = Exact(Fraction(2, 3)) + 3 * Exact.log_of(Fraction(10, 7)) - Exact.log_of(Fraction(7))
    assert (found - expected).is_zero()
    assert set(x.logs) == {Fraction(5), Symbol(0), *x.logs} - {None}


# -- balls -------------------------------------------------------------------------------------------------------------


def test_the_precision_is_that_of_the_block_alone(flint):
    before = flint.ctx.prec
    with precision(100):
        assert flint.ctx.prec == 100
        with precision(1000):
            narrow = Ball.of(2).log().number()
        assert flint.ctx.prec == 100
        wide = Ball.of(2).log().number()
    assert flint.ctx.prec == before
    assert 0 < narrow.value.rad() < flint.arb(2) ** -990
    assert flint.arb(2) ** -110 < wide.value.rad() < flint.arb(2) ** -90
    with pytest.raises(KeyError), precision(64):
        raise KeyError
    assert flint.ctx.prec == before


def test_comparisons_that_balls_leave_open(flint):
    two = Ball.of(2).log().power(Fraction(1, 2)).exp() ** 2  # √2 squared
    assert two.value.contains(2)
    for compared in (
        lambda: two > 2,
        lambda: two <= Ball.of(2),
        lambda: Ball.of(2) < two,
        lambda: abs(two - 2)._sign(),
    ):
        with pytest.raises(Undecided, match="open"):
            compared()
    assert two > Fraction(199, 100)
    assert two < 2.01
    assert issubclass(Undecided, TabularBellmanError)
    nothing = two - 2
    for compared in (nothing.log, lambda: Ball.log_of(nothing.value)):
        with pytest.raises(Undecided, match="may"):
            compared()
    with pytest.raises(Undecided):
        _ = Ball.of(1) / nothing > 0
    assert BallLog(nothing.value).is_finite  # 0 is among what it may be, but it is not 0


def test_the_larger_of_equal_balls_needs_no_decision(flint):
    two = Ball.of(2).log().power(Fraction(1, 2)).exp() ** 2
    for found in (
        two.maximum(2),
        two.maximum(two),
        Ball.of(2).maximum(two),
        BallLog(two.value).maximum(two.log()).exp(),
    ):
        assert found.value.contains(2)
        assert found.value.rad() < 1e-10
    assert two.maximum(-inf) is two
    assert two.maximum(inf) == inf
    assert two.maximum(Fraction(7, 2)).value == Ball.arb(3.5)


@given(st.fractions(-5, 5, max_denominator=50), st.integers(0, 30))
@FEW
def test_balls_hold_what_they_stand_for(x, bits):
    flint = pytest.importorskip("flint", reason="python-flint is not installed (pip install python-flint)")
    with precision(30 + bits):
        log = BallLog(Ball.of(x).exp().value)
        balls = [log.number(), log.power(Fraction(3, 2)).number() / 1.5, -(-log).number(), (log + log).number() / 2]
    with precision(500):
        for ball in (*balls, Ball.of(x)):
            assert (ball.value - flint.fmpq(x.numerator, x.denominator)).contains(0)
            assert ball.value.rad() < 1e-6
    assert float(Ball.of(x)) == pytest.approx(float(x))
    assert Ball.of(x).midpoint().value.is_exact()


def test_without_flint_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    for needed in (lambda: precision(64).__enter__(), lambda: Ball.of(1), lambda: Ball.of(Fraction(1, 3))):
        with pytest.raises(TabularBellmanError, match=r"extra `certify`.*pip install python-flint\.$") as caught:
            needed()
        assert "\n" not in str(caught.value)


def test_a_broken_installation_is_no_missing_one(monkeypatch):
    imported = builtins.__import__

    def failing(name, *arguments, **options):
        if name == "flint":
            raise OSError("libflint")
        return imported(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "flint", raising=False)
    monkeypatch.setattr(builtins, "__import__", failing)
    with pytest.raises(OSError, match="libflint"):
        Ball.of(1)


# -- the number system -------------------------------------------------------------------------------------------------

SYSTEM = LogWeights("rationals", lambda x: ExactLog(Fraction(0) if x == -inf else Fraction(2) ** int(x)))


def weights(x):
    return [entry.weight for entry in elementwise(SYSTEM._log, x).ravel().tolist()]


def test_arrays_of_logarithms():
    # Entries as they occur: logarithms, log-weights that are floats, and numbers that are logarithms.
    x = np.empty((2, 2), dtype=np.object_)
    x[0] = [ExactLog(Fraction(3)), -inf]
    x[1] = [1.0, Exact.log_of(Fraction(5))]
    y = elementwise(lambda w: ExactLog(Fraction(w)), np.array([[7, 1], [0, 2]]))
    assert weights(SYSTEM.sum(x)) == [5, 5]
    assert weights(SYSTEM.multiply(x, y)) == [21, 0, 0, 10]
    assert weights(SYSTEM.divide(x, y[:1])) == [Fraction(3, 7), 0, Fraction(2, 7), 5]
    assert weights(SYSTEM.multiply(x, y[0])) == [21, 0, 14, 5]
    assert weights(SYSTEM.normalise(x)) == [Fraction(3, 5), 0, Fraction(2, 5), 1]
    assert weights(SYSTEM.power(SYSTEM.multiply(x, x), 0.5)) == weights(SYSTEM.power(x, 1.0)) == [3, 0, 2, 5]
    assert [entry.weight() for entry in SYSTEM.real(x).ravel()] == [3, 0, 2, 5]
    assert SYSTEM.is_zero(x).tolist() == [[False, True], [False, False]]
    assert weights(SYSTEM.stack([x, y])) == [3, 0, 2, 5, 7, 1, 0, 2]
    assert weights(SYSTEM.ones((2,))) == [1, 1]
    assert SYSTEM.name == "rationals"
    assert weights(SYSTEM.sum(x[:0])) == [0, 0]  # of nothing
    forbidden = np.full((2, 1), -inf, dtype=np.object_)
    assert weights(SYSTEM.normalise(forbidden)) == [0, 0]  # and no NaN


def test_functions_of_entries_keep_the_shape():
    for shape in ((), (0,), (3,), (2, 0), (2, 3)):
        found = elementwise(Exact, np.full(shape, 0.1))
        assert found.shape == shape
        assert found.dtype == np.object_
        assert all(entry.weight() == Fraction(0.1) for entry in found.ravel().tolist())
