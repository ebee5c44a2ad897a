"""The report page against the JSON document of the same run, and against what could get into it."""

import dataclasses
import functools
import itertools
import json
import re
import shlex
import sys

import pytest
from markup import faults, text, tree
from report_agreement import disagreements, faults_of, number, places
from report_runs import executed, few, made_up, own, strong, telling

from proofs_check import documents, report
from proofs_check.claims import CLAIMS
from proofs_check.errata import ERRATA
from proofs_check.evidence import Fate, Outcome, Result, Verdict
from proofs_check.ledger import LEDGER
from proofs_check.mistakes import SOFT_BELLMAN
from proofs_check.pages import rendering
from proofs_check.pages.formulas import formula
from proofs_check.pages.report.errata import (
    _found as finding_of,  # computed once, for the page and for what it is held against
)
from proofs_check.pages.report.page import command_of, page
from proofs_check.standing import Standing

HARD_MAX = SOFT_BELLMAN[0]
PLAIN = [claim for claim in CLAIMS if not claim.errata][:2]  # of which no note has to be computed
HOSTILE = "</script><script>alert(1)</script> \"quoted\" 'too' & <b>bold</b> \x00 \u202egnirts\u2066 \ud800"
SAFE = "\\x00 \\u202egnirts\\u2066 \\ud800"


@pytest.fixture(scope="module")
def small():
    return page(few())


@pytest.fixture(scope="module")
def whole():
    return page(made_up())


@pytest.fixture(scope="module")
def articles(whole):
    """The notes of that page."""
    return {each.get("aria-labelledby"): each for each in tree(whole).iter("article")}


# -- agreement with the document ---------------------------------------------------------------------------------------


RUNS = {
    "few": few,
    "strong": strong,
    "own": own,
    "telling": telling,
    "telling, of own rewards": functools.partial(telling, False),
}
# What is no number of a run: formulas, what the claim says of itself, and proofs, which have tests of their own.
WORDS = {"big", "plain", "about", "proof", "statement"}
LINES = {"p", "li", "tr", "td"}


@pytest.mark.parametrize("name", RUNS)
def test_the_page_says_what_the_document_says(name):
    assert disagreements(page(RUNS[name]()), RUNS[name]()) == []


def parts_of(region):
    """What may say something of a run: an element and where it stands in which, from outside to inside."""
    for place, element in enumerate(region):
        if element.tag != "math" and element.get("class") not in WORDS:
            yield region, place, element
            yield from parts_of(element)


def changed(element):
    """Change each number of an element in turn: the one for programs, those in it, and those after it."""
    for name in ("value", "text", "tail"):
        old = element.get("value") if name == "value" else getattr(element, name)
        if re.search("[0-9]", old or ""):
            new = re.sub("[0-9]", lambda digit: str((int(digit[0]) + 1) % 10), old, count=1)
            put = element.set if name == "value" else functools.partial(setattr, element)
            put(name, new)
            yield f"{name} of <{element.tag}>: {new}, not {old}"
            put(name, old)


@pytest.mark.parametrize("name", RUNS)
def test_every_number_and_every_line_of_a_claim_is_held(name):
    """With one of them changed, or left out, page and document do not agree."""
    run = RUNS[name]()
    document, (rows, sections) = documents.as_document(run), places(tree(page(run)))
    tried = 0
    for nth, result in enumerate(run.results):
        row, section = rows[result.claim.id], sections[result.claim.id]
        agree = functools.partial(faults_of, row, section, document, run, nth)
        for region, place, element in [*parts_of(row[1:]), *parts_of(section[1])]:
            for what in changed(element):
                assert list(agree()), what
                tried += 1
            # A cell of a row is empty where there is nothing to say.
            if (element.tag in LINES or element.get("class") == "judgement attack") and not isinstance(region, list):
                del region[place]
                assert list(agree()), f"without {text(element)}"
                region.insert(place, element)
                tried += 1
        assert not list(agree())
    assert tried > 50


