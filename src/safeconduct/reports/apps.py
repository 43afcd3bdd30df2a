from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "safeconduct.reports"
    label = "reports"
    verbose_name = _("Reports")

    def ready(self) -> None:
        from safeconduct.reports import kinds, words  # noqa: F401
        from safeconduct.shell.navigation import NavItem, register, register_page
        from safeconduct.shell.terms import name_words

        register(NavItem("reports", _("Reports"), "reports:home", 45))
        register_page("report", "reports:filed")
        name_words(words.PARTS, {}, words.FIELDS, {})
