"""What the codes of devices are called on the page."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

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
STATES = {"enrolled": _("Enrolled"), "revoked": _("Revoked")}
PARTS = {"identity": _("Identity"), "link": _("Whose it is")}
FIELDS = {
    "protocol": _("Protocol"),
    "vehicle": _("Vehicle"),
    "movement": _("Journey"),
    "account": _("Account"),
    "holder": _("Holder"),
}
CODES = {"protocol": PROTOCOLS, "category": CATEGORIES}
NO_ACCOUNT = _("There is no account of this name.")
