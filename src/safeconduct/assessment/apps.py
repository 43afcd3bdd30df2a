from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AssessmentConfig(AppConfig):
    name = "safeconduct.assessment"
    label = "assessment"
    verbose_name = _("Assessment")

    def ready(self) -> None:
        from safeconduct.assessment import (
            forecast_kinds,  # noqa: F401
            forecast_words,
            route_kinds,  # noqa: F401
            route_words,
            srm_standard_kinds,  # noqa: F401
            srm_standard_writer,  # noqa: F401
            srm_words,
            srm_writer,  # noqa: F401
            warning_kinds,  # noqa: F401
            warning_words,
            warning_writer,  # noqa: F401
        )
        from safeconduct.shell.navigation import NavItem, register, register_page
        from safeconduct.shell.terms import name_words

        register(NavItem("assessment", _("Assessment"), "assessment:analysis", 33))
        for kind, page in (
            ("assessment", "srm:page"),
            ("assessment_difference", "srm:page"),
            ("forecast", "forecast:issued"),
            ("route_option", "routes:page"),
            ("standard_check", "standards:check"),
            ("warning", "warnings:page"),
        ):
            register_page(kind, page)
        for words in (forecast_words, route_words, srm_words, warning_words):
            name_words(words.PARTS, words.STATES, words.FIELDS, words.CODES)
