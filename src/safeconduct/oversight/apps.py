from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OversightConfig(AppConfig):
    name = "safeconduct.oversight"
    label = "oversight"
    verbose_name = _("Oversight")

    def ready(self) -> None:
        from safeconduct.oversight import jobs, kinds, who_knew_jobs, who_knew_words  # noqa: F401
        from safeconduct.oversight.ledger_line import ledger_line
        from safeconduct.shell.navigation import NavItem, register, register_ledger_line
        from safeconduct.shell.terms import name_words

        register(NavItem("holdings", _("What they hold"), "oversight:holdings", 50))
        register(
            NavItem(
                "readings", _("Readings"), "oversight:readings", 55, frozenset({"auditor", "coordinator"})
            )
        )
        register(NavItem("link", _("Link"), "oversight:link", 60))
        register(NavItem("ledger", _("Ledger"), "oversight:ledger", 65))
        register_ledger_line(ledger_line)
        name_words(who_knew_words.PARTS, who_knew_words.STATES, who_knew_words.FIELDS, {})
