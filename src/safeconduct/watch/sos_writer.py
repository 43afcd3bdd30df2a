"""The writer's side of an SOS: stored once, laid on the ladder, and its head published, in one transaction.

Both parties climb their own ladder for their own people: the one that raised the SOS, and the one that received it. A
room's acknowledgement settles that room's ladder alone. A stand-down settles both, unless it was said under duress.

What the caller can learn of his own SOS is the same after either word: one more version of it, no message outside, and
nothing more of which room has it.
"""

from __future__ import annotations

from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.cadence import publish_now
from safeconduct.notify.ladder import escalate, escalations, settle
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_received, on_version
from safeconduct.records.kept import partners_in
from safeconduct.records.moments import instant
from safeconduct.records.once import once
from safeconduct.records.own import rows_of
from safeconduct.records.principals import SYSTEM, system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso
from safeconduct.records.under import party_under
from safeconduct.watch.muster_roll import UNDER_WAY, stays_of
from safeconduct.watch.sos_kinds import SOS, SOS_ACKNOWLEDGEMENT, STAND_DOWN

AHEAD_SECONDS = 300.0
"""By how much a phone's clock may be fast: what is further ahead counts as pressed when it was received."""
BELONGS_TO = ("movement", "site")
RING_AGAIN = 60.0
"""Seconds after which a press while one's SOS is open begins the ladder again, if nobody is being called any more."""
MOST_WORDS = 5_000
ENDS = {"false_alarm": "false_alarm"}
"""The state that a stand-down of this category leads to; every other one to `stood_down`."""

OTHER = {"host": "partner", "partner": "host"}

Answer = dict[str, Any]


@job("watch_sos")
def sos_job(tx: Tx, payload: Answer) -> Answer:
    """Store an SOS. A wrong clock or an unknown journey does not stop it: nobody is turned away for that."""
    subject = tx.subject(payload["actor"])
    parts = {name: dict(part) for name, part in dict(payload["parts"]).items() if part}
    about = str(payload.get("about") or "")
    key = str(payload.get("key") or "")

    def work() -> tuple[str, int, int]:
        belongs = _belongs_to(tx, subject, about)
        waiting = _waiting_call(tx, subject, parts, belongs)
        return _join(tx, subject, waiting, parts) if waiting else _raise(tx, subject, parts, belongs)

    answer = once(tx, f"sos\n{subject.person}", key, work)
    _place_follows(tx, subject, str(answer["record"]), parts.get("place"))
    return answer


def _place_follows(tx: Tx, subject: Subject, record: str, place: dict[str, Any] | None) -> None:
    """A press that is sent again, once the phone knows where it is, adds the place that the first did not have."""
    sos = tx.row(record)
    if place and sos is not None and sos.state not in SOS.final and not sos.values().get("place"):
        draft = Draft(SOS.name, {"place": place}, record=record, expected=sos.version)
        store(tx, subject, "write", SOS, draft)


def _belongs_to(tx: Tx, subject: Subject, about: str) -> str:
    row = tx.row(about) if about else None
    known = row is not None and row.kind in BELONGS_TO and tx.knows(subject, row)
    return row.id if row is not None and known else ""


def _waiting_call(tx: Tx, subject: Subject, parts: Answer, about: str) -> RowView | None:
    """The SOS that this person's phone shows as open: pressed again on the same journey, it is the same call for help,
    so that one phone that presses without end calls everybody once and stands in nobody else's way. After a word has
    ended it, or has seemed to, a press is a new one."""
    call = parts.get("call") or {}
    if call.get("means") != "phone" or (parts.get("caller") or {}).get("person") != subject.person:
        return None
    for row in tx.rows_open(SOS.name, subject.person):
        before = row.values()
        same = (before.get("call") or {}).get("exercise", False) == call.get("exercise", False)
        own = (before.get("caller") or {}).get("person") == subject.person
        by_phone = (before.get("call") or {}).get("means") == "phone"
        here = row.originator == tx.home.party and row.about == about
        if own and same and by_phone and here and not _words_on(tx, row.id):
            return row
    return None


