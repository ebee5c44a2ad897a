"""torch-struct: `LinearChainCRF` and `Autoregressive`."""

from functools import partial

import pytest

pytest.importorskip("torch_struct", reason="torch-struct is not installed: pip install -e '.[published]'")

from proofs_check.testing import (
    check_entropy,
    check_gradient,
    check_kl,
    check_log_partition,
    check_log_prob,
    check_marginals,
    check_sampler,
)
from published import torch_struct_wrappers as wrappers

# Few examples: a call takes a millisecond, and code that differs is called some thousand times.
few = partial(dict, lengths="both", examples=15, throw=False)


def test_log_partition():
    assert check_log_partition(wrappers.log_partition, **few()).agrees


def test_gradient_and_marginals():
    assert check_gradient(wrappers.gradient, **few()).agrees
    assert check_marginals(wrappers.marginals, view="rewards", **few()).agrees


def test_log_prob_of_a_forbidden_response_is_finite():
    assert check_log_prob(wrappers.log_prob, view="rewards", masks=False, **few()).agrees
    # The package's zero is -1e5: so much for each forbidden action, where log 0 is -inf.
    report = check_log_prob(wrappers.log_prob, view="rewards", **few())
    assert list(report.wrong_on) == ["forbidden actions", "dead prefixes"]
    assert "theirs -100000, ours -inf" in report.text()
    assert report.mistakes == ()


def test_entropy():
    assert check_entropy(wrappers.entropy, view="rewards", **few()).agrees


def test_entropy_of_potentials_of_minus_infinity_is_nan():
    # 0 · -inf in the entropy semiring; the log-partition of the same potentials is right.
    report = check_entropy(wrappers.entropy_of_minus_infinity, view="rewards", **few())
    assert list(report.wrong_on) == ["forbidden actions", "dead prefixes"]
    assert "theirs nan" in report.text()
    assert report.mistakes == ("entropy-zero-times-infinity",)


def test_kl_is_finite_where_only_q_forbids():
    assert check_kl(wrappers.kl, masks=False, **few()).agrees
    # 1e5 times the mass that q forbids, where the divergence is infinite.
    report = check_kl(wrappers.kl, **few())
    assert "ours inf" in report.text()
    assert report.mistakes == ()


def test_sampler():
    # A backward pass for every ten draws: 500 draws, not 2,000.
    assert check_sampler(wrappers.sampler, view="rewards", draws=500).agrees


def test_autoregressive():
    assert check_log_prob(wrappers.autoregressive_log_prob, adapter="next-token", **few()).agrees
    assert check_sampler(wrappers.autoregressive_sampler, adapter="next-token").agrees
