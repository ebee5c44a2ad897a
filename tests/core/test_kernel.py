"""The kernel: however a tree is cut, the bytes are the same, and they are what the definitions say."""

import math
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import spaces, tables

from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable, TabularBellmanError, kernel
from tabular_bellman.kernel import Plan
from tabular_bellman.kernel.blocks import fold, n_threads, walk
from tabular_bellman.number_systems import LogFloat
from tabular_bellman.recursion import backward, forward, inverse

PLANS = st.builds(
    Plan,
    block=st.integers(1, 12),
    threads=st.integers(1, 3),
    threads_from=st.just(0),
    fewest=st.integers(1, 3),
)


def every_map(space, reward, other, plan):
    logits, values = kernel.backward(space, reward, plan=plan)
    found = [*logits, *values, *kernel.soft_values(reward, plan=plan), *kernel.log_policy(reward, plan=plan)]
    found += kernel.inverse(space, other, plan=plan)[0]
    found += kernel.passing(space, reward, plan=plan)
    found += kernel.response_log_probs(space, reward, plan=plan)
    found += [kernel.root_values(space, reward, plan=plan), kernel.kl_divergence(space, reward, other, plan=plan)]
    return [array.tobytes() for array in found]


@given(st.data(), PLANS)
def test_how_a_tree_is_cut_changes_no_bit(data, plan):
    space = data.draw(spaces())
    reward, other = (data.draw(tables(space)).levels for _ in range(2))
    assert every_map(space, reward, other, plan) == every_map(space, reward, other, Plan())


@pytest.mark.parametrize("scale", [1.0, 400.0])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_with_many_actions_no_bit_changes_either(threads, scale):
    # With eight actions and more NumPy adds up a single column in another order than several; and at scale 400 some
    # columns need a shift, and others beside them none.
    space = SequenceSpace(12, max_length=4, prompts=["x", "y"])
    reward, other = (StateActionTable.random(space, seed, scale).levels for seed in range(2))
    whole = every_map(space, reward, other, Plan())
    for block in (1, 100, 1000):
        assert every_map(space, reward, other, Plan(block, threads, 0, fewest=1)) == whole


@given(st.data(), st.sampled_from([0.25, 1.0, 3.0]), st.sampled_from([0.5, 1.0]), st.booleans(), PLANS)
def test_with_parameters_no_bit_changes_either(data, temperature, discount, has_reference, plan):
    space = data.draw(spaces())
    reward = data.draw(tables(space)).levels
    reference = data.draw(tables(space)).log_softmax().levels if has_reference else None
    for function in (kernel.backward, kernel.inverse):
        one, other = (function(space, reward, temperature, discount, reference, plan=p)[0] for p in (plan, Plan()))
        assert [level.tobytes() for level in one] == [level.tobytes() for level in other]
    one, other = (kernel.root_values(space, reward, temperature, reference, plan=p) for p in (plan, Plan()))
    assert one.tobytes() == other.tobytes()


@given(tables(), PLANS, st.sampled_from([-640.0, np.inf]))
def test_each_map_is_what_the_generic_loops_give(reward, plan, lowest):
    space, levels = reward.space, reward.levels
    plan = Plan(plan.block, plan.threads, plan.threads_from, plan.fewest, lowest)
    tolerance = 1e-14 * space.n_depths * (1.0 + max(np.abs(x[np.isfinite(x)]).max(initial=0.0) for x in levels))

    def same(found, expected):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0.0, atol=tolerance)

    logits, values = kernel.backward(space, levels, plan=plan)
    expected = backward(space, LogFloat(), levels)
    same(logits, expected[0])
    same(values, expected[1])
    same([kernel.root_values(space, levels, plan=plan)], expected[1][:1])
    same(kernel.inverse(space, logits, plan=plan)[0], inverse(space, LogFloat(), logits))
    policy = [LogFloat().normalise(level) for level in logits]
    same(kernel.log_policy(logits, plan=plan), policy)
    same(kernel.passing(space, logits, plan=plan), [np.exp(x) for x in forward(space, LogFloat(), policy)])


@given(tables(), PLANS)
def test_log_probabilities_of_what_ends_at_each_depth(logits, plan):
    space = logits.space
    policy, found = logits.log_softmax(), kernel.response_log_probs(space, logits.levels, plan=plan)
    first = space.n_depths - len(found)
    for prompt in space.prompts:
        for response in space.responses():
            depth, index = space.prefix_index(response[:-1], prompt)
            level = found[depth - first]
            value = level[index] if space.has_eos else level[space.token_index(response[-1]), index]
            steps = [policy[prompt, response[:t], action] for t, action in enumerate(response)]
            assert value == pytest.approx(sum(steps), abs=1e-10)


