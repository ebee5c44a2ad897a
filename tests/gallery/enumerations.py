"""What is defined over whole responses, by writing them all out: dicts, itertools, numpy."""

import itertools
import math
import random

import numpy as np

from gallery.common import by_prefix, log_sum_exp, softmax
from gallery.entry import Entry

__all__ = ["RIGHT", "WRONG"]


def _responses(table):
    """Every response, by length: what ends in None, or where nothing follows."""
    rows = by_prefix(table)
    tokens = sorted({action for row in rows.values() for action in row if action is not None})
    for n in range(max(map(len, rows)) + 2):
        for y in itertools.product(tokens, repeat=n):
            if (y, None) in table:
                yield (*y, None)
            elif y not in rows and (y[:-1], y[-1]) in table:
                yield y


def _total(table, response):
    return sum(table[response[:t], action] for t, action in enumerate(response))


def _energy_based(rewards, temperature=1.0):
    """{response: probability}."""
    totals = {y: _total(rewards, y) / temperature for y in _responses(rewards)}
    top = log_sum_exp(list(totals.values()))
    return {y: math.exp(total - top) for y, total in totals.items()}


# -- right ------------------------------------------------------------------------------------------------------------


def log_partition(rewards, temperature):
    return log_sum_exp([_total(rewards, y) / temperature for y in _responses(rewards)])


def log_partition_from_the_left(rewards):
    """Add up weights from the left, a sum of products that never lists a response."""
    weight = {(): 0.0}
    ends = []
    for (prefix, action), reward in sorted(rewards.items(), key=lambda item: len(item[0][0])):
        child = (*prefix, action)
        weight[child] = weight[prefix] + reward
        if action is None or not any(s == child for s, _ in rewards):
            ends.append(weight[child])
    return log_sum_exp(ends)


def log_prob_of_energies(rewards, response, temperature=1.0):
    totals = np.array([_total(rewards, y) for y in _responses(rewards)]) / temperature
    return _total(rewards, response) / temperature - np.logaddexp.reduce(totals)


def policy_of_energies(rewards, temperature=1.0):
    """What share of the weight of the completions of a prefix begins with each action."""
    weight = {}
    for y in _responses(rewards):
        still_to_come = 0.0
        for t in reversed(range(len(y))):
            still_to_come += rewards[y[:t], y[t]] / temperature
            weight.setdefault((y[:t], y[t]), {})[y] = still_to_come
    log_weight = {key: log_sum_exp(list(of.values())) for key, of in weight.items()}
    return {(s, a): p for s, row in by_prefix(log_weight).items() for a, p in softmax(row).items()}


def marginals_of_energies(rewards):
    chance = dict.fromkeys(by_prefix(rewards), 0.0)
    for y, share in _energy_based(rewards).items():
        for t in range(len(y)):
            chance[y[:t]] += share
    return chance


def draw_whole_responses(rewards, n, temperature=1.0):
    p = _energy_based(rewards, temperature)
    return random.choices(list(p), weights=list(p.values()), k=n)


def entropy_of_energies(rewards):
    return -sum(p * math.log(p) for p in _energy_based(rewards).values() if p > 0.0)


def gradient_of_log_partition(rewards, temperature=1.0):
    gradient = dict.fromkeys(rewards, 0.0)
    for y, share in _energy_based(rewards, temperature).items():
        for t, action in enumerate(y):
            gradient[y[:t], action] += share / temperature
    return gradient


