"""The form that enrols a device."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.field import device_words as words

FITTING = {
    "phone": ("owntracks_http", "owntracks_mqtt", "osmand"),
    "tracker": ("osmand", "owntracks_http", "owntracks_mqtt"),
    "tak": ("cot",),
    "site_alarm": ("webhook",),
    "sms_gateway": ("webhook",),
}
"""The protocols that each category of device speaks."""


class DeviceForm(forms.Form):
    """One device: what it is, what it speaks, for whom."""

    name = forms.CharField(label=_("Name"), max_length=200)
    category = forms.ChoiceField(label=_("Category"), choices=list(words.CATEGORIES.items()))
    protocol = forms.ChoiceField(label=_("Protocol"), choices=list(words.PROTOCOLS.items()))
    account = forms.CharField(
        label=_("User name of the account that carries it"), max_length=64, required=False
    )
    holder = forms.CharField(label=_("Holder"), max_length=200, required=False)
    vehicle = forms.CharField(label=_("Vehicle"), max_length=32, required=False)
    site = forms.CharField(label=_("Number of the site"), max_length=64, required=False)
    movement = forms.CharField(label=_("Number of the journey"), max_length=64, required=False)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("protocol") not in FITTING.get(str(given.get("category")), ()):
            self.add_error("protocol", _("A device of this category does not speak this protocol."))
        if given.get("category") == "site_alarm" and not given.get("site"):
            self.add_error("site", _("A site's alarm names its site."))
        return given

    def parts(self, person: str) -> dict[str, Any]:
        """The parts of the device; `person` is the person id of its account, if it has one."""
        given = self.cleaned_data
        identity = {
            name: given[name] for name in ("name", "category", "protocol", "site", "vehicle", "movement")
        }
        link = {"account": person, "holder": given["holder"]}
        return {"identity": identity, "link": link} if any(link.values()) else {"identity": identity}
