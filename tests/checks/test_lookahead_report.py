import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from oracle import END, kl
from strategies import as_dict, tables, tree_of

from proofs_check import lookahead
from proofs_check.claims.lookahead import CLAIMS
from proofs_check.evidence import Fate, check, evaluate
from proofs_check.examples.brackets import brackets_reward
from proofs_check.instances import Instance, built_in
from proofs_check.library import LIBRARY
from proofs_check.reals import Real
from tabular_bellman import SequenceSpace, StateActionTable, TabularBellmanError, soft_bellman
from tabular_bellman.lookahead import lookahead_logits

MODERATE = tables().filter(lambda table: np.abs(finite(table)).max(initial=0.0) < 100.0)


def finite(table):
    vector = table.to_vector()
    return vector[np.isfinite(vector)]


def chances(tree, logits, prompt):
    """p(y) of every response, by products; a draw may also stop."""
    found = []
    for y in tree.responses():
        p = 1.0
        for t, action in enumerate(y):
            weights = {a: math.exp(logits[prompt, y[:t], a]) for a in tree.actions(y[:t])}
            total = math.fsum(weights.values())
            p *= weights[action] / total if total else 0.0
        found.append(p)
    return found


def strays(logits, exact, prompt):
    """Whether a draw from softmax(logits) may take a step that no allowed response takes."""
    return any(
        exact[key] == -math.inf < min(logits[prompt, (*s, a)[:t], (*s, a)[t]] for t in range(len(s) + 1))
        for key in exact
        for x, s, a in [key]
        if x == prompt
    )


@settings(max_examples=40)
@given(MODERATE)
def test_rows_are_sums_over_responses(reward):
    tree, prompts = tree_of(reward.space), reward.space.prompts
    exact = as_dict(soft_bellman(reward)[0])
    for row in lookahead.rows(reward):
        logits = as_dict(lookahead_logits(reward, row.horizon))
        for i, prompt in enumerate(prompts):
            p, p_h = chances(tree, exact, prompt), chances(tree, logits, prompt)
            assert row.success.value[i] == pytest.approx(math.fsum(p_h), abs=1e-12)
            assert row.backwards.value[i] == pytest.approx(kl(p, p_h), abs=1e-9, rel=1e-9)
            assert (row.forwards.value[i] == math.inf) == strays(logits, exact, prompt)
            if row.forwards.value[i] < math.inf:
                assert math.fsum(p_h) == pytest.approx(1.0)
                assert row.forwards.value[i] == pytest.approx(kl(p_h, p), abs=1e-9, rel=1e-9)
    assert row.forwards.value.max() <= row.forwards.error.max()
    assert row.success.value == pytest.approx(np.ones(len(prompts)))


def test_success_on_brackets():
    reward = brackets_reward(12)
    found = lookahead.rows(reward)
    exact = lookahead.successes(reward)
    assert exact[-1] == 1
    for row, chance in zip(found, exact, strict=True):
        assert abs(row.success.value[0] - float(chance)) <= row.success.error[0] + 1e-16
    assert f"{found[0].success.value[0]:.1%}" == "45.4%"  # as the demo has it
    assert exact[1] < exact[0]  # one step of lookahead does harm


def test_the_smallest_example_of_a_worse_divergence():
    found = lookahead.smallest("forwards", lookahead.FINITE)
    entries = {key[1:]: value for key, value in as_dict(found.reward).items() if value}
    assert entries == {((), "a"): -1.0, (("a",), END): -1.0, (("a", "a"), END): -1.0}
    rows = lookahead.rows(found.reward)
    assert rows[found.horizon].forwards.value[0] < rows[found.horizon + 1].forwards.value[0]
    # By hand: softmax of M_0 r at the start is σ(-1), of M_1 r σ(-1 + log(1 + 1/e)), of M r σ(-1 + log 2/e).
    e = math.e
    going = [[1 / (1 + e), e / (1 + e)], [(1 + 1 / e) / (1 + 1 / e + e), 1 / 2], [2 / (e * e + 2), 1 / 2]]
    p = [[1 - a, a * (1 - b), a * b] for a, b in going]
    for row, mine in zip(rows, p, strict=True):
        np.testing.assert_allclose(np.exp(row.log_probs.value[:, 0]), mine, rtol=1e-14)
        assert row.forwards.value[0] == pytest.approx(kl(mine, p[-1]), abs=1e-14)
        assert row.backwards.value[0] == pytest.approx(kl(p[-1], mine), abs=1e-14)
    assert lookahead.smallest("backwards", lookahead.FINITE).reward == found.reward


def test_no_smaller_case_gets_worse_when_each_is_looked_at_alone():
    found, before = lookahead.smallest("forwards", lookahead.FINITE), 0
    for batch in lookahead.FINITE.batches():
        for p in range(batch.space.n_prompts):
            one = StateActionTable.from_arrays(
                SequenceSpace("a", max_length=batch.n_depths), [batch[t][p : p + 1] for t in range(batch.n_depths)]
            )
            if one == found.reward:
                assert before == found.before
                return
            tree = tree_of(one.space)
            models = [chances(tree, as_dict(lookahead_logits(one, h)), None) for h in range(one.n_depths)]
            losses = [kl(mine, models[-1]) for mine in models]
            assert all(later <= sooner + 1e-13 for sooner, later in pairwise(losses))
            before += 1
    raise AssertionError("the smallest case is not in the grid")


