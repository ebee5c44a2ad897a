import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tables

from proofs_check.claim import Claim, Comparison, Misreading, Mistake
from proofs_check.claims import CLAIMS
from proofs_check.evidence import Fate, Outcome, Result, Verdict, applicable, check, evaluate, fate, planted
from proofs_check.exact import as_exact
from proofs_check.instances import WITH_EOS, Instance, built_in, half_forbidden, of_user
from proofs_check.library import LIBRARY
from proofs_check.mistakes import MISTAKES, SOFT_BELLMAN
from proofs_check.toolkit import REFERENCE
from tabular_bellman import SequenceSpace, StateActionTable, TabularBellmanError
from tabular_bellman.number_systems import Bounded

INSTANCES = list(built_in(0))
QUICK = list(built_in(1, "quick"))
BY_ID = {claim.id: claim for claim in CLAIMS}
HARD_MAX = SOFT_BELLMAN[0]


def claim_of(body, *rejects, **fields):
    """A claim with nothing but a body and what it must reject."""
    mistakes = tuple(wrong for wrong in rejects if isinstance(wrong, Mistake))
    words = dict.fromkeys(("id", "place", "statement", "latex", "hypotheses"), "c")
    misreadings = tuple(wrong for wrong in rejects if isinstance(wrong, Misreading))
    return Claim(**words, routes=(), body=body, mistakes=mistakes, misreadings=misreadings, **fields)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_claim_can_fail_and_says_what_it_is(claim):
    assert len(claim.rejects) >= 3
    assert len(claim.routes) >= 2
    assert all((claim.place, claim.statement, claim.latex, claim.hypotheses, *claim.routes))
    assert len(claim.statement) <= 150


@given(tables(), st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 3))
def test_claims_hold_on_any_rewards(reward, temperature, start):
    instance = Instance("any", reward, temperature)
    for claim in CLAIMS[start::4]:
        for applied in applicable(claim, [instance], complete=False):
            outcome = evaluate(claim, LIBRARY, applied)
            assert outcome.holds, (claim.id, outcome)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_every_mistake_is_named_by_a_claim(mistake):
    assert any(mistake in claim.mistakes for claim in CLAIMS)


def test_names_are_unique():
    wrong = [mistake.name for mistake in MISTAKES]
    wrong += [misreading.name for claim in CLAIMS for misreading in claim.misreadings]
    for names in ([claim.id for claim in CLAIMS], wrong):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("claim", [BY_ID["P1-logZ"], BY_ID["P4-validity"], BY_ID["L-kernel"]], ids=lambda c: c.id)
def test_a_bound_too_wide_to_reject_is_inconclusive(claim, monkeypatch):
    """With every bound 1e30 the claim still holds, and says that this means nothing."""

    def wide(kit, instance):
        for comparison in claim.body(kit, instance):
            left = comparison.left
            if hasattr(left, "error"):
                left = dataclasses.replace(left, error=np.full_like(left.error, 1e30))
            yield dataclasses.replace(comparison, left=left)

    result = check(dataclasses.replace(claim, body=wide), INSTANCES[:8])
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "too wide to mean something" in result.doubts()[0]


def test_a_mistake_that_makes_no_difference_is_not_counted():
    instance = Instance("one token, one step", StateActionTable.random(SequenceSpace(1, max_length=1), 0))
    result = check(BY_ID["P1-logZ"], [instance])
    assert result.verdict is Verdict.CHECKED
    assert {"hard-max", "prefix-order", "prompts-merged", "lost-temperature"} <= set(result.named(Fate.EQUIVALENT))
    assert "mean-not-sum" in result.named(Fate.EQUIVALENT)  # one response: the mean is the sum


def test_a_mistake_that_differs_but_is_not_noticed_makes_the_pass_inconclusive():
    """A claim that looks at nothing holds; what it fails to notice counts against it."""

    def body(kit, instance):
        _, values = kit.soft_bellman(instance.space, kit.rewards(instance), 1.0)
        yield Comparison("V = V", values[0], values[0])

    blind = claim_of(body, HARD_MAX)
    result = check(blind, INSTANCES[:5])
    assert result.named(Fate.SURVIVED) == ["hard-max"]
    assert result.verdict is Verdict.INCONCLUSIVE


