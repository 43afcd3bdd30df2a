"""The words of the watch floor: the kinds of things that are open, what their sounds say, its log and handovers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext_lazy

PARTS: Mapping[str, Any] = {
    "entry": pgettext_lazy("part of the shift log", "Entry"),
    "note": pgettext_lazy("part of the handover of a shift", "Note"),
    "acceptance": pgettext_lazy("part of the handover of a shift", "Taken over"),
}
STATES: Mapping[str, Any] = {
    "written": pgettext_lazy("state of the handover of a shift", "not taken over yet")
}
KINDS: Mapping[str, Any] = {
    "sos": "SOS",
    "journey": pgettext_lazy("thing on the watch floor", "Journey"),
    "escalation": pgettext_lazy("thing on the watch floor", "Escalation"),
    "muster": pgettext_lazy("thing on the watch floor", "Muster"),
    "request": pgettext_lazy("thing on the watch floor", "Request"),
    "message": pgettext_lazy("thing on the watch floor", "Message"),
    "response": pgettext_lazy("thing on the watch floor", "Response"),
    "alert": pgettext_lazy("thing on the watch floor", "Alert"),
    "link": pgettext_lazy("thing on the watch floor", "Link down"),
}

SOUNDS: Mapping[str, Any] = {
    "sos": pgettext_lazy("sound of the watch floor", "SOS: high and low in turn"),
    "muster": pgettext_lazy("sound of the watch floor", "Somebody at a muster needs help: three short"),
    "journey": pgettext_lazy("sound of the watch floor", "Journey overdue: rising"),
    "link": pgettext_lazy("sound of the watch floor", "Link or this page cut off: falling"),
    "message": pgettext_lazy("sound of the watch floor", "Message or request: one soft tone"),
}
"""Each sound by what it is made for; frontend/src/watch-sound.js has the tones."""


def kind(name: str) -> str:
    return str(KINDS.get(name, name))
