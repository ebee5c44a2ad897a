"""The anchor: definitions, facts, the statement and every link, in exact numbers on random trees, against enumeration.

The rules of the proofs see names alone. Here each name has the value that plain enumeration gives it, so that a
definition which is not what its name says, a fact which does not hold or a link which is not so is found.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from proofs_check.induction.cones import facts_in
from proofs_check.induction.enumeration import NUMBERS, PAIRS, PREFIXES, RESPONSES
from proofs_check.induction.logarithms import Exact, is_zero, log, quotient, sign
from proofs_check.induction.terms import At, Log, Number, Power, Product, Sum, Term, TermError, Total
from proofs_check.induction.theory import Case, Fact, Theorem, Theory
from proofs_check.induction.trees import Prefix, Response, World, worlds

__all__ = ["SEED", "TREES", "Anchored", "anchored", "value"]

TREES: Final = 12
SEED: Final = 0
_Scope = Mapping[str, Prefix | Response]


@dataclass(frozen=True)
class Anchored:
    """What came of the comparison.

    Attributes
    ----------
    trees : int
    seed : int
    evaluations : int
        How many equalities and inequalities were decided.
    fault : str
        The first that does not hold; "" if all do.
    """

    trees: int
    seed: int
    evaluations: int
    fault: str = ""

    @property
    def ok(self) -> bool:
        """Whether all hold, and there was something to compare."""
        return not self.fault and self.evaluations > 0


def anchored(theory: Theory, theorem: Theorem, quantities: Iterable[str], trees: int, seed: int) -> Anchored:
    """Compare with enumeration all that a theorem and its definitions say."""
    evaluations = 0
    for number, tree in enumerate(_trees(trees, seed), start=1):
        try:
            for what, holds in _comparisons(theory, theorem, sorted(quantities), tree):
                evaluations += 1
                if not holds:
                    return Anchored(number, seed, evaluations, f"{what}, on tree {number} ({tree.world.label})")
        except (TermError, KeyError, ZeroDivisionError) as error:
            return Anchored(number, seed, evaluations, f"no value on tree {number} ({tree.world.label}): {error}")
    return Anchored(trees, seed, evaluations)


def value(term: Term, world: World, s: Prefix, **names: Prefix | Response) -> Exact:
    """Return the value of a term at a prefix, with prefixes for the names of actions and responses for theirs."""
    return _Tree(world).value(term, s, names)


@lru_cache(maxsize=4)
def _trees(number: int, seed: int) -> tuple["_Tree", ...]:
    return tuple(_Tree(world) for world in worlds(number, seed))


class _Tree:
    """A tree that remembers the values of quantities."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.prefixes = world.prefixes()
        self._known: dict[object, Exact] = {}

    def value(self, term: Term, s: Prefix, names: _Scope) -> Exact:
        match term:
            case Number(number):
                return number
            case At():
                return self._at(term, s, names)
            case Sum(terms):
                found: Exact = Fraction(0)
                for inside in terms:
                    found = found + self.value(inside, s, names)
                return found
            case Product(factors):
                found = Fraction(1)
                for inside in factors:
                    found = found * self.value(inside, s, names)
                return found
            case Power(base, exponent):
                found, inside_value = Fraction(1), self.value(base, s, names)
                for _ in range(abs(exponent)):
                    found = found * inside_value
                return found if exponent >= 0 else quotient(Fraction(1), found)
            case Log(argument):
                return log(self.value(argument, s, names))
            case Total(prefix, bound, body):
                found = Fraction(0)
                for index in s.below if prefix is None else self.world.responses(_prefix(prefix, s, names)):
                    found = found + self.value(body, s, {**names, bound: index})
                return found
            case _:
                raise TermError("a certificate is no number")

    def _at(self, term: At, s: Prefix, names: _Scope) -> Exact:
        key: tuple[object, ...]
        if term.prefix is None:
            key = (term.name,)
        elif term.action:
            key = (term.name, _action(term.action, s, names))
        else:
            at = _prefix(term.prefix, s, names)
            key = (term.name, at) if term.response is None else (term.name, at, _response(term.response, names))
        if key not in self._known:
            self._known[key] = self._enumerated(term, key)
        return self._known[key]

    def _enumerated(self, term: At, key: tuple[object, ...]) -> Exact:
        match key[1:]:
            case ():
                return NUMBERS[term.name](self.world)
            case (Prefix() as at,) if term.action:
                return PAIRS[term.name](self.world, at)
            case (Prefix() as at,):
                return PREFIXES[term.name](self.world, at)
            case (Prefix() as at, tuple() as y):
                _follow(at, y)
                return RESPONSES[term.name](self.world, at, y)
            case _:
                raise TermError(f"no place for {term.name}")


def _prefix(name: str, s: Prefix, names: _Scope) -> Prefix:
    at = names[name] if name else s
    if not isinstance(at, Prefix):
        raise TermError(f"{name} is no action")
    return at


def _action(name: str, s: Prefix, names: _Scope) -> Prefix:
    at = _prefix(name, s, names)
    if at.above is not s:
        raise TermError(f"{name} is no action at s")
    return at