def test_a_tree_of_the_size_that_threads_share_is_right():
    space = SequenceSpace(2, max_length=20)
    assert space.n_pairs > Plan().threads_from
    zeros = StateActionTable.zeros(space)
    logits, values = kernel.backward(space, zeros.levels)
    for t, level in enumerate(values):
        assert level == pytest.approx(math.log(2 ** (20 - t) - 1), abs=1e-14)
    assert AutoregressiveModel(StateActionTable._wrap(space, logits)).log_probabilities() == pytest.approx(
        -math.log(2**20 - 1), abs=1e-12
    )
    back, dead = kernel.inverse(space, logits)
    assert not dead
    assert max(np.abs(level).max() for level in back) < 1e-13


@pytest.mark.parametrize("order", ["up", "down"])
@pytest.mark.parametrize("plan", [Plan(), Plan(5, 2, 0, 1), Plan(5, 3, 0, 2), Plan(1, 1, 0, 1)])
@pytest.mark.parametrize("space", [SequenceSpace(3, max_length=4), SequenceSpace.fixed_length(2, 4, ["x", "y", "z"])])
def test_blocks_cover_every_prefix_once_after_what_they_need(space, plan, order):
    done = [np.zeros(space.n_prefixes_at(t), dtype=int) for t in range(space.n_depths)]

    def step(t, a, b, work):
        assert b > a
        assert work.size >= (b - a) * space.n_actions(t)
        done[t][a:b] += 1
        if order == "up" and t + 1 < space.n_depths:
            assert (done[t + 1].reshape(space.n_tokens, -1)[:, a:b] == 1).all()
        if order == "down" and t:
            assert (np.tile(done[t - 1], space.n_tokens)[a:b] == 1).all()

    walk(StateActionTable.zeros(space).levels, step, order=order, plan=plan)
    assert all((level == 1).all() for level in done)


def test_an_error_on_a_thread_comes_through():
    space = SequenceSpace(2, max_length=6)
    levels = [level.copy() for level in StateActionTable.zeros(space).levels]
    levels[4][:, -1] = 1.7e308  # in the last share
    levels[5][:, -1] = 1.7e308
    for threads in (1, 2, 3):
        with pytest.raises(TabularBellmanError, match=r"overflow float64 at prompt None, prefix \(1, 1, 1, 1\)"):
            kernel.backward(space, levels, plan=Plan(4, threads, 0, 1))

    def fails(t, a, _b, _work):
        if t == 5 and a > 16:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        walk(levels, fails, order="up", plan=Plan(4, 2, 0, 1))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("other", [0.0, -math.inf])
def test_an_overflow_that_leaves_no_trace_in_the_root_is_refused(sign, other):
    # r + V(child) of the first token overflows; beside it an action of reward 0, or none.
    space = SequenceSpace(2, max_length=3)
    levels = [level.copy() for level in StateActionTable.zeros(space).levels]
    levels[0][:] = other
    levels[1][:] = other
    levels[0][0, 0] = levels[1][0, 0] = sign * 1e308
    levels[2][0, 0] = sign * 1e308
    with pytest.raises(TabularBellmanError, match="overflow float64"):
        kernel.backward(space, levels)
    with pytest.raises(TabularBellmanError, match="overflow float64"):
        kernel.root_values(space, levels)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (0, 2, 0), (1, 1, 1), (2, 0, 3)])
def test_what_is_no_number_is_refused_by_its_place(value, place):
    space = SequenceSpace("ab", max_length=3)
    levels = [level.copy() for level in StateActionTable.zeros(space).levels]
    t, row, index = place
    levels[t][row, index] = value
    for function in (kernel.backward, kernel.root_values):
        with pytest.raises(TabularBellmanError) as caught:
            function(space, levels)
        assert space.where(t, index, row) in str(caught.value)


