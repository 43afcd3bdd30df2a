"""Giving and taking roles. A role is a record: who held it when can be proved, and rebuilt from the ledger.

Nobody gives a role to themselves. The signatory's role lets a person open the signing pages and signs
nothing: signatures are made with keys that only status acts appoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import ROLES
from safeconduct.people import second_person
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.projection import epoch
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import release

KIND = "role_assignment"


@dataclass(frozen=True)
class Assignment:
    """One role that a person holds. `since` and `until` are None where the record names no moment."""

    record: str
    person: str
    account_name: str
    role: str
    units: tuple[str, ...]
    agreements: tuple[str, ...]
    clearance: int
    since: datetime | None
    until: datetime | None
    ended: bool

    def holds_at(self, moment: datetime) -> bool:
        started = self.since is None or self.since <= moment
        return not self.ended and started and (self.until is None or moment < self.until)


def assign_role(
    actor: Subject,
    account: Account,
    role: str,
    units: Sequence[str] = (),
    until: datetime | None = None,
    clearance: int | None = None,
    agreements: Sequence[str] = (),
    door: Door | None = None,
) -> Committed:
    """Give an account a role from now on. `clearance` (0 to 3) is at most, and by default, the account's; of several
    `agreements` the role counts under those named, and under all where none is.

    Raises Refused when the actor may not, or is the person who would get it; Malformed for an unknown role.
    """
    level = account.clearance if clearance is None else clearance
    _check_role(actor, account, role, level)
    assignment = {
        "person": account.person,
        "account_name": account.username,
        "role": role,
        "units": list(units),
        "agreements": list(agreements),
        "clearance": level,
        "since": _moment(datetime.now(UTC)),
        "until": _moment(until) if until else "",
    }
    draft = Draft(kind=KIND, parts={"assignment": assignment}, releasable=())
    return commit(actor, draft, door=door)


def ask_role(
    actor: Subject,
    account: Account,
    role: str,
    units: Sequence[str],
    until: datetime | None,
    clearance: int,
    reason: str,
    agreements: Sequence[str] = (),
) -> Committed:
    """Ask for a role where giving it takes two persons. Raises as `assign_role` does."""
    _check_role(actor, account, role, clearance)
    last = _moment(until) if until else ""
    return second_person.ask_for_role(actor, account, role, reason, units, last, clearance, agreements)


def end_role(actor: Subject, record: str, door: Door | None = None) -> Committed:
    """Take a role back, at once. Raises NotFound, Refused, or Conflict when it changed meanwhile."""
    return _amend(actor, record, door, "ended", until=_moment(datetime.now(UTC)))


def renew_roles(actor: Subject, account: Account, door: Door | None = None) -> None:
    """State anew that an account holds its roles, because somebody else set its password.

    So the ledger shows from when on readings under this name may have been somebody else's. Where roles are given by
    two persons, it loses them until a second person has approved each anew. Raises Refused for the actor's own
    account and for an actor who assigns no roles.
    """
    if actor.person == account.person or not may_assign(actor):
        raise Refused(_("resetting an account needs the right to assign roles, and is done by somebody else"))
    now = datetime.now(UTC)
    alone = second_person.gives_roles_alone(actor)
    for held in assignments(actor, account.person, door):
        if held.ended or (held.until is not None and held.until <= now):
            continue
        if alone:
            _amend(actor, held.record, door, None, since=_moment(now))
            continue
        end_role(actor, held.record, door)
        second_person.ask_for_role(
            actor,
            account,
            held.role,
            _("The account was reset."),
            held.units,
            _moment(held.until) if held.until else "",
            held.clearance,
            held.agreements,
            door,
        )


def set_clearance(actor: Subject, account: Account, clearance: int, door: Door | None = None) -> None:
    """Change what an account may ever see. Lowering it also cuts the roles that it holds now.

    Raises Refused for the actor's own account, for an actor who assigns no roles, and where raising it would widen a
    role and roles are given by two persons.
    """
    if actor.person == account.person:
        raise Refused(_("nobody changes their own clearance"))
    if not may_assign(actor):
        raise Refused(_("changing a clearance needs the right to assign roles"))
    held_back = any(
        not held.ended and held.clearance > account.clearance
        for held in assignments(actor, account.person, door)
    )
    if clearance > account.clearance and held_back and not second_person.gives_roles_alone(actor):
        raise Refused(
            _("this would widen a role: end that role first, and have it given anew by two persons")
        )
    # The account first: should an amendment below fail, less is open rather than more.
    account.clearance = clearance
    account.full_clean(exclude=["password"])
    account.save(update_fields=["clearance"])
    for held in assignments(actor, account.person, door):
        if not held.ended and held.clearance > clearance:
            _amend(actor, held.record, door, None, clearance=clearance)


def _amend(actor: Subject, record: str, door: Door | None, state: str | None, **changes: object) -> Committed:
    found = release(actor, record, door=door)
    part = found.parts.get("assignment")
    if found.kind != KIND or part is None:
        raise NotFound(record)
    draft = Draft(
        kind=KIND,
        parts={"assignment": {**part, **changes}},
        record=record,
        expected=found.version,
        state=state,
    )
    return commit(actor, draft, door=door)


def assignments(reader: Subject, person: str = "", door: Door | None = None) -> list[Assignment]:
    """The assignments that the reader may see, of one person or of everyone, the latest first."""
    query = Query(
        KIND,
        external=(person,) if person else (),
        originator=reader.party,
        withdrawn=False,
        sort="at",
        limit=500,
    )
    found = []
    while True:
        page = find(reader, query, door=door)
        for record in page.records:
            part = record.parts.get("assignment")
            if part is not None:
                found.append(_assignment(record.id, part, record.state == "ended"))
        if not page.next_cursor:
            return found
        query = replace(query, cursor=page.next_cursor)


def _check_role(actor: Subject, account: Account, role: str, clearance: int) -> None:
    if role not in ROLES:
        raise Malformed(f"no such role: {role}")
    if actor.person == account.person:
        raise Refused(_("nobody gives a role to themselves"))
    if not 0 <= clearance <= account.clearance:
        raise Malformed(_("a role's clearance is at most the account's"))


def may_assign(actor: Subject) -> bool:
    """Whether any grant in force lets the actor write role assignments at all."""
    return bool(here.state().policy.entries(actor, "write", KIND))


def _assignment(record: str, part: dict[str, object], ended: bool) -> Assignment:
    units, agreements = part.get("units") or [], part.get("agreements") or []
    return Assignment(
        record=record,
        person=str(part["person"]),
        account_name=str(part.get("account_name", "")),
        role=str(part["role"]),
        units=tuple(map(str, units if isinstance(units, list) else [])),
        agreements=tuple(map(str, agreements if isinstance(agreements, list) else [])),
        clearance=int(str(part.get("clearance", 0))),
        since=_opened(part.get("since")),
        until=_opened(part.get("until")),
        ended=ended,
    )


def _opened(text: object) -> datetime | None:
    seconds = epoch(str(text)) if text else None
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