def test_a_mistake_may_differ_without_a_difference_to_the_claim():
    """With rewards on the last step only, values in another order add up to the same root value, truly."""
    reward = StateActionTable.from_responses(SequenceSpace(2, max_length=3), [0.5, 1.0, -1.0, 0.0, 2.0, 1e-3, -3.0])
    result = check(BY_ID["P1-logZ"], of_user(reward, "terminal"))
    assert result.named(Fate.UNSEEN) == ["prefix-order"]
    assert result.verdict is Verdict.CHECKED
    # On instances that were chosen so that it shows, it would not do.
    assert dataclasses.replace(result, complete=True).verdict is Verdict.INCONCLUSIVE


def test_a_nan_is_a_refutation():
    broken = Mistake("nan", "", "log_partition", lambda kit, space, *rest: np.full(space.n_prompts, np.nan))
    outcome = evaluate(BY_ID["P1-logZ"], planted(broken), INSTANCES[0])
    assert outcome.residual == np.inf
    assert not outcome.holds


def test_a_finite_number_where_minus_infinity_belongs_is_a_refutation():
    instance = half_forbidden(SequenceSpace(2, max_length=3), np.random.default_rng(0))
    shallow = Mistake(
        "shallow", "", "arm_log_probs", lambda kit, *rest: np.maximum(LIBRARY.arm_log_probs(*rest), -1e300)
    )
    outcome = evaluate(BY_ID["P1-prob"], planted(shallow), instance)
    assert outcome.residual == np.inf


def test_a_refusal_is_a_refutation_with_its_message():
    all_dead = Mistake(
        "dead",
        "",
        "soft_bellman",
        lambda kit, space, rewards, t: ([np.full_like(r, -np.inf) for r in rewards], rewards),
    )
    outcome = evaluate(BY_ID["P1-prob"], planted(all_dead), INSTANCES[0])
    assert "every response to prompt None is forbidden" in outcome.refusal
    assert not outcome.holds


def test_shapes_are_compared_strictly():
    bad = dataclasses.replace(
        BY_ID["P1-logZ"], body=lambda kit, i: [Comparison("", kit.lift(np.zeros(2)), kit.lift(np.zeros(1)))]
    )
    with pytest.raises(RuntimeError, match="shapes"):
        evaluate(bad, LIBRARY, INSTANCES[0])


def test_the_instances_that_are_promised_are_there():
    spaces = [instance.space for instance in INSTANCES]
    assert SequenceSpace.fixed_length(8, 4) in spaces
    assert SequenceSpace.fixed_length(4, 8) in spaces
    assert SequenceSpace(3, max_length=8, prompts=["x", "y"]) in spaces
    assert SequenceSpace("()", max_length=13) in spaces
    assert SequenceSpace(1, max_length=200) in spaces
    assert SequenceSpace("ab", max_length=3, prompts=["a", "ab"]) in spaces
    forbidden = next(i for i in INSTANCES if i.name == "V=3, T=6, half of the actions forbidden")
    assert 0.4 < np.isneginf(forbidden.reward.to_vector()).mean() < 0.6
    assert {instance.temperature for instance in INSTANCES} > {1.0}


@settings(max_examples=20)
@given(tables())
def test_live_pairs_are_those_on_the_way_to_an_allowed_response(reward):
    space, instance = reward.space, Instance("any", reward)
    on_the_way = set()
    for prompt in space.prompts:
        for response in space.responses():
            path = [(prompt, response[:t], response[t]) for t in range(len(response))]
            # Live says nothing about how to get there: it is about what is below.
            for t in range(len(path)):
                if all(np.isfinite(reward[key]) for key in path[t:]):
                    on_the_way.add(path[t])
    for prompt, prefix, action in space.pairs():
        depth, index = space.prefix_index(prefix, prompt)
        live = instance.live[depth][space.action_index(depth, action), index]
        assert live == ((prompt, prefix, action) in on_the_way)


def one_number(residual, bound):
    def body(kit, instance):
        if kit is REFERENCE:
            yield Comparison("", Bounded(np.zeros(1), np.array([bound])), kit.lift(np.zeros(1)))
        else:
            yield Comparison("", np.array([residual]), np.zeros(1))

    return claim_of(body)


