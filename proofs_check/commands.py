"""What each command of the command line does, given its options; each returns the exit status."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofs_check.files import refuse_place, write_whole
from tabular_bellman import TabularBellmanError

if TYPE_CHECKING:
    from proofs_check.sources import Request

__all__ = [
    "INTERRUPTED",
    "bounds",
    "demo",
    "errata",
    "explore",
    "listing",
    "lookahead",
    "matrix",
    "proof",
    "run",
    "schema",
    "show",
    "target",
]

INTERRUPTED = 130


def demo(options: argparse.Namespace) -> int:
    """Tell the story of an example."""
    from proofs_check.examples import brackets, letters

    _print({"brackets": brackets, "letters": letters}[options.example].story())
    return 0


def listing(options: argparse.Namespace) -> int:
    """List the claims, what cannot be computed, and the mistakes."""
    from proofs_check import catalogue, overview, tables

    _print(overview.lines() if options.proved else tables.claims_page() if options.markdown else catalogue.listing())
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
    names = [name.upper() for name in options.names]
    for name in names:
        if name not in known:
            raise TabularBellmanError(f"{name}: no such erratum; there are {ERRATA[0].id} to {ERRATA[-1].id}.")
    _print(preface())
    unexpected = []
    for erratum in [known[name] for name in names] or ERRATA:
        finding = found(erratum)
        _print(["", *render(erratum, finding)])
        if not as_expected(finding):
            unexpected.append(erratum.id)
    if unexpected:
        _print(["", f"Not as expected: {', '.join(unexpected)}."])
    return 1 if unexpected else 0


def matrix(options: argparse.Namespace) -> int:
    """Put every mistake into every claim, and print what became of it."""
    from proofs_check import kill_matrix, strong_matrix, tables

    others = [kind for kind in options.evidence if kind != "float64"]
    if options.markdown and options.evidence != ("float64",):
        raise TabularBellmanError("--markdown writes the matrix of float64; leave --evidence out.")
    workers = _workers(options)
    unexpected = []
    if "float64" in options.evidence:
        found = kill_matrix.compute(workers)
        _print(tables.matrix_page(found) if options.markdown else tables.matrix_lines(found))
        unexpected += found.unexpected
    if others:
        strong = strong_matrix.compute(others, workers)
        _print(["", *strong_matrix.lines(strong)] if "float64" in options.evidence else strong_matrix.lines(strong))
        unexpected += strong.unexpected
    return 1 if unexpected else 0


def proof(options: argparse.Namespace) -> int:
    """Print the proofs of a claim for all trees, as a person would write them, each checked again."""
    from proofs_check.induction import check, printed, proof_of
    from proofs_check.naming import chosen_claims

    (claim,) = chosen_claims([options.name])
    theorems = proof_of(claim.id)
    if not theorems:
        raise TabularBellmanError(
            f"{claim.id} has no proof by induction. proofs-check run --evidence induction shows the "
            f"{len(_with_proofs())} claims that have one."
        )
    results = [check(theorem) for theorem in theorems]
    for number, (theorem, result) in enumerate(zip(theorems, results, strict=True)):
        _print(["", *printed(theorem, result)] if number else printed(theorem, result))
    return 0 if all(result.proved for result in results) else 1


def _with_proofs() -> list[str]:
    from proofs_check.claims import CLAIMS
    from proofs_check.induction import proof_of

    return [claim.id for claim in CLAIMS if proof_of(claim.id)]


def lookahead(options: argparse.Namespace) -> int:
    """Report what a limited horizon loses."""
    from proofs_check.lookahead import story

    _print(story(*_own_rewards(options)))
    return 0


def explore(options: argparse.Namespace) -> int:
    """Write a page on which rewards can be changed, and everything that follows from them is seen at once."""
    from proofs_check.pages.explore.page import page, refuse_large

    _refuse_page(options.html)
    write_whole("--html", options.html, page(*_own_rewards(options, refuse_large)))
    _print([f"Wrote {options.html}; open it in a browser."])
    return 0


def bounds(options: argparse.Namespace) -> int:
    """Set the paper's bound on the KL beside the sharp one, length by length; or hold all bounds against many pairs."""
    import json

    from proofs_check import pair_survey, sharpness

    about_lengths = {
        name: value
        for name in ("epsilon", "vocab", "max_length", "fixed_length")
        if (value := getattr(options, name)) is not None
    }
    if options.pairs is None:
        if options.seed is not None:
            raise TabularBellmanError("--seed is of the pairs that are drawn; it goes with --pairs.")
        epsilon, vocab = about_lengths.get("epsilon", 1.0), about_lengths.get("vocab", 2)
        fixed = "fixed_length" in about_lengths
        if fixed and "max_length" in about_lengths:
            raise TabularBellmanError("--fixed-length is without EOS, --max-length counts it; give one of them.")
        if not fixed and about_lengths.get("max_length", 8) < 2:
            raise TabularBellmanError("--max-length 1: with EOS alone there is nothing to choose; give 2 or more.")
        lengths = range(1, options.fixed_length + 1) if fixed else range(2, about_lengths.get("max_length", 8) + 1)
        rows = sharpness.compute(epsilon, vocab, lengths, fixed_length=fixed)
        document, text = (f(rows, epsilon, vocab, fixed) for f in (sharpness.as_document, sharpness.lines))
        holds = all(row.as_expected for row in rows)
    else:
        if about_lengths:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in about_lengths)
            raise TabularBellmanError(f"{names}: the pairs of --pairs are drawn at all distances and sizes.")
        seed = options.seed or 0
        found = pair_survey.survey(options.pairs, seed)
        document, text = (f(found, options.pairs, seed) for f in (pair_survey.as_document, pair_survey.lines))
        holds = not any(each.violated for each in found)
    _print([json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)] if options.json else text)
    return 0 if holds else 1


