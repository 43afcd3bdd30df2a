"""Giving in advance: a sealed bundle with what a partner is to have of time-locked records once they open.

Nothing goes into it that the feed would not bring at the opening: the clauses must let the partner have it then,
by their `disclose`, and the person who makes it may export it. What was given so counts as held from there on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Decision, Subject
from safeconduct.exchange.bundle import FeedEntry
from safeconduct.exchange.inbound import partner_of
from safeconduct.exchange.leaves import write_leaf
from safeconduct.exchange.limits import expired
from safeconduct.exchange.outbound import about_of, version_header
from safeconduct.exchange.own_version import Version, as_opened
from safeconduct.exchange.projection import SENT
from safeconduct.exchange.sealed import MAX_ENTRIES, Cover, SealedRefused, pack
from safeconduct.exchange.sealed_state import SealedState
from safeconduct.exchange.spoken import KEY_BYTES, SALT_BYTES
from safeconduct.exchange.state import Sent, State
from safeconduct.exchange.view import Permitted, coarse, decide, new_commitment, outward
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records.commit import decide as decide_act
from safeconduct.records.home import Partner
from safeconduct.records.hooks import job, on_tick
from safeconduct.records.kinds import Kind, all_kinds
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso

LASTS_HOURS = 72
"""A sealed bundle can be opened until so long after the last of its locks."""

_HEX = re.compile(r"(?:[0-9a-f]{2})+")


@dataclass(frozen=True)
class Locked:
    """What a partner is to have of a record at its opening and has not now: parts as a bitmask, by which grants."""

    row: RowView
    kind: Kind
    mask: int
    permitted: Permitted


def locked_for(tx: Tx, row: RowView, partner: Partner) -> Locked | None:
    """None when the opening would bring the partner nothing that it may not have already."""
    kind = all_kinds()[row.kind]
    if row.originator != tx.home.party or row.withdrawn or row.opens is None or kind.crosses_by_pairing:
        return None
    item = outward(tx.tables, row, partner.party)
    locked = as_opened(tx, item)
    if locked.opens is None:
        return None
    state, own = State(tx.db), tx.home.party
    then = decide(tx.policy, item._replace(opens=None), {}, partner, own, tx.now)
    now = decide(tx.policy, locked, {}, partner, own, tx.now)
    mask = then.mask & row.present & ~now.mask & ~state.held_back(row.id) & ~expired(tx, partner.party, row)
    return Locked(row, kind, mask, then) if mask else None


@job("exchange_sealable")
def sealable_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """For which partners a sealed bundle could be made of a record and those about it, by this actor."""
    subject, record = tx.subject(payload["actor"]), str(payload["record"])
    row = _visible(tx, subject, record)
    found = []
    for partner in tx.home.partners.values():
        each = [locked for one in (row, *_about(tx, record)) if (locked := locked_for(tx, one, partner))]
        if partner.card and each and all(_may_export(tx, subject, one) is None for one in each):
            opens = max(one.row.opens or 0.0 for one in each)
            found.append({"partner": partner.party, "records": len(each), "opens": opens})
    return {"partners": found}


@job("exchange_seal")
def seal_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Make a sealed bundle. Payload: actor, partner, records, key and salt (hex; the code itself stays with the
    person who is shown it). Answers the file in base64 and what is in it."""
    subject = tx.subject(payload["actor"])
    partner, card = partner_of(tx, payload)
    key, salt = _secret(payload, "key", KEY_BYTES), _secret(payload, "salt", SALT_BYTES)
    if State(tx.db).partner(partner.party).frozen:
        raise Refused("the exchange with this partner is frozen", attempt=_attempt(subject, ""))
    chosen = _chosen(tx, subject, partner, [str(record) for record in payload.get("records", ())])
    bundle = secrets.token_hex(16)
    last = max(one.row.opens or tx.now for one in chosen)
    expires = int(max(last, tx.now) + LASTS_HOURS * 3600)
    cover = Cover(tx.home.party, partner.party, partner.agreement, bundle, int(tx.now), expires, salt)
    entries, told = _entries(tx, partner, bundle, chosen)
    try:
        file = pack(tx.home, card, cover, entries, key)
    except SealedRefused as fault:
        raise Malformed(str(fault)) from fault
    SealedState(tx.db).keep_made(partner.party, bundle, file, expires)
    common = {
        "side": SENT,
        "what": "made",
        "bundle": bundle,
        "partner": partner.party,
        "by": subject.person,
        "at": iso(tx.now),
        "code_shown": iso(tx.now),
        "expires": iso(expires),
        "file": hashlib.sha256(file).hexdigest(),
        "policy": tx.state.index,
    }
    for each in told:
        index = tx.append("sealed", {**common, **each})
        tx.announce({"topic": "holdings", "kind": each["kind"], "record": each["record"], "index": index})
    return {
        "bundle": bundle,
        "file": base64.b64encode(file).decode(),
        "records": [[one.row.id, one.kind.name] for one in chosen],
        "expires": expires,
    }


