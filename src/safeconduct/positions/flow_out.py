"""Positions that leave: of each journey the newest goes into the spool of every partner whom a clause lets have it.

Only what this node's own devices took, by a grant to that partner of this party's tracks. Nothing waits in a queue:
when a flow may go on no longer, its position is out of the spool with the very transaction that decided so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from safeconduct.exchange.own_version import as_opened
from safeconduct.exchange.spool import Spool
from safeconduct.exchange.state import State
from safeconduct.exchange.view import Permitted, decide
from safeconduct.ledger.database import FAULTS
from safeconduct.positions.flow_book import (
    ENDED,
    GONE,
    POLICY,
    SENT,
    UNKNOWN,
    Flow,
    Name,
    close_flow,
    is_open,
    known_as,
    open_flow,
    since,
)
from safeconduct.positions.keeping import keep_days, received_days, store_of
from safeconduct.positions.kinds import ITINERARY, MOVEMENT, TRACK
from safeconduct.positions.store import Position
from safeconduct.records.bearers import answerable
from safeconduct.records.events import log_event
from safeconduct.records.home import Home, Partner
from safeconduct.records.kinds import kind
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.telemetry import is_gone, telemetry_item
from safeconduct.records.transaction import Tx

_OPEN = 1

_spools: dict[str, dict[str, Spool]] = {}


def offer(tx: Tx, movement: str) -> None:
    """Let the newest position of a movement flow to every partner who may have it."""
    row = tx.row(movement)
    if row is None or row.kind != MOVEMENT:
        return
    newest: Position | None = None
    for partner in tx.home.partners.values():
        name = known_as(tx, row, partner.party)
        permitted, _ = _permitted(tx, row, partner, name)
        if permitted is None or name is None:
            continue
        newest = newest or _newest(tx, movement)
        if newest is None or newest.at < tx.now - 86_400.0 * _days(tx, row):
            return
        if newest.at < since(tx, SENT, partner.party):
            continue
        clauses = permitted.clauses(TRACK, _OPEN)
        if not is_open(tx, SENT, partner.party, movement, clauses):
            open_flow(tx, SENT, partner.party, row, name, clauses)
        if spool_of(tx.home, partner.party).put(name, round(newest.at, 3), _values(newest)):
            save_after(tx)


def _days(tx: Tx, row: RowView) -> int:
    return min(keep_days(tx.policy, row.originator), received_days(tx.policy, tx.home.party))


def _newest(tx: Tx, movement: str) -> Position | None:
    try:
        return store_of(tx.home).latest([movement], 0.0).get(movement)
    except FAULTS as fault:
        # What is wrong with the positions must not stop the ledger.
        log_event("positions_unread", fault=fault)
        return None


def _values(fix: Position) -> Sequence[float | None]:
    """A fix as it crosses: as finely as a phone knows where it is, and nothing of whose phone it is."""
    coarse = [
        None if value is None else round(value, 1) for value in (fix.accuracy_m, fix.speed, fix.heading)
    ]
    return [round(fix.latitude, 6), round(fix.longitude, 6), *coarse]


def _permitted(tx: Tx, row: RowView, partner: Partner, name: Name | None) -> tuple[Permitted | None, str]:
    """What permits this flow now; None with why it may not go on."""
    own = tx.home.party
    if is_gone(row, TRACK.name):
        return None, GONE
    if row.state in TRACK.final:
        return None, ENDED
    if name is None:
        return None, UNKNOWN
    if row.originator == own:
        if State(tx.db).held_back(row.id) >> kind(MOVEMENT).bit(ITINERARY) & 1:
            return None, GONE
        releasable = names_in(row.releasable)
    else:
        releasable = frozenset({row.originator})
    item = telemetry_item(row, TRACK.name, own, releasable)
    item = item._replace(assigned=answerable(tx.tables, row, partner.party))
    permitted = decide(tx.policy, as_opened(tx, item), {}, partner, own, tx.now)
    return (permitted, "") if permitted.mask & _OPEN else (None, POLICY)


def look_at(tx: Tx, open_flows: Sequence[Flow]) -> None:
    """Close those of the flows to partners that may go on no longer."""
    for flow in open_flows:
        if flow.side != SENT:
            continue
        row, partner = tx.row(flow.movement), tx.home.partners.get(flow.partner)
        why, name = GONE, None
        if row is not None and partner is not None:
            name = known_as(tx, row, partner.party)
            permitted, why = _permitted(tx, row, partner, name)
            if permitted is not None and name == flow.name:
                continue
            why = why or UNKNOWN
        close_flow(tx, flow, why)
        spool_of(tx.home, flow.partner).drop(flow.name)
        save_after(tx)


def spool_of(home: Home, partner: str) -> Spool:
    """The writer's spool for a partner; what is put in or taken out is given out once it is saved."""
    spools = _spools.setdefault(str(home.path), {})
    if partner not in spools:
        spools[partner] = Spool(home, partner)
    return spools[partner]


def save_after(tx: Tx) -> None:
    """Replace the spools' files once the transaction is durable: what is noted comes before what leaves."""
    home = tx.home
    tx.after_commit(lambda: _save(home), once="position spools")


def _save(home: Home) -> None:
    for spool in _spools.get(str(home.path), {}).values():
        try:
            spool.save()
        except OSError as fault:
            log_event("flow_stopped", fault=fault)
            with contextlib.suppress(OSError):
                spool.remove()


def remove_spools(home: Home) -> None:
    """The writer ends: nothing is given out until one is back."""
    for spool in _spools.pop(str(home.path), {}).values():
        spool.remove()


def forget_old(tx: Tx, open_flows: Sequence[Flow]) -> None:
    """Take out of the spools what is too old to be kept."""
    for flow in open_flows:
        newest = spool_of(tx.home, flow.partner).newest(flow.name) if flow.side == SENT else None
        row = tx.row(flow.movement) if newest is not None else None
        if newest is not None and row is not None and newest < tx.now - 86_400.0 * _days(tx, row):
            spool_of(tx.home, flow.partner).drop(flow.name)
