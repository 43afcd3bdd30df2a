"""What an amendment changed, in words: field by field, as both parties read it beside the version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from safeconduct.journeys.kinds import MOVEMENT
from safeconduct.journeys.words import CODES, FIELDS, PARTS, word
from safeconduct.shell.terms import listed

Parts = Mapping[str, Any]
_TITLES = ("name", "place", "plate", "type")


@dataclass(frozen=True)
class Change:
    """One field as it was and as it is; empty where there was or is nothing. `moment` when both are times."""

    part: str
    field: str
    before: str
    after: str
    moment: bool = False

    def __str__(self) -> str:
        if not self.before:
            return _("%(field)s: %(after)s, new") % {"field": self.field, "after": self.after}
        if not self.after:
            return _("%(field)s: no longer %(before)s") % {"field": self.field, "before": self.before}
        return _("%(field)s: %(after)s instead of %(before)s") % {
            "field": self.field,
            "after": self.after,
            "before": self.before,
        }


def changes_between(version_a: Parts, version_b: Parts) -> list[Change]:
    """What differs between two versions' parts, in the order of the kind; nothing for two that are alike."""
    found: list[Change] = []
    for part in MOVEMENT.part_names:
        a, b = version_a.get(part) or {}, version_b.get(part) or {}
        if a == b:
            continue
        if not a or not b:
            said = _("given") if b else _("taken out")
            found.append(Change(part, word(PARTS, part), "" if b else said, said if b else ""))
            continue
        for field in MOVEMENT.parts[part].model_fields:
            if a.get(field) != b.get(field):
                found.append(_change(part, field, a.get(field), b.get(field)))
    return found


def _change(part: str, field: str, before: Any, after: Any) -> Change:
    if field == "route":
        return Change(part, word(FIELDS, field), _route(before), _route(after))
    moment = field in ("since", "until", "depart", "arrive")
    return Change(part, word(FIELDS, field), _said(field, before), _said(field, after), moment)


def _said(field: str, value: Any) -> str:
    """A value as a line of text; "" for none."""
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Mapping):
        return _title(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return listed([_title(each) if isinstance(each, Mapping) else str(each) for each in value])
    return word(CODES[field], value) if field in CODES else str(value)


def _title(value: Mapping[str, Any]) -> str:
    name = next((str(value[key]) for key in _TITLES if value.get(key)), "")
    due = value.get("due") or value.get("arrive")
    return f"{name} ({due})" if due else name


def _route(route: Mapping[str, Any] | None) -> str:
    if not route:
        return ""
    return _("%(km)s km") % {"km": round(route["distance_m"] / 1000)}
