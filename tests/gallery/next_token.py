"""A table as a function of the prefix, as a language model is called."""

import math
from functools import cache
from itertools import takewhile

import numpy as np

from gallery.entry import Entry

__all__ = ["RIGHT", "WRONG"]


def _lse(row):
    return np.logaddexp.reduce(row)


def _log_softmax(row):
    return row - _lse(row)


def _planned(rewards, total=_lse):
    """The logits, V of each child added; the value of a prefix is `total` of its logits."""

    @cache
    def logits(prefix):
        row = np.array(rewards(prefix), dtype=float)
        for token in np.flatnonzero(row[:-1] > -np.inf):
            row[token] += total(logits((*prefix, int(token))))
        return row

    return logits


def _prefixes(table, prefix=()):
    """Every prefix that can be reached, each before what follows it."""
    yield prefix
    for token in np.flatnonzero(np.asarray(table(prefix))[:-1] > -np.inf):
        yield from _prefixes(table, (*prefix, int(token)))


# -- right ------------------------------------------------------------------------------------------------------------


def soft_bellman(rewards, temperature=1.0):
    def total(row):
        return temperature * _lse(row / temperature)

    logits = _planned(rewards, total)
    return logits, lambda prefix: total(logits(prefix))


def inverse(logits):
    def rewards(prefix):
        row = np.array(logits(prefix))
        for token in np.flatnonzero(row[:-1] > -np.inf):
            row[token] -= _lse(logits((*prefix, int(token))))
        return row

    return rewards


def log_partition(rewards, temperature=1.0):
    """Depth first, adding up responses as they end."""

    def total(prefix, so_far):
        row = so_far + np.asarray(rewards(prefix)) / temperature
        tokens = np.flatnonzero(row[:-1] > -np.inf)
        return np.logaddexp.reduce([row[-1], *(total((*prefix, int(token)), row[token]) for token in tokens)])

    return total((), 0.0)


def log_prob(logits, response):
    return sum(_log_softmax(logits(response[:t]))[token] for t, token in enumerate(response))


def policy(logits):
    return lambda prefix: np.exp(_log_softmax(logits(prefix)))


def marginals(logits):
    return lambda prefix: math.exp(sum(_log_softmax(logits(prefix[:t]))[a] for t, a in enumerate(prefix)))


def entropy(logits, prefix=()):
    """H = Σ π (-log π + H below)."""
    log_pi = _log_softmax(logits(prefix))
    below = [entropy(logits, (*prefix, int(t))) for t in np.flatnonzero(log_pi[:-1] > -np.inf)]
    own = log_pi[log_pi > -np.inf]
    further = np.exp(log_pi[:-1][log_pi[:-1] > -np.inf]) @ np.array(below) if below else 0.0
    return further - np.exp(own) @ own


def kl(logits_p, logits_q, prefix=(), log_rho=0.0):
    log_p, log_q = _log_softmax(logits_p(prefix)), _log_softmax(logits_q(prefix))
    possible = np.flatnonzero(log_p > -np.inf)
    if np.any(log_q[possible] == -np.inf):
        return np.inf
    own = np.sum(np.exp(log_rho + log_p[possible]) * (log_p - log_q)[possible])
    tokens = [int(token) for token in possible if token < len(log_p) - 1]
    return own + sum(kl(logits_p, logits_q, (*prefix, token), log_rho + log_p[token]) for token in tokens)


def kl_k1(logits_p, logits_q, response):
    return log_prob(logits_p, response) - log_prob(logits_q, response)


def ancestral(logits, n, rng):
    eos = len(logits(())) - 1
    drawn = []
    for _ in range(n):
        response = ()
        while eos not in response:
            p = np.exp(_log_softmax(logits(response)))
            response += (int(rng.choice(eos + 1, p=p / p.sum())),)
        drawn.append(response)
    return drawn


def gradient(rewards):
    logits = _planned(rewards)
    p = policy(logits)
    rho = marginals(logits)
    reached = set(_prefixes(logits))
    return lambda prefix: rho(prefix) * p(prefix) if prefix in reached else np.zeros(len(rewards(())))


_NEXT = {"adapter": "next-token"}
_FINITE = {"adapter": "next-token", "masks": False}
_MASKED = {"adapter": "next-token", "lengths": "both", "masks": True}

