"""A node whose writer has a door for other machines, and homes of those machines, for tests on one machine."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from safeconduct.node.machine_authority import authority_pem, found_authority, issue, lay
from safeconduct.records.door import Door
from safeconduct.records.door_tls import folder
from safeconduct.records.home import Home
from safeconduct.records.service import WriterService


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def with_door(home: Home, port: int) -> Home:
    """The same home, its writer with a door and a certificate for it."""
    found = replace(
        home, settings={**home.settings, "machine": "a", "door_address": "127.0.0.1", "door_port": port}
    )
    found_authority(found)
    lay(found, issue(found, "a", ["writer"]))
    found.save()
    return found


def other_machine(
    host: Home, place: Path, name: str, processes: list[str], days: float = 30, listed: bool = True
) -> Home:
    """The home of another machine, with certificates for these processes, which the door knows if `listed`."""
    issued = issue(host, name, processes, days)
    settings = {"machine": name, "doors": [f"127.0.0.1:{host.settings['door_port']}"]}
    place.mkdir(parents=True)
    made = replace(host, path=place, settings=settings)
    folder(made).mkdir(parents=True)
    (folder(made) / "authority.pem").write_bytes(authority_pem(host))
    lay(made, issued)
    if listed:
        with Door(host) as door:
            given = [each.listed() for each in issued]
            door.call("machine_added", {"machine": name, "certificates": given})
    return made


@contextmanager
def being(process: str) -> Iterator[None]:
    """Let this process be one of a node's for a while."""
    before = os.environ["SAFECONDUCT_PROCESS"]
    os.environ["SAFECONDUCT_PROCESS"] = process
    try:
        yield
    finally:
        os.environ["SAFECONDUCT_PROCESS"] = before


class Serving:
    """The writer of a home, in a thread of this process."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.service: Any = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self.service = WriterService(self.home)
        self._loop.run_until_complete(self.service.run(self._stop))

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(90)
