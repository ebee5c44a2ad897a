"""What is in a drawn tree, counted and measured against the oracle's."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from oracle import END
from strategies import tables, tree_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    TabularBellmanError,
    prefix_marginals,
    soft_bellman,
)
from tabular_bellman.plotting import prefix_tree
from tabular_bellman.plotting.growth import grow
from tabular_bellman.plotting.labels import Labels, number, percent

SPACE = SequenceSpace("ab", max_length=4)
REWARD = StateActionTable.random(SPACE, rng=0)
MODEL = EnergyBasedModel(REWARD)


def balanced(n):
    def reward(_, y):
        heights = np.cumsum([1 if token == "(" else -1 for token in y[:-1]], dtype=int)
        return 0.0 if (heights >= 0).all() and heights[-1:].sum() == 0 else -math.inf

    return StateActionTable.from_responses(SequenceSpace("()", max_length=n + 1), reward)


BRACKETS = balanced(4)


def drawn(model, **settings):
    return prefix_tree(model, ax=Figure(figsize=(12, 12)).subplots(), **settings)


def artists(ax, label):
    return [c for c in ax.collections if c.get_label() == label]


def points(ax, label):
    return sum(len(c.get_offsets()) for c in artists(ax, label))


def written(ax):
    return [text.get_text() for text in ax.texts]


def full(model, **settings):
    limits = {"forbidden": True, "max_depth": None, "min_probability": 0.0, "max_nodes": 100_000, "prompt": None}
    return grow(model, **{**limits, **settings})


# -- which nodes there are ---------------------------------------------------------------------------------------------


@given(tables(), st.data())
def test_the_tree_is_that_of_the_oracle(reward, data):
    model = EnergyBasedModel(reward)
    prompt = data.draw(st.sampled_from(reward.space.prompts))
    tree, oracle = full(model, prompt=prompt), tree_of(reward.space)
    marginals = np.exp(model.log_probabilities()[reward.space.prompt_index(prompt)])
    chance = dict(zip(oracle.responses(), marginals.tolist(), strict=True))
    allowed = {
        y
        for y in oracle.responses()
        if all(reward[prompt, y[:t], EOS if a is END else a] > -math.inf for t, a in enumerate(y))
    }
    live = {y[:t] for y in allowed for t in range(len(y))}
    assert {node.prefix for node in tree.nodes if node.kind == "prefix"} == live
    ends = {(*node.prefix, END if node.action is EOS else node.action) for node in tree.nodes if node.kind == "end"}
    assert ends == allowed
    for node in tree.nodes:
        if node.kind == "prefix":
            below = math.fsum(
                p for y, p in chance.items() if len(y) > len(node.prefix) and y[: len(node.prefix)] == node.prefix
            )
            assert node.passing == pytest.approx(below, abs=1e-12)
        elif node.kind in ("forbidden", "dead"):
            assert node.passing == 0.0
            assert tree.nodes[node.parent].kind == "prefix"
    children = {}
    for _, node in tree.edges():
        children.setdefault(node.parent, []).append(node.action)
    for parent, actions in children.items():  # in the order of reading
        assert tuple(actions) == reward.space.actions(len(tree.nodes[parent].prefix))


@given(tables())
def test_an_autoregressive_model_has_the_same_tree(reward):
    model = EnergyBasedModel(reward)
    one, other = full(model), full(model.to_autoregressive())
    assert [(n.kind, n.prefix, n.action) for n in one.nodes] == [(n.kind, n.prefix, n.action) for n in other.nodes]
    assert [n.passing for n in one.nodes] == pytest.approx([n.passing for n in other.nodes], abs=1e-12)


@given(tables())
def test_a_table_is_read_as_prefix_marginals_reads_it(logits):
    tree, passing = full(logits), prefix_marginals(logits)
    for node in tree.nodes:
        if node.kind == "prefix" or (node.kind == "dead" and node.passing > 0.0):
            assert node.passing == pytest.approx(passing[tree.prompt, node.prefix], abs=1e-12)


@given(tables(), st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]), st.sampled_from([None, 0, 1, 2]))
def test_what_is_cut_off_keeps_its_chance(reward, least, deepest):
    model = EnergyBasedModel(reward)
    tree = full(model, min_probability=least, max_depth=deepest, forbidden=False)
    flows = {}
    for _, node in tree.edges():
        flows[node.parent] = flows.get(node.parent, 0.0) + node.passing
        if node.kind == "more":
            assert node.chance > 0.0 or node.passing == 0.0
        else:
            assert node.passing >= least
            tokens = (*node.prefix, node.action) if node.kind == "end" and node.action is not EOS else node.prefix
            assert deepest is None or len(tokens) <= deepest
    ends = {node.prefix for node in tree.nodes if node.action is EOS}
    for node in tree.nodes:  # EOS is no token: it is never cut for its depth
        if node.kind == "prefix" and EOS in reward.space.actions(len(node.prefix)):
            enough = node.passing * model.policy[tree.prompt, node.prefix, EOS] >= least
            allowed = model.log_policy[tree.prompt, node.prefix, EOS] > -math.inf
            assert (node.prefix in ends) == (allowed and enough)
    for node in tree.nodes:
        if node.kind == "prefix":
            assert flows[node.number] == pytest.approx(node.passing, abs=1e-12)


def test_balanced_brackets():
    tree = full(EnergyBasedModel(BRACKETS))
    kinds = [node.kind for node in tree.nodes]
    assert (kinds.count("prefix"), kinds.count("end")) == (8, 4)
    dead = {"".join(node.prefix) for node in tree.nodes if node.kind == "dead"}
    assert dead == {")", "(((", "())", "(()(", "()(("}
    assert kinds.count("forbidden") == 4  # EOS after (, ((, (() and ()(


# -- what is drawn -----------------------------------------------------------------------------------------------------


def test_bands_are_as_wide_as_the_chance_to_pass():
    ax = drawn(MODEL)
    tree = full(MODEL)
    (bands,) = artists(ax, "bands")
    passing = np.array([node.passing for _, node in tree.edges()])
    widths = np.array(bands.get_linewidths())
    wide = widths > 0.6  # the others are hairlines
    assert wide.sum() > 5
    ratio = widths[wide] / passing[wide]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
    assert (passing[~wide] * ratio[0] <= 0.6 + 1e-12).all()
    ends = {tuple(path.vertices[-1]) for path in bands.get_paths()}
    assert ends == {(tree.columns[n.number], tree.rows[n.number]) for _, n in tree.edges()}


def test_or_as_wide_as_the_policy():
    widths = np.array(artists(drawn(MODEL, width="policy"), "bands")[0].get_linewidths())
    policy = np.array([node.chance for _, node in full(MODEL).edges()])
    wide = widths > 0.6
    np.testing.assert_allclose(widths[wide] / policy[wide], widths.max() / policy.max(), rtol=1e-12)


def test_nodes_are_in_the_colour_of_their_values():
    ax = drawn(MODEL)
    (circles,) = artists(ax, "prefix")
    values = [MODEL.values[None, node.prefix] for node in full(MODEL).nodes if node.kind == "prefix"]
    np.testing.assert_array_equal(circles.get_array(), values)
    assert (circles.norm.vmin, circles.norm.vmax) == (min(values), max(values))
    assert points(ax, "end") == SPACE.n_responses
    assert ax.figure.axes[1].get_ylabel() == "soft value, nats"


def test_words_beside_the_nodes():
    texts = written(drawn(MODEL))
    labels = Labels(SPACE)
    expected = ["start"]
    for _, prefix in (key for t in range(4) for key in SPACE.prefixes(t)):
        expected.append(number(MODEL.values[None, prefix]))
        for action in SPACE.actions(len(prefix)):
            expected.append(f"{labels.action(action)} {percent(MODEL.policy[None, prefix, action])}")
    assert sorted(texts) == sorted(expected)
    assert written(drawn(MODEL, labels=False)) == []


def words(ax):
    """Where the words at each node stand: {(x, y) of the node: [(text, offset, alignment), …]}."""
    found = {}
    for text in ax.texts:
        found.setdefault(tuple(text.xy), []).append((text.get_text(), text.xyann, text.get_ha(), text.get_va()))
    return found


def test_words_stand_at_their_nodes():
    """The action left of a node and above the edge, the value below it; right of what nothing follows."""
    tree, found, labels = full(MODEL), words(drawn(MODEL)), Labels(SPACE)
    for node in tree.nodes:
        at = found[tree.columns[node.number], tree.rows[node.number]]
        name = f"{labels.action(node.action)} {percent(node.chance)}" if node.number else "start"
        assert at[0][0] == name
        x, y = at[0][1]
        if node.kind == "end":
            assert x > 0.0 == y
            assert at[0][2:] == ("left", "center_baseline")
            assert len(at) == 1
            continue
        assert x < 0.0 < y
        assert at[0][2:] == ("right", "bottom")
        ((value, (across, below), *sides),) = at[1:]
        assert value == number(MODEL.values[None, node.prefix])
        assert across < 0.0
        assert below < 0.0
        assert sides == ["right", "top"]


def test_the_chance_to_pass_in_words_and_colours():
    passing = {node.number: node.passing for node in full(MODEL).nodes}
    policy = [node.chance for node in full(MODEL).nodes]
    assert len(set(map(percent, passing.values())) - set(map(percent, policy))) > 3  # so that one is not the other
    ax, tree, labels = drawn(MODEL, write="passing", color_by="probability"), full(MODEL), Labels(SPACE)
    found = words(ax)
    for node in tree.nodes[1:]:
        text = found[tree.columns[node.number], tree.rows[node.number]][0][0]
        assert text == f"{labels.action(node.action)} {percent(passing[node.number])}"
    for kind in ("prefix", "end"):
        (drawn_as,) = artists(ax, kind)
        np.testing.assert_array_equal(drawn_as.get_array(), [n.passing for n in tree.nodes if n.kind == kind])


@pytest.mark.parametrize("width", ["passing", "policy"])
@pytest.mark.parametrize("write", ["passing", "policy"])
def test_neither_width_nor_words_decide_the_colours(width, write):
    plain, other = drawn(MODEL, color_by="probability"), drawn(MODEL, color_by="probability", width=width, write=write)
    for kind in ("prefix", "end"):
        (one,), (two,) = artists(plain, kind), artists(other, kind)
        np.testing.assert_array_equal(one.get_array(), two.get_array())


def test_the_values_of_a_table_are_log_sums():
    """Of the logits at each prefix: a table says nothing of what comes after."""
    ax = drawn(REWARD)
    (circles,) = artists(ax, "prefix")
    expected = [
        math.log(math.fsum(math.exp(REWARD[None, node.prefix, a]) for a in SPACE.actions(len(node.prefix))))
        for node in full(REWARD).nodes
        if node.kind == "prefix"
    ]
    assert circles.get_array().tolist() == pytest.approx(expected, abs=1e-12)
    values = [x.get_text() for x in ax.texts if x.get_va() == "top"]
    assert sorted(values) == sorted(number(x) for x in expected)


def test_colours_are_of_what_is_drawn():
    """What is dead or forbidden has no colour, and its numbers no part in the scale."""
    model = EnergyBasedModel(BRACKETS)
    dead = StateTable.from_function(
        BRACKETS.space, lambda _, s: 100.0 if model.values[None, s] == -math.inf else len(s)
    )
    forbidden = StateActionTable.from_function(
        BRACKETS.space, lambda _, s, a: -100.0 if model.policy[None, s, a] == 0.0 else len(s)
    )
    for by in ("value", "probability", dead, forbidden):
        ax = drawn(model, color_by=by)
        coloured = [c for kind in ("prefix", "end") for c in artists(ax, kind) if c.get_array() is not None]
        shown = np.concatenate([c.get_array() for c in coloured])
        for c in coloured:
            assert (c.norm.vmin, c.norm.vmax) == (shown.min(), shown.max())
        bar = ax.figure.axes[1]
        assert bar.get_ylim() == (shown.min(), shown.max())
    assert artists(drawn(model, color_by="probability"), "prefix")[0].norm.vmin > 0.0


def test_words_of_the_callers_own():
    asked = []

    def write(prompt, prefix, action):
        asked.append((prompt, prefix, action))
        return f"{len(prefix)}\n$x$"

    texts = written(drawn(MODEL, write=write, color_by=None))
    assert asked == [(None, p.prefix, n.action) for p, n in full(MODEL).edges()]
    assert "EOS 3\\n$x$" in texts  # one line, and no mathematics
    assert len(texts) == len(asked) + 1


def test_a_token_may_be_none():
    space = SequenceSpace([None, "b"], max_length=2)
    reward = StateActionTable.from_function(space, lambda _, s, a: 7.0 if a is None else 5.0)
    ax = drawn(EnergyBasedModel(reward), write=reward, color_by=reward)
    assert "None 7" in written(ax)
    (circles,) = (c for c in artists(ax, "prefix") if c.get_array() is not None)
    assert sorted(circles.get_array()) == [5.0, 7.0]


def test_numbers_of_the_callers_own():
    logits, _ = soft_bellman(REWARD)
    ax = drawn(MODEL, color_by=logits, write=REWARD, color_label="logit")
    assert f"b {number(REWARD[None, ('a',), 'b'])}" in written(ax)
    (circles,), (squares,) = [c for c in artists(ax, "prefix") if c.get_array() is not None], artists(ax, "end")
    assert points(ax, "prefix") == SPACE.n_prefixes  # the root among them, in no colour
    shown = sorted([*circles.get_array(), *squares.get_array()])
    np.testing.assert_array_equal(shown, sorted(logits.to_vector()))
    assert ax.figure.axes[1].get_ylabel() == "logit"
    depth = StateTable.from_function(SPACE, lambda prompt, prefix: len(prefix))
    (circles,) = artists(drawn(MODEL, color_by=depth, vmin=-1.0, vmax=9.0), "prefix")
    assert set(circles.get_array()) == {0.0, 1.0, 2.0, 3.0}
    assert (circles.norm.vmin, circles.norm.vmax) == (-1.0, 9.0)


def test_no_colours_no_colour_bar():
    ax = drawn(MODEL, color_by=None)
    assert len(ax.figure.axes) == 1
    assert len(drawn(MODEL, colorbar=False).figure.axes) == 1
    assert len(drawn(MODEL).figure.axes) == 2


def test_the_forbidden_and_the_dead_are_crossed_out():
    ax = drawn(EnergyBasedModel(BRACKETS))
    assert points(ax, "dead") == 5
    assert points(ax, "×") == 9
    (dashes,) = artists(ax, "forbidden")
    assert len(dashes.get_paths()) == 9
    assert dashes.get_linestyles()[0][1] is not None  # dashed
    assert len(artists(ax, "bands")[0].get_paths()) == 11
    live = drawn(EnergyBasedModel(BRACKETS), forbidden=False)
    assert points(live, "dead") == points(live, "×") == 0
    assert len(artists(live, "bands")[0].get_paths()) == 11


def test_what_a_table_forbids_where_one_comes_is_drawn():
    """Softmax(r) comes to all 31 prefixes; 27 strings are not balanced, and EOS is forbidden there."""
    ax = drawn(BRACKETS, write=BRACKETS, color_by=None)
    texts = written(ax)
    assert texts.count("EOS −∞") == len(artists(ax, "forbidden")[0].get_paths()) == 27
    assert texts.count("EOS 0") == points(ax, "end") == 4
    assert points(ax, "dead") == 14
    ax = drawn(BRACKETS, write=BRACKETS, color_by=None, forbidden=False)
    assert "EOS −∞" not in written(ax)
    assert points(ax, "dead") == 14  # one comes there all the same


def test_what_is_cut_off_is_three_dots():
    texts = written(drawn(EnergyBasedModel(BRACKETS), max_depth=1, forbidden=False))
    assert sorted(texts) == sorted(["start", number(math.log(4)), "( 75%", number(math.log(3)), "EOS 25%", "… 100%"])
    texts = written(drawn(EnergyBasedModel(BRACKETS), max_depth=0, forbidden=False))
    assert sorted(texts) == sorted(["start", number(math.log(4)), "EOS 25%", "… 75%"])


def test_nothing_is_cut_off_where_nothing_is_longer():
    space = SequenceSpace("ab", max_length=3)  # two tokens and EOS
    model = EnergyBasedModel(StateActionTable.random(space, rng=0))
    assert written(drawn(model, max_depth=2)) == written(drawn(model))


def drawn_small():
    return Figure(figsize=(6.5, 6)).add_axes((0, 0, 1, 1))


def curves(ax):
    """The points of each band and stub, in data coordinates."""
    return [path.vertices for kind in ("bands", "forbidden") for c in artists(ax, kind) for path in c.get_paths()]


def test_edges_of_a_node_do_not_cross():
    siblings = {}
    for curve in curves(drawn(EnergyBasedModel(BRACKETS))):
        siblings.setdefault(tuple(curve[0]), []).append(curve)
    pairs = [pair for together in siblings.values() for pair in itertools.combinations(together, 2)]
    assert len(pairs) > 10
    for one, other in pairs:
        upper, lower = sorted((one, other), key=lambda curve: curve[-1][1])
        x = np.linspace(upper[0][0], min(upper[-1][0], lower[-1][0]))
        assert (np.interp(x, *upper.T) <= np.interp(x, *lower.T)).all()


@pytest.mark.parametrize("model", [EnergyBasedModel(BRACKETS), MODEL, BRACKETS], ids=["brackets", "random", "a table"])
@pytest.mark.parametrize("of_a_new_figure", [True, False])
def test_no_edge_crosses_a_word(model, of_a_new_figure):
    """Long numbers in a figure as large as the tree needs, and a smaller one."""
    numbers = StateTable.from_function(model.space, lambda _, s: 1.25e-4 * (1 + len(s)))
    ax = prefix_tree(model, color_by=numbers, colorbar=False, ax=None if of_a_new_figure else drawn_small())
    ax.figure.canvas.draw()
    boxes = [(text.get_text(), text.get_window_extent()) for text in ax.texts]
    for line in map(ax.transData.transform, curves(ax)):  # points that are near each other
        x = np.linspace(line[0][0], line[-1][0], 400)
        y = np.interp(x, *line.T)
        for text, box in boxes:
            inside = (x > box.x0 + 1) & (x < box.x1 - 1) & (y > box.y0 + 1) & (y < box.y1 - 1)
            assert not inside.any(), text


def test_a_root_is_called_by_its_prompt():
    space = SequenceSpace("ab", max_length=2, prompts=["Say $a$ or b:"])
    assert "Say $a$ or b:" in written(drawn(EnergyBasedModel(StateActionTable.zeros(space))))


def test_words_stay_within_the_axes():
    """In a tree with long words, and Axes of a size of its own."""
    space = SequenceSpace(["quite a long token", "b"], max_length=3)
    for settings in ({"ax": Figure(figsize=(5, 3), dpi=300).subplots()}, {}):
        ax = prefix_tree(EnergyBasedModel(StateActionTable.random(space, rng=0)), **settings)
        ax.figure.canvas.draw()
        box = ax.get_window_extent()
        for text in ax.texts:
            extent = text.get_window_extent()
            assert extent.x0 >= box.x0 - 3 * ax.figure.dpi / 72
            assert extent.x1 <= box.x1 + 3 * ax.figure.dpi / 72


# -- what is refused ---------------------------------------------------------------------------------------------------

OTHER = StateActionTable.zeros(SequenceSpace("ab", max_length=3))
REFUSED = {
    "too many nodes": (
        {"max_nodes": 5},
        r"more nodes than a picture takes: 5 .*up to 30\. Use a shorter max_length, cut",
    ),
    "no nodes": ({"max_nodes": 0}, "max_nodes is 0; it must be a positive integer"),
    "a depth that is no number": ({"max_depth": "all"}, "max_depth is 'all'; it must be a number of tokens"),
    "a depth below 0": ({"max_depth": -1}, "max_depth is -1"),
    "a chance above 1": ({"min_probability": 1.5}, r"min_probability is 1.5; it must lie in \[0, 1\]"),
    "an unknown colour": (
        {"color_by": "reward"},
        "color_by is 'reward'; it is 'value', 'probability', None, or a table",
    ),
    "colours of another space": ({"color_by": OTHER}, "the tree and the table to colour by: the two spaces differ"),
    "numbers of another space": ({"write": OTHER}, "the tree and the table to write: the two spaces differ"),
    "unknown numbers": ({"write": "q"}, "write is 'q'; it is 'policy', 'passing', a StateActionTable, or a function"),
    "a scale the wrong way round": ({"vmin": 1.0, "vmax": 0.0}, "vmin is 1.0 and vmax is 0.0; vmin must be less"),
    "a scale without end": ({"vmax": math.inf}, "vmax is inf; the end of a scale of colours must be finite"),
    "an unknown width": ({"width": "value"}, "width is 'value'; it is 'passing' or 'policy'"),
    "colours in an array": ({"color_by": np.zeros(3)}, "color_by is of type ndarray; it is 'value', 'probability'"),
    "words in an array": ({"write": np.zeros(3)}, "write is of type ndarray; it is 'policy', 'passing', a State"),
    "a width in an array": ({"width": np.zeros(3)}, "width is of type ndarray; it is 'passing' or 'policy'"),
    "a function that fails": (
        {"write": lambda *_: 1 / 0},
        r"ZeroDivisionError: .* at prompt None, prefix \(\), action 'a'",
    ),
    "a function of numbers": ({"write": lambda *_: 1.0}, "what write= returns is a float; it must be a str"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    settings, message = REFUSED[name]
    with pytest.raises(TabularBellmanError, match=message):
        drawn(MODEL, **settings)


def test_no_model():
    with pytest.raises(
        TabularBellmanError, match="the model is a StateTable; it must be a SequenceModel or StateActionTable"
    ):
        drawn(MODEL.values)


def test_a_large_tree_is_refused_before_it_is_grown():
    space = SequenceSpace(2, max_length=18)
    with pytest.raises(TabularBellmanError, match="up to 524,286"):
        drawn(StateActionTable.zeros(space))
    ax = drawn(StateActionTable.zeros(space), max_depth=2)
    assert len(written(ax)) == 7 * 2 + 4 + 7  # prefixes with their values, what is cut off, EOS after each


def test_probabilities_that_underflow_are_still_drawn():
    reward = StateActionTable.from_responses(SequenceSpace("ab", max_length=2), [0.0, -2000.0, 0.0])
    ax = drawn(EnergyBasedModel(reward))
    assert len(artists(ax, "bands")[0].get_paths()) == 5
    assert min(artists(ax, "bands")[0].get_linewidths()) == 0.6


def test_the_doctest_of_autoregressive_models_with_unreachable_prefixes():
    """A prefix may be forbidden although something is allowed below it."""
    table = {(None, (), "a"): -math.inf}
    logits = StateActionTable.from_dict(SequenceSpace("ab", max_length=2), table, default=0.0)
    kinds = {
        node.action: node.kind
        for node in full(AutoregressiveModel(logits)).nodes
        if not node.prefix and node.parent == 0
    }
    assert kinds["a"] == "forbidden"
