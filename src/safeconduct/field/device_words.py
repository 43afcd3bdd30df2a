"""What the codes of devices are called on the page."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

CATEGORIES = {
    "phone": _("Phone"),
    "tracker": _("Vehicle tracker"),
    "tak": _("TAK client"),
    "site_alarm": _("Site alarm"),
    "sms_gateway": _("SMS gateway"),
}
PROTOCOLS = {
    "owntracks_http": _("OwnTracks over HTTP"),
    "owntracks_mqtt": _("OwnTracks over MQTT"),
    "osmand": _("Traccar Client (OsmAnd)"),
    "cot": _("Cursor on Target"),
    "webhook": _("Webhook"),
}
STATES = {
    "enrolled": _("Enrolled"),
    "waiting": pgettext_lazy("device", "Waits for its bearer's word"),
    "provisional": pgettext_lazy("device", "Not yet confirmed by its bearer"),
    "confirmed": pgettext_lazy("device", "Confirmed by its bearer"),
    "revoked": _("Revoked"),
}
PARTS = {"identity": _("Identity"), "link": _("Whose it is")}
FIELDS = {
    "protocol": _("Protocol"),
    "vehicle": _("Vehicle"),
    "movement": _("Journey"),
    "account": _("Account"),
    "holder": _("Holder"),
    "until": _("Until"),
}
CODES = {"protocol": PROTOCOLS, "category": CATEGORIES}
NO_ACCOUNT = _("There is no account of this name.")
