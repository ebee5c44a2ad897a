"""Mistakes in entropies and divergences, and in the sharp constant."""

from typing import Any, Final

import numpy as np

from proofs_check.mistakes.common import Array, Kit, registered
from proofs_check.toolkit import Levels, expectation
from tabular_bellman.space import SequenceSpace

__all__ = ["ENTROPY", "KAPPA", "KL"]


def _without_last(space: SequenceSpace, policy: Levels) -> list[Array]:
    """log π, with 0 for the last step of each response."""
    levels = [np.array(level) for level in policy]
    for t, level in enumerate(levels):
        last = level if t + 1 == space.n_depths else level[space.n_tokens :]
        last[np.isfinite(last)] = 0.0
    return levels


def _token_entropy(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    return kit.entropy(space, logits) / _lengths(kit, space, logits)


def _lengths(kit: Kit, space: SequenceSpace, logits: Levels) -> Array:
    passing = [np.exp(level).reshape(-1, space.n_prompts).sum(axis=0) for level in kit.passing(space, logits)]
    return np.asarray(sum(passing))


def _entropy_without_eos(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    log_probs = kit.arm_log_probs(space, logits)
    steps = kit.response_rewards(space, _without_last(space, kit.policy(space, logits)))
    return -expectation(kit, log_probs, steps)


def _entropy_unweighted(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    log_probs = kit.arm_log_probs(space, logits)
    return -np.where(np.isneginf(log_probs), 0.0, log_probs).mean(axis=0)


ENTROPY: Final = registered(
    "entropy",
    ("entropy-per-token", "divided by the mean length", _token_entropy),
    ("entropy-without-last-step", "the surprise of the last step (EOS) is left out", _entropy_without_eos),
    ("entropy-unweighted", "the mean surprise over responses, all counted the same", _entropy_unweighted),
)


def _kl_reversed(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    return kit.kl(space, others, logits)


def _kl_per_token(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    return kit.kl(space, logits, others) / _lengths(kit, space, logits)


def _kl_without_last(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    mine, theirs = (kit.response_rewards(space, _without_last(space, kit.policy(space, q))) for q in (logits, others))
    return expectation(kit, kit.arm_log_probs(space, logits), kit.system.divide(mine, theirs))


KL: Final = registered(
    "kl",
    ("kl-reversed", "KL(q‖p) for KL(p‖q)", _kl_reversed),
    ("kl-per-token", "the token-level KL, divided by the mean length", _kl_per_token),
    ("kl-without-last-step", "the last step (EOS) is left out", _kl_without_last),
)


def _linear(kit: Kit, epsilon: Array) -> Any:
    return 2.0 * epsilon


def _quadratic(kit: Kit, epsilon: Array) -> Any:
    return epsilon**2 / 2.0


def _half(kit: Kit, epsilon: Array) -> Any:
    return kit.kappa(epsilon / 2.0)


KAPPA: Final = registered(
    "kappa",
    ("kappa-linear", "2ε, its limit for large ε (Lemma 1)", _linear),
    ("kappa-quadratic", "ε²/2, its limit for small ε", _quadratic),
    ("kappa-of-half", "the distance halved", _half),
)
