"""The list of claims as sections in the place of table rows: formulas have the whole width, and each claim an address.

``docs/claims.md`` is written by ``proofs-check list --markdown``, as tables that any viewer of Markdown shows. Here
their rows are read. Below each formula stands what ``proofs-check show`` prints of the claim, in one line of text: it
can be searched, copied and read aloud.
"""

import re
from collections.abc import Iterator

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from proofs_check.claims import CLAIMS

_HEADER = "| id | place | statement | needs | reads with | must reject |"
_CELLS = re.compile(r"(?<!\\)\|")
_ERRATUM = re.compile(r"\bE\d+\b")
_STATEMENTS = {claim.id: claim.statement for claim in CLAIMS}


def sections(text: str) -> Iterator[str]:
    """Yield the lines of the page, each row of a table of claims as a section of its own.

    Raises
    ------
    ExtensionError
        If there is no such table: then the page has another form than this module knows.
    """
    rows = inside = 0
    for line in text.split("\n"):
        inside = line == _HEADER or (inside and line.startswith("|"))
        if not inside:
            yield line
        elif line != _HEADER and not line.startswith("|---"):
            rows += 1
            yield from section(line)
    if not rows:
        raise ExtensionError(f"docs/claims.md has no table that begins with {_HEADER!r}")


def section(row: str) -> Iterator[str]:
    """Yield the section of one claim.

    Raises
    ------
    ExtensionError
        If there is no such claim today.
    """
    cells = [cell.strip().replace("\\|", "|") for cell in _CELLS.split(row)[1:-1]]
    name, place, statement, needs, errata, mistakes = cells
    formula = statement.strip("$")
    if name not in _STATEMENTS:
        raise ExtensionError(
            f"docs/claims.md has {name}, which is no claim: proofs-check list --markdown writes it anew"
        )
    yield from ("", f"### {name}", "", place, "", "$$", formula, "$$", "", f"`{_STATEMENTS[name]}`{{.said}}", "")
    told = [f"needs: {needs}"] if needs else []
    if errata:
        told.append("read with " + _ERRATUM.sub(lambda found: f"[{found[0]}](#{found[0]})", errata))
    yield "; ".join([*told, f"must reject {mistakes} mistakes and misreadings"]).replace("needs: ", "Needs: ", 1) + "."
    yield ""


def _read(_app: Sphinx, page: str, source: list[str]) -> None:
    if page == "claims":
        source[0] = "\n".join(sections(source[0]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Read the page so."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
