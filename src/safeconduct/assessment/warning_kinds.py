"""A warning of what may come, who has taken note of it, and what became of it.

A warning is graded by the admiralty scale, holds for a time and for places, and is not rewritten: it ends early, runs
out, or its grade is revised with the earlier grades kept. Its parts are split by who may need them: what is warned of,
where and with which grade may travel; who it came from and who of the own people is to acknowledge it stays at home.
A receipt is one person's word that the warning was taken note of, and what will be done. An outcome is one party's
finding, of which there is one for each party; a later finding is a new version of it, and both parties' stand.

Warnings are about places and roads. No part of one names a person.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import ROLES
from safeconduct.records.checks import about, all_of, requires, stays
from safeconduct.records.fields import (
    Code,
    Credibility,
    Detail,
    Latitude,
    Longitude,
    Name,
    Named,
    RecordId,
    Reliability,
    Text,
)
from safeconduct.records.kinds import Kind, PartModel, PartRefused, register
from safeconduct.records.moments import Instant, instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed

Threat = Literal["attack", "kidnapping", "bomb", "unrest", "crime", "natural", "other"]
THREATS: tuple[str, ...] = get_args(Threat)
Urgency = Literal["immediate", "soon", "routine"]
URGENCIES: tuple[str, ...] = get_args(Urgency)
MINUTES = {"immediate": 10, "soon": 60, "routine": 1_440}
"""Within how many minutes a warning of each urgency is to be acknowledged by each of those named."""
RECEIVED_BY = ("watch_officer",)
"""Who is to acknowledge a warning of the other party: it cannot name this party's people, and need not."""
SourceType = Literal["own_assessment", "authority", "organisation", "site", "media", "channel"]
SOURCE_TYPES: tuple[str, ...] = get_args(SourceType)
Means = Literal["written", "telephone", "radio", "meeting", "electronic", "published"]
MEANS: tuple[str, ...] = get_args(Means)
Result = Literal["came_true", "did_not", "unknown"]
RESULTS: tuple[str, ...] = get_args(Result)
ActedOn = Literal["yes", "no", "not_known"]
ACTED_ON: tuple[str, ...] = get_args(ActedOn)
SourceCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9](?:[A-Z0-9-]{0,30}[A-Z0-9])?$")]
"""Capitals, digits and hyphens: a code, in which no name can be written as it is spoken."""

LONGEST_SECONDS = 366 * 86_400
AHEAD_SECONDS = 300.0
"""By how much a clock may be fast before what it says lies in the future."""
MOST_GRADES = 20
MOST_PLACES = 100
MOST_NAMED = 20
MOST_CORNERS = 500


class Warned(PartModel):
    """What is warned of, how pressing it is, and for which time. `at` is when the warning was received or made.

    `since` and `until` bound what the warning is about: an outcome is found for this time and no other.
    """

    title: Named
    text: Text = ""
    category: Threat
    urgency: Urgency
    at: Instant
    since: Instant
    until: Instant
    exercise: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        since, until = instant(self.since).timestamp(), instant(self.until).timestamp()
        if not 0 < until - since <= LONGEST_SECONDS:
            raise ValueError("a warning holds for a time, and for a year at most")
        if until <= instant(self.at).timestamp():
            raise ValueError("a warning is of what is to come")
        return self


class Place(Detail):
    """A position on the map with what it is called; degrees."""

    name: Named
    latitude: Latitude
    longitude: Longitude


Corner = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2, max_length=2)]
"""Longitude, latitude (WGS 84, degrees)."""


class Places(PartModel):
    """Where: districts by name, sites by record, roads and areas in words, positions, one polygon; never persons.

    Names stand beside the ids of sites because an id means nothing on the other party's node. The polygon is a closed
    ring of [longitude, latitude].
    """

    districts: Annotated[list[Named], Field(max_length=MOST_PLACES)] = []
    sites: Annotated[list[RecordId], Field(max_length=MOST_PLACES)] = []
    site_names: Annotated[list[Named], Field(max_length=MOST_PLACES)] = []
    roads: Name = ""
    area: Annotated[str, StringConstraints(max_length=2_000)] = ""
    points: Annotated[list[Place], Field(max_length=MOST_PLACES)] = []
    polygon: Annotated[list[Corner], Field(min_length=4, max_length=MOST_CORNERS)] | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not (self.districts or self.site_names or self.roads or self.area or self.points or self.polygon):
            raise ValueError("a warning says which places it concerns")
        if self.polygon:
            if self.polygon[0] != self.polygon[-1]:
                raise ValueError("a polygon ends where it began")
            if not all(abs(longitude) <= 180 and abs(latitude) <= 90 for longitude, latitude in self.polygon):
                raise ValueError("a corner of a polygon is [longitude, latitude] in degrees")
        return self


