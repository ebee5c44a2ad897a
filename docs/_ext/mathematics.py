"""Formulas as MathML, written when the site is built: browsers typeset it by themselves, and no script is fetched."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from proofs_check.pages.formulas import formula


def _mathml(latex: str) -> str:
    # In tables of Markdown a bar ends a cell, so that formulas there name it.
    return str(formula(latex.strip().replace(r"\Vert", r"\|").replace(r"\vert", "|")))


def _inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(_mathml(node.astext()))
    raise nodes.SkipNode


def _display(writer: HTML5Translator, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="display">{_mathml(node.astext())}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer as ``html_math_renderer = "mathml"``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
