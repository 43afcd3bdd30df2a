"""Disclosure authorisations: who may see one record because another record says so, person by person.

A record of a kind that `authorises` names a person of one partner and is about the one record that this person may see
where a grant demands `authorised_by`. It opens that record, and itself, to nobody else. Each node reads its own side
of it: the originator, which partner it may give the record to; the partner, which of its people may read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from safeconduct.records.bearers import CANCELLED
from safeconduct.records.kinds import all_kinds
from safeconduct.records.rows import RowView, party_set

NOBODY: frozenset[str] = frozenset()


class Asks(Protocol):
    def all(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]: ...

    def one(self, sql: str, parameters: list[Any]) -> tuple[Any, ...] | None: ...


def authorised(tables: Asks, persons: Sequence[str], now: float) -> dict[str, frozenset[str]]:
    """The records of other parties that each of these persons of the node's own party may see now by an authorisation:
    each record that one is about, if the same party wrote both, and the authorisation itself."""
    kinds = authorising()
    if not kinds or not persons:
        return {}
    found: dict[str, set[str]] = {}
    for person, *records in tables.all(
        "SELECT a.external, a.id, r.id FROM records_row a LEFT JOIN records_row r ON r.id = a.about "
        "AND r.originator = a.originator AND r.agreement = a.agreement "
        f"WHERE a.kind IN ({_marks(kinds)}) AND a.external IN ({_marks(persons)}) AND a.agreement <> '' "
        f"AND {_IN_FORCE}",
        [*kinds, *persons, False, *sorted(CANCELLED), now],
    ):
        found.setdefault(person, set()).update(filter(None, records))
    return {person: frozenset(records) for person, records in found.items()}


def opened_to(tables: Asks, row: RowView, party: str, now: float) -> frozenset[str]:
    """The own record's id if an authorisation in force opens it to somebody of this partner, else nothing."""
    kinds = authorising()
    if not kinds:
        return NOBODY
    found = tables.one(
        f"SELECT 1 FROM records_row a WHERE (a.about = %s OR a.id = %s) AND a.kind IN ({_marks(kinds)}) "
        f"AND a.agreement = '' AND a.releasable = %s AND {_IN_FORCE}",
        [row.id, row.id, *kinds, party_set([party]), False, *sorted(CANCELLED), now],
    )
    return frozenset({row.id}) if found else NOBODY


_IN_FORCE = (
    f"a.withdrawn = %s AND a.state NOT IN ({', '.join(['%s'] * len(CANCELLED))}) "
    "AND (a.until IS NULL OR a.until > %s)"
)


def authorising() -> tuple[str, ...]:
    """The kinds whose records authorise somebody."""
    return _authorising(len(all_kinds()))


@lru_cache(maxsize=4)
def _authorising(_count: int) -> tuple[str, ...]:
    return tuple(sorted(kind.name for kind in all_kinds().values() if kind.authorises))


def _marks(names: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(names))
