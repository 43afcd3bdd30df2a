"""The work on a response: begin it with its checklist, move its items, offer and take them, write down who told whom.

Each act is in the name of a person and raises what `records.commit` raises. Nothing here tells a consulate or a family
anything: a person does, and then says so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.geo.sphere import Point
from safeconduct.records import here, principals
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.records.transaction import iso
from safeconduct.watch.response_files import Prepared, load
from safeconduct.watch.response_kinds import NOTICES, RESPONSE, RESPONSE_ITEM
from safeconduct.watch.response_reach import hospital_detail

NEEDED = "surgery"
"""What a hospital must be able to do where a checklist does not say."""
HIGHEST = LEVELS.index("CONFIDENTIAL")
"""The label that a response bears at most."""
PLACED = ("medical_evacuation", "relocation", "road_closed", "journeys_stopped")
"""Items that begin at the place of the SOS or incident."""


@dataclass(frozen=True)
class Occasion:
    """What a response is to, as far as whoever begins it may see it.

    `levels`: what the summary and the details of the items bear at least, because they are taken from it.
    """

    title: str
    site: str
    site_class: str
    point: Point | None
    exercise: bool
    levels: Mapping[str, int]


def occasion(actor: Subject, about: str, door: Door | None = None) -> Occasion:
    """The SOS or incident with the class of its site. Raises NotFound, or Malformed for anything else."""
    found = release(actor, about, door=door)
    if found.kind == "sos":
        call = found.parts.get("call") or {}
        site_class, site = _site(actor, found.about, door)
        name, title = site or call.get("site_name", ""), call.get("headline", "")
        return _occasion(found, "call", "place", title, name, site_class, bool(call.get("exercise")))
    if found.kind == "incident":
        summary, where = found.parts.get("summary") or {}, found.parts.get("where") or {}
        name = where.get("place", "") if _level(found, "where") <= _level(found, "summary") else ""
        exercise = bool(summary.get("exercise"))
        return _occasion(found, "summary", "where", summary.get("title", ""), name, "elsewhere", exercise)
    raise Malformed("a response is to an SOS or an incident")


def _occasion(
    found: Released, words: str, place: str, title: str, site: str, site_class: str, exercise: bool
) -> Occasion:
    """What is above the label of a response stays where it is: the response begins without it."""
    said, where = _level(found, words), _level(found, place)
    takes = said <= HIGHEST
    point = _point(found.parts.get(place) or {}) if where <= HIGHEST else None
    levels = {
        "summary": max(RESPONSE.default_levels()["summary"], said if takes else 0),
        "detail": max(RESPONSE_ITEM.default_levels()["detail"], where if point else 0),
    }
    return Occasion(title if takes else "", site if takes else "", site_class, point, exercise, levels)


def _level(found: Released, part: str) -> int:
    return LEVELS.index(found.levels.get(part, LEVELS[0]))


def _site(actor: Subject, about: str, door: Door | None) -> tuple[str, str]:
    """The class of the site that an SOS belongs to, and its name."""
    if about:
        for each in find(
            actor, Query("site", ids=[about], parts=("identity",), sort="at"), door=door
        ).records:
            identity = each.parts.get("identity") or {}
            return identity.get("category", "elsewhere"), identity.get("name", "")
        if find(actor, Query("movement", ids=[about], parts=("notice",), sort="at"), door=door).records:
            return "journey", ""
    return "elsewhere", ""


def _point(place: Mapping[str, Any]) -> Point | None:
    latitude, longitude = place.get("latitude"), place.get("longitude")
    return None if latitude is None or longitude is None else Point(latitude, longitude)


def begin_response(
    actor: Subject,
    about: str,
    site_class: str = "",
    title: str = "",
    by: str = "",
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Begin the checklist that the class of the site prepares; the other room's items are offered to it at once.

    A room has one response open to the same SOS or incident: begun twice, it is that one.
    """
    at, now = occasion(actor, about, door), time.time()
    chosen = site_class or at.site_class
    files = load(here.home().path)
    if chosen not in files.checklists:
        raise Malformed("no checklist is prepared for this class of site")
    items = [
        {"task": _task(number, each, now), "detail": _detail(each, at)}
        for number, each in enumerate(files.checklists[chosen], 1)
    ]
    summary = {
        "title": title or at.title or chosen.replace("_", " "),
        "site": at.site,
        "site_class": chosen,
        "begun": iso(now),
        "exercise": at.exercise,
    }
    payload = {
        "actor": principals.to_wire(actor),
        "about": about,
        "summary": summary,
        "items": items,
        "levels": dict(at.levels),
        "by": by or actor.person,
        "key": key,
    }
    answer = (door or here.door()).call("watch_response", payload)
    return Committed(answer["record"], answer["version"], answer["index"])


