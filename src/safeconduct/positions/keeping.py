"""How long a position is kept: the clause that lets the itinerary be read says so, and the writer sees to it."""

from __future__ import annotations

from safeconduct.agreement.policy import Policy
from safeconduct.positions.store import Store, database
from safeconduct.records.home import Home
from safeconduct.records.hooks import on_stop, on_tick
from safeconduct.records.kinds import all_kinds
from safeconduct.records.transaction import Tx

MOVEMENT, ITINERARY = "movement", "itinerary"
"""Who may read this part may see where the journey is."""
DEFAULT_DAYS = 2
EVERY = 60.0
"""Seconds between two looks at what is too old; `positions` in node.toml says otherwise."""

_stores: dict[str, Store] = {}


def keep_days(policy: Policy, originator: str) -> int:
    """Days for which positions of a party's movements are kept: the shortest that a grant in force says."""
    limits = [
        placed.grant.retention_days
        for placed in policy.grants.values()
        if placed.grant.retention_days is not None
        and "read" in placed.grant.may
        and MOVEMENT in placed.grant.kinds
        and ITINERARY in placed.grant.parts_of(MOVEMENT, policy.vocabulary)
        and any(whose == originator for _, whose in placed.directions)
    ]
    return min(limits, default=DEFAULT_DAYS)


@on_tick("positions", EVERY)
def forget_old(tx: Tx) -> None:
    """Erase what is too old, and all of a movement that was withdrawn or erased."""
    if not database(tx.home).exists():
        return
    store = _stores.get(str(tx.home.path))
    if store is None:
        store = _stores[str(tx.home.path)] = Store(tx.home)
    gone = 0
    for movement in store.movements():
        row = tx.row(movement)
        erased = row is not None and row.erased >> all_kinds()[MOVEMENT].bit(ITINERARY) & 1
        if row is None or row.withdrawn or erased:
            gone += store.forget(movement)
        else:
            gone += store.forget(movement, tx.now - 86_400.0 * keep_days(tx.policy, row.originator))
    if gone:
        store.sweep()


@on_stop
def close_store(home: Home) -> None:
    store = _stores.pop(str(home.path), None)
    if store is not None:
        store.close()
