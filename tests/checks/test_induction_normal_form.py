"""The normal form against sums written out for one, two and three actions, in SymPy's field of rational functions."""

from fractions import Fraction
from itertools import product
from random import Random

import pytest
from sympy import QQ
from sympy.polys.fields import field

from proofs_check.induction import normal_form
from proofs_check.induction.checking import Checker, link_fault
from proofs_check.induction.cones import not_negative
from proofs_check.induction.normal_form import Equations, ended, equal
from proofs_check.induction.polynomials import Polynomial
from proofs_check.induction.terms import (
    At,
    Given,
    Log,
    Number,
    Power,
    Product,
    Sum,
    TermError,
    Total,
    at_action,
    renamed,
)
from proofs_check.induction.theorems import THEORY
from proofs_check.induction.theorems.common import proof
from proofs_check.induction.theory import DISJOINT, HYPOTHESIS, LINEAR, LOGARITHM, ONE_ACTION, Link, Step, Theorem
from proofs_check.induction.vocabulary import (
    beta,
    control,
    each_action,
    each_response,
    epsilon,
    exp_phi,
    exp_q,
    exp_R,
    exp_r,
    exp_V,
    f,
    p,
    s,
    s_a,
    x,
)

# -- written out -------------------------------------------------------------------------------------------------------


class Tree:
    """s with some actions, and some responses below each; every quantity at every place is a symbol."""

    def __init__(self, responses):
        self.responses = responses
        self.names = {}
        places = list(self._places())
        self.field, *symbols = field([f"g{n}" for n in range(len(places))], QQ)
        self.names = dict(zip(places, symbols, strict=True))

    def _places(self):
        for name in ("e^V", "β", "e^φ", "x"):
            yield (name,)
        for i, number in enumerate(self.responses):
            for name in ("e^V", "β", "e^φ", "e^r", "e^q"):
                yield (name, i)
            for name, j in product(("e^R", "p"), range(number)):
                yield (name, i, "below s·a", j)
                yield (name, i, "below s", j)

    def number(self, value):
        return self.field(QQ(value.numerator, value.denominator))

    def range(self, prefix, names):
        if prefix is None:
            return list(range(len(self.responses)))
        if prefix:
            return list(range(self.responses[names[prefix]]))
        return [(i, j) for i, number in enumerate(self.responses) for j in range(number)]

    def at(self, name, prefix, action, response, names):
        if prefix is None:
            return self.names[(name,)]
        if response is None:
            return self.names[(name, names[action or prefix])] if action or prefix else self.names[(name,)]
        if prefix:
            return self.names[(name, names[prefix], "below s·a", names[response[0]])]
        i, j = names[response[0]] if len(response) == 1 else (names[response[0]], names[response[1]])
        return self.names[(name, i, "below s", j)]

    def term(self, term, names):
        match term:
            case Number(value):
                return self.number(value)
            case At(name, prefix, action, response):
                return self.at(name, prefix, action, response, names)
            case Sum(terms):
                return sum((self.term(part, names) for part in terms), self.field(0))
            case Product(factors):
                found = self.field(1)
                for part in factors:
                    found = found * self.term(part, names)
                return found
            case Power(base, exponent):
                return self.term(base, names) ** exponent
            case Total(prefix, bound, body):
                inside = (self.term(body, {**names, bound: index}) for index in self.range(prefix, names))
                return sum(inside, self.field(0))

    def polynomial(self, items, names):
        found = self.field(0)
        for monomial, coefficient in items:
            part = self.number(Fraction(coefficient))
            for atom, exponent in monomial:
                part = part * self.atom(atom, names) ** exponent
            found = found + part
        return found

    def atom(self, atom, names):
        match atom:
            case ("at", name, prefix, action, response):
                return self.at(name, prefix, action, response, names)
            case ("inverse", items):
                return 1 / self.polynomial(items, names)
            case ("sum", prefix, index, items):
                inside = (self.polynomial(items, {**names, index: at}) for at in self.range(prefix, names))
                return sum(inside, self.field(0))


TREES = [Tree((1,)), Tree((2,)), Tree((1, 2)), Tree((2, 1)), Tree((1, 2, 1))]


def random_term(rng, depth, bound=()):
    """A term at s, with sums in sums; `bound` are the names at hand and what they range over."""
    actions = [name for name, kind in bound if kind == "action"]
    leaves = [exp_V(s), beta(s), exp_phi(s), x(), Number(Fraction(rng.randint(1, 3), rng.randint(1, 2)))]
    for name in actions:
        leaves += [exp_r(name), exp_q(name), exp_V(name), beta(name)]
    for name, kind in bound:
        if kind != "action":
            at, response = kind
            leaves += [exp_R(at, (*response, name)), p(at, (*response, name))]
    if depth == 0:
        return rng.choice(leaves)
    fresh = f"v{len(bound)}"
    inner = lambda *more: random_term(rng, depth - 1, (*bound, *more))  # noqa: E731
    match rng.randrange(7):
        case 0 | 1:
            return inner() * inner()
        case 2:
            return inner() + rng.choice((1, -1)) * inner()
        case 3:
            return inner() / rng.choice(leaves[:3] + leaves[5:])
        case 4:
            return each_action(inner((fresh, "action")), fresh)
        case 5:
            return each_response(s, inner((fresh, (s, ()))), fresh)
        case _:
            if not actions:
                return each_action(inner((fresh, "action")), fresh)
            name = rng.choice(actions)
            return each_response(name, inner((fresh, rng.choice(((name, ()), (s, (name,)))))), fresh)


