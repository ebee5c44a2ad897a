import json
import math

import numpy as np
import pytest

from proofs_check import furthest, pair_survey, sharpness
from proofs_check.cli import main
from proofs_check.instances import Instance
from proofs_check.library import LIBRARY
from proofs_check.pair_survey import BOUNDS, Bound, survey
from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable, TabularBellmanError, kl_divergence
from tabular_bellman.bounds import kappa, logit_ball_supremum, reward_ball_supremum
from tabular_bellman.pair_bounds import kl_lower_bound, perturbation_bound, residual_bound, span_bound


def run(capsys, *arguments):
    status = main(["bounds", *map(str, arguments)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


# -- length by length --------------------------------------------------------------------------------------------------


def test_the_table_of_the_ledger():
    rows = sharpness.compute()
    assert [row.length for row in rows] == list(range(2, 9))
    assert [row.paper for row in rows] == [2.0 * T for T in range(2, 9)]
    assert [row.free for row in rows] == [2.0 * (T - 1) for T in range(2, 9)]
    assert [row.sharp for row in rows] == pytest.approx([(T - 1) * 0.474475 for T in range(2, 9)], rel=1.1e-6)
    assert [round(row.ratio, 1) for row in rows[:2]] == [8.4, 6.3]
    assert rows[2].reached == pytest.approx(1.42342394, abs=5e-9)
    assert [bool(row.approach) for row in rows] == [False] + [True] * 6
    for row in rows:
        assert row.as_expected
        assert abs(row.gap) < 1e-12
        assert sorted(row.approach, reverse=True)[:3] == list(row.approach)[:3]


def test_one_token_and_fixed_length_attain_it():
    one = sharpness.compute(vocab=1, lengths=range(2, 7))
    assert [row.sharp for row in one] == pytest.approx([0.474475, 0.810332, 1.071482, 1.284650, 1.464082], abs=5e-7)
    fixed = sharpness.compute(2.0, lengths=[2], fixed_length=True)
    assert fixed[0].sharp == pytest.approx(3.340, abs=5e-4)
    for row in (*one, *fixed):
        assert row.as_expected
        assert not row.approach


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 10.0, 300.0])
@pytest.mark.parametrize(("vocab", "fixed"), [(1, False), (2, False), (3, False), (3, True)])
def test_the_pairs_get_there_at_any_distance(epsilon, vocab, fixed):
    assert all(row.as_expected for row in sharpness.compute(epsilon, vocab, range(1, 6), fixed_length=fixed))


def test_a_pair_that_falls_short_or_goes_beyond_is_not_as_expected():
    row = sharpness.compute(lengths=[2])[0]
    assert row.as_expected
    for reached in (row.sharp * (1.0 - 1e-8), row.sharp * (1.0 + 1e-8)):
        assert not sharpness.Row(2, 1, 4.0, 2.0, row.sharp, reached, ()).as_expected


@pytest.mark.parametrize("epsilon", [0.05, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_on_any_tree_the_pair_gets_to_the_supremum(epsilon, seed):
    rng, space = np.random.default_rng(seed), SequenceSpace(3, max_length=4, prompts=["x", "y"])
    shares = [np.where(rng.random(x.shape) < 0.3, -np.inf, 0.0) for x in StateActionTable.zeros(space).levels]
    shares[0][:, :] = 0.0
    table = StateActionTable.from_levels(space, shares)
    live = Instance("", table).live
    levels = furthest.furthest_logits(LIBRARY, space, live, epsilon)
    p, q = (AutoregressiveModel(StateActionTable.from_levels(space, logits)) for logits in levels)
    assert kl_divergence(p, q) == pytest.approx(logit_ball_supremum(epsilon, table), rel=1e-12)
    unshared = furthest.most_unshared(space, live)
    assert reward_ball_supremum(0.5, table) == pytest.approx(kappa(0.25 * unshared))


def test_the_command_prints_the_table(capsys):
    status, out, _ = run(capsys)
    assert status == 0
    assert "  3   2            6          4    0.948949294    0.948949294         6.32" in out.splitlines()
    assert "Attained at T = 2:" in out
    assert "Approached, not attained, at T = 3, 4, 5, 6, 7, 8" in out


def test_the_document_of_the_command(capsys):
    status, out, _ = run(capsys, "--epsilon", 0.5, "--vocab", 3, "--fixed-length", 2, "--json")
    document = json.loads(out)
    assert status == 0
    assert document["schema_version"] == 1
    assert [row["length"] for row in document["rows"]] == [1, 2]
    assert document["rows"][1]["sharp"] == pytest.approx(2.0 * 0.123302, abs=1e-6)
    assert document["rows"][1]["attained"] is True


def test_nothing_to_choose_is_no_ratio(capsys):
    status, out, _ = run(capsys, "--vocab", 1, "--fixed-length", 1, "--json")
    assert status == 0
    assert json.loads(out)["rows"][0]["ratio"] is None
    assert run(capsys, "--vocab", 1, "--fixed-length", 1)[1].splitlines()[4].endswith("-")


def test_a_pair_that_is_off_fails_the_command(capsys, monkeypatch):
    monkeypatch.setattr(
        sharpness, "logit_ball_supremum", lambda epsilon, space: 1.01 * logit_ball_supremum(epsilon, space)
    )
    assert run(capsys)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--epsilon", 0), "ε is 0; a pair of models is made for 0.001 to 300"),
        (("--epsilon", "nan"), "ε is nan"),
        (("--vocab", 10), "a pair of models is written out on up to 2,000,000"),
        (("--seed", 1), "--seed is of the pairs that are drawn"),
        (("--pairs", 5, "--vocab", 2), "--vocab: the pairs of --pairs are drawn"),
        (("--fixed-length", 2, "--max-length", 3), "give one of them"),
    ],
)
def test_wrong_usage(capsys, arguments, message):
    status, _, err = run(capsys, *arguments)
    assert status == 2
    assert message in err


