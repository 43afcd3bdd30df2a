"""When what flows is decided again: with the policy, the movement, its duty bearers, and from time to time."""

from __future__ import annotations

from collections.abc import Sequence

from safeconduct.agreement.policy import Policy
from safeconduct.positions import flow_in, flow_out
from safeconduct.positions.flow_book import SENT, Flow, flows, note_beginnings
from safeconduct.positions.kinds import MOVEMENT
from safeconduct.records.home import Home
from safeconduct.records.hooks import (
    on_bearers,
    on_policy,
    on_received,
    on_start,
    on_stop,
    on_tick,
    on_version,
    on_withdrawn,
)
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx

EVERY = 0.5
"""Seconds between two looks at what flows, since time and erasures close grants too."""
AT_ONCE = 500
"""Flows that one such look takes up."""

_looked: dict[str, int] = {}


def _look_at(tx: Tx, open_flows: Sequence[Flow]) -> None:
    flow_out.look_at(tx, open_flows)
    flow_in.look_at(tx, open_flows)


@on_start
def begin(tx: Tx) -> None:
    """Begin with what flowed before the writer stopped, as far as it still may."""
    for partner in tx.home.partners:
        flow_out.spool_of(tx.home, partner)
    _look_at(tx, flows(tx))
    for movement in {flow.movement for flow in flows(tx) if flow.side == SENT}:
        flow_out.offer(tx, movement)
    flow_out.save_after(tx)


@on_stop
def end(home: Home) -> None:
    flow_out.remove_spools(home)
    _looked.pop(str(home.path), None)


@on_policy
def look_again(tx: Tx, before: Policy, after: Policy) -> None:
    """What is agreed has changed: what may flow no longer stops with this transaction. What may again begins with the
    next position that is taken."""
    if before.digest != after.digest:
        note_beginnings(tx, before, after)
        _look_at(tx, flows(tx))


@on_version
def look_at_own(tx: Tx, row: RowView, index: int) -> None:
    if row.kind == MOVEMENT:
        _look_at(tx, flows(tx, row.id))


@on_received
def look_at_received(tx: Tx, row: RowView, index: int) -> None:
    look_at_own(tx, row, index)


@on_withdrawn
def look_at_withdrawn(tx: Tx, row: RowView) -> None:
    _look_at(tx, flows(tx, row.id))


@on_bearers
def look_at_bearers(tx: Tx, records: Sequence[str]) -> None:
    for record in records:
        _look_at(tx, flows(tx, record))


@on_tick("position_flow", EVERY)
def look_from_time_to_time(tx: Tx) -> None:
    """Look at some of the flows in turn, and say that what lies in the spools still holds."""
    waiting, place = flows(tx), str(tx.home.path)
    first = _looked.get(place, 0) if _looked.get(place, 0) < len(waiting) else 0
    some = waiting[first : first + AT_ONCE]
    _looked[place] = first + AT_ONCE
    _look_at(tx, some)
    flow_out.forget_old(tx, some)
    flow_out.save_after(tx)
