"""What pages say about installing: extras are added to the clone, and do not put a copy in its place."""

import re

import pytest
from built_site import DOCS

PAGES = sorted(DOCS.rglob("*.md"))
EXTRA = re.compile(r"pip install[^`\n]*?'\.\[[^`\n]*")


def copies(text):
    """Return the lines of a text that install the clone with an extra, and not as it lies there."""
    return [line for line in EXTRA.findall(text) if "--editable" not in line]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_extras_do_not_replace_an_editable_install(path):
    assert copies(path.read_text(encoding="utf-8")) == []


def test_a_copy_is_seen():
    assert copies("`pip install --editable '.[a]'`, `pip install '.[b]'`\npip install --quiet '.[c]'\n") == [
        "pip install '.[b]'",
        "pip install --quiet '.[c]'",
    ]
    assert any(EXTRA.search(path.read_text(encoding="utf-8")) for path in PAGES)
