"""False statements, each by a misuse of one kind of rule: the rules alone, without any enumeration, prove none."""

from dataclasses import replace
from fractions import Fraction

import pytest

from proofs_check.induction.checking import Checker, chain, link_fault
from proofs_check.induction.normal_form import Equations, ended
from proofs_check.induction.scopes import Scope, misread
from proofs_check.induction.terms import At, Given, Log, Number, Power, Sum, TermError
from proofs_check.induction.theorems import THEORY
from proofs_check.induction.theorems.common import ONE, ZERO
from proofs_check.induction.theory import DISJOINT, HYPOTHESIS, LINEAR, LOGARITHM, ONE_ACTION, Link, Step, Theorem
from proofs_check.induction.vocabulary import (
    QUANTITIES,
    alpha,
    beta,
    each_action,
    each_response,
    entropies,
    epsilon,
    estimator,
    exp_q,
    exp_R,
    exp_r,
    exp_V,
    f,
    height,
    p,
    pi,
    s,
    s_a,
    several,
    x,
)


def stated(name, kind, left, *links, right=None, relation="=", cases=("",)):
    """A theorem with a chain of (term, what it is by) or (term, what it is by, what is added)."""
    return Theorem(
        name=name,
        title="",
        place="",
        claims={},
        statement="",
        kind=kind,
        left=left,
        right=links[-1][0] if right is None else right,
        relation=relation,
        steps=tuple(Step(tuple(Link(*link) for link in links), case) for case in cases),
    )


def theory(*theorems, **definitions):
    found = THEORY
    for name, change in definitions.items():
        found = found.with_quantity(
            replace(QUANTITIES[{"V": "e^V", "α": "α", "β": "β", "b": "b", "T": "T"}[name]], **change)
        )
    for each in theorems:
        found = found.with_theorem(each)
    return found


def total(prefix, bound="y"):
    return each_response(prefix, exp_R(prefix, bound), bound)


BEFORE = {"unfolding": ONE, "terminal": ZERO}  # T is 1 before the end and 0 after
AT_S_A = stated("at s·a", "pair", exp_V(s_a), (exp_q("a") / exp_r("a"), ("e^q",)))
OF_PAIR = stated("of a pair", "pair", exp_q("a"), (exp_r("a") * exp_V(s_a), ("e^q",)))
AT_STEP = stated("at a step", "step", height(s), (ONE, ("T",)))
LOOSE = stated("loose", "pair", exp_V(s), (exp_q("a") / pi("a"), ("π",)))
LOOSE_BELOW = stated(
    "loose below",
    "response",
    total(s, "z"),
    (exp_R(s, ("a", "y")) / p(s, ("a", "y")), ("P1-prob",)),
    right=exp_R(s, "y") / p(s, "y"),
)
MASS = each_response(s, f.p(s, "y") * estimator(s, "y"))
N = each_action(1)
GIBBS = next(fact for fact in THEORY.facts.values() if fact.kind == "response")
AT_Y = Given(GIBBS.name, "", "", ("y",))
# e^R of a response below s·b, at s·a.
CROSSED = each_action(each_action(each_response("b", exp_R("a", "y")), "b"))
CROSSED_P = each_action(each_action(each_response("b", p("a", "y") * total("a", "z")), "b"))

