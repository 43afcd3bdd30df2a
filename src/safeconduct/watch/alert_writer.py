"""The writer's side of alerts: issued, updated, cancelled, expired, answered; who is paged of each version.

All of it in one transaction with the version itself: the timer of its expiry, the list of those who are to be paged,
the answer and the ladder that a call for help begins. Pages go out in handfuls, so that nothing waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.cadence import publish_now
from safeconduct.geo.sphere import GeometryError
from safeconduct.notify.ladder import escalate, escalations, settle
from safeconduct.notify.rota import Told
from safeconduct.notify.telling import tell
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_received, on_start, on_version
from safeconduct.records.moments import instant
from safeconduct.records.once import once
from safeconduct.records.own import own_rows
from safeconduct.records.principals import SYSTEM, system_subject
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import arm, disarm, timer
from safeconduct.watch.alert_audience import reached
from safeconduct.watch.alert_kinds import ALERT, ALERT_ACKNOWLEDGEMENT
from safeconduct.watch.cap import Reference, as_name

HANDFUL = 100
"""Persons whom one turn of the writer pages."""
KEPT_SECONDS = 30 * 86_400.0
"""How long it is remembered whom an alert was for, once it is over."""
LONGEST = 90 * 86_400
"""Seconds for which an alert may be in force."""
AHEAD_SECONDS = 300.0
KEPT_REFERENCES = 50
FOR_OTHERS = frozenset({"warden", "coordinator", "watch_officer", "security_manager", SYSTEM})
"""Roles in which somebody answers for a person who cannot."""

Answer = dict[str, Any]


@on_start
def make_table(tx: Tx) -> None:
    """Those whom an alert is for with the last round that each answered, and those still to be paged of it."""
    tx.db.execute(
        "CREATE TABLE IF NOT EXISTS alert_audience (alert TEXT, person TEXT, account TEXT NOT NULL, "
        "answered INTEGER NOT NULL, PRIMARY KEY (alert, person)) WITHOUT ROWID"
    )
    tx.db.execute(
        "CREATE TABLE IF NOT EXISTS alert_paging (alert TEXT, occasion TEXT, person TEXT, "
        "PRIMARY KEY (alert, occasion, person)) WITHOUT ROWID"
    )


@job("alert_count")
def count_job(tx: Tx, payload: Answer) -> Answer:
    """How many an area reaches among this party's own people: figures, for whoever may write an alert."""
    subject = tx.subject(payload["actor"])
    if subject.person != SYSTEM and not tx.policy.entries(subject, "write", ALERT.name):
        raise Refused("write alert: no grant")
    found = _reached(tx, ALERT.validate({"area": payload["area"]})["area"] or {})
    return {
        "persons": len(found.persons),
        "accounts": len(found.accounts),
        "sites": found.sites,
        "journeys": found.journeys,
    }


def _reached(tx: Tx, area: Answer) -> Any:
    try:
        return reached(tx, area)
    except GeometryError as fault:
        raise Malformed(f"the area cannot be drawn: {fault}") from None


@job("alert_silence")
def silence_job(tx: Tx, payload: Answer) -> Answer:
    """Of how many persons an alert is for, how many have not answered its present round: figures, for whoever may
    write an alert. Who answered without being among them does not make the silent fewer."""
    subject = tx.subject(payload["actor"])
    if subject.person != SYSTEM and not tx.policy.entries(subject, "write", ALERT.name):
        raise Refused("write alert: no grant")
    row = _known(tx, subject, str(payload["alert"]))
    now_round = (row.values().get("message") or {}).get("round", 1)
    persons, silent = tx.db.execute(
        "SELECT count(*), count(CASE WHEN answered < ? THEN 1 END) FROM alert_audience WHERE alert = ?",
        (now_round, row.id),
    ).fetchone()
    return {"persons": persons, "silent": silent}


