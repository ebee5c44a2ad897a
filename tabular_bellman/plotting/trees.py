"""The prefix tree of a model: bands as wide as the chance to pass, nodes in the colour of their values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from tabular_bellman import kernel
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect
from tabular_bellman.plotting.canvas import COLORMAP, FAINT, PLAIN, axes, color_bar, color_scale, headline, room, small
from tabular_bellman.plotting.growth import Node, Tree, grow
from tabular_bellman.plotting.labels import Labels, number, percent
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.table import StateActionTable, StateTable
from tabular_bellman.tokens import Prompt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["prefix_tree"]

_CURVE: Final = np.linspace(0.0, 1.0, 33)
_LEVEL_FROM: Final = 0.55  # of the way; the label stands on the rest
_WIDEST_BAND: Final = 9.0  # points
_HAIRLINE: Final = 0.6
_LONGEST: Final = 40.0  # inches, of a new figure
_LETTER: Final = 0.68  # the width of a letter, in font sizes
_SMALLEST: Final = 3.5  # points, of letters
_BAND: Final = "0.6"
_UNCOLORED: Final = "0.75"


def prefix_tree(
    model: SequenceModel | StateActionTable,
    *,
    prompt: Prompt = None,
    color_by: Literal["value", "probability"] | StateTable | StateActionTable | None = "value",
    write: Literal["policy", "passing"] | StateActionTable = "policy",
    width: Literal["passing", "policy"] = "passing",
    labels: bool = True,
    forbidden: bool = True,
    max_depth: int | None = None,
    min_probability: float = 0.0,
    max_nodes: int = 300,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str = COLORMAP,
    colorbar: bool = True,
    color_label: str | None = None,
    ax: "Axes | None" = None,
    **kwargs: Any,
) -> "Axes":
    """Draw the tree of prefixes of one prompt, the root at the left.

    Parameters
    ----------
    model : EnergyBasedModel, AutoregressiveModel or StateActionTable
        A table is read as logits that need not lead to a response, as `prefix_marginals` reads them: what comes to a
        prefix where everything is forbidden ends there.
    prompt : hashable, optional
        By default the first.
    color_by : {"value", "probability"}, StateTable, StateActionTable or None, default "value"
        The colour of nodes: the soft value of the prefix, in nats (of a table, log Σ_a exp q(s, a)); the chance to pass
        there; numbers of the caller's, of each prefix, or of the action that leads to each node; or all alike.
    write : {"policy", "passing"} or StateActionTable, default "policy"
        What stands beside each action: π(a|s), the chance to come there from the root, or a number of the caller's.
    width : {"passing", "policy"}, default "passing"
        What the width of an edge is proportional to; an action that is allowed is at least a hairline.
    labels : bool, default True
        Whether to write actions and numbers.
    forbidden : bool, default True
        Whether to draw the stubs of forbidden actions, and prefixes that no response begins with.
    max_depth : int, optional
        Prefixes with more tokens than this are drawn as "…".
    min_probability : float, default 0.0
        Actions to which one comes with less than this chance are drawn as one "…" for each prefix.
    max_nodes : int, default 300
        A larger tree is refused; ends of responses and stubs count.
    vmin, vmax : float, optional
        The ends of the scale of colours; by default the smallest and the largest number that is drawn.
    cmap : str, default "cividis"
    colorbar : bool, default True
    color_label : str, optional
        What the colour bar says.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        For the nodes, as `Axes.scatter` takes them.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TabularBellmanError
        For more than `max_nodes` nodes, an unknown prompt, a table over another space, and without Matplotlib.

    Notes
    -----
    Circles are prefixes, squares the ends of responses.  A dashed stub with × is a forbidden action; a circle with ×
    is a dead prefix, below which every response is forbidden (of a table: where there is no way on).

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from tabular_bellman import EnergyBasedModel, SequenceSpace, StateActionTable
    >>> from tabular_bellman.plotting import prefix_tree
    >>> reward = StateActionTable.random(SequenceSpace("ab", max_length=3), rng=0)
    >>> ax = prefix_tree(EnergyBasedModel(reward), ax=Figure().subplots())
    >>> len(ax.collections[0].get_paths())  # bands: one for each prefix and action
    13
    """
    expect((SequenceModel, StateActionTable), model, "the model")
    tree = grow(
        model,
        prompt,
        forbidden=forbidden,
        max_depth=max_depth,
        min_probability=min_probability,
        max_nodes=max_nodes,
    )
    colors, meaning = _colors(model, tree, color_by)
    written = _written(tree, write)
    texts = _texts(tree, written) if labels else [""] * len(tree.nodes)
    column = max(1.0, 0.5 + 0.07 * max(len(text) for text in texts))
    n_rows = max(tree.rows) + 1.4
    ax = axes(ax, min(1.5 + column * (max(tree.columns) + 1.0), _LONGEST), min(max(0.34 * n_rows, 1.6), _LONGEST))
    look = {"norm": color_scale(colors, vmin, vmax), "cmap": cmap, **kwargs}
    if colorbar and np.isfinite(colors).any():  # first, since it takes room
        color_bar(ax, look["norm"], look["cmap"], meaning if color_label is None else color_label)
    wide, row = room(ax, max(tree.columns) + 1.5, n_rows)
    size = min(0.45 * row, 10.0)
    away = 0.5 * size + 2.5
    inner = max(len(text) for node, text in zip(tree.nodes, texts, strict=True) if node.kind in ("prefix", "dead"))
    letters = max(min(small(), 0.42 * row, (wide - away) / (0.9 * _LETTER * max(inner, 1))), _SMALLEST)
    _frame(ax, tree, texts, letters, away)
    widest = min(_WIDEST_BAND, 0.3 * row)
    bands = np.array([max(_HAIRLINE, widest * chance(node, width)) for node in tree.nodes])
    _edges(ax, tree, bands)
    _nodes(ax, tree, colors, look, size)
    if labels:
        _label(ax, tree, texts, colors, letters, (away, 0.5 * bands + 1.0))
    ax.set_axis_off()
    headline(ax, tree.space, tree.space.prompt_index(tree.prompt))
    return ax


# -- numbers -----------------------------------------------------------------------------------------------------------


def _colors(model: SequenceModel | StateActionTable, tree: Tree, by: object) -> tuple[FloatArray, str]:
    """Return the number that colours each node, NaN for none, and what it is."""
    if isinstance(by, StateActionTable):
        tree.space.require_same(by.space, "the tree and the table to colour by")
        return np.array([_of_action(by, tree, node) for node in tree.nodes]), ""
    if isinstance(by, StateTable):
        tree.space.require_same(by.space, "the tree and the table to colour by")
        table, meaning = by, ""
    elif by == "value":
        table, meaning = _values(model), "soft value, nats"
    elif by is None:
        return np.full(len(tree.nodes), np.nan), ""
    elif by == "probability":
        return np.array([node.passing for node in tree.nodes]), "chance to pass"
    else:
        raise TabularBellmanError(
            f"color_by is {by!r}; it is 'value', 'probability', None, or a table over the same space."
        )
    numbers = [table[tree.prompt, node.prefix] if node.kind in ("prefix", "dead") else np.nan for node in tree.nodes]
    return np.array(numbers), meaning


def _values(model: SequenceModel | StateActionTable) -> StateTable:
    if isinstance(model, SequenceModel):
        return model.values
    return StateTable.from_levels(model.space, kernel.soft_values(model.levels))


def _of_action(table: StateActionTable, tree: Tree, node: Node) -> float:
    """Return the number of the action that leads to a node."""
    if node.action is None:  # the root, and what is cut off
        return np.nan
    return float(table[tree.prompt, tree.nodes[node.parent].prefix, node.action])


def _written(tree: Tree, write: object) -> list[str]:
    """Return what stands beside each action."""
    if isinstance(write, StateActionTable):
        tree.space.require_same(write.space, "the tree and the table to write")
        numbers = [_of_action(write, tree, node) for node in tree.nodes]
        return ["" if np.isnan(x) else number(x) for x in numbers]
    if write in ("policy", "passing"):
        return ["" if is_closed(node) else percent(chance(node, str(write))) for node in tree.nodes]
    raise TabularBellmanError(f"write is {write!r}; it is 'policy', 'passing', or a StateActionTable.")


def chance(node: Node, which: str) -> float:
    """Return π of the action that leads to a node, or the chance to come there."""
    if which not in ("passing", "policy"):
        raise TabularBellmanError(f"width is {which!r}; it is 'passing' or 'policy'.")
    return node.passing if which == "passing" else node.chance


def is_closed(node: Node) -> bool:
    """Tell what nobody comes to: a forbidden action, or the way to a dead prefix of a model."""
    return node.kind == "forbidden" or (node.kind == "dead" and node.passing == 0.0)


# -- artists -----------------------------------------------------------------------------------------------------------


def _edges(ax: "Axes", tree: Tree, widths: FloatArray) -> None:
    """Draw a band for each allowed action, and the dashed stubs of what is forbidden."""
    from matplotlib.collections import LineCollection

    edges = list(tree.edges())
    bands = [_curve(tree, *edge) for edge in edges if not is_closed(edge[1])]
    of_bands = [widths[node.number] for _, node in edges if not is_closed(node)]
    ax.add_collection(LineCollection(bands, linewidths=of_bands, colors=_BAND, zorder=1, label="bands"))
    stubs = [_curve(tree, *edge) for edge in edges if is_closed(edge[1])]
    dashes = LineCollection(stubs, linewidths=0.8, linestyles="dashed", colors=FAINT, zorder=1, label="forbidden")
    ax.add_collection(dashes)


def _curve(tree: Tree, parent: Node, node: Node) -> FloatArray:
    """Return points from a node to its child; the last part is level."""
    x = tree.columns[parent.number], tree.columns[node.number]
    y = tree.rows[parent.number], tree.rows[node.number]
    part = np.minimum(_CURVE / _LEVEL_FROM, 1.0)
    rise = part * part * (3.0 - 2.0 * part)
    return np.column_stack([x[0] + _CURVE * (x[1] - x[0]), y[0] + rise * (y[1] - y[0])])


def _nodes(ax: "Axes", tree: Tree, colors: FloatArray, look: dict[str, Any], size: float) -> None:
    """Draw circles, squares and crosses."""
    for kind, marker, area in (("prefix", "o", size**2), ("end", "s", 0.6 * size**2)):
        of_kind = [node.number for node in tree.nodes if node.kind == kind]
        colored = [i for i in of_kind if np.isfinite(colors[i])]
        plain = [i for i in of_kind if not np.isfinite(colors[i])]
        shape: dict[str, Any] = {"marker": marker, "s": area, "linewidths": 0.6, "edgecolors": _ink(), "zorder": 3}
        if colored:
            ax.scatter(*_at(tree, colored), label=kind, **{"c": colors[colored], **shape, **look})
        if plain:
            ax.scatter(*_at(tree, plain), label=kind, **{"color": _UNCOLORED, **shape})
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


# -- words -------------------------------------------------------------------------------------------------------------


def _texts(tree: Tree, written: list[str]) -> list[str]:
    """Return what each node is called: the action that leads there, and what is written beside it."""
    names, found = Labels(tree.space), []
    for node, beside in zip(tree.nodes, written, strict=True):
        if node.parent < 0:
            found.append(names.prefix(()) if tree.prompt is None else names.prompt(tree.prompt))
        else:
            name = "…" if node.kind == "more" else names.action(node.action)
            found.append(f"{name} {beside}".rstrip())
    return found


def _label(
    ax: "Axes", tree: Tree, texts: list[str], colors: FloatArray, letters: float, away: tuple[float, FloatArray]
) -> None:
    """Write names right of leaves; left of other nodes, above the edge, and the number of the colour below it.

    `away` is how far from the middle of a node, across and, for each node, up or down.
    """
    from matplotlib.patheffects import withStroke

    across, down = away
    halo = [withStroke(linewidth=2.0, foreground=ax.get_facecolor())]  # so that no edge crosses out a word

    def write(node: Node, text: str, x: float, y: float, ha: str, va: str, size: float) -> None:
        place = tree.columns[node.number], tree.rows[node.number]
        look = {"ha": ha, "va": va, "fontsize": size, "zorder": 4, "path_effects": halo, **PLAIN}
        ax.annotate(text, place, (x, y), textcoords="offset points", **look)

    for node, text in zip(tree.nodes, texts, strict=True):
        if node.kind == "prefix":
            write(node, text, -across, down[node.number], "right", "bottom", letters)
            if np.isfinite(colors[node.number]):
                write(node, number(colors[node.number]), -across, -down[node.number], "right", "top", 0.9 * letters)
        else:
            write(node, text, across, 0.0, "left", "center_baseline", letters)


def _frame(ax: "Axes", tree: Tree, texts: list[str], letters: float, away: float) -> None:
    """Set the limits so that the words at the left of the root and at the right of the leaves have room."""
    lengths = [_LETTER * letters * len(text) + away for text in texts]
    wide, last = room(ax, 1.0, 1.0)[0], max(tree.columns)
    left, right, column = lengths[0], 2.0 * away, wide / (last + 1.5)
    for _ in range(4):  # what stands out at the right depends on how wide a column is, and the other way round
        outer = [lengths[node.number] - (last - tree.columns[node.number]) * column for node in tree.nodes[1:]]
        right = max([*outer, 2.0 * away])
        column = max(wide - left - right, 0.2 * wide) / max(last, 1.0)
    ax.set_xlim(-left / column, last + right / column)
    ax.set_ylim(max(tree.rows) + 0.7, -0.7)
