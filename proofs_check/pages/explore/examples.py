"""The examples that an exploring page offers: each small enough to be seen whole, each with one thing to see."""

from collections.abc import Iterator
from dataclasses import dataclass

from proofs_check.examples import letters
from proofs_check.examples.brackets import brackets_reward
from tabular_bellman import EOS, AutoregressiveModel, SequenceSpace, StateActionTable
from tabular_bellman.tokens import Prefix, Prompt, Response, Token

__all__ = ["Example", "built_in"]


@dataclass(frozen=True)
class Example:
    """Rewards to start from, and what to look at.

    Attributes
    ----------
    id : str
        Names it in links to the page.
    title, about : str
    reward : StateActionTable
    temperature : float
    reference : AutoregressiveModel, optional
        π_ref of p ∝ p_ref exp(R/τ); absent, 1 everywhere.
    """

    id: str
    title: str
    about: str
    reward: StateActionTable
    temperature: float = 1.0
    reference: AutoregressiveModel | None = None

    @property
    def space(self) -> SequenceSpace:
        """The space of the rewards."""
        return self.reward.space


def built_in() -> Iterator[Example]:
    """Yield the examples, in the order in which a lesson would take them."""
    yield Example(
        "brackets",
        "Balanced brackets, up to 4",
        "The reward is given at the last step only: 0 if the brackets balance, −∞ if not. Yet the first step has a "
        "preference already: it counts the balanced strings that each action leaves possible.",
        brackets_reward(4),
    )
    yield Example(
        "late",
        "A late reward turns the choice",
        "Writing a pays at once; b b pays more, but only at its end. The rewards of the first step are for a, its "
        "logits for b.",
        _late(),
    )
    yield Example(
        "reference",
        "A reference model and a verifier",
        "The reference knows which letters follow which; the verifier pays 1 for a word of the Gettysburg Address "
        "(a, as, is), when it is finished. Lower the temperature, and the words take over.",
        *_verified(),
    )
    yield Example(
        "prompts",
        "Two prompts, one text",
        "After prompt a and b the text is ab, as it is after prompt ab; and abb pays the same either way. But the "
        "first has a step less to go: a text alone does not say what it is worth.",
        _meeting(),
    )
    yield Example(
        "empty",
        "Nothing yet: all rewards 0",
        "Two tokens, up to 2 of them. All responses are equally likely, and so the steps are not: what leaves more "
        "responses possible has the larger logit. Change a reward and see who notices.",
        StateActionTable.zeros(SequenceSpace("ab", max_length=3)),
    )


def _late() -> StateActionTable:
    paid: dict[tuple[Prompt, Prefix, Token], float] = {(None, (), "a"): 1.0, (None, ("b", "b"), EOS): 4.0}
    return StateActionTable.from_dict(SequenceSpace("ab", max_length=3), paid, default=0.0)


def _verified() -> tuple[StateActionTable, float, AutoregressiveModel]:
    space = SequenceSpace("ais", max_length=3)

    def log_reference(prompt: Prompt, prefix: Prefix, action: Token) -> float:
        paid = letters.verifier((*prefix, EOS)) if action is EOS else 0.0
        return letters.reward(prompt, prefix, action) - paid

    def verified(_: Prompt, response: Response) -> float:
        return letters.verifier(response)

    # Bigrams of all letters; the softmax at each prefix makes them those of these three.
    reference = AutoregressiveModel(StateActionTable.from_function(space, log_reference))
    return StateActionTable.from_responses(space, verified), 1.0, reference


def _meeting() -> StateActionTable:
    def pays(prompt: Prompt, response: Response) -> float:
        return 2.0 if "".join(map(str, (prompt, *response[:-1]))) == "abb" else 0.0

    return StateActionTable.from_responses(SequenceSpace("ab", max_length=3, prompts=["a", "ab"]), pays)
