"""Drawings of the notes on the printed text, held against the pictures that they are made from.

What is read off is what is seen: where edges lead and what is written at them, which are dashed, what stands in a
column beside an end, how long a bar is beside others, and where a curve is between the numbers at its axes.
"""

import math
from collections import Counter
from fractions import Fraction

import pytest
from markup import text, tree

from proofs_check.errata import ERRATA
from proofs_check.errata.pictures import BarsPicture, CurvesPicture, TreePicture, cell
from proofs_check.pages.report import charts
from proofs_check.pages.report.errata import (
    Note,
    _found,  # computed once, for all that look at it
)

NEAR = 0.21  # of two lengths that are rounded to a tenth
BY_ID = {erratum.id: erratum for erratum in ERRATA}


@pytest.fixture(scope="module")
def drawings():
    """Each drawing of each note: the picture, and the tree of the drawing."""
    notes = [Note(erratum, _found(erratum), ()) for erratum in ERRATA]
    return {
        note.erratum.id: [
            (picture, tree(str(drawing)))
            for picture, (_, drawing) in zip(note.computed.pictures, note.drawings, strict=True)
        ]
        for note in notes
        if note.computed
    }


def of_kind(drawings, kind):
    return [(name, *each) for name, found in drawings.items() for each in found if isinstance(each[0], kind)]


# -- reading a drawing -------------------------------------------------------------------------------------------------


def near(*pairs):
    return all(abs(a - b) < NEAR for a, b in pairs)


def texts(svg, anchor=""):
    """Each text with that anchor: (x, y, words, class)."""
    return [
        (float(each.get("x")), float(each.get("y")), each.text, each.get("class", ""))
        for each in svg.iter("text")
        if each.get("text-anchor", "") == anchor
    ]


def lines(svg, kind):
    """Each line of a class: its points, and its whole class."""
    return [
        ([tuple(map(float, point.split(","))) for point in each.get("points").split()], each.get("class"))
        for each in svg.iter("polyline")
        if each.get("class").split()[0] == kind
    ]


def boxes(svg, *kinds):
    """Each box of these classes: (x, y, width, height, class)."""
    return [
        (*(float(each.get(name)) for name in ("x", "y", "width", "height")), each.get("class"))
        for each in svg.iter("rect")
        if each.get("class").split()[0] in kinds
    ]


def written(number):
    return f"{number:.4g}" if isinstance(number, float) else str(number)


def at(found, x, y):
    """What is written at a place; nothing where there is nothing."""
    return [words for left, top, words, _ in found if near((left, x), (top, y))]


# -- trees -------------------------------------------------------------------------------------------------------------


def walked(branch):
    """Each branch from here on, those above before those below."""
    yield branch
    for each in branch.branches:
        yield from walked(each)


def edges_of(picture):
    """Each edge of a picture: from where, what is written at it, whether it is odd, to where."""
    found = Counter()
    for root in picture.roots:
        for branch in walked(root):
            for each in branch.branches:
                first, *below = each.labels or ("",)
                above = f"{each.action}: {first}" if first else each.action
                found[branch.state, (above, *below), bool(each.odd), each.state] += 1
    return found


def edges_in(svg):
    """Each edge of a drawing, likewise; a dash is what makes it odd."""
    names = [
        (x, y + height / 2, x + width, "".join(at(texts(svg, "middle"), x + width / 2, y + height / 2 + 4.5)))
        for x, y, width, height, _ in boxes(svg, "node", "end")
        if width > 5
    ]
    found = Counter()
    for points, kind in lines(svg, "edge"):
        if len(points) < 3:
            continue  # a sample, below
        (left, above), (start, _), (end, y) = points
        words = tuple(at(texts(svg), start + 3, y - 5) + at(texts(svg), start + 3, y + 15))
        (one,) = {name for _, middle, right, name in names if near((right, left), (middle, above))}
        (other,) = {name for x, middle, _, name in names if near((x, end), (middle, y))}
        found[one, words, "odd" in kind.split(), other] += 1
    return found


def cells_of(picture):
    """What stands beside each end of a picture, from above, and then in the rows below."""
    ends = [branch for root in picture.roots for branch in walked(root) if not branch.branches]
    rows = [("", end.cells) for end in ends if end.cells] + list(picture.rows)
    return [
        (
            what,
            [
                (
                    f"≠ {written(each.number)}" if each.wrong else written(each.number),
                    "wrong" if each.wrong else "right",
                )
                for each in cells
                if each is not None
            ],
        )
        for what, cells in rows
    ]


