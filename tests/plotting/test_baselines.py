"""Pictures compared with pictures that a person has looked at.

``python tests/plotting/test_baselines.py`` draws them anew; look at them before you keep them.

Words are left out, and the Axes have a place of their own: each version of Matplotlib sets letters in its own way, and
what is written is tested elsewhere.  The rest is the same, pixel for pixel, from 3.9 to 3.11.  TOLERANCE, the root mean
square of the differences of up to 255, is for other machines; the planted changes are above twice as much.
"""

from pathlib import Path

import pytest
from drawn_examples import EXAMPLES, PICTURES, pair
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text

from tabular_bellman import EnergyBasedModel, soft_bellman
from tabular_bellman.plotting import (
    bounds_against_kl,
    kl_by_depth,
    prefix_tree,
    table_heatmap,
    temperature_sweep,
    trees,
)

BASELINE = Path(__file__).parent / "baseline"
TOLERANCE = 2
SAVED = {"dpi": 80, "facecolor": "white"}
BRANCHED, ORDINARY = EXAMPLES["forbidden and dead"], EXAMPLES["two tokens"]
NAMES = ("prefix_tree", "table_heatmap", "bounds_against_kl", "kl_by_depth", "temperature_sweep")


def draw(function, *arguments, **settings):
    figure = Figure(figsize=(5, 3))
    function(*arguments, ax=figure.add_axes((0.1, 0.1, 0.7, 0.75)), **settings)
    for artist in figure.findobj(lambda artist: isinstance(artist, (Legend, Text))):
        artist.set_visible(False)
    return figure


def picture(name):
    return draw(PICTURES[name], BRANCHED if name in ("prefix_tree", "table_heatmap") else ORDINARY)


def baseline(name):
    return BASELINE / f"{name}.png"


def difference(figure, name, folder):
    """The root mean square of the difference, 0 below TOLERANCE."""
    drawn = folder / "drawn.png"
    figure.savefig(drawn, **SAVED)
    found = compare_images(baseline(name), drawn, TOLERANCE, in_decorator=True)
    return 0.0 if found is None else found["rms"]


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_as_they_were(name, tmp_path):
    assert difference(picture(name), name, tmp_path) == 0.0


def test_there_is_no_other_baseline():
    assert set(BASELINE.iterdir()) == {baseline(name) for name in NAMES}


MODEL, LOGITS = EnergyBasedModel(BRANCHED), soft_bellman(BRANCHED)[0]
PLANTED = {
    "edges as wide as the policy": ("prefix_tree", lambda: draw(prefix_tree, MODEL, width="policy")),
    "colours of another scale": ("prefix_tree", lambda: draw(prefix_tree, MODEL, vmax=9.0)),
    "no stubs": ("prefix_tree", lambda: draw(prefix_tree, MODEL, forbidden=False)),
    "logits for rewards": ("table_heatmap", lambda: draw(table_heatmap, {"r": LOGITS, "M r": LOGITS})),
    "the wrong way round": ("kl_by_depth", lambda: draw(kl_by_depth, *pair(ORDINARY)[::-1])),
    "teacher for student": ("bounds_against_kl", lambda: draw(bounds_against_kl, *pair(ORDINARY)[::-1])),
    "rewards a tenth larger": ("temperature_sweep", lambda: draw(temperature_sweep, ORDINARY * 1.1)),
}


@pytest.mark.parametrize("change", PLANTED)
def test_a_planted_change_is_found(change, tmp_path):
    name, drawn = PLANTED[change]
    assert difference(drawn(), name, tmp_path) > 2 * TOLERANCE


def test_thinner_bands_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(trees, "_WIDEST_BAND", 2.0)
    assert difference(picture("prefix_tree"), "prefix_tree", tmp_path) > 2 * TOLERANCE


def test_a_line_in_another_colour_is_found(tmp_path):
    figure = picture("temperature_sweep")
    figure.axes[0].get_lines()[0].set_color("red")
    assert difference(figure, "temperature_sweep", tmp_path) > 2 * TOLERANCE


if __name__ == "__main__":
    with plt.style.context("default"):
        for name in NAMES:
            picture(name).savefig(baseline(name), **SAVED)