@job("exchange_sealed_file")
def file_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """The file of a sealed bundle again, for whoever may export what is in it. Without its code it opens nothing."""
    subject, bundle = tx.subject(payload["actor"]), str(payload.get("bundle"))
    rows = tx.db.execute("SELECT record FROM exchange_sealed WHERE bundle = ?", (bundle,)).fetchall()
    file = SealedState(tx.db).file(bundle)
    records = [row for (record,) in rows if (row := tx.row(record)) is not None]
    if file is None or not records or any(not tx.knows(subject, row) for row in records):
        raise NotFound(bundle)
    return {"file": base64.b64encode(file).decode()}


def _chosen(tx: Tx, subject: Subject, partner: Partner, records: Sequence[str]) -> list[Locked]:
    """The records asked for, then those about them, as far as a lock keeps something of them back."""
    if not records:
        raise Malformed("a sealed bundle holds some records")
    found: dict[str, Locked] = {}
    for record in records:
        row = _visible(tx, subject, record)
        asked = locked_for(tx, row, partner)
        along = [each for one in _about(tx, record) if (each := locked_for(tx, one, partner)) is not None]
        if asked is None and not along:
            raise Refused(
                f"no time lock keeps anything of this record from {partner.party} that it is to have later",
                _would(tx, row, partner),
                _attempt(subject, record),
            )
        for each in filter(None, (asked, *along)):
            if refused := _may_export(tx, subject, each):
                part, decision = refused
                reason = f"export {each.kind.name}.{part}: {decision.refused_by}"
                raise Refused(reason, decision.would, _attempt(subject, each.row.id))
            found[each.row.id] = each
    if len(found) > MAX_ENTRIES:
        raise Malformed(f"a sealed bundle holds at most {MAX_ENTRIES} records")
    return list(found.values())


def _about(tx: Tx, record: str) -> Iterator[RowView]:
    """Own records about one, such as the names on a manifest."""
    for (each,) in tx.tables.all(
        "SELECT id FROM records_row WHERE about = %s AND originator = %s ORDER BY born",
        [record, tx.home.party],
    ):
        row = tx.row(each)
        if row is not None:
            yield row


def _visible(tx: Tx, subject: Subject, record: str) -> RowView:
    row = tx.row(record)
    if row is None or row.originator != tx.home.party or not tx.knows(subject, row):
        raise NotFound(record)
    return row


def _may_export(tx: Tx, subject: Subject, locked: Locked) -> tuple[str, Decision] | None:
    """The first part that the actor may not export, and why; None when there is none."""
    if subject.person == SYSTEM:
        return None
    for bit, name in enumerate(locked.kind.part_names):
        if locked.mask >> bit & 1:
            decision = decide_act(tx, subject, "export", tx.item(locked.row), name)
            if not decision.permit:
                return name, decision
    return None


