"""Two tables of logits compared prefix by prefix, and the pairs that are as far apart in KL as their logits allow."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.instances import Instance
from proofs_check.library import LIBRARY
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace, StateActionTable, inverse_soft_bellman
from tabular_bellman.extended import FloatArray

__all__ = [
    "LEAST",
    "attaining",
    "close_pairs",
    "differences",
    "distances",
    "expected",
    "kappa_of",
    "largest",
    "sharp_odds",
    "spans",
    "step_kls",
]

Mask = NDArray[np.bool_]

# κ grows with ε, so a bound with this for a smaller ε is true too; nearer to 0 the formula for κ loses its digits.
LEAST: Final = 2.0**-16


# -- comparing ---------------------------------------------------------------------------------------------------------


def differences(kit: Toolkit[Any], live: Sequence[Mask], f: Levels, g: Levels) -> list[Any]:
    """Return f - g, where what is not live repeats a live difference of its prefix (or is 0 where none is)."""
    levels = []
    for allowed, mine, theirs in zip(live, f, g, strict=True):
        raw = reals.where(allowed, kit.log(kit.system.divide(mine, theirs)), kit.number(np.zeros(allowed.shape)))
        repeated = raw[allowed.argmax(axis=0), np.arange(allowed.shape[1])]
        levels.append(reals.where(allowed, raw, repeated))
    return levels


def distances(kit: Toolkit[Any], live: Sequence[Mask], f: Levels, g: Levels) -> list[Any]:
    """Return max_a |f - g| at each prefix."""
    return [reals.largest(abs(h), 0) for h in differences(kit, live, f, g)]


def spans(kit: Toolkit[Any], live: Sequence[Mask], f: Levels, g: Levels) -> list[Any]:
    """Return max_a (f - g) - min_a (f - g) at each prefix; exactly 0 where there is one action."""
    return [
        reals.where(
            allowed.sum(axis=0) > 1, reals.largest(h, 0) - reals.smallest(h, 0), kit.number(np.zeros(allowed.shape[1]))
        )
        for allowed, h in zip(live, differences(kit, live, f, g), strict=True)
    ]


def step_kls(kit: Toolkit[Any], space: SequenceSpace, f: Levels, g: Levels) -> list[Any]:
    """Return KL(softmax f ‖ softmax g) at each prefix."""
    steps = zip(kit.policy(space, f), kit.policy(space, g), strict=True)
    return [expectation(kit, mine, kit.log(kit.system.divide(mine, theirs))) for mine, theirs in steps]


def kappa_of(kit: Toolkit[Any], epsilon: Any) -> Any:
    """Return κ(ε), of ε that may be 0."""
    return kit.kappa(reals.maximum(epsilon, kit.number(LEAST)))


def largest(space: SequenceSpace, levels: Sequence[Any]) -> Any:
    """Return the largest number of each prompt, from one for each prefix."""
    return reduce(reals.maximum, [reals.largest(level.reshape((-1, space.n_prompts)), 0) for level in levels])


def expected(kit: Toolkit[Any], space: SequenceSpace, passing: Levels, levels: Sequence[Any]) -> Any:
    """Return the sum over the prefixes of each prompt, weighted by the chance of passing through."""
    total = kit.number(np.zeros(space.n_prompts))
    for chance, level in zip(passing, levels, strict=True):
        total = total + (kit.real(chance) * level).reshape((-1, space.n_prompts)).sum(0)
    return total


# -- the pairs that are furthest apart ---------------------------------------------------------------------------------


def sharp_odds(kit: Toolkit[Any], epsilon: float, below: Any = 0.0) -> Any:
    """Return the log-odds of +ε against -ε at which KL, plus `below` times the chance of +ε, is largest.

    The chance is 1/(1 - e^(-2ε)) - 1/(2ε + below); `below` is what is still to come after +ε.
    """
    distance = kit.number([epsilon])
    minus, total = reals.exp(-2.0 * distance), 2.0 * distance + below
    chance, other = 1.0 / (1.0 - minus) - 1.0 / total, 1.0 / total - minus / (1.0 - minus)
    return reals.chosen(reals.log(chance) - reals.log(other))


def attaining(
    kit: Toolkit[Any], space: SequenceSpace, epsilon: float, eos: float = -20.0
) -> tuple[list[Any], list[Any], list[FloatArray]]:
    """Return logits f and g, ε apart, with KL(softmax f ‖ softmax g) = κ(ε) wherever there are two actions or more.

    The last token has f - g = -ε, everything else +ε; the signs are returned too.  In f EOS has a logit near `eos`,
    relative to the last token.
    """
    V, odds = space.n_tokens, sharp_odds(kit, epsilon)
    f, g, signs = [], [], []
    for t in range(space.n_depths):
        n = space.n_actions(t)
        logits, sign = [kit.number([0.0])] * n, np.ones(n)
        if n > V > 1 or (n > 1 and not space.has_eos) or n == V > 1:
            ends = float(n > V)
            sign[V - 1] = -1.0
            rest = reals.exp(odds) - ends * reals.exp(kit.number([eos]))
            logits[: V - 1] = [reals.chosen(reals.log(rest / (V - 1.0)))] * (V - 1)
            logits[V:] = [reals.chosen(kit.number([eos]))] * (n - V)
        elif n > 1:  # one token, or EOS
            sign[-1], logits[0] = -1.0, odds
        columns = [0] * space.n_prefixes_at(t)
        mine = reals.concatenate(logits).reshape((n, 1))[:, columns]
        signs.append(np.repeat(sign[:, None], len(columns), axis=1))
        f.append(kit.carrier(mine))
        g.append(kit.carrier(mine - epsilon * signs[-1]))
    return f, g, signs


def close_pairs(seed: int, *, energy_based: bool = False) -> Iterator[Instance]:
    """1,000 pairs of tables: half of them random, half nearly as far apart in KL as their logits allow.

    The second kind is a pair of `attaining`, with each number moved by up to 1e-7: KL(σ f‖σ g) at a prefix, and
    the KL of whole responses, are within 1e-6 of κ(ε) and (T-1) κ(ε).  Every other one is turned round, so that the
    reversed divergence is the one that is close.  With `energy_based` the first table is handed over as the rewards
    whose image under M it is.
    """
    rng = np.random.default_rng([seed, 1000])
    for number in range(500):
        space = SequenceSpace(int(rng.integers(1, 4)), max_length=int(rng.integers(1, 4)))
        first, second = (StateActionTable.random(space, rng, scale) for scale in (3.0, rng.uniform(0.1, 3.0)))
        handed = inverse_soft_bellman(first) if energy_based else first
        yield Instance(f"random pair {number}", handed, second=second, seed=seed)
    for number in range(500):
        space = SequenceSpace(2, max_length=int(rng.integers(2, 4)))
        epsilon = float(rng.uniform(0.1, 8.0))
        f, g, _ = attaining(LIBRARY, space, epsilon, eos=-25.0)
        pair = [
            StateActionTable.from_levels(space, [level + rng.uniform(-1e-7, 1e-7, level.shape) for level in levels])
            for levels in ((f, g) if number % 2 else (g, f))
        ]
        handed = inverse_soft_bellman(pair[0]) if energy_based else pair[0]
        yield Instance(f"near-tight pair {number}, distance {epsilon:.3g}", handed, second=pair[1], seed=seed)
