from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from oracle import total
from shaping import shaping_matrix
from strategies import as_dict, plain, spaces, tables, tree_of

from tabular_bellman import SequenceSpace, StateActionTable, TabularBellmanError
from tabular_bellman.gauge_dimensions import GaugeDimensions, exact_rank, gauge_dimensions, reward_matrix


def allowed_responses(table):
    values, tree = as_dict(table), tree_of(table.space)
    return [(x, y) for x in table.space.prompts for y in tree.responses() if total(values, x, y) > -np.inf]


@given(tables())
def test_dimensions_are_those_of_what_is_listed(table):
    responses = allowed_responses(table)
    pairs = {(x, y[:t], y[t]) for x, y in responses for t in range(len(y))}
    found = gauge_dimensions(table)
    assert found == GaugeDimensions(
        len(table.space.prompts), len(pairs), len(responses), len({(x, s) for x, s, _ in pairs})
    )
    assert found.pairs == found.prefixes + found.responses - found.prompts


@given(spaces())
def test_by_formula_as_by_counting(space):
    assert gauge_dimensions(space) == gauge_dimensions(StateActionTable.zeros(space))


def test_the_numbers_of_one_tree():
    found = gauge_dimensions(SequenceSpace.fixed_length(2, 3, ["x", "y"]))
    assert (found.pairs, found.responses, found.prefixes, found.shaping, found.models) == (28, 16, 14, 12, 14)
    assert gauge_dimensions(SequenceSpace(1, max_length=1)).models == 0


def test_by_formula_where_no_table_fits():
    found = gauge_dimensions(SequenceSpace(50_000, max_length=2048))
    assert found.pairs == found.prefixes + found.responses - 1
    assert found.responses == (50_000**2048 - 1) // 49_999


# -- the matrix --------------------------------------------------------------------------------------------------------


@given(tables(masks=False))
def test_the_matrix_adds_up_along_each_response(reward):
    space, values = reward.space, as_dict(reward)
    expected = [total(values, x, y) for x in space.prompts for y in tree_of(space).responses()]
    np.testing.assert_allclose(reward_matrix(space) @ reward.to_vector(), expected, atol=1e-9)


@given(tables())
def test_rows_and_columns_are_responses_and_pairs(table):
    matrix, allowed = reward_matrix(table), allowed_responses(table)
    rows = [(x, y) for x in table.space.prompts for y in map(plain, table.space.responses())]
    columns = [plain(key) for key in table.space.pairs()]
    assert matrix.shape == (len(rows), len(columns))
    taken = {(rows[i], columns[j]) for i, j in np.argwhere(matrix == 1).tolist()}
    assert taken == {((x, y), (x, y[:t], y[t])) for x, y in allowed for t in range(len(y))}
    assert matrix.sum() == len(taken)


@given(tables())
def test_ranks_are_as_counted(table):
    found = gauge_dimensions(table)
    assert exact_rank(reward_matrix(table)) == found.responses
    shaping = shaping_matrix(table)
    assert not (reward_matrix(table) @ shaping[:, table.space.n_prompts :]).any()
    assert (exact_rank(shaping), exact_rank(shaping[:, table.space.n_prompts :])) == (found.prefixes, found.shaping)


def test_a_matrix_beyond_the_budget_is_refused_by_formula():
    space = SequenceSpace(8, max_length=6)  # of which a table would fit
    with pytest.raises(TabularBellmanError, match="the matrix of responses and pairs .* the budget is"):
        reward_matrix(space)


def test_one_token_and_many_steps():
    matrix = reward_matrix(SequenceSpace(1, max_length=80))
    assert matrix.shape == (80, 159)
    assert matrix.sum(axis=1).tolist() == list(range(1, 81))


# -- ranks -------------------------------------------------------------------------------------------------------------


def test_ranks_by_hand():
    assert exact_rank(np.eye(3, dtype=int)) == 3
    assert exact_rank([[1, 2, 3], [2, 4, 6], [1, 0, 1]]) == 2
    assert exact_rank([[Fraction(1, 3), Fraction(1, 7)], [Fraction(7, 3), 1]]) == 1
    assert exact_rank([[10**30, 1], [10**30 + 1, 1]]) == 2  # floats cannot tell
    assert exact_rank(np.zeros((0, 4), dtype=int)) == 0


@pytest.mark.parametrize(
    ("matrix", "message"),
    [([1, 2], "1 axes; it must have 2"), ([[1.0]], "holds 1.0; a rank is exact"), ([["a"]], "holds 'a'")],
)
def test_what_has_no_exact_rank(matrix, message):
    with pytest.raises(TabularBellmanError, match=message):
        exact_rank(matrix)


@pytest.mark.parametrize("function", [gauge_dimensions, reward_matrix])
def test_bad_support(function):
    with pytest.raises(TabularBellmanError, match="the support is a int; it must be a SequenceSpace or Sta"):
        function(3)
    nothing = StateActionTable.zeros(SequenceSpace(1, max_length=1))
    nothing = StateActionTable.from_levels(nothing.space, [np.full((1, 1), -np.inf)])
    with pytest.raises(TabularBellmanError, match="every response to prompt None is forbidden"):
        function(nothing)
