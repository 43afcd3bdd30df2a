"""One incident's way across the border and back: reported, released, previewed, withdrawn, erased."""

from __future__ import annotations

import re
from uuid import uuid4

from django.utils.translation import gettext, override
from playwright.sync_api import Page, expect

from browser.demonstration import Demonstration
from browser.office import Office, live, notice
from browser.reports import press, report, update

PARTNER = "Partner Party (demonstration)"


def shown(page: Page) -> list[str]:
    """The parts that an incident's page shows."""
    sections = page.locator("#incident section.part[data-level]").all()
    return [str(section.get_attribute("aria-labelledby")).removeprefix("part-") for section in sections]


def holds(nodes: Demonstration, side: str, canary: str) -> list[str]:
    """Files of a node in which these bytes stand."""
    return [path.name for path in nodes.files_with(side, canary.encode())]


def test_an_incident_crosses_as_far_as_agreed_and_is_taken_back(office: Office, nodes: Demonstration) -> None:
    mark = uuid4().hex[:6]
    title = f"Shots at a survey vehicle {mark}"
    canary = f"CANARY{uuid4().hex}"
    partner = live(office.listing("partner", "liaison", mark))
    partner.evaluate("document.body.dataset.opened = 'before'")

    host, record = report(office, title)
    update(
        host,
        people__killed_best="2",
        people__injured_low="1",
        response__units=f"{canary}-units",
        response__measures=f"{canary}-measures",
        source__name=f"{canary}-source",
    )
    expect(host.locator("#part-response")).to_be_visible()
    expect(host.locator("#incident")).to_contain_text(f"{canary}-units")

    # It comes to the partner's list by itself: the page was not loaded again.
    row = partner.locator("#incident-lines tr", has_text=title)
    expect(row).to_have_count(1)
    assert partner.evaluate("document.body.dataset.opened") == "before"

    partner.click(f"text={title}")
    live(partner)
    expect(partner.locator("#part-people")).to_be_visible()
    assert shown(partner) == ["summary", "when", "where", "people"]
    withheld = partner.locator("#incident .withheld")
    expect(withheld).to_have_count(3)
    for name in ("Method", "Response", "Source of the report"):
        expect(withheld.filter(has_text=name)).to_have_count(1)
    expect(partner.locator(".banner-place")).to_contain_text("CONFIDENTIAL")
    assert canary not in partner.content()
    assert holds(nodes, "partner", canary) == []

    preview = office.page("host", "coordinator", f"/oversight/preview/{record}/")
    expect(preview.locator("h1")).to_contain_text(PARTNER)
    leaving = preview.locator(".as-other section.part .part-head h2")
    assert leaving.all_inner_texts() == partner.locator("#incident section.part h2").all_inner_texts()
    expect(preview.locator("#preview .withheld")).to_have_count(3)
    expect(preview.locator("#preview")).to_contain_text("Withheld: 3 parts")
    assert canary not in preview.content()
    taken_back(office, preview, partner, record, mark)
    assert holds(nodes, "partner", canary) == []


def taken_back(office: Office, host: Page, partner: Page, record: str, mark: str) -> None:
    """The coordinator withdraws the record, then has it erased; the partner's open page follows."""
    host.on("dialog", lambda question: question.accept())
    office.go(host, "host", "/oversight/holdings/")
    host.locator(f"#holdings a[href*='{record}']").first.click()
    # Something was given and acknowledged.
    held = live(host).locator("#held tbody tr")
    expect(held.first).to_contain_text("4.2")
    expect(host.locator("#held")).not_to_contain_text("not acknowledged yet", timeout=90_000)

    host.click(f"a[href$='/{record}/withdraw/']")
    host.fill("#id_reason", "Reported twice")
    host.click("main form button.danger")
    notice(host, f"Withdrawn; told: {PARTNER}")
    expect(host.locator("#held")).to_contain_text("withdrawn, not to be used")
    expect(partner.locator("#incident .notice.withdrawn")).to_have_text("Withdrawn: do not use.")
    listing = office.listing("partner", "liaison", mark)
    expect(listing.locator("#incident-lines tr.withdrawn", has_text="withdrawn").first).to_be_visible()

    live(host)
    host.click(f"a[href$='/{record}/erase/']")
    host.fill("#id_reason", "Names a person by mistake")
    host.click("main form button.danger")
    notice(host, f"Erased here; asked: {PARTNER}")
    # The receipt comes from the partner's node and shows here without a reload.
    expect(host.locator("#held")).to_contain_text("removed, by their receipt", timeout=90_000)
    expect(partner.locator("#incident section.part[data-level]")).to_have_count(0)
    expect(partner.locator("#incident section.part.withdrawn").first).to_contain_text("Erased")


