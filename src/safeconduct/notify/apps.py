from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "safeconduct.notify"
    label = "notify"

    def ready(self) -> None:
        from safeconduct.notify import kinds, ladder  # noqa: F401
