"""What is said of an incident being the same event as others, put together for its page; and which others may be."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.geo.sphere import Point, distance
from safeconduct.incidents import words
from safeconduct.incidents.filters import LIST_PARTS
from safeconduct.incidents.presentation import ListLine, list_line
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.release import Released
from safeconduct.risk.same_event import DIFFERENT, SAME, TAKEN_BACK, standing
from safeconduct.shell.same_event import halves_of, put_together, taken_as_one

MOST = 25
"""Other records that a page shows of one incident, those of which something was said last; and candidates."""
DAYS, KILOMETRES = 2, 25
"""How near in time and place another record is proposed."""
_KM_OF_DEGREE = 111.2


@dataclass(frozen=True)
class Word:
    """What one party says of two records now, and why, as far as the reader may see it."""

    party: str
    word: str
    said: str
    half: Released
    reason: str = ""


@dataclass(frozen=True)
class Beside:
    """Another record, what each party says of the two, and whether they count as one for the reader. `seen` is the
    version of what the own party said, 0 where it said nothing yet."""

    line: ListLine
    words: tuple[Word, ...]
    one: bool
    own: str
    seen: int

    @property
    def acts(self) -> tuple[str, ...]:
        """What the own party could say instead of what it says now."""
        fresh = () if self.line.withdrawn else tuple(word for word in (SAME, DIFFERENT) if word != self.own)
        return (*fresh, TAKEN_BACK) if self.own in (SAME, DIFFERENT) else fresh


@dataclass(frozen=True)
class Together:
    """All of it: `more` others are not among `beside`. `counts`: the record that counts for the group, where the
    incident is one of several; `of`: how many these are. `label`s: of everything shown."""

    beside: tuple[Beside, ...] = ()
    more: int = 0
    counts: str = ""
    of: int = 0
    labels: tuple[str, ...] = ()


SHOWN = (*LIST_PARTS, "people")


def together(reader: Subject, found: Released, parts: Sequence[str] = SHOWN) -> Together:
    """What is said of one incident and others, the latest first; the others with these parts, their figures too."""
    halves = halves_of(reader, [found.id], ())
    by_other = _by_other(halves, found.id)
    shown = list(by_other)[:MOST]
    if not shown:
        return Together()
    query = Query("incident", ids=shown, parts=parts, sort="at", limit=MOST)
    others = {each.id: each for each in find(reader, query).records}
    said = put_together(halves)
    at_hand = [found, *others.values()]
    pairs = standing(said, reader.party, {each.id: each.originator for each in at_hand})
    instead = taken_as_one(reader, (each for each in at_hand if not each.withdrawn), said)
    counts = instead.get(found.id, found.id)
    group = {record for record, first in instead.items() if first == counts} | {counts}
    beside = tuple(
        _beside(reader, others[record], found.id, by_other[record], pairs)
        for record in shown
        if record in others
    )
    labels = [each.label for each in others.values()] + [
        word.half.label for each in beside for word in each.words
    ]
    more = len(by_other) - len(shown)
    return Together(beside, more, counts if len(group) > 1 else "", len(group), tuple(labels))


def _by_other(halves: Sequence[Released], incident: str) -> dict[str, list[Released]]:
    """By the other record, the halves of what is said of it and this incident: those about the other bear the same
    pair. The latest said first."""
    by_pair: dict[tuple[str, str], list[Released]] = defaultdict(list)
    for half in halves:
        if part := half.parts.get("statement"):
            by_pair[half.originator, part["pair"]].append(half)
    found: dict[str, list[Released]] = defaultdict(list)
    for two in sorted(by_pair.values(), key=lambda each: max(half.at for half in each), reverse=True):
        abouts = {half.about for half in two}
        if len(two) == 2 and incident in abouts and len(abouts) == 2 and "" not in abouts:
            found[(abouts - {incident}).pop()] += two
    return found


def _beside(
    reader: Subject, other: Released, incident: str, halves: Sequence[Released], pairs: set[frozenset[str]]
) -> Beside:
    said: dict[tuple[str, str], Word] = {}
    own, seen = "", 0
    for half in sorted(halves, key=lambda each: each.about != incident):
        key = half.originator, half.parts["statement"]["pair"]
        reason = (half.parts.get("reason") or {}).get("text", "")
        known = said.get(key)
        if known is None:
            said[key] = Word(half.originator, half.state, words.word(words.SAID, half.state), half, reason)
            if half.originator == reader.party and not own:
                own, seen = half.state, half.version
        elif reason and not known.reason:
            said[key] = replace(known, reason=reason)
    one = frozenset((incident, other.id)) in pairs
    return Beside(list_line(other), tuple(said.values()), one, own, seen)


@dataclass(frozen=True)
class Candidate:
    """A record that may be of the same event; `kilometres` and `hours` from the incident, None where not known."""

    line: ListLine
    kilometres: int | None
    hours: int | None

    @property
    def soon(self) -> bool:
        """Whether the hours are so few that they say something."""
        return self.hours is not None and self.hours <= 24 * DAYS


def candidates(reader: Subject, found: Released, text: str, without: Sequence[str] = ()) -> list[Candidate]:
    """Records near in time and place, or with these words, of which the own party may say so; the nearest first."""
    query = Query("incident", text=text, withdrawn=False, parts=LIST_PARTS, limit=4 * MOST)
    if not text:
        near = _near(found)
        if near is None:
            return []
        query = replace(query, **near)
    page = find(reader, query)
    made = [
        _candidate(found, other)
        for other in (*page.records, *(page.unplaced if text else ()))
        if other.id not in {found.id, *without}
        and (reader.party in (found.originator, other.originator) or found.originator != other.originator)
    ]
    close = [each for each in made if text or each.kilometres is None or each.kilometres <= KILOMETRES]
    return sorted(close, key=lambda each: (each.kilometres or 0, each.hours or 0, each.line.id))[:MOST]


def _near(found: Released) -> dict[str, Any] | None:
    """The window around an incident as filters of a list; None where its time is not known, or its place."""
    start, where = (found.parts.get("when") or {}).get("start"), found.parts.get("where") or {}
    if not start:
        return None
    moment = instant(start).timestamp()
    window: dict[str, Any] = {"since": moment - DAYS * 86_400, "until": moment + DAYS * 86_400 + 1}
    if where.get("latitude") is not None:
        latitude, longitude = where["latitude"], where["longitude"]
        up = KILOMETRES / _KM_OF_DEGREE
        across = min(180.0, up / max(0.01, math.cos(math.radians(latitude))))
        west, east = ((longitude + step + 180) % 360 - 180 for step in (-across, across))
        box = (-180.0, 180.0) if across >= 180 else (west, east)
        return {**window, "bbox": (box[0], max(-90.0, latitude - up), box[1], min(90.0, latitude + up))}
    return {**window, "place": where["district"]} if where.get("district") else None


def _candidate(found: Released, other: Released) -> Candidate:
    (here, there), (when, then) = (
        [each.parts.get(part) or {} for each in (found, other)] for part in ("where", "when")
    )
    kilometres = hours = None
    if here.get("latitude") is not None and there.get("latitude") is not None:
        ends = [Point(each["latitude"], each["longitude"]) for each in (here, there)]
        kilometres = round(distance(*ends) / 1000)
    if when.get("start") and then.get("start"):
        hours = round(abs((instant(when["start"]) - instant(then["start"])).total_seconds()) / 3600)
    return Candidate(list_line(other), kilometres, hours)
