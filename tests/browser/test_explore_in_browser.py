"""The exploring page in a browser: whatever is changed on it, its numbers are the library's."""

import math

import numpy as np
import pytest
from browsing import DESKTOP, PHONE, Error, overflow, serious, unreached
from exploring import (
    KINDS,
    TOLERANCE,
    by_hand,
    by_script,
    disagreements,
    edits,
    expected,
    is_rounded,
    read,
    show_panel,
    until,
)

from proofs_check.library import LIBRARY
from proofs_check.mistakes import MISTAKES
from proofs_check.pages.explore.examples import built_in
from proofs_check.pages.explore.mistakes import MISTAKE_GROUPS, SHOWN_MISTAKES
from proofs_check.pages.explore.page import page
from tabular_bellman import SequenceSpace, StateActionTable

EXAMPLES = {example.id: example for example in built_in()}
KNOWN = {mistake.name: mistake for mistake in MISTAKES}


def masked(space, seed, share=0.35, scale=1.5):
    """Random rewards, some of them forbidden, dead prefixes among them, and each prompt with a response left."""
    rng = np.random.default_rng(seed)
    while True:
        levels = [np.where(rng.random(x.shape) < share, -np.inf, x) for x in StateActionTable.random(space, rng).levels]
        values = LIBRARY.soft_bellman(space, levels, 1.0)[1]
        if np.isfinite(values[0]).all() and any(np.isneginf(level).any() for level in values):
            return scale * StateActionTable.from_levels(space, levels)


OWN = {
    "masked": masked(SequenceSpace("ab", max_length=4), 1),
    "no bare EOS, two prompts": masked(SequenceSpace(3, max_length=3, min_length=2, prompts=["x", "y"]), 2),
    "fixed length": masked(SequenceSpace.fixed_length(2, 3, prompts=["x", "y"]), 3),
    "meeting prompts": StateActionTable.random(SequenceSpace("ab", max_length=3, prompts=["a", "ab"]), 4, scale=1.5),
    "one token": masked(SequenceSpace(1, max_length=7), 5, share=0.2),
    "one length, odd tokens": StateActionTable.random(SequenceSpace(["<b>", "q\"'&"], max_length=3, min_length=3), 6),
}


def test_the_judge_of_texts_can_fail():
    assert is_rounded("0.69", math.log(2), "short")
    assert not is_rounded("0.70", math.log(2), "short")
    assert not is_rounded("0.7", math.log(2), "short")
    assert not is_rounded("0.69", math.log(2), "long")
    assert is_rounded("67%", 2 / 3, "chance")
    assert not is_rounded("66%", 2 / 3, "chance")
    assert not is_rounded("0%", 1e-5, "chance")
    assert not is_rounded("100%", 0.999, "chance")
    assert not is_rounded("0", 1e-9, "long")
    assert not is_rounded("-1e9", -math.inf, "long")


