"""What the registry is made of: helpers that write a wrong variant down in one line."""

from collections.abc import Callable
from typing import Any, TypeAlias

from proofs_check.claim import Mistake
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman.enumeration import completions, reading_order
from tabular_bellman.extended import FloatArray
from tabular_bellman.space import SequenceSpace

__all__ = ["Array", "Kit", "log_policy", "registered", "scaled", "soft_value", "soft_values", "totals"]

Kit: TypeAlias = Toolkit[FloatArray]
Array: TypeAlias = FloatArray


def registered(replaces: str, *rows: tuple[str, str, Callable[..., Any]]) -> tuple[Mistake, ...]:
    """Return mistakes in one function of the toolkit: (name, what is wrong, the wrong function)."""
    return tuple(Mistake(name, summary, replaces, wrong) for name, summary, wrong in rows)


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
