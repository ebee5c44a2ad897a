"""The test of samplers: exact, with a rate of false alarms that is kept, and able to find what is wrong."""

import functools
import random
from fractions import Fraction
from math import comb

import numpy as np
import pytest
import users_code as u
from scipy.stats import binom, binomtest

from proofs_check.mistakes import MISTAKES
from proofs_check.mistakes.draws import DRAWS
from proofs_check.testing import check, check_sampler, sampling
from proofs_check.testing.cases import Case
from proofs_check.testing.kinds import KINDS
from proofs_check.testing.settings import options
from tabular_bellman import EOS, SequenceSpace, StateActionTable, TabularBellmanError

A = SequenceSpace("a", max_length=2)


class Fast:
    """A right sampler that keeps the chances of each table."""

    def __init__(self):
        self.known = {}

    def chances(self, logits):
        key = tuple(logits.items())
        if key not in self.known:
            p = {y: float(np.exp(x)) for y, x in u.log_probs(logits).items()}
            whole = sum(p.values())
            self.known[key] = {y: x / whole for y, x in p.items()}
        return self.known[key]

    def __call__(self, logits, n, rng):
        p = self.chances(logits)
        names = list(p)
        return [names[i] for i in rng.choice(len(names), size=n, p=list(p.values()))]


FAST = Fast()


SMALL = {"max_responses": 15}  # leaves the largest instance out: it is quicker
SEEDS = range(0, 10**9, 10_000)  # so far apart that no two checks seed a call alike


def report_on(function, **settings):
    return check("sampler", function, throw=False, **settings)


# -- the rate of false alarms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("masks", [True, False])
def test_a_right_sampler_is_rejected_no_more_often_than_stated(masks):
    checks, rate = 200, 0.3
    alarms = sum(
        not report_on(FAST, **SMALL, draws=60, false_alarm=rate, seed=SEEDS[i], masks=masks).agrees
        for i in range(checks)
    )
    most = int(binom.isf(5e-7, checks, rate))  # in two tests, one in a million
    assert 60 < most < 100
    assert alarms <= most
    assert alarms >= 1  # it does reject what is far out


def test_an_alarm_is_raised_more_often_at_a_larger_rate():
    rejected = [
        {i for i in range(60) if not report_on(FAST, **SMALL, draws=30, false_alarm=rate, seed=SEEDS[i]).agrees}
        for rate in (1e-6, 0.3, 0.999)
    ]
    assert rejected[0] == set()
    assert rejected[0] <= rejected[1] <= rejected[2]
    assert len(rejected[2]) >= 3


def test_the_right_sampler_of_several_prompts_is_not_rejected_either():
    right = u.with_prompts(lambda logits, n, rng: FAST(logits, n, rng), "responses")
    alarms = sum(
        not report_on(right, **SMALL, draws=20, false_alarm=0.05, seed=SEEDS[i], prompts=True).agrees for i in range(60)
    )
    assert alarms <= int(binom.isf(1e-6, 60, 0.05))


