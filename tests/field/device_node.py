"""A node with its writer running, its web process listening on a port, and devices to enrol."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from journeys.journey_node import movement_parts
from safeconduct.field import credentials, devices
from safeconduct.positions.store import Position, Store
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject

SYSTEM = system_subject("pk")


class Field:
    """What a test does to the node; `web` and `mqtt` are the ports."""

    def __init__(self, home: Home, web: int, mqtt: int) -> None:
        self.home, self.web, self.mqtt = home, web, mqtt
        self.store = Store(home)

    def device(self, protocol: str, category: str = "phone", **more: Any) -> tuple[str, str, str]:
        """(record, user, credential) of a new device."""
        identity = {"name": "Device", "category": category, "protocol": protocol}
        link = {"account": more.pop("account", ""), "holder": "Driver"}
        made, text = devices.enrol(SYSTEM, {"identity": {**identity, **more}, "link": link})
        return made.record, credentials.name_of(text), text

    def person(self, name: str, role: str) -> str:
        assignment = {"person": name, "account_name": name, "role": role, "clearance": 3}
        commit(SYSTEM, Draft("role_assignment", {"assignment": assignment}, releasable=()))
        return name

    def revoke(self, device: str) -> None:
        devices.revoke(SYSTEM, device, self.version(device))

    def version(self, record: str) -> int:
        from safeconduct.records.release import fetch_row

        row = fetch_row(record)
        assert row is not None
        return int(row.version)

    def journey(self, *assigned: str, state: str = "under_way", **parts: Any) -> str:
        made = commit(SYSTEM, Draft("movement", movement_parts(**parts), assigned=assigned, state=state))
        return made.record

    def track(self, movement: str) -> list[Position]:
        return self.store.track(movement, 0, 10_000)

    def kept(self) -> list[str]:
        return self.store.movements()

    def records(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """(state, parts) of the records of a kind."""
        import json

        rows = here.tables().all("SELECT state, parts FROM records_row WHERE kind = %s ORDER BY born", [kind])
        return [(state, json.loads(parts)) for state, parts in rows]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.web}{path}"


@contextmanager
def field(home: Home) -> Iterator[Field]:
    """The writer, the web process and the process for devices of a home in which the Partner's rules hold."""
    web, mqtt = _port(), _port()
    text = (home.path / "node.toml").read_text("utf-8")
    settings = f"port = {web}\nmqtt_port = {mqtt}\n"
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(("port =", "mqtt_port =")))
    (home.path / "node.toml").write_text(kept.replace("[node]\n", f"[node]\n{settings}", 1), "utf-8")
    assert "mqtt_port" in (home.path / "node.toml").read_text("utf-8")
    home = Home.load(home.path)
    running = [_start("writer", home.path)]
    try:
        _until(lambda: home.socket.exists())
        running += [_start("web", home.path), _start("field", home.path)]
        _until(lambda: _listens(web) and _listens(mqtt))
        with here.at(home, Door(home)):
            yield Field(home, web, mqtt)
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(90)


def until(condition: Any, seconds: float = 90.0) -> None:
    _until(condition, seconds)


def _start(name: str, home: Path) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SAFECONDUCT_")}
    command = [sys.executable, "-m", "safeconduct.node.processes", name, str(home)]
    return subprocess.Popen(command, env=environment)


def _until(condition: Any, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
