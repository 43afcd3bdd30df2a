"""The stream of changes where the node's processes hear each other through NATS."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nats_server import Nats, with_nats
from safeconduct.people.principal import principal_of
from safeconduct.records import bus_link, here
from safeconduct.records.bus import Hearing
from safeconduct.records.bus_link import link_of, standing
from safeconduct.records.home import Home
from safeconduct.shell.live import Live

from .live_node import LONG, Listener, attack, cookie, listening, serving, signed_in


@pytest.fixture
def nats(host_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nats]:
    monkeypatch.setattr(bus_link, "this_process", lambda: "web")
    monkeypatch.setattr(bus_link, "AGAIN", (0.1, 0.3))
    (tmp_path / "nats").mkdir()
    with Nats(tmp_path / "nats", [host_home]) as server:
        yield server


@pytest.fixture
def node(host_home: Home, nats: Nats) -> Iterator[Home]:
    with serving(with_nats(host_home, nats.address)) as home:
        yield home


@asynccontextmanager
async def following() -> AsyncIterator[Live]:
    live = Live(beat=60.0)
    try:
        yield live
    finally:
        await live.close()
        await bus_link.let_go(here.home())


async def until(holds: Any) -> None:
    async with asyncio.timeout(LONG):
        while not holds():
            await asyncio.sleep(0.02)


async def by_nats_alone(home: Home) -> None:
    """Until the line is there and no listener of this process stands at the door any more."""
    link = link_of(home)
    await until(lambda: link.connected)
    hearings = [
        take.__self__ for _, take in link._wanted if isinstance(getattr(take, "__self__", None), Hearing)
    ]
    await until(lambda: all(each.run and each._door is None for each in hearings))


def records(listener: Listener) -> list[str]:
    return [message["record"] for message in listener.messages]


def test_a_change_comes_through_nats_and_once(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")

    async def story() -> None:
        async with following() as live, listening(live, cookie(browser)) as screen:
            early = await asyncio.to_thread(attack, principal_of(officer))
            await by_nats_alone(node)
            late = await asyncio.to_thread(attack, principal_of(officer))
            await screen.until(lambda: late in records(screen))
            assert records(screen) == [early, late]
            assert standing(node) is not None and standing(node)[0]  # type: ignore[index]

    asyncio.run(story())


def test_nats_killed_amid_commits_loses_nothing_for_a_screen(node: Home, nats: Nats) -> None:
    officer, browser = signed_in("officer", "watch_officer")
    reporter, committed, enough = principal_of(officer), list[str](), threading.Event()

    def commits() -> None:
        while not enough.is_set():
            committed.append(attack(reporter))

    async def story() -> None:
        async with following() as live, listening(live, cookie(browser)) as screen:
            await by_nats_alone(node)
            busy = asyncio.create_task(asyncio.to_thread(commits))
            await screen.until(lambda: len(screen.messages) > 5)
            for _ in range(2):
                await asyncio.to_thread(nats.kill)
                seen = len(screen.messages)
                # While it is away the door tells, and the commits go on.
                await screen.until(lambda seen=seen: len(screen.messages) > seen + 5)  # type: ignore[misc]
                await asyncio.to_thread(nats.start)
                await by_nats_alone(node)
                seen = len(screen.messages)
                await screen.until(lambda seen=seen: len(screen.messages) > seen + 5)  # type: ignore[misc]
            enough.set()
            await busy
            await screen.until(lambda: len(screen.messages) >= len(committed))
            assert records(screen) == committed and not screen.ended and not screen.named("reset")

    asyncio.run(story())
