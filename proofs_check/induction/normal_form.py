"""The normal form of a term under the rules that a link cites, and when two terms are equal under them.

Without rules a Σ is an atom, named by its range and its body. Under linearity every Σ is taken apart into *moments*:
what does not depend on the index is pulled out of each monomial, and the rest, with the range in its name, is an
atom. So a goal becomes a polynomial in free atoms, and whether it is zero is decided by arithmetic on coefficients.
"""

from collections.abc import Collection
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from proofs_check.induction.atoms import depends, is_inverse, sum_atom
from proofs_check.induction.polynomials import Polynomial
from proofs_check.induction.scopes import ONLY
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
    at_action,
    parts,
    renamed,
)
from proofs_check.induction.theory import DISJOINT, HYPOTHESIS, LINEAR, LOGARITHM, ONE_ACTION, Case, Theorem, Theory

__all__ = ["Equations", "ended", "equal"]

# Far more rewriting than any proof needs: definitions that run in a circle end here.
_DEEPEST: Final = 40


class Equations:
    """The rules that one link may use.

    Parameters
    ----------
    theory : Theory
    cited : collection of str
        Rules, and names of quantities and theorems.
    hypothesis : Theorem, optional
        The statement that may be used at s·a, if the induction hypothesis is cited.
    case : Case
    """

    def __init__(
        self, theory: Theory, cited: Collection[str] = (), hypothesis: Theorem | None = None, case: Case = ""
    ) -> None:
        self.theory, self.case = theory, case
        self.linear, self.disjoint = LINEAR in cited, DISJOINT in cited
        self.logarithm, self.one_action = LOGARITHM in cited, ONE_ACTION in cited
        self.defined = {name for name in cited if name in theory.quantities}
        lemmas = [theory.theorems[name] for name in cited if name in theory.theorems]
        self._rewrites = [(lemma, True) for lemma in lemmas if lemma.relation == "="]
        if hypothesis is not None and HYPOTHESIS in cited and hypothesis.relation == "=":
            self._rewrites.append((hypothesis, False))
        for theorem, _ in self._rewrites:
            _refuse_loose(theorem)
        self._fresh = 0
        self._depth = 0

    def normal(self, term: Term) -> Polynomial:
        """Return the normal form."""
        match term:
            case Number(value):
                return Polynomial.constant(value)
            case At():
                return self._at(term)
            case Sum(terms):
                return Polynomial.total(self.normal(inside) for inside in terms)
            case Product(factors):
                found = Polynomial.constant(1)
                for inside in factors:
                    found = found * self.normal(inside)
                return found
            case Power(base, exponent):
                return self.normal(base) ** exponent if exponent >= 0 else self._inverse(self.normal(base)) ** -exponent
            case Log(argument):
                return self._log(self.normal(argument))
            case Total():
                return self._total(term)
            case _:
                raise TermError("what a fact gives has no normal form of its own")

    # -- places --------------------------------------------------------------------------------------------------------

    def _at(self, term: At) -> Polynomial:
        replaced = self._rewritten(term) or self._unfolded(term)
        return (
            Polynomial.atom(("at", term.name, term.prefix, term.action, term.response))
            if replaced is None
            else replaced
        )

    def _unfolded(self, term: At) -> Polynomial | None:
        if term.name not in self.defined:
            return None
        quantity, unfolding = self.theory.quantities[term.name], self.theory.unfolding(term.name, self.case)
        if unfolding is None:
            return None
        match quantity.kind:
            case "number":
                return self._deeper(unfolding)
            case "prefix" if bool(term.prefix) == quantity.forward:
                return self._deeper(renamed(unfolding, {"a": term.prefix} if term.prefix else None))
            case "pair":
                return self._deeper(renamed(unfolding, {"a": term.action}))
            case "response" if term.prefix == "" and term.response is not None and len(term.response) == 2:
                action, rest = term.response
                return self._deeper(renamed(unfolding, {"a": action}, {"y": (rest,)}))
            case _:
                return None  # at s·a, which may be past the last step

    def _rewritten(self, term: At) -> Polynomial | None:
        """Return what a lemma or the hypothesis says of a place, if it is the left side of one."""
        for theorem, everywhere in self._rewrites:
            place = _match(theorem, term)
            if place is not None and (everywhere or place[0]):
                return self._deeper(instance(theorem.right, *place))
        return None

    def _deeper(self, term: Term) -> Polynomial:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TermError("definitions or lemmas run in a circle")
        found = self.normal(term)
        self._depth -= 1
        return found

    # -- sums ----------------------------------------------------------------------------------------------------------

    def _total(self, term: Total) -> Polynomial:
        if term.prefix is None and self.one_action:
            return self.normal(renamed(term.body, {term.bound: ONLY}))
        # A name that nothing else has, so that what is put in its scope later cannot be caught.
        self._fresh += 1
        if term.prefix == "" and self.disjoint:
            action, rest = f"a.{self._fresh}", f"y.{self._fresh}"
            return self.normal(
                Total(None, action, Total(action, rest, renamed(term.body, None, {term.bound: (action, rest)})))
            )
        bound = f"{term.bound}.{self._fresh}"
        names = {term.bound: bound}
        body = renamed(term.body, names) if term.prefix is None else renamed(term.body, None, {term.bound: (bound,)})
        inside = self.normal(body)
        if not self.linear:
            return inside if inside.is_zero else self._moment(term.prefix, bound, inside)
        found = []
        for monomial, coefficient in inside.terms.items():
            within = frozenset(power for power in monomial if depends(power[0], bound))
            moment = self._moment(term.prefix, bound, Polynomial({within: 1}))
            found.append(Polynomial({monomial - within: coefficient}) * moment)
        return Polynomial.total(found)

    def _moment(self, prefix: str | None, bound: str, body: Polynomial) -> Polynomial:
        """Return a sum as an atom, or what a lemma or the hypothesis says that it is."""
        atom = sum_atom(prefix, bound, body)
        for theorem, everywhere in self._rewrites:
            left, at = theorem.left, prefix or ""
            if not isinstance(left, Total) or (left.prefix is None) != (prefix is None):
                continue
            if not (everywhere if at == "" else theorem.by_induction):
                continue
            pattern = Equations(self.theory, (LINEAR,) if self.linear else ())
            pattern._fresh = self._fresh  # the range may have a name from here
            if pattern.normal(instance(left, at)) == Polynomial.atom(atom):
                return self._deeper(instance(theorem.right, at))
        return Polynomial.atom(atom)

    # -- quotients and logarithms --------------------------------------------------------------------------------------

    def _inverse(self, base: Polynomial) -> Polynomial:
        if base.is_zero or not self._is_positive(base):
            raise TermError("divides by what is not known to be positive")
        if len(base.terms) == 1:
            return base**-1
        # One name for all multiples of a sum.
        scale = 1 / Fraction(min(base.terms.values()))
        return Polynomial.atom(("inverse", (base * scale).items)) * scale

    def _log(self, argument: Polynomial) -> Polynomial:
        if argument.is_zero or not self._is_positive(argument):
            raise TermError("takes the logarithm of what is not known to be positive")
        if argument == Polynomial.constant(1):
            return Polynomial()
        if not self.logarithm or len(argument.terms) != 1:
            return Polynomial.atom(("log", argument.items))
        ((monomial, coefficient),) = argument.terms.items()
        found = Polynomial() if coefficient == 1 else Polynomial.atom(("log", Polynomial.constant(coefficient).items))
        for atom, exponent in monomial:
            found = found + Polynomial.atom(("log", Polynomial.atom(atom).items)) * exponent
        return found

    def _is_positive(self, polynomial: Polynomial) -> bool:
        return all(
            coefficient > 0 and all(self._is_positive_atom(atom) for atom, _ in monomial)
            for monomial, coefficient in polynomial.terms.items()
        )

    def _is_positive_atom(self, atom: Any) -> bool:
        match atom[0]:
            case "at":
                return self.theory.quantities[atom[1]].positive
            case "sum" | "inverse":
                return self._is_positive(Polynomial(dict(atom[-1])))
            case _:
                return False


