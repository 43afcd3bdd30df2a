"""What is open on the watch floor at a moment, for one reader: the one list that the floor, its sound and the hand-over
note are made of."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.links import links_seen
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.watch import floor_owed as owed
from safeconduct.watch import muster_words, words
from safeconduct.watch.floor_open import ALARM, CALM, MOST, OURS, THEIRS, WARNING, Open, about, moment
from safeconduct.watch.sos_kinds import SOS_ACKNOWLEDGEMENT, STAND_DOWN
from safeconduct.watch.sos_whole import open_calls


def whats_open(reader: Subject) -> list[Open]:
    """Everything that is open: what asks for somebody at once first, a call for help before all else of its urgency,
    then what has waited longest."""
    found = [
        *_calls(reader),
        *owed.overdue(reader),
        *_musters(reader),
        *owed.requests(reader),
        *owed.unread(reader),
        *owed.responses(reader),
        *_alerts(reader),
        *_links(),
    ]
    order = (ALARM, WARNING, CALM)
    return sorted(found, key=lambda each: (order.index(each.urgency), each.kind != "sos", each.since))


def _calls(reader: Subject) -> Iterator[Open]:
    calls = open_calls(reader, MOST)
    ids = [each.id for each in calls]
    receipts = about(reader, SOS_ACKNOWLEDGEMENT.name, ids, "receipt")
    own = {each.about for each in receipts if each.originator == here.home().party}
    others = {each.about for each in receipts if each.originator != here.home().party}
    forced = {
        each.about
        for each in about(reader, STAND_DOWN.name, ids, "genuineness")
        if each.parts["genuineness"]["under_duress"]
    }
    for each in calls:
        call = each.parts.get("call") or {}
        waits, theirs_waits = each.id not in own, each.id not in others
        detail = _("nobody in this room has acknowledged") if waits else _("acknowledged by this room")
        if not waits and theirs_waits:
            detail = _("acknowledged by this room; the other room has not yet")
        if each.id in forced:
            detail = _("UNDER DURESS")
        loud = waits or each.id in forced
        exercise = bool(call.get("exercise"))
        yield Open(
            "sos",
            call.get("headline") or words.word(words.SOS_CATEGORIES, call.get("category")),
            detail,
            moment(call.get("at")),
            ALARM if loud else WARNING,
            reverse("watch:sos", args=[each.id]),
            each.label,
            exercise,
            OURS if loud else THEIRS if theirs_waits else "",
            "sos" if loud and not exercise else "",
            f"{each.id}{'/duress' if each.id in forced else ''}",
        )


def _musters(reader: Subject) -> Iterator[Open]:
    query = Query("muster", state="open", parts=("call",), withdrawn=False, sort="at", limit=MOST)
    found = find(reader, query).records
    counted = about(reader, "muster_figure", [m.id for m in found], "count")
    figures = {each.about: each.parts["count"] for each in counted}
    for each in found:
        call, count = each.parts.get("call") or {}, figures.get(each.id) or {}
        missing = count.get("unaccounted", 0) + count.get("unreachable", 0)
        detail = _("%(help)s need help, %(missing)s not accounted for, of %(all)s") % {
            "help": count.get("needs_help", "?"),
            "missing": missing if count else "?",
            "all": count.get("expected", "?"),
        }
        title = call.get("title") or muster_words.word(muster_words.SCOPES, call.get("scope"))
        exercise = bool(call.get("exercise"))
        in_need = count.get("needs_help", 0)
        yield Open(
            "muster",
            title,
            detail,
            moment(call.get("since")),
            ALARM if in_need else WARNING if missing or not count else CALM,
            reverse("watch:muster", args=[each.id]),
            each.label,
            exercise,
            OURS if each.originator == here.home().party else THEIRS,
            "muster" if in_need and not exercise else "",
            f"{each.id}/{in_need}",
        )


def _alerts(reader: Subject) -> Iterator[Open]:
    query = Query(
        "alert", state="issued", ends_after=time.time(), parts=("message",), withdrawn=False, limit=MOST
    )
    for each in find(reader, query).records:
        message = each.parts.get("message") or {}
        title = message.get("headline") or message.get("event", "")
        url = reverse("watch:alert", args=[each.id])
        until = instant(message["expires"]).strftime("%H:%M UTC") if message.get("expires") else ""
        detail = _("in force until %(time)s") % {"time": f"\u2066{until}\u2069"} if until else ""
        exercise = message.get("status") != "actual"
        since = moment(message.get("sent"))
        yield Open("alert", title, detail, since, CALM, url, each.label, exercise, key=each.id)


def _links() -> Iterator[Open]:
    for link in links_seen():
        if link.state not in ("down", "frozen"):
            continue
        detail = _("what came from there is no newer than this")
        if link.state == "frozen":
            detail = _("frozen: nothing is exchanged until people have settled it")
        title = link.partner.name or link.partner.party
        since = link.as_of or time.time()
        url, key = "/oversight/link/", f"{link.partner.party}/{link.state}"
        yield Open("link", title, detail, since, WARNING, url, "RESTRICTED", ring="link", key=key)
