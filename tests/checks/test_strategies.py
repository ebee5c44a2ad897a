import inspect
import math
import os
import random
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from math import inf

import numpy as np
import pytest
from hypothesis import Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import tabular_bellman
from proofs_check import _hypothesis, strategies
from proofs_check.strategies import (
    distributions,
    logits,
    masks,
    models,
    prompts,
    references,
    rewards,
    sequence_spaces,
    state_tables,
)
from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
    inverse_soft_bellman,
    soft_bellman,
)
from tabular_bellman.tokens import EndOfSequence

TWO = SequenceSpace("ab", max_length=3, prompts=["a", "ab"])
SMALL = SequenceSpace("ab", max_length=3)


NO_EXPLANATION = [Phase.generate, Phase.shrink]  # explaining a failure takes longer than finding it


def smallest(strategy, condition, number=0, max_examples=1000):
    quiet = settings(database=None, max_examples=max_examples, phases=NO_EXPLANATION)
    return find(strategy, condition, random=random.Random(number), settings=quiet)


# -- what the properties are about, without the recursion of the library -----------------------------------------------


def rows(table):
    """{(prompt, prefix): {action: number}}"""
    found = {}
    for (prompt, prefix, action), number in table.items():
        found.setdefault((prompt, prefix), {})[action] = number
    return found


def finite(table):
    return [number for _, number in table.items() if number > -inf]


def dead(table):
    """The prefixes below which every response is forbidden."""
    space = table.space
    alive = set()
    for prompt in space.prompts:
        for response in space.responses():
            places = [(prompt, response[:t]) for t in range(len(response))]
            allowed = [
                table[prompt, prefix, action] > -inf for (_, prefix), action in zip(places, response, strict=True)
            ]
            alive |= {place for t, place in enumerate(places) if all(allowed[t:])}
    return set(rows(table)) - alive


def forbidden(table):
    return any(number == -inf for _, number in table.items())


def dead_roots(table):
    return [prompt for prompt, prefix in dead(table) if not prefix]


def finite_into_dead(table):
    below = dead(table)
    return [key for key, number in table.items() if number > -inf and (key[0], (*key[1], key[2])) in below]


def text(prompt):
    return prompt if isinstance(prompt, str) else "".join(map(str, prompt)) if isinstance(prompt, tuple) else "?"


def coincide(space):
    """Whether a prompt and a prefix read as another prompt."""
    return any(
        text(p) + text(prefix) == text(q)
        for p in space.prompts
        for q in space.prompts
        for depth in range(1, space.n_depths)
        for _, prefix in space.prefixes(depth, p)
        if p is not None and q is not None
    )


def spread(table):
    return max(finite(table)) - min(finite(table))


def leads(table):
    """How far the best action is ahead of the second, over the prefixes with a choice."""
    ordered = [sorted(row.values()) for row in rows(table).values() if len(row) > 1]
    return [row[-1] - row[-2] for row in ordered]


def representable(bits, number):
    mantissa, _ = math.frexp(number)
    return number == 0 or (mantissa * 2**bits).is_integer()


def in_type(bits):
    return lambda table: all(representable(bits, number) for number in finite(table))


def sums_to_one(p):
    return sum(p) == sum(reversed(list(p))) == math.fsum(p) == 1.0


# -- promises: what an argument promises holds; what is asked for without it breaks it ---------------------------------


def spaces_up_to_4(**arguments):
    return sequence_spaces(**{"max_tokens": 4, **arguments})


