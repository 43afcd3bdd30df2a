"""The writer's side of assessments: what expires by itself, what a newer one replaces, who is reminded of a review."""

from __future__ import annotations

from typing import Any

from safeconduct.assessment.srm_kinds import ASSESSMENT, subject_key
from safeconduct.notify.rota import Told, told_by
from safeconduct.notify.rungs import Rung, Where
from safeconduct.notify.telling import tell
from safeconduct.records.commit import Draft, store
from safeconduct.records.events import log_event
from safeconduct.records.hooks import on_version
from safeconduct.records.moments import ends
from safeconduct.records.own import own_rows
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.timers.due import arm, disarm, timer


@on_version
def follow(tx: Tx, row: RowView, index: int) -> None:
    """An approved assessment takes the place of the one before it, and waits for its review and its expiry."""
    if row.kind != ASSESSMENT.name:
        return
    review, expiry = f"srm:review:{row.id}", f"srm:expiry:{row.id}"
    if row.state != "approved" or row.withdrawn:
        disarm(tx, review)
        disarm(tx, expiry)
        return
    decision = row.values().get("decision") or {}
    if not decision:
        return
    arm(tx, expiry, ends(decision["expires"]), "srm_expiry", {"record": row.id})
    if ends(decision["review"]) > tx.now:
        arm(tx, review, ends(decision["review"]), "srm_review", {"record": row.id})
    _replace(tx, row)


def _replace(tx: Tx, row: RowView) -> None:
    key = subject_key(row.about, row.values().get("scope") or {})
    for each in own_rows(tx, ASSESSMENT.name, states=("approved",)):
        if each.id != row.id and subject_key(each.about, each.values().get("scope") or {}) == key:
            _move(tx, each, "superseded")


def _move(tx: Tx, row: RowView, state: str) -> None:
    draft = Draft(ASSESSMENT.name, {}, record=row.id, expected=row.version, state=state)

    def moved() -> None:
        store(tx, system_subject(tx.home.party), "write", ASSESSMENT, draft)

    fault = tx.attempt(moved)
    if fault is not None:
        log_event("state_stuck", fault=fault, kind="assessment", state=state)


@timer("srm_expiry")
def expire(tx: Tx, payload: dict[str, Any], _due: float) -> None:
    """It holds no longer, whoever has forgotten it."""
    row = _standing(tx, payload)
    if row is not None and ends(row.values()["decision"]["expires"]) <= tx.now:
        _move(tx, row, "expired")
        _remind(tx, row, "expired")


@timer("srm_review")
def review_is_due(tx: Tx, payload: dict[str, Any], _due: float) -> None:
    """Remind its author that the review is overdue, once; nothing else follows."""
    row = _standing(tx, payload)
    if row is not None and ends(row.values()["decision"]["review"]) <= tx.now:
        _remind(tx, row, "review")


def _standing(tx: Tx, payload: dict[str, Any]) -> RowView | None:
    row = tx.row(str(payload["record"]))
    held = row is not None and row.state == "approved" and not row.withdrawn and row.values().get("decision")
    return row if held else None


def _remind(tx: Tx, row: RowView, why: str) -> None:
    author = str((row.values().get("owner") or {}).get("account", ""))
    persons = (
        [Told(author, "", True)]
        if author
        else told_by(tx, Rung(0, roles=("coordinator",)), frozenset(), Where())
    )
    tell(tx, row, persons, occasion=f"srm|{why}|{row.id}")
    tx.announce({"topic": row.kind, "kind": row.kind, "record": row.id, "index": row.ledger_index})