def cells_in(svg):
    """What stands in the rows of a drawing, likewise."""
    rows = {}
    for x, y, words, kind in texts(svg, "end"):
        if kind in ("wrong", "right"):
            rows.setdefault(y, []).append((x, words, kind))
    names = {y: words for x, y, words, _ in texts(svg) if x == 0}
    return [(names.get(y, ""), [(words, kind) for _, words, kind in sorted(rows[y])]) for y in sorted(rows)]


def tree_faults(picture, svg):
    """What a drawing of a tree shows that its picture does not have, or the other way round."""
    every = [branch for root in picture.roots for branch in walked(root)]
    found = []
    if edges_of(picture) != edges_in(svg):
        found.append(f"edges: {edges_of(picture) - edges_in(svg)}, {edges_in(svg) - edges_of(picture)}")
    if Counter(filter(None, (each.state for each in every))) != Counter(
        words for _, _, words, _ in texts(svg, "middle")
    ):
        found.append("names of nodes")
    if cells_of(picture) != cells_in(svg):
        found.append(f"cells: {cells_of(picture)}, {cells_in(svg)}")
    reasons = {each.odd for each in every} | {each.shared for each in every}
    below = {words for x, _, words, kind in texts(svg) if x == 34 and kind == "soft"}
    if {words for words in below if not words.startswith("≠")} != reasons - {""}:
        found.append(f"legend: {below}, {reasons}")
    # A node within a node is one that is shared; there is a sample of it.
    shared = [each for each in every if each.shared]
    if len(boxes(svg, "node")) != sum(bool(each.state) for each in every) + len(shared) + 2 * bool(shared):
        found.append("nodes that are shared")
    if sum(kind == "end hollow" for *_, kind in boxes(svg, "end")) != sum(
        bool(each.odd) and not each.state for each in every
    ):
        found.append("ends that should not be there")
    if [words for _, y, words, kind in texts(svg, "end") if kind == "soft"] != list(picture.columns):
        found.append("columns")
    return found


def test_trees_are_drawn_as_they_are(drawings):
    trees = of_kind(drawings, TreePicture)
    assert len(trees) > 12
    assert {name: faults for name, picture, svg in trees if (faults := tree_faults(picture, svg))} == {}


def test_a_tree_that_is_drawn_otherwise_is_found(drawings):
    """Each dash lost or put in, each text changed or lost, each wrong number shown as right."""
    tried = 0
    for _, picture, svg in of_kind(drawings, TreePicture):
        for each in svg.iter("polyline"):
            if each.get("class") in ("edge", "edge odd") and each.get("points").count(",") == 3:
                old = each.get("class")
                each.set("class", "edge odd" if old == "edge" else "edge")
                assert tree_faults(picture, svg), each.attrib
                each.set("class", old)
                tried += 1
        for each in svg.iter("text"):
            if (each.text or "").startswith("≠:"):
                continue  # what the sign means
            old, kind = each.text, each.get("class")
            for new in (f"{old}0", "", old.removeprefix("≠ ") if kind == "wrong" else f"≠ {old}"):
                each.text = new
                assert tree_faults(picture, svg), (old, new)
                tried += 1
            each.text = old
        assert tree_faults(picture, svg) == []
    assert tried > 300


def test_what_rho_passes_by_and_never_takes_is_odd(drawings):
    """A logit must go to -∞ only where another action of its state is taken: elsewhere ρ says nothing of it."""
    picture, _ = drawings["E5"][0]
    chance = {
        id(each): Fraction(each.labels[0].removeprefix("ρ = ")) for each in walked(picture.roots[0]) if each.action
    }
    dashed = []
    for branch in walked(picture.roots[0]):
        passed = sum(chance[id(each)] for each in branch.branches)
        for each in branch.branches:
            assert bool(each.odd) == (chance[id(each)] == 0 < passed)
            dashed += [(branch.state, each.action)] * bool(each.odd)
    assert dashed == [("x", "1")]
    assert any(chance[id(each)] == 0 and not each.odd for each in walked(picture.roots[0]) if each.action)


