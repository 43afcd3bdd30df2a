"""The writer's side of minimum standards: who checks sites is reminded when the next check of one is due."""

from __future__ import annotations

from typing import Any

from safeconduct.assessment.srm_standard_kinds import CHECK
from safeconduct.assessment.srm_standard_rules import next_due, overdue
from safeconduct.notify.rota import told_by
from safeconduct.notify.rungs import Rung, Where
from safeconduct.notify.telling import tell
from safeconduct.records.hooks import on_version
from safeconduct.records.moments import instant
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.timers.due import arm, timer

CHECKERS = ("coordinator", "security_officer")


@on_version
def follow(tx: Tx, row: RowView, index: int) -> None:
    """The latest check of a site says when the next is due: one timer for each site."""
    if row.kind == CHECK.name and row.about and (latest := _latest(tx, row.about)) is not None:
        due = next_due(_at(latest)) + 1.0
        arm(tx, f"standards:{row.about}", due, "standards_due", {"site": row.about})


@timer("standards_due")
def check_is_due(tx: Tx, payload: dict[str, Any], _due: float) -> None:
    """Remind of it once. A site that is no longer on record, or whose check was withdrawn, needs none."""
    site, latest = tx.row(str(payload["site"])), _latest(tx, str(payload["site"]))
    if site is None or site.withdrawn or latest is None or not overdue(_at(latest), tx.now):
        return
    persons = told_by(tx, Rung(0, roles=CHECKERS), frozenset(), Where(site=site.id))
    tell(tx, latest, persons, occasion=f"standards|{latest.id}")
    tx.announce({"topic": CHECK.name, "kind": CHECK.name, "record": latest.id, "index": latest.ledger_index})


def _latest(tx: Tx, site: str) -> RowView | None:
    own = [each for each in tx.rows_about(site, CHECK.name) if each.originator == tx.home.party]
    return max((each for each in own if each.values().get("result")), key=_at, default=None)


def _at(row: RowView) -> float:
    return instant(str(row.values()["result"]["at"])).timestamp()
