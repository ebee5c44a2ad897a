"""Models on dicts: log-probabilities, policies, marginals, entropies, divergences and gradients from logits."""

import math

import numpy as np

from gallery.common import by_prefix, log_softmax, log_sum_exp, softmax
from gallery.entry import Entry

__all__ = ["RIGHT", "WRONG"]


def _policy(logits):
    return {prefix: softmax(row) for prefix, row in by_prefix(logits).items()}


def _steps(response):
    """(prefix, action) for each step of a response."""
    return [(response[:t], action) for t, action in enumerate(response)]


def _passing(logits):
    rho = {(): 1.0}
    for prefix, row in sorted(_policy(logits).items(), key=lambda item: len(item[0])):
        for action, p in row.items():
            rho[*prefix, action] = rho[prefix] * p
    return rho


# -- right ------------------------------------------------------------------------------------------------------------


def log_prob(logits, response):
    total = 0.0
    for prefix, action in _steps(response):
        row = [q for (s, _), q in logits.items() if s == prefix]
        total += logits[prefix, action] - log_sum_exp(row)
    return total


def log_prob_of_prompts(logits, prompt, response):
    total = 0.0
    for prefix, action in _steps(response):
        row = [q for (x, s, _), q in logits.items() if (x, s) == (prompt, prefix)]
        total += logits[prompt, prefix, action] - log_sum_exp(row)
    return total


def policy(logits):
    return {(s, a): p for s, row in _policy(logits).items() for a, p in row.items()}


def log_policy(logits):
    return {(s, a): x for s, row in by_prefix(logits).items() for a, x in log_softmax(row).items()}


def marginals(logits):
    rho = _passing(logits)
    return {prefix: rho[prefix] for prefix in by_prefix(logits)}


def entropy(logits):
    """The chain rule: the entropy of each step, weighted by the chance of getting there."""
    rho = _passing(logits)
    return -sum(
        rho[s] * p * math.log(p) for s, row in _policy(logits).items() for p in row.values() if rho[s] > 0.0 and p > 0.0
    )


def kl(logits_p, logits_q):
    log_p, log_q = log_policy(logits_p), log_policy(logits_q)
    log_joint = {(): 0.0}
    total = 0.0
    for prefix, action in sorted(logits_p, key=lambda key: len(key[0])):
        x, y = log_p[prefix, action], log_q[prefix, action]
        log_joint[*prefix, action] = log_joint[prefix] + x
        if log_joint[*prefix, action] > -math.inf:
            total += math.exp(log_joint[*prefix, action]) * (x - y) if y > -math.inf else math.inf
    return total


def kl_k1(logits_p, logits_q, response):
    return log_prob(logits_p, response) - log_prob(logits_q, response)


def kl_summed_over_actions(logits_p, logits_q, response):
    """Rao-Blackwell: the exact KL of each step along a response that p drew."""
    p, q = by_prefix(logits_p), by_prefix(logits_q)
    total = 0.0
    for prefix, _ in _steps(response):
        mine, theirs = log_softmax(p[prefix]), log_softmax(q[prefix])
        total += sum(math.exp(x) * (x - theirs[a]) for a, x in mine.items() if x > -math.inf)
    return total


def kl_k3(logits_p, logits_q, response):
    log_ratio = log_prob(logits_q, response) - log_prob(logits_p, response)
    return math.expm1(log_ratio) - log_ratio


def gradient_of_log_partition(rewards):
    """Forwards through the policy of M r, which comes from behind."""
    q, v = dict(rewards), {}
    rows = sorted(by_prefix(rewards).items(), key=lambda item: len(item[0]))
    for prefix, row in reversed(rows):
        for action in row:
            q[prefix, action] += v.get((*prefix, action), 0.0)
        v[prefix] = log_sum_exp([q[prefix, action] for action in row])
    rho = {(): 1.0}
    for prefix, row in rows:
        for action in row:
            dead = q[prefix, action] == -math.inf
            rho[*prefix, action] = 0.0 if dead else rho[prefix] * math.exp(q[prefix, action] - v[prefix])
    return {(s, a): rho[*s, a] for s, a in rewards}


def gradient_of_nll(logits, responses):
    gradient = dict.fromkeys(logits, 0.0)
    pi = _policy(logits)
    for response in responses:
        for prefix, action in _steps(response):
            gradient[prefix, action] -= 1.0 / len(responses)
            for other, p in pi[prefix].items():
                gradient[prefix, other] += p / len(responses)
    return gradient


