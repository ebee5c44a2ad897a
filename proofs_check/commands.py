"""What each command of the command line does, given its options; each returns the exit status."""

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tabular_bellman import TabularBellmanError

__all__ = ["INTERRUPTED", "demo", "errata", "listing", "lookahead", "matrix", "run", "schema", "show"]

INTERRUPTED = 130


def demo(options: argparse.Namespace) -> int:
    """Tell the story of an example."""
    from proofs_check.examples import brackets, letters

    _print({"brackets": brackets, "letters": letters}[options.example].story())
    return 0


def listing(options: argparse.Namespace) -> int:
    """List the claims, what cannot be computed, and the mistakes."""
    from proofs_check import catalogue, tables

    _print(tables.claims_page() if options.markdown else catalogue.listing())
    return 0


def show(options: argparse.Namespace) -> int:
    """Show one claim, erratum, mistake or row of the ledger, whole."""
    from proofs_check.catalogue import entry

    _print(entry(options.name))
    return 0


def errata(options: argparse.Namespace) -> int:
    """Recompute the counterexamples to the printed text."""
    from proofs_check.errata import ERRATA
    from proofs_check.errata.render import as_expected, found, preface, render

    known = {erratum.id: erratum for erratum in ERRATA}
    for name in options.names:
        if name not in known:
            raise TabularBellmanError(f"{name}: no such erratum; there are {ERRATA[0].id} to {ERRATA[-1].id}.")
    _print(preface())
    unexpected = []
    for erratum in [known[name] for name in options.names] or ERRATA:
        finding = found(erratum)
        _print(["", *render(erratum, finding)])
        if not as_expected(finding):
            unexpected.append(erratum.id)
    if unexpected:
        _print(["", f"Not as expected: {', '.join(unexpected)}."])
    return 1 if unexpected else 0


def matrix(options: argparse.Namespace) -> int:
    """Put every mistake into every claim, and print what became of it."""
    from proofs_check import kill_matrix, tables

    found = kill_matrix.compute()
    _print(tables.matrix_page(found) if options.markdown else tables.matrix_lines(found))
    return 0 if not found.unexpected else 1


def lookahead(options: argparse.Namespace) -> int:
    """Report what a limited horizon loses."""
    from proofs_check.lookahead import story

    _print(story(None if options.rewards is None and options.vocab is None else _requested(options)[1][0].reward))
    return 0


def schema(_: argparse.Namespace) -> int:
    """Print the JSON Schema of the document that run --json prints."""
    from proofs_check.documents import schema as text

    _print(text().splitlines())
    return 0


def run(options: argparse.Namespace) -> int:
    """Judge claims and report."""
    from proofs_check import documents, report
    from proofs_check.evidence import applicable
    from proofs_check.running import Run, chosen_claims, named_wrong

    claims = chosen_claims(options.claims)
    wrong = None if options.plant is None else named_wrong(options.plant)
    if options.junit is not None and not options.junit.parent.is_dir():
        raise TabularBellmanError(f"--junit {options.junit}: there is no folder {options.junit.parent}.")
    source, chosen, complete = _requested(options)
    if not any(applicable(claim, chosen, complete=complete) for claim in claims):
        raise TabularBellmanError(
            f"{', '.join(claim.id for claim in claims)}: not about rewards like these; proofs-check show says what "
            "each is checked on."
        )
    current = Run(claims, source, chosen, complete, options.seed or 0, options.effort, wrong)

    speaks = not (options.json or options.quiet)
    if speaks:
        _print(report.header(current))
    current.execute(
        options.jobs,
        lambda result: _print(report.row(result)) if speaks else None,
        lambda found: _print(report.attacked(found)) if speaks else None,
    )
    if options.json:
        _print([documents.as_json(current)])
    elif options.quiet:
        _print(report.verdict_lines(current))
    else:
        _print(report.summary(current))
    if options.junit is not None:
        documents.write_junit(current, options.junit)
    if options.save is not None:
        _save(current.attacks, options.save)
    return INTERRUPTED if current.interrupted else 0 if current.as_expected else 1


def _requested(options: argparse.Namespace) -> tuple[str, list[Any], bool]:
    """Return what the instances are in words, the instances, and whether they are the built-in ones."""
    from proofs_check.sources import Request, instances

    if options.rewards is not None and options.seed is not None:
        raise TabularBellmanError("--seed is of random rewards; leave it out with --rewards.")
    given = {name: value for name, value in vars(options).items() if value is not None}
    request = Request(**{name: given[name] for name in Request.__dataclass_fields__ if name in given})
    return *instances(request), request.rewards is None and not request.shape_options()


def _save(attacks: list[Any], folder: Path) -> None:
    """Save the tightest instance of each attack, as tables that ``--rewards`` reads back."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TabularBellmanError(f"--save {folder}: cannot make the folder: {error.strerror}.") from error
    for found in attacks:
        found.save(folder)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        try:
            print(line, flush=True)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            # Where nobody reads on (`proofs-check run | head`), go on in silence: the exit status stays true.
            if not isinstance(error, BrokenPipeError):
                raise TabularBellmanError(f"cannot write the report: {error.strerror}.") from error
