"""The writer hears of positions that are kept: all journeys that moved while it heard of others go in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from safeconduct.ledger.database import FAULTS
from safeconduct.positions.bell import Bell
from safeconduct.positions.store import Position, Store
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.refusals import Refused, Unavailable

AT_ONCE = 2_000
"""Positions of one journey in a line; what is more goes in the next."""
JOURNEYS = 200


class Telling:
    """One for each process that keeps positions. What the writer could not hear is told with the next ones."""

    def __init__(
        self,
        hop: Callable[[Callable[[], Any]], Awaitable[Any]],
        store: Callable[[], Store],
        door: Callable[[], AsyncDoor],
        bell: Bell | None = None,
    ) -> None:
        self._hop, self._store, self._door, self._bell = hop, store, door, bell
        self._moved: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    def moved(self, movements: Iterable[str]) -> None:
        """These journeys have new positions."""
        new = dict.fromkeys(movements)
        if self._bell is not None:
            self._bell.ring(new)
        self._moved.update(new)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tell_all())

    async def done(self) -> None:
        """Wait until the writer has heard of all, or could not."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _tell_all(self) -> None:
        while self._moved:
            movements = list(self._moved)[:JOURNEYS]
            for movement in movements:
                del self._moved[movement]
            try:
                more = await self._tell(movements)
            except (*FAULTS, Unavailable, Refused) as fault:
                log_event("positions_untold", fault=fault)
                return
            self._moved.update(dict.fromkeys(more))

    async def _tell(self, movements: list[str]) -> list[str]:
        """Tell of these; returns those of which more is to be told."""
        store = self._store()
        untold: list[list[Position]] = await self._hop(
            lambda: [found for movement in movements if (found := store.untold(movement, AT_ONCE))]
        )
        if not untold:
            return []
        payloads = [
            {
                "movement": found[0].movement,
                "fixes": [[p.person, p.at, p.latitude, p.longitude, p.accuracy_m] for p in found],
            }
            for found in untold
        ]
        answers = await self._door().call_many("positions_seen", payloads)
        heard = [found for found, answer in zip(untold, answers, strict=True) if "error" not in answer]
        if len(heard) < len(untold):
            log_event("positions_untold", count=len(untold) - len(heard))
        await self._hop(lambda: store.tell([position for found in heard for position in found]))
        return [found[0].movement for found in heard if len(found) == AT_ONCE]
