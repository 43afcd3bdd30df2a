"""The one process that appends: jobs in, one durable order out.

Jobs run one after the other, many to a database transaction. The ledger is made durable first (its commit
waits for the disk), then the tables follow, then the callers get their answers. After any database error the
process must end: what memory believes may be ahead of the disk, and a checkpoint signed from it would be a
fork of one's own making.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DatabaseError, connections

from safeconduct.ledger.database import FAULTS, sweep
from safeconduct.ledger.tiles import ArchiveRefused
from safeconduct.records import refusals
from safeconduct.records.claiming import Claimed, take
from safeconduct.records.databases import ledger_of, note_moved, open_keys
from safeconduct.records.dialect import MARK, SWEEP_WAIT_MS
from safeconduct.records.erased import older_than, prepare_telling, settle_ledger, tell_erased
from safeconduct.records.events import log_event
from safeconduct.records.following import Progress, follow, mark_applied
from safeconduct.records.home import Home, HomeError
from safeconduct.records.hooks import HOOKS, Tick
from safeconduct.records.projection import Tables
from safeconduct.records.shadow import drop_shadow
from safeconduct.records.stand_by import AlreadyRunning as AlreadyRunning
from safeconduct.records.standing import load_state
from safeconduct.records.transaction import TO_SWEEP, Tx, iso

Answer = dict[str, Any]
Answered = Callable[[list[Answer]], None]
_UNFINISHED = ("erasing", "erased_parts")
SWEEP_PAUSE = 5.0
"""Seconds until a write-ahead log that a reader held on to is emptied after all."""


class Writer:
    """Owns the ledger, the tables and the keys of a home. `execute` is not for two threads at once."""

    def __init__(
        self,
        home: Home,
        clock: Callable[[], float] = time.time,
        begins: bool = True,
        claimed: Claimed | None = None,
    ) -> None:
        """`begins`: as a node that starts, and not only to bring the tables up to the ledger. `claimed`: what makes
        this process the writer, taken here unless given. Raises what `claiming.take` does."""
        self.home = home
        self.clock = clock
        with contextlib.ExitStack() as opened:
            # No other machine writes to the same database for as long as this connection lives, and with it this
            # writer ends: whatever it does, it does over it first.
            self._claimed = claimed or take(home)
            opened.callback(self._claimed.close)
            self.db = self._claimed.db
            if begins:
                note_moved(home)
            self.db.execute("CREATE TABLE IF NOT EXISTS erasing (slot INTEGER PRIMARY KEY)")
            prepare_telling(self.db)
            self.log = ledger_of(home, self.db)
            if self.log.past.missing:
                log_event("archive_missing", size=self.log.past.end)
            self.keystore = open_keys(home, write=True)
            opened.callback(self.keystore.close)
            for function in HOOKS.stop:
                opened.callback(function, home)
            self.connection = connections["tables"]
            opened.callback(self.connection.close)
            self.tables = Tables(self.connection)
            self._sweep_again = 0.0
            settled = True
            if home.restored.exists() or older_than(self.keystore, self.log):
                home.restored.touch(mode=0o600)
                settled = settle_ledger(home, self.db, self.log, self.keystore, TO_SWEEP)
            if not settled:
                # Until a start that finds the archive: it may have what was erased, and keys of before would open it.
                self.log.past.folder = None
            if any(self.db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in _UNFINISHED):
                self._finish_erasures()
            if settled:
                home.restored.unlink(missing_ok=True)
            try:
                self.catch_up()
            except ArchiveRefused as fault:
                raise HomeError(f"the tables are made again from the whole ledger: {fault}") from None
            self.state = load_state(self.tables, home)
            self.listeners: list[Callable[[Answer], None]] = []
            if begins:
                self.run_hooks()
            opened.pop_all()

    def run_hooks(self) -> None:
        if HOOKS.start:
            self._transact([self._plain(function) for function in HOOKS.start])

    def close(self) -> None:
        for function in HOOKS.stop:
            function(self.home)
        self.connection.close()
        self.keystore.close()
        self._claimed.close()

    def catch_up(self, progress: Progress | None = None) -> int:
        """Apply to the tables what the ledger has and they have not; returns how many entries that were."""
        return follow(self.log, self.tables, self.keystore, progress)

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
            tx.under = str(payload.get("under") or "")
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
            self._say(MARK)
            for number, work in enumerate(works):
                if number:
                    self._say(*self.tables.dialect.keep_and_mark)
                answers.append(self._one(work, finished))
            if self.log.size != before:
                mark_applied(self.tables, self.log.size)
            self.tables.settle()
            self.db.execute("COMMIT")
            self.tables.execute("COMMIT")
        except (*FAULTS, DatabaseError, OSError) as fault:
            self.tell_stopped(fault)
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

    def tell_stopped(self, fault: BaseException, unforeseen: bool = False) -> None:
        """Log what ends this writer. Whether its claim went with its connection is asked: another one may have failed
        first."""
        if hasattr(self.db, "lost"):
            with contextlib.suppress(*FAULTS):
                self.db.execute("SELECT 1")
        if getattr(self.db, "lost", False):
            log_event("claim_lost", fault=fault)
        else:
            log_event("writer_stopped", fault=fault, unforeseen=unforeseen)

    def _say(self, *statements: str) -> None:
        for statement in statements:
            self.db.execute(statement)
            self.tables.execute(statement)

    def _one(self, work: Callable[[Tx], Answer], finished: list[Tx]) -> Answer:
        tx = Tx(self.home, self.clock(), self.log, self.db, self.tables, self.keystore, self.state)
        deferred = len(self.tables.deferred)
        try:
            answer = work(tx)
            if tx.policy_changed:
                self._renew_policy(tx)
            self._tell_bearers(tx)
        except (*FAULTS, DatabaseError, OSError):
            raise
        except Exception as fault:
            self._say("ROLLBACK TO job")
            del self.tables.deferred[deferred:]
            self.tables.moved.clear()
            self.log.reload()
            self.state = tx.state if not tx.policy_changed else load_state(self.tables, self.home)
            if isinstance(fault, refusals.Refused):
                note_refusal(self._fresh(finished), fault)
            elif not isinstance(fault, (refusals.NotFound, refusals.Conflict, ValueError)):
                log_event("job_failed", fault=fault, unforeseen=True)
            answer = refusals.to_wire(fault)
        else:
            finished.append(tx)
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

    def _finish_erasures(self) -> None:
        """Destroy the keys of erased parts and sweep what the databases kept of them in free pages.

        First the list that a restore reads is told of them: no older copy brings them back.
        """
        tell_erased(self.home, self.db, self.log)
        slots = [slot for (slot,) in self.db.execute("SELECT slot FROM erasing WHERE slot >= 0")]
        if slots:
            self.keystore.erase(slots)
        drop_shadow(self.home, self.tables)
        self.tables.dialect.optimize(self.tables.execute)
        self._sweep()

    def _sweep(self) -> None:
        """Empty the write-ahead logs. Where a reader stands in the way it is tried again: nobody waits for it.

        What lay sealed in the ledger is gone with its key, and its log need not be emptied: a tool that copies the
        ledger continuously keeps hold of it for as long as it runs.
        """
        whole = self.db.execute("SELECT 1 FROM erasing WHERE slot = ?", (TO_SWEEP,)).fetchone() is not None
        swept = self.tables.dialect.sweep(self.tables.execute)
        swept &= sweep(self.db, *self.log.tables, wait_ms=SWEEP_WAIT_MS if whole else 0) or not whole
        if swept:
            self.db.execute("DELETE FROM erasing")
        self._sweep_again = 0.0 if swept else time.monotonic() + SWEEP_PAUSE


def note_refusal(tx: Tx, fault: refusals.Refused) -> None:
    """A refused attempt is in the ledger too: who asked for what, and why not. It never crosses."""
    header = {"at": iso(tx.now), "reason": fault.reason, "would": [grant for grant, _ in fault.would]}
    tx.append("refusal", {**header, **fault.attempt})
