"""What an incident is made of, and what one party says about it.

An incident's parts are split by who may need them: what happened, when and where travel easily; people and
method are held closer; the response (units, positions, measures taken) is closest. A claim is one party's
figure or statement about an incident, with its source graded A-F / 1-6 (the admiralty scale); claims that
differ stand side by side.

Precision follows UCDP: `time_precision` 1 the day, 2 two to six days, 3 the week, 4 the month, 5 longer;
`geo_precision` 1 exact, 2 within about 25 km, 3 district, 4 province, 5 linear or fuzzy, 6 country, 7 sea or
air. Figures are counts of persons as low, best and high.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, HttpUrl, StringConstraints, TypeAdapter, ValidationError, model_validator

from safeconduct.records.fields import Credibility, Reliability
from safeconduct.records.kinds import Kind, PartModel, PartRefused, register
from safeconduct.records.moments import Moment, in_order
from safeconduct.records.refusals import Malformed

STATES = ("immediate", "update", "post_incident", "closed")

Category = Literal[
    "attack", "kidnapping", "threat", "accident", "unrest", "crime", "natural", "leak", "other"
]  # fmt: skip
CATEGORIES: tuple[str, ...] = get_args(Category)
Target = Literal[
    "protected_person",
    "project",
    "convoy",
    "institution",
    "residence",
    "infrastructure",
    "security_force",
    "civilians",
    "other",
    "unknown",
]
TARGETS: tuple[str, ...] = get_args(Target)
MethodType = Literal[
    "suicide_bombing",
    "vehicle_bomb",
    "explosive_device",
    "shooting",
    "ambush",
    "indirect_fire",
    "air_or_drone",
    "assault",
    "abduction",
    "arson",
    "crowd",
    "robbery",
    "other",
    "unknown",
]
METHODS: tuple[str, ...] = get_args(MethodType)
Measured = Literal[
    "killed",
    "injured",
    "missing",
    "kidnapped",
    "killed_foreign",
    "injured_foreign",
    "killed_host",
    "injured_host",
    "attackers",
    "vehicles",
    "explosives_kg",
]
MEASURED: tuple[str, ...] = get_args(Measured)
UNITS = {"explosives_kg": "kg", "vehicles": "vehicles"}
"""The unit of a measured figure; persons for all others. Only kilograms may be a fraction."""
Claimant = Literal["host", "partner", "press", "other"]
CLAIMANTS: tuple[str, ...] = get_args(Claimant)

Name = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Quantity = Annotated[int | float, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)]

_web_address: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


def _checked_address(url: str | None) -> None:
    if not url:
        return
    try:
        _web_address.validate_python(url)
    except ValidationError:
        raise ValueError("url must be a web address that begins with http:// or https://") from None


def _ascending(name: str, low: float | None, best: float | None, high: float | None) -> None:
    known = [number for number in (low, best, high) if number is not None]
    if known != sorted(known):
        raise ValueError(f"{name}: low, best and high must not descend (got {low}, {best}, {high})")


class Summary(PartModel):
    """What happened, in words that may travel. `exercise` marks a drill and shows wherever the title does."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    narrative: Text = ""
    category: Category
    target_class: Target | None = None
    exercise: bool = False


class When(PartModel):
    start: Moment
    end: Moment | None = None
    time_precision: Annotated[int, Field(ge=1, le=5)] = 1
    local_hour_known: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end is not None and not in_order(self.start, self.end):
            raise ValueError("end must not be before start")
        return self


class Where(PartModel):
    """Degrees in WGS 84; `place` is the locality, `district` and `province` the administrative units."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    geo_precision: Annotated[int, Field(ge=1, le=7)] = 1
    place: Name = ""
    district: Name = ""
    province: Name = ""
    country: Name = ""

    @model_validator(mode="after")
    def _located(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        if self.latitude is None and not (self.place or self.district or self.province or self.country):
            raise ValueError("give coordinates or the name of a place")
        return self


class People(PartModel):
    """Who was harmed: counts of persons, nationalities, and what may be said of the victims."""

    level: ClassVar[str] = "CONFIDENTIAL"

    killed_low: Count | None = None
    killed_best: Count | None = None
    killed_high: Count | None = None
    injured_low: Count | None = None
    injured_best: Count | None = None
    injured_high: Count | None = None
    killed_foreign_low: Count | None = None
    killed_foreign_best: Count | None = None
    killed_foreign_high: Count | None = None
    injured_foreign_low: Count | None = None
    injured_foreign_best: Count | None = None
    injured_foreign_high: Count | None = None
    killed_host_low: Count | None = None
    killed_host_best: Count | None = None
    killed_host_high: Count | None = None
    injured_host_low: Count | None = None
    injured_host_best: Count | None = None
    injured_host_high: Count | None = None
    nationalities: Name = ""
    victims: Text = ""

    @model_validator(mode="after")
    def _figures(self) -> Self:
        for name in FIGURES:
            _ascending(
                name,
                getattr(self, f"{name}_low"),
                getattr(self, f"{name}_best"),
                getattr(self, f"{name}_high"),
            )
        return self


FIGURES = ("killed", "injured", "killed_foreign", "injured_foreign", "killed_host", "injured_host")
"""The counted groups of `People`; each has a low, a best and a high."""


class Method(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    type: MethodType = "unknown"
    detail: Text = ""


class Response(PartModel):
    """The Host Party's units, where they stood, and the measures taken."""

    level: ClassVar[str] = "SECRET"

    units: Text = ""
    measures: Text = ""
    text: Text = ""


