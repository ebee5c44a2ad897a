"""Right code in forms that round differently is not rejected; what a precision cannot tell is said."""

import math

import pytest
from gallery.common import by_prefix, log_softmax, log_sum_exp, softmax

from proofs_check.testing import check_entropy, check_kl_estimator, check_policy, check_sampler, check_soft_bellman


def policy_by_sigmoid(logits):
    found = {}
    for prefix, row in by_prefix(logits).items():
        if len(row) == 2 and min(row.values()) > -math.inf:
            (a, x), (b, y) = row.items()
            p = 1.0 / (1.0 + math.exp(y - x)) if y - x < 700.0 else 0.0
            found[prefix, a], found[prefix, b] = p, 1.0 - p
        else:
            found.update({(prefix, action): p for action, p in softmax(row).items()})
    return found


def policy_with_a_remainder(logits):
    found = {}
    for prefix, row in by_prefix(logits).items():
        *first, last = softmax(row).items()
        found.update({(prefix, action): p for action, p in first})
        found[prefix, last[0]] = 1.0 - sum(p for _, p in first)
    return found


def totals(rewards):
    rows, found = by_prefix(rewards), {}

    def walk(prefix, total):
        for action, reward in rows[prefix].items():
            if action is None:
                found[*prefix, None] = total + reward
            else:
                walk((*prefix, action), total + reward)

    walk((), 0.0)
    return list(found.values())


def entropy_by_log_partition(rewards):
    found = totals(rewards)
    log_partition = log_sum_exp(found)
    return log_partition - sum(math.exp(x - log_partition) * x for x in found if x > -math.inf)


def unshifted_values(rewards):
    """V = 0 at a dead prefix would be wrong, and the sum of weights is 0 there."""
    values, logits = {}, {}
    for prefix, row in sorted(by_prefix(rewards).items(), key=lambda item: -len(item[0])):
        for action, reward in row.items():
            logits[prefix, action] = reward + values.get((*prefix, action), 0.0)
        total = sum(math.exp(logits[prefix, action]) for action in row)
        values[prefix] = math.log(total) if total > 0.0 else -math.inf
    return logits, values


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("function", [policy_by_sigmoid, policy_with_a_remainder])
def test_a_policy_that_is_one_minus_the_rest(function, seed):
    check_policy(function, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_an_entropy_as_log_partition_less_the_mean_reward(seed):
    check_entropy(entropy_by_log_partition, view="rewards", seed=seed)


def test_weights_where_numbers_are_plain():
    check_soft_bellman(unshifted_values, numbers="plain")


@pytest.mark.parametrize("error", [1e-12, 1e-9])
def test_a_small_error_is_found_and_is_no_single_precision(error):
    def off(logits):
        return {key: p * (1.0 - error) for key, p in policy_by_sigmoid(logits).items()}

    report = check_policy(off, throw=False)
    assert not report.agrees
    assert report.mistakes == ()


@pytest.mark.parametrize("lag", [2, 3, 7])
def test_draws_copied_from_earlier_ones_are_found(lag):
    def sticky(logits, n, rng):
        rows = {prefix: log_softmax(row) for prefix, row in by_prefix(logits).items()}
        drawn = []
        for _ in range(n):
            if len(drawn) >= lag and rng.random() < 0.6:
                drawn.append(drawn[-lag])
                continue
            response = ()
            while response[-1:] != (None,):
                row = rows[response]
                response = (*response, list(row)[rng.choice(len(row), p=[math.exp(x) for x in row.values()])])
            drawn.append(response)
        return drawn

    assert check_sampler(sticky, throw=False).mistakes == ("draws-repeat",)


def test_a_sampler_with_a_large_seed():
    def fixed(logits, n, seed):
        assert seed >= 2**32
        raise RuntimeError

    with pytest.raises(ValueError, match="raised RuntimeError"):
        check_sampler(fixed, seed=2**32)


def test_half_precision_says_what_it_cannot_tell():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")

    def nothing(log_p, log_q, lengths):
        return torch.zeros(len(lengths))

    settings = {"adapter": "batch", "array": "torch", "throw": False}
    report = check_kl_estimator(nothing, **settings, dtype="bfloat16")
    assert not report.agrees or "bfloat16 tells little" in report.text()
    assert not check_kl_estimator(nothing, **settings, dtype="float32").agrees