def _join(tx: Tx, subject: Subject, row: RowView, parts: Answer) -> tuple[str, int, int]:
    """Add what a further press says: where its phone is now, and words that were not said before."""
    before, more = row.values(), {}
    at, known = _pressed((parts.get("call") or {}).get("at"), tx.now), before.get("place") or {}
    # A press that waited for a network does not move the place back.
    last = known.get("at") or (before.get("call") or {})["at"]
    if parts.get("place") and instant(at) >= instant(last):
        more["place"] = {"at": at, **parts["place"]}
    said, new = (before.get("words") or {}).get("text", ""), (parts.get("words") or {}).get("text", "")
    if new and new not in said:
        more["words"] = {"text": f"{said}\n{new}".strip()[-MOST_WORDS:]}
    stored = row.id, row.version, row.ledger_index
    if more:
        stored = store(tx, subject, "write", SOS, Draft(SOS.name, more, record=row.id, expected=row.version))
    called = list(escalations(tx, row.id))
    quiet = all(each.state == "answered" for each in called)
    last = max((instant((each.values()["step"])["raised"]).timestamp() for each in called), default=0.0)
    if quiet and tx.now - last > RING_AGAIN:
        _begin(tx, row, "sos")
    return stored


def _words_on(tx: Tx, sos: str) -> list[RowView]:
    """What was said to stand an SOS down, under duress or not."""
    return [row for row in tx.rows_about(sos, STAND_DOWN.name) if not row.withdrawn]


def _under_duress(tx: Tx, sos: str) -> bool:
    return any((row.values().get("genuineness") or {}).get("under_duress") for row in _words_on(tx, sos))


def _raise(tx: Tx, subject: Subject, parts: dict[str, Any], about: str) -> tuple[str, int, int]:
    call = parts.setdefault("call", {})
    call["received"] = iso(tx.now)
    call["at"] = _pressed(call.get("at"), tx.now)
    caller = str((parts.get("caller") or {}).get("person") or "")
    draft = Draft(
        SOS.name,
        parts,
        about=about or None,
        releasable=None if about else _hosts_of(tx, caller),
        state="raised",
        assigned=[caller] if caller else None,
    )
    return store(tx, subject, "write", SOS, draft)


def _hosts_of(tx: Tx, person: str) -> list[str] | None:
    """Whom a call for help goes to that names no journey or site, on a node with several agreements: the parties that
    know of a journey of the caller's or of the site where the caller stays; where there is none, that of the agreement
    under which it was given in.

    Where nobody can say which country it is, it stays in the own room, which knows the caller: to tell a hundred
    governments where somebody in distress is would be no help.
    """
    if len(tx.home.partners) < 2:
        return None
    travelling = [
        row
        for row in rows_of(tx, "movement", ("notified", *UNDER_WAY))
        if row.originator == tx.home.party and person in names_in(row.assigned) and not row.withdrawn
    ]
    on_the_road = [row for row in travelling if row.state in UNDER_WAY] or travelling
    known = on_the_road or stays_of(tx, person)
    if known:
        return sorted({party for row in known for party in partners_in(row.releasable)})
    party = party_under(tx.home, tx.under) if tx.under else None
    return [party] if party else []


def _pressed(at: Any, now: float) -> str:
    try:
        moment = instant(str(at)).timestamp()
    except ValueError:
        moment = now
    return iso(moment if moment <= now + AHEAD_SECONDS else now)


