from django.apps import AppConfig


class PositionsConfig(AppConfig):
    name = "safeconduct.positions"
    label = "positions"

    def ready(self) -> None:
        from safeconduct.positions import flow_watch, keeping, kinds, seen, waiting_writer  # noqa: F401