def test_the_number_of_threads_can_be_set(monkeypatch):
    for variable in ("TABULAR_BELLMAN_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    code = "from tabular_bellman.kernel import n_threads; print(n_threads())"

    def printed(**environment):
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
        return run.stdout.strip() or run.stderr.splitlines()[-1]

    assert printed(TABULAR_BELLMAN_THREADS="1") == "1"
    assert printed(OMP_NUM_THREADS="1,4") == "1"
    n_threads.cache_clear()
    available = str(n_threads())
    n_threads.cache_clear()
    assert printed(TABULAR_BELLMAN_THREADS="100000", OMP_NUM_THREADS="1") == available
    assert printed(OMP_NUM_THREADS="nonsense") == available
    for wrong in ("0", "two", "-1", ""):
        assert "TABULAR_BELLMAN_THREADS is" in printed(TABULAR_BELLMAN_THREADS=wrong)


def test_chances_keep_their_digits_where_sums_are_far_from_1():
    space = SequenceSpace(2, max_length=3)
    for first, others in ((-20.0, 705.0), (-46.0, 705.0), (-300.0, -300.0), (-600.0, 5.0)):
        levels = [level.copy() for level in StateActionTable.zeros(space).levels]
        levels[0][0] = first
        levels[1][:] = others
        levels[1][1] -= 140.0
        expected = [np.exp(x) for x in forward(space, LogFloat(), kernel.log_policy(levels))]
        for plan in (Plan(), Plan(4, 2, 0, 1)):
            for one, other in zip(kernel.passing(space, levels, plan=plan), expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-12)


def test_only_another_thread_fails():
    space = SequenceSpace(2, max_length=8)
    levels, here, seen = StateActionTable.zeros(space).levels, threading.get_ident(), set()

    def step(_t, _a, _b, _work):
        seen.add(threading.get_ident())
        if threading.get_ident() != here:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        walk(levels, step, order="up", plan=Plan(4, 2, 0, 1))
    assert len(seen) > 1
    seen.clear()
    fold(levels, lambda t, a, b, below, out, work: seen.add(threading.get_ident()), plan=Plan(4, 3, 0, 1))
    assert len(seen) > 1


@pytest.mark.parametrize("low", [-630.0, -650.0, -700.0, -740.0, -800.0])
@pytest.mark.parametrize("columns", [3, 3000])
def test_low_sums_keep_their_digits(low, columns):
    level = np.full((2, columns), low)
    level[1] -= np.linspace(0.0, 30.0, columns)
    (values,) = kernel.soft_values([level])
    np.testing.assert_allclose(values, np.logaddexp(level[0], level[1]), rtol=1e-15)


def test_the_shifted_path_is_taken():
    # Without the shift nothing is left of the digits of exp(-740); with it they are all there.
    level = np.array([[-740.0], [-741.0]])
    for plan in (Plan(), Plan(lowest=np.inf)):
        assert kernel.soft_values([level], plan=plan)[0][0] == np.logaddexp(-740.0, -741.0)
    near = np.array([[0.1], [0.2], [0.3]])
    plain, shifted = (kernel.soft_values([near], plan=plan)[0][0] for plan in (Plan(), Plan(lowest=np.inf)))
    assert plain == np.log(np.exp(0.1) + np.exp(0.2) + np.exp(0.3))
    assert shifted == 0.3 + np.log(np.exp(0.1 - 0.3) + np.exp(0.2 - 0.3) + 1.0)


@pytest.mark.parametrize("big", [1.7e308, 1e300, 1e291])
def test_log_policies_of_extreme_numbers(big):
    fine = np.array([[big, 0.0], [-np.inf, 1.0], [big, -np.inf]])
    found = kernel.log_policy([fine])[0]
    assert found[:, 0].tolist() == [-math.log(2.0), -math.inf, -math.log(2.0)]
    if big > 1e308:
        with pytest.raises(TabularBellmanError, match="differ by more than float64 can hold"):
            kernel.log_policy([np.array([[big], [-big]])])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_inverse_that_overflows_is_refused(sign):
    levels = [sign * np.array([[-1.7e308], [0.0]]), sign * np.array([[1.7e308]])]
    with pytest.raises(TabularBellmanError, match="the logits overflow float64"):
        kernel.inverse(SequenceSpace(1, max_length=2), levels)


def test_one_action_everywhere_overflows_too():
    space = SequenceSpace(1, max_length=3, min_length=3)
    levels = [np.full((1, 1), 1e308)] * 3
    for function in (kernel.backward, kernel.root_values):
        with pytest.raises(TabularBellmanError, match="overflow float64"):
            function(space, levels)
        with pytest.raises(TabularBellmanError, match="the reward is inf at prompt None"):
            function(SequenceSpace(2, max_length=1), [np.array([[np.inf]])])


def test_values_made_large_by_the_temperature_overflow_too():
    space = SequenceSpace(2, max_length=3)
    levels = [level.copy() for level in StateActionTable.zeros(space).levels]
    levels[1][:] = -6e302
    levels[0][0] = -1.797693134862315e308
    with pytest.raises(TabularBellmanError, match="overflow float64"):
        kernel.backward(space, levels, 1e300)
    reference = [np.full(level.shape, 1e10) for level in levels]
    with pytest.raises(TabularBellmanError, match="overflow float64"):
        kernel.backward(space, StateActionTable.zeros(space).levels, 1e300, 1.0, reference)


def test_what_the_caller_wants_of_floating_point_errors_does_not_matter():
    space = SequenceSpace(3, max_length=3)
    levels = StateActionTable.random(space, 0, 800.0).levels
    expected = every_map(space, levels, levels, Plan())
    with np.errstate(all="raise"):
        assert every_map(space, levels, levels, Plan()) == expected
