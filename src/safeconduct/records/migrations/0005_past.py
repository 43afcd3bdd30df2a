from django.db import migrations, models

from safeconduct.records.made_again import make_again


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
