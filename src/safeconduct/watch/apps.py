from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WatchConfig(AppConfig):
    name = "safeconduct.watch"
    label = "watch"
    verbose_name = _("Watch")

    def ready(self) -> None:
        from safeconduct.watch import alert_kinds, sos_kinds, sos_writer  # noqa: F401
