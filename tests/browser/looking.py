"""What the exploring page draws and says of a mistake, measured: widths, lengths, colours, laws."""

import math
import re
from itertools import pairwise

import numpy as np

# Of what is drawn: widths of edges, lengths of bars, shares and colours of pills; and what is dashed.
DRAWN = """() => {
    const svg = document.querySelector(".box:not([hidden]) svg:not([hidden])");
    const all = selector => [...svg.querySelectorAll(selector)];
    const of = (selector, measure) => all(selector).map(e => [Number(e.dataset.of), ...measure(e)]);
    const is = (e, ...names) => names.map(name => e.classList.contains(name));
    const width = e => e.getBoundingClientRect().width;
    return {
        edges: of(".edge", e => [parseFloat(getComputedStyle(e.querySelector(".line")).strokeWidth),
            ...is(e, "never", "forbidden")]),
        leaves: of(".leaf", e => [width(e.querySelector(".bar")) / width(e.querySelector(".whole")),
            ...is(e, "never")]),
        nodes: of(".node", e => [parseFloat(getComputedStyle(e).getPropertyValue("--share")),
            getComputedStyle(e.querySelector("rect")).fill, ...is(e, "deep", "dead")]),
    };
}"""


def misdrawn(drawn, truth):
    """Where a width, a length or a colour is not that of the number beside it. For pages in light colours."""
    found = []
    for e, width, is_never, is_forbidden in drawn["edges"]:
        chance = min(1.0, truth["passing"][e])
        if abs(width - (0.9 + 10.0 * chance)) > 0.006:
            found.append(f"edge {e} is {width} wide, for {chance}")
        if is_never != (chance == 0.0) or is_forbidden != (truth["r"][e] == -math.inf):
            found.append(f"edge {e}: never {is_never}, forbidden {is_forbidden}")
    for place, length, is_never in drawn["leaves"]:
        p = min(1.0, truth["p"][place])
        if abs(length - p) > 0.001 or is_never != (p == 0.0):
            found.append(f"bar {place} is {length} long, for {p}")
    finite = truth["V"][np.isfinite(truth["V"])]
    low, high = finite.min(), finite.max()
    lightness = {}
    for node, share, fill, is_deep, is_dead in drawn["nodes"]:
        V = truth["V"][node]
        is_dead_end = bool(np.isneginf(V))
        right = 100.0 * (V - low) / (high - low) if math.isfinite(V) and high > low else 50.0
        if abs(share - right) > 0.06 or is_dead != is_dead_end:
            found.append(f"pill {node}: {share}, for {right}")
        if abs(right - 50.0) > 0.1 and is_deep != (right > 50.0):
            found.append(f"pill {node}: deep {is_deep}, for {right}")
        if not is_dead:
            lightness[float(V)] = float(re.match(r"oklab\(([\d.]+)", fill)[1])
    ordered = [lightness[V] for V in sorted(lightness)]
    if any(dark > light + 1e-6 for light, dark in pairwise(ordered)):
        found.append(f"colours of pills: {ordered}")
    return found


# Of each law: its name, where it is said to fail, the two numbers and texts, and the sign between them.
LAWS = """() => [...document.querySelectorAll("#laws tr")].map(row => {
    const [left, sign, right] = row.querySelectorAll("td");
    const number = cell => cell.querySelector("[data-exact]");
    return [row.querySelector("th").firstChild.data, row.querySelector("th small")?.textContent ?? "", sign.textContent,
            ...[left, right].flatMap(cell => [number(cell).dataset.exact, number(cell).textContent])];
})"""


def apart(x, y):
    """By how much two numbers differ, 0 if it may be rounding."""
    distance = 0.0 if x == y else abs(x - y)
    finite = math.isfinite(x) and math.isfinite(y)
    return distance if not finite or distance > 1e-9 * max(1.0, abs(x), abs(y)) else 0.0


def unlawful(rows, library, wrong):
    """What is wrong with the laws shown with a mistake: each where it fails most, with two numbers that differ."""
    space, right = library.space, library.truth
    prompts = [f"prompt {prompt}" if space.n_prompts > 1 else "" for prompt in space.prompts]
    of_responses = np.reshape(wrong["p"], (space.n_prompts, -1))
    alive = np.isfinite(right["A"])
    back = np.where(np.isneginf(right["back"]) & np.isneginf(wrong["back"]), right["r"], wrong["back"])
    texts = [("" if r[0] is None or space.n_prompts == 1 else f"{r[0]} | ") for r in library.responses]
    between = "" if all(len(str(token)) == 1 for token in space.vocab) else " "
    spelled = [between.join(str(a) for a in y if str(a) != "EOS") or "∅" for _, y in library.responses]
    steps = [f"{action} after {library.name_of[library.start(e)]}" for e, (_, _, action) in enumerate(library.pairs)]
    n = space.n_prompts
    laws = [
        (wrong["V"][:n], library.temperature * wrong["A"], prompts),
        (wrong["p"], wrong["pR"], [f"y = {x}{y}" for x, y in zip(texts, spelled, strict=True)]),
        (of_responses.sum(axis=1), np.where(alive, 1.0, 0.0), prompts),
        (back, right["r"], steps),
    ]
    found = []
    for (law, where, sign, left, left_text, other, other_text), (xs, ys, places) in zip(rows, laws, strict=True):
        off = [apart(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        worst = int(np.argmax(off))
        fails = off[worst] > 0.0
        said = (float(left), float(other))
        if fails != (sign == "≠") or fails != (left_text != other_text):
            found.append(f"{law}: {left_text} {sign} {other_text}")
        if not fails:
            # Where 0 = 0 says nothing, it is shown where it says something.
            if alive.any() and law.startswith("Σ") and said[1] != 1.0:
                found.append(f"{law}: {said}")
            continue
        tied = [i for i, each in enumerate(off) if each == off[worst] or abs(each - off[worst]) <= 1e-9 * each]
        if where not in [places[i] for i in tied]:
            found.append(f"{law}: at {where}, not at {places[worst]}")
        elif not any(apart(said[0], xs[i]) == 0.0 and apart(said[1], ys[i]) == 0.0 for i in tied):
            found.append(f"{law}: {said}, not {xs[worst]}, {ys[worst]}")
    return found
