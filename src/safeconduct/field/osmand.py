"""What Traccar Client says: JSON since version 9, the OsmAnd query before it (traccar.org/osmand).

Speed is metres a second in JSON and knots in the query; a query's time is seconds, milliseconds or ISO 8601. What
stands in `answer`, in the query or among the extras, the bearer says to a muster: "safe", "help".
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs

from safeconduct.field.said import NotUnderstood, Place, Said, json_object, number, perhaps
from safeconduct.records.moments import instant

KNOT = 0.514444
MILLISECONDS = 1e11
FIELDS = 64
WORDS = 200


def read_json(body: bytes) -> tuple[str, Said]:
    """(device id, what it says). Raises NotUnderstood."""
    given = json_object(body)
    if not isinstance(given.get("device_id"), str):
        raise NotUnderstood("a message names its device_id")
    location = given.get("location")
    if not isinstance(location, dict) or not isinstance(location.get("coords"), dict):
        raise NotUnderstood("a message has a location with coords")
    coords = location["coords"]
    # The client marks what was not measured with -1.
    place = Place(
        latitude=number(coords.get("latitude"), "latitude", -90, 90),
        longitude=number(coords.get("longitude"), "longitude", -180, 180),
        at=_moment(location.get("timestamp")),
        accuracy_m=perhaps(coords.get("accuracy"), 0, 1e7),
        speed=perhaps(coords.get("speed"), 0, 10_000),
        heading=perhaps(coords.get("heading"), 0, 360),
    )
    extras = location.get("extras")
    alarms = [location.get("alarm"), given.get("alarm")]
    alarms += [extras.get("alarm")] if isinstance(extras, dict) else []
    answer = extras.get("answer") if isinstance(extras, dict) else None
    return given["device_id"], Said(place, _sos(alarms), place.at, answer=_words(answer))


def read_query(query: str) -> tuple[str, Said]:
    """The same for `id=&lat=&lon=&timestamp=&speed=&bearing=&accuracy=&batt=&alarm=`. Raises NotUnderstood."""
    try:
        given = {name: values[0] for name, values in parse_qs(query, max_num_fields=FIELDS).items()}
    except ValueError:
        raise NotUnderstood("too many fields") from None
    device = given.get("id") or given.get("deviceid")
    if not device:
        raise NotUnderstood("a message names its id")
    latitude, longitude = given.get("lat"), given.get("lon")
    if "location" in given and (latitude is None or longitude is None):
        latitude, _, longitude = given["location"].partition(",")
    called = _sos([given.get("alarm")])
    if latitude is None and longitude is None:
        at = _moment(given["timestamp"]) if "timestamp" in given else None
        return device, Said(sos=called, at=at, note="no place", answer=_words(given.get("answer")))
    speed = perhaps(given.get("speed"), 0, 10_000)
    place = Place(
        latitude=number(latitude, "lat", -90, 90),
        longitude=number(longitude, "lon", -180, 180),
        at=_moment(given["timestamp"]) if "timestamp" in given else time.time(),
        accuracy_m=perhaps(given.get("accuracy"), 0, 1e7),
        speed=None if speed is None else speed * KNOT,
        heading=perhaps(given.get("bearing", given.get("heading")), 0, 360),
    )
    return device, Said(place, called, place.at, answer=_words(given.get("answer")))


def _moment(value: Any) -> float:
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            return instant(value[:40]).timestamp()
    except ValueError:
        raise NotUnderstood("timestamp is ISO 8601 with its offset, or seconds since 1970") from None
    at = number(value, "timestamp", 0, 1e14)
    return at / 1_000 if at > MILLISECONDS else at


def _words(value: Any) -> str:
    return value.strip()[:WORDS] if isinstance(value, str) else ""


def _sos(alarms: list[Any]) -> bool:
    return any(isinstance(alarm, str) and alarm.strip().lower() == "sos" for alarm in alarms)
