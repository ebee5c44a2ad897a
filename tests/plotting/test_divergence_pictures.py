"""Bars and points of divergences, against the library's numbers and the oracle's."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    divergence,
    kl_divergence,
)
from tabular_bellman.distillation import distillation_report
from tabular_bellman.plotting import bounds_against_kl, kl_by_depth, kl_by_prefix
from tabular_bellman.plotting.labels import number

SPACE = SequenceSpace("ab", max_length=4, prompts=["x", "y"])
P, Q = (EnergyBasedModel(StateActionTable.random(SPACE, rng=rng)) for rng in (0, 1))


def new():
    return Figure(figsize=(10, 10)).subplots()


def pruned():
    """A student that forbids what the teacher writes."""
    space = SequenceSpace("ab", max_length=3)
    student = StateActionTable.from_responses(space, lambda _, y: 0.0 if len(y) < 3 else -math.inf)
    return EnergyBasedModel(StateActionTable.zeros(space)), EnergyBasedModel(student)


@pytest.mark.parametrize("prompt", SPACE.prompts)
def test_bars_add_up_to_the_divergences(prompt):
    ax, i = kl_by_depth(P, Q, prompt=prompt, ax=new()), SPACE.prompt_index(prompt)
    forward, reverse = ax.containers
    for bars, pair in ((forward, (P, Q)), (reverse, (Q, P))):
        heights = [bar.get_height() for bar in bars]
        np.testing.assert_array_equal(heights, divergence.kl_by_depth(*pair)[i])
        assert math.fsum(heights) == pytest.approx(kl_divergence(*pair)[i], abs=1e-14)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        f"KL(p‖q) = {number(kl_divergence(P, Q)[i])}",
        f"KL(q‖p) = {number(kl_divergence(Q, P)[i])}",
    ]
    assert forward[0].get_hatch() != reverse[0].get_hatch()
    for t, pair in enumerate(zip(forward, reverse, strict=True)):  # side by side
        assert [bar.get_x() + bar.get_width() / 2 for bar in pair] == pytest.approx([t - 0.2, t + 0.2])
    assert ax.get_xlabel() == "depth t"
    assert ax.get_ylabel() == "nats"


def test_infinite_depths_are_said_in_words():
    ax = kl_by_depth(*pruned(), names=("teacher", "student"), ax=new())
    infinite = [np.isinf(divergence.kl_by_depth(*pair)) for pair in (pruned(), pruned()[::-1])]
    assert [each.tolist() for each in infinite] == [[False, True, True], [False] * 3]
    assert [text.get_text() for text in ax.texts] == ["∞"] * 2
    assert [text.xy[0] for text in ax.texts] == [1 - 0.2, 2 - 0.2]  # where KL(teacher‖student) has its bars
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    assert texts[0] == "KL(teacher‖student) = ∞"
    assert all(np.isfinite(bar.get_height()) for bars in ax.containers for bar in bars)


@pytest.mark.parametrize("prompt", SPACE.prompts)
def test_the_prefixes_that_add_most(prompt):
    report = distillation_report(P, Q).forward
    added = {"".join(s) or "start": x for (p, s), x in report.by_prefix.items() if p == prompt}
    ax = kl_by_prefix(P, Q, prompt=prompt, most=4, ax=new())
    names = [text.get_text() for text in ax.get_yticklabels()]
    widths = [bar.get_width() for bar in ax.patches]
    most = sorted(added, key=added.get, reverse=True)
    assert names == [*most[:4], "11 others"]
    assert widths[:4] == [added[name] for name in names[:4]]
    assert math.fsum(widths) == pytest.approx(kl_divergence(P, Q)[SPACE.prompt_index(prompt)], abs=1e-14)
    assert [text.get_text() for text in ax.texts] == [number(width) for width in widths]
    assert [text.xy for text in ax.texts] == list(zip(widths, range(5), strict=True))
    assert [bar.get_y() + bar.get_height() / 2 for bar in ax.patches] == pytest.approx(range(5))
    assert ax.get_yticks().tolist() == list(range(5))
    assert ax.get_xlabel() == f"nats; KL(p‖q) = {number(kl_divergence(P, Q)[SPACE.prompt_index(prompt)])} in all"
    assert ax.patches[-1].get_hatch()
    assert not ax.patches[0].get_hatch()


def test_all_prefixes_there_are():
    ax = kl_by_prefix(P, Q, most=100, ax=new())
    assert len(ax.patches) == sum(
        x > 0.0 for (p, _), x in distillation_report(P, Q).forward.by_prefix.items() if p == "x"
    )


def test_an_infinite_prefix_is_said_in_words():
    teacher, student = pruned()
    ax = kl_by_prefix(teacher, student, names=("teacher", "student"), ax=new())
    assert [text.get_text() for text in ax.texts][:2] == ["∞", "∞"]
    assert [bar.get_width() for bar in ax.patches][:2] == [0.0, 0.0]
    assert ax.get_xlabel() == "nats; KL(teacher‖student) = ∞ in all"


def test_equal_models_have_no_bars():
    ax = kl_by_prefix(P, P, ax=new())
    assert not ax.patches
    assert ax.get_xlabel() == "nats; KL(p‖p) = 0 in all".replace("p‖p", "p‖q")


def test_rounding_is_no_divergence():
    """Of a model and itself by another route."""
    same = P.to_autoregressive()
    total = kl_divergence(P, same)
    assert (total > 0.0).all()
    assert (total < 1e-26).all()
    ax = kl_by_prefix(P, same, ax=new())
    assert not ax.patches
    assert ax.get_xlabel() == "nats; KL(p‖q) = 0 in all"
    ax = kl_by_depth(P, same, ax=new())
    assert {bar.get_height() for bars in ax.containers for bar in bars} == {0.0}
    assert ax.get_ylim() == (0.0, 1.0)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["KL(p‖q) = 0", "KL(q‖p) = 0"]
    legend = bounds_against_kl(P, same, ax=new()).get_legend()
    assert "KL(teacher‖student) = 0" in [t.get_text() for t in legend.get_texts()]


def test_small_divergences_are_no_rounding():
    near = AutoregressiveModel(P.to_autoregressive().logits + StateActionTable.random(SPACE, rng=1, scale=1e-10))
    exact = kl_divergence(P, near)
    assert (exact < 1e-18).all()
    bars = kl_by_prefix(P, near, most=100, ax=new()).patches
    assert math.fsum(bar.get_width() for bar in bars) == pytest.approx(exact[0], rel=1e-4, abs=0.0)


def test_prefixes_that_would_be_called_alike():
    space = SequenceSpace(["start", "end", "a b", "a", "b"], max_length=4)
    teacher, student = (EnergyBasedModel(StateActionTable.random(space, rng=rng)) for rng in (0, 1))
    ax = kl_by_prefix(teacher, student, most=31, ax=new())
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert {"start", "'start'", "'a b'", "a b"} <= set(names)
    assert len(set(names)) == len(names) == 31


@pytest.mark.parametrize("prompt", SPACE.prompts)
def test_bounds_stand_where_the_report_has_them(prompt):
    report, i = distillation_report(P, Q), SPACE.prompt_index(prompt)
    ax = bounds_against_kl(P, Q, prompt=prompt, ax=new())
    drawn = {line.get_label(): line for line in ax.get_lines()}
    assert [t.get_text() for t in ax.get_yticklabels()] == [bound.formula for bound in report.forward.bounds]
    for name, direction in (("teacher‖student", report.forward), ("student‖teacher", report.reverse)):
        values = [bound.value[i] for bound in direction.bounds]
        np.testing.assert_array_equal(drawn[name].get_xdata(), values)
        np.testing.assert_allclose(drawn[name].get_ydata(), np.arange(len(values)), atol=0.2)
        kl = direction.kl[i]
        line = drawn[f"KL({name}) = {number(kl)}"]
        assert line.get_xdata()[0] == kl
        above = [bound.kind == "upper" for bound in direction.bounds]
        assert (np.array(values)[above] >= kl).all()  # the picture is of bounds
    assert ax.get_xscale() == "log"
    assert ax.get_yticks().tolist() == list(range(len(report.forward.bounds)))
    kinds = [bound.kind for bound in report.forward.bounds]
    assert kinds == ["upper"] * kinds.count("upper") + ["lower"] * kinds.count("lower")
    said = {text.get_text(): text for text in ax.texts}
    between = kinds.count("upper") - 0.5
    for word, side in (("upper bounds", "bottom"), ("lower bounds", "top")):  # rows go downwards
        assert said[word].xy[1] == between
        assert said[word].get_va() == side
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    markers = {drawn[name].get_marker() for name in ("teacher‖student", "student‖teacher")}
    assert len(markers) == 2


def test_what_is_infinite_or_0_is_said_in_words():
    report, words = distillation_report(*pruned()), {"teacher‖student": 0, "student‖teacher": 1}
    texts = [text for text in bounds_against_kl(*pruned(), ax=new()).texts if not text.get_text().endswith(" bounds")]
    found = {text.get_position()[1]: text.get_text() for text in texts}
    for row in range(len(report.forward.bounds)):
        values = [float(direction.bounds[row].value) for direction in report.directions]
        said = {name: "infinite" if values[k] else "0" for name, k in words.items() if values[k] in (0.0, math.inf)}
        if len(said) == 2 and len(set(said.values())) == 1:
            assert found[row] == f"both {said['teacher‖student']}"
        elif said:
            assert found[row] == "; ".join(f"{name}: {word}" for name, word in said.items())
        else:
            assert row not in found
    assert "both infinite" in found.values()
    assert "teacher‖student: infinite" in found.values()
    equal = [text.get_text() for text in bounds_against_kl(P, P, ax=new()).texts]
    assert equal.count("both 0") == len(distillation_report(P, P).forward.bounds)


OTHER = EnergyBasedModel(StateActionTable.zeros(SequenceSpace("ab", max_length=3)))
DEEP = AutoregressiveModel(StateActionTable.zeros(SequenceSpace(1, max_length=201)))
REFUSED = {
    "two spaces, by depth": (lambda: kl_by_depth(P, OTHER), "the two spaces differ"),
    "two spaces, by prefix": (lambda: kl_by_prefix(P, OTHER), "the two spaces differ"),
    "two spaces, bounds": (lambda: bounds_against_kl(P, OTHER), "teacher and student are over different spaces"),
    "no model": (lambda: kl_by_depth(P, P.reward), "q is a StateActionTable; it must be a SequenceModel"),
    "too many depths": (lambda: kl_by_depth(DEEP, DEEP), "201 depths in .*; a picture takes 200"),
    "no prefixes": (lambda: kl_by_prefix(P, Q, most=0), "most is 0; it must be a positive integer"),
    "too many prefixes": (lambda: kl_by_prefix(P, Q, most=1000), "most is 1,000; the limit is 200"),
    "one name": (lambda: kl_by_prefix(P, Q, names="p"), "names is 'p'; it must be a pair of strings"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    draw, message = REFUSED[name]
    with pytest.raises(TabularBellmanError, match=message):
        draw()
