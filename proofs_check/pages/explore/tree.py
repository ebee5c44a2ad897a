"""The tree of a space, numbered, and drawn: what an exploring page computes on, and where it stands.

Nodes are the prefixes, in the order of `StateTable.to_vector`; edges the pairs of prefix and action, in that of
`StateActionTable.to_vector`.  An edge that ends a response leads to no node; such edges, prompt by prompt, stand in
the order of ``responses()``.
"""

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tabular_bellman import SequenceSpace
from tabular_bellman.plotting.layout import rows
from tabular_bellman.tokens import EOS, Prefix, Prompt

__all__ = ["Drawing", "Edge", "Leaf", "Node", "Pill", "Tree", "label"]

# In pixels.
_PILL: Final = 50
_LEFT, _TOP, _BOTTOM = 8, 40, 16
_ROW_HEIGHTS: Final = (20, 48)
_COLUMN_WIDTHS: Final = (126, 190)
# The width and height to fill, where a tree is small: what a window of 1280 × 800 has room for.
_AIM: Final = (610, 458)
_BAR: Final = 44
_MARGIN: Final = 114  # for two percentages of the longest kind, one beside the other
_THINNEST, _THICKEST = 0.9, 10.9
_LONGEST_LABEL: Final = 9
_LONGEST_RESPONSE: Final = 14


@dataclass(frozen=True)
class Node:
    """A prefix: its number, what it is, and the number that it has in flat storage."""

    number: int
    prompt: Prompt
    prefix: Prefix
    stored: int


@dataclass(frozen=True)
class Edge:
    """A step: from a node, by an action, to a node or (None) to the end."""

    number: int
    start: Node
    action: Hashable
    end: Node | None

    @property
    def response(self) -> Prefix:
        """The tokens of the response that it ends."""
        return self.start.prefix if self.action is EOS else (*self.start.prefix, self.action)


class Tree:
    """The trees of all prompts, numbered."""

    def __init__(self, space: SequenceSpace) -> None:
        self.space = space
        keys = [key for t in range(space.n_depths) for key in space.prefixes(t)]
        self.nodes = [Node(i, p, s, space.prefix_index(s, p)[1]) for i, (p, s) in enumerate(keys)]
        node_of = {(node.prompt, node.prefix): node for node in self.nodes}
        self.edges = [
            Edge(e, node_of[p, s], a, None if a is EOS else node_of.get((p, (*s, a))))
            for e, (p, s, a) in enumerate(space.pairs())
        ]
        self.below: list[list[Edge]] = [[] for _ in keys]
        for edge in self.edges:
            self.below[edge.start.number].append(edge)

    @cached_property
    def leaves(self) -> list[Edge]:
        """The edges that end a response, prompt by prompt in the order of ``responses()``."""
        ends = [edge for edge in self.edges if edge.end is None]
        return [edge for prompt in self.space.prompts for edge in ends if edge.start.prompt == prompt]

    def text(self, tokens: Prefix) -> str:
        """Write tokens down: together where each is one character, as a reader of strings would."""
        together = all(len(str(token)) == 1 for token in self.space.vocab)
        return ("" if together else " ").join(map(str, tokens)) or "∅"


def label(token: Hashable, most: int = _LONGEST_LABEL) -> str:
    """Write a token down where there is little room."""
    text = str(token)
    return text if len(text) <= most else f"{text[: most - 1]}…"


@dataclass(frozen=True)
class Pill:
    """Where a node stands: the left end of its pill, and the height of its middle."""

    node: Node
    x: float
    y: float
    width: int = _PILL

    @property
    def middle(self) -> float:
        """Where its value stands."""
        return self.x + self.width / 2


