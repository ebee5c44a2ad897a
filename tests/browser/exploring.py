"""The exploring page: what it shows, what the library says, and hands that change something on it."""

import json
import math
import re
import time
from dataclasses import dataclass

import numpy as np
import pytest

from proofs_check.library import LIBRARY
from proofs_check.toolkit import reference_toolkit
from tabular_bellman import SequenceSpace, StateActionTable
from tabular_bellman.number_systems import LogFloat
from tabular_bellman.recursion import forward

# Sums and softmaxes that refuse nothing: what a mistake returns need not be what a model takes.
PLAIN = reference_toolkit(LogFloat(), lambda x: x, np.exp, lambda x: x, np.asarray, lambda x: x)
TOLERANCE = 1e-12


# -- what the page shows, and what the library says -------------------------------------------------------------------


@dataclass
class Shown:
    """Numbers of the tables, by slot, and all that is shown: (slot, place, form, number, text, logarithm or None)."""

    space: SequenceSpace
    temperature: float
    numbers: dict
    texts: list

    @property
    def rewards(self):
        return StateActionTable.from_vector(self.space, self.numbers["r"])


READ = """() => {
    const rows = [];
    const parts = ".tables:not([hidden]), .box:not([hidden]) svg:not([hidden])";
    const slots = [...document.querySelectorAll(parts)].flatMap(part => [...part.querySelectorAll("[data-slot]")]);
    for (const slot of slots) {
        const is = slot.querySelector(".is");
        const form = slot.dataset.form ?? "shown";
        rows.push([slot.dataset.slot, Number(slot.dataset.at), form, is.dataset.exact, is.textContent,
                   slot.closest("svg") !== null, is.dataset.log ?? null]);
    }
    return JSON.stringify([rows, document.getElementById("temperature").value,
                           document.querySelector("button[aria-pressed=true][id^=show-]").id.slice(5)]);
}"""
KEYS = {"reward": "r", "logit": "q", "policy": "policy", "passing": "passing"}


def read(tab, space):
    return shown_by(tab.evaluate(READ), space)


def shown_by(written, space):
    rows, temperature, switch = json.loads(written)
    numbers, texts = {}, []
    for slot, at, form, exact, text, drawn, log in rows:
        key = KEYS[switch] if slot == "shown" else slot
        if slot == "shown":
            form = "short" if switch in ("reward", "logit") else "chance"
        texts.append((key, at, form, float(exact), text, None if log is None else float(log)))
        if not drawn:
            numbers.setdefault(key, {})[at] = float(exact)
    ordered = {key: np.array([found[i] for i in range(len(found))]) for key, found in numbers.items()}
    return Shown(space, float(temperature), ordered, texts)


def flat(space, levels):
    """Levels in the order of `to_vector`, whatever is in them."""
    return np.concatenate(
        [
            space.to_lexicographic(np.asarray(level).reshape(-1, space.n_prefixes_at(t)), t).ravel()
            for t, level in enumerate(levels)
        ]
    )


def inverted(space, logits, temperature, log_reference):
    """M⁻¹ by its definition, without refusing what is no image of it."""
    found = []
    for t, q in enumerate(logits):
        r = np.array(q)
        if t + 1 < space.n_depths:
            x = np.asarray(logits[t + 1]) / temperature + log_reference[t + 1]
            with np.errstate(divide="ignore"):
                V = temperature * np.logaddexp.reduce(x, axis=0).reshape(space.n_tokens, -1)
            n = space.n_tokens
            r[:n] = np.where(np.isneginf(r[:n]), -np.inf, r[:n] - V)
        found.append(r)
    return found


