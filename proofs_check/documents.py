"""What a program reads of a run: one JSON document, and a JUnit file."""

import json
import math
import xml.etree.ElementTree as ElementTree
from importlib import resources
from pathlib import Path
from typing import Any, Final

from proofs_check.claim import Claim
from proofs_check.evidence import Fate, Outcome, Result
from proofs_check.files import printable, write_whole
from proofs_check.ledger import LEDGER
from proofs_check.running import Run
from proofs_check.standing import Standing
from tabular_bellman import __version__

__all__ = ["SCHEMA_VERSION", "as_document", "as_json", "schema", "write_junit"]

SCHEMA_VERSION: Final = 3


def schema() -> str:
    """Return the JSON Schema of the document, as shipped."""
    return resources.files("proofs_check").joinpath("schema.json").read_text(encoding="utf-8")


def as_json(run: Run) -> str:
    """Return one JSON document; numbers that are not finite are strings.

    It holds no times: the same request gives the same bytes.
    """
    return json.dumps(as_document(run), indent=2, ensure_ascii=False, allow_nan=False)


def as_document(run: Run) -> dict[str, Any]:
    """Return what the JSON document holds."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": "proofs-check",
        "version": __version__,
        "paper": "arXiv:2512.15605v4",
        "source": run.source,
        "seed": run.seed,
        "effort": run.effort,
        "planted": None if run.planted is None else run.planted.name,
        "evidence": list(run.kinds),
        "ok": run.as_expected,
        "partial": run.interrupted,
        "claims_asked_for": [claim.id for claim in run.claims],
        "claims": [_claim(run, number) for number in range(len(run.results))],
        "attacks": [_numbers(attack.as_dict()) for attack in run.attacks],
        "ledger": [
            {
                "row": row.id,
                "place": row.place,
                "claims": list(row.claims),
                "not_computable": row.not_computable or None,
            }
            for row in LEDGER
        ],
    }


def _claim(run: Run, number: int) -> dict[str, Any]:
    result = run.results[number]
    document = _described(result.claim) | {"evidence": [_standing(each) for each in run.standings[number]]}
    return document | _float64(result) if "float64" in run.kinds else document


def _described(claim: Claim) -> dict[str, Any]:
    return {
        "id": claim.id,
        "place": claim.place,
        "statement": claim.statement,
        "latex": claim.latex,
        "hypotheses": claim.hypotheses,
        "routes": list(claim.routes),
        "reads_with": list(claim.errata),
    }


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "kind": standing.kind,
        "about": "the statement" if standing.kind in ("symbolic", "induction") else "this code, these inputs",
        "verdict": standing.verdict.name,
        "on": list(standing.on),
        "tried": standing.of,
        "why": standing.why or None,
        "bits": standing.bits or None,
        "attained_inequalities": standing.attained,
        "mistakes": dict(standing.fates),
    }


def _float64(result: Result) -> dict[str, Any]:
    worst = result.worst
    return {
        "verdict": result.verdict.name,
        "doubts": result.doubts() if result.outcomes else [],
        "residual": _number(worst.residual),
        "bound": _number(worst.bound),
        "worst_instance": worst.instance,
        "worst_comparison": worst.where,
        "slack": None if result.slack is None else _number(result.slack),
        "refusal": worst.refusal or None,
        "mistakes": {
            "rejected": result.named(Fate.REJECTED),
            "survived": result.named(Fate.SURVIVED),
            "unseen_here": result.named(Fate.UNSEEN),
            "equivalent_here": result.named(Fate.EQUIVALENT),
            "unused_here": result.named(Fate.UNUSED),
        },
        "outcomes": [_outcome(outcome) for outcome in result.outcomes],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "instance": outcome.instance,
        "holds": outcome.holds,
        "residual": _number(outcome.residual),
        "bound": _number(outcome.bound),
        "exact": outcome.exact,
        "finite_numbers": outcome.live,
        "minus_infinities": outcome.forbidden,
        "measured": {item.what: _number(item.number) for item in outcome.measured},
    }


def _numbers(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: _number(value) if isinstance(value, float) else value for name, value in plain.items()}


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def write_junit(run: Run, path: Path) -> None:
    """Write one test case for each claim asked for and each row that cannot be computed.

    The file appears whole or not at all.

    Raises
    ------
    TabularBellmanError
        Where it cannot be written.
    """
    suite = ElementTree.Element("testsuite", name="proofs-check")
    done = {result.claim.id: number for number, result in enumerate(run.results)}
    counts = dict.fromkeys(("tests", "failures", "skipped", "errors"), 0)
    for claim in run.claims:
        _case(suite, counts, claim.id, *_judgement(run, done.get(claim.id), claim.id in run.unexpected))
    for row in LEDGER:
        if row.not_computable:
            _case(suite, counts, row.id, "skipped", f"NOT COMPUTABLE: {row.not_computable}")
    if run.interrupted:
        _case(suite, counts, "the whole run", "error", "PARTIAL: the run was interrupted")
    suite.attrib.update({name: str(count) for name, count in counts.items()})
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)
    write_whole("--junit", path, text + "\n")


def _judgement(run: Run, number: int | None, unexpected: bool) -> tuple[str, str]:
    if number is None:
        return "skipped", "NOT RUN: the run was interrupted"
    result, verdicts = run.results[number], run.verdicts(number)
    if unexpected:
        reasons = [f"{each.kind}: {each.verdict.name}, {each.why}" for each in run.standings[number] if each.unexpected]
        if "float64" in verdicts and result.verdict.unexpected:
            worst = result.worst
            where = f"{worst.where} on {worst.instance}: residual {worst.residual:.3g}, bound {worst.bound:.3g}"
            why = result.broken or worst.refusal or where
            reasons = [result.verdict.name, why, *result.doubts(), *reasons]
        return "failure", "; ".join(reasons)
    if not any(verdict.passed for verdict in verdicts.values()):
        words = [f"{verdict.name.replace('_', ' ')}: {verdict.value}" for verdict in dict.fromkeys(verdicts.values())]
        return "skipped", "; ".join(words)
    return "", ""


def _case(suite: ElementTree.Element, counts: dict[str, int], name: str, kind: str, message: str) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname="proofs-check", name=name)
    counts["tests"] += 1
    if kind:
        ElementTree.SubElement(case, kind, message=printable(message))
        counts[{"failure": "failures", "error": "errors"}.get(kind, kind)] += 1
