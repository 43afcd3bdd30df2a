"""What a job sees while it is the only one that writes: the ledger, the tables, the keys, the policy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import DatabaseError

from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.ledger.canonical import canonical
from safeconduct.ledger.database import FAULTS, Database
from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Entry, Log
from safeconduct.ledger.parts import open_disclosure, seal, unseal
from safeconduct.records import entries, principals
from safeconduct.records.erased import LEDGER, erased_of, to_tell
from safeconduct.records.home import Home
from safeconduct.records.kinds import LEAST_JOINED, kind
from safeconduct.records.projection import Tables, apply
from safeconduct.records.rows import COLUMNS, RowView, item_of
from safeconduct.records.standing import AgreementState

TO_SWEEP, TABLES_TO_SWEEP = -1, -2
"""Stand among the slots to erase until the databases are swept of what was erased: both, where some of it lay in the
open in the ledger (an earlier version left OPEN parts so), or the tables alone."""
_TO_ERASE = "INSERT INTO erasing (slot) VALUES (?) ON CONFLICT DO NOTHING"
READ = 16
"""Entries of the ledger that a job keeps at hand."""


@lru_cache(maxsize=256)
def iso(moment: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Appended:
    """An entry as it was appended: what reading it back from the ledger would give."""

    index: int
    header: dict[str, Any]
    hash: str
    disclosures: Sequence[str | None]


@dataclass
class Tx:
    """One job's view of the transaction it runs in. Nothing it does is durable before the batch commits."""

    home: Home
    now: float
    log: Log
    db: Database
    tables: Tables
    keystore: KeyStore
    state: AgreementState
    under: str = ""
    """The agreement under which the person is at work whose job this is; "" for none in particular."""
    events: list[dict[str, Any]] = field(default_factory=list)
    after: dict[object, Callable[[], None]] = field(default_factory=dict)
    policy_changed: bool = False
    purge: bool = False
    latest: Appended | None = None
    """The last entry with parts that this job appended: the next thing it needs is often that one."""
    read: dict[int, Entry] = field(default_factory=dict)
    """The few entries that this job read last."""

    @property
    def policy(self) -> Policy:
        return self.state.policy

    def append(
        self,
        entry_type: str,
        header: Mapping[str, Any],
        disclosures: Sequence[str | None] = (),
        levels: Sequence[int] = (),
    ) -> int:
        """Append one entry to the ledger and let the tables follow; returns its ledger index.

        Parts are sealed, each under a key of its own, where `levels` says more than 0. `disclosures` lie beside the
        leaf; that the header's `parts` are their digests is the caller's business.
        """
        whole = {"type": entry_type, **header}
        leaf = canonical(whole)
        digests = header["parts"] if disclosures else ()
        body = entries.pack([self._store(*part) for part in zip(disclosures, levels, digests, strict=True)])
        index = self.log.append([(leaf, body or None)])
        digest = hashlib.sha256(leaf).hexdigest()
        apply(self.tables, index, entry_type, {**header, "hash": digest}, disclosures)
        if disclosures:
            self.latest = Appended(index, whole, digest, disclosures)
        return index

    def _store(self, text: str | None, level: int, digest: str) -> entries.StoredPart:
        if text is None:
            return entries.StoredPart(entries.EMPTY)
        data = text.encode()
        if level == 0:
            return entries.StoredPart(entries.PLAIN, 0, data)
        slot, key = self.keystore.take()
        return entries.StoredPart(entries.SEALED, slot, seal(key, data, digest.encode()))

    def header(self, index: int) -> dict[str, Any]:
        """The header of a ledger entry, with its `type`."""
        return self.identified(index)[0]

    def identified(self, index: int) -> tuple[dict[str, Any], str]:
        """The header of a ledger entry, with its `type`, and its hash (SHA-256 in hex)."""
        if self.latest is not None and self.latest.index == index:
            return self.latest.header, self.latest.hash
        leaf = self._entry(index).leaf
        return json.loads(leaf), hashlib.sha256(leaf).hexdigest()

    def disclosures(self, index: int) -> Sequence[str | None]:
        """The parts beside a ledger entry; None for one that is empty or erased."""
        if self.latest is not None and self.latest.index == index:
            return self.latest.disclosures
        return open_body(self.keystore, self.header(index), self._entry(index).body)

    def _entry(self, index: int) -> Entry:
        found = self.read.get(index)
        if found is None:
            if len(self.read) >= READ:
                self.read.clear()
            found = self.read[index] = self.log.entry(index)
        return found

    def erase(self, index: int, positions: Sequence[int]) -> None:
        """Take parts out of a ledger entry's body and destroy their keys once that is durable."""
        self.latest = None
        self.read.clear()
        entry = self.log.entry(index)
        parts = entries.unpack(entry.body or b"")
        mask = sum(1 << position for position in set(positions))
        to_tell(self.db, erased_of(LEDGER, index, entry.leaf, mask))
        in_the_open = False
        for position in positions:
            part = parts[position]
            in_the_open |= part.state == entries.PLAIN and open_disclosure(part.data.decode())[2] is not None
            if part.state == entries.SEALED:
                self.db.execute(_TO_ERASE, (part.slot,))
            if part.state in (entries.SEALED, entries.PLAIN):
                parts[position] = entries.StoredPart(entries.ERASED)
        self.log.replace_body(index, entries.pack(parts))
        sweep = TO_SWEEP if in_the_open else TABLES_TO_SWEEP
        self.db.execute(_TO_ERASE, (sweep,))
        self.purge = True

    def row(self, record: str) -> RowView | None:
        """The latest version of a record as the tables hold it."""
        found = self.tables.one(f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE id = %s", [record])
        return RowView(*found) if found else None

    def rows_about(self, record: str, kind: str) -> list[RowView]:
        """The latest versions of the records of a kind about this one, oldest first, without withdrawn ones."""
        sql = (
            f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE about = %s AND kind = %s AND withdrawn = %s"
        )
        found = self.tables.all(f"{sql} ORDER BY born", [record, kind, False])
        return [RowView(*row) for row in found]

    def taken(self, kind: str, external: str) -> bool:
        """Whether a record of this kind that the node's own party wrote bears this external identifier."""
        sql = "SELECT 1 FROM records_row WHERE kind = %s AND external = %s AND originator = %s"
        return self.tables.one(sql, [kind, external, self.home.party]) is not None

    def knows(self, subject: Subject, row: RowView) -> bool:
        """Whether somebody may read any of a record now, and so may know that it exists; the node itself may. Of what
        joins records only who may know of each of these."""
        if subject.person == principals.SYSTEM:
            return True
        if not self.policy.mask(subject, "read", self.item(row), self.now):
            return False
        if not kind(row.kind).joins:
            return True
        joined = {each.about for each in (row, *self.siblings(row))}
        rows = [self.row(record) for record in joined]
        return len(joined) >= LEAST_JOINED and all(
            each is not None and self.knows(subject, each) for each in rows
        )

    def siblings(self, row: RowView) -> list[RowView]:
        """The other records that join the same with this one (`Kind.joins`), oldest first."""
        joins = kind(row.kind).joins
        key = (row.values().get(joins[0]) or {}).get(joins[1]) if joins else None
        if not isinstance(key, str) or not key:
            return []
        sql = (
            f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE kind = %s AND external = %s AND originator = %s "
            "AND id <> %s ORDER BY born"
        )
        return [RowView(*each) for each in self.tables.all(sql, [row.kind, key, row.originator, row.id])]

    def rows_open(self, name: str, mentioning: str) -> list[RowView]:
        """The latest versions of the records of a kind that are not over nor withdrawn, and in whose parts or
        duty bearers these characters stand, oldest first."""
        over = [*kind(name).final, ""]
        sql = (
            f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE kind = %s AND withdrawn = %s "
            f"AND state NOT IN ({', '.join(['%s'] * len(over))}) "
            "AND (instr(parts, %s) > 0 OR instr(assigned, %s) > 0 OR instr(bearers, %s) > 0) ORDER BY born"
        )
        found = self.tables.all(sql, [name, False, *over, *[mentioning] * 3])
        return [RowView(*row) for row in found]

    def item(self, row: RowView) -> Item:
        return item_of(row)

    def subject(self, actor: Mapping[str, Any]) -> Subject:
        """The actor of a request, with no role that the records do not give at this moment."""
        return principals.confirm(self.tables, self.home, actor, self.now)

    def announce(self, event: dict[str, Any]) -> None:
        """Put an event on the bus once the batch is durable."""
        self.events.append(event)

    def attempt(self, function: Callable[[], None]) -> Exception | None:
        """Do a piece of work that is taken back whole when it fails, and nothing else with it.

        Returns what it failed with. A fault of the databases or the disk is raised: it concerns everything.
        """
        marks = len(self.events), dict(self.after), self.policy_changed, self.purge, len(self.tables.deferred)
        self.db.execute("SAVEPOINT attempt")
        self.tables.execute("SAVEPOINT attempt")
        fault: Exception | None = None
        try:
            function()
        except (*FAULTS, DatabaseError, OSError):
            raise
        except Exception as found:
            fault = found
            self.db.execute("ROLLBACK TO attempt")
            self.tables.execute("ROLLBACK TO attempt")
            events, self.after, self.policy_changed, self.purge, deferred = marks
            del self.events[events:]
            del self.tables.deferred[deferred:]
            self.latest = None
            self.read.clear()
            self.log.reload()
        self.db.execute("RELEASE attempt")
        self.tables.execute("RELEASE attempt")
        return fault

    def after_commit(self, function: Callable[[], None], once: object = None) -> None:
        """Call the function when the batch is durable. Of those given with an equal `once` by all the jobs of
        the batch, only the last is called."""
        self.after[object() if once is None else once] = function


def open_body(keystore: KeyStore, header: Mapping[str, Any], body: bytes | None) -> list[str | None]:
    """Unseal the parts beside an entry. Digests in the header's `parts` are what the seals are bound to."""
    opened: list[str | None] = []
    digests = header.get("parts", ())
    for position, part in enumerate(entries.unpack(body or b"")):
        if part.state == entries.PLAIN:
            opened.append(part.data.decode())
        elif part.state == entries.SEALED and (key := keystore.key(part.slot)) is not None:
            opened.append(unseal(key, part.data, str(digests[position]).encode()).decode())
        else:
            opened.append(None)
    return opened
