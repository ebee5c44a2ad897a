"""The soft Bellman map and its inverse on dicts, in plain Python and with scipy."""

import math
from functools import cache

import numpy as np
from scipy.special import logsumexp

from gallery.common import by_prefix, log_sum_exp
from gallery.entry import Entry

__all__ = ["RIGHT", "WRONG"]


def _longest_first(table):
    return sorted(by_prefix(table).items(), key=lambda item: -len(item[0]))


# -- right ------------------------------------------------------------------------------------------------------------


def memo(rewards):
    rows = by_prefix(rewards)

    def logit(prefix, action):
        child = (*prefix, action)
        return rewards[prefix, action] + (value(child) if child in rows else 0.0)

    @cache
    def value(prefix):
        return log_sum_exp([logit(prefix, action) for action in rows[prefix]])

    return {key: logit(*key) for key in rewards}, {prefix: value(prefix) for prefix in rows}


def loops(rewards, temperature=1.0):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        v[prefix] = temperature * log_sum_exp([q[prefix, action] / temperature for action in row])
    return q, v


def loops_with_everything(rewards, *, temperature=1.0, discount=1.0, reference=None):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        terms = []
        for action, reward in row.items():
            q[prefix, action] = reward + discount * v.get((*prefix, action), 0.0)
            weight = 1.0 if reference is None else reference[prefix, action]
            if weight > 0.0:
                terms.append(math.log(weight) + q[prefix, action] / temperature)
        v[prefix] = temperature * log_sum_exp(terms)
    return q, v


def with_scipy(rewards, reference):
    q, v = dict(rewards), {}
    for prefix, row in _longest_first(rewards):
        for action in row:
            q[prefix, action] += v.get((*prefix, action), 0.0)
        v[prefix] = logsumexp([q[prefix, a] for a in row], b=[reference[prefix, a] for a in row])
    return q, v


def mean_over_actions(rewards):
    """The reference is uniform over the actions that exist, so that the sum is a mean."""
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        v[prefix] = log_sum_exp([q[prefix, action] for action in row]) - math.log(len(row))
    return q, v


def values_of_prompts(rewards):
    v = {}
    for prompt, prefix, action in sorted(rewards, key=lambda key: -len(key[1])):
        q = rewards[prompt, prefix, action] + v.get((prompt, (*prefix, action)), 0.0)
        v[prompt, prefix] = np.logaddexp(v.get((prompt, prefix), -np.inf), q)
    return v


def inverse(logits):
    rows = by_prefix(logits)
    value = {prefix: log_sum_exp(list(row.values())) for prefix, row in rows.items()}
    return {(s, a): q - value.get((*s, a), 0.0) for (s, a), q in logits.items()}


def inverse_with_everything(logits, temperature, discount, reference):
    value = {}
    for (s, a), q in logits.items():
        with np.errstate(divide="ignore"):
            term = q / temperature + np.log(reference[s, a])
        value[s] = np.logaddexp(value.get(s, -np.inf), term)
    return {(s, a): q - discount * temperature * value.get((*s, a), 0.0) for (s, a), q in logits.items()}


