"""The words of telling people: parts, states, fields and codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]

PARTS: Words = {
    "scope": pgettext_lazy("part of a ladder", "What it is for"),
    "steps": pgettext_lazy("part of a ladder", "Steps"),
    "shift": pgettext_lazy("part of an on-call shift", "Shift"),
    "address": pgettext_lazy("part of a contact point", "Where"),
    "to": pgettext_lazy("part of a delivery", "To whom"),
    "outcome": pgettext_lazy("part of a delivery", "What became of it"),
}
STATES: Words = {
    "in_force": pgettext_lazy("state of a ladder", "in force"),
    "ended": pgettext_lazy("state of a ladder", "ended"),
    "planned": pgettext_lazy("state of an on-call shift", "planned"),
    "on_duty": pgettext_lazy("state of an on-call shift", "on duty"),
    "handed_over": pgettext_lazy("state of an on-call shift", "handed over"),
    "in_use": pgettext_lazy("state of a contact point", "in use"),
    "removed": pgettext_lazy("state of a contact point", "removed"),
    "queued": pgettext_lazy("state of a delivery", "waits"),
    "sending": pgettext_lazy("state of a delivery", "on its way"),
    "delivered": pgettext_lazy("state of a delivery", "taken by the provider"),
    "failed": pgettext_lazy("state of a delivery", "failed"),
    "uncertain": pgettext_lazy("state of a delivery", "not known whether it left"),
    "not_needed": pgettext_lazy("state of a delivery", "not needed any more"),
}
FAULTS: Words = {
    "refused": pgettext_lazy("why a message failed", "The provider did not take it"),
    "no_such_channel": pgettext_lazy("why a message failed", "This node has no such channel"),
    "no_contact_point": pgettext_lazy("why a message failed", "The person has no contact point"),
    "address_gone": pgettext_lazy("why a message failed", "The contact point was removed"),
    "timed_out": pgettext_lazy("why a message failed", "No answer in time"),
    "interrupted": pgettext_lazy("why a message failed", "The node stopped while it was sent"),
    "too_late": pgettext_lazy("why a message failed", "It could not go for a day"),
    "answered": pgettext_lazy("why a message failed", "Somebody had answered"),
    "broken": pgettext_lazy("why a message failed", "The channel is set up wrongly"),
}
CHANNELS: Words = {
    "email": pgettext_lazy("channel", "E-mail"),
    "sms": pgettext_lazy("channel", "SMS"),
    "telegram": pgettext_lazy("channel", "Telegram"),
    "wecom": pgettext_lazy("channel", "WeCom"),
    "feishu": pgettext_lazy("channel", "Feishu"),
    "dingtalk": pgettext_lazy("channel", "DingTalk"),
    "webhook": pgettext_lazy("channel", "Webhook"),
    "none": pgettext_lazy("channel", "none"),
}
NOTIFIER_FAULTS: Words = {
    "channels_missing": _(
        "No channels are set up: channels.toml is missing. Nothing goes out; what waits stays."
    ),
    "channels_open": _(
        "channels.toml can be read by others and is not used. Nothing goes out; what waits stays."
    ),
    "channels_wrong": _("channels.toml cannot be understood. Nothing goes out; what waits stays."),
}
FIELDS: Words = {
    "after_seconds": pgettext_lazy("step of a ladder", "After, in seconds"),
    "units": _("Units"),
    "channels": _("Channels"),
    "channel": _("Channel"),
    "order": pgettext_lazy("contact point", "Order"),
    "number": pgettext_lazy("of a message", "Number"),
    "queued": pgettext_lazy("of a message", "Queued"),
    "fault": pgettext_lazy("of a message", "Why not"),
    "tries": pgettext_lazy("of a message", "Handed over, times"),
}
CODES: Mapping[str, Words] = {"channel": CHANNELS, "fault": FAULTS}


def word(words: Words, name: object) -> str:
    """The name in the reader's language; one that has no word is shown with its underscores opened."""
    found = words.get(str(name))
    return str(found) if found is not None else str(name).replace("_", " ")
