"""What a report page should say of a run by its JSON document, and where it says something else.

Verdicts and numbers are put into words here once more, from the document; what the document does not have, the widest
bound and the instances that stronger evidence fails on, from the run.
"""

import re

from markup import text, tree

from proofs_check import documents
from proofs_check.induction import proof_of
from proofs_check.pages.report.words import KINDS

FATES = {"survived": "not rejected", "the same": "no difference", "unseen_here": "not compared",
         "equivalent_here": "no difference", "unused_here": "not used"}  # fmt: skip
STRENGTH = ("induction", "symbolic", "exact", "certified", "float64")
# Wider than this, a bound says nothing.
INFORMATIVE = 1e-6


def number(element):
    return float(element.get("value"))


def disagreements(html, run):
    """What the page says of a run that its JSON document does not, in words."""
    document, root = documents.as_document(run), tree(html)
    rows, sections = places(root)
    if list(rows) != [claim["id"] for claim in document["claims"]] or set(rows) != set(sections):
        return ["other claims"]
    return [
        f"{result.claim.id}: {each}"
        for place, result in enumerate(run.results)
        for each in faults_of(rows[result.claim.id], sections[result.claim.id], document, run, place)
    ]


def places(root):
    """The row and the section of each claim."""
    rows = {row.get("data-claim"): row for row in root.iter("tr") if row.get("data-claim")}
    sections = {each.get("data-claim"): each for each in root.iter("details") if each.get("data-claim")}
    return rows, sections


def faults_of(row, section, document, run, place):
    """Yield what a row and a section say of one claim that the document does not."""
    claim, result = document["claims"][place], run.results[place]
    evidence = {each["kind"]: each for each in claim["evidence"]}
    if "verdict" in claim:
        evidence["float64"] = {"kind": "float64", "verdict": claim["verdict"]}
    order = [kind for kind in STRENGTH if kind in evidence]
    yield from _rounded(row)
    yield from _rounded(section)
    filters = " ".join(f"{kind}:{evidence[kind]['verdict']}" for kind in order)
    if row.get("data-verdicts") != filters:
        yield f"for filters, {row.get('data-verdicts')}"
    cells = {cell.get("data-kind"): text(cell) for cell in row.iter("td") if cell.get("data-kind")}
    judged = {each.get("data-kind"): each for each in section.iter("section") if each.get("data-kind")}
    if list(cells) != order or list(judged) != order:
        return (yield f"kinds {list(cells)}, {list(judged)}")
    for kind in order:
        verdict = evidence[kind]["verdict"].replace("_", " ")
        detail = _on(claim, evidence[kind], run)
        short = "n/a" if verdict == "NOT APPLICABLE" else verdict
        yield from _unless(cells[kind], f"{short} {detail}".strip(), kind)
        yield from _unless(text(judged[kind][0]), f"{verdict} {KINDS[kind][1]}", f"{kind}, heading")
        said = _float_lines(claim, result) if kind == "float64" else _lines(evidence[kind], run, place)
        yield from _unless([text(each) for each in judged[kind].iter("p")], said, kind)
        if kind not in ("induction", "symbolic", "float64") and evidence[kind]["on"]:
            many, tried = len(evidence[kind]["on"]), evidence[kind]["tried"]
            (line,) = [text(each) for each in judged[kind].iter("summary")]
            yield from _unless(line, f"On {many}{f' of {tried}' if many != tried else ''} instances", kind)
    if "verdict" in claim and claim["outcomes"]:
        yield from _float_numbers(row, judged["float64"], claim)
    against = "Kinds of evidence disagree on this claim: a fault of this program." in text(section)
    yield from _unless(against, claim["id"] in run.disagreements, "disagreement")
    hint = f"There is a proof for all trees: proofs-check proof {claim['id']} prints it"
    provable = "induction" not in evidence and bool(proof_of(claim["id"]))
    yield from _unless(hint in text(section), provable, "a proof")
    yield from _rejects(row, claim, run.complete)
    yield from _mistakes(section, claim, result)
    yield from _attacks(section, claim["id"], document, run)


def _unless(found, expected, what):
    if found != expected:
        yield f"{what}: {found}, not {expected}"


def _rounded(region):
    """Yield each number whose text is not the number, rounded as a page rounds."""
    for element in region.iter("data"):
        ways = {f"{number(element):{way}}" for way in (".1e", ".2g", ".3g", ".6g")}
        if element.text not in ways:
            yield f"{element.get('value')} is written {element.text}"


