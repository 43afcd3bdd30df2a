from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CommitteeConfig(AppConfig):
    name = "safeconduct.committee"
    label = "committee"
    verbose_name = _("Agreement")

    def ready(self) -> None:
        from safeconduct.committee import kinds  # noqa: F401
        from safeconduct.shell.navigation import NavItem, register

        register(NavItem("agreement", _("Agreement"), "committee:agreements", 40))
