"""Looking after what crosses: the ledger verified, how far it is cosigned, who read what, refused attempts."""

from __future__ import annotations

import re
from uuid import uuid4

from playwright.sync_api import expect

from browser.office import Office, live
from browser.reports import record_of, report, update

SLOW = 90_000


def test_the_ledger_is_verified_and_cosigned(office: Office) -> None:
    for side, other in (("host", "Partner Party"), ("partner", "Host Party")):
        page = office.page(side, "auditor", "/oversight/ledger/")
        expect(page.locator("#ledger")).to_contain_text(re.compile(f"cosigned by {other}"))
        page.get_by_role("button", name="Verify now").click()
        expect(page.locator(".verdict")).to_contain_text("Sound: all", timeout=90_000)
        expect(page.locator(".verdict.broken")).to_have_count(0)


def test_a_reading_of_a_logged_part_is_known_to_both_parties(office: Office) -> None:
    title = f"Bus stopped on the coastal highway {uuid4().hex[:6]}"
    host, _ = report(office, title)
    update(host, people__killed_best="1")
    partner = live(office.listing("partner", "liaison", title))
    partner.click(f"text={title}")
    live(partner)
    expect(partner.locator("#part-people")).to_be_visible()
    record = record_of(partner)

    own = office.page("partner", "auditor", f"/oversight/readings/?about={record}")
    told = own.locator("#readings tbody tr").first
    expect(told).to_contain_text("Partner Party")
    expect(told).to_contain_text("liaison officer")
    expect(told).to_contain_text("People harmed")
    # By clause 1.5 the host learns who read its record: from the log of the party that showed it.
    theirs = live(office.page("host", "auditor", "/oversight/readings/?originator=cn"))
    seen = theirs.locator("#readings tbody tr", has_text="liaison officer")
    expect(seen.first).to_contain_text("Partner Party", timeout=90_000)


def test_a_refused_attempt_is_logged_and_seen_by_the_auditor(office: Office) -> None:
    page = office.page("partner", "observer", "/incidents/")
    answer = office.go(page, "partner", "/incidents/report/")
    assert answer.status in (403, 404)
    refused = office.page("partner", "auditor", "/oversight/refusals/")
    expect(refused.locator("main table tbody tr").first).to_contain_text("write incident: no grant")
    # The list is for auditors.
    assert office.go(page, "partner", "/oversight/refusals/").status in (403, 404)


def test_what_is_on_hold_is_retained_with_its_reason_and_goes_when_the_hold_is_lifted(office: Office) -> None:
    title = f"Mortar beside the pipeline {uuid4().hex[:6]}"
    _, record = report(office, title)
    partner = live(office.listing("partner", "coordinator", title))
    partner.click(f"text={title}")
    partner.get_by_role("link", name="Hold", exact=True).click()
    expect(partner.locator("main .notice.warning")).to_contain_text(
        "nothing of this record is erased on this node"
    )
    partner.fill("[name=because]", "an inquiry by a court")
    partner.get_by_role("button", name="Put it on hold").click()
    expect(partner.locator("#hold")).to_contain_text("an inquiry by a court")
    live(partner)

    own = office.page("host", "coordinator", f"/oversight/holdings/{record}/erase/")
    own.fill("[name=reason]", "entered by mistake")
    own.once("dialog", lambda ask: ask.accept())
    own.get_by_role("button", name="Erase, and ask for erasure").click()
    live(own)
    expect(own.locator("#held")).to_contain_text("an inquiry by a court", timeout=SLOW)
    expect(partner.locator("#hold")).to_contain_text("asked to have erased", timeout=SLOW)
    audit = office.page("partner", "auditor", "/oversight/holds/", "ur")
    expect(audit.locator("html")).to_have_attribute("dir", "rtl")
    expect(audit.locator("#holds")).to_contain_text("an inquiry by a court")
    for width, height in ((1366, 768), (390, 844)):
        audit.set_viewport_size({"width": width, "height": height})
        wide = audit.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, (width, wide)

    partner.once("dialog", lambda ask: ask.accept())
    partner.reload()
    partner.get_by_role("button", name="Lift the hold").click()
    expect(partner.locator("main")).to_contain_text("1 erasure that waited for it is done")
    expect(own.locator("#held")).to_contain_text("removed, by their receipt", timeout=SLOW)
