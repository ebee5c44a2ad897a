"""Mistakes in products of next-token probabilities."""

from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.mistakes.common import Array, Kit, log_policy, registered, totals
from proofs_check.paths import lengths
from proofs_check.toolkit import Levels
from tabular_bellman.recursion import forward
from tabular_bellman.space import SequenceSpace

__all__ = ["ARM", "PASSING", "POLICY"]


def _eos_for_free(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    policy = log_policy(kit, logits)
    if space.has_eos:
        for t in range(space.min_length - 1, space.n_depths):
            ends = np.where(kit.system.is_zero(policy[t][-1:]), policy[t][-1:], 0.0)
            policy[t] = kit.system.stack([policy[t][:-1], ends])
    else:
        policy[-1] = np.where(kit.system.is_zero(policy[-1]), policy[-1], 0.0)
    return totals(kit, space, policy)


def _eos_outside_softmax(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    V = space.n_tokens

    def policy(q: Array) -> Array:
        tokens = q[:V] if q.shape[0] > V else q
        return kit.system.stack([kit.system.normalise(tokens), log_policy(kit, [q])[0][len(tokens) :]])

    return totals(kit, space, [policy(q) for q in logits])


def _last_step_leaks(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    last = logits[-1]
    tokens = kit.system.ones((space.n_tokens, last.shape[1]))
    leaking = kit.system.divide(last, kit.system.sum(kit.system.stack([last, tokens])))
    return totals(kit, space, [*log_policy(kit, logits[:-1]), leaking])


def _not_normalised(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    return totals(kit, space, logits)


def _length_normalised(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    return totals(kit, space, log_policy(kit, logits)) / lengths(space)[:, None]


def _padding_counted(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    found = totals(kit, space, log_policy(kit, logits))
    if not space.has_eos:
        return found
    choices = kit.system.sum(kit.system.ones((space.n_tokens + 1, 1)))
    padding = [kit.system.power(choices, float(space.max_length - length)) for length in lengths(space)]
    return kit.system.divide(found, kit.system.stack(padding)[:, None])


def _shifted_twice(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    policy = log_policy(kit, logits)
    V, steps = space.n_tokens, [np.where(kit.system.is_zero(policy[0]), policy[0], kit.system.ones(policy[0].shape))]
    for t in range(1, space.n_depths):
        before = np.tile(policy[t - 1], V)  # the last token of a prefix is the slowest
        shape = policy[t].shape
        tokens = before[: min(V, shape[0])] if t + 1 < space.n_depths or not space.has_eos else before[:0]
        n_ends = shape[0] - tokens.shape[0]
        never = np.full((n_ends, shape[1]), -np.inf)
        steps.append(kit.system.stack([tokens, before[V:] if n_ends and before.shape[0] > V else never]))
    return totals(kit, space, steps)


ARM: Final = registered(
    "arm_log_probs",
    ("last-step-for-free", "the probability of the last step (EOS) is left out of p(y)", _eos_for_free),
    ("eos-outside-softmax", "tokens are normalised without EOS", _eos_outside_softmax),
    ("last-step-leaks", "tokens stay possible at the last step (q : S×A → R)", _last_step_leaks),
    ("not-normalised", "logits are added up as they are", _not_normalised),
    ("length-normalised", "log p(y) is divided by the length of y", _length_normalised),
    ("shifted-twice", "each step is scored one prefix too early, the first not at all", _shifted_twice),
    ("padding-counted", "steps after EOS count too, each as one of V + 1 equal choices", _padding_counted),
)


def _policy_without_eos(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    V = space.n_tokens
    policy = []
    for q in logits:
        n = V if q.shape[0] > V else q.shape[0]
        policy.append(kit.system.stack([kit.system.normalise(q[:n]), log_policy(kit, [q])[0][n:]]))
    return policy


def _policy_as_logits(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    return list(logits)


def _policy_over_prefixes(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    return [kit.system.normalise(q.T).T for q in logits]


def _policy_greedy(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    def best(q: Array) -> Array:
        chosen = np.arange(q.shape[0])[:, None] == reals.value(q).argmax(axis=0)
        return np.where(chosen & ~kit.system.is_zero(q), kit.system.ones(q.shape), -np.inf)

    return [best(q) for q in logits]


def _never_empty(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    policy = log_policy(kit, logits)
    if policy[0].shape[0] > space.n_tokens:
        tokens = kit.system.normalise(logits[0][: space.n_tokens])
        policy[0] = kit.system.stack([tokens, np.full((1, space.n_prompts), -np.inf)])
    return policy


POLICY: Final = registered(
    "policy",
    ("policy-without-eos", "the softmax leaves EOS out", _policy_without_eos),
    ("policy-not-normalised", "logits are taken for log-probabilities", _policy_as_logits),
    ("policy-over-prefixes", "the softmax runs over prefixes, not actions", _policy_over_prefixes),
    ("never-empty", "the first step is never EOS", _never_empty),
    ("policy-greedy", "probability 1 on the best action, 0 on the others", _policy_greedy),
)


def _shifted(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    right = kit.passing(space, logits)
    return [right[0], *(np.tile(right[t], space.n_tokens) for t in range(space.n_depths - 1))]


def _passing_as_logits(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    return forward(space, kit.system, logits)


def _passing_given_length(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    right = kit.passing(space, logits)
    per_prompt = [level.reshape(-1, space.n_prompts) for level in right]
    return [kit.system.normalise(level).reshape(-1) for level in per_prompt]


def _passing_last_step(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    right, policy = kit.passing(space, logits), log_policy(kit, logits)
    return [right[0], *(policy[t][: space.n_tokens].reshape(-1) for t in range(space.n_depths - 1))]


PASSING: Final = registered(
    "passing",
    ("passing-one-early", "the chance of the prefix without its last token", _shifted),
    ("passing-not-normalised", "logits are added up along the prefix as they are", _passing_as_logits),
    ("passing-last-step", "the chance of its last token alone, not multiplied along the prefix", _passing_last_step),
    ("passing-given-length", "the chance given that the response gets that far", _passing_given_length),
)
