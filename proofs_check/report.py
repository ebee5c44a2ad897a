"""What a person sees of a run."""

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Final

from proofs_check.attack import Attacked
from proofs_check.claims import PARTS
from proofs_check.evidence import Fate, Result, Verdict
from proofs_check.ledger import LEDGER
from proofs_check.running import Run
from tabular_bellman import __version__

__all__ = ["attacked", "header", "row", "summary", "verdict_lines", "wrapped"]

_PAPER: Final = '"Autoregressive Language Models are Secretly Energy-Based Models", arXiv 2512.15605v4'
_COLUMNS: Final = "{:<18} {:<14} {:>8} {:>8} {:>4}  {}"
_WIDTH: Final = 80

_FATES: Final = {
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
    yield from wrapped(f"proofs-check {__version__}: {_PAPER}")
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
    yield _COLUMNS.format("claim", "verdict", "residual", "bound", "on", "rejects")


def row(result: Result, heading: bool = True) -> Iterator[str]:
    """Yield the lines of one claim; above the first of a part of the paper, its heading."""
    worst, claim = result.worst, result.claim
    if heading:
        yield from (title for title, claims in PARTS if claims[0] is claim)
    if result.verdict is Verdict.NOT_APPLICABLE:
        yield _COLUMNS.format(claim.id, "NOT APPLICABLE", "", "", len(result.outcomes) or "", "").rstrip()
        why = "no mistake makes a difference here" if result.outcomes else f"checked on {claim.checked_on}"
        yield from wrapped(f"({why})", "    ")
        return
    rejected, survived = result.named(Fate.REJECTED), result.named(Fate.SURVIVED)
    of = len(result.fates) if result.complete else len(rejected) + len(survived)
    yield _COLUMNS.format(
        claim.id,
        result.verdict.name,
        f"{worst.residual:.1e}",
        f"{worst.bound:.1e}",
        len(result.outcomes),
        f"{len(rejected)} of {of}",
    )
    reads = f"  [{', '.join(claim.errata)}]" if claim.errata else ""
    yield from wrapped(claim.statement + reads, "    ", "  ")
    if result.slack is not None:
        attained = result.slack <= max(outcome.widest for outcome in result.outcomes)
        yield f"    smallest slack {'0, attained' if attained else f'{result.slack:.2g}'}"
    for what, numbers in _measured(result).items():
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
        for fate, words in _FATES.items():
            if names := result.named(fate):
                yield from wrapped(f"{words}: {', '.join(names)}", "    ")


def _measured(result: Result) -> dict[str, list[float]]:
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
    counts = Counter(result.verdict for result in run.results)
    yield ""
    for verdict in Verdict:
        if counts[verdict]:
            yield from wrapped(f"{verdict.name.replace('_', ' ')}: {verdict.value}.")
    yield from wrapped(
        "residual: of all numbers compared, the one nearest to its bound, in nats. on: how many instances. "
        "rejects k of n: of the n mistakes that change what the claim compares here, put in one at a time, k make it "
        "fail. slack: of inequalities, the smallest distance between the sides."
    )
    if run.complete and not run.interrupted and len(run.claims) == sum(len(claims) for _, claims in PARTS):
        yield from _ledger(set(run.unexpected))
    yield ""
    yield from _tally(run)


def _tally(run: Run) -> Iterator[str]:
    counts = Counter(result.verdict for result in run.results)
    n = len(run.results)
    if run.interrupted:
        where = "in the attacks, after" if run.finished else "after"
        yield from wrapped(f"PARTIAL: interrupted {where} {n} of {len(run.claims)} claims; what is above is finished.")
    tally = ", ".join(f"{counts[verdict]} {verdict.name.replace('_', ' ')}" for verdict in counts)
    yield f"{n} {'claim' if n == 1 else 'claims'}: {tally or 'none finished'}"
    if run.unexpected:
        yield from wrapped(f"Not as expected: {', '.join(run.unexpected)}.")
    elif run.planted is not None and not run.interrupted:
        yield from wrapped(f"{run.planted.name} makes no difference that a claim compares on these instances.")


def _ledger(unexpected: set[str]) -> Iterator[str]:
    reasons = [row for row in LEDGER if row.not_computable]
    failed = [row.id for row in LEDGER if unexpected & set(row.claims)]
    others = f", {len(failed)} by claims that did not ({', '.join(failed)})" if failed else ""
    yield from wrapped(
        f"Of {len(LEDGER)} rows of the ledger {len(LEDGER) - len(reasons) - len(failed)} are held by claims that "
        f"passed{others}; {len(reasons)} are NOT COMPUTABLE, and count as nothing:"
    )
    for found in reasons:
        yield from wrapped(f"{found.id}: {found.not_computable}", "    ")


def verdict_lines(run: Run) -> Iterator[str]:
    """Yield the verdict alone, and what is not as expected: for --quiet."""
    for result in run.results:
        if result.claim.id in run.unexpected:
            yield from row(result, heading=False)
    for found in run.attacks:
        if found.violated:
            yield from attacked(found)
    yield from _tally(run)
