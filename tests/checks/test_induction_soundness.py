"""What the rules prove is so, whatever the definitions: also from wrong ones, worked out one action at a time."""

import pytest

from proofs_check.induction import PROOFS, perturbed
from proofs_check.induction.anchor import _case, _everywhere, _fact, _related, _Tree
from proofs_check.induction.cones import facts_in
from proofs_check.induction.theorems import THEORY
from proofs_check.induction.trees import worlds


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
