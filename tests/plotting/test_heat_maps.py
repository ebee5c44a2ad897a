"""What is in a heat map: cells, colours, numbers, hatching."""

import math

import numpy as np
import pytest
from contrast_of import contrast
from hypothesis import given
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from strategies import tables

from tabular_bellman import EOS, SequenceSpace, StateActionTable, TabularBellmanError, soft_bellman
from tabular_bellman.plotting import table_by_depth, table_heatmap
from tabular_bellman.plotting.labels import number

SPACE = SequenceSpace("ab", max_length=3)
REWARD = StateActionTable.from_function(
    SPACE, lambda _, prefix, action: -math.inf if prefix == ("a",) and action is EOS else len(prefix) + (action == "b")
)


def cells(ax):
    """The coloured and the hatched rectangles: (left, top, right, bottom), and the numbers of the coloured ones."""
    colored, hatched = (c for c in ax.collections if isinstance(c, PolyCollection))
    assert hatched.get_hatch()
    boxes = [
        [(*path.vertices[:4].min(axis=0), *path.vertices[:4].max(axis=0)) for path in c.get_paths()]
        for c in (colored, hatched)
    ]
    return dict(zip(boxes[0], colored.get_array().tolist(), strict=True)), boxes[1]


def rounded(box):
    return tuple(round(float(x), 6) for x in box)


def wide():
    return Figure(figsize=(20, 12)).subplots()


def test_one_depth_is_a_matrix():
    ax = table_by_depth(REWARD, depth=1, ax=wide())
    colored, hatched = cells(ax)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "EOS"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    for row, prefix in enumerate("ab"):
        for column, action in enumerate(["a", "b", EOS]):
            box, value = (column, row, column + 1, row + 1), REWARD[None, (prefix,), action]
            assert box in hatched if value == -math.inf else colored[box] == value
    assert sorted(text.get_text() for text in ax.texts) == sorted(["1", "2", "−∞", "1", "2", "1"])


def test_minus_infinity_has_no_colour():
    colored, hatched = cells(table_by_depth(REWARD, depth=1, ax=wide()))
    assert len(hatched) == 1
    assert len(colored) == 5
    assert math.inf not in map(abs, colored.values())


@given(tables())
def test_all_depths_have_every_number_of_the_table_in_its_place(reward):
    logits, _ = soft_bellman(reward)
    space, prompt = reward.space, reward.space.prompts[-1]
    ax = table_heatmap({"r": reward, "q": logits}, prompt=prompt, ax=wide())
    colored, hatched = cells(ax)
    values = {rounded(box): x for box, x in {**colored, **dict.fromkeys(hatched, -math.inf)}.items()}
    height = space.n_tokens ** (space.n_depths - 1)
    x = 0.0
    for table in (reward, logits):
        for depth in range(space.n_depths):
            tall = height / space.n_tokens**depth
            for row, (_, prefix) in enumerate(space.prefixes(depth, prompt)):
                for column, action in enumerate(space.actions(depth)):
                    box = rounded((x + column, row * tall, x + column + 1, (row + 1) * tall))
                    assert values[box] == table[prompt, prefix, action]
            x += space.n_actions(depth) + 0.4
        x += 2.0 - 0.4
    assert len(values) == 2 * space.n_pairs // space.n_prompts


def test_the_words_around_the_blocks():
    ax = table_heatmap({"reward r": REWARD, "logits": soft_bellman(REWARD)[0]}, ax=wide())
    texts = [text.get_text() for text in ax.texts]
    assert [text for text in texts if text.startswith("t = ")] == ["t = 0", "t = 1", "t = 2"] * 2
    assert {"reward r", "logits", "−∞"} <= set(texts)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["aa", "ab", "ba", "bb"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "EOS", "a", "b", "EOS", "EOS"] * 2
    for (_, _, action), value in soft_bellman(REWARD)[0].items():
        assert number(value) in texts, action


def test_each_name_stands_above_its_own_table():
    logits, _ = soft_bellman(REWARD)
    ax = table_heatmap({"reward r": REWARD, "logits": logits}, ax=wide())
    colored, _ = cells(ax)
    middle = {text.get_text(): text.xy[0] for text in ax.texts if text.get_text() in ("reward r", "logits")}
    wide_table = sum(SPACE.n_actions(t) for t in range(3)) + 2 * 0.4  # with what is between the blocks
    assert middle == pytest.approx({"reward r": wide_table / 2, "logits": wide_table + 2.0 + wide_table / 2})
    for name, table in (("reward r", REWARD), ("logits", logits)):
        start = middle[name] - wide_table / 2
        first = [value for (left, *_), value in sorted(colored.items()) if start - 0.1 < left < start + 2.9]
        assert first == [table[None, (), a] for a in ("a", "b", EOS)]


