"""What is handed on to Matplotlib: it is done, under whatever name, or it is refused by name."""

import numpy as np
import pytest
from drawn_examples import EXAMPLES, PICTURES, pair
from matplotlib import pyplot as plt
from matplotlib.collections import PolyCollection
from matplotlib.colors import BoundaryNorm, LogNorm, to_rgba
from matplotlib.figure import Figure

from tabular_bellman import EnergyBasedModel, TabularBellmanError
from tabular_bellman.plotting import (
    bounds_against_kl,
    kl_by_depth,
    kl_by_prefix,
    lookahead_curve,
    prefix_tree,
    table_by_depth,
    table_heatmap,
    temperature_sweep,
)
from tabular_bellman.plotting.canvas import SERIES
from tabular_bellman.plotting.settings import shades

REWARD = EXAMPLES["two tokens"]
MODEL, (P, Q) = EnergyBasedModel(REWARD), pair(REWARD)
RED = to_rgba("red")


def new():
    return Figure(figsize=(8, 6)).subplots()


def nodes(**settings):
    """The circles and squares of a tree: {label: collection}."""
    ax = prefix_tree(MODEL, ax=new(), **settings)
    return [c for c in ax.collections if c.get_zorder() == 3 and c.get_label() != "dead" and len(c.get_offsets())]


@pytest.mark.parametrize("color_by", ["value", "probability", None])
@pytest.mark.parametrize("name", ["linewidth", "linewidths", "lw"])
def test_nodes_take_the_width_of_their_lines_under_every_name(name, color_by):
    drawn = nodes(color_by=color_by, **{name: 3.0})
    assert len(drawn) == 2
    assert all(c.get_linewidths().tolist() == [3.0] for c in drawn)


@pytest.mark.parametrize("color_by", ["value", None])
def test_nodes_take_size_edge_and_label(color_by):
    for c in nodes(color_by=color_by, s=400, ec="red", label="mine"):
        assert c.get_sizes().tolist() == [400.0]
        assert tuple(c.get_edgecolors()[0]) == RED
        assert c.get_label() == "mine"


@pytest.mark.parametrize("name", ["color", "c", "facecolor", "fc", "facecolors"])
def test_one_colour_for_all_nodes_stands_in_place_of_a_scale(name):
    ax = prefix_tree(MODEL, ax=new(), **{name: "red"})
    assert len(ax.figure.axes) == 1  # no colour bar
    drawn = [c for c in ax.collections if c.get_label() in ("prefix", "end")]
    assert {tuple(color) for c in drawn for color in c.get_facecolors()} == {RED}


def test_a_norm_gets_its_ends_from_what_is_drawn():
    norm = LogNorm()
    circles, squares = nodes(color_by="probability", norm=norm)
    shown = np.concatenate([circles.get_array(), squares.get_array()])
    assert circles.norm is squares.norm is norm
    assert (norm.vmin, norm.vmax) == (shown.min(), shown.max())
    np.testing.assert_allclose(
        circles.norm(circles.get_array()), np.log(circles.get_array() / norm.vmin) / np.log(norm.vmax / norm.vmin)
    )
    assert nodes(color_by="probability", norm="log")[0].norm(shown.max()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "draw", [lambda **s: table_by_depth(REWARD, depth=1, **s), lambda **s: table_heatmap(REWARD, **s)]
)
def test_heat_maps_take_ends_and_a_norm(draw):
    def cells(**settings):
        return next(c for c in draw(ax=new(), **settings).collections if isinstance(c, PolyCollection))

    assert (cells(vmin=-7.0, vmax=8.0).norm.vmin, cells(vmin=-7.0, vmax=8.0).norm.vmax) == (-7.0, 8.0)
    values = cells().get_array()
    assert (cells(vmax=8.0).norm.vmin, cells(vmin=-7.0).norm.vmax) == (values.min(), values.max())
    assert cells(norm=BoundaryNorm([-1.0, 0.0, 1.0], 256)).norm.N == 3
    drawn = cells(norm=LogNorm(vmin=0.1, vmax=10.0), cmap="viridis", lw=2.0, ec="red")
    assert drawn.norm(1.0) == pytest.approx(0.5)
    assert drawn.get_cmap().name == "viridis"
    assert drawn.get_linewidths() == [2.0]
    assert tuple(drawn.get_edgecolors()[0]) == RED


def test_numbers_that_a_norm_has_no_colour_for_are_still_written():
    """A LogNorm has none for rewards below 0."""
    ax = table_by_depth(REWARD, depth=1, norm=LogNorm(vmin=0.1, vmax=10.0), ax=new())
    ax.figure.canvas.draw()
    negative = [text for text in ax.texts if text.get_text().startswith("−")]
    assert negative
    assert {text.get_color() for text in negative} == {"black"}


def bars(draw, **settings):
    return [bar for container in draw(P, Q, ax=new(), **settings).containers for bar in container]


