"""Terms: what is written at a prefix of the tree, with sums over its actions and over the responses below it.

A term is written *at s*. It may speak of s itself, of an action a at s, of the prefix s·a, and of a response y below
s or below s·a. Names that a sum binds are bound there alone, so that a term can be moved without catching any.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Union

__all__ = [
    "At",
    "Given",
    "Log",
    "Number",
    "Operand",
    "Power",
    "Product",
    "Sum",
    "Term",
    "TermError",
    "Total",
    "at_action",
    "parts",
    "rebuilt",
    "renamed",
    "total_over_actions",
    "total_over_responses",
    "walk",
]

Operand = Union["Term", int, Fraction]


class TermError(ValueError):
    """A term that cannot be moved, normalised or evaluated as asked."""


class Term:
    """What +, -, *, / and ** build."""

    __slots__ = ()

    def __add__(self, other: Operand) -> "Term":
        return Sum((*_addends(self), *_addends(_term(other))))

    def __radd__(self, other: Operand) -> "Term":
        return _term(other) + self

    def __sub__(self, other: Operand) -> "Term":
        return self + -_term(other)

    def __rsub__(self, other: Operand) -> "Term":
        return _term(other) + -self

    def __neg__(self) -> "Term":
        return Product((Number(Fraction(-1)), *_factors(self)))

    def __mul__(self, other: Operand) -> "Term":
        return Product((*_factors(self), *_factors(_term(other))))

    def __rmul__(self, other: Operand) -> "Term":
        return _term(other) * self

    def __truediv__(self, other: Operand) -> "Term":
        return self * Power(_term(other), -1)

    def __rtruediv__(self, other: Operand) -> "Term":
        return _term(other) / self

    def __pow__(self, exponent: int) -> "Term":
        return Power(self, exponent)


@dataclass(frozen=True, slots=True)
class Number(Term):
    """A rational number."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class At(Term):
    """A quantity at a place.

    Attributes
    ----------
    name : str
    prefix : str or None
        "" for s, "a" for s·a; None for a number that is the same at all prefixes.
    action : str
        The action, for a quantity of pairs (s, a).
    response : tuple of str, optional
        ("y",), or ("a", "y") for the response that begins with a and goes on as y.
    """

    name: str
    prefix: str | None = ""
    action: str = ""
    response: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sum(Term):
    """A sum of terms."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Product(Term):
    """A product of terms."""

    factors: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Power(Term):
    """An integer power; of -1, a quotient."""

    base: Term
    exponent: int


@dataclass(frozen=True, slots=True)
class Log(Term):
    """A natural logarithm."""

    argument: Term


@dataclass(frozen=True, slots=True)
class Total(Term):
    """Σ over the actions at s (prefix None), or over the responses below a prefix ("" or an action)."""

    prefix: str | None
    bound: str
    body: Term


@dataclass(frozen=True, slots=True)
class Given(Term):
    """What a named fact says is not negative, at a place; only in certificates of inequalities."""

    fact: str
    prefix: str = ""
    action: str = ""
    response: tuple[str, ...] | None = field(default=None)


def total_over_actions(body: Operand, bound: str = "a") -> Term:
    """Return Σ_a body, over the actions at s."""
    return Total(None, bound, _term(body))


def total_over_responses(prefix: str, body: Operand, bound: str = "y") -> Term:
    """Return Σ_y body, over the responses below s ("") or s·a ("a")."""
    return Total(prefix, bound, _term(body))


def parts(term: Term) -> tuple[Term, ...]:
    """Return the terms directly inside."""
    match term:
        case Sum(inside) | Product(inside):
            return inside
        case Power(inside, _) | Log(inside) | Total(_, _, inside):
            return (inside,)
        case _:
            return ()


def rebuilt(term: Term, inside: tuple[Term, ...]) -> Term:
    """Return the term with other terms inside."""
    match term:
        case Sum(_):
            return Sum(inside)
        case Product(_):
            return Product(inside)
        case Power(_, exponent):
            return Power(inside[0], exponent)
        case Log(_):
            return Log(inside[0])
        case Total(prefix, bound, _):
            return Total(prefix, bound, inside[0])
        case _:
            return term


def walk(term: Term) -> Iterator[Term]:
    """Yield the term and all that is inside it."""
    yield term
    for inside in parts(term):
        yield from walk(inside)


def renamed(
    term: Term, actions: Mapping[str, str] | None = None, responses: Mapping[str, tuple[str, ...]] | None = None
) -> Term:
    """Return the term with other names for free actions and responses; y may become ("a", "y'")."""
    actions, responses = actions or {}, responses or {}
    if not actions and not responses:
        return term
    match term:
        case At(name, prefix, action, response):
            return At(name, *_place(prefix, action, response, actions, responses))
        case Given(name, prefix, action, response):
            place = _place(prefix, action, response, actions, responses)
            return Given(name, place[0] or "", *place[1:])
        case Total(prefix, bound, body):
            if bound in actions.values() or any(bound in names for names in responses.values()):
                raise TermError(f"the bound name {bound} would catch a free one")
            actions = {name: new for name, new in actions.items() if name != bound}
            responses = {name: new for name, new in responses.items() if name != bound}
            prefix = actions.get(prefix, prefix) if prefix else prefix
            return Total(prefix, bound, renamed(body, actions, responses))
        case _:
            return rebuilt(term, tuple(renamed(inside, actions, responses) for inside in parts(term)))


def _place(
    prefix: str | None,
    action: str,
    response: tuple[str, ...] | None,
    actions: Mapping[str, str],
    responses: Mapping[str, tuple[str, ...]],
) -> tuple[str | None, str, tuple[str, ...] | None]:
    prefix = actions.get(prefix, prefix) if prefix else prefix
    if response is not None:
        *first, last = response
        response = (*(actions.get(name, name) for name in first), *responses.get(last, (last,)))
        if len(response) > (1 if prefix else 2):
            raise TermError("a response is taken apart one action at a time")
    return prefix, actions.get(action, action), response


def at_action(term: Term, action: str) -> Term:
    """Return what the term says one action further down: s becomes s·a."""
    match term:
        case At(_, None):
            return term
        case At(name, "", "", response) if response is None or len(response) == 1:
            return At(name, action, "", response)
        case Given(name, "", "", response) if response is None or len(response) == 1:
            return Given(name, action, "", response)
        case Total("", bound, body) if bound != action:
            return Total(action, bound, at_action(body, action))
        case At() | Given() | Total():
            raise TermError("what speaks of actions at s cannot be said of s·a, which may be past the last step")
        case _:
            return rebuilt(term, tuple(at_action(inside, action) for inside in parts(term)))


def _term(operand: Operand) -> Term:
    return operand if isinstance(operand, Term) else Number(Fraction(operand))


def _addends(term: Term) -> tuple[Term, ...]:
    return term.terms if isinstance(term, Sum) else (term,)


def _factors(term: Term) -> tuple[Term, ...]:
    return term.factors if isinstance(term, Product) else (term,)
