"""The toolkits over numbers that do not round, against enumeration with fractions: nothing here recurses over depth."""

import math
from dataclasses import replace
from fractions import Fraction
from math import inf

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import END, exact_partition
from strategies import as_dict, spaces, tables, tree_of

from proofs_check.arithmetic.ball import Ball, precision
from proofs_check.arithmetic.element import Declined
from proofs_check.arithmetic.exact import Exact, ExactLog
from proofs_check.arithmetic.symbolic import Symbolic, SymbolicLog
from proofs_check.instances import Instance, adversarial, of_weights, with_roots
from proofs_check.kits import certified_toolkit, exact_toolkit, symbolic_toolkit
from tabular_bellman import EOS, SequenceSpace, StateActionTable

mp = mpmath.mp.clone()
mp.dps = 60

FEW = settings(max_examples=25)
TINY = spaces(max_responses=15)
SMALL = st.sampled_from([0.01, 1.0, 30.0])
TEMPERATURES = st.sampled_from([1.0, 2.0])


@st.composite
def instances(draw):
    return Instance("random", draw(tables(draw(TINY), scales=SMALL)), draw(TEMPERATURES), draw(st.integers(0, 99)))


def body(kit, instance):
    """What claims do: it lifts the tables, and puts numbers beside them."""
    kit.rewards(instance), kit.other(instance)
    for level in instance.direction.levels:
        kit.number(level)
    return ()


def read(space, levels, of=lambda entry: entry.weight):
    """Levels of pairs as a dict of what `of` says of each entry."""
    found = {}
    for prompt, prefix, action in as_dict(StateActionTable.zeros(space)):
        t, index = space.prefix_index(prefix, prompt)
        found[prompt, prefix, action] = of(levels[t][space.action_index(t, EOS if action is END else action), index])
    return found


def at_prefixes(space, tree, levels, of=lambda entry: entry.weight):
    """Levels of prefixes likewise, of those that lie on the way to a response."""
    found = {}
    for prompt in space.prompts:
        for prefix in tree.prefixes():
            t, index = space.prefix_index(prefix, prompt)
            found[prompt, prefix] = of(levels[t][index])
    return found


def weight_in(kit):
    """What gives the weight of an entry; a sum with what is forbidden is -inf, a float."""
    return lambda entry: kit.carrier(np.array([entry], dtype=object))[0].weight


def rational_root(x, order):
    """The root of a rational that is a power."""
    parts = [sympy.integer_nthroot(part, order) for part in (x.numerator, x.denominator)]
    assert all(is_power for _, is_power in parts)
    return Fraction(*(int(root) for root, _ in parts))


def enumerated(tree, weights, temperature):
    """exp V at each prefix and exp q of each pair, by sums over responses."""
    order = int(temperature)
    roots = {key: rational_root(weight, order) for key, weight in weights.items()}
    prompts = sorted({key[0] for key in weights}, key=str)
    values = {
        (prompt, prefix): exact_partition(tree, roots, prompt, prefix) ** order
        for prompt in prompts
        for prefix in tree.prefixes()
    }
    logits = {
        (prompt, prefix, a): weight * values.get((prompt, (*prefix, a)), 1)
        for (prompt, prefix, a), weight in weights.items()
    }
    return logits, values


def responses(space, tree, weights, prompt):
    """The product of weights along each response, in the order of ``responses()``."""
    ordered = [tuple(END if a is EOS else a for a in y) for y in space.responses()]
    assert sorted(map(repr, ordered)) == sorted(map(repr, tree.responses()))
    return [math.prod((weights[prompt, y[:t], y[t]] for t in range(len(y))), start=Fraction(1)) for y in ordered]


# -- rationals ---------------------------------------------------------------------------------------------------------


