"""How an incident came to be known as it is: when it began, each version, each claim, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from safeconduct.incidents import words
from safeconduct.incidents.figures import Interval
from safeconduct.records.history import VersionMark
from safeconduct.records.moments import instant, is_day
from safeconduct.records.release import Released


@dataclass(frozen=True)
class Event:
    """One line of the timeline. `weight` is "major" or "alert" or "" (frontend/src/css/records.css)."""

    at: datetime
    precision: str
    text: str | Promise
    originator: str = ""
    weight: str = ""


def timeline(found: Released, versions: Iterable[VersionMark], claims: Iterable[Released]) -> list[Event]:
    """Events in order of time; only what the reader was given."""
    events = [_committed(mark, found) for mark in versions]
    for name, text, weight in (
        ("start", _("The incident begins"), "alert"),
        ("end", _("The incident ends"), ""),
    ):
        if moment := found.parts.get("when", {}).get(name):
            events.append(Event(instant(moment), "day" if is_day(moment) else "minute", text, weight=weight))
    events += [_claimed(claim) for claim in claims]
    return sorted(events, key=lambda event: event.at)


def _committed(mark: VersionMark, found: Released) -> Event:
    if mark.version == 1:
        return Event(mark.at, found.at_precision, _("Reported"), found.originator, "major")
    said = {"withdraw": gettext("Withdrawn"), "erase": gettext("Parts erased")}.get(mark.act)
    return Event(
        mark.at,
        found.at_precision,
        said or gettext("Version %(number)s") % {"number": mark.version},
        found.originator,
    )


def _apart(text: str) -> str:
    """Text in its own direction of writing (Unicode isolates), whatever the language around it."""
    return f"\u2068{text}\u2069"


def _claimed(claim: Released) -> Event:
    source, figure = claim.parts.get("source", {}), claim.parts.get("figure")
    outlet = _apart(source.get("outlet") or gettext("a source that is withheld"))
    told = {"outlet": outlet, "what": words.word(words.MEASURED, figure["what"]) if figure else ""}
    if claim.state == "retracted":
        text = gettext("Claim retracted: %(outlet)s") % told
    elif figure:
        told["figure"] = _apart(Interval.of(figure).text)
        text = gettext("Claim by %(outlet)s: %(what)s %(figure)s") % told
    else:
        text = gettext("Statement by %(outlet)s") % told
    published = source.get("published")
    if published:
        return Event(instant(published), "day" if is_day(published) else "minute", text, claim.originator)
    return Event(claim.at, claim.at_precision, text, claim.originator)
