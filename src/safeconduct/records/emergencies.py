"""Breaking the glass: one person reads one record without the right to, in an emergency, with a reason, for a time.

It is a record of its own, which only the node writes, after the policy has said that some grant opens the record in an
emergency (`when = ["emergency"]`). It opens that record and what is about it by the same party, never what its
originator has held back, nor above the reader's clearance, and ends by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import Field, StringConstraints

from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.refusals import Malformed, Refused

NAME = "emergency_reading"
LONGEST = 60
"""Minutes for which the glass may be broken."""
Words = Annotated[str, StringConstraints(min_length=10, max_length=1_000)]


class Asks(Protocol):
    def all(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]: ...

    def one(self, sql: str, parameters: list[Any]) -> tuple[Any, ...] | None: ...


class Opened(PartModel):
    """What was opened, why, and for how long: moments in ISO 8601, UTC."""

    kind: Annotated[str, StringConstraints(max_length=64)]
    reason: Words
    begun: Annotated[str, StringConstraints(max_length=40)]
    until: Annotated[str, StringConstraints(max_length=40)]


class OpenedBy(PartModel):
    """Who broke the glass, as the party that logged it knows them."""

    person: Annotated[str, StringConstraints(max_length=64)]
    roles: list[Annotated[str, StringConstraints(max_length=64)]] = Field(max_length=64)


class Seen(PartModel):
    """That an auditor has looked at an emergency reading, and what they say of it."""

    level: ClassVar[str] = "RESTRICTED"
    by: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    text: Annotated[str, StringConstraints(max_length=2_000)] = ""


def _check_seen(tx: Any, given: Any) -> None:
    row = tx.row(given.header["about"]) if given.header["about"] else None
    seen = given.parts.get("seen")
    if given.previous is not None or row is None or row.kind != NAME or seen is None:
        raise Malformed("somebody who has looked at an emergency reading says so once")
    attempt = {"person": given.subject.person, "act": "write", "record": row.id}
    if given.header["releasable"]:
        raise Malformed("who has looked at it stays on its own node")
    if seen["by"] != given.subject.person:
        raise Refused("each says for themselves that they have looked at it", attempt=attempt)
    if any(each.values()["seen"]["by"] == seen["by"] for each in tx.rows_about(row.id, "emergency_review")):
        raise Refused("this was said already", attempt=attempt)


EMERGENCY_READING = register(
    Kind(
        name=NAME,
        parts={"opened": Opened, "opened_by": OpenedBy},
        states=("open", "ended"),
        final=("ended",),
        dimensions={
            "time": ("opened", "begun"),
            "until": ("opened", "until"),
            "category": ("opened", "kind"),
            "external": ("opened_by", "person"),
        },
        by_system=True,
    )
)
EMERGENCY_REVIEW = register(Kind(name="emergency_review", parts={"seen": Seen}, check=_check_seen))


def opened_in_emergency(
    tables: Asks, persons: Sequence[str], party: str, now: float
) -> dict[str, frozenset[str]]:
    """The records for which each of these persons of the node's own party has broken the glass now: each record itself,
    and what the same party said about it."""
    marks = ", ".join(["%s"] * len(persons))
    found: dict[str, set[str]] = {}
    for person, record in tables.all(
        f"SELECT external, about FROM records_row WHERE kind = %s AND external IN ({marks}) AND originator = %s "
        "AND state = 'open' AND until > %s",
        [NAME, *persons, party, now],
    ):
        opened = found.setdefault(person, set())
        opened.add(record)
        opened.update(
            about
            for (about,) in tables.all(
                "SELECT a.id FROM records_row a JOIN records_row r ON r.id = a.about "
                "WHERE a.about = %s AND a.originator = r.originator",
                [record],
            )
        )
    return {person: frozenset(records) for person, records in found.items()}
