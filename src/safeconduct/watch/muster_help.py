"""Who needs help at a muster goes on a ladder, in the room that keeps the roll and in the one that was told of him.

Each party climbs its own ladder for its own people: that of the site, the district or the kind. It is settled when
there is a later word that he is accounted for, or when somebody takes it on; closing the muster helps nobody and ends
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from safeconduct.notify.ladder import escalate, escalations, settle
from safeconduct.notify.rungs import where_of
from safeconduct.records.hooks import on_received, on_version
from safeconduct.records.moments import instant
from safeconduct.records.own import rows_of
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx
from safeconduct.watch.muster_kinds import MUSTER, ROLL_ENTRY

NEEDS_HELP = "needs_help"
NAMED_BY = {"site": ("site_name", "identity", "name"), "movement": ("journey", "notice", "reference")}
"""By kind, the field of an entry that names such a place, and the part and field of the place itself."""


class Place(NamedTuple):
    """Where somebody is asked after: what chooses the ladder, and the units that answer for him there."""

    site: str = ""
    district: str = ""
    bearers: tuple[str, ...] = ()


@on_version
def follow_own(tx: Tx, row: RowView, index: int) -> None:
    """An own roll: the moment somebody says so."""
    _follow(tx, row)


@on_received
def follow_received(tx: Tx, row: RowView, index: int) -> None:
    """The other party's roll, as far as its clause lets it be known here."""
    _follow(tx, row)


def _follow(tx: Tx, row: RowView) -> None:
    if row.kind != ROLL_ENTRY.name or not (row.withdrawn or row.state in ("accounted", NEEDS_HELP)):
        return
    raised = [each for each in escalations(tx, row.id) if each.state == "raised"]
    reply = row.values().get("reply") or {}
    if row.withdrawn or row.state == "accounted":
        for each in raised:
            settle(tx, each, "heard")
    elif row.state == NEEDS_HELP and not raised and not _answered(tx, row.id, reply):
        _begin(tx, row, str(reply.get("at", "")))


def _answered(tx: Tx, entry: str, reply: Mapping[str, Any]) -> bool:
    """Whether somebody has taken this on already. Who is said to need help once more, later than that, is not answered
    yet."""
    answers = [each.values().get("answer") or {} for each in escalations(tx, entry)]
    if not reply.get("at"):
        return bool(answers)
    taken = [
        instant(each["at"]) for each in answers if each.get("outcome", "taken") == "taken" and "at" in each
    ]
    return bool(taken) and instant(reply["at"]) <= max(taken)


def _begin(tx: Tx, row: RowView, at: str) -> None:
    muster = tx.row(row.about)
    call = (muster.values().get("call") or {}) if muster is not None else {}
    there = _place(tx, row)
    escalate(
        tx,
        row,
        NEEDS_HELP,
        instant(at).timestamp() if at else tx.now,
        str(call.get("title", "")),
        assigned=there.bearers,
        kind_of=MUSTER.name,
        site=there.site,
        district=there.district,
        exercise=bool(call.get("exercise")),
    )


def _place(tx: Tx, row: RowView) -> Place:
    """The site or the journey of an entry: by its own link, else, of what the other party sent, by the name it bears
    there. A name that two places bear tells which district only when both lie in one."""
    values = row.values()
    linked = tx.row(str((values.get("link") or {}).get("place", "")))
    who = values.get("who") or {}
    found = [linked] if linked is not None else []
    for kind, (field, part, name) in () if found else NAMED_BY.items():
        if who.get(field):
            found += [
                each
                for each in rows_of(tx, kind)
                if each.originator == row.originator
                and (each.values().get(part) or {}).get(name) == who[field]
            ]
    districts = {_district(each) for each in found}
    district = districts.pop() if len(districts) == 1 else ""
    if len(found) != 1:
        return Place("", district)
    (only,) = found
    bearers = tuple(sorted(names_in(only.assigned + only.bearers)))
    return Place(only.id if only.kind == "site" else "", district, bearers)


def _district(place: RowView) -> str:
    if place.kind == "site":
        return str((place.values().get("place") or {}).get("district", ""))
    return where_of(place).district
