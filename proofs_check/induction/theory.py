"""What a proof is made of: quantities, facts, theorems with their chains of links, and the theory that holds them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Final, Literal

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

__all__ = [
    "DISJOINT",
    "HYPOTHESIS",
    "LINEAR",
    "LOGARITHM",
    "ONE_ACTION",
    "RULES",
    "Case",
    "Fact",
    "Kind",
    "Link",
    "Quantity",
    "Step",
    "Theorem",
    "Theory",
]

# What a link may cite besides definitions (by the quantity's name), lemmas and facts (by theirs).
HYPOTHESIS: Final = "induction hypothesis"
LINEAR: Final = "Σ is linear"
DISJOINT: Final = "Y(s) = ⊔_a a·Y(s·a)"
LOGARITHM: Final = "log xy = log x + log y"
ONE_ACTION: Final = "one action"
RULES: Final = (HYPOTHESIS, LINEAR, DISJOINT, LOGARITHM, ONE_ACTION)

Case = Literal["", "one action", "several actions"]
Kind = Literal["number", "prefix", "pair", "response"]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """Something that has a value at each place: given, or defined by what it is after the last step and before.

    Attributes
    ----------
    name : str
    kind : {"number", "prefix", "pair", "response"}
    sign : str
        How it is written, with {s}, {a} and {y} for its place.
    words : str
        What its definition says, to cite it by.
    terminal : Term, optional
        Its value after the last step, at a leaf s or for the empty response there.
    unfolding : Term, optional
        Its value at s, for the pair (s, a), or for the response a·y. Written with the names "a" and "y".
    positive : bool
        Whether it is positive: an assumption where it is given, a consequence (which is checked) where it is defined.
    forward : bool
        Whether the unfolding is of its value at s·a, from that at s.
    by_case : tuple of (case, Term)
        The unfolding where it depends on how many actions there are.
    tangent_of : str
        The quantity that it is the derivative of; without an unfolding of its own it has the derived one.
    """

    name: str
    kind: Kind
    sign: str
    words: str = ""
    terminal: Term | None = None
    unfolding: Term | None = None
    positive: bool = False
    forward: bool = False
    by_case: tuple[tuple[Case, Term], ...] = ()
    tangent_of: str = ""

    def __call__(self, place: str = "", response: str | tuple[str, ...] | None = None) -> At:
        """Return the quantity at a prefix ("" or "a"), for an action, or at a prefix for a response."""
        match self.kind:
            case "number":
                return At(self.name, None)
            case "prefix":
                return At(self.name, place)
            case "pair":
                return At(self.name, "", place)
            case _:
                names = (response,) if isinstance(response, str) else response
                return At(self.name, place, "", names or ("y",))


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A term that is not negative: a hypothesis of the theorem, or trusted analysis.

    Attributes
    ----------
    name : str
        To cite it by.
    kind : {"prefix", "pair", "response"}
        Where it holds: at each s before the end, for each (s, a), or for each response y below s.
    term : Term
        What is not negative.
    words : str
    trusted : bool
        Whether it is a fact of analysis that nothing here proves.
    """

    name: str
    kind: Kind
    term: Term
    words: str
    trusted: bool = False


@dataclass(frozen=True)
class Link:
    """One step of a chain.

    Attributes
    ----------
    to : Term
        What the chain comes to.
    by : tuple of str
        The rules, definitions, lemmas and facts that it needs: no more, no less.
    certificate : Term, optional
        For ≤: what is added, written so that it cannot be negative.
    """

    to: Term
    by: tuple[str, ...]
    certificate: Term | None = None


@dataclass(frozen=True)
class Step:
    """The chain from the left side to the right, in one case."""

    links: tuple[Link, ...]
    case: Case = ""


@dataclass(frozen=True, kw_only=True)
class Theorem:
    """A statement about every finite tree, and its proof.

    Attributes
    ----------
    name : str
    title : str
    place : str
        Where the paper has it.
    claims : mapping of str to str
        The claims that it proves, each with the part that is left to the reader ("" if none).
    statement : str
        In words.
    kind : {"prefix", "response", "pair", "step"}
        For every prefix s (induction), every response y below every s (induction), every pair (s, a), or every s
        before the end; the last two are proved at s, without induction.
    left, right : Term
    relation : {"=", "≤"}
    steps : tuple of Step
        One, or one for each case.
    """

    name: str
    title: str
    place: str
    claims: Mapping[str, str]
    statement: str
    kind: Literal["prefix", "response", "pair", "step"]
    left: Term
    right: Term
    relation: Literal["=", "≤"] = "="
    steps: tuple[Step, ...]

    @property
    def by_induction(self) -> bool:
        """Whether it is proved after the last step and then at s, given s·a."""
        return self.kind in ("prefix", "response")

    @property
    def links(self) -> tuple[Link, ...]:
        """The links of all cases."""
        return tuple(link for step in self.steps for link in step.links)

    def terms(self) -> Iterator[Term]:
        """Yield every term that is written in it."""
        yield self.left
        yield self.right
        for link in self.links:
            yield link.to
            if link.certificate is not None:
                yield link.certificate