def test_mistakes_that_could_not_be_put_in_are_not_counted_as_survivors():
    """By rationals alone; the same numbers as in the report that is text."""
    run = executed(("P1-logZ",), ("exact",))
    rejected, declined = (run.standings[0][0].counted(fate) for fate in ("rejected", "declined"))
    assert rejected > declined > 0
    (cell,) = [each for each in tree(page(run)).iter("td") if each.get("data-label") == "rejects"]
    assert text(cell) == f"{rejected} of {rejected} {declined} could not be put in"
    said = " ".join(" ".join(report.row(run, run.results[0], run.standings[0])).split())
    assert f"rejects {rejected} of {rejected}, {declined} could not be put in" in said


def test_another_claim_is_none_of_the_run(small):
    assert disagreements(small.replace('data-claim="P3-kl-bound"', 'data-claim="P1-prob"'), few()) == ["other claims"]


def test_the_tally_is_of_the_verdicts(small):
    run = few()
    (tally,) = [each for each in tree(small).iter("ul") if each.get("class") == "tally"]
    shown = {text(line[0]): text(line[1]) for line in tally}
    counted = [run.verdicts(number)["induction"].name.replace("_", " ") for number in range(len(run.results))]
    assert shown["all trees"] == " ".join(
        f"{counted.count(name)} {name}"
        for name in dict.fromkeys(sorted(counted, key=[v.name.replace("_", " ") for v in Verdict].index))
    )
    assert set(shown) == {"all trees", "rationals", "float64"}


def test_the_ledger_counts_what_claims_that_passed_hold(whole):
    (section,) = [each for each in tree(whole).iter("section") if each.get("aria-labelledby") == "ledger"]
    without = [row.id for row in LEDGER if row.not_computable]
    said = f"Of the {len(LEDGER)} rows of the ledger of the paper's statements {len(without)} are NOT COMPUTABLE, and "
    said += f"count as nothing. {len(LEDGER) - len(without)} are held by claims that passed."
    assert text(next(section.iter("p"))) == said
    # Of a claim that failed: all rows that name it, and no other.
    run = made_up()
    failed = LEDGER[0].claims[0]
    place = next(number for number, claim in enumerate(CLAIMS) if claim.id == failed)
    run.results[place] = dataclasses.replace(run.results[place], broken="an attack")
    named = [row.id for row in LEDGER if failed in row.claims and not row.not_computable]
    (section,) = [each for each in tree(page(run)).iter("section") if each.get("aria-labelledby") == "ledger"]
    assert len(named) > 0
    assert text(next(section.iter("p"))).endswith(
        f"{len(LEDGER) - len(without) - len(named)} are held by claims that passed; by claims that did not: "
        f"{', '.join(named)}."
    )


# -- the page as a page ------------------------------------------------------------------------------------------------


def test_it_is_well_formed_and_leads_nowhere_else(small, whole):
    assert faults(small) == []
    assert faults(whole) == []


def test_faults_are_found(small):
    for old, new in (
        ('id="claims"', 'id="errata"'),
        ('href="#words"', 'href="#wards"'),
        ('<h2 id="claims">', '<img src="x.png"><h2 id="claims">'),
        ("https://arxiv.org/", "https://example.org/"),
    ):
        assert old in small
        assert faults(small.replace(old, new))
    with pytest.raises(AssertionError, match="is open"):
        tree(small.replace("</details>", "", 1))


def test_the_same_run_gives_the_same_bytes(small):
    assert page(few()) == small
    assert page(executed()) == small


def test_it_is_small(whole):
    assert len(whole.encode()) < 3_000_000


