"""Pages in headless Chromium: whatever one opens here must say nothing on the console and ask nothing of a network."""

from contextlib import contextmanager

import pytest
from browsing import CHROMIUM, DESKTOP, FLAGS, sync_playwright
from explored import OWN

from proofs_check.pages.explore.page import page


@pytest.fixture(scope="session")
def chromium():
    """The browser, started once."""
    if sync_playwright is None:
        pytest.skip("playwright or axe-playwright-python is not installed (pip install '.[browser]')")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """A function (path, size, dark, javascript, alone) -> page; what it asked for and said is judged when it is left.

    A page that is `alone` may ask for nothing but itself; others, for files beside it.
    """

    @contextmanager
    def open_page(path, *, size=DESKTOP, dark=False, javascript=True, alone=True):
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        page = context.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        url = path.absolute().as_uri()
        page.goto(url)
        yield page
        context.close()
        assert said == []
        near = (url, "data:") if alone else ("file:", "data:")
        assert [address for address in asked if not address.startswith(near)] == []

    return open_page


@pytest.fixture(scope="session")
def explore(tmp_path_factory):
    """The page with the built-in examples only, in a file."""
    path = tmp_path_factory.mktemp("explore") / "explore.html"
    path.write_text(page(None, ""), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    """Pages with rewards of one's own, in files."""
    folder = tmp_path_factory.mktemp("own")
    paths = {name: folder / f"{i}.html" for i, name in enumerate(OWN)}
    for name, path in paths.items():
        path.write_text(page(OWN[name], f"a test, {name},"), encoding="utf-8")
    return paths
