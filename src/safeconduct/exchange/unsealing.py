"""Taking a partner's sealed bundle, and opening it once its code was read over the telephone.

It is verified when it comes and kept unopened. What opens is taken in as the feed's entries are, as entries of the
own ledger that say so; what the feed brings later is held against it and stands.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.exchange.arrival import Arrival
from safeconduct.exchange.bundle import FeedEntry
from safeconduct.exchange.identity import Card
from safeconduct.exchange.inbound import verified
from safeconduct.exchange.leaves import Frame, LeafRefused
from safeconduct.exchange.projection import RECEIVED, UNSENT
from safeconduct.exchange.reception import Reception
from safeconduct.exchange.sealed import Cover, SealedRefused, opened, uncover
from safeconduct.exchange.sealed_state import EXPIRED, OPENED, WAITING, Advance, Incoming, SealedState
from safeconduct.exchange.spoken import KEY_BYTES
from safeconduct.exchange.state import Received, received_id
from safeconduct.ledger.parts import DisclosureRefused
from safeconduct.records.home import Partner
from safeconduct.records.hooks import HOOKS, job, on_tick
from safeconduct.records.kinds import PartRefused, all_kinds
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.transaction import Tx, iso
from safeconduct.records.under import parties_of

OPENERS = frozenset({"coordinator", "watch_officer", "commander", "security_officer"})
"""Roles whose holders may take a sealed bundle and enter its code. What it holds, they read as policy has it."""

LONGEST_WAIT = 300.0
"""Seconds after a wrong code, doubled from two with each, until the next may be tried."""


@job("exchange_sealed_take")
def take_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Keep a partner's sealed bundle. Payload: actor, file (base64). The same file again changes nothing."""
    subject = _opener(tx, payload)
    try:
        raw = base64.b64decode(str(payload["file"]), validate=True)
        cards = [Card.of(partner.card) for partner in tx.home.partners.values() if partner.card]
        cover, body = uncover(tx.home, cards, raw)
    except (KeyError, binascii.Error, SealedRefused) as fault:
        raise Malformed(f"sealed bundle refused: {fault}") from fault
    kept = SealedState(tx.db)
    known = kept.incoming(cover.bundle)
    if known is not None and known.cover is None:
        raise Malformed(f"sealed bundle refused: {known.state}")
    if known is not None:
        return {"bundle": cover.bundle, "partner": cover.sender, "state": known.state, "known": True}
    if cover.expires <= tx.now:
        raise Malformed(f"sealed bundle refused: it could be opened until {iso(cover.expires)}")
    kept.take(cover, body, tx.now, subject.person)
    tx.append(
        "sealed",
        {
            "side": RECEIVED,
            "what": "taken",
            "bundle": cover.bundle,
            "partner": cover.sender,
            "by": subject.person,
            "at": iso(tx.now),
            "expires": iso(cover.expires),
        },
    )
    return {"bundle": cover.bundle, "partner": cover.sender, "state": WAITING, "known": False}


@job("exchange_sealed_waiting")
def waiting_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """The sealed bundles that came, with what is needed to try a code: nothing of what is in them."""
    subject = _opener(tx, payload)
    found = [each for each in SealedState(tx.db).all_incoming() if _opens_for(subject, each.partner)]
    return {"bundles": [_told(tx, each, each.cover) for each in found if each.cover is not None]}


def _told(tx: Tx, each: Incoming, cover: Cover) -> dict[str, Any]:
    late = each.state == WAITING and cover.expires <= tx.now
    return {
        "bundle": each.bundle,
        "partner": each.partner,
        "made": cover.made,
        "expires": cover.expires,
        "received": each.received,
        "salt": cover.salt.hex(),
        "tries": each.tries,
        "wait": max(0.0, each.next_try - tx.now),
        "state": EXPIRED if late else each.state,
        "at": each.at,
    }


