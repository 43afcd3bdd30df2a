"""Telling of requests for a second person: those who may be it what is asked, and who asked what was decided."""

from __future__ import annotations

from typing import Any

from safeconduct.notify.rota import Told, holders
from safeconduct.notify.telling import tell
from safeconduct.people.second_person import KINDS
from safeconduct.records.hooks import on_version
from safeconduct.records.principals import subject_of
from safeconduct.records.transaction import Tx


@on_version
def tell_of_request(tx: Tx, row: Any, index: int) -> None:
    """Nobody who asked or is favoured is told to decide. A request that its maker takes back tells nobody."""
    if row.kind not in KINDS or row.originator != tx.home.party:
        return
    wish = row.values().get("wish") or {}
    asker = str(wish.get("asked_by", ""))
    if row.state == "asked":
        tell(tx, row, _seconds(tx, row, {asker, str(wish.get("person", ""))}), occasion=f"asked|{row.id}")
    elif row.state in ("approved", "refused"):
        tell(tx, row, [Told(asker, by_name=True)], occasion=f"decided|{row.id}")


def _seconds(tx: Tx, row: Any, concerned: set[str]) -> list[Told]:
    roles = {
        role
        for holder, role, act, kind, _part in tx.policy.table
        if (holder, act, kind) == (tx.home.party, "approve", row.kind)
    }
    found = {person: role for role in sorted(roles) for person, _ in holders(tx, role)}
    item = tx.item(row)
    return [
        Told(person, role)
        for person, role in sorted(found.items())
        if person not in concerned
        and tx.policy.mask(subject_of(tx.tables, tx.home, person, tx.now), "approve", item, tx.now)
    ]
