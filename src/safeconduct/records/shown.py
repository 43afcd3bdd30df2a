"""What the readings say was shown of some records, and which attempts on them were refused.

A reading is a record like any other: what of it the asker may read is decided, and noted where a clause says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time as clock

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import ROLES
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.joined import untold
from safeconduct.records.release import Released, note, release_row
from safeconduct.records.rows import COLUMNS, RowView, item_of, names_in

MOST_RECORDS = 2_000
"""Records about one another that are followed from one."""
DEEPEST = 6
_AT_ONCE = 500
_READING = "reading"


@dataclass(frozen=True)
class Shown:
    """One record as one reading names it: these parts of this version were shown at `at`.

    `at` is told by the party that logged the reading; `index` is where this node's ledger has the reading.
    """

    record: str
    version: int
    parts: tuple[str, ...]
    at: datetime
    reading: Released

    @property
    def index(self) -> int:
        return self.reading.ledger_index


@dataclass(frozen=True)
class Related:
    """A record that belongs to another: itself, or one that is about it or about one that is."""

    id: str
    kind: str
    originator: str
    version: int
    about: str
    withdrawn: bool
    present: tuple[str, ...]
    known: bool
    """Whether the asker may read some part of it now."""


def related(reader: Subject, record: str) -> list[Related]:
    """A record and all that is about it, readings aside: names and no part. Empty when there is no such record."""
    state, now = here.state(), clock()
    found: dict[str, RowView] = {}
    asked: Sequence[str] = (record,)
    column = "id"
    for _ in range(DEEPEST):
        rows = [row for row in _rows(column, asked) if row.id not in found]
        kept_back = untold(state, reader, rows, now)
        rows = [row for row in rows if row.id not in kept_back]
        found.update({row.id: row for row in rows[: MOST_RECORDS - len(found)]})
        asked, column = [row.id for row in rows], "about"
        if not asked or len(found) == MOST_RECORDS:
            break
    return [
        Related(
            row.id,
            row.kind,
            row.originator,
            row.version,
            row.about,
            bool(row.withdrawn),
            tuple(
                name
                for bit, name in enumerate(state.policy.vocabulary.kinds[row.kind].parts)
                if (row.present | row.erased) >> bit & 1
            ),
            bool(state.policy.mask(reader, "read", item_of(row), now)),
        )
        for row in found.values()
    ]


def _rows(column: str, values: Sequence[str]) -> Iterable[RowView]:
    for first in range(0, len(values), _AT_ONCE):
        some = list(values[first : first + _AT_ONCE])
        marks = ", ".join(["%s"] * len(some))
        for row in here.headers().all(
            f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE {column} IN ({marks}) AND kind <> %s "
            "ORDER BY born",
            [*some, _READING],
        ):
            yield RowView(*row)


def shown(
    reader: Subject, records: Sequence[str], before: float, act: str = "read", door: Door | None = None
) -> list[Shown]:
    """What readings before a moment (seconds since 1970) say was shown of these records, the oldest first.

    Only readings of which the asker may see all; those that the agreement marks as logged are noted first.
    """
    state, now = here.state(), clock()
    listed: list[tuple[str, int, str, float, RowView]] = []
    columns = ", ".join(f"r.{name}" for name in COLUMNS)
    for first in range(0, len(records), _AT_ONCE):
        some = list(records[first : first + _AT_ONCE])
        marks = ", ".join(["%s"] * len(some))
        found = here.tables(reader).all(
            f"SELECT s.record, s.version, s.parts, coalesce(r.time, r.at) AS moment, {columns} "
            "FROM records_shown s JOIN records_row r ON r.id = s.reading "
            f"WHERE s.record IN ({marks}) AND coalesce(r.time, r.at) < %s AND NOT r.withdrawn",
            [*some, before],
        )
        listed += [(row[0], row[1], row[2], row[3], RowView(*row[4:])) for row in found]
    given: dict[str, Released] = {}
    noted: list[tuple[RowView, int]] = []
    for *_, row in listed:
        if row.id in given:
            continue
        mask = state.policy.mask(reader, act, item_of(row), now)
        if row.present & ~mask == 0 and row.present:
            given[row.id] = release_row(state, reader, act, row, mask, now)
            noted.append((row, given[row.id].mask))
    note(reader, act, state, [row for row, _ in noted], [mask for _, mask in noted], now, door)
    lines = [
        Shown(record, version, tuple(sorted(names_in(parts))), datetime.fromtimestamp(at, UTC), given[row.id])
        for record, version, parts, at, row in listed
        if row.id in given
    ]
    return sorted(lines, key=lambda line: (line.at, line.index, line.record))


def named_in(readings: Sequence[str]) -> dict[str, list[tuple[str, int, tuple[str, ...]]]]:
    """By reading, the records here that it names, with version and parts: another party's reading names them in
    its own terms. For readings that were released to whoever asks."""
    found: dict[str, list[tuple[str, int, tuple[str, ...]]]] = {}
    for first in range(0, len(readings), _AT_ONCE):
        some = list(readings[first : first + _AT_ONCE])
        marks = ", ".join(["%s"] * len(some))
        for reading, record, version, parts in here.tables().all(
            f"SELECT reading, record, version, parts FROM records_shown WHERE reading IN ({marks}) ORDER BY id",
            some,
        ):
            found.setdefault(reading, []).append((record, version, tuple(sorted(names_in(parts)))))
    return found


@dataclass(frozen=True)
class Attempt:
    """A refused attempt on a record, as the ledger has it at `index`."""

    index: int
    at: datetime
    person: str
    act: str
    record: str


def attempts(records: Sequence[str], before: float) -> list[Attempt]:
    """Refused attempts on these records before a moment, the oldest first. For who may read readings."""
    found: list[Attempt] = []
    for first in range(0, len(records), _AT_ONCE):
        some = list(records[first : first + _AT_ONCE])
        marks = ", ".join(["%s"] * len(some))
        found += [
            Attempt(index, datetime.fromtimestamp(at, UTC), person, act, record)
            for index, at, person, act, record in here.tables().all(
                "SELECT ledger_index, at, person, act, record FROM records_refusal "
                f"WHERE record IN ({marks}) AND at < %s",
                [*some, before],
            )
        ]
    return sorted(found, key=lambda attempt: attempt.index)


@dataclass(frozen=True)
class Unlogged:
    """Roles of a party to which a part of a record is shown without a note, and the grants that ask for none."""

    party: str
    record: str
    part: str
    roles: tuple[str, ...]


def unlogged(record: str) -> list[Unlogged]:
    """For each part of a record, who may read it without a reading being noted, by what is in force now."""
    state, now = here.state(), clock()
    rows = list(_rows("id", [record]))
    if not rows:
        return []
    item = item_of(rows[0])
    item = item._replace(opens=None)
    parties = (here.home().party, *here.home().partners)
    found: dict[tuple[str, str], list[str]] = {}
    for party in parties:
        for role in ROLES:
            subject = Subject(party, frozenset({role}), 3, item.assigned)
            open_to = state.policy.mask(subject, "read", item, now)
            bare = open_to & ~state.policy.logged(subject, "read", item, now)
            for bit, name in enumerate(state.policy.vocabulary.kinds[item.kind].parts):
                if bare >> bit & rows[0].present >> bit & 1:
                    found.setdefault((party, name), []).append(role)
    return [Unlogged(party, record, part, tuple(roles)) for (party, part), roles in found.items()]
