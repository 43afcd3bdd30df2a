"""Which database a model lives in: what the ledger explains in `tables`, accounts in `default`."""

from __future__ import annotations

from typing import Any

EXPLAINED = frozenset({"records", "exchange"})
"""App labels whose tables `rebuild` makes again from the ledger."""


class Router:
    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "tables" if model._meta.app_label in EXPLAINED else "default"

    db_for_write = db_for_read

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return (first._meta.app_label in EXPLAINED) == (second._meta.app_label in EXPLAINED)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return (app_label in EXPLAINED) == (db == "tables")
