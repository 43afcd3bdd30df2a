"""The writer's part in archiving the beginning of the ledger: which head covers it, its signature, and letting go.

The files are written by the command (`node.archiving`) from a view of its own. What the writer lets go of it has itself
compared with them, entry by entry, in the transaction that notes it; a body that differs, such as one that was erased
meanwhile, stays in the database and holds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safeconduct.exchange.delivery import feed_of
from safeconduct.exchange.identity import Keys
from safeconduct.exchange.rotation import former_ledger_keys
from safeconduct.ledger.archive import bodies_head
from safeconduct.ledger.database import free_pages, give_back
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import sign_checkpoint, unverified_checkpoint
from safeconduct.ledger.parts import open_disclosure
from safeconduct.ledger.tiles import Folder
from safeconduct.ledger.tree import TILE_WIDTH
from safeconduct.records.entries import PLAIN, SEALED, unpack
from safeconduct.records.hooks import job, on_tick
from safeconduct.records.projection import epoch
from safeconduct.records.transaction import Tx

TILES = 8
"""Tiles that are compared and noted in one transaction."""
ROWS, PAGES = 2_000, 2_000
"""Rows that are let go of, and pages of a file that are given back, in one."""
PARTITIONS = 8
"""Partitions of a PostgreSQL table that are let go of in one go."""
EVERY = 600.0


def stays(body: bytes | None) -> bool:
    """Whether a body stays in the database: what lies in the open must be in reach of an erasure."""
    parts = unpack(body or b"")
    return any(part.state == PLAIN and open_disclosure(part.data.decode())[2] is not None for part in parts)


def highest_slot(body: bytes | None) -> int:
    return max((part.slot for part in unpack(body or b"") if part.state == SEALED), default=-1)


@job("archive_begin", by=())
def begin_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """What can be archived of the entries before a `size`, or before the first at or after a `time` (seconds since
    1970): the newest head that a partner has cosigned, or one of its own where there is no partner, and whole tiles of
    what it covers."""
    log = tx.log
    wanted = payload.get("size")
    if wanted is None:
        wanted = _before(log, float(payload["time"]))
    note = _head(tx)
    covered = unverified_checkpoint(note).size if note else 0
    # The newest entry stays: from it the database knows how many there are.
    end = min(int(wanted), covered, log.size - 1) // TILE_WIDTH * TILE_WIDTH
    past = log.past.end
    return {
        "note": note.decode(),
        "end": max(end, past),
        "past": past,
        "key": Keys.of(tx.home).ledger.verifier.vkey,
        "former": former_ledger_keys(tx),
        "origin": log.origin,
    }


def _head(tx: Tx) -> bytes:
    if not tx.home.partners:
        return sign_checkpoint(tx.log.checkpoint(), Keys.of(tx.home).ledger)
    found = [b""]
    for partner in tx.home.partners:
        ack = feed_of(tx.home, partner).acks().get("ledger")
        if ack is not None and ack.note and tx.log.fits(unverified_checkpoint(ack.note)):
            found.append(ack.note)
    return max(found, key=lambda note: unverified_checkpoint(note).size if note else -1)


def _before(log: Log, moment: float) -> int:
    """The first entry that was not made before a moment, as far as the writer's clock went forward."""
    low, high = log.past.end, log.size
    while low < high:
        middle = (low + high) // 2
        at, told = middle, None
        # Leaves of padding tell no time.
        while at < high and (told := epoch(json.loads(log.entry(at).leaf).get("at"))) is None:
            at += 1
        if told is not None and told < moment:
            low = at + 1
        else:
            high = middle
    return low


@job("archive_sign", by=())
def sign_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """The signed head over the files of bodies in a folder."""
    head = bodies_head(Folder(Path(str(payload["folder"]))), tx.log.origin, int(payload["end"]))
    return {"note": sign_checkpoint(head, Keys.of(tx.home).ledger).decode()}


@job("archive_note", by=())
def note_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Compare the next tiles with those in a folder, note that they lie there; how many entries then do."""
    log, end = tx.log, int(payload["end"])
    before = log.past.folder
    log.past.folder = Folder(Path(str(payload["folder"])))
    try:
        log.archive(min(end, log.past.end + TILES * TILE_WIDTH), highest_slot)
    except BaseException:
        log.past.folder = before
        raise
    tx.read.clear()
    return {"past": log.past.end}


@job("archive_let_go", by=())
def let_go_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Take some of the rows that lie in the archive from the database; how many there were."""
    return {"rows": tx.log.let_go(ROWS)}


@job("archive_give_back", by=())
def give_back_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Give the disk back some of what the ledger has let go of, when this is durable: pages of a file, partitions.

    Whether there are more pages; how many partitions there are now of which all is archived.
    """
    db, log = tx.db, tx.log

    def give() -> None:
        give_back(db, PAGES)
        log.past.drop(log.partitions, PARTITIONS)

    tx.after_commit(give, once="give back")
    return {"more": free_pages(db) > PAGES, "partitions": len(log.partitions.before(log.past.end))}


@on_tick("give_back", EVERY)
def give_back_in_time(tx: Tx) -> bool:
    """The same without being asked, for what a command that was broken off has left."""
    return bool(give_back_job(tx, {})["more"])
