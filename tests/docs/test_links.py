"""Links between the Markdown files of the repository, as a viewer of files follows them: file and heading exist."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_files import markdown

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.DOTALL | re.MULTILINE)
INLINE_CODE = re.compile(r"(`+)[^`].*?\1")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()]*\))?)\)")
IMAGE = re.compile(r"<img[^>]*\bsrc=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.*?)\s*#*$", re.MULTILINE)


def anchors(text):
    """Return the addresses of a text's headings, as GitHub makes them."""
    found = {}
    for heading in HEADING.findall(CODE.sub("", text)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = found.get(slug, -1) + 1
        found[slug] = number
        yield f"{slug}-{number}" if number else slug


def broken(path):
    """Return the links of a file that lead nowhere."""
    text = path.read_text(encoding="utf-8")
    prose = INLINE_CODE.sub("", CODE.sub("", text))
    found = []
    for url in LINK.findall(prose) + IMAGE.findall(prose):
        if re.match(r"[a-z]+:", url):
            continue
        name, _, fragment = unquote(url).partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (fragment and fragment not in set(anchors(target.read_text(encoding="utf-8")))):
            found.append(url)
    return found


@pytest.mark.parametrize("path", markdown(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    assert broken(path) == []


def test_the_files_are_found():
    found = {str(path.relative_to(ROOT)) for path in markdown()}
    assert {"README.md", "CONTRIBUTING.md", "docs/index.md", "docs/testing.md", "tests/README.md"} <= found


def test_a_link_that_leads_nowhere_is_seen(tmp_path):
    (tmp_path / "other.md").write_text("# A `b`: c\n\n## A `b`: c\n\n```\n# no heading\n```\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "[1](other.md) [2](other.md#a-b-c) [3](other.md#a-b-c-1) [4](other.md#no-heading) [5](gone.md) [6](#here)\n"
        "![7](gone.png) `[8](no/link)` [9](https://a.example) [10 [x]](gone/too)\n\n```\n[11](no/link)\n```\n",
        encoding="utf-8",
    )
    assert broken(page) == ["other.md#no-heading", "gone.md", "#here", "gone.png", "gone/too"]
