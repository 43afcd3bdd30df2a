"""An SOS with all that is said about it, as one reader may see it: acknowledgements, units, stand-downs, the ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from safeconduct.agreement.policy import Subject
from safeconduct.geo.sphere import Point, distance
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release
from safeconduct.watch.sos_kinds import SOS, SOS_ACKNOWLEDGEMENT, STAND_DOWN, TASKING

CALLERS: Final = frozenset({"protected_person", "warden"})
"""The roles in which one calls for help for oneself, and sees of it what is one's own."""
NEAR_M = 50_000.0
"""How far around the place sites are looked for."""
NEAREST = 5
SITES = 500
DEGREE_M = 90_000.0
"""Metres of a degree, low for the latitudes people work in, so that the box is never too small."""


@dataclass(frozen=True)
class Whole:
    """One SOS as the reader may see it; `receipts` by room, each with the seconds from the press to it."""

    sos: Released
    receipts: Mapping[str, Released]
    taskings: Sequence[Released]
    stand_downs: Sequence[Released]
    escalations: Sequence[Released]
    movement: Released | None
    site: Released | None

    @property
    def call(self) -> Mapping[str, Any]:
        return self.sos.parts.get("call") or {}

    @property
    def place(self) -> Mapping[str, Any]:
        return self.sos.parts.get("place") or {}

    @property
    def point(self) -> Point | None:
        latitude, longitude = self.place.get("latitude"), self.place.get("longitude")
        return None if latitude is None or longitude is None else Point(latitude, longitude)

    @property
    def over(self) -> bool:
        return self.sos.state in SOS.final

    @property
    def under_duress(self) -> bool:
        """Whether a stand-down was said under duress, as far as the reader may know."""
        said = [each.parts.get("genuineness") or {} for each in self.stand_downs]
        return not self.over and any(each.get("under_duress") for each in said)

    @property
    def own(self) -> bool:
        return self.sos.originator == here.home().party

    @property
    def waits_for(self) -> Sequence[str]:
        """The rooms that have not acknowledged yet, while it is open."""
        return () if self.over else tuple(room for room in ("host", "partner") if room not in self.receipts)


@dataclass(frozen=True)
class Near:
    """A site near an SOS: how far, its latest headcount and how old that is, and who answers for it."""

    id: str
    name: str
    kilometres: float
    count: int | None
    as_of: str
    bearer: str
    contact: str
    label: str


def whole(reader: Subject, sos: str) -> Whole:
    """Raises NotFound for a record that is no SOS, or that the reader may not know of."""
    found = release(reader, sos)
    if found.kind != SOS.name:
        raise NotFound(sos)
    found, *words = as_it_seems(reader, [found, *_about(reader, STAND_DOWN.name, sos)])
    receipts = _receipts(found, _about(reader, SOS_ACKNOWLEDGEMENT.name, sos))
    belongs = _belongs(reader, found.about)
    return Whole(
        found,
        receipts,
        _about(reader, TASKING.name, sos),
        words,
        _about(reader, "escalation", sos),
        belongs if belongs and belongs.kind == "movement" else None,
        belongs if belongs and belongs.kind == "site" else None,
    )


def _receipts(sos: Released, said: Sequence[Released]) -> dict[str, Released]:
    """The first receipt of each room. Where several parties were called, their room has it when all of them do. Of the
    same minute, which is all that another party tells, that is earlier which came here earlier."""
    home, first = here.home(), dict[str, Released]()
    for each in sorted(said, key=lambda each: (each.at, each.ledger_index)):
        first.setdefault(each.originator, each)
    others = [each for party, each in first.items() if party != home.party]
    found = {home.side: first[home.party]} if home.party in first else {}
    if others and first.keys() >= sos.releasable:
        found["partner" if home.side == "host" else "host"] = others[-1]
    return found


def _about(reader: Subject, kind: str, sos: str) -> list[Released]:
    return find(reader, Query(kind, about=sos, sort="at", descending=False, limit=200)).records


def _belongs(reader: Subject, record: str | None) -> Released | None:
    """What the SOS is about, if the reader may know of it: a journey's notice or a site's name, nothing logged."""
    if record:
        for kind, parts in (("movement", ("notice",)), ("site", ("identity", "place"))):
            for each in find(reader, Query(kind, ids=[record], parts=parts, sort="at")).records:
                return each
    return None


