"""Many pairs of models, random ones and ones that leave bounds no room, and whether any bound is broken by one.

The pairs of a batch are the prompts of one space, so that ten thousand are a matter of seconds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from proofs_check.furthest import furthest_logits, furthest_rewards
from proofs_check.instances import Instance
from proofs_check.library import LIBRARY
from proofs_check.report import wrapped
from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    inverse_soft_bellman,
    kl_divergence,
)
from tabular_bellman.bounds import (
    free_steps_bound,
    kappa,
    kappa_bound,
    lemma_1_bound,
    logit_ball_supremum,
    proposition_3_bound,
    reward_ball_supremum,
    total_variation_bound,
)
from tabular_bellman.divergence import total_variation
from tabular_bellman.extended import FloatArray
from tabular_bellman.pair_bounds import (
    kl_lower_bound,
    max_span_bound,
    perturbation_bound,
    residual_bound,
    span_bound,
)
from tabular_bellman.tokens import plural

__all__ = ["BOUNDS", "Bound", "Found", "Pairs", "as_document", "batches", "lines", "survey"]

# A violation is more than rounding: left > right (1 + RELATIVE) + ABSOLUTE.
RELATIVE: Final = 1e-12
ABSOLUTE: Final = 1e-13
_BATCH: Final = 50
_REVERSED: Final = ", reversed"
# Of smaller bounds a ratio says more about rounding than about them.
_TELLING: Final = 1e-6


@dataclass(frozen=True)
class Pairs:
    """Two tables of logits over one space, of which each prompt is a pair of models; KL(p‖q) is of the first."""

    name: str
    first: StateActionTable
    second: StateActionTable

    @property
    def space(self) -> SequenceSpace:
        """The space of both."""
        return self.first.space

    @cached_property
    def p(self) -> AutoregressiveModel:
        """The model of the first."""
        return AutoregressiveModel(self.first)

    @cached_property
    def q(self) -> AutoregressiveModel:
        """The model of the second."""
        return AutoregressiveModel(self.second)

    @cached_property
    def kl(self) -> FloatArray:
        """KL(p‖q), one for each pair."""
        return np.atleast_1d(kl_divergence(self.p, self.q))

    @cached_property
    def variation(self) -> FloatArray:
        """½ Σ |p - q|."""
        return total_variation(self.p, self.q)

    @cached_property
    def rewards(self) -> tuple[StateActionTable, StateActionTable]:
        """M⁻¹ of both."""
        return inverse_soft_bellman(self.first), inverse_soft_bellman(self.second)

    @cached_property
    def epsilon(self) -> FloatArray:
        """max |f - g| of each pair."""
        return _distance(self.first, self.second)

    @cached_property
    def eta(self) -> FloatArray:
        """max |r - r'| of each pair."""
        return _distance(*self.rewards)

    def reversed(self) -> "Pairs":
        """The same pairs, for KL(q‖p)."""
        back = self.name.removesuffix(_REVERSED)
        return Pairs(back if back != self.name else self.name + _REVERSED, self.second, self.first)


def _distance(f: StateActionTable, g: StateActionTable) -> FloatArray:
    P, levels = f.space.n_prompts, zip(f.levels, g.levels, strict=True)
    gaps = [np.abs(np.where(np.isneginf(x), 0.0, x) - np.where(np.isneginf(y), 0.0, y)) for x, y in levels]
    return np.asarray(np.max([gap.max(axis=0).reshape(-1, P).max(axis=0) for gap in gaps], axis=0))


@dataclass(frozen=True)
class Bound:
    """A bound: two sides of which the left is at most the right, for each pair."""

    name: str
    sides: Callable[[Pairs], tuple[Any, Any]]
    applies: Callable[[SequenceSpace], bool] = lambda _: True


def _upper(
    name: str, bound: Callable[[Pairs], Any], applies: Callable[[SequenceSpace], bool] = lambda _: True
) -> Bound:
    return Bound(name, lambda pairs: (pairs.kl, bound(pairs)), applies)


def _one_step(space: SequenceSpace) -> bool:
    return space.n_depths == 1


BOUNDS: Final = (
    _upper("lemma_1_bound", lambda x: lemma_1_bound(x.epsilon), _one_step),
    _upper("kappa", lambda x: kappa(x.epsilon), _one_step),
    _upper("proposition_3_bound", lambda x: proposition_3_bound(x.epsilon, x.space.max_length)),
    _upper("free_steps_bound", lambda x: free_steps_bound(x.epsilon, x.space)),
    _upper("kappa_bound", lambda x: kappa_bound(x.epsilon, x.space)),
    _upper("logit_ball_supremum", lambda x: logit_ball_supremum(x.epsilon, x.first)),
    _upper("reward_ball_supremum", lambda x: reward_ball_supremum(x.eta, x.first)),
    _upper("span_bound", lambda x: span_bound(x.p, x.q)),
    _upper("max_span_bound", lambda x: max_span_bound(x.p, x.q)),
    _upper("residual_bound", lambda x: residual_bound(x.first, x.rewards[1])),
    _upper("perturbation_bound", lambda x: perturbation_bound(*x.rewards)),
    Bound("total_variation_bound", lambda x: (x.variation, total_variation_bound(x.kl))),
    Bound("kl_lower_bound", lambda x: (kl_lower_bound(x.p, x.q), x.kl)),
)


