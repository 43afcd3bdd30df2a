"""Unusual readings on a list of who knew: facts that somebody may want to check, never accusations.

Each rule looks at what was logged and at nothing else; somebody on night duty reads at night, and a coordinator
who was asked reads what is not theirs. Whether a fact means anything is for an inquiry to find.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from safeconduct.agreement.policy import Subject, is_assigned
from safeconduct.oversight.who_knew import READ, Known, Line
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.release import heading

NOT_ASSIGNED, ODD_HOUR, IN_BULK, EXPORTED, REFUSED = (
    "not_assigned",
    "odd_hour",
    "in_bulk",
    "exported",
    "refused",
)
WHATS = (NOT_ASSIGNED, ODD_HOUR, IN_BULK, EXPORTED, REFUSED)

NIGHT = (23, 5)
"""From this hour to that one, by the node's clock, few have a reason to read."""
ON_DUTY = frozenset({"watch_officer"})
"""Roles that are on duty at every hour."""
DESK = frozenset({"coordinator", "watch_officer", "auditor"})
"""Roles that answer for all movements, and so are assigned to none."""
BULK = 20
BULK_WINDOW = timedelta(minutes=5)
MOST_WINDOWS = 25
"""Persons whose other readings are looked at, the ones with the latest readings first."""


@dataclass(frozen=True)
class Unusual:
    """One thing to check. `entry` is where the ledger has it, `count` how many records (in bulk)."""

    what: str
    record: str
    party: str
    person: str
    at: datetime
    entry: int
    reading: str
    count: int = 0
    hour: str = ""

    @property
    def key(self) -> str:
        """How a form names it."""
        return f"{self.what}:{self.entry}:{self.record}"


def zone() -> ZoneInfo:
    """The node's time zone: `time_zone` in node.toml, else UTC."""
    try:
        return ZoneInfo(str(here.home().settings.get("time_zone", "UTC")))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def unusual(reader: Subject, known: Known) -> list[Unusual]:
    """What on the list is unusual, in the order in which it happened."""
    lines = [line for line in known.lines if line.person]
    found = [
        *_by_strangers(reader, lines),
        *_at_odd_hours(lines),
        *_in_bulk(reader, lines),
        *(_of(EXPORTED, line) for line in lines if line.act == "export"),
        *(Unusual(REFUSED, a.record, reader.party, a.person, a.at, a.index, "") for a in known.refused),
    ]
    unique = {each.key: each for each in found}
    return sorted(unique.values(), key=lambda each: (each.at, each.entry, WHATS.index(each.what)))


def _of(what: str, line: Line, count: int = 0, hour: str = "") -> Unusual:
    return Unusual(what, line.record, line.party, line.person, line.at, line.index, line.reading, count, hour)


def _by_strangers(reader: Subject, lines: Sequence[Line]) -> Iterator[Unusual]:
    """Readings by own people who neither bear a duty of the record nor sit at a desk that answers for all."""
    units = _units(reader)
    items = {record: heading(record) for record in {line.record for line in lines}}
    for line in lines:
        found = items[line.record]
        if line.way != READ or found is None or not found[0].assigned or DESK.intersection(line.roles):
            continue
        person = Subject(
            line.party, frozenset(line.roles), 3, units.get(line.person, frozenset()), person=line.person
        )
        if not is_assigned(person, found[0]):
            yield _of(NOT_ASSIGNED, line)


def _units(reader: Subject) -> Mapping[str, frozenset[str]]:
    """The units that own people serve in, as far as the reader may see who holds which role."""
    units: dict[str, frozenset[str]] = {}
    query = Query("role_assignment", originator=reader.party, sort="at", limit=1000)
    for record in find(reader, query).records:
        if part := record.parts.get("assignment"):
            units[part["person"]] = units.get(part["person"], frozenset()) | set(part.get("units", ()))
    return units


def _at_odd_hours(lines: Sequence[Line]) -> Iterator[Unusual]:
    local, (late, early) = zone(), NIGHT
    for line in lines:
        at = line.at.astimezone(local)
        if (at.hour >= late or at.hour < early) and not ON_DUTY.intersection(line.roles):
            yield _of(ODD_HOUR, line, hour=at.strftime("%H:%M"))


def _in_bulk(reader: Subject, lines: Sequence[Line]) -> Iterator[Unusual]:
    """Readings of many records of the same kind within a few minutes, in one list or one after the other."""
    latest: dict[str, list[Line]] = {}
    for line in sorted(lines, key=lambda line: line.at, reverse=True):
        if line.extent >= BULK:
            yield _of(IN_BULK, line, line.extent)
        else:
            latest.setdefault(line.person, []).append(line)
    for person in list(latest)[:MOST_WINDOWS]:
        line = latest[person][0]
        count = _around(reader, line)
        if count >= BULK:
            yield _of(IN_BULK, line, count)


def _around(reader: Subject, line: Line) -> int:
    """How many records the same person was shown within the minutes before and after."""
    query = Query(
        "reading",
        originator=line.party,
        since=(line.at - BULK_WINDOW).timestamp(),
        until=(line.at + BULK_WINDOW).timestamp(),
        limit=1000,
    )
    records: set[str] = set()
    for reading in find(reader, query).records:
        what, who = reading.parts.get("what"), reading.parts.get("who")
        if what and who and who["person"] == line.person:
            records.update(item["record"] for item in what["records"])
    return len(records)