def test_what_is_drawn_is_what_was_found_or_says_its_size(drawings):
    """Of a search, the first drawing has as many tokens and steps as the case; another names its own."""
    for name, found in drawings.items():
        searches = _found(BY_ID[name]).searches
        trees = [picture for picture, _ in found if isinstance(picture, TreePicture) and edges_of(picture)]
        cases = [searched.case for searched in searches]
        for picture in trees:
            deepest = max(depth(root) for root in picture.roots)
            tokens = {each.action for root in picture.roots for each in walked(root)} - {"", "EOS"}
            if "V = " in picture.title and "T = " in picture.title:
                vocab, steps = (int(picture.title.split(f"{letter} = ")[1][0]) for letter in "VT")
                assert (len(tokens), deepest) == (vocab, steps), (name, picture.title)
            elif cases and " " not in "".join(tokens):
                assert any(deepest == case.steps and len(tokens) <= case.vocab for case in cases), (name, picture.title)
    (smallest, _), (larger, _) = drawings["E27"]
    assert edges_of(smallest) == Counter([("x", ("EOS",), True, "")])
    assert sum(count for edge, count in edges_of(larger).items() if edge[2]) == _found(BY_ID["E27"]).numbers[1][1]


def depth(branch):
    return max((1 + depth(each) for each in branch.branches), default=0)


# Of which columns the second is wrong where it is not as the first.
COMPARED = {"E2": (0, 1), "E4": (0, 1), "E9": (0, 1), "E10": (0, 1), "E11": (0, 1), "E14": (0, 1)}


@pytest.mark.parametrize("name", COMPARED)
def test_what_differs_from_what_is_right_is_wrong(name, drawings):
    right, printed = COMPARED[name]
    picture, _ = drawings[name][0]
    ends = [each for root in picture.roots for each in walked(root) if each.cells]
    pairs = [(each.cells[right], each.cells[printed]) for each in ends if each.cells[printed].number != "–"]
    assert any(each.wrong for _, each in pairs)
    for one, other in pairs:
        assert (one.wrong, other.wrong) == (False, one.number != other.number)


@pytest.mark.parametrize("one", [1, 1.0, Fraction(1, 3), "1"])
def test_a_cell_is_wrong_where_it_differs(one):
    assert not cell(one).wrong
    assert not cell(one, one).wrong
    assert cell(one, 2).wrong
    assert cell(one, Fraction(1, 4)).wrong


# -- bars and curves ---------------------------------------------------------------------------------------------------


def bar_faults(picture, svg):
    """What a drawing of bars shows that its picture does not have: names, numbers, lengths."""
    drawn, found = boxes(svg, "bar"), []
    values = [each.value for each in picture.bars] + ([picture.line[1]] if picture.line else [])
    if picture.powers:
        ticks = [(x, float(words.replace(",", ""))) for x, _, words, kind in texts(svg, "middle") if kind == "soft"]
        (x0, low), (x1, high) = ticks[0], ticks[-1]
        place = interpolated((x0, math.log10(low)), (x1, math.log10(high)))
        spans = [(x0, place(math.log10(each.value))) for each in picture.bars]
    else:
        low, high = min(0.0, *values), max(0.0, *values)
        ((zero, _), _), _ = lines(svg, "tick")[0]
        place = interpolated((zero, 0.0), (zero + charts._LONG / (high - low), 1.0))
        spans = [sorted((zero, place(each.value))) for each in picture.bars]
    for bar, (start, end), (x, y, width, _, kind) in zip(picture.bars, spans, drawn, strict=True):
        if not near((x, start), (width, max(end - start, 1.0))):
            found.append(f"{bar.label}: from {x}, {width} long, not from {start} to {end}")
        shown = f"{'≠ ' if bar.wrong else ''}{bar.text or written(bar.value)}"
        here = [(words, kind) for _, level, words, kind in texts(svg) if near((level, y + 12))]
        label = [words for _, level, words, _ in texts(svg, "end") if near((level, y + 12))]
        if (label, here) != ([bar.label], [(shown, "wrong" if bar.wrong else "")]):
            found.append(f"{bar.label}, {shown}: {label}, {here}")
        if kind != ("bar wrong" if bar.wrong else "bar"):
            found.append(f"{bar.label}: {kind}")
    for points, _ in lines(svg, "across"):
        if not all(near((x, place(picture.line[1]))) for x, _ in points):
            found.append("the line across")
    if len(lines(svg, "across")) != bool(picture.line):
        found.append("no line across")
    return found


def interpolated(one, other):
    """Return the map that takes the second number of each pair to the first, straight in between."""
    return lambda value: one[0] + (other[0] - one[0]) * (value - one[1]) / (other[1] - one[1])


