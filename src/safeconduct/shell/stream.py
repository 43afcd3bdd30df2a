"""One client of the live stream: what it may hear of, and what waits for it in a queue that is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from safeconduct.agreement.policy import Subject

BACKLOG = 1024
"""Messages a slow client may lag behind before its stream is closed and it has to look again."""


class Stream:
    """`due` is the moment of the loop's clock at which its session is looked at again and it gets a beat."""

    __slots__ = ("_awake", "cookies", "due", "ended", "subject", "topics", "waiting")

    def __init__(self, subject: Subject, cookies: str, topics: frozenset[str]) -> None:
        self.subject, self.cookies, self.topics = subject, cookies, topics
        self.waiting: list[bytes] = []
        self.ended = False
        self.due = 0.0
        self._awake: asyncio.Future[None] | None = None

    def offer(self, messages: Iterable[bytes]) -> None:
        """Add to what waits; a client that has let too much wait is cut off."""
        if self.ended:
            return
        self.waiting.extend(messages)
        if len(self.waiting) > BACKLOG:
            self.end()
        else:
            self._wake()

    def end(self) -> None:
        """Nothing that waits is sent any more."""
        self.ended = True
        self.waiting.clear()
        self._wake()

    async def next(self) -> bytes | None:
        """Everything that waits, as soon as there is something; None at the end of the stream."""
        while not self.waiting and not self.ended:
            self._awake = asyncio.get_running_loop().create_future()
            await self._awake
        if self.ended:
            return None
        found, self.waiting = self.waiting, []
        return found[0] if len(found) == 1 else b"".join(found)

    def _wake(self) -> None:
        if self._awake is not None and not self._awake.done():
            self._awake.set_result(None)