FALSE = {
    # A lemma of one place at another.
    "a lemma at s·a, used at s": (
        theory(AT_S_A),
        stated("-", "pair", exp_V(s), (exp_q("a") / exp_r("a"), ("at s·a",))),
    ),
    "a lemma at s·a, used in a sum at s": (
        theory(AT_S_A),
        stated("-", "pair", N * exp_V(s), (each_action(exp_q("a") / exp_r("a")), ("at s·a", LINEAR))),
    ),
    "a lemma of a pair, used of another": (
        theory(OF_PAIR),
        stated("-", "pair", each_action(exp_q("b"), "b"), (N * exp_r("a") * exp_V(s_a), ("of a pair", LINEAR))),
    ),
    "a lemma of a pair, its action caught": (
        theory(OF_PAIR),
        stated("-", "pair", each_action(exp_q("a") * exp_q("b"), "b"), (N * exp_q("a") ** 2, ("of a pair", LINEAR))),
    ),
    "a lemma that does not say of which response": (
        theory(LOOSE_BELOW),
        stated("-", "step", CROSSED, (CROSSED_P, ("loose below", "P1-prob", LINEAR))),
    ),
    "a lemma before the end, used past it": (
        theory(AT_STEP, T=BEFORE),
        stated("-", "pair", height(s_a), (ONE, ("at a step",))),
    ),
    "a lemma of a sum over responses, used of a sum over actions": (
        THEORY,
        stated("-", "step", each_action(f.pi("a") ** 2), (ONE, ("P4-validity", "Σπ_f = 1"))),
    ),
    "a lemma and a factor": (theory(), stated("-", "step", exp_V(s), (2 * total(s), ("P1-logZ",)))),
    # A definition where it does not hold.
    "a definition past the end": (theory(T=BEFORE), stated("-", "pair", height(s_a), (ONE, ("T",)))),
    "a definition at every prefix": (theory(T=BEFORE), stated("-", "prefix", height(s), (ONE, ("T",)))),
    "a definition of a response that goes on elsewhere": (
        theory(),
        stated(
            "-",
            "step",
            CROSSED,
            (each_action(each_action(each_response("b", exp_R(s, ("a", "y")) / exp_r("a")), "b")), ("e^R",)),
        ),
    ),
    "a case in the place of both": (theory(), stated("-", "step", several(s), (ZERO, ("b",)))),
    "a quantity of prefixes as a number": (theory(), stated("-", "step", At("e^V", None), (exp_V(s), ("e^V",)))),
    "a quantity of prefixes with an action": (theory(), stated("-", "pair", At("e^V", "", "a"), (exp_V(s), ("e^V",)))),
    "a pair further down": (
        theory(),
        stated("-", "step", each_action(each_action(At("e^q", "a", "b"), "b")), (N * exp_V(s), ("e^V", LINEAR))),
    ),
    # Definitions that cannot be.
    "cases in a circle": (
        theory(
            stated("back", "step", several(s), (height(s), ("b",)), cases=("one action", "several actions")),
            b={"by_case": (("one action", height(s)), ("several actions", height(s)))},
            T={"unfolding": several(s) + 1, "terminal": ZERO},
        ),
        stated("-", "step", several(s), (height(s), ("back",)), (several(s) + 1, ("T",))),
    ),
    "down from what comes up": (
        theory(α={"unfolding": alpha(s) * beta(s)}, β={"unfolding": each_action(alpha(s_a)), "terminal": ONE}),
        stated("-", "step", beta(s), (each_action(alpha(s_a)), ("β",)), (N * alpha(s) * beta(s), ("α", LINEAR))),
    ),
    "down to a given end": (
        theory(α={"terminal": ONE}),
        stated(
            "-",
            "response",
            exp_R(s, "y"),
            (exp_r("a") * exp_R(s_a, "y"), ("e^R",)),
            (exp_r("a") / alpha(s_a), (HYPOTHESIS,)),
            (1 / alpha(s), ("α",)),
            right=1 / alpha(s),
        ),
    ),
    "a positive quantity that is an empty sum": (
        theory(V={"unfolding": Sum(())}),
        stated("-", "pair", exp_q("a"), (pi("a") * exp_V(s), ("π",)), (ZERO, ("e^V",))),
    ),
    # The hypothesis.
    "the hypothesis at s": (theory(), stated("-", "prefix", entropies(s), (ZERO, (HYPOTHESIS,)))),
    "the hypothesis of a sum at s": (theory(), stated("-", "prefix", MASS, (ZERO, (HYPOTHESIS,)))),
    "the hypothesis of a pair": (theory(), stated("-", "pair", exp_q("a"), (ONE, (HYPOTHESIS,)))),
    "the hypothesis at s, as an inequality": (
        theory(),
        stated("-", "prefix", entropies(s), (ZERO, (HYPOTHESIS,), Given(HYPOTHESIS)), relation="≤"),
    ),
    "the hypothesis of another response": (
        theory(),
        stated(
            "-",
            "response",
            estimator(s, "y"),
            (ZERO, (HYPOTHESIS, LINEAR), each_action(f.pi("b") * Given(HYPOTHESIS, "b", "", ("y",)), "b")),
        ),
    ),
    # Sums.
    "a sum of what does not depend on it": (
        theory(),
        stated("-", "step", each_action(exp_V(s)), (exp_V(s), (LINEAR,))),
    ),
    "a product of sums": (
        theory(),
        stated(
            "-",
            "step",
            each_action(exp_r("a") * exp_V(s_a)),
            (each_action(exp_r("a")) * each_action(exp_V(s_a)), (LINEAR,)),
        ),
    ),
    "responses below s for those below s·a": (
        theory(),
        stated("-", "step", each_action(exp_r("a") * total(s)), (total(s), (DISJOINT, LINEAR, "e^R"))),
    ),
    "the same index twice": (
        theory(),
        stated("-", "step", each_action(each_action(exp_q("a"))), (each_action(exp_q("a")), (LINEAR,))),
    ),
    "one action of several": (
        theory(),
        stated("-", "step", each_action(pi("a") ** 2), (each_action(pi("a")) ** 2, (ONE_ACTION,))),
    ),
    # Quotients and logarithms.
    "a quotient by what may be 0": (theory(), stated("-", "step", x() / x(), (ONE, (LINEAR,)))),
    "a quotient by what a lemma makes 0": (
        theory(),
        stated("-", "step", 1 / (exp_V(s) - beta(s)), (2 / (exp_V(s) - beta(s)), ("A9-values",))),
    ),
    "a logarithm of what a lemma makes 0": (
        theory(),
        stated("-", "prefix", Log(exp_V(s) - beta(s)), (Log(2 * exp_V(s) - 2 * beta(s)), ("A9-values",))),
    ),
    "a logarithm of a sum": (
        theory(),
        stated("-", "step", Log(exp_V(s) + beta(s)), (Log(exp_V(s)) + Log(beta(s)), (LOGARITHM,))),
    ),
    # Inequalities.
    "an inequality of a response that is not there": (
        THEORY,
        stated(
            "-",
            "step",
            ZERO,
            (each_action(each_response("a", GIBBS.term)), (GIBBS.name,), each_action(each_response("a", AT_Y))),
            relation="≤",
        ),
    ),
    "a fact at s·a": (
        THEORY,
        stated("-", "pair", height(s_a), (height(s_a) + 1, ("cosh ε ≥ 1",), Given("cosh ε ≥ 1", "a")), relation="≤"),
    ),
    "an inequality that depends on what is positive nowhere": (
        theory(),
        stated("-", "step", ZERO, (x() * epsilon(), ("L1-kl",), x() * Given("L1-kl")), relation="≤"),
    ),
}


