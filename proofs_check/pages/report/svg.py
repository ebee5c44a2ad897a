"""The few elements that drawings are made of: text that keeps its size, lines, boxes, and a frame with words for it."""

from html import escape
from typing import Any, Final

from proofs_check.pages.rendering import markup, printable

__all__ = ["LINE", "box", "element", "framed", "line", "text", "wide"]

LINE: Final = 18  # from one line of text to the next
_SIZE: Final = 13
_LEAST: Final = 0.77
# What a character of a sans-serif font takes on average, and what narrow and broad ones do, in parts of the size.
_WIDTH: Final = {**dict.fromkeys("ilj.,:;'|() ", 0.38), **dict.fromkeys("mwMW⊕⊗Σ≠∞=-", 0.92)}


def element(name: str, content: str = "", /, **attributes: Any) -> str:
    """Return an element; `content` is markup already, what attributes say is escaped."""
    named = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name}{named}>{content}</{name}>" if content else f"<{name}{named}/>"


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    """Return a line of text, by its left end or as `anchor` says."""
    more = {**({"class_": kind} if kind else {}), **({"text_anchor": anchor} if anchor else {})}
    return element("text", escape(printable(words)), x=x, y=y, **more)


def line(points: list[tuple[float, float]], kind: str) -> str:
    """Return straight lines from point to point."""
    return element("polyline", points=" ".join(f"{_value(x)},{_value(y)}" for x, y in points), class_=kind)


def box(x: float, y: float, width: float, height: float, kind: str, round_: float = 0) -> str:
    """Return a box, by its upper left corner."""
    return element("rect", x=x, y=y, width=width, height=height, class_=kind, **({"rx": round_} if round_ else {}))


def wide(words: str) -> float:
    """Return about how wide a line of text is; rather more than less."""
    return _SIZE * sum(_WIDTH.get(c, 0.76 if c.isupper() else 0.62) for c in words)


def framed(key: str, title: str, words: str, size: tuple[float, float], body: list[str]) -> Any:
    """Return the whole drawing.

    Parameters
    ----------
    key : str
        Names it on its page.
    title, words : str
        What it is, and in words what is seen.
    size : (width, height)
    body : list of str
    """
    width, height = size
    named = element("title", escape(printable(title)), id=f"{key}-title")
    told = element("desc", escape(printable(words)), id=f"{key}-words")
    return markup(
        element(
            "svg",
            "\n".join([named, told, *body]),
            role="img",
            aria_labelledby=f"{key}-title",
            aria_describedby=f"{key}-words",
            class_="drawing",
            viewBox=f"-2 0 {_value(width + 2)} {_value(height)}",
            width=width + 2,
            height=height,
            # Smaller than so it could not be read; what is wider than its place is moved sideways.
            style=f"min-width: {_value(_LEAST * (width + 2))}px",
        )
    )


def _value(value: Any) -> str:
    return f"{round(value, 1):g}" if isinstance(value, (int, float)) else escape(printable(str(value)))
