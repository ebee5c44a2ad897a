"""The kill matrix of evidence that does not round: every mistake that a claim names, at every strength that it has."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proofs_check.claim import Claim
from proofs_check.claims import CLAIMS
from proofs_check.induction import PROOFS, perturbed
from proofs_check.instances import built_in
from proofs_check.pieces import alone
from proofs_check.strengths import Strength, instances_for, judge, sees_1e_20, unavailable
from tabular_bellman.parallel import Workers

__all__ = ["StrongMatrix", "compute", "lines"]

_LETTERS: Final = {"rejected": "X", "the same": "=", "declined": "d", "survived": "o"}
_FEW_PAIRS: Final = 30
_WIDTH: Final = 80


@dataclass(frozen=True)
class StrongMatrix:
    """What became of what must fail, at each strength.

    Attributes
    ----------
    fates : dict of (claim id, Strength) to dict of name to fate
        Of claims that have evidence of that strength.
    tiny : dict of (claim id, Strength) to dict of function to fate
        Of relative changes of 1e-20 in what a function returns.
    proofs : dict of theorem name to (planted, rejected, true variants)
        Of errors planted in proofs by induction; each variant with why it is true after all.
    not_run : dict of Strength to str
        Why there is none of that strength.
    """

    fates: dict[tuple[str, Strength], dict[str, str]]
    tiny: dict[tuple[str, Strength], dict[str, str]]
    proofs: dict[str, tuple[int, int, list[str]]]
    not_run: dict[Strength, str]

    @property
    def unexpected(self) -> list[str]:
        """What should not be: something that makes a difference and is not rejected."""
        found = [
            f"{claim} at {strength.value}: {name} survived"
            for (claim, strength), fates in self.fates.items()
            for name, fate in fates.items()
            if fate == "survived"
        ]
        return found + [
            f"the proof of {name}: {planted - rejected - len(variants)} planted errors stand"
            for name, (planted, rejected, variants) in self.proofs.items()
            if planted != rejected + len(variants)
        ]


def compute(kinds: Sequence[str], workers: Workers | None = None) -> StrongMatrix:
    """Fill the matrix for these kinds of evidence, on the small built-in instances and on the claims' own.

    `workers` take a claim at one strength each, or a proof.
    """
    asked = [strength for strength in Strength if strength.value in kinds]
    not_run = {strength: why for strength in asked if (why := unavailable(strength))}
    calls: list[tuple[Any, ...]] = [
        (_of, claim.id, strength) for strength in asked if strength not in not_run for claim in CLAIMS
    ]
    if "induction" in kinds:
        calls += [(_planted_in_proof, name) for name in PROOFS]
    fates: dict[tuple[str, Strength], dict[str, str]] = {}
    tiny: dict[tuple[str, Strength], dict[str, str]] = {}
    proofs: dict[str, tuple[int, int, list[str]]] = {}
    results = (workers or Workers()).map(alone, calls, what="claim or proof")
    for (_, name, *strength), found in zip(calls, results, strict=True):
        if not strength:
            proofs[name] = found
        elif found is not None:
            fates[name, *strength], seen = found
            if seen is not None:
                tiny[name, *strength] = seen
    return StrongMatrix(fates, tiny, proofs, not_run)


def _of(name: str, strength: Strength) -> tuple[dict[str, str], dict[str, str] | None] | None:
    """Return the fates in one claim at one strength, and of tiny changes; None where it has no such evidence."""
    claim = next(claim for claim in CLAIMS if claim.id == name)
    chosen = instances_for(claim, strength, list(built_in(0, "quick")), complete=True)
    # Not the pairs that are there by the thousand.
    chosen = [each for each in chosen if each.second is None or claim.own]
    evidence = judge(claim, strength, chosen)
    if not evidence.verdict.passed or evidence.fates is None:
        return None
    few = [each for each in chosen if each.space.n_pairs <= _FEW_PAIRS]
    return evidence.fates, None if strength is Strength.SYMBOLIC else sees_1e_20(claim, strength, few)


def _planted_in_proof(name: str) -> tuple[int, int, list[str]]:
    """Return how many errors are planted in a proof, how many are rejected, and which are true after all."""
    planted = rejected = 0
    variants = list[str]()
    for error in perturbed(name):
        planted += 1
        if error.true_because:
            variants.append(f"{error.name}: {error.true_because}")
        else:
            rejected += not error.check().proved
    return planted, rejected, variants


def lines(found: StrongMatrix) -> Iterator[str]:
    """Yield the matrix as text, at most 80 columns wide."""
    strengths = [each for each in Strength if any(strength is each for _, strength in found.fates)]
    if strengths:
        yield "X rejected   = no difference in these numbers   d declined, as said below"
        yield "o makes a difference, and the claim holds all the same"
        yield f"Columns: {', '.join(each.value for each in strengths)}; a blank where the claim has no such evidence"
        for claim in CLAIMS:
            yield from _block(claim, found, strengths)
        yield ""
        yield from _reasons(found)
        yield ""
    for strength in strengths:
        yield from _tally(strength, found)
    for strength, why in found.not_run.items():
        yield from _filled(f"{strength.value}: not run: {why}", "")
    if found.proofs:
        planted, rejected, variants = zip(*found.proofs.values(), strict=True)
        yield f"induction: {sum(planted):,} errors planted in {len(found.proofs)} proofs (in definitions, facts,"
        yield f"  statements, links, citations): {sum(rejected):,} rejected; {sum(map(len, variants))} true after all"
        for name, (_, _, true) in found.proofs.items():
            for variant in true:
                yield from _filled(f"{name}: {variant}", "    ")
    yield from found.unexpected


def _block(claim: Claim, found: StrongMatrix, strengths: Sequence[Strength]) -> Iterator[str]:
    tables = [found.fates.get((claim.id, strength)) for strength in strengths]
    if not any(tables):
        return
    yield ""
    yield claim.id
    cells = [
        "".join(" " if table is None else _letter(table[wrong.name]) for table in tables) + f" {wrong.name}"
        for wrong in claim.rejects
    ]
    half = (len(cells) + 1) // 2
    for left, right in zip(cells[:half], [*cells[half:], ""], strict=False):
        yield f"  {left:<38}{right}".rstrip()


def _letter(fate: str) -> str:
    return _LETTERS[fate.partition(":")[0]]


def _reasons(found: StrongMatrix) -> Iterator[str]:
    """Yield why mistakes were declined: each reason, and how often."""
    counts: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str], dict[str, None]] = {}
    for (_, strength), fates in found.fates.items():
        for name, fate in fates.items():
            fate, _, why = fate.partition(": ")
            if fate == "declined":
                reason = strength.value, _general(why)
                counts[reason] += 1
                names.setdefault(reason, {})[name] = None
    yield "Declined: it has no form in these numbers; where it has one, nothing differs"
    for (kind, why), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1])):
        yield from _filled(f"{kind}, {count}: {why}", "  ")
        yield from _filled(", ".join(names[kind, why]), "      ")


def _general(why: str) -> str:
    """Return a reason without the numbers and the comparison that it is about."""
    for words in ("about floats", "no one sign", "is not rational", "two logarithms", "no exact value", "no rational"):
        if words in why:
            return _GENERAL[words]
    return re.sub(r"[0-9/]+", "#", why.rpartition(": ")[2]).removesuffix(".")


_GENERAL: Final = {
    "about floats": "it is about casts, clips or NaN of floats",
    "no one sign": "which of two functions is larger is no identity",
    "is not rational": "a root that is not rational",
    "two logarithms": "a product of two logarithms",
    "no exact value": "the exponential of a rational, or the quotient by a logarithm",
    "no rational": "a root, or a power, that is no rational function",
}


def _filled(text: str, indent: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _tally(strength: Strength, found: StrongMatrix) -> Iterator[str]:
    fates = [table for (_, each), table in found.fates.items() if each is strength]
    counts = Counter(fate.partition(":")[0] for table in fates for fate in table.values())
    parts = ", ".join(f"{counts[fate]:,} {fate}" for fate in _LETTERS if counts[fate])
    yield f"{strength.value}: {len(fates)} claims; of {sum(counts.values()):,} things that must fail: {parts}"
    tiny = {claim: table for (claim, each), table in found.tiny.items() if each is strength}
    quiet = {claim: [name for name, fate in table.items() if fate != "rejected"] for claim, table in tiny.items()}
    if tiny:
        n, unseen = sum(map(len, tiny.values())), sum(map(len, quiet.values()))
        yield f"  a relative change of 1e-20 in what a function returns: {n - unseen} of {n} are seen;"
        yield "  not seen, since an inequality has room for it or both sides change alike:"
        yield from _filled(
            "; ".join(f"{claim} ({', '.join(names)})" for claim, names in quiet.items() if names), "    "
        )
