"""Taking back what was given in advance: the bundle that lies unopened ends, what was opened is not to be used."""

from __future__ import annotations

from safeconduct.exchange.delivery import post
from safeconduct.exchange.leaves import write_leaf
from safeconduct.exchange.projection import SENT
from safeconduct.exchange.sealed_state import SealedState, with_bundles
from safeconduct.exchange.state import State
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records.home import Partner
from safeconduct.records.kinds import all_kinds
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso


def take_back(tx: Tx, row: RowView, partner: Partner, mask: int, reason: str) -> None:
    """Tell a partner not to use parts that lie in sealed bundles, and to let unopened ones go."""
    state, kept = State(tx.db), SealedState(tx.db)
    _, bundles = kept.given(partner.party, row.id)
    opaque = state.reserve(partner.party, row.id)
    kind = all_kinds()[row.kind]
    names = [name for bit, name in enumerate(kind.part_names) if mask >> bit & 1]
    header = {
        "type": "withdraw",
        "record": opaque,
        "kind": kind.name,
        "originator": tx.home.party,
        "agreement": partner.agreement,
        "parts": names,
    }
    leaf = write_leaf(with_bundles(header, bundles))
    tx.append(
        "withdrawal",
        {
            "side": SENT,
            "record": row.id,
            "partner": partner.party,
            "sent_as": opaque,
            "withdrawn": names,
            "mask": mask,
            "reason": reason,
            "at": iso(tx.now),
            "feed_index": state.partner(partner.party).feed_size,
            "feed_leaf": leaf_hash(leaf).hex(),
            "policy": tx.state.index,
            "sealed": list(bundles),
        },
    )
    post(tx, partner.party, leaf, {})
    kept.no_longer_given(partner.party, row.id, mask)
    kept.forget_files(bundles)
