"""An alert to many, and what each of them answered.

An alert is composed once, in up to three languages, by persons; a language nobody wrote is missing and said to be. An
update is a new version of it. `round` counts how often its danger was new: whoever has answered the present round is
not paged again. What another agency sent (Common Alerting Protocol, CAP 1.2) is an alert whose source names it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from safeconduct.records.checks import about, all_of, requires
from safeconduct.records.fields import Code, Detail, Latitude, Longitude, Name, Named, RecordId, Text
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant, in_order
from safeconduct.records.refusals import Malformed

LANGUAGES = ("en", "ur", "zh")
SUFFIX = {"en": "", "ur": "_ur", "zh": "_zh"}
"""How a field's name ends for the text in a language."""

Category = Literal[
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other",
]  # fmt: skip
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]
Status = Literal["actual", "exercise", "test"]
AlertAnswer = Literal["received", "safe", "needs_help"]
AckMeans = Literal["phone", "page", "warden", "device"]
CATEGORIES: tuple[str, ...] = get_args(Category)
URGENCIES: tuple[str, ...] = get_args(Urgency)
SEVERITIES: tuple[str, ...] = get_args(Severity)
CERTAINTIES: tuple[str, ...] = get_args(Certainty)
STATUSES: tuple[str, ...] = get_args(Status)
ANSWERS: tuple[str, ...] = get_args(AlertAnswer)

MOST_POINTS = 2_000
MOST_AREAS = 50
MOST_NAMED = 500
LONGEST_RADIUS_M = 2_000_000


def _as_cap_writes(*codes: str) -> BeforeValidator:
    """A code of CAP however its letters are cased; what is no code is left for the model to refuse."""
    known = {code.lower(): code for code in codes}
    return BeforeValidator(lambda given: known.get(given.lower(), given) if isinstance(given, str) else given)


class Message(PartModel):
    """What is said. Fields ending in _ur and _zh are the same in Urdu and Chinese, each written by a person.

    Without an ending it is English, unless `language` names the tongue in which another agency wrote it. `category`,
    `urgency`, `severity` and `certainty` are CAP's codes. `onset` is when it begins, `expires` when it is
    over by itself.
    """

    headline: Name = ""
    headline_ur: Name = ""
    headline_zh: Name = ""
    text: Text = ""
    text_ur: Text = ""
    text_zh: Text = ""
    instruction: Text = ""
    instruction_ur: Text = ""
    instruction_zh: Text = ""
    event: Named
    category: Annotated[Category, _as_cap_writes(*CATEGORIES)] = "Security"
    urgency: Annotated[Urgency, _as_cap_writes(*URGENCIES)] = "Unknown"
    severity: Annotated[Severity, _as_cap_writes(*SEVERITIES)] = "Unknown"
    certainty: Annotated[Certainty, _as_cap_writes(*CERTAINTIES)] = "Unknown"
    status: Status = "actual"
    sent: Instant
    onset: Instant | None = None
    expires: Instant
    sender: Name = ""
    language: Annotated[str, Field(max_length=40)] = ""
    round: Annotated[int, Field(ge=1, le=10_000)] = 1

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not in_order(self.sent, self.expires):
            raise ValueError("an alert expires after it was sent")
        if not (self.headline or self.headline_ur or self.headline_zh):
            raise ValueError("an alert has a headline in at least one language")
        for name in ("text", "instruction"):
            for end in SUFFIX.values():
                if getattr(self, name + end) and not getattr(self, "headline" + end):
                    raise ValueError("whoever writes a text in a language writes its headline too")
        return self


Position = Annotated[list[float], Field(min_length=2, max_length=2)]
"""Longitude, latitude (WGS 84, degrees)."""
Ring = Annotated[list[Position], Field(min_length=4, max_length=MOST_POINTS)]


class Circle(Detail):
    """A circle on the ground; degrees and metres."""

    latitude: Latitude
    longitude: Longitude
    radius_m: Annotated[float, Field(ge=0, le=LONGEST_RADIUS_M, allow_inf_nan=False)]