@FEW
@given(instances())
def test_the_recursion_over_rationals_is_enumeration(instance):
    kit, space, tau = exact_toolkit(instance), instance.space, instance.temperature
    tree, rewards = tree_of(instance.space), kit.rewards(instance)
    weights = read(space, rewards)
    logits, values = kit.recursion(space, rewards, tau)
    expected_logits, expected_values = enumerated(tree, weights, tau)
    assert read(space, logits, weight_in(kit)) == {key: expected_logits[key] for key in weights}
    assert at_prefixes(space, tree, values, weight_in(kit)) == expected_values
    partition = kit.log_partition(space, rewards, tau)
    probabilities = kit.real(kit.ebm_log_probs(space, rewards, tau))
    policy = read(space, kit.ebm_policy(space, rewards, tau), weight_in(kit))
    roots = {key: rational_root(weight, int(tau)) for key, weight in weights.items()}
    for i, prompt in enumerate(space.prompts):
        products = responses(space, tree, roots, prompt)
        assert partition[i].weight == sum(products)
        assert [entry.weight() for entry in probabilities[:, i]] == [x / sum(products) for x in products]
        ahead = responses(space, tree, policy, prompt)
        assert [x if sum(ahead) else 0 for x in ahead] == [x / sum(products) for x in products]


@FEW
@given(instances())
def test_models_of_logits_over_rationals(instance):
    kit, space, tree = exact_toolkit(instance), instance.space, tree_of(instance.space)
    logits, others = kit.logits(instance), kit.other(instance)
    mine, theirs = (kit.arm_log_probs(space, levels) for levels in (logits, others))
    entropy, divergence = kit.entropy(space, logits), kit.kl(space, logits, others)
    weights = read(space, logits)
    totals = {}
    for (prompt, prefix, _), weight in weights.items():
        totals[prompt, prefix] = totals.get((prompt, prefix), 0) + weight
    policy = {key: weight / totals[key[:2]] if totals[key[:2]] else Fraction(0) for key, weight in weights.items()}
    for i, prompt in enumerate(space.prompts):
        p, q = ([weight_in(kit)(x) for x in log_probs[:, i]] for log_probs in (mine, theirs))
        assert p == responses(space, tree, policy, prompt)
        assert sum(p) == 1
        terms = [(precise(x), precise(y)) for x, y in zip(p, q, strict=True) if x]
        assert close(entropy[i], -mp.fsum(x * mp.log(x) for x, _ in terms))
        assert close(divergence[i], mp.fsum(x * mp.log(x / y) for x, y in terms))
        assert Exact.of(divergence[i]) >= 0


def precise(x):
    return mp.mpf(x.numerator) / x.denominator


def close(x, truth):
    low, high = Exact.of(x).enclosed(100)
    return precise(low) - mp.mpf(10) ** -25 <= truth <= precise(high) + mp.mpf(10) ** -25


@pytest.mark.parametrize("make", [exact_toolkit, certified_toolkit, lambda i: symbolic_toolkit(i, body)])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_carrier_comes_back_from_its_logarithm(make, temperature):
    if make is certified_toolkit:
        pytest.importorskip("flint", reason="python-flint is not installed (pip install python-flint)")
    instance = Instance("random", StateActionTable.random(SequenceSpace(2, max_length=2), 0), temperature)
    kit = make(instance)
    for x in (*kit.rewards(instance), kit.lift(np.array([0.0, -inf])), kit.lift(np.array(-inf))):
        back = kit.carrier(kit.log(x))
        assert back.shape == x.shape
        for entry, same in zip(np.ravel(x).tolist(), np.ravel(back).tolist(), strict=True):
            assert type(same) is type(entry)
            assert same.is_finite == entry.is_finite
            assert same.weight == entry.weight or same.weight.overlaps(entry.weight)
    # The weights themselves, as numbers, have logarithms that are carriers.
    for entry in kit.real(kit.lift(instance.reward.levels[0])).ravel().tolist():
        assert isinstance(entry.log(), type(kit.lift(np.array(0.0)).item()))


