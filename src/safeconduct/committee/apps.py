from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CommitteeConfig(AppConfig):
    name = "safeconduct.committee"
    label = "committee"
    verbose_name = _("Agreement")

    def ready(self) -> None:
        from safeconduct.committee import (  # noqa: F401
            assistance_kinds,
            deployment_kinds,
            meeting_kinds,
            meeting_seating,
            meeting_words,
            meeting_writer,
            negotiation_kinds,
            reminders,
            statement_kinds,
            strategy_kinds,
            strategy_writer,
            work_words,
            work_writer,
        )
        from safeconduct.shell.navigation import NavItem, register, register_page
        from safeconduct.shell.terms import name_words

        register(NavItem("committee", _("Committee"), "meetings:meetings", 35))
        register(NavItem("agreement", _("Agreement"), "committee:agreements", 40))
        for kind in ("objective", "recommendation", "measure"):
            register_page(kind, "strategy:page")
        for words in (meeting_words, work_words):
            name_words(words.PARTS, words.STATES, words.FIELDS, words.CODES)
