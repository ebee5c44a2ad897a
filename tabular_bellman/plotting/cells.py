"""Cells of a heat map: coloured by their numbers, which are written where they fit; -inf is hatched instead."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tabular_bellman.extended import FloatArray
from tabular_bellman.plotting.canvas import COLORMAP, FAINT, PLAIN, color_bar, ink_on, room, small
from tabular_bellman.plotting.labels import number
from tabular_bellman.plotting.settings import handed_on, merged, shades

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


def draw_cells(
    ax: "Axes", boxes: Sequence[Box], values: FloatArray, *, color_label: str | None, settings: Mapping[str, Any]
) -> None:
    """Draw the cells; the limits of the Axes must be set, since they say how large a cell is.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    boxes : sequence of Box
    values : ndarray of shape (len(boxes),)
        NaN leaves a cell out.
    color_label : str or None
        What the colour bar says; None for no colour bar.
    settings : mapping
        Of the caller's: cmap, norm, vmin, vmax, and properties of a `PolyCollection`.
    """
    from matplotlib.collections import PolyCollection

    finite: list[int] = np.flatnonzero(np.isfinite(values)).tolist()
    forbidden: list[int] = np.flatnonzero(np.isinf(values)).tolist()
    scale = {name: settings[name] for name in ("cmap", "norm", "vmin", "vmax") if name in settings}
    given = {name: setting for name, setting in settings.items() if name not in scale}
    colors = shades(values, **{"cmap": COLORMAP, **scale})
    if color_label is not None and finite:
        color_bar(ax, colors, color_label)
    across, down = room(ax, abs(np.ptp(ax.get_xlim())), abs(np.ptp(ax.get_ylim())))
    gap = min(0.6, 0.08 * min(min(box.width * across, box.height * down) for box in boxes))
    look = merged({"edgecolor": ax.get_facecolor(), "linewidth": gap}, given, PolyCollection)
    with handed_on(given):
        cells = PolyCollection(
            [boxes[i].corners() for i in finite], array=values[finite], norm=colors.norm, cmap=colors.cmap, **look
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
            *color, opacity = cells.to_rgba(value)
            if opacity == 1.0:  # else one sees what is behind: a number beyond the norm, say
                look["color"] = ink_on(color)
        ax.text(*place, text, **look)
