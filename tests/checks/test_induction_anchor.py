"""What the rules cannot see: circular lemmas, false facts, names that do not mean what they say."""

import math
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest

from proofs_check.induction import check
from proofs_check.induction.anchor import anchored, value
from proofs_check.induction.checking import Checker, chain, link_fault, mentioned_in
from proofs_check.induction.enumeration import PREFIXES, RESPONSES
from proofs_check.induction.logarithms import is_zero, log, log_log, sign
from proofs_check.induction.polynomials import Polynomial
from proofs_check.induction.terms import Log, TermError
from proofs_check.induction.theorems import THEORY
from proofs_check.induction.theorems.common import proof
from proofs_check.induction.theory import Link, Theorem
from proofs_check.induction.trees import Prefix, World, worlds
from proofs_check.induction.vocabulary import QUANTITIES, beta, each_action, each_response, exp_q, exp_R, exp_V, p, s


def theorem(name, left, right, by, kind="prefix"):
    return Theorem(
        name=name,
        title="",
        place="",
        claims={},
        statement="",
        kind=kind,
        left=left,
        right=right,
        steps=proof(Link(right, by)),
    )


# -- circular lemmas ---------------------------------------------------------------------------------------------------


def test_a_circular_lemma_is_caught_twice():
    theory = THEORY.with_theorem(theorem("one", exp_V(s), 2 * beta(s), ("other",), "step")).with_theorem(
        theorem("other", beta(s), exp_V(s) / 2, ("one",), "step")
    )
    for name in ("one", "other"):
        # The rules find nothing wrong with either link.
        stated = theory.theorems[name]
        assert [link_fault(theory, stated, *where) for where in chain(stated)] == [""]
        # Enumeration does.
        found = anchored(theory, stated, mentioned_in(theory, stated), 12, 0)
        assert "the statement" in found.fault
        assert not check_in(theory, name).proved
        # And so does going through the lemmas, without any enumeration.
        alone = check_in(theory, name, anchor=False)
        assert alone.lemma_fault
        assert not alone.derived


def test_a_true_circular_lemma_is_no_proof_either():
    theory = THEORY.with_theorem(theorem("one", exp_V(s), beta(s), ("other",))).with_theorem(
        theorem("other", beta(s), exp_V(s), ("one",))
    )
    result = check_in(theory, "one")
    assert result.anchor.ok
    assert not result.proved
    assert "is used to prove itself" in result.reason


def test_a_theorem_is_not_its_own_lemma():
    theory = THEORY.with_theorem(theorem("itself", exp_V(s), beta(s), ("itself",), "step"))
    assert not check_in(theory, "itself").proved


def check_in(theory, name, **options):
    return Checker(theory, **options).check(name)


# -- false facts, wrong names ------------------------------------------------------------------------------------------


def test_a_false_fact_is_found():
    fact = THEORY.facts["chord of exp"]
    theory = THEORY.with_fact(replace(fact, term=fact.term - 1))
    found = anchored(theory, theory.theorems["K-kappa"], (), 12, 0)
    assert found.fault.startswith("the fact chord of exp at depth")


def test_a_false_statement_is_found_even_if_its_links_hold():
    stated = theorem("false", exp_V(s), each_response(s, exp_R(s, "y") ** 2), ("e^V",))
    found = anchored(THEORY, stated, (), 12, 0)
    assert found.fault.startswith("the statement at depth")


def test_p_is_e_over_z_for_any_z():
    """Why P1-prob is stated with the sum: with Z for it, a proof goes through for a Z that is no sum."""
    loose = Theorem(
        name="loose",
        title="",
        place="",
        claims={},
        statement="",
        kind="response",
        left=p(s, "y"),
        right=exp_R(s, "y") / exp_V(s),
        steps=proof(Link(exp_R(s, ("a", "y")) / exp_V(s), ("p", "π", "e^q", "e^R", "induction hypothesis"))),
    )
    wrong = replace(QUANTITIES["e^V"], unfolding=3 * each_action(exp_q("a")))
    theory = THEORY.with_theorem(loose).with_quantity(wrong)
    assert check_in(theory, "loose", anchor=False).derived
    assert not check_in(theory, "P1-prob", anchor=False).proved
    assert not check_in(theory.with_quantity(replace(wrong, unfolding=2 * beta(s))), "P1-logZ", anchor=False).derived


def test_no_value_is_a_fault():
    stated = theorem("odd", Log(exp_V(s) - exp_V(s)), Log(exp_V(s)), ("e^V",))
    assert "no value" in anchored(THEORY, stated, (), 12, 0).fault


def test_nothing_compared_is_not_enough():
    assert not anchored(THEORY, theorem("nothing", exp_V(s), exp_V(s), ("e^V",), "pair"), (), 0, 0).ok


# -- trees and enumeration ---------------------------------------------------------------------------------------------