def test_the_smallest_example_of_less_success():
    found = lookahead.smallest("success", lookahead.FORBIDDING)
    assert lookahead.successes(found.reward) == [Fraction(3, 4), Fraction(2, 3), 1, 1]
    assert (found.reward.n_depths, found.horizon) == (4, 0)
    entries = [key[1:] for key, value in as_dict(found.reward).items() if value]
    assert entries == [(("a", "a"), END), (("a", "a", "a"), END)]


def test_cases_that_forbid_everything_are_not_counted():
    found, before = lookahead.smallest("success", lookahead.FORBIDDING), 0
    for batch in lookahead.FORBIDDING.batches():
        for p in range(batch.space.n_prompts):
            space = SequenceSpace(batch.space.vocab, max_length=batch.n_depths)
            one = StateActionTable.from_arrays(space, [batch[t][p : p + 1] for t in range(batch.n_depths)])
            if one == found.reward:
                assert found.before == before > 0
                return
            before += bool(np.isfinite(soft_bellman(one)[1].levels[0]).all())
    raise AssertionError("the smallest case is not in the grid")


def test_worse_is_what_no_rounding_explains():
    def row(horizon, value):
        number = Real(np.array([value]), np.array([0.1]))
        return lookahead.Row(horizon, None, number, number, number)

    rows = [row(h, value) for h, value in enumerate((1.0, 1.15, 1.4, 1.0))]
    assert lookahead._worse("forwards", rows).tolist() == [[False], [True], [False]]
    assert lookahead._worse("success", rows).tolist() == [[False], [False], [True]]


def test_the_error_that_is_stated_is_that_of_both_sides():
    grid = lookahead.Grid((-1.0, 1.0), ((1, 1), (1, 2)), 3)
    errors = [row.forwards.error.max() for batch in grid.batches() for row in lookahead.rows(batch)]
    assert lookahead.smallest("forwards", grid).rounding == 2.0 * max(errors)


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0.0, 0.0, "0"),
        (1e-17, 1e-16, "0"),
        (0.5, 1e-16, "0.500000"),
        (1e-5, 1e-16, "1.000e-05"),
        (2e6, 1e-9, "2.000e+06"),
        (math.inf, 0.0, "inf"),
    ],
)
def test_how_divergences_are_shown(value, error, shown):
    assert lookahead._shown(Real(np.array(value), np.array(error))) == shown


def test_a_grid_without_an_example_says_how_large_it_is():
    grid = lookahead.Grid((-1.0, 1.0), ((1, 1), (1, 2)), 3)
    found = lookahead.smallest("forwards", grid)
    assert (found.reward, found.before) == (None, 3 + 27)
    grid = lookahead.Grid((-math.inf,), ((1, 1), (1, 2)), 3)
    # Of 2 and 8 cases those are left out that forbid everything: 1 and 3.
    assert lookahead.smallest("success", grid).before == 1 + 5


def test_the_story():
    lines = list(lookahead.story())
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for words in ("45.43% 1 inf", "12 0 0 100.00% M itself", "r(aa, EOS) = -inf, r(aaa, EOS) = -inf", " 3/4 ", " 2/3 "):
        assert words in text


@pytest.mark.parametrize("space", [SequenceSpace(1, max_length=1), SequenceSpace.fixed_length(2, 3, range(10))])
def test_the_story_of_rewards_of_ones_own(space):
    lines = list(lookahead.story(StateActionTable.random(space, rng=0)))
    assert max(map(len, lines)) <= 80
    assert sum("M itself" in line for line in lines) == min(space.n_prompts, 8)
    assert ("(and 2 more prompts)" in lines) == (space.n_prompts > 8)


def test_rewards_that_have_no_story_are_refused():
    space = SequenceSpace(1, max_length=2)
    with pytest.raises(TabularBellmanError, match="every response"):
        list(lookahead.story(StateActionTable.from_responses(space, lambda *_: -math.inf)))
    with pytest.raises(TabularBellmanError, match="overflow"):
        list(lookahead.story(StateActionTable.zeros(space) + 1e308))
    with pytest.raises(TabularBellmanError, match="overflow"):
        lookahead.rows(StateActionTable.zeros(space) + 1e308)
    with pytest.raises(TabularBellmanError, match="0 and -inf"):
        lookahead.successes(StateActionTable.zeros(space) + 1.0)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_claims_hold_and_reject_their_mistakes(claim, seed):
    result = check(claim, list(built_in(seed)), complete=True, seed=seed)
    assert result.verdict.passed, result.doubts()
    assert set(result.fates.values()) == {Fate.REJECTED}
    assert len(result.fates) >= 3


@given(tables())
def test_claims_hold_on_any_rewards(reward):
    for claim in CLAIMS:
        instance = Instance("any", reward, 0.5)
        if claim.scope.includes(instance):
            outcome = evaluate(claim, LIBRARY, instance)
            assert outcome.holds, outcome
