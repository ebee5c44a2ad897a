"""One test for each bad input to models of implicit rewards: what is wrong, where, the limit and the remedy."""

import math

import numpy as np
import pytest

from tabular_bellman import SequenceSpace, TabularBellmanError
from tabular_bellman.implicit import StreamedModel, WindowModel
from tabular_bellman.parallel import Workers

SPACE = SequenceSpace("ab", max_length=3, prompts=["x", "y"])
LONG = SequenceSpace(2, max_length=60)


def zeros(prompt, strings, depth):
    return np.zeros((1 if depth == 2 else 3, strings.shape[1]))


def but(value, *, at=("y", (1,), 2)):
    """Return a reward of 0, but for one entry: at a prompt, a prefix and a row."""

    def reward(prompt, strings, depth):
        rewards = zeros(prompt, strings, depth)
        if prompt == at[0] and depth == len(at[1]):
            rewards[at[2], (at[1] == strings.T).all(axis=1)] = value
        return rewards

    return reward


def streamed(reward=zeros, space=SPACE, **arguments):
    return StreamedModel(space, reward, **arguments)


def window(reward=zeros, space=SPACE, window=1, **arguments):
    return WindowModel(space, reward, window=window, **arguments)


def raising(prompt, strings, depth):
    if depth == 1:
        raise KeyError("no such thing")
    return zeros(prompt, strings, depth)


def quitting(prompt, strings, depth):
    raise SystemExit


def writing(prompt, strings, depth):
    strings += 1
    return zeros(prompt, strings, depth)


