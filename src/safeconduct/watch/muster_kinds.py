"""A muster: who is asked after, what each has answered, and the figures that may cross.

Each name on the roll is a record, so that one can be withdrawn, and each begins as unaccounted: silence is never shown
as safe. What the other party sees while it goes on is the figures, and names only where a clause gives them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from safeconduct.records.checks import about, all_of, requires
from safeconduct.records.fields import Code, Latitude, Longitude, Name, Named, RecordId, Text, located
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant

MusterScope = Literal["site", "area", "organisation", "journeys", "country"]
SCOPES: tuple[str, ...] = get_args(MusterScope)
ReplyMeans = Literal["phone", "sms", "warden", "device", "floor"]
MEANS: tuple[str, ...] = get_args(ReplyMeans)
STATES = ("unaccounted", "accounted", "unreachable", "needs_help")
MOST_HEADS = 100_000

Heads = Annotated[int, Field(ge=0, le=10_000_000)]


class MusterCall(PartModel):
    """What is asked, of whom in words, since when and until when an answer is waited for."""

    title: Named
    scope: MusterScope
    scope_name: Name = ""
    since: Instant
    due: Instant
    reason: Text = ""
    exercise: bool = False


class Target(PartModel):
    """Whom the scope means, by this party's own records; `radius_m` in metres around a place."""

    sites: Annotated[list[RecordId], Field(max_length=500)] = []
    organisation: RecordId = ""
    district: Name = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    radius_m: Annotated[float, Field(gt=0, le=2_000_000, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        located(self.latitude, self.longitude)
        if (self.latitude is None) != (self.radius_m is None):
            raise ValueError("a circle has a place and a radius")
        return self


class Roll(PartModel):
    """How many the roll names, and how old what it was made of is: `oldest` is the oldest of its sources."""

    expected: Heads
    as_of: Instant
    oldest: Instant | None = None
    complete: bool = False


class Reply(PartModel):
    """The last word on somebody: at its true time, by what means, and who said it."""

    at: Instant
    means: ReplyMeans
    by: Name = ""
    remark: Name = ""


class MusterWho(PartModel):
    """Who is asked after; `heads` more than one for a group of which only the number is known."""

    level: ClassVar[str] = "CONFIDENTIAL"
    name: Named
    name_ur: Name = ""
    name_zh: Name = ""
    site_name: Name = ""
    journey: Name = ""
    heads: Annotated[int, Field(ge=1, le=MOST_HEADS)] = 1


class RollLink(PartModel):
    """The account of whoever is asked after, who may answer for himself, and the site or journey he is asked after at;
    it never crosses."""

    level: ClassVar[str] = "CONFIDENTIAL"
    account: Code = ""
    place: RecordId = ""


class Count(PartModel):
    """The figures at a moment; they add up to what is expected."""

    expected: Heads
    accounted: Heads
    unaccounted: Heads
    unreachable: Heads
    needs_help: Heads
    as_of: Instant


MUSTER = register(
    Kind(
        name="muster",
        parts={"call": MusterCall, "target": Target, "roll": Roll},
        states=("open", "closed"),
        final=("closed",),
        check=requires("call", "a muster says what it asks"),
        dimensions={"time": ("call", "since"), "until": ("call", "due"), "category": ("call", "scope")},
        searched=("call.title", "call.scope_name"),
    )
)
ROLL_ENTRY = register(
    Kind(
        name="roll_entry",
        parts={"reply": Reply, "who": MusterWho, "link": RollLink},
        states=STATES,
        check=all_of(about("muster"), requires("who", "an entry says who is asked after")),
        dimensions={"time": ("reply", "at"), "category": ("reply", "means"), "place": ("who", "site_name")},
        searched=("who.name", "who.name_ur", "who.name_zh"),
        names=("who.name", "who.name_ur", "who.name_zh"),
        falls_with=True,
    )
)
MUSTER_FIGURE = register(
    Kind(
        name="muster_figure",
        parts={"count": Count},
        check=all_of(about("muster"), requires("count", "a figure counts")),
        dimensions={"time": ("count", "as_of"), "figure": ("count", "accounted")},
        falls_with=True,
    )
)
