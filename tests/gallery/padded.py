"""Padded integer arrays, one row for each prefix, in numpy."""

import numpy as np
from scipy.special import log_softmax, softmax

from gallery.entry import Entry

__all__ = ["RIGHT", "WRONG"]


def _children(prefixes, lengths, n_tokens):
    """(N, V): the row of each child, or -1."""
    rows = {tuple(prefix[:n]): i for i, (prefix, n) in enumerate(zip(prefixes.tolist(), lengths, strict=True))}
    return np.array([[rows.get((*prefix, token), -1) for token in range(n_tokens)] for prefix in rows])


def _depths(lengths):
    return [np.flatnonzero(lengths == t) for t in range(lengths.max() + 1)]


# -- right ------------------------------------------------------------------------------------------------------------


def soft_bellman(rewards, prefixes, lengths, temperature=1.0, discount=1.0, reference=None):
    n_tokens = rewards.shape[1] - 1
    children = _children(prefixes, lengths, n_tokens)
    with np.errstate(divide="ignore"):
        log_reference = np.log(np.ones_like(rewards) if reference is None else reference)
    q, v = rewards.copy(), np.zeros(len(rewards) + 1)  # the last one is for what has no row
    for rows in reversed(_depths(lengths)):
        q[rows, :n_tokens] += discount * v[children[rows]]
        v[rows] = temperature * np.logaddexp.reduce(q[rows] / temperature + log_reference[rows], axis=1)
    return q, v[:-1]


def soft_bellman_by_codes(rewards, prefixes, lengths):
    """Number prefixes in base V+1, padding counted, so that a child differs from its parent in one digit."""
    n_tokens, horizon = rewards.shape[1] - 1, prefixes.shape[1]
    digits = (n_tokens + 1) ** np.arange(horizon + 1)
    codes = prefixes @ digits[:-1]
    order = np.argsort(codes)
    q, v = rewards.copy(), np.zeros(len(rewards))
    for rows in reversed(_depths(lengths)):
        for token in range(n_tokens):
            wanted = codes[rows] + (token - n_tokens) * digits[lengths[rows]]
            found = order[np.minimum(np.searchsorted(codes, wanted, sorter=order), len(codes) - 1)]
            q[rows, token] += np.where(codes[found] == wanted, v[found], 0.0)
        top = np.maximum(q[rows].max(axis=1), np.finfo(q.dtype).min)
        with np.errstate(divide="ignore"):
            v[rows] = top + np.log(np.exp(q[rows] - top[:, None]).sum(axis=1))
    return q, v


def inverse(logits, prefixes, lengths, temperature=1.0):
    n_tokens = logits.shape[1] - 1
    v = np.append(temperature * np.logaddexp.reduce(logits / temperature, axis=1), 0.0)
    rewards = logits.copy()
    rewards[:, :n_tokens] -= v[_children(prefixes, lengths, n_tokens)]
    return rewards


def log_prob(logits, tokens, lengths):
    steps = np.take_along_axis(log_softmax(logits, axis=-1), tokens[..., None], axis=-1)[..., 0]
    return np.where(np.arange(tokens.shape[1]) < lengths[:, None], steps, 0.0).sum(axis=1)


def policy(logits, prefixes, lengths):
    return softmax(logits, axis=1)


def _log_marginals(logits, prefixes, lengths):
    log_pi, n_tokens = log_softmax(logits, axis=1), logits.shape[1] - 1
    children = _children(prefixes, lengths, n_tokens)
    log_rho = np.zeros(len(logits) + 1)
    for rows in _depths(lengths)[:-1]:
        log_rho[children[rows]] = log_rho[rows, None] + log_pi[rows, :n_tokens]
    return log_rho[:-1]


def marginals(logits, prefixes, lengths):
    return np.exp(_log_marginals(logits, prefixes, lengths))


def entropy(logits, prefixes, lengths):
    log_pi = log_softmax(logits, axis=1)
    per_prefix = -np.where(np.isneginf(log_pi), 0.0, np.exp(log_pi) * np.maximum(log_pi, -1e300)).sum(axis=1)
    return marginals(logits, prefixes, lengths) @ per_prefix


def kl(logits_p, logits_q, prefixes, lengths):
    log_p, log_q = log_softmax(logits_p, axis=1), log_softmax(logits_q, axis=1)
    log_joint = _log_marginals(logits_p, prefixes, lengths)[:, None] + log_p
    possible = log_joint > -np.inf
    if np.any(np.isneginf(log_q[possible])):
        return np.inf
    return np.sum(np.exp(log_joint[possible]) * (log_p - log_q)[possible])


