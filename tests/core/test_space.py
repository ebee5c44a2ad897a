import copy
import pickle

import pytest
from hypothesis import given
from oracle import END
from strategies import plain, spaces, tree_of

from tabular_bellman import EOS, SequenceSpace, StateTable, TabularBellmanError


@given(spaces())
def test_counts_by_formula_are_counts_by_enumeration(space):
    tree = tree_of(space)
    assert space.n_responses == space.n_prompts * len(tree.responses())
    assert space.n_prefixes == space.n_prompts * len(tree.prefixes())
    assert space.n_pairs == space.n_prompts * sum(len(tree.actions(s)) for s in tree.prefixes())
    assert space.table_bytes == 8 * space.n_pairs


@given(spaces())
def test_responses_prefixes_and_actions_come_in_the_documented_order(space):
    tree = tree_of(space)
    for prompt in (None, *space.prompts):
        assert [plain(y) for y in space.responses(prompt)] == tree.responses()
    for prefix in tree.prefixes():
        assert [END if a is EOS else a for a in space.actions(len(prefix))] == tree.actions(prefix)
    listed = [key for t in range(space.n_depths) for key in space.prefixes(t)]
    assert len(listed) == space.n_prefixes
    assert sorted(listed, key=repr) == sorted(((x, s) for x in space.prompts for s in tree.prefixes()), key=repr)


@given(spaces())
def test_numbering_goes_both_ways(space):
    for i, response in enumerate(space.responses()):
        assert space.response_index(response) == i
        assert space.response_at(i) == response
    for t in range(space.n_depths):
        seen = set()
        for prompt, prefix in space.prefixes(t):
            depth, index = space.prefix_index(prefix, prompt)
            assert depth == t
            assert space.prefix_at(t, index) == (prompt, prefix)
            seen.add(index)
        assert seen == set(range(space.n_prefixes_at(t)))


def test_the_documented_index_formula():
    space = SequenceSpace(3, max_length=4, prompts=["x", "y"])
    assert space.prefix_index((2, 1, 0), "y") == (3, 1 + 2 * (2 + 3 * 1 + 9 * 0))


def test_response_sets_of_the_paper():
    assert list(SequenceSpace(1, max_length=2).responses()) == [(EOS,), (0, EOS)]
    assert list(SequenceSpace(1, max_length=3, min_length=2).responses()) == [(0, EOS), (0, 0, EOS)]
    assert list(SequenceSpace.fixed_length("ab", 1).responses()) == [("a",), ("b",)]
    assert SequenceSpace.fixed_length(8, 4).n_responses == 4_096
    assert SequenceSpace.fixed_length(4, 8).n_responses == 65_536


def test_numbers_of_actions():
    space = SequenceSpace(2, max_length=4, min_length=3)
    assert [space.n_actions(t) for t in range(4)] == [2, 2, 3, 1]
    assert [SequenceSpace.fixed_length(2, 3).n_actions(t) for t in range(3)] == [2, 2, 2]


def test_huge_spaces_are_counted_at_once_and_refused():
    space = SequenceSpace(10, max_length=40)
    assert space.n_responses == int("1" * 40)
    assert f"{int('1' * 40):,} responses" in repr(space)
    with pytest.raises(TabularBellmanError, match=r"bytes; the budget is 1,073,741,824 bytes.*max_bytes="):
        space.check_budget()
    vast = SequenceSpace(1000, max_length=10_000)
    assert vast.n_responses == (1000**10_000 - 1) // 999
    assert "≈10^29997 responses" in repr(vast)


def test_budget_can_be_changed_and_does_not_matter_for_equality():
    small = SequenceSpace(2, max_length=3, max_bytes=100)
    with pytest.raises(TabularBellmanError, match="104 bytes; the budget is 100 bytes"):
        small.check_budget()
    SequenceSpace(2, max_length=3, max_bytes=104).check_budget()
    StateTable.zeros(SequenceSpace(2, max_length=3, max_bytes=56))  # 7 prefixes, not 13 pairs
    with pytest.raises(TabularBellmanError, match="a StateTable .* would take 56 bytes; the budget is 55 bytes"):
        StateTable.zeros(SequenceSpace(2, max_length=3, max_bytes=55))
    assert small == SequenceSpace(2, max_length=3)
    assert hash(small) == hash(SequenceSpace(2, max_length=3))


@pytest.mark.parametrize(
    ("space", "text"),
    [
        (SequenceSpace("()", max_length=13), "2 tokens, up to 12 tokens + EOS, 8,191 responses"),
        (SequenceSpace(2, max_length=3, min_length=2), "2 tokens, 1 to 2 tokens + EOS, 6 responses"),
        (SequenceSpace(2, max_length=3, min_length=3), "exactly 2 tokens + EOS"),
        (SequenceSpace(1, max_length=1), "1 token, exactly 0 tokens + EOS, 1 response, 1 prefix, 1 pair>"),
        (SequenceSpace(1, max_length=2, prompts=["a", "b"]), "2 prompts"),
        (SequenceSpace.fixed_length(2, 1), "exactly 1 token, no EOS"),
    ],
)
def test_repr_says_what_the_responses_are(space, text):
    assert text in repr(space)


def test_a_single_prompt_needs_no_name():
    space = SequenceSpace(2, max_length=2, prompts=["only"])
    assert space.prompt_index(None) == space.prompt_index("only") == 0


def test_eos_is_one_object():
    assert repr(EOS) == str(EOS) == "EOS"
    assert copy.deepcopy(EOS) is EOS
    assert pickle.loads(pickle.dumps(EOS)) is EOS


@given(spaces())
def test_spaces_survive_pickling(space):
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert again.response_at(0) == space.response_at(0)


def test_spaces_that_differ_are_not_equal():
    space = SequenceSpace("ab", max_length=3)
    assert space != SequenceSpace("ba", max_length=3)
    assert space != SequenceSpace("ab", max_length=3, prompts=["x"])
    assert SequenceSpace("ab", max_length=3, min_length=3) != SequenceSpace.fixed_length("ab", 3)
    assert space != SequenceSpace("ab", max_length=3, min_length=2)
    assert space != "ab"
