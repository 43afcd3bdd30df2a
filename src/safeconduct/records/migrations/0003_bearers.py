from typing import Any

from django.db import migrations, models


def make_again(apps: Any, schema_editor: Any) -> None:
    """Empty what the ledger explains: the writer fills it again at its next start, the new column too."""
    connection = schema_editor.connection
    present = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in (
            "records_row", "records_version", "records_applied", "records_search", "records_shown",
            "exchange_holding", "exchange_disclosure", "exchange_cosigned",
        ):  # fmt: skip
            if table in present:
                cursor.execute(f"DELETE FROM {table}")


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0002_shown"),
    ]

    operations = [
        migrations.AddField(model_name="row", name="bearers", field=models.TextField(default="")),
        migrations.RunPython(make_again, migrations.RunPython.noop),
    ]
