from django.apps import AppConfig


class TimersConfig(AppConfig):
    name = "safeconduct.timers"
    label = "timers"

    def ready(self) -> None:
        from safeconduct.timers import due, firing  # noqa: F401
