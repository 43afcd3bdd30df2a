from typing import Any

from django.db import migrations, models

_INDEX = {
    "sqlite": [
        "CREATE VIRTUAL TABLE records_search USING fts5 (words, tokenize = 'unicode61 remove_diacritics 2')"
    ],
    "postgresql": [
        "CREATE TABLE records_search (rowid bigint PRIMARY KEY, words text NOT NULL, lexemes tsvector NOT NULL)",
        "CREATE INDEX search_lexemes ON records_search USING gin (lexemes)",
    ],
}


def make_text_index(apps: Any, schema_editor: Any) -> None:
    """One row for each record and part, by the words of it (records.dialect)."""
    for statement in _INDEX[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop_text_index(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute("DROP TABLE records_search")


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Applied",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
            ],
            options={
                "db_table": "records_applied",
            },
        ),
        migrations.CreateModel(
            name="Row",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("version", models.IntegerField()),
                ("kind", models.CharField(max_length=64)),
                ("originator", models.CharField(max_length=64)),
                ("agreement", models.CharField(default="", max_length=64)),
                ("state", models.CharField(max_length=64)),
                ("about", models.CharField(default="", max_length=64)),
                ("at", models.FloatField()),
                ("ledger_index", models.BigIntegerField()),
                ("born", models.BigIntegerField(unique=True)),
                ("levels", models.BigIntegerField()),
                ("releasable", models.TextField(default="")),
                ("orcon", models.BooleanField(default=False)),
                ("assigned", models.TextField(default="")),
                ("opens", models.FloatField(null=True)),
                ("present", models.BigIntegerField()),
                ("withdrawn", models.BooleanField(default=False)),
                ("erased", models.BigIntegerField(default=0)),
                ("time", models.FloatField(null=True)),
                ("until", models.FloatField(null=True)),
                ("latitude", models.FloatField(null=True)),
                ("longitude", models.FloatField(null=True)),
                ("category", models.TextField(null=True)),
                ("place", models.TextField(null=True)),
                ("external", models.TextField(null=True)),
                ("figure", models.FloatField(null=True)),
                ("parts", models.TextField(default="{}")),
                ("header", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "records_row",
                "indexes": [
                    models.Index(models.F("kind"), models.F("time"), models.F("id"), name="row_kind_time"),
                    models.Index(models.F("kind"), models.F("at"), models.F("id"), name="row_kind_at"),
                    models.Index(models.F("about"), models.F("kind"), name="row_about"),
                    models.Index(models.F("kind"), models.F("external"), name="row_external"),
                    models.Index(
                        models.F("kind"), models.F("latitude"), models.F("longitude"), name="row_place"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="VersionRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("record", models.CharField(max_length=64)),
                ("version", models.IntegerField()),
                ("ledger_index", models.BigIntegerField()),
                ("at", models.FloatField()),
                ("act", models.CharField(max_length=32)),
            ],
            options={
                "db_table": "records_version",
                "constraints": [
                    models.UniqueConstraint(models.F("record"), models.F("version"), name="one_version")
                ],
            },
        ),
        migrations.RunPython(make_text_index, drop_text_index),
    ]
