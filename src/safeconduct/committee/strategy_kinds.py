"""The joint strategy: objectives, and the way from an incident to a measure that somebody else has verified.

Each record says what comes of the one before: a lesson is about an incident, a recommendation about a lesson, an
objective, an assessment of risk or a check of minimum standards, a measure about a recommendation or an objective, a
verification and the effect seen about a measure. Each party writes its own; that a measure is verified follows from a
verification, whoever's it is, and from nothing else.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from safeconduct.records.attachments import Content, Description
from safeconduct.records.checks import about, all_of, requires
from safeconduct.records.fields import Code, Detail, Name, Named, Text
from safeconduct.records.kinds import Kind, PartModel, PartRefused, register
from safeconduct.records.moments import Instant, Moment, in_order
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.risk.rates import CONFIDENCE, MOST_EVENTS, rate_ratio

Risk = Literal["attack", "kidnapping", "threat", "accident", "unrest", "crime", "natural", "other"]
RISKS: tuple[str, ...] = get_args(Risk)
"""What a measure reduces, in the words by which incidents are counted."""
Side = Literal["host", "partner", "both"]
Band = Literal["none", "small", "medium", "large", "very_large"]
BANDS: tuple[str, ...] = get_args(Band)
Method = Literal["site_visit", "test", "document", "photograph", "exercise"]
METHODS: tuple[str, ...] = get_args(Method)
Finding = Literal["complete", "partial", "not_done"]
FINDINGS: tuple[str, ...] = get_args(Finding)
Counted = Literal["incidents", "near_misses"]
Verdict = Literal["none", "fewer", "more", "unclear"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
MEASURE_STATES = ("planned", "under_way", "reported", "verified", "dropped")
NEXT_STATES: dict[str, tuple[str, ...]] = {
    "planned": ("under_way", "reported", "dropped"),
    "under_way": ("reported", "dropped"),
    "reported": ("under_way", "dropped"),
    "verified": (),
    "dropped": ("planned",),
}
"""What its owner may make of a measure; "verified", and back to "under_way", follow from a verification."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MOST_FILES = 8
ADVISED = ("lesson", "objective", "assessment", "standard_check")
"""What a recommendation may follow from."""


class Goal(PartModel):
    """What is to be reached, how anybody can tell that it is, and when it is looked at again."""

    title: Named
    text: Text = ""
    criterion: Text
    risk: Risk
    place: Name = ""
    since: Moment
    review: Moment

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not in_order(self.since, self.review):
            raise ValueError("the review is not before the beginning")
        return self


class Learned(PartModel):
    title: Named
    text: Text = ""
    at: Instant
    by: Named


class Advice(PartModel):
    """What ought to be done, and who would have to do it."""

    title: Named
    text: Text = ""
    to: Side
    at: Instant
    by: Named


class Plan(PartModel):
    """What, where, by whom and by when; which risk it reduces; how the other party may verify it."""

    title: Named
    text: Text = ""
    place: Name = ""
    owner: Named
    due: Moment
    risk: Risk
    verify_how: Text
    objective: Name = ""


class Owner(PartModel):
    """Who of the own people answers for the measure, and who reported it done: for this party alone."""

    account: Code = ""
    reporter: Code = ""


