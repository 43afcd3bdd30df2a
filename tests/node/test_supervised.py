"""A service manager hears from each process that it is ready and that it works, and readiness says what is missing."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from safeconduct.records import supervised
from safeconduct.records.home import Home

from .test_processes import free_port, until

ALL = ("writer", "web", "feed", "courier", "notifier", "field")


class Manager:
    """What one process tells, as systemd would hear it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.heard = name, list[str]()
        self.path = folder / f"{name}.notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)

    def start(self, home: Home) -> subprocess.Popen[bytes]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT_", "DJANGO_"))}
        command = [sys.executable, "-m", "safeconduct.node.processes", self.name, str(home.path)]
        given = {**kept, "NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": "400000"}
        return subprocess.Popen(command, env=given)

    def hears(self, state: str, times: int = 1) -> bool:
        with suppress(BlockingIOError):
            while True:
                self.heard.append(self.socket.recv(256).decode())
        return self.heard.count(state) >= times


@pytest.fixture
def running(host_home: Home, tmp_path: Path) -> Iterator[dict[str, tuple[Manager, subprocess.Popen[bytes]]]]:
    ports = {name: free_port() for name in ("port", "mqtt_port", "exchange_port")}
    before = host_home
    home = Home(before.path, before.party, before.side, before.name, {}, {**before.settings, **ports})
    home.save()
    found: dict[str, tuple[Manager, subprocess.Popen[bytes]]] = {}
    try:
        for name in ALL:
            manager = Manager(name, tmp_path)
            found[name] = (manager, manager.start(home))
            if name == "writer":
                until(lambda manager=manager: manager.hears(supervised.READY))  # type: ignore[misc]
        yield found
    finally:
        for manager, process in reversed(found.values()):
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(90)
            manager.socket.close()


def test_each_process_says_that_it_is_ready_and_goes_on_saying_that_it_works(
    running: dict[str, tuple[Manager, subprocess.Popen[bytes]]],
) -> None:
    for manager, _ in running.values():
        until(lambda manager=manager: manager.hears(supervised.ALIVE, 3))  # type: ignore[misc]
        assert manager.heard[0] == supervised.READY and manager.heard.count(supervised.READY) == 1
    assert running["writer"][1].poll() is None


def test_nothing_is_told_where_nobody_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not supervised.tell(supervised.READY)
    for nowhere in (str(tmp_path / "none"), "tcp:1", "@none-of-this-name"):
        monkeypatch.setenv("NOTIFY_SOCKET", nowhere)
        assert not supervised.tell(supervised.READY)


def test_a_manager_that_reads_nothing_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manager = Manager("writer", tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.path))
    told = [supervised.tell(supervised.ALIVE) for _ in range(2_000)]
    assert told[0] and not told[-1]
    manager.socket.close()


@pytest.mark.parametrize(("given", "seconds"), [("", None), ("x", None), ("-5", None), ("60000000", 30.0)])
def test_the_sign_comes_twice_as_often_as_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, given: str, seconds: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", given)
    assert supervised.every() == seconds


def test_no_sign_goes_out_that_the_work_has_not_earned(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(supervised, "tell", told.append)
    monkeypatch.setenv("WATCHDOG_USEC", "1000")

    async def stuck() -> None:
        async with supervised.supervised(asyncio.Event().wait):
            await asyncio.sleep(0.05)

    asyncio.run(stuck())
    assert told == [supervised.READY]


# --- readiness -------------------------------------------------------------------------------------------


def asked() -> tuple[int, dict[str, Any]]:
    answer = Client(SERVER_NAME="localhost").get("/readyz")
    return answer.status_code, answer.json()


def test_a_node_that_lacks_nothing_is_ready(node: Home) -> None:
    status, said = asked()
    assert status == 200 and said["status"] == "ok" and all(said["checks"].values())
    assert said["checks"].keys() == {
        "accounts",
        "tables",
        "writer",
        "migrations",
        "disk",
        "clock",
        "processes",
    }
    assert Client(SERVER_NAME="localhost").get("/livez").status_code == 200


@pytest.mark.parametrize("missing", ["accounts", "tables", "writer", "migrations", "disk", "clock"])
def test_what_is_missing_is_named_and_the_process_lives_on(
    node: Home, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    from collections import namedtuple

    from safeconduct.people import health

    match missing:
        case "accounts":
            monkeypatch.setattr(health, "connection", _Broken())
        case "tables":
            monkeypatch.setattr(health.here, "tables", _Broken)
        case "writer":
            monkeypatch.setattr(health.settings, "PROCESS", "web")
        case "migrations":
            monkeypatch.setattr(health, "_migrated", False)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM django_migrations WHERE app = 'people'")
        case "disk":
            usage = namedtuple("usage", "total used free")(1, 1, 0)
            monkeypatch.setattr(health.shutil, "disk_usage", lambda _: usage)
        case "clock":
            monkeypatch.setattr(health.time, "time", lambda: 1_000_000.0)
    status, said = asked()
    assert status == 503 and [name for name, well in said["checks"].items() if not well] == [missing]
    assert Client(SERVER_NAME="localhost").get("/livez").status_code == 200


class _Broken:
    def __getattr__(self, name: str) -> Any:
        from django.db.utils import OperationalError

        raise OperationalError