def test_carriers_of_numbers_that_are_logarithms():
    instance = Instance("random", StateActionTable.random(SequenceSpace(2, max_length=2), 0))
    kit = exact_toolkit(instance)
    made = np.array([Exact.log_of(Fraction(6)) - Exact.log_of(Fraction(4)), Exact(0)], dtype=object)
    assert [entry.weight for entry in kit.carrier(made)] == [Fraction(3, 2), 1]
    with pytest.raises(Declined, match="no exact value"):
        kit.carrier(kit.number(np.array([0.5])))


def test_rational_weights_are_near_the_exponentials_of_the_floats():
    instance = Instance("random", StateActionTable.random(SequenceSpace(2, max_length=3), 0))
    for temperature, roots in ((1.0, 1), (2.0, 1), (0.5, 1), (1.0, 12), (3.0, 2)):
        order = max(1, int(temperature)) * roots
        kit = exact_toolkit(replace(instance, temperature=temperature, roots=roots))
        for x in (0.3, -0.3, 1e-5, 40.0, -40.0, 1e4, -1e4, 0.7, math.log(2.0)):
            weight = kit.lift(np.array([x]))[0].weight
            assert abs(mp.log(precise(weight)) - x) <= order * mp.mpf(2) ** -9
            assert rational_root(weight, order) > 0
        assert [entry.weight for entry in kit.lift(np.array([0.0, -inf]))] == [1, 0]
    for x in (1.1e5, -1e300, inf):
        with pytest.raises(Declined, match="too long"):
            exact_toolkit(instance).lift(np.array([x]))


def test_numbers_are_the_floats_but_for_those_that_stand_beside_rewards():
    instance = Instance("random", StateActionTable.random(SequenceSpace(2, max_length=2), 0))
    kit = exact_toolkit(instance)
    assert [x.weight() for x in kit.number([0.1, 0.0, 2.0])] == [Fraction(0.1), 0, 2]
    assert kit.number(0.5).shape == ()
    for table in (instance.direction, instance.potential):
        for level in table.levels:
            for number, carrier in zip(kit.number(level).ravel(), kit.lift(level).ravel(), strict=True):
                assert (number - carrier.number()).is_zero()


# -- weights that are known --------------------------------------------------------------------------------------------

SPACE = SequenceSpace(2, max_length=2, prompts=["x", "y"])
WEIGHTS = st.lists(
    st.one_of(st.just(Fraction(0)), st.just(Fraction(1)), st.fractions(Fraction(1, 9), 9, max_denominator=9)),
    min_size=SPACE.n_pairs,
    max_size=SPACE.n_pairs,
)


def in_order(space, levels, of):
    """Entries in the order of ``to_vector()``."""
    marked = StateActionTable.from_vector(space, np.arange(space.n_pairs, dtype=np.float64)).levels
    marks, entries = (np.concatenate([level.ravel() for level in x]).tolist() for x in (marked, levels))
    found = dict(zip(marks, entries, strict=True))
    return [of(found[n]) for n in range(space.n_pairs)]


@FEW
@given(WEIGHTS)
def test_weights_that_an_instance_knows_are_taken(weights):
    instance = of_weights("known", SPACE, weights)
    kit = exact_toolkit(instance)
    rewards = kit.rewards(instance)
    assert in_order(SPACE, rewards, lambda entry: entry.weight) == weights
    tree, known = tree_of(SPACE), read(SPACE, rewards)
    _, values = kit.recursion(SPACE, rewards, 1.0)
    _, expected = enumerated(tree, known, 1.0)
    assert at_prefixes(SPACE, tree, values, weight_in(kit)) == expected


