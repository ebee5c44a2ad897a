"""Mistakes in the next-token policy of an energy-based model, softmax(q/τ) with q = M_τ(r)."""

from typing import Any, Final

from proofs_check.mistakes.common import Kit, log_policy, registered, scaled
from proofs_check.toolkit import Levels
from tabular_bellman.number_systems import MaxPlus
from tabular_bellman.recursion import backward
from tabular_bellman.space import SequenceSpace

__all__ = ["EBM_POLICY"]


def _lost_temperature(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return log_policy(kit, kit.recursion(space, rewards, temperature)[0])


def _of_rewards(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return log_policy(kit, scaled(kit, rewards, temperature))


def _temperature_ignored(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    return kit.ebm_policy(space, rewards, 1.0)


def _of_hard_max(kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float) -> Any:
    logits, _ = backward(space, MaxPlus(), rewards)
    return log_policy(kit, scaled(kit, logits, temperature))


EBM_POLICY: Final = registered(
    "ebm_policy",
    ("policy-lost-temperature", "softmax(q): the division by τ is forgotten", _lost_temperature),
    ("policy-of-rewards", "softmax(r/τ): nothing looks ahead", _of_rewards),
    ("policy-temperature-ignored", "τ = 1 throughout", _temperature_ignored),
    ("policy-of-hard-max", "q looks ahead by a hard maximum, then softmax(q/τ)", _of_hard_max),
)
