"""How a record came to be as it is: its versions, for whoever was given the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from safeconduct.records import here
from safeconduct.records.principals import SYSTEM
from safeconduct.records.release import Released
from safeconduct.records.transaction import Tx


@dataclass(frozen=True)
class VersionMark:
    """One version as this node's ledger holds it: when it was committed, by which act, at which index."""

    version: int
    at: datetime
    act: str
    index: int


def versions(found: Released) -> list[VersionMark]:
    """The versions of a released record, oldest first; of a received one, those that came here."""
    rows = here.tables().all(
        "SELECT version, at, act, ledger_index FROM records_version WHERE record = %s ORDER BY version",
        [found.id],
    )
    return [VersionMark(v, datetime.fromtimestamp(at, UTC), act, index) for v, at, act, index in rows]


def begun(found: Sequence[Released]) -> dict[str, datetime]:
    """When the first version of each of these released records was committed, or, of another party's, came here."""
    if not found:
        return {}
    marks = ", ".join(["%s"] * len(found))
    sql = f"SELECT record, min(at) FROM records_version WHERE record IN ({marks}) GROUP BY record"
    rows = here.tables().all(sql, [each.id for each in found])
    return {record: datetime.fromtimestamp(at, UTC) for record, at in rows}


def authors(tx: Tx, record: str) -> set[str]:
    """The persons who wrote any version of an own record; who approved, acknowledged or sent it back is none."""
    rows = tx.tables.all(
        "SELECT ledger_index FROM records_version WHERE record = %s AND act = 'write'", [record]
    )
    return {str(tx.header(index).get("by", "")) for (index,) in rows} - {SYSTEM, ""}
