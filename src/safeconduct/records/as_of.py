"""What was on record at a moment that has passed, as far as whoever asks may read it now.

A moment is a size of this node's ledger: what it had appended by then. A record that has not changed since is in the
tables as it was; an earlier version is opened by the writer, which decides and notes in the same transaction. Policy
is that of now, both for the version and for the record as it is; what was erased since is named and cannot be shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time as clock
from typing import Any

from safeconduct.agreement.policy import Policy, Subject
from safeconduct.agreement.sql import visible
from safeconduct.records import here, principals
from safeconduct.records.door import Door
from safeconduct.records.earlier import open_to, version_item
from safeconduct.records.hooks import job
from safeconduct.records.joined import knowable
from safeconduct.records.kept import reach_in
from safeconduct.records.kinds import Kind, all_kinds, kind
from safeconduct.records.principals import SYSTEM
from safeconduct.records.projection import dimension_values, epoch, pack_levels, parts_of
from safeconduct.records.reading import note_job
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released, note, release_row, unknown_abouts
from safeconduct.records.rows import COLUMNS, RowView, party_set
from safeconduct.records.transaction import Tx

MOST = 20_000
"""Records that one question answers with at most."""
AT_ONCE = 200
"""Earlier versions that the writer opens in one go: others wait meanwhile."""
_HIGHEST = 1 << 40
_CLOCKED = {"version": "at", "refusal": "at", "stream": "at", "received": "received"}
"""Entries that bear this node's own clock, and where."""


@dataclass(frozen=True)
class Past:
    """A moment, and how many entries this node's ledger had by then."""

    at: datetime
    size: int


@dataclass(frozen=True)
class Then:
    """What to look for at a moment: a kind, in a period of the kind's own time, epoch seconds (of what lasts, any
    that overlaps it). A record whose time the reader may not see counts by when it was recorded. `parts` are those
    that will be shown (empty: all): no other is given, or noted as read."""

    kind: str
    parts: Sequence[str] = ()
    since: float | None = None
    until: float | None = None
    about: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    states: Sequence[str] = ()
    limit: int = 2_000


@dataclass(frozen=True)
class Recalled:
    """A record as it was then. `erased` says when each part that it then had was destroyed, `withdrawn_since` that it
    must not be used any more, `changed` how many versions followed."""

    found: Released
    erased: Mapping[str, datetime] = field(default_factory=dict)
    withdrawn_since: datetime | None = None
    changed: int = 0


def past(at: datetime, door: Door | None = None) -> Past:
    """That moment of the ledger. Raises Malformed for one that has not passed."""
    if at.timestamp() > clock():
        raise Malformed("nothing is known of a moment that has not passed")
    return Past(at, (door or here.door()).call("size_at", {"at": at.timestamp()})["size"])


