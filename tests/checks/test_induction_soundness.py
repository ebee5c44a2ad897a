"""What the rules prove is so, whatever the definitions: also from wrong ones, worked out one action at a time."""

from collections import Counter
from fractions import Fraction
from random import Random

import pytest

from proofs_check.induction import PROOFS, perturbed
from proofs_check.induction.anchor import _case, _everywhere, _fact, _related, _Tree
from proofs_check.induction.checking import Checker
from proofs_check.induction.cones import facts_in
from proofs_check.induction.logarithms import is_zero, log, quotient
from proofs_check.induction.normal_form import Equations
from proofs_check.induction.scopes import Scope, misread
from proofs_check.induction.terms import At, Log, TermError
from proofs_check.induction.theorems import THEORY
from proofs_check.induction.theorems.common import ONE, proof
from proofs_check.induction.theory import DISJOINT, HYPOTHESIS, LINEAR, LOGARITHM, ONE_ACTION, Link, Theorem
from proofs_check.induction.trees import worlds
from proofs_check.induction.vocabulary import (
    alpha,
    beta,
    d_exp_R,
    d_exp_V,
    each_action,
    each_response,
    exp_A_f,
    exp_phi,
    exp_q,
    exp_R,
    exp_r,
    exp_R_f,
    exp_r_phi,
    exp_U,
    exp_V,
    expected_d,
    f,
    mass,
    p,
    pi,
    rho,
    s,
    s_a,
    several,
)


class ByDefinition(_Tree):
    """A tree on which a quantity is what its definition makes of it, not what its name says."""

    def __init__(self, world, theory):
        super().__init__(world)
        self.theory = theory

    def _enumerated(self, term, key):
        theory, quantity = self.theory, self.theory.quantities[term.name]
        place = key[1] if len(key) > 1 else self.world.root
        match quantity.kind:
            case "number":
                at, names, unfolding = place, {}, theory.unfolding(term.name)
            case "pair":
                at, names, unfolding = place.above, {"a": place}, theory.unfolding(term.name)
            case "prefix" if quantity.forward:
                at, names, unfolding = place.above, {"a": place}, at_root(theory.unfolding(term.name), place)
            case "prefix" if place.below:
                at, names, unfolding = place, {}, theory.unfolding(term.name, _case(place))
            case "response" if key[2]:
                first, *rest = key[2]
                at, names, unfolding = place, {"a": first, "y": tuple(rest)}, theory.unfolding(term.name)
            case _:
                at, names, unfolding = place, {"y": ()}, theory.terminal(term.name)
        return super()._enumerated(term, key) if unfolding is None else self.value(unfolding, at, names)


def at_root(unfolding, place):
    return None if place.above is None else unfolding


def holds(theory, name):
    """Whether a statement holds on random trees, its facts granted; how often it was tried."""
    theorem, tried = theory.theorems[name], 0
    facts = all_facts(theory, name)
    for world in worlds(12, 4):
        tree = ByDefinition(world, theory)
        if not all(so for fact in facts for _, so in _fact(fact, tree)):
            continue
        for at in tree.prefixes:
            for names in _everywhere(theorem.kind, at, tree):
                left, right = (tree.value(side, at, names) for side in (theorem.left, theorem.right))
                tried += 1
                if not _related(left, right, theorem.relation):
                    return False, tried
    return True, tried


def all_facts(theory, name):
    names, waiting = set(), [name]
    while waiting:
        theorem = theory.theorems[waiting.pop()]
        for link in theorem.links:
            names |= facts_in(link.certificate) if link.certificate is not None else set()
            waiting += [cited for cited in link.by if cited in theory.theorems]
    return [theory.facts[fact] for fact in sorted(names) if fact in theory.facts]


def accepted(name):
    """Theories with a wrong definition from which the rules still prove a theorem."""
    for change in perturbed(name):
        if change.kind == "definition":
            result = change.check(anchor=False)
            if result.derived and all(result.lemmas.values()):
                yield change


@pytest.mark.parametrize("name", PROOFS)
def test_sound(name):
    for change in accepted(name):
        assert holds(change.theory, name)[0], change.name


def test_there_is_something_to_try():
    tried = [holds(change.theory, "S5-Lstar")[1] for change in accepted("S5-Lstar")]
    assert len(tried) > 10
    assert min(tried) > 50


