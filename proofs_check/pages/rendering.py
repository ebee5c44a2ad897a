"""From a template to one file that holds all it needs, typeset formulas included."""

import re
from functools import cache
from typing import Any, Final

from proofs_check import files
from tabular_bellman import TabularBellmanError

__all__ = ["markup", "mathematics", "printable", "render", "require_extra"]

_EXTRA: Final = "Pages need Jinja2 and latex2mathml, which are not installed: pip install 'tabular_bellman[html]'."
# The bars of |Y| and ‖r‖, which are no operators between two things, and functions that have a name.
_BAR: Final = re.compile('<mo(?: fence="false")? stretchy="false">(&#x0007C;|&#x02016;)</mo>')
_FUNCTION: Final = re.compile("<mi>(log|exp|dim|ker|det|coth|cosh|sinh|tanh)</mi>")
# Arrows between two statements, which would be set as names are, without spaces.
_ARROW: Final = re.compile("<mi>(&#x027F9;|&#x027FA;)</mi>")


def render(template: str, **values: Any) -> str:
    """Return a page: what the template says, with style sheets and scripts written into it.

    Values are escaped, but for what is `Markup` already; what cannot be seen in them is written out.

    Raises
    ------
    TabularBellmanError
        If the extra ``html`` is not installed.
    """
    return str(_environment().get_template(template).render(**values))


def printable(text: str) -> str:
    """Return a text in which every character is seen, but for line ends and tabs, as a page may hold it."""
    return files.printable(text, keep="\n\t")


def markup(html: str) -> Any:
    """Return markup as what it is, which is not escaped again.

    Raises
    ------
    TabularBellmanError
        If the extra ``html`` is not installed.
    """
    try:
        from markupsafe import Markup
    except ImportError as error:
        raise TabularBellmanError(_EXTRA) from error
    return Markup(html)


@cache
def mathematics(latex: str) -> Any:
    """Return a formula as MathML, which browsers typeset by themselves.

    Raises
    ------
    TabularBellmanError
        If the extra ``html`` is not installed.
    """
    try:
        from latex2mathml.converter import convert
    except ImportError as error:
        raise TabularBellmanError(_EXTRA) from error
    # Two commands that it does not know; then spaces, which it leaves to browsers that cannot know them.
    found = convert(latex.replace(r"\big\|", r"\,\|\,").replace(r"\mathrel{+}", "+"))
    found = _ARROW.sub(r"<mo>\1</mo>", found)
    found = _BAR.sub(r'<mo lspace="0" rspace="0" stretchy="false">\1</mo>', found)
    return markup(_FUNCTION.sub(r'<mo lspace="0.17em" rspace="0.1em" form="prefix">\1</mo>', found))


def require_extra() -> None:
    """Refuse, before anything is computed, to go on without what pages need.

    Raises
    ------
    TabularBellmanError
        If the extra ``html`` is not installed.
    """
    mathematics("x")
    _environment()


def _seen(value: Any) -> Any:
    """Write out what cannot be seen, in all that a template shows and that is no markup."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else printable(value)


@cache
def _environment() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise TabularBellmanError(_EXTRA) from error
    return jinja2.Environment(
        loader=jinja2.PackageLoader("proofs_check.pages"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=jinja2.StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
