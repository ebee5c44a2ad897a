"""What the README shows is what the commands print.  Its Python examples run as doctests of their own."""

import re
from pathlib import Path

import pytest

from proofs_check import cli

README = Path(__file__).parent.parent / "README.md"
PAGES = (README, README.parent / "docs" / "evidence.md")
SHOWN = [
    found
    for page in PAGES
    for found in re.findall(r"```console\n\$ proofs-check (.*)\n((?:.*\n)*?)```", page.read_text(encoding="utf-8"))
]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
RESIDUAL = re.compile(r" *\b\d(\.\d+)?e[-+]\d\d\b")  # the digits of a rounding error are the machine's


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=[command for command, _ in SHOWN])
def test_what_the_readme_shows(command, shown, capsys, tmp_path, monkeypatch):
    if "teacher.npz" in command:
        monkeypatch.chdir(tmp_path)
        for block in PYTHON.findall(README.read_text(encoding="utf-8")):
            if 'save("teacher.npz")' in block:
                exec(block, {})
    cli.main(command.split())
    printed = capsys.readouterr().out
    assert RESIDUAL.sub(" #", printed) == RESIDUAL.sub(" #", shown)


def test_the_demo_comes_first():
    assert SHOWN[0][0] == "demo"
    assert README.read_text(encoding="utf-8").startswith("# tabular_bellman\n\n```console\n$ proofs-check demo\n")
