"""POST /positions and its stream over the application's own door, with the writer as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

import ready
from journeys.journey_node import movement_parts
from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.people.tokens import issue, revoke
from safeconduct.positions import reading, stream
from safeconduct.positions.limits import BATCHES_A_MINUTE
from safeconduct.positions.route import MAX_BODY, Positions
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Unavailable
from signed_in import signed_in
from writer_process import start_writer, stop_writer

SYSTEM = system_subject("pk")


@pytest.fixture
def node(partner_home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(stream, "PAUSE", 0.01)
    writer = start_writer(partner_home)
    with here.at(partner_home, Door(partner_home)):
        yield partner_home
    for store in reading._stores.values():
        store.close()
    reading._stores.clear()
    stop_writer(writer)


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
        await app.telling.done()
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


def test_many_at_once_are_each_answered_for_themselves(node: Home) -> None:
    """They are kept together; what is wrong with one is not the others'."""
    phones = [signed_in("protected_person", f"traveller-{n}") for n in range(6)]
    movements, now = [journey(traveller.person) for _, traveller in phones], time.time()
    cookies = [cookie_of(client) for client, _ in phones]
    bodies = [
        batch(movements[0], now - 3, now - 2),
        batch(movements[0], now - 1),
        b"{",
        batch(movements[3], now - 9 * 86_400, now),
        batch(movements[4], now, now),
        batch(movements[5], *([now] * 1_000)),
    ]

    async def story(app: Positions) -> None:
        asked = [
            ask(app, "POST", "/positions", body, cookie=cookie)
            for body, cookie in zip(bodies, cookies, strict=True)
        ]
        replies = await asyncio.gather(*asked)
        assert [reply.status for reply in replies] == [200, 404, 422, 200, 200, 200]
        told = [(reply.json["received"], reply.json["new"]) for reply in replies if reply.status == 200]
        assert told == [(2, 2), (1, 1), (2, 1), (1_000, 1)]
        assert replies[3].json["refused"][0]["number"] == 0
        kept = [len(reading.store().track(movement, 0, 2_000)) for movement in movements]
        assert kept == [2, 0, 0, 1, 1, 1]
        db = reading.store().db
        on_files = isinstance(db, sqlite3.Connection)
        asked, waits = ("PRAGMA synchronous", 2) if on_files else ("SHOW synchronous_commit", "on")
        assert db.execute(asked).fetchone() == (waits,), "durable when answered"

    run(story)


def _sign_out(traveller: Subject, client: Any, token: Any) -> None:
    client.session.flush()


def _lock(traveller: Subject, client: Any, token: Any) -> None:
    Account.objects.filter(person=traveller.person).update(locked=True)


def _new_password(traveller: Subject, client: Any, token: Any) -> None:
    account = Account.objects.get(person=traveller.person)
    account.set_password("another one, a long one")
    account.save()


def _must_change(traveller: Subject, client: Any, token: Any) -> None:
    Account.objects.filter(person=traveller.person).update(must_change_password=True)


def _role_ends(traveller: Subject, client: Any, token: Any) -> None:
    found = here.tables().one(
        "SELECT id, parts FROM records_row WHERE kind = 'role_assignment' AND external = %s",
        [traveller.person],
    )
    assert found is not None
    commit(
        SYSTEM,
        Draft("role_assignment", json.loads(found[1]), record=found[0], expected=1, state="ended"),
    )


def _revoke(traveller: Subject, client: Any, token: Any) -> None:
    revoke(token)


@pytest.mark.parametrize("end", [_sign_out, _lock, _new_password, _must_change, _role_ends])
def test_a_session_that_ended_sends_nothing_more_however_well_it_was_known(node: Home, end: Any) -> None:
    client, traveller = signed_in("protected_person", "mei")
    movement, cookie, now = journey(traveller.person), cookie_of(client), time.time()

    async def story(app: Positions) -> None:
        for n in range(3):
            assert (
                await ask(app, "POST", "/positions", batch(movement, now - n), cookie=cookie)
            ).status == 200
        await asyncio.to_thread(_closing(end), traveller, client, None)
        reply = await ask(app, "POST", "/positions", batch(movement, now - 9), cookie=cookie)
        assert reply.status in (403, 404)
        assert len(reading.store().track(movement, 0, 10)) == 3

    run(story)


