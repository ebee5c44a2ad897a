import dataclasses
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from proofs_check import reals, strengths
from proofs_check.arithmetic.ball import Ball
from proofs_check.arithmetic.exact import Exact
from proofs_check.arithmetic.log import Log
from proofs_check.claim import Claim, Comparison, Misreading, Mistake
from proofs_check.claims import CLAIMS
from proofs_check.evidence import Verdict, check, planted
from proofs_check.instances import (
    EQUAL_LENGTHS,
    Instance,
    adversarial,
    bare,
    built_in,
    of_user,
    of_weights,
    sizes,
    with_roots,
)
from proofs_check.mistakes import SOFT_BELLMAN
from proofs_check.strengths import Strength, instances_for, judge, rejects
from tabular_bellman import SequenceSpace, StateActionTable, TabularBellmanError

flint = pytest.importorskip("flint")  # for balls; the rest of the suite does without

QUICK = list(built_in(0, "quick"))
BY_ID = {claim.id: claim for claim in CLAIMS}
EXACT, CERTIFIED, SYMBOLIC = Strength.EXACT, Strength.CERTIFIED, Strength.SYMBOLIC
NUMBERS = bare("numbers alone")
# With one response there is nothing to choose, and much is 0.
SMALL = next(each for each in QUICK if each.name == "V=2, T=3")


def claim_of(body, *rejects, **fields):
    """A claim with nothing but a body and what it must reject."""
    words = dict.fromkeys(("id", "place", "statement", "latex", "hypotheses"), "c")
    mistakes = tuple(wrong for wrong in rejects if isinstance(wrong, Mistake))
    misreadings = tuple(wrong for wrong in rejects if isinstance(wrong, Misreading))
    return Claim(**words, routes=(), body=body, mistakes=mistakes, misreadings=misreadings, **fields)


def judged(strength, body, *rejects, on=(NUMBERS,)):
    return judge(claim_of(body, *rejects), strength, on, mistakes=bool(rejects))


def comparing(left, right, relation="equal"):
    """A body with one comparison, of numbers that are made where the precision is set."""

    def body(kit, instance):
        sides = (np.array([side() if callable(side) else side], dtype=np.object_) for side in (left, right))
        yield Comparison("a number", *sides, relation)

    return body


# What others of the same kind and size say as well, at the price of minutes.
LEFT_OUT = ("V=3, T=3", "V=3, T=3, temperature 0.5", "prompts 'a' and 'ab', tokens 'a' and 'b'", "(3,3)", "(2,4)")