def test_the_words_around_one_depth():
    ax = table_by_depth(REWARD, depth=1, ax=wide())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("action", "prefix")
    assert ax.get_xticks().tolist() == [0.5, 1.5, 2.5]
    assert ax.get_yticks().tolist() == [0.5, 1.5]
    assert ax.figure.axes[1].get_ylabel() == "nats"
    ax = table_by_depth(REWARD, depth=1, color_label="points", ax=wide())
    assert ax.figure.axes[1].get_ylabel() == "points"


def test_whose_prefixes_the_names_at_the_right_are():
    ax = table_heatmap(REWARD, ax=wide())
    assert ax.get_ylabel() == "prefix at t = 2"
    assert ax.yaxis.get_label_position() == "right"
    assert ax.figure.axes[1].get_ylabel() == "nats"
    assert table_heatmap(REWARD, color_label="points", ax=wide()).figure.axes[1].get_ylabel() == "points"


@pytest.mark.parametrize("cmap", ["cividis", "cividis_r", "gray"])
def test_each_number_can_be_read_on_its_own_cell(cmap):
    table = StateActionTable.random(SPACE, rng=0)
    ax = table_heatmap(table, cmap=cmap, ax=wide())
    colored = ax.collections[0]
    colored.update_scalarmappable()  # as drawing does
    fills = dict(
        zip(
            (tuple(np.mean(p.vertices[:4], axis=0)) for p in colored.get_paths()), colored.get_facecolors(), strict=True
        )
    )
    inks = set()
    for text in ax.texts:
        if tuple(text.get_position()) in fills:
            inks.add(text.get_color())
            assert contrast(text.get_color(), fills[tuple(text.get_position())][:3]) >= 4.5  # WCAG 2.1, 1.4.3
    assert inks == {"black", "white"}


def test_numbers_that_do_not_fit_are_left_out():
    table = StateActionTable.random(SPACE, rng=0)
    assert len(table_heatmap(table, ax=wide()).texts) == SPACE.n_depths + SPACE.n_pairs
    assert len(table_heatmap(table, ax=Figure(figsize=(1.0, 1.0)).subplots()).texts) == SPACE.n_depths


def test_one_scale_for_all():
    logits, _ = soft_bellman(REWARD)
    ax = table_heatmap({"r": REWARD, "q": logits}, ax=wide())
    finite = [x for table in (REWARD, logits) for _, x in table.items() if math.isfinite(x)]
    norm = next(c for c in ax.collections if c.get_array() is not None).norm
    assert (norm.vmin, norm.vmax) == (min(finite), max(finite))
    assert len(ax.figure.axes) == 2
    assert len(table_heatmap(REWARD, colorbar=False, ax=wide()).figure.axes) == 1


def test_settings_go_to_the_cells():
    ax = table_by_depth(REWARD, depth=0, ax=wide(), cmap="viridis", linewidths=3.0)
    colored = ax.collections[0]
    assert colored.get_cmap().name == "viridis"
    assert colored.get_linewidths() == [3.0]


def test_of_many_rows_some_are_named():
    ax = table_by_depth(StateActionTable.zeros(SequenceSpace(2, max_length=8)), depth=7, ax=wide())
    assert len(ax.get_yticklabels()) == 32
    assert ax.get_yticklabels()[1].get_text() == "0000100"


LARGE = StateActionTable.zeros(SequenceSpace(2, max_length=13))
REFUSED = {
    "a depth that is not there": (lambda: table_by_depth(REWARD, depth=3), "no depth 3; the depths of .* are 0 to 2"),
    "no table": (lambda: table_by_depth({}, depth=0), "the table is a dict; it must be a StateActionTable"),
    "a large depth": (
        lambda: table_by_depth(LARGE, depth=11),
        r"6,144 cells at depth 11 of .*; a picture takes 4,096\. Draw another depth, .*, or raise max_cells=",
    ),
    "a large table": (
        lambda: table_heatmap(LARGE),
        r"16,381 cells of .*; a picture takes 4,096\. Use a shorter max_length, .*, or raise max_cells=",
    ),
    "no limit": (lambda: table_heatmap(REWARD, max_cells=None), "max_cells is None; it must be a positive integer"),
    "no tables": (lambda: table_heatmap({}), "there is no table to draw; give"),
    "something else among them": (lambda: table_heatmap({"V": 1.0}), "the table 'V' is a float; it must be"),
    "a name that is no string": (lambda: table_heatmap({1: REWARD}), "the name of a table is a int; it must be a str"),
    "two spaces": (lambda: table_heatmap({"r": REWARD, "s": LARGE}), "tables side by side: the two spaces differ"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    draw, message = REFUSED[name]
    with pytest.raises(TabularBellmanError, match=message):
        draw()
