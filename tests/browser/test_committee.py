"""A meeting with a withheld item, in two browsers: what the observer gets of it is nothing, not even a gap."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Error, Page, Response, expect

from browser.demonstration import Demonstration
from browser.office import Office, live

SLOW = 90_000


def call(office: Office, title: str) -> Page:
    page = office.page("host", "liaison", "/committee/meetings/new/")
    starts = datetime.now(UTC) + timedelta(days=2)
    page.fill("[name=title]", title)
    page.fill("[name=starts]", starts.strftime("%Y-%m-%dT09:00"))
    page.fill("[name=ends]", starts.strftime("%Y-%m-%dT11:00"))
    page.check("[name=to]")
    page.click("main form button.primary")
    expect(page.locator("#meeting h1")).to_contain_text(title)
    return live(page)


def put(page: Page, title: str, category: str, ground: str = "") -> None:
    page.fill("[name=item-title]", title)
    page.select_option("[name=item-category]", category)
    if ground:
        page.check("[name=item-withheld]")
        page.fill("[name=item-ground]", ground)
    page.click("form[action$='/items/'] button.primary")
    expect(page.locator(".agenda h3", has_text=title)).to_be_visible(timeout=SLOW)


def test_a_withheld_item_reaches_the_observer_in_no_byte_number_or_gap(
    office: Office, nodes: Demonstration
) -> None:
    word = uuid4().hex[:8]
    title, hidden = f"Meeting {word}", f"Quarrel{uuid4().hex}"
    host = call(office, title)
    partner = office.page("partner", "liaison", "/committee/")
    link = partner.locator("main table a", has_text=title)
    expect(link).to_be_visible(timeout=SLOW)
    link.click()
    partner.fill("[name=attendance-name]", "Observer")
    partner.select_option("[name=attendance-capacity]", "observer")
    partner.fill("[name=attendance-account]", "observer")
    partner.click("form[action$='/attendances/'] button")
    expect(partner.locator("#meeting table")).to_contain_text("Observer", timeout=SLOW)

    chair = live(office.page("host", "coordinator", urlsplit(host.url).path))
    expect(chair.locator("#meeting table")).to_contain_text("Observer", timeout=SLOW)
    chair.reload()
    for each in ("incidents", "journeys"):
        chair.check(f"[name=seat-categories][value={each}]")
    chair.check("[name=seat-methods][value=visual]")
    chair.click("form[action$='/seat/'] button.primary")
    expect(chair.locator("#meeting table")).to_contain_text("granted")

    put(host, f"First {word}", "incidents")
    put(host, hidden, "incidents", ground="an internal matter")
    put(host, f"Last {word}", "journeys")
    expect(host.locator(".agenda > li")).to_have_count(3)

    answers: list[str] = []
    seat = office.page("partner", "observer", "/committee/")
    seat.on("response", lambda answer: answers.append(_text(answer)))
    seat.locator("main table a", has_text=title).click()
    expect(seat.locator(".agenda > li")).to_have_count(2, timeout=SLOW)
    numbers = seat.locator(".agenda .number").all_inner_texts()
    assert numbers == ["1.", "2."]
    expect(seat.locator(".agenda > li").nth(1)).to_contain_text(f"Last {word}")
    live(seat)

    put(host, f"{hidden}-second", "incidents", ground="an internal matter")
    host.locator(".agenda > li", has_text=f"Last {word}").get_by_role("button", name="Earlier").first.click()
    expect(host.locator(".agenda > li").nth(1)).to_contain_text(f"Last {word}", timeout=SLOW)
    put(host, f"After {word}", "journeys")
    expect(seat.locator(".agenda > li")).to_have_count(3, timeout=SLOW)
    assert seat.locator(".agenda .number").all_inner_texts() == ["1.", "2.", "3."]
    references = seat.locator(".agenda .part-head .small").all_inner_texts()
    assert len(set(references)) == 3 and all(
        re.fullmatch(r"\W*PK-I-[0-9A-Z]{6}\W*", each) for each in references
    )

    assert hidden not in "".join(answers) and hidden not in seat.content()
    assert not nodes.files_with("partner", hidden.encode())
    assert nodes.files_with("host", hidden.encode()), "the search finds what is there"


def _text(answer: Response) -> str:
    try:
        return answer.text()
    except Error:
        return ""  # a stream, or a page that was left


@pytest.mark.parametrize(
    ("language", "agenda", "decision"),
    [("en", "Agenda", "Decision"), ("ur", "ایجنڈا", "فیصلہ"), ("zh-hans", "议程", "决定")],
)
def test_the_committee_that_met_four_times_in_three_languages(
    office: Office, language: str, agenda: str, decision: str
) -> None:
    page = office.page("partner", "observer", "/committee/", language)
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ur" else "ltr")
    expect(page.locator("[aria-labelledby=past-heading] tbody tr")).to_have_count(4)
    page.locator("[aria-labelledby=past-heading] a").nth(1).click()
    expect(page.locator("#agenda-heading")).to_have_text(agenda)
    expect(page.locator(".agenda > li")).to_have_count(2)
    expect(page.locator(".decision h4").first).to_contain_text(decision)
    for width, height in ((1366, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, (language, width, wide)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_reservation_is_entered_and_lifted_by_its_party_and_both_see_by_whom(office: Office) -> None:
    word = uuid4().hex[:8]
    chair = live(office.page("host", "coordinator", urlsplit(call(office, f"Meeting {word}").url).path))
    put(chair, f"First {word}", "incidents")
    item = chair.locator(".agenda > li", has_text=f"First {word}")
    item.get_by_role("link", name="Work on this item").click()
    chair.fill("[name=decision-text]", f"Close the gate {word}")
    chair.fill("[name=decision-owner]", "Ministry")
    chair.locator("form[action$='/decisions/'] button").click()
    decision = chair.locator(".decision", has_text=f"Close the gate {word}")
    expect(decision).to_be_visible(timeout=SLOW)
    decision.get_by_text("Enter a reservation").click()
    decision.locator("[name=reservation-text]").fill("Not without the port.")
    decision.get_by_role("button", name="Enter the reservation").click()
    register = live(office.page("host", "liaison", "/committee/register/"))
    entered = register.locator(".decision", has_text=f"Close the gate {word}").locator("blockquote")
    expect(entered).to_contain_text("Not without the port.", timeout=SLOW)
    chair.once("dialog", lambda ask: ask.accept())
    decision.get_by_role("button", name="Lift the reservation").click()
    expect(decision.locator("blockquote")).to_contain_text("Lifted", timeout=SLOW)
    expect(decision.get_by_role("button", name="Lift the reservation")).to_have_count(0)
    expect(entered).to_contain_text("co-ordinator", timeout=SLOW)
    expect(entered.get_by_role("button")).to_have_count(0)