class Cost(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"
    band: Band
    remark: Text = ""


class Progress(PartModel):
    at: Instant
    by: Named
    remark: Text = ""


class Verified(PartModel):
    """What somebody other than the owner found, and how."""

    at: Instant
    by: Named
    method: Method
    outcome: Finding
    text: Text = ""


class Proof(PartModel):
    """The digests of the files that show it: each lies beside the verification as a record of its own."""

    files: Annotated[list[Sha256], Field(max_length=MOST_FILES)] = []


class Period(Detail):
    """So many events over so many days, and the headcount covered where it is known."""

    since: Moment
    until: Moment
    days: Annotated[int, Field(ge=1, le=36_525)]
    events: Annotated[int, Field(ge=0, le=MOST_EVENTS // 2)]
    persons: Annotated[int, Field(ge=1, le=100_000_000)] | None = None

    @property
    def exposure(self) -> float:
        return float(self.days) * (self.persons or 1)


class Seen(PartModel):
    """What was counted before and after, and what that can tell: never more than the interval does.

    `ratio` is the rate after by the rate before, `low` and `high` its exact interval; none where it has no value.
    """

    what: Counted
    risk: Risk
    place: Name = ""
    before: Period
    after: Period
    ratio: Annotated[float, Field(ge=0)] | None = None
    low: Annotated[float, Field(ge=0)] | None = None
    high: Annotated[float, Field(ge=0)] | None = None
    confidence: float = CONFIDENCE
    verdict: Verdict
    source: Name = ""
    at: Instant
    by: Named

    @model_validator(mode="after")
    def _reckoned(self) -> Self:
        if (self.before.persons is None) != (self.after.persons is None):
            raise ValueError("a headcount is given for both periods or for none")
        found = rate_ratio(self.before.events, self.before.exposure, self.after.events, self.after.exposure)
        stated = (self.ratio, self.low, self.high)
        true = (found.ratio, found.low, found.high)
        if self.confidence != CONFIDENCE or self.verdict != found.verdict or not _alike(stated, true):
            raise ValueError("the figures do not follow from the counts")
        return self


def _alike(stated: tuple[float | None, ...], true: tuple[float | None, ...]) -> bool:
    return all(
        (a is None) == (b is None) and (a is None or b is None or abs(a - b) <= 1e-6 * max(1.0, abs(b)))
        for a, b in zip(stated, true, strict=True)
    )


def _check_measure(_tx: Any, given: Any) -> None:
    """A measure goes where its owner may take it; what was planned stays as it was once it was reported done."""
    state, before = given.header["state"], given.previous.state if given.previous else None
    by_node = given.subject.person == SYSTEM
    if before is None:
        if state != "planned":
            raise Malformed("a measure begins planned")
        return
    if state != before and not (by_node or state in NEXT_STATES[before]):
        raise Malformed("a measure is verified by a verification, and goes from one state to the next")
    if before in ("reported", "verified") and given.parts.keys() & {"plan"}:
        raise Malformed("what was reported done is not planned anew: take it up again first")
    owner = given.parts.get("owner") or {}
    if state == "reported" and before != "reported" and owner.get("reporter") != given.subject.person:
        raise Malformed("who reports a measure done is on record as such")


def _check_verification(tx: Any, given: Any) -> None:
    """Somebody other than the owner, of what was reported done, with evidence."""
    found, proof = given.parts.get("finding") or {}, given.parts.get("proof") or {}
    if given.previous is not None:
        raise Malformed("a verification stays as it was given: give another")
    if given.subject.person == SYSTEM:
        raise Malformed("a person verifies")
    row = tx.row(given.header["about"])
    if row.state not in ("reported", "verified"):
        raise Malformed("only what was reported done is verified")
    owner = row.values().get("owner") or {}
    if row.originator == tx.home.party and given.subject.person in (
        owner.get("account"),
        owner.get("reporter"),
    ):
        attempt = {"person": given.subject.person, "act": "write", "kind": "verification", "record": row.id}
        raise Refused("a measure is verified by somebody other than its owner", attempt=attempt)
    if found.get("outcome") == "complete" and not proof.get("files"):
        raise PartRefused("verification", [("proof", "files", "complete means with evidence: add a file")])


OBJECTIVE = register(
    Kind(
        name="objective",
        addressed=True,
        parts={"goal": Goal},
        states=("current", "reached", "dropped"),
        final=("reached", "dropped"),
        check=requires("goal", "an objective says what is to be reached"),
        dimensions={
            "time": ("goal", "since"),
            "until": ("goal", "review"),
            "category": ("goal", "risk"),
            "place": ("goal", "place"),
        },
        searched=("goal.title", "goal.text", "goal.criterion"),
    )
)
LESSON = register(
    Kind(
        name="lesson",
        parts={"learned": Learned},
        states=("recorded",),
        check=all_of(about("incident"), requires("learned", "a lesson says what was learned")),
        dimensions={"time": ("learned", "at")},
        searched=("learned.title", "learned.text"),
        falls_with=True,
    )
)
RECOMMENDATION = register(
    Kind(
        name="recommendation",
        parts={"advice": Advice},
        states=("made", "not_pursued"),
        final=("not_pursued",),
        check=all_of(about(*ADVISED), requires("advice", "a recommendation says what to do")),
        dimensions={"time": ("advice", "at"), "category": ("advice", "to")},
        searched=("advice.title", "advice.text"),
        falls_with=True,
    )
)
MEASURE = register(
    Kind(
        name="measure",
        parts={"plan": Plan, "progress": Progress, "cost": Cost, "owner": Owner},
        states=MEASURE_STATES,
        final=("verified", "dropped"),
        check=all_of(
            about("recommendation", "objective"),
            requires("plan", "a measure says what is done, by whom and by when"),
            _check_measure,
        ),
        dimensions={
            "time": ("progress", "at"),
            "until": ("plan", "due"),
            "category": ("plan", "risk"),
            "place": ("plan", "place"),
        },
        searched=("plan.title", "plan.text", "plan.owner", "progress.remark"),
    )
)
VERIFICATION = register(
    Kind(
        name="verification",
        parts={"finding": Verified, "proof": Proof},
        states=("given",),
        check=all_of(
            about("measure"),
            requires("finding", "a verification says what was found"),
            _check_verification,
        ),
        dimensions={"time": ("finding", "at"), "category": ("finding", "outcome")},
        searched=("finding.text",),
        falls_with=True,
    )
)
EVIDENCE = register(
    Kind(
        name="evidence",
        parts={"description": Description, "content": Content},
        states=("filed",),
        check=all_of(about("verification"), requires("description", "evidence says what it is")),
        searched=("description.name",),
        falls_with=True,
    )
)
EFFECT = register(
    Kind(
        name="effect",
        parts={"seen": Seen},
        states=("stated",),
        check=all_of(about("measure", "objective"), requires("seen", "an effect has its counts")),
        dimensions={"time": ("seen", "at"), "category": ("seen", "verdict")},
        falls_with=True,
    )
)
