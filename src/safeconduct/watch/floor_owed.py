"""What somebody is waiting for: overdue journeys and other escalations, requests and messages between the rooms, the
items of a response that are left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.release import Released, heading
from safeconduct.shell.terms import CODE_NAMES, plain
from safeconduct.watch import messages
from safeconduct.watch.floor_open import ALARM, CALM, MOST, OURS, THEIRS, WARNING, Open, moment
from safeconduct.watch.response_kinds import RESPONSE, RESPONSE_ITEM

OF_AN_SOS = ("sos", "duress")
"""Reasons of escalations that stand on the line of their SOS."""


def overdue(reader: Subject) -> Iterator[Open]:
    """What this party's ladders climb for, and the journeys that are overdue though somebody has taken them on."""
    raised = Query(
        "escalation",
        state="raised",
        originator=here.home().party,
        parts=("step",),
        withdrawn=False,
        limit=MOST,
    )
    climbing = [each for each in find(reader, raised).records if _reason(each) not in OF_AN_SOS]
    late = Query("movement", state="overdue", parts=("notice",), withdrawn=False, sort="at", limit=MOST)
    journeys = {each.id: each for each in find(reader, late).records}
    unknown = sorted({each.about for each in climbing if each.about} - set(journeys))
    if unknown:
        named = Query("movement", ids=unknown, parts=("notice",), sort="at", limit=len(unknown))
        journeys |= {each.id: each for each in find(reader, named).records}
    for each in climbing:
        yield _climbing(each, journeys)
    told = {each.about for each in climbing}
    left = [each for record, each in journeys.items() if each.state == "overdue" and record not in told]
    for each in left:
        yield _taken_on(reader, each)


def _taken_on(reader: Subject, journey: Released) -> Open:
    query = Query(
        "escalation", about=journey.id, parts=("step", "answer"), withdrawn=False, sort="at", limit=1
    )
    latest = find(reader, query).records
    step = (latest[0].parts.get("step") or {}) if latest else {}
    by = ((latest[0].parts.get("answer") or {}) if latest else {}).get("by", "")
    detail = _("overdue; taken on by %(name)s") % {"name": f"\u2068{by}\u2069"} if by else _("overdue")
    since = moment(step.get("due") or (journey.parts.get("notice") or {}).get("until"))
    url = f"/journeys/{journey.id}/"
    return Open("journey", _called(journey), detail, since, WARNING, url, journey.label, key=journey.id)


def _climbing(each: Released, journeys: Mapping[str, Released]) -> Open:
    step = each.parts.get("step") or {}
    rung, place = step.get("rung", 1), step.get("point") or ""
    reason = plain(CODE_NAMES.get("reason", {}), _reason(each))
    journey = journeys.get(each.about or "")
    detail = _("ladder at rung %(rung)s: nobody has taken it on") % {"rung": rung}
    if place:
        detail = f"\u2068{place}\u2069 · {detail}"
    if journey is not None:
        kind, title, url = "journey", _called(journey), f"/journeys/{each.about}/"
        detail = f"{reason} · {detail}"
    else:
        kind, title, url = "escalation", reason, _page_of(each.about)
    since, key, exercise = moment(step.get("due")), f"{each.id}/{rung}", bool(step.get("exercise"))
    urgency, ring = (WARNING, "") if exercise else (ALARM, "journey")
    return Open(kind, title, detail, since, urgency, url, each.label, exercise, OURS, ring, key)


PAGES = {
    "muster": ("watch:muster", False),
    "roll_entry": ("watch:muster", True),
    "alert": ("watch:alert", False),
    "alert_acknowledgement": ("watch:alert", True),
    "information_request": ("watch:request", False),
    "warning": ("warnings:page", False),
}
"""The page of what a ladder climbs for: its own, or (True) that of what it is about."""


def _page_of(record: str | None) -> str:
    found = heading(record) if record else None
    name, above = PAGES.get(found[0].kind, ("", False)) if found else ("", False)
    if found is None or not name or (above and not found[1]):
        return reverse("watch:floor")
    return reverse(name, args=[found[1] if above else record])


