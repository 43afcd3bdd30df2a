"""The words of the room: parts and fields of a report, and words for what papers speak of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from safeconduct.shell.terms import CODE_NAMES, FIELD_NAMES, KIND_NAMES, PART_NAMES, STATE_NAMES, plain

Words = Mapping[str, Any]

PARTS: Words = {
    "scope": pgettext_lazy("part of a report", "What it is of"),
    "content": pgettext_lazy("part of a report", "The paper"),
}
FIELDS: Words = {
    "form": pgettext_lazy("field of a report", "Form"),
    "language": _("Language"),
    "known": _("As known at"),
    "size": _("Entries in the ledger"),
    "roles": _("Roles"),
    "sha256": _("SHA-256"),
}
FORMS: Words = {
    "day": pgettext_lazy("form of a report", "Situation report of a day"),
    "week": pgettext_lazy("form of a report", "Situation report of a week"),
    "record": pgettext_lazy("form of a report", "Paper of a record"),
}


def kind(name: str) -> str:
    return plain(KIND_NAMES, name)


def part(name: str) -> str:
    return plain(PART_NAMES, name)


def field(name: str) -> str:
    return plain(FIELD_NAMES, name)


def state(name: str) -> str:
    return plain(STATE_NAMES, name)


def code(where: str, name: str) -> str:
    """The word for a code that stands in a field; the code itself where it has none."""
    return plain(CODE_NAMES.get(where, {}), name)
