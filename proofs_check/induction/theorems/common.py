"""Shorthand for the theorems, and the two facts of analysis that the inequalities rest on."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from proofs_check.induction.terms import Given, Log, Number, Operand, Term
from proofs_check.induction.theory import HYPOTHESIS, Fact, Kind, Link, Step

__all__ = ["LAWS", "LIMITS", "ONE", "ZERO", "chord", "gibbs", "given", "hypothesis", "proof", "tangent"]

ZERO: Final = Number(Fraction(0))
ONE: Final = Number(Fraction(1))
# What a positive policy leaves out, where a claim lets it be 0.
LIMITS: Final = "a policy that is 0 somewhere, as a limit of positive ones"
LAWS: Final = "that every positive p is a p_f (S3.1-chain); a p that is 0 somewhere, as a limit of such"


def proof(*links: Link) -> tuple[Step, ...]:
    """Return a chain without cases."""
    return (Step(links),)


def given(fact: Fact | str, prefix: str = "", action: str = "", response: str = "") -> Term:
    """Return what a fact, or a theorem that is an inequality, says is not negative."""
    name = fact if isinstance(fact, str) else fact.name
    return Given(name, prefix, action, (response,) if response else None)


def hypothesis(action: str = "a") -> Term:
    """Return right - left at s·a, for an inequality that is proved by induction."""
    return Given(HYPOTHESIS, action)


def tangent(
    name: str,
    X: Term,
    one_over_c: Term | None = None,
    log_c: Operand = 0,
    kind: Kind = "prefix",
    about: Sequence[str] = (),
) -> Fact:
    """Return log X ≤ X/c - 1 + log c: the logarithm is below its tangent at c, which is 1 if nothing is said."""
    words = "; ".join(("log X ≤ X/c - 1 + log c for positive X and c: log is below its tangents", *about))
    term = X - 1 - Log(X) if one_over_c is None else X * one_over_c - 1 + log_c - Log(X)
    return Fact(name=name, kind=kind, term=term, words=words, trusted=True)


def gibbs(name: str, X: Term) -> Fact:
    """Return log X ≤ X - 1 for a quotient of two laws at a response."""
    return tangent(name, X, kind="response", about=("c = 1",))


def chord(name: str, Y: Term, epsilon: Term, sinh: Term, cosh: Term, kind: Kind, about: str) -> Fact:
    """Return ε e^x ≤ ε cosh ε + x sinh ε for |x| ≤ ε and Y = e^x: exp is below its chord from -ε to ε."""
    return Fact(
        name=name,
        kind=kind,
        term=epsilon * cosh + Log(Y) * sinh - epsilon * Y,
        words=f"ε e^x ≤ ε cosh ε + x sinh ε for |x| ≤ ε: exp is below its chords; {about}",
        trusted=True,
    )
