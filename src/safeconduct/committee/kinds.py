"""The committee's kinds. A deployment exists so that it can be discussed, and refused by clause."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from safeconduct.records.kinds import Kind, PartModel, register


class Proposal(PartModel):
    """What is proposed: which agency, where, for what protective purpose, from when to when (ISO 8601)."""

    level: ClassVar[str] = "CONFIDENTIAL"
    title: str = Field(min_length=1, max_length=200)
    purpose: str = Field(default="", max_length=10_000)
    since: str = Field(default="", max_length=40)
    until: str = Field(default="", max_length=40)


class Terms(PartModel):
    """On what terms, in the words of whoever negotiates them."""

    level: ClassVar[str] = "CONFIDENTIAL"
    text: str = Field(max_length=20_000)


DEPLOYMENT = register(
    Kind(
        "deployment",
        {"proposal": Proposal, "terms": Terms},
        states=("proposed", "approved", "ended"),
        dimensions={"time": ("proposal", "since")},
        searched=("proposal.title", "proposal.purpose"),
    )
)
