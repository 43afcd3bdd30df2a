"""A record as one partner is to see it: which parts, by which clauses, in what header.

`decide` and `preview` are what a screen shows before anything leaves; outbound uses the same functions, so
the two cannot differ.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.agreement.vocabulary import LEVELS, ROLES
from safeconduct.ledger.parts import SALT_SIZE, digest, resalted
from safeconduct.records.authorisations import NOBODY, opened_to
from safeconduct.records.bearers import Asks, answerable
from safeconduct.records.home import Partner
from safeconduct.records.kinds import Kind, all_kinds
from safeconduct.records.opinion import disclosure_agreed
from safeconduct.records.rows import RowView, item_of

WITHDRAWN = "withdrawn"
ERASED = "erased"
EMPTY = "empty"


@dataclass(frozen=True)
class Permitted:
    """Parts of a record that may be given to a partner: a bitmask, and by part the grants that permit it."""

    mask: int
    grants: Mapping[str, tuple[str, ...]]

    def clauses(self, kind: Kind, mask: int) -> list[str]:
        """The grants that the parts in `mask` are released by, each once."""
        names = [name for bit, name in enumerate(kind.part_names) if mask >> bit & 1]
        return sorted({grant for name in names for grant in self.grants.get(name, ())})


NOTHING = Permitted(0, {})


def outward(tables: Asks, row: RowView, party: str) -> Item:
    """An own record as policy sees it when it is to be disclosed: its duty bearers are those of the other party."""
    return item_of(row)._replace(assigned=answerable(tables, row, party))


def authorised_there(
    tables: Asks, policy: Policy, row: RowView, partner: Partner, now: float
) -> frozenset[str]:
    """The own record's id if somebody of the partner is authorised for it, where a clause asks for that."""
    asked = row.kind in policy.by_authorisation
    return opened_to(tables, row, partner.party, now) if asked else NOBODY


def decide(
    policy: Policy,
    item: Item,
    values: Mapping[str, Any],
    partner: Partner,
    own: str,
    now: float,
    authorised: frozenset[str] = frozenset(),
) -> Permitted:
    """What of a record may be given to this partner at this moment, whether or not the parts have content."""
    kind = all_kinds().get(item.kind)
    if kind is None or item.originator != own:
        return NOTHING
    if kind.crosses_by_pairing:
        named = {(values.get(name) or {}).get("agreement") for name in kind.part_names}
        if named != {partner.agreement}:
            return NOTHING
        every = (1 << len(kind.part_names)) - 1
        return Permitted(every, {})
    if not authorised and (item.opens is None or item.opens <= now):
        # All that is left to depend on, of the moment and of the record's identity, is nothing.
        return _of_class(policy, item._replace(id="", opens=None), partner.party, partner.agreement)
    return _by_grants(policy, item, partner.party, partner.agreement, now, authorised)


@lru_cache(maxsize=16_384)
def _of_class(policy: Policy, item: Item, party: str, under: str) -> Permitted:
    """The decision for every record that is like this one in all that policy looks at."""
    return _by_grants(policy, item, party, under, 0.0, frozenset())


def _by_grants(
    policy: Policy, item: Item, party: str, under: str, now: float, authorised: frozenset[str]
) -> Permitted:
    kind = all_kinds()[item.kind]
    mask, grants = policy.disclosable(item, party, now, item.originator, authorised)
    under_this = {p: tuple(g for g in gs if g.partition("/")[0] == under) for p, gs in grants.items()}
    for bit, name in enumerate(kind.part_names):
        if not mask >> bit & 1:
            continue
        by = under_this.get(name, ())
        if not by or not disclosure_agreed(policy, item, party, name, by, now, authorised):
            mask &= ~(1 << bit)
    return Permitted(mask, under_this)


@dataclass(frozen=True)
class Withheld:
    """A part that stays: why, and which grants of clauses not agreed would let it go."""

    part: str
    reason: str
    would: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Preview:
    """What would leave for a partner if a record were released now. `label` is the highest level in it."""

    partner: str
    kind: str
    state: str
    at: str
    label: str
    parts: Mapping[str, Any]
    levels: Mapping[str, str]
    clauses: tuple[str, ...]
    withheld: tuple[Withheld, ...]


