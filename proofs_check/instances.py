"""What the claims are checked on: rewards over a space, at a temperature, with what else a statement needs."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from proofs_check.examples.brackets import brackets_reward
from tabular_bellman import SequenceSpace, StateActionTable, StateTable, TabularBellmanError
from tabular_bellman.extended import FloatArray

__all__ = [
    "ANY",
    "EQUAL_LENGTHS",
    "FEW",
    "FINITE",
    "MODEST",
    "SMALL",
    "WITH_EOS",
    "Effort",
    "Instance",
    "Scope",
    "adversarial",
    "bare",
    "built_in",
    "largest_reward",
    "logarithms",
    "of_user",
    "of_weights",
    "sizes",
    "with_roots",
]

Effort = Literal["quick", "default", "thorough"]


@dataclass(frozen=True)
class Instance:
    """One table of rewards at one temperature; what else a statement is about is drawn from `seed`.

    `second` is the table that `other` returns, where it is not to be drawn.  `weights` tells of a log-weight in the
    tables, a float, which rational it is the logarithm of, where that is known.  Where rational weights are made up,
    they have rational roots of the order `roots`.
    """

    name: str
    reward: StateActionTable
    temperature: float = 1.0
    seed: int = 0
    second: StateActionTable | None = None
    weights: Mapping[float, Fraction] = field(default_factory=dict)
    roots: int = 1

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
        return self._masked(self.reward.levels)

    @cached_property
    def other(self) -> StateActionTable:
        """A second table, drawn at random, that allows what `logits` allows: a target, a reference, a student."""
        drawn = StateActionTable.random(self.space, self._rng(1)) if self.second is None else self.second
        return self._masked(drawn.levels)

    @cached_property
    def direction(self) -> StateActionTable:
        """A random direction to differentiate along; finite everywhere."""
        return StateActionTable.random(self.space, self._rng(2))

    @cached_property
    def potential(self) -> StateTable:
        """A random number at each prefix, 0 at the root."""
        levels = list(StateTable.random(self.space, self._rng(3)).levels)
        return StateTable.from_levels(self.space, [np.zeros_like(levels[0]), *levels[1:]])

    @cached_property
    def prompt_weights(self) -> FloatArray:
        """A random distribution over the prompts: multiples of 2**-20, which add up to 1 without rounding."""
        weights = self._rng(4).uniform(0.5, 1.5, self.space.n_prompts)
        shares = np.floor(2.0**20 * weights / weights.sum())
        shares[0] += 2.0**20 - shares.sum()
        return np.asarray(shares / 2.0**20)

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.space.n_pairs, purpose])

    def _masked(self, levels: "tuple[FloatArray, ...]") -> StateActionTable:
        pairs = zip(self.live, levels, strict=True)
        return StateActionTable.from_levels(self.space, [np.where(live, level, -np.inf) for live, level in pairs])


@dataclass(frozen=True)
class Scope:
    """Which instances a claim is checked on, and why no others."""

    words: str
    includes: Callable[[Instance], bool]

    def __and__(self, other: "Scope") -> "Scope":
        words = "; ".join(part for part in (self.words, other.words) if part)
        return Scope(words, lambda instance: self.includes(instance) and other.includes(instance))


ANY: Final = Scope("", lambda _: True)
EQUAL_LENGTHS: Final = Scope("responses of one length, without EOS", lambda i: not i.space.has_eos)
WITH_EOS: Final = Scope("responses that end with EOS", lambda i: i.space.has_eos)
FINITE: Final = Scope("every action allowed", lambda i: all(bool(live.all()) for live in i.live))
SMALL: Final = Scope(
    "at most 400 (prefix, action) pairs and 50 steps, since each pair is written out with each response",
    lambda i: i.space.n_pairs <= 400 and i.space.n_depths <= 50,
)

FEW: Final = Scope(
    "at most 100 (prefix, action) pairs, where there is a derivative for each", lambda i: i.space.n_pairs <= 100
)
MODEST: Final = Scope(
    "at most 10,000 (prefix, action) pairs and 50 steps",
    lambda i: i.space.n_pairs <= 10_000 and i.space.n_depths <= 50,
)


def bare(name: str) -> Instance:
    """Return the instance of a claim about numbers alone, with one response and nothing to choose."""
    return Instance(name, StateActionTable.zeros(SequenceSpace(1, max_length=1)))


def largest_reward(reward: StateActionTable) -> float:
    """Return the size of the largest finite reward."""
    return max(float(np.abs(level[np.isfinite(level)]).max(initial=0.0)) for level in reward.levels)


def of_user(
    reward: StateActionTable, name: str, seed: int = 0, weights: Mapping[float, Fraction] | None = None
) -> list[Instance]:
    """A user's rewards, as they are and at another temperature, so that a lost temperature shows.

    `weights` are the rational weights that they are the logarithms of, where that is known.
    """
    largest = largest_reward(reward)
    limit = np.finfo(np.float64).max / (8.0 * (reward.n_depths + 1))
    if largest > limit:
        raise TabularBellmanError(
            f"{name}: a reward of size {largest:.3g}, over {reward.n_depths} steps, can overflow float64 in the sums "
            f"that the claims compare; the limit is {limit:.3g}. Scale the rewards down."
        )
    known = dict(weights or {})
    return [
        Instance(title, reward, temperature, seed, weights=known)
        for title, temperature in ((name, 1.0), ("at temperature 2", 2.0))
    ]


def built_in(seed: int, effort: Effort = "default") -> Iterator[Instance]:
    """The instances of ``proofs-check run``, small ones first; random numbers from `seed`.

    "quick" leaves out large ones; "thorough" draws from five seeds.
    """
    if effort == "thorough":
        for number in range(seed, seed + 5):
            yield from (replace(instance, name=f"{instance.name} (seed {number})") for instance in built_in(number))
        return
    rng = np.random.default_rng(seed)

    def random(name: str, space: SequenceSpace, scale: float = 1.0, temperature: float = 1.0) -> Instance:
        return Instance(name, StateActionTable.random(space, rng, scale), temperature, seed)

    for V, T in ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3)):
        yield random(f"V={V}, T={T}", SequenceSpace(V, max_length=T))
    yield random("V=2, T=4, no bare EOS, temperature 2", SequenceSpace(2, max_length=4, min_length=2), 2.0, 2.0)
    yield random("V=3, T=3, temperature 0.5", SequenceSpace(3, max_length=3), 1.0, 0.5)
    yield random("two prompts, 3 tokens, fixed length 2", SequenceSpace.fixed_length(3, 2, prompts=["x", "y"]))
    yield random("2 tokens, fixed length 3", SequenceSpace.fixed_length(2, 3))
    yield random("prompts 'a' and 'ab', tokens 'a' and 'b'", SequenceSpace("ab", max_length=3, prompts=["a", "ab"]))
    yield random("V=2, T=4, rewards of size 1e4", SequenceSpace(2, max_length=4), 1e4)
    yield half_forbidden(SequenceSpace(2, max_length=4), rng, seed)
    yield half_forbidden(SequenceSpace(3, max_length=6), rng, seed)
    if effort == "quick":
        return
    yield random("V=1, T=200", SequenceSpace(1, max_length=200))
    yield random("V=3, T=8, two prompts", SequenceSpace(3, max_length=8, prompts=["x", "y"]))
    yield random("8 tokens, fixed length 4", SequenceSpace.fixed_length(8, 4))
    yield Instance("balanced brackets, up to 12", brackets_reward(), seed=seed)
    yield random("4 tokens, fixed length 8", SequenceSpace.fixed_length(4, 8))


def half_forbidden(space: SequenceSpace, rng: np.random.Generator, seed: int = 0) -> Instance:
    """Random rewards of which half are -inf, with dead and unreachable prefixes among them, and live roots."""
    name = f"V={space.n_tokens}, T={space.max_length}, half of the actions forbidden"
    while True:
        levels = [
            np.where(rng.random(level.shape) < 0.5, -np.inf, level)
            for level in StateActionTable.random(space, rng).levels
        ]
        instance = Instance(name, StateActionTable.from_levels(space, levels), seed=seed)
        if instance.live[0].any(axis=0).all():
            return instance


def adversarial(seed: int) -> Iterator[Instance]:
    """Rational weights that floats cannot tell apart, and some that they can hardly hold."""
    space, rng = SequenceSpace(2, max_length=3), np.random.default_rng(seed)
    n = space.n_pairs
    near_one = [1 + Fraction(k, 10**20) for k in rng.permutation(range(1, n + 1)).tolist()]
    far_apart = [Fraction(10) ** k for k in rng.permutation(range(-15 * (n // 2), 15 * (n - n // 2), 15)).tolist()]
    yield of_weights("weights 1 + k·1e-20", space, near_one, seed)
    yield of_weights("weights from 1e-90 to 1e90", space, far_apart, seed)


def with_roots(seed: int) -> Iterator[Instance]:
    """Where more mistakes have a rational result: averages over lengths, and wrong temperatures."""
    drawn = StateActionTable.random(SequenceSpace(2, max_length=3), seed)
    yield Instance("weights that are 12th powers", drawn, seed=seed, roots=12)
    for T in (2, 3):
        nothing = StateActionTable.zeros(SequenceSpace(3, max_length=T))
        yield Instance(f"V=3, T={T}, no rewards, temperature 2", nothing, 2.0, seed)


def of_weights(name: str, space: SequenceSpace, weights: Sequence[Fraction], seed: int = 0) -> Instance:
    """Return an instance whose rewards are the logarithms of rational weights, in the order of ``to_vector()``.

    Where two different weights have one float for a logarithm, the floats are moved apart by their last digits, so
    that each stands for its own.
    """
    of, known = logarithms(weights)
    reward = StateActionTable.from_vector(space, np.array([of[weight] for weight in weights]))
    return Instance(name, reward, seed=seed, weights=known)


def logarithms(weights: Iterable[Fraction]) -> tuple[dict[Fraction, float], dict[float, Fraction]]:
    """Return the float that stands for the logarithm of each weight, and the weight that each of these stands for."""
    of: dict[Fraction, float] = {Fraction(0): -np.inf, Fraction(1): 0.0}
    known: dict[float, Fraction] = {}
    for weight in weights:
        if weight not in of:
            x = _log(weight)
            while x in known or x == 0.0:
                x = float(np.nextafter(x, np.inf))
            known[x], of[weight] = weight, x
    return of, known


def _log(weight: Fraction) -> float:
    if abs(weight - 1) < Fraction(1, 2):
        return math.log1p(weight - 1)
    return math.log(weight.numerator) - math.log(weight.denominator)


def sizes(seed: int) -> Iterator[Instance]:
    """The sizes at which identities are proved: every reward of these is a symbol."""
    spaces = [SequenceSpace(V, max_length=T) for V, T in ((2, 2), (2, 3), (3, 3), (2, 4), (3, 4), (4, 4))]
    for space in spaces:
        yield Instance(f"({space.n_tokens},{space.max_length})", StateActionTable.random(space, seed), seed=seed)
    two = SequenceSpace(2, max_length=3, prompts=["x", "y"])
    yield Instance("(2,3) for 2 prompts", StateActionTable.random(two, seed), seed=seed)
    fixed = SequenceSpace.fixed_length(2, 3)
    yield Instance("(2,3) of fixed length", StateActionTable.random(fixed, seed), seed=seed)
    all_allowed = StateActionTable.random(SequenceSpace(2, max_length=3), seed)
    yield Instance("(2,3) at temperature 2", all_allowed, 2.0, seed)
    levels = [level.copy() for level in all_allowed.levels]
    levels[0][2], levels[1][1, 0], levels[2][0, 3] = -np.inf, -np.inf, -np.inf
    forbidden = StateActionTable.from_levels(all_allowed.space, levels)
    yield Instance("(2,3) with forbidden actions", forbidden, seed=seed)
