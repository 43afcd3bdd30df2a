"""What was erased, in a list apart from the databases: so that it does not come back with an older copy of them.

It is a file beside the keys, or a table in the database that has them.

One line for each erasure: the log, the entry's index and the SHA-256 of its leaf, the parts as a mask in hexadecimal.
It says nothing of what was erased, and may be kept anywhere; the newest list is applied to the oldest backup.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from safeconduct.ledger.database import Database, columns, transaction
from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log
from safeconduct.ledger.tiles import ArchiveRefused
from safeconduct.records.databases import open_erased
from safeconduct.records.entries import ERASED, PLAIN, SEALED, StoredPart, pack, unpack
from safeconduct.records.home import Home

NAME = "erased"
LEDGER = "ledger"
_LINE = re.compile(r"(ledger|feed/[a-z0-9-]{1,32}) (\d{1,15}) ([0-9a-f]{64}) ([0-9a-f]{1,64})")
_TABLE = (
    "CREATE TABLE IF NOT EXISTS erased (log TEXT NOT NULL, entry INTEGER NOT NULL, leaf TEXT NOT NULL, "
    "mask TEXT NOT NULL, PRIMARY KEY (log, entry, leaf, mask))"
)
_NOTE = "INSERT INTO erased (log, entry, leaf, mask) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_AT_ONCE = 5000
_LAST, _LOOK_BACK = 500, 200_000
"""Entries that are looked through at a time, from the end, for the newest sealed part; and how far back."""


class Erased(NamedTuple):
    """Parts (a mask) of one entry of a log (`ledger`, `feed/PARTNER`) that were erased."""

    log: str
    entry: int
    leaf: str
    mask: int


def erased_list(home: Home) -> Path:
    """Where a home's list lies when it is a file: with its keys."""
    return home.keys / NAME


def feed_log(partner: str) -> str:
    return f"feed/{partner}"


def erased_of(log: str, entry: int, leaf: bytes, mask: int) -> Erased:
    return Erased(log, entry, hashlib.sha256(leaf).hexdigest(), mask)


def note_erased(home: Home, erased: Iterable[Erased]) -> None:
    """Add to a home's list, durable on return."""
    given = list(erased)
    if not given:
        return
    db = open_erased(home)
    if db is None:
        write_erased(erased_list(home), given)
        return
    with closing(db):
        db.execute(_TABLE)
        with transaction(db):
            db.executemany(_NOTE, [(each.log, each.entry, each.leaf, f"{each.mask:x}") for each in given])


def prepare_telling(db: Database) -> None:
    """Make the table beside the ledger of what was erased from it and is not on the list yet."""
    db.execute(
        "CREATE TABLE IF NOT EXISTS erased_parts (idx INTEGER NOT NULL, mask INTEGER NOT NULL, leaf TEXT)"
    )
    if "leaf" not in columns(db, "erased_parts"):
        db.execute("ALTER TABLE erased_parts ADD COLUMN leaf TEXT")


def to_tell(db: Database, erased: Erased) -> None:
    """Parts of an entry of the ledger are erased in this transaction, and the list is told of it afterwards."""
    db.execute(
        "INSERT INTO erased_parts (idx, mask, leaf) VALUES (?, ?, ?)",
        (erased.entry, erased.mask, erased.leaf),
    )


def tell_erased(home: Home, db: Database, log: Log) -> None:
    """Put on the list what is not on it yet.

    An earlier version did not note the leaf: where that lies in an archive that is not to be had, it waits.
    """
    for index, mask in db.execute("SELECT idx, mask FROM erased_parts WHERE leaf IS NULL").fetchall():
        with suppress(ArchiveRefused):
            leaf = erased_of(LEDGER, index, log.entry(index).leaf, mask).leaf
            db.execute("UPDATE erased_parts SET leaf = ? WHERE idx = ? AND leaf IS NULL", (leaf, index))
    told = db.execute("SELECT idx, leaf, mask FROM erased_parts WHERE leaf IS NOT NULL").fetchall()
    note_erased(home, [Erased(LEDGER, *each) for each in told])
    db.execute("DELETE FROM erased_parts WHERE leaf IS NOT NULL")


def read_erased(home: Home) -> list[Erased]:
    """A home's list; nothing where there is none yet."""
    db = open_erased(home)
    if db is None:
        return list(erased_in(erased_list(home)))
    with closing(db):
        db.execute(_TABLE)
        rows = db.execute("SELECT log, entry, leaf, mask FROM erased ORDER BY log, entry, leaf, mask")
        return [Erased(log, entry, leaf, int(mask, 16)) for log, entry, leaf, mask in rows]