@pytest.mark.parametrize("chance", [1e-9, 0.003, 0.25, 0.5, 1 / 3, 0.999, 1 - 1e-9])
@pytest.mark.parametrize("n", [1, 7, 40, 2000])
def test_p_values_are_those_of_scipy(n, chance):
    for count in sorted({0, 1, n // 3, n // 2, n - 1, n}):
        tails = [binomtest(count, n, chance, alternative=way).pvalue for way in ("less", "greater")]
        theirs, ours = min(1.0, 2 * min(tails)), sampling._p_value(count, n, chance)
        # A chance is moved by 1e-9 of itself against a rejection: it tells where it is all but 1.
        by = min(n * np.log1p(1.01e-9 / (1 - chance)), 700.0)
        assert theirs * (1 - 1e-8) - 1e-300 <= ours <= theirs * np.exp(by) * (1 + 1e-8) + 1e-300


def test_a_p_value_by_hand():
    # 9 or 10 of 10, at chance 1/4.
    tail = sum(comb(10, k) * Fraction(1, 4) ** k * Fraction(3, 4) ** (10 - k) for k in (9, 10))
    assert sampling._p_value(9, 10, 0.25) == pytest.approx(float(2 * tail), rel=2e-8)
    assert sampling._p_value(0, 10, 0.25) == pytest.approx(2 * 0.75**10, rel=2e-8)
    assert sampling._p_value(5, 5, 1.0) == 1.0
    assert sampling._p_value(2, 10, 0.25) == 1.0


def sets_of(space, draws, chances):
    return sampling._tests(space, [(0, y) for y in draws], np.array([chances]))


def test_the_sets_and_their_counts_by_hand():
    space = SequenceSpace("ab", max_length=3, min_length=2)
    a, b, aa, ab, ba, _ = space.responses()
    chances = [0.1, 0.2, 0.3, 0.1, 0.3, 0.0]
    draws = [a, a, b, aa, aa, b, aa, ba]  # half of them in each call
    found = {test.what: (test.count, test.n, test.probability) for test in sets_of(space, draws, chances)}
    squares = 0.01 + 0.04 + 0.09 + 0.01 + 0.09
    expected = {
        f"response {a!r}": (2, 8, 0.1),
        f"response {b!r}": (2, 8, 0.2),
        f"response {aa!r}": (3, 8, 0.3),
        f"response {ab!r}": (0, 8, 0.1),
        f"response {ba!r}": (1, 8, 0.3),
        "prefix ('a',)": (5, 8, 0.5),
        "prefix ('b',)": (3, 8, 0.5),
        "prefix ('a', 'a')": (3, 8, 0.3),
        "prefix ('a', 'b')": (0, 8, 0.1),
        "prefix ('b', 'a')": (1, 8, 0.3),
        "a draw equal to the one 1 before": (1, 4, squares),  # (a, a), (b, aa), (aa, b), (aa, ba)
        "a draw equal to the one 2 before": (1, 4, squares),  # (a, b), (a, aa), (aa, aa), (b, ba)
        "a draw equal to the one 3 before": (1, 3, squares),  # (a, aa), (a, aa), (b, b)
        "a draw equal to the one 5 before": (0, 3, squares),  # (a, b), (a, aa), (b, ba)
        "a draw equal to the one 7 before": (0, 1, squares),  # (a, ba)
        "a draw equal to the one half a call before": (1, 4, squares),  # (a, b), (a, aa); (aa, aa), (b, ba)
        "a draw equal to the one at its place in the other call": (0, 4, squares),  # (a, aa), (a, b), (b, aa), (aa, ba)
    }
    assert {what: (c, n, pytest.approx(p)) for what, (c, n, p) in expected.items()} == found
    for test in sets_of(space, draws, chances):
        assert test.p_value == len(found) * sampling._p_value(test.count, test.n, test.probability)


def test_the_furthest_out_decides():
    end, a = A.responses()
    draws = [(0, a)] * 30 + [(0, end)] * 10
    level = min(test.p_value for test in sampling._tests(A, draws, np.array([[0.5, 0.5]])))
    assert 0 < level < 1
    assert sampling._test(A, draws, np.array([[0.5, 0.5]]), level * 0.999) is None
    rejected = sampling._test(A, draws, np.array([[0.5, 0.5]]), level)
    assert rejected.p_value == level


# -- what is found ----------------------------------------------------------------------------------------------------


def greedy(logits, n):
    p = FAST.chances(logits)
    return [max(p, key=p.get)] * n


def flat(logits, n, rng):
    """Each allowed response as likely as another."""
    return FAST(dict.fromkeys(logits, 0.0) | {pair: x for pair, x in logits.items() if x == -np.inf}, n, rng)


def hotter(logits, n, rng):
    return FAST({pair: x / 1.5 for pair, x in logits.items()}, n, rng)


def without_a_rare_one(logits, n, rng):
    """One response of small chance is never drawn."""
    p = FAST.chances(logits)
    rare = min((y for y in p if p[y] > 0.01), key=p.get)
    often = max(p, key=p.get)
    return [often if y == rare else y for y in FAST(logits, n, rng)]


def too_often_a_rare_one(logits, n, rng):
    p = FAST.chances(logits)
    rare = min((y for y in p if p[y] > 0), key=p.get)
    return [rare if rng.random() < 0.02 else y for y in FAST(logits, n, rng)]


def in_pairs(logits, n, rng):
    return [y for y in FAST(logits, n, rng)[: (n + 1) // 2] for _ in range(2)][:n]


def in_halves(logits, n, rng):
    half = FAST(logits, (n + 1) // 2, rng)
    return (half + half)[:n]


def with_a_seed_of_its_own(logits, n):
    """Each call draws the same."""
    return FAST(logits, n, np.random.default_rng(7))


class Cached:
    """Draws are kept for each table, and given out again."""

    def __init__(self):
        self.drawn = {}

    def __call__(self, logits, n, rng):
        return self.drawn.setdefault(tuple(logits.items()), FAST(logits, 2 * n, rng))[:n]


def sorted_draws(logits, n, rng):
    return sorted(FAST(logits, n, rng), key=repr)


def never_twice_the_same(logits, n, rng):
    """Neighbours differ wherever they can."""
    found = FAST(logits, n, rng)
    for i in range(1, n, 2):
        while found[i] == found[i - 1] and max(FAST.chances(logits).values()) < 0.99:
            (found[i],) = FAST(logits, 1, rng)
    return found


def reversed_tokens(logits, n, rng):
    return [(*y[-2::-1], None) for y in FAST(logits, n, rng)]


@pytest.mark.parametrize(
    "wrong",
    [
        greedy,
        flat,
        hotter,
        without_a_rare_one,
        too_often_a_rare_one,
        in_pairs,
        in_halves,
        with_a_seed_of_its_own,
        Cached(),
        sorted_draws,
        never_twice_the_same,
        reversed_tokens,
    ],
)
def test_a_wrong_sampler_is_found(wrong):
    report = report_on(wrong)
    assert not report.agrees
    assert "p-value " in report.text()
    assert report.text().count("\nreplay ") == 1


@pytest.mark.parametrize(
    "wrong",
    [greedy, in_pairs, in_halves, sorted_draws, with_a_seed_of_its_own, Cached()],
    ids=lambda wrong: getattr(wrong, "__name__", type(wrong).__name__),
)
def test_draws_that_repeat_are_named(wrong):
    report = report_on(wrong)
    assert report.mistakes == ("draws-repeat",)
    assert "looks like draws-repeat: draws are not independent: they repeat one another" in report.text()


def test_the_same_in_both_calls_is_what_gives_it_away():
    text = report_on(with_a_seed_of_its_own).text()
    assert "worst      a draw equal to the one at its place in the other call: drawn 1,000 times of 1,000, exp" in text


def from_few(logits, n, rng):
    """Right frequencies would do: few responses, so that equal ones meet often, but no more than by chance."""
    p = FAST.chances(logits)
    two = sorted(p, key=p.get)[-2:]
    return [two[i] for i in rng.integers(len(two), size=n)]


def pairs_with_an_impossible_one(logits, n, rng):
    return [*in_pairs(logits, n - 1, rng), ("z", None)]


@pytest.mark.parametrize("wrong", [flat, without_a_rare_one, from_few, pairs_with_an_impossible_one])
def test_other_draws_are_not_called_repeating(wrong):
    report = report_on(wrong)
    assert not report.agrees
    assert "draws-repeat" not in report.mistakes


def test_draws_that_are_all_one_to_each_prompt_repeat():
    report = report_on(u.with_prompts(lambda logits, n: greedy(logits, n), "responses"), prompts=True)
    assert report.mistakes == ("draws-repeat",)


def test_the_mistake_of_samplers_is_in_no_claim():
    (repeat,) = DRAWS
    assert repeat.name == "draws-repeat"
    assert repeat not in MISTAKES
    with pytest.raises(TabularBellmanError, match="no chances"):
        repeat.wrong()


def test_a_right_sampler_agrees_and_says_at_what_rate():
    report = report_on(FAST, false_alarm=1e-5, draws=1500)
    assert report.agrees
    assert report.text().endswith(
        "1,500 draws each (adapter dict, float64, seed 0; an exact test; false-alarm rate at most 1e-05); "
        "a chance of 1/2 that is 0.074 off would show"
    )


@pytest.mark.parametrize(("draws", "false_alarm"), [(200, 1e-6), (2000, 1e-6), (2000, 0.01), (20_000, 1e-9)])
def test_what_would_show_does(draws, false_alarm):
    o = options(KINDS["sampler"], FAST, {"draws": draws, "false_alarm": false_alarm})
    chances = np.array([[0.5, 0.5]])
    found = [sampling.Drawn(Case("mine", StateActionTable.from_dict(A, {}, default=0.0)), [], chances)] * 9
    least = sampling.smallest_seen(o, found)
    end, a = A.responses()

    def alarm(off):
        ends = round(draws * (0.5 + off))
        mixed = np.random.default_rng(0).permutation([0] * ends + [1] * (draws - ends))
        return sampling._test(A, [(0, (end, a)[i]) for i in mixed], chances, false_alarm / 9)

    assert alarm(1.1 * least).what in (f"response {end!r}", f"response {a!r}", "prefix ('a',)")
    assert alarm(0.8 * least) is None


def returning(response):
    """One such response in the second call."""
    calls = []

    def function(logits, n, rng):
        calls.append(n)
        return [*FAST(logits, n - 1, rng), response] if len(calls) % 2 == 0 else FAST(logits, n, rng)

    return function


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (("a",), "has no end"),
        (("a", "a", "a", "a", None), "is impossible"),
        (("z", None), "is impossible"),
        ((None, None), "is impossible"),
        ((), "has no end"),
        (("a", None, "a"), "has no end"),
    ],
)
def test_one_impossible_response_is_enough(response, why):
    report = report_on(returning(response))
    text = report.text()
    assert not report.agrees
    assert f", which {why}: drawn 1 times of 2,000, expected 0.0; p-value 0.0e+00" in text
    assert "anything else" in text
    assert report.mistakes == ()


def test_where_lengths_are_fixed_a_response_that_is_too_short_is_impossible():
    text = report_on(returning(("a",)), lengths="fixed").text()
    assert "response ('a',), which is impossible: drawn 1 times" in text


def test_a_forbidden_response_is_impossible():
    def through_walls(logits, n, rng):
        return FAST({pair: 0.0 if x == -np.inf else x for pair, x in logits.items()}, n, rng)

    assert report_on(FAST).agrees
    report = report_on(through_walls)
    assert report.wrong_on == ("forbidden actions",)
    assert "which is impossible" in report.text()


@pytest.mark.parametrize(("change", "words"), [(-1, "999"), (1, "1001"), (-1000, "0")])
def test_as_many_draws_as_asked_for(change, words):
    def function(logits, n, rng):
        return FAST(logits, n + change, rng)

    with pytest.raises(TabularBellmanError, match=f"it returned {words} responses, where 1000 were asked for"):
        check_sampler(function)


@pytest.mark.parametrize("draws", [1, 2, 7])
def test_half_is_drawn_in_each_of_two_calls(draws):
    asked = []

    def function(logits, n, seed):
        asked.append((n, seed))
        return FAST(logits, n, np.random.default_rng(seed))

    report = report_on(function, draws=draws, seed=5)
    halves = [n for n in (draws // 2, draws - draws // 2) if n]
    assert [n for n, _ in asked] == halves * report.instances
    assert len({seed for _, seed in asked}) == len(asked)


def test_as_many_draws_to_each_prompt_as_asked_for():
    def first_only(logits, n, rng):
        prompts = list(dict.fromkeys(key[0] for key in logits))
        mine = {key[1:]: x for key, x in logits.items() if key[0] == prompts[0]}
        return [(prompts[0], y) for y in FAST(mine, n * len(prompts), rng)]

    report = report_on(first_only, prompts=True)
    assert not report.agrees
    assert "responses to prompt 'a'" in report.text()


def test_an_impossible_response_beside_too_few_to_another_prompt():
    def second_only(logits, n, rng):
        prompts = list(dict.fromkeys(key[0] for key in logits))
        return [(prompts[-1], ("z", None))] * (n * len(prompts))

    report = report_on(second_only, prompts=True)
    assert not report.agrees
    assert report.mistakes == ()


def test_too_few_on_some_instance_only():
    def tired(logits, n, rng):
        return FAST(logits, n - (len(logits) > 8), rng)

    report = report_on(tired)
    assert not report.agrees
    assert "it returned 999 responses, where 1000 were asked for" in report.text()


def test_a_sampler_that_raises_on_some_instance_only():
    def narrow(logits, n, rng):
        if len(logits) > 8:
            raise MemoryError("too many")
        return FAST(logits, n, rng)

    report = report_on(narrow)
    assert not report.agrees
    text = report.text()
    assert "it raised MemoryError: too many" in text
    # It has drawn nothing, so nothing is to be expected, and nothing is known of what it draws.
    (header,) = [line.split() for line in text.splitlines() if line.startswith("  response ")]
    assert header == ["response", "chance"]
    rows = table_of(text)
    assert len(rows) == report.smallest.space.n_responses_per_prompt
    assert sum(float(row[-1]) for row in rows) == pytest.approx(1.0, abs=1e-5)
    assert "looks like" not in text


def table_of(text):
    """The rows of the table in a report, as (response, number, …)."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("  response "))
    body = lines[start + 1 : lines.index("", start)]
    return [(line.rpartition(")")[0].split("  ", 1)[1], *line.rpartition(")")[2].split()) for line in body]


def test_a_sampler_that_draws_shows_what_it_drew():
    text = report_on(lambda logits, n: u.responses(logits)[:1] * n).text()
    (header,) = [line.split() for line in text.splitlines() if line.startswith("  response ")]
    assert header == ["response", "chance", "expected", "drawn"]
    assert all(len(row) == 4 for row in table_of(text))
    assert "looks like" in text


# -- generators -------------------------------------------------------------------------------------------------------


def weighted(p, uniform):
    x, total = uniform(), 0.0
    for y, chance in p.items():
        total += chance
        if x < total:
            return y
    return max(p, key=p.get)


def by_random(logits, n):
    p = FAST.chances(logits)
    return [weighted(p, random.random) for _ in range(n)]


def by_numpy(logits, n):
    p = FAST.chances(logits)
    return [weighted(p, np.random.random) for _ in range(n)]


def by_seed(logits, n, seed):
    assert type(seed) is int
    return FAST(logits, n, np.random.default_rng(seed))


def by_rng(logits, n, *, rng):
    assert type(rng) is np.random.Generator
    return FAST(logits, n, rng)


@pytest.mark.parametrize("function", [by_random, by_numpy, by_seed, by_rng])
def test_whatever_the_source_of_chance_a_right_sampler_agrees_and_a_check_repeats(function):
    drawn = []

    @functools.wraps(function)
    def keeping(*arguments, **named):
        drawn.append(function(*arguments, **named))
        return drawn[-1]

    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    reports = [report_on(keeping, draws=400) for _ in range(2)]
    assert [report.agrees for report in reports] == [True, True]
    once = len(drawn) // 2
    assert drawn[:once] == drawn[once:]
    report_on(keeping, draws=400, seed=SEEDS[1])
    assert drawn[:once] != drawn[2 * once :]
    assert random.getstate() == states[0]
    after = np.random.get_state()  # noqa: NPY002
    assert [repr(x) for x in after] == [repr(x) for x in states[1]]
    assert (after[1] == states[1][1]).all()


def test_generators_are_put_back_after_an_error_too():
    def raises(logits, n):
        random.random()
        np.random.random()  # noqa: NPY002
        raise ValueError("no")

    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    with pytest.raises(Exception, match="it raised ValueError: no"):
        check_sampler(raises)
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1][1]).all()  # noqa: NPY002


def test_a_sampler_with_a_seed_of_its_own_is_not_told_of_ours():
    calls = []

    def mine(logits, n, generator=None):
        calls.append(generator)
        return by_random(logits, n)

    assert report_on(mine, draws=50).agrees
    assert set(calls) == {None}


def test_a_sampler_in_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")

    def ancestral(logits, prefixes, lengths, n):
        V = logits.shape[1] - 1
        rows = {tuple(p[:k].tolist()): i for i, (p, k) in enumerate(zip(prefixes, lengths, strict=True))}
        steps = torch.softmax(logits, dim=-1)
        found = torch.full((n, prefixes.shape[1]), V)
        for i in range(n):
            prefix = ()
            while prefix in rows:
                token = int(torch.multinomial(steps[rows[prefix]], 1))
                found[i, len(prefix)] = token
                prefix = (*prefix, token)
        return found

    state = torch.get_rng_state()
    settings = {"adapter": "batch", "array": "torch", "dtype": "float32", "draws": 150}
    first, again = report_on(ancestral, **settings), report_on(ancestral, **settings)
    assert first.agrees
    assert first.text() == again.text()
    assert torch.equal(torch.get_rng_state(), state)


def test_responses_are_shown_with_what_was_drawn():
    text = report_on(greedy, draws=100).text()
    header = next(line for line in text.splitlines() if line.split()[:1] == ["response"])
    assert header.split() == ["response", "chance", "expected", "drawn"]
    assert "claim      independent draws from p(y), each a response with its end" in text
    assert EOS not in text.split()
