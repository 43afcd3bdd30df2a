"""An answer to a muster from a phone's outbox, taken before Django sees it: in a muster thousands answer at once.

What is taken here has passed every check that the page makes: the host's name, the session, the second factor, the
token against forgery, the form of the word; roles are what the records say at this moment, and the writer decides.
Whatever is not plainly in order goes on to Django, which answers it in its own words.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections, connections
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from safeconduct.agreement.policy import Subject
from safeconduct.people.presented import Presenting
from safeconduct.records import here, principals
from safeconduct.records.door import AsyncDoor
from safeconduct.records.refusals import NotFound, Refused, Unavailable
from safeconduct.records.together import Together
from safeconduct.records.transaction import iso
from safeconduct.shell.outbox import BODY, refusal
from safeconduct.watch.muster_phone import Said

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

PREFIX = "/watch/musters/entries/"
LONGEST_ENTRY = 64
BODY_SECONDS = 20.0


class MusterAnswers:
    """In front of Django: one web process's way for answers of phones."""

    def __init__(self, django: App) -> None:
        self._django = django
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="muster")
        self._presenting = Presenting()
        self._senders: Together[str, tuple[str, Subject] | None] = Together(self._present, self._hop)
        self._csrf = CsrfViewMiddleware(_nothing)
        self._door: AsyncDoor | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): v.decode("latin-1") for name, v in scope["headers"]}
        entry = scope["path"].removeprefix(PREFIX).removesuffix("/")
        size = headers.get("content-length", "")
        plain = (
            scope["method"] == "POST"
            and headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
            and entry.isascii()
            and entry.isalnum()
            and len(entry) <= LONGEST_ENTRY
            and scope["path"] == f"{PREFIX}{entry}/"
            and size.isascii()
            and size.isdigit()
            and len(size) < 9
            and int(size) <= BODY
        )
        if not plain:
            await self._django(scope, receive, send)
            return
        body = await _body(receive, int(size))
        if body is None:
            await _answer(send, 400, {"error": "the word did not come"})
            return
        said = None if self._forged(scope, body) else _said(body)
        found = await self._senders.ask(headers.get("cookie", "")) if said is not None else None
        if said is None or found is None:
            await self._django(scope, _again(body, receive), send)
            return
        name, subject = found
        reply = {"at": said.at or iso(time.time()), "means": "phone", "by": name, "remark": ""}
        payload = {
            "actor": principals.to_wire(subject),
            "entry": entry,
            "state": said.category,
            "reply": reply,
        }
        try:
            done = await self._writer().call("watch_muster_reply", payload)
        except (NotFound, Refused, Unavailable, ValueError) as fault:
            await _answer(send, *refusal(fault))
        else:
            await _answer(send, 201, {"record": done["record"]})

    def _forged(self, scope: dict[str, Any], body: bytes) -> bool:
        """Whether Django's own check against requests of other sites, or of the host's name, stops it."""
        request = ASGIRequest(scope, BytesIO(body))
        try:
            request.get_host()
            self._csrf.process_request(request)
            return self._csrf.process_view(request, _nothing, (), {}) is not None
        except DisallowedHost:
            return True

    def _writer(self) -> AsyncDoor:
        if self._door is None:
            self._door = AsyncDoor(here.home())
        return self._door

    def _present(self, asked: Sequence[str]) -> list[tuple[str, Subject] | Exception | None]:
        """For each Cookie header what the person is called, and who that is to the policy now."""
        now = time.time()
        found: list[tuple[str, Subject] | Exception | None] = []
        for cookies in asked:
            sender = self._presenting.recall(cookies, None) or self._presenting.look_up(cookies, None)
            subject = sender.subject(now) if sender is not None else None
            found.append((sender.name, subject) if sender is not None and subject is not None else None)
        return found

    async def _hop(self, question: Callable[[], Any]) -> Any:
        def asked() -> Any:
            close_old_connections()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    async def close(self) -> None:
        self._presenting.close()
        if self._door is not None:
            await self._door.close()
        self._thread.submit(connections.close_all)
        self._thread.shutdown()


def _said(body: bytes) -> Said | None:
    try:
        return Said.model_validate(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


async def _body(receive: Receive, size: int) -> bytes | None:
    """A body of the size that was announced; None for one that did not come."""
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
        if len(found) > size or not message.get("more_body"):
            return bytes(found[:size])


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read already, for who reads it once more."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> dict[str, Any]:
        return waiting.pop() if waiting else await receive()

    return given


async def _answer(send: Send, status: int, body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(raw)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw, "more_body": False})
