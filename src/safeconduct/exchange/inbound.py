"""What arrives: a partner's bundle is verified whole before anything of it is written.

The bundle must bear the partner's signature, continue the tree that is mirrored here, and hold only what an
honest partner of this agreement would send. What was seen before changes nothing; a gap is answered with the
size held; two signed histories freeze the exchange; anything else that does not fit is refused and forgotten.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.exchange.arrival import Arrival
from safeconduct.exchange.bundle import Bundle, BundleRefused, FeedEntry
from safeconduct.exchange.delivery import deliver_after, feed_of, restored, settle_restored
from safeconduct.exchange.epochs import extension
from safeconduct.exchange.feed import AckRefused
from safeconduct.exchange.identity import Card, Keys, feed_origin
from safeconduct.exchange.leaves import Frame, LeafRefused, of_later_version, read_leaf
from safeconduct.exchange.reception import Reception
from safeconduct.exchange.state import State
from safeconduct.exchange.unread import as_it_is, unread
from safeconduct.exchange.witness import Forked, cosigned_note, given, keep_evidence, witness_ledger
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import Checkpoint, NoteRefused, open_checkpoint
from safeconduct.ledger.parts import DisclosureRefused, digest, open_disclosure
from safeconduct.ledger.tree import Frontier, leaf_hash
from safeconduct.records.events import log_event
from safeconduct.records.home import Partner
from safeconduct.records.hooks import job
from safeconduct.records.kinds import Kind, PartRefused, all_kinds
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import Tx


def mirror_of(tx: Tx, partner: str) -> Log:
    """This node's copy of the tree of a partner's feed, beside the ledger."""
    mirror = Log(tx.db, f"mirror_{partner.replace('-', '_')}", feed_origin(partner, tx.home.party))
    mirror.reload()
    return mirror


def partner_of(tx: Tx, payload: dict[str, Any]) -> tuple[Partner, Card]:
    partner = tx.home.partners.get(str(payload.get("partner")))
    if partner is None or not partner.card:
        raise Malformed("this node is not paired with that partner")
    return partner, Card.of(partner.card)


@job("exchange_cursor", by=("web", "courier"))
def cursor_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """From where to pull: the partner's feed size held, its ledger size cosigned, and why nothing moves."""
    partner, _ = partner_of(tx, payload)
    known = State(tx.db).partner(partner.party)
    return {
        "have": mirror_of(tx, partner.party).size,
        "head": known.ledger_size,
        "frozen": known.frozen,
        "unread": unread(tx, partner.party),
        "epoch": State(tx.db).epoch(partner.party),
        "evidence": State(tx.db).evidence(partner.party),
        "cosignatures": base64.b64encode(given(known).pack()).decode(),
    }


