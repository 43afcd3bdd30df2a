"""The writer's side of warnings: given once, told to those named, laid on a ladder when nobody acknowledges, run out.

All in one transaction with the version itself. Each party tells and waits for its own people: of an own warning those
whom it names, of the other party's the watch. Nothing here needs the other party's node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from safeconduct.assessment.warning_kinds import MINUTES, RECEIPT, RECEIVED_BY, WARNING
from safeconduct.exchange.cadence import publish_now
from safeconduct.notify.kinds import ESCALATION
from safeconduct.notify.ladder import escalate, escalations, settle
from safeconduct.notify.rota import told_by
from safeconduct.notify.rungs import Rung, Where
from safeconduct.notify.telling import tell
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_recalled, on_received, on_version, on_withdrawn
from safeconduct.records.moments import instant
from safeconduct.records.once import once
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import arm, disarm, timer

LADDERED = {"immediate": True, "soon": False}
"""Urgencies that are laid on a ladder when nobody acknowledges, and whether it climbs beyond the first rung."""
LEAST_SECONDS = 60.0
"""However late a warning arrives, those named have so long before somebody else is told."""
REASON = "warning_unacknowledged"

Answer = dict[str, Any]


class Missing(NamedTuple):
    """Those named for whom nobody has acknowledged yet."""

    roles: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()


@job("warning_give")
def give_job(tx: Tx, payload: Answer) -> Answer:
    """Store a new warning of this party; its author gives the first grade now."""
    subject = tx.subject(payload["actor"])
    parts = {name: dict(part) for name, part in dict(payload["parts"]).items() if part}
    releasable = payload.get("releasable")

    def work() -> tuple[str, int, int]:
        draft = Draft(WARNING.name, parts, state="in_force", releasable=releasable)
        return store(tx, subject, "write", WARNING, draft)

    return once(tx, f"warning\n{subject.person}", str(payload.get("key") or ""), work)


@job("warning_acknowledge")
def acknowledge_job(tx: Tx, payload: Answer) -> Answer:
    """Somebody has taken note, as what records say that he is, and not as what the request says."""
    subject = tx.subject(payload["actor"])
    warning = tx.row(str(payload["warning"]))
    if warning is None or warning.kind != WARNING.name or not tx.knows(subject, warning):
        raise NotFound(str(payload["warning"]))
    if warning.withdrawn:
        raise Malformed("this warning was withdrawn: it is not to be used")
    version = int(payload.get("version") or warning.version)
    receipt = {
        "at": iso(tx.now),
        "by": payload.get("by") or subject.person,
        "text": payload.get("text") or "",
        "roles": sorted(subject.roles),
        "version": min(max(version, 1), warning.version),
    }
    units = subject.units.intersection(_named(tx, warning).units)
    who = {"account": subject.person, "units": sorted(units)}

    def work() -> tuple[str, int, int]:
        draft = Draft(RECEIPT.name, {"receipt": receipt, "who": who}, about=warning.id)
        return store(tx, subject, "acknowledge", RECEIPT, draft)

    return once(tx, f"warning_ack\n{subject.person}\n{warning.id}", str(payload.get("key") or ""), work)


@on_version
def follow_own(tx: Tx, row: RowView, index: int) -> None:
    """Tell those named of an own warning, arm its end, and let the other party have a pressing one at once."""
    if row.kind == WARNING.name:
        _follow(tx, row)
        # What the other party is not to have must not show in its clock: a head between two beats tells of haste.
        if row.version == 1 and _warned(row).get("urgency") == "immediate":
            publish_now(tx, names_in(row.releasable))
    elif row.kind == RECEIPT.name and row.about:
        _follow_receipt(tx, row.about)


@on_received
def follow_received(tx: Tx, row: RowView, index: int) -> None:
    """The other party's warning is for this party's watch too."""
    if row.kind == WARNING.name:
        _follow(tx, row)


@on_withdrawn
@on_recalled
def follow_withdrawn(tx: Tx, row: RowView) -> None:
    """What is not to be used pages nobody, whichever party took it back."""
    if row.kind == WARNING.name:
        _stop(tx, row, "cancelled")


def _warned(row: RowView) -> Answer:
    found: Answer = row.values().get("warning") or {}
    return found


def _ends(row: RowView) -> float:
    return instant(_warned(row)["until"]).timestamp()


def _stands(row: RowView | None) -> bool:
    """Whether a warning is in force as far as its own party has told, and says anything: it may have been erased."""
    return row is not None and row.state not in WARNING.final and not row.withdrawn and bool(_warned(row))


def _named(tx: Tx, row: RowView) -> Missing:
    if row.originator != tx.home.party:
        return Missing(roles=RECEIVED_BY)
    named = row.values().get("named") or {}
    return Missing(*(tuple(named.get(name, ())) for name in Missing._fields))


def missing(tx: Tx, row: RowView) -> Missing:
    """Those named of whom, or for whom, nobody has acknowledged this warning on this node."""
    named, said = (
        _named(tx, row),
        [each.values() for each in tx.rows_about(row.id, RECEIPT.name) if each.originator == tx.home.party],
    )
    roles = {role for each in said for role in (each.get("receipt") or {}).get("roles", ())}
    units = {unit for each in said for unit in (each.get("who") or {}).get("units", ())}
    persons = {(each.get("who") or {}).get("account", "") for each in said}
    return Missing(
        _without(named.roles, roles), _without(named.units, units), _without(named.persons, persons)
    )


def _without(names: Iterable[str], answered: set[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in answered)


def _follow(tx: Tx, row: RowView) -> None:
    if row.state in WARNING.final or row.withdrawn:
        _stop(tx, row, "cancelled")
        return
    if not _warned(row):
        return
    own = row.originator == tx.home.party
    if own:
        arm(tx, _end_key(row.id), _ends(row), "warning_end", {"warning": row.id})
    if _ends(row) <= tx.now:
        return
    waiting = missing(tx, row)
    if not any(waiting) or any(True for _ in escalations(tx, row.id)):
        return
    where = _where(row)
    named = Rung(0.0, waiting.roles, waiting.units, waiting.persons)
    tell(tx, row, told_by(tx, named, frozenset(), where), occasion=row.id)
    arm(tx, _due_key(row.id), _due(row, tx.now), "warning_overdue", {"warning": row.id})


def _due(row: RowView, now: float) -> float:
    warned = _warned(row)
    return max(instant(warned["at"]).timestamp() + 60.0 * MINUTES[warned["urgency"]], now + LEAST_SECONDS)


def _where(row: RowView) -> Where:
    """The site and the district that choose who is on call and which ladder holds, where a warning has only one."""
    places = row.values().get("places") or {}
    sites, districts = places.get("sites", ()), places.get("districts", ())
    return Where(sites[0] if len(sites) == 1 else "", districts[0] if len(districts) == 1 else "")


def _follow_receipt(tx: Tx, record: str) -> None:
    warning = tx.row(record)
    if warning is not None and not any(missing(tx, warning)):
        disarm(tx, _due_key(warning.id))
        _settle(tx, warning.id, "acknowledged")


@timer("warning_overdue")
def overdue(tx: Tx, payload: Answer, due: float) -> None:
    """Not acknowledged in time: a pressing warning climbs a ladder, any other is shown as overdue."""
    row = tx.row(payload["warning"])
    if row is None or not _stands(row) or _ends(row) <= tx.now:
        return
    waiting, urgency = missing(tx, row), _warned(row)["urgency"]
    if not any(waiting) or urgency not in LADDERED or any(True for _ in escalations(tx, row.id)):
        return
    where = _where(row)
    # A step is read more widely than a warning may be: a title that is labelled above it stays in the warning.
    shown = row.level(WARNING.bit("warning")) <= ESCALATION.default_levels()["step"]
    escalate(
        tx,
        row,
        REASON,
        due,
        str(_warned(row).get("title", "")) if shown else "",
        LADDERED[urgency],
        [*waiting.units, *waiting.persons],
        site=where.site,
        district=where.district,
    )


@timer("warning_end")
def run_out(tx: Tx, payload: Answer, due: float) -> None:
    """A warning whose time is over is in force no more."""
    row = tx.row(payload["warning"])
    if row is None or not _stands(row) or _ends(row) > tx.now:
        return
    draft = Draft(WARNING.name, {}, record=row.id, expected=row.version, state="expired")
    store(tx, system_subject(tx.home.party), "write", WARNING, draft)


def _stop(tx: Tx, row: RowView, outcome: str) -> None:
    disarm(tx, _end_key(row.id))
    disarm(tx, _due_key(row.id))
    _settle(tx, row.id, outcome)


def _settle(tx: Tx, record: str, outcome: str) -> None:
    for each in escalations(tx, record):
        if each.state == "raised":
            settle(tx, each, outcome)


def _end_key(record: str) -> str:
    return f"warning/{record}"


def _due_key(record: str) -> str:
    return f"warning_overdue/{record}"