def _on(claim, each, run):
    """What stands beside a verdict in the table."""
    if each["kind"] == "float64":
        return f"on {len(claim['outcomes'])}" if claim["outcomes"] else ""
    if each["verdict"] == "PROVED_AT":
        regular = [name for name in each["on"] if re.fullmatch(r"\(\d,\d\)", name)]
        return f"to {regular[-1]}" if regular else "its own" if run.complete else "at this size"
    if each["verdict"] == "PROVED":
        return "in part" if each["why"] else ""
    if each["verdict"] not in ("EXACT", "CERTIFIED"):
        return ""
    return f"on {len(each['on'])}" + (f" of {each['tried']}" if len(each["on"]) != each["tried"] else "")


def _sentence(words):
    return f"{words[0].upper()}{words[1:]}".removesuffix(".") + "."


def _lines(each, run, place):
    """What a section says of one kind of evidence, paragraph by paragraph."""
    names, lines = "; ".join(each["on"]), []
    if names:
        lines.append(
            {"induction": f"By: {names}.", "symbolic": f"At (tokens, T): {names}."}.get(each["kind"], f"{names}.")
        )
    (standing,) = [found for found in run.standings[place] if found.kind == each["kind"]]
    if standing.failed:
        lines.append(f"Fails on: {'; '.join(standing.failed)}.")
    if each["verdict"] == "PROVED" and each["why"]:
        lines.append(f"Left to the reader: {each['why']}.")
    elif each["why"]:
        lines.append(_sentence(each["why"]))
    if each["bits"]:
        lines.append(f"{each['bits']} bits at most.")
    if many := each["attained_inequalities"]:
        has = "1 inequality has" if many == 1 else f"{many} inequalities have"
        lines.append(f"{has} sides that agree to 1e-30.")
    return lines


def _float_lines(claim, result):
    """What a section says of float64, paragraph by paragraph."""
    outcomes, lines = claim["outcomes"], []
    if result.broken:
        lines.append(f"An attack broke it: {result.broken}.")
    if claim["verdict"] == "NOT_APPLICABLE":
        lines.append(
            "No mistake makes a difference here." if outcomes else f"It is checked on {result.claim.checked_on}."
        )
    else:
        lines += map(_sentence, claim["doubts"])
    if not outcomes:
        return lines
    widest = max(each.widest for each in result.outcomes)
    if widest <= INFORMATIVE:
        lines.append(f"No bound is wider than {widest:.1e}, of 1 or of the number.")
    if failing := [each for each in outcomes if not each["holds"]]:
        first = next(each for each in result.outcomes if each.instance == failing[0]["instance"])
        why = first.refusal or f"{first.where}: residual {first.residual:.3g}, bound {first.bound:.3g}"
        lines.append(f"Fails on {len(failing)} of {len(outcomes)}, first on {first.instance}: {why}")
    residual, bound = float(claim["residual"]), float(claim["bound"])
    nearest = f"Nearest to its bound: {claim['worst_comparison']}, on {claim['worst_instance']}, residual "
    nearest += f"{residual:.1e} of a bound of {bound:.1e}."
    if claim["slack"] is not None:
        nearest += f" Smallest slack {claim['slack']:.2g}{': attained' if claim['slack'] <= widest else ''}."
    return [*lines, nearest]


def _float_numbers(row, judged, claim):
    """Yield what the numbers of float64 are not: in the row, in the list of what was measured, in the outcomes."""
    named = {each.get("data-name"): each for each in row.iter() if each.get("data-name")}
    slack = [] if claim["slack"] is None else [float(claim["slack"])]
    expected = {"residual": [float(claim["residual"])], "bound": [float(claim["bound"])], "slack": slack}
    for name, values in expected.items():
        yield from _unless([number(each) for each in named[name].iter("data")], values, name)
    attained = any("Smallest" in text(each) and "attained" in text(each) for each in judged.iter("p"))
    yield from _unless("attained" in text(named["slack"]), attained, "attained, in the row")
    in_words = [number(data) for each in judged.iter("p") if "Nearest" in text(each) for data in each.iter("data")]
    yield from _unless(in_words, [*expected["residual"], *expected["bound"], *slack], "nearest")
    measured = {}
    for outcome in claim["outcomes"]:
        for what, value in outcome["measured"].items():
            measured.setdefault(what, []).append(float(value))
    ends = [
        f"{what}: {min(values):.6g}{f' to {max(values):.6g}' if min(values) != max(values) else ''}"
        for what, values in measured.items()
    ]
    lists = [each for each in judged.iter("ul") if each.get("class") == "measured"]
    yield from _unless([text(line) for each in lists for line in each.iter("li")], ends, "measured")
    full = [end for values in measured.values() for end in dict.fromkeys((min(values), max(values)))]
    yield from _unless([number(data) for each in lists for data in each.iter("data")], full, "measured, in full")
    (table,) = [each for each in judged.iter("table") if each.get("class") == "outcomes"]
    (line,) = [text(each) for each in judged.iter("summary")]
    yield from _unless(line, f"Each of the {len(claim['outcomes'])} instances", "outcomes")
    _, *lines = table.iter("tr")
    yield from _unless(len(lines), len(claim["outcomes"]), "lines of outcomes")
    for outcome, cells in zip(claim["outcomes"], lines, strict=False):
        values = [float(outcome["residual"])] + ([] if outcome["exact"] else [float(outcome["bound"])])
        yield from _unless([number(data) for data in cells.iter("data")], values, outcome["instance"])
        right = [
            outcome["instance"] + ("" if outcome["holds"] else " (fails)"),
            f"{values[0]:.1e}",
            "exact" if outcome["exact"] else f"{values[1]:.1e}",
            f"{outcome['finite_numbers']:,}",
            f"{outcome['minus_infinities']:,}" if outcome["minus_infinities"] else "",
        ]
        yield from _unless([text(cell) for cell in cells], right, "an outcome")


