"""The prefix tree of a model: bands as wide as the chance to pass, nodes in the colour of their values."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from tabular_bellman import kernel
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import call, expect
from tabular_bellman.plotting.branches import FILLS, draw_edges, draw_nodes, draw_words, is_closed, set_limits
from tabular_bellman.plotting.canvas import COLORMAP, axes, color_bar, drawing, headline, room, small
from tabular_bellman.plotting.growth import Node, Tree, grow
from tabular_bellman.plotting.labels import Labels, number, one_line, percent, shortened
from tabular_bellman.plotting.settings import merged, shades
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.table import StateActionTable, StateTable
from tabular_bellman.tokens import Prefix, Prompt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["prefix_tree"]

Words = Callable[[Prompt, Prefix, Hashable], str]
"""(prompt, prefix, action) → what to write beside the action."""

_WIDEST_BAND: Final = 9.0  # points
_HAIRLINE: Final = 0.6
_LONGEST: Final = 40.0  # inches, of a new figure
_LETTER: Final = 0.68  # the width of a wide letter, in font sizes
_USUAL_LETTER: Final = 0.58
_SMALLEST: Final = 3.5  # points, of letters
_LONGEST_WORDS: Final = 28


@drawing
def prefix_tree(
    model: SequenceModel | StateActionTable,
    *,
    prompt: Prompt = None,
    color_by: Literal["value", "probability"] | StateTable | StateActionTable | None = "value",
    write: Literal["policy", "passing"] | StateActionTable | Words = "policy",
    width: Literal["passing", "policy"] = "passing",
    labels: bool = True,
    forbidden: bool = True,
    max_depth: int | None = None,
    min_probability: float = 0.0,
    max_nodes: int = 300,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: "str | Colormap" = COLORMAP,
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
    write : {"policy", "passing"}, StateActionTable or callable, default "policy"
        What stands beside each action: π(a|s), the chance to come there from the root, a number of the caller's, or
        the string that a function (prompt, prefix, action) → str returns.
    width : {"passing", "policy"}, default "passing"
        What the width of an edge is proportional to; an action that is allowed is at least a hairline.
    labels : bool, default True
        Whether to write actions and numbers.
    forbidden : bool, default True
        Whether to draw the stubs of forbidden actions, and prefixes that no response begins with.
    max_depth : int, optional
        What has more tokens than this is drawn as "…", one for each prefix that has so many; EOS is no token.
    min_probability : float, default 0.0
        Actions to which one comes with less than this chance are drawn as one "…" for each prefix.
    max_nodes : int, default 300
        A larger tree is refused; ends of responses and stubs count.
    vmin, vmax : float, optional
        The ends of the scale of colours; by default the smallest and the largest number of a circle or square.
    cmap : str or matplotlib.colors.Colormap, default "cividis"
    colorbar : bool, default True
    color_label : str, optional
        What the colour bar says.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        For circles and squares, as `Axes.scatter` takes them.  ``norm=`` stands in place of even steps of colour,
        ``color=`` in place of `color_by`: one colour, and no colour bar.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TabularBellmanError
        For more than `max_nodes` nodes, an unknown prompt, a table over another space, settings that Matplotlib
        refuses, and without Matplotlib.

    Notes
    -----
    Circles are prefixes, squares the ends of responses.  A dashed stub with × is a forbidden action; a circle with ×
    is a dead prefix, below which every response is forbidden.  Of a table one may come to a prefix without a way on: it
    is drawn like a dead one, and so are the stubs of what is forbidden there.

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
    from matplotlib.collections import PathCollection

    expect((SequenceModel, StateActionTable), model, "the model")
    tree = grow(
        model,
        prompt,
        forbidden=forbidden,
        max_depth=max_depth,
        min_probability=min_probability,
        max_nodes=max_nodes,
    )
    given = merged({}, kwargs, PathCollection)
    colors, meaning = _colors(model, tree, None if FILLS & given.keys() else color_by)
    texts = _texts(tree, _written(tree, write)) if labels else [""] * len(tree.nodes)
    below = [
        number(x) if labels and node.kind == "prefix" and np.isfinite(x) else ""
        for node, x in zip(tree.nodes, colors, strict=True)
    ]
    chances = [chance(node, width) for node in tree.nodes]
    column = max(1.0, 0.5 + 0.07 * max(len(text) for text in [*texts, *below]))
    n_rows = max(tree.rows) + 1.4
    ax = axes(ax, min(1.5 + column * (max(tree.columns) + 1.0), _LONGEST), min(max(0.34 * n_rows, 1.6), _LONGEST))
    mapping = shades(colors, cmap=cmap, norm=given.pop("norm", None), vmin=vmin, vmax=vmax)
    if colorbar and np.isfinite(colors).any():  # first, since it takes room
        color_bar(ax, mapping, meaning if color_label is None else color_label)
    wide, row = room(ax, max(tree.columns) + 1.5, n_rows)
    size = min(0.45 * row, 10.0)
    away = 0.5 * size + 2.5
    above = max(len(texts[i]) for i in tree.inner)
    letters = max(min(small(), 0.42 * row, (wide - away) / (0.9 * _LETTER * max(above, 1))), _SMALLEST)
    column = set_limits(ax, tree, [_LETTER * letters * len(text) + away for text in texts], away)
    bands = np.maximum(_HAIRLINE, min(_WIDEST_BAND, 0.3 * row) * np.array(chances))
    on_edges = [max(len(texts[i]), len(below[i])) for i in tree.inner if i]
    draw_edges(ax, tree, bands, 1.0 - (_USUAL_LETTER * letters * max(on_edges, default=0) + away) / column)
    draw_nodes(ax, tree, colors, mapping, size, given)
    if labels:
        draw_words(ax, tree, texts, below, letters, (away, 0.5 * bands + 1.0))
    ax.set_axis_off()
    headline(ax, tree.space, tree.space.prompt_index(tree.prompt))
    return ax


# -- numbers -----------------------------------------------------------------------------------------------------------


def _colors(model: SequenceModel | StateActionTable, tree: Tree, by: object) -> tuple[FloatArray, str]:
    """Return the number that colours each node, NaN for none, and what it is."""
    drawn, meaning = ("prefix", "end"), ""  # what is dead or forbidden has no colour

    def of_prefix(table: StateTable) -> Callable[[Node], float]:
        return lambda node: table[tree.prompt, node.prefix] if node.kind == "prefix" else np.nan

    if isinstance(by, (StateTable, StateActionTable)):
        tree.space.require_same(by.space, "the tree and the table to colour by")
        found = of_prefix(by) if isinstance(by, StateTable) else lambda node: _of_action(by, tree, node)
    elif by is None:
        return np.full(len(tree.nodes), np.nan), meaning
    elif _is(by, "value"):
        found, meaning = of_prefix(_values(model)), "soft value, nats"
    elif _is(by, "probability"):
        found, meaning = lambda node: node.passing, "chance to pass"
    else:
        raise TabularBellmanError(
            f"color_by is {_shown(by)}; it is 'value', 'probability', None, or a table over the same space."
        )
    return np.array([found(node) if node.kind in drawn else np.nan for node in tree.nodes]), meaning


def _values(model: SequenceModel | StateActionTable) -> StateTable:
    if isinstance(model, SequenceModel):
        return model.values
    return StateTable.from_levels(model.space, kernel.soft_values(model.levels))


def _of_action(table: StateActionTable, tree: Tree, node: Node) -> float:
    """Return the number of the action that leads to a node; NaN for the root and for what is cut off."""
    if not _has_action(node):
        return np.nan
    return float(table[tree.prompt, tree.nodes[node.parent].prefix, node.action])


def _has_action(node: Node) -> bool:
    return node.parent >= 0 and node.kind != "more"


def _written(tree: Tree, write: object) -> list[str]:
    """Return what stands beside each action."""
    if isinstance(write, StateActionTable):
        tree.space.require_same(write.space, "the tree and the table to write")
        numbers = [_of_action(write, tree, node) for node in tree.nodes]
        return ["" if np.isnan(x) else number(x) for x in numbers]
    if _is(write, "policy") or _is(write, "passing"):
        return ["" if is_closed(node) else percent(chance(node, str(write))) for node in tree.nodes]
    if callable(write):
        return [_in_words(write, tree, node) if _has_action(node) else "" for node in tree.nodes]
    raise TabularBellmanError(
        f"write is {_shown(write)}; it is 'policy', 'passing', a StateActionTable, or a function."
    )


def _in_words(write: Callable[..., Any], tree: Tree, node: Node) -> str:
    """Return what the caller's function says of an action."""
    where = tree.prompt, tree.nodes[node.parent].prefix, node.action
    text = call(write, where, lambda: f"prompt {where[0]!r}, prefix {where[1]!r}, action {where[2]!r}")
    expect(str, text, "what write= returns")
    return shortened(one_line(text), _LONGEST_WORDS)


def chance(node: Node, which: str) -> float:
    """Return π of the action that leads to a node, or the chance to come there."""
    if not (_is(which, "passing") or _is(which, "policy")):
        raise TabularBellmanError(f"width is {_shown(which)}; it is 'passing' or 'policy'.")
    return node.passing if which == "passing" else node.chance


def _is(value: object, word: str) -> bool:
    """Compare with a word what may be an array."""
    return isinstance(value, str) and value == word


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, (str, int, float)) else f"of type {type(value).__name__}"


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