@pytest.fixture(scope="module")
def explore(tmp_path_factory):
    """The page with the built-in examples only, in a file."""
    path = tmp_path_factory.mktemp("explore") / "explore.html"
    path.write_text(page(None, ""), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Pages with rewards of one's own, in files."""
    folder = tmp_path_factory.mktemp("own")
    paths = {name: folder / f"{i}.html" for i, name in enumerate(OWN)}
    for name, path in paths.items():
        path.write_text(page(OWN[name], f"a test, {name},"), encoding="utf-8")
    return paths


def test_random_changes_of_the_examples(explore, opened):
    rng = np.random.default_rng(0)
    with opened(explore) as tab:
        for name, example in EXAMPLES.items():
            tab.select_option("#example", name)
            edits(tab, rng, example.space, rng.choice(KINDS, 22), example.reference)


def test_random_changes_of_own_rewards(own, opened):
    rng = np.random.default_rng(1)
    for name, path in own.items():
        with opened(path) as tab:
            assert tab.input_value("#example") == "yours"
            assert disagreements(read(tab, OWN[name].space), expected(OWN[name], 1.0)) == []
            edits(tab, rng, OWN[name].space, rng.choice(KINDS, 17))


def test_what_a_hand_cannot_do_a_script_does_not(own, opened):
    rewards = OWN["masked"]
    forbidden = str(int(np.flatnonzero(np.isneginf(rewards.to_vector()))[0]))
    with opened(own["masked"]) as tab:
        for steps, said in [
            ([("choose", "edge", forbidden), ("type", "reward", "1.0")], "reward cannot be used"),
            ([("choose", "response", "0")], "response cannot be used"),  # its panel is shut
            ([("choose", "edge", "999")], "edge does not take 999"),
        ]:
            with pytest.raises(Error, match=said):
                by_script(tab, steps, rewards.space)


def test_a_prompt_with_nothing_left(explore, opened):
    with opened(explore) as tab:
        tab.select_option("#example", "empty")
        steps = [step for e in range(3) for step in (("choose", "edge", str(e)), ("tick", "forbidden", True))]
        shown = by_script(tab, steps, EXAMPLES["empty"].space)
        assert shown.numbers["A"] == [-math.inf]
        assert not shown.numbers["p"].any()
        assert disagreements(shown, expected(shown.rewards, 1.0)) == []
        assert "there is no distribution" in tab.inner_text("#nothing")
        exec(tab.text_content("#program"), {})
        show_panel(tab, "walk-panel")
        assert tab.inner_text("#walk-title") == "Nothing is left"


PLANTED = [
    ("rewards[edge] + (tree.to[edge] < 0", "rewards[edge] - (tree.to[edge] < 0"),
    ("Math.exp(x - top)", "Math.exp(x)"),
    ("return top + Math.log(", "return Math.log("),
    ("return temperature * logSumExp(", "return logSumExp("),
    ("return x === FORBIDDEN ? FORBIDDEN : x - y;", "return x - y;"),
    ("if (top === FORBIDDEN) return FORBIDDEN;", ""),
    ("subtract(x, softValue(tree, tree.to[edge], q, temperature))", "x"),
    ("ofEdges[edge] = ofNodes[node] + logPolicy[edge]", "ofEdges[edge] = logPolicy[edge]"),
    ("x.toFixed(2)", "(x + 0.004).toFixed(2)"),
    ("percent.toFixed(0)", "Math.floor(percent)"),
]


@pytest.mark.parametrize(("right", "wrong"), PLANTED, ids=[wrong or right for right, wrong in PLANTED])
def test_errors_planted_in_the_script_are_found(right, wrong, own, opened, tmp_path):
    name = "masked"
    source = own[name].read_text(encoding="utf-8")
    assert right in source
    path = tmp_path / "planted.html"
    path.write_text(source.replace(right, wrong), encoding="utf-8")
    with opened(path) as tab:
        tab.fill("#temperature", "0.4")
        shown = read(tab, OWN[name].space)
        rewards = shown.numbers["r"]
        assert (rewards == OWN[name].to_vector()).all()
        assert disagreements(shown, expected(OWN[name], 0.4))


def test_without_its_shift_a_sum_overflows(own, opened, tmp_path):
    rewards = OWN["meeting prompts"]
    source = own["meeting prompts"].read_text(encoding="utf-8")
    planted = source.replace("Math.exp(x - top)", "Math.exp(x)").replace("return top + Math.log(", "return Math.log(")
    path = tmp_path / "planted.html"
    for text, is_right in ((source, True), (planted, False)):
        path.write_text(text, encoding="utf-8")
        with opened(path) as tab:
            # Where nothing overflows, nothing is seen of it.
            assert disagreements(read(tab, rewards.space), expected(rewards, 1.0)) == []
            tab.fill("#reward", "800")
            shown = read(tab, rewards.space)
            assert (disagreements(shown, expected(shown.rewards, 1.0)) == []) is is_right


# -- mistakes ---------------------------------------------------------------------------------------------------------


# What the list says of each mistake; nothing, where it cannot be chosen.
OFFERED = """[...document.querySelectorAll("#mistake optgroup option")].map(option =>
    [option.value, option.matches(":disabled") || option.parentElement.disabled ? null : option.textContent])"""


def test_each_mistake_is_the_registry_s(own, explore, opened):
    seen = dict.fromkeys(SHOWN_MISTAKES, 0)
    some = ("no bare EOS, two prompts", "fixed length", "meeting prompts", "one token")
    tables = [(own[name], OWN[name], None) for name in some]
    tables.append((explore, EXAMPLES["reference"].reward, EXAMPLES["reference"].reference))
    for path, rewards, reference in tables:
        with opened(path) as tab:
            if reference is not None:
                tab.select_option("#example", "reference")
            tab.fill("#temperature", "0.7")
            right = expected(rewards, 0.7, reference)
            show_panel(tab, "mistake-panel")
            offered = dict(tab.evaluate(OFFERED))
            assert list(offered) == list(SHOWN_MISTAKES)
            for name in SHOWN_MISTAKES:
                mistake = KNOWN[name]
                if (mistake.replaces == "with_reference") != (reference is not None):
                    assert offered[name] is None
                    continue
                shown = by_script(tab, [("choose", "mistake", name)], rewards.space)
                wrong = expected(rewards, 0.7, reference, mistake)
                assert disagreements(shown, wrong) == [], name
                differs = disagreements(shown, right) != []
                seen[name] += differs
                assert offered[name] == (name if differs else f"{name} – no difference here")
                verdict, beside = tab.evaluate(
                    "[document.getElementById('verdict').innerText,"
                    " [...document.querySelectorAll('.tables:not([hidden]) .wrong')].map(slot =>"
                    " [slot.dataset.slot, slot.dataset.at, slot.querySelector('.right').dataset.exact])]"
                )
                assert verdict.startswith("No difference on these rewards.") is not differs, (name, verdict)
                assert bool(beside) is differs
                for slot, at, exact in beside:
                    assert float(exact) == pytest.approx(right[slot][int(at)], rel=1e-12, abs=1e-12)
            tab.select_option("#mistake", "")
            assert disagreements(read(tab, rewards.space), right) == []
    # A mistake that changed nothing anywhere would have been compared with nothing.
    assert [name for name, n in seen.items() if n == 0] == []


def test_mistakes_are_listed_in_groups(explore, opened):
    with opened(explore) as tab:
        show_panel(tab, "mistake-panel")
        listed = """[...document.querySelectorAll("#mistake optgroup")].map(group =>
            [group.label, [...group.children].map(option => option.value)])"""
        groups = {name: list(members) for name, members in MISTAKE_GROUPS.items()}
        assert dict(tab.evaluate(listed)) == {
            (f"{name} (there is none)" if name == "The reference" else name): members
            for name, members in groups.items()
        }
        tab.select_option("#example", "reference")
        assert dict(tab.evaluate(listed)) == {
            (name if name == "The reference" else f"{name} (not with a reference)"): members
            for name, members in groups.items()
        }


def test_which_mistakes_make_no_difference_is_said_anew(explore, opened):
    def idle(tab):
        return {name for name, text in tab.evaluate(OFFERED) if text is not None and text != name}

    with opened(explore) as tab:
        tab.select_option("#example", "late")
        show_panel(tab, "mistake-panel")
        until(tab, "document.getElementById('mistake').textContent.includes('no difference')")
        prompts = {name for name in SHOWN_MISTAKES if name.startswith("prompts-")}
        of_temperature = set(MISTAKE_GROUPS["Temperature"])
        assert idle(tab) == {"mask-1e9"} | prompts | of_temperature
        tab.fill("#temperature", "0.7")
        assert idle(tab) == {"mask-1e9"} | prompts
        show_panel(tab, "change-panel")
        tab.locator("#forbidden").check()
        show_panel(tab, "mistake-panel")
        until(tab, "!document.getElementById('mistake').textContent.includes('mask-1e9 – no')")
        tab.select_option("#example", "prompts")
        assert idle(tab) == {"mask-1e9"} | of_temperature


def test_what_a_mistake_breaks_is_said(explore, opened):
    with opened(explore) as tab:
        tab.select_option("#example", "late")
        tab.fill("#reward", "3")
        assert tab.locator(".tables .changed").count() > 0
        show_panel(tab, "mistake-panel")
        tab.select_option("#mistake", "hard-max")
        assert tab.locator(".tables .changed").count() == 0
        tab.select_option("#example", "brackets")
        assert tab.inner_text("#mistake-summary") == f"{KNOWN['hard-max'].summary}."
        laws = tab.inner_text("#laws").replace("\n", " ").replace("\t", " ")
        assert "V(start) = A 0 ≠ 1.3863" in laws
        assert "Σ p(y) = 1 1.0000 = 1.0000" in laws
        tab.select_option("#mistake", "lost-temperature")
        assert tab.inner_text("#verdict").endswith("At τ = 1 it makes none: move the temperature.")
        tab.select_option("#mistake", "rewards-as-logits")
        # 45.4 % is the figure for 12 brackets; for 4 it is worked out here.
        rewards = EXAMPLES["brackets"].reward
        total = expected(rewards, 1.0, mistake=KNOWN["rewards-as-logits"])["p"].sum()
        assert f"add up to {total:.4f}: other draws run into a prefix" in tab.inner_text("#verdict")
        until(tab, "document.getElementById('said').textContent.includes('rewards-as-logits')")


# -- the walk, undo, links, programs ----------------------------------------------------------------------------------


def in_formulas(tab):
    return [float(x) for x in tab.evaluate(f"({IN_FORMULAS})()")]


IN_FORMULAS = """() => [...document.querySelectorAll("#walk-lines [data-exact]")].map(e => e.dataset.exact)"""
# To the end of a walk and back to its beginning: at each stop its title, its numbers, and how much is lit.
WALK = f"""() => {{
    const stops = [];
    const button = id => document.getElementById(id);
    const stop = () => stops.push([
        button("walk-title").innerText,
        ({IN_FORMULAS})(),
        [...document.querySelectorAll("svg:not([hidden]) .lit")].filter(e => e.checkVisibility()).length,
    ]);
    stop();
    const go = id => {{
        for (let i = 0; i < 200 && !button(id).disabled; i += 1) {{
            button(id).click();
            stop();
        }}
    }};
    go("next");
    const there = stops.splice(0);
    go("back");
    return [there, stops];
}}"""


@pytest.mark.parametrize(
    ("name", "response", "temperature"),
    [("brackets", 10, 1.0), ("brackets", 2, 1.0), ("reference", 8, 0.5), ("prompts", 9, 2.0)],
)
def test_the_walk_goes_there_and_back(name, response, temperature, explore, opened):
    example = EXAMPLES[name]
    truth = expected(example.reward, temperature, example.reference)
    with opened(explore) as tab:
        tab.select_option("#example", name)
        tab.fill("#temperature", str(temperature))
        show_panel(tab, "walk-panel")
        tab.select_option("#response", str(response))
        there, back = tab.evaluate(WALK)
        titles, numbers = [stop[0] for stop in there], [[float(x) for x in stop[1]] for stop in there]
        assert min(lit for _, _, lit in there) > 0
        ps = [
            found[-1]
            for title, found in zip(titles, numbers, strict=True)
            if title in ("The probability of the response", "The product is the same probability")
        ]
        p = truth["p"][response]
        assert ps == pytest.approx([p, p], rel=TOLERANCE, abs=1e-300)
        assert titles[-1] == "And the rewards add up again"
        R = truth["R"][response]
        assert numbers[-1][-1] == (R if math.isinf(R) else pytest.approx(R, abs=TOLERANCE))
        assert any("log-partition again" in title for title in titles)
        assert back == there[-2::-1]
        # Hands, and the ends of the walk.
        assert tab.locator("#back").is_disabled()
        tab.click("#next")
        tab.click("#next")
        tab.click("#back")
        assert tab.inner_text("#walk-title") == titles[1]
        show_panel(tab, "change-panel")
        assert tab.locator(".lit").count() == 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_walk_begins_with_the_longest_of_the_likeliest(name, explore, opened):
    example = EXAMPLES[name]
    p = expected(example.reward, example.temperature, example.reference)["p"]
    lengths = [len(response) for _ in example.space.prompts for response in example.space.responses()]
    likely = [place for place in range(len(p)) if p[place] > (1.0 - 1e-9) * p.max()]
    with opened(explore) as tab:
        tab.select_option("#example", name)
        place = int(tab.input_value("#response"))
        assert place in likely
        assert lengths[place] == max(lengths[i] for i in likely)
        show_panel(tab, "walk-panel")
        assert tab.inner_text("#walk-count").endswith(f"of {len(tab.evaluate(WALK)[0])}")


def test_a_mistake_is_laid_aside_for_the_walk(explore, opened):
    with opened(explore) as tab:
        show_panel(tab, "mistake-panel")
        tab.select_option("#mistake", "hard-max")
        assert tab.locator(".tables:not([hidden]) .wrong").count() > 0
        show_panel(tab, "walk-panel")
        assert tab.locator(".tables:not([hidden]) .wrong").count() == 0
        show_panel(tab, "mistake-panel")
        assert tab.locator(".tables:not([hidden]) .wrong").count() > 0


def test_undo_and_reset(own, opened):
    rewards = OWN["masked"]
    rng = np.random.default_rng(7)
    with opened(own["masked"]) as tab:
        assert tab.locator("#undo").is_disabled()
        edits(tab, rng, rewards.space, KINDS, by=by_hand)
        after = read(tab, rewards.space)
        tab.click("#reset")
        shown = read(tab, rewards.space)
        assert (shown.temperature, shown.rewards) == (1.0, rewards)
        tab.keyboard.press("Control+z")
        shown = read(tab, rewards.space)
        assert (shown.temperature, shown.rewards) == (after.temperature, after.rewards)
        while tab.locator("#undo").is_enabled():
            tab.click("#undo")
        shown = read(tab, rewards.space)
        assert (shown.temperature, shown.rewards) == (1.0, rewards)
        # A number that is typed key by key is one change.
        finite = int(np.flatnonzero(np.isfinite(rewards.to_vector()))[0])
        tab.select_option("#edge", str(finite))
        tab.locator("#reward").press("Control+a")
        tab.locator("#reward").press_sequentially("12", delay=1)
        assert read(tab, rewards.space).numbers["r"][finite] == 12.0
        tab.click("#undo")
        assert read(tab, rewards.space).rewards == rewards


def test_the_link_keeps_everything(own, opened):
    rewards = OWN["no bare EOS, two prompts"]
    rng = np.random.default_rng(8)
    with opened(own["no bare EOS, two prompts"]) as tab:
        edits(tab, rng, rewards.space, rng.permutation(KINDS), by=by_hand)
        tab.click("#show-logit")
        show_panel(tab, "mistake-panel")
        tab.select_option("#mistake", "log-mean-exp")
        before = read(tab, rewards.space)
        until(tab, "location.hash.includes('mistake=log-mean-exp')")
        tab.reload()
        after = read(tab, rewards.space)
        assert after.texts == before.texts
        assert after.temperature == before.temperature
        assert tab.input_value("#mistake") == "log-mean-exp"
        show_panel(tab, "walk-panel")
        tab.click("#next")
        title, lines = tab.inner_text("#walk-title"), in_formulas(tab)
        until(tab, "/walk=\\d+\\.1$/.test(location.hash)")
        tab.reload()
        assert (tab.inner_text("#walk-title"), in_formulas(tab)) == (title, lines)


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("example=nowhere", "example"),
        ("example=late&r=99:1", "r"),
        ("example=late&r=0:1e99", "r"),
        ("example=late&r=0:NaN", "r"),
        ("example=late&t=0", "t"),
        ("show=constructor", "show"),
        ("mistake=<img src=x onerror=alert(1)>", "mistake"),
        ("walk=1.x", "walk"),
    ],
)
def test_an_odd_link_is_said_to_be_odd(fragment, said, explore, opened):
    with opened(explore) as tab:
        tab.evaluate("fragment => { location.hash = fragment; }", fragment)
        until(tab, "document.getElementById('said').textContent.includes('not understood')")
        assert tab.inner_text("#said").startswith(f"The link was not understood at: {said}.")
        name = tab.input_value("#example")
        shown = read(tab, EXAMPLES[name].space)
        assert disagreements(shown, expected(EXAMPLES[name].reward, 1.0, EXAMPLES[name].reference)) == []


