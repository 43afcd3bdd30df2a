"""The writer's side of what is one act and several records: a notice with its manifest, a plan of legs.

Either all of it is in the ledger, or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.journeys.kinds import HANDOVER, LEG, MANIFEST_ENTRY, MOVEMENT
from safeconduct.journeys.lead import Terms, terms_of
from safeconduct.journeys.underway_course import instant_of
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_withdrawn
from safeconduct.records.kept import partners_in
from safeconduct.records.kinds import Kind
from safeconduct.records.once import once
from safeconduct.records.principals import SYSTEM, system_subject
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso
from safeconduct.records.under import party_under

MAX_MANIFEST = 500
MAX_LEGS = 40
JOINED_SECONDS = 3_600.0
"""How long a journey may wait between two legs."""

Answer = dict[str, Any]


@job("journey_notify")
def notify_job(tx: Tx, payload: Answer) -> Answer:
    """Store a notice and the names on its manifest. A `key` that this person has used before answers what it
    became then: a form that was sent twice is one notice."""
    subject = tx.subject(payload["actor"])
    parts, names = dict(payload["parts"]), list(payload.get("names", ()))
    return once(
        tx,
        f"notice\n{subject.person}",
        str(payload.get("key") or ""),
        lambda: _notify(tx, subject, parts, names),
    )


def _notify(
    tx: Tx, subject: Subject, parts: dict[str, Any], names: Sequence[Mapping[str, Any]]
) -> tuple[str, int, int]:
    checked = MOVEMENT.validate(parts)
    notice = checked.get("notice")
    if notice is None:
        raise Malformed("a movement has its notice")
    if len(names) > min(MAX_MANIFEST, notice["persons"]):
        raise Malformed("more names than persons, or more than a manifest takes")
    terms = _terms(tx, _addressed(tx))
    in_time(terms, notice, tx.now)
    opens = None if notice["emergency"] else terms.opens(checked)
    accounts = sorted({account for each in names if (account := _account(each))})
    draft = Draft(MOVEMENT.name, parts, opens=opens, assigned=accounts or None)
    record, version, index = store(tx, subject, "write", MOVEMENT, draft)
    for each in names:
        _store_name(tx, subject, record, each, opens)
    return record, version, index


@job("journey_amend")
def amend_job(tx: Tx, payload: Answer) -> Answer:
    """Store the next version of a movement; the names on its manifest open when its itinerary does."""
    subject = tx.subject(payload["actor"])
    parts = dict(payload["parts"])
    row = _known(tx, subject, str(payload["movement"]))
    if row.state in MOVEMENT.final:
        raise Malformed("a movement that has ended is not amended")
    checked = MOVEMENT.validate(parts)
    after = {**row.values(), **checked}
    if not after.get("notice"):
        raise Malformed("a movement has its notice")
    terms, opens = _terms(tx, partners_in(row.releasable)), None
    if after["notice"]["emergency"]:
        opens = iso(tx.now) if row.opens is not None else None
    else:
        before = row.values().get("notice") or {}
        if not before or instant_of(after["notice"]["since"]) < instant_of(before["since"]):
            in_time(terms, after["notice"], tx.now)
        opens = terms.opens(after)
    draft = Draft(MOVEMENT.name, parts, record=row.id, expected=int(payload["seen"]), opens=opens)
    record, version, index = store(tx, subject, "write", MOVEMENT, draft)
    if opens is not None:
        for entry in tx.rows_about(record, MANIFEST_ENTRY.name):
            if entry.originator == tx.home.party and entry.opens != instant_of(opens):
                follows = Draft(MANIFEST_ENTRY.name, {}, record=entry.id, expected=entry.version, opens=opens)
                store(tx, system_subject(tx.home.party), "write", MANIFEST_ENTRY, follows)
    return {"record": record, "version": version, "index": index}


@job("journey_name")
def name_job(tx: Tx, payload: Answer) -> Answer:
    """Put one more name on the manifest of an own movement."""
    subject = tx.subject(payload["actor"])
    row = _known(tx, subject, str(payload["movement"]))
    if row.originator != tx.home.party or row.state in MOVEMENT.final or row.withdrawn:
        raise Malformed("names are put on an own movement that has not ended")
    if len(tx.rows_about(row.id, MANIFEST_ENTRY.name)) >= MAX_MANIFEST:
        raise Malformed(f"a manifest has at most {MAX_MANIFEST} names")
    opens = iso(row.opens) if row.opens is not None else None
    record, version, index = _store_name(tx, subject, row.id, dict(payload["parts"]), opens)
    _follow_names(tx, row.id)
    return {"record": record, "version": version, "index": index}


@on_withdrawn
def unname(tx: Tx, row: RowView) -> None:
    """Who was named by an entry that is withdrawn, and by no other, sees nothing of the journey any more."""
    if row.kind == MANIFEST_ENTRY.name:
        _follow_names(tx, row.about, names_in(row.assigned))


@job("journey_legs")
def legs_job(tx: Tx, payload: Answer) -> Answer:
    """Store a plan of legs, with a handover where two units meet. It replaces the plan there was: legs are amended
    by their number, those no longer in it are cancelled, and what is as it was stays untouched."""
    subject = tx.subject(payload["actor"])
    movement = _known(tx, subject, str(payload["movement"]))
    if movement.state in MOVEMENT.final or movement.withdrawn:
        raise Malformed("a movement that has ended is not escorted")
    plans = [LEG.validate({**each, "course": {**each["course"], "sequence": number}})
             for number, each in enumerate(payload["legs"], 1)]  # fmt: skip
    joined_up(plans)
    present = {
        row.values()["course"]["sequence"]: row
        for row in tx.rows_about(movement.id, LEG.name)
        if row.originator == tx.home.party and row.state != "cancelled" and row.values().get("course")
    }
    if len(plans) < max((n for n, row in present.items() if row.state != "assigned"), default=0):
        raise Malformed("a leg that has begun is not taken out of the plan")
    records = [
        _store_leg(tx, subject, movement, present.get(number), plan) for number, plan in enumerate(plans, 1)
    ]
    for number, row in present.items():
        if number > len(plans):
            draft = Draft(LEG.name, {}, record=row.id, expected=row.version, state="cancelled")
            store(tx, subject, "command", LEG, draft)
    for (first, second), record in zip(pairwise(plans), records, strict=False):
        _store_handover(tx, subject, record, first, second)
    return {"legs": records}


def in_time(terms: Terms, notice: Mapping[str, Any], now: float) -> None:
    """Raises Malformed for a notice given later than a clause asks, unless it says that it is an emergency."""
    if not notice["emergency"] and terms.late(notice["since"], now):
        raise Malformed(
            f"a movement is notified {terms.lead_hours} hours ahead ({terms.lead_clause}); "
            "one that cannot wait is marked as an emergency"
        )


def joined_up(plans: Sequence[Mapping[str, Any]]) -> None:
    """Raises Malformed unless each leg begins where and when the one before it ends."""
    if not 0 < len(plans) <= MAX_LEGS:
        raise Malformed(f"a plan has 1 to {MAX_LEGS} legs")
    for plan in plans:
        if not plan.get("course") or not plan.get("duty"):
            raise Malformed("a leg has a course and a unit that is answerable")
    for first, second in pairwise(plan["course"] for plan in plans):
        number = second["sequence"]
        if first["to_place"].casefold() != second["from_place"].casefold():
            raise Malformed(f"leg {number} begins where leg {number - 1} ends")
        wait = instant_of(second["depart"]) - instant_of(first["arrive"])
        if not 0 <= wait <= JOINED_SECONDS:
            raise Malformed(f"leg {number} begins when leg {number - 1} ends, or within the hour after")


def _terms(tx: Tx, parties: Iterable[str]) -> Terms:
    """What the clauses ask of a movement that these parties are told of; of another's agreement it knows nothing."""
    return terms_of(tx.policy, tx.home.party, parties)


