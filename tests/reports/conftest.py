"""A node with a day on record: incidents with claims that differ, a journey's notice of the other party, a muster."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from records.test_commit import person
from safeconduct.agreement.policy import Subject
from safeconduct.records.as_of import Past, past
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject

DAY = "2024-10-06"
TITLE_UR = "کراچی ہوائی اڈے کے باہر قافلے پر حملہ"
TITLE_ZH = "卡拉奇机场外车队遇袭"


@dataclass
class Day:
    officer: Subject
    airport: Committed
    gate: Committed
    moment: Past


def now() -> Past:
    """This moment of the ledger, with nothing else appended in the same millisecond."""
    time.sleep(0.005)
    moment = past(datetime.now(UTC))
    time.sleep(0.005)
    return moment


def incident(title: str, **more: Any) -> dict[str, Any]:
    return {
        "summary": {"title": title, "category": "attack"},
        "when": {"start": f"{DAY}T18:00:00Z"},
        "where": {"latitude": 24.9, "longitude": 67.17, "place": "Airport", "district": "Karachi"},
        **more,
    }


def claimed(officer: Subject, about: str, what: str, outlet: str, **figure: int) -> Committed:
    parts = {"figure": {"what": what, **figure}, "source": {"outlet": outlet, "party": "press"}}
    return commit(officer, Draft("claim", parts, about=about))


@pytest.fixture
def day(node: Home) -> Day:
    officer = person("watch_officer")
    airport = commit(officer, Draft("incident", incident(TITLE_UR, people={"killed_best": 2})))
    gate_where = {"latitude": 25.12, "longitude": 62.32, "geo_precision": 3, "district": "Gwadar"}
    gate = commit(
        officer,
        Draft(
            "incident",
            {
                "summary": {"title": TITLE_ZH, "category": "threat"},
                "when": {"start": "2024-10-03T07:30:00Z"},
                "where": gate_where,
            },
        ),
    )
    claimed(officer, airport.record, "injured", "Dawn", best=10)
    claimed(officer, airport.record, "injured", "Police", best=17)
    call = {
        "category": "person", "at": f"{DAY}T18:01:00Z", "received": f"{DAY}T18:01:05Z",
        "district": "Karachi", "headline": "Convoy under fire",
    }  # fmt: skip
    commit(officer, Draft("sos", {"call": call}))
    muster = {
        "title": "All on the road",
        "scope": "journeys",
        "since": f"{DAY}T18:05:00Z",
        "due": f"{DAY}T18:15:00Z",
    }
    roll = commit(officer, Draft("muster", {"call": muster}))
    count = {"expected": 12, "accounted": 10, "unaccounted": 1, "unreachable": 1, "needs_help": 0}
    figure = {"count": {**count, "as_of": f"{DAY}T18:15:00Z"}}
    commit(system_subject("pk"), Draft("muster_figure", figure, about=roll.record))
    return Day(officer, airport, gate, now())
