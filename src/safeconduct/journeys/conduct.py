"""What both parties say about a movement: receipt, decision, legs, handovers, check-ins, remarks, escalation."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from safeconduct.records.fields import Code, Latitude, Longitude, Minutes, Name, Named, Text, located
from safeconduct.records.kinds import PartModel
from safeconduct.records.moments import Instant, in_order

CheckInCategory = Literal["departed", "check_in", "delayed", "arrived"]
CHECK_IN_CATEGORIES: tuple[str, ...] = get_args(CheckInCategory)
Stance = Literal["comment", "objection"]
STANCES: tuple[str, ...] = get_args(Stance)


class Receipt(PartModel):
    """A duty bearer has the notification. It says nothing about whether the movement may go."""

    at: Instant
    unit: Code = ""
    by: Name = ""
    remark: Text = ""


class Decision(PartModel):
    """The decision on a movement; `conditions` are what a clearance asks for. It guarantees nothing."""

    reason: Text = ""
    conditions: Text = ""
    by: Name = ""
    at: Instant


class Course(PartModel):
    """One unit's stretch of the way; `handover_place` is where the next unit takes over."""

    sequence: Annotated[int, Field(ge=1, le=100)]
    from_place: Named
    to_place: Named
    from_latitude: Latitude | None = None
    from_longitude: Longitude | None = None
    to_latitude: Latitude | None = None
    to_longitude: Longitude | None = None
    district: Name = ""
    depart: Instant
    arrive: Instant
    handover_place: Name = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        located(self.from_latitude, self.from_longitude)
        located(self.to_latitude, self.to_longitude)
        if not in_order(self.depart, self.arrive):
            raise ValueError("arrival is not before departure")
        return self


class Duty(PartModel):
    """The unit answerable for the leg, and where it can be reached."""

    unit: Annotated[Code, StringConstraints(min_length=1)]
    unit_name: Name = ""
    contact: Name = ""


class Escort(PartModel):
    level: ClassVar[str] = "SECRET"

    vehicles: Annotated[int, Field(ge=0, le=1_000)] | None = None
    strength: Annotated[int, Field(ge=0, le=100_000)] | None = None
    callsign: Name = ""
    remarks: Text = ""


class Point(PartModel):
    """Where and when one unit hands the journey to the next. `to_leg` is the sequence number of the leg that
    begins there: a number that both parties can read, which a record id is not."""

    to_leg: Annotated[int, Field(ge=1, le=100)]
    from_unit: Code
    to_unit: Code
    place: Name = ""
    due: Instant


class Word(PartModel):
    """The two words of a handover. Until `taken_at` the giving unit holds the journey."""

    given_at: Instant | None = None
    given_by: Name = ""
    taken_at: Instant | None = None
    taken_by: Name = ""


class CheckIn(PartModel):
    """That the journey was heard of at `at`, its true time; `entered` is when the node was told."""

    at: Instant
    category: CheckInCategory = "check_in"
    point: Name = ""
    delay_minutes: Minutes | None = None
    by: Name = ""
    entered: Instant


class CheckInPosition(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    latitude: Latitude
    longitude: Longitude
    accuracy_m: Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False)] | None = None


class Remark(PartModel):
    text: Annotated[str, StringConstraints(min_length=1, max_length=5_000)]
    stance: Stance = "comment"
    by: Name = ""
