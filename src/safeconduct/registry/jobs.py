"""What the registry asks of the writer in one transaction: an arrival that closes the stay before it, a person
who leaves, two records of one person joined by somebody's word, an answer that changes its grievance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_received, on_version
from safeconduct.records.moments import MomentRefused
from safeconduct.records.principals import SYSTEM, system_subject
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx
from safeconduct.registry.kinds import ANSWER, ANSWER_NOTICE, APPEAL, GRIEVANCE, HEADCOUNT, PERSON, PRESENCE
from safeconduct.registry.stays import StayAt, open_stay, seconds

Answer = dict[str, Any]
ANSWERABLE = (GRIEVANCE.name, APPEAL.name)


def _given(payload: Mapping[str, Any], *names: str) -> list[str]:
    found = [payload.get(name) for name in names]
    if not all(isinstance(value, str) for value in found):
        raise Malformed(f"this needs {', '.join(names)}")
    return [str(value) for value in found]


def _moment(text: str) -> float:
    try:
        return seconds(text)
    except MomentRefused as fault:
        raise Malformed(str(fault)) from None


def _own(tx: Tx, subject: Subject, record: str, kind: str) -> RowView:
    """An own record of a kind that the subject may know of. Raises NotFound for anything else."""
    row = tx.row(record)
    if row is None or row.kind != kind or row.originator != tx.home.party:
        raise NotFound(record)
    if subject.person != SYSTEM and not tx.policy.mask(subject, "read", tx.item(row), tx.now):
        raise NotFound(record)
    return row


def _expect(row: RowView, payload: Mapping[str, Any]) -> None:
    if payload.get("seen") not in (None, row.version):
        raise Conflict(row.version)


def _close(tx: Tx, subject: Subject, stay: StayAt, until: str) -> int:
    value = stay.row.values()["stay"] | {"until": until}
    draft = Draft(
        PRESENCE.name, {"stay": value}, record=stay.row.id, expected=stay.row.version, state="departed"
    )
    return store(tx, subject, "write", PRESENCE, draft)[2]


@job("registry_arrive")
def arrive_job(tx: Tx, payload: Answer) -> Answer:
    """Payload: actor, person, site, since; `external`. A stay elsewhere ends when this one begins."""
    subject = tx.subject(payload["actor"])
    person, site, since = _given(payload, "person", "site", "since")
    row = _own(tx, subject, person, "person")
    _own(tx, subject, site, "site")
    begins = _moment(since)
    if row.state == "departed":
        raise Malformed("this person has left; enter them as there again first")
    current = open_stay(tx, person)
    closed = ""
    if current is not None and current.site == site and current.since <= begins:
        return {"record": current.row.id, "version": current.row.version, "index": current.row.ledger_index}
    if current is not None and current.since < begins:
        _close(tx, subject, current, since)
        closed = current.row.id
    record, version, index = _stay(tx, subject, row, {"site": site, "since": since}, payload)
    return {"record": record, "version": version, "index": index, "closed": closed}


@job("registry_stay")
def stay_job(tx: Tx, payload: Answer) -> Answer:
    """A stay that is over already. Payload: actor, person, site, since, until; `external`."""
    subject = tx.subject(payload["actor"])
    person, site, since, until = _given(payload, "person", "site", "since", "until")
    row = _own(tx, subject, person, "person")
    _own(tx, subject, site, "site")
    stay = {"site": site, "since": since, "until": until}
    record, version, index = _stay(tx, subject, row, stay, payload)
    return {"record": record, "version": version, "index": index}


def _stay(
    tx: Tx, subject: Subject, person: RowView, stay: dict[str, str], payload: Mapping[str, Any]
) -> tuple[str, int, int]:
    """Store a new stay; whoever may see what is held on the person may see it too."""
    if payload.get("external"):
        stay["external"] = str(payload["external"])
    draft = Draft(
        PRESENCE.name,
        {"stay": stay},
        about=person.id,
        state="departed" if stay.get("until") else "arrived",
        releasable=(),
        assigned=sorted(names_in(person.assigned)),
    )
    return store(tx, subject, "write", PRESENCE, draft)


@job("registry_depart")
def depart_job(tx: Tx, payload: Answer) -> Answer:
    """Payload: actor, person, until. Raises Malformed for a person who is nowhere."""
    subject = tx.subject(payload["actor"])
    person, until = _given(payload, "person", "until")
    _own(tx, subject, person, "person")
    current = open_stay(tx, person)
    if current is None:
        raise Malformed("this person is not registered as present anywhere")
    if _moment(until) < current.since:
        raise Malformed("a departure is not before the arrival")
    index = _close(tx, subject, current, until)
    return {"record": current.row.id, "version": current.row.version + 1, "index": index}


@job("registry_leave")
def leave_job(tx: Tx, payload: Answer) -> Answer:
    """The person leaves for good: the open stay ends and the person's record with it. Payload: actor, person,
    until, seen."""
    subject = tx.subject(payload["actor"])
    person, until = _given(payload, "person", "until")
    row = _own(tx, subject, person, "person")
    _expect(row, payload)
    current = open_stay(tx, person)
    if current is not None:
        if _moment(until) < current.since:
            raise Malformed("a departure is not before the arrival")
        _close(tx, subject, current, until)
    draft = Draft(PERSON.name, {}, record=person, expected=row.version, state="departed")
    _, version, index = store(tx, subject, "write", PERSON, draft)
    return {"record": person, "version": version, "index": index}


@job("registry_same_person")
def same_person_job(tx: Tx, payload: Answer) -> Answer:
    """Somebody says that `duplicate` is the person of `keep`, and why. The duplicate ends and names the record
    to use; where the duplicate is present and the other nowhere, the other is present there from `at` on.

    Payload: actor, keep, duplicate, reason, at, seen. Nothing of the duplicate is copied into the other record.
    """
    subject = tx.subject(payload["actor"])
    keep, duplicate, reason, at = _given(payload, "keep", "duplicate", "reason", "at")
    kept, other = _own(tx, subject, keep, "person"), _own(tx, subject, duplicate, "person")
    _expect(other, payload)
    if keep == duplicate or not reason.strip():
        raise Malformed("two records and a reason are needed")
    if kept.state == "departed" or other.values().get("link", {}).get("same_as"):
        raise Malformed("one of the records is not in use any more")
    stay = open_stay(tx, duplicate)
    if stay is not None:
        moment = at if _moment(at) > stay.since else stay.row.values()["stay"]["since"]
        _close(tx, subject, stay, moment)
        if open_stay(tx, keep) is None:
            arrival = {"actor": payload["actor"], "person": keep, "site": stay.site, "since": moment}
            arrive_job(tx, arrival)
    link = {**other.values().get("link", {}), "same_as": keep, "reason": reason}
    draft = Draft(PERSON.name, {"link": link}, record=duplicate, expected=other.version, state="departed")
    _, version, index = store(tx, subject, "write", PERSON, draft)
    return {"record": duplicate, "version": version, "index": index}


@job("registry_other_person")
def other_person_job(tx: Tx, payload: Answer) -> Answer:
    """Somebody says that two like records are two people: neither is suggested for the other again."""
    subject = tx.subject(payload["actor"])
    one, other = _given(payload, "one", "other")
    if one == other:
        raise Malformed("a person is not somebody else")
    answer: Answer = {}
    for record, than in ((one, other), (other, one)):
        row = _own(tx, subject, record, "person")
        link = row.values().get("link", {})
        others = sorted({*link.get("other_than", ()), than})
        draft = Draft(
            PERSON.name, {"link": {**link, "other_than": others}}, record=record, expected=row.version
        )
        _, version, index = store(tx, subject, "write", PERSON, draft)
        answer = {"record": record, "version": version, "index": index}
    return answer


@job("registry_headcount")
def headcount_job(tx: Tx, payload: Answer) -> Answer:
    """A figure for a site: the next version of the one that this party has on the same basis.

    Payload: actor, site, figure. Raises Malformed for a figure older than the one on record.
    """
    subject = tx.subject(payload["actor"])
    (site,) = _given(payload, "site")
    figure = HEADCOUNT.validate({"figure": payload.get("figure")})["figure"]
    row = tx.row(site)
    if row is None or row.kind != "site" or figure is None:
        raise NotFound(site)
    if subject.person != SYSTEM and not tx.policy.mask(subject, "read", tx.item(row), tx.now):
        raise NotFound(site)
    parts = {"figure": figure}
    for known in tx.rows_about(site, "headcount"):
        before = known.values().get("figure")
        if known.originator != tx.home.party or not before or before["basis"] != figure["basis"]:
            continue
        if seconds(before["as_of"]) > seconds(figure["as_of"]):
            raise Malformed("a later count is on record already")
        draft = Draft(HEADCOUNT.name, parts, record=known.id, expected=known.version)
        break
    else:
        draft = Draft(HEADCOUNT.name, parts, about=site)
    record, version, index = store(tx, subject, "write", HEADCOUNT, draft)
    return {"record": record, "version": version, "index": index}


@job("registry_answer")
def answer_job(tx: Tx, payload: Answer) -> Answer:
    """Answer a grievance or an appeal; an own one is answered thereby. Payload: actor, grievance, reply."""
    subject = tx.subject(payload["actor"])
    (grievance,) = _given(payload, "grievance")
    row = tx.row(grievance)
    if row is None or row.kind not in ANSWERABLE:
        raise NotFound(grievance)
    if subject.person != SYSTEM and not tx.policy.mask(subject, "read", tx.item(row), tx.now):
        raise NotFound(grievance)
    if row.state in ("closed", "decided"):
        raise Malformed("this grievance is closed")
    own = row.originator == tx.home.party
    draft = Draft(
        ANSWER.name,
        {"reply": payload.get("reply")},
        about=grievance,
        assigned=sorted(names_in(row.assigned)) if own else None,
    )
    record, version, index = store(tx, subject, "write", ANSWER, draft)
    if own:
        _answered(tx, row)
    return {"record": record, "version": version, "index": index}


@on_received
def _answered_by_the_other_party(tx: Tx, row: RowView, index: int) -> None:
    if row.kind != ANSWER.name or not row.about or row.withdrawn:
        return
    asked = tx.row(row.about)
    if asked is not None and asked.kind in ANSWERABLE and asked.originator == tx.home.party:
        _tell(tx, asked, row)
        _answered(tx, asked)


def _tell(tx: Tx, asked: RowView, answer: RowView) -> None:
    """Whoever raised it may read the other party's answer, as far as a clause says so."""
    told = {
        (each.values().get("to") or {}).get("account")
        for each in tx.rows_about(answer.id, ANSWER_NOTICE.name)
    }
    for person in sorted(names_in(asked.assigned) - told):
        draft = Draft(ANSWER_NOTICE.name, {"to": {"account": person}}, about=answer.id, releasable=())
        store(tx, system_subject(tx.home.party), "write", ANSWER_NOTICE, draft)


@on_version
def _appealed(tx: Tx, row: RowView, index: int) -> None:
    """An appeal reopens the grievance that it is about."""
    if row.kind != APPEAL.name or row.state != "open" or row.withdrawn:
        return
    grievance = tx.row(row.about)
    if grievance is not None and grievance.state == "answered":
        _move(tx, grievance, "appealed")


def _answered(tx: Tx, asked: RowView) -> None:
    """The state follows from the answer: the node itself says so, whoever gave the answer."""
    if asked.withdrawn:
        return
    if asked.kind == APPEAL.name:
        if asked.state == "open":
            _move(tx, asked, "decided")
        grievance = tx.row(asked.about)
        if grievance is not None and grievance.state == "appealed":
            _move(tx, grievance, "answered")
    elif asked.state == "open":
        _move(tx, asked, "answered")


def _move(tx: Tx, row: RowView, state: str) -> None:
    kind = APPEAL if row.kind == APPEAL.name else GRIEVANCE
    draft = Draft(kind.name, {}, record=row.id, expected=row.version, state=state)
    store(tx, system_subject(tx.home.party), "write", kind, draft)
