"""Common Alerting Protocol 1.2 (OASIS, 2010): an alert message as an object, and written as XML; an Atom feed of them.

Positions are (latitude, longitude) here as in CAP's own texts, WGS 84, degrees; a circle's radius is in kilometres.
Moments are aware datetimes; CAP writes UTC as `-00:00` and knows neither `Z` nor fractions of a second. Nothing here
knows of records. Reading: `cap_reading`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
ATOM: Final = "http://www.w3.org/2005/Atom"
MEDIA_TYPE: Final = "application/cap+xml"
FEED_MEDIA_TYPE: Final = "application/atom+xml"

STATUSES: Final = ("Actual", "Exercise", "System", "Test", "Draft")
MESSAGE_TYPES: Final = ("Alert", "Update", "Cancel", "Ack", "Error")
SCOPES: Final = ("Public", "Restricted", "Private")
CATEGORIES: Final = (
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other",
)  # fmt: skip
URGENCIES: Final = ("Immediate", "Expected", "Future", "Past", "Unknown")
SEVERITIES: Final = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
CERTAINTIES: Final = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")

Position = tuple[float, float]

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_NO_ID = re.compile(r"[\s,<&]")
_IDENTIFIED = re.compile(r"[^\s,<&]{1,150}")


@dataclass(frozen=True)
class CapArea:
    """Where: each polygon is a closed ring, each circle a centre with its radius in kilometres."""

    description: str
    polygons: Sequence[Sequence[Position]] = ()
    circles: Sequence[tuple[Position, float]] = ()
    geocodes: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class CapInfo:
    """What is said in one language (an RFC 3066 tag)."""

    language: str
    categories: Sequence[str]
    event: str
    urgency: str
    severity: str
    certainty: str
    headline: str = ""
    description: str = ""
    instruction: str = ""
    sender_name: str = ""
    onset: datetime | None = None
    effective: datetime | None = None
    expires: datetime | None = None
    areas: Sequence[CapArea] = ()


@dataclass(frozen=True)
class Reference:
    """A message as others refer to it. Raises ValueError for a sender or an identifier that CAP cannot name."""

    sender: str
    identifier: str
    sent: datetime

    def __post_init__(self) -> None:
        if not (_IDENTIFIED.fullmatch(self.sender) and _IDENTIFIED.fullmatch(self.identifier)):
            raise ValueError("a sender and an identifier have no spaces, commas, < or &")

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{moment(self.sent)}"

    @staticmethod
    def parse(text: str) -> Reference:
        """The reverse of str(). Raises ValueError."""
        sender, identifier, sent = text.split(",")
        return Reference(sender, identifier, read_moment(sent))


@dataclass(frozen=True)
class CapAlert:
    """One message. `references` are the messages that it updates or cancels."""

    reference: Reference
    status: str
    message_type: str
    scope: str = "Public"
    restriction: str = ""
    source: str = ""
    note: str = ""
    references: Sequence[Reference] = ()
    infos: Sequence[CapInfo] = field(default_factory=tuple)


def moment(at: datetime) -> str:
    """A moment as CAP writes it, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")


_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[-+]\d{2}:\d{2})")


def read_moment(text: str) -> datetime:
    """A moment in UTC. Also takes what others write against the standard: Z and fractions. Raises ValueError."""
    given = text.strip()
    if not _MOMENT.fullmatch(given):
        raise ValueError("a moment is like 2002-05-24T16:49:00-07:00")
    try:
        found = datetime.fromisoformat(given).astimezone(UTC)
    except OverflowError as fault:
        raise ValueError("no such moment") from fault
    if not 1900 <= found.year < 2200:
        raise ValueError("the year of a moment is from 1900 to 2199")
    return found.replace(microsecond=0)


def as_name(text: str) -> str:
    """A text made fit for a sender or an identifier."""
    return _IN_NO_ID.sub("-", text)[:150] or "-"


