from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IncidentsConfig(AppConfig):
    name = "safeconduct.incidents"
    label = "incidents"
    verbose_name = _("Incidents")

    def ready(self) -> None:
        from safeconduct.incidents import kinds  # noqa: F401
        from safeconduct.shell.navigation import NavItem, register

        register(NavItem("incidents", _("Incidents"), "incidents:list", 10))
