"""The Movement Notification, by the Partner Party: its notice, itinerary, vehicles, check-in plan, travellers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from safeconduct.records.fields import (
    Code,
    Detail,
    Latitude,
    Longitude,
    Minutes,
    Name,
    Named,
    RecordId,
    located,
)
from safeconduct.records.kinds import PartModel
from safeconduct.records.moments import Instant, in_order

MovementCategory = Literal["single", "group", "recurring"]
MOVEMENT_CATEGORIES: tuple[str, ...] = get_args(MovementCategory)

MAX_STOPS = 50
MAX_VEHICLES = 200
MAX_ROUTE_POINTS = 5_000
MAX_CHECK_POINTS = 100
CORRIDOR_M = 2_000
"""How far from its route a vehicle may be before it has left it, unless the notice says otherwise."""


class Notice(PartModel):
    """The Movement Notification as far as it may travel early: when, between which districts, how many.

    `since` is the earliest departure and `until` the latest arrival; the exact itinerary opens later.
    """

    reference: Named
    purpose: Name = ""
    category: MovementCategory = "single"
    since: Instant
    until: Instant
    origin_district: Named
    destination_district: Named
    districts: Annotated[list[Named], Field(max_length=100)] = []
    persons: Annotated[int, Field(ge=1, le=10_000)]
    vehicles: Annotated[int, Field(ge=0, le=MAX_VEHICLES)] = 0
    emergency: bool = False
    organisation: Name = ""
    exercise: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not in_order(self.since, self.until):
            raise ValueError("the latest arrival is not before the earliest departure")
        return self


class End(Detail):
    """Where a movement begins or ends; `site` is a site's record id where it is one."""

    place: Named
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    site: RecordId = ""

    @model_validator(mode="after")
    def _both(self) -> Self:
        located(self.latitude, self.longitude)
        return self


class Stop(Detail):
    place: Named
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    arrive: Instant | None = None
    minutes: Minutes = 0

    @model_validator(mode="after")
    def _both(self) -> Self:
        located(self.latitude, self.longitude)
        return self


class Route(Detail):
    """The way it is meant to take; `schematic` when it was found on a graph that is not for navigation."""

    coordinates: Annotated[list[tuple[Longitude, Latitude]], Field(min_length=2, max_length=MAX_ROUTE_POINTS)]
    distance_m: Annotated[float, Field(ge=0, le=50_000_000, allow_inf_nan=False)]
    duration_s: Annotated[float, Field(ge=0, le=50_000_000, allow_inf_nan=False)]
    source: Name = ""
    schematic: bool = False


class Itinerary(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    origin: End
    destination: End
    stops: Annotated[list[Stop], Field(max_length=MAX_STOPS)] = []
    depart: Instant
    arrive: Instant
    route: Route | None = None
    corridor_m: Annotated[int, Field(ge=50, le=100_000)] = CORRIDOR_M

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not in_order(self.depart, self.arrive):
            raise ValueError("arrival is not before departure")
        return self


class Vehicle(Detail):
    plate: Name = ""
    type: Name = ""
    armoured: bool = False


class Vehicles(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    vehicles: Annotated[list[Vehicle], Field(max_length=MAX_VEHICLES)] = []


class CheckPoint(Detail):
    """A point at which the journey is to be heard of, and when."""

    name: Named
    due: Instant
    latitude: Latitude | None = None
    longitude: Longitude | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        located(self.latitude, self.longitude)
        return self


class CheckPlan(PartModel):
    """When a check-in is due. From `window_minutes` before the due time on, word counts for the point; when
    `allowance_minutes` have passed after the due time without any, it is missed."""

    points: Annotated[list[CheckPoint], Field(max_length=MAX_CHECK_POINTS)] = []
    window_minutes: Annotated[int, Field(ge=0, le=1_440)] = 15
    allowance_minutes: Annotated[int, Field(ge=0, le=1_440)] = 15


class Contact(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    name: Name = ""
    phone: Name = ""


class Traveller(PartModel):
    """One person on the manifest, the name as that person writes it."""

    level: ClassVar[str] = "CONFIDENTIAL"

    name: Named
    name_ur: Name = ""
    name_zh: Name = ""
    name_latin: Name = ""
    nationality: Name = ""
    employer: Name = ""


class TravellerDocument(PartModel):
    level: ClassVar[str] = "SECRET"

    passport: Name = ""


class TravellerLink(PartModel):
    """Which of the own records and accounts the traveller is; it never crosses."""

    level: ClassVar[str] = "CONFIDENTIAL"

    person: RecordId = ""
    account: Code = ""
