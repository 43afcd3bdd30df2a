"""Importing into the running host, and what of it has come to the partner."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from browser.demonstration import Demonstration
from safeconduct.incidents.kinds import INCIDENT

RELEASED = ("summary", "when", "where", "people")


def imported(nodes: Demonstration, file: Path) -> str:
    told = nodes.command("import", "ucdp", "--home", str(nodes.home("host")), str(file))
    assert told.returncode == 0, told.stderr
    return told.stdout.strip().splitlines()[-1]


def received(nodes: Demonstration) -> dict[int, int]:
    """How many incidents of the host are in the partner's tables, by the mask of parts that came."""
    told = "SELECT present, count(*) FROM records_row"
    question = f"{told} WHERE kind = 'incident' AND originator = 'pk' GROUP BY present"
    return dict(nodes.rows("partner", question))


def versions(nodes: Demonstration, side: str) -> int:
    """Versions of incidents that a node holds; its own watch writes other kinds at its own times."""
    of_incidents = "SELECT id FROM records_row WHERE kind = 'incident'"
    question = f"SELECT count(*) FROM records_version WHERE record IN ({of_incidents})"
    return int(nodes.rows(side, question)[0][0])


def points(page: Page) -> int:
    expect(page.locator("#map[data-ready][data-count]")).to_be_visible(timeout=90_000)
    return int(page.get_attribute("#map", "data-count") or 0)


def mask(*parts: str) -> int:
    return sum(1 << INCIDENT.bit(part) for part in parts)
