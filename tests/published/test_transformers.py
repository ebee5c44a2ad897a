"""transformers: the loss of causal language models, the scores of responses, `generate`."""

from functools import partial

import pytest

pytest.importorskip("transformers", reason="transformers is not installed: pip install -e '.[published]'")

from proofs_check.testing import check_gradient, check_log_prob, check_sampler
from published import transformers_wrappers as wrappers

# Few examples: code that differs is called some thousand times while its counterexample shrinks.
batch = partial(dict, adapter="batch", array="torch", lengths="both", examples=15, throw=False)


def test_loss():
    for dtype in ("float32", "bfloat16"):
        assert check_log_prob(wrappers.log_prob, dtype=dtype, **batch()).agrees
        assert check_gradient(wrappers.nll_gradient, of="nll", dtype=dtype, **batch()).agrees


def test_the_loss_is_computed_in_single_precision():
    # logits.float() is there for bfloat16; float64 becomes float32 by it.
    assert check_log_prob(wrappers.log_prob, **batch()).mistakes == ("single-precision",)
    assert check_gradient(wrappers.nll_gradient, of="nll", **batch()).mistakes == ("single-precision",)


def test_the_default_is_a_mean_over_tokens():
    report = check_gradient(wrappers.nll_gradient_by_default, of="nll", dtype="float32", **batch())
    assert report.mistakes == ("arm-gradient-token-mean",)

    # A convention: ours is a mean over responses, and theirs times the mean number of tokens, EOS counted, is ours.
    def times_tokens(logits, tokens, lengths):
        return wrappers.nll_gradient_by_default(logits, tokens, lengths) * lengths.float().mean()

    assert check_gradient(times_tokens, of="nll", dtype="float32", **batch()).agrees


def test_scores_go_on_after_the_end():
    # Those of the padding are no part of log p(y).
    report = check_log_prob(wrappers.log_prob_by_scores, **batch())
    assert report.mistakes == ("padding-counted",)
    assert check_log_prob(wrappers.log_prob_by_scores_to_the_end, **batch()).agrees


def test_generate():
    assert check_sampler(wrappers.sampler, adapter="batch", array="torch", dtype="float32", lengths="both").agrees


def test_the_temperature_of_generate_divides_logits():
    # A convention: softmax(q/τ) at each step is another distribution than p ∝ exp(R/τ), unless τ = 1.
    energy = partial(check_sampler, wrappers.sampler_at_temperature, view="rewards", adapter="table", throw=False)
    assert energy(temperature=1.0).agrees
    assert energy(temperature=2.0, draws=4_000).mistakes == ("token-temperature",)
