"""Answers of phones over the way in front of Django, with the writer as a process of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

import ready
from positions.test_route import Reply
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.transaction import iso
from safeconduct.watch.muster_route import PREFIX, MusterAnswers
from signed_in import signed_in
from writer_process import start_writer, stop_writer

SYSTEM = system_subject("pk")
TOKEN = "0123456789abcdefghijklmnopqrstuv"


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    writer = start_writer(partner_home)
    with here.at(partner_home, Door(partner_home)):
        yield partner_home
    stop_writer(writer)


def muster() -> str:
    now = time.time()
    call = {"title": "All", "scope": "country", "since": iso(now), "due": iso(now + 600)}
    return commit(SYSTEM, Draft("muster", {"call": call}, state="open")).record


def asked(record: str, *persons: str) -> list[str]:
    return [
        commit(
            SYSTEM,
            Draft(
                "roll_entry",
                {"who": {"name": f"Worker {n}"}, "link": {"account": person}},
                about=record,
                assigned=[person],
                state="unaccounted",
            ),
        ).record
        for n, person in enumerate(persons)
    ]


def states(home: Home, record: str) -> dict[str, tuple[str, dict[str, Any]]]:
    sql = "SELECT id, state, parts FROM records_row WHERE kind = 'roll_entry' AND about = %s"
    rows = ready.ask_tables(home, sql, record)
    return {entry: (state, json.loads(parts).get("reply") or {}) for entry, state, parts in rows}


class Phone:
    """One person's browser, as the server would hand its requests on. What goes on to Django is counted."""

    def __init__(self, client: Client) -> None:
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}"

    async def says(
        self, app: MusterAnswers, entry: str, body: bytes, path: str = "", **headers: str
    ) -> Reply:
        reply = Reply()
        given = {
            "host": "localhost",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "cookie": self.cookie,
            "x-csrftoken": TOKEN,
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await asyncio.sleep(3_600)
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
            else:
                reply.body += message.get("body", b"")

        where = path or f"{PREFIX}{entry}/"
        scope = {
            "type": "http", "method": "POST", "path": where, "raw_path": where.encode(), "query_string": b"",
            "scheme": "http", "http_version": "1.1", "root_path": "", "client": ["127.0.0.1", 1],
            "server": ["localhost", 80],
            "headers": [(k.encode(), v.encode()) for k, v in given.items() if v],
        }  # fmt: skip
        await app(scope, receive, send)
        return reply


class Handed:
    """Stands where Django stands: 418 to whatever is handed on, with the body it was given."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append((await receive()).get("body", b""))
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def run(story: Any) -> None:
    async def play() -> None:
        handed = Handed()
        app = MusterAnswers(handed)
        try:
            await story(app, handed)
        finally:
            await app.close()

    asyncio.run(play())


def word(category: str, **more: Any) -> bytes:
    return json.dumps({"category": category, **more}).encode()


def test_an_answer_is_durable_and_says_who_gave_it_by_what_means_and_when(node: Home) -> None:
    client, mei = signed_in("protected_person", "mei")
    record = muster()
    (entry,) = asked(record, mei.person)
    at = iso(time.time() - 30)

    async def story(app: MusterAnswers, handed: Handed) -> None:
        for _ in range(2):
            reply = await Phone(client).says(app, entry, word("accounted", at=at))
            assert (reply.status, reply.json) == (201, {"record": entry})
        assert not handed.bodies

    run(story)
    state, reply = states(node, record)[entry]
    assert (state, reply["means"], reply["by"], reply["at"]) == ("accounted", "phone", "mei", at)
    versions = here.tables().all("SELECT version FROM records_version WHERE record = %s", [entry])
    assert len(versions) == 2, "the same word again changes nothing"


def test_one_speaks_for_oneself_alone_and_only_words_that_are_answers_count(node: Home) -> None:
    client, mei = signed_in("protected_person", "mei")
    record = muster()
    own, others = asked(record, mei.person, "somebody else")

    async def story(app: MusterAnswers, handed: Handed) -> None:
        phone = Phone(client)
        assert (await phone.says(app, others, word("accounted"))).status == 404
        assert (await phone.says(app, "0" * 32, word("accounted"))).status == 404
        for wrong in ("unaccounted", "safe", ""):
            assert (await phone.says(app, own, word(wrong))).status == 400
        assert (await phone.says(app, own, word("accounted", at="no moment"))).status == 201
        assert not handed.bodies

    run(story)
    found = states(node, record)
    assert found[others] == ("unaccounted", {}) and found[own][0] == "accounted"


@pytest.mark.parametrize(
    "changed",
    [
        {"x_csrftoken": ""},
        {"x_csrftoken": "v" * 32},
        {"origin": "https://elsewhere.example"},
        {"host": "elsewhere.example"},
        {"cookie": ""},
        {"cookie": "sc_pk_8001_session=x; ;;;="},
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_length": ""},
        {"content_length": "-1"},
        {"content_length": "99999999"},
        {"body": b"{"},
        {"body": b"[]"},
        {"body": b"[" * 10_000},
        {"body": b'{"category": 7}'},
        {"body": b"\xff\xfe"},
        {"path": f"{PREFIX}../sos/"},
        {"path": f"{PREFIX}a/b/"},
        {"path": PREFIX},
    ],
    ids=lambda changed: f"{next(iter(changed))}",
)
def test_whatever_is_not_plainly_in_order_is_answered_by_django_with_the_body_it_had(
    node: Home, changed: dict[str, Any]
) -> None:
    client, mei = signed_in("protected_person", "mei")
    record = muster()
    (entry,) = asked(record, mei.person)
    body, path = changed.pop("body", word("accounted")), changed.pop("path", "")

    async def story(app: MusterAnswers, handed: Handed) -> None:
        reply = await Phone(client).says(app, entry, body, path, **changed)
        assert reply.status == 418 and handed.bodies == [body]

    run(story)
    assert states(node, record)[entry] == ("unaccounted", {})


@pytest.mark.parametrize("how", ["signed out", "locked", "second factor"])
def test_who_may_not_go_on_is_not_heard_however_well_known(
    node: Home, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, mei = signed_in("protected_person", "mei")
    record = muster()
    first, second = asked(record, mei.person, mei.person)

    async def story(app: MusterAnswers, handed: Handed) -> None:
        assert (await Phone(client).says(app, first, word("accounted"))).status == 201
        if how == "locked":
            await asyncio.to_thread(Account.objects.filter(person=mei.person).update, locked=True)
        elif how == "signed out":
            await asyncio.to_thread(client.session.flush)
        else:
            monkeypatch.setattr(settings, "SECOND_FACTOR_REQUIRED", True)
            part = {"person": mei.person, "account_name": "mei", "role": "coordinator", "clearance": 3}
            draft = Draft("role_assignment", {"assignment": part}, releasable=())
            await asyncio.to_thread(commit, SYSTEM, draft)
        assert (await Phone(client).says(app, second, word("accounted"))).status == 418

    run(story)
    assert states(node, record)[second][0] == "unaccounted"


def test_nothing_that_was_acknowledged_is_lost_when_the_writer_is_killed(partner_home: Home) -> None:
    """Who was not answered sends again, as the phone's outbox does."""
    home, writers = partner_home, [start_writer(partner_home)]
    with here.at(home, Door(home)):
        phones = [signed_in("protected_person", f"worker-{n}") for n in range(40)]
        record = muster()
        entries = asked(record, *(person.person for _, person in phones))
        acknowledged: list[str] = []

        async def story(app: MusterAnswers, handed: Handed) -> None:
            async def answer(client: Client, entry: str) -> None:
                phone = Phone(client)
                while True:
                    reply = await phone.says(app, entry, word("accounted"))
                    if reply.status == 201:
                        acknowledged.append(entry)
                        return
                    assert reply.status == 503
                    await asyncio.sleep(0.1)

            async def kill() -> None:
                while len(acknowledged) < 10:
                    await asyncio.sleep(0)
                writers[0].kill()
                await asyncio.to_thread(writers[0].join)
                at_the_kill.update(acknowledged)
                writers.append(await asyncio.to_thread(start_writer, home))

            async with asyncio.TaskGroup() as group:
                group.create_task(kill())
                for (client, _), entry in zip(phones, entries, strict=True):
                    group.create_task(answer(client, entry))
                    await asyncio.sleep(0.005)

        at_the_kill: set[str] = set()
        run(story)
        assert 10 <= len(at_the_kill) <= 40 and sorted(acknowledged) == sorted(entries)
        last = {each["record"]: each for each in ready.leaves(home) if each.get("kind") == "roll_entry"}
        assert {last[entry]["state"] for entry in entries} == {"accounted"}
        assert {last[entry]["version"] for entry in entries} <= {2, 3}
    stop_writer(writers[-1])
