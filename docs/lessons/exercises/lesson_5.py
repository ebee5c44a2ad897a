"""Exercises of lesson 5: a test that finds, shrinks and names a mistake."""

import inspect
import math
from collections.abc import Mapping
from itertools import count
from numbers import Real
from typing import Any

from exercises.judging import RAISED, number
from proofs_check.mistakes import MISTAKES
from proofs_check.testing import check_soft_bellman
from tabular_bellman import SequenceSpace, StateActionTable, soft_bellman
from tabular_bellman.temperature import zero_temperature_limit

__all__ = ["mystery"]


def mystery(rewards: dict[Any, float], temperature: float) -> Any:
    """A backup with a mistake: {(prefix, action): reward}, τ -> logits and values."""
    logits: dict[Any, float] = {}
    values: dict[Any, float] = {}
    for prefix in sorted({prefix for prefix, _ in rewards}, key=len, reverse=True):
        here = {a: r + values.get((*prefix, a), 0.0) for (s, a), r in rewards.items() if s == prefix}
        logits |= {(prefix, a): q for a, q in here.items()}
        top = max(here.values())
        weights = {a: math.exp((q - top) / temperature) for a, q in here.items() if q > -math.inf}
        total = sum(weights.values())
        values[prefix] = sum(w / total * here[a] for a, w in weights.items()) if weights else -math.inf
    return logits, values


def exercise_1(answer: Any) -> str | None:
    """Soft minus hard, three responses of the same reward."""

    def wrong_by(max_length: int) -> float:
        rewards = StateActionTable.zeros(SequenceSpace(1, max_length=max_length))
        return float(soft_bellman(rewards)[1][None, ()] - zero_temperature_limit(rewards).values[None, ()])

    return number(
        answer,
        wrong_by(3),
        "What it says is 0. What is right is the logarithm of a sum: over which responses?",
        (wrong_by(2), "That is for max_length 2, the napkin. Here there is one response more."),
        (wrong_by(4), "max_length counts EOS."),
        (0.0, "What is log(e^0 + e^0 + …)?"),
        (math.exp(wrong_by(3)), "That is the number of responses. The value is its logarithm."),
        (-wrong_by(3), "By how much: say how far it is, without the sign."),
    )


def exercise_2(answer: Any) -> str | None:
    """The name of the mystery's mistake."""
    if not isinstance(answer, str):
        return "Give the name after `looks like`, a string."
    report = check_soft_bellman(mystery, throw=False)
    given = answer.strip().lower()
    if given in report.mistakes:
        return None
    if given in {mistake.name for mistake in MISTAKES}:
        return "That is a mistake that the kit knows, but not the one it names here: run check_soft_bellman(mystery)."
    return "The kit knows no such mistake: print check_soft_bellman(mystery, throw=False), and find `looks like`."


def exercise_3(answer: Any) -> str | None:
    """Rewards on which the maximum is wrong by more than 1."""
    least = next(n for n in count(1) if math.log(n) > 1.0)  # soft - hard ≤ log of the number of responses
    if not isinstance(answer, Mapping) or not answer:
        return "Give a dict {(prefix, action): reward}; a prefix is a tuple of tokens, and the action None is EOS."
    for key, reward in answer.items():
        if not (isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], tuple)):
            return f"The key {key!r} is not (prefix, action), with a tuple for a prefix: ((), None), say."
        if isinstance(reward, bool) or not isinstance(reward, Real) or not reward < math.inf:  # NaN is not below it
            return f"The reward of {key!r} is {reward!r}. Rewards have to be numbers, finite or -inf."

    def below(prefix: tuple[Any, ...]) -> list[float]:
        """Return the total reward of each response that begins so."""
        found = []
        for (start, action), reward in answer.items():
            if start == prefix:
                ends = [0.0] if action is None else below((*prefix, action))
                found += [float(reward) + end for end in ends]
        if not found:
            raise LookupError(prefix)
        return found

    try:
        totals = below(())
    except LookupError as error:
        return f"There is no action after the prefix {error.args[0]!r}: each prefix needs a way on, or EOS (None)."
    except (OverflowError, RecursionError):
        return "That is more than floats, or this program, can add up. It can be done with less."
    top = max(totals)
    if not math.isfinite(top):
        return "At least one response must be allowed, and the sum of its rewards be finite."
    wrong_by = math.log(sum(math.exp(total - top) for total in totals))
    if wrong_by <= 1.0:
        return (
            f"There it is wrong by {wrong_by:.4f}. It is furthest off where no response stands out; "
            "and then by how much, with n responses?"
        )
    if len(totals) > least:
        return f"Wrong by {wrong_by:.4f}, as asked. But with {len(totals)} responses: it can be done with fewer."
    return None


def exercise_4(answer: Any) -> str | None:
    """A backup with a temperature."""
    if not callable(answer):
        return "Give a function: write `def`, then hand over its name, without parentheses."
    try:
        report = check_soft_bellman(answer, throw=False)
        unit = report.agrees and check_soft_bellman(answer, temperature=2.0, throw=False).agrees
    except RAISED as error:
        by_name = "" if "temperature" in _parameters(answer) else " It hands τ over by name, as `temperature`."
        return f"The kit could not call it: {error}{by_name}"
    if unit:
        return None
    if report.agrees:
        return "It is right at temperature 1. It needs a parameter that is called `temperature`."
    named = " or ".join(report.mistakes)
    if named:
        return f"The kit says that it looks like {named}. Print check_soft_bellman(f, throw=False) for an instance."
    return "The kit finds it wrong: print check_soft_bellman(f, throw=False), and work out its instance by hand."


def _parameters(function: Any) -> tuple[str, ...]:
    """Return the names of the parameters of a function, if they can be known."""
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions written in C
        return ()
