"""Heat maps of tables: one depth as a matrix, or all depths, each prefix as tall as what begins with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect
from tabular_bellman.plotting.canvas import PLAIN, axes, choose_prompt, drawing, headline, limited, small
from tabular_bellman.plotting.cells import Box, draw_cells
from tabular_bellman.plotting.labels import Labels
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable
from tabular_bellman.tokens import Prompt, positive_int

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["table_by_depth", "table_heatmap"]

_BETWEEN_DEPTHS = 0.4  # in widths of a cell
_BETWEEN_TABLES = 2.0
_MOST_ROW_LABELS = 40


@drawing
def table_by_depth(
    table: StateActionTable,
    *,
    depth: int,
    prompt: Prompt = None,
    max_cells: int = 4096,
    colorbar: bool = True,
    color_label: str = "nats",
    ax: "Axes | None" = None,
    **kwargs: Any,
) -> "Axes":
    """Draw one depth of a table as a heat map: a row for each prefix, a column for each action.

    Parameters
    ----------
    table : StateActionTable
        Rewards or logits, or anything else of a prefix and an action.
    depth : int
        How many tokens the prefixes have.
    prompt : hashable, optional
        By default the first.
    max_cells : int, default 4096
        A larger heat map is refused.
    colorbar : bool, default True
    color_label : str, default "nats"
        What the colour bar says; rewards and logits are in nats.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        ``cmap=``, ``norm=``, ``vmin=`` and ``vmax=``, the ends of the scale, by default the smallest and the largest
        number; and properties of the coloured cells, a `matplotlib.collections.PolyCollection`.

    Returns
    -------
    matplotlib.axes.Axes
        Numbers are written where they fit.  -inf has no colour: it is hatched.

    Raises
    ------
    TabularBellmanError
        For an unknown depth or prompt, more than `max_cells` cells, settings that Matplotlib refuses, and
        without Matplotlib.
    """
    expect(StateActionTable, table, "the table")
    space, p = table.space, choose_prompt(table.space, prompt)
    actions = space.actions(depth)
    n_rows = space.n_prefixes_at(depth) // space.n_prompts
    most = positive_int("max_cells", max_cells, None)
    remedy = "Draw another depth, use a smaller vocabulary, or raise max_cells="
    limited(n_rows * len(actions), f"cells at depth {depth} of {space!r}", most, remedy)
    ax = axes(ax, 2.2 + 0.75 * len(actions), min(1.2 + 0.32 * n_rows, 40.0))
    values = _matrix(table, depth, p)
    boxes = [Box(a, s, 1.0, 1.0) for s in range(n_rows) for a in range(len(actions))]
    ax.set_xlim(0.0, len(actions))
    ax.set_ylim(n_rows, 0.0)
    labels = Labels(space)
    ax.set_xticks(np.arange(len(actions)) + 0.5, [labels.action(a) for a in actions], **PLAIN)
    _rows(ax, labels, space, depth, p)
    ax.set_xlabel("action")
    ax.set_ylabel("prefix")
    ax.tick_params(length=0.0)
    headline(ax, space, p)
    draw_cells(ax, boxes, values.ravel(), color_label=color_label if colorbar else None, settings=kwargs)
    return ax


@drawing
def table_heatmap(
    tables: StateActionTable | Mapping[str, StateActionTable],
    *,
    prompt: Prompt = None,
    max_cells: int = 4096,
    colorbar: bool = True,
    color_label: str = "nats",
    ax: "Axes | None" = None,
    **kwargs: Any,
) -> "Axes":
    """Draw all depths of one table, or of several side by side, in one scale of colours.

    Parameters
    ----------
    tables : StateActionTable, or mapping of names to them
        Over one space; {"reward r": r, "logits M r": q}, say.
    prompt : hashable, optional
        By default the first.
    max_cells : int, default 4096
        A larger heat map is refused.
    colorbar : bool, default True
    color_label : str, default "nats"
        What the colour bar says; rewards and logits are in nats.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        ``cmap=``, ``norm=``, ``vmin=`` and ``vmax=``, the ends of the scale, by default the smallest and the largest
        number; and properties of the coloured cells, a `matplotlib.collections.PolyCollection`.

    Returns
    -------
    matplotlib.axes.Axes
        Numbers are written where they fit.  -inf has no colour: it is hatched.

    Raises
    ------
    TabularBellmanError
        For tables over different spaces, more than `max_cells` cells, an unknown prompt, settings that Matplotlib
        refuses, and without Matplotlib.

    Notes
    -----
    Each depth is a block with a column for each action; depths go from left to right.  A prefix is as tall as all
    prefixes together that begin with it, and stands beside them: what M adds to the logit of a token comes from the
    rows to the right of it.  The names at the right are those of the last block; a prefix of an earlier block is what
    the names beside it begin with.  So a reward that stands in the last block of r is seen to fill, in M(r), all blocks
    to the left.
    """
    named = dict(tables) if isinstance(tables, Mapping) else {"": tables}
    space = _one_space(named)
    p = choose_prompt(space, prompt)
    n_cells = len(named) * space.n_pairs // space.n_prompts
    most = positive_int("max_cells", max_cells, None)
    remedy = "Use a shorter max_length, draw one depth with table_by_depth, or raise max_cells="
    limited(n_cells, f"cells of {space!r}", most, remedy)
    plan = _Plan(space, list(named))
    ax = axes(ax, 1.6 + 0.42 * plan.width, min(1.4 + max(0.26 * plan.height, 1.6), 40.0))
    ax.set_xlim(-0.3, plan.width + 0.3)
    ax.set_ylim(plan.height, 0.0)
    values = [_matrix(table, depth, p).ravel() for table in named.values() for depth in range(space.n_depths)]
    _frame(ax, plan, p)
    draw_cells(ax, plan.boxes, np.concatenate(values), color_label=color_label if colorbar else None, settings=kwargs)
    return ax


@dataclass
class _Plan:
    """Where the cells of some tables over one space stand, and what is written around them."""

    space: SequenceSpace
    names: list[str]
    boxes: list[Box] = field(default_factory=list)
    columns: list[tuple[float, str]] = field(default_factory=list)
    depths: list[tuple[float, int]] = field(default_factory=list)
    titles: list[tuple[float, str]] = field(default_factory=list)
    width: float = 0.0

    def __post_init__(self) -> None:
        labels, x = Labels(self.space), 0.0
        for name in self.names:
            start = x
            for depth in range(self.space.n_depths):
                actions = self.space.actions(depth)
                self.boxes.extend(self._block(x, depth, len(actions)))
                self.columns.extend((x + a + 0.5, labels.action(action)) for a, action in enumerate(actions))
                self.depths.append((x + len(actions) / 2.0, depth))
                self.width = x + len(actions)
                x = self.width + _BETWEEN_DEPTHS
            self.titles.append(((start + self.width) / 2.0, name))
            x = self.width + _BETWEEN_TABLES

    @property
    def height(self) -> int:
        """The number of prefixes of the last depth."""
        return self._n_prefixes(self.space.n_depths - 1)

    def _n_prefixes(self, depth: int) -> int:
        return self.space.n_prefixes_at(depth) // self.space.n_prompts

    def _block(self, x: float, depth: int, n_actions: int) -> Iterator[Box]:
        n = self._n_prefixes(depth)
        tall = self.height / n
        return (Box(x + a, s * tall, 1.0, tall) for s in range(n) for a in range(n_actions))


def _frame(ax: "Axes", plan: _Plan, p: int) -> None:
    """Write names of tables, depths, actions and the longest prefixes around the cells."""
    space, labels = plan.space, Labels(plan.space)
    ax.set_xticks([x for x, _ in plan.columns], [text for _, text in plan.columns], fontsize="small", **PLAIN)
    if any(len(text) > 2 for _, text in plan.columns):
        ax.tick_params(axis="x", labelrotation=90.0)
    ax.yaxis.tick_right()
    last = space.n_depths - 1
    _rows(ax, labels, space, last, p)
    ax.yaxis.set_label_position("right")
    ax.set_ylabel(f"prefix at t = {last}", fontsize="small")
    ax.tick_params(length=0.0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    top = ax.get_xaxis_transform()  # x in cells, y in heights of the Axes
    look: dict[str, Any] = {"xycoords": top, "textcoords": "offset points", "ha": "center", "va": "bottom", **PLAIN}
    for x, depth in plan.depths:
        ax.annotate(f"t = {depth}", (x, 1.0), (0.0, 3.0), fontsize="small", **look)
    for x, name in plan.titles if any(plan.names) else ():
        ax.annotate(name, (x, 1.0), (0.0, 6.0 + 1.5 * small()), **look)
    headline(ax, space, p, above=3.5 * small())


def _rows(ax: "Axes", labels: Labels, space: SequenceSpace, depth: int, p: int) -> None:
    """Label rows with the prefixes of a depth; of many, every second, third, …"""
    prefixes = [prefix for _, prefix in space.prefixes(depth, space.prompts[p])]
    places = range(0, len(prefixes), -(-len(prefixes) // _MOST_ROW_LABELS))
    texts = labels.prefixes(prefixes[i] for i in places)
    ax.set_yticks([i + 0.5 for i in places], texts, fontsize="small", **PLAIN)


def _matrix(table: StateActionTable, depth: int, p: int) -> FloatArray:
    """Return the numbers of one depth and prompt, shape (prefixes in reading order, actions)."""
    matrix: FloatArray = table.space.to_lexicographic(table.levels[depth], depth)[p]
    return matrix


def _one_space(named: Mapping[str, StateActionTable]) -> SequenceSpace:
    if not named:
        raise TabularBellmanError("there is no table to draw; give a StateActionTable, or a mapping with at least one.")
    for name, table in named.items():
        expect(str, name, "the name of a table")
        expect(StateActionTable, table, f"the table {name!r}" if name else "the table")
    first, *others = named.values()
    for table in others:
        first.space.require_same(table.space, "tables side by side")
    return first.space
