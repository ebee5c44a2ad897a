"""Exercises: the solutions are right, the usual wrong answers get a hint, and no answer breaks the judge."""

import math
import re
import runpy
import sys
from fractions import Fraction
from importlib import import_module

import numpy as np
import pytest
from lesson_files import FILES, LESSONS
from wrong_answers import WRONG

from tabular_bellman import TabularBellmanError
from tabular_bellman.bounds import kappa

pytest.importorskip("flint", reason="lesson 7 computes with balls: pip install python-flint")
exercises = import_module("exercises")
EXERCISES = [(lesson, n) for lesson in range(1, exercises.LESSONS + 1) for n in exercises.numbers_of(lesson)]


@pytest.fixture(scope="module")
def answers():
    """The answers of the solutions, by lesson and number."""
    found = {}
    for lesson, path in enumerate(FILES, start=1):
        names = runpy.run_path(str(LESSONS / "solutions" / path.name))
        found |= {(lesson, n): names[f"answer_{n}"] for n in exercises.numbers_of(lesson)}
    return found


def test_each_lesson_has_three_to_five_exercises():
    assert len(FILES) == exercises.LESSONS
    for lesson in range(1, exercises.LESSONS + 1):
        numbers = exercises.numbers_of(lesson)
        assert numbers == tuple(range(1, len(numbers) + 1))
        assert 3 <= len(numbers) <= 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_solution_says_right_for_each_exercise(path, capsys):
    runpy.run_path(str(LESSONS / "solutions" / path.name))
    numbers = exercises.numbers_of(int(path.name[:2]))
    assert capsys.readouterr().out == "".join(f"Exercise {n}: right.\n" for n in numbers)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_solution_explains_each_answer(path):
    source = (LESSONS / "solutions" / path.name).read_text(encoding="utf-8")
    for n in exercises.numbers_of(int(path.name[:2])):
        explained = re.search(rf"^# {n}\. (.+(?:\n# .+)*)", source, re.MULTILINE)
        assert explained, n
        assert len(explained[1].split()) >= 8, explained[1]


@pytest.mark.parametrize(("lesson", "number"), EXERCISES)
def test_wrong_answers_get_a_hint_of_their_own(lesson, number, answers):
    cases = WRONG[lesson, number]
    assert len(cases) >= 2
    for answer, words in cases:
        verdict = exercises.judge(lesson, number, answer)
        assert verdict.status == "not yet", answer
        assert words in verdict.hint, (answer, verdict.hint)
        assert not gives_away(verdict.hint, answers[lesson, number]), verdict.hint


def gives_away(hint, right):
    """Tell whether a hint has the answer in it: a number, or a word in quotation marks that is not one of a list."""
    if isinstance(right, (int, float, Fraction)):
        written = [float(x) for x in re.findall(r"(?<![\w.])\d+\.?\d*", hint)]
        return any(math.isclose(x, right, rel_tol=2e-3) for x in written)
    if isinstance(right, str):
        return (repr(right) in hint and not hint.startswith("Choose one of")) or f" {right}." in hint
    return False


def test_that_a_hint_can_give_the_answer_away():
    assert gives_away("Is it 0.6 or so?", Fraction(3, 5))
    assert gives_away("It stays.", "stays")
    assert not gives_away("Choose one of 'rises', 'falls', 'stays'.", "stays")


@pytest.mark.parametrize(("lesson", "number"), EXERCISES)
def test_whatever_the_answer_there_is_a_verdict(lesson, number):
    assert exercises.judge(lesson, number, ...) == exercises.Verdict("not answered yet")
    strange = [
        None,
        "",
        "x",
        [],
        {},
        object(),
        math.nan,
        math.inf,
        10**400,
        1j,
        True,
        np.zeros(3),
        int,
        print,
        {"a": []},
    ]
    strange += [np.array([[1, 2]]), np.array(["x"]), np.array([True]), lambda *_: sys.exit(3)]
    strange += [lambda *_: None, lambda *_: 1 / 0, lambda *_: "x", lambda *_: math.nan, {((), None): "x"}, {1: 2}]
    for answer in strange:
        verdict = exercises.judge(lesson, number, answer)
        assert verdict.status == "not yet", answer
        assert verdict.hint.endswith((".", "?", "!", "…", ")")), verdict.hint


