"""Certificates: what a sceptic needs to check a verdict without this package (`recheck`, which says the format)."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import isfinite, isnan
from pathlib import Path
from typing import Any, Final

import numpy as np

from proofs_check import recheck
from proofs_check.arithmetic.ball import Ball, precision
from proofs_check.arithmetic.element import rational
from proofs_check.arithmetic.exact import Exact
from proofs_check.arithmetic.log import Log
from proofs_check.arithmetic.systems import simplest
from proofs_check.claim import Claim
from proofs_check.evidence import Verdict
from proofs_check.instances import Instance
from proofs_check.kits import certified_toolkit, exact_toolkit
from proofs_check.strengths import Evidence, Finding, Side, Strength, findings_of
from tabular_bellman import SequenceSpace, TabularBellmanError

__all__ = ["Certificate", "Made", "Written", "certificates", "made", "part", "write"]

_TABLES: Final = ("other", "direction", "potential", "prompt_weights")  # besides the rewards


class NoCertificate(Exception):
    """Why there is none."""


Certificate = dict[str, Any]
"""As `recheck` reads it; it travels between processes, as the numbers that it is made of do not."""


@dataclass(frozen=True)
class Made:
    """The certificates of one verdict.

    Attributes
    ----------
    name : tuple of str
        The claim's id, and the strength.
    certificates : list of dict
    why : str
        Why there are none, where a verdict would have some.
    """

    name: tuple[str, str]
    certificates: list[Certificate]
    why: str = ""


@dataclass(frozen=True)
class Written:
    """What was written, and what was not.

    Attributes
    ----------
    paths : list of Path
    count : int
        How many certificates these files hold.
    without : dict
        Of each verdict (claim's id, strength) that has none, why.
    """

    paths: list[Path] = field(default_factory=list)
    count: int = 0
    without: dict[tuple[str, str], str] = field(default_factory=dict)


def write(folder: Path, made: Iterable[Made]) -> Written:
    """Write the certificates of each verdict into a folder, one file for each claim and strength.

    A file is there whole or not at all; one of an earlier run, of a verdict that has no certificate now, is removed.

    Raises
    ------
    TabularBellmanError
        Where the folder cannot be written.
    """
    written, count = Written(), 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in made:
            path = folder / f"{'.'.join(each.name)}.json"
            if each.why:
                written.without[each.name] = each.why
            if not each.certificates:
                path.unlink(missing_ok=True)
                continue
            beside = path.with_name(f"{path.name}.{os.getpid()}.part")
            try:
                with _long_integers():
                    beside.write_text(f"[{','.join(map(_pretty, each.certificates))}\n]\n", encoding="utf-8")
                os.replace(beside, path)
            finally:
                beside.unlink(missing_ok=True)
            written.paths.append(path)
            count += len(each.certificates)
    except OSError as error:
        raise TabularBellmanError(f"{folder}: certificates cannot be written there ({error.strerror}).") from None
    return replace(written, count=count)


def made(evidence: Evidence, parts: Sequence[Certificate | str] | None = None) -> Made:
    """Return the certificates of one claim at one strength, or why it has none; `parts` as in `certificates`."""
    name = (evidence.claim.id, evidence.strength.value)
    try:
        return Made(name, certificates(evidence, parts))
    except NoCertificate as why:
        return Made(name, [], str(why))


def certificates(evidence: Evidence, parts: Sequence[Certificate | str] | None = None) -> list[Certificate]:
    """Return the certificates of one claim at one strength: of each finding that its verdict rests on.

    None for a verdict that there are no certificates for: NOT APPLICABLE, say, or a proof for symbols.

    Parameters
    ----------
    evidence : Evidence
    parts : sequence, optional
        What `part` returns of each of its findings, where that is known.

    Raises
    ------
    NoCertificate
        Where the verdict is EXACT, CERTIFIED or REFUTED and still has none, with the reason.
    """
    claim, strength, verdict = evidence.claim, evidence.strength, evidence.verdict
    if strength is Strength.SYMBOLIC or verdict not in (Verdict.EXACT, Verdict.CERTIFIED, Verdict.REFUTED):
        return []
    refuted = verdict is Verdict.REFUTED
    found, reasons = list[Certificate](), list[str]()
    for number, finding in enumerate(evidence.findings):
        if finding.failed if refuted else finding.complete:
            one = part(claim, strength, finding) if parts is None else parts[number]
            if not isinstance(one, str):
                found.append(one)
            elif refuted:
                reasons.append(one)
            else:
                raise NoCertificate(one)
    if not found:
        raise NoCertificate(reasons[-1])
    return found


def part(claim: Claim, strength: Strength, found: Finding) -> Certificate | str:
    """Return the certificate of a finding that holds or fails, or why it has none."""
    if claim.id not in recheck.DEFINITIONS:
        return recheck.NO_DEFINITION.get(claim.id, "proofs_check/recheck.py has no definition of it")
    try:
        with _long_integers():
            if found.failed:
                return _refutation(claim, strength, found)
            return _certificate(claim, strength, found, strength.verdict.name) if found.complete else "undecided"
    except NoCertificate as why:
        return str(why)


def _certificate(claim: Claim, strength: Strength, found: Finding, verdict: str) -> Certificate:
    used, made = _used(claim, strength, found)
    return {
        "format": 1,
        "claim": claim.id,
        "verdict": verdict,
        "strength": strength.value,
        "bits": found.bits,
        "instance": _instance(found.instance, strength, used) | made,
        "comparisons": [_comparison(side) for side in found.sides],
    }


def _refutation(claim: Claim, strength: Strength, found: Finding) -> Certificate:
    """Return the certificate of the comparison that failed, with the side that is not the statement's."""
    if not found.sides or found.sides[-1].holds:
        raise NoCertificate(f"nothing to compare: {found.failed}")
    at, failed = len(found.sides) - 1, found.sides[-1]
    # The statement as it is, over the toolkit as it is.
    right = next(findings_of(claim.body, strength, [found.instance], bits=found.bits))
    if len(right.sides) <= at:
        raise NoCertificate("what it should have been is not decided")
    should = _comparison(right.sides[at])
    differ = [side for side in ("left", "right") if should[side] != _comparison(failed)[side]]
    if len(differ) == 2:
        raise NoCertificate("both sides are wrong, so that there is nothing to compare them with")
    if not differ and failed.relation == "differs":
        raise NoCertificate("that two sides differ is said of some instances, and not refuted by one")
    return {
        **_certificate(claim, strength, replace(found, sides=(failed,)), "REFUTED"),
        "at": at,
        "wrong": "".join(differ),
    }


# -- the instance ------------------------------------------------------------------------------------------------------


def _used(claim: Claim, strength: Strength, found: Finding) -> tuple[list[str], dict[str, list[list[Any]]]]:
    """Return which tables the body asks for, and what it lifts or makes into numbers, by running it once more."""
    exact, instance = strength is Strength.EXACT, found.instance
    made: dict[str, list[list[Any]]] = {"lifted": [], "numbers": []}

    def recorded(function: Callable[[Any], Any], kind: str) -> Callable[[Any], Any]:
        def called(x: Any) -> Any:
            result, lifted = function(x), kind == "lifted"
            floats = np.ravel(np.asarray(x, dtype=np.float64)).tolist()
            told = np.ravel(result).tolist() if exact else [_of_float(each, instance, lifted) for each in floats]
            made[kind].append([_number(each) for each in told])
            return result

        return called

    fresh = replace(instance)  # its tables are not there until they are asked for
    with nullcontext() if exact else precision(found.bits):
        kit = exact_toolkit(instance) if exact else certified_toolkit(instance)
        if claim.id in recheck.MADE:
            kit = replace(kit, lift=recorded(kit.lift, "lifted"), number=recorded(kit.number, "numbers"))
        with suppress(TabularBellmanError):  # what follows a refutation may be declined
            for _ in claim.body(kit, fresh):
                pass
    told = {kind: made[kind] for kind in recheck.MADE.get(claim.id, ())}
    return [name for name in _TABLES if name in vars(fresh)], told


def _of_float(x: float, instance: Instance, is_log: bool) -> Any:
    """Return what a float stands for among balls: itself, or the logarithm of a rational weight."""
    return _LogOf(instance.weights[x]) if is_log and x in instance.weights else x


@dataclass(frozen=True)
class _LogOf:
    weight: Fraction


def _instance(instance: Instance, strength: Strength, used: Sequence[str]) -> dict[str, Any]:
    space = instance.space
    # As an action null is EOS.
    vocab = ["None" if token is None else _token(token) for token in space.vocab]
    lift = exact_toolkit(instance).lift

    def value(x: float) -> Any:
        lifted: Any = lift(np.array(x))[()] if strength is Strength.EXACT else _of_float(x, instance, True)
        return _number(lifted)

    tables: dict[str, Any] = {}
    for name in ("reward", *used):
        table = getattr(instance, name)
        if name == "prompt_weights":
            tables[name] = [_number(x) for x in table.tolist()]
            continue
        tables[name] = [
            [*place, value(x)]
            for t, level in enumerate(table.levels)
            for place, x in zip(_places(space, t, np.ndim(level) == 2, vocab), np.ravel(level).tolist(), strict=True)
        ]
    found: dict[str, Any] = {
        "name": instance.name,
        "vocab": vocab,
        "prompts": [_token(prompt) for prompt in space.prompts],
        "min_length": space.min_length,
        "max_length": space.max_length,
        "ends_with_eos": space.has_eos,
        "temperature": str(simplest(instance.temperature)),
        "tables": tables,
    }
    if instance.second is not None:
        found["other_is_given"] = True
    return found


def _places(space: SequenceSpace, t: int, pairs: bool, vocab: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield (prompt, prefix) or (prompt, prefix, action) in the order of storage."""
    known = dict(zip(space.vocab, vocab, strict=True))
    for action in space.actions(t) if pairs else [None]:
        for index in range(space.n_prefixes_at(t)):
            prompt, prefix = space.prefix_at(t, index)
            place = [_token(prompt), [known[token] for token in prefix]]
            yield [*place, known.get(action)] if pairs else place  # EOS is no token


def _token(x: Any) -> Any:
    """Return a token or a prompt as JSON has it; what it has no form for, by its name."""
    if isinstance(x, tuple):
        return [_token(part) for part in x]
    return x if x is None or isinstance(x, (str, int, float)) else repr(x)


# -- numbers -----------------------------------------------------------------------------------------------------------


def _comparison(side: Side) -> dict[str, Any]:
    sides = {"left": [_number(x) for x in side.left], "right": [_number(x) for x in side.right]}
    return {"what": side.what, "relation": side.relation, **sides}


def _number(x: Any) -> Any:
    """Return a number of any system in the form that certificates have for it."""
    if isinstance(x, _LogOf):
        return {"log": _rational(x.weight)} if x.weight else "-inf"
    if isinstance(x, Log):
        return {"log": _number(x.weight)} if x.is_finite else "-inf"
    if isinstance(x, Exact):
        if not x.logs:
            return _rational(x.constant)
        logs = [[_rational(factor), _rational(a)] for a, factor in x.logs.items() if factor]
        return {"constant": _rational(x.constant), "logs": logs}
    if isinstance(x, Ball):
        return _number(x.value)
    if hasattr(x, "mid"):
        if not x.is_finite():
            raise NoCertificate("a side is not a number")
        parts = (x.mid().man_exp(), x.rad().man_exp())
        return {name: [int(k) for k in part] for name, part in zip(("mid", "rad"), parts, strict=True)}
    if isinstance(x, float) and not isfinite(x):
        if isnan(x):
            raise NoCertificate("a side is not a number")
        return "inf" if x > 0 else "-inf"
    return _rational(x if isinstance(x, Fraction) else rational(x))


def _rational(x: Any) -> str:
    text = str(x)
    if len(text) > recheck.MOST_CHARACTERS:
        raise NoCertificate("a number has too many digits")
    return text


@contextmanager
def _long_integers() -> Iterator[None]:
    """Let integers of any length be written: a product of weights has thousands of digits."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


def _pretty(certificate: Mapping[str, Any]) -> str:
    """Return a certificate as text, with a line for each part that is worth one."""

    def text(x: Any) -> str:
        return json.dumps(x, ensure_ascii=False)

    def block(opening: str, parts: Iterable[str], closing: str) -> str:
        return opening + ",".join(f"\n{part}" for part in parts) + closing

    instance = dict(certificate["instance"])
    tables = instance.pop("tables")
    lines = [f" {text(key)}: {text(x)}" for key, x in certificate.items() if key not in ("instance", "comparisons")]
    shown = [f"  {text(key)}: {text(x)}" for key, x in instance.items()]
    entries = [block(f"   {text(key)}: [", (f"    {text(x)}" for x in table), "]") for key, table in tables.items()]
    shown.append(block('  "tables": {', entries, "}"))
    lines.append(block(' "instance": {', shown, "}"))
    compared = (
        block("  {", (f"   {text(key)}: {text(x)}" for key, x in each.items()), "}")
        for each in certificate["comparisons"]
    )
    lines.append(block(' "comparisons": [', compared, "]"))
    return block("\n{", lines, "}")