def requests(reader: Subject) -> Iterator[Open]:
    """Requests for information that are not answered, with the time when an answer is due."""
    now = time.time()
    query = Query("information_request", state="open", parts=("request",), withdrawn=False, limit=MOST)
    for each in find(reader, query).records:
        asked = each.parts.get("request") or {}
        late = messages.overdue(each, now)
        due = instant(asked["due"]).strftime("%H:%M UTC") if asked.get("due") else ""
        when = {"time": f"\u2066{due}\u2069"}
        detail = _("overdue since %(time)s") % when if late else _("answer due at %(time)s") % when
        ours = each.originator != here.home().party
        yield Open(
            "request",
            asked.get("subject", ""),
            detail if due else "",
            moment(asked.get("asked")),
            WARNING if late or ours else CALM,
            reverse("watch:request", args=[each.id]),
            each.label,
            whose=OURS if ours else THEIRS,
            ring="message" if ours or late else "",
            key=f"{each.id}/{late}",
        )


def unread(reader: Subject) -> Iterator[Open]:
    """What the other room has written and nobody here has read."""
    query = Query("liaison_message", parts=("message",), withdrawn=False, limit=MOST)
    found = [each for each in find(reader, query).records if each.originator != here.home().party]
    for line in messages.with_receipts(reader, found):
        if line.read:
            continue
        said = line.record.parts.get("message") or {}
        priority = said.get("priority", "routine")
        yield Open(
            "message",
            said.get("subject", ""),
            plain(CODE_NAMES.get("priority", {}), priority),
            moment(said.get("sent")),
            ALARM if priority == "flash" else WARNING,
            reverse("watch:message", args=[line.record.id]),
            line.record.label,
            whose=OURS,
            ring="message",
            key=line.record.id,
        )


def responses(reader: Subject) -> Iterator[Open]:
    """The responses that are open, with what is left of them in this room."""
    query = Query(RESPONSE.name, state="open", parts=("summary",), withdrawn=False, sort="at", limit=MOST)
    found = find(reader, query).records
    left = _items_left(reader) if found else {}
    now = time.time()
    for each in found:
        summary = each.parts.get("summary") or {}
        items = left.get(each.id, [])
        late = sum(1 for due in items if due < now)
        count = ngettext("%(n)s item left in this room", "%(n)s items left in this room", len(items))
        detail = count % {"n": len(items)}
        if late:
            detail = _("%(left)s, %(late)s of them overdue") % {"left": detail, "late": late}
        yield Open(
            "response",
            summary.get("title", ""),
            detail,
            moment(summary.get("begun")),
            WARNING if late else CALM,
            reverse("watch:response", args=[each.id]),
            each.label,
            bool(summary.get("exercise")),
            OURS if items else "",
            key=each.id,
        )


def _items_left(reader: Subject) -> dict[str, list[float]]:
    """When this room's open items are due, in seconds since 1970, by response; an item that was taken from the other
    room belongs to the response of the one it was taken from."""
    query = Query(
        RESPONSE_ITEM.name,
        state="open",
        originator=here.home().party,
        parts=("task",),
        withdrawn=False,
        sort="at",
        limit=1_000,
    )
    items = find(reader, query).records
    above = sorted({each.about for each in items if each.about})
    taken: dict[str, str] = {}
    if above:
        sources = Query(RESPONSE_ITEM.name, ids=above, parts=("task",), sort="at", limit=len(above))
        taken = {each.id: each.about or "" for each in find(reader, sources).records}
    found: dict[str, list[float]] = {}
    for each in items:
        due = (each.parts.get("task") or {}).get("due")
        response = taken.get(each.about or "", each.about or "")
        found.setdefault(response, []).append(instant(due).timestamp() if due else float("inf"))
    return found


def _reason(escalation: Released) -> str:
    return str((escalation.parts.get("step") or {}).get("reason", ""))


def _called(journey: Released) -> str:
    notice = journey.parts.get("notice") or {}
    return str(notice.get("reference") or journey.id)