class Graded(Detail):
    """One grade: how reliable the source has been (A to F), how credible what it says is now (1 to 6)."""

    reliability: Reliability
    credibility: Credibility
    at: Instant
    by: Named
    why: Name = ""


class Grade(PartModel):
    """The grades, the first as the warning was given and the last as it stands. None is ever taken away."""

    grades: Annotated[list[Graded], Field(min_length=1, max_length=MOST_GRADES)]


class Source(PartModel):
    """Who it came from: an organisation, an authority or a channel, by a code of this party's own, and the way it came.

    A code stands for no private person. What a code means is kept outside this system.
    """

    level: ClassVar[str] = "CONFIDENTIAL"
    code: SourceCode
    type: SourceType
    means: Means
    reference: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9 ./:_-]*$")] = ""


class NamedFor(PartModel):
    """Who of the own people is to acknowledge: one holder of each role, one of each unit, each of the persons."""

    roles: Annotated[list[Name], Field(max_length=MOST_NAMED)] = []
    units: Annotated[list[Code], Field(max_length=MOST_NAMED)] = []
    persons: Annotated[list[Code], Field(max_length=MOST_NAMED)] = []

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        unknown = set(self.roles) - set(ROLES)
        if unknown:
            raise ValueError(f"no such roles: {', '.join(sorted(unknown))}")
        if not (self.roles or self.units or self.persons):
            raise ValueError("a warning names who is to acknowledge it")
        return self


class Ending(PartModel):
    """Why a warning was ended before its time, and by whom."""

    at: Instant
    by: Named
    text: Text


class Receipt(PartModel):
    """Taken note of, by whom, as what (roles), and what will be done; `version` is what was read of the warning."""

    at: Instant
    by: Named
    text: Text = ""
    roles: Annotated[list[Name], Field(max_length=MOST_NAMED)] = []
    version: Annotated[int, Field(ge=1)] = 1


class Recipient(PartModel):
    """The account and the units for which this receipt counts: for this party alone."""

    level: ClassVar[str] = "CONFIDENTIAL"
    account: Code
    units: Annotated[list[Code], Field(max_length=MOST_NAMED)] = []


class Outcome(PartModel):
    """What this party found: whether what was warned of came about, and whether something was done against it.

    `acted_on` matters: what was prevented did not come true, and that says nothing against the source.
    """

    result: Result
    acted_on: ActedOn = "not_known"
    at: Instant
    by: Named


class Grounds(PartModel):
    """The incident, as this node has it, and what the finding rests on."""

    incident: RecordId = ""
    remark: Text = ""


def over(state: str, until: str, now: float) -> bool:
    """Whether the time of a warning is over, whatever its own node has told so far."""
    return state in WARNING.final or instant(until).timestamp() <= now


def may_acknowledge(policy: Any, party: str, role: str) -> bool:
    """Whether holders of a role could acknowledge a warning at all."""
    subject = Subject(party, frozenset({role}), 3, frozenset(), frozenset(), "")
    return bool(policy.entries(subject, "acknowledge", "warning_receipt"))


def _not_ahead(moment: str, now: float) -> None:
    if instant(moment).timestamp() > now + AHEAD_SECONDS:
        raise Malformed("that moment lies in the future")


def _check_warning(tx: Any, given: Any) -> None:
    """A warning begins in force with a first grade; then it ends once, and grades are only added."""
    state, before = given.header["state"], given.previous
    grades = (given.parts.get("grade") or {}).get("grades") or []
    ending = given.parts.get("ending")
    if before is None:
        named = given.parts["named"]
        if state != "in_force" or ending or len(grades) != 1:
            raise Malformed("a warning begins in force, with one grade")
        idle = [
            role for role in named.get("roles", ()) if not may_acknowledge(tx.policy, tx.home.party, role)
        ]
        if idle:
            raise PartRefused("warning", [("named", "roles", "who is named must be able to acknowledge")])
        _not_ahead(given.parts["warning"]["at"], tx.now)
        return
    if before.state in WARNING.final:
        raise Malformed("this warning is over")
    if state == "expired" and given.subject.person != SYSTEM:
        raise Malformed("a warning runs out by itself: end it early instead")
    if (state == "ended") != bool(ending):
        raise Malformed("a warning is ended with a reason, and a reason ends it")
    if "grade" in given.parts:
        earlier = (before.values().get("grade") or {}).get("grades") or []
        if grades[: len(earlier)] != earlier or len(grades) != len(earlier) + 1:
            raise Malformed("a grade is added to the earlier ones")