def test_shapes():
    seen = list(worlds(24, 1))
    assert any(not world.root.below for world in seen)
    for seed in range(4):
        branching = {(len(s.below), s.depth > 0) for world in worlds(12, seed) for s in world.prefixes()}
        assert {(n, True) for n in range(3)} | {(3, False)} <= branching
        assert all(max(n for n, below in branching if below is deep) >= 5 for deep in (False, True))
    assert max(s.depth for world in seen for s in world.prefixes()) >= 4
    ragged = {len({len(y) for y in world.responses(world.root)}) for world in seen}
    assert {1, 2, 3} <= ragged
    for world in seen:
        assert all((world.at["e^φ", s] == 1) or s.below for s in world.prefixes())
        assert len({id(y[-1]) for y in world.responses(world.root) if y}) == len(
            [y for y in world.responses(world.root) if y]
        )


def small():
    """Responses a and b; after a, nothing or c. Weights 2, 3; 5 for the pair below b."""
    root = Prefix()
    a, b = root.grown(2)
    (c,) = b.grown(1)
    world = World(root, "by hand", {"x": Fraction(2), "e^ε": Fraction(3)})
    for at, weight in ((a, 2), (b, 3), (c, 5)):
        world.at["e^r", at] = world.at["e^f", at] = Fraction(weight)
        world.at["d", at] = Fraction(at is c)
    return world, root, (a, b, c)


def test_enumeration_by_hand():
    world, root, (a, b, c) = small()
    assert PREFIXES["e^V"](world, root) == 2 + 3 * 5
    assert PREFIXES["e^V_f"](world, root) == 2 + 3
    assert RESPONSES["e^R"](world, root, (b, c)) == 15
    assert RESPONSES["p"](world, root, (b, c)) == Fraction(15, 17)
    assert RESPONSES["p_f"](world, root, (b, c)) == Fraction(3, 5)
    assert PREFIXES["∂e^V"](world, root) == 15
    assert PREFIXES["αβd"](world, root) == 15
    assert PREFIXES["αβ"](world, root) == 17 + 2 * 15
    assert PREFIXES["reach"](world, root) == 1 + 2 * Fraction(3, 5)
    assert PREFIXES["E|Y|"](world, root) == Fraction(2, 5) + 2 * Fraction(3, 5)
    assert is_zero(PREFIXES["H_chain"](world, root) - log(Fraction(5)) + log(Fraction(2)) * Fraction(2, 5)
                   + log(Fraction(3)) * Fraction(3, 5))  # fmt: skip
    assert value(each_response(s, exp_R(s, "y")), world, root) == 17
    assert PREFIXES["n"](world, root) == 1
    assert PREFIXES["T"](world, root) == 2
    assert a.depth == 1


@pytest.mark.parametrize(("vocab", "length"), [(1, 2), (1, 4), (2, 3), (3, 2)])
def test_free_depths_with_eos_and_without(vocab, length):
    """n = T - 1 where EOS is forced at the last step, and the length where there is no EOS."""
    from proofs_check.induction.trees import _fixed_length, _with_eos

    for x in (1, 2):
        eos = World(_with_eos(vocab, length), "", {"x": Fraction(x)})
        assert PREFIXES["n"](eos, eos.root) == length - 1
        assert PREFIXES["T"](eos, eos.root) == length
        if vocab > 1:
            fixed = World(_fixed_length(vocab, length), "", {"x": Fraction(x)})
            assert PREFIXES["n"](fixed, fixed.root) == length


def test_indicator_directions_occur():
    """A.11 is about one pair at a time: d is 1 at one pair, 0 elsewhere, on some of the trees."""
    found = 0
    for world in worlds(12, 0):
        directions = [world.at["d", s] for s in world.prefixes() if s.above is not None]
        found += sorted(directions)[-1:] == [1] and sum(directions) == 1 and len(directions) > 2
    assert found >= 2


# -- logarithms --------------------------------------------------------------------------------------------------------


def test_logarithms_are_exact():
    six, four, nine = (log(Fraction(n)) for n in (6, 4, 9))
    assert is_zero(2 * six - four - nine)
    assert not is_zero(2 * six - four - nine + Fraction(1, 10**40))
    assert is_zero(six * six - (four + nine) * (four + nine) * Fraction(1, 4))
    assert sign(log(Fraction(10**30 + 1, 10**30))) == 1
    assert sign(log(Fraction(2)) * 3 - log(Fraction(3)) * 2) == -1
    with pytest.raises(TermError):
        log(Fraction(0))


def test_signs_are_those_of_the_numbers():
    rng = Random(3)
    for _ in range(200):
        parts = [(Fraction(rng.randint(-9, 9), 7), Fraction(rng.randint(1, 40), rng.randint(1, 9))) for _ in range(3)]
        exact = sum((log(x) * c for c, x in parts), Polynomial())
        near = sum(float(c) * math.log(x) for c, x in parts)
        assert abs(near) < 1e-9 or sign(exact) == (1 if near > 0 else -1)


def test_log_of_log():
    assert sign(log_log(Fraction(3))) == 1  # log 3 > 1
    assert sign(log_log(Fraction(2))) == -1
    near = math.log(math.log(1.75))
    assert sign(log_log(Fraction(7, 4)) - Fraction(near) - Fraction(1, 10**12)) == -1
    assert sign(log_log(Fraction(7, 4)) - Fraction(near) + Fraction(1, 10**12)) == 1


def test_check_takes_a_name():
    assert check("P1-logZ").proved
