"""What a person sees of a run."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from proofs_check.attack import Attacked
from proofs_check.claim import Claim
from proofs_check.claims import PARTS
from proofs_check.evidence import Fate, Result, Verdict
from proofs_check.ledger import LEDGER
from proofs_check.running import Run
from proofs_check.standing import Standing
from tabular_bellman import __version__
from tabular_bellman.tokens import plural

__all__ = [
    "FATES",
    "PAPER",
    "attacked",
    "certified",
    "counts",
    "header",
    "measured",
    "rejects",
    "row",
    "sizes",
    "strongly_rejects",
    "summary",
    "verdict_lines",
    "wrapped",
]

PAPER: Final = '"Autoregressive Language Models are Secretly Energy-Based Models", arXiv 2512.15605v4'
_COLUMNS: Final = "{:<18} {:<14} {:>8} {:>8} {:>4}  {}"
_WIDTH: Final = 80

# The columns of evidence, in the order of the report: about the statement, then about code on its inputs.
_SHOWN: Final = ("induction", "symbolic", "exact", "certified", "float64")
_WORDS: Final = {
    **{verdict: verdict.name for verdict in Verdict},
    Verdict.INCONCLUSIVE: "open",
    Verdict.NOT_RUN: "not run",
    Verdict.NOT_APPLICABLE: "-",
}

FATES: Final = {
    Fate.SURVIVED: "makes a difference here that the claim does not feel",
    Fate.UNSEEN: "no difference to what is compared here",
    Fate.EQUIVALENT: "no difference here",
    Fate.UNUSED: "not used here",
}


def wrapped(text: str, indent: str = "", hanging: str = "    ") -> list[str]:
    """Return the text in lines of at most 80 columns."""
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent + hanging, break_on_hyphens=False
    )


def header(run: Run) -> Iterator[str]:
    """Yield the lines above the table."""
    yield from wrapped(f"proofs-check {__version__}: {PAPER}")
    names = [instance.name for instance in run.instances]
    count = "1 instance" if len(names) == 1 else f"{len(names)} instances"
    yield from wrapped(f"On {run.source}: {count}{': ' + ', '.join(names) if len(names) <= 2 else ''}.")
    if run.planted is not None:
        yield from wrapped(f"Planted in the code under test: {run.planted.name} ({run.planted.summary}).")
    yield ""
    yield from wrapped(
        "r rewards, R_r their sum along a response, A its log-partition; q = M(r) logits, V_q soft values; "
        "x prompt, y response, s prefix, s_T at the last step; π, p_q policy and probabilities of q, p_R of R; "
        "ρ target; σ softmax; κ the sharp constant of one step; φ a potential. A free step offers a choice. [E4]: "
        "read with erratum 4 (proofs-check errata).",
        hanging="",
    )
    yield ""
    if run.of_floats_alone:
        yield _COLUMNS.format("claim", "verdict", "residual", "bound", "on", "rejects")
    else:
        yield f"{'':<18} {'the statement':<24}this code, these inputs"
        yield _cells("claim", ["all trees", "(tokens, T)", "rationals", "balls", "float64"]).rstrip()


def row(run: Run, result: Result, standings: Sequence[Standing], heading: bool = True) -> Iterator[str]:
    """Yield the lines of one claim; above the first of a part of the paper, its heading."""
    if heading:
        yield from (title for title, claims in PARTS if claims[0] is result.claim)
    if run.of_floats_alone:
        yield from _float_row(result)
        return
    yield _cells(result.claim.id, [_cell(run, kind, result, standings) for kind in _SHOWN]).rstrip()
    yield from _statement(result.claim)
    for standing in standings:
        yield from _besides(standing)
    if "float64" in run.kinds and result.verdict is not Verdict.NOT_APPLICABLE:
        worst = result.worst
        yield from wrapped(
            f"float64: residual {worst.residual:.1e}, bound {worst.bound:.1e}, on {len(result.outcomes)}, rejects "
            "{} of {}".format(*rejects(result)),
            "    ",
            "  ",
        )
        yield from _notes(result)


def _statement(claim: Claim) -> list[str]:
    reads = f"  [{', '.join(claim.errata)}]" if claim.errata else ""
    return wrapped(claim.statement + reads, "    ", "  ")


def rejects(result: Result) -> tuple[int, int]:
    """Return how many mistakes were rejected, and of how many that count here."""
    rejected, survived = result.named(Fate.REJECTED), result.named(Fate.SURVIVED)
    return len(rejected), len(result.fates) if result.complete else len(rejected) + len(survived)


def strongly_rejects(standing: Standing) -> tuple[int, int, int]:
    """Return how many mistakes were rejected, of how many that count, and how many have no form in such numbers."""
    return standing.counted("rejected"), standing.counted("rejected", "survived"), standing.counted("declined")


def _cells(name: str, cells: Sequence[str]) -> str:
    return "{:<18} {:<10}{:<14}{:<11}{:<14}{:<10}".format(name, *cells)


def _cell(run: Run, kind: str, result: Result, standings: Sequence[Standing]) -> str:
    """Return what stands in one column; nothing where that kind of evidence was not asked for."""
    if kind == "float64":
        return _WORDS[result.verdict] if kind in run.kinds else ""
    for standing in standings:
        if standing.kind == kind:
            if standing.verdict is Verdict.PROVED_AT:
                return sizes(run, standing)
            return _WORDS[standing.verdict] + "*" * standing.in_part
    return ""


def sizes(run: Run, standing: Standing) -> str:
    """Return in a word or two the sizes at which an identity was shown: (4,4) and what is smaller, …."""
    regular = [name for name in standing.on if re.fullmatch(r"\(\d+,\d+\)", name)]
    return f"to {regular[-1]}" if regular else "its own" if run.complete else "at this size"


def _besides(standing: Standing) -> Iterator[str]:
    """Yield what is to be said of one kind of evidence besides its verdict."""
    if standing.in_part:
        yield from wrapped(f"* left to the reader: {standing.why}", "    ", "  ")
    elif standing.unexpected:
        yield from wrapped(f"! {standing.kind}: {standing.why}", "    ", "  ")
    if standing.verdict.passed and standing.kind in ("exact", "certified"):
        some = "" if len(standing.on) == standing.of else f" of {standing.of}"
        parts = [f"on {len(standing.on):,}{some}"]
        if standing.bits:
            parts.append(f"{standing.bits} bits at most")
        if standing.attained:
            many = "inequality" if standing.attained == 1 else "inequalities"
            parts.append(f"{standing.attained:,} {many} with sides that agree to 1e-30")
        if standing.fates:
            rejected, felt, declined = strongly_rejects(standing)
            parts.append(f"rejects {rejected} of {felt}{f', {declined} could not be put in' if declined else ''}")
        yield from wrapped(f"{standing.kind}: {', '.join(parts)}", "    ", "  ")


def _float_row(result: Result) -> Iterator[str]:
    worst, claim = result.worst, result.claim
    if result.verdict is Verdict.NOT_APPLICABLE:
        yield _COLUMNS.format(claim.id, "NOT APPLICABLE", "", "", len(result.outcomes) or "", "").rstrip()
        why = "no mistake makes a difference here" if result.outcomes else f"checked on {claim.checked_on}"
        yield from wrapped(f"({why})", "    ")
        return
    yield _COLUMNS.format(
        claim.id,
        result.verdict.name,
        f"{worst.residual:.1e}",
        f"{worst.bound:.1e}",
        len(result.outcomes),
        "{} of {}".format(*rejects(result)),
    )
    yield from _statement(claim)
    yield from _notes(result)


def _notes(result: Result) -> Iterator[str]:
    if result.slack is not None:
        attained = result.slack <= max(outcome.widest for outcome in result.outcomes)
        yield f"    smallest slack {'0, attained' if attained else f'{result.slack:.2g}'}"
    for what, numbers in measured(result).items():
        low, high = (f"{number:.6g}" for number in (min(numbers), max(numbers)))
        yield from wrapped(f"{what}: {low}{'' if low == high else f' to {high}'}", "    ")
    failing = [outcome for outcome in result.outcomes if not outcome.holds]
    if failing:
        first = failing[0]
        why = first.refusal or f"{first.where}: residual {first.residual:.3g}, bound {first.bound:.3g}"
        yield from wrapped(
            f"! fails on {len(failing)} of {len(result.outcomes)}, first on {first.instance}: {why}", "    "
        )
    for doubt in result.doubts():
        yield from wrapped(f"! {doubt}", "    ")
    if not result.complete:
        for fate, words in FATES.items():
            if names := result.named(fate):
                yield from wrapped(f"{words}: {', '.join(names)}", "    ")


def measured(result: Result) -> dict[str, list[float]]:
    """Return the numbers that nothing is judged by, under what they are."""
    found: dict[str, list[float]] = {}
    for outcome in result.outcomes:
        for item in outcome.measured:
            found.setdefault(item.what, []).append(item.number)
    return found


def attacked(found: Attacked) -> Iterator[str]:
    """Yield the lines of one attack on an inequality, with the tightest instance, in the order of ``to_vector()``."""
    yield from wrapped(f"attack on {found.claim}: {found.summary}")
    for name, table in (("rewards", found.instance.reward), ("other", found.instance.other)):
        yield from wrapped(f"{name}: {' '.join(f'{number:.4g}' for number in table.to_vector())}", "    ", "  ")


def summary(run: Run) -> Iterator[str]:
    """Yield the lines below the table."""
    tallies = counts(run)
    yield ""
    for verdict in Verdict:
        if any(found[verdict] for found in tallies.values()):
            word = _WORDS[verdict] if not run.of_floats_alone else verdict.name
            says = "it has no such evidence; --json says why" if word == "-" else verdict.value
            yield from wrapped(f"{word.replace('_', ' ')}: {says}.")
    if "induction" in run.kinds:
        yield from wrapped(
            "PROVED*: something is left to the reader, as said there. proofs-check proof CLAIM prints the proof, what "
            "was checked of it, and what is trusted."
        )
    if "exact" in run.kinds:
        near = "the same instances, with rational weights e^r near those of the floats" if run.complete else "weights"
        yield from wrapped(f"rationals: on {near}.")
    if "certified" in run.kinds:
        yield from wrapped("balls: on the very floats, or the weights where these are given.")
    if not (run.complete or run.of_floats_alone):
        yield from wrapped("On rewards of your own, mistakes are put in for float64 alone.")
    if "float64" in run.kinds:
        yield from wrapped(
            "residual: of all numbers compared, the one nearest to its bound, in nats. slack: of inequalities, the "
            "smallest distance between the sides."
        )
    if {"float64", "exact", "certified"} & set(run.kinds):
        yield from wrapped(
            "on: how many instances. rejects k of n: of the n mistakes that change what the claim compares here, put "
            "in one at a time, k make it fail."
        )
    if run.complete and not run.interrupted and len(run.claims) == sum(len(claims) for _, claims in PARTS):
        yield from _ledger(set(run.unexpected))
    yield ""
    yield from _tally(run)


def counts(run: Run) -> dict[str, Counter[Verdict]]:
    """Return how often each verdict was given, by kind of evidence."""
    found: dict[str, Counter[Verdict]] = {kind: Counter() for kind in run.kinds}
    for number in range(len(run.results)):
        for kind, verdict in run.verdicts(number).items():
            found[kind][verdict] += 1
    return found


def _tally(run: Run) -> Iterator[str]:
    n = len(run.results)
    if run.interrupted:
        where = "in the attacks, after" if run.finished else "after"
        yield from wrapped(f"PARTIAL: interrupted {where} {n} of {len(run.claims)} claims; what is above is finished.")
    claims = f"{n} {'claim' if n == 1 else 'claims'}"
    for kind, found in counts(run).items():
        tally = ", ".join(f"{found[each]} {each.name.replace('_', ' ')}" for each in Verdict if found[each])
        where = claims if run.of_floats_alone else f"{claims}, {kind}"
        yield f"{where}: {tally or 'none finished'}"
    missing = {each.why for standings in run.standings for each in standings if each.verdict is Verdict.NOT_RUN}
    for why in sorted(missing):
        yield from wrapped(f"Not run: {why}")
    if run.results and not (run.passed or run.unexpected):
        reasons = {each.why for standings in run.standings for each in standings if each.why} - missing
        yield from wrapped(f"No claim passed{': ' if reasons else ''}{'; '.join(sorted(reasons))}.")
    if run.disagreements:
        yield from wrapped(f"Kinds of evidence that disagree: {', '.join(run.disagreements)}.")
    if run.unexpected:
        yield from wrapped(f"Not as expected: {', '.join(run.unexpected)}.")
    elif run.planted is not None and not run.interrupted:
        yield from wrapped(f"{run.planted.name} makes no difference that a claim compares on these instances.")


def _ledger(unexpected: set[str]) -> Iterator[str]:
    reasons = [row for row in LEDGER if row.not_computable]
    failed = [row.id for row in LEDGER if unexpected & set(row.claims)]
    held = len(LEDGER) - len(reasons) - len(failed)
    others = f", {len(failed)} by claims that did not ({', '.join(failed)})" if failed else ""
    yield from wrapped(
        f"The paper's statements are {len(LEDGER)} rows of a ledger, each held by one claim or more: {held} rows by "
        f"claims that passed{others}; {len(reasons)} are NOT COMPUTABLE, have no claim, and count as nothing:"
    )
    for found in reasons:
        yield from wrapped(f"{found.id}: {found.not_computable}", "    ")


def certified(run: Run, folder: Path) -> Iterator[str]:
    """Yield what was written into the folder of certificates, and which verdicts have none."""
    count, files = sum(each.count for each in run.written), sum(len(each.paths) for each in run.written)
    what = f"{plural(count, 'certificate')} in {plural(files, 'file')}" if not run.interrupted else "Certificates"
    yield from wrapped(
        f"{what} in {folder}. python -m proofs_check.recheck {folder} checks them; so does the file "
        "proofs_check/recheck.py by itself, without this package."
    )
    without: dict[str, list[str]] = {}
    for each in run.written:
        for (claim, kind), why in each.without.items():
            without.setdefault(why, []).append(f"{claim} ({kind})")
    for why, verdicts in without.items():
        yield from wrapped(f"No certificate, since {why.removesuffix('.')}: {', '.join(verdicts)}.")


def verdict_lines(run: Run) -> Iterator[str]:
    """Yield the verdict alone, and what is not as expected: for --quiet."""
    for result, standings in zip(run.results, run.standings, strict=True):
        if result.claim.id in run.unexpected:
            yield from row(run, result, standings, heading=False)
    for found in run.attacks:
        if found.violated:
            yield from attacked(found)
    yield from _tally(run)