@pytest.mark.parametrize("rules", [(), (LINEAR,), (DISJOINT,), (LINEAR, DISJOINT)])
def test_sums_written_out(rules):
    rng = Random(5)
    for _ in range(60):
        term = random_term(rng, rng.randint(2, 4))
        found = Equations(THEORY, rules).normal(term)
        for tree in TREES:
            assert tree.polynomial(found.items, {}) == tree.term(term, {}), term


def test_what_is_called_equal_is():
    """Pairs of terms: where the normal forms agree the sums do, and where the sums differ so do the normal forms."""
    rng, agreed, differed = Random(8), 0, 0
    rules = Equations(THEORY, (LINEAR, DISJOINT))
    for _ in range(150):
        mine = random_term(rng, 3)
        theirs = mine * exp_V(s) / exp_V(s) if rng.random() < 0.3 else random_term(rng, 3)
        same = equal(rules.normal(mine), rules.normal(theirs))
        written = all(tree.term(mine, {}) == tree.term(theirs, {}) for tree in TREES)
        assert not same or written
        agreed, differed = agreed + same, differed + (not written)
    assert agreed > 20
    assert differed > 50


def test_a_sum_that_is_divided_by():
    total = 1 / (exp_V(s) + beta(s))
    rules = Equations(THEORY)
    assert equal(rules.normal(total * exp_V(s) + total * beta(s)), rules.normal(Number(Fraction(1))))
    assert equal(rules.normal(1 / (2 * exp_V(s) + 2 * beta(s))), rules.normal(total / 2))
    assert not equal(rules.normal(total * exp_V(s)), rules.normal(Number(Fraction(1))))


def test_one_action():
    rules = Equations(THEORY, (ONE_ACTION,), case="one action")
    assert rules.normal(each_action(exp_r("a")) ** 2) == rules.normal(each_action(exp_r("b") ** 2, "b"))
    assert not equal(rules.normal(each_response(s, exp_R(s, "y"))), rules.normal(each_response(s, exp_R(s, "y") ** 2)))


# -- names -------------------------------------------------------------------------------------------------------------


def test_bound_names_do_not_matter():
    for rules in ((), (LINEAR,)):
        normal = Equations(THEORY, rules).normal
        assert normal(each_action(exp_r("a") * exp_V("a"))) == normal(each_action(exp_r("b") * exp_V("b"), "b"))
        nested = each_action(each_action(exp_r("a") * exp_q("b"), "b") * exp_r("a"))
        swapped = each_action(each_action(exp_r("b") * exp_q("a"), "a") * exp_r("b"), "b")
        assert normal(nested) == normal(swapped)
        other = each_action(each_action(exp_r("b") * exp_q("a"), "b") * exp_r("a"))
        assert normal(nested) != normal(other)


def test_a_name_is_not_caught():
    with pytest.raises(TermError, match="would catch"):
        renamed(each_action(exp_r("b") * exp_r("a"), "a"), {"b": "a"})
    with pytest.raises(TermError, match="cannot be said of s·a"):
        at_action(each_action(exp_r("a")), "a")


def test_a_moment_without_its_range_proves_falsehoods(monkeypatch):
    """Σ over actions and Σ over responses of the same thing: as many actions as responses?"""
    false = Theorem(
        name="false",
        title="",
        place="",
        claims={},
        statement="",
        kind="step",
        left=each_action(exp_phi(s)),
        right=exp_phi(s) * each_response(s, 1),
        steps=proof(Link(exp_phi(s) * each_response(s, 1), (LINEAR,))),
    )
    theory = THEORY.with_theorem(false)
    assert not Checker(theory, anchor=False).check("false").derived
    named = normal_form.sum_atom
    monkeypatch.setattr(normal_form, "sum_atom", lambda prefix, bound, body: named("", bound, body))
    assert Checker(theory, anchor=False).check("false").derived
    assert not Checker(theory).check("false").proved, "enumeration finds it still"


# -- rules -------------------------------------------------------------------------------------------------------------


def test_definitions_hold_before_the_end_only():
    rules = Equations(THEORY, ("e^V", "e^R"))
    assert rules.normal(exp_V(s)) == rules.normal(each_action(exp_q("a")))
    assert rules.normal(each_action(exp_V(s_a))) == Equations(THEORY).normal(each_action(exp_V(s_a)))
    assert rules.normal(exp_R(s, "y")) == Equations(THEORY).normal(exp_R(s, "y"))
    assert rules.normal(exp_R(s, ("a", "y"))) == rules.normal(exp_r("a") * exp_R(s_a, "y"))


