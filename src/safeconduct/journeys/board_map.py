"""The live map: journeys under way with their planned route, where they were last heard of, who holds each leg.

Opening it reads itineraries and positions, and each reading is noted where the agreement says so; therefore only
the last position of a journey is read, and later only what has changed. The table beside it says the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.links import links_down
from safeconduct.journeys import board_rows as rows
from safeconduct.journeys.board import LIVE
from safeconduct.journeys.board_drawing import Feature, Seen, collection, drawn, is_schematic, legend, places
from safeconduct.journeys.board_journeys import Journey, certain, under_way
from safeconduct.journeys.board_times import Clock
from safeconduct.journeys.underway_course import instant_of
from safeconduct.positions.kinds import TrackPosition
from safeconduct.positions.reading import newest, received
from safeconduct.positions.store import OWN, Position
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.templatetags.shell import label_banner

AT_ONCE = 100
STALE_SECONDS = 300.0
"""Seconds after which a position no longer says where a journey is, but where it was; as in map/journeys.js."""
EVERY = "*"
"""Asks for every journey under way: after a line that was lost nobody knows what has changed."""


@dataclass(frozen=True)
class MapLine:
    """One journey in the table beside the map."""

    line: rows.BoardLine
    seen: Seen | None
    seen_at: str
    withheld: bool
    focus: str
    sent_by: str
    stale: bool


@require_safe
@answering
def board_map(request: HttpRequest) -> HttpResponse:
    """The journeys under way on the map, and the same in a table."""
    now = time.time()
    reader = reader_of(request)
    journeys = sorted(under_way(reader, now), key=rows.order)
    positions, unseen = last_seen(reader, journeys)
    features = [*places(reader), *drawn(journeys, positions, now)]
    lines = rows.Lines(reader, here.state().policy, now, links_down(now), may_answer=False)
    clock = Clock(now)
    shown = [_line(lines, clock, each, positions, unseen) for each in journeys]
    context = {
        "lines": shown,
        "now": now,
        "clock_now": clock.at(now),
        "zone": clock.zone_name,
        "features": collection(features, now),
        "units": legend(journeys),
        "schematic": any(is_schematic(each) for each in journeys),
        "live_url": LIVE,
        "page_level": _level(shown, positions, features),
    }
    return render(request, "journeys/board_map.html", context)


@require_safe
@answering
def map_features(request: HttpRequest) -> JsonResponse:
    """What is drawn of certain journeys as they are now; who is not in the answer is on the map no more."""
    now = time.time()
    reader = reader_of(request)
    asked = request.GET.get("ids", "")
    ids = [each for each in asked.split(",") if each][:AT_ONCE]
    if asked == EVERY:
        journeys = under_way(reader, now)
    else:
        journeys = [each for each in certain(reader, ids, now, places=True) if _goes(each)] if ids else []
    positions, unseen = last_seen(reader, journeys)
    lines = rows.Lines(reader, here.state().policy, now, links_down(now), may_answer=False)
    clock = Clock(now)
    shown = [_line(lines, clock, each, positions, unseen) for each in journeys]
    body = collection(list(drawn(journeys, positions, now)), now)
    body["lines"] = {
        each.line.id: render_to_string("journeys/_board_map_line.html", {"each": each}, request)
        for each in shown
    }
    body["banner"] = label_banner(_level(shown, positions, body["features"]))
    return JsonResponse(body, content_type="application/geo+json")


def _level(shown: Sequence[MapLine], positions: Mapping[str, Seen], features: Sequence[Feature]) -> str:
    labels = [each.line.label for each in shown] + [seen.label for seen in positions.values()]
    return rows.highest(
        labels + [each["properties"]["level"] for each in features if "level" in each["properties"]]
    )


def last_seen(reader: Subject, journeys: Sequence[Journey]) -> tuple[dict[str, Seen], set[str]]:
    """The last position of each journey that the reader may see, and those whose last one is withheld.

    Only these positions are read, not the track: `journey.check_ins` says of each whether it would be shown.
    """
    wanted, unseen = {}, set()
    for journey in journeys:
        heard = [each for each in journey.check_ins if each.parts.get("word")]
        heard.sort(key=lambda each: instant_of(each.parts["word"]["at"]), reverse=True)
        for each in heard:
            told = each.told.get("position", "absent")
            if told == "shown":
                wanted[each.id] = each.about
                break
            if told in ("withheld", "awaited"):
                unseen.add(journey.movement.id)
    found = _from_phones(reader, journeys)
    page = find(
        reader,
        Query("check_in", ids=list(wanted), parts=("word", "position"), sort="at", limit=max(1, len(wanted))),
    )
    for each in page.records:
        said, position, movement = each.parts.get("word"), each.parts.get("position"), wanted[each.id]
        if not said or not position:
            continue
        at = instant_of(said["at"])
        if movement not in found or found[movement].at < at:
            place = (position["latitude"], position["longitude"], position.get("accuracy_m"))
            found[movement] = Seen(*place, at, said.get("point", ""), each.label)
    return found, unseen - set(found)


def _from_phones(reader: Subject, journeys: Sequence[Journey]) -> dict[str, Seen]:
    """The newest positions of phones: of own devices for journeys whose itinerary has just been read, since who may
    read that may see where the journey is and the one note says both; of the other party's by the clause about them."""
    level = {each.movement.id: each.movement.label for each in journeys}
    read = {each.movement.id for each in journeys if each.movement.parts.get("itinerary")}
    found = newest(dict.fromkeys(sorted(read), frozenset({OWN})))
    for movement, fix in received(reader, sorted(level)).items():
        if movement not in found or found[movement].at < fix.at:
            found[movement] = fix
    return {movement: _seen(fix, level[movement]) for movement, fix in found.items()}


def _seen(fix: Position, label: str) -> Seen:
    level = rows.highest([label, TrackPosition.level]) if fix.party else label
    return Seen(fix.latitude, fix.longitude, fix.accuracy_m, fix.at, "", level, fix.party)


def _goes(journey: Journey) -> bool:
    return rows.group_of(journey) != "ended" and journey.stage in ("under_way", "overdue")


def _line(
    lines: rows.Lines, clock: Clock, journey: Journey, positions: Mapping[str, Seen], unseen: set[str]
) -> MapLine:
    seen = positions.get(journey.movement.id)
    return MapLine(
        lines.line(journey),
        seen,
        clock.at(seen.at) if seen is not None else "",
        journey.movement.id in unseen,
        f"{seen.longitude},{seen.latitude}" if seen is not None else "",
        _name(seen.party) if seen is not None and seen.party else "",
        seen is not None and clock.now - seen.at > STALE_SECONDS,
    )


def _name(party: str) -> str:
    partner = here.home().partners.get(party)
    return partner.name if partner is not None else party
