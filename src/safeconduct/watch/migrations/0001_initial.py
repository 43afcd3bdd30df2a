from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="SafeWords",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("person", models.CharField(max_length=64, unique=True)),
                ("safe", models.CharField(max_length=256)),
                ("duress", models.CharField(max_length=256)),
                ("wrong", models.PositiveIntegerField(default=0)),
                ("wrong_since", models.FloatField(default=0.0)),
            ],
            options={"verbose_name": "safe words", "verbose_name_plural": "safe words"},
        ),
    ]