def test_definitions_are_followed():
    """The definitions as they are give what enumeration gives; a wrong one gives something else."""
    for name in PROOFS:
        assert holds(THEORY, name)[0]
    change = next(change for change in perturbed("P1-logZ") if change.name == "definition of e^V: e^q squared")
    assert not holds(change.theory, "P1-logZ")[0]


# -- lemmas, at their places -------------------------------------------------------------------------------------------


def stated(name, kind, left, right, by=()):
    steps = proof(Link(right, by))
    return Theorem(
        name=name, title="", place="", claims={}, statement="", kind=kind, left=left, right=right, steps=steps
    )


def test_a_lemma_at_an_action_says_nothing_of_s():
    """That e^V(s·a) = e^q/e^r says nothing of e^V(s): not even times what is 0 where there are few actions."""
    after = exp_q("a") / exp_r("a")
    few = ONE
    for k in range(1, 9):
        few = few * (each_action(1) - k)
    theory = THEORY.with_theorem(stated("L", "pair", exp_V(s_a), after, ("e^q",)))
    for name, left, right in (("Y", exp_V(s), after), ("X", few * exp_V(s), few * after)):
        theory = theory.with_theorem(stated(name, "pair", left, right, ("L",)))
    assert Checker(theory).check("L").proved
    for name in "XY":
        assert not Checker(theory, anchor=False).check(name).derived
        for seed in range(6):
            assert not Checker(theory, 12, seed).check(name).proved


def _sum(prefix, bound="z"):
    return each_response(prefix, exp_R(prefix, bound), bound)


# Each is so, of its own kind: at s·a, for a pair, before the end, everywhere, for a response, and of sums.
TRUE = (
    stated("V at s·a", "pair", exp_V(s_a), exp_q("a") / exp_r("a")),
    stated("β at s·a", "pair", beta(s_a), _sum("a")),
    stated("φ at s·a", "pair", exp_phi(s_a), exp_r("a") * exp_phi(s) / exp_r_phi("a")),
    stated("q", "pair", exp_q("a"), exp_r("a") * _sum("a")),
    stated("π", "pair", pi("a"), exp_r("a") * exp_V(s_a) / each_action(exp_q("b"), "b")),
    stated("V before the end", "step", exp_V(s), each_action(exp_r("b") * _sum("b"), "b")),
    stated("V", "prefix", exp_V(s), _sum(s)),
    stated("β", "prefix", beta(s), exp_V(s)),
    stated("p", "response", p(s, "y"), exp_R(s, "y") / _sum(s)),
    stated("R", "response", exp_R(s, "y"), p(s, "y") * exp_V(s)),
    stated("p_f", "response", f.p(s, "y"), exp_R_f(s, "y") / exp_A_f(s, "y")),
    stated("ΣR", "prefix", _sum(s), exp_V(s)),
    stated("Σp", "prefix", each_response(s, p(s, "y")), ONE),
    stated("Σπ", "step", each_action(pi("a")), ONE),
    stated("Σq", "step", each_action(exp_q("a")), beta(s)),
)
RULES = (LINEAR, DISJOINT, LOGARITHM)
DEFINED = ("e^V", "e^q", "e^R", "π", "p", "α", "β", "e^r'", "p_f", "π_f", "e^V_f", "b", "e^U", "ρ", "P", "e^A_f", "Ed")
DERIVED = ("∂e^V", "∂e^q", "∂e^R")


class Evaluated(_Tree):
    """A tree that gives normal forms a value, atom by atom."""

    def polynomial(self, items, at, names):
        found = Fraction(0)
        for monomial, coefficient in items:
            part = Fraction(coefficient)
            for atom, exponent in monomial:
                value = self.atom(atom, at, names)
                for _ in range(abs(exponent)):
                    part = part * value if exponent > 0 else part * quotient(Fraction(1), value)
            found = found + part
        return found

    def atom(self, atom, at, names):
        match atom:
            case ("at", *place):
                return self.value(At(*place), at, names)
            case ("inverse", items):
                return quotient(Fraction(1), self.polynomial(items, at, names))
            case ("log", items):
                return log(self.polynomial(items, at, names))
            case ("sum", prefix, index, items):
                over = at.below if prefix is None else self.world.responses(names[prefix] if prefix else at)
                found = Fraction(0)
                for each in over:
                    found = found + self.polynomial(items, at, {**names, index: each})
                return found


