"""A report that was filed: what it is of, as of when, for whose eyes it was made, and the PDF itself."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from safeconduct.records.fields import Name, RecordId
from safeconduct.records.kinds import Kind, PartModel, PartRefused, register
from safeconduct.records.moments import Instant

MAX_BYTES = 3 * 1024 * 1024
Form = Literal["day", "week", "record"]
"""A situation report of a day or a week, or the paper of one record and what is about it."""


class Scope(PartModel):
    """`known` is the moment it tells of and `size` the entries that the ledger had then; `since` and `until` bound its
    period; `roles` are those of whoever made it, which decided what is in it. `sha256` is that of the PDF."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    form: Form
    language: Annotated[str, StringConstraints(pattern=r"^(en|ur|zh-hans)$")]
    known: Instant
    size: Annotated[int, Field(ge=0)]
    since: Instant | None = None
    until: Instant | None = None
    subject: RecordId = ""
    roles: Annotated[list[Name], Field(max_length=20)] = []
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Content(PartModel):
    """The PDF, in base64; it bears the highest label of what is in it."""

    level: ClassVar[str] = "CONFIDENTIAL"
    tabled: ClassVar[bool] = False
    max_bytes: ClassVar[int] = 4 * MAX_BYTES // 3 + 1024
    data: str


def _check(_tx: Any, given: Any) -> None:
    """A report is filed once: what was filed is not written anew under its name."""
    if given.previous is not None and given.parts:
        raise PartRefused("report", [("content", "", "a filed report is not changed; file another")])
    if given.previous is None and not (given.parts.get("scope") and given.parts.get("content")):
        raise PartRefused("report", [("content", "", "a report is filed whole")])


REPORT = register(
    Kind(
        name="report",
        parts={"scope": Scope, "content": Content},
        states=("filed",),
        check=_check,
        dimensions={"time": ("scope", "known"), "category": ("scope", "form")},
        searched=("scope.title",),
    )
)