def font_of(page: Page, selector: str) -> str:
    return str(page.eval_on_selector(selector, "e => getComputedStyle(e).fontFamily"))


def test_the_same_in_urdu(office: Office) -> None:
    mark = uuid4().hex[:6]
    title = f"سروے گاڑی پر فائرنگ {mark}"
    partner = live(office.listing("partner", "liaison", mark, "ur"))
    host, record = report(office, title, "ur")
    for page in (host, partner):
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        expect(page.locator("html")).to_have_attribute("lang", "ur")
        assert font_of(page, "h1").startswith('"Noto Nastaliq Urdu"')
        assert page.evaluate("document.fonts.check('16px \"Noto Nastaliq Urdu\"', 'واقعہ')")
    # The rooms stand from right to left.
    first, second = (host.locator("nav.rooms li").nth(place).bounding_box() for place in (0, 1))
    assert first is not None and second is not None and first["x"] > second["x"]

    partner.locator("#incident-lines a", has_text=title).click()
    place = partner.locator("#incident dd bdi[dir=ltr]", has_text="25.0512")
    expect(place).to_have_text("25.0512, 66.8834")
    assert reads_left_to_right(place.element_handle(), "25.0512", "66.8834")

    with override("ur"):
        withheld, withdrawn = gettext("withheld"), gettext("Withdrawn: do not use.")
    assert withheld != "withheld" and withdrawn != "Withdrawn: do not use."
    expect(partner.locator("#incident .withheld").first).to_contain_text(withheld)
    preview = office.page("host", "coordinator", f"/oversight/preview/{record}/", "ur")
    expect(preview.locator(".as-other section.part")).to_have_count(3)
    preview.on("dialog", lambda question: question.accept())
    live(partner)
    office.go(preview, "host", f"/oversight/holdings/{record}/withdraw/")
    preview.fill("#id_reason", "دہری اطلاع")
    preview.click("main form button.danger")
    expect(partner.locator("#incident .notice.withdrawn")).to_have_text(withdrawn)


def reads_left_to_right(element: object, first: str, second: str) -> bool:
    """Where the two numbers are drawn: the first one further to the left."""
    place = """(element, text) => {
        const range = document.createRange(), start = element.textContent.indexOf(text);
        range.setStart(element.firstChild, start);
        range.setEnd(element.firstChild, start + text.length);
        return range.getBoundingClientRect().left;
    }"""
    left, right = (element.evaluate(place, text) for text in (first, second))  # type: ignore[attr-defined]
    return bool(left < right)


def test_a_clause_and_the_list_in_chinese(office: Office) -> None:
    page = office.page("partner", "liaison", "/agreement/pk-cn/clause/4/", "zh-hans")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.locator("html")).to_have_attribute("dir", "ltr")
    expect(page.locator("article.clause h2").first).to_have_text("事件与主张的共享")
    for words in ("东道方应在报告的每一阶段", "The Host Party shall disclose", "میزبان فریق اپنے ہر واقعے"):
        expect(page.locator(".texts").first).to_contain_text(words)
    expect(page.locator(".texts [lang=ur][dir=rtl]").first).to_be_attached()
    # The language can be chosen on the page, and stays.
    page.select_option("#language", "ur")
    expect(page.locator("html")).to_have_attribute("lang", "ur")
    page.goto(re.sub("/agreement/.*", "/incidents/", page.url))
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.select_option("#language", "zh-hans")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")


def test_claims_of_both_parties_stand_side_by_side(office: Office) -> None:
    host = live(office.listing("host", "liaison", "bomb convoy Karachi airport"))
    host.click("text=Vehicle bomb against a convoy at Karachi airport")
    sides = {claim.get_attribute("data-party-side") for claim in host.locator("#claims .claim").all()}
    assert sides == {"host", "partner"}
    expect(host.locator("#claims table")).to_contain_text("sources disagree")

    partner = office.listing("partner", "watch", "bomb convoy Karachi airport")
    partner.click("text=Vehicle bomb against a convoy at Karachi airport")
    partner.click("a[href$='/claim/']")
    outlet = f"Consulate {uuid4().hex[:6]}"
    partner.select_option("#id_figure-what", "injured")
    partner.fill("#id_figure-best", "17")
    partner.fill("#id_source-outlet", outlet)
    press(partner)
    notice(partner, "The claim stands beside the others.")
    # The figure crosses at once; its source is for fewer roles, and the host's liaison officer is told so.
    live(host)
    expect(host.locator("#claims .claim", has_text="17").last).to_be_visible()
    assert outlet not in host.content()
