"""Before 23:00: the movement, its three duty bearers, the itinerary that is read, the journey that begins."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from safeconduct.node.drilling.doors import Screen
from safeconduct.node.drilling.stations import PASSWORD, UNITS, until
from safeconduct.node.drilling.story import Story, moment
from safeconduct.records.transaction import iso

WHEN = "before"
BROKEN = "webhook"
"""The channel whose provider is out of order, so that the next one is taken."""
WAY = ("Karachi airport", "Shah Faisal crossing", "Malir bridge", "Port Qasim")
CONTACTS = {
    "floor": (("sms", "+92210001", "en"),),
    "coordinator": (("sms", "+92210002", "en"),),
    "embassy": (("webhook", "embassy-room", "en"), ("sms", "+92210003", "en")),
    "manager": (("email", "manager@company.example", "en"),),
    "li": (("sms", "+92210004", "zh-hans"),),
}
"""Made-up contact points, best first; the first of the embassy's watch officer is out of order."""


def play(story: Story) -> None:
    prepare(story)
    story.promise(
        WHEN, "a movement is notified and its three duty bearers acknowledge it", lambda: notified(story), 30
    )
    story.promise(WHEN, "the Host's watch reads the itinerary, and that is logged", lambda: read(story), 30)
    story.promise(WHEN, "the traveller's phone says that the journey has begun", lambda: departed(story), 30)


def prepare(story: Story) -> None:
    """Who is on call in both rooms, how they are reached, and the screens of their floors."""
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject

    now = time.time()
    for at in story.stations:
        story.gateway.lay_channels(at.home.notifying)
        with at.seat() as door:
            for name, points in CONTACTS.items():
                person = story.people[name]
                for order, (channel, address, language) in enumerate(points, 1):
                    if person.party == at.home.party:
                        part = {"channel": channel, "address": address, "order": order, "language": language}
                        draft = Draft(
                            "contact_point", {"address": part}, assigned=[person.person], releasable=()
                        )
                        commit(system_subject(person.party), draft, door=door)
            officer = story.people["floor" if at is story.host else "embassy"]
            shift = {
                "person": officer.person, "role": "watch_officer",
                "since": iso(now - 3_600), "until": iso(now + 28_800),
            }  # fmt: skip
            draft = Draft("on_call", {"shift": shift}, state="on_duty", releasable=())
            commit(system_subject(at.home.party), draft, door=door)
    for name in ("floor", "embassy"):
        story.screens[name] = Screen(story.browser(name), "sos,sos_acknowledgement,alert,muster")
    li = story.browser("li")
    li.get("/watch/sos/words/")
    li.post("/accounts/confirm/", {"password": PASSWORD, "next": "/watch/sos/words/"})
    chosen = li.post("/watch/sos/words/", {"safe": "harbour lamp", "duress": "winter coat"})
    if "Your words are set" not in chosen.text:
        raise ValueError(f"the safe words were answered {chosen.status}: {chosen.text[-3000:]}")
    until(lambda: all(screen.opened for screen in story.screens.values()), "the screens of both floors")


def notified(story: Story) -> bool:
    from safeconduct.journeys import rules

    parts = {
        "notice": {
            "reference": "DRILL-1", "since": moment(-15), "until": moment(180), "persons": 3,
            "origin_district": "Karachi", "destination_district": "Karachi", "emergency": True,
        },
        "itinerary": {
            "origin": {"place": WAY[0], "latitude": 24.9, "longitude": 67.16},
            "destination": {"place": WAY[-1], "latitude": 24.78, "longitude": 67.33},
            "depart": moment(-5), "arrive": moment(60),
        },
    }  # fmt: skip
    manager, li = story.people["manager"], story.people["li"]
    names: list[dict[str, dict[str, str]]] = [
        {"who": {"name": name, "nationality": "CN"}} for name in ("Li", "Wang", "Chen")
    ]
    names[0]["link"] = {"account": li.person}
    with story.partner.seat() as door:
        own = rules.notify_movement(manager, parts, names, key="drill-movement", door=door).record
    story.records["own"] = story.answered(story.partner, own)
    there = story.records["there"] = story.theirs(story.host, "movement", "$.notice.reference", "DRILL-1")
    with story.host.seat() as door:
        rules.assign_legs(story.people["coordinator"], there, _legs(), door=door)
        for unit in UNITS:
            story.answered(
                story.host, rules.acknowledge(story.people[unit], there, by=unit, door=door).record
            )
        rules.clear(story.people["coordinator"], there, by="coordinator", door=door)
    sql = "SELECT parts ->> '$.receipt.by' FROM records_row WHERE kind = 'acknowledgement' AND about = %s"
    until(lambda: {by for (by,) in story.partner.ask(sql, own)} == set(UNITS), "the three receipts")
    bearers = "SELECT bearers FROM records_row WHERE id = %s"
    return bool(
        until(
            lambda: all(f"|{unit}|" in story.host.ask(bearers, there)[0][0] for unit in UNITS),
            "three duty bearers",
        )
    )


def _legs() -> list[dict[str, dict[str, object]]]:
    return [
        {
            "course": {
                "sequence": number + 1, "from_place": WAY[number], "to_place": WAY[number + 1],
                "depart": moment(-5 + 20 * number), "arrive": moment(15 + 20 * number),
            },
            "duty": {"unit": unit, "unit_name": unit.replace("-", " ")},
        }
        for number, unit in enumerate(UNITS)
    ]  # fmt: skip


def read(story: Story) -> bool:
    from safeconduct.records.release import release

    def shown() -> bool:
        with story.host.seat() as door:
            return "itinerary" in release(story.people["floor"], story.records["there"], door=door).parts

    return bool(until(shown, "the itinerary"))


def departed(story: Story) -> bool:
    phone, own = story.browser("li"), story.records["own"]
    phone.get("/journeys/phone/")
    word = {"key": "drill-departed", "category": "departed", "at": moment(), "point": WAY[0]}
    answers = [phone.tell(f"/journeys/{own}/word/", word) for _ in range(2)]
    if {each.status for each in answers} != {201} or answers[0].text != answers[1].text:
        raise ValueError(f"the phone was answered {answers[0].status}: {answers[0].text[:200]}")
    sql = "SELECT 1 FROM records_row WHERE id = %s AND state = 'under_way'"
    until(lambda: story.host.ask(sql, story.records["there"]), "the journey under way at the Host")
    story.readings_end = datetime.now(UTC)
    return True
