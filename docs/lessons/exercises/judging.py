"""The kinds of answer: a number, a choice, or code that is tried out.  Each returns None if it is right, else a hint.

A mistake that people make has a hint of its own.  It is recognised as the kit in `proofs_check.testing` does it: by
computing what somebody who makes it would answer.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

__all__ = ["RAISED", "WITHIN", "Unfit", "choice", "close", "code", "number"]

Hint = str | None
WITHIN = 5e-4  # three decimals will do
MISTAKEN = 2e-3  # a mistake is recognised more coarsely, to so much of its number: 15.37 for 15.3689
NEAR, ROUNDED = 0.01, 0.02  # what is near, to so much of the truth; what is the truth, rounded too much
RAISED = (Exception, SystemExit)  # whatever a reader's code does: exit() must not end the lesson


class Unfit(Exception):
    """What a reader's function returned is not of the kind that was asked for; its message says so to the reader."""


def number(answer: Any, truth: float, hint: str, *mistakes: tuple[float, str], within: float = WITHIN) -> Hint:
    """Judge a number: an int, a float or a Fraction, within an absolute tolerance.

    Parameters
    ----------
    answer : object
        What was given; an array with one entry is the number in it.
    truth : float
    hint : str
        Where no mistake is recognised.
    *mistakes : (value, hint)
        What those get who take a wrong turn, and where they should look.
    within : float
    """
    if isinstance(answer, np.ndarray) and answer.size == 1:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, Real) or answer != answer:
        return "Give one number: an int, a float, or a Fraction."
    if close(answer, truth, within):
        return None
    decimals = math.floor(-math.log10(within))
    nearly = f"That is near. If it is rounded, give {decimals} decimals."
    if close(answer, truth, 0.0, ROUNDED) and any(close(answer, round(truth, k)) for k in range(1, decimals)):
        return nearly  # before the mistakes: with so few digits it could be one of these
    for value, its_hint in mistakes:
        if close(answer, value, within, MISTAKEN):
            return its_hint
    counts = close(truth, round(truth))  # near a count is another count
    return nearly if close(answer, truth, 0.0, NEAR) and not counts else hint


def choice(answer: Any, truth: str, hints: Mapping[str, str]) -> Hint:
    """Judge one of several words: `hints` has them all, each with what to say to those who choose it wrongly."""
    given = answer.strip().lower() if isinstance(answer, str) else ""
    if given not in hints:
        return f"Choose one of {', '.join(map(repr, hints))}."
    return None if given == truth else hints[given]


def code(
    answer: Any,
    truth: Callable[..., Any],
    cases: Sequence[Any],
    same: Callable[[Any, Any], bool],
    hint: str,
    *mistakes: tuple[Callable[..., Any], str],
    use: Callable[[Callable[..., Any], Any], Any] = lambda function, case: function(*case),
) -> Hint:
    """Judge a function by trying it on several inputs.

    Parameters
    ----------
    answer : object
        What was given.
    truth : callable
        The right function.
    cases : sequence
        Inputs; a function that is wrong on any of these is wrong.
    same : callable
        Whether what was found is what it should be: f(found, right).
    hint : str
        Where no mistake is recognised.
    *mistakes : (function, hint)
        Wrong functions: one that gives the same in all cases has this mistake.
    use : callable
        f(function, case), what is compared; by default the cases are arguments, and what is returned is compared.  It
        may raise `Unfit`.
    """
    if not callable(answer):
        return "Give a function: write `def`, then hand over its name, without parentheses."
    found = []
    for case in cases:
        try:
            found.append(use(answer, case))
        except Unfit as error:
            return str(error)
        except RAISED as error:
            return f"Your function raised {type(error).__name__}: {error} {hint}"

    def agrees_with(function: Callable[..., Any]) -> bool:
        return all(same(mine, use(function, case)) for mine, case in zip(found, cases, strict=True))

    if agrees_with(truth):
        return None
    for mistake, its_hint in mistakes:
        if agrees_with(mistake):
            return its_hint
    if any(mine is None or mine is ... for mine in found):
        return f"Your function returned nothing in one of the cases. Does each way through it `return`? {hint}"
    return hint


def close(given: Any, truth: float, within: float = 1e-9, relative: float = 0.0) -> bool:
    """Tell whether something is a number within a tolerance of another, or the same infinity."""
    try:
        x = float(given)
    except (TypeError, ValueError, OverflowError):
        return False
    return math.isclose(x, truth, rel_tol=relative, abs_tol=within)