BAD = {
    # arguments
    "no space": (lambda: StreamedModel("ab", zeros), "the space is a str; it must be a SequenceSpace"),
    "no function": (lambda: streamed(3.0), "the reward is a float; it must be a function of .prompt, prefixes, depth."),
    "no window function": (lambda: window(None), "the reward is a NoneType; .* contexts"),
    "temperature 0": (lambda: streamed(temperature=0.0), "temperature is 0.0; it must be positive"),
    "window temperature": (lambda: window(temperature=-1.0), "temperature is -1.0; it must be positive"),
    "block 0": (lambda: streamed(block=0), "block is 0; it must be a positive integer"),
    "block that is no integer": (lambda: streamed(block=1.5), "block is 1.5; it must be a positive integer"),
    "workers": (lambda: streamed(workers=2), "workers is a int; it must be a Workers"),
    "progress": (lambda: streamed(on_progress=3), r"on_progress is a int; it must be a function of \(done, total\)"),
    "too many responses": (
        lambda: streamed(space=LONG),
        r"has 1,152,921,504,606,846,975 responses; the limit is 10,000,000,000,000\. .* max_leaves=",
    ),
    "a limit beyond all limits": (lambda: streamed(max_leaves=10**19), "max_leaves is 10,000,000,000,000,000,000; the"),
    "blocks over the budget": (
        lambda: streamed(space=SequenceSpace(2, max_length=30, max_bytes=10**6)),
        r"would take \S+ bytes; the budget is 1,000,000 bytes\. Use a smaller block=",
    ),
    "negative window": (lambda: window(window=-1), "window is -1; it must be an integer, 0 or more"),
    "window that is no integer": (lambda: window(window=True), "window is True; it must be an integer, 0 or more"),
    "lattice over the budget": (
        lambda: window(space=SequenceSpace(50, max_length=200), window=5),
        r"the lattice of window 5 .* would take \S+ bytes; the budget is 1,073,741,824 bytes\. Use a smaller window",
    ),
    "samples over the budget": (
        lambda: window().sample(10**12),
        r"1,000,000,000,000 samples over .* would take \S+ bytes; the budget is",
    ),
    # what the reward returns
    "masked array": (
        lambda: streamed(lambda x, s, t: np.ma.masked_all((3 if t < 2 else 1, s.shape[1]))).log_partition(),
        "is a masked array; write -inf where something is forbidden",
    ),
    "logits out of range": (
        lambda: window(lambda x, s, t: zeros(x, s, t) - 1e308).root_policy("x"),
        "the rewards overflow float64 at prompt 'x'",
    ),
    "wrong shape": (
        lambda: streamed(lambda x, s, t: np.zeros(3)).log_partition(),
        r"the reward has shape \(3,\) at prompt 'x', depth .*; it must have shape \(1, 4\): a row for each action",
    ),
    "transposed": (
        lambda: streamed(lambda x, s, t: zeros(x, s, t).T).log_partition(),
        r"has shape \(4, 1\) .* must have shape \(1, 4\)",
    ),
    "window of a wrong shape": (
        lambda: window(lambda x, s, t: np.zeros((3, 1))),
        r"shape \(3, 1\) at prompt 'x', depth 2, context \('a',\) and 1 more; .* \(1, 2\): .* each context",
    ),
    "NaN": (
        lambda: streamed(but(math.nan)).log_partition(),
        r"the reward is nan at prompt 'y', depth 1, prefix \('b',\), action EOS; it must be a finite number, or -inf",
    ),
    "+inf": (
        lambda: streamed(but(math.inf)).entropy(),
        r"the reward is inf at prompt 'y', depth 1, prefix \('b',\), action EOS",
    ),
    "NaN in one of many": (
        lambda: streamed(but(math.nan, at=("x", (0, 1), 0))).mode(),
        r"nan at prompt 'x', depth 2, prefix \('a', 'b'\), action EOS",
    ),
    "NaN in small blocks": (
        lambda: streamed(but(math.nan, at=("x", (0, 1), 0)), block=1).sample(1),
        r"nan at prompt 'x', depth 2, prefix \('a', 'b'\), action EOS",
    ),
    "NaN in a window": (
        lambda: window(but(math.nan)),
        r"nan at prompt 'y', depth 1, context \('b',\), action EOS",
    ),
    "NaN in a table": (lambda: streamed(but(math.nan)).table(), r"nan at prompt 'y', depth 1, prefix \('b',\)"),
    "NaN in log_prob": (
        lambda: streamed(lambda x, s, t: np.full((1 if t == 2 else 3, s.shape[1]), np.nan)).log_prob(("a", "b")),
        "does not end in EOS",
    ),
    "raising": (
        lambda: streamed(raising).log_partition(),
        r"raising raised KeyError: 'no such thing' at prompt 'x', depth 1, prefix \('a',\) and 1 more",
    ),
    "raising in a window": (lambda: window(raising), r"KeyError: 'no such thing' at prompt 'x', depth 1, context"),
    "leaving": (lambda: streamed(quitting).log_partition(), "quitting raised SystemExit"),
    "writing to its input": (lambda: streamed(writing).log_partition(), "writing raised .*read-only"),
    "complex numbers": (
        lambda: streamed(lambda x, s, t: zeros(x, s, t) + 1j).log_partition(),
        "the reward at prompt 'x', .* cannot be read as an array of floats: dtype complex128",
    ),
    "strings": (
        lambda: streamed(lambda x, s, t: [["1"] * s.shape[1]]).log_partition(),
        "the reward at prompt 'x', .* cannot be read as an array of floats",
    ),
    "ragged": (
        lambda: streamed(lambda x, s, t: [[1.0], [1.0, 2.0]]).log_partition(),
        "the reward at prompt 'x', .* cannot be read as an array of floats",
    ),
    # functions of expectations
    "expectation of no function": (lambda: streamed().expectation(1.0), "the function is a float; it must be a"),
    "expectation of one that is none": (
        lambda: streamed().expectation([zeros, 2]),
        "function 1 is a int; it must be a function",
    ),
    "expectation of what is not finite": (
        lambda: streamed().expectation(but(-math.inf)),
        r"the function is -inf at prompt 'y', depth 1, prefix \('b',\), action EOS; it must be finite wherever the",
    ),
    "expectation of NaN": (
        lambda: window().expectation([zeros, but(math.nan)]),
        r"function 1 is nan at prompt 'y', depth 1, context \('b',\), action EOS",
    ),
    # methods
    "unknown prompt": (lambda: streamed().entropy("z"), "unknown prompt 'z'"),
    "depth beyond the last": (lambda: streamed().values(3), "depth"),
    "negative depth": (lambda: window().logits(-1), "depth"),
    "depth that is none": (lambda: streamed().prefix_marginals("a"), "depth"),
    "too many values": (
        lambda: streamed(space=SequenceSpace(2, max_length=40)).values(30),
        r"values of depth 30 .* would take \S+ bytes; the budget is",
    ),
    "too many logits": (lambda: streamed(space=SequenceSpace(2, max_length=40)).logits(30), "logits of depth 30"),
    "too many prefixes of a window": (
        lambda: window(lambda x, s, t: np.zeros((2, 1)), SequenceSpace.fixed_length(2, 40), 0).prefix_marginals(35),
        "prefix marginals of depth 35 .* would take",
    ),
    "too many axes": (
        lambda: streamed(lambda x, s, t: np.zeros((1, 1)), SequenceSpace.fixed_length(1, 99)).values(80),
        r"values\(80\) would have 81 axes; NumPy allows 64",
    ),
    "number of samples": (lambda: streamed().sample(-1), "n, the number of samples, is -1; it must be an integer, 0"),
    "samples that are no number": (lambda: window().sample(1.5), "n, the number of samples, is 1.5"),
    "seed": (lambda: streamed().sample(1, rng="a"), "rng is 'a'; it must be a Generator"),
    "no response": (lambda: window().log_prob(("a", "b")), "does not end in EOS"),
    "table over the budget": (
        lambda: window(lambda x, s, t: np.zeros((2, 1)), SequenceSpace.fixed_length(2, 40), 0).table(),
        "a StateActionTable over .* would take",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_what_where_and_why(name):
    call, message = BAD[name]
    with pytest.raises(TabularBellmanError, match=message):
        call()


def test_the_reward_may_return_what_numpy_can_read():
    expected = math.log(7.0)
    for read in (np.asarray, lambda r: r.tolist(), lambda r: r.astype(int), lambda r: r.astype(np.float32)):
        for model in (streamed, window):
            assert model(lambda x, s, t, read=read: read(zeros(x, s, t))).log_partition("x") == pytest.approx(expected)
    assert streamed(lambda x, s, t: zeros(x, s, t) > 0).log_partition("y") == pytest.approx(expected)


def test_a_bad_reward_on_workers_is_named_as_here():
    pytest.importorskip("joblib", reason="workers need joblib")
    space = SequenceSpace(2, max_length=22)

    def reward(prompt, prefixes, depth):
        rewards = np.zeros((1 if depth == 21 else 3, prefixes.shape[1]))
        if depth == 20:
            rewards[1, (prefixes[:3] == 1).all(axis=0) & (prefixes[-1] == 0)] = np.nan
        return rewards

    messages = []
    for workers in (Workers(), Workers(2), Workers(2, "threading")):
        with pytest.raises(TabularBellmanError, match="the reward is nan at prompt None, depth 20") as error:
            StreamedModel(space, reward, workers=workers).log_partition()
        messages.append(str(error.value))
    assert len(set(messages)) == 1
