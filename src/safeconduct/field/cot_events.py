"""Cursor on Target events: cut out of a stream, read without trust, written once.

An event is XML, version 2.0, and a stream of them is cut at `</event>`. What a client writes is read for a handful of
checked values and is never passed on as bytes: its `detail` may say anything, in anybody's name. No DTD, no entity, no
processing of a name is done; an event is small and shallow.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.parsers import expat

END = b"</event>"
LONGEST = 16 * 1024
"""Bytes of one event. A client's own position has some 600."""
DEEPEST = 12
MOST_ELEMENTS = 200
UNKNOWN = 9_999_999.0
"""What Cursor on Target writes for a height or an error that is not known, in metres."""
PING, PONG = "t-x-c-t", "t-x-c-t-r"
PROTOCOL_ASKED, PROTOCOL_ANSWER = "t-x-takp-q", "t-x-takp-r"
EMERGENCY, EMERGENCY_OVER = "b-a-o", "b-a-o-can"
CHAT = "b-t-f"
WORDS = 200
"""Characters of what somebody wrote that are read."""

_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{0,20})?([eE][+-]?\d{1,3})?\Z", re.ASCII)
_OPENING = ord("<")
_UID = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,127}\Z")
_TYPE = re.compile(r"[A-Za-z0-9.]{1,12}(-[A-Za-z0-9.]{1,12}){0,11}\Z", re.ASCII)
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NotAnEvent(ValueError):
    """Bytes that are no event, or one that is not to be trusted; the text says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Event:
    """What is read of an event: seconds since 1970, degrees WGS 84, metres, metres a second, degrees from north."""

    uid: str
    type: str
    at: float
    stale: float
    latitude: float
    longitude: float
    height_m: float | None = None
    accuracy_m: float | None = None
    speed: float | None = None
    heading: float | None = None
    callsign: str = ""
    emergency: str = ""
    cancels: bool = False
    token: str = ""
    remarks: str = ""

    @property
    def is_position(self) -> bool:
        """Something on the ground, in the air or at sea says where it is itself."""
        return self.type.startswith("a-")

    @property
    def is_emergency(self) -> bool:
        return self.type == EMERGENCY or self.type.startswith(EMERGENCY + "-") or bool(self.emergency)


class Framer:
    """Cuts the bytes of one connection into events. Raises NotAnEvent for what can never become one."""

    def __init__(self, longest: int = LONGEST) -> None:
        self.longest = longest
        self._rest = bytearray()
        self._searched = 0

    @property
    def waits(self) -> bool:
        """Whether part of an event has come."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The events that are complete with these bytes, in order."""
        rest = self._rest
        rest += data
        found: list[bytes] = []
        begin = 0
        while (end := rest.find(END, max(begin, self._searched))) >= 0:
            end += len(END)
            if end - begin > self.longest:
                raise NotAnEvent("an event is too long")
            found.append(bytes(rest[begin:end]).lstrip())
            begin = end
        if begin:
            del rest[:begin]
        self._searched = max(0, len(rest) - len(END) + 1)
        if len(rest) > self.longest:
            raise NotAnEvent("an event is too long")
        if rest[:1].isspace():
            del rest[: len(rest) - len(rest.lstrip())]
            self._searched = max(0, len(rest) - len(END) + 1)
        if rest and rest[0] != _OPENING:
            raise NotAnEvent("not Cursor on Target as XML")
        return found


class _Reading:
    """Follows one event's elements; everything that is not asked about is passed over."""

    def __init__(self) -> None:
        self.depth = self.count = 0
        self.event: dict[str, str] = {}
        self.point: dict[str, str] = {}
        self.detail: dict[str, dict[str, str]] = {}
        self.remarks = ""
        self._path: list[str] = []

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        self.count += 1
        if len(self._path) > DEEPEST or self.count > MOST_ELEMENTS:
            raise NotAnEvent("an event is nested too deeply or has too many elements")
        match self._path:
            case ["event"]:
                self.event = attributes
            case ["event", "point"] if not self.point:
                self.point = attributes
            case ["event", "detail", str() as child]:
                self.detail.setdefault(child, attributes)

    def text(self, found: str) -> None:
        if self._path == ["event", "detail", "remarks"] and len(self.remarks) < WORDS:
            self.remarks += found[:WORDS]

    def end(self, _name: str) -> None:
        self._path.pop()


def _refuse(*_: Any) -> Any:
    raise NotAnEvent("an event has no document type and no entities")


