"""Both nodes as `safeconduct demo` starts them: real processes, real ports, a home of their own."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import ready
from safeconduct.records.home import SIDES, Home

SAFECONDUCT = str(Path(sys.executable).with_name("safeconduct"))
START_SECONDS = 300
STOP_SECONDS = 120
COMMAND_SECONDS = 300


class Demonstration:
    """`safeconduct demo` in a folder. Can be stopped and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "demo"
        self.log = folder / "nodes.log"
        self.ports = dict(zip(SIDES, _free_ports(), strict=True))
        self.said: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start both nodes and wait for the line `ready`. Raises AssertionError when it does not come."""
        ports = [f"--{side}-port={port}" for side, port in self.ports.items()]
        command = [SAFECONDUCT, "demo", "--home", str(self.folder), *ports]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=_plain()
            )
        self.said = []
        up = threading.Event()
        threading.Thread(target=self._listen, args=(self._process, up), daemon=True).start()
        assert up.wait(START_SECONDS), f"the nodes did not get ready: {self.complaints()}"
        assert self.said[-1].startswith("ready "), f"the nodes ended at once: {self.complaints()}"

    def _listen(self, process: subprocess.Popen[str], up: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.said.append(line.rstrip("\n"))
            if line.startswith("ready "):
                up.set()
        up.set()

    def move(self) -> None:
        """Carry both nodes, which have stopped, over to PostgreSQL, and take away the files that they leave."""
        for side in SIDES:
            to = ready.own_database()
            where = ("--to", to["database"], "--web", to["database_web"])
            told = self.command("move", "--home", str(self.home(side)), *where)
            assert told.returncode == 0, told.stdout + told.stderr
            for file in self.home(side).glob("*.sqlite3*"):
                file.unlink()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the command, as Ctrl-C or a service manager does; its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(STOP_SECONDS)
        self._process = None
        return code

    def kill(self) -> None:
        """Leave no process behind, whatever happened."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def processes(self) -> list[int]:
        """Every process that belongs to this demonstration, by its command line or its environment."""
        ours = str(self.folder).encode()
        found = []
        for place in Path("/proc").iterdir():
            if not place.name.isdigit() or int(place.name) == os.getpid():
                continue
            try:
                told = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
            except OSError:
                continue  # it has ended, or is somebody else's
            if ours in told:
                found.append(int(place.name))
        return found

    def complaints(self) -> str:
        """What the processes wrote to their error output."""
        return self.log.read_text() if self.log.exists() else ""

    def address(self, side: str, path: str = "/") -> str:
        return f"http://localhost:{self.ports[side]}{path}"

    def files_with(self, side: str, found: bytes) -> list[Path]:
        """The files of a node in which these bytes stand; what a database keeps beside itself comes and goes.

        On a server they stand in its database, which is named like a file.
        """
        held = []
        home = Home.load(self.home(side))
        if home.database is not None and found in ready.bytes_of(home):
            held.append(Path(home.database))
        for path in self.home(side).rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and found in path.read_bytes():
                    held.append(path)
        return held

    def home(self, side: str) -> Path:
        return self.folder / side

    def rows(self, side: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a node's tables answer to SQL with %s for values."""
        return ready.ask_tables(Home.load(self.home(side)), sql, *values)

    def key(self, side: str) -> Path:
        """The key file of the party's first signatory."""
        return self.folder / "signatories" / f"{side}.pem"

    def command(self, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `safeconduct WORDS` to its end."""
        return subprocess.run(
            [SAFECONDUCT, *words],
            capture_output=True,
            text=True,
            input=given,
            timeout=COMMAND_SECONDS,
            env=_plain(),
        )

    def size(self, side: str) -> int:
        """Entries in a node's ledger, as `status` says."""
        told = self.command("status", "--home", str(self.home(side)))
        assert told.returncode == 0, told.stderr
        found = re.search(r"([\d,]+) ledger entries", told.stdout)
        assert found is not None, told.stdout
        return int(found[1].replace(",", ""))


def _plain() -> dict[str, str]:
    """The environment without what the tests set for Django in their own process."""
    ours = ("SAFECONDUCT_", "DJANGO_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _free_ports() -> tuple[int, int]:
    """Two ports for the pages such that the exchange's, a thousand above, are free, too."""
    for _ in range(200):
        first = random.randrange(10_000, 31_000)
        pair = first, first + 1
        if all(_is_free(port + above) for port in pair for above in (0, 1000)):
            return pair
    raise OSError("no free ports")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def until(condition: object, what: str, seconds: float = 90.0) -> None:
    """Ask again until `condition()` holds. Raises AssertionError that names what did not come about."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)
