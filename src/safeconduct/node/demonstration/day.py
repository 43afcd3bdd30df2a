"""A day of journeys for the demonstration: what the Partner Party notifies, and what the Host Party answers."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from safeconduct.geo.atlas import Atlas
from safeconduct.geo.routing import NoRoute
from safeconduct.node.demonstration.register import PREFIX, people, put, site, told
from safeconduct.records.commit import Draft
from safeconduct.records.door import Door

OPENS = timedelta(hours=12)
"""How long before departure the itinerary opens, as clause 5 has it."""
SLACK = timedelta(minutes=15)


@cache
def journeys() -> Sequence[Mapping[str, Any]]:
    """The bundled day, in the order of its file."""
    text = files("safeconduct.node.demonstration").joinpath("day.toml").read_text("utf-8")
    entries: Sequence[Mapping[str, Any]] = tomllib.loads(text)["journey"]
    return entries


def moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def times(journey: Mapping[str, Any], now: datetime, later: int = 0) -> tuple[datetime, datetime]:
    """Departure and arrival as notified."""
    depart = (now + timedelta(minutes=journey["depart"] + later)).replace(second=0, microsecond=0)
    return depart, depart + timedelta(minutes=journey["minutes"])


def notify_day(party: str, traveller: str, home: Path, sites: Mapping[str, str], door: Door) -> None:
    """The Partner Party's notices with their manifests and check-ins. `sites` gives the record of each by key."""
    now = datetime.now(UTC)
    entries = journeys()
    atlas = Atlas.load(home)
    movements = put(party, [_movement(each, now, sites, atlas, traveller) for each in entries], door)
    names = people()
    about: list[Draft] = []
    for each, made in zip(entries, movements, strict=True):
        about += _manifest(each, now, made.record, islice(names, each["persons"]), traveller)
        about += _heard(each, now, made.record)
    put(party, about, door)
    later = [
        Draft(
            "movement",
            _parts(each, now, sites, atlas, each.get("later", 0)),
            record=made.record,
            expected=1,
            state="cancelled" if each["stage"] == "cancelled" else "notified",
        )
        for each, made in zip(entries, movements, strict=True)
        if each["stage"] == "cancelled" or each.get("later")
    ]
    put(party, later, door)


def answer_day(party: str, movements: Mapping[str, str], door: Door) -> None:
    """The Host Party's receipts, decisions, legs and handovers; `movements` gives each record by its reference."""
    now = datetime.now(UTC)
    about: list[Draft] = []
    legs: list[tuple[Mapping[str, Any], list[Draft]]] = []
    for each in journeys():
        record = movements[each["reference"]]
        about += _answers(each, now, record)
        if each["host"] == "cleared":
            legs.append((each, _legs(each, now, record)))
    put(party, about, door)
    made = iter(put(party, [leg for _, drafts in legs for leg in drafts], door))
    handovers: list[Draft] = []
    for each, drafts in legs:
        records = [next(made).record for _ in drafts]
        handovers += _handovers(each, now, drafts, records)
    put(party, handovers, door)


def is_ours(movement: Mapping[str, Any]) -> bool:
    """Whether a movement with these parts is one of the demonstration's."""
    return str(movement.get("notice", {}).get("reference", "")).startswith("DEMO-")


def in_file(reference: str) -> bool:
    return any(each["reference"] == reference for each in journeys())


def another(reference: str, ahead: timedelta) -> dict[str, Any]:
    """One more journey like those of the file, so long ahead."""
    escorted = [each for each in journeys() if "units" in each and not each.get("emergency")]
    like = escorted[int(reference.rpartition("-")[2]) % len(escorted)]
    return {
        **{name: value for name, value in like.items() if name not in ("traveller", "heard")},
        "reference": reference,
        "depart": round(ahead.total_seconds() / 60),
        "stage": "notified",
        "host": "cleared",
    }


def notify_another(party: str, home: Path, ahead: timedelta, door: Door) -> None:
    """Give one more notice, so long ahead."""
    from safeconduct.records import here

    movements = here.tables().all("SELECT parts FROM records_row WHERE kind = 'movement'")
    given = sum(is_ours(json.loads(parts)) for (parts,) in movements)
    entry = another(f"DEMO-{given + 1:02d}", ahead)
    now = datetime.now(UTC)
    made = put(party, [_movement(entry, now, _sites(party), Atlas.load(home))], door)[0]
    put(party, list(_manifest(entry, now, made.record, islice(people(), entry["persons"]), "")), door)


