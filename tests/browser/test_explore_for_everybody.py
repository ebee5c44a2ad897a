"""The exploring page for hands, eyes and ears: keyboards, telephones, paper, screen readers, and what is typed."""

from itertools import pairwise

import pytest
from browsing import DESKTOP, PHONE, overflow, serious, unreached
from explored import EXAMPLES, OWN
from exploring import (
    read,
    show_panel,
    until,
)


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


@pytest.mark.parametrize("size", [PHONE, (320, 640), DESKTOP], ids=str)
def test_no_sideways_scroll(size, explore, own, opened):
    for path in (explore, own["one token"], own["long words"]):
        with opened(path, size=size) as tab:
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
        for (key, at, _, x, text, _), (same, place, _, y, shown, _) in zip(still.texts, moving.texts, strict=True):
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


def test_on_paper(explore, own, opened):
    with opened(explore) as tab:
        show_panel(tab, "mistake-panel")
        tab.select_option("#example", "late")
        tab.fill("#temperature", "0.5")
        tab.select_option("#mistake", "hard-max")
        assert not tab.locator("#printed").is_visible()
        tab.emulate_media(media="print")
        assert tab.locator(".screen").locator("visible=true").count() == 0
        assert tab.locator("svg").locator("visible=true").count() == 1
        assert tab.locator(".tables").locator("visible=true").count() == 1
        assert tab.locator("#printed").is_visible()
        assert (
            tab.inner_text("#printed")
            == f"Example: {EXAMPLES['late'].title}, changed. Temperature τ = 0.5. With the mistake hard-max."
        )
    # Of a page that is wider than the paper, nothing is behind an edge that paper cannot scroll.
    with opened(own["long words"], size=(700, 990)) as tab:
        tab.emulate_media(media="print")
        assert overflow(tab) <= 0
        assert (
            tab.evaluate("[...document.querySelectorAll('.scrolls')].map(e => getComputedStyle(e).overflow)")
            == ["visible"] * tab.locator(".scrolls").count()
        )


TYPED = [
    ("1,5", 1.5), ("−3", -3.0), ("-3", -3.0), (" 2.50 ", 2.5), (".5", 0.5), ("1e2", 100.0), ("−1,5e−1", -0.15),
    ("0x10", None), ("1,000.5", None), ("1.2.3", None), ("1 5", None), ("Infinity", None), ("1e400", None),
    ("1e7", None), ("abc", None), ("-", None), ("٣", None),
]  # fmt: skip


def stop_the_clock(tab):
    """While it stands, no machine is too slow a typist."""
    tab.clock.install(time=0)
    tab.clock.pause_at(1_000)


def test_numbers_are_taken_as_they_are_typed_or_not_at_all(explore, opened):
    space = EXAMPLES["empty"].space
    said = ("0x10", "1e400", "-")  # each takes half a second
    complaint = "document.getElementById('{}-message').textContent.includes('{}')"
    with opened(explore) as tab:
        tab.select_option("#example", "empty")
        tab.fill("#reward", "0.25")
        tab.locator("#reward").blur()
        for text, wanted in TYPED:
            tab.locator("#reward").press("Control+a")
            tab.locator("#reward").press_sequentially(text)
            assert tab.input_value("#reward") == text  # left as it is, as long as somebody types
            if text in said:
                until(tab, "document.getElementById('reward').ariaInvalid === 'true'")
                assert tab.inner_text("#reward-message") == "A number from -1000000 to 1000000, please."
            found = read(tab, space).numbers["r"][0]
            assert found == (0.25 if wanted is None else wanted), text
            tab.locator("#reward").blur()
            assert float(tab.input_value("#reward")) == found
            assert tab.get_attribute("#reward", "aria-invalid") is None
            if text in said:
                until(tab, complaint.format("reward", f"Not taken: “{text}”."))
            if wanted is None:
                assert read(tab, space).numbers["r"][0] == 0.25
            else:
                tab.click("#undo")  # what was typed is one change
                assert read(tab, space).numbers["r"][0] == 0.25
        for text, wanted in (("0,5", 0.5), ("0.01", 1.0), ("", 1.0), ("−2", 1.0)):
            tab.fill("#temperature", text)
            if wanted == 1.0:
                until(tab, complaint.format("temperature", "A number from 0.05 to 20"))
            tab.locator("#temperature").blur()
            assert read(tab, space).temperature == wanted
            if wanted == 0.5:
                tab.click("#undo")
        # A number that begins with a sign is none at first: nobody is told so while it is being typed.
        tab.evaluate(
            "const message = document.getElementById('reward-message'); window.heard = new Set();"
            "new MutationObserver(() => window.heard.add(message.textContent)).observe(message, {childList: true})"
        )
        tab.fill("#reward", "-inf")
        until(tab, complaint.format("reward", "To forbid the step, tick Forbidden"))
        tab.fill("#reward", "0.25")
        tab.evaluate("window.heard.clear()")
        stop_the_clock(tab)
        tab.locator("#reward").press("Control+a")
        for key in "-1.25":
            tab.locator("#reward").press(key)
            tab.clock.run_for(100)
        tab.locator("#reward").blur()
        tab.clock.run_for(1_000)
        assert tab.evaluate("[...window.heard].join()") == ""
        assert read(tab, space).numbers["r"][0] == -1.25
        tab.locator("#reward").press("ArrowDown")
        assert read(tab, space).numbers["r"][0] == -1.35


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
                until(tab, f"document.querySelector('{field}[aria-invalid=true]') !== null")
                assert "A number from" in tab.inner_text(f"{field}-message")
                act(tab)
                until(tab, f"document.querySelector('{field}').value !== ''")
                assert tab.inner_text(f"{field}-message") == "", way
                assert tab.get_attribute(field, "aria-invalid") is None, way
                assert tab.locator("[aria-invalid]").count() == 0
                tab.select_option("#example", "empty")


