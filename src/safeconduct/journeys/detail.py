"""One movement with everything that both parties have said of it, as far as its reader may see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.journeys import words
from safeconduct.journeys.board_holder import Holder, holder_of
from safeconduct.journeys.changes import Change, changes_between
from safeconduct.journeys.rules import movement_of
from safeconduct.journeys.standing import stage_of
from safeconduct.journeys.underway_course import instant_of
from safeconduct.records.earlier import EarlierVersion, earlier
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.release import Released

SAID = ("acknowledgement", "clearance", "leg", "check_in", "escalation", "manifest_entry")


@dataclass(frozen=True)
class Version:
    """One version of the movement, and what it changed; `withheld` when the reader could not compare all of it."""

    number: int
    at: datetime
    state: str
    changes: list[Change]


@dataclass(frozen=True)
class Event:
    """Something that was said, in the order of when it was said. `weight` is the timeline's."""

    at: datetime
    party: str
    text: str
    detail: str = ""
    by: str = ""
    weight: str = ""


@dataclass(frozen=True)
class Passing:
    """A handover as one reader meets it: which word is theirs to give now ("give", "take" or "")."""

    record: Released
    point: Mapping[str, Any]
    word: Mapping[str, Any]
    yours: str


@dataclass(frozen=True)
class Stretch:
    """A leg with the handover at its end."""

    record: Released
    course: Mapping[str, Any]
    duty: Mapping[str, Any]
    escort: Mapping[str, Any] | None
    handover: Passing | None


@dataclass
class Whole:
    """`lock` says of an itinerary that is not shown whether it "waits" here or is "awaited" from the other party;
    `opens` since or until when, where that is known."""

    movement: Released
    stage: str
    said: dict[str, list[Released]]
    comments: list[Released] = field(default_factory=list)
    handovers: list[Released] = field(default_factory=list)
    lock: str = ""
    opens: datetime | None = None
    holder: Holder | None = None

    @property
    def clearance(self) -> Released | None:
        return self.said["clearance"][-1] if self.said["clearance"] else None

    @property
    def ended(self) -> bool:
        return self.movement.withdrawn or self.movement.state in ("arrived", "cancelled")

    def level(self) -> str:
        """The highest label of what is shown."""
        shown = [
            self.movement,
            *self.comments,
            *self.handovers,
            *(r for rs in self.said.values() for r in rs),
        ]
        return max((each.label for each in shown), key=LEVELS.index)


def whole(reader: Subject, record: str, now: float) -> Whole:
    """Everything about one movement. Raises NotFound for one that the reader may not know of."""
    movement = movement_of(reader, record)
    said = {kind: _about(reader, kind, [record]) for kind in SAID}
    standing = [each for each in said["clearance"] if not each.withdrawn]
    receipts = [each for each in said["acknowledgement"] if not each.withdrawn]
    check_ins = [each for each in said["check_in"] if not each.withdrawn]
    stage = stage_of(movement, receipts, standing[-1] if standing else None, check_ins, now)
    found = Whole(movement, stage, said)
    legs = [each.id for each in said["leg"]]
    found.handovers = _about(reader, "handover", legs)
    found.comments = _spoken(reader, [record, *legs, *(each.id for each in said["clearance"])])
    departed = min((instant_of(w["at"]) for c in check_ins if (w := c.parts.get("word"))), default=None)
    found.holder = None if found.ended else holder_of(said["leg"], found.handovers, departed, now)
    if "itinerary" not in movement.parts:
        told = find(
            reader, Query("movement", ids=[record], parts=("notice",), told=("itinerary",), sort="at")
        )
        for each in told.records:
            found.lock, found.opens = each.told.get("itinerary", ""), each.opens
    return found


def _about(reader: Subject, kind: str, ids: Sequence[str]) -> list[Released]:
    if not ids:
        return []
    query = Query(kind, about=list(ids), sort="at", descending=False, limit=MAX_LIMIT)
    return find(reader, query).records


def _spoken(reader: Subject, about: Sequence[str]) -> list[Released]:
    """Comments on these records, and on the comments."""
    found: dict[str, Released] = {}
    for _depth in range(5):
        more = [each for each in _about(reader, "comment", about) if each.id not in found]
        if not more:
            break
        found |= {each.id: each for each in more}
        about = [each.id for each in more]
    return sorted(found.values(), key=lambda each: (each.at, each.id))


