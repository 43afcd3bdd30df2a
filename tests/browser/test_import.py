"""A file of incidents is imported into the running host; what is released of it reaches the partner."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from playwright.sync_api import expect

from browser.demonstration import Demonstration
from browser.imports import RELEASED, imported, points, versions
from browser.office import Office, live
from incidents.layout_files import GED_FULL, ged, text


def test_imported_incidents_show_at_the_host_and_their_released_parts_at_the_partner(
    office: Office, nodes: Demonstration, tmp_path: Path
) -> None:
    mark, canary = uuid4().hex[:6], f"CANARY{uuid4().hex}"
    town = f"Sampletown {mark}"
    first = int(uuid4().hex[:6], 16)
    rows = [
        ged(first + n, where_coordinates=town, latitude=f"{27 + n / 10}", source_office=canary)
        for n in range(3)
    ]
    file = tmp_path / "ged.csv"
    file.write_text(text(GED_FULL, [*rows, ged(first + 3, latitude="no number")]), "utf-8")

    partner = live(office.listing("partner", "coordinator", mark))
    host = live(office.page("host", "liaison", "/incidents/map/"))
    before = points(host)
    told = imported(nodes, file)
    assert told == "4 rows: 3 new, 0 changed, 0 unchanged, 1 refused"
    expect(host.locator("#map")).to_have_attribute("data-count", str(before + 3), timeout=90_000)
    rows_there = partner.locator("#incident-lines tr", has_text=town)
    expect(rows_there).to_have_count(3, timeout=90_000)

    rows_there.first.locator("a").click()
    live(partner)
    shown = [
        part.get_attribute("aria-labelledby") for part in partner.locator("#incident section.part").all()
    ]
    assert shown == [f"part-{name}" for name in RELEASED]
    expect(partner.locator("#incident .withheld", has_text="Source of the report")).to_have_count(1)
    assert canary not in partner.content()
    assert nodes.files_with("partner", canary.encode()) == []
    # Doing it twice changes nothing.
    kept = versions(nodes, "host")
    assert imported(nodes, file) == "4 rows: 0 new, 0 changed, 3 unchanged, 1 refused"
    assert versions(nodes, "host") == kept