# -- scripts from right to left ---------------------------------------------------------------------------------------


# Of each part of a formula, of each label of the tree and of what is next to each other in them: where it begins.
PLACES = """() => {
    const begins = node => {
        const range = document.createRange();
        range.selectNodeContents(node);
        const {left, top} = range.getBoundingClientRect();
        return [left, top];
    };
    const formulas = [...document.querySelectorAll(".reading > span, #walk-lines p")].map(e => [...e.childNodes]);
    const labels = [...document.querySelectorAll(".box:not([hidden]) svg:not([hidden]) .label")]
        .map(e => [e.querySelector(".token"), e.querySelector(".is")]);
    return [...formulas, ...labels].map(parts => parts.map(begins));
}"""


def turned(places):
    """The formulas in which something stands left of what it follows, in one line."""
    return [parts for parts in places if any(abs(y1 - y0) < 6 and x1 < x0 for (x0, y0), (x1, y1) in pairwise(parts))]


def test_tokens_from_right_to_left_turn_nothing_round(own, opened, tmp_path):
    source = own["right to left"].read_text(encoding="utf-8")
    planted = source.replace("RUNS_LEFT.test(text)", "false").replace("unicode-bidi: isolate", "unicode-bidi: normal")
    path = tmp_path / "planted.html"
    path.write_text(planted, encoding="utf-8")
    for each, is_right in ((own["right to left"], True), (path, False)):
        with opened(each) as tab:
            show_panel(tab, "walk-panel")
            place = tab.evaluate(
                "[...document.getElementById('response').options].findIndex(o => o.text.includes('א'))"
            )
            tab.select_option("#response", str(place))
            found = []
            while tab.locator("#next").is_enabled():
                found += turned(tab.evaluate(PLACES))
                tab.click("#next")
            assert (found == []) is is_right
            if is_right:
                names = {}
                exec(tab.text_content("#program"), names)  # with not a character more
                assert names["space"] == OWN["right to left"].space
                assert tab.locator("#program bdi").count() > 0


# -- for hands, eyes and ears -----------------------------------------------------------------------------------------


def focused(tab):
    return tab.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label') || ''")


def test_the_focus_is_never_lost(explore, opened):
    with opened(explore) as tab:
        # By the last undo, of the button that does it.
        tab.fill("#temperature", "2")
        tab.locator("#undo").press("Enter")
        assert tab.locator("#undo").is_disabled()
        assert focused(tab) == "undo"
        # Where the drawing of the whole makes place for that of what is alive.
        edge = tab.locator(".box:not([hidden]) svg:not([hidden]) .edge[tabindex='0']")
        space = EXAMPLES["brackets"].space
        live = tab.locator("svg .edge").locator("visible=true").count()
        inner = next(i for i, (_, prefix, _) in enumerate(space.pairs()) if prefix == (")", ")", ")", ")"))
        tab.select_option("#edge", str(inner))
        tab.locator("#forbidden").uncheck()
        tab.select_option("#edge", "0")
        assert tab.locator("svg .edge").locator("visible=true").count() == space.n_pairs
        edge.focus()
        tab.keyboard.press("Control+z")
        assert tab.locator("svg .edge").locator("visible=true").count() == live
        assert focused(tab).startswith("( after start:")
        tab.keyboard.press("ArrowRight")
        assert focused(tab).startswith("( after (:")
        # Where what is undone switches off the slider that has it.
        tab.select_option("#edge", str(inner))
        tab.locator("#forbidden").uncheck()
        tab.locator("#reward-slider").press("Control+z")
        assert tab.locator("#reward-slider").is_disabled()
        assert focused(tab) == "forbidden"


