"""Which positions flow between this node and a partner: noted in the ledger when a flow opens and when it closes.

A flow is one movement, one partner and one direction. Single positions are not noted; whether they may go on flowing
is decided again with each, and whenever what decides it changes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from safeconduct.agreement.policy import Policy
from safeconduct.exchange.state import State
from safeconduct.positions.kinds import MOVEMENT, TRACK
from safeconduct.records.home import Partner
from safeconduct.records.hooks import on_start
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso

SENT, RECEIVED = "sent", "received"
POLICY, ENDED, GONE, UNKNOWN = "policy", "ended", "withdrawn or erased", "not disclosed"
"""Why a flow closes: no clause permits it, the journey is over, the record is gone, the other party may not know it."""

_WHOLE = (1 << len(TRACK.part_names)) - 1


class Name(NamedTuple):
    """A movement as a partner knows it: its originator, and the id under which it crosses."""

    originator: str
    opaque: str


class Flow(NamedTuple):
    side: str
    partner: str
    movement: str
    name: Name


@on_start
def make_table(tx: Tx) -> None:
    tx.db.execute(
        "CREATE TABLE IF NOT EXISTS position_flow (side TEXT NOT NULL, partner TEXT NOT NULL, movement TEXT NOT NULL, "
        "originator TEXT NOT NULL, opaque TEXT NOT NULL, clauses TEXT NOT NULL, "
        "PRIMARY KEY (side, partner, movement)) WITHOUT ROWID"
    )
    tx.db.execute(
        "CREATE TABLE IF NOT EXISTS position_since (side TEXT NOT NULL, partner TEXT NOT NULL, at REAL NOT NULL, "
        "PRIMARY KEY (side, partner)) WITHOUT ROWID"
    )


def flows(tx: Tx, movement: str = "") -> list[Flow]:
    """The flows that are open, of one movement or of all."""
    rows = tx.db.execute(
        "SELECT side, partner, movement, originator, opaque FROM position_flow WHERE ? IN ('', movement)",
        (movement,),
    )
    return [Flow(side, partner, record, Name(*name)) for side, partner, record, *name in rows.fetchall()]


def is_open(tx: Tx, side: str, partner: str, movement: str, clauses: Sequence[str]) -> bool:
    """Whether a flow is noted as open, and by these clauses."""
    row = tx.db.execute(
        "SELECT clauses FROM position_flow WHERE side = ? AND partner = ? AND movement = ?",
        (side, partner, movement),
    ).fetchone()
    return row is not None and json.loads(row[0]) == list(clauses)


def open_flow(tx: Tx, side: str, partner: str, row: RowView, name: Name, clauses: Sequence[str]) -> None:
    """Note that positions of a movement flow from now on, by these clauses."""
    flow = Flow(side, partner, row.id, name)
    tx.db.execute(
        "INSERT INTO position_flow VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (side, partner, movement) DO UPDATE SET "
        "originator = excluded.originator, opaque = excluded.opaque, clauses = excluded.clauses",
        (side, partner, row.id, *name, json.dumps(list(clauses))),
    )
    _note(tx, flow, "opened", row.version, clauses=list(clauses))


def close_flow(tx: Tx, flow: Flow, why: str) -> None:
    """Note that they flow no more, and why."""
    tx.db.execute(
        "DELETE FROM position_flow WHERE side = ? AND partner = ? AND movement = ?",
        (flow.side, flow.partner, flow.movement),
    )
    row = tx.row(flow.movement)
    _note(tx, flow, "closed", row.version if row is not None else 0, why=why)


def _note(tx: Tx, flow: Flow, what: str, version: int, **more: object) -> None:
    tx.append(
        "flow",
        {
            "what": what,
            "side": flow.side,
            "record": flow.movement,
            "version": version,
            "kind": TRACK.name,
            "partner": flow.partner,
            "sent_as": flow.name.opaque,
            "released": list(TRACK.part_names),
            "mask": _WHOLE,
            "at": iso(tx.now),
            "policy": tx.state.index,
            **more,
        },
    )


def since(tx: Tx, side: str, partner: str) -> float:
    """Since when positions may flow, in seconds since 1970: what was taken before, while no clause let it, never does.
    0.0 where they might from the beginning."""
    row = tx.db.execute(
        "SELECT at FROM position_since WHERE side = ? AND partner = ?", (side, partner)
    ).fetchone()
    return float(row[0]) if row is not None else 0.0


def note_beginnings(tx: Tx, before: Policy, after: Policy) -> None:
    """Remember the moment at which a clause begins to let positions flow, or does so again."""
    own = tx.home.party
    for partner in tx.home.partners.values():
        for side, collector, to in ((SENT, own, partner.party), (RECEIVED, partner.party, own)):
            if lets_flow(after, partner, collector, to) and not lets_flow(before, partner, collector, to):
                tx.db.execute(
                    "INSERT INTO position_since VALUES (?, ?, ?) "
                    "ON CONFLICT (side, partner) DO UPDATE SET at = excluded.at",
                    (side, partner.party, tx.now),
                )


def known_as(tx: Tx, row: RowView, partner: str) -> Name | None:
    """How a partner knows a movement now; None for one that it does not have, or must not use any more."""
    state = State(tx.db)
    if row.originator == tx.home.party:
        sent = state.sent(partner, row.id)
        return Name(tx.home.party, sent.opaque) if sent is not None and sent.held else None
    received = state.received_record(row.id)
    if received is None or received.partner != partner or not received.held:
        return None
    return Name(partner, received.opaque)


def movement_of(tx: Tx, partner: str, name: Name) -> RowView | None:
    """The movement that a partner means."""
    state = State(tx.db)
    if name.originator == tx.home.party:
        sent = state.sent_as(partner, name.opaque)
        record = sent.record if sent is not None and sent.held else ""
    else:
        received = state.received(partner, name.opaque) if name.originator == partner else None
        record = received.record if received is not None and received.held else ""
    row = tx.row(record) if record else None
    return row if row is not None and row.kind == MOVEMENT else None


def lets_flow(policy: Policy, partner: Partner, collector: str, to: str) -> bool:
    """Whether any clause in force lets positions flow from one party to the other at all."""
    return any(
        placed.agreement == partner.agreement
        and TRACK.name in placed.grant.kinds
        and "disclose" in placed.grant.may
        and (to, collector) in placed.directions
        for placed in policy.grants.values()
    )
