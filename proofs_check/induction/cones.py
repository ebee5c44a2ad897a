"""Inequalities: what is added on the way from the left side to the right is written so that it cannot be negative."""

from collections.abc import Collection

from proofs_check.induction.normal_form import instance
from proofs_check.induction.terms import (
    At,
    Given,
    Number,
    Power,
    Product,
    Sum,
    Term,
    TermError,
    Total,
    parts,
    rebuilt,
    renamed,
    walk,
)
from proofs_check.induction.theory import HYPOTHESIS, Theorem, Theory

__all__ = ["facts_in", "not_negative", "written_out"]


def facts_in(certificate: Term) -> set[str]:
    """Return the names of the facts that a certificate uses."""
    return {part.fact for part in walk(certificate) if isinstance(part, Given)}


def not_negative(certificate: Term, theory: Theory, cited: Collection[str]) -> bool:
    """Whether the form alone shows that a term is not negative.

    That is so for positive quantities, for facts that are cited, for squares, and for sums, products and Σ of such.
    """
    match certificate:
        case Given(name):
            return name in cited
        case Number(value):
            return value >= 0
        case At():
            return theory.is_positive(certificate)
        case Power(_, exponent) if exponent % 2 == 0:
            return True
        case Power(base, _):
            return theory.is_positive(base)
        case Sum() | Product() | Total():
            return all(not_negative(inside, theory, cited) for inside in parts(certificate))
        case _:
            return False


def written_out(certificate: Term, theory: Theory, theorem: Theorem) -> Term:
    """Return a certificate with each fact in full: the term that it says is not negative, at its place."""
    match certificate:
        case Given(name, prefix, action, response):
            return _said(name, prefix, action, response, theory, theorem)
        case _:
            return rebuilt(certificate, tuple(written_out(part, theory, theorem) for part in parts(certificate)))


def _said(
    name: str, prefix: str, action: str, response: tuple[str, ...] | None, theory: Theory, theorem: Theorem
) -> Term:
    if name in theory.facts:
        if prefix:
            raise TermError(f"{name} is about s before the end, which s·a need not be")
        return renamed(
            theory.facts[name].term, {"a": action} if action else None, {"y": response} if response else None
        )
    known = theorem if name == HYPOTHESIS else theory.theorems.get(name)
    if known is None or known.relation != "≤":
        raise TermError(f"{name} is no inequality")
    if prefix == "" and name == HYPOTHESIS:
        raise TermError("the induction hypothesis is about s·a, not s")
    if prefix and not known.by_induction:
        raise TermError(f"{name} is about s before the end, which s·a need not be")
    return instance(known.right - known.left, prefix, action, response or ())
