"""An escalation: that somebody must act, who is told rung by rung, and who took it on."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from safeconduct.records.checks import about, all_of, requires
from safeconduct.records.fields import Name, Text
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant

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


class Answer(PartModel):
    """Who took the escalation on or, with no `by`, what settled it: the `outcome` says which."""

    by: Name = ""
    at: Instant
    text: Text = ""
    outcome: Outcome = "taken"


ESCALATION = register(
    Kind(
        name="escalation",
        parts={"step": Step, "answer": Answer},
        states=("raised", "answered"),
        final=("answered",),
        check=all_of(about("movement", "sos"), requires("step", "an escalation says why")),
        inherits_bearers=True,
        dimensions={"time": ("step", "raised"), "figure": ("step", "rung")},
        falls_with=True,
    )
)
