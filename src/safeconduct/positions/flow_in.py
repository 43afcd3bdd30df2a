"""Positions that arrive live from a partner: each is checked again here before it is kept.

A clause must be in force on this node too, the movement known from that partner or to it, and not over; values must
be positions, of this time, and newer than what is there: so a fix that comes twice is one, and an old one none. Who
may see them, see `reading`; for how long they are kept, `keeping`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from safeconduct.exchange.spool import MOST
from safeconduct.geo.sphere import Point
from safeconduct.geo.watching import Fix
from safeconduct.ledger.database import FAULTS
from safeconduct.positions.flow_book import (
    ENDED,
    GONE,
    POLICY,
    RECEIVED,
    UNKNOWN,
    Flow,
    Name,
    close_flow,
    is_open,
    known_as,
    lets_flow,
    movement_of,
    open_flow,
    since,
)
from safeconduct.positions.keeping import received_days, store_of
from safeconduct.positions.kinds import TRACK, TrackPosition
from safeconduct.positions.seen import look_at_fixes
from safeconduct.positions.sending import AHEAD_SECONDS
from safeconduct.positions.store import Position, speaker
from safeconduct.records.home import Partner
from safeconduct.records.hooks import job
from safeconduct.records.refusals import Malformed, Unavailable
from safeconduct.records.rows import RowView
from safeconduct.records.telemetry import is_gone, telemetry_item
from safeconduct.records.transaction import Tx

LEAST_APART = 0.2
"""Seconds between two fixes of one movement that are kept: so no partner can fill the disk with one journey."""
LONGEST_LINE = 512
_OPEN = 1
_ID = re.compile(r"[0-9a-f]{1,64}")
_HEAD = re.compile(r"[0-9a-f]{1,32}")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a partner's spool."""

    name: Name
    fix: TrackPosition


@job("positions_wanted", by=("courier",))
def wanted_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Whether any clause in force lets a partner's positions flow here."""
    return {"wanted": _wanted(tx, _partner(tx, payload))}


@job("positions_flowed", by=("courier",))
def take_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Take in lines of a partner's spool: `head` is its first, `lines` some of the others.

    Answers how far the spool was read, how many positions were `kept`, `old` or `refused`, and whether one came too
    `early`: its movement or the clause is not here yet, and it may be asked for again. Raises Malformed for what is no
    spool, Unavailable when positions cannot be kept.
    """
    partner = _partner(tx, payload)
    spool, seq = _head(payload.get("head"))
    lines = payload.get("lines")
    if not isinstance(lines, list) or len(lines) > MOST:
        raise Malformed(f"at most {MOST} positions at once")
    counts = {"kept": 0, "old": 0, "refused": 0}
    early, moved = False, []
    for text in lines:
        line = _read(text)
        if line is None:
            counts["refused"] += 1
            continue
        row = movement_of(tx, partner.party, line.name)
        clauses, why = _permitting(tx, row, partner)
        if row is None or not clauses:
            early = early or why in (POLICY, UNKNOWN)
            counts["refused"] += 1
            continue
        outcome = _keep(tx, row, partner, line, clauses)
        counts[outcome] += 1
        if outcome == "kept":
            moved.append(row.id)
    if moved:
        tx.announce({"topic": "positions", "movements": sorted(set(moved))})
    return {"spool": spool, "seq": seq, "wanted": _wanted(tx, partner), "early": early, **counts}


def _keep(tx: Tx, row: RowView, partner: Partner, line: _Line, clauses: Sequence[str]) -> str:
    fix, days = line.fix, received_days(tx.policy, partner.party)
    if fix.at > tx.now + AHEAD_SECONDS:
        return "refused"
    if fix.at < max(tx.now - 86_400.0 * days, since(tx, RECEIVED, partner.party)):
        return "old"
    try:
        store = store_of(tx.home)
        newest = store.latest([row.id], 0.0, (partner.party,)).get(row.id)
        if newest is not None and fix.at < newest.at + LEAST_APART:
            return "old"
        values = (fix.latitude, fix.longitude, fix.accuracy_m, fix.speed, fix.heading)
        position = Position(row.id, speaker(partner.party), fix.at, *values, party=partner.party)
        store.receive([position], min(fix.at, tx.now) + 86_400.0 * days)
    except FAULTS as fault:
        # What is wrong with the positions must not stop the ledger.
        raise Unavailable(f"positions cannot be kept: {type(fault).__name__}") from fault
    if not is_open(tx, RECEIVED, partner.party, row.id, clauses):
        open_flow(tx, RECEIVED, partner.party, row, line.name, clauses)
    seen = Fix(Point(fix.latitude, fix.longitude), datetime.fromtimestamp(fix.at, UTC), fix.accuracy_m)
    look_at_fixes(tx, row.id, speaker(partner.party), [seen])
    return "kept"


def _permitting(tx: Tx, row: RowView | None, partner: Partner) -> tuple[list[str], str]:
    """The grants by which a partner's positions of a movement flow here now; none, and why."""
    if row is None:
        return [], UNKNOWN
    if is_gone(row, TRACK.name):
        return [], GONE
    if row.state in TRACK.final:
        return [], ENDED
    if known_as(tx, row, partner.party) is None:
        return [], UNKNOWN
    own = tx.home.party
    item = telemetry_item(row, TRACK.name, partner.party, frozenset({own}), partner.agreement)
    mask, grants = tx.policy.disclosable(item._replace(opens=None), own, tx.now, partner.party)
    found = [grant for grant in grants.get("position", ()) if grant.partition("/")[0] == partner.agreement]
    return (sorted(found), "") if mask & _OPEN and found else ([], POLICY)