def clear(party: str, each: Mapping[str, Any], now: datetime, movement: str, door: Door) -> None:
    """Clear a movement and say who escorts it."""
    put(party, [_decision(each, now, movement)], door)
    legs = _legs(each, now, movement)
    records = [made.record for made in put(party, legs, door)]
    put(party, list(_handovers(each, now, legs, records)), door)


def _sites(party: str) -> dict[str, str]:
    """The party's own sites by key."""
    from safeconduct.records import here

    sql = "SELECT id, parts FROM records_row WHERE kind = 'site' AND originator = %s"
    rows = here.tables().all(sql, [party])
    named = ((json.loads(parts).get("identity", {}).get("external", ""), record) for record, parts in rows)
    return {name.removeprefix(PREFIX): record for name, record in named}


def _movement(
    each: Mapping[str, Any], now: datetime, sites: Mapping[str, str], atlas: Atlas, traveller: str = ""
) -> Draft:
    depart, _ = times(each, now)
    opens = None if each.get("emergency") else moment(depart - OPENS)
    # How far it has come follows from its check-ins, as in any other journey.
    assigned = [traveller] if traveller and each.get("traveller") else None
    parts = _parts(each, now, sites, atlas)
    return Draft("movement", parts, state="notified", opens=opens, assigned=assigned)


def _parts(
    each: Mapping[str, Any], now: datetime, sites: Mapping[str, str], atlas: Atlas, later: int = 0
) -> dict[str, Any]:
    origin, destination = site(each["origin"]), site(each["destination"])
    depart, arrive = times(each, now, later)
    owner = next(o for o in told()["organisation"] if o["key"] == origin["organisation"])
    districts = list(dict.fromkeys([origin["district"], destination["district"]]))
    return {
        "notice": {
            "reference": each["reference"],
            "purpose": each["purpose"],
            "category": each.get("category", "group"),
            "since": moment(depart - SLACK),
            "until": moment(arrive + SLACK),
            "origin_district": origin["district"],
            "destination_district": destination["district"],
            "districts": districts,
            "persons": each["persons"],
            "vehicles": 2,
            "emergency": bool(each.get("emergency")),
            "organisation": owner["name"],
        },
        "itinerary": {
            "origin": _end(origin, sites[each["origin"]]),
            "destination": _end(destination, sites[each["destination"]]),
            "depart": moment(depart),
            "arrive": moment(arrive),
            "route": _route(origin, destination, atlas),
            "corridor_m": 5_000,
        },
        "vehicles": {
            "vehicles": [{"type": "Four-wheel drive", "armoured": True}, {"type": "Van", "armoured": False}]
        },
        "check_plan": {
            "points": [{"name": name, "due": moment(due)} for name, due in _points(each, depart)],
            "window_minutes": 10,
            "allowance_minutes": 15,
        },
        "contact": {"name": "Duty phone of the security manager", "phone": "+92 000 0000000"},
    }


def _end(place: Mapping[str, Any], record: str) -> dict[str, Any]:
    return {
        "place": place["name"],
        "latitude": place["latitude"],
        "longitude": place["longitude"],
        "site": record,
    }


def _route(origin: Mapping[str, Any], destination: Mapping[str, Any], atlas: Atlas) -> dict[str, Any] | None:
    """The quickest way on the node's roads; None where it has none between these places."""
    if atlas.roads is None:
        return None
    start, end = ((each["latitude"], each["longitude"]) for each in (origin, destination))
    try:
        best = atlas.roads.routes(start, end, alternatives=1)[0]
    except NoRoute:
        return None
    return best.plain()


def _points(each: Mapping[str, Any], depart: datetime) -> Iterator[tuple[str, datetime]]:
    """The check-in points, evenly spread over the way."""
    step = timedelta(minutes=each["minutes"]) / (len(each["points"]) + 1)
    for number, name in enumerate(each["points"], 1):
        yield name, (depart + number * step).replace(second=0)


def _manifest(
    each: Mapping[str, Any], now: datetime, movement: str, names: Iterator[Mapping[str, str]], traveller: str
) -> Iterator[Draft]:
    depart, _ = times(each, now)
    opens = None if each.get("emergency") else moment(depart - OPENS)
    for number, name in enumerate(names):
        parts: dict[str, Any] = {"who": {**name, "nationality": "CN"}}
        own = bool(each.get("traveller")) and number == 0
        if own:
            parts["link"] = {"account": traveller}
        yield Draft(
            "manifest_entry",
            parts,
            about=movement,
            state="named",
            opens=opens,
            assigned=[traveller] if own else None,
        )