@job("alert_issue")
def issue_job(tx: Tx, payload: Answer) -> Answer:
    """Store a new alert of this party's own."""
    subject = tx.subject(payload["actor"])
    parts = {name: dict(part) for name, part in dict(payload["parts"]).items() if part}
    if (parts.get("source") or {}).get("agency"):
        raise Malformed("what another agency sent is taken in, not issued")

    def work() -> tuple[str, int, int]:
        message = parts.get("message") or {}
        message |= {"sent": iso(tx.now), "sender": message.get("sender") or tx.home.name, "round": 1}
        if message.get("expires") and not _in_time(message["expires"], tx.now):
            raise Malformed("an alert expires within 90 days, and not before it is sent")
        name = f"{as_name(tx.home.party)}.safeconduct"
        source = {"identifier": str(Reference(name, f"{uuid4().hex}-1", _when(tx.now))), "references": []}
        audience = _audience(tx, parts.get("area") or {})
        whole = {**parts, "message": message, "source": source, "audience": audience}
        return store(tx, subject, "write", ALERT, Draft(ALERT.name, whole, state="issued"))

    return once(tx, f"alert\n{subject.person}", str(payload.get("key") or ""), work)


@job("alert_update")
def update_job(tx: Tx, payload: Answer) -> Answer:
    """The next version of an own alert: another text or area, a longer time, or its cancelling."""
    subject = tx.subject(payload["actor"])
    row = _known(tx, subject, str(payload["alert"]))
    values = row.values()
    if row.originator != tx.home.party or (values.get("source") or {}).get("agency"):
        raise Refused("only who issued an alert updates it")
    if row.state in ALERT.final:
        raise Malformed("this alert is over")
    if payload["seen"] != row.version:
        raise Conflict(row.version)
    parts = {name: dict(part) for name, part in dict(payload.get("parts") or {}).items() if part}
    before, cancelled = values.get("message") or {}, bool(payload.get("cancel"))
    message = {**before, **parts.get("message", {})} if not parts.get("message") else dict(parts["message"])
    message |= {"sent": iso(tx.now), "status": before.get("status", "actual")}
    message["round"] = before.get("round", 1) + bool(payload.get("new_danger") and not cancelled)
    message.setdefault("sender", before.get("sender", ""))
    if not cancelled and not _in_time(message.get("expires", ""), tx.now):
        raise Malformed("an alert expires within 90 days, and not before it is sent")
    source = _next_source(values.get("source") or {}, tx.now)
    whole: dict[str, Any] = {"message": message, "source": source}
    if parts.get("area"):
        whole["area"] = parts["area"]
    if not cancelled:
        whole["audience"] = _audience(tx, whole.get("area") or values.get("area") or {})
    draft = Draft(
        ALERT.name,
        whole,
        record=row.id,
        expected=row.version,
        state="cancelled" if cancelled else "issued",
    )
    record, version, index = store(tx, subject, "write", ALERT, draft)
    return {"record": record, "version": version, "index": index}


def _next_source(source: Answer, now: float) -> Answer:
    last = source.get("identifier", "")
    before = Reference.parse(last)
    stem, _, number = before.identifier.rpartition("-")
    following = str(Reference(before.sender, f"{stem}-{int(number) + 1}", _when(now)))
    return {"identifier": following, "references": [*source.get("references", ()), last][-KEPT_REFERENCES:]}


def _audience(tx: Tx, area: Answer) -> Answer:
    found = _reached(tx, area)
    return {"persons": len(found.persons), "accounts": len(found.accounts), "as_of": iso(tx.now)}


def _in_time(expires: str, now: float) -> bool:
    try:
        return now < instant(expires).timestamp() <= now + LONGEST
    except ValueError:
        return True  # the kind says what is wrong with it


def _when(now: float) -> datetime:
    return datetime.fromtimestamp(int(now), UTC)


def _known(tx: Tx, subject: Subject, record: str) -> RowView:
    row = tx.row(record)
    seen = row is not None and tx.knows(subject, row)
    if row is None or not seen or row.kind != ALERT.name or row.withdrawn:
        raise NotFound(record)
    return row