def test_the_program_gives_the_numbers_shown(own, explore, opened, capsys):
    rng = np.random.default_rng(9)

    def compare(tab, space):
        shown, names = read(tab, space), {}
        exec(tab.text_content("#program"), names)
        assert names["space"] == space
        for key, table in (("r", "rewards"), ("q", "logits"), ("V", "values"), ("policy", "policy")):
            assert names[table].to_vector() == pytest.approx(shown.numbers[key], rel=1e-12, abs=1e-12)
        model = names["model"]
        assert model.probabilities().ravel() == pytest.approx(shown.numbers["pR"], rel=1e-12, abs=1e-12)
        assert np.atleast_1d(model.log_partition()) == pytest.approx(shown.numbers["A"], rel=1e-12)
        printed = capsys.readouterr().out.splitlines()
        assert len(printed) == space.n_responses_per_prompt

    with opened(explore) as tab:
        for name, example in EXAMPLES.items():
            tab.select_option("#example", name)
            tab.fill("#temperature", "0.3")
            tab.fill("#reward", "1.25")
            compare(tab, example.space)
    for name in ("masked", "fixed length", "one length, odd tokens"):
        with opened(own[name]) as tab:
            edits(tab, rng, OWN[name].space, rng.choice(KINDS, 2))
            if np.isfinite(read(tab, OWN[name].space).numbers["A"]).all():
                compare(tab, OWN[name].space)
            else:
                exec(tab.text_content("#program"), {})