@pytest.mark.parametrize("name", FALSE)
def test_not_derived(name):
    given, false = FALSE[name]
    given = given.with_theorem(false)
    alone = Checker(given, anchor=False).check("-")
    assert not (alone.derived and all(alone.lemmas.values()))
    assert not Checker(given).check("-").proved


@pytest.mark.parametrize("lemma", [AT_S_A, OF_PAIR, LOOSE, LOOSE_BELOW])
def test_the_lemmas_are_true(lemma):
    assert Checker(theory(lemma)).check(lemma.name).proved


def test_a_lemma_is_used_where_it_holds():
    """At every action, bound or not; a response's at every response, and where it was proved by induction at s·a."""
    given = theory(AT_S_A, OF_PAIR)
    rules, others, plain = (Equations(given, by) for by in (("at s·a",), ("of a pair",), ()))
    for name in "ab":
        assert rules.normal(exp_V(name)) == plain.normal(exp_q(name) / exp_r(name))
        assert rules.normal(each_action(exp_V(name), name)) == plain.normal(each_action(exp_q("c") / exp_r("c"), "c"))
        assert others.normal(exp_q(name)) == plain.normal(exp_r(name) * exp_V(name))
    assert rules.normal(exp_V(s)) == plain.normal(exp_V(s))
    rules = Equations(given, ("P1-prob",))
    for place in ((s, "y"), (s, ("a", "y")), ("b", "v")):
        assert rules.normal(p(*place)) == plain.normal(exp_R(*place) / total(place[0], "w"))


def test_what_rewrites_nothing_says_why():
    with pytest.raises(TermError, match="loose does not say by its left side what a is"):
        Equations(theory(LOOSE), ("loose",))
    about_a = stated("about a", "pair", each_action(exp_q("a") * exp_q("b"), "b"), (exp_q("a") * exp_V(s), ("e^V",)))
    with pytest.raises(TermError, match="about a sum for one a"):
        Equations(theory(about_a), ("about a",))
    false = stated("-", "pair", exp_V(s), (exp_q("a") / pi("a"), ("loose",)))
    given = theory(LOOSE, false)
    assert "does not say by its left side" in link_fault(given, false, *next(chain(false)))


