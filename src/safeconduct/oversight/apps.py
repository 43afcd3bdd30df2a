from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OversightConfig(AppConfig):
    name = "safeconduct.oversight"
    label = "oversight"
    verbose_name = _("Oversight")

    def ready(self) -> None:
        from safeconduct.oversight import (
            emergency,  # noqa: F401
            hold_jobs,  # noqa: F401
            jobs,  # noqa: F401
            kinds,  # noqa: F401
            recompute,  # noqa: F401
            second_person_told,  # noqa: F401
            who_knew_jobs,  # noqa: F401
            who_knew_words,
        )
        from safeconduct.oversight.ledger_line import ledger_line
        from safeconduct.shell.navigation import NavItem, register, register_ledger_line, register_page
        from safeconduct.shell.terms import name_words

        also = ("oversight:held_here", "oversight:holds")
        register(NavItem("holdings", _("What they hold"), "oversight:holdings", 50, also=also))
        register(
            NavItem(
                "readings",
                _("Readings"),
                "oversight:readings",
                55,
                frozenset({"auditor", "coordinator"}),
                also=("oversight:who_may", "oversight:refusals"),
            )
        )
        # Whoever audits finds it among the tabs of oversight.
        asking = ("administrator", "security_manager", "analyst", "commander")
        register(NavItem("second", _("Second person"), "oversight:second_person", 57, frozenset(asking)))
        breaking = ("commander", "liaison", "security_officer", "warden")
        register(NavItem("glass", _("Break the glass"), "oversight:break_glass", 58, frozenset(breaking)))
        register(NavItem("link", _("Link"), "oversight:link", 60))
        register(NavItem("ledger", _("Ledger"), "oversight:ledger", 65))
        register_page("inquiry", "oversight:inquiry")
        register_page("role_request", "oversight:second_person_request")
        register_page("bulk_request", "oversight:second_person_request")
        register_ledger_line(ledger_line)
        name_words(who_knew_words.PARTS, who_knew_words.STATES, who_knew_words.FIELDS, {})
