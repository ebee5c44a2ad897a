"""What tokens, prefixes and numbers are called in a picture: one line each, short, and never read as mathematics."""

import math
from collections.abc import Hashable, Iterable
from typing import Final

from tabular_bellman.space import SequenceSpace
from tabular_bellman.tokens import EOS, Prefix, Prompt

__all__ = ["MINUS", "Labels", "number", "percent", "shortened"]

MINUS: Final = "\N{MINUS SIGN}"
"""As Matplotlib writes it."""

_LONGEST_TOKEN: Final = 14
_LONGEST_PREFIX: Final = 28
_ROOT: Final = "start"


class Labels:
    """The labels of one space: tokens that differ have labels that differ.

    Examples
    --------
    >>> labels = Labels(SequenceSpace(["a", "", 1, "1"], max_length=3))
    >>> labels.prefix(("a", "", 1, "1"))
    "'a' '' 1 '1'"
    >>> Labels(SequenceSpace("()", max_length=3)).prefix(("(", ")"))
    '()'
    """

    def __init__(self, space: SequenceSpace) -> None:
        self._texts = dict(zip(space.vocab, _distinct(space.vocab), strict=True))
        # Without blanks between them, tokens must be told apart by being one character each.
        self._between = "" if all(len(text) == 1 for text in self._texts.values()) else " "

    def action(self, action: Hashable) -> str:
        """Return the label of a token or EOS."""
        return "EOS" if action is EOS else self._texts[action]

    def prefix(self, prefix: Prefix) -> str:
        """Return the labels of a prefix's tokens in a row; the empty prefix is the start."""
        if not prefix:
            return _ROOT
        if len(prefix) > _LONGEST_PREFIX:  # what would be cut out again is not even joined
            half = _LONGEST_PREFIX // 2
            ends = (self._between.join(map(self.action, part)) for part in (prefix[:half], prefix[-half:]))
            return shortened("…".join(ends), _LONGEST_PREFIX)
        return shortened(self._between.join(map(self.action, prefix)), _LONGEST_PREFIX)

    def prompt(self, prompt: Prompt) -> str:
        """Return the label of a prompt."""
        return shortened(_in_words(prompt), _LONGEST_PREFIX)


def _distinct(values: Iterable[Hashable]) -> list[str]:
    """Return a label for each value, all of them different."""
    given = list(values)
    plain = [shortened(_in_words(value), _LONGEST_TOKEN) for value in given]
    if _told_apart(plain):
        return plain
    exact = [shortened(_one_line(repr(value)), _LONGEST_TOKEN) for value in given]
    if _told_apart(exact):
        return exact
    return [f"{text} #{i}" for i, text in enumerate(exact)]


def _told_apart(texts: list[str]) -> bool:
    return len({*texts, "EOS"}) == len(texts) + 1


def _in_words(value: Hashable) -> str:
    """A string as it is where it can be seen, quoted where it is empty or has blanks at an end; else `str`."""
    if isinstance(value, str):
        return value if value.strip() == value != "" and value.isprintable() else _one_line(repr(value))
    return _one_line(str(value))


def _one_line(text: str) -> str:
    """Escape what is not printable, line ends among it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shortened(text: str, length: int) -> str:
    """Return a text of at most `length` characters, what is too much cut out of its middle."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 3
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def number(value: float, digits: int = 3) -> str:
    """Write a number to so many digits, with a true minus sign; what is infinite as ∞.

    Examples
    --------
    >>> number(0.69314), number(-1e300), number(-0.0), number(-math.inf)
    ('0.693', '−1e300', '0', '−∞')
    """
    if math.isnan(value):
        return "?"
    text = "∞" if math.isinf(value) else f"{abs(value):.{digits}g}".replace("e+", "e").replace("e0", "e")
    text = text.replace("e-0", "e-").replace("-", MINUS)
    return f"{MINUS}{text}" if value < 0.0 else text


def percent(probability: float) -> str:
    """Write a probability in percent; what is not impossible is never written as 0 %, what is not sure never as 100 %.

    Examples
    --------
    >>> percent(0.75), percent(0.001), percent(0.999), percent(1.0), percent(0.0)
    ('75%', '<1%', '>99%', '100%', '0%')
    """
    text = f"{probability:.0%}"
    if text == "0%" and probability > 0.0:
        return "<1%"
    return ">99%" if text == "100%" and probability < 1.0 - 1e-12 else text
