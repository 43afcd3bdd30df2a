"""What both rooms of the demonstration were warned of: some of it came true, most did not, one holds now. All made up.

Through the same rules as the real thing. The warning that holds is acknowledged by the room that gave it, not yet by
the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from safeconduct.agreement.policy import Subject
from safeconduct.assessment import warning_rules as rules
from safeconduct.node.demonstration.acting import DAY, MADE_UP, Until
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.transaction import iso

IN_FORCE = "Convoys on the N-10 near Pasni may be attacked"
DISPUTED = "Shots at the workers' bus expected"
HOUR = 3_600.0
Principal = Callable[[str], Subject]


class Past(NamedTuple):
    """A warning that is over: who it came from, how it was graded, so many days ago, and what came of it."""

    code: str
    grade: str
    title: str
    category: str
    district: str
    days: float
    result: str = ""
    acted_on: str = "not_known"


TYPES = {
    "PROV-1": "authority",
    "DIST-4": "authority",
    "OPEN-2": "media",
    "EMB-1": "own_assessment",
    "FIRM-3": "site",
}
MEANS = {
    "PROV-1": "written",
    "DIST-4": "telephone",
    "OPEN-2": "published",
    "EMB-1": "written",
    "FIRM-3": "telephone",
}
HISTORY: Mapping[str, Sequence[Past]] = {
    "host": (
        Past("PROV-1", "B2", "Explosive device on the coast road expected", "bomb", "Gwadar", 150, "came_true", "yes"),
        Past("PROV-1", "B2", "Attack on a security post expected", "attack", "Kech", 132, "came_true", "no"),
        Past("PROV-1", "B3", "March on the port announced", "unrest", "Gwadar", 121, "came_true", "yes"),
        Past("PROV-1", "A2", "Road blockade expected", "unrest", "Lasbela", 97, "came_true", "yes"),
        Past("PROV-1", "B3", DISPUTED, "attack", "Karachi", 80, "did_not", "yes"),
        Past("PROV-1", "B2", "Kidnapping for ransom feared", "kidnapping", "Kech", 61, "did_not", "yes"),
        Past("PROV-1", "B2", "Strike at the port expected", "unrest", "Gwadar", 40, "came_true", "no"),
        Past("PROV-1", "B3", "Explosive device at a bridge feared", "bomb", "Khuzdar", 22, "unknown", "yes"),
        Past("DIST-4", "C3", "Robberies on the M-8 feared", "crime", "Kech", 110, "did_not", "no"),
        Past("DIST-4", "C3", "Robberies on the M-8 feared again", "crime", "Kech", 70, "came_true", "no"),
        Past("DIST-4", "D4", "Attack on a convoy feared", "attack", "Awaran", 35, "did_not", "yes"),
        Past("OPEN-2", "F6", "Threat against foreign firms in a video", "attack", "Karachi", 18, "did_not", "no"),
        Past("OPEN-2", "F6", "Call for a strike on the market", "unrest", "Gwadar", 9),
    ),
    "partner": (
        Past("EMB-1", "C3", "Unrest around the religious holiday expected", "unrest", "Karachi", 90, "did_not", "no"),
        Past("EMB-1", "C2", "Thefts at the residence expected", "crime", "Karachi", 50, "came_true", "yes"),
        Past("FIRM-3", "C3", "Stones thrown at the gate expected", "unrest", "Gwadar", 30, "came_true", "no"),
        Past("FIRM-3", "D4", "Workers of the site will be followed", "other", "Gwadar", 12, "unknown", "no"),
    ),
}  # fmt: skip
FOUND_BY_THE_OTHER = {
    "host": ("Stones thrown at the gate expected", "came_true"),
    "partner": (DISPUTED, "came_true"),
}
"""By side: which of the other party's warnings it has a finding of its own on. On one the two differ."""


def warn(side: str, principal: Principal, door: Door) -> None:
    """This party's warnings that are over, with what it found; the Host also gives the one that holds."""
    analyst = principal("analyst")
    by = "Analyst"
    for past in HISTORY[side]:
        record = _past(analyst, past, by, door)
        if past.result:
            rules.record_outcome(analyst, record, past.result, past.acted_on, "", MADE_UP, by, door=door)
    if side == "host":
        watch, now = principal("watch"), time.time()
        given = rules.give_warning(
            watch,
            {
                "title": IN_FORCE,
                "text": f"Two parked vehicles were seen twice at the same bend. {MADE_UP}",
                "category": "attack",
                "urgency": "soon",
                "since": iso(now),
                "until": iso(now + 3 * DAY),
            },
            {
                "districts": ["Gwadar"],
                "roads": "N-10, Pasni to Gwadar",
                "points": [{"name": "Pasni", "latitude": 25.26, "longitude": 63.47}],
            },
            {"code": "DIST-4", "type": "authority", "means": "telephone"},
            {"roles": ["watch_officer"], "units": ["gwadar-police"]},
            "C",
            3,
            "Watch officer",
            key="demonstration",
            door=door,
        )
        rules.acknowledge_warning(
            watch, given.record, "Convoys wait for an escort", "Watch officer", door=door
        )
        commander = principal("commander")
        done = "A patrol at the bend until Friday"
        rules.acknowledge_warning(commander, given.record, done, "District commander", door=door)


def _past(actor: Subject, past: Past, by: str, door: Door) -> str:
    at = time.time() - past.days * DAY
    return rules.give_warning(
        actor,
        {
            "title": past.title,
            "text": MADE_UP,
            "category": past.category,
            "urgency": "routine",
            "at": iso(at),
            "since": iso(at + HOUR),
            "until": iso(at + 4 * DAY),
        },
        {"districts": [past.district]},
        {"code": past.code, "type": TYPES[past.code], "means": MEANS[past.code]},
        {"roles": ["watch_officer"]},
        past.grade[0],
        int(past.grade[1]),
        by,
        key=f"demonstration {past.title}",
        door=door,
    ).record


def answer(side: str, principal: Principal, until: Until, door: Door) -> None:
    """Find what came of a warning of the other party, once it is here."""
    title, result = FOUND_BY_THE_OTHER[side]
    sql = "SELECT id FROM records_row WHERE kind = 'warning' AND originator <> %s AND instr(parts, %s) > 0"
    found: list[str] = []

    def arrived() -> bool:
        found[:] = [record for (record,) in here.tables().all(sql, [here.home().party, title])]
        return bool(found)

    until(arrived, "the other party's warning")
    rules.record_outcome(
        principal("coordinator"), found[0], result, "no", "", MADE_UP, "Co-ordinator", door=door
    )
