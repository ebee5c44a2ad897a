"""Formulas as MathML, written when the site is built: browsers typeset it by themselves, and no script is fetched."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def pieces(latex: str) -> list[str]:
    r"""Cut a formula at each ``\quad`` outside of braces, where a line may be broken: browsers break none."""
    found, depth = [""], 0
    for part in re.split(r"(\\[{}]|[{}]|\\quad\b)", latex):
        if part == r"\quad" and depth == 0:
            found.append("")
            continue
        depth += {"{": 1, "}": -1}.get(part, 0)
        found[-1] += part
    return [piece.strip() for piece in found]


def _inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(" ".join(convert(piece) for piece in pieces(node.astext())))
    raise nodes.SkipNode


def _display(writer: HTML5Translator, node: nodes.math_block) -> None:
    written = "".join(f"<div>{convert(piece, display='block')}</div>" for piece in pieces(node.astext()))
    writer.body.append(f'<div class="formula">{written}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer as ``html_math_renderer = "mathml"``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
