"""Asking for a second person, and being one. What may not be done alone, and what approval does, the writer decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from safeconduct.agreement.policy import Item, Subject
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.founding import ROLE_ASSIGNMENT
from safeconduct.records.projection import pack_levels
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import release
from safeconduct.records.transaction import iso
from safeconduct.records.two_person import BULK_REQUEST, LONGEST, ROLE_REQUEST

WAITS = timedelta(seconds=LONGEST - 60)
"""How long a request waits; a little less than the most, since clocks and queues take time."""
KINDS = (ROLE_REQUEST.name, BULK_REQUEST.name)


def gives_roles_alone(actor: Subject) -> bool:
    """Whether the rules in force let the actor give a role without a second person."""
    levels = pack_levels(list(ROLE_ASSIGNMENT.default_levels().values()))
    item = Item("", ROLE_ASSIGNMENT.name, actor.party, ROLE_ASSIGNMENT.states[0], levels)
    return here.state().policy.alone(actor, "write", item, datetime.now(UTC).timestamp()) is None


def ask_for_role(
    actor: Subject,
    account: Account,
    role: str,
    reason: str,
    units: Sequence[str] = (),
    until: str = "",
    clearance: int = 0,
    agreements: Sequence[str] = (),
    door: Door | None = None,
) -> Committed:
    """Ask that somebody be given a role. Its approval gives it. Raises Refused, PartRefused."""
    wish = {
        "asked_by": actor.person,
        "person": account.person,
        "account_name": account.username,
        "role": role,
        "units": list(units),
        "agreements": list(agreements),
        "clearance": clearance,
        "until": until,
        "reason": reason,
        "expires": _expiry(),
    }
    return commit(actor, Draft(ROLE_REQUEST.name, {"wish": wish}, releasable=()), door=door)


def ask_in_bulk(actor: Subject, act: str, kind: str, records: int, reason: str) -> Committed:
    """Ask to read or to export so many records of a kind within an hour. Raises Refused, PartRefused."""
    wish = {
        "asked_by": actor.person,
        "person": actor.person,
        "act": act,
        "kind": kind,
        "records": records,
        "reason": reason,
        "expires": _expiry(),
    }
    draft = Draft(BULK_REQUEST.name, {"wish": wish}, releasable=(), assigned=(actor.person,))
    return commit(actor, draft)


def decide(actor: Subject, request: str, seen: int, approve: bool, text: str = "") -> Committed:
    """Approve or refuse a request, as the second person.

    Raises Refused for whoever asked or is favoured, Conflict when it was decided meanwhile.
    """
    state, decision = "approved" if approve else "refused", {"by": actor.person, "text": text}
    draft = Draft(_kind(actor, request), {"decision": decision}, record=request, expected=seen, state=state)
    return commit(actor, draft, act="approve")


def take_back(actor: Subject, request: str, seen: int) -> Committed:
    """Take a request back, or an approval that lasts: that needs nobody else."""
    return commit(actor, Draft(_kind(actor, request), {}, record=request, expected=seen, state="taken_back"))


def _kind(actor: Subject, request: str) -> str:
    found = release(actor, request).kind
    if found not in KINDS:
        raise NotFound(request)
    return found


def _expiry() -> str:
    return iso((datetime.now(UTC) + WAITS).timestamp())
