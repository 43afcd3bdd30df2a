from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistryConfig(AppConfig):
    name = "safeconduct.registry"
    label = "registry"
    verbose_name = _("Registry")

    def ready(self) -> None:
        from safeconduct.registry import jobs, kinds, words  # noqa: F401
        from safeconduct.registry.presentation import PLURALS
        from safeconduct.shell.navigation import NavItem, register, register_page
        from safeconduct.shell.terms import name_words

        register(NavItem("registry", _("People and sites"), "registry:home", 8))
        for kind, plural in PLURALS.items():
            register_page(kind, "registry:record", plural)
        register_page("grievance", "registry:grievance")
        name_words(words.PARTS, words.STATES, words.FIELDS, words.CODES)