def schema(_: argparse.Namespace) -> int:
    """Print the JSON Schema of the document that run --json prints."""
    from proofs_check.documents import schema as text

    _print(text().splitlines())
    return 0


def run(options: argparse.Namespace) -> int:
    """Judge claims and report."""
    from proofs_check import documents, report
    from proofs_check.evidence import applicable
    from proofs_check.naming import chosen_claims, named_wrong
    from proofs_check.running import Run
    from proofs_check.sources import instances
    from tabular_bellman.parallel import WorkerLostError

    claims = chosen_claims(options.claims)
    wrong = None if options.plant is None else named_wrong(options.plant, claims)
    workers = _workers(options)
    _refuse_places(options)
    request = _request(options)
    source, chosen = instances(request)
    complete = request.built_in
    if not any(applicable(claim, chosen, complete=complete) for claim in claims):
        words = "; ".join(f"{claim.id} is checked on {claim.checked_on}" for claim in claims)
        raise TabularBellmanError(f"not about rewards like these: {words}.")
    current = Run(
        claims, source, chosen, complete, request.seed, request.effort, wrong, options.evidence, request=request
    )

    speaks = not (options.json or options.quiet)
    if speaks:
        _print(report.header(current))
    lost = None
    try:
        current.execute(
            workers,
            lambda result, standings: _print(report.row(current, result, standings)) if speaks else None,
            lambda found: _print(report.attacked(found)) if speaks else None,
            options.certificates,
        )
    except WorkerLostError as error:
        lost = error  # when what was finished is printed
    if options.json:
        _print([documents.as_json(current)])
    elif options.quiet:
        _print(report.verdict_lines(current))
    else:
        _print(report.summary(current))
    if options.certificates is not None and speaks:
        _print(report.certified(current, options.certificates))
    if options.junit is not None:
        documents.write_junit(current, options.junit)
    if options.html is not None:
        from proofs_check.pages.report.page import page

        write_whole("--html", options.html, page(current))
        if speaks:
            _print([f"Wrote {options.html}; open it in a browser."])
    if options.save is not None:
        _save(current.attacks, options.save)
        if speaks:
            _print([f"Saved in {options.save}: CLAIM.json (rewards), CLAIM-other.json (the other table)."])
    if lost is not None:
        raise lost
    return INTERRUPTED if current.interrupted else 0 if current.as_expected else 1


def _workers(options: argparse.Namespace) -> Any:
    """Return who does the work."""
    from tabular_bellman.parallel import Workers

    if options.jobs is not None and options.dask is not None:
        raise TabularBellmanError("--jobs is of processes here, --dask of a cluster with its own; give one of them.")
    return Workers(jobs=options.jobs or 1, client=options.dask)


