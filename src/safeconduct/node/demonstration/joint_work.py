"""What the demonstration's committee has in hand: a strategy, help being delivered, lines for the press, a grievance.

All made up, and said to be; in the names of the demonstration's own people, through the same rules as the real thing.
Each step of one node waits for what the other has released.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw

from safeconduct.agreement.policy import Subject
from safeconduct.committee import assistance_rules, statement_rules, strategy_rules
from safeconduct.committee.statement_kinds import line_digest
from safeconduct.node.demonstration.acting import DAY, MADE_UP, Person, Until, acting, day_in
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.transaction import iso
from safeconduct.registry import rules as registry_rules

ATTACK = "reported:2024-10-06-karachi-airport"
UNFINISHED = "reported:2024-03-26-besham"
HEARD = "Every journey is heard of within the hour"
WAITING = "No vehicle waits in the open at an airport or port gate"
MUSTER = "Every site practises its muster each month"
BARRIERS = "Covered forecourt at the airport's cargo gate"
SCANNERS = "Vehicle scanners for the port gate"
JOINT = "The security of the expressway works"
SILENT = "Reports of a change of guards"
CURFEW = "Night curfew at the port residence"


def first_of_host(person: Person, door: Door) -> None:
    """The Host's objectives, lessons, recommendations and measures, its request for help, and its lines."""
    chief, analyst, commander = (
        acting(person, "coordinator"),
        acting(person, "analyst"),
        acting(person, "commander"),
    )
    strategy_rules.adopt_objective(
        chief, _goal(HEARD, "A missed check-in is answered within 15 minutes", "attack", -200, 160), door=door
    )
    strategy_rules.adopt_objective(
        chief,
        _goal(WAITING, "A weekly look at each gate finds no vehicle waiting", "attack", -300, 60),
        door=door,
    )
    lesson = strategy_rules.record_lesson(
        analyst,
        _incident(ATTACK),
        "Convoys waited at one place at known times",
        MADE_UP,
        "Analyst",
        door=door,
    ).record
    advice = _recommend(analyst, lesson, "Let convoys wait under cover, not in the forecourt", "host", door)
    barriers = strategy_rules.take_measure(
        commander,
        advice,
        _plan(BARRIERS, "Karachi", "District police, Karachi", -40, WAITING, "A visit to the gate"),
        commander.person,
        by="District commander",
        door=door,
    )
    for number, state in enumerate(("under_way", "reported"), 1):
        strategy_rules.move_measure(
            commander, barriers.record, number, state, MADE_UP, "District commander", door=door
        )
    late = _recommend(analyst, lesson, "A second radio channel for escorts", "host", door)
    strategy_rules.take_measure(
        chief,
        late,
        _plan("Second radio channel for escorts", "Sindh", "Home department", -10, HEARD, "A test call"),
        cost={"band": "medium", "remark": MADE_UP},
        by="National co-ordinator",
        door=door,
    )
    _recommend(analyst, lesson, "Vary the hour of departure", "partner", door)
    strategy_rules.record_lesson(
        analyst,
        _incident(UNFINISHED),
        "Long roads without cover need a second way out",
        MADE_UP,
        "Analyst",
        door=door,
    )
    assistance_rules.ask(
        chief,
        {"title": SCANNERS, "category": "equipment", "quantity": 4, "unit": "scanners", "place": "Gwadar",
         "due": day_in(120), "text": f"To look into vehicles at the gate. {MADE_UP}"},
        "National co-ordinator",
        door=door,
    )  # fmt: skip
    statement_rules.draft_line(
        chief,
        _line(
            JOINT, "joint", "Both parties work together on the safety of everybody on the expressway works."
        ),
        MADE_UP,
        state="put_forward",
        door=door,
    )
    silent = statement_rules.draft_line(
        chief, _line(SILENT, "joint", ""), MADE_UP, state="neither", door=door
    )
    statement_rules.file_report(
        analyst, "Guards were seen to change at noon", MADE_UP, "C", 3, {"name": "A shopkeeper (made up)"},
        silent.record, door=door,
    )  # fmt: skip


def first_of_partner(person: Person, until: Until, door: Door) -> None:
    """The Partner verifies, offers, answers the line, takes a measure of its own, and a traveller complains."""
    attache, officer = acting(person, "coordinator"), acting(person, "security")
    strategy_rules.adopt_objective(
        attache,
        _goal(MUSTER, "The roll of each site, complete within ten minutes", "other", -100, 100),
        door=door,
    )
    reported = _arrives("measure", BARRIERS, until, state="reported")
    strategy_rules.verify(
        officer,
        reported,
        "site_visit",
        "complete",
        f"The roof stands and the gate closes. {MADE_UP}",
        [("cargo-gate.png", _drawing())],
        "Embassy security officer",
        door=door,
    )
    turned = time.time() - 40 * DAY
    analyst = acting(person, "analyst")
    strategy_rules.state_effect(
        analyst, reported, "near_misses", "attack", "Karachi", turned, 180, 40, (36, 1),
        source=f"Gate book. {MADE_UP}", by="Analyst", door=door,
    )  # fmt: skip
    strategy_rules.state_effect(
        analyst, reported, "incidents", "attack", "Karachi", turned, 365, 40, by="Analyst", door=door
    )
    vary = strategy_rules.take_measure(
        attache,
        _arrives("recommendation", "Vary the hour of departure", until),
        _plan(
            "Departures drawn by lot", "Karachi", "Embassy travel desk", 30, HEARD, "The list of departures"
        ),
        by="Co-ordinator at the embassy",
        door=door,
    )
    strategy_rules.move_measure(
        attache, vary.record, 1, "under_way", MADE_UP, "Embassy travel desk", door=door
    )
    assistance_rules.offer(
        attache,
        _arrives("assistance_request", SCANNERS, until),
        {"title": SCANNERS, "category": "equipment", "quantity": 4, "unit": "scanners", "deliveries": 2,
         "text": MADE_UP},
        {"end_use": "Vehicles at the port gate, and nothing else", "check_how": "A visit with the gate's log",
         "every_days": 90},
        "Co-ordinator at the embassy",
        door=door,
    )  # fmt: skip
    line = _arrives("press_statement", JOINT, until)
    statement_rules.answer_line(
        attache, line, line_digest(_part(line, "line")), "agreed", by="Co-ordinator at the embassy", door=door
    )
    traveller = acting(person, "traveller")
    matter = {"title": CURFEW, "measure": "curfew", "ground": f"The clinic is outside. {MADE_UP}"}
    registry_rules.raise_grievance(traveller, matter, "Engineer on the road", door=door)