def expected(rewards, temperature, reference=None, mistake=None):
    """Every number of the tables, by the library; with a mistake, by the function that the registry has for it."""
    space, r = rewards.space, list(rewards.levels)
    log_reference = [np.zeros(level.shape) for level in r] if reference is None else list(reference.log_policy.levels)

    def given(name, *arguments):
        kit = LIBRARY if mistake is None else PLAIN
        if mistake is not None and mistake.replaces == name:
            return mistake.wrong(PLAIN, space, *arguments)
        return getattr(kit, name)(space, *arguments)

    with np.errstate(all="ignore"):
        if reference is None:
            q, V = given("soft_bellman", r, temperature)
        else:  # in units of τ: M_τ(r) = τ M_1(r/τ)
            scaled = given("with_reference", [level / temperature for level in r], list(reference.logits.levels))
            q, V = ([temperature * np.asarray(level) for level in levels] for levels in scaled)
        steps = [np.asarray(level) / temperature + ref for level, ref in zip(q, log_reference, strict=True)]
        log_policy = [LogFloat().normalise(level) for level in steps]
        if mistake is not None and mistake.replaces == "ebm_policy":
            log_policy = list(given("ebm_policy", r, temperature))
        replaced = mistake is not None and mistake.replaces == "arm_log_probs"
        log_p = given("arm_log_probs", steps) if replaced else PLAIN.response_rewards(space, log_policy)
        weights = [level / temperature + ref for level, ref in zip(r, log_reference, strict=True)]
        if reference is None:
            # Where a prompt has nothing left the library refuses the model; sums are then all there is.
            kit_r, tau = (r, temperature) if mistake or np.isfinite(V[0]).all() else (weights, None)
        else:
            kit_r, tau = weights, None
        if tau is None:
            A, log_pR = PLAIN.log_partition(space, kit_r, 1.0), PLAIN.ebm_log_probs(space, kit_r, 1.0)
        else:
            A, log_pR = given("log_partition", kit_r, tau), given("ebm_log_probs", kit_r, tau)
        reached = forward(space, LogFloat(), log_policy)
        passing = []
        for rho, pi in zip(reached, log_policy, strict=True):
            passing.append(np.exp(rho + pi))
        if mistake is not None and mistake.replaces == "inverse":
            back = given("inverse", q, temperature)
        elif mistake is None and reference is None:
            back = LIBRARY.inverse(space, q, temperature)
        else:
            back = inverted(space, q, temperature, log_reference)
        p = np.exp(np.asarray(log_p)).T.ravel()
        return {
            "r": rewards.to_vector(),
            "q": flat(space, q),
            "V": flat(space, V),
            "policy": np.exp(flat(space, log_policy)),
            "passing": flat(space, passing),
            "reached": np.exp(flat(space, reached)),
            "back": flat(space, back),
            "R": PLAIN.response_rewards(space, r).T.ravel(),
            "p": p,
            "pR": np.exp(np.asarray(log_pR)).T.ravel(),
            "A": np.asarray(A).ravel(),
        }


def disagreements(shown, truth):
    """Where a number of the tables is not the library's, or one of those shown elsewhere not that of the tables."""
    found = []
    assert set(shown.numbers) == set(truth)
    for key, right in truth.items():
        mine = shown.numbers[key]
        assert mine.shape == right.shape, key
        for i, (x, y) in enumerate(zip(mine.tolist(), right.tolist(), strict=True)):
            # M⁻¹ takes the difference of two numbers, which may be large where a mask is -1e9.
            scale = max(1.0, abs(y), abs(truth["q"][i]) if key == "back" and math.isfinite(truth["q"][i]) else 0.0)
            if not (x == y or abs(x - y) <= TOLERANCE * scale):
                found.append(f"{key}[{i}]: {x!r}, library {y!r}")
    for key, at, form, x, text, log in shown.texts:
        same = shown.numbers[key][at]
        if x != same and not (math.isnan(x) and math.isnan(same)):
            found.append(f"{key}[{at}]: {x!r} in the drawing, {same!r} in the table")
        if not is_rounded(text, x, form, log):
            found.append(f"{key}[{at}]: {x!r} is shown as {text!r}")
    return found


def is_rounded(text, x, form, log=None):
    """Tell whether a text is a number rounded: no digit off, by more than half a unit of the last.

    Of a number that is too small, or too large, to be computed with there is the logarithm.
    """
    if log is not None:
        if not (690.0 < abs(log) < math.inf) or math.exp(min(log, 709.0)) != min(x, math.exp(709.0)):
            return False
        return text == "<0.01%" if form == "chance" else text.startswith("e^") and is_rounded(text[2:], log, "long")
    if math.isinf(x):
        return text == ("−∞" if x < 0 else "none")
    text = text.replace("−", "-")
    if form == "chance":
        x, text = 100.0 * x, text.removesuffix("%") if text.endswith("%") else ""
        if text == "<0.01":
            return 0.0 < x < 0.01
        if text == ">99.9":
            return 99.9 < x < 100.0
        if text in ("0", "100") and x != float(text):
            return abs(x - float(text)) < 1e-9 and x != 0.0  # certain but for rounding
    parts = re.fullmatch(r"-?\d+(?:\.(\d+))?(?:e(-?\d+))?", text)
    if parts is None:
        return False
    digits, exponent = len(parts[1] or ""), int(parts[2] or 0)
    if text == "0":
        return x == 0.0
    enough = {"short": 2, "long": 2 if parts[2] else 4, "chance": 0}[form]
    unit = 10.0 ** (exponent - digits)
    return digits >= enough and abs(float(text) - x) <= unit * (0.5 + 1e-9)


# -- changing things by the page's own controls -----------------------------------------------------------------------


def show_panel(tab, name):
    if not tab.evaluate("name => document.getElementById(name).open", name):
        tab.locator(f"#{name} > summary").click()
        # A panel tells the script of it a moment later.
        until(tab, "!document.querySelector('.tree.walking') === !document.getElementById('walk-panel').open")