def few(claim, strength, most):
    """The smaller of the instances that a run takes; of those that are there by the thousand, some."""
    chosen = instances_for(claim, strength, QUICK, complete=True)
    chosen = [each for each in chosen if claim.own or each.name not in LEFT_OUT]
    found = [each for each in chosen if each.space.n_pairs <= most] or chosen[:1]
    if claim.own:
        return found
    pairs = [each for each in found if each.second is not None]
    return [each for each in found if each.second is None] + pairs[:: len(pairs) // 30 + 1]


LONG = BY_ID["C-zipf"]  # 65,536 terms of a sum

# -- every claim -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_no_claim_is_refuted_by_symbols_or_left_open(claim):
    # Up to 2 tokens and 3 steps; a test of the command line has the rest. Tests of certificates have other strengths.
    evidence = judge(claim, SYMBOLIC, few(claim, SYMBOLIC, 14), mistakes=False)
    assert evidence.verdict in (SYMBOLIC.verdict, Verdict.NOT_APPLICABLE), evidence.why
    assert evidence.why or evidence.verdict is SYMBOLIC.verdict


@pytest.mark.parametrize(("strength", "verdict"), [(EXACT, Verdict.NOT_APPLICABLE), (CERTIFIED, Verdict.CERTIFIED)])
def test_a_sum_too_long_for_a_certificate(strength, verdict):
    assert judge(LONG, strength, few(LONG, strength, 14), mistakes=False).verdict is verdict


# How many of the mistakes a strength may decline, in all: they cast to float, mask with a large number or shift by the
# largest, take logarithms of sums or means over lengths (no rational), or make of an identity a comparison of sizes (no
# function of symbols has a sign).  More would mean that a number system has lost a form that it had.
MOST_DECLINED = {EXACT: 46, CERTIFIED: 21, SYMBOLIC: 77}
FEWEST_REJECTED = {EXACT: 520, CERTIFIED: 687, SYMBOLIC: 320}
# Each claim at one strength; proofs-check matrix --evidence all has each at all, in four minutes.
THIRDS = {strength: [each for each in CLAIMS if each is not LONG][n::3] for n, strength in enumerate(Strength)}


@pytest.mark.parametrize("strength", Strength, ids=lambda strength: strength.value)
def test_no_mistake_that_a_claim_names_survives(strength):
    found = Counter()
    for claim in THIRDS[strength]:
        evidence = judge(claim, strength, few(claim, strength, 29))
        assert evidence.verdict in (strength.verdict, Verdict.NOT_APPLICABLE), (claim.id, evidence.why)
        assert evidence.fates is None or set(evidence.fates) == {wrong.name for wrong in claim.rejects}
        for name, fate in (evidence.fates or {}).items():
            kind, _, why = fate.partition(": ")
            assert kind in ("rejected", "the same", "declined"), (claim.id, name, fate)
            assert bool(why) is (kind == "declined"), (claim.id, name, fate)
            found[kind] += 1
    assert found["declined"] <= MOST_DECLINED[strength]
    assert found["rejected"] >= FEWEST_REJECTED[strength]


PLANTED = [
    ("P1-logZ", "prompts-merged"),
    ("P1-logZ", "log-mean-exp"),
    ("P1-prob", "eos-left-out"),
    ("P1-bijection-r", "wrong-sign"),
    ("S2-ebm", "last-depth-missing"),
    ("A2-marg", "last-step-dropped"),
    ("A4-kl-chain", "kl-reversed"),
    ("A4-kl-chain", "kl-chain-uniform"),
]


@pytest.mark.parametrize("strength", Strength, ids=lambda strength: strength.value)
@pytest.mark.parametrize(("name", "mistake"), PLANTED, ids=["-".join(pair) for pair in PLANTED])
def test_a_planted_mistake_is_refuted(name, mistake, strength):
    claim = BY_ID[name]
    wrong = next(each for each in claim.rejects if each.name == mistake)
    # Smallest sizes, and two prompts.
    chosen = [each for each in instances_for(claim, strength, QUICK, complete=True) if each.space.n_pairs <= 26]
    evidence = judge(claim, strength, chosen, wrong=wrong, mistakes=False)
    assert evidence.verdict is Verdict.REFUTED
    assert next(found.failed for found in evidence.findings if found.failed) in evidence.why
    assert judge(claim, strength, chosen[:3], mistakes=False).verdict is strength.verdict


# -- the verdict -------------------------------------------------------------------------------------------------------


def _rewards(kit, instance):
    yield Comparison("rewards", kit.rewards(instance)[0], kit.rewards(instance)[0])


def _values(kit, instance):
    _, values = kit.soft_bellman(instance.space, kit.rewards(instance), 1.0)
    yield Comparison("values", values[0], values[0])


NOT_FELT = next(mistake for mistake in SOFT_BELLMAN if mistake.name == "eos-left-out")


@pytest.mark.parametrize("strength", Strength, ids=lambda strength: strength.value)
def test_a_claim_that_does_not_feel_a_mistake_is_inconclusive(strength):
    claim = claim_of(_values, NOT_FELT)
    evidence = judge(claim, strength, [SMALL])
    assert evidence.fates == {NOT_FELT.name: "survived"}
    assert (evidence.verdict, evidence.why) == (Verdict.INCONCLUSIVE, f"not rejected: {NOT_FELT.name}")
    # Put in, it makes no difference; nobody asks whether it should have.
    assert judge(claim, strength, [SMALL], wrong=NOT_FELT, mistakes=False).verdict is strength.verdict


@pytest.mark.parametrize("strength", Strength, ids=lambda strength: strength.value)
def test_a_mistake_that_returns_the_right_thing_is_the_same(strength):
    right = Mistake("right", "nothing is wrong", "soft_bellman", lambda kit, *arguments: kit.soft_bellman(*arguments))
    assert rejects(claim_of(_values, right), right, strength, [SMALL]) == "the same"


@pytest.mark.parametrize("strength", Strength, ids=lambda strength: strength.value)
def test_a_misreading_that_holds_survives(strength):
    misread = Misreading("no misreading", "it holds as well", _values)
    assert rejects(claim_of(_values, misread), misread, strength, [SMALL]) == "survived"


@pytest.mark.parametrize("strength", Strength, ids=lambda strength: strength.value)
def test_a_refusal_is_a_refutation_and_a_bug_is_no_verdict(strength):
    def refused(kit, instance):
        yield Comparison("a number", [0], [0])
        raise TabularBellmanError("too large")

    def broken(kit, instance):
        yield Comparison("shapes", np.zeros(2), np.zeros(3))

    evidence = judged(strength, refused)
    assert evidence.verdict is Verdict.REFUTED
    assert evidence.why == "on numbers alone: refused: too large"
    with pytest.raises(RuntimeError, match=r"shapes: shapes \(2,\) and \(3,\) differ"):
        judged(strength, broken)


@pytest.mark.parametrize("strength", Strength, ids=lambda strength: strength.value)
@pytest.mark.parametrize(
    ("left", "right", "relation", "holds"),
    [
        (-np.inf, -np.inf, "equal", True),
        (-np.inf, 0.0, "equal", False),
        (0.0, -np.inf, "equal", False),
        (-np.inf, -np.inf, "differs", False),
        (-np.inf, 0.0, "differs", True),
        (-np.inf, 0.0, "at most", True),
        (0.0, -np.inf, "at most", False),
        (0.0, np.inf, "at most", True),
        (np.inf, np.inf, "equal", False),
        (np.nan, np.nan, "equal", False),
        (0.0, np.nan, "differs", False),
        (0, 0, "equal", True),
        (1, Fraction(1), "equal", True),
        (1, Fraction(1), "differs", False),
        (1, 2, "equal", False),
        (1, 2, "differs", True),
    ],
)
def test_what_is_not_finite_and_what_is_rational_is_compared_as_it_is(strength, left, right, relation, holds):
    evidence = judged(strength, comparing(left, right, relation))
    assert evidence.verdict is (strength.verdict if holds else Verdict.REFUTED)


def test_one_response_alone_says_nothing_where_more_was_tried():
    def declines_choices(kit, instance):
        yield from _rewards(kit, instance)
        if instance.space.n_pairs > 1:
            yield Comparison("a root", kit.system.power(kit.lift(np.array([2.0])), 0.5), [0.0])

    one = next(each for each in QUICK if each.name == "V=1, T=1")
    assert judged(EXACT, declines_choices, on=[one]).verdict is Verdict.EXACT
    evidence = judged(EXACT, declines_choices, on=[one, SMALL])
    assert [found.complete for found in evidence.findings] == [True, False]
    assert evidence.verdict is Verdict.NOT_APPLICABLE
    assert evidence.why.startswith("1 comparison holds, then the root of order 2 ")


@pytest.mark.parametrize("strength", Strength, ids=lambda strength: strength.value)
def test_where_no_mistake_is_rejected_nothing_could_have_failed(strength):
    right = Mistake("right", "nothing is wrong", "soft_bellman", lambda kit, *arguments: kit.soft_bellman(*arguments))
    cast = Mistake("cast", "about floats", "soft_bellman", lambda kit, space, levels, tau: levels[0].no_such_thing)
    evidence = judge(claim_of(_values, right, cast), strength, [SMALL])
    assert evidence.fates.pop("cast").startswith("declined: cast is about floats (")
    assert (evidence.verdict, evidence.fates) == (Verdict.NOT_APPLICABLE, {"right": "the same"})
    assert evidence.why == "no mistake is rejected, so nothing here could have failed"


def test_no_instances_say_nothing():
    for strength in Strength:
        evidence = judge(claim_of(_values), strength, [])
        assert (evidence.verdict, evidence.why) == (Verdict.NOT_APPLICABLE, "nothing to judge it on")


# -- balls -------------------------------------------------------------------------------------------------------------


def wide(radius):
    return lambda: Ball(flint.arb(1, radius))


def test_a_certified_equality_needs_a_small_radius():
    assert judged(CERTIFIED, comparing(wide(1e-31), wide(1e-31))).verdict is Verdict.CERTIFIED
    evidence = judged(CERTIFIED, comparing(wide(1e-20), wide(1e-20)))
    assert evidence.verdict is Verdict.INCONCLUSIVE
    assert "are too close to tell" in evidence.why
    assert [found.bits for found in evidence.findings] == [2048]  # no number of digits makes such a ball smaller
    assert judged(CERTIFIED, comparing(wide(1e-20), lambda: Ball.of(2))).verdict is Verdict.REFUTED


def test_the_radius_is_in_proportion_to_a_large_number():
    def large(radius):
        return lambda: Ball(flint.arb(10**20, radius))

    assert judged(CERTIFIED, comparing(large(1e-12), large(1e-12))).verdict is Verdict.CERTIFIED
    assert judged(CERTIFIED, comparing(large(1e-9), large(1e-9))).verdict is Verdict.INCONCLUSIVE


def test_numbers_beyond_the_floats_are_compared():
    huge = lambda: Ball(flint.arb(10_000).exp())  # noqa: E731
    assert judged(CERTIFIED, comparing(huge, huge)).verdict is Verdict.CERTIFIED
    assert judged(CERTIFIED, comparing(huge, lambda: huge() * (1 + Fraction(1, 10**20)))).verdict is Verdict.REFUTED


TINY = Fraction(1, 10**40)


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [(1 + TINY, 1, Verdict.REFUTED), (1, 1 + TINY, Verdict.CERTIFIED)],
    ids=["violated", "holds"],
)
def test_an_inequality_that_is_decided_by_1e_40_is_decided_by_doubling_the_precision(left, right, verdict):
    evidence = judged(CERTIFIED, comparing(lambda: Ball.of(left), lambda: Ball.of(right), "at most"))
    (found,) = evidence.findings
    assert (evidence.verdict, found.attained, found.bits) == (verdict, 0, 256)


