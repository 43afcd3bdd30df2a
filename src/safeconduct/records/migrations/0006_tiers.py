from typing import Any

from django.db import migrations, models
from django.db.models.functions import Lower

from safeconduct.records.kinds import all_kinds
from safeconduct.records.made_again import make_again
from safeconduct.records.tiers import RECEIVED


def fill(apps: Any, schema_editor: Any) -> None:
    """Give the rows that are there their tiers. Where only the ledger knows one (an absent part that is OPEN, or that
    its version did not have yet), the writer makes all rows again at its next start."""
    connection = schema_editor.connection
    least_of = "least" if connection.vendor == "postgresql" else "min"
    above = f"CASE WHEN agreement = '' THEN 0 ELSE {RECEIVED} END"
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT kind FROM records_row")
        for kind in [all_kinds()[name] for (name,) in cursor.fetchall() if name in all_kinds()]:
            levels = [f"(levels >> {2 * bit} & 3)" for bit in range(len(kind.parts))]
            timed = levels[kind.bit(kind.dimensions["time"][0])] if "time" in kind.dimensions else "0"
            known = [
                f"CASE WHEN {level} > 0 OR ((present | erased) >> {bit}) & 1 = 1 THEN {level} ELSE 3 END"
                for bit, level in enumerate(levels)
            ]
            least, sure = (f"{least_of}(3, {', '.join(each)})" for each in (levels, known))
            cursor.execute(
                f"SELECT 1 FROM records_row WHERE kind = %s AND {least} < {sure} LIMIT 1", [kind.name]
            )
            if cursor.fetchone() is not None:
                make_again(apps, schema_editor)
                return
            cursor.execute(
                f"UPDATE records_row SET time_tier = {timed} + {above}, least_tier = {least} + {above} WHERE kind = %s",
                [kind.name],
            )


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0005_past"),
    ]

    operations = [
        migrations.AddField("row", "time_tier", models.SmallIntegerField(null=True)),
        migrations.AddField("row", "least_tier", models.SmallIntegerField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex("row", models.Index("kind", "time_tier", "time", "id", name="row_tier_time")),
        migrations.AddIndex("row", models.Index("kind", "least_tier", "at", "id", name="row_tier_at")),
        migrations.AddIndex("row", models.Index("kind", Lower("state"), name="row_state")),
    ]