def test_what_is_too_large_is_refused_before_it_is_allocated():
    with pytest.raises(TabularBellmanError, match="logit_ball_supremum has the supremum for any size"):
        sharpness.compute(vocab=10, lengths=[40])


# -- against pairs -----------------------------------------------------------------------------------------------------


def test_no_bound_is_violated_and_sharp_ones_are_met():
    found = {each.bound: each for each in survey(1500, seed=1)}
    assert set(found) == {bound.name for bound in BOUNDS}
    assert not any(each.violated for each in found.values())
    for name in ("logit_ball_supremum", "reward_ball_supremum", "span_bound", "perturbation_bound", "residual_bound"):
        assert found[name].closest > 1.0 - 1e-5
        assert found[name].pairs == 1500
    assert found["proposition_3_bound"].closest < 0.9


def test_the_same_seed_draws_the_same_pairs():
    assert survey(120, seed=3) == survey(120, seed=3) != survey(120, seed=4)


def test_the_draws_have_what_bounds_could_fail_on():
    drawn = list(pair_survey.batches(1000, seed=0))
    assert sum(pairs.space.n_prompts for pairs in drawn) == 1000
    assert {pairs.space.n_tokens for pairs in drawn} == {1, 2, 3}
    assert {pairs.space.has_eos for pairs in drawn} == {True, False}
    assert any("some forbidden" in pairs.name for pairs in drawn)
    assert any(pairs.space.min_length > 1 for pairs in drawn if pairs.space.has_eos)
    epsilon = np.concatenate([pairs.epsilon for pairs in drawn])
    assert epsilon.min() < 0.05
    assert epsilon.max() > 100.0


def wrong(name, right):
    """A wrong bound on KL(p‖q)."""
    return Bound(name, lambda pairs: (pairs.kl, right(pairs)))


def one_step_short(pairs):
    space = pairs.space
    n = space.max_length - 1 if space.n_tokens > 1 else space.n_free_depths
    return n * kappa(pairs.epsilon)


@pytest.mark.parametrize(
    "planted",
    [
        wrong("99.9 % of the supremum", lambda x: 0.999 * np.asarray(logit_ball_supremum(x.epsilon, x.first))),
        wrong("T - 1 in fixed length", one_step_short),
        wrong("κ for the whole response", lambda x: kappa(x.epsilon)),
        wrong("a quarter of the span", lambda x: kappa(0.25 * x.epsilon)),
        wrong("half of the residual", lambda x: 0.5 * np.asarray(residual_bound(x.first, x.rewards[1]))),
        wrong("the perturbation, all but 0.1 %", lambda x: 0.999 * np.asarray(perturbation_bound(*x.rewards))),
        wrong("prefixes of the other model", lambda x: span_bound(x.q, x.p)),
        wrong("NaN", lambda x: np.full(x.space.n_prompts, math.nan)),
        Bound("KL/2 for total variation", lambda x: (x.variation, 0.5 * x.kl)),
        Bound("the lower bound of the other direction", lambda x: (kl_lower_bound(x.q, x.p), x.kl)),
        Bound("the lower bound, and 0.1 %", lambda x: (1.001 * np.asarray(kl_lower_bound(x.p, x.q)), x.kl)),
    ],
    ids=lambda bound: bound.name,
)
def test_a_wrong_bound_is_violated(planted):
    (found,) = survey(1000, seed=0, bounds=[planted])
    assert found.violated > 0
    assert found.where != "-"


def test_the_command_on_pairs(capsys, monkeypatch):
    status, out, _ = run(capsys, "--pairs", 120, "--seed", 2)
    assert status == 0
    assert out.startswith("120 pairs of models (seed 2), in both directions")
    status, out, _ = run(capsys, "--pairs", 60, "--json")
    assert status == 0
    assert {each["bound"] for each in json.loads(out)["bounds"]} == {bound.name for bound in BOUNDS}
    right = survey
    planted = [wrong("half", lambda x: 0.5 * np.asarray(span_bound(x.p, x.q)))]
    monkeypatch.setattr(pair_survey, "survey", lambda n, seed: right(n, seed, planted))
    assert run(capsys, "--pairs", 500)[0] == 1
