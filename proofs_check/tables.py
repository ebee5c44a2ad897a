"""The pages in docs/ that are written from the code: the table of claims, and the kill matrix."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from proofs_check.claims import CLAIMS, PARTS
from proofs_check.credits import CREDITS
from proofs_check.errata import ERRATA
from proofs_check.evidence import Fate
from proofs_check.kill_matrix import KillMatrix
from proofs_check.ledger import LEDGER
from proofs_check.mistakes import MISTAKES

__all__ = ["claims_page", "matrix_lines", "matrix_page"]

_LETTERS: Final = {
    Fate.REJECTED: "x",
    Fate.SURVIVED: "o",
    Fate.UNSEEN: "-",
    Fate.EQUIVALENT: "=",
    Fate.UNUSED: ".",
}
_BLOCK: Final = 28  # columns of claims beside the names of mistakes, within 80


def claims_page() -> Iterator[str]:
    """Yield docs/claims.md."""
    yield "# Claims"
    yield ""
    yield "<!-- Written by `proofs-check list --markdown`; do not edit. -->"
    yield ""
    yield "`proofs-check run` checks them, `proofs-check show ID` says how each is computed. E1, E2, … are"
    yield "[notes on the printed text](errata.md), which `proofs-check errata` prints."
    for title, claims in PARTS:
        yield ""
        yield f"## {title}"
        yield ""
        yield "| id | place | statement | needs | reads with | must reject |"
        yield "|---|---|---|---|---|---|"
        for claim in claims:
            marks = ", ".join(claim.errata)
            # A bar would end the cell.
            statement = f"${claim.latex}$".replace(r"\|", r"\Vert ").replace("|", r"\vert ")
            cells = (claim.id, claim.place, statement, claim.hypotheses.replace("|", r"\|"), marks, len(claim.rejects))
            yield f"| {' | '.join(map(str, cells))} |"
    yield ""
    yield "## Earliest sources"
    yield ""
    yield 'Of what goes beyond the paper, by searching; "no source found" does not say that there is none.'
    yield ""
    yield "| id | earliest source found |"
    yield "|---|---|"
    for claim in CLAIMS:
        if claim.id in CREDITS:
            yield f"| {claim.id} | {CREDITS[claim.id]} |"
    yield ""
    yield "## Not computable"
    yield ""
    yield "Rows of the ledger without a claim, and why. They count as nothing."
    yield ""
    yield "| row | place | why |"
    yield "|---|---|---|"
    for row in LEDGER:
        if row.not_computable:
            yield f"| {row.id} | {row.place} | {row.not_computable} |"
    yield ""
    yield "## Errata"
    yield ""
    yield "| id | grade | place | what |"
    yield "|---|---|---|---|"
    for erratum in ERRATA:
        yield f"| {erratum.id} | {erratum.grade.value} | {erratum.place} | {erratum.title} |".replace("\n", " ")


def matrix_page(found: KillMatrix) -> Iterator[str]:
    """Yield docs/kill-matrix.md."""
    yield "# Kill matrix"
    yield ""
    yield "<!-- Written by `proofs-check matrix --markdown`; do not edit. -->"
    yield ""
    yield "Every mistake of the registry is put into the code under test, one at a time, and every claim is run on it."
    yield "`proofs-check show NAME` says what a mistake is."
    yield ""
    yield "```text"
    yield from matrix_lines(found)
    yield "```"


def matrix_lines(found: KillMatrix) -> Iterator[str]:
    """Yield the matrix as text, at most 80 columns wide."""
    yield "X rejected, as the claim says   x rejected besides   . function not used"
    yield "o changes what is compared, and the claim holds all the same"
    yield "- changes the function's results, not what the claim compares   = no change"
    named = {(wrong.name, claim.id) for claim in CLAIMS for wrong in claim.mistakes}
    for start in range(0, len(CLAIMS), _BLOCK):
        block = CLAIMS[start : start + _BLOCK]
        yield ""
        for number, claim in enumerate(block):
            yield f"{'':<34}{'|' * number}{claim.id}"
        for mistake in MISTAKES:
            cells = []
            for claim in block:
                cell = mistake.name, claim.id
                letter = _LETTERS[found.mistakes[cell]]
                cells.append("X" if letter == "x" and cell in named else letter)
            yield f"{mistake.name:<34}{''.join(cells)}"
    yield ""
    yield "Misreadings: wrong statements, each put in the place of the right one"
    for claim in CLAIMS:
        if claim.misreadings:
            cells = [
                f"{wrong.name} {_LETTERS[found.misreadings[wrong.name, claim.id]].upper()}"
                for wrong in claim.misreadings
            ]
            yield f"{claim.id:<19}{cells[0]}"
            yield from (f"{'':<19}{cell}" for cell in cells[1:])
    yield ""
    counts = Counter(found.mistakes.values())
    n_named = sum(len(claim.rejects) for claim in CLAIMS)
    yield f"{len(CLAIMS)} claims, {len(MISTAKES)} mistakes. Of {len(CLAIMS) * len(MISTAKES):,} cells:"
    yield "  " + ", ".join(f"{counts[each]:,} {each.name.lower()}" for each in Fate)
    rejected = n_named - sum("does not reject" in line for line in found.unexpected)
    yield f"Mistakes and misreadings that a claim names: {rejected:,} of {n_named:,} are rejected by it."
    somewhere = len(MISTAKES) - sum(line.startswith("no claim") for line in found.unexpected)
    yield f"Mistakes that some claim rejects: {somewhere} of {len(MISTAKES)}."
    yield from found.unexpected
