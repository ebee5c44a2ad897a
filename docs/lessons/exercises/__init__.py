"""The exercises of the lessons: `exercises_of(1)` returns ``check``, and ``check(2, answer)`` says if it is right.

An answer is right, not yet right (with a hint, never the answer), or ``...``: not answered yet.  What is right is
computed by the library when an answer comes, in the module of the lesson.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Final, Literal

from tabular_bellman import TabularBellmanError

__all__ = ["LESSONS", "Verdict", "exercises_of", "judge", "numbers_of"]

LESSONS: Final = 7

Status = Literal["right", "not yet", "not answered yet"]


@dataclass(frozen=True)
class Verdict:
    """What an answer is worth.

    Attributes
    ----------
    status : {"right", "not yet", "not answered yet"}
    hint : str
        Where to look, if it is not right yet.
    """

    status: Status
    hint: str = ""


def exercises_of(lesson: int) -> Callable[[int, Any], None]:
    """Return ``check(number, answer)`` of a lesson, which prints the verdict on one exercise."""
    _module(lesson)

    def check(number: int, answer: Any) -> None:
        """Print whether the answer to this exercise is right, and a hint where it is not."""
        verdict = judge(lesson, number, answer)
        print(f"Exercise {number}: {verdict.status}." + f" {verdict.hint}".rstrip())

    return check


def judge(lesson: int, number: int, answer: Any) -> Verdict:
    """Return the verdict on one answer.

    Raises
    ------
    TabularBellmanError
        If there is no such lesson, or no such exercise in it.
    """
    numbers = numbers_of(lesson)
    if not _is_int(number) or number not in numbers:
        raise TabularBellmanError(
            f"lesson {lesson} has no exercise {number!r}; it has exercises {numbers[0]} to {numbers[-1]}."
        )
    if answer is ...:
        return Verdict("not answered yet")
    hint = getattr(_module(lesson), f"exercise_{number}")(answer)
    return Verdict("right") if hint is None else Verdict("not yet", hint)


def numbers_of(lesson: int) -> tuple[int, ...]:
    """Return the numbers of the exercises of a lesson."""
    names = (name for name in vars(_module(lesson)) if name.startswith("exercise_"))
    return tuple(sorted(int(name.removeprefix("exercise_")) for name in names))


def _is_int(given: object) -> bool:
    """Tell whether this is an int: 1.0 and True equal 1, but no module is called so."""
    return isinstance(given, int) and not isinstance(given, bool)


def _module(lesson: int) -> ModuleType:
    if not _is_int(lesson) or lesson not in range(1, LESSONS + 1):
        raise TabularBellmanError(f"there is no lesson {lesson!r}; the lessons are 1 to {LESSONS}.")
    return import_module(f"exercises.lesson_{lesson}")