PROMISES = {
    "max_responses": (sequence_spaces, {"max_responses": 5}, lambda s: s.n_responses_per_prompt <= 5),
    "max_responses, by default": (
        lambda **a: spaces_up_to_4(max_length=5, max_prompts=1, **({} if a else {"max_responses": 300})),
        {"max_responses": 40},
        lambda s: s.n_responses_per_prompt <= 40,
    ),
    "min_responses": (sequence_spaces, {"min_responses": 2}, lambda s: s.n_responses_per_prompt >= 2),
    "min_tokens": (sequence_spaces, {"min_tokens": 2}, lambda s: s.n_tokens >= 2),
    "max_tokens": (sequence_spaces, {"max_tokens": 2}, lambda s: s.n_tokens <= 2),
    "min_length": (sequence_spaces, {"min_length": 2}, lambda s: s.min_length >= 2),
    "max_length": (sequence_spaces, {"max_length": 2}, lambda s: s.max_length <= 2),
    "lengths=eos": (sequence_spaces, {"lengths": "eos"}, lambda s: s.has_eos),
    "lengths=fixed": (sequence_spaces, {"lengths": "fixed"}, lambda s: not s.has_eos),
    "min_prompts": (sequence_spaces, {"min_prompts": 2}, lambda s: s.n_prompts >= 2),
    "max_prompts": (sequence_spaces, {"max_prompts": 1}, lambda s: s.prompts == (None,)),
    "prompts=coincident": (sequence_spaces, {"prompts": "coincident"}, coincide),
    "prompts=distinct": (sequence_spaces, {"prompts": "distinct"}, lambda s: not coincide(s)),
    "labels=integers": (sequence_spaces, {"labels": "integers"}, lambda s: s.vocab == tuple(range(s.n_tokens))),
    "labels=ambiguous": (
        lambda **a: sequence_spaces(lengths="eos", min_tokens=2, min_length=3, **a),
        {"labels": "ambiguous"},
        lambda s: len({text(y[:-1]) for y in s.responses()}) < s.n_responses_per_prompt,
    ),
    "labels=mixed": (
        lambda **a: sequence_spaces(min_tokens=2, **a),
        {"labels": "mixed"},
        lambda s: len({type(token) for token in s.vocab}) > 1,
    ),
    "min_size of prompts": (prompts, {"min_size": 2}, lambda p: len(p) >= 2),
    "max_size of prompts": (prompts, {"max_size": 2}, lambda p: len(p) <= 2),
    "kind=coincident of prompts": (
        prompts,
        {"kind": "coincident"},
        lambda p: len(p) > 1 and all(b[:-1] == a and b[-1] in "ab" for a, b in pairwise(p)),
    ),
    "masks=none": (rewards, {"masks": "none"}, lambda t: not forbidden(t)),
    "masks=alive": (rewards, {"masks": "alive"}, lambda t: not dead(t)),
    "masks=dead": (rewards, {"masks": "dead"}, dead),
    "masks=dead, a response is left": (
        lambda **a: rewards(**a) if a else rewards(numbers="equal", masks="dead").map(all_dead),
        {"masks": "dead"},
        lambda t: not dead_roots(t),
    ),
    "masks=none of logits": (logits, {"masks": "none"}, lambda t: not forbidden(t)),
    "masks=dead of logits": (logits, {"masks": "dead"}, dead),
    "kind=alive of masks": (masks, {"kind": "alive"}, lambda t: not dead(t)),
    "kind=dead of masks": (masks, {"kind": "dead"}, dead),
    "view=logits of masks": (masks, {"view": "logits"}, lambda t: not finite_into_dead(t)),
    "logits, where rewards": (
        lambda **a: (logits if a else rewards)(masks="any"),
        {"-": 1},
        lambda t: not finite_into_dead(t),
    ),
    "numbers=plain": (
        rewards,
        {"numbers": "plain"},
        lambda t: all(abs(x) <= 4 and (4 * x).is_integer() for x in finite(t)),
    ),
    "numbers=equal": (rewards, {"numbers": "equal"}, lambda t: spread(t) == 0),
    "numbers=near-ties": (
        rewards,
        {"numbers": "near-ties"},
        lambda t: spread(t) <= 6 * np.spacing(max(map(abs, finite(t)))) and 0 not in finite(t),
    ),
    "numbers=peaked": (
        lambda **a: rewards(masks="none", **a),
        {"numbers": "peaked"},
        lambda t: all(12 <= lead <= 60 for lead in leads(t)),
    ),
    "numbers=huge": (rewards, {"numbers": "huge"}, lambda t: max(map(abs, finite(t))) <= 1e4 and not leads_by_ulps(t)),
    "min_value": (rewards, {"min_value": -1.0}, lambda t: min(finite(t)) >= -1),
    "min_value above 4": (rewards, {"min_value": 4.5}, lambda t: min(finite(t)) >= 4.5),
    "max_value": (rewards, {"max_value": 0.3}, lambda t: max(finite(t)) <= 0.3),
    "max_value below -4": (rewards, {"max_value": -7}, lambda t: max(finite(t)) <= -7),
    "both bounds": (
        rewards,
        {"min_value": 0.25, "max_value": 0.5},
        lambda t: {0.25, 0.5} >= {round(x, 9) for x in finite(t)},
    ),
    "bounds of state tables": (
        state_tables,
        {"min_value": 0, "max_value": 1},
        lambda t: 0 <= min(finite(t)) <= max(finite(t)) <= 1,
    ),
    "dtype=float32": (rewards, {"dtype": "float32"}, in_type(24)),
    "dtype=float16": (logits, {"dtype": "float16"}, in_type(11)),
    "dtype=bfloat16": (logits, {"dtype": "bfloat16"}, in_type(8)),
    "dtype=float32, size": (rewards, {"dtype": "float32"}, lambda t: max(map(abs, finite(t))) <= 1e3),
    "dtype=bfloat16, size": (rewards, {"dtype": "bfloat16"}, lambda t: max(map(abs, finite(t))) <= 64),
    "references": (
        lambda **a: references(**a) if a else rewards(min_value=0, max_value=1),
        {"zeros": True},
        lambda t: all(sums_to_one(row.values()) and min(row.values()) >= 0 for row in rows(t).values()),
    ),
    "references in bfloat16": (lambda **a: references(**a) if a else rewards(), {"zeros": True}, in_type(8)),
    "zeros of references": (
        lambda **a: references(**(a or {"zeros": True})),
        {"zeros": False},
        lambda t: min(finite(t)) > 0,
    ),
    "kind of models": (models, {"kind": "energy-based"}, lambda m: isinstance(m, EnergyBasedModel)),
    "other kind of models": (models, {"kind": "autoregressive"}, lambda m: isinstance(m, AutoregressiveModel)),
    "distributions": (
        lambda **a: distributions(zeros=True) if a else st.just(np.full(10, 0.1)),
        {"-": 1},
        lambda p: sums_to_one(p) and p.min() >= 0,
    ),
    "exact distributions": (
        lambda **a: distributions(exact=bool(a)),
        {"exact": True},
        lambda p: all(type(x) is Fraction for x in p) and sum(p) == 1,
    ),
    "min_size of distributions": (distributions, {"min_size": 3}, lambda p: len(p) >= 3),
    "max_size of distributions": (distributions, {"max_size": 3}, lambda p: len(p) <= 3),
    "zeros of distributions": (distributions, {"zeros": False}, lambda p: min(p) > 0),
    "shape=peaked": (distributions, {"shape": "peaked"}, lambda p: 1 - 48 / 1024 <= max(p) <= 1),
    "shape=plain": (distributions, {"shape": "plain", "zeros": False}, lambda p: min(p) > 1 / 100),
}


