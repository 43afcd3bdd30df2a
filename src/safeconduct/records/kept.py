"""Own records that go to nobody, and yet belong to an agreement: what is said at home of one partner's matter.

Who works for another agreement is not to see them, and they bear no partner's name that could release them. So they
are marked: `~p1` for who may see what is under the agreement with p1, a mere `~` for what is made of several
agreements that nothing has in common.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from safeconduct.agreement.policy import KEPT
from safeconduct.records.rows import RowView, names_in

if TYPE_CHECKING:
    from safeconduct.records.transaction import Tx

AT_ONCE = 500
"""Records that one question names."""


def kept_for(tx: Tx, records: Sequence[str], previous: RowView | None = None) -> list[str]:
    """The marks of an own record that goes to nobody and speaks of these, or is made of them; of one that did go to
    somebody, or speaks of no record, those that it has already."""
    if len(tx.home.partners) < 2:
        return []
    own, rows = tx.home.party, [row for row in map(tx.row, filter(None, records)) if row is not None]
    return marks(belongs_to(row, own) for row in rows) or marks(
        [belongs_to(previous, own)] if previous else []
    )


def apart(tx: Tx, records: Sequence[str]) -> dict[frozenset[str], list[int]]:
    """Own records by the parties under whose agreements each is: the places of those that are under the same."""
    if len(tx.home.partners) < 2 or not records:
        return {frozenset(): list(range(len(records)))}
    found: dict[str, frozenset[str]] = {}
    for first in range(0, len(records), AT_ONCE):
        some = records[first : first + AT_ONCE]
        asked = ", ".join(["%s"] * len(some))
        for record, releasable in tx.tables.all(
            f"SELECT id, releasable FROM records_row WHERE id IN ({asked})", some
        ):
            found[record] = _names(releasable)
    places: dict[frozenset[str], list[int]] = {}
    for place, record in enumerate(records):
        places.setdefault(found.get(record, frozenset()), []).append(place)
    return places


def marks(sources: Iterable[Collection[str]]) -> list[str]:
    """The marks of what is made of sources, each of which belongs to these parties' agreements; to none: it is the
    node's own affair, and says nothing."""
    some = [frozenset(source) for source in sources if source]
    common = frozenset[str]().union(*some).intersection(*some) - {""}
    return (sorted(KEPT + party for party in common) or [KEPT]) if some else []


def belongs_to(row: RowView, own: str) -> frozenset[str]:
    """The parties under whose agreements a record is."""
    if row.originator != own:
        return frozenset({row.originator})
    return _names(row.releasable)


def _names(releasable: str) -> frozenset[str]:
    return frozenset(name.removeprefix(KEPT) for name in names_in(releasable))


def reach_in(header: Mapping[str, Any]) -> list[str]:
    """To whom a version may go, and its marks: what the tables hold of both."""
    return [*header.get("releasable", ()), *header.get("kept_for", ())]


def partners_in(column: str) -> frozenset[str]:
    """To whom a record may go, by its row."""
    return frozenset(name for name in names_in(column) if not name.startswith(KEPT))
