from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WatchConfig(AppConfig):
    name = "safeconduct.watch"
    label = "watch"
    verbose_name = _("Watch")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from safeconduct.shell.navigation import NavItem, register, register_page
        from safeconduct.shell.phone import PhonePiece
        from safeconduct.shell.phone import register as register_piece
        from safeconduct.shell.terms import name_words
        from safeconduct.watch import (  # noqa: F401  # noqa: F401
            alert_kinds,
            alert_phone,
            alert_words,
            alert_writer,
            cap_taking,
            floor_words,
            muster_help,
            muster_kinds,
            muster_phone,
            muster_words,
            muster_writer,
            notify_words,
            response_words,
            response_writer,
            shift_kinds,
            sos_kinds,
            sos_phone,
            sos_writer,
            words,
        )

        register(NavItem("watch", _("Watch"), "watch:floor", 2))
        for kind, page in (
            ("sos", "sos"), ("alert", "alert"), ("muster", "muster"), ("response", "response"),
            ("liaison_message", "message"), ("information_request", "request"),
        ):  # fmt: skip
            register_page(kind, f"watch:{page}")
        register_piece(PhonePiece("sos", 0, "watch/_phone_sos.html", sos_phone.context))
        register_piece(PhonePiece("alerts", 10, "watch/_phone_alerts.html", alert_phone.context))
        register_piece(PhonePiece("muster", 5, "watch/_phone_muster.html", muster_phone.context))
        name_words(
            muster_words.PARTS,
            {**muster_words.STATES, **muster_words.MUSTER_STATES},
            muster_words.FIELDS,
            {"means": {**words.MEANS, **muster_words.MEANS}},
        )
        name_words(words.PARTS, {**words.STATES, **words.TASKING_STATES}, words.FIELDS, words.CODES)
        name_words(floor_words.PARTS, floor_words.STATES, {}, {})
        name_words(notify_words.PARTS, notify_words.STATES, notify_words.FIELDS, notify_words.CODES)
        name_words(alert_words.PARTS, alert_words.STATES, alert_words.FIELDS, alert_words.CODES)
        name_words(response_words.PARTS, response_words.STATES, response_words.FIELDS, response_words.CODES)
