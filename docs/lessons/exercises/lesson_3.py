"""Exercises of lesson 3: a reference model, a verifier and a temperature."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy.special import logsumexp

from exercises.judging import choice, close, code, number
from proofs_check.examples.letters import letters_space, reference_model, verifier
from tabular_bellman import AutoregressiveModel, EnergyBasedModel, StateActionTable, kl_divergence


@cache
def _setting() -> tuple[AutoregressiveModel, tuple[float, ...], float]:
    """Return the reference, what the verifier pays for each string, and the reference's chance of a word."""
    reference = reference_model(letters_space())
    pays = tuple(verifier(y) for y in reference.space.responses())
    return reference, pays, float(reference.probabilities()[0] @ np.array(pays))


def _tuned(pays: Sequence[float], temperature: float) -> EnergyBasedModel:
    reference, _, _ = _setting()
    table = StateActionTable.from_responses(reference.space, np.array(pays))
    return EnergyBasedModel(table, temperature, reference=reference)


def _success(pays: Sequence[float], temperature: float) -> float:
    return float(_tuned(pays, temperature).probabilities()[0] @ np.array(_setting()[1]))


def exercise_1(answer: Any) -> str | None:
    """The temperature at which half of the strings are words."""
    _, pays, w = _setting()
    tau = 1 / math.log((1 - w) / w)
    assert close(_success(pays, tau), 0.5)  # the formula against the model
    return number(
        answer,
        tau,
        "Chance a half means odds of 1. The odds are w/(1 - w) at first, and are multiplied by e^(1/τ).",
        (1 / tau, "You have 1/τ."),
        (1 / math.log(1 / w), "That is where the factor is 1/w. But it multiplies the odds, not the chance."),
        (1 / math.log(0.5 / w), "The factor multiplies the odds w/(1 - w), not the chance w."),
        (0.5, "Put it into the formula for the odds: what is the chance of a word?"),
    )


def exercise_2(answer: Any) -> str | None:
    """The largest KL from the reference, if words of three letters are paid."""
    reference, any_word, any_w = _setting()
    lengths = np.array([len(y) - 1 for y in reference.space.responses()])
    pays = np.array(any_word) * (lengths == 3)
    w = float(reference.probabilities()[0] @ pays)
    farthest = -math.log(w)
    assert close(kl_divergence(_tuned(pays, 0.02), reference), farthest, 1e-6)
    return number(
        answer,
        farthest,
        "At τ → 0 the model is the reference given what is paid, p_ref(y)/w. What is w now? And what is log p/p_ref?",
        (-math.log(any_w), "That is for words of any length, as above."),
        (math.inf, "It would be infinite if the optimum wrote what the reference cannot write."),
        (1 / w, "That is how many draws it takes to get such a word."),
        (math.log(w), "A KL is never negative."),
        (1.0, "That is the largest reward."),
        (-math.log2(w), "That is in bits. Nats are asked for."),
        (
            -math.log(max(reference.probabilities()[0][pays > 0])),
            "That would be the KL of always writing the likeliest of them. But all of them earn the same.",
        ),
    )


def exercise_3(answer: Any) -> str | None:
    """What a constant does."""
    _, pays, _ = _setting()
    before, after = _success(pays, 1.0), _success([2 + x for x in pays], 1.0)
    truth = "stays" if close(after, before) else "rises" if after > before else "falls"
    return choice(
        answer,
        truth,
        {
            "rises": "Words earn more than before, and so does everything else. What of the ratio of the weights?",
            "falls": "The ratio of 3 to 2 is smaller than that of 1 to 0. But it is e^R that is compared.",
            "stays": "Compute both, and compare.",
        },
    )


def exercise_4(answer: Any) -> str | None:
    """The optimum for any reference and rewards."""
    rng = np.random.default_rng(0)
    cases = []
    for size, scale, tau in [(2, 1.0, 1.0), (5, 1.0, 0.5), (5, 2.0, 3.0)]:
        p = rng.random(size)
        cases.append((p / p.sum(), scale * rng.standard_normal(size), tau))
    cases.append((np.array([0.5, 0.3, 0.2]), np.array([1000.0, 1001.0, -1000.0]), 1.0))  # e^1000 overflows
    cases.append((np.array([0.0, 0.25, 0.75]), np.array([3.0, 1.0, 0.0]), 0.5))  # what the reference never writes
    cases.append((np.array([0.0, 0.5, 0.5]), np.array([5000.0, 0.0, 1.0]), 1.0))  # and earns most

    # Three ways to the weights p e^x over their sum, and what to put in for x.
    def stable(p: Any, x: Any) -> Any:
        with np.errstate(divide="ignore"):
            logs = np.log(p) + x
        return np.exp(logs - logsumexp(logs))

    def shifted(p: Any, x: Any) -> Any:
        return plain(p, x - x.max())

    def plain(p: Any, x: Any) -> Any:
        weights = p * np.exp(x)
        return weights / weights.sum()

    def by(way: Any, prior: Any, exponent: Any) -> Any:
        return lambda p, rewards, tau: way(prior(p, tau), exponent(rewards, tau))

    p_itself, divided = (lambda p, _: p), (lambda r, tau: r / tau)
    turns = [
        (lambda p, _: np.ones_like(p), divided, "Where is the reference?"),
        (p_itself, lambda r, tau: r * tau, "τ divides the reward."),
        (p_itself, lambda r, _: r, "Where is τ?"),
        (lambda p, tau: p ** (1 / tau), divided, "τ divides the reward, not the logarithm of the reference."),
    ]

    def tried(function: Any, case: Any) -> Any:
        p, rewards, tau = case
        with np.errstate(all="ignore"):
            return function(p.copy(), rewards.copy(), tau)

    def same(mine: Any, right: Any) -> bool:
        try:
            found = np.asarray(mine, dtype=float)
        except (TypeError, ValueError):
            return False
        return found.shape == right.shape and bool(np.allclose(found, right, rtol=0.0, atol=1e-9, equal_nan=True))

    return code(
        answer,
        by(stable, p_itself, divided),
        cases,
        same,
        "p(y) ∝ p_ref(y) e^(R(y)/τ): multiply, then divide by the sum.",
        (
            by(plain, p_itself, divided),
            "Right on paper; but e^(R/τ) overflows for large rewards. Take the largest exponent out first.",
        ),
        (
            by(shifted, p_itself, divided),
            "Nearly. You take out the largest reward of all. What is left if the reference never earns it, p_ref = 0?",
        ),
        *((by(way, prior, exponent), hint) for way in (stable, shifted, plain) for prior, exponent, hint in turns),
        use=tried,
    )