@pytest.mark.parametrize(("lesson", "number"), EXERCISES)
def test_numbers_come_in_any_form(lesson, number, answers):
    right = answers[lesson, number]
    if not isinstance(right, (int, float)) or (lesson, number) == (7, 3):  # a number of bits is an int
        return
    # Within what is stated: three decimals, or five where they were asked for.
    step = 1e-5 if (lesson, number) == (6, 1) else 5e-4
    forms = [Fraction(right), np.float64(right), np.float32(right), np.array(right), np.array([right])]
    for form in (*forms, right + 0.9 * step, right - 0.9 * step):
        assert exercises.judge(lesson, number, form).status == "right", form
    for off in (right + 1.1 * step, right - 1.1 * step):
        assert exercises.judge(lesson, number, off).status == "not yet", off


def test_rounded_to_fewer_digits_is_near_and_no_mistake(answers):
    """Whoever has the right number, and gives too few digits of it, is told so, and nothing else."""
    near = 0
    for (lesson, number), right in answers.items():
        if not isinstance(right, (int, float)) or isinstance(right, int) or abs(right - round(right)) < 1e-9:
            continue
        for given in {round(right, digits) for digits in (1, 2, 3, 4)}:
            verdict = exercises.judge(lesson, number, given)
            if verdict.status == "not yet" and abs(given - right) <= 0.02 * right:
                near += 1
                assert "decimals" in verdict.hint, (lesson, number, given, verdict.hint)
    assert near >= 8


def test_a_count_is_never_near():
    for given in (131, 133):
        assert "decimals" not in exercises.judge(1, 2, given).hint


def test_other_forms_of_right_answers(answers):
    collide, tune, bits = answers[2, 4], answers[3, 4], answers[7, 3]
    right = [
        (2, 4, lambda *given: np.bool_(collide(*given))),
        (2, 4, lambda *given: int(collide(*given))),
        (3, 4, lambda *given: list(tune(*given))),
        (6, 2, kappa(1.0)),
        (7, 3, np.int64(bits)),
        (7, 3, np.array(bits)),
    ]
    for lesson, number, answer in right:
        assert exercises.judge(lesson, number, answer).status == "right", (lesson, number)
    for not_an_int in (float(bits), np.float64(bits), True, np.True_, str(bits)):
        assert "an int" in exercises.judge(7, 3, not_an_int).hint


@pytest.mark.parametrize(("lesson", "number"), [(1, 3), (2, 4), (3, 4), (4, 4), (5, 4), (6, 4), (7, 4)])
def test_a_function_that_exits_does_not_end_the_lesson(lesson, number):
    verdict = exercises.judge(lesson, number, lambda *_: sys.exit(3))
    assert "SystemExit" in verdict.hint


@pytest.mark.parametrize(("lesson", "number"), EXERCISES)
def test_mistakes_can_be_told_from_the_answer_and_from_each_other(lesson, number, answers, monkeypatch):
    """A hint for a mistake that gives the right number, or that of another mistake, would never be shown."""
    module, seen = import_module(f"exercises.lesson_{lesson}"), []
    if not hasattr(module, "number"):
        return
    judge_number = module.number

    def spy(answer, truth, hint, *mistakes, within=5e-4):
        seen.append(([truth, *(value for value, _ in mistakes)], within))
        return judge_number(answer, truth, hint, *mistakes, within=within)

    monkeypatch.setattr(module, "number", spy)
    exercises.judge(lesson, number, answers[lesson, number])
    for values, within in seen:
        for i, x in enumerate(values):
            assert not any(math.isclose(x, y, rel_tol=4e-3, abs_tol=2 * within) for y in values[:i]), values


def test_what_check_prints(capsys):
    check = exercises.exercises_of(1)
    check(4, ...)
    check(4, "rises")
    check(4, " Stays ")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Exercise 4: not answered yet."
    assert lines[1].startswith("Exercise 4: not yet. All logits")
    assert lines[2] == "Exercise 4: right."


def test_no_such_lesson_or_exercise():
    for lesson in (0, exercises.LESSONS + 1, "1", True, None, 1.0, [1]):
        told = re.escape(f"there is no lesson {lesson!r}; the lessons are 1 to 7")
        with pytest.raises(TabularBellmanError, match=told):
            exercises.exercises_of(lesson)
    for number in (0, 9, 1.0, True, "1", None, [1]):
        told = re.escape(f"lesson 1 has no exercise {number!r}; it has exercises 1 to 4")
        with pytest.raises(TabularBellmanError, match=told):
            exercises.exercises_of(1)(number, 0.5)
