"""Where journeys are and which way they came, shown once; each answer is noted as a reading before it leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, reader
from safeconduct.positions import reading
from safeconduct.positions.store import Position
from safeconduct.records import here

router = Router(tags=["journeys"])


class At(Schema):
    """One position of a journey; `party` is whose node took it."""

    movement: str
    at: datetime
    latitude: float
    longitude: float
    accuracy_m: float | None
    speed: float | None
    heading: float | None
    party: str


class Positions(Schema):
    items: list[At]


class Movements(Schema):
    movements: str = Field(
        max_length=33 * reading.MOST_MOVEMENTS, description="Ids, parted by commas.", pattern="^[0-9a-f,]+$"
    )


@router.get("/positions", response=Positions, summary="The newest position of each of these journeys")
def newest_positions(request: Asked, asked: Query[Movements]) -> HttpResponse:
    """Of those that the asker may follow now; the others are left out without a word."""
    only(request, Movements)
    found = reading.latest(reader(request), [each for each in asked.movements.split(",") if each])
    return wire.answer({"items": [_at(found[movement]) for movement in sorted(found)]})


@router.get("/movements/{movement}/track", response=Positions, summary="The way a journey has come")
def read_track(request: Asked, movement: str) -> HttpResponse:
    """Every position that is still kept, oldest first; the newest 20,000 when there are more."""
    only(request)
    return wire.answer({"items": [_at(each) for each in reading.track(reader(request), movement)]})


def _at(each: Position) -> dict[str, Any]:
    return {
        "movement": each.movement,
        "at": wire.moment(datetime.fromtimestamp(each.at, UTC)),
        "latitude": each.latitude,
        "longitude": each.longitude,
        "accuracy_m": each.accuracy_m,
        "speed": each.speed,
        "heading": each.heading,
        "party": each.party or here.home().party,
    }
