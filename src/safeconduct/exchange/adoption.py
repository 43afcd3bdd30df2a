"""Taking one's own history back from the partner: a feed goes on from what was signed and has arrived.

A node that was restored from an older copy has lost entries that it signed, and may have signed others in their
place. What the partner has stands: its leaves are adopted. What this node knows of them decides what it says next:
records it knows are told anew as they are now, of those it has lost the partner is told not to use them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safeconduct.exchange.delivery import post
from safeconduct.exchange.epochs import EpochRefused, View
from safeconduct.exchange.feed import Feed
from safeconduct.exchange.leaves import write_leaf
from safeconduct.exchange.projection import SENT
from safeconduct.exchange.state import State
from safeconduct.ledger.tree import Frontier, leaf_hash
from safeconduct.records.home import Partner
from safeconduct.records.kinds import all_kinds
from safeconduct.records.transaction import Tx, iso

UNKNOWN_VERSION = -1
"""The own version of what the partner has and this node does not know any more: it is told anew."""

_AT_ONCE = 2000


@dataclass
class Known:
    """What the partner knows of a record by the leaves of a feed."""

    kind: str
    version: int = 0
    held: int = 0
    leaf: dict[str, Any] = field(default_factory=dict)
    hash: str = ""


def common(feed: Feed, theirs: View) -> int:
    """How many entries of the own feed are those that the partner has. Raises EpochRefused when the view does not
    reach back so far."""
    if feed.log.size < theirs.first:
        raise EpochRefused("the partner's view does not reach back to what is left of this feed")
    held = [leaf_hash(leaf) for leaf in theirs.leaves]
    own = [leaf_hash(e.leaf) for e in feed.log.entries(theirs.first, theirs.first + len(held))]
    same = next((at for at, pair in enumerate(zip(own, held, strict=False)) if pair[0] != pair[1]), len(own))
    frontier = Frontier()
    for first in range(0, theirs.first, _AT_ONCE):
        last = min(theirs.first, first + _AT_ONCE)
        frontier.extend(leaf_hash(e.leaf) for e in feed.log.entries(first, last))
    frontier.extend(held)
    if (frontier.size, frontier.root().hex()) != theirs.feed:
        raise EpochRefused(
            "the partner's entries are not those of its view, or differ from ours before it begins"
        )
    return theirs.first + same


def adopt(tx: Tx, partner: Partner, feed: Feed, theirs: View) -> tuple[int, Sequence[bytes]]:
    """Make what is remembered of the feed agree with the partner's copy; returns (entries kept, leaves adopted).

    The feed's own database follows once this is durable.
    """
    state = State(tx.db)
    keep = common(feed, theirs)
    adopted = theirs.leaves[keep - theirs.first :]
    dropped = [entry.leaf for entry in feed.log.entries(keep, feed.log.size)]
    dropped += [
        leaf for index, leaf, _ in state.waiting(partner.party, feed.log.size, 1 << 40) if index >= keep
    ]
    kept = [entry.leaf for entry in feed.log.entries(0, keep)]
    touched = {_record(leaf) for leaf in (*adopted, *dropped)} - {""}
    final = _replay([*kept, *adopted], touched)
    again = _to_repeat(tx, partner.party, dropped, keep)
    _forget(tx, partner.party, keep, theirs.feed[0])
    known_leaves = _by_leaf(tx, partner.party)
    for opaque in sorted(touched):
        _repair(tx, state, partner, opaque, final.get(opaque), known_leaves)
    for position, leaf in enumerate(adopted, keep):
        _note_entry(tx, state, partner.party, position, json.loads(leaf))
    for header, leaf in again:
        _repeat(tx, state, partner.party, header, leaf)
    state.start_sweep(partner.party)
    return keep, adopted


def _record(leaf: bytes) -> str:
    return str(json.loads(leaf).get("record", ""))


def _replay(leaves: Iterable[bytes], touched: set[str]) -> Mapping[str, Known]:
    found: dict[str, Known] = {}
    for leaf in leaves:
        header = json.loads(leaf)
        kind = all_kinds().get(str(header.get("kind")))
        if header.get("record") not in touched or kind is None:
            continue
        known = found.setdefault(header["record"], Known(kind.name))
        names = header["labels"] if header["type"] in ("version", "parts") else header["parts"]
        mask = sum(1 << kind.bit(name) for name in names)
        if header["type"] == "version":
            known.version, known.held = header["version"], mask
            known.leaf, known.hash = header, leaf_hash(leaf).hex()
        elif header["type"] == "parts":
            known.held |= mask
        else:
            known.held &= ~mask
    return found


def _by_leaf(tx: Tx, partner: str) -> dict[str, dict[str, Any]]:
    """The ledger's disclosures to a partner by the hash of their leaf."""
    found: dict[str, dict[str, Any]] = {}
    for first in range(0, tx.log.size, _AT_ONCE):
        for entry in tx.log.entries(first, first + _AT_ONCE):
            header = json.loads(entry.leaf)
            if header["type"] == "disclosure" and header["partner"] == partner:
                found[header["feed_leaf"]] = header
    return found


def _to_repeat(
    tx: Tx, partner: str, dropped: Sequence[bytes], keep: int
) -> list[tuple[dict[str, Any], bytes]]:
    """What was asked and answered in entries that never arrived, with what the ledger said of it."""
    found = []
    for position, leaf in enumerate(dropped, keep):
        header = json.loads(leaf)
        if header["type"] == "erase":
            asked = tx.db.execute(
                "SELECT record, mask FROM exchange_asked WHERE partner = ? AND idx = ?", (partner, position)
            ).fetchone()
            if asked is not None:
                found.append(({**header, "own": asked[0], "mask": asked[1]}, leaf))
        elif header["type"] == "receipt":
            found.append((header, leaf))
    return found


