"""Mistakes in the soft Bellman map."""

from functools import partial
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.mistakes.common import Array, Kit, registered, soft_value, soft_values, without, wrong_backward
from proofs_check.toolkit import Levels, expectation
from tabular_bellman.space import SequenceSpace

__all__ = ["OF_TEMPERATURE", "SOFT_BELLMAN", "SOFT_BELLMAN_LOGITS", "SOFT_BELLMAN_POLICY"]


def _hard_max(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return wrong_backward(kit, space, rewards, temperature, total=lambda _, q: reals.largest(q, 0))


def _eos_left_out(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        tokens = q[: space.n_tokens] if q.shape[0] > space.n_tokens else q
        return soft_value(kit, tokens, temperature)

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _last_step_dropped(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    last = space.n_depths - 1
    level = np.where(kit.system.is_zero(rewards[last]), rewards[last], kit.system.ones(rewards[last].shape))
    return kit.recursion(space, [*rewards[:last], level], temperature)


def _one_step_lookahead(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def children(t: int, _: Array) -> Array:
        return soft_value(kit, rewards[t + 1], temperature).reshape(space.n_tokens, -1)

    return wrong_backward(kit, space, rewards, temperature, children=children)


def _eos_goes_on(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def eos(_: int, reward: Array, below: Array) -> Array:
        return kit.system.multiply(reward, below[:1])

    return wrong_backward(kit, space, rewards, temperature, eos=eos)


def _prompts_merged(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def children(_: int, values: Array) -> Array:
        first = values.reshape(-1, space.n_prompts)[:, :1]
        return np.repeat(first, space.n_prompts, axis=1).reshape(space.n_tokens, -1)

    return wrong_backward(kit, space, rewards, temperature, children=children)


def _prefix_order(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def children(_: int, values: Array) -> Array:
        return values.reshape(-1, space.n_tokens).T

    return wrong_backward(kit, space, rewards, temperature, children=children)


def _wrong_sign(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def children(_: int, values: Array) -> Array:
        below = values.reshape(space.n_tokens, -1)
        inverted = kit.system.divide(kit.system.ones(below.shape), below)
        return np.where(kit.system.is_zero(below), below, inverted)

    return wrong_backward(kit, space, rewards, temperature, children=children)


def _lost_temperature(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        return kit.system.sum(kit.system.power(q, 1.0 / temperature))

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _token_temperature(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    logits, _ = kit.recursion(space, rewards, 1.0)
    return logits, soft_values(kit, logits, temperature)


def _mask_1e9(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.recursion(space, [np.where(kit.system.is_zero(level), -1e9, level) for level in rewards], temperature)


def _single_precision(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        return np.asarray(soft_value(kit, q, temperature).astype(np.float32), dtype=np.float64)

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _no_shift(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        # Without the shift by the maximum, exp overflows; libraries then clip to the largest float.
        value: Array = temperature * np.log(np.exp(q / temperature).sum(axis=0))
        return np.where(np.isposinf(value), np.finfo(float).max, value)

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _log_mean_exp(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        exponentials = kit.system.power(q, 1.0 / temperature)
        count = kit.system.sum(kit.system.ones(q.shape))
        return kit.system.power(kit.system.divide(kit.system.sum(exponentials), count), temperature)

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _expected_value(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        policy = kit.system.normalise(kit.system.power(q, 1.0 / temperature))
        dead = kit.system.is_zero(q).all(axis=0)
        return np.where(dead, -np.inf, expectation(kit, policy, q))

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _temperature_inverted(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.recursion(space, rewards, 1.0 / temperature)


def _horizon_one_short(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(t: int, q: Array) -> Array:
        value = soft_value(kit, q, temperature)
        if t + 1 < space.n_depths:
            return value
        return np.where(kit.system.is_zero(value), value, kit.system.ones(value.shape))

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _values_one_early(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    logits, values = kit.recursion(space, rewards, temperature)
    return logits, [values[0], *(np.tile(level, space.n_tokens) for level in values[:-1])]


def _rewards_as_logits(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return list(rewards), soft_values(kit, rewards, temperature)


def _shift_by_infinity(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        top = q.max(axis=0)
        return np.asarray(top + temperature * np.log(np.exp((q - top) / temperature).sum(axis=0)))

    return wrong_backward(kit, space, rewards, temperature, total=total)


def _terminal_not_zero(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    after = temperature * np.log(space.n_tokens + 1.0)
    last = space.n_depths - 1

    def paid(t: int, r: Array) -> Array:
        n = 0 if t == last else space.n_tokens  # what leads on
        return kit.system.stack([r[:n], kit.system.multiply(r[n:], np.full_like(r[n:], after))])

    return kit.recursion(space, [paid(t, r) for t, r in enumerate(rewards)], temperature)


def _prompts_concatenated(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    if space.n_prompts == 1:
        return kit.recursion(space, rewards, temperature)

    # Where two states have one text, actions of both are possible, and of each the last reward stands.
    texts = [
        [f"{prompt}{''.join(map(str, prefix))}" for prompt, prefix in map(partial(space.prefix_at, t), indices)]
        for t, indices in enumerate(range(space.n_prefixes_at(t)) for t in range(space.n_depths))
    ]
    merged: dict[str, dict[str, float]] = {}
    for t, row in enumerate(texts):
        actions = [str(action) for action in space.actions(t)]
        for index, text in enumerate(row):
            merged.setdefault(text, {}).update(zip(actions, rewards[t][:, index].tolist(), strict=True))

    if len(merged) == sum(map(len, texts)):
        return kit.recursion(space, rewards, temperature)

    logits: dict[str, dict[str, float]] = {}
    values: dict[str, float] = {}
    for text in sorted(merged, key=len, reverse=True):
        steps = {action: reward + values.get(text + action, 0.0) for action, reward in merged[text].items()}
        logits[text] = steps
        values[text] = soft_value(kit, np.array(list(steps.values()))[:, None], temperature).item()
    found = [
        np.array([[logits[text][str(action)] for text in row] for action in space.actions(t)])
        for t, row in enumerate(texts)
    ]
    return found, [np.array([values[text] for text in row]) for row in texts]


SOFT_BELLMAN: Final = registered(
    "soft_bellman",
    ("hard-max", "V is the maximum of the logits, not log Σ exp", _hard_max),
    ("eos-left-out", "V adds up over tokens and forgets EOS", _eos_left_out),
    ("last-step-dropped", "the reward of the last step counts as 0 (eq. (3))", _last_step_dropped),
    ("one-step-lookahead", "V sees one reward ahead and no further", _one_step_lookahead),
    ("eos-goes-on", "EOS is followed by a value, as if it were a token", _eos_goes_on),
    ("prompts-merged", "prefixes of different prompts share one value", _prompts_merged),
    ("prefix-order", "values are read with the last token fastest", _prefix_order),
    ("wrong-sign", "q = r - V(child)", _wrong_sign),
    ("lost-temperature", "V = log Σ exp(q/τ) lacks its factor τ", _lost_temperature),
    ("token-temperature", "the temperature divides logits, not rewards", _token_temperature),
    ("mask-1e9", "a forbidden action is -1e9, not -inf", _mask_1e9),
    ("single-precision", "values are kept in float32", _single_precision),
    ("no-shift", "log Σ exp overflows for lack of a shift", _no_shift),
    ("log-mean-exp", "V is the log of a mean over the actions that exist, not of a sum", _log_mean_exp),
    ("expected-value", "V = Σ π q, without the entropy", _expected_value),
    ("temperature-inverted", "V = (1/τ) log Σ exp(τ q): τ stands where 1/τ belongs", _temperature_inverted),
    ("horizon-one-short", "V counts as 0 at the last depth already, not after it", _horizon_one_short),
    ("values-one-early", "logits are right, but the value of each prefix is that of its parent", _values_one_early),
    ("terminal-not-zero", "what follows the end has the value τ log(V + 1), not 0", _terminal_not_zero),
    ("prompts-concatenated", "states are texts: prompt and prefix run together", _prompts_concatenated),
    ("shift-by-infinity", "at a dead prefix the maximum is taken off, -inf - (-inf), NaN", _shift_by_infinity),
    ("rewards-as-logits", "q = r, V = τ log Σ exp(r/τ): nothing looks ahead", _rewards_as_logits),
)

# What shows where only logits are looked at, and the value of the root.
SOFT_BELLMAN_LOGITS: Final = without(SOFT_BELLMAN, "values-one-early")
# What shows where only policies are: not what adds the same to every response.
SOFT_BELLMAN_POLICY: Final = without(SOFT_BELLMAN_LOGITS, "terminal-not-zero")
# What makes no difference at temperature 1.
OF_TEMPERATURE: Final = ("lost-temperature", "token-temperature", "temperature-inverted")