def _heard(each: Mapping[str, Any], now: datetime, movement: str) -> Iterator[Draft]:
    """What has been heard of a journey so far."""
    if each["stage"] not in ("under_way", "arrived"):
        return
    depart, arrive = times(each, now)
    origin, destination = site(each["origin"]), site(each["destination"])
    words: list[tuple[str, str, datetime, Mapping[str, Any] | None]] = [
        ("departed", origin["name"], depart + timedelta(minutes=4), origin)
    ]
    points = list(_points(each, depart))
    for name, due in points[: each.get("heard", len(points))]:
        words.append(("check_in", name, due + timedelta(minutes=3), None))
    if each["stage"] == "arrived":
        words.append(("arrived", destination["name"], arrive - timedelta(minutes=5), destination))
    for category, point, at, place in words:
        parts: dict[str, Any] = {
            "word": {"at": moment(at), "category": category, "point": point, "entered": moment(at)}
        }
        if place is not None:
            parts["position"] = {
                "latitude": place["latitude"],
                "longitude": place["longitude"],
                "accuracy_m": 30.0,
            }
        yield Draft("check_in", parts, about=movement)


def _answers(each: Mapping[str, Any], now: datetime, movement: str) -> Iterator[Draft]:
    told_at = now - timedelta(minutes=20)
    if each["host"]:
        yield receipt(each, told_at, movement)
    if each["host"] in ("cleared", "refused"):
        yield _decision(each, told_at + timedelta(minutes=9), movement)


def receipt(each: Mapping[str, Any], at: datetime, movement: str) -> Draft:
    """The Host Party has the notice: nothing more."""
    unit = (each.get("units") or [""])[0]
    return Draft(
        "acknowledgement",
        {"receipt": {"at": moment(at), "by": "Watch officer", "unit": unit}},
        about=movement,
    )


def _decision(each: Mapping[str, Any], at: datetime, movement: str) -> Draft:
    decision = {"at": moment(at), "by": "National co-ordinator"}
    if each["host"] == "refused":
        decision["reason"] = each["reason"]
    else:
        decision["conditions"] = "Armoured vehicle ahead; no stop between check-in points."
    return Draft("clearance", {"decision": decision}, about=movement, state=each["host"])


def _legs(each: Mapping[str, Any], now: datetime, movement: str) -> list[Draft]:
    """One leg for each unit; units hand over at the check-in points, in their order."""
    depart, arrive = times(each, now)
    origin, destination = site(each["origin"]), site(each["destination"])
    units = each["units"]
    between = list(_points(each, depart))[: len(units) - 1]
    places = [origin["name"], *(name for name, _ in between), destination["name"]]
    moments = [depart, *(due for _, due in between), arrive]
    unit_names = {unit["code"]: unit["name"] for unit in told()["unit"]}
    drafts = []
    for number, (unit, (start, end), (since, until)) in enumerate(
        zip(units, pairwise(places), pairwise(moments), strict=True), 1
    ):
        last = number == len(units)
        drafts.append(
            Draft(
                "leg",
                {
                    "course": {
                        "sequence": number,
                        "from_place": start,
                        "to_place": end,
                        "district": destination["district"] if last else origin["district"],
                        "depart": moment(since),
                        "arrive": moment(until),
                        "handover_place": "" if last else end,
                    },
                    "duty": {
                        "unit": unit,
                        "unit_name": unit_names[unit],
                        "contact": "control room, channel 3",
                    },
                    "escort": {"vehicles": 2, "strength": 9, "callsign": f"Falcon {number}"},
                },
                about=movement,
                assigned=[unit],
                state=_leg_state(each, since, until, now),
            )
        )
    return drafts


def _leg_state(each: Mapping[str, Any], since: datetime, until: datetime, now: datetime) -> str:
    if each["stage"] == "arrived":
        return "completed"
    if each["stage"] == "under_way" and since <= now:
        return "active" if now < until else "completed"
    return "assigned"


def _handovers(
    each: Mapping[str, Any], now: datetime, legs: Sequence[Draft], records: Sequence[str]
) -> Iterator[Draft]:
    for (first, second), record in zip(pairwise(legs), records, strict=False):
        due = datetime.fromisoformat(first.parts["course"]["arrive"])
        point = {
            "to_leg": second.parts["course"]["sequence"],
            "from_unit": first.parts["duty"]["unit"],
            "to_unit": second.parts["duty"]["unit"],
            "place": first.parts["course"]["to_place"],
            "due": moment(due),
        }
        passed = each["stage"] in ("arrived", "under_way") and due < now
        word = {
            "given_at": moment(due + timedelta(minutes=2)),
            "given_by": point["from_unit"],
            "taken_at": moment(due + timedelta(minutes=5)),
            "taken_by": point["to_unit"],
        }
        parts = {"point": point, "word": word} if passed else {"point": point}
        yield Draft("handover", parts, about=record, state="taken" if passed else "due")