def copy_erased(home: Home, folder: Path) -> None:
    """Write a home's list, as it is now, into a folder as a file; none where nothing was erased."""
    write_erased(folder / NAME, read_erased(home))


def write_erased(path: Path, erased: Iterable[Erased]) -> None:
    """Add lines to a list in a file, durable on return. A line that a crash has cut short is left behind and does no
    harm."""
    text = "".join(f"{each.log} {each.entry} {each.leaf} {each.mask:x}\n" for each in erased)
    if not text:
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        if file.seek(0, os.SEEK_END) and os.pread(descriptor, 1, file.tell() - 1) != b"\n":
            file.write(b"\n")
        file.write(text.encode())
        file.flush()
        os.fsync(descriptor)


def erased_in(path: Path) -> Iterator[Erased]:
    """The lines of a list in a file; nothing where there is none yet."""
    if not path.exists():
        return
    with path.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            if found := _LINE.fullmatch(line.rstrip("\n")):
                yield Erased(found[1], int(found[2]), found[3], int(found[4], 16))


def strike_out(db: Database, log: Log, name: str, erased: Iterable[Erased]) -> tuple[int, set[int]]:
    """Take these parts out of the bodies of a log that still has them, in the caller's transaction.

    Returns how many parts that were, and the key slots of those that lay sealed.
    """
    struck, slots, size = 0, set[int](), log.size
    for each in erased:
        if each.log != name or each.entry >= size:
            continue
        entry = log.entry(each.entry)
        if entry.body is None or hashlib.sha256(entry.leaf).hexdigest() != each.leaf:
            continue
        parts = unpack(entry.body)
        gone = [at for at, part in enumerate(parts) if each.mask >> at & 1 and part.state in (PLAIN, SEALED)]
        slots |= {parts[at].slot for at in gone if parts[at].state == SEALED}
        for at in gone:
            parts[at] = StoredPart(ERASED)
        if gone:
            log.replace_body(each.entry, pack(parts))
            struck += len(gone)
    return struck, slots


def older_than(keystore: KeyStore, log: Log) -> bool:
    """Whether a key store is an older copy than its log: the newest sealed part names a slot that it would hand out.

    Slots are handed out in the order of the entries; many an entry after the newest sealed part may have none.
    """
    past = log.past.end
    for last in range(log.size, max(past, log.size - _LOOK_BACK), -_LAST):
        found = _slots(log, max(past, last - _LAST), last)
        if found:
            return max(found) >= keystore.next_slot
    return log.past.slot() >= keystore.next_slot


def highest_slot(log: Log) -> int:
    """The highest key slot that a body of a log names; -1 for none."""
    past = log.past.end
    return max(
        (slot for first in range(past, log.size, _AT_ONCE) for slot in _slots(log, first, first + _AT_ONCE)),
        default=log.past.slot(),
    )


def _slots(log: Log, first: int, last: int) -> list[int]:
    """The key slots that the bodies of some entries name."""
    bodies = [entry.body for entry in log.entries(first, last) if entry.body]
    return [part.slot for body in bodies for part in unpack(body) if part.state == SEALED]


def settle_ledger(home: Home, db: Database, log: Log, keystore: KeyStore, to_sweep: int) -> bool:
    """After a restore, before anything else: what was erased since is erased again, and no key is handed out twice.

    The key store may be an older copy than the ledger, and then still has keys of what was erased, and would give
    out anew the slots that the ledger names. The slots to erase are left in `erasing`, with `to_sweep`.

    False when some of it lies in an archive that is not to be had: it is to be done again once that is back.
    """
    keystore.advance_past(highest_slot(log))
    struck, slots, whole = 0, set[int](), True
    db.execute("BEGIN IMMEDIATE")
    for each in read_erased(home):
        try:
            count, named = strike_out(db, log, LEDGER, [each])
            struck, slots = struck + count, slots | named
            slots |= _archived_slots(log, each)
        except ArchiveRefused:
            whole = False
    if struck or slots:
        db.executemany(
            "INSERT INTO erasing (slot) VALUES (?) ON CONFLICT DO NOTHING", [(s,) for s in (*slots, to_sweep)]
        )
    db.execute("COMMIT")
    return whole


def _archived_slots(log: Log, erased: Erased) -> set[int]:
    """The key slots of erased parts that an archive names: it still has what they sealed, and the ledger does not
    name them any more."""
    if erased.log != LEDGER or erased.entry >= log.past.end:
        return set()
    _, _, leaf, body = log.past.as_archived(erased.entry)
    if body is None or hashlib.sha256(leaf).hexdigest() != erased.leaf:
        return set()
    parts = enumerate(unpack(body))
    return {part.slot for at, part in parts if erased.mask >> at & 1 and part.state == SEALED}
