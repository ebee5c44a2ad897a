"""The maps over flat levels: M, its inverse, policies, chances of passing, log-probabilities, root values, KL.

Each computes what the generic recursion computes over `LogFloat`, block by block; `proofs_check` holds the two to each
other.  Inputs are levels of the right shapes; results are written to `out`, levels of the right shapes that overlap
nothing else, or to new ones.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, kl_terms, logsumexp, subtract, weighted
from tabular_bellman.kernel.blocks import DEFAULT_PLAN, Plan, fold, walk
from tabular_bellman.kernel.sums import EXTREME, add_up, log_softmax, log_sum_exp, softmax_times
from tabular_bellman.space import SequenceSpace

__all__ = [
    "backward",
    "inverse",
    "kl_divergence",
    "log_policy",
    "passing",
    "response_log_probs",
    "root_values",
    "soft_values",
]

Levels = Sequence[FloatArray]


_HOT: Final = 1e285  # temperatures at which a value in the range of exp can be extreme


class _SoftValue:
    """V = τ log Σ π_ref exp(q/τ) over blocks, and whether numbers were met that are so large that sums may overflow."""

    def __init__(self, plan: Plan, temperature: float = 1.0, log_reference: Levels | None = None) -> None:
        self.lowest, self.temperature, self.log_reference = plan.lowest, temperature, log_reference
        self.extreme = False

    def __call__(self, t: int, a: int, b: int, q: FloatArray, out: FloatArray, work: FloatArray) -> None:
        """Write the values of prefixes [a, b) of depth t, whose logits are `q`, to `out` (which may be ``q[0]``)."""
        x = q if self.temperature == 1.0 else q / self.temperature
        reference = None
        if self.log_reference is not None:
            reference = self.log_reference[t][:, a:b]
            x = x + reference
        if len(q) > 1:
            again = log_sum_exp(x, out, work, self.lowest)
            if self.temperature != 1.0:
                out *= self.temperature
                if self.temperature > _HOT:
                    again = np.arange(len(out))
            if again is not None:
                self._look(q, reference, out, again)
        else:  # one action, as at the last step: exact, but for the reference
            out[...] = q[0] if reference is None else self.temperature * x[0]
            if not (np.minimum.reduce(out) > -EXTREME and np.maximum.reduce(out) < EXTREME):
                self._look(q, reference, out, np.flatnonzero(~(np.abs(out) < EXTREME)))

    def _look(self, q: FloatArray, reference: FloatArray | None, values: FloatArray, at: NDArray[np.intp]) -> None:
        forbidden = q[:, at] == -np.inf
        if reference is not None:
            forbidden |= reference[:, at] == -np.inf
        ordinary = (np.abs(values[at]) < EXTREME) | forbidden.all(axis=0)  # False for what is not a number
        self.extreme = self.extreme or not ordinary.all()


def backward(
    space: SequenceSpace,
    rewards: Levels,
    temperature: float = 1.0,
    discount: float = 1.0,
    log_reference: Levels | None = None,
    *,
    out: tuple[Levels, Levels] | None = None,
    plan: Plan = DEFAULT_PLAN,
) -> tuple[Levels, Levels]:
    """Return (logits, values), level by level: eq. (6) with a temperature, a discount and a reference measure."""
    V, last = space.n_tokens, len(rewards) - 1
    if out is None:
        pairs, states = _new_pairs(rewards), _new_prefixes(rewards)
        if len(pairs[-1]) == 1 and log_reference is None:
            states[-1] = pairs[-1][0]  # one action: the same numbers
        out = pairs, states
    logits, values = out
    soft_value = _SoftValue(plan, temperature, log_reference)

    def step(t: int, a: int, b: int, work: FloatArray) -> None:
        r, q, n = rewards[t], logits[t], rewards[t].shape[1]
        whole = b - a == n
        if not whole:
            r, q = r[:, a:b], q[:, a:b]
        if t == last:
            q[...] = r
        else:
            children = values[t + 1].reshape(V, n)
            if not whole:
                children = children[:, a:b]
            if discount != 1.0:
                children = np.multiply(children, discount, out=work[: children.size].reshape(children.shape))
            np.add(r[:V], children, out=q[:V])
            if len(r) > V:
                q[V] = r[V]
        soft_value(t, a, b, q, values[t] if whole else values[t][a:b], work)

    walk(rewards, step, order="up", plan=plan)
    if soft_value.extreme:
        _refuse_overflow(space, rewards, temperature, discount, log_reference)
    return logits, values


def inverse(
    space: SequenceSpace,
    logits: Levels,
    temperature: float = 1.0,
    discount: float = 1.0,
    log_reference: Levels | None = None,
    *,
    out: Levels | None = None,
    plan: Plan = DEFAULT_PLAN,
) -> tuple[Levels, bool]:
    """Return the rewards, level by level, and whether there are dead prefixes (where the caller must look closer)."""
    V, last = space.n_tokens, len(logits) - 1
    rewards = _new_pairs(logits) if out is None else out
    soft_value = _SoftValue(plan, temperature, log_reference)
    dead = False

    def step(t: int, a: int, b: int, work: FloatArray) -> None:
        nonlocal dead
        q = logits[t][:, a:b]
        kept = 0 if t == last else V
        rewards[t][kept:, a:b] = q[kept:]
        if not t:
            return
        values = work[q.size : q.size + b - a]
        soft_value(t, a, b, q, values, work)
        if discount != 1.0:
            values *= discount
        # The logits of the steps to these prefixes, in their order.
        before = logits[t - 1][:V].reshape(-1)[a:b]
        below = rewards[t - 1][:V].reshape(-1)[a:b]
        if np.minimum.reduce(values) == -np.inf:
            dead = True
            below[...] = subtract(before, values)
        else:
            np.subtract(before, values, out=below)

    walk(logits, step, order="down", plan=plan)
    if soft_value.extreme:
        _refuse_overflow_of_inverse(logits, V, temperature, discount, log_reference)
    return rewards, dead


def soft_values(logits: Levels, *, out: Levels | None = None, plan: Plan = DEFAULT_PLAN) -> Levels:
    """Return V_q(s) = log Σ_a exp q(s, a), level by level."""
    values = _new_prefixes(logits) if out is None else out
    soft_value = _SoftValue(plan)

    def step(t: int, a: int, b: int, work: FloatArray) -> None:
        soft_value(t, a, b, logits[t][:, a:b], values[t][a:b], work)

    walk(logits, step, order="down", plan=plan)
    return values


def log_policy(logits: Levels, *, out: Levels | None = None, plan: Plan = DEFAULT_PLAN) -> Levels:
    """Return log π = q - V_q, level by level; -inf throughout where everything is forbidden."""
    levels = _new_pairs(logits) if out is None else out

    def step(t: int, a: int, b: int, work: FloatArray) -> None:
        q = logits[t][:, a:b]
        log_softmax(q, levels[t][:, a:b], work)

    walk(logits, step, order="down", plan=plan)
    return levels


def passing(space: SequenceSpace, logits: Levels, *, out: Levels | None = None, plan: Plan = DEFAULT_PLAN) -> Levels:
    """Return the chance of passing through each prefix, level by level: ρ(s⊕a) = ρ(s) π(a|s)."""
    V, last = space.n_tokens, len(logits) - 1
    levels = _new_prefixes(logits) if out is None else out
    levels[0][...] = 1.0

    def step(t: int, a: int, b: int, work: FloatArray) -> None:
        if t == last:
            return
        q = logits[t][:, a:b]
        after = levels[t + 1].reshape(V, -1)[:, a:b]
        softmax_times(q, levels[t][a:b], after, work, plan.lowest)

    walk(logits, step, order="down", plan=plan)
    return levels


def response_log_probs(
    space: SequenceSpace, logits: Levels, *, out: Levels | None = None, plan: Plan = DEFAULT_PLAN
) -> Levels:
    """Return log p of what ends at each depth that has responses: shapes (P·V**t,); (V, P·V**t) at a fixed length."""
    V, last = space.n_tokens, len(logits) - 1
    first = space.min_length - 1 if space.has_eos else last
    if out is None:
        out = _new_prefixes(logits[first:]) if space.has_eos else _new_pairs(logits[first:])
    ends = out
    # What passes through a prefix is kept where what ends there goes.
    so_far = _new_prefixes(logits[:first])
    so_far += ends if space.has_eos else _new_prefixes(logits[last:])
    so_far[0][...] = 0.0

    def step(t: int, a: int, b: int, work: FloatArray) -> None:
        q, here = logits[t][:, a:b], so_far[t][a:b]
        if t == last and space.has_eos:  # the forced EOS changes nothing, unless it is forbidden
            if np.minimum.reduce(q[0]) == -np.inf:
                here[q[0] == -np.inf] = -np.inf
            return
        steps = work[: q.size].reshape(q.shape)
        log_softmax(q, steps, work[q.size :])
        if t == last:
            np.add(steps, here, out=ends[0][:, a:b])
            return
        np.add(steps[:V], here, out=so_far[t + 1].reshape(V, -1)[:, a:b])
        if len(q) > V:
            np.add(steps[V], here, out=here)

    walk(logits, step, order="down", plan=plan, blocks=2)
    return ends


def root_values(
    space: SequenceSpace,
    rewards: Levels,
    temperature: float = 1.0,
    log_reference: Levels | None = None,
    *,
    plan: Plan = DEFAULT_PLAN,
) -> FloatArray:
    """Return the soft values of the roots, and store no others."""
    V = space.n_tokens
    soft_value = _SoftValue(plan, temperature, log_reference)

    def combine(t: int, a: int, b: int, below: FloatArray | None, out: FloatArray, work: FloatArray) -> None:
        q = rewards[t][:, a:b]
        if below is not None:
            r, q = q, work[: q.size].reshape(q.shape)
            np.add(r[:V], below, out=q[:V])
            q[V:] = r[V:]
        soft_value(t, a, b, q, out, work[q.size :])

    values = fold(rewards, combine, plan=replace(plan, block=max(1, plan.block // 2)), blocks=2)
    if soft_value.extreme:
        _refuse_overflow(space, rewards, temperature, 1.0, log_reference)
    return values


def kl_divergence(space: SequenceSpace, logits: Levels, others: Levels, *, plan: Plan = DEFAULT_PLAN) -> FloatArray:
    """Return KL(p‖q) over whole responses by the chain rule of Appendix A.4, and store nothing else.

    K(s) = KL(π_p‖π_q) at s + Σ_a π_p(a|s) K(s⊕a), in which no term is negative.
    """
    V = space.n_tokens

    def combine(t: int, a: int, b: int, below: FloatArray | None, out: FloatArray, work: FloatArray) -> None:
        x, y = logits[t][:, a:b], others[t][:, a:b]
        if below is None and len(x) == 1 and min(np.minimum.reduce(x[0]), np.minimum.reduce(y[0])) > -np.inf:
            out[...] = 0.0  # the forced EOS
            return
        n, shape = x.size, x.shape
        log_p, log_q, terms = (work[k * n : (k + 1) * n].reshape(shape) for k in range(3))
        log_softmax(x, log_p, work[2 * n :])
        log_softmax(y, log_q, work[2 * n :])
        kl_terms(log_p, log_q, out=terms, work=work[3 * n : 6 * n].reshape(3, *shape))
        if below is not None:
            if np.maximum.reduce(below, axis=None) < np.inf:
                terms[:V] += np.multiply(np.exp(log_p[:V], out=log_p[:V]), below, out=log_q[:V])
            else:
                terms[:V] += weighted(log_p[:V], below)
        add_up(terms, out)

    # It holds several blocks at once, and goes through each many times.
    return fold(logits, combine, plan=replace(plan, block=max(1, plan.block // 8)), blocks=6)


def _new_pairs(like: Levels) -> list[FloatArray]:
    return [np.empty(level.shape) for level in like]


def _new_prefixes(like: Levels) -> list[FloatArray]:
    return [np.empty(level.shape[1]) for level in like]


def _refuse_overflow(
    space: SequenceSpace, rewards: Levels, temperature: float, discount: float, log_reference: Levels | None
) -> None:
    """Go through the recursion again, and refuse the first sum that overflows, or what is no number."""
    values: FloatArray | None = None
    for t in reversed(range(len(rewards))):
        q = rewards[t].copy()
        wrong = np.isnan(q) | np.isposinf(q)
        if wrong.any():
            row, index = (int(i) for i in np.argwhere(wrong)[0])
            raise TabularBellmanError(
                f"the reward is {q[row, index]} at {space.where(t, index, row)}; rewards are finite numbers, and -inf "
                "where something is forbidden."
            )
        try:
            with np.errstate(over="raise"):
                if values is not None:
                    q[: space.n_tokens] += discount * values.reshape(space.n_tokens, -1)
                x = q / temperature
                if log_reference is not None:
                    x = x + log_reference[t]
                values = temperature * logsumexp(x)
        except FloatingPointError:
            sizes = np.abs(_finite(rewards[t])).max(axis=0)
            raise TabularBellmanError(
                f"the rewards overflow float64 at {space.where(t, int(sizes.argmax()))}: they reach {sizes.max():.3g} "
                f"there, at temperature {temperature:g}. Scale the rewards down, or raise the temperature."
            ) from None


def _refuse_overflow_of_inverse(
    logits: Levels, V: int, temperature: float, discount: float, log_reference: Levels | None
) -> None:
    """Compute the inverse again, and refuse a difference that overflows."""
    try:
        with np.errstate(over="raise"):
            for t in range(1, len(logits)):
                x = logits[t] / temperature
                if log_reference is not None:
                    x = x + log_reference[t]
                values = discount * temperature * logsumexp(x)
                subtract(logits[t - 1][:V].reshape(-1), values)
    except FloatingPointError:
        raise TabularBellmanError("the logits overflow float64; scale them down, or raise the temperature.") from None


def _finite(x: FloatArray) -> FloatArray:
    return np.where(np.isneginf(x), 0.0, x)
