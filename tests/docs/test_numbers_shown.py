"""Every number that a page shows was printed by a command that a test runs again, or is said to be measured."""

import ast
import re
import sys
from pathlib import Path

import pytest
from checked_by import CHECKED_BY, MEASURED
from markdown_files import markdown

from proofs_check.claims import CLAIMS
from proofs_check.errata import ERRATA
from proofs_check.mistakes import MISTAKES

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^(```+|~~~+) *(\S*)[^\n]*\n(.*?)^\1\s*$", re.DOTALL | re.MULTILINE)
TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
CELL = re.compile(r"(?<!\\)\|")
NUMBER = re.compile(r"^\*{0,2}[+-]?\d[\d.,]*(e[+-]?\d+)?( ?(×|%|ms|µs|s|ns|MB))?\*{0,2}( .*)?$")
INPUT = {"sh", "python", "json", "csv"}  # what a reader types, or a file: its numbers are the reader's


def kinds(text):
    """Return the kinds of blocks of a page that show numbers."""
    for _, language, body in FENCE.findall(text):
        if ">>>" in body:
            yield "doctest"
        elif re.search(r"\d", body) and language not in INPUT and not language.startswith("{"):
            yield "console" if language == "console" else "text"
    for table in TABLE.findall(FENCE.sub("", text)):
        cells = [cell.strip() for row in table.split("\n")[2:] for cell in CELL.split(row)[1:-1]]
        if any(NUMBER.match(cell) for cell in cells):
            yield "table"


def shown():
    """Return {(page, kind)} of all pages that are written by people or commands."""
    pages = [path for path in markdown() if path.name == "README.md" or "docs" in path.relative_to(ROOT).parts]
    return {(str(path.relative_to(ROOT)), kind) for path in pages for kind in kinds(path.read_text(encoding="utf-8"))}


def test_every_block_with_numbers_is_checked_or_said_to_be_measured():
    assert shown() == {*CHECKED_BY, *MEASURED}
    assert not set(CHECKED_BY) & set(MEASURED)


@pytest.mark.parametrize("where", sorted(CHECKED_BY), ids="-".join)
def test_the_test_is_there_and_reads_that_page(where):
    page = where[0]
    file, _, name = CHECKED_BY[where].partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    if file == "setup.cfg":
        assert f"\n    {name}\n" in text
        assert f"--doctest-glob={Path(name).name}" in text
        return
    defined = {
        name
        for node in ast.parse(text).body
        for name in ([node.name] if isinstance(node, ast.FunctionDef) else [])
        + [target.id for target in getattr(node, "targets", ()) if isinstance(target, ast.Name)]
    }
    assert name in defined
    assert Path(page).name in text


@pytest.mark.parametrize("where", sorted(MEASURED), ids="-".join)
def test_a_page_with_measurements_says_so(where):
    text = (ROOT / where[0]).read_text(encoding="utf-8")
    assert MEASURED[where] in " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```console\n$ x\n1.5\n```\n", ["console"]),
        ("```\nsomething 5\n```\n", ["text"]),
        ("```python\n>>> 1\n1\n```\n", ["doctest"]),
        ("```python\nx = 1\n```\n```sh\nx 1\n```\n```{toctree}\n1\n```\n", []),
        ("| a | b |\n|---|---|\n| c | 3.5 × |\n", ["table"]),
        ("| a 1 | b |\n|---|---|\n| c | E1 |\n", []),
    ],
)
def test_blocks_with_numbers_are_seen(text, found):
    assert list(kinds(text)) == found


# -- what speed.md has is what the commands would write there today --


def test_the_tables_of_speed_have_todays_rows_and_columns():
    sys.path.insert(0, str(ROOT))  # benchmarks is not installed
    from benchmarks.contenders.registry import CONTENDERS
    from benchmarks.tasks import TASKS

    text = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    written = text.partition("<!-- tasks:")[2].partition("<!-- end of tasks -->")[0]
    parts = re.split(r"^### (.*)$", written, flags=re.MULTILINE)
    tasks = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert set(tasks) == set(TASKS)
    known = {contender.name for contender in CONTENDERS}
    for task, part in tasks.items():
        assert TASKS[task].title in " ".join(part.split()), task
        header, _, *rows = TABLE.search(part)[0].strip().split("\n")
        columns = [cell.strip() for cell in CELL.split(header)[2:-1]]
        assert columns, task
        sizes = {f"({size.V}, {size.T})" for size in TASKS[task].sizes}
        assert {column.partition("), ")[0].rstrip(")") + ")" for column in columns} == sizes, task
        names = {CELL.split(row)[1].strip().strip("*") for row in rows}
        assert names - known <= {"floor"}, task
        assert all(len(CELL.split(row)) == len(columns) + 3 for row in rows), task


# -- counts in the prose --


def prose(name):
    return " ".join(FENCE.sub("", (ROOT / name).read_text(encoding="utf-8")).split())


def test_counts_in_the_prose():
    readme, changes, tour = prose("README.md"), prose("CHANGELOG.md"), prose("docs/first-steps.md")
    assert f"as a claim ({len(CLAIMS)} with what goes beyond it)" in readme
    assert set(re.findall(r"(\d+) notes", readme)) == {str(len(ERRATA))}
    assert f"{len(CLAIMS)} claims with derived error bounds" in changes
    assert f"a registry of {len(MISTAKES)} mistakes" in changes
    assert f"{len(ERRATA)} errata" in changes
    misreadings = len({misreading.name for claim in CLAIMS for misreading in claim.misreadings})
    told = int(re.search(r"some (\d+) misreadings", changes)[1])
    assert abs(told - misreadings) <= 10
    of = re.search(r"`(\d+) of \1` says that this claim was run again with each of \1 mistakes", tour)
    blocks = (ROOT / "docs" / "first-steps.md").read_text(encoding="utf-8")
    assert f"  {of[1]} of {of[1]}\n" in blocks
