"""When a record gets or loses a duty bearer, what may be disclosed of it changes too."""

from __future__ import annotations

from collections.abc import Sequence

from safeconduct.exchange.outbound import bring_up_to_date
from safeconduct.records.bearers import heirs
from safeconduct.records.hooks import on_bearers
from safeconduct.records.transaction import Tx


@on_bearers
def look_at_bearers(tx: Tx, records: Sequence[str]) -> None:
    """Look again at these own records, and at those that take their bearers from them."""
    waiting, seen = list(records), set(records)
    for record in waiting:
        row = tx.row(record)
        if row is not None and row.originator == tx.home.party:
            for partner in tx.home.partners.values():
                bring_up_to_date(tx, tx.policy, row, partner)
        found = [heir for heir in heirs(tx.tables, record) if heir not in seen]
        seen.update(found)
        waiting += found
