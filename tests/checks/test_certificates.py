"""Certificates: what is written, what `recheck` accepts, and all that it rejects."""

import ast
import copy
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs_check import certificates, recheck
from proofs_check.arithmetic.ball import Ball, precision
from proofs_check.arithmetic.exact import Exact
from proofs_check.claims import CLAIMS
from proofs_check.evidence import Verdict
from proofs_check.instances import adversarial, built_in, with_roots
from proofs_check.mistakes import MISTAKES
from proofs_check.strengths import Evidence, Finding, Side, Strength, instances_for, judge
from tabular_bellman import TabularBellmanError

flint = pytest.importorskip("flint")

SOURCE = Path(recheck.__file__)
BY_ID = {claim.id: claim for claim in CLAIMS}
SMALL = [instance for instance in built_in(0, "quick") if instance.space.n_pairs <= 32]


def evidence(claim, strength, wrong=None):
    """What a claim has on a few small instances, from the smallest to the largest of them."""
    chosen = instances_for(claim, strength, SMALL, complete=True)
    small = [instance for instance in chosen if instance.space.n_pairs <= 32] or chosen[:1]
    return judge(claim, strength, small[:: len(small) // 5 or 1], wrong=wrong, mistakes=False)


def written(claim, strength, wrong=None):
    """The certificates of a claim, as they come back from a file."""
    return json.loads(json.dumps(certificates.certificates(evidence(BY_ID[claim], Strength(strength), wrong))))


@pytest.fixture(scope="module")
def accepted():
    """One certificate of each claim and strength: the largest in which every number counts."""
    found = {}
    for claim in ("P1-logZ", "P1-prob", "S2-maxent", "N-Y", "N-X", "B4-proof", "S2-distil", "P3-kl-bound", "L1-kl"):
        for strength in ("exact", "certified"):
            # Rewards of size 1e4 hide others, and what is forbidden hides what is beyond.
            made = [each for each in written(claim, strength) if "1e4" not in each["instance"]["name"]]
            made = [each for each in made if "other_is_given" not in each["instance"]]
            whole = [each for each in made if "-inf" not in str(each["instance"]["tables"]["reward"])]
            for certificate in whole[-1:]:
                assert recheck.recheck(certificate) == ""
                found[claim, strength] = certificate
    assert len(found) == 16  # two of them have no exact form
    return found


def rejected(certificate):
    reason = recheck.recheck(certificate)
    assert isinstance(reason, str)
    return bool(reason)


# -- what is accepted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", sorted(set(recheck.DEFINITIONS) - {"C-zipf"}))  # which has 65,536 terms
@pytest.mark.parametrize("strength", ["exact", "certified"])
def test_every_certificate_is_accepted(claim, strength):
    found = evidence(BY_ID[claim], Strength(strength))
    if found.verdict is Verdict.NOT_APPLICABLE:
        assert strength == "exact"  # balls have a form for everything
        assert found.why
    else:
        assert found.verdict is Strength(strength).verdict, found.why
    made = certificates.certificates(found)
    assert len(made) == (0 if found.verdict is Verdict.NOT_APPLICABLE else len(found.complete))
    assert not any(recheck.recheck_all(json.loads(json.dumps(made)), set()))


def test_definitions_are_of_claims():
    assert set(recheck.DEFINITIONS) <= set(BY_ID)
    assert set(recheck.NO_DEFINITION).isdisjoint(recheck.DEFINITIONS)
    assert set(recheck.MADE) | set(recheck.CONSTANTS) <= set(recheck.DEFINITIONS)


def case(instance):
    """An instance as `recheck` reads it."""
    recheck.Work.exact = False
    return recheck.Case(json.loads(json.dumps(certificates._instance(instance, Strength.CERTIFIED, []))))


def test_scopes_are_those_of_the_claims():
    chosen = [*built_in(0), *adversarial(0), *with_roots(0)]
    cases = [(each, case(each)) for each in chosen if each.space.n_pairs <= 10_000]
    assert len(cases) > 15
    for name in recheck.DEFINITIONS:
        claim = BY_ID[name]
        if claim.own is None:
            # Of exact numbers, what floats could not hold or tell apart is no matter.
            of_floats = "float" in claim.scope.words
            for instance, c in cases:
                found, expected = recheck.in_scope(name, c), claim.scope.includes(instance)
                assert found == expected or (of_floats and found), (name, instance.name)
        else:
            for instance in claim.own(0):
                if instance.space.n_pairs <= 100:
                    assert recheck.in_scope(name, case(instance)), (name, instance.name)


# -- numbers -----------------------------------------------------------------------------------------------------------


@given(st.fractions(min_value=-1000, max_value=1000), st.integers(60, 600))
def test_balls_round_trip(x, bits):
    with precision(bits):
        ball = Ball.of(x).exp()
    recheck.Work.exact, recheck.Work.bits = False, bits
    m, r, e = recheck.number(json.loads(json.dumps(certificates._number(ball)))).ball
    scale = Fraction(2) ** e
    for ours, theirs in ((m * scale, ball.value.mid()), (r * scale, ball.value.rad())):
        mantissa, exponent = theirs.man_exp()
        assert ours == Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


@given(st.fractions(min_value=-300, max_value=300), st.fractions(min_value=Fraction(1, 100), max_value=10**9))
def test_enclosures_hold_what_they_enclose(x, y):
    recheck.Work.exact, recheck.Work.bits = False, 128
    pairs = [
        (recheck.exp(recheck.Number(x)), lambda: Ball.of(x).exp()),
        (recheck.exp(recheck.Number(x) / 3 - 7 / recheck.Number(y)), lambda: (Ball.of(x) / 3 - 7 / Ball.of(y)).exp()),
        (recheck.log(y), lambda: Ball.log_of(Ball.arb(y))),
        (recheck.log(recheck.exp(recheck.Number(x)) + y), lambda: Ball.log_of((Ball.of(x).exp() + Ball.of(y)).value)),
        (1 / (recheck.exp(recheck.Number(x)) * -y), lambda: 1 / (Ball.of(x).exp() * -Ball.of(y))),
    ]
    for ours, theirs in pairs:
        m, r, e = ours.enclosed()
        with precision(400):
            ball = theirs()
            middle = Ball.arb(Fraction(m)) * Ball.arb(Fraction(2) ** e)
            radius = Ball.arb(Fraction(r)) * Ball.arb(Fraction(2) ** e)
            assert not abs(middle - ball.value) > radius
            assert radius <= (abs(ball.value) + 1) * flint.arb(2) ** -90


@given(st.lists(st.tuples(st.integers(-3, 3), st.fractions(min_value=Fraction(1, 60), max_value=60)), max_size=6))
def test_zero_is_decided_as_elsewhere(parts):
    recheck.Work.exact = True
    ours, theirs = recheck.Number(0), Exact(0)
    for factor, x in parts:
        ours, theirs = ours + factor * recheck.log(x), theirs + factor * Exact.log_of(x)
        product = recheck.log(x * x * 6) - 2 * recheck.log(x) - recheck.log(2) - recheck.log(3)
        assert product.is_zero()
    assert ours.is_zero() == theirs.is_zero()
    assert ours.sign() == theirs._sign()


# -- what is rejected --------------------------------------------------------------------------------------------------


def leaf(x, change):
    """A number of a certificate with its first rational, or its midpoint, changed."""
    if isinstance(x, str):
        return change(Fraction(x)) if x not in ("inf", "-inf") else "0"
    if "mid" in x:
        (m, e), (n, f) = x["mid"], x["rad"]
        low = min(e, f)
        return {**x, "mid": [(m << e - low) + 3 * (n << f - low) + (not n), low]}  # out of the ball
    if "log" in x:
        return {"log": leaf(x["log"], change)}
    if x["logs"]:
        (factor, argument), *rest = x["logs"]
        return {**x, "logs": [[change(Fraction(factor)), argument], *rest]}
    return {**x, "constant": change(Fraction(x["constant"]))}


def numerator(x):
    return str(Fraction(x.numerator + 1, x.denominator))


def tampered(certificate):
    """Yield (what was done, the certificate with that done), wherever it makes a certificate that says otherwise."""

    def changed(name, act):
        one = copy.deepcopy(certificate)
        act(one)
        if one != certificate:
            yield name, one

    last = len(certificate["comparisons"]) - 1
    for which in sorted({0, last // 2, last}):
        row = certificate["comparisons"][which]
        for side in ("left", "right"):
            for place in sorted({0, len(row[side]) - 1}):

                def numerator_of(one, which=which, side=side, place=place):
                    numbers = one["comparisons"][which][side]
                    numbers[place] = leaf(numbers[place], numerator)

                yield from changed(f"a numerator: comparison {which}, {side}, {place}", numerator_of)
        yield from changed(
            f"a number dropped: {which}", lambda one, which=which: one["comparisons"][which]["left"].pop()
        )
        yield from changed(f"a comparison dropped: {which}", lambda one, which=which: one["comparisons"].pop(which))
        yield from changed(
            f"another statement: {which}", lambda one, which=which: one["comparisons"][which].update(what="1 = 1")
        )
        for relation in {"equal", "at most", "differs", "NaN"} - {row["relation"]}:
            yield from changed(
                f"the relation {relation}: {which}",
                lambda one, which=which, relation=relation: one["comparisons"][which].update(relation=relation),
            )
    for which, row in enumerate(certificate["comparisons"]):
        if row["relation"] == "at most" and row["left"] != row["right"]:

            def swapped(one, which=which):
                row = one["comparisons"][which]
                row["left"], row["right"] = row["right"], row["left"]

            yield from changed(f"an inequality the other way round: {which}", swapped)
        for side in ("left", "right"):
            balls = [i for i, x in enumerate(row[side]) if "mid" in x or "mid" in x_log(x)]
            for i in balls[:1]:

                def wider(one, which=which, side=side, i=i):
                    x = one["comparisons"][which][side][i]
                    x.get("log", x).update(rad=[1, 0])

                def narrower(one, which=which, side=side, i=i):
                    x = one["comparisons"][which][side][i]
                    x.get("log", x)["rad"][0] *= -1

                yield from changed(f"a wide radius: {which}, {side}", wider)
                yield from changed(f"a negative radius: {which}, {side}", narrower)
    for key, values in {
        "verdict": {"EXACT", "CERTIFIED", "REFUTED", "CHECKED", "PROVED"},
        "strength": {"exact", "certified", "symbolic"},
        "claim": {"P1-logZ", "P1-prob", "N-X", "N-S", "no such claim"},
        "format": {0, 2},
        "bits": {-1, 10**9},
        "comparisons": {()},
        "instance": {None},
    }.items():
        for value in values - {certificate[key] if isinstance(certificate[key], (str, int)) else 0}:
            yield from changed(f"{key}: {value}", lambda one, key=key, value=value: one.update({key: value}))
    for key in certificate:
        yield from changed(f"no {key}", lambda one, key=key: one.pop(key))

    table = certificate["instance"]["tables"]["reward"]
    for place in sorted({0, len(table) // 2, len(table) - 1}):

        def token(one, place=place):
            entry, vocab = one["instance"]["tables"]["reward"][place], one["instance"]["vocab"]
            entry[2] = vocab[0] if entry[2] != vocab[0] else "no token"

        yield from changed(f"a token: entry {place}", token)
        yield from changed(
            f"a prompt: entry {place}",
            lambda one, place=place: one["instance"]["tables"]["reward"][place].__setitem__(0, "no prompt"),
        )
        yield from changed(
            f"an entry dropped: {place}", lambda one, place=place: one["instance"]["tables"]["reward"].pop(place)
        )
        yield from changed(
            f"not a number: {place}",
            lambda one, place=place: one["instance"]["tables"]["reward"][place].__setitem__(3, "NaN"),
        )
    if any(entry[1] or entry[2] is not None for entry in table):  # tokens that some entry names
        yield from changed(
            "another token in the vocabulary", lambda one: one["instance"]["vocab"].__setitem__(0, "new")
        )
    yield from changed("a token twice", lambda one: one["instance"]["vocab"].append(one["instance"]["vocab"][0]))
    yield from changed("longer", lambda one: one["instance"].update(max_length=one["instance"]["max_length"] + 1))
    yield from changed(
        "without EOS", lambda one: one["instance"].update(ends_with_eos=not one["instance"]["ends_with_eos"])
    )
    yield from changed("a temperature of 0", lambda one: one["instance"].update(temperature="0"))
    yield from changed("no tables", lambda one: one["instance"].update(tables={}))
    yield from changed(
        "no responses", lambda one: [entry.__setitem__(3, "-inf") for entry in one["instance"]["tables"]["reward"]]
    )


def x_log(x):
    return x["log"] if isinstance(x, dict) and "log" in x else ""


def test_whatever_is_tampered_with_is_rejected(accepted):
    kinds, count = set(), 0
    for (claim, strength), certificate in accepted.items():
        for name, tampering in tampered(certificate):
            assert tampering != certificate
            assert rejected(tampering), f"{claim}, {strength}: {name}"
            kinds.add(name.partition(":")[0])
            count += 1
        assert recheck.recheck(certificate) == ""  # it was copied
    assert count >= 50
    assert {"a numerator", "a token", "verdict", "an inequality the other way round", "a wide radius"} <= kinds


@pytest.mark.parametrize("claim", ["P1-logZ", "P1-prob", "S2-maxent", "B4-proof", "S2-distil"])
@pytest.mark.parametrize("strength", ["exact", "certified"])
def test_another_reward_is_rejected(accepted, claim, strength):
    certificate = accepted[claim, strength]
    for place, entry in enumerate(certificate["instance"]["tables"]["reward"]):
        if entry[3] == "-inf":
            continue
        one = copy.deepcopy(certificate)
        one["instance"]["tables"]["reward"][place][3] = leaf(entry[3], lambda x: str(x * 2 if x else Fraction(1)))
        assert rejected(one), entry


def test_another_temperature_is_rejected():
    for strength in ("exact", "certified"):
        for certificate in written("P1-logZ", strength):
            certificate["instance"]["temperature"] = "3/2"
            if "no rewards" not in certificate["instance"]["name"] and len(certificate["comparisons"][0]["left"]) == 1:
                assert rejected(certificate)


def test_the_logarithm_of_logarithms_is_rejected(accepted):
    certificate = accepted["P1-logZ", "exact"]
    for entry in (certificate["comparisons"][0]["left"], certificate["instance"]["tables"]["reward"][0]):
        x, last = entry[-1], len(entry) - 1
        for inner in (
            {"constant": x["log"], "logs": [["1000", "2"]]},
            {"constant": x["log"], "logs": [["-7", "3"]]},
            x,
        ):
            one = copy.deepcopy(certificate)
            same = one["comparisons"][0]["left"], one["instance"]["tables"]["reward"][0]
            next(each for each in same if each == entry)[last] = {"log": inner}
            assert "logarithm" in recheck.recheck(one)


def refuting(certificate):
    """The certificate, and one that says that its last comparison fails though both sides are right."""
    *before, last = certificate["comparisons"]
    refutation = {"verdict": "REFUTED", "at": len(before), "wrong": "", "comparisons": [last]}
    return certificate, {**certificate, **refutation}


def weights(*told):
    return lambda instance: instance["tables"].update(prompt_weights=list(told))


def entry_of(table, number, place=-1):
    return lambda instance: instance["tables"][table][place].__setitem__(-1, number)


def made(array, number, kind="lifted"):
    """Another number where an array ends; of arrays numbered from the end of the first table."""
    return lambda instance: instance[kind][array * instance["max_length"]].__setitem__(-1, number)


BALL = {"mid": [1, 200], "rad": [0, 0]}
BEYOND = [
    ("P2-minima", "exact", weights("0"), "positive weight"),
    ("P2-minima", "exact", weights("-1"), "positive weight"),
    ("P2-minima", "certified", weights("-1"), "positive weight"),
    ("P2-minima", "certified", weights("1/2"), "add up to 1"),
    ("P2-minima", "certified", weights("1/2", "1/2"), "positive weight"),
    ("P2-minima", "certified", weights(), "positive weight"),
    ("GR-arm-risk", "exact", weights("0"), "positive weight"),
    ("G-invariance", "exact", entry_of("potential", {"log": "2"}, 0), "0 at the root"),
    ("G-invariance", "certified", entry_of("potential", "1", 0), "0 at the root"),
    ("G-invariance", "certified", entry_of("potential", "-inf"), "finite where"),
    ("G-invariance", "certified", made(2, "-inf"), "not finite"),
    ("S2-eq3", "exact", entry_of("direction", "-inf"), "finite where"),
    ("A4-kl-chain", "exact", entry_of("other", "-inf"), "finite where"),
    ("A4-kl-chain", "certified", entry_of("other", "-inf"), "finite where"),
    ("A4-kl-chain", "certified", entry_of("other", BALL), "a ball in an instance"),
    ("S4.2-approx", "certified", made(1, "100"), "more than δ/2T"),
    ("S4.2-approx", "certified", made(1, {"log": str(10**50)}), "more than δ/2T"),
    ("S4.2-approx", "certified", made(2, {"log": f"1/{10**50}"}), "more than δ/2T"),
    ("S4.2-approx", "certified", made(1, BALL), "a ball in an instance"),
    ("S4.2-approx", "certified", lambda x: x["lifted"][-1].pop(), "not as many numbers"),
    ("S4.2-approx", "certified", lambda x: x["lifted"].append(["0"]), "more numbers"),
    ("S2-distil", "exact", made(3, {"log": "77"}), "the same for all actions"),
    ("S3.2-decomp", "exact", made(1, {"log": "77"}), "other than R"),
    ("C-before", "exact", lambda x: x["lifted"][-2].__setitem__(-1, {"log": "77"}), "other shifts"),
    ("GR-adjoint", "exact", made(1, "-inf", "numbers"), "not finite"),
    ("A4-stoch", "certified", entry_of("other", "77", 0), "states"),
    ("S3.3-gamma", "certified", lambda x: x["numbers"].clear(), "not as many"),
]


@pytest.mark.parametrize(("claim", "strength", "change", "reason"), BEYOND)
def test_what_the_claim_supposes_is_checked(claim, strength, change, reason):
    if claim == "A4-stoch":
        found = evidence(BY_ID[claim], Strength(strength))
        one = json.loads(json.dumps(certificates.certificates(found)[0]))
    else:
        whole = written(claim, strength)
        one = next(x for x in whole if len(x["instance"]["prompts"]) == 1 and x["instance"]["max_length"] > 1)
    change(one["instance"])
    for certificate in refuting(one):
        assert reason in recheck.recheck(certificate)


@pytest.mark.parametrize("claim", ["S2-eq3", "G-eq3-dims", "N-Y", "P4-lengths", "H-terminal", "K-sequence"])
def test_instances_that_a_claim_is_not_about_are_rejected(claim):
    both = {x["instance"]["ends_with_eos"]: x["instance"] for x in written("S2-arm", "certified")}
    certificate = written(claim, "certified")[-1]
    certificate["instance"] |= {**both[not certificate["instance"]["ends_with_eos"]]}
    for one in refuting(certificate):
        assert "about something else" in recheck.recheck(one)


def test_two_sides_that_are_the_same_somewhere_refute_nothing():
    # From M(r) itself no step is too few.
    certificate = next(x for x in written("S3.3-bellman", "exact") if x["instance"]["max_length"] > 1)
    instance, at, same = certificate["instance"], 2 * certificate["instance"]["max_length"], []
    row, depths = certificate["comparisons"][at], certificate["comparisons"][0:at:2]
    assert row["relation"] == "differs"
    for t, depth in enumerate(depths):
        instance["lifted"][instance["max_length"] + t] = depth["right"]
    assert "-inf" not in str(instance["lifted"])
    same = {**row, "left": row["right"]}
    one = {**certificate, "verdict": "REFUTED", "at": at, "wrong": "", "comparisons": [same]}
    assert "said of some instances" in recheck.recheck(one)


@pytest.mark.parametrize("claim", recheck.CONSTANTS)
def test_constants_are_left_out_only_beside_a_certificate_that_has_them(claim):
    drawn = judge(BY_ID[claim], Strength.CERTIFIED, SMALL[1:2], mistakes=False)
    (whole,) = json.loads(json.dumps(certificates.certificates(drawn)))
    recheck.Work.exact = False
    short = copy.deepcopy(whole)
    short["instance"]["other_is_given"] = True
    rows = len(list(recheck.CONSTANTS[claim]()))
    short["comparisons"] = short["comparisons"][:-rows]
    assert 0 < len(short["comparisons"]) == len(whole["comparisons"]) - rows
    assert "constants are left out" in recheck.recheck(short)
    assert all(recheck.recheck_all([short, short], set()))
    assert not any(recheck.recheck_all([short, whole, short], set()))
    wrong = copy.deepcopy(whole)
    wrong["comparisons"].pop()
    assert all(recheck.recheck_all([short, wrong], set()))
    assert all(recheck.recheck_all([short, {**whole, "strength": "exact"}], set()))
    unmarked = copy.deepcopy(short)
    del unmarked["instance"]["other_is_given"]
    assert recheck.recheck_all([whole, unmarked], set())[1]


@pytest.mark.parametrize(
    "x",
    [
        {"mid": [1, 1 << 24], "rad": [1, -(1 << 24)]},
        {"mid": [1, 1 << 24], "rad": [1, 0]},
        {"mid": [1, 1 << 40], "rad": [0, 0]},
        {"log": {"mid": [1, -(1 << 20)], "rad": [1, 0]}},
        "9" * 300_000,
        {"log": "9" * 300_000},
    ],
)
def test_numbers_that_take_too_much_are_rejected(accepted, x):
    certificate = copy.deepcopy(accepted["P1-logZ", "certified"])
    before, last = copy.deepcopy(certificate), certificate["comparisons"][0]["left"]
    last[-1] = x
    assert rejected(certificate)
    # And not read where there are more of them than there should be.
    certificate["comparisons"][0]["left"] = [x] * 100_000
    assert "not as many numbers" in recheck.recheck(certificate)
    before["instance"]["tables"]["reward"][0][-1] = x
    assert rejected(before)


def test_sums_of_balls_far_apart_are_short():
    recheck.Work.exact, recheck.Work.bits = False, 128
    large, small = (recheck.Number(ball=(3, 1, e)) for e in (1 << 24, -(1 << 24)))
    for x in (large + small, small + large, large - small):
        m, r, e = x.ball
        assert max(m.bit_length(), r.bit_length()) <= 400
        # From 2·2^e to 4·2^e, and little more.
        assert m - r <= 2 << (1 << 24) - e
        assert 4 << (1 << 24) - e <= m + r <= 5 << (1 << 24) - e


@given(st.integers(1, 10**9), st.integers(1, 12), st.integers(-1, 1))
def test_roots(x, order, off):
    power = max(1, x**order + off)
    root = recheck._integer_root(power, order)
    assert root == (x if power == x**order else power if order == 1 else None) or root**order == power


def test_powers_that_take_too_much_are_rejected(accepted):
    certificate = copy.deepcopy(accepted["P1-logZ", "exact"])
    certificate["instance"]["temperature"] = "1/999"
    for place, entry in enumerate(certificate["instance"]["tables"]["reward"]):
        entry[-1] = {"log": str(7 + place) * 15000}
    assert "too long" in recheck.recheck(certificate)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["claim", "verdict", "strength", "bits", "format", "instance", "comparisons"]), x
            )
        ),
    )
)
def test_nonsense_is_rejected(x):
    assert rejected(x)


# -- refutations -------------------------------------------------------------------------------------------------------


def planted(claim, strength, name):
    wrong = {wrong.name: wrong for wrong in (*BY_ID[claim].rejects, *MISTAKES)}[name]
    found = evidence(BY_ID[claim], Strength(strength), wrong)
    assert found.verdict is Verdict.REFUTED
    return found


@pytest.mark.parametrize("strength", ["exact", "certified"])
@pytest.mark.parametrize(
    ("claim", "name", "wrong"),
    [
        ("P1-logZ", "hard-max", "right"),
        ("P1-logZ", "mean-not-sum", "left"),
        ("N-Y", "responses-of-a1", "right"),
        ("S2-maxent", "maxent-no-gap", "right"),
    ],
)
def test_a_refutation_names_the_side_that_is_wrong(claim, strength, name, wrong):
    made = json.loads(json.dumps(certificates.certificates(planted(claim, strength, name))))
    assert made
    for certificate in made:
        assert certificate["verdict"] == "REFUTED"
        assert certificate["wrong"] == wrong
        assert recheck.recheck(certificate) == ""

        def one(**changes):
            return {**copy.deepcopy(certificate), **changes}  # noqa: B023

        (row,) = certificate["comparisons"]
        right = "left" if wrong == "right" else "right"
        assert rejected(one(comparisons=[{**row, "left": row["right"], "right": row["left"]}]))
        assert rejected(one(verdict="EXACT" if strength == "exact" else "CERTIFIED"))
        assert rejected(one(wrong=right))
        assert rejected(one(wrong=""))
        assert rejected(one(at=certificate["at"] + 1))
        assert rejected(one(comparisons=[{**row, wrong: row[right]}]))
        for place, x in enumerate(row[right]):
            numbers = [*row[right]]
            numbers[place] = leaf(x, numerator)
            assert rejected(one(comparisons=[{**row, right: numbers}]))


def test_a_refutation_of_which_both_sides_are_wrong_has_no_certificate():
    found = planted("P1-bijection-r", "exact", "hard-max")
    both = replace(
        found.findings[-1], sides=(replace(found.findings[-1].sides[-1], left=[Exact(1)], right=[Exact(2)]),)
    )
    with pytest.raises(certificates.NoCertificate, match="both sides"):
        certificates._refutation(found.claim, found.strength, replace(both, failed="1 is not 2"))


def test_a_statement_that_fails_is_refuted_by_both_sides(monkeypatch, accepted):
    def more_responses(c):
        yield "|Y| ≤ 1", "at most", [len(c.responses)], [1]

    monkeypatch.setitem(recheck.DEFINITIONS, "false", more_responses)
    instance = accepted["P1-prob", "exact"]["instance"]
    n = str(sum(len(instance["vocab"]) ** t for t in range(instance["min_length"] - 1, instance["max_length"])))
    row = {"what": "|Y| ≤ 1", "relation": "at most", "left": [n], "right": ["1"]}
    common = {"format": 1, "claim": "false", "bits": 0, "strength": "exact", "instance": instance, "comparisons": [row]}
    assert recheck.recheck({**common, "verdict": "REFUTED", "at": 0, "wrong": ""}) == ""
    assert rejected({**common, "verdict": "EXACT"})
    assert rejected({**common, "verdict": "REFUTED", "at": 0, "wrong": "left"})
    assert rejected({**common, "verdict": "REFUTED", "at": 0, "wrong": "", "comparisons": [{**row, "left": ["9"]}]})


# -- files -------------------------------------------------------------------------------------------------------------


def test_write(tmp_path):
    folder = tmp_path / "new" / "folder"
    found = [evidence(BY_ID["P1-logZ"], Strength.EXACT), evidence(BY_ID["L1-kl"], Strength.EXACT)]
    told = certificates.write(folder, map(certificates.made, found))
    assert [path.name for path in told.paths] == ["P1-logZ.exact.json"]
    assert told.count == len(found[0].complete) == len(json.loads(told.paths[0].read_text(encoding="utf-8")))
    assert not told.without
    assert [path.name for path in folder.iterdir()] == ["P1-logZ.exact.json"]
    # What has no certificate now does not keep an old one.
    assert certificates.write(folder, [certificates.made(replace(found[0], not_run="not today"))]).paths == []
    assert list(folder.iterdir()) == []


def test_write_says_what_has_none(tmp_path):
    nowhere = replace(BY_ID["P1-logZ"], id="nowhere")
    one = replace(evidence(BY_ID["P1-logZ"], Strength.EXACT), claim=nowhere)
    assert list(certificates.write(tmp_path, [certificates.made(one)]).without) == [("nowhere", "exact")]
    instance = SMALL[0]
    sides = (Side("NaN", "equal", [float("nan")], [0.0], True),)
    nan = Evidence(BY_ID["P1-logZ"], Strength.EXACT, (Finding(instance, sides),), None)
    assert "not a number" in certificates.write(tmp_path, [certificates.made(nan)]).without["P1-logZ", "exact"]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TabularBellmanError, match="cannot be written"):
        certificates.write(tmp_path / "file", [])