@pytest.mark.parametrize("end", [_revoke, _lock, _role_ends])
def test_a_token_that_ended_sends_nothing_more_however_well_it_was_known(node: Home, end: Any) -> None:
    client, traveller = signed_in("protected_person", "mei")
    movement, now = journey(traveller.person), time.time()
    account = Account.objects.get(username="mei")
    token, text = issue(account, "phone", ["protected_person"], "write", timezone.now() + timedelta(days=1))

    async def story(app: Positions) -> None:
        said = {"authorization": f"Bearer {text}"}
        for n in range(3):
            assert (await ask(app, "POST", "/positions", batch(movement, now - n), **said)).status == 200
        await asyncio.to_thread(_closing(end), traveller, client, token)
        reply = await ask(app, "POST", "/positions", batch(movement, now - 9), **said)
        assert reply.status in (403, 404)
        assert len(reading.store().track(movement, 0, 10)) == 3

    run(story)


def _closing(function: Any) -> Any:
    def done(*given: Any) -> None:
        try:
            function(*given)
        finally:
            connections.close_all()

    return done


def test_a_session_that_expired_sends_nothing_more(node: Home) -> None:
    client, traveller = signed_in("protected_person", "mei")
    movement, cookie = journey(traveller.person), cookie_of(client)
    session = client.session
    session.set_expiry(6)
    session.save()
    over = time.time() + 6.1

    async def story(app: Positions) -> None:
        now = time.time()
        assert (await ask(app, "POST", "/positions", batch(movement, now), cookie=cookie)).status == 200
        await asyncio.sleep(over - time.time())
        assert (await ask(app, "POST", "/positions", batch(movement, now - 1), cookie=cookie)).status == 403

    run(story)


def test_what_the_writer_could_not_hear_it_hears_with_the_next(node: Home) -> None:
    client, traveller = signed_in("protected_person", "mei")
    movement, cookie, now = journey(traveller.person), cookie_of(client), time.time()

    async def story(app: Positions) -> None:
        assert (await ask(app, "POST", "/positions", batch(movement, now - 5), cookie=cookie)).status == 200
        await app.telling.done()
        door = app.door()

        async def silent(*_: Any) -> list[Any]:
            raise Unavailable("no writer")

        door.call_many = silent  # type: ignore[method-assign]
        assert (await ask(app, "POST", "/positions", batch(movement, now - 4), cookie=cookie)).status == 200
        await app.telling.done()
        assert [p.at for p in reading.store().untold(movement)] == [now - 4]
        del door.call_many
        assert (await ask(app, "POST", "/positions", batch(movement, now - 3), cookie=cookie)).status == 200
        await app.telling.done()
        assert reading.store().untold(movement) == []

    run(story)


def stream_notes(home: Home) -> list[tuple[str, list[str]]]:
    return [(leaf["what"], leaf["topics"]) for leaf in ready.leaves(home) if leaf["type"] == "stream"]


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
        async with asyncio.timeout(90):
            while len(positions_in(sent)) < 2:
                await asyncio.sleep(0.01)
        assert [each["at"] for each in positions_in(sent)] == [now - 30, now - 1]
        assert all("person" not in each for each in positions_in(sent))
        gone.set()
        await asyncio.wait_for(task, 90)
        topics = [f"positions:{movement}"]
        assert stream_notes(node) == [("opened", topics), ("closed", topics)]

        task, sent, _ = await follow(app, cookie, f"movements={movement}")
        await asyncio.get_running_loop().run_in_executor(None, _end_role, officer)
        await ask(app, "POST", "/positions", batch(movement, now), cookie=phone_cookie)
        await asyncio.wait_for(task, 90)
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
