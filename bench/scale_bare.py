"""Bare limits for `bench.scale`: rows of the same bytes in the same database, a server that asks nobody anything."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from bench.asking import ask_all, request
from bench.nodes import free_port
from safeconduct.ledger.database import Database, open_database
from safeconduct.records.home import Home


@contextmanager
def bare_database(home: Home) -> Iterator[Database]:
    """An empty table of bytes beside a home's ledger, as durable as that."""
    from safeconduct.ledger.postgres import Postgres

    def opened() -> Database:
        if home.database is not None:
            return Postgres(home.database, "bare")
        return open_database(home.path.parent / f"bare-{home.party}.sqlite3")

    with closing(opened()) as db:
        db.execute("CREATE TABLE IF NOT EXISTS bare_row (id INTEGER PRIMARY KEY, hash BLOB, body BLOB)")
        yield db


def rows_a_second(home: Home, size: int, group: int, seconds: float, hashed: bool = False) -> float:
    """Rows of so many bytes, so many to a durable transaction, hashed first or not."""
    with bare_database(home) as db:
        (at,) = db.execute("SELECT coalesce(max(id), 0) FROM bare_row").fetchone()
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            bodies = [os.urandom(size) for _ in range(group)]
            rows = [
                (at + count + n + 1, hashlib.sha256(body).digest() if hashed else b"", body)
                for n, body in enumerate(bodies)
            ]
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO bare_row (id, hash, body) VALUES (?, ?, ?)", rows)
            db.execute("COMMIT")
            count += group
        return count / (time.perf_counter() - begun)


@contextmanager
def bare_server(processes: int) -> Iterator[tuple[int, int, float]]:
    """The thirty lines of ASGI of `bench.screens`: (port, process, seconds from its start to its first answer)."""
    port, begun = free_port(), time.perf_counter()
    command = [sys.executable, "-m", "bench.screens", "--bare", str(port), "--workers", str(processes)]
    server = subprocess.Popen(command)
    try:
        while True:
            answers = None
            try:
                answers = asyncio.run(ask_all(port, [iter([request("/", b"x")])]))
            except OSError:
                time.sleep(0.02)
            if answers is not None and answers.well():
                break
            if time.perf_counter() - begun > 120:
                raise TimeoutError("the bare server did not start")
        yield port, server.pid, time.perf_counter() - begun
    finally:
        server.terminate()
        server.wait()


def answers_a_second(port: int, clients: int, seconds: float) -> float:
    """What the bare server answers to requests of a position's size."""
    from bench.scale_load import by_processes

    body = request("/", b"x" * 120)

    def stream(end: float) -> Iterator[bytes]:
        while time.time() < end:
            yield body

    end = time.time() + seconds
    found = by_processes(clients, lambda _: [stream(end) for _ in range(8)], port)
    return sum(each.well() for each in found) / max(each.seconds for each in found)
