"""What a person sees, and what a program reads."""

import json
import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from proofs_check.evidence import Claim, Fate, Mistake, Result, Verdict
from tabular_bellman import __version__

__all__ = ["PAPER", "SCHEMA_VERSION", "as_json", "header", "listing", "row", "summary"]

SCHEMA_VERSION: Final = 1
PAPER: Final = '"Autoregressive Language Models are Secretly Energy-Based Models", arXiv 2512.15605v4'
_COLUMNS: Final = "{:<15} {:<12} {:>14} {:>8} {:>9}  {}"
_WIDTH: Final = 80

_FATES: Final = {
    Fate.UNSEEN: "no difference to what is compared here",
    Fate.EQUIVALENT: "no difference here",
}


def _wrapped(text: str, indent: str = "", hanging: str = "    ") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent + hanging, break_on_hyphens=False
    )


def header(source: str, names: Sequence[str], planted: Mistake | None) -> Iterator[str]:
    """Yield the lines above the table."""
    yield from _wrapped(f"proofs-check {__version__}: {PAPER}")
    count = "1 instance" if len(names) == 1 else f"{len(names)} instances"
    yield from _wrapped(f"On {source}: {count}{': ' + ', '.join(names) if len(names) <= 2 else ''}.")
    if planted is not None:
        yield from _wrapped(f"Planted in the code under test: {planted.name} ({planted.summary}).")
    yield ""
    yield from _wrapped(
        "r rewards, R_r their sum along a response, A its log-partition; q = M(r) logits, V_q soft values; "
        "x prompt, y response, s prefix, s_T at the last step.",
        hanging="",
    )
    yield ""
    yield _COLUMNS.format("claim", "verdict", "worst residual", "bound", "instances", "mistakes")


def row(result: Result) -> Iterator[str]:
    """Yield the lines of one claim."""
    worst, claim = result.worst, result.claim
    rejected, survived = result.named(Fate.REJECTED), result.named(Fate.SURVIVED)
    yield _COLUMNS.format(
        claim.id,
        result.verdict.name,
        f"{worst.residual:.1e}",
        f"{worst.bound:.1e}",
        len(result.outcomes),
        f"rejects {len(rejected)} of {len(rejected) + len(survived)}",
    )
    live, forbidden = (sum(getattr(o, name) for o in result.outcomes) for name in ("live", "forbidden"))
    yield f"    {claim.statement}"
    yield from _wrapped(f"({claim.place}; {live:,} live numbers, {forbidden:,} times -inf)", "    ", "")
    failing = [outcome for outcome in result.outcomes if not outcome.holds]
    if failing:
        first = failing[0]
        why = first.refusal or f"{first.where}: residual {first.residual:.3g}, bound {first.bound:.3g}"
        yield from _wrapped(
            f"! fails on {len(failing)} of {len(result.outcomes)}, first on {first.instance}: {why}", "    "
        )
    for doubt in result.doubts():
        yield from _wrapped(f"! {doubt}", "    ")
    for fate, words in _FATES.items():
        if names := result.named(fate):
            yield from _wrapped(f"{words}: {', '.join(names)}", "    ")


def summary(results: Sequence[Result], planted: Mistake | None) -> Iterator[str]:
    """Yield the lines below the table."""
    counts = Counter(result.verdict for result in results)
    yield ""
    yield f"{len(results)} claims: " + ", ".join(f"{counts[verdict]} {verdict.name}" for verdict in counts)
    for verdict in Verdict:
        if counts[verdict]:
            yield from _wrapped(f"{verdict.name}: {verdict.value}.")
    yield from _wrapped(
        "worst residual: of all numbers compared, the one nearest to its bound, in nats. -inf: required on both sides. "
        "rejects k of k: of the k mistakes that change what the claim compares here, when put into the code."
    )
    failed = [result.claim.id for result in results if result.verdict is not Verdict.CHECKED]
    if failed:
        yield from _wrapped(f"Not as expected: {', '.join(failed)}.")
    elif planted is not None:
        yield from _wrapped(f"{planted.name} makes no difference that a claim compares on these instances.")


def listing(claims: Sequence[Claim], mistakes: Sequence[Mistake]) -> Iterator[str]:
    """Yield every claim, and every mistake with the claims that must reject it."""
    yield "Claims"
    for claim in claims:
        yield f"  {claim.id}"
        for text in (claim.statement, f"({claim.place}; {claim.hypotheses})"):
            yield from _wrapped(text, "      ", "")
    yield ""
    yield "Mistakes, for --plant, and the claims that must reject them"
    for mistake in mistakes:
        yield f"  {mistake.name}"
        yield from _wrapped(mistake.summary, "      ", "")
        yield from _wrapped(f"({', '.join(claim.id for claim in claims if mistake in claim.mistakes)})", "      ", "")


def as_json(source: str, seed: int, planted: Mistake | None, results: Sequence[Result]) -> str:
    """Return one JSON document; numbers that are not finite are strings."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": "proofs-check",
        "version": __version__,
        "paper": "arXiv:2512.15605v4",
        "source": source,
        "seed": seed,
        "planted": None if planted is None else planted.name,
        "ok": all(result.verdict is Verdict.CHECKED for result in results),
        "claims": [_claim(result) for result in results],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def _claim(result: Result) -> dict[str, Any]:
    worst = result.worst
    return {
        "id": result.claim.id,
        "place": result.claim.place,
        "statement": result.claim.statement,
        "hypotheses": result.claim.hypotheses,
        "verdict": result.verdict.name,
        "residual": _number(worst.residual),
        "bound": _number(worst.bound),
        "worst_instance": worst.instance,
        "worst_comparison": worst.where,
        "refusal": worst.refusal or None,
        "mistakes": {
            "rejected": result.named(Fate.REJECTED),
            "survived": result.named(Fate.SURVIVED),
            "unseen_here": result.named(Fate.UNSEEN),
            "equivalent_here": result.named(Fate.EQUIVALENT),
        },
        "outcomes": [
            {
                "instance": outcome.instance,
                "holds": outcome.holds,
                "residual": _number(outcome.residual),
                "bound": _number(outcome.bound),
                "finite_numbers": outcome.live,
                "minus_infinities": outcome.forbidden,
            }
            for outcome in result.outcomes
        ],
    }


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
