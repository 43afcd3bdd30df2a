"""An SOS from the press to the screens of both rooms: two nodes with all their processes, the link between them HTTPS.

Travellers of the Partner Party press, one after the other. `durable` is when the POST was answered, `own room`
and `other room` are when it stood on the last of the screens there: each is a browser's live stream, half of them in
each room. Times are from sending the press, one clock. A checkpoint is published with each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from bench.measure import heading
from bench.nodes import Node, free_port, two_homes
from safeconduct.records.home import Home
from safeconduct.records.started import settle

PATIENCE = 10.0
AIM_MS = 250
WARMING = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screens", type=int, default=200)
    parser.add_argument("--presses", type=int, default=60)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between presses")
    given = parser.parse_args()
    heading(f"An SOS across two nodes and on {given.screens} screens, {given.presses} presses")
    with two_homes() as homes:
        host, partner = (_settled(home) for home in homes)
        (watching,), (floor,) = _sessions(host, "watch_officer"), _sessions(partner, "watch_officer")
        travellers = _sessions(partner, "protected_person", given.presses + WARMING)
        with _running(host), _running(partner):
            run = Run(host, partner, travellers)
            settle()
            asyncio.run(run.measure({"own room": floor, "other room": watching}, given))
    run.report()


class Run:
    """One run: who presses, each once, which screens are open, and how long each press took."""

    def __init__(self, host: Home, partner: Home, travellers: list[str]) -> None:
        self.homes = {"own room": partner, "other room": host}
        self.travellers = travellers
        self.screens: dict[str, list[set[str]]] = {}
        self.changed = asyncio.Event()
        self.took: dict[str, list[float]] = {"durable": [], "own room": [], "other room": []}
        self.lost = 0

    async def measure(self, sessions: dict[str, str], given: argparse.Namespace) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            ready, tasks = [], []
            for room, session in sessions.items():
                self.screens[room] = [set() for _ in range(given.screens // 2)]
                for seen in self.screens[room]:
                    ready.append(asyncio.Event())
                    tasks.append(group.create_task(self._screen(client, room, session, seen, ready[-1])))
            async with asyncio.timeout(60):
                for each in ready:
                    await each.wait()
            for number in range(1, given.presses + WARMING + 1):
                await self._press(client, number)
                await asyncio.sleep(given.pause)
            for task in tasks:
                task.cancel()

    async def _screen(
        self, client: aiohttp.ClientSession, room: str, session: str, seen: set[str], ready: asyncio.Event
    ) -> None:
        home = self.homes[room]
        headers = {"Cookie": f"{_cookie(home, 'session')}={session}"}
        async with client.get(f"{_address(home)}/live?topics=sos", headers=headers) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                ready.set()
                if line.startswith(b"data: {"):
                    message = json.loads(line[6:])
                    if message.get("kind") == "sos":
                        seen.add(message["record"])
                        self.changed.set()

    async def _press(self, client: aiohttp.ClientSession, number: int) -> None:
        """Press once, and wait until it stands on every screen."""
        home = self.homes["own room"]
        token = secrets.token_hex(16)
        session = self.travellers[number - 1]
        cookies = f"{_cookie(home, 'session')}={session}; {_cookie(home, 'csrf')}={token}"
        headers = {"Cookie": cookies, "X-CSRFToken": token}
        body = {"key": secrets.token_hex(16), "latitude": 24.9, "longitude": 67.1, "accuracy_m": 12}
        begun = time.perf_counter()
        took: dict[str, float] = {}

        async def send() -> None:
            url = f"{_address(home)}/watch/sos/raise/"
            async with client.post(url, json=body, headers=headers) as answer:
                if answer.status != 201:
                    raise RuntimeError(f"the press was answered {answer.status}: {await answer.text()}")
            took["durable"] = time.perf_counter() - begun

        sending = asyncio.create_task(send())
        end = begun + PATIENCE
        while len(took) < len(self.took) - (not sending.done()) and time.perf_counter() < end:
            self.changed.clear()
            for room, screens in self.screens.items():
                if room not in took and all(len(seen) >= number for seen in screens):
                    took[room] = time.perf_counter() - begun
            try:
                await asyncio.wait_for(self.changed.wait(), 0.05)
            except TimeoutError:
                continue
        await sending
        if number > WARMING:
            self.lost += len(self.took) - len(took)
            for name, seconds in took.items():
                self.took[name].append(seconds * 1e3)

    def report(self) -> None:
        for name, times in self.took.items():
            ordered = sorted(times)
            if not ordered:
                continue
            middle, late = (
                ordered[len(ordered) // 2],
                ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
            )
            aim = f"   aim p99 {AIM_MS} ms" if name == "other room" else ""
            print(f"{name:<12} p50 {middle:6.0f} ms   p99 {late:6.0f} ms{aim}")
        print(f"not on every screen within {PATIENCE:.0f} s: {self.lost}")


def _settled(home: Home) -> Home:
    """The home with a port of its own and without a second factor."""
    settings = {**home.settings, "second_factor": "optional", "port": free_port()}
    changed = Home(home.path, home.party, home.side, home.name, home.partners, settings)
    changed.save()
    return changed


def _sessions(home: Home, role: str, count: int = 1) -> list[str]:
    """The sessions of so many people with that role who have signed in."""
    from django.db import connections
    from django.test import Client

    from safeconduct.people.models import Account
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject

    node, found = Node(home.path), []
    with node.active():
        for number in range(count):
            account = Account.objects.create_account(f"{role.replace('_', '-')}-{number}", clearance=3)
            said = {"person": account.person, "account_name": account.username, "role": role, "clearance": 3}
            draft = Draft("role_assignment", {"assignment": said}, releasable=())
            commit(system_subject(home.party), draft, door=node.door)
            client = Client(SERVER_NAME="localhost")
            client.force_login(account)
            cookies = client.cookies.items()
            found.append(str(next(each.value for name, each in cookies if name.endswith("_session"))))
    node.close()
    connections["default"].close()
    return found


@contextmanager
def _running(home: Home) -> Iterator[None]:
    """All processes of a node but the notifier, which is told nothing here."""
    from safeconduct.node import processes

    os.environ.pop("SAFECONDUCT_PROCESS", None)
    running = processes.Node(home)
    running.start(("writer", "feed", "web", "courier"))
    try:
        running.ready()
        yield
    finally:
        running.stop()


def _address(home: Home) -> str:
    return f"http://localhost:{home.settings['port']}"


def _cookie(home: Home, name: str) -> Any:
    """A cookie as the node calls it: it bears the port, so that two nodes on one machine keep apart."""
    return f"sc_{home.party}_{home.settings['port']}_{name}"


if __name__ == "__main__":
    main()