class Area(PartModel):
    """Whom it is for: everybody in the area, at the sites, of the organisations, or on an open journey.

    Polygons are closed rings of [longitude, latitude]; `polygon` and `circle` hold the first of each, `polygons` and
    `circles` any others. Names stand beside ids because an id means nothing on the other party's node.
    """

    description: Name = ""
    sites: Annotated[list[RecordId], Field(max_length=MOST_NAMED)] = []
    site_names: Annotated[list[Name], Field(max_length=MOST_NAMED)] = []
    organisations: Annotated[list[RecordId], Field(max_length=MOST_NAMED)] = []
    organisation_names: Annotated[list[Name], Field(max_length=MOST_NAMED)] = []
    movements: bool = False
    districts: Annotated[list[Name], Field(max_length=MOST_NAMED)] = []
    polygon: Ring | None = None
    circle: Circle | None = None
    polygons: Annotated[list[Ring], Field(max_length=MOST_AREAS)] = []
    circles: Annotated[list[Circle], Field(max_length=MOST_AREAS)] = []

    @model_validator(mode="after")
    def _closed(self) -> Self:
        for ring in self.rings():
            for longitude, latitude in ring:
                if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
                    raise ValueError("a point of a polygon is [longitude, latitude] in degrees")
            if ring[0] != ring[-1]:
                raise ValueError("a polygon ends where it began")
        return self

    def rings(self) -> list[list[list[float]]]:
        return [*([self.polygon] if self.polygon else []), *self.polygons]

    def rounds(self) -> list[Circle]:
        return [*([self.circle] if self.circle else []), *self.circles]


class Source(PartModel):
    """Who says so, if another agency does: `identifier` is CAP's sender, identifier and moment, comma-separated;
    `references` name the messages before it in the same way."""

    agency: Name = ""
    identifier: Annotated[str, Field(max_length=400)] = ""
    references: Annotated[list[Annotated[str, Field(max_length=400)]], Field(max_length=100)] = []


class Audience(PartModel):
    """Whom it reached for: how many persons, how many of them have an account to be paged by; never who."""

    persons: Annotated[int, Field(ge=0)] = 0
    accounts: Annotated[int, Field(ge=0)] = 0
    paged: Annotated[int, Field(ge=0)] = 0
    as_of: Instant


class Receipt(PartModel):
    """What somebody answered, and to which round and version of the alert; `at` is when it was said."""

    at: Instant
    answer: AlertAnswer
    version: Annotated[int, Field(ge=1)] = 1
    round: Annotated[int, Field(ge=1, le=10_000)] = 1
    means: AckMeans = "phone"


class Who(PartModel):
    """Who answered; `account` is the account's person id, `person` the register's record if known."""

    level: ClassVar[str] = "CONFIDENTIAL"
    person: RecordId = ""
    name: Name = ""
    account: Code = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None


def _somebody(_tx: Any, given: Any) -> None:
    """An alert of one's own is for somebody; what an agency sends may name no area that is known here."""
    area = given.parts.get("area")
    source = given.parts.get("source") or (given.previous.values().get("source") if given.previous else None)
    if given.previous is None and not (source or {}).get("agency"):
        names = (
            "sites",
            "organisations",
            "movements",
            "districts",
            "polygon",
            "circle",
            "polygons",
            "circles",
        )
        if not any((area or {}).get(name) for name in names):
            raise Malformed("an alert is for an area, a site, an organisation or those on journeys")


def _goes_forward(_tx: Any, given: Any) -> None:
    before = given.previous.values().get("message") if given.previous else None
    after = given.parts.get("message")
    if before and after and after["round"] not in (before["round"], before["round"] + 1):
        raise Malformed("a round follows the one before")
    if before and after and after["status"] != before["status"]:
        raise Malformed("an exercise stays one, and so does the real thing")


ALERT = register(
    Kind(
        name="alert",
        parts={"message": Message, "area": Area, "source": Source, "audience": Audience},
        states=("issued", "cancelled", "expired"),
        final=("cancelled", "expired"),
        check=all_of(requires("message", "an alert says something"), _somebody, _goes_forward),
        dimensions={
            "time": ("message", "sent"),
            "until": ("message", "expires"),
            "category": ("message", "category"),
            "external": ("source", "identifier"),
        },
        searched=(
            "message.headline", "message.headline_ur", "message.headline_zh",
            "message.text", "message.text_ur", "message.text_zh", "message.event", "area.description",
        ),
    )
)  # fmt: skip
ALERT_ACKNOWLEDGEMENT = register(
    Kind(
        name="alert_acknowledgement",
        parts={"receipt": Receipt, "who": Who},
        states=("given", "superseded"),
        final=("superseded",),
        check=all_of(about("alert"), requires("receipt", "an acknowledgement says what was answered")),
        dimensions={"time": ("receipt", "at"), "category": ("receipt", "answer")},
        falls_with=True,
    )
)
