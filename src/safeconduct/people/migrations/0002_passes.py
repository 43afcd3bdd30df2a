from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="passes_from",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
