"""The journeys board of a peak day: 1,500 journeys, and what is said about them, among a month of others.

The rows are written straight into the table, which nothing but a bench does; they are the Partner's movements on
the Host's node, with the Host's acknowledgements, clearances, legs and handovers. The page is asked for in this
process (`page`), and by a browser from a running node: `first byte` is when its first byte came, `interactive`
when its clocks tick. Bare is the SELECT of the same rows of every kind, and no word about who asks; `parsed` has
their parts read from JSON, without which nobody can show them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from bench.measure import heading
from bench.nodes import Node, free_port, two_homes
from safeconduct.records.home import Home

HOUR = 3600.0
DAY = 24 * HOUR
DISTRICTS = (
    "Karachi",
    "Malir",
    "Thatta",
    "Gwadar",
    "Quetta",
    "Lasbela",
    "Dasu",
    "Mansehra",
    "Islamabad",
    "Hub",
)
UNITS = tuple(f"{district.lower()}-police" for district in DISTRICTS)
READY = """
const look = () => {
  const clock = document.querySelector('[data-clock="now"]');
  if (clock && clock.textContent) window.interactive = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journeys", type=int, default=1_500)
    parser.add_argument("--before", type=int, default=15_000, help="journeys of the days before")
    parser.add_argument("--pairs", type=int, default=9)
    given = parser.parse_args()
    with two_homes() as (host, _partner):
        run(host, given.journeys, given.before, given.pairs)


def run(home: Home, journeys: int, before: int, pairs: int) -> None:
    heading(f"The journeys board with {journeys:,} journeys of a day, after {before:,} others")
    node = Node(home.path)
    with node.active():
        rows = Rows(node)
        rows.write(journeys, before)
        session = _signed_in(node)
        for name, query in (("first page", ""), ("all of them", f"&show={journeys}")):
            page = _page(session, f"/journeys/?window=today{query}")
            own, bare, ratio = _compare(page, rows.bare, pairs)
            _, parsed, parsed_ratio = _compare(page, rows.parsed, pairs)
            print(
                f"{name:<14} page {own:7.0f} ms   bare {bare:6.1f} ms, {ratio:.1f} times"
                f"   parsed {parsed:6.1f} ms, {parsed_ratio:.1f} times   ({len(page()) / 1024:,.0f} KiB)"
            )
        lines = _page(session, f"/journeys/lines/?ids={','.join(rows.some(20))}")
        own, bare, ratio = _compare(lines, lambda: rows.bare_of(rows.some(20)), pairs)
        print(f"{'20 lines anew':<14} page {own:7.0f} ms   bare {bare:6.1f} ms, {ratio:.1f} times")
        bare_ms = _median(rows.bare, pairs)
    node.close()
    with _serving(home) as address:
        for name, query in (("first page", ""), ("all of them", f"&show={journeys}")):
            first, interactive = _browse(address, session, f"/journeys/?window=today{query}", pairs)
            print(
                f"{name:<14} first byte {first:7.0f} ms, {first / bare_ms:.1f} times bare"
                f"   interactive {interactive:7.0f} ms, {interactive / bare_ms:.1f} times bare"
            )


class Rows:
    """Movements and what is said about them, as rows of the table."""

    def __init__(self, node: Node) -> None:
        from safeconduct.records.rows import COLUMNS

        self.node = node
        self.tables = node.writer.connection.connection
        self.draw = random.Random(5)
        self.now = time.time()
        self.midnight = self.now - self.now % DAY
        self.born = 10_000_000
        self.ids: list[str] = []
        self.select = f"SELECT {', '.join(COLUMNS)} FROM records_row "

    def write(self, journeys: int, before: int) -> None:
        begun = time.perf_counter()
        self.tables.execute("BEGIN")
        for number in range(before):
            self._journey(f"MN-{number:06}", self.midnight - DAY * (1 + self.draw.random() * 30), today=False)
        for number in range(journeys):
            self._journey(f"MN-{before + number:06}", self.midnight + DAY * self.draw.random(), today=True)
        self.tables.execute("COMMIT")
        print(f"({self.born - 10_000_000:,} rows made in {time.perf_counter() - begun:.0f} s)")

    def some(self, count: int) -> list[str]:
        return self.ids[:: max(1, len(self.ids) // count)][:count]

    def bare(self) -> int:
        return len(self._rows(self.ids))

    def bare_of(self, ids: list[str]) -> int:
        marks = ", ".join("?" * len(ids))
        found = self.tables.execute(f"{self.select}WHERE id IN ({marks})", ids).fetchall()
        return len(found + self._about(ids))

    def parsed(self) -> int:
        return len([json.loads(row[-1]) for row in self._rows(self.ids)])

    def _rows(self, ids: list[str]) -> list[Any]:
        """The movements of the window, what is about them, and the handovers of their legs."""
        found = self.tables.execute(
            f"{self.select}WHERE kind = 'movement' AND time < ? AND until >= ? ORDER BY time",
            [self.midnight + DAY, self.midnight],
        ).fetchall()
        return [*found, *self._about(ids)]

    def _about(self, ids: list[str]) -> list[Any]:
        marks = ", ".join("?" * len(ids))
        kinds = "('acknowledgement', 'clearance', 'check_in', 'leg', 'escalation')"
        where = f"WHERE about IN ({marks}) AND kind IN {kinds}"
        return list(self.tables.execute(f"{self.select}{where}", ids).fetchall())

    def _journey(self, reference: str, departs: float, today: bool) -> None:
        lasts = HOUR * (1 + 5 * self.draw.random())
        arrived = departs + lasts < self.now
        going = departs < self.now and not arrived
        start, end = self.draw.sample(range(len(DISTRICTS)), 2)
        points = [
            {"name": f"Point {n}", "due": _iso(departs + lasts * n / 5), "latitude": 25.0, "longitude": 67.0}
            for n in range(1, 5)
        ]
        notice = {
            "reference": reference,
            "category": "group",
            "since": _iso(departs),
            "until": _iso(departs + lasts),
            "origin_district": DISTRICTS[start],
            "destination_district": DISTRICTS[end],
            "districts": [DISTRICTS[start], DISTRICTS[end]],
            "persons": self.draw.randrange(1, 30),
            "vehicles": 2,
            "organisation": f"Company {self.draw.randrange(60)}",
        }
        place = {"place": "A gate", "latitude": 25.0, "longitude": 67.0}
        itinerary = {
            "origin": place,
            "destination": place,
            "depart": _iso(departs),
            "arrive": _iso(departs + lasts),
            "route": {
                "coordinates": [[67 + n / 100, 25 + n / 200] for n in range(60)],
                "distance_m": 1e5,
                "duration_s": 7200,
            },
        }
        state = "arrived" if arrived else "under_way" if going else "notified"
        parts = {"notice": notice, "itinerary": itinerary, "check_plan": {"points": points}}
        movement = self._row("movement", parts, "cn", state, "", departs, departs + lasts)
        if today:
            self.ids.append(movement)
        self._row("acknowledgement", {"receipt": {"at": _iso(departs - DAY)}}, "pk", "open", movement)
        decision = {"at": _iso(departs - DAY / 2), "reason": "", "by": "Co-ordinator"}
        self._row("clearance", {"decision": decision}, "pk", "cleared", movement)
        for sequence in (1, 2):
            course = {
                "sequence": sequence,
                "from_place": "A",
                "to_place": "B",
                "depart": _iso(departs),
                "arrive": _iso(departs + lasts),
            }
            unit = UNITS[start if sequence == 1 else end]
            leg = self._row(
                "leg", {"course": course, "duty": {"unit": unit, "unit_name": unit}}, "pk", "", movement
            )
            if sequence == 1:
                point = {
                    "to_leg": 2,
                    "from_unit": unit,
                    "to_unit": UNITS[end],
                    "due": _iso(departs + lasts / 2),
                }
                self._row("handover", {"point": point}, "pk", "due", leg)
        heard = [departs + lasts * n / 5 for n in range(5)] if departs < self.now else []
        for number, at in enumerate(each for each in heard if each < self.now - 300):
            word = {"at": _iso(at), "entered": _iso(at), "category": "check_in" if number else "departed"}
            self._row(
                "check_in",
                {"word": word, "position": {"latitude": 25, "longitude": 67}},
                "cn",
                "open",
                movement,
            )

    def _row(
        self,
        kind_name: str,
        parts: dict[str, Any],
        originator: str,
        state: str,
        about: str,
        since: float | None = None,
        until: float | None = None,
    ) -> str:
        from safeconduct.records.kinds import kind
        from safeconduct.records.projection import COLUMNS, dimension_values, pack_levels
        from safeconduct.records.tiers import tiers_of

        shape = kind(kind_name)
        labels = list(shape.default_levels().values())
        agreement = "pk-cn" if originator != self.node.home.party else ""
        timed, least = tiers_of(shape, labels, agreement)
        self.born += 1
        record = f"{self.draw.getrandbits(128):032x}"
        values = {
            "id": record,
            "version": 1,
            "kind": kind_name,
            "originator": originator,
            "agreement": agreement,
            "state": state or shape.states[0],
            "about": about,
            "at": since or self.midnight,
            "ledger_index": self.born,
            "born": self.born,
            "levels": pack_levels(labels),
            "time_tier": timed,
            "least_tier": least,
            "releasable": "|pk|",
            "orcon": False,
            "assigned": "",
            "bearers": "",
            "opens": None,
            "present": sum(1 << shape.bit(name) for name in parts),
            "withdrawn": False,
            "erased": 0,
            "parts": json.dumps(parts, separators=(",", ":")),
            "header": "",
        }
        from safeconduct.records.kinds import DIMENSIONS

        values |= dict(zip(DIMENSIONS, dimension_values(shape, parts), strict=True))
        sql = f"INSERT INTO records_row ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
        self.tables.execute(sql, [values[column] for column in COLUMNS])
        return record


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signed_in(node: Node) -> Any:
    """A browser without a screen, signed in as a watch officer."""
    from django.conf import settings
    from django.db import connections
    from django.test import Client

    from safeconduct.people.models import Account
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject

    connections["default"].close()
    connections["default"].settings_dict["NAME"] = str(node.home.accounts)
    account = Account.objects.create(username="watch", clearance=3)
    assignment = {"person": account.person, "account_name": "watch", "role": "watch_officer", "clearance": 3}
    draft = Draft("role_assignment", {"assignment": assignment}, releasable=())
    commit(system_subject(node.home.party), draft, door=node.door)
    settings.ALLOWED_HOSTS = ["*"]
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    return client


def _page(client: Any, path: str) -> Callable[[], bytes]:
    def page() -> bytes:
        answer = client.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
        return bytes(answer.content)

    return page


@contextmanager
def _serving(home: Home) -> Iterator[str]:
    """The node's writer and web server as processes of their own."""
    from safeconduct.node import processes

    settings = {**home.settings, "second_factor": "optional", "port": free_port()}
    changed = Home(home.path, home.party, home.side, home.name, home.partners, settings)
    changed.save()
    os.environ.pop("SAFECONDUCT_PROCESS", None)
    running = processes.Node(changed)
    running.start(("writer", "web"))
    try:
        running.ready()
        yield f"http://localhost:{settings['port']}"
    finally:
        running.stop()


def _browse(address: str, client: Any, path: str, times: int) -> tuple[float, float]:
    """Milliseconds to the first byte and until the clocks tick, in a real browser; medians of so many visits."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    port = urlsplit(address).port
    session = next(m.value for n, m in client.cookies.items() if n.endswith("_session"))
    # The node's cookies bear its port, so that two nodes on one machine keep apart.
    cookies = [{"name": f"sc_pk_{port}_session", "value": session, "domain": "localhost", "path": "/"}]
    first, interactive = [], []
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context()
        context.add_cookies(cookies)  # type: ignore[arg-type]
        context.add_init_script(READY)
        for number in range(times + 1):
            page = context.new_page()
            page.goto(address + path, wait_until="domcontentloaded")
            _until_ready(page)
            told = "performance.getEntriesByType('navigation')[0].responseStart"
            if number:  # the first visit fills the browser's cache
                first.append(page.evaluate(told))
                interactive.append(page.evaluate("window.interactive"))
            page.close()
        browser.close()
    return median(first), median(interactive)


def _until_ready(page: Any, seconds: float = 60.0) -> None:
    """Raises RuntimeError for a page whose clocks do not begin to tick.

    By asking again and again: the content policy of the pages forbids `wait_for_function`.
    """
    end = time.monotonic() + seconds
    while not page.evaluate("window.interactive"):
        if time.monotonic() > end:
            raise RuntimeError(f"{page.url} has no ticking clock")
        time.sleep(0.02)


def _compare(own: Callable[[], object], bare: Callable[[], object], pairs: int) -> tuple[float, float, float]:
    """Milliseconds of each, and the median of the ratios; a first run of both does not count."""
    own(), bare()
    found = []
    for number in range(pairs):
        first, second = (own, bare) if number % 2 else (bare, own)
        times = {first: _timed(first), second: _timed(second)}
        found.append((times[own], times[bare]))
    return (
        median(a for a, _ in found),
        median(b for _, b in found),
        median(a / b for a, b in found),
    )


def _median(work: Callable[[], object], times: int) -> float:
    return median(_timed(work) for _ in range(times))


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


if __name__ == "__main__":
    main()