def until(tab, condition, seconds=5.0):
    """Wait for something that the page does by and by; a page that allows no eval cannot be asked to wait itself."""
    end = time.monotonic() + seconds
    while not tab.evaluate(condition):
        assert time.monotonic() < end, condition
        tab.wait_for_timeout(20)


KINDS = ("number", "forbid", "slider", "keys", "temperature", "temperature slider", "switch")


def planned(kind, rng, before):
    """One random change: the steps of it, and what (rewards, temperature) they should lead to, NaN where unknown.

    A step is what is done, to which control, and what with.
    """
    rewards, temperature = before.numbers["r"].copy(), before.temperature
    steps = []
    edge = int(rng.integers(rewards.size))
    forbidden = bool(np.isneginf(rewards[edge]))
    if kind in ("number", "forbid", "slider", "keys"):
        steps.append(("choose", "edge", str(edge)))
    if kind in ("number", "slider") and forbidden:
        steps.append(("tick", "forbidden", False))
    if kind == "number":
        value = float(rng.choice([round(rng.normal(0, 2), 4), rng.normal(0, 2), 0.0, -30.5, 40.25]))
        steps.append(("type", "reward", repr(value)))
        rewards[edge] = value
    elif kind == "forbid":
        steps.append(("tick", "forbidden", not forbidden))
        rewards[edge] = math.nan if forbidden else -np.inf
    elif kind == "slider":
        rewards[edge] = int(rng.integers(-50, 51)) / 10.0
        steps.append(("type", "reward-slider", str(rewards[edge])))
    elif kind == "keys":
        key, by = [("+", 0.1), ("-", -0.1), ("PageUp", 1.0), ("PageDown", -1.0), ("f", None)][int(rng.integers(5))]
        steps.append(("press", "", key))
        if by is None:
            rewards[edge] = math.nan if forbidden else -np.inf
        elif not forbidden:
            rewards[edge] = round(rewards[edge] + by, 6)
    elif kind == "temperature":
        temperature = float(rng.choice([round(rng.uniform(0.05, 3), 3), rng.uniform(0.05, 20), 0.05, 1.0, 20.0]))
        steps.append(("type", "temperature", repr(temperature)))
    elif kind == "temperature slider":
        place = int(rng.integers(-100, 101))
        steps.append(("type", "temperature-slider", str(place)))
        temperature = float(f"{20.0 ** (place / 100.0):.3g}")
    else:
        steps.append(("click", f"show-{rng.choice(list(KEYS))}", None))
    return steps, rewards, temperature


def by_hand(tab, steps, space):
    """Do the steps as a user would, each waiting until it can be done; return what is shown then."""
    for act, control, value in steps:
        if act == "choose":
            tab.select_option(f"#{control}", value)
        elif act == "type":
            tab.fill(f"#{control}", value)
        elif act == "tick":
            tab.locator(f"#{control}").set_checked(value)
        elif act == "click":
            tab.click(f"#{control}")
        else:
            tab.locator("svg:not([hidden]) .edge.chosen").locator("visible=true").focus()
            tab.keyboard.press(value)
    return read(tab, space)


DO = """steps => {
    for (const [act, id, value] of steps) {
        const chosen = ".box:not([hidden]) svg:not([hidden]) .edge.chosen";
        const control = act === "press" ? document.querySelector(chosen) : document.getElementById(id);
        if (control.disabled || !control.checkVisibility({visibilityProperty: true})) {
            throw new Error(`${id} cannot be used`);
        }
        control.focus({preventScroll: true});
        if (act === "press") {
            control.dispatchEvent(new KeyboardEvent("keydown", {key: value, bubbles: true, cancelable: true}));
        } else if (act === "choose" || act === "type") {
            control.value = value;
            const taken = control.type === "range" ? Number(control.value) === Number(value) : control.value === value;
            if (!taken) throw new Error(`${id} does not take ${value}`);
            for (const event of ["input", "change"]) control.dispatchEvent(new Event(event, {bubbles: true}));
        } else if (act === "click" || control.checked !== value) {
            control.click();
        }
    }
}"""


def by_script(tab, steps, space):
    """Do the same by the events that a browser would send, all at once, which takes a tenth of the time."""
    return shown_by(tab.evaluate(f"steps => {{ ({DO})(steps); return ({READ})(); }}", steps), space)


def edits(tab, rng, space, kinds, reference=None, by=by_script):
    """Make changes of these kinds; after each, everything must be the library's."""
    shown = read(tab, space)
    for kind in kinds:
        steps, wanted, temperature = planned(kind, rng, shown)
        shown = by(tab, steps, space)
        found = shown.numbers["r"]
        known = ~np.isnan(wanted)  # a reward allowed again is one that it had before, or 0
        assert (found[known] == wanted[known]).all()
        assert np.isfinite(found[~known]).all()
        assert shown.temperature == pytest.approx(temperature, rel=1e-15)
        assert disagreements(shown, expected(shown.rewards, shown.temperature, reference)) == []
