"""What wrong variants return: numbers that can be worked out by hand, and never NaN."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import tables

from proofs_check.instances import Instance
from proofs_check.library import LIBRARY
from proofs_check.mistakes import MISTAKES, SOFT_BELLMAN, without
from proofs_check.paths import chances, pair_sums, pair_totals
from tabular_bellman import SequenceSpace, TabularBellmanError

WRONG = {mistake.name: mistake for mistake in MISTAKES}
# Responses EOS, a EOS and a a EOS, at temperature 2: R = 0, 1 - 1 = 0 and 1 + 2 + 3 = 6.
CHAIN = SequenceSpace(1, max_length=3)
REWARDS = [np.array([[1.0], [0.0]]), np.array([[2.0], [-1.0]]), np.array([[3.0]])]
TAU = 2.0
# V = 3 at (a, a); q = 5 and -1 at (a).
LOGITS = [np.array([[1.0], [0.0]]), np.array([[0.0], [0.0]]), np.array([[3.0]])]
OTHERS = [np.array([[0.0], [0.0]]), np.array([[0.0], [math.log(3.0)]]), np.array([[0.0]])]


def soft(*q, tau=TAU):
    return tau * math.log(sum(math.exp(x / tau) for x in q))


def mean(*q, tau=TAU):
    weights = [math.exp(x / tau) for x in q]
    return sum(w * x for w, x in zip(weights, q, strict=True)) / sum(weights)


def of(name, *arguments):
    """The numbers of a wrong variant, one after the other."""
    found = WRONG[name].wrong(LIBRARY, CHAIN, *arguments)
    return np.concatenate([np.ravel(part) for part in found]) if isinstance(found, list) else np.ravel(found)


MIDDLE = soft(5.0, -1.0)
RIGHT = [[1.0 + MIDDLE, 0.0, 5.0, -1.0, 3.0], [soft(1.0 + MIDDLE, 0.0), MIDDLE, 3.0]]
HALVED = soft(5.0, -1.0, tau=0.5)
LOW = soft(2.0, -1.0)


@pytest.mark.parametrize(
    ("name", "logits", "values"),
    [
        (
            "log-mean-exp",
            [1.0 + MIDDLE - TAU * math.log(2), 0.0, 5.0, -1.0, 3.0],
            [soft(1.0 + MIDDLE - TAU * math.log(2), 0.0) - TAU * math.log(2), MIDDLE - TAU * math.log(2), 3.0],
        ),
        (
            "expected-value",
            [1.0 + mean(5.0, -1.0), 0.0, 5.0, -1.0, 3.0],
            [mean(1.0 + mean(5.0, -1.0), 0.0), mean(5.0, -1.0), 3.0],
        ),
        ("temperature-inverted", [1.0 + HALVED, 0.0, 5.0, -1.0, 3.0], [soft(1.0 + HALVED, 0.0, tau=0.5), HALVED, 3.0]),
        ("horizon-one-short", [1.0 + LOW, 0.0, 2.0, -1.0, 3.0], [soft(1.0 + LOW, 0.0), LOW, 0.0]),
        ("values-one-early", RIGHT[0], [RIGHT[1][0], RIGHT[1][0], RIGHT[1][1]]),
        ("rewards-as-logits", [1.0, 0.0, 2.0, -1.0, 3.0], [soft(1.0, 0.0), LOW, 3.0]),
    ],
)
def test_soft_bellman_by_hand(name, logits, values):
    q, v = WRONG[name].wrong(LIBRARY, CHAIN, REWARDS, TAU)
    assert np.concatenate([level.ravel() for level in q]) == pytest.approx(logits, abs=1e-13)
    assert np.concatenate(v) == pytest.approx(values, abs=1e-13)


def test_the_inverse_by_hand():
    found = of("inverse-sign", LOGITS, 1.0)
    assert found == pytest.approx([1.0 + math.log(2.0), 0.0, 3.0, 0.0, 3.0], abs=1e-14)


ENDS = [1.0 / (1.0 + math.e), 0.5 * math.e / (1.0 + math.e), 0.5 * math.e / (1.0 + math.e)]
THEIRS = [0.5, 0.375, 0.125]
RATIOS = [math.log(p / q) for p, q in zip(ENDS, THEIRS, strict=True)]
H_FIRST = math.log(1.0 + math.e) - math.e / (1.0 + math.e)
KL_FIRST = math.log(2.0) - H_FIRST
KL_SECOND = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
KL = KL_FIRST + math.e / (1.0 + math.e) * KL_SECOND
GO_ON = math.e / (1.0 + math.e)
SQUARES = [math.log(2.0 * GO_ON) ** 2, math.log(2.0 - 2.0 * GO_ON) ** 2, math.log(2.0) ** 2, math.log(2.0 / 3.0) ** 2]
# At temperature 1 the weights of REWARDS are 1, 1 and e^6.
FIRST, SECOND = (1.0 + math.exp(6.0)) / (2.0 + math.exp(6.0)), math.exp(6.0) / (1.0 + math.exp(6.0))


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("best-response", (REWARDS, TAU), [3.0]),
        ("partition-scaled", (REWARDS, TAU), [soft(0.0, 0.0, 6.0)]),
        ("partition-per-token", (REWARDS, TAU), [soft(0.0, 0.0, 6.0 / 3.0) / TAU]),
        ("length-normalised", (LOGITS,), [math.log(p) / n for n, p in enumerate(ENDS, start=1)]),
        ("padding-counted", (LOGITS,), [math.log(p) - (3 - n) * math.log(2.0) for n, p in enumerate(ENDS, start=1)]),
        ("policy-greedy", (REWARDS,), [0.0, -math.inf, 0.0, -math.inf, 0.0]),
        ("entropy-in-bits", (LOGITS,), [-sum(p * math.log2(p) for p in ENDS)]),
        ("entropy-of-first-step", (LOGITS,), [H_FIRST]),
        ("kl-in-bits", (LOGITS, OTHERS), [KL / math.log(2.0)]),
        ("kl-negative", (LOGITS, OTHERS), [-KL]),
        ("kl-first-step", (LOGITS, OTHERS), [KL_FIRST]),
        ("kl-unweighted", (LOGITS, OTHERS), [KL_FIRST + KL_SECOND]),
        ("kl-k2", (LOGITS, OTHERS), [sum(p * x * x / 2.0 for p, x in zip(ENDS, RATIOS, strict=True))]),
        (
            "kl-k3-inverted",
            (LOGITS, OTHERS),
            [sum(p * (math.exp(x) - 1.0 - x) for p, x in zip(ENDS, RATIOS, strict=True))],
        ),
        ("shifted-twice", (LOGITS,), [0.0, math.log(1.0 - GO_ON), math.log(GO_ON) + math.log(0.5)]),
        ("never-empty", (LOGITS,), [0.0, -math.inf, math.log(0.5), math.log(0.5), 0.0]),
        ("passing-last-step", (LOGITS,), [0.0, math.log(GO_ON), math.log(0.5)]),
        ("entropy-of-every-prefix", (LOGITS,), [H_FIRST + math.log(2.0)]),
        (
            "kl-k2-of-tokens",
            (LOGITS, OTHERS),
            [(GO_ON * SQUARES[0] + (1.0 - GO_ON) * SQUARES[1] + GO_ON * (SQUARES[2] + SQUARES[3]) / 2.0) / 2.0],
        ),
        (
            "kl-token-mean",
            (LOGITS, OTHERS),
            [sum(p * x / n for n, p, x in zip((1, 2, 3), ENDS, RATIOS, strict=True))],
        ),
        ("inverse-own-value", (LOGITS, 1.0), [*map(math.log, (GO_ON, 1.0 - GO_ON, 0.5, 0.5)), 0.0]),
        ("gradient-first-step-only", (REWARDS,), [FIRST, 1.0 - FIRST, 0.0, 0.0, 0.0]),
        (
            "gradient-of-every-value",
            (REWARDS,),
            [
                FIRST,
                1.0 - FIRST,
                (1.0 + FIRST) * SECOND,
                (1.0 + FIRST) * (1.0 - SECOND),
                1.0 + (1.0 + FIRST) * SECOND,
            ],
        ),
        (
            "arm-gradient-token-mean",
            (LOGITS, OTHERS, np.ones(1)),
            [x / 1.625 for x in (GO_ON - 0.5, 0.5 - GO_ON, 0.125, -0.125, 0.0)],
        ),
    ],
)
def test_numbers_by_hand(name, arguments, expected):
    assert of(name, *arguments) == pytest.approx(expected, abs=1e-14)


def test_a_gradient_averaged_over_the_length_by_hand():
    """The target is uniform over EOS, a EOS and a a EOS; the model is uniform at each step."""
    target = [np.log([[2.0], [1.0]]), np.zeros((2, 1)), np.zeros((1, 1))]
    level = [np.zeros((2, 1)), np.zeros((2, 1)), np.zeros((1, 1))]
    found = of("arm-gradient-per-token", level, target, np.ones(1))
    first, second = (1.0 + 1.0 / 2.0 + 1.0 / 3.0) / 3.0, (1.0 / 2.0 + 1.0 / 3.0) / 3.0
    expected = [first / 2 - second, first / 2 - 1.0 / 3.0, second / 2 - 1.0 / 9.0, second / 2 - 1.0 / 6.0, 0.0]
    assert found == pytest.approx(expected, abs=1e-14)


GAMMA = 0.5
MEASURE = [np.log([[0.25], [0.75]]), np.log([[0.5], [0.5]]), np.zeros((1, 1))]


def regularised(name, reference=MEASURE):
    q, v = WRONG[name].wrong(LIBRARY, CHAIN, REWARDS, TAU, GAMMA, reference)
    return [float(level[0, 0]) for level in q], [float(level[0]) for level in v]


def measured(*pairs, tau=TAU):
    return tau * math.log(sum(w * math.exp(x / tau) for w, x in pairs))


def test_the_regularised_map_by_hand():
    """q = 3 and V = 3 at (a, a); at (a) q = 2 + γ 3 and -1."""
    middle = measured((0.5, 3.5), (0.5, -1.0))
    root = measured((0.25, 1.0 + GAMMA * middle), (0.75, 0.0))
    q, v = (
        [float(level.flat[0]) for level in part] for part in LIBRARY.regularised(CHAIN, REWARDS, TAU, GAMMA, MEASURE)
    )
    assert q == pytest.approx([1.0 + GAMMA * middle, 3.5, 3.0], abs=1e-14)
    assert v == pytest.approx([root, middle, 3.0], abs=1e-14)

    assert regularised("discount-ignored")[0] == pytest.approx([1.0 + measured((0.5, 5.0), (0.5, -1.0)), 5.0, 3.0])
    twice = measured((0.5, GAMMA * 5.0), (0.5, -1.0))
    assert regularised("discount-on-reward")[0] == pytest.approx([GAMMA * (1.0 + twice), 2.5, 3.0])
    assert regularised("measure-ignored")[0] == pytest.approx([1.0 + GAMMA * soft(3.5, -1.0), 3.5, 3.0])
    found = regularised("measure-in-logits")
    assert found[0] == pytest.approx([1.0 + GAMMA * middle + TAU * math.log(0.25), 3.5 + TAU * math.log(0.5), 3.0])
    assert found[1] == pytest.approx([root, middle, 3.0])
    tempered = measured((0.5**0.5, 3.5), (0.5**0.5, -1.0))
    assert regularised("measure-tempered")[0] == pytest.approx([1.0 + GAMMA * tempered, 3.5, 3.0])
    last = 3.0 / TAU
    lost = measured((0.5, 2.0 + GAMMA * last), (0.5, -1.0)) / TAU
    assert regularised("regularised-lost-temperature")[0] == pytest.approx(
        [1.0 + GAMMA * lost, 2.0 + GAMMA * last, 3.0]
    )
    assert regularised("regularised-hard-max")[0] == pytest.approx([1.0 + GAMMA * 3.5, 3.5, 3.0])


def test_a_hard_maximum_takes_what_the_measure_allows():
    without_tokens = [*MEASURE[:1], np.array([[-np.inf], [0.0]]), *MEASURE[2:]]
    assert regularised("regularised-hard-max", without_tokens)[1] == pytest.approx([1.0 - GAMMA, -1.0, 3.0])


def test_no_measure_is_no_mistake():
    right = [float(level.flat[0]) for level in LIBRARY.regularised(CHAIN, REWARDS, TAU, GAMMA, None)[0]]
    for name in ("measure-ignored", "measure-in-logits", "measure-tempered"):
        assert regularised(name, None)[0] == right


def test_the_regularised_inverse_by_hand():
    def inverse(name):
        return [float(level[0, 0]) for level in WRONG[name].wrong(LIBRARY, CHAIN, LOGITS, TAU, GAMMA, MEASURE)]

    middle = measured((0.5, 0.0), (0.5, 0.0))
    right = LIBRARY.regularised_inverse(CHAIN, LOGITS, TAU, GAMMA, MEASURE)
    assert [float(level[0, 0]) for level in right] == pytest.approx([1.0 - GAMMA * middle, 0.0 - GAMMA * 3.0, 3.0])
    assert inverse("inverse-discount-ignored") == pytest.approx([1.0 - middle, -3.0, 3.0])
    assert inverse("inverse-measure-ignored") == pytest.approx([1.0 - GAMMA * soft(0.0, 0.0), -1.5, 3.0])


def test_the_policy_of_an_energy_based_model_by_hand():
    def first(name):
        found = WRONG[name].wrong(LIBRARY, CHAIN, REWARDS, TAU)
        return math.exp(found[0][0, 0]), math.exp(found[1][0, 0])

    def share(q, tau=TAU):
        return 1.0 / (1.0 + math.exp(-q / tau))

    # Of weights 1, 1 and e^3 two go on; after a it is 1 and e^3.
    right = [math.exp(level[0, 0]) for level in LIBRARY.ebm_policy(CHAIN, REWARDS, TAU)]
    assert right == pytest.approx([(1 + math.e**3) / (2 + math.e**3), math.e**3 / (1 + math.e**3), 1.0])
    assert first("policy-lost-temperature") == pytest.approx((share(1.0 + MIDDLE, 1.0), share(6.0, 1.0)))
    assert first("policy-of-rewards") == pytest.approx((share(1.0), share(3.0)))
    assert first("policy-temperature-ignored") == pytest.approx(
        (share(1.0 + soft(5.0, -1.0, tau=1.0), 1.0), share(6.0, 1.0))
    )
    assert first("policy-of-hard-max") == pytest.approx((share(6.0), share(6.0)))


def test_nan_comes_of_what_is_forbidden():
    """And of nothing else."""
    assert of("entropy-zero-times-infinity", LOGITS) == LIBRARY.entropy(CHAIN, LOGITS)
    assert of("kl-zero-times-infinity", LOGITS, OTHERS) == LIBRARY.kl(CHAIN, LOGITS, OTHERS)
    _, values = WRONG["shift-by-infinity"].wrong(LIBRARY, CHAIN, REWARDS, TAU)
    assert np.concatenate(values) == pytest.approx(RIGHT[1], abs=1e-14)

    ended = [*LOGITS[:1], np.array([[-math.inf], [0.0]]), LOGITS[2]]
    assert np.isnan(of("entropy-zero-times-infinity", ended))
    assert np.isnan(of("kl-zero-times-infinity", ended, OTHERS))
    with np.errstate(invalid="ignore"):
        _, values = WRONG["shift-by-infinity"].wrong(LIBRARY, CHAIN, [*REWARDS[:2], np.array([[-math.inf]])], TAU)
    assert np.isnan(values[2])


@given(tables(), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.5, 1.0]))
def test_no_other_mistake_returns_nan(reward, temperature, discount):
    """Not even where p allows what q forbids; what a mistake must refuse it refuses."""
    instance = Instance("any", reward, temperature)
    space, rewards, logits, other = reward.space, reward.levels, instance.logits.levels, instance.other.levels
    fewer = [np.where((level < -0.5) & (level < level.max(axis=0)), -np.inf, level) for level in other]
    measure, numbers, weights = LIBRARY.policy(space, other), instance.direction.levels, instance.prompt_weights
    arguments = {
        "soft_bellman": [(rewards, temperature)],
        "regularised": [(rewards, temperature, discount, measure), (rewards, temperature, discount, None)],
        "regularised_inverse": [(logits, temperature, discount, measure), (logits, temperature, discount, None)],
        "ebm_policy": [(rewards, temperature)],
        "inverse": [(logits, temperature)],
        "log_partition": [(rewards, temperature)],
        "arm_log_probs": [(logits,)],
        "policy": [(logits,)],
        "entropy": [(logits,)],
        "kl": [(logits, other), (other, fewer)],
        "arm_gradient": [(logits, other, weights)],
        "log_partition_gradient": [(rewards,)],
        "pullback": [(rewards, numbers)],
    }
    of_nan = {"entropy-zero-times-infinity", "kl-zero-times-infinity", "shift-by-infinity"}
    for mistake in (mistake for mistake in MISTAKES if mistake.name not in of_nan):
        for given_to in arguments.get(mistake.replaces, ()):
            try:
                with np.errstate(all="ignore"):
                    found = mistake.wrong(LIBRARY, space, *given_to)
            except TabularBellmanError:
                continue
            parts = [found] if isinstance(found, np.ndarray) else found
            for part in parts:
                for level in [part] if isinstance(part, np.ndarray) else part:
                    assert not np.isnan(level).any(), mistake.name


@given(tables(masks=False, scales=st.just(1.0)))
def test_what_passes_a_pair_is_added_up_as_it_is_written_out(reward):
    space = reward.space
    log_probs = LIBRARY.ebm_log_probs(space, reward.levels, 1.0)
    totals = pair_totals(LIBRARY, space, log_probs)
    for t, (found, written) in enumerate(zip(totals, pair_sums(space, np.exp(log_probs)), strict=True)):
        assert np.exp(found) == pytest.approx(written, abs=1e-14)
        assert np.logaddexp.reduce(found, axis=0) == pytest.approx(chances(LIBRARY, space, log_probs, t), abs=1e-12)


def test_left_out_is_what_is_named():
    assert without(SOFT_BELLMAN, "hard-max") == SOFT_BELLMAN[1:]
    with pytest.raises(AssertionError):
        without(SOFT_BELLMAN, "policy-greedy")
