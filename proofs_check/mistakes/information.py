"""Mistakes in entropies and divergences, and in the sharp constant."""

from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.mistakes.common import Array, Kit, registered, without
from proofs_check.paths import lengths
from proofs_check.toolkit import Levels, expectation
from tabular_bellman.space import SequenceSpace

__all__ = ["ENTROPY", "KAPPA", "KL", "KL_ALLOWED", "KL_OF_ONE_STEP"]


def _without_last(kit: Kit, space: SequenceSpace, logits: Levels) -> list[Array]:
    """log π, with 0 for the last step of each response."""
    levels = []
    for t, level in enumerate(kit.policy(space, logits)):
        free = np.where(kit.system.is_zero(level), level, kit.system.ones(level.shape))
        n = 0 if t + 1 == space.n_depths else space.n_tokens
        levels.append(kit.system.stack([level[:n], free[n:]]))
    return levels


def _token_entropy(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    return kit.entropy(space, logits) / _lengths(kit, space, logits)


def _lengths(kit: Kit, space: SequenceSpace, logits: Levels) -> Array:
    passing = [kit.real(level).reshape(-1, space.n_prompts).sum(axis=0) for level in kit.passing(space, logits)]
    return np.asarray(sum(passing))


def _entropy_without_eos(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    log_probs = kit.arm_log_probs(space, logits)
    steps = kit.response_rewards(space, _without_last(kit, space, logits))
    return -expectation(kit, log_probs, kit.log(steps))


def _entropy_unweighted(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    log_probs = kit.arm_log_probs(space, logits)
    allowed = np.where(kit.system.is_zero(log_probs), kit.system.ones(log_probs.shape), log_probs)
    return -kit.log(allowed).sum(axis=0) / float(len(log_probs))


def _log_2(kit: Kit) -> Any:
    return reals.log(kit.number([2.0]))


def _entropy_in_bits(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    return kit.entropy(space, logits) / _log_2(kit)


def _entropy_of_first_step(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    first = kit.policy(space, logits)[0]
    return -expectation(kit, first, first)


def _entropy_of_every_prefix(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    steps = kit.policy(space, logits)
    return sum(-expectation(kit, step, step).reshape(-1, space.n_prompts).sum(axis=0) for step in steps)


def _entropy_zero_times_infinity(kit: Kit, space: SequenceSpace, logits: Levels) -> Any:
    forbidden = kit.system.is_zero(kit.arm_log_probs(space, logits)).any(axis=0)
    return np.where(forbidden, np.nan, np.asarray(kit.entropy(space, logits)))


ENTROPY: Final = registered(
    "entropy",
    ("entropy-per-token", "divided by the mean length", _token_entropy),
    ("entropy-without-last-step", "the surprise of the last step (EOS) is left out", _entropy_without_eos),
    ("entropy-unweighted", "the mean surprise over responses, all counted the same", _entropy_unweighted),
    ("entropy-in-bits", "log2 for log", _entropy_in_bits),
    ("entropy-of-first-step", "the entropy of the first step only", _entropy_of_first_step),
    ("entropy-of-every-prefix", "every prefix counts the same, however likely it is", _entropy_of_every_prefix),
    ("entropy-zero-times-infinity", "0 log 0 is taken as 0 · (-inf), NaN", _entropy_zero_times_infinity),
)


def _kl_reversed(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    return kit.kl(space, others, logits)


def _kl_per_token(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    return kit.kl(space, logits, others) / _lengths(kit, space, logits)


def _kl_without_last(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    mine, theirs = (kit.response_rewards(space, _without_last(kit, space, q)) for q in (logits, others))
    return expectation(kit, kit.arm_log_probs(space, logits), kit.system.divide(mine, theirs))


def _kl_in_bits(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    return kit.kl(space, logits, others) / _log_2(kit)


def _kl_negative(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    return -kit.kl(space, logits, others)


def _kl_by_prefix(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> list[Array]:
    """KL(π_p‖π_q) at each prefix: arrays of shape (V**t, P)."""
    pairs = zip(kit.policy(space, logits), kit.policy(space, others), strict=True)
    found = [expectation(kit, mine, kit.system.divide(mine, theirs)) for mine, theirs in pairs]
    return [level.reshape(-1, space.n_prompts) for level in found]


def _kl_unweighted(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    steps = zip(kit.passing(space, logits), _kl_by_prefix(kit, space, logits, others), strict=True)
    never = [(kit.system.is_zero(passing).reshape(level.shape), level) for passing, level in steps]
    found = [np.where(zero, 0.0, level).sum(axis=0) for zero, level in never]
    return np.asarray(sum(found))


def _kl_first_step(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    return _kl_by_prefix(kit, space, logits, others)[0].sum(axis=0)


def _log_ratio(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> tuple[Array, Array]:
    log_p = kit.arm_log_probs(space, logits)
    return log_p, kit.system.divide(log_p, kit.arm_log_probs(space, others))


def _kl_k2(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    log_p, ratio = _log_ratio(kit, space, logits, others)
    return expectation(kit, log_p, ratio**2 / 2.0)


def _kl_k3_inverted(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    # Where q is 0 and p is not, E_p p/q and the KL are both infinite.
    mean = kit.real(kit.system.multiply(*_log_ratio(kit, space, logits, others))).sum(axis=0)
    divergence = np.asarray(kit.kl(space, logits, others))
    return mean - 1.0 - np.where(reals.is_infinite(mean), 0.0, divergence)


def _kl_k2_of_tokens(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    pairs = zip(kit.policy(space, logits), kit.policy(space, others), strict=True)
    squares = [np.asarray(kit.system.divide(mine, theirs) ** 2 / 2.0) for mine, theirs in pairs]
    # What p forbids counts as 0 below, whatever it is.
    steps = [np.where(reals.is_infinite(level), 0.0, level) for level in squares]
    infinite = reals.is_infinite(np.asarray(kit.kl(space, logits, others)))
    mean = expectation(kit, kit.arm_log_probs(space, logits), kit.response_rewards(space, steps))
    return np.where(infinite, np.inf, mean)


def _kl_token_mean(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    log_p, ratio = _log_ratio(kit, space, logits, others)
    return expectation(kit, log_p, ratio / lengths(space)[:, None])


def _kl_zero_times_infinity(kit: Kit, space: SequenceSpace, logits: Levels, others: Levels) -> Any:
    forbidden = kit.system.is_zero(kit.arm_log_probs(space, logits)).any(axis=0)
    return np.where(forbidden, np.nan, np.asarray(kit.kl(space, logits, others)))


KL: Final = registered(
    "kl",
    ("kl-reversed", "KL(q‖p) for KL(p‖q)", _kl_reversed),
    ("kl-per-token", "the token-level KL, divided by the mean length", _kl_per_token),
    ("kl-without-last-step", "the last step (EOS) is left out", _kl_without_last),
    ("kl-in-bits", "log2 for log", _kl_in_bits),
    ("kl-unweighted", "every prefix that can be reached counts the same", _kl_unweighted),
    ("kl-k2", "E_p (log p/q)²/2, a biased estimate (k2)", _kl_k2),
    ("kl-k3-inverted", "E_p [p/q - 1 - log(p/q)]: k3 with its ratio upside down", _kl_k3_inverted),
    ("kl-negative", "E_p log(q/p), the sign lost", _kl_negative),
    ("kl-first-step", "the KL of the first step only", _kl_first_step),
    ("kl-k2-of-tokens", "E_p Σ_t (log π_p/π_q)²/2, the biased estimate k2, step by step", _kl_k2_of_tokens),
    ("kl-token-mean", "log p/q of each response is averaged over its steps: a token-level KL", _kl_token_mean),
    ("kl-zero-times-infinity", "what p forbids counts as 0 · (-inf - (-inf)), NaN", _kl_zero_times_infinity),
)

# What shows where every response is allowed.
KL_ALLOWED: Final = without(KL, "kl-zero-times-infinity")
# What shows where responses are of one step besides.
KL_OF_ONE_STEP: Final = without(
    KL_ALLOWED, "kl-per-token", "kl-unweighted", "kl-first-step", "kl-k2-of-tokens", "kl-token-mean"
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
