"""Several web processes at one port are one node: sessions, streams, allowances, metrics, and an end of one of them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from node.test_processes import children_of, free_port, until
from safeconduct.node.processes import Node, web_processes
from safeconduct.oversight.metrics import make_token
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.principals import system_subject

pytestmark = pytest.mark.both
MANY = 24
"""Connections that are opened anew: enough that each of two processes gets some."""


@pytest.fixture
def session(host_home: Home) -> str:
    """The session of a watch officer, and the node's settings as they run."""
    from safeconduct.records import here
    from signed_in import signed_in

    settings = {
        **host_home.settings,
        "port": free_port(),
        "exchange_port": free_port(),
        "second_factor": "optional",
        "web_processes": 2,
    }
    home = Home(host_home.path, host_home.party, host_home.side, host_home.name, {}, settings)
    home.save()
    make_token(home)
    from django.conf import settings as django

    from safeconduct.node.secret import secret_key

    before = django.SECRET_KEY
    django.SECRET_KEY = secret_key(home)
    try:
        with Door.open(home) as door, here.at(home, door):
            client, _ = signed_in("watch_officer")
    finally:
        django.SECRET_KEY = before
    return str(next(each.value for name, each in client.cookies.items() if name.endswith("_session")))


@pytest.fixture
def running(session: str, host_home: Home) -> Iterator[Node]:
    node = Node(Home.load(host_home.path))
    try:
        node.start(("writer", "web"), timeout=300)
        node.ready(300)
        until(lambda: metric(node, "safeconduct_web_processes") == 2, 300)
        yield node
    finally:
        node.stop()


def ask(node: Node, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    """One request over a connection of its own; 0 where nobody answered."""
    asked = urllib.request.Request(f"http://127.0.0.1:{node.home.settings['port']}{path}", data, headers)
    try:
        with urllib.request.urlopen(asked, timeout=90) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as fault:
        return fault.code, ""
    except OSError:
        return 0, ""


def metric(node: Node, name: str) -> float | None:
    token = (node.home.path / "metrics.token").read_text()
    status, text = ask(node, "/metrics", Authorization=f"Bearer {token}")
    lines = [line.split() for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0][1]) if status == 200 and lines else None


def test_several_processes_are_one_node(running: Node, session: str) -> None:
    home = running.home
    cookie = f"sc_{home.party}_{home.settings['port']}_session={session}"
    workers = children_of(running.children["web"].pid)
    assert len(workers) == 2
    # A session that one process looked up is good with the other.
    assert {ask(running, "/incidents/", Cookie=cookie)[0] for _ in range(MANY)} == {200}
    assert asyncio.run(heard_by(home, cookie)) == MANY
    _wrong_credentials(running)
    assert json.loads(ask(running, "/readyz")[1])["checks"]["processes"] is True
    _one_dies(running, workers, cookie)
    port = int(home.settings["port"])
    web = running.children["web"].pid
    left = [web, *children_of(web)]
    running.stop()
    assert not any(Path(f"/proc/{pid}/fd/0").exists() for pid in left)
    with socket.create_server(("127.0.0.1", port)):
        pass


def _wrong_credentials(running: Node) -> None:
    """Who tries credentials has one allowance, however many processes there are."""
    begun = time.monotonic()
    tried = {
        "Authorization": "Basic " + base64.b64encode(b":nonsense").decode(),
        "Content-Type": "application/json",
    }
    statuses = [ask(running, "/field/owntracks", b"{}", **tried)[0] for _ in range(3 * MANY)]
    assert set(statuses) == {401, 429}
    assert 20 <= statuses.count(401) <= 21 + 0.2 * (time.monotonic() - begun)


def _one_dies(running: Node, workers: list[int], cookie: str) -> None:
    """The others go on, and another takes its place."""
    os.kill(workers[0], signal.SIGKILL)
    # Connections that waited at its door are reset; whoever comes again is answered.
    until(lambda: ask(running, "/incidents/", Cookie=cookie)[0] == 200)
    server = running.children["web"].pid
    until(lambda: len(set(children_of(server)) - {workers[0]}) == 2)
    assert workers[1] in children_of(server)
    until(lambda: metric(running, "safeconduct_web_processes") == 2)
    assert asyncio.run(heard_by(running.home, cookie)) == MANY


async def heard_by(home: Home, cookie: str) -> int:
    """How many of so many streams heard of one incident."""
    told: set[int] = set()
    ready: set[int] = set()
    url = f"http://127.0.0.1:{home.settings['port']}/live?topics=incident"
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:

        async def follow(number: int) -> None:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with client.get(url, headers={"Cookie": cookie}) as answer:
                    assert answer.status == 200
                    async for line in answer.content:
                        ready.add(number)
                        if b'"kind":"incident"' in line:
                            told.add(number)
                            return

        streams = [asyncio.create_task(follow(number)) for number in range(MANY)]
        end = time.monotonic() + 90
        while len(ready) < MANY and time.monotonic() < end:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(_commit, home)
        await asyncio.wait(streams, timeout=90)
        for stream in streams:
            stream.cancel()
    return len(told)


def _commit(home: Home) -> None:
    parts = {
        "summary": {"title": "A shot was heard", "narrative": "", "category": "attack"},
        "when": {"start": "2024-10-06T23:00:00+05:00"},
        "where": {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport"},
    }
    with Door(home) as door:
        commit(system_subject(home.party), Draft("incident", parts), door=door)


@pytest.mark.parametrize("given", [0, 33, "two", 1.5])
def test_a_number_of_processes_that_is_none_is_refused_with_a_sentence(
    given: object, bare_home: Home
) -> None:
    home = Home(bare_home.path, "pk", "host", "Host", {}, {"web_processes": given})
    with pytest.raises(HomeError, match="web_processes"):
        web_processes(home)