def k1(log_p, log_q, lengths):
    return (log_p - log_q).sum(axis=1)


def k3_of_responses(log_p, log_q, lengths):
    log_ratio = (log_q - log_p).sum(axis=1)
    return np.expm1(log_ratio) - log_ratio


def sampler(logits, prefixes, lengths, n, rng):
    """All draws at once, one token at a time, by inverting the cumulative sums."""
    n_tokens, horizon = logits.shape[1] - 1, prefixes.shape[1]
    children = _children(prefixes, lengths, n_tokens)
    cdf = np.cumsum(softmax(logits, axis=1), axis=1)
    drawn = np.full((n, horizon), n_tokens)
    row = np.full(n, np.flatnonzero(lengths == 0)[0])
    for t in range(horizon):
        going = np.flatnonzero(row >= 0)
        u = rng.random(going.size) * cdf[row[going], -1]
        drawn[going, t] = (u[:, None] >= cdf[row[going]]).sum(axis=1)
        ended = drawn[going, t] == n_tokens
        row[going] = np.where(ended, -1, children[row[going], np.minimum(drawn[going, t], n_tokens - 1)])
    return drawn


def gradient_of_log_partition(rewards, prefixes, lengths, temperature=1.0):
    q, _ = soft_bellman(rewards, prefixes, lengths, temperature)
    dead = np.isneginf(q).all(axis=1)
    q[dead] = 0.0  # no chance of getting there
    rho = marginals(q / temperature, prefixes, lengths)
    return rho[:, None] * softmax(q / temperature, axis=1) / temperature


def gradient_of_nll(logits, tokens, lengths):
    chosen = tokens[..., None] == np.arange(logits.shape[-1])
    inside = np.arange(tokens.shape[1]) < lengths[:, None]
    return np.where(inside[..., None], softmax(logits, axis=-1) - chosen, 0.0) / len(tokens)


_BATCH = {"adapter": "batch"}
_FINITE = {"adapter": "batch", "masks": False}
_MASKED = {"adapter": "batch", "lengths": "both", "masks": True}

RIGHT = (
    Entry("padded soft Bellman by depth", "soft-bellman", soft_bellman, _MASKED),
    Entry("padded soft Bellman with codes", "soft-bellman", soft_bellman_by_codes, _MASKED),
    Entry("padded soft Bellman, float32", "soft-bellman", soft_bellman_by_codes, _BATCH | {"dtype": "float32"}),
    Entry("padded inverse", "inverse", inverse, _MASKED),
    Entry("padded log-probability", "log-prob", log_prob, _MASKED),
    Entry("padded policy", "policy", policy, _MASKED),
    Entry("padded marginals", "marginals", marginals, _MASKED),
    Entry("padded entropy", "entropy", entropy, _MASKED),
    Entry("padded KL", "kl", kl, _MASKED),
    Entry("padded k1", "kl-estimator", k1, _MASKED),
    Entry("padded k3 of whole responses", "kl-estimator", k3_of_responses, _BATCH | {"masks": False}),
    Entry("padded sampler", "sampler", sampler, _MASKED),
    Entry(
        "padded gradient of the log-partition", "gradient", gradient_of_log_partition, _MASKED | {"of": "log-partition"}
    ),
    Entry("padded gradient of the likelihood", "gradient", gradient_of_nll, _MASKED | {"of": "nll"}),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def kept_in_float32(rewards, prefixes, lengths):
    n_tokens = rewards.shape[1] - 1
    children = _children(prefixes, lengths, n_tokens)
    q, v = rewards.copy(), np.zeros(len(rewards) + 1, dtype=np.float32)  # rewards are float64
    for rows in reversed(_depths(lengths)):
        q[rows, :n_tokens] += v[children[rows]]
        v[rows] = np.logaddexp.reduce(q[rows], axis=1)
    return q, v[:-1]


def shifted_by_its_maximum(rewards, prefixes, lengths):
    n_tokens = rewards.shape[1] - 1
    children = _children(prefixes, lengths, n_tokens)
    q, v = rewards.copy(), np.zeros(len(rewards) + 1)
    for rows in reversed(_depths(lengths)):
        q[rows, :n_tokens] += v[children[rows]]
        top = q[rows].max(axis=1)
        with np.errstate(invalid="ignore"):
            v[rows] = top + np.log(np.exp(q[rows] - top[:, None]).sum(axis=1))  # -inf - (-inf) where all is forbidden
    return q, v[:-1]


def digits_backwards(rewards, prefixes, lengths):
    n_tokens = rewards.shape[1] - 1
    q, v, below = rewards.copy(), np.zeros(len(rewards)), None
    for rows in reversed(_depths(lengths)):
        places = n_tokens ** np.arange(lengths[rows[0]])
        rows = rows[np.argsort(prefixes[rows, : len(places)] @ places)]  # y1 + V y2 + …
        if below is not None:
            q[rows, :n_tokens] += below.reshape(-1, n_tokens)  # of Σ, the new token is the last digit, not the first
        below = np.logaddexp.reduce(q[rows], axis=1)
        v[rows] = below
    return q, v


def eos_has_a_child(rewards, prefixes, lengths):
    n_tokens = rewards.shape[1] - 1
    children = _children(prefixes, lengths, n_tokens)
    children = np.hstack([children, children[:, :1]])  # EOS is padded with token 0
    q, v = rewards.copy(), np.zeros(len(rewards) + 1)
    for rows in reversed(_depths(lengths)):
        q[rows] += v[children[rows]]
        v[rows] = np.logaddexp.reduce(q[rows], axis=1)
    return q, v[:-1]


def logits_for_rewards(logits, prefixes, lengths):
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)  # log-probabilities are rewards with V(s) off


