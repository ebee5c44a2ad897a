"""Lessons run, as scripts and cell by cell; every number in their text is printed by a cell; guides and index agree."""

import ast
import os
import re
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version

import pytest
from lesson_files import (
    FILES,
    LESSONS,
    NAMES,
    NUMBER,
    exercises_in,
    namespace,
    numbers,
    numbers_of_prose,
    read,
    run,
    unknown_names,
    unprinted,
)

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    soft_bellman,
)

pytest.importorskip("matplotlib", reason="lessons draw: pip install 'tabular_bellman[plot]'")
pytest.importorskip("flint", reason="lesson 7 computes with balls: pip install 'tabular_bellman[certify]'")
exercises = import_module("exercises")

each_lesson = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
# Lesson 5 shows what Hypothesis shrinks to, which an old one does otherwise, as on docs/testing.md.
OLD_HYPOTHESIS = tuple(map(int, version("hypothesis").split(".")[:2])) < (6, 150)


def skip_what_shrinks_otherwise(path):
    if OLD_HYPOTHESIS and path.name.startswith("05"):
        pytest.skip("the lesson shows what a Hypothesis of today draws; this one is older than 6.150")


def guide(path):
    return (LESSONS / "guides" / f"{path.stem}.md").read_text(encoding="utf-8")


@each_lesson
def test_a_lesson_runs_as_a_script_from_any_folder(path, tmp_path):
    """Without answers, with warnings as errors; it prints what its cells print, and leaves nothing behind."""
    skip_what_shrinks_otherwise(path)
    started = time.perf_counter()
    environment = os.environ | {"MPLBACKEND": "agg", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", str(path)]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, encoding="utf-8")
    print(f"{path.name}: {time.perf_counter() - started:.1f} s")
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr
    assert {file.name for file in tmp_path.iterdir()} <= {".hypothesis"}
    assert ran.stdout == "".join(cell.printed for cell in run(path))
    unanswered = [f"Exercise {n}: not answered yet." for n in exercises.numbers_of(int(path.name[:2]))]
    assert ran.stdout.splitlines()[-len(unanswered) :] == unanswered


@each_lesson
def test_every_number_in_the_text_is_printed(path):
    skip_what_shrinks_otherwise(path)
    cells = run(path)
    assert not unprinted(cells)
    assert sum(len(numbers_of_prose(cell.text)) for cell in cells if cell.kind == "markdown") >= 10


@each_lesson
def test_a_number_that_is_wrong_is_noticed(path):
    """Change the last digit of each number in the text with three digits or more."""
    skip_what_shrinks_otherwise(path)
    cells, planted = run(path), 0
    for i, cell in enumerate(cells):
        if cell.kind == "code" or cell.section == cells[-1].section:
            continue
        for found in set(numbers_of_prose(cell.text)):
            if sum(map(str.isdigit, found)) < 3:
                continue
            last = max(j for j, sign in enumerate(found) if sign.isdigit())
            wrong = found[:last] + str((int(found[last]) + 1) % 10) + found[last + 1 :]
            text = re.sub(rf"(?<![\w.,/^]){re.escape(found)}(?![\w^])", wrong, cell.text)
            if text == cell.text:
                continue  # it stands there as ⅓, say
            planted += 1
            assert wrong in unprinted((*cells[:i], replace(cell, text=text), *cells[i + 1 :])), wrong
    assert planted > 0


def test_what_counts_as_a_number():
    text = (
        "197 of 8,191; 45.4%, 6/7, ⅓, 1e-09 and 0.6931. But `12`, Section 3.2, k1, 2ε, ε²/2, x^2, E4, (equation (6))."
    )
    assert numbers_of_prose(text) == ["197", "8,191", "45.4%", "6/7", "1/3", "1e-09", "0.6931"]
    assert numbers_of_prose("# 1. Title\n\n**2.** Two\n\n    code 7\n") == []


@each_lesson
def test_no_result_is_typed_in(path):
    """What a cell formats, it has computed: `{0.15:.0%}` would show what somebody wrote there."""
    for kind, text in read(path)[1]:
        if kind == "code":
            shown = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FormattedValue)]
            assert not [node.value for node in shown if isinstance(node, ast.Constant) and node.value != ""]


@each_lesson
def test_an_exercise_can_be_done_with_what_the_lesson_has(path):
    skip_what_shrinks_otherwise(path)
    texts = exercises_in(run(path))
    assert len(texts) == len(exercises.numbers_of(int(path.name[:2])))
    for text in texts:
        assert unknown_names(text, namespace(path)) == [], text


