"""What telling people consists of: the ladder, who is on call, where they are reached, what was sent.

An escalation says that somebody must act; each rung is a version of it. A ladder says who is told when. A delivery
is one message to one person over one channel. Contact points and deliveries stay with the party that has them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from safeconduct.agreement.vocabulary import ROLES
from safeconduct.records.checks import all_of, requires
from safeconduct.records.fields import Code, Detail, Name, RecordId, Text
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant, in_order
from safeconduct.records.refusals import Malformed

Outcome = Literal[
    "taken",
    "heard",
    "departed",
    "arrived",
    "back",
    "amended",
    "cancelled",
    "cleared",
    "acknowledged",
    "stood_down",
]
OUTCOMES: tuple[str, ...] = get_args(Outcome)


class Step(PartModel):
    """One rung of the ladder: who is to be told, why, and since when.

    `reason` is a code of the room that raised it, `due` when word was due or the fact was seen, `raised` when this
    rung was reached; `point` names the check-in point or the area. `link_down` is since when the other node could
    not be reached: then silence says nothing about the journey.
    """

    reason: Name
    rung: Annotated[int, Field(ge=1, le=20)]
    roles: Annotated[list[Name], Field(max_length=20)] = []
    due: Instant
    raised: Instant
    point: Name = ""
    link_down: Instant | None = None
    units: Annotated[list[Code], Field(max_length=20)] = []
    persons: Annotated[list[Code], Field(max_length=20)] = []
    exercise: bool = False


class Answer(PartModel):
    """Who took the escalation on or, with no `by`, what settled it: the `outcome` says which."""

    by: Name = ""
    at: Instant
    text: Text = ""
    outcome: Outcome = "taken"


DUTY_BEARER = "duty_bearer"
"""Stands among the roles of a rung for the unit that answers for what is escalated."""
MAX_RUNGS = 20
LONGEST = 7 * 86_400
"""Seconds within which the last rung of a ladder is reached."""
NO_CHANNEL = "none"
"""Stands for the channel of somebody who has none: that nothing could be sent is recorded too."""

Language = Literal["en", "ur", "zh-hans"]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""A section of channels.toml: email, sms, telegram, wecom, feishu, dingtalk, webhook, or what the operator adds."""
Address = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_TELEPHONE = re.compile(r"\+?[0-9]{3,15}")
_HANDLE = re.compile(r"[A-Za-z0-9_.@+:-]{1,200}")
"""What no address has: anything that would part one address from another, or from the rest of a URL."""


class Scope(PartModel):
    """What a ladder is for; what is left empty is any. The most specific ladder holds: site, district, kind."""

    kind: Name = ""
    site: RecordId = ""
    district: Name = ""


class LadderStep(Detail):
    """Who is told so many seconds after the ladder began, and over which channels, tried in this order (none: as
    each person prefers)."""

    after_seconds: Annotated[int, Field(ge=0, le=LONGEST)]
    roles: Annotated[list[Name], Field(max_length=20)] = []
    units: Annotated[list[Code], Field(max_length=20)] = []
    persons: Annotated[list[Code], Field(max_length=20)] = []
    channels: Annotated[list[Channel], Field(max_length=10)] = []

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        unknown = set(self.roles) - {*ROLES, DUTY_BEARER}
        if unknown:
            raise ValueError(f"no such roles: {', '.join(sorted(unknown))}")
        if not (self.roles or self.units or self.persons):
            raise ValueError("a step tells somebody")
        return self


class Steps(PartModel):
    """The rungs of a ladder, each later than the one before."""

    steps: Annotated[list[LadderStep], Field(min_length=1, max_length=MAX_RUNGS)]

    @model_validator(mode="after")
    def _climbing(self) -> Self:
        moments = [step.after_seconds for step in self.steps]
        if moments != sorted(set(moments)):
            raise ValueError("each rung is later than the one before")
        return self


class Shift(PartModel):
    """Who is on call for a role, or for a unit, from when to when; `site` and `district` narrow it."""

    role: Name = ""
    unit: Code = ""
    district: Name = ""
    site: RecordId = ""
    person: Annotated[Code, Field(min_length=1)]
    name: Name = ""
    since: Instant
    until: Instant

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.role and self.role not in ROLES:
            raise ValueError("no such role")
        if not (self.role or self.unit):
            raise ValueError("somebody is on call for a role or for a unit")
        if not in_order(self.since, self.until) or self.since == self.until:
            raise ValueError("a shift ends after it began")
        return self


