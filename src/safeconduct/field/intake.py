"""What a device said, made durable before it is acknowledged.

A position belongs to the open journey of the device, its person or its vehicle; without one it is kept nowhere. A call
for help is an SOS, journey or not. Positions that come while others are written go in together, so that one disk
is waited for once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import close_old_connections, connections

from safeconduct.field import credentials
from safeconduct.field.said import Place, Said
from safeconduct.positions.keeping import keep_days
from safeconduct.positions.limits import Allowance
from safeconduct.positions.sending import AHEAD_SECONDS
from safeconduct.positions.store import Position, Store
from safeconduct.records import here
from safeconduct.records.door import AsyncDoor
from safeconduct.records.refusals import NotFound, Refused, Unavailable
from safeconduct.records.transaction import iso

log = logging.getLogger(__name__)

T = TypeVar("T")
REMEMBERED = 2.0
"""Seconds for which it is remembered which journey a device is on."""
MOST_REMEMBERED = 20_000
OLDEST_CALL = 86_400.0
"""Seconds after which a call for help that was under way so long is no longer raised."""


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
        self._doors: AsyncDoor | None = None
        self._store: Store | None = None
        self._journeys: dict[str, tuple[float, dict[str, Any]]] = {}
        self._waiting: list[tuple[Position, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()

    async def device_of(self, credential: str, user: str = "") -> str | None:
        """The id of the device whose credential this is, now."""
        return await self.ask(lambda: credentials.device_of(credential, user))

    async def holds(self, device: str) -> bool:
        return await self.ask(lambda: credentials.holds(device))

    async def take(self, device: str, said: Said) -> str:
        """Make durable what a device said; returns what became of it: "sos", "kept", "old", "ahead", "no journey" or
        the name of what is not kept. Raises TooMuch, NotFound for a device that was revoked, Unavailable."""
        if said.sos:
            await self.call_for_help(device, said.place, said.at)
        elif said.place is None:
            return said.note
        wait = self._allowance.positions(device, 1)
        if wait and not said.sos:
            raise TooMuch(wait)
        became = await self._keep(device, said.place) if said.place is not None and not wait else "sos"
        return "sos" if said.sos else became

    async def call_for_help(
        self,
        device: str,
        place: Place | None = None,
        at: float | str | None = None,
        text: str = "",
        exercise: bool = False,
    ) -> dict[str, Any]:
        """Raise an SOS for a device. One that is a day old is only logged: nobody waits for it any more."""
        now = time.time()
        if isinstance(at, float) and at < now - OLDEST_CALL:
            log.warning("a call for help of a device is older than a day and was not raised")
            return {}
        said: dict[str, Any] = {"device": device, "text": text, "exercise": exercise}
        if at:
            said["at"] = iso(min(at, now)) if isinstance(at, float) else at
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
            known = (time.monotonic(), await self.door().call("field_device", {"device": device}))
            self._journeys[device] = known
        return known[1]

    async def _keep(self, device: str, place: Place) -> str:
        about = await self.about(device)
        movement, now = str(about["movement"]), time.time()
        if not movement:
            return "no journey"
        if place.at > now + AHEAD_SECONDS:
            return "ahead"
        if place.at < max(float(about["since"]), now - await self._kept_seconds()):
            return "old"
        values = (place.latitude, place.longitude, place.accuracy_m, place.speed, place.heading)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((Position(movement, str(about["person"]), place.at, *values), done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done
        return "kept"

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                positions = [position for position, _ in batch]
                new = await self.ask(lambda found=positions: self._kept().put(found))  # type: ignore[misc]
            except Exception as fault:
                log.exception("positions could not be kept")
                for _, done in batch:
                    if not done.done():
                        done.set_exception(Unavailable(type(fault).__name__))
                continue
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
            for movement in {position.movement for position in positions} if new else ():
                self._moved(movement)
                task = asyncio.create_task(self._tell(movement))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)

    async def _tell(self, movement: str) -> None:
        untold = await self.ask(lambda: self._kept().untold(movement))
        if not untold:
            return
        fixes = [[p.person, p.at, p.latitude, p.longitude, p.accuracy_m] for p in untold]
        try:
            await self.door().call("positions_seen", {"movement": movement, "fixes": fixes})
        except (Unavailable, Refused, NotFound) as fault:
            log.warning("the writer did not hear of positions: %s", type(fault).__name__)
            return
        await self.ask(lambda: self._kept().tell(untold))

    async def _kept_seconds(self) -> float:
        home = here.home()
        days = await self.ask(
            lambda: min(keep_days(here.state().policy, party) for party in (home.party, *home.partners))
        )
        return 86_400.0 * days

    def _kept(self) -> Store:
        if self._store is None:
            self._store = Store(here.home())
            # An acknowledged position outlives a power cut: the device has forgotten it by then.
            self._store.db.execute("PRAGMA synchronous = FULL")
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
        await asyncio.gather(*self._telling, return_exceptions=True)
        if self._doors is not None:
            await self._doors.close()
        if self._store is not None:
            self._thread.submit(self._store.close)
        self._thread.submit(connections.close_all)
        self._thread.shutdown()
