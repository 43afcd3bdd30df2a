"""The two-person rule: what one person alone may not do, and the requests by which a second person approves it.

A grant says above how much (`two_person_above`). Giving or widening a role takes a `role_request`: its approval gives
the role, in the same transaction. Reading or exporting more records of a kind than one person may within an hour takes
a `bulk_request`: its approval is drawn on once, for an hour. Whoever asks, and whoever is favoured, never approves.
Taking a role back needs nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from safeconduct.agreement.vocabulary import ROLES
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.principals import SYSTEM
from safeconduct.records.projection import epoch
from safeconduct.records.refusals import Malformed, NeedsSecond, Refused

LONGEST = 72 * 3600
"""Seconds for which a request may wait, and be used when it was approved."""
MOST_RECORDS = 1_000_000
Person = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class RoleWish(PartModel):
    """A role that somebody is to have, from its approval on. Moments are ISO 8601, UTC."""

    asked_by: Person
    person: Person
    account_name: str = Field(default="", max_length=150)
    role: Literal[ROLES]  # type: ignore[valid-type]
    units: list[Annotated[str, StringConstraints(max_length=64)]] = Field(default_factory=list, max_length=64)
    agreements: list[Annotated[str, StringConstraints(max_length=32)]] = Field(
        default_factory=list, max_length=200
    )
    clearance: int = Field(default=0, ge=0, le=3)
    until: str = Field(default="", max_length=40)
    reason: Reason
    expires: str = Field(max_length=40)


class BulkWish(PartModel):
    """So many records of a kind that one person wants to read or to export within an hour."""

    asked_by: Person
    person: Person
    act: Literal["read", "export"]
    kind: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    records: int = Field(ge=1, le=MOST_RECORDS)
    reason: Reason
    expires: str = Field(max_length=40)


class SecondDecision(PartModel):
    """Who the second person is, and what they said."""

    by: Person
    text: str = Field(default="", max_length=1_000)


class Used(PartModel):
    """When the approval was drawn on; until when that lasts, or which assignment it made."""

    at: str = Field(max_length=40)
    until: str = Field(default="", max_length=40)
    record: str = Field(default="", max_length=64)


STATES = ("asked", "approved", "refused", "used", "taken_back")


def widens(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, again: bool = False) -> bool:
    """Whether an assignment gives anybody more than it did; `again`: it had ended and is open once more."""
    if after is None:
        return False
    if before is None or again:
        return True
    return (
        any(after.get(name) != before.get(name) for name in ("person", "role"))
        or not set(after.get("units", ())) <= set(before.get("units", ()))
        or _reaches_further(before.get("agreements", ()), after.get("agreements", ()))
        or after.get("clearance", 0) > before.get("clearance", 0)
        or _moment(after, "since", float("-inf")) < _moment(before, "since", float("-inf"))
        or _moment(after, "until", float("inf")) > _moment(before, "until", float("inf"))
    )


def _reaches_further(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a role counts under more agreements; none named is all of them."""
    return bool(before) and (not after or not set(after) <= set(before))


def _moment(assignment: Mapping[str, Any], name: str, otherwise: float) -> float:
    found = epoch(assignment.get(name))
    return otherwise if found is None else found


def check_alone(tx: Any, given: Any, kind: str, items: Sequence[Any]) -> None:
    """Refuse what one person writes and only two may. `given` is what commit() shows a kind's own rule."""
    alone = [tx.policy.alone(given.subject, "write", item, tx.now) for item in items]
    if all(each is None for each in alone):
        return
    if kind == "role_assignment":
        earlier = given.previous
        before = earlier.values().get("assignment") if earlier is not None else None
        after = given.parts.get("assignment", before)
        again = earlier is not None and earlier.state == "ended"
        if given.header["state"] == "ended" or not widens(before, after, again):
            return
    attempt = {
        "person": given.subject.person,
        "act": "write",
        "kind": kind,
        "record": given.draft.record or "",
    }
    raise NeedsSecond("write", kind, 1, 0, attempt)


def _check(tx: Any, given: Any) -> None:
    name, state = given.draft.kind, given.header["state"]
    attempt = {"person": given.subject.person, "act": given.act, "record": given.draft.record or ""}
    if given.header["releasable"]:
        raise Malformed(f"a {name} stays on its own node")
    if given.previous is None:
        _check_asked(tx, given, attempt)
        return
    if "wish" in given.parts:
        raise Malformed("what was asked for stays as it was: ask anew")
    wish, before = given.previous.values()["wish"], given.previous.state
    over = (epoch(wish["expires"]) or 0.0) <= tx.now
    match before, state:
        case "asked", "approved" | "refused":
            if given.act != "approve" or set(given.parts) != {"decision"} or given.parts["decision"] is None:
                raise Refused("a request is decided by approving or refusing it", attempt=attempt)
            if given.parts["decision"]["by"] != given.subject.person:
                raise Refused("a request is decided in one's own name", attempt=attempt)
            if given.subject.person in (wish["asked_by"], wish["person"], SYSTEM):
                raise Refused("the second person is neither who asks nor who is favoured", attempt=attempt)
            if over:
                raise Refused("the request has expired: ask anew", attempt=attempt)
        case (("asked" | "approved" | "used"), "taken_back"):
            if given.parts:
                raise Malformed("a request is taken back as it is")
        case "approved", "used":
            if given.subject.person != SYSTEM or set(given.parts) != {"use"} or over:
                raise Refused("an approval is used by the node, once", attempt=attempt)
        case _:
            raise Refused(f"a request that is {before} does not become {state}", attempt=attempt)


def _check_asked(tx: Any, given: Any, attempt: dict[str, str]) -> None:
    wish = given.parts.get("wish")
    if wish is None or given.parts.keys() != {"wish"} or given.header["state"] != "asked":
        raise Malformed("a request says what is wanted, and nothing else")
    person = given.subject.person
    if wish["asked_by"] != person:
        raise Refused("a request is made in one's own name", attempt=attempt)
    if given.draft.kind == ROLE_REQUEST.name and wish["person"] == person:
        raise Refused("a role is given by someone else", attempt=attempt)
    if given.draft.kind == BULK_REQUEST.name and wish["person"] != person:
        raise Refused("a request to read or export in bulk is made for oneself", attempt=attempt)
    expires = epoch(wish["expires"])
    if expires is None or not tx.now < expires <= tx.now + LONGEST:
        raise Malformed("a request expires within 72 hours")


def _kind(name: str, wish: type[PartModel], category: str) -> Kind:
    return Kind(
        name=name,
        parts={"wish": wish, "decision": SecondDecision, "use": Used},
        states=STATES,
        final=("refused", "used", "taken_back"),
        dimensions={
            "external": ("wish", "person"),
            "category": ("wish", category),
            "until": ("wish", "expires"),
        },
        check=_check,
    )


ROLE_REQUEST = register(_kind("role_request", RoleWish, "role"))
BULK_REQUEST = register(_kind("bulk_request", BulkWish, "kind"))
