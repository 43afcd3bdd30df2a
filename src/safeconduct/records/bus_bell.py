"""A bell for who would otherwise look again and again whether there is something new."""

from __future__ import annotations

import asyncio
import contextlib

from safeconduct.records.bus_link import addresses, link_of
from safeconduct.records.bus_messages import bell
from safeconduct.records.home import Home

RARELY = 1.0
"""Seconds between two looks for who would hear the bell; it says nothing of what has no announcement."""


class Bell:
    """For one event loop. Whoever rings can make its listener look, and nothing else."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.link = link_of(home) if addresses(home) else None
        self._rung = asyncio.Event()

    async def listen(self) -> None:
        if self.link is not None:
            await self.link.listen([bell(self.home.party)], self._ring)

    async def wait(self, seconds: float) -> None:
        """Until it rings or it is time to look: after so many seconds without NATS, more rarely with it."""
        if self.link is None or not self.link.connected:
            await asyncio.sleep(seconds)
            return
        rung = self._rung
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(rung.wait(), max(seconds, RARELY))
            await asyncio.sleep(seconds)  # a bell that is rung all the time is no reason to look more often

    def _ring(self, _subject: str, _message: bytes) -> None:
        self._rung.set()
        self._rung = asyncio.Event()
