"""How to cite: the page says what CITATION.cff says."""

import re

from built_site import DOCS, ROOT

from tabular_bellman import __version__


def entry(text, kind):
    """Return {field: value} of one entry in BibTeX, braces and backslashes of TeX taken off."""
    body = re.search(rf"@{kind}\{{\w+,\n(.*?)\n\}}", text, re.DOTALL)[1]
    return {name: value.replace("\\", "").strip("{}") for name, value in re.findall(r"(\w+) = \{(.*)\},?", body)}


def field(text, name, after=""):
    """Return the first field of that name behind some words of CITATION.cff."""
    return re.search(rf"^ *{name}: \"?(.*?)\"?$", text.partition(after)[2] if after else text, re.MULTILINE)[1]


def test_the_page_cites_what_the_file_cites():
    page = (DOCS / "cite.md").read_text(encoding="utf-8")
    file = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    software, paper = entry(page, "software"), entry(page, "misc")
    assert software["title"] == field(file, "title")
    assert software["version"] == field(file, "version") == __version__
    assert software["author"] == field(file, "- name")
    assert paper["title"] == field(file, "title", "type: article")
    assert paper["year"] == field(file, "year")
    families = re.findall(r"family-names: (.*)", file)
    given = re.findall(r"given-names: (.*)", file)
    authors = [f"{family}, {name}" for family, name in zip(families, given, strict=True)]
    assert paper["author"] == " and ".join(authors)
    assert len(authors) == 5
    assert paper["note"] == field(file, "value")
    assert paper["note"].startswith(f"arXiv:{paper['eprint']}v")


def test_another_entry_is_read_as_such():
    assert entry("@misc{a_b,\n  title = {A\\_b: C},\n  author = {{The Cs}}\n}\n", "misc") == {
        "title": "A_b: C",
        "author": "The Cs",
    }
