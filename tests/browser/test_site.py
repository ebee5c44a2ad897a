"""The documentation as a reader meets it: opened as files, by keyboard, on a phone, in the dark, searched."""

import re

import built_site
import pytest
from browsing import DESKTOP, PHONE, overflow, serious, unreached

PAGES = (
    "index",
    "first-steps",
    "teachers",
    "lessons/01_brackets",
    "api/models",
    "claims",
    "kill-matrix",
    "command-line",
)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built site."""
    return built_site.built(tmp_path_factory)[2]


@pytest.mark.parametrize("name", PAGES)
def test_nothing_serious_and_no_sideways_scroll(site, opened, name):
    for size, dark in ((DESKTOP, True), (PHONE, False)):
        with opened(site / f"{name}.html", size=size, dark=dark, alone=False) as page:
            assert overflow(page) <= 0
            # All pages are made alike: half of them are looked at closely in the one way, half in the other.
            if dark == (PAGES.index(name) % 2 == 0):
                assert serious(page) == []


def test_what_is_wrong_is_seen(site, tmp_path, opened):
    """A page with a picture nobody can hear of, and wider than its window."""
    path = tmp_path / "page.html"
    wrong = '<h1>A</h1><img src="data:,"><p style="width: 3000px">B</p>'
    path.write_text(f'<html lang="en"><title>A</title><main>{wrong}</main>', encoding="utf-8")
    with opened(path) as page:
        assert overflow(page) > 1000
        assert [found.split(":")[0] for found in serious(page)] == ["image-alt"]


@pytest.mark.parametrize("name", ["index", "first-steps", "lessons/01_brackets"])
def test_the_keyboard_reaches_everything(site, opened, name):
    with opened(site / f"{name}.html", alone=False) as page:
        assert unreached(page) == []


def test_the_first_key_leads_past_the_navigation(site, opened):
    with opened(site / "api/models.html", alone=False) as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.url.endswith("#furo-main-content")


@pytest.mark.parametrize(
    ("query", "leads_to"),
    [("soft_bellman", "api/models.html"), ("balanced", "first-steps.html"), ("E27", "claims.html")],
)
def test_the_search_works_without_a_server(site, opened, query, leads_to):
    with opened(site / "index.html", alone=False) as page:
        page.get_by_role("textbox", name="Search").first.fill(query)
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?*")
        page.locator("#search-results li a").first.wait_for()
        page.locator("#search-results .search-summary", has_text="found").wait_for()
        found = page.eval_on_selector_all("#search-results li a", "links => links.map(link => link.href)")
        assert any(leads_to in link for link in found), found


@pytest.mark.parametrize(
    ("query", "first"),
    [("install", "first-steps.html"), ("temperature", "notation.html"), ("sample", "api/models.html")],
)
def test_the_search_has_first_what_a_reader_wants(site, opened, query, first):
    """And what is inside at the end; it is found all the same."""
    inner = re.search(r"\^api\\/\(.*?\)\$", (built_site.DOCS / "_ext" / "scorer.js").read_text(encoding="utf-8"))[0]
    with opened(site / "search.html", alone=False) as page:
        page.goto(f"{(site / 'search.html').absolute().as_uri()}?q={query}")
        page.locator("#search-results .search-summary", has_text="found").wait_for()
        links = page.eval_on_selector_all("#search-results li > a", "all => all.map(link => link.getAttribute('href'))")
    assert links[0].startswith(first), links[:5]
    links = [
        link for link in links if "#cmdoption" not in link
    ]  # entries of the index are listed last, whatever they weigh
    inside = [bool(re.match(inner.replace("$", r"\."), link.replace("\\", ""))) for link in links]
    assert any(inside)
    assert not any(inside[: inside.count(False)]), links


def test_a_link_to_a_claim_opens_there(site, opened):
    path = site / "claims.html"
    with opened(path, alone=False) as page:
        page.goto(f"{path.absolute().as_uri()}#p1-logz")
        top = page.locator("section#p1-logz").bounding_box()["y"]
        assert 0 <= top < 200
        assert page.locator("section#p1-logz math").count() >= 1


def test_formulas_are_typeset(site, opened):
    with opened(site / "claims.html", alone=False) as page:
        sizes = page.eval_on_selector_all(
            ".display math", "all => all.map(one => [one.getBoundingClientRect().width, one.textContent])"
        )
        assert len(sizes) > 100
        assert all(width > 2 for width, _ in sizes)
        assert not any("\\" in text for _, text in sizes)


@pytest.mark.parametrize("name", ["first-steps", "lessons/01_brackets", "claims"])
def test_it_can_be_read_without_javascript(site, opened, name):
    with opened(site / f"{name}.html", alone=False, javascript=False) as page:
        assert page.locator("article h1").is_visible()
        assert page.locator("article").inner_text().count("\n") > 20


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, True), (PHONE, False)])
def test_the_first_picture_can_be_read(site, opened, size, dark):
    """Half of it fills a phone, and swiping shows the rest; its letters are never smaller than half as drawn."""
    with opened(site / "index.html", size=size, dark=dark, alone=False) as page:
        picture = page.locator("article img")
        width, natural = picture.evaluate("one => [one.getBoundingClientRect().width, one.naturalWidth]")
        assert width >= 0.4 * natural
        box = page.locator(".picture").evaluate("box => [box.clientWidth, box.scrollWidth, box.tabIndex]")
        assert (box[1] > box[0]) == (size == PHONE)
        assert (box[2] == 0) == (size == PHONE)
        ground = picture.evaluate("one => getComputedStyle(one).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == dark
        assert page.locator(".picture a").get_attribute("href").endswith("brackets.png")


def test_on_a_phone_the_navigation_opens(site, opened):
    with opened(site / "index.html", size=PHONE, alone=False) as page:
        link = page.locator(".sidebar-tree a", has_text="The first ten minutes")
        assert not link.is_visible() or link.bounding_box()["x"] < 0
        page.locator("label.nav-overlay-icon").first.click()
        page.wait_for_function("document.querySelector('.sidebar-drawer').getBoundingClientRect().x >= 0")
        link.click()
        page.wait_for_url("**/first-steps.html")
