from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "safeconduct.records"
    label = "records"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from safeconduct.records import (  # noqa: F401
            attachments,
            commit,
            earlier,
            external,
            founding,
            projection,
            reading,
            signing,
        )
