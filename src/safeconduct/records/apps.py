from typing import Any

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "safeconduct.records"
    label = "records"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from safeconduct.records import (  # noqa: F401
            as_of,
            attachments,
            break_glass,
            commit,
            copied,
            door_certificates,
            earlier,
            emergencies,
            external,
            founding,
            projection,
            reading,
            signing,
            two_person_use,
        )

        connection_created.connect(_hold_to_text, dispatch_uid="safeconduct.records")


def _hold_to_text(connection: Any, **signal: Any) -> None:
    if connection.vendor == "postgresql":
        from safeconduct.records.nul import take_out_nul

        take_out_nul(connection)
