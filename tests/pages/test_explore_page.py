"""The exploring page as a file: whole, asking nothing of anybody, with the library's numbers in it."""

import json
import math
import re
import sys
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from proofs_check.mistakes import MISTAKES
from proofs_check.pages import rendering
from proofs_check.pages.explore.examples import built_in
from proofs_check.pages.explore.mistakes import MISTAKE_GROUPS, SHOWN_MISTAKES
from proofs_check.pages.explore.page import LARGEST_REWARD, MOST_EDGES, page, refuse_large
from proofs_check.pages.explore.tree import Drawing, Tree
from proofs_check.pages.explore.words import beyond, chance, long, short
from tabular_bellman import (
    EOS,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    soft_bellman,
)

VOID = {"meta", "input", "br", "link", "img"}


class Looked(HTMLParser):
    """What a reader of the file comes across: tags that do not nest, ids, links, scripts, texts."""

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.attributes, self.scripts, self.texts, self.tags = [], [], [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), attrs
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, self.getpos()

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "script":
            self.scripts.append((self.open[-1][1], data))
        else:
            self.texts.append(data)

    @property
    def data(self):
        (found,) = [text for attrs, text in self.scripts if attrs.get("id") == "data"]
        return json.loads(found)


@pytest.fixture(scope="module")
def built():
    return page(None, "")


def test_it_is_whole(built):
    looked = Looked(built)
    assert len(set(looked.ids)) == len(looked.ids) > 20
    named = [
        part
        for name, value in looked.attributes
        if name in ("for", "aria-labelledby", "aria-describedby")
        for part in value.split()
    ]
    assert set(named) <= set(looked.ids)
    assert looked.tags.count("h1") == looked.tags.count("main") == 1


def test_its_title_names_the_project(built):
    (title,) = re.findall("<title>(.*?)</title>", built)
    assert title.endswith(" – tabular_bellman")


def test_what_is_not_whole_is_noticed(built):
    with pytest.raises(AssertionError):
        Looked(built.replace("</select>", "", 1))


def test_it_asks_for_nothing(built):
    looked = Looked(built)
    links = [
        value for name, value in looked.attributes if name in ("src", "href", "action", "srcset", "data", "poster")
    ]
    assert [link for link in links if not link.startswith("#")] == []
    assert not [name for name, _ in looked.attributes if name.startswith("on")]
    assert "script" in looked.tags
    assert not re.search(r"@import|url\((?!data:)|\bfetch\(|XMLHttpRequest|importScripts|\bimport\(", built)


def test_it_is_the_same_each_time(built):
    assert page(None, "") == built


def test_its_data_are_the_library_s(built):
    data = Looked(built).data
    assert [each["id"] for each in data["examples"]] == [example.id for example in built_in()]
    for each, example in zip(data["examples"], built_in(), strict=True):
        space = example.space
        assert [float(x) for x in each["rewards"]] == example.reward.to_vector().tolist()
        if example.reference is None:
            assert each["reference"] is None
        else:
            assert each["reference"] == example.reference.log_policy.to_vector().tolist()
        check_numbering(each, space)


def check_numbering(each, space):
    """Nodes, edges and leaves are numbered as the library numbers prefixes, pairs and responses."""
    nodes, edges = each["nodes"], each["edges"]
    prefixes = [key for t in range(space.n_depths) for key in space.prefixes(t)]
    assert [
        (space.prompts[p], tuple(space.vocab[i] for i in s))
        for p, s in zip(nodes["prompt"], nodes["prefix"], strict=True)
    ] == prefixes
    assert nodes["stored"] == [space.prefix_index(prefix, prompt)[1] for prompt, prefix in prefixes]
    found = []
    for start, end, action in zip(edges["from"], edges["to"], edges["action"], strict=True):
        prompt, prefix = prefixes[start]
        taken = EOS if action < 0 else space.vocab[action]
        found.append((prompt, prefix, taken))
        if end >= 0:
            assert prefixes[end] == (prompt, (*prefix, taken))
        else:
            assert taken is EOS or len(prefix) + 1 == space.n_depths
    assert found == list(space.pairs())
    ended = [(found[e][0], (*found[e][1], found[e][2])) for e in each["leaves"]]
    assert ended == [(prompt, response) for prompt in space.prompts for response in space.responses()]


