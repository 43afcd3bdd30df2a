"""What is said about a clause while it is negotiated: a remark on one text of it, by one party."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import StringConstraints

from safeconduct.records.checks import about, all_of, requires, stays
from safeconduct.records.fields import Named
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant

Remark = Literal["comment", "suggestion", "objection", "reservation"]
REMARKS: tuple[str, ...] = get_args(Remark)


class ClauseRemark(PartModel):
    """`category` says what weight it has: none of them has an effect, and a reservation stays after the signature."""

    category: Remark
    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
    by: Named
    at: Instant


SAID = "what was said stays as it was: add another remark"

CLAUSE_REMARK = register(
    Kind(
        name="clause_remark",
        parts={"remark": ClauseRemark},
        states=("open", "settled"),
        final=("settled",),
        check=all_of(
            about("clause"), requires("remark", "a remark says something"), stays("remark", why=SAID)
        ),
        dimensions={"time": ("remark", "at"), "category": ("remark", "category")},
        searched=("remark.text",),
    )
)
