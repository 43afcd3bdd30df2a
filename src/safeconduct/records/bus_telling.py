"""The writer tells through NATS what became durable. No commit waits for it, and nothing is lost with it.

What cannot be sent is let go: who listens notices the number that is missing, or the silence, and asks at the door.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from safeconduct.records.bus import BEAT
from safeconduct.records.bus_link import Link, addresses, let_go, link_of, standing
from safeconduct.records.bus_messages import MOST_BYTES, MOST_EVENTS, Answer, Told, announced, beating, bell
from safeconduct.records.bus_numbers import Numbers
from safeconduct.records.home import Home
from safeconduct.records.hooks import HOOKS, Ask, job
from safeconduct.records.transaction import Tx

BACKLOG = 20_000
"""Announcements that may wait to be sent; the oldest are let go."""


class Telling:
    """`tell` never waits. For the event loop of the writer's service."""

    def __init__(self, home: Home, numbers: Numbers) -> None:
        self.home, self.numbers = home, numbers
        self._waiting: deque[tuple[int, Answer]] = deque(maxlen=BACKLOG)
        self._wake = asyncio.Event()
        self._beats, self._beat_due = 0, False

    @classmethod
    def of(cls, home: Home, numbers: Numbers) -> Telling | None:
        """None where node.toml names no NATS."""
        return cls(home, numbers) if addresses(home) else None

    def tell(self, number: int, event: Answer) -> None:
        self._waiting.append((number, event))
        self._wake.set()

    async def run(self, ask: Ask) -> None:
        """Tell until cancelled, and let those who registered with `on_bus` do theirs."""
        link = link_of(self.home)
        link.on_connect(self._at_once)
        loop = asyncio.get_running_loop()
        due = loop.time()
        others = [asyncio.ensure_future(function(self.home, link, ask)) for function in HOOKS.bus]
        try:
            while True:
                try:
                    await asyncio.wait_for(self._wake.wait(), max(0.0, due - loop.time()))
                except TimeoutError:
                    due = loop.time() + BEAT
                    self._beat_due = True
                self._wake.clear()
                await self._send(link)
        finally:
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await let_go(self.home)

    async def _at_once(self) -> None:
        """The line is there again: how far it is need not wait for the next beat."""
        self._beat_due = True
        self._wake.set()

    async def _send(self, link: Link) -> None:
        party, told = self.home.party, False
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_EVENTS))]
            if link.connected:
                for subject, message in _messages(party, self.numbers.run, taken):
                    await link.publish(subject, link.writing.pack(subject, message))
                told = True
        if told:
            await link.publish(bell(party), b"")
        if self._beat_due and link.connected:
            self._beat_due = False
            self._beats += 1
            sign = Told(self.numbers.run, self.numbers.last + 1, (), self._beats)
            await link.publish(beating(party), link.writing.pack(beating(party), sign))


@job("bus")
def bus_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Whether the writer's line to NATS is there, and since when; nothing of a writer that has none."""
    found = standing(tx.home)
    return {} if found is None else {"connected": found[0], "since": found[1]}


def _messages(party: str, run: str, taken: Sequence[tuple[int, Answer]]) -> Iterator[tuple[str, Told]]:
    """Announcements in a row that go under the same subject are one message."""
    first, size, row, under = 0, 0, list[Answer](), ""
    for number, event in taken:
        subject, bytes_ = announced(party, str(event.get("kind") or "")), len(json.dumps(event))
        if row and (subject != under or number != first + len(row) or size + bytes_ > MOST_BYTES // 2):
            yield under, Told(run, first, row)
            row, size = [], 0
        if not row:
            first, under = number, subject
        row.append(event)
        size += bytes_
    if row:
        yield under, Told(run, first, row)
