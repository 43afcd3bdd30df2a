"""A node whose writer is another process, and the stream of changes as a browser follows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from django.conf import settings
from django.test import Client

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.people.roles import assign_role
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.shell.live import Live
from writer_process import start_writer, stop_writer

from .conftest import PASSWORD, new_browser

PARTS = {
    "summary": {"title": "Bomb against a convoy", "category": "attack"},
    "when": {"start": "2024-10-06T23:00:00+05:00"},
    "where": {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport", "district": "Karachi"},
}
LONG = 90.0


@contextmanager
def serving(home: Home) -> Iterator[Home]:
    """A node whose writer is another process, as when it serves."""
    writer = start_writer(home)
    try:
        with here.at(home, Door(home)):
            yield home
    finally:
        stop_writer(writer)


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


def account_of(username: str) -> Account:
    return Account.objects.get(username=username)


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