@FEW
@given(WEIGHTS)
def test_balls_hold_what_rationals_say(weights):
    flint = pytest.importorskip("flint", reason="python-flint is not installed (pip install python-flint)")
    instance = of_weights("known", SPACE, weights)
    exact, tree = exact_toolkit(instance), tree_of(SPACE)
    logits, values = enumerated(tree, read(SPACE, exact.rewards(instance)), 1.0)
    with precision(100):
        kit = certified_toolkit(instance)
        found_logits, found_values = kit.recursion(SPACE, kit.rewards(instance), 1.0)
        for found, expected in (
            (read(SPACE, found_logits, weight_in(kit)), logits),
            (at_prefixes(SPACE, tree, found_values, weight_in(kit)), values),
        ):
            for key, ball in found.items():
                difference = ball - flint.fmpq(expected[key].numerator, expected[key].denominator)
                assert difference.contains(0)
                assert difference.rad() < 1e-24
                assert ball.is_zero() is (expected[key] == 0)


def test_floats_become_the_balls_of_their_exponentials():
    flint = pytest.importorskip("flint", reason="python-flint is not installed (pip install python-flint)")
    instance = of_weights("known", SPACE, [Fraction(1, 3)] * SPACE.n_pairs)
    with precision(150):
        kit = certified_toolkit(instance)
        assert kit.lift(np.array([0.1]))[0].weight.overlaps(flint.arb(0.1).exp())
        assert not kit.lift(np.array([0.1]))[0].weight.overlaps((flint.arb(1) / 10).exp())
        known = float(instance.reward.levels[0][0, 0])
        assert kit.lift(np.array([known]))[0].weight.overlaps(flint.arb(1) / 3)
        assert not kit.lift(np.array([known]))[0].weight.overlaps(flint.arb(known).exp())
        assert kit.number(0.1).item().value == flint.arb(0.1)
        assert [entry.is_finite for entry in kit.lift(np.array([-inf, 0.0, -800.0]))] == [False, True, True]
        assert isinstance(kit.number(1.0).item(), Ball)


def test_weights_that_floats_cannot_tell_apart_are_told_apart():
    for instance in adversarial(0):
        found = in_order(instance.space, exact_toolkit(instance).rewards(instance), lambda entry: entry.weight)
        assert len(set(found)) == instance.space.n_pairs
    for instance in with_roots(0):
        order = instance.roots * int(instance.temperature)
        for level in exact_toolkit(instance).rewards(instance):
            assert all(rational_root(entry.weight, order) for entry in level.ravel())


# -- symbols -----------------------------------------------------------------------------------------------------------


def symbols_in(kit, x):
    return kit.lift(np.array([x]))[0].weight.ring.ngens


@FEW
@given(instances())
def test_the_recursion_over_symbols_is_enumeration_wherever_they_are_looked_at(instance):
    space, tau, tree = instance.space, instance.temperature, tree_of(instance.space)
    kit = symbolic_toolkit(instance, body)

    def value(number):
        return Fraction(2 * number + 3, number + 2)

    def at(entry):
        weight = weight_in(kit)(entry)
        return weight if isinstance(weight, Fraction) else weight.at(value)

    rewards = kit.rewards(instance)
    logits, values = kit.recursion(space, rewards, tau)
    expected_logits, expected_values = enumerated(tree, read(space, rewards, at), tau)
    assert read(space, logits, at) == expected_logits
    assert at_prefixes(space, tree, values, at) == expected_values
    # And the whole is one for every value: chances add up to 1.
    chances = kit.real(kit.ebm_log_probs(space, rewards, tau)).sum(0)
    assert all((Symbolic.of(entry) - 1).is_zero() for entry in chances)


