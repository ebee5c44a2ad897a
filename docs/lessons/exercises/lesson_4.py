"""Exercises of lesson 4: token temperature and sequence temperature."""

import math
from typing import Any

import numpy as np

from exercises.judging import Unfit, choice, code, number
from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    inverse_soft_bellman,
    kl_divergence,
    soft_bellman,
)


def exercise_1(answer: Any) -> str | None:
    """The first model at token temperature 2."""
    space = SequenceSpace("a", max_length=3)
    logits = soft_bellman(StateActionTable.zeros(space))[0]

    def chance(tau: float, response: tuple[Any, ...] = ("a", "a", EOS)) -> float:
        return math.exp(AutoregressiveModel(logits / tau).log_prob(response))

    return number(
        answer,
        chance(2.0),
        "At each step: the square root of each chance, over the sum of the square roots. Then multiply the steps.",
        (chance(1.0), "That is sequence temperature, which leaves equal chances equal."),
        (chance(0.5), "That is temperature ½, at which chances are squared."),
        (chance(2.0, (EOS,)), "That is the probability of EOS alone."),
        (2 * chance(2.0), "That is the chance of the first `a`. Another step follows."),
    )


def exercise_2(answer: Any) -> str | None:
    """Where the two temperatures agree."""
    pairs = SequenceSpace.fixed_length("xy", 2)

    def steps(x_first: float, x_after_x: float, x_after_y: float) -> AutoregressiveModel:
        first, second = [[x_first, 1 - x_first]], [[[x_after_x, 1 - x_after_x], [x_after_y, 1 - x_after_y]]]
        return AutoregressiveModel(StateActionTable.from_arrays(pairs, [np.log(first), np.log(second)]))

    models = {
        "a": AutoregressiveModel(soft_bellman(StateActionTable.zeros(SequenceSpace(1, max_length=3)))[0]),
        "b": steps(0.8, 0.8, 0.8),
        "c": steps(0.8, 0.9, 0.5),
    }

    def agrees(model: AutoregressiveModel) -> bool:
        reward = inverse_soft_bellman(model.logits)
        both = ((EnergyBasedModel(reward, tau), AutoregressiveModel(model.logits / tau)) for tau in (0.3, 2.0))
        return all(kl_divergence(by_sequence, by_token) < 1e-12 for by_sequence, by_token in both)

    (truth,) = (name for name, model in models.items() if agrees(model))
    return choice(
        answer,
        truth,
        {
            "a": "Look at the products of divisors above: the responses do not have the same.",
            "b": "Multiply the divisors along each response: are the products the same for all?",
            "c": "After the first token the sum of squares is not what it is after the second. So the divisors differ.",
        },
    )


def exercise_3(answer: Any) -> str | None:
    """A model that leads greedy decoding astray."""
    if isinstance(answer, StateActionTable):
        try:
            answer = AutoregressiveModel(answer)
        except TabularBellmanError as error:
            return str(error)
    if not isinstance(answer, AutoregressiveModel):
        return "Give an AutoregressiveModel, made as `garden` was."
    if answer.space != SequenceSpace.fixed_length("ab", 2):
        return "Make it over the space `pairs`."
    greedy, mode = answer.greedy(), answer.mode()
    if greedy == mode:
        return "Its greedy response is its mode. The mode has to begin with the less likely token."
    ratio = math.exp(answer.log_prob(mode) - answer.log_prob(greedy))
    if ratio < 1.5:
        return (
            f"Greedy is led astray, but the mode is only {ratio:.2f} times as probable. "
            "What is best after the refused token, and how nearly equal may the first two chances be?"
        )
    return None


def exercise_4(answer: Any) -> str | None:
    """Rewards to logits at a sequence temperature."""
    spaces = [SequenceSpace("a", max_length=3), SequenceSpace("ab", max_length=3), SequenceSpace.fixed_length(2, 3)]
    cases = [(StateActionTable.random(space, rng=i), tau) for i, space in enumerate(spaces) for tau in (0.5, 3.0)]

    # Any logits that draw so are right: the policies are compared.
    def drawn(function: Any, case: Any) -> Any:
        table = function(*case)
        if not isinstance(table, StateActionTable):
            raise Unfit(f"Return a StateActionTable of logits. Yours returned something else: {type(table).__name__}.")
        return table.softmax().to_vector()

    return code(
        answer,
        lambda rewards, tau: soft_bellman(rewards / tau)[0],
        cases,
        lambda mine, right: mine.shape == right.shape and bool(np.allclose(mine, right, rtol=0.0, atol=1e-9)),
        "At sequence temperature τ the model is p ∝ e^(R/τ): that of the rewards r/τ. Which logits has it?",
        (lambda rewards, tau: soft_bellman(rewards)[0] / tau, "That divides the logits: token temperature."),
        (lambda rewards, _: soft_bellman(rewards)[0], "Where is τ?"),
        (lambda rewards, tau: rewards / tau, "Those are rewards still: nothing is planned."),
        (
            lambda rewards, tau: soft_bellman(rewards, temperature=tau)[0],
            "`soft_bellman(..., temperature=τ)` returns q in the units of the reward; its policy is softmax(q/τ).",
        ),
        (lambda rewards, tau: soft_bellman(rewards / tau)[0] / tau, "That divides by τ twice."),
        use=drawn,
    )