def _would(tx: Tx, row: RowView, partner: Partner) -> list[tuple[str, str]]:
    """Grants of this agreement not in force that would let the partner have some of it."""
    return [
        (placed.id, placed.status)
        for placed in tx.policy.pending
        if placed.agreement == partner.agreement
        and row.kind in placed.grant.kinds
        and "disclose" in placed.grant.may
        and any(to == partner.party for to, _ in placed.directions)
    ]


def _entries(
    tx: Tx, partner: Partner, bundle: str, chosen: Sequence[Locked]
) -> tuple[list[FeedEntry], list[dict[str, Any]]]:
    """The feed entries of the opening, and what the ledger is to say of each."""
    state, kept = State(tx.db), SealedState(tx.db)
    entries: list[FeedEntry] = []
    told: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for locked in chosen:
        row, kind = locked.row, locked.kind
        known = state.sent(partner.party, row.id)
        sent, version, salt = _as_it_will_be(tx, state, partner, locked, known)
        more = known is not None and known.own_version == row.version
        header = version_header(
            tx, state, version, sent, partner, locked.permitted, locked.mask, "parts" if more else "version"
        )
        names[row.id] = sent.opaque
        if "about" not in header and row.about in names:
            header["about"] = {"originator": tx.home.party, "record": names[row.about]}
        given = version.crossing(partner.party)
        parts = tuple((bit, given.texts[bit]) for bit in range(len(given.texts)) if locked.mask >> bit & 1)
        leaf = write_leaf(header)
        entries.append(FeedEntry(leaf, parts))
        kept.keep_given(partner.party, row.id, bundle, locked.mask)
        told.append(
            {
                "record": row.id,
                "version": row.version,
                "version_index": version.index,
                "kind": kind.name,
                "sent_as": sent.opaque,
                "sent_version": sent.version,
                "released": list(header["labels"]),
                "mask": locked.mask,
                "clauses": header["clauses"],
                "leaf": leaf_hash(leaf).hex(),
                "commitment": sent.commitment,
                **({"salt": salt} if salt else {}),
            }
        )
    return entries, told


def _as_it_will_be(
    tx: Tx, state: State, partner: Partner, locked: Locked, known: Sent | None
) -> tuple[Sent, Version, str]:
    """What the partner will have of the record: more parts of the version that it has, or the next version."""
    row = locked.row
    if known is not None and known.own_version == row.version:
        return known, Version(tx, known.own_index), ""
    version = Version(tx, row.ledger_index)
    given = version.crossing(partner.party)
    opaque = known.opaque if known is not None else state.reserve(partner.party, row.id)
    tied, salt = new_commitment(version.hash)
    sent = Sent(
        partner=partner.party,
        record=row.id,
        opaque=opaque,
        version=(known.version if known is not None else 0) + 1,
        own_version=row.version,
        own_index=row.ledger_index,
        held=locked.mask,
        digests=given.digests,
        commitment=tied,
        at=coarse(row.at, locked.kind, locked.mask),
        about=about_of(tx, state, version, partner)[0],
    )
    return sent, version, salt


@on_tick("exchange_sealed_sweep", 600.0)
def forget_expired(tx: Tx) -> None:
    """Files that can be opened no more need not be kept."""
    tx.db.execute("DELETE FROM exchange_sealed_file WHERE expires < ?", (tx.now,))


def _secret(payload: dict[str, Any], name: str, length: int) -> bytes:
    text = str(payload.get(name, ""))
    try:
        found = binascii.unhexlify(text) if _HEX.fullmatch(text) else b""
    except binascii.Error:
        found = b""
    if len(found) != length:
        raise Malformed(f"{name} has {length} bytes in hexadecimal")
    return found


def _attempt(subject: Subject, record: str) -> dict[str, str]:
    return {"person": subject.person, "act": "export", "record": record}
