"""Mistakes in the soft Bellman map, and its inverse, with a temperature, a discount and a reference measure."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np

from proofs_check import reals
from proofs_check.mistakes.common import Array, Kit, registered, wrong_backward
from proofs_check.toolkit import Levels
from tabular_bellman.space import SequenceSpace

__all__ = ["REGULARISED", "REGULARISED_INVERSE"]

Measure: TypeAlias = Levels | None


def _discount_ignored(
    kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    return kit.regularised(space, rewards, temperature, 1.0, reference)


def _discount_on_reward(
    kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    def discounted(t: int, r: Array) -> Array:
        n = 0 if space.has_eos and t + 1 == space.n_depths else space.n_tokens  # at the last step there is only EOS
        return kit.system.stack([kit.system.power(r[:n], discount), r[n:]])

    rewards = [discounted(t, level) for t, level in enumerate(rewards)]
    return kit.regularised(space, rewards, temperature, discount, reference)


def _discount_on_every_reward(
    kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    discounted = [kit.system.power(r, discount) for r in rewards]
    return kit.regularised(space, discounted, temperature, discount, reference)


def _measure_ignored(
    kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    return kit.regularised(space, rewards, temperature, discount, None)


def _measure_in_logits(
    kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    logits, values = kit.regularised(space, rewards, temperature, discount, reference)
    if reference is None:
        return logits, values
    pairs = zip(logits, reference, strict=True)
    return [kit.system.multiply(q, kit.system.power(ref, temperature)) for q, ref in pairs], values


def _measure_tempered(
    kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    tempered = None if reference is None else [kit.system.power(ref, 1.0 / temperature) for ref in reference]
    return kit.regularised(space, rewards, temperature, discount, tempered)


def _with_values(
    kit: Kit, space: SequenceSpace, rewards: Levels, discount: float, total: Callable[[int, Array], Array]
) -> Any:
    def children(_: int, values: Array) -> Array:
        return kit.system.power(values, discount).reshape(space.n_tokens, -1)

    return wrong_backward(kit, space, rewards, 1.0, total=total, children=children)


def _lost_temperature(
    kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    def total(t: int, q: Array) -> Array:
        scaled = kit.system.power(q, 1.0 / temperature)
        return kit.system.sum(scaled if reference is None else kit.system.multiply(scaled, reference[t]))

    return _with_values(kit, space, rewards, discount, total)


def _hard_max(
    kit: Kit, space: SequenceSpace, rewards: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    def total(t: int, q: Array) -> Array:
        allowed = q if reference is None else np.where(kit.system.is_zero(reference[t]), reference[t], q)
        return reals.largest(allowed, 0)

    return _with_values(kit, space, rewards, discount, total)


REGULARISED: Final = registered(
    "regularised",
    ("discount-ignored", "γ is taken for 1", _discount_ignored),
    ("discount-on-reward", "q = γ (r + V(child)): the reward of a token is discounted too", _discount_on_reward),
    ("discount-on-every-reward", "q = γ (r + V(child)), EOS included", _discount_on_every_reward),
    ("measure-ignored", "V = τ log Σ exp(q/τ), without the reference measure", _measure_ignored),
    ("measure-in-logits", "τ log π_ref is added to the logits that are returned as well", _measure_in_logits),
    ("measure-tempered", "V = τ log Σ exp((q + log π_ref)/τ): τ divides log π_ref too", _measure_tempered),
    ("regularised-lost-temperature", "V = log Σ π_ref exp(q/τ) lacks its factor τ", _lost_temperature),
    ("regularised-hard-max", "V is the largest logit that the reference measure allows", _hard_max),
)


def _inverse_discount_ignored(
    kit: Kit, space: SequenceSpace, logits: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    return kit.regularised_inverse(space, logits, temperature, 1.0, reference)


def _inverse_measure_ignored(
    kit: Kit, space: SequenceSpace, logits: Levels, temperature: float, discount: float, reference: Measure
) -> Any:
    return kit.regularised_inverse(space, logits, temperature, discount, None)


REGULARISED_INVERSE: Final = registered(
    "regularised_inverse",
    ("inverse-discount-ignored", "subtracts V(child), not γ V(child)", _inverse_discount_ignored),
    ("inverse-measure-ignored", "subtracts values without the reference measure", _inverse_measure_ignored),
)
