"""The Observer's seat, applied item by item by the node that convenes the meeting.

A seat says up to which level, of which categories and how an observer may be told. From that and from the agenda follow
the disclosure authorisations: one for each person and record that he may know of, with its place on the agenda as he
has it. They are written, moved and ended here and nowhere else, in the transaction of whatever changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from safeconduct.committee.meeting_kinds import (
    AGENDA_ITEM,
    ATTENDANCE,
    DISCLOSURE_AUTHORISATION,
    MEETING,
    MINUTES,
    OBSERVER_SEAT,
)
from safeconduct.records.attachments import ATTACHMENT
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import on_received, on_version, on_withdrawn
from safeconduct.records.moments import instant
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.timers.due import arm, disarm, timer

CROSSING = ("document", "visual")
"""The methods by which a record goes to the other node, the fuller first; what is told in the room does not."""
TOLD = {"agenda_item": "item", "minutes": "text", "attachment": "content"}
"""The part whose label is held against the ceiling of a seat."""
ABOVE = {
    MEETING.name: "",
    AGENDA_ITEM.name: MEETING.name,
    ATTENDANCE.name: MEETING.name,
    OBSERVER_SEAT.name: ATTENDANCE.name,
    MINUTES.name: AGENDA_ITEM.name,
    ATTACHMENT.name: AGENDA_ITEM.name,
}
"""What each of these kinds is about, up to the meeting."""
AGAINST = frozenset({"declined", "absent"})


class Seated(NamedTuple):
    """An observer who has a seat in force: the person, the partner he is of, and the terms."""

    party: str
    person: str
    name: str
    terms: Mapping[str, Any]


def how(terms: Mapping[str, Any], handling: Mapping[str, Any], kind: str, level: int) -> str | None:
    """How the holder of a seat may be told of a record on an item handled so; None if not at all.

    A paper is given to keep or not at all. The item's own category counts for all that lies on it.
    """
    if handling["withheld"] or handling["category"] not in terms["categories"] or level > terms["ceiling"]:
        return None
    given = [each for each in (*CROSSING, "oral") if each in terms["methods"]]
    if kind == ATTACHMENT.name and "document" not in given:
        return None
    return given[0] if given else None


def seated(tx: Tx, meeting: RowView) -> Iterator[Seated]:
    """The observers of a meeting whose seats are in force at this moment."""
    for attendance in tx.rows_about(meeting.id, ATTENDANCE.name):
        seat = attendance.values().get("seat") or {}
        if attendance.originator == tx.home.party or attendance.state in AGAINST or not seat.get("person"):
            continue
        for row in tx.rows_about(attendance.id, OBSERVER_SEAT.name):
            terms = row.values().get("terms")
            if terms and row.state == "granted" and instant(terms["until"]).timestamp() > tx.now:
                yield Seated(attendance.originator, seat["person"], seat["name"], terms)


def agenda(tx: Tx, meeting: RowView) -> list[RowView]:
    """The own items of a meeting that stand on its agenda, in their order."""
    found = [
        row
        for row in tx.rows_about(meeting.id, AGENDA_ITEM.name)
        if row.originator == tx.home.party and row.state != "dropped"
    ]
    return sorted(found, key=lambda row: (row.values()["handling"]["rank"], row.id))


def apply_seats(tx: Tx, meeting: RowView) -> None:
    """Bring the authorisations of a meeting to what its seats and its agenda say now."""
    over = meeting.withdrawn or meeting.state == "cancelled"
    holders = [] if over else list(seated(tx, meeting))
    items = agenda(tx, meeting)
    wanted: dict[tuple[str, str], tuple[Seated, dict[str, Any]]] = {}
    for holder in holders:
        for about, reader in _readable(tx, holder, items):
            wanted[about, holder.person] = holder, reader
    for item in tx.rows_about(meeting.id, AGENDA_ITEM.name):
        for record in (item, *_on(tx, item)):
            if record.originator == tx.home.party:
                _bring_to(tx, record, wanted)


def _readable(tx: Tx, holder: Seated, items: Sequence[RowView]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What one observer may know of, in the order of the agenda, and how; positions count only that."""
    position = 0
    for item in items:
        handling = item.values()["handling"]
        method = how(holder.terms, handling, item.kind, item.level(AGENDA_ITEM.bit(TOLD[item.kind])))
        if method is None:
            continue
        position += 1
        yield item.id, _reader(holder, method, position)
        for record in _on(tx, item):
            level = record.level(_kind_of(record).bit(TOLD[record.kind]))
            method = how(holder.terms, handling, record.kind, level)
            if method is not None and (record.kind != MINUTES.name or record.state != "draft"):
                yield record.id, _reader(holder, method, None)


