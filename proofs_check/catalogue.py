"""What there is: claims, errata, mistakes, and rows that cannot be computed; all of them, or one by its name."""

from collections.abc import Iterator

from proofs_check.claim import Claim, Misreading, Mistake
from proofs_check.claims import CLAIMS, PARTS
from proofs_check.credits import CREDITS
from proofs_check.errata import ERRATA
from proofs_check.errata.render import found, render
from proofs_check.instances import built_in
from proofs_check.ledger import LEDGER
from proofs_check.mistakes import MISTAKES
from proofs_check.mistakes.draws import DRAWS
from proofs_check.naming import near
from proofs_check.overview import strongest
from proofs_check.report import wrapped
from tabular_bellman import TabularBellmanError

__all__ = ["entry", "listing"]


def listing() -> Iterator[str]:
    """Yield every claim, what cannot be computed, and every mistake with the claims that must reject it."""
    yield "Claims"
    for title, claims in PARTS:
        yield f"  {title}"
        for claim in claims:
            yield f"    {claim.id}"
            yield from wrapped(claim.statement, "      ", "  ")
    yield ""
    yield "Rows of the ledger that cannot be computed"
    for row in LEDGER:
        if row.not_computable:
            yield from wrapped(f"{row.id}: {row.not_computable}", "    ")
    yield ""
    yield "Mistakes, for --plant, and the claims that must reject them"
    for mistake in MISTAKES:
        yield f"  {mistake.name}"
        yield from wrapped(mistake.summary, "      ", "")
        yield from wrapped(f"({', '.join(claim.id for claim in CLAIMS if mistake in claim.mistakes)})", "      ", "")
    yield ""
    yield "Mistakes of samplers, which proofs-check target names"
    for mistake in DRAWS:
        yield f"  {mistake.name}"
        yield from wrapped(mistake.summary, "      ", "")
    yield ""
    yield "Misreadings, for --plant: wrong statements, one claim each"
    for claim in CLAIMS:
        for wrong in claim.misreadings:
            yield from wrapped(f"{wrong.name} ({claim.id}): {wrong.summary}", "  ")


def entry(name: str) -> Iterator[str]:
    """Yield everything about one thing that has a name: claim, erratum, mistake, misreading or row of the ledger.

    Capitals do not matter.

    Raises
    ------
    TabularBellmanError
        Where nothing has this name.
    """
    claims = {claim.id: claim for claim in CLAIMS}
    mistakes = {mistake.name: mistake for mistake in MISTAKES}
    samplers = {mistake.name: mistake for mistake in DRAWS}
    misreadings = {wrong.name: (wrong, claim) for claim in CLAIMS for wrong in claim.misreadings}
    rows = {row.id: row for row in LEDGER if row.not_computable}
    errata = {erratum.id: erratum for erratum in ERRATA}
    if name in claims:
        return _claim(claims[name])
    if name in mistakes:
        users = ", ".join(claim.id for claim in CLAIMS if mistakes[name] in claim.mistakes)
        return iter([*_wrong(mistakes[name]), *wrapped(f"must be rejected by {users}", "    ", "  ")])
    if name in samplers:
        return iter([*_wrong(samplers[name]), "    no claim draws; proofs-check target names it"])
    if name in misreadings:
        wrong, claim = misreadings[name]
        return iter([*_wrong(wrong), f"    must be rejected by {claim.id}"])
    if name in rows:
        row = rows[name]
        return iter(wrapped(f"{row.id} ({row.place}): NOT COMPUTABLE, since {row.not_computable}"))
    if name in errata:
        return render(errata[name], found(errata[name]))
    known = [*claims, *errata, *mistakes, *samplers, *misreadings, *rows]
    for other in known:
        if other.lower() == name.lower():
            return entry(other)
    raise TabularBellmanError(f"{name}: nothing of that name{near(name, known)}; proofs-check list has all names.")


def _claim(claim: Claim) -> Iterator[str]:
    yield claim.id
    yield from wrapped(claim.statement, "  ", "  ")
    yield ""
    facts = {
        "LaTeX": claim.latex,
        "Source": claim.place,
        **({"Earliest source found": CREDITS[claim.id]} if claim.id in CREDITS else {}),
        "Needs": claim.hypotheses,
        "Checked on": claim.checked_on,
        "Strongest evidence": f"{strongest(claim, list(built_in(0, 'quick')))}, as proofs-check list --proved has it",
        "All of it": f"proofs-check run {claim.id} --evidence all",
    }
    for name, text in facts.items():
        yield from wrapped(f"{name}: {text}", "  ", "  ")
    yield ""
    yield "  Computed in different ways, and compared"
    for route in claim.routes:
        yield from wrapped(f"- {route}", "    ", "  ")
    notes = [erratum for erratum in ERRATA if erratum.id in claim.errata]
    if notes:
        yield ""
        yield "  Read with"
        for erratum in notes:
            yield from wrapped(f"{erratum.id} ({erratum.grade.value}): {erratum.title}", "    ", "  ")
    yield ""
    yield "  Must be rejected, when put into the code or in the place of the statement"
    for wrong in claim.rejects:
        yield from _wrong(wrong)


def _wrong(wrong: Mistake | Misreading) -> list[str]:
    where = f" (in {wrong.replaces})" if isinstance(wrong, Mistake) else ""
    return wrapped(f"{wrong.name}: {wrong.summary}{where}", "    ", "  ")