@pytest.mark.parametrize(
    ("residual", "bound", "holds"),
    [
        (0.99e-9, 1e-9, True),
        (1e-9, 1e-9, True),
        (1.01e-9, 1e-9, False),
        (1e-9, 0.0, False),
        (0.0, 0.0, True),
        (0.0, np.inf, True),
        (np.inf, np.inf, True),
        (np.inf, 1e-9, False),
        (np.nan, 1e-9, False),
        (-np.inf, 1e-9, False),
    ],
)
def test_the_bound_is_the_bound(residual, bound, holds):
    outcome = evaluate(one_number(residual, bound), LIBRARY, INSTANCES[0])
    assert outcome.holds is holds
    assert (outcome.ratio <= 1.0) is holds


def test_infinity_on_both_sides_is_a_refutation():
    def body(kit, instance):
        yield Comparison("", kit.lift(np.array([np.inf])), kit.lift(np.array([np.inf])))

    assert not evaluate(claim_of(body), LIBRARY, INSTANCES[0]).holds


def test_nothing_checked_is_not_a_pass():
    assert check(BY_ID["P1-logZ"], []).verdict is Verdict.NOT_APPLICABLE
    assert check(BY_ID["P1-logZ"], [], complete=True).verdict is Verdict.INCONCLUSIVE
    assert check(one_number(0.0, 1e-9), INSTANCES[:3], complete=True).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("bound", "verdict"), [(0.9e-6, Verdict.CHECKED), (1.1e-6, Verdict.INCONCLUSIVE)])
def test_a_bound_above_a_millionth_means_little_even_if_mistakes_are_rejected(bound, verdict):
    result = check(BY_ID["P1-logZ"], INSTANCES[:8])
    outcomes = [dataclasses.replace(outcome, widest=bound) for outcome in result.outcomes]
    assert dataclasses.replace(result, outcomes=outcomes).verdict is verdict


def test_large_rewards_are_refused_or_inconclusive_and_never_refuted():
    space = SequenceSpace(2, max_length=3)
    for size in (1e9, 5e15, 1e300, 5.6e306):
        for instance in of_user(StateActionTable.from_responses(space, [size] * 7), "large"):
            for claim in CLAIMS:
                if applicable(claim, [instance], complete=False):
                    assert evaluate(claim, LIBRARY, instance).holds, claim.id
        result = check(BY_ID["P1-bijection-r"], of_user(StateActionTable.from_responses(space, [size] * 7), "large"))
        assert result.verdict is Verdict.INCONCLUSIVE or size == 1e9
    with pytest.raises(TabularBellmanError, match="can overflow float64"):
        of_user(StateActionTable.from_responses(space, [5.7e306] * 7), "larger")


def test_remainders_of_taylor_fall_with_the_square_of_the_step():
    claim = BY_ID["GR-taylor"]
    outcomes = [evaluate(claim, LIBRARY, instance) for instance in applicable(claim, [], complete=True)]
    slopes = [item.number for outcome in outcomes for item in outcome.measured]
    assert len(slopes) > 20
    assert slopes == pytest.approx([2.0] * len(slopes), abs=0.25)


def test_the_one_token_bound_stands_far_out():
    space = SequenceSpace(1, max_length=2)
    for size in (1e3, 2e16, 1e200):
        reward = StateActionTable.from_responses(space, [0.0, size])
        for instance in of_user(reward, "far"):
            assert evaluate(BY_ID["K-one-token"], LIBRARY, instance).holds


def test_what_has_no_bound_is_inconclusive_and_never_refuted():
    huge = Instance("huge", StateActionTable.zeros(SequenceSpace(1, max_length=2)) - 1e308)
    result = check(BY_ID["P1-logZ"], [huge])
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no bound" in result.doubts()[0]
    assert not result.named(Fate.REJECTED)
    assert check(claim_of(numbers(1.0, 2.0, error=np.nan)), [ONE_STEP]).verdict is Verdict.INCONCLUSIVE


def test_the_two_sides_are_computed_by_separate_code(monkeypatch):
    """No side of a claim may be the other in disguise: only `soft_bellman` uses the kernel."""

    def broken(*_, **__):
        raise AssertionError("the kernel was used")

    reward = StateActionTable.random(SequenceSpace(2, max_length=3), 0)
    monkeypatch.setattr("tabular_bellman.kernel.backward", broken)
    LIBRARY.log_partition(reward.space, reward.levels, 0.5)
    LIBRARY.ebm_log_probs(reward.space, reward.levels, 0.5)
    LIBRARY.arm_log_probs(reward.space, reward.levels)
    LIBRARY.recursion(reward.space, reward.levels, 0.5)
    with pytest.raises(AssertionError, match="the kernel was used"):
        LIBRARY.soft_bellman(reward.space, reward.levels, 0.5)