class Source(PartModel):
    """Who reported the incident, graded; `external` is the identifier in the data set it came from."""

    level: ClassVar[str] = "CONFIDENTIAL"

    name: Name = ""
    url: Annotated[str, StringConstraints(max_length=2_000)] | None = None
    reliability: Reliability | None = None
    credibility: Credibility | None = None
    external: Annotated[str, StringConstraints(max_length=200)] | None = None
    remark: Annotated[str, StringConstraints(max_length=2_000)] = ""

    @model_validator(mode="after")
    def _address(self) -> Self:
        _checked_address(self.url)
        return self


class ClaimedFigure(PartModel):
    """One number as its source gave it: `low` alone reads "at least", `high` alone "up to"."""

    what: Measured
    low: Quantity | None = None
    best: Quantity | None = None
    high: Quantity | None = None
    unit: Annotated[str, StringConstraints(max_length=20)] = ""

    @model_validator(mode="after")
    def _number(self) -> Self:
        given = [number for number in (self.low, self.best, self.high) if number is not None]
        if not given:
            raise ValueError("give at least one of low, best and high")
        _ascending(self.what, self.low, self.best, self.high)
        if UNITS.get(self.what) != "kg" and any(number != int(number) for number in given):
            raise ValueError(f"{self.what} is counted in whole numbers")
        return self


class ClaimSource(PartModel):
    outlet: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    party: Claimant
    reliability: Reliability | None = None
    credibility: Credibility | None = None
    published: Moment | None = None
    url: Annotated[str, StringConstraints(max_length=2_000)] | None = None
    external: Annotated[str, StringConstraints(max_length=200)] | None = None

    @model_validator(mode="after")
    def _address(self) -> Self:
        _checked_address(self.url)
        return self


class Remark(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


REPORTED = ("summary", "when", "where")
"""What an immediate report must say, and no later version may empty."""


def _check_incident(_tx: Any, given: Any) -> None:
    """An incident says what, when and where from its first version on, and is immediate only then."""
    missing = [
        name
        for name in REPORTED
        if (given.previous is None or name in given.parts) and not given.parts.get(name)
    ]
    if missing:
        raise PartRefused(
            "incident", [(name, "", "an incident says what, when and where") for name in missing]
        )
    if given.previous and given.header["state"] == "immediate" and given.previous.state != "immediate":
        raise Malformed("a report that was updated is not an immediate report any more")


def _check_claim(tx: Any, given: Any) -> None:
    """A claim says something, about an incident, and goes on being about that one."""
    about = given.header["about"]
    row = tx.row(about) if about else None
    if row is None or row.kind != "incident":
        raise Malformed("a claim is about an incident")
    if given.previous is not None and given.previous.about != about:
        raise Malformed("a claim stays with its incident")
    if given.previous is None and not (given.parts.get("figure") or given.parts.get("remark")):
        raise PartRefused("claim", [("figure", "", "a claim has a figure or a remark")])


INCIDENT = register(
    Kind(
        name="incident",
        parts={
            "summary": Summary,
            "when": When,
            "where": Where,
            "people": People,
            "method": Method,
            "response": Response,
            "source": Source,
        },
        states=STATES,
        check=_check_incident,
        dimensions={
            "time": ("when", "start"),
            "until": ("when", "end"),
            "latitude": ("where", "latitude"),
            "longitude": ("where", "longitude"),
            "category": ("summary", "category"),
            "place": ("where", "district"),
            "external": ("source", "external"),
            "figure": ("people", "killed_best"),
        },
        searched=(
            "summary.title",
            "summary.narrative",
            "where.place",
            "where.district",
            "where.province",
            "where.country",
            "people.nationalities",
            "people.victims",
            "method.detail",
            "response.units",
            "response.measures",
            "response.text",
            "source.name",
            "source.remark",
        ),
    )
)

CLAIM = register(
    Kind(
        name="claim",
        parts={"figure": ClaimedFigure, "source": ClaimSource, "remark": Remark},
        states=("open", "retracted"),
        check=_check_claim,
        dimensions={
            "time": ("source", "published"),
            "category": ("figure", "what"),
            "external": ("source", "external"),
            "figure": ("figure", "best"),
        },
        searched=("source.outlet", "remark.text"),
        falls_with=True,
    )
)