def write(alert: CapAlert) -> bytes:
    """The message as XML in UTF-8."""
    return _bytes(element(alert))


def element(alert: CapAlert) -> ElementTree.Element:
    root = ElementTree.Element("alert", xmlns=NAMESPACE)
    _say(root, "identifier", alert.reference.identifier)
    _say(root, "sender", alert.reference.sender)
    _say(root, "sent", moment(alert.reference.sent))
    _say(root, "status", alert.status)
    _say(root, "msgType", alert.message_type)
    _if_any(root, "source", alert.source)
    _say(root, "scope", alert.scope)
    _if_any(root, "restriction", alert.restriction)
    _if_any(root, "note", alert.note)
    _if_any(root, "references", " ".join(map(str, alert.references)))
    for info in alert.infos:
        _info(root, info)
    return root


def _info(root: ElementTree.Element, info: CapInfo) -> None:
    node = ElementTree.SubElement(root, "info")
    _say(node, "language", info.language)
    for category in info.categories:
        _say(node, "category", category)
    _say(node, "event", info.event)
    _say(node, "urgency", info.urgency)
    _say(node, "severity", info.severity)
    _say(node, "certainty", info.certainty)
    for name, at in (("effective", info.effective), ("onset", info.onset), ("expires", info.expires)):
        if at is not None:
            _say(node, name, moment(at))
    _if_any(node, "senderName", info.sender_name)
    _if_any(node, "headline", info.headline)
    _if_any(node, "description", info.description)
    _if_any(node, "instruction", info.instruction)
    for area in info.areas:
        _area(node, area)


def _area(node: ElementTree.Element, area: CapArea) -> None:
    place = ElementTree.SubElement(node, "area")
    _say(place, "areaDesc", area.description)
    for ring in area.polygons:
        _say(place, "polygon", " ".join(_pair(at) for at in ring))
    for centre, kilometres in area.circles:
        _say(place, "circle", f"{_pair(centre)} {_number(kilometres)}")
    for name, value in area.geocodes:
        code = ElementTree.SubElement(place, "geocode")
        _say(code, "valueName", name)
        _say(code, "value", value)


def _pair(at: Position) -> str:
    return f"{_number(at[0])},{_number(at[1])}"


def _number(value: float) -> str:
    """Six places after the point, a tenth of a metre; never an exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".") or "0"


@dataclass(frozen=True)
class FeedEntry:
    """A message of the feed: its title, when it was sent, and the address of its XML."""

    alert: CapAlert
    title: str
    href: str
    summary: str = ""


def write_feed(
    address: str, title: str, author: str, updated: datetime, entries: Iterable[FeedEntry]
) -> bytes:
    """An Atom feed (RFC 4287) that leads to each message."""
    root = ElementTree.Element("feed", xmlns=ATOM)
    _say(root, "id", address)
    _say(root, "title", title)
    _say(root, "updated", _rfc3339(updated))
    who = ElementTree.SubElement(root, "author")
    _say(who, "name", author)
    ElementTree.SubElement(root, "link", rel="self", href=address, type=FEED_MEDIA_TYPE)
    for each in entries:
        node = ElementTree.SubElement(root, "entry")
        _say(node, "id", f"urn:cap:{each.alert.reference.sender}:{each.alert.reference.identifier}")
        _say(node, "title", each.title)
        _say(node, "updated", _rfc3339(each.alert.reference.sent))
        ElementTree.SubElement(
            node, "link", rel="alternate", href=each.href, type=MEDIA_TYPE, title=_clean(each.title)
        )
        if each.summary:
            _say(node, "summary", each.summary)
    return _bytes(root)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bytes(root: ElementTree.Element) -> bytes:
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _clean(text: str) -> str:
    """The text without what XML has no way to write."""
    return _NO_XML.sub("", text)


def _say(node: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(node, name).text = _clean(text)


def _if_any(node: ElementTree.Element, name: str, text: str) -> None:
    if text:
        _say(node, name, text)