@job("alert_acknowledge")
def acknowledge_job(tx: Tx, payload: Answer) -> Answer:
    """What a person answers; a later answer of the same person takes the place of the earlier one in the count."""
    subject = tx.subject(payload["actor"])
    alert = _known(tx, subject, str(payload["alert"]))
    parts = {name: dict(part) for name, part in dict(payload["parts"]).items() if part}
    receipt, account = parts.setdefault("receipt", {}), str(payload.get("account") or subject.person)
    if account != subject.person and subject.roles.isdisjoint(FOR_OTHERS):
        raise Refused("only a warden or the watch answers for somebody else")
    receipt["at"] = _said(receipt.get("at"), tx.now)
    now_round = int((alert.values().get("message") or {}).get("round", 1))
    receipt["round"] = min(int(receipt.get("round") or now_round), now_round)
    receipt["version"] = min(int(receipt.get("version") or alert.version), alert.version)
    parts["who"] = {**parts.get("who", {}), "account": account}

    def work() -> tuple[str, int, int]:
        earlier = _answers(tx, alert.id, account)
        late = any(_key(each) > (receipt["round"], receipt["at"]) for each in earlier)
        draft = Draft(
            ALERT_ACKNOWLEDGEMENT.name,
            parts,
            about=alert.id,
            assigned=[account],
            state="superseded" if late else "given",
        )
        stored = store(tx, subject, "acknowledge", ALERT_ACKNOWLEDGEMENT, draft)
        for each in earlier if not late else ():
            _supersede(tx, each)
        if not late:
            tx.db.execute(
                "UPDATE alert_audience SET answered = ? WHERE alert = ? AND account = ?",
                (receipt["round"], alert.id, account),
            )
            _follow_answer(tx, alert, stored[0], receipt["answer"], earlier)
        return stored

    return once(tx, f"alert_ack\n{subject.person}\n{alert.id}", str(payload.get("key") or ""), work)


def _said(at: Any, now: float) -> str:
    try:
        moment = instant(str(at)).timestamp()
    except ValueError:
        moment = now
    return iso(moment if moment <= now + AHEAD_SECONDS else now)


def _key(row: RowView) -> tuple[int, str]:
    receipt = row.values().get("receipt") or {}
    return receipt.get("round", 1), receipt.get("at", "")


def _answers(tx: Tx, alert: str, account: str) -> list[RowView]:
    rows = own_rows(tx, ALERT_ACKNOWLEDGEMENT.name, states=("given",), assigned=account)
    return [row for row in rows if row.about == alert]


def _supersede(tx: Tx, row: RowView) -> None:
    draft = Draft(row.kind, {}, record=row.id, expected=row.version, state="superseded")
    store(tx, system_subject(tx.home.party), "acknowledge", ALERT_ACKNOWLEDGEMENT, draft)


def _follow_answer(tx: Tx, alert: RowView, given: str, answer: str, earlier: Sequence[RowView]) -> None:
    """Who needs help goes on the ladder; who says to be safe afterwards comes off it."""
    raised = [each for before in earlier for each in escalations(tx, before.id) if each.state == "raised"]
    row = tx.row(given)
    if answer == "needs_help" and not raised and row is not None:
        message = alert.values().get("message") or {}
        escalate(
            tx,
            row,
            "needs_help",
            tx.now,
            message.get("event", ""),
            kind_of=ALERT.name,
            exercise=message.get("status") != "actual",
        )
    elif answer == "safe":
        for each in raised:
            settle(tx, each, "heard")


@on_version
def follow_own(tx: Tx, row: RowView, index: int) -> None:
    """Arm the expiry of an own alert, page whom its version is for, and let the other party have it at once."""
    if row.kind != ALERT.name:
        return
    source = row.values().get("source") or {}
    _arm(tx, row)
    if not source.get("agency"):
        _page(tx, row)
        publish_now(tx, names_in(row.releasable))


@on_received
def follow_received(tx: Tx, row: RowView, index: int) -> None:
    """The other party's alert is for this party's people too: they are paged by their own node."""
    if row.kind == ALERT.name and not (row.values().get("source") or {}).get("agency"):
        _page(tx, row)
        if row.state in ALERT.final:
            arm(tx, f"alert_forget/{row.id}", tx.now + KEPT_SECONDS, "alert_forget", {"alert": row.id})


