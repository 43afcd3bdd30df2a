"""Putting the ledger into partitions of a node on PostgreSQL that an earlier version made, while it stands still."""

from __future__ import annotations

from contextlib import closing

from safeconduct.ledger.database import transaction
from safeconduct.records.databases import claim, ledger_of, open_ledger
from safeconduct.records.home import Home, HomeError


def put_in_partitions(home: Home) -> str:
    """What was done, in words. What was there becomes the first partition and is not copied, but read through once; a
    crash leaves it as it was. Raises HomeError while a writer is at work on another machine."""
    with closing(open_ledger(home)) as db:
        if not claim(db):
            raise HomeError("a writer of this node is at work on another machine; stop it first")
        log = ledger_of(home, db)
        with transaction(db):
            done = log.partitions.take_in(log.size)
        held = log.partitions.all()
        if not done:
            return f"the ledger is in partitions already: {len(held)}"
        return f"the ledger's {log.size:,} entries are its first partition, which goes on to entry {held[0].end:,}"
