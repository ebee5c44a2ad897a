"""Where the nodes of a tree stand: depth to the right, leaves in reading order from top to bottom."""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

__all__ = ["rows"]

Node = TypeVar("Node", bound=Hashable)


def rows(roots: Iterable[Node], children: Callable[[Node], Iterable[Node]]) -> dict[Node, float]:
    """Return the row of each node: leaves 0, 1, 2, …, others half-way between their first and last child.

    Parameters
    ----------
    roots : iterable
        One for each tree; the trees stand one below the other.
    children : callable
        node → its children, in reading order; none for a leaf.

    Returns
    -------
    dict
        Children come before their parents.

    Examples
    --------
    >>> below = {"start": ["a", "b"], "a": ["aa", "ab"]}
    >>> rows(["start"], lambda node: below.get(node, []))
    {'aa': 0.0, 'ab': 1.0, 'a': 0.5, 'b': 2.0, 'start': 1.25}
    """
    found: dict[Node, float] = {}
    leaves = 0
    # A stack of our own: trees over one token are deeper than Python lets functions call each other.
    waiting: list[tuple[Node, list[Node] | None]] = [(root, None) for root in reversed(list(roots))]
    while waiting:
        node, below = waiting.pop()
        if below is None:
            below = list(children(node))
            waiting.append((node, below))
            waiting.extend((child, None) for child in reversed(below))
        elif below:
            found[node] = (found[below[0]] + found[below[-1]]) / 2.0
        else:
            found[node] = float(leaves)
            leaves += 1
    return found
