"""Planted errors in definitions, facts, statements, links and citations: every one is found."""

import pytest

from proofs_check.induction import PROOFS, perturbed
from proofs_check.induction.perturbations import TRUE_VARIANTS


@pytest.mark.parametrize("name", PROOFS)
def test_rejected(name):
    changes = list(perturbed(name))
    # A theorem that fails as it stands would reject everything: that none does is in test_induction_proofs.py.
    assert [change.name for change in changes if change.check().proved] == [
        change.name for change in changes if change.true_because
    ]
    assert {change.kind for change in changes} >= {"definition", "statement", "link", "citation", "chain"}
    assert len(changes) > 25


def test_true_variants_are_planted_and_say_why():
    planted = {(change.theorem, change.name) for name in PROOFS for change in perturbed(name) if change.true_because}
    assert planted == set(TRUE_VARIANTS)
    assert all(TRUE_VARIANTS.values())
    assert len(TRUE_VARIANTS) == 2


def test_enumeration_is_needed():
    """V is log Σ e^q of any q: the rules are content with a wrong one, lemmas and all, and enumeration is not."""
    planted = {change.name: change for change in perturbed("P1-values-of-q")}
    change = planted["definition of e^q: without e^V"]
    alone, result = change.check(anchor=False), change.check()
    assert alone.derived
    assert all(alone.lemmas.values())
    assert not alone.proved
    assert not result.proved
    assert "the definition of e^q at depth 0, on tree 1" in result.reason


def test_definitions_reach_lemmas():
    """A lemma is proved again with the definition that is planted: that of e^V is none of A6-logits' own links."""
    planted = {change.name: change for change in perturbed("A6-logits")}
    result = planted["definition of e^V: e^q squared"].check(all_faults=True)
    assert not any(result.link_faults)
    assert not result.proved


def test_derivatives_follow_definitions():
    """The rules of ∂e^q are derived from those of e^q: with e^r squared there, what A11 says of e^r d fails."""
    planted = {change.name: change for change in perturbed("A11-slopes")}
    result = planted["definition of e^V: twice that"].check(all_faults=True)
    assert "link 1" in result.reason
