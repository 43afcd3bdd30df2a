"""pytak, a TAK client that nobody here wrote, as sender and as receivers: over TCP with a token, over TLS with
certificates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytak
import pytest

from field.cot_node import SYSTEM, Known, client_files, gateway, journey, officer, running, sa, until
from safeconduct.field.cot_authority import Authority
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.release import fetch_row
from safeconduct.records.transaction import iso

EVENTS = 30


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    with running(partner_home) as home:
        yield home


class Sends(pytak.QueueWorker):
    def __init__(self, queue: Any, config: Any, events: list[bytes]) -> None:
        super().__init__(queue, config)
        self.events = events

    async def run(self, _number: int = -1) -> None:
        for event in self.events:
            await self.put_queue(event)
            await asyncio.sleep(0.02)
        await asyncio.sleep(3_600)


class Receives(pytak.QueueWorker):
    def __init__(self, queue: Any, config: Any) -> None:
        super().__init__(queue, config)
        self.got: list[bytes] = []

    async def run(self, _number: int = -1) -> None:
        while True:
            self.got.append(await self.queue.get())


async def client(settings: dict[str, str], events: list[bytes]) -> tuple[asyncio.Task[Any], Receives]:
    """A pytak client that sends these events as soon as it is connected, and keeps what it receives."""
    config = ConfigParser()
    config["tak"] = {"PYTAK_NO_HELLO": "1", **settings}
    tool = pytak.CLITool(config["tak"])
    await tool.setup()
    receiver = Receives(tool.rx_queue, config["tak"])
    tool.add_tasks({Sends(tool.tx_queue, config["tak"], events), receiver})
    return asyncio.create_task(tool.run()), receiver


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_pytak_sends_and_receives(node: Home, tmp_path: Path, tls: bool) -> None:
    coordinator, traveller, known = officer("coordinator"), officer("protected_person"), Known()
    known.enrol("vehicle", traveller, journey(traveller))
    rooms = ["room1", "room2", "room3"]
    for room in rooms:
        known.enrol(room, coordinator)
    authority = Authority(node)

    def settings(name: str, port: int) -> dict[str, str]:
        if not tls:
            return {"COT_URL": f"tcp://127.0.0.1:{port}"}
        certificate, key, ca = client_files(known.certify(name, authority), authority, tmp_path, name)
        return {
            "COT_URL": f"tls://127.0.0.1:{port}",
            "PYTAK_TLS_CLIENT_CERT": str(certificate),
            "PYTAK_TLS_CLIENT_KEY": str(key),
            "PYTAK_TLS_CLIENT_CAFILE": str(ca),
            "PYTAK_TLS_DONT_CHECK_HOSTNAME": "1",
        }

    def token(name: str) -> str:
        return "" if tls else known.tokens[name]

    async def story() -> None:
        async with gateway(node, tls) as field:
            port = field.ports[-1]
            ping = [[sa("ping", "t-x-c-t", token=token(room))] for room in rooms]
            receivers = [
                await client(settings(room, port), hello) for room, hello in zip(rooms, ping, strict=True)
            ]
            await until(lambda: all(any(b"t-x-c-t-r" in e for e in r.got) for _, r in receivers))
            await until(lambda: len([c for c in field.outflow.readers if c.subject]) == len(rooms))
            events = [
                sa(latitude=20 + n / 100, token=token("vehicle") if n == 0 else "") for n in range(EVENTS)
            ]
            # Each has its own moment when it is sent, not when this list was made.
            sender, own = await client(settings("vehicle", port), _spaced(events))
            for _, receiver in receivers:
                await until(
                    lambda r=receiver: (
                        len([e for e in r.got if known.marker("vehicle").encode() in e]) == EVENTS
                    )
                )
            assert not [e for e in own.got if b"a-f-G" in e]
            for task in (sender, *(task for task, _ in receivers)):
                task.cancel()

    asyncio.run(story())


def test_a_word_in_the_chat_answers_a_muster_for_whoever_bears_the_device(node: Home) -> None:
    """As ATAK writes to all chat rooms: `b-t-f`, the words in `remarks`."""
    person, known = officer("protected_person"), Known()
    known.enrol("phone", person)
    now = time.time()
    call = {"title": "All", "scope": "country", "since": iso(now - 5), "due": iso(now + 600)}
    muster = commit(SYSTEM, Draft("muster", {"call": call}, state="open")).record
    who = {"who": {"name": "Driver"}, "link": {"account": person}}
    entry = commit(
        SYSTEM, Draft("roll_entry", who, about=muster, assigned=[person], state="unaccounted")
    ).record

    def chat(words: str, number: int) -> bytes:
        return sa(f"GeoChat.1.{number}", "b-t-f", detail=f'<remarks source="x">{words}</remarks>')

    def state() -> str:
        row = fetch_row(entry)
        return row.state if row is not None else ""

    async def story() -> None:
        async with gateway(node) as field:
            said = ["where is the bus", "NOT safe &amp; alone", "Safe!"]
            events = [sa("ping", "t-x-c-t", token=known.tokens["phone"])]
            events += [chat(words, number) for number, words in enumerate(said)]
            task, _ = await client({"COT_URL": f"tcp://127.0.0.1:{field.ports[-1]}"}, events)
            await until(lambda: state() == "accounted")
            task.cancel()

    asyncio.run(story())
    row = fetch_row(entry, SYSTEM)
    assert row is not None and row.values()["reply"]["means"] == "device" and row.version == 2


def _spaced(events: list[bytes]) -> list[bytes]:
    """The same events, each ten milliseconds later than the one before."""
    import re

    from safeconduct.field.cot_events import stamp

    begun = time.time()
    return [
        re.sub(rb' time="[^"]*"', f' time="{stamp(begun + n / 100)}"'.encode(), event)
        for n, event in enumerate(events)
    ]
