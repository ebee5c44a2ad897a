import json
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from proofs_check.attack import ATTACKS, Attack, _Search, attack, pairs_of_tables
from proofs_check.claim import Claim, Comparison
from proofs_check.evidence import evaluate
from proofs_check.instances import Instance
from proofs_check.library import LIBRARY
from tabular_bellman import SequenceSpace, StateActionTable, soft_bellman

BY_CLAIM = {plan.claim: plan for plan in ATTACKS}

# What share of its right side each inequality is known to reach in the search's range (distances up to 60).
# Proposition 3: 2κ(60)/360; Lemma 1: κ(60)/120. The others are attained, or approached.
REACHED = {
    "S4.1-zero": 0.95,
    "P3-kl-bound": 0.62,
    "A8-elbo": 0.99,
    "C5-bound": 0.99,
    "L1-kl": 0.94,
    "L1-logZ": 0.999,
    "B4-proof": 0.8,
    "K-kappa": 0.999,
    "K-span": 0.999,
    "K-sequence": 0.99,
    "K-fixed-length": 0.99,
    "K-one-token": 0.99,
}


@cache
def found(name):
    return attack(BY_CLAIM[name], seed=0)


def shrunk(claim, targets, factor):
    """The claim with the right sides of these comparisons multiplied: the constant is claimed to be smaller."""

    def body(kit, instance):
        for item in claim.body(kit, instance):
            attacked = isinstance(item, Comparison) and item.what.startswith(targets)
            yield replace(item, right=item.right * factor) if attacked else item

    return replace(claim, body=body)


# A search to its end takes seconds.  That the others reach as much, the next test shows, whose searches end there; that
# none breaks its claim, any whole run.
TO_THE_END = ("P3-kl-bound", "A8-elbo", "L1-kl", "L1-logZ", "K-kappa", "K-sequence")


@pytest.mark.parametrize("name", TO_THE_END)
def test_no_attack_breaks_a_claim_and_each_leaves_as_little_room_as_there_is(name):
    tightest = found(name)
    assert not tightest.violated
    assert tightest.slack >= -tightest.bound
    assert REACHED[name] < tightest.ratio <= 1.0 + 1e-9
    assert tightest.claim == name
    assert "holds" in tightest.summary


@pytest.mark.parametrize("name", BY_CLAIM)
def test_a_smaller_constant_is_refuted(name):
    plan = BY_CLAIM[name]
    wrong = replace(plan, of=shrunk(plan.of, plan.targets, REACHED[name]))
    broken = attack(wrong, seed=0)
    assert broken.violated
    assert broken.ratio > 1.0
    assert broken.slack < -broken.bound
    assert "REFUTED" in broken.summary


