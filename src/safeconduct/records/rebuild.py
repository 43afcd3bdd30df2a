"""Making the tables again from the ledger, and checking that the ledger is what it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import connections, router
from django.db.models import Model

from safeconduct.ledger.log import Log
from safeconduct.ledger.tree import TILE_WIDTH
from safeconduct.records.following import fault_of_parts
from safeconduct.records.projection import Tables
from safeconduct.records.writer import Writer

Progress = Callable[[int, int], None]
_AT_ONCE = 5000


@dataclass(frozen=True)
class Verdict:
    """`broken` is the first ledger index that does not hold, with `why`; None when all of it does."""

    size: int
    broken: int | None = None
    why: str = ""


def rebuild(writer: Writer, progress: Progress | None = None) -> int:
    """Empty every derived table and apply the whole ledger again; returns the number of entries.

    Raises ArchiveRefused, with the tables as they were, when its beginning lies in an archive that is not to be had.
    """
    for first in range(0, writer.log.past.end, TILE_WIDTH):
        writer.log.entries(first, first + TILE_WIDTH)
    writer.tables.execute("BEGIN")
    for table in derived_tables():
        writer.tables.execute(f"DELETE FROM {table}")
    writer.tables.execute("DELETE FROM records_search")
    writer.tables.execute("COMMIT")
    return writer.catch_up(progress)


def derived_tables() -> list[str]:
    """Names of the tables that the ledger explains, in a fixed order."""
    return sorted(model._meta.db_table for model in _derived())


def _derived() -> list[type[Model]]:
    return [m for m in apps.get_models() if router.db_for_write(m) == "tables"]


def fingerprint() -> str:
    """SHA-256 over every row of every derived table and of the text index, but for their running numbers."""
    tables = Tables(connections["tables"])
    whole = hashlib.sha256()
    for table, keep in explained().items():
        for line in _lines(tables, f"SELECT {', '.join(keep)} FROM {table} ORDER BY {', '.join(keep)}"):
            whole.update(line)
    for line in _lines(tables, "SELECT rowid, words FROM records_search ORDER BY rowid"):
        whole.update(line)
    return whole.hexdigest()


def explained() -> dict[str, list[str]]:
    """The derived tables, and the columns of each that the ledger explains: all but a running number."""
    return {
        model._meta.db_table: sorted(
            str(field.column)
            for field in model._meta.local_concrete_fields
            if field is not model._meta.auto_field
        )
        for model in sorted(_derived(), key=lambda each: each._meta.db_table)
    }


def _lines(tables: Tables, sql: str) -> Iterator[bytes]:
    for row in tables.all(sql):
        yield repr(row).encode() + b"\n"


def verify(writer: Writer, progress: Progress | None = None) -> Verdict:
    """Recompute the tree from the leaves, then check each part still held against its digest in the leaf."""
    log: Log = writer.log
    size = log.size
    broken = log.verify()
    if broken is not None:
        return Verdict(size, broken, "the leaf or the tree above it was changed")
    for first in range(0, size, _AT_ONCE):
        last = min(first + _AT_ONCE, size)
        fault = parts_fault(writer, first, last)
        if fault is not None:
            return Verdict(size, *fault)
        if progress:
            progress(last, size)
    return Verdict(size)


def parts_fault(writer: Writer, first: int, last: int) -> tuple[int, str] | None:
    """The first of these entries with a part that is not the one its leaf promises, and what is wrong with it."""
    for index, entry in enumerate(writer.log.entries(first, last), first):
        if why := fault_of_parts(writer.keystore, entry.leaf, entry.body):
            return index, why
    return None
