"""Positions from one node to a stream on the other: two nodes with all their processes, the link between them HTTPS.

Each of many journeys under way reports once a second at the Partner's node, just as its web process takes a position:
kept, then told to the writer. Time runs from then until a stream of the Host's watch officer has shown that position or
a newer one of the same journey. Then clause 5 is suspended, by either party in turn, while everything moves: the time
from the act to the last position that the stream shows, and how many it shows that were taken after the act was
durable, which must be none. Times are one clock's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.measure import heading
from bench.nodes import AGREEMENT, Node, pull, two_homes
from bench.sos import _address, _cookie, _running, _sessions, _settled
from safeconduct.records.home import Home

QUIET = 2.0
"""Seconds after a suspension in which nothing may come any more."""
PATIENCE = 30.0
CLAUSE = "5"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[30, 150], help="positions a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--suspensions", type=int, default=4)
    given = parser.parse_args()
    heading(f"Positions across two nodes, {given.seconds:.0f} s at each rate")
    with two_homes() as homes:
        host, partner = (_settled(home) for home in homes)
        (watch,) = _sessions(host, "watch_officer")
        journeys = _journeys(host, partner, max(given.rates))
        with _running(host), _running(partner):
            asyncio.run(Run(host, partner, watch, journeys).measure(given))


class Run:
    """One run: what was sent of each journey and not yet shown, and how long the others took."""

    def __init__(self, host: Home, partner: Home, session: str, journeys: list[tuple[str, str]]) -> None:
        from safeconduct.positions.store import Store
        from safeconduct.records.door import AsyncDoor

        self.host, self.partner, self.session, self.journeys = host, partner, session, journeys
        self.store, self.door = Store(partner), AsyncDoor(partner)
        self.sent: dict[str, list[float]] = {there: [] for there, _ in journeys}
        self.took: list[float] = []
        self.late: list[float] = []
        self.last = 0.0
        self.newest = 0.0
        self.streaming = asyncio.Event()

    async def measure(self, given: argparse.Namespace) -> None:
        screen = asyncio.create_task(self._screen())
        for rate in given.rates:
            some = self.journeys[:rate]
            await self._move(some, 5.0)
            self._begin()
            await self._move(some, given.seconds)
            await asyncio.sleep(QUIET)
            self._report(rate, len(some) * given.seconds)
        await self._suspensions(given.suspensions)
        screen.cancel()
        await self.door.close()

    def _begin(self) -> None:
        self.took.clear()
        for waiting in self.sent.values():
            waiting.clear()

    def _report(self, rate: int, count: float) -> None:
        ordered = sorted(self.took)
        lost = sum(map(len, self.sent.values()))
        if not ordered:
            raise SystemExit("nothing was shown")
        middle, late = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
        print(
            f"{rate:>4} positions/s: shown after p50 {middle * 1e3:5.0f} ms   p99 {late * 1e3:5.0f} ms"
            f"   ({len(ordered)} of {count:.0f}, {lost} not within {QUIET:.0f} s)",
            flush=True,
        )

    async def _move(self, journeys: list[tuple[str, str]], seconds: float) -> None:
        """Every journey reports once a second, evenly spread."""
        begun, tasks = time.monotonic(), set()
        for number in range(int(len(journeys) * seconds)):
            await asyncio.sleep(max(0.0, begun + number / len(journeys) - time.monotonic()))
            task = asyncio.create_task(self._position(*journeys[number % len(journeys)]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    async def _position(self, there: str, own: str) -> None:
        from safeconduct.positions.store import Position

        at = round(time.time(), 3)
        fix = Position(own, "phone", at, 25.0 + at % 1, 66.0, 10.0)
        self.sent[there].append(at)
        await asyncio.to_thread(self.store.put, [fix])
        fixes = [["phone", at, fix.latitude, 66.0, 10.0]]
        await self.door.call("positions_seen", {"movement": own, "fixes": fixes})

    async def _screen(self) -> None:
        """The stream of a watch officer at the Host's node, opened again when it ends, as a browser does."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=None)
        query = {"movements": ",".join(there for there, _ in self.journeys)}
        headers = {"Cookie": f"{_cookie(self.host, 'session')}={self.session}"}
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as client:
            while True:
                url = f"{_address(self.host)}/positions/stream"
                async with client.get(url, params=query, headers=headers) as answer:
                    if answer.status == 200:
                        self.streaming.set()
                        async for line in answer.content:
                            if line.startswith(b"data: ["):
                                self._shown(json.loads(line[6:]))
                self.streaming.clear()
                await asyncio.sleep(0.2)

    def _shown(self, positions: list[dict[str, Any]]) -> None:
        now = time.time()
        for each in positions:
            self.last, self.newest = now, max(self.newest, each["at"])
            waiting = self.sent[each["movement"]]
            self.took += [now - at for at in waiting if at <= each["at"]]
            waiting[:] = [at for at in waiting if at > each["at"]]

    async def _suspensions(self, count: int) -> None:
        """Suspend and agree again, by either party in turn."""
        some = self.journeys[:30]
        for number in range(count):
            by, other = (self.partner, self.host) if number % 2 == 0 else (self.host, self.partner)
            moving = asyncio.create_task(self._move(some, 5.0 + QUIET))
            await asyncio.sleep(5.0)
            begun = time.time()
            await asyncio.to_thread(_act, by, "suspended")
            durable = time.time()
            await moving
            later = "SOME" if self.newest > durable else "none"
            print(
                f"suspended by the {by.side:<7}: last position shown {(self.last - begun) * 1e3:+5.0f} ms from the "
                f"act, {(self.last - durable) * 1e3:+5.0f} ms from durable; taken later and shown: {later}",
                flush=True,
            )
            for party in (by, other):
                await asyncio.to_thread(_act, party, "agreed")
                await asyncio.sleep(1.0)
            end = time.monotonic() + PATIENCE
            while not self.streaming.is_set() and time.monotonic() < end:
                await asyncio.sleep(0.1)