def test_validity_is_checked_on_any_logits():
    reward = StateActionTable.from_function(SequenceSpace(2, max_length=3), lambda x, s, a: float(len(s)))
    seen = []
    spy = dataclasses.replace(LIBRARY, arm_log_probs=lambda space, q: seen.append(q) or LIBRARY.arm_log_probs(space, q))
    list(BY_ID["P4-validity"].body(spy, Instance("i", reward)))
    assert all(map(np.array_equal, seen[0], reward.levels))


HOLDS, FAILS = Outcome("holds", 0.25, 1.0, "first", widest=1e-9), Outcome("fails", 1.0, 0.5, "second", widest=0.5)


def test_a_failure_outranks_what_makes_a_pass_inconclusive():
    for each in Fate:
        result = Result(BY_ID["P1-logZ"], [HOLDS, FAILS], {"m": each}, complete=True)
        assert result.verdict is Verdict.REFUTED
        assert result.worst is FAILS
    refused = Outcome("i", refusal="no")
    assert not refused.holds
    assert refused.ratio == np.inf


def test_of_outcomes_without_residual_the_one_with_the_widest_bound_is_shown():
    narrow, wide = Outcome("narrow", 0.0, 1e-15), Outcome("wide", 0.0, 1e-12)
    for outcomes in ([narrow, wide], [wide, narrow]):
        assert Result(BY_ID["P1-logZ"], outcomes, {}).worst is wide


def test_what_survives_is_no_doubt_on_instances_that_were_not_chosen_for_it():
    result = Result(BY_ID["P1-logZ"], [HOLDS], {"r": Fate.REJECTED, "s": Fate.SURVIVED})
    assert result.verdict is Verdict.CHECKED
    assert dataclasses.replace(result, complete=True).verdict is Verdict.INCONCLUSIVE


def test_one_wide_bound_is_enough_to_mean_little():
    rejected = {"m": Fate.REJECTED}
    assert Result(BY_ID["P1-logZ"], [HOLDS], rejected).verdict is Verdict.CHECKED
    wide = dataclasses.replace(HOLDS, widest=1e-3)
    assert Result(BY_ID["P1-logZ"], [wide, HOLDS], rejected).verdict is Verdict.INCONCLUSIVE


ONE_STEP = Instance("one step", StateActionTable.zeros(SequenceSpace(1, max_length=1)))


def outcome_of(*comparisons):
    """The outcome of comparisons (left, right, error of the left)."""

    def compared(kit, left, right, errors):
        lifted = kit.lift(np.array(left))
        if hasattr(lifted, "error"):
            lifted = dataclasses.replace(lifted, error=np.array(errors))
        return Comparison("what", lifted, kit.lift(np.array(right)))

    return evaluate(claim_of(lambda kit, _: [compared(kit, *c) for c in comparisons]), LIBRARY, ONE_STEP)


def test_an_outcome_gathers_all_comparisons():
    o = outcome_of(([0.0, -np.inf], [0.25, -np.inf], [0.25, 0.0]), ([0.0, 1.0], [0.5, 1.0], [1.0, 2.0]))
    assert (o.residual, o.bound, o.widest, o.live, o.forbidden) == (0.25, 0.25, 2.0, 3, 1)


def test_the_entry_nearest_to_its_bound_is_shown():
    o = outcome_of(([0.0, 0.0], [0.5, 0.25], [5.0, 0.5]))
    assert (o.residual, o.bound, o.widest) == (0.25, 0.5, 5.0)
    o = outcome_of(([0.0, 0.0], [0.0, 0.0], [1.0, 5.0]))
    assert (o.residual, o.bound) == (0.0, 5.0)


def test_the_width_of_a_bound_is_relative_to_large_numbers():
    assert outcome_of(([1e9], [1e9], [1.0])).widest == pytest.approx(1e-9)
    assert outcome_of(([1e-3], [1e-3], [1.0])).widest == 1.0


