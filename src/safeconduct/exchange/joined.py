"""What joins records crosses whole or not at all: a partner is told only if it knows of every record that is joined."""

from __future__ import annotations

from safeconduct.exchange.state import State
from safeconduct.records.home import Partner
from safeconduct.records.kinds import LEAST_JOINED, all_kinds
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx


def waits(tx: Tx, row: RowView, partner: Partner) -> bool:
    """Whether an own record would tell this partner that there is another of which it does not know."""
    if not all_kinds()[row.kind].joins:
        return False
    joined = {each.about for each in (row, *tx.siblings(row))}
    return len(joined) < LEAST_JOINED or not all(_knows(State(tx.db), partner, record) for record in joined)


def _knows(state: State, partner: Partner, record: str) -> bool:
    """Whether a partner was ever told of an own record, or told of it itself."""
    if state.sent(partner.party, record) is not None:
        return True
    received = state.received_record(record)
    return received is not None and received.partner == partner.party