def test_what_a_reader_does_not_have():
    exercise = (
        "**2.** Write `f(rewards, tau)`, like `backup` with `n=3`: `f(rewards, 1)` is `\"right\"`, `None` or `{'a'}`."
    )
    assert unknown_names(exercise, {"backup"}) == []
    assert unknown_names(exercise, set()) == ["backup"]
    assert unknown_names(exercise.replace("Write", "Check"), {"backup"}) == ["f", "rewards", "tau", "f", "rewards"]
    mystery = next(text for text in exercises_in(run(FILES[4])) if "`mystery`" in text)
    assert unknown_names(mystery, namespace(FILES[4]) - {"mystery"}) == ["mystery"]


@each_lesson
def test_how_exact_a_number_has_to_be_is_said(path):
    text = "".join(body for kind, body in read(path)[1] if kind == "markdown")
    said = "hree decimals are enough for a number" in text[text.index("## Exercises") :]
    assert said == (not path.name.startswith("07"))  # its one number is an int


def test_the_step_by_step_optimum_of_lesson_3():
    """The formula of the lesson, at every step there is: not only along the word that the lesson follows."""
    shown = "log π(a|s) = log π_ref(a|s) + (r(s, a) + V(s a) - V(s))/τ"
    assert any(shown in cell.text for cell in run(FILES[2]) if cell.kind == "markdown")
    space = SequenceSpace("ab", max_length=4)
    rewards, reference = (StateActionTable.random(space, rng=seed) for seed in (0, 1))
    reference, tau = AutoregressiveModel(reference), 0.3
    _, values = soft_bellman(rewards, temperature=tau, reference=reference)
    model = EnergyBasedModel(rewards, tau, reference=reference).to_autoregressive()
    off = []
    for (prompt, s, a), r in rewards.items():
        above = 0.0 if a is EOS else values[prompt, (*s, a)]
        told = reference.log_policy[prompt, s, a] + (r + above - values[prompt, s]) / tau
        off.append(abs(told - model.log_policy[prompt, s, a]))
    assert max(off) < 1e-12
    rows = [row.split() for row in printed_after(FILES[2], "step   r(s, a)")[:4]]
    assert [row[0] for row in rows] == ["t", "h", "e", "EOS"]
    assert all(abs(float(row[4]) - float(row[5])) < 1e-12 for row in rows), rows
    assert float(rows[-1][1]) == 1.0


def test_token_temperature_divides_in_lesson_4():
    """p² over the product of divisors is what the library draws at token temperature ½."""
    rows = re.findall(r"p²/product (\d\.\d+)", "".join(cell.printed for cell in run(FILES[3])))
    logits = soft_bellman(StateActionTable.zeros(SequenceSpace("a", max_length=3)))[0]
    drawn = AutoregressiveModel(logits / 0.5).probabilities()[0]
    assert [float(x) for x in rows] == pytest.approx(list(drawn), abs=5e-5)


def test_what_is_lost_in_lesson_1():
    """Rewards come back from the logits, except for steps to dead prefixes."""
    (row,) = printed_after(FILES[0], "start )")[:1] or [""]
    count = re.search(r"not what went in: ([\d,]+) of ([\d,]+); steps to a dead prefix: ([\d,]+)", row)
    assert count
    assert count[1] == count[3]
    assert int(count[1].replace(",", "")) > 0


def printed_after(path, start):
    """Return the lines that a lesson prints after the first one that begins so."""
    lines = "".join(cell.printed for cell in run(path)).splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith(start)) + 1 :]


def test_the_ten_lines_of_lesson_5(tmp_path):
    """The test that the lesson shows has ten lines; it fails on her function, by name, and passes on the mended one."""
    cells = run(FILES[4])
    (shown,) = (cell.text for cell in cells if cell.kind == "markdown" and "test_backup.py" in cell.text)
    block = re.search(r"(?:^ {4}.*\n|^\n)+", shown[shown.index("    # test_backup.py") :], re.MULTILINE)[0].rstrip()
    assert len(block.splitlines()) == 10
    (tmp_path / "test_backup.py").write_text(textwrap.dedent(block), encoding="utf-8")
    functions = {name: cell.text for cell in cells for name in ("hard", "stable") if f"def {name}_backup" in cell.text}
    for name, told in (("hard", "looks like hard-max"), ("stable", "1 passed")):
        source = functions[name].split("\nreport =")[0]
        (tmp_path / "my_project.py").write_text(f"import math\n\n{source}\nbackup = {name}_backup\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_backup.py"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, encoding="utf-8")
        assert told in ran.stdout, ran.stdout
        assert ran.returncode == (0 if name == "stable" else 1)


