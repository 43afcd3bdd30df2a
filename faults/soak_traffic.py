"""What a day's people do to two nodes, at a steady rate, and the journal outside of all that was answered for.

Whoever is not answered says the same again until they are, as a phone's outbox does; only an order that would be
carried out twice (a new record through the door) is given up and counted.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench import world as people
from bench.nodes import incidents
from bench.world import World
from faults.canary import word
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Unavailable

ANSWER_SECONDS = 20.0
AGAIN_SECONDS = 0.3
AT_ONCE = 24
"""Requests of one sort that may be on their way; what is more waits, and is late."""

RATES: dict[str, float] = {
    "positions": 31.0,
    "muster replies": 33.0,
    "readings": 50.0,
    "releases": 0.7,
    "journeys": 0.52,
    "calls for help": 0.1,
}
"""A second, for a hundred countries: section 9 of the design. Readings are what makes five million entries a day."""
BURSTS = {"positions": 150.0, "muster replies": 200.0}
"""A second, for one part in ten of the time."""


@dataclass
class Journal:
    """What was answered for. Written by one thread each, read at the end."""

    positions: set[tuple[str, int]] = field(default_factory=set)
    replies: dict[str, str] = field(default_factory=dict)
    readings: int = 0
    records: dict[str, dict[str, int]] = field(default_factory=lambda: {"pk": {}, "cn": {}})
    """by party, each record with the version that was answered for"""
    crosses: set[str] = field(default_factory=set)
    """records of the Host that the Partner must have in the end"""
    calls: dict[str, tuple[str, float]] = field(default_factory=dict)
    """key of a press: record, and when it was answered"""
    kept_back: list[str] = field(default_factory=list)
    """canaries that may never leave the Host's node"""
    given: list[str] = field(default_factory=list)
    """canaries that the Partner must have"""
    answered: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """answers that ought never to be given"""