def log_of(x):
    return lambda: Ball(flint.arb(x).log())


def log_6():
    return log_of(2)() + log_of(3)()


def test_an_inequality_with_equal_sides_is_counted_as_attained():
    evidence = judged(CERTIFIED, comparing(log_6, log_of(6), "at most"))
    (found,) = evidence.findings
    assert (evidence.verdict, found.attained, found.bits) == (Verdict.CERTIFIED, 1, 512)


def test_an_inequality_of_wide_balls_is_open():
    assert judged(CERTIFIED, comparing(wide(1e-20), wide(1e-20), "at most")).verdict is Verdict.INCONCLUSIVE
    assert judged(CERTIFIED, comparing(wide(1e-20), lambda: Ball.of(2), "at most")).verdict is Verdict.CERTIFIED


def test_equal_numbers_do_not_differ():
    assert judged(CERTIFIED, comparing(log_6, log_of(6), "differs")).verdict is Verdict.REFUTED
    assert judged(CERTIFIED, comparing(log_6, log_of(7), "differs")).verdict is Verdict.CERTIFIED
    nearly = Fraction(1, 10**20)
    assert judged(CERTIFIED, comparing(lambda: log_6() + nearly, log_of(6), "differs")).verdict is Verdict.CERTIFIED
    assert judged(CERTIFIED, comparing(wide(1e-20), wide(1e-20), "differs")).verdict is Verdict.INCONCLUSIVE