# -- for everybody ----------------------------------------------------------------------------------------------------


def test_keys_in_the_tree(explore, opened):
    with opened(explore) as tab:
        tab.select_option("#example", "late")
        tab.locator("svg:not([hidden]) .edge[tabindex='0']").locator("visible=true").focus()

        def chosen():
            return tab.evaluate("document.activeElement.getAttribute('aria-label')").split(":")[0]

        assert chosen() == "a after start"
        for key, wanted in [
            ("ArrowRight", "a after a"),
            ("ArrowDown", "EOS after aa"),
            ("ArrowUp", "a after a"),
            ("ArrowLeft", "a after start"),
            ("ArrowLeft", "a after start"),
            ("End", "EOS after start"),
            ("Home", "a after start"),
        ]:
            tab.keyboard.press(key)
            assert chosen() == wanted
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.activeElement.id") == "reward"


def test_what_changed_is_marked_and_said(explore, opened):
    space = EXAMPLES["late"].space
    with opened(explore) as tab:
        tab.select_option("#example", "late")
        before = read(tab, space)
        tab.select_option("#edge", "4")  # b after a
        tab.fill("#reward", "2")
        after = read(tab, space)
        marked = tab.evaluate(
            "[...document.querySelectorAll('.tables:not([hidden]) .changed')].map(e => [e.dataset.slot, +e.dataset.at])"
        )
        moved = {
            (key, i)
            for key, x in before.numbers.items()
            for i in range(len(x))
            if abs(x[i] - after.numbers[key][i]) > 1e-9
        }
        assert {tuple(place) for place in marked} == moved
        assert ("q", 0) in moved
        assert ("q", 1) not in moved
        until(tab, "document.getElementById('said').textContent.startsWith('Reward of b after a: 2')")
        assert "Changed: 2 logits, 2 values, 6 step probabilities, 7 response probabilities." in tab.inner_text("#said")


