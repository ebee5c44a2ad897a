"""Pages of the documentation, followed word for word in an empty folder."""

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)
# What is the machine's: the digits of a rounding error, and how long pytest took.
NOISE = [
    (re.compile(r" *\b\d(\.\d+)?e-1\d\b"), " #"),
    (re.compile(r"at most \S+ %"), "at most # %"),
    (re.compile(r"in (\d+\.\d+|…)s"), "in #s"),
]
# What each page shows: so many commands, and what they print.
PAGES = {
    "distillation.md": 4,
    "first-steps.md": 5,
    "own-rewards.md": 7,
    "responses.md": 3,
    "sharper.md": 5,
    "streaming.md": 4,
}
PYTORCH = "## A language model in PyTorch"
TODAY = pytest.mark.skipif(
    tuple(map(int, version("hypothesis").split(".")[:2])) < (6, 150),
    reason="the page shows what a Hypothesis of today draws; this one, older than 6.150, shrinks to another instance",
)


def text_of(page):
    return (DOCS / page).read_text(encoding="utf-8")


def follow(text, folder):
    """Write the files that a text shows, run its commands; return [(command, printed, shown)]."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    found = []
    for language, body in BLOCK.findall(text):
        if language == "python":
            name = re.match(r"# (\w+\.py)\n", body)
            assert name, body
            (folder / name[1]).write_text(body, encoding="utf-8")
            continue
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
            ran = subprocess.run(
                shlex.split(command), cwd=folder, env=environment, capture_output=True, check=False, encoding="utf-8"
            )
            assert ran.stderr == "", command
            found.append((command, comparable(ran.stdout), comparable(shown)))
    return found


def comparable(text):
    for pattern, instead in NOISE:
        text = pattern.sub(instead, text)
    return text


def agree(found, n_commands):
    """Hold what was printed against what is shown; pages are long, so say which command differs first."""
    for command, printed, shown in found:
        assert printed == shown, command
    assert len(found) == n_commands


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_you_get(page, tmp_path):
    agree(follow(text_of(page), tmp_path), PAGES[page])


def by_section():
    parts = re.split(r"^(## .*)$", text_of("testing.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@TODAY
def test_the_page_on_testing_without_pytorch(tmp_path):
    text = "".join(text for title, text in by_section().items() if title != PYTORCH)
    agree(follow(text, tmp_path), 5)


@TODAY
def test_the_page_on_testing_with_pytorch(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    agree(follow(by_section()[PYTORCH], tmp_path), 2)


def test_a_number_that_is_not_printed_is_seen(tmp_path):
    text = text_of("responses.md")
    assert "π(EOS) = 0.5" in text
    found = follow(text.replace("π(EOS) = 0.5", "π(EOS) = 0.25"), tmp_path)
    assert [command for command, printed, shown in found if printed != shown] == ["python prompts.py"]


def test_prose_on_distillation_has_numbers_shown():
    text = text_of("distillation.md")
    shown = "".join(body for _, body in BLOCK.findall(text))
    numbers = re.findall(r"(?<![\w.])\d[\d,]*\.?\d{2,}", BLOCK.sub("", text).replace("Schulman 2020", ""))
    assert len(numbers) > 10
    for number in numbers:
        assert re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d.,])", shown), number
