"""Hundreds of timers, a real writer process, kill -9 at random moments: none lost, none doubled."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.refusals import Unavailable
from safeconduct.timers.due import arm

COUNT = 500
KILLS = 5

CHILD = textwrap.dedent(
    """
    import sys
    from safeconduct.records.home import Home
    from safeconduct.node.django_start import start_django
    home = Home.load(sys.argv[1]); start_django(home, "writer")
    from safeconduct.records.commit import Draft, store
    from safeconduct.records.kinds import kind
    from safeconduct.records.principals import system_subject
    from safeconduct.records.service import serve
    from safeconduct.timers.due import arm, timer

    @timer("test_killed")
    def commit_one(tx, payload, due):
        parts = {"summary": {"title": payload["n"], "category": "attack"}, "when": {"start": "2024-10-06"},
                 "where": {"place": "Karachi"}}
        store(tx, system_subject("pk"), "write", kind("incident"), Draft("incident", parts))
        if payload["next"]:
            arm(tx, "test/" + payload["n"], due, "test_killed", {"n": payload["n"] + "+", "next": False})
        print(payload["n"], flush=True)

    serve(home)
    """
)


def _wait_until_none_waits(home: Home) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with contextlib.suppress(Unavailable):
            if Door(home).call("timers", {})["waiting"] == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("timers still wait")


def test_kill_9_at_random_moments_loses_none_and_doubles_none(bare_home: Home) -> None:
    chance = random.Random(3)
    with Door.open(bare_home) as door, here.at(bare_home, door):
        writer = door.writer
        assert writer is not None
        now = time.time()

        def arm_all(tx: object) -> dict[str, object]:
            for n in range(COUNT):
                payload = {"n": f"t{n:03}", "next": n % 2 == 0}
                arm(tx, f"test/t{n:03}", now + chance.uniform(-60, 8), "test_killed", payload)  # type: ignore[arg-type]
            return {}

        writer._transact([arm_all])  # type: ignore[list-item]
    expected = {f"t{n:03}" for n in range(COUNT)} | {f"t{n:03}+" for n in range(0, COUNT, 2)}
    for life in range(KILLS + 1):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(bare_home.path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        # It says which timer it fires before that is durable: it dies in the middle of a transaction.
        for _ in range(chance.randrange(1, 90)):
            assert child.stdout.readline()
        if life == KILLS:
            _wait_until_none_waits(bare_home)
        os.kill(child.pid, signal.SIGKILL)
        child.stdout.close()
        child.wait()
    bare_home.socket.unlink(missing_ok=True)
    with Door.open(bare_home) as door, here.at(bare_home, door):
        assert door.writer is not None
        left = door.call("timers", {})
        rows = door.writer.tables.all("SELECT parts FROM records_row WHERE kind = 'incident'", [])
        titles = collections.Counter(json.loads(parts)["summary"]["title"] for (parts,) in rows)
        assert left["waiting"] == 0
        assert set(titles) == expected
        assert set(titles.values()) == {1}