def find_as_of(
    reader: Subject, moment: Past, wanted: Then, act: str = "read", door: Door | None = None
) -> tuple[list[Recalled], bool]:
    """The records of a kind as they were, in the order of their time; and whether there were more than asked for.

    Logged parts are noted before this returns. Raises Malformed.
    """
    if not 0 < wanted.limit <= MOST:
        raise Malformed(f"limit is 1 to {MOST}")
    shape, state, now = kind(wanted.kind), here.state(), clock()
    # Unchanged ones first: what changes meanwhile is then found twice, and never missed.
    rows = _unchanged(state.policy, reader, act, shape, moment, wanted, now)
    gone = _past_rows([row.id for row, _ in rows])
    kept: dict[str, tuple[RowView, int]] = {}
    for row, mask in rows:
        kept[row.id] = (_as_then(row, gone.get(row.id, []), moment.size), mask)
    changed = _changed(shape, moment)
    versions: dict[str, int] = {}
    for first in range(0, len(changed), AT_ONCE):
        payload = {
            "actor": principals.to_wire(reader),
            "act": act,
            "size": moment.size,
            "records": [record for record in changed[first : first + AT_ONCE] if record not in kept],
        }
        names = ("kind", "parts", "since", "until", "about", "ids", "states")
        period = {name: getattr(wanted, name) for name in names}
        for each in (door or here.door()).call("as_of", {**payload, **period})["rows"]:
            row = RowView(*each["row"])
            kept[row.id] = (row, each["mask"])
            versions[row.id] = each["later"]
    gone |= _past_rows(list(versions))
    everything = knowable(state, reader, list(kept.values()), now)
    unknown = unknown_abouts(state, reader, [row for row, _ in everything], now)
    only = frozenset(wanted.parts or shape.part_names)
    found = [
        (row, release_row(state, reader, act, row, mask, now, only=only, unknown=unknown))
        for row, mask in everything
    ]
    found = [(row, each) for row, each in found if _within(shape, each, wanted)]
    found.sort(key=lambda pair: (when(shape, pair[1])[0], pair[0].id))
    chosen = found[: wanted.limit]
    unnoted = [(row, each) for row, each in chosen if row.id not in versions]
    note(reader, act, state, [row for row, _ in unnoted], [each.mask for _, each in unnoted], now, door)
    recalled = [
        _recalled(each, gone.get(row.id, []), moment.size, versions.get(row.id, 0)) for row, each in chosen
    ]
    return recalled, len(found) > wanted.limit


def when(shape: Kind, found: Released) -> tuple[float, float | None]:
    """From when to when a record counts, in epoch seconds: by what of its time was shown, or when it was recorded."""
    since = until = None
    for column in ("time", "until"):
        part, name = shape.dimensions.get(column, ("", ""))
        value = (found.parts.get(part) or {}).get(name)
        if isinstance(value, str):
            since, until = (epoch(value), until) if column == "time" else (since, epoch(value))
    return (since, until) if since is not None else (found.at.timestamp(), None)


def _within(shape: Kind, found: Released, wanted: Then) -> bool:
    if wanted.about is not None and found.about not in wanted.about:
        return False
    if wanted.states and found.state not in wanted.states:
        return False
    begins, ends = when(shape, found)
    if wanted.until is not None and begins >= wanted.until:
        return False
    return wanted.since is None or max(begins, ends or begins) >= wanted.since


def _unchanged(
    policy: Policy, reader: Subject, act: str, shape: Kind, moment: Past, wanted: Then, now: float
) -> list[tuple[RowView, int]]:
    """Rows that are as they were then; more than the period holds, where their time may not be seen."""
    mask, mask_values, guard, guard_values = visible(policy, reader, act, shape.name, now)
    tables = here.tables(reader)
    dialect = tables.dialect
    source, source_values = "records_row", list[Any]()
    for column, named in (("about", wanted.about), ("id", wanted.ids)):
        if named is not None:
            listed, source_values = dialect.listed(named)
            source = (
                f"(SELECT DISTINCT value AS wanted FROM {listed} AS each_value) AS named "
                f"{dialect.in_turn} records_row ON records_row.{column} = named.wanted"
            )
    tests: list[str] = ["mask <> 0"]
    values: list[Any] = []
    if wanted.states:
        listed, given = dialect.listed(wanted.states)
        tests.append(f"state IN {listed}")
        values += given
    if wanted.until is not None:
        tests.append("(coalesce(time, at) < %s OR at < %s)")
        values += [wanted.until, wanted.until]
    if wanted.since is not None:
        tests.append("(coalesce(time, at) >= %s OR coalesce(until, time, at) >= %s OR at >= %s)")
        values += [wanted.since] * 3
    sql = (
        f"SELECT {', '.join(COLUMNS)}, mask FROM (SELECT {', '.join(COLUMNS)}, time, until, ({mask}) AS mask "
        f"FROM {source} WHERE kind = %s AND ledger_index < %s AND {guard}) AS then_known "
        f"WHERE {' AND '.join(tests)} ORDER BY at, id LIMIT %s"
    )
    given = [*mask_values, *source_values, shape.name, moment.size, *guard_values, *values, MOST + 1]
    found = tables.all(sql, given)
    if len(found) > MOST:
        raise Malformed(f"more than {MOST} records: choose a shorter period")
    return [(RowView(*row[:-1]), row[-1]) for row in found]