def _act(home: Home, to: str) -> None:
    """A status act on clause 5, signed with the key file of a party's signatory, through the running writer."""
    from django.db import connections

    from safeconduct.node.signing_here import act
    from safeconduct.records import here
    from safeconduct.records.door import Door

    connections["tables"].close()
    connections["tables"].settings_dict["NAME"] = str(home.tables)
    with Door(home) as door, here.at(home, door):
        act(AGREEMENT, CLAUSE, to, Path(home.path).parent / f"{home.side}.pem", None, door)
    connections["tables"].close()


def _journeys(host: Home, partner: Home, count: int) -> list[tuple[str, str]]:
    """So many journeys under way, known to both nodes: their ids at the Host's node and at the Partner's."""
    with _both(host, partner) as (there, here_):
        own = [_journey(here_, number) for number in range(count)]
        pull(there, here_)
        rows = there.writer.db.execute("SELECT opaque, record FROM exchange_received").fetchall()
        known = dict(rows)
        sent = dict(here_.writer.db.execute("SELECT record, opaque FROM exchange_sent").fetchall())
        return [(known[sent[movement]], movement) for movement in own]


def _journey(node: Node, number: int) -> str:
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject
    from safeconduct.records.transaction import iso

    now, actor = time.time(), system_subject(node.home.party)
    notice = {
        "reference": f"B-{number}",
        "since": iso(now),
        "until": iso(now + 36_000),
        "origin_district": "Karachi",
        "destination_district": "Gwadar",
        "persons": 3,
        "emergency": True,
    }
    itinerary = {
        "origin": {"place": "Karachi", "latitude": 24.86, "longitude": 67.01},
        "destination": {"place": "Gwadar", "latitude": 25.12, "longitude": 62.33},
        "depart": iso(now),
        "arrive": iso(now + 30_000),
    }
    with node.active():
        movement = commit(
            actor, Draft("movement", {"notice": notice, "itinerary": itinerary}), door=node.door
        ).record
        word = {"at": iso(now), "entered": iso(now), "category": "departed"}
        commit(actor, Draft("check_in", {"word": word}, about=movement), door=node.door)
    return movement


@contextmanager
def _both(host: Home, partner: Home) -> Iterator[tuple[Node, Node]]:
    nodes = Node(host.path), Node(partner.path)
    try:
        yield nodes
    finally:
        for node in nodes:
            node.close()


if __name__ == "__main__":
    main()
