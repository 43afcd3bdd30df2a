from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchange", "0002_disclosures"),
    ]

    operations = [
        migrations.AddField(
            model_name="holding",
            name="sealed",
            field=models.BigIntegerField(default=0),
        ),
    ]
