"""Layout, labels, colours: what pictures are made of."""

import itertools
import math
import sys

import matplotlib as mpl
import numpy as np
import pytest
from contrast_of import contrast, luminance
from hypothesis import given
from hypothesis import strategies as st

from tabular_bellman import EOS, SequenceSpace, TabularBellmanError
from tabular_bellman.plotting.canvas import COLORMAP, FAINT, HATCHES, SERIES, color_scale, ink_on, two_names
from tabular_bellman.plotting.labels import Labels, number, percent, shortened
from tabular_bellman.plotting.layout import rows

# -- layout ------------------------------------------------------------------------------------------------------------

TREES = st.recursive(st.just([]), lambda below: st.lists(below, max_size=4), max_leaves=30)


def numbered(tree):
    """The nodes of nested lists as paths, with their children."""
    below = {}

    def walk(node, path):
        below[path] = [(*path, i) for i in range(len(node))]
        for child, at in zip(node, below[path], strict=True):
            walk(child, at)

    walk(tree, ())
    return below


@given(TREES)
def test_leaves_stand_in_reading_order_and_parents_between_their_children(tree):
    below = numbered(tree)
    found = rows([()], below.__getitem__)
    leaves = sorted(path for path in below if not below[path])  # paths in order are the order of reading
    assert [found[leaf] for leaf in leaves] == list(range(len(leaves)))
    for path, children in below.items():
        if children:
            assert found[path] == (found[children[0]] + found[children[-1]]) / 2


def test_a_tree_may_be_deeper_than_calls_can_be():
    deep = 3 * sys.getrecursionlimit()
    found = rows([0], lambda node: [node + 1] if node < deep else [])
    assert len(found) == deep + 1
    assert set(found.values()) == {0.0}


# -- labels ------------------------------------------------------------------------------------------------------------

TOKENS = st.lists(
    st.one_of(st.text(max_size=30), st.integers(), st.booleans(), st.none(), st.tuples(st.text(max_size=3))),
    min_size=1,
    max_size=8,
    unique_by=lambda token: (hash(token), token),
)


@given(TOKENS)
def test_labels_are_short_single_lines_that_differ(tokens):
    labels = Labels(SequenceSpace(tokens, max_length=3))
    texts = [labels.action(action) for action in (*tokens, EOS)]
    assert len(set(texts)) == len(texts)
    for text in (*texts, labels.prefix(tuple(tokens)), labels.prefix((tokens[0],) * 100)):
        assert text.strip()
        assert text.isprintable()
        assert len(text) <= 28


def test_labels_that_can_be_read():
    labels = Labels(SequenceSpace(["(", ")"], max_length=3))
    assert labels.prefix(()) == "start"
    assert labels.prefix(("(", ")", "(")) == "()("
    odd = Labels(SequenceSpace(["a b", "", " ", "\n", np.float32(2.5), None], max_length=3))
    assert [odd.action(token) for token in odd._texts] == ["'a b'", "''", "' '", "'\\n'", "2.5", "None"]
    assert odd.prefix(("a b", "")) == "'a b' ''"
    words = Labels(SequenceSpace(["start", "…", "'a", "don't", "end"], max_length=3))
    assert [words.action(token) for token in words._texts] == ["'start'", "'…'", '"\'a"', "don't", "end"]
    assert Labels(SequenceSpace("star", max_length=6)).prefix(tuple("start")) == "'start'"
    alike = Labels(SequenceSpace(["1", 1, "EOS"], max_length=3))
    assert [alike.action(token) for token in ("1", 1, "EOS", EOS)] == ["'1'", "1", "'EOS'", "EOS"]
    twins = ["x" * 20 + middle + "y" * 20 for middle in "12"]  # alike once they are shortened
    long = Labels(SequenceSpace(twins, max_length=3))
    assert [long.action(token)[-2:] for token in twins] == ["#0", "#1"]
    assert shortened("abcdefghij", 7) == "abcd…ij"