def all_dead(table):
    return StateActionTable.from_levels(table.space, [np.full_like(level, -inf) for level in table.levels])


def leads_by_ulps(table):
    return any(0 < lead < 1e-6 for lead in leads(table))


@pytest.mark.parametrize("name", PROMISES)
def test_an_argument_keeps_its_promise(name):
    strategy, arguments, holds = PROMISES[name]

    @settings(max_examples=25)
    @given(strategy(**arguments))
    def check(drawn):
        assert holds(drawn)

    check()


@pytest.mark.parametrize("name", PROMISES)
def test_without_the_argument_the_promise_is_broken(name):
    strategy, _, holds = PROMISES[name]
    assert not holds(smallest(strategy(), lambda drawn: not holds(drawn), max_examples=3000))


# -- what holds whatever the arguments ---------------------------------------------------------------------------------

TABLES = {
    "rewards": rewards(),
    "rewards, masks=dead": rewards(masks="dead"),
    "rewards in bfloat16": rewards(dtype="bfloat16"),
    "logits": logits(),
    "logits, masks=any": logits(masks="any"),
    "logits, masks=dead": logits(masks="dead"),
    "masks": masks(),
    "two prompts": rewards(space=TWO, masks="dead"),
    "one token": rewards(space=SequenceSpace(1, max_length=4, min_length=2), masks="dead"),
    "fixed length": logits(space=SequenceSpace.fixed_length(2, 3), masks="dead"),
    "any labels": sequence_spaces(labels="any").flatmap(lambda space: rewards(space=space)),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_prompt_keeps_a_response(name):
    @given(TABLES[name])
    def check(table):
        assert not dead_roots(table)

    check()


@given(logits(masks="any"))
def test_logits_can_be_taken_back(table):
    model = AutoregressiveModel(table)
    assert soft_bellman(inverse_soft_bellman(table))[0].allclose(table, atol=1e-8)
    assert np.allclose(model.probabilities().sum(axis=1), 1)


@given(sequence_spaces().flatmap(lambda space: st.tuples(rewards(space=space), references(space=space))))
def test_two_tables_over_one_space_go_together(pair):
    reward, reference = pair
    assert reward.space == reference.space
    soft_bellman(reward, reference=reference)
    EnergyBasedModel(reward, reference=reference)


@given(models())
def test_models_are_distributions(model):
    assert np.allclose(model.probabilities().sum(axis=1), 1)


@given(distributions(exact=True), distributions(min_size=2, max_size=2))
def test_probabilities_are_not_filtered_into_shape(exact, floats):
    assert all(0 <= x <= 1 for x in exact)
    assert floats.shape == (2,)


def test_given_spaces_are_kept():
    for strategy in (rewards, logits, masks, references, state_tables, models):
        assert smallest(strategy(space=TWO), lambda _: True).space is TWO


@settings(max_examples=20)
@given(st.data())
def test_the_largest_tables_that_are_admitted_pass_the_health_checks(data):
    space = SequenceSpace(9, max_length=3, prompts=["x", "y", "z"])
    table = data.draw(rewards(space=space, masks="any", numbers="huge"))
    assert table.space.n_pairs > 500


# -- each adversary finds the code that only it finds ------------------------------------------------------------------


def naive(table):
    """Soft values at the roots, without taking the maximum off first."""
    values = None
    for t in reversed(range(table.n_depths)):
        q = table.levels[t].copy()
        if values is not None:
            q[: table.space.n_tokens] += values.reshape(table.space.n_tokens, -1)
        with np.errstate(over="ignore", divide="ignore"):
            values = np.log(np.exp(q).sum(axis=0))
    return values


def overflows(table):
    return not np.allclose(naive(table), soft_bellman(table)[1].levels[0], atol=1e-6)


def large_negative_mask(table):
    masked = StateActionTable.from_levels(table.space, [np.maximum(level, -1e9) for level in table.levels])
    found = soft_bellman(masked)[1].levels
    return any(
        (np.isneginf(v) != np.isneginf(w)).any() for v, w in zip(found, soft_bellman(table)[1].levels, strict=True)
    )


def ties_by_tolerance(table):
    """Whether the first action within 1e-12 of the best is not the best."""
    level = table.levels[0]
    first = (level >= level.max(axis=0) - 1e-12).argmax(axis=0)
    return bool((first != level.argmax(axis=0)).any())


def one_minus_the_others(table):
    """Whether 1 - p of the best is 0 where something else is possible."""
    policy = table.softmax().levels[0]
    return bool(((1 - policy.max(axis=0) == 0) & (np.isfinite(table.levels[0]).sum(axis=0) > 1)).any())


def states_by_text(table):
    """Whether two states of one text have different numbers, of which a dict of texts keeps one."""
    found = {}
    for (prompt, prefix), row in rows(table).items():
        if prompt is not None and found.setdefault(text(prompt) + text(prefix), row) != row:
            return True
    return False


def over(**arguments):
    return sequence_spaces(max_tokens=2, max_length=3, **arguments).flatmap(
        lambda space: rewards(space=space, masks="none", numbers="plain")
    )


ADVERSARIES = {
    "huge": (overflows, rewards(numbers="huge", masks="none"), rewards(numbers="plain", masks="none")),
    "near-ties": (ties_by_tolerance, logits(numbers="near-ties"), logits(numbers="plain")),
    "peaked": (one_minus_the_others, logits(numbers="peaked"), logits(numbers="plain")),
    "dead": (large_negative_mask, rewards(masks="dead"), rewards(masks="alive")),
    "coincident": (states_by_text, over(prompts="coincident"), over(prompts="distinct")),
}


@pytest.mark.parametrize("name", ADVERSARIES)
def test_an_adversary_finds_what_only_it_finds(name):
    wrong, adversary, tame = ADVERSARIES[name]
    assert wrong(smallest(adversary, wrong, max_examples=200))
    with pytest.raises(NoSuchExample):
        smallest(tame, wrong, max_examples=300)


@pytest.mark.parametrize("name", ["huge", "near-ties", "peaked", "dead"])
def test_an_adversary_comes_by_default_too(name):
    wrong = ADVERSARIES[name][0]
    assert wrong(smallest(rewards(), wrong))


# -- shrinking ---------------------------------------------------------------------------------------------------------


def hard_max(table):
    values = None
    for t in reversed(range(table.n_depths)):
        q = table.levels[t].copy()
        if values is not None:
            q[: table.space.n_tokens] += values.reshape(table.space.n_tokens, -1)
        values = q.max(axis=0)
    return values


def soft_is_not_hard(table):
    return bool((soft_bellman(table)[1].levels[0] > hard_max(table)).any())


def is_dead(table):
    return any(np.isneginf(values).any() for values in soft_bellman(table)[1].levels)


def over_eos(make):
    return sequence_spaces(lengths="eos").flatmap(lambda space: make(space=space))


def entries(table):
    return dict(table.items())


def sizes(table):
    """Whether a table has at most two entries for each of two prompts, and the numbers in it and 0."""
    return table.space.n_pairs <= 4, {0.0, *finite(table)}


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(
    ("strategy", "condition", "shown", "expected"),
    [
        (sequence_spaces(), lambda s: True, lambda s: (s.n_pairs, s.prompts), (1, (None,))),
        (sequence_spaces(), lambda s: s.n_prompts > 1, lambda s: (s.n_pairs, s.prompts), (2, ("x", "y"))),
        (sequence_spaces(lengths="eos"), lambda s: s.n_responses > 2, lambda s: (s.n_tokens, s.max_length), (2, 2)),
        (prompts(kind="coincident"), lambda p: p[-1][-1] == "b", tuple, ("a", "ab")),
        (rewards(), soft_is_not_hard, entries, {(None, (), "a"): 0, (None, (), "b"): 0}),
        (
            over_eos(rewards),
            soft_is_not_hard,
            entries,
            {(None, (), "a"): 0, (None, (), EOS): 0, (None, ("a",), EOS): 0},
        ),
        (rewards(numbers="plain"), lambda t: t.levels[0].max() > 2, sizes, (True, {0, 2.25})),
        (rewards(numbers="huge"), lambda t: t.levels[0].max() > 100, sizes, (True, {0, 100.25})),
        (rewards(), lambda t: t.levels[0].min() < 0 and not forbidden(t), entries, {(None, (), "a"): -0.25}),
        (
            logits(masks="none"),
            lambda t: np.ptp(t.levels[0], axis=0).max() > 0,
            entries,
            {(None, (), "a"): 0, (None, (), "b"): 0.25},
        ),
        (state_tables(), lambda t: max(finite(t)) > 1, entries, {(None, ()): 1.25}),
        (masks(space=SMALL, kind="dead"), lambda _: True, lambda t: len(dead(t)), 1),
        (distributions(exact=True), lambda p: 0 in p, sorted, [0, 1]),
        (distributions(exact=True), lambda p: len(p) == 3, tuple, (Fraction(1, 3),) * 3),
        (models(kind="energy-based"), lambda m: True, lambda m: (m.space.n_pairs, m.temperature), (1, 1.0)),
        (
            models(kind="energy-based"),
            lambda m: m.temperature != 1,
            lambda m: (m.space.n_pairs, m.temperature),
            (1, 2.0),
        ),
    ],
)
def test_the_smallest_example_is_found(strategy, condition, shown, expected, number):
    assert shown(smallest(strategy, condition, number)) == expected


@pytest.mark.parametrize("number", range(4))
def test_a_dead_prefix_shrinks_to_few_entries(number):
    """Not always to the smallest: of the masks some are lists of places, and some are drawn entry by entry."""
    table = smallest(rewards(), is_dead, number)
    assert table.space.n_pairs <= 16
    assert len(dead(table)) == 1
    assert set(finite(table)) == {0.0}


@pytest.mark.parametrize("name", TABLES)
def test_the_simplest_table_is_zero_where_it_can_be(name):
    assert set(finite(smallest(TABLES[name], lambda _: True))) == {0.0}


# -- replaying ---------------------------------------------------------------------------------------------------------


def drawn_with(strategy, number):
    examples = []

    @seed(number)
    @settings(database=None, max_examples=25)
    @given(strategy)
    def keep(example):
        examples.append(example.logits if isinstance(example, AutoregressiveModel) else example)

    keep()
    return examples


REPLAYED = {
    "sequence_spaces": sequence_spaces(labels="any"),
    "prompts": prompts(),
    "rewards": rewards(),
    "logits": logits(masks="any"),
    "masks": masks(),
    "references": references(zeros=True),
    "state_tables": state_tables(),
    "models": models(kind="autoregressive"),
    "distributions": distributions(exact=True),
}


@pytest.mark.parametrize("name", REPLAYED)
def test_the_same_seed_gives_the_same_examples(name, monkeypatch):
    def no_generator(*_):
        raise AssertionError("a number that Hypothesis cannot shrink or replay")

    monkeypatch.setattr(np.random, "default_rng", no_generator)
    assert drawn_with(REPLAYED[name], 1) == drawn_with(REPLAYED[name], 1)
    assert drawn_with(REPLAYED[name], 1) != drawn_with(REPLAYED[name], 2)


def printed(strategy, condition):
    """What Hypothesis prints of the smallest example for which the condition holds, and that example."""
    examples = []

    @seed(0)
    @settings(database=None, max_examples=300, phases=NO_EXPLANATION, print_blob=False)
    @given(strategy)
    def probe(example):
        if condition(example):
            examples.append(example)
            raise RuntimeError

    with pytest.raises(RuntimeError) as failure:
        probe()
    report = "\n".join(failure.value.__notes__)
    return report[report.index("probe(") :], examples[-1]


MAKERS = {
    "SequenceSpace": SequenceSpace,
    "StateActionTable": StateActionTable,
    "StateTable": StateTable,
    "EnergyBasedModel": EnergyBasedModel,
    "AutoregressiveModel": AutoregressiveModel,
    "EndOfSequence": EndOfSequence,
    "inf": inf,
}


@pytest.mark.parametrize(
    ("strategy", "condition", "same"),
    [
        (sequence_spaces(labels="any"), lambda s: s.n_prompts == 2 and s.min_length == 2, lambda a, b: a == b),
        (sequence_spaces(lengths="fixed"), lambda s: s.n_tokens == 2, lambda a, b: a == b),
        (rewards(masks="dead"), lambda t: max(finite(t)) > 1, lambda a, b: a == b),
        (masks(), forbidden, lambda a, b: a == b),
        (state_tables(), lambda t: max(finite(t)) > 1, lambda a, b: a == b),
        (
            models(kind="energy-based"),
            lambda m: m.temperature > 1,
            lambda a, b: (a.reward, a.temperature) == (b.reward, b.temperature),
        ),
        (models(kind="autoregressive"), lambda m: forbidden(m.logits), lambda a, b: a.logits == b.logits),
    ],
)
def test_a_printed_example_can_be_typed_in(strategy, condition, same):
    report, example = printed(strategy, condition)
    assert same(eval(report, {**MAKERS, "probe": lambda example: example}), example)


def test_a_printed_table_lists_what_is_not_zero():
    report, _ = printed(rewards(space=SMALL, masks="none", numbers="plain"), lambda t: t[None, ("a",), EOS] > 1)
    assert "{(None, ('a',), EndOfSequence.EOS): 1.25}" in report


# -- bad arguments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "arguments", "words"),
    [
        (sequence_spaces, {"min_tokens": 4}, "min_tokens is 4, above max_tokens, 3. Lower min_tokens, or raise"),
        (sequence_spaces, {"min_length": 5}, "min_length is 5, above max_length, 4"),
        (sequence_spaces, {"min_responses": 41}, "min_responses is 41, above max_responses, 40"),
        (sequence_spaces, {"min_prompts": 3}, "min_prompts is 3, above max_prompts, 2"),
        (sequence_spaces, {"max_tokens": 0}, "max_tokens is 0; it must be a whole number from 1 to 26"),
        (sequence_spaces, {"max_tokens": 27}, "max_tokens is 27; it must be a whole number from 1 to 26"),
        (sequence_spaces, {"max_responses": 2.5}, "max_responses is 2.5; it must be a whole number from 1 to 1,000"),
        (sequence_spaces, {"max_responses": True}, "max_responses is True; it must be a whole number"),
        (sequence_spaces, {"max_length": "3"}, "max_length is '3'; it must be a whole number from 1 to 100"),
        (sequence_spaces, {"max_prompts": 11}, "max_prompts is 11; it must be a whole number from 1 to 10"),
        (sequence_spaces, {"min_tokens": 0}, "min_tokens is 0; it must be a whole number from 1 to max_tokens, 3"),
        (sequence_spaces, {"min_length": None}, "min_length is None; it must be a whole number"),
        (sequence_spaces, {"lengths": "Eos"}, "lengths is 'Eos'; it must be one of 'both', 'eos', 'fixed'."),
        (sequence_spaces, {"lengths": ["eos"]}, "lengths is ['eos']; it must be one of"),
        (sequence_spaces, {"labels": "abc"}, "labels is 'abc'; it must be one of 'any', 'letters', 'integers'"),
        (sequence_spaces, {"prompts": ["x"]}, "prompts is ['x']; it must be one of 'any', 'distinct', 'coincident'"),
        (
            sequence_spaces,
            {"max_responses": 8, "min_tokens": 3, "lengths": "fixed", "min_length": 2},
            "max_responses is 8, but with min_tokens 3, min_length 2 and lengths 'fixed' the smallest space has 9 "
            "responses. Raise max_responses, or lower min_tokens or min_length.",
        ),
        (
            sequence_spaces,
            {"max_responses": 2, "min_tokens": 3, "prompts": "coincident"},
            "max_responses is 2, but with min_tokens 3",
        ),
        (
            sequence_spaces,
            {"min_responses": 30, "max_tokens": 2},
            "no space with 1 to 2 tokens, lengths 1 to 4 and lengths 'both' has 30 to 40 responses for each prompt.",
        ),
        (
            sequence_spaces,
            {"max_responses": 1000, "max_tokens": 9},
            "max_responses 1000 and max_prompts 2 admit spaces of 3,278 (prefix, action) pairs; the limit is 1,000",
        ),
        (sequence_spaces, {"prompts": "coincident", "max_prompts": 1}, "max_prompts is 1, but prompts that coincide"),
        (sequence_spaces, {"prompts": "coincident", "max_length": 1}, "max_length is 1, but where no token follows"),
        (prompts, {"max_size": 0}, "max_size is 0; it must be a whole number from 1 to 10"),
        (prompts, {"min_size": 4}, "min_size is 4, above max_size, 3"),
        (prompts, {"kind": "same"}, "kind is 'same'; it must be one of"),
        (prompts, {"kind": "coincident", "max_size": 1}, "max_size is 1, but prompts that coincide are two at least"),
        (prompts, {"vocab": ""}, "the vocabulary is empty"),
        (rewards, {"space": sequence_spaces()}, "space is a strategy; it must be a SequenceSpace. Draw it first: "),
        (rewards, {"space": "ab"}, "space is a str; it must be a SequenceSpace, or None to draw one"),
        (logits, {"space": SequenceSpace(2, max_length=10)}, "2,045 pairs>; the limit is 1,000 pairs"),
        (rewards, {"masks": True}, "masks is True; it must be one of 'none', 'alive', 'any', 'dead'"),
        (rewards, {"space": SequenceSpace(3, max_length=1), "masks": "dead"}, "in which no prefix can be dead"),
        (masks, {"space": SequenceSpace.fixed_length(1, 3), "kind": "dead"}, "in which no prefix can be dead"),
        (masks, {"kind": "live"}, "kind is 'live'; it must be one of"),
        (masks, {"view": "policy"}, "view is 'policy'; it must be one of 'rewards', 'logits'"),
        (rewards, {"numbers": "ties"}, "numbers is 'ties'; it must be one of 'any', 'equal', 'plain', 'near-ties'"),
        (rewards, {"min_value": 1, "max_value": 0}, "min_value is 1, above max_value 0. Lower min_value, or raise"),
        (rewards, {"min_value": 0.1, "max_value": 0.2}, "min_value 0.1 and max_value 0.2: no multiple of 1/4"),
        (rewards, {"max_value": math.nan}, "max_value is nan; it must lie within ±2.2518e+15"),
        (rewards, {"min_value": -inf}, "min_value is -inf; it must lie within"),
        (rewards, {"min_value": "0"}, "min_value is '0'; it must be a finite number, or None"),
        (
            rewards,
            {"max_value": 65, "dtype": "bfloat16"},
            "max_value is 65; it must lie within ±64, where bfloat16 has",
        ),
        (
            rewards,
            {"dtype": "float"},
            "dtype is 'float'; it must be one of 'float64', 'float32', 'bfloat16', 'float16'",
        ),
        (rewards, {"dtype": np.float32}, "dtype is <class 'numpy.float32'>; it must be one of"),
        (
            rewards,
            {"numbers": "peaked", "min_value": 0, "max_value": 1},
            "numbers is 'peaked', but min_value 0 and max_value 1 are too near to each other: such numbers of type "
            "float64 take a range of 20 at least. Widen the bounds, or take other numbers.",
        ),
        (logits, {"numbers": "huge", "max_value": 8, "min_value": -8}, "take a range of 10000 at least"),
        (logits, {"numbers": "near-ties", "max_value": 0, "min_value": 0}, "take a range of 0.25 at least"),
        (state_tables, {"numbers": "wild"}, "numbers is 'wild'"),
        (state_tables, {"space": 3}, "space is a int; it must be a SequenceSpace"),
        (references, {"zeros": "some"}, "zeros is 'some'; it must be True or False"),
        (models, {"kind": "ebm"}, "kind is 'ebm'; it must be one of 'both', 'autoregressive', 'energy-based'"),
        (models, {"masks": "all"}, "masks is 'all'"),
        (distributions, {"max_size": 1001}, "max_size is 1001; it must be a whole number from 1 to 1,000"),
        (distributions, {"min_size": 7}, "min_size is 7, above max_size, 6"),
        (distributions, {"shape": "round"}, "shape is 'round'; it must be one of 'any', 'plain', 'peaked'"),
        (distributions, {"shape": "peaked", "max_size": 1}, "max_size is 1, but a peak takes two outcomes"),
        (distributions, {"exact": 1}, "exact is 1; it must be True or False"),
        (distributions, {"zeros": None}, "zeros is None; it must be True or False"),
    ],
)
def test_bad_arguments_are_refused_at_once(strategy, arguments, words):
    with pytest.raises(TabularBellmanError) as refused:
        strategy(**arguments)
    assert words in str(refused.value)