@dataclass(frozen=True)
class Theory:
    """Quantities, facts and theorems, by name."""

    quantities: Mapping[str, Quantity]
    facts: Mapping[str, Fact]
    theorems: Mapping[str, Theorem]

    @cached_property
    def _tangents(self) -> dict[str, str]:
        return {quantity.tangent_of: name for name, quantity in self.quantities.items() if quantity.tangent_of}

    def with_quantity(self, quantity: Quantity) -> "Theory":
        """Return the theory with another definition."""
        return replace(self, quantities={**self.quantities, quantity.name: quantity})

    def with_fact(self, fact: Fact) -> "Theory":
        """Return the theory with another fact."""
        return replace(self, facts={**self.facts, fact.name: fact})

    def with_theorem(self, theorem: Theorem) -> "Theory":
        """Return the theory with another theorem."""
        return replace(self, theorems={**self.theorems, theorem.name: theorem})

    def terminal(self, name: str) -> Term | None:
        """Return the value of a quantity after the last step, if it has a definite one."""
        quantity = self.quantities[name]
        if quantity.tangent_of and quantity.terminal is None and quantity.unfolding is None:
            ended = self.quantities[quantity.tangent_of].terminal
            return None if ended is None else self.derivative(ended)
        return quantity.terminal

    def unfolding(self, name: str, case: Case = "") -> Term | None:
        """Return what a quantity is before the end, None if it is given; a tangent's is derived."""
        quantity = self.quantities[name]
        if quantity.by_case:
            return dict(quantity.by_case).get(case)
        if quantity.tangent_of and quantity.unfolding is None:
            of = self.quantities[quantity.tangent_of].unfolding
            if of is None:
                raise TermError(f"{quantity.tangent_of} is given, so that {name} needs a definition of its own")
            return self.derivative(of)
        return quantity.unfolding

    def derivative(self, term: Term) -> Term:
        """Return the derivative of a term along the direction that the tangent quantities speak of."""
        match term:
            case At(name, prefix, action, response):
                if name in self._tangents:
                    return At(self._tangents[name], prefix, action, response)
                if self.quantities[name].unfolding is not None or self.quantities[name].by_case:
                    raise TermError(f"{name} is defined and has no tangent")
                return Number(Fraction(0))
            case Number():
                return Number(Fraction(0))
            case Product(factors):
                return Sum(
                    tuple(
                        Product((*factors[:i], self.derivative(factor), *factors[i + 1 :]))
                        for i, factor in enumerate(factors)
                    )
                )
            case Power(base, exponent):
                return Number(Fraction(exponent)) * Power(base, exponent - 1) * self.derivative(base)
            case Log(argument):
                return self.derivative(argument) / argument
            case Sum() | Total():
                return rebuilt(term, tuple(self.derivative(inside) for inside in parts(term)))
            case _:
                raise TermError("a certificate has no derivative")

    def is_positive(self, term: Term) -> bool:
        """Whether a term is positive by its form: sums, products and powers of what is."""
        match term:
            case Number(value):
                return value > 0
            case At(name):
                return self.quantities[name].positive
            case Sum(terms):
                return bool(terms) and all(self.is_positive(inside) for inside in terms)
            case Product() | Power() | Total():
                return all(self.is_positive(inside) for inside in parts(term))
            case _:
                return False

    def mentioned(self, *terms: Term) -> set[str]:
        """Return the quantities in terms and facts, and in the definitions of those, and so on."""
        found: set[str] = set()
        waiting = list(terms)
        while waiting:
            for part in walk(waiting.pop()):
                if isinstance(part, Given):
                    waiting += self._written_in(part.fact)
                elif isinstance(part, At) and part.name not in found:
                    found.add(part.name)
                    quantity = self.quantities[part.name]
                    waiting += [t for _, t in quantity.by_case]
                    waiting += [t for t in (self.terminal(part.name), self.unfolding(part.name)) if t is not None]
        return found

    def _written_in(self, name: str) -> list[Term]:
        if name in self.facts:
            return [self.facts[name].term]
        return [self.theorems[name].left, self.theorems[name].right] if name in self.theorems else []

    def unsound(self, names: set[str]) -> str:
        """Return what is wrong with definitions: one needs itself at the same place, or is not positive as it says."""
        for name in sorted(names):
            quantity = self.quantities[name]
            terms = [t for t in (self.terminal(name), self.unfolding(name)) if t is not None]
            if quantity.positive and not all(self.is_positive(t) for t in (*terms, *(t for _, t in quantity.by_case))):
                return f"{name} is said to be positive, which its definition does not show"
        # From the root down first, then from the ends up: what is defined down does not need what is defined up.
        for name in sorted(names):
            if self.quantities[name].forward:
                for other in sorted(self.mentioned(*self._unfoldings(name))):
                    if not self.quantities[other].forward and (self._unfoldings(other) or self._endings(other)):
                        return f"{name} is defined from s to s·a, and needs {other}, which is not"
        circle = _circle({name: self._same_place(name) & names for name in names})
        if circle:
            return f"{circle}: defined by what it defines, at the same place"
        circle = _circle({name: _spoken_of(self._endings(name)) & names for name in names})
        return f"{circle}: defined by what it defines, after the last step" if circle else ""

    def _unfoldings(self, name: str) -> list[Term]:
        unfolding = self.unfolding(name)
        return [*([] if unfolding is None else [unfolding]), *(term for _, term in self.quantities[name].by_case)]

    def _endings(self, name: str) -> list[Term]:
        terminal = self.terminal(name)
        return [] if terminal is None else [terminal]

    def _same_place(self, name: str) -> set[str]:
        """Return what a definition needs that is not one action further down (forward: further up)."""
        forward = self.quantities[name].forward
        return {
            part.name
            for term in self._unfoldings(name)
            for part in walk(term)
            if isinstance(part, At) and (part.prefix is None or bool(part.prefix) == forward)
        }


def _spoken_of(terms: list[Term]) -> set[str]:
    return {part.name for term in terms for part in walk(term) if isinstance(part, At)}


def _circle(needs: dict[str, set[str]]) -> str:
    """Return the names that need one another, or what does; "" if there are none."""
    while ready := {name for name, needed in needs.items() if not needed}:
        needs = {name: needed - ready for name, needed in needs.items() if name not in ready}
    return ", ".join(sorted(needs))
