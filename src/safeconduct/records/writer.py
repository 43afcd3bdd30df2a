"""The one process that appends: jobs in, one durable order out.

Jobs run one after the other, many to a database transaction. The ledger is made durable first (its commit
waits for the disk), then the tables follow, then the callers get their answers. After any database error the
process must end: what memory believes may be ahead of the disk, and a checkpoint signed from it would be a
fork of one's own making.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DatabaseError, connections

from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log, open_database
from safeconduct.records import refusals
from safeconduct.records.home import Home
from safeconduct.records.hooks import HOOKS, Tick
from safeconduct.records.projection import Tables, apply
from safeconduct.records.standing import load_state
from safeconduct.records.transaction import TO_SWEEP, Tx, iso, open_body

log = logging.getLogger(__name__)

Answer = dict[str, Any]
Answered = Callable[[list[Answer]], None]
SWEEP_WAIT_MS = 250
SWEEP_PAUSE = 5.0
"""Seconds until a write-ahead log that a reader held on to is emptied after all."""


class AlreadyRunning(Exception):
    """Another process holds this home's writer lock."""


class Writer:
    """Owns the ledger, the tables and the keys of a home. `execute` is not for two threads at once."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.time) -> None:
        self.home = home
        self.clock = clock
        self._lock = home.lock.open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            self._lock.close()
            raise AlreadyRunning(f"a writer is at work in {home.path}") from fault
        self.db = open_database(home.ledger)
        self.db.execute("PRAGMA secure_delete=ON")
        self.db.execute("CREATE TABLE IF NOT EXISTS erasing (slot INTEGER PRIMARY KEY)")
        self.log = Log(self.db, "ledger", f"{home.party}.safeconduct/ledger")
        self.keystore = KeyStore.open(home.keys / "parts", create=True)
        self.connection = connections["tables"]
        self.tables = Tables(self.connection)
        self._sweep_again = 0.0
        if self.db.execute("SELECT 1 FROM erasing LIMIT 1").fetchone():
            self._finish_erasures()
        self.catch_up()
        self.state = load_state(self.tables, home)
        self.listeners: list[Callable[[Answer], None]] = []
        self.run_hooks()

    def run_hooks(self) -> None:
        if HOOKS.start:
            self._transact([self._plain(function) for function in HOOKS.start])

    def close(self) -> None:
        for function in HOOKS.stop:
            function(self.home)
        self.db.close()
        self.connection.close()
        self.keystore.close()
        self._lock.close()

    def catch_up(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Apply to the tables what the ledger has and they have not; returns how many entries that were."""
        found = self.tables.one("SELECT size FROM records_applied WHERE id = 1")
        start, size = (found[0] if found else 0), self.log.size
        for first in range(start, size, 5000):
            last = min(first + 5000, size)
            self.tables.execute("BEGIN")
            for index, entry in enumerate(self.log.entries(first, last), first):
                header = decode(entry.leaf)
                header["hash"] = hashlib.sha256(entry.leaf).hexdigest()
                disclosures = open_body(self.keystore, header, entry.body)
                apply(self.tables, index, header.pop("type"), header, disclosures)
            self._mark_applied(last)
            self.tables.settle()
            self.tables.moved.clear()
            self.tables.execute("COMMIT")
            if progress:
                progress(last, size)
        return size - start

    def call(self, job: str, payload: Answer) -> Answer:
        """Run one job by itself and wait until it is durable. Raises what the job refused with."""
        answer = self.execute([(job, payload)])[0]
        if "error" in answer:
            raise refusals.from_wire(answer)
        return answer

    def execute(self, jobs: Sequence[tuple[str, Answer]], answered: Answered | None = None) -> list[Answer]:
        """Run jobs in order in one transaction; each answer is its result or its error, durable on return.

        `answered` gets the answers as soon as they are durable: before partners' feeds are brought up to date,
        but not before keys are destroyed that a job erased.
        """
        return self._transact([self._job(name, payload) for name, payload in jobs], answered)

    def tick(self, function: Tick) -> bool:
        """Run what is done from time to time in a transaction of its own; True when there is more of it."""
        more = False

        def work(tx: Tx) -> Answer:
            nonlocal more
            more = bool(function(tx))
            return {}

        self._transact([work])
        if self._sweep_again and time.monotonic() >= self._sweep_again:
            self._sweep()
        return more

    def _job(self, name: str, payload: Answer) -> Callable[[Tx], Answer]:
        def run(tx: Tx) -> Answer:
            job = HOOKS.jobs.get(name)
            if job is None:
                raise refusals.Malformed(f"no such job: {name}")
            return job(tx, payload)

        return run

    @staticmethod
    def _plain(function: Callable[[Tx], None]) -> Callable[[Tx], Answer]:
        def run(tx: Tx) -> Answer:
            function(tx)
            return {}

        return run

    def _transact(
        self, works: Sequence[Callable[[Tx], Answer]], answered: Answered | None = None
    ) -> list[Answer]:
        answers: list[Answer] = []
        finished: list[Tx] = []
        try:
            self.db.execute("BEGIN IMMEDIATE")
            self.tables.execute("BEGIN")
            before = self.log.size
            for work in works:
                answers.append(self._one(work, finished))
            if self.log.size != before:
                self._mark_applied(self.log.size)
            self.tables.settle()
            self.db.execute("COMMIT")
            self.tables.execute("COMMIT")
        except (sqlite3.Error, DatabaseError, OSError) as fault:
            log.critical("the writer stops: %s", type(fault).__name__)
            raise SystemExit(70) from fault
        purge = any(tx.purge for tx in finished)
        if answered is not None and not purge:
            answered(answers)
        for function in {once: f for tx in finished for once, f in tx.after.items()}.values():
            function()
        for tx in finished:
            for event in tx.events:
                for listener in self.listeners:
                    listener(event)
        if purge:
            self._finish_erasures()
            if answered is not None:
                answered(answers)
        return answers

    def _one(self, work: Callable[[Tx], Answer], finished: list[Tx]) -> Answer:
        tx = Tx(self.home, self.clock(), self.log, self.db, self.tables, self.keystore, self.state)
        self.db.execute("SAVEPOINT job")
        self.tables.execute("SAVEPOINT job")
        deferred = len(self.tables.deferred)
        try:
            answer = work(tx)
            if tx.policy_changed:
                self._renew_policy(tx)
            self._tell_bearers(tx)
        except (sqlite3.Error, DatabaseError, OSError):
            raise
        except Exception as fault:
            self.db.execute("ROLLBACK TO job")
            self.tables.execute("ROLLBACK TO job")
            del self.tables.deferred[deferred:]
            self.tables.moved.clear()
            self.log.reload()
            self.state = tx.state if not tx.policy_changed else load_state(self.tables, self.home)
            if isinstance(fault, refusals.Refused):
                note_refusal(self._fresh(finished), fault)
            elif not isinstance(fault, (refusals.NotFound, refusals.Conflict, ValueError)):
                log.exception("a job failed")
            answer = refusals.to_wire(fault)
        else:
            finished.append(tx)
        self.db.execute("RELEASE job")
        self.tables.execute("RELEASE job")
        return answer

    def _fresh(self, finished: list[Tx]) -> Tx:
        tx = Tx(self.home, self.clock(), self.log, self.db, self.tables, self.keystore, self.state)
        finished.append(tx)
        return tx

    def _renew_policy(self, tx: Tx) -> None:
        before = tx.state
        tx.state = load_state(self.tables, self.home)
        for hook in HOOKS.policy:
            hook(tx, before.policy, tx.state.policy)
        self.state = tx.state
        tx.announce({"topic": "policy", "index": tx.state.index})

    def _tell_bearers(self, tx: Tx) -> None:
        if self.tables.moved:
            records = sorted(self.tables.moved)
            self.tables.moved.clear()
            for hook in HOOKS.bearers:
                hook(tx, records)

    def _mark_applied(self, size: int) -> None:
        self.tables.execute(
            "INSERT INTO records_applied (id, size) VALUES (1, %s) ON CONFLICT (id) DO UPDATE SET size = excluded.size",
            [size],
        )

    def _finish_erasures(self) -> None:
        """Destroy the keys of erased parts and sweep what the databases kept of them in free pages."""
        slots = [slot for (slot,) in self.db.execute("SELECT slot FROM erasing WHERE slot <> ?", (TO_SWEEP,))]
        if slots:
            self.keystore.erase(slots)
        self.tables.execute("INSERT INTO records_search (records_search) VALUES ('optimize')")
        self._sweep()

    def _sweep(self) -> None:
        """Empty the write-ahead logs. Where a reader stands in the way it is tried again: nobody waits for it."""
        swept = [_truncate_log(execute) for execute in (self.db.execute, self.tables.execute)]
        if all(swept):
            self.db.execute("DELETE FROM erasing")
        self._sweep_again = 0.0 if all(swept) else time.monotonic() + SWEEP_PAUSE


def _truncate_log(execute: Callable[[str], Any]) -> bool:
    """Whether a database's write-ahead log could be emptied."""
    before = execute("PRAGMA busy_timeout").fetchone()[0]
    execute(f"PRAGMA busy_timeout={SWEEP_WAIT_MS}")
    busy = execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    execute(f"PRAGMA busy_timeout={before}")
    return not busy


def decode(leaf: bytes) -> Answer:
    """A ledger leaf as the header it is, with its `type`."""
    found: Answer = json.loads(leaf)
    return found


def note_refusal(tx: Tx, fault: refusals.Refused) -> None:
    """A refused attempt is in the ledger too: who asked for what, and why not. It never crosses."""
    header = {"at": iso(tx.now), "reason": fault.reason, "would": [grant for grant, _ in fault.would]}
    tx.append("refusal", {**header, **fault.attempt})
