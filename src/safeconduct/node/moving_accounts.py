"""Copying the accounts from a file into the database that Django is given, whichever sort it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections, router, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from safeconduct.records.home import HomeError

ROWS = 500
_SOURCE, _TARGET = "source", "default"


def copy_accounts(file: Path) -> int:
    """Replace what the accounts' database holds by what a file does; returns how many rows that were.

    Both are of the same version. Raises HomeError when the file is of an earlier one.
    """
    with _opened(file):
        applied = [
            set(MigrationRecorder(connections[alias]).applied_migrations()) for alias in (_SOURCE, _TARGET)
        ]
        if not applied[0] >= applied[1]:
            raise HomeError("the accounts are of an earlier version: start the node once before it is moved")
        models = [
            model
            for model in apps.get_models(include_auto_created=True)
            if router.db_for_write(model) == _TARGET and model._meta.managed and not model._meta.proxy
        ]
        with transaction.atomic(_TARGET):
            for model in models:
                connections[_TARGET].cursor().execute(f"DELETE FROM {_quoted(model._meta.db_table)}")  # noqa: S608
            count = sum(_copy(model) for model in models)
            with connections[_TARGET].cursor() as cursor:
                for statement in connections[_TARGET].ops.sequence_reset_sql(no_style(), models):
                    cursor.execute(statement)
    return count


@contextmanager
def _opened(file: Path) -> Iterator[None]:
    settings = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"file:{quote(str(file))}?mode=ro",
        "OPTIONS": {"uri": True, "init_command": "PRAGMA query_only=ON"},
    }
    connections.settings[_SOURCE] = connections.configure_settings({"default": {}, _SOURCE: settings})[
        _SOURCE
    ]
    try:
        yield
    finally:
        connections[_SOURCE].close()
        del connections[_SOURCE], connections.settings[_SOURCE]


def _copy(model: type[Model]) -> int:
    """Every row, with each value as the model's field takes it from one database and gives it to the other."""
    fields = model._meta.local_concrete_fields
    target = connections[_TARGET]
    columns = ", ".join(_quoted(str(field.column)) for field in fields)
    sql = (
        f"INSERT INTO {_quoted(model._meta.db_table)} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"  # noqa: S608
    )
    rows = model._base_manager.using(_SOURCE).order_by("pk").values_list(*[field.attname for field in fields])
    count, waiting = 0, []
    with target.cursor() as cursor:
        for row in rows.iterator(ROWS):
            values: list[Any] = [
                field.get_db_prep_save(value, target) for field, value in zip(fields, row, strict=True)
            ]
            waiting.append(values)
            if len(waiting) == ROWS:
                cursor.executemany(sql, waiting)
                count, waiting = count + len(waiting), []
        cursor.executemany(sql, waiting)
    return count + len(waiting)


def _quoted(name: str) -> str:
    return str(connections[_TARGET].ops.quote_name(name))
