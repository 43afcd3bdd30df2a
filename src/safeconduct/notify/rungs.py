"""Which ladder holds: the most specific record for the site, district and kind, else the node's setting.

`ladder` in node.toml says otherwise than the default, `ladder_sos` for an SOS and whatever else may be a call for
help, `ladder_warning` for a warning that nobody acknowledges, for example

    ladder = [{ after_minutes = 0, roles = ["security_manager", "duty_bearer"] },
              { after_minutes = 15, roles = ["watch_officer", "coordinator"] }]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from safeconduct.agreement.vocabulary import ROLES
from safeconduct.notify.kinds import DUTY_BEARER, LADDER, LONGEST, MAX_RUNGS
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.own import own_rows
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx


@dataclass(frozen=True)
class Rung:
    """Who is told, so many seconds after the ladder began, and over which channels (none: as each prefers)."""

    after: float
    roles: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


DEFAULT = (
    Rung(0, ("security_manager", DUTY_BEARER)),
    Rung(600, ("watch_officer",)),
    Rung(1200, ("coordinator", "commander")),
    Rung(1800, ("signatory",)),
)
SOS_DEFAULT = (
    Rung(0, ("watch_officer", "security_manager", DUTY_BEARER)),
    Rung(60, ("coordinator", "security_officer")),
    Rung(180, ("commander", "liaison")),
    Rung(600, ("signatory",)),
)
WARNING_DEFAULT = (
    Rung(0, ("watch_officer", DUTY_BEARER)),
    Rung(600, ("coordinator", "security_officer")),
    Rung(1200, ("commander", "security_manager")),
)
URGENT = ("sos", "roll_entry", "alert_acknowledgement", "muster", "alert")
"""Kinds by which a person may be asking for help: their ladders begin with the watch floor."""
CALLS_FOR_HELP = frozenset({"sos", "roll_entry", "alert_acknowledgement"})
"""Kinds by which somebody has asked for help when a ladder is climbed about one."""
SETTINGS: Mapping[str, tuple[str, Sequence[Rung]]] = {
    **dict.fromkeys(URGENT, ("ladder_sos", SOS_DEFAULT)),
    "warning": ("ladder_warning", WARNING_DEFAULT),
}
"""By kind, the setting in node.toml and what holds without it; every other kind has `ladder`."""


class Ladder(NamedTuple):
    """The rungs, and the record they stand in ("" for the node's setting)."""

    record: str
    rungs: Sequence[Rung]


class Where(NamedTuple):
    """What of a record chooses its ladder and who is on call for it."""

    site: str = ""
    district: str = ""


def rungs(home: Home, kind: str = "movement") -> Sequence[Rung]:
    """The ladder of a node for a kind. A setting that is none is told of in the log, and the default holds."""
    setting, default = SETTINGS.get(kind, ("ladder", DEFAULT))
    given = home.settings.get(setting)
    if given is None:
        return default
    try:
        return _checked(given)
    except (KeyError, TypeError, ValueError) as fault:
        log_event("setting_wrong", fault=fault, setting=setting)
        return default


def _checked(given: Any) -> Sequence[Rung]:
    found = [Rung(60.0 * float(each["after_minutes"]), tuple(each["roles"])) for each in given]
    if not 0 < len(found) <= MAX_RUNGS:
        raise ValueError(f"a ladder has 1 to {MAX_RUNGS} rungs")
    for rung in found:
        unknown = set(rung.roles) - {*ROLES, DUTY_BEARER}
        if unknown or not rung.roles:
            raise ValueError(f"no such roles: {', '.join(sorted(unknown)) or 'none at all'}")
    pauses = [rung.after for rung in found]
    if pauses != sorted(set(pauses)) or not 0 <= pauses[0] <= pauses[-1] <= LONGEST:
        raise ValueError("each rung is later than the one before, none later than a week")
    return tuple(found)


def where_of(row: RowView) -> Where:
    """The site and district that a record names in the part at its head."""
    head: Mapping[str, Any] = next((part for part in row.values().values() if part), {})
    site, district = head.get("site"), head.get("district") or head.get("origin_district")
    return Where(
        site if isinstance(site, str) else "",
        district if isinstance(district, str) else "",
    )


def is_exercise(row: RowView) -> bool:
    """Whether a record says of itself that it is an exercise (or a test, as CAP calls it)."""
    for part in row.values().values():
        if part and (part.get("exercise") is True or part.get("status") in ("exercise", "test")):
            return True
    return False


def ladder_for(tx: Tx, kind: str, where: Where) -> Ladder:
    """The ladder that holds for a record of this kind there: of those in force the one that says the most (a site
    outweighs a district, a district a kind), and of two alike the later one."""
    best: tuple[int, float, RowView] | None = None
    for row in own_rows(tx, LADDER.name, states=("in_force",)):
        scope = row.values().get("scope") or {}
        wanted = (scope.get("kind", ""), scope.get("district", ""), scope.get("site", ""))
        given = (kind, where.district, where.site)
        if any(want and want != have for want, have in zip(wanted, given, strict=True)):
            continue
        weight = sum(2**place for place, want in enumerate(wanted) if want)
        if best is None or (weight, row.at) >= best[:2]:
            best = (weight, row.at, row)
    if best is None:
        return Ladder("", rungs(tx.home, kind))
    return Ladder(best[2].id, _steps(best[2]))


def ladder_again(tx: Tx, kind: str, record: str) -> Ladder:
    """The ladder that was begun, as it is now: an amendment holds from the next rung on, and a ladder that was ended
    meanwhile is still climbed by what had begun."""
    row = tx.row(record) if record else None
    found = _steps(row) if row is not None and row.kind == LADDER.name else ()
    return Ladder(record, found) if found else Ladder("", rungs(tx.home, kind))


def _steps(row: RowView) -> Sequence[Rung]:
    steps = (row.values().get("steps") or {}).get("steps") or ()
    return tuple(
        Rung(
            float(step["after_seconds"]),
            tuple(step.get("roles", ())),
            tuple(step.get("units", ())),
            tuple(step.get("persons", ())),
            tuple(step.get("channels", ())),
        )
        for step in steps
    )