def _task(number: int, each: Prepared, now: float) -> dict[str, Any]:
    task = {
        "sequence": number,
        "category": each.category,
        "room": each.room,
        "text": each.en,
        "text_ur": each.ur,
        "text_zh": each.zh,
    }
    return task | ({"due": iso(now + 60 * each.minutes)} if each.minutes else {})


def _detail(each: Prepared, at: Occasion) -> dict[str, Any] | None:
    if at.point is None:
        return None
    if each.category == "hospital":
        home = here.home().path
        return hospital_detail(at.point, each.trauma or NEEDED, load(home).hospitals, home)
    if each.category in PLACED:
        return {"latitude": at.point.lat, "longitude": at.point.lon}
    return None


def add_item(
    actor: Subject,
    response: str,
    category: str,
    text: str,
    room: str,
    due: str | None = None,
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """One more item; for the other room it is an offer."""
    held = [each.parts["task"]["sequence"] for each in _items(actor, response, door) if "task" in each.parts]
    task = {"sequence": max(held, default=0) + 1, "category": category, "room": room, "text": text}
    parts = {"task": task | ({"due": due} if due else {}), "progress": _progress(actor, by, "")}
    state = "open" if room == here.home().side else "offered"
    return commit(actor, Draft(RESPONSE_ITEM.name, parts, about=response, state=state), door=door)


def _items(actor: Subject, response: str, door: Door | None) -> list[Released]:
    query = Query(RESPONSE_ITEM.name, about=response, parts=("task", "progress"), sort="at", limit=500)
    return find(actor, query, door=door).records


def move_item(
    actor: Subject,
    item: str,
    seen: int,
    state: str,
    remark: str = "",
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Done, not needed, offered to the other room, taken back, open again."""
    parts = {"progress": _progress(actor, by, remark)}
    draft = Draft(RESPONSE_ITEM.name, parts, record=item, expected=seen, state=state)
    return commit(actor, draft, door=door)


def record_notice(
    actor: Subject,
    item: str,
    seen: int,
    told: Mapping[str, Any],
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """A person has told a consulate or a family: whom, when, by which means. The item is done by that."""
    found = _own(actor, item, door)
    if (found.parts.get("task") or {}).get("category") not in NOTICES:
        raise Malformed("only a notice says who told whom")
    parts = {"told": {"by": by or actor.person, **told}, "progress": _progress(actor, by, "")}
    draft = Draft(RESPONSE_ITEM.name, parts, record=item, expected=seen, state="done")
    return commit(actor, draft, door=door)


def take_item(
    actor: Subject, offered: str, by: str = "", remark: str = "", door: Door | None = None
) -> Committed:
    """Take an item that the other room offers, with a record of this room's own about it.

    The other room's is handed over when this arrives there. To hand it back, this one is offered in turn.
    """
    found = _own(actor, offered, door)
    task = found.parts.get("task")
    if not task:
        raise NotFound(offered)
    parts = {"task": {**task, "room": here.home().side}, "progress": _progress(actor, by, remark)}
    level = {"task": LEVELS.index(found.levels["task"])}
    return commit(
        actor, Draft(RESPONSE_ITEM.name, parts, about=offered, state="open", levels=level), door=door
    )


def close_road(
    actor: Subject, item: str, seen: int, detail: Mapping[str, Any], by: str = "", door: Door | None = None
) -> Committed:
    """Say which road is closed and around which place; the journeys on it are found from that."""
    found = _own(actor, item, door)
    given = {name: value for name, value in detail.items() if value not in (None, "")}
    parts = {
        "detail": {**(found.parts.get("detail") or {}), **given},
        "progress": _progress(actor, by, ""),
    }
    return commit(actor, Draft(RESPONSE_ITEM.name, parts, record=item, expected=seen), door=door)


def close_response(actor: Subject, response: str, seen: int, door: Door | None = None) -> Committed:
    """Everything on this room's list is done, handed over or not needed. Raises Malformed while something is open."""
    own = [each for each in _items(actor, response, door) if each.originator == here.home().party]
    if any(each.state in ("open", "offered") for each in own):
        raise Malformed("items of this room are still open, or offered and not taken")
    draft = Draft(RESPONSE.name, {}, record=response, expected=seen, state="closed")
    return commit(actor, draft, door=door)


def _own(actor: Subject, item: str, door: Door | None) -> Released:
    found = release(actor, item, door=door)
    if found.kind != RESPONSE_ITEM.name:
        raise NotFound(item)
    return found


def _progress(actor: Subject, by: str, remark: str) -> dict[str, Any]:
    return {"at": iso(time.time()), "by": by or actor.person, "remark": remark}
