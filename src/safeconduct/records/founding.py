"""The kinds that the house itself stands on: clauses, status acts, role assignments, readings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints

from safeconduct.agreement.vocabulary import ROLES
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.signing import check_clause, check_role_assignment, check_status_act


class ClauseText(PartModel):
    """One version of a clause file, byte for byte; its digest is what signatures pin."""

    model_config = ConfigDict(str_strip_whitespace=False)
    level: ClassVar[str] = "OPEN"
    agreement: str = Field(min_length=1, max_length=64)
    number: str = Field(min_length=1, max_length=16)
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    file: str = Field(max_length=260_000)


class SignedStatusAct(PartModel):
    """A status act in its canonical JSON, with the signature of the person who made it."""

    model_config = ConfigDict(str_strip_whitespace=False)
    level: ClassVar[str] = "OPEN"
    agreement: str = Field(min_length=1, max_length=64)
    act: str = Field(max_length=16_384)
    signature: dict[str, str]


class Assignment(PartModel):
    """Who holds which role, from when to when (ISO 8601, UTC). Clearance is a level's position, 0 to 3."""

    person: str = Field(min_length=1, max_length=64)
    account_name: str = Field(default="", max_length=150)
    role: Literal[ROLES]  # type: ignore[valid-type]
    units: list[str] = Field(default_factory=list, max_length=64)
    agreements: list[Annotated[str, StringConstraints(max_length=32)]] = Field(
        default_factory=list, max_length=200
    )
    """Where the role counts; empty for under every agreement, and for what belongs to none."""
    clearance: int = Field(default=0, ge=0, le=3)
    since: str = ""
    until: str = ""


class ReadItem(PartModel):
    """One record of which something was shown: `record` and `version` as the party that logged it keeps them;
    `sent_as` the id under which another party's record came, by which that party knows it."""

    record: str = Field(max_length=64)
    version: int
    parts: list[Annotated[str, StringConstraints(max_length=64)]] = Field(max_length=64)
    sent_as: str = Field(default="", max_length=64)


class ReadWhat(PartModel):
    """Which parts of which versions of a party's records were shown, by what act, at what moment (ISO 8601)."""

    act: str = Field(max_length=32)
    of: str = Field(max_length=64)
    kind: str = Field(max_length=64)
    records: list[ReadItem] = Field(max_length=1_000)
    at: str = Field(default="", max_length=40)


class ReadWho(PartModel):
    """The reader as the party that logged the reading knows them."""

    person: str = Field(max_length=64)
    roles: list[Annotated[str, StringConstraints(max_length=64)]] = Field(max_length=64)


CLAUSE = register(Kind("clause", {"text": ClauseText}, check=check_clause, crosses_by_pairing=True))
STATUS_ACT = register(
    Kind("status_act", {"act": SignedStatusAct}, check=check_status_act, crosses_by_pairing=True)
)
ROLE_ASSIGNMENT = register(
    Kind(
        "role_assignment",
        {"assignment": Assignment},
        states=("open", "ended"),
        dimensions={"external": ("assignment", "person"), "category": ("assignment", "role")},
        check=check_role_assignment,
    )
)
READING = register(
    Kind(
        "reading",
        {"what": ReadWhat, "who": ReadWho},
        dimensions={"time": ("what", "at"), "category": ("what", "act"), "external": ("who", "person")},
        by_system=True,
    )
)