def no_inverse(logits, prefixes, lengths):
    return logits  # as if the logits of a model were its rewards


def value_over_temperature(logits, prefixes, lengths, temperature):
    n_tokens = logits.shape[1] - 1
    v = np.append(np.logaddexp.reduce(logits / temperature, axis=1), 0.0)  # lacks temperature *
    rewards = logits.copy()
    rewards[:, :n_tokens] -= v[_children(prefixes, lengths, n_tokens)]
    return rewards


def padding_counted(logits, tokens, lengths):
    return np.take_along_axis(log_softmax(logits, axis=-1), tokens[..., None], axis=-1).sum(axis=(1, 2))  # no mask


def eos_is_padding(logits, tokens, lengths):
    steps = np.take_along_axis(log_softmax(logits, axis=-1), tokens[..., None], axis=-1)[..., 0]
    return np.where(tokens != logits.shape[-1] - 1, steps, 0.0).sum(axis=1)  # masks EOS, too, not only the padding


def divided_by_length(logits, tokens, lengths):
    return log_prob(logits, tokens, lengths) / lengths  # ranks beams, but is no log-probability


def shifted_twice(logits, tokens, lengths):
    log_pi = log_softmax(logits[:, :-1], axis=-1)  # the logits stand at their tokens already
    steps = np.take_along_axis(log_pi, tokens[:, 1:, None], axis=-1)[..., 0]
    return np.where(np.arange(1, tokens.shape[1]) < lengths[:, None], steps, 0.0).sum(axis=1)


def softmax_over_rows(logits, prefixes, lengths):
    pi = np.zeros_like(logits)
    for rows in _depths(lengths):
        pi[rows] = np.exp(logits[rows] - np.logaddexp.reduce(logits[rows], axis=0))  # axis=1
    return pi


def sum_of_logits(logits, prefixes, lengths):
    n_tokens = logits.shape[1] - 1
    children = _children(prefixes, lengths, n_tokens)
    weight = np.zeros(len(logits) + 1)
    for rows in _depths(lengths)[:-1]:
        weight[children[rows]] = weight[rows, None] + logits[rows, :n_tokens]
    return np.exp(weight[:-1])  # a path of logits is no path of log-probabilities


def entropy_of_uniform_prefixes(logits, prefixes, lengths):
    pi = softmax(logits, axis=1)
    return -np.sum(pi * np.log(np.where(pi > 0.0, pi, 1.0)))  # lacks the chance of the prefix


def k1_backwards(log_p, log_q, lengths):
    return (log_q - log_p).sum(axis=1)  # -KL


def k1_mean(log_p, log_q, lengths):
    return (log_p - log_q).sum(axis=1) / lengths  # token-level KL


def k2_of_tokens(log_p, log_q, lengths):
    return ((log_p - log_q) ** 2).sum(axis=1) / 2  # unbiased for no p and q


