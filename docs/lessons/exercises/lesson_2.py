"""Exercises of lesson 2: which responses there are, the forced EOS, and prompts that share states."""

from functools import cache
from itertools import product
from types import EllipsisType
from typing import Any

import numpy as np

from exercises.judging import Unfit, code, number
from tabular_bellman import EOS, AutoregressiveModel, EnergyBasedModel, SequenceSpace, StateActionTable


def exercise_1(answer: Any) -> str | None:
    """How many responses there are."""
    V, T = 3, 4
    space = SequenceSpace(V, max_length=T)
    return number(
        answer,
        space.n_responses,
        "Add up, over the lengths that there are, the number of strings of that many tokens.",
        (space.n_responses - 1, "The bare EOS is a response, too."),
        (V ** (T - 1), "Those are the longest ones. Shorter ones are responses as well."),
        (V**T, "T counts EOS: the longest response has T - 1 tokens. And shorter ones are responses as well."),
        (sum(V**t for t in range(1, T + 1)), "T counts EOS; and there is a response without any token."),
        (sum(V**t for t in range(T + 1)), "T counts EOS: the longest response has T - 1 tokens."),
    )


def exercise_2(answer: Any) -> str | None:
    """The mass on the responses with a token."""
    model = AutoregressiveModel(StateActionTable.zeros(SequenceSpace(2, max_length=3)))
    chances = model.probabilities()[0]
    bare = float(chances[model.space.response_index((EOS,))])
    return number(
        answer,
        1 - bare,
        "What is missing is the chance of EOS at the start. How many actions are there, with equal logits?",
        (1.0, "So much is on all responses. Is the bare EOS among those of Section 1?"),
        (bare, "That is what is missing."),
        (0.5, "With two tokens there are three actions at the start."),
        (1 - 1 / chances.size, "Equal logits do not make responses equally likely: short ones take fewer steps."),
    )


def exercise_3(answer: Any) -> str | None:
    """The chance of `a` EOS."""
    space = SequenceSpace("a", max_length=2)

    def chance(last: float, first: float = 0.5) -> float:
        values: dict[Any, float] = {(None, (), "a"): first, (None, (), EOS): 1.0, (None, ("a",), EOS): last}
        model = EnergyBasedModel(StateActionTable.from_dict(space, values))
        return float(model.probabilities()[0, space.response_index(("a", EOS))])

    return number(
        answer,
        chance(2.0),
        "Add up the rewards along each of the two responses. Then e^R over the sum.",
        (chance(0.0), "The reward of the last EOS is missing. It is forced, but it is paid."),
        (chance(2.0, first=0.0), "The reward of `a` at the start is missing."),
        (1 - chance(2.0), "That is the probability of the other response."),
        (1.0, "EOS after `a` is certain, but `a` is not."),
    )


def exercise_4(answer: Any) -> str | None:
    """Whether two prompts share a state."""
    prompts = [p for n in range(1, 4) for p in map("".join, product("ab", repeat=n))]
    prompts += ["abab", "aabbab", *("a" * n for n in range(4, 8))]  # as far apart as T reaches, and farther
    cases = [(x, y, T) for T in range(1, 7) for x in prompts for y in prompts if x != y]

    @cache
    def states(prompt: str, T: int) -> frozenset[str]:
        return frozenset(prompt + "".join(written) for t in range(T) for written in product("ab", repeat=t))

    def collide(x: str, y: str, T: int) -> bool:
        return not states(x, T).isdisjoint(states(y, T))

    def either(x: str, y: str) -> bool:
        return x.startswith(y) or y.startswith(x)

    def said(function: Any, case: Any) -> Any:
        answered = function(*case)
        if not isinstance(answered, (bool, np.bool_, int, EllipsisType, type(None))):
            raise Unfit(f"Return True or False. Yours returned {_some(answered)}.")
        return answered

    return code(
        answer,
        collide,
        cases,
        lambda mine, right: bool(mine == right),
        "When is one prompt, with some tokens added, the other prompt, or the other with some tokens added?",
        (lambda x, y, _: either(x, y), "How far apart may the lengths be? A state has at most T - 1 tokens written."),
        (
            lambda x, y, T: y.startswith(x) and len(y) - len(x) < T,
            "Either prompt may be the shorter one: try it with the two exchanged.",
        ),
        (
            lambda x, y, T: either(x, y) and abs(len(x) - len(y)) <= T,
            "One too many: at most T - 1 tokens are written when the last action is chosen.",
        ),
        (
            lambda x, y, T: either(x, y) and abs(len(x) - len(y)) < T - 1,
            "One too few: the state in which EOS is forced, T - 1 tokens written, can be the other prompt.",
        ),
        (lambda x, y, T: abs(len(x) - len(y)) < T, "Prompts of near lengths need not have anything in common."),
        (lambda *_: False, "Have another look at `a` and `aa`."),
        use=said,
    )


def _some(answered: Any) -> str:
    """Return what kind of thing that is, with its article."""
    kind = type(answered).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