def _arm(tx: Tx, row: RowView) -> None:
    key = f"alert/{row.id}"
    if row.state in ALERT.final or row.withdrawn:
        disarm(tx, key)
        arm(tx, f"alert_forget/{row.id}", tx.now + KEPT_SECONDS, "alert_forget", {"alert": row.id})
        return
    expires = instant((row.values().get("message") or {})["expires"]).timestamp()
    arm(tx, key, expires, "alert_expiry", {"alert": row.id})


@timer("alert_expiry")
def expire(tx: Tx, payload: Answer, due: float) -> None:
    """An alert whose time is over is over; one that was updated meanwhile has a timer of its own."""
    row = tx.row(payload["alert"])
    if row is None or row.state in ALERT.final or row.withdrawn or row.originator != tx.home.party:
        return
    ends = instant((row.values().get("message") or {})["expires"]).timestamp()
    if ends <= tx.now:
        draft = Draft(ALERT.name, {}, record=row.id, expected=row.version, state="expired")
        store(tx, system_subject(tx.home.party), "write", ALERT, draft)


@timer("alert_forget")
def forget(tx: Tx, payload: Answer, due: float) -> None:
    """Whom an alert was for is nobody's business when it is long over; the figures stay with the record."""
    tx.db.execute("DELETE FROM alert_audience WHERE alert = ?", (payload["alert"],))


def _page(tx: Tx, row: RowView) -> None:
    """List whom this version pages: those it is for and who have not answered its present round."""
    tx.db.execute("DELETE FROM alert_paging WHERE alert = ?", (row.id,))
    values = row.values()
    if row.state != "issued" or row.withdrawn:
        return
    try:
        persons = reached(tx, values.get("area") or {}).persons
    except GeometryError:
        persons = {}
    now_round = (values.get("message") or {}).get("round", 1)
    answered: dict[str, int] = {}
    for each in tx.rows_about(row.id, ALERT_ACKNOWLEDGEMENT.name):
        if each.state == "given":
            answered |= dict.fromkeys(names_in(each.assigned), _key(each)[0])
    tx.db.execute("DELETE FROM alert_audience WHERE alert = ?", (row.id,))
    tx.db.executemany(
        "INSERT INTO alert_audience VALUES (?, ?, ?, ?)",
        [(row.id, person, account, answered.get(account, 0)) for person, account in persons.items()],
    )
    accounts = sorted(set(filter(None, persons.values())))
    waiting = [account for account in accounts if answered.get(account, 0) < now_round]
    if waiting:
        occasion = f"{row.id}|{row.version}"
        rows = [(row.id, occasion, account) for account in waiting]
        tx.db.executemany("INSERT INTO alert_paging VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
        arm(tx, f"alert_page/{row.id}", tx.now, "alert_page", {"alert": row.id})


@timer("alert_page")
def page_some(tx: Tx, payload: Answer, due: float) -> None:
    """Page the next handful, and come again for the rest; who has answered meanwhile is left alone."""
    alert = tx.row(payload["alert"])
    rows = tx.db.execute(
        "SELECT occasion, person FROM alert_paging WHERE alert = ? LIMIT ?", (payload["alert"], HANDFUL)
    ).fetchall()
    if alert is None or alert.state != "issued" or alert.withdrawn or not rows:
        tx.db.execute("DELETE FROM alert_paging WHERE alert = ?", (payload["alert"],))
        return
    now_round = (alert.values().get("message") or {}).get("round", 1)
    for occasion, person in rows:
        if not any(_key(each)[0] >= now_round for each in _answers(tx, alert.id, person)):
            tell(tx, alert, [Told(person, "", True)], occasion=occasion)
        tx.db.execute("DELETE FROM alert_paging WHERE alert = ? AND person = ?", (alert.id, person))
    if len(rows) == HANDFUL:
        arm(tx, f"alert_page/{alert.id}", tx.now, "alert_page", payload)
