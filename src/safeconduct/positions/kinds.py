"""What a clause calls the positions of a journey: the track. No record of it is ever made."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from safeconduct.records.fields import Latitude, Longitude
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.telemetry import never_recorded

MOVEMENT, ITINERARY = "movement", "itinerary"
"""Who may read this part may see where the own devices say that the journey is."""


class TrackPosition(PartModel):
    """One fix: seconds since 1970, degrees, metres, metres a second, degrees from north. Whose device it was is not
    in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    level: ClassVar[str] = "CONFIDENTIAL"

    at: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    latitude: Latitude
    longitude: Longitude
    accuracy_m: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)] | None = None
    speed: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] | None = None
    heading: Annotated[float, Field(ge=0, le=360, allow_inf_nan=False)] | None = None


TRACK = register(
    Kind(
        name="track",
        parts={"position": TrackPosition},
        states=("notified", "under_way", "overdue", "arrived", "cancelled"),
        final=("arrived", "cancelled"),
        check=never_recorded,
        telemetry_of=(MOVEMENT, ITINERARY),
    )
)