@given(
    TOKENS
    | st.lists(st.sampled_from(["a", "b", "a b", "'a", "b'", "'a b'", "start", "…", " "]), unique=True, min_size=1)
)
def test_short_prefixes_have_names_of_their_own(tokens):
    """Of up to two tokens that are not shortened; whatever they are, no two rows of a picture are called alike."""
    labels = Labels(SequenceSpace(tokens, max_length=3))
    prefixes = [s for n in range(3) for s in itertools.product(tokens, repeat=n)]
    rows = labels.prefixes(prefixes)
    assert len(set(rows)) == len(rows)
    names = [labels.prefix(prefix) for prefix in prefixes]
    if all(isinstance(token, str) for token in tokens) and not any("…" in name or "#" in name for name in names):
        assert rows == names


def test_long_rows_that_differ_in_the_middle_are_numbered():
    labels = Labels(SequenceSpace("ab", max_length=60))
    alike = [tuple("a" * 20 + middle + "a" * 20) for middle in "ab"]
    assert labels.prefix(alike[0]) == labels.prefix(alike[1])
    one, other, short = labels.prefixes([*alike, ("a",)])
    assert one.endswith(" #0")
    assert other.endswith(" #1")
    assert short == "a"


@given(st.floats(-1e308, 1e308) | st.sampled_from([-math.inf, math.inf, -0.0]))
def test_a_number_is_written_to_three_digits(x):
    text = number(x).replace("−", "-").replace("∞", "inf")
    assert float(text) == pytest.approx(x, rel=5.1e-3, abs=1e-320)
    assert len(text) <= 10
    assert (text[0] == "-") == (x < 0)


@given(st.floats(0.0, 1.0) | st.sampled_from([0.005, 0.995]))
def test_a_percentage_never_claims_certainty(p):
    text = percent(p)
    assert (text == "0%") == (p == 0.0)
    assert (text == "100%") == (p >= 1.0 - 1e-12)
    if text[0] not in "<>":
        assert abs(int(text[:-1]) / 100 - p) <= 0.0051


# -- colours -----------------------------------------------------------------------------------------------------------


def lightness_rises(name):
    y = np.array([luminance(color) for color in mpl.colormaps[name](np.linspace(0, 1, 256))[:, :3]])
    lightness = 116 * np.cbrt(y) - 16  # CIE L*, but for its straight part below 8
    steps = np.diff(lightness)
    return bool((steps > 0).all() and lightness[-1] - lightness[0] > 60 and steps.max() < 3 * np.median(steps))


def test_the_lightness_of_the_scale_rises_evenly():
    assert lightness_rises(COLORMAP)
    assert not lightness_rises("jet")
    assert not lightness_rises("coolwarm")


def test_series_differ_without_colour():
    assert len({look["linestyle"] for look in SERIES}) == len(SERIES)
    assert len({look["marker"] for look in SERIES}) == len(SERIES)
    assert len(set(HATCHES)) == len(HATCHES)


@pytest.mark.parametrize("color", [*(look["color"] for look in SERIES), FAINT])
def test_series_are_seen_on_white_and_on_black(color):
    assert contrast(color, "white") >= 3.0  # WCAG 2.1, 1.4.11
    assert contrast(color, "black") >= 3.0


def test_words_on_colours_can_be_read():
    for color in mpl.colormaps[COLORMAP](np.linspace(0, 1, 256)):
        assert contrast(ink_on(color), color[:3]) >= 4.5  # WCAG 2.1, 1.4.3


@pytest.mark.parametrize(
    "values",
    [[], [-math.inf], [0.0], [3.0, 3.0], [-1.7e308, 1.7e308], [1e300, 1e300], [5e-324, 0.0], [-math.inf, 1.0, 2.0]],
)
def test_every_scale_has_two_ends(values):
    scale = color_scale(values)
    assert scale.vmin < scale.vmax
    assert math.isfinite(scale.vmax - scale.vmin)
    finite = [x for x in values if math.isfinite(x)]
    shades = scale(np.array(finite)) if finite else np.array([0.5])
    assert np.isfinite(shades).all()
    if len(set(finite)) == 1:
        np.testing.assert_allclose(shades, 0.5)


def test_an_end_beyond_all_numbers():
    for ends in ({"low": 5.0}, {"high": -5.0}):
        scale = color_scale([0.0, 1.0], **ends)
        assert scale.vmin < scale.vmax


def test_names_are_two_strings():
    assert two_names(["a", "b"]) == ("a", "b")
    for wrong in ("ab", ("a",), (1, 2), None):
        with pytest.raises(TabularBellmanError, match="names is .*; it must be a pair of strings"):
            two_names(wrong)
