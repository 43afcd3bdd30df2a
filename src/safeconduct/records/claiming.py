"""Being the one that appends: the lock of the home, and on a database that machines share the claim on its ledger.

On several machines a writer that does not get the claim stands by until it does. The claim lives and dies with its
connection, over which the writer does whatever it does first; a server that hears nothing more of a machine ends its
connections (`ledger.postgres`), and with them its claim.
"""

from __future__ import annotations

import fcntl
import random
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from safeconduct.ledger.database import FAULTS, Database
from safeconduct.records.copied import holder, lacking, note_standing_by
from safeconduct.records.databases import claim, open_ledger
from safeconduct.records.events import log_event
from safeconduct.records.home import Home, HomeError
from safeconduct.records.machines import machine_name, refuse_without_door, several
from safeconduct.records.stand_by import (
    AlreadyRunning,
    Standing,
    forget_standing,
    note_standing,
)

TRY_SECONDS = 0.5
"""Between two tries for the claim, half of it by chance."""
TELL_SECONDS = 5.0


@dataclass(frozen=True)
class Claimed:
    """What only one process has: the home's lock, and the connection to the ledger that holds the claim on it."""

    lock: IO[str]
    db: Database

    def close(self) -> None:
        self.db.close()
        self.lock.close()


def take(home: Home) -> Claimed:
    """Raises AlreadyRunning when another process is the writer, HomeError where this machine must not be."""
    refuse_without_door(home)
    with ExitStack() as opened:
        lock = _lock(home)
        opened.callback(lock.close)
        db = open_ledger(home)
        opened.callback(db.close)
        if not claim(db):
            raise AlreadyRunning("a writer is at work on the database that node.toml names")
        if several(home) and (said := lacking(home, db)):
            raise HomeError(said)
        opened.pop_all()
    return Claimed(lock, db)


class StandBy:
    """Waits for the claim of a node of several machines."""

    def __init__(self, home: Home) -> None:
        """Raises HomeError where this machine may never hold the sequencer."""
        refuse_without_door(home)
        self.home = home
        self.machine = machine_name(home)
        self.stop = threading.Event()
        self.looked = time.monotonic()
        """When the claim was tried last."""
        self._since = time.time()
        self._words, self._noted = "", 0.0

    def wait(self) -> Claimed | None:
        """The claim, as soon as it is free and nothing is lacking here; None when `stop` was set. Raises AlreadyRunning
        when this machine has another writer."""
        lock: IO[str] | None = _lock(self.home)
        db: Database | None = None
        try:
            while lock is not None and not self.stop.is_set():
                self.looked = time.monotonic()
                try:
                    db = db or open_ledger(self.home)
                    if self._mine(db):
                        claimed, db, lock = Claimed(lock, db), None, None
                        return claimed
                except FAULTS as fault:
                    self._tell(None, "the database does not answer")
                    log_event("standing_by_blind", fault=fault)
                    if db is not None:
                        db.close()
                        db = None
                self.stop.wait(TRY_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311
            return None
        finally:
            forget_standing(self.home)
            if db is not None:
                db.close()
            if lock is not None:
                lock.close()

    def _mine(self, db: Database) -> bool:
        if said := lacking(self.home, db):
            self._tell(db, f"it cannot take over: {said}")
            return False
        if not claim(db, 0.0):
            last = holder(db)
            self._tell(db, f"machine {last} holds the sequencer" if last else "another holds the sequencer")
            return False
        # Until the claim was free, its holder could still change what a machine must have.
        if not (said := lacking(self.home, db)):
            return True
        db.execute("SELECT pg_advisory_unlock_all()")
        self._tell(db, f"it cannot take over: {said}")
        return False

    def _tell(self, db: Database | None, words: str) -> None:
        now = time.monotonic()
        if words == self._words and now - self._noted < TELL_SECONDS:
            return
        if words != self._words:
            log_event("standing_by", state="lacking" if words.startswith("it cannot") else "well")
        self._words, self._noted = words, now
        note_standing(self.home, Standing(self._since, words))
        if db is not None:
            note_standing_by(db, self.machine, time.time(), words)


def _lock(home: Home) -> IO[str]:
    lock = home.lock.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        lock.close()
        raise AlreadyRunning(f"a writer is at work in {home.path}") from fault
    return lock
