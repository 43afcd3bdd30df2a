"""`POST /positions` and `GET /positions/stream`, answered before Django sees them: a phone reports often.

A batch comes from a signed-in phone or with a token that may write. It is kept, and outlives a power cut, when it is
answered; where the database is away for a moment it waits in NATS's stream (`waiting`). Batches that come while others
are written are one transaction. The writer is told what is new, so that a corridor that was left becomes a record.
Whether the writer heard stands beside each position; what it could not be told is told with the next batch.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.http.request import split_domain_port, validate_host

from safeconduct.ledger.database import FAULTS
from safeconduct.people.presented import Presenting
from safeconduct.people.sessions import subject_of_cookies
from safeconduct.positions.bell import Bell
from safeconduct.positions.limits import Allowance
from safeconduct.positions.reading import store
from safeconduct.positions.sending import Batch
from safeconduct.positions.stream import Following
from safeconduct.positions.taking import NotKept, NotTaken, Sent, Taking
from safeconduct.positions.telling import Telling
from safeconduct.positions.waiting import leave
from safeconduct.records import here
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.together import Together

T = TypeVar("T")
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MAX_BODY = 256 * 1024
BODY_SECONDS = 20.0
PATHS = ("/positions", "/positions/stream")


class Positions:
    """The two routes of one web process."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="positions")
        self._allowance = Allowance()
        self._door: AsyncDoor | None = None
        self._presenting = Presenting()
        self._taking: Together[Sent, tuple[Batch, int]] = Together(Taking(self._allowance).take, self.ask)
        self.telling = Telling(self.ask, store, self.door, Bell(here.home))
        self.following = Following(self.ask, self.door)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): v.decode("latin-1") for name, v in scope["headers"]}
        domain, _port = split_domain_port(headers.get("host", ""))
        if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
            await answer(send, 400, {"error": "no such host"})
        elif scope["path"] == "/positions/stream":
            if scope["method"] != "GET":
                await answer(send, 405, {"error": "GET"})
                return
            await self._follow(scope, headers, receive, send)
        elif scope["method"] != "POST":
            await answer(send, 405, {"error": "POST"})
        else:
            try:
                await self._take(headers, receive, send)
            except (*FAULTS, DatabaseError) as fault:
                log_event("positions_unread", fault=fault)
                await answer(send, 503, {"error": "try again"}, retry=5)

    async def _follow(
        self, scope: dict[str, Any], headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        cookies = headers.get("cookie", "")
        reader = await self.ask(lambda: subject_of_cookies(cookies))
        if reader is None:
            await answer(send, 403, {"error": "sign in"})
            return
        await self.following.serve(reader, cookies, scope["query_string"].decode("latin-1"), receive, send)

    async def _take(self, headers: dict[str, str], receive: Receive, send: Send) -> None:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            await answer(send, 415, {"error": "application/json"})
            return
        # A browser names the page that sends; another site's page may not speak for its reader.
        if "origin" in headers and headers["origin"].partition("://")[2] != headers.get("host"):
            await answer(send, 403, {"error": "another site"})
            return
        cookies, authorization = headers.get("cookie", ""), headers.get("authorization") or None
        sender = self._presenting.recall(cookies, authorization)
        if sender is None:
            sender = await self.ask(lambda: self._presenting.look_up(cookies, authorization))
        if sender is None:
            await answer(send, 403, {"error": "sign in"})
            return
        wait = self._allowance.batch(sender.person)
        if wait:
            await answer(send, 429, {"error": "too many batches"}, retry=wait)
            return
        body = await body_of(receive, headers.get("content-length", ""))
        if body is None:
            await answer(send, 413, {"error": f"at most {MAX_BODY} bytes"})
            return
        try:
            batch, new = await self._taking.ask(Sent(sender, body))
        except NotTaken as fault:
            await answer(send, fault.status, {"error": fault.why}, retry=fault.wait)
            return
        except NotKept as fault:
            batch, new = fault.batch, 0
            if not await leave(here.home(), batch.positions, batch.days):
                await answer(send, 503, {"error": "try again"}, retry=5)
                return
        refused = [{"number": number, "why": why} for number, why in batch.refused]
        await answer(send, 200, {"received": len(batch.positions), "new": new, "refused": refused[:100]})
        if new:
            self.following.moved(batch.movement)
            self.telling.moved([batch.movement])

    def door(self) -> AsyncDoor:
        if self._door is None:
            self._door = AsyncDoor(here.home())
        return self._door

    async def ask(self, question: Callable[[], T]) -> T:
        """Ask a database in the one thread that does, so that the event loop never waits."""

        def asked() -> T:
            close_old_connections()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    async def close(self) -> None:
        await self.following.close()
        await self.telling.done()
        self._presenting.close()
        if self._door is not None:
            await self._door.close()
        self._thread.submit(connections.close_all)
        self._thread.shutdown()


async def body_of(receive: Receive, announced: str, most: int = MAX_BODY) -> bytes | None:
    """The body of a request; None for one that is too large, too slow or cut off."""
    if announced and (not announced.isascii() or not announced.isdigit() or int(announced[:12]) > most):
        return None
    found = bytearray()
    end = time.monotonic() + BODY_SECONDS
    while True:
        try:
            message = await asyncio.wait_for(receive(), max(0.0, end - time.monotonic()))
        except TimeoutError:
            return None
        if message["type"] == "http.disconnect":
            return None
        found += message.get("body", b"")
        if len(found) > most:
            return None
        if not message.get("more_body"):
            return bytes(found)


async def answer(send: Send, status: int, body: dict[str, Any], retry: int = 0) -> None:
    raw = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(raw)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if retry:
        headers.append((b"retry-after", str(retry).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw, "more_body": False})
