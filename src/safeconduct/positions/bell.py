"""Other processes hear at once which journeys have new positions, from who took them; the positions stay in the store.

Without NATS the writer tells them, once it has heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from safeconduct.records.bus_link import addresses, link_of
from safeconduct.records.bus_messages import MOST_MOVEMENTS, moved
from safeconduct.records.home import Home

GATHERED = 0.05
"""Seconds in which what moves is gathered into one message."""


class Bell:
    """For one event loop. `home` is asked for when it rings."""

    def __init__(self, home: Callable[[], Home]) -> None:
        self.home = home
        self._moved: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def ring(self, movements: Iterable[str]) -> None:
        """Returns at once. What cannot be told is not: the writer tells of it, too."""
        if not addresses(self.home()):
            return
        self._moved.update(movements)
        if self._moved and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._ring())

    async def _ring(self) -> None:
        home = self.home()
        link, subject = link_of(home), moved(home.party)
        while self._moved:
            await asyncio.sleep(GATHERED)
            some = sorted(self._moved)[:MOST_MOVEMENTS]
            self._moved.difference_update(some)
            if link.connected:
                await link.publish(subject, link.writing.pack_moved(subject, some))
