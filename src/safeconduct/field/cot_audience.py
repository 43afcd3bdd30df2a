"""What each TAK client may be shown, decided by the policy and noted as read before anything is sent.

A client reads as the person whose device it is, once that person has said so (`device_word`), with that person's roles
of this moment, and never above CONFIDENTIAL: a phone in a vehicle is no place for more. A device that is nobody's, or
waits for its person's word, sends, and is shown nothing.
Everything here asks databases; it is called in a thread, never in the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from safeconduct.agreement.policy import Subject
from safeconduct.field.cot_events import write_removal
from safeconduct.field.cot_markers import (
    is_over,
    journey_marker,
    of_record,
    record_marker,
    write_fix,
    write_sos_over,
)
from safeconduct.people.models import Account
from safeconduct.people.principal import lacks_second_factor, principal_of
from safeconduct.positions.kinds import MOVEMENT
from safeconduct.positions.reading import Sources, follow, may_follow
from safeconduct.positions.store import Position
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds, kind
from safeconduct.records.release import Released, heading
from safeconduct.watch.sos_whole import as_it_seems

HIGHEST = 2
"""CONFIDENTIAL: the highest level that a device is given."""
KINDS = {"site": ("identity", "place"), "sos": ("call", "place"), "alert": ("message", "area")}
"""What is shown of records, and which parts of them."""
OPEN = {"site": "active", "sos": "raised", "alert": "issued"}
MOST = {"site": 1_000, "sos": 200, "alert": 200}
"""What a client that joins is shown at most of each."""
MOST_MOVEMENTS = 500
NO_NAME = "Journey"


@dataclass
class Standing:
    """What a client that joins is shown: its movements by what each is called, and the events of now."""

    follows: dict[str, str] = field(default_factory=dict)
    sources: dict[str, Sources] = field(default_factory=dict)
    newest: dict[str, Position] = field(default_factory=dict)
    events: list[bytes] = field(default_factory=list)
    markers: set[str] = field(default_factory=set)


def reader_of(person: str) -> Subject | None:
    """Who reads on a person's device now; None for nobody, and for one who may not sign in either."""
    account = Account.objects.filter(person=person).first() if person else None
    if account is None or account.locked or account.must_change_password:
        return None
    subject = principal_of(account)
    if not subject.roles or lacks_second_factor(account, subject):
        return None
    return subject._replace(clearance=min(subject.clearance, HIGHEST))


def standing(reader: Subject, own: str, door: Door) -> Standing:
    """All that is open now and that the reader may see; each is noted as read. A device is not shown where it is
    itself: `own` is whose positions those are."""
    found = Standing()
    for name, parts in KINDS.items():
        if name in all_kinds():
            query = Query(name, state=OPEN[name], parts=parts, sort="at", limit=MOST[name])
            page = find(reader, query, door=door)
            for each in as_it_seems(reader, (*page.records, *page.unplaced)):
                _show(found, each)
    admit(reader, _open_movements(reader, door), found, door)
    for movement, position in found.newest.items():
        if position.person == own:
            continue
        marker = journey_marker(movement)
        found.markers.add(marker)
        found.events.append(write_fix(marker, found.follows[movement], position.at, None, position))
    return found


def _show(found: Standing, each: Released) -> None:
    if not is_over(each):
        events = of_record(each)
        found.events += events
        if events:
            found.markers.add(record_marker(each.id))


def _open_movements(reader: Subject, door: Door) -> dict[str, str]:
    """Movements that are not over, with what each is called for this reader."""
    found: dict[str, str] = {}
    shape = kind(MOVEMENT)
    for state in (state for state in shape.states if state not in shape.final):
        query = Query(
            MOVEMENT, parts=("notice",), state=state, withdrawn=False, sort="at", limit=MOST_MOVEMENTS
        )
        page = find(reader, query, door=door)
        found.update({each.id: _called(each) for each in (*page.records, *page.unplaced)})
    return found


def _called(each: Released) -> str:
    return str((each.parts.get("notice") or {}).get("reference") or NO_NAME)


def admit(reader: Subject, movements: dict[str, str], found: Standing, door: Door) -> None:
    """Let the reader follow those of the movements that the policy allows; the reading is noted."""
    for movement, (sources, position) in follow(reader, list(movements), door=door).items():
        found.follows[movement], found.sources[movement] = movements[movement], sources
        if position is not None:
            found.newest[movement] = position


def called(reader: Subject, movement: str, door: Door) -> str:
    """What a movement is called for a reader: its reference, if that is for them."""
    page = find(reader, Query(MOVEMENT, ids=(movement,), parts=("notice",), sort="at", limit=1), door=door)
    return next((_called(each) for each in (*page.records, *page.unplaced)), NO_NAME)


def may_all_follow(readers: Sequence[Subject | None], movement: str) -> list[Sources]:
    """For each reader whose positions of a movement the policy lets them see now; a movement that is over is not
    followed. Notes nothing."""
    found = heading(movement)
    if found is None or found[0].kind != MOVEMENT or found[0].state in kind(MOVEMENT).final:
        return [frozenset()] * len(readers)
    known: dict[Subject, Sources] = {}
    for reader in readers:
        if reader is not None and reader not in known:
            known[reader] = may_follow(reader, movement)
    return [known[reader] if reader is not None else frozenset() for reader in readers]


def change(reader: Subject, name: str, record: str, was_shown: bool, door: Door) -> list[bytes]:
    """What a reader's map is told when a record changed: shown as it is now, or taken off if it was there."""
    now = time.time()
    query = Query(name, ids=(record,), parts=KINDS[name], sort="at", limit=1)
    page = find(reader, query, door=door)
    each = next(iter(as_it_seems(reader, (*page.records, *page.unplaced))), None)
    events = of_record(each) if each is not None and not is_over(each) else []
    if events or not was_shown:
        return events
    ending = [write_sos_over(record, now)] if name == "sos" else []
    return [*ending, write_removal(record_marker(record), now)]


def still(readers: Iterable[tuple[str, Subject | None]]) -> list[Subject | None]:
    """The same persons as they are now."""
    known: dict[str, Subject | None] = {}
    for person, _ in readers:
        if person not in known:
            known[person] = reader_of(person)
    return [known[person] for person, _ in readers]
