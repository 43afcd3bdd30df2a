import uuid
from typing import Any, ClassVar

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.core.management import call_command
from django.db import migrations, models

import safeconduct.people.models


def make_cache_table(apps: Any, schema_editor: Any) -> None:
    """The table that rate limits and lock-outs are counted in (settings.CACHES)."""
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "username",
                    models.CharField(
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9._-]*\\Z",
                                "Lower-case letters, digits, dot, hyphen, underscore.",
                            )
                        ],
                        verbose_name="user name",
                    ),
                ),
                ("display_name", models.CharField(blank=True, max_length=120, verbose_name="name")),
                (
                    "person",
                    models.CharField(
                        default=safeconduct.people.models.new_person,
                        editable=False,
                        max_length=32,
                        unique=True,
                    ),
                ),
                (
                    "clearance",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "OPEN"), (1, "RESTRICTED"), (2, "CONFIDENTIAL"), (3, "SECRET")],
                        default=0,
                        validators=[django.core.validators.MaxValueValidator(3)],
                        verbose_name="clearance",
                    ),
                ),
                ("language", models.CharField(blank=True, max_length=12, verbose_name="language")),
                ("locked", models.BooleanField(default=False, verbose_name="locked")),
                ("must_change_password", models.BooleanField(default=False, editable=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={"verbose_name": "account", "verbose_name_plural": "accounts"},
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, verbose_name="what it is for")),
                ("prefix", models.CharField(max_length=12, unique=True)),
                ("digest", models.BinaryField(max_length=32)),
                ("roles", models.JSONField(verbose_name="roles")),
                (
                    "scope",
                    models.CharField(
                        choices=[("read", "read"), ("write", "read and write")],
                        max_length=5,
                        verbose_name="may",
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                ("last_used_on", models.DateField(editable=False, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "token", "verbose_name_plural": "tokens", "ordering": ["-created_at"]},
        ),
        migrations.RunPython(make_cache_table, migrations.RunPython.noop),
    ]
