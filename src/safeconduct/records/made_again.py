"""What a migration does that changes what the tables say of an entry: they are emptied, and follow the ledger anew."""

from __future__ import annotations

from typing import Any


def make_again(_apps: Any, schema_editor: Any) -> None:
    """Empty what the ledger explains: the writer fills it again at its next start, new tables and columns, too."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            if table.startswith(("records_", "exchange_")) and not table.startswith("records_search_"):
                cursor.execute(f"DELETE FROM {table}")
