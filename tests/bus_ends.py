"""Both ends of the bus as tests have them: a writer that only speaks, a process that only listens, a NATS server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nats_server import Nats, with_nats
from safeconduct.node.nats_config import make_keys
from safeconduct.records import bus, bus_link
from safeconduct.records.bus import Hearing
from safeconduct.records.bus_link import let_go, link_of
from safeconduct.records.bus_telling import Telling
from safeconduct.records.home import Home
from safeconduct.records.service import WriterService

LONG = 300.0


def event(index: int, kind: str = "incident") -> dict[str, Any]:
    return {"topic": kind, "kind": kind, "record": f"r{index}", "index": index}


class Speaker:
    """The writer's service as far as the bus goes: its socket and its telling, without a ledger."""

    def __init__(self, home: Home) -> None:
        self.service = WriterService(home)
        self.said = 0

    def say(self, count: int = 1, kind: str = "incident") -> None:
        events = [event(self.said + i + 1, kind) for i in range(count)]
        self.said += count
        self.service._publish(events)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Speaker]:
        home = self.service.home
        home.socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self.service._serve, home.socket)
        # Both ends are in one process here: the writer's line is its own, as it is in a node.
        link = bus_link.Link(home, "writer")
        link.start()
        assert self.service.telling is not None
        telling = asyncio.create_task(_tell(self.service.telling, link))
        try:
            yield self
        finally:
            telling.cancel()
            await asyncio.wait({telling})
            self.service._publish([None])
            server.close()
            home.socket.unlink(missing_ok=True)
            await link.close()


async def _tell(telling: Telling, link: bus_link.Link) -> None:
    link.on_connect(telling._at_once)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(telling._wake.wait(), 0.2)
        telling._wake.clear()
        telling._beat_due = True
        await telling._send(link)


class Ear:
    """One process that listens. `heard` are the indexes of what it heard, `fresh` how often it had to begin anew."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.heard: list[int] = []
        self.fresh = self.ended = 0
        self.held = asyncio.Event()
        self.held.set()
        self.hearing: Hearing | None = None

    async def listen(self) -> None:
        self.hearing = Hearing(self.home, link_of(self.home))
        async for each in self.hearing.events():
            await self.held.wait()
            if each["topic"] == "subscribed":
                self.fresh += 1
            elif "index" in each:
                self.heard.append(each["index"])
        await self.hearing.close()
        self.ended += 1

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Ear]:
        task = asyncio.create_task(self.listen())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait({task})
            if self.hearing is not None:
                await self.hearing.close()
            await let_go(self.home)

    def by_nats_alone(self) -> bool:
        return self.hearing is not None and bool(self.hearing.run) and self.hearing._door is None


async def until(holds: Any) -> None:
    async with asyncio.timeout(LONG):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name, value in {"SILENCE": 0.8, "STEADY": 0.5, "BEAT": 0.2, "PAUSE": (0.0, 0.02)}.items():
        monkeypatch.setattr(bus, name, value)
    monkeypatch.setattr(bus_link, "AGAIN", (0.1, 0.2))
    monkeypatch.setattr(bus_link, "this_process", lambda: "web")
    made = Home.create(tmp_path / "home", "pk", "host", "Host")
    make_keys(made)
    return made


@pytest.fixture
def nats(home: Home, tmp_path: Path) -> Iterator[Nats]:
    (tmp_path / "nats").mkdir()
    other = Home.create(tmp_path / "other", "cn", "partner", "Partner")
    with Nats(tmp_path / "nats", [home, other]) as server:
        with_nats(other, server.address)
        yield server
