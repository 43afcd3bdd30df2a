"""How the lines and gaps of "who knew" are said: always as whose word they are, and how far that is cosigned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from safeconduct.exchange.projection import LIVE
from safeconduct.oversight.jobs import WHO_KNEW
from safeconduct.oversight.unusual import EXPORTED, IN_BULK, NOT_ASSIGNED, ODD_HOUR, REFUSED
from safeconduct.oversight.who_knew import (
    GIVEN,
    NEVER_HEARD,
    NOT_KNOWN,
    NOT_SHOWN,
    NOT_TOLD,
    OWN_ORIGINATOR,
    READ,
    TAKEN,
    TOLD,
    TOLD_UNTIL,
    UNLOGGED,
    Gap,
    Line,
)
from safeconduct.oversight.wording import kind_name, part_name
from safeconduct.records import here
from safeconduct.shell.terms import ROLE_NAMES, listed, plain

PARTS: Mapping[str, Any] = {
    "facts": gettext_lazy("Facts to check"),
    "findings": gettext_lazy("Findings"),
    "outcome": gettext_lazy("Outcome"),
    "opened": gettext_lazy("What was opened, and why"),
    "opened_by": gettext_lazy("Who broke the glass"),
    "seen": gettext_lazy("Who has looked at it"),
    "wish": gettext_lazy("What is asked for"),
    "use": gettext_lazy("How the approval was used"),
    WHO_KNEW: gettext_lazy("The list of who knew"),
}
STATES: Mapping[str, Any] = {
    "closed": pgettext_lazy("state of a record", "closed"),
    "asked": pgettext_lazy("state of a record", "asked"),
    "refused": pgettext_lazy("state of a record", "refused"),
    "used": pgettext_lazy("state of a record", "used"),
    "taken_back": pgettext_lazy("state of a record", "taken back"),
}
FIELDS: Mapping[str, Any] = {
    "question": gettext_lazy("Question"),
    "record_kind": gettext_lazy("Kind of record"),
}
UNUSUAL: Mapping[str, Any] = {
    NOT_ASSIGNED: gettext_lazy("read by someone who is not assigned"),
    ODD_HOUR: gettext_lazy("read at an odd hour"),
    IN_BULK: gettext_lazy("read with many others within a few minutes"),
    EXPORTED: gettext_lazy("exported"),
    REFUSED: gettext_lazy("an attempt was refused"),
}


def unusual(what: str) -> str:
    """What is unusual about a reading, without saying why it may be."""
    return str(UNUSUAL.get(what, what))


def party(name: str) -> str:
    """A party's name from its id."""
    home = here.home()
    if name == home.party:
        return home.name
    partner = home.partners.get(name)
    return partner.name if partner else name


def clock(at: datetime) -> str:
    """A moment in UTC, isolated from text that runs the other way."""
    return f"\u2066{at.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S UTC')}\u2069"


def standing(line: Line) -> str:
    """How a line is known, as the sentence that people may rely on."""
    own = here.home().name
    logged = _("as logged by %(party)s") % {"party": own}
    if line.way == TOLD:
        told = _("as told by %(party)s, received at %(time)s")
        received = clock(line.received) if line.received else "?"
        logged = told % {"party": party(line.party), "time": received}
    if line.cover is None:
        return _("%(logged)s, not yet cosigned") % {"logged": logged}
    text = _("%(logged)s, cosigned by %(partner)s to %(size)s at %(time)s")
    return text % {
        "logged": logged,
        "partner": party(line.cover.partner),
        "size": f"{line.cover.size:,}",
        "time": clock(line.cover.at),
    }


def acknowledged(line: Line, feed_sizes: dict[str, int]) -> str:
    """Whether a partner's node has confirmed what was given to it."""
    if line.way != GIVEN or line.feed_index is None:
        return ""
    if line.feed_index == LIVE:
        return _("positions flowed live from then on")
    if line.feed_index < 0:
        return _("given in a sealed bundle: it may have been opened since")
    if line.feed_index < feed_sizes.get(line.party, 0):
        return _("its arrival is acknowledged")
    return _("its arrival is not acknowledged yet")


def way(line: Line) -> str:
    """What happened, in a word or two."""
    return {
        READ: _("shown to a person"),
        TOLD: _("shown to a person"),
        GIVEN: _("given to the node of %(party)s") % {"party": party(line.party)},
        TAKEN: _("received by this node"),
    }[line.way]


def gap(found: Gap) -> str:
    """What the list does not reach."""
    name = party(found.party)
    match found.what:
        case "own_originator":
            return _("What %(party)s showed its own people of its own records stands on its own list.") % {
                "party": name
            }
        case "not_told":
            text = _(
                "No clause in force lets the readings of %(party)s cross: whom it showed this is not on the list."
            )
            return text % {"party": name}
        case "told_until":
            text = _("The list of %(party)s is complete up to %(time)s only: that is when it was last heard.")
            return text % {"party": name, "time": clock(found.at) if found.at else "?"}
        case "never_heard":
            text = _(
                "The link to %(party)s was never up: its list is complete only as far as what came by other ways."
            )
            return text % {"party": name}
        case "not_shown":
            return _("You may not read the readings that %(party)s logged: they are left out.") % {
                "party": name
            }
        case "not_known":
            return _("Records that you may not know of are left out.")
    text = _("%(party)s, %(kind)s, %(part)s: shown without a note to %(roles)s, by the clauses in force now.")
    roles = listed(plain(ROLE_NAMES, role) for role in found.roles)
    kind, part = kind_name(found.kind), part_name(found.part)
    return text % {"party": name, "kind": kind, "part": part, "roles": roles}


GAPS = (OWN_ORIGINATOR, NOT_TOLD, TOLD_UNTIL, NEVER_HEARD, NOT_SHOWN, NOT_KNOWN, UNLOGGED)
"""The order in which gaps are told: what concerns whole parties first."""
