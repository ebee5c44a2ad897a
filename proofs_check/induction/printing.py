"""A proof as a person would write it, with what was checked and what is trusted."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from proofs_check.induction.checking import ProofResult, lemmas_of, mentioned_in, start
from proofs_check.induction.cones import facts_in
from proofs_check.induction.normal_form import Equations, ended
from proofs_check.induction.terms import (
    At,
    TermError,
)
from proofs_check.induction.theory import HYPOTHESIS, LOGARITHM, Step, Theorem, Theory
from proofs_check.induction.writing import written

__all__ = ["TRUSTED", "WIDTH", "printed", "trusted_by"]

WIDTH: Final = 96
_INDENT: Final = "    "
_TERM: Final = 54  # columns for a term, before what it is by

TRUSTED: Final = (
    "induction on finite trees: what holds after the last step, and at s if it does at every s·a, holds everywhere",
    "Y(s) is the disjoint union of the a·Y(s·a), and after the last step there is the empty response alone",
    "Σ is linear; over one action it is its term",
    "arithmetic of polynomials in free atoms with rational coefficients, and of quotients by what is positive",
    "weights e^r, e^f, … are positive numbers of which nothing else is known (r finite; -inf is a forbidden action)",
    "that the names mean what the enumeration on random trees computes for them",
)
_LOGARITHMS: Final = "log xy = log x + log y, and log 1 = 0, for positive numbers"
_DERIVATIVES: Final = "the derivatives of sums, products, powers, e^r and log"


def trusted_by(theorem: Theorem, theory: Theory) -> tuple[str, ...]:
    """Return what a proof and the proofs of its lemmas take for granted: `TRUSTED`, and what else they use."""
    chain = [theorem, *(theory.theorems[name] for name in _all_lemmas(theorem, theory))]
    more = []
    if any(LOGARITHM in link.by for each in chain for link in each.links):
        more.append(_LOGARITHMS)
    if any(theory.quantities[name].tangent_of for each in chain for name in mentioned_in(theory, each)):
        more.append(_DERIVATIVES)
    facts = {fact for each in chain for fact in _facts_of(each)}
    more += [fact.words for name, fact in theory.facts.items() if name in facts and fact.trusted]
    return (*TRUSTED, *dict.fromkeys(more))


def printed(theorem: Theorem, result: ProofResult, theory: Theory) -> list[str]:
    """Return the lines of a proof, of at most `WIDTH` columns.

    Parameters
    ----------
    theorem : Theorem
    result : ProofResult
        What `check` found.
    theory : Theory
    """
    parts = any(theorem.claims.values())
    verdict = f"PROVED{', but for what is left to the reader' if parts else ''}" if result.proved else "NOT PROVED"
    lines = [*_filled(f"{theorem.name} ({theorem.place}): {theorem.title}. {verdict}."), *_filled(theorem.statement, 2)]
    if result.reason:
        lines += _filled(f"! {result.reason}", 2)
    lines.append("")
    if theorem.by_induction:
        lines += _base(theorem, result, theory)
    faults = iter(result.link_faults)
    for step in theorem.steps:
        lines += _filled(_opening(theorem, step), 2)
        lines += _chain(theorem, step, faults, theory)
    lines.append("")
    for title, rows in (
        ("Where", _definitions(theorem, theory)),
        ("Given", _facts(theorem, theory)),
        ("By", _lemmas(theorem, result, theory)),
        ("Checked", _checked(theorem, result)),
        ("Proves", _proves(theorem)),
        ("Trusted", list(trusted_by(theorem, theory))),
    ):
        lines += _list(title, rows)
    return lines


def _filled(text: str, indent: int = 0, hang: int = 2) -> list[str]:
    return wrap(
        text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + hang), break_long_words=False
    )


def _list(title: str, rows: list[str]) -> list[str]:
    if not rows:
        return []
    lines = []
    for number, row in enumerate(rows):
        head = f"  {title if not number else '':9}"
        lines += wrap(row, WIDTH, initial_indent=head, subsequent_indent=" " * 13, break_long_words=False)
    return lines


# -- the proof itself --------------------------------------------------------------------------------------------------


def _base(theorem: Theorem, result: ProofResult, theory: Theory) -> list[str]:
    try:
        terms = [ended(side, theory) for side in (theorem.left, theorem.right)]
        values = [Equations(theory).normal(term).number() for term in terms]
    except TermError as error:
        return _filled(f"After the last step: {error}", 2)
    sides = [written(term, theory) if value is None else str(value) for term, value in zip(terms, values, strict=True)]
    text = f"both sides are {sides[0]}" if sides[0] == sides[1] else f"it says {sides[0]} {theorem.relation} {sides[1]}"
    return [_row(f"  After the last step {text}.", "", "NO" if result.base_fault else "ok")]


def _opening(theorem: Theorem, step: Step) -> str:
    where = {"response": "At s, for the response a·y", "pair": "At s, for the action a"}.get(theorem.kind, "At s")
    uses = any(HYPOTHESIS in link.by for link in theorem.links)
    given = f", assume it at every s·a{' and y below' if theorem.kind == 'response' else ''}" if uses else ""
    return f"{where}{given}{f', if there is {step.case}' if step.case == 'one action' else ''}" + (
        f"{', if there are several actions' if step.case == 'several actions' else ''}:"
    )


def _chain(theorem: Theorem, step: Step, faults: Iterator[str], theory: Theory) -> list[str]:
    lines = _broken(f"{_INDENT}  {written(start(theorem), theory)}")
    for link in step.links:
        fault = next(faults, "not looked at")
        sign = "=" if link.certificate is None else "≤"
        term = _broken(f"{_INDENT}{sign} {written(link.to, theory)}")
        reasons = wrap("; ".join(_cited(name, theory) for name in link.by), WIDTH - _TERM - 9, break_long_words=False)
        if len(term[-1]) > _TERM:
            term.append("")
        # The reason starts on the last line of the term, and goes on below.
        mark = "ok" if not fault else "NO"
        lines += term[:-1]
        for number, reason in enumerate(reasons or [""]):
            lines.append(_row(term[-1] if not number else "", reason, mark if number == len(reasons) - 1 else ""))
        if fault:
            lines += _filled(f"^ {fault}", 6)
        if link.certificate is not None:
            lines += _broken(f"{_INDENT}    adding {written(link.certificate, theory)}", 10)
    return lines


def _row(left: str, reason: str, mark: str) -> str:
    text = f"{left:<{_TERM}} {reason}" if reason else left
    return f"{text:<{WIDTH - 4}}  {mark}".rstrip() if mark else text.rstrip()


def _broken(text: str, hang: int = 8) -> list[str]:
    """Break a formula at its spaces."""
    indent = len(text) - len(text.lstrip())
    return wrap(
        text.strip(),
        WIDTH - 6,
        initial_indent=" " * indent,
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cited(name: str, theory: Theory) -> str:
    return theory.quantities[name].words if name in theory.quantities else name


# -- what it rests on --------------------------------------------------------------------------------------------------


def _definitions(theorem: Theorem, theory: Theory) -> list[str]:
    """Write out the definitions that the links cite."""
    cited = {name for link in theorem.links for name in link.by if name in theory.quantities}
    rows = []
    for name, quantity in theory.quantities.items():
        if name not in cited:
            continue
        if quantity.by_case:
            rows.append(quantity.words)
            continue
        unfolding, terminal = theory.unfolding(name), theory.terminal(name)
        if unfolding is None:
            continue
        after = "" if terminal is None else f"; {written(terminal, theory)} after the last step"
        rows.append(f"{_defined(name, theory)} = {written(unfolding, theory)}{after}")
    return rows


def _defined(name: str, theory: Theory) -> str:
    quantity = theory.quantities[name]
    place = {
        "number": At(name, None),
        "prefix": At(name, "a" if quantity.forward else ""),
        "pair": At(name, "", "a"),
        "response": At(name, "", "", ("a", "y")),
    }
    return written(place[quantity.kind], theory)


def _facts(theorem: Theorem, theory: Theory) -> list[str]:
    """Write out the facts that the links use, and name the hypotheses of lemmas."""
    own = _facts_of(theorem)
    theirs = {fact for name in _all_lemmas(theorem, theory) for fact in _facts_of(theory.theorems[name])} - own
    rows = [
        f"[{name}]: 0 ≤ {written(fact.term, theory)} ({fact.words})"
        for name, fact in theory.facts.items()
        if name in own
    ]
    return rows + [
        f"[{name}] ({fact.words}), for lemmas"
        for name, fact in theory.facts.items()
        if name in theirs and not fact.trusted
    ]


def _facts_of(theorem: Theorem) -> set[str]:
    return {fact for link in theorem.links if link.certificate is not None for fact in facts_in(link.certificate)}


def _all_lemmas(theorem: Theorem, theory: Theory) -> list[str]:
    found: list[str] = []
    waiting = sorted(lemmas_of(theorem, theory))
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting += sorted(lemmas_of(theory.theorems[name], theory))
    return found


def _lemmas(theorem: Theorem, result: ProofResult, theory: Theory) -> list[str]:
    rows = []
    for name in sorted(lemmas_of(theorem, theory)):
        lemma = theory.theorems[name]
        found = {True: "proved", False: "NOT PROVED"}.get(result.lemmas.get(name, None), "not looked at")  # type: ignore[arg-type]
        sides = f"{written(lemma.left, theory)} {lemma.relation} {written(lemma.right, theory)}"
        rows.append(f"{name}: {sides} ({found})")
    return rows


def _checked(theorem: Theorem, result: ProofResult) -> list[str]:
    wrong = sum(bool(fault) for fault in result.link_faults)
    number = len(result.link_faults)
    links = f"{number} link{'s' * (number != 1)}, each by the rules that it cites, none of which it could do without"
    rows = [f"{links}: {f'{wrong} not so' if wrong else 'ok'}"]
    if theorem.by_induction:
        verdict = "NO" if result.base_fault else "ok"
        rows.append(f"after the last step, and what is assumed at s·a: written from the statement: {verdict}")
    if result.anchor is None:
        rows.append("not compared with enumeration")
        return rows
    anchor = result.anchor
    rows.append(
        f"definitions, statement, facts and links against enumeration: {anchor.evaluations:,} comparisons in exact "
        f"numbers, {anchor.trees} random trees, seed {anchor.seed}: {'ok' if anchor.ok else anchor.fault}"
    )
    return rows


def _proves(theorem: Theorem) -> list[str]:
    return [f"{claim}; left to the reader: {rest}" if rest else claim for claim, rest in theorem.claims.items()] or [
        "a lemma"
    ]
