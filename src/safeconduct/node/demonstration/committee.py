"""The demonstration's committee has met four times and is called for a fifth: made up, through the rules of meetings.

The Host calls and keeps the minutes; the Partner names its observer, agrees to minutes and enters a reservation. What
is withheld from him is there to be looked for on the other node, and not to be found.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from safeconduct.committee import documents
from safeconduct.committee import meeting_rules as rules
from safeconduct.committee.negotiation import remark_on
from safeconduct.committee.rules import others
from safeconduct.node.demonstration.acting import Until
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.principals import subject_of, system_subject
from safeconduct.records.release import Released, release
from safeconduct.records.transaction import iso

HOUR = 3600
SEEN = ("incidents", "journeys", "strategy", "assistance", "agreement")
"""The categories of items that the Partner's observer may be told of."""


def told(what: str = "meeting") -> list[dict[str, Any]]:
    text = files("safeconduct.node.demonstration").joinpath("committee.toml").read_text("utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text)[what]
    return found


def discuss(side: str, party: str, agreement: str, door: Door) -> None:
    """Each side has said what it has to say about the clauses that were not agreed."""
    reader = system_subject(party)._replace(roles=frozenset({"signatory"}))
    place = documents.agreement(reader, agreement)
    for each in told("remark"):
        if each["side"] == side:
            text = place.clause(each["clause"]).versions[-1]
            to = others(place)
            remark_on(system_subject(party), text, each["category"], each["text"], to, each["by"], door)


def call_meetings(party: str, partner: str, door: Door) -> None:
    """The Host calls all five, so that the Partner can name who comes."""
    actor = system_subject(party)
    for each in told():
        starts = _morning(each["days"])
        notice = {
            **_titles(each),
            "group": "committee",
            "starts": starts.isoformat(),
            "ends": (starts + timedelta(hours=3)).isoformat(),
            "chair": "National co-ordinator",
        }
        venue = {"place": "Committee room (demonstration)", "access": "By the east gate, with a pass"}
        rules.call_meeting(actor, notice, venue, (partner,), door)


def name_observer(party: str, person: str, until: Until, door: Door) -> None:
    """The Partner sends its observer and its liaison officer to each meeting."""
    until(lambda: len(_meetings(party, own=False)) == len(told()), "the Host's meetings")
    actor = system_subject(party)
    for record in _meetings(party, own=False).values():
        observer = {"name": "Observer", "post": "Embassy", "capacity": "observer", "person": person}
        rules.name_attendee(actor, record, observer, door=door)


def keep_meetings(party: str, until: Until, door: Door) -> None:
    """The Host seats the observer, goes through each agenda, and records what came of it."""
    actor, meetings = system_subject(party), _meetings(party, own=True)
    until(lambda: len(_attendances(party)) == len(meetings), "the Partner's observer")
    for about, attendance in _attendances(party).items():
        meeting = _as_is(about)
        terms = {
            "ceiling": 1,
            "categories": list(SEEN),
            "methods": ["oral", "visual", "document"],
            "until": iso(time.time() + 60 * 24 * HOUR),
        }
        rules.seat_observer(actor, _as_is(attendance), terms, door)
        each = next(each for each in told() if each["title"] == meeting.parts["notice"]["title"])
        _go_through(each, meeting, door)


def _go_through(each: Mapping[str, Any], meeting: Released, door: Door) -> None:
    actor, over = system_subject(here.home().party), each["days"] < 0
    for item in each["item"]:
        handling = {
            "category": item["category"],
            "withheld": "ground" in item,
            "ground": item.get("ground", ""),
        }
        put = rules.put_item(actor, meeting, _titles(item), handling, door=door)
        if not over:
            continue
        text = {name: item.get(f"minutes_{name}", "") for name in ("en", "ur", "zh")}
        minutes = rules.write_minutes(actor, put.record, {**text, "taken_by": "Secretary"}, door=door)
        if "ground" not in item:
            rules.propose_minutes(actor, _as_is(minutes.record), door)
        for decided in item.get("decision", ()):
            _decide(put.record, decided, door)
        rules.end_item(actor, _as_is(put.record), "discussed", door)
    if over:
        rules.move_meeting_on(actor, _as_is(meeting.id), "held", door)
        if not each.get("open"):
            rules.move_meeting_on(actor, _as_is(meeting.id), "closed", door)


def _decide(item: str, decided: Mapping[str, Any], door: Door) -> None:
    actor = system_subject(here.home().party)
    text = {name: decided[name] for name in ("text", "text_ur", "text_zh", "answerable", "owner")}
    taken = rules.take_decision(actor, item, text | _due(decided), door=door)
    for each in decided.get("action", ()):
        task = {"text": each["text"], "owner": each["owner"]} | _due(each)
        made = rules.set_action(actor, taken.record, task, door=door)
        if each.get("state") == "done":
            rules.report_action(actor, _as_is(made.record), "", "done", "Secretary", door)
    if "state" in decided:
        rules.end_decision(actor, _as_is(taken.record), decided["state"], door)


def answer_meetings(party: str, person: str, until: Until, door: Door) -> None:
    """The Partner's observer reads the minutes; those of what is closed are agreed, and a reservation is entered."""
    actor, expected = system_subject(party), [text for _, text in _reserved()]
    until(lambda: set(expected) <= set(_decisions(party)), "the Host's decisions")
    for reservation, text in _reserved():
        rules.reserve(actor, _decisions(party)[text], reservation, "Observer", door)
    visible = sum("ground" not in item for each in told() if each["days"] < 0 for item in each["item"])
    until(lambda: len(_minutes(party)) == visible, "the Host's minutes")
    kept = {
        item["minutes_en"]
        for each in told()
        if not each.get("open")
        for item in each["item"]
        if each["days"] < 0
    }
    observer = subject_of(here.headers(), here.home(), person, time.time())
    for text, record in _minutes(party).items():
        if text in kept:
            rules.answer_minutes(actor, release(observer, record), "agreed", by="Observer", door=door)


def _reserved() -> Iterator[tuple[str, str]]:
    for each in told():
        for item in each["item"]:
            for decided in item.get("decision", ()):
                if "reservation" in decided:
                    yield decided["reservation"], decided["text"]


def _titles(each: Mapping[str, Any]) -> dict[str, str]:
    return {name: each[name] for name in ("title", "title_ur", "title_zh")}


def _due(each: Mapping[str, Any]) -> dict[str, str]:
    return {"due": _morning(each["due"]).date().isoformat()} if "due" in each else {}


def _morning(days: int) -> datetime:
    today = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0)
    return today + timedelta(days=days)


def _as_is(record: str) -> Released:
    """A record as the node itself has it: the demonstration's acts are the node's own."""
    party = here.home().party
    return release(system_subject(party)._replace(roles=frozenset({"coordinator"})), record)


def _meetings(party: str, own: bool) -> dict[str, str]:
    sql = "SELECT parts ->> '$.notice.title', id FROM records_row WHERE kind = 'meeting' AND (originator = %s) = %s"
    return dict(here.tables().all(sql, [party, own]))


def _attendances(party: str) -> dict[str, str]:
    sql = "SELECT about, id FROM records_row WHERE kind = 'attendance' AND originator <> %s AND about <> ''"
    return dict(here.tables().all(sql, [party]))


def _decisions(party: str) -> dict[str, str]:
    sql = (
        "SELECT parts ->> '$.decision.text', id FROM records_row WHERE kind = 'decision' AND originator <> %s"
    )
    return dict(here.tables().all(sql, [party]))


def _minutes(party: str) -> dict[str, str]:
    sql = "SELECT parts ->> '$.text.en', id FROM records_row WHERE kind = 'minutes' AND originator <> %s"
    return dict(here.tables().all(sql, [party]))
