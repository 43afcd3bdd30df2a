"""How each type of ledger entry changes the tables: the same function live, at boot and in a rebuild.

Everything here is a pure function of the entries applied so far, so that tables made again from the ledger
are the same, bit for bit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from safeconduct.ledger.parts import open_disclosure
from safeconduct.records.bearers import assignment, inherited, moved
from safeconduct.records.dialect import DIALECTS, SETTING
from safeconduct.records.kept import reach_in
from safeconduct.records.kinds import DIMENSIONS, Kind, all_kinds
from safeconduct.records.rows import party_set
from safeconduct.records.search import index_text, remove_text, searched
from safeconduct.records.tiers import tiers_of

Apply = Callable[["Tables", int, Mapping[str, Any], Sequence[str | None]], None]
"""(tables, ledger index, header, disclosures)"""
_projections: dict[str, Apply] = {}

COLUMNS = (
    "id", "version", "kind", "originator", "agreement", "state", "about", "at", "ledger_index", "born", "levels",
    "time_tier", "least_tier", "releasable", "orcon", "assigned", "bearers", "opens", "present", "withdrawn",
    "erased", *DIMENSIONS, "parts", "header",
)  # fmt: skip
_UPSERT = (
    f"INSERT INTO records_row ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))}) "
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{c} = excluded.{c}" for c in COLUMNS if c not in ("id", "born", "bearers"))
)


class Disclosed(list[str | None]):
    """Disclosures whose values are at hand, so that they need not be opened again to follow them."""

    def __init__(self, disclosures: Sequence[str | None], values: Sequence[Any]) -> None:
        super().__init__(disclosures)
        self.values = values


def values_of(disclosures: Sequence[str | None]) -> Sequence[Any]:
    """The value of each part; None for one that is empty, erased or not held."""
    if isinstance(disclosures, Disclosed):
        return disclosures.values
    return [None if text is None else open_disclosure(text)[2] for text in disclosures]


class Tables:
    """The tables by plain SQL with %s for values, on a Django connection.

    SQLite is asked without Django's cursor in between: a commit makes a dozen short statements, and the
    wrapper takes longer than they do. `dialect` has the words in which databases differ. `reader` is for whom rows are
    read where `records.wall` stands before them.
    """

    def __init__(self, connection: Any, reader: str = "") -> None:
        connection.ensure_connection()
        self._connection = connection
        self._sqlite = connection.vendor == "sqlite"
        self.dialect = DIALECTS[connection.vendor]
        self._walled = connection.connection if connection.settings_dict.get("WALLED") else None
        self.walled = self._walled is not None
        self.timed = "records_timed" if self.walled else "records_row"
        self._reader = reader
        self._cursor = connection.connection if self._sqlite else connection.cursor()
        self.moved: set[str] = set()
        self.deferred: list[tuple[str, Sequence[Any]]] = []

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        if self._sqlite:
            return self._cursor.execute(_question_marks(sql), parameters)
        if self._walled is not None and getattr(self._walled, "declared", "") != self._reader:
            self._cursor.execute("SELECT set_config(%s, %s, false)", [SETTING, self._reader])
            self._walled.declared = self._reader
        self._cursor.execute(sql, parameters)
        return self._cursor

    def defer(self, sql: str, parameters: Sequence[Any]) -> None:
        """Keep a statement for `settle`: for what no projection reads, and is far cheaper many at a time.

        The text index writes out what it has gathered at every savepoint; a batch of jobs makes hundreds.
        """
        self.deferred.append((sql, parameters))

    def settle(self) -> None:
        """Run what was deferred, in its order. Belongs before every COMMIT of what was projected."""
        for sql, group in groupby(self.deferred, key=itemgetter(0)):
            statement = _question_marks(sql) if self._sqlite else sql
            self._cursor.executemany(statement, [parameters for _, parameters in group])
        self.deferred.clear()

    def beside(self, schema: str) -> Tables:
        """Over a connection of its own the tables of another schema of a PostgreSQL database, to be closed again."""
        settings = deepcopy(self._connection.settings_dict)
        settings["OPTIONS"]["options"] += f" -c search_path={schema}"
        return Tables(type(self._connection)(settings, self._connection.alias))

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self.execute(sql, parameters).fetchone()
        return found

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.execute(sql, parameters).fetchall()
        return found


@lru_cache(maxsize=2048)
def _question_marks(sql: str) -> str:
    return _PLACE.sub("?", sql).replace("%%", "%")


_PLACE = re.compile(r"(?<!%)%s")


def projects(entry_type: str) -> Callable[[Apply], Apply]:
    """Register how entries of this type change the tables."""

    def register(function: Apply) -> Apply:
        _projections[entry_type] = function
        return function

    return register


def apply(
    tables: Tables, index: int, entry_type: str, header: Mapping[str, Any], disclosures: Sequence[str | None]
) -> None:
    function = _projections.get(entry_type)
    if function is not None:
        function(tables, index, header, disclosures)


@lru_cache(maxsize=4096)
def epoch(text: str | None) -> float | None:
    """ISO 8601 date or time (UTC when it names no zone) as seconds since 1970; None for what is none."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def pack_levels(levels: Sequence[int]) -> int:
    return sum(level << (2 * bit) for bit, level in enumerate(levels))