def leaf(rng, actions, responses):
    found = [exp_V(s), beta(s), exp_phi(s), alpha(s), f.exp_V(s), exp_U(s), mass(s), several(s)]
    for a in actions:
        found += [exp_V(a), exp_V(a), exp_V(a), beta(a), exp_phi(a), alpha(a), exp_U(a), mass(a), d_exp_V(a)]
        found += [exp_r(a), exp_q(a), pi(a), f.pi(a), exp_r_phi(a)]
    for place in responses:
        found += [each(*place) for each in (exp_R, p, f.p, exp_A_f, rho, d_exp_R, expected_d)]
    return rng.choice(found)


def random_term(rng, depth, actions, responses, used=0):
    inner = lambda: random_term(rng, depth - 1, actions, responses, used)  # noqa: E731
    if not depth:
        return leaf(rng, actions, responses)
    match rng.randrange(9):
        case 0 | 1:
            return inner() * inner()
        case 2:
            return inner() - inner()
        case 3:
            below = [exp_V(a) + 2 * beta(a) for a in actions] + [exp_q(a) for a in actions]
            return inner() / rng.choice([exp_V(s), exp_phi(s), beta(s) + exp_V(s), *below])
        case 4:
            below = [exp_V(a) for a in actions] + [exp_R(*place) for place in responses]
            of = rng.choice([exp_V(s) / exp_phi(s), 2 * exp_V(s) * beta(s), *below])
            return leaf(rng, actions, responses) * Log(of)
        case 5 | 6:
            # Names that statements use too, and names that are bound already.
            name = f"v{used}" if responses else rng.choice(("a", "b", f"v{used}"))
            others = [a for a in actions if a != name]
            return each_action(random_term(rng, depth - 1, [*others, name], responses, used + 1), name)
        case _:
            at, name = rng.choice([s, *actions]), f"y{used}"
            more = [(at, name), *([(s, (at, name))] if at else [])]
            return each_response(at, random_term(rng, depth - 1, actions, [*responses, *more], used + 1), name)


NAMES = {
    "step": ([], [], Scope()),
    "pair": (["a"], [], Scope({"a": 1})),
    "response": (["a"], [("a", "y"), (s, ("a", "y"))], Scope({"a": 1}, {"y": 1})),
}


@pytest.mark.parametrize("seed", range(2))
def test_rules_keep_values(seed):
    """A term and its normal form have one value, by whatever rules, definitions, lemmas and hypothesis it came."""
    rng, theory, used, circles = Random(seed), THEORY, Counter(), 0
    for each in TRUE:
        theory = theory.with_theorem(each)
    trees = [Evaluated(world) for world in worlds(12, seed) if len(world.prefixes()) < 16]
    for _ in range(600):
        kind, (at, tree) = (
            rng.choice(list(NAMES)),
            rng.choice([(at, t) for t in trees for at in t.prefixes if at.below]),
        )
        actions, responses, scope = NAMES[kind]
        term = random_term(rng, rng.randint(1, 3), actions, responses)
        assert misread(term, theory, scope) == ""
        hypothesis = rng.choice([None, *(each for each in TRUE if each.by_induction)])
        by = [*rng.sample(RULES, rng.randrange(3)), *rng.sample(DEFINED + DERIVED, rng.randrange(7))]
        by += [each.name for each in rng.sample(TRUE, rng.randrange(4))] + ([HYPOTHESIS] if hypothesis else [])
        case = "one action" if len(at.below) == 1 else "several actions"
        by += [ONE_ACTION] if case == "one action" and rng.random() < 0.5 else []
        try:
            found = Equations(theory, by, hypothesis, case).normal(term)
        except TermError:  # definitions and lemmas that undo each other run in a circle
            circles += 1
            continue
        a = rng.choice(at.below)
        names = {"only": at.below[0], "a": a, "y": rng.choice(tree.world.responses(a))}
        assert is_zero(tree.value(term, at, names) - tree.polynomial(found.items, at, names)), (term, by, hypothesis)
        used.update(by if found != Equations(theory).normal(term) else ())
    assert {each.name for each in TRUE} | {*RULES, *DEFINED, *DERIVED, HYPOTHESIS, ONE_ACTION} <= set(used)
    assert circles < 60
