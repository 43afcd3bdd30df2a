"""The writer's side of assistance, deployments and statements: what the other party's word means for an own record."""

from __future__ import annotations

from safeconduct.committee import assistance_kinds as assistance
from safeconduct.committee import deployment_kinds as deployment
from safeconduct.committee import statement_kinds as statement
from safeconduct.records.commit import Draft, store
from safeconduct.records.events import log_event
from safeconduct.records.hooks import on_received
from safeconduct.records.kinds import kind as kind_named
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx


@on_received
def follow(tx: Tx, row: RowView, index: int) -> None:
    """An answer moves the own record that it is about; nobody else moves it there."""
    own = tx.row(row.about) if row.about and not row.withdrawn else None
    if own is None or own.originator != tx.home.party or own.withdrawn:
        return
    state = _follows(row, own)
    if state and state != own.state:
        move(tx, own, state)


def move(tx: Tx, own: RowView, state: str) -> None:
    """Put an own record into a state. What its kind refuses is told of in the log: it never stops the exchange."""
    kind = kind_named(own.kind)
    draft = Draft(kind.name, {}, record=own.id, expected=own.version, state=state)
    system = system_subject(tx.home.party)

    def moved() -> None:
        store(tx, system, "write", kind, draft)

    fault = tx.attempt(moved)
    if fault is not None:
        log_event("state_stuck", fault=fault, kind=kind.name, state=state)


def _follows(row: RowView, own: RowView) -> str:
    """The state that the own record has by this word; "" where it says nothing of it."""
    values = row.values()
    match row.kind, own.kind:
        case assistance.ANSWER.name, assistance.OFFER.name:
            return str((values.get("answer") or {}).get("outcome", "")) if own.state == "made" else ""
        case assistance.RECEIPT.name, assistance.DELIVERY.name:
            outcome = (values.get("receipt") or {}).get("outcome")
            if own.state != "handed_over" or not outcome:
                return ""
            return "refused" if outcome == "refused" else "accepted"
        case deployment.CONSENT.name, deployment.DEPLOYMENT.name:
            return "ended" if row.state == "withdrawn" and own.state == "approved" else ""
        case statement.ANSWER.name, statement.STATEMENT.name:
            answer, line = values.get("answer") or {}, own.values().get("line") or {}
            agreed = answer.get("outcome") == "agreed" and answer.get("digest") == statement.line_digest(line)
            return "agreed" if agreed and own.state == "put_forward" else ""
    return ""