@pytest.mark.parametrize("name", strategies.__all__)
def test_every_parameter_is_named_and_documented(name):
    function = getattr(strategies, name)
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.name in function.__doc__


# -- st.from_type ------------------------------------------------------------------------------------------------------

KINDS = (SequenceSpace, StateActionTable, StateTable, AutoregressiveModel, EnergyBasedModel)


def test_every_type_has_a_strategy():
    assert set(strategies.TYPES) == set(KINDS)
    assert {getattr(tabular_bellman, name) for name in _hypothesis._NAMES} == set(KINDS)
    for kind in KINDS:
        assert isinstance(smallest(_hypothesis._resolve(kind), lambda _: True), kind)


@pytest.mark.parametrize("thing", [int, "SequenceSpace", list[int], None, type("SequenceSpace", (), {})])
def test_other_types_are_none_of_ours(thing):
    assert _hypothesis._resolve(thing) is None


@pytest.fixture
def installed(tmp_path):
    """Run code in an interpreter to which the entry point is installed, whether or not it is in this one."""
    info = tmp_path / "entry_of_strategies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: entry-of-strategies\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hypothesis]\nproofs_check = proofs_check._hypothesis:register\n")

    def run(code, **environment):
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


ASK = """
from hypothesis import Phase, find, settings
quick = settings(database=None, phases=[Phase.generate])
for kind in (t.SequenceSpace, t.StateActionTable, t.StateTable, t.AutoregressiveModel, t.EnergyBasedModel):
    found = find(st.from_type(kind), lambda drawn: isinstance(drawn, kind), settings=quick)
    print(type(found).__name__)
print(len(find(st.from_type(list[t.StateTable]), len, settings=quick)))
from hypothesis import given
@settings(database=None, max_examples=5)
@given(...)
def check(model: t.EnergyBasedModel, either: t.StateTable | None):
    pass
check()
"""
ANSWER = "".join(kind.__name__ + "\n" for kind in KINDS) + "1\n"


