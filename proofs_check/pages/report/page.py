"""The page that `proofs-check run --html` writes: what holds, and how that is known."""

import shlex
from collections.abc import Iterator
from typing import Any, Final

from proofs_check.claims import CLAIMS, PARTS
from proofs_check.evidence import Verdict
from proofs_check.ledger import LEDGER
from proofs_check.pages.rendering import render
from proofs_check.pages.report.claims import Shown, shown
from proofs_check.pages.report.errata import notes
from proofs_check.pages.report.words import KINDS, NAMES, SHAPES, number
from proofs_check.report import counts
from proofs_check.running import Run
from tabular_bellman import StateActionTable, __version__

__all__ = ["command_of", "page"]

_MEANINGS: Final = {
    **{verdict: verdict.value for verdict in Verdict},
    Verdict.NOT_APPLICABLE: "it has no such evidence, or nothing in this run shows anything about it; the claim's own "
    "section says why: not a pass, not a failure",
}


def page(run: Run) -> str:
    """Return the page of a run, finished or not; the same run gives the same bytes.

    Of notes on the printed text it shows all 27 where the whole ledger was run on the built-in instances, and those
    that its claims are read with elsewhere; proofs are printed where induction was asked for.

    Raises
    ------
    TabularBellmanError
        If the extra ``html`` is not installed.
    """
    claims = list(shown(run))
    whole = run.complete and run.finished and len(run.claims) == len(CLAIMS)
    found = notes(run, whole)
    return render(
        "report/page.html",
        run=run,
        version=__version__,
        claims=claims,
        parts=_parts(claims),
        unfinished=[claim.id for claim in run.claims[len(run.results) :]],
        kinds=[(kind, *KINDS[kind]) for kind in KINDS if kind in run.kinds],
        tally=list(_tally(run)),
        verdicts=[(NAMES[each], each.name, SHAPES[each], _MEANINGS[each]) for each in Verdict],
        notes=found,
        done={each.claim.id for each in claims},
        unexpected_notes=[note.erratum.id for note in found if not note.as_expected],
        whole=whole,
        ledger=LEDGER,
        held=_held(run),
        number=number,
        entries=_entries,
        command=command_of(run),
        rewards=None if run.request is None else run.request.rewards,
    )


def _parts(claims: list[Shown]) -> list[tuple[int, str, list[Shown]]]:
    """Return the parts of the paper that there are claims of, with these."""
    grouped = [(n, title, [each for each in claims if each.part == n]) for n, (title, _) in enumerate(PARTS)]
    return [group for group in grouped if group[2]]


def _tally(run: Run) -> Iterator[tuple[str, str, list[tuple[str, str, int]]]]:
    """Yield how often each verdict was given, by kind of evidence, the strongest first."""
    found = counts(run)
    for kind, (column, _) in KINDS.items():
        if kind in found:
            yield (
                kind,
                column,
                [(NAMES[each], SHAPES[each], found[kind][each]) for each in Verdict if found[kind][each]],
            )


def _held(run: Run) -> dict[str, Any]:
    """Return how many rows of the ledger the run's claims hold."""
    unexpected, done = set(run.unexpected), {result.claim.id for result in run.results}
    rows = [row for row in LEDGER if not row.not_computable]
    failed = [row.id for row in rows if unexpected & set(row.claims)]
    held = [row.id for row in rows if set(row.claims) <= done and row.id not in failed]
    return {"held": len(held), "failed": failed, "other": len(rows) - len(held) - len(failed)}


def _entries(table: StateActionTable) -> str:
    """Return the entries of a table in reading order, to four digits."""
    return " ".join(f"{entry:.4g}" for entry in table.to_vector())


def command_of(run: Run) -> str:
    """Return the command that does the run again; of rewards that a program handed over, as far as a run knows it."""
    words = ["proofs-check", "run"]
    if run.effort != "default":
        words.append(f"--{run.effort}")
    if run.request is not None:
        words += run.request.options()
    elif not run.complete:
        words += ["--rewards", "SOURCE"]
    elif run.seed:
        words += ["--seed", str(run.seed)]
    if not run.of_floats_alone:
        words += ["--evidence", "all" if len(run.kinds) == len(KINDS) else ",".join(run.kinds)]
    if run.planted is not None:
        words += ["--plant", run.planted.name]
    words += ["--html", "report.html"]
    if len(run.claims) < len(CLAIMS):
        words += [claim.id for claim in run.claims]
    return shlex.join(words)