def then_of_host(person: Person, until: Until, door: Door) -> None:
    """The Host takes the offer and answers the grievance."""
    chief = acting(person, "coordinator")
    offer = _arrives("assistance_offer", SCANNERS, until)
    assistance_rules.answer_offer(chief, offer, "accepted", MADE_UP, "National co-ordinator", door=door)
    grievance = _arrives("grievance", CURFEW, until)
    text = f"From today the clinic is excepted. {MADE_UP}"
    registry_rules.answer_grievance(chief, grievance, text, "changed", "National co-ordinator", door=door)
    delivery = _arrives("assistance_delivery", "Two scanners", until)
    assistance_rules.receive(chief, delivery, "accepted", 2, MADE_UP, "National co-ordinator", door=door)
    assistance_rules.check_end_use(chief, offer, "kept", MADE_UP, "National co-ordinator", door=door)


def then_of_partner(person: Person, until: Until, door: Door) -> None:
    """The Partner hands over a first part, and a course."""
    attache = acting(person, "coordinator")
    sql = "SELECT id FROM records_row WHERE kind = 'assistance_offer' AND originator = %s AND state = 'accepted'"
    found: list[str] = []

    def accepted() -> bool:
        found.extend(record for (record,) in here.tables().all(sql, [here.home().party]))
        return bool(found)

    until(accepted, "the Host's answer to the offer")
    for title, category, quantity, unit in (
        ("Two scanners", "equipment", 2, "scanners"),
        ("Course for the gate's guards", "training", 12, "guards"),
    ):
        given = {"title": title, "category": category, "quantity": quantity, "unit": unit, "text": MADE_UP}
        assistance_rules.deliver(attache, found[0], given, "Co-ordinator at the embassy", door=door)


def _recommend(actor: Subject, lesson: str, title: str, to: str, door: Door) -> str:
    return strategy_rules.recommend(actor, lesson, title, MADE_UP, to, "Analyst", door=door).record


def _goal(title: str, criterion: str, risk: str, since: float, review: float) -> dict[str, Any]:
    return {
        "title": title,
        "text": MADE_UP,
        "criterion": criterion,
        "risk": risk,
        "since": day_in(since),
        "review": day_in(review),
    }


def _plan(title: str, place: str, owner: str, due: float, objective: str, verify_how: str) -> dict[str, Any]:
    return {
        "title": title,
        "text": MADE_UP,
        "place": place,
        "owner": owner,
        "due": day_in(due),
        "risk": "attack",
        "verify_how": verify_how,
        "objective": objective,
    }


def _line(title: str, mode: str, text: str) -> dict[str, Any]:
    now = time.time()
    return {
        "title": title,
        "mode": mode,
        "text": text,
        "speaker": "Spokesperson (made up)",
        "since": iso(now),
        "until": iso(now + 30 * DAY),
    }


def _incident(external: str) -> str:
    sql = "SELECT id FROM records_row WHERE kind = 'incident' AND parts ->> '$.source.external' = %s"
    ((record,),) = here.tables().all(sql, [external])
    return str(record)


def _arrives(kind: str, title: str, until: Until, state: str = "") -> str:
    """The other party's record of this kind and title, once it is here (and in this state)."""
    sql = (
        "SELECT id FROM records_row WHERE kind = %s AND originator <> %s AND instr(parts, %s) > 0 "
        "AND (%s = '' OR state = %s)"
    )
    found: list[str] = []

    def here_now() -> bool:
        rows = here.tables().all(sql, [kind, here.home().party, title, state, state])
        found[:] = [record for (record,) in rows]
        return bool(found)

    until(here_now, f"the other party's {kind}")
    return found[0]


def _part(record: str, part: str) -> Mapping[str, Any]:
    ((parts,),) = here.tables().all("SELECT parts FROM records_row WHERE id = %s", [record])
    found: Mapping[str, Any] = json.loads(parts)[part]
    return found


def _drawing() -> bytes:
    """A picture that shows what it is: made up."""
    picture = Image.new("RGB", (640, 360), "#d9d4c7")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((80, 120, 560, 140), fill="#6b6256")
    for left in (100, 300, 520):
        pen.rectangle((left, 140, left + 20, 320), fill="#6b6256")
    pen.text((200, 40), "CARGO GATE, MADE UP", fill="#222222")
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()
