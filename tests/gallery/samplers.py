"""Samplers on dicts, with numpy's generators and Python's own."""

import math
import random

import numpy as np

from gallery.common import by_prefix, log_sum_exp, softmax
from gallery.entry import Entry

__all__ = ["RIGHT", "WRONG"]


def _ended(rows, response):
    return response[-1:] == (None,) or response not in rows


# -- right ------------------------------------------------------------------------------------------------------------


def ancestral(logits, n, rng):
    rows = {prefix: softmax(row) for prefix, row in by_prefix(logits).items()}
    drawn = []
    for _ in range(n):
        response = ()
        while not _ended(rows, response):
            actions, p = zip(*rows[response].items(), strict=True)
            response = (*response, actions[rng.choice(len(actions), p=np.array(p) / sum(p))])
        drawn.append(response)
    return drawn


def gumbel_max(logits, n, seed):
    rng, rows = np.random.default_rng(seed), by_prefix(logits)
    drawn = []
    for _ in range(n):
        response = ()
        while not _ended(rows, response):
            noisy = {action: q + rng.gumbel() for action, q in rows[response].items()}
            response = (*response, max(noisy, key=noisy.get))
        drawn.append(response)
    return drawn


def inverse_cdf(logits, n):
    rows = {prefix: softmax(row) for prefix, row in by_prefix(logits).items()}
    drawn = []
    for _ in range(n):
        response = ()
        while not _ended(rows, response):
            u, below = random.random(), 0.0
            for action, p in rows[response].items():
                below += p
                if p > 0.0:
                    chosen = action
                    if u < below:
                        break
            response = (*response, chosen)
        drawn.append(response)
    return drawn


def rejection(rewards, n, rng):
    """Propose every action of a prefix with equal chance; correct for it by the weight of the whole response."""
    rows = by_prefix(rewards)
    weights = {(): 0.0}
    for (prefix, action), reward in sorted(rewards.items(), key=lambda item: len(item[0][0])):
        weights[*prefix, action] = weights[prefix] + reward + math.log(len(rows[prefix]))
    best = max(weight for response, weight in weights.items() if _ended(rows, response))
    drawn = []
    while len(drawn) < n:
        response = ()
        while not _ended(rows, response):
            response = (*response, list(rows[response])[rng.integers(len(rows[response]))])
        if math.log(1.0 - rng.random()) < weights[response] - best:
            drawn.append(response)
    return drawn


RIGHT = (
    Entry("dict ancestral sampler", "sampler", ancestral, {"adapter": "dict", "lengths": "both", "masks": True}),
    Entry("dict Gumbel-max sampler with a seed", "sampler", gumbel_max, {"adapter": "dict", "masks": True}),
    Entry("dict inverse-CDF sampler", "sampler", inverse_cdf, {"adapter": "dict", "lengths": "both", "masks": True}),
    Entry(
        "dict rejection sampler",
        "sampler",
        rejection,
        {"adapter": "dict", "view": "rewards", "lengths": "both", "masks": False},
    ),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def from_rewards(rewards, n, rng):
    return ancestral(rewards, n, rng)  # softmax(r) does not look ahead; softmax(M r) does


def never_empty(logits, n, rng):
    tokens = [key for key in logits if key != ((), None)]  # a response may be empty
    return ancestral({key: logits[key] for key in tokens or logits}, n, rng)


def greedy(logits, n):
    rows, response = by_prefix(logits), ()
    while not _ended(rows, response):
        response = (*response, max(rows[response], key=rows[response].get))  # the best action is no draw
    return [response] * n


def reseeded(logits, n):
    return [gumbel_max(logits, 1, seed=0)[0] for _ in range(n)]  # every draw begins from the same seed


def twice(logits, n, rng):
    drawn = ancestral(logits, (n + 1) // 2, rng)
    return (drawn + drawn)[:n]  # each draw is given out two times


def at_another_temperature(rewards, n, rng, temperature):
    q, v = dict(rewards), {}
    for prefix, row in sorted(by_prefix(rewards).items(), key=lambda item: -len(item[0])):
        for action in row:
            q[prefix, action] += v.get((*prefix, action), 0.0)
        v[prefix] = temperature * log_sum_exp([q[prefix, action] / temperature for action in row])
    return ancestral(q, n, rng)  # softmax(Q) lacks /τ


_DICT = {"adapter": "dict"}

WRONG = (
    Entry(
        "dict sampler from softmax(r)",
        "sampler",
        from_rewards,
        _DICT | {"view": "rewards", "masks": False},
        ("policy-of-rewards", "rewards-as-logits"),
    ),
    Entry(
        "dict sampler that is never empty",
        "sampler",
        never_empty,
        _DICT | {"masks": False},
        ("never-empty",),
    ),
    Entry("dict greedy sampler", "sampler", greedy, _DICT, ("policy-greedy",)),
    Entry("dict sampler reseeded at each draw", "sampler", reseeded, _DICT, ("draws-repeat",)),
    Entry("dict sampler that gives each draw twice", "sampler", twice, _DICT, ("draws-repeat",)),
    Entry(
        "dict sampler from softmax(Q) without /τ",
        "sampler",
        at_another_temperature,
        _DICT | {"view": "rewards"},
        ("policy-lost-temperature",),
    ),
)
