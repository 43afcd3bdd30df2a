"""What is already on record under identifiers of a source: how an import knows its own rows again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.hooks import job
from safeconduct.records.kinds import all_kinds
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import Tx


class OnRecord(NamedTuple):
    """An own record under an external identifier, at its latest version."""

    record: str
    version: int
    parts: dict[str, Any]


def on_record(kind: str, identifiers: Sequence[str], door: Door | None = None) -> dict[str, OnRecord]:
    """Own records of a kind by external identifier. For the node's own work, never for a person's page."""
    answer = (door or here.door()).call("on_record", {"kind": kind, "external": list(identifiers)})
    return {name: OnRecord(*found) for name, found in answer["found"].items()}


@job("on_record")
def on_record_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    names = list(map(str, payload["external"]))
    kind = all_kinds().get(payload["kind"])
    if kind is None or "external" not in kind.dimensions or len(names) > 5000:
        raise Malformed("a kind with an external identifier, and at most 5000 of them")
    if not names:
        return {"found": {}}
    marks = ", ".join(["%s"] * len(names))
    rows = tx.tables.all(
        f"SELECT external, id, version, parts FROM records_row WHERE kind = %s AND originator = %s "  # noqa: S608
        f"AND withdrawn = %s AND external IN ({marks})",
        [kind.name, tx.home.party, False, *names],
    )
    return {"found": {name: [record, version, json.loads(parts)] for name, record, version, parts in rows}}
