"""The kill matrix on the site: every letter of the text is read, and what cannot be read fails the build."""

import re

import pytest
from built_site import DOCS

pytest.importorskip("sphinx", reason="Sphinx is not installed (pip install '.[docs]')")
import kill_matrix_page
from kill_matrix_page import ExtensionError, page, read

SOURCE = (DOCS / "kill-matrix.md").read_text(encoding="utf-8")
SMALL = """X rejected, as the claim says
     A
     |B
hard X.
soft ox

     C
hard =
soft -

Misreadings: wrong statements
A    odd X
     even O

3 claims, 2 mistakes. Of 6 cells:
  3 rejected
"""


def test_every_cell_is_read():
    found = read(SMALL)
    assert found.cells == {
        "A": {"X": ["hard"], "o": ["soft"]},
        "B": {".": ["hard"], "x": ["soft"]},
        "C": {"=": ["hard"], "-": ["soft"]},
    }
    assert found.misreadings == {"A": {"X": ["odd"], "O": ["even"]}}
    assert found.counts == ["3 claims, 2 mistakes. Of 6 cells:", "3 rejected"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (SMALL.replace("hard X.", "hard X"), "hard has 1 letters for 2 claims"),
        (SMALL.replace("soft ox", "soft oy"), "cannot read 'soft oy'"),
        (SMALL.partition("Misreadings")[0], "another form"),
    ],
)
def test_another_form_is_seen(wrong, says):
    with pytest.raises(ExtensionError, match=says):
        read(wrong)


def test_the_page_has_what_the_text_counts():
    written = page(SOURCE)
    assert "```" not in written
    listed = re.findall(
        r"^- (Names and rejects \d+|Rejects \d+ besides|Rejects \d+ misreadings): (.*)\.$", written, re.M
    )
    assert all(re.search(r"\d+", words)[0] == str(names.count(", ") + 1) for words, names in listed)
    rejected = sum(names.count(", ") + 1 for words, names in listed if "misreadings" not in words)
    assert f"  {rejected:,} rejected, " in SOURCE
    by_mistake = sum(map(int, re.findall(r"^  <summary>Rejected by (\d+) claim", written, re.MULTILINE)))
    assert by_mistake == rejected
    named = sum(names.count(", ") + 1 for words, names in listed if "besides" not in words)
    assert f": {named:,} of " in SOURCE


def test_claims_of_another_day_are_seen(monkeypatch):
    monkeypatch.setattr(kill_matrix_page, "PARTS", kill_matrix_page.PARTS[1:])
    with pytest.raises(ExtensionError, match="has other claims than there are"):
        page(SOURCE)
