"""The artists of a prefix tree: bands and stubs, circles, squares and crosses, and words that keep out of their way."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tabular_bellman.extended import FloatArray
from tabular_bellman.plotting.canvas import FAINT, PLAIN, room
from tabular_bellman.plotting.growth import Node, Tree
from tabular_bellman.plotting.settings import handed_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

__all__ = ["FILLS", "draw_edges", "draw_nodes", "draw_words", "is_closed", "set_limits"]

_CURVE: Final = np.linspace(0.0, 1.0, 33)
_LEVEL_FROM: Final = (0.2, 0.55)  # of a column: an edge is level from here on, sooner or later as words need room
FILLS: Final = frozenset({"c", "color", "facecolor"})
"""The names under which Matplotlib takes one colour for all nodes."""

_BAND: Final = "0.6"
_UNCOLORED: Final = "0.75"


def is_closed(node: Node) -> bool:
    """Tell what nobody comes to: a forbidden action, or the way to a dead prefix of a model."""
    return node.kind == "forbidden" or (node.kind == "dead" and node.passing == 0.0)


def draw_edges(ax: "Axes", tree: Tree, widths: FloatArray, level_from: float) -> None:
    """Draw a band for each allowed action, and the dashed stubs of what is forbidden.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    tree : Tree
    widths : ndarray of shape (nodes,)
        In points, of the band to each node.
    level_from : float
        Where bands should be level, so that they do not cross the words there: in columns from the parent.
    """
    from matplotlib.collections import LineCollection

    edges, level = list(tree.edges()), float(np.clip(level_from, *_LEVEL_FROM))
    bands = [_curve(tree, *edge, level) for edge in edges if not is_closed(edge[1])]
    of_bands = [widths[node.number] for _, node in edges if not is_closed(node)]
    ax.add_collection(LineCollection(bands, linewidths=of_bands, colors=_BAND, zorder=1, label="bands"))
    stubs = [_curve(tree, *edge, level) for edge in edges if is_closed(edge[1])]
    dashes = LineCollection(stubs, linewidths=0.8, linestyles="dashed", colors=FAINT, zorder=1, label="forbidden")
    ax.add_collection(dashes)


def _curve(tree: Tree, parent: Node, node: Node, level: float) -> FloatArray:
    """Return points from a node to its child.

    All edges of a node rise or fall in the same columns, the shorter ones too: so none crosses another.
    """
    x = tree.columns[parent.number], tree.columns[node.number]
    y = tree.rows[parent.number], tree.rows[node.number]
    across = np.concatenate([level * _CURVE, [x[1] - x[0]]])
    part = np.append(_CURVE, 1.0)
    return np.column_stack([x[0] + across, y[0] + part * part * (3.0 - 2.0 * part) * (y[1] - y[0])])


def draw_nodes(
    ax: "Axes", tree: Tree, colors: FloatArray, mapping: "ScalarMappable", size: float, given: Mapping[str, Any]
) -> None:
    """Draw circles, squares and crosses; `given` are the caller's settings of circles and squares."""
    ours: dict[str, Any] = {"linewidth": 0.6, "edgecolor": _ink(), "zorder": 3}
    scale = {"cmap": mapping.cmap, "norm": mapping.norm}
    with handed_on(given):
        for kind, marker, area in (("prefix", "o", size**2), ("end", "s", 0.6 * size**2)):
            of_kind = [node.number for node in tree.nodes if node.kind == kind]
            look: dict[str, Any] = {**ours, "marker": marker, "s": area, "label": kind, **given}
            if colored := [i for i in of_kind if np.isfinite(colors[i])]:
                x, y = _at(tree, colored)
                ax.scatter(x, y, **{"c": colors[colored], **scale, **look})
            if plain := [i for i in of_kind if not np.isfinite(colors[i])]:
                x, y = _at(tree, plain)
                ax.scatter(x, y, **({"facecolor": _UNCOLORED, **look} if not FILLS & look.keys() else look))
    dead = [node.number for node in tree.nodes if node.kind == "dead"]
    hollow: dict[str, Any] = {"facecolors": ax.get_facecolor(), "edgecolors": FAINT, "linewidths": 0.8, "zorder": 3}
    ax.scatter(*_at(tree, dead), label="dead", marker="o", s=size**2, **hollow)
    crossed = [node.number for node in tree.nodes if node.kind in ("dead", "forbidden")]
    ax.scatter(*_at(tree, crossed), label="×", marker="x", s=0.35 * size**2, color=FAINT, linewidths=1.0, zorder=3.1)


def _at(tree: Tree, numbers: Sequence[int]) -> tuple[list[float], list[float]]:
    return [tree.columns[i] for i in numbers], [tree.rows[i] for i in numbers]


def _ink() -> str:
    import matplotlib as mpl

    return str(mpl.rcParams["text.color"])


def draw_words(
    ax: "Axes",
    tree: Tree,
    texts: Sequence[str],
    below: Sequence[str],
    letters: float,
    away: tuple[float, FloatArray],
) -> None:
    """Write names right of leaves; left of other nodes, above the edge, and what belongs `below` the edge there.

    `away` is how far from the middle of a node, across and, for each node, up or down.
    """
    from matplotlib.patheffects import withStroke

    across, down = away
    halo = [withStroke(linewidth=2.0, foreground=ax.get_facecolor())]  # so that no edge crosses out a word

    def write(node: Node, text: str, x: float, y: float, ha: str, va: str, size: float) -> None:
        place = tree.columns[node.number], tree.rows[node.number]
        look = {"ha": ha, "va": va, "fontsize": size, "zorder": 4, "path_effects": halo, **PLAIN}
        ax.annotate(text, place, (x, y), textcoords="offset points", **look)

    for node, text, under in zip(tree.nodes, texts, below, strict=True):
        if node.number not in tree.inner:
            write(node, text, across, 0.0, "left", "center_baseline", letters)
            continue
        write(node, text, -across, down[node.number], "right", "bottom", letters)
        if under:
            write(node, under, -across, -down[node.number], "right", "top", 0.9 * letters)


def set_limits(ax: "Axes", tree: Tree, lengths: Sequence[float], away: float) -> float:
    """Set the limits so that the words at the left of the root and at the right of the leaves have room.

    Returns
    -------
    float
        The width of a column, in points, as is `lengths`, how long the words of each node are.
    """
    wide, last = room(ax, 1.0, 1.0)[0], max(tree.columns)
    left, right, column = lengths[0], 2.0 * away, wide / (last + 1.5)
    for _ in range(4):  # what stands out at the right depends on how wide a column is, and the other way round
        outer = [lengths[node.number] - (last - tree.columns[node.number]) * column for node in tree.nodes[1:]]
        right = max([*outer, 2.0 * away])
        column = max(wide - left - right, 0.2 * wide) / max(last, 1.0)
    ax.set_xlim(-left / column, last + right / column)
    ax.set_ylim(max(tree.rows) + 0.7, -0.7)
    return column
