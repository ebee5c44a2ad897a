"""Right code passes; wrong code is found, shrunk, and called by its name."""

import re
from pathlib import Path

import pytest
from gallery import MISSING, RIGHT, WRONG, verdict

from proofs_check.mistakes import MISTAKES

PAGE = Path(__file__).parent.parent.parent / "docs" / "gallery.md"
# 100 by default; enough to find what is here. A call of PyTorch or JAX takes as long as ten of others.
EXAMPLES = {"": 20, "torch": 8, "jax": 8}
REGISTERED = {mistake.name for mistake in MISTAKES} | {"draws-repeat"}


def named(entries):
    return [pytest.param(entry, id=entry.name) for entry in entries]


@pytest.mark.parametrize("entry", named(RIGHT))
def test_right_code_passes(entry):
    report = verdict(entry, examples=EXAMPLES[entry.needs])
    assert report.agrees, report.text()


@pytest.mark.parametrize("entry", named(WRONG))
def test_wrong_code_is_found_shrunk_and_named(entry):
    assert set(entry.mistakes) <= REGISTERED
    report = verdict(entry, examples=EXAMPLES[entry.needs])
    assert not report.agrees
    assert set(entry.mistakes) & set(report.mistakes), report.text()
    tokens, max_length = entry.shows_at
    assert report.smallest.space.n_tokens <= tokens, report.text()
    assert report.smallest.space.max_length <= max_length, report.text()


@pytest.mark.parametrize("module", ["with_torch", "with_jax"])
def test_what_needs_a_library_is_there(module):
    if module in MISSING:
        pytest.skip(f"{MISSING[module]} is not installed (pip install {MISSING[module]})")
    needs = module.removeprefix("with_")
    assert sum(entry.needs == needs for entry in RIGHT) >= 5
    assert sum(entry.needs == needs for entry in WRONG) >= 5


def test_names_are_given_once():
    names = [entry.name for entry in (*RIGHT, *WRONG)]
    assert len(set(names)) == len(names)


def test_every_kind_is_there():
    kinds = {entry.kind for entry in RIGHT}
    assert kinds == {entry.kind for entry in WRONG}
    assert len(kinds) == 11


def test_the_page_has_every_entry():
    """As `python tests/gallery --markdown` writes it, with every library installed."""
    rows = re.findall(r"^\| (.*) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {cells[1]: cells[3] for cells in (row.split(" | ") for row in rows)}
    for entry in RIGHT:
        assert found[entry.name] == "agrees"
    for entry in WRONG:
        assert set(found[entry.name].split(" or ")) & set(entry.mistakes), entry.name