@job("watch_stand_down")
def stand_down_job(tx: Tx, payload: Answer) -> Answer:
    """Store a stand-down of an own SOS and, unless it was said under duress, end the SOS with it."""
    subject = tx.subject(payload["actor"])
    sos = tx.row(str(payload["sos"]))
    if sos is None or sos.kind != SOS.name or not tx.knows(subject, sos):
        raise NotFound(str(payload["sos"]))
    if sos.originator != tx.home.party:
        raise Refused("an SOS is stood down by the party that raised it")
    parts = STAND_DOWN.validate(payload["parts"])
    word = parts.get("word") or {}
    _may_say(subject, sos, str(word.get("category")))
    if word.get("category") == "device" and _under_duress(tx, sos.id):
        # Whoever forced the word out of the caller may hold the beacon, too.
        parts["genuineness"] = {"under_duress": True}

    def work() -> tuple[str, int, int]:
        if sos.state in SOS.final:
            raise Malformed("this SOS is over")
        draft = Draft(STAND_DOWN.name, parts, about=sos.id, assigned=sorted(names_in(sos.assigned)))
        stored = store(tx, subject, "write", STAND_DOWN, draft)
        forced = (parts.get("genuineness") or {}).get("under_duress")
        # Under duress a version that changes nothing: the count of versions and the live stream tell nothing.
        state = sos.state if forced else ENDS.get(word["category"], "stood_down")
        end = Draft(SOS.name, {}, record=sos.id, expected=sos.version, state=state)
        store(tx, system_subject(tx.home.party), "write", SOS, end)
        return stored

    return once(tx, f"stand_down\n{subject.person}\n{sos.id}", str(payload.get("key") or ""), work)


def _may_say(subject: Subject, sos: RowView, category: str) -> None:
    """Who called ends it with the safe word and in no other way, whatever his roles: his phone may be in other hands.
    For anybody else it ends by the word of the floor."""
    own = subject.person != SYSTEM and (sos.values().get("caller") or {}).get("person") == subject.person
    if own and category != "safe_word":
        raise Refused("one's own SOS is stood down with the safe word, or by somebody else in the room")
    if category == "safe_word" and not own:
        raise Refused("a safe word is that of who called")


@on_version
def follow_own(tx: Tx, row: RowView, index: int) -> None:
    """Begin, settle or take up again this party's ladder as its own records are committed."""
    _follow(tx, row)
    if row.kind == SOS.name and row.version == 1:
        publish_now(tx, names_in(row.releasable))


@on_received
def follow_received(tx: Tx, row: RowView, index: int) -> None:
    """The same for what arrives from the other party."""
    _follow(tx, row)


def _follow(tx: Tx, row: RowView) -> None:
    if row.kind == SOS.name:
        if row.state in SOS.final or row.withdrawn:
            _settle_all(tx, row.id, "stood_down")
        elif not any(True for _ in escalations(tx, row.id)):
            _begin(tx, row, "sos")
    elif row.kind == SOS_ACKNOWLEDGEMENT.name and row.about:
        if row.originator == tx.home.party:
            _settle_all(tx, row.about, "acknowledged")
        _tell_caller(tx, row)
    elif row.kind == STAND_DOWN.name and row.about:
        genuine = row.values().get("genuineness") or {}
        sos = tx.row(row.about)
        if genuine.get("under_duress") and sos is not None:
            _begin(tx, sos, "duress")


def _tell_caller(tx: Tx, receipt: RowView) -> None:
    """Keep with an own SOS which room has it, since its first word. Where several parties are told of the SOS, that one
    of them has it is not for the others, who would also take it for a word on their own room."""
    sos, said = tx.row(receipt.about), receipt.values().get("receipt") or {}
    if sos is None or sos.originator != tx.home.party or not said or _words_on(tx, sos.id):
        return
    own = receipt.originator == tx.home.party
    if not own and len(partners_in(sos.releasable)) > 1:
        return
    rooms = dict(sos.values().get("rooms") or {})
    room = tx.home.side if own else OTHER[tx.home.side]
    if room not in rooms:
        draft = Draft(SOS.name, {"rooms": {**rooms, room: said["at"]}}, record=sos.id, expected=sos.version)
        store(tx, system_subject(tx.home.party), "write", SOS, draft)


def _begin(tx: Tx, sos: RowView, reason: str) -> None:
    call = sos.values().get("call") or {}
    at = instant(call["at"]).timestamp() if call.get("at") else tx.now
    caller = (sos.values().get("caller") or {}).get("person")
    # Who called is on no rung of his own call: a message on a phone in other hands would tell what the word was.
    escalate(tx, sos, reason, at, str(call.get("headline", "")), untold=[caller] if caller else [])


def _settle_all(tx: Tx, sos: str, outcome: str) -> None:
    for each in escalations(tx, sos):
        if each.state == "raised":
            settle(tx, each, outcome)
