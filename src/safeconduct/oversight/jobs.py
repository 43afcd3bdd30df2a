"""What oversight asks of the writer, which alone may open the ledger: its head, its entries, verification."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import Any

from safeconduct.agreement.policy import Policy, Subject, under_each
from safeconduct.exchange import view
from safeconduct.exchange.joined import waits
from safeconduct.exchange.state import State
from safeconduct.oversight import verification
from safeconduct.records.hooks import job
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.transaction import Tx
from safeconduct.records.under import parties_of, within_which

MOST = 200
LOOK_BACK = 5_000
"""Entries looked through by one call: the writer has other work waiting."""

MANY_RECORDS = 500
RECALLS = ("withdraw", "erase")
WHO_KNEW = "who_knew"
"""What a reading names as shown when somebody looked at the list of who knew of a record."""


def may_audit(policy: Policy, subject: Subject) -> bool:
    """Whether some rule in force lets the subject read who was shown what: the auditor's right."""
    return subject.person == SYSTEM or bool(policy.entries(subject, "read", "reading"))


def may_oversee(policy: Policy, subject: Subject) -> bool:
    """Whether the subject may see how ledger and links are: auditors, who may read the agreement, and
    administrators, who see to it that both work. None of it tells of a record."""
    reads_agreement = bool(policy.entries(subject, "read", "clause"))
    return may_audit(policy, subject) or reads_agreement or "administrator" in subject.roles


def overseen(policy: Policy, subject: Subject) -> frozenset[str] | None:
    """The parties of which the subject oversees the links and what they hold; None for all of them. How many entries
    went to a partner tells how busy it is."""
    if not subject.limited:
        return None
    overseeing = [r for r in subject.roles if may_oversee(policy, subject._replace(roles=frozenset({r})))]
    return parties_of(subject, overseeing)


def require_auditor(policy: Policy, subject: Subject) -> None:
    """Raises Refused, with the rules not in force that would allow it."""
    if may_audit(policy, subject):
        return
    would = {
        row.grant: row.status
        for role in subject.roles
        for row in policy.explain(subject.party, role, "read", "reading", pending=True)
        if row.status != "agreed"
    }
    attempt = {"person": subject.person, "act": "read", "kind": "reading"}
    raise Refused(
        "reading the ledger's entries needs the right to read readings", tuple(would.items()), attempt
    )


def _overseer(tx: Tx, payload: Mapping[str, Any]) -> Subject:
    subject = actor_of(tx, payload)
    if not may_oversee(tx.policy, subject):
        raise NotFound
    return subject


def actor_of(tx: Tx, payload: Mapping[str, Any]) -> Subject:
    """Who asks, with the roles that records give them now. Raises Malformed where nobody is named."""
    actor = payload.get("actor")
    if not isinstance(actor, Mapping) or "person" not in actor:
        raise Malformed("a job of oversight names its actor")
    return tx.subject(actor)


@job("ledger_head")
def head_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Size and root (hex) of the ledger at this moment."""
    _overseer(tx, payload)
    return {"size": tx.log.size, "root": tx.log.root().hex(), "origin": tx.log.origin}


@job("verify")
def verify_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Begin a verification (no `run`) or go on with one by a slice. Raises NotFound for an unknown run."""
    _overseer(tx, payload)
    name = str(payload.get("run") or "")
    run = verification.find(name) if name else verification.begin(tx)
    if run is None:
        raise NotFound(name)
    if name and not run.finished:
        verification.advance(tx, run)
    return {
        "run": run.id,
        "done": run.frontier.size,
        "size": run.size,
        "finished": run.finished,
        "broken": run.broken,
        "why": run.why,
        "root": run.frontier.root().hex(),
        "seconds": run.seconds,
        "anchors": [[a.partner, a.size] for a in run.anchors],
    }