def _partner(tx: Tx, payload: dict[str, Any]) -> Partner:
    partner = tx.home.partners.get(str(payload.get("partner")))
    if partner is None:
        raise Malformed("no such partner")
    return partner


def _wanted(tx: Tx, partner: Partner) -> bool:
    return lets_flow(tx.policy, partner, partner.party, tx.home.party)


def _head(text: Any) -> tuple[str, int]:
    try:
        told = json.loads(text) if isinstance(text, str) and len(text) <= LONGEST_LINE else None
    except (ValueError, RecursionError):
        told = None
    spool, seq = (told.get("spool"), told.get("seq")) if isinstance(told, dict) else (None, None)
    if (
        not isinstance(spool, str)
        or not _HEAD.fullmatch(spool)
        or type(seq) is not int
        or not 0 <= seq < 2**53
    ):
        raise Malformed("not a spool of positions")
    return spool, seq


def _read(text: Any) -> _Line | None:
    """A line as what it is; None for anything else."""
    try:
        told = json.loads(text) if isinstance(text, str) and len(text) <= LONGEST_LINE else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, list) or len(told) != 9:
        return None
    _, originator, opaque, at, latitude, longitude, accuracy, speed, heading = told
    if not isinstance(originator, str) or not originator.isascii():
        return None
    if not isinstance(opaque, str) or not _ID.fullmatch(opaque):
        return None
    values = {"at": at, "latitude": latitude, "longitude": longitude, "accuracy_m": accuracy, "speed": speed}
    try:
        return _Line(Name(originator, opaque), TrackPosition.model_validate({**values, "heading": heading}))
    except ValidationError:
        return None


def look_at(tx: Tx, open_flows: Sequence[Flow]) -> None:
    """Note as closed those of the flows from partners that may go on no longer."""
    for flow in open_flows:
        if flow.side != RECEIVED:
            continue
        partner = tx.home.partners.get(flow.partner)
        clauses, why = _permitting(tx, tx.row(flow.movement), partner) if partner is not None else ([], GONE)
        if not clauses:
            close_flow(tx, flow, why)