def test_the_errors_of_both_sides_count():
    def body(kit, _):
        third = kit.system.power(kit.lift(np.array([1.0])), 1.0 / 3.0)
        yield Comparison("x", kit.lift(np.array([1.0 / 3.0 + 1e-16])), third)

    assert evaluate(claim_of(body), LIBRARY, ONE_STEP).bound > 0.0


def test_the_errors_of_both_sides_add_up():
    def body(kit, _):
        sides = [Bounded(np.zeros(1), np.array([error])) for error in (1.0, 2.0)]
        yield Comparison("x", *(sides if kit is REFERENCE else (np.array([2.5]), np.zeros(1))))

    assert evaluate(claim_of(body), LIBRARY, ONE_STEP).bound == 3.0


def test_a_mistake_that_shows_on_the_right_side_only_is_seen():
    def body(kit, instance):
        _, values = kit.soft_bellman(instance.space, kit.rewards(instance), 1.0)
        left = kit.lift(np.zeros(values[0].shape))
        if hasattr(left, "error"):
            left = dataclasses.replace(left, error=np.full_like(left.error, 1e30))
        yield Comparison("V", left, values[0])

    assert check(claim_of(body, HARD_MAX), INSTANCES[:5]).named(Fate.SURVIVED) == ["hard-max"]


def test_warnings_of_the_library_are_not_hidden():
    def body(kit, _):
        if kit is not REFERENCE:
            np.log(np.zeros(1))
        return [Comparison("x", kit.lift(np.zeros(1)), kit.lift(np.zeros(1)))]

    with pytest.raises(RuntimeWarning):
        evaluate(claim_of(body), LIBRARY, ONE_STEP)
    assert evaluate(claim_of(body), planted(HARD_MAX), ONE_STEP).holds


def numbers(left, right, relation="equal", error=0.0):
    """A body that relates two numbers, of which the left has an error."""

    def body(kit, _):
        side = kit.number(np.array([left]))
        if hasattr(side, "error"):
            side = dataclasses.replace(side, error=np.array([error]))
        yield Comparison("x", side, kit.number(np.array([right])), relation)

    return body


@pytest.mark.parametrize(
    ("left", "right", "error", "holds"),
    [(1.0, 2.0, 0.0, True), (2.0, 2.0, 0.0, True), (2.5, 2.0, 0.5, True), (2.5, 2.0, 0.25, False)],
)
def test_at_most_allows_what_rounding_explains(left, right, error, holds):
    outcome = evaluate(claim_of(numbers(left, right, "at most", error)), LIBRARY, ONE_STEP)
    assert outcome.holds is holds
    assert outcome.slack == max(right - left, 0.0)


@pytest.mark.parametrize(
    ("left", "right", "error", "holds"), [(1.0, 2.0, 0.5, True), (1.0, 2.0, 1.0, False), (2.0, 2.0, 0.0, False)]
)
def test_differs_needs_more_than_rounding_explains(left, right, error, holds):
    assert evaluate(claim_of(numbers(left, right, "differs", error)), LIBRARY, ONE_STEP).holds is holds


@pytest.mark.parametrize(
    ("left", "right", "slack"),
    [(0.0, 0.0, None), (1e-7, 9e-7, None), (1e-5, 3e-5, 2e-5), (-1.0, 0.0, 1.0), (-np.inf, 1.0, None)],
)
def test_only_sides_that_are_not_next_to_nothing_have_a_slack(left, right, slack):
    found = evaluate(claim_of(numbers(left, right, "at most")), LIBRARY, ONE_STEP).slack
    assert found is None if slack is None else found == pytest.approx(slack)


def test_the_smallest_slack_of_all_comparisons_counts():
    def body(*arguments):
        for right in (2.0, 1.25, 3.0):
            yield from numbers(1.0, right, "at most")(*arguments)
        yield from numbers(1.0, 1.0)(*arguments)  # an equality has none

    assert evaluate(claim_of(body), LIBRARY, ONE_STEP).slack == 0.25


@pytest.mark.parametrize("relation", ["equal", "at most", "differs"])
def test_what_overflows_relates_to_nothing(relation):
    for left, right in ((1.0, np.inf), (np.inf, 1.0)):
        assert not evaluate(claim_of(numbers(left, right, relation)), LIBRARY, ONE_STEP).holds


