from typing import Any

from django.db import migrations, models


def make_again(apps: Any, schema_editor: Any) -> None:
    """Empty what the ledger explains: the writer fills it again at its next start, the new table too."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            if table.startswith(("records_", "exchange_")) and not table.startswith("records_search_"):
                cursor.execute(f"DELETE FROM {table}")


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0004_derived"),
    ]

    operations = [
        migrations.CreateModel(
            name="PastRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ledger_index", models.BigIntegerField()),
                ("record", models.CharField(max_length=64)),
                ("what", models.CharField(max_length=16)),
                ("version", models.IntegerField(default=0)),
                ("mask", models.BigIntegerField(default=0)),
                ("at", models.FloatField()),
            ],
            options={
                "db_table": "records_past",
                "indexes": [models.Index(models.F("record"), models.F("ledger_index"), name="past_record")],
            },
        ),
        migrations.RunPython(make_again, migrations.RunPython.noop),
    ]
