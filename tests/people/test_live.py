"""The live stream: who may listen, to what, and when it ends. The writer is a process of its own here."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from safeconduct.agreement.policy import Subject
from safeconduct.people import roles
from safeconduct.people.models import Account
from safeconduct.people.principal import principal_of
from safeconduct.people.roles import assign_role
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.shell.live import BACKLOG, Live, Stream

from .conftest import PASSWORD, new_browser

PARTS = {
    "summary": {"title": "Bomb against a convoy", "category": "attack"},
    "when": {"start": "2024-10-06T23:00:00+05:00"},
    "where": {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport", "district": "Karachi"},
}
LONG = 10.0


@pytest.fixture
def node(host_home: Home) -> Iterator[Home]:
    """A node whose writer is another process, as when it serves."""
    command = [sys.executable, "-m", "safeconduct.node.processes", "writer", str(host_home.path)]
    writer = subprocess.Popen(command)
    end = time.monotonic() + 20
    while not host_home.socket.exists() and time.monotonic() < end:
        time.sleep(0.02)
    with here.at(host_home, Door(host_home)):
        yield host_home
    writer.terminate()
    writer.wait(20)


def account(username: str, *names: str) -> Account:
    made = Account.objects.create_account(username, PASSWORD, clearance=3)
    for name in names:
        assign_role(system_subject("pk"), made, name)
    return made


def signed_in(username: str, *names: str) -> tuple[Account, Client]:
    made, browser = account(username, *names), new_browser()
    browser.post("/accounts/login/", {"login": username, "password": PASSWORD})
    return made, browser


def cookie(browser: Client) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"


def attack(reporter: Subject) -> str:
    return commit(reporter, Draft("incident", PARTS)).record


class Listener:
    """One HTTP request to the stream, and what has come of it."""

    def __init__(self) -> None:
        self.status = 0
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.changed = asyncio.Event()
        self.leave = asyncio.Event()
        self.ended = False

    async def receive(self) -> dict[str, Any]:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            for block in message["body"].decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
                if "data" in fields:
                    data = json.loads(fields["data"])
                    self.events.append((fields.get("event", "message"), fields.get("id", ""), data))
            self.ended = not message.get("more_body", False)
        self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONG):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [data for name, _, data in self.events if name == "message"]

    def named(self, event: str) -> int:
        return sum(name == event for name, _, _ in self.events)


@asynccontextmanager
async def listening(
    live: Live, cookies: str, query: str = "", host: str = "localhost:8001", **headers: str
) -> AsyncIterator[Listener]:
    given = {"host": host, "cookie": cookies, **{k.replace("_", "-"): v for k, v in headers.items()}}
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/live",
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
    }
    listener = Listener()
    task = asyncio.create_task(live(scope, listener.receive, listener.send))
    task.add_done_callback(lambda _: listener.changed.set())
    await listener.until(lambda: listener.named("beat") > 0 or task.done())
    try:
        yield listener
    finally:
        listener.leave.set()
        async with asyncio.timeout(LONG):
            await task


def run(story: Callable[[Live], Awaitable[None]], beat: float = 60.0) -> None:
    async def told() -> None:
        live = Live(beat=beat)
        try:
            await story(live)
        finally:
            await live.close()

    asyncio.run(told())


def test_nobody_listens_without_a_session(node: Home) -> None:
    async def story(live: Live) -> None:
        for cookies in ("", "x", f"{settings.SESSION_COOKIE_NAME}=abcdefghijklmnopqrstuvwxyz012345"):
            async with listening(live, cookies) as listener:
                assert listener.status == 403 and not listener.events

    run(story)


def test_another_host_name_is_refused(node: Home) -> None:
    async def story(live: Live) -> None:
        for host in ("evil.example", "", "localhost.evil.example", "evil.example:8001"):
            async with listening(live, "", host=host) as listener:
                assert listener.status == 400

    run(story)


def test_a_change_reaches_who_may_read_it_and_nobody_else(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")
    _, root = signed_in("root", "administrator")

    async def story(live: Live) -> None:
        async with (
            listening(live, cookie(browser)) as may,
            listening(live, cookie(root)) as may_not,
        ):
            record = await asyncio.to_thread(attack, principal_of(officer))
            await may.until(lambda: bool(may.messages))
            assert {"kind": "incident", "record": record, "about": ""}.items() <= may.messages[0].items()
            assert may.events[-1][1] == str(may.messages[0]["index"])
            await asyncio.to_thread(assign_role, system_subject("pk"), account_of("officer"), "analyst")
            await may_not.until(lambda: bool(may_not.messages))
            assert {m["kind"] for m in may_not.messages} == {"role_assignment"}

    run(story)


def account_of(username: str) -> Account:
    return Account.objects.get(username=username)


def test_topics_narrow_what_is_heard(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with (
            listening(live, cookie(browser), "topics=claim,alert") as narrow,
            listening(live, cookie(browser), "topics=claim&topics=incident") as wide,
        ):
            await asyncio.to_thread(attack, principal_of(officer))
            await wide.until(lambda: bool(wide.messages))
            assert not narrow.messages

    run(story)


def test_opening_and_closing_are_in_the_ledger(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser), "topics=incident"):
            pass

    run(story)
    ledger = (node.path / "ledger.sqlite3").read_bytes() + (node.path / "ledger.sqlite3-wal").read_bytes()
    for what in ("opened", "closed"):
        note = f'"person":"{officer.person}","topics":["incident"],"type":"stream","what":"{what}"'
        assert note.encode() in ledger


def test_a_stream_ends_with_its_session(node: Home) -> None:
    _, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            await asyncio.to_thread(browser.post, "/accounts/logout/")
            await listener.until(lambda: listener.ended)
        async with listening(live, cookie(browser)) as listener:
            assert listener.status == 403

    run(story, beat=0.2)


def test_a_stream_ends_when_its_account_is_locked(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            await asyncio.to_thread(Account.objects.filter(pk=officer.pk).update, locked=True)
            await listener.until(lambda: listener.ended)

    run(story, beat=0.2)


def test_a_stream_ends_at_once_when_its_roles_change_and_only_then(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")
    _, other = signed_in("other", "watch_officer")
    administrator = system_subject("pk")._replace(roles=frozenset({"administrator"}))
    held = roles.assignments(administrator, officer.person)[0].record

    async def story(live: Live) -> None:
        async with (
            listening(live, cookie(browser)) as listener,
            listening(live, cookie(other)) as bystander,
        ):
            await asyncio.to_thread(roles.end_role, administrator, held)
            await listener.until(lambda: listener.ended)
            assert not bystander.ended

    run(story)


def test_a_stream_ends_when_the_policy_changes(node: Home) -> None:
    _, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            await asyncio.to_thread(suspend_a_house_rule)
            await listener.until(lambda: listener.ended)

    run(story)


def suspend_a_house_rule() -> None:
    from conftest import SIGNATORY_KEY
    from safeconduct.node.signing_here import act

    act("house", "H2", "suspended", SIGNATORY_KEY, None, here.door())


def test_who_comes_back_hears_what_was_missed_or_to_look_again(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")
    reporter = principal_of(officer)

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            await asyncio.to_thread(attack, reporter)
            await listener.until(lambda: bool(listener.messages))
            last = listener.messages[-1]["index"]
            second = await asyncio.to_thread(attack, reporter)
            await listener.until(lambda: len(listener.messages) == 2)
        async with listening(live, cookie(browser), last_event_id=str(last)) as back:
            await back.until(lambda: bool(back.messages))
            assert [m["record"] for m in back.messages] == [second] and not back.named("reset")
        async with listening(live, cookie(browser), f"last_event_id={last}") as back:
            await back.until(lambda: bool(back.messages))
        async with listening(live, cookie(browser), last_event_id="0") as long_gone:
            await long_gone.until(lambda: long_gone.named("reset") == 1)
            assert not long_gone.messages
        for odd in ("-1", "x", "1e9", "٣"):
            async with listening(live, cookie(browser), f"last_event_id={odd}") as listener:
                assert listener.status == 200

    run(story)


def test_when_too_much_came_to_name_it_who_may_read_of_it_looks_at_everything(node: Home) -> None:
    (_, officer), (_, admin) = signed_in("officer", "watch_officer"), signed_in("admin", "administrator")

    async def story(live: Live) -> None:
        async with (
            listening(live, cookie(officer), "topics=incident") as concerned,
            listening(live, cookie(officer), "topics=claim") as elsewhere,
            listening(live, cookie(admin), "topics=incident") as stranger,
        ):
            await live._announce([{"topic": "incident", "kind": "incident", "record": "", "index": 9}])
            await concerned.until(lambda: concerned.named("reset") == 1)
            assert not concerned.messages
            assert elsewhere.named("reset") == stranger.named("reset") == 0
        async with listening(live, cookie(officer), last_event_id="5") as back:
            await back.until(lambda: back.named("reset") == 1)

    run(story)


def test_a_role_that_needs_a_second_factor_does_not_listen_without(node: Home) -> None:
    _, browser = signed_in("chief", "coordinator")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            assert listener.status == 403

    with override_settings(SECOND_FACTOR_REQUIRED=True):
        run(story)


def test_a_client_that_does_not_keep_up_is_cut_off() -> None:
    async def story() -> None:
        slow = Stream(Subject("pk", frozenset()), "", frozenset())
        for number in range(BACKLOG + 5):
            slow.offer(b"%d" % number)
        assert slow.queue.qsize() <= 6 and None in [
            slow.queue.get_nowait() for _ in range(slow.queue.qsize())
        ]

    asyncio.run(story())


def test_without_a_writer_there_is_no_stream(node: Home, tmp_path: Path) -> None:
    alone = Home.create(tmp_path / "alone", "pk", "host", "Host")

    async def story(live: Live) -> None:
        stream = Stream(Subject("pk", frozenset()), "", frozenset())
        assert not await live._open(stream)

    with here.at(alone, Door(alone)), pytest.MonkeyPatch.context() as patched:
        patched.setattr("safeconduct.shell.live.START_TIMEOUT", 0.2)
        run(story)
