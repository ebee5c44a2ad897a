"""The site builds without a warning and without a network, asks for none when read, and its links lead somewhere."""

import html
import json
import re

import html_pages
import pytest
from built_site import DOCS, absent, sphinx

LESSONS = sorted(path.stem for path in (DOCS / "lessons").glob("[0-9]*.py"))


def test_it_builds_without_a_warning(build):
    status, said, folder = build
    assert status == 0, said  # warnings are errors
    assert (folder / "index.html").exists()


def test_it_asks_nothing_of_a_network(site):
    assert len(html_pages.pages(site)) > 40
    assert html_pages.foreign(site) == []


def test_every_link_inside_leads_somewhere(site):
    assert html_pages.dead_links(site) == []


def test_links_and_fetches_that_lead_nowhere_are_seen(tmp_path):
    (tmp_path / "there.css").write_text("@import 'https://fonts.example/a.css'; p { background: url(gone.png) }")
    (tmp_path / "page.html").write_text(
        '<html><head><link rel="stylesheet" href="there.css"><link rel="canonical" href="https://a.example/">'
        '<script src="//cdn.example/x.js"></script></head><body><p id="here">'
        '<a href="#here">1</a><a href="#gone">2</a><a href="no.html">3</a><a href="https://a.example">4</a>'
        '<img src="data:,"><img src="missing.png"></p></body></html>'
    )
    assert html_pages.foreign(tmp_path) == [
        ("page.html", "//cdn.example/x.js"),
        ("page.html", "missing.png"),
        ("there.css", "https://fonts.example/a.css"),
        ("there.css", "gone.png"),
    ]
    assert html_pages.dead_links(tmp_path) == [("page.html", "#gone"), ("page.html", "no.html")]


def test_no_markup_is_left_in_the_text(site):
    left = re.compile(r"\\[|_*`]|:(?:py:)?(?:func|class|mod|obj|meth|ref):|``|\{(?:ref|doc|py:)")
    for path in html_pages.pages(site):
        if "_modules" not in path.parts:
            assert left.findall(html_pages.prose(path)) == [], path.name


def test_there_are_lessons():
    assert len(LESSONS) >= 7


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_ran(lesson, site):
    text = (site / "lessons" / f"{lesson}.html").read_text(encoding="utf-8")
    assert "cell_output" in text
    assert "Traceback" not in text


def test_formulas_are_mathml_and_none_is_left_as_latex(site):
    text = (site / "claims.html").read_text(encoding="utf-8")
    assert text.count("<math") > 100
    assert not re.search(r"\\(?:frac|sum|text|mathbb|log|quad)\b", html_pages.prose(site / "claims.html"))


def test_claims_and_errata_have_addresses(site):
    from proofs_check.claims import CLAIMS
    from proofs_check.errata import ERRATA

    claims = set(html_pages.read(site / "claims.html").ids)
    assert {re.sub(r"[^a-z0-9]+", "-", claim.id.lower()) for claim in CLAIMS} <= claims
    errata = set(html_pages.read(site / "errata.html").ids)
    assert {erratum.id.lower() for erratum in ERRATA} <= errata


def test_a_claim_is_also_in_words(site):
    """Formulas can be neither searched nor, by every screen reader, read aloud."""
    from proofs_check.claims import CLAIMS

    text = (site / "claims.html").read_text(encoding="utf-8")
    said = [re.sub(r"<[^>]*>", "", found) for found in re.findall(r'<code class="[^"]*said[^"]*">.*?</code>', text)]
    assert [html.unescape(one) for one in said] == [claim.statement for claim in CLAIMS]


def test_no_picture_has_its_file_name_for_words(site):
    pictures = [(path.name, words) for path in html_pages.pages(site) for words in html_pages.read(path).pictures]
    assert len(pictures) > 10
    assert [found for found in pictures if not found[1] or re.search(r"/|\.(?:png|svg)$", found[1])] == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_can_be_taken_along(lesson, site):
    found = html_pages.read(site / "lessons" / f"{lesson}.html").links  # that they lead somewhere is tested above
    assert {f"../_downloads/{lesson}.py", "../_downloads/lessons.zip", "README.html#to-run-them"} <= set(found)
    assert (site / "_downloads" / f"{lesson}.py").read_bytes() == (DOCS / "lessons" / f"{lesson}.py").read_bytes()


def test_the_search_weighs_pages_that_exist():
    text = (DOCS / "_ext" / "scorer.js").read_text(encoding="utf-8")
    names = re.search(r"\^api\\/\((.*?)\)\$", text)[1].split("|")
    assert len(names) > 10
    assert [name for name in names if not (DOCS / "api" / f"{name}.rst").exists()] == []


def test_the_search_knows_the_api(site):
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    assert any(name.startswith("tabular_bellman") for name in index["objects"])
    assert "bellman" in index["terms"]


# -- the extensions, on pages of their own --

CONF = f"""
import sys
sys.path[:0] = [{str(DOCS / "_ext")!r}, {{here!r}}]
import public
public.PACKAGES = ("planted",)
extensions = ["sphinx.ext.autodoc", "numpydoc", "names", "reference"]
default_role = "name"
nitpicky = True
numpydoc_show_class_members = False
autodoc_typehints = "signature"
"""
MODULE = '"""A module."""\n\nfrom pathlib import Path\n\n__all__ = ["named"]\n\n\n'
WITH_WORDS = (
    'def named(path: Path) -> Path:\n    """Return |path|, as `named` does, and `path` is."""\n    return path\n'
)


def planted(tmp_path, code, content="planted.*"):
    """Build a reference of one package; return what Sphinx said."""
    if absent():
        pytest.skip(f"{', '.join(absent())}: not installed (pip install '.[docs]')")
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "__init__.py").write_text('"""A package."""\n')
    (tmp_path / "planted" / "part.py").write_text(code)
    (tmp_path / "conf.py").write_text(CONF.format(here=str(tmp_path)))
    (tmp_path / "index.rst").write_text(f"Title\n=====\n\n.. modules::\n\n   {content}\n")
    ran = sphinx(tmp_path, tmp_path / "out")
    return ran.returncode, ran.stderr


def test_what_is_documented_passes(tmp_path):
    assert planted(tmp_path, MODULE + WITH_WORDS) == (0, "")
    text = (tmp_path / "out" / "html" / "index.html").read_text(encoding="utf-8")
    assert "Return |path|, as" in text  # bars are bars
    assert 'href="#planted.part.named"' in text


@pytest.mark.parametrize(
    ("code", "content", "says"),
    [
        (MODULE + "def named():\n    pass\n", "planted.*", "planted.part.named has no docstring"),
        (MODULE.replace("named", "NUMBER") + "NUMBER = 1\n", "planted.*", "planted.part.NUMBER has no docstring"),
        (MODULE + WITH_WORDS, "planted", "the module planted.part is in no page of docs/api"),
        (MODULE.removeprefix('"""A module."""') + WITH_WORDS, "planted.*", "the module planted.part has no docstring"),
        (MODULE + WITH_WORDS.replace("-> Path", "-> 'Paht'"), "planted.*", "Paht"),
        (MODULE + WITH_WORDS.replace("`path`", ":func:`nobody`"), "planted.*", "nobody"),
    ],
    ids=["name", "constant", "module left out", "module", "type", "reference"],
)
def test_what_is_not_documented_fails_the_build(tmp_path, code, content, says):
    status, said = planted(tmp_path, code, content)
    assert status == 1
    assert says in said
