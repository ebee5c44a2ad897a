"""The tree that `prefix_tree` draws: which prefixes, ends and stubs there are, and the chance of each."""

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.inputs import number
from tabular_bellman.plotting.canvas import choose_prompt
from tabular_bellman.plotting.layout import rows
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable
from tabular_bellman.tokens import EOS, Prefix, Prompt, count, positive_int

__all__ = ["Kind", "Node", "Tree", "grow", "log_policy_of"]

Kind = Literal["prefix", "dead", "end", "forbidden", "more"]
"""What a node is: "more" stands for what was cut off."""

_STUB: Final = 0.62  # of a column


@dataclass(frozen=True)
class Node:
    """One node of a drawn tree.

    Attributes
    ----------
    number : int
        Its place in ``Tree.nodes``; parents come before their children.
    parent : int
        The number of its parent; -1 for the root.
    kind : {"prefix", "dead", "end", "forbidden", "more"}
        A prefix with a way on; a prefix without one; the end of a response; an action that is forbidden; several
        actions, cut off, drawn as one.
    prefix : tuple
        The prefix that stands here; for an end, a stub or what is cut off, the one that it hangs on.
    action : hashable
        What was written last; None for the root and for what is cut off.
    chance : float
        π(action | parent); of what is cut off, the sum; 1 for the root.
    passing : float
        The chance to come here from the root.
    """

    number: int
    parent: int
    kind: Kind
    prefix: Prefix
    action: Hashable
    chance: float
    passing: float


@dataclass(frozen=True)
class Tree:
    """Nodes, the depth at which each stands (its column, from 0), and its row.

    Attributes
    ----------
    space : SequenceSpace
    prompt : hashable
    nodes : list of Node
    columns, rows : list of float
    """

    space: SequenceSpace
    prompt: Prompt
    nodes: list[Node]
    columns: list[float]
    rows: list[float]

    @cached_property
    def inner(self) -> set[int]:
        """The numbers of the root and of all nodes with children."""
        return {0, *(node.parent for node in self.nodes[1:])}

    def edges(self) -> Iterator[tuple[Node, Node]]:
        """Yield (parent, child)."""
        return ((self.nodes[node.parent], node) for node in self.nodes if node.parent >= 0)


def log_policy_of(model: SequenceModel | StateActionTable) -> StateActionTable:
    """Return log π of a model, or of the softmax of a table."""
    return model.log_softmax() if isinstance(model, StateActionTable) else model.log_policy


def grow(
    model: SequenceModel | StateActionTable,
    prompt: Prompt,
    *,
    forbidden: bool,
    max_depth: int | None,
    min_probability: float,
    max_nodes: int,
) -> Tree:
    """Return the tree of one prompt, cut where it is asked to be; nothing beyond `max_nodes` is looked at.

    Raises
    ------
    TabularBellmanError
        For more than `max_nodes` nodes, and limits that make no sense.
    """
    space, p = model.space, choose_prompt(model.space, prompt)
    deepest = _depth(max_depth, space)
    _check(min_probability, max_nodes)
    growing = _Growing(space, log_policy_of(model), forbidden, min_probability, max_nodes)
    growing.add(Node(0, -1, growing.kind(0, p), (), None, 1.0, 1.0), p)
    while growing.waiting:
        node, index = growing.waiting.popleft()
        # Nobody comes to a dead prefix of a model; of a table one may, and then sees what forbids to go on.
        if node.kind == "prefix" or (forbidden and node.kind == "dead" and node.passing > 0.0):
            growing.below(node, index, cut=len(node.prefix) >= deepest)
    nodes = growing.nodes
    children: list[list[int]] = [[] for _ in nodes]
    for node in nodes[1:]:
        children[node.parent].append(node.number)
    row = rows([0], lambda number: children[number])
    return Tree(
        space=space,
        prompt=space.prompts[p],
        nodes=nodes,
        columns=[_column(node) for node in nodes],
        rows=[row[node.number] for node in nodes],
    )


