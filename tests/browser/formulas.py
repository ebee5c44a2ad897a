"""What the formulas of the exploring page say, read as a mathematician would: each part of one must be the others.

A line is a chain: `q[ab, a] = r + V[aba] = 1 + 2 = 3`. What it is of is found by the names in it, with the library's
numbers in their place; what is computed in it is computed again, from all the digits of its numbers.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
from exploring import is_rounded

# The parts of formulas, each [kind, text, number, logarithm]; kinds are of text, code and number.
PARTS = """element => [...element.childNodes].map(part =>
    part.nodeType === Node.TEXT_NODE ? ["text", part.data, null, null]
    : part.localName === "code" ? ["code", part.textContent, null, null]
    : ["number", part.textContent, part.dataset.exact, part.dataset.log ?? null])"""
# To the end of a walk and back: of each stop its title, its lines, and how much is lit.
WALK = f"""() => {{
    const stops = [];
    const button = id => document.getElementById(id);
    const stop = () => stops.push([
        button("walk-title").innerText,
        [...document.querySelectorAll("#walk-lines p")].map({PARTS}),
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
# Of each step, chosen in the list, its name and what is read of it.
READING = f"""edges => edges.map(edge => {{
    const list = document.getElementById("edge");
    list.value = edge;
    list.dispatchEvent(new Event("change", {{bubbles: true}}));
    return [document.getElementById("reading-step").textContent,
            ...["logit", "policy", "passing"].map(name => ({PARTS})(document.getElementById(`reading-${{name}}`)))];
}})"""

# From what formulas look like to what can be computed.
NOTATION = [
    (r"log Σ (π_ref )?exp\(q(/τ)?\)", "among"),
    (r"Σ exp\((log p_ref \+ )?R(/τ)?\)", "exp(A)"),
    (r"log Z", "A"),
    (r"log p_ref", "P"),
    (r"π_ref exp", "F * exp"),
    (r"^τ (?=[A-Za-z])", "tau * "),
    (r"/τ", "/tau"),
    (r"V\[‹(\d+)›\]", r"value(\1)"),
    (r"q\[‹(\d+)›, ‹(\d+)›\]", r"logit(\1, \2)"),
    (r"π\[‹(\d+)›\]|π", "pi"),
    (r"−", "-"),
    (r"[×·]", "*"),
]


def close(x, y, size=1.0):
    """Tell whether two numbers are one, computed in two ways from numbers of this size."""
    return x == y or abs(x - y) <= 1e-12 * max(abs(x), abs(y)) + 1e-13 * size


@dataclass
class Library:
    """What names in formulas stand for: the numbers of `expected`, found by what prefixes and actions are called."""

    space: object
    truth: dict
    temperature: float
    log_reference: list

    def __post_init__(self):
        space, several = self.space, self.space.n_prompts > 1
        together = "" if all(len(str(token)) == 1 for token in space.vocab) else " "
        keys = [key for t in range(space.n_depths) for key in space.prefixes(t)]
        self.pairs = list(space.pairs())
        self.edge_of = {pair: edge for edge, pair in enumerate(self.pairs)}
        self.node_of = {key: node for node, key in enumerate(keys)}

        def name(prompt, prefix):
            if not prefix:
                return f"prompt {prompt}" if several else "start"
            return (f"{prompt} | " if several else "") + together.join(map(str, prefix))

        self.named = {name(*key): key for key in keys}
        self.name_of = {node: name(*key) for key, node in self.node_of.items()}
        self.responses = [(prompt, response) for prompt in space.prompts for response in space.responses()]

    def path(self, place):
        """The edges along a response."""
        prompt, response = self.responses[place]
        return [self.edge_of[prompt, response[:t], action] for t, action in enumerate(response)]

    def start(self, edge):
        """The node that an edge leaves."""
        return self.node_of[self.pairs[edge][:2]]

    def out(self, node):
        """The edges that leave a node."""
        return [edge for edge in range(len(self.pairs)) if self.start(edge) == node]

    def among(self, node):
        """Log Σ π_ref exp(q/τ) over what can be done at a node."""
        xs = [self.truth["q"][edge] / self.temperature + self.log_reference[edge] for edge in self.out(node)]
        return float(np.logaddexp.reduce(xs))


def assembled(parts):
    """A line as one text, in which numbers and codes are places of two lists; and what is written wrongly."""
    text, numbers, codes, found = "", [], [], []
    for kind, written, exact, log in parts:
        if kind == "text":
            text += written
        elif kind == "code":
            text += f"‹{len(codes)}›"
            codes.append(written)
        else:
            text += f"⟪{len(numbers)}⟫"
            numbers.append(float(exact))
            far = None if log is None or not 690.0 < abs(float(log)) < math.inf else float(log)
            if not is_rounded(written, float(exact), "long", far):
                found.append(f"{exact} is written {written}")
    return text, numbers, codes, found


def meanings(library, codes, edge=None, node=None, path=(), place=None, rewards="r"):
    """A function that returns what the letters of a line stand for, as far as it is known what the line is about."""
    truth = library.truth

    def value(code):
        return truth["V"][library.node_of[library.named[codes[code]]]]

    def logit(code, action):
        nonlocal edge
        key = library.named[codes[code]]
        (edge,) = [e for e in library.out(library.node_of[key]) if str(library.pairs[e][2]) == codes[action]]
        return truth["q"][edge]

    def known():
        """Asked for each side of a line anew: its first may say which step the others are about."""
        names = {"exp": np.exp, "tau": library.temperature, "inf": math.inf, "value": value, "logit": logit}
        names["R"] = sum(truth[rewards][e] for e in path)
        names["P"] = sum(library.log_reference[e] for e in path)
        names["sofar"] = math.prod(truth["policy"][e] for e in path)
        if place is not None:
            names["p"] = truth["p"][place]
            names["A"] = truth["A"][library.space.prompt_index(library.responses[place][0])]
        at = library.start(edge) if node is None and edge is not None else node
        if at is not None:
            names |= {"V": truth["V"][at], "among": library.among(at)}
        if edge is not None:
            names |= {"r": truth[rewards][edge], "q": truth["q"][edge], "pi": truth["policy"][edge]}
            names |= {"F": math.exp(library.log_reference[edge]), "passing": truth["passing"][edge]}
        return names

    return known


def chain(text):
    """The sides of a line, which begins with what it is of; what it says in words is left out."""
    text = re.sub(r": (the response ends here|.*nothing .*)$", "", text)
    for words, name in (
        ("so far", "sofar = "),
        ("by adding up and normalising once", "p = "),
        ("passing", "passing = "),
    ):
        text = re.sub(f"^{words}: ", name, text)
    return re.sub(r"^Z = ", "", text).split(" = ")


def objections(parts, library, **of):
    """What is wrong with a line of formula; `of` says what it is about: edge, node, path, place, kind of rewards."""
    text, numbers, codes, found = assembled(parts)
    known, path = meanings(library, codes, **of), of.get("path", ())
    shown = re.sub(r"⟪(\d+)⟫", lambda match: repr(numbers[int(match[1])]), text)
    shown = re.sub(r"‹(\d+)›", lambda match: codes[int(match[1])], shown)
    if text.startswith("π[") and codes[0] != str(library.pairs[of["edge"]][2]):
        found.append(f"of {library.pairs[of['edge']]}")
    sides = []
    for side in chain(text):
        code = side
        for look, means in NOTATION:
            code = re.sub(look, means, code)
        # With its end left out, a sum of weights is less than the whole; others are eight numbers and more to come.
        is_cut = "…" in code
        code = re.sub(r" . …$", "", code)
        code = re.sub(r"⟪(\d+)⟫", lambda match: f"({numbers[int(match[1])]!r})", code)
        with np.errstate(invalid="ignore"):
            x = float(eval(code, {"__builtins__": {}}, known()))
        # What was forbidden stays forbidden, whatever is taken off.
        stays = math.isnan(x) and sides and sides[0][0] == -math.inf
        sides.append((-math.inf if stays else x, is_cut, side))
    # The difference of two numbers, in an exponent and over τ, has their rounding.
    size = max((abs(x) for x in numbers if math.isfinite(x)), default=1.0) / min(1.0, library.temperature)
    first = sides[0][0]
    if len(sides) < 2:
        found.append("says nothing")
    for x, is_cut, side in sides[1:]:
        if is_cut and not (x < first or side.count("⟪") == 8 < len(path)):
            found.append(f"{side} is no part of {first!r}")
        if not is_cut and not close(x, first, max(1.0, size) * max(1.0, min(abs(first), 1e300))):
            found.append(f"{side}: {x!r}, not {first!r}")
    return [f"{shown}: {each}" for each in found]


def walked(there, place, library):
    """What is wrong with the stops of a walk along a response, of which every line is judged."""
    path, found = library.path(place), []
    n = len(path)
    titles = [title for title, _, _ in there]
    if len(there) != 4 * n + 6:
        return [f"{len(there)} stops of {n} steps"]

    def judge(stop, n_lines, **of):
        title, lines, _ = there[stop]
        if len(lines) != n_lines:
            found.append(f"{title}: {len(lines)} lines, not {n_lines}")
        for line in lines:
            found.extend(f"{title}: {each}" for each in objections(line, library, place=place, **of))

    with_reference = 1 if any(library.log_reference) else 0
    for i in range(n):
        judge(i, 1 + with_reference, path=path[: i + 1])
    judge(n, 1, path=path)  # the weight
    title, (count, *sums), _ = there[n + 1]
    prompt = library.responses[place][0]
    own = [q for q, (x, _) in enumerate(library.responses) if x == prompt]
    possible = sum(library.truth["p"][q] > 0.0 for q in own)
    if count[0][1] != f"{possible} of {len(own)} responses have a weight, the largest first.":
        found.append(count[0][1])
    for line in sums:
        found += [f"{title}: {each}" for each in objections(line, library, place=place, path=path)]
    judge(n + 2, 2, path=path)
    for i, edge in enumerate(reversed(path)):
        node, stop = library.start(edge), n + 3 + i
        actions = [str(library.pairs[e][2]) for e in library.out(node)]
        where = library.name_of[node]
        if titles[stop] != f"Logits, then the value, {'at' if not library.pairs[edge][1] else 'after'} {where}":
            found.append(f"{titles[stop]}: is of {where}")
        lines = there[stop][1]
        if [line[3][1] for line in lines[: len(actions)] if len(line) > 3][:6] != actions[:6]:
            found.append(f"{titles[stop]}: not {actions}")
        if len(actions) > 6 and lines.pop(6) != [["text", f"… {len(actions)} actions in all", None, None]]:
            found.append(f"{titles[stop]}: does not say that there are {len(actions)} actions")
        judge(stop, min(6, len(actions)) + 1, node=node)
    judge(2 * n + 3, 2, node=library.start(path[0]))
    for i, edge in enumerate(path):
        judge(2 * n + 4 + i, 2, edge=edge, path=path[: i + 1])
    judge(3 * n + 4, 2, path=path)
    for i, edge in enumerate(path):
        stop, r = 3 * n + 5 + i, library.truth["r"][edge]
        if library.truth["back"][edge] == -math.inf != r:
            said = there[stop][1].pop()
            if (said[0][1], float(said[1][2])) != ("The reward is ", r) or "does not remember" not in said[2][1]:
                found.append(f"{titles[stop]}: does not say that {r} is lost")
        judge(stop, 1, edge=edge, rewards="back")
    judge(4 * n + 5, 1, path=path, rewards="back")
    for stop, title in (
        (n - 1, "Rewards"),
        (3 * n + 4, "The product is the same"),
        (4 * n + 5, "And the rewards add up"),
    ):
        if not titles[stop].startswith(title):
            found.append(f"{titles[stop]}: not {title}")
    return found
