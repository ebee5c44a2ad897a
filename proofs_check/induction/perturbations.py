"""Planted errors: in definitions, facts, statements, links and citations of a proof. Each must make it fail."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from proofs_check.induction.checking import Checker, ProofResult
from proofs_check.induction.normal_form import Equations, equal
from proofs_check.induction.terms import (
    At,
    Given,
    Log,
    Number,
    Power,
    Product,
    Sum,
    Term,
    TermError,
    Total,
    parts,
    rebuilt,
    walk,
)
from proofs_check.induction.theory import RULES, Link, Quantity, Step, Theorem, Theory

__all__ = ["TRUE_VARIANTS", "Perturbation", "perturbed"]

# What is planted in these changes nothing that is false: the theorem with it holds, and why.
TRUE_VARIANTS: Final = MappingProxyType(
    {
        ("P1-values-of-q", "definition of e^q: e^U for e^V"): "e^U is e^V (S3.3-bellman), and either proof is good",
        ("P2-attained", "left side: the other sign of log Σ_z p_ρ"): "Σ_z p_ρ = 1, so its logarithm is 0",
    }
)


@dataclass(frozen=True)
class Perturbation:
    """A theorem with one thing changed.

    Attributes
    ----------
    name : str
        What is changed, and how.
    kind : {"definition", "fact", "statement", "link", "citation", "chain"}
    theorem : str
    theory : Theory
        With the change in it.
    suspects : frozenset of int
        The links that it is about, from 0.
    """

    name: str
    kind: str
    theorem: str
    theory: Theory
    suspects: frozenset[int] = frozenset()

    @property
    def true_because(self) -> str:
        """Why it is no error after all; "" if it is one."""
        return TRUE_VARIANTS.get((self.theorem, self.name), "")

    def check(self, *, anchor: bool = True, all_faults: bool = False) -> ProofResult:
        """Check the proof with the change in it; of an error, `ProofResult.proved` is False.

        Parameters
        ----------
        anchor : bool
            Whether to compare with enumeration, without which nothing is proved.
        all_faults : bool
            Go on after the first.
        """
        return Checker(self.theory, anchor=anchor, suspects=None if all_faults else self.suspects).check(self.theorem)


def perturbed(name: str, theory: Theory) -> Iterator[Perturbation]:
    """Yield a theorem with one planted error at a time."""
    theorem = theory.theorems[name]
    for spoken_of in sorted({part.name for term in theorem.terms() for part in walk(term) if isinstance(part, At)}):
        for what, changed in _definitions(theory.quantities[spoken_of], theory):
            label, other = f"definition of {spoken_of}: {what}", theory.with_quantity(changed)
            yield Perturbation(label, "definition", name, other, _citing(theorem, spoken_of))
    for used in sorted({part.fact for term in theorem.terms() for part in walk(term) if isinstance(part, Given)}):
        if used in theory.facts:
            for what, term in _variants(theory.facts[used].term, theory):
                other = theory.with_fact(replace(theory.facts[used], term=term))
                yield Perturbation(f"fact {used}: {what}", "fact", name, other, _citing(theorem, used))
    for kind, what, other_theorem, suspects in _theorems(theorem, theory):
        yield Perturbation(what, kind, name, theory.with_theorem(other_theorem), frozenset(suspects))


def _citing(theorem: Theorem, name: str) -> frozenset[int]:
    return frozenset(number for number, link in enumerate(theorem.links) if name in link.by)


def _definitions(quantity: Quantity, theory: Theory) -> Iterator[tuple[str, Quantity]]:
    if quantity.terminal is not None:
        for value in (0, 2):
            if quantity.terminal != _number(value):
                yield f"{value} after the last step", replace(quantity, terminal=_number(value))
    if quantity.unfolding is not None:
        for what, term in _variants(quantity.unfolding, theory):
            yield what, replace(quantity, unfolding=term)
    for index, (case, term) in enumerate(quantity.by_case):
        for what, other in _variants(term, theory):
            cases = (*quantity.by_case[:index], (case, other), *quantity.by_case[index + 1 :])
            yield f"{what}, {case}", replace(quantity, by_case=cases)


def _theorems(theorem: Theorem, theory: Theory) -> Iterator[tuple[str, str, Theorem, tuple[int, ...]]]:
    """Yield what kind of change, which, the theorem with it, and the links that it is about."""
    last = len(theorem.links) - 1
    for what, term in _variants(theorem.left, theory):
        yield "statement", f"left side: {what}", replace(theorem, left=term), (0,)
    for what, term in _variants(theorem.right, theory):
        yield "statement", f"right side: {what}", replace(theorem, right=term), (last,)
        # The chain is led to the new right side, so that it is the mathematics that fails.
        if len(theorem.steps) == 1 and theorem.kind == "prefix":
            led = (Step((*theorem.links[:-1], replace(theorem.links[-1], to=term))),)
            yield "statement", f"right side and last link: {what}", replace(theorem, right=term, steps=led), (last,)
    if theorem.relation == "≤":
        yield "statement", "≤ the other way", replace(theorem, left=theorem.right, right=theorem.left), (0,)
    before = 0
    for number, step in enumerate(theorem.steps):
        for kind, what, links, at in _links(step.links, theory):
            steps = (*theorem.steps[:number], replace(step, links=links), *theorem.steps[number + 1 :])
            label = f"{step.case + ', ' if step.case else ''}{what}"
            yield kind, label, replace(theorem, steps=steps), (before + at,)
        before += len(step.links)
    if len(theorem.steps) > 1:
        for number, step in enumerate(theorem.steps):
            rest = (*theorem.steps[:number], *theorem.steps[number + 1 :])
            yield "chain", f"without the case of {step.case}", replace(theorem, steps=rest), ()


def _links(links: tuple[Link, ...], theory: Theory) -> Iterator[tuple[str, str, tuple[Link, ...], int]]:
    for number, link in enumerate(links):
        before, after, at = links[:number], links[number + 1 :], f"link {number + 1}"
        yield "chain", f"{at} left out", (*before, *after), number
        yield "chain", f"{at} said twice", (*before, link, link, *after), number + 1
        for what, other in _changed(link, theory):
            kind = "citation" if what.startswith(("without the citation", "citing")) else "link"
            yield kind, f"{at}: {what}", (*before, other, *after), number


def _changed(link: Link, theory: Theory) -> Iterator[tuple[str, Link]]:
    for what, term in _variants(link.to, theory):
        yield what, replace(link, to=term)
    for name in link.by:
        yield f"without the citation of {name}", replace(link, by=tuple(cited for cited in link.by if cited != name))
    for name in _not_needed(link, theory):
        yield f"citing {name} besides", replace(link, by=(*link.by, name))
    if link.certificate is not None:
        for what, term in _variants(link.certificate, theory):
            yield f"what is added: {what}", replace(link, certificate=term)
        yield "as an equation", replace(link, certificate=None)


def _not_needed(link: Link, theory: Theory) -> list[str]:
    """Return a definition, a rule, a lemma and a fact that the link does not cite."""
    pools = (RULES, sorted(theory.quantities), sorted(theory.theorems), sorted(theory.facts))
    spoken_of = {part.name for part in walk(link.to) if isinstance(part, At)}
    found = []
    for pool in pools:
        fitting = [name for name in pool if name not in link.by]
        fitting.sort(key=lambda name: name not in spoken_of)
        found += fitting[:1]
    return found


# -- terms with one thing changed --------------------------------------------------------------------------------------


def _variants(term: Term, theory: Theory) -> Iterator[tuple[str, Term]]:
    """Yield a term with one thing changed, unless that is the same term written differently."""
    for what, other in (("twice that", 2 * term), *_inside(term, theory)):
        if not _same(term, other, theory):
            yield what, other


def _same(term: Term, other: Term, theory: Theory) -> bool:
    if any(isinstance(part, Given) for part in walk(term)):
        return False
    rules = Equations(theory)
    try:
        return equal(rules.normal(term), rules.normal(other))
    except TermError:
        return False


def _inside(term: Term, theory: Theory) -> Iterator[tuple[str, Term]]:
    yield from _here(term, theory)
    inside = parts(term)
    for number, part in enumerate(inside):
        for what, other in _inside(part, theory):
            yield what, rebuilt(term, (*inside[:number], other, *inside[number + 1 :]))


def _here(term: Term, theory: Theory) -> Iterator[tuple[str, Term]]:
    match term:
        case Number(value):
            yield f"{value + 1} for {value}", Number(value + 1)
        case At(name, prefix, action, response):
            yield f"{name} squared", term * term
            if prefix and response is None:
                yield f"{name} at s for s·{prefix}", At(name, "", action)
            other = _confusable(name, theory)
            if other:
                yield f"{other} for {name}", At(other, prefix, action, response)
        case Sum(terms) | Product(terms):
            for number, part in enumerate(terms):
                rest = (*terms[:number], *terms[number + 1 :])
                yield f"without {_short(part)}", rebuilt(term, rest)
                if isinstance(term, Sum):
                    yield f"the other sign of {_short(part)}", Sum((*rest, -part))
        case Power(base, exponent):
            yield f"the inverse of 1/{_short(base)}", Power(base, -exponent)
        case Log(argument):
            yield f"{_short(argument)} for its logarithm", argument
        case Total(prefix, bound, body) if prefix:
            yield f"the responses below s for those below s·{prefix}", Total("", bound, _lifted(body, prefix, bound))
        case _:
            return


def _lifted(term: Term, prefix: str, bound: str) -> Term:
    """Return a body about responses below s·a as one about responses below s."""
    match term:
        case At(name, at, action, response) if at == prefix and response == (bound,):
            return At(name, "", action, response)
        case Given(fact, at, action, response) if at == prefix and response == (bound,):
            return Given(fact, "", action, response)
        case At(name, "", action, response) if response == (prefix, bound):
            return At(name, "", action, (bound,))
        case _:
            return rebuilt(term, tuple(_lifted(inside, prefix, bound) for inside in parts(term)))


def _confusable(name: str, theory: Theory) -> str:
    """Return the next quantity of the same kind, to put in the place of one."""
    kind = theory.quantities[name].kind
    alike = [other for other, quantity in theory.quantities.items() if quantity.kind == kind]
    return alike[(alike.index(name) + 1) % len(alike)] if len(alike) > 1 else ""


def _short(term: Term) -> str:
    match term:
        case At(name):
            return name
        case Number(value):
            return str(value)
        case Log(argument):
            return f"log {_short(argument)}"
        case Given(fact):
            return f"[{fact}]"
        case Total(_, bound, body):
            return f"Σ_{bound} {_short(body)}"
        case Power(base, -1):
            return f"1/{_short(base)}"
        case _:
            return f"{type(term).__name__.lower()} of {_short(parts(term)[0])}" if parts(term) else "a term"


def _number(value: int) -> Number:
    return Number(Fraction(value))
