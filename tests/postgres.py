"""A PostgreSQL server for a run of the tests: thrown away with it, without a port, its files where the run's are.

Databases are copied from others that a test prepared once, as files are for SQLite.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg

OWNER, WEB = "safeconduct", "safeconduct_web"
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "fatal",
}
"""Every write is waited for, as a node demands; the files lie in memory, where that takes no time."""


class Server:
    """The server whose files lie in a folder. Whoever starts it ends it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        self.prefix: Sequence[str] = ()
        """What goes before the command that starts it, such as one that enters a network's namespace."""

    def start(self) -> None:
        """Make the cluster and its roles. Raises RuntimeError that names what is missing or went wrong."""
        self.folder.mkdir(mode=0o755)
        if os.geteuid() == 0:
            os.chown(self.folder, *_servant())
        given = [
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "-A",
            "trust",
            "--no-sync",
            "--data-checksums",
            "--wal-segsize=1",
            "-D",
            f"{self.folder}/data",
        ]
        _run(["initdb", *given], self.folder)
        self._serve()
        for role in (OWNER, WEB):
            self.ask(f"CREATE ROLE {role} LOGIN")

    def settings(self) -> dict[str, str]:
        return _SETTINGS

    def _serve(self, **given: str) -> None:
        settings = {**self.settings(), **given}.items()
        options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings)
        self._control("start", "-o", f"{options} -c unix_socket_directories={self.folder}")

    def serve(self, environment: dict[str, str] | None = None, **given: str) -> None:
        """Start a server that was stopped, with more settings if given. Raises RuntimeError when it does not."""
        self.environment = environment or {}
        try:
            self._serve(**given)
        finally:
            self.environment = {}

    def stop(self, how: str = "fast") -> None:
        """As `pg_ctl stop -m` does. Raises RuntimeError when no server runs."""
        self._control("stop", "-m", how)

    def crash(self, patience: float = 90.0) -> None:
        """kill -9 of the server with all that it has begun, and a new one in its place."""
        number = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(number, signal.SIGKILL)
        end = time.monotonic() + patience
        while True:
            try:
                self._serve()  # its last children may still hold its memory
                return
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def end(self) -> None:
        if self.folder.exists():
            self._control("stop", "-m", "immediate")
            shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, what: str, *more: str) -> None:
        log = self.folder / "log"
        command = ["pg_ctl", what, "-w", "-s", "-D", f"{self.folder}/data", "-l", str(log), *more]
        _run(command, self.folder, self.environment, self.prefix if what == "start" else ())

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """As the superuser, outside the tests' databases."""
        with psycopg.connect(
            host=str(self.folder), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []

    def fresh(self, template: str = "template0") -> str:
        """The name of a new database as another one is now, with which nobody works any more."""
        name = f"node_{uuid4().hex[:16]}"
        self.ask(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{template}'")
        self.ask(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
        return name

    def drop(self, names: Sequence[str]) -> None:
        for name in names:
            self.ask(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def address(self, name: str, role: str = OWNER) -> str:
        """As node.toml gives it."""
        return f"postgresql://{role}@/{name}?host={quote(str(self.folder), safe='')}"


def _servant() -> tuple[int, int]:
    """Who runs the server where the tests are root's, whom PostgreSQL refuses."""
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise RuntimeError("PostgreSQL does not run as root, and there is no user `postgres`")


def _run(
    command: list[str],
    folder: Path,
    environment: dict[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> None:
    """`prefix` goes before the command, and needs root's rights."""
    as_servant: dict[str, Any] = {}
    if os.geteuid() == 0:
        user, group = _servant()
        if prefix:
            prefix = [*prefix, "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        else:
            as_servant = {"user": user, "group": group, "extra_groups": []}
    program = program_of(command[0])
    done = subprocess.run(
        [*prefix, program, *command[1:]],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", **(environment or {})},
        **as_servant,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} {command[1]}: {done.stderr.strip()}")


def program_of(name: str) -> str:
    """Debian keeps the server's programs out of the path."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(beside[-1]) if beside else None)
    if found is None:
        raise RuntimeError(f"missing: {name}. Install the package 'postgresql'.")
    return found


def folder_for(run: Path) -> Path:
    """Beside the folder of the run, which is closed to the user of the server."""
    return Path(tempfile.gettempdir()) / f"{run.name}-postgres"
