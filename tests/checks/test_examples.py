import math

import numpy as np
import pytest

from proofs_check.examples import brackets, letters
from tabular_bellman import EOS, EnergyBasedModel, SequenceSpace, StateActionTable, soft_bellman


def catalan(n):
    return math.comb(2 * n, n) // (n + 1)


@pytest.mark.parametrize("n_brackets", [1, 4, 7, 12])
def test_brackets_are_counted_by_catalan_numbers(n_brackets):
    _, values = soft_bellman(brackets.brackets_reward(n_brackets))
    assert math.exp(values[None, ()]) == pytest.approx(sum(catalan(n) for n in range(n_brackets // 2 + 1)), rel=1e-12)


def test_the_reward_of_brackets():
    assert brackets.reward(None, (EOS,)) == 0.0
    assert brackets.reward(None, (*"(())()", EOS)) == 0.0
    for wrong in ("(", ")", ")(", "())("):
        assert brackets.reward(None, (*wrong, EOS)) == -math.inf


def test_the_tree_shows_only_what_can_still_be_balanced():
    lines = list(brackets.tree(2))
    assert lines == ["start  [2]", "├─ ( 50%  [1]", "│  └─ ) 100%  [1]", "│     └─ EOS 100%", "└─ EOS 50%"]


def test_letters_reference_and_stepwise_reward_say_the_same():
    space = letters.letters_space(2)
    reference = letters.reference_model(space)
    assert reference.logits.cut_off is not None
    stepwise = StateActionTable.from_function(space, letters.reward)
    pays = StateActionTable.from_responses(space, lambda _, y: letters.verifier(y))
    tilted = EnergyBasedModel(pays + reference.log_policy)
    # The stepwise reward keeps log p_ref(EOS) at the last step, where the space forces EOS: at shorter ones they agree.
    here, there = EnergyBasedModel(stepwise), tilted
    short = [i for i, y in enumerate(space.responses()) if len(y) < space.max_length]
    ratio = (here.log_probabilities() - there.log_probabilities())[0, short]
    np.testing.assert_allclose(ratio, ratio[0], atol=1e-12)


def test_words_of_the_speech():
    assert letters.verifier((*"the", EOS)) == 1.0
    assert letters.verifier((*"teh", EOS)) == 0.0
    assert letters.letters_space() == SequenceSpace("abcdefghijklmnopqrstuvwxyz", max_length=4)
