"""Whether what is written makes sense: each name is bound, each response is below the prefix that it is said of.

The rules see names alone. A response below s·a that is said of s·b, an action that nothing binds, a quantity of pairs
without an action: to the rules these are names as any other, and what is proved of such says nothing or is false.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final, Literal

from proofs_check.induction.terms import At, Given, Number, Power, Term, Total, parts, walk
from proofs_check.induction.theory import HYPOTHESIS, RULES, Fact, Quantity, Step, Theorem, Theory

__all__ = ["ONLY", "Scope", "malformed", "misread"]

# What the one action is called where there is one.
ONLY: Final = "only"
_HERE: Final = 0


@dataclass(frozen=True)
class Scope:
    """The names at hand.

    Attributes
    ----------
    actions : mapping of str to int
        Actions at s, each with a number of its own, so that a name which is bound twice is two actions.
    responses : mapping of str to int
        What each response is below: the number of an action, or 0 for s.
    where : {"step", "end", "nowhere"}
        At s before the end; after the last step, where there are no actions; or what is the same everywhere.
    """

    actions: Mapping[str, int] = field(default_factory=dict)
    responses: Mapping[str, int] = field(default_factory=dict)
    where: Literal["step", "end", "nowhere"] = "step"
    bound: int = 9

    def with_action(self, name: str) -> "Scope":
        """Return the scope inside a Σ over actions."""
        number, responses = self.bound + 1, {y: below for y, below in self.responses.items() if y != name}
        return replace(self, actions={**self.actions, name: number}, responses=responses, bound=number)

    def with_response(self, name: str, below: int) -> "Scope":
        """Return the scope inside a Σ over responses."""
        actions = {a: number for a, number in self.actions.items() if a != name}
        return replace(self, actions=actions, responses={**self.responses, name: below})


_AT_S: Final = Scope()
_PAIR: Final = Scope({"a": 1})
_BELOW: Final = Scope({}, {"y": _HERE})
_AFTER: Final = Scope({"a": 1}, {"y": 1})
_STATED: Final[Mapping[str, Scope]] = {"prefix": _AT_S, "step": _AT_S, "pair": _PAIR, "response": _BELOW}
_LINKED: Final[Mapping[str, Scope]] = {**_STATED, "response": _AFTER}


def malformed(theory: Theory, theorem: Theorem, spoken_of: Iterable[str]) -> str:
    """Return what makes no sense in a theorem, in the definitions of what it speaks of or in its facts."""
    if theorem.kind not in _STATED or theorem.relation not in ("=", "≤"):
        return f"a statement of kind {theorem.kind} and relation {theorem.relation} is none"
    if theorem.name in (*RULES, *theory.quantities, *theory.facts):
        return f"{theorem.name} is the name of something else"
    for side in (theorem.left, theorem.right):
        if fault := misread(side, theory, _STATED[theorem.kind]):
            return f"the statement: {fault}"
    number = 0
    for step in theorem.steps:
        scope = _in_case(_LINKED[theorem.kind], step)
        for link in step.links:
            number += 1
            for term in (link.to,) if link.certificate is None else (link.to, link.certificate):
                if fault := misread(term, theory, scope, theorem):
                    return f"link {number}: {fault}"
    for name in sorted(_facts(theorem, theory)):
        if fault := misread(theory.facts[name].term, theory, _STATED[theory.facts[name].kind]):
            return f"the fact {name}: {fault}"
    for name in sorted(spoken_of):
        if fault := _definition(theory.quantities[name], theory):
            return f"the definition of {name}: {fault}"
    return ""


def _in_case(scope: Scope, step: Step) -> Scope:
    return replace(scope, actions={**scope.actions, ONLY: 2}) if step.case == "one action" else scope


def _facts(theorem: Theorem, theory: Theory) -> set[str]:
    return {part.fact for term in theorem.terms() for part in walk(term) if isinstance(part, Given)} & set(theory.facts)


def _definition(quantity: Quantity, theory: Theory) -> str:
    """Return what is wrong with a definition as it is written."""
    of = theory.quantities.get(quantity.tangent_of) if quantity.tangent_of else quantity
    if of is None or (of.kind, of.forward) != (quantity.kind, quantity.forward):
        return f"{quantity.tangent_of} is no quantity of this kind"
    if quantity.forward and (quantity.kind != "prefix" or quantity.terminal is not None):
        return "what is given from s to s·a is a quantity of prefixes, and its value at the end follows"
    match quantity.kind:
        case "number":
            scope = end = Scope(where="nowhere")
        case "response":
            scope, end = _AFTER, replace(_BELOW, where="end")
        case kind:
            scope, end = _PAIR if kind == "pair" or quantity.forward else _AT_S, Scope(where="end")
    unfolded = [theory.unfolding(quantity.name), *(term for _, term in quantity.by_case)]
    for term, at in ((theory.terminal(quantity.name), end), *((term, scope) for term in unfolded)):
        if term is not None and (fault := misread(term, theory, at)):
            return fault
    return ""


def misread(term: Term, theory: Theory, scope: Scope, theorem: Theorem | None = None) -> str:
    """Return what makes no sense in a term; `theorem`, if it is one of its links or certificates."""
    match term:
        case At():
            return _quantity(term, theory, scope)
        case Given():
            return "a fact is no number" if theorem is None else _given(term, theory, scope, theorem)
        case Number(value) if type(value) is not Fraction:
            return f"{value!r} is no rational number"
        case Power(_, exponent) if type(exponent) is not int:
            return f"{exponent!r} is no whole exponent"
        case Total(_, bound) if not bound:
            return "a sum over what has no name"
        case Total(None, bound, body):
            if scope.where != "step":
                return "there are no actions"
            return misread(body, theory, scope.with_action(bound), theorem)
        case Total(str() as prefix, bound, body):
            if fault := _prefix(prefix, scope):
                return fault
            return misread(body, theory, scope.with_response(bound, _number(prefix, scope)), theorem)
        case _:
            inside = (misread(part, theory, scope, theorem) for part in parts(term))
            return next((fault for fault in inside if fault), "")


def _quantity(term: At, theory: Theory, scope: Scope) -> str:
    if term.name not in theory.quantities:
        return f"{term.name} is no quantity"
    kind = theory.quantities[term.name].kind
    if (kind == "number") != (term.prefix is None):
        return f"{term.name} is a quantity of another kind"
    return _place(term.name, kind, term.prefix or "", term.action, term.response, scope)


def _given(term: Given, theory: Theory, scope: Scope, theorem: Theorem) -> str:
    known: Fact | Theorem | None = theory.facts.get(term.fact)
    if known is None:
        known = theorem if term.fact == HYPOTHESIS else theory.theorems.get(term.fact)
    if known is None:
        return f"{term.fact} is nothing"
    kind = "prefix" if known.kind == "step" else known.kind
    return _place(term.fact, kind, term.prefix, term.action, term.response, scope)


def _place(name: str, kind: str, prefix: str, action: str, response: tuple[str, ...] | None, scope: Scope) -> str:
    """Return what is wrong with a place, for what has a value at such as `kind` says."""
    if scope.where == "nowhere" and kind != "number":
        return f"{name} is not the same everywhere"
    if (kind == "pair") != bool(action) or (kind == "response") != (response is not None):
        return f"{name} is about something of another kind"
    if fault := _prefix(prefix, scope):
        return fault
    if action and (prefix or action not in scope.actions):
        return f"{name}: {action} is no action at its prefix"
    if response is None:
        return ""
    *first, last = response
    if len(first) > 1 or (first and (prefix or first[0] not in scope.actions)):
        return f"{name}: {'·'.join(response)} is no response below its prefix"
    if scope.responses.get(last) != (scope.actions[first[0]] if first else _number(prefix, scope)):
        return f"{name}: {last} is no response there"
    return ""


def _prefix(prefix: str, scope: Scope) -> str:
    return f"{prefix} is no action at s" if prefix and prefix not in scope.actions else ""


def _number(prefix: str, scope: Scope) -> int:
    return scope.actions[prefix] if prefix else _HERE
