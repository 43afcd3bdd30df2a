from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FieldConfig(AppConfig):
    name = "safeconduct.field"
    label = "field"
    verbose_name = _("Devices")

    def ready(self) -> None:
        from safeconduct.field import (  # noqa: F401
            cot_writer,
            device_kinds,
            device_term,
            device_words,
            device_writer,
            sms,
        )
        from safeconduct.shell.navigation import NavItem, register
        from safeconduct.shell.terms import name_words

        keepers = frozenset({"security_manager", "security_officer", "coordinator"})
        register(NavItem("devices", _("Devices"), "field:devices", 80, keepers))
        name_words(device_words.PARTS, device_words.STATES, device_words.FIELDS, device_words.CODES)
