"""POST /positions and its stream over the application's own door, with the writer as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from journeys.journey_node import movement_parts
from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.people.tokens import issue
from safeconduct.positions import reading, stream
from safeconduct.positions.limits import BATCHES_A_MINUTE
from safeconduct.positions.route import MAX_BODY, Positions
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from signed_in import signed_in

SYSTEM = system_subject("pk")


@pytest.fixture
def node(partner_home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(stream, "PAUSE", 0.01)
    writer = subprocess.Popen(
        [sys.executable, "-m", "safeconduct.node.processes", "writer", str(partner_home.path)]
    )
    end = time.monotonic() + 20
    while not partner_home.socket.exists() and time.monotonic() < end:
        time.sleep(0.02)
    with here.at(partner_home, Door(partner_home)):
        yield partner_home
    for store in reading._stores.values():
        store.close()
    reading._stores.clear()
    writer.terminate()
    writer.wait(20)


@dataclass
class Reply:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: Positions, method: str, path: str, body: bytes = b"", query: str = "", **headers: str
) -> Reply:
    """One request as the server would hand it on."""
    reply = Reply()
    given = {"host": "localhost", "content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.sleep(3_600)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            reply.body += message.get("body", b"")

    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
    }  # fmt: skip
    await app(scope, receive, send)
    return reply


def cookie_of(client: Any) -> str:
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


def journey(*assigned: str) -> str:
    return commit(SYSTEM, Draft("movement", movement_parts(), assigned=assigned)).record


def batch(movement: str, *times: float) -> bytes:
    fixes = [{"at": at, "latitude": 25.0, "longitude": 66.9, "accuracy_m": 10} for at in times]
    return json.dumps({"movement": movement, "positions": fixes}).encode()


def run(story: Any) -> None:
    async def play() -> None:
        app = Positions()
        try:
            await story(app)
        finally:
            await app.close()

    asyncio.run(play())


def test_a_phone_sends_a_batch_once_however_often_it_tries(node: Home) -> None:
    client, traveller = signed_in("protected_person", "mei")
    movement, other = journey(traveller.person), journey("somebody else")
    cookie, now = cookie_of(client), time.time()

    async def story(app: Positions) -> None:
        for new in (2, 0):
            reply = await ask(app, "POST", "/positions", batch(movement, now - 5, now - 1), cookie=cookie)
            assert reply.status == 200 and reply.json == {"received": 2, "new": new, "refused": []}
        for unknown in (other, "no such movement"):
            reply = await ask(app, "POST", "/positions", batch(unknown, now), cookie=cookie)
            assert reply.status == 404
        assert reading.store().untold(movement) == [], "the writer has heard of them"
        assert len(reading.store().track(movement, 0, 10)) == 2

    run(story)


def test_a_token_that_may_write_sends_too_and_one_that_reads_does_not(node: Home) -> None:
    _, traveller = signed_in("protected_person", "mei")
    movement, now = journey(traveller.person), time.time()
    account = Account.objects.get(username="mei")
    soon = timezone.now() + timedelta(days=1)
    texts = [issue(account, scope, ["protected_person"], scope, soon)[1] for scope in ("write", "read")]

    async def story(app: Positions) -> None:
        statuses = [
            (
                await ask(app, "POST", "/positions", batch(movement, now - n), authorization=f"Bearer {text}")
            ).status
            for n, text in enumerate([*texts, "sc_nothing"])
        ]
        assert statuses == [200, 403, 403]

    run(story)


def test_what_is_no_request_of_a_phone_is_refused(node: Home) -> None:
    client, traveller = signed_in("protected_person", "mei")
    movement = journey(traveller.person)
    cookie, good = cookie_of(client), batch(movement, time.time())

    async def story(app: Positions) -> None:
        async def status(body: bytes = good, method: str = "POST", **headers: str) -> int:
            return (await ask(app, method, "/positions", body, **{"cookie": cookie, **headers})).status

        assert await status(cookie="") == 403
        assert await status(cookie="sc_pk_8001_session=x; ;;;=") == 403
        assert await status(method="GET") == 405
        assert await status(host="elsewhere.example") == 400
        assert await status(origin="https://elsewhere.example") == 403
        assert await status(origin="http://localhost") == 200
        assert await status(content_type="text/plain") == 415
        assert await status(b"{") == 422
        assert await status(b"[" * 100_000) == 422
        assert await status(b"\xff\xfe") == 422
        assert await status(b"x" * (MAX_BODY + 1)) == 413
        assert await status(content_length="99999999999999999999") == 413
        assert await status(content_length="-1") == 413
        assert await status(batch(movement, *[time.time()] * 1_001)) in (413, 422)
        statuses = [await status() for _ in range(BATCHES_A_MINUTE + 5)]
        assert statuses[-1] == 429
        reply = await ask(app, "POST", "/positions", good, cookie=cookie)
        assert int(reply.headers["retry-after"]) > 0

    run(story)


def stream_notes(home: Home) -> list[tuple[str, list[str]]]:
    with sqlite3.connect(f"file:{home.ledger}?mode=ro", uri=True) as db:
        leaves = [json.loads(leaf) for (leaf,) in db.execute("SELECT leaf FROM ledger_leaf ORDER BY idx")]
    return [(leaf["what"], leaf["topics"]) for leaf in leaves if leaf["type"] == "stream"]


async def follow(
    app: Positions, cookie: str, query: str
) -> tuple[asyncio.Task[None], list[Any], asyncio.Event]:
    """A stream: its task, the messages it sent, and the event that makes its client go."""
    sent: list[Any] = []
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/positions/stream", "query_string": query.encode(),
        "headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())],
    }  # fmt: skip
    task = asyncio.create_task(app(scope, receive, send))
    while not sent and not task.done():
        await asyncio.sleep(0.01)
    return task, sent, gone


def positions_in(sent: list[Any]) -> list[Any]:
    text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    events = [block for block in text.split("\n\n") if block.startswith("event: positions")]
    return [each for block in events for each in json.loads(block.partition("data: ")[2])]


def test_a_stream_is_noted_shows_what_may_be_seen_and_ends_when_that_ends(node: Home) -> None:
    phone, traveller = signed_in("protected_person", "mei")
    room, officer = signed_in("watch_officer", "wu")
    yard, _ = signed_in("warden", "li")
    movement, now = journey(traveller.person), time.time()
    phone_cookie, cookie, other = (cookie_of(client) for client in (phone, room, yard))

    async def story(app: Positions) -> None:
        await ask(app, "POST", "/positions", batch(movement, now - 30), cookie=phone_cookie)
        _, refused, _ = await follow(app, other, f"movements={movement}")
        assert refused[0]["status"] == 404
        _, refused, _ = await follow(app, "", f"movements={movement}")
        assert refused[0]["status"] == 403
        task, sent, gone = await follow(app, cookie, f"movements={movement},unknown")
        assert sent[0]["status"] == 200
        await ask(app, "POST", "/positions", batch(movement, now - 1), cookie=phone_cookie)
        for _ in range(300):
            if len(positions_in(sent)) == 2:
                break
            await asyncio.sleep(0.01)
        assert [each["at"] for each in positions_in(sent)] == [now - 30, now - 1]
        assert all("person" not in each for each in positions_in(sent))
        gone.set()
        await asyncio.wait_for(task, 5)
        topics = [f"positions:{movement}"]
        assert stream_notes(node) == [("opened", topics), ("closed", topics)]

        task, sent, _ = await follow(app, cookie, f"movements={movement}")
        await asyncio.get_running_loop().run_in_executor(None, _end_role, officer)
        await ask(app, "POST", "/positions", batch(movement, now), cookie=phone_cookie)
        await asyncio.wait_for(task, 5)
        assert now not in [each["at"] for each in positions_in(sent)], "no role, no position"

    run(story)


def _end_role(who: Subject) -> None:
    rows = here.tables().all(
        "SELECT id, version, parts FROM records_row WHERE kind = 'role_assignment' AND external = %s",
        [who.person],
    )
    ((record, version, parts),) = rows
    commit(
        SYSTEM, Draft("role_assignment", json.loads(parts), record=record, expected=version, state="ended")
    )
