"""Mistakes in adding up over responses."""

from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.mistakes.common import Array, Kit, registered, scaled, totals
from proofs_check.paths import lengths
from proofs_check.toolkit import Levels
from tabular_bellman.space import SequenceSpace

__all__ = ["EBM", "LOG_PARTITION", "RESPONSE_REWARDS"]


def _group_sizes(space: SequenceSpace) -> list[int]:
    if not space.has_eos:
        return [space.n_responses_per_prompt]
    return [space.n_tokens**t for t in range(space.min_length - 1, space.max_length)]


def _shortest_left_out(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    sizes = _group_sizes(space)
    start = sizes[0] if len(sizes) > 1 else 0
    return kit.system.sum(totals(kit, space, scaled(kit, rewards, temperature))[start:])


def _longest_only(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.system.sum(totals(kit, space, scaled(kit, rewards, temperature))[-_group_sizes(space)[-1] :])


def _unscaled(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.system.sum(totals(kit, space, rewards))


def _mean_not_sum(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    total = kit.system.sum(totals(kit, space, scaled(kit, rewards, temperature)))
    count = kit.system.sum(kit.system.ones((space.n_responses_per_prompt, space.n_prompts)))
    return kit.system.divide(total, count)


def _best_response(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return reals.largest(totals(kit, space, scaled(kit, rewards, temperature)), 0)


def _partition_scaled(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.system.power(kit.log_partition(space, rewards, temperature), temperature)


def _partition_per_token(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    found = totals(kit, space, scaled(kit, rewards, temperature))
    return kit.system.sum(found / lengths(space)[:, None])


LOG_PARTITION: Final = registered(
    "log_partition",
    ("shortest-left-out", "the shortest response (bare EOS) is left out (Section 1)", _shortest_left_out),
    ("longest-only", "only responses of the largest length are counted", _longest_only),
    ("partition-without-temperature", "log Σ exp R, not R/τ", _unscaled),
    ("mean-not-sum", "the average over responses, not the sum", _mean_not_sum),
    ("best-response", "R/τ of the best response, without the sum over the others", _best_response),
    ("partition-scaled", "τ log Σ exp(R/τ), the value of the root, for log Σ exp(R/τ)", _partition_scaled),
    ("partition-per-token", "the reward is averaged over the length before the sum", _partition_per_token),
)


def _last_reward_missing(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    def without_last(t: int, level: Array) -> Array:
        free = np.where(kit.system.is_zero(level), level, kit.system.ones(level.shape))
        if space.has_eos:
            n = level.shape[0] - (t + 1 >= space.min_length)
            return kit.system.stack([level[:n], free[n:]])
        return free if t + 1 == space.n_depths else level

    steps = [without_last(t, level) for t, level in enumerate(scaled(kit, rewards, temperature))]
    return kit.system.normalise(totals(kit, space, steps))


def _per_token(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    found = totals(kit, space, scaled(kit, rewards, temperature))
    return kit.system.normalise(found / lengths(space)[:, None])


def _prompts_pooled(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    found = totals(kit, space, scaled(kit, rewards, temperature))
    return kit.system.normalise(found.reshape(-1, 1)).reshape(found.shape)


def _ebm_without_temperature(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.system.normalise(totals(kit, space, rewards))


EBM: Final = registered(
    "ebm_log_probs",
    ("last-reward-missing", "the reward of a response leaves out its last step", _last_reward_missing),
    ("reward-per-token", "the reward is averaged over the length", _per_token),
    ("prompts-pooled", "one normaliser for all prompts", _prompts_pooled),
    ("ebm-without-temperature", "p ∝ exp R, not R/τ", _ebm_without_temperature),
)


def _without_last_reward(kit: Kit, space: SequenceSpace, rewards: Levels) -> Any:
    free = np.where(kit.system.is_zero(rewards[-1]), rewards[-1], kit.system.ones(rewards[-1].shape))
    return totals(kit, space, [*rewards[:-1], free])


def _without_first_reward(kit: Kit, space: SequenceSpace, rewards: Levels) -> Any:
    free = np.where(kit.system.is_zero(rewards[0]), rewards[0], kit.system.ones(rewards[0].shape))
    return totals(kit, space, [free, *rewards[1:]])


def _shortest_first(kit: Kit, space: SequenceSpace, rewards: Levels) -> Any:
    return totals(kit, space, rewards)[::-1]


RESPONSE_REWARDS: Final = registered(
    "response_rewards",
    ("last-depth-missing", "the reward of the last depth is left out", _without_last_reward),
    ("first-step-missing", "the reward of the first step is left out", _without_first_reward),
    ("responses-backwards", "responses stand in another order", _shortest_first),
)
