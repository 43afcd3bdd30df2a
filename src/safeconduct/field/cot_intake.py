"""What TAK clients send, made durable: positions into the store, in groups.

Reports that arrive while others are being written go in together, so that one disk is waited for once. Nothing is
handed on before it is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.field.cot_devices import Device
from safeconduct.field.cot_events import Event
from safeconduct.ledger.database import FAULTS
from safeconduct.positions.bell import Bell
from safeconduct.positions.sending import AHEAD_SECONDS
from safeconduct.positions.store import Position, Store
from safeconduct.positions.waiting import leave
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.refusals import Refused, Unavailable

AT_ONCE = 2_000
OLDEST = 2 * 86_400.0
"""Seconds after which a report is of no use any more."""
TELL_AGAIN = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """A checked position of a device on a journey."""

    device: Device
    event: Event
    position: Position


def report_of(device: Device, event: Event, now: float) -> Report | None:
    """The report that an event is; None for one of another time or from a device on no journey."""
    if not device.movement or not now - OLDEST < event.at <= now + AHEAD_SECONDS:
        return None
    position = Position(
        device.movement,
        device.speaks_for,
        event.at,
        event.latitude,
        event.longitude,
        event.accuracy_m,
        event.speed,
        event.heading,
    )
    return Report(device, event, position)


class Intake:
    """Stores reports in groups and then calls `stored` with those that were written."""

    def __init__(
        self,
        store: Store,
        door: AsyncDoor,
        ask: Callable[[Callable[[], Any]], Awaitable[Any]],
        stored: Callable[[Sequence[Report]], Awaitable[None]],
        home: Home | None = None,
    ) -> None:
        self._home, self._bell = home, Bell(lambda: home) if home is not None else None
        self._store, self._door, self._ask, self._stored = store, door, ask, stored
        self._waiting: list[Report] = []
        self._wake = asyncio.Event()
        self._untold: set[str] = set()
        self._tell = asyncio.Event()

    def add(self, report: Report) -> None:
        self._waiting.append(report)
        self._wake.set()

    @property
    def behind(self) -> int:
        """Reports that wait to be written."""
        return len(self._waiting)

    async def write(self) -> None:
        """Write while the gateway lives."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                positions = [report.position for report in batch]
                try:
                    await self._ask(lambda p=positions: self._store.put(p))  # type: ignore[misc]
                except Exception as fault:
                    away = isinstance(fault, (*FAULTS, OSError))
                    log_event("positions_unread", fault=fault, unforeseen=not away)
                    if away and self._home is not None:
                        await leave(self._home, positions)
                    continue
                await self._stored(batch)
                moved = {report.position.movement for report in batch}
                if self._bell is not None:
                    self._bell.ring(moved)
                self._untold.update(moved)
                self._tell.set()

    async def tell(self) -> None:
        """Tell the writer what is new, so that a corridor that was left becomes a record; again if it was away."""
        while True:
            await self._tell.wait()
            await asyncio.sleep(TELL_AGAIN)
            self._tell.clear()
            for movement in list(self._untold):
                self._untold.discard(movement)
                if not await self._told(movement):
                    self._untold.add(movement)
            if self._untold:
                self._tell.set()

    async def _told(self, movement: str) -> bool:
        try:
            while True:
                untold: list[Position] = await self._ask(lambda: self._store.untold(movement))
                if not untold:
                    return True
                fixes = [[p.person, p.at, p.latitude, p.longitude, p.accuracy_m] for p in untold]
                await self._door.call("positions_seen", {"movement": movement, "fixes": fixes})
                await self._ask(lambda u=untold: self._store.tell(u))  # type: ignore[misc]
        except (Unavailable, Refused) as fault:
            log_event("positions_untold", fault=fault)
            return False
        except Exception as fault:
            log_event("positions_untold", fault=fault, unforeseen=True)
            return True
