"""Reading the ledger with what lies beside it: into the tables that lack it (at a start, in a rebuild, in a restore on
trial), and to see whether each part is still the one that its leaf promises."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log
from safeconduct.ledger.parts import digest
from safeconduct.records.projection import Tables, apply
from safeconduct.records.transaction import open_body

Progress = Callable[[int, int], None]

_AT_ONCE = 5000


def follow(
    log: Log,
    tables: Tables,
    keystore: KeyStore,
    progress: Progress | None = None,
    most: int | None = None,
) -> int:
    """Bring the tables up to the ledger, by `most` entries if given; returns how many that were. The key store is
    only read."""
    # A writer on another machine that lost its claim may still be finishing: its row is waited for.
    found = tables.one("UPDATE records_applied SET size = size WHERE id = 1 RETURNING size")
    start, size = (found[0] if found else 0), log.size
    if most is not None:
        size = min(size, start + most)
    for first in range(start, size, _AT_ONCE):
        last = min(first + _AT_ONCE, size)
        tables.execute("BEGIN")
        for index, entry in enumerate(log.entries(first, last), first):
            header = decode(entry.leaf)
            header["hash"] = hashlib.sha256(entry.leaf).hexdigest()
            disclosures = open_body(keystore, header, entry.body)
            apply(tables, index, header.pop("type"), header, disclosures)
        mark_applied(tables, last)
        tables.settle()
        tables.moved.clear()
        tables.execute("COMMIT")
        if progress:
            progress(last, size)
    return size - start


def applied(tables: Tables) -> int:
    """To which size of the ledger the tables have followed it."""
    found = tables.one("SELECT size FROM records_applied WHERE id = 1")
    return int(found[0]) if found else 0


def mark_applied(tables: Tables, size: int) -> None:
    """The tables have followed the ledger to this size."""
    tables.execute(
        "INSERT INTO records_applied (id, size) VALUES (1, %s) ON CONFLICT (id) DO UPDATE SET size = excluded.size",
        [size],
    )


def decode(leaf: bytes) -> dict[str, Any]:
    """A ledger leaf as the header it is, with its `type`."""
    found: dict[str, Any] = json.loads(leaf)
    return found


def fault_of_parts(keystore: KeyStore, leaf: bytes, body: bytes | None) -> str:
    """What is wrong with the parts beside a leaf, "" for nothing."""
    if body is None:
        return ""
    try:
        header = decode(leaf)
        opened = open_body(keystore, header, body)
    except (ValueError, LookupError, TypeError):
        return "a part does not open"
    promised = header.get("parts", ())
    if len(opened) != len(promised):
        return "parts are missing"
    for text, expected in zip(opened, promised, strict=True):
        if text is not None and digest(text) != expected:
            return "a part is not the one the header promises"
    return ""
