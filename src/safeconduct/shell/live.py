"""The live stream: `/live`, server-sent events, a raw ASGI route in front of Django.

`GET /live?topics=incident,claim` (no topics: every kind) answers with messages `{"kind", "record", "about",
"index"}` whose event id is the ledger index: something changed, look again. A message goes only to who may
read some part of that record; what it says is for release() to decide. A named event `beat` comes four times
a minute. `Last-Event-ID`, or `last_event_id` in the query, replays what was missed; where that is no longer
known a named event `reset` says: look at everything again.

A stream ends when its session ends, when its principal's roles change and when the agreement changes; the
client comes back and is decided about anew. Opening and closing are in the ledger, the first before anything
is sent. Thousands may come back in the same second: their sessions, their notes and what they missed are each
seen to for many at once, and a message is decided and written once for all to whom it says the same.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from safeconduct.records import here, principals
from safeconduct.records.bus import hear
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.refusals import Refused, Unavailable
from safeconduct.shell.audience import AT_ONCE, Audience, Change
from safeconduct.shell.gathering import Gathering
from safeconduct.shell.stream import BACKLOG, Stream

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

BEAT = 15.0
"""Seconds between beats, and between looks at whether the session still holds."""
REMEMBERED = 2048
"""Changes kept for clients that come back."""
UNDEALT = 50_000
"""Events this process may lag behind the writer before it lets everybody look again."""
RETRY_BUS = 1.0
START_TIMEOUT = 5.0


class Live:
    """The ASGI application. One task per process listens to the writer's bus for all of its clients."""

    def __init__(self, audience: Audience | None = None, beat: float = BEAT) -> None:
        self.audience = audience or Audience()
        self.beat = beat
        self.streams: set[Stream] = set()
        self._recent: deque[Change] = deque(maxlen=REMEMBERED)
        self._following = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._door: AsyncDoor | None = None
        self._roles_changed = 0
        self._who = Gathering(self.audience.who, AT_ONCE)
        self._notes = Gathering(self._note_all)
        self._replays = Gathering(self._replay_all)

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
        as_of = self._roles_changed
        subject = await self._who.ask(cookies)
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
            self._add(stream)
            if as_of != self._roles_changed and await self._who.ask(cookies) != subject:
                stream.end()
            await self._serve(stream, await self._missed(stream, last), receive, send)
        finally:
            self.streams.discard(stream)
            await self._note(stream, "closed")

    async def _open(self, stream: Stream) -> bool:
        """Follow the bus and note the stream in the ledger; False when the writer is not there."""
        if not self._tasks or any(task.done() for task in self._tasks):
            for task in self._tasks:
                task.cancel()
            self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._beats())]
        try:
            await asyncio.wait_for(self._following.wait(), START_TIMEOUT)
        except TimeoutError:
            return False
        return await self._note(stream, "opened")

    def _add(self, stream: Stream) -> None:
        # Those that came together are not all looked at together.
        stream.due = asyncio.get_running_loop().time() + self.beat * random.uniform(0.5, 1.0)  # noqa: S311
        self.streams.add(stream)

    async def _note(self, stream: Stream, what: str) -> bool:
        actor = principals.to_wire(stream.subject)
        return await self._notes.ask({"actor": actor, "what": what, "topics": sorted(stream.topics)})

    async def _note_all(self, notes: list[dict[str, Any]]) -> list[bool]:
        """Note streams in the ledger, in one transaction; whether that is durable."""
        if self._door is None:
            self._door = AsyncDoor(here.home())
        try:
            await self._door.call("streams", {"notes": notes})
        except (Unavailable, Refused):
            return [False] * len(notes)
        return [True] * len(notes)

    async def _serve(self, stream: Stream, missed: bytes, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
        gone = asyncio.create_task(_until_disconnected(receive))
        gone.add_done_callback(lambda _: stream.end())
        try:
            await _write(send, _HELLO + missed)
            while (message := await stream.next()) is not None:
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
        return await self._replays.ask((stream, int(last)))

    async def _replay_all(self, asked: list[tuple[Stream, int]]) -> list[bytes]:
        """What came after the index that each has seen; to look at everything where that is no longer known."""
        remembered = list(self._recent)
        first = min(seen for _, seen in asked)
        oldest, newest = (remembered[0].index, remembered[-1].index) if remembered else (0, 0)
        forgetful = len(remembered) in (0, REMEMBERED)
        told: dict[Stream, tuple[tuple[int, bytes], ...]] = {}
        later = [change for change in remembered if change.index > first]
        for streams, fit in await self.audience.decide([stream for stream, _ in asked], later):
            told.update(dict.fromkeys(streams, tuple((change.index, _message(change)) for change in fit)))
        return [
            _RESET
            if (not remembered or oldest > seen) and (forgetful or newest > seen)
            else b"".join(message for index, message in told.get(stream, ()) if index > seen)
            for stream, seen in asked
        ]

    async def _beats(self) -> None:
        """Look at every session once in a beat, and let its client hear that the line holds."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(0.25, self.beat / 4))
            now = loop.time()
            due = [stream for stream in self.streams if stream.due <= now]
            for stream in due:
                stream.due = now + self.beat
            try:
                for stream in await self.audience.changed(due):
                    stream.end()
            except Exception as fault:
                log_event("live_failed", fault=fault, unforeseen=True)
                for stream in due:
                    stream.end()
            for stream in due:
                stream.offer((_BEAT,))

    async def _follow(self) -> None:
        """Listen to the bus while the process lives; when it breaks off, every client has to look again."""
        while True:
            waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            dealing = asyncio.create_task(self._deal(waiting))
            try:
                async for event in hear(here.home()):
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
        except Exception as fault:
            log_event("live_failed", fault=fault, unforeseen=True)

    async def _announce(self, events: list[dict[str, Any]]) -> None:
        if any(event.get("topic") == "policy" for event in events):
            self.end_all()
        told = [event for event in events if event.get("kind")]
        await self._look_again({str(event["kind"]) for event in told if not event.get("record")})
        changes = await self.audience.look_up([Change.of(event) for event in told if event.get("record")])
        self._recent.extend(changes)
        if any(change.kind == "role_assignment" for change in changes):
            self._roles_changed += 1
            for stream in await self.audience.changed(list(self.streams)):
                stream.end()
        for streams, fit in await self.audience.decide(list(self.streams), changes):
            messages = [_message(change) for change in fit]
            for stream in streams:
                stream.offer(messages)

    async def _look_again(self, kinds: set[str]) -> None:
        """So much of a kind has changed at once that no record was named: look at everything."""
        if not kinds:
            return
        self._recent.clear()
        for stream in await self.audience.concerned(list(self.streams), kinds):
            stream.offer((_RESET,))

    def end_all(self) -> None:
        """End every stream; their clients come back, if there is still somebody to come back to."""
        for stream in self.streams:
            stream.end()

    async def close(self) -> None:
        """End every stream and stop listening, so that the process can stop."""
        self.end_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
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
_BEAT = b"event: beat\ndata: {}\n\n"
_RESET = b"event: reset\ndata: {}\n\n"
_HELLO = b"retry: 2000\n\n" + _BEAT


def _message(change: Change) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (change.index, json.dumps(change.told(), separators=(",", ":")).encode())


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
