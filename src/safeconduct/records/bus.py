"""Where a process hears what happens: announcements of the writer, in order, each once, none missing.

Without `nats` in node.toml they come over the writer's own door. With it they come through NATS, numbered: a number
that is missing, a silence or a line that is lost sends the listener to the door, which tells again what it missed and
goes on until NATS is heard again. What neither can tell any more ends the hearing, and its listener looks at everything
anew, as when the writer begins again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.records.bus_link import Link, addresses, link_of
from safeconduct.records.bus_messages import NotOurs, Told, heard_by, moved
from safeconduct.records.door import subscribe
from safeconduct.records.home import Home
from safeconduct.records.users import HEARS, SHOWING

Answer = dict[str, Any]

BEAT = 1.0
"""Seconds between two signs of the writer that it is there and how far it is."""
SILENCE = 3.5 * BEAT
"""Seconds without one after which a listener goes to the door."""
STEADY = 3 * BEAT
"""Seconds for which the door is kept open beside NATS, which is heard again."""
PAUSE = (0.05, 0.4)
"""Seconds before a listener goes to the door: each draws its own, since a gap is everybody's."""
LEAST_APART = 0.5
"""Seconds between two ways to the door."""
LAG = 50_000
"""Messages that may wait; with more the hearing ends and its listener looks at everything."""
SUBSCRIBED = {"topic": "subscribed"}


async def hear(home: Home) -> AsyncIterator[Answer]:
    """The bus: events as they become durable; `{"topic": "subscribed"}` says that anything may have been missed before.

    Ends when the writer is not heard, or the listener lags too far. Without NATS raises OSError as the door does.
    """
    if not addresses(home):
        async for event in subscribe(home):
            yield event
        return
    hearing = Hearing(home, link_of(home))
    try:
        async for event in hearing.events():
            yield event
    finally:
        await hearing.close()


class Hearing:
    """One listener. `number` is that of the announcement it heard last, of the writer's life `run`.

    It begins at the door, and only what the door says makes another `run` or a later beginning true.
    """

    def __init__(self, home: Home, link: Link) -> None:
        self.home, self.link = home, link
        self.kinds = HEARS.get(link.process)
        self.run, self.number, self.beat = "", 0, 0
        self._waiting: asyncio.Queue[Told | _Door] = asyncio.Queue()
        self._gap = False
        self._nats_heard = float("-inf")
        self._door: asyncio.Task[None] | None = None
        self._door_since = float("-inf")

    async def events(self) -> AsyncIterator[Answer]:
        party = self.home.party
        await self.link.listen(heard_by(party, self.kinds), self._from_nats)
        if self.link.process in SHOWING:
            await self.link.listen([moved(party)], self._from_others)
        self._go_to_door()
        while self._waiting.qsize() <= LAG:
            said: Told | _Door | None = None
            with contextlib.suppress(TimeoutError):
                said = await asyncio.wait_for(self._waiting.get(), BEAT / 4)
            match said:
                case _Door(ended=True):
                    self._door = None
                    if not self.run or (said.fault is not None and (self._gap or self._silent())):
                        return
                case _Door():
                    if self.run and not (said.run == self.run and said.complete):
                        return
                    if not self.run:
                        self.run, self.number = said.run, said.last
                        yield SUBSCRIBED
                case Told():
                    for event in self._next(said):
                        yield event
            self._look()

    async def close(self) -> None:
        await self.link.unlisten(self._from_nats)
        await self.link.unlisten(self._from_others)
        if self._door is not None:
            self._door.cancel()
            await asyncio.wait({self._door})

    def _next(self, said: Told) -> Sequence[Answer]:
        """What of a message is new, in its turn."""
        if not self.run or not said.run:
            return said.events if self.run else ()
        self._gap = said.run != self.run or (self.kinds is None and said.first > self.number + 1)
        if said.run != self.run:
            self._go_to_door()  # another writer, or an old message: the door knows
            return ()
        if said.beat > self.beat or said.first > self.number:
            self.beat = max(self.beat, said.beat)
            if not said.told_at_door:
                self._nats_heard = time.monotonic()
        if self.kinds is not None:
            # It hears a part of what is numbered, and from each kind in its own order; what comes twice only wakes it.
            return said.events
        if self._gap:
            self._go_to_door()
            return ()
        new = said.events[self.number + 1 - said.first :]
        self.number += len(new)
        return new

    def _look(self) -> None:
        """Go to the door when NATS is silent; leave it when NATS has been heard again for a while."""
        if self._door is None and self._silent():
            self._go_to_door()
        elif (
            self._door is not None
            and not self._gap
            and time.monotonic() - self._door_since > STEADY
            and time.monotonic() - self._nats_heard < SILENCE / 2
            and self.link.connected
        ):
            self._door.cancel()
            self._door = None

    def _silent(self) -> bool:
        return time.monotonic() - self._nats_heard > SILENCE

    def _go_to_door(self) -> None:
        now = time.monotonic()
        if self._door is None and now - self._door_since > LEAST_APART:
            self._door_since = now
            self._door = asyncio.create_task(self._from_door())

    async def _from_door(self) -> None:
        fault: Exception | None = None
        try:
            if self.run:
                await asyncio.sleep(random.uniform(*PAUSE))  # noqa: S311
            async for line in subscribe(self.home, (self.run, self.number)):
                if line.get("topic") == "subscribed":
                    self._waiting.put_nowait(
                        _Door(str(line["run"]), int(line["last"]), bool(line["complete"]))
                    )
                else:
                    told = Told(str(line["run"]), int(line["number"]), [line["event"]], told_at_door=True)
                    self._waiting.put_nowait(told)
        except (OSError, ValueError, KeyError) as found:
            fault = found
        self._waiting.put_nowait(_Door(ended=True, fault=fault))

    def _from_nats(self, subject: str, message: bytes) -> None:
        self._take(self.link.writing.read, subject, message)

    def _from_others(self, subject: str, message: bytes) -> None:
        self._take(self.link.writing.read_moved, subject, message)

    def _take(self, read: Callable[[str, bytes], Told], subject: str, message: bytes) -> None:
        try:
            self._waiting.put_nowait(read(subject, message))
        except NotOurs as fault:
            self.link.refused(fault)


@dataclass(frozen=True)
class _Door:
    """What the door says of itself: whose announcements follow, how far they are and whether none is missing between;
    or that it has closed."""

    run: str = ""
    last: int = 0
    complete: bool = False
    ended: bool = False
    fault: Exception | None = None
