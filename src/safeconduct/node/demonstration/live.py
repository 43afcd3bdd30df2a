"""The demonstration's journeys go on: `python -m ... HOME` lets them depart, be heard of and arrive, until stopped.

On the Partner's node it speaks for the travellers and gives new notices as the day passes; on the Host's it
acknowledges and clears those. One journey stays silent, so that its ladder can be watched. Journeys that
somebody notified in the browser are left alone.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from safeconduct.node.demonstration import day
from safeconduct.node.demonstration.register import put
from safeconduct.records.commit import Draft
from safeconduct.records.door import Door
from safeconduct.records.events import log_event
from safeconduct.records.home import Home

EVERY = 10.0
"""Seconds between two looks at the clock."""
SILENT = "DEMO-03"
AHEAD = 6
"""Journeys of the next day that there are always."""
FIRST_AHEAD, BETWEEN = timedelta(minutes=90), timedelta(minutes=100)
ANSWER_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Journey:
    """One of the demonstration's journeys as this node has it. `heard` are the points it was heard at."""

    record: str
    reference: str
    state: str
    at: datetime
    parts: Mapping[str, Any]
    heard: frozenset[tuple[str, str]]
    answers: frozenset[str]

    @property
    def depart(self) -> datetime:
        """As the itinerary says, or before its lock opens as the notice lets one guess."""
        said = self.parts.get("itinerary", {}).get("depart")
        notified = datetime.fromisoformat(self.parts["notice"]["since"]) + day.SLACK
        return datetime.fromisoformat(said) if said else notified


def journeys() -> list[Journey]:
    """The demonstration's journeys that are not over."""
    from safeconduct.records import here

    found = here.tables().all(
        "SELECT id, state, at, parts FROM records_row WHERE kind = 'movement' AND NOT withdrawn "
        "AND state NOT IN ('arrived', 'cancelled') ORDER BY born"
    )
    going = []
    for record, state, at, parts in found:
        told = json.loads(parts)
        if not day.is_ours(told):
            continue
        about = here.tables().all("SELECT kind, parts FROM records_row WHERE about = %s", [record])
        words = [json.loads(text).get("word", {}) for kind, text in about if kind == "check_in"]
        going.append(
            Journey(
                record,
                told["notice"]["reference"],
                state,
                datetime.fromtimestamp(at, UTC),
                told,
                frozenset((word.get("category", ""), word.get("point", "")) for word in words),
                frozenset(kind for kind, _ in about),
            )
        )
    return going


def heard(journey: Journey, now: datetime) -> Iterator[Draft]:
    """The words that are due by now and were not said yet."""
    if journey.reference == SILENT or "clearance" not in journey.answers:
        return
    itinerary = journey.parts["itinerary"]
    points = journey.parts.get("check_plan", {}).get("points", [])
    plan = [
        ("departed", itinerary["origin"]["place"], journey.depart),
        *(("check_in", point["name"], datetime.fromisoformat(point["due"])) for point in points),
        ("arrived", itinerary["destination"]["place"], datetime.fromisoformat(itinerary["arrive"])),
    ]
    for category, point, due in plan:
        if due <= now and (category, point) not in journey.heard:
            word = {"at": day.moment(due), "category": category, "point": point, "entered": day.moment(now)}
            yield Draft("check_in", {"word": word}, about=journey.record)


def travel(home: Home, door: Door, now: datetime) -> None:
    """The Partner's side of ten seconds of the day."""
    under_way = journeys()
    for journey in under_way:
        put(home.party, list(heard(journey, now)), door)
    coming = [each for each in under_way if each.state == "notified" and each.depart > now]
    if len(coming) >= AHEAD:
        return
    latest = max((each.depart for each in coming), default=now)
    depart = max(latest + BETWEEN, now + FIRST_AHEAD)
    day.notify_another(home.party, home.path, depart - now, door)


def answer(home: Home, door: Door, now: datetime) -> None:
    """The Host's side: every notice is acknowledged, and soon after cleared."""
    for journey in journeys():
        if day.in_file(journey.reference) or now - journey.at < ANSWER_AFTER:
            continue
        entry = day.another(journey.reference, journey.depart - now)
        if "acknowledgement" not in journey.answers:
            put(home.party, [day.receipt(entry, now, journey.record)], door)
        elif "clearance" not in journey.answers and now - journey.at > 2 * ANSWER_AFTER:
            day.clear(home.party, entry, now, journey.record, door)


def run(home: Home, stop: threading.Event) -> None:
    """Go on with the day until stopped. A writer that does not answer is asked again later."""
    from safeconduct.node.django_start import start_django

    start_django(home)
    from safeconduct.records import here
    from safeconduct.records.refusals import Conflict, Unavailable

    step = travel if home.side == "partner" else answer
    door = Door.open(home)
    with door, here.at(home, door):
        while not stop.wait(EVERY):
            try:
                step(home, door, datetime.now(UTC))
            except (Conflict, Unavailable, OSError) as fault:
                log_event("demonstration_paused", fault=fault)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Go on with the demonstration's day on one node.")
    parser.add_argument("home", type=Path)
    given = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(Home.load(given.home), stop)


if __name__ == "__main__":
    main()