def equal(mine: Polynomial, theirs: Polynomial) -> bool:
    """Whether two normal forms agree, whatever positive numbers stand for the atoms."""
    difference = mine - theirs
    # Multiply by every sum that is divided by; each is positive.
    while inverses := [atom for atom in difference.atoms() if is_inverse(atom)]:
        inverse = inverses[0]
        most, base = difference.degree_in(inverse), Polynomial(dict(inverse[1]))  # type: ignore[index]
        cleared = Polynomial()
        for monomial, coefficient in difference.terms.items():
            exponent = dict(monomial).get(inverse, 0)
            rest = Polynomial({frozenset(power for power in monomial if power[0] != inverse): coefficient})
            cleared = cleared + rest * base ** (most - exponent)
        difference = cleared
    return difference.is_zero


def ended(term: Term, theory: Theory, response: str = "y") -> Term:
    """Return the term after the last step: s a leaf, and every response below it the empty one."""
    return _ended(term, theory, frozenset({response}))


def _ended(term: Term, theory: Theory, empty: frozenset[str], depth: int = 0) -> Term:
    if depth > _DEEPEST:
        raise TermError("definitions run in a circle after the last step")
    match term:
        case At(_, None):
            return term
        case At(name, "", "", response) if response is None or (len(response) == 1 and response[0] in empty):
            value = theory.terminal(name)
            if value is None and (response is not None or _is_defined(name, theory)):
                raise TermError(f"{name} has no value after the last step")
            return term if value is None else _ended(value, theory, empty, depth + 1)
        case Total("", bound, body):
            return _ended(body, theory, empty | {bound}, depth)
        case At() | Total():
            raise TermError("after the last step there are no actions")
        case Sum(inside):
            return Sum(tuple(_ended(part, theory, empty, depth) for part in inside))
        case Product(inside):
            return Product(tuple(_ended(part, theory, empty, depth) for part in inside))
        case Power(base, exponent):
            return Power(_ended(base, theory, empty, depth), exponent)
        case Log(argument):
            return Log(_ended(argument, theory, empty, depth))
        case _:
            return term


