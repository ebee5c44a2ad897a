"""irl-maxent: policy and state frequencies of p ∝ exp R, in weights."""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("irl_maxent", reason="irl-maxent is not installed: pip install -e '.[published]'")

from proofs_check.testing import check_marginals, check_policy
from published.irl_maxent_wrappers import marginals, marginals_of_logits, policy, policy_absorbing_under_all_actions

# Few examples: code that differs is called some thousand times while its counterexample shrinks.
mdp = partial(dict, adapter="mdp", prompts=True, lengths="both", examples=15, throw=False)


def test_the_policy_is_right_unless_a_weight_overflows():
    report = check_policy(policy, view="rewards", **mdp())
    # Weights, not logarithms: exp(710) is infinite.  Dead prefixes have the policy 0/0, which is not asked for.
    assert list(report.wrong_on) == ["large numbers"]
    assert "theirs nan" in report.text()
    assert report.mistakes == ()


def test_marginals_are_nan_with_a_dead_prefix():
    report = check_marginals(marginals, view="rewards", **mdp())
    # The policy 0/0 of a prefix that cannot be reached becomes NaN in every sum of the forward pass.
    assert list(report.wrong_on) == ["dead prefixes", "large numbers"]
    assert report.mistakes == ()


def test_marginals_of_logits():
    assert check_marginals(marginals_of_logits, **mdp()).agrees


def test_the_forward_pass_is_right_to_its_threshold():
    # Documented: it stops when no state changes by more than eps, 1e-5 by default.
    assert check_marginals(partial(marginals_of_logits, eps=1e-5), tolerance=1e-5, **mdp()).agrees


def test_an_absorbing_state_with_all_actions_favours_short_responses():
    report = check_policy(
        policy_absorbing_under_all_actions, view="rewards", masks=False, adapter="mdp", examples=15, throw=False
    )
    assert report.right_on == ("1 token, 1 step",)
    assert report.mistakes == ()

    # A convention: its weight grows by the number of actions A with each step there.  An action of ours is two steps
    # of the package, so p(y) ∝ A^(-2 length) exp R(y), and 2 log A more for each action gives the policy of exp R.
    def with_two_log_a_more(rewards, next_state, terminal):
        more = 2.0 * np.log(rewards.shape[1])
        return policy_absorbing_under_all_actions(rewards + more, next_state, terminal)

    report = check_policy(with_two_log_a_more, view="rewards", masks=False, adapter="mdp", examples=15, throw=False)
    assert list(report.wrong_on) == ["large numbers"]