def curve_faults(picture, svg):
    """What a drawing of curves shows that its picture does not have, by the numbers at its axes."""
    along = [(x, float(words.replace(",", ""))) for x, _, words, _ in texts(svg, "middle") if is_number(words)]
    upwards = [(y - 4, float(words.replace(",", ""))) for _, y, words, kind in texts(svg, "end") if kind == "soft"]
    logs = [math.log10 if powers else float for powers in (picture.x_powers, picture.y_powers)]
    across = interpolated(*((x, logs[0](value)) for x, value in (along[0], along[-1])))
    up = interpolated(*((y, logs[1](value)) for y, value in (upwards[0], upwards[-1])))
    found, dots = [], [(float(each.get("cx")), float(each.get("cy"))) for each in svg.iter("circle")]
    for number, series in enumerate(picture.series):
        curves = [points for points, kind in lines(svg, "curve") if kind == f"curve curve-{number}"]
        drawn = curves[0] if series.joined else [dots.pop(0) for _ in series.points]
        expected = [(across(logs[0](x)), up(logs[1](y))) for x, y in series.points]
        if len(drawn) != len(expected) or not all(
            near(*zip(a, b, strict=True)) for a, b in zip(drawn, expected, strict=True)
        ):
            found.append(f"{series.name}: {drawn[:3]}, not {expected[:3]}")
        if series.name not in [words for _, _, words, _ in texts(svg)]:
            found.append(f"{series.name} has no name")
        if not series.joined:
            dots.pop(0)  # a sample
    if picture.line and not near((lines(svg, "across")[0][0][0][1], up(logs[1](picture.line[1])))):
        found.append("the line across")
    return found


def is_number(words):
    try:
        return math.isfinite(float(words.replace(",", "")))
    except ValueError:
        return False


@pytest.mark.parametrize(("kind", "faults"), [(BarsPicture, bar_faults), (CurvesPicture, curve_faults)])
def test_bars_and_curves_are_as_long_and_as_high_as_their_numbers(kind, faults, drawings):
    charted = of_kind(drawings, kind)
    assert len(charted) > 3
    for name, picture, svg in charted:
        assert faults(picture, svg) == [], name


def test_a_bar_or_a_curve_that_is_drawn_otherwise_is_found(drawings):
    for name, picture, svg in of_kind(drawings, BarsPicture):
        for each in svg.iter("rect"):
            for attribute, new in (("width", f"{float(each.get('width')) / 2 + 1}"), ("class", "bar not")):
                old = each.get(attribute)
                each.set(attribute, new)
                assert bar_faults(picture, svg), (name, attribute)
                each.set(attribute, old)
    for name, picture, svg in of_kind(drawings, CurvesPicture):
        for each in svg.iter("polyline"):
            if each.get("class").startswith("curve") and each.get("points").count(",") > 2:
                old = each.get("points")
                each.set("points", " ".join(old.split()[::-1]))
                assert curve_faults(picture, svg), name
                each.set("points", old)


# -- numbers of a note, in its drawing ---------------------------------------------------------------------------------

# Numbers that a note gives, and where they stand in its drawing: below the tree, or at its ends.
DRAWN = {
    "E1": ["Σ p_q(y|x) over the main text's Y", "π(EOS|x), the mass that is missing"],
    "E2": ["p_R(1 EOS|x)", "p_q(1 EOS|x)", "A_R(x)", "V_q(x)"],
    "E3": ["Σ p_q(y|x)"],
    "E4": ["p_R(EOS|(BOS,1,1))", "p_q(EOS|(BOS,1,1))"],
    "E5": ["H(Y|X), the infimum"],
    "E6": ["-E log ρ(X, Y), as printed", "min_R L^EBM(R)"],
    "E7": ["KL(p_q, p_q*)", "the sum as printed", "the sum as it holds"],
    "E8": ["    the smallest ℓ among them", "    its bound log(1 + (|Y|-1) exp(-span R))"],
    "E9": ["Z", "Σ over s_2 of α β"],
    "E10": ["V_q(x), over all of A", "A_R(x)"],
    "E11": ["P(Y = 1 EOS)", "P(Y_≤τ = y_≤τ) P(len = τ|S_τ)"],
    "E14": ["p_R(EOS|x)", "p_q(EOS|x), started at t = τ = 1"],
    "E16": ["distance before mapping, p_q = p_R"],
    "E19": ["KL(p_q, p_q')", "max |q - q'|"],
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_has_the_numbers_of_the_finding(name, drawings):
    numbers = dict(_found(BY_ID[name]).numbers)
    _, svg = drawings[name][0]
    drawn = [each.text.removeprefix("≠ ") for each in svg.iter("text")]
    for what in DRAWN[name]:
        assert written(numbers[what]) in drawn, (what, drawn)


def test_what_is_wrong_is_marked_by_a_sign_and_said_in_words(drawings):
    for name, found in drawings.items():
        for _, svg in found:
            signs = [each.text for each in svg.iter("text") if (each.text or "").startswith("≠ ")]
            assert text(svg.find("desc")).count("(not right)") == len(signs), name
