"""On PostgreSQL, a second wall behind `release()` and `find()`: what a process that shows records can read at all.

Such a process works as a role that has nothing on the tables that hold parts. It reads two views of the same names, in
the schema `reading`, and these look at the setting `safeconduct.reader` of the session (as does a third, of those
records of which the time is shown: there it is the column itself, so that an index has lists in its order):

- unset or anything else: no row at all;
- `2|pk` (a level, a party): rows that the party wrote or that are releasable to it and that have a part up to that
  level, and of these only the parts and columns up to it;
- `node`: the headers of all rows, parts and columns only of the kinds that policy is made of.

`here.tables(reader)` declares. The wall knows levels, originators and releasability, not clauses, states or duty
bearers: it catches a query that forgot `release()`, never one that declares somebody it does not serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records.authorisations import authorising
from safeconduct.records.dialect import SETTING
from safeconduct.records.emergencies import NAME as EMERGENCY
from safeconduct.records.kinds import DIMENSIONS, all_kinds
from safeconduct.records.tiers import RECEIVED

NODE = "node"
"""What the node itself needs to know before it can decide for anybody."""
HELD = ("records_row", "records_search")
"""The tables that hold parts."""


def declared(reader: Subject) -> str:
    """The setting that stands for a reader. Raises ValueError for a party that cannot be one."""
    if "|" in reader.party or not 0 <= reader.clearance <= 3:
        raise ValueError("no reader")
    return f"{reader.clearance}|{reader.party}"


def take_down(execute: Any) -> None:
    """Before the tables change: the views hang on their columns."""
    execute("DROP SCHEMA IF EXISTS reading CASCADE")


def put_up(execute: Any, role: str | None) -> None:
    """Make the views, and let a role that exists read them. `execute` takes SQL and its values, as the tables' owner
    with the schema `tables` first in its path."""
    for statement in _FUNCTIONS:
        execute(statement, None)
    execute("DELETE FROM records_part", None)
    for kind in all_kinds().values():
        for bit, name in enumerate(kind.part_names):
            execute("INSERT INTO records_part (kind, name, bit) VALUES (%s, %s, %s)", [kind.name, name, bit])
    execute("CREATE SCHEMA reading", None)
    columns = _columns()
    execute(_row_view(columns), None)
    execute(_timed_view(columns), None)
    execute(_SEARCH_VIEW, None)
    for table in HELD:
        # Nobody but the owner has a row of them, whatever is granted by mistake.
        execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", None)
    if role is not None:
        for statement in _GRANTS:
            execute(statement.format(role=quoted(role)), None)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


_FUNCTIONS = (
    # Immutable, so that the planner works with its value: no statement is prepared for another session's setting.
    "CREATE OR REPLACE FUNCTION declared_node() RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS "
    f"$$ SELECT coalesce(current_setting('{SETTING}', true), '') = '{NODE}' $$",
    "CREATE OR REPLACE FUNCTION declared_clearance() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS "
    f"$$ SELECT coalesce(substring(current_setting('{SETTING}', true) from '^([0-3])[|].')::integer, -1) $$",
    "CREATE OR REPLACE FUNCTION declared_party() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS "
    f"$$ SELECT coalesce(substring(current_setting('{SETTING}', true) from '^[0-3][|](.+)$'), '') $$",
    "CREATE OR REPLACE FUNCTION lowest_level(levels bigint, present bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS "
    "$$ SELECT coalesce(min((levels >> 2 * bit) & 3), 0)::integer FROM generate_series(0, 15) AS bit "
    "WHERE (present >> bit) & 1 = 1 $$",
    "CREATE OR REPLACE FUNCTION highest_level(levels bigint, present bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS "
    "$$ SELECT coalesce(max((levels >> 2 * bit) & 3), 0)::integer FROM generate_series(0, 15) AS bit "
    "WHERE (present >> bit) & 1 = 1 $$",
    "ALTER TABLE records_row ADD COLUMN IF NOT EXISTS lowest integer "
    "GENERATED ALWAYS AS (lowest_level(levels, present)) STORED",
    "ALTER TABLE records_row ADD COLUMN IF NOT EXISTS highest integer "
    "GENERATED ALWAYS AS (highest_level(levels, present)) STORED",
    "CREATE TABLE IF NOT EXISTS records_part (kind text, name text, bit integer NOT NULL, PRIMARY KEY (kind, name))",
    # Of type json and not jsonb: every value stays the text that it was.
    "CREATE OR REPLACE FUNCTION parts_up_to(parts text, of_kind text, levels bigint, clearance integer) "
    "RETURNS text LANGUAGE sql STABLE AS "
    "$$ SELECT '{' || coalesce(string_agg(to_json(part.key)::text || ':' || part.value::text, ',' "
    "ORDER BY known.bit), '') || '}' FROM json_each(parts::json) AS part JOIN tables.records_part AS known "
    "ON known.kind = of_kind AND known.name = part.key WHERE (levels >> 2 * known.bit) & 3 <= clearance $$",
)

_ADDRESSED = (
    "({0}.originator = tables.declared_party() "
    "OR strpos({0}.releasable, '|' || tables.declared_party() || '|') > 0)"
)

_SEARCH_VIEW = (
    "CREATE VIEW reading.records_search AS SELECT found.rowid, found.words, found.lexemes "
    "FROM tables.records_search AS found WHERE tables.declared_clearance() >= 0 AND EXISTS "
    "(SELECT 1 FROM tables.records_row AS whole WHERE whole.born = found.rowid >> 4 "
    "AND (whole.levels >> 2 * (found.rowid & 15)::integer) & 3 <= tables.declared_clearance() "
    f"AND {_ADDRESSED.format('whole')})"
)

_GRANTS = (
    "GRANT USAGE ON SCHEMA tables, reading, accounts TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA tables, reading TO {role}",
    "REVOKE ALL ON records_row, records_search FROM {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA accounts TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA accounts TO {role}",
)


def _columns() -> dict[str, str]:
    """What the view of records shows as each column."""
    from safeconduct.records.models import Row

    standing = ", ".join(
        f"'{name}'" for name in sorted({"clause", "status_act", "role_assignment", EMERGENCY, *authorising()})
    )
    whole = f"tables.declared_clearance() >= 3 OR (tables.declared_node() AND kind IN ({standing}))"
    columns = {}
    for field in Row._meta.local_concrete_fields:
        name = str(field.column)
        if name == "parts":
            columns[name] = (
                f"CASE WHEN {whole} THEN parts WHEN tables.declared_clearance() >= highest THEN parts "
                "WHEN tables.declared_clearance() >= 0 "
                "THEN tables.parts_up_to(parts, kind, levels, tables.declared_clearance()) ELSE '{}' END"
            )
        elif name in DIMENSIONS:
            columns[name] = (
                f"CASE WHEN {whole} THEN {name} WHEN tables.declared_clearance() >= highest THEN {name} "
                f"WHEN tables.declared_clearance() >= (levels >> {_shift(name)}) & 3 THEN {name} END"
            )
        else:
            columns[name] = name
    return columns


def _row_view(columns: Mapping[str, str]) -> str:
    shown = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    return (
        f"CREATE VIEW reading.records_row AS SELECT {shown} FROM tables.records_row AS whole "
        "WHERE tables.declared_node() OR (tables.declared_clearance() >= 0 "
        f"AND lowest <= tables.declared_clearance() AND {_ADDRESSED.format('whole')})"
    )


def _timed_view(columns: Mapping[str, str]) -> str:
    shown = ", ".join(f"{value} AS {name}" for name, value in {**columns, "time": "time"}.items())
    return (
        f"CREATE VIEW reading.records_timed AS SELECT {shown} FROM tables.records_row AS whole "
        f"WHERE tables.declared_clearance() >= 0 AND time_tier % {RECEIVED} <= tables.declared_clearance() "
        f"AND lowest <= tables.declared_clearance() AND {_ADDRESSED.format('whole')}"
    )


def _shift(dimension: str) -> str:
    """SQL for where the level of the part that fills a column stands in `levels`; NULL for a kind that does not."""
    cases: dict[int, list[str]] = {}
    for kind in all_kinds().values():
        source = kind.dimensions.get(dimension)
        if source is not None:
            cases.setdefault(2 * kind.bit(source[0]), []).append(f"'{kind.name}'")
    if not cases:
        return "NULL::integer"
    whens = " ".join(
        f"WHEN kind IN ({', '.join(names)}) THEN {shift}" for shift, names in sorted(cases.items())
    )
    return f"CASE {whens} END"
