"""Route options in real browsers: asked, kept and decided by journey managers of both parties, in three languages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.office import Office

DRAWN = 60_000
ADDRESS = "/assessment/routes/"


def asked(page: Page, origin: str, destination: str, until: str) -> None:
    page.fill("[name=origin]", origin)
    page.fill("[name=destination]", destination)
    page.fill("[name=until]", until)
    page.fill("[name=depart]", until)
    page.fill("[name=longest]", "2")
    page.click("button[name=assess]")


def test_ways_are_compared_kept_and_decided_by_a_person(office: Office) -> None:
    page = office.page("host", "coordinator", ADDRESS)
    asked(page, "Atlantis", "Quetta", "2024-10-31")
    expect(page.locator(".errorlist")).to_contain_text("No town or site")
    expect(page.locator("[name=destination]")).to_have_value("Quetta")
    asked(page, "Peshawar", "Quetta", "2024-10-31")
    rows = page.locator("#ways tbody tr")
    expect(rows.first).to_contain_text("quickest")
    assert rows.count() >= 2
    expect(page.locator("main")).to_contain_text("Not for navigation")
    expect(page.locator("main")).not_to_contain_text("safest")
    expect(page.locator("#ways-map[data-ready]")).to_be_attached(timeout=DRAWN)
    expect(page.locator("#ways-map")).to_have_attribute("data-count", str(rows.count()))
    faults = [
        each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")
    ]
    assert not faults, [(each["id"], each["nodes"][0]["html"]) for each in faults]
    page.click("button[name=keep]")
    page.wait_for_url(re.compile(r"/assessment/routes/[0-9a-f]{32}/"))
    address = re.sub(r"^https?://[^/]+", "", page.url)
    page.check("[name=way][value='2']")
    page.fill("[name=why]", "The first was taken twice this week.")
    page.fill("[name=expires]", (datetime.now(UTC) + timedelta(days=3)).date().isoformat())
    page.click("#choosing button.primary")
    expect(page.locator("#choice")).to_contain_text("taken twice this week")
    expect(page.locator("#ways tr[aria-current=true]")).to_have_attribute("data-way", "2")

    urdu = office.page("host", "coordinator", address, "ur")
    expect(urdu.locator("html")).to_have_attribute("dir", "rtl")
    expect(urdu.locator("#choice h2")).to_have_text("انتخاب")
    expect(urdu.locator("#ways-map[data-ready]")).to_be_attached(timeout=DRAWN)

    for username in ("analyst", "liaison"):
        other = office.page("host", username, ADDRESS)
        expect(other.locator("#question")).to_have_count(0)
        expect(other.locator("main")).not_to_contain_text("Peshawar")


def test_the_partners_manager_reads_chinese_and_nothing_of_the_other_party(office: Office) -> None:
    page = office.page("partner", "manager", ADDRESS, "zh-hans")
    expect(page.locator("h1")).to_have_text("路线选项")
    expect(page.locator("#kept")).to_have_count(0)
    asked(page, "Quetta", "Gwadar", "2024-10-31")
    expect(page.locator("#ways tbody tr").first).to_contain_text("最快")
    traveller = office.page("partner", "traveller", ADDRESS, "zh-hans")
    expect(traveller.locator("#question")).to_have_count(0)
