"""Reading a CAP 1.2 message that somebody else wrote.

The bytes are not trusted: no document type, no entities, limits on size, depth, elements and lengths, and every value
checked before it is believed. What CAP does not require and nobody here needs is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeVar
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from safeconduct.watch.cap import (
    CATEGORIES,
    CERTAINTIES,
    MESSAGE_TYPES,
    NAMESPACE,
    SCOPES,
    SEVERITIES,
    STATUSES,
    URGENCIES,
    CapAlert,
    CapArea,
    CapInfo,
    Position,
    Reference,
    read_moment,
)

T = TypeVar("T")

MAX_BYTES: Final = 512 * 1024
MAX_DEPTH: Final = 12
MAX_ELEMENTS: Final = 20_000
MAX_ATTRIBUTES: Final = 50
MAX_TEXT: Final = 20_000
"""Characters of one text that are kept; a longer one is cut there."""
MAX_INFOS: Final = 20
MAX_AREAS: Final = 50
MAX_POINTS: Final = 2_000
MAX_REFERENCES: Final = 100
MAX_RADIUS_KM: Final = 2_000.0


class CapRefused(ValueError):
    """Why a document is no CAP 1.2 message that can be taken in."""


class _Bounded(TreeBuilder):
    """Builds the tree, and stops at a document that is deeper or larger than any alert."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = self.count = 0

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self.depth += 1
        self.count += 1
        if self.depth > MAX_DEPTH or self.count > MAX_ELEMENTS or len(attrs) > MAX_ATTRIBUTES:
            raise CapRefused("the document is deeper or larger than any alert")
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        self.depth -= 1
        return super().end(tag)


def read(data: bytes) -> CapAlert:
    """The message in these bytes. Raises CapRefused, which says what is wrong with it."""
    if len(data) > MAX_BYTES:
        raise CapRefused(f"a message has at most {MAX_BYTES} bytes")
    parser = DefusedXMLParser(target=_Bounded(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(data)
        root = parser.close()
    except CapRefused:
        raise
    except DefusedXmlException:
        raise CapRefused("a message has no document type and no entities") from None
    except (ParseError, ValueError, LookupError) as fault:
        raise CapRefused(f"the document is not XML: {str(fault)[:100]}") from None
    if root is None or root.tag != _tag("alert"):
        raise CapRefused("the document is not an alert of CAP 1.2")
    return _alert(root)


def _alert(root: Element) -> CapAlert:
    own = _checked("identifier, sender and sent", lambda: _reference(root))
    given = _text(root, "references").split()
    if len(given) > MAX_REFERENCES:
        raise CapRefused(f"a message refers to at most {MAX_REFERENCES} others")
    kind = _code(root, "msgType", MESSAGE_TYPES)
    references = [_checked("references", partial(Reference.parse, text)) for text in given]
    if kind != "Alert" and not references:
        raise CapRefused(f"a message of the type {kind} refers to another")
    infos = root.findall(_tag("info"))
    if len(infos) > MAX_INFOS:
        raise CapRefused(f"a message has at most {MAX_INFOS} infos")
    return CapAlert(
        reference=own,
        status=_code(root, "status", STATUSES),
        message_type=kind,
        scope=_code(root, "scope", SCOPES),
        restriction=_text(root, "restriction"),
        source=_text(root, "source"),
        note=_text(root, "note"),
        references=tuple(references),
        infos=tuple(_info(node) for node in infos),
    )


def _reference(root: Element) -> Reference:
    return Reference(_text(root, "sender"), _text(root, "identifier"), read_moment(_text(root, "sent")))


def _info(node: Element) -> CapInfo:
    areas = node.findall(_tag("area"))
    if len(areas) > MAX_AREAS:
        raise CapRefused(f"an info has at most {MAX_AREAS} areas")
    event = _text(node, "event")
    if not event:
        raise CapRefused("an info names its event")
    return CapInfo(
        language=(_text(node, "language") or "en-US")[:40],
        categories=tuple(_one_of("category", _own_text(each), CATEGORIES) for each in _all(node, "category")),
        event=event,
        urgency=_code(node, "urgency", URGENCIES),
        severity=_code(node, "severity", SEVERITIES),
        certainty=_code(node, "certainty", CERTAINTIES),
        headline=_text(node, "headline"),
        description=_text(node, "description"),
        instruction=_text(node, "instruction"),
        sender_name=_text(node, "senderName"),
        onset=_moment(node, "onset"),
        effective=_moment(node, "effective"),
        expires=_moment(node, "expires"),
        areas=tuple(_area(each) for each in areas),
    )


def _all(node: Element, name: str) -> Sequence[Element]:
    found = node.findall(_tag(name))
    if not found:
        raise CapRefused(f"{name} is missing")
    return found


def _area(node: Element) -> CapArea:
    return CapArea(
        description=_text(node, "areaDesc"),
        # A shape is never cut: a ring that lost its end is another place.
        polygons=tuple(_ring(each.text or "") for each in node.findall(_tag("polygon"))[:MAX_AREAS]),
        circles=tuple(_circle(each.text or "") for each in node.findall(_tag("circle"))[:MAX_AREAS]),
        geocodes=tuple(
            (_text(each, "valueName"), _text(each, "value"))
            for each in node.findall(_tag("geocode"))[:MAX_AREAS]
        ),
    )


def _ring(text: str) -> tuple[Position, ...]:
    """Latitude first, the first point again at the end; it is closed if whoever wrote it forgot."""
    pairs = text.split()
    if len(pairs) > MAX_POINTS:
        raise CapRefused(f"a polygon has at most {MAX_POINTS} points")
    ring = tuple(_position(pair) for pair in pairs)
    if ring and ring[0] != ring[-1]:
        ring = (*ring, ring[0])
    if len(ring) < 4:
        raise CapRefused("a polygon has three corners or more")
    return ring


def _circle(text: str) -> tuple[Position, float]:
    centre, _, radius = text.strip().partition(" ")
    kilometres = _checked("circle", lambda: float(radius))
    if not 0 <= kilometres <= MAX_RADIUS_KM:
        raise CapRefused(f"a circle's radius is 0 to {MAX_RADIUS_KM:g} km")
    return _position(centre), kilometres


def _position(text: str) -> Position:
    def parse() -> Position:
        latitude, longitude = map(float, text.split(","))
        if not (math.isfinite(latitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
            raise ValueError
        return latitude, longitude

    return _checked("position", parse)


def _checked(what: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except ValueError as fault:
        raise CapRefused(f"{what}: {fault}" if str(fault) else f"{what} is wrong") from None


def _moment(node: Element, name: str) -> datetime | None:
    text = _text(node, name)
    return _checked(name, lambda: read_moment(text)) if text else None


def _code(node: Element, name: str, known: Sequence[str]) -> str:
    return _one_of(name, _text(node, name), known)


def _one_of(name: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise CapRefused(f"{name} is one of {', '.join(known)}")
    return text


def _text(node: Element, name: str) -> str:
    found = node.find(_tag(name))
    return "" if found is None else _own_text(found)


def _own_text(node: Element) -> str:
    return (node.text or "").strip()[:MAX_TEXT]


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