def dimension_values(kind: Kind, parts: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """The values of the columns a list may filter by, in the order of DIMENSIONS."""
    values: list[Any] = []
    for column in DIMENSIONS:
        source = kind.dimensions.get(column)
        value = (parts.get(source[0]) or {}).get(source[1]) if source else None
        values.append(epoch(value) if column in ("time", "until") and isinstance(value, str) else value)
    return values


def parts_of(kind: Kind, disclosures: Sequence[str | None]) -> tuple[int, dict[str, Any]]:
    """Bitmask of the parts that are not empty, and those that the tables hold, by name."""
    present = 0
    parts: dict[str, Any] = {}
    for bit, (name, value) in enumerate(zip(kind.part_names, values_of(disclosures), strict=False)):
        if value is None:
            continue
        present |= 1 << bit
        if kind.parts[name].tabled:
            parts[name] = value
    return present, parts


def put_row(
    tables: Tables, index: int, header: Mapping[str, Any], disclosures: Sequence[str | None], agreement: str
) -> None:
    """Make a header and its parts the latest version of their record. Older versions change nothing."""
    kind = all_kinds().get(header["kind"])
    if kind is None:
        return
    record, version = header["record"], header["version"]
    known = tables.one("SELECT version, born, erased, parts FROM records_row WHERE id = %s", [record])
    if known is not None and version <= known[0]:
        _keep_replaced(tables, record, version)
    tables.execute(
        "INSERT INTO records_version (record, version, ledger_index, at, act) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (record, version) DO UPDATE SET ledger_index = excluded.ledger_index",
        [record, version, index, epoch(header["at"]) or 0.0, header.get("act", "")],
    )
    if known is not None and version < known[0]:
        return
    assigned = assignment(tables, kind, record)
    present, parts = parts_of(kind, disclosures)
    born = known[1] if known else index
    erased = known[2] & ~present if known else 0
    tables.execute(
        _UPSERT,
        [
            record,
            version,
            kind.name,
            header["originator"],
            agreement,
            header["state"],
            header.get("about") or "",
            epoch(header["at"]) or 0.0,
            index,
            born,
            pack_levels(header["levels"]),
            *tiers_of(kind, header["levels"], agreement),
            party_set(reach_in(header)),
            bool(header.get("orcon")),
            party_set(header.get("assigned", ())),
            "" if known else inherited(tables, kind, header.get("about") or ""),
            epoch(header.get("opens")),
            present,
            False,
            erased,
            *dimension_values(kind, parts),
            json.dumps(parts, ensure_ascii=False, separators=(",", ":")),
            header.get("hash", ""),
        ],
    )
    moved(tables, assigned, assignment(tables, kind, record))
    if kind.searched and (known is None or searched(kind, json.loads(known[3])) != searched(kind, parts)):
        index_text(tables, kind, born, parts, fresh=known is None)


def _keep_replaced(tables: Tables, record: str, version: int) -> None:
    for index, at in tables.all(
        "SELECT ledger_index, at FROM records_version WHERE record = %s AND version = %s", [record, version]
    ):
        note_past(tables, index, record, "replaced", version, 0, at)


def note_past(tables: Tables, index: int, record: str, what: str, version: int, mask: int, at: float) -> None:
    """Keep what became of a version or of parts, for whoever asks how a record was at a past moment."""
    tables.execute(
        "INSERT INTO records_past (ledger_index, record, what, version, mask, at) VALUES (%s, %s, %s, %s, %s, %s)",
        [index, record, what, version, mask, at],
    )


def withdraw_row(tables: Tables, record: str, index: int, at: float) -> None:
    """Mark a record as withdrawn at a moment, by an entry of the ledger; what it assigned is taken back."""
    note_past(tables, index, record, "withdrawn", 0, 0, at)
    found = tables.one("SELECT kind FROM records_row WHERE id = %s", [record])
    kind = all_kinds().get(found[0]) if found else None
    assigned = assignment(tables, kind, record)
    tables.execute("UPDATE records_row SET withdrawn = %s WHERE id = %s", [True, record])
    moved(tables, assigned, assignment(tables, kind, record))


def clear_parts(tables: Tables, record: str, mask: int, index: int, at: float) -> None:
    """Take the parts in `mask` out of the tables, by an entry of the ledger: their values, their dimensions and
    their words."""
    note_past(tables, index, record, "erased", 0, mask, at)
    found = tables.one("SELECT kind, born, parts, present, erased FROM records_row WHERE id = %s", [record])
    if found is None:
        return
    kind = all_kinds()[found[0]]
    assigned = assignment(tables, kind, record)
    parts = json.loads(found[2])
    for bit, name in enumerate(kind.part_names):
        if mask >> bit & 1:
            parts.pop(name, None)
    values = dimension_values(kind, parts)
    assignments = ", ".join(f"{c} = %s" for c in DIMENSIONS)
    tables.execute(
        f"UPDATE records_row SET {assignments}, parts = %s, present = %s, erased = %s WHERE id = %s",
        [
            *values,
            json.dumps(parts, ensure_ascii=False, separators=(",", ":")),
            found[3] & ~mask,
            found[4] | mask,
            record,
        ],
    )
    moved(tables, assigned, assignment(tables, kind, record))
    remove_text(tables, kind, found[1], mask)
    if kind.name == "reading" and "what" not in parts:
        tables.execute("DELETE FROM records_shown WHERE reading = %s", [record])


Known = Callable[[Mapping[str, Any]], tuple[str, int] | None]
"""An item of a reading -> the record here and its version, or None for one that is not known here."""


def index_reading(tables: Tables, reading: str, what: Mapping[str, Any] | None, known: Known) -> None:
    """Make what a reading says findable by the records that were shown."""
    tables.execute("DELETE FROM records_shown WHERE reading = %s", [reading])
    for item in (what or {}).get("records", ()):
        found = known(item)
        if found is not None:
            tables.execute(
                "INSERT INTO records_shown (reading, record, version, parts) VALUES (%s, %s, %s, %s)",
                [reading, *found, party_set(item["parts"])],
            )


@projects("version")
def _version(
    tables: Tables, index: int, header: Mapping[str, Any], disclosures: Sequence[str | None]
) -> None:
    put_row(tables, index, header, disclosures, "")
    for source in header.get("derived_from", ()):
        tables.execute(
            "INSERT INTO records_derived (source, record) VALUES (%s, %s) ON CONFLICT (source, record) DO NOTHING",
            [source, header["record"]],
        )
    if header["kind"] == "reading":
        index_reading(
            tables, header["record"], values_of(disclosures)[0], lambda i: (i["record"], i["version"])
        )
    if header["kind"] in ("clause", "status_act"):
        note_policy_change(tables, index)


def derived_from(tables: Tables, record: str) -> list[str]:
    """The records that were made from this one, and from those, each once."""
    found: dict[str, None] = {}
    waiting = [record]
    while waiting:
        for (each,) in tables.all("SELECT record FROM records_derived WHERE source = %s", [waiting.pop()]):
            if each not in found and each != record:
                found[each] = None
                waiting.append(each)
    return sorted(found)


@projects("refusal")
def _refusal(
    tables: Tables, index: int, header: Mapping[str, Any], disclosures: Sequence[str | None]
) -> None:
    names = ("person", "act", "record")
    tables.execute(
        "INSERT INTO records_refusal (ledger_index, at, person, act, record) VALUES (%s, %s, %s, %s, %s)",
        [index, epoch(header["at"]) or 0.0, *(str(header.get(name) or "")[:64] for name in names)],
    )


def note_policy_change(tables: Tables, index: int) -> None:
    """Remember at which ledger index the standing of an agreement last changed (row 2 of `records_applied`)."""
    tables.execute(
        "INSERT INTO records_applied (id, size) VALUES (2, %s) ON CONFLICT (id) DO UPDATE SET size = excluded.size",
        [index],
    )
