"""The way that a journey has come, shown once: on a map, and the last of it in a table. Opening it is a reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.journeys.kinds import MOVEMENT
from safeconduct.positions.kinds import ITINERARY, TrackPosition
from safeconduct.positions.reading import track
from safeconduct.positions.store import Position
from safeconduct.records import here
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import heading
from safeconduct.shell.answers import answering, reader_of

ON_THE_MAP = 500
IN_THE_TABLE = 100


@require_safe
@answering
def way(request: HttpRequest, movement: str) -> HttpResponse:
    """Every position of a journey that is kept, for those who may follow it."""
    reader = reader_of(request)
    found = track(reader, movement)
    head = heading(movement)
    if head is None:
        raise NotFound(movement)
    label = head[0].levels >> 2 * MOVEMENT.bit(ITINERARY) & 3
    context = {
        "movement": movement,
        "count": len(found),
        "rows": [_row(each) for each in reversed(found[-IN_THE_TABLE:])],
        "points": {"type": "FeatureCollection", "features": [_feature(each) for each in thinned(found)]},
        "page_level": LEVELS[max(label, LEVELS.index(TrackPosition.level))],
    }
    return render(request, "journeys/way.html", context)


def thinned(found: Sequence[Position], most: int = ON_THE_MAP) -> list[Position]:
    """No more positions than a map shows well, evenly taken, with the first and the last."""
    if len(found) <= most:
        return list(found)
    step = (len(found) - 1) / (most - 1)
    return [found[round(step * number)] for number in range(most)]


def _row(each: Position) -> dict[str, Any]:
    return {
        "at": each.at,
        "latitude": each.latitude,
        "longitude": each.longitude,
        "accuracy": each.accuracy_m,
        "party": each.party or here.home().party,
    }


def _feature(each: Position) -> dict[str, Any]:
    at = datetime.fromtimestamp(each.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [each.longitude, each.latitude]},
        "properties": {"title": at, "when": at, "exact": True},
    }
