"""Server-sent events with the newest positions of some movements, for those who may follow them.

The ledger notes each stream when it opens and when it closes, and the opening is a reading. What a reader may follow
is decided again with each position, at every beat, and at once when the policy, a role or the movement changes: then
the stream ends, and another begins with what may be seen now. Positions are coalesced, so a slow reader gets fewer of
them and never an old one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from safeconduct.agreement.policy import Subject
from safeconduct.people.sessions import subject_of_cookies
from safeconduct.positions.reading import Sources, follow, may_follow, newest
from safeconduct.positions.store import Position
from safeconduct.records import here, principals
from safeconduct.records.bus import hear
from safeconduct.records.door import AsyncDoor
from safeconduct.records.refusals import Refused, Unavailable

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MOST = 2_000
"""Movements that one stream follows."""
MOST_STREAMS = 500
BEAT = 15.0
PAUSE = 0.5
"""Seconds in which what moves is gathered into one event."""
RETRY_BUS = 1.0
RETRY = b"retry: 2000\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class _Stream:
    """One reader's stream. `movements` says whose positions of each it shows, `told` which of each was the last."""

    def __init__(self, reader: Subject, movements: Mapping[str, Sources]) -> None:
        self.reader, self.movements = reader, movements
        self.moved: set[str] = set()
        self.unsure: set[str] = set()
        self.told: dict[str, tuple[str, float]] = {}
        self.awake = asyncio.Event()
        self.ended = False
        self.policy = -2

    def fresh(self, positions: Iterable[Position]) -> list[Position]:
        """Those of the positions that the reader has not been told of."""
        found = [p for p in positions if self.told.get(p.movement) != (p.person, p.at)]
        self.told.update({p.movement: (p.person, p.at) for p in found})
        return found


class Following:
    """All the streams of a web process."""

    def __init__(
        self, ask: Callable[[Callable[[], Any]], Awaitable[Any]], door: Callable[[], AsyncDoor]
    ) -> None:
        self._ask, self._door = ask, door
        self.streams: set[_Stream] = set()
        self._bus: asyncio.Task[None] | None = None

    def moved(self, movement: str) -> None:
        """A movement has a new position."""
        for stream in self.streams:
            if movement in stream.movements:
                stream.moved.add(movement)
                stream.awake.set()

    def _changed(self, movement: str | None) -> None:
        """What a stream may show has to be decided again: of one movement, or of all."""
        for stream in self.streams:
            if movement is None or movement in stream.movements:
                stream.unsure |= stream.movements.keys() if movement is None else {movement}
                stream.awake.set()

    async def _follow_bus(self) -> None:
        """Hear from the writer what other processes took or a partner sent, and when something is to be decided
        again. While it is away nothing can change of what was decided."""
        while True:
            with contextlib.suppress(OSError, ValueError):
                async for event in hear(here.home()):
                    match event.get("topic"), event.get("kind"):
                        case "positions", _:
                            for movement in event["movements"]:
                                self.moved(movement)
                        case "subscribed", _:  # what was announced meanwhile went unheard
                            for stream in self.streams:
                                stream.moved |= stream.movements.keys()
                            self._changed(None)
                        case "policy", _:
                            self._changed(None)
                        case _, "role_assignment":
                            self._changed(None)
                        case _, "movement":
                            self._changed(event.get("record"))
            await asyncio.sleep(RETRY_BUS)

    async def close(self) -> None:
        """End every stream and stop listening, so that the process can stop."""
        self.end_all()
        if self._bus is not None:
            self._bus.cancel()
            await asyncio.wait({self._bus})

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
        if self._bus is None or self._bus.done():
            self._bus = asyncio.create_task(self._follow_bus())
        shown: dict[str, tuple[Sources, Position | None]] = await self._ask(lambda: _first(reader, asked))
        stream = _Stream(reader, {movement: sources for movement, (sources, _) in shown.items()})
        if not stream.movements:
            await _refuse(send, 404)
            return
        if not await self._note(stream, "opened"):
            await _refuse(send, 503)
            return
        self.streams.add(stream)
        stream.moved |= stream.movements.keys()  # since they were looked up
        stream.awake.set()
        gone = asyncio.create_task(_until_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await _write(send, RETRY + _event(stream.fresh(p for _, p in shown.values() if p)))
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
            unsure, stream.unsure = stream.unsure, set()
            if time.monotonic() >= beat:
                unsure = set(stream.movements)
            found: list[Position] | None = await self._ask(partial(_next, stream, cookies, moved, unsure))
            if found is None:
                break
            fresh = stream.fresh(found)
            message = _event(fresh) if fresh else b""
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


def _first(reader: Subject, asked: list[str]) -> dict[str, tuple[Sources, Position | None]]:
    """What is shown at once; that it was is noted as a reading."""
    try:
        return follow(reader, asked)
    except (Unavailable, Refused):
        return {}


def _next(stream: _Stream, cookies: str, moved: set[str], unsure: set[str]) -> list[Position] | None:
    """The newest positions of what moved; None when the reader is no longer who opened the stream, or may not see
    just what it was opened for: the client opens another, which is decided and noted anew."""
    if subject_of_cookies(cookies) != stream.reader:
        return None
    policy = here.state().index
    again = stream.movements.keys() if policy != stream.policy else moved | unsure
    if not all(may_follow(stream.reader, movement) == stream.movements[movement] for movement in again):
        return None
    stream.policy = policy
    return list(newest({movement: stream.movements[movement] for movement in sorted(moved)}).values())


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
            "party": p.party or here.home().party,
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
