"""Importing into the running host, and what of it has come to the partner."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from playwright.sync_api import Page, expect

from browser.demonstration import Demonstration
from safeconduct.incidents.kinds import INCIDENT

RELEASED = ("summary", "when", "where", "people")


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