def _response(path: tuple[str, ...], names: _Scope) -> Response:
    found: Response = ()
    for name in path:
        part = names[name]
        found += (part,) if isinstance(part, Prefix) else part
    return found


def _follow(at: Prefix, y: Response) -> None:
    """Refuse what is no response below a prefix."""
    for to in y:
        if to.above is not at:
            raise TermError("a response that begins elsewhere")
        at = to
    if at.below:
        raise TermError("a response that stops before its end")


# -- what is compared --------------------------------------------------------------------------------------------------


def _comparisons(theory: Theory, theorem: Theorem, quantities: list[str], tree: _Tree) -> Iterator[tuple[str, bool]]:
    for name in quantities:
        yield from _definition(theory, name, tree)
    for name in sorted({fact for link in theorem.links if link.certificate for fact in facts_in(link.certificate)}):
        if name in theory.facts:
            yield from _fact(theory.facts[name], tree)
    for s in tree.prefixes:
        for names in _everywhere(theorem.kind, s, tree):
            left, right = (tree.value(side, s, names) for side in (theorem.left, theorem.right))
            yield f"the statement at depth {s.depth}", _related(left, right, theorem.relation)
    yield from _links(theorem, tree)


def _definition(theory: Theory, name: str, tree: _Tree) -> Iterator[tuple[str, bool]]:
    """Compare a quantity with its value after the last step, and with its definition before."""
    quantity, ends = theory.quantities[name], theory.terminal(name)
    if quantity.kind == "number":
        unfolding = theory.unfolding(name)
        if unfolding is not None:
            mine = tree.value(At(name, None), tree.world.root, {})
            yield f"the definition of {name}", is_zero(mine - tree.value(unfolding, tree.world.root, {}))
        return
    for s in tree.prefixes:
        if not s.below:
            if ends is not None:
                place = At(name, "", "", ("y",) if quantity.kind == "response" else None)
                mine, theirs = (tree.value(term, s, {"y": ()}) for term in (place, ends))
                yield f"{name} after the last step", is_zero(mine - theirs)
            continue
        unfolding = theory.unfolding(name, _case(s))
        if unfolding is None:
            continue
        match quantity.kind:
            case "prefix" if quantity.forward:
                place = At(name, "a")
            case "prefix":
                place = At(name)
            case "pair":
                place = At(name, "", "a")
            case _:
                place = At(name, "", "", ("a", "y"))
        scopes = _going_on(s, tree) if quantity.kind == "response" else [{"a": s_a} for s_a in s.below]
        for names in scopes if quantity.kind != "prefix" or quantity.forward else [{}]:
            mine, theirs = (tree.value(term, s, names) for term in (place, unfolding))
            yield f"the definition of {name} at depth {s.depth}", is_zero(mine - theirs)


def _fact(fact: Fact, tree: _Tree) -> Iterator[tuple[str, bool]]:
    for s in tree.prefixes:
        for names in _everywhere("step" if fact.kind == "prefix" else fact.kind, s, tree):
            if s.below or fact.kind == "response":
                yield f"the fact {fact.name} at depth {s.depth}", sign(tree.value(fact.term, s, names)) >= 0


def _links(theorem: Theorem, tree: _Tree) -> Iterator[tuple[str, bool]]:
    for s in tree.prefixes:
        for step in theorem.steps:
            if not s.below or step.case not in ("", _case(s)):
                continue
            for names in _going_on(s, tree) if theorem.kind == "response" else _everywhere(theorem.kind, s, tree):
                names = {**names, "only": s.below[0]} if len(s.below) == 1 else names
                before = tree.value(theorem.left, s, _whole(names))
                for number, link in enumerate(step.links, start=1):
                    after = tree.value(link.to, s, names)
                    relation = "=" if link.certificate is None else "≤"
                    yield f"link {number} at depth {s.depth}", _related(before, after, relation)
                    before = after


def _whole(names: _Scope) -> _Scope:
    """For the statement at a·y, which is written for y."""
    a, y = names.get("a"), names.get("y")
    return {**names, "y": (a, *y)} if isinstance(a, Prefix) and isinstance(y, tuple) else names


def _everywhere(kind: str, s: Prefix, tree: _Tree) -> list[_Scope]:
    """Return what the names of a statement at s can be."""
    match kind:
        case "prefix" | "number":
            return [{}]
        case "step":
            return [{}] if s.below else []
        case "pair":
            return [{"a": s_a} for s_a in s.below]
        case _:
            return [{"y": y} for y in tree.world.responses(s)]


def _going_on(s: Prefix, tree: _Tree) -> list[_Scope]:
    return [{"a": s_a, "y": y} for s_a in s.below for y in tree.world.responses(s_a)]


def _case(s: Prefix) -> Case:
    return "several actions" if len(s.below) > 1 else "one action"


def _related(left: Exact, right: Exact, relation: str) -> bool:
    return is_zero(right - left) if relation == "=" else sign(right - left) >= 0