RIGHT = (
    Entry("dict log-probability", "log-prob", log_prob, {"adapter": "dict", "lengths": "both", "masks": True}),
    Entry("dict log-probability with prompts", "log-prob", log_prob_of_prompts, {"adapter": "dict", "prompts": True}),
    Entry("dict policy", "policy", policy, {"adapter": "dict", "lengths": "both", "masks": True}),
    Entry("dict log-policy", "policy", log_policy, {"adapter": "dict", "returns": "log-probabilities", "masks": True}),
    Entry("dict marginals", "marginals", marginals, {"adapter": "dict", "lengths": "both", "masks": True}),
    Entry("dict entropy by the chain rule", "entropy", entropy, {"adapter": "dict", "lengths": "both", "masks": True}),
    Entry("dict KL by the chain rule", "kl", kl, {"adapter": "dict", "lengths": "both", "masks": True}),
    Entry("dict k1", "kl-estimator", kl_k1, {"adapter": "dict", "lengths": "both", "masks": True}),
    Entry("dict KL summed over actions", "kl-estimator", kl_summed_over_actions, {"adapter": "dict", "masks": True}),
    # Where q allows what p forbids, k3 falls short by what q gives to it.
    Entry("dict k3", "kl-estimator", kl_k3, {"adapter": "dict", "masks": False}),
    Entry(
        "dict gradient of the log-partition, forwards and backwards",
        "gradient",
        gradient_of_log_partition,
        {"adapter": "dict", "of": "log-partition", "masks": True},
    ),
    Entry(
        "dict gradient of the likelihood",
        "gradient",
        gradient_of_nll,
        {"adapter": "dict", "of": "nll", "lengths": "both", "masks": True},
    ),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def logits_added_up(logits, response):
    return sum(logits[step] for step in _steps(response))  # no log-softmax


def tokens_normalised_alone(logits, response):
    total = 0.0
    for prefix, action in _steps(response):
        row = by_prefix(logits)[prefix]
        others = [q for a, q in row.items() if a is not None] or [row[None]]
        total += row[action] - log_sum_exp(list(row.values()) if action is None else others)  # EOS is an action, too
    return total


def mean_log_prob(logits, response):
    return log_prob(logits, response) / len(response)  # a perplexity is normalised so, a probability is not


def eos_for_free(logits, response):
    total = 0.0
    for prefix, action in _steps(response):
        if action is not None:  # ending costs as much as going on
            total += log_softmax(by_prefix(logits)[prefix])[action]
    return total


def policy_without_eos(logits):
    pi = {}
    for (prefix, action), q in logits.items():
        row = by_prefix(logits)[prefix]
        tokens = [x for a, x in row.items() if a is not None]
        whole = action is None or not tokens
        pi[prefix, action] = math.exp(q - log_sum_exp(list(row.values()) if whole else tokens))  # EOS is left out
    return pi


def exp_of_logits(logits):
    return {key: np.exp(q) for key, q in logits.items()}  # as if they were log-probabilities


def policy_of_rewards(rewards):
    return {(s, a): p for s, row in _policy(rewards).items() for a, p in row.items()}  # softmax(r), not softmax(M r)


def _optimal(rewards, temperature, total):
    q, v = dict(rewards), {}
    for prefix, row in sorted(by_prefix(rewards).items(), key=lambda item: -len(item[0])):
        for action in row:
            q[prefix, action] += v.get((*prefix, action), 0.0)
        v[prefix] = total([q[prefix, action] for action in row], temperature)
    return q


def _soft(row, temperature):
    return temperature * log_sum_exp([x / temperature for x in row])


def softmax_of_q(rewards, temperature):
    return policy(_optimal(rewards, temperature, _soft))  # softmax(Q) lacks /τ


def tempered_logits(rewards, temperature):
    q = _optimal(rewards, 1.0, _soft)
    return policy({key: x / temperature for key, x in q.items()})  # rewards are to be divided, not logits


def softmax_of_hard_q(rewards, temperature):
    q = _optimal(rewards, temperature, lambda row, _: max(row))  # the Q of the best policy, not of the soft one
    return policy({key: x / temperature for key, x in q.items()})


def policy_at_temperature_one(rewards, temperature):
    return policy(_optimal(rewards, 1.0, _soft))  # the temperature is taken and forgotten


def marginals_one_early(logits):
    rho = _passing(logits)
    return {prefix: rho[prefix[:-1]] for prefix in by_prefix(logits)}  # without the last token


def last_step_only(logits):
    pi = _policy(logits)
    return {prefix: pi[prefix[:-1]][prefix[-1]] if prefix else 1.0 for prefix in pi}  # not multiplied along the path


def sum_to_one_at_each_depth(logits):
    pi = {(s, a): x for s, row in by_prefix(logits).items() for a, x in log_softmax(row).items()}
    log_rho = {s: sum(pi[s[:t], a] for t, a in enumerate(s)) for s, _ in logits}
    mass = {}
    for s, x in log_rho.items():
        mass[len(s)] = np.logaddexp(mass.get(len(s), -np.inf), x)
    return {s: math.exp(x - mass[len(s)]) for s, x in log_rho.items()}  # some responses have ended before


def entropy_per_token(logits):
    rho = marginals(logits)
    return entropy(logits) / sum(rho.values())  # per response, not per token


def entropy_of_tokens(logits):
    rho, total = _passing(logits), 0.0
    for prefix, row in by_prefix(logits).items():
        for action, x in log_softmax(row).items():
            if action is not None and x > -math.inf:  # the end carries surprise, too
                total -= rho[prefix] * math.exp(x) * x
    return total


def entropy_at_the_start(logits):
    row = _policy(logits)[()]
    return -sum(p * math.log(p) for p in row.values() if p > 0.0)  # one step of several


def kl_reversed(logits_p, logits_q):
    return kl(logits_q, logits_p)  # the arguments are swapped


def kl_in_bits(logits_p, logits_q):
    return kl(logits_p, logits_q) / math.log(2.0)


def mean_kl_per_token(logits_p, logits_q):
    return kl(logits_p, logits_q) / sum(marginals(logits_p).values())  # the KL of responses is a sum over tokens


def kl_of_every_prefix(logits_p, logits_q):
    q, total = by_prefix(logits_q), 0.0
    for prefix, row in by_prefix(logits_p).items():
        mine, theirs = log_softmax(row), log_softmax(q[prefix])
        total += sum(math.exp(x) * (x - theirs[a]) for a, x in mine.items())  # lacks the chance of the prefix
    return total


def kl_of_all_actions(logits_p, logits_q):
    rho, log_q = _passing(logits_p), log_policy(logits_q)
    # What p forbids is 0 · (-inf - …), NaN.
    return sum(rho[s] * np.exp(x) * (x - log_q[s, a]) for (s, a), x in log_policy(logits_p).items())


def kl_of_first_step(logits_p, logits_q):
    mine, theirs = log_softmax(by_prefix(logits_p)[()]), log_softmax(by_prefix(logits_q)[()])
    return sum(math.exp(x) * (x - theirs[a]) for a, x in mine.items() if x > -math.inf)  # one step of several


def k2(logits_p, logits_q, response):
    return (log_prob(logits_p, response) - log_prob(logits_q, response)) ** 2 / 2  # low variance, but biased


def k3_upside_down(logits_p, logits_q, response):
    log_ratio = log_prob(logits_p, response) - log_prob(logits_q, response)  # q/p, not p/q
    return math.expm1(log_ratio) - log_ratio


def k1_per_token(logits_p, logits_q, response):
    return kl_k1(logits_p, logits_q, response) / len(response)  # a mean over tokens, not a sum


def policy_for_gradient(rewards):
    return policy(_optimal(rewards, 1.0, _soft))  # lacks the chance of getting to s


def occupancy_of_local_policy(rewards):
    rho = _passing(rewards)  # draws from softmax(r), which does not look ahead
    return {(s, a): rho[*s, a] for s, a in rewards}


def prefix_for_pair(rewards):
    rho = _passing(_optimal(rewards, 1.0, _soft))
    return {(s, a): rho[s] for s, a in rewards}  # the chance of s, not of (s, a)


def ascent(logits, responses):
    return {key: -x for key, x in gradient_of_nll(logits, responses).items()}  # of the likelihood, not of the loss


def on_policy_prefixes(logits, responses):
    gradient = {(s, a): x for (s, a), x in _occupancy(logits).items()}  # prefixes are those of the data
    for response in responses:
        for step in _steps(response):
            gradient[step] -= 1.0 / len(responses)
    return gradient


def _occupancy(logits):
    rho = _passing(logits)
    return {(s, a): rho[*s, a] for s, a in logits}


_DICT = {"adapter": "dict"}
_REWARDS = {"adapter": "dict", "view": "rewards", "masks": False}
_LOG_PARTITION = {"adapter": "dict", "of": "log-partition", "masks": False}
_NLL = {"adapter": "dict", "of": "nll"}
_FINITE = {"adapter": "dict", "masks": False}

WRONG = (
    Entry("dict logits added up", "log-prob", logits_added_up, _DICT, ("not-normalised",)),
    Entry("dict tokens normalised without EOS", "log-prob", tokens_normalised_alone, _FINITE, ("eos-outside-softmax",)),
    Entry("dict mean log-probability", "log-prob", mean_log_prob, _DICT, ("length-normalised",)),
    Entry("dict EOS for free", "log-prob", eos_for_free, _FINITE, ("last-step-for-free",)),
    Entry("dict policy without EOS", "policy", policy_without_eos, _FINITE, ("policy-without-eos",)),
    Entry("dict exp of logits", "policy", exp_of_logits, _FINITE, ("policy-not-normalised",)),
    Entry("dict softmax of rewards", "policy", policy_of_rewards, _REWARDS, ("policy-of-rewards", "rewards-as-logits")),
    Entry("dict softmax(Q) without /τ", "policy", softmax_of_q, _REWARDS, ("policy-lost-temperature",)),
    Entry("dict logits over τ", "policy", tempered_logits, _REWARDS, ("token-temperature",)),
    Entry("dict softmax of a hard Q", "policy", softmax_of_hard_q, _REWARDS, ("policy-of-hard-max", "hard-max")),
    Entry("dict policy that ignores τ", "policy", policy_at_temperature_one, _REWARDS, ("policy-temperature-ignored",)),
    Entry("dict marginals one early", "marginals", marginals_one_early, _DICT, ("passing-one-early",)),
    Entry("dict marginals of the last step", "marginals", last_step_only, _DICT, ("passing-last-step",)),
    Entry("dict marginals given the depth", "marginals", sum_to_one_at_each_depth, _FINITE, ("passing-given-length",)),
    Entry("dict entropy per token", "entropy", entropy_per_token, _DICT, ("entropy-per-token",)),
    Entry("dict entropy of tokens without EOS", "entropy", entropy_of_tokens, _DICT, ("entropy-without-last-step",)),
    Entry("dict entropy of the first step", "entropy", entropy_at_the_start, _DICT, ("entropy-of-first-step",)),
    Entry("dict KL reversed", "kl", kl_reversed, _DICT, ("kl-reversed",)),
    Entry("dict KL in bits", "kl", kl_in_bits, _DICT, ("kl-in-bits",)),
    Entry("dict KL per token", "kl", mean_kl_per_token, _DICT, ("kl-per-token",)),
    Entry("dict KL of every prefix", "kl", kl_of_every_prefix, _FINITE, ("kl-unweighted",)),
    Entry("dict KL of all actions", "kl", kl_of_all_actions, _DICT, ("kl-zero-times-infinity",)),
    Entry("dict KL of the first step", "kl", kl_of_first_step, _DICT, ("kl-first-step",)),
    Entry("dict k2", "kl-estimator", k2, _DICT, ("kl-k2",)),
    Entry("dict k3 upside down", "kl-estimator", k3_upside_down, _DICT, ("kl-k3-inverted",)),
    # The mean of a ratio, which is not the ratio of the means that kl-per-token is.
    Entry("dict k1 per token", "kl-estimator", k1_per_token, _DICT, ("kl-token-mean",)),
    Entry("dict policy for a gradient", "gradient", policy_for_gradient, _LOG_PARTITION, ("gradient-policy-only",)),
    Entry(
        "dict gradient of softmax(r)",
        "gradient",
        occupancy_of_local_policy,
        _LOG_PARTITION,
        ("gradient-of-local-model",),
    ),
    Entry("dict gradient of prefixes", "gradient", prefix_for_pair, _LOG_PARTITION, ("gradient-prefix-only",)),
    Entry("dict gradient uphill", "gradient", ascent, _NLL, ("arm-gradient-sign",)),
    Entry(
        "dict gradient on the model's own prefixes",
        "gradient",
        on_policy_prefixes,
        _NLL,
        ("arm-gradient-own-prefixes",),
    ),
)