# -- the pairs ---------------------------------------------------------------------------------------------------------


def batches(n: int, seed: int = 0) -> Iterator[Pairs]:
    """Yield `n` pairs in all: at random; ±ε apart; as far apart as logits, or rewards, allow, moved by up to 1e-7."""
    rng, left, number = np.random.default_rng([seed, 7]), n, 0
    kinds = (_random, _signs, _furthest_logits, _random, _furthest_rewards)
    while left > 0:
        size = min(left, _BATCH)
        for pairs in kinds[number % len(kinds)](rng, size):
            yield pairs if rng.random() < 0.5 else pairs.reversed()
        left, number = left - size, number + 1


def _shape(rng: np.random.Generator, n: int) -> SequenceSpace:
    """A small space with a prompt for each of n pairs."""
    prompts = list(range(n))
    V = int(rng.integers(1, 4))
    if V > 1 and rng.random() < 0.3:
        return SequenceSpace.fixed_length(V, int(rng.integers(1, 4)), prompts)
    longest = {1: 7, 2: 5, 3: 4}[V]
    T = int(rng.integers(2, longest + 1))
    return SequenceSpace(V, max_length=T, min_length=int(rng.integers(1, T)), prompts=prompts)


def _masked(rng: np.random.Generator, space: SequenceSpace) -> Instance:
    """What is allowed, in half of the batches less than everything, with some response to each prompt."""
    share = rng.choice([0.0, 0.0, 0.2, 0.4])
    levels = [np.where(rng.random(x.shape) < share, -np.inf, 0.0) for x in StateActionTable.zeros(space).levels]
    alive = Instance("", StateActionTable.from_levels(space, levels)).live[0].any(axis=0)
    whole = [np.where(np.tile(alive, level.shape[1] // alive.size), level, 0.0) for level in levels]
    return Instance("", StateActionTable.from_levels(space, whole))


def _pairs(name: str, space: SequenceSpace, live: Sequence[Any], f: Sequence[Any], g: Sequence[Any]) -> Pairs:
    first, second = (
        StateActionTable.from_levels(
            space, [np.where(allowed, level, -np.inf) for allowed, level in zip(live, levels, strict=True)]
        )
        for levels in (f, g)
    )
    return Pairs(f"{name}; {_words(space)}{'' if all(x.all() for x in live) else ', some forbidden'}", first, second)


def _words(space: SequenceSpace) -> str:
    length = f"T={space.max_length}" if space.has_eos else f"fixed length {space.max_length}"
    return f"V={space.n_tokens}, {length}" + (
        f", from {space.min_length}" if 1 < space.min_length < space.max_length else ""
    )


def _scales(rng: np.random.Generator, space: SequenceSpace, t: int) -> FloatArray:
    """A scale from 0.01 to 100 for each prompt, at each prefix of a depth."""
    drawn = 10.0 ** rng.uniform(-2.0, 2.0, space.n_prompts)
    return np.tile(drawn, space.n_tokens**t)


def _random(rng: np.random.Generator, n: int) -> Iterator[Pairs]:
    space = _shape(rng, n)
    live, f, g = _masked(rng, space).live, [], []
    for t, allowed in enumerate(live):
        f.append(_scales(rng, space, t) * rng.standard_normal(allowed.shape))
        g.append(f[-1] + _scales(rng, space, t) * rng.standard_normal(allowed.shape))
    yield _pairs("random", space, live, f, g)


def _signs(rng: np.random.Generator, n: int) -> Iterator[Pairs]:
    space, f, g = _shape(rng, n), [], []
    live, epsilon = _masked(rng, space).live, 10.0 ** rng.uniform(-2.0, 1.5, n)
    for t, allowed in enumerate(live):
        f.append(rng.uniform(0.1, 3.0) * rng.standard_normal(allowed.shape))
        g.append(f[-1] + np.tile(epsilon, space.n_tokens**t) * rng.choice([-1.0, 1.0], allowed.shape))
    yield _pairs("±ε apart", space, live, f, g)


def _furthest_logits(rng: np.random.Generator, n: int) -> Iterator[Pairs]:
    space = _shape(rng, n)
    live, epsilon = _masked(rng, space).live, 10.0 ** rng.uniform(-2.0, 1.0)
    f, g = furthest_logits(LIBRARY, space, live, float(epsilon), rare=25.0)
    moved = [[level + rng.uniform(-1e-7, 1e-7, level.shape) for level in levels] for levels in (f, g)]
    yield _pairs(f"furthest for logits within {epsilon:.2g}", space, live, *moved)


def _furthest_rewards(rng: np.random.Generator, n: int) -> Iterator[Pairs]:
    # One tree for the whole batch, with another perturbation and another distance for each prompt.
    space = _shape(rng, n)
    one = (
        SequenceSpace(space.n_tokens, max_length=space.max_length, min_length=space.min_length)
        if space.has_eos
        else SequenceSpace.fixed_length(space.n_tokens, space.max_length)
    )
    everything = [np.ones(level.shape, dtype=np.bool_) for level in StateActionTable.zeros(one).levels]
    if one.n_responses == 1:
        yield from _random(rng, n)
        return
    sides, leaving, (depth, row, index) = furthest_rewards(one, everything)
    eta = 10.0 ** rng.uniform(-2.0, 0.5, n)
    half = 0.5 * eta * sum(np.abs(level).sum() for level in sides)
    odds = np.log(1.0 / -np.expm1(-2.0 * half) - 0.5 / half) - np.log(0.5 / half - 1.0 / np.expm1(2.0 * half))
    r, other = [], []
    for t, (side, away) in enumerate(zip(sides, leaving, strict=True)):
        mine = np.repeat(-25.0 * away, n, axis=1)
        if t == depth:
            mine[row, index * n : (index + 1) * n] += odds
        moved = mine + rng.uniform(-1e-7, 1e-7, mine.shape)
        r.append(moved)
        other.append(moved - np.repeat(side, n, axis=1) * np.tile(eta, side.shape[1]))
    logits = (
        EnergyBasedModel(StateActionTable.from_levels(space, levels)).to_autoregressive().logits
        for levels in (r, other)
    )
    yield Pairs(f"furthest for rewards; {_words(space)}", *logits)


# -- the survey --------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """What came of one bound.

    Attributes
    ----------
    bound : str
    pairs : int
        How many pairs it was held against, in both directions.
    violated : int
        In how many of these, either way, the left side was above the right one by more than rounding.
    closest : float
        The largest left side over right side, of bounds above 1e-6.
    where : str
        Which pair this was; the first violated one, if there is one.
    """

    bound: str
    pairs: int = 0
    violated: int = 0
    closest: float = 0.0
    where: str = "-"

    def add(self, number: int, pairs: Pairs, left: FloatArray, right: FloatArray) -> None:
        """Count batch `number`, in one direction."""
        with np.errstate(invalid="ignore", divide="ignore"):
            # Written so that NaN counts as violated.
            broken = ~(left <= right * (1.0 + RELATIVE) + ABSOLUTE)
            telling = np.isfinite(right) & (right > _TELLING)
            ratio = np.where(telling, left / np.where(telling, right, 1.0), 0.0)
        prompt = int(broken.argmax() if broken.any() else ratio.argmax())
        if (broken.any() and not self.violated) or (not self.violated and ratio[prompt] > self.closest):
            self.where = f"{pairs.name} (batch {number}, pair {prompt})"
        self.closest = max(self.closest, float(ratio.max()))
        self.violated += int(broken.sum())


def survey(n: int, seed: int = 0, bounds: Sequence[Bound] = BOUNDS) -> list[Found]:
    """Hold every bound against `n` pairs, in both directions; the same seed draws the same pairs."""
    found = {bound.name: Found(bound.name) for bound in bounds}
    for number, pairs in enumerate(batches(n, seed)):
        for each in (pairs, pairs.reversed()):
            for bound in bounds:
                if bound.applies(each.space):
                    left, right = (np.atleast_1d(side) for side in bound.sides(each))
                    found[bound.name].add(number, each, left, np.broadcast_to(right, left.shape))
        for bound in bounds:
            found[bound.name].pairs += pairs.space.n_prompts if bound.applies(pairs.space) else 0
    return list(found.values())


def as_document(found: Sequence[Found], n: int, seed: int) -> dict[str, Any]:
    """Return what came of it in plain types."""
    judged = {"relative": RELATIVE, "absolute": ABSOLUTE}
    return {"schema_version": 1, "pairs": n, "seed": seed, "rounding": judged, "bounds": [asdict(x) for x in found]}


def lines(found: Sequence[Found], n: int, seed: int) -> Iterator[str]:
    """Yield a line for each bound."""
    yield f"{plural(n, 'pair')} of models (seed {seed}), in both directions"
    yield ""
    yield "bound                     pairs  violated  closest  where"
    for each in found:
        # Cut, not rounded: what is not met is not shown as 1.
        closest = np.floor(1e6 * min(each.closest, 1e6)) / 1e6
        shown = f"{closest:.6f}" if each.pairs else "-"
        where = each.where if each.violated else each.where.partition(" (batch")[0]
        row = f"{each.bound:22}{each.pairs:9,}{each.violated:10,}{shown:>9}  {where}"
        yield from wrapped(row, hanging=" " * 52)
    yield ""
    yield from wrapped(
        f"violated: left > right (1 + {RELATIVE:.0e}) + {ABSOLUTE:.0e}. closest: the largest left/right; of the lower "
        "bound, bound over KL; of total variation, distance over bound.",
        hanging="",
    )
