"""Earlier versions of a record, for whoever may read it now: what changed is part of what it says.

Decided and noted in the writer, in one transaction with the answer: a version is shown as far as the policy lets its
own header and the record as it is now be shown, and what is logged is in the ledger before it is returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from safeconduct.agreement.policy import Item, Subject
from safeconduct.records import here, principals
from safeconduct.records.door import Door
from safeconduct.records.hooks import job
from safeconduct.records.kept import reach_in
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import SYSTEM
from safeconduct.records.projection import epoch, pack_levels, values_of
from safeconduct.records.reading import note_job
from safeconduct.records.refusals import NotFound
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx

MOST = 50
"""Versions that are looked back at, the latest ones."""


@dataclass(frozen=True)
class EarlierVersion:
    """One version as a reader may see it; `by` is the person who committed it, of an own record alone."""

    version: int
    at: datetime
    act: str
    state: str
    by: str
    parts: Mapping[str, Any]


def earlier(reader: Subject, record: str, door: Door | None = None) -> list[EarlierVersion]:
    """The versions of a record, oldest first, the present one last. Raises NotFound."""
    payload = {"actor": principals.to_wire(reader), "record": record}
    answer = (door or here.door()).call("earlier", payload)
    return [
        EarlierVersion(
            each["version"],
            datetime.fromtimestamp(each["at"], UTC),
            each["act"],
            each["state"],
            each["by"],
            each["parts"],
        )
        for each in answer["versions"]
    ]


@job("earlier")
def earlier_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    subject = tx.subject(payload["actor"])
    row = tx.row(str(payload["record"]))
    open_now = open_to(tx, subject, tx.item(row)) if row is not None else 0
    if row is None or not open_now:
        raise NotFound(str(payload["record"])[:64])
    kind = all_kinds()[row.kind]
    found, logged = [], []
    rows = tx.tables.all(
        "SELECT version, ledger_index FROM records_version WHERE record = %s ORDER BY version DESC LIMIT %s",
        [row.id, MOST],
    )
    for version, index in reversed(rows):
        header = tx.header(index)
        item = version_item(row, header)
        mask = open_now & open_to(tx, subject, item)
        noted = 0 if subject.person == SYSTEM else tx.policy.logged(subject, "read", item, tx.now) & mask
        values = kind.fitted(values_of(tx.disclosures(index)))
        shown = {
            n: v
            for bit, n in enumerate(kind.part_names)
            if (v := values[bit]) is not None and mask >> bit & 1
        }
        names = [name for name in shown if noted >> kind.bit(name) & 1]
        if names:
            entry: dict[str, Any] = {"record": row.id, "version": version, "parts": names}
            logged.append(entry if row.originator == tx.home.party else {**entry, "index": index})
        found.append(
            {
                "version": version,
                "at": epoch(header["at"]) or 0.0,
                "act": header.get("act", ""),
                "state": header["state"],
                "by": header.get("by", "") if row.originator == tx.home.party else "",
                "parts": shown,
            }
        )
    if logged:
        items = [{"kind": row.kind, "of": row.originator, "records": logged}]
        note_job(tx, {"actor": payload["actor"], "act": "read", "policy": tx.state.index, "items": items})
    return {"versions": found}


def open_to(tx: Tx, subject: Subject, item: Item, act: str = "read") -> int:
    """The parts that somebody may read now, or be shown in another act; the node itself all of them."""
    return -1 if subject.person == SYSTEM else tx.policy.mask(subject, act, item, tx.now)


def version_item(row: RowView, header: Mapping[str, Any]) -> Item:
    """A version as policy sees it: its own labels and state, the duty bearers and the time lock of today."""
    return Item(
        id=row.id,
        kind=row.kind,
        originator=row.originator,
        state=header["state"],
        levels=pack_levels(header["levels"]),
        releasable=frozenset(reach_in(header)),
        orcon=bool(header.get("orcon")),
        assigned=names_in(row.assigned + row.bearers),
        opens=row.opens,
        agreement=row.agreement,
    )
