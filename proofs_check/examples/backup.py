"""A soft backup as it is often written, for ``proofs-check target`` to find out what is wrong with it."""

import math
from typing import TypeAlias

__all__ = ["soft_backup"]

Prefix: TypeAlias = tuple[str, ...]
Table: TypeAlias = dict[tuple[Prefix, str | None], float]


def soft_backup(rewards: Table, temperature: float) -> tuple[Table, dict[Prefix, float]]:
    """Return logits and values; an action is a token, or None for the end.  Three things are wrong with it.

    Examples
    --------
    >>> from proofs_check.testing import check_soft_bellman
    >>> check_soft_bellman(soft_backup, throw=False).mistakes
    ('lost-temperature',)
    """
    logits: Table = {}
    values: dict[Prefix, float] = {}
    for prefix in sorted({prefix for prefix, _ in rewards}, key=len, reverse=True):
        actions = [action for start, action in rewards if start == prefix]
        for a in actions:
            below = 0.0 if a is None else values[(*prefix, a)]
            logits[prefix, a] = rewards[prefix, a] + below
        values[prefix] = math.log(sum(math.exp(logits[prefix, a] / temperature) for a in actions))
    return logits, values