@pytest.mark.parametrize(
    "space",
    [
        SequenceSpace(3, max_length=3, min_length=2, prompts=["x", "y"]),
        SequenceSpace.fixed_length("ab", 3, prompts=[1, "1"]),
        SequenceSpace(1, max_length=60),
    ],
    ids=str,
)
def test_own_rewards_stand_first(space):
    rewards = StateActionTable.random(space, rng=0)
    data = Looked(page(rewards, "a test")).data
    assert data["examples"][0]["id"] == "yours"
    assert data["examples"][0]["rewards"] == rewards.to_vector().tolist()
    check_numbering(data["examples"][0], space)


def test_numbers_that_are_drawn_are_the_library_s(built):
    """The drawing and the tables before any script has run, for the first example."""
    example = next(built_in())
    logits, values = soft_bellman(example.reward)
    found = {slot: {} for slot in ("q", "V", "policy")}
    for slot, at, exact in re.findall(
        r'<td data-slot="(\w+)" data-at="(\d+)" data-form="\w+"><span class="is" data-exact="([^"]+)">',
        built[: built.index('<div class="tables" data-example="late"')],
    ):
        if slot in found:
            found[slot][int(at)] = float(exact)
    for slot, table in (("q", logits), ("V", values), ("policy", logits.softmax())):
        got = np.array([found[slot][i] for i in range(len(found[slot]))])
        assert got == pytest.approx(table.to_vector(), rel=1e-13, abs=1e-13)


def test_widths_and_colours_are_those_of_the_numbers():
    """An edge is as wide as it is probable, a bar as long, and a pill as dark as its value is large."""
    space = SequenceSpace("ab", max_length=4)
    levels = [np.array(level) for level in StateActionTable.random(space, rng=3).levels]
    levels[0][0] = -800.0  # nearly impossible
    levels[1][1, 1] = -np.inf  # and impossible
    reward = StateActionTable.from_levels(space, levels)
    tree = Tree(space)
    built = page(reward, "a test")
    drawing = built[built.index('data-drawing="whole"') : built.index("</svg>")]
    model = EnergyBasedModel(reward).to_autoregressive()
    reached, steps = model.prefix_log_probs.to_vector(), model.log_policy.to_vector()
    passing = [reached[edge.start.number] + steps[edge.number] for edge in tree.edges]
    edges = re.findall(
        r'<g class="edge( never)?( forbidden)?" role="treeitem" data-of="(\d+)".*?--width:(.*?)px', drawing
    )
    assert len(edges) == space.n_pairs
    for never, forbidden, at, width in edges:
        log = passing[int(at)]
        assert float(width) == pytest.approx(0.9 + 10.0 * math.exp(log), abs=0.006)
        assert bool(never) == (log == -math.inf)
        assert bool(forbidden) == (reward.to_vector()[int(at)] == -math.inf)
    log_p = model.log_probabilities().ravel()
    leaf = r'<g class="leaf( never)?" data-of="(\d+)".*?scaleX\((.*?)\).*?<tspan.*?>(.*?)<'
    leaves = re.findall(leaf, drawing, re.DOTALL)
    assert len(leaves) == space.n_responses_per_prompt
    assert 0 < sum(bool(never) for never, *_ in leaves) < len(leaves)
    for never, at, length, text in leaves:
        log = log_p[int(at)]
        assert float(length) == pytest.approx(math.exp(log), abs=6e-5)
        assert bool(never) == (log == -math.inf)
        assert (text == "0%") == (log == -math.inf)
    V = soft_bellman(reward)[1].to_vector()
    pills = re.findall(r'<g class="node( dead)?( deep)?" data-of="(\d+)".*?--share:(.*?)%', drawing)
    assert len(pills) == len(V)
    for dead, deep, at, share in pills:
        right = 100.0 * (V[int(at)] - V.min()) / (V.max() - V.min())
        assert dead == ""
        assert float(share) == pytest.approx(right, abs=0.06)
        assert bool(deep) == (right > 50.0)


