"""What the demonstration's parties make of the risk: a site rated by both, an overdue review, a journey, a checklist.

All made up, and said to be; in the names of the demonstration's own people, through the same rules as the real thing.
Each step of one node waits for what the other has released.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.assessment import srm_rules as rules
from safeconduct.assessment import srm_standard_rules as standards
from safeconduct.assessment.srm_standard_files import built_in
from safeconduct.committee import strategy_rules
from safeconduct.node.demonstration.acting import MADE_UP, Person, Until, acting, day_in
from safeconduct.node.demonstration.register import PREFIX
from safeconduct.records import here
from safeconduct.records.door import Door

PORT, PLANT, RESIDENCE = "gwadar", "qasim", "residence"
JOURNEY = "DEMO-04"
GATE, HARBOUR = "Gate, harbour road and quarters", "The port, as the embassy sees it"
LATE = "The plant and the road to it"
AREA = "Turbat and the road to the coast"
SEARCH = "A second place to search lorries, away from the gate"
GAPS: Mapping[str, tuple[str, str]] = {
    "shelter": ("not_met", f"The room holds twenty of sixty. {MADE_UP}"),
    "two_ways_to_talk": ("partly", f"The radio is there and was not tried this month. {MADE_UP}"),
    "glass": ("partly", f"Film on the street side, none on the yard. {MADE_UP}"),
    "warden": ("not_applicable", f"The warden lives in the house. {MADE_UP}"),
}


def first_of_host(person: Person, until: Until, door: Door) -> None:
    """The Host's word on the port, and one on the plant whose review nobody has made."""
    chief, commander = acting(person, "coordinator"), acting(person, "commander")
    port = _site(PORT, until)
    record = _approved(
        chief, commander, GATE, port, _programme("Unloading and the new quay", "PC2", 180),
        (
            _threat("terrorism", "armed_attack", ("moderately_likely", "severe"), ("unlikely", "severe"),
                    "A second ring of guards on the hill", "The hill looks into the quarters", "Guards by day"),
            _threat("terrorism", "vehicle_bomb", ("unlikely", "critical"), ("very_unlikely", "critical"),
                    SEARCH, "Lorries queue at the gate", "A boom and a search at the gate"),
            _threat("civil_unrest", "road_block", ("likely", "minor"), ("likely", "minor"), "", "", ""),
        ),
        _decision("control", 150, 300), "National co-ordinator", "District commander, Gwadar", door,
    )  # fmt: skip
    key = "terrorism/vehicle_bomb"
    advice = rules.recommend(chief, record, key, SEARCH, MADE_UP, "host", "National co-ordinator", door)
    plan = {
        "title": SEARCH, "text": MADE_UP, "place": "Gwadar", "owner": "Port guard", "due": day_in(45),
        "risk": "attack", "verify_how": "A visit on a working day",
    }  # fmt: skip
    strategy_rules.take_measure(commander, advice.record, plan, commander.person, by="Commander", door=door)
    _approved(
        chief, acting(person, "commander-karachi"), LATE, _site(PLANT, until),
        _programme("Running the plant", "PC3", 240),
        (_threat("hazard", "road_crash", ("likely", "severe"), ("unlikely", "severe"), "A speed limiter", "", ""),),
        _decision("control", -20, 90), "National co-ordinator", "District commander, Karachi", door,
    )  # fmt: skip


def first_of_partner(person: Person, until: Until, door: Door) -> None:
    """The Partner's word on the same port and on a journey, and its residence against the checklist."""
    attache, officer = acting(person, "coordinator"), acting(person, "security")
    _approved(
        attache, officer, HARBOUR, _site(PORT, until), _programme("Unloading and the new quay", "PC2", 180),
        (
            _threat("terrorism", "armed_attack", ("likely", "severe"), ("moderately_likely", "severe"),
                    "A second ring of guards on the hill", "Shifts change at a known hour", "Guards by day"),
            _threat("terrorism", "vehicle_bomb", ("likely", "critical"), ("unlikely", "severe"), SEARCH,
                    "Lorries queue at the gate", "A boom and a search at the gate"),
            _threat("hazard", "heat", ("very_likely", "minor"), ("very_likely", "negligible"), "Shade and water",
                    "", ""),
        ),
        _decision("control", 120, 240), "Co-ordinator at the embassy", "Embassy security officer", door,
    )  # fmt: skip
    _approved(
        attache, officer, "By road to Hub", _journey(),
        _programme("A visit of the owner's engineers", "PC3", 4),
        (
            _threat("terrorism", "roadside_bomb", ("unlikely", "critical"), ("unlikely", "severe"),
                    "An armoured vehicle", "One road only", "Escort by the levies"),
            _threat("hazard", "road_crash", ("moderately_likely", "moderate"), ("unlikely", "moderate"),
                    "No driving after dark", "", "Belts"),
        ),
        _decision("control", 20, 30), "Co-ordinator at the embassy", "Embassy security officer", door, "movement",
    )  # fmt: skip
    _begun_area(attache, door)
    _checked(officer, _site(RESIDENCE, until), door)


