from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "safeconduct.notify"
    label = "notify"

    def ready(self) -> None:
        from safeconduct.notify import handing, kinds, ladder, queue  # noqa: F401