@pytest.mark.parametrize("relation", ["equal", "at most", "differs"])
def test_nan_relates_to_nothing(relation):
    assert not evaluate(claim_of(numbers(np.nan, 1.0, relation, 1.0)), LIBRARY, ONE_STEP).holds


def test_integers_are_compared_exactly():
    big = 2**70
    wrong = Misreading("one more", "", lambda *_: [Comparison("n", as_exact(big + 1), as_exact(big))])
    claim = claim_of(lambda *_: [Comparison("n", as_exact(big), as_exact(big))], wrong)
    result = check(claim, [ONE_STEP])
    assert result.verdict is Verdict.EXACT
    assert result.named(Fate.REJECTED) == ["one more"]
    assert check(claim, [ONE_STEP], misread=wrong).verdict is Verdict.REFUTED


def test_one_float_is_enough_to_be_no_longer_exact():
    def body(*arguments):
        yield Comparison("n", as_exact(1), as_exact(1))
        yield from numbers(1.0, 1.0)(*arguments)

    assert not evaluate(claim_of(body), LIBRARY, ONE_STEP).exact
    exact = dataclasses.replace(HOLDS, exact=True)
    for outcomes, verdict in (([exact, HOLDS], Verdict.CHECKED), ([exact, exact], Verdict.EXACT)):
        assert Result(BY_ID["P1-logZ"], outcomes, {"m": Fate.REJECTED}).verdict is verdict


def test_a_misreading_may_overflow_in_silence():
    wrong = Misreading("overflows", "", lambda *_: [Comparison("x", np.exp(np.array([1e4])), np.ones(1))])
    claim = claim_of(numbers(1.0, 1.0), wrong)
    assert fate(claim, wrong, [ONE_STEP]) is Fate.REJECTED
    assert check(claim, [ONE_STEP], misread=wrong).verdict is Verdict.REFUTED


def test_a_misreading_that_holds_too_makes_the_pass_inconclusive():
    weaker = Misreading("weaker", "", numbers(1.0, 3.0, "at most"))
    result = check(claim_of(numbers(1.0, 2.0, "at most"), weaker), [ONE_STEP])
    assert result.named(Fate.SURVIVED) == ["weaker"]
    assert result.verdict is Verdict.INCONCLUSIVE
    same = Misreading("same", "", numbers(1.0, 2.0, "at most"))
    assert check(claim_of(numbers(1.0, 2.0, "at most"), same), [ONE_STEP]).named(Fate.EQUIVALENT) == ["same"]


def test_a_mistake_in_what_is_not_used_is_not_counted():
    assert fate(claim_of(numbers(1.0, 1.0)), HARD_MAX, [ONE_STEP]) is Fate.UNUSED


def test_the_scope_and_own_instances_decide_what_is_checked():
    fixed = Instance("fixed", StateActionTable.zeros(SequenceSpace.fixed_length(2, 2)))
    scoped, own = claim_of(numbers(1.0, 1.0), scope=WITH_EOS), claim_of(numbers(1.0, 1.0), own=lambda _: [fixed])
    assert applicable(scoped, [ONE_STEP, fixed], complete=False) == [ONE_STEP]
    assert applicable(own, [ONE_STEP], complete=True) == [fixed]
    seeded = claim_of(numbers(1.0, 1.0), own=lambda seed: [Instance(f"seed {seed}", ONE_STEP.reward)])
    assert [outcome.instance for outcome in check(seeded, [], complete=True, seed=3).outcomes] == ["seed 3"]
    assert check(own, [ONE_STEP]).verdict is Verdict.NOT_APPLICABLE
    assert check(scoped, [fixed], complete=True).verdict is Verdict.INCONCLUSIVE


def test_the_seed_decides_and_users_get_a_second_temperature():
    one, again, other = (next(built_in(seed)).reward for seed in (1, 1, 2))
    assert one == again != other
    assert [instance.temperature for instance in of_user(one, "mine")] == [1.0, 2.0]
    assert {instance.seed for instance in built_in(3)} == {3}
    assert {instance.seed for instance in of_user(one, "mine", 3)} == {3}


def test_half_forbidden_keeps_every_root_alive():
    space = SequenceSpace(1, max_length=1, prompts=["x", "y"])
    for seed in range(20):
        assert half_forbidden(space, np.random.default_rng(seed)).live[0].any(axis=0).all()
