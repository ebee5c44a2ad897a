"""Pages of the documentation, followed word for word in an empty folder."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)
RESIDUAL = re.compile(r" *\b\d(\.\d+)?e[-+]\d\d\b")  # the digits of a rounding error are the machine's
# What each page shows: so many commands, and what they print.
PAGES = {"first-steps.md": 5, "own-rewards.md": 7, "responses.md": 3}


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
            found.append((command, RESIDUAL.sub(" #", ran.stdout), RESIDUAL.sub(" #", shown)))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_you_get(page, tmp_path):
    found = follow((DOCS / page).read_text(encoding="utf-8"), tmp_path)
    assert len(found) == PAGES[page]
    for command, printed, shown in found:
        assert printed == shown, command


def test_a_number_that_is_not_printed_is_seen(tmp_path):
    text = (DOCS / "responses.md").read_text(encoding="utf-8")
    assert "π(EOS) = 0.5" in text
    found = follow(text.replace("π(EOS) = 0.5", "π(EOS) = 0.25"), tmp_path)
    assert [command for command, printed, shown in found if printed != shown] == ["python prompts.py"]
