"""How far apart in KL two models can be on any tree, and the pairs that get there, or as near as one likes."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.extremal import sharp_odds
from proofs_check.instances import Instance
from proofs_check.toolkit import Toolkit
from tabular_bellman import SequenceSpace, StateActionTable
from tabular_bellman.extended import FloatArray

__all__ = ["NEAR", "RARE", "furthest_logits", "furthest_rewards", "gain", "live_without", "losses", "most_unshared"]

Mask = NDArray[np.bool_]
Step = Callable[[Any, Any, Any], Any]

NEAR: Final = 1e-9
"""As near as this comes to a supremum that is approached and not attained, what has log-odds of `-RARE`."""

RARE: Final = 40.0

# Values nearer than this are one: of two prefixes with the same below them.
_TIE: Final = 1e-12


def live_without(space: SequenceSpace, *forbidden: tuple[tuple[int, ...], Any]) -> list[Mask]:
    """Return which pairs are on the way to a response, where these are forbidden."""
    values: dict[Any, float] = {(None, prefix, action): -np.inf for prefix, action in forbidden}
    return Instance("", StateActionTable.from_dict(space, values, default=0.0)).live


def gain(epsilon: Any, future: Any) -> Any:
    """Return max_P [KL of one step + P·δ]: u (1 - v) + log v, u = (2ε + δ)/(1 - e^(-2ε)), v = max(1/u, e^(-2ε)).

    1 - v = P (1 - e^(-2ε)): where 1/u is below e^(-2ε), P would be above 1.
    """
    minus = reals.exp(-2.0 * epsilon)
    u = (2.0 * epsilon + future) / (1.0 - minus)
    v = reals.maximum(1.0 / u, minus)
    return u * (1.0 - v) + reals.log(v)


def _best(epsilon: Any, first: Any, second: Any) -> Any:
    return second + gain(epsilon, first - second)


def losses(
    kit: Toolkit[Any], space: SequenceSpace, live: Sequence[Mask], epsilon: Any, step: Step = _best
) -> list[tuple[Any, Any, Any]]:
    """Return (what is lost at most from each prefix on, the values that its actions lead to, the second of these).

    `epsilon` is a number for each prompt; `step` takes it with the largest two of the values.
    """
    V, P = space.n_tokens, space.n_prompts
    levels: list[tuple[Any, Any, Any]] = []
    for t in reversed(range(space.n_depths)):
        after = kit.number(np.zeros(live[t].shape))
        if levels:
            below = levels[-1][0].reshape((V, live[t].shape[1]))
            after = reals.where(live[t], reals.concatenate([below, after[V:]]), after)
        first, second = after[0], kit.number(np.zeros(live[t].shape[1]))
        for value in (after[row] for row in range(1, len(live[t]))):
            # The smaller of two, without telling which one it is.
            second = reals.maximum(second, -reals.maximum(-first, -value))
            first = reals.maximum(first, value)
        own = epsilon[np.tile(np.arange(P), live[t].shape[1] // P)]
        levels.append((reals.where(live[t].sum(axis=0) > 1, step(own, first, second), first), after, second))
    return levels[::-1]


def furthest_logits(
    kit: Toolkit[Any], space: SequenceSpace, live: Sequence[Mask], epsilon: float, rare: float = 40.0
) -> tuple[list[Any], list[Any]]:
    """Return logits f and g, ε apart, whose KL is the supremum over all such pairs, but for what is `rare`.

    At each prefix the action with the most to come has f - g = +ε, those next to it have -ε, and their chances are the
    best.  The rest, and what had better have no chance, has a log-odds of -rare.
    """
    f, g = [], []
    for (_, after, second), allowed in zip(
        losses(kit, space, live, kit.number(np.full(space.n_prompts, epsilon))), live, strict=True
    ):
        columns, values, least = np.arange(allowed.shape[1]), reals.value(after), reals.value(second)
        best = np.where(allowed, values, -1.0).argmax(axis=0)
        is_best = np.zeros(allowed.shape, dtype=np.bool_)
        is_best[best, columns] = True
        is_next = allowed & ~is_best & (values >= least - _TIE)
        ahead = values[best, columns] - least
        certain = ahead >= np.expm1(2.0 * epsilon) - 2.0 * epsilon
        one_of_two = (allowed.sum(axis=0) > 1) & ~certain
        nothing = kit.number(np.zeros(len(columns)))
        odds = sharp_odds(kit, epsilon, reals.where(one_of_two, after[best, columns] - second, nothing))
        several = reals.log(kit.number(np.maximum(is_next.sum(axis=0), 1.0)))
        mine = reals.where(is_best, reals.where(certain, kit.number(np.full(len(columns), rare)), odds + several), 0.0)
        mine = reals.where(is_best | is_next, mine, kit.number(np.full(allowed.shape, -rare)))
        forbidden = kit.lift(np.where(allowed, 0.0, -np.inf))
        signs = np.where(is_next, -1.0, 1.0)
        f.append(kit.system.multiply(kit.carrier(mine), forbidden))
        g.append(kit.system.multiply(kit.carrier(mine - epsilon * signs), forbidden))
    return f, g


def most_unshared(space: SequenceSpace, live: Sequence[Mask]) -> NDArray[np.int_]:
    """Return, for each prompt, the largest number of pairs that one of two responses goes through and not the other."""
    V, P = space.n_tokens, space.n_prompts
    heights = spreads = np.zeros(0, dtype=np.int_)
    for t in reversed(range(space.n_depths)):
        lengths, widest = np.ones(live[t].shape, dtype=np.int_), np.zeros(live[t].shape, dtype=np.int_)
        if heights.size:
            lengths[:V] += heights.reshape(V, -1)
            widest[:V] = spreads.reshape(V, -1)
        ordered = np.sort(np.where(live[t], lengths, 0), axis=0)
        two = ordered[-2] if len(ordered) > 1 else np.zeros_like(ordered[-1])
        heights = ordered[-1]
        spreads = np.maximum(np.where(live[t], widest, 0).max(axis=0), np.where(two > 0, heights + two, 0))
    return spreads.reshape(P)


def furthest_rewards(
    space: SequenceSpace, live: Sequence[Mask]
) -> tuple[list[FloatArray], list[FloatArray], tuple[int, int, int]]:
    """Return, of the two allowed responses to a single prompt that share least, (sides, leaving, the first choice).

    `sides` is 1 along the one and -1 along the other where they do not share, 0 elsewhere; `leaving` is 1 where a
    response leaves both; the first choice is the (depth, row, index) at which the one turns from the other.
    """
    paths = []
    for response in space.responses():
        places = [(*space.prefix_index(response[:t]), space.action_index(t, a)) for t, a in enumerate(response)]
        if all(live[t][row, index] for t, index, row in places):
            paths.append(places)
    one, other = max(combinations(paths, 2), key=lambda two: len(set(two[0]) ^ set(two[1])))
    sides = [np.zeros(level.shape) for level in live]
    leaving = [np.ones(level.shape) for level in live]
    for sign, path, against in ((1.0, one, other), (-1.0, other, one)):
        for t, index, row in path:
            leaving[t][row, index] = 0.0
            sides[t][row, index] = 0.0 if (t, index, row) in against else sign
    t, index, row = next(place for place in one if place not in other)
    return sides, leaving, (t, row, index)
