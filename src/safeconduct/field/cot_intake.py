"""What TAK clients send, made durable: positions into the store, an emergency into an SOS, its cancel a stand-down.

Reports that arrive while others are being written go in together, so that one disk is waited for once. Nothing is
handed on before it is stored.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.field.cot_audience import reader_of
from safeconduct.field.cot_devices import Device
from safeconduct.field.cot_events import Event
from safeconduct.positions.sending import AHEAD_SECONDS
from safeconduct.positions.store import Position, Store
from safeconduct.records import here
from safeconduct.records.door import AsyncDoor, Door
from safeconduct.records.find import Query, find
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused, Unavailable
from safeconduct.records.transaction import iso
from safeconduct.watch.sos import raise_sos, stand_down

log = logging.getLogger(__name__)

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
        device.person or device.id,
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
    ) -> None:
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
                except Exception:
                    log.exception("positions could not be stored")
                    continue
                await self._stored(batch)
                self._untold.update(report.position.movement for report in batch)
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
            log.warning("the writer did not hear of positions: %s", type(fault).__name__)
            return False
        except Exception:
            log.exception("positions could not be told")
            return True


class Emergencies:
    """The SOS that each device has raised and that is open. Asks databases: called in a thread, one at a time."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._open: dict[str, str] = {}

    def raised(self, device: Device, event: Event) -> str:
        """The SOS of a device's emergency: a beacon repeats itself, and is one SOS for as long as that is open.

        Raises what `raise_sos` raises; nothing is taken for an SOS that could not be stored.
        """
        open_ = self._now(device)
        if open_:
            return open_
        at = iso(min(event.at, time.time() + AHEAD_SECONDS))
        parts: dict[str, Any] = {
            "call": {"category": "person" if device.person else "device", "at": at, "means": "device",
                     "headline": f"{event.emergency or 'Emergency'}: {device.name}"[:100]},
            "caller": {"person": device.person, "name": device.name, "device": device.id},
        }  # fmt: skip
        if (event.latitude, event.longitude) != (0.0, 0.0):
            parts["place"] = {"latitude": event.latitude, "longitude": event.longitude,
                              "accuracy_m": event.accuracy_m, "at": at, "source": "device"}  # fmt: skip
        key = sha256(f"{device.id}\n{event.uid}\n{event.at}".encode()).hexdigest()
        actor, node = self._actor(device), system_subject(here.home().party)
        try:
            made = raise_sos(actor, parts, device.movement, key=key, door=self._door)
        except Refused:
            # Nobody who asks for help is turned away because of the role they have.
            made = raise_sos(node, parts, device.movement, key=key, door=self._door)
        self._open[device.id] = made.record
        return made.record

    def cancelled(self, device: Device) -> str:
        """Stand down the SOS that this very device raised; "" when there is none."""
        sos = self._now(device)
        if sos:
            try:
                stand_down(self._actor(device), sos, "device", by=device.name, key=device.id, door=self._door)
            except (NotFound, Malformed):
                log.warning("a device cancelled an SOS that is over")
            self._open.pop(device.id, None)
        return sos

    def _now(self, device: Device) -> str:
        query = Query("sos", state="raised", parts=("caller",), sort="at", limit=500)
        page = find(system_subject(here.home().party), query, door=self._door)
        for each in (*page.records, *page.unplaced):
            if (each.parts.get("caller") or {}).get("device") == device.id:
                return each.id
        known = self._open.get(device.id, "")
        return known if known in {each.id for each in (*page.records, *page.unplaced)} else ""

    def _actor(self, device: Device) -> Subject:
        """In whose name: the person's whose device it is; the node's own for a vehicle's or a building's."""
        return reader_of(device.person) or system_subject(here.home().party)
