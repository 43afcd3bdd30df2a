"""Who may do what, and why: the policy in force, by person, role and kind, each line with the sentence it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from allauth.usersessions.models import UserSession
from django.utils import timezone

from safeconduct.agreement.books import Condition
from safeconduct.agreement.policy import Policy, Subject
from safeconduct.agreement.vocabulary import LEVELS, ROLES
from safeconduct.people.models import Account, Token
from safeconduct.people.principal import has_second_factor
from safeconduct.people.roles import Assignment, assignments
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released
from safeconduct.shell.terms import STATE_NAMES, plain

DORMANT_DAYS = 30
"""Days without a sign-in or the use of a token after which an account is called dormant, unless node.toml says."""
BULK_RECORDS = 50
"""A reading of so many records at once is shown among the unusual ones."""
READINGS = 500


def may_review(policy: Policy, reader: Subject) -> bool:
    """Whether the rules in force let the reader see both who was shown what and who holds which role."""
    return all(policy.entries(reader, "read", kind) for kind in ("reading", "role_assignment"))


def require_reviewer(policy: Policy, reader: Subject) -> None:
    """Raises NotFound: to anyone else the pages do not exist."""
    if not may_review(policy, reader):
        raise NotFound


@dataclass(frozen=True)
class Right:
    """What one grant lets a role do with parts of a kind of one party's records.

    `states` is None where any will do; `facts` are what it demands besides; `alone` is how many records within an
    hour one person may do it with, None for no limit.
    """

    role: str
    acts: tuple[str, ...]
    kind: str
    parts: tuple[str, ...]
    originator: str
    up_to: str
    states: tuple[str, ...] | None
    facts: tuple[str, ...]
    logged: tuple[str, ...]
    alone: int | None
    grant: str
    sentences: Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """Whose rights: of a party, of these roles (none: every role), for an act and a kind ("" for any)."""

    party: str
    roles: frozenset[str] = frozenset()
    act: str = ""
    kind: str = ""
    part: str = ""


def rights(policy: Policy, asked: Asked) -> list[Right]:
    """What the clauses and house rules in force permit, role by role; red lines, clearances and second persons aside.

    Nothing that is not on this list is permitted to anybody: clauses only permit.
    """
    found: dict[tuple[str, str, str, str], tuple[Condition, dict[str, None], dict[str, None]]] = {}
    for (party, role, act, kind, part), conditions in policy.table.items():
        if (
            party != asked.party
            or (asked.roles and role not in asked.roles)
            or asked.act not in ("", act)
            or asked.kind not in ("", kind)
            or asked.part not in ("", part)
        ):
            continue
        for condition in conditions:
            key = (role, kind, condition.placed.id, condition.originator)
            _, acts, parts = found.setdefault(key, (condition, {}, {}))
            acts[act] = parts[part] = None
    order = {role: place for place, role in enumerate(ROLES)}
    return [
        _right(role, kind, originator, *found[role, kind, grant, originator])
        for role, kind, grant, originator in sorted(found, key=lambda key: (order[key[0]], *key[1:]))
    ]


def _right(
    role: str,
    kind: str,
    originator: str,
    condition: Condition,
    acts: Mapping[str, None],
    parts: Mapping[str, None],
) -> Right:
    grant = condition.placed.grant
    return Right(
        role=role,
        acts=tuple(acts),
        kind=kind,
        parts=tuple(parts),
        originator=originator,
        up_to=LEVELS[condition.up_to],
        states=grant.states,
        facts=grant.when,
        logged=tuple(act for act in grant.logged if act in acts),
        alone=grant.two_person_above,
        grant=condition.placed.id,
        sentences=condition.placed.sentences,
    )


@dataclass(frozen=True)
class Held:
    """A role that a person holds or held, and the request by which a second person approved it ("" for none)."""

    assignment: Assignment
    now: bool
    request: str


@dataclass(frozen=True)
class Way:
    """How somebody comes in: when last, by which factors, with which tokens."""

    account: Account
    roles: tuple[str, ...]
    last_sign_in: datetime | None
    sessions: int
    second_factor: bool
    tokens: tuple[Token, ...]
    devices: tuple[str, ...]

    @property
    def last_used(self) -> datetime | None:
        """The last sign-in, or the last day on which a token was used."""
        days = [
            datetime.combine(t.last_used_on, datetime.min.time(), UTC) for t in self.tokens if t.last_used_on
        ]
        return max(filter(None, [self.last_sign_in, *days]), default=None)

    @property
    def opens_something(self) -> bool:
        return bool(self.roles) and not self.account.locked


def held_by(reader: Subject, person: str) -> list[Held]:
    """The roles of a person, as far as the reader may see them, the latest first."""
    now = timezone.now()
    abouts = {
        record.id: record.about
        for record in find(reader, Query("role_assignment", external=(person,), sort="at", limit=500)).records
    }
    return [
        Held(each, each.holds_at(now), abouts.get(each.record, "")) for each in assignments(reader, person)
    ]


def ways_in(reader: Subject) -> list[Way]:
    """Every account with what opens it, those that were not used for longest first."""
    now = timezone.now()
    held: dict[str, list[str]] = {}
    for each in assignments(reader):
        if each.holds_at(now):
            held.setdefault(each.person, []).append(each.role)
    devices = _devices(reader)
    found = [
        Way(
            account=account,
            roles=tuple(held.get(account.person, ())),
            last_sign_in=account.last_login,
            sessions=UserSession.objects.filter(user=account).count(),
            second_factor=has_second_factor(account),
            tokens=tuple(
                t for t in Token.objects.filter(account=account, revoked_at=None) if t.expires_at > now
            ),
            devices=tuple(devices.get(account.person, ())),
        )
        for account in Account.objects.order_by("username")
    ]
    longest_ago = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda way: (not way.opens_something, way.last_used or longest_ago))


def _devices(reader: Subject) -> dict[str, list[str]]:
    """Names of the devices that speak for a person, as far as the reader may see whose they are, with how each stands
    that needs the person's word."""
    found: dict[str, list[str]] = {}
    if not here.state().policy.entries(reader, "read", "device"):
        return found
    shape = all_kinds()["device"]
    for state in (state for state in shape.states if state not in shape.final):
        for record in find(reader, Query("device", state=state, sort="at", limit=1000)).records:
            account = (record.parts.get("link") or {}).get("account")
            if account:
                name = (record.parts.get("identity") or {}).get("name", record.id)
                stands = "" if state == shape.states[0] else f" ({plain(STATE_NAMES, state)})"
                found.setdefault(account, []).append(f"{name}{stands}")
    return found


