"""A courier with many partners: those that cannot be reached are in nobody's way, whatever holds them up."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import replace
from typing import Any

import pytest

from safeconduct.exchange import courier as carrying
from safeconduct.exchange.courier import run_until
from safeconduct.records.home import Home

from .nodes import Node
from .test_link import served

DEAD = 40
"""More than the threads that a loop keeps for looking names up, if nobody says how many."""
PATIENCE = 90.0


class Stub:
    """A writer that has nothing yet, and says whose bundle was handed to it."""

    def __init__(self, _home: Home) -> None:
        self.handed = asyncio.Event()
        Stub.last = self

    async def call(self, job: str, _payload: dict[str, Any]) -> dict[str, Any]:
        if job == "positions_wanted":
            return {"wanted": False}
        if job == "ingest":
            self.handed.set()
        return {"have": 0, "head": 0, "frozen": "", "status": "frozen"}

    async def close(self) -> None:
        pass

    last: Stub


def test_names_that_no_server_answers_for_keep_no_other_link_waiting(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    (known,) = partner.home.partners.values()
    silent, asked, real = threading.Event(), threading.Semaphore(0), socket.getaddrinfo

    def look_up(name: Any, *arguments: Any, **named: Any) -> Any:
        if str(name).endswith(".invalid"):
            asked.release()
            silent.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return real(name, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(carrying, "AsyncDoor", Stub)

    async def story() -> None:
        async with served(host.home) as url:
            alive = replace(known, url=url.replace("127.0.0.1", "localhost"))
            dead = {
                f"d{n}": replace(known, party=f"d{n}", url=f"https://d{n}.invalid:1") for n in range(DEAD)
            }
            home = replace(partner.home, partners={**dead, alive.party: alive})
            stop = asyncio.Event()
            running = asyncio.create_task(run_until(home, stop))
            try:
                await asyncio.sleep(0)
                await asyncio.wait_for(Stub.last.handed.wait(), PATIENCE)
                assert asked.acquire(blocking=False), "the dead names were asked for, and nobody answered yet"
                assert not silent.is_set()
            finally:
                silent.set()
                stop.set()
                await running

    asyncio.run(story())