def test_bars_take_width_label_and_edge():
    ax = kl_by_depth(P, Q, ax=new(), width=0.2, label="mine", lw=2.0, ec="red")
    for k, container in enumerate(ax.containers):
        assert container.get_label() == "mine"
        for t, bar in enumerate(container):
            assert bar.get_width() == pytest.approx(0.2)
            assert bar.get_x() + 0.1 == pytest.approx(t + 0.2 * (k - 0.5))  # side by side, as wide as they are
            assert bar.get_linewidth() == 2.0
            assert bar.get_edgecolor() == RED
    assert {bar.get_height() for bar in bars(kl_by_prefix, height=0.3)} == {0.3}
    *others, last = bars(kl_by_prefix, color="red", most=3)
    assert {bar.get_facecolor() for bar in others} == {last.get_edgecolor()} == {RED}


def test_points_and_lines_take_short_names():
    by_label = {line.get_label(): line for line in bounds_against_kl(P, Q, ax=new(), ls="-", c="red").get_lines()}
    assert by_label["teacher‖student"].get_linestyle() == "-"
    assert {line.get_color() for name, line in by_label.items() if "teacher" in name} == {"red"}
    assert bounds_against_kl(P, Q, ax=new(), label="mine").get_lines()[0].get_label() == "mine"
    ax = lookahead_curve(REWARD, ax=new(), ls=":", c="red", label="mine")
    for line in (axes.get_lines()[0] for axes in ax.figure.axes):
        assert (line.get_linestyle(), line.get_color(), line.get_label()) == (":", "red", "mine")
    ax = temperature_sweep(REWARD, ax=new(), ms=3.0, c="red")
    drawn = [line for axes in ax.figure.axes for line in axes.get_lines()]
    assert len(drawn) == 9
    assert {line.get_color() for line in drawn} == {"red"}  # the limits too
    assert [line.get_markersize() for line in drawn if len(line.get_xdata()) > 1] == [3.0] * 3


def test_what_is_not_given_stays_ours():
    lines = lookahead_curve(REWARD, ax=new(), lw=3.0).figure.axes
    assert [axes.get_lines()[0].get_color() for axes in lines] == [look["color"] for look in SERIES[:2]]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nonsense": 1}, r"Matplotlib refuses what was handed on to it \(nonsense=\): .*nonsense"),
        ({"alpha": "much"}, r"\(alpha=\): .*alpha"),
    ],
)
def test_what_matplotlib_does_not_take_is_refused_by_name(picture, settings, message):
    before = plt.get_fignums()
    with pytest.raises(TabularBellmanError, match=message):
        picture(REWARD, **settings)
    assert plt.get_fignums() == before  # no empty figure is left open


@pytest.mark.parametrize("name", [name for name in PICTURES if not name.startswith("prefix_tree")])
def test_the_numbers_themselves_cannot_be_handed_on(name):
    own = {"table": "array", "reach": "array", "kl_by_prefix": "width", "kl_by_depth": "height"}
    key = next((key for start, key in own.items() if name.startswith(start)), "x")
    with pytest.raises(TabularBellmanError, match=rf"Matplotlib refuses .*\({key}=\)"):
        PICTURES[name](REWARD, ax=new(), **{key: [1.0]})


REFUSED = {
    "one property under two names": (
        lambda: lookahead_curve(REWARD, lw=1, linewidth=2),
        r"\(lw=, linewidth=\): Got both",
    ),
    "no map of colours": (lambda: prefix_tree(MODEL, cmap="nope"), r"\(cmap=\): 'nope' is not a"),
    "no map, for cells": (lambda: table_by_depth(REWARD, depth=0, cmap="nope"), r"\(cmap=\): 'nope' is not a"),
    "no norm": (lambda: table_heatmap(REWARD, norm="nope"), r"\(cmap=, norm=\): "),
    "a norm without numbers": (
        lambda: table_heatmap(REWARD * 0.0 - 9.0, norm=LogNorm()),
        r"\(cmap=, norm=\): Invalid vmin or vmax",
    ),
    "a norm and an end": (
        lambda: table_heatmap(REWARD, norm=LogNorm(), vmin=1.0),
        "norm= is given, and vmin= or vmax=; give the ends to the norm",
    ),
    "an end that is none": (lambda: table_heatmap(REWARD, vmin="low"), "vmin is 'low'"),
    "colours for each node": (lambda: prefix_tree(MODEL, c=[1.0, 2.0]), r"\(c=\): "),
    "no colour": (lambda: kl_by_depth(P, Q, color="nope"), r"\(color=\): .*color"),
    "no width": (lambda: kl_by_depth(P, Q, width="wide"), r"\(width=\): "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    draw, message = REFUSED[name]
    with pytest.raises(TabularBellmanError, match=message):
        draw()
    assert plt.get_fignums() == []


def test_a_mistake_of_ours_is_not_the_callers():
    from tabular_bellman.plotting.settings import handed_on

    with pytest.raises(TypeError), handed_on({}):
        raise TypeError
    with pytest.raises(TabularBellmanError), handed_on({"lw": 1}):
        raise TypeError("lw")


def test_colours_of_nothing():
    for values in ([], [-np.inf]):
        scale = shades(values, cmap="cividis").norm
        assert scale.vmin < scale.vmax
        assert shades(values, cmap="cividis", norm=LogNorm()).norm.vmin is None  # and no colour bar is drawn of it
    ax = table_by_depth(EXAMPLES["forbidden and dead"], depth=3, norm=LogNorm(), ax=new())
    assert len(ax.figure.axes) == 1
