"""Journeys as people make them on their screens: notice, decision, legs, word; and the link between the nodes cut."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from browser.demonstration import Demonstration
from browser.office import Office, live, notice


def notify(
    office: Office, origin: str = "Gwadar", destination: str = "Turbat", minutes: int = 30, **more: str
) -> tuple[Page, str]:
    """Give notice of an emergency movement as the company's security manager; (its page, its record)."""
    page = office.page("partner", "manager", "/journeys/new/")
    page.evaluate("document.querySelectorAll('main details').forEach(group => (group.open = true))")
    page.fill("[name=origin]", origin)
    page.fill("[name=destination]", destination)
    depart = datetime.now(UTC) + timedelta(minutes=minutes)
    page.fill("[name=depart_day]", depart.date().isoformat())
    page.fill("[name=depart_hour]", depart.strftime("%H:%M"))
    page.fill("[name=persons]", more.pop("persons", "3"))
    page.check("[name=emergency]")
    for name, text in more.items():
        page.fill(f"[name={name}]", text)
    page.click("main form button.primary")
    page.wait_for_url(re.compile(r"/journeys/[0-9a-f]{32}/"))
    return live(page), page.url.rstrip("/").rpartition("/")[2]


def received(nodes: Demonstration, side: str, reference: str) -> str:
    """The record of a movement on a node, by its reference; "" when it has not arrived."""
    rows = nodes.rows(side, "SELECT id, parts FROM records_row WHERE kind = 'movement'")
    found = [
        record for record, parts in rows if json.loads(parts).get("notice", {}).get("reference") == reference
    ]
    return str(found[0]) if found else ""


def said(nodes: Demonstration, side: str, movement: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """(state, parts) of what a node has about a movement."""
    asked = "SELECT state, parts FROM records_row WHERE about = %s AND kind = %s ORDER BY at"
    rows = nodes.rows(side, asked, movement, kind)
    return [(state, json.loads(parts)) for state, parts in rows]


def review(office: Office, username: str, record: str) -> Page:
    return live(office.page("host", username, f"/journeys/{record}/review/"))


def acknowledge(page: Page) -> None:
    page.click("#act-acknowledge button")
    notice(page, "It is not cleared by that.")


def clear(page: Page, conditions: str = "") -> None:
    page.fill("#act-clear [name$=conditions]", conditions)
    page.click("#act-clear button.primary")
    notice(page, "Cleared.")


def assign(page: Page, *legs: tuple[str, str]) -> None:
    """Legs as (unit, where it ends), an hour each, in the rows that the page offers."""
    for number, (unit, end) in enumerate(legs):
        page.fill(f"[name=legs-{number}-unit]", unit)
        page.fill(f"[name=legs-{number}-to_place]", end)
        if number:
            page.fill(f"[name=legs-{number}-from_place]", legs[number - 1][1])
    first = datetime.fromisoformat(page.input_value("[name=legs-0-depart]"))
    for number in range(len(legs)):
        moment = first + timedelta(hours=number + 1)
        page.fill(f"[name=legs-{number}-arrive]", moment.strftime("%Y-%m-%dT%H:%M"))
        if number:
            page.fill(
                f"[name=legs-{number}-depart]", (first + timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M")
            )
    page.click("#act-legs button.primary")
    notice(page, "Assigned.")


def word(page: Page, category: str, point: str = "") -> None:
    """Enter a word from the road on the movement's page."""
    page.select_option("#word-category", category)
    page.fill("#word-point", point)
    page.click("#word-form button")
    notice(page, "Your word is on record")


def stage(page: Page, text: str) -> None:
    expect(page.locator("#movement .stage").first).to_have_text(text, timeout=90_000)


@contextmanager
def link_cut(nodes: Demonstration) -> Iterator[None]:
    """Neither node's courier gets anywhere, as when the line between them is dead."""
    couriers = [pid for pid in nodes.processes() if _is_courier(pid)]
    assert len(couriers) == 2
    for pid in couriers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in couriers:
            os.kill(pid, signal.SIGCONT)


def _is_courier(pid: int) -> bool:
    return b"courier" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