def test_headings_are_in_order(small):
    levels = [int(each.tag[1]) for each in tree(small).iter() if re.fullmatch("h[1-6]", each.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_everything_about_a_claim_is_in_its_section(small):
    for result in few().results:
        claim = result.claim
        (section,) = [each for each in tree(small).iter("details") if each.get("data-claim") == claim.id]
        said = text(section)
        for what in (
            claim.statement,
            claim.place,
            claim.hypotheses,
            *claim.routes,
            *claim.errata,
            result.worst.instance,
        ):
            assert " ".join(what.split()) in said
        for wrong in claim.rejects:
            assert f"{wrong.name} {' '.join(wrong.summary.split())}" in said
        assert any(each.tag == "math" for each in section.iter())


def test_a_closed_row_says_what_is_claimed(small):
    for section in tree(small).iter("details"):
        if section.get("data-claim"):
            statement = next(claim.statement for claim in CLAIMS if claim.id == section.get("data-claim"))
            (gist,) = [each for each in section[0].iter("span") if each.get("class") == "gist"]
            assert text(gist) == statement


def test_the_title_names_the_project(small):
    assert tree(small).find("head/title").text == "What holds, and how it is known – tabular_bellman"


def test_what_rejecting_means_is_said_before_the_numbers(small):
    said = text(tree(small))
    sentence = "ach claim is run again with each of its mistakes put in, and must fail"
    for numbers in ("“rejects 27 of 27” says", "Of the n mistakes"):
        assert said.index(sentence) < said.index(numbers)
        said = said[said.index(numbers) :]


def test_proofs_are_printed_where_induction_was_asked_for(small):
    proofs = [text(each) for each in tree(small).iter("pre")]
    assert sum(each.startswith("P3-kl-bound (Proposition 3, B.4)") for each in proofs) == 1
    assert "Trusted induction on finite trees" in " ".join(proofs)
    claim = next(each for each in CLAIMS if each.id == "P1-bijection-q")
    other = page(made_up([claim]))
    assert "proofs-check proof P1-bijection-q" in other
    assert "Trusted" not in other


def test_what_is_left_to_the_reader_is_said(small):
    assert "Left to the reader: " in small


# -- formulas ----------------------------------------------------------------------------------------------------------

WEIGHTY = {"every", "either", "attained", "alone", "elsewhere", "convex", "uniform", "counted", "least", "shared"}


def words_of(what):
    return set(re.findall(r"[a-z]+", what.replace("at least", "≥").replace("any", "every")))


def unsaid(claim):
    """What a statement says and its formula does not: words that widen or narrow it, directions, numbers."""
    words, latex = words_of(claim.latex), claim.latex.replace(r"\|", "‖")
    found = sorted(words_of(claim.statement) & WEIGHTY - words)
    directions = set(re.findall(r"KL\((\w+)(?:_\{\w+\})?‖(\w+?)(?:_\{\w+\})?\)", claim.statement))
    if any((second, first) in directions for first, second in directions):
        divergences = set(re.findall(r"KL\}\(([^()]*)\)", latex))
        if len(divergences) < 2 and "either" not in words:
            found.append("the other direction")
    numbers = re.findall(r"\d+\.\d+|\d{4,}", claim.statement)
    return found + [number for number in numbers if number not in latex]


def test_formulas_say_what_statements_say():
    assert {claim.id: unsaid(claim) for claim in CLAIMS if unsaid(claim)} == {}


@pytest.mark.parametrize(
    ("name", "old", "what"),
    [
        ("S4.2-approx", r" \text{ and } \mathrm{KL}(p_{R_r}, p_q) \le \delta", "the other direction"),
        ("P1-logZ", r", \text{ for every prompt } x", "every"),
        ("L1-kl", r"\text{ in either direction}", "either"),
        ("K-ratio", r"\approx 8.4 \; (T = 2), ", "8.4"),
    ],
)
def test_a_formula_that_says_less_is_found(name, old, what):
    claim = next(each for each in CLAIMS if each.id == name)
    assert old in claim.latex
    assert what in unsaid(dataclasses.replace(claim, latex=claim.latex.replace(old, "")))


def test_formulas_have_room_around_arrows_and_after_commas():
    for arrow, sign in ((r"\implies", "&#x027F9;"), (r"\iff", "&#x027FA;")):
        assert f"<mo>{sign}</mo>" in formula(rf"a {arrow} b")
    assert "</math> <math" in formula(r"a = b, \quad c = d")
    assert text(tree(formula(r"a = b \text{ for every } c"))) == "a=b for every c"


# -- notes on the printed text -----------------------------------------------------------------------------------------


def test_the_whole_ledger_has_all_notes_with_drawings(articles):
    assert list(articles) == [erratum.id for erratum in ERRATA]
    for name, article in articles.items():
        drawings = [each for each in article.iter("svg") if each.get("role") == "img"]
        assert bool(drawings) == (name not in ("E18", "E26")), name
        assert drawings or "nothing to draw" in text(article)
        for drawing in drawings:
            title, words = drawing[0], drawing[1]
            assert (title.tag, words.tag) == ("title", "desc")
            assert len(text(title)) > 10
            assert len(text(words)) > 40


def test_a_run_of_few_claims_has_the_notes_that_they_are_read_with(small):
    named = {name for result in few().results for name in result.claim.errata}
    assert {each.get("aria-labelledby") for each in tree(small).iter("article")} == named
    assert not list(tree(page(made_up(PLAIN))).iter("article"))


def test_numbers_of_notes_are_those_of_the_findings(articles):
    for erratum in ERRATA:
        numbers = [] if erratum.find is None else finding_of(erratum).numbers
        lines = [line for table in articles[erratum.id].iter("table") for line in table.iter("tr")]
        assert [text(line[0]) for line in lines] == [" ".join(what.split()) for what, _ in numbers]
        for line, (what, value) in zip(lines, numbers, strict=True):
            assert text(line[1]) == (f"{value:.6g}" if isinstance(value, float) else str(value)), (erratum.id, what)
            if isinstance(value, float):
                assert number(line[1][0]) == value, (erratum.id, what)


# -- where it is written -----------------------------------------------------------------------------------------------


def test_a_run_says_where_it_wrote_the_page(run, folder):
    line = "Wrote page.html; open it in a browser."
    asked = ("run", "--quick", "K-ratio", "--html", "page.html")
    status, said, _ = run(*asked)
    assert (status, said.splitlines()[-1]) == (0, line)
    for option in ("--quiet", "--json"):
        status, said, _ = run(*asked, option)
        assert status == 0
        assert line not in said
    json.loads(said)


# -- runs that did not go well -----------------------------------------------------------------------------------------


def test_a_planted_mistake_shows(run, folder):
    status, _, _ = run(
        "run", "--quick", "GR-jacobian", "S2-maxent", "--plant", "hard-max", "--html", "page.html", "--quiet"
    )
    html = (folder / "page.html").read_text(encoding="utf-8")
    assert status == 1
    assert faults(html) == []
    assert tree(html).find("head/title").text.startswith("REFUTED: ")
    said = text(tree(html))
    assert "A mistake is planted in the code under test: hard-max" in said
    assert "Not as expected: " in said
    assert "REFUTED" in said
    refuted = [row for row in tree(html).iter("tr") if "float64:REFUTED" in row.get("data-verdicts", "")]
    assert [row.get("data-claim") for row in refuted if "data-unexpected" in row.attrib]
    assert "--plant hard-max" in said


def test_an_interrupted_run_says_so():
    begun = dataclasses.replace(made_up(PLAIN), interrupted=True)
    begun.results.pop()
    begun.standings.pop()
    said = text(tree(page(begun)))
    assert (
        f"PARTIAL. The run was interrupted after 1 of 2 claims. What is here is finished; not run: {PLAIN[1].id}."
        in said
    )
    assert "PARTIAL" not in text(tree(page(made_up(PLAIN))))
    assert "in the attacks, after 2 of 2" in text(tree(page(dataclasses.replace(made_up(PLAIN), interrupted=True))))
    nothing = dataclasses.replace(begun, results=[], standings=[])
    assert faults(page(nothing)) == []


def test_what_fails_is_shown_with_why():
    refused = Result(
        PLAIN[0],
        [Outcome("first", float("inf"), where="refused", refusal="no <response> at all")],
        {"x": Fate.REJECTED},
    )
    broken = Result(PLAIN[1], [Outcome("second", 2.0, 1.0, "there", 3, 0, 1e-9)], {}, broken="found by an attack")
    shown = dataclasses.replace(made_up(PLAIN), results=[refused, broken])
    html = page(shown)
    said = text(tree(html))
    assert "no <response> at all" in said
    assert "An attack broke it: found by an attack." in said
    assert "there: residual 2, bound 1" in said
    assert faults(html) == []


def test_kinds_that_disagree_are_named():
    held = Result(PLAIN[0], [Outcome("first", 0.25, 0.5, "here", 3, 0, 1e-9)], {"x": Fate.REJECTED}, True)
    against = Standing("exact", Verdict.REFUTED, of=1, why="fails on first", failed=("first",))
    shown = dataclasses.replace(
        made_up(PLAIN[:1]), results=[held], standings=[[against]], kinds=("float64", "exact"), complete=True
    )
    said = text(tree(page(shown)))
    assert f"Kinds of evidence that disagree: {PLAIN[0].id}" in said
    assert "Fails on: first." in said


# -- what could get into it --------------------------------------------------------------------------------------------


def test_hostile_text_is_text():
    fates = {HOSTILE: Fate.REJECTED}
    claim = dataclasses.replace(
        PLAIN[0],
        misreadings=(dataclasses.replace(CLAIMS[0].misreadings[0], name=HOSTILE, summary=HOSTILE),),
        mistakes=(),
    )
    outcome = Outcome(HOSTILE, float("inf"), where=HOSTILE, refusal=HOSTILE)
    standing = Standing(
        "exact", Verdict.INCONCLUSIVE, on=(HOSTILE,), of=2, why=HOSTILE, fates={HOSTILE: f"declined: {HOSTILE}"}
    )
    shown = dataclasses.replace(
        made_up([claim], source=HOSTILE, complete=False),
        results=[Result(claim, [outcome], fates)],
        standings=[[standing]],
        kinds=("float64", "exact"),
    )
    html = page(shown)
    html.encode("utf-8")  # no lone surrogate
    assert faults(html) == []
    assert len(list(tree(html).iter("script"))) == 1
    assert not list(tree(html).iter("b"))
    assert all(c.isprintable() or c == "\n" for c in html)
    said = text(tree(html))
    assert said.count(SAFE) >= 8  # source, instance, comparison, refusal, why, mistake, its summary, reason
    assert "</script><script>alert(1)</script> \"quoted\" 'too' & <b>bold</b>" in said


def test_hostile_prompts_and_tokens_from_a_file(run, folder):
    token = "<i>&\"'</script>"
    rows = [("</title><b>", "", 0), ("</title><b>", token, 1)]
    lines = [",".join('"' + str(cell).replace('"', '""') + '"' for cell in row) for row in rows]
    (folder / "a<b>&.csv").write_text("\n".join(["prompt,response,reward", *lines]), encoding="utf-8")
    status, _, complained = run("run", "P1-bijection-q", "--rewards", "a<b>&.csv", "--html", "page.html", "--quiet")
    html = (folder / "page.html").read_text(encoding="utf-8")
    assert status == 0, complained
    assert faults(html) == []
    assert not [each for each in tree(html).iter() if each.tag in ("b", "i")]
    assert "a<b>&.csv over" in text(tree(html))
    assert len(list(tree(html).iter("article"))) < len(ERRATA)


# -- words, and how to do it again -------------------------------------------------------------------------------------


def test_what_is_not_computable_is_named(small):
    said = text(tree(small))
    for row in LEDGER:
        if row.not_computable:
            assert f"{row.id} {row.place}" in said
    for verdict in Verdict:
        assert verdict.name.replace("_", " ") in said


def test_the_command_says_what_was_asked_for(small, whole):
    assert command_of(
        few()
    ) == "proofs-check run --quick --evidence float64,exact,induction --html report.html " + " ".join(
        result.claim.id for result in few().results
    )
    assert command_of(few()) in small
    assert (
        "proofs-check run --html report.html\n" in whole + "\n" or "proofs-check run --html report.html</pre>" in whole
    )
    planted = made_up(PLAIN, seed=5, effort="thorough", planted=HARD_MAX, kinds=("exact",))
    assert command_of(planted) == (
        "proofs-check run --thorough --seed 5 --evidence exact --plant hard-max --html report.html "
        f"{PLAIN[0].id} {PLAIN[1].id}"
    )
    # Rewards that a program handed over have no command.
    assert "--rewards SOURCE" in command_of(made_up(PLAIN, complete=False))
    assert "handed over by a program" in page(made_up(PLAIN, complete=False))


TABLE = "prompt,response,reward\na,,0\na,u,1.5\n-b,u v,-1\n"
FUNCTION = "def rewards(prompt, prefix, action):\n    return 0.25 * len(prefix)\n"
ASKED = {
    "random": ["--vocab", "2", "--max-length", "3", "--seed", "7", "--plant", "hard-max"],
    "built-in": ["--seed", "3", "--evidence", "float64,exact"],
    "masked": ["--vocab=-1a,b", "--max-length=4", "--min-length=2", "--prompts", "it's,-b", "--max-bytes=100000"],
    "fixed": ["--vocab", "3", "--fixed-length", "2"],
    "file": ["--rewards", "a<b> & 'c'.csv", "--missing=-inf", "--prompts=-b,a"],
    "function": ["--rewards", "asked_rewards:rewards", "--stepwise", "--vocab", "2", "--max-length", "2"],
}


@pytest.mark.parametrize("name", ASKED)
def test_the_command_writes_the_same_page(name, run, folder, monkeypatch):
    """Read off the page as a reader would, and given to a shell."""
    (folder / "a<b> & 'c'.csv").write_text(TABLE, encoding="utf-8")
    (folder / "asked_rewards.py").write_text(FUNCTION, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    asked = ["run", "--quick", "P1-logZ", *ASKED[name], "--quiet", "--html", "page.html"]
    status, _, complained = run(*asked)
    html = (folder / "page.html").read_text(encoding="utf-8")
    assert complained == ""
    pre = list(tree(html).iter("pre"))[-1]
    program, *words = shlex.split(pre.text.splitlines()[-1])
    assert program == "proofs-check"
    assert run(*words)[0] == status
    assert (folder / "report.html").read_text(encoding="utf-8") == html
    # A seed is named where there is one.
    facts = {text(each) for each in tree(html).iter("dt")}
    assert ("Seed" in facts) == ("--rewards" not in ASKED[name])
    assert ("The rewards are not in this page" in text(tree(html))) == ("--rewards" in ASKED[name])


def test_without_the_extra_the_command_says_what_to_install(run, folder, monkeypatch):
    for missing in ("jinja2", "latex2mathml.converter", "markupsafe"):
        rendering.mathematics.cache_clear()
        rendering._environment.cache_clear()
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, missing, None)
            status, out, complained = run("run", "--quick", "GR-jacobian", "--html", "page.html")
            assert (status, out) == (2, ""), missing
            assert "pip install 'tabular_bellman[html]'" in complained
    assert not (folder / "page.html").exists()
    rendering.mathematics.cache_clear()
    rendering._environment.cache_clear()


def test_the_document_is_as_it_was():
    assert json.loads(documents.as_json(few())) == documents.as_document(few())