def test_what_a_precision_leaves_open_inside_a_body_is_asked_again_with_more():
    def body(kit, instance):
        close = Ball.of(1 + TINY) - Ball.of(1)  # 0 or more, as far as 128 bits tell
        yield Comparison("its logarithm", [close.log()], [Ball.of(TINY).log()])

    (found,) = judged(CERTIFIED, body).findings
    assert (found.complete, found.bits) == (True, 256)


def test_without_python_flint_balls_are_not_run(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "flint", None)
    evidence = judge(BY_ID["P1-logZ"], CERTIFIED, [SMALL])
    assert (evidence.verdict, evidence.findings, evidence.fates) == (Verdict.NOT_RUN, (), None)
    assert evidence.why == "certified evidence needs python-flint (the extra `certify`): pip install python-flint."
    assert judge(BY_ID["P1-logZ"], EXACT, [SMALL], mistakes=False).verdict is Verdict.EXACT


# -- symbols -----------------------------------------------------------------------------------------------------------


def test_symbols_decline_inequalities():
    def larger(kit, instance):
        (weight,) = kit.real(kit.rewards(instance)[0])[:1, 0]
        yield Comparison("itself", [weight], [weight])
        yield Comparison("twice", [weight], [weight * 2], "at most")
        yield Comparison("itself again", [weight], [weight])

    evidence = judged(SYMBOLIC, larger, on=[SMALL])
    (found,) = evidence.findings
    assert evidence.verdict is Verdict.NOT_APPLICABLE
    assert [side.what for side in found.sides] == ["itself", "itself again"]
    assert found.declined == "twice: a function of the rewards has no one sign."
    assert evidence.why == "2 comparisons hold, then twice: a function of the rewards has no one sign"
    assert judged(EXACT, larger, on=[SMALL]).verdict is Verdict.EXACT


