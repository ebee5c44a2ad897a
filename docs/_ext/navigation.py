"""What pages lack for those who cannot see them: captions that say their level, signatures that are no lists."""

import re
from typing import Any

from sphinx.application import Sphinx


def _levels(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Give the captions of the navigation a level, without which a heading is none to a screen reader."""
    for key in ("furo_navigation_tree", "body"):
        if isinstance(context.get(key), str):
            text = context[key].replace(' role="heading">', ' role="heading" aria-level="2">')
            # A signature on several lines is written as a list of descriptions that describe nothing.
            text = re.sub(r'<dl>(?=\s*<dd><em class="sig-param")', '<dl role="presentation">', text)
            context[key] = text.replace('<dd><em class="sig-param"', '<dd role="presentation"><em class="sig-param"')


def setup(app: Sphinx) -> dict[str, bool]:
    """Add it behind what the theme does itself."""
    app.connect("html-page-context", _levels, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
