"""`POST /positions` and `GET /positions/stream`, answered before Django sees them: a phone reports often.

A batch comes from a signed-in phone or with a token that may write. It is kept when it is answered, and the writer is
told what is new, so that a corridor that was left becomes a record. Whether the writer heard stands beside each
position; what it could not be told is told with the next batch.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import close_old_connections, connections
from django.http.request import split_domain_port, validate_host

from safeconduct.agreement.policy import Subject
from safeconduct.people import tokens
from safeconduct.people.sessions import subject_of_cookies
from safeconduct.positions.limits import Allowance
from safeconduct.positions.reading import store
from safeconduct.positions.sending import Batch, BatchRefused, may_send, read_batch
from safeconduct.positions.stream import Following
from safeconduct.records import here
from safeconduct.records.door import AsyncDoor
from safeconduct.records.refusals import Refused, Unavailable

log = logging.getLogger(__name__)

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
            await self._take(headers, receive, send)

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
        sender = await self.ask(lambda: _sender(headers))
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
            batch = await self.ask(lambda: _read(sender, body))
        except BatchRefused as fault:
            await answer(send, 422, {"error": str(fault)})
            return
        if batch is None:
            await answer(send, 404, {"error": "no such movement that is yours and under way"})
            return
        wait = self._allowance.positions(sender.person, len(batch.positions))
        if wait:
            await answer(send, 429, {"error": "too many positions"}, retry=wait)
            return
        kept = await self.ask(lambda: store().put(batch.positions))
        refused = [{"number": number, "why": why} for number, why in batch.refused]
        await answer(send, 200, {"received": len(batch.positions), "new": kept, "refused": refused[:100]})
        if kept:
            self.following.moved(batch.movement)
            await self._tell(batch.movement)

    async def _tell(self, movement: str) -> None:
        untold = await self.ask(lambda: store().untold(movement))
        fixes = [[p.person, p.at, p.latitude, p.longitude, p.accuracy_m] for p in untold]
        try:
            await self.door().call("positions_seen", {"movement": movement, "fixes": fixes})
        except (Unavailable, Refused) as fault:
            log.warning("the writer did not hear of positions: %s", type(fault).__name__)
            return
        await self.ask(lambda: store().tell(untold))

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
        self.following.end_all()
        if self._door is not None:
            await self._door.close()
        self._thread.submit(connections.close_all)
        self._thread.shutdown()


def _sender(headers: dict[str, str]) -> Subject | None:
    given = headers.get("authorization", "")
    if not given:
        return subject_of_cookies(headers.get("cookie", ""))
    text = tokens.from_header(given)
    bearer = tokens.present(text) if text else None
    return bearer.principal if bearer is not None and bearer.may_write else None


def _read(sender: Subject, body: bytes) -> Batch | None:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise BatchRefused("not JSON") from fault
    batch = read_batch(sender, given)
    return batch if may_send(sender, batch.movement) else None


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
