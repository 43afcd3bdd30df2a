"""Who knew: the persons, roles and nodes that had been shown each part of a record before a moment.

The list is put together from what each party logged: own readings, the readings that a partner's clause lets it
tell of, and every act of giving between the nodes. It says of each line how it is known, and what it cannot know.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.exchange.passings import Cover, Covers, Passed, given, taken, tells, told_until
from safeconduct.oversight.jobs import WHO_KNEW, require_auditor
from safeconduct.records import here
from safeconduct.records.kinds import kind as kind_of
from safeconduct.records.principals import to_wire
from safeconduct.records.projection import pack_levels
from safeconduct.records.refusals import NotFound
from safeconduct.records.shown import Attempt, Related, Shown, attempts, related, shown, unlogged

READ, TOLD, GIVEN, TAKEN = "read", "told", "given", "taken"
"""How a line is known: a reading logged here, one told by a partner, a giving to a partner's node, a taking in."""

OWN_ORIGINATOR, NOT_TOLD, TOLD_UNTIL, NEVER_HEARD, UNLOGGED, NOT_SHOWN, NOT_KNOWN = (
    "own_originator", "not_told", "told_until", "never_heard", "unlogged", "not_shown", "not_known",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Parts of a version of a record that were shown to somebody at `at`.

    `party` is whose person or node it was. `index` is where this node's ledger says so, `cover` the first
    cosignature over that entry, `received` when a partner's word of it came here.
    """

    way: str
    record: str
    version: int
    parts: tuple[str, ...]
    party: str
    person: str
    roles: tuple[str, ...]
    act: str
    at: datetime
    clauses: tuple[str, ...]
    index: int
    feed_index: int | None
    reading: str
    extent: int
    cover: Cover | None
    received: datetime | None = None


@dataclass(frozen=True)
class Gap:
    """What the list does not reach, said plainly; `at` is up to when it does, `roles` whose readings are not noted."""

    what: str
    party: str
    kind: str = ""
    part: str = ""
    roles: tuple[str, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True)
class Known:
    """The list for one record and what is about it, before one moment. `looks` are earlier looks at this list."""

    record: Related
    others: tuple[Related, ...]
    before: datetime
    lines: tuple[Line, ...]
    looks: tuple[Line, ...]
    gaps: tuple[Gap, ...]
    refused: tuple[Attempt, ...]

    def related(self, record: str) -> Related:
        return next(each for each in (self.record, *self.others) if each.id == record)

    def persons(self) -> set[tuple[str, str]]:
        """(party, person) of everyone on the list."""
        return {(line.party, line.person) for line in self.lines if line.person}

    def nodes(self) -> set[str]:
        """The parties whose nodes were given something, or have their people on the list."""
        return {line.party for line in self.lines}


def who_knew(
    reader: Subject, record: str, before: datetime | None = None, part: str = "", act: str = "read"
) -> Known:
    """Put the list together; that it was looked at is logged before anything is returned.

    Raises Refused for someone whom no clause lets read readings, NotFound for a record that they may not know of.
    """
    policy = here.state().policy
    require_auditor(policy, reader)
    own = sees_readings(policy, reader, reader.party)
    found = related(reader, record)
    if not found or not (own or found[0].known):
        raise NotFound(record)
    everything = [each for each in found if own or each.known]
    moment = before or datetime.now(UTC)
    looked = {"actor": to_wire(reader), "record": record, "act": act}
    this_look = here.door().call("note_who_knew", looked)["index"]
    lines, looks = _lines(reader, everything, moment, act)
    if part:
        lines = [line for line in lines if part in line.parts]
    gaps = list(_gaps(policy, reader, everything, own, len(found) - len(everything)))
    ids = [each.id for each in everything]
    return Known(
        record=everything[0],
        others=tuple(everything[1:]),
        before=moment,
        lines=tuple(lines),
        looks=tuple(look for look in looks if look.index != this_look),
        gaps=tuple(gaps),
        refused=tuple(attempts(ids, moment.timestamp())) if own else (),
    )


def sees_readings(policy: Policy, reader: Subject, party: str, act: str = "read") -> bool:
    """Whether the reader may read all of a party's readings."""
    shape = kind_of("reading")
    levels = pack_levels(list(shape.default_levels().values()))
    item = Item("", shape.name, party, shape.states[0], levels, frozenset({reader.party}))
    return policy.mask(reader, act, item, time.time()) == (1 << len(shape.part_names)) - 1


def _lines(
    reader: Subject, records: Sequence[Related], moment: datetime, act: str
) -> tuple[list[Line], list[Line]]:
    ids, before = [each.id for each in records], moment.timestamp()
    readings = shown(reader, ids, before, act)
    out, came = given(ids, before), taken(ids, before)
    told = sorted({s.reading.id for s in readings if s.reading.originator != reader.party})
    received = {p.record: p.at for p in taken(told, float("inf"))}
    indexes = [s.index for s in readings] + [p.index for p in (*out, *came)]
    covers = Covers(min(indexes, default=0))
    read = [_of_reading(s, reader.party, covers, received.get(s.reading.id)) for s in readings]
    lines = [line for line in read if line.parts != (WHO_KNEW,)]
    lines += [_of_passing(p, GIVEN, p.partner, covers) for p in out]
    lines += [_of_passing(p, TAKEN, reader.party, covers) for p in came]
    looks = [line for line in read if line.parts == (WHO_KNEW,)]
    return sorted(lines, key=lambda line: (line.at, line.index, line.record)), looks


def _of_reading(found: Shown, own: str, covers: Covers, received: datetime | None) -> Line:
    what, who = found.reading.parts["what"], found.reading.parts["who"]
    here_logged = found.reading.originator == own
    return Line(
        way=READ if here_logged else TOLD,
        record=found.record,
        version=found.version,
        parts=found.parts,
        party=found.reading.originator,
        person=who["person"],
        roles=tuple(who["roles"]),
        act=what["act"],
        at=found.at,
        clauses=(),
        index=found.index,
        feed_index=None,
        reading=found.reading.id,
        extent=len(what["records"]),
        cover=covers.over(found.index),
        received=received,
    )


def _of_passing(passed: Passed, way: str, party: str, covers: Covers) -> Line:
    return Line(
        way=way,
        record=passed.record,
        version=passed.version,
        parts=passed.parts,
        party=party,
        person="",
        roles=(),
        act="disclose",
        at=passed.at,
        clauses=passed.clauses,
        index=passed.index,
        feed_index=passed.feed_index,
        reading="",
        extent=1,
        cover=covers.over(passed.index),
    )


def _gaps(
    policy: Policy, reader: Subject, records: Sequence[Related], own: bool, hidden: int
) -> Iterable[Gap]:
    """What the list cannot say, by party: each once."""
    home = here.home()
    if not own:
        yield Gap(NOT_SHOWN, home.party)
    if hidden:
        yield Gap(NOT_KNOWN, home.party)
    parties = sorted({each.originator for each in records} - {home.party})
    holders = sorted({p.partner for p in given([each.id for each in records], float("inf"))})
    for party in parties:
        yield Gap(OWN_ORIGINATOR, party)
    for partner in holders:
        if not tells(policy, home.party, partner, "reading", time.time()):
            yield Gap(NOT_TOLD, partner)
        elif not sees_readings(policy, reader, partner):
            yield Gap(NOT_SHOWN, partner)
        else:
            heard = told_until(home, partner)
            yield Gap(TOLD_UNTIL if heard else NEVER_HEARD, partner, at=heard)
    yield from _unlogged(records, {home.party, *holders})


def _unlogged(records: Sequence[Related], parties: set[str]) -> Iterable[Gap]:
    """Parts that are shown without a note, by kind: for each the roles to which that applies to some record."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for each in records:
        for bare in unlogged(each.id):
            if bare.party in parties:
                found.setdefault((bare.party, each.kind, bare.part), set()).update(bare.roles)
    for (party, kind, part), roles in sorted(found.items()):
        yield Gap(UNLOGGED, party, kind, part, tuple(sorted(roles)))


def as_wire(line: Line) -> dict[str, Any]:
    """A line as a report and the API give it."""
    return {
        "way": line.way,
        "record": line.record,
        "version": line.version,
        "parts": sorted(line.parts),
        "party": line.party,
        "person": line.person,
        "roles": list(line.roles),
        "act": line.act,
        "at": line.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "clauses": list(line.clauses),
        "entry": line.index,
    }
