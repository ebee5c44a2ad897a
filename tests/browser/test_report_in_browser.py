"""The report page as a reader meets it: by mouse, by keyboard, on a phone, on paper, without JavaScript."""

import re
import time

import pytest
from browsing import DESKTOP, PHONE, missed, overflow, serious, unreached
from report_runs import FEW, few, made_up, telling

from proofs_check.claims import CLAIMS, PARTS
from proofs_check.errata import ERRATA
from proofs_check.pages.report.page import page as report_page
from proofs_check.report import rejects

WHOLE = len(CLAIMS)


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Pages of a real run of a few claims, of a made-up one with all claims and all notes, and of numbers unlike."""
    pytest.importorskip("jinja2", reason="Jinja2 is not installed (pip install '.[html]')")
    folder = tmp_path_factory.mktemp("reports")
    for name, run in (("few", few()), ("all", made_up()), ("telling", telling())):
        (folder / f"{name}.html").write_text(report_page(run), encoding="utf-8")
    return folder


def shown(page):
    """The claims whose rows are shown, from top to bottom."""
    return page.eval_on_selector_all(
        "table.verdicts tbody tr", "rows => rows.filter(r => r.checkVisibility()).map(r => r.dataset.claim)"
    )


def told(page):
    return page.locator("#shown").inner_text()


def settle(page, count, of=WHOLE):
    """Wait until it is announced how many are shown."""
    page.locator("#shown", has_text=re.compile(f"^{count} of {of} claims shown$")).wait_for()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_nothing_serious_and_nothing_beside_the_page(pages, opened, size, dark):
    with opened(pages / "few.html", size=size, dark=dark) as page:
        assert overflow(page) <= 0
        if dark == (size is PHONE):
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            page.wait_for_timeout(200)
            assert overflow(page) <= 0
        assert serious(page) == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_all_claims_and_notes_fit_too(pages, opened, size):
    with opened(pages / "all.html", size=size) as page:
        assert overflow(page) <= 0
        if size is DESKTOP:
            # The notes; table and sections are as those of few claims.
            page.evaluate(
                "document.querySelectorAll('main > section:nth-of-type(-n + 2)').forEach(each => each.remove())"
            )
            assert serious(page) == []


def test_contrast_is_looked_at(pages, opened):
    """What the automated look finds, it finds: pale words on a pale ground."""
    with opened(pages / "few.html") as page:
        page.add_style_tag(content=":root { --soft: #ddd; --link: #eee }")
        assert any(each.startswith("color-contrast") for each in serious(page))


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_without_javascript_it_is_whole(pages, opened, size):
    with opened(pages / "few.html", size=size, javascript=False) as page:
        text = page.locator("body").inner_text()
        assert page.locator("table.verdicts tbody tr").count() == len(FEW)
        assert not page.locator("form.filters").is_visible()
        assert page.locator("table.verdicts button").count() == 0
        page.locator("details.claim summary").first.click()
        assert page.locator("details.claim .inside").first.is_visible()
        assert "What the words mean" in text


def test_the_keyboard_gets_everywhere(pages, opened):
    with opened(pages / "few.html") as page:
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert unreached(page) == []


def test_what_the_keyboard_does_not_get_to_is_found(pages, opened):
    with opened(pages / "few.html") as page:
        page.evaluate("document.querySelector('#open-all').tabIndex = -1")
        (missed,) = unreached(page)
        assert 'id="open-all"' in missed


# -- filters -----------------------------------------------------------------------------------------------------------


def test_filters_show_what_is_asked_for_and_say_how_many(pages, opened):
    with opened(pages / "all.html") as page:
        assert told(page) == f"{len(CLAIMS)} of {len(CLAIMS)} claims shown"
        assert page.locator("#shown").get_attribute("role") == "status"
        title, claims = PARTS[2]
        page.select_option("#f-part", label=title)
        settle(page, len(claims))
        assert shown(page) == [claim.id for claim in claims]
        # Their sections are filtered with them.
        assert page.locator("details.claim:visible").count() == len(claims)
        assert page.locator(".part-section:visible").count() == 1
        page.fill("#f-text", "m(r)  bijection")
        wanted = [
            claim.id for claim in claims if {"m(r)", "bijection"} <= set(re.findall(r"m\(r\)|bijection", words(claim)))
        ]
        settle(page, len(wanted))
        assert 0 < len(wanted) < len(claims)
        assert shown(page) == wanted
        page.click("text=Show all")
        settle(page, len(CLAIMS))
        read = [claim.id for claim in CLAIMS if claim.errata]
        page.check("text=read with an erratum")
        settle(page, len(read))
        assert shown(page) == read
        page.fill("#f-text", "no claim has these words")
        settle(page, 0)
        assert page.locator("#nothing").is_visible()


def words(claim):
    part = next(title for title, claims in PARTS if claim in claims)
    return f"{claim.id} {claim.statement} {claim.place} {claim.hypotheses} {part}".lower()


def test_filters_by_verdict_and_evidence(pages, opened):
    run = few()
    verdicts = {result.claim.id: run.verdicts(number) for number, result in enumerate(run.results)}
    with opened(pages / "few.html") as page:
        for kind, verdict in (
            ("exact", "NOT_APPLICABLE"),
            ("exact", "EXACT"),
            ("induction", "PROVED"),
            ("", "CHECKED"),
        ):
            page.select_option("#f-kind", kind)
            page.select_option("#f-verdict", verdict)
            wanted = [
                name
                for name, found in verdicts.items()
                if any(each.name == verdict for of, each in found.items() if kind in ("", of))
            ]
            settle(page, len(wanted), len(FEW))
            assert shown(page) == wanted, (kind, verdict)
        page.select_option("#f-verdict", "")
        page.select_option("#f-kind", "exact")
        wanted = [name for name, found in verdicts.items() if found["exact"].passed]
        settle(page, len(wanted), len(FEW))
        assert shown(page) == wanted
        assert 0 < len(wanted) < len(FEW)
        page.click("text=Show all")
        page.check("text=not as expected")
        settle(page, 0, len(FEW))


def test_filters_by_keyboard(pages, opened):
    with opened(pages / "all.html") as page:
        page.focus("#f-text")
        page.keyboard.type("H-terminal")
        settle(page, 1)
        for _ in range(5):
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.name") == "unexpected"
        page.keyboard.press("Space")
        settle(page, 0)
        page.keyboard.press("Enter")  # sends no form
        assert "all.html" in page.url


def test_a_link_keeps_what_was_asked_for(pages, opened):
    """Signs that mean something in an address, too; and which way the order goes."""
    text = "log + ="
    wanted = [claim.id for claim in CLAIMS if claim.errata and all(word in words(claim) for word in text.split())]
    assert len(wanted) > 2
    with opened(pages / "all.html") as page:
        page.fill("#f-text", text)
        page.check("text=read with an erratum")
        settle(page, len(wanted))
        assert shown(page) == wanted
        for falling in (False, True):
            page.click("table.verdicts thead button:text('Claim')")
            asked, url = shown(page), page.url
            assert asked == sorted(wanted, key=str.lower, reverse=falling)
            page.goto("about:blank")
            page.goto(url)
            assert shown(page) == asked
            assert page.input_value("#f-text") == text
        page.goto(url.split("#")[0] + "#?text=H-exact")
        settle(page, 1)
        page.goto(url.split("#")[0])


# -- order -------------------------------------------------------------------------------------------------------------


def test_rows_are_sorted_by_any_column(pages, opened):
    run = few()
    number = {result.claim.id: result for result in run.results}
    with opened(pages / "few.html") as page:
        button = page.locator("table.verdicts thead button", has_text="Residual")
        head = page.locator("th[data-sort=ratio]")
        assert head.get_attribute("aria-sort") is None
        button.click()
        rising = sorted(FEW, key=lambda name: number[name].worst.ratio)
        paper = [result.claim.id for result in run.results]
        rising = sorted(paper, key=lambda name: number[name].worst.ratio)
        assert (head.get_attribute("aria-sort"), shown(page)) == ("ascending", rising)
        button.click()
        assert head.get_attribute("aria-sort") == "descending"
        assert shown(page) == sorted(paper, key=lambda name: -number[name].worst.ratio)
        page.locator("table.verdicts thead button", has_text="Slack").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") is None
        slack = {name: number[name].slack for name in paper}
        assert shown(page) == sorted(paper, key=lambda name: (slack[name] is None, slack[name]))
        page.select_option("#f-sort", "")
        assert shown(page) == paper
    # Of mistakes, what counts is the share that is rejected, not how many there are.
    run = telling()
    share = {result.claim.id: rejects(result) for result in run.results}
    rising = sorted(share, key=lambda name: share[name][0] / share[name][1])
    assert rising != sorted(share, key=lambda name: share[name][1])
    assert rising != sorted(share, key=lambda name: share[name][0])
    with opened(pages / "telling.html") as page:
        page.locator("table.verdicts thead button", has_text="Rejects").click()
        assert shown(page) == rising


def test_on_a_phone_the_order_is_a_choice_and_rows_are_cards(pages, opened):
    with opened(pages / "few.html", size=PHONE) as page:
        assert not page.locator("table.verdicts thead").is_visible()
        page.select_option("#f-sort", "claim")
        assert shown(page) == sorted(FEW)
        lefts = page.eval_on_selector_all(
            "table.verdicts tbody th", "all => all.map(e => e.getBoundingClientRect().left)"
        )
        assert len(set(lefts)) == 1
        label = page.eval_on_selector("td[data-kind=exact]", "cell => getComputedStyle(cell, '::before').content")
        assert label == '"rationals"'


# -- links -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("javascript", [True, False])
def test_a_link_to_a_claim_opens_its_section(pages, opened, javascript):
    with opened(pages / "few.html", javascript=javascript) as page:
        section = page.locator("details.claim[data-claim='P3-kl-bound']")
        assert not section.locator(".plain").is_visible()
        page.click("table.verdicts a:text-is('P3-kl-bound')")
        section.locator(".plain").wait_for()
        assert page.evaluate("document.activeElement === document.body") or not javascript
        box = section.bounding_box()
        assert -5 < box["y"] < DESKTOP[1]


def test_a_link_reaches_a_claim_that_a_filter_hides(pages, opened):
    with opened(pages / "few.html") as page:
        page.fill("#f-text", "K-ratio")
        settle(page, 1, len(FEW))
        page.evaluate("location.hash = 'GR-jacobian'")
        page.locator("details.claim[data-claim='GR-jacobian'] .plain").wait_for()


def test_a_link_that_cannot_be_read_does_no_harm(pages, opened):
    """Neither where the page is opened by it nor where it is there; what it complains of is judged when it is left."""
    with opened(pages / "few.html") as page:
        url = page.url
        for stray in ("%", "%E0%A4%A", "GR-jacobian%"):
            page.goto("about:blank")
            page.goto(f"{url}#{stray}")
            settle(page, len(FEW), len(FEW))
            page.evaluate("stray => { location.hash = ''; location.hash = stray; }", stray)
            page.wait_for_timeout(50)
        page.fill("#f-text", "K-ratio")
        settle(page, 1, len(FEW))
        page.goto(url)


def followed(page, link, name):
    """Go to the top, click on a link, and return by how many pixels what it leads to is missed."""
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    link.click()
    come_to_rest(page)
    return missed(page, name)


def come_to_rest(page):
    """Wait until nothing has moved for a dozen frames."""
    page.evaluate(
        """() => new Promise(done => {
            let place = null, still = 0;
            const look = () => {
                still = scrollY === place ? still + 1 : 0;
                place = scrollY;
                if (still < 12) requestAnimationFrame(look);
                else done();
            };
            look();
        })"""
    )


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_links_lead_to_what_they_name(pages, opened, size):
    """Where motion is not reduced, too: from the top, once more, and from outside."""
    with opened(pages / "all.html", size=size) as page:
        page.emulate_media(reduced_motion="no-preference")
        links = [link for link in page.locator("nav a").all() if link.is_visible()]
        found = {name: page.locator(f"td a[href='#{name}']").first for name in ("E3", "E19", "E27")}
        found |= {link.get_attribute("href").removeprefix("#"): link for link in links}
        assert {"verdicts", "claims", "errata", "words", "ledger", "again"} < set(found)
        for name, link in found.items():
            for _ in range(2):
                assert abs(followed(page, link, name)) < 20, name
        url = page.url.split("#")[0]
        for name in ("again", "ledger", "E19", "GR-jacobian"):
            page.goto("about:blank")
            page.goto(f"{url}#{name}")
            come_to_rest(page)
            assert abs(missed(page, name)) < 20, name
        page.goto(url)


def test_a_link_that_stops_short_is_found(pages, opened):
    with opened(pages / "all.html") as page:
        page.emulate_media(reduced_motion="no-preference")
        page.add_style_tag(
            content="html { scroll-behavior: smooth } "
            ".note { content-visibility: auto; contain-intrinsic-size: auto 40rem }"
        )
        assert abs(followed(page, page.locator("nav a[href='#again']"), "again")) > 20


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_closed_row_says_what_is_claimed_on_one_line(pages, opened, size):
    with opened(pages / "few.html", size=size) as page:
        rows = page.locator("details.claim > summary")
        for name, row in zip((result.claim.id for result in few().results), rows.all(), strict=True):
            statement = next(claim.statement for claim in CLAIMS if claim.id == name)
            gist = row.locator(".gist")
            assert gist.inner_text() == statement
            box, line = gist.bounding_box(), gist.evaluate("gist => parseFloat(getComputedStyle(gist).lineHeight)")
            assert box["width"] > 200
            assert box["height"] < 1.5 * line
            assert row.locator("h4").bounding_box()["y"] < box["y"] + box["height"]
            assert box["x"] + box["width"] <= size[0]
        # What is too long is seen to be.
        assert page.eval_on_selector(".gist", "gist => getComputedStyle(gist).textOverflow") == "ellipsis"
        rows.first.click()
        assert not rows.first.locator(".gist").is_visible()
        assert page.locator("details.claim[open] .plain").is_visible()


def test_every_drawing_fits_and_is_named(pages, opened):
    for size in (DESKTOP, PHONE):
        with opened(pages / "all.html", size=size) as page:
            assert page.locator("article.note").count() == len(ERRATA)
            outside = page.evaluate("""() => [...document.querySelectorAll("svg.drawing")].flatMap(svg => {
                const frame = svg.getBoundingClientRect();
                return [...svg.querySelectorAll("text, rect, polyline, circle")].filter(each => {
                    const box = each.getBoundingClientRect();
                    return box.left < frame.left - 1 || box.right > frame.right + 1
                        || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
                }).map(each => `${svg.querySelector("title").textContent}: ${each.outerHTML}`);
            })""")
            assert outside == []
            small = page.evaluate("""() => [...document.querySelectorAll("svg.drawing")].filter(
                svg => 13 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width < 9.9
            ).map(svg => svg.querySelector("title").textContent)""")
            assert small == []


# -- paper, and time ---------------------------------------------------------------------------------------------------


def test_on_paper_all_is_open_and_no_filter_is_left(pages, opened):
    with opened(pages / "few.html") as page:
        assert page.pdf(format="A4").startswith(b"%PDF")
        assert page.locator("details[open]").count() == 0  # as it was before
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert page.locator("details:not([open])").count() == 0
        assert not page.locator("form.filters").is_visible()
        assert page.locator(".proof pre").first.is_visible()
        assert page.locator("table.verdicts thead").is_visible()
        assert page.locator(".filtered:visible").count() == 0  # nothing is left out
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details[open]").count() == 0


def test_what_a_filter_leaves_out_is_said_on_paper(pages, opened):
    with opened(pages / "few.html") as page:
        page.fill("#f-text", "P3-kl")
        page.select_option("#f-kind", "float64")
        page.check("text=have a proof")
        settle(page, 1, len(FEW))
        said = f"Filtered: 1 of {len(FEW)} claims (search: P3-kl; evidence: float64; have a proof)."
        assert page.locator(".filtered:visible").count() == 0  # the filter is there to be seen
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert (
            page.locator(".filtered:visible").all_inner_texts() == [said] * 2
        )  # with the table, and with the sections
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".filtered:visible").count() == 0


def test_it_opens_at_once(pages, opened):
    path = pages / "all.html"
    assert path.stat().st_size < 3_000_000
    started = time.perf_counter()
    with opened(path) as page:
        page.fill("#f-text", "H-terminal")
        settle(page, 1)
        # Generous: a busy machine takes several times what an idle one does.
        assert time.perf_counter() - started < 6.0
        assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 3000