def test_a_slider_reaches_as_far_as_the_reward(explore, opened):
    space = EXAMPLES["empty"].space
    with opened(explore) as tab:
        tab.select_option("#example", "empty")
        for reward, key, after in (("100", "ArrowLeft", 99.9), ("-40.5", "ArrowRight", -40.4), ("2", "ArrowLeft", 1.9)):
            tab.fill("#reward", reward)
            slider = tab.locator("#reward-slider")
            assert float(slider.input_value()) == float(reward)
            slider.press(key)
            assert read(tab, space).numbers["r"][0] == after
        assert tab.evaluate("['min', 'max'].map(end => document.getElementById('reward-slider')[end])") == ["-5", "5"]


def test_a_reset_that_changes_nothing_is_nothing_to_undo(explore, opened):
    with opened(explore) as tab:
        tab.click("#reset")
        assert tab.locator("#undo").is_disabled()
        assert not tab.locator("#about-of").is_visible()
        tab.fill("#temperature", "2")
        # What is said of an example is said of it as it was.
        assert tab.inner_text(".about").startswith("Of the example, unchanged: ")
        tab.click("#reset")
        tab.click("#reset")
        assert not tab.locator("#about-of").is_visible()
        tab.click("#undo")
        assert tab.input_value("#temperature") == "2"


def test_what_is_heard(explore, opened):
    """A step of the walk by its buttons, and not each number that a slider passes; of wrong numbers, which they are."""
    with opened(explore) as tab:
        show_panel(tab, "walk-panel")
        tab.evaluate(
            "window.heard = []; document.querySelectorAll('[aria-live], [role=status]').forEach(part =>"
            " new MutationObserver(() => part.textContent && window.heard.push(part.textContent))"
            " .observe(part, {childList: true, subtree: true, characterData: true}))"
        )
        tab.click("#next")
        until(tab, "window.heard.length > 0")
        (said,) = tab.evaluate("window.heard.splice(0)")
        lines = tab.evaluate("[...document.querySelectorAll('#walk-lines p')].map(line => line.textContent)")
        assert said.startswith(f"{tab.inner_text('#walk-count')}. {tab.inner_text('#walk-title')}. {lines[0]}")
        stop_the_clock(tab)
        for _ in range(10):
            tab.locator("#temperature-slider").press("ArrowRight")
            tab.clock.run_for(100)
        tab.clock.run_for(1_000)
        assert len(tab.evaluate("window.heard")) == 1
        show_panel(tab, "mistake-panel")
        tab.select_option("#mistake", "hard-max")
        cell = tab.locator(".tables:not([hidden]) td.wrong").first
        numbers = [cell.locator(part).text_content() for part in (".is", ".right")]
        assert cell.text_content().split() == ["wrong:", numbers[0], "right:", numbers[1]]
        assert "(right: " in tab.get_attribute(".box:not([hidden]) svg:not([hidden]) .chosen", "aria-label")
        tab.select_option("#mistake", "")
        assert tab.locator("td .unseen").count() == 0


def test_two_numbers_have_room_beside_a_bar(explore, own, opened):
    """Of the longest kind; on a page of one's own as well."""
    beyond = """() => {
        const svg = document.querySelector(".box:not([hidden]) svg:not([hidden])");
        const edge = svg.getBoundingClientRect().right;
        return [...svg.querySelectorAll(".leaf .chance")].map(text => {
            text.classList.add("wrong", "changed");
            text.querySelector(".is").textContent = "<0.01%";
            text.querySelector(".right").textContent = "<0.01%";
            return text.getBoundingClientRect().right - edge;
        });
    }"""
    for path in (explore, own["masked"]):
        with opened(path) as tab:
            assert max(tab.evaluate(beyond)) <= 0.0
