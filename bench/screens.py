"""A thousand screens on one web process, and five thousand that come back at once.

Each screen is a TCP connection of its own with a session of its own, of one of `--people` persons with roles by
record; one in ten may not read what is told, and must hear nothing. An event is an incident that is committed, from
asking for it until the last byte of its message is here. Then all connections break off in one moment and come back
without any pause; `back` is when the last of them has been let in again, its session looked at and its stream in the
ledger. Beside it, in the same run, a bare ASGI application of thirty lines under the same server, which fans out what
is posted to it and asks nobody anything. How busy its process was with either says more than the clock where others use
the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measure import heading, memory, used
from bench.nodes import Node, free_port, incidents, one_node
from safeconduct.ledger.database import open_database
from safeconduct.ledger.log import Log
from safeconduct.records.started import settle

RECORD = re.compile(rb'"record":"([^"]+)"')
HELLO = b"event: beat"
PATIENCE = 30.0
OPENING = 100
"""Connections that are opened together before the measurement."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screens", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--back", type=int, default=5000, help="screens that come back at once")
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--bare", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        _serve_bare(given.bare, given.workers)
        return
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    heading(
        f"{given.screens} screens at {given.rate:.0f} events/s, then {given.back} back at once, one process"
    )
    with _bare() as (port, process):
        run = Run(port, process, [("", True)] * max(given.screens, given.back))
        asyncio.run(run.measure(given, run.post))
        run.report("bare ASGI")
    with one_node() as opened:
        sessions, teller = _sessions(opened, max(given.screens, given.back), given.people)
        with _running(opened) as (port, process):
            run = Run(port, process, sessions)
            settle()
            asyncio.run(run.measure(given, teller))
            time.sleep(1.0)
            run.report("the node")
            noted = _noted(opened.home.ledger)
            print(f"in the ledger: opened {noted['opened']:,} of {run.opened:,}, closed {noted['closed']:,}")


