"""Exercises of lesson 6: how far a student is from its teacher."""

import math
from typing import Any

import numpy as np

from exercises.judging import RAISED, choice, close, number
from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    kl_divergence,
    token_kl_divergence,
)
from tabular_bellman.bounds import kappa, lemma_1_bound
from tabular_bellman.distillation import distillation_report


def _pair(max_length: int) -> tuple[EnergyBasedModel, AutoregressiveModel]:
    """Return the teacher and the student of the lesson, for responses of up to this length."""
    space = SequenceSpace("()", max_length=max_length)
    rewards = StateActionTable.from_responses(space, lambda _, y: 2.0 * (y.count("(") == y.count(")")))
    teacher = EnergyBasedModel(rewards)
    noise = StateActionTable.random(space, rng=0, scale=0.2)
    return teacher, AutoregressiveModel((teacher.to_autoregressive().logits + noise).log_softmax())


def exercise_1(answer: Any) -> str | None:
    """The KL for longer responses."""
    teacher, student = _pair(7)
    shorter, its_student = _pair(5)
    return number(
        answer,
        kl_divergence(teacher, student),
        "Build the two again over SequenceSpace('()', max_length=7), and call kl_divergence(teacher, student).",
        (token_kl_divergence(teacher, student), "That is the token-level KL."),
        (kl_divergence(student, teacher), "That is the KL the other way round."),
        (kl_divergence(shorter, its_student), "That is for up to four brackets."),
        (kl_divergence(*_pair(6)), "max_length counts EOS: six brackets make it 7."),
        within=1e-5,  # five decimals were asked for
    )


def exercise_2(answer: Any) -> str | None:
    """The most that one step can lose at ε = 1."""
    epsilon = 1.0
    return number(
        answer,
        float(kappa(epsilon)),
        "It is the κ of the lesson at ε = 1; `kappa` computes it.",
        (float(lemma_1_bound(epsilon)), "That is the paper's bound (Lemma 1). It is true, but nothing reaches it."),
        (epsilon**2 / 2, "That is what it is like for small ε. ε = 1 is not so small."),
        (float(kappa(epsilon / 2)), "That is for a span of 1. Entries that differ by at most 1 can have a span of 2."),
        (1.0, "The largest difference of logits is not yet a KL."),
    )


def exercise_3(answer: Any) -> str | None:
    """What a constant at one prefix changes."""
    teacher, student = _pair(5)
    levels = [level + (100.0 if t == 0 else 0.0) for t, level in enumerate(student.logits.levels)]
    moved = AutoregressiveModel(StateActionTable.from_levels(student.space, levels))

    def numbers(of: AutoregressiveModel) -> dict[str, float]:
        forward = distillation_report(teacher, of).forward
        bounds = {bound.formula: float(bound.value) for bound in forward.bounds}
        return {"kl": float(forward.kl), "paper": bounds["2Tε"], "span": bounds["Σ_s P(s) κ(span_s/2)"]}

    before, after = numbers(student), numbers(moved)
    (truth,) = (name for name in before if not close(before[name], after[name]))
    return choice(
        answer,
        truth,
        {
            "kl": "Softmax does not see a constant that is added to all of its logits.",
            "paper": "Compute ε before and after.",
            "span": "The span is the largest minus the smallest difference: what does a constant do to that?",
        },
    )


def exercise_4(answer: Any) -> str | None:
    """An unbiased estimator that is never negative."""
    if not callable(answer):
        return "Give a function: write `def`, then hand over its name, without parentheses."
    space = SequenceSpace("ab", max_length=3)
    biased = False
    for seed in range(3):
        p, q = (AutoregressiveModel(StateActionTable.random(space, rng=2 * seed + k, scale=0.7)) for k in (0, 1))
        pairs = zip(p.log_probabilities()[0].tolist(), q.log_probabilities()[0].tolist(), strict=True)
        try:
            estimates = [float(answer(log_p, log_q)) for log_p, log_q in pairs]
        except RAISED as error:
            return f"Your function raised {type(error).__name__}: {error} It gets two floats, and returns one."
        lowest = min(estimates)
        if not math.isfinite(sum(estimates)) or lowest < -1e-12:
            return "For some responses it is negative. k1 is; which of the others never is?"
        mean = float(np.array(estimates) @ p.probabilities()[0])
        if close(mean, kl_divergence(q, p)):
            return "Its mean is KL(q‖p). Have you exchanged the two?"
        biased |= not close(mean, kl_divergence(p, q))
    if biased:
        return "It is never negative, but its mean under p is not KL(p‖q): an average over all responses shows it."
    return None
