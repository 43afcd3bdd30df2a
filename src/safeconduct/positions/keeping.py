"""How long a position is kept: the clause that lets the itinerary be read says so, and the writer sees to it."""

from __future__ import annotations

from safeconduct.agreement.policy import Policy
from safeconduct.positions.kinds import ITINERARY, MOVEMENT, TRACK
from safeconduct.positions.store import OWN, Store
from safeconduct.records.databases import let_in, may_have_positions
from safeconduct.records.home import Home
from safeconduct.records.hooks import on_start, on_stop, on_tick
from safeconduct.records.telemetry import is_gone
from safeconduct.records.transaction import Tx

DEFAULT_DAYS = 2
EVERY = 60.0
"""Seconds between two looks at what is too old; `positions` in node.toml says otherwise."""

_stores: dict[str, Store] = {}


def keep_days(policy: Policy, originator: str) -> int:
    """Days for which positions of a party's movements are kept: the shortest that a grant in force says."""
    return min(_days(policy, MOVEMENT, ITINERARY, originator), default=DEFAULT_DAYS)


def received_days(policy: Policy, collector: str) -> int:
    """Days for which positions are kept that a party's node sends: the shortest that a grant in force says."""
    return min(_days(policy, TRACK.name, "position", collector), default=DEFAULT_DAYS)


def _days(policy: Policy, kind: str, part: str, whose: str) -> list[int]:
    return [
        placed.grant.retention_days
        for placed in policy.grants.values()
        if placed.grant.retention_days is not None
        and "read" in placed.grant.may
        and kind in placed.grant.kinds
        and part in placed.grant.parts_of(kind, policy.vocabulary)
        and any(collector == whose for _, collector in placed.directions)
    ]


def store_of(home: Home) -> Store:
    """The writer's own handle on the positions; kept open until it closes."""
    found = _stores.get(str(home.path))
    if found is None:
        found = _stores[str(home.path)] = Store(home)
    return found


@on_start
def make_store(tx: Tx) -> None:
    """On a server the writer makes the tables, for processes that may not."""
    if may_have_positions(tx.home):
        store_of(tx.home).make_days(tx.now)
        let_in(tx.home, store_of(tx.home).db)


@on_tick("positions", EVERY)
def forget_old(tx: Tx) -> bool:
    """Erase what is too old, and all of a movement that was withdrawn or erased.

    What a partner sent is gone when the term is over that held when it came, or a shorter one that holds now: a
    clause that is suspended does not lengthen it.
    """
    if not may_have_positions(tx.home):
        return False
    store = store_of(tx.home)
    if store.give_back():
        return True  # of what was forgotten before; called again at once, after the jobs that wait
    store.make_days(tx.now)
    found = [(movement, tx.row(movement)) for movement in store.movements()]
    kept = [(movement, row) for movement, row in found if row is not None and not is_gone(row, TRACK.name)]
    own = {row.originator: _ago(tx, keep_days(tx.policy, row.originator)) for _, row in kept}
    sent = {partner: _ago(tx, received_days(tx.policy, partner)) for partner in tx.home.partners}
    store.forget_days(min([*own.values(), *sent.values(), _ago(tx, DEFAULT_DAYS)]), sent, tx.now)
    gone = sum(store.forget(movement) for movement in {movement for movement, _ in found} - dict(kept).keys())
    for movement, row in kept:
        gone += store.forget(movement, own[row.originator], OWN)
        gone += sum(store.forget_received(movement, each, tx.now, before) for each, before in sent.items())
    if gone:
        store.sweep()
    return bool(gone)


def _ago(tx: Tx, days: int) -> float:
    return tx.now - 86_400.0 * days


@on_stop
def close_store(home: Home) -> None:
    store = _stores.pop(str(home.path), None)
    if store is not None:
        store.close()