class ContactAddress(PartModel):
    """Where a person is reached. The lowest `order` is tried first; `language` is that of the message."""

    level: ClassVar[str] = "CONFIDENTIAL"
    channel: Channel
    address: Address
    order: Annotated[int, Field(ge=1, le=20)] = 1
    language: Language = "en"

    @model_validator(mode="after")
    def _plain(self) -> Self:
        form = {"email": _EMAIL, "sms": _TELEPHONE}.get(self.channel, _HANDLE)
        if not form.fullmatch(self.address):
            raise ValueError("no such address for this channel")
        return self


class To(PartModel):
    """Whom a message is for and how it goes. `number` is all that it says of what it is about; the receiver's
    side takes a number only once. `queued` is when it was to go."""

    person: Code
    role: Name = ""
    rung: Annotated[int, Field(ge=0, le=MAX_RUNGS)] = 0
    channel: Channel
    number: Name
    queued: Instant
    exercise: bool = False


class DeliveryOutcome(PartModel):
    """What became of it. Delivered: the channel's provider took it, which says nothing about whether it was read.
    `fault` is a code (words.FAULTS), never what a provider answered; `tries` counts how often it was handed over."""

    at: Instant
    fault: Name = ""
    tries: Annotated[int, Field(ge=0, le=100)] = 0


def _about_something(_tx: Any, given: Any) -> None:
    if not given.header["about"]:
        raise Malformed(f"a {given.draft.kind} is about a record")
    if given.previous is not None and given.previous.about != given.header["about"]:
        raise Malformed(f"a {given.draft.kind} stays with what it is about")


def _stays_home(_tx: Any, given: Any) -> None:
    """How persons are reached is nobody else's business: no clause gives it away."""
    if given.header["releasable"]:
        raise Malformed(f"a {given.draft.kind} never crosses")


def _of_one_person(_tx: Any, given: Any) -> None:
    if len(given.header["assigned"]) != 1:
        raise Malformed("a contact point is one person's")
    if given.previous is not None and set(given.header["assigned"]) != _names(given.previous.assigned):
        raise Malformed("a contact point stays with its person")


def _names(column: str) -> set[str]:
    return set(filter(None, column.split("|")))


ESCALATION = register(
    Kind(
        name="escalation",
        parts={"step": Step, "answer": Answer},
        states=("raised", "answered"),
        final=("answered",),
        check=all_of(_about_something, requires("step", "an escalation says why")),
        inherits_bearers=True,
        dimensions={"time": ("step", "raised"), "figure": ("step", "rung")},
        falls_with=True,
    )
)
LADDER = register(
    Kind(
        name="ladder",
        parts={"scope": Scope, "steps": Steps},
        states=("in_force", "ended"),
        final=("ended",),
        check=all_of(
            requires("scope", "a ladder says what it is for"),
            requires("steps", "a ladder has rungs"),
            _stays_home,
        ),
        dimensions={"category": ("scope", "kind"), "place": ("scope", "district")},
    )
)
ON_CALL = register(
    Kind(
        name="on_call",
        parts={"shift": Shift},
        states=("planned", "on_duty", "handed_over"),
        final=("handed_over",),
        check=all_of(requires("shift", "a shift says who and when"), _stays_home),
        dimensions={
            "time": ("shift", "since"),
            "until": ("shift", "until"),
            "category": ("shift", "role"),
            "place": ("shift", "district"),
            "external": ("shift", "person"),
        },
    )
)
CONTACT_POINT = register(
    Kind(
        name="contact_point",
        parts={"address": ContactAddress},
        states=("in_use", "removed"),
        final=("removed",),
        check=all_of(requires("address", "a contact point has an address"), _stays_home, _of_one_person),
        dimensions={"category": ("address", "channel"), "figure": ("address", "order")},
    )
)
DELIVERY = register(
    Kind(
        name="delivery",
        parts={"to": To, "outcome": DeliveryOutcome},
        states=("queued", "sending", "delivered", "failed", "uncertain", "not_needed"),
        final=("delivered", "failed", "uncertain", "not_needed"),
        check=all_of(requires("to", "a delivery is to somebody"), _about_something, _stays_home),
        by_system=True,
        dimensions={
            "time": ("to", "queued"),
            "category": ("to", "channel"),
            "external": ("to", "number"),
            "figure": ("to", "rung"),
        },
    )
)
