"""How far this party's own ladder has come for somebody who asked for help, and who has taken it on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released

MOST = 1_000


def ladders_for(reader: Subject, records: Sequence[str]) -> dict[str, Released]:
    """By record (an entry on a roll, an answer to an alert), the latest ladder about it that the reader may see."""
    if not records:
        return {}
    query = Query(
        "escalation",
        about=records,
        originator=here.home().party,
        parts=("step", "answer"),
        withdrawn=False,
        descending=False,
        limit=MOST,
    )
    return {each.about: each for each in find(reader, query).records if each.about}


def as_shown(raised: Released | None) -> dict[str, Any]:
    """`ladder` is the escalation to be taken on ("" for none), `rung` how far it came, `taken` the answer to it."""
    if raised is None:
        return {"ladder": "", "rung": None, "taken": {}}
    return {
        "ladder": raised.id if raised.state == "raised" else "",
        "rung": (raised.parts.get("step") or {}).get("rung"),
        "taken": raised.parts.get("answer") or {},
    }