def stretches(found: Whole, reader: Subject) -> list[Stretch]:
    """The legs that stand, in their order, each with its handover and whose word is wanted."""
    passing = {each.about: each for each in found.handovers if each.parts.get("point") and not each.withdrawn}
    legs = [
        each
        for each in found.said["leg"]
        if each.parts.get("course") and each.state != "cancelled" and not each.withdrawn
    ]
    legs.sort(key=lambda each: (each.parts["course"]["sequence"], each.id))
    return [
        Stretch(
            leg,
            leg.parts["course"],
            leg.parts.get("duty") or {},
            leg.parts.get("escort"),
            _passing(passing.get(leg.id), reader) if leg is not legs[-1] else None,
        )
        for leg in legs
    ]


def _passing(record: Released | None, reader: Subject) -> Passing | None:
    if record is None:
        return None
    point, yours = record.parts["point"], ""
    if record.originator == reader.party:
        if record.state == "due" and point["from_unit"] in reader.units:
            yours = "give"
        elif record.state == "given" and point["to_unit"] in reader.units:
            yours = "take"
    return Passing(record, point, record.parts.get("word") or {}, yours)


def history(reader: Subject, movement: Released) -> list[Version]:
    """The versions of a movement, the latest first, each with what it changed."""
    if movement.version == 1:
        return []
    versions = earlier(reader, movement.id)
    found = [_version(None, versions[0])] if versions else []
    found += [_version(a, b) for a, b in pairwise(versions)]
    return found[::-1]


def _version(before: EarlierVersion | None, after: EarlierVersion) -> Version:
    changes = changes_between(before.parts, after.parts) if before is not None else []
    return Version(after.version, after.at, words.word(words.STATES, after.state), changes)


def events(found: Whole, versions: Iterable[Version]) -> list[Event]:
    """Who said what and when, oldest first; what is withheld from the reader is not among it."""
    movement = found.movement
    told = [
        Event(
            v.at, movement.originator, _("Amended") if v.changes else v.state, "; ".join(map(str, v.changes))
        )
        for v in versions
        if v.number > 1
    ]
    first = min((v.at for v in versions if v.number == 1), default=movement.at)
    told.append(Event(first, movement.originator, _("Movement Notification"), weight="major"))
    for each in (*found.comments, *found.handovers, *(r for records in found.said.values() for r in records)):
        told += _told(each)
    return sorted(told, key=lambda event: event.at)


def _told(each: Released) -> Iterable[Event]:
    party, parts = each.originator, each.parts
    match each.kind:
        case "acknowledgement" if receipt := parts.get("receipt"):
            unit = receipt.get("unit", "")
            yield Event(
                _at(receipt["at"]), party, _("Acknowledged"), receipt.get("remark", ""), _by(receipt, unit)
            )
        case "clearance" if decision := parts.get("decision"):
            said = words.word(words.DECISIONS, each.state)
            text = decision.get("reason") or decision.get("conditions") or ""
            yield Event(_at(decision["at"]), party, said, text, _by(decision), "major")
        case "leg" if course := parts.get("course"):
            said = _("Leg %(number)s: %(unit)s") % {
                "number": course["sequence"],
                "unit": (parts.get("duty") or {}).get("unit_name")
                or (parts.get("duty") or {}).get("unit", ""),
            }
            yield Event(each.at, party, said, words.word(words.STATES, each.state))
        case "handover" if word := parts.get("word"):
            place = (parts.get("point") or {}).get("place", "")
            if word.get("given_at"):
                yield Event(_at(word["given_at"]), party, _("Given"), place, word.get("given_by", ""))
            if word.get("taken_at"):
                yield Event(_at(word["taken_at"]), party, _("Taken"), place, word.get("taken_by", ""))
        case "check_in" if word := parts.get("word"):
            said = words.word(words.CHECK_IN_CATEGORIES, word["category"])
            yield Event(_at(word["at"]), party, said, word.get("point", ""), word.get("by", ""))
        case "comment" if remark := parts.get("remark"):
            said = words.word(words.STANCES, remark["stance"])
            weight = "major" if remark["stance"] == "objection" else ""
            yield Event(each.at, party, said, remark["text"], remark.get("by", ""), weight)
        case "escalation" if step := parts.get("step"):
            said = words.word(words.REASONS, step["reason"])
            yield Event(_at(step["raised"]), party, said, step.get("point", ""), "", "alert")
            if answer := parts.get("answer"):
                text = answer.get("text", "")
                yield Event(_at(answer["at"]), party, _("Escalation answered"), text, answer.get("by", ""))


def _by(said: Mapping[str, Any], unit: str = "") -> str:
    return ", ".join(filter(None, (said.get("by", ""), unit)))


def _at(moment: str) -> datetime:
    return datetime.fromtimestamp(instant_of(moment), UTC)