class Doorkeeper(threading.Thread):
    """Commits through a node's door at a rate: incidents at the Host's, journeys at the Partner's."""

    def __init__(self, home: Home, journal: Journal, what: str, rate: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.home, self.journal, self.what, self.rate = home, journal, what, rate
        self.ending = threading.Event()
        self.seed, self.number = seed, 0
        self._parts = iter(incidents(200_000, seed)) if what == "releases" else None

    def run(self) -> None:
        begun = time.monotonic()
        while not self.ending.wait(max(0.0, begun + self.number / self.rate - time.monotonic())):
            self.number += 1
            self._commit()

    def _commit(self) -> None:
        draft, canary, back = self._draft()
        try:
            with Door(self.home) as door:
                made = commit(system_subject(self.home.party), draft, door=door)
        except Unavailable:
            self.journal.unanswered[self.what] += 1
            if canary:  # it may be there, or not: then it must not leave, either
                (self.journal.kept_back if back else []).append(canary)
            time.sleep(0.05)
            return
        self.journal.records[self.home.party][made.record] = made.version
        self.journal.answered[self.what] += 1
        if canary:
            (self.journal.kept_back if back else self.journal.given).append(canary)
            if not back:
                self.journal.crosses.add(made.record)

    def _draft(self) -> tuple[Draft, str, bool]:
        """(draft, canary, whether it may not leave)."""
        if self._parts is None:
            return Draft("movement", {"notice": _notice()}, state="notified"), "", False
        parts, canary = next(self._parts), word(self.number, self.seed)
        parts["summary"]["title"] = f"{canary} near Karachi"
        back = self.number % 3 == 0
        releasable: tuple[str, ...] | None = () if back else None
        return Draft("incident", parts, state="post_incident", releasable=releasable), canary, back


def _notice() -> dict[str, Any]:
    from safeconduct.records.transaction import iso

    return {
        "reference": f"MN-{secrets.token_hex(4)}",
        "since": iso(time.time()),
        "until": iso(time.time() + 86_400),
        "origin_district": "Karachi",
        "destination_district": "Khuzdar",
        "persons": 2,
    }


@dataclass(frozen=True)
class Said:
    """One request and what to note when it is answered: raw bytes, and what is told of the answer's body."""

    what: str
    raw: bytes
    note: Callable[[bytes], None]


class Callers(threading.Thread):
    """Everybody who speaks to the Partner's pages, in one loop."""

    def __init__(self, world: World, journal: Journal, scale: float, seconds: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.world, self.journal, self.scale, self.seconds = world, journal, scale, seconds
        self.chance = random.Random(seed)
        self._replying: set[str] = set()
        """entries of which an answer is on its way"""
        self.late = 0.0
        """Seconds by which the slowest sort was behind at the end."""

    def run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        sorts = {
            "positions": self._positions(),
            "muster replies": self._replies(),
            "readings": self._readings(),
            "calls for help": self._calls(),
        }
        await asyncio.gather(*(self._keep_pace(what, said) for what, said in sorts.items()))

    async def _keep_pace(self, what: str, said: Iterator[Said]) -> None:
        free, tasks = asyncio.Semaphore(AT_ONCE), set[asyncio.Task[None]]()
        begun = due = time.monotonic()
        while time.monotonic() < begun + self.seconds:
            one = next(said, None)
            if one is None:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await free.acquire()
            task = asyncio.create_task(self._until_answered(one))
            tasks.add(task)
            task.add_done_callback(lambda _: free.release())
            task.add_done_callback(tasks.discard)
            share = (time.monotonic() - begun) / self.seconds
            rate = BURSTS.get(what, RATES[what]) if 0.45 < share < 0.55 else RATES[what]
            due = max(due, time.monotonic() - 5.0) + 1 / (rate * self.scale)
        self.late = max(self.late, time.monotonic() - due)
        if tasks:
            await asyncio.wait(tasks, timeout=180)

    async def _until_answered(self, said: Said) -> None:
        while True:
            status, body = await self._ask(said.raw)
            if status in (200, 201, 202):
                said.note(body)
                self.journal.answered[said.what] += 1
                return
            if status and status not in (429, 500, 502, 503, 504):
                self.journal.wrong.append(f"{said.what} was answered {status}: {body[:200]!r}")
                return
            self.journal.again[said.what] += 1
            await asyncio.sleep(AGAIN_SECONDS)

    async def _ask(self, raw: bytes) -> tuple[int, bytes]:
        """(status, body) over a connection of its own; status 0 when nobody answered."""
        out: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, out = await asyncio.open_connection(
                    "127.0.0.1", int(self.world.partner.settings["port"])
                )
                out.write(raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.read()
                return int(head[9:12]), body
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            return 0, b""
        finally:
            if out is not None:
                with suppress(OSError):
                    out.close()

    def _positions(self) -> Iterator[Said]:
        at = {movement: int(time.time()) - 40_000 for _, movement in self.world.devices}
        while True:
            credential, movement = self.chance.choice(self.world.devices)
            at[movement] += 1
            kept = (movement, at[movement])
            yield Said(
                "positions",
                people.position(credential, kept[1]),
                lambda _, k=kept: self.journal.positions.add(k),
            )

    def _replies(self) -> Iterator[Said]:
        home = self.world.partner
        while True:
            free = [each for each in self.world.people.phones if each[1] not in self._replying]
            session, entry = self.chance.choice(free or self.world.people.phones)
            self._replying.add(entry)

            def note(_: bytes, entry: str = entry) -> None:
                self.journal.replies[entry] = "accounted"
                self._replying.discard(entry)

            yield Said("muster replies", people.reply(home, session, entry), note)

    def _readings(self) -> Iterator[Said]:
        number = 0
        while True:
            number += 1
            yield Said("readings", people.reading(self.world, number), self._read)

    def _read(self, _: bytes) -> None:
        self.journal.readings += 1

    def _calls(self) -> Iterator[Said]:
        for session in self.world.travellers:
            key = secrets.token_hex(16)

            def note(body: bytes, key: str = key) -> None:
                self.journal.calls[key] = (json.loads(body)["record"], time.monotonic())

            yield Said("calls for help", people.press(self.world.partner, session, key), note)


class Screens(threading.Thread):
    """Browsers of a watch room that follow its calls for help, and come back whenever their stream ends."""

    def __init__(self, home: Home, session: str, count: int) -> None:
        super().__init__(daemon=True)
        self.home, self.session = home, session
        self.told: list[set[str]] = [set() for _ in range(count)]
        self.looked = [0.0] * count
        """until when what was answered for was on a screen that looked at everything again"""
        self.opened = 0
        self._ending = threading.Event()

    def end(self) -> None:
        self._ending.set()
        self.join(60)

    def run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as client:
            tasks = [asyncio.create_task(self._screen(client, n)) for n in range(len(self.told))]
            while not self._ending.is_set():
                await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _screen(self, client: aiohttp.ClientSession, number: int) -> None:
        name = f"sc_{self.home.party}_{self.home.settings['port']}_session"
        url = f"http://localhost:{self.home.settings['port']}/live?topics=sos"
        last = ""
        while True:
            headers = {"Cookie": f"{name}={self.session}", **({"Last-Event-ID": last} if last else {})}
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with client.get(url, headers=headers) as answer:
                    answer.raise_for_status()
                    self.opened += 1
                    if not last:  # a page that was just made
                        self.looked[number] = time.monotonic() + ANSWER_SECONDS
                    async for line in answer.content:
                        if line.startswith(b"id: "):
                            last = line[4:].strip().decode()
                        elif line.startswith(b"event: reset"):
                            # The page looks at everything again: it has what is there by now.
                            self.looked[number] = time.monotonic() + ANSWER_SECONDS
                        elif line.startswith(b"data: {") and b'"sos"' in line:
                            self.told[number].add(str(json.loads(line[6:])["record"]))
            await asyncio.sleep(0.5)
