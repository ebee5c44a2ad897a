"""What a person sees, and what a program reads."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from proofs_check.evidence import Fate, Mistake, Result, Verdict
from tabular_bellman import __version__

__all__ = ["PAPER", "SCHEMA_VERSION", "as_json", "header", "row", "summary"]

SCHEMA_VERSION: Final = 1
PAPER: Final = '"Autoregressive Language Models are Secretly Energy-Based Models", arXiv 2512.15605v4'
_COLUMNS: Final = "{:<15} {:<12} {:>9} {:>9} {:>9} {:>9} {:>7}  {}"

_FATES: Final = {
    Fate.SURVIVED: "! not rejected, though it changes what is compared",
    Fate.UNSEEN: "makes no difference to what is compared here",
    Fate.EQUIVALENT: "the same as the right thing here",
}


def header(source: str, n_instances: int, planted: Mistake | None) -> Iterator[str]:
    """Yield the lines above the table."""
    yield f"proofs-check {__version__}: {PAPER}"
    yield f"On {source}: {n_instances} {'instance' if n_instances == 1 else 'instances'}."
    if planted is not None:
        yield f"Planted in the code under test: {planted.name} ({planted.summary})."
    yield ""
    yield _COLUMNS.format("claim", "verdict", "worst", "derived", "instances", "finite", "-inf", "mistakes")
    yield _COLUMNS.format("", "", "residual", "bound", "", "numbers", "numbers", "rejected")


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
        f"{sum(outcome.live for outcome in result.outcomes):,}",
        f"{sum(outcome.forbidden for outcome in result.outcomes):,}",
        f"rejects {len(rejected)} of {len(rejected) + len(survived)}",
    ).rstrip()
    yield f"    {claim.place}: {claim.statement}"
    failing = [outcome for outcome in result.outcomes if not outcome.holds]
    if failing:
        first = failing[0]
        yield f"    ! fails on {len(failing)} of {len(result.outcomes)}, first on {first.instance}: " + (
            first.refusal or f"{first.where}: residual {first.residual:.3g}, bound {first.bound:.3g}"
        )
    for fate, words in _FATES.items():
        if names := result.named(fate):
            yield f"    {words}: {', '.join(names)}"


def summary(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines below the table."""
    counts = Counter(result.verdict for result in results)
    yield ""
    yield f"{len(results)} claims: " + ", ".join(f"{counts[verdict]} {verdict.name}" for verdict in counts)
    for verdict in Verdict:
        if counts[verdict]:
            yield f"{verdict.name}: {verdict.value}."
    failed = [result.claim.id for result in results if result.verdict is not Verdict.CHECKED]
    if failed:
        yield f"Not as expected: {', '.join(failed)}."


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