def test_dead_branches_are_drawn_when_asked_for(explore, opened):
    with opened(explore) as tab:
        edges = tab.locator("svg .edge").locator("visible=true")
        pruned = edges.count()
        tab.click("#whole")
        assert edges.count() == EXAMPLES["brackets"].space.n_pairs > pruned
        tab.click("#whole")
        assert edges.count() == pruned
        # What is chosen is shown, and so is what comes to life.
        space = EXAMPLES["brackets"].space
        inner = next(i for i, (_, prefix, _) in enumerate(space.pairs()) if prefix == (")", ")", ")", ")"))
        tab.select_option("#edge", str(inner))
        assert edges.count() == space.n_pairs
        tab.locator("#forbidden").uncheck()
        assert tab.locator("#whole").is_disabled()
        tab.select_option("#edge", "0")
        assert edges.count() == space.n_pairs


@pytest.mark.parametrize("link", ["", "walk=10.1", "example=late&mistake=hard-max"])
def test_the_keyboard_reaches_everything(link, explore, opened):
    with opened(explore) as tab:
        tab.evaluate("link => { location.hash = link; }", link)
        panel = "walk-panel" if "walk" in link else "mistake-panel" if link else "change-panel"
        until(tab, f"document.getElementById('{panel}').open")
        assert unreached(tab) == []