def then_of_host(person: Person, until: Until, door: Door) -> None:
    """The Host notes where the two differ, and what was agreed about it."""
    chief = acting(person, "coordinator")
    theirs = _found("assessment", HARBOUR, until, "approved")
    own = _found("assessment", GATE, until, "approved")
    way = f"A joint look at the gate before the next meeting; the higher rating is planned for until then. {MADE_UP}"
    rules.note_difference(chief, own, theirs, way, "National co-ordinator", door)


def _approved(
    author: Subject,
    approver: Subject,
    title: str,
    about: str,
    programme: Mapping[str, Any],
    threats: Sequence[Mapping[str, Any]],
    decision: Mapping[str, Any],
    by: str,
    decided_by: str,
    door: Door,
    subject: str = "site",
) -> str:
    scope = {"subject": subject, "title": title, "since": day_in(-30), "until": day_in(335)}
    record = rules.begin(author, scope, about, door).record
    situation = {
        "text": MADE_UP,
        "data_as_of": day_in(-3),
        "missing": "Attempts without a death, the hour of the day, what anybody intends",
    }
    version = rules.write_part(author, record, 1, "situation", situation, door=door).version
    version = rules.write_part(author, record, version, "programme", programme, door=door).version
    for threat in threats:
        version = rules.rate(author, record, version, threat, door=door).version
    rules.propose(author, record, version, decision, by, door)
    rules.approve(approver, record, version + 1, MADE_UP, decided_by, door)
    return record


def _begun_area(author: Subject, door: Door) -> None:
    """A draft that is still worked on: nobody outside sees it."""
    scope = {
        "subject": "area", "title": AREA, "area": "Kech", "since": day_in(-5), "until": day_in(360), "latitude": 26.0,
        "longitude": 63.05, "radius_km": 60,
    }  # fmt: skip
    rules.begin(author, scope, door=door)


def _checked(officer: Subject, site: str, door: Door) -> None:
    items = []
    for each in built_in():
        if "residence" in each.classes:
            finding, remark = GAPS.get(each.code, ("met", ""))
            items.append(
                {
                    "code": each.code,
                    "group": each.group,
                    "text": each.en,
                    "finding": finding,
                    "remark": remark,
                }
            )
    by = "Embassy security officer"
    check = standards.check_site(officer, site, "residence", items, MADE_UP, by, door).record
    for code, text in (
        ("lighting", "All lamps burn, seen at 21:00."),
        ("shelter", "Room 0.14, twenty places."),
    ):
        standards.file_evidence(officer, check, code, f"{code}.txt", f"{text} {MADE_UP}".encode(), door)


def _threat(
    category: str,
    event: str,
    present: tuple[str, str],
    residual: tuple[str, str],
    further: str,
    weak: str,
    there: str,
) -> dict[str, str]:
    return {
        "category": category,
        "event": event,
        "likelihood": present[0],
        "impact": present[1],
        "residual_likelihood": residual[0],
        "residual_impact": residual[1],
        "further": further,
        "vulnerabilities": weak,
        "present": there,
        "remark": MADE_UP,
    }


def _programme(activity: str, criticality: str, persons: int) -> dict[str, Any]:
    return {"activity": activity, "criticality": criticality, "persons": persons, "exposure": "every day"}


def _decision(outcome: str, review: float, expires: float) -> dict[str, str]:
    return {"outcome": outcome, "reason": MADE_UP, "review": day_in(review), "expires": day_in(expires)}


def _site(key: str, until: Until) -> str:
    """A site of the Partner's register, once it is here."""
    sql = "SELECT id FROM records_row WHERE kind = 'site' AND parts ->> '$.identity.external' = %s"
    found: list[str] = []

    def there() -> bool:
        found[:] = [record for (record,) in here.tables().all(sql, [PREFIX + key])]
        return bool(found)

    until(there, "the Partner's site")
    return found[0]


def _journey() -> str:
    sql = "SELECT id FROM records_row WHERE kind = 'movement' AND parts ->> '$.notice.reference' = %s"
    ((record,),) = here.tables().all(sql, [JOURNEY])
    return str(record)


def _found(kind: str, title: str, until: Until, state: str) -> str:
    sql = "SELECT id FROM records_row WHERE kind = %s AND state = %s AND instr(parts, %s) > 0"
    found: list[str] = []

    def there() -> bool:
        words = json.dumps(title, ensure_ascii=False)
        found[:] = [record for (record,) in here.tables().all(sql, [kind, state, words])]
        return bool(found)

    until(there, f"the {kind} {title}")
    return found[0]