@job("exchange_sealed_open")
def open_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Try the key of a code. Payload: actor, bundle, key (hex). Answers `status`: opened, wrong or wait.

    A wrong code is an answer and no refusal: it is counted, and what is counted must be stored. Raises Malformed
    for a bundle that cannot be opened, or that holds what does not verify.
    """
    subject = _opener(tx, payload)
    kept = SealedState(tx.db)
    known = kept.incoming(str(payload.get("bundle")))
    if known is None or known.cover is None or not _opens_for(subject, known.partner):
        raise NotFound(str(payload.get("bundle")))
    partner = tx.home.partners.get(known.partner)
    if partner is None or known.state != WAITING:
        raise Malformed(f"this sealed bundle is no longer waiting: {known.state}")
    if known.cover.expires <= tx.now:
        raise Malformed(f"this sealed bundle could be opened until {iso(known.cover.expires)}")
    if known.next_try > tx.now:
        return {"status": "wait", "seconds": known.next_try - tx.now, "tries": known.tries}
    entries = _opened(known.cover, known.body, str(payload.get("key", "")))
    if entries is None:
        return _wrong(tx, subject, known)
    results = _take_in(tx, partner, known.bundle, entries)
    kept.end(partner.party, known.bundle, OPENED, tx.now)
    tx.append(
        "sealed",
        {
            "side": RECEIVED,
            "what": "opened",
            "bundle": known.bundle,
            "partner": partner.party,
            "by": subject.person,
            "at": iso(tx.now),
            "code_given": iso(tx.now),
            "ahead_of_feed": [record for record, _, outcome in results if outcome == "taken"],
        },
    )
    return {"status": "opened", "records": results}


def _opened(cover: Cover, body: bytes, key: str) -> list[FeedEntry] | None:
    try:
        secret = binascii.unhexlify(key)
    except (binascii.Error, ValueError) as fault:
        raise Malformed("a key is hexadecimal") from fault
    if len(secret) != KEY_BYTES:
        raise Malformed(f"a key has {KEY_BYTES} bytes")
    try:
        return opened(cover, body, secret)
    except SealedRefused as fault:
        raise Malformed(f"sealed bundle refused: {fault}") from fault


def _wrong(tx: Tx, subject: Subject, known: Incoming) -> dict[str, Any]:
    tries = known.tries + 1
    wait = min(LONGEST_WAIT, 2.0**tries)
    SealedState(tx.db).missed(known.bundle, tries, tx.now + wait)
    tx.append(
        "sealed",
        {
            "side": RECEIVED,
            "what": "wrong code",
            "bundle": known.bundle,
            "partner": known.partner,
            "by": subject.person,
            "at": iso(tx.now),
            "tries": tries,
        },
    )
    return {"status": "wrong", "seconds": wait, "tries": tries}


def _take_in(
    tx: Tx, partner: Partner, bundle: str, entries: Sequence[FeedEntry]
) -> list[tuple[str, str, str]]:
    """Verify all entries, then store what is new: (record, kind, what became of it)."""
    frame = Frame(partner.party, partner.agreement, tx.home.party)
    ceiling = LEVELS.index(tx.home.settings.get("exchange_ceiling", LEVELS[-1]))
    try:
        arrivals = [verified(frame, UNSENT, entry, ceiling) for entry in entries]
        for arrival in arrivals:
            _check(tx, arrival)
        early = Early(tx, partner, bundle)
        found = [early.take_ahead(arrival) for arrival in arrivals]
    except (LeafRefused, DisclosureRefused, PartRefused) as fault:
        raise Malformed(f"sealed bundle refused: {fault}") from fault
    early.announce()
    return found


def _check(tx: Tx, arrival: Arrival) -> None:
    """Only versions and parts lie in a sealed bundle, under clauses that are agreed still."""
    header = arrival.header
    if arrival.later:
        raise LeafRefused("what this version does not know yet: upgrade, and open it then")
    if header["type"] not in ("version", "parts") or all_kinds()[header["kind"]].crosses_by_pairing:
        raise LeafRefused("a sealed bundle holds versions of records")
    ended = [clause for clause in header["clauses"] if clause not in tx.policy.grants]
    if ended or not header["clauses"]:
        raise LeafRefused(f"not agreed, or not any more: {', '.join(ended) or 'no clause named'}")


class Early(Reception):
    """Takes in what the feed has not brought yet, and leaves what is known of the feed as it is."""

    def take_ahead(self, arrival: Arrival) -> tuple[str, str, str]:
        """Store one verified entry. Raises LeafRefused when it does not fit what came by the feed."""
        header = arrival.header
        partner, opaque = self.partner.party, header["record"]
        kind = all_kinds()[header["kind"]]
        record = received_id(partner, opaque)
        known = self.state.received(partner, opaque)
        if known is not None and known.leaf["kind"] != kind.name:
            raise LeafRefused("a record does not change its kind")
        if known is not None and known.version > header["version"]:
            return record, kind.name, "amended since"
        texts, labels = dict(arrival.texts), dict(header["labels"])
        if known is not None and known.version == header["version"]:
            if known.leaf["digests"] != header["digests"]:
                raise LeafRefused("it does not fit the digests that came by the feed")
            held = {b: t for b, t in enumerate(self._held_texts(known)) if t and known.held >> b & 1}
            if texts.keys() <= held.keys():
                return record, kind.name, "here already"
            texts = held | texts
            labels = {n: level for n, level in known.leaf["labels"].items() if kind.bit(n) in held} | labels
        index = self._store(arrival, kind, record, texts, labels)
        mask = sum(1 << bit for bit in arrival.texts)
        SealedState(self.tx.db).hold(
            partner,
            opaque,
            Advance(
                record, kind.name, header["version"], index, mask, tuple(header["digests"]), header["labels"]
            ),
        )
        if known is None:
            self.state.put_received(Received(partner, opaque, record, 0, index, 0, header))
        self.changed.append((kind.name, record, index))
        row = self.tx.row(record)
        for hook in HOOKS.received:
            hook(self.tx, row, index)
        return record, kind.name, "taken"


@on_tick("exchange_sealed_expiry", 60.0)
def let_expired_go(tx: Tx) -> None:
    """What was never opened in its time is no use to anybody any more."""
    kept = SealedState(tx.db)
    for each in kept.all_incoming():
        if each.state == WAITING and each.cover is not None and each.cover.expires <= tx.now:
            kept.end(each.partner, each.bundle, EXPIRED, tx.now)


def _opener(tx: Tx, payload: dict[str, Any]) -> Subject:
    subject = tx.subject(payload["actor"])
    if subject.person != SYSTEM and not OPENERS & subject.roles:
        attempt = {"person": subject.person, "act": "read", "record": str(payload.get("bundle", ""))}
        raise Refused("sealed bundles are opened by coordinators and those on watch", attempt=attempt)
    return subject


def _opens_for(subject: Subject, partner: str) -> bool:
    """Whether a role that opens sealed bundles counts under the agreement with this partner."""
    within = parties_of(subject, OPENERS & subject.roles) if subject.limited else None
    return within is None or partner in within