def target(options: argparse.Namespace) -> int:
    """Check a function of yours against the exact oracle."""
    import json
    from contextlib import redirect_stdout

    from proofs_check.functions import hint, load_function, names_function

    if not names_function(options.function):
        raise TabularBellmanError(f"{options.function}: not package.module:function{hint(options.function)}.")
    given = {name: value for name, value in vars(options).items() if value is not None}
    for name in ("command", "function", "kind", "json"):
        del given[name]
    with _storage_of_hypothesis(), redirect_stdout(sys.stderr):  # what the function prints is no part of the report
        function = load_function("target", options.function)
        from proofs_check.testing import check

        report = check(options.kind, function, throw=False, **given)
    _print([json.dumps(report.to_dict(), indent=1, allow_nan=False)] if options.json else report.lines)
    return 0 if report.agrees else 1


@contextmanager
def _storage_of_hypothesis() -> Iterator[None]:
    """Let Hypothesis keep what it learns in a folder that goes away, not in the user's, who may have named one."""
    from tempfile import TemporaryDirectory

    name = "HYPOTHESIS_STORAGE_DIRECTORY"
    if name in os.environ:
        yield
        return
    with TemporaryDirectory() as folder:
        os.environ[name] = folder
        try:
            yield
        finally:
            del os.environ[name]


def _refuse_places(options: argparse.Namespace) -> None:
    """Refuse, before anything runs, what could not be written at its end."""
    junit, folder = options.junit, options.save
    if options.certificates is not None:
        if not {"exact", "certified"} & set(options.evidence):
            raise TabularBellmanError("--certificates goes with --evidence exact or certified.")
        _make_folder("--certificates", options.certificates)
        if found := sorted(options.certificates.glob("*.json")):
            raise TabularBellmanError(
                f"--certificates {options.certificates}: {found[0].name} is there already. Name an empty folder, or "
                "empty this one: certificates of two runs are not told apart."
            )
    if junit is not None:
        refuse_place("--junit", junit)
    if options.html is not None:
        _refuse_page(options.html)
        if junit is not None and junit.resolve() == options.html.resolve():
            raise TabularBellmanError(f"--html {options.html}: the JUnit file is to be written there; name another.")
    if folder is None:
        return
    if (
        options.effort == "quick"
        or options.plant is not None
        or options.rewards is not None
        or options.vocab is not None
        or "float64" not in options.evidence
    ):
        raise TabularBellmanError(
            "--save keeps what the attacks find; there are none with --quick, --plant, rewards of your own or evidence "
            "without float64."
        )
    if folder.exists() and not folder.is_dir():
        raise TabularBellmanError(f"--save {folder}: it must be a folder.")


def _refuse_page(path: Path) -> None:
    """Refuse a place where no page could be written, and to go on without what pages need."""
    from proofs_check.pages.rendering import require_extra

    refuse_place("--html", path)
    require_extra()


def _own_rewards(options: argparse.Namespace, refuse: Callable[[Any], None] | None = None) -> tuple[Any, str]:
    """Return the user's rewards and what they are in words; None and nothing where none are asked for."""
    from proofs_check.sources import instances

    request = _request(options, refuse)
    source, chosen = instances(request)
    if not request.built_in:
        return chosen[0].reward, source
    if options.seed is not None:
        raise TabularBellmanError("--seed is of random rewards; give --vocab and --max-length (or --fixed-length) too.")
    return None, ""


def _request(options: argparse.Namespace, refuse: Callable[[Any], None] | None = None) -> "Request":
    """Return what is asked for; spaces that are too large for what they are wanted for, `refuse` refuses."""
    from proofs_check.sources import Request

    if options.rewards is not None and options.seed is not None:
        raise TabularBellmanError("--seed is of random rewards; leave it out with --rewards.")
    given = {name: value for name, value in vars(options).items() if value is not None}
    return Request(**{name: given[name] for name in Request.__dataclass_fields__ if name in given}, refuse=refuse)


def _make_folder(option: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TabularBellmanError(f"{option} {folder}: cannot make the folder: {error.strerror}.") from error


def _save(attacks: list[Any], folder: Path) -> None:
    """Save the tightest instance of each attack, as tables that ``--rewards`` reads back."""
    _make_folder("--save", folder)
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
