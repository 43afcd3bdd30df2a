"""Thirty years of published incidents on both maps: the last of these tests, for the pages are heavier then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.demonstration import Demonstration, until
from browser.imports import RELEASED, imported, mask, points, received, versions
from browser.office import Office, live

PUBLISHED = Path(__file__).resolve().parents[3] / "shared/data/ucdp_ged_pakistan_1989_2019.csv"
EVENTS = 6_082
CROSSING = 120.0


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published file is not beside the project")
def test_thirty_years_of_published_incidents_cross(office: Office, nodes: Demonstration) -> None:
    host = office.page("host", "liaison", "/incidents/map/")
    before = points(host)
    partner = live(office.page("partner", "liaison", "/incidents/map/"))
    held, there = sum(received(nodes).values()), points(partner)

    assert imported(nodes, PUBLISHED) == f"{EVENTS:,} rows: {EVENTS:,} new, 0 changed, 0 unchanged, 0 refused"
    # Every row is on the host's map, and after the exchange on the partner's, whose page was open all the time.
    host.reload()
    assert points(host) == before + EVENTS
    until(lambda: sum(received(nodes).values()) == held + EVENTS, "all of them at the partner", CROSSING)
    expect(partner.locator("#map")).to_have_attribute("data-count", str(there + EVENTS), timeout=90_000)
    # Exactly the released parts came.
    assert received(nodes)[mask(*RELEASED)] >= EVENTS
    assert all(not came & mask("response", "source") for came in received(nodes))

    listing = office.page("partner", "liaison", "/incidents/?since=2019-01-01&until=2019-12-31")
    expect(listing.locator("#incident-lines tbody tr")).to_have_count(50)
    listing.fill("#id_text", "Quetta")
    listing.click("#filters button.primary")
    expect(listing).to_have_url(re.compile("text=Quetta"))
    expect(listing.locator("#incident-lines tbody tr").first).to_contain_text("Quetta")

    kept = versions(nodes, "host")
    assert imported(nodes, PUBLISHED) == f"{EVENTS:,} rows: 0 new, 0 changed, {EVENTS:,} unchanged, 0 refused"
    assert versions(nodes, "host") == kept
    assert sum(received(nodes).values()) == held + EVENTS