def _changed(shape: Kind, moment: Past) -> list[str]:
    """Records of the kind that were there then and have another version, or another entry of it, since."""
    found = here.headers().all(
        "SELECT id FROM records_row WHERE kind = %s AND born < %s AND ledger_index >= %s ORDER BY born",
        [shape.name, moment.size, moment.size],
    )
    return [record for (record,) in found]


_PAST = (
    "SELECT record, ledger_index, what, version, mask, at FROM records_past WHERE record IN ({}) ORDER BY id"
)


def _past_rows(records: Sequence[str]) -> dict[str, list[tuple[int, str, int, float]]]:
    """By record: (ledger index, what became of it, mask, epoch seconds)."""
    found: dict[str, list[tuple[int, str, int, float]]] = {}
    for first in range(0, len(records), 500):
        some = list(records[first : first + 500])
        for record, index, what, _, mask, at in here.tables().all(
            _PAST.format(", ".join(["%s"] * len(some))), some
        ):
            found.setdefault(record, []).append((index, what, mask, at))
    return found


def _as_then(row: RowView, gone: Iterable[tuple[int, str, int, float]], size: int) -> RowView:
    """A row that was withdrawn only since was not withdrawn then."""
    return row._replace(
        withdrawn=any(what == "withdrawn" and row.ledger_index < index < size for index, what, *_ in gone)
    )


def _recalled(
    found: Released, gone: Sequence[tuple[int, str, int, float]], size: int, later: int
) -> Recalled:
    names = kind(found.kind).part_names
    erased: dict[str, datetime] = {}
    withdrawn = None
    for index, what, mask, at in gone:
        if what == "erased":
            for bit, name in enumerate(names):
                if mask >> bit & 1 and name in found.erased and index > found.ledger_index:
                    erased[name] = datetime.fromtimestamp(at, UTC)
        elif what == "withdrawn" and index >= size:
            withdrawn = datetime.fromtimestamp(at, UTC)
    return Recalled(found, erased, withdrawn, later)


# --- in the writer ---------------------------------------------------------------------------------------


@job("size_at")
def size_at_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """How many entries there were at a moment: the same answer whatever was appended after it."""
    at, size = float(payload["at"]), 0
    step = _HIGHEST
    while step:
        # Where it looks does not depend on how long the ledger is now: what is not there yet is later.
        if size + step <= tx.log.size and _clock_of(tx, size + step - 1) <= at:
            size += step
        step >>= 1
    return {"size": size}


def _clock_of(tx: Tx, index: int) -> float:
    """This node's clock when an entry was appended, as it or the nearest one before it says."""
    for each in range(index, -1, -1):
        header = tx.header(each)
        place = _CLOCKED.get(header["type"])
        if place and (found := epoch(header.get(place))) is not None:
            return found
    return 0.0


