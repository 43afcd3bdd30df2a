"""What a journey manager kept of the ways there are: their figures, what these rest on, and who chose which, and why.

The figures are an input to a decision that a person makes and answers for. They stay as they were reckoned; whoever
wants others assesses again. It stays with the party that made it: nothing of it is put before the other party.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from safeconduct.records.checks import about_if_any, all_of, requires, stays
from safeconduct.records.fields import Detail, Latitude, Longitude, Name, Named, Text
from safeconduct.records.kinds import Kind, PartModel, PartRefused, register
from safeconduct.records.moments import Instant, Moment, instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed

Verdict = Literal["lower", "higher", "no_difference", "unknown"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
Per = Literal["vehicle", "person"]
MOST_WAYS, MOST_POINTS, MOST_HALTS, MOST_STRETCHES = 12, 300, 20, 6
LONGEST_TERM = timedelta(days=31)
"""A choice holds no longer: the figures grow old."""

Count = Annotated[int, Field(ge=0, le=10_000_000)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Spot(Detail):
    place: Named
    latitude: Latitude
    longitude: Longitude


class Halt(Spot):
    minutes: Annotated[float, Field(ge=0, le=20_160, allow_inf_nan=False)]


class Against(Detail):
    """A way by the quickest one: the ratio of expected incidents, the interval of its draws, and the share of draws in
    which it has fewer."""

    verdict: Verdict
    ratio: Number | None = None
    low: Number | None = None
    high: Number | None = None
    lower: Share


class Stretch(Detail):
    """What a way has in one cell: near which town, its length, its share of the figure, the incidents in the cell."""

    near: Name = ""
    metres: Number
    share: Share
    year: Count
    ever: Count


class Course(Detail):
    """A way and its figures, with the cells that have most of them.

    `expected`, `low`, `high`: incidents near one passage, with the interval of the draws.
    `year`, `ever`: incidents in the cells passed. `halts`: the numbers of the halts that lie on it, from 0."""

    coordinates: Annotated[list[tuple[Longitude, Latitude]], Field(min_length=2, max_length=MOST_POINTS)]
    distance_m: Annotated[float, Field(ge=0, le=50_000_000, allow_inf_nan=False)]
    duration_s: Annotated[float, Field(ge=0, le=50_000_000, allow_inf_nan=False)]
    roads: Annotated[list[Name], Field(max_length=60)] = []
    towns: Annotated[list[Name], Field(max_length=60)] = []
    expected: Number
    low: Number
    high: Number
    year: Count
    ever: Count
    beyond_m: Number
    halts: Annotated[list[int], Field(max_length=MOST_HALTS)] = []
    stretches: Annotated[list[Stretch], Field(max_length=MOST_STRETCHES)] = []
    against: Against | None = None


class Options(PartModel):
    """From where to where, on which day, and the ways there are, the quickest first."""

    level: ClassVar[str] = "CONFIDENTIAL"

    origin: Spot
    destination: Spot
    depart: Moment
    halts: Annotated[list[Halt], Field(max_length=MOST_HALTS)] = []
    ways: Annotated[list[Course], Field(min_length=1, max_length=MOST_WAYS)]


class Crash(Detail):
    """Road deaths per billion km of vehicles or of persons, as somebody stated them; not from incidents."""

    rate: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
    per: Per
    source: Named


class Basis(PartModel):
    """What the figures rest on: which incidents, which assumptions, which draws, which roads.

    `known`: incidents that the assessor could see; `joined`: those of the same event as another; `counted`: those known
    well enough in place and time to count; `passed`: those of the last 365 days in any of the cells passed, of which
    the first `named` are named by the record.
    """

    at: Instant
    by: Named
    until: Moment
    newest: Moment | None = None
    known: Count
    joined: Count = 0
    counted: Count
    passed: Count
    named: Count
    half_width_km: Annotated[float, Field(gt=0, le=25)]
    window_minutes: Annotated[float, Field(gt=0, le=1_440)]
    times: Annotated[float, Field(gt=0, le=100)] = 1.0
    longest: Annotated[float, Field(ge=1, le=5)]
    draws: Annotated[int, Field(ge=1, le=100_000)]
    seed: Annotated[int, Field(ge=0)]
    method: Named
    roads: Name = ""
    licence: Name = ""
    schematic: bool = False
    crash: Crash | None = None


class Choice(PartModel):
    """Which way (counted from 1) was chosen, by whom, why, and until when that holds."""

    level: ClassVar[str] = "CONFIDENTIAL"

    way: Annotated[int, Field(ge=1, le=MOST_WAYS)]
    why: Annotated[Text, Field(min_length=1)]
    expires: Moment
    at: Instant
    by: Named

    @model_validator(mode="after")
    def _holds_for_a_while(self) -> Self:
        if not instant(self.at) < instant(self.expires) <= instant(self.at) + LONGEST_TERM:
            raise ValueError("a choice ends after it is made, and within 31 days")
        return self


def _check_choice(_tx: Any, given: Any) -> None:
    """A person chooses one of the ways there are, once."""
    state, before = given.header["state"], given.previous.state if given.previous else None
    choice = given.parts.get("choice")
    if before is None:
        if choice or state != "assessed":
            raise Malformed("ways are assessed first, and chosen from after that")
        return
    if before == "dropped":
        raise Malformed("this was dropped: assess again")
    if before == "chosen":
        if "choice" in given.parts or state == "assessed":
            raise Malformed("a choice stays as it was made: assess again")
        return
    if (state == "chosen") != bool(choice):
        raise Malformed("a choice makes it chosen, and nothing else does")
    if not choice:
        return
    if given.act != "approve" or given.subject.person == SYSTEM:
        raise Malformed("a way is chosen by a person who may approve it")
    ways = (given.previous.values().get("options") or {}).get("ways") or []
    if choice["way"] > len(ways):
        raise PartRefused("route_option", [("choice", "way", "there is no way of that number")])


ROUTE_OPTION = register(
    Kind(
        name="route_option",
        parts={"options": Options, "basis": Basis, "choice": Choice},
        states=("assessed", "chosen", "dropped"),
        final=("dropped",),
        check=all_of(
            about_if_any("movement"),
            requires("options", "route options have the ways there are"),
            requires("basis", "route options say what they rest on"),
            stays("options", "basis", why="figures stay as they were reckoned: assess again"),
            _check_choice,
        ),
        dimensions={"time": ("options", "depart"), "until": ("choice", "expires")},
        searched=("choice.why",),
    )
)