@pytest.mark.parametrize(
    ("name", "misreading"),
    [
        ("P3-kl-bound", "kl-bound-half"),
        ("P3-kl-bound", "kl-bound-without-length"),
        ("P3-kl-bound", "kl-bound-T-minus-2"),
        ("L1-kl", "lemma1-half"),
        ("L1-kl", "lemma1-three-quarters"),
        ("L1-logZ", "logZ-half"),
        ("L1-logZ", "logZ-span"),
        ("L1-logZ", "logZ-first-action"),
        ("K-kappa", "kappa-three-quarters"),
        ("K-span", "span-quartered"),
        ("K-sequence", "sequence-one-step"),
        ("K-sequence", "sequence-T-minus-2"),
        ("K-fixed-length", "fixed-length-one-step"),
        ("K-fixed-length", "fixed-length-n-minus-1"),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_wrong_bounds_are_refuted_without_the_stored_witnesses(name, misreading, seed):
    """The witnesses among a claim's comparisons would refute these too; the attack looks at none of them."""
    plan = BY_CLAIM[name]
    (wrong,) = [each for each in plan.of.misreadings if each.name == misreading]
    assert attack(replace(plan, of=replace(plan.of, body=wrong.body)), seed=seed).violated


@pytest.mark.parametrize("name", ["L1-kl", "L1-logZ"])
def test_the_same_seed_finds_the_same_instance(name):
    again = attack(BY_CLAIM[name], seed=0)
    assert again.as_dict() == found(name).as_dict()
    assert attack(BY_CLAIM[name], seed=1).as_dict() != again.as_dict()


def test_more_effort_tries_more():
    plan = BY_CLAIM["L1-kl"]
    more = attack(plan, seed=0, effort=2)
    assert more.evaluations > found("L1-kl").evaluations
    assert more.ratio > REACHED["L1-kl"]


def test_an_attack_says_nothing_and_leaves_no_files(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    attack(BY_CLAIM["L1-logZ"], seed=5)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_hypothesis_and_the_optimisers_are_imported_when_an_attack_runs():
    code = "import sys, proofs_check.attack; sys.exit('hypothesis' in sys.modules or 'scipy.optimize' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_tightest_instance_can_be_saved_and_checked_again(tmp_path):
    tightest = found("P3-kl-bound")
    first, second = tightest.save(tmp_path)
    assert (first.name, second.name) == ("P3-kl-bound.json", "P3-kl-bound-other.json")
    assert StateActionTable.load(first) == tightest.instance.reward
    instance = Instance("again", StateActionTable.load(first), second=StateActionTable.load(second))
    outcome = evaluate(BY_CLAIM["P3-kl-bound"].of, LIBRARY, instance)
    assert outcome.holds
    rows = BY_CLAIM["P3-kl-bound"].of.body(LIBRARY, instance)
    (left,) = [row.left for row in rows if row.what == tightest.what]
    assert left[0] == tightest.left


@pytest.mark.parametrize("name", TO_THE_END)
def test_what_goes_into_a_report_is_plain(name):
    tightest = found(name)
    document = json.loads(json.dumps(tightest.as_dict(), allow_nan=False))
    assert document["claim"] == name
    assert document["slack"] == document["right"] - document["left"]
    assert document["ratio"] == document["left"] / document["right"]
    assert (document["bound"], document["violated"]) == (tightest.bound, False)
    assert document["reward"] == tightest.instance.reward.to_vector().tolist()
    assert document["other"] == tightest.instance.other.to_vector().tolist()


def own_claim(body):
    return Claim(id="own", place="", statement="", latex="", hypotheses="", routes=(), body=body)


def test_a_difference_can_be_attacked_where_a_ratio_means_nothing():
    """-(x - 1/3)² ≤ 0, whose left side is negative: the search finds where it is attained."""

    def body(kit, instance):
        x = kit.log(kit.logits(instance)[0])[0]
        yield Comparison("a square", -((x - 1.0 / 3.0) * (x - 1.0 / 3.0)), kit.number(np.zeros(1)), "at most")

    def build(vector):
        return Instance("one number", StateActionTable.from_levels(SequenceSpace(1, max_length=1), [[vector]]))

    plan = Attack(own_claim(body), ("a square",), 1, build, "one number", by_ratio=False)
    tightest = attack(plan)
    assert not tightest.violated
    assert tightest.slack < 1e-9
    assert np.isclose(tightest.instance.reward.levels[0][0, 0], 1.0 / 3.0, atol=1e-4)
    assert "%" not in tightest.summary


def constant(*rows):
    """An attack on inequalities between numbers that no search moves."""

    def body(kit, _):
        for what, left, right in rows:
            yield Comparison(what, kit.number(np.array([left])), kit.number(np.array([right])), "at most")

    def build(vector):
        return Instance("one number", StateActionTable.from_levels(SequenceSpace(1, max_length=1), [[vector]]))

    return Attack(own_claim(body), tuple(what for what, _, _ in rows), 1, build, "one number")


def test_a_small_violation_outranks_a_near_miss():
    tightest = attack(constant(("a near miss", 0.999, 1.0), ("broken", 2e-9, 1e-9)))
    assert (tightest.what, tightest.violated) == ("broken", True)


def test_the_tries_for_all_inequalities_are_counted():
    rows = (("one", 0.5, 1.0), ("another", 0.25, 1.0))
    both = attack(constant(*rows))
    assert both.what == "one"
    assert both.evaluations == sum(attack(constant(row)).evaluations for row in rows)


def test_effort_multiplies_the_tries_and_a_violation_ends_them(monkeypatch):
    def ascend(search, start, steps):
        tries.append(steps)
        search.closeness(start)

    monkeypatch.setattr(_Search, "ascend", ascend)
    monkeypatch.setattr(_Search, "target_bits", lambda _, examples: tries.append(examples))
    for effort in (1, 3):
        tries = []
        assert not attack(constant(("holds", 0.5, 1.0)), effort=effort).violated
        # What the usual effort finds, more of it finds too.
        assert tries == [n for each in sorted({1, effort}) for n in [8] * 4 * each + [30 * each, 25]]
    tries = []
    assert attack(constant(("broken", 2.0, 1.0))).violated
    assert tries == [8]


def test_an_attack_on_what_is_no_inequality_is_an_error():
    plan = BY_CLAIM["K-kappa"]
    for target in ("KL where +ε has its best chance", "nothing begins so"):
        with pytest.raises(ValueError, match="no inequality begins with"):
            attack(replace(plan, targets=(target,)))


def test_instances_that_the_library_refuses_are_passed_over():
    dimension, build, words = pairs_of_tables(SequenceSpace.fixed_length(2, 1))

    def refusing(vector):
        scale = 1e308 if vector[0] > 0.0 else 1.0
        instance = build(vector)
        return Instance(
            "may overflow", StateActionTable.from_levels(instance.space, [instance.reward.levels[0] * scale])
        )

    plan = Attack(BY_CLAIM["L1-kl"].of, ("KL(σ f‖σ g) ≤",), dimension, refusing, words)
    with np.errstate(over="ignore"):
        assert not attack(plan).violated


def test_pairs_of_tables_are_as_far_apart_as_they_say():
    space = SequenceSpace(2, max_length=3)
    dimension, build, _ = pairs_of_tables(space)
    vector = np.zeros(dimension)
    vector[dimension // 2 : -1] = 0.5  # the angle π/2
    instance = build(vector)
    epsilon = np.sqrt(60.0 * 0.05)
    assert np.isclose(instance.logits.max_abs_difference(instance.other), epsilon)


def test_rewards_are_handed_over_whose_image_is_the_table_of_logits():
    space = SequenceSpace(2, max_length=3)
    dimension, of_logits, _ = pairs_of_tables(space)
    _, of_rewards, _ = pairs_of_tables(space, energy_based=True)
    vector = np.random.default_rng(0).uniform(-1.0, 1.0, dimension)
    logits, rewards = of_logits(vector), of_rewards(vector)
    assert soft_bellman(rewards.reward)[0].allclose(logits.reward, atol=1e-12)
    assert not rewards.reward.allclose(logits.reward, atol=1e-3)
    assert rewards.other == logits.other
