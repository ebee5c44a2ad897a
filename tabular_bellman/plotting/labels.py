"""What tokens, prefixes and numbers are called in a picture: one line each, short, and never read as mathematics."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Final

from tabular_bellman.space import SequenceSpace
from tabular_bellman.tokens import EOS, Prefix, Prompt

__all__ = ["MINUS", "Labels", "number", "one_line", "percent", "shortened"]

MINUS: Final = "\N{MINUS SIGN}"
"""As Matplotlib writes it."""

_LONGEST_TOKEN: Final = 14
_LONGEST_PREFIX: Final = 28
_ROOT: Final = "start"
_CUT: Final = "…"


class Labels:
    """The labels of one space: tokens that differ have labels that differ, and so have the rows of a picture.

    A token with a blank in it, or with another meaning in a picture, stands in quotes.

    Examples
    --------
    >>> labels = Labels(SequenceSpace(["a", "", 1, "1"], max_length=3))
    >>> labels.prefix(("a", "", 1, "1"))
    "'a' '' 1 '1'"
    >>> Labels(SequenceSpace("()", max_length=3)).prefix(("(", ")"))
    '()'
    >>> labels = Labels(SequenceSpace(["a", "b", "a b"], max_length=3))
    >>> labels.prefix(("a", "b")), labels.prefix(("a b",))
    ('a b', "'a b'")
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
            return shortened(_CUT.join(ends), _LONGEST_PREFIX)
        text = shortened(self._between.join(map(self.action, prefix)), _LONGEST_PREFIX)
        return repr(text) if text == _ROOT else text  # of the tokens s, t, a and r

    def prefixes(self, prefixes: Iterable[Prefix]) -> list[str]:
        """Return the labels of rows; those that would be alike, once they are short, are numbered."""
        return _numbered([self.prefix(prefix) for prefix in prefixes])

    def prompt(self, prompt: Prompt) -> str:
        """Return the label of a prompt."""
        return shortened(_in_words(prompt), _LONGEST_PREFIX)


def _distinct(values: Iterable[Hashable]) -> list[str]:
    """Return a label for each token, all of them different."""
    given = list(values)
    plain = [shortened(_token(value), _LONGEST_TOKEN) for value in given]
    if _told_apart(plain):
        return plain
    exact = [shortened(one_line(repr(value)), _LONGEST_TOKEN) for value in given]
    if _told_apart(exact):
        return exact
    return [f"{text} #{i}" for i, text in enumerate(exact)]


def _told_apart(texts: list[str]) -> bool:
    return len({*texts, "EOS"}) == len(texts) + 1


def _numbered(texts: list[str]) -> list[str]:
    """Return the texts, those that are there twice with the numbers of their rows, all of them if need be."""
    often = Counter(texts)
    found = [text if often[text] == 1 else f"{text} #{i}" for i, text in enumerate(texts)]
    return found if len(set(found)) == len(found) else [f"{text} #{i}" for i, text in enumerate(texts)]


def _token(value: Hashable) -> str:
    """A token in words, quoted where these could be several tokens, a quotation, or a word of the picture."""
    text = _in_words(value)
    if isinstance(value, str) and (text.split() != [text] or text[0] in "'\"" or text in (_ROOT, _CUT)):
        return text if text != value else one_line(repr(value))
    return text


def _in_words(value: Hashable) -> str:
    """A string as it is where it can be seen, quoted where it is empty or has blanks at an end; else `str`."""
    if isinstance(value, str):
        return value if value.strip() == value != "" and value.isprintable() else one_line(repr(value))
    return one_line(str(value))


def one_line(text: str) -> str:
    """Escape what is not printable, line ends among it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shortened(text: str, length: int) -> str:
    """Return a text of at most `length` characters, what is too much cut out of its middle."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 3
    return f"{text[: length - 1 - tail]}{_CUT}{text[len(text) - tail :]}"


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
