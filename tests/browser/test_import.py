"""A file of incidents is imported into the running host; what is released of it reaches the partner."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.demonstration import Demonstration, until
from browser.office import Office, live
from incidents.layout_files import GED_FULL, ged, text
from safeconduct.incidents.kinds import INCIDENT

RELEASED = ("summary", "when", "where", "people")
PUBLISHED = Path(__file__).resolve().parents[3] / "shared/data/ucdp_ged_pakistan_1989_2019.csv"
EVENTS = 6_082
CROSSING = 120.0


def imported(nodes: Demonstration, file: Path) -> str:
    told = nodes.command("import", "ucdp", "--home", str(nodes.home("host")), str(file))
    assert told.returncode == 0, told.stderr
    return told.stdout.strip().splitlines()[-1]


def received(nodes: Demonstration, prefix: str = "") -> dict[int, int]:
    """Incidents of the host in the partner's tables whose title begins so, by the mask of parts that came."""
    place = f"file:{nodes.home('partner') / 'tables.sqlite3'}?mode=ro"
    question = (
        "SELECT present, count(*) FROM records_row WHERE kind = 'incident' AND originator = 'pk'"
        " AND parts ->> '$.summary.title' LIKE ? GROUP BY present"
    )
    with sqlite3.connect(place, uri=True) as tables:
        return dict(tables.execute(question, (f"{prefix}%",)).fetchall())


def points(page: Page) -> int:
    expect(page.locator("#map[data-ready][data-count]")).to_be_visible(timeout=60_000)
    return int(page.get_attribute("#map", "data-count") or 0)


def mask(*parts: str) -> int:
    return sum(1 << INCIDENT.bit(part) for part in parts)


def test_imported_incidents_show_at_the_host_and_their_released_parts_at_the_partner(
    office: Office, nodes: Demonstration, tmp_path: Path
) -> None:
    town, canary = f"Sampletown {uuid4().hex[:6]}", f"CANARY{uuid4().hex}"
    first = int(uuid4().hex[:6], 16)
    rows = [
        ged(first + n, where_coordinates=town, latitude=f"{27 + n / 10}", source_office=canary)
        for n in range(3)
    ]
    file = tmp_path / "ged.csv"
    file.write_text(text(GED_FULL, [*rows, ged(first + 3, latitude="no number")]), "utf-8")

    partner = live(office.page("partner", "coordinator"))
    host = live(office.page("host", "liaison", "/incidents/map/"))
    before = points(host)
    told = imported(nodes, file)
    assert told == "4 rows: 3 new, 0 changed, 0 unchanged, 1 refused"
    expect(host.locator("#map")).to_have_attribute("data-count", str(before + 3), timeout=30_000)
    rows_there = partner.locator("#incident-lines tr", has_text=town)
    expect(rows_there).to_have_count(3, timeout=30_000)

    rows_there.first.locator("a").click()
    live(partner)
    shown = [
        part.get_attribute("aria-labelledby") for part in partner.locator("#incident section.part").all()
    ]
    assert shown == [f"part-{name}" for name in RELEASED]
    expect(partner.locator("#incident .withheld", has_text="Source of the report")).to_have_count(1)
    assert canary not in partner.content()
    found = sum(canary.encode() in path.read_bytes() for path in nodes.home("partner").rglob("*.sqlite3*"))
    assert found == 0
    # Doing it twice changes nothing.
    size = nodes.size("host")
    assert imported(nodes, file) == "4 rows: 0 new, 0 changed, 3 unchanged, 1 refused"
    assert nodes.size("host") - size < 20  # streams and checkpoints, no version


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
    expect(partner.locator("#map")).to_have_attribute("data-count", str(there + EVENTS), timeout=60_000)
    # Exactly the released parts came.
    assert received(nodes)[mask(*RELEASED)] >= EVENTS
    assert all(not came & mask("response", "source") for came in received(nodes))

    listing = office.page("partner", "liaison", "/incidents/?since=2019-01-01&until=2019-12-31")
    expect(listing.locator("#incident-lines tbody tr")).to_have_count(50)
    listing.fill("#id_text", "Quetta")
    listing.click("#filters button.primary")
    expect(listing).to_have_url(re.compile("text=Quetta"))
    expect(listing.locator("#incident-lines tbody tr").first).to_contain_text("Quetta")

    size = nodes.size("host")
    assert imported(nodes, PUBLISHED) == f"{EVENTS:,} rows: 0 new, 0 changed, {EVENTS:,} unchanged, 0 refused"
    assert nodes.size("host") - size < 20
