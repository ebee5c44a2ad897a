"""What all pictures share: the Axes to draw on, room and ink, series that differ without colour, scales of colour.

Matplotlib is imported inside functions only.  No function here changes its settings.
"""

import functools
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, ParamSpec

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect, number
from tabular_bellman.plotting.labels import Labels
from tabular_bellman.space import SequenceSpace
from tabular_bellman.tokens import Prompt, count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

__all__ = [
    "COLORMAP",
    "FAINT",
    "HATCHES",
    "NO_DIVERGENCE",
    "PLAIN",
    "SERIES",
    "SYMBOLS",
    "axes",
    "choose_prompt",
    "color_bar",
    "color_scale",
    "drawing",
    "headline",
    "ink_on",
    "legend",
    "limited",
    "room",
    "settled",
    "small",
    "two_names",
    "whole_numbers",
]

COLORMAP: Final = "cividis"
"""Even steps of lightness, for all kinds of colour vision and in grey."""

FAINT: Final = "0.5"
"""A grey that is seen on white and on black."""

PLAIN: Final[dict[str, Any]] = {"parse_math": False, "usetex": False}
"""For texts as they are: a token may hold $ or _."""

SERIES: Final[tuple[dict[str, Any], ...]] = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#7F7F7F", "linestyle": ":", "marker": "^"},
)
"""Told apart by line and marker in grey; blue and vermilion of Okabe and Ito (2008)."""

SYMBOLS: Final = ("●", "■", "▲")
"""The markers, for words."""

HATCHES: Final = ("", "////", "....")
"""Of bars, as `SERIES` of lines."""

NO_DIVERGENCE: Final = 1e-26
"""Nats.  KL grows with the square of what two log-probabilities differ by: here 1e-13, their rounding."""

_LONGEST_BAR: Final = 220.0  # points
_MOST_COLOR: Final = 8e307  # so that the difference of two limits is a float


P = ParamSpec("P")


def drawing(draw: "Callable[P, Axes]") -> "Callable[P, Axes]":
    """Let a function that draws say what to install, and close the figure that it made for itself if it fails."""

    def open_figures() -> list[int]:
        pyplot = sys.modules.get("matplotlib.pyplot")
        return pyplot.get_fignums() if pyplot else []

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> "Axes":
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            raise TabularBellmanError(
                "pictures need Matplotlib, which is not installed: pip install 'tabular_bellman[plot]'."
            ) from None
        before = open_figures()
        try:
            return draw(*args, **kwargs)
        except BaseException:
            for made in set(open_figures()).difference(before):
                sys.modules["matplotlib.pyplot"].close(made)
            raise

    return drawn


def axes(ax: "Axes | None", width: float, height: float) -> "Axes":
    """Return the Axes to draw on: the caller's, or those of a new figure of so many inches.

    Raises
    ------
    TabularBellmanError
        If `ax` is something else.
    """
    from matplotlib.axes import Axes

    if ax is not None:
        expect(Axes, ax, "ax", "Make one with matplotlib.pyplot.subplots(), or leave it out.")
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def choose_prompt(space: SequenceSpace, prompt: Prompt) -> int:
    """Return the index of a prompt; None stands for the first."""
    return 0 if prompt is None else space.prompt_index(prompt)


def headline(ax: "Axes", space: SequenceSpace, p: int, above: float = 0.0) -> None:
    """Say which prompt is drawn, where there are several; `above` what is so many points high."""
    if space.n_prompts > 1:
        text = f"prompt {Labels(space).prompt(space.prompts[p])}"
        ax.set_title(text, fontsize="medium", pad=6.0 + above, **PLAIN)


def limited(n: int, what: str, limit: int, remedy: str) -> None:
    """Refuse to draw more than `limit` of something."""
    if n > limit:
        raise TabularBellmanError(f"{count(n)} {what}; a picture takes {limit:,}. {remedy}.")


def two_names(names: object) -> tuple[str, str]:
    """Return what two models are to be called."""
    if isinstance(names, (tuple, list)) and len(names) == 2 and all(isinstance(name, str) for name in names):
        return names[0], names[1]
    raise TabularBellmanError(f"names is {names!r}; it must be a pair of strings, such as ('teacher', 'student').")


def whole_numbers(ax: "Axes", first: float, last: float) -> None:
    """Let the x axis go from one integer to another, and mark it at integers only."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlim(first - 0.6, last + 0.6)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def color_bar(ax: "Axes", colors: "ScalarMappable", label: str) -> None:
    """Explain the colours beside the Axes, in a bar no longer than it need be; it takes room from the Axes."""
    tall = max(room(ax, 1.0, 1.0)[1], 1.0)
    shrink = min(0.8, _LONGEST_BAR / tall)
    bar = ax.figure.colorbar(colors, ax=ax, shrink=shrink, aspect=max(8.0, 0.09 * shrink * tall))
    bar.set_label(label, **PLAIN)


def settled(divergence: ArrayLike) -> FloatArray:
    """Return KL divergences with 0 for what is rounding alone."""
    values = np.asarray(divergence, dtype=np.float64)
    return np.where(values < NO_DIVERGENCE, 0.0, values)


def room(ax: "Axes", columns: float, rows: float) -> tuple[float, float]:
    """Return the width of a column and the height of a row in points, as large as the Axes are now."""
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    return 72.0 * box.width / dpi / columns, 72.0 * box.height / dpi / rows


def small() -> float:
    """The size of letters in a picture, in points: a little less than the user's."""
    import matplotlib as mpl

    return 0.8 * float(mpl.rcParams["font.size"])


def color_scale(values: ArrayLike, low: float | None = None, high: float | None = None) -> "Normalize":
    """Return the scale of colours over the finite numbers of an array; equal numbers get the middle of it."""
    from matplotlib.colors import Normalize

    for name, end in (("vmin", low), ("vmax", high)):
        if end is not None and not np.isfinite(number(end, name)):
            raise TabularBellmanError(f"{name} is {end}; the end of a scale of colours must be finite.")
    if low is not None and high is not None and not low < high:
        raise TabularBellmanError(f"vmin is {low} and vmax is {high}; vmin must be less.")
    finite = np.asarray(values, dtype=np.float64).ravel()
    finite = finite[np.isfinite(finite)]
    bottom = low if low is not None else float(finite.min(initial=np.inf))
    top = high if high is not None else float(finite.max(initial=-np.inf))
    if bottom > top:  # nothing is finite, or all of it is beyond the one end that is given
        bottom = top = high if high is not None else low if low is not None else 0.0
    if not top - bottom > 1e-12 * max(abs(top), abs(bottom)):
        margin = max(0.5, 1e-3 * abs(top))
        bottom, top = bottom - margin, top + margin
    return Normalize(max(bottom, -_MOST_COLOR), min(top, _MOST_COLOR), clip=True)


def ink_on(color: Iterable[float]) -> str:
    """Return black or white, whichever is read better on a colour (red, green, blue from 0 to 1)."""
    channels = np.array(list(color)[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))  # relative luminance of sRGB
    # The contrast with white is 1.05/(L + 0.05), with black (L + 0.05)/0.05: equal at L = 0.179.
    return "white" if luminance < 0.179 else "black"


def legend(ax: "Axes", **settings: Any) -> None:
    """Explain the series, in plain text."""
    made = ax.legend(frameon=False, fontsize="small", **settings)
    for text in made.get_texts():
        text.set(**PLAIN)