def k1_without_eos(log_p, log_q, lengths):
    inside = np.arange(log_p.shape[1]) < lengths[:, None] - 1  # EOS is at lengths - 1, and counts
    return np.where(inside, log_p - log_q, 0.0).sum(axis=1)


def greedy(logits, prefixes, lengths, n):
    n_tokens, horizon = logits.shape[1] - 1, prefixes.shape[1]
    children = _children(prefixes, lengths, n_tokens)
    best, row = np.full(horizon, n_tokens), np.flatnonzero(lengths == 0)[0]
    for t in range(horizon):
        best[t] = logits[row].argmax()  # a mode, not a draw
        if best[t] == n_tokens or children[row, best[t]] < 0:
            break
        row = children[row, best[t]]
    return np.tile(best, (n, 1))


def mean_over_tokens(logits, tokens, lengths):
    return gradient_of_nll(logits, tokens, lengths) * len(tokens) / lengths.sum()  # of responses, not of tokens


def each_response_by_its_length(logits, tokens, lengths):
    return gradient_of_nll(logits, tokens, lengths) / lengths[:, None, None]  # long responses count as much per token


def downhill_and_up(rewards, prefixes, lengths):
    return -gradient_of_log_partition(rewards, prefixes, lengths)  # that of the free energy


WRONG = (
    Entry("padded values kept in float32", "soft-bellman", kept_in_float32, _BATCH, ("single-precision",)),
    Entry("padded shift by -inf", "soft-bellman", shifted_by_its_maximum, _BATCH, ("shift-by-infinity",)),
    Entry("padded digits backwards", "soft-bellman", digits_backwards, _BATCH, ("prefix-order",)),
    Entry("padded EOS with a child", "soft-bellman", eos_has_a_child, _BATCH, ("eos-goes-on",)),
    Entry(
        "padded log-softmax for an inverse",
        "inverse",
        logits_for_rewards,
        _BATCH,
        ("inverse-own-value",),
    ),
    Entry("padded identity for an inverse", "inverse", no_inverse, _BATCH, ("not-inverted",)),
    Entry(
        "padded inverse that lost its temperature",
        "inverse",
        value_over_temperature,
        _BATCH,
        ("inverse-lost-temperature",),
    ),
    Entry("padded log-probability with the padding", "log-prob", padding_counted, _BATCH, ("padding-counted",)),
    Entry(
        "padded log-probability without EOS",
        "log-prob",
        eos_is_padding,
        _BATCH | {"masks": False},
        ("last-step-for-free",),
    ),
    Entry("padded log-probability over length", "log-prob", divided_by_length, _BATCH, ("length-normalised",)),
    Entry("padded log-probability shifted twice", "log-prob", shifted_twice, _BATCH, ("shifted-twice",)),
    Entry(
        "padded softmax over rows",
        "policy",
        softmax_over_rows,
        _BATCH | {"lengths": "fixed", "masks": False},
        ("policy-over-prefixes",),
    ),
    Entry("padded marginals of logits", "marginals", sum_of_logits, _BATCH, ("passing-not-normalised",)),
    Entry(
        "padded entropy of all prefixes",
        "entropy",
        entropy_of_uniform_prefixes,
        _BATCH,
        ("entropy-of-every-prefix",),
    ),
    Entry("padded k1 backwards", "kl-estimator", k1_backwards, _BATCH, ("kl-negative",)),
    Entry("padded mean k1", "kl-estimator", k1_mean, _BATCH, ("kl-token-mean",)),
    Entry("padded k2 of tokens", "kl-estimator", k2_of_tokens, _BATCH, ("kl-k2-of-tokens",)),
    Entry("padded k1 without EOS", "kl-estimator", k1_without_eos, _BATCH, ("kl-without-last-step",)),
    Entry("padded greedy sampler", "sampler", greedy, _BATCH, ("policy-greedy",)),
    Entry(
        "padded gradient of the mean over tokens",
        "gradient",
        mean_over_tokens,
        _BATCH | {"of": "nll"},
        ("arm-gradient-token-mean",),
    ),
    Entry(
        "padded gradient over lengths",
        "gradient",
        each_response_by_its_length,
        _BATCH | {"of": "nll"},
        ("arm-gradient-per-token",),
    ),
    Entry(
        "padded gradient of the free energy",
        "gradient",
        downhill_and_up,
        _BATCH | {"of": "log-partition"},
        ("gradient-sign",),
    ),
)
