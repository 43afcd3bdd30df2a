"""What is open on the watch floor at a moment, for one reader: the one list that the floor, its sound and the hand-over
note are made of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.links import links_down
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.release import Released
from safeconduct.watch import muster_words, words
from safeconduct.watch.sos_kinds import SOS_ACKNOWLEDGEMENT, STAND_DOWN
from safeconduct.watch.sos_whole import open_calls

MOST = 100
ALARM, WARNING, CALM = "alarm", "warning", "calm"
"""How much an open thing asks for: somebody at once, somebody soon, nobody more than usual."""


@dataclass(frozen=True)
class Open:
    """One open thing. `since` is when its clock began to run, in seconds since 1970."""

    kind: str
    title: str
    detail: str
    since: float
    urgency: str
    url: str
    exercise: bool
    level: str


def whats_open(reader: Subject) -> list[Open]:
    """Everything that is open, what asks for somebody at once first, the longest waiting first within that."""
    found = [*_calls(reader), *_escalations(reader), *_musters(reader), *_alerts(reader), *_links()]
    order = (ALARM, WARNING, CALM)
    return sorted(found, key=lambda each: (order.index(each.urgency), each.since))


def _calls(reader: Subject) -> Iterator[Open]:
    calls = open_calls(reader, MOST)
    ids = [each.id for each in calls]
    receipts = _about(reader, SOS_ACKNOWLEDGEMENT.name, ids, "receipt")
    own = {each.about for each in receipts if each.originator == here.home().party}
    forced = {
        each.about
        for each in _about(reader, STAND_DOWN.name, ids, "genuineness")
        if each.parts["genuineness"]["under_duress"]
    }
    for each in calls:
        call = each.parts.get("call") or {}
        waits = each.id not in own
        detail = _("nobody in this room has acknowledged") if waits else _("acknowledged by this room")
        if each.id in forced:
            detail = _("UNDER DURESS")
        title = call.get("headline") or words.word(words.SOS_CATEGORIES, call.get("category"))
        urgency = ALARM if waits or each.id in forced else WARNING
        since = _moment(call.get("at"))
        exercise = bool(call.get("exercise"))
        url = reverse("watch:sos", args=[each.id])
        yield Open("sos", f"SOS: {title}", detail, since, urgency, url, exercise, each.label)


def _escalations(reader: Subject) -> Iterator[Open]:
    """What this party's ladders are climbing for; an SOS has its own line."""
    query = Query(
        "escalation",
        state="raised",
        originator=here.home().party,
        parts=("step",),
        withdrawn=False,
        limit=MOST,
    )
    for each in find(reader, query).records:
        step = each.parts.get("step") or {}
        if step.get("reason") in ("sos", "duress"):
            continue
        detail = _("ladder at rung %(rung)s") % {"rung": step.get("rung", 1)}
        url = f"/journeys/{each.about}/" if each.about else reverse("watch:floor")
        title = _("Journey: %(what)s") % {"what": str(step.get("reason", "")).replace("_", " ")}
        yield Open("escalation", title, detail, _moment(step.get("due")), WARNING, url, False, each.label)


def _musters(reader: Subject) -> Iterator[Open]:
    found = find(
        reader, Query("muster", state="open", parts=("call",), withdrawn=False, sort="at", limit=MOST)
    ).records
    figures = {
        each.about: each.parts["count"]
        for each in _about(reader, "muster_figure", [m.id for m in found], "count")
    }
    for each in found:
        call, count = each.parts.get("call") or {}, figures.get(each.id) or {}
        missing = count.get("unaccounted", 0) + count.get("unreachable", 0)
        detail = _("%(help)s need help, %(missing)s not accounted for, of %(all)s") % {
            "help": count.get("needs_help", "?"),
            "missing": missing if count else "?",
            "all": count.get("expected", "?"),
        }
        urgency = ALARM if count.get("needs_help") else WARNING if missing or not count else CALM
        title = _("Muster: %(what)s") % {
            "what": call.get("title") or muster_words.word(muster_words.SCOPES, call.get("scope"))
        }
        url = reverse("watch:muster", args=[each.id])
        since = _moment(call.get("since"))
        yield Open("muster", title, detail, since, urgency, url, bool(call.get("exercise")), each.label)


def _alerts(reader: Subject) -> Iterator[Open]:
    query = Query(
        "alert", state="issued", ends_after=time.time(), parts=("message",), withdrawn=False, limit=MOST
    )
    for each in find(reader, query).records:
        message = each.parts.get("message") or {}
        url = reverse("watch:alert", args=[each.id])
        exercise = message.get("status") != "actual"
        title = _("Alert: %(what)s") % {"what": message.get("headline") or message.get("event", "")}
        yield Open("alert", title, "", _moment(message.get("sent")), CALM, url, exercise, each.label)


def _links() -> Iterator[Open]:
    for down in links_down().values():
        title = _("Link down: %(party)s") % {"party": down.partner.name}
        detail = _("what came from there is no newer than this")
        yield Open(
            "link", title, detail, down.as_of or down.since, WARNING, "/oversight/link/", False, "RESTRICTED"
        )


def _about(reader: Subject, kind: str, records: Sequence[str], part: str) -> list[Released]:
    if not records:
        return []
    query = Query(kind, about=list(records), parts=(part,), withdrawn=False, sort="at", limit=1_000)
    return [each for each in find(reader, query).records if part in each.parts]


def _moment(text: str | None) -> float:
    return instant(text).timestamp() if text else time.time()
