"""What the claims are checked on: rewards over a space, at a temperature."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from proofs_check.examples.brackets import brackets_reward
from tabular_bellman import SequenceSpace, StateActionTable, TabularBellmanError

__all__ = ["Instance", "built_in", "of_user"]


@dataclass(frozen=True)
class Instance:
    """One table of rewards at one temperature."""

    name: str
    reward: StateActionTable
    temperature: float = 1.0

    @property
    def space(self) -> SequenceSpace:
        """The space of the rewards."""
        return self.reward.space

    @cached_property
    def live(self) -> list[NDArray[np.bool_]]:
        """Which (prefix, action) pairs are on the way to an allowed response, level by level.

        A Boolean recursion of its own, so that no claim depends on the code under test for what it compares.
        """
        V = self.space.n_tokens
        levels: list[NDArray[np.bool_]] = []
        below: NDArray[np.bool_] | None = None
        for level in reversed(self.reward.levels):
            live = np.isfinite(level)
            if below is not None:
                live[:V] &= below.reshape(V, -1)
            levels.append(live)
            below = np.asarray(live.any(axis=0))
        return levels[::-1]

    @cached_property
    def logits(self) -> StateActionTable:
        """The rewards read as logits, for claims about any logits: what is not live is forbidden."""
        levels = [np.where(live, level, -np.inf) for live, level in zip(self.live, self.reward.levels, strict=True)]
        return StateActionTable.from_levels(self.space, levels)


def of_user(reward: StateActionTable, name: str) -> list[Instance]:
    """A user's rewards, as they are and at another temperature, so that a lost temperature shows."""
    largest = max(float(np.abs(level[np.isfinite(level)]).max(initial=0.0)) for level in reward.levels)
    limit = np.finfo(np.float64).max / (8.0 * (reward.n_depths + 1))
    if largest > limit:
        raise TabularBellmanError(
            f"{name}: a reward of size {largest:.3g}, over {reward.n_depths} steps, can overflow float64 in the sums "
            f"that the claims compare; the limit is {limit:.3g}. Scale the rewards down."
        )
    return [Instance(name, reward), Instance("at temperature 2", reward, 2.0)]


def built_in(seed: int) -> Iterator[Instance]:
    """The instances of ``proofs-check run``, small ones first; random numbers from `seed`."""
    rng = np.random.default_rng(seed)

    def random(name: str, space: SequenceSpace, scale: float = 1.0, temperature: float = 1.0) -> Instance:
        return Instance(name, StateActionTable.random(space, rng, scale), temperature)

    for V, T in ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3)):
        yield random(f"V={V}, T={T}", SequenceSpace(V, max_length=T))
    yield random("V=2, T=4, no bare EOS, temperature 2", SequenceSpace(2, max_length=4, min_length=2), 2.0, 2.0)
    yield random("V=3, T=3, temperature 0.5", SequenceSpace(3, max_length=3), 1.0, 0.5)
    yield random("two prompts, 3 tokens, fixed length 2", SequenceSpace.fixed_length(3, 2, prompts=["x", "y"]))
    yield random("prompts 'a' and 'ab', tokens 'a' and 'b'", SequenceSpace("ab", max_length=3, prompts=["a", "ab"]))
    yield random("V=2, T=4, rewards of size 1e4", SequenceSpace(2, max_length=4), 1e4)
    yield half_forbidden(SequenceSpace(3, max_length=6), rng)
    yield random("V=1, T=200", SequenceSpace(1, max_length=200))
    yield random("V=3, T=8, two prompts", SequenceSpace(3, max_length=8, prompts=["x", "y"]))
    yield random("8 tokens, fixed length 4", SequenceSpace.fixed_length(8, 4))
    yield Instance("balanced brackets, up to 12", brackets_reward())
    yield random("4 tokens, fixed length 8", SequenceSpace.fixed_length(4, 8))


def half_forbidden(space: SequenceSpace, rng: np.random.Generator) -> Instance:
    """Random rewards of which half are -inf, with dead and unreachable prefixes among them, and live roots."""
    while True:
        levels = [
            np.where(rng.random(level.shape) < 0.5, -np.inf, level)
            for level in StateActionTable.random(space, rng).levels
        ]
        instance = Instance("half of the actions forbidden", StateActionTable.from_levels(space, levels))
        if instance.live[0].any(axis=0).all():
            return instance