def test_symbols_are_for_every_reward_and_no_numbers():
    def of_these_rewards(kit, instance):
        first = kit.real(kit.rewards(instance)[0])[0, 0]
        yield Comparison("what it is here", [first], [kit.real(kit.lift(instance.reward.levels[0]))[0, 0]])
        # True of these numbers, of no others.
        yield Comparison("a float of it", [first], [Fraction(str(float(np.exp(instance.reward.levels[0][0, 0]))))])

    (found,) = judged(SYMBOLIC, of_these_rewards, on=[SMALL]).findings
    assert [side.holds for side in found.sides] == [True, False]


def test_symbols_that_differ_here_need_not_differ_for_every_reward():
    def of_symbols(kit, instance):
        first, second = kit.real(kit.rewards(instance)[0])[:2, 0]
        yield Comparison("as functions", [first + 1], [first + 2], "differs")
        yield Comparison("for some rewards", [first], [second], "differs")

    (found,) = judged(SYMBOLIC, of_symbols, on=[SMALL]).findings
    assert [side.holds for side in found.sides] == [True]
    assert found.declined == "for some rewards: a function of the rewards has no one sign."


def test_symbols_have_a_logarithm_only_where_they_are_plainly_above_0():
    def of_what(sign):
        def body(kit, instance):
            weights = kit.real(kit.rewards(instance)[0])
            found = reals.log(weights.sum(0) - weights[0]) if sign is None else reals.log(sign * weights.sum(0))
            yield Comparison("log", found, found)

        return body

    for sign in (1, None):
        assert judged(SYMBOLIC, of_what(sign), on=[SMALL]).findings[0].complete
    (found,) = judged(SYMBOLIC, of_what(-1), on=[SMALL]).findings
    assert "not plainly above 0" in found.declined


@pytest.mark.parametrize("strength", Strength, ids=lambda strength: strength.value)
def test_what_compares_nothing_has_no_verdict(strength):
    def nothing(kit, instance):
        yield from ()

    def empty(kit, instance):
        yield Comparison("no numbers", np.zeros((0,), dtype=np.object_), np.zeros((0,), dtype=np.object_))

    for body in (nothing, empty):
        for wrong in ((), SOFT_BELLMAN):
            evidence = judged(strength, body, *wrong, on=[SMALL])
            assert (evidence.verdict, evidence.why) == (Verdict.NOT_APPLICABLE, "nothing is compared")


