"""An SOS and what both rooms say about it.

An SOS is of the party whose person, device or watch floor raised it, and about the movement or the site it belongs to,
if any. Each room acknowledges with its own clock in
a record of its own; the Host Party says which unit it tasked, and where that unit is in a part that no clause lets the
Partner Party see. A stand-down is the word of who raised it; under duress the SOS goes on.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from safeconduct.records.checks import about, about_if_any, all_of, requires
from safeconduct.records.fields import (
    Code,
    Latitude,
    Longitude,
    Minutes,
    Name,
    RecordId,
    Text,
    located,
)
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant

SosCategory = Literal["person", "vehicle", "site", "journey", "device"]
SOS_CATEGORIES: tuple[str, ...] = get_args(SosCategory)
Means = Literal["phone", "device", "floor"]
PlaceSource = Literal["phone", "device", "stated", "site", "journey"]
Room = Literal["host", "partner"]
StandDownCategory = Literal["safe_word", "false_alarm", "floor", "device"]


class Call(PartModel):
    """That help is asked for. `at` is when the button was pressed, `received` when this node heard of it."""

    category: SosCategory = "person"
    at: Instant
    received: Instant
    means: Means = "phone"
    site_name: Name = ""
    district: Name = ""
    persons: Annotated[int, Field(ge=1, le=100_000)] = 1
    exercise: bool = False
    headline: Name = ""


class Place(PartModel):
    """Where, and how that is known; degrees WGS 84, metres."""

    level: ClassVar[str] = "CONFIDENTIAL"
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    accuracy_m: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)] | None = None
    at: Instant | None = None
    source: PlaceSource = "stated"
    stated: Name = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        located(self.latitude, self.longitude)
        return self


class Caller(PartModel):
    """Who asks for help; `person` is the account's person id."""

    level: ClassVar[str] = "CONFIDENTIAL"
    person: Code = ""
    name: Name = ""
    phone: Name = ""
    device: RecordId = ""


class Words(PartModel):
    """What the caller said."""

    level: ClassVar[str] = "CONFIDENTIAL"
    text: Text = ""


class Rooms(PartModel):
    """Since when each room has it, as far as this node has heard: what the one who called is told."""

    host: Instant | None = None
    partner: Instant | None = None


class Receipt(PartModel):
    """A room has the SOS and a person in it has taken it on, by that room's clock."""

    at: Instant
    room: Room
    by: Name = ""
    remark: Text = ""


class Duty(PartModel):
    """The unit that was tasked, and with what."""

    unit: Code
    unit_name: Name = ""
    at: Instant
    task: Text = ""


class Whereabouts(PartModel):
    """Where the unit is. No clause gives this to the other party."""

    level: ClassVar[str] = "SECRET"
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    at: Instant | None = None
    minutes_away: Minutes | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        located(self.latitude, self.longitude)
        return self


class StandDownWord(PartModel):
    """Who said that help is no longer needed, when and how."""

    at: Instant
    by: Name = ""
    category: StandDownCategory
    remark: Text = ""


class Genuineness(PartModel):
    """Whether the word was the duress word: help is needed still, and whoever asks must not learn that it is known."""

    level: ClassVar[str] = "CONFIDENTIAL"
    under_duress: bool = False


SOS = register(
    Kind(
        name="sos",
        parts={"call": Call, "place": Place, "caller": Caller, "words": Words, "rooms": Rooms},
        states=("raised", "stood_down", "false_alarm"),
        final=("stood_down", "false_alarm"),
        check=all_of(about_if_any("movement", "site"), requires("call", "an SOS says when it was raised")),
        inherits_bearers=True,
        dimensions={
            "time": ("call", "at"),
            "category": ("call", "category"),
            "place": ("call", "district"),
            "latitude": ("place", "latitude"),
            "longitude": ("place", "longitude"),
        },
        searched=("call.headline", "call.site_name", "place.stated", "words.text"),
    )
)
SOS_ACKNOWLEDGEMENT = register(
    Kind(
        name="sos_acknowledgement",
        parts={"receipt": Receipt},
        check=all_of(about("sos"), requires("receipt", "an acknowledgement says when")),
        inherits_bearers=True,
        dimensions={"time": ("receipt", "at")},
        falls_with=True,
    )
)
TASKING = register(
    Kind(
        name="tasking",
        parts={"duty": Duty, "whereabouts": Whereabouts},
        states=("tasked", "under_way", "on_scene", "released"),
        final=("released",),
        check=all_of(about("sos", "incident"), requires("duty", "a tasking names its unit")),
        assigns=("duty", "unit"),
        dimensions={"time": ("duty", "at")},
        falls_with=True,
    )
)
STAND_DOWN = register(
    Kind(
        name="stand_down",
        parts={"word": StandDownWord, "genuineness": Genuineness},
        check=all_of(about("sos"), requires("word", "a stand-down says when")),
        inherits_bearers=True,
        dimensions={"time": ("word", "at"), "category": ("word", "category")},
        falls_with=True,
    )
)