class Screen(asyncio.Protocol):
    """One screen; `heard` are the records it was told of, with the moments."""

    def __init__(self, run: Run, cookie: str) -> None:
        self.run, self.cookie = run, cookie
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard: list[tuple[bytes, float]] = []
        self.rest = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(
            f"GET /live?topics=incident HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.ready.done():
            self.rest += data
            if HELLO in self.rest:
                self.ready.set_result(None)
                self.rest = b""
            elif b" 200 OK\r\n" not in self.rest[:40]:
                self.ready.set_exception(RuntimeError(self.rest[:60].decode()))
            return
        for record in RECORD.findall(data):
            self.heard.append((record, now))

    def connection_lost(self, fault: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(fault or ConnectionError("closed"))


class Run:
    """One server measured: its port, its process, and for each screen a cookie and whether it may hear."""

    def __init__(self, port: int, process: int, screens: list[tuple[str, bool]]) -> None:
        self.port, self.process, self.who = port, process, screens
        self.open: list[Screen] = []
        self.begun: dict[bytes, float] = {}
        self.took: list[float] = []
        self.missing = self.wrongly = self.opened = 0
        self.each_kb = self.back = self.busy = self.back_busy = float("nan")

    async def measure(self, given: argparse.Namespace, tell: Callable[[Run], Awaitable[None]]) -> None:
        await self._open(1)
        self.cut()
        await asyncio.sleep(1)
        before = memory(self.process)
        await self._open(given.screens)
        await asyncio.sleep(2)
        self.each_kb = (memory(self.process) - before) / given.screens
        total, begun, worked = int(given.rate * given.seconds), time.perf_counter(), used(self.process)
        for number in range(total):
            await asyncio.sleep(max(0.0, begun + number / given.rate - time.perf_counter()))
            await tell(self)
        await asyncio.sleep(1)
        end = time.perf_counter() + PATIENCE
        while (
            any(may and len(s.heard) < total for s, (_, may) in self._seats()) and time.perf_counter() < end
        ):
            await asyncio.sleep(0.1)
        self.busy = (used(self.process) - worked) / given.seconds
        for screen, (_, may) in self._seats():
            if may:
                self.missing += total - len({record for record, _ in screen.heard})
                self.took += [at - self.begun[record] for record, at in screen.heard]
            else:
                self.wrongly += len(screen.heard)
        if given.back:
            await self._open(given.back - len(self.open))
            await asyncio.sleep(1)
            self.cut()
            start, worked = time.perf_counter(), used(self.process)
            await self._open(given.back, at_once=True)
            self.back, self.back_busy = time.perf_counter() - start, used(self.process) - worked
        self.cut()
        await asyncio.sleep(2)

    def _seats(self) -> Iterator[tuple[Screen, tuple[str, bool]]]:
        return zip(self.open, self.who, strict=False)

    async def _open(self, count: int, at_once: bool = False) -> None:
        loop, first = asyncio.get_running_loop(), len(self.open)
        made = [Screen(self, self.who[number][0]) for number in range(first, first + count)]
        self.open += made
        self.opened += count
        waits: list[asyncio.Future[None]] = []
        for number, screen in enumerate(made, 1):
            waits.append(asyncio.ensure_future(self._ready(loop, screen)))
            if not at_once and number % OPENING == 0:
                await asyncio.gather(*waits)
        async with asyncio.timeout(120):
            await asyncio.gather(*waits)

    async def _ready(self, loop: asyncio.AbstractEventLoop, screen: Screen) -> None:
        await loop.create_connection(lambda: screen, "127.0.0.1", self.port)
        await screen.ready

    def cut(self) -> None:
        for screen in self.open:
            screen.transport.abort()
        self.open.clear()

    async def post(self, _run: Run) -> None:
        """Tell the bare application of something as long as what the node says."""
        record = f"pk-{len(self.begun):032x}"
        body = f'{{"kind":"incident","record":"{record}","about":"","index":{len(self.begun)}}}'.encode()
        self.begun[record.encode()] = time.perf_counter()
        if len(self.begun) == 1:
            self._post = await asyncio.open_connection("127.0.0.1", self.port)
        reader, out = self._post
        out.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await reader.readuntil(b"\r\n\r\n")

    def report(self, name: str) -> None:
        took = sorted(self.took) or [float("nan")]
        middle, late = (took[min(len(took) - 1, int(part * len(took)))] * 1e3 for part in (0.5, 0.99))
        print(
            f"{name:<10} p50 {middle:5.0f} ms   p99 {late:5.0f} ms (aim 100), {self.busy:4.0%} of a core   "
            f"{self.each_kb:4.0f} KB a screen (aim 80)   back after {self.back:5.2f} s (aim 3), "
            f"{self.back_busy:4.1f} s at work   not heard: {self.missing}   heard wrongly: {self.wrongly}"
        )


def _sessions(
    node: Node, count: int, people: int
) -> tuple[list[tuple[str, bool]], Callable[[Run], Awaitable[None]]]:
    """A Cookie header for each screen and whether its reader may hear of incidents; and what tells of one."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import transaction

    from safeconduct.people.models import Account
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.door import Door
    from safeconduct.records.principals import system_subject

    system = system_subject(node.home.party)
    held = []
    for number in range(people):
        role = "administrator" if number % 10 == 0 else ("watch_officer", "analyst")[number % 2]
        account = Account.objects.create_account(f"person-{number}", clearance=3)
        said = {"person": account.person, "account_name": account.username, "role": role, "clearance": 3}
        commit(system, Draft("role_assignment", {"assignment": said}, releasable=()), door=node.door)
        held.append((account, number % 10 != 0))
    node.home.settings.update(port=free_port(), second_factor="optional")  # type: ignore[attr-defined]
    node.home.save()
    name = f"sc_{node.home.party}_{node.home.settings['port']}_session"
    sessions = []
    with transaction.atomic("default"):
        for number in range(count):
            account, may = held[number % people]
            store = SessionStore()
            store.update({
                SESSION_KEY: str(account.pk),
                BACKEND_SESSION_KEY: "allauth.account.auth_backends.AuthenticationBackend",
                HASH_SESSION_KEY: account.get_session_auth_hash(),
            })  # fmt: skip
            store.create()
            sessions.append((f"{name}={store.session_key}", may))
    drafts = iter(incidents(10_000, seed=7))
    door = Door(node.home)

    async def tell(run: Run) -> None:
        begun = time.perf_counter()
        draft = Draft("incident", next(drafts), state="post_incident")
        made = await asyncio.to_thread(commit, system, draft, door=door)
        run.begun[made.record.encode()] = begun

    return sessions, tell


@contextmanager
def _running(opened: Node) -> Iterator[tuple[int, int]]:
    """The writer and the web process of a node: (port, the process that holds the web server)."""
    from safeconduct.node import processes
    from safeconduct.records.writer import Writer

    opened.writer.close()
    running = processes.Node(opened.home)
    running.start(("writer", "web"))
    try:
        running.ready()
        yield int(opened.home.settings["port"]), running.children["web"].pid
    finally:
        running.stop()
        opened.writer = Writer(opened.home)


@contextmanager
def _bare() -> Iterator[tuple[int, int]]:
    import socket

    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.screens", "--bare", str(port)])
    try:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _serve_bare(port: int, workers: int = 1) -> None:
    from granian import Granian
    from granian.constants import Interfaces, Loops
    from granian.log import LogLevels

    Granian(
        "bench.screens:bare", address="127.0.0.1", port=port, interface=Interfaces.ASGI, loop=Loops.asyncio,
        workers=workers, backlog=8192, backpressure=20_000, websockets=False, log_level=LogLevels.warning,
    ).serve()  # fmt: skip


_streams: set[asyncio.Queue[bytes]] = set()


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The floor: whoever comes gets everything, in the fewest steps that ASGI allows."""
    if scope["type"] != "http":
        return
    await_start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"text/event-stream")],
    }
    if scope["method"] == "POST":
        body = (await receive())["body"]
        for queue in _streams:
            queue.put_nowait(b"id: 1\ndata: " + body + b"\n\n")
        await send({**await_start, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    _streams.add(queue)
    try:
        await send(await_start)
        message = HELLO + b"\ndata: {}\n\n"
        while True:
            await send({"type": "http.response.body", "body": message, "more_body": True})
            message = await queue.get()
    finally:
        _streams.discard(queue)


def _noted(ledger: Path) -> dict[str, int]:
    """How many streams the ledger says were opened, and closed."""
    found: dict[str, int] = defaultdict(int)
    with contextlib.closing(open_database(ledger)) as db:
        log = Log(db, "ledger", "")
        for entry in log.entries(0, log.size):
            header = json.loads(entry.leaf)
            if header["type"] == "stream":
                found[header["what"]] += 1
    return found


if __name__ == "__main__":
    main()