RIGHT = (
    Entry("dict log-partition by enumeration", "log-partition", log_partition, {"adapter": "dict", "lengths": "both"}),
    Entry(
        "dict log-partition from the left",
        "log-partition",
        log_partition_from_the_left,
        {"adapter": "dict", "lengths": "both", "masks": True},
    ),
    Entry(
        "dict log-probability of an energy-based model",
        "log-prob",
        log_prob_of_energies,
        {"adapter": "dict", "view": "rewards", "lengths": "both"},
    ),
    Entry("dict policy of an energy-based model", "policy", policy_of_energies, {"adapter": "dict", "view": "rewards"}),
    Entry(
        "dict marginals of an energy-based model",
        "marginals",
        marginals_of_energies,
        {"adapter": "dict", "view": "rewards", "masks": True},
    ),
    Entry(
        "dict sampler of whole responses",
        "sampler",
        draw_whole_responses,
        {"adapter": "dict", "view": "rewards", "lengths": "both"},
    ),
    Entry(
        "dict entropy of an energy-based model",
        "entropy",
        entropy_of_energies,
        {"adapter": "dict", "view": "rewards", "lengths": "both", "masks": True},
    ),
    Entry(
        "dict gradient of the log-partition by enumeration",
        "gradient",
        gradient_of_log_partition,
        {"adapter": "dict", "of": "log-partition", "lengths": "both"},
    ),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def without_the_empty_response(rewards):
    responses = [y for y in _responses(rewards) if len(y) > 1 or len(rewards) == 1]  # the bare EOS is one, too
    return log_sum_exp([_total(rewards, y) for y in responses])


def only_the_longest(rewards):
    responses = list(_responses(rewards))
    horizon = max(map(len, responses))
    return log_sum_exp([_total(rewards, y) for y in responses if len(y) == horizon])  # shorter ones count as well


def without_temperature(rewards, temperature):
    return log_sum_exp([_total(rewards, y) for y in _responses(rewards)])  # R/τ


def average(rewards):
    totals = np.array([_total(rewards, y) for y in _responses(rewards)])
    top = totals.max()
    return top + np.log(np.mean(np.exp(totals - top)))  # Monte Carlo's estimate lacks the number of responses


def best_of_all(rewards):
    return max(_total(rewards, y) for y in _responses(rewards))  # the best response, not the sum over them


def free_energy(rewards, temperature):
    total = log_sum_exp([_total(rewards, y) / temperature for y in _responses(rewards)])
    return temperature * total  # that is V(start), not log Z


def reward_per_step(rewards):
    return log_sum_exp([_total(rewards, y) / len(y) for y in _responses(rewards)])  # sums, not means


def energy_without_last_step(rewards, response):
    def total(y):
        return sum(rewards[y[:t], action] for t, action in enumerate(y[:-1]))  # y[:-1] cuts off the last reward

    return total(response) - log_sum_exp([total(y) for y in _responses(rewards)])


def energy_per_step(rewards, response):
    totals = [_total(rewards, y) / len(y) for y in _responses(rewards)]
    return _total(rewards, response) / len(response) - log_sum_exp(totals)  # the energy of y is a sum


def entropy_in_bits(rewards):
    return -sum(p * math.log2(p) for p in _energy_based(rewards).values() if p > 0.0)  # nats were asked for


_DICT = {"adapter": "dict"}

WRONG = (
    Entry(
        "dict log-partition without the bare EOS",
        "log-partition",
        without_the_empty_response,
        _DICT | {"masks": False},
        ("shortest-left-out",),
    ),
    Entry(
        "dict log-partition of the longest",
        "log-partition",
        only_the_longest,
        _DICT | {"masks": False},
        ("longest-only",),
    ),
    Entry(
        "dict log-partition without temperature",
        "log-partition",
        without_temperature,
        _DICT,
        ("partition-without-temperature",),
    ),
    Entry("dict log of the mean weight", "log-partition", average, _DICT | {"masks": False}, ("mean-not-sum",)),
    Entry("dict best response for a log-partition", "log-partition", best_of_all, _DICT, ("best-response",)),
    Entry("dict free energy for a log-partition", "log-partition", free_energy, _DICT, ("partition-scaled",)),
    Entry("dict log-partition of mean rewards", "log-partition", reward_per_step, _DICT, ("partition-per-token",)),
    Entry(
        "dict energy without the last step",
        "log-prob",
        energy_without_last_step,
        _DICT | {"view": "rewards", "masks": False},
        ("last-reward-missing",),
    ),
    Entry("dict energy per step", "log-prob", energy_per_step, _DICT | {"view": "rewards"}, ("reward-per-token",)),
    Entry("dict entropy in bits", "entropy", entropy_in_bits, _DICT | {"view": "rewards"}, ("entropy-in-bits",)),
)
