"""Balanced brackets: a reward that is given only at the end, and the planning that the soft Bellman map makes of it.

``proofs-check run --rewards proofs_check.examples.brackets:reward --vocab '(,)' --max-length 13`` runs the claims
on it; ``proofs-check demo`` tells its story.
"""

import math
from collections.abc import Iterator

import numpy as np

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    prefix_marginals,
    soft_bellman,
)
from tabular_bellman.tokens import Prefix, Prompt, Response

__all__ = ["brackets_reward", "reward", "story", "tree"]


def reward(prompt: Prompt, response: Response) -> float:  # noqa: ARG001 - the signature of every reward
    """Return 0 for a balanced string of brackets and -inf for any other."""
    height = 0
    for token in response[:-1]:
        height += 1 if token == "(" else -1
        if height < 0:
            return -math.inf
    return 0.0 if height == 0 else -math.inf


def brackets_reward(n_brackets: int = 12) -> StateActionTable:
    """Return the rewards of all strings of up to `n_brackets` brackets."""
    return StateActionTable.from_responses(SequenceSpace("()", max_length=n_brackets + 1), reward)


def story(n_brackets: int = 12, n_samples: int = 10_000, seed: int = 0) -> Iterator[str]:
    """Yield the lines of the demo; every number is computed here."""
    rewards = brackets_reward(n_brackets)
    logits, values = soft_bellman(rewards)
    energy_based, planner = EnergyBasedModel(rewards), AutoregressiveModel(logits)
    opened = ("(",) * 5
    naive_ends = _chance_of_a_response(rewards)
    balanced = [reward(None, y) == 0.0 for y in planner.sample(n_samples, rng=seed)]

    yield f"Strings of up to {n_brackets} brackets. Reward, at the end: 0 if balanced, -inf if not."
    yield f"{rewards.space.n_responses:,} strings in all; how many are balanced?"
    yield ""
    yield f"  soft Bellman recursion   exp V(start) = {math.exp(values[None, ()]):.10g}"
    yield f"  enumeration              Σ exp R(y)   = {math.exp(energy_based.log_partition()):.10g}"
    yield ""
    yield "The reward at the last step has become a plan for the first (q = M r):"
    yield ""
    yield f"  P( '(' | start )  = {_ratio(planner.policy[None, (), '('], round(math.exp(values[None, ()])))}"
    count = round(math.exp(values[None, opened]))
    yield f"  P( ')' | '(((((' ) = {_ratio(planner.policy[None, opened, ')'], count)}"
    yield ""
    yield "Draw token by token, and how many strings end balanced?"
    yield ""
    yield f"  from softmax(r)    {naive_ends:7.1%}   (exact)"
    planned_ends = _chance_of_a_response(logits)
    yield f"  from softmax(M r)  {planned_ends:7.1%}   (exact; {sum(balanced):,} of {n_samples:,} drawn)"
    yield ""
    yield "Up to 4 brackets. Each prefix: chance of the step to it, and exp V in [ ],"
    yield "the number of balanced strings that begin so:"
    yield ""
    yield from (f"  {line}" for line in tree(4))


def tree(n_brackets: int) -> Iterator[str]:
    """Yield a drawing of the live prefixes, each with exp V and, in percent, the chance of each step."""
    rewards = brackets_reward(n_brackets)
    logits, values = soft_bellman(rewards)
    return _branches(AutoregressiveModel(logits), values, (), "", "start")


def _branches(model: AutoregressiveModel, values: StateTable, prefix: Prefix, indent: str, label: str) -> Iterator[str]:
    yield f"{label}  [{round(math.exp(values[None, prefix]))}]"
    actions = [a for a in model.space.actions(len(prefix)) if model.policy[None, prefix, a] > 0.0]
    for action in actions:
        last = action == actions[-1]
        text = f"{'└' if last else '├'}─ {action} {model.policy[None, prefix, action]:.0%}"
        if action is EOS:
            yield f"{indent}{text}"
        else:
            deeper = indent + ("   " if last else "│  ")
            lines = _branches(model, values, (*prefix, action), deeper, f"{indent}{text}")
            yield from lines


def _chance_of_a_response(logits: StateActionTable) -> float:
    """Return the chance that drawing from softmax(logits) ends in a response, not at a prefix without a way on."""
    passing, policy = prefix_marginals(logits), logits.softmax()
    ends = [policy.levels[t][-1] @ passing.levels[t] for t in range(logits.n_depths)]
    return float(np.sum(ends))


def _ratio(probability: float, denominator: int) -> str:
    return f"{round(probability * denominator)}/{denominator} = {probability:.4f}"
