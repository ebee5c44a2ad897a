"""The running error bound, against balls that enclose the true value."""

import numpy as np
import pytest

from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable, kernel, soft_bellman
from tabular_bellman.error_bounds import soft_bellman_with_bounds
from tabular_bellman.kernel import Plan

flint = pytest.importorskip("flint", reason="balls need python-flint: pip install '.[certify]'")

# Every number below is a sum and product of floats, so that 2,300 bits hold 1e300 beside 1e-300.
PRECISION = 2300
SCALES = (1e-300, 1e-10, 0.01, 1.0, 1.0, 10.0, 100.0, 600.0, 1e3, 1e5, 1e10, 1e15, 1e17, 1e20, 1e100, 1e300)
PLANS = (Plan(), Plan(4, 2, 0, 1), Plan(lowest=np.inf), Plan(4, 1, 0, 1, np.inf))


def truth(space, reward, temperature, discount, reference):
    """Logits and values as balls, None for what is forbidden; from the definition, prefix by prefix."""
    arb, V = flint.arb, space.n_tokens
    logits, values, below = [], [], None
    for t in reversed(range(space.n_depths)):
        (rows, columns), level = reward[t].shape, []
        found = []
        for i in range(columns):
            q = [None if reward[t][a, i] == -np.inf else arb(float(reward[t][a, i])) for a in range(rows)]
            if below is not None:
                for a in range(V):
                    child = below[a * columns + i]
                    q[a] = None if q[a] is None or child is None else q[a] + child * discount
            terms = [None if x is None else x / temperature for x in q]
            if reference is not None:
                weights = [float(w) for w in reference[t][:, i]]
                terms = [None if x is None or not w else x + arb(w).log() for x, w in zip(terms, weights, strict=True)]
            terms = [x for x in terms if x is not None]
            if rows == 1 and reference is None:
                value = q[0]  # with no exponential in between, exact
            elif terms:
                top = max(terms, key=lambda x: x.mid())
                value = (top + sum(((x - top).exp() for x in terms), arb(0)).log()) * temperature
            else:
                value = None
            level.append(q)
            found.append(value)
        logits.append([[q[a] for q in level] for a in range(rows)])
        values.append(found)
        below = found
    return logits[::-1], values[::-1]


def instance(seed):
    rng = np.random.default_rng(seed)
    V, T = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    prompts = [["x", "y"], None][seed % 5 > 0]
    if seed % 3:
        space = SequenceSpace(V, max_length=T, min_length=int(rng.integers(1, T + 1)), prompts=prompts)
    else:
        space = SequenceSpace.fixed_length(V, min(T, 3), prompts)
    reward = StateActionTable.random(space, rng, rng.choice(SCALES)).levels
    if seed % 4 == 1:  # large beside small
        reward = [level * rng.choice([1.0, 1e-16, 1e-300], size=level.shape) for level in reward]
    if seed % 2:  # masks; many a subtree is dead, and now and then the tree
        share = rng.choice([0.1, 0.3, 0.6])
        reward = [np.where(rng.random(level.shape) < share, -np.inf, level) for level in reward]
    temperature, discount, weights = 1.0, 1.0, None
    if seed % 7 == 3:
        temperature, discount = float(rng.choice([0.3, 2.7])), float(rng.choice([0.9, 1.0]))
    if seed % 11 == 5:
        weights = [rng.random(level.shape) * (rng.random(level.shape) < 0.9) for level in reward]
    return space, StateActionTable.from_levels(space, reward), temperature, discount, weights


@pytest.mark.parametrize("hundred", range(12))
def test_every_number_is_within_its_bound_of_the_truth(hundred):
    compared = 0
    with flint.ctx.workprec(PRECISION):
        for seed in range(100 * hundred, 100 * hundred + 100):
            space, reward, temperature, discount, weights = instance(seed)
            reference = None if weights is None else StateActionTable.from_levels(space, weights)
            found = soft_bellman_with_bounds(reward, temperature=temperature, discount=discount, reference=reference)
            with np.errstate(divide="ignore"):
                log_weights = None if weights is None else [np.log(level) for level in weights]
            plain = soft_bellman(reward, temperature=temperature, discount=discount, reference=reference)
            assert (found.logits, found.values) == plain
            logits, values = truth(space, reward.levels, temperature, discount, weights)
            for plan in PLANS:  # the bound holds for each path of the kernel
                by_path = kernel.backward(space, reward.levels, temperature, discount, log_weights, plan=plan)
                for t in range(space.n_depths):
                    for i, true in enumerate(values[t]):
                        within(true, by_path[1][t][i], found.value_errors.levels[t][i], (seed, plan, t, i))
                        compared += 1
                        for a, row in enumerate(logits[t]):
                            within(
                                row[i], by_path[0][t][a, i], found.logit_errors.levels[t][a, i], (seed, plan, t, a, i)
                            )
    assert compared > 1000


def within(true, computed, error, where):
    if true is None:
        assert (computed, error) == (-np.inf, 0.0), where
    else:
        assert abs(true - flint.arb(float(computed))) <= flint.arb(float(error)), where


def test_the_bound_is_small_and_can_fail():
    space = SequenceSpace(3, max_length=6)
    reward = StateActionTable.random(space, 0)
    found = soft_bellman_with_bounds(reward)
    with flint.ctx.workprec(200):
        _, values = truth(space, reward.levels, 1.0, 1.0, None)
        true = values[0][0]
        computed, error = float(found.values.levels[0][0]), float(found.value_errors.levels[0][0])
        assert error < 40 * 2.0**-53 * abs(computed)
        within(true, computed, error, "as it is")
        with pytest.raises(AssertionError):  # single precision, as wrong code might have it
            within(true, float(np.float32(computed)), error, "rounded to single precision")


def test_a_model_for_a_reference_and_a_dead_tree():
    space = SequenceSpace(2, max_length=3)
    model = AutoregressiveModel(StateActionTable.random(space, 1))
    reward = StateActionTable.random(space, 0)
    found = soft_bellman_with_bounds(reward, reference=model)
    of_weights = soft_bellman_with_bounds(reward, reference=model.policy)
    assert 0.0 < found.value_errors[0][0] < of_weights.value_errors[0][0]  # here the logarithms are exact
    dead = StateActionTable.from_dict(space, {}, default=-np.inf)
    found = soft_bellman_with_bounds(dead)
    assert found.values[0][0] == -np.inf
    assert found.value_errors[0][0] == 0.0
