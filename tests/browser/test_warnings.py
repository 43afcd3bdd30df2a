"""A warning given in one room and acknowledged in the other, in real browsers and three languages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from playwright.sync_api import expect

from browser.office import Office, live

SLOW = 90_000
BASE = "/assessment/warnings/"


def test_a_warning_crosses_is_acknowledged_there_and_its_source_stays(office: Office) -> None:
    title, code = f"Shots expected {uuid4().hex[:6]}", f"ORG-{uuid4().hex[:6].upper()}"
    host = office.page("host", "coordinator", f"{BASE}new/")
    host.fill("[name=title]", title)
    host.select_option("[name=urgency]", "immediate")
    later = datetime.now(UTC) + timedelta(hours=30)
    host.fill("[name=until]", later.strftime("%Y-%m-%dT%H:%M"))
    host.fill("[name=districts]", "Gwadar")
    host.fill("[name=code]", code)
    host.select_option("[name=reliability]", "B")
    host.click("main form.form button.primary")
    expect(host.locator("#warning")).to_contain_text(code)
    expect(host.locator("#warning [data-party=cn]")).to_have_attribute("data-receipts", "0")
    live(host)

    partner = office.page("partner", "watch", BASE, "zh-hans")
    there = partner.locator("article[data-warning]", has_text=title)
    for _ in range(30):
        if there.count():
            break
        partner.wait_for_timeout(2_000)
        partner.reload()
    expect(there).to_contain_text("未确认收悉")
    there.locator("a").first.click()
    expect(partner.locator("#warning")).to_contain_text("B6")
    expect(partner.locator("main")).not_to_contain_text(code)
    partner.locator("a.button[href$='/acknowledge/']").click()
    partner.fill("[name=text]", "Buses stay in")
    partner.click("main form.form button.primary")
    expect(partner.locator("#warning")).to_contain_text("Buses stay in")

    expect(host.locator("#warning")).to_contain_text("Buses stay in", timeout=SLOW)
    expect(host.locator("#warning span[data-party=cn]")).to_have_attribute("data-receipts", "1")


def test_the_sources_record_of_the_demonstration_is_read_in_urdu(office: Office) -> None:
    page = office.page("host", "analyst", f"{BASE}sources/", "ur")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    line = page.locator("tr[data-source=PROV-1]")
    expect(line.locator("[data-came-true]")).to_have_text("5")
    expect(line.locator("[data-enough]")).to_have_attribute("data-enough", "no")
    page.goto(page.url.replace("sources/", ""))
    expect(page.locator("#warnings")).to_contain_text("Convoys on the N-10 near Pasni may be attacked")
