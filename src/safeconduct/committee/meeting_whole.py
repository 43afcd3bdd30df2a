"""A meeting as one reader may see it: its agenda in the order that is his, who sits in it, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from safeconduct.agreement.policy import Subject
from safeconduct.committee.meeting_kinds import (
    ACTION,
    AGENDA_ITEM,
    ATTENDANCE,
    DECISION,
    DISCLOSURE_AUTHORISATION,
    MEETING,
    MINUTES,
    MINUTES_WORD,
    OBSERVER_SEAT,
    RESERVATION,
)
from safeconduct.records import here
from safeconduct.records.attachments import ATTACHMENT
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release

MOST = 1_000
"""Items, or what is said about each, that one page shows."""


@dataclass(frozen=True)
class Decided:
    """A decision with the reservations beside it and the actions that follow from it."""

    decision: Released
    reservations: Sequence[Released] = ()
    actions: Sequence[Released] = ()


@dataclass(frozen=True)
class Minuted:
    """The minutes of an item, and the other party's words on them, the latest last."""

    minutes: Released
    words: Sequence[Released] = ()


@dataclass(frozen=True)
class Item:
    """An item at the place where this reader has it. `readers` are those of the other party who may know of it."""

    record: Released
    number: int
    papers: Sequence[Released] = ()
    minutes: Sequence[Minuted] = ()
    decisions: Sequence[Decided] = ()
    actions: Sequence[Released] = ()
    readers: Sequence[Released] = ()


@dataclass(frozen=True)
class Attendee:
    record: Released
    seats: Sequence[Released] = ()


@dataclass(frozen=True)
class WholeMeeting:
    meeting: Released
    items: Sequence[Item] = ()
    attendees: Sequence[Attendee] = ()
    decisions: Sequence[Decided] = field(default=())

    @property
    def own(self) -> bool:
        return self.meeting.originator == here.home().party

    @property
    def records(self) -> list[Released]:
        """Everything that the page shows, for its label."""
        found = [self.meeting]
        for attendee in self.attendees:
            found += [attendee.record, *attendee.seats]
        for item in self.items:
            found += [item.record, *item.papers, *item.actions, *item.readers]
            for minuted in item.minutes:
                found += [minuted.minutes, *minuted.words]
        for decided in [*self.decisions, *(each for item in self.items for each in item.decisions)]:
            found += [decided.decision, *decided.reservations, *decided.actions]
        return found


def meetings(reader: Subject, now: float, limit: int = 100) -> tuple[list[Released], list[Released]]:
    """(to come, the soonest first; over, the latest first)."""
    coming = Query(MEETING.name, ends_after=now, withdrawn=False, descending=False, limit=limit)
    past = Query(MEETING.name, until=now, withdrawn=False, limit=limit)
    ahead = find(reader, coming).records
    there = {each.id for each in ahead}
    return ahead, [each for each in find(reader, past).records if each.id not in there]


def whole_meeting(reader: Subject, record: str) -> WholeMeeting:
    """One meeting. Raises NotFound."""
    meeting = release(reader, record)
    if meeting.kind != MEETING.name:
        raise NotFound(record)
    attendances = _about(reader, ATTENDANCE.name, [meeting]).get(meeting.id, [])
    seats = _about(reader, OBSERVER_SEAT.name, attendances)
    items = _about(reader, AGENDA_ITEM.name, [meeting]).get(meeting.id, [])
    readers = _about(reader, DISCLOSURE_AUTHORISATION.name, items)
    papers = _about(reader, ATTACHMENT.name, items)
    minutes = _about(reader, MINUTES.name, items)
    words = _about(reader, MINUTES_WORD.name, _all(minutes))
    decided = decisions(reader, [meeting, *items])
    actions = _about(reader, ACTION.name, items)
    ordered = _ordered(reader, items, readers)
    return WholeMeeting(
        meeting,
        [
            Item(
                each,
                number,
                papers.get(each.id, ()),
                [Minuted(one, words.get(one.id, ())) for one in minutes.get(each.id, ())],
                decided.get(each.id, ()),
                actions.get(each.id, ()),
                [one for one in readers.get(each.id, ()) if one.state == "granted"],
            )
            for number, each in enumerate(ordered, 1)
        ],
        [Attendee(each, seats.get(each.id, ())) for each in attendances],
        decided.get(meeting.id, ()),
    )


def minutes_on(reader: Subject, item: str) -> Released | None:
    """The minutes of an item, where there are any."""
    found = find(reader, Query(MINUTES.name, about=item, withdrawn=False, sort="at", limit=1)).records
    return found[0] if found else None


def decisions(reader: Subject, about: Sequence[Released]) -> dict[str, list[Decided]]:
    """The decisions about each of these, with what stands beside them."""
    return _decided(reader, _about(reader, DECISION.name, about))


def register(reader: Subject, limit: int = 200) -> list[Decided]:
    """All decisions, the latest recorded first, with what stands beside them."""
    found = find(reader, Query(DECISION.name, withdrawn=False, sort="at", limit=limit)).records
    whole = _decided(reader, {each.id: [each] for each in found})
    return [decided for each in found for decided in whole[each.id]]


def open_actions(reader: Subject, limit: int = 200) -> list[Released]:
    """What is still to be done, the soonest due first."""
    found = find(reader, Query(ACTION.name, state="open", withdrawn=False, sort="at", limit=limit)).records
    return sorted(found, key=lambda each: str((each.parts.get("task") or {}).get("due", "")))


def _decided(reader: Subject, found: Mapping[str, Sequence[Released]]) -> dict[str, list[Decided]]:
    every = _all(found)
    reservations = _about(reader, RESERVATION.name, every)
    actions = _about(reader, ACTION.name, every)
    return {
        about: [Decided(each, reservations.get(each.id, ()), actions.get(each.id, ())) for each in group]
        for about, group in found.items()
    }


def _ordered(
    reader: Subject, items: Iterable[Released], readers: Mapping[str, Sequence[Released]]
) -> list[Released]:
    """An own agenda as its secretary ordered it; another party's as the authorisations of this reader count it."""

    def place(item: Released) -> tuple[int, str]:
        handling = item.parts.get("handling")
        if handling:
            return int(handling["rank"]), item.id
        own = [each.parts.get("reader") or {} for each in readers.get(item.id, ())]
        places = [
            each["position"] for each in own if each.get("person") == reader.person and "position" in each
        ]
        return min(places, default=MOST), item.id

    return sorted((each for each in items if each.state != "dropped"), key=place)


def _all(found: Mapping[str, Sequence[Released]]) -> list[Released]:
    return [each for group in found.values() for each in group]


def _about(reader: Subject, kind: str, found: Sequence[Released]) -> dict[str, list[Released]]:
    """What of a kind is said about each of these, the earliest recorded first."""
    if not found:
        return {}
    shown = frozenset(each.id for each in found)
    query = Query(
        kind, about=sorted(shown), withdrawn=False, sort="at", descending=False, limit=MOST, shown=shown
    )
    by: dict[str, list[Released]] = {}
    for each in find(reader, query).records:
        by.setdefault(each.about, []).append(each)
    return by
