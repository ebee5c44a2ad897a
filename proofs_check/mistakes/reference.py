"""Mistakes in the soft Bellman map with a reference measure."""

from typing import Any, Final

from proofs_check.mistakes.common import Kit, log_policy, registered
from proofs_check.toolkit import Levels
from tabular_bellman.recursion import backward
from tabular_bellman.space import SequenceSpace

__all__ = ["WITH_REFERENCE"]


def _ignored(kit: Kit, space: SequenceSpace, rewards: Levels, reference: Levels) -> Any:
    return kit.recursion(space, rewards, 1.0)


def _not_normalised(kit: Kit, space: SequenceSpace, rewards: Levels, reference: Levels) -> Any:
    return backward(space, kit.system, rewards, log_reference=reference)


def _inside_logits(kit: Kit, space: SequenceSpace, rewards: Levels, reference: Levels) -> Any:
    pairs = zip(rewards, log_policy(kit, reference), strict=True)
    both = [kit.system.multiply(r, ref) for r, ref in pairs]
    return kit.recursion(space, both, 1.0)


def _first_step_only(kit: Kit, space: SequenceSpace, rewards: Levels, reference: Levels) -> Any:
    first, *others = log_policy(kit, reference)
    ones = [kit.system.ones(level.shape) for level in others]
    return backward(space, kit.system, rewards, log_reference=[first, *ones])


WITH_REFERENCE: Final = registered(
    "with_reference",
    ("reference-ignored", "V is log Σ exp q, without the reference", _ignored),
    ("reference-not-normalised", "logits stand for the reference's probabilities", _not_normalised),
    ("reference-in-logits", "log π_ref is added to the logits, and again by the policy", _inside_logits),
    ("reference-at-first-step", "only the first step has a reference", _first_step_only),
)