@job("ingest", by=("courier",))
def ingest_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Take in a bundle (base64); `carried` says that it came on a stick, and may be old. Answers a status (ok, old,
    gap, fork, frozen), the feed size held and the cosignatures to hand back. Refuses, as Malformed, what does not
    verify."""
    partner, card = partner_of(tx, payload)
    state = State(tx.db)
    if state.partner(partner.party).frozen:
        return _answer(tx, partner.party, "frozen")
    try:
        raw = base64.b64decode(str(payload["bundle"]), validate=True)
        bundle = Bundle.unpack(raw)
        status = _ingest(tx, partner, card, bundle, bool(payload.get("carried")))
    except Forked as fork:
        log_event("link_fork", partner=partner.party)
        keep_evidence(tx, partner.party, fork)
        return _answer(tx, partner.party, "fork")
    except (
        KeyError,
        binascii.Error,
        BundleRefused,
        LeafRefused,
        NoteRefused,
        AckRefused,
        DisclosureRefused,
        PartRefused,
    ) as fault:
        raise Malformed(f"bundle refused: {fault}") from fault
    return _answer(tx, partner.party, status)


def _answer(tx: Tx, partner: str, status: str) -> dict[str, Any]:
    state = State(tx.db)
    cosignatures = given(state.partner(partner))
    feed = feed_of(tx.home, partner)
    tx.after_commit(lambda: feed.give(cosignatures))
    return {
        "status": status,
        "have": mirror_of(tx, partner).size,
        "head": cosignatures.ledger_size,
        "cosignatures": base64.b64encode(cosignatures.pack()).decode(),
    }


def _ingest(tx: Tx, partner: Partner, card: Card, bundle: Bundle, carried: bool) -> str:
    state, keys = State(tx.db), Keys.of(tx.home)
    mirror = mirror_of(tx, partner.party)
    checkpoint = open_checkpoint(bundle.note, [card.feed]).checkpoint
    if checkpoint.extensions != extension(state.epoch(partner.party)):
        raise BundleRefused("it is of another epoch")
    if checkpoint.origin != mirror.origin or checkpoint.size != bundle.end:
        raise BundleRefused("the checkpoint is not that of this bundle")
    if bundle.cosignatures.feed or bundle.cosignatures.ledger:
        feed_of(tx.home, partner.party).note_cosignatures(card, bundle.cosignatures)
    if restored(tx.home, partner.party):
        # Before anything is taken in: the partner may answer what this node does not remember having asked.
        settle_restored(tx, partner.party, carried)
        if state.partner(partner.party).frozen:
            return "frozen"
    if bundle.start > mirror.size:
        return "gap"
    fresh = _continue(mirror, state.partner(partner.party).feed_note, checkpoint, bundle)
    arrivals = _verify(tx, partner, bundle, fresh)
    if arrivals:
        reception = Reception(tx, partner)
        for arrival in arrivals:
            reception.take(arrival)
        reception.announce()
        mirror.append([(arrival.leaf, None) for arrival in arrivals])
    if checkpoint.size >= mirror.size:
        known = state.partner(partner.party)
        if arrivals or not known.cosigned_feed:
            state.set_feed_head(partner.party, bundle.note, cosigned_note(bundle.note, keys, tx.now))
            deliver_after(tx, partner.party)
    if bundle.head:
        unproved = witness_ledger(tx, card, bundle.head, keys)
        if unproved is not None:
            log_event("link_unproved", partner=partner.party, size=unproved.size)
            tx.announce({"topic": "exchange", "partner": partner.party, "alarm": "unproved"})
    return "ok" if arrivals or checkpoint.size == mirror.size else "old"


def _continue(mirror: Log, kept: bytes, checkpoint: Checkpoint, bundle: Bundle) -> Sequence[FeedEntry]:
    """The entries that are new, once the signed root proves that they continue what is mirrored.

    Raises Forked if the partner signed another history, BundleRefused if the bytes prove nothing.
    """
    size = mirror.size
    if checkpoint.size <= size:
        if mirror.root_at(checkpoint.size) != checkpoint.root:
            if not kept:
                raise BundleRefused("an empty feed has no such root")
            raise Forked("feed", kept, bundle.note, bundle.pack())
        return ()
    held = [leaf_hash(e.leaf) for e in mirror.entries(bundle.start, size)]
    hashes = [leaf_hash(entry.leaf) for entry in bundle.entries]
    if hashes[: len(held)] == held:
        frontier = mirror.frontier()
        frontier.extend(hashes[len(held) :])
        if frontier.root() == checkpoint.root:
            return bundle.entries[len(held) :]
        raise BundleRefused("the entries are not those that were signed")
    frontier = Frontier()
    frontier.extend(leaf_hash(e.leaf) for e in mirror.entries(0, bundle.start))
    frontier.extend(hashes)
    if frontier.root() == checkpoint.root:
        # The signed root commits to leaves that differ from those under the head signed before.
        raise Forked("feed", kept, bundle.note, bundle.pack())
    raise BundleRefused("the entries are not those that were signed")


def _verify(tx: Tx, partner: Partner, bundle: Bundle, fresh: Sequence[FeedEntry]) -> list[Arrival]:
    frame = Frame(partner.party, partner.agreement, tx.home.party)
    first = bundle.end - len(fresh)
    ceiling = LEVELS.index(tx.home.settings.get("exchange_ceiling", LEVELS[-1]))
    return [verified(frame, first + offset, entry, ceiling) for offset, entry in enumerate(fresh)]


def verified(frame: Frame, index: int, entry: FeedEntry, ceiling: int) -> Arrival:
    """One entry, checked alone. Parts labelled above this node's ceiling are verified and then let go."""
    header = read_leaf(entry.leaf, frame)
    if of_later_version(header):
        return as_it_is(index, entry, header, ceiling)
    if header["type"] not in ("version", "parts"):
        if entry.parts:
            raise LeafRefused("an entry without parts discloses some")
        return Arrival(index, entry.leaf, header, {}, {})
    kind = all_kinds()[header["kind"]]
    labelled = {kind.bit(name) for name in header["labels"]}
    if {position for position, _ in entry.parts} != labelled:
        raise LeafRefused("the disclosures are not those of the labelled parts")
    texts = {position: text for position, text in entry.parts if text is not None}
    values: dict[int, Any] = {}
    for position, text in texts.items():
        name = kind.part_names[position]
        if digest(text) != header["digests"][position]:
            raise LeafRefused(f"part {name} is not the one in the leaf")
        values[position] = _value(kind, name, text)
    try:
        checked = kind.validate({kind.part_names[position]: value for position, value in values.items()})
    except PartRefused as fault:
        if not fault.unknown or kind.crosses_by_pairing:
            raise
        return as_it_is(index, entry, header, ceiling)
    if kind.crosses_by_pairing and any(
        (checked.get(n) or {}).get("agreement") != frame.agreement for n in kind.part_names
    ):
        raise LeafRefused("a clause or act of another agreement")
    kept = {p: text for p, text in texts.items() if header["labels"][kind.part_names[p]] <= ceiling}
    return Arrival(index, entry.leaf, header, kept, {position: values[position] for position in kept})


def _value(kind: Kind, name: str, text: str) -> Any:
    if len(text) > 4 * (kind.parts[name].max_bytes + 256) // 3 + 4:
        raise LeafRefused(f"part {name} is too large")
    _, named, value = open_disclosure(text)
    if named != name or value is None:
        raise LeafRefused(f"part {name} discloses another part or nothing")
    return value
