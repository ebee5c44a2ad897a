"""Where a KL divergence comes from: by depth, by prefix, and beside the bounds on it."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tabular_bellman import divergence
from tabular_bellman.extended import FloatArray, weighted
from tabular_bellman.plotting.canvas import (
    FAINT,
    HATCHES,
    PLAIN,
    SERIES,
    axes,
    choose_prompt,
    drawing,
    headline,
    legend,
    limited,
    settled,
    small,
    two_names,
    whole_numbers,
)
from tabular_bellman.plotting.labels import Labels, number
from tabular_bellman.plotting.settings import handed_on, merged
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.tokens import Prompt, plural, positive_int

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bounds_against_kl", "kl_by_depth", "kl_by_prefix"]

_MOST_DEPTHS: Final = 200
_MOST_BARS: Final = 200


@drawing
def kl_by_depth(
    p: SequenceModel,
    q: SequenceModel,
    *,
    prompt: Prompt = None,
    names: tuple[str, str] = ("p", "q"),
    ax: "Axes | None" = None,
    **kwargs: Any,
) -> "Axes":
    """Draw what each depth adds to KL(p‖q) and to KL(q‖p), as bars that add up to them.

    Parameters
    ----------
    p, q : EnergyBasedModel or AutoregressiveModel
        Over one space.
    prompt : hashable, optional
        By default the first.
    names : tuple of two str, default ("p", "q")
        What to call them.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        For the bars, as `Axes.bar` takes them.

    Returns
    -------
    matplotlib.axes.Axes
        In nats.  Where a depth adds ∞, this is written; it has no bar.  What is below 1e-26 nats is rounding, and 0.

    Raises
    ------
    TabularBellmanError
        For different spaces, more than 200 depths, an unknown prompt, settings that Matplotlib refuses, and without
        Matplotlib.
    """
    from matplotlib.patches import Rectangle

    divergence.same_space(p, q)
    space, i = p.space, choose_prompt(p.space, prompt)
    limited(space.n_depths, f"depths in {space!r}", _MOST_DEPTHS, "Use a shorter max_length")
    first, second = two_names(names)
    parts = [settled(np.atleast_2d(divergence.kl_by_depth(*pair))[i]) for pair in ((p, q), (q, p))]
    totals = [_total(*pair, i) for pair in ((p, q), (q, p))]
    ax = axes(ax, min(2.2 + 0.55 * space.n_depths, 20.0), 3.2)
    for k, (part, total) in enumerate(zip(parts, totals, strict=True)):
        name = f"KL({(first, second)[k]}‖{(second, first)[k]}) = {number(total)}"
        ours = {"width": 0.4, "label": name, "color": SERIES[k]["color"], "hatch": HATCHES[k], "edgecolor": "white"}
        look = merged({**ours, "linewidth": 0.0}, kwargs, Rectangle)
        with handed_on(kwargs):
            x = np.arange(space.n_depths) + look["width"] * (k - 0.5)
            ax.bar(x, np.where(np.isfinite(part), part, 0.0), **look)
        for place in x[np.isinf(part)]:
            ax.annotate("∞", (place, 0.0), (0.0, 2.0), textcoords="offset points", ha="center", **PLAIN)
    if not any(part.any() for part in parts):
        ax.set_ylim(top=1.0)
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel("depth t")
    ax.set_ylabel("nats")
    whole_numbers(ax, 0, space.n_depths - 1)
    headline(ax, space, i)
    legend(ax)
    return ax


@drawing
def kl_by_prefix(
    p: SequenceModel,
    q: SequenceModel,
    *,
    prompt: Prompt = None,
    most: int = 12,
    names: tuple[str, str] = ("p", "q"),
    ax: "Axes | None" = None,
    **kwargs: Any,
) -> "Axes":
    """Draw the prefixes that add most to KL(p‖q), largest first, and all others together.

    Parameters
    ----------
    p, q : EnergyBasedModel or AutoregressiveModel
        Over one space.
    prompt : hashable, optional
        By default the first.
    most : int, default 12
        How many prefixes, at most 200.
    names : tuple of two str, default ("p", "q")
        What to call them.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        For the bars, as `Axes.barh` takes them.

    Returns
    -------
    matplotlib.axes.Axes
        In nats.  What a prefix adds is P(s)·KL(π_p(·|s)‖π_q(·|s)), P(s) the chance that p passes there.  ∞ is
        written; it has no bar.  What is below 1e-26 nats is rounding, and 0.

    Raises
    ------
    TabularBellmanError
        For different spaces, an unknown prompt, settings that Matplotlib refuses, and without Matplotlib.
    """
    from matplotlib.patches import Rectangle

    divergence.same_space(p, q)
    space, i = p.space, choose_prompt(p.space, prompt)
    most = positive_int("most", most, _MOST_BARS)
    first, second = two_names(names)
    added = settled(_by_prefix(p, q, i))
    order = np.argsort(-added, kind="stable")
    shown = [int(k) for k in order[:most] if added[k] > 0.0]
    labels, rest = Labels(space), np.delete(added, shown)
    texts = labels.prefixes(_prefix(p, k, i) for k in shown)
    values = list(added[shown])
    if rest.any():
        texts.append(plural(rest.size, "other"))
        values.append(float(rest.sum()))
    ax = axes(ax, 5.2, 1.2 + 0.26 * max(len(texts), 2))
    rows = np.arange(len(texts))
    finite = np.where(np.isfinite(values), values, 0.0)
    look = merged({"height": 0.7, "color": SERIES[0]["color"]}, kwargs, Rectangle)
    with handed_on(kwargs):
        bars = ax.barh(rows, finite, **look)
    if rest.any():
        bars[-1].set(facecolor="none", edgecolor=bars[-1].get_facecolor(), hatch="////")
    for row, value in zip(rows, values, strict=True):
        place = (value if np.isfinite(value) else 0.0, row)
        ax.annotate(number(value), place, (3.0, 0.0), textcoords="offset points", va="center", fontsize="small")
    ax.set_yticks(rows, texts, **PLAIN)
    ax.set_ylim(max(len(texts), 1) - 0.4, -0.6)
    ax.set_xlim(0.0, 1.2 * float(finite.max()) if finite.any() else 1.0)
    ax.set_xlabel(f"nats; KL({first}‖{second}) = {number(_total(p, q, i))} in all", **PLAIN)
    ax.set_ylabel("prefix")
    headline(ax, space, i)
    return ax


def _total(p: SequenceModel, q: SequenceModel, i: int) -> float:
    """Return KL(p‖q) of prompt i."""
    return float(settled(np.atleast_1d(divergence.kl_divergence(p, q))[i]))


def _by_prefix(p: SequenceModel, q: SequenceModel, i: int) -> FloatArray:
    """Return P(s)·KL_s of the prefixes of prompt i, depth by depth in the order of storage."""
    pairs = zip(p.prefix_log_probs.levels, divergence.prefix_kl(p, q), strict=True)
    return np.concatenate([weighted(*pair)[i :: p.space.n_prompts] for pair in pairs])


def _prefix(p: SequenceModel, k: int, i: int) -> tuple[Any, ...]:
    """Return the prefix that stands k-th in `_by_prefix`."""
    space, depth = p.space, 0
    while k >= space.n_tokens**depth:
        k -= space.n_tokens**depth
        depth += 1
    return space.prefix_at(depth, i + space.n_prompts * k)[1]


@drawing
def bounds_against_kl(
    teacher: SequenceModel,
    student: SequenceModel,
    *,
    prompt: Prompt = None,
    names: tuple[str, str] = ("teacher", "student"),
    ax: "Axes | None" = None,
    **kwargs: Any,
) -> "Axes":
    """Draw every bound of a distillation report beside the KL that it bounds, on a logarithmic scale.

    Parameters
    ----------
    teacher, student : EnergyBasedModel or AutoregressiveModel
        Over one space.
    prompt : hashable, optional
        By default the first.
    names : tuple of two str, default ("teacher", "student")
        What to call them.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        For the points, as `Axes.plot` takes them.

    Returns
    -------
    matplotlib.axes.Axes
        A row for each bound, in the order of the report: upper bounds, then lower ones; a point for each direction,
        and the two KLs as lines.  What is 0 or infinite has no place on the scale: it is said in words.

    Raises
    ------
    TabularBellmanError
        As `distillation_report`, for an unknown prompt, settings that Matplotlib refuses, and without Matplotlib.
    """
    from matplotlib.lines import Line2D

    from tabular_bellman.distillation import distillation_report

    report = distillation_report(teacher, student)
    first, second = two_names(names)
    space, i = teacher.space, choose_prompt(teacher.space, prompt)
    rows = report.forward.bounds
    ax = axes(ax, 6.2, 1.3 + 0.34 * len(rows))
    ax.set_xscale("log")
    said: dict[int, dict[str, str]] = {}
    for k, direction in enumerate(report.directions):
        name = (f"{first}‖{second}", f"{second}‖{first}")[k]
        kl = float(settled(np.atleast_1d(direction.kl)[i]))
        values = np.array([float(np.atleast_1d(bound.value)[i]) for bound in direction.bounds])
        drawn = (values > 0.0) & np.isfinite(values)
        y = np.arange(len(values)) + 0.16 * (2 * k - 1)
        ours = {**SERIES[k], "linestyle": "none", "fillstyle": ("full", "none")[k], "label": name}
        look = merged(ours, kwargs, Line2D)
        with handed_on(kwargs):
            (points,) = ax.plot(values[drawn], y[drawn], **look)
        if 0.0 < kl < np.inf:
            line = {"color": points.get_color(), "linestyle": SERIES[k]["linestyle"], "linewidth": 1.2}
            ax.axvline(kl, label=f"KL({name}) = {number(kl)}", **line)
        else:
            ax.plot([], [], " ", label=f"KL({name}) = {number(kl)}")
        for row in np.flatnonzero(~drawn):
            said.setdefault(int(row), {})[name] = "infinite" if values[row] > 0.0 else "0"
    _say(ax, said)
    ax.set_yticks(range(len(rows)), [bound.formula for bound in rows], **PLAIN)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    _divide(ax, sum(bound.kind == "upper" for bound in rows) - 0.5)
    ax.set_xlabel("nats")
    headline(ax, space, i, above=3.8 * small())
    legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax


def _divide(ax: "Axes", row: float) -> None:
    """Separate upper bounds from lower ones."""
    ax.axhline(row, color=FAINT, linewidth=0.6)
    for text, va in (("upper bounds", "bottom"), ("lower bounds", "top")):
        place: dict[str, Any] = {
            "xycoords": ax.get_yaxis_transform(),
            "xytext": (3.0, 0.0),
            "textcoords": "offset points",
        }
        ax.annotate(text, (1.0, row), ha="left", va=va, fontsize="x-small", color=FAINT, **place)


def _say(ax: "Axes", said: dict[int, dict[str, str]]) -> None:
    """Write in each row which directions have no place on a logarithmic scale, and why."""
    for row, words in said.items():
        alike = len(words) == 2 and len(set(words.values())) == 1
        text = (
            f"both {next(iter(words.values()))}"
            if alike
            else "; ".join(f"{name}: {word}" for name, word in words.items())
        )
        across = ax.get_yaxis_transform()  # x in widths of the Axes
        ax.text(0.99, row, text, transform=across, ha="right", va="center", fontsize="small", **PLAIN)
