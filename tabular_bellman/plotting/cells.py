"""Cells of a heat map: coloured by their numbers, which are written where they fit; -inf is hatched instead."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tabular_bellman.extended import FloatArray
from tabular_bellman.plotting.canvas import COLORMAP, FAINT, PLAIN, color_bar, color_scale, ink_on, room, small
from tabular_bellman.plotting.labels import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Box", "draw_cells"]

_LETTER = 0.62  # the width of a figure, in font sizes
_SMALLEST = 4.5  # points


class Box(NamedTuple):
    """A rectangle: left edge, top edge, width, height, in data coordinates."""

    x: float
    y: float
    width: float
    height: float

    def corners(self) -> list[tuple[float, float]]:
        """Return the four corners in turn."""
        right, bottom = self.x + self.width, self.y + self.height
        return [(self.x, self.y), (right, self.y), (right, bottom), (self.x, bottom)]


def draw_cells(ax: "Axes", boxes: Sequence[Box], values: FloatArray, *, colorbar: bool, **settings: Any) -> None:
    """Draw the cells; the limits of the Axes must be set, since they say how large a cell is.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    boxes : sequence of Box
    values : ndarray of shape (len(boxes),)
        NaN leaves a cell out.
    colorbar : bool
    **settings
        For the coloured cells, as `PolyCollection` takes them.
    """
    from matplotlib.collections import PolyCollection

    finite: list[int] = np.flatnonzero(np.isfinite(values)).tolist()
    forbidden: list[int] = np.flatnonzero(np.isinf(values)).tolist()
    look: dict[str, Any] = {"cmap": COLORMAP, "norm": color_scale(values), **settings}
    if colorbar and finite:
        color_bar(ax, look["norm"], look["cmap"])
    across, down = room(ax, abs(np.ptp(ax.get_xlim())), abs(np.ptp(ax.get_ylim())))
    gap = min(0.6, 0.08 * min(min(box.width * across, box.height * down) for box in boxes))
    cells = PolyCollection(
        [boxes[i].corners() for i in finite],
        array=values[finite],
        **{"edgecolors": ax.get_facecolor(), "linewidths": gap, **look},
    )
    ax.add_collection(cells)
    hatched = [boxes[i].corners() for i in forbidden]
    ax.add_collection(PolyCollection(hatched, facecolors="none", edgecolors=FAINT, linewidths=gap, hatch="////"))
    _write(ax, boxes, values, cells, (across, down))


def _write(ax: "Axes", boxes: Sequence[Box], values: FloatArray, cells: Any, unit: tuple[float, float]) -> None:
    """Write the numbers that fit into their cells; `unit` is the size of one by one in points."""
    across, down = unit
    for box, value in zip(boxes, values.tolist(), strict=True):
        if np.isnan(value):
            continue
        text = number(value)
        letters = min(small(), box.width * across / (_LETTER * (len(text) + 0.8)), box.height * down / 1.25)
        if letters < _SMALLEST:
            continue
        place = box.x + box.width / 2.0, box.y + box.height / 2.0
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": letters, **PLAIN}
        if np.isinf(value):
            look["bbox"] = {"boxstyle": "square,pad=0.1", "facecolor": ax.get_facecolor(), "edgecolor": "none"}
        else:
            look["color"] = ink_on(cells.to_rgba(value))
        ax.text(*place, text, **look)
