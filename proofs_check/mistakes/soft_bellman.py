"""Mistakes in the soft Bellman map."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from proofs_check.mistakes.common import Array, Kit, registered, soft_value, soft_values
from proofs_check.toolkit import Levels
from tabular_bellman.space import SequenceSpace

__all__ = ["SOFT_BELLMAN"]


def _backward(
    kit: Kit,
    space: SequenceSpace,
    rewards: Levels,
    temperature: float,
    *,
    total: Callable[[int, Array], Array] | None = None,
    children: Callable[[int, Array], Array] | None = None,
    eos: Callable[[int, Array, Array], Array] | None = None,
) -> tuple[list[Array], list[Array]]:
    """The recursion with one thing wrong.

    `total` turns the logits of depth t into values, `children` the values of depth t+1 into what the tokens of depth
    t lead to, `eos` the reward of EOS at depth t and those values into its logit.
    """
    system, V = kit.system, space.n_tokens

    logits: list[Array] = []
    values: list[Array] = []
    for t in reversed(range(space.n_depths)):
        q = rewards[t]
        if values:
            below = values[-1].reshape(V, -1) if children is None else children(t, values[-1])
            ends = q[V:] if eos is None or q.shape[0] == V else eos(t, q[V:], below)
            q = system.stack([system.multiply(q[:V], below), ends])
        logits.append(q)
        values.append(soft_value(kit, q, temperature) if total is None else total(t, q))
    return logits[::-1], values[::-1]


def _hard_max(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return _backward(kit, space, rewards, temperature, total=lambda _, q: q.max(axis=0))


def _eos_left_out(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        tokens = q[: space.n_tokens] if q.shape[0] > space.n_tokens else q
        return soft_value(kit, tokens, temperature)

    return _backward(kit, space, rewards, temperature, total=total)


def _last_step_dropped(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    last = space.n_depths - 1
    level = np.where(kit.system.is_zero(rewards[last]), rewards[last], kit.system.ones(rewards[last].shape))
    return kit.recursion(space, [*rewards[:last], level], temperature)


def _one_step_lookahead(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def children(t: int, _: Array) -> Array:
        return soft_value(kit, rewards[t + 1], temperature).reshape(space.n_tokens, -1)

    return _backward(kit, space, rewards, temperature, children=children)


def _eos_goes_on(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def eos(_: int, reward: Array, below: Array) -> Array:
        return kit.system.multiply(reward, below[:1])

    return _backward(kit, space, rewards, temperature, eos=eos)


def _prompts_merged(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def children(_: int, values: Array) -> Array:
        first = values.reshape(-1, space.n_prompts)[:, :1]
        return np.repeat(first, space.n_prompts, axis=1).reshape(space.n_tokens, -1)

    return _backward(kit, space, rewards, temperature, children=children)


def _prefix_order(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def children(_: int, values: Array) -> Array:
        return values.reshape(-1, space.n_tokens).T

    return _backward(kit, space, rewards, temperature, children=children)


def _wrong_sign(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def children(_: int, values: Array) -> Array:
        below = values.reshape(space.n_tokens, -1)
        inverted = kit.system.divide(kit.system.ones(below.shape), below)
        return np.where(kit.system.is_zero(below), below, inverted)

    return _backward(kit, space, rewards, temperature, children=children)


def _lost_temperature(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        return kit.system.sum(kit.system.power(q, 1.0 / temperature))

    return _backward(kit, space, rewards, temperature, total=total)


def _token_temperature(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    logits, _ = kit.recursion(space, rewards, 1.0)
    return logits, soft_values(kit, logits, temperature)


def _mask_1e9(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.recursion(space, [np.where(np.isneginf(level), -1e9, level) for level in rewards], temperature)


def _single_precision(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        return np.asarray(soft_value(kit, q, temperature).astype(np.float32), dtype=np.float64)

    return _backward(kit, space, rewards, temperature, total=total)


def _no_shift(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        # Without the shift by the maximum, exp overflows; libraries then clip to the largest float.
        value: Array = temperature * np.log(np.exp(q / temperature).sum(axis=0))
        return np.where(np.isposinf(value), np.finfo(float).max, value)

    return _backward(kit, space, rewards, temperature, total=total)


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
)
