"""OwnTracks' messages (booklet, "JSON"), the same over HTTP and MQTT.

A location is a position; one with `t` = "u" was sent by hand and is no call for help. A transition or a waypoint
named SOS is one, which is what OwnTracks can say of it: a region or an action of that name. The name that a bearer
gives a place sent by hand (`poi`) may answer a muster: "safe", "help".
"""

from __future__ import annotations

from typing import Any

from safeconduct.field.said import NotUnderstood, Place, Said, json_object, number, perhaps

KNOWN = frozenset(
    {
        "lwt",
        "waypoint",
        "waypoints",
        "card",
        "cmd",
        "configuration",
        "status",
        "steps",
        "beacon",
        "dump",
        "request",
    }
)
"""Types that mean nothing for a journey: answered, and not kept."""
KMH = 3.6
CALL = "sos"
WORDS = 200
"""Characters of what the bearer wrote with a position that was sent by hand (`poi`)."""


def read(body: bytes) -> Said:
    """What a message says. Raises NotUnderstood; an empty one (a friend was removed) says nothing."""
    if not body.strip():
        return Said(note="empty")
    given = json_object(body)
    kind = given.get("_type")
    if kind == "encrypted":
        raise NotUnderstood(
            "encrypted: take the encryption key out of the app; the connection is encrypted by TLS"
        )
    if kind == "location":
        return _location(given)
    if kind == "transition":
        called = str(given.get("desc", "")).strip().lower() == CALL
        place = _place(given) if called or ("lat" in given and "lon" in given) else None
        return Said(place, called, _time(given)) if called else Said(note="transition")
    if isinstance(kind, str) and kind in KNOWN:
        return Said(note=kind)
    raise NotUnderstood("no such _type")


def _location(given: dict[str, Any]) -> Said:
    place = _place(given)
    called = str(given.get("poi", "")).strip().lower() == CALL or CALL in _regions(given)
    return Said(place, called, place.at, answer="" if called else _words(given.get("poi")))


def _words(value: Any) -> str:
    return value.strip()[:WORDS] if isinstance(value, str) else ""


def _place(given: dict[str, Any]) -> Place:
    speed = perhaps(given.get("vel"), 0, 36_000)
    return Place(
        latitude=number(given.get("lat"), "lat", -90, 90),
        longitude=number(given.get("lon"), "lon", -180, 180),
        at=_time(given),
        accuracy_m=perhaps(given.get("acc"), 0, 1e7),
        speed=None if speed is None else speed / KMH,
        heading=perhaps(given.get("cog"), 0, 360),
    )


def _time(given: dict[str, Any]) -> float:
    return number(given.get("tst"), "tst", 0, 1e11)


def _regions(given: dict[str, Any]) -> set[str]:
    regions = given.get("inregions")
    return {str(each).strip().lower() for each in regions} if isinstance(regions, list) else set()
