"""Minimum standards: what a party found at a site against its checklist, and the files that show it.

A check stays as it was given; the next one is another record. The wording is the party's own, so that each item is
stored as it was asked.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from safeconduct.records.attachments import Content, Description
from safeconduct.records.checks import about, all_of, requires, stays
from safeconduct.records.fields import Detail, Named, Text
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed

Finding = Literal["met", "partly", "not_met", "not_applicable"]
FINDINGS: tuple[str, ...] = get_args(Finding)
SiteClass = Literal["work_site", "institution", "residence"]
SITE_CLASSES: tuple[str, ...] = get_args(SiteClass)
Group = Literal[
    "perimeter", "access", "guards", "communications", "medical", "evacuation", "shelter", "safety", "residential",
    "other",
]  # fmt: skip
GROUPS: tuple[str, ...] = get_args(Group)
ItemCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
MOST_ITEMS = 100
GAPS = ("partly", "not_met")


class Asked(Detail):
    """One standard as it was asked, and what was found. What is a gap, or does not apply, says why."""

    code: ItemCode
    group: Group
    text: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    finding: Finding
    remark: Text = ""

    @model_validator(mode="after")
    def _said(self) -> Self:
        if self.finding != "met" and not self.remark:
            raise ValueError("what is not met, or does not apply, says why")
        return self


class Checked(PartModel):
    site_class: SiteClass
    at: Instant
    by: Named
    items: Annotated[list[Asked], Field(min_length=1, max_length=MOST_ITEMS)]
    remark: Text = ""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({each.code for each in self.items}) != len(self.items):
            raise ValueError("each standard is checked once")
        return self


class Shows(PartModel):
    """Which standard of the check a file is evidence of."""

    code: ItemCode


def _check_evidence(tx: Any, given: Any) -> None:
    """Of an own check, by a person, for a standard that was asked."""
    row = tx.row(given.header["about"])
    if row.originator != tx.home.party or given.subject.person == SYSTEM:
        raise Malformed("evidence is laid beside an own check by a person")
    items = (row.values().get("result") or {}).get("items") or []
    shows = given.parts.get("shows")
    if shows and shows["code"] not in {each["code"] for each in items}:
        raise Malformed("no such standard was checked")


CHECK = register(
    Kind(
        name="standard_check",
        parts={"result": Checked},
        states=("given",),
        check=all_of(
            about("site"),
            requires("result", "a check says what was found"),
            stays("result", why="a check stays as it was given: give another"),
        ),
        dimensions={"time": ("result", "at"), "category": ("result", "site_class")},
        searched=("result.remark",),
    )
)
EVIDENCE = register(
    Kind(
        name="standard_evidence",
        parts={"shows": Shows, "description": Description, "content": Content},
        states=("filed",),
        check=all_of(
            about(CHECK.name),
            requires("shows", "evidence says of what"),
            requires("description", "evidence says what it is"),
            stays("shows", "description", "content"),
            _check_evidence,
        ),
        searched=("description.name",),
        falls_with=True,
    )
)
