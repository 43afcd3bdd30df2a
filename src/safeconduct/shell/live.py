"""The live stream: `/live`, server-sent events, a raw ASGI route in front of Django.

`GET /live?topics=incident,claim` (no topics: every kind) answers with messages `{"kind", "record", "about",
"index"}` whose event id is the ledger index: something changed, look again. A message goes only to who may
read some part of that record; what it says is for release() to decide. A named event `beat` comes four times
a minute. `Last-Event-ID`, or `last_event_id` in the query, replays what was missed; where that is no longer
known a named event `reset` says: look at everything again.

A stream ends when its session ends, when its principal's roles change and when the agreement changes; the
client comes back and is decided about anew. Opening and closing are in the ledger, the first before anything
is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from safeconduct.agreement.policy import Subject
from safeconduct.records import here, principals
from safeconduct.records.door import AsyncDoor, subscribe
from safeconduct.records.refusals import Refused, Unavailable
from safeconduct.shell.audience import Audience, Change

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

BEAT = 15.0
"""Seconds between beats, and between looks at whether the session still holds."""
BACKLOG = 1024
"""Messages a slow client may lag behind before its stream is closed and it has to look again."""
REMEMBERED = 2048
"""Changes kept for clients that come back."""
UNDEALT = 50_000
"""Events this process may lag behind the writer before it lets everybody look again."""
RETRY_BUS = 1.0
START_TIMEOUT = 5.0

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Stream:
    """One client: what it may hear of, and what is waiting for it. None in the queue ends it."""

    subject: Subject
    cookies: str
    topics: frozenset[str]
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG + 1))

    def offer(self, message: bytes) -> None:
        if self.queue.qsize() >= BACKLOG:
            self.end()
        else:
            self.queue.put_nowait(message)

    def end(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Live:
    """The ASGI application. One task per process listens to the writer's bus for all of its clients."""

    def __init__(self, audience: Audience | None = None, beat: float = BEAT) -> None:
        self.audience = audience or Audience()
        self.beat = beat
        self.streams: set[Stream] = set()
        self._recent: deque[Change] = deque(maxlen=REMEMBERED)
        self._following = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._door: AsyncDoor | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await _answer(send, 405)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        if not self.audience.addressed(headers.get("host", "")):
            await _answer(send, 400)
            return
        cookies = headers.get("cookie", "")
        subject = await self.audience.who(cookies)
        if subject is None:
            await _answer(send, 403)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        asked = frozenset(filter(None, ",".join(query.get("topics", [])).split(",")))
        last = headers.get("last-event-id") or query.get("last_event_id", [""])[0]
        stream = Stream(subject, cookies, asked)
        if not await self._open(stream):
            await _answer(send, 503)
            return
        try:
            await self._serve(stream, last, receive, send)
        finally:
            self.streams.discard(stream)
            await self._note(stream, "closed")

    async def _open(self, stream: Stream) -> bool:
        """Follow the bus and note the stream in the ledger; False when the writer is not there."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        try:
            await asyncio.wait_for(self._following.wait(), START_TIMEOUT)
        except TimeoutError:
            return False
        return await self._note(stream, "opened")

    async def _note(self, stream: Stream, what: str) -> bool:
        if self._door is None:
            self._door = AsyncDoor(here.home())
        actor = principals.to_wire(stream.subject)
        try:
            await self._door.call("stream", {"actor": actor, "what": what, "topics": sorted(stream.topics)})
        except (Unavailable, Refused):
            return False
        return True

    async def _serve(self, stream: Stream, last: str, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
        self.streams.add(stream)
        missed = await self._missed(stream, last)
        gone = asyncio.create_task(_until_disconnected(receive))
        try:
            await _write(send, b"retry: 2000\n\n" + _named("beat") + missed)
            due = time.monotonic() + self.beat
            while not gone.done():
                message = await _next(stream.queue, gone, due - time.monotonic())
                if message is None:
                    break
                if time.monotonic() >= due:
                    if await self.audience.changed([stream]):
                        break
                    due = time.monotonic() + self.beat
                    message += _named("beat")
                await _write(send, message)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            return
        finally:
            gone.cancel()

    async def _missed(self, stream: Stream, last: str) -> bytes:
        """What a client that comes back has not heard of."""
        if not last.isascii() or not last.isdigit() or len(last) > 18:
            return b""
        seen = int(last)
        remembered = [change for change in self._recent if change.index > seen]
        known = any(change.index <= seen for change in self._recent)
        if not known and (not self._recent or len(self._recent) == REMEMBERED or remembered):
            return _named("reset")
        fit = await self.audience.decide([stream], remembered)
        return b"".join(_message(change) for change in fit[stream])

    async def _follow(self) -> None:
        """Listen to the bus while the process lives; when it breaks off, every client has to look again."""
        while True:
            waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            dealing = asyncio.create_task(self._deal(waiting))
            try:
                async for event in subscribe(here.home()):
                    self._following.set()
                    waiting.put_nowait(event)
                    if dealing.done() or waiting.qsize() > UNDEALT:
                        break
            except OSError:
                pass
            finally:
                dealing.cancel()
            await asyncio.wait({dealing})
            self._following.clear()
            self._recent.clear()
            self.end_all()
            await asyncio.sleep(RETRY_BUS)

    async def _deal(self, waiting: asyncio.Queue[dict[str, Any]]) -> None:
        try:
            while True:
                events = [await waiting.get()]
                while not waiting.empty() and len(events) < BACKLOG:
                    events.append(waiting.get_nowait())
                await self._announce(events)
        except Exception:
            log.exception("the live stream lost the bus")

    async def _announce(self, events: list[dict[str, Any]]) -> None:
        if any(event.get("topic") == "policy" for event in events):
            self.end_all()
        told = [event for event in events if event.get("kind")]
        await self._look_again({str(event["kind"]) for event in told if not event.get("record")})
        changes = await self.audience.look_up([Change.of(event) for event in told if event.get("record")])
        self._recent.extend(changes)
        streams = list(self.streams)
        if any(change.kind == "role_assignment" for change in changes):
            for stream in await self.audience.changed(streams):
                stream.end()
        decided = await self.audience.decide(streams, changes)
        for stream, fit in decided.items():
            for change in fit:
                stream.offer(_message(change))

    async def _look_again(self, kinds: set[str]) -> None:
        """So much of a kind has changed at once that no record was named: look at everything."""
        if not kinds:
            return
        self._recent.clear()
        for stream in await self.audience.concerned(list(self.streams), kinds):
            stream.offer(_named("reset"))

    def end_all(self) -> None:
        """End every stream; their clients come back, if there is still somebody to come back to."""
        for stream in self.streams:
            stream.end()

    async def close(self) -> None:
        """End every stream and stop listening, so that the process can stop."""
        self.end_all()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._door is not None:
            await self._door.close()
        self.audience.close()


_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


def _message(change: Change) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (change.index, json.dumps(change.told(), separators=(",", ":")).encode())


def _named(event: str) -> bytes:
    return b"event: %s\ndata: {}\n\n" % event.encode()


async def _next(queue: asyncio.Queue[bytes | None], gone: asyncio.Task[None], seconds: float) -> bytes | None:
    """Everything that is waiting, b"" when nothing came in time, None at the end of the stream."""
    taking = asyncio.create_task(queue.get())
    await asyncio.wait({taking, gone}, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    if not taking.done():
        taking.cancel()
        return None if gone.done() else b""
    message = taking.result()
    if message is None:
        return None
    pieces = [message]
    while not queue.empty():
        more = queue.get_nowait()
        if more is None:
            queue.put_nowait(None)
            break
        pieces.append(more)
    return b"".join(pieces)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, body: bytes) -> None:
    if body:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _answer(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
