"""Bodies for journeys, and programs of people who serve in a unit."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

HOUR = 3600.0


def moment(hours: float) -> str:
    """So many hours from now."""
    return datetime.fromtimestamp(time.time() + hours * HOUR, UTC).isoformat(timespec="seconds")


def movement(hours: float = 60, **notice: Any) -> dict[str, Any]:
    """The parts of a movement that departs so many hours from now and takes eight."""
    return {
        "notice": {
            "reference": "GP-7",
            "since": moment(hours),
            "until": moment(hours + 9),
            "origin_district": "Karachi",
            "destination_district": "Gwadar",
            "persons": 3,
            **notice,
        },
        "itinerary": {
            "origin": {"place": "Karachi", "latitude": 24.86, "longitude": 67.01},
            "destination": {"place": "Gwadar", "latitude": 25.12, "longitude": 62.33},
            "depart": moment(hours),
            "arrive": moment(hours + 8),
        },
        "check_plan": {"points": [{"name": "Ormara", "due": moment(hours + 4)}]},
    }


def leg(unit: str, start: str, end: str, since: float, until: float, **escort: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "course": {"from_place": start, "to_place": end, "depart": moment(since), "arrive": moment(until)},
        "duty": {"unit": unit},
    }
    return {**found, "escort": escort} if escort else found


NAMES = [{"who": {"name": "李伟", "name_latin": "Li Wei"}}, {"who": {"name": "Wang Fang"}}]
