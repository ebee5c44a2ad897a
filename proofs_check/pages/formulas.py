"""Formulas that may be broken where a person would break them: before a relation, after a comma, around words."""

import re
from functools import cache
from html import escape
from typing import Any, Final

from proofs_check.pages.rendering import markup, mathematics

__all__ = ["formula", "pieces"]

_TOKEN: Final = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_OPENING: Final = frozenset({"{", "(", "[", r"\{", r"\left", r"\langle"})
_CLOSING: Final = frozenset({"}", ")", "]", r"\}", r"\right", r"\rangle"})
_RELATIONS: Final = frozenset({"=", r"\le", r"\ge", r"\ne", r"\iff", r"\implies", r"\Rightarrow", r"\notin"})
_SPACES: Final = (r"\quad", r"\;", r"\,", r"\ ")
_SIGNS: Final = frozenset({"+", "-"})
_LONG: Final = 60  # characters of LaTeX, beyond which a piece is broken before + and - too


@cache
def formula(latex: str) -> Any:
    """Return a formula as MathML, in pieces between which a line may break."""
    parts = []
    for piece in pieces(latex):
        words = _words(piece)
        parts.append(str(mathematics(_infix(piece)) if words is None else escape(words)))
        # After a comma that ends a piece, the space between two formulas; elsewhere the piece has its own.
        parts.append(" " if piece.rstrip().endswith((",", ";")) else "<wbr>")
    return markup(f'<span class="formula">{"".join(parts[:-1])}</span>')


def pieces(latex: str) -> list[str]:
    """Return LaTeX in pieces, each of which is whole in itself; words, which no formula breaks, are pieces too.

    Examples
    --------
    >>> for piece in pieces("A(x) = V(x) \\\\text{ with } q = M(r), \\\\quad 0 \\\\le 1"):
    ...     print(piece)
    A(x)
    = V(x)
    \\text{ with }
    q
    = M(r),
    0
    \\le 1
    """
    found = []
    for piece in _split(latex, _RELATIONS):
        if len(piece) > _LONG:
            found += _split(piece, _SIGNS)
        else:
            found.append(piece)
    return found


def _split(latex: str, before: frozenset[str]) -> list[str]:
    parts, depth, tokens = [""], 0, _TOKEN.findall(latex)
    comma = False
    for number, token in enumerate(tokens):
        if token in _OPENING:
            # The size of a bracket, and a script, belong to what stands before.
            if depth == 0 and number and tokens[number - 1] == r"\text":
                parts[-1] = parts[-1].removesuffix(r"\text")
                parts.append(r"\text")
            depth += 1
        elif token in _CLOSING:
            depth -= 1
        whole = depth == 0
        if whole and token in before and parts[-1].strip() and not parts[-1].endswith(("_", "^")):
            parts.append("")
        if whole and comma and token in _SPACES:
            parts.append("")
            comma = False
            continue
        parts[-1] += token
        comma = whole and token in ",;" if token.strip() else comma
        if whole and token == "}" and parts[-1].startswith(r"\text"):
            parts.append("")
    joined = [part for part in parts if part.strip()]
    return joined if depth == 0 else [latex]


def _infix(piece: str) -> str:
    """Put nothing before a sign, so that it is typeset as one between two terms."""
    return f"{{}}{piece}" if piece.startswith(tuple(_SIGNS)) else piece


def _words(piece: str) -> str | None:
    """Return the words that a piece consists of, or None for a formula."""
    found = re.fullmatch(r"\\text\{([^{}\\$]*)\}", piece.strip())
    return None if found is None else found[1]