@pytest.mark.parametrize(
    "imports",
    [
        "import hypothesis.strategies as st\nimport tabular_bellman as t",
        "import tabular_bellman as t\nimport hypothesis.strategies as st",
    ],
)
def test_from_type_knows_our_types(installed, imports):
    assert installed(imports + ASK) == ANSWER


def test_from_type_knows_our_types_where_hypothesis_has_no_table_for_packages(installed):
    code = """
import hypothesis.strategies as st
from hypothesis.strategies._internal import types
assert "tabular_bellman" in types._global_extra_lookup  # the test is about the way that is taken otherwise
del types._global_extra_lookup
from proofs_check._hypothesis import register
register()
types._global_extra_lookup = {}  # Hypothesis itself goes on to use it
import tabular_bellman as t
"""
    assert installed(code + ASK) == ANSWER


def test_a_user_s_own_registration_wins(installed):
    code = """
import hypothesis.strategies as st
import tabular_bellman as t
space = t.SequenceSpace(7, max_length=2)
st.register_type_strategy(t.SequenceSpace, st.just(space))
from hypothesis import find, settings
quick = settings(database=None)
print(find(st.from_type(t.SequenceSpace), lambda _: True, settings=quick) is space)
"""
    assert installed(code) == "True\n"


def test_importing_hypothesis_does_not_import_us(installed):
    code = """
import sys, hypothesis.strategies as st
print("proofs_check._hypothesis" in sys.modules)
print([name for name in ("tabular_bellman", "numpy", "scipy", "proofs_check.strategies") if name in sys.modules])
st.from_type(int)
class Unknown:
    pass
st.from_type(Unknown).validate()
print([name for name in ("tabular_bellman", "numpy", "scipy", "proofs_check.strategies") if name in sys.modules])
"""
    assert installed(code) == "True\n[]\n[]\n"


def test_tabular_bellman_does_not_import_hypothesis(installed):
    code = "import sys, tabular_bellman\nprint([name for name in sys.modules if name.startswith('hypothesis')])"
    assert installed(code) == "[]\n"