def _addressed(tx: Tx) -> list[str]:
    party = party_under(tx.home, tx.under) if tx.under else None
    return [party] if party is not None else list(tx.home.partners)


def _known(tx: Tx, subject: Subject, record: str) -> RowView:
    row = tx.row(record)
    if row is None or row.kind != MOVEMENT.name:
        raise NotFound(record[:64])
    if subject.person != SYSTEM and not tx.policy.mask(subject, "read", tx.item(row), tx.now):
        raise NotFound(row.id)
    return row


def _account(name: Mapping[str, Any]) -> str:
    return str((name.get("link") or {}).get("account") or "")


def _store_name(
    tx: Tx, subject: Subject, movement: str, parts: Mapping[str, Any], opens: str | None
) -> tuple[str, int, int]:
    account = _account(parts)
    draft = Draft(
        MANIFEST_ENTRY.name, dict(parts), about=movement, opens=opens, assigned=[account] if account else None
    )
    return store(tx, subject, "write", MANIFEST_ENTRY, draft)


def _follow_names(tx: Tx, movement: str, gone: frozenset[str] = frozenset()) -> None:
    """Whoever stands on the manifest with an account sees the journey; those `gone` from it do not."""
    row = tx.row(movement)
    if row is None or row.originator != tx.home.party or row.withdrawn:
        return
    entries = [each for each in tx.rows_about(row.id, MANIFEST_ENTRY.name) if each.state != "removed"]
    standing = {
        name for each in entries if each.originator == row.originator for name in names_in(each.assigned)
    }
    assigned = (names_in(row.assigned) - gone) | standing
    if assigned != names_in(row.assigned):
        draft = Draft(MOVEMENT.name, {}, record=row.id, expected=row.version, assigned=sorted(assigned))
        store(tx, system_subject(tx.home.party), "write", MOVEMENT, draft)


def _store_leg(
    tx: Tx, subject: Subject, movement: RowView, row: RowView | None, plan: Mapping[str, Any]
) -> str:
    assigned = [plan["duty"]["unit"]]
    if row is None:
        draft = Draft(LEG.name, plan, about=movement.id, assigned=assigned)
    else:
        values = row.values()
        changed = {name: part for name, part in plan.items() if part != values.get(name)}
        if not changed:
            return row.id
        if row.state == "completed":
            raise Malformed("a leg that is over is not changed")
        draft = Draft(LEG.name, changed, record=row.id, expected=row.version, assigned=assigned)
    return store(tx, subject, "command", LEG, draft)[0]


def _store_handover(
    tx: Tx, subject: Subject, leg: str, first: Mapping[str, Any], second: Mapping[str, Any]
) -> None:
    """The handover at the end of a leg; one that was given or taken stays as it was."""
    units = [first["duty"]["unit"], second["duty"]["unit"]]
    point = {
        "to_leg": second["course"]["sequence"],
        "from_unit": units[0],
        "to_unit": units[1],
        "place": first["course"].get("handover_place") or first["course"]["to_place"],
        "due": first["course"]["arrive"],
    }
    rows = [row for row in tx.rows_about(leg, HANDOVER.name) if row.originator == tx.home.party]
    row = rows[-1] if rows else None
    if row is not None and (row.state != "due" or row.values().get("point") == point):
        return
    draft = (
        Draft(HANDOVER.name, {"point": point}, about=leg, assigned=units)
        if row is None
        else Draft(HANDOVER.name, {"point": point}, record=row.id, expected=row.version, assigned=units)
    )
    kind: Kind = HANDOVER
    store(tx, subject, "command", kind, draft)