def test_a_claim_that_names_no_mistake_has_no_verdict_where_mistakes_are_put_in():
    claim = claim_of(comparing(1, 1))
    assert judge(claim, EXACT, [NUMBERS]).verdict is Verdict.NOT_APPLICABLE
    assert judge(claim, EXACT, [NUMBERS], mistakes=False).verdict is Verdict.EXACT


def asks_for_a_float(kit, instance):
    yield Comparison("a float", [float(kit.log(kit.rewards(instance)[0])[0, 0])], [0.0])


def asks_for_an_array_of_floats(kit, instance):
    yield Comparison("floats", np.asarray(kit.rewards(instance)[0], dtype=np.float64), np.zeros((3, 1)))


def asks_which_is_larger(kit, instance):
    first, second = kit.rewards(instance)[0][:2, 0]
    yield Comparison("the larger", [first if first > second else second], [first])


@pytest.mark.parametrize("body", [asks_for_a_float, asks_for_an_array_of_floats, asks_which_is_larger])
def test_symbols_never_fall_back_on_numbers(body):
    evidence = judged(SYMBOLIC, body, on=[SMALL])
    assert evidence.verdict is Verdict.NOT_APPLICABLE
    assert evidence.why in ("no float is taken of it", "a function of the rewards has no one sign")


def test_symbols_prove_what_is_complete_at_the_smallest_size():
    def small_only(kit, instance):
        if instance.space.n_pairs > 5:
            asks_for_a_float(kit, instance)
        yield from _values(kit, instance)

    def large_only(kit, instance):
        yield from (asks_for_a_float if instance.space.n_pairs <= 5 else _values)(kit, instance)

    two = list(sizes(0))[:2]
    assert [each.name for each in two] == ["(2,2)", "(2,3)"]
    assert judged(SYMBOLIC, small_only, on=two).verdict is Verdict.PROVED_AT
    evidence = judged(SYMBOLIC, large_only, on=two)
    assert [found.complete for found in evidence.findings] == [False, True]
    # Where there is less to choose more holds: the smallest size must be among those that are proved.
    assert evidence.verdict is Verdict.NOT_APPLICABLE


def test_what_is_too_large_at_one_size_is_not_tried_at_the_next(monkeypatch):
    tried = []

    def too_large(kit, instance):
        tried.append(instance.name)
        yield from ()
        if instance.space.n_pairs > 5:
            raise strengths.Declined("too large to be written out.")

    evidence = judged(SYMBOLIC, too_large, on=list(sizes(0))[:4])
    # Once more at each size: which floats are symbols is found by a run over rationals.
    assert sorted(set(tried)) == ["(2,2)", "(2,3)"]
    assert [found.declined for found in evidence.findings] == ["", *["too large to be written out."] * 3]


# -- rationals ---------------------------------------------------------------------------------------------------------

NUDGE = 1 + Fraction(1, 10**20)


def nudged(name):
    """A mistake: in each array that a function of the toolkit returns the first weight, or number, is off by 1e-20."""

    def off(entry):
        if isinstance(entry, float):  # a logarithm, or a number; beside both, 1e-20 is nothing
            return entry + 1e-20 * max(1.0, abs(entry))
        return (entry.exp() * NUDGE).log() if isinstance(entry, Log) else entry * NUDGE

    def walked(x):
        if isinstance(x, (list, tuple)):
            return type(x)(map(walked, x))
        found = np.array(x)
        found.flat[0] = off(found.flat[0])
        return found

    def wrong(kit, *arguments):
        return walked(getattr(kit, name)(*arguments))

    return Mistake(f"1e-20 in {name}", "one weight is a little too large", name, wrong)