def _on(tx: Tx, item: RowView) -> list[RowView]:
    return [*tx.rows_about(item.id, ATTACHMENT.name), *tx.rows_about(item.id, MINUTES.name)]


def _kind_of(record: RowView) -> Any:
    return {each.name: each for each in (AGENDA_ITEM, MINUTES, ATTACHMENT)}[record.kind]


def _reader(holder: Seated, method: str, position: int | None) -> dict[str, Any]:
    found = {
        "person": holder.person,
        "name": holder.name,
        "method": method,
        "until": holder.terms["until"],
        "position": position,
    }
    return {name: value for name, value in found.items() if value is not None}


def _bring_to(
    tx: Tx, record: RowView, wanted: Mapping[tuple[str, str], tuple[Seated, dict[str, Any]]]
) -> None:
    """End what is no longer wanted about a record, change what is wanted otherwise, write what is missing."""
    kind, system = DISCLOSURE_AUTHORISATION, system_subject(tx.home.party)
    missing = {person: found for (about, person), found in wanted.items() if about == record.id}
    for row in tx.rows_about(record.id, kind.name):
        if row.state == "ended":
            continue
        now = row.values()["reader"]
        holder, reader = missing.pop(now["person"], (None, now))
        if holder is None:
            store(tx, system, "write", kind, _again(row, {}, "ended"))
        elif reader != now:
            parties = _parties(holder, reader)
            store(tx, system, "write", kind, _again(row, {"reader": reader}, "granted", parties))
    for holder, reader in missing.values():
        draft = Draft(
            kind.name,
            {"reader": reader},
            about=record.id,
            releasable=_parties(holder, reader),
            levels={"reader": record.level(_kind_of(record).bit(TOLD[record.kind]))},
        )
        store(tx, system, "write", kind, draft)


def _again(row: RowView, parts: dict[str, Any], state: str, parties: tuple[str, ...] | None = None) -> Draft:
    return Draft(row.kind, parts, record=row.id, expected=row.version, state=state, releasable=parties)


def _parties(holder: Seated, reader: Mapping[str, Any]) -> tuple[str, ...]:
    return (holder.party,) if reader["method"] in CROSSING else ()


@on_version
def follow_own(tx: Tx, row: RowView, _index: int) -> None:
    """Whatever is said about a meeting or its items may change what its observers may know of."""
    if row.kind == OBSERVER_SEAT.name:
        _watch_end(tx, row)
    look_again(tx, row)


@on_received
def follow_received(tx: Tx, row: RowView, _index: int) -> None:
    """An observer whom the other party names otherwise, or who stays away, has no seat."""
    if row.kind == ATTENDANCE.name:
        look_again(tx, row)


@on_withdrawn
def look_again(tx: Tx, row: RowView) -> None:
    meeting = _meeting_of(tx, row) if row.kind in ABOVE else None
    if meeting is not None and meeting.originator == tx.home.party:
        apply_seats(tx, meeting)


def _meeting_of(tx: Tx, row: RowView) -> RowView | None:
    """The meeting that a record belongs to, by whatever stands between."""
    found = tx.row(row.id)
    while found is not None and ABOVE[found.kind]:
        above = tx.row(found.about)
        found = above if above is not None and above.kind == ABOVE[found.kind] else None
    return found


def _watch_end(tx: Tx, seat: RowView) -> None:
    key, terms = f"observer_seat:{seat.id}", seat.values().get("terms")
    if seat.state != "granted" or not terms:
        disarm(tx, key)
        return
    arm(tx, key, instant(terms["until"]).timestamp(), "observer_seat", {"seat": seat.id})


@timer("observer_seat")
def seat_over(tx: Tx, payload: dict[str, Any], _due: float) -> None:
    """The seat's time is over: what was opened by it is taken back."""
    row = tx.row(str(payload["seat"]))
    if row is not None:
        look_again(tx, row)
