"""msdm: entropy-regularised policy iteration as a soft Bellman map, with temperature, discount and reference."""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("msdm", reason="msdm is not installed: pip install -e '.[published]'")

from proofs_check.testing import check_soft_bellman
from published import msdm_wrappers as wrappers

# Few examples: code that differs is called some thousand times while its counterexample shrinks.
mdp = partial(dict, adapter="mdp", lengths="both", examples=15, throw=False)


def test_soft_bellman():
    for dtype in ("float64", "float32"):
        assert check_soft_bellman(wrappers.soft_bellman, dtype=dtype, masks=False, prompts=True, **mdp()).agrees


def test_a_dead_prefix_is_nan():
    # A policy that allows nothing is 0/0, and the linear equations spread it.
    report = check_soft_bellman(wrappers.soft_bellman, **mdp())
    assert list(report.wrong_on) == ["dead prefixes"]
    assert "theirs nan" in report.text()
    assert report.mistakes == ()


def test_the_smallest_probability_is_a_finite_mask():
    # By default, an option: no probability is below the smallest normal number, exp(-708) in float64.  A dead
    # prefix has V ≈ -708 τ for -inf, and what is forbidden counts where what is allowed pays less than that.
    report = check_soft_bellman(wrappers.soft_bellman_by_default, **mdp())
    assert list(report.wrong_on) == ["dead prefixes", "large numbers"]
    assert "theirs -707.70" in report.text()
    assert report.mistakes == ()


def test_a_temperature_that_is_a_float_is_single_precision():
    report = check_soft_bellman(wrappers.soft_bellman_of_float, temperature=0.7, masks=False, **mdp())
    assert report.mistakes == ("single-precision",)
    assert check_soft_bellman(wrappers.soft_bellman, temperature=0.7, masks=False, **mdp()).agrees


def test_the_default_prior_is_uniform_over_all_columns():
    report = check_soft_bellman(wrappers.soft_bellman_without_prior, reference="uniform", masks=False, **mdp())
    assert "no fixed instance" in report.text()
    assert report.mistakes == ()

    # A convention: ours is uniform over the actions that exist, theirs is 1/A for each of the A columns.  So τ log A
    # more for each action gives the values without a reference.
    def values_with_tau_log_a_more(rewards, next_state, terminal, *, temperature, discount):
        paid = rewards + temperature * np.log(rewards.shape[1])
        parameters = {"temperature": temperature, "discount": discount}
        return wrappers.soft_bellman_without_prior(paid, next_state, terminal, **parameters)[1]

    assert check_soft_bellman(values_with_tau_log_a_more, returns="values", masks=False, **mdp()).agrees
