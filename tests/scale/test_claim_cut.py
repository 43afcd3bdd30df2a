"""The claim on the ledger of a machine whose cable is pulled: it is free soon, and who had it cannot write."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

import ready
from faults.database_host import DatabaseHost
from faults.hosts import Switch, switch
from postgres import folder_for

PATIENCE = 300
SOON = 60
"""Seconds; some nine where nothing else runs. Without the settings of the connection it would be hours."""


@pytest.fixture
def at() -> Iterator[Switch]:
    with switch(("db", "a", "b")) as made:
        yield made


@pytest.fixture
def server(at: Switch) -> Iterator[DatabaseHost]:
    made = DatabaseHost(folder_for(ready.RUN).with_name(f"{ready.OWN.name}-{ready.RUN.name}-cut"), at, "db")
    try:
        made.start()
        yield made
    finally:
        made.end()


def claimant(at: Switch, name: str, address: str) -> subprocess.Popen[str]:
    command = [*at.prefix(name), sys.executable, str(Path(__file__).parent / "claimant.py"), address, name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_machine_that_is_cut_off_loses_its_claim_and_cannot_write(at: Switch, server: DatabaseHost) -> None:
    name = server.fresh()
    address = server.reached(name)
    first = claimant(at, "a", address)
    second = None
    try:
        assert (said(first), said(first)) == ("connected", "claimed")
        second = claimant(at, "b", address)
        assert said(second) == "connected"
        at.pull("a")
        cut, wall = time.monotonic(), time.time()
        assert said(second) == "claimed"
        taken = time.monotonic() - cut
        assert said(first) == "lost True"
        print(f"the claim was free after {taken:.1f} s; who had it knew after {time.monotonic() - cut:.1f} s")
        assert taken < SOON
        with closing(psycopg.connect(server.reached(name, here=True))) as db:
            ((late,),) = db.execute(
                "SELECT count(*) FROM ledger.written WHERE who = 'a' AND at > %s", (wall + 1.0,)
            )
        assert late == 0
        first.wait(PATIENCE)
    finally:
        for each in (first, second):
            if each is not None and each.poll() is None:
                each.kill()
                each.wait()
