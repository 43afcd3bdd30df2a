"""Asking before a file is begun whether one person may have all of it."""

from __future__ import annotations

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.find import Query, count
from safeconduct.records.principals import to_wire
from safeconduct.records.two_person import MOST_RECORDS


def foresee(reader: Subject, query: Query, act: str = "export", door: Door | None = None) -> None:
    """Raises NeedsSecond if the file would hold more records than one person alone may have and nobody has approved."""
    if (act, query.kind) in here.state().policy.two_person:
        records = count(reader, query, MOST_RECORDS, act)
        wanted = {"actor": to_wire(reader), "act": act, "kind": query.kind, "records": records}
        (door or here.door()).call("foresee", wanted)
