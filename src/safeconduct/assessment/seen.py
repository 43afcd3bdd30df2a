"""The incidents that a reader may see, as arrays, and what share that is of those that he may know of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records import here
from safeconduct.records.find import MAX_LIMIT, Query, count, find
from safeconduct.records.moments import is_day
from safeconduct.records.release import Released
from safeconduct.risk.days import day_named
from safeconduct.risk.events import Events
from safeconduct.shell.same_event import counted_once

PARTS = ("summary", "when", "where")
METHOD = "method"
NAMES = ("category", "target", "attack", "district", "province", "place", "party", "hour")
"""`attack` is the kind of attack, where it was asked for; `hour` the local hour, "00" to "23", where it is known."""
CEILING = 1_000_000
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, eq=False)
class Seen:
    """`events` has one entry for each of `records`, in its order. The counts are of incidents that the reader may
    know of: those of which he may know nothing are not in any of them, and nobody can tell him how many they are.

    `undated`: their time is withheld or unknown. `joined`: left out, since another of `records` stands for the same
    event. `unplaced`: among `events`, without a position that he may see.
    `by_party`: those in `events`, by whose they are. `level`: the highest label of anything in them. `withdrawn`:
    beside those known, and in no figure. `reach`: the partners to whom every one of them may go; `orcon`: whether the
    originator of any keeps control of what is made from it.
    """

    events: Events
    records: tuple[str, ...]
    titles: tuple[str, ...]
    labels: tuple[str, ...]
    known: int
    undated: int
    unplaced: int
    exercises: int
    joined: int
    withdrawn: int
    by_party: Mapping[str, int]
    level: str
    reach: frozenset[str]
    orcon: bool


def incidents_seen(
    reader: Subject,
    since: float | None = None,
    until: float | None = None,
    act: str = "read",
    methods: bool = False,
) -> Seen:
    """Every incident from `since` to before `until` (epoch seconds) that stands and is no exercise, each event once.

    With `methods` the kind of attack is read as well, and noted where the agreement says so.
    """
    parts = (*PARTS, METHOD) if methods else PARTS
    query = Query("incident", since=since, until=until, withdrawn=False, parts=parts, limit=MAX_LIMIT)
    found: dict[str, Released] = {}
    cursor = ""
    while True:
        page = find(reader, replace(query, cursor=cursor), act)
        found |= {each.id: each for each in (*page.records, *page.unplaced)}
        cursor = page.next_cursor
        if not cursor:
            break
    # `find` lists a few of those without a visible time; how many there are it does not say.
    known = max(len(found), count(reader, query, CEILING, act))
    withdrawn = count(reader, replace(query, withdrawn=True), CEILING, act)
    counting = [each for each in found.values() if _counts(each)]
    joined = counted_once(reader, counting)
    return _arranged(list(found.values()), joined, known, withdrawn, reader.party)


def _counts(found: Released) -> bool:
    """Whether an incident is no exercise, and its time is known to the reader."""
    exercise = (found.parts.get("summary") or _NOTHING).get("exercise")
    return not exercise and bool((found.parts.get("when") or _NOTHING).get("start"))


Line = tuple[int, str, float, float, int, int, tuple[str, ...], str, str]
"""Day, record, latitude, longitude, precision of the place and of the time, names, title, label."""


def _arranged(found: list[Released], joined: Collection[str], known: int, withdrawn: int, party: str) -> Seen:
    exercises = sum(bool((each.parts.get("summary") or _NOTHING).get("exercise")) for each in found)
    dated = [_line(each) for each in found if _counts(each)]
    lines = sorted(line for line in dated if line[1] not in joined)
    names = zip(*(line[6] for line in lines), strict=True) if lines else [()] * len(NAMES)
    events = Events.of(
        ((day, lat, lon, place, time) for day, _, lat, lon, place, time, *_ in lines),
        **dict(zip(NAMES, names, strict=True)),
    )
    return Seen(
        events=events,
        records=tuple(line[1] for line in lines),
        titles=tuple(line[7] for line in lines),
        labels=tuple(line[8] for line in lines),
        known=known,
        undated=known - exercises - len(dated),
        joined=len(dated) - len(lines),
        unplaced=sum(line[2] != line[2] for line in lines),
        exercises=exercises,
        withdrawn=withdrawn,
        by_party=Counter(line[6][NAMES.index("party")] for line in lines),
        level=max((line[8] for line in dated), key=LEVELS.index, default=LEVELS[0]),
        reach=_reach(found, party),
        orcon=any(each.orcon for each in found),
    )


def _reach(found: list[Released], party: str) -> frozenset[str]:
    """An own incident goes to whom it is releasable, another party's back to that party."""
    goes = {each.releasable if each.originator == party else frozenset({each.originator}) for each in found}
    return frozenset(here.home().partners).intersection(*goes)


def _line(found: Released) -> Line:
    parts = found.parts
    summary, when, where = (parts.get(name) or _NOTHING for name in PARTS)
    start = str(when["start"])
    lat, lon = where.get("latitude"), where.get("longitude")
    hour = "" if is_day(start) or not when.get("local_hour_known") else start[11:13]
    names = (
        summary.get("category") or "",
        summary.get("target_class") or "",
        (parts.get(METHOD) or _NOTHING).get("type") or "",
        where.get("district") or "",
        where.get("province") or "",
        where.get("place") or "",
        found.originator,
        hour,
    )
    return (
        day_named(start),
        found.id,
        float("nan") if lat is None else lat,
        float("nan") if lon is None else lon,
        where.get("geo_precision") or 7,
        when.get("time_precision") or 5,
        names,
        summary.get("title") or "",
        found.label,
    )
