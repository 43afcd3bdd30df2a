"""How a record came to be as it is: its versions, for whoever was given the record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from safeconduct.records import here
from safeconduct.records.release import Released


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
