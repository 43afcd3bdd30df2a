"""PostgreSQL's text holds no NUL. Such a character is the same unknown one in what is kept and in what is asked: a
hostile text is found nowhere, as with SQLite, and is no fault of the database."""

from __future__ import annotations

from typing import Any

from psycopg.adapt import Dumper


class _Text(Dumper):
    def dump(self, obj: str) -> bytes:
        return obj.replace("\0", "\ufffd").encode()


def take_out_nul(connection: Any) -> None:
    """For each new connection of Django's to PostgreSQL."""
    connection.connection.adapters.register_dumper(str, _Text)
