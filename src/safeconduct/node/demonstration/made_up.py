"""Made-up incidents of the last four years, so that there is something to analyse and to forecast from.

They are no account of anything that happened: each says so in its title and its source. They lie at towns of the
schematic roads and behave as published incidents do: few places have most, one brings others near it and soon, and
they become fewer from year to year. Only the day on which the demonstration is filled moves them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

SOURCE = "made up for the demonstration"
STATE = "closed"
YEARS = 4
DAYS = YEARS * 365
FALLING = 0.7
"""The rate after a year as a share of the rate before it."""
BRANCHING, LASTING = 0.4, 9.0
"""How many others an incident brings on average, and after how many days."""
LARGEST_CLUSTER = 6


@dataclass(frozen=True)
class Kind:
    title: str
    category: str
    target: str
    method: str
    weight: int


KINDS = (
    Kind("shooting", "attack", "security_force", "shooting", 26),
    Kind("roadside bomb", "attack", "security_force", "explosive_device", 22),
    Kind("shots at a vehicle", "attack", "convoy", "ambush", 9),
    Kind("hand grenade at a site office", "attack", "project", "explosive_device", 5),
    Kind("pylon blown up", "attack", "infrastructure", "explosive_device", 7),
    Kind("rockets fired at a camp", "attack", "institution", "indirect_fire", 4),
    Kind("road blocked by protesters", "unrest", "civilians", "crowd", 9),
    Kind("lorry robbed", "crime", "convoy", "robbery", 8),
    Kind("workshop set on fire", "crime", "project", "arson", 4),
    Kind("threat by letter", "threat", "project", "unknown", 4),
    Kind("surveyors taken away", "kidnapping", "civilians", "abduction", 2),
)

HOST = {
    "Karachi": 22, "Quetta": 16, "Turbat": 13, "Peshawar": 13, "Bannu": 9, "Dera Ismail Khan": 9, "Miran Shah": 8,
    "Gwadar": 7, "Panjgur": 6, "Khuzdar": 5, "Mastung": 5, "Kalat": 4, "Tank": 4, "Wana": 4, "Hub": 4, "Sibi": 3,
    "Lakki": 3, "Kohat": 2, "Zhob": 2, "Chaman": 2, "Mingora": 2, "Pasni": 2, "Nushki": 2, "Jacobabad": 1,
    "Lahore": 1, "Rawalpindi": 1, "Dasu": 1,
}  # fmt: skip
PARTNER = {
    "Gwadar": 8,
    "Dasu": 6,
    "Karachi": 6,
    "Hub": 4,
    "Thatta": 2,
    "Islamkot": 2,
    "Sahiwal": 1,
    "Quetta": 1,
}
"""Towns of the schematic roads, by how often something is made up near them."""
EXPECTED = {"host": 440, "partner": 40}
_SEEDS = {"host": 2024, "partner": 2025}


def made_up(side: str, filled: date) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """The parts of each, oldest first, the last on a day before `filled`. The same day gives the same incidents."""
    draw = random.Random(_SEEDS[side])  # noqa: S311  (nothing here is a secret)
    towns = _towns()
    told = sorted(_places(draw, HOST if side == "host" else PARTNER, EXPECTED[side]))
    for number, (day, name) in enumerate(told):
        yield _parts(draw, f"{side}:{number}", filled - timedelta(days=DAYS - day), towns[name])


def _places(draw: random.Random, weights: Mapping[str, int], expected: int) -> Iterator[tuple[int, str]]:
    """(day of the four years, town): what comes by itself, and what it brings at the same town soon after."""
    names, shares = list(weights), list(weights.values())
    heights = [FALLING ** (day / 365) for day in range(DAYS)]
    for _ in range(round(expected * (1 - BRANCHING))):
        (day,) = draw.choices(range(DAYS), heights)
        (town,) = draw.choices(names, shares)
        cluster = [day]
        for each in cluster:
            while draw.random() < BRANCHING / (1 + BRANCHING) and len(cluster) < LARGEST_CLUSTER:
                cluster.append(each + int(draw.expovariate(1 / LASTING)))
        yield from ((each, town) for each in cluster if each < DAYS)


def _parts(draw: random.Random, number: str, day: date, town: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    (kind,) = draw.choices(KINDS, [each.weight for each in KINDS])
    hour = f"T{draw.randrange(24):02d}:{draw.randrange(12) * 5:02d}:00+05:00" if draw.random() < 0.3 else ""
    (precision,) = draw.choices((1, 2, 3), (6, 3, 1))
    lon, lat = town["position"]
    if precision == 1:
        lat, lon = lat + draw.gauss(0, 0.03), lon + draw.gauss(0, 0.03)
    return {
        "summary": {
            "title": f"Made up: {kind.title} near {town['name']}",
            "narrative": "This did not happen. It was made up for the demonstration, so that there is something "
            "to count.",
            "category": kind.category,
            "target_class": kind.target,
        },
        "when": {
            "start": day.isoformat() + hour,
            "time_precision": 1 if hour or draw.random() < 0.9 else 2,
            "local_hour_known": bool(hour),
        },
        "where": {
            "latitude": round(lat, 3),
            "longitude": round(lon, 3),
            "geo_precision": precision,
            "place": town["name"],
            "district": town["district"],
            "province": town["province"],
            "country": "Pakistan",
        },
        "method": {"type": kind.method},
        "source": {"name": SOURCE, "external": f"made-up:{number}"},
    }


def _towns() -> dict[str, dict[str, Any]]:
    """Name, district, province and position (longitude, latitude) of the schematic roads' towns, by name."""
    roads = files("safeconduct.node.demonstration").joinpath("roads/roads_schematic_pak.geojson")
    features = json.loads(roads.read_text("utf-8"))["features"]
    points = [each for each in features if each["geometry"]["type"] == "Point"]
    return {
        each["properties"]["name"]: {**each["properties"], "position": each["geometry"]["coordinates"]}
        for each in points
    }