def test_what_readme_s_drawing_says(built):
    """75 % for the first bracket, 67 % and 33 % after it: as `proofs-check demo` prints them."""
    drawing = built[built.index('data-drawing="live"') : built.index('data-drawing="whole"')]
    labels = re.findall(r'class="token">(.*?)</tspan>.*?class="is" data-exact="[^"]*">(.*?)</tspan>', drawing)
    assert labels[0] == ("(", "75%")
    assert ("(", "33%") in labels
    assert (")", "67%") in labels
    assert ("EOS", "25%") in labels


# -- what users bring -------------------------------------------------------------------------------------------------


def test_tokens_cannot_break_out():
    odd = ["</script><script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "<!--", "&amp;", "{{ 1 + 1 }}"]
    space = SequenceSpace(odd, max_length=2, prompts=["<b>", "]]>"])
    built = page(StateActionTable.random(space, rng=1), "<u>source</u>")
    looked = Looked(built)
    plain = Looked(page(None, ""))
    assert looked.tags.count("script") == plain.tags.count("script")
    assert {"img", "b", "u"} & set(looked.tags) == set()
    assert not [name for name, _ in looked.attributes if name.startswith("on")]
    assert looked.data["examples"][0]["space"]["tokens"] == odd
    assert looked.data["examples"][0]["about"] == "Rewards: <u>source</u>."
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', built, re.DOTALL)
    assert "<" not in data


def test_characters_that_cannot_be_seen_are_written_out():
    space = SequenceSpace(["a\u202eb", "\x00"], max_length=2)
    built = page(StateActionTable.zeros(space), "a test")
    assert "\u202e" not in built
    assert "\x00" not in built
    assert "a\\u202eb" in built


@pytest.mark.parametrize(
    ("space", "edges"),
    [
        (SequenceSpace(2, max_length=6), "125 edges"),
        (SequenceSpace(1, max_length=61), "121 edges"),
        (SequenceSpace.fixed_length(11, 2), "132 edges"),
        (SequenceSpace(2, max_length=4, prompts=range(5)), "145 edges"),
    ],
    ids=str,
)
def test_large_trees_are_refused(space, edges):
    with pytest.raises(TabularBellmanError, match=edges) as refused:
        page(StateActionTable.zeros(space), "a test")
    assert f"holds {MOST_EDGES}" in str(refused.value)
    assert "--max-length" in str(refused.value)


def test_trees_are_measured_by_formula():
    with pytest.raises(TabularBellmanError, match=r"≈10\^"):
        refuse_large(SequenceSpace(10, max_length=1000))
    refuse_large(SequenceSpace(1, max_length=60))  # 119


def test_large_rewards_are_refused():
    space = SequenceSpace(2, max_length=2)
    page(StateActionTable.zeros(space) + LARGEST_REWARD, "a test")
    with pytest.raises(TabularBellmanError, match=r"a test: a reward of size 2e\+06; .* up to 1e\+06.*Scale"):
        page(StateActionTable.zeros(space) - 2 * LARGEST_REWARD, "a test")


def test_tokens_that_no_program_can_name_are_refused():
    with pytest.raises(TabularBellmanError, match="cannot be written into a program"):
        page(StateActionTable.zeros(SequenceSpace([frozenset("a"), object()], max_length=2)), "a test")


def test_the_command(run, folder):
    status, said, complaint = run("explore", "--html", "e.html", "--vocab", "3", "--max-length", "3", "--seed", "1")
    assert (status, said, complaint) == (0, "Wrote e.html; open it in a browser.\n", "")
    data = Looked((folder / "e.html").read_text(encoding="utf-8")).data
    drawn = StateActionTable.random(SequenceSpace(3, max_length=3), rng=1)
    assert data["examples"][0]["rewards"] == drawn.to_vector().tolist()
    status, said, complaint = run("explore", "--html", "large.html", "--vocab", "2", "--max-length", "8")
    assert (status, said) == (2, "")
    assert "509 edges" in complaint
    assert "Traceback" not in complaint


def test_without_the_extra(monkeypatch):
    rendering._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    try:
        with pytest.raises(TabularBellmanError, match=r"pip install 'tabular_bellman\[html\]'"):
            page(None, "")
    finally:
        rendering._environment.cache_clear()


# -- mistakes, words, the drawing -------------------------------------------------------------------------------------


def test_mistakes_are_named_and_summed_up_by_the_registry(built):
    known = {mistake.name: mistake for mistake in MISTAKES}
    shown = Looked(built).data["mistakes"]
    assert [each["name"] for each in shown] == list(SHOWN_MISTAKES)
    assert len(set(SHOWN_MISTAKES)) == len(SHOWN_MISTAKES) >= 8
    assert [(each["group"], each["name"]) for each in shown] == [
        (group, name) for group, names in MISTAKE_GROUPS.items() for name in names
    ]
    assert [each["summary"] for each in shown] == [known[name].summary for name in SHOWN_MISTAKES]
    script = "".join(text for attrs, text in Looked(built).scripts if not attrs)
    table = script[script.index("const WRONG = {") :]
    assert set(re.findall(r'^  "?([\w-]+)"?: ', table[: table.index("\n};")], re.MULTILINE)) == set(SHOWN_MISTAKES)


@pytest.mark.parametrize(
    ("write", "x", "text"),
    [
        (short, 0.125, "0.13"),
        (short, -0.125, "−0.13"),
        (short, -0.001, "0.00"),
        (short, -1e9, "−1.00e9"),
        (short, 999.994, "999.99"),
        (short, -np.inf, "−∞"),
        (long, 0.0, "0"),
        (long, 1e-6, "1.00e−6"),
        (long, 2.0 / 3.0, "0.6667"),
        (long, 1e6, "1000000.0000"),
        (chance, 0.125, "13%"),
        (chance, 0.9999, ">99.9%"),
        (chance, 0.996, "99.6%"),
        (chance, 1.0 - 1e-16, "100%"),
        (chance, 1e-5, "<0.01%"),
        (chance, 0.0316, "3.2%"),
        (chance, 0.001, "0.10%"),
    ],
)
def test_how_numbers_are_written(write, x, text):
    assert write(float(x)) == text


def test_what_is_too_small_for_a_number_is_told_from_nothing():
    assert [chance(0.0, log) for log in (-800.0, -np.inf)] == ["<0.01%", "0%"]
    assert [long(0.0, log) for log in (-800.0, -np.inf)] == ["e^−800.0000", "0"]
    assert [long(0.25, log) for log in (math.log(0.25), None)] == ["0.2500", "0.2500"]
    assert [beyond(log) for log in (-800.0, -np.inf, -1.0, None)] == [" data-log=-800.0", "", "", ""]


def test_nothing_is_drawn_upon_another():
    for example in built_in():
        drawing = Drawing(Tree(example.space))
        ends = sorted((line.x, line.y) for line in drawing.lines())
        assert all(x0 < x1 or y0 + 15 < y1 for (x0, y0), (x1, y1) in pairwise(ends))
        assert all(0 < y < drawing.height for _, y in ends)
        assert all(pill.x + pill.width < line.x for pill in [drawing.first] for line in drawing.lines())
        assert drawing.bars_x + drawing.bar < drawing.width


def test_below_closed_nodes_nothing_is_drawn():
    tree = Tree(SequenceSpace("ab", max_length=4))
    (closed,) = (node.number for node in tree.nodes if node.prefix == ("b",))
    drawing = Drawing(tree, {closed})
    drawn = {line.edge.start.prefix for line in drawing.lines()}
    assert closed in drawing.pills
    assert not any(prefix[:1] == ("b",) for prefix in drawn)
    assert ("a", "b") in drawn
    assert len(drawing.leaves) == 1 + 1 + 2 + 4