def _column(node: Node) -> float:
    depth = float(len(node.prefix))
    if node.kind in ("forbidden", "more"):
        return depth + _STUB
    if node.kind == "dead" and node.passing == 0.0 and depth:
        return depth - 1.0 + _STUB
    return depth + 1.0 if node.kind == "end" else depth


class _Growing:
    """Breadth first, so that a tree with too many nodes is found out early."""

    def __init__(
        self,
        space: SequenceSpace,
        log_policy: StateActionTable,
        forbidden: bool,
        min_probability: float,
        max_nodes: int,
    ) -> None:
        self.space, self.log_policy = space, log_policy
        self.forbidden, self.min_probability, self.max_nodes = forbidden, min_probability, max_nodes
        self.nodes: list[Node] = []
        self.waiting: deque[tuple[Node, int]] = deque()

    def kind(self, depth: int, index: int) -> Kind:
        """Tell a prefix that has a way on from one that has none."""
        return "dead" if np.isneginf(self.log_policy.levels[depth][:, index]).all() else "prefix"

    def add(self, node: Node, index: int) -> None:
        """Take a node, `index` the number of its prefix at its depth."""
        if len(self.nodes) == self.max_nodes:
            raise TabularBellmanError(
                f"the tree of {self.space!r} has more nodes than a picture takes: {self.max_nodes:,} with ends and "
                f"stubs; uncut it has up to {count(_most_nodes(self.space))}. Use a shorter max_length, cut it with "
                "max_depth= or min_probability=, leave out stubs with forbidden=False, or raise max_nodes=."
            )
        self.nodes.append(node)
        self.waiting.append((node, index))

    def below(self, parent: Node, index: int, cut: bool) -> None:
        """Add what can follow a prefix, in the order of its actions, and what is cut off last: all tokens, if `cut`."""
        depth, hidden, n_hidden = len(parent.prefix), 0.0, 0
        log_policy = self.log_policy.levels[depth][:, index]
        for row, action in enumerate(self.space.actions(depth)):
            allowed = bool(log_policy[row] > -np.inf)
            chance = float(np.exp(log_policy[row]))
            if (cut and action is not EOS) or (allowed and parent.passing * chance < self.min_probability):
                hidden, n_hidden = hidden + chance, n_hidden + allowed
            elif allowed or self.forbidden:
                self._follow(parent, action, chance, allowed, index + row * self.space.n_prefixes_at(depth))
        if n_hidden:
            hidden = min(hidden, 1.0)
            passing = parent.passing * hidden
            self.add(Node(len(self.nodes), parent.number, "more", parent.prefix, None, hidden, passing), 0)

    def _follow(self, parent: Node, action: Hashable, chance: float, allowed: bool, index: int) -> None:
        prefix, depth = parent.prefix, len(parent.prefix) + 1
        kind: Kind = "forbidden"
        if action is EOS or depth == self.space.n_depths:
            kind = "end" if allowed else "forbidden"
        elif allowed or self.kind(depth, index) == "dead":
            prefix, kind = (*prefix, action), self.kind(depth, index)
        self.add(Node(len(self.nodes), parent.number, kind, prefix, action, chance, parent.passing * chance), index)


def _most_nodes(space: SequenceSpace) -> int:
    """Return the number of prefixes and ends of one prompt when nothing is cut or forbidden."""
    return space.n_prefixes // space.n_prompts + space.n_responses_per_prompt


def _depth(max_depth: int | None, space: SequenceSpace) -> int:
    if max_depth is None:
        return space.n_depths
    if isinstance(max_depth, bool) or not isinstance(max_depth, (int, np.integer)) or max_depth < 0:
        raise TabularBellmanError(
            f"max_depth is {max_depth!r}; it must be a number of tokens, 0 or more, or None for the whole tree."
        )
    return int(max_depth)


def _check(min_probability: float, max_nodes: int) -> None:
    if not 0.0 <= number(min_probability, "min_probability") <= 1.0:
        raise TabularBellmanError(f"min_probability is {min_probability}; it must lie in [0, 1].")
    positive_int("max_nodes", max_nodes, None)
