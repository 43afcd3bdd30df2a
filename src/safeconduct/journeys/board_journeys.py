"""The journeys of a window as one reader may see them, fetched in a few questions: one for each kind, not for each
journey.

Everything that the board sorts, counts and groups by comes out of `find()`, so that neither the order nor a count
tells what is withheld. Itineraries are only asked after, never read, unless the reader wants to see places.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from safeconduct.agreement.policy import Subject
from safeconduct.journeys.board_state import NOWHERE, course, stage_of
from safeconduct.journeys.board_window import Window
from safeconduct.journeys.kinds import MOVEMENT
from safeconduct.journeys.underway_course import Course, instant_of
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.release import Released

PARTS = ("notice", "check_plan")
LIMIT = 5_000
"""Journeys that the board takes in; more than three times a peak day of one country."""
LASTING = 7 * 86_400.0
"""Seconds before a window in which a journey that reaches into it has begun; one under way is found however old."""
AT_ONCE = 500
"""Journeys whose check-ins are asked for together, so that twenty of each fit into one answer."""
GOING = ("under_way", "overdue")


@dataclass(frozen=True)
class Journey:
    """One movement with what both parties have said about it, as far as the reader may see it."""

    movement: Released
    stage: str = ""
    course: Course = NOWHERE
    """How far it has come; only worked out for journeys that were heard of."""
    acknowledgements: list[Released] = field(default_factory=list)
    clearance: Released | None = None
    check_ins: list[Released] = field(default_factory=list)
    escalations: list[Released] = field(default_factory=list)
    legs: list[Released] = field(default_factory=list)
    handovers: list[Released] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.movement.withdrawn or self.movement.state in MOVEMENT.final

    @property
    def since(self) -> float:
        """The earliest departure in epoch seconds; 0.0 where the notice is withheld."""
        return instant_of(self.movement.parts["notice"]["since"]) if self.noticed else 0.0

    @property
    def noticed(self) -> bool:
        return "notice" in self.movement.parts and bool(self.movement.parts["notice"])

    def levels(self) -> Iterable[str]:
        """The labels of everything that is shown of it."""
        yield self.movement.label
        for each in (*self.acknowledgements, *self.check_ins, *self.escalations, *self.legs, *self.handovers):
            yield each.label
        if self.clearance is not None:
            yield self.clearance.label


def in_window(
    reader: Subject, window: Window, now: float, places: bool = False
) -> tuple[list[Journey], bool]:
    """The journeys of a window that the reader may see, and whether there are more than the board takes in."""
    listed = _asked(places)
    timed = find(
        reader,
        replace(
            listed,
            since=window.since - LASTING,
            until=window.until,
            ends_after=window.since,
            descending=False,
            limit=LIMIT,
        ),
    )
    found = {each.id: each for each in timed.records}
    if window.open:
        for state in GOING:
            page = find(reader, replace(listed, state=state, withdrawn=False, limit=LIMIT))
            found |= {each.id: each for each in (*page.records, *page.unplaced)}
    return with_what_is_said(reader, list(found.values()), now), bool(timed.next_cursor)


def under_way(reader: Subject, now: float) -> list[Journey]:
    """The journeys that are on the road now, with their itineraries, which are thereby read, and their bearers."""
    found: dict[str, Released] = {}
    for state in GOING:
        page = find(reader, replace(_asked(places=True), state=state, withdrawn=False, limit=LIMIT))
        found |= {each.id: each for each in (*page.records, *page.unplaced)}
    said = with_what_is_said(reader, list(found.values()), now)
    return with_bearers(reader, [each for each in said if each.stage in GOING])


def certain(reader: Subject, ids: Sequence[str], now: float, places: bool = False) -> list[Journey]:
    """These movements, as far as the reader may see them; the others are left out without a word."""
    page = find(reader, replace(_asked(places), ids=ids, sort="at", limit=LIMIT))
    return with_bearers(reader, with_what_is_said(reader, page.records, now))


def _asked(places: bool) -> Query:
    if places:
        return Query(MOVEMENT.name, parts=(*PARTS, "itinerary"), told=("itinerary",))
    return Query(MOVEMENT.name, parts=PARTS, told=("itinerary",))


def with_what_is_said(reader: Subject, movements: Sequence[Released], now: float) -> list[Journey]:
    """Each movement with its acknowledgements, clearance, check-ins, open escalations and so its stage."""
    journeys = {each.id: Journey(each) for each in movements}
    going = [each.movement.id for each in journeys.values() if not each.ended]
    decided = {found.about: found for found in _about(reader, "clearance", going)}
    for found in _about(reader, "check_in", going, parts=("word",), told=("position",)):
        journeys[found.about].check_ins.append(found)
    for found in _about(reader, "escalation", going, state="raised"):
        journeys[found.about].escalations.append(found)
    # Who acknowledged matters to the stage of those only that nothing else has been said about.
    silent = [each for each in going if each not in decided and not journeys[each].check_ins]
    for found in _about(reader, "acknowledgement", silent):
        journeys[found.about].acknowledgements.append(found)
    for record, each in journeys.items():
        decision = decided.get(record)
        heard = not each.ended and (each.check_ins or each.movement.state in GOING)
        done = course(each.movement, each.check_ins, now) if heard else NOWHERE
        stage = stage_of(each.movement, each.acknowledgements, decision, done, now)
        journeys[record] = replace(each, clearance=decision, course=done, stage=stage)
    return list(journeys.values())


def with_bearers(reader: Subject, journeys: Sequence[Journey]) -> list[Journey]:
    """The same journeys with their legs and handovers: for those that are on the screen."""
    known = {each.movement.id: each for each in journeys if not each.ended}
    legs = _about(reader, "leg", list(known), parts=("course", "duty"))
    movement_of = {leg.id: leg.about for leg in legs}
    for leg in legs:
        known[leg.about].legs.append(leg)
    for handover in _about(reader, "handover", list(movement_of), parts=("point", "word")):
        known[movement_of[handover.about]].handovers.append(handover)
    return list(journeys)


def _about(
    reader: Subject,
    kind: str,
    ids: Sequence[str],
    parts: Sequence[str] = (),
    state: str = "",
    told: Sequence[str] = (),
) -> list[Released]:
    """Records of a kind about any of these, oldest first; what was withdrawn says nothing any more."""
    found: list[Released] = []
    for first in range(0, len(ids), AT_ONCE):
        some = ids[first : first + AT_ONCE]
        query = Query(
            kind, about=some, shown=frozenset(some), parts=parts, told=told, state=state, withdrawn=False
        )
        found += find(reader, replace(query, sort="at", descending=False, limit=MAX_LIMIT)).records
    return [each for each in found if each.about]