@pytest.mark.parametrize(
    ("term", "fault"),
    [
        (exp_V(s_a), "a is no action"),
        (exp_r("a"), "a is no action"),
        (exp_R(s, "y"), "no response there"),
        (each_action(each_action(exp_R(s_a, "y")), "y"), "no response there"),
        (each_response(s, exp_R(s, ("y", "y"))), "no response below"),
        (each_response(s, exp_r("y"), "y"), "no action"),
        (each_response(s, exp_V("y"), "y"), "no action"),
        (each_action(each_response("a", exp_R(s, "y"))), "no response there"),
        (each_action(each_response(s, exp_R("a", "y"))), "no response there"),
        (each_action(each_response("a", each_action(exp_R(s, ("a", "y"))))), "no response there"),
        (each_action(each_response("a", each_action(exp_R(s, ("b", "y")), "b"))), "no response there"),
        (each_action(each_response("a", exp_V("a"), "a")), "no action"),
        (each_action(At("e^r", "a", "a")), "no action at its prefix"),
        (At("x", ""), "another kind"),
        (At("nothing"), "no quantity"),
        (exp_V(s) ** Fraction(1, 2), "no whole exponent"),
        (Number(0.5), "no rational number"),
        (Given("L1-kl"), "no number"),
        (each_action(ONE, ""), "no name"),
    ],
)
def test_what_makes_no_sense(term, fault):
    assert fault in misread(term, THEORY, Scope())
    assert fault in misread(Log(each_action(1 + 2 * term, "c")), THEORY, Scope())


def test_what_makes_sense():
    for term in (
        each_action(each_action(exp_V("a") * exp_r("a"))),
        each_action(each_response("a", exp_R("a", "y") * exp_R(s, ("a", "y")) * total(s))),
        each_response(s, each_action(exp_R(s, "y") * exp_r("a"))),
        Power(Log(x()), 2),
    ):
        assert misread(term, THEORY, Scope()) == ""


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        ("e^V", {"unfolding": exp_q("a")}, "a is no action"),
        ("e^V", {"unfolding": each_action(exp_R(s_a, "y"))}, "no response there"),
        ("e^V", {"terminal": each_action(1)}, "there are no actions"),
        ("e^V", {"tangent_of": "e^q"}, "of this kind"),
        ("ε", {"unfolding": exp_V(s)}, "not the same everywhere"),
        ("ε", {"unfolding": N}, "there are no actions"),
        ("e^R", {"unfolding": exp_R(s_a, "z")}, "no response there"),
        ("e^q", {"forward": True}, "a quantity of prefixes"),
        ("α", {"terminal": ONE}, "its value at the end follows"),
        ("α", {"unfolding": alpha(s) * exp_V(s)}, "needs e^V, which is not"),
        ("e^V", {"terminal": beta(s) * exp_V(s)}, "after the last step"),
        ("b", {"by_case": (("one action", several(s)), ("several actions", ONE))}, "at the same place"),
    ],
)
def test_definitions_that_cannot_be(name, changes, fault):
    given = THEORY.with_quantity(replace(QUANTITIES[name], **changes))
    quantity = QUANTITIES[name]
    place = {"number": (), "prefix": (s,), "pair": ("a",), "response": (s, "y")}[quantity.kind]
    kind = {"number": "step", "prefix": "prefix"}.get(quantity.kind, quantity.kind)
    false = stated("-", kind, quantity(*place), (quantity(*place), (name,)))
    assert fault in Checker(given.with_theorem(false), anchor=False).check("-").step_fault


def test_ends_in_a_circle():
    given = theory(V={"terminal": beta(s)}, β={"terminal": exp_V(s)})
    with pytest.raises(TermError, match="circle after the last step"):
        ended(exp_V(s), given)


def test_no_derivative_of_cases():
    with pytest.raises(TermError, match="has no tangent"):
        THEORY.derivative(several(s))


def test_names_of_rules_are_taken():
    for name in (LINEAR, "e^V", "f - g ≤ ε"):
        false = stated(name, "step", exp_V(s), (beta(s), ("A9-values",)))
        assert "something else" in Checker(theory(false), anchor=False).check(name).step_fault
