"""How the links, the ledger's entries and what is withheld are said in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from safeconduct.exchange.holdings import ASKED, HELD, REMOVED, RETAINED, SEALED, WITHDRAWN
from safeconduct.exchange.view import EMPTY, ERASED
from safeconduct.exchange.view import WITHDRAWN as TAKEN_BACK
from safeconduct.shell.terms import (
    CODE_NAMES,
    FIELD_NAMES,
    KIND_NAMES,
    PART_NAMES,
    STATE_NAMES,
    listed,
    plain,
)

HOLDING_NAMES: Mapping[str, Promise] = {
    HELD: pgettext_lazy("what became of a released part", "held"),
    WITHDRAWN: pgettext_lazy("what became of a released part", "withdrawn, not to be used"),
    ASKED: pgettext_lazy("what became of a released part", "erasure asked, no answer yet"),
    REMOVED: pgettext_lazy("what became of a released part", "removed, by their receipt"),
    RETAINED: pgettext_lazy("what became of a released part", "retained, by their receipt"),
    SEALED: pgettext_lazy("what became of a released part", "sealed, may be open"),
}

HOLDING_MARKS: Mapping[str, str] = {
    HELD: "",
    WITHDRAWN: "caution",
    ASKED: "caution",
    REMOVED: "good",
    RETAINED: "bad",
    SEALED: "caution",
}

ENTRY_NAMES: Mapping[str, Promise] = {
    "version": pgettext_lazy("ledger entry", "version of an own record"),
    "received": pgettext_lazy("ledger entry", "received from a partner"),
    "disclosure": pgettext_lazy("ledger entry", "disclosure to a partner"),
    "withdrawal": pgettext_lazy("ledger entry", "withdrawal"),
    "erasure": pgettext_lazy("ledger entry", "erasure"),
    "receipt": pgettext_lazy("ledger entry", "receipt"),
    "refusal": pgettext_lazy("ledger entry", "refused attempt"),
    "checkpoint": pgettext_lazy("ledger entry", "checkpoint"),
    "key": pgettext_lazy("ledger entry", "key event"),
    "epoch": pgettext_lazy("ledger entry", "new epoch of an exchange"),
    "sealed": pgettext_lazy("ledger entry", "sealed bundle"),
    "unread": pgettext_lazy("ledger entry", "understood only by a later version"),
    "stream": pgettext_lazy("ledger entry", "live stream opened or closed"),
    "flow": pgettext_lazy("ledger entry", "live positions began or ceased to flow"),
    "hold": pgettext_lazy("ledger entry", "hold on an erasure"),
    "pad": pgettext_lazy("ledger entry", "padding"),
}

_REASONS: Mapping[str, Promise] = {
    "R1": _("its originator keeps control (ORCON)"),
    "R2": _("it is not releasable to that party"),
    "R3": _("the clearance is below its label"),
    "no grant": _("no clause in force permits it"),
    TAKEN_BACK: _("it was withdrawn"),
    ERASED: _("it was erased"),
    EMPTY: _("it is empty"),
    "not released": _("it was not released to this party"),
}


def reason(rule: str) -> str:
    """Why a part stays: a rule's name in words; a configured red line by its number."""
    known = _REASONS.get(rule)
    if known is not None:
        return str(known)
    return gettext("red line %(rule)s forbids it") % {"rule": rule} if "/" in rule else rule


def kind_name(kind: str) -> str:
    return plain(KIND_NAMES, kind)


def part_name(part: str) -> str:
    name = plain(PART_NAMES, part)
    return name[:1].upper() + name[1:]


def state_name(state: str) -> str:
    return plain(STATE_NAMES, state)


@dataclass(frozen=True)
class Field:
    """One field of a part, named and written for people."""

    name: str
    text: str


def fields_of(value: Any) -> list[Field]:
    """The fields of a part that are not empty, in their order."""
    if not isinstance(value, Mapping):
        return [Field("", str(value))]
    return [
        Field(plain(FIELD_NAMES, name), plain(CODE_NAMES.get(name, {}), str(item)))
        if name in CODE_NAMES
        else Field(plain(FIELD_NAMES, name), _plain(item))
        for name, item in value.items()
        if item not in (None, "", [], {})
    ]


def _plain(value: Any) -> str:
    match value:
        case bool():
            return gettext("yes") if value else gettext("no")
        case Mapping():
            return "; ".join(f"{plain(FIELD_NAMES, k)}: {_plain(v)}" for k, v in value.items())
        case list() | tuple():
            return listed(_plain(item) for item in value)
    return str(value)


def ago(seconds: float) -> str:
    """An age in the largest unit that still says something."""
    whole = max(0, int(seconds))
    if whole < 120:
        return ngettext("%(n)s second ago", "%(n)s seconds ago", whole) % {"n": whole}
    if whole < 7200:
        return ngettext("%(n)s minute ago", "%(n)s minutes ago", whole // 60) % {"n": whole // 60}
    if whole < 172_800:
        return ngettext("%(n)s hour ago", "%(n)s hours ago", whole // 3600) % {"n": whole // 3600}
    return ngettext("%(n)s day ago", "%(n)s days ago", whole // 86_400) % {"n": whole // 86_400}


def moment(seconds: float) -> datetime | None:
    """Epoch seconds as a moment; None for 0, which means never."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
