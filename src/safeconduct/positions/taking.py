"""Batches of positions that wait are read, decided and kept together: one transaction, one wait for the disk."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from safeconduct.ledger.database import FAULTS
from safeconduct.people.presented import Presented
from safeconduct.positions.limits import Allowance
from safeconduct.positions.reading import store
from safeconduct.positions.sending import Batch, BatchRefused, may_send, read_batch
from safeconduct.records.events import log_event


@dataclass(frozen=True)
class Sent:
    """One request's body and who sent it."""

    sender: Presented
    body: bytes


class NotTaken(Exception):
    """Why nothing of a batch is kept: an HTTP status, a word on it, and the seconds after which to come again."""

    def __init__(self, status: int, why: str, wait: int = 0) -> None:
        super().__init__(why)
        self.status, self.why, self.wait = status, why, wait


class NotKept(Exception):
    """A batch that may be kept, and could not be: the database is away."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch.movement)
        self.batch = batch


class Taking:
    """Runs in the one thread that asks the databases. What it has kept outlives a power cut."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._durable: object = None

    def take(self, sent: Sequence[Sent]) -> list[tuple[Batch, int] | Exception]:
        """For each batch what of it is kept with the number of those that are new, NotTaken, or NotKept."""
        read: list[Batch | Exception] = []
        for each in sent:
            try:
                read.append(self._read(each))
            except NotTaken as fault:
                read.append(fault)
        try:
            kept = self._kept([batch for batch in read if isinstance(batch, Batch)])
        except (*FAULTS, OSError) as fault:
            log_event("positions_unread", fault=fault)
            return [NotKept(each) if isinstance(each, Batch) else each for each in read]
        return [(each, kept.pop(0)) if isinstance(each, Batch) else each for each in read]

    def _read(self, sent: Sent) -> Batch:
        subject = sent.sender.subject(time.time())
        if subject is None:
            raise NotTaken(403, "sign in")
        try:
            given = json.loads(sent.body)
        except (ValueError, RecursionError):
            raise NotTaken(422, "not JSON") from None
        try:
            named = isinstance(given, dict) and isinstance(given.get("movement"), str)
            if named and not may_send(subject, given["movement"]):
                raise NotTaken(404, "no such movement that is yours and under way")
            batch = read_batch(subject, given)
        except BatchRefused as fault:
            raise NotTaken(422, str(fault)) from None
        wait = self._allowance.positions(subject.person, len(batch.positions))
        if wait:
            raise NotTaken(429, "too many positions", wait)
        return batch

    def _kept(self, batches: list[Batch]) -> list[int]:
        if not batches:
            return []
        there = store()
        if self._durable is not there.db:
            there.wait_for_disk()
            self._durable = there.db
        return there.put_each([batch.positions for batch in batches])
