"""What a function is wrong with only, as reports say it, and the setting that leaves it out."""

from math import exp, inf, isfinite, log

import numpy as np
import pytest
import users_code as u

from proofs_check.testing import check

# Small enough that the largest of the fixed instances, which takes time, is left out.
SETTINGS = {"examples": 20, "max_responses": 15, "throw": False}
OPTIONS = {
    "large numbers": ({"numbers": "plain"}, '--numbers plain (numbers="plain" in a call) leaves them out'),
    "dead prefixes": (
        {"masks": False},
        "--no-masks (masks=False in a call) leaves them out, and whatever else is forbidden",
    ),
    "forbidden actions": ({"masks": False}, "--no-masks (masks=False in a call) leaves them out"),
    "temperatures other than 1": (
        {"temperature": 1.0},
        "--temperature 1 (temperature=1 in a call) leaves them out",
    ),
    "discounts below 1": ({"discount": 1.0}, "--discount 1 (discount=1 in a call) leaves them out"),
}


def naive_log_prob(logits, response):
    """Right, as long as exp(q) is a number."""
    rows = u.rows(logits)
    with np.errstate(all="ignore"):
        totals = {s: np.log(np.exp(list(row.values())).sum()) for s, row in rows.items()}
        return sum(logits[response[:t], action] - totals[response[:t]] for t, action in enumerate(response))


def naive_log_prob_that_raises(logits, response):
    rows = u.rows(logits)
    return sum(
        logits[response[:t], action] - log(sum(map(exp, rows[response[:t]].values())))
        for t, action in enumerate(response)
    )


def nan_where_dead(rewards):
    logits, values = u.soft_bellman(rewards)
    return logits, {s: float("nan") if v == -inf else v for s, v in values.items()}


def without_infinities(logits):
    if -inf in logits.values():
        raise ValueError("no infinities here")
    return u.entropy(logits)


def backup(rewards, temperature, discount):
    return u.soft_bellman(rewards, temperature, discount)


def cold_backup(rewards, temperature, discount):
    logits, values = backup(rewards, temperature, discount)
    return logits, {s: v + 0.1 * (temperature != 1.0) for s, v in values.items()}


def impatient_backup(rewards, temperature, discount):
    logits, values = backup(rewards, temperature, discount)
    return logits, {s: v + 0.1 * (discount != 1.0) for s, v in values.items()}


def kl_where_finite(p, q):
    found = u.kl(p, q)
    return found if isfinite(found) else 1e300


def sampler_without_infinities(logits, n, rng):
    if -inf in logits.values():
        raise ValueError("no infinities here")
    return u.sampler(logits, n, rng)


@pytest.mark.parametrize(
    ("kind", "function", "only_with"),
    [
        ("log-prob", naive_log_prob, "large numbers"),
        ("log-prob", naive_log_prob_that_raises, "large numbers"),
        ("soft-bellman", nan_where_dead, "dead prefixes"),
        ("entropy", without_infinities, "forbidden actions"),
        ("kl", kl_where_finite, "forbidden actions"),
        ("soft-bellman", cold_backup, "temperatures other than 1"),
        ("soft-bellman", impatient_backup, "discounts below 1"),
        ("sampler", sampler_without_infinities, "forbidden actions"),
    ],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_what_a_function_is_wrong_with_only_is_said_and_can_be_left_out(kind, function, only_with):
    report = check(kind, function, **SETTINGS)
    assert (report.agrees, report.only_with, report.mistakes) == (False, only_with, ())
    assert report.to_dict()["only_with"] == only_with
    assert report.line().endswith(f" is wrong; only with {only_with}")
    lines = report.text().splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("only with  ")]
    bounds = " (beyond ±4)" if only_with == "large numbers" else ""
    assert lines[at] == f"only with  {only_with}{bounds}; it agrees on every fixed instance without them"
    setting, words = OPTIONS[only_with]
    assert lines[at + 1] == f"{'':<10} {words}"
    # Nobody is told that it is like nothing that is known.
    assert "no mistake of the registry" not in report.text()
    # What it says is so.
    assert report.right_on
    again = check(kind, function, **(SETTINGS | setting))
    assert (again.agrees, again.only_with) == (True, ""), again.text()
    assert "only with" not in again.text()
    assert again.to_dict()["only_with"] is None


def test_a_nan_is_explained_there_too():
    text = check("soft-bellman", nan_where_dead, **SETTINGS).text()
    assert "looks like a NaN of -inf - (-inf), 0 · inf or an overflow\nonly with  dead prefixes; " in text


def test_a_reference_forbids_too():
    def everywhere(rewards, reference):
        if 0.0 in reference.values() or (-inf in rewards.values() and len(rewards) > 5):
            raise ValueError("nothing forbidden here")
        return u.soft_bellman(rewards, reference=reference)

    report = check("soft-bellman", everywhere, **SETTINGS)
    # The smallest has a 0 in its reference, and nothing else that is forbidden.
    assert 0.0 in [p for _, p in report.smallest.reference.items()]
    assert not report.smallest.forbids
    assert report.only_with == "forbidden actions"
    assert check("soft-bellman", everywhere, **(SETTINGS | {"masks": False})).agrees


def test_a_mistake_is_named_besides():
    def unshifted(rewards):
        logits, values, tree = {}, {}, u.rows(rewards)
        for s in sorted(tree, key=len, reverse=True):
            logits |= {(s, a): r + values.get((*s, a), 0.0) for a, r in tree[s].items()}
            with np.errstate(all="ignore"):
                values[s] = np.log(np.exp([logits[s, a] for a in tree[s]]).sum())
        return logits, values

    report = check("soft-bellman", unshifted, **SETTINGS)
    assert (report.mistakes, report.only_with) == (("no-shift",), "large numbers")
    assert "looks like no-shift: " in report.text()
    assert "only with  large numbers (beyond ±4); " in report.text()
    assert report.line().endswith("is wrong; looks like no-shift")


def off_where(test):
    """An entropy that is off by 1 where the logits pass a test."""
    return lambda logits: u.entropy(logits) + test([x for x in logits.values() if x > -inf], -inf in logits.values())


def fickle():
    calls = [0]

    def function(logits):
        calls[0] += 1
        large = max(abs(x) for x in logits.values() if x > -inf) > 4.0
        return u.entropy(logits) + large * calls[0]

    return function


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (lambda logits: -u.entropy(logits), {}),  # wrong on nearly all
        (off_where(lambda x, forbids: forbids or max(map(abs, x)) > 4.0), {}),  # on two groups
        (off_where(lambda x, forbids: max(x) > 5000.0), {}),  # on no fixed instance
        (off_where(lambda x, forbids: max(map(abs, x)) > 4.0 or len(x) == 3), {}),  # on drawn plain ones besides
        (lambda logits, temperature: u.entropy(logits), {"temperature": 2.0}),  # at 2, where it is asked for 2 alone
        (fickle(), {}),
    ],
    ids=["all", "two groups", "no fixed one", "a drawn one besides", "all in the group", "fickle"],
)
def test_what_is_wrong_otherwise_too_has_nothing_in_common(function, given):
    report = check("entropy", function, **(SETTINGS | {"examples": 150} | given))
    assert not report.agrees
    assert report.only_with == ""
    assert "only with" not in report.text()
