"""Saying that two records are one event in a real browser: searched by words, chosen, shown, taken back."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.office import Office
from browser.reports import DETAIL

TITLE = "Vehicle bomb against a convoy at Karachi airport"
FAULTS = ("serious", "critical")


def faults(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found if each["impact"] in FAULTS]


def test_another_record_is_found_by_words_chosen_and_stands_beside(office: Office) -> None:
    page = office.listing("host", "watch", TITLE)
    page.click(f"text={TITLE}")
    page.wait_for_url(DETAIL)
    page.get_by_role("link", name="Say that another record is of the same event").click()
    page.get_by_label("Words in the other record").fill("attack")
    page.get_by_role("button", name="Search", exact=True).last.click()
    expect(page.locator("#candidates legend").first).to_contain_text("attack")
    page.locator("#candidates input[type=radio]").first.check()
    page.get_by_label("Why they are the same event").fill("Told twice")
    page.get_by_role("button", name="Say that they are the same event").click()
    page.wait_for_url("**/#same-event")
    section = page.locator("#same-event")
    expect(section).to_contain_text("2 records count as one event")
    expect(section).to_contain_text("Told twice")
    assert faults(page) == []
    section.get_by_role("button", name="Take it back").click()
    expect(page.locator("#same-event")).to_contain_text("They count apart.")