@dataclass(frozen=True)
class Line:
    """Where an edge stands: it leaves the right end of a pill, and arrives at (x, y)."""

    edge: Edge
    start: Pill
    x: float
    y: float

    @property
    def turn(self) -> float:
        """From where on it is level, with its label above."""
        x0 = self.start.x + _PILL
        return round(x0 + 0.42 * (self.x - x0), 1)

    @property
    def path(self) -> str:
        """A curve that leaves and arrives level."""
        x0 = self.start.x + _PILL
        bend = 0.6 * (self.turn - x0)
        return (
            f"M{x0:g} {self.start.y:g}C{x0 + bend:.1f} {self.start.y:g} {self.turn - bend:.1f} {self.y:g} "
            f"{self.turn:g} {self.y:g}L{self.x:g} {self.y:g}"
        )

    @staticmethod
    def thickness(chance: float) -> float:
        """How thick it is, by the chance that a draw passes it."""
        return round(_THINNEST + (_THICKEST - _THINNEST) * chance, 2)


@dataclass(frozen=True)
class Leaf:
    """The row of a response: its place among the leaves, the line that ends it, and what stands there."""

    place: int
    line: Line
    text: str


class Drawing:
    """Where everything stands, the trees of the prompts one below the other, each from left to right.

    Parameters
    ----------
    tree : Tree
    closed : collection of int
        Numbers of nodes below which nothing is drawn.
    """

    def __init__(self, tree: Tree, closed: Collection[int] = ()) -> None:
        self.tree = tree
        n_nodes, n_prompts = len(tree.nodes), tree.space.n_prompts

        def target(edge: Edge) -> int:
            return n_nodes + edge.number if edge.end is None else edge.end.number

        def children(at: int) -> list[int]:
            return [] if at >= n_nodes or at in closed else [target(edge) for edge in tree.below[at]]

        row = rows(range(n_prompts), children)
        n_rows = round(max(row.values())) + n_prompts  # an empty one between two trees
        height = _between(_ROW_HEIGHTS, _AIM[1] / n_rows)
        column = _between(_COLUMN_WIDTHS, _AIM[0] / tree.space.n_depths)
        tree_of = {prompt: i for i, prompt in enumerate(tree.space.prompts)}

        def x(depth: int) -> float:
            return round(_LEFT + depth * column)

        def y(at: int, prompt: Prompt) -> float:
            return round(_TOP + height * (row[at] + tree_of[prompt] + 0.5), 1)

        self.pills = {
            node.number: Pill(node, x(len(node.prefix)), y(node.number, node.prompt))
            for node in tree.nodes
            if node.number in row
        }
        self._lines = {
            edge.number: Line(edge, self.pills[at], x(len(edge.start.prefix) + 1), y(target(edge), edge.start.prompt))
            for at in self.pills
            if at not in closed
            for edge in tree.below[at]
        }
        texts = [label(tree.text(edge.response), _LONGEST_RESPONSE) for edge in tree.leaves]
        self.leaves = [
            Leaf(place, self._lines[edge.number], text)
            for place, (edge, text) in enumerate(zip(tree.leaves, texts, strict=True))
            if edge.number in self._lines
        ]
        self.roomy = height >= 32  # whether there is room below a line, too
        self.texts_x = x(tree.space.n_depths) + 18
        self.bars_x = round(self.texts_x + 7.4 * max(map(len, texts)) + 8)
        self.bar = _BAR
        self.width = self.bars_x + _BAR + _MARGIN
        self.height = round(_TOP + height * n_rows + _BOTTOM)

    def lines(self) -> Iterator[Line]:
        """Yield the edges that are drawn as one reads a tree: each one right before those below it."""

        def below(at: int) -> Iterator[Line]:
            for edge in self.tree.below[at]:
                if edge.number in self._lines:
                    yield self._lines[edge.number]
                    if edge.end is not None:
                        yield from below(edge.end.number)

        for root in range(self.tree.space.n_prompts):
            yield from below(root)

    @property
    def first(self) -> Pill:
        """The first prompt's root."""
        return self.pills[0]


def _between(limits: tuple[int, int], wanted: float) -> float:
    return float(min(max(wanted, limits[0]), limits[1]))