def dormant(ways: Sequence[Way]) -> list[Way]:
    """Accounts that open something and that nobody has used for so many days, or ever."""
    since = timezone.now() - timedelta(days=dormant_days())
    return [way for way in ways if way.opens_something and (way.last_used or way.account.created_at) < since]


def dormant_days() -> int:
    """`dormant_days` in node.toml, else 30."""
    found = here.home().settings.get("dormant_days", DORMANT_DAYS)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else DORMANT_DAYS


def without_second_factor(ways: Sequence[Way]) -> list[Way]:
    """Accounts that open something with a password alone."""
    return [way for way in ways if way.opens_something and not way.second_factor]


@dataclass(frozen=True)
class BulkReading:
    """One reading of many records, or an export, as this party logged it."""

    found: Released
    person: str
    act: str
    kind: str
    records: int


def bulk_readings(reader: Subject) -> Iterator[BulkReading]:
    """Among the latest readings that this party logged: exports, and those of many records at once."""
    page = find(reader, Query("reading", originator=reader.party, sort="at", limit=READINGS))
    for record in page.records:
        what, who = record.parts.get("what"), record.parts.get("who")
        if what is None or who is None:
            continue
        count = len(what["records"])
        if what["act"] == "export" or count >= BULK_RECORDS:
            yield BulkReading(record, who["person"], what["act"], what["kind"], count)
