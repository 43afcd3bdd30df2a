"""The schemas of a node's PostgreSQL database: what its tables need there that Django's migrations do not say."""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction

from safeconduct.node.databases import address_parts
from safeconduct.records import wall
from safeconduct.records.dialect import INSTR
from safeconduct.records.home import Home, HomeError

EXPLAINED = ("records\\_%", "exchange\\_%")


def before_migrating() -> None:
    """Make the schemas. Raises HomeError for a database that orders or spells text as SQLite does not."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = current_database()"
        )
        encoding, collation = cursor.fetchone()
        if encoding != "UTF8" or collation not in ("C", "POSIX", "C.UTF-8", "C.utf8"):
            raise HomeError(
                f"the database is {encoding} with collation {collation}; make it with "
                "ENCODING 'UTF8' LC_COLLATE 'C' TEMPLATE template0"
            )
        for schema in ("accounts", "tables"):
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        wall.take_down(cursor.execute)


def after_migrating(home: Home) -> None:
    """Widen the columns, make the functions that the tables' SQL calls, and put the wall up."""
    role = home.settings.get("database_web")
    with transaction.atomic("tables"), connections["tables"].cursor() as cursor:
        _widen(cursor)
        cursor.execute(INSTR)
        wall.put_up(cursor.execute, address_parts(role).get("user") if role else None)


def _widen(cursor: Any) -> None:
    """Text of any length and integers of 64 bits, as SQLite has them: what the ledger says always fits."""
    cursor.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'tables' "
        "AND (table_name LIKE %s OR table_name LIKE %s) AND is_generated = 'NEVER' "
        "AND data_type IN ('character varying', 'integer') AND table_name <> 'records_part'",
        list(EXPLAINED),
    )
    for table, column, kind in cursor.fetchall():
        wide = "text" if kind == "character varying" else "bigint"
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {wall.quoted(column)} TYPE {wide}")
    # Where text is in the order of its bytes, Django's second index for LIKE is the first one once more.
    cursor.execute(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'tables' AND indexname LIKE %s", ["%\\_like"]
    )
    for (index,) in cursor.fetchall():
        cursor.execute(f"DROP INDEX {wall.quoted(index)}")
