"""A forecast that was issued: what it rests on, what it expects where, how its method did before, and what for.

It is about places and days, never about persons. It stays as it was issued; what came is shown beside it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from safeconduct.records.checks import all_of, requires, stays
from safeconduct.records.fields import Detail, Latitude, Longitude, Name, Named, Text
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant, Moment
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed

Method = Literal["standard", "scales"]
METHODS: tuple[str, ...] = get_args(Method)
Verdict = Literal["better", "mixed", "none", "worse", "few", ""]
Made = Literal["polygons", "around"]
MOST_CELLS, MOST_PROVINCES = 50, 200
Count = Annotated[int, Field(ge=0, le=100_000_000)]
Number = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
CellId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{15,16}$")]


class Basis(PartModel):
    """`origin`: the first day; `days`: how many. `lag`: days taken as still unreported. `known`: incidents that the
    author might know of; `used`: of these, before the origin less the lag and sure in place and day; `year`: of
    these, in 365 days. `named`: how many the record names as what it is derived from.
    """

    origin: Moment
    days: Annotated[int, Field(ge=1, le=90)]
    lag: Annotated[int, Field(ge=0, le=365)]
    known: Count
    used: Count
    year: Count
    named: Count
    newest: Moment
    newest_party: Name = ""
    made: Made
    reach_km: Number | None = None
    cells: Count
    area_km2: Number
    resolution: Annotated[int, Field(ge=0, le=15)]
    seed: Count = 0
    at: Instant
    by: Named


class Expected(Detail):
    """Incidents in a cell; `option` is what the other method expects there. Interval of 90 %."""

    cell: CellId
    latitude: Latitude
    longitude: Longitude
    name: Name = ""
    expected: Number
    low: Number
    high: Number
    option: Number | None = None
    year: Count
    ever: Count

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.high:
            raise ValueError("an interval goes from its low end to its high one")
        return self


class Where(PartModel):
    """The cells with most expected for their size, and the sum over the area."""

    method: Method
    total: Number
    low: Number
    high: Number
    cells: Annotated[list[Expected], Field(min_length=1, max_length=MOST_CELLS)]


class Score(Detail):
    method: Name
    hit1: Share | None = None
    hit5: Share | None = None
    brier: Number
    log_loss: Number
    expected: Number
    skill: Finite | None = None
    skill_low: Finite | None = None
    skill_high: Finite | None = None


class Province(Detail):
    name: Name
    incidents: Count
    expected: Number
    hit5: Share | None = None


class Tried(PartModel):
    """How the methods did in the weeks before; `provinces` those of the method that was issued."""

    first: Moment
    last: Moment
    windows: Count
    incidents: Count
    outside: Count
    verdict: Verdict
    scores: Annotated[list[Score], Field(min_length=1, max_length=12)]
    provinces: Annotated[list[Province], Field(max_length=MOST_PROVINCES)] = []


class Use(PartModel):
    """Who is to decide what with it. A forecast decides nothing."""

    purpose: Text
    decider: Named


def _check(_tx: Any, given: Any) -> None:
    if given.subject.person == SYSTEM:
        raise Malformed("a person issues a forecast")


FORECAST = register(
    Kind(
        name="forecast",
        parts={"basis": Basis, "expected": Where, "tried": Tried, "use": Use},
        states=("issued",),
        check=all_of(
            requires("basis", "a forecast says what it rests on"),
            requires("expected", "a forecast says what it expects"),
            requires("use", "a forecast says who decides what with it"),
            stays(
                "basis", "expected", "tried", "use", why="a forecast stays as it was issued: issue another"
            ),
            _check,
        ),
        dimensions={"time": ("basis", "origin"), "category": ("expected", "method")},
        searched=("use.purpose", "use.decider"),
    )
)
