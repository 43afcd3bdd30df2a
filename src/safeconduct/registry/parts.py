"""The parts of what the registry holds: who is there, where, for whom, and who answers for their safety.

Organisations, projects, sites and Protected Persons are the records of the party that has them there. The
protection of a site, and the units that give it, are the Host Party's. A presence is one stay of a person at a
site; a headcount is a figure that somebody counted. People are registered so that they can be protected:
nothing here rates, tracks or identifies them by their body.

`name` is written as the person or organisation writes it; `name_ur`, `name_zh` and `name_latin` are the same
name in another script. Degrees are WGS 84, distances metres; moments are ISO 8601 with their UTC offset.
`external` is the identifier in the register that a record was imported from.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from safeconduct.records.kinds import PartModel
from safeconduct.records.moments import Instant, Moment, in_order

OrganisationCategory = Literal["company", "ministry", "mission", "institution", "agency", "other"]
ORGANISATION_CATEGORIES: tuple[str, ...] = get_args(OrganisationCategory)
SiteCategory = Literal["work_site", "institution", "residence"]
SITE_CATEGORIES: tuple[str, ...] = get_args(SiteCategory)
Force = Literal["police", "army", "rangers", "frontier_corps", "levies", "private", "other"]
FORCES: tuple[str, ...] = get_args(Force)
UnitCategory = Literal["police", "army", "rangers", "frontier_corps", "levies", "escort", "private", "other"]
Basis = Literal["named", "returned"]
Measure = Literal["movement", "escort", "curfew", "access", "relocation", "record", "other"]
MEASURES: tuple[str, ...] = get_args(Measure)
Outcome = Literal["upheld", "changed", "lifted", "explained", "rejected"]
OUTCOMES: tuple[str, ...] = get_args(Outcome)

MAX_BOUNDARY = 2_000
MAX_NAMED = 500
MAX_COUNT = 100_000
"""Persons at one site. More is taken for a slip of the keyboard."""

Name = Annotated[str, StringConstraints(max_length=200)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=5_000)]
RecordId = Annotated[str, StringConstraints(max_length=64)]
Code = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^|\x00-\x1f]*$")]
"""A unit's or account's id, as role assignments and the `assigned` of a record name it."""


def _without_gaps(text: str) -> str:
    return "".join(text.split()).upper()


Number = Annotated[str, StringConstraints(max_length=60), AfterValidator(_without_gaps)]
"""A document's number, in capitals and without spaces, so that the same document is known again."""
Contacted = Annotated[str, StringConstraints(max_length=500)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
NAMES = ("name", "name_ur", "name_zh", "name_latin")


class Identified(PartModel):
    """A name in as many scripts as are known, and the identifier it was imported under."""

    name: Named
    name_ur: Name = ""
    name_zh: Name = ""
    name_latin: Name = ""
    external: Name | None = None


class Reachable(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    person: Name = ""
    phone: Name = ""
    email: Name = ""


# --- who is there, and for whom ----------------------------------------------------------------------------


class OrganisationIdentity(Identified):
    category: OrganisationCategory = "company"
    country: Name = ""


class ProjectIdentity(Identified):
    category: Name = ""
    since: Moment | None = None
    until: Moment | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and not in_order(self.since, self.until):
            raise ValueError("the end is not before the beginning")
        return self


class ProjectScope(PartModel):
    """The organisations that carry a project and the sites it spans, by record id."""

    organisations: Annotated[list[RecordId], Field(max_length=MAX_NAMED)] = []
    sites: Annotated[list[RecordId], Field(max_length=MAX_NAMED)] = []


class SiteIdentity(Identified):
    """`organisation` is a record id; `organisation_name` is for those who may not see that record."""

    category: SiteCategory = "work_site"
    organisation: RecordId = ""
    organisation_name: Name = ""
    projects: Annotated[list[RecordId], Field(max_length=MAX_NAMED)] = []


class SitePlace(PartModel):
    """Where a site is: a point with a radius, or a boundary of [longitude, latitude] corners."""

    latitude: Latitude | None = None
    longitude: Longitude | None = None
    radius_m: Annotated[int, Field(ge=10, le=100_000)] | None = None
    boundary: (
        Annotated[list[tuple[Longitude, Latitude]], Field(min_length=3, max_length=MAX_BOUNDARY)] | None
    ) = None
    place: Name = ""
    district: Named
    province: Name = ""

    @model_validator(mode="after")
    def _located(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        if self.radius_m is not None and self.latitude is None:
            raise ValueError("a radius needs a point to be drawn around")
        return self


class Arrangements(PartModel):
    """How to get in, and where people gather when the alarm is given."""

    level: ClassVar[str] = "CONFIDENTIAL"

    access: Text = ""
    muster_point: Name = ""
    remarks: Text = ""


class Bearer(PartModel):
    """The duty bearer of a site: the unit that answers for it."""

    unit: Annotated[Code, StringConstraints(min_length=1)]
    unit_name: Name = ""
    contact: Contacted = ""


class ForceCount(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    force: Force
    count: Count


class GuardForce(PartModel):
    """How many guard a site, by force."""

    level: ClassVar[str] = "CONFIDENTIAL"

    forces: Annotated[list[ForceCount], Field(max_length=50)] = []
    as_of: Moment | None = None
    remarks: Text = ""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        named = [each.force for each in self.forces]
        if len(named) != len(set(named)):
            raise ValueError("each force is counted once")
        return self


class UnitIdentity(Identified):
    """`code` is the id by which role assignments and records name the unit."""

    category: UnitCategory = "police"
    code: Annotated[Code, StringConstraints(min_length=1)]
    district: Name = ""


class UnitContact(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    phone: Name = ""
    radio: Name = ""


class UnitStrength(PartModel):
    level: ClassVar[str] = "SECRET"

    persons: Count | None = None
    vehicles: Count | None = None


# --- persons and where they are ----------------------------------------------------------------------------


class PersonName(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    name: Named
    name_ur: Name = ""
    name_zh: Name = ""
    name_latin: Name = ""


class Employment(PartModel):
    """For whom and where a person works: record ids, and the employer's name for those without the record."""

    employer: RecordId = ""
    employer_name: Name = ""
    project: RecordId = ""
    position: Name = ""
    site: RecordId = ""
    external: Name | None = None


class PersonDocument(PartModel):
    level: ClassVar[str] = "SECRET"

    passport: Number = ""
    permit: Number = ""


class PersonContact(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    phone: Name = ""
    email: Name = ""
    next_of_kin: Contacted = ""


class PersonLink(PartModel):
    """The account by which the person signs in, and what was decided about other records of a like person.

    `same_as` is the record to use instead of this one; `other_than` are those found to be other people;
    `reason` is why. Nothing is ever joined without somebody saying so.
    """

    level: ClassVar[str] = "CONFIDENTIAL"

    account: Code = ""
    same_as: RecordId = ""
    other_than: Annotated[list[RecordId], Field(max_length=MAX_NAMED)] = []
    reason: Text = ""


class Stay(PartModel):
    """One stay at a site, from `since` until `until`; without an end the person is there."""

    site: Annotated[RecordId, StringConstraints(min_length=1)]
    since: Instant
    until: Instant | None = None
    external: Name | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and not in_order(self.since, self.until):
            raise ValueError("a departure is not before the arrival")
        return self


class Figure(PartModel):
    """So many persons at a site. `returned` was counted there, everyone included; `named` is the number of
    registered persons there, stated to a party that is not told their names."""

    count: Count
    as_of: Instant
    basis: Basis = "returned"
    remarks: Text = ""


# --- grievances --------------------------------------------------------------------------------------------


class Matter(PartModel):
    """A measure that restricts somebody, or what is held on them (`record`), and why it should change.

    `since` and `expires` are of the measure; one that names no end is asked for one.
    """

    title: Named
    measure: Measure = "other"
    ground: Text = ""
    since: Moment | None = None
    expires: Moment | None = None
    site: RecordId = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.expires and not in_order(self.since, self.expires):
            raise ValueError("the expiry is not before the beginning")
        return self


class RaisedBy(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"

    name: Name = ""
    account: Code = ""


class Reply(PartModel):
    text: Annotated[str, StringConstraints(min_length=1, max_length=5_000)]
    outcome: Outcome
    by: Name = ""


class Appealed(PartModel):
    """Why the answer does not settle it."""

    ground: Annotated[str, StringConstraints(min_length=1, max_length=5_000)]


class Addressee(PartModel):
    """Who of the own people may read an answer to their own grievance."""

    account: Code