@pytest.mark.parametrize(("dark", "size"), [(False, DESKTOP), (True, PHONE)])
def test_nothing_serious_for_an_automated_check(dark, size, explore, opened):
    with opened(explore, dark=dark, size=size) as tab:
        tab.select_option("#example", "late")
        # What is hidden is not judged, but takes its time.
        tab.evaluate("document.querySelectorAll('[data-example][hidden]').forEach(part => part.remove())")
        tab.fill("#reward", "2")
        assert serious(tab) == []
        show_panel(tab, "walk-panel" if dark else "mistake-panel")
        if dark:
            tab.click("#next")
        else:
            tab.select_option("#mistake", "rewards-as-logits")
        assert serious(tab) == []


def test_an_automated_check_can_fail(explore, opened):
    with opened(explore) as tab:
        tab.select_option("#example", "late")
        tab.evaluate("document.querySelectorAll('[data-example][hidden]').forEach(part => part.remove())")
        tab.evaluate("document.getElementById('reward-of').textContent = ''")
        assert any(found.startswith("label: ") for found in serious(tab))


def test_no_sideways_scroll_on_a_phone(explore, own, opened):
    for path in (explore, own["one token"], own["one length, odd tokens"]):
        with opened(path, size=PHONE) as tab:
            assert overflow(tab) <= 0
            for panel in ("walk-panel", "mistake-panel"):
                show_panel(tab, panel)
                if panel == "mistake-panel":
                    tab.select_option("#mistake", "expected-value")
                assert overflow(tab) <= 0


