"""The only registry of mistakes: small wrong variants of the things that claims check.

Each is an error that is easy to make, in code or in reading the paper.  A wrong variant gets the toolkit that it
is put into and does arithmetic through the toolkit's number system; its carriers are plain arrays.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from proofs_check.evidence import Mistake
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman.enumeration import completions, reading_order
from tabular_bellman.extended import FloatArray
from tabular_bellman.space import SequenceSpace

__all__ = ["ARM", "EBM", "INVERSE", "LOG_PARTITION", "MISTAKES", "SOFT_BELLMAN"]

Kit = Toolkit[FloatArray]
Array = FloatArray


def _registered(replaces: str, *rows: tuple[str, str, Callable[..., Any]]) -> tuple[Mistake, ...]:
    return tuple(Mistake(name, summary, replaces, wrong) for name, summary, wrong in rows)


def _value(kit: Kit, q: Array, temperature: float) -> Array:
    """The right soft value, τ log Σ exp(q/τ)."""
    return kit.system.power(kit.system.sum(kit.system.power(q, 1.0 / temperature)), temperature)


def _values(kit: Kit, logits: Levels, temperature: float) -> list[Array]:
    return [_value(kit, q, temperature) for q in logits]


# -- the soft Bellman map ---------------------------------------------------------------------------------------------


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
        values.append(_value(kit, q, temperature) if total is None else total(t, q))
    return logits[::-1], values[::-1]


def _hard_max(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return _backward(kit, space, rewards, temperature, total=lambda _, q: q.max(axis=0))


def _eos_left_out(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        tokens = q[: space.n_tokens] if q.shape[0] > space.n_tokens else q
        return _value(kit, tokens, temperature)

    return _backward(kit, space, rewards, temperature, total=total)


def _last_step_dropped(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    last = space.n_depths - 1
    level = np.where(kit.system.is_zero(rewards[last]), rewards[last], kit.system.ones(rewards[last].shape))
    return kit.recursion(space, [*rewards[:last], level], temperature)


def _one_step_lookahead(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def children(t: int, _: Array) -> Array:
        return _value(kit, rewards[t + 1], temperature).reshape(space.n_tokens, -1)

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
    return logits, _values(kit, logits, temperature)


def _mask_1e9(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.recursion(space, [np.where(np.isneginf(level), -1e9, level) for level in rewards], temperature)


def _single_precision(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        return np.asarray(_value(kit, q, temperature).astype(np.float32), dtype=np.float64)

    return _backward(kit, space, rewards, temperature, total=total)


def _no_shift(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def total(_: int, q: Array) -> Array:
        # Without the shift by the maximum, exp overflows; libraries then clip to the largest float.
        value: Array = temperature * np.log(np.exp(q / temperature).sum(axis=0))
        return np.where(np.isposinf(value), np.finfo(float).max, value)

    return _backward(kit, space, rewards, temperature, total=total)


SOFT_BELLMAN: Final = _registered(
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


# -- its inverse ------------------------------------------------------------------------------------------------------


def _inverse(
    kit: Kit, space: SequenceSpace, logits: Levels, children: Callable[[int], Array], rows: int | None = None
) -> list[Array]:
    """Return logits minus `children` of their depth, at the first `rows` actions (the tokens, if not said)."""
    rewards = []
    for t, q in enumerate(logits):
        if t + 1 < space.n_depths:
            n = space.n_tokens if rows is None else min(rows, q.shape[0])
            q = kit.system.stack([kit.system.divide(q[:n], children(t)), q[n:]])
        rewards.append(q)
    return rewards


def _own_value(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    values = _values(kit, logits, temperature)
    return _inverse(kit, space, logits, lambda t: values[t], rows=space.n_tokens + 1)


def _inverse_hard_max(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:  # noqa: ARG001
    return _inverse(kit, space, logits, lambda t: logits[t + 1].max(axis=0).reshape(space.n_tokens, -1))


def _inverse_lost_temperature(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    values = [kit.system.power(v, 1.0 / temperature) for v in _values(kit, logits, temperature)]
    return _inverse(kit, space, logits, lambda t: values[t + 1].reshape(space.n_tokens, -1))


def _inverse_prefix_order(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    values = _values(kit, logits, temperature)
    return _inverse(kit, space, logits, lambda t: values[t + 1].reshape(-1, space.n_tokens).T)


def _inverse_last_zero(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    rewards = list(kit.inverse(space, logits, temperature))
    last = rewards[-1]
    rewards[-1] = np.where(kit.system.is_zero(last), last, kit.system.ones(last.shape))
    return rewards


def _not_inverted(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:  # noqa: ARG001
    return list(logits)


INVERSE: Final = _registered(
    "inverse",
    ("inverse-own-value", "subtracts the value of the prefix itself, as log-softmax does", _own_value),
    ("inverse-hard-max", "subtracts the child's best logit, not its value", _inverse_hard_max),
    ("inverse-lost-temperature", "subtracts V/τ", _inverse_lost_temperature),
    ("inverse-prefix-order", "reads values with the last token fastest", _inverse_prefix_order),
    ("inverse-last-zero", "gives the last step reward 0 (eq. (3))", _inverse_last_zero),
    ("not-inverted", "takes logits for rewards", _not_inverted),
)


# -- enumeration ------------------------------------------------------------------------------------------------------


def _totals(kit: Kit, space: SequenceSpace, steps: Levels) -> Array:
    totals: Array = completions(space, kit.system, steps)[reading_order(space)]
    return totals


def _scaled(kit: Kit, rewards: Levels, temperature: float) -> list[Array]:
    return [kit.system.power(level, 1.0 / temperature) for level in rewards]


def _group_sizes(space: SequenceSpace) -> list[int]:
    if not space.has_eos:
        return [space.n_responses_per_prompt]
    return [space.n_tokens**t for t in range(space.min_length - 1, space.max_length)]


def _shortest_left_out(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    sizes = _group_sizes(space)
    start = sizes[0] if len(sizes) > 1 else 0
    return kit.system.sum(_totals(kit, space, _scaled(kit, rewards, temperature))[start:])


def _longest_only(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.system.sum(_totals(kit, space, _scaled(kit, rewards, temperature))[-_group_sizes(space)[-1] :])


def _unscaled(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:  # noqa: ARG001
    return kit.system.sum(_totals(kit, space, rewards))


def _mean_not_sum(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    total = kit.system.sum(_totals(kit, space, _scaled(kit, rewards, temperature)))
    count = kit.system.sum(kit.system.ones((space.n_responses_per_prompt, space.n_prompts)))
    return kit.system.divide(total, count)


LOG_PARTITION: Final = _registered(
    "log_partition",
    ("shortest-left-out", "the shortest response (bare EOS) is left out (Section 1)", _shortest_left_out),
    ("longest-only", "only responses of the largest length are counted", _longest_only),
    ("partition-without-temperature", "log Σ exp R, not R/τ", _unscaled),
    ("mean-not-sum", "the average over responses, not the sum", _mean_not_sum),
)


def _last_reward_missing(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def without_last(t: int, level: Array) -> Array:
        free = np.where(kit.system.is_zero(level), level, kit.system.ones(level.shape))
        if space.has_eos:
            n = level.shape[0] - (t + 1 >= space.min_length)
            return kit.system.stack([level[:n], free[n:]])
        return free if t + 1 == space.n_depths else level

    steps = [without_last(t, level) for t, level in enumerate(_scaled(kit, rewards, temperature))]
    return kit.system.normalise(_totals(kit, space, steps))


def _per_token(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    totals = _totals(kit, space, _scaled(kit, rewards, temperature))
    lengths = np.repeat(np.arange(space.min_length, space.max_length + 1), _group_sizes(space))
    return kit.system.normalise(totals / lengths[:, None])


def _prompts_pooled(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    totals = _totals(kit, space, _scaled(kit, rewards, temperature))
    return kit.system.normalise(totals.reshape(-1, 1)).reshape(totals.shape)


def _ebm_without_temperature(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:  # noqa: ARG001
    return kit.system.normalise(_totals(kit, space, rewards))


EBM: Final = _registered(
    "ebm_log_probs",
    ("last-reward-missing", "the reward of a response leaves out its last step", _last_reward_missing),
    ("reward-per-token", "the reward is averaged over the length", _per_token),
    ("prompts-pooled", "one normaliser for all prompts", _prompts_pooled),
    ("ebm-without-temperature", "p ∝ exp R, not R/τ", _ebm_without_temperature),
)


# -- products of next-token probabilities -----------------------------------------------------------------------------


def _log_policy(kit: Kit, logits: Levels) -> list[Array]:
    return [kit.system.normalise(q) for q in logits]


def _eos_for_free(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    policy = _log_policy(kit, logits)
    if space.has_eos:
        for t in range(space.min_length - 1, space.n_depths):
            ends = np.where(kit.system.is_zero(policy[t][-1:]), policy[t][-1:], 0.0)
            policy[t] = kit.system.stack([policy[t][:-1], ends])
    else:
        policy[-1] = np.where(kit.system.is_zero(policy[-1]), policy[-1], 0.0)
    return _totals(kit, space, policy)


def _eos_outside_softmax(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    V = space.n_tokens

    def policy(q: Array) -> Array:
        tokens = q[:V] if q.shape[0] > V else q
        return kit.system.stack([kit.system.normalise(tokens), _log_policy(kit, [q])[0][len(tokens) :]])

    return _totals(kit, space, [policy(q) for q in logits])


def _last_step_leaks(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    last = logits[-1]
    extra = kit.system.ones((space.n_tokens, last.shape[1]))
    leaking = kit.system.divide(last, kit.system.sum(kit.system.stack([last, extra])))
    return _totals(kit, space, [*_log_policy(kit, logits[:-1]), leaking])


def _not_normalised(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    return _totals(kit, space, logits)


ARM: Final = _registered(
    "arm_log_probs",
    ("last-step-for-free", "the probability of the last step (EOS) is left out of p(y)", _eos_for_free),
    ("eos-outside-softmax", "tokens are normalised without EOS", _eos_outside_softmax),
    ("last-step-leaks", "tokens stay possible at the last step (q : S×A → R)", _last_step_leaks),
    ("not-normalised", "logits are added up as they are", _not_normalised),
)

MISTAKES: Final = (*SOFT_BELLMAN, *INVERSE, *LOG_PARTITION, *EBM, *ARM)