def _forget(tx: Tx, partner: str, keep: int, size: int) -> None:
    for table in ("exchange_outbox", "exchange_sent_entry", "exchange_asked", "exchange_erasing"):
        tx.db.execute(f"DELETE FROM {table} WHERE partner = ? AND idx >= ?", (partner, keep))
    tx.db.execute("UPDATE exchange_partner SET feed_size = ? WHERE partner = ?", (size, partner))


def _repair(
    tx: Tx,
    state: State,
    partner: Partner,
    opaque: str,
    known: Known | None,
    known_leaves: Mapping[str, Mapping[str, Any]],
) -> None:
    """Bring what is remembered of one record to what the partner knows of it."""
    sent = state.sent_as(partner.party, opaque)
    if known is None or not known.version:
        # It was only in entries that never arrived; should it cross, then under another name.
        tx.db.execute("DELETE FROM exchange_sent WHERE partner = ? AND opaque = ?", (partner.party, opaque))
        return
    if sent is None:
        if known.held and not all_kinds()[known.kind].crosses_by_pairing:
            _disown(tx, state, partner, opaque, known)
        return
    told = known_leaves.get(known.hash)
    tx.db.execute(
        "UPDATE exchange_sent SET version = ?, own_version = ?, own_index = ?, held = ?, digests = ?, "
        "commitment = ?, at = ?, about = '' WHERE partner = ? AND opaque = ?",
        (
            known.version,
            told["version"] if told is not None else UNKNOWN_VERSION,
            told["version_index"] if told is not None else sent.own_index,
            known.held,
            json.dumps(known.leaf["digests"]),
            known.leaf["commitment"],
            known.leaf["at"],
            partner.party,
            opaque,
        ),
    )


def _disown(tx: Tx, state: State, partner: Partner, opaque: str, known: Known) -> None:
    """Tell the partner not to use what this node knows nothing of any more. Its own id is lost: it goes by the
    partner's, so that its erasure can still be asked for."""
    kind = all_kinds()[known.kind]
    state.lose(partner.party, opaque)
    tx.db.execute(
        "INSERT INTO exchange_sent VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?, ?, '') ON CONFLICT DO NOTHING",
        (
            partner.party,
            opaque,
            opaque,
            known.version,
            UNKNOWN_VERSION,
            json.dumps(known.leaf["digests"]),
            known.leaf["commitment"],
            known.leaf["at"],
        ),
    )
    names = [name for bit, name in enumerate(kind.part_names) if known.held >> bit & 1]
    leaf = write_leaf(
        {
            "type": "withdraw",
            "record": opaque,
            "kind": kind.name,
            "originator": tx.home.party,
            "agreement": partner.agreement,
            "parts": names,
        }
    )
    header = {
        "side": SENT,
        "record": "",
        "partner": partner.party,
        "sent_as": opaque,
        "withdrawn": names,
        "mask": known.held,
        "reason": "lost here",
        "at": iso(tx.now),
        "feed_index": state.partner(partner.party).feed_size,
        "feed_leaf": leaf_hash(leaf).hex(),
    }
    tx.append("withdrawal", header)
    post(tx, partner.party, leaf, {})


def _note_entry(tx: Tx, state: State, partner: str, index: int, header: Mapping[str, Any]) -> None:
    """Remember which parts of an own record an adopted entry disclosed or asked to erase.

    Of a record that is lost here it is remembered that the partner may still answer, and speak about it.
    """
    opaque = str(header.get("record"))
    sent = state.sent_as(partner, opaque)
    kind = all_kinds().get(str(header.get("kind")))
    if kind is None or header["type"] == "withdraw":
        return
    if sent is None:
        state.lose(partner, opaque)
        if header["type"] == "version" or header["type"] == "parts":
            return
    names = header["parts"] if header["type"] == "erase" else header["labels"]
    table = "exchange_asked" if header["type"] == "erase" else "exchange_sent_entry"
    tx.db.execute(
        f"INSERT INTO {table} VALUES (?, ?, ?, ?) "
        "ON CONFLICT (partner, idx) DO UPDATE SET record = excluded.record, mask = excluded.mask",
        (partner, index, sent.record if sent else "", sum(1 << kind.bit(name) for name in names)),
    )


def _repeat(tx: Tx, state: State, partner: str, header: Mapping[str, Any], leaf: bytes) -> None:
    """Ask or answer again what the partner never got."""
    known = state.received(partner, header["record"])
    told: dict[str, Any] = {
        "side": SENT,
        "partner": partner,
        "sent_as": header["record"],
        "at": iso(tx.now),
        "feed_index": state.partner(partner).feed_size,
        "feed_leaf": leaf_hash(leaf).hex(),
    }
    if header["type"] == "receipt":
        answered = {name: header[name] for name in ("erase", "outcome", "because")}
        tx.append("receipt", {**told, **answered, "record": known.record if known else "", "mask": 0})
        post(tx, partner, leaf, {})
        return
    tx.append(
        "erasure",
        {
            **told,
            "record": header["own"],
            "erased": header["parts"],
            "mask": header["mask"],
            "sealed": header.get("sealed", []),
        },
    )
    index = post(tx, partner, leaf, {})
    tx.db.execute(
        "INSERT INTO exchange_asked VALUES (?, ?, ?, ?)", (partner, index, header["own"], header["mask"])
    )
