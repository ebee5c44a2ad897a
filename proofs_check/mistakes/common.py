"""What the registry is made of: helpers that write a wrong variant down in one line."""

from collections.abc import Callable
from typing import Any, TypeAlias

from proofs_check.claim import Mistake
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman.enumeration import completions, reading_order
from tabular_bellman.space import SequenceSpace

__all__ = [
    "Array",
    "Kit",
    "log_policy",
    "registered",
    "scaled",
    "soft_value",
    "soft_values",
    "totals",
    "without",
    "wrong_backward",
]

# Of any numbers: floats, or numbers that do not round.
Kit: TypeAlias = Toolkit[Any]
Array: TypeAlias = Any


def registered(replaces: str, *rows: tuple[str, str, Callable[..., Any]]) -> tuple[Mistake, ...]:
    """Return mistakes in one function of the toolkit: (name, what is wrong, the wrong function)."""
    return tuple(Mistake(name, summary, replaces, wrong) for name, summary, wrong in rows)


def without(mistakes: tuple[Mistake, ...], *names: str) -> tuple[Mistake, ...]:
    """Leave out what truly makes no difference to a claim, as a comment there says why."""
    assert set(names) <= {mistake.name for mistake in mistakes}
    return tuple(mistake for mistake in mistakes if mistake.name not in names)


def soft_value(kit: Kit, q: Array, temperature: float) -> Array:
    """Return the right soft value, τ log Σ exp(q/τ)."""
    return kit.system.power(kit.system.sum(kit.system.power(q, 1.0 / temperature)), temperature)


def soft_values(kit: Kit, logits: Levels, temperature: float) -> list[Array]:
    """Return the right soft values of all depths."""
    return [soft_value(kit, q, temperature) for q in logits]


def totals(kit: Kit, space: SequenceSpace, steps: Levels) -> Array:
    """Return the right total of each response."""
    found: Array = completions(space, kit.system, steps)[reading_order(space)]
    return found


def scaled(kit: Kit, rewards: Levels, temperature: float) -> list[Array]:
    """Return rewards divided by the temperature."""
    return [kit.system.power(level, 1.0 / temperature) for level in rewards]


def log_policy(kit: Kit, logits: Levels) -> list[Array]:
    """Return the right log-softmax at each prefix."""
    return [kit.system.normalise(q) for q in logits]


def wrong_backward(
    kit: Kit,
    space: SequenceSpace,
    rewards: Levels,
    temperature: float,
    *,
    total: Callable[[int, Array], Array] | None = None,
    children: Callable[[int, Array], Array] | None = None,
    eos: Callable[[int, Array, Array], Array] | None = None,
) -> tuple[list[Array], list[Array]]:
    """Return logits and values by the recursion with one thing wrong.

    `total` turns the logits of depth t into values, `children` the values of depth t+1 into what the tokens of depth
    t lead to, `eos` the reward of EOS at depth t and those values into its logit.
    """
    system, V = kit.system, space.n_tokens

    logits: list[Array] = []
    values: list[Array] = []
    for t in reversed(range(space.n_depths)):
        q = rewards[t]
        if values:
            below = values[-1].reshape(V, -1) if children is None else children(t, values[-1])
            ends = q[V:] if eos is None or q.shape[0] == V else eos(t, q[V:], below)
            q = system.stack([system.multiply(q[:V], below), ends])
        logits.append(q)
        values.append(soft_value(kit, q, temperature) if total is None else total(t, q))
    return logits[::-1], values[::-1]
