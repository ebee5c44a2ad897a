"""Exercises of lesson 1: balanced brackets."""

import math
from typing import Any

import numpy as np

from exercises.judging import choice, close, code, number
from proofs_check.examples.brackets import brackets_reward, reward
from tabular_bellman import EnergyBasedModel, SequenceSpace, StateActionTable, soft_bellman

_N = 12


def exercise_1(answer: Any) -> str | None:
    """The chance of `)` after `((`."""

    def chance(n_brackets: int) -> float:
        table = brackets_reward(n_brackets)
        return float(EnergyBasedModel(table).to_autoregressive().policy[None, ("(", "("), ")"])

    return number(
        answer,
        chance(_N),
        "Divide two counts: of the balanced strings that begin with ((, those that go on with ).",
        (0.5, "That is the coin of the model that does not plan. Count the strings that begin with (( and with (()."),
        (1 - chance(_N), "That is the chance of the other bracket."),
        (
            chance(4),
            "It would be certain if `(((` could not be completed. That is so with up to four brackets, not here.",
        ),
    )


def exercise_2(answer: Any) -> str | None:
    """The number of balanced strings of exactly 12 brackets."""

    def total(shortest: int) -> float:
        space = SequenceSpace("()", min_length=shortest + 1, max_length=_N + 1)
        return math.exp(soft_bellman(StateActionTable.from_responses(space, reward))[1][None, ()])

    return number(
        answer,
        total(_N),
        "exp V(start) counts the balanced strings that are allowed. SequenceSpace has a min_length, which counts EOS.",
        (total(0), "That counts the shorter strings, too."),
        (total(2), "That leaves out the empty string alone."),
        (math.log(total(_N)), "That is V(start). Its exponential is asked for."),
    )


def exercise_3(answer: Any) -> str | None:
    """A reward of log 2 for each pair."""

    def per_pair(worth: float) -> Any:
        return lambda prompt, y: reward(prompt, y) + worth * (len(y) - 1) / 2

    # Distributions are compared, so that a constant added to all rewards is as right as none.
    def probabilities(of: Any, n_brackets: int) -> Any:
        space = SequenceSpace("()", max_length=n_brackets + 1)
        return EnergyBasedModel(StateActionTable.from_responses(space, of)).probabilities()

    return code(
        answer,
        per_pair(math.log(2)),
        (2, 4, 6),
        lambda mine, right: bool(np.allclose(mine, right, rtol=0.0, atol=1e-9)),
        "A response y has the chance e^R(y) over a sum. Which R makes e^R(y) equal to 2^k, k the number of pairs?",
        (per_pair(2), "That makes a string with k pairs e^(2k) times as likely: a logarithm is missing."),
        (per_pair(1), "That makes a string with k pairs e^k times as likely, not 2^k times."),
        (per_pair(2 * math.log(2)), "That counts brackets. A pair has two of them, so you have 4^k."),
        (per_pair(0), "Under that reward all balanced strings are equally likely."),
        use=probabilities,
    )


def exercise_4(answer: Any) -> str | None:
    """What a constant changes."""

    def first(constant: float) -> float:
        space = SequenceSpace("()", max_length=_N + 1)
        table = StateActionTable.from_responses(space, lambda prompt, y: reward(prompt, y) + constant)
        return float(EnergyBasedModel(table).to_autoregressive().policy[None, (), "("])

    before, after = first(0.0), first(5.0)
    truth = "stays" if close(after, before) else "rises" if after > before else "falls"
    return choice(
        answer,
        truth,
        {
            "rises": "All logits at the start that are not -∞ gain the same. What does softmax make of that?",
            "falls": "Nothing has been taken from ( to give it to EOS. Compute both, and compare.",
            "stays": "Compute both, and compare.",
        },
    )
