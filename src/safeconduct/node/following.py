"""Processes on a machine that is one of several: those that are where the sequencer is, and those that wait for it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import safeconduct
from safeconduct.node.health import answers
from safeconduct.node.router import EXPLAINED
from safeconduct.records.home import Home
from safeconduct.records.stand_by import standing
from safeconduct.records.supervised import ALIVE, READY, tell

FOLLOWING = ("feed", "courier", "notifier")
"""They serve and ask for the holder of the sequencer, on its machine, and are idle on any other."""
LOOK_SECONDS = 0.2
GONE_SECONDS = 3.0
"""A writer that does not answer for so long has ended, or stands by."""
WAITS_SECONDS = 2.0


def with_sequencer(home: Home, name: str, run: Callable[[], None]) -> None:
    """Run a process for as long as this machine's writer holds the sequencer, and again when it does again; returns
    when the process was told to end. `run` ends with SIGTERM."""

    def leads() -> bool:
        # The feed has no way to the writer. It only reads what is signed, and looks for the file of one that stands by.
        return standing(home) is None if name == "feed" else answers(home)

    while True:
        tell(READY)
        while not leads():
            tell(ALIVE)
            time.sleep(LOOK_SECONDS)
        watch = _Watch(leads)
        try:
            run()
        finally:
            watch.over.set()
        if not watch.gone:
            return


class _Watch:
    """Ends what runs in this process when the machine's writer is gone."""

    def __init__(self, leads: Callable[[], bool]) -> None:
        self.leads = leads
        self.gone = False
        self.over = threading.Event()
        threading.Thread(target=self._look, name="sequencer", daemon=True).start()

    def _look(self) -> None:
        answered = time.monotonic()
        while not self.over.wait(LOOK_SECONDS):
            if self.leads():
                answered = time.monotonic()
            elif time.monotonic() - answered > GONE_SECONDS:
                self.gone = True
                os.kill(os.getpid(), signal.SIGTERM)
                return


def until_upgraded(home: Home, say: Callable[[str], None]) -> None:
    """Wait until the databases have what this version's pages read: the holder of the sequencer brings them up to date,
    and is upgraded first. `say` is told what is missing."""
    said = ""
    while missing := unmigrated(home):
        if missing != said:
            said = missing
            say(missing)
        time.sleep(WAITS_SECONDS)


def unmigrated(home: Home) -> str:
    """What this version's pages read and the node's databases do not have yet, in words; "" where all is there."""
    import psycopg

    address = home.settings.get("database_web") or str(home.database)
    try:
        with psycopg.connect(address, connect_timeout=5, autocommit=True) as connection:
            for schema, wanted in own_migrations().items():
                rows = connection.execute(_DONE[schema]).fetchall()
                lacking = sorted(wanted - {(str(app), str(name)) for app, name in rows})
                if lacking:
                    app, name = lacking[0]
                    return f"the sequencer is of an earlier version: {app} {name} is not there yet"
    except psycopg.Error as fault:
        return f"the database does not answer ({type(fault).__name__})"
    return ""


_DONE = {
    "accounts": b"SELECT app, name FROM accounts.django_migrations",
    "tables": b"SELECT app, name FROM tables.django_migrations",
}


def own_migrations() -> dict[str, set[tuple[str, str]]]:
    """The migrations of this version by the schema that they change."""
    found: dict[str, set[tuple[str, str]]] = {schema: set() for schema in _DONE}
    for file in Path(safeconduct.__file__).parent.glob("*/migrations/[0-9]*.py"):
        app = file.parent.parent.name
        found["tables" if app in EXPLAINED else "accounts"].add((app, file.stem))
    return found