@job("as_of")
def as_of_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Records as they were when the ledger had `size` entries: rows with what the actor may see of them."""
    subject, act, size = tx.subject(payload["actor"]), str(payload["act"]), int(payload["size"])
    asked, shape = payload["records"], all_kinds().get(str(payload["kind"]))
    if act not in ("read", "export") or not isinstance(asked, list) or len(asked) > AT_ONCE:
        raise Malformed(f"up to {AT_ONCE} records are read or exported at a time")
    if shape is None or not set(payload["parts"]) <= set(shape.part_names):
        raise Malformed("no such kind or part")
    period = {name: payload[name] for name in ("parts", "since", "until", "about", "ids", "states")}
    wanted = Then(shape.name, **period)
    rows: list[dict[str, Any]] = []
    logged: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in map(str, asked):
        found = _version_then(tx, subject, act, record, size, wanted.parts)
        if found is None or not _counts(found[0], wanted):
            continue
        row, mask, later, noted = found
        names = [n for bit, n in enumerate(all_kinds()[row.kind].part_names) if noted >> bit & 1]
        if names:
            entry: dict[str, Any] = {"record": row.id, "version": row.version, "parts": names}
            own = row.originator == tx.home.party
            logged.setdefault((row.kind, row.originator), []).append(
                entry if own else {**entry, "index": row.ledger_index}
            )
        rows.append({"row": list(row), "mask": mask, "later": later})
    if logged:
        items = [{"kind": k, "of": of, "records": found} for (k, of), found in logged.items()]
        note_job(tx, {"actor": payload["actor"], "act": act, "policy": tx.state.index, "items": items})
    return {"rows": rows}


def _counts(row: RowView, wanted: Then) -> bool:
    """Whether the version lies in the period by what of it is shown, so that nothing else is noted as read."""
    if row.kind != wanted.kind or (wanted.about is not None and row.about not in wanted.about):
        return False
    if wanted.ids is not None and row.id not in wanted.ids:
        return False
    if wanted.states and row.state not in wanted.states:
        return False
    shape, parts = all_kinds()[row.kind], row.values()
    begins, ends = dimension_values(shape, parts)[:2]
    begins, ends = (row.at, None) if begins is None else (begins, ends)
    if wanted.until is not None and begins >= wanted.until:
        return False
    return wanted.since is None or max(begins, ends or begins) >= wanted.since


def _version_then(
    tx: Tx, subject: Subject, act: str, record: str, size: int, wanted: Sequence[str]
) -> tuple[RowView, int, int, int] | None:
    """(the row as it was, with the parts that may be seen; their mask; versions since; those to be noted)."""
    row = tx.row(record)
    open_now = open_to(tx, subject, tx.item(row), act) if row is not None else 0
    if row is None or not open_now:
        return None
    entries = tx.tables.all(
        "SELECT version, ledger_index FROM records_version WHERE record = %s AND ledger_index < %s UNION "
        "SELECT version, ledger_index FROM records_past WHERE record = %s AND what = %s AND ledger_index < %s",
        [record, size, record, "replaced", size],
    )
    if not entries:
        return None
    version, index = max(entries)
    header = tx.header(index)
    item = version_item(row, header)
    mask = open_now & open_to(tx, subject, item, act)
    if not mask:
        return None
    shape = all_kinds()[row.kind]
    present, parts = parts_of(shape, tx.disclosures(index))
    shown = mask & sum(1 << shape.bit(name) for name in wanted or shape.part_names)
    gone = tx.tables.all(
        "SELECT ledger_index, what, mask, at FROM records_past WHERE record = %s ORDER BY id", [record]
    )
    erased = sum(
        {1 << bit for _, what, m, _ in gone if what == "erased" for bit in range(16) if m >> bit & 1}
    )
    then = row._replace(
        version=version,
        state=header["state"],
        about=header.get("about") or "",
        at=epoch(header["at"]) or 0.0,
        ledger_index=index,
        levels=pack_levels(header["levels"]),
        releasable=party_set(reach_in(header)),
        orcon=bool(header.get("orcon")),
        present=present,
        erased=erased & ~present,
        withdrawn=False,
        header="",
        parts=json.dumps({n: v for n, v in parts.items() if shown >> shape.bit(n) & 1}, ensure_ascii=False),
    )
    later = tx.tables.one(
        "SELECT count(*) FROM records_version WHERE record = %s AND version > %s", [record, version]
    )
    noted = 0 if subject.person == SYSTEM else tx.policy.logged(subject, act, item, tx.now) & shown & present
    return _as_then(then, gone, size), mask, int(later[0]) if later else 0, noted
