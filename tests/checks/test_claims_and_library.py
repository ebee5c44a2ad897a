"""What the library's bounds give, on the instances of a quick run, beside the claims' formulas and 50 digits."""

import math

import numpy as np
import precise_oracle as precise
import pytest
from precise_oracle import ZERO, mp
from strategies import as_dict, plain

from proofs_check.furthest import losses
from proofs_check.instances import built_in
from proofs_check.library import LIBRARY
from tabular_bellman import AutoregressiveModel
from tabular_bellman.bounds import kappa, logit_ball_supremum, total_variation_bound
from tabular_bellman.pair_bounds import kl_lower_bound, perturbation_bound, residual_bound, span_bound

# With seed 0 what is half forbidden leaves one free step; with seed 2 there are futures that differ.
INSTANCES = [instance for seed in (0, 2) for instance in built_in(seed, "quick")]
EXACT = 1e-12


@pytest.fixture(params=INSTANCES, ids=lambda instance: f"{instance.name}, seed {instance.seed}")
def instance(request):
    return request.param


def numbers(found):
    return np.atleast_1d(found).tolist()


def near(found, right):
    """Relatively, and nothing besides."""
    assert len(found) == len(right)
    for mine, theirs in zip(found, right, strict=True):
        assert abs(mp.mpf(mine) - theirs) <= EXACT * abs(theirs), (mine, float(theirs))


def rows(table, prompt):
    """{prefix: {action: number}} of one prompt."""
    found = {}
    for (x, prefix, action), number in as_dict(table).items():
        if x == prompt:
            found.setdefault(prefix, {})[action] = mp.mpf(number)
    return found


def steps(instance, prompt):
    """(P_f(s), {action: (log π_f, log π_g)}) of each prefix that an allowed response passes, from the root on."""
    f, g = rows(instance.logits, prompt), rows(instance.other, prompt)
    passing = {(): ZERO}
    for prefix in sorted(f, key=len):
        if prefix not in passing:
            continue
        mine, theirs = (precise.log_normalised(table[prefix]) for table in (f, g))
        both = {a: (mine[a], theirs[a]) for a in mine if mine[a] > precise.MINUS_INF}
        passing.update({(*prefix, a): passing[prefix] + x for a, (x, _) in both.items()})
        yield mp.exp(passing[prefix]), both


def span(both):
    ratios = [x - y for x, y in both.values()]
    return max(ratios) - min(ratios)


def least(both):
    """The chance of the two actions on which they disagree most, times the KL of these two alone."""
    ordered = sorted(both.values(), key=lambda pair: pair[0] - pair[1])
    (a, b), (c, d) = ordered[0], ordered[-1]
    mine, theirs = (precise.log_normalised(dict(enumerate(pair))) for pair in ((a, c), (b, d)))
    return (mp.exp(a) + mp.exp(c)) * precise.kl(mine, theirs) if len(both) > 1 else ZERO


def test_among_the_instances_are_several_prompts_and_futures_that_differ():
    assert any(instance.space.n_prompts > 1 for instance in INSTANCES)
    parts = [logit_ball_supremum(1.0, instance.logits) / float(kappa(1.0)) for instance in INSTANCES[-2:]]
    assert all(abs(part - round(part)) > 0.1 for part in parts)  # no whole number of steps


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 20.0])
def test_the_supremum_of_a_logit_ball_is_that_of_the_claim(instance, epsilon):
    P = instance.space.n_prompts
    each = epsilon * (1.0 + np.arange(P))  # another for each prompt
    right = losses(LIBRARY, instance.space, instance.live, each)[0][0]
    near(numbers(logit_ball_supremum(each, instance.logits)), [mp.mpf(float(x)) for x in right])


def test_spans_and_the_lower_bound_are_sums_over_prefixes(instance):
    p, q = AutoregressiveModel(instance.logits), AutoregressiveModel(instance.other)
    found = [list(steps(instance, prompt)) for prompt in instance.space.prompts]
    near(numbers(span_bound(p, q)), [mp.fsum(P * precise.kappa(span(both) / 2) for P, both in all) for all in found])
    near(numbers(kl_lower_bound(p, q)), [mp.fsum(P * least(both) for P, both in all) for all in found])


def test_perturbations_and_residuals_are_spans_over_responses(instance):
    one, other = instance.logits, instance.other
    responses = [plain(y) for y in instance.space.responses()]
    of_rewards, of_logits = [], []
    for prompt in instance.space.prompts:
        r, q = rows(one, prompt), rows(other, prompt)
        perturbed, missed = [], []
        for y in responses:
            places = [(y[:t], a) for t, a in enumerate(y)]
            if min(r[s][a] for s, a in places) == precise.MINUS_INF:
                continue
            perturbed.append(mp.fsum(r[s][a] - q[s][a] for s, a in places))
            # δ = q - r - V_q(s⊕a), with V_q the log-sum of exponentials of what follows.
            values = [precise.log_sum_exp(list(q[s].values())) for s, _ in places[1:]]
            missed.append(mp.fsum(q[s][a] - r[s][a] for s, a in places) - mp.fsum(values))
        for sums, found in ((perturbed, of_rewards), (missed, of_logits)):
            found.append(precise.kappa((max(sums) - min(sums)) / 2))
    near(numbers(perturbation_bound(one, other)), of_rewards)
    near(numbers(perturbation_bound(other, one)), of_rewards)
    near(numbers(residual_bound(other, one)), of_logits)


def test_total_variation_is_the_smaller_of_its_two_formulas():
    for exponent in range(-300, 3, 7):
        for digits in (1.0, 1.594, 3.7):
            kl = digits * 10.0**exponent
            with mp.workdps(400):
                x = mp.mpf(kl)
                right = min(mp.sqrt(x / 2), mp.sqrt(-mp.expm1(-x)))
                near(numbers(total_variation_bound(kl)), [right])
    assert total_variation_bound(math.inf) == 1.0
