"""The writer's side of the strategy: a verification with its evidence, and what it makes of the measure."""

from __future__ import annotations

from typing import Any

from safeconduct.committee.strategy_kinds import EVIDENCE, MEASURE, MOST_FILES, VERIFICATION
from safeconduct.committee.work_writer import move
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_received, on_version
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx

Answer = dict[str, Any]


@job("strategy_verify")
def verify_job(tx: Tx, payload: Answer) -> Answer:
    """Store a verification and its files in one transaction; the finding names each file by its digest."""
    subject = tx.subject(payload["actor"])
    row = tx.row(str(payload["measure"]))
    if row is None or row.kind != MEASURE.name or not tx.knows(subject, row):
        raise NotFound(str(payload["measure"]))
    files = list(payload["files"])
    if len(files) > MOST_FILES:
        raise Malformed(f"at most {MOST_FILES} files")
    digests = [each["description"]["sha256"] for each in files]
    parts = {"finding": payload["finding"], "proof": {"files": digests}}
    record, version, index = store(
        tx, subject, "write", VERIFICATION, Draft(VERIFICATION.name, parts, about=row.id)
    )
    for each in files:
        store(tx, subject, "write", EVIDENCE, Draft(EVIDENCE.name, each, about=record))
    return {"record": record, "version": version, "index": index}


@on_version
@on_received
def follow(tx: Tx, row: RowView, index: int) -> None:
    """Whoever verifies, the measure's own party puts its state right: the latest finding counts."""
    if row.kind != VERIFICATION.name or row.withdrawn:
        return
    finding = row.values().get("finding") or {}
    measure = tx.row(row.about)
    if measure is None or measure.kind != MEASURE.name or measure.originator != tx.home.party:
        return
    if measure.withdrawn or measure.state not in ("reported", "verified"):
        return
    state = "verified" if finding.get("outcome") == "complete" else "under_way"
    if state != measure.state:
        move(tx, measure, state)
