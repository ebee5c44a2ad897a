"""The kill matrix as sections that unfold: what each claim rejects, and which claims reject each mistake.

``docs/kill-matrix.md`` has it as text, 80 columns wide, for terminals and files. Here that text is read, so that a
phone, a search and a screen reader can follow it, too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from proofs_check.claims import PARTS
from proofs_check.mistakes import MISTAKES

_TEXT: Final = re.compile(r"```text\n(.*?)\n```", re.DOTALL)
_HEAD: Final = re.compile(r"^ +\|*([^\s|]\S*)$")
_ROW: Final = re.compile(r"^(\S+) +([Xxo.=-]+)$")
_MISREADING: Final = re.compile(r"^(\S*) +(\S+) ([XO.=-])$")
_MISTAKES: Final = {
    "X": "names and rejects {}",
    "x": "rejects {} besides",
    "o": "holds all the same with {} that change what it compares",
}
_MISREADINGS: Final = {"X": "rejects {} misreadings", "O": "does not reject {} misreadings"}


@dataclass
class Matrix:
    """What the text says: {claim: {letter: names}}, misreadings the same, and the counts at its end."""

    cells: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    misreadings: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    counts: list[str] = field(default_factory=list)


def read(text: str) -> Matrix:
    """Return the matrix that a text holds.

    Raises
    ------
    ExtensionError
        If a line is none of those that it is made of, or a row has not one letter for each claim.
    """
    found = Matrix()
    lines = iter(text.split("\n"))
    heads: list[str] = []
    fresh = True  # a block of claims begins
    for line in lines:
        if line.startswith("Misreadings"):
            break
        head, row = _HEAD.match(line), _ROW.match(line)
        if head:
            heads = [head[1]] if fresh else [*heads, head[1]]
            fresh = False
        elif row and heads:
            fresh = True
            if len(row[2]) != len(heads):
                raise ExtensionError(f"kill matrix: {row[1]} has {len(row[2])} letters for {len(heads)} claims")
            for claim, letter in zip(heads, row[2], strict=True):
                found.cells.setdefault(claim, {}).setdefault(letter, []).append(row[1])
        elif heads and line:
            raise ExtensionError(f"kill matrix: cannot read {line!r}")
    claim = ""
    for line in lines:
        row = _MISREADING.match(line)
        if row:
            claim = row[1] or claim
            found.misreadings.setdefault(claim, {}).setdefault(row[3], []).append(row[2])
        elif line:
            found.counts.append(line.strip())
    if not (found.cells and found.misreadings and found.counts):
        raise ExtensionError("kill matrix: the text has another form than docs/_ext/kill_matrix_page.py knows")
    return found


def page(source: str) -> str:
    """Return the page with its text block rewritten.

    Raises
    ------
    ExtensionError
        If it has no such block, or a claim or mistake of today is not in it.
    """
    block = _TEXT.search(source)
    if block is None:
        raise ExtensionError("docs/kill-matrix.md has no block of text")
    matrix = read(block[1])
    claims = [claim.id for _, part in PARTS for claim in part]
    if list(matrix.cells) != claims:
        raise ExtensionError("docs/kill-matrix.md has other claims than there are: proofs-check matrix --markdown")
    return source[: block.start()] + "\n".join(_sections(matrix)) + source[block.end() :]


def _sections(matrix: Matrix) -> Iterator[str]:
    first, second, *others = matrix.counts
    yield from (f"- {first} {second}.", *(f"- {line}" for line in others), "")
    yield "What is not listed at a claim makes no difference to it: it does not use the function, or no number that it"
    yield "compares changes. [By mistake](#by-mistake) is the same the other way round."
    yield ""
    for title, claims in PARTS:
        yield from (f"## {title}", "")
        for claim in claims:
            cells, misread = matrix.cells[claim.id], matrix.misreadings.get(claim.id, {})
            told = [(words, cells[letter]) for letter, words in _MISTAKES.items() if letter in cells]
            told += [(words, misread[letter]) for letter, words in _MISREADINGS.items() if letter in misread]
            counts = "; ".join(words.format(len(names)) for words, names in told)
            yield from (f"### {claim.id}", "", "<details>")
            yield from (f"<summary>{counts[:1].upper()}{counts[1:]}.</summary>", "")
            yield from (f"- {_sentence(words, names)}" for words, names in told)
            yield from (f"- [What {claim.id} says](claims.md#{_slug(claim.id)})", "", "</details>", "")
    yield from ("## By mistake", "")
    for mistake in MISTAKES:
        by = [
            claim for claim, cells in matrix.cells.items() for letter in "Xx" if mistake.name in cells.get(letter, ())
        ]
        summary = re.sub(r"([\\`*_{}\[\]<>|$#~])", r"\\\1", mistake.summary)
        yield from (f"- `{mistake.name}`: {summary}", "", "  <details>")
        yield from (f"  <summary>Rejected by {_claims(by)}</summary>", "", f"  {', '.join(by)}", "", "  </details>", "")


def _sentence(words: str, names: list[str]) -> str:
    text = words.format(len(names))
    return f"{text[:1].upper()}{text[1:]}: {', '.join(f'`{name}`' for name in names)}."


def _claims(by: list[str]) -> str:
    return "1 claim" if len(by) == 1 else f"{len(by)} claims"


def _slug(claim: str) -> str:
    return re.sub(r"[^\w\- ]", "", claim.lower()).replace(" ", "-")


def _read(_app: Sphinx, name: str, source: list[str]) -> None:
    if name == "kill-matrix":
        source[0] = page(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Read the page so."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
