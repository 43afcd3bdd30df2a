"""What a device said, made durable before it is acknowledged.

A position belongs to the open journey of the device, its person or its vehicle; without one it is kept nowhere. A call
for help is an SOS, journey or not. Positions that come while others are written go in together, so that one disk
is waited for once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, TypeVar

from django.db import close_old_connections, connections

from safeconduct.field import credentials
from safeconduct.field.said import Place, Said
from safeconduct.ledger.database import FAULTS
from safeconduct.people.remembered import Remembered
from safeconduct.positions.bell import Bell
from safeconduct.positions.keeping import DEFAULT_DAYS, keep_days
from safeconduct.positions.limits import Allowance, Bucket
from safeconduct.positions.sending import AHEAD_SECONDS
from safeconduct.positions.store import Position, Store
from safeconduct.positions.telling import Telling
from safeconduct.positions.waiting import leave
from safeconduct.records import here
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.refusals import Unavailable
from safeconduct.records.together import Together
from safeconduct.records.transaction import iso

T = TypeVar("T")
REMEMBERED = 2.0
"""Seconds for which it is remembered which journey a device is on."""
MOST_REMEMBERED = 20_000
CALLS_AT_ONCE, CALLS_A_SECOND = 20, 0.5
"""How often one device may ask for help. Nobody else's call waits for it."""


