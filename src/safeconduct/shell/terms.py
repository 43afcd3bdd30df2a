"""The words of the field as people read them: levels, statuses, roles, acts, sides."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LEVEL_NAMES: Mapping[str, Promise] = {
    "OPEN": _("OPEN"),
    "RESTRICTED": _("RESTRICTED"),
    "CONFIDENTIAL": _("CONFIDENTIAL"),
    "SECRET": _("SECRET"),
}

STATUS_NAMES: Mapping[str, Promise] = {
    "proposed": pgettext_lazy("clause status", "proposed"),
    "under_discussion": pgettext_lazy("clause status", "under discussion"),
    "agreed": pgettext_lazy("clause status", "agreed"),
    "declined": pgettext_lazy("clause status", "declined"),
    "suspended": pgettext_lazy("clause status", "suspended"),
    "ended": pgettext_lazy("clause status", "ended"),
}

ROLE_NAMES: Mapping[str, Promise] = {
    "coordinator": pgettext_lazy("role", "coordinator"),
    "commander": pgettext_lazy("role", "commander"),
    "watch_officer": pgettext_lazy("role", "watch officer"),
    "liaison": pgettext_lazy("role", "liaison officer"),
    "security_officer": pgettext_lazy("role", "security officer"),
    "security_manager": pgettext_lazy("role", "security manager"),
    "analyst": pgettext_lazy("role", "analyst"),
    "auditor": pgettext_lazy("role", "auditor"),
    "signatory": pgettext_lazy("role", "signatory"),
    "administrator": pgettext_lazy("role", "administrator"),
    "observer": pgettext_lazy("role", "observer"),
    "warden": pgettext_lazy("role", "warden"),
    "protected_person": pgettext_lazy("role", "protected person"),
}

ACT_NAMES: Mapping[str, Promise] = {
    "read": pgettext_lazy("act", "read"),
    "export": pgettext_lazy("act", "export"),
    "write": pgettext_lazy("act", "write"),
    "disclose": pgettext_lazy("act", "disclose"),
    "withdraw": pgettext_lazy("act", "withdraw"),
    "erase": pgettext_lazy("act", "erase"),
    "acknowledge": pgettext_lazy("act", "acknowledge"),
    "approve": pgettext_lazy("act", "approve"),
    "command": pgettext_lazy("act", "command"),
}

KIND_NAMES: Mapping[str, Promise] = {
    "incident": pgettext_lazy("kind of record", "incident"),
    "claim": pgettext_lazy("kind of record", "claim"),
    "clause": pgettext_lazy("kind of record", "clause"),
    "status_act": pgettext_lazy("kind of record", "status act"),
    "role_assignment": pgettext_lazy("kind of record", "role assignment"),
    "reading": pgettext_lazy("kind of record", "reading"),
    "attachment": pgettext_lazy("kind of record", "attachment"),
    "deployment": pgettext_lazy("kind of record", "deployment"),
}

SIDE_NAMES: Mapping[str, Promise] = {"host": _("Host Party"), "partner": _("Partner Party")}


def plain(names: Mapping[str, Promise], word: str) -> str:
    """The word's name in the reader's language; a word that has none is shown with its underscores opened."""
    name = names.get(word)
    return str(name) if name is not None else word.replace("_", " ")