@job("ledger_entries")
def entries_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Entries by index, type and time, newest first, without content. Payload: actor, before, type, limit.

    For auditors. `looked_to` is how far back this call looked; 0 means to the beginning.
    """
    require_auditor(tx.policy, actor_of(tx, payload))
    wanted = str(payload.get("type") or "")
    found, looked_to = _look_back(tx, payload, wanted)
    rows = [[index, header["type"], header.get("at", "")] for index, header in found]
    return {"entries": rows, "looked_to": looked_to, "size": tx.log.size}


@job("refusals")
def refusals_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Refused attempts, newest first: who asked for what, why not, what would have allowed it. For auditors; to one who
    is limited to some agreements, those on records that they may know of."""
    subject = actor_of(tx, payload)
    require_auditor(tx.policy, subject)
    found, looked_to = _look_back(tx, payload, "refusal")
    if within_which(tx.policy, subject, "read", "reading") is not None:
        found = [each for each in found if _knows_of(tx, subject, str(each[1].get("record", "")))]
    kept = ("at", "person", "act", "kind", "record", "reason", "would")
    rows = [{"index": i, **{name: header.get(name, "") for name in kept}} for i, header in found]
    return {"refusals": rows, "looked_to": looked_to}


def _knows_of(tx: Tx, subject: Subject, record: str) -> bool:
    row = tx.row(record) if record else None
    return row is not None and tx.knows(subject, row)


def _look_back(
    tx: Tx, payload: Mapping[str, Any], wanted: str
) -> tuple[list[tuple[int, dict[str, Any]]], int]:
    try:
        before = int(payload.get("before") or tx.log.size)
        limit = min(MOST, max(1, int(payload.get("limit") or 50)))
    except (TypeError, ValueError) as fault:
        raise Malformed("before and limit are numbers") from fault
    end = max(0, min(before, tx.log.size))
    start = max(0, end - LOOK_BACK)
    found: list[tuple[int, dict[str, Any]]] = []
    while end > start:
        first = max(start, end - MOST)
        for entry in reversed(tx.log.entries(first, end)):
            header = json.loads(entry.leaf)
            if not wanted or header["type"] == wanted:
                found.append((entry[0], header))
                if len(found) == limit:
                    return found, entry[0]
        end = first
    return found, start


@job("preview")
def preview_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """What of an own record would leave for a partner now, by name; its content is for release() to show.

    Raises NotFound for a record that the actor may not know of, and for a partner that is none.
    """
    subject = actor_of(tx, payload)
    row = tx.row(str(payload.get("record")))
    partner = tx.home.partners.get(str(payload.get("partner")))
    if row is None or partner is None or row.originator != tx.home.party:
        raise NotFound(str(payload.get("record")))
    if not tx.knows(subject, row):
        raise NotFound(row.id)
    item = view.outward(tx.tables, row, partner.party)
    authorised = view.authorised_there(tx.tables, tx.policy, row, partner, tx.now)
    held_back = State(tx.db).held_back(row.id)
    found = view.preview(tx.policy, row, partner, tx.home.party, tx.now, held_back, item, authorised)
    if waits(tx, row, partner):
        found = None
    stays = view.withheld_all(tx.policy, row, partner, tx.now) if found is None else found.withheld
    withheld = [[w.part, w.reason, [list(pair) for pair in w.would]] for w in stays]
    if found is None:
        return {"leaves": False, "withheld": withheld}
    return {
        "leaves": True,
        "parts": list(found.parts),
        "levels": dict(found.levels),
        "label": found.label,
        "state": found.state,
        "at": found.at,
        "clauses": list(found.clauses),
        "withheld": withheld,
    }


@job("may_know")
def may_know_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Of these own records, those the actor may know of: kind, and the parts they may withdraw and erase."""
    subject = actor_of(tx, payload)
    records = payload.get("records")
    if not isinstance(records, list) or len(records) > MANY_RECORDS:
        raise Malformed(f"at most {MANY_RECORDS} records")
    known: dict[str, dict[str, Any]] = {}
    for record in dict.fromkeys(map(str, records)):
        row = tx.row(record)
        if row is None or row.originator != tx.home.party:
            continue
        item = tx.item(row)
        if not tx.knows(subject, row):
            continue
        names = tx.policy.vocabulary.kinds[row.kind].parts
        each = under_each(subject, item)
        open_to = {
            act: reduce(and_, (tx.policy.mask(subject, act, one, tx.now) for one in each), row.present)
            for act in RECALLS
        }
        may = {act: [n for bit, n in enumerate(names) if mask >> bit & 1] for act, mask in open_to.items()}
        known[record] = {"kind": row.kind, "withdrawn": bool(row.withdrawn), **may}
    return {"known": known}
