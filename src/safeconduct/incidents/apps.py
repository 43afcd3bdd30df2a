from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IncidentsConfig(AppConfig):
    name = "safeconduct.incidents"
    label = "incidents"
    verbose_name = _("Incidents")

    def ready(self) -> None:
        from safeconduct.incidents import kinds, same_kinds, same_writer, words  # noqa: F401
        from safeconduct.shell.navigation import NavItem, register, register_page
        from safeconduct.shell.terms import name_words

        register(NavItem("incidents", _("Incidents"), "incidents:list", 10))
        register_page("incident", "incidents:detail")
        grades = {"reliability": words.RELIABILITY, "credibility": words.CREDIBILITY, "what": words.MEASURED}
        name_words(words.PARTS, {**words.STATES, **words.SAID}, words.FIELDS, {**words.CODES, **grades})