RIGHT = (
    Entry("next-token soft Bellman", "soft-bellman", soft_bellman, _MASKED),
    Entry("next-token inverse", "inverse", inverse, _MASKED),
    Entry("next-token log-partition", "log-partition", log_partition, _MASKED),
    Entry("next-token log-probability", "log-prob", log_prob, _MASKED),
    Entry("next-token policy", "policy", policy, _MASKED),
    Entry("next-token marginals", "marginals", marginals, _MASKED),
    Entry("next-token entropy", "entropy", entropy, _MASKED),
    Entry("next-token KL", "kl", kl, _MASKED),
    Entry("next-token k1", "kl-estimator", kl_k1, _MASKED),
    Entry("next-token ancestral sampler", "sampler", ancestral, _MASKED),
    Entry("next-token gradient", "gradient", gradient, _NEXT | {"of": "log-partition", "masks": False}),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def hard_max(rewards):
    logits = _planned(rewards, np.max)  # log Σ exp
    return logits, lambda prefix: logits(prefix).max()


def eos_left_out(rewards):
    def total(row):
        return _lse(row[:-1]) if np.any(row[:-1] > -np.inf) else row[-1]  # EOS is an action like any other

    logits = _planned(rewards, total)
    return logits, lambda prefix: total(logits(prefix))


def no_lookahead(rewards):
    return rewards, lambda prefix: _lse(rewards(prefix))  # as if softmax(r) had the distribution of R


def average(rewards):
    totals = []

    def visit(prefix, so_far):
        row = so_far + np.asarray(rewards(prefix))
        totals.append(row[-1])
        for token in np.flatnonzero(row[:-1] > -np.inf):
            visit((*prefix, int(token)), row[token])

    visit((), 0.0)
    return _lse(totals) - math.log(len(totals))  # the sum, not the mean


def without_eos(logits, response):
    eos = len(logits(())) - 1
    tokens = list(takewhile(lambda token: token != eos, response))  # the end has a probability, too
    return sum(_log_softmax(logits(response[:t]))[token] for t, token in enumerate(tokens))


def raw_logits(logits, response):
    return sum(logits(response[:t])[token] for t, token in enumerate(response))  # no log-softmax


def softmax_of_tokens(logits):
    def pi(prefix):
        row = logits(prefix)
        tokens = row[:-1] if np.any(row[:-1] > -np.inf) else row
        return np.exp(np.append(row[:-1] - _lse(tokens), row[-1] - _lse(row)))  # EOS is left out of the sum

    return pi


def first_step_entropy(logits):
    log_pi = _log_softmax(logits(()))
    possible = log_pi[log_pi > -np.inf]
    return -np.exp(possible) @ possible  # the entropy of the next token, not of responses


def first_step_kl(logits_p, logits_q):
    log_p, log_q = _log_softmax(logits_p(())), _log_softmax(logits_q(()))
    possible = log_p > -np.inf
    return np.sum(np.exp(log_p[possible]) * (log_p - log_q)[possible])  # the KL of the next token


def starts_with_a_token(logits, n, rng):
    eos = len(logits(())) - 1
    drawn = []
    for _ in range(n):
        response = ()
        while eos not in response:
            row = np.array(logits(response))
            if not response and np.any(row[:-1] > -np.inf):
                row[-1] = -np.inf  # EOS may come first
            p = np.exp(_log_softmax(row))
            response += (int(rng.choice(eos + 1, p=p / p.sum())),)
        drawn.append(response)
    return drawn


WRONG = (
    Entry("next-token hard max", "soft-bellman", hard_max, _NEXT, ("hard-max",)),
    Entry("next-token value without EOS", "soft-bellman", eos_left_out, _FINITE, ("eos-left-out",)),
    Entry("next-token without lookahead", "soft-bellman", no_lookahead, _NEXT, ("rewards-as-logits",)),
    Entry("next-token log of the mean", "log-partition", average, _FINITE, ("mean-not-sum",)),
    Entry(
        "next-token log-probability without EOS",
        "log-prob",
        without_eos,
        _FINITE,
        ("last-step-for-free",),
    ),
    Entry("next-token sum of logits", "log-prob", raw_logits, _NEXT, ("not-normalised",)),
    Entry("next-token softmax of tokens", "policy", softmax_of_tokens, _FINITE, ("policy-without-eos",)),
    Entry("next-token entropy of one token", "entropy", first_step_entropy, _NEXT, ("entropy-of-first-step",)),
    Entry("next-token KL of one token", "kl", first_step_kl, _NEXT, ("kl-first-step",)),
    Entry(
        "next-token sampler that starts with a token",
        "sampler",
        starts_with_a_token,
        _FINITE,
        ("never-empty",),
    ),
)