def test_pills_can_be_read(explore, opened):
    """Values stand on colours from light to dark; each with a contrast of 4.5 at least."""
    luminance = """color => {
        const canvas = document.createElement("canvas").getContext("2d");
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(x => x / 255)
            .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }"""
    for dark in (False, True):
        with opened(explore, dark=dark) as tab:
            for marked in ("false", "true"):
                ratios = tab.evaluate(
                    f"""() => {{
                        const luminance = {luminance};
                        const pill = document.querySelector("svg:not([hidden]) .node");
                        pill.querySelector("text").classList.toggle("changed", {marked});
                        return [...Array(101).keys()].map(share => {{
                            pill.style.setProperty("--share", `${{share}}%`);
                            pill.classList.toggle("deep", share > 50);
                            const text = luminance(getComputedStyle(pill.querySelector("text")).fill);
                            const ground = luminance(getComputedStyle(pill.querySelector("rect")).fill);
                            return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
                        }});
                    }}"""
                )
                assert min(ratios) >= 4.5


def test_without_scripts_it_says_the_same(explore, own, opened):
    for path, rewards in ((explore, EXAMPLES["brackets"].reward), (own["fixed length"], OWN["fixed length"])):
        with opened(path, javascript=False) as tab:
            assert "With JavaScript" in tab.inner_text(".notice")
            assert tab.locator(".interactive").locator("visible=true").count() == 0
            assert tab.locator("svg").locator("visible=true").count() == 1
            still = read(tab, rewards.space)
        with opened(path) as tab:
            moving = read(tab, rewards.space)
        assert len(still.texts) == len(moving.texts) > 50
        for (key, at, _, x, text), (same, place, _, y, shown) in zip(still.texts, moving.texts, strict=True):
            assert (key, at, text) == (same, place, shown)
            assert x == pytest.approx(y, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("size", [DESKTOP, (1280, 800)], ids=str)
def test_a_tree_fits_the_screen_of_a_lesson(size, explore, opened):
    with opened(explore, size=size) as tab:
        for name in EXAMPLES:
            tab.select_option("#example", name)
            box = tab.locator(".box").locator("visible=true").bounding_box()
            assert box["y"] + box["height"] < size[1]
            inner = tab.evaluate(
                "(() => { const box = document.querySelector('.box:not([hidden])');"
                " return [box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight]; })()"
            )
            assert inner == [0, 0], name


# How far the start stands from the edges of the box that scrolls: left, right, top, bottom.
ROOT = """(() => {
    const box = document.querySelector(".box:not([hidden])");
    const outer = box.getBoundingClientRect();
    const root = box.querySelector("svg:not([hidden]) .node[data-of='0'] rect").getBoundingClientRect();
    return [root.left - outer.left, outer.right - root.right, root.top - outer.top, outer.bottom - root.bottom];
})()"""


def test_the_start_is_in_sight_at_first(explore, own, opened):
    for path, names in ((explore, list(EXAMPLES)), (own["no bare EOS, two prompts"], ["yours"])):
        with opened(path, size=PHONE) as tab:
            assert min(tab.evaluate(ROOT)) >= 0
            for name in names:
                # Come back to, from another example and a corner of the box.
                tab.select_option("#example", name)
                tab.evaluate("document.querySelector('.box:not([hidden])').scrollTo(999, 999)")
                tab.select_option("#example", next(each for each in EXAMPLES if each != name))
                tab.select_option("#example", name)
                assert min(tab.evaluate(ROOT)) >= 0, name
    # In the middle, where there is enough on both sides.
    with opened(explore, size=PHONE) as tab:
        tab.select_option("#example", "reference")
        _, _, above, below = tab.evaluate(ROOT)
        assert above == pytest.approx(below, abs=2.0)


def test_a_link_to_a_step_shows_it(own, opened):
    with opened(own["no bare EOS, two prompts"], size=PHONE) as tab:
        tab.evaluate("location.hash = 'example=yours&step=47'")
        until(tab, "document.getElementById('edge').value === '47'")
        assert min(tab.evaluate(LABEL)) >= 0
        assert min(tab.evaluate(ROOT)) < 0


# The same of the label of the step that is chosen.
LABEL = """(() => {
    const box = document.querySelector(".box:not([hidden])").getBoundingClientRect();
    const label = document.querySelector("svg:not([hidden]) .chosen .label").getBoundingClientRect();
    return [label.left - box.left, box.right - label.right, label.top - box.top, box.bottom - label.bottom];
})()"""


def test_what_is_chosen_is_in_sight(own, opened):
    """Also where a tree is larger than its box."""
    for size in (DESKTOP, PHONE):
        with opened(own["no bare EOS, two prompts"], size=size) as tab:
            for edge in (0, 47, 30):
                tab.select_option("#edge", str(edge))
                assert min(tab.evaluate(LABEL)) >= 0, edge


def test_on_paper(explore, opened):
    with opened(explore) as tab:
        tab.emulate_media(media="print")
        assert tab.locator(".screen").locator("visible=true").count() == 0
        assert tab.locator("svg").locator("visible=true").count() == 1
        assert tab.locator(".tables").locator("visible=true").count() == 1


def test_numbers_that_are_none_are_not_taken(explore, opened):
    with opened(explore) as tab:
        tab.select_option("#example", "empty")
        before = read(tab, EXAMPLES["empty"].space)
        for field, text, limits in (
            ("#reward", "1e7", "from -1000000 to 1000000"),
            ("#temperature", "0.01", "from 0.05 to 20"),
            ("#temperature", "", "from 0.05 to 20"),
        ):
            tab.fill(field, text)
            assert limits in tab.inner_text(f"{field}-message")
            tab.locator(field).blur()
            after = read(tab, EXAMPLES["empty"].space)
            assert (after.temperature, after.texts) == (before.temperature, before.texts)
            assert tab.inner_text(f"{field}-message") == ""


def test_a_complaint_goes_with_what_it_was_about(explore, opened):
    """Whatever changes what is shown puts numbers into the fields that fit."""
    ways = {
        "another example": lambda tab: tab.select_option("#example", "late"),
        "another step": lambda tab: tab.select_option("#edge", "1"),
        "a link": lambda tab: tab.evaluate("location.hash = `example=empty&t=${2 + Math.random()}`"),
        "a reset": lambda tab: tab.evaluate("document.getElementById('reset').click()"),  # the focus stays
    }
    with opened(explore) as tab:
        for way, act in ways.items():
            for field in ("#temperature", "#reward"):
                # Without leaving the field, which by itself would put an end to it.
                tab.fill(field, "")
                assert "A number from" in tab.inner_text(f"{field}-message")
                assert tab.get_attribute(field, "aria-invalid") == "true"
                act(tab)
                until(tab, f"document.querySelector('{field}').value !== ''")
                assert tab.inner_text(f"{field}-message") == "", way
                assert tab.get_attribute(field, "aria-invalid") is None, way
                assert tab.locator("[aria-invalid]").count() == 0
                tab.select_option("#example", "empty")


# -- one text, two prefixes -------------------------------------------------------------------------------------------


def test_where_prompts_meet_both_values_are_said(explore, own, opened):
    outlined = """[...document.querySelectorAll(".box:not([hidden]) svg:not([hidden]) .meets")]
        .map(node => [Number(node.dataset.of), node.textContent.trim()])"""
    example = EXAMPLES["prompts"]
    with opened(explore) as tab:
        assert (tab.evaluate(outlined), tab.inner_text("#meeting")) == ([], "")
        tab.select_option("#example", "prompts")
        prefixes = [key for t in range(example.space.n_depths) for key in example.space.prefixes(t)]
        nodes = [prefixes.index(key) for key in (("a", ("b",)), ("ab", ()))]

        def values(shown):
            return [f"{shown.numbers['V'][node]:.2f}" for node in nodes]

        first = values(read(tab, example.space))
        assert first == [f"{x:.2f}" for x in expected(example.reward, 1.0)["V"][nodes]]
        assert first[0] != first[1]
        assert (
            tab.inner_text("#meeting")
            == f"Outlined, with one text, ab: V[a | b] = {first[0]}, V[prompt ab] = {first[1]}."
        )
        assert sorted(tab.evaluate(outlined)) == sorted(map(list, zip(nodes, first, strict=True)))
        # They are those of what is shown, and not written down once.
        tab.fill("#temperature", "2")
        second = values(read(tab, example.space))
        assert second != first
        assert all(f"= {x}" in tab.inner_text("#meeting") for x in second)
        # Texts run together make them one.
        show_panel(tab, "mistake-panel")
        tab.select_option("#mistake", "prompts-concatenated")
        third = values(read(tab, example.space))
        assert third[0] == third[1]
        assert tab.inner_text("#meeting").count(f"= {third[0]}") == 2
    with opened(own["fixed length"]) as tab:  # two prompts whose texts never meet
        assert (tab.evaluate(outlined), tab.inner_text("#meeting")) == ([], "")
    with opened(own["meeting prompts"]) as tab:
        assert len(tab.evaluate(outlined)) == 2
