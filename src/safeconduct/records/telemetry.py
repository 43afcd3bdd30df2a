"""Telemetry: what belongs to a record and is never one. A kind stands for it in clauses, house rules and notes.

It is decided like a part of the record it belongs to, by who collected it: that party is its originator. It is as
confidential as the part of the record that the kind names, and a reading of it is noted as one of that record.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import time as clock
from typing import Any

from safeconduct.agreement.policy import Item, Subject
from safeconduct.records import here, principals
from safeconduct.records.door import Door
from safeconduct.records.kinds import kind
from safeconduct.records.projection import pack_levels
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import fetch_row
from safeconduct.records.rows import RowView, item_of


def never_recorded(_tx: Any, given: Any) -> None:
    """The check of a kind that stands for telemetry: nobody makes a record of it."""
    raise Malformed(f"a {given.draft.kind} is not recorded: it is kept for its time, and then gone")


def telemetry_item(
    row: RowView, name: str, collector: str, releasable: frozenset[str], agreement: str = ""
) -> Item:
    """Telemetry of a record, of the kind `name` and as this party collected it, as policy sees it.

    `agreement` is the one it came under, "" for what this node collected itself.
    """
    shape = kind(name)
    _, like = _belongs(name)
    least = row.level(kind(row.kind).bit(like))
    levels = pack_levels([max(level, least) for level in shape.default_levels().values()])
    return item_of(row)._replace(
        kind=name,
        originator=collector,
        levels=levels,
        releasable=releasable,
        orcon=bool(row.orcon) and row.originator == collector,
        agreement=agreement,
    )


def is_gone(row: RowView | None, name: str) -> bool:
    """Whether a record has no telemetry any more: it is none of its kind, was withdrawn, or erased in the part that
    the telemetry is like."""
    of, like = _belongs(name)
    return (
        row is None
        or row.kind != of
        or bool(row.withdrawn)
        or bool(row.erased >> kind(of).bit(like) & ~row.present >> kind(of).bit(like) & 1)
    )


def may_see(reader: Subject, record: str, name: str, partner: str) -> bool:
    """Whether the reader may see now what a partner's node sent of a record. Notes nothing."""
    if not here.state().policy.entries(reader, "read", name):
        return False
    item = _item(reader, fetch_row(record), name, partner)
    return item is not None and bool(here.state().policy.mask(reader, "read", item, clock()))


def show(
    reader: Subject, records: Sequence[str], name: str, partner: str, door: Door | None = None
) -> set[str]:
    """Those of the records of which the reader may see what a partner's node sent; durable in the ledger as read,
    where the agreement says so, before this returns."""
    state, now = here.state(), clock()
    found: set[str] = set()
    noted: list[dict[str, Any]] = []
    for record in records if state.policy.entries(reader, "read", name) else ():
        row = fetch_row(record)
        item = _item(reader, row, name, partner)
        if row is None or item is None:
            continue
        mask = state.policy.mask(reader, "read", item, now)
        if not mask:
            continue
        found.add(record)
        logged = state.policy.logged(reader, "read", item, now) & mask
        if logged:
            parts = [part for bit, part in enumerate(kind(name).part_names) if logged >> bit & 1]
            noted.append(
                {"record": row.id, "version": row.version, "parts": parts, "index": row.ledger_index}
            )
    if noted:
        payload = [{"kind": name, "of": partner, "records": noted}]
        (door or here.door()).call(
            "note",
            {"actor": principals.to_wire(reader), "act": "read", "policy": state.index, "items": payload},
        )
    return found


def _item(reader: Subject, row: RowView | None, name: str, partner: str) -> Item | None:
    known = here.home().partners.get(partner)
    if row is None or known is None or is_gone(row, name):
        return None
    return telemetry_item(row, name, partner, frozenset({reader.party}), known.agreement)


def _belongs(name: str) -> tuple[str, str]:
    of = kind(name).telemetry_of
    if of is None:
        raise ValueError(f"{name} is no telemetry")
    return of