class TooMuch(Exception):
    """A device sends more than it may; `wait` is the number of seconds after which it may again."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.wait = wait


class Intake:
    """One for each process that listens to devices. `moved` is told of each journey that has a new position."""

    def __init__(self, moved: Callable[[str], None] = lambda _movement: None) -> None:
        self._moved = moved
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="devices")
        self._allowance = Allowance()
        self._calls = Bucket("calls", CALLS_AT_ONCE, CALLS_A_SECOND)
        self._doors: AsyncDoor | None = None
        self._store: Store | None = None
        self._journeys: dict[str, tuple[float, dict[str, Any]]] = {}
        self._asking: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._known: Remembered[str] = Remembered()
        self._keeping: Together[tuple[Position, float], tuple[str, int]] = Together(self._keep_all, self.ask)
        self._telling = Telling(self.ask, self._kept, self.door, Bell(here.home))
        self._days: float = DEFAULT_DAYS

    async def device_of(self, credential: str, user: str = "") -> str | None:
        """The id of the device whose credential this is, now: one that was revoked is not remembered."""
        key = sha256(f"{user}\n{credential}".encode(errors="replace")).digest()
        known, mark = self._known.recall(key)
        if known is None:
            known = await self.ask(lambda: credentials.device_of(credential, user))
            if known is not None:
                self._known.keep(key, known, mark)
        return known

    async def holds(self, device: str) -> bool:
        return await self.ask(lambda: credentials.holds(device))

    async def take(self, device: str, said: Said) -> str:
        """Make durable what a device said; returns what became of it: "sos", "kept", "old", "ahead", "no journey" or
        the name of what is not kept. Raises TooMuch, NotFound for a device that was revoked, Unavailable."""
        if said.sos:
            await self.call_for_help(device, said.place, said.at)
        elif said.answer:
            await self._answer(device, said)
        if said.place is None:
            return "sos" if said.sos else said.note
        wait = self._allowance.positions(device, 1)
        if wait and not said.sos:
            raise TooMuch(wait)
        became = await self._keep(device, said.place) if said.place is not None and not wait else "sos"
        return "sos" if said.sos else became

    async def _answer(self, device: str, said: Said) -> None:
        """What the bearer wrote may answer a muster that asks after him. Raises TooMuch."""
        wait = self._allowance.batch(device)
        if wait:
            raise TooMuch(wait)
        at = iso(min(said.at, time.time())) if said.at else ""
        await self.door().call("field_answer", {"device": device, "text": said.answer, "at": at})

    async def call_for_help(
        self,
        device: str,
        place: Place | None = None,
        at: float | str | None = None,
        text: str = "",
        exercise: bool = False,
        key: str = "",
    ) -> dict[str, Any]:
        """Raise an SOS for a device, whatever its clock says. `key` is the sender's own number for this call. Raises
        TooMuch for a device that calls without end: its call is open, and it may ask again."""
        wait = self._calls.take(device, 1, time.monotonic())
        if wait:
            raise TooMuch(wait)
        now = time.time()
        said: dict[str, Any] = {"device": device, "text": text, "exercise": exercise, "key": key}
        if at:
            said["at"] = iso(at) if isinstance(at, float) else at
        if place is not None:
            where = {"latitude": place.latitude, "longitude": place.longitude, "accuracy_m": place.accuracy_m}
            said["place"] = {**where, "at": iso(min(place.at, now))}
        return await self.door().call("field_sos", said)

    async def alarm(self, device: str, report: dict[str, Any]) -> dict[str, Any]:
        """Store what a site's alarm reported. Raises TooMuch, NotFound, Unavailable."""
        wait = self._allowance.batch(device)
        if wait:
            raise TooMuch(wait)
        return await self.door().call("field_alarm", {"device": device, **report})

    async def about(self, device: str) -> dict[str, Any]:
        """What the writer knows of a device: category, site, journey. Raises NotFound for one that was revoked."""
        known = self._journeys.get(device)
        if known is None or time.monotonic() - known[0] > REMEMBERED:
            if len(self._journeys) >= MOST_REMEMBERED:
                self._journeys.clear()
            asking = self._asking.get(device)
            if asking is None:
                asking = asyncio.create_task(self.door().call("field_device", {"device": device}))
                self._asking[device] = asking
                asking.add_done_callback(lambda _: self._asking.pop(device, None))
            known = (time.monotonic(), await asyncio.shield(asking))
            self._journeys[device] = known
        return known[1]

    async def _keep(self, device: str, place: Place) -> str:
        about = await self.about(device)
        movement, now = str(about["movement"]), time.time()
        if not movement:
            return "no journey"
        if place.at > now + AHEAD_SECONDS:
            return "ahead"
        values = (place.latitude, place.longitude, place.accuracy_m, place.speed, place.heading)
        position = Position(movement, str(about["person"]), place.at, *values)
        try:
            became, new = await self._keeping.ask((position, float(about["since"])))
        except Unavailable:
            if not await leave(here.home(), [position], self._days):
                raise
            return "kept"
        if new:
            self._moved(movement)
            self._telling.moved([movement])
        return became

    def _keep_all(self, given: Sequence[tuple[Position, float]]) -> list[tuple[str, int] | Exception]:
        """Keep those that are not too old, in one transaction; (what became of each, whether it was new)."""
        home, policy = here.home(), here.state().policy
        days = self._days = min(keep_days(policy, party) for party in (home.party, *home.partners))
        oldest = time.time() - 86_400.0 * days
        kept = [position for position, since in given if position.at >= max(since, oldest)]
        try:
            new = iter(self._kept().put_each([[position] for position in kept]))
        except (*FAULTS, OSError) as fault:
            log_event("positions_unread", fault=fault)
            return [Unavailable(type(fault).__name__)] * len(given)
        return [
            ("kept", next(new)) if position.at >= max(since, oldest) else ("old", 0)
            for position, since in given
        ]

    def _kept(self) -> Store:
        if self._store is None:
            self._store = Store(here.home())
            # An acknowledged position outlives a power cut: the device has forgotten it by then.
            self._store.wait_for_disk()
        return self._store

    def door(self) -> AsyncDoor:
        if self._doors is None:
            self._doors = AsyncDoor(here.home())
        return self._doors

    async def ask(self, question: Callable[[], T]) -> T:
        """Ask a database in the one thread that does, so that the event loop never waits."""

        def asked() -> T:
            close_old_connections()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    async def close(self) -> None:
        await self._telling.done()
        self._known.close()
        if self._doors is not None:
            await self._doors.close()
        if self._store is not None:
            self._thread.submit(self._store.close)
        self._thread.submit(connections.close_all)
        self._thread.shutdown()