# Lemma 1 is about logarithms of weights, whose exponentials have no exact form: rationals get no further than its first
# comparisons, in which `kl` has no part.
@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("P1-logZ", "soft_bellman"),
        ("P1-logZ", "log_partition"),
        ("P1-prob", "soft_bellman"),
        ("P1-prob", "ebm_log_probs"),
        ("P1-prob", "arm_log_probs"),
        ("P1-bijection-r", "inverse"),
        ("P1-bijection-q", "inverse"),
        ("S3.1-chain", "response_rewards"),
        ("A2-marg", "passing"),
        ("A4-kl-chain", "kl"),
        ("A4-kl-chain", "policy"),
        ("A4-kl-chain", "arm_log_probs"),
        ("GR-arm-risk", "arm_gradient"),
        ("GR-chain", "ebm_gradient"),
        ("L1-kl", "kl"),
        ("L1-kl", "policy"),
    ],
)
def test_a_relative_change_of_1e_20_is_seen_by_numbers_that_do_not_round(name, function):
    claim, wrong = BY_ID[name], nudged(function)
    assert check(claim, [SMALL], planted(wrong)).verdict is Verdict.CHECKED
    for strength in (EXACT, CERTIFIED):
        exact_lemma = strength is EXACT and name == "L1-kl"
        right = judge(claim, strength, [SMALL], mistakes=False)
        assert right.verdict is (Verdict.NOT_APPLICABLE if exact_lemma else strength.verdict)
        found = judge(claim, strength, [SMALL], wrong=wrong, mistakes=False)
        assert found.verdict is (right.verdict if exact_lemma and function == "kl" else Verdict.REFUTED)


def test_a_change_of_1e_20_is_put_into_each_function_that_a_claim_calls():
    for name in ("P1-prob", "A4-kl-chain"):
        for strength in (EXACT, CERTIFIED):
            found = strengths.sees_1e_20(BY_ID[name], strength, [SMALL])
            assert len(found) >= 3
            assert set(found.values()) == {"rejected"}, (name, strength, found)


def test_rationals_have_a_reason_for_what_they_decline():
    root = judged(EXACT, lambda kit, i: iter([Comparison("√2", kit.system.power(kit.lift([2.0]), 0.5), [0.0])]))
    assert root.verdict is Verdict.NOT_APPLICABLE
    assert "the root of order 2" in root.why

    def product(kit, instance):
        log_2 = Exact.log_of(Fraction(2))
        yield Comparison("its square", [log_2 * log_2], [log_2])

    assert judged(EXACT, product).why == "a product of two logarithms has no exact form here"


# -- what a claim is judged on -----------------------------------------------------------------------------------------


def names(instances):
    return [each.name for each in instances]


def test_a_run_adds_what_is_hard_for_floats_and_small_ones_come_first():
    claim = BY_ID["P1-logZ"]
    hard, roots = names(adversarial(0)), names(with_roots(0))
    for strength in (EXACT, CERTIFIED):
        chosen = instances_for(claim, strength, QUICK, complete=True)
        assert set(hard) <= set(names(chosen))
        assert [each.space.n_pairs for each in chosen] == sorted(each.space.n_pairs for each in chosen)
        assert (set(roots) <= set(names(chosen))) is (strength is EXACT)
    # Rewards of size 1e4 have rational weights of thousands of digits.
    large = "V=2, T=4, rewards of size 1e4"
    assert large in names(instances_for(claim, CERTIFIED, QUICK, complete=True))
    assert large not in names(instances_for(claim, EXACT, QUICK, complete=True))
    assert all(each.space.n_pairs <= 100 for each in instances_for(claim, EXACT, list(built_in(0)), complete=True))


def test_symbols_are_judged_on_sizes_whatever_the_rewards():
    claim = BY_ID["P1-logZ"]
    chosen = names(instances_for(claim, SYMBOLIC, QUICK, complete=True))
    assert chosen[:2] == ["(2,2)", "(2,3)"]
    assert set(chosen) <= set(names(sizes(0)))
    assert instances_for(claim, SYMBOLIC, QUICK[:2], complete=True) == instances_for(
        claim, SYMBOLIC, QUICK[3:4], complete=True
    )