def _check_receipt(tx: Any, given: Any) -> None:
    """A receipt is given once, in one's own name, for what one is and holds; and says the version that was read."""
    if given.previous is not None:
        raise Malformed("a receipt stays as it was given: give another")
    if given.act != "acknowledge" and given.subject.person != SYSTEM:
        raise Malformed("a warning is acknowledged")
    receipt, who = given.parts["receipt"], given.parts["who"]
    if receipt["version"] > tx.row(given.header["about"]).version:
        raise Malformed("this version of the warning is not here yet")
    _not_ahead(receipt["at"], tx.now)
    if given.subject.person == SYSTEM:
        return
    own = who["account"] == given.subject.person
    if not own or not given.subject.roles.issuperset(receipt.get("roles", ())):
        raise Malformed("a receipt is given in one's own name")
    if not given.subject.units.issuperset(who.get("units", ())):
        raise Malformed("a receipt is given in one's own name")


def _check_outcome(tx: Any, given: Any) -> None:
    """One outcome of each party; that nothing came of a warning is found when its time is over."""
    warning = tx.row(given.header["about"])
    if given.previous is None:
        for row in tx.rows_about(warning.id, OUTCOME.name):
            if row.originator == tx.home.party and not row.withdrawn:
                raise Malformed("this party has found an outcome: revise it")
    outcome, grounds = given.parts.get("outcome"), given.parts.get("grounds") or {}
    if outcome:
        _not_ahead(outcome["at"], tx.now)
        warned = warning.values().get("warning") or {}
        ended = bool(warned) and over(warning.state, warned["until"], tx.now)
        if outcome["result"] != "came_true" and not ended:
            raise Malformed("that nothing came of a warning is found when its time is over")
    incident = grounds.get("incident", "")
    row = tx.row(incident) if incident else None
    if incident and (row is None or row.kind != "incident" or not tx.knows(given.subject, row)):
        raise PartRefused(OUTCOME.name, [("grounds", "incident", "no such incident")])


WARNING = register(
    Kind(
        name="warning",
        parts={
            "warning": Warned,
            "places": Places,
            "grade": Grade,
            "source": Source,
            "named": NamedFor,
            "ending": Ending,
        },
        states=("in_force", "ended", "expired"),
        final=("ended", "expired"),
        check=all_of(
            requires("warning", "a warning says what of"),
            requires("places", "a warning says which places it concerns"),
            requires("grade", "a warning is graded"),
            requires("source", "a warning has a source"),
            requires("named", "a warning names who is to acknowledge it"),
            stays(
                "warning",
                "places",
                "source",
                "named",
                why="a warning is not rewritten: end it and give another",
            ),
            _check_warning,
        ),
        dimensions={
            "time": ("warning", "at"),
            "until": ("warning", "until"),
            "category": ("warning", "category"),
            "external": ("source", "code"),
        },
        searched=("warning.title", "warning.text", "places.roads", "places.area"),
    )
)
RECEIPT = register(
    Kind(
        name="warning_receipt",
        parts={"receipt": Receipt, "who": Recipient},
        states=("given",),
        check=all_of(
            about("warning"),
            requires("receipt", "a receipt says who has taken note"),
            requires("who", "a receipt says who has taken note"),
            _check_receipt,
        ),
        dimensions={"time": ("receipt", "at")},
        searched=("receipt.text",),
        falls_with=True,
    )
)
OUTCOME = register(
    Kind(
        name="warning_outcome",
        parts={"outcome": Outcome, "grounds": Grounds},
        states=("found",),
        check=all_of(
            about("warning"),
            requires("outcome", "an outcome says what came of the warning"),
            _check_outcome,
        ),
        dimensions={"time": ("outcome", "at"), "category": ("outcome", "result")},
        searched=("grounds.remark",),
        falls_with=True,
    )
)