def test_the_hypothesis_is_about_what_follows():
    stated = THEORY.theorems["P1-logZ"]
    rules = Equations(THEORY, (HYPOTHESIS,), stated)
    assert rules.normal(exp_V(s)) == Equations(THEORY).normal(exp_V(s))
    assert rules.normal(each_action(exp_V(s_a))) == rules.normal(each_action(each_response(s_a, exp_R(s_a, "y"))))


def test_logarithms():
    plain, rules = Equations(THEORY), Equations(THEORY, (LOGARITHM,))
    assert plain.normal(Log(exp_V(s) / exp_V(s))).is_zero
    assert rules.normal(Log(exp_V(s) / beta(s))) == rules.normal(Log(exp_V(s)) - Log(beta(s)))
    assert plain.normal(Log(exp_V(s) / beta(s))) != plain.normal(Log(exp_V(s)) - Log(beta(s)))
    assert rules.normal(Log(exp_V(s) + beta(s))) != rules.normal(Log(exp_V(s)) + Log(beta(s)))
    for term in (Log(-exp_V(s)), Log(x()), Log(control(s)), Log(exp_V(s) - beta(s))):
        with pytest.raises(TermError, match="logarithm"):
            rules.normal(term)


def test_only_what_is_positive_divides():
    rules = Equations(THEORY)
    for term in (1 / x(), 1 / (exp_V(s) - beta(s)), 1 / (exp_V(s) - exp_V(s)), 1 / control(s)):
        with pytest.raises(TermError, match="divides"):
            rules.normal(term)


def test_after_the_last_step():
    assert ended(each_response(s, exp_R(s, "z") * exp_V(s), "z"), THEORY) == Number(Fraction(1)) * Number(Fraction(1))
    with pytest.raises(TermError, match="no actions"):
        ended(each_action(exp_r("a")), THEORY)


def test_definitions_in_a_circle():
    from dataclasses import replace

    theory = THEORY.with_quantity(replace(THEORY.quantities["e^r"], unfolding=exp_q("a") / exp_V(s_a)))
    assert "defined by what it defines" in theory.unsound({"e^r", "e^q", "e^V"})
    with pytest.raises(TermError, match="in a circle"):
        Equations(theory, ("e^r", "e^q")).normal(exp_r("a"))
    assert "positive" in theory.with_quantity(replace(THEORY.quantities["e^V"], terminal=Number(Fraction(0)))).unsound(
        {"e^V"}
    )


# -- inequalities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certificate", "holds"),
    [
        (Given("L1-kl"), True),
        (each_action(f.pi("a") * Given("f - g ≤ ε", "", "a")), True),
        ((exp_V(s) - beta(s)) ** 2, True),
        (epsilon() * Given("L1-kl") + 3, True),
        (Given("L1-logZ"), False),
        (-Given("L1-kl"), False),
        (x() * Given("L1-kl"), False),
        (Given("L1-kl") ** 3, False),
        (Log(exp_V(s)), False),
        (control(s), False),
        (Number(Fraction(-1)), False),
        (Given("L1-kl") - Given("L1-kl"), False),
    ],
)
def test_what_is_not_negative(certificate, holds):
    assert not_negative(certificate, THEORY, ("L1-kl", "f - g ≤ ε")) is holds


def test_an_inequality_is_not_used_backwards_or_at_s():
    stated = THEORY.theorems["P3-kl-bound"]
    *_, hypothesis, last = stated.links
    step = stated.steps[0]
    before = stated.links[3].to
    assert link_fault(THEORY, stated, step, before, hypothesis) == ""
    at_s = Link(hypothesis.to, hypothesis.by, each_action(f.pi("a") * Given(HYPOTHESIS)))
    assert "about s·a, not s" in link_fault(THEORY, stated, step, before, at_s)
    backwards = Link(before, hypothesis.by, hypothesis.certificate)
    assert link_fault(THEORY, stated, step, hypothesis.to, backwards) == "does not follow from what is cited"
    assert "not a" not in link_fault(THEORY, stated, step, hypothesis.to, last)


def test_a_case_cannot_be_left_out_or_borrowed():
    stated = THEORY.theorems["K-kappa of a step"]
    several, one = stated.steps
    wrong = Step(one.links, "several actions")
    assert "may be several" in link_fault(THEORY, stated, wrong, one.links[0].to, one.links[1])
    assert several.case == "several actions"


def test_polynomials():
    a, b = Polynomial.atom("a"), Polynomial.atom("b")
    assert (a + b) * (a - b) == a**2 - b**2
    assert (2 * a) ** -2 * a**2 == Polynomial.constant(Fraction(1, 4))
    assert (a - a).is_zero
    assert (a * b**-1 * b).number() is None
    assert (a * a**-1).number() == 1
    with pytest.raises(ZeroDivisionError):
        (a + b) ** -1
