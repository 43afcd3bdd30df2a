"""The parts of an assessment and of a noted difference, split by who may need them.

The ratings cross to the other party; the situation and what is weak at a place are of a higher label and a grant of
their own; who of the own people wrote it stays at home. Lengths are kilometres, degrees WGS 84.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from safeconduct.records.fields import Code, Detail, Latitude, Longitude, Name, Named, Text, located
from safeconduct.records.kinds import PartModel
from safeconduct.records.moments import Instant, Moment, in_order
from safeconduct.risk.matrix import (
    IMPACTS,
    LIKELIHOODS,
    Criticality,
    Impact,
    Likelihood,
    RiskWord,
    above,
    risk_of,
)

Subject = Literal["site", "area", "movement"]
SUBJECTS: tuple[str, ...] = get_args(Subject)
Category = Literal["armed_conflict", "terrorism", "crime", "civil_unrest", "hazard"]
CATEGORIES: tuple[str, ...] = get_args(Category)
EVENTS: dict[str, tuple[str, ...]] = {
    "armed_conflict": ("indirect_fire", "crossfire", "mines"),
    "terrorism": ("roadside_bomb", "vehicle_bomb", "armed_attack", "complex_attack", "hostage_taking"),
    "crime": ("robbery", "burglary", "kidnapping_for_ransom", "extortion"),
    "civil_unrest": ("demonstration", "riot", "road_block"),
    "hazard": ("road_crash", "earthquake", "flood", "fire", "heat", "disease"),
}
"""The undesirable events by the UN's categories of threat; "other" is of every category and is named by its title."""
OTHER = "other"
Outcome = Literal["accept", "control", "avoid", "transfer"]
OUTCOMES: tuple[str, ...] = get_args(Outcome)
Says = Literal["same", "host_higher", "partner_higher", "differs", "host_only", "partner_only"]
SAYS: tuple[str, ...] = get_args(Says)
MOST_THREATS = 40
MOST_CORNERS = 200


class Scope(PartModel):
    """What is assessed, and for which period. An area is a circle, a polygon of [longitude, latitude], or a district
    by its name alone; both parties' assessments of an area are found by its name."""

    subject: Subject
    title: Named
    since: Moment
    until: Moment
    area: Name = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    radius_km: Annotated[float, Field(gt=0, le=500, allow_inf_nan=False)] | None = None
    boundary: (
        Annotated[list[tuple[Longitude, Latitude]], Field(min_length=3, max_length=MOST_CORNERS)] | None
    ) = None

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if not in_order(self.since, self.until):
            raise ValueError("the end is not before the beginning")
        if (self.subject == "area") != bool(self.area):
            raise ValueError("an area has its name, and nothing else has one")
        located(self.latitude, self.longitude)
        if (self.radius_km is None) != (self.latitude is None):
            raise ValueError("a circle has a centre and a radius")
        if self.subject != "area" and (self.latitude is not None or self.boundary):
            raise ValueError("a site or a movement is where its own record says")
        return self


class Situation(PartModel):
    """What is known, how old that is, and what is missing from it."""

    level: ClassVar[str] = "CONFIDENTIAL"
    text: Text
    data_as_of: Moment
    missing: Text = ""
    forecast: Name = ""


class Programme(PartModel):
    """What is done there, by how many, and how much it matters (UN programme criticality)."""

    activity: Annotated[Text, Field(min_length=1)]
    criticality: Criticality
    persons: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    exposure: Name = ""


class Event(Detail):
    """What may happen. Two ratings are of the same threat when category and event are the same, and the title too
    where the event is "other"."""

    category: Category
    event: Name
    title: Name = ""

    @model_validator(mode="after")
    def _of_its_category(self) -> Self:
        if self.event != OTHER and self.event not in EVENTS[self.category]:
            raise ValueError("no such event in this category of threat")
        if self.event == OTHER and not self.title:
            raise ValueError("another event says what it is")
        return self

    @property
    def key(self) -> str:
        named = " ".join(self.title.casefold().split()) if self.event == OTHER else ""
        return "/".join(filter(None, (self.category, self.event, named)))


class Threat(Event):
    """`likelihood`, `impact` and `risk` with the measures that are there; the residual ones once the further measures
    are in place as well."""

    likelihood: Likelihood
    impact: Impact
    risk: RiskWord
    further: Text = ""
    residual_likelihood: Likelihood
    residual_impact: Impact
    residual: RiskWord
    remark: Text = ""

    @model_validator(mode="after")
    def _follows(self) -> Self:
        present = risk_of(self.likelihood, self.impact)
        after = risk_of(self.residual_likelihood, self.residual_impact)
        if (self.risk, self.residual) != (present, after):
            raise ValueError("the risk does not follow from likelihood and impact")
        if above(LIKELIHOODS, self.residual_likelihood, self.likelihood) or above(
            IMPACTS, self.residual_impact, self.impact
        ):
            raise ValueError("measures do not make a threat likelier or worse")
        if not self.further and (self.residual_likelihood, self.residual_impact) != (
            self.likelihood,
            self.impact,
        ):
            raise ValueError("without a further measure the risk stays as it is")
        return self


class Threats(PartModel):
    threats: Annotated[list[Threat], Field(max_length=MOST_THREATS)] = []

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        keys = [each.key for each in self.threats]
        if len(keys) != len(set(keys)):
            raise ValueError("each threat is rated once")
        return self


class Weakness(Event):
    """What makes a threat likelier or worse there, and which measures are in place against it."""

    vulnerabilities: Text = ""
    present: Text = ""


class Vulnerabilities(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"
    threats: Annotated[list[Weakness], Field(max_length=MOST_THREATS)] = []


class Decision(PartModel):
    """What is proposed to be done about the risk: by whom, why, until when, and when it is looked at again."""

    outcome: Outcome
    reason: Annotated[Text, Field(min_length=1)]
    author: Named
    at: Instant
    review: Moment
    expires: Moment

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not in_order(self.review, self.expires):
            raise ValueError("the review is not after the expiry")
        return self


class Approval(PartModel):
    """Who decided, and when."""

    approver: Named
    at: Instant
    remark: Text = ""


class Owner(PartModel):
    """Who of the own people answers for the assessment: for this party alone."""

    account: Code = ""


class Rating(Detail):
    """What one party says of a threat, in its words."""

    likelihood: Likelihood
    impact: Impact
    risk: RiskWord
    residual_likelihood: Likelihood
    residual_impact: Impact
    residual: RiskWord


class Compared(Event):
    """Both ratings of one threat, each as it stands, and which of the two says more."""

    host: Rating | None = None
    partner: Rating | None = None
    says: Says


class Difference(PartModel):
    """Both parties' ratings as whoever noted it read them, threat by threat. There is no third figure."""

    rows: Annotated[list[Compared], Field(min_length=1, max_length=2 * MOST_THREATS)]
    host_at: Instant
    partner_at: Instant
    at: Instant
    by: Named


class WayForward(PartModel):
    """What was agreed to do about it, where anything was."""

    text: Text
    at: Instant
    by: Named