def preview(
    policy: Policy,
    row: RowView,
    partner: Partner,
    own: str,
    now: float,
    held_back: int = 0,
    item: Item | None = None,
    authorised: frozenset[str] = NOBODY,
) -> Preview | None:
    """A row as the partner would get it; None when nothing of it would leave, not even that it exists.

    `item` is the record as it is seen outward; without it, with the duty bearers of its own party. `authorised` is what
    `authorised_there` says of it.
    """
    kind = all_kinds()[row.kind]
    values = row.values()
    item = item or item_of(row)
    permitted = decide(policy, item, values, partner, own, now, authorised)
    mask = 0 if row.withdrawn else permitted.mask & row.present & ~held_back
    withheld = tuple(
        _withheld(policy, row, name, bit, partner, now, held_back)
        for bit, name in enumerate(kind.part_names)
        if not mask >> bit & 1
    )
    if not mask:
        return None
    names = [name for bit, name in enumerate(kind.part_names) if mask >> bit & 1]
    levels = {name: LEVELS[row.level(kind.bit(name))] for name in names}
    return Preview(
        partner=partner.party,
        kind=row.kind,
        state=row.state,
        at=coarse(row.at, kind, mask),
        label=LEVELS[max(LEVELS.index(level) for level in levels.values())],
        parts={name: values.get(name, {}) for name in names},
        levels=levels,
        clauses=tuple(permitted.clauses(kind, mask)),
        withheld=withheld,
    )


def withheld_all(policy: Policy, row: RowView, partner: Partner, now: float) -> tuple[Withheld, ...]:
    """Why each part of a record stays that is not released at all (for its own party's eyes)."""
    kind = all_kinds()[row.kind]
    return tuple(
        _withheld(policy, row, name, bit, partner, now, 0) for bit, name in enumerate(kind.part_names)
    )


def _withheld(
    policy: Policy, row: RowView, name: str, bit: int, partner: Partner, now: float, held_back: int
) -> Withheld:
    if row.withdrawn or held_back >> bit & 1:
        return Withheld(name, WITHDRAWN)
    if row.erased >> bit & 1 and not row.present >> bit & 1:
        return Withheld(name, ERASED)
    if not row.present >> bit & 1:
        return Withheld(name, EMPTY)
    anyone = Subject(partner.party, frozenset(ROLES), clearance=len(LEVELS) - 1)
    decision = policy.decide(anyone, "disclose", item_of(row), name, now)
    return Withheld(name, decision.refused_by, decision.would)


def coarse(at: float, kind: Kind, mask: int) -> str:
    """A record's time as finely as its released parts tell: to the second with its time, else the day."""
    source = kind.dimensions.get("time")
    fine = kind.crosses_by_pairing or (source is not None and mask >> kind.bit(source[0]) & 1)
    moment = datetime.fromtimestamp(at, UTC)
    return (
        f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z" if fine else moment.date().isoformat()
    )


@dataclass(frozen=True)
class Crossing:
    """One own version in a partner's terms: disclosures of the parts that exist, digests of all."""

    texts: tuple[str | None, ...]
    digests: tuple[str, ...]


def crossing(
    texts: Sequence[str | None],
    names: Sequence[str],
    partner: str,
    decoy: Callable[[], bytes],
    header_hash: str,
) -> Crossing:
    """The disclosures of a version with salts of this partner's own.

    Each salt is drawn from the private one, so that two partners cannot compare digests, a later part of the
    same version fits the digest already given, and erasing the private salt erases this one. A part that no
    longer exists gets a digest that nothing fits.
    """
    own: list[str | None] = []
    digests: list[str] = []
    for position, (name, text) in enumerate(zip(names, texts, strict=True)):
        if text is None:
            message = f"safeconduct/decoy\n{partner}\n{header_hash}\n{position}".encode()
            drawn = hmac.digest(decoy(), message, hashlib.sha256)
            own.append(None)
            digests.append(base64.urlsafe_b64encode(drawn).rstrip(b"=").decode())
            continue
        given = resalted(text, partial(_partner_salt, partner, name))
        own.append(given)
        digests.append(digest(given))
    return Crossing(tuple(own), tuple(digests))


def _partner_salt(partner: str, part: str, salt: str) -> str:
    message = f"safeconduct/partner-salt\n{partner}\n{part}".encode()
    drawn = hmac.digest(salt.encode(), message, hashlib.sha256)[:SALT_SIZE]
    return base64.urlsafe_b64encode(drawn).decode()


def new_commitment(header_hash: str) -> tuple[str, str]:
    """(commitment, salt) that tie a partner's header to the private one; the salt opens it in a dispute."""
    salt = secrets.token_hex(32)
    return commitment(salt, header_hash), salt


def commitment(salt: str, header_hash: str) -> str:
    """base64url of SHA-256 over the salt and the private header's hash (32 bytes each, given in hex)."""
    drawn = hashlib.sha256(bytes.fromhex(salt) + bytes.fromhex(header_hash)).digest()
    return base64.urlsafe_b64encode(drawn).rstrip(b"=").decode()
