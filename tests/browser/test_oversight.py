"""Looking after what crosses: the ledger verified, how far it is cosigned, who read what, refused attempts."""

from __future__ import annotations

import re
from uuid import uuid4

from playwright.sync_api import expect

from browser.office import Office, live
from browser.reports import record_of, report, update


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
