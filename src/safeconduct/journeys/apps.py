from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JourneysConfig(AppConfig):
    name = "safeconduct.journeys"
    label = "journeys"
    verbose_name = _("Journeys")

    def ready(self) -> None:
        from safeconduct.journeys import filing, kinds, raising, underway_watch, underway_word, words  # noqa: F401
        from safeconduct.shell.navigation import NavItem, register, register_page
        from safeconduct.shell.terms import name_words

        register(NavItem("journeys", _("Journeys"), "journeys:board", 5))
        register_page("movement", "journeys:detail")
        on_the_road = frozenset({"protected_person"})
        register(NavItem("phone", _("My journey"), "journeys:phone", 4, on_the_road))
        name_words(words.PARTS, words.STATES, words.FIELDS, words.CODES)
