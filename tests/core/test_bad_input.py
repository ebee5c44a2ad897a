"""One test for each bad input: the message says what is wrong, where, the limit and the remedy."""

import math
import sys
from decimal import Decimal

import numpy as np
import pytest

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
    entropy_by_depth,
    inverse_soft_bellman,
    kl_by_depth,
    kl_divergence,
    prefix_marginals,
    soft_bellman,
    token_kl_divergence,
)

SPACE = SequenceSpace("ab", max_length=3, prompts=["x", "y"])
ONE = SequenceSpace(1, max_length=2)
ZEROS = StateActionTable.zeros(ONE)
FORBIDDEN = StateActionTable.from_responses(ONE, [-math.inf, -math.inf])
LATE = SequenceSpace(2, max_length=3, min_length=2)
TIGHT = SequenceSpace(2, max_length=3, max_bytes=55)
OVER = "would take 104 bytes; the budget is 55 bytes"
LIKE_ONE = EnergyBasedModel(StateActionTable.zeros(SequenceSpace("a", max_length=2)))


def table(**values):
    return StateActionTable.from_dict(ONE, **values)


def raising(*_):
    raise KeyError("no such thing")


BAD = {
    # spaces
    "empty vocabulary": (lambda: SequenceSpace([], max_length=2), "the vocabulary is empty; it needs at least one"),
    "zero tokens": (lambda: SequenceSpace(0, max_length=2), "vocab is 0; a vocabulary needs at least one token"),
    "bool vocabulary": (lambda: SequenceSpace(True, max_length=2), "vocab is True"),
    "vocabulary without an order": (lambda: SequenceSpace({"a"}, max_length=2), "vocab is {'a'}; it must be .* order"),
    "vocabulary that is no sequence": (lambda: SequenceSpace(None, max_length=2), "vocab is None; it must be"),
    "float vocabulary": (lambda: SequenceSpace(2.0, max_length=2), "vocab is 2.0; it must be"),
    "huge vocabulary": (
        lambda: SequenceSpace(10**9, max_length=2),
        "vocab is 1,000,000,000; the limit is 1,048,576 tokens",
    ),
    "duplicate token": (lambda: SequenceSpace("aba", max_length=2), "duplicate token 'a' at positions 0 and 2"),
    "unhashable token": (lambda: SequenceSpace([[1]], max_length=2), r"token \[1\] at position 0 is not hashable"),
    "token unlike itself": (lambda: SequenceSpace([math.nan], max_length=2), "token nan at position 0 does not equal"),
    "EOS in the vocabulary": (lambda: SequenceSpace(["a", EOS], max_length=2), "EOS is in the vocabulary; leave it"),
    "duplicate prompt": (lambda: SequenceSpace(1, max_length=1, prompts=["x", "x"]), "duplicate prompt 'x'"),
    "no prompts": (lambda: SequenceSpace(1, max_length=1, prompts=[]), "prompts is empty; give at least one"),
    "prompts as one string": (lambda: SequenceSpace(1, max_length=1, prompts="hi"), r"write \['hi'\] for one prompt"),
    "None among prompts": (lambda: SequenceSpace(1, max_length=1, prompts=[None, 1]), "None is among several prompts"),
    "max_length zero": (lambda: SequenceSpace(1, max_length=0), "max_length is 0; it must be a positive integer"),
    "max_length negative": (lambda: SequenceSpace(1, max_length=-3), "max_length is -3; it must be a positive"),
    "max_length a float": (lambda: SequenceSpace(1, max_length=2.0), "max_length is 2.0; it must be a positive"),
    "max_length a bool": (lambda: SequenceSpace(1, max_length=True), "max_length is True; it must be a positive"),
    "max_length a string": (lambda: SequenceSpace(1, max_length="3"), "max_length is '3'; it must be a positive"),
    "max_length too large": (
        lambda: SequenceSpace(1, max_length=10**6),
        "max_length is 1,000,000; the limit is 10,000",
    ),
    "min_length zero": (lambda: SequenceSpace(1, max_length=2, min_length=0), "min_length is 0; it must be a positive"),
    "lengths out of order": (
        lambda: SequenceSpace(1, max_length=2, min_length=3),
        "min_length 3 is above max_length 2",
    ),
    "n_tokens zero": (lambda: SequenceSpace.fixed_length(2, 0), "n_tokens is 0; it must be a positive integer"),
    "max_bytes zero": (lambda: SequenceSpace(1, max_length=1, max_bytes=0), "max_bytes is 0"),
    # looking up
    "unknown token in a prefix": (
        lambda: SPACE.prefix_index(("c",), "x"),
        r"prefix \('c',\): unknown token 'c'; .*'a', 'b'",
    ),
    "unhashable token in a prefix": (lambda: SPACE.prefix_index(([],), "x"), r"unknown token \[\]"),
    "unknown prompt": (lambda: SPACE.prefix_index((), "z"), "unknown prompt 'z'; the prompts are 'x', 'y'"),
    "prompt left out": (lambda: SPACE.prefix_index(()), "unknown prompt None; the prompts are 'x', 'y'"),
    "EOS in a prefix": (lambda: SPACE.prefix_index((EOS,), "x"), "unknown token EOS"),
    "prefix too long": (lambda: SPACE.prefix_index(("a",) * 3, "x"), "3 tokens; no action is chosen beyond 2"),
    "prefix as a string": (lambda: SPACE.prefix_index("ab", "x"), r"'ab' is not a prefix: a prefix is a tuple"),
    "depth out of range": (lambda: SPACE.n_actions(3), "no depth 3; the depths of .* are 0 to 2"),
    "prefix number out of range": (lambda: SPACE.prefix_at(1, 4), "no prefix 4 at depth 1; there are 4"),
    "response number out of range": (lambda: SPACE.response_at(7), "no response 7; there are 7"),
    "action that is not there": (
        lambda: SPACE.action_index(2, "a"),
        "action 'a' does not exist at depth 2; the actions there are EOS",
    ),
    "EOS too early": (
        lambda: SequenceSpace(2, max_length=3, min_length=2).action_index(0, EOS),
        "action EOS does not exist at depth 0; the actions there are 0, 1",
    ),
    "response without EOS": (lambda: SPACE.response_index(("a",)), r"\('a',\) does not end in EOS; a response is"),
    "empty response": (lambda: SPACE.response_index(()), r"response \(\) does not end in EOS"),
    "response too long": (lambda: SPACE.response_index((*"aaa", EOS)), "length 4, EOS counted; .* lengths 1 to 3"),
    "response with EOS inside": (lambda: SPACE.response_index((EOS, "a", EOS)), "unknown token EOS"),
    "response of another fixed length": (
        lambda: SequenceSpace.fixed_length(2, 3).response_index((0, 1)),
        "2 tokens; this space has responses of exactly 3 tokens, without EOS",
    ),
    "responses to an unknown prompt": (lambda: SPACE.responses("z"), "unknown prompt 'z'"),
    # tables
    "over the budget": (
        lambda: StateActionTable.zeros(SequenceSpace(10, max_length=40)),
        "budget is 1,073,741,824 bytes",
    ),
    "over the budget, by a function": (
        lambda: StateActionTable.from_responses(SequenceSpace(10, max_length=40), raising),
        "budget is 1,073,741,824 bytes",
    ),
    "negative scale": (lambda: StateActionTable.random(ONE, scale=-1.0), "scale is -1.0; it must be"),
    "wrong number of arrays": (lambda: StateActionTable.from_arrays(ONE, [[[0.0]]]), "1 arrays given; .* needs 2"),
    "wrong shape": (
        lambda: StateActionTable.from_arrays(ONE, [[[0.0]], [[[0.0]]]]),
        r"array 0 has shape \(1, 1\); depth 0 needs \(1, 2\)",
    ),
    "ragged array": (
        lambda: StateActionTable.from_arrays(ONE, [[[0.0], [0.0, 1.0]], [[[0.0]]]]),
        "array 0 cannot be read",
    ),
    "array of strings": (
        lambda: StateActionTable.from_arrays(ONE, [[["a", "b"]], [[[0.0]]]]),
        "array 0 cannot be read",
    ),
    "complex array": (lambda: StateActionTable.from_vector(ONE, [1j, 0, 0]), "cannot be read as an array of floats"),
    "vector of a wrong length": (lambda: StateActionTable.from_vector(ONE, [0.0]), r"shape \(1,\); .* needs \(3,\)"),
    "rewards of a wrong shape": (
        lambda: StateActionTable.from_responses(ONE, [0.0]),
        r"shape \(1, 1\); .* needs \(1, 2\)",
    ),
    "NaN": (
        lambda: StateActionTable.from_arrays(ONE, [[[0.0, 0.0]], [[[math.nan]]]]),
        r"nan at prompt None, prefix \(0,\), action EOS; a table holds finite numbers, and -inf",
    ),
    "+inf": (
        lambda: StateActionTable.from_arrays(ONE, [[[math.inf, 0.0]], [[[0.0]]]]),
        r"inf at prompt None, prefix \(\), action 0",
    ),
    "NaN in a state table": (
        lambda: StateTable.from_arrays(ONE, [[math.nan], [[0.0]]]),
        r"nan at prompt None, prefix \(\);",
    ),
    "NaN in a dict": (lambda: table(values={(None, (), 0): math.nan}, default=0.0), r"prefix \(\), action 0 is nan"),
    "+inf in a dict": (
        lambda: table(values={(None, (), 0): math.inf}, default=0.0),
        r"inf at prompt None, prefix \(\)",
    ),
    "missing pair": (
        lambda: table(values={(None, (), 0): 1.0}),
        r"prefix \(\), action EOS \(2 missing in all\); give each",
    ),
    "unknown pair": (lambda: table(values={(None, (0,), 0): 1.0}, default=0.0), "action 0 does not exist at depth 1"),
    "key of another form": (lambda: table(values={((), 0): 1.0}, default=0.0), r"is not \(prompt, prefix, action\)"),
    "value that is no number": (
        lambda: table(values={(None, (), 0): "1"}, default=0.0),
        "is '1', of type str; it must be",
    ),
    "default that is no number": (lambda: table(values={}, default=None), "the default is None"),
    "reward that is no number": (
        lambda: StateActionTable.from_responses(ONE, lambda x, y: "1.0"),
        r"the value at prompt None, response \(EOS,\) is '1.0', of type str; it must be a number",
    ),
    "reward that is None": (
        lambda: StateActionTable.from_function(ONE, lambda x, s, a: None),
        "is None, of type NoneType",
    ),
    "reward that is an array": (lambda: StateActionTable.from_responses(ONE, lambda x, y: np.zeros(1)), "type ndarray"),
    "reward that is complex": (lambda: StateActionTable.from_responses(ONE, lambda x, y: 1j), "type complex"),
    "reward beyond float": (
        lambda: StateActionTable.from_responses(ONE, lambda x, y: 10**400),
        "is a int, but no float: int too large",
    ),
    "reward NaN": (
        lambda: StateActionTable.from_responses(ONE, lambda x, y: math.nan),
        r"nan at prompt None, prefix \(\)",
    ),
    "reward Decimal NaN": (lambda: StateActionTable.from_responses(ONE, lambda x, y: Decimal("nan")), "nan at prompt"),
    "reward function that raises": (
        lambda: StateActionTable.from_responses(ONE, raising),
        r"raising raised KeyError: 'no such thing' at prompt None, response \(EOS,\)",
    ),
    "stepwise function that raises": (
        lambda: StateActionTable.from_function(ONE, raising),
        r"raised KeyError: .* at prompt None, prefix \(\), action 0",
    ),
    "language model that raises": (
        lambda: StateActionTable.from_next_token_logits(ONE, raising),
        "prompt None, depth 0",
    ),
    "language model of a wrong shape": (
        lambda: StateActionTable.from_next_token_logits(ONE, lambda x, s: np.zeros((len(s), 1))),
        r"shape \(1, 1\); 1 prefixes and 1 tokens, then EOS, need \(1, 2\)",
    ),
    "language model with NaN": (
        lambda: StateActionTable.from_next_token_logits(ONE, lambda x, s: np.full((len(s), 2), np.nan)),
        r"prompt None, prefix \(\) hold nan in column 0",
    ),
    "two spaces added": (lambda: ZEROS + StateActionTable.zeros(SPACE), "the sum: the two spaces differ"),
    "two kinds added": (lambda: ZEROS + StateTable.zeros(ONE), "a StateActionTable and a StateTable do not mix"),
    "two spaces compared": (lambda: ZEROS.allclose(StateActionTable.zeros(SPACE)), "the two spaces differ"),
    "spaces that look alike": (
        lambda: StateActionTable.zeros(SequenceSpace("a", max_length=2)) + ZEROS,
        "same sizes, other tokens or prompts",
    ),
    "finite minus forbidden": (lambda: ZEROS - FORBIDDEN, "the difference is inf at prompt None"),
    "negative of forbidden": (lambda: -FORBIDDEN, "the negative is inf"),
    "sum that overflows": (lambda: (ZEROS - 1e308) + (ZEROS - 1e308), "the sum overflows float64"),
    "division by zero": (lambda: ZEROS / 0.0, "division of a table by zero"),
    "scaling by inf": (lambda: ZEROS * math.inf, r"operand of \* is inf; it must be finite"),
    "adding a string": (lambda: ZEROS + "a", "the operand of \\+ is 'a'"),
    "infinite potential": (
        lambda: ZEROS.shaped(StateTable.from_dict(ONE, {(None, (0,)): -math.inf}, default=0.0)),
        r"potential is -inf at prompt None, prefix \(0,\)",
    ),
    "potential over another space": (
        lambda: ZEROS.shaped(StateTable.zeros(SPACE)),
        "potential shaping: the two spaces",
    ),
    "view with too many axes": (
        lambda: StateActionTable.zeros(SequenceSpace(1, max_length=70))[63],
        "65 axes; NumPy allows 64",
    ),
    # recursion
    "temperature zero": (lambda: soft_bellman(ZEROS, temperature=0.0), "temperature is 0.0; it must be positive"),
    "temperature NaN": (lambda: soft_bellman(ZEROS, temperature=math.nan), "temperature is nan"),
    "temperature a string": (lambda: inverse_soft_bellman(ZEROS, temperature="1"), "temperature is '1'"),
    "discount zero": (lambda: soft_bellman(ZEROS, discount=0.0), r"discount is 0.0; it must lie in \(0, 1\]"),
    "discount above one": (lambda: soft_bellman(ZEROS, discount=1.5), r"discount is 1.5; it must lie in \(0, 1\]"),
    "negative reference": (
        lambda: soft_bellman(ZEROS, reference=ZEROS - 1.0),
        r"reference is -1.0 at .*; .* 0 or more",
    ),
    "reference of another kind": (lambda: soft_bellman(ZEROS, reference=3.0), "the reference is a float; it must be"),
    "reference over another space": (
        lambda: soft_bellman(ZEROS, reference=AutoregressiveModel(StateActionTable.zeros(SPACE))),
        "reward and reference: the two spaces differ",
    ),
    # models
    "all responses forbidden": (lambda: EnergyBasedModel(FORBIDDEN), "every response to prompt None is forbidden"),
    "all responses to one prompt forbidden": (
        lambda: EnergyBasedModel(StateActionTable.from_responses(SPACE, [[0.0] * 7, [-math.inf] * 7])),
        "every response to prompt 'y' is forbidden",
    ),
    "logits that forbid everything": (
        lambda: AutoregressiveModel(soft_bellman(FORBIDDEN)[0]),
        "prompt None is forbidden",
    ),
    "reference that forbids everything": (
        lambda: EnergyBasedModel(ZEROS).with_reference(ZEROS),
        "every response to prompt None is forbidden",
    ),
    "model temperature": (lambda: EnergyBasedModel(ZEROS, -1.0), "temperature is -1.0; it must be positive"),
    "rewards that overflow": (lambda: EnergyBasedModel(ZEROS + 1.5e308), "overflow float64"),
    "rewards that overflow from the middle on": (
        lambda: (
            EnergyBasedModel(
                StateActionTable.from_arrays(
                    SequenceSpace.fixed_length(1, 3), [[[-1.5e308]], [[[1.5e308]]], [[[[1.5e308]]]]]
                )
            ).values
        ),
        "the rewards of a response overflow float64",
    ),
    "log_prob of no response": (lambda: EnergyBasedModel(ZEROS).log_prob((0,)), "does not end in EOS"),
    "log_prob of tokens in a list": (
        lambda: EnergyBasedModel(ZEROS).log_prob([0, EOS]),
        "0 in the list is not a response: a list holds several .* give the tuple",
    ),
    "log_prob for an unknown prompt": (lambda: EnergyBasedModel(ZEROS).log_prob((EOS,), "z"), "unknown prompt 'z'"),
    "negative number of samples": (lambda: EnergyBasedModel(ZEROS).sample(-1), "n is -1; the number of samples"),
    "samples for an unknown prompt": (lambda: EnergyBasedModel(ZEROS).sample(1, "z"), "unknown prompt 'z'"),
    # beyond what float64 or memory can hold
    "vocabulary from a huge range": (
        lambda: SequenceSpace(range(10**9), max_length=2),
        "vocab has more than 1,048,576 entries",
    ),
    "prompts from a huge range": (
        lambda: SequenceSpace(1, max_length=2, prompts=range(10**9)),
        "prompts has more than 1,048,576",
    ),
    "prompts of arrays": (lambda: SequenceSpace(1, max_length=1, prompts=[np.ones(2), 1]), "prompt .* is not hashable"),
    "response number a float": (lambda: SPACE.response_at(1.7), "no response 1.7; there are 7"),
    "prefix number a float": (lambda: SPACE.prefix_at(1, 0.0), "no prefix 0.0 at depth 1"),
    "prefixes too deep": (lambda: SPACE.prefixes(9), "no depth 9"),
    "prefixes of an unknown prompt": (lambda: SPACE.prefixes(1, "z"), "unknown prompt 'z'"),
    "array beyond float": (lambda: StateActionTable.from_vector(ONE, [10**400, 0, 0]), "no float: int too large"),
    "array that rounds to -inf": (
        lambda: StateActionTable.from_vector(ONE, [Decimal("-1e400"), 0, 0]),
        "beyond the range",
    ),
    "reward that rounds to -inf": (
        lambda: StateActionTable.from_responses(ONE, lambda x, y: Decimal("-1e400")),
        "beyond the range of float64; write -inf to forbid",
    ),
    "reward that is a NumPy complex": (
        lambda: StateActionTable.from_responses(ONE, lambda x, y: np.complex128(1 + 5j)),
        "type complex128; it must be a number",
    ),
    "reward that is a NumPy string": (
        lambda: StateActionTable.from_responses(ONE, lambda x, y: np.str_("1")),
        "type str_",
    ),
    "array of objects": (
        lambda: StateActionTable.from_vector(ONE, np.array(["1", 0, 0], dtype=object)),
        "is '1', of type str",
    ),
    "function that exits": (
        lambda: StateActionTable.from_responses(ONE, lambda x, y: sys.exit(0)),
        "raised SystemExit: 0 at",
    ),
    "language model that allows nothing": (
        lambda: StateActionTable.from_next_token_logits(ONE, lambda x, s: np.full((len(s), 2), -np.inf)),
        r"prefix \(\) are all -inf; a language model allows at least one",
    ),
    "shaping that overflows": (
        lambda: ZEROS.shaped(StateTable.from_dict(ONE, {(None, ()): -1e308, (None, (0,)): 1e308})),
        "the difference overflows float64",
    ),
    "log-weights too far apart": (
        lambda: AutoregressiveModel(StateActionTable.from_arrays(ONE, [[[1e308, -1e308]], [[[0.0]]]])).policy,
        "differ by more than float64 can hold",
    ),
    "temperature whose inverse overflows": (lambda: soft_bellman(ZEROS, temperature=1e-309), "from 1e-300 to 1e300"),
    "model temperature too high": (lambda: EnergyBasedModel(ZEROS, 1e305), "from 1e-300 to 1e300"),
    "tolerance that is no number": (lambda: ZEROS.allclose(ZEROS, atol="a"), "atol is 'a'"),
    "arrays from a generator": (lambda: StateActionTable.from_arrays(ONE, iter([])), "must be a list or tuple"),
    # the same refusals, wherever else they are owed
    "response too short": (lambda: LATE.response_index((EOS,)), "length 1, EOS counted; .* lengths 2 to 3"),
    "fixed length over the budget": (
        lambda: SequenceSpace.fixed_length(2, 2, max_bytes=47).check_budget(),
        "48 bytes; the budget is 47 bytes",
    ),
    "huge vocabulary in full": (
        lambda: SequenceSpace(iter(range(2**20 + 1)), max_length=2),
        "vocab has more than 1,048,576 entries",
    ),
    "array of numerals": (
        lambda: StateActionTable.from_vector(ONE, ["1", "2", "3"]),
        "cannot be read as an array of floats",
    ),
    "random over the budget": (lambda: StateActionTable.random(TIGHT), OVER),
    "dict over the budget": (lambda: StateActionTable.from_dict(TIGHT, {}, default=0.0), OVER),
    "arrays over the budget": (lambda: StateActionTable.from_arrays(TIGHT, []), OVER),
    "vector over the budget": (lambda: StateActionTable.from_vector(TIGHT, []), OVER),
    "function over the budget": (lambda: StateActionTable.from_function(TIGHT, raising), OVER),
    "language model over the budget": (lambda: StateActionTable.from_next_token_logits(TIGHT, raising), OVER),
    "state function over the budget": (
        lambda: StateTable.from_function(TIGHT, raising),
        "take 56 bytes; the budget is 55",
    ),
    "negative multiple of forbidden": (lambda: -1.0 * FORBIDDEN, "the product is inf"),
    "NaN in a dict of states": (
        lambda: StateTable.from_dict(ONE, {(None, ()): math.nan}, default=0.0),
        r"prefix \(\) is nan",
    ),
    "language model with +inf": (
        lambda: StateActionTable.from_next_token_logits(ONE, lambda x, s: np.full((len(s), 2), np.inf)),
        r"prefix \(\) hold inf in column 0",
    ),
    "overflow beside what is forbidden": (
        lambda: soft_bellman(
            StateActionTable.from_dict(
                SequenceSpace(1, max_length=2, prompts=["x", "y"]),
                {("x", (), 0): 1.0, ("x", (), EOS): -math.inf},
                default=1.5e308,
            )
        ),
        r"overflow float64 at prompt 'y', prefix \(\): they reach 1.5e\+308",
    ),
    "temperature inf": (lambda: soft_bellman(ZEROS, temperature=math.inf), "temperature is inf; it must be positive"),
    "model temperature inf": (lambda: EnergyBasedModel(ZEROS, math.inf), "temperature is inf; it must be positive"),
    "log_prob of no response, autoregressive": (
        lambda: AutoregressiveModel(ZEROS).log_prob((0,)),
        "does not end in EOS",
    ),
    "KL split of two spaces": (
        lambda: kl_by_depth(EnergyBasedModel(ZEROS), LIKE_ONE),
        "KL divergence: the two spaces differ",
    ),
    "token KL of two spaces": (lambda: token_kl_divergence(EnergyBasedModel(ZEROS), LIKE_ONE), "the two spaces differ"),
    "table reference over another space": (
        lambda: soft_bellman(ZEROS, reference=LIKE_ONE.policy),
        "reward and reference: the two spaces differ",
    ),
    # arguments of another type
    "list for a space": (lambda: StateActionTable.zeros([1]), "the space is a list; it must be a SequenceSpace"),
    "function before space": (lambda: StateActionTable.from_responses(raising, ONE), "the space is a function"),
    "list for a dict": (lambda: StateActionTable.from_dict(ONE, [1.0]), "the values is a list; it must be a Mapping"),
    "dict for an array": (
        lambda: StateActionTable.from_responses(ONE, {(EOS,): 1.0}),
        "is a dict; give an array, or a function that looks it up",
    ),
    "list for a reward": (lambda: soft_bellman([1.0]), "the reward is a list; it must be a StateActionTable"),
    "values for logits": (
        lambda: AutoregressiveModel(soft_bellman(ZEROS)[1]),
        "the table of logits is a StateTable; it must be a StateActionTable",
    ),
    "function for a reward": (
        lambda: EnergyBasedModel(raising),
        "the reward is a function; it must be a StateActionTable",
    ),
    "array for logits": (lambda: inverse_soft_bellman(np.zeros(3)), "the table of logits is a ndarray"),
    "model for logits": (
        lambda: prefix_marginals(EnergyBasedModel(ZEROS)),
        "is a EnergyBasedModel; .* prefix_log_probs",
    ),
    "table for a model": (lambda: kl_divergence(ZEROS, ZEROS), "p is a StateActionTable; .* Make it an Autoregressive"),
    "table for a model's entropy": (lambda: entropy_by_depth(ZEROS), "p is a StateActionTable"),
    "number for a potential": (lambda: ZEROS.shaped(1.0), "the potential is a float; it must be a StateTable"),
    "string for a seed": (
        lambda: EnergyBasedModel(ZEROS).sample(1, rng="a"),
        "rng is 'a'; it must be a Generator, an int",
    ),
    "negative seed": (lambda: StateActionTable.random(ONE, -1), "rng is -1; it must be"),
    "tokens as a string": (lambda: ONE.complete("ab"), "'ab' is not a prefix: a prefix is a tuple"),
    "KL of two spaces": (
        lambda: kl_divergence(EnergyBasedModel(ZEROS), EnergyBasedModel(StateActionTable.zeros(SPACE))),
        "KL divergence: the two spaces differ",
    ),
}


@pytest.mark.parametrize(("act", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input(act, message):
    with pytest.raises(TabularBellmanError, match=message):
        act()


def test_depths_beyond_the_end_are_index_errors():
    """So that a loop over a table ends where it should."""
    with pytest.raises(IndexError, match="no depth 2; the depths are 0 to 1"):
        ZEROS[2]
    np.testing.assert_array_equal(ZEROS[-1], ZEROS[1])


def test_every_error_is_a_value_error():
    assert issubclass(TabularBellmanError, ValueError)


@pytest.mark.parametrize("value", [1, True, np.float32(1.0), np.int64(1), Decimal(1), np.array(1.0)])
def test_numbers_of_every_kind_are_rewards(value):
    assert StateActionTable.from_responses(ONE, lambda x, y: value)[None, (), EOS] == 1.0


@pytest.mark.parametrize("kind", [StateActionTable, StateTable])
def test_tables_are_made_by_class_methods(kind):
    with pytest.raises(TypeError, match=f"a {kind.__name__} is made by one of its class methods: zeros, random"):
        kind(ONE)
