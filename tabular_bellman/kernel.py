"""The fast float64 path of the backward recursion.

It computes what the generic recursion computes over `LogFloat`, with less work: where the range of a level is safe,
log Σ exp needs no shift by the maximum, which saves two passes.  `proofs_check` holds the two to each other.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, logsumexp
from tabular_bellman.space import SequenceSpace

__all__ = ["backward"]

_SAFE_RANGE: Final = 600.0  # exp(±600), and 2**20 times that, are normal numbers


def backward(
    space: SequenceSpace,
    rewards: Sequence[FloatArray],
    temperature: float = 1.0,
    discount: float = 1.0,
    log_reference: Sequence[FloatArray] | None = None,
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Return (logits, values), level by level: eq. (6) with a temperature, a discount and a reference measure."""
    logits: list[FloatArray] = []
    values: list[FloatArray] = []
    for t in reversed(range(space.n_depths)):
        q = rewards[t].copy()
        try:
            with np.errstate(over="raise"):
                if values:
                    children = values[-1].reshape(space.n_tokens, -1)
                    q[: space.n_tokens] += children if discount == 1.0 else discount * children
                x = q if temperature == 1.0 else q / temperature
                if log_reference is not None:
                    x = x + log_reference[t]
                v = _log_sum_exp(x)
                logits.append(q)
                values.append(v if temperature == 1.0 else temperature * v)
        except FloatingPointError:
            sizes = np.abs(_finite(rewards[t])).max(axis=0)
            raise TabularBellmanError(
                f"the rewards overflow float64 at {space.where(t, int(sizes.argmax()))}: they reach {sizes.max():.3g} "
                f"there, at temperature {temperature:g}. Scale the rewards down, or raise the temperature."
            ) from None
    return logits[::-1], values[::-1]


def _log_sum_exp(x: FloatArray) -> FloatArray:
    if x.shape[0] == 1:
        return np.array(x[0])  # one action, as at the last step: exact
    if x.min() > -_SAFE_RANGE and x.max() < _SAFE_RANGE:
        return np.asarray(np.log(np.exp(x).sum(axis=0)))
    return logsumexp(x)


def _finite(x: FloatArray) -> FloatArray:
    return np.where(np.isneginf(x), 0.0, x)
