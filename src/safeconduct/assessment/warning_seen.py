"""A warning as one reader sees it: what it says, who has taken note on both sides, what became of it.

What a reader may not see is not in it, and nothing here is worked out from what he may not see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment import warning_words as words
from safeconduct.assessment.warning_kinds import (
    MINUTES,
    OUTCOME,
    RECEIPT,
    RECEIVED_BY,
    URGENCIES,
    WARNING,
    over,
)
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.release import Released

MOST = 500
MOST_BESIDE = 10_000


@dataclass(frozen=True)
class Seen:
    """One warning with the receipts and outcomes about it; `now` is when it was looked at, in epoch seconds."""

    found: Released
    own: bool
    receipts: Sequence[Released]
    outcomes: Sequence[Released]
    now: float

    @property
    def id(self) -> str:
        return self.found.id

    def _part(self, name: str) -> Mapping[str, Any]:
        return self.found.parts.get(name) or {}

    @property
    def warned(self) -> Mapping[str, Any]:
        return self._part("warning")

    @property
    def title(self) -> str:
        return str(self.warned.get("title") or self.id[:8])

    @property
    def category(self) -> str:
        return words.word(words.THREATS, self.warned.get("category", ""))

    @property
    def urgency(self) -> str:
        return words.word(words.URGENCIES, self.warned.get("urgency", ""))

    @property
    def state(self) -> str:
        return words.word(words.STATES, "expired" if self.lapsed else self.found.state)

    @property
    def lapsed(self) -> bool:
        """Its time is over, and its own node has not told of an end so far."""
        return self.found.state == "in_force" and self.over

    @property
    def over(self) -> bool:
        return bool(self.warned) and over(self.found.state, self.warned["until"], self.now)

    @property
    def in_force(self) -> bool:
        return bool(self.warned) and not self.over and not self.found.withdrawn

    @property
    def grades(self) -> list[dict[str, Any]]:
        return [dict(each) for each in self._part("grade").get("grades", ())]

    @property
    def grade(self) -> str:
        """The grade as it stands, such as B2."""
        return "{reliability}{credibility}".format(**self.grades[-1]) if self.grades else ""

    @property
    def where(self) -> list[str]:
        """Every place that it names, in words."""
        places = self._part("places")
        named = [*places.get("districts", ()), *places.get("site_names", ())]
        named += [text for text in (places.get("roads"), places.get("area")) if text]
        return [*named, *(each["name"] for each in places.get("points", ()))]

    @property
    def due(self) -> datetime | None:
        """When it is to be acknowledged by."""
        if not self.warned:
            return None
        return instant(self.warned["at"]) + timedelta(minutes=MINUTES[self.warned["urgency"]])

    def waiting(self, party: str) -> Mapping[str, Sequence[str]]:
        """Roles, units and persons of the reader's party who are named and have not acknowledged, as far as he may see
        both who is named and who has answered."""
        said = [each.parts for each in self.receipts if each.originator == party]
        named = self._part("named") if self.own else {"roles": list(RECEIVED_BY)}
        whole = all("who" in parts for parts in said)
        answered = {
            "roles": {role for parts in said for role in (parts.get("receipt") or {}).get("roles", ())},
            "units": {unit for parts in said for unit in (parts.get("who") or {}).get("units", ())},
            "persons": {(parts.get("who") or {}).get("account", "") for parts in said},
        }
        known = answered if whole else {"roles": answered["roles"]}
        return {name: [each for each in named.get(name, ()) if each not in answered[name]] for name in known}

    def awaited(self, party: str) -> bool:
        """Whether somebody of the reader's party has still to acknowledge it."""
        return self.in_force and any(self.waiting(party).values())

    def overdue(self, party: str) -> bool:
        return self.awaited(party) and self.due is not None and self.due.timestamp() < self.now

    def outcome_of(self, party: str) -> Released | None:
        return next((each for each in self.outcomes if each.originator == party), None)

    @property
    def rank(self) -> tuple[int, float]:
        """The pressing first, and of these what ends first."""
        urgency = self.warned.get("urgency")
        until = instant(self.warned["until"]).timestamp() if self.warned else 0.0
        return (URGENCIES.index(urgency) if urgency in URGENCIES else len(URGENCIES), until)

    @property
    def level(self) -> str:
        return highest([self.found, *self.receipts, *self.outcomes])


def highest(found: Sequence[Released]) -> str:
    """The highest label of anything shown of these records."""
    levels = [LEVELS.index(level) for each in found for level in each.levels.values()]
    return LEVELS[max(levels, default=LEVELS.index("RESTRICTED"))]


def seen(reader: Subject, found: Sequence[Released], now: float) -> list[Seen]:
    """These warnings with what is said about each."""
    receipts, outcomes = _beside(reader, RECEIPT.name, found), _beside(reader, OUTCOME.name, found)
    return [
        Seen(
            each,
            each.originator == reader.party,
            receipts.get(each.id, ()),
            outcomes.get(each.id, ()),
            now,
        )
        for each in found
    ]


def latest(reader: Subject, now: float) -> list[Seen]:
    """The latest warnings of both parties, the latest first."""
    query = Query(
        WARNING.name, withdrawn=False, parts=("warning", "places", "grade", "named", "ending"), limit=MOST
    )
    page = find(reader, query)
    return seen(reader, [each for each in (*page.records, *page.unplaced) if "warning" in each.parts], now)


def _beside(reader: Subject, kind: str, found: Sequence[Released]) -> dict[str, list[Released]]:
    if not found:
        return {}
    names = [each.id for each in found]
    query = Query(
        kind,
        about=names,
        withdrawn=False,
        sort="at",
        descending=False,
        limit=MOST_BESIDE,
        shown=frozenset(names),
    )
    by: dict[str, list[Released]] = {}
    for each in find(reader, query).records:
        by.setdefault(each.about, []).append(each)
    return by


def points(found: Seen, sites: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """What can be drawn of the places, as GeoJSON: positions, corners of the area, and sites whose position is known.

    `sites` are latitude and longitude by record.
    """
    places = found.found.parts.get("places") or {}
    drawn = [(each["name"], each["latitude"], each["longitude"]) for each in places.get("points", ())]
    drawn += [
        (found.title, latitude, longitude) for longitude, latitude in (places.get("polygon") or ())[:-1]
    ]
    names = dict(zip(places.get("sites", ()), places.get("site_names", ()), strict=False))
    drawn += [(names.get(site, ""), *sites[site]) for site in places.get("sites", ()) if site in sites]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
            "properties": {"id": str(number), "title": name, "place": name},
        }
        for number, (name, latitude, longitude) in enumerate(drawn)
    ]
    return {"type": "FeatureCollection", "features": features}
