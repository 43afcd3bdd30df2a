from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    name = "safeconduct.exchange"
    label = "exchange"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from safeconduct.exchange import (  # noqa: F401
            archiving,
            cadence,
            delivery,
            duty,
            expiry,
            holds,
            inbound,
            outbound,
            pairing,
            parting,
            projection,
            recall,
            resuming,
            rotation,
            sealing,
            stick,
            unsealing,
            upgrade,
        )
