from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistryConfig(AppConfig):
    name = "safeconduct.registry"
    label = "registry"
    verbose_name = _("Registry")

    def ready(self) -> None:
        from safeconduct.registry import jobs, kinds, words  # noqa: F401
        from safeconduct.shell.navigation import NavItem, register
        from safeconduct.shell.terms import name_words

        register(NavItem("registry", _("People and sites"), "registry:home", 8))
        name_words(words.PARTS, words.STATES, words.FIELDS, words.CODES)