RIGHT = (
    Entry("dict recursion with a memo", "soft-bellman", memo, {"adapter": "dict", "lengths": "both"}),
    Entry("dict loops, longest first", "soft-bellman", loops, {"adapter": "dict", "masks": True}),
    Entry("dict loops at temperature 1", "soft-bellman", loops, {"adapter": "dict", "temperature": 1.0}),
    Entry(
        "dict loops with temperature, discount and reference",
        "soft-bellman",
        loops_with_everything,
        {"adapter": "dict", "lengths": "both", "masks": True},
    ),
    Entry("dict loops with scipy and a reference", "soft-bellman", with_scipy, {"adapter": "dict", "masks": True}),
    Entry(
        "dict loops with a mean for the uniform reference",
        "soft-bellman",
        mean_over_actions,
        {"adapter": "dict", "reference": "uniform"},
    ),
    Entry(
        "dict values of several prompts",
        "soft-bellman",
        values_of_prompts,
        {"adapter": "dict", "prompts": True, "returns": "values", "lengths": "both"},
    ),
    Entry("dict inverse", "inverse", inverse, {"adapter": "dict", "lengths": "both", "masks": True}),
    Entry(
        "dict inverse with temperature, discount and reference",
        "inverse",
        inverse_with_everything,
        {"adapter": "dict", "masks": True},
    ),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def hard_max(rewards):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        v[prefix] = max(q[prefix, action] for action in row)  # the best action, not all of them
    return q, v


def eos_left_out(rewards):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        tokens = [q[prefix, action] for action in row if action is not None]
        v[prefix] = log_sum_exp(tokens) if tokens else q[prefix, None]  # None counts at the last step only
    return q, v


def starts_from_zero(rewards):
    rows = by_prefix(rewards)
    horizon = max(map(len, rows))
    q = dict.fromkeys(rewards, 0.0)
    v = {prefix: 0.0 for prefix in rows if len(prefix) == horizon}  # these still have a step to go
    for prefix in sorted(rows.keys() - v.keys(), key=len, reverse=True):
        for action, reward in rows[prefix].items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        v[prefix] = log_sum_exp([q[prefix, action] for action in rows[prefix]])
    return q, v


def stops_one_step_early(rewards):
    q, v = dict(rewards), {}
    horizon = max(len(prefix) for prefix, _ in rewards)
    for prefix, row in _longest_first(rewards):
        for action in row:
            q[prefix, action] += v.get((*prefix, action), 0.0)
        if len(prefix) < horizon:  # a prefix of that length still has a step to go
            v[prefix] = log_sum_exp([q[prefix, action] for action in row])
    return q


def values_of_parents(rewards):
    q, v = memo(rewards)
    return q, {prefix: v[prefix[:-1]] for prefix in v}  # an index off by one: the value before the last token


def large_negative_number(rewards):
    return memo({key: r if r > -math.inf else -1e9 for key, r in rewards.items()})  # forbidden is -inf


def unshifted(rewards):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        with np.errstate(over="ignore", divide="ignore"):
            v[prefix] = np.log(np.sum(np.exp([q[prefix, action] for action in row])))  # overflows above 709
    return q, v


def no_lookahead(rewards):
    return {prefix: log_sum_exp(list(row.values())) for prefix, row in by_prefix(rewards).items()}  # of r, not of q


def one_step_ahead(rewards):
    # What comes after the next reward is not looked at.
    ahead = {prefix: log_sum_exp(list(row.values())) for prefix, row in by_prefix(rewards).items()}
    q = {(s, a): r + ahead.get((*s, a), 0.0) for (s, a), r in rewards.items()}
    return q, {prefix: log_sum_exp(list(row.values())) for prefix, row in by_prefix(q).items()}


def minus_for_plus(rewards):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward - v.get((*prefix, action), 0.0)  # a reward, not a cost
        v[prefix] = log_sum_exp([q[prefix, action] for action in row])
    return q, v


def temperature_only_inside(rewards, temperature):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        v[prefix] = log_sum_exp([q[prefix, action] / temperature for action in row])  # lacks temperature *
    return q, v


def beta_for_temperature(rewards, temperature):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        v[prefix] = log_sum_exp([temperature * q[prefix, a] for a in row]) / temperature  # as if it were 1/τ
    return q, v


def mean_reward_to_go(rewards):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        x = np.array([q[prefix, action] for action in row])
        v[prefix] = float(np.exp(x - log_sum_exp(x)) @ x)  # Σ π q, without the entropy of π
    return q, v


def prepended(rewards):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((action, *prefix), 0.0)  # the action goes to the end
        v[prefix] = log_sum_exp([q[prefix, action] for action in row])
    return q, v


def memo_without_prompt(rewards):
    rows, q, known = {}, {}, {}
    for (prompt, prefix, action), reward in rewards.items():
        rows.setdefault((prompt, prefix), {})[action] = reward
    for (prompt, prefix), row in sorted(rows.items(), key=lambda item: -len(item[0][1])):
        for action, reward in row.items():
            q[prompt, prefix, action] = reward + known.get((*prefix, action), 0.0)
        # The first prompt that gets here sets the value for all of them.
        known.setdefault(prefix, log_sum_exp([q[prompt, prefix, action] for action in row]))
    return q


def states_are_strings(rewards):
    merged = {}  # "a" + "b" is "ab", however it came about
    for (prompt, prefix, action), reward in rewards.items():
        merged.setdefault(f"{prompt}{''.join(prefix)}", {})[action] = reward

    def logit(text, action):
        below = f"{text}{action}"
        return merged[text][action] + (value(below) if action is not None and below in merged else 0.0)

    @cache
    def value(text):
        return log_sum_exp([logit(text, action) for action in merged[text]])

    return {(prompt, prefix, a): logit(f"{prompt}{''.join(prefix)}", a) for prompt, prefix, a in rewards}


def discount_ignored(rewards, discount):
    return loops(rewards)  # the discount is taken and forgotten


def discounted_rewards(rewards, discount):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            below = v.get((*prefix, action), 0.0)
            q[prefix, action] = reward if action is None else discount * (reward + below)  # the reward is due now
        v[prefix] = log_sum_exp([q[prefix, action] for action in row])
    return q, v


def reference_ignored(rewards, reference):
    return loops(rewards)  # counts every action as 1


def reference_in_logits(rewards, reference):
    with np.errstate(divide="ignore"):
        return loops({key: r + np.log(reference[key]) for key, r in rewards.items()})  # logits hold no log π_ref


def reference_tempered(rewards, reference, temperature):
    q, v = {}, {}
    for prefix, row in _longest_first(rewards):
        for action, reward in row.items():
            q[prefix, action] = reward + v.get((*prefix, action), 0.0)
        with np.errstate(divide="ignore"):
            x = [(q[prefix, a] + np.log(reference[prefix, a])) / temperature for a in row]  # π_ref is not divided
        v[prefix] = temperature * log_sum_exp(x)
    return q, v


def subtracts_own_value(logits):
    value = {prefix: log_sum_exp(list(row.values())) for prefix, row in by_prefix(logits).items()}
    return {(s, a): q - value[s] for (s, a), q in logits.items()}  # this is log-softmax


def subtracts_best_logit(logits):
    best = {prefix: max(row.values()) for prefix, row in by_prefix(logits).items()}
    return {(s, a): q - best.get((*s, a), 0.0) for (s, a), q in logits.items()}  # the maximum is no soft value


def adds_the_value(logits):
    value = {prefix: log_sum_exp(list(row.values())) for prefix, row in by_prefix(logits).items()}
    return {(s, a): q + value.get((*s, a), 0.0) for (s, a), q in logits.items()}  # that is the way forward


def inverse_without_discount(logits, discount):
    return inverse(logits)  # γ is taken and forgotten


def inverse_without_reference(logits, reference):
    return inverse(logits)  # the value is that of weights 1


_DICT = {"adapter": "dict"}
_FINITE = {"adapter": "dict", "masks": False}

WRONG = (
    Entry("dict hard max", "soft-bellman", hard_max, _DICT, ("hard-max",)),
    Entry("dict without EOS in the sum", "soft-bellman", eos_left_out, _DICT, ("eos-left-out",)),
    Entry(
        "dict that starts from V = 0 one step early", "soft-bellman", starts_from_zero, _FINITE, ("last-step-dropped",)
    ),
    Entry(
        "dict with a horizon one short",
        "soft-bellman",
        stops_one_step_early,
        _FINITE | {"returns": "logits"},
        ("horizon-one-short",),
    ),
    Entry("dict with the values of parents", "soft-bellman", values_of_parents, _DICT, ("values-one-early",)),
    Entry(
        "dict without any lookahead",
        "soft-bellman",
        no_lookahead,
        _DICT | {"returns": "values"},
        ("rewards-as-logits",),
    ),
    Entry("dict with -1e9 for -inf", "soft-bellman", large_negative_number, _DICT, ("mask-1e9",)),
    Entry("dict without a shift", "soft-bellman", unshifted, _DICT, ("no-shift",)),
    Entry("dict that sees one step ahead", "soft-bellman", one_step_ahead, _DICT, ("one-step-lookahead",)),
    Entry("dict with minus for plus", "soft-bellman", minus_for_plus, _FINITE, ("wrong-sign",)),
    Entry(
        "dict with the temperature only inside", "soft-bellman", temperature_only_inside, _DICT, ("lost-temperature",)
    ),
    Entry(
        "dict with the temperature upside down", "soft-bellman", beta_for_temperature, _DICT, ("temperature-inverted",)
    ),
    # Right code for another question: above it stands with reference="uniform".
    Entry("dict log-mean-exp", "soft-bellman", mean_over_actions, _DICT, ("log-mean-exp",)),
    Entry(
        "dict value without entropy",
        "soft-bellman",
        mean_reward_to_go,
        _DICT | {"lengths": "both", "masks": False},
        ("expected-value",),
    ),
    Entry("dict that puts the action in front", "soft-bellman", prepended, _DICT, ("prefix-order",)),
    Entry(
        "dict memo without the prompt",
        "soft-bellman",
        memo_without_prompt,
        _DICT | {"prompts": True, "returns": "logits"},
        ("prompts-merged",),
    ),
    Entry(
        "dict with strings for states",
        "soft-bellman",
        states_are_strings,
        _DICT | {"prompts": True, "returns": "logits"},
        ("prompts-concatenated",),
    ),
    Entry("dict that ignores the discount", "soft-bellman", discount_ignored, _DICT, ("discount-ignored",)),
    Entry("dict that discounts the reward too", "soft-bellman", discounted_rewards, _DICT, ("discount-on-reward",)),
    Entry("dict that ignores the reference", "soft-bellman", reference_ignored, _DICT, ("measure-ignored",)),
    Entry(
        "dict with the reference in the logits",
        "soft-bellman",
        reference_in_logits,
        _DICT,
        ("measure-in-logits",),
    ),
    Entry(
        "dict that tempers the reference",
        "soft-bellman",
        reference_tempered,
        _DICT,
        ("measure-tempered",),
    ),
    Entry(
        "dict inverse that subtracts V(s)",
        "inverse",
        subtracts_own_value,
        _DICT,
        ("inverse-own-value",),
    ),
    Entry("dict inverse with a hard max", "inverse", subtracts_best_logit, _DICT, ("inverse-hard-max",)),
    Entry("dict inverse with plus for minus", "inverse", adds_the_value, _DICT, ("inverse-sign",)),
    Entry(
        "dict inverse that ignores the discount",
        "inverse",
        inverse_without_discount,
        _DICT,
        ("inverse-discount-ignored",),
    ),
    Entry(
        "dict inverse that ignores the reference",
        "inverse",
        inverse_without_reference,
        _DICT,
        ("inverse-measure-ignored",),
    ),
)