def _is_defined(name: str, theory: Theory) -> bool:
    quantity = theory.quantities[name]
    return not quantity.forward and (theory.unfolding(name) is not None or bool(quantity.by_case))


def instance(term: Term, prefix: str = "", name: str = "", response: tuple[str, ...] = ()) -> Term:
    """Return a side of a theorem at a prefix, for an action or a response."""
    if prefix:
        term = at_action(term, prefix)
    return renamed(term, {"a": name} if name else None, {"y": response} if response else None)


def _match(theorem: Theorem, term: At) -> tuple[str, str, tuple[str, ...]] | None:
    """Return where a theorem has to be used for its left side to be this place; None if it is nowhere.

    A left side at s·a is at an action, whichever: it says nothing of s. One at s is at s·a too, if that is proved.
    """
    left = theorem.left
    if not isinstance(left, At) or left.name != term.name or left.prefix is None or term.prefix is None:
        return None
    if bool(left.action) != bool(term.action) or (left.response is None) != (term.response is None):
        return None
    if left.prefix:
        alone = not (left.action or left.response or theorem.by_induction)
        return ("", term.prefix, ()) if alone and term.prefix else None
    if left.action:
        return ("", term.action, ()) if not term.prefix else None
    if left.response is not None and len(left.response) > 1:
        return None
    if term.prefix and not theorem.by_induction:
        return None
    return term.prefix, "", term.response or ()


def _refuse_loose(theorem: Theorem) -> None:
    """Refuse a theorem whose right side is about an action or a response that the left side does not give."""
    fixed = _free(theorem.left)
    loose = sorted(_free(theorem.right) - fixed)
    if loose:
        raise TermError(f"{theorem.name} does not say by its left side what {loose[0]} is, and rewrites nothing")
    if fixed and isinstance(theorem.left, Total):
        raise TermError(f"{theorem.name} is about a sum for one {sorted(fixed)[0]}, and rewrites nothing")


@lru_cache(maxsize=10_000)
def _free(term: Term) -> frozenset[str]:
    """Return the names that no sum in the term binds."""
    match term:
        case At(_, prefix, action, response) | Given(_, prefix, action, response):
            return frozenset({prefix or "", action, *(response or ())} - {""})
        case Total(prefix, bound, body):
            return (_free(body) - {bound}) | frozenset({prefix or ""} - {""})
        case _:
            return frozenset().union(*(_free(inside) for inside in parts(term)))
