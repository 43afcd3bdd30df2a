"""What the other side holds: the standing list of every part that was released, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from safeconduct.exchange.models import Holding
from safeconduct.records.kinds import all_kinds

HELD, WITHDRAWN, ASKED, REMOVED, RETAINED = "held", "withdrawn", "erasure asked", "removed", "retained"
SEALED = "sealed"
"""Given in a sealed bundle: unopened for all that is known, but it may be open."""

STATUSES = (HELD, WITHDRAWN, ASKED, REMOVED, RETAINED, SEALED)


@dataclass(frozen=True)
class Held:
    """One version of an own record that a partner was given; `parts` says of each part how it stands.

    `feed_index` below the partner's acknowledged feed size means that it has arrived.
    """

    partner: str
    record: str
    kind: str
    version: int
    sent_version: int
    parts: Mapping[str, str]
    because: str
    clauses: tuple[str, ...]
    since: datetime
    asked: datetime | None
    answered: datetime | None
    ledger_index: int
    feed_index: int


def holdings(
    partner: str = "", record: str = "", after: str = "", limit: int = 200, status: str = ""
) -> list[tuple[str, Held]]:
    """(cursor, what is held), newest first; `after` is the cursor of the last one seen.

    `status` is one of STATUSES and keeps what has a part that stands so; "" keeps everything.
    """
    found = Holding.objects.order_by("-ledger_index")
    if partner:
        found = found.filter(partner=partner)
    if record:
        found = found.filter(record=record)
    if after:
        found = found.filter(ledger_index__lt=int(after))
    listed: list[tuple[str, Held]] = []
    for row in found.iterator(chunk_size=500):
        held = _held(row)
        if not status or status in held.parts.values():
            listed.append((str(row.ledger_index), held))
            if len(listed) == limit:
                break
    return listed


def counts(partner: str) -> dict[str, int]:
    """Versions that a partner was given, by how their parts stand; a version with several is counted in each."""
    total = dict.fromkeys(STATUSES, 0)
    masks = Holding.objects.filter(partner=partner).values_list(
        "parts", "withdrawn", "asked", "removed", "retained", "sealed"
    )
    for parts, withdrawn, asked, removed, retained, sealed in masks.iterator(chunk_size=2000):
        total[HELD] += bool(parts & ~withdrawn & ~asked)
        total[SEALED] += bool(sealed & ~parts & ~withdrawn & ~asked)
        total[WITHDRAWN] += bool((parts | sealed) & withdrawn & ~asked)
        total[ASKED] += bool(asked & ~removed & ~retained)
        total[REMOVED] += bool(removed)
        total[RETAINED] += bool(retained & ~removed)
    return total


def _held(row: Holding) -> Held:
    return Held(
        partner=row.partner,
        record=row.record,
        kind=row.kind,
        version=row.version,
        sent_version=row.sent_version,
        parts=dict(_statuses(row)),
        because=row.because,
        clauses=tuple(row.clauses.split()),
        since=datetime.fromtimestamp(row.since, UTC),
        asked=_moment(row.asked_at),
        answered=_moment(row.answered_at),
        ledger_index=row.ledger_index,
        feed_index=row.feed_index,
    )


def _statuses(row: Holding) -> Iterator[tuple[str, str]]:
    for bit, name in enumerate(all_kinds()[row.kind].part_names):
        if not (row.parts | row.sealed) >> bit & 1:
            continue
        for status, mask in (
            (REMOVED, row.removed),
            (RETAINED, row.retained),
            (ASKED, row.asked),
            (WITHDRAWN, row.withdrawn),
        ):
            if mask >> bit & 1:
                yield name, status
                break
        else:
            yield name, HELD if row.parts >> bit & 1 else SEALED


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
