"""Server-sent events with the newest positions of some movements, for those who may read their itineraries.

The ledger notes each stream when it opens and when it closes, and the opening is a reading of the itineraries. What a
reader may follow is decided again at every beat and whenever the policy changes; positions are coalesced, so a slow
reader gets fewer of them and never an old one.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from safeconduct.agreement.policy import Subject
from safeconduct.people.sessions import subject_of_cookies
from safeconduct.positions.reading import follow, may_follow, newest
from safeconduct.positions.store import Position
from safeconduct.records import here, principals
from safeconduct.records.door import AsyncDoor
from safeconduct.records.refusals import Refused, Unavailable

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MOST = 2_000
"""Movements that one stream follows."""
MOST_STREAMS = 500
BEAT = 15.0
PAUSE = 1.0
"""Seconds in which what moves is gathered into one event."""
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class _Stream:
    def __init__(self, reader: Subject, movements: frozenset[str]) -> None:
        self.reader, self.movements = reader, movements
        self.moved: set[str] = set()
        self.awake = asyncio.Event()
        self.ended = False
        self.policy = -2


class Following:
    """All the streams of a web process."""

    def __init__(
        self, ask: Callable[[Callable[[], Any]], Awaitable[Any]], door: Callable[[], AsyncDoor]
    ) -> None:
        self._ask, self._door = ask, door
        self.streams: set[_Stream] = set()

    def moved(self, movement: str) -> None:
        """A movement has a new position."""
        for stream in self.streams:
            if movement in stream.movements:
                stream.moved.add(movement)
                stream.awake.set()

    def end_all(self) -> None:
        for stream in self.streams:
            stream.ended = True
            stream.awake.set()

    async def serve(self, reader: Subject, cookies: str, query: str, receive: Receive, send: Send) -> None:
        """Answer one request until its client goes, its session ends or the node stops."""
        asked = [m for m in ",".join(parse_qs(query).get("movements", [])).split(",") if m][:MOST]
        if len(self.streams) >= MOST_STREAMS:
            await _refuse(send, 503)
            return
        shown: dict[str, Position | None] = await self._ask(lambda: _first(reader, asked))
        stream = _Stream(reader, frozenset(shown))
        if not stream.movements:
            await _refuse(send, 404)
            return
        if not await self._note(stream, "opened"):
            await _refuse(send, 503)
            return
        self.streams.add(stream)
        gone = asyncio.create_task(_until_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await _write(send, b"retry: 3000\n\n" + _event(p for p in shown.values() if p))
            await self._run(stream, cookies, gone, send)
        except OSError:
            return
        finally:
            gone.cancel()
            self.streams.discard(stream)
            await self._note(stream, "closed")

    async def _run(self, stream: _Stream, cookies: str, gone: asyncio.Task[None], send: Send) -> None:
        beat = time.monotonic() + BEAT
        while not gone.done() and not stream.ended:
            waiting = asyncio.create_task(stream.awake.wait())
            rest = max(0.0, beat - time.monotonic())
            await asyncio.wait({waiting, gone}, timeout=rest, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            stream.awake.clear()
            if stream.ended or gone.done():
                break
            moved, stream.moved = stream.moved, set()
            found: list[Position] | None = await self._ask(
                partial(_next, stream, cookies, moved, time.monotonic() >= beat)
            )
            if found is None:
                break
            message = _event(found) if found else b""
            if time.monotonic() >= beat:
                beat = time.monotonic() + BEAT
                message += b"event: beat\ndata: {}\n\n"
            await _write(send, message)
            await asyncio.sleep(PAUSE)
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _note(self, stream: _Stream, what: str) -> bool:
        topics = [f"positions:{movement}" for movement in sorted(stream.movements)]
        actor = principals.to_wire(stream.reader)
        try:
            await self._door().call("stream", {"actor": actor, "what": what, "topics": topics})
        except (Unavailable, Refused):
            return False
        return True


def _first(reader: Subject, asked: list[str]) -> dict[str, Position | None]:
    """What is shown at once; that it was is noted as a reading."""
    try:
        return follow(reader, asked)
    except (Unavailable, Refused):
        return {}


def _next(stream: _Stream, cookies: str, moved: set[str], all_of_it: bool) -> list[Position] | None:
    """The newest positions of what moved; None when the reader is no longer who opened the stream, or may no
    longer follow it: the client opens another, which is decided and noted anew."""
    if subject_of_cookies(cookies) != stream.reader:
        return None
    policy = here.state().index
    again = stream.movements if all_of_it or policy != stream.policy else moved
    if not all(may_follow(stream.reader, movement) for movement in again):
        return None
    stream.policy = policy
    return list(newest(sorted(moved)).values())


def _event(positions: Iterable[Position]) -> bytes:
    told = [
        {
            "movement": p.movement,
            "at": p.at,
            "latitude": p.latitude,
            "longitude": p.longitude,
            "accuracy_m": p.accuracy_m,
            "speed": p.speed,
            "heading": p.heading,
        }
        for p in positions
    ]
    return b"event: positions\ndata: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, body: bytes) -> None:
    if body:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
