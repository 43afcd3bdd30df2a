"""Destroying what came of a partner's record, and telling the partner so."""

from __future__ import annotations

from safeconduct.exchange.delivery import post
from safeconduct.exchange.leaves import write_leaf
from safeconduct.exchange.projection import RECEIVED, SENT
from safeconduct.exchange.state import Received, State
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records.home import Partner
from safeconduct.records.transaction import Tx, iso


def erase_received(
    tx: Tx, known: Received, mask: int, feed_index: int | None, reason: str = "", up_to: int = 0
) -> None:
    """Destroy here what came of a partner's record, in every version that was stored: because the partner asked
    with an entry of its feed, or for a reason of this node's own. `up_to` is the last version meant, 0 for all: what
    came after an erasure was asked for stays, however late it is done."""
    state = State(tx.db)
    tx.append(
        "erasure",
        {
            "side": RECEIVED,
            "record": known.record,
            "partner": known.partner,
            "mask": mask,
            "at": iso(tx.now),
            **({"reason": reason} if feed_index is None else {"feed_index": feed_index}),
            **({"up_to": up_to} if up_to else {}),
        },
    )
    later = [
        index
        for index in (state.received_entries(known.record) if up_to else ())
        if tx.header(index)["version"] > up_to
    ]
    for index, held in state.take_received(known.record, mask, later):
        tx.erase(index, [bit for bit in range(held.bit_length()) if held >> bit & 1])
    if not up_to or known.version <= up_to:
        state.set_received_held(known, known.held & ~mask)


def send_receipt(
    tx: Tx, partner: Partner, known: Received, erase: int, mask: int, outcome: str, because: str
) -> None:
    """Answer an erasure in the own feed: the partner has it signed by this node's feed key."""
    leaf = write_leaf(
        {
            "type": "receipt",
            "record": known.opaque,
            "originator": tx.home.party,
            "agreement": partner.agreement,
            "erase": erase,
            "outcome": outcome,
            "because": because,
        }
    )
    tx.append(
        "receipt",
        {
            "side": SENT,
            "record": known.record,
            "sent_as": known.opaque,
            "partner": partner.party,
            "erase": erase,
            "mask": mask,
            "outcome": outcome,
            "because": because,
            "at": iso(tx.now),
            "feed_index": State(tx.db).partner(partner.party).feed_size,
            "feed_leaf": leaf_hash(leaf).hex(),
        },
    )
    post(tx, partner.party, leaf, {})