def read_event(data: bytes) -> Event:
    """Read one event. Raises NotAnEvent; never anything else, whatever the bytes are."""
    reading = _Reading()
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler = reading.begin
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except expat.ExpatError as fault:
        raise NotAnEvent("not well-formed XML") from fault
    if not reading.event or not reading.point:
        raise NotAnEvent("an event has a point")
    event, point, detail = reading.event, reading.point, reading.detail
    contact, track = detail.get("contact", {}), detail.get("track", {})
    emergency = detail.get("emergency", {})
    return Event(
        uid=_matching(_UID, event.get("uid", ""), "uid"),
        type=_matching(_TYPE, event.get("type", ""), "type"),
        at=_moment(event.get("time", "")),
        stale=_moment(event.get("stale", "")),
        latitude=_within(point, "lat", 90.0),
        longitude=_within(point, "lon", 180.0),
        height_m=_known(point.get("hae"), -20_000.0, 100_000_000.0),
        accuracy_m=_known(point.get("ce"), 0.0, UNKNOWN),
        speed=_known(track.get("speed"), 0.0, 10_000.0),
        heading=_known(track.get("course"), 0.0, 360.0),
        callsign=_UNWRITABLE.sub("", contact.get("callsign", ""))[:100],
        emergency=_UNWRITABLE.sub("", emergency.get("type", "911 Alert"))[:60] if emergency else "",
        cancels=event.get("type") == EMERGENCY_OVER or emergency.get("cancel", "").lower() == "true",
        token=detail.get("safeconduct", {}).get("token", "")[:200],
        remarks=_UNWRITABLE.sub("", reading.remarks).strip()[:WORDS] if event.get("type") == CHAT else "",
    )


def _matching(form: re.Pattern[str], text: str, name: str) -> str:
    if not form.match(text):
        raise NotAnEvent(f"not a {name}")
    return text


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text[:40])
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.timestamp()
    except (ValueError, OverflowError) as fault:
        raise NotAnEvent("not a moment with its zone") from fault


def _within(attributes: dict[str, str], name: str, most: float) -> float:
    text = attributes.get(name, "")
    value = float(text) if _NUMBER.match(text) else math.nan
    if not -most <= value <= most:
        raise NotAnEvent(f"not a {name} in degrees")
    return value


def _known(text: str | None, least: float, below: float) -> float | None:
    """A number within its bounds, None for what is unknown: a wrong height is no reason to lose a position."""
    if text is None or not _NUMBER.match(text):
        return None
    value = float(text)
    return value if least <= value < below else None


def stamp(moment: float) -> str:
    """A moment as Cursor on Target writes it: UTC, with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


_QUOTED = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": " ", "\t": " "}
)


def quoted(text: str) -> str:
    """Text for an attribute's value or an element's content."""
    return _UNWRITABLE.sub("", text).translate(_QUOTED)


def write_event(
    uid: str,
    type_: str,
    at: float,
    stale: float,
    latitude: float,
    longitude: float,
    detail: str = "",
    height_m: float | None = None,
    accuracy_m: float | None = None,
    how: str = "m-g",
) -> bytes:
    """One event. `detail` is XML that this package wrote; everything else is quoted here."""
    height = UNKNOWN if height_m is None else height_m
    error = UNKNOWN if accuracy_m is None else accuracy_m
    when = stamp(at)
    return (
        f'<event version="2.0" uid="{quoted(uid)}" type="{quoted(type_)}" how="{how}" time="{when}" start="{when}" '
        f'stale="{stamp(stale)}"><point lat="{latitude:.7f}" lon="{longitude:.7f}" hae="{_plain(height)}" '
        f'ce="{_plain(error)}" le="9999999.0"/><detail>{detail}</detail></event>'
    ).encode()


def _plain(value: float) -> str:
    return f"{value:.1f}"


def write_pong(now: float) -> bytes:
    """The answer to a ping."""
    return write_event("safeconduct", PONG, now, now + 20, 0.0, 0.0, how="h-g-i-g-o")


def write_no_protobuf(now: float) -> bytes:
    """To a client that asks for another protocol: no, it stays with XML."""
    answer = '<TakControl><TakResponse status="false"/></TakControl>'
    return write_event("safeconduct", PROTOCOL_ANSWER, now, now + 60, 0.0, 0.0, answer)


def write_removal(uid: str, now: float) -> bytes:
    """Take a marker off the map: what it stood for is over, or this reader may see it no longer."""
    gone = f'<link uid="{quoted(uid)}" relation="none" type="none"/><__forcedelete/>'
    return write_event(f"{uid}-gone", "t-x-d-d", now, now + 60, 0.0, 0.0, gone, how="h-g-i-g-o")
