"""Looking at pages in headless Chromium: what is installed, and what an automated look finds."""

import shutil

try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Error, sync_playwright
except ImportError:
    Error = sync_playwright = None

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No sandbox: in containers there is often none to be had; nothing but our own files is opened.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = (1280, 900), (390, 844)

# What a keyboard should get to, if it is shown and not switched off.
CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex='-1'])"


def serious(page):
    """What an automated check of accessibility finds, of what it calls serious or critical."""
    # It need not write down what it has nothing against: on a large page that takes the most time.
    options = {"preload": False, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{violation['id']}: {violation['help']}: {violation['nodes'][0]['html']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]


def unreached(page, most=2000):
    """Press Tab until the focus is back where it began; return the controls that are shown but never had it."""
    page.evaluate(
        """selector => {
            const controls = [...document.querySelectorAll(selector)];
            const shown = c => c.checkVisibility({visibilityProperty: true}) && !c.disabled && !c.closest("[inert]");
            window.waiting = new Set(controls.filter(shown));
            document.addEventListener("focusin", event => window.waiting.delete(event.target));
            document.activeElement?.blur();
        }""",
        CONTROLS,
    )
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body || waiting.size === 0"):
            break
    return page.evaluate("[...waiting].map(control => control.outerHTML.slice(0, 200))")


def missed(page, name):
    """By how many pixels an element is not where a link to it should have brought it, or 0 at the end of the page."""
    return page.evaluate(
        """name => {
            const target = document.getElementById(name), root = document.documentElement;
            const off = target.getBoundingClientRect().top - parseFloat(getComputedStyle(target).scrollMarginTop);
            const left = root.scrollHeight - innerHeight - scrollY;
            return off > 0 && left < 2 ? 0 : off;
        }""",
        name,
    )


def overflow(page):
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