def test_recheck_needs_nothing_of_this_package():
    found = set()
    for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(node.module.partition(".")[0])
    assert found <= set(sys.stdlib_module_names)


def test_recheck_runs_alone(tmp_path, accepted):
    shutil.copy(SOURCE, tmp_path / "recheck.py")
    folder = tmp_path / "certificates"
    folder.mkdir()

    def run(*arguments):
        command = [sys.executable, "-I", "recheck.py", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
        return done.returncode, done.stdout, done.stderr

    assert run()[0] == run("nowhere")[0] == run("certificates")[0] == run("--help")[0] == 2
    in_the_repository = subprocess.run([sys.executable, SOURCE, "--help"], capture_output=True, text=True, check=False)
    assert in_the_repository.stderr.startswith("usage: ")  # no sibling there hides a module of Python's
    (folder / "a.json").write_text(json.dumps(list(accepted.values())), encoding="utf-8")
    status, out, _ = run("certificates")
    assert (status, out.splitlines()) == (
        0,
        [f"{len(accepted)} certificates (9 CERTIFIED, 7 EXACT): {len(accepted)} accepted, 0 rejected"],
    )
    wrong = copy.deepcopy(accepted["P1-logZ", "exact"])
    wrong["comparisons"][0]["left"][0] = {"log": "7"}
    (folder / "b.json").write_text(json.dumps([wrong]), encoding="utf-8")
    status, out, _ = run("certificates")
    assert status == 1
    assert out.startswith("REJECTED b.json, number 1: log-partition = root value: number 1 on the left")
    # What is no list of certificates is rejected by its name.
    for name, text in {
        "c.json": "{",
        "c.JSON": "{",
        "d.json": "[]",
        "e.Json": "{}",
        "f.json": "[3]",
        "g.json": "[" * 100_000 + "]" * 100_000,
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
        status, out, told = run("certificates")
        assert (status, told) == (1, ""), name
        assert f"REJECTED {name}: " in out
        assert out.endswith(f"{len(accepted)} accepted, 2 rejected\n"), name  # the others are checked all the same
        (folder / name).unlink()
    os.mkfifo(folder / "h.json")
    status, out, _ = run("certificates")
    assert (status, "not a regular file" in out) == (1, True)
    (folder / "h.json").unlink()
    # A certificate does not write lines of its own.
    (folder / "b.json").write_text(
        json.dumps([{**wrong, "verdict": "1\n1 certificates: all accepted"}]), encoding="utf-8"
    )
    status, out, _ = run("certificates")
    assert (status, len(out.splitlines())) == (1, 2)