def test_there_is_one_symbol_for_each_reward_that_is_another():
    space = SequenceSpace(2, max_length=2)
    numbers = np.array([0.5, 0.5, -1.0, 0.0, -inf, 2.0, -1.0])[: space.n_pairs]
    reward = StateActionTable.from_vector(space, np.resize(numbers, space.n_pairs))
    instance = Instance("repeated", reward)

    def rewards_alone(kit, instance):
        kit.rewards(instance)
        kit.number(np.array([3.0, 0.25, 7.0]))  # these are what they are
        return ()

    kit = symbolic_toolkit(instance, rewards_alone)
    distinct = {x for level in reward.levels for x in level.ravel().tolist() if x and x > -inf}
    assert symbols_in(kit, 0.5) == len(distinct)
    half, again = kit.lift(np.array([0.5, 0.5]))
    assert half.weight == again.weight
    assert all(half.weight != kit.lift(np.array([x]))[0].weight for x in distinct - {0.5})
    assert [entry.weight for entry in kit.lift(np.array([0.0, -inf]))] == [1, 0]
    assert isinstance(half, SymbolicLog)
    assert kit.number(0.25).item().weight() == Fraction(1, 4)
    with pytest.raises(Declined, match="is no symbol"):
        kit.lift(np.array([0.123]))


@pytest.mark.parametrize(("temperature", "power"), [(1.0, 1), (2.0, 2), (0.5, 1), (1.5, 3)])
def test_weights_are_powers_of_symbols_so_that_their_roots_are_functions(temperature, power):
    instance = Instance("random", StateActionTable.random(SequenceSpace(2, max_length=2), 0), temperature)
    kit = symbolic_toolkit(instance, body)
    for entry in kit.rewards(instance)[0].ravel():
        (exponent,) = entry.weight.product.powers.values()
        assert exponent == power
        assert entry.power(Fraction(1) / Fraction(temperature)).weight.product.factors == {}


def test_directions_have_symbols_too_as_numbers_and_as_weights():
    instance = Instance("random", StateActionTable.random(SequenceSpace(2, max_length=2), 0))
    kit = symbolic_toolkit(instance, body)
    assert symbols_in(kit, float(instance.reward.levels[0][0, 0])) == 3 * instance.space.n_pairs
    for level in instance.direction.levels:
        for number, carrier in zip(kit.number(level).ravel(), kit.lift(level).ravel(), strict=True):
            assert (number - carrier.number()).is_zero()


def test_a_table_of_nothing_needs_no_symbols():
    instance = Instance("zeros", StateActionTable.zeros(SequenceSpace(2, max_length=3)))

    def rewards_alone(kit, instance):
        kit.rewards(instance)
        return ()

    kit = symbolic_toolkit(instance, rewards_alone)
    _, values = kit.recursion(instance.space, kit.rewards(instance), 1.0)
    assert values[0][0].weight == instance.space.n_responses_per_prompt


def test_what_declines_halfway_has_its_symbols_up_to_there():
    instance = Instance("random", StateActionTable.random(SequenceSpace(2, max_length=2), 0))

    def declines(kit, instance):
        yield kit.rewards(instance)
        kit.number(np.array([1.0])).item().exp()
        yield kit.lift(np.array([0.75]))

    kit = symbolic_toolkit(instance, declines)
    assert kit.rewards(instance)[0][0, 0].is_finite
    with pytest.raises(Declined, match="is no symbol"):
        kit.lift(np.array([0.75]))


def test_kinds_are_those_of_their_system():
    instance = Instance("random", StateActionTable.random(SequenceSpace(2, max_length=2), 0))
    for kit, kind, number in (
        (exact_toolkit(instance), ExactLog, Exact),
        (symbolic_toolkit(instance, body), SymbolicLog, Symbolic),
    ):
        rewards = kit.rewards(instance)
        logits, values = kit.recursion(instance.space, rewards, 1.0)
        assert all(isinstance(x, kind) for level in (*logits, *values) for x in level.ravel())
        assert all(isinstance(x, number) for x in kit.real(values[0]).ravel())
        back = kit.inverse(instance.space, logits, 1.0)
        assert all(
            x.weight == y.weight
            for one, other in zip(back, rewards, strict=True)
            for x, y in zip(one.ravel(), other.ravel(), strict=True)
        )
