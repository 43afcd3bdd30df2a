"""What a TAK client's map shows of released records: sites, calls for help, alerts, and where journeys are.

Every marker's uid is this node's own (`SC.` and the record's id): no client chooses one, so none can stand in for
another, and a name that two devices bear is no more than a text on two markers. Each function takes what was released
to one reader and says nothing of any other part.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from safeconduct.field.cot_events import Event, quoted, write_event
from safeconduct.positions.store import Position
from safeconduct.records.moments import instant
from safeconduct.records.release import Released

POSITION_STALE = 300.0
"""Seconds after which a position is drawn as stale."""
SITE_STALE = 7 * 86_400.0
SOS_STALE = 86_400.0
"""A call for help stays on the maps until it is over, or the client comes back and is shown what is open."""
MOST_CORNERS = 500

_CLOSED, _COLOUR = "true", "-65536"


def journey_marker(movement: str) -> str:
    return f"SC.J.{movement}"


def device_marker(device: str) -> str:
    return f"SC.D.{device}"


def record_marker(record: str) -> str:
    return f"SC.R.{record}"


def write_fix(marker: str, name: str, at: float, event: Event | None, position: Position) -> bytes:
    """A journey's position: what was checked of the client's own event, or what another protocol has brought."""
    source = event if event is not None else position
    track = ""
    if source.speed is not None or source.heading is not None:
        track = f'<track course="{source.heading or 0.0:.1f}" speed="{source.speed or 0.0:.2f}"/>'
    detail = (
        f'<contact callsign="{quoted(name)}"/><__group name="Cyan" role="Team Member"/>'
        f"{track}<remarks>{quoted(name)}</remarks>"
    )
    height = event.height_m if event is not None else None
    how = "m-g"
    stale = at + POSITION_STALE
    return write_event(
        marker,
        "a-f-G-U-C",
        at,
        stale,
        source.latitude,
        source.longitude,
        detail,
        height,
        source.accuracy_m,
        how,
    )


def of_record(found: Released) -> list[bytes]:
    """The events for a site, a call for help or an alert as one reader may see it; none for one that shows nothing."""
    return _WRITERS[found.kind](found) if found.kind in _WRITERS and not found.withdrawn else []


def is_over(found: Released) -> bool:
    """Whether it is no longer to be shown."""
    if found.withdrawn:
        return True
    if found.kind == "alert":
        expires = (found.parts.get("message") or {}).get("expires")
        return found.state != "issued" or bool(expires and _moment(expires, 0.0) < time.time())
    return found.state not in ("raised", "active")


def _site(found: Released) -> list[bytes]:
    place, identity = found.parts.get("place") or {}, found.parts.get("identity") or {}
    if place.get("latitude") is None:
        return []
    name = str(identity.get("name") or place.get("place") or place.get("district") or "")
    now = time.time()
    detail = (
        f'<contact callsign="{quoted(name)}"/><remarks>{quoted(str(place.get("district", "")))}</remarks>'
    )
    where = (float(place["latitude"]), float(place["longitude"]))
    radius = place.get("radius_m")
    return [
        write_event(
            record_marker(found.id), "b-m-p-s-m", now, now + SITE_STALE, *where, detail,
            accuracy_m=radius, how="h-g-i-g-o",
        )
    ]  # fmt: skip


def _sos(found: Released) -> list[bytes]:
    call, place = found.parts.get("call") or {}, found.parts.get("place") or {}
    at = _moment(call.get("at"), found.at.timestamp())
    name = str(call.get("headline") or call.get("site_name") or "")
    mark = "EXERCISE " if call.get("exercise") else ""
    title = f"{mark}SOS {name}".strip()
    if place.get("latitude") is None:
        where = str(call.get("district") or "")
        return [_message(found, f"{title} {where}".strip(), at)]
    now = time.time()
    detail = (
        f'<contact callsign="{quoted(title)}"/><emergency type="911 Alert">{quoted(title)}</emergency>'
        f"<remarks>{quoted(str(place.get('stated') or ''))}</remarks>"
    )
    where_ = (float(place["latitude"]), float(place["longitude"]))
    return [
        write_event(
            record_marker(found.id), "b-a-o-tbl", at, now + SOS_STALE, *where_, detail,
            accuracy_m=place.get("accuracy_m"),
        )
    ]  # fmt: skip


def write_sos_over(record: str, now: float) -> bytes:
    """Ends a call for help on the maps that showed it."""
    detail = '<emergency cancel="true">SOS</emergency>'
    return write_event(record_marker(record), "b-a-o-can", now, now + 60, 0.0, 0.0, detail)


def _alert(found: Released) -> list[bytes]:
    message, area = found.parts.get("message") or {}, found.parts.get("area") or {}
    if not message:
        return []
    at = _moment(message.get("sent"), found.at.timestamp())
    mark = "" if message.get("status") == "actual" else f"{str(message.get('status', '')).upper()}: "
    texts = [
        " ".join(filter(None, (message.get("headline" + end), message.get("instruction" + end))))
        for end in ("", "_ur", "_zh")
    ]
    events = [_message(found, mark + "\n".join(filter(None, texts)), at)]
    ring = area.get("polygon")
    if ring:
        events.append(_shape(found, ring[:MOST_CORNERS], str(message.get("event", "")), at))
    elif area.get("circle"):
        circle = area["circle"]
        detail = (
            f'<contact callsign="{quoted(str(message.get("event", "")))}"/>'
            f'<shape><ellipse major="{float(circle["radius_m"]):.1f}" minor="{float(circle["radius_m"]):.1f}" '
            f'angle="0"/></shape><strokeColor value="{_COLOUR}"/>'
        )
        stale = _moment(message.get("expires"), at + 3600)
        where = (float(circle["latitude"]), float(circle["longitude"]))
        events.append(write_event(record_marker(found.id), "u-d-c-c", at, stale, *where, detail, how="h-e"))
    return events


def _shape(found: Released, ring: Iterable[Iterable[float]], name: str, at: float) -> bytes:
    corners = [(float(latitude), float(longitude)) for longitude, latitude in ring]
    links = "".join(f'<link point="{latitude:.6f},{longitude:.6f}"/>' for latitude, longitude in corners)
    stale = _moment((found.parts.get("message") or {}).get("expires"), at + 3600)
    detail = (
        f'<contact callsign="{quoted(name)}"/>{links}<strokeColor value="{_COLOUR}"/>'
        f'<closed value="{_CLOSED}"/>'
    )
    middle = (sum(lat for lat, _ in corners) / len(corners), sum(lon for _, lon in corners) / len(corners))
    return write_event(record_marker(found.id), "u-d-f", at, stale, *middle, detail, how="h-e")


def _message(found: Released, text: str, at: float) -> bytes:
    """A line in the client's chat, which is the only text that every TAK client shows to its user."""
    room, sender = "All Chat Rooms", "Safeconduct"
    uid = f"GeoChat.{sender}.{room}.{found.id}.{found.version}"
    detail = (
        f'<__chat parent="RootContactGroup" groupOwner="false" chatroom="{room}" id="{room}" '
        f'senderCallsign="{sender}" messageId="{found.id}.{found.version}">'
        f'<chatgrp uid0="{sender}" uid1="{room}" id="{room}"/></__chat>'
        f'<link uid="{sender}" type="a-f-G" relation="p-p"/>'
        f'<remarks source="{sender}" to="{room}">{quoted(text[:2_000])}</remarks>'
    )
    return write_event(uid, "b-t-f", at, time.time() + 86_400.0, 0.0, 0.0, detail, how="h-g-i-g-o")


def _moment(text: object, otherwise: float) -> float:
    try:
        return instant(str(text)).timestamp() if text else otherwise
    except ValueError:
        return otherwise


_WRITERS = {"site": _site, "sos": _sos, "alert": _alert}