def _rejects(row, claim, complete):
    """Yield what is said of the number of mistakes that were rejected, and is not so."""
    expected = []
    if "verdict" in claim and claim["outcomes"]:
        fates = {fate: len(names) for fate, names in claim["mistakes"].items()}
        expected = [fates["rejected"], sum(fates.values()) if complete else fates["rejected"] + fates["survived"]]
    elif found := next((each["mistakes"] for each in claim["evidence"] if each["mistakes"]), None):
        fates = [fate.partition(":")[0] for fate in found.values()]
        expected = [fates.count("rejected"), fates.count("rejected") + fates.count("survived")]
        expected += [fates.count("declined")] if "declined" in fates else []
    (cell,) = [cell for cell in row.iter("td") if cell.get("data-label") == "rejects"]
    yield from _unless([number(data) for data in cell.iter("data")], expected, "rejects")
    said = " of ".join(map(str, expected[:2])) + (f" {expected[2]} could not be put in" if expected[2:] else "")
    yield from _unless(text(cell), said, "rejects")


def _mistakes(section, claim, result):
    """Yield what is said of single mistakes, and is not so."""
    fates = {each["kind"]: each["mistakes"] for each in claim["evidence"] if each["mistakes"]}
    whys = [fate.partition(": ")[2] for found in fates.values() for fate in found.values()]
    whys = list(dict.fromkeys(filter(None, whys)))
    if "verdict" in claim and claim["outcomes"]:
        fates["float64"] = {name: fate for fate, names in claim["mistakes"].items() for name in names}
    tables = [each for each in section.iter("details") if each.get("class") == "mistakes"]
    if bool(tables) != bool(fates):
        yield "mistakes are missing"
    for table in tables:
        first, *lines = table.iter("tr")
        kinds = [text(cell) for cell in first][1:]
        yield from _unless(kinds, [kind for kind in STRENGTH if kind in fates], "columns of mistakes")
        rejects = result.claim.rejects
        many = f"What must fail it, and what became of it: {len(rejects)} mistakes"
        yield from _unless(text(next(table.iter("summary"))), many, "mistakes")
        yield from _unless(len(lines), len(rejects), "lines of mistakes")
        for wrong, line in zip(rejects, lines, strict=False):
            yield from _unless(text(line[0]), " ".join(f"{wrong.name} {wrong.summary}".split()), "a mistake")
            cells = [text(cell) for cell in line[1:] for _ in range(int(cell.get("colspan", 1)))]
            right = [_fate(fates[kind][wrong.name], whys) for kind in kinds if kind in fates]
            yield from _unless(cells, right, wrong.name)
        reasons = [f"({place}) {why}" for place, why in enumerate(whys, start=1)]
        yield from _unless([text(each) for each in table.iter("p")], reasons, "reasons")


def _fate(fate, whys):
    word, _, why = fate.partition(": ")
    return FATES.get(word, word) + (f" ({whys.index(why) + 1})" if why else "")


def _attacks(section, name, document, run):
    """Yield what is said of attacks on a claim, and is not so."""
    shown = [each for each in section.iter("section") if each.get("class") == "judgement attack"]
    made = [each for each in document["attacks"] if each["claim"] == name]
    yield from _unless(len(shown), len(made), "attacks")
    for place, attack, found in zip(shown, made, [each for each in run.attacks if each.claim == name], strict=False):
        yield from _unless(text(place[0]), "Attacked" + (", and broken" if attack["violated"] else ""), "an attack")
        said = [f"{found.summary}.", f"Entries in reading order, over {attack['space']}."]
        yield from _unless([text(each) for each in place.iter("p")], said, "an attack")
        for part in (f"{attack['left']:.8g} of {attack['right']:.8g}", f"of {attack['evaluations']:,} tries"):
            yield from _unless(part in said[0], True, part)
        tables = {"rewards": attack["reward"], "other": attack["other"]}
        right = " ".join(f"{role} {' '.join(f'{float(x):.4g}' for x in table)}" for role, table in tables.items())
        yield from _unless(text(next(place.iter("pre"))), right, "tables of an attack")