def test_scopes_count_at_every_strength():
    claim = dataclasses.replace(BY_ID["P1-logZ"], scope=EQUAL_LENGTHS)
    for strength in Strength:
        chosen = instances_for(claim, strength, QUICK, complete=True)
        assert chosen
        assert not any(each.space.has_eos for each in chosen)


def test_a_claim_with_instances_of_its_own_has_these_and_only_in_a_whole_run():
    own = [SMALL, NUMBERS]
    claim = dataclasses.replace(BY_ID["P1-logZ"], own=lambda seed: own, scope=EQUAL_LENGTHS)
    for strength in Strength:
        assert names(instances_for(claim, strength, QUICK, complete=True)) == ["numbers alone", "V=2, T=3"]
        assert instances_for(claim, strength, QUICK, complete=False) == []


def test_more_instances_for_balls_are_for_balls_in_a_whole_run():
    claim = dataclasses.replace(BY_ID["P1-logZ"], certified_on=lambda seed: [bare(f"seed {seed}")])
    for strength in Strength:
        chosen = instances_for(claim, strength, QUICK, complete=True, seed=7)
        assert ("seed 7" in names(chosen)) is (strength is CERTIFIED)
        assert "seed 7" not in names(instances_for(claim, strength, QUICK, complete=False, seed=7))


def test_rewards_of_the_user_without_known_weights_are_no_matter_for_rationals():
    claim = BY_ID["P1-logZ"]
    reward = StateActionTable.random(SequenceSpace(2, max_length=3), 0)
    user = of_user(reward, "theirs")
    assert instances_for(claim, EXACT, user, complete=False) == []
    assert names(instances_for(claim, CERTIFIED, user, complete=False)) == ["theirs", "at temperature 2"]
    assert names(instances_for(claim, SYMBOLIC, user, complete=False)) == ["theirs"]
    evidence = judge(claim, EXACT, instances_for(claim, EXACT, user, complete=False), mistakes=False)
    assert (evidence.verdict, evidence.findings) == (Verdict.NOT_APPLICABLE, ())
    # With weights that are known there is something to be said of these very rewards.
    known = of_weights("theirs", reward.space, [Fraction(k, 7) for k in range(1, reward.space.n_pairs + 1)])
    assert instances_for(claim, EXACT, [known], complete=False) == [known]
    assert judge(claim, EXACT, [known], mistakes=False).verdict is Verdict.EXACT


def test_weights_that_have_one_float_for_a_logarithm_are_kept_apart():
    space = SequenceSpace(2, max_length=2)
    weights = [1 + Fraction(k, 10**25) for k in range(space.n_pairs - 1)] + [Fraction(0)]
    instance = of_weights("close", space, weights)
    floats = instance.reward.to_vector().tolist()
    assert len(set(floats)) == len(weights)
    assert (floats[0], floats[-1]) == (0.0, -np.inf)
    assert [instance.weights.get(x, {0.0: 1, -np.inf: 0}.get(x)) for x in floats] == weights
    assert max(abs(x) for x in floats[:-1]) < 1e-20
    again = of_weights("same", space, [Fraction(3, 2)] * space.n_pairs)
    assert set(again.reward.to_vector().tolist()) == set(again.weights)
    assert len(again.weights) == 1


def test_rationals_and_balls_compute_with_the_weights_and_not_with_their_floats():
    space = SequenceSpace(2, max_length=2)
    weights = [Fraction(1, 3) + Fraction(k, 10**25) for k in range(space.n_pairs)]
    instance = of_weights("close", space, weights)
    total = weights[2] + (weights[0] * weights[3] + weights[1] * weights[4])

    def body(kit, instance):
        partition = kit.real(kit.log_partition(instance.space, kit.rewards(instance), 1.0))
        yield Comparison("partition", partition, np.array([total], dtype=np.object_))

    for strength in (EXACT, CERTIFIED):
        assert judged(strength, body, on=[instance]).verdict is strength.verdict
        plain = Instance("floats", instance.reward)
        assert judged(strength, body, on=[plain]).verdict is Verdict.REFUTED
