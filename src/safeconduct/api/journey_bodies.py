"""What is sent to and answered from the addresses of journeys, as the OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from safeconduct.api.schemas import Body, Listed, Page, Record, parts_of
from safeconduct.journeys.conduct import CheckInCategory, CheckInPosition, Course, Duty, Escort, Stance
from safeconduct.journeys.filing import MAX_LEGS, MAX_MANIFEST
from safeconduct.journeys.kinds import MANIFEST_ENTRY, MOVEMENT
from safeconduct.records.fields import Code, Minutes, Name, Text
from safeconduct.records.moments import Instant

MovementParts = parts_of(MOVEMENT)
TravellerParts = parts_of(MANIFEST_ENTRY)
Said = Annotated[str, StringConstraints(min_length=1, max_length=5_000, strip_whitespace=True)]
Why = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]


class MovementDraft(Body):
    """A Movement Notification. `travellers` are the names on its manifest, never more than `notice.persons`."""

    parts: MovementParts  # type: ignore[valid-type]
    travellers: list[TravellerParts] = Field([], max_length=MAX_MANIFEST)  # type: ignore[valid-type]


class MovementUpdate(Body):
    """A part left out stays as it is; a part given replaces the whole part; null empties it."""

    parts: MovementParts  # type: ignore[valid-type]


class TravellerDraft(Body):
    parts: TravellerParts  # type: ignore[valid-type]


class NameWithdrawal(Body):
    reason: Why = ""


class ReceiptDraft(Body):
    """ "We have it", for one's own unit if one serves in one. It clears nothing."""

    unit: Code = Field("", description="Needed only by those who serve in several units.")
    remark: Text = ""


class ClearanceDraft(Body):
    """The decision on a movement. A refusal and a revocation say why; conditions belong to a clearance.

    `seen` is the version of the decision that you saw, 0 if there was none: two officers do not decide at once.
    """

    decision: Literal["cleared", "refused", "revoked"]
    reason: Text = ""
    conditions: Text = ""
    seen: int = Field(0, ge=0, lt=10**9)


class CourseDraft(Course):
    sequence: Annotated[int, Field(ge=1, le=100)] = Field(1, description="Follows from the list's order.")


class LegDraft(Body):
    course: CourseDraft
    duty: Duty
    escort: Escort | None = None


class LegPlan(Body):
    """Legs in order: each begins where and when the one before it ends."""

    legs: list[LegDraft] = Field(min_length=1, max_length=MAX_LEGS)


class CheckInDraft(Body):
    """Word from the road. `at` is when the journey was heard of, which may long be past; left out: now."""

    category: CheckInCategory = "check_in"
    at: Instant | None = None
    point: Name = ""
    delay_minutes: Minutes | None = None
    position: CheckInPosition | None = None


class CommentDraft(Body):
    """`about` is the movement itself if left out, else a decision, a leg or a comment that belongs to it."""

    text: Said
    stance: Stance = "comment"
    about: str = Field("", max_length=64)


class EscalationAnswer(Body):
    text: Text = ""


class Movement(Record):
    parts: MovementParts  # type: ignore[valid-type]


class MovementPage(Page[Movement]): ...


class LegsStored(Body):
    """The records of the legs, in order."""

    legs: list[str]


class NameWithdrawn(Body):
    """`told` are the parties that had been given the name and are told to use it no more."""

    record: str
    told: list[str]


class MovementFilters(Listed):
    """`since` and `until` bound the earliest departure; `category` is that of the notice, `place` its district of
    origin."""

    reference: str = Field("", max_length=200, description="The whole reference of the notice.")
    ends_after: str = Field(
        "", max_length=32, description="Latest arrival after this instant (with an offset)."
    )