@each_lesson
def test_the_form_of_a_lesson(path):
    header, cells = read(path)
    number = int(path.name[:2])
    assert header.startswith("# ---\n")
    assert "format_name: percent" in header
    (kind, title), *_ = cells
    assert kind == "markdown"
    assert title.startswith(f"# {number}. ")
    assert "**The question.**" in title
    text = "\n".join(body for kind, body in cells if kind == "markdown")
    code = [body for kind, body in cells if kind == "code"]
    assert "$" not in text  # formulas are text: the site has no LaTeX
    assert max(len(body.splitlines()) for body in code) <= 30  # short cells
    numbers_of_exercises = exercises.numbers_of(number)
    exercise_text = text[text.index("## Exercises") :]
    assert re.findall(r"^\*\*(\d+)\.\*\*", exercise_text, re.MULTILINE) == [str(n) for n in numbers_of_exercises]
    assert code[-len(numbers_of_exercises) :] == [
        f"answer_{n} = ...\ncheck({n}, answer_{n})" for n in numbers_of_exercises
    ]
    for word in ("show()", "input(", "%matplotlib", "sys.path"):
        assert word not in "\n".join(code)


@each_lesson
def test_jupytext_reads_the_same_cells(path):
    jupytext = pytest.importorskip("jupytext", reason="pip install jupytext")
    notebook = jupytext.read(path, fmt="py:percent")
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == read(path)[1]
    assert notebook.metadata["kernelspec"]["name"] == "python3"


@each_lesson
def test_a_guide_is_half_a_page(path):
    text = guide(path)
    _, title = read(path)[1][0]
    assert text.startswith(f"# For teachers: {title.splitlines()[0].removeprefix('# ')}\n")
    assert len(text.split()) <= 350
    parts = re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)
    assert parts == [
        "Time.",
        "What students need to know.",
        "Usual wrong answers, and what they show.",
        "For discussion.",
        "Where in the paper.",
    ]


@each_lesson
def test_numbers_in_a_guide_are_printed_or_are_wrong_answers(path):
    skip_what_shrinks_otherwise(path)
    wrong = import_module("wrong_answers").WRONG
    lesson = int(path.name[:2])
    known = {
        x for cell in run(path) for x in numbers(cell.printed + (cell.text if cell.kind == "code" else ""))
    } | NAMES
    given = [answer for (of, _), answers in wrong.items() if of == lesson for answer, _ in answers]
    known |= {x for answer in given for x in (str(answer), repr(answer)) if NUMBER.fullmatch(x)}
    about = re.sub(r"exercises? \d|\bT = \d|\*\*Time\.\*\*.*|E\d( to E\d)?|rewards such as.*", " ", guide(path))
    about = re.sub(r"equations \(\d\) and \(\d\)|Sections? \d\.\d( and \d\.\d)?", " ", about)
    assert [x for x in numbers_of_prose(about) if x not in known] == []


def test_the_index_lists_every_lesson():
    text = (LESSONS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(.+?)\]\((.+?)\) \| (.+?) \| (\d+) \+ (\d+) \|$", text, re.MULTILINE)
    assert [file for _, file, *_ in rows] == [path.name for path in FILES]
    for (title, _, question, to_read, to_do), path in zip(rows, FILES, strict=True):
        assert read(path)[1][0][1].startswith(f"# {title}\n")
        assert question.endswith("?")
        assert f"**Time.** {to_read} minutes of reading, {to_do} of exercises" in guide(path)
    code = {int(path.name[:2]): path.read_text(encoding="utf-8") for path in FILES}
    draws = [
        n
        for n, source in code.items()
        if re.search(r"^(import matplotlib|from tabular_bellman.plotting)", source, re.M)
    ]
    balls = [n for n, source in code.items() if re.search(r"^from flint", source, re.M)]
    neither = sorted(set(code) - set(draws) - set(balls))
    said = re.search(r"Lessons (.+?) draw .+, and (\d) computes .+; (.+?) need neither", text)
    assert [list(map(int, re.findall(r"\d", part))) for part in said.groups()] == [draws, balls, neither]
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (LESSONS / link).exists(), link
