"""What holds for every function that draws."""

import copy
import sys
import unicodedata

import matplotlib as mpl
import numpy as np
import pytest
from drawn_examples import EXAMPLES, PICTURES
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

from tabular_bellman import EnergyBasedModel, StateActionTable, TabularBellmanError, plotting
from tabular_bellman.plotting import prefix_tree

ORDINARY = EXAMPLES["two tokens"]


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_text()]


def test_every_function_is_drawn_here():
    assert {name.split()[0] for name in PICTURES} == set(plotting.__all__)


def test_whatever_the_rewards_are(picture, reward, ax):
    assert picture(reward, ax=ax) is ax
    ax.figure.canvas.draw()  # warnings are errors
    for text in texts(ax.figure):
        # Labels of ticks that Matplotlib writes itself are its own mathematics.
        if "$" in text.get_text() and "mathdefault" not in text.get_text():
            assert not text.get_parse_math()
            assert not text.get_usetex()
        assert "\n" not in text.get_text()


@pytest.mark.parametrize("style", ["dark_background", "classic", "ggplot"])
def test_settings_and_figures_of_the_caller_stay_as_they_are(picture, style):
    with plt.style.context(style):
        settings, open_figures = copy.deepcopy(dict(mpl.rcParams)), plt.get_fignums()
        picture(ORDINARY, ax=Figure().subplots()).figure.canvas.draw()
        assert dict(mpl.rcParams) == settings
        assert plt.get_fignums() == open_figures


def test_without_axes_there_is_one_new_figure(picture):
    other = plt.figure()
    ax = picture(ORDINARY)
    assert len(plt.get_fignums()) == 2
    assert ax.figure is not other
    assert not other.axes
    plt.close(ax.figure)
    assert plt.get_fignums() == [other.number]


def test_in_a_subfigure(picture):
    figure = Figure(figsize=(8, 4), layout="constrained")
    left, _ = figure.subfigures(1, 2)
    ax = left.subplots()
    assert picture(ORDINARY, ax=ax) is ax
    figure.canvas.draw()


def test_each_prompt_has_a_picture_of_its_own(picture):
    reward = EXAMPLES["several prompts"]
    drawn = []
    for prompt in (None, *reward.space.prompts):
        ax = picture(reward, prompt=prompt, ax=Figure().subplots())
        drawn.append((ax.get_title(), np.asarray(rendered(ax))))
    assert [title for title, _ in drawn] == ["prompt x", "prompt x", "prompt ('y', 1)", "prompt $z_"]
    assert (drawn[0][1] == drawn[1][1]).all()
    for i in (2, 3):
        assert (drawn[i][1] != drawn[1][1]).any()


def rendered(ax):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    ax.set_title("")
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return canvas.buffer_rgba()


def test_an_unknown_prompt_is_refused(picture, ax):
    with pytest.raises(TabularBellmanError, match="unknown prompt 'w'; the prompts are 'x'"):
        picture(EXAMPLES["several prompts"], prompt="w", ax=ax)


def test_what_is_no_axes_is_refused(picture, ax):
    with pytest.raises(TabularBellmanError, match="ax is a Figure; it must be a Axes. Make one with"):
        picture(ORDINARY, ax=ax.figure)


def test_without_matplotlib_the_error_says_what_to_install(picture, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(TabularBellmanError, match=r"not installed: pip install 'tabular_bellman\[plot\]'"):
        picture(ORDINARY)


def test_the_import_itself_needs_no_matplotlib():
    import subprocess

    code = "import sys; sys.modules['matplotlib'] = None; import tabular_bellman.plotting"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_our_own_signs_are_in_the_default_font(picture, ax):
    picture(EXAMPLES["forbidden and dead"], ax=ax)
    known = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    for text in texts(ax.figure):
        for character in text.get_text():
            assert ord(character) in known, unicodedata.name(character)


def test_no_two_pictures_share_what_they_draw_on():
    first, second = (prefix_tree(EnergyBasedModel(ORDINARY)) for _ in range(2))
    assert first.figure is not second.figure


def test_the_tables_handed_in_stay_as_they_are(picture, ax):
    reward = EXAMPLES["two tokens"]
    before = StateActionTable.from_levels(reward.space, reward.levels)
    picture(reward, ax=ax)
    assert reward == before
