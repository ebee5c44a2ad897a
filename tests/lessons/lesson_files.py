"""Lessons as files: their cells, what these print, and the numbers in the text between them."""

import builtins
import contextlib
import io
import keyword
import re
import sys
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LESSONS = Path(__file__).resolve().parents[2] / "docs" / "lessons"
FILES = sorted(LESSONS.glob("0*_*.py"))
MARKER = re.compile(r"^# %%( \[markdown\])?$", re.MULTILINE)

# What is no number that a cell could print: code, references to the paper and to other lessons, numbers of exercises.
CODE = re.compile(r"`[^`\n]*`|^    .*$", re.MULTILINE)
REFERENCE = re.compile(
    r"\b(Sections?|Propositions?|equations?|Appendix|Lessons?|Lemma) \(?[A-Z]?\.?\d+(\.\d+)*\)?( and \d+)?"
)
NUMBERING = re.compile(r"^(# |\*\*)\d+\.", re.MULTILINE)
# Not E1, k2, 2ε, x^2 or ε²/2, which are names and formulas.
NUMBER = re.compile(r"(?<![\w.,/^])\d(?:[\d,]*\d)?(?:\.\d+)?(?:e[-+]?\d+)?(?:/\d+)?%?(?![\w^])")
NAMES = {"0"}  # "rewards are 0", "τ goes to 0": what is chosen, not what is found
FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "⅕": "1/5", "⅖": "2/5"}


@dataclass(frozen=True)
class Cell:
    """One cell: its section (from 0; a section for each ``##``), markdown or code, and what the code printed."""

    section: int
    kind: str
    text: str
    printed: str = ""


def read(path):
    """Return the header of a lesson, and its cells as (kind, text)."""
    source = path.read_text(encoding="utf-8")
    starts = list(MARKER.finditer(source))
    ends = [start.start() for start in starts[1:]] + [len(source)]
    cells = []
    for start, end in zip(starts, ends, strict=True):
        body = source[start.end() : end].strip("\n")
        if start[1]:
            lines = body.splitlines()
            assert all(line == "#" or line.startswith("# ") for line in lines), (path.name, body)
            cells.append(("markdown", "\n".join(line[2:] for line in lines)))
        else:
            cells.append(("code", body))
    return source[: starts[0].start()], cells


def run(path):
    """Run a lesson cell by cell, as a notebook does; return its cells with what they printed."""
    return _ran(path)[0]


def namespace(path):
    """Return the names that a reader has at the end of a lesson, beside those of Python itself."""
    return frozenset(_ran(path)[1])


@cache
def _ran(path):
    pyplot = __import__("matplotlib.pyplot", fromlist=["pyplot"])
    pyplot.switch_backend("agg")
    names, cells, section = {"__name__": "__main__"}, [], 0
    for kind, text in read(path)[1]:
        out = io.StringIO()
        if kind == "code":
            with contextlib.redirect_stdout(out), warnings.catch_warnings():
                warnings.simplefilter("error")
                exec(compile(text, f"{path.name}, a cell", "exec"), names)
            cells.append(Cell(section, kind, text, out.getvalue()))
            continue
        parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)  # a cell may begin a section, or several
        for i, part in enumerate(parts):
            section += i > 0 or part.startswith("## ")
            if part:
                cells.append(Cell(section, kind, part))
    pyplot.close("all")
    return tuple(cells), names


def numbers(text):
    """Return the numbers in a piece of text, as they are written."""
    for sign, fraction in FRACTIONS.items():
        text = text.replace(sign, fraction)
    return NUMBER.findall(text)


def numbers_of_prose(markdown):
    """Return the numbers in a markdown cell that a cell of code has to print."""
    for what in (CODE, REFERENCE, NUMBERING):
        markdown = what.sub(" ", markdown)
    return numbers(markdown)


def unprinted(cells):
    """Return the numbers of the text that no cell of the same or an earlier section prints.

    The question that a lesson begins with may have numbers of the whole lesson.  Exercises give numbers to work with,
    which nothing has printed: they are left out.
    """
    missing = []
    for cell in cells:
        if cell.kind == "code" or cell.text.startswith("## Exercises") or cell.section == cells[-1].section:
            continue
        last = cell.section or cells[-1].section
        printed = {x for other in cells if other.section <= last for x in numbers(other.printed)}
        missing += [x for x in numbers_of_prose(cell.text) if x not in printed | NAMES]
    return missing


# What is written as code in an exercise: not between quotation marks, no keyword argument, no attribute.
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w|\s*=[^=])")
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
TO_BE_WRITTEN = re.compile(r"^\*\*\d+\.\*\* (?:.*\n)*?.*?\bWrite\b[^`]*`(\w+)\(([\w, ]*)\)`", re.MULTILINE)
OF_THE_TEXT = {"a", "k"}  # a token of the lesson, a number of pairs


def exercises_in(cells):
    """Return the texts of the exercises."""
    text = "\n\n".join(cell.text for cell in cells if cell.kind == "markdown")
    return re.split(r"^(?=\*\*\d+\.\*\*)", text[text.index("## Exercises") :], flags=re.MULTILINE)[1:]


def unknown_names(exercise, known):
    """Return the names in backticks in an exercise that a reader does not have, nor is asked to write."""
    known = set(known) | set(vars(builtins)) | set(keyword.kwlist) | OF_THE_TEXT
    for name, parameters in TO_BE_WRITTEN.findall(exercise):
        known |= {name, *re.findall(r"\w+", parameters)}
    spans = (QUOTED.sub("", span) for span in re.findall(r"`([^`\n]*)`", exercise))
    return [name for span in spans for name in NAME.findall(span) if name not in known]


if str(LESSONS) not in sys.path:  # where a lesson finds `exercises`: its own folder
    sys.path.insert(0, str(LESSONS))
