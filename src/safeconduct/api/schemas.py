"""The API's bodies, as the OpenAPI document describes them. What comes in with another field is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from ninja import Schema
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.incidents.kinds import CLAIM, INCIDENT
from safeconduct.records.kinds import Kind

Level = Literal["OPEN", "RESTRICTED", "CONFIDENTIAL", "SECRET"]
Item = TypeVar("Item")


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


def parts_of(kind: Kind) -> type[BaseModel]:
    """The parts of a kind as one object; none of them has to be there, and null empties one."""
    fields: dict[str, Any] = {name: (model | None, None) for name, model in kind.parts.items()}
    return create_model(f"{kind.name.title().replace('_', '')}Parts", __base__=Body, **fields)


IncidentParts = parts_of(INCIDENT)
ClaimParts = parts_of(CLAIM)


def given_parts(parts: BaseModel) -> dict[str, Any]:
    """Only the parts that stood in the body; a part given as null is None."""
    return {name: getattr(parts, name) for name in parts.model_fields_set}


def level_numbers(levels: Mapping[str, str] | None) -> dict[str, int] | None:
    return None if levels is None else {part: LEVELS.index(level) for part, level in levels.items()}


class Labelled(Body):
    levels: dict[str, Level] | None = Field(
        None, description="Labels by part, where they differ from the kind's."
    )
    releasable: list[str] | None = Field(
        None,
        description="Parties it may be released to, as far as the agreement allows. Left out: every partner. "
        "Empty: nobody.",
    )


class IncidentDraft(Labelled):
    parts: IncidentParts  # type: ignore[valid-type]


class IncidentUpdate(Labelled):
    """A part left out stays as it is; a part given replaces the whole part; null empties it."""

    parts: IncidentParts = Field(default_factory=IncidentParts)  # type: ignore[valid-type]
    stage: Literal["update", "post_incident", "closed"] = "update"


class ClaimDraft(Labelled):
    parts: ClaimParts  # type: ignore[valid-type]


class Clause(Schema):
    """A grant that would allow what was refused, and the status of its clause."""

    grant: str
    status: str


class WithheldPart(Schema):
    part: str
    reason: str
    would: list[Clause]


class Record(Schema):
    """A record as this token's owner may see it. `label` is the highest label of the parts shown."""

    id: str
    version: int
    kind: str
    originator: str
    agreement: str | None = Field(description="The agreement a received record came under.")
    state: str
    about: str | None
    at: datetime
    ledger_index: int
    label: Level
    levels: dict[str, Level]
    parts: dict[str, Any]
    withheld: list[WithheldPart]
    erased: list[str]
    withdrawn: bool
    orcon: bool
    releasable: list[str]


class Incident(Record):
    parts: IncidentParts  # type: ignore[valid-type]


class Claim(Record):
    parts: ClaimParts  # type: ignore[valid-type]


class Page(Schema, Generic[Item]):
    """`unplaced`: with sort=time, recent records whose time the reader may not see (on the first page)."""

    items: list[Item]
    unplaced: list[Item]
    next_cursor: str | None


class RecordPage(Page[Record]): ...


class IncidentPage(Page[Incident]): ...


class ClaimPage(Page[Claim]): ...


class Stored(Schema):
    """What was stored: durable in the ledger at `ledger_index`."""

    record: str
    version: int
    ledger_index: int


class Paged(Schema):
    limit: int = Field(50, ge=1, le=500)
    cursor: str = Field(
        "", max_length=200, pattern=r"^[A-Za-z0-9_-]*$", description="next_cursor of the page before"
    )


class Listed(Paged):
    """Filters look only at parts that the reader may see."""

    text: str = Field("", max_length=200, description="Words to search for.")
    since: AwareDatetime | None = Field(None, description="Not before this moment (with an offset).")
    until: AwareDatetime | None = Field(None, description="Before this moment (with an offset).")
    category: str = Field("", max_length=100)
    place: str = Field("", max_length=200)
    originator: str = Field("", max_length=64)
    state: str = Field("", max_length=64)
    withdrawn: bool | None = None
    sort: Literal["time", "at"] = Field("at", description="time: of the event; at: when it was recorded.")
    descending: bool = True


class Filters(Listed):
    """Filters look only at parts that the reader may see."""

    bbox: str = Field("", max_length=120, description="west,south,east,north in degrees, WGS 84.")


class RecordFilters(Filters):
    kind: str = Field(max_length=64)
    about: str | None = Field(None, max_length=64)


class ProblemDetails(Schema):
    """RFC 9457. `clauses` stands in a refusal: what would have allowed it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    clauses: list[Clause] | None = None
    errors: list[dict[str, str]] | None = None
    current: int | None = None
