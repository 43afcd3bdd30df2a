"""An emergency beacon becomes an SOS and its cancel a stand-down; a word in the chat may answer a muster. Each device's
in the order they came.

A writer that is away is asked again until it is there: help that was asked for must not be lost.
"""

from __future__ import annotations

import asyncio
import time

from safeconduct.field.cot_devices import Device
from safeconduct.field.cot_events import Event
from safeconduct.positions.sending import AHEAD_SECONDS
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.refusals import Malformed, NotFound, Refused, Unavailable
from safeconduct.records.transaction import iso

REPEAT = 2.0
"""Seconds after which an SOS that could not be stored is tried again."""
MOST = 20
"""What one device may have waiting."""


class Emergencies:
    """What devices ask for and have not been answered about."""

    def __init__(self, door: AsyncDoor) -> None:
        self._door = door
        self._waiting: dict[str, list[Event]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, device: Device, event: Event) -> None:
        """A beacon repeats itself: while one waits to be stored, the same again is nothing new."""
        waiting = self._waiting.setdefault(device.id, [])
        if waiting and (waiting[-1].cancels, waiting[-1].remarks) == (event.cancels, event.remarks):
            return
        if len(waiting) >= MOST:
            return
        waiting.append(event)
        if len(waiting) == 1:
            task = asyncio.get_running_loop().create_task(self._one_by_one(device, waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _one_by_one(self, device: Device, waiting: list[Event]) -> None:
        while waiting:
            await self._one(device, waiting[0])
            del waiting[0]
        self._waiting.pop(device.id, None)

    async def _one(self, device: Device, event: Event) -> None:
        job, payload = _asked(device, event)
        while True:
            try:
                await self._door.call(job, payload)
                return
            except Unavailable:
                await asyncio.sleep(REPEAT)
            except (Refused, NotFound, Malformed) as fault:
                log_event("device_refused", fault=fault)
                return


def _asked(device: Device, event: Event) -> tuple[str, dict[str, object]]:
    if event.cancels:
        return "cot_stand_down", {"device": device.id}
    if event.is_emergency:
        return _call(device, event)
    return "field_answer", {"device": device.id, "text": event.remarks, "at": iso(min(event.at, time.time()))}


def _call(device: Device, event: Event) -> tuple[str, dict[str, object]]:
    at = iso(min(event.at, time.time() + AHEAD_SECONDS))
    payload: dict[str, object] = {"device": device.id, "at": at, "text": event.emergency}
    if (event.latitude, event.longitude) != (0.0, 0.0):
        place = {"latitude": event.latitude, "longitude": event.longitude, "at": at}
        if event.accuracy_m is not None:
            place["accuracy_m"] = event.accuracy_m
        payload["place"] = place
    return "field_sos", payload