def as_caller(reader: Subject) -> Subject:
    """The reader as one who calls for help for oneself: it finds one's own and nothing else."""
    return reader._replace(roles=reader.roles & CALLERS)


def stood_down_by(reader: Subject) -> Mapping[str, Released]:
    """The reader's own SOS that are open although he has stood them down: the word was the duress word.

    Whoever made him say it may hold his phone, so every page shows them to him as what they seem to be.
    """
    one = as_caller(reader)
    if not one.roles:
        return {}
    own = find(
        one, Query(SOS.name, state="raised", parts=("call",), withdrawn=False, sort="at", limit=50)
    ).records
    if not own:
        return {}
    query = Query(STAND_DOWN.name, about=[each.id for each in own], parts=("word",), sort="at", limit=200)
    said = {each.about for each in find(one, query).records}
    return {each.id: replace(each, state="stood_down") for each in own if each.id in said}


def as_it_seems(reader: Subject, found: Sequence[Released]) -> list[Released]:
    """Records as this reader is to see them wherever they are shown: an own SOS that was stood down with the duress
    word is over, and the word was a word like any other."""
    if not any(each.kind in (SOS.name, STAND_DOWN.name) for each in found):
        return list(found)
    hidden = stood_down_by(reader)
    return [
        replace(each, state="stood_down")
        if each.id in hidden
        else _as_heard(each)
        if each.kind == STAND_DOWN.name and each.about in hidden
        else each
        for each in found
    ]


def _as_heard(word: Released) -> Released:
    return replace(word, parts={name: part for name, part in word.parts.items() if name != "genuineness"})


def open_calls(reader: Subject, limit: int = 100) -> list[Released]:
    """The SOS that are open, as the reader may see them, the latest first; only the parts that are not logged."""
    query = Query(SOS.name, state="raised", parts=("call",), withdrawn=False, limit=limit)
    page = find(reader, query)
    hidden = stood_down_by(reader)
    return [each for each in (*page.records, *page.unplaced) if each.id not in hidden]


def closed_calls(reader: Subject, since: float, limit: int = 50) -> list[Released]:
    """The SOS since a moment that are over."""
    found: list[Released] = list(stood_down_by(reader).values())
    for state in SOS.final:
        query = Query(SOS.name, state=state, since=since, parts=("call",), withdrawn=False, limit=limit)
        found += find(reader, query).records
    return sorted(found, key=lambda each: str((each.parts.get("call") or {}).get("at")), reverse=True)[:limit]


def seconds_between(first: str, second: str) -> int:
    """Whole seconds from one moment to another, never less than none: two clocks may differ."""
    return max(0, round(instant(second).timestamp() - instant(first).timestamp()))


def nearby(reader: Subject, place: Point) -> list[Near]:
    """The nearest sites that the reader may see, nearest first, with headcount and duty bearer."""
    reach = NEAR_M / DEGREE_M
    box = (
        max(-180.0, place.lon - reach),
        max(-90.0, place.lat - reach),
        min(180.0, place.lon + reach),
        min(90.0, place.lat + reach),
    )
    query = Query("site", bbox=box, parts=("identity", "place"), withdrawn=False, sort="at", limit=SITES)
    sites = [each for each in find(reader, query).records if "place" in each.parts]
    far = {
        each.id: distance(place, Point(each.parts["place"]["latitude"], each.parts["place"]["longitude"]))
        for each in sites
    }
    nearest = sorted((each for each in sites if far[each.id] <= NEAR_M), key=lambda each: far[each.id])[
        :NEAREST
    ]
    ids = [each.id for each in nearest]
    counts = _latest(reader, "headcount", "figure", ids)
    bearers = _latest(reader, "protection", "bearer", ids)
    return [
        Near(
            each.id,
            (each.parts.get("identity") or {}).get("name", ""),
            round(far[each.id] / 1000, 1),
            counts.get(each.id, {}).get("count"),
            counts.get(each.id, {}).get("as_of", ""),
            bearers.get(each.id, {}).get("unit_name") or bearers.get(each.id, {}).get("unit", ""),
            bearers.get(each.id, {}).get("contact", ""),
            each.label,
        )
        for each in nearest
    ]


def _latest(reader: Subject, kind: str, part: str, about: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    if not about:
        return {}
    query = Query(
        kind, about=list(about), parts=(part,), withdrawn=False, sort="at", descending=False, limit=500
    )
    found = find(reader, query).records
    return {each.about: each.parts[part] for each in found if each.about and part in each.parts}
