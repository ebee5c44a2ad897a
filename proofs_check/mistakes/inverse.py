"""Mistakes in its inverse."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.mistakes.common import Array, Kit, registered, soft_values
from proofs_check.toolkit import Levels
from tabular_bellman.space import SequenceSpace

__all__ = ["INVERSE"]


def _inverse(
    kit: Kit, space: SequenceSpace, logits: Levels, children: Callable[[int], Array], rows: int | None = None
) -> list[Array]:
    """Return logits minus `children` of their depth, at the first `rows` actions (the tokens, if not said)."""
    rewards = []
    for t, q in enumerate(logits):
        if t + 1 < space.n_depths:
            n = space.n_tokens if rows is None else min(rows, q.shape[0])
            q = kit.system.stack([kit.system.divide(q[:n], children(t)), q[n:]])
        rewards.append(q)
    return rewards


def _own_value(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    pairs = zip(logits, soft_values(kit, logits, temperature), strict=True)
    return [kit.system.divide(q, value) for q, value in pairs]


def _inverse_hard_max(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    return _inverse(kit, space, logits, lambda t: reals.largest(logits[t + 1], 0).reshape(space.n_tokens, -1))


def _inverse_lost_temperature(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    values = [kit.system.power(v, 1.0 / temperature) for v in soft_values(kit, logits, temperature)]
    return _inverse(kit, space, logits, lambda t: values[t + 1].reshape(space.n_tokens, -1))


def _inverse_prefix_order(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    values = soft_values(kit, logits, temperature)
    return _inverse(kit, space, logits, lambda t: values[t + 1].reshape(-1, space.n_tokens).T)


def _inverse_last_zero(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    rewards = list(kit.inverse(space, logits, temperature))
    last = rewards[-1]
    rewards[-1] = np.where(kit.system.is_zero(last), last, kit.system.ones(last.shape))
    return rewards


def _not_inverted(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    return list(logits)


def _inverse_sign(kit: Kit, space: SequenceSpace, logits: Levels, temperature: float) -> Any:
    values = soft_values(kit, logits, temperature)
    ones = [kit.system.ones(v.shape) for v in values]
    inverted = [
        np.where(kit.system.is_zero(v), v, kit.system.divide(one, v)) for one, v in zip(ones, values, strict=True)
    ]
    return _inverse(kit, space, logits, lambda t: inverted[t + 1].reshape(space.n_tokens, -1))


INVERSE: Final = registered(
    "inverse",
    ("inverse-own-value", "subtracts the value of the prefix itself, as log-softmax does", _own_value),
    ("inverse-hard-max", "subtracts the child's best logit, not its value", _inverse_hard_max),
    ("inverse-lost-temperature", "subtracts V/τ", _inverse_lost_temperature),
    ("inverse-prefix-order", "reads values with the last token fastest", _inverse_prefix_order),
    ("inverse-last-zero", "gives the last step reward 0 (eq. (3))", _inverse_last_zero),
    ("not-inverted", "takes logits for rewards", _not_inverted),
    ("inverse-sign", "r = q + V(child)", _inverse_sign),
)
